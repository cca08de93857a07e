"""Commitments: what was promised, proposed or agreed, what is negotiated or not yet in force, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from app.db.driver import Driver, Row, Statement
from app.db.record_sql import Node, Object, Text, Truth, record_sql_of
from app.db.sql import is_one_of, literal
from app.db.types import Exact
from app.declaration.model import AnyRef, DerivedDay, EventDate, Model, Period, Ref
from app.domain import edtf
from app.domain.vocabulary import ActionType, Kind, MemorandumStatus, OtherRole, OutcomeStatus, OutcomeType
from app.models import Action, Involvement, Memorandum, Organization, OtherActor, Outcome, Participant, RecordTopic
from app.reading.compiler import Compiler, reference_to
from app.reading.names import language_parameters
from app.reading.paging import PagedRead, key_parameters
from app.views.line_parts import MOST_CITATIONS, MOST_SIDES, CitedPhrase, LineParts, Side, day
from app.views.lines import ADOPTED_TYPES
from app.views.statements import Statements

Sql = sa.ColumnElement[Any]
outcomes: sa.Table = Outcome.__table__
memoranda: sa.Table = Memorandum.__table__
actions: sa.Table = Action.__table__
involvements: sa.Table = Involvement.__table__
other_actors: sa.Table = OtherActor.__table__
participants: sa.Table = Participant.__table__
organizations: sa.Table = Organization.__table__
record_topics: sa.Table = RecordTopic.__table__

STATEMENT_BYTES = 4_000_000
TYPES = (OutcomeType.PLEDGE, OutcomeType.PROPOSAL, OutcomeType.UNDERSTANDING)
"""The types of outcomes that are commitments."""
AHEAD = (MemorandumStatus.PROPOSED, MemorandumStatus.DRAFT, MemorandumStatus.NEGOTIATION, MemorandumStatus.AGREED)
"""The statuses of instruments that are on the way to a signature. Signed ones that are not in force are commitments, too."""
_DONE = (OutcomeStatus.REALIZED, OutcomeStatus.DECLINED)
_IN_FORCE = (ActionType.ENTERED_INTO_FORCE, ActionType.ENDED)


class Sign(Model):
    """A sign of life of a commitment: the newest action that was done to it."""

    date: EventDate | None
    date_start: DerivedDay
    date_end: DerivedDay
    what: ActionType
    action: str = Field(description="the id of the action")
    meeting: Ref | None
    citations: list[CitedPhrase] = Field(description=f"the citations of the action, at most {MOST_CITATIONS}")


class Commitment(Model):
    """What was promised, proposed, agreed or negotiated, how old it is, and what came of it."""

    record: AnyRef
    type: str | None = Field(description="the type of the outcome or of the instrument")
    status: str | None = Field(description="its status, as far as a source says")
    date: EventDate | None
    date_start: DerivedDay
    date_end: DerivedDay
    undated: bool = Field(description="whether it has no date, not even that of a meeting; such ones come last")
    age_days: int | None = Field(description="how many days ago it was, counted from the latest day that its date can mean")
    by: AnyRef | None = Field(description="who made it, if one did")
    to: AnyRef | None = Field(description="to whom it was made, if to one")
    sides: list[Side] = Field(description=f"the countries and international bodies involved, at most {MOST_SIDES}")
    meeting: Ref | None = Field(description="the meeting that brought it about")
    last_sign: Sign | None = Field(description="the newest action that was done to it; null if no source tells of one")
    period: Period | None = Field(description="the time for which it is made, where a source gives one")
    overdue: bool | None = Field(
        description="whether that time is over and nothing says that it was done; null if no source gives a time"
    )
    uncited: bool = Field(description="whether no citation supports it")
    citations: list[CitedPhrase] = Field(description=f"its citations, at most {MOST_CITATIONS}")


@dataclass(frozen=True)
class Asked:
    """The commitments that are asked for, with ids in place of what clients may write."""

    today: date
    by: tuple[str, Kind] | None = None
    to: tuple[str, Kind] | None = None
    statuses: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    without_sign_since: str | None = None
    languages: tuple[str, ...] = ()


class _Shape(NamedTuple):
    """All on which the SQL depends."""

    by: bool
    to: bool
    statuses: bool
    topics: bool
    silent: bool
    after: bool
    languages: int


class Commitments:
    """Reads commitments, the newest first."""

    def __init__(self, compiler: Compiler, driver: Driver) -> None:
        self._driver = driver
        self._compiler = compiler
        self._sql = record_sql_of(driver.dialect)
        self._parts = LineParts(compiler)
        self._statements = Statements(self._compile, STATEMENT_BYTES)

    async def read(self, asked: Asked, digest: str, key: Sequence[str] | None = None) -> PagedRead:
        """Return the read of commitments: rows of (the line as JSON, its last day, and the two parts of its key).

        `key`: the key behind which the first page begins.
        """
        shape = _Shape(
            asked.by is not None,
            asked.to is not None,
            bool(asked.statuses),
            bool(asked.topics),
            asked.without_sign_since is not None,
            key is not None,
            min(len(asked.languages), 2),
        )
        given: dict[str, Any] = {
            **language_parameters(asked.languages, self._driver.encode),
            **(key_parameters(key) if key is not None else {}),
            "today": asked.today.isoformat(),
            "by": asked.by[0] if asked.by else None,
            "to": asked.to[0] if asked.to else None,
            "since": asked.without_sign_since,
            "statuses": self._driver.encode(asked.statuses),
            "topics": self._driver.encode(asked.topics),
        }
        statements = {after: await self._statements.of(shape._replace(after=after)) for after in {key is not None, True}}
        parameters = {name: value for name, value in given.items() if value is not None}
        return PagedRead(lambda *, after: statements[after], parameters, 2, digest, key is not None)

    def _compile(self, shape: _Shape) -> Statement:
        found = sa.union_all(*(sa.select(_page(table, shape).subquery()) for table in (outcomes, memoranda))).subquery("found")
        newest = (found.c.day.desc(), found.c.entry_id.desc())
        page = sa.select(found).order_by(*newest).limit(sa.bindparam("limit", type_=sa.Integer)).subquery("p")
        shown = self._sql.json(self._line(page, shape.languages))
        statement = sa.select(shown, page.c.date_end, page.c.day, page.c.entry_id).select_from(page)
        return self._compiler.to_statement(statement.order_by(page.c.day.desc(), page.c.entry_id.desc()))

    def _line(self, page: sa.Subquery, languages: int) -> Object:
        """Return the tree of SQL expressions for a line, with the fields of `Commitment` but `age_days`."""
        column = page.c
        period_is_over = sa.and_(column.period_end < sa.bindparam("today", type_=Exact), ~_is_done(column.status))
        has_period = sa.and_(column.period.is_not(None), column.period_end < literal(edtf.NO_END))
        members: dict[str, Node] = {
            "record": reference_to(column.record_id, AnyRef, languages),
            "type": Text(column.type, plain=True, nullable=True),
            "status": Text(column.status, plain=True, nullable=True),
            "date": Text(column.date, plain=True, nullable=True),
            "date_start": day(column.date_start),
            "date_end": day(column.date_end),
            "undated": Truth(sa.and_(column.date_start == literal(edtf.NO_START), column.date_end == literal(edtf.NO_END))),
            "by": reference_to(column.by_id, AnyRef, languages, nullable=True),
            "to": reference_to(column.to_id, AnyRef, languages, nullable=True),
            "sides": self._parts.sides(page, languages, 0),
            "meeting": reference_to(column.meeting_id, Ref, languages, nullable=True),
            "last_sign": self._last_sign(page, languages),
            "period": Text(column.period, plain=True, nullable=True),
            "overdue": Truth(sa.case((has_period, period_is_over)), nullable=True),
            "uncited": Truth(~self._parts.is_cited(column.record_id, page)),
            "citations": self._parts.citations(page, column.record_id, languages),
        }
        return Object(members)

    def _last_sign(self, page: sa.Subquery, languages: int) -> Object:
        """Return the newest dated action of a commitment, or else an undated one, with the fields of `Sign`."""
        newest = actions.alias("newest")
        its_newest = (
            sa.select(newest.c.id)
            .where(newest.c.of_id == page.c.record_id)
            .order_by(newest.c.date_start.desc(), newest.c.id.desc())
            .limit(sa.literal_column("1"))
            .correlate(page)
            .scalar_subquery()
        )
        sign = actions.alias("sign")

        def within(sql: Sql) -> Sql:
            return sa.select(sql).where(sign.c.id == its_newest).correlate_except(sign).scalar_subquery()

        members: dict[str, Node] = {
            "date": Text(sign.c.date, plain=True, nullable=True),
            "date_start": day(sign.c.date_start),
            "date_end": day(sign.c.date_end),
            "what": Text(sign.c.type, plain=True),
            "action": Text(sign.c.id, plain=True),
            "meeting": reference_to(sign.c.meeting_id, Ref, languages, nullable=True),
            "citations": self._parts.citations(page, its_newest, languages),
        }
        has_none = ~sa.exists().where(newest.c.of_id == page.c.record_id).correlate(page)
        return Object(members, has_none, within)


def with_age(row: Row, today: date) -> str:
    """Return the JSON of a line with `age_days`. `row`: a row of the read, which begins with the line and its last day."""
    text, last = row[:2]
    is_stated = edtf.NO_START < last < edtf.NO_END
    age = max((today - date.fromisoformat(last)).days, 0) if is_stated else "null"
    return f'{text[:-1]},"age_days":{age}}}'


def _page(table: sa.Table, shape: _Shape) -> sa.Select[Any]:
    """Return a SELECT of a page of the commitments in a table, the newest first."""
    kind = Kind.OUTCOME if table is outcomes else Kind.MEMORANDUM
    rows, walked = table.alias("t"), involvements.alias("w")
    actor = "by" if shape.by else "to" if shape.to else ""
    source: sa.FromClause = walked.join(rows, rows.c.id == walked.c.record_id) if actor else rows
    first, entry = (walked.c.date_start, walked.c.record_id) if actor else (rows.c.date_start, rows.c.id)
    conditions = [_is_commitment(rows, kind)]
    if actor:
        conditions += [walked.c.actor_id == _id(actor), walked.c.record_kind == literal(kind)]
    if shape.by and shape.to:
        also = involvements.alias("a")
        conditions.append(
            sa.exists().where(
                also.c.actor_id == _id("to"),
                also.c.record_kind == literal(kind),
                also.c.date_start == first,
                also.c.record_id == entry,
            )
        )
    if kind is Kind.OUTCOME and shape.by:
        conditions.append(sa.or_(_is_of_all(rows), _has_part(rows, "by", "made_by_id", OtherRole.MAKER), _is_spoken_for(rows)))
    if kind is Kind.OUTCOME and shape.to:
        conditions.append(sa.or_(_is_of_all(rows), _has_part(rows, "to", "made_to_id", OtherRole.ADDRESSEE)))
    if shape.statuses:
        conditions.append(is_one_of(rows.c.status, sa.bindparam("statuses", type_=sa.ARRAY(Exact))))
    if shape.topics:
        about = is_one_of(record_topics.c.topic_id, sa.bindparam("topics", type_=sa.ARRAY(Exact)))
        conditions.append(rows.c.id.in_(sa.select(record_topics.c.record_id).where(about)))
    if shape.silent:
        conditions.append(_is_silent(rows))
    if shape.after:
        keys = [sa.bindparam(f"key_{place}", type_=Exact) for place in range(2)]
        conditions += [first <= keys[0], sa.or_(first < keys[0], entry < keys[1])]
    nothing: Sql = sa.cast(sa.null(), Exact)
    its_own = {name: rows.c[f"{name}"] if name in rows.c else nothing for name in ("meeting_id", "made_by_id", "made_to_id")}
    columns = {
        "entry_id": entry,
        "record_id": rows.c.id,
        "record_kind": literal(kind),
        "what": literal(""),
        **{name: rows.c[name] for name in ("type", "status", "date", "date_start", "date_end", "period", "period_end")},
        "meeting_id": its_own["meeting_id"],
        "by_id": its_own["made_by_id"],
        "to_id": its_own["made_to_id"],
        "day": first,
    }
    found = sa.select(*(column.label(name) for name, column in columns.items())).select_from(source).where(*conditions)
    return found.order_by(first.desc(), entry.desc()).limit(sa.bindparam("limit", type_=sa.Integer))


def _id(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=Exact)


def _is_commitment(rows: sa.FromClause, kind: Kind) -> Sql:
    if kind is Kind.OUTCOME:
        return rows.c.type.in_([literal(each) for each in TYPES])
    acts = [literal(each) for each in _IN_FORCE]
    in_force = sa.exists().where(actions.c.of_id == rows.c.id, actions.c.type.in_(acts)).correlate(rows)
    signing = sa.exists().where(actions.c.of_id == rows.c.id, actions.c.type == literal(ActionType.SIGNED)).correlate(rows)
    is_adopted = sa.func.coalesce(rows.c.type.in_([literal(each) for each in ADOPTED_TYPES]), sa.false())
    by_its_act = sa.and_(rows.c.status.is_(None), ~is_adopted, sa.or_(rows.c.date.is_not(None), signing))
    is_signed = sa.and_(sa.or_(rows.c.status == literal(MemorandumStatus.SIGNED), by_its_act), ~in_force)
    return sa.or_(rows.c.status.in_([literal(each) for each in AHEAD]), is_signed)


def _is_of_all(rows: sa.FromClause) -> Sql:
    """Return the condition that all sides made the outcome, each to the others."""
    return rows.c.type == literal(OutcomeType.UNDERSTANDING)


def _has_part(rows: sa.FromClause, actor: str, column: str, role: OtherRole) -> Sql:
    """Return the condition that an actor, or a body of it, is the first in `column`, or has a role in the outcome."""
    other = other_actors.alias("other")
    is_it = _id(actor)
    start = sa.select(organizations.c.id).where(sa.or_(organizations.c.id == is_it, organizations.c.country_id == is_it))
    bodies = start.cte(f"bodies_{actor}", recursive=True)
    bodies = bodies.union(sa.select(organizations.c.id).join(bodies, organizations.c.parent_id == bodies.c.id))

    def is_its(named: Sql) -> Sql:
        return sa.or_(named == is_it, named.in_(sa.select(bodies.c.id)))

    others = sa.exists().where(other.c.record_id == rows.c.id, other.c.role == literal(role), is_its(other.c.actor_id))
    return sa.func.coalesce(sa.or_(is_its(rows.c[column]), others.correlate(rows)), sa.false())


def _is_spoken_for(rows: sa.FromClause) -> Sql:
    """Return the condition that a person made the outcome at a meeting at which they acted for the actor `by`."""
    present, acted = participants.alias("spoke"), involvements.alias("acted")
    return (
        sa.exists()
        .where(
            present.c.meeting_id == rows.c.meeting_id,
            present.c.person_id == rows.c.made_by_id,
            acted.c.record_id == present.c.id,
            acted.c.actor_id == _id("by"),
        )
        .correlate(rows)
    )


def _is_silent(rows: sa.FromClause) -> Sql:
    """Return the condition that neither the commitment nor an action done to it can be of the day `since` or later."""
    since = _id("since")
    sign = sa.exists().where(
        actions.c.of_id == rows.c.id, actions.c.date_end >= since, actions.c.date_start > literal(edtf.NO_START)
    )
    return sa.and_(sa.or_(rows.c.date_start < since, rows.c.date_start == literal(edtf.NO_START)), ~sign.correlate(rows))


def _is_done(status: Sql) -> Sql:
    return sa.func.coalesce(status.in_([literal(each) for each in _DONE]), sa.false())
