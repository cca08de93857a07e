"""Participants: people, organizations, countries and groups that took part in a meeting, each in a capacity."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from app import models
from app.declaration.filters import Among, Equals, Involves
from app.declaration.model import AnyRef, Computed, Count, Derived, DerivedDay, EventDate, Language, Ref, Text
from app.declaration.resource import Actor, Attendance, Resource, Searched, by
from app.domain.vocabulary import Kind, MeetingStatus, ParticipantRole, Presence, Qualifier, Rank
from app.models.columns import Content
from app.reading.ranks import place_of_rank
from app.resources.record import (
    CITATIONS,
    IN_SERIES,
    Record,
    common_filters,
    common_sorts,
    goes_with,
    label_of,
    window_filters,
)

_meetings: sa.Table = models.Meeting.__table__


def _status_of_meeting(rows: sa.FromClause) -> sa.ColumnElement[Any]:
    met = _meetings.alias("met")
    return sa.select(met.c.status).where(met.c.id == rows.c.meeting_id).correlate(rows).scalar_subquery()


class Participant(Record):
    """A person, organization, country or group that took part in a meeting, with the capacity in which it took part.

    A participant with two roles has two records.
    """

    kind: Literal[Kind.PARTICIPANT]
    meeting: Ref
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    person: Ref | None = None
    organization: Ref | None = None
    country: Ref | None = None
    group: Text | None = None
    count: Count | None = None
    count_qualifier: Qualifier | None = None
    role: ParticipantRole
    capacity: Text | None = None
    rank: Rank | None = None
    on_behalf_of: AnyRef | None = None
    presence: Presence | None = None
    meeting_status: Annotated[
        MeetingStatus | None,
        Derived(),
        Computed(_status_of_meeting, plain=True),
        Field(
            description="the status of the meeting: who is `expected` at a planned meeting may not come",
            json_schema_extra={"readOnly": True},
        ),
    ]
    contribution: Text | None = None
    language: Language | None = None


def by_rank(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the sort order of participants: the highest rank first; within a rank, people before all others; then by id."""
    return place_of_rank(table.c.rank), table.c.person_id.is_(None), table.c.id


def _names_somebody(content: Content) -> Iterator[tuple[str, str]]:
    if not any(content.get(name) for name in ("person", "organization", "country", "group")):
        yield "", "a participant names at least one of person, organization, country and group"


PARTICIPANT = Resource(
    kind=Kind.PARTICIPANT,
    plural="participants",
    model=Participant,
    table_model=models.Participant,
    filters={
        "meeting": Equals("the meeting", "ots-ict-2022", column="meeting_id"),
        "series": Among(
            "a series of meetings, joint sittings included",
            "wsis",
            table=IN_SERIES,
            select="meeting_id",
            match="series_id",
            field="meeting_id",
        ),
        "person": Equals("the person", "pavel-tkach", column="person_id"),
        "organization": Involves(
            "the organization they came from or acted for, its parts included", "by-mci", kind=Kind.PARTICIPANT
        ),
        "country": Involves(
            "the country they came from or acted for, also through its ministries and other bodies", "KZ", kind=Kind.PARTICIPANT
        ),
        "on_behalf_of": Equals("for whom they acted", "BY", column="on_behalf_of_id"),
        "role": Equals("what part they took", "speaker", column="role", words=ParticipantRole),
        "rank": Equals("the rank of their office", "minister", column="rank", words=Rank),
        "presence": Equals("how they were there", "remote", column="presence", words=Presence),
        **window_filters("those who took part in what"),
        **common_filters("meeting"),
    },
    sorts={
        "date": by(models.Participant.date_start, ascending=models.Participant.date_order),
        **common_sorts(models.Participant),
    },
    default_sort="-date",
    includes=CITATIONS,
    dated_by="meeting",
    actors=(Actor("person"), Actor("country"), Actor("organization"), Actor("on_behalf_of", reaches=False)),
    occasion="meeting",
    attendance=Attendance(
        "presence",
        never=(Presence.ABSENT,),
        until_held=(Presence.INVITED, Presence.EXPECTED),
        status="status",
        ahead=(MeetingStatus.PLANNED, MeetingStatus.POSTPONED),
    ),
    label=label_of("capacity", "group", "role"),
    also_called=(
        "delegates",
        "delegations",
        "attendees",
        "participations",
    ),
    searched=Searched(names=(), titles=("capacity", "group"), texts=("contribution", "date_note"), date="date"),
    named_by="capacity",
    covered_by=("meeting", "participants_coverage"),
    links=("meeting", "person"),
    natural_key=("meeting", "person", "organization", "country", "group", "role", "date", "capacity"),
    key_was=("meeting", "person", "organization", "country", "group", "role"),
    free_text=True,
    rules=(_names_somebody, goes_with("count_qualifier", "count")),
)
