"""Long work that may have to stop: its time is over, its client went away, or the server ends."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.db.failures import unavailable
from app.errors import Problem


class Halt:
    """Asked by the work itself, between its steps; told by any thread."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long the work may take."""
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._why: Problem | None = None

    def now(self, why: Problem) -> None:
        """Stop at the next step."""
        self._why = self._why or why

    def check(self) -> None:
        """The Problem for which the work stops, if it has to."""
        if self._why is not None:
            raise self._why
        if time.monotonic() > self._until:
            raise unavailable(f"this took longer than {self._seconds:g} s; nothing was written. Send it in smaller parts")


_paused = 0
_pausing = threading.Lock()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Let Python look for no cycles meanwhile: it stops all threads for a second to look through a hundred thousand records.

    None of these is part of a cycle. Several that overlap are counted.
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
    """Of work that nothing stops."""
