"""How the server ends: it says that it is not ready, answers what it has begun, and breaks off what cannot end in time."""

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
"""Of the seconds to stop in: for so long new requests are still answered, so that a balancer reads `/readyz` and turns away."""
END_SHARE = 0.6
"""Of the seconds to stop in: after these, imports are rolled back and streams broken off."""
CUT_SHARE = 0.8
"""Of the seconds to stop in: after these, connections are cut whose clients still send or take nothing."""
RETRY_SECONDS = 5
_log = logging.getLogger("rapporteur")


class Stopping:
    """Whether the server is about to end; what must end with it is told in time."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: after which the process is gone, whatever still hangs."""
        self._seconds = seconds
        self._callbacks: set[Callable[[], None]] = set()
        self._cut: Callable[[], None] = _nothing
        self.asked = False
        """Whether somebody asked the server to end."""
        self.ended = False
        """Whether what goes on must end now."""

    def listen(self) -> None:
        """Begin to stop at SIGTERM and SIGINT, then hand these to uvicorn; to be called by the running event loop's thread."""
        if threading.current_thread() is not threading.main_thread():
            return  # an application inside another program, or a test: who runs it ends it
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            uvicorns = signal.getsignal(number)
            if callable(uvicorns):
                signal.signal(number, self._handler(loop, uvicorns))
        parent = multiprocessing.parent_process()
        if parent is not None:
            # A worker whose parent was killed would hold the port, and nobody would replace it.
            loop.add_reader(parent.sentinel, self._parent_is_gone, loop, parent.sentinel)

    @staticmethod
    def _parent_is_gone(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
        loop.remove_reader(sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    def _handler(
        self, loop: asyncio.AbstractEventLoop, uvicorns: Callable[..., Any]
    ) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            if self.asked:
                uvicorns(number, frame)
                return
            self.asked = True
            last = threading.Timer(self._seconds, self._give_up)
            last.daemon = True
            last.start()
            drain = self._seconds * DRAIN_SHARE if number == signal.SIGTERM else 0
            loop.call_soon_threadsafe(loop.call_later, drain, uvicorns, number, frame)
            loop.call_soon_threadsafe(loop.call_later, self._seconds * END_SHARE, self.end)
            loop.call_soon_threadsafe(loop.call_later, self._seconds * CUT_SHARE, self._cut)

        return handle

    def _give_up(self) -> None:
        """End the process although something hangs: nothing is lost by it, since what is acknowledged is committed."""
        _log.warning("something did not end in %g s; the process ends without it", self._seconds)
        os._exit(1)

    def end(self) -> None:
        """Tell all that goes on to end."""
        self.asked = self.ended = True
        for callback in tuple(self._callbacks):
            callback()

    @contextmanager
    def telling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block, `callback` is called when what goes on must end."""
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    def cut_with(self, callback: Callable[[], None]) -> None:
        """How to end the connections that are left."""
        self._cut = callback

    def tell_at_last(self, callback: Callable[[], None]) -> None:
        """Call this when what goes on must end, as long as the server lives."""
        self._callbacks.add(callback)

    def require_more_time(self) -> None:
        """Unavailable once the server is about to end: nothing long is begun any more."""
        if self.asked:
            raise about_to_end()


def _nothing() -> None:
    """Of an application that another server runs."""


def about_to_end() -> Unavailable:
    """What a client is told whose request the server has no time for any more."""
    return Unavailable(
        "the server is about to end; what was asked for was not done", headers={"Retry-After": str(RETRY_SECONDS)}
    )
