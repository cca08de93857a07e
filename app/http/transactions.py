"""`/v1/transactions/{id}`: what one request or command has written together, and how to undo it."""

import json
from collections.abc import Sequence
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from app.db.driver import Driver, to_statement
from app.db.sql import instant_text
from app.db.types import Exact
from app.declaration.model import Instant, is_storable
from app.errors import NotFound
from app.http.access import Access
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.imports import ImportReport, reports_of
from app.http.openapi.shared import CONDITIONAL, CONFLICT, FAILURES_OF_ONE, IDEMPOTENCY_KEY, UNAUTHORIZED, described
from app.http.queries import DRY_RUN
from app.http.queued import Answered, QueuedWrites, Write, retry_of
from app.http.responses import base_url
from app.models.records import Change
from app.reading.changes import Uri
from app.settings import Settings
from app.writing import keys
from app.writing.batch import Report
from app.writing.keys import Principal
from app.writing.queue import Apply
from app.writing.undoing import Undoer
from app.writing.writer import Writer

changes: sa.Table = Change.__table__
_ID = "the transaction's id, as the log and the report of an import name it"


class UndoQuery(BaseModel):
    """The query parameters of an undo."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


class TransactionLinks(BaseModel):
    """The URLs that belong to a transaction."""

    changes: Annotated[Uri, Field(description="all of its changes in the log")]


class Transaction(BaseModel):
    """What was written together: when, by whom, and how many records were created, changed and deleted."""

    id: str
    at: Annotated[Instant, Field(description="when")]
    author: Annotated[str, Field(description="the name of the key, or of the command, that wrote it")]
    changes: Annotated[dict[str, int], Field(description="how many records, by what was done with them")]
    links: TransactionLinks


def router(driver: Driver, writer: Writer, queued: QueuedWrites, access: Access, settings: Settings) -> APIRouter:
    """Return a router with the endpoints of transactions."""
    routes = APIRouter(route_class=Endpoint, tags=["records"])
    columns = (sa.func.min(changes.c.author), instant_text(sa.func.min(changes.c.at)), sa.func.count())
    query = sa.select(changes.c.operation, *columns).where(changes.c.transaction == sa.bindparam("id", type_=Exact))
    counted = to_statement(query.group_by(changes.c.operation).order_by(changes.c.operation), driver.dialect)
    undoer = Undoer(writer)

    @routes.get(
        "/v1/transactions/{id}",
        response_model=Transaction,
        **described(
            "get_transaction",
            "Read a transaction",
            "What was written together.",
            shown=("ETag", "Vary"),
            more_parameters=CONDITIONAL[:1],
            more_failures=(("404", "NotFound"),),
        ),
    )
    async def get_transaction(request: Request, transaction: Annotated[str, Path(alias="id", description=_ID)]) -> Tagged:
        """Returns when and by whom the transaction was written, and how many records it created, changed and deleted."""
        rows = await driver.fetch(counted, {"id": transaction}) if is_storable(transaction) else []
        if not rows:
            raise NotFound(f"there is no transaction {transaction!r}")
        shown = {
            "id": transaction,
            "at": min(row[2] for row in rows),
            "author": rows[0][1],
            "changes": {row[0]: row[3] for row in rows},
            "links": {"changes": f"{base_url(request.scope)}/v1/changes?transaction={transaction}"},
        }
        return Tagged(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode(), [])

    @routes.post(
        "/v1/transactions/{id}/undo",
        response_model=ImportReport,
        **described(
            "undo_transaction",
            "Undo a transaction",
            "What became of every record.",
            shown=("ETag", "Vary", "Idempotent-Replayed", "Rapporteur-Position"),
            more_parameters=[IDEMPOTENCY_KEY],
            more_failures=(*UNAUTHORIZED, *FAILURES_OF_ONE, *CONFLICT),
        ),
    )
    async def undo_transaction(
        request: Request,
        principal: Annotated[Principal, Security(access.key_with(keys.Scope.ADMIN))],
        transaction: Annotated[str, Path(alias="id", description=_ID)],
        query: Annotated[UndoQuery, Query()],
    ) -> Answered:
        """Undoes all that was written together, as one new transaction, which can be undone in its turn.

        Records that the transaction made are deleted, deleted ones come back, a merge is taken back, and other records become
        what they were before. If a record was changed since, or another record refers to one that would be deleted, nothing is
        undone, and the answer lists these records. Needs `admin`.
        """

        def settle(connection: Connection, _: Sequence[None]) -> Apply[Sequence[Report]]:
            if not is_storable(transaction):
                raise NotFound(f"there is no transaction {transaction!r}")
            return undoer.undo(connection, transaction, author=principal.name, most=settings.import_records)

        retry = retry_of(request.scope, b"")
        write = Write(principal, None if query.dry_run else retry, settle, None, reports_of(dry_run=query.dry_run))
        return await queued.run(write, keep=not query.dry_run, seconds=settings.import_seconds, size=0)

    return routes
