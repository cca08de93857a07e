"""Endpoints that read records and lists, which are the most frequent requests.

These are plain ASGI endpoints, because FastAPI takes more time for a request than the database does (docs/decisions). The
OpenAPI document describes the endpoints from the same declarations that the endpoints use.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from starlette.types import Receive, Scope, Send

from app.caching import cached
from app.db.driver import Driver, Row, Statement
from app.db.sql import literal
from app.declaration.model import is_storable
from app.declaration.resource import VERSION_PREFIX, Resource
from app.domain.vocabulary import Kind
from app.errors import Gone, Invalid, NotFound
from app.faults import Fault
from app.http.negotiation import negotiated, requested_languages
from app.http.parameters import query_pairs, validated
from app.http.queries import AnyManyQuery, AnyOneQuery, ListRequest, QueryModels, RecordRequest, list_request, record_request
from app.http.representations import JSON, Page, WritesStreams
from app.http.responses import RequestHeaders, language_header, moved, page_links, send_stream, send_tagged
from app.http.shutdown import Stopping
from app.models.records import Change, Record, Redirect
from app.reading.compiler import Compiler
from app.reading.names import language_parameters
from app.reading.paging import PAGE_LETTERS, PagedRead, read_page
from app.reading.shapes import Shape

PARSED_BYTES = 3_000_000
"""The size in bytes of each cache of parsed requests.

