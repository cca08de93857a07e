"""Endpoints that read records and lists, which are the most frequent requests.

These are plain ASGI endpoints, because FastAPI takes more time for a request than the database does (docs/decisions). The
OpenAPI document describes the endpoints from the same declarations that the endpoints use.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from app import __version__
from app.caching import cached
from app.db.driver import Driver, Row, Statement
from app.db.types import Exact
from app.declaration.filters import From, HasIdentifier, Narrowing, To, kinds_of
from app.declaration.model import SCHEME_PATTERN, is_storable
from app.declaration.resource import VERSION_PREFIX, Resource
from app.domain.identifiers import MAX_IDENTIFIER, normal, normal_scheme
from app.domain.vocabulary import Kind
from app.errors import Conflict, Erased, Gone, Invalid, NotFound
from app.faults import Fault, summary
from app.files.listing import Listing
from app.files.tables import TableColumn
from app.http.file_names import disposition, file_name
from app.http.files import Files, Making
from app.http.negotiation import negotiated, requested_languages
from app.http.parameters import query_pairs, validated
from app.http.queries import (
    DEFAULT_LIMIT,
    MAX_IDS,
    AnyManyQuery,
    AnyOneQuery,
    ListRequest,
    QueryModels,
    RecordRequest,
    list_request,
    record_request,
    with_other_ids,
    with_page,
)
from app.http.representations import JSON, Page, WritesFiles, WritesPages, WritesRecords, WritesStreams
from app.http.responses import (
    ALWAYS,
    RequestHeaders,
    base_url,
    language_header,
    link_header,
    moved,
    page_links,
    request_url,
    send_stream,
    send_tagged,
    send_unchanged,
    shown_path,
    tag_from,
)
from app.http.shutdown import Stopping
from app.http.viewing import basis_of
from app.models.records import Record
from app.reading import naming
from app.reading.changes import End, end_of, newest
from app.reading.compiler import Compiler
from app.reading.names import language_parameters, names_of
from app.reading.naming import Meanings
from app.reading.paging import PAGE_LETTERS, PagedRead, read_page
from app.reading.paging import Page as Rows
from app.reading.shapes import Shape

PARSED_BYTES = 3_000_000
"""The size in bytes of each cache of parsed requests.

