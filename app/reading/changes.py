"""Reads the change log: all changes after a given position, and the history of one record.

A position is the place of a change in the log and its random digest: `907.1f0c9a3e`. After a restore, the same place has
another digest or none, so that a follower learns that it has to start over.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.db.driver import Row
from app.db.sql import assembled, concatenated, instant_text, json_string, literal
from app.db.types import Exact
from app.declaration.filters import MAX_VALUES
from app.declaration.filters.values import WHOLE
from app.declaration.model import Instant, Naming
from app.domain.vocabulary import Kind
from app.models.records import Change as ChangeRow
from app.reading.concerning import Concern

changes: sa.Table = ChangeRow.__table__
Uri = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Operation = Literal["create", "replace", "patch", "delete", "merge", "restore", "erase"]
MAX_CHANGES = 1_000
MAX_WAIT = 60
"""The maximum number of seconds for which a request may ask to wait."""
MAX_SEQ = 2**63 - 1


class Position(NamedTuple):
    """A position in the log: after the change `seq`, which had this digest when the position was read.

    The digest is empty if only the number is known. The position 0 is the beginning of the log.
    """

    seq: int
    digest: str = ""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Parse a position that matches POSITION_PATTERN."""
        seq, _, digest = text.partition(".")
        return cls(int(seq), digest)

    def __str__(self) -> str:
        return f"{self.seq}.{self.digest}" if self.digest else str(self.seq)


POSITION_PATTERN = r"^[0-9]{1,19}(\.[0-9a-f]{8})?$"
END = "end"
"""The value of `before` with which the newest changes are asked for."""


def position(text: str, *, also: str = "0") -> str:
    """Return the text if it is a position. Raises ValueError if not. `also`: what the message proposes in place of one."""
    if not re.fullmatch(POSITION_PATTERN, text, re.ASCII) or Position.parsed(text).seq > MAX_SEQ:
        told = f"{text!r} is no position: send the `position` of a page or of a change, such as 907.1f0c9a3e, or {also}"
        raise ValueError(told)
    return text


def _position_or_end(text: str) -> str:
    return text if text == END else position(text, also=f"`{END}` for the newest changes")


class Change(BaseModel):
    """An entry of the change log: what a write did to a record."""

    seq: Annotated[int, Field(description="its place in the log, which is in the order of commits", examples=[907])]
    position: Annotated[str, Field(description="its place and its digest: what to ask `after` next", examples=["907.1f0c9a3e"])]
    operation: Annotated[Operation, Field(description="what was done to the record")]
    kind: Annotated[Kind, Field(description="the record's kind")]
    id: Annotated[str, Field(description="the record's id", examples=["sco"])]
    version: Annotated[int, Field(description="the record's version after it", examples=[1])]
    at: Annotated[Instant, Field(description="when")]
    author: Annotated[str, Field(description="the name of the key, or of the command, that wrote it")]
    proposed_by: Annotated[
        str | None, Field(description="the name of the key that had proposed it, if it was accepted from a proposal")
    ]
    transaction: Annotated[str, Field(description="the same for all that was written together")]
    into: Annotated[str | None, Field(description="the record that it was merged into")]
    state: Annotated[
        dict[str, Any] | None,
        Field(
            description="the record after it, as in the exchange format: references as ids, what is empty left out;"
            " null if it was deleted or merged, and in all versions of what was erased"
        ),
    ]


