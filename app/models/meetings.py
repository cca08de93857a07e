"""Tables of series, meetings and participants."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.vocabulary import (
    Kind,
    MeetingFormat,
    MeetingStatus,
    MeetingType,
    ParticipantRole,
    Presence,
    Qualifier,
    Rank,
)
from app.models.columns import (
    Base,
    Dated,
    Lasting,
    Named,
    any_of,
    coverage,
    kind_of,
    language,
    lookups,
    natural_key,
    number,
    orders,
    reference,
    spelling,
    text,
    windows,
    word,
)


class Series(Named, Lasting, Base):
    """A series: something that recurs under one name, such as meetings, a forum or a prize."""

    __tablename__ = "series"
    __table_args__ = (
        *orders("name_key", "since_start", "since_order", "updated_at", "created_at"),
        *lookups("name_key", "parent_id", "organization_id", "country_id"),
        {"comment": "what recurs under one name: meetings, forums, summits in phases, prizes"},
    )

    parent_id: Mapped[str | None] = reference("series", "the series it is part of")
    organization_id: Mapped[str | None] = reference("organizations", "the organization whose series it is")
    country_id: Mapped[str | None] = reference("countries", "the country whose series it is")
    frequency: Mapped[str | None] = text("how often, as stated")
    summary: Mapped[str | None] = text("what it is, in the registry's words")
    language: Mapped[str | None] = language()
    members_coverage: Mapped[str | None] = coverage("members")


class JointSeries(Base):
    """A further series of a meeting that several bodies held together."""

    __tablename__ = "joint_series"
    __table_args__ = (
        sa.Index(None, "series_id", "record_id"),
        {"comment": "the series of meetings besides the first: joint sittings"},
    )

    record_id: Mapped[str] = reference("records", "the meeting", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the further series, from 0")
    series_id: Mapped[str] = reference("series", "the series it belongs to as well")
    ordinal: Mapped[int | None] = number("the how-manieth of that series it is")


class Meeting(Named, Dated, Base):
    """A meeting: an occasion that has its own date, place or named participants."""

    __tablename__ = "meetings"
    __table_args__ = (
        *windows(),
        *orders("name_key", "updated_at", "created_at"),
        *lookups("date_start", "country_id", "series_id", "type", "status", "format", "part_of_id", "city_key"),
        {"comment": "occasions with a date, place or named participants of their own"},
    )

    type: Mapped[str | None] = word(MeetingType, "what sort of occasion")
    series_id: Mapped[str | None] = reference("series", "the series it belongs to")
    ordinal: Mapped[int | None] = number("the how-manieth of its series it is")
    part_of_id: Mapped[str | None] = reference(
        "meetings", "the larger occasion of which it is part, or on whose margins it was held"
    )
    city: Mapped[str | None] = text("the city it was held in, where stated")
    city_key: Mapped[str | None] = spelling("city")
    country_id: Mapped[str | None] = reference("countries", "the country it was held in, where stated")
    venue: Mapped[str | None] = text("the house or hall, where stated")
    format: Mapped[str | None] = word(MeetingFormat, "how those present met")
    status: Mapped[str | None] = word(MeetingStatus, "as the source says, never by the clock")
    theme: Mapped[str | None] = text("its theme or motto")
    summary: Mapped[str | None] = text("what it was about, in the registry's words")
    attendance: Mapped[int | None] = number("how many attended")
    attendance_qualifier: Mapped[str | None] = word(Qualifier, "how exact `attendance` is")
    language: Mapped[str | None] = language()
    participants_coverage: Mapped[str | None] = coverage("participants")


class Participant(Dated, Base):
    """A person, organization, country or group that took part in a meeting, and in what capacity."""

    __tablename__ = "participants"
    __table_args__ = (
        *windows(),
        *orders("updated_at", "created_at"),
        *lookups("date_start", "meeting_id", "person_id", "organization_id", "country_id", "on_behalf_of_id", "role", "rank"),
        *lookups("date_start", "presence"),
        sa.Index("uq_participants_key", "natural_key", unique=True),
        sa.CheckConstraint('coalesce(person_id, organization_id, country_id, "group") IS NOT NULL', name="somebody"),
        {"comment": "who took part in a meeting, in what capacity"},
    )

    natural_key: Mapped[str] = natural_key("meeting", "person", "organization", "country", "group", "role", "date", "capacity")
    meeting_id: Mapped[str] = reference("meetings", "the meeting")
    person_id: Mapped[str | None] = reference("people", "the person")
    organization_id: Mapped[str | None] = reference("organizations", "the body they came from, or that took part")
    country_id: Mapped[str | None] = reference("countries", "the country they came from, or that took part")
    group: Mapped[str | None] = text("who took part, where a group is named by description alone")
    count: Mapped[int | None] = number("how many they were")
    count_qualifier: Mapped[str | None] = word(Qualifier, "how exact `count` is")
    role: Mapped[str] = word(ParticipantRole, "what part they took")
    capacity: Mapped[str | None] = text("the office in which they took part, as printed, in the nominative")
    rank: Mapped[str | None] = word(Rank, "the rank of that office")
    on_behalf_of_id: Mapped[str | None] = any_of(
        *(Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON),
        comment="for whom they acted or whom they represented, where it is not their own country or body",
    )
    on_behalf_of_kind: Mapped[str | None] = kind_of(on_behalf_of_id)
    presence: Mapped[str | None] = word(Presence, "how they were there")
    contribution: Mapped[str | None] = text("the report or speech they gave, in the registry's words")
    language: Mapped[str | None] = language()
