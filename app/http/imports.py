"""`POST /v1/import`: writes many records, either all or none of them.

The body has one record per line, in the exchange format. Separate threads parse the lines.
"""

import asyncio
import time
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope

from app.errors import Malformed, PayloadTooLarge
from app.http.access import Access
from app.http.bodies import LINES_TYPES, Reservation, pieces_of
from app.http.endpoints import Endpoint, Request
from app.http.openapi.shared import CONFLICT, IDEMPOTENCY_KEY, OF_BODIES, UNAUTHORIZED, Json, described
from app.http.queries import DRY_RUN
from app.http.queued import Answered, QueuedWrites, Write, retry_of
from app.http.shutdown import Stopping, about_to_end
from app.http.writes import Changed
from app.settings import Settings
from app.writing import keys
from app.writing.batch import Batch, Line, Mode, Report
from app.writing.halting import Halt, collector_paused
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.queue import Apply
from app.writing.writer import Writer

FEW_BYTES = 1_048_576
"""The maximum size of a small import, in bytes.

Small imports have a thread of their own, so that they do not wait for large ones.
"""
_EXAMPLE = '{"kind":"topic","id":"quantum-communication","name":"Quantum communication"}'
LINES_AT_ONCE = 100
"""The number of lines that are parsed between two checks of whether the import has to stop."""


