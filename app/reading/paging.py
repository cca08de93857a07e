"""Reads lists page by page: limits the size of a page, makes the cursor of the next page, and streams whole lists."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from app.db.driver import Driver, Row, Statement
from app.reading import cursor as cursors

PAGE_LETTERS = 8_388_608
"""Maximum number of characters of a page. A row that would exceed this maximum goes to the next page, but every page has at
least one row."""
STREAM_LETTERS = 4_194_304
"""Approximate maximum number of characters of a page of a stream. Records longer than this are sent one by one."""
STREAM_PAGE, STREAM_PAGE_ALONE = 50, 200
"""The number of rows of a page of a stream: the normal number, and the maximum while no other request reads. Pages are small,
because other requests wait while a page is written to the response, and on SQLite also while it is read. No transaction stays
open between two pages."""


_FIRST = itemgetter(0)


class Page(NamedTuple):
    """The rows of a page, and the cursor of the next page. The cursor is None if there is no next page."""

    rows: list[Row]
    next_cursor: str | None


class PagedRead(NamedTuple):
    """A list that is sorted by a unique key. Each page begins after the last key of the previous page."""

    statement: Callable[..., Statement]
    """`statement(after=…)` returns a SELECT of rows (shown columns …, key columns …), at most as many as the parameter `limit`
    says. If `after` is true, the rows begin after the key in the parameters; otherwise, they are the first rows of the list."""
    parameters: Mapping[str, Any]
    key: int
    """The number of columns of the key."""
    digest: str = ""
    """The digest of the request. A cursor contains the digest, so that it cannot be used with another request."""
    after: bool = False
    """Whether the first page begins after a key in the parameters."""

    async def page(self, driver: Driver, limit: int) -> Page:
        """Read a page of at most `limit` rows: the page that follows the key if `after` is true, otherwise the first page."""
        rows, beyond = await read_page(driver, self.statement(after=self.after), self.parameters, limit)
        return Page(rows, cursors.encode(rows[-1][-self.key :], self.digest) if beyond is not None else None)

    async def pages(self, driver: Driver, most: int | None = None) -> AsyncGenerator[list[Row]]:
        """Yield all pages, without the key columns. While the caller uses one page, Postgres already computes the next one.

        `most`: the most rows of all pages together; None for all rows.
        """
        left = sys.maxsize if most is None else most
        limit, reads = min(STREAM_PAGE, left), driver.reads
        parameters = {**self.parameters, "limit": limit}
        rows = await driver.fetch(self.statement(after=self.after), parameters)
        following: asyncio.Task[list[Row]] | None = None
        try:
            while True:
                left -= len(rows)
                if len(rows) == limit and left:
                    alone = driver.reads == reads + 1
                    # Grow in small steps, because a large page makes other requests wait. A request is noticed only when it
                    # starts a read, so a request that is waiting is not noticed.
                    limit = min(limit + limit // 4, STREAM_PAGE_ALONE) if alone else STREAM_PAGE
                    limit = min(limit, left, _as_many_as_fit(rows))
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
    """Return the bind parameters with which a statement selects the rows after this key."""
    return {f"key_{place}": part for place, part in enumerate(key)}


async def read_page(
    driver: Driver, statement: Statement, parameters: Mapping[str, Any], limit: int, *, letters: int = PAGE_LETTERS
) -> tuple[list[Row], Row | None]:
    """Read the first rows of a statement, at most `limit` rows and `letters` characters, but at least one row.

    Returns (rows, the row that follows them). The second value is None if no row follows.
    """
    rows = await driver.fetch(statement, {**parameters, "limit": limit + 1}, letters=letters)
    kept = rows[:limit]
    total = sum(map(len, map(_FIRST, kept)))
    while total > letters and len(kept) > 1:
        total -= len(kept.pop()[0])
    return kept, rows[len(kept)] if len(kept) < len(rows) else None


def _as_many_as_fit(rows: Sequence[Row]) -> int:
    """Return how many rows fit into `STREAM_LETTERS` characters, at least 1.

    The estimate assumes that further rows have the same average length as these rows.
    """
    return max(len(rows) * STREAM_LETTERS // max(sum(len(row[0]) for row in rows), 1), 1)
