"""Positions: offices that people hold, and presidencies of countries and organizations."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from app import models
from app.declaration.filters import Equals, ValidAt
from app.declaration.model import AnyRef, DerivedDay, Language, Moment, Ref, ShownOn, Text
from app.declaration.resource import Resource, Searched, by
from app.domain.vocabulary import Kind
from app.models.columns import Content
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
    """An office that a person holds, or a presidency or seat that a country or organization holds.

    `attested` has the days on which a source shows that it was held.
    """

    kind: Literal[Kind.POSITION]
    person: Ref | None = None
    held_by: AnyRef | None = None
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
    attested: Annotated[list[ShownOn], Field(default=())]
    held: HeldOnDay


def _has_one_holder(content: Content) -> Iterator[tuple[str, str]]:
    if bool(content.get("person")) == bool(content.get("held_by")):
        yield (
            "person",
            "exactly one of person and held_by holds an office: held_by is for a presidency of a country or organization",
        )


POSITION = Resource(
    kind=Kind.POSITION,
    plural="positions",
    model=Position,
    table_model=models.Position,
    filters={
        "person": Equals("the person who holds it", "pavel-tkach", column="person_id"),
        "organization": Equals("the body in which it is held", "by-mci", column="organization_id"),
        "country": Equals("the state for which it is held", "BY", column="country_id"),
        "held_by": Equals("the country or organization that holds it", "CN", column="held_by_id"),
        "holder": Equals("who holds it, whoever it is", "pavel-tkach", column="holder_id"),
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
    also_called=(
        "offices",
        "posts",
        "jobs",
        "functions",
    ),
    searched=Searched(names=(), titles=("title",), date="since"),
    named_by="title",
    links=("person", "held_by"),
    natural_key=("holder", "title", "organization", "country", "since"),
    key_parts={"holder": ("person", "held_by")},
    key_was=("person", "title", "organization", "country"),
    period=("since", "until"),
    rules=(_has_one_holder, ends_after_it_starts("since", "until")),
)
