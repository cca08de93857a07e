"""The parts of lines that views share, as SQL: citations, sides, and the people who acted for them.

They take a `page`: a subquery of lines with the columns `what`, `record_id`, `record_kind` and `meeting_id`.
"""

from typing import Any

import sqlalchemy as sa
from pydantic import Field

from app.db.record_sql import Array, Object, Text, joined_text, record_sql_of
from app.db.sql import comma_joined, literal, unindexed_on_postgres
from app.db.types import Exact
from app.declaration.model import AnyRef, Model, Ref
from app.declaration.model import Text as TextValue
from app.declaration.resource import most_telling
from app.domain import edtf
from app.domain.vocabulary import ActionType, Confidence, Kind, MeetingStatus, Presence, Rank
from app.models import Meeting, Organization, Participant, Party, Signatory
from app.models.records import Involvement
from app.reading.compiler import Compiler, reference_to
from app.reading.names import name_in
from app.reading.ranks import place_of_rank
from app.reading.shapes import Shape as RecordShape

Sql = sa.ColumnElement[Any]
meetings: sa.Table = Meeting.__table__
participants: sa.Table = Participant.__table__
parties: sa.Table = Party.__table__
signatories: sa.Table = Signatory.__table__
organizations: sa.Table = Organization.__table__
involvements: sa.Table = Involvement.__table__

MOST_SIDES = 20
"""The number of sides that a line shows if none is asked for. A forum may have a hundred; its record names them all."""
MOST_PEOPLE = 20
MOST_CITATIONS = 20
CITED_FIELDS = frozenset({"id", "field", "value", "source", "paragraph", "quote", "link", "confidence"})


class CitedPhrase(Model):
    """A citation of a line: the phrase of a source that supports it."""

    id: str
    field: str | None = Field(description="the field that it supports; null: the record as a whole")
    value: str | None = Field(description="the field as this source states it, where sources differ")
    source: Ref
    paragraph: int
    quote: str
    link: str | None = Field(description="the source opened at that very phrase, where it has an address")
    confidence: Confidence


class Present(Model):
    """A person who acted for a side, with the capacity in which they did."""

    person: Ref | None
    capacity: TextValue | None


class Side(Model):
    """An actor, and who acted for it."""

    actor: AnyRef
    people: list[Present] = Field(description=f"who acted for it, the highest rank first; at most {MOST_PEOPLE}")


