"""The lines of the ledger as SQL: a branch for each sort of event, read by date from an index and cut at a page.

A line is about a record: a meeting, an instrument, an outcome, a membership, an office or an organization. An act that was
done to a record is a line about that record; `entry_id` is then the action. The branches are joined with UNION ALL and cut once
more, so a page costs a page of each branch, however many records there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from app.db.sql import is_one_of, literal
from app.db.types import Exact
from app.declaration.filters import From, Narrowing, To
from app.domain import edtf
from app.domain.vocabulary import (
    ActionType,
    Kind,
    MeetingStatus,
    MeetingType,
    MembershipStatus,
    MemorandumStatus,
    MemorandumType,
    OutcomeType,
    PartyRole,
    Vocabulary,
)
from app.models import (
    Action,
    Involvement,
    JointSeries,
    LedgerEntry,
    Meeting,
    Membership,
    Memorandum,
    Organization,
    Outcome,
    Party,
    Position,
    RecordTopic,
    Series,
)

Sql = sa.ColumnElement[Any]
meetings: sa.Table = Meeting.__table__
outcomes: sa.Table = Outcome.__table__
memoranda: sa.Table = Memorandum.__table__
actions: sa.Table = Action.__table__
memberships: sa.Table = Membership.__table__
positions: sa.Table = Position.__table__
organizations: sa.Table = Organization.__table__
series: sa.Table = Series.__table__
joint_series: sa.Table = JointSeries.__table__
parties: sa.Table = Party.__table__
involvements: sa.Table = Involvement.__table__
entries: sa.Table = LedgerEntry.__table__
record_topics: sa.Table = RecordTopic.__table__

LAST_DAY = edtf.NO_END
"""Where a line without a date stands among days in ascending order: behind all of them."""
NULL: Sql = sa.cast(sa.null(), Exact)
_LIMIT: Sql = sa.bindparam("limit", type_=sa.Integer)
"""The parameter with the number of lines of a page."""
ACTORS = (Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON)
_MEMBERS = tuple(literal(status) for status in (MembershipStatus.FULL, MembershipStatus.ASSOCIATE))
_MAKERS = tuple(literal(role) for role in (PartyRole.PARTY, PartyRole.SIGNATORY, PartyRole.ADOPTER))
ADOPTED_TYPES = (MemorandumType.DECLARATION, MemorandumType.RESOLUTION, MemorandumType.PLAN, MemorandumType.STRATEGY)
_OUTCOMES: Mapping[Vocabulary, str] = {
    OutcomeType.PROPOSAL: "proposed",
    OutcomeType.UNDERSTANDING: "understood",
    OutcomeType.PLEDGE: "pledged",
    OutcomeType.STATEMENT: "stated",
    OutcomeType.DECISION: "decided",
    OutcomeType.AWARD: "awarded",
    OutcomeType.ESTABLISHMENT: "established",
}
_STAGES: Mapping[Vocabulary, str] = {
    MemorandumStatus.PROPOSED: "proposed",
    MemorandumStatus.DRAFT: "discussed",
    MemorandumStatus.NEGOTIATION: "negotiated",
    MemorandumStatus.AGREED: "agreed",
    MemorandumStatus.SIGNED: "signed",
    MemorandumStatus.ADOPTED: "adopted",
    MemorandumStatus.IN_FORCE: "entered_into_force",
    MemorandumStatus.ENDED: "ended",
}
_UNSIGNED = (MemorandumStatus.PROPOSED, MemorandumStatus.DRAFT, MemorandumStatus.NEGOTIATION, MemorandumStatus.AGREED)
_MEETINGS: Mapping[Vocabulary, str] = {
    MeetingStatus.PLANNED: "planned",
    MeetingStatus.POSTPONED: "postponed",
    MeetingStatus.CANCELLED: "cancelled",
}
WORDS = {
    "met": "a meeting was held",
    "visited": "a visit took place",
    "meeting": "a meeting of which no source says whether it was held",
    "planned": "a meeting is planned",
    **{each.value: each.explanation for each in ActionType},
    "understood": "the sides agreed on a step",
    "pledged": "one side promised or confirmed readiness",
    "stated": "a position was declared",
    "decided": "something was decided",
    "awarded": "a prize was won",
    "established": "something came into being",
    "named": "an instrument of which no source says how far it has come",
    "founded": "an organization was founded, or a member founded it",
    "dissolved": "an organization was dissolved",
    "joined": "a membership began",
    "left": "a membership ended",
    "member": "a membership; no source says when it began",
    "took_office": "an office was taken up",
    "left_office": "an office was given up",
    "held_office": "an office was held; no source says since when",
}
"""The words for what happened, each with an explanation."""
VIA = {
    "parent": "a side takes part through an organization whose parent or country it is",
    "series": "the meeting belongs to a series of the organization",
    "membership": "a side is a member of an organization that is party to the instrument, or the line is about a membership",
    "members": "the instrument is made by the members of an organization, and a side is one of them",
}
"""The words for how a side is linked to a line, if it is not named in it."""


class Topics(Enum):
    """How lines about records on one of the topics in the parameter `topics` are found."""

    ANY = 0
    """No topic is asked for."""
    FEW = 1
    """The records on the topics are looked up first, because there are few."""
    MANY = 2
    """Lines are read by date, and each is checked, because many are about the topics."""


@dataclass(frozen=True)
class Shape:
    """All on which the SQL of a ledger depends."""

    actors: tuple[Kind, ...] = ()
    """The kinds of the actors between whom it is, or of the one whose timeline it is. Lines are read by the first one."""
    of: Kind | None = None
    """The kind of the record whose timeline it is; None if it is a ledger between actors."""
    since: bool = False
    until: bool = False
    topics: Topics = Topics.ANY
    kinds: frozenset[Kind] = frozenset()
    """Only lines about records of these kinds; of all if empty."""
    only_records: bool = False
    """Whether the acts that were done to the records are left out."""
    descending: bool = False
    after: bool = False
    languages: int = 0


class Line(NamedTuple):
    """The columns of a line."""

    entry_id: Any
    """The record that says so: the action, if something was done to the record, otherwise the record itself."""
    what: Any
    record_id: Any
    record_kind: Any
    date: Any
    date_start: Any
    date_end: Any
    meeting_id: Any = NULL
    status: Any = NULL
    via: Any = NULL
    by_id: Any = NULL
    to_id: Any = NULL


@dataclass
class _Branch:
    """A sort of line, and from where it is read in the order of `day` and `Line.entry_id`."""

    rank: str
    """The place of these lines among those of one day. It also tells two lines of one entry apart."""
    line: Line
    rows: NamedFromClause
    source: sa.FromClause
    day: Sql
    table: sa.Table | None = None
    """The table of `rows`, if its columns are `date_start` and `date_end`."""
    about: Sql | None = None
    """The column with the record whose topics count; None if the lines have no topics."""
    conditions: list[Any] = field(default_factory=list)

    def where(self, *conditions: Any, via: Any = None) -> Self:
        """Add conditions, and how a side is linked to these lines."""
        self.conditions += conditions
        if via is not None:
            self.line = self.line._replace(via=via)
        return self


Make = Callable[..., _Branch]
"""Makes the branch of a table: of all its rows, or of those that `rows`, `source` and `day` read in another order."""


def lines(shape: Shape) -> sa.Select[Any]:
    """Return a SELECT of a page of lines in order: the columns of `Line`, and the key `day`, `rank` and `entry_id`.

    Its parameters are `side_0` … for the actors, `of` for another record, `date_from`, `date_to`, `topics`, `key_0` … for the
    key after which the page begins, and `limit`.
    """
    branches = [branch for branch in (_of_actors(shape) if shape.actors else _of_record(shape)) if _narrowed(branch, shape)]
    page = _cut([_dated(branch, shape) for branch in branches] or [_no_page()], shape)
    if shape.descending or shape.since or shape.until or not branches:
        return page
    # Undated lines come last, so they are read only if the page has room for them. Most pages have none, and starting a SELECT
    # for each sort of undated line took a quarter of the time of a page.
    dated = page.cte("dated")
    room = _LIMIT - sa.select(sa.func.count()).select_from(dated).scalar_subquery()
    undated = _cut([_undated(branch, shape) for branch in branches], shape, room)
    return _cut([sa.select(dated), sa.select(undated.subquery("undated"))], shape)


def side(place: int) -> sa.BindParameter[Any]:
    """Return the parameter with the id of an actor."""
    return sa.bindparam(f"side_{place}", type_=Exact)


# -- which branches there are ----------------------------------------------------------------------------------------------


def _of_actors(shape: Shape) -> Iterator[_Branch]:
    """Yield the branches of a ledger between actors, or of the timeline of one."""
    yield from _events(shape, Kind.MEETING, _meeting, "id")
    yield from _events(shape, Kind.OUTCOME, _outcome, "meeting_id")
    yield from _acts(shape)
    if len(shape.actors) <= 2:
        yield from _memberships(shape)
        yield from _offices(shape)
    if shape.of is Kind.ORGANIZATION:
        yield from _foundings()


def _of_record(shape: Shape) -> Iterator[_Branch]:
    """Yield the branches of the timeline of a record that is no actor."""
    of = sa.bindparam("of", type_=Exact)
    match shape.of:
        case Kind.TOPIC:
            yield from (_meeting(), _outcome(), _instrument(), _act())
        case Kind.SERIES:
            its_meetings = _meetings_of(series.c.id == of)
            for branch, column in ((_meeting(), "id"), (_outcome(), "meeting_id"), (_act(), "meeting_id")):
                yield branch.where(branch.rows.c[column].in_(its_meetings))
            act = _act()
            yield act.where(
                act.rows.c.of_id.in_(its_meetings), sa.func.coalesce(act.rows.c.meeting_id.not_in(its_meetings), sa.true())
            )
            for branch in _membership_lines():
                yield branch.where(branch.rows.c.of_id == of)
        case Kind.MEETING:
            for make, columns in (
                (_meeting, ("id", "part_of_id")),
                (_outcome, ("meeting_id",)),
                (_act, ("of_id", "meeting_id")),
            ):
                for place, column in enumerate(columns):
                    branch = make()
                    branch.where(*(branch.rows.c[each].is_distinct_from(of) for each in columns[:place]))
                    yield branch.where(branch.rows.c[column] == of)
        case Kind.MEMORANDUM | Kind.OUTCOME:
            own, act = _instrument() if shape.of is Kind.MEMORANDUM else _outcome(), _act()
            yield own.where(own.rows.c.id == of)
            yield act.where(act.rows.c.of_id == of)


def _events(shape: Shape, kind: Kind, make: Make, meeting: str) -> Iterator[_Branch]:
    """Yield the branches of meetings or of outcomes. `meeting`: the column with the meeting.

    An organization is also linked to the meetings of its series, and to the outcomes of these.
    """

    def linked(branch: _Branch, places: range) -> _Branch:
        by_series = []
        for place in places:
            also, is_it = _involvement(place, kind, branch)
            if shape.actors[place] is Kind.ORGANIZATION:
                is_involved = sa.exists().where(is_it).correlate_except(also)
                by_series.append((~is_involved, literal("series")))
                at_its_meetings = branch.rows.c[meeting].in_(_meetings_of(series.c.organization_id == side(place)))
                branch.where(sa.or_(is_involved, at_its_meetings))
            else:
                branch.source = branch.source.join(also, is_it)
        return branch.where(via=sa.case(*by_series)) if by_series else branch

    others = range(1, len(shape.actors))
    yield linked(_walked(kind, make), others)
    if shape.actors[0] is Kind.ORGANIZATION:
        branch = linked(make(), others)
        at_its_meetings = branch.rows.c[meeting].in_(_meetings_of(series.c.organization_id == side(0)))
        also, is_it = _involvement(0, kind, branch)
        yield branch.where(at_its_meetings, ~sa.exists().where(is_it).correlate_except(also), via=literal("series"))


def _acts(shape: Shape) -> Iterator[_Branch]:
    """Yield the branches of actions, and of instruments that no action tells of.

    Those that concern all sides come first, and those of one side to which the others are linked. An actor is also linked to
    the instruments of an organization of which it is a member; one side at the most.
    """
    places = range(len(shape.actors))
    for make, column in ((_act, "of_id"), (_instrument, "id")):
        # One side's own acts are read for each side; all others concern all sides, so they are read for the first.
        walks = [(0, "all"), *((place, "one") for place in places)] if make is _act else [(0, "instrument")]
        for walked, sort in walks:
            branch = _entries_walked(make, sort, walked)
            # Whoever is linked to an act of all sides is concerned by it, which is found without reading the act.
            others = [place for place in places if place != walked]
            bodies = [place for place in others if shape.actors[place] is Kind.ORGANIZATION]
            if bodies:
                by_series = (~_linked(place, shape, branch, column, by_series=False) for place in bodies)
                branch.where(via=sa.case(*((condition, literal("series")) for condition in by_series)))
            branch.where(*(_linked(place, shape, branch, column, is_own=sort == "one") for place in others))
            yield branch.where(*(~_concerns(place, branch) for place in places[:walked]))
        for member in places:
            if shape.actors[member] is Kind.PERSON:
                continue
            branch = make()
            record = branch.rows.c[column]
            linked = (_linked(place, shape, branch, column) for place in places if place != member)
            by_members = _is_member(member, record, branch.rows, only_members=True)
            # The timeline of a member has what members made, not all that the organization itself is party to.
            is_linked = by_members if len(places) == 1 else _is_member(member, record, branch.rows)
            via = sa.case((by_members, literal("members")), else_=literal("membership"))
            branch.where(record.in_(_instruments_of_bodies(member)), is_linked, via=via)
            yield branch.where(*linked, ~_linked(member, shape, branch, column))
    if shape.of is Kind.ORGANIZATION:
        its_meetings = _meetings_of(series.c.organization_id == side(0))
        branch = _act()
        yield branch.where(branch.rows.c.of_id.in_(its_meetings), ~_concerns(0, branch), via=literal("series"))
        branch = _act()
        at_its_meetings = branch.rows.c.meeting_id.in_(its_meetings), branch.rows.c.of_id.not_in(its_meetings)
        yield branch.where(*at_its_meetings, ~_concerns(0, branch), via=literal("series"))


def _memberships(shape: Shape) -> Iterator[_Branch]:
    """Yield the branches of memberships: of one actor and in it, or of one actor in the other."""

    def belongs(place: int, rows: sa.FromClause) -> Sql:
        belonging = sa.select(involvements.c.record_id).where(
            involvements.c.actor_id == side(place), involvements.c.record_kind == literal(Kind.MEMBERSHIP)
        )
        return rows.c.id.in_(belonging)

    for branch in _membership_lines():
        rows = branch.rows
        if len(shape.actors) == 1:
            yield branch.where(sa.or_(belongs(0, rows), rows.c.of_id == side(0)))
        else:
            one_in_other = sa.or_(*(sa.and_(belongs(member, rows), rows.c.of_id == side(1 - member)) for member in range(2)))
            yield branch.where(one_in_other, via=literal("membership"))


def _offices(shape: Shape) -> Iterator[_Branch]:
    """Yield the branches of offices. Those that are only attested are lines of their holders, not of their bodies."""
    for branch in _office_lines():
        rows = branch.rows
        if shape.actors == (Kind.PERSON,):
            yield branch.where(rows.c.holder_id == side(0))
        elif len(shape.actors) == 2:
            yield branch.where(
                *(
                    sa.or_(*(rows.c[name] == side(place) for name in ("holder_id", "organization_id", "country_id")))
                    for place in range(2)
                )
            )
        elif branch.rank != _HELD_OFFICE:
            body = "organization_id" if shape.actors[0] is Kind.ORGANIZATION else "country_id"
            yield branch.where(sa.or_(rows.c[body] == side(0), rows.c.holder_id == side(0)))


def _foundings() -> Iterator[_Branch]:
    """Yield the branches of the founding and the dissolution of the organization whose timeline it is."""
    for rank, what, name in (("0", "founded", "founded"), ("9", "dissolved", "dissolved")):
        rows = organizations.alias("t")
        start, end = rows.c[f"{name}_start"], rows.c[f"{name}_end"]
        line = Line(rows.c.id, literal(what), rows.c.id, Kind.ORGANIZATION, rows.c[name], start, end)
        yield _Branch(rank, line, rows, rows, start).where(rows.c.id == side(0), rows.c[name].is_not(None))


# -- the lines of each table -----------------------------------------------------------------------------------------------

_HELD_OFFICE = "8"


def _meeting(rows: NamedFromClause | None = None, source: sa.FromClause | None = None, day: Sql | None = None) -> _Branch:
    rows = meetings.alias("t") if rows is None else rows
    column = rows.c
    held = sa.case((column.type == literal(MeetingType.VISIT), literal("visited")), else_=literal("met"))
    status = [(column.status == literal(word), literal(what)) for word, what in _MEETINGS.items()]
    what = sa.case((column.status == literal(MeetingStatus.HELD), held), *status, else_=literal("meeting"))
    line = Line(column.id, what, column.id, Kind.MEETING, column.date, column.date_start, column.date_end, status=column.status)
    return _branch("1", line, rows, source, day, meetings, column.id)


def _outcome(rows: NamedFromClause | None = None, source: sa.FromClause | None = None, day: Sql | None = None) -> _Branch:
    rows = outcomes.alias("t") if rows is None else rows
    column = rows.c
    line = Line(
        column.id,
        _said(column.type, _OUTCOMES),
        column.id,
        Kind.OUTCOME,
        column.date,
        column.date_start,
        column.date_end,
        meeting_id=column.meeting_id,
        status=column.status,
        by_id=column.made_by_id,
        to_id=column.made_to_id,
    )
    return _branch("4", line, rows, source, day, outcomes, column.id)


def _instrument(rows: NamedFromClause | None = None, source: sa.FromClause | None = None, day: Sql | None = None) -> _Branch:
    """Instruments that no act tells of: no act at all or, if the instrument has a date, no signature and no adoption."""
    rows = memoranda.alias("t") if rows is None else rows
    column = rows.c
    is_adopted = sa.or_(
        column.status == literal(MemorandumStatus.ADOPTED), column.type.in_([literal(each) for each in ADOPTED_TYPES])
    )
    what = sa.case(
        (column.status.in_([literal(each) for each in _UNSIGNED]), _said(column.status, _STAGES)),
        (sa.and_(column.date.is_not(None), is_adopted), literal("adopted")),
        (column.date.is_not(None), literal("signed")),
        (column.status.is_not(None), _said(column.status, _STAGES)),
        else_=literal("named"),
    )
    dating = [literal(act) for act in (ActionType.SIGNED, ActionType.ADOPTED)]
    told = sa.exists().where(actions.c.of_id == column.id, sa.or_(column.date.is_(None), actions.c.type.in_(dating)))
    line = Line(
        column.id, what, column.id, Kind.MEMORANDUM, column.date, column.date_start, column.date_end, status=column.status
    )
    return _branch("2", line, rows, source, day, memoranda, column.id).where(~told)


def _act(rows: NamedFromClause | None = None, source: sa.FromClause | None = None, day: Sql | None = None) -> _Branch:
    rows = actions.alias("t") if rows is None else rows
    column = rows.c
    status = sa.func.coalesce(
        *(
            sa.select(table.c.status).where(table.c.id == column.of_id).correlate(rows).scalar_subquery()
            for table in (memoranda, outcomes, meetings)
        )
    )
    line = Line(
        column.id,
        column.type,
        column.of_id,
        column.of_kind,
        column.date,
        column.date_start,
        column.date_end,
        meeting_id=column.meeting_id,
        status=status,
        by_id=column.party_id,
    )
    return _branch("3", line, rows, source, day, actions, column.of_id)


def _membership_lines() -> Iterator[_Branch]:
    """Yield the branches of memberships: their beginnings, their ends, and those of which no beginning is stated."""
    rows = memberships.alias("t")
    is_founder = rows.c.founding.is_(sa.true())
    began = sa.case((is_founder, literal("founded")), else_=literal("joined"))
    yield from _lasting("5", rows, Kind.MEMBERSHIP, (began, "left", "member"), rows.c.member_id, rows.c.of_id, rows.c.status)


def _office_lines() -> Iterator[_Branch]:
    """Yield the branches of offices, as for memberships."""
    rows = positions.alias("t")
    body = sa.func.coalesce(rows.c.organization_id, rows.c.country_id)
    words = (literal("took_office"), "left_office", "held_office")
    yield from _lasting("6", rows, Kind.POSITION, words, rows.c.holder_id, body, NULL)


def _lasting(
    rank: str, rows: NamedFromClause, kind: Kind, words: tuple[Sql, str, str], by: Sql, to: Sql, status: Sql
) -> Iterator[_Branch]:
    column = rows.c

    def line(what: Sql, date: Sql, start: Sql, end: Sql) -> Line:
        return Line(column.id, what, column.id, kind, date, start, end, status=status, by_id=by, to_id=to)

    began, ended, stood = words
    first = line(began, column.since, column.since_start, column.since_end)
    yield _Branch(rank, first, rows, rows, column.since_start).where(column.since.is_not(None))
    last = line(literal(ended), column.until, column.until_start, column.until_end)
    yield _Branch("7", last, rows, rows, column.until_start).where(column.until.is_not(None))
    # Without a stated beginning, the days on which a source shows it say when it is known to have stood. Of less precise dates
    # no day is certain: then the certain time would begin after its end, and the dates lie between the two.
    one, other = column.certain_from, column.certain_until
    is_known = sa.and_(one < literal(edtf.NO_END), other > literal(edtf.NO_START))
    start = sa.case((~is_known, literal(edtf.NO_START)), (one <= other, one), else_=other)
    end = sa.case((~is_known, literal(edtf.NO_END)), (one <= other, other), else_=one)
    yield _Branch(_HELD_OFFICE, line(literal(stood), NULL, start, end), rows, rows, start).where(column.since.is_(None))


def _branch(
    rank: str,
    line: Line,
    rows: NamedFromClause,
    source: sa.FromClause | None,
    day: Sql | None,
    table: sa.Table,
    about: Sql,
) -> _Branch:
    return _Branch(
        rank, line, rows, rows if source is None else source, rows.c.date_start if day is None else day, table, about
    )


def _said(column: Sql, words: Mapping[Vocabulary, str]) -> Sql:
    """Return the word for what happened that belongs to a word of a vocabulary."""
    return sa.case(*((column == literal(word), literal(what)) for word, what in words.items()))


# -- how sides are linked --------------------------------------------------------------------------------------------------

_TABLES = {Kind.MEETING: meetings, Kind.OUTCOME: outcomes, Kind.MEMORANDUM: memoranda}


def _walked(kind: Kind, make: Make, place: int = 0) -> _Branch:
    """Return the branch of the records of a kind that involve a side, read in the order of `involvements`."""
    walked, rows = involvements.alias("w"), _TABLES[kind].alias("t")
    branch = make(rows, walked.join(rows, rows.c.id == walked.c.record_id), walked.c.date_start)
    branch.line = branch.line._replace(entry_id=walked.c.record_id)
    return branch.where(walked.c.actor_id == side(place), walked.c.record_kind == literal(kind))


def _entries_walked(make: Make, sort: str, place: int) -> _Branch:
    """Return the branch of the entries of a sort that concern a side, read in the order of `ledger_entries`."""
    walked = entries.alias("w")
    rows = (actions if make is _act else memoranda).alias("t")
    branch = make(rows, walked.join(rows, rows.c.id == walked.c.entry_id), walked.c.date_start)
    branch.line = branch.line._replace(entry_id=walked.c.entry_id)
    return branch.where(walked.c.actor_id == side(place), walked.c.entry_kind == literal(sort))


def _linked(place: int, shape: Shape, branch: _Branch, record: str, *, is_own: bool = True, by_series: bool = True) -> Sql:
    """Return the condition that an act concerns a side or, if it may be another side's own, what it was done to involves it.

    `by_series`: an organization is also linked to what was done to the meetings of its series.
    """
    found: list[Sql] = [_concerns(place, branch)]
    if is_own:
        found.append(_involved_in(place, shape, branch.rows.c[record]))
    if by_series and shape.actors[place] is Kind.ORGANIZATION:
        found.append(branch.rows.c[record].in_(_meetings_of(series.c.organization_id == side(place))))
    return sa.or_(*found)


def _involvement(place: int, kind: Kind, branch: _Branch) -> tuple[NamedFromClause, Sql]:
    """Return the involvements, and the condition for the one of a side in a meeting or an outcome: there is at most one.

    Only the index that the branch walks is read. Where the side must be involved, the involvement is joined, because SQLite
    takes a third fewer steps for a join than for EXISTS.
    """
    also = involvements.alias(f"i{place}")
    is_it = sa.and_(
        also.c.actor_id == side(place),
        also.c.record_kind == literal(kind),
        also.c.date_start == branch.day,
        also.c.record_id == branch.line.entry_id,
    )
    return also, is_it


def _involved_in(place: int, shape: Shape, record: Sql) -> sa.Exists:
    """Return the condition that a side is involved in a record, whatever its kind."""
    also = involvements.alias(f"o{place}")
    its_kind = literal(shape.actors[place])
    return sa.exists().where(also.c.record_id == record, also.c.actor_kind == its_kind, also.c.actor_id == side(place))


def _concerns(place: int, branch: _Branch) -> sa.Exists:
    """Return the condition that an action or an instrument concerns a side."""
    also = entries.alias(f"c{place}")
    return sa.exists().where(also.c.entry_id == branch.line.entry_id, also.c.actor_id == side(place))


def _meetings_of(of_series: Sql) -> sa.CompoundSelect[Any]:
    """Return the ids of the meetings of the series that a condition selects, joint sittings included."""
    own = sa.select(meetings.c.id).join(series, series.c.id == meetings.c.series_id).where(of_series)
    joint = sa.select(joint_series.c.record_id).join(series, series.c.id == joint_series.c.series_id).where(of_series)
    return own.union_all(joint)


def _is_member(place: int, memorandum: Sql, dated: sa.FromClause, *, only_members: bool = False) -> sa.Exists:
    """Return the condition that a side may have been a member of a party of an instrument at the time of `dated`.

    `only_members`: only if the instrument is made by the members, not by the organization itself.
    """
    party, membership = parties.alias(f"p{place}"), memberships.alias(f"m{place}")
    found = sa.exists().where(
        party.c.memorandum_id == memorandum,
        party.c.role.in_(_MAKERS),
        membership.c.of_id == party.c.party_id,
        membership.c.member_id == side(place),
        membership.c.status.in_(_MEMBERS),
        membership.c.possible_from <= dated.c.date_end,
        membership.c.possible_until >= dated.c.date_start,
    )
    return found.where(party.c.members.is_(sa.true())) if only_members else found


def _instruments_of_bodies(place: int) -> sa.Select[Any]:
    """Return the ids of the instruments of organizations of which a side is, or was, a member."""
    party, membership = parties.alias("p"), memberships.alias("m")
    joined = party.join(membership, membership.c.of_id == party.c.party_id)
    return sa.select(party.c.memorandum_id).select_from(joined).where(membership.c.member_id == side(place))


# -- filters and pages -----------------------------------------------------------------------------------------------------


def _narrowed(branch: _Branch, shape: Shape) -> bool:
    """Add the filters of the request to a branch. Returns False if none of its lines can match."""
    kind = branch.line.record_kind
    if isinstance(kind, Kind) and shape.kinds and kind not in shape.kinds:
        return False
    if shape.only_records and branch.table is actions:
        return False
    if shape.kinds and not isinstance(kind, Kind):
        branch.where(kind.in_([literal(each) for each in sorted(shape.kinds)]))
    if shape.topics is not Topics.ANY:
        if branch.about is None:
            return False
        branch.where(_is_about(branch.about, branch.rows, shape.topics if branch.table is meetings else Topics.FEW))
    if shape.since or shape.until:
        branch.where(*_within(branch, shape))
    return True


def _is_about(record: Sql, rows: sa.FromClause, topics: Topics) -> Sql:
    """Return the condition that the record of a line, or the action itself, is about one of the topics."""
    asked = is_one_of(record_topics.c.topic_id, sa.bindparam("topics", type_=sa.ARRAY(Exact)))
    columns = {record, rows.c.id}
    if topics is Topics.FEW:
        about = sa.select(record_topics.c.record_id).where(asked)
        return sa.or_(*(column.in_(about) for column in columns))
    return sa.or_(*(sa.exists().where(record_topics.c.record_id == column, asked) for column in columns))


def _within(branch: _Branch, shape: Shape) -> list[Any]:
    """Return the conditions for lines within the window that the request asks for."""
    if branch.table is None:
        start, end = branch.line.date_start, branch.line.date_end
        since = [end >= sa.bindparam("date_from", type_=Exact)] if shape.since else []
        until = [start <= sa.bindparam("date_to", type_=Exact)] if shape.until else []
        return [*since, *until, start > literal(edtf.NO_START)]
    narrowing = Narrowing(branch.rows, branch.source, branch.table, order={"date_start": branch.day}, walked="date_start")
    narrowing.from_cursor = shape.after and shape.descending
    if shape.since:
        From("").narrow("date_from", 1, narrowing)
    if shape.until:
        To("").narrow("date_to", 1, narrowing)
    return narrowing.conditions


def _dated(branch: _Branch, shape: Shape) -> sa.Select[Any]:
    """Return a SELECT of a page of a branch. In ascending order, it has only the lines with a date."""
    conditions = () if shape.descending else (branch.day > literal(edtf.NO_START),)
    return _page(branch, shape, branch.day, *conditions)


def _undated(branch: _Branch, shape: Shape) -> sa.Select[Any]:
    """Return a SELECT of a page of the lines of a branch that have no date."""
    return _page(branch, shape, literal(LAST_DAY), branch.day == literal(edtf.NO_START))


def _page(branch: _Branch, shape: Shape, day: Sql, *conditions: Any) -> sa.Select[Any]:
    rank, entry = literal(branch.rank), branch.line.entry_id
    columns = [
        (literal(value) if isinstance(value, Kind) else value).label(name) for name, value in branch.line._asdict().items()
    ]
    page = sa.select(*columns, day.label("day"), rank.label("rank")).select_from(branch.source)
    page = page.where(*branch.conditions, *conditions)
    if shape.after:
        page = page.where(*_after(day, rank, entry, descending=shape.descending))
    in_order = (entry,) if day is not branch.day else (day, entry)
    return sa.select(_ordered(page, in_order, descending=shape.descending).subquery())


def _after(day: Sql, rank: Sql, entry: Sql, *, descending: bool) -> Iterator[Sql]:
    """Yield the conditions for lines behind the key of the cursor. The first one bounds the scan of an index."""
    keys = [sa.bindparam(f"key_{place}", type_=Exact) for place in range(3)]
    if descending:
        yield day <= keys[0]
        yield sa.or_(day < keys[0], rank < keys[1], sa.and_(rank == keys[1], entry < keys[2]))
    else:
        yield day >= keys[0]
        yield sa.or_(day > keys[0], rank > keys[1], sa.and_(rank == keys[1], entry > keys[2]))


def _cut(pages: Sequence[sa.Select[Any]], shape: Shape, limit: Sql = _LIMIT) -> sa.Select[Any]:
    """Return a SELECT of the first lines of several pages."""
    found = sa.union_all(*pages).subquery()
    return _ordered(sa.select(found), (found.c.day, found.c.rank, found.c.entry_id), limit, descending=shape.descending)


def _ordered(statement: sa.Select[Any], columns: tuple[Sql, ...], limit: Sql = _LIMIT, *, descending: bool) -> sa.Select[Any]:
    directed = [column.desc() if descending else column.asc() for column in columns]
    return statement.order_by(*directed).limit(limit)


def _no_page() -> sa.Select[Any]:
    """Return a SELECT without rows, for kinds of which the ledger has no lines."""
    return sa.select(*(NULL.label(name) for name in (*Line._fields, "day", "rank"))).where(sa.false())
