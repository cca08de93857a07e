"""The search index. A record's search entry is written, replaced or removed in the same transaction as the record."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.engine import Connection

from app.db.driver import to_statement
from app.db.full_text import full_text_of
from app.db.sql import Encode, Insert, Rows, chunks, execute, ids_parameter, is_one_of, run, together
from app.domain.edtf import NONE, Bounds
from app.domain.vocabulary import Kind
from app.models.search import SearchEntry
from app.text.docids import first_docid, place_in_day
from app.text.terms import KIND, LONG, Own, own_terms, reference_terms
from app.workers import JobRunner, run_here

search_entries: sa.Table = SearchEntry.__table__
_NEAR = 1_000
"""Maximum difference between the stored docid of an entry and its computed docid that the check of the index accepts. The two
can differ, because an entry gets a greater docid if its computed docid is already taken."""
LETTERS_SHOWN = 20_000
"""Maximum number of characters of a record's texts that are stored for snippets. It is limited because one search may read
hundreds of entries."""
LONG_FROM = 400
"""An event is long if it lasts longer than this number of days. A search by `date_from` finds long events separately, by their
term LONG. For all other events, it needs to look only this number of days before `date_from`."""


class Draft(NamedTuple):
    """The part of a search entry that is computed before the write begins, because it depends only on the record itself."""

    record_id: str
    kind: Kind
    date: str | None
    country_id: str | None
    refers: Collection[str]
    """Ids of the records that this record refers to."""
    words: str
    """The record's texts as a JSON array of [weight, field, language, text], together at most `LETTERS_SHOWN` characters."""
    terms: str
    many: int
    """The number of terms."""
    place: int
    """The place of the entry among all entries with the same first day. The entry with the shortest name comes first."""


class Entry(NamedTuple):
    """The data from which a search entry is built."""

    draft: Draft
    bounds: Bounds
    involved: Collection[str]
    """Ids of the actors (countries, organizations, people) that are involved in the record."""


def docid_of(entry: Entry) -> int:
    """Compute the docid of an entry from its first day, name and id.

    The result is the same on every database. If this docid is already taken, the entry is stored with a greater one.
    """
    return first_docid(entry.bounds.start) + entry.draft.place


def _shown(own: Iterable[Own]) -> Iterator[tuple[Own, str]]:
    """Yield the texts to store for snippets and suggestions, together at most `LETTERS_SHOWN` characters.

    The limit does not apply to the terms of the entry, because these are built from the complete texts.
    """
    left = LETTERS_SHOWN
    for each in own:
        yield each, each.text[:left]
        left -= len(each.text)
        if left <= 0:
            return


@lru_cache(4_096)
def _is_long(bounds: Bounds) -> bool:
    return (
        bounds != NONE and date.fromisoformat(bounds.end).toordinal() - date.fromisoformat(bounds.start).toordinal() > LONG_FROM
    )


