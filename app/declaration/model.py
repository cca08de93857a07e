"""The types and markers with which a read model declares where its fields come from.

A read model is a pydantic class. A field is read from the column of the same name, a `Ref` from the column `…_id`, an `AnyRef`
from the columns `…_id` and `…_kind`. A marker in `Annotated[...]` declares any other source. The descriptions of fields are the
comments of their columns.
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
    _edtf(value)  # first, because its errors explain slashes better, and because a value that passes is short enough to quote
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
    """The base class of all models that are read or written. Unknown keys are validation errors."""

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
    """Marks a field that the registry computes. Responses contain it; it is ignored if a client sends it back."""


@dataclass(frozen=True)
class Part:
    """Marks an array whose items are rows of another table. A single record always shows it, a list only on `include`.

    The items are the rows of `table` whose column `owner` holds the record's id, sorted by `order`. `columns` are the item's
    columns in the order of its keys; for a `Ref` item, the one column that holds the id. `only`: (column, value) pairs that the
    rows must match.
    """

    table: sa.Table
    owner: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    only: tuple[tuple[str, str], ...] = ()
    writable: bool = True


@dataclass(frozen=True)
class Computed:
    """Marks a text field that an SQL expression over the record's table computes. It may be null, and is never written."""

    expression: Callable[[sa.FromClause], sa.ColumnElement[Any]]
    plain: bool = False


@dataclass(frozen=True)
class OnDay:
    """Marks a field shown only if the request has `valid_at`: an SQL expression over the record's table and that day."""

    expression: Callable[[sa.FromClause, sa.ColumnElement[str]], sa.ColumnElement[str]]


def derived(annotation: Any) -> Any:
    """`annotation`, marked as computed by the registry."""
    return Annotated[annotation, Derived(), Field(json_schema_extra={"readOnly": True})]


DerivedDay = Annotated[
    str | None,
    Derived(),
    Field(json_schema_extra={"readOnly": True}, examples=["2025-06-17"]),
]
