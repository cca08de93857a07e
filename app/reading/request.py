"""Parses and validates query strings, by the declaration of the resource."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl, quote_plus

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from app.caching import cached
from app.db.sql import Encode
from app.db.types import Instant
from app.declaration.filters import MAX_VALUES, IdValue
from app.declaration.model import Part, is_storable
from app.declaration.resource import Resource
from app.errors import CursorInvalid, Fault, Invalid, Malformed, NotAcceptable, summary
from app.reading import cursor as cursors
from app.reading.compiler import FieldPlan, Shape

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_LANGUAGES = 8
MAX_LANGUAGE = 35
"""Letters of a language's tag (RFC 5646 knows none that is longer)."""
MAX_RANGE = 60
"""Letters of a tag with its weight."""
MAX_IDS = 200
SHOWN_OF_A_VALUE = 60
MAX_PARAMETERS = 1_000
DRY_RUN = "`true`: check everything and show the result, and keep nothing"
FORMATS = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)
_OF_ALL_LISTS = {"sort", "include", "fields", "lang", "limit", "cursor", "count", "format", "csv_safe"}
LANG_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"

Lang = Annotated[
    str | None,
    StringConstraints(pattern=LANG_PATTERN, max_length=MAX_LANGUAGE),
    Field(
        default=None,
        description="the language to show names in where a record has one in it, BCP 47; goes before `Accept-Language`",
        examples=["ru"],
    ),
]


def _joined_by_commas(words: Sequence[str], description: str, example: str) -> Any:
    """Several words, by commas or repeated."""
    if not words:
        return None
    several: Any = list[Literal[tuple(words)]]  # type: ignore[misc]
    return (
        several | None,
        Field(default=None, min_length=1, max_length=MAX_VALUES, description=description, examples=[example]),
    )


_OWN_FIELDS_FROM = 5
"""Before them stand those of any record: id, kind, version, created_at, updated_at."""


