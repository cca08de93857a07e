"""The index: documents written, replaced and taken away in the transaction of the records that they are of."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.engine import Connection

from app.db.edtf import NONE, Bounds
from app.db.sql import Rows, among, chunks
from app.models.search import INDEX, Document
from app.models.vocabulary import Kind
from app.search.terms import LONG, Own, for_tsvector, terms

documents: sa.Table = Document.__table__
Encode = Callable[[Sequence[str]], Any]
_DAY_BITS, _HASH_BITS = 41, 32
_LONGEST = (1 << (_DAY_BITS - _HASH_BITS)) - 1
_DAYS = 1 << (63 - _DAY_BITS)
DAY = 1 << _DAY_BITS
"""Places of a day."""
LONG_FROM = 400
"""Days from which on a document is long: what is looked for by dates need not look further back for others."""


class Entry(NamedTuple):
    """What a record has to be found by."""

    record_id: str
    kind: Kind
    date: str | None
    bounds: Bounds
    country_id: str | None
    own: Sequence[Own]
    refers: frozenset[str]
    """Ids of records that it refers to, or that are involved in it."""


def first_docid(day: str) -> int:
    """The least docid of a day; those of earlier days are greater.

    So the newest come first in the order in which FTS5 keeps them; in the other one FTS5 has bugs (SQLite 3.40: what a NOT
    excludes is found).
    """
    return (_DAYS - date.fromisoformat(day).toordinal()) * DAY


def _docid(entry: Entry) -> int:
    """A place in the order of first days, the same on every database; among those of a day the shortest name comes first."""
    length = min(len(entry.own[0].text) if entry.own else 0, _LONGEST)
    digest = int.from_bytes(blake2b(entry.record_id.encode(), digest_size=_HASH_BITS // 8).digest(), "big")
    return first_docid(entry.bounds.start) + (length << _HASH_BITS) + digest


def _is_long(bounds: Bounds) -> bool:
    return (
        bounds != NONE and date.fromisoformat(bounds.end).toordinal() - date.fromisoformat(bounds.start).toordinal() > LONG_FROM
    )


class Index:
    """Writes the index."""

    def __init__(self, dialect: sa.Dialect, encode: Encode) -> None:
        self._encode = encode
        self._rows = Rows(dialect)
        self._is_sqlite = dialect.name == "sqlite"

    def row(self, entry: Entry) -> dict[str, Any]:
        """The row of a document, without its place among those of its day being looked at."""
        found = terms(entry.kind, entry.own, entry.refers)
        if _is_long(entry.bounds):
            found.insert(1, LONG)
        return {
            "docid": _docid(entry),
            "record_id": entry.record_id,
            "kind": entry.kind.value,
            "date": entry.date,
            "date_start": entry.bounds.start,
            "date_end": entry.bounds.end,
            "country_id": entry.country_id,
            "words": to_json(entry.own).decode(),
            "terms": " ".join(found) if self._is_sqlite else for_tsvector(found),
        }

    def put(self, connection: Connection, entries: Iterable[Entry], *, replaced: Iterable[str]) -> None:
        """Take the documents of the `replaced` records away, and write these."""
        self.remove(connection, replaced)
        rows = sorted((self.row(entry) for entry in entries), key=lambda row: row["docid"])
        for several in chunks(rows):
            self._give_places(connection, several)
            self._rows.insert(connection, documents, several)
            if self._is_sqlite:
                given = [(row["docid"], row["terms"]) for row in several]
                connection.exec_driver_sql(f"INSERT INTO {INDEX} (rowid, terms) VALUES (?, ?)", given)  # noqa: S608

    def _give_places(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Two of one day that chance gives one place stand side by side."""
        wanted = json.dumps([row["docid"] for row in rows])
        taken = set(connection.execute(self._standing(wanted)).scalars())
        for row in rows:
            while row["docid"] in taken:
                row["docid"] += 1
            taken.add(row["docid"])

    def _standing(self, docids: str) -> sa.Select[Any]:
        column = documents.c.docid
        if self._is_sqlite:
            return sa.select(column).where(column.in_(sa.select(sa.func.json_each(docids).table_valued("value").c.value)))
        return sa.select(column).where(column == sa.any_(sa.cast(json.loads(docids), sa.ARRAY(sa.BigInteger))))

    def remove(self, connection: Connection, ids: Iterable[str]) -> None:
        """Take the documents of these records away."""
        for several in chunks(ids):
            those = among(documents.c.record_id, several, self._encode)
            if self._is_sqlite:
                old = sa.select(sa.literal("delete"), documents.c.docid, documents.c.terms).where(those)
                index = sa.table(INDEX, sa.column(INDEX), sa.column("rowid"), sa.column("terms"))
                connection.execute(sa.insert(index).from_select([INDEX, "rowid", "terms"], old))
            connection.execute(sa.delete(documents).where(those))

    def disagreements(self, connection: Connection, entries: Iterable[Entry]) -> Iterator[str]:
        """Documents that are not what they should be."""
        for several in chunks(self.row(entry) for entry in entries):
            for row in several:
                column = documents.c.terms
                same = [documents.c[name] == value for name, value in row.items() if name not in ("docid", "terms") and value]
                same.append(column == sa.cast(row["terms"], column.type))
                if connection.execute(sa.select(documents.c.docid).where(*same)).first() is None:
                    yield f"documents: {row['record_id']} is not found by what it says"
