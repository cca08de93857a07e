"""Parts of the OpenAPI document that several operations use: problems, headers, parameters."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from app import errors
from app.http.problems import MEDIA_TYPE, PAGE
from app.http.representations import JSON, Representation

REF = "#/components/schemas/{model}"
Json = dict[str, Any]

FAILURES_OF_ALL = (
    ("405", "MethodNotAllowed"),
    ("408", "RequestTimeout"),
    ("429", "TooManyRequests"),
    ("431", "HeadTooLarge"),
    ("500", "Unexpected"),
    ("503", "Unavailable"),
)
FAILURES_OF_LISTS = (("400", "Malformed"), ("406", "NotAcceptable"), ("414", "AddressTooLong"), ("422", "Invalid"))
FAILURES_OF_ONE = (("404", "NotFound"), ("410", "Gone"))
UNAUTHORIZED = (("401", "Unauthorized"), ("403", "Forbidden"))
OF_BODIES = (*FAILURES_OF_LISTS, ("413", "PayloadTooLarge"), ("415", "UnsupportedMediaType"))
CONFLICT = (("409", "Conflict"),)


def failures(*groups: Iterable[tuple[str, str]]) -> Json:
    """Return, by status, the OpenAPI responses for problems. Each group contains pairs (status, name of the problem).

    Each response is a reference to a component that `problem_responses` returns.
    """
    return {status: {"$ref": f"#/components/responses/{name}"} for group in groups for status, name in group}


def problem_responses() -> Json:
    """Return the OpenAPI component responses, one for each class of problems that is derived directly from `Problem`.

    The key of a response is the name of this class. The response also describes the subclasses of the class, which have the
    same status.
    """
    problems = errors.Problem.__subclasses__()
    return {
        problem.__name__: {
            "description": " ".join([problem.explanation, *_closer(problem)]),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": REF.format(model="Problem")},
                    "example": {
                        "type": f"{PAGE}#{problem.code}",
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
    """Return the explanations of the problem's subclasses, which are more specific problems with the same status."""
    return [f"`{each.code}`: {each.explanation}" for each in problem.__subclasses__()]


def _json_feed(text: Json, uri: Json) -> Json:
    instant = {**text, "format": "date-time"}
    item = {
        "id": {**text, "description": "a tag URI of the record, which never changes"},
        "url": {**uri, "description": "the record"},
        "external_url": {**uri, "description": "the source of the quote, opened at the passage"},
        "title": text,
        "summary": text,
        "content_html": {**text, "description": "what is said of the record, its facts, and a quote with its source"},
        "date_published": {**instant, "description": "when the record was made"},
        "date_modified": {**instant, "description": "when it was changed last"},
        "tags": {"type": "array", "items": text, "description": "the names of its topics"},
    }
    feed = {
        "version": text,
        "title": {**text, "description": "what the list is about"},
        "home_page_url": {**uri, "description": "the same list as JSON"},
        "feed_url": {**uri, "description": "this page"},
        "next_url": {**uri, "description": "the next page, if there is one"},
        "language": {**text, "description": "the language asked for"},
        "authors": {"type": "array", "items": {"type": "object", "properties": {"name": text}}},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": item,
                "required": ["id", "url", "title", "content_html", "date_published", "date_modified"],
            },
        },
    }
    return {
        "type": "object",
        "title": "JsonFeed",
        "description": "A list as a JSON Feed, version 1.1.",
        "properties": feed,
        "required": ["version", "title", "home_page_url", "feed_url", "authors", "items"],
    }


