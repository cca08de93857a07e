"""What everybody writes, written well: FastAPI, an AsyncSession a request, ORM classes, response models from attributes."""
# ruff: noqa: D101, D102 - the twin's classes are what their names say

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict
from sqlalchemy import DateTime, ForeignKey, String, and_, case, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, joinedload, mapped_column, relationship, selectinload

RANKS = (
    *("head_of_state", "head_of_government", "deputy_head_of_government", "head_of_organization", "minister"),
    *("deputy_minister", "ambassador", "head_of_agency", "official", "expert"),
)

URL = os.environ["BENCH_URL"]
"""A file of SQLite, or the URL of a Postgres database."""
ON_POSTGRES = URL.startswith("postgresql")
Moment = DateTime(timezone=True) if ON_POSTGRES else String()


def _as_text(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


Instant = Annotated[str, BeforeValidator(_as_text)]

# -- tables ---------------------------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """The ORM's classes; what a query does not load may not be loaded later by accident."""


class Record(Base):
    __tablename__ = "records"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]


class Country(Base):
    __tablename__ = "countries"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Topic(Base):
    __tablename__ = "topics"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Person(Base):
    __tablename__ = "people"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Organization(Base):
    __tablename__ = "organizations"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Series(Base):
    __tablename__ = "series"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Source(Base):
    __tablename__ = "sources"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    url: Mapped[str | None]

    @property
    def name(self) -> str:
        return self.title


class Name(Base):
    __tablename__ = "names"
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str]
    text: Mapped[str]
    type: Mapped[str]


class Identifier(Base):
    __tablename__ = "identifiers"
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    scheme: Mapped[str]
    identifier: Mapped[str]


class RecordTopic(Base):
    __tablename__ = "record_topics"
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    topic_id: Mapped[str] = mapped_column(ForeignKey("topics.id"))


class JointSeries(Base):
    __tablename__ = "joint_series"
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"))
    ordinal: Mapped[int | None]
    series: Mapped[Series] = relationship(lazy="raise_on_sql")


class FurtherPlace(Base):
    __tablename__ = "further_places"
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str]
    country_id: Mapped[str | None] = mapped_column(ForeignKey("countries.id"))
    country: Mapped[Country | None] = relationship(lazy="raise_on_sql")


class Involvement(Base):
    __tablename__ = "involvements"
    actor_id: Mapped[str] = mapped_column(ForeignKey("countries.id"), primary_key=True)
    record_kind: Mapped[str] = mapped_column(primary_key=True)
    date_start: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    actor_kind: Mapped[str]


class Participant(Base):
    __tablename__ = "participants"
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[Any] = mapped_column(Moment)
    updated_at: Mapped[Any] = mapped_column(Moment)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"))
    date: Mapped[str | None]
    date_note: Mapped[str | None]
    date_start: Mapped[str]
    date_end: Mapped[str]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    organization_id: Mapped[str | None] = mapped_column(ForeignKey("organizations.id"))
    country_id: Mapped[str | None] = mapped_column(ForeignKey("countries.id"))
    group: Mapped[str | None]
    count: Mapped[int | None]
    count_qualifier: Mapped[str | None]
    role: Mapped[str]
    capacity: Mapped[str | None]
    rank: Mapped[str | None]
    on_behalf_of_id: Mapped[str | None] = mapped_column(ForeignKey("records.id"))
    presence: Mapped[str | None]
    contribution: Mapped[str | None]
    language: Mapped[str | None]
    # Found in the session, where its meeting is already: no query.
    meeting: Mapped["Meeting"] = relationship(back_populates="participants", lazy="raise_on_sql")
    person: Mapped[Person | None] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization | None] = relationship(lazy="raise_on_sql")
    country: Mapped[Country | None] = relationship(lazy="raise_on_sql")
    on_behalf_of: Mapped[Record | None] = relationship(lazy="raise_on_sql")
    involved: Mapped[list[Involvement]] = relationship(
        primaryjoin=lambda: foreign(Involvement.record_id) == Participant.id, lazy="raise_on_sql", viewonly=True
    )

    @property
    def meeting_status(self) -> str | None:
        return self.meeting.status


