"""The OpenAPI document: what FastAPI says of its routes, and what the resources' declarations say of theirs."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.types import Receive, Scope, Send

from app import errors
from app.http.answers import Asked, send_tagged
from app.http.problems import MEDIA_TYPE, PAGE
from app.http.records import Records
from app.reading.compiler import column_name
from app.reading.request import FORMATS, AnyManyQuery, AnyOneQuery, Reads
from app.reading.resource import INCLUDED_AT_MOST, Resource

EXAMPLES = Path(__file__).parent / "pages" / "examples.json"
"""A record of each kind as the first data set has it, in English and in Russian: `make examples` writes it."""
_REF = "#/components/schemas/{model}"
Json = dict[str, Any]

INTRODUCTION = """\
Who met whom, when, in what capacity; what was signed; what came of it; and **which sentence of which document says so**.
Rapporteur keeps these facts of international cooperation in information and communication technologies. Reading is open.

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

- A reference reads as `{{"id": …, "name": …}}`; follow it by its id, with `/v1/records/{{id}}` whatever its kind.
- `include=citations` leads every answer back to its source; a citation's `link` opens the source at the very phrase,
  where the source has an address.
- Dates are EDTF strings, as precise as their source: `2009-11` is a month, `2022-10-27~` about that day.
  `…_start` and `…_end` are the earliest and the latest day they can mean; `~` widens a day to its month, a month to its year.