def shared_schemas() -> Json:
    """Return the component schemas that are not made from a model: `Problem`, `JsonFeed`, and `Page` and `Links` of lists."""
    text, uri = {"type": "string"}, {"type": "string", "format": "uri"}
    return {
        "JsonFeed": _json_feed(text, uri),
        "Problem": {
            "type": "object",
            "title": "Problem",
            "description": "What went wrong, RFC 9457.",
            "properties": {
                "type": {
                    "type": "string",
                    "format": "uri-reference",
                    "description": "the path of a page of this server that explains the problem",
                },
                "title": {**text, "description": "the problem in a few words, always the same for its code"},
                "status": {"type": "integer", "description": "the HTTP status"},
                "detail": {**text, "description": "what is wrong with this very request"},
                "instance": {**text, "format": "uri-reference", "description": "what was asked for"},
                "code": {**text, "description": "the problem's stable name, for programs"},
                "errors": {
                    "type": "array",
                    "description": "every fault by itself",
                    "items": {
                        "type": "object",
                        "properties": {
                            "parameter": {**text, "description": "the parameter at fault"},
                            "pointer": {**text, "description": "the place in the body at fault, a JSON pointer"},
                            "header": {**text, "description": "the header at fault"},
                            "line": {**text, "description": "the line of an import at fault"},
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
                "undated": {
                    "anyOf": [{"type": "integer"}, {"type": "null"}],
                    "description": "in lists of dated records with `date_from` or `date_to` and `count=true`: how many records"
                    " match all other filters and have no date, so that no window finds them",
                },
                "coverage": {
                    "anyOf": [{"$ref": REF.format(model="Coverage")}, {"type": "null"}],
                    "description": "in lists of memberships, participants and parties, if one organization, series, meeting or"
                    " instrument is asked for: whether they are all there are; null if no source says it",
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


def parameters(model: type[BaseModel], schemas: Json) -> list[Json]:
    """Return the fields of a query model as OpenAPI parameters. If they use other schemas, add these to `schemas`."""
    schema = model.model_json_schema(ref_template=REF)
    schemas |= schema.get("$defs", {})
    found = []
    for name, entry in schema["properties"].items():
        described = entry.pop("description")
        required = name in schema.get("required", ())
        found.append(
            shown_parameter({"name": name, "in": "query", "required": required, "description": described, "schema": entry})
        )
    return found


def shown_parameter(parameter: Json) -> Json:
    """Return the parameter in the form that the documentation page (Swagger UI) needs.

    The example of a query parameter is moved into the parameter's description. Otherwise the page would fill in the
    examples of all parameters, and send all of them with one request.
    """
    entry = {key: value for key, value in parameter["schema"].items() if key not in ("title", "description")}
    examples = entry.pop("examples", None)
    if "anyOf" in entry:
        (only,) = [option for option in entry.pop("anyOf") if option != {"type": "null"}]
        entry |= {key: value for key, value in only.items() if key not in entry or entry[key] is None}
    if entry.get("default") is None:
        entry.pop("default", None)
    shown = {**parameter, "schema": entry}
    if examples and parameter["in"] == "path":
        shown["example"] = examples[0]
    elif examples:
        shown["description"] += f". Example: `{parameter['name']}={examples[0]}`"
    if entry.get("type") == "array":
        shown |= {"style": "form", "explode": entry.pop("explode", True)}
    return shown


EXAMPLES = "x-examples"
"""The key under which `described` stores example paths.

`document.py` moves the examples to the description of the operation.
"""


def described(
    name: str,
    summary: str,
    answer: str,
    *,
    status: int = 200,
    shown: Sequence[str] = (),
    examples: Sequence[str] = (),
    more_failures: Iterable[tuple[str, str]] = (),
    more_parameters: Sequence[Json] = (),
    also: Iterable[Representation] = (),
    more_content: Json | None = None,
    body: Json | None = None,
) -> Json:
    """Return arguments of a FastAPI route that describe what FastAPI cannot read from the function's signature or docstring.

    `name`: the id of the operation. `answer`: what a successful response contains. `shown`: the names of the headers of this
    response. `examples`: paths that a reader can try. `more_failures`: (status, name) of the problems that this
    operation has in addition to FAILURES_OF_LISTS. `more_parameters`: the request headers that the operation reads. `also`:
    the formats besides JSON in which it answers. `more_content`: by media type, the descriptions of further successful
    responses.
    """
    success: Json = {"headers": headers(*shown)} if shown else {}
    contents: Json = {each.media_type: {"schema": {"type": "string"}} for each in also if each.media_type != JSON.media_type}
    if contents | (more_content or {}):
        success["content"] = contents | (more_content or {})
    unchanged = NOT_MODIFIED if CONDITIONAL[0] in more_parameters else {}
    extra: Json = {EXAMPLES: list(examples)} | ({"parameters": list(more_parameters)} if more_parameters else {})
    return {
        "operation_id": name,
        "summary": summary,
        "response_description": answer,
        "status_code": status,
        "responses": {status: success, **unchanged, **failures(FAILURES_OF_LISTS, more_failures)},
        "openapi_extra": extra | ({"requestBody": body} if body else {}),
    }


def with_repeated(documented: Json, description: str, model: type[BaseModel]) -> Json:
    """Add to the arguments of a route that creates (201) the answer 200, for a request that was sent before."""
    responses = documented["responses"]
    return documented | {"responses": {**responses, 200: {**responses[201], "description": description, "model": model}}}


def headers(*names: str) -> Json:
    """Return the OpenAPI descriptions of these response headers, by name."""
    known = {
        "ETag": "what this answer is known by; send it back in `If-None-Match`",
        "Content-Language": "the language asked for",
        "Link": "`next`: the next page of a list; `alternate`: other formats. RFC 8288",
        "Vary": "the request headers that the answer depends on",
        "Location": "where the record is",
        "Idempotent-Replayed": "`true` where this is the first answer again",
        "Rapporteur-Position": "the end of the change log: `/v1/changes` can be followed from there",
    }
    return {name: {"description": known[name], "schema": {"type": "string"}} for name in names}


def header(name: str, description: str, **schema: Any) -> Json:
    """Return the OpenAPI parameter that describes a request header."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


CONDITIONAL = [
    header("If-None-Match", "an `ETag` had before: 304 if the answer is still the same"),
    header("Accept-Language", "the languages to show names in, by preference"),
]
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "any text of your own, a UUID say: the same request with it again within a day gets the first answer and does nothing",
    pattern="^[!-~]{1,255}$",
)
NOT_MODIFIED: Any = {"304": {"description": "The answer is the one with the tag in `If-None-Match`."}}


def id_parameter(example: str) -> Json:
    """Return the OpenAPI parameter that describes the id in a path."""
    parameter: Json = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "the record's id",
        "schema": {"type": "string"},
    }
    return parameter | ({"example": example} if example else {})


IDENTIFIED = "identifier/{scheme}/{identifier}"
"""The path, below that of a collection, of the record that has an identifier."""


def identifier_parameters() -> list[Json]:
    """Return the OpenAPI parameters in the path `IDENTIFIED`."""
    described = {"scheme": ("the scheme", "wikidata"), "identifier": ("the identifier in that scheme", "Q184")}
    return [
        {"name": name, "in": "path", "required": True, "description": what, "schema": {"type": "string"}, "example": example}
        for name, (what, example) in described.items()
    ]


def as_they_run(paths: Sequence[str]) -> str:
    """Return the example paths as a Markdown list of links; an empty string if there are no paths."""
    if not paths:
        return ""
    return "Examples, as they run against the first data set:\n" + "\n".join(f"- [`{path}`]({path})" for path in paths)
