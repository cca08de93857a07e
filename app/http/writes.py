"""Writes over HTTP: who may, what is asked, one unit of work, the answer after its commit."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial, wraps
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope, Send

from app.db.drivers import Row
from app.db.sql import run
from app.declaration.model import Id, is_storable
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Fault, Invalid, Malformed, Merged, NotFound, PayloadTooLarge, PreconditionRequired, summary
from app.http.access import Access
from app.http.bodies import (
    JSON_TYPES,
    LINES_TYPES,
    PATCH_TYPES,
    Room,
    Share,
    body_of,
    checked,
    guard_of,
    header,
    idempotency_key,
    object_in,
    pieces_of,
)
from app.http.records import Records
from app.http.responses import ALWAYS, Asked, Header, language_header, moved, send_tagged, tag_of
from app.http.shutdown import Stopping, about_to_end
from app.reading.compiler import Shape
from app.reading.request import DRY_RUN, One, query_pairs, validated
from app.settings import Settings
from app.writing import idempotency, keys
from app.writing.batch import Batch, Line, Report
from app.writing.halting import Halt, collector_paused
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.merging import Merger
from app.writing.operations import Creation, Done, Operations, Patch
from app.writing.queue import Apply, WriteQueue
from app.writing.restoring import Restorer
from app.writing.writer import Writer

Version = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]
FEW_BYTES = 1_048_576
"""Up to which an import is parsed beside a larger one, for which it would otherwise wait."""
LINES_AT_ONCE = 100
"""Lines of an import that are parsed before the work is asked whether it is still wanted."""
_STRICT = ConfigDict(extra="forbid", frozen=True)


class RestoreBody(BaseModel):
    """What to restore."""

    model_config = _STRICT
    version: Annotated[
        Version | None, Field(description="the version to go back to; may be left out where the record is gone", examples=[1])
    ] = None


class MergeBody(BaseModel):
    """What to merge into."""

    model_config = _STRICT
    into: Annotated[Id, Field(description="the id of the record that stays", examples=["sco"])]
    prefer: Annotated[
        Literal["into", "from"] | None,
        Field(description="where two link records come to say the same in different words: whose stays"),
    ] = None


class ImportQuery(BaseModel):
    """The parameters of an import."""

    model_config = _STRICT
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


class Changed(BaseModel):
    """What became of a record."""

    id: Annotated[str, Field(examples=["sco"])]
    kind: Kind
    operation: Literal["create", "replace", "patch", "delete", "merge", "restore", "unchanged"]


class ImportedLine(Changed):
    """What became of a record of an import."""

    line: Annotated[str | None, Field(description="the line it came with", examples=["1"])]


class ImportReport(BaseModel):
    """What an import did."""

    created: int
    replaced: int
    unchanged: int
    deleted: Annotated[int, Field(description="citations that a line left out")]
    records: list[ImportedLine]


class Left(BaseModel):
    """What could not be put back."""

    pointer: str
    detail: str


class _Asked(NamedTuple):
    """A write as it was asked for."""

    resource: Resource
    principal: Principal
    view: One
    body: bytes
    retry: tuple[str, str] | None
    """The `Idempotency-Key` and the digest of the request."""


class _Write(NamedTuple):
    """A write in the queue: who asks, what is to be done, how it is answered."""

    principal: Principal
    retry: tuple[str, str] | None
    settle: Callable[[Connection, Sequence[Any]], Apply[Sequence[Any]]]
    """Settles what several ask for alike; what it then comes to, for each of them."""
    wish: Any
    answer: Callable[[Connection, Sequence[Any], Sequence[Any]], list[Answer]]
    """Makes answers of what was asked and what it came to."""
    asked: Any = None


Handler = Callable[["Writes", Scope, Asked, Receive, Send], Awaitable[None]]


def _with_room(handle: Callable[["Writes", Scope, Asked, Receive, Send, Share], Awaitable[None]]) -> Handler:
    """Have the request's body counted among those that are held, until it is answered."""

    @wraps(handle)
    async def handler(self: "Writes", scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        with self._room.share() as share:
            await handle(self, scope, request, receive, send, share)

    return handler


class Writes:
    """Answers to whoever writes."""

    def __init__(
        self, records: Records, writer: Writer, queue: WriteQueue, access: Access, settings: Settings, stopping: Stopping
    ) -> None:
        self._records = records
        self._writer = writer
        self._operations = Operations(writer)
        self._restorer = Restorer(self._operations)
        self._queue = queue
        self._access = access
        self._settings = settings
        self._stopping = stopping
        self._room = Room(settings.bodies_limit)
        self._importing = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._importing_few = ThreadPoolExecutor(1, thread_name_prefix="import-few")

    def close(self) -> None:
        """Let go of the threads that parse imports."""
        for threads in (self._importing, self._importing_few):
            threads.shutdown(cancel_futures=True)

    # -- the operations ----------------------------------------------------------------------------------------------

    @_with_room
    async def create(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`POST /v1/{plural}`."""
        asked = await self._asked(scope, request, receive, share, JSON_TYPES)
        data = object_in(asked.body)
        faults = [
            Fault("a POST makes a record with an id of its own; PUT takes preconditions", header=name)
            for name in ("If-Match", "If-None-Match")
            if header(scope, name.lower().encode())
        ]
        if faults:
            raise Invalid(summary(faults), faults=faults)

        creation = Creation(asked.resource, data, asked.principal.name)
        joins = asked.retry is None and _may_join(asked)
        await self._write(scope, send, request, asked, self._operations.create, creation, joins=joins)

    @_with_room
    async def replace(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`PUT /v1/{plural}/{id}`."""
        asked = await self._asked(scope, request, receive, share, JSON_TYPES)
        data, record_id = object_in(asked.body), scope["path_params"]["id"]
        guard = guard_of(scope, upsert=asked.view.upsert)

        def replaced(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            return self._operations.replace(
                connection,
                asked.resource,
                record_id,
                data,
                guard=guard,
                author=asked.principal.name,
                shown=partial(self._shown_name, connection, asked, record_id) if asked.view.language else None,
            )

        try:
            await self._write(scope, send, request, asked, replaced)
        except Merged as merged:
            await moved(scope, asked.resource.path, merged.into)(scope, receive, send)

    @_with_room
    async def patch(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`PATCH /v1/{plural}/{id}`."""
        asked = await self._asked(scope, request, receive, share, PATCH_TYPES)
        data, guard = object_in(asked.body), guard_of(scope)
        patch = Patch(asked.resource, scope["path_params"]["id"], data, guard, asked.principal.name)
        # What is unique beside the id could else pass from one to another at once.
        joins = guard.says_something and "citations" not in data and not asked.resource.keys and _may_join(asked)
        await self._write(scope, send, request, asked, self._operations.patch, patch, joins=joins)

    @_with_room
    async def delete(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`DELETE /v1/{plural}/{id}`."""
        asked = await self._asked(scope, request, receive, share, JSON_TYPES, needed=False)
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def deleted(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            return self._operations.delete(connection, asked.resource, record_id, guard=guard, author=asked.principal.name)

        await self._write(scope, send, request, asked, deleted, answer=_nothing)

    @_with_room
    async def restore(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`POST /v1/{plural}/{id}/restore`."""
        asked = await self._asked(scope, request, receive, share, JSON_TYPES, needed=False)
        body: RestoreBody = checked(RestoreBody, object_in(asked.body or b"{}"))
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def restored(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            author = asked.principal.name
            return self._restorer.restore(connection, asked.resource, record_id, body.version, guard=guard, author=author)

        await self._write(scope, send, request, asked, restored, answer=self._report)

    @_with_room
    async def merge(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`POST /v1/{plural}/{id}/merge`."""
        asked = await self._asked(scope, request, receive, share, JSON_TYPES, need=keys.Scope.ADMIN)
        body: MergeBody = checked(MergeBody, object_in(asked.body))
        record_id, guard = scope["path_params"]["id"], guard_of(scope)

        def merged(connection: Connection, _: Sequence[None]) -> Apply[list[Done]]:
            merger = Merger(self._operations, connection, prefer=body.prefer)
            return merger.merge(asked.resource, record_id, body.into, guard=guard, author=asked.principal.name)

        await self._write(scope, send, request, asked, merged, answer=self._report)

    # -- what they have in common --------------------------------------------------------------------------------------

    async def _asked(
        self,
        scope: Scope,
        request: Asked,
        receive: Receive,
        share: Share,
        types: Iterable[str],
        *,
        need: keys.Scope = keys.Scope.WRITE,
        needed: bool = True,
    ) -> _Asked:
        """Whoever may not write is told so before anything else is read."""
        resource = self._records.resource(scope)
        principal = await self._access.require(scope, need)
        if scope["method"] != "PUT" and not is_storable(scope["path_params"].get("id", "")):
            raise NotFound(f"no {resource.kind} has such an id")
        read = self._records.read_for_put if scope["method"] == "PUT" else self._records.read_for_write
        view = read(resource.plural, scope["query_string"], request.accept, request.accept_language)
        body = await body_of(scope, receive, types=types, limit=self._settings.body_limit, share=share, needed=needed)
        return _Asked(resource, principal, view, body, None if view.dry_run else self._retry(scope, body))

    @staticmethod
    def _retry(scope: Scope, body: bytes) -> tuple[str, str] | None:
        key = idempotency_key(scope) if scope["method"] == "POST" else None
        if key is None:
            return None
        return key, idempotency.digest(scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)

    async def _write(
        self,
        scope: Scope,
        send: Send,
        request: Asked,
        asked: _Asked,
        operation: Callable[[Connection, Sequence[Any]], Apply[list[Done]]],
        wish: Any = None,
        *,
        answer: Callable[[Connection, Sequence[_Asked], Sequence[Done]], list[Answer]] | None = None,
        joins: bool = False,
    ) -> None:
        """Run the operation in the write queue, then send its answer. Those that `joins` are settled together."""

        def settle(connection: Connection, wishes: Sequence[Any]) -> Apply[list[Done]]:
            try:
                return operation(connection, wishes)
            except PreconditionRequired as problem:
                raise self._with_current_tag(connection, asked, problem) from problem

        write = _Write(asked.principal, asked.retry, settle, wish, answer or self._records_now, asked)
        answered = await self._queue.run(
            self._settled,
            write,
            alike=operation if joins else None,
            keep=not asked.view.dry_run,
            size=len(asked.body),
        )
        await self._send(scope, send, request, answered)

    def _settled(self, connection: Connection, writes: Sequence[_Write]) -> Apply[list[tuple[Answer, bool]]]:
        """Settle writes of one operation; then each is answered, and it is said whether that was the answer to a first try."""
        for principal in {write.principal for write in writes}:
            self._access.used(connection, principal)
        write = writes[0]
        if write.retry and (known := idempotency.first(connection, write.principal.id, *write.retry)):
            return lambda: [(known, True)]
        apply = write.settle(connection, [each.wish for each in writes])

        def answered() -> list[tuple[Answer, bool]]:
            answers = write.answer(connection, [each.asked for each in writes], apply())
            if write.retry:
                idempotency.remember(connection, write.principal.id, *write.retry, answers[0])
            return [(answer, False) for answer in answers]

        return answered

    async def _send(self, scope: Scope, send: Send, request: Asked, answered: tuple[Answer, bool]) -> None:
        answer, again = answered
        headers: list[Header] = language_header(answer.language)
        if answer.location is not None:
            headers.append((b"location", f"{scope.get('shown_prefix', '')}{answer.location}".encode()))
        if again:
            headers.append((b"idempotent-replayed", b"true"))
        if answer.status == 204:
            await send({"type": "http.response.start", "status": 204, "headers": [*ALWAYS, *headers]})
            await send({"type": "http.response.body", "body": b""})
            return
        await send_tagged(send, answer.body.encode(), request, status=answer.status, version=answer.version, headers=headers)

    def _with_current_tag(self, connection: Connection, asked: _Asked, problem: PreconditionRequired) -> PreconditionRequired:
        """The problem with the tag that would do, as a reader of the same view has it."""
        body, version = self._read(connection, asked, problem.record_id)
        tag = tag_of(body.encode(), version)
        fault = Fault(f"is wanted; the current tag is {tag}", header="If-Match")
        return PreconditionRequired(problem.detail, record_id=problem.record_id, faults=[fault], headers={"ETag": tag})

    # -- answers ---------------------------------------------------------------------------------------------------------

    def _read(self, connection: Connection, asked: _Asked, record_id: str) -> tuple[str, int]:
        ((text, version, _),) = self._rows(connection, asked.view.shape, asked.view.parameters, [record_id])
        return text, version

    def _rows(self, connection: Connection, shape: Shape, parameters: Mapping[str, Any], ids: list[str]) -> list[Row]:
        statement = self._records.statement(replace(shape, purpose="some"))
        return run(connection, statement, **parameters, ids=self._records.driver.encode(ids))

    def _shown_name(self, connection: Connection, asked: _Asked, record_id: str) -> str:
        """The record's name as a reader is shown it in the language asked for."""
        shape = Shape(asked.resource.kind, frozenset(["name"]), languages=asked.view.shape.languages)
        body, _ = self._read(connection, asked._replace(view=replace(asked.view, shape=shape)), record_id)
        name: str = json.loads(body)["name"]
        return name

    def _records_now(self, connection: Connection, several: Sequence[_Asked], done: Sequence[Done]) -> list[Answer]:
        """The records as they are now: those that are shown alike are asked for together."""
        alike: dict[tuple[Shape, str], tuple[Mapping[str, Any], list[str]]] = {}
        for asked, each in zip(several, done, strict=True):
            view = asked.view
            alike.setdefault((view.shape, repr(view.parameters)), (view.parameters, []))[1].append(each.id)
        found: dict[str, tuple[str, int]] = {}
        for (shape, _), (parameters, ids) in alike.items():
            for body, version, record_id in self._rows(connection, shape, parameters, ids):
                found[record_id] = body, version
        answers = []
        for asked, each in zip(several, done, strict=True):
            body, version = found[each.id]
            made = each.created and not asked.view.dry_run
            where = f"{asked.resource.path}/{quote(each.id)}" if made else None
            answers.append(Answer(201 if made else 200, body, version, where, asked.view.language))
        return answers

    def _report(self, connection: Connection, several: Sequence[_Asked], done: Sequence[Done]) -> list[Answer]:
        """The records as they are now, and what else became of what."""
        answers = []
        for asked, each in zip(several, done, strict=True):
            body, version = self._read(connection, asked, each.id)
            changed = [Changed(id=other.id, kind=other.kind, operation=other.operation) for other in each.report.written]
            left = [Left(pointer=fault.pointer or "", detail=fault.detail) for fault in each.left]
            rest = _Rest(changed=changed, left=left).model_dump_json()
            answers.append(Answer(200, f'{{"record":{body},{rest[1:]}', version, language=asked.view.language))
        return answers

    # -- import ----------------------------------------------------------------------------------------------------------

    @_with_room
    async def import_(self, scope: Scope, request: Asked, receive: Receive, send: Send, share: Share) -> None:
        """`POST /v1/import`: its lines are parsed and checked on a thread, and wait for their turn when that is done."""
        principal = await self._access.require(scope, keys.Scope.WRITE)
        query = validated(ImportQuery, query_pairs(scope["query_string"]))
        self._stopping.require_more_time()
        lines, digest = await self._lines(scope, receive, share)
        retry = self._retry(scope, digest)
        halt = Halt(self._settings.import_seconds)
        gone = asyncio.create_task(_halt_when_gone(receive, halt))
        try:
            with self._stopping.telling(lambda: halt.now(about_to_end())), collector_paused():
                threads = self._importing_few if share.taken <= FEW_BYTES else self._importing
                batch = await asyncio.get_running_loop().run_in_executor(threads, self._parsed, lines, halt)

                def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Report]]:
                    halt.check()
                    ready = self._writer.settle(connection, batch.again(), check=halt.check)
                    return lambda: [self._writer.apply(connection, ready, author=principal.name, check=halt.check)]

                answered = await self._queue.run(
                    self._settled,
                    _Write(principal, None if query["dry_run"] else retry, settle, None, _reports),
                    keep=not query["dry_run"],
                    seconds=self._settings.import_seconds,
                    size=share.taken,
                )
        finally:
            gone.cancel()
        await self._send(scope, send, request, answered)

    async def _lines(self, scope: Scope, receive: Receive, share: Share) -> tuple[deque[Line], bytes]:
        """The lines of an import, and a digest of its body; a line that is too long is refused before the next is read."""
        settings = self._settings
        hashed = blake2b()
        lines: deque[Line] = deque()
        number, rest = 1, b""

        def take(text: bytes) -> None:
            nonlocal number
            if len(text) > settings.body_limit:
                detail = f"line {number} is longer than {settings.body_limit} bytes, which is as long as a line may be"
                raise PayloadTooLarge(detail, headers={"Connection": "close"})
            if text.strip():
                if len(lines) >= settings.import_records:
                    detail = f"an import may have {settings.import_records} lines; send several"
                    raise PayloadTooLarge(detail, headers={"Connection": "close"})
                lines.append(Line(str(number), text))
            number += 1

        async for piece in pieces_of(scope, receive, types=LINES_TYPES, limit=settings.import_limit, share=share):
            hashed.update(piece)
            first, *others = piece.split(b"\n")
            rest += first
            for other in others:
                take(rest)
                rest = other
            if len(rest) > settings.body_limit:
                take(rest)
        take(rest)
        return lines, hashed.digest()

    def _parsed(self, lines: deque[Line], halt: Halt) -> Batch:
        """What the lines say; they are let go of as they are read, since both together would take much memory."""
        batch = Batch.of_many()
        while lines:
            _pause(halt)
            self._writer.intake.lines([lines.popleft() for _ in range(min(len(lines), LINES_AT_ONCE))], batch)
        several = iter(batch.wanted.values() if not batch.faults else ())
        while some := tuple(islice(several, LINES_AT_ONCE)):
            _pause(halt)
            self._writer.documents.prepare(some)
        return batch


def _nothing(_connection: Connection, several: Sequence[_Asked], _done: Sequence[Done]) -> list[Answer]:
    """No content."""
    return [Answer(204, "") for _ in several]


def _reports(_connection: Connection, _several: Sequence[None], reports: Sequence[Report]) -> list[Answer]:
    return [Answer(200, _report_of(report)) for report in reports]


def _report_of(report: Report) -> str:
    """An `ImportReport` as JSON, written a record at a time: a hundred thousand models of pydantic's take 60 MB."""
    records = ",".join(
        to_json({"id": each.id, "kind": each.kind, "operation": each.operation, "line": each.line}).decode()
        for each in report.written
    )
    return f'{to_json(report.counts).decode()[:-1]},"records":[{records}]}}'


def _pause(halt: Halt) -> None:
    """Ask whether the work is still wanted, and let the event loop have the GIL if it waits for it."""
    halt.check()
    time.sleep(0)


async def _halt_when_gone(receive: Receive, halt: Halt) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    halt.now(Malformed("the client went away before the import was done; nothing was written"))


def _may_join(asked: _Asked) -> bool:
    """Whether it may be done at once with others: two citations would move the version of what they are of but once."""
    return not asked.view.dry_run and asked.resource.kind is not Kind.CITATION


class _Rest(BaseModel):
    changed: list[Changed]
    left: list[Left]