There are four caches: for reads of single records, for lists, for PUT, and for all other writes.
"""
STATEMENT_BYTES = 8_000_000


class Records:
    """The endpoints that read the records of all resources."""

    def __init__(self, resources: Iterable[Resource], driver: Driver, stopping: Stopping) -> None:
        self._stopping = stopping
        self.resources = {resource.plural: resource for resource in resources}
        self.compiler = Compiler(self.resources.values(), driver.dialect)
        self.queries = {
            resource.plural: QueryModels(resource, self.compiler.plans[resource.kind]) for resource in self.resources.values()
        }
        self.driver = driver
        self.paths = {resource.kind: resource.path for resource in self.resources.values()}
        self.statement: Callable[[Shape], Statement] = cached(STATEMENT_BYTES)(self.compiler.compile)
        self._any: Callable[..., Statement] = lru_cache(8)(self.compiler.any_kind)
        self._one = self._parsing("record")
        self.for_write = self._parsing("write")
        self.for_put = self._parsing("put")
        self._many: Callable[[str, bytes, str, str], ListRequest] = cached(PARSED_BYTES)(self._parse_list)
        self._miss = self.compiler.to_statement(_missing(self.resources.values()))

    def _parsing(self, query: str) -> Callable[[str, bytes, str, str], RecordRequest]:
        """Return a function that parses requests and caches the results.

        `query`: the name of the attribute of `QueryModels` whose model validates the query parameters.
        """

        def parse(plural: str, query_string: bytes, accept: str, language: str) -> RecordRequest:
            models = self.queries[plural]
            return record_request(models, getattr(models, query), query_string, accept, language, encode=self.driver.encode)

        return cached(PARSED_BYTES)(parse)

    def _parse_list(self, plural: str, query_string: bytes, accept: str, language: str) -> ListRequest:
        return list_request(self.queries[plural], query_string, accept, language, encode=self.driver.encode)

    def resource(self, scope: Scope) -> Resource:
        """Return the resource whose collection is named in the URL's path."""
        return self.resources[scope["path_params"]["plural"]]

    # -- one record ----------------------------------------------------------------------------------------------

    async def read(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}/{id}`."""
        resource = self.resource(scope)
        wanted = self._one(resource.plural, scope["query_string"], request.accept, request.accept_language)
        record_id = scope["path_params"]["id"]
        row = await self._by_id(self.statement(wanted.shape), record_id, wanted.parameters)
        if row is None:
            await self._explain_miss(scope, receive, send, record_id, resource)
            return
        text, version, _ = row
        headers, form = language_header(wanted.language), wanted.form
        await send_tagged(send, form.record(text), request, version=version, headers=headers, content_type=form.content_type)

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
        await send_tagged(send, text.encode(), request, version=version, headers=language_header(*languages[:1]))

    async def _by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        if not is_storable(record_id):
            return None
        return await self.driver.by_id(statement, record_id, parameters)

    async def _explain_miss(
        self, scope: Scope, receive: Receive, send: Send, record_id: str, resource: Resource | None
    ) -> None:
        """Answer a request for an id that no record has.

        If the id is a former id of a record, another spelling of its id, or an alternative key (a unique key besides the id),
        redirect to the record. Otherwise raise the Problem that explains why there is no record.
        """
        rows: list[Row] = []
        if is_storable(record_id):
            same = {"id": record_id, "lower": record_id.lower(), "upper": record_id.upper()}
            rows = await self.driver.fetch(self._miss, same)
        for what, target, kind in rows:
            if what == "leads" and target != record_id and (resource is None or kind == resource.kind):
                path = f"{VERSION_PREFIX}/records" if resource is None else resource.path
                await moved(scope, path, target)(scope, receive, send)
                return
            if what == "gone" and (resource is None or kind == resource.kind):
                raise Gone(f"the {kind} {record_id!r} was deleted")
            if what == "leads" and resource is not None:
                raise NotFound(f"{record_id!r} is no {resource.kind}; its kind is {kind}: {self.paths[Kind(kind)]}/{target}")
        raise NotFound(f"there is no {resource.kind if resource else 'record'} with the id {record_id!r}")

    # -- lists ---------------------------------------------------------------------------------------------------

    async def list_(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}`."""
        resource = self.resource(scope)
        wanted = self._many(resource.plural, scope["query_string"], request.accept, request.accept_language)
        form = wanted.form
        if isinstance(form, WritesStreams):
            await self._stream(scope, receive, send, request, wanted, form)
            return
        rows, next_cursor = await self._read(wanted.shape, wanted).page(self.driver, wanted.limit)
        total = None
        if wanted.count:
            shape = Shape(resource.kind, filters=wanted.shape.filters, sort=wanted.shape.sort, purpose="count")
            counted = {name: value for name, value in wanted.parameters.items() if not name.startswith("key_")}
            total = (await self.driver.fetch(self.statement(shape), counted))[0][0]
        links, headers = page_links(scope, f"{wanted.query}cursor={next_cursor}" if next_cursor is not None else None)
        body = form.page([row[0] for row in rows], Page(wanted.limit, next_cursor, total, links))
        headers = [*language_header(wanted.language), *headers]
        await send_tagged(send, body, request, headers=headers, content_type=form.content_type)

    def _read(self, shape: Shape, wanted: ListRequest) -> PagedRead:
        def statement(*, after: bool) -> Statement:
            return self.statement(shape if shape.after == after else replace(shape, after=after))

        return PagedRead(statement, wanted.parameters, len(shape.sort) + 1, wanted.digest, shape.after)

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, request: RequestHeaders, wanted: ListRequest, form: WritesStreams
    ) -> None:
        headers = language_header(wanted.language)
        if form.suffix is not None:
            name = f"{self.resource(scope).plural}.{form.suffix}"
            headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
        shape = replace(wanted.shape, purpose="table") if form.is_table else wanted.shape
        columns = self.compiler.table(shape) if form.is_table else []
        async with aclosing(self._read(shape, wanted).pages(self.driver)) as pages:
            chunks = form.stream(pages, columns, wanted.options)
            await send_stream(
                scope, receive, send, chunks, request, self._stopping, content_type=form.content_type, headers=headers
            )

    async def list_any(self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        """`GET /v1/records?ids=a,b`: the records with these ids, in the order of `ids`; they may be of different kinds."""
        query = validated(AnyManyQuery, query_pairs(scope["query_string"]))
        negotiated(request.accept, JSON)
        ids = list(dict.fromkeys(query.ids))
        languages = requested_languages(query.lang, request.accept_language)
        parameters = {"ids": self.driver.encode(ids), **language_parameters(languages, self.driver.encode)}
        rows, beyond = await read_page(self.driver, self._any(min(len(languages), 2), many=True), parameters, len(ids))
        if beyond is not None:
            fault = Fault(
                f"these records have more than {PAGE_LETTERS} letters together; ask for fewer at once", parameter="ids"
            )
            raise Invalid(str(fault), faults=[fault])
        found = {row[1]: row[0] for row in rows}
        missing = json.dumps([record_id for record_id in ids if record_id not in found], ensure_ascii=False)
        data = ",".join(found[record_id] for record_id in ids if record_id in found)
        headers = language_header(*languages[:1])
        await send_tagged(send, f'{{"data":[{data}],"missing":{missing}}}'.encode(), request, headers=headers)


def _missing(resources: Iterable[Resource]) -> sa.CompoundSelect[Any]:
    """Return the query that explains why no record has the requested id. Its rows are (what, id, kind).

    If `what` is `leads`, the requested id is a former id, another spelling of the id, or an alternative key (a unique key
    besides the id) of an existing record; `id` and `kind` are those of this record. If `what` is `gone`, a record with the
    requested id was deleted.
    """
    records, redirects, changes = Record.__table__, Redirect.__table__, Change.__table__
    given, lower, upper = (sa.bindparam(name, type_=records.c.id.type) for name in ("id", "lower", "upper"))
    leads, gone = literal("leads"), literal("gone")
    led = sa.select(redirects.c.new_id).where(redirects.c.old_id == given).cte("led", recursive=True)
    led = led.union(sa.select(redirects.c.new_id).join(led, led.c.new_id == redirects.c.old_id))
    selects: list[sa.Select[Any]] = [
        sa.select(leads, records.c.id, records.c.kind).join(led, led.c.new_id == records.c.id),
        sa.select(leads, records.c.id, records.c.kind).where(records.c.id.in_([given, lower, upper])),
    ]
    selects += [
        sa.select(leads, resource.table.c.id, literal(resource.kind)).where(resource.table.c[key] == upper)
        for resource in resources
        for key in resource.alternative_keys
    ]
    last = sa.select(sa.func.max(changes.c.seq)).where(changes.c.record_id == given).scalar_subquery()
    selects.append(sa.select(gone, changes.c.record_id, changes.c.kind).where(changes.c.seq == last, changes.c.state.is_(None)))
    return sa.union_all(*selects)
