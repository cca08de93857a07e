"""The ledger: what happened between actors, or in the life of a record, in order, each line with the sentences behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from app.db.driver import Driver, Statement
from app.db.record_sql import Node, Object, Text, Truth, record_sql_of
from app.db.sql import ids_parameter, is_one_of, literal
from app.db.types import Exact
from app.declaration.filters import From
from app.declaration.model import AnyRef, DerivedDay, EventDate, Model, Ref
from app.domain import edtf
from app.domain.vocabulary import Kind, Presence
from app.models import OtherActor, Outcome, Participant, Party
from app.models.records import Involvement, Record, RecordTopic
from app.reading.compiler import Compiler, reference_to
from app.reading.names import language_parameters
from app.reading.paging import PagedRead, key_parameters
from app.views.line_parts import MOST_CITATIONS, MOST_SIDES, CitedPhrase, LineParts, Side, day, meeting_of
from app.views.lines import ACTORS, VIA, WORDS, Shape, Topics, lines, side
from app.views.statements import Statements

Sql = sa.ColumnElement[Any]
participants: sa.Table = Participant.__table__
parties: sa.Table = Party.__table__
outcomes: sa.Table = Outcome.__table__
other_actors: sa.Table = OtherActor.__table__
involvements: sa.Table = Involvement.__table__
records: sa.Table = Record.__table__
record_topics: sa.Table = RecordTopic.__table__

STATEMENT_BYTES = 8_000_000
FEW = 2_000
"""The number of records about topics up to which they are looked up before lines are read."""
RUN = 200
"""The number of meetings of an actor over which is looked how close together they are."""
KINDS = (*ACTORS, Kind.TOPIC, Kind.SERIES, Kind.MEETING, Kind.MEMORANDUM, Kind.OUTCOME)
"""The kinds of records that have a timeline."""


class LedgerLine(Model):
    """What happened at a time, who was involved, and which sentences of which sources say so."""

    date: EventDate | None = Field(description="the date as stated (EDTF); null if only the meeting's is known, or none")
    date_start: DerivedDay
    date_end: DerivedDay
    undated: bool = Field(description="whether neither the line nor its meeting has a date; such lines come last")
    what: str = Field(description=f"what happened: {'; '.join(f'`{word}` {meaning}' for word, meaning in WORDS.items())}")
    record: AnyRef = Field(description="the record that it is about")
    action: str | None = Field(description="the id of the action, if something was done to the record")
    meeting: Ref | None = Field(description="the meeting at which it happened")
    by: AnyRef | None = Field(
        description="who did it, where one did: a party, the maker of a pledge, a member, an office holder"
    )
    to: AnyRef | None = Field(description="to whom or in what: the addressee, the organization joined, the body of an office")
    status: str | None = Field(description="the status of the record")
    through: str | None = Field(
        description="how a side is linked, if it is not named itself: "
        + "; ".join(f"`{word}` {meaning}" for word, meaning in VIA.items())
    )
    sides: list[Side] = Field(
        description=f"the actors asked for; in a timeline, the countries and international bodies, at most {MOST_SIDES}"
    )
    uncited: bool = Field(description="whether no citation supports it")
    citations: list[CitedPhrase] = Field(
        description=f"the citations of the action, or of the record if it has none; at most {MOST_CITATIONS}"
    )


@dataclass(frozen=True)
class Asked:
    """A ledger that is asked for, with ids in place of what clients may write."""

    actors: tuple[tuple[str, Kind], ...] = ()
    """The actors between whom it is, as (id, kind); or none."""
    of: tuple[str, Kind] | None = None
    """The record whose timeline it is."""
    date_from: str | None = None
    date_to: str | None = None
    topics: tuple[str, ...] = ()
    """The topics of which a record must have one, narrower ones included; any topic or none if empty."""
    kinds: tuple[Kind, ...] = ()
    descending: bool = False
    languages: tuple[str, ...] = ()


class Ledger:
    """Reads ledgers and timelines, page by page."""

    def __init__(self, compiler: Compiler, driver: Driver) -> None:
        self._compiler = compiler
        self._driver = driver
        self._sql = record_sql_of(driver.dialect)
        self._parts = LineParts(compiler)
        self._statements = Statements(self._compile, STATEMENT_BYTES)
        self._reached = {descending: compiler.to_statement(_reached(descending=descending)) for descending in (False, True)}
        self._about = compiler.to_statement(_about())

    async def read(self, asked: Asked, digest: str, key: Sequence[str] | None = None) -> PagedRead:
        """Return the read of a ledger: rows of (the line as JSON, and the three parts of its key).

        `key`: the key behind which the first page begins.
        """
        actors = asked.actors or ((asked.of,) if asked.of is not None and asked.of[1] in ACTORS else ())
        walked = await self._sparsest_first(actors, asked, key) if len(actors) > 1 else list(actors)
        shape = Shape(
            actors=tuple(kind for _, kind in walked),
            of=asked.of[1] if asked.of is not None else None,
            since=asked.date_from is not None,
            until=asked.date_to is not None,
            topics=await self._topics(asked.topics),
            kinds=frozenset(asked.kinds),
            descending=asked.descending,
            after=key is not None,
            languages=min(len(asked.languages), 2),
        )
        given: dict[str, Any] = {
            **language_parameters(asked.languages, self._driver.encode),
            **{f"side_{place}": actor for place, (actor, _) in enumerate(walked)},
            **{f"shown_{place}": actor for place, (actor, _) in enumerate(asked.actors)},
            **(From("").parameters("date_from", [asked.date_from], self._driver.encode) if asked.date_from else {}),
            **(key_parameters(key) if key is not None else {}),
            "date_to": asked.date_to,
            "of": asked.of[0] if asked.of is not None else None,
            "topics": self._driver.encode(asked.topics),
        }
        parameters = {name: value for name, value in given.items() if value is not None}
        statements = {after: await self._statements.of(replace(shape, after=after)) for after in {key is not None, True}}
        return PagedRead(lambda *, after: statements[after], parameters, 3, digest, key is not None)

    async def _sparsest_first(
        self, actors: Sequence[tuple[str, Kind]], asked: Asked, key: Sequence[str] | None
    ) -> list[tuple[str, Kind]]:
        """Return the actors in the order in which their records are read and compared.

        The lines of the first one are read, so it is the one with the fewest meetings near the beginning of the page: the one
        whose next `RUN` meetings reach the furthest. An organization comes last, because it is also linked by its series.
        """
        start, end = (edtf.NO_END, edtf.NO_START) if asked.descending else (edtf.NO_START, edtf.NO_END)
        given = asked.date_to if asked.descending else asked.date_from
        parameters = {"ids": self._driver.encode([actor for actor, _ in actors]), "start": key[0] if key else given or start}
        rows = await self._driver.fetch(self._reached[asked.descending], parameters)
        reached = {actor: day or end for actor, day in rows}
        by_reach = sorted(actors, key=lambda actor: reached.get(actor[0], end), reverse=not asked.descending)
        return sorted(by_reach, key=lambda actor: actor[1] is Kind.ORGANIZATION)

    async def _topics(self, topics: Sequence[str]) -> Topics:
        """Return how lines on these topics are found."""
        if not topics:
            return Topics.ANY
        ((many,),) = await self._driver.fetch(self._about, {"ids": self._driver.encode(topics)})
        return Topics.FEW if many < FEW else Topics.MANY

    def _compile(self, shape: Shape) -> Statement:
        page = lines(shape).subquery("p")
        shown = self._sql.json(self._line(page, shape))
        key = (page.c.day, page.c.rank, page.c.entry_id)
        order = [column.desc() if shape.descending else column.asc() for column in key]
        return self._compiler.to_statement(sa.select(shown, *key).select_from(page).order_by(*order))

    # -- a line as JSON ----------------------------------------------------------------------------------------------------

    def _line(self, page: sa.Subquery, shape: Shape) -> Object:
        """Return the tree of SQL expressions for a line, with the fields of `LedgerLine`."""
        column, languages = page.c, shape.languages
        is_act = column.entry_id != column.record_id
        has_own = self._parts.is_cited(column.entry_id, page)
        cited = sa.case((has_own, column.entry_id), else_=column.record_id)
        members: dict[str, Node] = {
            "date": Text(column.date, plain=True, nullable=True),
            "date_start": day(column.date_start),
            "date_end": day(column.date_end),
            "undated": Truth(sa.and_(column.date_start == literal(edtf.NO_START), column.date_end == literal(edtf.NO_END))),
            "what": Text(column.what, plain=True),
            "record": reference_to(column.record_id, AnyRef, languages),
            "action": Text(sa.case((is_act, column.entry_id)), plain=True, nullable=True),
            "meeting": reference_to(column.meeting_id, Ref, languages, nullable=True),
            "by": reference_to(column.by_id, AnyRef, languages, nullable=True),
            "to": reference_to(column.to_id, AnyRef, languages, nullable=True),
            "status": Text(column.status, plain=True, nullable=True),
            "through": Text(_through(page, shape), plain=True, nullable=True),
            "sides": self._parts.sides(page, languages, 0 if shape.of is not None else len(shape.actors)),
            "uncited": Truth(~sa.or_(has_own, self._parts.is_cited(column.record_id, page))),
            "citations": self._parts.citations(page, cited, languages),
        }
        return Object(members)


def _through(page: sa.Subquery, shape: Shape) -> Sql:
    """Return the word for how a side is linked to a line; null if all sides are named in it."""
    unnamed = [~_is_named(side(place), page) for place, kind in enumerate(shape.actors) if kind is not Kind.PERSON]
    has_sides = page.c.record_kind.in_([literal(kind) for kind in (Kind.MEETING, Kind.MEMORANDUM, Kind.OUTCOME)])
    if not unnamed:
        return page.c.via
    return sa.case(
        (page.c.via.is_not(None), page.c.via), (sa.and_(has_sides, sa.or_(*unnamed)), literal("parent")), else_=sa.null()
    )


def _is_named(actor: Sql, page: sa.Subquery) -> Sql:
    """Return the condition that an actor is named itself: as participant, party, maker or addressee."""
    present, party, made, other = participants.alias("np"), parties.alias("nr"), outcomes.alias("no"), other_actors.alias("na")
    there = (present.c[f"{name}_id"] == actor for name in ("country", "organization", "on_behalf_of"))
    came = present.c.presence.is_distinct_from(literal(Presence.ABSENT))
    is_there = sa.exists().where(present.c.meeting_id == meeting_of(page), came, sa.or_(*there))
    is_party = sa.exists().where(party.c.memorandum_id == page.c.record_id, party.c.party_id == actor)
    named = sa.or_(made.c.made_by_id == actor, made.c.made_to_id == actor)
    made_it = sa.exists().where(made.c.id == page.c.record_id, named)
    is_other = sa.exists().where(other.c.record_id == page.c.record_id, other.c.actor_id == actor)
    did_it = page.c.by_id.is_not_distinct_from(actor)
    return sa.case(
        (page.c.record_kind == literal(Kind.MEETING), sa.or_(is_there, did_it)),
        (page.c.record_kind == literal(Kind.MEMORANDUM), sa.or_(is_party, did_it)),
        else_=sa.or_(made_it, is_other, is_there, did_it),
    )


def _about() -> sa.Select[Any]:
    """Return the SELECT of the number of records about the topics `ids`, counted up to FEW."""
    found = sa.select(record_topics.c.record_id).where(is_one_of(record_topics.c.topic_id, ids_parameter()))
    return sa.select(sa.func.count()).select_from(found.limit(sa.literal_column(str(FEW))).subquery())


def _reached(*, descending: bool) -> sa.Select[Any]:
    """Return the SELECT of the day on which each of the actors `ids` has its meeting number `RUN` after the day `start`.

    The day is null if there are not so many.
    """
    met, start = involvements.c, sa.bindparam("start", type_=Exact)
    found = sa.select(met.date_start).where(met.actor_id == records.c.id, met.record_kind == literal(Kind.MEETING))
    found = found.where(met.date_start < start if descending else met.date_start > start)
    found = found.order_by(met.date_start.desc() if descending else met.date_start.asc())
    found = found.limit(sa.literal_column("1")).offset(sa.literal_column(str(RUN - 1))).correlate(records)
    return sa.select(records.c.id, found.scalar_subquery()).where(is_one_of(records.c.id, ids_parameter()))
