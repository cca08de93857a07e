"""Organizations: bodies that have members or act in their own name."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import DerivedDay, Language, Moment, Ref, Text, Url
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Coverage, Kind, OrganizationType
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    ends_after_it_starts,
    label_of,
    named_filters,
)


class Organization(Record):
    """A body that has members or acts in its own name."""

    kind: Literal[Kind.ORGANIZATION]
    name: Text
    acronym: Text | None = None
    type: OrganizationType | None = None
    country: Ref | None = None
    parent: Ref | None = None
    seat: Text | None = None
    seat_country: Ref | None = None
    founded: Moment | None = None
    founded_start: DerivedDay
    founded_end: DerivedDay
    dissolved: Moment | None = None
    dissolved_start: DerivedDay
    dissolved_end: DerivedDay
    website: Url | None = None
    summary: Text | None = None
    language: Language | None = None
    members_coverage: Coverage | None = None


ORGANIZATION = Resource(
    kind=Kind.ORGANIZATION,
    plural="organizations",
    model=Organization,
    table_model=models.Organization,
    filters={
        "type": Equals("what it is", "ministry", column="type", words=OrganizationType),
        "country": Equals("whose it is: the country's id", "BY", column="country_id"),
        "parent": Equals("the organization it is part of", "united-nations", column="parent_id"),
        "seat_country": Equals("the country it sits in", "UZ", column="seat_country_id"),
        **named_filters("минсвязи"),
    },
    sorts={
        "name": by(models.Organization.name_key),
        "founded": by(models.Organization.founded_start, ascending=models.Organization.founded_order),
        **common_sorts(models.Organization),
    },
    default_sort="name",
    includes={
        "members": Include(Kind.MEMBERSHIP, "of", ordered("since_order")),
        "memberships": Include(Kind.MEMBERSHIP, "member", ordered("since_order"), filter="member_exact"),
        "presidencies": Include(Kind.POSITION, "held_by", ordered("since_order")),
        "positions": Include(Kind.POSITION, "organization", ordered("since_order")),
        "series": Include(Kind.SERIES, "organization", ordered("name_key")),
        "parts": Include(Kind.ORGANIZATION, "parent", ordered("name_key")),
        **CITATIONS,
    },
    label=label_of("name"),
    also_called=(
        "organisations",
        "orgs",
        "bodies",
        "institutions",
        "agencies",
        "ministries",
        "companies",
    ),
    searched=Searched(names=("name", "acronym"), titles=("seat",), texts=("summary",)),
    rules=(ends_after_it_starts("founded", "dissolved"),),
    example="sco",
)
