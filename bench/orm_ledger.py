"""The ledger between two actors as everybody writes it, and written well: what lines show by `selectinload`, merged in Python.

It is the ORM twin with one more address. It has the lines of meetings, of acts on instruments that concern both sides, of
instruments of which no act tells, and of outcomes. The product also looks for memberships, offices, signatories, the own acts
of one side and what an actor is linked to by a series or a body: the synthetic data has none of these.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import ForeignKey, Select, select
from sqlalchemy.orm import Mapped, aliased, foreign, mapped_column, relationship, selectinload

from bench.orm import (
    RANKS,
    AnyRef,
    Base,
    Citation,
    Involvement,
    Meeting,
    Participant,
    Record,
    Ref,
    Session,
    Shown,
    app,
    to_one,
)

__all__ = ["app"]

NO_DAYS = ("0001-01-01", "9999-12-31")
"""The first and the last day of what has no date."""
MOST = 20
"""The number of citations and of people that a line shows."""
MEETINGS = {"planned": "planned", "postponed": "postponed", "cancelled": "cancelled"}
STAGES = {
    "proposed": "proposed",
    "draft": "discussed",
    "negotiation": "negotiated",
    "agreed": "agreed",
    "signed": "signed",
    "adopted": "adopted",
    "in_force": "entered_into_force",
    "ended": "ended",
}
UNSIGNED = ("proposed", "draft", "negotiation", "agreed")
ADOPTED_TYPES = ("declaration", "resolution", "plan", "strategy")
OUTCOMES = {
    "proposal": "proposed",
    "understanding": "understood",
    "pledge": "pledged",
    "statement": "stated",
    "decision": "decided",
    "award": "awarded",
    "establishment": "established",
}

# -- tables -----------------------------------------------------------------------------------------------------------


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    actor_id: Mapped[str] = mapped_column(primary_key=True)
    entry_kind: Mapped[str] = mapped_column(primary_key=True)
    date_start: Mapped[str] = mapped_column(primary_key=True)
    entry_id: Mapped[str] = mapped_column(primary_key=True)


class Party(Base):
    __tablename__ = "parties"
    id: Mapped[str] = mapped_column(primary_key=True)
    memorandum_id: Mapped[str] = mapped_column(ForeignKey("memoranda.id"))
    party_id: Mapped[str]


class Memorandum(Base):
    __tablename__ = "memoranda"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str | None]
    status: Mapped[str | None]
    date: Mapped[str | None]
    date_start: Mapped[str]
    date_end: Mapped[str]
    parties: Mapped[list[Party]] = relationship(lazy="raise_on_sql")
    citations: Mapped[list[Citation]] = relationship(
        primaryjoin=lambda: foreign(Citation.record_id) == Memorandum.id,
        order_by=(Citation.source_id, Citation.paragraph, Citation.id),
        lazy="raise_on_sql",
        viewonly=True,
    )


class Action(Base):
    __tablename__ = "actions"
    id: Mapped[str] = mapped_column(primary_key=True)
    of_id: Mapped[str] = mapped_column(ForeignKey("memoranda.id"))
    type: Mapped[str]
    date: Mapped[str | None]
    date_start: Mapped[str]
    date_end: Mapped[str]
    meeting_id: Mapped[str | None] = mapped_column(ForeignKey("meetings.id"))
    party_id: Mapped[str | None] = mapped_column(ForeignKey("records.id"))
    memorandum: Mapped[Memorandum] = relationship(lazy="raise_on_sql")
    meeting: Mapped[Meeting | None] = relationship(lazy="raise_on_sql")
    party: Mapped[Record | None] = relationship(lazy="raise_on_sql")
    citations: Mapped[list[Citation]] = relationship(
        primaryjoin=lambda: foreign(Citation.record_id) == Action.id,
        order_by=(Citation.source_id, Citation.paragraph, Citation.id),
        lazy="raise_on_sql",
        viewonly=True,
    )


class Outcome(Base):
    __tablename__ = "outcomes"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str]
    status: Mapped[str | None]
    date: Mapped[str | None]
    date_start: Mapped[str]
    date_end: Mapped[str]
    meeting_id: Mapped[str | None] = mapped_column(ForeignKey("meetings.id"))
    made_by_id: Mapped[str | None] = mapped_column(ForeignKey("records.id"))
    made_to_id: Mapped[str | None] = mapped_column(ForeignKey("records.id"))
    meeting: Mapped[Meeting | None] = relationship(lazy="raise_on_sql")
    made_by: Mapped[Record | None] = relationship(lazy="raise_on_sql", foreign_keys=made_by_id)
    made_to: Mapped[Record | None] = relationship(lazy="raise_on_sql", foreign_keys=made_to_id)
    citations: Mapped[list[Citation]] = relationship(
        primaryjoin=lambda: foreign(Citation.record_id) == Outcome.id,
        order_by=(Citation.source_id, Citation.paragraph, Citation.id),
        lazy="raise_on_sql",
        viewonly=True,
    )


# -- answers ----------------------------------------------------------------------------------------------------------


class PhraseShown(Shown):
    id: str
    field: str | None
    value: str | None
    source: Ref
    paragraph: int
    quote: str
    link: str | None
    confidence: str


class PresentShown(Shown):
    person: Ref | None
    capacity: str | None


class SideShown(Shown):
    actor: AnyRef
    people: list[PresentShown]


class LineShown(Shown):
    date: str | None
    date_start: str | None
    date_end: str | None
    undated: bool
    what: str
    record: AnyRef
    action: str | None
    meeting: Ref | None
    by: AnyRef | None
    to: AnyRef | None
    status: str | None
    through: str | None
    sides: list[SideShown]
    uncited: bool
    citations: list[PhraseShown]


class LedgerPage(BaseModel):
    data: list[LineShown]
    more: bool


# -- the query --------------------------------------------------------------------------------------------------------


@app.get("/v1/ledger", response_model=LedgerPage)
async def ledger(
    opened: Session,
    between: Annotated[str, Query(pattern="^[^,]+,[^,]+$")],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    ids = between.split(",")
    found = {actor.id: actor for actor in await opened.scalars(select(Record).where(Record.id.in_(ids)))}
    if set(found) != set(ids):
        raise HTTPException(404)
    actors = [found[each] for each in ids]
    there = selectinload(Meeting.participants).options(
        to_one(Participant.person), selectinload(Participant.involved.and_(Involvement.actor_id.in_(ids)))
    )

    def cited(column: Any) -> Any:
        return selectinload(column).options(to_one(Citation.source))

    instruments = (cited(Memorandum.citations), selectinload(Memorandum.parties))
    queries: tuple[tuple[Callable[..., dict[str, Any]], Select[Any]], ...] = (
        (_meeting, _involving(Meeting, "meeting", ids).options(there, cited(Meeting.citations))),
        (_instrument, _concerning(Memorandum, "instrument", ids).options(*instruments)),
        (
            _action,
            _concerning(Action, "all", ids).options(
                to_one(Action.memorandum).options(*instruments),
                to_one(Action.meeting).options(there),
                to_one(Action.party),
                cited(Action.citations),
            ),
        ),
        (
            _outcome,
            _involving(Outcome, "outcome", ids).options(
                to_one(Outcome.meeting).options(there),
                to_one(Outcome.made_by),
                to_one(Outcome.made_to),
                cited(Outcome.citations),
            ),
        ),
    )
    rows = [
        ((row.date_start == NO_DAYS[0], row.date_start, rank, row.id), line, row)
        for rank, (line, query) in enumerate(queries)
        for row in (await opened.scalars(query.limit(limit + 1))).all()
    ]
    rows.sort(key=lambda each: each[0])
    return {"data": [line(row, actors) for _, line, row in rows[:limit]], "more": len(rows) > limit}


def _involving(entity: Any, kind: str, ids: Sequence[str]) -> Select[Any]:
    mine, theirs = aliased(Involvement), aliased(Involvement)
    also = select(theirs).where(
        theirs.actor_id == ids[1],
        theirs.record_kind == kind,
        theirs.date_start == mine.date_start,
        theirs.record_id == mine.record_id,
    )
    query = select(entity).join(mine, mine.record_id == entity.id).where(mine.actor_id == ids[0], mine.record_kind == kind)
    return query.where(also.exists()).order_by(mine.date_start, mine.record_id)


def _concerning(entity: Any, kind: str, ids: Sequence[str]) -> Select[Any]:
    mine, theirs = aliased(LedgerEntry), aliased(LedgerEntry)
    also = select(theirs).where(theirs.entry_id == mine.entry_id, theirs.actor_id == ids[1])
    query = select(entity).join(mine, mine.entry_id == entity.id).where(mine.actor_id == ids[0], mine.entry_kind == kind)
    return query.where(also.exists()).order_by(mine.date_start, mine.entry_id)


# -- the lines --------------------------------------------------------------------------------------------------------


def _meeting(meeting: Meeting, actors: Sequence[Record]) -> dict[str, Any]:
    held = "visited" if meeting.type == "visit" else "met"
    what = held if meeting.status == "held" else MEETINGS.get(meeting.status or "", "meeting")
    named = {named for each in meeting.participants for named in (each.country_id, each.organization_id, each.on_behalf_of_id)}
    return _line(
        meeting,
        what=what,
        record={"id": meeting.id, "kind": "meeting", "name": meeting.name},
        status=meeting.status,
        through=_through(actors, named),
        sides=_sides(meeting, actors),
        citations=meeting.citations,
    )


def _instrument(memorandum: Memorandum, actors: Sequence[Record]) -> dict[str, Any]:
    if memorandum.status in UNSIGNED or (memorandum.date is None and memorandum.status):
        what = STAGES[memorandum.status or ""]
    elif memorandum.date is None:
        what = "named"
    else:
        what = "adopted" if memorandum.status == "adopted" or memorandum.type in ADOPTED_TYPES else "signed"
    return _line(memorandum, what=what, sides=_sides(None, actors), **_of(memorandum, actors, None))


def _action(action: Action, actors: Sequence[Record]) -> dict[str, Any]:
    of = _of(action.memorandum, actors, action.party_id)
    if action.citations:
        of["citations"] = action.citations
    of |= {"action": action.id, "meeting": action.meeting, "by": action.party}
    return _line(action, what=action.type, sides=_sides(action.meeting, actors), **of)


def _of(memorandum: Memorandum, actors: Sequence[Record], party: str | None) -> dict[str, Any]:
    return {
        "record": {"id": memorandum.id, "kind": "memorandum", "name": memorandum.name},
        "status": memorandum.status,
        "through": _through(actors, {party, *(each.party_id for each in memorandum.parties)}),
        "citations": memorandum.citations,
    }


def _outcome(outcome: Outcome, actors: Sequence[Record]) -> dict[str, Any]:
    at = outcome.meeting.participants if outcome.meeting else []
    named = {named for each in at for named in (each.country_id, each.organization_id, each.on_behalf_of_id)}
    return _line(
        outcome,
        what=OUTCOMES[outcome.type],
        record={"id": outcome.id, "kind": "outcome", "name": outcome.name},
        meeting=outcome.meeting,
        by=outcome.made_by,
        to=outcome.made_to,
        status=outcome.status,
        through=_through(actors, {outcome.made_by_id, outcome.made_to_id, *named}),
        sides=_sides(outcome.meeting, actors),
        citations=outcome.citations,
    )


def _line(dated: Meeting | Memorandum | Action | Outcome, *, citations: Sequence[Citation], **more: Any) -> dict[str, Any]:
    start, end = (None if day in NO_DAYS else day for day in (dated.date_start, dated.date_end))
    return {
        **dict.fromkeys(("action", "meeting", "by", "to")),
        "date": dated.date,
        "date_start": start,
        "date_end": end,
        "undated": start is None and end is None,
        "uncited": not citations,
        "citations": citations[:MOST],
        **more,
    }


def _through(actors: Sequence[Record], named: set[str | None]) -> str | None:
    return "parent" if any(each.kind != "person" and each.id not in named for each in actors) else None


def _sides(meeting: Meeting | None, actors: Sequence[Record]) -> list[dict[str, Any]]:
    return [{"actor": actor, "people": list(_people(meeting, actor))[:MOST]} for actor in actors]


def _people(meeting: Meeting | None, actor: Record) -> Iterator[Participant]:
    """The people who were there for an actor, the highest rank first, each once with a capacity."""
    there = [
        each
        for each in (meeting.participants if meeting else ())
        if each.person_id and each.presence != "absent" and any(one.actor_id == actor.id for one in each.involved)
    ]
    ranks = {rank: place for place, rank in enumerate(RANKS)}
    there.sort(key=lambda each: (ranks.get(each.rank or "", len(RANKS)), each.person_id or "", each.capacity or ""))
    seen = set()
    for each in there:
        if (each.person_id, each.capacity) not in seen:
            seen.add((each.person_id, each.capacity))
            yield each