- Nothing is stated more precisely than its source states it: what no document says is `null`.
- Names come in the language of `lang` or `Accept-Language` where a record has one: try `lang=ru`.
- Parameters that do not exist are refused, not ignored, and every [problem]({problems}) says what to do.
"""
QUESTIONS = {
    "talks": "/v1/participants?date_from=2025-06-16&date_to=2025-06-16",
    "between": "/v1/memoranda?between=BY,CN&include=actions,citations",
    "member": "/v1/memberships?of=sco&member=BY&valid_at=2025-01-01",
    "topic": "/v1/memoranda?topic=artificial-intelligence&include=citations",
    "meetings": "/v1/meetings?country=CN&date_from=2025-01-01&date_to=2025-12-31&lang=ru",
}


def builder(app: FastAPI, records: Records) -> Callable[[], Json]:
    """A function that builds the document when it is first asked for: it costs start-up time that most never need."""
    built: Json = {}

    def document() -> Json:
        if not built:
            built.update(_document(app, records))
        return built

    return document


def serving(document: Callable[[], Json]) -> Callable[[Scope, Asked, Receive, Send], Awaitable[None]]:
    """An endpoint that answers with the document."""
    text: Callable[[], bytes] = lru_cache(1)(lambda: json.dumps(document(), ensure_ascii=False).encode())

    async def serve(_scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        await send_tagged(send, text(), request)

    return serve


def _document(app: FastAPI, records: Records) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="The system of record for international cooperation in ICT",
        description=INTRODUCTION.format(**QUESTIONS, problems=PAGE),
        routes=app.routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    resources = list(records.resources.values())
    schemas = document["components"]["schemas"]
    schemas |= _shared_schemas() | _read_schemas(records)
    paths: Json = {}
    for resource in resources:
        reads = records.reads[resource.plural]
        paths[resource.path] = {"get": _list_operation(resource, reads, schemas)}
        paths[f"{resource.path}/{{id}}"] = {"get": _one_operation(resource, reads, schemas)}
    paths |= _any_kind(resources, schemas)
    document["paths"] = paths | document["paths"]
    document["components"]["responses"] = _problem_responses()
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] |= {status: {"$ref": f"#/components/responses/{name}"} for status, name in _FAILURES_OF_ALL}
    document["tags"] = [
        *(
            {"name": resource.plural, "description": resource.model.__doc__}
            for resource in sorted(resources, key=lambda each: each.plural not in _ASKED_FIRST)
        ),
        {"name": "records", "description": "Records of whatever kind, by their ids."},
        {"name": "registry", "description": "The registry about itself."},
    ]
    return document


_ASKED_FIRST = ("meetings", "participants", "memoranda", "outcomes")
"""The collections that most questions begin with stand first on the docs page."""
_FAILURES_OF_ALL = (("405", "MethodNotAllowed"), ("500", "Unexpected"), ("503", "Unavailable"))
_FAILURES_OF_LISTS = (("400", "Malformed"), ("406", "NotAcceptable"), ("414", "AddressTooLong"), ("422", "Invalid"))
_FAILURES_OF_ONE = (("404", "NotFound"), ("410", "Gone"))


def _failures(*groups: tuple[tuple[str, str], ...]) -> Json:
    return {status: {"$ref": f"#/components/responses/{name}"} for group in groups for status, name in group}


def _problem_responses() -> Json:
    problems = [
        errors.Malformed,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.NotAcceptable,
        errors.Gone,
        errors.AddressTooLong,
        errors.Invalid,
        errors.Unexpected,
        errors.Unavailable,
    ]
    return {
        problem.__name__: {
            "description": " ".join([problem.explanation, *_closer(problem)]),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": _REF.format(model="Problem")},
                    "example": {
                        "type": f"http://127.0.0.1:8000{PAGE}#{problem.code}",
                        "title": problem.title,
                        "status": problem.status,
                        "detail": problem.explanation,
                        "instance": "/v1/meetings",
                        "code": problem.code,
                    },
                }
            },
        }
        for problem in problems
    }


def _closer(problem: type[errors.Problem]) -> list[str]:
    """Problems of the same status that say more closely what is wrong."""
    return [f"`{each.code}`: {each.explanation}" for each in problem.__subclasses__()]


def _shared_schemas() -> Json:
    text, uri = {"type": "string"}, {"type": "string", "format": "uri"}
    return {
        "Problem": {
            "type": "object",
            "title": "Problem",
            "description": "What went wrong, RFC 9457.",
            "properties": {
                "type": {**uri, "description": "a page that explains this problem"},
                "title": {**text, "description": "the problem in a few words, always the same for its code"},
                "status": {"type": "integer", "description": "the HTTP status"},
                "detail": {**text, "description": "what is wrong with this very request"},
                "instance": {**text, "description": "what was asked for"},
                "code": {**text, "description": "the problem's stable name, for programs"},
                "errors": {
                    "type": "array",
                    "description": "every fault by itself",
                    "items": {
                        "type": "object",
                        "properties": {
                            "parameter": {**text, "description": "the parameter at fault"},
                            "pointer": {**text, "description": "the place in the body at fault, a JSON pointer"},
                            "detail": {**text, "description": "what is wrong with it"},
                        },
                        "required": ["detail"],
                    },
                },
            },
            "required": ["type", "title", "status", "detail", "instance", "code"],
        },
        "Page": {
            "type": "object",
            "title": "Page",
            "description": "Where in the list this page is.",
            "properties": {
                "limit": {"type": "integer", "description": "how many records a page has at the most"},
                "next_cursor": {
                    "anyOf": [text, {"type": "null"}],
                    "description": "where the next page goes on; null on the last",
                },
                "total": {
                    "anyOf": [{"type": "integer"}, {"type": "null"}],
                    "description": "how many records match in all, if `count=true` asked for it",
                },
            },
            "required": ["limit", "next_cursor", "total"],
            "additionalProperties": False,
        },
        "Links": {
            "type": "object",
            "title": "Links",
            "description": "This page and the next.",
            "properties": {
                "self": {**uri, "description": "this page"},
                "next": {"anyOf": [uri, {"type": "null"}], "description": "the next page; null on the last"},
            },
            "required": ["self", "next"],
            "additionalProperties": False,
        },
    }


def _read_schemas(records: Records) -> Json:
    """The read models, with their fields described as their columns are, and the lists of them."""
    resources = list(records.resources.values())
    _, found = models_json_schema([(resource.model, "serialization") for resource in resources], ref_template=_REF)
    schemas: Json = found["$defs"]
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for resource in resources:
        schema = schemas[resource.title]
        for plan in records.compiler.plans[resource.kind]:
            shown = schema["properties"][plan.name]
            column = resource.table.c.get(column_name(plan))
            if "description" not in shown and column is not None and column.comment:
                stored, _, _none = column.comment.partition("; 0001-01-01 for none")
                shown["description"] = stored.partition("; 9999-12-31 for none")[0]
            shown.pop("title", None)
            shown.pop("default", None)
        for name, include in resource.includes.items():
            related = records.compiler.resources[include.kind]
            schema["properties"][name] = {
                "type": "array",
                "items": {"$ref": _REF.format(model=related.title)},
                "description": f"with `include={name}`: {related.plural} whose `{include.through}` is this record",
            }
            schema["properties"][f"{name}_more"] = {
                "type": "string",
                "description": f"where the rest is, if there are more than {INCLUDED_AT_MOST}",
            }
        schema["examples"] = examples[resource.title]
        schema["required"] = ["id"]
        schema["properties"]["kind"]["description"] = f"the kind of record: {resource.kind.explanation}"
        schemas[f"{resource.title}List"] = {
            "type": "object",
            "title": f"{resource.title}List",
            "description": f"A page of {resource.plural}.",
            "properties": {
                "data": {"type": "array", "items": {"$ref": _REF.format(model=resource.title)}},
                "page": {"$ref": _REF.format(model="Page")},
                "links": {"$ref": _REF.format(model="Links")},
            },
            "required": ["data", "page", "links"],
            "additionalProperties": False,
        }
    return schemas


def _parameters(model: type[BaseModel], schemas: Json) -> list[Json]:
    """A query model's fields as parameters. Examples stand in the text: the docs page would send them all at once."""
    schema = model.model_json_schema(ref_template=_REF)
    schemas |= schema.get("$defs", {})
    found = []
    for name, entry in schema["properties"].items():
        description = entry.pop("description")
        examples = entry.pop("examples", None)
        entry.pop("title", None)
        if "anyOf" in entry:
            (only,) = [option for option in entry.pop("anyOf") if option != {"type": "null"}]
            entry |= {key: value for key, value in only.items() if key not in entry or entry[key] is None}
        if entry.get("default") is None:
            entry.pop("default", None)
        if examples:
            description += f". Example: `{name}={examples[0]}`"
        parameter = {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": description,
            "schema": entry,
        }
        if entry.get("type") == "array":
            parameter |= {"style": "form", "explode": name not in ("include", "fields", "sort", "ids")}
        found.append(parameter)
    return found