class Index:
    """Writes search entries."""

    def __init__(self, dialect: sa.Dialect, encode: Encode, run_jobs: JobRunner = run_here) -> None:
        self._encode = encode
        self._run_jobs = run_jobs
        self._rows = Rows(dialect)
        self._full_text = full_text_of(dialect)
        taken = sa.select(search_entries.c.docid).where(is_one_of(search_entries.c.docid, ids_parameter(sa.BigInteger)))
        self._taken = to_statement(taken, dialect)
        those = is_one_of(search_entries.c.record_id, ids_parameter())
        removals = (*self._full_text.removals(search_entries, those), sa.delete(search_entries).where(those))
        self._removals = [to_statement(statement, dialect) for statement in removals]

    def draft(
        self,
        record_id: str,
        kind: Kind,
        own: Sequence[Own],
        *,
        date: str | None,
        country_id: str | None,
        refers: Collection[str],
    ) -> Draft:
        """Compute the part of an entry that depends only on the record.

        `own`: the record's texts. The first one must be the record's name.
        """
        found = own_terms(kind, own)
        # Convert to plain values, because serializing named tuples and enum members takes ten times as long.
        words = to_json([(str(each.weight), each.field, each.language, text) for each, text in _shown(own)]).decode()
        place = place_in_day(record_id, own[0].text if own else "")
        return Draft(record_id, kind, date, country_id, refers, words, self._full_text.stored(found, 1), len(found), place)

    def row(self, docid: int, entry: Entry) -> dict[str, Any]:
        """Return the row of the table `search_entries` for an entry."""
        draft = entry.draft
        others = reference_terms(draft.refers, entry.involved)
        others += [f"{KIND}{entry.bounds.start[:4]}", *([LONG] if _is_long(entry.bounds) else ())]
        return {
            "docid": docid,
            "record_id": draft.record_id,
            "kind": str(draft.kind),
            "date": draft.date,
            "date_start": entry.bounds.start,
            "date_end": entry.bounds.end,
            "country_id": draft.country_id,
            "words": draft.words,
            "terms": f"{draft.terms} {self._full_text.stored(others, draft.many + 1)}",
        }

    def put(
        self, connection: Connection, entries: Iterable[Entry], *, replaced: Iterable[str], progress: Callable[[int], object]
    ) -> None:
        """Remove the search entries of the records with the ids `replaced`, then write `entries`.

        `progress` is called with the number of entries after each piece of them.
        """
        self.remove(connection, replaced)
        pieces = list(chunks(self._placed(connection, entries)))
        with self._run_jobs([partial(self._inserts, several) for several in pieces]) as made, together(connection):
            for several, inserts in zip(pieces, made, strict=True):
                self._rows.send(connection, inserts)
                progress(len(several))

    def _inserts(self, placed: Sequence[tuple[int, Entry]]) -> list[Insert]:
        rows = [self.row(docid, entry) for docid, entry in placed]
        found = self._rows.inserts(search_entries, rows)
        copies = self._full_text.copies(rows)
        return found + (self._rows.inserts(*copies) if copies else [])

    def _placed(self, connection: Connection, entries: Iterable[Entry]) -> list[tuple[int, Entry]]:
        """Give each entry a free docid, and return (docid, entry) in ascending order of the docids.

        If the computed docid of an entry is already taken, the entry gets the next free docid. The order matters because FTS5
        writes a new segment whenever a docid is smaller than the one before.
        """
        several = sorted((docid_of(entry), entry.draft.record_id, entry) for entry in entries)
        wanted = [(docid, entry) for docid, _, entry in several]
        while True:
            last = -1
            placed = []
            for docid, entry in wanted:
                last = max(docid, last + 1)
                placed.append((last, entry))
            docids = chunks(docid for docid, _ in placed)
            taken = {docid for some in docids for (docid,) in run(connection, self._taken, ids=self._encode(some))}
            if not taken:
                return placed
            wanted = [(docid + (docid in taken), entry) for docid, entry in placed]

    def remove(self, connection: Connection, ids: Iterable[str]) -> None:
        """Remove the search entries of the records with these ids."""
        for several in chunks(ids):
            for statement in self._removals:
                execute(connection, statement, ids=self._encode(several))

    def disagreements(self, connection: Connection, entries: Iterable[Entry]) -> Iterator[str]:
        """Compare these computed entries with the stored ones. Yield a message for each entry that is missing or differs."""
        for entry in entries:
            row = self.row(docid_of(entry), entry)
            same = [search_entries.c[name].is_not_distinct_from(row[name]) for name in row if name not in ("docid", "terms")]
            same.append(search_entries.c.terms == sa.cast(row["terms"], search_entries.c.terms.type))
            same.append(search_entries.c.docid.between(row["docid"], row["docid"] + _NEAR))
            if connection.execute(sa.select(search_entries.c.docid).where(*same)).first() is None:
                yield f"search_entries: {row['record_id']} is not found by what it says"

    def unindexed(self, connection: Connection) -> Iterator[str]:
        """Return messages about differences between the search entries and the database's full-text index."""
        return self._full_text.disagreements(connection)
