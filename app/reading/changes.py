"""Reads the change log: all changes after a given position, and the history of one record.

A position is the place of a change in the log and its random digest: `907.1f0c9a3e`. After a restore, the same place has
another digest or none, so that a follower learns that it has to start over.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.db.driver import Row
from app.db.sql import assembled, concatenated, instant_text, json_string, literal
from app.db.types import Exact
from app.declaration.filters.values import WHOLE
from app.declaration.model import Instant
from app.domain.vocabulary import Kind
from app.models.records import Change as ChangeRow

changes: sa.Table = ChangeRow.__table__
Uri = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Operation = Literal["create", "replace", "patch", "delete", "merge", "restore", "erase"]
MAX_CHANGES = 1_000
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


def _position(text: str) -> str:
    if not re.fullmatch(POSITION_PATTERN, text, re.ASCII) or Position.parsed(text).seq > MAX_SEQ:
        raise ValueError(f"{text!r} is no position: send the `position` of a page or of a change, such as 907.1f0c9a3e, or 0")
    return text


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

    position: Annotated[str, Field(description="what to ask `after` next", examples=["907.1f0c9a3e"])]
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
        AfterValidator(_position),
    ] = "0"
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES, description="how many at the most", examples=[10]), WHOLE] = 100
    kind: Annotated[Kind | None, Field(description="of records of this kind alone", examples=["meeting"])] = None
    transaction: Annotated[
        str | None, Field(min_length=1, max_length=100, description="of this one transaction: all that was written together")
    ] = None
    whole: Annotated[
        bool,
        Field(description="end the page with a whole transaction; one longer than `limit` still comes in several pages"),
    ] = False


class HistoryQuery(_Strict):
    """The query parameters of a request for a record's history."""

    before: Annotated[
        int | None, Field(ge=1, le=MAX_SEQ, description="versions before the one with this `seq`: the last one seen")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="how many at the most", examples=[10]), WHOLE] = 50


def since(*narrowed: str) -> sa.Select[Any]:
    """Return a SELECT of rows (entry as JSON, seq, digest, transaction) after the parameter `after`, the oldest first.

    `narrowed`: the columns (`kind`, `transaction`) whose values must equal the parameters of the same names.
    """
    columns = (changes.c.seq, changes.c.digest, changes.c.transaction)
    statement = sa.select(_entry(), *columns).where(changes.c.seq > sa.bindparam("after", type_=sa.BigInteger))
    for name in narrowed:
        statement = statement.where(changes.c[name] == sa.bindparam(name, type_=Exact))
    return statement.order_by(changes.c.seq).limit(sa.bindparam("limit", type_=sa.Integer))


def end_of_log() -> sa.Select[Any]:
    """Return a SELECT of (seq, digest) of the newest change."""
    return sa.select(changes.c.seq, changes.c.digest).order_by(changes.c.seq.desc()).limit(sa.literal_column("1"))


def standing() -> sa.Select[Any]:
    """Return a SELECT of one row: (the last seq of the log or 0, the digest of the change `after`; null if there is none)."""
    last = sa.select(sa.func.max(changes.c.seq)).scalar_subquery()
    there = sa.select(changes.c.digest).where(changes.c.seq == sa.bindparam("after", type_=sa.BigInteger)).scalar_subquery()
    return sa.select(sa.func.coalesce(last, sa.literal_column("0")), there)


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
