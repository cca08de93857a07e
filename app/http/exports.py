"""`GET /v1/export`: the whole registry in one response."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from itertools import islice

from fastapi import APIRouter
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.availability import Availability
from app.db.engine import cut_connections, reading
from app.errors import Unavailable
from app.http.endpoints import Endpoint
from app.http.limits import client_of
from app.http.openapi.shared import described
from app.http.representations import NDJSON
from app.http.responses import Header, position_header, request_headers, send_stream
from app.http.shutdown import Stopping
from app.http.snapshots import problem_of
from app.reading.changes import Position
from app.writing.writer import Writer

AT_ONCE = 4
"""The maximum number of exports that run at the same time.

The number is limited, because each export keeps a database snapshot until its client has received all data.
"""
LINES_AT_ONCE, LETTERS_AT_ONCE = 250, 262_144
OF_ONE_CLIENT = 2
"""The maximum number of exports of one client at the same time, so that one client cannot block the other clients."""
RETRY_SECONDS = 30


class NdjsonEndpoint(Endpoint):
    """A route that answers with NDJSON."""

    offered = (NDJSON,)


class NdjsonResponse(Response):
    """A response class from which FastAPI takes the media type for the OpenAPI document.

    It is never instantiated: `Exports.send` sends the response.
    """

    media_type = NDJSON.media_type


def router(exports: "Exports") -> APIRouter:
    """Return a router with the endpoint of the export."""
    routes = APIRouter(route_class=NdjsonEndpoint, tags=["records"])

    @routes.get(
        "/v1/export",
        response_model=None,
        response_class=NdjsonResponse,
        **described(
            "export_records",
            "Read the whole registry",
            "The records.",
            shown=("Rapporteur-Position",),
        ),
    )
    async def export() -> ASGIApp:
        """Returns all records as they were at one moment. Each line is one record, in the format that `import` reads.

        The header `Rapporteur-Position` has the position of that moment in the change log. To keep a copy up to date, follow
        `/v1/changes` from there.
        """
        return exports.send

    return routes


class Exports:
    """Streams exports to clients, and limits how many exports run at the same time."""

    def __init__(
        self, writer: Writer, engine: Engine, availability: Availability, stopping: Stopping, *, seconds: float
    ) -> None:
        """`seconds`: the maximum duration of an export.

        A longer export is aborted, because it keeps a snapshot of the database.
        """
        self._writer = writer
        self._engine = engine
        self._availability = availability
        self._stopping = stopping
        self._seconds = seconds
        availability.listen(lambda trouble: cut_connections(engine) if trouble.reads is not None else None)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")
        self._running: Counter[str] = Counter()

    def close(self) -> None:
        """Stop the export threads, and close the database connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream all records of one snapshot of the database. Raises Unavailable if too many exports are running."""
        self._stopping.require_more_time()
        self._availability.require_reads()
        client = client_of(scope)
        if self._running.total() >= AT_ONCE or self._running[client] >= OF_ONE_CLIENT:
            detail = f"{self._running[client]} exports of this client and {self._running.total()} in all are under way already"
            raise Unavailable(detail, headers={"Retry-After": str(RETRY_SECONDS)})
        self._running[client] += 1
        headers: list[Header] = [(b"content-disposition", b'attachment; filename="rapporteur.ndjson"')]
        try:
            async with aclosing(self._chunks(headers)) as chunks:
                await anext(chunks)
                await send_stream(
                    scope,
                    receive,
                    send,
                    chunks,
                    request_headers(scope),
                    self._stopping,
                    content_type=NDJSON.content_type,
                    headers=headers,
                    seconds=self._seconds,
                )
        finally:
            self._running[client] -= 1
            self._running += Counter()  # removes clients whose count is 0

    async def _chunks(self, headers: list[Header]) -> AsyncGenerator[str]:
        """Begin the snapshot, add its position to `headers` and yield an empty chunk; then yield the records."""
        loop = asyncio.get_running_loop()
        pages = self._pages()
        step = loop.run_in_executor(self._threads, next, pages, "")
        try:
            headers.append(position_header(Position.parsed(await asyncio.shield(step))))
            yield ""
            step = loop.run_in_executor(self._threads, next, pages, "")
            while page := await asyncio.shield(step):
                yield page
                step = loop.run_in_executor(self._threads, next, pages, "")
        except DBAPIError as error:
            raise problem_of(error, self._availability) from error
        finally:
            await asyncio.wait([step])  # a generator cannot be closed while a thread runs it
            await loop.run_in_executor(self._threads, pages.close)  # type: ignore[attr-defined]

    def _pages(self) -> Iterator[str]:
        """Yield the position of a snapshot, and then its records."""
        with reading(self._engine) as connection:
            yield str(self._writer.position(connection))
            lines = (f"{text}\n" for _, text in self._writer.export(connection))
            while page := "".join(_some(lines)):
                yield page


def _some(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines of one chunk.

    The chunk ends after LINES_AT_ONCE lines, or as soon as it has more than LETTERS_AT_ONCE characters.
    """
    letters = 0
    for line in islice(lines, LINES_AT_ONCE):
        yield line
        letters += len(line)
        if letters > LETTERS_AT_ONCE:
            return
