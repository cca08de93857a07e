"""Reads lists page by page: limits the size of a page, makes the cursor of the next page, and streams whole lists."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from app.db.driver import Driver, Row, Statement
from app.reading import cursor as cursors

PAGE_LETTERS = 8_388_608
"""Maximum number of characters of a page. The page ends before the row that would exceed it, but has at least one row."""
STREAM_LETTERS = 4_194_304
"""Approximate number of characters of a page of a stream. Longer records are sent one by one."""
STREAM_PAGE, STREAM_PAGE_ALONE = 50, 200
"""Rows of a page of a stream: the normal number, and the maximum while no other request reads. Pages are small because other
requests wait while a page is written, and on SQLite also while it is read. No transaction stays open between two pages."""


class Page(NamedTuple):
    """The rows of a page, and the cursor of the next page; None if there is no next page."""

    rows: list[Row]
    next_cursor: str | None


class PagedRead(NamedTuple):
    """A list that is sorted by a unique key. Each page begins after the last key of the previous page."""

    statement: Callable[..., Statement]
    """`statement(after=…)` selects at most `limit` rows of (shown columns …, key columns …): the first rows, or those after the
    key in the parameters."""
    parameters: Mapping[str, Any]
    key: int
    """The number of columns of the key."""
    digest: str = ""
    """The digest of the request. A cursor contains it, so that the cursor cannot be used with another request."""
    after: bool = False
    """Whether the first page begins after a key in the parameters."""

    async def page(self, driver: Driver, limit: int) -> Page:
        """One page of at most `limit` rows."""
        rows, beyond = await read_page(driver, self.statement(after=self.after), self.parameters, limit)
        return Page(rows, cursors.encode(rows[-1][-self.key :], self.digest) if beyond is not None else None)

    async def pages(self, driver: Driver) -> AsyncGenerator[list[Row]]:
        """Yield all pages, without the key columns. While the caller uses one page, Postgres already computes the next one."""
        limit, reads = STREAM_PAGE, driver.reads
        parameters = {**self.parameters, "limit": limit}
        rows = await driver.fetch(self.statement(after=self.after), parameters)
        following: asyncio.Task[list[Row]] | None = None
        try:
            while True:
                if len(rows) == limit:
                    alone = driver.reads == reads + 1
                    # Grow in small steps, because a request that waits for a row starts no read and is not noticed here.
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
    """The bind parameters with which a statement selects the rows after this key."""
    return {f"key_{place}": part for place, part in enumerate(key)}


async def read_page(
    driver: Driver, statement: Statement, parameters: Mapping[str, Any], limit: int
) -> tuple[list[Row], Row | None]:
    """The first rows of a statement, at most `limit` rows and `PAGE_LETTERS` characters; and the row after them, or None."""
    rows = await driver.fetch(statement, {**parameters, "limit": limit + 1}, letters=PAGE_LETTERS)
    kept = rows[:limit]
    letters = sum(len(row[0]) for row in kept)
    while letters > PAGE_LETTERS and len(kept) > 1:
        letters -= len(kept.pop()[0])
    return kept, rows[len(kept)] if len(kept) < len(rows) else None


def _as_many_as_fit(rows: Sequence[Row]) -> int:
    """How many rows of the average length of these rows fit into `STREAM_LETTERS` characters; at least one."""
    return max(len(rows) * STREAM_LETTERS // max(sum(len(row[0]) for row in rows), 1), 1)
