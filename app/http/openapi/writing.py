"""The OpenAPI descriptions of the write operations."""

import json
from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from app.declaration.model import ID_PATTERN, AnyRef, Part, Ref
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.http.bodies import JSON_PATCH, JSON_TYPES, PATCH_TYPES
from app.http.openapi.shared import (
    CONDITIONAL,
    CONFLICT,
    FAILURES_OF_ONE,
    IDEMPOTENCY_KEY,
    IDENTIFIED,
    OF_BODIES,
    REF,
    UNAUTHORIZED,
    Json,
    failures,
    header,
    headers,
    id_parameter,
    identifier_parameters,
    parameters,
)
from app.http.queries import QueryModels
from app.http.representations import JSON
from app.http.writes import Changed, Left, MergeBody, RestoreBody
from app.writing.json_patch import MAX_OPERATIONS, PatchOperation
from app.writing.write_schema import MAX_ITEMS, ContentSchema, ReadReference

_KEY: list[Json] = [{"key": []}]
_ID_SCHEMA = {"type": "string", "pattern": ID_PATTERN, "maxLength": 100}
_REFERENCE: Json = {"anyOf": [_ID_SCHEMA, {"$ref": REF.format(model="ReadReference")}]}
_GUARDED = (("412", "PreconditionFailed"), ("428", "PreconditionRequired"))
_LANGUAGE = CONDITIONAL[1]
_IF_MATCH = header("If-Match", "the `ETag` with which the record was read, in any view; `*` for any version")
_IF_NONE_MATCH = header("If-None-Match", "`*`: only if nothing is there yet", enum=["*"])


# -- the operations of a resource --------------------------------------------------------------------------------------


