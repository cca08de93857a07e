"""Parses the query strings of requests for records and lists. The query parameters are defined by pydantic models."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote_plus, urlencode

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, create_model

from app.db.sql import Encode
from app.db.types import Instant
from app.declaration.filters import JOINED_BY_COMMAS, MAX_VALUES, IdentifierValue, Lang
from app.declaration.filters.values import WHOLE
from app.declaration.model import SCHEME_PATTERN, Naming, Part
from app.declaration.resource import CITED, Resource
from app.domain.languages import LANG_PATTERN
from app.domain.vocabulary import Kind
from app.errors import CursorInvalid, Invalid
from app.faults import Fault, summary
from app.http.negotiation import negotiated, requested_languages
from app.http.parameters import query_pairs, validated, window_fault
from app.http.representations import (
    REPRESENTATIONS,
    OfLists,
    OfRecords,
    Representation,
    WritesPages,
    WritesRecords,
    of_lists,
    of_records,
    of_whole_lists,
)
from app.reading import cursor as cursors
from app.reading.compiler import LINK_PREFIX
from app.reading.extra_columns import CITATION, IDENTIFIERS, NAME, ExtraColumn, column_parameters
from app.reading.names import language_parameters
from app.reading.paging import key_parameters
from app.reading.shapes import FieldPlan, Shape
from app.writing.resemblance import KINDS as RESEMBLING

Form = TypeVar("Form", bound=Representation)
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
"""The most records of a page."""
MAX_WHOLE_LIMIT = 1_000_000
"""The most records that `limit` can ask of a format that writes whole lists. Without `limit`, these are not limited."""
MAX_IDS = 200
MAX_COLUMNS = 20
MAX_COLUMN = 80
"""The maximum number of letters of a value of `columns`."""
MAX_ALTERNATES = 2_000
"""The maximum length of the links to other formats, in bytes. Longer ones are not sent, because many proxies refuse an answer
whose headers have more than 4,000 bytes together."""
DRY_RUN = "`true`: check everything and show the result, and keep nothing"
_OF_ALL_LISTS = {"sort", "include", "fields", "columns", "lang", "limit", "cursor", "count", "format"}


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
        self.arrays = tuple(name for name, plan in self.plans.items() if isinstance(plan.source, Part) and plan.refers)
        """The names of the arrays of references, such as `topics`."""

    @cached_property
    def record(self) -> type[BaseModel]:
        """The query parameters of a request for a single record."""
        fields = {**self._view, "lang": (Lang, None)}
        offered = of_records(self.resource.kind)
        if len(offered) > 1:
            fields["format"] = _format(offered)
        for each in offered:
            fields |= each.parameters
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
        if any(each.is_table for each in of_lists(self.resource.kind)):
            fields["columns"] = self._columns()
        fields["lang"] = (Lang, None)
        fields["limit"] = (
            Annotated[int, Field(ge=1, le=MAX_WHOLE_LIMIT), WHOLE] | None,
            Field(default=None, description=self._limit_described(), examples=[10]),
        )
        fields["cursor"] = (
            Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None,
            Field(
                default=None,
                description="where to go on: `next_cursor` of the page before, with the same filters, sort and language",
            ),
        )
        fields["count"] = (bool, Field(default=False, description="`true`: count all that match, in `page.total`"))
        whole = " and ".join(f"`{each.name}`" for each in of_whole_lists(self.resource.kind))
        fields["format"] = _format(of_lists(self.resource.kind), more=f"{whole} hold the whole result instead of a page; ")
        for each in of_lists(self.resource.kind):
            fields |= each.parameters
        return _query_model(f"{self.resource.title}ListQuery", fields)

    def _columns(self) -> Any:
        """Return the type and the pydantic field of the query parameter `columns`, which adds columns to a table."""
        words = [*self.arrays, *([CITATION] if CITED in self.resource.includes else [])]
        known = [*words, f"{IDENTIFIERS}.SCHEME", f"{NAME}.LANGUAGE"]
        patterns = [*words, rf"{IDENTIFIERS}\.{SCHEME_PATTERN[1:-1]}", rf"{NAME}\.{LANG_PATTERN[1:-1]}"]
        pattern = f"^({'|'.join(patterns)})$"

        def column(value: str) -> str:
            if len(value) > MAX_COLUMN or not re.fullmatch(pattern, value, re.ASCII):
                raise ValueError(f"{value[:MAX_COLUMN]!r} is no column that can be added; there are {', '.join(known)}")
            return value

        several: Any = list[Annotated[str, AfterValidator(column), Field(json_schema_extra={"pattern": pattern})]]
        tables = " and ".join(each.name for each in of_lists(self.resource.kind) if each.is_table)
        first = f"; `{CITATION}`: quote, source and link of its first citation" if CITATION in words else ""
        references = ", ".join(f"`{name}`" for name in self.arrays)
        description = (
            f"columns to add to a table ({tables}): {references}: ids and names, as with `include`; `{NAME}.ru`: the name in"
            f" this language, empty if there is none; `{IDENTIFIERS}.wikidata`: the identifiers of this scheme{first}"
        )
        return (
            several | None,
            Field(
                default=None,
                min_length=1,
                max_length=MAX_COLUMNS,
                description=description,
                examples=[f"{self.arrays[0]},{IDENTIFIERS}.wikidata,{NAME}.ru"],
                json_schema_extra=JOINED_BY_COMMAS,
            ),
        )

    def _limit_described(self) -> str:
        bounded = [f"{each.name} at most {each.most}" for each in of_whole_lists(self.resource.kind) if each.most is not None]
        return (
            f"how many records at the most. A page has {DEFAULT_LIMIT} if nothing is said, and {MAX_LIMIT} at the most;"
            f" formats of whole lists hold all{''.join(f', {each}' for each in bounded)}"
        )

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
    form: OfRecords
    options: Mapping[str, Any]
    """The values of the query parameters that only some representations use."""
    alternates: str = ""
    """The links to the other formats, as the value of a header `Link`; empty if there are none."""
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
    form: OfLists
    options: Mapping[str, Any]
    """The values of the query parameters that only some representations use, such as `csv_safe`."""
    limit: int | None
    """The most records of the answer. It is None only for formats of whole lists."""
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
    alternates: str
    """The links to the other formats, as the value of a header `Link`; empty if there are none."""
    columns: tuple[ExtraColumn, ...]
    """The columns that a table has besides the fields."""
    is_language_chosen: bool
    """Whether the parameter `lang` says the language."""
    added: frozenset[str]
    """The names of those filters that the request does not have, and that the format added."""
    day: date | None
    """The day on which the defaults of the format depend; None if they depend on none."""


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
    pairs = query_pairs(query_string)
    given = validated(query, pairs).model_dump(mode="json")
    resource = models.resource
    offered = of_records(resource.kind)
    if query is not models.record:  # the answer to a write is made at once
        offered = tuple(each for each in offered if isinstance(each, WritesRecords))
    form = _form(given, accept, offered)

    def faults_of(form: OfRecords) -> list[Fault]:
        return [*_refused(given, form), *_of_others(query, given, form, offered)]

    if faults := faults_of(form):
        raise Invalid(summary(faults), faults=faults)
    languages = requested_languages(given.get("lang"), accept_language)
    shape = Shape(
        resource.kind,
        fields=_fields(given),
        include=_include(models, given, form),
        languages=min(len(languages), 2),
        purpose="one",
    )
    return RecordRequest(
        shape,
        {**language_parameters(languages, encode), LINK_PREFIX: prefix},
        next(iter(languages), None),
        form,
        {name: given[name] for each in offered for name in each.parameters if name in given},
        alternates_of(pairs, form, offered, faults_of) if query is models.record else "",
        given.get("dry_run", False),
        given.get("upsert", False),
        given.get("links", False),
        given.get("similar") == "allow",
        given.get("derive", False),
    )


def list_request(
    models: QueryModels, query_string: bytes, accept: str, accept_language: str, prefix: str, today: date, *, encode: Encode
) -> ListRequest:
    """Parse a request for a list of records. `prefix`: as for `record_request`. Raises Invalid, which lists every fault."""
    pairs = query_pairs(query_string)
    resource = models.resource
    given = validated(models.records, pairs).model_dump(mode="json")
    offered = of_lists(resource.kind)
    form = _form(given, accept, offered)
    languages = requested_languages(given.get("lang"), accept_language)
    if faults := _contradictions(models, given, form):
        raise Invalid(summary(faults), faults=faults)
    alternates = alternates_of(pairs, form, offered, lambda other: _contradictions(models, given, other))
    shown = [(name, value) for name, value in pairs if name in resource.filters or name in ("sort", "lang")]
    alternates = with_page(alternates, f"../{resource.plural}", shown)
    defaults, of_yesterday = (form.defaults(resource, given, day) for day in (today, today - timedelta(1)))
    added = {name: value for name, value in defaults.items() if given[name] is None}
    given |= added
    include = _include(models, given, form)
    columns = tuple(ExtraColumn.parsed(each) for each in given.get("columns") or () if each not in models.arrays)
    limit = given["limit"] or (DEFAULT_LIMIT if isinstance(form, WritesPages) else None)
    values = {name: _as_text(given[name]) for name in resource.filters if given.get(name) is not None}
    shapes = tuple((name, resource.filters[name].shape(several)) for name, several in values.items())
    sort = tuple(given.get("sort") or (resource.default_sort,))
    digest = cursors.request_digest(resource.kind, {name: sorted(several) for name, several in values.items()}, sort, languages)
    parameters: dict[str, Any] = {**language_parameters(languages, encode), LINK_PREFIX: prefix}
    parameters |= column_parameters(columns, encode)
    for name, several in values.items():
        parameters |= resource.filters[name].parameters(name, several, encode)
    after = given.get("cursor")
    if after is not None:
        key = cursors.decode(after, digest=digest, length=len(sort) + 1)
        _require_sortable(resource, sort, key)
        parameters |= key_parameters(key)
    return ListRequest(
        Shape(
            resource.kind,
            fields=_fields(given),
            include=include,
            filters=shapes,
            sort=sort,
            columns=tuple(each.holds for each in columns),
            after=after is not None,
            languages=min(len(languages), 2),
        ),
        parameters,
        next(iter(languages), None),
        form,
        {name: given[name] for each in offered for name in each.parameters},
        limit,
        given["count"],
        digest,
        values,
        {name: resource.filters[name].ids(several) for name, several in values.items() if name in models.names},
        "".join(f"{name}={quote_plus(value)}&" for name, value in pairs if name != "cursor"),
        alternates,
        columns,
        given.get("lang") is not None,
        frozenset(added) & resource.filters.keys(),
        today if defaults != of_yesterday else None,
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


def _form(given: Mapping[str, Any], accept: str, offered: Sequence[Form]) -> Form:
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


def _contradictions(models: QueryModels, given: Mapping[str, Any], form: OfLists) -> list[Fault]:
    """Return the faults of parameters that are each valid, and do not go together or not with this format."""
    faults = _refused(given, form)
    if form.is_table and not models.not_in_tables.isdisjoint(_include(models, given, form)):
        offered = of_lists(models.resource.kind)
        others = " or ".join(each.name for each in offered if not each.is_table and "include" not in each.refuses)
        roomy = [name for name in models.resource.includes if name not in models.not_in_tables]
        but = f" but {', '.join(roomy)}" if roomy else ""
        where = "include" if given.get("include") else "fields"
        faults.append(Fault(f"a table has no room for related records{but}; ask for {others}", parameter=where))
    faults += _of_others(models.records, given, form, of_lists(models.resource.kind))
    if not isinstance(form, WritesPages) and given.get("cursor") is not None:
        faults.append(Fault(f"{form.name} holds the whole result; leave the cursor out", parameter="cursor"))
    if not isinstance(form, WritesPages) and given.get("count"):
        faults.append(Fault(f"{form.name} holds the whole result; count its records", parameter="count"))
    if (limit := given.get("limit")) is not None and (fault := _limit_fault(limit, form)):
        faults.append(fault)
    if given.get("columns") and not form.is_table:
        tables = " or ".join(each.name for each in of_lists(models.resource.kind) if each.is_table)
        faults.append(Fault(f"only a table has columns; send format={tables}, or use include", parameter="columns"))
    if len(set(given.get("columns") or ())) != len(given.get("columns") or ()):
        faults.append(Fault("names a column twice", parameter="columns"))
    sorts = [key.removeprefix("-") for key in given.get("sort") or ()]
    if len(set(sorts)) != len(sorts):
        faults.append(Fault("names a key twice", parameter="sort"))
    if fault := window_fault(given.get("date_from"), given.get("date_to")):
        faults.append(fault)
    return faults


def _limit_fault(limit: int, form: OfLists) -> Fault | None:
    """Return the fault of a `limit` that is too high for the format; None if it is not."""
    if isinstance(form, WritesPages) and limit > MAX_LIMIT:
        return Fault(f"a page of {form.name} has at most {MAX_LIMIT} records, not {limit}; follow `next`", parameter="limit")
    if form.most is not None and limit > form.most:
        return Fault(f"{form.name} has at most {form.most} records, not {limit}", parameter="limit")
    return None


def _of_others(
    query: type[BaseModel], given: Mapping[str, Any], form: Representation, offered: Sequence[Representation]
) -> list[Fault]:
    """Return the faults of parameters that only other representations use, and that would be ignored."""
    return [
        Fault(f"only {each.name} has this; send format={each.name}, or leave {name} out", parameter=name)
        for each in offered
        if each is not form
        for name in sorted(each.refused_elsewhere & query.model_fields.keys())
        if name not in form.parameters and given[name] != query.model_fields[name].default
    ]


def _refused(given: Mapping[str, Any], form: Representation) -> list[Fault]:
    """Return the faults of parameters that mean nothing to the format."""
    return [
        Fault(f"{form.name} has a form of its own; leave {name} out", parameter=name)
        for name in sorted(form.refuses)
        if given.get(name) not in (None, False)
    ]


def with_page(alternates: str, page: str, pairs: Sequence[tuple[str, str]] = ()) -> str:
    """Return the links to other formats with one to the page for people, unless that makes too many bytes.

    `page`: the address of the page, relative to that of the request. `pairs`: its parameters.
    """
    query = f"?{urlencode(pairs)}" if pairs else ""
    found = f'<{page}{query}>; rel="alternate"; type="text/html"{", " if alternates else ""}{alternates}'
    return found if len(found) <= MAX_ALTERNATES else alternates


def alternates_of(
    pairs: Sequence[tuple[str, str]],
    form: Representation,
    offered: Sequence[Form],
    faults_of: Callable[[Form], Iterable[Fault]],
) -> str:
    """Return the links to the other formats, as the value of a header `Link`; an empty text if there are none, or too many.

    They are relative to the URL of the request. `pairs`: the parameters of the request. `faults_of`: the faults that they would
    have in a request for another format; the link to that format lacks the parameters at fault.
    """
    links = []
    for other in offered:
        if other is not form:
            dropped = {"format", "cursor", *(fault.parameter for fault in faults_of(other))}
            kept = "".join(f"{name}={quote_plus(value)}&" for name, value in pairs if name not in dropped)
            links.append(f'<?{kept}format={other.name}>; rel="alternate"; type="{other.media_type}"')
    found = ", ".join(links)
    return found if len(found) <= MAX_ALTERNATES else ""


def _as_text(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(entry) for entry in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _fields(given: Mapping[str, Any]) -> frozenset[str] | None:
    return frozenset(given["fields"]) if given.get("fields") else None


def _include(models: QueryModels, given: Mapping[str, Any], form: Representation) -> tuple[str, ...]:
    """Return what to embed: what `include`, `columns` and `fields` name, the format's needs, and what citations belong to."""
    asked = {*(given.get("include") or ()), *form.needs(models.resource)}
    asked |= {each for each in given.get("columns") or () if each in models.arrays}
    asked |= {name.partition(".")[0] for name in asked}
    return tuple(sorted(asked | (set(given.get("fields") or ()) & models.resource.includes.keys())))
