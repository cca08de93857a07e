"""Parses the query strings of requests for records and lists. The query parameters are defined by pydantic models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote_plus

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from app.db.sql import Encode
from app.db.types import Instant
from app.declaration.filters import JOINED_BY_COMMAS, MAX_VALUES, IdentifierValue, Lang
from app.declaration.filters.values import WHOLE
from app.declaration.model import Naming, Part
from app.declaration.resource import CITED, Resource
from app.domain.vocabulary import Kind
from app.errors import CursorInvalid, Invalid
from app.faults import Fault, summary
from app.http.negotiation import negotiated, requested_languages
from app.http.parameters import query_pairs, validated, window_fault
from app.http.representations import (
    REPRESENTATIONS,
    Representation,
    WritesPages,
    WritesRecords,
    WritesStreams,
    of_lists,
    of_records,
    of_streams,
)
from app.reading import cursor as cursors
from app.reading.compiler import LINK_PREFIX
from app.reading.names import language_parameters
from app.reading.paging import key_parameters
from app.reading.shapes import FieldPlan, Shape
from app.writing.resemblance import KINDS as RESEMBLING

Form = TypeVar("Form", bound=Representation)
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_IDS = 200
DRY_RUN = "`true`: check everything and show the result, and keep nothing"
_OF_ALL_LISTS = {"sort", "include", "fields", "lang", "limit", "cursor", "count", "format"}


def _joined_by_commas(words: Sequence[str], description: str, example: str) -> Any:
    """Return the type and the pydantic field of a query parameter whose values are some of `words`.

    A client joins several values by commas, or repeats the parameter.
    """
    several: Any = list[Literal[tuple(words)]]  # type: ignore[misc]
    return (
        several | None,
        Field(
            default=None,
            min_length=1,
            max_length=MAX_VALUES,
            description=description,
            examples=[example],
            json_schema_extra=JOINED_BY_COMMAS,
        ),
    )


_OWN_FIELDS_FROM = 5
"""The index of the first field that belongs to the resource itself.

The fields before it are those of every record: id, kind, version, created_at, updated_at.
"""


class AnyOneQuery(BaseModel):
    """The query parameters of a request that reads a single record without naming its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    lang: Lang


class AnyManyQuery(AnyOneQuery):
    """The query parameters of a request that reads several records without naming their kinds."""

    ids: Annotated[
        list[Naming] | None,
        Field(
            default=None,
            min_length=1,
            max_length=MAX_IDS,
            description=f"the records' ids, at most {MAX_IDS}; a former id or a code of a country does, too",
            examples=["BY,sco,pavel-tkach"],
            json_schema_extra=JOINED_BY_COMMAS,
        ),
    ]
    identifier: Annotated[
        list[IdentifierValue] | None,
        Field(
            default=None,
            min_length=1,
            max_length=MAX_VALUES,
            description="what has this identifier: `scheme:identifier`, or the identifier alone; in place of `ids`",
            examples=["un-symbol:A/RES/70/125"],
        ),
    ]


