"""Reads lists page by page: the one place that knows how a page ends, how a cursor leads on, how a whole list is streamed."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from app.db.drivers import Driver, Row, Statement
from app.reading import cursor as cursors

PAGE_LETTERS = 8_388_608
"""Characters of a page: it ends before the row that would exceed them."""
STREAM_LETTERS = 4_194_304
"""Characters of a page of a stream, about: very long records are sent one by one."""
STREAM_PAGE, STREAM_PAGE_ALONE = 50, 200
"""Rows of a page of a stream, and at most while no other request is running. No transaction stays open between two pages. Other
requests wait while a page is written, on SQLite also while it is read."""


class Page(NamedTuple):
    """Rows of a page, and where the next one goes on."""

    rows: list[Row]
    next_cursor: str | None


class PagedRead(NamedTuple):
    """A list in the order of a key, which no two rows share. Each page begins after the last key of the one before."""

    statement: Callable[..., Statement]
    """`statement(after=…)` selects rows of (shown …, key …), at most `limit`: from the first, or after the key given."""
    parameters: Mapping[str, Any]
    key: int
    """The number of columns of the key."""
    digest: str = ""
    """The digest of the request, which a cursor carries so that it does not continue another request."""
    after: bool = False
    """Whether the first page begins after a key in the parameters."""

    async def page(self, driver: Driver, limit: int) -> Page:
        """One page of at most `limit` rows."""
        rows, beyond = await read_page(driver, self.statement(after=self.after), self.parameters, limit)
        return Page(rows, cursors.encode(rows[-1][-self.key :], self.digest) if beyond is not None else None)

    async def pages(self, driver: Driver) -> AsyncGenerator[list[Row]]:
        """All pages, without the key. While one is consumed, Postgres computes the next one."""
        limit, reads = STREAM_PAGE, driver.reads
        parameters = {**self.parameters, "limit": limit}
        rows = await driver.fetch(self.statement(after=self.after), parameters)
        following: asyncio.Task[list[Row]] | None = None
        try:
            while True:
                if len(rows) == limit:
                    alone = driver.reads == reads + 1
                    # In small steps: a task that waits for a row cannot start anything between two pages.
                    limit = min(limit + limit // 4, STREAM_PAGE_ALONE) if alone else STREAM_PAGE
                    limit = min(limit, _as_many_as_fit(rows))
                    reads = driver.reads
                    parameters |= {"limit": limit, **key_parameters(rows[-1][-self.key :])}
                    following = asyncio.create_task(driver.fetch(self.statement(after=True), parameters))
                    await asyncio.sleep(0)
                yield [row[: -self.key] for row in rows]
                if following is None:
                    return
                rows, following = await following, None
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


def key_parameters(key: Sequence[Any]) -> dict[str, Any]:
    """A key as the parameters of the statement that selects the rows after it."""
    return {f"key_{place}": part for place, part in enumerate(key)}


async def read_page(
    driver: Driver, statement: Statement, parameters: Mapping[str, Any], limit: int
) -> tuple[list[Row], Row | None]:
    """The first rows that a statement selects, at most `limit` and at most `PAGE_LETTERS`; and the row after them, if any."""
    rows = await driver.fetch(statement, {**parameters, "limit": limit + 1}, letters=PAGE_LETTERS)
    kept = rows[:limit]
    letters = sum(len(row[0]) for row in kept)
    while letters > PAGE_LETTERS and len(kept) > 1:
        letters -= len(kept.pop()[0])
    return kept, rows[len(kept)] if len(kept) < len(rows) else None


def _as_many_as_fit(rows: Sequence[Row]) -> int:
    """How many records of this length fit into a page of `STREAM_LETTERS`."""
    return max(len(rows) * STREAM_LETTERS // max(sum(len(row[0]) for row in rows), 1), 1)
