"""The words in which a read model says where its fields come from.

A read model is a pydantic class. A field is the column of its own name, a `Ref` the column `…_id`, an `AnyRef` the
columns `…_id` and `…_kind`; a marker in `Annotated[...]` says whatever differs. Descriptions come from the columns.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.domain import edtf
from app.domain.vocabulary import Kind

ID_PATTERN = r"^([A-Z]{2}|[a-z0-9]+(-[a-z0-9]+)*)$"
DAY_PATTERN = r"^\d{4}-\d\d-\d\d$"
INSTANT_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$"
MAX_TEXT = 10_000
MAX_ADDRESS = 2_000
MAX_ID = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _edtf(value: str) -> str:
    edtf.bounds(value)
    return value


def _moment(value: str) -> str:
    """Validate an EDTF date that is not an interval."""
    _edtf(value)  # first, because it has better advice about slashes, and a valid date is short enough to be quoted
    if "/" in value:
        raise ValueError(f"{value!r} is an interval; this field takes one date")
    return value


def _closed(value: str) -> str:
    """Validate an EDTF date, or an interval with both ends: an event must not have an open end."""
    _edtf(value)
    if edtf.OPEN in value:
        raise ValueError(f"{value!r} is open; an event has both ends")
    return value


def is_storable(value: str) -> bool:
    """Whether both databases can store the text: they cannot store a NUL character or an unpaired surrogate."""
    return _UNSTORABLE.search(value) is None


def _printable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("a NUL character or half a surrogate pair is no text")
    return value


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=MAX_ID)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"\S"), AfterValidator(_printable)]
Count = Annotated[int, Field(strict=True, ge=0, le=2_147_483_647)]
Ordinal = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]
Flag = Annotated[bool, Field(strict=True)]
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN, max_length=35), Field(examples=["ru"])]
EventDate = Annotated[
    str, AfterValidator(_closed), Field(json_schema_extra={"format": "edtf"}, examples=["2025-06-17/2025-06-18"])
]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "edtf"}, examples=["2024-07"])]
Period = Annotated[str, AfterValidator(_edtf), Field(json_schema_extra={"format": "edtf"}, examples=["2022/2023"])]
Day = Annotated[
    str, StringConstraints(pattern=DAY_PATTERN), Field(json_schema_extra={"format": "date"}, examples=["2025-06-17"])
]
Instant = Annotated[
    str,
    StringConstraints(pattern=INSTANT_PATTERN),
    Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-28T09:30:00.000000Z"]),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=MAX_ADDRESS),
    Field(json_schema_extra={"format": "uri"}),
]


class Model(BaseModel):
    """The base of everything that is read or written: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Ref(Model):
    """A reference to a record of one kind."""

    id: Annotated[Id, Field(description="the record's id")]
    name: Annotated[str, Field(description="its name, in the language asked for where it has one")]


class AnyRef(Model):
    """A reference to a record of one of several kinds."""

    id: Annotated[Id, Field(description="the record's id")]
    kind: Annotated[Kind, Field(description="its kind")]
    name: Annotated[str, Field(description="its name, in the language asked for where it has one")]


@dataclass(frozen=True)
class Derived:
    """Computed by the registry: shown, and ignored when written back."""


@dataclass(frozen=True)
class Part:
    """An array that a single record always shows, and a list on `include`.

    Rows of `table` that name the record in `owner`, in the order of `order`. `columns` are the item's columns in the
    order of its keys; a `Ref` item has the one column that holds the id. `only` narrows the rows.
    """

    table: sa.Table
    owner: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    only: tuple[tuple[str, str], ...] = ()
    writable: bool = True


@dataclass(frozen=True)
class Computed:
    """The value of an SQL expression over the record's table, of text, null where it is null; never written."""

    expression: Callable[[sa.FromClause], sa.ColumnElement[Any]]
    plain: bool = False


@dataclass(frozen=True)
class OnDay:
    """Shown only when `valid_at` is asked for: an expression over the record's table and that day."""

    expression: Callable[[sa.FromClause, sa.ColumnElement[str]], sa.ColumnElement[str]]


def derived(annotation: Any) -> Any:
    """`annotation`, marked as computed by the registry."""
    return Annotated[annotation, Derived(), Field(json_schema_extra={"readOnly": True})]


DerivedDay = Annotated[
    str | None,
    Derived(),
    Field(json_schema_extra={"readOnly": True}, examples=["2025-06-17"]),
]