class AnyOneQuery(BaseModel):
    """The parameters of a record of whatever kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    lang: Lang


class AnyManyQuery(AnyOneQuery):
    """The parameters of records of whatever kinds."""

    ids: Annotated[
        list[IdValue],
        Field(
            min_length=1,
            max_length=MAX_IDS,
            description=f"the records' ids, at most {MAX_IDS}",
            examples=["BY,sco,pavel-tkach"],
        ),
    ]


class Reads:
    """The two query strings of a resource, as pydantic models: unknown parameters are faults, never ignored."""

    def __init__(self, resource: Resource, plans: Iterable[FieldPlan]) -> None:
        self.resource = resource
        self.plans = {plan.name: plan for plan in plans}

    @cached_property
    def one(self) -> type[BaseModel]:
        """The parameters of a single record."""
        return _query_model(f"{self.resource.title}Query", {**self._view, "lang": (Lang, None)})

    @cached_property
    def write(self) -> type[BaseModel]:
        """The parameters of a write: how its answer is shown, and whether anything is kept."""
        fields = {**self._view, "lang": (Lang, None), "dry_run": (bool, Field(default=False, description=DRY_RUN))}
        return _query_model(f"{self.resource.title}WriteQuery", fields)

    @cached_property
    def put(self) -> type[BaseModel]:
        """The parameters of a PUT."""
        description = "`true`: replace on purpose whatever is there, without `If-Match`"
        fields = {"upsert": (bool, Field(default=False, description=description))}
        return create_model(f"{self.resource.title}PutQuery", __base__=self.write, **fields)  # type: ignore[no-any-return, call-overload]

    @cached_property
    def many(self) -> type[BaseModel]:
        """The parameters of the list."""
        fields: dict[str, Any] = {}
        if taken := _OF_ALL_LISTS & set(self.resource.filters):
            raise TypeError(f"{self.resource.plural}: the filters {taken} have names that every list gives to something else")
        for name, entry in self.resource.filters.items():
            annotation: Any = entry.annotation()
            bounds: dict[str, Any] = {}
            examples = [entry.example] if entry.example else None
            if entry.multiple:
                annotation, bounds = list[annotation], {"min_length": 1, "max_length": MAX_VALUES}
            description = entry.description
            fields[name] = (annotation | None, Field(default=None, description=description, examples=examples, **bounds))
        sorts: list[str] = [sign + name for name in self.resource.sorts for sign in ("", "-")]
        fields["sort"] = _joined_by_commas(
            sorts,
            f"the order, `-` for descending; what has no value comes last. Default: `{self.resource.default_sort}`",
            sorts[0],
        )
        fields |= self._view
        fields["lang"] = (Lang, None)
        fields["limit"] = (
            Annotated[int, Field(ge=1, le=MAX_LIMIT)],
            Field(default=DEFAULT_LIMIT, description="how many records a page of JSON has at the most", examples=[10]),
        )
        fields["cursor"] = (
            Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None,
            Field(
                default=None,
                description="where to go on: `next_cursor` of the page before, with the same filters, sort and language",
            ),
        )
        fields["count"] = (bool, Field(default=False, description="`true`: count all that match, in `page.total`"))
        fields["format"] = (
            Literal[tuple(FORMATS)] | None,
            Field(
                default=None,
                description="`csv` and `ndjson` stream the whole result, in pages of their own; goes before `Accept`",
                examples=["json"],
            ),
        )
        description = "`true`: in CSV, an apostrophe stands before each cell that a spreadsheet would run as a formula"
        fields["csv_safe"] = (bool, Field(default=False, description=description))
        return _query_model(f"{self.resource.title}ListQuery", fields)

    @cached_property
    def _view(self) -> dict[str, Any]:
        """Parse which fields and includes of a record are shown."""
        parts = [name for name, plan in self.plans.items() if isinstance(plan.source, Part)]
        includes = [*self.resource.includes, *parts]
        telling = "name" if "name" in self.plans else list(self.plans)[_OWN_FIELDS_FROM]
        return {
            "include": _joined_by_commas(
                includes,
                "related records to embed, one level deep, at most 200 each; past that `…_more` says where the rest is",
                includes[0],
            ),
            "fields": _joined_by_commas(list(self.plans), "only these fields; `id` always comes along", telling),
        }


def _query_model(name: str, fields: Mapping[str, Any]) -> type[BaseModel]:
    model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    return model


@dataclass(frozen=True)
class One:
    """A single record, as asked for."""

    shape: Shape
    parameters: Mapping[str, Any]
    language: str | None
    dry_run: bool = False
    upsert: bool = False


@dataclass(frozen=True)
class Many:
    """A list, as asked for."""

    shape: Shape
    parameters: Mapping[str, Any]
    language: str | None
    limit: int
    count: bool
    format: str
    csv_safe: bool
    digest: str
    query: str
    """The query string without its cursor, for links that add another."""


def query_pairs(query_string: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string; Malformed if it is no percent-encoded UTF-8."""
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


def read_one(reads: Reads, query_string: bytes, accept: str, accept_language: str, *, encode: Encode) -> One:
    """A single record's request."""
    return _one(reads, reads.one, query_string, accept, accept_language, encode)


def read_for_write(reads: Reads, query_string: bytes, accept: str, accept_language: str, *, encode: Encode) -> One:
    """A write's request: how its answer is shown, and whether anything is kept."""
    return _one(reads, reads.write, query_string, accept, accept_language, encode)


def read_for_put(reads: Reads, query_string: bytes, accept: str, accept_language: str, *, encode: Encode) -> One:
    """A PUT's request."""
    return _one(reads, reads.put, query_string, accept, accept_language, encode)


def _one(reads: Reads, model: type[BaseModel], query_string: bytes, accept: str, accept_language: str, encode: Encode) -> One:
    pairs = query_pairs(query_string)
    asked = validated(model, pairs, commas=("include", "fields"))
    negotiated_format(accept, offered=("json",))
    languages, language = asked_languages(asked.get("lang"), accept_language)
    shape = Shape(
        reads.resource.kind,
        fields=_fields(asked),
        include=_include(asked),
        languages=min(len(languages), 2),
        purpose="one",
    )
    parameters = language_parameters(languages, encode)
    return One(shape, parameters, language, asked.get("dry_run", False), asked.get("upsert", False))


