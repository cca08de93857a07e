"""Positions: offices that people hold."""

from typing import Annotated, Literal

from pydantic import Field

from app import models
from app.declaration.filters import Equals, ValidAt
from app.declaration.model import DerivedDay, EventDate, Language, Moment, Ref, Text
from app.declaration.resource import Resource, Searched, by
from app.domain.vocabulary import Kind
from app.resources.record import (
    CITATIONS,
    HeldOnDay,
    Record,
    common_filters,
    common_sorts,
    ends_after_it_starts,
    label_of,
)


class Position(Record):
    """An office that a person holds, with the days for which a source confirms that the person held it."""

    kind: Literal[Kind.POSITION]
    person: Ref
    title: Text
    language: Language | None = None
    organization: Ref | None = None
    country: Ref | None = None
    since: Moment | None = None
    since_start: DerivedDay
    since_end: DerivedDay
    until: Moment | None = None
    until_start: DerivedDay
    until_end: DerivedDay
    attested: Annotated[list[EventDate], Field(default=())]
    held: HeldOnDay


POSITION = Resource(
    kind=Kind.POSITION,
    plural="positions",
    model=Position,
    table_model=models.Position,
    filters={
        "person": Equals("who holds it", "pavel-tkach", column="person_id"),
        "organization": Equals("the body in which it is held", "by-mci", column="organization_id"),
        "country": Equals("the state for which it is held", "BY", column="country_id"),
        "valid_at": ValidAt("what was held on this day, certainly or possibly; `held` says which", "2025-06-16"),
        **common_filters("organization"),
    },
    sorts={
        "since": by(models.Position.since_start, ascending=models.Position.since_order),
        **common_sorts(models.Position),
    },
    default_sort="-since",
    includes=CITATIONS,
    label=label_of("title"),
    searched=Searched(names=(), titles=("title",), date="since"),
    named_by="title",
    links=("person",),
    natural_key=("person", "title", "organization", "country", "since"),
    key_was=("person", "title", "organization", "country"),
    period=("since", "until"),
    rules=(ends_after_it_starts("since", "until"),),
)
