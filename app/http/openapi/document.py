"""Builds the OpenAPI document. FastAPI describes its own routes; the other operations are derived from the resources."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import Receive, Scope, Send

from app.domain.vocabulary import Kind
from app.http.openapi import writing
from app.http.openapi.reading import any_kind, identified_operation, list_operation, one_operation, read_schemas
from app.http.openapi.shared import (
    EXAMPLES,
    FAILURES_OF_ALL,
    IDENTIFIED,
    Json,
    as_they_run,
    problem_responses,
    shared_schemas,
    shown_parameter,
)
from app.http.problems import PAGE
from app.http.records import Records
from app.http.responses import RequestHeaders, send_tagged, shown_path
from app.writing.write_schema import ContentSchema

INTRODUCTION = """\
Who met whom, when, in what capacity; what was signed; what came of it; and **which sentence of which document says so**.
Rapporteur keeps these facts of international cooperation in information and communication technologies.
Reading is open; writing takes a key.

### The first five questions

1. [Who took part in the negotiations of 16 June 2025, and in what capacity?]({talks})
   `{talks}`
2. [What was signed between Belarus and China, and what happened to it later?]({between})
   `{between}`
3. [Was Belarus a member of the SCO on 1 January 2025?]({member})
   `{member}`
4. [Which memoranda cover artificial intelligence, with the passages that say so?]({topic})
   `{topic}`
5. [Какие встречи прошли в Китае в 2025 году?]({meetings})
   `{meetings}`

### What to know

- A reference reads as `{{"id": …, "name": …}}`; follow it by its id; `/v1/records/{{id}}` reads records of all kinds.
- `include=citations` leads every answer back to its source; a citation's `link` opens the source at the very phrase,
  where the source has an address.
- Dates are EDTF strings, as precise as their source: `2009-11` is a month, `2022-10-27~` about that day.
  `…_start` and `…_end` are the earliest and the latest day they can mean; `~` widens a day to its month, a month to its year.
- Nothing is stated more precisely than its source states it: what no document says is `null`.
- [`/v1/search`]({search}) finds records of all kinds by what is typed, in any script, spelling and inflection;
  `/v1/suggest` completes a name; `q` searches within a list.
- [`/v1/ledger`]({ledger}) tells all that happened between actors, or in the life of a record, each line with its sentences;
  `/v1/commitments` what was promised and what came of it. Lists and records lead to their other formats (CSV, workbook,
  calendar, feed) in the header `Link`.
- Names come in the language of `lang` or `Accept-Language` where a record has one: try `lang=ru`.
- Writing needs a key (“Authorize”): POST, PUT, PATCH and DELETE on every collection, `dry_run=true` to try. PUT, PATCH and
  DELETE say in `If-Match` which version they mean, by the `ETag` that was read; every version stays in `…/history`.
- `/v1/changes` is the log of all that changes, to follow; `/v1/export` the whole registry.
- Parameters that do not exist are refused, not ignored, and every [problem]({problems}) says what to do.
"""
QUESTIONS = {
    "talks": "/v1/participants?date_from=2025-06-16&date_to=2025-06-16",
    "between": "/v1/memoranda?between=BY,CN&include=actions,citations",
    "member": "/v1/memberships?of=sco&member=BY&valid_at=2025-01-01",
    "topic": "/v1/memoranda?topic=artificial-intelligence&include=citations",
    "search": "/v1/search?q=Zalessky",
    "ledger": "/v1/ledger?between=BY,AE",
    "meetings": "/v1/meetings?country=CN&date_from=2025-01-01&date_to=2025-12-31&lang=ru",
}


def builder(app: FastAPI, records: Records, writable: Mapping[Kind, ContentSchema], *, contact: str) -> Callable[[], Json]:
    """Return a function that returns the OpenAPI document.

    The first call of that function builds the document, because building it at startup would delay the start of every process.
    """
    built: Json = {}

    def document() -> Json:
        if not built:
            built.update(_document(app, records, writable, contact))
        return built

    return document


def serving(document: Callable[[], Json]) -> Callable[[Scope, RequestHeaders, Receive, Send], Awaitable[None]]:
    """Return an ASGI endpoint that sends the document as JSON. Behind a path prefix, its addresses have the prefix."""
    text: Callable[[], str] = lru_cache(1)(lambda: json.dumps(document(), ensure_ascii=False))

    async def serve(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        prefix = shown_path(scope, "")
        await send_tagged(send, (_behind(prefix, text()) if prefix else text()).encode(), request)

    return serve


def _behind(prefix: str, text: str) -> str:
    """Return the JSON of the document with this path prefix of a proxy before all paths but the keys of `paths`."""
    for before, path in _BEFORE_ADDRESSES:
        text = text.replace(f"{before}{path}", f"{before}{prefix}{path}")
    return text.replace(json.dumps({"url": SERVER}), json.dumps({"url": prefix}))


SERVER = "/"
"""The server's address in the document, relative to the address of the document.