class HistoryEntry(Change):
    """An entry of a record's history: one version of the record."""

    changed: Annotated[list[str], Field(description="the fields that differ from the version before")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogLinks(_Strict):
    """The URLs of this page and of the next page."""

    self: Uri
    next: Uri | None


class HistoryPage(_Strict):
    """The size of this page, and whether more entries follow."""

    limit: int
    more: Annotated[bool, Field(description="whether there are more")]


class ChangesPage(HistoryPage):
    """The size of this page, whether more entries follow, and the position in the log at which this page ends."""

    position: Annotated[
        str,
        Field(
            description="what to ask `after` next, or `before` on a page that was asked for with it", examples=["907.1f0c9a3e"]
        ),
    ]
    last_seq: Annotated[int, Field(description="the number in `position`")]
    complete: Annotated[bool, Field(description="whether the last transaction on this page ends with it")]


class Changes(_Strict):
    """A page of the change log."""

    data: Annotated[list[Change], Field(description="the entries")]
    page: ChangesPage
    links: LogLinks


class History(_Strict):
    """A page of a record's history: entries of the change log about one record."""

    data: Annotated[list[HistoryEntry], Field(description="the entries")]
    page: HistoryPage
    links: LogLinks


class ChangesQuery(_Strict):
    """The query parameters of a request for the change log."""

    after: Annotated[
        str,
        Field(
            json_schema_extra={"pattern": POSITION_PATTERN},
            description="changes behind this position: the last one seen, 0 for all. 410 if the log was restored since"
            " and has no such position; the number alone is taken, too",
            examples=["0"],
        ),
        AfterValidator(position),
    ] = "0"
    before: Annotated[
        str | None,
        Field(
            json_schema_extra={"pattern": f"^{END}$|{POSITION_PATTERN}"},
            description=f"in place of `after`: changes before this position, the newest first; `{END}` for the newest of all",
            examples=[END],
        ),
        AfterValidator(_position_or_end),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES, description="how many at the most", examples=[10]), WHOLE] = 100
    wait: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_WAIT,
            description="if there is nothing behind `after`: how many seconds to wait for a change, before the answer is an"
            " empty page; the server may answer earlier",
            examples=[30],
        ),
        WHOLE,
    ] = 0
    kind: Annotated[Kind | None, Field(description="of records of this kind alone", examples=["meeting"])] = None
    of: Annotated[
        Naming | None,
        Field(
            description="of this record, and of the records that refer to it now, such as its citations, participants or"
            " actions; the record may have been deleted",
            examples=["by-cn-ict-mou-2024"],
        ),
    ] = None
    topic: Annotated[
        list[Naming] | None,
        Field(
            min_length=1,
            max_length=MAX_VALUES,
            description="of records that are now about this topic or a narrower one, themselves or by what they link; several"
            " are OR",
            examples=["artificial-intelligence"],
        ),
    ] = None
    transaction: Annotated[
        str | None, Field(min_length=1, max_length=100, description="of this one transaction: all that was written together")
    ] = None
    whole: Annotated[
        bool,
        Field(description="end the page with a whole transaction; one longer than `limit` still comes in several pages"),
    ] = False
    format: Annotated[
        Literal["json", "events", "atom", "jsonfeed"] | None,
        Field(
            description="`events`: a stream of server-sent events, which does not end; `atom`, `jsonfeed`: a feed, the newest"
            " changes first; goes before `Accept`",
            examples=["json"],
        ),
    ] = None


class HistoryQuery(_Strict):
    """The query parameters of a request for a record's history."""

    before: Annotated[
        int | None, Field(ge=1, le=MAX_SEQ, description="versions before the one with this `seq`: the last one seen")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="how many at the most", examples=[10]), WHOLE] = 50


@dataclass(frozen=True)
class LogShape:
    """Everything in a request for the log on which its SQL statement depends."""

    equal: tuple[str, ...] = ()
    """The columns (`kind`, `transaction`) whose values must equal the parameters of the same names."""
    of: Kind | None = None
    """The kind of the record with the parameter `of`, if the changes of a record are asked for."""
    has_topic: bool = False
    """Whether the changes of the records about the topics in the parameter `topic` are asked for."""
    backwards: bool = False
    """Whether the newest come first: those before the parameter `start`. Otherwise the oldest come first, from those after it.
    """
    walks: bool = True
    """Whether the log is walked through and each entry is looked at. Otherwise the records that are concerned are found first.
    """


def entries(shape: LogShape, concerns: Sequence[Concern] = ()) -> sa.Select[Any]:
    """Return a SELECT of rows (entry as JSON, seq, digest, transaction, operation), at most as many as the parameter `limit`.

    `concerns`: the records whose changes are meant, those of all of these together.
    """
    table, seq = changes.c, changes.c.seq
    # If the records are found first, no index on `seq` may be used, as it leads through the whole log. See postgres_plans.py.
    place = seq if shape.walks else seq + sa.literal_column("0")
    start, limit = sa.bindparam("start", type_=sa.BigInteger), sa.bindparam("limit", type_=sa.Integer)
    wanted: list[sa.ColumnElement[bool]] = [place < start if shape.backwards else place > start]
    wanted += [table[name] == sa.bindparam(name, type_=Exact) for name in shape.equal]
    wanted += [each.is_of(changes) if shape.walks else table.record_id.in_(each.ids()) for each in concerns]
    shown = sa.select(_entry(), seq, table.digest, table.transaction, table.operation)
    if shape.walks:
        return shown.where(*wanted).order_by(seq.desc() if shape.backwards else seq).limit(limit)
    # The entries are chosen by their numbers alone, so that JSON is written of those only that are shown.
    chosen = sa.select(seq).where(*wanted).order_by(place.desc() if shape.backwards else place).limit(limit)
    return shown.where(seq.in_(chosen)).order_by(seq.desc() if shape.backwards else seq)


