"""Actions: what was done to instruments and outcomes, and when."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import AnyRef, DerivedDay, EventDate, Language, Ref, Text
from app.declaration.resource import Resource, Searched, by
from app.domain.vocabulary import ActionType, Kind
from app.resources.record import (
    CITATIONS,
    Record,
    common_filters,
    common_sorts,
    label_of,
    window_filters,
)


class Action(Record):
    """Something that was done to an instrument or an outcome, such as its proposal, its signing or its end."""

    kind: Literal[Kind.ACTION]
    of: AnyRef
    type: ActionType
    date: EventDate | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    meeting: Ref | None = None
    party: AnyRef | None = None
    note: Text | None = None
    language: Language | None = None


ACTION = Resource(
    kind=Kind.ACTION,
    plural="actions",
    model=Action,
    table_model=models.Action,
    filters={
        "of": Equals("the instrument or outcome", "by-cn-ict-mou-2024", column="of_id"),
        "type": Equals("what was done", "reviewed", column="type", words=ActionType),
        "meeting": Equals("the meeting at which it was done", "by-ae-talks-2026-01-28", column="meeting_id"),
        "party": Equals("the party whose authority did it", "BY", column="party_id"),
        **window_filters("what was done at a time"),
        **common_filters("of"),
    },
    sorts={
        "date": by(models.Action.date_start, ascending=models.Action.date_order),
        **common_sorts(models.Action),
    },
    default_sort="-date",
    includes=CITATIONS,
    dated_by="meeting",
    label=label_of("type"),
    searched=Searched(names=(), texts=("note",), date="date"),
    links=("of",),
    natural_key=("of", "type", "date", "meeting", "party", "note"),
    key_was=("of", "type", "date", "meeting", "party"),
    free_text=True,
)
