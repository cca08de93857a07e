"""Remembers what was counted, so that a figure over a million records is counted once for each position of the log.

What was counted names records by their ids alone, so that requests in all languages and formats share it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from pydantic_core import to_json

from app.caching import Remembered
from app.errors import Unavailable
from app.reading.changes import Position

REMEMBERED_BYTES = 32_000_000
"""The size in bytes of the cache of what was counted."""
MOST_WAITING = 50
"""The number of figures that may wait to be counted. Further ones are refused."""
RETRY_SECONDS = 5

Counting = Callable[[], Awaitable[Any]]


class Results:
    """What was counted, by the position of the log and by what was asked for.

    One figure at a time is counted, because SQLite has two threads for slow reads, and other requests need one of them. Equal
    requests share what is counted. `end` returns the end of the log. `patience`: seconds that a figure waits for its turn.
    """

    def __init__(self, end: Callable[[], Awaitable[Position]], *, patience: float) -> None:
        self._end = end
        self._patience = patience
        self._remembered = Remembered(REMEMBERED_BYTES)
        self._running: dict[Hashable, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()

    async def of(self, as_of: Position, asked: Hashable, count: Counting) -> bytes:
        """Return what `count` counts as JSON, from memory if it was counted at this position.

        Raises Unavailable if too many figures wait, or if this one waits too long.
        """
        key = as_of, asked
        found: bytes | None = self._remembered.get(key)
        if found is not None:
            return found
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= MOST_WAITING:
                raise _refused("too many figures are being counted")
            running = self._running[key] = asyncio.create_task(self._counted(key, count))
            running.add_done_callback(lambda task: self._end_of(key, task))
        # The task is shielded, because if one request is cancelled, the others still need its result.
        return await asyncio.shield(running)

    def _end_of(self, key: Hashable, task: asyncio.Task[bytes]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # else asyncio logs the error of a task for which no request waits any more

    async def _counted(self, key: tuple[Position, Hashable], count: Counting) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise _refused("other figures are being counted") from None
        try:
            result: bytes = await asyncio.to_thread(to_json, await count())
            if await self._end() == key[0]:  # otherwise the result may have parts of a later position
                self._remembered.put(key, result)
        finally:
            self._turn.release()
        return result


def _refused(detail: str) -> Unavailable:
    return Unavailable(detail, headers={"Retry-After": str(RETRY_SECONDS)})
