"""Parses and validates query strings: unknown parameters are errors, and all errors are reported together."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from app.declaration.filters import JOINED_BY_COMMAS
from app.declaration.model import is_storable
from app.declaration.validation import message_of, quoted
from app.errors import Invalid, Malformed
from app.faults import Fault, summary

MAX_PARAMETERS = 1_000
Query = TypeVar("Query", bound=BaseModel)


class NoQuery(BaseModel):
    """The query model of an endpoint that accepts no query parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def query_pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Return the (name, value) pairs of a query string.

    Raises Malformed if the query string is not percent-encoded UTF-8, contains a NUL character, or has more than
    MAX_PARAMETERS parameters.
    """
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise Malformed("the query string is not percent-encoded UTF-8") from None
    except ValueError:
        raise Malformed(f"the query string has more than {MAX_PARAMETERS} parameters") from None
    for name, value in pairs:
        if not is_storable(name) or not is_storable(value):
            raise Malformed("the query string holds a NUL character, which no text has")
    return pairs


def validated(model: type[Query], pairs: Iterable[tuple[str, str]]) -> Query:
    """Validate query parameters, and return them as an instance of `model`. Raises Invalid, which lists every fault."""
    lists, joined = _lists_of(model)
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).extend(value.split(",") if name in joined else [value])
    faults = []
    values: dict[str, Any] = {}
    for name, several in given.items():
        if name in lists or name not in model.model_fields:
            values[name] = several
            continue
        values[name] = several[0]
        if len(several) > 1:
            faults.append(Fault("may be given once", parameter=name))
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        faults += [Fault(_explained(entry, model), parameter=str(entry["loc"][0])) for entry in error.errors(include_url=False)]
    if faults:
        raise Invalid(summary(faults), faults=faults)
    return checked


def window_fault(date_from: str | None, date_to: str | None) -> Fault | None:
    """Return the fault of a range of days that ends before it begins; None if the range has no such fault."""
    if date_from and date_to and date_from > date_to:
        return Fault(f"{date_to} lies before date_from, {date_from}", parameter="date_to")
    return None


def _explained(entry: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return the error message for one invalid parameter, made from pydantic's error `entry`.

    Where pydantic's own message is used, it follows the rejected value.
    """
    told = message_of(entry)
    match entry["type"]:
        case "extra_forbidden":
            return f"there is no such parameter here; there are {', '.join(model.model_fields) or 'none'}"
        case "string_pattern_mismatch":
            return f"{told}; for several repeat the parameter" if len(entry["loc"]) > 1 else told
        case "missing":
            name = str(entry["loc"][0])
            return f"{told}, for example {name}={next(iter(model.model_fields[name].examples or ()), '…')}"
        case "value_error":
            return told
    return f"{quoted(entry['input'])}: {told[0].lower()}{told[1:]}"


@lru_cache(maxsize=256)
def _lists_of(model: type[BaseModel]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the model's parameters that accept several values, and of those whose values commas may join."""
    lists, joined = set(), set()
    for name, field in model.model_fields.items():
        if any(get_origin(part) is list for part in (field.annotation, *get_args(field.annotation))):
            lists.add(name)
            if field.json_schema_extra == JOINED_BY_COMMAS:
                joined.add(name)
    return frozenset(lists), frozenset(joined)
