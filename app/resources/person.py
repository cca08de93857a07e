"""People who take part in meetings, hold offices or sign instruments."""

from typing import Literal

import sqlalchemy as sa

from app import models
from app.declaration.filters import Among
from app.declaration.model import Language, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Kind, Rank
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    label_of,
    named_filters,
)


class Person(Record):
    """A person who takes part in meetings, holds an office or signs instruments."""

    kind: Literal[Kind.PERSON]
    name: Text
    sort_name: Text | None = None
    summary: Text | None = None
    language: Language | None = None


_positions: sa.Table = models.Position.__table__
_participants: sa.Table = models.Participant.__table__
_involved: sa.Table = models.Involvement.__table__
_acted = sa.select(_participants.c.person_id, _involved.c.actor_id).join(
    _involved, sa.and_(_involved.c.record_id == _participants.c.id, _involved.c.actor_id != _participants.c.person_id)
)
_seats: sa.Table = models.Organization.__table__
_for_country = sa.union_all(
    sa.select(_positions.c.person_id, _positions.c.country_id),
    sa.select(_positions.c.person_id, _seats.c.country_id).join(_seats, _seats.c.id == _positions.c.organization_id),
    _acted,
).subquery("for_country")
_for_organization = sa.union_all(
    sa.select(_positions.c.person_id, _positions.c.organization_id),
    _acted,
).subquery("for_organization")

PERSON = Resource(
    kind=Kind.PERSON,
    plural="people",
    model=Person,
    table_model=models.Person,
    filters={
        "country": Among(
            "people who held an office of this country or of one of its bodies, or took part in a meeting for it",
            "BY",
            table=_for_country,
            select="person_id",
            match="country_id",
        ),
        "organization": Among(
            "people who held an office in this organization, or took part in a meeting for it or for one of its parts",
            "by-mci",
            table=_for_organization,
            select="person_id",
            match="organization_id",
        ),
        "rank": Among(
            "people who took part in a meeting in an office of this rank",
            "minister",
            table=_participants,
            select="person_id",
            match="rank",
            words=Rank,
        ),
        **named_filters("ткач"),
    },
    sorts={
        "name": by(models.Person.name_key),
        "sort_name": by(models.Person.sort_key),
        **common_sorts(models.Person),
    },
    default_sort="name",
    includes={
        "positions": Include(Kind.POSITION, "person", ordered("since_order")),
        "participants": Include(Kind.PARTICIPANT, "person", ordered("date_order")),
        "interviews": Include(Kind.SOURCE, "interviewee", ordered("published_order")),
        "signatures": Include(Kind.PARTY, "signatories.person", filter="signed_by"),
        **CITATIONS,
    },
    label=label_of("name"),
    searched=Searched(names=("name", "sort_name"), texts=("summary",)),
    example="pavel-tkach",
)
