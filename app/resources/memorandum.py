"""Memoranda: instruments of all types, such as agreements, declarations and plans."""

from typing import Literal

import sqlalchemy as sa

from app import models
from app.declaration.filters import Among, Between, Equals, Involves, ValidAt
from app.declaration.model import DerivedDay, EventDate, Language, Period, Ref, Term, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Coverage, Kind, MemorandumStatus, MemorandumType, TermFrom
from app.resources.record import (
    CITATIONS,
    GAPS,
    IN_SERIES,
    Countries,
    HeldBetweenGaps,
    Places,
    Record,
    acts_in_order,
    city_filter,
    common_sorts,
    goes_with,
    label_of,
    named_filters,
    window_filters,
)


class Memorandum(Record):
    """An instrument: a memorandum, agreement, declaration, plan, resolution or strategy."""

    kind: Literal[Kind.MEMORANDUM]
    name: Text
    type: MemorandumType | None = None
    symbol: Text | None = None
    status: MemorandumStatus | None = None
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    period: Period | None = None
    period_start: DerivedDay
    period_end: DerivedDay
    term: Term | None = None
    term_from: TermFrom | None = None
    city: Text | None = None
    country: Ref | None = None
    summary: Text | None = None
    language: Language | None = None
    parties_coverage: Coverage | None = None
    also_in: Places
    held: HeldBetweenGaps
    countries: Countries


_actions: sa.Table = models.Action.__table__
_done_in_series = (
    sa.select(_actions.c.of_id, IN_SERIES.c.series_id)
    .join(IN_SERIES, IN_SERIES.c.meeting_id == _actions.c.meeting_id)
    .subquery("done_in_series")
)

MEMORANDUM = Resource(
    kind=Kind.MEMORANDUM,
    plural="memoranda",
    model=Memorandum,
    table_model=models.Memorandum,
    filters={
        "party": Involves(
            "who is party to it, adopted or sponsored it: the id of a country, an organization or a person who signed. A"
            " country is party also through its ministries and through people who signed for it",
            "BY",
            kind=Kind.MEMORANDUM,
        ),
        "between": Between("two to five parties together, separated by commas", "BY,CN", kind=Kind.MEMORANDUM),
        "meeting": Among(
            "instruments to which something was done at this meeting",
            "wsis-tunis",
            table=_actions,
            select="of_id",
            match="meeting_id",
        ),
        "series": Among(
            "instruments to which something was done at a meeting of this series",
            "wsis",
            table=_done_in_series,
            select="of_id",
            match="series_id",
        ),
        "status": Equals("the furthest point stated", "signed", column="status", words=MemorandumStatus),
        "type": Equals("what sort of instrument", "memorandum", column="type", words=MemorandumType),
        "country": Equals("the country it was signed or adopted in; of several places the first", "BY", column="country_id"),
        "city": city_filter("a city it was signed or adopted in; case and marks do not matter", "geneva"),
        "term": Equals("how long it runs (ISO 8601)", "P3Y", column="term", free=True, normal=str.upper),
        "term_from": Equals("from when its term runs", "signed", column="term_from", words=TermFrom),
        "valid_at": ValidAt(
            "what held on this day, certainly or possibly, by its own actions; `held` says which", "2025-01-01", gaps=GAPS
        ),
        **window_filters("instruments signed or adopted at a time"),
        **named_filters("меморандум"),
    },
    sorts={
        "date": by(models.Memorandum.date_start, ascending=models.Memorandum.date_order),
        "name": by(models.Memorandum.name_key),
        **common_sorts(models.Memorandum),
    },
    default_sort="-date",
    includes={
        "parties": Include(Kind.PARTY, "memorandum", ordered("role", "party_id")),
        "relations": Include(Kind.RELATION, "memorandum", ordered("type", "related_id")),
        "actions": Include(Kind.ACTION, "of", acts_in_order),
        **CITATIONS,
    },
    dated_by_acts=True,
    label=label_of("name"),
    also_called=(
        "memorandums",
        "agreements",
        "treaties",
        "instruments",
        "mous",
        "declarations",
        "conventions",
        "protocols",
        "memos",
        "accords",
    ),
    searched=Searched(titles=("symbol", "city", "also_in.city"), texts=("summary", "date_note"), date="date"),
    rules=(goes_with("term_from", "term"),),
    example="by-cn-ict-mou-2024",
)
