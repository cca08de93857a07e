"""The OpenAPI descriptions of the write operations."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.declaration.model import ID_PATTERN, AnyRef, Part, Ref
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.http.bodies import JSON_TYPES, LINES_TYPES, PATCH_TYPES
from app.http.exchange import ExportQuery
from app.http.imports import ImportQuery, ImportReport
from app.http.keys import KeyBody, KeyList, KeyMade, KeyShown
from app.http.openapi.shared import (
    CONDITIONAL,
    FAILURES_OF_ONE,
    NOT_MODIFIED,
    REF,
    Json,
    as_they_run,
    failures,
    headers,
    id_parameter,
    parameters,
)
from app.http.writes import Changed, Left, MergeBody, RestoreBody
from app.reading.changes import Change, ChangesQuery, HistoryEntry, HistoryQuery
from app.reading.request import FORMATS, Reads
from app.writing.write_schema import MAX_ITEMS, ContentSchema, ReadReference

SECURITY_SCHEMES: Json = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, as `rapporteur keys create` prints it. Records are written with the scope `write`;"
        " merges and keys need `admin`.",
    }
}
_KEY: list[Json] = [{"key": []}]
_ID_SCHEMA = {"type": "string", "pattern": ID_PATTERN, "maxLength": 100}
_REFERENCE: Json = {"anyOf": [_ID_SCHEMA, {"$ref": REF.format(model="ReadReference")}]}
_UNAUTHORIZED = (("401", "Unauthorized"), ("403", "Forbidden"))
_OF_BODIES = (
    ("400", "Malformed"),
    ("406", "NotAcceptable"),
    ("413", "PayloadTooLarge"),
    ("414", "AddressTooLong"),
    ("415", "UnsupportedMediaType"),
    ("422", "Invalid"),
)
_CONFLICT = (("409", "Conflict"),)
_GUARDED = (("412", "PreconditionFailed"), ("428", "PreconditionRequired"))
_MODELS: tuple[type[BaseModel], ...] = (
    Change,
    HistoryEntry,
    Changed,
    ReadReference,
    Left,
    RestoreBody,
    MergeBody,
    ImportReport,
    KeyBody,
    KeyShown,
    KeyMade,
    KeyList,
)


def _header(name: str, description: str, **schema: Any) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


_LANGUAGE = CONDITIONAL[1]
_IF_MATCH = _header("If-Match", "the `ETag` with which the record was read, whichever view of it; `*` for whatever is there")
_IF_NONE_MATCH = _header("If-None-Match", "`*`: only if nothing is there yet", enum=["*"])
_IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "any text of your own, a UUID say: the same request with it again within a day gets the first answer and does nothing",
    pattern="^[!-~]{1,255}$",
)


# -- the operations of a resource --------------------------------------------------------------------------------------


def operations(schema: ContentSchema, reads: Reads, schemas: Json) -> Json:
    """The writes of a resource, and its history, by path and method."""
    resource = schema.resource
    schemas |= _bodies(resource, schema, schemas)
    one, kind = f"{resource.path}/{{id}}", resource.kind
    article = "an" if kind[0] in "aeiou" else "a"
    view, put = parameters(reads.write, schemas), parameters(reads.put, schemas)
    identified = [id_parameter(resource.example)]
    body, patch = (REF.format(model=f"{resource.title}{what}") for what in ("Input", "Patch"))
    report = REF.format(model=f"{resource.title}Report")
    return {
        resource.path: {
            "post": _operation(
                resource,
                f"create_{kind}",
                f"Create {article} {kind}",
                f"Its id is made of its name, or is the one in the body. {_PARTS}",
                [*view, _IDEMPOTENCY_KEY, _LANGUAGE],
                _written(resource, created=True) | failures(_CONFLICT),
                body=_json(body, JSON_TYPES, _example(resource, schemas)),
            )
        },
        one: {
            "put": _operation(
                resource,
                f"replace_{kind}",
                f"Create or replace {article} {kind}",
                "Under an id of your own: how integrations keep records in step. What the body leaves out is emptied, but"
                f" for names, identifiers, topics and citations, which stay. What was read can be sent back as it is. {_PARTS}",
                [*identified, *put, _IF_MATCH, _IF_NONE_MATCH, _LANGUAGE],
                _written(resource, created=True)
                | {"308": {"description": "The record was merged into another.", "headers": headers("Location")}}
                | failures(_CONFLICT, _GUARDED),
                body=_json(body, JSON_TYPES),
            ),
            "patch": _operation(
                resource,
                f"patch_{kind}",
                f"Change {article} {kind}",
                f"A JSON merge patch (RFC 7396): what it leaves out stays, `null` clears. {_PARTS}",
                [*identified, *view, _IF_MATCH, _LANGUAGE],
                _written(resource) | failures(FAILURES_OF_ONE, _CONFLICT, _GUARDED),
                body=_json(patch, PATCH_TYPES),
            ),
            "delete": _operation(
                resource,
                f"delete_{kind}",
                f"Delete {article} {kind}",
                "With its citations. It stays in the history and can be restored.",
                [*identified, *view, _IF_MATCH, _LANGUAGE],
                {"204": {"description": "It is deleted."}} | failures(FAILURES_OF_ONE, _CONFLICT, _GUARDED),
            ),
        },
        f"{one}/history": {"get": _history(resource, schemas)},
        f"{one}/restore": {
            "post": _operation(
                resource,
                f"restore_{kind}",
                f"Restore {article} {kind}",
                "As it was at a version, as a new one. What was deleted comes back with its citations; of what was merged all"
                " goes back that stands where the merge put it, and `left` tells the rest.",
                [*identified, *view, _IF_MATCH, _IDEMPOTENCY_KEY, _LANGUAGE],
                _reported(report) | failures((("404", "NotFound"),), _CONFLICT, _GUARDED[:1]),
                body=_json(REF.format(model="RestoreBody"), JSON_TYPES) | {"required": False},
            )
        },
        f"{one}/merge": {
            "post": _operation(
                resource,
                f"merge_{kind}",
                f"Merge {article} {kind} into another",
                "What referred to it refers to the other; its names become aliases; its id leads there. Needs `admin`.",
                [*identified, *view, _IF_MATCH, _IDEMPOTENCY_KEY, _LANGUAGE],
                _reported(report) | failures(FAILURES_OF_ONE, _CONFLICT, _GUARDED[:1]),
                body=_json(REF.format(model="MergeBody"), JSON_TYPES),
            )
        },
    }


_PARTS = "Names, identifiers, topics and citations are written with the record."


def _operation(
    resource: Resource,
    name: str,
    summary: str,
    description: str,
    given: list[Json],
    responses: Json,
    *,
    body: Json | None = None,
) -> Json:
    operation: Json = {
        "tags": [resource.plural],
        "operationId": name,
        "summary": summary,
        "description": description,
        "parameters": given,
        "responses": {**responses, **failures(_UNAUTHORIZED, _OF_BODIES)},
        "security": _KEY,
    }
    return operation | ({"requestBody": body} if body else {})


def _json(schema: str, types: tuple[str, ...], example: Any = None) -> Json:
    content: Json = {"schema": {"$ref": schema}} | ({"example": example} if example else {})
    return {"required": True, "content": dict.fromkeys(types, content)}


def _written(resource: Resource, *, created: bool = False) -> Json:
    content = {FORMATS["json"]: {"schema": {"$ref": REF.format(model=resource.title)}}}
    shown = headers("ETag", "Content-Language", "Vary")
    answers: Json = {"200": {"description": f"The {resource.kind} as it is now.", "headers": shown, "content": content}}
    if created:
        answers["200"]["description"] += " (With `dry_run=true`: as it would be.)"
        placed = {**shown, **headers("Location", "Idempotent-Replayed")}
        answers["201"] = {"description": f"The {resource.kind} was made.", "headers": placed, "content": content}
    return answers


def _reported(schema: str) -> Json:
    shown = headers("ETag", "Content-Language", "Vary", "Idempotent-Replayed")
    content = {FORMATS["json"]: {"schema": {"$ref": schema}}}
    return {"200": {"description": "What it came to.", "headers": shown, "content": content}}


def _history(resource: Resource, schemas: Json) -> Json:
    example = [f"{resource.path}/{resource.example}/history"] if resource.example else []
    return {
        "tags": [resource.plural],
        "operationId": f"list_{resource.kind}_history",
        "summary": f"The history of {'an' if resource.kind[0] in 'aeiou' else 'a'} {resource.kind}",
        "description": f"Every version, the newest first, also of one that is gone.\n\n{as_they_run(example)}".rstrip(),
        "parameters": [id_parameter(resource.example), *parameters(HistoryQuery, schemas), CONDITIONAL[0]],
        "responses": _listed("History", "The versions.") | failures((("404", "NotFound"),)),
    }


def _listed(schema: str, description: str) -> Json:
    ok = {
        "description": description,
        "headers": headers("ETag", "Link", "Vary"),
        "content": {FORMATS["json"]: {"schema": {"$ref": REF.format(model=schema)}}},
    }
    refused = (("400", "Malformed"), ("406", "NotAcceptable"), ("414", "AddressTooLong"), ("422", "Invalid"))
    return {"200": ok, **NOT_MODIFIED, **failures(refused)}


# -- the schemas of bodies -------------------------------------------------------------------------------------------------


def _bodies(resource: Resource, schema: ContentSchema, schemas: Json) -> Json:
    """`…Input` for POST and PUT, `…Patch`, `…Report`; of citations also what is written within a record."""
    fields = _fields(resource, schema, schemas)
    ignored = {
        name: {"description": "accepted, so that what was read can be sent back, and ignored"}
        for name in sorted(schema.ignored)
    }
    required = [name for name, info in schema.model.model_fields.items() if info.is_required() and name != "kind"]
    title = resource.title
    properties = {**ignored, **fields}
    made = {
        f"{title}Input": _object(f"{title}Input", f"A {resource.kind} to be written.", properties, required),
        f"{title}Patch": _object(
            f"{title}Patch",
            f"What is to be changed of a {resource.kind}; `null` clears.",
            {name: _nullable(field) if name not in ("id", "kind") else field for name, field in properties.items()},
            [],
        ),
        f"{title}Report": _object(
            f"{title}Report",
            f"What became of a {resource.kind}, and of others with it.",
            {
                "record": {"$ref": REF.format(model=title), "description": "the record that the answer is about, as it is now"},
                "changed": _array("Changed", "all that was written with it"),
                "left": _array("Left", "what could not be put back, and why"),
            },
            ["record", "changed", "left"],
        ),
    }
    if resource.kind is Kind.CITATION:
        own = {name: field for name, field in properties.items() if name != "record"}
        within = {**own, "record": {"description": "the record it is written with; accepted and ignored"}}
        needed = [name for name in required if name != "record"]
        made["CitationPart"] = _object("CitationPart", "A citation written with what it supports.", within, needed)
    return made


_IGNORED = "accepted, so that what was read can be sent back, and ignored"


def _fields(resource: Resource, schema: ContentSchema, schemas: Json) -> Json:
    """The writable fields of a resource, with the descriptions of the read model."""
    shown, content = schemas[resource.title]["properties"], schema.model.model_json_schema(ref_template=REF)
    schemas |= content.get("$defs", {})
    found: Json = {}
    for name, entry in content["properties"].items():
        plan = next(plan for plan in schema.plans if plan.name == name)
        kept = {key: value for key, value in entry.items() if key not in ("title", "default")}
        if name == "id":
            kept = dict(_ID_SCHEMA)
        elif isinstance(plan.source, Part) and "pattern" in entry["items"]:
            kept = {"type": "array", "maxItems": MAX_ITEMS, "items": _REFERENCE}
        elif plan.annotation in (Ref, AnyRef):
            kept = _REFERENCE
            kept = _nullable(kept) if plan.nullable else kept
        description = shown[name].get("description", "")
        found[name] = kept | ({"description": description} if description else {})
    found["kind"] = {"type": "string", "const": resource.kind.value, "description": "may be left out"}
    if resource.kind is not Kind.CITATION:
        found["citations"] = _array("CitationPart", "what supports it; those that it had and that are not here are deleted")
    return found


def _nullable(schema: Json) -> Json:
    """A schema that takes null too."""
    null = {"type": "null"}
    if set(schema) <= {"description"} or null in schema.get("anyOf", ()):
        return schema
    described: Json = {key: schema[key] for key in ("description", "examples") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [*(rest["anyOf"] if set(rest) == {"anyOf"} else [rest]), null], **described}


def _array(model: str, description: str) -> Json:
    return {"type": "array", "items": {"$ref": REF.format(model=model)}, "description": description}


def _object(title: str, description: str, properties: Json, required: list[str]) -> Json:
    return {
        "type": "object",
        "title": title,
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _example(resource: Resource, schemas: Json) -> Json | None:
    """A record like the first data set's, for collections whose records have names."""
    (shown, *_) = schemas[resource.title].get("examples", ({},))
    if "name" not in shown or resource.alternative_keys:
        return None
    kept = {name: shown[name] for name in ("type", "date", "city", "status") if shown.get(name)}
    return {"name": f"Draft: {shown['name']}", **kept}


