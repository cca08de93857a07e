"""Memberships of countries and organizations in organizations and series."""

from typing import Annotated, Literal

from pydantic import Field

from app import models
from app.declaration.filters import Answered, Equals, Involves, ValidAt
from app.declaration.model import AnyRef, DerivedDay, Flag, Moment, Ordinal, ShownOn
from app.declaration.resource import Actor, Resource, by
from app.domain.vocabulary import Kind, MembershipStatus
from app.resources.record import (
    CITATIONS,
    HeldOnDay,
    Record,
    common_filters,
    common_sorts,
    ends_after_it_starts,
    label_of,
)


class Membership(Record):
    """The membership of a country or an organization in an organization or a series.

    The filter `valid_at` returns the memberships that were valid, certainly or possibly, on a day.
    """

    kind: Literal[Kind.MEMBERSHIP]
    of: AnyRef
    member: AnyRef
    status: MembershipStatus
    founding: Flag | None = None
    ordinal: Ordinal | None = None
    since: Moment | None = None
    since_start: DerivedDay
    since_end: DerivedDay
    until: Moment | None = None
    until_start: DerivedDay
    until_end: DerivedDay
    attested: Annotated[list[ShownOn], Field(default=())]
    held: HeldOnDay


MEMBERSHIP = Resource(
    kind=Kind.MEMBERSHIP,
    plural="memberships",
    model=Membership,
    table_model=models.Membership,
    filters={
        "of": Equals("the organization or series", "sco", column="of_id"),
        "member": Involves(
            "the country or organization that belongs to it, also through its ministries and other bodies",
            "BY",
            kind=Kind.MEMBERSHIP,
        ),
        "member_exact": Equals("the very country or organization that belongs to it", "BY", column="member_id"),
        "status": Equals("how it belongs", "full", column="status", words=MembershipStatus),
        "founding": Answered("whether it is one of the founders; what no source says is left out", "true", column="founding"),
        "valid_at": ValidAt("what held on this day, certainly or possibly; `held` says which", "2025-01-01"),
        **common_filters("of"),
    },
    sorts={
        "since": by(models.Membership.since_start, ascending=models.Membership.since_order),
        **common_sorts(models.Membership),
    },
    default_sort="-since",
    includes=CITATIONS,
    actors=(Actor("member"),),
    label=label_of("status"),
    covered_by=("of", "members_coverage"),
    also_called=("members",),
    links=("of", "member"),
    natural_key=("of", "member", "status", "since"),
    key_was=("of", "member", "status"),
    period=("since", "until"),
    rules=(ends_after_it_starts("since", "until"),),
)
