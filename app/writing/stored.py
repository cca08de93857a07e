"""Reads stored records in the exchange format.

It also reads from the change log which ids were ever used, and the kind of the record that has or had each id.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import CHUNK, Encode, chunks, ids_parameter, instant_text, is_one_of, literal, run
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.models.records import Change, Record, Redirect
from app.reading.changes import Position, end_of_log, position_of
from app.reading.compiler import Compiler
from app.reading.shapes import Shape
from app.writing.batch import Content

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__
redirects: sa.Table = Redirect.__table__

EXPORT_PAGE = 250
"""The maximum number of records that one query of an export reads. A query reads fewer if the records are long."""
EXPORT_LETTERS = 4_194_304
"""The approximate maximum number of characters that one query of an export reads."""


class Past(NamedTuple):
    """What the change log contains about an id that is or was used."""

    kind: Kind
    version: int
    """The last version."""
    into: str | None
    """The id of the record into which this record was merged; None if it was not merged."""
    created: str
    """When the record was created."""
    is_erased: bool


def _past() -> sa.Select[Any]:
    columns = (sa.func.max(changes.c.kind), sa.func.max(changes.c.version), sa.func.max(redirects.c.new_id))
    is_erased = sa.func.max(
        sa.case((changes.c.operation == literal("erase"), sa.literal_column("1")), else_=sa.literal_column("0"))
    )
    return (
        sa.select(changes.c.record_id, *columns, instant_text(sa.func.min(changes.c.at)), is_erased)
        .outerjoin(redirects, redirects.c.old_id == changes.c.record_id)
        .where(is_one_of(changes.c.record_id, ids_parameter()))
        .group_by(changes.c.record_id)
    )


class StoredRecords:
    """Reads records of all kinds on a given connection."""

    def __init__(self, resources: Iterable[Resource], compiler: Compiler, encode: Encode) -> None:
        self.resources = {resource.kind: resource for resource in resources}
        self.compiler = compiler
        self.encode = encode
        self._past = compiler.to_statement(_past())
        self._end_of_log = compiler.to_statement(end_of_log())
        citation: sa.Table = self.resources[Kind.CITATION].table
        self._citations = compiler.to_statement(
            sa.select(citation.c.id).where(is_one_of(citation.c.record_id, ids_parameter()))
        )
        self._exchange = cache(lambda kind: compiler.compile(Shape(kind, purpose="exchange")))
        self._pages = cache(lambda kind: compiler.compile(Shape(kind, purpose="exchange", after=True)))

    def export(self, connection: Connection) -> Iterator[tuple[Kind, str]]:
        """Yield (kind, line of the exchange format) for every record, in the order of `resources` and then of the ids."""
        for kind in self.resources:
            after, limit = "", EXPORT_PAGE // 10
            while rows := run(connection, self._pages(kind), after=after, limit=limit):
                yield from ((kind, text) for text, _, _ in rows)
                after = rows[-1][1]
                letters = max(sum(len(text) for text, _, _ in rows), 1)
                limit = max(1, min(EXPORT_PAGE, limit * 2, len(rows) * EXPORT_LETTERS // letters))

    def position(self, connection: Connection) -> Position:
        """The position of the end of the change log."""
        return position_of(run(connection, self._end_of_log))

    def count(self, connection: Connection) -> int:
        """The number of stored records."""
        return int(connection.execute(sa.select(sa.func.count()).select_from(records)).scalar_one())

    def all_of(self, connection: Connection, kind: Kind) -> Iterator[tuple[Any, ...]]:
        """Yield (line of the exchange format, id, version) for every record of a kind, ordered by id."""
        for page in self.pages_of(connection, kind):
            yield from page

    def pages_of(self, connection: Connection, kind: Kind) -> Iterator[list[tuple[Any, ...]]]:
        """Yield what `all_of` yields, in lists of at most CHUNK."""
        after, statement = "", self._pages(kind)
        while page := run(connection, statement, after=after, limit=CHUNK):
            yield page
            after = page[-1][1]

    def states(self, connection: Connection, kind: Kind, ids: Iterable[str]) -> dict[str, tuple[Content, int]]:
        """The content and version of the records in `ids` that exist, by id."""
        statement = self._exchange(kind)
        found = {}
        for chunk in chunks(ids):
            for text, record_id, version in run(connection, statement, ids=self.encode(chunk)):
                found[record_id] = json.loads(text), version
        return found

    def citations_of(self, connection: Connection, ids: Iterable[str]) -> dict[str, tuple[Content, int]]:
        """The content and version of the citations of these records, by the citations' ids."""
        found: list[str] = []
        for chunk in chunks(ids):
            found += [citation_id for (citation_id,) in run(connection, self._citations, ids=self.encode(chunk))]
        return self.states(connection, Kind.CITATION, found)

    def past(self, connection: Connection, ids: Iterable[str]) -> dict[str, Past]:
        """What the change log contains about each of the given ids, by id. Ids that no record has ever had are left out."""
        found: dict[str, Past] = {}
        for chunk in chunks(ids):
            rows = run(connection, self._past, ids=self.encode(chunk))
            found |= {record_id: Past(Kind(kind), *rest) for record_id, kind, *rest in rows}
        return found
