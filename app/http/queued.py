"""Runs the writes of all endpoints in the write queue, stores answers for repeated requests, and responds after the commit."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope, Send

from app.http.access import Access
from app.http.bodies import BodyBudget, Reservation, idempotency_key
from app.http.responses import (
    ALWAYS,
    Header,
    RequestHeaders,
    language_header,
    position_header,
    request_headers,
    send_tagged,
    shown_path,
)
from app.reading.changes import Position
from app.writing import idempotency
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.queue import Apply, WriteQueue
from app.writing.writer import Writer


class Write(NamedTuple):
    """A write in the queue: the owner of the API key, a function that checks and applies the write, and one that answers it."""

    principal: Principal
    retry: tuple[str, str] | None
    settle: Callable[[Connection, Sequence[Any]], Apply[Sequence[Any]]]
    """Checks one or several writes of the same operation, and returns the function that applies them.

    It is called with the `wish` of each write.
    """
    wish: Any
    answer: Callable[[Connection, Sequence[Any], Sequence[Any]], list[Answer]]
    """Makes the answers to the applied writes. It is called with the `context` of each write, and the result of each write."""
    context: Any = None


class Answered(NamedTuple):
    """The answer to a write. It is sent after the commit, or, for a dry run, after the rollback."""

    answer: Answer
    again: bool
    """Whether this is the stored answer to an earlier request with the same `Idempotency-Key`."""
    position: Position | None
    """The end of the change log after the write; None for a dry run."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the answer as the response to a request."""
        await self.send(scope, send, request_headers(scope))

    async def send(self, scope: Scope, send: Send, request: RequestHeaders) -> None:
        """Send the answer as the response to a request. `request`: its parsed headers."""
        answer = self.answer
        headers: list[Header] = language_header(answer.language)
        if answer.location is not None:
            headers.append((b"location", shown_path(scope, answer.location).encode()))
        if self.again:
            headers.append((b"idempotent-replayed", b"true"))
        if self.position is not None:
            headers.append(position_header(self.position))
        if answer.status == 204:
            await send({"type": "http.response.start", "status": 204, "headers": [*ALWAYS, *headers]})
            await send({"type": "http.response.body", "body": b""})
            return
        await send_tagged(send, answer.body.encode(), request, status=answer.status, version=answer.version, headers=headers)


class QueuedWrites:
    """Runs writes in the write queue, and stores the answers to requests with an `Idempotency-Key`."""

    def __init__(self, access: Access, queue: WriteQueue, budget: BodyBudget, writer: Writer) -> None:
        self._access = access
        self._queue = queue
        self._writer = writer
        self.budget = budget

    async def run(self, write: Write, *, alike: object = None, keep: bool, seconds: float | None = None, size: int) -> Answered:
        """Run a write, and return its answer after the commit (without `keep`: after the rollback).

        If `write.retry` shows that the same request was sent before, nothing is written and the stored answer is returned.
        `alike`, `keep`, `seconds` and `size` are passed on to `WriteQueue.run`, where they are explained.
        """
        answered = await self._queue.run(self._settled, write, alike=alike, keep=keep, seconds=seconds, size=size)
        return answered if keep else answered._replace(position=None)

    def _settled(self, connection: Connection, writes: Sequence[Write]) -> Apply[list[Answered]]:
        """Check writes of the same operation, and return the function that applies them.

        The returned function returns an answer for each write. If the same request was sent before, the function applies
        nothing and returns the stored answer.
        """
        for principal in {write.principal for write in writes}:
            self._access.used(connection, principal)
        write = writes[0]
        if write.retry and (known := idempotency.first(connection, write.principal.id, *write.retry)):
            return lambda: [Answered(known, again=True, position=self._writer.position(connection))]
        apply = write.settle(connection, [each.wish for each in writes])

        def answered() -> list[Answered]:
            answers = write.answer(connection, [each.context for each in writes], apply())
            if write.retry:
                idempotency.remember(connection, write.principal.id, *write.retry, answers[0])
            position = self._writer.position(connection)
            return [Answered(answer, again=False, position=position) for answer in answers]

        return answered


class HasBudget(Protocol):
    """A class with endpoints that read request bodies. One budget limits the memory of all these bodies together."""

    _queued: QueuedWrites


Handling = TypeVar("Handling", bound=HasBudget)


def with_budget(
    handle: Callable[[Handling, Scope, RequestHeaders, Receive, Send, Reservation], Awaitable[None]],
) -> Callable[[Handling, Scope, RequestHeaders, Receive, Send], Awaitable[None]]:
    """Decorate an endpoint: the bytes of the request's body count in the memory budget until the response is sent."""

    @wraps(handle)
    async def handler(self: Handling, scope: Scope, request: RequestHeaders, receive: Receive, send: Send) -> None:
        with self._queued.budget.reserve() as reservation:
            await handle(self, scope, request, receive, send, reservation)

    return handler


def retry_of(scope: Scope, body: bytes) -> tuple[str, str] | None:
    """Return the `Idempotency-Key` of a POST request, and the digest of the request.

    Returns None if the method is not POST, or if the header was not sent. Raises Invalid if the header is malformed.
    """
    key = idempotency_key(scope) if scope["method"] == "POST" else None
    if key is None:
        return None
    return key, idempotency.digest(scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
