"""The types of the values of filters and of other query parameters."""

import re
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from app.db.types import instant_text
from app.declaration.model import NAMING_PATTERN, NO_ID, NO_NUL_PATTERN, Naming
from app.domain import edtf
from app.domain.collation import words
from app.domain.identifiers import MAX_IDENTIFIER
from app.domain.languages import LANG_PATTERN, MAX_LANGUAGE

MAX_VALUES = 100
"""Maximum number of values of one filter."""
MAX_WORDS = 8
MOST_ACTORS = 5
"""Maximum number of actors of one filter that names several, such as `between`."""
_IDS_PATTERN = rf"{NAMING_PATTERN[:-1]}(,{NAMING_PATTERN[1:-1]}){{1,{MOST_ACTORS - 1}}}$"
_IDS_LENGTH = 505
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_PLUS_LOST = re.compile(r"\d \d\d:?\d\d\Z", re.ASCII)
"""The end of a time whose `+` was read as a blank, as in `10:00:00 03:00`."""

FIRST_DAY = "0001-01-02"
"""The first valid day, because the day before it (`edtf.NO_START`) means "no date"."""


def _calendar_day(value: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no day of the calendar: write YYYY-MM-DD") from None
    if not edtf.NO_START < day.isoformat() == value < edtf.NO_END:
        raise ValueError(f"{value!r} is no day between 0001-01-02 and 9999-12-30, written YYYY-MM-DD")
    return value


def _whole(value: Any) -> Any:
    """Validate a whole number as an address has it. Python would also take `1_0`."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError(f"{value[:20]!r} is no whole number: write digits, such as 50")
    return value


def _instant(value: str) -> str:
    if _PLUS_LOST.search(value):
        raise ValueError(f"{value!r} has a blank before its time zone: write the + in an address as %2B")
    try:
        instant = datetime.fromisoformat(value)
        return instant_text(_aware(instant))
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is no instant: write RFC 3339 with a time zone, 2026-01-28T09:30:00Z") from None


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a time without a zone means another instant on every machine")
    return instant


def separate(value: str, parameter: str = "between") -> str:
    """Validate two to five different ids of actors, with commas between them. `parameter`: its name, for the message."""
    ids = value.split(",")
    faulty = next((each for each in ids if each and not re.fullmatch(NAMING_PATTERN, each)), None)
    if faulty is not None and len(value) <= _IDS_LENGTH:
        raise ValueError(f"{faulty!r} {NO_ID}")
    if len(value) > _IDS_LENGTH or not re.fullmatch(_IDS_PATTERN, value) or len(set(ids)) != len(ids):
        raise ValueError(f"name two to five different actors, separated by commas: {parameter}=BY,CN")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("write an identifier, or a scheme and an identifier: identifier=wikidata:Q42")
    return value


def _words_to_find(value: str) -> str:
    if not 1 <= len(words(value)) <= MAX_WORDS:
        raise ValueError(f"{value!r} has {len(words(value))} words; write 1 to {MAX_WORDS}")
    return value


WHOLE = BeforeValidator(_whole)
"""Marks a whole number. It must come after the bounds of the number, so that OpenAPI shows these."""
IdentifierValue = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_IDENTIFIER, pattern=NO_NUL_PATTERN), AfterValidator(_said)
]
TextValue = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL_PATTERN)]
DayValue = Annotated[str, AfterValidator(_calendar_day), Field(json_schema_extra={"format": "date"})]
InstantValue = Annotated[str, AfterValidator(_instant), Field(json_schema_extra={"format": "date-time"})]
QueryText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=NO_NUL_PATTERN),
    AfterValidator(_words_to_find),
]
_IDS = Field(json_schema_extra={"pattern": _IDS_PATTERN, "maxLength": _IDS_LENGTH})
IdList = Annotated[str, AfterValidator(separate), _IDS]
ComparedList = Annotated[str, AfterValidator(partial(separate, parameter="actors")), _IDS]
FromDay = Annotated[
    DayValue | None, Field(description="what can still have been going on on this day or later", examples=["2024-01-01"])
]
ToDay = Annotated[DayValue | None, Field(description="what can have begun on this day or before", examples=["2025-12-31"])]
Topics = Annotated[
    list[Naming] | None,
    Field(
        min_length=1,
        max_length=MAX_VALUES,
        description="about this topic or a narrower one; several are OR",
        examples=["cybersecurity"],
    ),
]
JOINED_BY_COMMAS: dict[str, Any] = {"explode": False}
"""What OpenAPI says of a list parameter whose values a client may join by commas. It marks such parameters for us, too."""
Lang = Annotated[
    str | None,
    StringConstraints(pattern=LANG_PATTERN, max_length=MAX_LANGUAGE),
    Field(
        default=None,
        description="the language to show names in where a record has one in it, BCP 47; goes before `Accept-Language`",
        examples=["ru"],
    ),
]
