"""`GET /v1/export`: the whole registry in one response."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from starlette.types import Receive, Scope, Send

from app.db.availability import Availability
from app.db.engine import cut_connections, reading
from app.db.failures import failure
from app.errors import Unavailable
from app.http.limits import client_of
from app.http.responses import Asked, send_stream
from app.http.shutdown import Stopping
from app.reading.request import FORMATS, negotiated_format, query_pairs, validated
from app.writing.writer import Writer

AT_ONCE = 4
"""Exports that may run at the same time: each holds a snapshot of the database until its client has received it."""
LINES_AT_ONCE, LETTERS_AT_ONCE = 250, 262_144
OF_ONE_CLIENT = 2
"""Exports that one client may run at the same time, so that one client cannot block all others."""
RETRY_SECONDS = 30


class ExportQuery(BaseModel):
    """The parameters of an export: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Exchange:
    """Sends exports."""

    def __init__(
        self, writer: Writer, engine: Engine, availability: Availability, stopping: Stopping, *, seconds: float
    ) -> None:
        """`seconds`: after this time an export is aborted, because it holds a snapshot."""
        self._writer = writer
        self._engine = engine
        self._availability = availability
        self._stopping = stopping
        self._seconds = seconds
        availability.listen(lambda trouble: cut_connections(engine) if trouble.reads is not None else None)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")
        self._running: Counter[str] = Counter()

    def close(self) -> None:
        """Release the threads and the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    async def export(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`GET /v1/export`: every record as it was at one moment."""
        validated(ExportQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("ndjson",))
        self._stopping.require_more_time()
        self._availability.require_reads()
        client = client_of(scope)
        if self._running.total() >= AT_ONCE or self._running[client] >= OF_ONE_CLIENT:
            detail = f"{self._running[client]} exports of this client and {self._running.total()} in all are under way already"
            raise Unavailable(detail, headers={"Retry-After": str(RETRY_SECONDS)})
        self._running[client] += 1
        try:
            named = (b"content-disposition", b'attachment; filename="rapporteur.ndjson"')
            await send_stream(
                scope,
                receive,
                send,
                self._chunks(),
                request,
                self._stopping,
                content_type=FORMATS["ndjson"],
                headers=[named],
                seconds=self._seconds,
            )
        finally:
            self._running[client] -= 1
            self._running += Counter()  # removes clients whose count is 0

    async def _chunks(self) -> AsyncGenerator[str]:
        loop = asyncio.get_running_loop()
        pages = self._pages()
        try:
            while page := await loop.run_in_executor(self._threads, next, pages, ""):
                yield page
        except DBAPIError as error:
            known = failure(error.orig) if error.orig is not None else None
            if known is None:
                raise
            self._availability.report(known.trouble)
            raise known.problem from error
        finally:
            await loop.run_in_executor(self._threads, pages.close)  # type: ignore[attr-defined]

    def _pages(self) -> Iterator[str]:
        with reading(self._engine) as connection:
            lines = (f"{text}\n" for _, text in self._writer.export(connection))
            while page := "".join(_some(lines)):
                yield page


def _some(lines: Iterator[str]) -> Iterator[str]:
    """The next lines, up to the size of one chunk."""
    letters = 0
    for line in islice(lines, LINES_AT_ONCE):
        yield line
        letters += len(line)
        if letters > LETTERS_AT_ONCE:
            return