class ImportQuery(BaseModel):
    """The query parameters of an import."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False
    mode: Annotated[
        Mode,
        Field(
            description="`replace`: a record becomes what its line says; `merge`: a line changes only what it mentions, null"
            " clears a field, and arrays and citations keep what they have"
        ),
    ] = Mode.REPLACE
    prove: Annotated[
        bool,
        Field(
            description="refuse quotes that do not stand in the document of their source, if its text was sent to"
            " `/v1/documents`; otherwise, they are warnings"
        ),
    ] = False


class ImportedLine(Changed):
    """What an import did with one record, and the number of the line that contained the record."""

    line: Annotated[str | None, Field(description="the line it came with", examples=["1"])]


class LineWarning(BaseModel):
    """Something in a line that should be looked at, but was not refused."""

    line: Annotated[str | None, Field(description="the line", examples=["1"])]
    pointer: Annotated[str | None, Field(description="the place in the line, a JSON pointer", examples=["/citations/0/quote"])]
    detail: str


class ImportReport(BaseModel):
    """The result of an import: how many records it created, replaced, left unchanged and deleted, and what it did with each."""

    created: int
    replaced: int
    unchanged: int
    deleted: Annotated[int, Field(description="what lines deleted, and citations that a line left out")]
    repeated: Annotated[int, Field(description="lines that said the same as an earlier line")]
    transaction: Annotated[
        str | None,
        Field(description="the transaction in the log, with which it can be undone; null if nothing was changed or kept"),
    ]
    warnings: Annotated[
        list[LineWarning],
        Field(description="what to look at: quotes that do not stand in their document, records that may be there already"),
    ]
    records: list[ImportedLine]


def router(imports: "Imports", access: Access) -> APIRouter:
    """Return a router with the endpoint of the import."""
    routes = APIRouter(route_class=Endpoint, tags=["records"])
    lines: Json = {"schema": {"type": "string"}, "example": _EXAMPLE}

    @routes.post(
        "/v1/import",
        response_model=ImportReport,
        **described(
            "import_records",
            "Write many records",
            "What became of every record.",
            shown=("ETag", "Vary", "Idempotent-Replayed", "Rapporteur-Position"),
            more_failures=(*UNAUTHORIZED, *OF_BODIES, *CONFLICT),
            more_parameters=[IDEMPOTENCY_KEY],
            body={"required": True, "content": dict.fromkeys(LINES_TYPES, lines)},
        ),
    )
    async def import_records(
        request: Request,
        principal: Annotated[Principal, Security(access.key_with(keys.Scope.WRITE))],
        query: Annotated[ImportQuery, Query()],
    ) -> Answered:
        """Writes all records of an NDJSON body, or none. If none are written, the answer lists the faults of the lines.

        The body has the format that `export` writes. The records may be of different kinds, and in any order.

        The content of each line replaces the stored content of its record; with `mode=merge` it changes only what it mentions.
        If a line has no `citations`, the record's stored citations are kept. A line with `"deleted": true` deletes the record
        that its id, its identifiers (with `"match": "identifier"`) or its natural key means, and with `"links": true` also the
        records that only link it. A line with a `version` is refused if it would change a record that has another version.
        """
        return await imports.run(request, principal, query)

    return routes


class Imports:
    """Parses small imports on one thread and large imports on another. The write queue then writes them to the database."""

    def __init__(self, writer: Writer, queued: QueuedWrites, settings: Settings, stopping: Stopping) -> None:
        self._writer = writer
        self._queued = queued
        self._settings = settings
        self._stopping = stopping
        self._large = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._small = ThreadPoolExecutor(1, thread_name_prefix="import-few")

    def close(self) -> None:
        """Release the threads that parse imports."""
        for threads in (self._large, self._small):
            threads.shutdown(cancel_futures=True)

    async def run(self, request: Request, principal: Principal, query: ImportQuery) -> Answered:
        """Parse and check the lines on a thread, then let the write queue write the records to the database. Return the answer.

        If the same request, with the same `Idempotency-Key`, was sent before, nothing is written and the stored answer is
        returned.
        """
        with self._queued.budget.reserve() as reservation:
            self._stopping.require_more_time()
            lines, digest = await self._lines(request.scope, request.receive, reservation)
            retry, dry_run = retry_of(request.scope, digest), query.dry_run
            halt = Halt(self._settings.import_seconds)
            gone = asyncio.create_task(_halt_when_gone(request.receive, halt))
            try:
                with self._stopping.telling(lambda: halt.now(about_to_end())), collector_paused():
                    threads = self._small if reservation.taken <= FEW_BYTES else self._large
                    batch = await asyncio.get_running_loop().run_in_executor(threads, self._parsed, lines, query, halt)

                    def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Report]]:
                        halt.check()
                        ready = self._writer.settle(connection, batch.again(), check=halt.check)
                        return lambda: [self._writer.apply(connection, ready, author=principal.name, check=halt.check)]

                    return await self._queued.run(
                        Write(principal, None if dry_run else retry, settle, None, reports_of(dry_run=dry_run)),
                        keep=not dry_run,
                        seconds=self._settings.import_seconds,
                        size=reservation.taken,
                    )
            finally:
                gone.cancel()

    async def _lines(self, scope: Scope, receive: Receive, reservation: Reservation) -> tuple[deque[Line], bytes]:
        """Receive the body, and return its lines and its digest.

        Raises PayloadTooLarge if a line is too long, or if there are too many lines.
        """
        settings = self._settings
        hashed = blake2b()
        lines: deque[Line] = deque()
        number, rest = 1, b""

        def take(text: bytes) -> None:
            nonlocal number
            if len(text) > settings.body_limit:
                detail = f"line {number} is longer than {settings.body_limit} bytes, which is as long as a line may be"
                raise PayloadTooLarge(detail, headers={"Connection": "close"})
            if text.removeprefix(BOM_UTF8).strip():
                if len(lines) >= settings.import_records:
                    detail = f"an import may have {settings.import_records} lines; send several"
                    raise PayloadTooLarge(detail, headers={"Connection": "close"})
                lines.append(Line(str(number), text))
            number += 1

        async for piece in pieces_of(scope, receive, types=LINES_TYPES, limit=settings.import_limit, reservation=reservation):
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

    def _parsed(self, lines: deque[Line], query: ImportQuery, halt: Halt) -> Batch:
        """Parse all lines into a batch.

        Each line is removed from `lines` when it is parsed, so that its content is not in memory twice.
        """
        batch = Batch.of_many()
        batch.proves = query.prove
        while lines:
            _pause(halt)
            self._writer.intake.lines([lines.popleft() for _ in range(min(len(lines), LINES_AT_ONCE))], batch, mode=query.mode)
            if len(batch.framed) > self._settings.import_records:
                most = self._settings.import_records
                raise PayloadTooLarge(f"an import may have {most} records, those of its frames included; send several")
        several = iter(batch.wanted.values() if not batch.faults else ())
        while some := tuple(islice(several, LINES_AT_ONCE)):
            _pause(halt)
            self._writer.search_entries.prepare(some)
        return batch


def reports_of(*, dry_run: bool) -> Callable[[Connection, Sequence[None], Sequence[Report]], list[Answer]]:
    """Return the function that answers with reports. The transaction of a dry run is not named, because it is not kept."""

    def reports(_connection: Connection, _several: Sequence[None], reports: Sequence[Report]) -> list[Answer]:
        return [Answer(200, _report_of(report, None if dry_run else report.transaction)) for report in reports]

    return reports


def _report_of(report: Report, transaction: str | None) -> str:
    """Return an `ImportReport` as JSON. It is built without pydantic models, because 100,000 models would take 60 MB."""
    records = ",".join(
        to_json({"id": each.id, "kind": each.kind, "operation": each.operation, "line": each.line}).decode()
        for each in report.written
    )
    told: dict[str, Any] = {**report.counts, "repeated": report.repeated, "transaction": transaction}
    told["warnings"] = [{"line": each.line, "pointer": each.pointer, "detail": each.detail} for each in report.warnings]
    return f'{to_json(told).decode()[:-1]},"records":[{records}]}}'


def _pause(halt: Halt) -> None:
    """Raise a Problem if the import has to stop.

    Otherwise release the GIL for a moment, because the event loop may be waiting for it.
    """
    halt.check()
    time.sleep(0)


async def _halt_when_gone(receive: Receive, halt: Halt) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    halt.now(Malformed("the client went away before the import was done; nothing was written"))
