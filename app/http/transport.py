"""What a connection's protocol reads from and writes to: flow control, and a transport that counts what a slow client takes."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl

LINGER_SECONDS = 2
"""After a refusal, received data is read and discarded for so many seconds, so that the client gets the response.

If a connection is closed while received bytes are unread, TCP resets it, and the response may be lost.
"""
LINGER_BYTES = 4_194_304


class Connection(Protocol):
    """What a transport needs of the protocol of its connection."""

    flow: FlowControl
    loop: asyncio.AbstractEventLoop

    @property
    def leaves_bytes_unread(self) -> bool:
        """Whether the client may be sending what nobody will read."""

    def watch_outgoing(self) -> None:
        """Watch whether the client takes what was sent."""


class Flow(FlowControl):
    """Reading stays paused while a request waits for the one before it, whoever else would resume it."""

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
    """A transport that closes so that the client gets the last answer, and counts what a slow client took.

    What is asked of it with every answer is the transport's own, unless it counts or is closing.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Connection) -> None:
        self._transport = transport
        self._protocol = protocol
        self.waited = 0
        """Bytes that the client had not taken when the count began."""
        self._to_take = 0
        """These, and what was sent since."""
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
        """Bytes that the client's side has not acknowledged, as far as the system tells.

        Only to look at what waits here would mislead: the system takes it in steps of a third of its own buffer, which
        a client that reads 8 KiB a second empties once in 100 s.
        """
        socket = self.get_extra_info("socket")
        try:
            unacknowledged = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, AttributeError, ValueError):
            unacknowledged = bytes(4)  # no such question on this system, or the connection is gone
        return self.get_write_buffer_size() + int.from_bytes(unacknowledged, sys.byteorder)

    @property
    def taken(self) -> int:
        """Bytes that the client has acknowledged since the count began."""
        return self._to_take - self.waiting

    def count_taken(self) -> None:
        """Count from now on."""
        self._to_take = self.waited = self.waiting
        if not self.is_closing():
            self.write = self._write_and_count

    def count_no_more(self) -> None:
        """Stop counting: all data was received."""
        if not self.is_closing():
            self.write = self._transport.write

    def _write_and_count(self, data: bytes) -> None:
        self._to_take += len(data)
        self._transport.write(data)

    def close(self, *, linger: bool = True) -> None:
        """Send what waits to be sent, throw away for a while what still comes, then close."""
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
        """Discard so many received bytes."""
        self._left -= size
        if self._left < 0:
            self._transport.close()


def _sent_to_nobody(_data: bytes) -> None:
    """Discard what the application writes after the last response."""


def _is_closing() -> bool:
    return True
