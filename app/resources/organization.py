"""Organizations: bodies with members or acts of their own."""

from app import models
from app.models.vocabulary import Kind, OrganizationType
from app.reading.filters import Equals
from app.reading.model import DerivedDay, Moment, Ref, Text, Url
from app.reading.resource import Include, Resource, by
from app.resources.record import (
    CITATIONS,
    Identifiers,
    Names,
    Record,
    Topics,
    common_sorts,
    ends_after_it_starts,
    kind,
    label_of,
    named_filters,
)


class Organization(Record):
    """A body with members or acts of its own."""

    kind: kind(Kind.ORGANIZATION)
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
    names: Names
    identifiers: Identifiers
    topics: Topics


ORGANIZATION = Resource(
    kind=Kind.ORGANIZATION,
    plural="organizations",
    model=Organization,
    table_model=models.Organization,
    filters={
        "type": Equals("what it is", "ministry", column="type", words=OrganizationType),
        "country": Equals("whose it is: the country's id", "BY", column="country_id"),
        "parent": Equals("the organization it is part of", "un", column="parent_id"),
        "seat_country": Equals("the country it sits in", "UZ", column="seat_country_id"),
        **named_filters(),
    },
    sorts={
        "name": by(models.Organization.name_key),
        "founded": by(models.Organization.founded_start, ascending=models.Organization.founded_order),
        **common_sorts(models.Organization),
    },
    default_sort="name",
    includes={
        "members": Include(Kind.MEMBERSHIP, "of", lambda table: (table.c.ordinal.is_(None), table.c.ordinal, table.c.since_order, table.c.id)),
        "memberships": Include(Kind.MEMBERSHIP, "member", lambda table: (table.c.since_order, table.c.id)),
        "positions": Include(Kind.POSITION, "organization", lambda table: (table.c.since_order, table.c.id)),
        "series": Include(Kind.SERIES, "organization", lambda table: (table.c.name_key, table.c.id)),
        "parts": Include(Kind.ORGANIZATION, "parent", lambda table: (table.c.name_key, table.c.id)),
        **CITATIONS,
    },
    label=label_of("name"),
    rules=(ends_after_it_starts("founded", "dissolved"),),
    example="sco",
)
