"""Actions: what was done to instruments, outcomes and meetings, and when."""

from collections.abc import Iterator
from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import AnyRef, DerivedDay, EventDate, Language, Ref, Term, Text
from app.declaration.resource import Resource, Searched, WordsOf, by
from app.domain.vocabulary import ActionType, Kind
from app.models.columns import Content
from app.models.instruments import OF_MEETINGS
from app.resources.record import (
    CITATIONS,
    Record,
    common_filters,
    common_sorts,
    label_of,
    window_filters,
)


class Action(Record):
    """Something that was done to an instrument, an outcome or a meeting: its proposal, its signing, its end, its postponement.

    What was done to a meeting (`announced`, `postponed`, `moved`, `confirmed`, `cancelled`) may say its date before and after.
    """

    kind: Literal[Kind.ACTION]
    of: AnyRef
    type: ActionType
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    date_before: EventDate | None = None
    date_before_start: DerivedDay
    date_before_end: DerivedDay
    date_after: EventDate | None = None
    date_after_start: DerivedDay
    date_after_end: DerivedDay
    term: Term | None = None
    meeting: Ref | None = None
    party: AnyRef | None = None
    note: Text | None = None
    language: Language | None = None


def _goes_with_its_type(content: Content) -> Iterator[tuple[str, str]]:
    for field in ("date_before", "date_after"):
        if content.get(field) and content["type"] not in OF_MEETINGS:
            yield field, f"only these actions have it: {', '.join(OF_MEETINGS)}"
    if content.get("term") and content["type"] != ActionType.EXTENDED:
        yield "term", "only an action of the type extended has it"


ACTION = Resource(
    kind=Kind.ACTION,
    plural="actions",
    model=Action,
    table_model=models.Action,
    filters={
        "of": Equals("the instrument, outcome or meeting", "by-cn-ict-mou-2024", column="of_id"),
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
    also_called=(
        "acts",
        "signings",
        "activities",
    ),
    searched=Searched(names=(), texts=("note", "date_note"), date="date"),
    links=("of",),
    natural_key=("of", "type", "date", "meeting", "party", "date_before", "date_after", "note"),
    key_grew=("date_before", "date_after"),
    key_was=("of", "type", "date", "meeting", "party"),
    free_text=True,
    rules=(_goes_with_its_type,),
    words_of=WordsOf("type", "of", Kind.MEETING, OF_MEETINGS, also_of_others=(ActionType.ANNOUNCED,)),
)
