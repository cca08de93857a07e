"""What the OpenAPI document cannot say of valid requests, said to the fuzzer: such cases are left out, not excused."""

from collections.abc import Mapping
from typing import Any

import schemathesis

from app.declaration.filters import MAX_WORDS
from app.domain.collation import words
from app.files.calendars import MOST_EVENTS
from app.http.queries import MAX_LIMIT
from app.resources import RESOURCES

_kind_of = {resource.table.name: resource.kind for resource in RESOURCES}
NAMING = {name for each in RESOURCES for name, entry in each.filters.items() if entry.names(each.table, _kind_of)}
"""The parameters whose values stand for records: those that stand for none are refused."""
KNOWN = {value for each in RESOURCES for entry in each.filters.values() for value in (entry.example or "").split(",")}
PARTS = {"names", "identifiers", "topics", "countries", "also_in", "signatories", "texts", "successors", "citations"}


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    """Require of a record its id alone, because an answer to `fields` has no more. `test_openapi` tests what is required."""
    for resource in RESOURCES:
        raw_schema["components"]["schemas"][resource.title]["required"] = ["id"]


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Leave out cursors of nobody's, ids of nothing, and parameters that are each valid and contradict one another."""
    query = case.query or {}
    sorts = [key.removeprefix("-") for key in _words(query.get("sort"))]
    streamed = query.get("format") in ("csv", "ndjson", "xlsx", "ics")
    says_itself = query.get("format") in ("atom", "jsonfeed", "ics")
    tables = ("csv", "xlsx")
    first, last, between = query.get("date_from"), query.get("date_to"), str(query.get("between", "")).split(",")
    return not (
        "cursor" in query
        or (query.get("format") != "csv" and "true" in {str(query.get(name)).lower() for name in ("bom", "csv_address")})
        or (query.get("format") in tables and not PARTS.issuperset(_words(query.get("include"))))
        or (query.get("format") not in tables and "columns" in query)
        or len(set(_words(query.get("columns")))) != len(_words(query.get("columns")))
        or ((streamed or says_itself) and "count" in query)
        or (says_itself and not {"fields", "include"}.isdisjoint(query))
        or (query.get("format") != "ics" and query.get("imprecise") == "span")
        or (query.get("format") == "ics" and case.path.endswith("{id}"))
        or (query.get("format") == "ics" and str(query.get("limit")).isdecimal() and int(query["limit"]) > MOST_EVENTS)
        or (not streamed and str(query.get("limit")).isdecimal() and int(query["limit"]) > MAX_LIMIT)
        or query.get("after", "0") != "0"
        or (says_itself and not {"after", "wait"}.isdisjoint(query))
        or query.get("before", "end") != "end"
        or ("before" in query and not {"after", "wait"}.isdisjoint(query))
        or query.get("format") == "events"  # a stream has no end
        or _contradicts_a_view(case.path, query)
        or (case.path == "/v1/records" and ("ids" in query) == ("identifier" in query))
        or any(value not in KNOWN for name in NAMING & query.keys() for value in _words(query[name]))
        or ("q" in query and not 1 <= len(words(str(query["q"]))) <= MAX_WORDS)
        or len(set(sorts)) != len(sorts)
        or len(set(between)) != len(between)
        or (isinstance(first, str) and isinstance(last, str) and first > last)
    )


ACTORS = {"BY", "CN", "AE", "KZ", "UZ", "sco", "itu", "by-mci", "pavel-tkach"}
"""Those of the known values that are actors."""


def _contradicts_a_view(path: str, query: Mapping[str, Any]) -> bool:
    """Whether a request for a view names what is no actor, or no topic, or parameters that exclude one another."""
    actors = {each for name in ("of", "by", "to", "actors", "participant") for each in _words(query.get(name))}
    asked = [*_words(query.get("actors")), *_words(query.get("between"))]
    match path:
        case "/v1/ledger":
            return ("between" in query) == ("of" in query) or not actors <= ACTORS or len(set(asked)) < len(asked)
        case "/v1/commitments":
            return not actors <= ACTORS
        case "/v1/counterparts" | "/v1/dossier":
            return not actors <= ACTORS
        case "/v1/compare":
            return not actors <= ACTORS or len(set(asked)) < len(asked)
        case "/v1/network":
            return "type" in query or "status" in query  # their words depend on what is counted
        case "/v1/matrix":
            is_twice = query.get("rows") == query.get("columns") and query.get("rows") not in ("country", "organization")
            return is_twice or "type" in query or "status" in query
    return False


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Name actors where a view asks for some, because nearly all generated ids would be those of nothing."""
    path = context.operation.path
    if not isinstance(query, dict) or path not in NEEDED:
        return query
    kept = {name: value for name, value in query.items() if name not in UNNEEDED}
    return {**kept, **NEEDED[path]}


NEEDED: Mapping[str, Mapping[str, str]] = {
    "/v1/ledger": {"between": "BY,CN"},
    "/v1/commitments": {"by": "BY"},
    "/v1/counterparts": {"of": "sco"},
    "/v1/compare": {"actors": "BY,UZ"},
    "/v1/matrix": {"rows": "country", "columns": "topic"},
    "/v1/network": {},
    "/v1/dossier": {"of": "by-mci"},
}
"""By path of a view: parameters without which, or with others than which, hardly any generated request is valid."""
UNNEEDED = {"of", "between", "by", "to", "topic", "participant", "type", "status", "cursor", "date_from", "date_to"}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Let erasures keep nothing, because all other requests would meet nothing but erased records soon."""
    if case.path.endswith("/erase") and str((case.query or {}).get("dry_run", "false")).lower() == "false":
        case.query = {**(case.query or {}), "dry_run": "true"}


def _words(given: Any) -> list[str]:
    """The words of a parameter, which comes as a list, joined by commas, or as a value of a wrong type."""
    if isinstance(given, (list, tuple)):
        return [str(word) for word in given]
    return str(given).split(",") if given is not None else []


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """The lines of an import, as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
