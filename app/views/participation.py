"""Participation: the meetings in which a person took part, in what capacity and for whom, and who else was there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from app.db.driver import Driver, Statement
from app.db.record_sql import Node, Object, Text, Truth, joined_text, record_sql_of
from app.declaration.filters import From
from app.declaration.model import AnyRef, DerivedDay, EventDate, Model, Ref
from app.declaration.model import Text as TextValue
from app.domain.vocabulary import Kind, MeetingStatus, MeetingType, ParticipantRole, Presence, Rank
from app.models import Meeting, Participant
from app.reading.compiler import Compiler, reference_to
from app.reading.names import language_parameters, name_in
from app.reading.paging import PagedRead, key_parameters
from app.reading.ranks import place_of_rank
from app.views.line_parts import MOST_CITATIONS, MOST_SIDES, CitedPhrase, LineParts, Side, array, day
from app.views.lines import Shape, lines, side
from app.views.statements import Statements

Sql = sa.ColumnElement[Any]
meetings: sa.Table = Meeting.__table__
participants: sa.Table = Participant.__table__
STATEMENT_BYTES = 2_000_000
MOST_ROLES = 20


class Part(Model):
    """One part that the person took in the meeting."""

    participant: str = Field(description="the id of the record of the participation")
    role: ParticipantRole
    capacity: TextValue | None
    rank: Rank | None
    organization: Ref | None
    country: Ref | None
    on_behalf_of: AnyRef | None
    presence: Presence | None
    contribution: TextValue | None
    citations: list[CitedPhrase] = Field(description=f"the citations of the participation, at most {MOST_CITATIONS}")


class Participation(Model):
    """A meeting in which the person took part, with the parts that they took."""

    meeting: Ref
    type: MeetingType | None
    status: MeetingStatus | None
    date: EventDate | None
    date_start: DerivedDay
    date_end: DerivedDay
    city: TextValue | None
    country: Ref | None = Field(description="the country in which the meeting was held")
    parts: list[Part] = Field(description=f"the parts that the person took, at most {MOST_ROLES}")
    sides: list[Side] = Field(description=f"the countries and international bodies there, at most {MOST_SIDES}")
    uncited: bool = Field(description="whether no citation supports the meeting")
    citations: list[CitedPhrase] = Field(description=f"the citations of the meeting, at most {MOST_CITATIONS}")


class Asked(NamedTuple):
    """The participation of a person that is asked for."""

    person: str
    date_from: str | None
    date_to: str | None
    descending: bool
    languages: tuple[str, ...]


class Participations:
    """Reads the participation of a person, page by page."""

    def __init__(self, compiler: Compiler, driver: Driver) -> None:
        self._driver = driver
        self._compiler = compiler
        self._sql = record_sql_of(driver.dialect)
        self._parts = LineParts(compiler)
        self._statements = Statements(self._compile, STATEMENT_BYTES)

    async def read(self, asked: Asked, digest: str, key: Sequence[str] | None = None) -> PagedRead:
        """Return the read of a person's participation: rows of (the line as JSON, and the three parts of its key)."""

        def shape(*, after: bool) -> Shape:
            return Shape(
                actors=(Kind.PERSON,),
                of=Kind.PERSON,
                kinds=frozenset({Kind.MEETING}),
                only_records=True,
                since=asked.date_from is not None,
                until=asked.date_to is not None,
                descending=asked.descending,
                after=after,
                languages=min(len(asked.languages), 2),
            )

        encode = self._driver.encode
        parameters: dict[str, Any] = {
            **language_parameters(asked.languages, encode),
            **(From("").parameters("date_from", [asked.date_from], encode) if asked.date_from else {}),
            **({"date_to": asked.date_to} if asked.date_to else {}),
            **(key_parameters(key) if key is not None else {}),
            "side_0": asked.person,
        }
        statements = {after: await self._statements.of(shape(after=after)) for after in {key is not None, True}}
        return PagedRead(lambda *, after: statements[after], parameters, 3, digest, key is not None)

    def _compile(self, shape: Shape) -> Statement:
        page = lines(shape).subquery("p")
        meeting = meetings.alias("m")
        key = (page.c.day, page.c.rank, page.c.entry_id)
        order = [column.desc() if shape.descending else column.asc() for column in key]
        shown = self._sql.json(self._line(page, meeting, shape.languages))
        joined = page.join(meeting, meeting.c.id == page.c.record_id)
        return self._compiler.to_statement(sa.select(shown, *key).select_from(joined).order_by(*order))

    def _line(self, page: sa.Subquery, meeting: sa.FromClause, languages: int) -> Object:
        """Return the tree of SQL expressions for a line, with the fields of `Participation`."""
        column = page.c
        members: dict[str, Node] = {
            "meeting": reference_to(column.record_id, Ref, languages),
            "type": Text(meeting.c.type, plain=True, nullable=True),
            "status": Text(column.status, plain=True, nullable=True),
            "date": Text(column.date, plain=True, nullable=True),
            "date_start": day(column.date_start),
            "date_end": day(column.date_end),
            "city": Text(meeting.c.city, nullable=True),
            "country": reference_to(meeting.c.country_id, Ref, languages, nullable=True),
            "parts": self._own_parts(page, languages),
            "sides": self._parts.sides(page, languages, 0),
            "uncited": Truth(~self._parts.is_cited(column.record_id, page)),
            "citations": self._parts.citations(page, column.record_id, languages),
        }
        return Object(members)

    def _own_parts(self, page: sa.Subquery, languages: int) -> Any:
        own = participants.alias("own")
        its = (
            sa.select(own)
            .where(own.c.meeting_id == page.c.record_id, own.c.person_id == side(0))
            .order_by(place_of_rank(own.c.rank), own.c.role, own.c.id)
            .limit(sa.literal_column(str(MOST_ROLES)))
            .correlate(page)
            .subquery("its")
        )
        members: dict[str, Node] = {
            "participant": Text(its.c.id, plain=True),
            "role": Text(its.c.role, plain=True),
            "capacity": Text(name_in(its.c.id, its.c.capacity, languages), nullable=True),
            "rank": Text(its.c.rank, plain=True, nullable=True),
            "organization": reference_to(its.c.organization_id, Ref, languages, nullable=True),
            "country": reference_to(its.c.country_id, Ref, languages, nullable=True),
            "on_behalf_of": reference_to(its.c.on_behalf_of_id, AnyRef, languages, nullable=True),
            "presence": Text(its.c.presence, plain=True, nullable=True),
            "contribution": Text(its.c.contribution, nullable=True),
            "citations": self._parts.citations(its, its.c.id, languages),
        }
        item = joined_text(self._sql.text(Object(members))).label("item")
        order = (place_of_rank(its.c.rank), its.c.role, its.c.id)
        return array(sa.select(item).select_from(its).order_by(*order), page)