def _headers(*names: str) -> Json:
    known = {
        "ETag": "what this answer is known by; send it back in `If-None-Match`",
        "Content-Language": "the language asked for",
        "Link": "the next page, RFC 8288",
        "Vary": "the request headers that the answer depends on",
        "Location": "where the record is",
    }
    return {name: {"description": known[name], "schema": {"type": "string"}} for name in names}


_CONDITIONAL = [
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "an `ETag` had before: 304 if the answer is still the same",
        "schema": {"type": "string"},
    },
    {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "the languages to show names in, by preference",
        "schema": {"type": "string"},
    },
]
_NOT_MODIFIED = {"304": {"description": "The answer is the one with the tag in `If-None-Match`."}}


_SHARED_FILTERS = ("topic", "uncited", "updated_since")


def _list_operation(resource: Resource, reads: Reads, schemas: Json) -> Json:
    own = [f"{name}={entry.example}" for name, entry in resource.filters.items() if name not in _SHARED_FILTERS]
    examples = [f"{resource.path}?{query}" for query in [*own, "limit=5"][:2]]
    examples.append(f"{examples[0]}&lang=ru")
    described = {name: {"schema": {"type": "string"}} for name in FORMATS.values()}
    described[FORMATS["json"]] = {"schema": {"$ref": _REF.format(model=f"{resource.title}List")}}
    return {
        "tags": [resource.plural],
        "operationId": f"list_{resource.plural}",
        "summary": f"List {resource.plural}",
        "description": f"{resource.model.__doc__}\n\n{_examples(examples)}",
        "parameters": [*_parameters(reads.many, schemas), *_CONDITIONAL],
        "responses": {
            "200": {
                "description": f"A page of {resource.plural}, or all of them as CSV or NDJSON.",
                "headers": _headers("ETag", "Content-Language", "Link", "Vary"),
                "content": described,
            },
            **_NOT_MODIFIED,
            **_failures(_FAILURES_OF_LISTS),
        },
    }


