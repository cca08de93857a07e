"""The OpenAPI descriptions of search and suggestions."""

from pydantic.json_schema import models_json_schema

from app.http.openapi.shared import (
    CONDITIONAL,
    FAILURES_OF_LISTS,
    NOT_MODIFIED,
    REF,
    Json,
    as_they_run,
    failures,
    headers,
    parameters,
)
from app.http.search_models import SearchAnswer, SearchQuery, Suggestions, SuggestQuery
from app.reading.request import FORMATS

_SEARCH = """\
Finds records by what somebody types, in any script, spelling and inflection: `Залесского`, `Zalessky` and `zalesskij` find the
same. A name that is what was typed stands first, then names that have all of it, then titles and places, then texts, then what
is involved with the best names; the newest first among equals. Each hit says why it was found, in its own words.

`"a phrase"`, `-word`, `beginn*`; whatever else is typed is looked for as words. Where no record has all of them, those that
have most are found (`relaxed`), and `did_you_mean` proposes known names.

The cursor is a place in the hits: after a write that changes them it may repeat or skip one.
"""


def search(schemas: Json) -> Json:
    """The paths of search and suggestions."""
    _, found = models_json_schema([(SearchAnswer, "serialization"), (Suggestions, "serialization")], ref_template=REF)
    schemas |= {name: schema for name, schema in found["$defs"].items() if name not in schemas}
    searched = as_they_run(
        [
            "/v1/search?q=Zalessky",
            "/v1/search?q=SCO&kind=meeting&facets=year,country",
            "/v1/search?date_from=2025-10-14&date_to=2025-10-17",
        ]
    )
    suggested = as_they_run(["/v1/suggest?q=zales", "/v1/suggest?q=smart%20cit"])
    return {
        "/v1/search": {
            "get": {
                "tags": ["search"],
                "operationId": "search_records",
                "summary": "Find records by what is typed",
                "description": f"{_SEARCH}\n{searched}",
                "parameters": [*parameters(SearchQuery, schemas), *CONDITIONAL],
                "responses": _answered("What was found.", "SearchAnswer"),
            }
        },
        "/v1/suggest": {
            "get": {
                "tags": ["search"],
                "operationId": "suggest_names",
                "summary": "Complete a name as it is typed",
                "description": "Names whose words begin like what was typed, in any script and with room for a slip; what is"
                f" named most often first.\n\n{suggested}",
                "parameters": [*parameters(SuggestQuery, schemas), *CONDITIONAL],
                "responses": _answered("Names that go on so.", "Suggestions"),
            }
        },
    }


def _answered(description: str, model: str) -> Json:
    ok = {
        "description": description,
        "headers": headers("ETag", "Content-Language", "Link", "Vary"),
        "content": {FORMATS["json"]: {"schema": {"$ref": REF.format(model=model)}}},
    }
    return {"200": ok, **NOT_MODIFIED, **failures(FAILURES_OF_LISTS)}
