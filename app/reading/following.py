"""Reads the change log page by page, narrowed by filters, in both directions."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isqrt
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.caching import cached
from app.db.driver import Driver, Row, Statement, to_statement
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Invalid, PositionUnknown
from app.faults import Fault, summary
from app.reading import changes, naming
from app.reading.changes import MAX_SEQ, ChangesQuery, LogShape, Position
from app.reading.concerning import about_topics, referring_to
from app.reading.naming import Meanings
from app.reading.paging import PAGE_LETTERS, read_page

STATEMENT_BYTES = 2_000_000
"""The size in bytes of the cache of statements."""
NEAR = 1_000
"""The number of entries that are looked at one by one, whatever the filters are."""
ENTRY_COST = 4
"""How many times as long it takes to look at an entry as to find a record by the index of a reference: 8 µs and 2 µs."""


class Narrowed(NamedTuple):
    """The filters of a request for the log. The ids are those of the records that are meant."""

    kind: str | None = None
    transaction: str | None = None
    of: str | None = None
    of_kind: Kind | None = None
    topics: tuple[str, ...] = ()

    @property
    def equal(self) -> dict[str, str]:
        """The columns of the log that are compared, with the values that they must have."""
        found = {"kind": self.kind, "transaction": self.transaction}
        return {name: value for name, value in found.items() if value is not None}


class Read(NamedTuple):
    """A page of the log."""

    rows: Sequence[Row]
    """Rows of (entry as JSON, seq, digest, transaction, operation)."""
    end: Position
    """The position up to which the log was read: the last entry of the page or, if none follows, the end of the log."""
    more: bool
    complete: bool
    """Whether the last transaction of the page ends with it."""


class Log:
    """The change log of one database."""

    def __init__(self, resources: Sequence[Resource], driver: Driver, meanings: Meanings) -> None:
        self._resources = resources
        self._driver = driver
        self._meanings = meanings
        self._end = to_statement(changes.end_of_log(), driver.dialect)
        self._standing = to_statement(changes.standing(), driver.dialect)
        self._entries: Callable[[LogShape], Statement] = cached(STATEMENT_BYTES)(self._entries_of)
        self._count: Callable[[Kind | None], Statement] = lru_cache(len(Kind) + 1)(self._count_of)

    async def narrowed(self, query: ChangesQuery) -> Narrowed:
        """Return the filters of a request. Raises Invalid if a value of `of` or `topic` stands for no record.

        The id of a deleted record stands for the record that it was, because its history remains.
        """
        topics = query.topic or []
        several = [*topics, *([query.of] if query.of else [])]
        named = await self._meanings.of(several) if several else {}
        faults: list[Fault] = []

        async def meant(parameter: str, value: str, kinds: Sequence[Kind]) -> tuple[str, Kind] | None:
            found = naming.meaning(value, named[value], kinds)
            if found.id is not None and found.kind is not None:
                return found.id, found.kind
            gone = [each for each in named[value] if each.way.is_past]
            if parameter == "of" and gone:
                return gone[0].id, gone[0].kind
            faults.append(await self._meanings.fault(parameter, value, found, kinds))
            return None

        of = await meant("of", query.of, tuple(Kind)) if query.of else None
        about = [await meant("topic", each, (Kind.TOPIC,)) for each in topics]
        if faults:
            raise Invalid(summary(faults), faults=faults)
        of_id, of_kind = of or (None, None)
        topic_ids = tuple(sorted({each[0] for each in about if each is not None}))
        return Narrowed(query.kind, query.transaction, of_id, of_kind, topic_ids)

    async def end(self) -> Position:
        """Return the position of the newest entry."""
        return changes.position_of(await self._driver.fetch(self._end, {}))

    async def require_standing(self, position: Position) -> Position:
        """Return the position with its digest. Raises PositionUnknown if the log has another change there, or ends before."""
        if position == Position(0):
            return position
        ((last, _, digest),) = await self._driver.fetch(self._standing, {"after": position.seq})
        if position.seq > last or (position.digest and position.digest != digest):
            told = f"the log has no position {position}; it was restored or replaced since the position was read"
            raise PositionUnknown(told)
        return Position(position.seq, digest or "")

    async def after(
        self, start: Position, narrowed: Narrowed, limit: int, *, whole: bool = False, letters: int = PAGE_LETTERS
    ) -> Read:
        """Read the entries after a position, at most `limit` of them and about `letters` characters, the oldest first.

        With `whole`, a transaction that does not fit is left out, unless it is the first one. Raises PositionUnknown if the log
        has no such position.
        """
        # The end is read before the page, so that the page has all entries that match and stand before this end.
        end = await self.end() if narrowed != Narrowed() else start
        read = await self._read(start, narrowed, limit, whole=whole, letters=letters, last=end)
        # The position is checked after the read, so that it is noticed if the log was replaced in between.
        standing = await self.require_standing(start)
        return read if read.end.seq > start.seq else read._replace(end=standing)

    async def before(self, start: Position | None, narrowed: Narrowed, limit: int, *, whole: bool = False) -> Read:
        """Read the entries before a position, the newest first; if `start` is None, the newest of all.

        `whole` and the errors are as in `after`.
        """
        end = await self.end()
        first = Position(min(MAX_SEQ, end.seq + 1)) if start is None else start
        read = await self._read(first, narrowed, limit, whole=whole, backwards=True, last=end)
        if start is None:
            return read if read.rows else read._replace(end=Position(0))
        standing = await self.require_standing(start)
        return read if read.rows else read._replace(end=standing)

    async def _read(
        self,
        start: Position,
        narrowed: Narrowed,
        limit: int,
        *,
        last: Position,
        whole: bool,
        backwards: bool = False,
        letters: int = PAGE_LETTERS,
    ) -> Read:
        shape = LogShape(tuple(narrowed.equal), narrowed.of_kind, bool(narrowed.topics), backwards)
        given = {**narrowed.equal, **self._ids(narrowed)}
        distance = min(start.seq, last.seq) if backwards else last.seq - start.seq
        if self._ids(narrowed) and not narrowed.transaction and not await self._is_dense(narrowed, distance, limit):
            shape = LogShape(shape.equal, shape.of, shape.has_topic, backwards, walks=False)
        found, beyond = await read_page(
            self._driver, self._entries(shape), {**given, "start": start.seq}, limit, letters=letters
        )
        rows, complete = changes.until_the_end_of_a_transaction(found, beyond, whole=whole)
        end = Position(*rows[-1][1:3]) if rows else start
        if not backwards and beyond is None and last.seq > end.seq:
            end = last
        return Read(rows, end, beyond is not None, complete)

    async def _is_dense(self, narrowed: Narrowed, distance: int, limit: int) -> bool:
        """Whether walking through the log reads fewer rows than finding the records first.

        Finding them first reads a row for each of `count` records. Walking reads about `limit * distance / count` entries, if
        their entries are spread over the log. So walking is the better way if `count * count` exceeds `limit * distance`, times
        what an entry costs more. Records that two filters are about are few, however many each of them is about.
        """
        if distance <= NEAR:
            return True
        if narrowed.of and narrowed.topics:
            return False
        most = isqrt(ENTRY_COST * limit * distance)
        ((count,),) = await self._driver.fetch(self._count(narrowed.of_kind), {**self._ids(narrowed), "most": most + 1})
        return bool(count > most)

    def _ids(self, narrowed: Narrowed) -> dict[str, Any]:
        """Return the parameters of the concerns."""
        of = {"of": narrowed.of} if narrowed.of else {}
        return of | ({"topic": self._driver.encode(narrowed.topics)} if narrowed.topics else {})

    def _entries_of(self, shape: LogShape) -> Statement:
        concerns = [referring_to(self._resources, shape.of)] if shape.of else []
        concerns += [about_topics(self._resources)] if shape.has_topic else []
        return to_statement(changes.entries(shape, concerns), self._driver.dialect)

    def _count_of(self, of: Kind | None) -> Statement:
        """Compile a query that counts the records with which `of` is concerned, or those about topics, up to `most`."""
        concern = referring_to(self._resources, of) if of else about_topics(self._resources)
        some = concern.ids().limit(sa.bindparam("most", type_=sa.Integer)).subquery("some")
        return to_statement(sa.select(sa.func.count()).select_from(some), self._driver.dialect)
