"""Series: things that recur under one name, such as meetings, a forum or a prize."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import DerivedDay, Language, Moment, Ref, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Coverage, Kind
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    ends_after_it_starts,
    label_of,
    named_filters,
)


class Series(Record):
    """Something that recurs under one name, such as meetings, a forum, a summit in phases or a prize."""

    kind: Literal[Kind.SERIES]
    name: Text
    parent: Ref | None = None
    organization: Ref | None = None
    country: Ref | None = None
    frequency: Text | None = None
    since: Moment | None = None
    since_start: DerivedDay
    since_end: DerivedDay
    until: Moment | None = None
    until_start: DerivedDay
    until_end: DerivedDay
    summary: Text | None = None
    language: Language | None = None
    members_coverage: Coverage | None = None


SERIES = Resource(
    kind=Kind.SERIES,
    plural="series",
    model=Series,
    table_model=models.Series,
    filters={
        "parent": Equals("the series it is part of", "wsis", column="parent_id"),
        "organization": Equals("the organization whose series it is", "sco", column="organization_id"),
        "country": Equals("the country whose series it is", "BY", column="country_id"),
        **named_filters("форум"),
    },
    sorts={
        "name": by(models.Series.name_key),
        "since": by(models.Series.since_start, ascending=models.Series.since_order),
        **common_sorts(models.Series),
    },
    default_sort="name",
    includes={
        "meetings": Include(Kind.MEETING, "series", ordered("date_order")),
        "members": Include(Kind.MEMBERSHIP, "of", ordered("since_order")),
        "parts": Include(Kind.SERIES, "parent", ordered("name_key")),
        **CITATIONS,
    },
    label=label_of("name"),
    also_called=("recurring-events",),
    searched=Searched(texts=("summary",)),
    rules=(ends_after_it_starts("since", "until"),),
    example="wsis",
)
