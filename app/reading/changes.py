"""Reads the change log: all changes after a given one, and the history of one record."""

import json
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from app.db.sql import assembled, concatenated, instant_text, json_string, literal
from app.db.types import Exact
from app.declaration.model import Instant
from app.domain.vocabulary import Kind
from app.models.records import Change as ChangeRow

changes: sa.Table = ChangeRow.__table__
Uri = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Operation = Literal["create", "replace", "patch", "delete", "merge", "restore"]
MAX_CHANGES = 1_000
MAX_SEQ = 2**63 - 1


class Change(BaseModel):
    """An entry of the change log: what a write did to a record."""

    seq: Annotated[int, Field(description="its place in the log, which is in the order of commits", examples=[907])]
    operation: Annotated[Operation, Field(description="what was done to the record")]
    kind: Annotated[Kind, Field(description="the record's kind")]
    id: Annotated[str, Field(description="the record's id", examples=["sco"])]
    version: Annotated[int, Field(description="the record's version after it", examples=[1])]
    at: Annotated[Instant, Field(description="when")]
    author: Annotated[str, Field(description="the name of the key, or of the command, that wrote it")]
    transaction: Annotated[str, Field(description="the same for all that was written together")]
    into: Annotated[str | None, Field(description="the record that it was merged into")]
    state: Annotated[
        dict[str, Any] | None,
        Field(
            description="the record after it, as in the exchange format: references as ids, what is empty left out;"
            " null if it was deleted or merged"
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

    last_seq: Annotated[int, Field(description="what to ask `after` next")]


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
        int, Field(ge=0, le=MAX_SEQ, description="changes behind this `seq`: the last one seen, 0 for all", examples=[0])
    ] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES, description="how many at the most", examples=[10])] = 100
    kind: Annotated[Kind | None, Field(description="of records of this kind alone", examples=["meeting"])] = None
    transaction: Annotated[
        str | None, Field(min_length=1, max_length=100, description="of this one transaction: all that was written together")
    ] = None


class HistoryQuery(_Strict):
    """The query parameters of a request for a record's history."""

    before: Annotated[
        int | None, Field(ge=1, le=MAX_SEQ, description="versions before the one with this `seq`: the last one seen")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="how many at the most", examples=[10])] = 50


def since(*narrowed: str) -> sa.Select[Any]:
    """Return a SELECT of rows (entry as JSON, seq) whose seq is greater than the parameter `after`, the oldest first.

    `narrowed`: the columns (`kind`, `transaction`) whose values must equal the parameters of the same names.
    """
    statement = sa.select(_entry(), changes.c.seq).where(changes.c.seq > sa.bindparam("after", type_=sa.BigInteger))
    for name in narrowed:
        statement = statement.where(changes.c[name] == sa.bindparam(name, type_=Exact))
    return statement.order_by(changes.c.seq).limit(sa.bindparam("limit", type_=sa.Integer))


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
        *word("operation"),
        *word("kind"),
        *word("record_id", "id"),
        *number("version"),
        literal('"at":"'),
        instant_text(changes.c.at),
        literal('","author":'),
        json_string(changes.c.author),
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
