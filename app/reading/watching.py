"""Asks the database for the end of the change log while somebody waits for news, and wakes those who wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.db.driver import Driver, to_statement
from app.errors import Unavailable
from app.reading import changes
from app.reading.changes import Position

LOOK_SECONDS = 1.0
"""Seconds between two looks at the end of the log, which find what other processes wrote."""
GATHERING_SECONDS = 0.1
"""The minimum time, in seconds, between two times at which those who wait are woken. Writes in between are told together."""
WOKEN_TOGETHER = 10
"""The number of those who are woken before other tasks have a turn."""


class Waiter:
    """Somebody who waits: for news of the log, for the next comment, or for an end of the waiting."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.is_comment_due = False
        """Whether `comment_seconds` have passed since this was set to false."""

    def wake(self) -> None:
        """End the wait, or the next one if nobody waits at the moment."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until `wake` is called."""
        await self._event.wait()
        self._event.clear()


class Watcher:
    """Watches the end of the log for all who wait in this process. While nobody waits, it does nothing.

    One task and one query a second serve all of them, so that a hundred who wait cost no more than one.
    """

    def __init__(self, driver: Driver, *, comment_seconds: float) -> None:
        """`comment_seconds`: how often those who wait are woken for a comment."""
        self._driver = driver
        self._comment_seconds = comment_seconds
        self._standing = to_statement(changes.standing(), driver.dialect)
        self._waiters: dict[Waiter, None] = {}
        self._is_wanted = asyncio.Event()
        self._is_told = asyncio.Event()
        self._failed = False
        self.end: Position | None = None
        """The newest position that was seen; None if nobody looked since somebody waits."""
        self.replaced = 0
        """How many times the log was seen to be another one than before."""

    def has_news(self, since: Position) -> bool:
        """Whether an entry after this position was seen."""
        return self.end is not None and self.end.seq > since.seq

    @contextmanager
    def waiting(self, waiter: Waiter) -> Iterator[None]:
        """A context manager: the waiter is woken while the block runs."""
        if not self._waiters:
            self._is_wanted.set()
            self._is_told.set()
        self._waiters[waiter] = None
        try:
            yield
        finally:
            del self._waiters[waiter]
            if not self._waiters:
                self._is_wanted.clear()
                self.end = None  # whoever waits next must not be told that a log was replaced that they never saw

    def tell(self) -> None:
        """Look at once, because this process has committed a write."""
        if self._waiters:
            self._is_told.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        next_comment = 0.0
        while True:
            if not self._waiters:
                await self._is_wanted.wait()
                next_comment = loop.time() + self._comment_seconds
            self._is_told.clear()
            has_news = await self._look()
            is_comment_due = loop.time() >= next_comment
            if is_comment_due:
                next_comment = loop.time() + self._comment_seconds
            if has_news or is_comment_due:
                await self._wake(is_comment_due=is_comment_due)
                await asyncio.sleep(GATHERING_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._is_told.wait()

    async def _look(self) -> bool:
        """Read the end of the log. Return whether those who wait have to look at the log."""
        known = self.end
        try:
            ((seq, digest, there),) = await self._driver.fetch(self._standing, {"after": known.seq if known else 0})
        except Unavailable:  # the requests of this moment are told; those who wait go on when the database is back
            self._failed = True
            return False
        if known and known.seq and (known.seq > seq or known.digest != there):
            self.replaced += 1
        self.end, failed = Position(seq, digest or ""), self._failed
        self._failed = False
        return self.end != known or failed

    async def _wake(self, *, is_comment_due: bool) -> None:
        for number, waiter in enumerate(list(self._waiters), 1):
            waiter.is_comment_due = waiter.is_comment_due or is_comment_due
            waiter.wake()
            if number % WOKEN_TOGETHER == 0:
                await asyncio.sleep(0)