class QueryModels:
    """The query parameters of a resource's endpoints, as pydantic models.

    The models are made from the resource's declaration. `kind_of`: by name of a table, the kind whose records it holds.
    """

    def __init__(self, resource: Resource, plans: Iterable[FieldPlan], kind_of: Mapping[str, Kind]) -> None:
        self.resource = resource
        self.plans = {plan.name: plan for plan in plans}
        named = {name: entry.names(resource.table, kind_of) for name, entry in resource.filters.items()}
        self.names: Mapping[str, tuple[Kind, ...]] = {name: kinds for name, kinds in named.items() if kinds}
        """By filter whose values are ids: the kinds of the records that may be meant."""
        self.not_in_tables = frozenset(name for name, entry in resource.includes.items() if not entry.columns)
        """The names of the includes that a table has no columns for."""

    @cached_property
    def record(self) -> type[BaseModel]:
        """The query parameters of a request for a single record."""
        fields = {**self._view, "lang": (Lang, None)}
        if len(of_records()) > 1:
            fields["format"] = _format(of_records())
        return _query_model(f"{self.resource.title}Query", fields)

    @cached_property
    def write(self) -> type[BaseModel]:
        """The query parameters of a write: how the response shows the record, and whether it is a dry run."""
        fields = {**self._view, "lang": (Lang, None), "dry_run": (bool, Field(default=False, description=DRY_RUN))}
        return _query_model(f"{self.resource.title}WriteQuery", fields)

    @cached_property
    def post(self) -> type[BaseModel]:
        """The query parameters of a POST request that creates a record: those of a PATCH, and `similar`."""
        if self.resource.kind not in RESEMBLING:
            return self.patch
        description = "`allow`: create it even if there is one with the same address, digest, or series and ordinal"
        fields = {"similar": (Literal["refuse", "allow"], Field(default="refuse", description=description))}
        return create_model(f"{self.resource.title}PostQuery", __base__=self.patch, **fields)  # type: ignore[no-any-return, call-overload]

    @cached_property
    def patch(self) -> type[BaseModel]:
        """The query parameters of a PATCH request: the parameters of every write, and `derive`."""
        description = "`true`: fill empty fields that follow from other records; the answer names them in `derived`"
        fields = {"derive": (bool, Field(default=False, description=description))}
        return create_model(f"{self.resource.title}PatchQuery", __base__=self.write, **fields)  # type: ignore[no-any-return, call-overload]

    @cached_property
    def put(self) -> type[BaseModel]:
        """The query parameters of a PUT request: the parameters of every write, and `upsert`."""
        description = "`true`: replace the record on purpose, without `If-Match`"
        fields = {"upsert": (bool, Field(default=False, description=description))}
        return create_model(f"{self.resource.title}PutQuery", __base__=self.write, **fields)  # type: ignore[no-any-return, call-overload]

    @cached_property
    def delete(self) -> type[BaseModel]:
        """The query parameters of a DELETE request: the parameters of every write, and `links`."""
        description = "`true`: delete the records that only link it, too, such as the participants of a meeting"
        fields = {"links": (bool, Field(default=False, description=description))}
        return create_model(f"{self.resource.title}DeleteQuery", __base__=self.write, **fields)  # type: ignore[no-any-return, call-overload]

    @cached_property
    def records(self) -> type[BaseModel]:
        """The query parameters of the resource's list.

        Raises TypeError if a filter has the name of a parameter that all lists have.
        """
        fields: dict[str, Any] = {}
        of_all = {*_OF_ALL_LISTS, *(name for each in REPRESENTATIONS for name in each.parameters)}
        if taken := of_all & set(self.resource.filters):
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
            Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE],
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
        streamed = " and ".join(f"`{each.name}`" for each in of_streams())
        fields["format"] = _format(of_lists(), more=f"{streamed} stream the whole result, in pages of their own; ")
        for each in REPRESENTATIONS:
            fields |= each.parameters
        return _query_model(f"{self.resource.title}ListQuery", fields)

    @cached_property
    def _view(self) -> dict[str, Any]:
        """The query parameters `include` and `fields`. They select which related records and which fields a response shows."""
        parts = [name for name, plan in self.plans.items() if isinstance(plan.source, Part)]
        cited = [f"{name}.{CITED}" for name in self.resource.includes if name != CITED]
        includes = [*self.resource.includes, *cited, *parts]
        in_tables = [f"`{name}`" for name in self.resource.includes if name not in self.not_in_tables]
        also = "".join(f", and {name}" for name in in_tables)
        with_theirs = f". `{cited[0]}` embeds them with their citations" if cited else ""
        telling = "name" if "name" in self.plans else list(self.plans)[_OWN_FIELDS_FROM]
        return {
            "include": _joined_by_commas(
                includes,
                f"related records to embed, at most 200 each; past that `…_more` leads to all of them{with_theirs}. Also the"
                f" record's own arrays, such as `topics`, which a list does not show unasked. CSV takes only these{also}",
                includes[0],
            ),
            "fields": _joined_by_commas(
                [*self.plans, *self.resource.includes],
                "only these fields; `id` always comes along. The answer then lacks other fields that its schema requires",
                telling,
            ),
        }