class LineParts:
    """Makes the parts of lines. Each is a node of the tree from which the database makes the JSON of a line."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._sql = record_sql_of(compiler.dialect)

    def is_cited(self, record: Sql, page: sa.Subquery) -> sa.Exists:
        """Return the condition that a record has a citation."""
        own = self._compiler.resources[Kind.CITATION].table.alias("any_citation")
        return sa.exists().where(own.c.record_id == record).correlate(page)

    def citations(self, page: sa.Subquery, cited: Sql, languages: int) -> Array:
        """Return the citations of the record `cited`, each with the fields of `CitedPhrase`."""
        own = self._compiler.resources[Kind.CITATION].table.alias("cited_by")
        items = self._compiler.objects(own, RecordShape(Kind.CITATION, fields=CITED_FIELDS, languages=languages))
        items = items.where(own.c.record_id == cited).order_by(*most_telling(own.c))
        return array(items.limit(sa.literal_column(str(MOST_CITATIONS))), page)

    def sides(self, page: sa.Subquery, languages: int, asked: int) -> Array:
        """Return the actors asked for, which the parameters `shown_0` … name, each with its people.

        If none is `asked` for, these are the countries and the international organizations that the record involves.
        """
        if asked:
            segments: list[Any] = ["["]
            for place in range(asked):
                actor = sa.bindparam(f"shown_{place}", type_=Exact)
                segments += ["," if place else "", *self._sql.text(self._side(actor, languages, page))]
            return Array((*segments, "]"))
        involved, body = involvements.alias("s"), organizations.alias("sb")
        is_part = sa.exists().where(
            body.c.id == involved.c.actor_id, sa.or_(body.c.country_id.is_not(None), body.c.parent_id.is_not(None))
        )
        is_international = sa.and_(involved.c.actor_kind == literal(Kind.ORGANIZATION), ~is_part)
        shown = (
            sa.select(involved.c.actor_id, involved.c.actor_kind)
            .where(
                involved.c.record_id == page.c.record_id,
                sa.or_(involved.c.actor_kind == literal(Kind.COUNTRY), is_international),
            )
            .order_by(involved.c.actor_kind, involved.c.actor_id)
            .limit(sa.literal_column(str(MOST_SIDES)))
            .correlate(page)
            .subquery("side")
        )
        item = joined_text(self._sql.text(self._side(shown.c.actor_id, languages, page, shown))).label("item")
        return array(sa.select(item).select_from(shown).order_by(shown.c.actor_kind, shown.c.actor_id), page)

    def _side(self, actor: Sql, languages: int, page: sa.Subquery, *outer: sa.FromClause) -> Object:
        people = self._people(actor, languages, page, *outer)
        return Object({"actor": reference_to(actor, AnyRef, languages), "people": people})

    def _people(self, actor: Sql, languages: int, page: sa.Subquery, *outer: sa.FromClause) -> Array:
        """Return the people who acted for an actor at the meeting of the line, or signed the instrument for it.

        `outer`: the FROM clause that `actor` belongs to, if it is a column.
        """
        present, signed, party = participants.alias("pp"), signatories.alias("ps"), parties.alias("pr")

        def is_of_actor(record: Sql) -> Sql:
            of = involvements.alias("pi")
            is_it = unindexed_on_postgres(of.c.actor_id) == actor
            return sa.exists().where(of.c.record_id == record, is_it).correlate_except(of)

        there = sa.select(
            present.c.person_id.label("person_id"),
            name_in(present.c.id, present.c.capacity, languages).label("capacity"),
            place_of_rank(present.c.rank).label("place"),
        ).where(
            present.c.meeting_id == meeting_of(page),
            present.c.person_id.is_not(None),
            _came(present),
            is_of_actor(present.c.id),
        )
        signing = (
            sa.select(signed.c.person_id, signed.c.capacity, sa.literal_column(str(len(Rank))))
            .join(party, party.c.id == signed.c.record_id)
            .where(
                party.c.memorandum_id == page.c.record_id,
                page.c.what == literal(ActionType.SIGNED),
                is_of_actor(party.c.id),
            )
        )
        found = sa.union_all(there.correlate(page, *outer), signing.correlate(page, *outer)).subquery("found")
        place = sa.func.min(found.c.place)
        people = (
            sa.select(found.c.person_id, found.c.capacity, place.label("place"))
            .group_by(found.c.person_id, found.c.capacity)
            .order_by(place, found.c.person_id, found.c.capacity)
            .limit(sa.literal_column(str(MOST_PEOPLE)))
            .subquery("people")
        )
        who = Object(
            {
                "person": reference_to(people.c.person_id, Ref, languages, nullable=True),
                "capacity": Text(people.c.capacity, nullable=True),
            }
        )
        item = joined_text(self._sql.text(who)).label("item")
        return array(
            sa.select(item).select_from(people).order_by(people.c.place, people.c.person_id, people.c.capacity), page, *outer
        )


def array(items: sa.Select[Any], *outer: sa.FromClause) -> Array:
    """Return the array of the column `item`, in the order of the SELECT. `outer`: what it takes from the lines around it."""
    joined = sa.select(comma_joined(items.correlate(*outer).subquery("items").c.item))
    return Array(("[", joined.correlate(*outer).scalar_subquery(), "]"))


def day(column: Sql) -> Text:
    """Return the value of a bound of a date; null if there is none."""
    no_day = column.in_([literal(edtf.NO_START), literal(edtf.NO_END)])
    return Text(sa.case((no_day, sa.null()), else_=column), plain=True, nullable=True)


def _came(present: sa.FromClause) -> Sql:
    """Return the condition that a participant came, or is still to come to a meeting that is ahead."""
    met = meetings.alias("met")
    ahead = [literal(status) for status in (MeetingStatus.PLANNED, MeetingStatus.POSTPONED)]
    is_ahead = sa.exists().where(met.c.id == present.c.meeting_id, met.c.status.in_(ahead))
    awaited = present.c.presence.in_([literal(each) for each in (Presence.INVITED, Presence.EXPECTED)])
    came = present.c.presence.not_in([literal(each) for each in (Presence.ABSENT, Presence.INVITED, Presence.EXPECTED)])
    return sa.or_(present.c.presence.is_(None), came, sa.and_(awaited, is_ahead))


def meeting_of(page: sa.Subquery) -> Sql:
    """Return the meeting at which the line happened: the record itself, if it is one."""
    return sa.case((page.c.record_kind == literal(Kind.MEETING), page.c.record_id), else_=page.c.meeting_id)
