"""The quality overview: records that an editor should look at, with the reason, and how many there are of each sort."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel, Field

from app.db.driver import Row
from app.db.sql import literal
from app.db.types import Exact
from app.declaration.resource import VERSION_PREFIX, Resource
from app.domain import edtf
from app.domain.vocabulary import ActionType, Confidence, Kind, MeetingStatus, MemorandumStatus, Review
from app.models import Action, Citation, Identifier, Meeting, Memorandum, Record

LISTED = 50
"""The maximum number of records that the overview lists for each sort of finding."""
NEED_NO_CITATION = (Kind.COUNTRY, Kind.TOPIC, Kind.SOURCE, Kind.CITATION)
records: sa.Table = Record.__table__
citations: sa.Table = Citation.__table__
identifiers: sa.Table = Identifier.__table__
actions: sa.Table = Action.__table__
memoranda: sa.Table = Memorandum.__table__
meetings: sa.Table = Meeting.__table__


def _before(status: MemorandumStatus) -> tuple[MemorandumStatus, ...]:
    """The statuses before this one: a status is the furthest point stated."""
    return tuple(MemorandumStatus)[: tuple(MemorandumStatus).index(status)]


_BEHIND = {
    ActionType.AGREED: _before(MemorandumStatus.AGREED),
    ActionType.SIGNED: _before(MemorandumStatus.SIGNED),
    ActionType.ENTERED_INTO_FORCE: _before(MemorandumStatus.IN_FORCE),
    ActionType.ENDED: tuple(status for status in MemorandumStatus if status is not MemorandumStatus.ENDED),
}
"""By action: the statuses that an instrument to which it was done cannot have, since a status is the furthest point stated."""


class Concern(BaseModel):
    """A record to look at, and why."""

    kind: Kind
    id: Annotated[str, Field(description="the record's id", examples=["sco"])]
    detail: Annotated[str, Field(description="what is wrong with it, or what it shares with the record beside it")]


class Finding(BaseModel):
    """A sort of finding: what it means, how many records have it, and the first of them."""

    code: Annotated[str, Field(description="the sort of finding", examples=["uncited"])]
    explanation: Annotated[str, Field(description="what it means")]
    count: Annotated[int, Field(description="how many records have it")]
    records: Annotated[list[Concern], Field(description=f"the first {LISTED} of them")]
    links: Annotated[list[str], Field(description="lists that have all of them, where there is a filter for it")]


class Quality(BaseModel):
    """The quality overview of the registry."""

    data: list[Finding]


class Sort(NamedTuple):
    """How a sort of finding is found."""

    code: str
    explanation: str
    found: sa.Select[Any]
    """Selects (kind, id, detail) of all records with the finding."""
    links: Sequence[str] = ()

    def listed(self) -> sa.Select[Any]:
        """The query for the first records."""
        rows = self.found.subquery("found")
        return sa.select(*rows.c).order_by(rows.c.kind, rows.c.detail, rows.c.id).limit(sa.literal_column(str(LISTED)))

    def counted(self) -> sa.Select[Any]:
        """The query for the number of records."""
        return sa.select(sa.func.count()).select_from(self.found.subquery("found"))

    def told(self, count: int, rows: Iterable[Row]) -> Finding:
        """The finding with the results of the two queries."""
        concerns = [Concern(kind=Kind(kind), id=record_id, detail=detail) for kind, record_id, detail in rows]
        return Finding(code=self.code, explanation=self.explanation, count=count, records=concerns, links=list(self.links))


def sorts(resources: Iterable[Resource]) -> Iterator[Sort]:
    """Yield all sorts of findings."""
    declared = list(resources)
    should_be_cited = [each for each in declared if each.kind not in NEED_NO_CITATION]
    cited = sa.exists().where(citations.c.record_id == records.c.id)
    yield Sort(
        "uncited",
        "No citation supports the record.",
        _of_records(records.c.name).where(records.c.kind.not_in(list(map(_literal, NEED_NO_CITATION))), ~cited),
        [f"{each.path}?uncited=true" for each in should_be_cited],
    )
    for code, column, word, explanation in (
        (
            "doubtful",
            citations.c.confidence,
            Confidence.DOUBTFUL,
            "A citation is doubtful.",
        ),
        ("disputed", citations.c.review, Review.DISPUTED, "A second reader disputes a citation."),
    ):
        found = sa.select(citations.c.record_kind.label("kind"), citations.c.record_id.label("id"))
        found = found.add_columns(citations.c.quote.label("detail")).where(column == _literal(word))
        yield Sort(code, explanation, found, [f"{VERSION_PREFIX}/citations?{column.name}={word}"])
    yield Sort("contradiction", "Statements of the registry contradict one another.", _contradictions())
    yield Sort(
        "shared_identifier",
        "Several records of a kind have the same identifier.",
        shared_identifiers(),
    )
    yield Sort(
        "same_name",
        "Several records of a kind have the same name and, if they are dated, the same first day: they may be one.",
        _all(_same_names(each) for each in declared if "name_key" in each.table.c),
    )


def _of_records(detail: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(records.c.kind.label("kind"), records.c.id.label("id"), detail.label("detail"))


def _literal(word: str) -> sa.ColumnElement[str]:
    return literal(str(word))


def _all(selects: Iterable[sa.Select[Any]]) -> sa.Select[Any]:
    found = sa.union_all(*selects).subquery("each")
    return sa.select(*found.c)


def _contradictions() -> sa.Select[Any]:
    """Select instruments and meetings whose status or date contradicts an action."""
    done = actions.c.party_id.is_(None)
    both = actions.join(memoranda, memoranda.c.id == actions.c.of_id)

    def rows(*detail: Any) -> sa.Select[Any]:
        text = detail[0]
        for part in detail[1:]:
            text = text.concat(part)
        kind = literal(Kind.MEMORANDUM).label("kind")
        return sa.select(kind, memoranda.c.id.label("id"), text.label("detail")).select_from(both)

    selects = [
        rows(literal("its status is "), memoranda.c.status, literal(f", but it has the action {action}"))
        .where(done, actions.c.type == _literal(action), memoranda.c.status.in_([_literal(each) for each in statuses]))
        .distinct()
        for action, statuses in _BEHIND.items()
    ]
    met = sa.select(literal(Kind.MEETING).label("kind"), meetings.c.id.label("id"))
    met = met.add_columns(
        literal("its status is ").concat(meetings.c.status).concat(literal(", but it was cancelled")).label("detail")
    )
    called_off = actions.c.type == _literal(ActionType.CANCELLED)
    selects.append(
        met.join_from(actions, meetings, meetings.c.id == actions.c.of_id).where(
            called_off, meetings.c.status == _literal(MeetingStatus.HELD)
        )
    )
    apart = sa.or_(actions.c.date_end < memoranda.c.date_start, actions.c.date_start > memoranda.c.date_end)
    undated = sa.literal_column(f"'{edtf.NO_START}'", Exact)
    selects.append(
        rows(literal("its date is "), memoranda.c.date, literal(", but it was signed "), actions.c.date).where(
            done,
            actions.c.type == _literal(ActionType.SIGNED),
            memoranda.c.date.is_not(None),
            actions.c.date.is_not(None),
            actions.c.date_start > undated,
            apart,
        )
    )
    return _all(selects)


def shared_identifiers() -> sa.Select[Any]:
    """Select (kind, id, scheme and identifier) of the records that have the same identifier as another of their kind."""
    key = (records.c.kind, identifiers.c.scheme, identifiers.c.identifier)
    held = records.join(identifiers, identifiers.c.record_id == records.c.id)
    several = sa.select(*key).select_from(held).group_by(*key)
    several = several.having(sa.func.count(identifiers.c.record_id.distinct()) > sa.literal_column("1"))
    same = several.subquery("same")
    text = identifiers.c.scheme.concat(literal(":")).concat(identifiers.c.identifier)
    joined = held.join(same, sa.and_(*(column == same.c[column.name] for column in key)))
    return _of_records(text).select_from(joined).distinct()


def _same_names(resource: Resource) -> sa.Select[Any]:
    rows = resource.table.alias("t")
    key = [rows.c.name_key, *([rows.c.date_start] if "date_start" in rows.c else [])]
    other = resource.table.alias("other")
    same = [column == other.c[column.name] for column in key]
    twin = sa.exists().where(*same, other.c.id != rows.c.id)
    return sa.select(literal(resource.kind).label("kind"), rows.c.id.label("id"), rows.c.name.label("detail")).where(twin)