def _format(offered: Sequence[Representation], more: str = "") -> Any:
    """Return the query parameter `format`, whose values are the names of the offered representations."""
    names = tuple(each.name for each in offered)
    description = f"{more}goes before `Accept`"
    return Literal[names] | None, Field(default=None, description=description, examples=[names[0]])


def _query_model(name: str, fields: Mapping[str, Any]) -> type[BaseModel]:
    model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    return model


@dataclass(frozen=True)
class RecordRequest:
    """A parsed request whose response shows a single record: a read or a write."""

    shape: Shape
    parameters: Mapping[str, Any]
    language: str | None
    form: WritesRecords
    dry_run: bool = False
    upsert: bool = False
    links: bool = False
    allows_similar: bool = False
    derives: bool = False


@dataclass(frozen=True)
class ListRequest:
    """A request for a list of records, parsed and validated."""

    shape: Shape
    parameters: Mapping[str, Any]
    language: str | None
    form: WritesPages | WritesStreams
    options: Mapping[str, Any]
    """The values of the query parameters that only some representations use, such as `csv_safe`."""
    limit: int
    count: bool
    digest: str
    values: Mapping[str, Sequence[str]]
    """The values of the filters, as texts."""
    ids: Mapping[str, Sequence[str]]
    """By filter whose values are ids: these ids."""
    query: str
    """The query string without the parameter `cursor`.

    The link to the next page is made of this text and the cursor of that page.
    """


def record_request(
    models: QueryModels,
    query: type[BaseModel],
    query_string: bytes,
    accept: str,
    accept_language: str,
    prefix: str,
    *,
    encode: Encode,
) -> RecordRequest:
    """Parse a request whose response shows a single record. `query`: the pydantic model of the query parameters.

    `prefix`: what stands before the path of each link that the response contains. Raises Invalid, which lists every fault.
    """
    given = validated(query, query_pairs(query_string)).model_dump(mode="json")
    form = _form(given, accept, of_records())
    languages = requested_languages(given.get("lang"), accept_language)
    shape = Shape(
        models.resource.kind,
        fields=_fields(given),
        include=_include(models, given),
        languages=min(len(languages), 2),
        purpose="one",
    )
    return RecordRequest(
        shape,
        {**language_parameters(languages, encode), LINK_PREFIX: prefix},
        next(iter(languages), None),
        form,
        given.get("dry_run", False),
        given.get("upsert", False),
        given.get("links", False),
        given.get("similar") == "allow",
        given.get("derive", False),
    )


def list_request(
    models: QueryModels, query_string: bytes, accept: str, accept_language: str, prefix: str, *, encode: Encode
) -> ListRequest:
    """Parse a request for a list of records. `prefix`: as for `record_request`. Raises Invalid, which lists every fault."""
    pairs = query_pairs(query_string)
    resource = models.resource
    given = validated(models.records, pairs).model_dump(mode="json")
    form = _form(given, accept, of_lists())
    languages = requested_languages(given.get("lang"), accept_language)
    include = _include(models, given)
    _refuse_contradictions(models, given, form, include)
    values = {name: _as_text(given[name]) for name in resource.filters if given.get(name) is not None}
    shapes = tuple((name, resource.filters[name].shape(several)) for name, several in values.items())
    sort = tuple(given.get("sort") or (resource.default_sort,))
    digest = cursors.request_digest(resource.kind, {name: sorted(several) for name, several in values.items()}, sort, languages)
    parameters: dict[str, Any] = {**language_parameters(languages, encode), LINK_PREFIX: prefix}
    for name, several in values.items():
        parameters |= resource.filters[name].parameters(name, several, encode)
    after = given.get("cursor")
    if after is not None:
        key = cursors.decode(after, digest=digest, length=len(sort) + 1)
        _require_sortable(resource, sort, key)
        parameters |= key_parameters(key)
    return ListRequest(
        Shape(resource.kind, _fields(given), include, shapes, sort, after is not None, min(len(languages), 2)),
        parameters,
        next(iter(languages), None),
        form,
        {name: given[name] for each in REPRESENTATIONS for name in each.parameters},
        given["limit"],
        given["count"],
        digest,
        values,
        {name: resource.filters[name].ids(several) for name, several in values.items() if name in models.names},
        "".join(f"{name}={quote_plus(value)}&" for name, value in pairs if name != "cursor"),
    )


