"""What the OpenAPI document cannot say of valid requests, said to the fuzzer: such cases are left out, not excused."""

from typing import Any

import schemathesis

from app.declaration.filters import MAX_WORDS
from app.domain.collation import words
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
    streamed = query.get("format") in ("csv", "ndjson")
    first, last, between = query.get("date_from"), query.get("date_to"), str(query.get("between", "")).split(",")
    return not (
        "cursor" in query
        or (query.get("format") != "csv" and "true" in {str(query.get(name)).lower() for name in ("bom", "csv_address")})
        or (query.get("format") == "csv" and not PARTS.issuperset(_words(query.get("include"))))
        or (streamed and "count" in query)
        or query.get("after", "0") != "0"
        or (case.path == "/v1/records" and ("ids" in query) == ("identifier" in query))
        or any(value not in KNOWN for name in NAMING & query.keys() for value in _words(query[name]))
        or ("q" in query and not 1 <= len(words(str(query["q"]))) <= MAX_WORDS)
        or len(set(sorts)) != len(sorts)
        or len(set(between)) != len(between)
        or (isinstance(first, str) and isinstance(last, str) and first > last)
    )


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
