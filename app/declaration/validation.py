"""Converts pydantic's validation errors to `Fault`s. Bodies, imports and query strings all use the messages of this module."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from app.declaration.model import (
    ALPHA_3_PATTERN,
    ID_PATTERN,
    LANGUAGE_PATTERN,
    NAMING_PATTERN,
    NO_ID,
    NO_NUL_PATTERN,
    NUMERIC_PATTERN,
    POINTER_PATTERN,
    SCHEME_PATTERN,
    SHA256_PATTERN,
    TEXT_PATTERN,
    URL_PATTERN,
)
from app.domain.languages import LANG_PATTERN
from app.faults import Fault

SHOWN_OF_A_VALUE = 60
"""The maximum number of characters of a value that a message quotes."""
_LANGUAGE_TAG = "is no language tag (BCP 47), such as ru or zh-Hant"
_FORMS = {
    ALPHA_3_PATTERN: "is no alpha-3 code (ISO 3166-1): write three capital letters, such as BLR",
    ID_PATTERN: NO_ID,
    NAMING_PATTERN: NO_ID,
    NUMERIC_PATTERN: "is no numeric code (ISO 3166-1): write three digits, such as 112",
    POINTER_PATTERN: "is no JSON Pointer: write the way to the place, such as /topics/- or /names/0",
    SCHEME_PATTERN: "is no scheme: write small letters, digits and hyphens, such as wikidata",
    LANGUAGE_PATTERN: _LANGUAGE_TAG,
    LANG_PATTERN: _LANGUAGE_TAG,
    NO_NUL_PATTERN: "holds a NUL character, which no text has",
    SHA256_PATTERN: "is no SHA-256 digest: write 64 hexadecimal digits in lower case",
    TEXT_PATTERN: "is blank: write a text, or leave the field out",
    URL_PATTERN: "is no web address: write one that begins with https:// or http:// and has no spaces",
}
"""What is said of a value that does not match a pattern."""


def faults_in(error: ValidationError) -> list[Fault]:
    """Return the faults of a JSON object, each with the JSON Pointer (RFC 6901) to its place."""
    return [Fault(message_of(entry), pointer=_pointer(entry["loc"])) for entry in error.errors(include_url=False)]


def message_of(entry: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors, or our own text where pydantic's message would not help a client."""
    match entry["type"]:
        case "missing":
            return "required"
        case "extra_forbidden":
            return "there is no such field here"
        case "model_type" | "dict_type":
            return "must be an object"
        case "string_too_short":
            return "is empty: write a value, or leave it out"
        case "too_long" | "string_too_long" if isinstance(entry["input"], str):
            return f"has {len(entry['input'])} letters; at most {entry['ctx']['max_length']} are taken"
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case "list_type":
            return "must be an array"
        case "string_pattern_mismatch":
            return f"{quoted(entry['input'])} {_FORMS[entry['ctx']['pattern']]}"
    return str(entry["msg"].removeprefix("Value error, "))


def quoted(value: Any) -> str:
    """Return a value as a message shows it: the first characters, in quotation marks."""
    return repr(str(value)[:SHOWN_OF_A_VALUE])


def _pointer(location: Iterable[int | str]) -> str:
    parts = [str(part) for part in location]
    return "".join(f"/{escaped(part)}" for part in parts if not part.startswith("function-"))


def escaped(name: str) -> str:
    """Return a name as a JSON Pointer (RFC 6901) writes it."""
    return name.replace("~", "~0").replace("/", "~1")
