"""Counterparts: with whom an actor has the most meetings, instruments and outcomes in common, and when last."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Self

import sqlalchemy as sa
from pydantic_core import from_json

from app.db.driver import Driver, Row, to_statement
from app.db.sql import ids_parameter, is_one_of, literal, unindexed
from app.db.types import Exact
from app.domain import edtf
from app.domain.vocabulary import Kind, MeetingStatus
from app.models import Organization
from app.models.records import Involvement
from app.models.search import SearchEntry
from app.views.selection import Counted, Queries, Selection, Shapes, narrowed

involvements: sa.Table = Involvement.__table__
entries: sa.Table = SearchEntry.__table__
organizations: sa.Table = Organization.__table__
KINDS = (Kind.COUNTRY, Kind.ORGANIZATION)
"""The kinds of counterparts. Whom people met is told by the ledger."""
MOST = 200
"""Maximum number of counterparts that a request can ask for, and that are remembered."""
NOT_HELD = (MeetingStatus.PLANNED, MeetingStatus.POSTPONED, MeetingStatus.CANCELLED)
"""The statuses of meetings that did not take place."""


@dataclass
class Common:
    """What an actor and a counterpart have in common."""

    records: dict[str, int] = field(default_factory=dict)
    """By the name of a list: how many of its records."""
    first_day: str = ""
    last_day: str = ""
    last: str = ""
    """The id of the last record with a date: of those of one day a meeting, if there is one. Empty if none has a date."""

    def order(self, actor: str) -> tuple[Any, ...]:
        """Return the sort key: most meetings first, then most instruments, then most outcomes."""
        return (*(-self.records.get(plural, 0) for plural in ("meetings", "memoranda", "outcomes")), actor)


@dataclass
class Counterparts:
    """The first `MOST` counterparts of an actor, those with the most meetings in common first."""

    first: dict[str, Common]
    """By the id of the counterpart: what the two have in common."""
    total: int
    """The number of all counterparts."""

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return the counterparts from their JSON."""
        found = from_json(text)
        return cls({actor: Common(**common) for actor, common in found["first"].items()}, found["total"])


@dataclass(frozen=True)
class Wanted:
    """The counterparts that a request asks for."""

    actor: str
    kind: Kind
    """The kind of the actor."""
    of_kind: Kind
    """The kind of the counterparts."""
    selection: Selection

    @property
    def asked(self) -> tuple[Any, ...]:
        """What tells this request from others that are counted."""
        return "counterparts", self.actor, self.of_kind, self.selection


class CounterpartsView:
    """Counts counterparts in one database."""

    def __init__(self, driver: Driver, kinds: Mapping[str, Counted]) -> None:
        self._driver = driver
        self._kinds = kinds
        self._common = Queries(driver, kinds).of(common)
        dates = sa.select(entries.c.record_id, entries.c.date).where(is_one_of(entries.c.record_id, ids_parameter()))
        self._dates = to_statement(dates, driver.dialect)
        self._own = {kind: to_statement(query, driver.dialect) for kind, query in _own().items()}

    async def dates(self, ids: Collection[str]) -> dict[str, str]:
        """Return the date of each record by its id: its own, or what it can mean by its meeting or acts; none without one."""
        rows = await self._driver.fetch(self._dates, {"ids": self._driver.encode(list(ids))}) if ids else []
        return {record_id: date for record_id, date in rows if date}

    async def count(self, wanted: Wanted) -> Counterparts:
        """Return the first counterparts of the actor, and how many there are."""
        return await asyncio.to_thread(_first, await self.all_of(wanted))

    async def all_of(self, wanted: Wanted) -> dict[str, Common]:
        """Return what the actor has in common with each counterpart, by the counterpart's id."""
        own = {row[0] for row in await self._driver.fetch(self._own[wanted.kind], {"actor": wanted.actor})} | {wanted.actor}
        rows: dict[str, list[Row]] = {}
        for plural, counted in self._kinds.items():
            shapes = wanted.selection.shapes(counted)
            given = {**wanted.selection.parameters(counted, self._driver.encode), "actor": wanted.actor}
            rows[plural] = await self._driver.fetch(self._common(plural, wanted.of_kind, shapes), given)
        return await asyncio.to_thread(_by_counterpart, rows, own)


