"""Graceful shutdown: the server reports that it is not ready, lets requests finish, and aborts those that take too long."""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.errors import Unavailable

DRAIN_SHARE = 0.1
"""Share of the stop time in which new requests are still answered, so that a load balancer can read `/readyz`."""
END_SHARE = 0.6
"""Share of the stop time after which imports are rolled back and streams aborted."""
CUT_SHARE = 0.8
"""Share of the stop time after which the remaining connections are closed."""
RETRY_SECONDS = 5
_log = logging.getLogger("rapporteur")


class Stopping:
    """Knows whether the server is shutting down, and notifies long operations (imports, streams) when they must end."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: the process ends after this time at the latest."""
        self._seconds = seconds
        self._callbacks: set[Callable[[], None]] = set()
        self._cut: Callable[[], None] = _nothing
        self.has_begun = False
        """Whether a shutdown was requested."""
        self.ended = False
        """Whether long work must end now."""

    def listen(self) -> None:
        """Start the shutdown at SIGTERM and SIGINT, then pass the signal to uvicorn. Call it on the event loop's thread."""
        if threading.current_thread() is not threading.main_thread():
            return  # signal handlers can only be set on the main thread; elsewhere the host program handles signals
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            uvicorns = signal.getsignal(number)
            if callable(uvicorns):
                signal.signal(number, self._handler(loop, uvicorns))
        parent = multiprocessing.parent_process()
        if parent is not None:
            # If the parent was killed, this worker ends too, because it would keep the port and nothing would restart it.
            loop.add_reader(parent.sentinel, self._parent_is_gone, loop, parent.sentinel)

    @staticmethod
    def _parent_is_gone(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
        loop.remove_reader(sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    def _handler(
        self, loop: asyncio.AbstractEventLoop, uvicorns: Callable[..., Any]
    ) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            if self.has_begun:
                uvicorns(number, frame)
                return
            self.has_begun = True
            last = threading.Timer(self._seconds, self._give_up)
            last.daemon = True
            last.start()
            drain = self._seconds * DRAIN_SHARE if number == signal.SIGTERM else 0
            loop.call_soon_threadsafe(loop.call_later, drain, uvicorns, number, frame)
            loop.call_soon_threadsafe(loop.call_later, self._seconds * END_SHARE, self.end)
            loop.call_soon_threadsafe(loop.call_later, self._seconds * CUT_SHARE, self._cut)

        return handle

    def _give_up(self) -> None:
        """End the process although something hangs. Nothing is lost, because acknowledged writes are committed."""
        _log.warning("something did not end in %g s; the process ends without it", self._seconds)
        os._exit(1)

    def end(self) -> None:
        """Tell all long work to end."""
        self.has_begun = self.ended = True
        for callback in tuple(self._callbacks):
            callback()

    @contextmanager
    def telling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block, `callback` is called when long work must end."""
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    def cut_with(self, callback: Callable[[], None]) -> None:
        """Register the function that closes the remaining connections."""
        self._cut = callback

    def tell_at_last(self, callback: Callable[[], None]) -> None:
        """Register a function to be called when long work must end."""
        self._callbacks.add(callback)

    def require_more_time(self) -> None:
        """Raise Unavailable during a shutdown, because long work is not started any more."""
        if self.has_begun:
            raise about_to_end()


def _nothing() -> None:
    """The default of `cut_with`: closes nothing."""


def about_to_end() -> Unavailable:
    """The Problem for requests that the shutdown leaves no time for."""
    return Unavailable(
        "the server is about to end; what was asked for was not done", headers={"Retry-After": str(RETRY_SECONDS)}
    )