def end_of_log() -> sa.Select[Any]:
    """Return a SELECT of (seq, digest) of the newest change."""
    return sa.select(changes.c.seq, changes.c.digest).order_by(changes.c.seq.desc()).limit(sa.literal_column("1"))


class End(NamedTuple):
    """The end of the change log: the position after the newest change, and when that change was made."""

    position: Position
    at: str
    """An instant (RFC 3339). Empty if the log is empty."""


def newest() -> sa.Select[Any]:
    """Return a SELECT of (seq, digest, time) of the newest change."""
    return end_of_log().add_columns(instant_text(changes.c.at))


def end_of(rows: Sequence[Sequence[Any]]) -> End:
    """The end of the log that the rows of `newest` give."""
    return End(Position(*rows[0][:2]), rows[0][2]) if rows else End(Position(0), "")


def standing() -> sa.Select[Any]:
    """Return a SELECT of one row: (seq and digest of the newest change, digest of the change `after`).

    The seq is 0 if the log is empty. A digest is null if there is no such change.
    """
    last = end_of_log().subquery("last")
    there = sa.select(changes.c.digest).where(changes.c.seq == sa.bindparam("after", type_=sa.BigInteger)).scalar_subquery()
    one = sa.select(sa.literal_column("1")).subquery("one")
    found = sa.select(sa.func.coalesce(last.c.seq, sa.literal_column("0")), last.c.digest, there)
    return found.select_from(one.outerjoin(last, sa.true()))


def position_of(rows: Sequence[Sequence[Any]]) -> Position:
    """The position that the rows of `end_of_log` give."""
    return Position(*rows[0]) if rows else Position(0)


def until_the_end_of_a_transaction(rows: Sequence[Row], beyond: Row | None, *, whole: bool) -> tuple[Sequence[Row], bool]:
    """Return the rows of a page of `since`, and whether the page ends where a transaction ends.

    `beyond`: the row that follows. With `whole`, rows of a transaction that does not fit are left out, unless it is the only
    one on the page.
    """
    if beyond is None or not rows or rows[-1][3] != beyond[3]:
        return rows, True
    kept = [row for row in rows if row[3] != beyond[3]] if whole else []
    return (kept, True) if kept else (rows, False)


def history() -> sa.Select[Any]:
    """Return a SELECT of rows (entry as JSON, seq, kind, state) of one record, the newest first.

    The parameter `id` is the record's id. Only entries whose seq is less than the parameter `before` are selected.
    """
    return (
        sa.select(_entry(), changes.c.seq, changes.c.kind, changes.c.state)
        .where(
            changes.c.record_id == sa.bindparam("id", type_=Exact),
            changes.c.seq < sa.bindparam("before", type_=sa.BigInteger),
        )
        .order_by(changes.c.seq.desc())
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _entry() -> sa.ColumnElement[str]:
    """Return the SQL for an entry as JSON, with the fields of `Change`.

    The state is inserted unchanged, because it is stored as JSON.
    """

    def number(name: str) -> list[Any]:
        return [literal(f'"{name}":'), sa.cast(changes.c[name], sa.String), literal(",")]

    def word(name: str, shown: str | None = None) -> list[Any]:
        return [literal(f'"{shown or name}":"'), changes.c[name], literal('",')]

    into = sa.func.coalesce(concatenated(literal('"'), changes.c.into_id, literal('"')), literal("null"))
    parts = [
        literal("{"),
        *number("seq"),
        literal('"position":"'),
        sa.cast(changes.c.seq, sa.String),
        literal("."),
        changes.c.digest,
        literal('",'),
        *word("operation"),
        *word("kind"),
        *word("record_id", "id"),
        *number("version"),
        literal('"at":"'),
        instant_text(changes.c.at),
        literal('","author":'),
        json_string(changes.c.author),
        literal(',"proposed_by":'),
        sa.func.coalesce(json_string(changes.c.proposed_by), literal("null")),
        literal(","),
        *word("transaction"),
        literal('"into":'),
        into,
        literal(',"state":'),
        sa.func.coalesce(changes.c.state, literal("null")),
        literal("}"),
    ]
    return assembled(*parts)


def with_changed(entry: str, state: str | None, before: str | None) -> str:
    """Return the history entry (JSON) with an added member `changed`: the names of the fields that this version changed.

    `state` is the record after this change, or None if this change deleted or merged the record. `before` is the record before
    this change, or None if the record did not exist then.
    """
    now, was = (json.loads(text) if text else {} for text in (state, before))
    names = [name for name in {**was, **now} if was.get(name) != now.get(name) and name not in ("kind", "id")]
    return f'{entry[:-1]},"changed":{json.dumps(names, ensure_ascii=False, separators=(",", ":"))}}}'