def operations(schema: ContentSchema, models: QueryModels, schemas: Json) -> Json:
    """Return, by path and method, the OpenAPI operations that write a resource's records. Add their schemas to `schemas`."""
    resource = schema.resource
    schemas |= _bodies(resource, schema, schemas)
    shared = (Changed, Left, PatchOperation, ReadReference, RestoreBody, MergeBody)
    _, found = models_json_schema([(model, "serialization") for model in shared], ref_template=REF)
    schemas |= {name: described for name, described in found["$defs"].items() if name not in schemas}
    one, kind = f"{resource.path}/{{id}}", resource.kind
    of_each = (models.write, models.post, models.put, models.patch, models.delete)
    view, post, put, patched, delete = (parameters(model, schemas) for model in of_each)
    identified = [id_parameter(resource.example)]
    body, patch = (REF.format(model=f"{resource.title}{what}") for what in ("Input", "Patch"))
    report = REF.format(model=f"{resource.title}Report")
    return {
        resource.path: {
            "post": _operation(
                resource,
                f"create_{kind}",
                f"Create {kind.with_article}",
                "Its id is made of its name, or is the one in the body. With `dry_run=true`, `similar` has the records of the"
                f" kind that have one of its names. {_PARTS}",
                [*post, IDEMPOTENCY_KEY, _LANGUAGE],
                _written(resource, created=True) | failures(CONFLICT),
                body=_json(body, JSON_TYPES, _example(resource, schemas)),
            )
        },
        one: {
            "put": _operation(
                resource,
                f"replace_{kind}",
                f"Create or replace {kind.with_article}",
                "Under an id of your own: how integrations keep records in step. What the body leaves out is emptied, but"
                f" for names, identifiers, topics and citations, which stay. What was read can be sent back as it is. {_PARTS}",
                [*identified, *put, _IF_MATCH, _IF_NONE_MATCH, _LANGUAGE],
                _written(resource, created=True)
                | {"308": {"description": "The record was merged into another.", "headers": headers("Location")}}
                | failures(CONFLICT, _GUARDED),
                body=_json(body, JSON_TYPES),
            ),
            "patch": _operation(
                resource,
                f"patch_{kind}",
                f"Change {kind.with_article}",
                f"{_PATCHES} {_PARTS}",
                [*identified, *patched, _IF_MATCH, _LANGUAGE],
                _written(resource) | failures(FAILURES_OF_ONE, CONFLICT, _GUARDED),
                body=_json(patch, tuple(media for media in PATCH_TYPES if media != JSON_PATCH)),
            )
            | _json_patch(),
            "delete": _operation(
                resource,
                f"delete_{kind}",
                f"Delete {kind.with_article}",
                "With its citations, and with `links=true` also with the records that only link it, such as the participants of"
                " a meeting or the parties of an instrument. It stays in the history and can be restored; an undo of the"
                " transaction brings all of them back.",
                [*identified, *delete, _IF_MATCH, _LANGUAGE],
                {"204": {"description": "It is deleted.", "headers": headers("Rapporteur-Position")}}
                | failures(FAILURES_OF_ONE, CONFLICT, _GUARDED),
            ),
        },
        f"{resource.path}/{IDENTIFIED}": {
            "put": _operation(
                resource,
                f"replace_identified_{kind}",
                f"Create or replace the {kind} with an identifier",
                "For integrations that know a record by the identifier of another register. If no record has the identifier,"
                " one is made with it, under the id in the body or one made of its name. Otherwise it is a PUT to that record.",
                [*identifier_parameters(), *put, _IF_MATCH, _IF_NONE_MATCH, _LANGUAGE],
                _written(resource, created=True) | failures((("404", "NotFound"),), CONFLICT, _GUARDED),
                body=_json(body, JSON_TYPES),
            )
        },
        f"{one}/restore": {
            "post": _operation(
                resource,
                f"restore_{kind}",
                f"Restore {kind.with_article}",
                "As it was at a version, as a new one. What was deleted comes back with its citations; of what was merged all"
                " goes back that stands where the merge put it, and `left` tells the rest.",
                [*identified, *view, _IF_MATCH, IDEMPOTENCY_KEY, _LANGUAGE],
                _reported(report) | failures(FAILURES_OF_ONE, CONFLICT, _GUARDED[:1]),
                body=_json(REF.format(model="RestoreBody"), JSON_TYPES) | {"required": False},
            )
        },
        f"{one}/merge": {
            "post": _operation(
                resource,
                f"merge_{kind}",
                f"Merge {kind.with_article} into another",
                "What referred to it refers to the other; its names become aliases; its id leads there. Needs `admin`.",
                [*identified, *view, _IF_MATCH, IDEMPOTENCY_KEY, _LANGUAGE],
                _reported(report) | failures(FAILURES_OF_ONE, CONFLICT, _GUARDED[:1]),
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
        "responses": {**responses, **failures(UNAUTHORIZED, OF_BODIES)},
        "security": _KEY,
    }
    return operation | ({"requestBody": body} if body else {})


def _json(schema: str, types: tuple[str, ...], example: Any = None) -> Json:
    content: Json = {"schema": {"$ref": schema}} | ({"example": example} if example else {})
    return {"required": True, "content": dict.fromkeys(types, content)}


_PATCHES = (
    "A JSON merge patch (RFC 7396): what it leaves out stays, `null` clears, and an array is replaced as a whole. Or a JSON"
    " Patch (RFC 6902, `application/json-patch+json`) of the record as exports have it, which adds or removes single items:"
    " references are ids, empty arrays are there, citations are records of their own. A `test` that fails is 409. With"
    " `dry_run=true` the answer shows the `difference`, and with `derive=true` it names the fields that were `derived`."
)


def _json_patch() -> Json:
    """Return how a JSON Patch is written, for an extension of the operation.

    It is no content type of the body, because clients that openapi-python-client generates fail on every PATCH if one of its
    bodies is an array.
    """
    operations = {"type": "array", "items": {"$ref": REF.format(model="PatchOperation")}, "maxItems": MAX_OPERATIONS}
    example = [{"op": "add", "path": "/topics/-", "value": "artificial-intelligence"}]
    return {"x-also-accepts": {JSON_PATCH: {"schema": operations, "example": example}}}


def _written(resource: Resource, *, created: bool = False) -> Json:
    content = {JSON.media_type: {"schema": {"$ref": REF.format(model=resource.title)}}}
    shown = headers("ETag", "Content-Language", "Vary", "Rapporteur-Position")
    answers: Json = {"200": {"description": f"The {resource.kind} as it is now.", "headers": shown, "content": content}}
    if created:
        answers["200"]["description"] += " (With `dry_run=true`: as it would be.)"
        placed = {**shown, **headers("Location", "Idempotent-Replayed")}
        answers["201"] = {"description": f"The {resource.kind} was made.", "headers": placed, "content": content}
    return answers


def _reported(schema: str) -> Json:
    shown = headers("ETag", "Content-Language", "Vary", "Idempotent-Replayed", "Rapporteur-Position")
    content = {JSON.media_type: {"schema": {"$ref": schema}}}
    return {"200": {"description": "What it came to.", "headers": shown, "content": content}}


# -- the schemas of bodies -------------------------------------------------------------------------------------------------


def _bodies(resource: Resource, schema: ContentSchema, schemas: Json) -> Json:
    """Return the schemas of the bodies: `…Input` (POST and PUT), `…Patch`, and `…Report` (the response to restore and merge).

    For citations there is also `CitationPart`, because the body of any other record may contain the citations of that record.
    """
    fields = _fields(resource, schema, schemas)
    ignored = {
        name: {"description": "accepted, so that what was read can be sent back, and ignored"}
        for name in sorted(schema.ignored)
    }
    required = [name for name, info in schema.model.model_fields.items() if info.is_required() and name != "kind"]
    title = resource.title
    properties = {**ignored, **fields}
    made = {
        f"{title}Input": _object(f"{title}Input", f"What is written of {resource.kind.with_article}.", properties, required),
        f"{title}Patch": _object(
            f"{title}Patch",
            f"What is to be changed of {resource.kind.with_article}; `null` clears.",
            {name: _nullable(field) if name not in ("id", "kind") else field for name, field in properties.items()},
            [],
        ),
        f"{title}Report": _object(
            f"{title}Report",
            f"What became of {resource.kind.with_article}, and of others with it.",
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


def _fields(resource: Resource, schema: ContentSchema, schemas: Json) -> Json:
    """Return, by name, the schemas of the fields that a client can write. Their descriptions are those of the read model."""
    shown, content = schemas[resource.title]["properties"], schema.model.model_json_schema(ref_template=REF)
    for name in [name for name, entry in content.get("$defs", {}).items() if _is_read_otherwise(entry, schemas.get(name))]:
        content = _renamed(content, name, f"{name}Content")
    schemas |= content.get("$defs", {})
    for reference in schema.references:
        if reference.member:
            item = get_args(next(plan.annotation for plan in schema.plans if plan.name == reference.name))[0]
            field = item.model_fields[reference.member]
            written = _REFERENCE if field.is_required() else _nullable(_REFERENCE)
            schemas[f"{item.__name__}Content"]["properties"][reference.member] = written | {"description": field.description}
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


def _is_read_otherwise(written: Json, read: Json | None) -> bool:
    """Whether an item of an array may be written with fewer members than it is read with, so that it needs its own schema."""
    return read is not None and read.get("required") != written.get("required")


def _renamed(content: Json, name: str, other: str) -> Json:
    """Return a schema in which the definition with this name has another one."""
    text = json.dumps(content).replace(f'"{REF.format(model=name)}"', f'"{REF.format(model=other)}"')
    renamed: Json = json.loads(text)
    renamed["$defs"][other] = renamed["$defs"].pop(name) | {"title": other}
    return renamed


def _nullable(schema: Json) -> Json:
    """Return the schema, changed so that it also accepts null."""
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
    """Return an example of a request body, made from the example record in the read schema.

    Returns None if there is no example record, if that record has no name, or if the resource has alternative keys (unique
    keys besides the id), because the example would not contain these keys.
    """
    (shown, *_) = schemas[resource.title].get("examples", ({},))
    if "name" not in shown or resource.alternative_keys:
        return None
    kept = {name: shown[name] for name in ("type", "date", "city", "status") if shown.get(name)}
    return {"name": f"Draft: {shown['name']}", **kept}