It is relative, so that clients and the docs page reach the server by the scheme and the host by which they got the document,
even if a proxy does not forward them.
"""
_BEFORE_ADDRESSES = (("](", "/"), ("`", "/v1/"), ('"type": "', PAGE), ('"instance": "', "/v1/"))
"""What stands before the addresses in the document: links and code in Markdown, and the examples of problems."""


def _document(app: FastAPI, records: Records, writable: Mapping[Kind, ContentSchema], contact: str) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="The system of record for international cooperation in ICT",
        description=INTRODUCTION.format(**QUESTIONS, problems=PAGE),
        routes=app.routes,
        servers=[{"url": SERVER}],
        license_info={"name": "MIT", "identifier": "MIT"},
        contact={"name": "Report a wrong statement", "email" if "@" in contact else "url": contact} if contact else None,
    )
    resources = list(records.resources.values())
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            _mend(operation)
    schemas |= shared_schemas() | read_schemas(records)
    for resource in resources:
        models = records.queries[resource.plural]
        paths = {resource.path: {"get": list_operation(resource, models, schemas)}}
        paths[f"{resource.path}/{{id}}"] = {"get": one_operation(resource, models, schemas)}
        paths[f"{resource.path}/{IDENTIFIED}"] = {"get": identified_operation(resource)}
        for path, operations in writing.operations(writable[resource.kind], models, schemas).items():
            paths.setdefault(path, {}).update(operations)
        document["paths"] |= paths
    document["paths"] |= any_kind(resources, schemas)
    document["components"]["responses"] = problem_responses()
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] |= {status: {"$ref": f"#/components/responses/{name}"} for status, name in FAILURES_OF_ALL}
            operation.setdefault("security", [])  # says that everybody may do it, not that the document does not tell
    document["tags"] = [
        {"name": "search", "description": "Find records of all kinds by typed text."},
        {
            "name": "views",
            "description": "Answers across kinds: all between two actors, what was promised, who meets whom and on what.",
        },
        *(
            {"name": resource.plural, "description": resource.description}
            for resource in sorted(resources, key=lambda each: each.plural not in _ASKED_FIRST)
        ),
        {"name": "records", "description": "Records of all kinds: reading by ids, the change log, export and import."},
        {
            "name": "documents",
            "description": "For those who enter records: texts are taken apart, phrases are found in them. Keys only.",
        },
        {"name": "keys", "description": "The keys with which clients write; for admins."},
        {"name": "registry", "description": "The registry about itself."},
    ]
    return document


_ASKED_FIRST = ("meetings", "participants", "memoranda", "outcomes")
"""The collections that the docs page lists first, because most questions begin with them."""


def _mend(operation: Json) -> None:
    """Normalize, in place, an operation that FastAPI described: its examples and problems look like those of all others."""
    if examples := as_they_run(operation.pop(EXAMPLES, [])):
        operation["description"] += f"\n\n{examples}"
    if "parameters" in operation:
        operation["parameters"] = list(map(shown_parameter, operation["parameters"]))
    operation["responses"] = {
        status: {"$ref": response["$ref"]} if "$ref" in response else response
        for status, response in operation["responses"].items()
    }