def read_many(reads: Reads, query_string: bytes, accept: str, accept_language: str, *, encode: Encode) -> Many:
    """A list's request: Invalid names every fault at once."""
    pairs = query_pairs(query_string)
    resource = reads.resource
    asked = validated(reads.many, pairs, commas=("include", "fields", "sort"))
    form = asked.get("format") or negotiated_format(accept, offered=tuple(FORMATS))
    languages, language = asked_languages(asked.get("lang"), accept_language)
    include = _include(asked)
    _refuse_contradictions(reads, asked, form, include)
    values = {name: _as_text(asked[name]) for name in resource.filters if asked.get(name) is not None}
    shapes = tuple((name, resource.filters[name].shape(given)) for name, given in values.items())
    sort = tuple(asked.get("sort") or (resource.default_sort,))
    digest = cursors.request_digest(resource.kind, {name: sorted(given) for name, given in values.items()}, sort, languages)
    parameters: dict[str, Any] = language_parameters(languages, encode)
    for name, given in values.items():
        parameters |= resource.filters[name].parameters(name, given, encode)
    after = asked.get("cursor")
    if after is not None:
        key = cursors.decode(after, digest=digest, length=len(sort) + 1)
        _require_sortable(resource, sort, key)
        parameters |= {f"key_{place}": part for place, part in enumerate(key)}
    fields = _fields(asked)
    return Many(
        Shape(resource.kind, fields, include, shapes, sort, after is not None, min(len(languages), 2)),
        parameters,
        language,
        asked["limit"],
        asked["count"],
        form,
        asked["csv_safe"],
        digest,
        "".join(f"{name}={quote_plus(value)}&" for name, value in pairs if name != "cursor"),
    )


def _require_sortable(resource: Resource, sort: Sequence[str], key: Sequence[str]) -> None:
    """CursorInvalid, if a part of a cursor's key is no value of the column that it is compared with."""
    for name, part in zip(sort, key, strict=False):
        kind = resource.sorts[name.removeprefix("-")].ascending.type
        try:
            if isinstance(kind, Instant):
                datetime.fromisoformat(part)
            elif isinstance(kind, sa.Integer):
                int(part)
        except ValueError:
            raise CursorInvalid(cursors.NOT_OURS) from None


def _refuse_contradictions(reads: Reads, asked: Mapping[str, Any], form: str, include: Sequence[str]) -> None:
    faults = []
    if form == "csv" and include:
        faults.append(Fault("a table has no room for related records; ask for JSON or NDJSON", parameter="include"))
    parts = [name for name in asked.get("fields") or () if isinstance(reads.plans[name].source, Part)]
    if form == "csv" and parts:
        faults.append(Fault(f"a table has no room for {', '.join(parts)}; ask for JSON or NDJSON", parameter="fields"))
    if form != "json" and asked.get("cursor") is not None:
        faults.append(Fault("CSV and NDJSON hold the whole result; leave the cursor out", parameter="cursor"))
    if form != "json" and asked.get("count"):
        faults.append(Fault("CSV and NDJSON hold the whole result; count its lines", parameter="count"))
    sorts = [key.removeprefix("-") for key in asked.get("sort") or ()]
    if len(set(sorts)) != len(sorts):
        faults.append(Fault("names a key twice", parameter="sort"))
    day_from, day_to = asked.get("date_from"), asked.get("date_to")
    if day_from and day_to and day_from > day_to:
        faults.append(Fault(f"{day_to} lies before date_from, {day_from}", parameter="date_to"))
    if faults:
        raise Invalid(summary(faults), faults=faults)