There are five caches: for reads of single records, for lists, for PUT, for DELETE, and for all other writes.
"""
STATEMENT_BYTES = 8_000_000


class Records:
    """The endpoints that read the records of all resources."""

    def __init__(
        self,
        resources: Iterable[Resource],
        driver: Driver,
        meanings: Meanings,
        stopping: Stopping,
        files: Files,
        *,
        id_host: str,
    ) -> None:
        self._stopping = stopping
        self._id_host = id_host
        self._files = files
        self.resources = {resource.plural: resource for resource in resources}
        self.compiler = Compiler(self.resources.values(), driver.dialect)
        kind_of = {resource.table.name: resource.kind for resource in self.resources.values()}
        self.queries = {
            plural: QueryModels(resource, self.compiler.plans[resource.kind], kind_of)
            for plural, resource in self.resources.items()
        }
        self.driver = driver
        self.meanings = meanings
        self.by_kind = {resource.kind: resource for resource in self.resources.values()}
        self.statement: Callable[[Shape], Statement] = cached(STATEMENT_BYTES)(self.compiler.compile)
        self._any: Callable[..., Statement] = lru_cache(8)(self.compiler.any_kind)
        self._one = self._parsing("record")
        self.for_write = self._parsing("write")
        self.for_post = self._parsing("post")
        self.for_patch = self._parsing("patch")
        self.for_put = self._parsing("put")
        self.for_delete = self._parsing("delete")
        self._many: Callable[[str, bytes, str, str, str], ListRequest] = cached(PARSED_BYTES)(self._parse_list)
        self._newest = self.compiler.to_statement(newest())
        self._names_of: Callable[[int], Statement] = lru_cache(3)(lambda several: self.compiler.to_statement(names_of(several)))
        self._coverages = {
            each.kind: self.compiler.to_statement(_coverage(each, self.by_kind.values()))
            for each in self.by_kind.values()
            if each.covered_by
        }
        self._identifiers = HasIdentifier("")
        self._identified = self.compiler.to_statement(_with_identifier(self._identifiers))

    def _parsing(self, query: str) -> Callable[[str, bytes, str, str, str], RecordRequest]:
        """Return a function that parses requests and caches the results. Its last argument is the path prefix of a proxy.

        `query`: the name of the attribute of `QueryModels` whose model validates the query parameters.
        """

        def parse(plural: str, query_string: bytes, accept: str, language: str, prefix: str) -> RecordRequest:
            models = self.queries[plural]
            return record_request(
                models, getattr(models, query), query_string, accept, language, prefix, encode=self.driver.encode
            )

        return cached(PARSED_BYTES)(parse)

    def _parse_list(self, plural: str, query_string: bytes, accept: str, language: str, prefix: str) -> ListRequest:
        models, today = self.queries[plural], datetime.now(UTC).date()
        return list_request(models, query_string, accept, language, prefix, today, encode=self.driver.encode)

    def resource(self, scope: Scope) -> Resource:
        """Return the resource whose collection is named in the URL's path."""
        return self.resources[scope["path_params"]["plural"]]

    # -- one record ----------------------------------------------------------------------------------------------

    async def read(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}/{id}`."""
        resource = self.resource(scope)
        prefix = shown_path(scope, "")
        wanted = self._one(resource.plural, scope["query_string"], request.accept, request.accept_language, prefix)
        record_id = scope["path_params"]["id"]
        row = await self._by_id(self.statement(wanted.shape), record_id, wanted.parameters)
        if row is None:
            await self._explain_miss(scope, receive, send, record_id, resource)
            return
        text, version, _ = row
        links = with_page(wanted.alternates, f"../../{resource.plural}/{record_id}")
        headers, form = [*language_header(wanted.language), *link_header(links)], wanted.form
        if isinstance(form, WritesRecords):
            body, content_type = form.record(text), form.content_type
            await send_tagged(send, body, request, version=version, headers=headers, content_type=content_type)
            return
        if fault := form.fault(text, wanted.options):
            raise Invalid(fault, faults=[Fault(fault, parameter="format")])
        end = await self._end()
        listing = Listing(
            kind=resource.kind,
            plural=resource.plural,
            record_id=record_id,
            url=request_url(scope),
            collection_url=f"{base_url(scope)}{resource.path}",
            language=wanted.language,
            filters={},
            options=wanted.options,
            columns=(),
            as_of=str(end.position),
            changed_at=end.at,
            id_host=self._id_host,
        )
        tag, is_known = tag_from(f"{__version__} {listing.url} {text}".encode(), request, is_packed=form.is_packed)
        if is_known:
            await send_unchanged(send, [*ALWAYS, tag, *headers])
            return

        async def lines() -> AsyncGenerator[str]:
            yield f"{text}\n"

        if form.suffix is not None:
            headers.append(disposition(f"{record_id}-{version}.{form.suffix}"))
        making = Making(form.job, lines, lambda: listing, form.content_type, form.is_packed)
        await self._files.send(scope, receive, send, request, making, [tag, *headers])

    async def read_any(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/records/{id}`: the record with this id; it may be of any kind."""
        query = validated(AnyOneQuery, query_pairs(scope["query_string"]))
        negotiated(request.accept, JSON)
        languages = requested_languages(query.lang, request.accept_language)
        statement = self._any(min(len(languages), 2), many=False)
        record_id = scope["path_params"]["id"]
        row = await self._by_id(statement, record_id, language_parameters(languages, self.driver.encode))
        if row is None:
            await self._explain_miss(scope, receive, send, record_id, None)
            return
        text, version, _ = row
        headers = [*language_header(*languages[:1]), *link_header(with_page("", f"../../records/{record_id}"))]
        await send_tagged(send, text.encode(), request, version=version, headers=headers)

    async def read_identified(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}/identifier/{scheme}/{identifier}`: a redirect to the record that has the identifier."""
        del request
        resource, (scheme, identifier) = self.resource(scope), identifier_in(scope)
        given = self._identifiers.parameters("identifier", [f"{scheme}:{identifier}"], self.driver.encode)
        rows = await self.driver.fetch(self._identified, {**given, "limit": MAX_IDS})
        ids = [record_id for record_id, kind in rows if kind == resource.kind]
        if not ids:
            raise NotFound(f"no {resource.kind} has the identifier {scheme}:{identifier}")
        if len(ids) > 1:
            raise Conflict(f"several records have the identifier {scheme}:{identifier}: {', '.join(ids)}")
        await moved(scope, resource.path, ids[0])(scope, receive, send)

    async def _by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        if not is_storable(record_id):
            return None
        return await self.driver.by_id(statement, record_id, parameters)

    async def _explain_miss(
        self, scope: Scope, receive: Receive, send: Send, record_id: str, resource: Resource | None
    ) -> None:
        """Answer a request for an id that no record has.

        If the id stands for a record in another way, redirect to the record. Otherwise raise the Problem that explains why
        there is no record.
        """
        found = await self.meanings.of([record_id]) if is_storable(record_id) else {}
        named = found.get(record_id, ())
        meant = naming.meaning(record_id, named, tuple(Kind) if resource is None else (resource.kind,))
        if meant.id is not None:
            path = f"{VERSION_PREFIX}/records" if resource is None else resource.path
            await moved(scope, path, meant.id)(scope, receive, send)
            return
        if meant.is_ambiguous:
            raise Invalid(meant.fault, faults=[Fault(meant.fault)])
        past = [each.way for each in named if each.way.is_past and resource in (None, self.by_kind[each.kind])]
        if past:
            raise (Erased if naming.Way.ERASED in past else Gone)(meant.fault)
        if named and resource is not None and not named[0].way.is_past:
            _, target, kind, _ = named[0]
            where = shown_path(scope, f"{self.by_kind[kind].path}/{target}")
            raise NotFound(f"{record_id!r} is no {resource.kind}; its kind is {kind}: {where}")
        raise NotFound(f"there is no {resource.kind if resource else 'record'} with the id {record_id!r}")

    # -- lists ---------------------------------------------------------------------------------------------------

    async def list_(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}`."""
        resource = self.resource(scope)
        prefix = shown_path(scope, "")
        wanted = self._many(resource.plural, scope["query_string"], request.accept, request.accept_language, prefix)
        form = wanted.form
        if not isinstance(form, WritesPages):
            await self._send_whole(scope, receive, send, request, resource, wanted)
            return
        limit = wanted.limit or DEFAULT_LIMIT
        wanted, (rows, next_cursor) = await self._answerable(resource, wanted, limit=limit)
        total = await self._count(wanted, wanted.shape.filters) if wanted.count else None
        query = f"{wanted.query}cursor={next_cursor}" if next_cursor is not None else None
        links, headers = page_links(scope, query, wanted.alternates)
        gaps = {**await self._undated(resource, wanted), **await self._coverage(resource, wanted)}
        listing = await self._listing(scope, resource, wanted, await self._end(), ()) if form.tells_of_list else None
        page = Page(limit, next_cursor, total, links, gaps, listing)
        body = form.page([row[0] for row in rows], page)
        headers = [*language_header(wanted.language), *headers]
        await send_tagged(send, body, request, headers=headers, content_type=form.content_type)

    async def _count(self, wanted: ListRequest, filters: Sequence[tuple[str, int]], *, purpose: str = "count") -> int:
        """Return how many records these filters of the request match."""
        shape = Shape(wanted.shape.kind, filters=tuple(filters), sort=wanted.shape.sort, purpose=purpose)
        given = {name: value for name, value in wanted.parameters.items() if not name.startswith("key_")}
        ((count,),) = await self.driver.fetch(self.statement(shape), given)
        return int(count)

    async def _undated(self, resource: Resource, wanted: ListRequest) -> dict[str, int | None]:
        """Return how many undated records a window leaves out, as the member `undated` of a page; null without `count`.

        The mapping is empty for lists that have no window.
        """
        if not any(isinstance(each, (From, To)) for each in resource.filters.values()):
            return {}
        others = [each for each in wanted.shape.filters if not isinstance(resource.filters[each[0]], (From, To))]
        if not wanted.count or len(others) == len(wanted.shape.filters):
            return {"undated": None}
        return {"undated": await self._count(wanted, others, purpose="undated")}

    async def _coverage(self, resource: Resource, wanted: ListRequest) -> dict[str, str | None]:
        """Return whether a list of links of one record has all of them, as the member `coverage` of a page.

        The mapping is empty for lists of other kinds of records.
        """
        if resource.covered_by is None:
            return {}
        field, _ = resource.covered_by
        values = wanted.values.get(field, ())
        if len(values) != 1:
            return {"coverage": None}
        rows = await self.driver.fetch(self._coverages[resource.kind], {"id": wanted.parameters[field]})
        return {"coverage": rows[0][0] if rows else None}

    async def _answerable(self, resource: Resource, wanted: ListRequest, *, limit: int) -> tuple[ListRequest, Rows]:
        """Read the first rows of a list, and return them with the request in which each value of a filter is an id.

        The database refers to each record by its id alone. So a single value that stands for a record in another way (see
        `naming`) finds nothing, and a look-up is needed only then. The same is true of several ids that must all match
        (`between`). Of several values of which any may match, each is looked up. Raises Invalid if the first page is empty
        because a value stands for no record.
        """
        several = {name for name in wanted.ids if len(wanted.values[name]) > 1}
        meant = await self._meant(resource, wanted, several) if several else wanted
        page = await self._read(meant.shape, meant).page(self.driver, limit)
        if page.rows or not wanted.ids:
            return meant, page
        again = await self._meant(resource, wanted, wanted.ids.keys(), refuse=not wanted.shape.after)
        if again.parameters == meant.parameters:
            return meant, page
        return again, await self._read(again.shape, again).page(self.driver, limit)

    async def _meant(
        self, resource: Resource, wanted: ListRequest, names: Collection[str], *, refuse: bool = False
    ) -> ListRequest:
        """Return the request with the ids for which the values of these filters stand.

        A value that stands for no record is kept; if `refuse` is true, Invalid is raised instead.
        """
        found = await self.meanings.of([each for name in names for each in wanted.ids[name]])
        others: dict[str, dict[str, str]] = {}
        faults = []
        for name in wanted.ids:
            for value in wanted.ids[name] if name in names else ():
                kinds = self.queries[resource.plural].names[name]
                meant = naming.meaning(value, found[value], kinds)
                if meant.is_ambiguous or (meant.id is None and refuse):
                    faults.append(await self.meanings.fault(name, value, meant, kinds))
                elif meant.id not in (None, value):
                    others.setdefault(name, {})[value] = meant.id
        if faults:
            raise Invalid(summary(faults), faults=faults)
        return with_other_ids(wanted, resource, others, self.driver.encode) if others else wanted

    def _read(self, shape: Shape, wanted: ListRequest) -> PagedRead:
        def statement(*, after: bool) -> Statement:
            return self.statement(shape if shape.after == after else replace(shape, after=after))

        return PagedRead(statement, wanted.parameters, len(shape.sort) + 1, wanted.digest, shape.after)

    async def _end(self) -> End:
        """Return the end of the change log. It is read before the records, so that these are never older than it says."""
        return end_of(await self.driver.fetch(self._newest, {}))

    async def _send_whole(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request: RequestHeaders,
        resource: Resource,
        wanted: ListRequest,
    ) -> None:
        """Send a whole list: a stream, or a file that a worker process makes.

        The entity tag follows from the end of the change log, so a client that has the list already gets 304, and nothing is
        read or made.
        """
        form = wanted.form
        if wanted.day is not None and wanted.day != datetime.now(UTC).date():
            query, languages = scope["query_string"], request.accept_language
            wanted = self._parse_list(resource.plural, query, request.accept, languages, shown_path(scope, ""))
        end = await self._end()
        basis = basis_of(scope, request, end.position, form.content_type, str(wanted.day or ""))
        tag, is_known = tag_from(basis, request, is_packed=isinstance(form, WritesFiles) and form.is_packed)
        headers = [tag, *language_header(wanted.language), *link_header(wanted.alternates)]
        if is_known:
            await send_unchanged(send, [*ALWAYS, *headers])
            return
        if wanted.ids:
            wanted, _ = await self._answerable(resource, wanted, limit=1)
        if form.suffix is not None:
            language = wanted.language if wanted.is_language_chosen else None
            name = file_name(resource.plural, wanted.values, language, end.position.seq, form.suffix)
            headers.append(disposition(name))
        shape = replace(wanted.shape, purpose="table") if form.is_table else wanted.shape
        columns = self.compiler.table(shape, wanted.columns) if form.is_table else []
        listing = await self._listing(scope, resource, wanted, end, columns)
        if form.tells_of_list:
            undated = await self._undated(resource, replace(wanted, count=True))
            listing = listing._replace(undated=undated.get("undated"))
        read = self._read(shape, wanted)
        if isinstance(form, WritesFiles):
            lines = partial(_lines, read, self.driver, wanted)
            making = Making(form.job, lines, lambda: listing, form.content_type, form.is_packed)
            await self._files.send(scope, receive, send, request, making, headers)
            return
        assert isinstance(form, WritesStreams)
        async with aclosing(read.pages(self.driver, wanted.limit)) as pages:
            chunks = form.stream(pages, columns, wanted.options, listing.collection_url)
            content_type = form.content_type
            await send_stream(scope, receive, send, chunks, request, self._stopping, content_type=content_type, headers=headers)

    async def _listing(
        self, scope: Scope, resource: Resource, wanted: ListRequest, end: End, columns: Sequence[TableColumn]
    ) -> Listing:
        """Return what the writer of a list is told besides the records."""
        return Listing(
            kind=resource.kind,
            plural=resource.plural,
            record_id=None,
            url=request_url(scope),
            collection_url=f"{base_url(scope)}{resource.path}",
            language=wanted.language,
            filters=wanted.values,
            options=wanted.options,
            columns=tuple(columns),
            as_of=str(end.position),
            changed_at=end.at,
            id_host=self._id_host,
            added=wanted.added,
            names=await self._names(resource, wanted) if wanted.form.tells_of_list else {},
        )

    async def _names(self, resource: Resource, wanted: ListRequest) -> dict[str, str]:
        """Return, by value of a filter, the name of the record that it stands for, in the language asked for."""
        if not wanted.ids:
            return {}
        found = await self.meanings.of([value for several in wanted.ids.values() for value in several])
        kinds = self.queries[resource.plural].names
        meant = {
            value: naming.meaning(value, found[value], kinds[name]).id
            for name, several in wanted.ids.items()
            for value in several
        }
        ids = self.driver.encode([record_id for record_id in meant.values() if record_id is not None])
        languages = {name: value for name, value in wanted.parameters.items() if name in ("language", "languages")}
        rows = await self.driver.fetch(self._names_of(wanted.shape.languages), {"ids": ids, **languages})
        named: dict[str, str] = dict(rows)
        return {value: named[record_id] for value, record_id in meant.items() if record_id in named}

    async def list_any(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/records?ids=a,b`: the records with these ids, in the order of `ids`; they may be of different kinds.

        `GET /v1/records?identifier=…`: the records with these identifiers, in the order of their ids.
        """
        query = validated(AnyManyQuery, query_pairs(scope["query_string"]))
        negotiated(request.accept, JSON)
        languages = requested_languages(query.lang, request.accept_language)
        ids = list(dict.fromkeys(query.ids or ()))
        if bool(ids) == bool(query.identifier):
            fault = Fault("write either `ids` or `identifier`: ids=BY,sco or identifier=wikidata:Q184", parameter="ids")
            raise Invalid(str(fault), faults=[fault])
        if query.identifier:
            given = self._identifiers.parameters("identifier", query.identifier, self.driver.encode)
            ids = [each for each, _ in await self.driver.fetch(self._identified, {**given, "limit": MAX_IDS})]
        found = await self._records_by_id(ids, languages, "identifier" if query.identifier else "ids")
        others = {each: each for each in ids}
        if missed := [each for each in ids if each not in found]:
            named = await self.meanings.of(missed)
            meant = {each: naming.meaning(each, named[each], tuple(Kind)).id for each in missed}
            others |= {each: other for each, other in meant.items() if other is not None}
            found |= await self._records_by_id(list({*others.values()} - found.keys()), languages, "ids")
        missing = json.dumps([each for each in ids if others[each] not in found], ensure_ascii=False)
        data = ",".join(found[each] for each in dict.fromkeys(others[each] for each in ids) if each in found)
        headers = language_header(*languages[:1])
        await send_tagged(send, f'{{"data":[{data}],"missing":{missing}}}'.encode(), request, headers=headers)

    async def _records_by_id(self, ids: Sequence[str], languages: Sequence[str], parameter: str) -> dict[str, str]:
        """Return the JSON of the records with these ids, by id. Raises Invalid if it is too long for one answer."""
        if not ids:
            return {}
        parameters = {"ids": self.driver.encode(ids), **language_parameters(languages, self.driver.encode)}
        rows, beyond = await read_page(self.driver, self._any(min(len(languages), 2), many=True), parameters, len(ids))
        if beyond is not None:
            detail = f"these records have more than {PAGE_LETTERS} letters together; ask for fewer at once"
            raise Invalid(detail, faults=[Fault(detail, parameter=parameter)])
        return {row[1]: row[0] for row in rows}


async def _lines(read: PagedRead, driver: Driver, wanted: ListRequest) -> AsyncGenerator[str]:
    """Yield the lines of a list for a job: a line for each record.

    If the list is too long for the format, Invalid is raised, or the line after the last one is the end of a list that is cut.
    """
    most, count = wanted.form.most, 0
    beyond = None if most is None or wanted.limit is not None else most + 1
    async with aclosing(read.pages(driver, wanted.limit or beyond)) as pages:
        async for rows in pages:
            count += len(rows)
            if most is not None and count > most and not wanted.form.cuts:
                fault = Fault(
                    f"{wanted.form.name} has at most {most} records; narrow the list, or send a limit", parameter="format"
                )
                raise Invalid(str(fault), faults=[fault])
            if wanted.form.is_table:
                yield "".join(f"{to_json(row).decode()}\n" for row in rows)
            else:
                yield "".join(f"{row[0]}\n" for row in rows)


def _coverage(resource: Resource, resources: Iterable[Resource]) -> sa.CompoundSelect[Any]:
    """Return the query for the coverage that the record with the parameter `id` states about its links of this kind."""
    assert resource.covered_by is not None
    field, stated = resource.covered_by
    targets = kinds_of(resource.reference(field).column, {each.table.name: each.kind for each in resources})
    tables = [each.table for each in resources if each.kind in targets and stated in each.table.c]
    return sa.union_all(*(sa.select(table.c[stated]).where(table.c.id == sa.bindparam("id", type_=Exact)) for table in tables))


def _with_identifier(identifiers: HasIdentifier) -> sa.Select[Any]:
    """Return the query for the ids of the records that have one of the identifiers in the parameters of the filter."""
    table: sa.Table = Record.__table__
    narrowing = Narrowing(table.alias("t"), table, table)
    identifiers.narrow("identifier", 1, narrowing)
    rows = narrowing.table.c
    found = sa.select(rows.id, rows.kind).where(*narrowing.conditions)
    return found.order_by(rows.id).limit(sa.bindparam("limit", type_=sa.Integer))


def identifier_in(scope: Scope) -> tuple[str, str]:
    """Return the scheme and the identifier in the path of a request, in normal form. Raises NotFound if there can be none."""
    scheme, identifier = normal_scheme(scope["path_params"]["scheme"]), scope["path_params"]["identifier"]
    found = scheme, normal(scheme, identifier)
    is_valid = re.fullmatch(SCHEME_PATTERN, scheme) and found[1] and len(identifier) <= MAX_IDENTIFIER
    if not is_valid or not is_storable(identifier):
        example = shown_path(scope, "/v1/organizations/identifier/ror/…")
        raise NotFound(f"an identifier has a scheme of small letters, digits and hyphens: {example}")
    return found
