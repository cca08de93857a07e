"""Outcomes: results of a meeting or of one side's act, such as pledges. A result that is an instrument is a memorandum."""

from typing import Literal

from app import models
from app.declaration.filters import Between, Equals, Involves
from app.declaration.model import AnyRef, DerivedDay, EventDate, Language, Period, Ref, Text
from app.declaration.resource import Actor, Include, Resource, Searched, Sides, Spokesman, by, ordered
from app.domain.vocabulary import Kind, OutcomeStatus, OutcomeType
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    label_of,
    named_filters,
    window_filters,
)


class Outcome(Record):
    """A result, such as a pledge, of a meeting or of what one party did alone. If it is an instrument, it is a memorandum."""

    kind: Literal[Kind.OUTCOME]
    name: Text
    type: OutcomeType
    date: EventDate | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    period: Period | None = None
    period_start: DerivedDay
    period_end: DerivedDay
    meeting: Ref | None = None
    made_by: AnyRef | None = None
    made_to: AnyRef | None = None
    subject: AnyRef | None = None
    status: OutcomeStatus | None = None
    summary: Text | None = None
    language: Language | None = None


OUTCOME = Resource(
    kind=Kind.OUTCOME,
    plural="outcomes",
    model=Outcome,
    table_model=models.Outcome,
    filters={
        "type": Equals("what sort of result", "pledge", column="type", words=OutcomeType),
        "status": Equals("what became of it", "realized", column="status", words=OutcomeStatus),
        "meeting": Equals("the meeting that brought it about", "connect-cis-2009", column="meeting_id"),
        "made_by": Equals("who put it forward, pledged or won it: who is named", "BY", column="made_by_id"),
        "made_to": Equals("to whom it was made", "AE", column="made_to_id"),
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
    includes={"actions": Include(Kind.ACTION, "of", ordered("date_order")), **CITATIONS},
    dated_by="meeting",
    actors=(Actor("made_by"), Actor("made_to")),
    sides=Sides("meeting", OutcomeType.UNDERSTANDING),
    spokesman=Spokesman("made_by", "meeting"),
    label=label_of("name"),
    searched=Searched(texts=("summary",), date="date"),
    example="by-ae-ems-pledge-2026",
)
