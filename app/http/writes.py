"""Writes of single records over HTTP: create, replace, patch, delete, restore, merge."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope, Send

from app.db.driver import Row
from app.db.sql import run
from app.declaration.model import Naming, is_storable
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Invalid, Merged, NotFound, PreconditionRequired, TagUnknown
from app.faults import Fault, summary
from app.http.access import Access
from app.http.bodies import (
    JSON_TYPES,
    PATCH_TYPES,
    Reservation,
    body_of,
    checked,
    guard_of,
    header,
    object_in,
    patch_in,
)
from app.http.queries import RecordRequest
from app.http.queued import QueuedWrites, Write, retry_of, with_budget
from app.http.records import Records, identifier_in
from app.http.responses import RequestHeaders, moved, shown_path, tag_of
from app.intake.mentions import Candidate, Mentions
from app.reading.changes import Operation
from app.reading.shapes import Shape
from app.settings import Settings
from app.writing import json_patch, keys
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.merging import Merger
from app.writing.operations import Creation, Done, Operations, Patch
from app.writing.queue import Apply
from app.writing.restoring import Restorer
from app.writing.write_schema import names_in
from app.writing.writer import Writer

Version = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class RestoreBody(BaseModel):
    """The request body of a restore: the version whose content is restored."""

    model_config = _STRICT
    version: Annotated[
        Version | None, Field(description="the version to go back to; may be left out where the record is gone", examples=[1])
    ] = None


class MergeBody(BaseModel):
    """The request body of a merge: the record that stays, and which link records stay if two contradict each other."""

    model_config = _STRICT
    into: Annotated[Naming, Field(description="the id of the record that stays", examples=["sco"])]
    prefer: Annotated[
        Literal["into", "from"] | None,
        Field(description="where two link records come to say the same in different words: whose stays"),
    ] = None


class Changed(BaseModel):
    """A record that a request has written, and the operation that was done with it."""

    id: Annotated[str, Field(examples=["sco"])]
    kind: Kind
    operation: Operation | Literal["unchanged"]


class Left(BaseModel):
    """A part of a merge that a restore could not undo, because the record or field was changed again since the merge."""

    pointer: str
    detail: str


class _WriteRequest(NamedTuple):
    """A parsed request that writes, and the owner of its API key."""

    resource: Resource
    principal: Principal
    view: RecordRequest
    body: bytes
    retry: tuple[str, str] | None
    """The `Idempotency-Key` and the digest of the request.

    None if the header was not sent, if the method is not POST, or if the write is a dry run.
    """
    similar: Sequence[Candidate] = ()
    """For a dry run that creates a record: records of its kind that have one of its names."""


class Writes:
    """The endpoints that write records: POST, PUT, PATCH, DELETE, restore and merge."""

    def __init__(
        self, records: Records, writer: Writer, queued: QueuedWrites, access: Access, mentions: Mentions, settings: Settings
    ) -> None:
        self._records = records
        self._mentions = mentions
        self._writer = writer
        self._operations = Operations(writer)
        self._restorer = Restorer(self._operations)
        self._access = access
        self._settings = settings
        self._queued = queued
        self._parsers = {
            "POST": records.for_post,
            "PUT": records.for_put,
            "PATCH": records.for_patch,
            "DELETE": records.for_delete,
        }

    # -- the operations ----------------------------------------------------------------------------------------------

    @with_budget
    async def create(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`POST /v1/{plural}`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES)
        data = object_in(parsed.body)
        faults = [
            Fault("a POST makes a record with an id of its own; PUT takes preconditions", header=name)
            for name in ("If-Match", "If-None-Match")
            if header(scope, name.lower().encode())
        ]
        if faults:
            raise Invalid(summary(faults), faults=faults)

        creation = Creation(
            parsed.resource, data, parsed.principal.name, allows_similar=parsed.view.allows_similar, derives=parsed.view.derives
        )
        if parsed.view.dry_run:
            languages = [parsed.view.language] if parsed.view.language else []
            similar = await self._mentions.namesakes(parsed.resource.kind, [name for name, _ in names_in(data)], languages)
            parsed = parsed._replace(similar=similar)
        joins = parsed.retry is None and _may_join(parsed)
        await self._write(scope, send, request, parsed, self._operations.create, creation, joins=joins)

    @with_budget
    async def replace(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`PUT /v1/{plural}/{id}`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES)
        data, record_id = object_in(parsed.body), scope["path_params"]["id"]
        guard = guard_of(scope, upsert=parsed.view.upsert)

        def replaced(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            return self._operations.replace(
                connection,
                parsed.resource,
                record_id,
                data,
                guard=guard,
                author=parsed.principal.name,
                shown=partial(self._shown_name, connection, parsed, record_id) if parsed.view.language else None,
            )

        try:
            await self._write(scope, send, request, parsed, replaced)
        except Merged as merged:
            await moved(scope, parsed.resource.path, merged.into)(scope, receive, send)

    @with_budget
    async def replace_identified(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`PUT /v1/{plural}/identifier/{scheme}/{identifier}`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES)
        data, pair = object_in(parsed.body), identifier_in(scope)
        guard = guard_of(scope, upsert=parsed.view.upsert)

        def replaced(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            return self._operations.replace_identified(
                connection,
                parsed.resource,
                pair,
                data,
                guard=guard,
                author=parsed.principal.name,
                shown=partial(self._shown_name, connection, parsed) if parsed.view.language else None,
            )

        await self._write(scope, send, request, parsed, replaced)

    @with_budget
    async def patch(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`PATCH /v1/{plural}/{id}`."""
        parsed = await self._parse(scope, request, receive, reservation, PATCH_TYPES)
        data, guard = patch_in(scope, parsed.body), guard_of(scope)
        patch = Patch(
            parsed.resource, scope["path_params"]["id"], data, guard, parsed.principal.name, derives=parsed.view.derives
        )
        # If a resource has unique keys besides the id, its patches are applied one by one. Otherwise, if one patch of a batch
        # took a key that another patch gives up, the order of the rows would decide whether the database accepts both patches.
        joins = guard.says_something and "citations" not in data and not parsed.resource.keys and _may_join(parsed)
        await self._write(scope, send, request, parsed, self._operations.patch, patch, joins=joins)

    @with_budget
    async def delete(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`DELETE /v1/{plural}/{id}`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES, needed=False)
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def deleted(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            author = parsed.principal.name
            return self._operations.delete(
                connection, parsed.resource, record_id, guard=guard, author=author, links=parsed.view.links
            )

        await self._write(scope, send, request, parsed, deleted, answer=_nothing)

    @with_budget
    async def restore(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`POST /v1/{plural}/{id}/restore`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES, needed=False)
        body: RestoreBody = checked(RestoreBody, object_in(parsed.body or b"{}"))
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def restored(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            author = parsed.principal.name
            return self._restorer.restore(connection, parsed.resource, record_id, body.version, guard=guard, author=author)

        await self._write(scope, send, request, parsed, restored, answer=self._report)

    @with_budget
    async def merge(
        self, scope: Scope, request: RequestHeaders, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        """`POST /v1/{plural}/{id}/merge`."""
        parsed = await self._parse(scope, request, receive, reservation, JSON_TYPES, need=keys.Scope.ADMIN)
        body: MergeBody = checked(MergeBody, object_in(parsed.body))
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def merged(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            merger = Merger(self._operations, connection, prefer=body.prefer)
            return merger.merge(parsed.resource, record_id, body.into, guard=guard, author=parsed.principal.name)

        await self._write(scope, send, request, parsed, merged, answer=self._report)

    # -- what they have in common --------------------------------------------------------------------------------------

    async def _parse(
        self,
        scope: Scope,
        request: RequestHeaders,
        receive: Receive,
        reservation: Reservation,
        types: Iterable[str],
        *,
        need: keys.Scope = keys.Scope.WRITE,
        needed: bool = True,
    ) -> _WriteRequest:
        """Read and validate the request. The API key is checked before the body is read."""
        resource = self._records.resource(scope)
        principal = await self._access.require(scope, need)
        if scope["method"] != "PUT" and not is_storable(scope["path_params"].get("id", "")):
            raise NotFound(f"no {resource.kind} has such an id")
        parse = self._records.for_write
        if scope["method"] != "POST" or "id" not in scope["path_params"]:
            parse = self._parsers[scope["method"]]
        prefix = shown_path(scope, "")
        view = parse(resource.plural, scope["query_string"], request.accept, request.accept_language, prefix)
        body = await body_of(
            scope, receive, types=types, limit=self._settings.body_limit, reservation=reservation, needed=needed
        )
        if (record_id := scope["path_params"].get("id")) and is_storable(record_id):
            scope["path_params"]["id"] = await self._records.meanings.named_by_code(resource, record_id)
        retry = retry_of(scope, body)  # also validates the `Idempotency-Key` of a dry run, although a dry run stores no answer
        return _WriteRequest(resource, principal, view, body, None if view.dry_run else retry)

    async def _write(
        self,
        scope: Scope,
        send: Send,
        request: RequestHeaders,
        parsed: _WriteRequest,
        operation: Callable[[Connection, Sequence[Any]], Apply[list[Done]]],
        wish: Any = None,
        *,
        answer: Callable[[Connection, Sequence[_WriteRequest], Sequence[Done]], list[Answer]] | None = None,
        joins: bool = False,
    ) -> None:
        """Run the operation in the write queue, then send the response.

        `joins`: whether this write may be checked and applied in one batch with other writes of the same type, such as PATCH.
        """

        def settle(connection: Connection, wishes: Sequence[Any]) -> Apply[list[Done]]:
            try:
                return operation(connection, wishes)
            except (PreconditionRequired, TagUnknown) as problem:
                raise self._with_current_tag(connection, parsed, problem) from problem

        write = Write(parsed.principal, parsed.retry, settle, wish, answer or self._records_now, parsed)
        answered = await self._queued.run(
            write, alike=operation if joins else None, keep=not parsed.view.dry_run, size=len(parsed.body)
        )
        await answered.send(scope, send, request)

    def _with_current_tag(
        self, connection: Connection, parsed: _WriteRequest, problem: PreconditionRequired | TagUnknown
    ) -> PreconditionRequired | TagUnknown:
        """Return `problem`, extended by the record's current entity tag.

        This is the tag that a GET request with the same query parameters and language would return.
        """
        body, version = self._read(connection, parsed, problem.record_id)
        tag = tag_of(body.encode(), version)
        what = "required; the" if isinstance(problem, PreconditionRequired) else "is of another making; the"
        fault = Fault(f"{what} current tag is {tag}", header="If-Match")
        return type(problem)(problem.detail, record_id=problem.record_id, faults=[fault], headers={"ETag": tag})

    # -- answers ---------------------------------------------------------------------------------------------------------

    def _read(self, connection: Connection, parsed: _WriteRequest, record_id: str) -> tuple[str, int]:
        ((text, version, _),) = self._rows(connection, parsed.view.shape, parsed.view.parameters, [record_id])
        return text, version

    def _rows(self, connection: Connection, shape: Shape, parameters: Mapping[str, Any], ids: list[str]) -> list[Row]:
        statement = self._records.statement(replace(shape, purpose="some"))
        return run(connection, statement, **parameters, ids=self._records.driver.encode(ids))

    def _shown_name(self, connection: Connection, parsed: _WriteRequest, record_id: str) -> str | None:
        """Return the record's name in the requested language, as a GET request would show it."""
        field = parsed.resource.named_by
        shape = Shape(parsed.resource.kind, frozenset([field]), languages=parsed.view.shape.languages)
        body, _ = self._read(connection, parsed._replace(view=replace(parsed.view, shape=shape)), record_id)
        name: str | None = json.loads(body).get(field)
        return name

    def _records_now(self, connection: Connection, several: Sequence[_WriteRequest], done: Sequence[Done]) -> list[Answer]:
        """Return answers that show the records after the write. One query reads all records that are shown in the same form."""
        alike: dict[tuple[Shape, str], tuple[Mapping[str, Any], list[str]]] = {}
        for parsed, each in zip(several, done, strict=True):
            view = parsed.view
            alike.setdefault((view.shape, repr(view.parameters)), (view.parameters, []))[1].append(each.id)
        found: dict[str, tuple[str, int]] = {}
        for (shape, _), (parameters, ids) in alike.items():
            for body, version, record_id in self._rows(connection, shape, parameters, ids):
                found[record_id] = body, version
        answers = []
        for parsed, each in zip(several, done, strict=True):
            body, version = found[each.id]
            if parsed.view.dry_run:
                body = f"{body[:-1]},{_told_of(each, parsed.similar)[1:]}"
            if parsed.view.derives:
                body = f'{body[:-1]},"derived":{to_json(each.derived).decode()}}}'
            made = each.created and not parsed.view.dry_run
            where = f"{parsed.resource.path}/{quote(each.id)}" if made else None
            answers.append(Answer(201 if made else 200, body, version, where, parsed.view.language))
        return answers

    def _report(self, connection: Connection, several: Sequence[_WriteRequest], done: Sequence[Done]) -> list[Answer]:
        """Return the answers to restores and merges.

        Each answer shows the record after the write, all records that were written, and what was not restored.
        """
        answers = []
        for parsed, each in zip(several, done, strict=True):
            body, version = self._read(connection, parsed, each.id)
            changed = [Changed(id=other.id, kind=other.kind, operation=other.operation) for other in each.report.written]
            left = [Left(pointer=fault.pointer or "", detail=fault.detail) for fault in each.left]
            rest = _Rest(changed=changed, left=left).model_dump_json()
            answers.append(Answer(200, f'{{"record":{body},{rest[1:]}', version, language=parsed.view.language))
        return answers


def _told_of(done: Done, similar: Sequence[Candidate]) -> str:
    """Return what the answer to a dry run says besides the record.

    It says what would change in the record, which records are written, and which have one of its names.
    """
    before = (done.wanted.old or {}) if done.wanted is not None else {}
    after = done.wanted.content if done.wanted is not None else {}
    written = [Changed(id=each.id, kind=each.kind, operation=each.operation) for each in done.report.written]
    told = _Told(difference=json_patch.difference(before, after), writes=written, similar=list(similar))
    return told.model_dump_json()


def _nothing(_connection: Connection, several: Sequence[_WriteRequest], _done: Sequence[Done]) -> list[Answer]:
    """Return answers without content (204)."""
    return [Answer(204, "") for _ in several]


def _may_join(parsed: _WriteRequest) -> bool:
    """Whether this write may be checked and applied in one batch with other writes.

    A dry run may not. The write of a citation may not either: if two citations of the same record were in one batch, the
    record's version would increase only once instead of twice.
    """
    return not parsed.view.dry_run and parsed.resource.kind is not Kind.CITATION


class _Told(BaseModel):
    difference: list[dict[str, Any]]
    writes: list[Changed]
    similar: list[Candidate]


class _Rest(BaseModel):
    changed: list[Changed]
    left: list[Left]
