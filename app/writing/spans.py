"""Writes the dates and spans that depend on several records.

Those of instruments and parties depend on actions, those of memberships on the founding of the organization. Like the other
projections, they are computed in the transaction that writes the records. The rules are in `app/domain/spans.py`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import CHUNK, Encode, among, chunks
from app.domain import edtf, spans
from app.domain.edtf import NO_START, Bounds
from app.domain.spans import Act, Span
from app.domain.vocabulary import ActionType, Kind
from app.models import Action, Gap, Membership, Memorandum, Organization, Party

memoranda: sa.Table = Memorandum.__table__
parties: sa.Table = Party.__table__
actions: sa.Table = Action.__table__
memberships: sa.Table = Membership.__table__
organizations: sa.Table = Organization.__table__
gaps: sa.Table = Gap.__table__
SPAN = ("possible_from", "certain_from", "certain_until", "possible_until")
SPANNED = (Kind.MEMORANDUM, Kind.PARTY, Kind.MEMBERSHIP)
"""The kinds whose spans depend on other records."""
SPANNED_BY: Mapping[Kind, Collection[str]] = {
    Kind.MEMORANDUM: ("status", "type", "date", "period", "term", "term_from"),
    Kind.ACTION: ("of", "type", "date", "meeting", "party", "term"),
    Kind.PARTY: ("memorandum", "party", "role"),
    Kind.MEMBERSHIP: ("of", "since", "until", "attested", "founding"),
    Kind.ORGANIZATION: ("founded",),
    Kind.MEETING: ("date",),
}
"""By kind: the fields from which spans are computed."""
SPANNING: Mapping[Kind, Collection[str]] = {
    Kind.MEMORANDUM: ("id",),
    Kind.ACTION: ("of",),
    Kind.PARTY: ("memorandum",),
    Kind.MEMBERSHIP: ("id",),
}
"""By kind: the field with the id of the instrument, or of the membership, whose span a change of the record affects."""
DATING = ((ActionType.SIGNED, ActionType.ADOPTED), (ActionType.APPROVED,), (ActionType.ENTERED_INTO_FORCE,))
"""The acts that date an instrument without a date of its own: those of the first of these groups that has any."""


class Expected(NamedTuple):
    """What a row should hold: the values of its columns, and the rows of the table `gaps`."""

    table: sa.Table
    values: Mapping[str, str]
    gaps: tuple[spans.Gap, ...] = ()


class Spans:
    """Computes spans for some records, or for all."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def refresh(
        self, connection: Connection, spanned: Mapping[Kind, Collection[str]], *, met: Collection[str], founded: Collection[str]
    ) -> set[str]:
        """Update the dates and spans that changed records affect. Returns the ids of the instruments whose dates changed.

        `spanned`: by kind of the changed records, the ids in the fields `SPANNING`. `met`, `founded`: the ids of meetings and
        organizations that changed; actions take dates from meetings, and memberships begin with organizations.
        """
        instruments = {each for kind, ids in spanned.items() if kind is not Kind.MEMBERSHIP for each in ids}
        tenures = {*spanned.get(Kind.MEMBERSHIP, ())}
        for found, column, key, ids in (
            (instruments, actions.c.of_id, actions.c.meeting_id, met),
            (tenures, memberships.c.id, memberships.c.of_id, founded),
        ):
            for some in chunks(ids):
                found.update(connection.execute(sa.select(column).where(among(key, some, self._encode))).scalars())
        dated: set[str] = set()
        for compute, of in ((self._of_instruments, instruments), (self._of_memberships, tenures)):
            for some in chunks(sorted(of)):
                dated |= self._write(connection, compute(connection, some))
        return dated

    def forget(self, connection: Connection, gone: Collection[str]) -> None:
        """Delete the gaps of records that are deleted."""
        for some in chunks(gone):
            connection.execute(sa.delete(gaps).where(among(gaps.c.record_id, some, self._encode)))

    def rebuild(self, connection: Connection) -> None:
        """Compute all spans again."""
        for compute, table in ((self._of_instruments, memoranda), (self._of_memberships, memberships)):
            for ids in _pages(connection, table):
                self._write(connection, compute(connection, ids))

    def disagreements(self, connection: Connection) -> Iterator[str]:
        """Yield the differences between the stored and the expected spans, one line each."""
        for compute, table in ((self._of_instruments, memoranda), (self._of_memberships, memberships)):
            for ids in _pages(connection, table):
                for record_id in self._differing(connection, compute(connection, ids)):
                    yield f"spans: {record_id} has not the dates and the span that its acts give it"

    def _write(self, connection: Connection, expected: Mapping[str, Expected]) -> set[str]:
        differing = self._differing(connection, expected)
        by_shape: dict[tuple[sa.Table, tuple[str, ...]], list[dict[str, str]]] = {}
        for record_id, (stood, wanted) in differing.items():
            if dict(stood.values) != dict(wanted.values):
                row = {"its_id": record_id, **{f"new_{name}": value for name, value in wanted.values.items()}}
                by_shape.setdefault((wanted.table, tuple(wanted.values)), []).append(row)
        for (table, names), rows in by_shape.items():
            update = sa.update(table).where(table.c.id == sa.bindparam("its_id"))
            connection.execute(update.values({name: sa.bindparam(f"new_{name}") for name in names}), rows)
        changed = [record_id for record_id, (stood, wanted) in differing.items() if stood.gaps != wanted.gaps]
        if changed:
            connection.execute(sa.delete(gaps).where(among(gaps.c.record_id, changed, self._encode)))
            rows = [row for record_id in changed for row in _gap_rows(record_id, differing[record_id][1].gaps)]
            if rows:
                connection.execute(sa.insert(gaps), rows)
        return {
            each
            for each, (stood, wanted) in differing.items()
            if stood.values.get("date_start") != wanted.values.get("date_start")
        }

    def _differing(self, connection: Connection, expected: Mapping[str, Expected]) -> dict[str, tuple[Expected, Expected]]:
        """The stored and the expected state of each record for which the two differ, by id."""
        by_table: dict[sa.Table, list[str]] = {}
        for record_id, wanted in expected.items():
            by_table.setdefault(wanted.table, []).append(record_id)
        found = {}
        for table, ids in by_table.items():
            standing = self._gaps_of(connection, ids) if table is not memberships else {}
            for row in connection.execute(sa.select(table).where(among(table.c.id, ids, self._encode))).mappings():
                wanted = expected[row["id"]]
                stood = Expected(table, {name: row[name] for name in wanted.values}, standing.get(row["id"], ()))
                if stood != wanted:
                    found[row["id"]] = stood, wanted
        return found

    def _gaps_of(self, connection: Connection, ids: Collection[str]) -> dict[str, tuple[spans.Gap, ...]]:
        found: dict[str, tuple[spans.Gap, ...]] = {}
        query = sa.select(gaps).where(among(gaps.c.record_id, ids, self._encode)).order_by(gaps.c.record_id, gaps.c.place)
        for row in connection.execute(query).mappings():
            gap = spans.Gap(Bounds(row["left_start"], row["left_end"]), Bounds(row["back_start"], row["back_end"]))
            found[row["record_id"]] = (*found.get(row["record_id"], ()), gap)
        return found

    # -- what is expected ----------------------------------------------------------------------------------------------------

    def _of_instruments(self, connection: Connection, ids: Collection[str]) -> dict[str, Expected]:
        """The expected dates and spans of instruments and of their parties, by id."""
        acts: dict[str, list[Act]] = {}
        columns = (actions.c[name] for name in ("of_id", "type", "date_start", "date_end", "party_id", "term"))
        for of, type_, start, end, party, term in connection.execute(
            sa.select(*columns).where(among(actions.c.of_id, ids, self._encode)).order_by(actions.c.id)
        ):
            acts.setdefault(of, []).append(Act(ActionType(type_), Bounds(start, end), party, term))
        found: dict[str, Expected] = {}
        instruments: dict[str, Span] = {}
        columns = (memoranda.c[name] for name in ("id", "status", "type", "date", "period", "term", "term_from"))
        for record_id, status, type_, date, *made_for in connection.execute(
            sa.select(*columns).where(among(memoranda.c.id, ids, self._encode))
        ):
            own = acts.get(record_id, ())
            dates = {}
            bounds = edtf.event(date) if date else _dated_by(own)
            if not date:
                dates = {"date_start": bounds.start, "date_end": bounds.end}
            span = instruments[record_id] = spans.of_instrument(status, type_, bounds, spans.lasting(*made_for), own)
            found[record_id] = Expected(memoranda, {**dates, **_columns(span)}, span.gaps)
        columns = (parties.c[name] for name in ("id", "memorandum_id", "party_id", "role"))
        for record_id, of, party, role in connection.execute(
            sa.select(*columns).where(among(parties.c.memorandum_id, ids, self._encode))
        ):
            span = spans.of_party(role, party, instruments[of], acts.get(of, ()))
            found[record_id] = Expected(parties, _columns(span), span.gaps)
        return found

    def _of_memberships(self, connection: Connection, ids: Collection[str]) -> dict[str, Expected]:
        """The expected spans of memberships: none begins before its organization was founded, that of a founder then."""
        names = ("id", "since", "until", "attested", "founding")
        begun = (organizations.c.founded_start, organizations.c.founded_end)
        query = sa.select(*(memberships.c[name] for name in names), *begun)
        query = query.outerjoin(organizations, organizations.c.id == memberships.c.of_id)
        found: dict[str, Expected] = {}
        for row in connection.execute(query.where(among(memberships.c.id, ids, self._encode))):
            span = spans.of_tenure(row.since, row.until, json.loads(row.attested or "[]"), holds_on=True)
            if row.founded_start not in (None, NO_START):
                founded = row.founding and not row.since
                certain_from = min(span.certain_from, row.founded_end) if founded else span.certain_from
                span = replace(span, possible_from=max(span.possible_from, row.founded_start), certain_from=certain_from)
            found[row.id] = Expected(memberships, _columns(span))
        return found


def _columns(span: Span) -> dict[str, str]:
    return {name: getattr(span, name) for name in SPAN}


def _gap_rows(record_id: str, several: Iterable[spans.Gap]) -> Iterator[dict[str, Any]]:
    for place, (left, back) in enumerate(several):
        yield {
            "record_id": record_id,
            "place": place,
            "left_start": left.start,
            "left_end": left.end,
            "back_start": back.start,
            "back_end": back.end,
        }


def _dated_by(acts: Collection[Act]) -> Bounds:
    """The dates that acts give to an instrument without a date of its own."""
    for types in DATING:
        if found := [act.bounds for act in acts if act.type in types and act.bounds != edtf.NONE]:
            return Bounds(min(each.start for each in found), max(each.end for each in found))
    return edtf.NONE


def _pages(connection: Connection, table: sa.Table) -> Iterator[list[str]]:
    """Yield the ids of all rows of a table, a page at a time."""
    after = ""
    while True:
        query = sa.select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(CHUNK)
        ids = list(connection.execute(query).scalars())
        if not ids:
            return
        yield ids
        after = ids[-1]
