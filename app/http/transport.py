"""Flow control of a connection, and a transport that counts the bytes that a slow client receives."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl

LINGER_SECONDS = 2
"""For this many seconds after a refusal, data from the client is read and discarded, so that the client gets the response.

If a connection is closed while received bytes are unread, TCP resets it, and the response may be lost.
"""
LINGER_BYTES = 4_194_304


class Connection(Protocol):
    """The attributes of a connection's protocol that `Transport` uses."""

    flow: FlowControl
    loop: asyncio.AbstractEventLoop

    @property
    def leaves_bytes_unread(self) -> bool:
        """Whether bytes that the client sent, or is still sending, will not be parsed."""

    def watch_outgoing(self) -> None:
        """Start to measure how fast the client receives data, and abort the connection if that is too slow."""


class Flow(FlowControl):
    """Flow control that keeps reading paused while a pipelined request waits, even if uvicorn resumes reading."""

    held = False

    def hold(self) -> None:
        """Pause reading until `release`."""
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        """Resume reading."""
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading, unless a pipelined request waits."""
        if not self.held:
            super().resume_reading()


class Transport:
    """A transport whose `close` lets the client get the last response, and that counts the bytes that a slow client receives.

    The methods that every response uses are asyncio's own. `write` and `is_closing` are replaced only while the transport
    counts or closes.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Connection) -> None:
        self._transport = transport
        self._protocol = protocol
        self.waited = 0
        """Bytes that the client had not acknowledged when the count began."""
        self._to_take = 0
        """`waited`, plus the bytes sent since the count began."""
        self._left = LINGER_BYTES
        self.write: Callable[[bytes], None] = transport.write
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.abort = transport.abort

    @property
    def waiting(self) -> int:
        """Bytes that the client has not acknowledged: those in the write buffer, and those in the system's socket buffer.

        The write buffer alone would mislead, because the system takes data from it in steps of a third of the socket buffer. A
        client that reads 8 KiB a second makes room for such a step only once in 100 s.
        """
        socket = self.get_extra_info("socket")
        try:
            unacknowledged = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, AttributeError, ValueError):
            unacknowledged = bytes(4)  # the system has no such ioctl, or the connection is closed
        return self.get_write_buffer_size() + int.from_bytes(unacknowledged, sys.byteorder)

    @property
    def taken(self) -> int:
        """Bytes that the client has acknowledged since the count began."""
        return self._to_take - self.waiting

    def count_taken(self) -> None:
        """Start to count the bytes that the client acknowledges."""
        self._to_take = self.waited = self.waiting
        if not self.is_closing():
            self.write = self._write_and_count

    def count_no_more(self) -> None:
        """Stop counting the bytes that are written, because the client has acknowledged all of them."""
        if not self.is_closing():
            self.write = self._transport.write

    def _write_and_count(self, data: bytes) -> None:
        self._to_take += len(data)
        self._transport.write(data)

    def close(self, *, linger: bool = True) -> None:
        """Send the buffered data, then close.

        With `linger`, data that the client is still sending is discarded for LINGER_SECONDS before the connection is closed.
        """
        if self.is_closing():
            return
        protocol = self._protocol
        protocol.watch_outgoing()
        self.write, self.is_closing = _sent_to_nobody, _is_closing
        if linger and protocol.leaves_bytes_unread:
            self._transport.write_eof()
            cast("Flow", protocol.flow).release()
            protocol.loop.call_later(LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def discarded(self, size: int) -> None:
        """Count `size` received bytes as discarded; close the connection after LINGER_BYTES."""
        self._left -= size
        if self._left < 0:
            self._transport.close()


def _sent_to_nobody(_data: bytes) -> None:
    """Discard what the application writes after the last response."""


def _is_closing() -> bool:
    return True