# -- across kinds ------------------------------------------------------------------------------------------------------------


def across_kinds(schemas: Json) -> Json:
    """The change log, import, export and keys; their schemas are added to the others."""
    _, found = models_json_schema([(model, "serialization") for model in _MODELS], ref_template=REF)
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    page: Json = {"limit": {"type": "integer"}, "more": {"type": "boolean", "description": "whether there are more"}}
    last = {"last_seq": {"type": "integer", "description": "what to ask `after` next"}}
    link = {"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]}
    links = {"self": {"type": "string", "format": "uri"}, "next": link}
    for name, entry, pages in (("Changes", "Change", {**page, **last}), ("History", "HistoryEntry", page)):
        shown = {
            "data": _array(entry, "the entries"),
            "page": _object(f"{name}Page", "Where in the log this page is.", pages, list(pages)),
            "links": _object(f"{name}Links", "Addresses.", links, list(links)),
        }
        schemas[name] = _object(name, "Entries of the change log.", shown, list(shown))
    return {
        "/v1/changes": {"get": _changes(schemas)},
        "/v1/export": {"get": _export(schemas)},
        "/v1/import": {"post": _import(schemas)},
        **_keys(),
    }


def _changes(schemas: Json) -> Json:
    shown = as_they_run(["/v1/changes?limit=5", "/v1/changes?kind=meeting&limit=5"])
    return {
        "tags": ["records"],
        "operationId": "list_changes",
        "summary": "Follow what changes",
        "description": "The change log in the order of commits, deletions included. Ask again with `after` the `last_seq`"
        f" of the answer before (or its `next` link): nothing is missed and nothing comes twice.\n\n{shown}",
        "parameters": [*parameters(ChangesQuery, schemas), CONDITIONAL[0]],
        "responses": _listed("Changes", "The changes."),
    }


def _export(schemas: Json) -> Json:
    lines: Json = {FORMATS["ndjson"]: {"schema": {"type": "string"}}}
    refused = (("400", "Malformed"), ("406", "NotAcceptable"), ("414", "AddressTooLong"), ("422", "Invalid"))
    return {
        "tags": ["records"],
        "operationId": "export_records",
        "summary": "Read the whole registry",
        "description": "Every record as it was at one moment, a line each, as `import` reads them.",
        "parameters": parameters(ExportQuery, schemas),
        "responses": {"200": {"description": "The records.", "content": lines}, **failures(refused)},
    }


def _import(schemas: Json) -> Json:
    example = '{"kind":"topic","id":"quantum-communication","name":"Quantum communication"}'
    content = {"schema": {"type": "string"}, "example": example}
    return {
        "tags": ["records"],
        "operationId": "import_records",
        "summary": "Write many records",
        "description": "NDJSON of mixed kinds in any order, what `export` writes: all of them, or none and the faults of every"
        " line. A record becomes exactly what its line says; it is not asked what it was before.",
        "parameters": [*parameters(ImportQuery, schemas), _IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": dict.fromkeys(LINES_TYPES, content)},
        "responses": {
            "200": {
                "description": "What became of every record.",
                "headers": headers("ETag", "Vary", "Idempotent-Replayed"),
                "content": {FORMATS["json"]: {"schema": {"$ref": REF.format(model="ImportReport")}}},
            },
            **failures(_UNAUTHORIZED, _OF_BODIES, _CONFLICT),
        },
        "security": _KEY,
    }


def _keys() -> Json:
    def operation(name: str, summary: str, description: str, responses: Json, **more: Any) -> Json:
        common = (("400", "Malformed"), ("406", "NotAcceptable"), ("414", "AddressTooLong"), ("422", "Invalid"))
        return {
            "tags": ["keys"],
            "operationId": name,
            "summary": summary,
            "description": description,
            "responses": {**responses, **failures(_UNAUTHORIZED, common)},
            "security": _KEY,
            **more,
        }

    def shown(status: str, model: str, description: str) -> Json:
        return {
            status: {
                "description": description,
                "headers": headers("ETag", "Vary"),
                "content": {FORMATS["json"]: {"schema": {"$ref": REF.format(model=model)}}},
            }
        }

    missing = failures((("404", "NotFound"),))
    identified: list[Json] = [
        {"name": "id", "in": "path", "required": True, "description": "the key's id", "schema": {"type": "string"}}
    ]
    return {
        "/v1/keys": {
            "get": operation(
                "list_keys",
                "List the keys",
                "Without their secrets; revoked ones too.",
                {**shown("200", "KeyList", "The keys.")},
            ),
            "post": operation(
                "create_key",
                "Make a key",
                "The answer shows the key, this once: only a digest of it is kept.",
                {
                    **shown("201", "KeyMade", "The key."),
                    **failures(_OF_BODIES, _CONFLICT),
                },
                requestBody=_json(REF.format(model="KeyBody"), JSON_TYPES, {"name": "desk officer", "scopes": ["write"]}),
            ),
        },
        "/v1/keys/{id}": {
            "get": operation(
                "get_key",
                "Read a key",
                "Without its secret.",
                {**shown("200", "KeyShown", "The key."), **missing},
                parameters=identified,
            ),
            "delete": operation(
                "revoke_key",
                "Revoke a key",
                "It opens nothing from now on; its name stays in the history.",
                {"204": {"description": "It is revoked."}, **missing},
                parameters=identified,
            ),
        },
    }