def _one_operation(resource: Resource, reads: Reads, schemas: Json) -> Json:
    article = "an" if resource.kind[0] in "aeiou" else "a"
    examples = (
        [f"{resource.path}/{resource.example}", f"{resource.path}/{resource.example}?lang=ru"] if resource.example else []
    )
    return {
        "tags": [resource.plural],
        "operationId": f"get_{resource.kind}",
        "summary": f"Read {article} {resource.kind}",
        "description": f"{resource.model.__doc__}\n\n{_examples(examples)}",
        "parameters": [_id_parameter(resource.example), *_parameters(reads.one, schemas), *_CONDITIONAL],
        "responses": {
            "200": {
                "description": f"The {resource.kind}.",
                "headers": _headers("ETag", "Content-Language", "Vary"),
                "content": {FORMATS["json"]: {"schema": {"$ref": _REF.format(model=resource.title)}}},
            },
            **_NOT_MODIFIED,
            "308": {
                "description": "The record has another id: it was merged, or was asked for by another key.",
                "headers": _headers("Location"),
            },
            **_failures(_FAILURES_OF_LISTS, _FAILURES_OF_ONE),
        },
    }


def _id_parameter(example: str) -> Json:
    parameter: Json = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "the record's id",
        "schema": {"type": "string"},
    }
    return parameter | ({"example": example} if example else {})


def _examples(paths: list[str]) -> str:
    if not paths:
        return ""
    return "Examples, as they run against the first data set:\n" + "\n".join(f"- [`{path}`]({path})" for path in paths)


def _any_kind(resources: list[Resource], schemas: Json) -> Json:
    kinds = {
        "oneOf": [{"$ref": _REF.format(model=resource.title)} for resource in resources],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {resource.kind.value: _REF.format(model=resource.title) for resource in resources},
        },
    }
    many = {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": kinds, "description": "the records in the order asked for"},
            "missing": {"type": "array", "items": {"type": "string"}, "description": "ids that lead to no record"},
        },
        "required": ["data", "missing"],
        "additionalProperties": False,
    }

    def answered(description: str, schema: Mapping[str, Any], *failures: tuple[tuple[str, str], ...]) -> Json:
        ok = {
            "description": description,
            "headers": _headers("ETag", "Content-Language", "Vary"),
            "content": {FORMATS["json"]: {"schema": schema}},
        }
        return {"200": ok, **_NOT_MODIFIED, **_failures(_FAILURES_OF_LISTS, *failures)}

    return {
        "/v1/records": {
            "get": {
                "tags": ["records"],
                "operationId": "list_records",
                "summary": "Read records of whatever kinds",
                "description": "In the order asked for.\n\n"
                + _examples(["/v1/records?ids=BY,sco", "/v1/records?ids=BY,sco&lang=ru"]),
                "parameters": [*_parameters(AnyManyQuery, schemas), *_CONDITIONAL],
                "responses": answered("The records.", many),
            }
        },
        "/v1/records/{id}": {
            "get": {
                "tags": ["records"],
                "operationId": "get_record",
                "summary": "Read a record of whatever kind",
                "description": "The kind is in `kind`.\n\n" + _examples(["/v1/records/sco", "/v1/records/sco?lang=ru"]),
                "parameters": [_id_parameter("sco"), *_parameters(AnyOneQuery, schemas), *_CONDITIONAL],
                "responses": answered("The record.", kinds, _FAILURES_OF_ONE)
                | {"308": {"description": "The record has another id.", "headers": _headers("Location")}},
            }
        },
    }