class Citation(Base):
    __tablename__ = "citations"
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[Any] = mapped_column(Moment)
    updated_at: Mapped[Any] = mapped_column(Moment)
    record_id: Mapped[str] = mapped_column(ForeignKey("meetings.id"), ForeignKey("records.id"))
    field: Mapped[str | None]
    value: Mapped[str | None]
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    paragraph: Mapped[int]
    quote: Mapped[str]
    text_fragment: Mapped[str]
    confidence: Mapped[str]
    review: Mapped[str]
    record: Mapped[Record] = relationship(lazy="raise_on_sql", foreign_keys=record_id)
    source: Mapped[Source] = relationship(lazy="raise_on_sql")

    @property
    def link(self) -> str | None:
        url = self.source.url
        return url and url + ("" if "#" in url else "#") + self.text_fragment


class Meeting(Base):
    __tablename__ = "meetings"
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[Any] = mapped_column(Moment)
    updated_at: Mapped[Any] = mapped_column(Moment)
    name: Mapped[str]
    type: Mapped[str | None]
    series_id: Mapped[str | None] = mapped_column(ForeignKey("series.id"))
    ordinal: Mapped[int | None]
    part_of_id: Mapped[str | None] = mapped_column(ForeignKey("meetings.id"))
    date: Mapped[str | None]
    date_note: Mapped[str | None]
    date_start: Mapped[str]
    date_end: Mapped[str]
    city: Mapped[str | None]
    country_id: Mapped[str | None] = mapped_column(ForeignKey("countries.id"))
    venue: Mapped[str | None]
    format: Mapped[str | None]
    status: Mapped[str | None]
    theme: Mapped[str | None]
    summary: Mapped[str | None]
    attendance: Mapped[int | None]
    attendance_qualifier: Mapped[str | None]
    language: Mapped[str | None]
    participants_coverage: Mapped[str | None]
    series: Mapped[Series | None] = relationship(lazy="raise_on_sql")
    part_of: Mapped["Meeting | None"] = relationship(lazy="raise_on_sql", remote_side=lambda: Meeting.id)
    country: Mapped[Country | None] = relationship(lazy="raise_on_sql")
    names: Mapped[list[Name]] = relationship(lazy="raise_on_sql", order_by=Name.place)
    identifiers: Mapped[list[Identifier]] = relationship(lazy="raise_on_sql", order_by=Identifier.place)
    topics: Mapped[list[Topic]] = relationship(
        secondary="record_topics", lazy="raise_on_sql", order_by=RecordTopic.place, viewonly=True
    )
    joint_with: Mapped[list[JointSeries]] = relationship(lazy="raise_on_sql", order_by=JointSeries.place)
    also_in: Mapped[list[FurtherPlace]] = relationship(lazy="raise_on_sql", order_by=FurtherPlace.place)
    countries: Mapped[list[Country]] = relationship(
        secondary="involvements",
        primaryjoin=lambda: and_(Meeting.id == Involvement.record_id, Involvement.actor_kind == "country"),
        lazy="raise_on_sql",
        order_by=Country.id,
        viewonly=True,
    )
    participants: Mapped[list[Participant]] = relationship(
        back_populates="meeting",
        lazy="raise_on_sql",
        order_by=lambda: (
            case({rank: place for place, rank in enumerate(RANKS)}, value=Participant.rank, else_=len(RANKS)),
            Participant.person_id.is_(None),
            Participant.id,
        ),
    )
    citations: Mapped[list[Citation]] = relationship(
        lazy="raise_on_sql", order_by=(Citation.source_id, Citation.paragraph, Citation.id), foreign_keys=Citation.record_id
    )


# -- answers --------------------------------------------------------------------------------------------------------


class Shown(BaseModel):
    """Read from the attributes of an ORM object."""

    model_config = ConfigDict(from_attributes=True)


class Ref(Shown):
    id: str
    name: str


class AnyRef(Ref):
    kind: str


class NameShown(Shown):
    language: str
    text: str
    type: str


class IdentifierShown(Shown):
    scheme: str
    identifier: str


class SittingShown(Shown):
    series: Ref
    ordinal: int | None


class PlaceShown(Shown):
    city: str
    country: Ref | None


class RecordShown(Shown):
    id: str
    version: int
    created_at: Instant
    updated_at: Instant


