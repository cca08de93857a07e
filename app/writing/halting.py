"""Long work that may have to stop early: its time is over, its client has gone, or the server is shutting down."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.db.failures import unavailable
from app.errors import Problem


class Halt:
    """The work asks it between two steps whether to go on; any thread may tell it to stop."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long the work may take."""
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._why: Problem | None = None

    def now(self, why: Problem) -> None:
        """Stop at the next step."""
        self._why = self._why or why

    def check(self) -> None:
        """Raise the Problem for which the work has to stop, if there is one."""
        if self._why is not None:
            raise self._why
        if time.monotonic() > self._until:
            raise unavailable(f"this took longer than {self._seconds:g} s; nothing was written. Send it in smaller parts")


_paused = 0
_pausing = threading.Lock()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: with 100,000 records in memory one collection stops all threads for a second.

    None of these records is part of a reference cycle. Pauses that overlap are counted.
    """
    global _paused  # noqa: PLW0603 - the collector is the process's
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
    """For work that nothing stops."""
