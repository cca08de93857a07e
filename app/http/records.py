"""The hot path: records and lists, from the address to the answer in one small place.

These are plain ASGI endpoints: FastAPI's own handling of a request costs more than the database's. The OpenAPI document
describes them from the same declarations that they read.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from app.caching import cached
from app.db.drivers import Driver, Row, Statement
from app.db.sql import literal
from app.declaration.model import is_storable
from app.declaration.resource import VERSION_PREFIX, Resource
from app.domain.vocabulary import Kind
from app.errors import Fault, Gone, Invalid, NotFound
from app.http.responses import (
    PAGE_LETTERS,
    Asked,
    base_url,
    language_header,
    moved,
    send_stream,
    send_tagged,
    within_a_page,
)
from app.http.shutdown import Stopping
from app.models.records import Change, Record, Redirect
from app.reading import cursor as cursors
from app.reading import formats
from app.reading.compiler import Compiler, Shape
from app.reading.request import (
    FORMATS,
    AnyManyQuery,
    AnyOneQuery,
    Many,
    One,
    Reads,
    asked_languages,
    language_parameters,
    negotiated_format,
    query_pairs,
    read_for_put,
    read_for_write,
    read_many,
    read_one,
    validated,
)

PARSED_BYTES = 3_000_000
"""Bytes of each cache of parsed requests: for single records, for lists, for writes."""
STATEMENT_BYTES = 8_000_000
STREAM_LETTERS = 4_194_304
"""Characters of a page of a stream, about: very long records are sent one by one."""
STREAM_PAGE, STREAM_PAGE_ALONE = 50, 200
"""Records a page of a stream, and at most while nobody else reads: no transaction stays open between two. Others wait while one
is written, on SQLite also read."""


class Records:
    """Read endpoints of the records of all resources."""

    def __init__(self, resources: Iterable[Resource], driver: Driver, stopping: Stopping) -> None:
        self._stopping = stopping
        self.resources = {resource.plural: resource for resource in resources}
        self.compiler = Compiler(self.resources.values(), driver.dialect)
        self.reads = {
            resource.plural: Reads(resource, self.compiler.plans[resource.kind]) for resource in self.resources.values()
        }
        self.driver = driver
        self.paths = {resource.kind: resource.path for resource in self.resources.values()}
        self.statement: Callable[[Shape], Statement] = cached(STATEMENT_BYTES)(self.compiler.compile)
        self._any: Callable[..., Statement] = lru_cache(8)(self.compiler.any_kind)
        self._one: Callable[[str, bytes, str, str], One] = cached(PARSED_BYTES)(partial(self._parse, read_one))
        self.read_for_write: Callable[[str, bytes, str, str], One] = cached(PARSED_BYTES)(partial(self._parse, read_for_write))
        self.read_for_put: Callable[[str, bytes, str, str], One] = cached(PARSED_BYTES)(partial(self._parse, read_for_put))
        self._many: Callable[[str, bytes, str, str], Many] = cached(PARSED_BYTES)(partial(self._parse, read_many))
        self._miss = self.compiler.compiled(_missing(self.resources.values()))

    def _parse(self, read: Callable[..., Any], plural: str, query: bytes, accept: str, language: str) -> Any:
        return read(self.reads[plural], query, accept, language, encode=self.driver.encode)

    def resource(self, scope: Scope) -> Resource:
        """The resource that the address names."""
        return self.resources[scope["path_params"]["plural"]]

    # -- one record ----------------------------------------------------------------------------------------------

    async def one(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}/{id}`."""
        resource = self.resource(scope)
        wanted = self._one(resource.plural, scope["query_string"], request.accept, request.accept_language)
        record_id = scope["path_params"]["id"]
        row = await self._by_id(self.statement(wanted.shape), record_id, wanted.parameters)
        if row is None:
            await self._explain_miss(scope, receive, send, record_id, resource)
            return
        text, version, _ = row
        await send_tagged(send, text.encode(), request, version=version, headers=language_header(wanted.language))

    async def any_one(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`GET /v1/records/{id}`: a record of any kind."""
        asked_for = validated(AnyOneQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("json",))
        languages, language = asked_languages(asked_for["lang"], request.accept_language)
        statement = self._any(min(len(languages), 2), many=False)
        record_id = scope["path_params"]["id"]
        row = await self._by_id(statement, record_id, language_parameters(languages, self.driver.encode))
        if row is None:
            await self._explain_miss(scope, receive, send, record_id, None)
            return
        text, version, _ = row
        await send_tagged(send, text.encode(), request, version=version, headers=language_header(language))

    async def _by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        if not is_storable(record_id):
            return None
        return await self.driver.by_id(statement, record_id, parameters)

    async def _explain_miss(
        self, scope: Scope, receive: Receive, send: Send, record_id: str, resource: Resource | None
    ) -> None:
        """Redirect from a former id or another spelling of the id; otherwise raise the Problem that explains the miss."""
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

    async def many(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}`."""
        resource = self.resource(scope)
        wanted = self._many(resource.plural, scope["query_string"], request.accept, request.accept_language)
        if wanted.format != "json":
            await self._stream(scope, receive, send, resource, wanted, request)
            return
        parameters = {**wanted.parameters, "limit": wanted.limit + 1}
        rows = await self.driver.fetch(self.statement(wanted.shape), parameters, letters=PAGE_LETTERS)
        rows, more = within_a_page(rows, wanted.limit)
        total = None
        if wanted.count:
            shape = Shape(resource.kind, filters=wanted.shape.filters, sort=wanted.shape.sort, purpose="count")
            counted = {name: value for name, value in wanted.parameters.items() if not name.startswith("key_")}
            total = (await self.driver.fetch(self.statement(shape), counted))[0][0]
        next_cursor = None
        if more:
            next_cursor = cursors.encode(rows[-1][1:], wanted.digest)
        await self._send_page(scope, request, send, [row[0] for row in rows], wanted, next_cursor, total)

    async def _send_page(
        self,
        scope: Scope,
        request: Asked,
        send: Send,
        rows: list[str],
        wanted: Many,
        next_cursor: str | None,
        total: int | None,
    ) -> None:
        here = f"{base_url(scope)}{scope['path']}"
        query = scope["query_string"].decode("latin-1")
        links: dict[str, str | None] = {"self": f"{here}?{query}" if query else here, "next": None}
        headers = language_header(wanted.language)
        if next_cursor is not None:
            links["next"] = f"{here}?{wanted.query}cursor={next_cursor}"
            headers.append((b"link", f'<{links["next"]}>; rel="next"'.encode()))
        page = {"limit": wanted.limit, "next_cursor": next_cursor, "total": total}
        around = to_json({"page": page, "links": links})
        await send_tagged(send, b'{"data":[%b],%b' % (",".join(rows).encode(), around[1:]), request, headers=headers)

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, resource: Resource, wanted: Many, request: Asked
    ) -> None:
        headers = language_header(wanted.language)
        if wanted.format == "csv":
            headers.append((b"content-disposition", f'attachment; filename="{resource.plural}.csv"'.encode()))
        content_type = FORMATS[wanted.format] + ("; charset=utf-8" if wanted.format == "csv" else "")
        chunks = self._chunks(resource, wanted)
        await send_stream(scope, receive, send, chunks, request, self._stopping, content_type=content_type, headers=headers)

    async def _chunks(self, resource: Resource, wanted: Many) -> AsyncGenerator[str]:
        """The whole result, page by page, each after the last key of the one before."""
        is_table = wanted.format == "csv"
        shape = replace(wanted.shape, purpose="table") if is_table else wanted.shape
        # The response starts with the first page, so that an error in that page is still a problem response.
        columns = self.compiler.table(shape) if is_table else []
        head = formats.header(columns)
        limit, reads = STREAM_PAGE, self.driver.reads
        parameters, key = {**wanted.parameters, "limit": limit}, len(shape.sort) + 1
        rows, shape = await self.driver.fetch(self.statement(shape), parameters), replace(shape, after=True)
        following: asyncio.Task[list[Row]] | None = None
        try:
            while True:
                if len(rows) == limit:
                    alone = self.driver.reads == reads + 1
                    # In small steps: a task that waits for a row cannot start anything between two pages.
                    limit = min(limit + limit // 4, STREAM_PAGE_ALONE) if alone else STREAM_PAGE
                    limit = min(limit, _as_many_as_fit(rows))
                    reads = self.driver.reads
                    # Postgres computes the next page while this one is sent.
                    parameters |= {"limit": limit, **{f"key_{place}": part for place, part in enumerate(rows[-1][-key:])}}
                    following = asyncio.create_task(self.driver.fetch(self.statement(shape), parameters))
                    await asyncio.sleep(0)
                yield head + (
                    formats.rows([row[:-key] for row in rows], columns, safe=wanted.csv_safe) if is_table else _lines(rows)
                )
                if following is None:
                    return
                rows, head, following = await following, "", None
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def any_many(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`GET /v1/records?ids=a,b`: records of any kinds, in the order asked for."""
        asked_for = validated(AnyManyQuery, query_pairs(scope["query_string"]), commas=("ids",))
        negotiated_format(request.accept, offered=("json",))
        ids = list(dict.fromkeys(asked_for["ids"]))
        languages, language = asked_languages(asked_for["lang"], request.accept_language)
        parameters = {"ids": self.driver.encode(ids), **language_parameters(languages, self.driver.encode)}
        statement = self._any(min(len(languages), 2), many=True)
        rows, more = within_a_page(await self.driver.fetch(statement, parameters, letters=PAGE_LETTERS), len(ids))
        if more:
            fault = Fault(
                f"these records have more than {PAGE_LETTERS} letters together; ask for fewer at once", parameter="ids"
            )
            raise Invalid(str(fault), faults=[fault])
        found = {row[1]: row[0] for row in rows}
        missing = json.dumps([record_id for record_id in ids if record_id not in found], ensure_ascii=False)
        data = ",".join(found[record_id] for record_id in ids if record_id in found)
        await send_tagged(send, f'{{"data":[{data}],"missing":{missing}}}'.encode(), request, headers=language_header(language))


def _as_many_as_fit(rows: Sequence[Row]) -> int:
    """How many records of this length fit into a page of `STREAM_LETTERS`."""
    return max(len(rows) * STREAM_LETTERS // max(sum(len(row[0]) for row in rows), 1), 1)


def _lines(rows: Iterable[Row]) -> str:
    return "".join(f"{row[0]}\n" for row in rows)


def _missing(resources: Iterable[Resource]) -> sa.CompoundSelect[Any]:
    """Looks up why there is no record of an id: rows of (leads | gone, id, kind)."""
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
