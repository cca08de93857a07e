"""People who take part in meetings, hold offices or sign instruments."""

from typing import Literal

import sqlalchemy as sa

from app import models
from app.declaration.filters import ActsFor, Among
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


_participants: sa.Table = models.Participant.__table__

PERSON = Resource(
    kind=Kind.PERSON,
    plural="people",
    model=Person,
    table_model=models.Person,
    filters={
        "country": ActsFor(
            "people who held an office of this country or of one of its bodies, or took part in a meeting for it",
            "BY",
            of_body="country_id",
            of_office="country_id",
            kinds=(Kind.COUNTRY,),
        ),
        "organization": ActsFor(
            "people who held an office in this organization or in one of its parts, or took part in a meeting for it",
            "by-mci",
            of_body="id",
            of_office="organization_id",
            kinds=(Kind.ORGANIZATION,),
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
    also_called=(
        "persons",
        "individuals",
        "contacts",
    ),
    searched=Searched(names=("name", "sort_name"), texts=("summary",)),
    example="pavel-tkach",
)
