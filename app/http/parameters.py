"""Parses and validates query strings: unknown parameters are errors, and all errors are reported together."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from app.declaration.model import is_storable
from app.errors import Invalid, Malformed
from app.faults import Fault, summary

MAX_PARAMETERS = 1_000
SHOWN_OF_A_VALUE = 60
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


def validated(model: type[Query], pairs: Iterable[tuple[str, str]], *, commas: Sequence[str] = ()) -> Query:
    """Validate query parameters, and return them as an instance of `model`. Raises Invalid, which lists every fault.

    `commas`: the names of the parameters whose values are split at commas.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).extend(value.split(",") if name in commas else [value])
    faults = []
    values: dict[str, Any] = {}
    lists = _lists_of(model)
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
        faults += [
            Fault(_explained(entry, model), parameter=str(entry["loc"][0]))
            for entry in error.errors(include_url=False, include_context=False)
        ]
    if faults:
        raise Invalid(summary(faults), faults=faults)
    return checked


def _explained(entry: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return the error message for one invalid parameter, made from pydantic's error `entry`.

    The message quotes the rejected value, except if the parameter is unknown or missing, or if a validator of the registry
    wrote the message.
    """
    if entry["type"] == "extra_forbidden":
        return f"there is no such parameter here; there are {', '.join(model.model_fields) or 'none'}"
    if entry["type"] == "value_error":
        return str(entry["msg"].removeprefix("Value error, "))
    if entry["type"] == "missing":
        return "required"
    given = repr(str(entry["input"])[:SHOWN_OF_A_VALUE])
    if entry["type"] == "string_pattern_mismatch" and entry["loc"][0] not in ("lang", "q"):
        return f"{given} is no id: ids look like CN, sco or by-mci; for several repeat the parameter"
    return f"{given}: {entry['msg'][0].lower()}{entry['msg'][1:]}"


@lru_cache(maxsize=256)
def _lists_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the model's parameters that accept several values."""
    annotations = {name: (field.annotation, *get_args(field.annotation)) for name, field in model.model_fields.items()}
    return frozenset(name for name, each in annotations.items() if any(get_origin(part) is list for part in each))
