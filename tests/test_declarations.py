"""Incomplete declarations of kinds: the start says what is missing, in one sentence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.declaration.completeness import require_complete
from app.declaration.filters import Equals, Involves
from app.declaration.model import Text
from app.declaration.resource import Actor, Include, Resource, Sides, by, renamed
from app.domain.vocabulary import Kind
from app.errors import IncompleteDeclaration
from app.models import Meeting
from app.resources import RESOURCES
from app.resources.meeting import MEETING
from app.resources.outcome import OUTCOME
from app.resources.party import PARTY
from app.resources.record import Record
from app.resources.topic import TOPIC


class Lacking(Record):
    """Meetings without most of their fields, and with one that has no column."""

    never_declared: Text | None = None


def instead(resource: Resource, **changes: Any) -> Sequence[Resource]:
    """All resources, one of them declared otherwise."""
    return [replace(each, **changes) if each is resource else each for each in RESOURCES]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ([each for each in RESOURCES if each is not TOPIC], "the kind 'topic' has no resource: add it to RESOURCES"),
        (RESOURCES[::-1], "RESOURCES is not in the order of Kind"),
        (instead(MEETING, model=Lacking), "Lacking: the field 'never_declared' has no column in the table 'meetings'"),
        (instead(MEETING, model=Lacking), "Lacking: the column 'type' of the table 'meetings' has no field"),
        (instead(OUTCOME, actors=(Actor("winner"),)), "Outcome: actors names the field 'winner', which it does not have"),
        (instead(OUTCOME, actors=(Actor("name"),)), "Outcome: 'name' must be a reference, because it says who is involved"),
        (instead(OUTCOME, sides=Sides("forum", Kind.TOPIC)), "Outcome: sides names the field 'forum'"),
        (instead(PARTY, dated_by="memorandum"), "Party: dated_by is 'memorandum', but the table 'parties' has no date"),
        (
            instead(PARTY, occasion=""),
            "Party: its actors need a date: make the table 'parties' Dated or Lasting, or name an occasion",
        ),
        (
            instead(MEETING, sorts={**MEETING.sorts, "place": by(Meeting.ordinal)}),
            "the sort 'place' needs a column that is never",
        ),
        (
            instead(MEETING, filters={"of": Equals("whose", "BY", column="of_id")}),
            "the filter 'of' asks for the column 'of_id'",
        ),
        (
            instead(MEETING, filters={"place": Equals("which of its series", "4", column="ordinal")}),
            "the filter 'place' asks for the column 'ordinal', which holds no text: filters compare texts",
        ),
        (instead(OUTCOME, filters={"by": Involves("who", "BY")}), "Outcome: the filter 'by' is of another kind: meeting"),
        (instead(TOPIC, includes={"kin": Include(Kind.TOPIC, "kin")}), "Topic: the include 'kin' goes through 'kin', which no"),
        (instead(TOPIC, formerly={"above": renamed("over")}), "Topic: formerly turns 'above' into the field 'over', which it"),
        (instead(TOPIC, default_sort="-weight"), "Topic: default_sort is '-weight', which is not among its sorts"),
    ],
)
def test_what_is_missing_is_told_in_a_sentence(resources: Sequence[Resource], said: str) -> None:
    with pytest.raises(IncompleteDeclaration) as refused:
        require_complete(resources)
    assert said in str(refused.value)


def test_a_kind_needs_a_role() -> None:
    with pytest.raises(TypeError, match="the kind 'interview' has no role: add Role"):
        Kind.__init__(Kind.TOPIC, "interview", "an interview")
