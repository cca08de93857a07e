"""Flow control of a connection, and a transport that counts the bytes that a slow client receives."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl

LINGER_SECONDS = 2
"""The number of seconds between the last response and the closing of the connection, if the client is still sending data.

During this time the data is read and discarded. If a connection is closed while received bytes are unread, TCP resets the
connection, and the client may lose the response.
"""
LINGER_BYTES = 4_194_304


class Connection(Protocol):
    """The attributes and methods of the asyncio protocol that `Transport` uses."""

    flow: FlowControl
    loop: asyncio.AbstractEventLoop

    @property
    def leaves_bytes_unread(self) -> bool:
        """Whether the client has sent, or is still sending, bytes that this connection will not parse."""

    def watch_outgoing(self) -> None:
        """Start to measure how fast the client receives data. The connection is aborted if the client is too slow."""


class Flow(FlowControl):
    """Flow control that keeps reading paused while a pipelined request waits, even if uvicorn resumes reading."""

    held = False

    def hold(self) -> None:
        """Pause reading until `release` is called."""
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        """Resume reading, because no pipelined request waits any more."""
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading, unless a pipelined request waits."""
        if not self.held:
            super().resume_reading()


class Transport:
    """Wraps asyncio's transport, to measure how fast a client receives data and to send the last response before closing.

    The rate is measured by counting the bytes that the client acknowledges. Wrapping `write` and `is_closing` would slow down
    every response, so they are normally asyncio's own methods. `write` is replaced only while bytes are counted; both are
    replaced when the connection is closing.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Connection) -> None:
        self._transport = transport
        self._protocol = protocol
        self.waited = 0
        """The number of bytes that the client had not acknowledged yet when the counting began."""
        self._to_take = 0
        """`waited`, plus the bytes that were written since then: all bytes that the client has to acknowledge."""
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
        """The number of bytes that the client has not acknowledged: those in the write buffer and in the socket buffer.

        The size of the write buffer alone does not show the progress, because it shrinks only when a third of the socket
        buffer is free. With a client that reads 8 KiB a second, this happens only once in 100 s.
        """
        socket = self.get_extra_info("socket")
        try:
            unacknowledged = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, AttributeError, ValueError):
            unacknowledged = bytes(4)  # the system has no such ioctl, or the connection is closed
        return self.get_write_buffer_size() + int.from_bytes(unacknowledged, sys.byteorder)

    @property
    def taken(self) -> int:
        """The number of bytes that the client has acknowledged since the counting began."""
        return self._to_take - self.waiting

    def count_taken(self) -> None:
        """Start to count the bytes that the client acknowledges."""
        self._to_take = self.waited = self.waiting
        if not self.is_closing():
            self.write = self._write_and_count

    def count_no_more(self) -> None:
        """Stop counting the acknowledged bytes, because the client has acknowledged all bytes that were sent."""
        if not self.is_closing():
            self.write = self._transport.write

    def _write_and_count(self, data: bytes) -> None:
        self._to_take += len(data)
        self._transport.write(data)

    def close(self, *, linger: bool = True) -> None:
        """Send the buffered data, then close the connection.

        With `linger`, if not all data of the client was parsed, the connection stays open for LINGER_SECONDS. During this time,
        the data that the client sends is discarded.
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
        """Count `size` received bytes as discarded. Close the connection if more than LINGER_BYTES were discarded."""
        self._left -= size
        if self._left < 0:
            self._transport.close()


def _sent_to_nobody(_data: bytes) -> None:
    """Discard data that the application writes after the transport was told to close."""


def _is_closing() -> bool:
    return True
