"""Parties: countries and organizations that are party to an instrument, or that adopted, sponsored or keep it."""

from typing import Literal

from app import models
from app.declaration.filters import Equals, Involves, ValidAt
from app.declaration.model import AnyRef, Flag, Ref
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


class Party(Record):
    """A country or organization that is party to an instrument, or that adopted, sponsored or keeps it."""

    kind: Literal[Kind.PARTY]
    memorandum: Ref
    party: AnyRef
    members: Flag = False
    role: PartyRole
    signed_by: Ref | None = None
    held: HeldBetweenGaps


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
        "signed_by": Equals("who signed for it", "pavel-tkach", column="signed_by_id"),
        "valid_at": ValidAt(
            "who was party on this day, certainly or possibly, by their own actions; `held` says which", "2025-01-01", gaps=GAPS
        ),
        **common_filters("memorandum"),
    },
    sorts=common_sorts(models.Party),
    default_sort="id",
    includes=CITATIONS,
    actors=(Actor("party"), Actor("signed_by")),
    occasion="memorandum",
    label=label_of("role"),
    natural_key=("memorandum", "party", "members", "role"),
)
