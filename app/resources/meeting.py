"""Meetings: occasions that have their own date, place or named participants."""

from collections.abc import Iterator
from typing import Literal

from app import models
from app.declaration.filters import Among, Between, Equals, Involves
from app.declaration.model import Count, DerivedDay, EventDate, Language, Ordinal, Ref, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Coverage, Kind, MeetingFormat, MeetingStatus, MeetingType, Qualifier
from app.models.columns import Content
from app.resources.participant import by_rank
from app.resources.record import (
    CITATIONS,
    IN_SERIES,
    Countries,
    JointWith,
    Places,
    Record,
    city_filter,
    common_sorts,
    goes_with,
    label_of,
    named_filters,
    window_filters,
)


class Meeting(Record):
    """An occasion that has its own date, place or named participants."""

    kind: Literal[Kind.MEETING]
    name: Text
    type: MeetingType | None = None
    series: Ref | None = None
    ordinal: Ordinal | None = None
    joint_with: JointWith
    part_of: Ref | None = None
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    city: Text | None = None
    country: Ref | None = None
    venue: Text | None = None
    format: MeetingFormat | None = None
    status: MeetingStatus | None = None
    theme: Text | None = None
    summary: Text | None = None
    attendance: Count | None = None
    attendance_qualifier: Qualifier | None = None
    language: Language | None = None
    participants_coverage: Coverage | None = None
    also_in: Places
    countries: Countries


def _sits_once_for_each(content: Content) -> Iterator[tuple[str, str]]:
    series = [content.get("series"), *(each["series"] for each in content.get("joint_with", ()))]
    if len(set(series)) < len(series):
        yield "joint_with", "has a series twice, or the one in series"


MEETING = Resource(
    kind=Kind.MEETING,
    plural="meetings",
    model=Meeting,
    table_model=models.Meeting,
    filters={
        "country": Equals("the country it was held in; of several places the first", "CN", column="country_id"),
        "city": city_filter("a city it was held in; case and marks do not matter", "karamay"),
        "participant": Involves(
            "who took part: the id of a person, an organization or a country. An organization takes part also through its"
            " parts, a country also through its bodies and through people who acted for it",
            "BY",
            kind=Kind.MEETING,
        ),
        "between": Between("two to five actors who took part together, separated by commas", "BY,CN", kind=Kind.MEETING),
        "series": Among(
            "a series that it belongs to, joint sittings included",
            "wsis",
            table=IN_SERIES,
            select="meeting_id",
            match="series_id",
        ),
        "part_of": Equals(
            "the larger occasion of which it is part, or on whose margins it was held",
            "by-visit-dubai-2025",
            column="part_of_id",
        ),
        "memorandum": Among(
            "meetings at which something was done to this instrument",
            "by-cn-ict-mou-2024",
            table=models.Action.__table__,
            select="meeting_id",
            match="of_id",
        ),
        "type": Equals("what sort of occasion", "talks", column="type", words=MeetingType),
        "status": Equals("as the source says", "held", column="status", words=MeetingStatus),
        "meeting_format": Equals("how those present met", "in_person", column="format", words=MeetingFormat),
        **window_filters("meetings"),
        **named_filters("совещание"),
    },
    sorts={
        "date": by(models.Meeting.date_start, ascending=models.Meeting.date_order),
        "name": by(models.Meeting.name_key),
        **common_sorts(models.Meeting),
    },
    default_sort="-date",
    includes={
        "participants": Include(Kind.PARTICIPANT, "meeting", by_rank),
        "outcomes": Include(Kind.OUTCOME, "meeting", ordered("type")),
        "actions": Include(Kind.ACTION, "meeting", ordered("type", "of_id")),
        "changes": Include(Kind.ACTION, "of", ordered("date_order")),
        "parts": Include(Kind.MEETING, "part_of", ordered("date_order")),
        **CITATIONS,
    },
    label=label_of("name"),
    also_called=(
        "events",
        "conferences",
        "summits",
        "talks",
        "forums",
        "visits",
    ),
    searched=Searched(titles=("city", "also_in.city", "venue", "theme"), texts=("summary", "date_note"), date="date"),
    rules=(_sits_once_for_each, goes_with("attendance_qualifier", "attendance"), goes_with("ordinal", "series")),
    example="sco-ict-2025",
)
