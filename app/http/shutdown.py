"""Graceful shutdown: the server reports that it is not ready, waits for requests to end, and aborts slow ones."""

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
"""The part of the shutdown time during which new requests are still answered, so that a load balancer can read `/readyz`."""
END_SHARE = 0.6
"""The part of the shutdown time after which imports are rolled back and streams are aborted."""
CUT_SHARE = 0.8
"""The part of the shutdown time after which the remaining connections are closed."""
RETRY_SECONDS = 5
_log = logging.getLogger("rapporteur")


class Stopping:
    """Knows whether the server is shutting down, and notifies long operations (imports, streams) when they must end."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: the shutdown time. The process ends at the latest when this time is over."""
        self._seconds = seconds
        self._callbacks: set[Callable[[], None]] = set()
        self._cut: Callable[[], None] = _nothing
        self.has_begun = False
        """Whether a shutdown was requested."""
        self.ended = False
        """Whether long operations (imports, streams) have been told to end."""

    def listen(self) -> None:
        """Install handlers for SIGTERM and SIGINT that start the shutdown and then pass the signal to uvicorn.

        If this process is a worker, it also receives SIGTERM when its parent process ends. Call this method on the thread of
        the event loop.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread can set signal handlers; on another thread, the embedding program handles the signals
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            uvicorns = signal.getsignal(number)
            if callable(uvicorns):
                signal.signal(number, self._handler(loop, uvicorns))
        parent = multiprocessing.parent_process()
        if parent is not None:
            # If the parent process is gone, this worker must end: it would keep the port, and nothing would restart it.
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
        """End the process immediately, because something did not end in time.

        No acknowledged write is lost, because a write is acknowledged only after its commit.
        """
        _log.warning("something did not end in %g s; the process ends without it", self._seconds)
        os._exit(1)

    def end(self) -> None:
        """Tell all long operations to end, by calling their callbacks."""
        self.has_begun = self.ended = True
        for callback in tuple(self._callbacks):
            callback()

    @contextmanager
    def telling(self, callback: Callable[[], None]) -> Iterator[None]:
        """A context manager. If the shutdown requires long operations to end while the block runs, `callback` is called."""
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    def cut_with(self, callback: Callable[[], None]) -> None:
        """Register the function that closes the remaining connections (after CUT_SHARE of the shutdown time)."""
        self._cut = callback

    def tell_at_last(self, callback: Callable[[], None]) -> None:
        """Register a function permanently. The function is called when the shutdown requires long operations to end."""
        self._callbacks.add(callback)

    def require_more_time(self) -> None:
        """Raise Unavailable if a shutdown has begun, because then no long operation may start."""
        if self.has_begun:
            raise about_to_end()


def _nothing() -> None:
    """Do nothing. The shutdown calls this function if none was registered with `cut_with`."""


def about_to_end() -> Unavailable:
    """Return the Problem for requests that cannot be finished before the server ends."""
    return Unavailable(
        "the server is about to end; what was asked for was not done", headers={"Retry-After": str(RETRY_SECONDS)}
    )
