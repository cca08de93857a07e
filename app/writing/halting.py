"""Stops long work early if its time limit has passed, its client has disconnected, or the server is shutting down."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.db.failures import unavailable
from app.errors import Problem


class Halt:
    """A stop signal for long work. Any thread may call `now` to stop the work, and the work calls `check` between its steps."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long the work may take."""
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._why: Problem | None = None

    def now(self, why: Problem) -> None:
        """Stop the work: its next call of `check` raises `why`. Only the first call of `now` has an effect."""
        self._why = self._why or why

    def check(self) -> None:
        """If `now` was called, raise the Problem that was passed to it. If the time limit has passed, raise Unavailable."""
        if self._why is not None:
            raise self._why
        if time.monotonic() > self._until:
            raise unavailable(f"this took longer than {self._seconds:g} s; nothing was written. Send it in smaller parts")


_paused = 0
_pausing = threading.Lock()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector, because with 100,000 records in memory one collection stops all threads for a second.

    No memory is lost, because none of these records is part of a reference cycle. Overlapping pauses are counted, so that the
    collector starts again when the last pause ends.
    """
    global _paused  # noqa: PLW0603 - a process has one collector
    with _pausing:
        _paused += 1
        gc.disable()
    try:
        yield
    finally:
        with _pausing:
            _paused -= 1
            if not _paused:
                gc.enable()


def never() -> None:
    """Do nothing. This is the default `check`, for work that is never stopped."""


def unwatched(_number: int) -> None:
    """Do nothing. This is the default `progress` callback, for callers that do not show progress."""
