"""The OpenAPI descriptions of the read operations."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from app.declaration.resource import INCLUDED_AT_MOST, Resource
from app.http.openapi.shared import (
    CONDITIONAL,
    FAILURES_OF_LISTS,
    FAILURES_OF_ONE,
    NOT_MODIFIED,
    REF,
    Json,
    as_they_run,
    failures,
    headers,
    id_parameter,
    identifier_parameters,
    parameters,
)
from app.http.queries import AnyManyQuery, AnyOneQuery, QueryModels
from app.http.records import Records
from app.http.representations import JSON, Representation, of_lists, of_records, of_whole_lists
from app.reading.compiler import is_shown
from app.reading.shapes import Shape, column_name
from app.writing.write_schema import OF_WRITES

EXAMPLES = Path(__file__).parent.parent / "docs_files" / "examples.json"
"""The file with the examples: one record of each kind from the first data set, in English and in Russian.

`make examples` writes this file.
"""

_ITEMS: Json = {
    "difference": {"$ref": REF.format(model="PatchOperation")},
    "writes": {"$ref": REF.format(model="Changed")},
    "similar": {"$ref": REF.format(model="Candidate")},
    "derived": {"type": "string"},
}
"""By name of what the answer to a write has besides the record: an item of it."""


def read_schemas(records: Records) -> Json:
    """Return the schemas of the read models, and of the lists of their records.

    If a field has no description, the comment of its database column becomes its description.
    """
    resources = list(records.resources.values())
    _, found = models_json_schema([(resource.model, "serialization") for resource in resources], ref_template=REF)
    schemas: Json = found["$defs"]
    for name, schema in schemas.items():
        if name not in {resource.title for resource in resources} and "properties" in schema:
            schema["required"] = list(schema["properties"])  # the database writes an item of an array with all its members
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
                "items": {"$ref": REF.format(model=related.title)},
                "description": f"with `include={name}`: {related.plural} whose `{include.found_by}` is this record",
            }
            schema["properties"][f"{name}_more"] = {
                "type": "string",
                "description": f"the list of all of them, if there are more than {INCLUDED_AT_MOST}",
            }
        schema["properties"] |= {
            name: {"type": "array", "items": _ITEMS[name], "description": f"in the answer to {description}"}
            for name, description in OF_WRITES.items()
        }
        if resource.title in examples:  # the first data set may have no record of this kind
            schema["examples"] = examples[resource.title]
        # A response with `fields` has less, but these clients know what they asked for; for all others, a field that is always
        # there should not look as if it could be missing.
        shown_always = [plan for plan in records.compiler.plans[resource.kind] if is_shown(plan, Shape(resource.kind))]
        schema["required"] = [plan.name for plan in shown_always]
        schema["properties"]["kind"]["description"] = f"the kind of record: {resource.kind.explanation}"
        schemas[f"{resource.title}List"] = {
            "type": "object",
            "title": f"{resource.title}List",
            "description": f"A page of {resource.plural}.",
            "properties": {
                "data": {"type": "array", "items": {"$ref": REF.format(model=resource.title)}},
                "page": {"$ref": REF.format(model="Page")},
                "links": {"$ref": REF.format(model="Links")},
            },
            "required": ["data", "page", "links"],
            "additionalProperties": False,
        }
    return schemas


_SHARED_FILTERS = ("topic", "topic_exact", "identifier", "uncited", "updated_since")


def list_operation(resource: Resource, models: QueryModels, schemas: Json) -> Json:
    """Return the OpenAPI description of the GET operation that lists the records of a resource."""
    own = [f"{name}={entry.example}" for name, entry in resource.filters.items() if name not in _SHARED_FILTERS]
    examples = [f"{resource.path}?{query}" for query in [*own, "limit=5"][:2]]
    examples.append(f"{examples[0]}&lang=ru")
    whole = " or ".join(each.name.upper() for each in of_whole_lists(resource.kind))
    return {
        "tags": [resource.plural],
        "operationId": f"list_{resource.plural}",
        "summary": f"List {resource.plural}",
        "description": f"{resource.description}\n\n{as_they_run(examples)}",
        "parameters": [*parameters(models.records, schemas), *CONDITIONAL],
        "responses": {
            "200": {
                "description": f"A page of {resource.plural}, or all of them as {whole}.",
                "headers": headers("ETag", "Content-Language", "Link", "Vary"),
                "content": _content(f"{resource.title}List", of_lists(resource.kind)),
            },
            **NOT_MODIFIED,
            **failures(FAILURES_OF_LISTS),
        },
    }


def _content(model: str, formats: Sequence[Representation]) -> Json:
    """Return the content of a response in these formats. `model`: the name of the schema of its JSON."""
    schema = {"$ref": REF.format(model=model)}
    return {each.media_type: {"schema": schema if each is JSON else each.schema} for each in formats}


def one_operation(resource: Resource, models: QueryModels, schemas: Json) -> Json:
    """Return the OpenAPI operation that reads one record."""
    examples = (
        [f"{resource.path}/{resource.example}", f"{resource.path}/{resource.example}?lang=ru"] if resource.example else []
    )
    return {
        "tags": [resource.plural],
        "operationId": f"get_{resource.kind}",
        "summary": f"Read {resource.kind.with_article}",
        "description": f"{resource.description}\n\n{as_they_run(examples)}",
        "parameters": [id_parameter(resource.example), *parameters(models.record, schemas), *CONDITIONAL],
        "responses": {
            "200": {
                "description": f"The {resource.kind}.",
                "headers": headers(
                    "ETag", "Content-Language", *(["Link"] if len(of_records(resource.kind)) > 1 else []), "Vary"
                ),
                "content": _content(resource.title, of_records(resource.kind)),
            },
            **NOT_MODIFIED,
            "308": {
                "description": "The record has another id: it was merged, or was asked for by another key.",
                "headers": headers("Location"),
            },
            **failures(FAILURES_OF_LISTS, FAILURES_OF_ONE),
        },
    }


def identified_operation(resource: Resource) -> Json:
    """Return the OpenAPI operation that leads from an identifier to the record that has it."""
    return {
        "tags": [resource.plural],
        "operationId": f"find_{resource.kind}_by_identifier",
        "summary": f"Find {resource.kind.with_article} by an identifier",
        "description": "The answer leads to the record (308). A slash in an identifier is written as it is.",
        "parameters": identifier_parameters(),
        "responses": {
            "200": {
                "description": f"The {resource.kind}, for a client that follows the redirect.",
                "content": _content(resource.title, of_records(resource.kind)),
            },
            "308": {"description": "The record has this id.", "headers": headers("Location")},
            **failures((("404", "NotFound"), ("409", "Conflict"))),
        },
    }


def any_kind(resources: list[Resource], schemas: Json) -> Json:
    """Return, by path, the OpenAPI operations of `/v1/records`, which read records of all kinds by their ids."""
    kinds = {
        "oneOf": [{"$ref": REF.format(model=resource.title)} for resource in resources],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {resource.kind.value: REF.format(model=resource.title) for resource in resources},
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

    def answered(description: str, schema: Mapping[str, Any], *refused: tuple[tuple[str, str], ...]) -> Json:
        ok = {
            "description": description,
            "headers": headers("ETag", "Content-Language", "Vary"),
            "content": {JSON.media_type: {"schema": schema}},
        }
        return {"200": ok, **NOT_MODIFIED, **failures(FAILURES_OF_LISTS, *refused)}

    return {
        "/v1/records": {
            "get": {
                "tags": ["records"],
                "operationId": "list_records",
                "summary": "Read records of any kinds",
                "description": "By `ids`, in the order asked for; or by `identifier`. One of the two is required.\n\n"
                + as_they_run(["/v1/records?ids=BY,sco", "/v1/records?identifier=un-symbol:A/RES/70/125&lang=ru"]),
                "parameters": [*parameters(AnyManyQuery, schemas), *CONDITIONAL],
                "responses": answered("The records.", many),
            }
        },
        "/v1/records/{id}": {
            "get": {
                "tags": ["records"],
                "operationId": "get_record",
                "summary": "Read a record of any kind",
                "description": "The kind is in `kind`.\n\n" + as_they_run(["/v1/records/sco", "/v1/records/sco?lang=ru"]),
                "parameters": [id_parameter("sco"), *parameters(AnyOneQuery, schemas), *CONDITIONAL],
                "responses": answered("The record.", kinds, FAILURES_OF_ONE)
                | {"308": {"description": "The record has another id.", "headers": headers("Location")}},
            }
        },
    }
