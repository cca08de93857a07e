"""Parties: countries and organizations that are party to an instrument, or that adopted, sponsored or keep it."""

from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import Field, model_validator

from app import models
from app.declaration.filters import Among, Equals, Involves, ValidAt
from app.declaration.model import AnyRef, Flag, Model, Part, Ref, Text
from app.declaration.resource import Actor, Resource
from app.domain.vocabulary import Kind, PartyRole
from app.resources.record import (
    CITATIONS,
    GAPS,
    HeldBetweenGaps,
    Record,
    common_filters,
    common_sorts,
    label_of,
)


class Signatory(Model):
    """Who signed for a party: a person, an office without a name, or both."""

    person: Annotated[Ref | None, Field(default=None, description="who signed")]
    capacity: Annotated[
        Text | None,
        Field(default=None, description="the capacity in which they signed, as printed", examples=["Minister of Justice"]),
    ]

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.person is None and self.capacity is None:
            raise ValueError("a signatory has a person, a capacity, or both")
        return self


_signatories: sa.Table = models.Signatory.__table__
Signatories = Annotated[
    list[Signatory],
    Part(_signatories, "record_id", ("person_id", "capacity"), ("place",), in_lists=True),
    Field(default=(), description="who signed for it"),
]


def _signed_by(person: Any) -> dict[str, Any]:
    """The field of release 0.1.0: one person who signed."""
    return {"signatories": [] if person is None else [{"person": person}]}


class Party(Record):
    """A country or organization that is party to an instrument, or that adopted, sponsored or keeps it."""

    kind: Literal[Kind.PARTY]
    memorandum: Ref
    party: AnyRef
    members: Flag = False
    role: PartyRole
    held: HeldBetweenGaps
    signatories: Signatories


PARTY = Resource(
    kind=Kind.PARTY,
    plural="parties",
    model=Party,
    table_model=models.Party,
    filters={
        "memorandum": Equals("the instrument", "by-cn-ict-mou-2024", column="memorandum_id"),
        "party": Equals("the country or organization itself", "by-mci", column="party_id"),
        "country": Involves(
            "a country as party, also through its ministries and through people who signed for it", "BY", kind=Kind.PARTY
        ),
        "role": Equals("how it stands to the instrument", "party", column="role", words=PartyRole),
        "signed_by": Among("who signed for it", "pavel-tkach", table=_signatories, select="record_id", match="person_id"),
        "valid_at": ValidAt(
            "who was party on this day, certainly or possibly, by their own actions; `held` says which", "2025-01-01", gaps=GAPS
        ),
        **common_filters("memorandum"),
    },
    sorts=common_sorts(models.Party),
    default_sort="id",
    includes=CITATIONS,
    actors=(Actor("party"), Actor("signatories.person")),
    occasion="memorandum",
    formerly={"signed_by": _signed_by},
    label=label_of("role"),
    covered_by=("memorandum", "parties_coverage"),
    also_called=("signatories",),
    links=("memorandum", "party"),
    natural_key=("memorandum", "party", "members", "role"),
)