class MeetingShown(RecordShown):
    kind: Literal["meeting"] = "meeting"
    name: str
    type: str | None
    series: Ref | None
    ordinal: int | None
    part_of: Ref | None
    date: str | None
    date_note: str | None
    date_start: str
    date_end: str
    city: str | None
    country: Ref | None
    venue: str | None
    format: str | None
    status: str | None
    theme: str | None
    summary: str | None
    attendance: int | None
    attendance_qualifier: str | None
    language: str | None
    participants_coverage: str | None


class MeetingRecord(MeetingShown):
    countries: list[Ref]
    names: list[NameShown]
    identifiers: list[IdentifierShown]
    topics: list[Ref]
    joint_with: list[SittingShown]
    also_in: list[PlaceShown]


class ParticipantShown(RecordShown):
    kind: Literal["participant"] = "participant"
    meeting: Ref
    date: str | None
    date_note: str | None
    date_start: str
    date_end: str
    person: Ref | None
    organization: Ref | None
    country: Ref | None
    group: str | None
    count: int | None
    count_qualifier: str | None
    role: str
    capacity: str | None
    rank: str | None
    on_behalf_of: AnyRef | None
    presence: str | None
    meeting_status: str | None
    contribution: str | None
    language: str | None


class CitationShown(RecordShown):
    kind: Literal["citation"] = "citation"
    record: AnyRef
    field: str | None
    value: str | None
    source: Ref
    paragraph: int
    quote: str
    link: str | None
    confidence: str
    review: str


class MeetingWithRelations(MeetingRecord):
    participants: list[ParticipantShown]
    citations: list[CitationShown]


class Page(BaseModel):
    data: list[MeetingShown]


# -- routes ---------------------------------------------------------------------------------------------------------

engine = create_async_engine(URL.replace("postgresql:", "postgresql+asyncpg:") if ON_POSTGRES else f"sqlite+aiosqlite:///{URL}")
sessions = async_sessionmaker(engine, expire_on_commit=False)


if not ON_POSTGRES:

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        """As the product sets its connections."""
        cursor = connection.cursor()
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 1073741824")
        cursor.close()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
app = FastAPI(lifespan=lifespan)

# Everything by selectinload, as SQLAlchemy's own pages on asyncio have it; or what refers to one row by a join, which was
# measured here to halve the list's cost. Pools of 2, 5 + 10 and 16 connections made no difference.
to_one = joinedload if os.environ.get("BENCH_REFERENCES") == "joined" else selectinload
REFERENCES = (to_one(Meeting.series), to_one(Meeting.part_of), to_one(Meeting.country))
PARTS = (
    selectinload(Meeting.countries),
    selectinload(Meeting.names),
    selectinload(Meeting.identifiers),
    selectinload(Meeting.topics),
    selectinload(Meeting.joint_with).options(to_one(JointSeries.series)),
    selectinload(Meeting.also_in).options(to_one(FurtherPlace.country)),
)
RELATIONS = (
    selectinload(Meeting.participants).options(
        to_one(Participant.person),
        to_one(Participant.organization),
        to_one(Participant.country),
        to_one(Participant.on_behalf_of),
    ),
    selectinload(Meeting.citations).options(to_one(Citation.source), to_one(Citation.record)),
)


async def _found(opened: AsyncSession, meeting_id: str, *options: Any) -> Meeting:
    found = await opened.get(Meeting, meeting_id, options=options)
    if found is None:
        raise HTTPException(404)
    return found


@app.get("/v1/meetings/{meeting_id}", response_model=MeetingRecord)
async def one(meeting_id: str, opened: Session) -> Meeting:
    return await _found(opened, meeting_id, *REFERENCES, *PARTS)


@app.get("/v1/meetings/{meeting_id}/relations", response_model=MeetingWithRelations)
async def one_with_relations(meeting_id: str, opened: Session) -> Meeting:
    return await _found(opened, meeting_id, *REFERENCES, *PARTS, *RELATIONS)


@app.get("/v1/meetings", response_model=Page)
async def many(
    opened: Session,
    country: str | None = None,
    date_from: str | None = None,
    date_to: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    query = select(Meeting).options(*REFERENCES).order_by(Meeting.date_start.desc(), Meeting.id.desc())
    query = query.limit(limit).offset(offset)
    if country is not None:
        query = query.where(Meeting.country_id == country)
    if date_from is not None:
        query = query.where(Meeting.date_end >= date_from)
    if date_to is not None:
        query = query.where(Meeting.date_start <= date_to)
    return {"data": (await opened.scalars(query)).all()}