def with_other_ids(
    wanted: ListRequest, resource: Resource, ids: Mapping[str, Mapping[str, str]], encode: Encode
) -> ListRequest:
    """Return the request with other ids in its filters. `ids`: by filter, the new id for each id to replace.

    Raises Invalid if two ids of a filter such as `between` become the same.
    """
    parameters, shapes = dict(wanted.parameters), dict(wanted.shape.filters)
    for name, others in ids.items():
        try:
            several = resource.filters[name].renamed(wanted.values[name], others)
        except ValueError as error:
            raise Invalid(str(error), faults=[Fault(str(error), parameter=name)]) from None
        parameters |= resource.filters[name].parameters(name, several, encode)
        shapes[name] = resource.filters[name].shape(several)
    return replace(wanted, parameters=parameters, shape=replace(wanted.shape, filters=tuple(shapes.items())))


def _form(given: Mapping[str, Any], accept: str, offered: tuple[Form, ...]) -> Form:
    """Return the representation that the parameter `format` names. Without `format`, return the one that `accept` prefers."""
    name = given.get("format") or negotiated(accept, *offered).name
    return next(each for each in offered if each.name == name)


def _require_sortable(resource: Resource, sort: Sequence[str], key: Sequence[str]) -> None:
    """Raise CursorInvalid if a part of the cursor's key is not a possible value of the sort column to which it belongs."""
    for name, part in zip(sort, key, strict=False):
        kind = resource.sorts[name.removeprefix("-")].ascending.type
        try:
            if isinstance(kind, Instant):
                datetime.fromisoformat(part)
            elif isinstance(kind, sa.Integer):
                int(part)
        except ValueError:
            raise CursorInvalid(cursors.NOT_OURS) from None


def _refuse_contradictions(models: QueryModels, given: Mapping[str, Any], form: Representation, include: Sequence[str]) -> None:
    faults = []
    if form.is_table and not set(include).isdisjoint(models.not_in_tables):
        others = " or ".join(each.name for each in of_lists() if not each.is_table)
        roomy = [name for name in models.resource.includes if name not in models.not_in_tables]
        but = f" but {', '.join(roomy)}" if roomy else ""
        faults.append(Fault(f"a table has no room for related records{but}; ask for {others}", parameter="include"))
    faults += [
        Fault(f"only {each.name} has this; send format={each.name}, or leave {name} out", parameter=name)
        for each in REPRESENTATIONS
        if each is not form
        for name in sorted(each.refused_elsewhere)
        if given[name]
    ]
    if not isinstance(form, WritesPages) and given.get("cursor") is not None:
        faults.append(Fault(f"{form.name} holds the whole result; leave the cursor out", parameter="cursor"))
    if not isinstance(form, WritesPages) and given.get("count"):
        faults.append(Fault(f"{form.name} holds the whole result; count its records", parameter="count"))
    sorts = [key.removeprefix("-") for key in given.get("sort") or ()]
    if len(set(sorts)) != len(sorts):
        faults.append(Fault("names a key twice", parameter="sort"))
    if fault := window_fault(given.get("date_from"), given.get("date_to")):
        faults.append(fault)
    if faults:
        raise Invalid(summary(faults), faults=faults)


def _as_text(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(entry) for entry in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _fields(given: Mapping[str, Any]) -> frozenset[str] | None:
    return frozenset(given["fields"]) if given.get("fields") else None


def _include(models: QueryModels, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to embed: what `include` names, with what its citations belong to, and related records named by `fields`."""
    asked = set(given.get("include") or ())
    asked |= {name.partition(".")[0] for name in asked}
    return tuple(sorted(asked | (set(given.get("fields") or ()) & models.resource.includes.keys())))
