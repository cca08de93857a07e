"""Outcomes: results of a meeting or of one side's act, such as pledges. A result that is an instrument is a memorandum."""

from functools import partial
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from app import models
from app.declaration.filters import Among, Between, Equals, Involves
from app.declaration.model import AnyRef, DerivedDay, EventDate, Language, Model, Part, Period, Ref, Text
from app.declaration.resource import Actor, Include, Only, Resource, Searched, Sides, Spokesman, by
from app.domain.vocabulary import Kind, OtherRole, OutcomeStatus, OutcomeType
from app.resources.record import (
    CITATIONS,
    Record,
    acts_in_order,
    common_sorts,
    label_of,
    named_filters,
    window_filters,
)


class Other(Model):
    """A further actor of an outcome."""

    actor: Annotated[AnyRef, Field(description="the country, organization or person")]
    role: Annotated[OtherRole, Field(description=f"what it has to do with it: {OtherRole.described()}")]


_others: sa.Table = models.OtherActor.__table__
_outcomes: sa.Table = models.Outcome.__table__
Others = Annotated[
    list[Other],
    Part(_others, "record_id", ("actor_id", "role"), ("place",)),
    Field(
        default=(),
        description="the actors besides the first maker and the first addressee; who carries it out; who gave an award",
    ),
]


def _actors(role: OtherRole, column: str | None = None) -> sa.FromClause:
    """The outcomes of each actor that has this role in `others`, or is named in the column."""
    further = sa.select(_others.c.record_id, _others.c.actor_id).where(_others.c.role == sa.literal_column(f"'{role}'"))
    if column is None:
        return further.subquery(f"of_each_{role}")
    named = sa.select(_outcomes.c.id.label("record_id"), _outcomes.c[column].label("actor_id"))
    return sa.union_all(named, further).subquery(f"of_each_{role}")


class Outcome(Record):
    """A result, such as a pledge, of a meeting or of what one party did alone. If it is an instrument, it is a memorandum."""

    kind: Literal[Kind.OUTCOME]
    name: Text
    type: OutcomeType
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    period: Period | None = None
    period_start: DerivedDay
    period_end: DerivedDay
    meeting: Ref | None = None
    made_by: AnyRef | None = None
    made_to: AnyRef | None = None
    others: Others
    subject: AnyRef | None = None
    status: OutcomeStatus | None = None
    summary: Text | None = None
    language: Language | None = None


_INVOLVED = (OtherRole.MAKER, OtherRole.ADDRESSEE, OtherRole.GIVER)
_ByRole = partial(Among, select="record_id", match="actor_id", kinds=(Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON))

OUTCOME = Resource(
    kind=Kind.OUTCOME,
    plural="outcomes",
    model=Outcome,
    table_model=models.Outcome,
    filters={
        "type": Equals("what sort of result", "pledge", column="type", words=OutcomeType),
        "status": Equals("what became of it", "realized", column="status", words=OutcomeStatus),
        "meeting": Equals("the meeting that brought it about", "connect-cis-2009", column="meeting_id"),
        "made_by": _ByRole(
            "who put it forward, pledged or won it: who is named", "BY", table=_actors(OtherRole.MAKER, "made_by_id")
        ),
        "made_to": _ByRole("to whom it was made", "AE", table=_actors(OtherRole.ADDRESSEE, "made_to_id")),
        "carrier": _ByRole("who carries it out for others", "by-mci", table=_actors(OtherRole.CARRIER)),
        "giver": _ByRole("who gave the award", "itu", table=_actors(OtherRole.GIVER)),
        "subject": Equals("the record it is about", "ems-cooperative-board", column="subject_id"),
        "participant": Involves(
            "who made it, to whom it was made, and for an understanding who took part in its meeting; a country also through"
            " its bodies, and through a person who made it at a meeting where they acted for it",
            "UZ",
            kind=Kind.OUTCOME,
        ),
        "between": Between("two to five actors involved together, separated by commas", "BY,AE", kind=Kind.OUTCOME),
        **window_filters("results of a time"),
        **named_filters("форум"),
    },
    sorts={
        "date": by(models.Outcome.date_start, ascending=models.Outcome.date_order),
        "name": by(models.Outcome.name_key),
        **common_sorts(models.Outcome),
    },
    default_sort="-date",
    includes={"actions": Include(Kind.ACTION, "of", acts_in_order), **CITATIONS},
    dated_by="meeting",
    actors=(
        Actor("made_by"),
        Actor("made_to"),
        Actor("others.actor", only=Only("role", _INVOLVED)),
    ),
    sides=Sides("meeting", OutcomeType.UNDERSTANDING),
    spokesmen=(Spokesman("made_by", "meeting"), Spokesman("others.actor", "meeting", Only("role", (OtherRole.MAKER,)))),
    label=label_of("name"),
    also_called=(
        "results",
        "decisions",
        "commitments",
        "pledges",
    ),
    searched=Searched(texts=("summary", "date_note"), date="date"),
    example="by-ae-ems-pledge-2026",
)