def validated(model: type[BaseModel], pairs: Iterable[tuple[str, str]], *, commas: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters by name, checked; Invalid lists every fault."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).extend(value.split(",") if name in commas else [value])
    faults = []
    values: dict[str, Any] = {}
    lists = _lists_of(model)
    for name, several in given.items():
        if name in lists or name not in model.model_fields:
            values[name] = several
        elif len(several) > 1:
            faults.append(Fault("may be given once", parameter=name))
        else:
            values[name] = several[0]
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        faults += [
            Fault(_explained(entry, model), parameter=str(entry["loc"][0]))
            for entry in error.errors(include_url=False, include_context=False)
        ]
    if faults:
        raise Invalid(summary(faults), faults=faults)
    return checked.model_dump(mode="json")


def _explained(entry: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The message for an invalid value, with the value if the message lacks it."""
    if entry["type"] == "extra_forbidden":
        return f"there is no such parameter here; there are {', '.join(model.model_fields)}"
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
    """The parameters that take several values."""
    annotations = {name: (field.annotation, *get_args(field.annotation)) for name, field in model.model_fields.items()}
    return frozenset(name for name, each in annotations.items() if any(get_origin(part) is list for part in each))


def _as_text(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(entry) for entry in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _fields(asked: Mapping[str, Any]) -> frozenset[str] | None:
    return frozenset(asked["fields"]) if asked.get("fields") else None


def _include(asked: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(set(asked.get("include") or ())))


def language_parameters(languages: Sequence[str], encode: Encode) -> dict[str, Any]:
    """The languages as the statement's parameters."""
    if not languages:
        return {}
    if len(languages) == 1:
        return {"language": languages[0]}
    return {"languages": encode(languages)}


def asked_languages(lang: str | None, accept_language: str) -> tuple[list[str], str | None]:
    """The languages to look for names in, best first, each with what it generalizes to; and the one first asked for."""
    ranges = [lang] if lang else _ranges(accept_language)
    wanted: dict[str, None] = {}
    for tag in ranges:
        parts = _canonical(tag).split("-")
        for length in range(len(parts), 0, -1):
            wanted.setdefault("-".join(parts[:length]))
    languages = list(wanted)[:MAX_LANGUAGES]
    return languages, languages[0] if languages else None


def _ranges(accept_language: str) -> list[str]:
    """The ranges of an Accept-Language header by preference; what cannot be read is passed over, as RFC 9110 has it."""
    found = []
    for place, part in enumerate(accept_language.split(",")[:MAX_LANGUAGES]):
        match = _RANGE.fullmatch(part) if len(part) <= MAX_RANGE else None
        if match and match[1] != "*" and len(match[1]) <= MAX_LANGUAGE and float(match[2] or 1) > 0:
            found.append((-float(match[2] or 1), place, match[1]))
    return [tag for _, _, tag in sorted(found)]


def _canonical(tag: str) -> str:
    """BCP 47's usual case: language lower, script title, region upper."""
    first, *rest = tag.split("-")
    cased = [part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])


@cached(256_000)
def negotiated_format(accept: str, *, offered: tuple[str, ...]) -> str:
    """The format that an Accept header prefers; NotAcceptable if it takes none of those offered."""
    if not accept or accept == "*/*":
        return offered[0]
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        media, *options = (piece.strip().lower() for piece in part.split(";"))
        wanted[media] = next((_quality(option) for option in options if option.startswith("q=")), 1.0)

    def quality(name: str) -> float:
        """The quality of the most specific range that matches (RFC 9110)."""
        media = FORMATS[name]
        ranges = (media, f"{media.split('/')[0]}/*", "*/*")
        return next((wanted[each] for each in ranges if each in wanted), 0.0)

    best = max(offered, key=quality)
    if quality(best) <= 0:
        media_types = ", ".join(FORMATS[name] for name in offered)
        raise NotAcceptable(f"this address answers with {media_types}; Accept asks for {accept[:SHOWN_OF_A_VALUE]!r}")
    return best


def _quality(option: str) -> float:
    try:
        return float(option.removeprefix("q="))
    except ValueError:
        return 0.0
