"""The types and markers with which a read model declares where its fields come from.

A read model is a pydantic class. By default, the value of a field is read from the column of the same name. A `Ref` is read
from the column `…_id`, and an `AnyRef` from the columns `…_id` and `…_kind`. A marker in `Annotated[...]` declares any other
source. The description of a field is the comment of its column.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.domain import durations, edtf
from app.domain.languages import MAX_LANGUAGE, canonical
from app.domain.texts import cleaned
from app.domain.vocabulary import Kind

ID_PATTERN = r"^([A-Z]{2}|[A-Z]{4}|[a-z0-9]+(-[a-z0-9]+)*)$"
NO_ID = "is no id: ids look like CN, sco or by-mci; /v1/suggest?q= finds them by name"
NAMING_PATTERN = r"^([A-Za-z]{2,4}|[a-z0-9]+(-[a-z0-9]+)*)$"
"""The form of a value that refers to a record: its id, the former id of a merged record, or the code of a country."""
ALPHA_3_PATTERN = r"^[A-Z]{3}$"
NUMERIC_PATTERN = r"^[0-9]{3}$"
SCHEME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
DAY_PATTERN = r"^\d{4}-\d\d-\d\d$"
INSTANT_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*$"
NO_NUL_PATTERN = r"^[^\x00]+$"
TEXT_PATTERN = r"\S"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
POINTER_PATTERN = r"^(/([^~/]|~[01])*)*$"
URL_PATTERN = r"^https?://[^\s\x00-\x1f\x7f]+$"
MAX_TEXT = 10_000
MAX_ADDRESS = 2_000
MAX_ID = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _edtf(value: str) -> str:
    edtf.bounds(value)
    return value


def _moment(value: str) -> str:
    """Validate an EDTF date that is not an interval."""
    # `_edtf` comes first, because its messages explain a wrong slash (of an interval) better than the message below. Also, a
    # value that passes it is short enough to be quoted in that message.
    _edtf(value)
    if "/" in value:
        raise ValueError(f"{value!r} is an interval; this field takes one date")
    return value


def _closed(value: str) -> str:
    """Validate an EDTF date or interval. An interval must have both ends."""
    _edtf(value)
    if edtf.OPEN in value:
        raise ValueError(f"{value!r} is open; write both ends")
    return value


def _ended(value: str) -> str:
    """Validate an EDTF date or interval. An interval must have an end, because an event must not last on."""
    _edtf(value)
    if value.endswith(edtf.OPEN):
        raise ValueError(f"{value!r} has no end; an event has one. Write ../2025-05-20 if only the latest day is known")
    return value


def is_storable(value: str) -> bool:
    """Whether both databases can store the text. A NUL character or an unpaired surrogate cannot be stored."""
    return _UNSTORABLE.search(value) is None


def _cleaned(value: Any) -> Any:
    return cleaned(value) if isinstance(value, str) else value


def _canonical(value: Any) -> Any:
    return canonical(value) if isinstance(value, str) and len(value) <= MAX_LANGUAGE else value


def _web_address(value: str) -> str:
    """Validate an address as far as to its host and port."""
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        raise ValueError(f"{value[:100]!r} is no web address: its host or port is none")
    return value


def _printable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("a NUL character or half a surrogate pair is no text")
    return value


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=MAX_ID)]
Naming = Annotated[str, StringConstraints(pattern=NAMING_PATTERN, max_length=MAX_ID)]
"""A value that stands for a record. `app/reading/naming.py` finds the record."""
Alpha3 = Annotated[str, StringConstraints(pattern=ALPHA_3_PATTERN)]
Numeric = Annotated[str, StringConstraints(pattern=NUMERIC_PATTERN)]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=TEXT_PATTERN),
    AfterValidator(_printable),
    BeforeValidator(_cleaned),
]
Count = Annotated[int, Field(strict=True, ge=0, le=2_147_483_647)]
Ordinal = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]
Flag = Annotated[bool, Field(strict=True)]
Language = Annotated[
    str,
    StringConstraints(pattern=LANGUAGE_PATTERN, max_length=MAX_LANGUAGE),
    BeforeValidator(_canonical),
    Field(examples=["ru"]),
]
EventDate = Annotated[
    str, AfterValidator(_ended), Field(json_schema_extra={"format": "edtf"}, examples=["2025-06-17/2025-06-18"])
]
ShownOn = Annotated[str, AfterValidator(_closed), Field(json_schema_extra={"format": "edtf"}, examples=["2025-06-17"])]
Term = Annotated[
    str,
    StringConstraints(to_upper=True, max_length=40),
    AfterValidator(durations.checked),
    Field(json_schema_extra={"format": "duration"}, examples=["P3Y"]),
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
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
Url = Annotated[
    str,
    StringConstraints(pattern=URL_PATTERN, max_length=MAX_ADDRESS),
    AfterValidator(_web_address),
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
    """Marks a field that the registry computes. Responses contain it. If a client sends it back, its value is ignored."""


@dataclass(frozen=True)
class Part:
    """Marks an array whose items are rows of another table.

    A response with a single record contains the array by default. A list contains it only if the request asks for it by
    `include` or `fields`. The items are the rows of `table` whose column `owner` holds the record's id, sorted by `order`.
    `columns` are the columns that an item shows, in the order of its keys; for a `Ref` item, or a field of an item that is a
    `Ref`, this is the column that holds the id. `only`: (column, value) pairs that the rows must match. `in_lists`: lists and
    included records contain the array, too. A table such as CSV contains an array only if the request asks for it.
    """

    table: sa.Table
    owner: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    only: tuple[tuple[str, str], ...] = ()
    writable: bool = True
    in_lists: bool = False
    identity: tuple[str, ...] = ()
    """The fields of an item that say which one it is; all of them if empty."""
    beside: str = ""
    """The field of the record that has the first of what the items refer to, so that no item may have it again."""


@dataclass(frozen=True)
class Computed:
    """Marks a text field that is computed by an SQL expression over the record's table. Clients cannot write the field."""

    expression: Callable[[sa.FromClause], sa.ColumnElement[Any]]
    plain: bool = False


@dataclass(frozen=True)
class OnDay:
    """Marks a field that is shown only if the request has the parameter `valid_at`.

    The value is computed by an SQL expression over the record's table and the day in `valid_at`.
    """

    expression: Callable[[sa.FromClause, sa.ColumnElement[str]], sa.ColumnElement[str]]


def derived(annotation: Any) -> Any:
    """Return the type `annotation`, marked as a field that the registry computes."""
    return Annotated[annotation, Derived(), Field(json_schema_extra={"readOnly": True})]


DerivedDay = Annotated[
    str | None,
    Derived(),
    Field(json_schema_extra={"readOnly": True}, examples=["2025-06-17"]),
]