def _first(found: Mapping[str, Common]) -> Counterparts:
    return Counterparts(dict(nsmallest(MOST, found.items(), key=lambda item: item[1].order(item[0]))), len(found))


def _by_counterpart(rows: Mapping[str, Sequence[Row]], own: set[str]) -> dict[str, Common]:
    """Return what each has in common. `rows`: what the query `common` found, by list. `own`: who is no counterpart."""
    found: dict[str, Common] = {}
    for plural, several in rows.items():
        for actor, records, first, last in several:
            if actor not in own:
                _add(found.setdefault(actor, Common()), plural, records, first, last)
    return found


def _add(common: Common, plural: str, records: int, first: str | None, last: str | None) -> None:
    """Add what a query found. `first`: the first day. `last`: the last day and the id of its record, with a blank between."""
    common.records[plural] = records
    if first and (not common.first_day or first < common.first_day):
        common.first_day = first
    day, _, record = (last or "").partition(" ")
    if day > common.last_day:
        common.last_day = day
        common.last = record


def common(counted: Counted, of_kind: Kind, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the actors of a kind that records with the actor in the parameter `actor` involve, too.

    Rows: (actor, records, first day, last day with a blank and the id of its record); the days are null if no record has a
    date. A meeting that did not take place counts, as in lists, but its day is no first or last one. The table of the records
    is read only if filters need it.
    """
    its, other = involvements.alias("its"), involvements.alias("other")
    source: sa.FromClause = its.join(other, other.c.record_id == unindexed(its.c.record_id))
    conditions: list[Any] = []
    if shapes:
        chosen = narrowed(counted, shapes)
        source = source.join(chosen.source, chosen.table.c.id == unindexed(its.c.record_id))
        conditions = chosen.conditions
    happened = its.c.date_start > literal(edtf.NO_START)
    if counted.kind is Kind.MEETING:
        meetings = counted.resource.table.alias("not_held")
        not_held = sa.select(meetings.c.id).where(meetings.c.status.in_([literal(word) for word in NOT_HELD]))
        happened = sa.and_(happened, its.c.record_id.not_in(not_held))
    day = sa.case((happened, its.c.date_start))
    at = sa.case((happened, its.c.date_start.concat(literal(" ")).concat(its.c.record_id)))
    return (
        sa.select(other.c.actor_id, sa.func.count(), sa.func.min(day), sa.func.max(at))
        .select_from(source)
        .where(
            its.c.actor_id == sa.bindparam("actor", type_=Exact),
            its.c.record_kind == literal(counted.kind),
            other.c.actor_kind == literal(of_kind),
            *conditions,
        )
        .group_by(other.c.actor_id)
    )


def _own() -> dict[Kind, sa.SelectBase]:
    """Return the queries for the ids of what belongs to an actor, or to which it belongs, so that it is no counterpart.

    Of a country these are its organizations and their parts; of an organization its parts, the organizations of which it is a
    part, and their countries; of a person the countries and organizations for which the person took part or signed.
    """
    actor = sa.bindparam("actor", type_=Exact)

    def parts(start: sa.Select[Any]) -> sa.CTE:
        down = start.cte("down", recursive=True)
        return down.union(sa.select(organizations.c.id).join(down, organizations.c.parent_id == down.c.id))

    of_country = parts(sa.select(organizations.c.id).where(organizations.c.country_id == actor))
    of_organization = parts(sa.select(organizations.c.id).where(organizations.c.id == actor))
    up = sa.select(organizations.c.id, organizations.c.parent_id, organizations.c.country_id)
    whole = up.where(organizations.c.id == actor).cte("up", recursive=True)
    whole = whole.union(up.join(whole, organizations.c.id == whole.c.parent_id))
    mine, theirs = involvements.alias("mine"), involvements.alias("theirs")
    acted = sa.select(theirs.c.actor_id).join_from(mine, theirs, theirs.c.record_id == mine.c.record_id)
    links = [literal(kind) for kind in (Kind.PARTICIPANT, Kind.PARTY)]
    return {
        Kind.COUNTRY: sa.select(of_country.c.id),
        Kind.ORGANIZATION: sa.union_all(
            sa.select(of_organization.c.id),
            sa.select(whole.c.id),
            sa.select(whole.c.country_id).where(whole.c.country_id.is_not(None)),
        ),
        Kind.PERSON: acted.where(mine.c.actor_id == actor, mine.c.record_kind.in_(links)).distinct(),
    }
