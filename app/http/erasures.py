"""`POST /v1/{plural}/{id}/erase`: takes a record out of the registry, its history and the stored answers."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection, Engine

from app import caching
from app.db.engine import clear_log
from app.declaration.model import is_storable
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import NotFound
from app.http.access import Access
from app.http.bodies import guard_of
from app.http.endpoints import Endpoint, Request
from app.http.openapi.shared import CONFLICT, FAILURES_OF_ONE, IDEMPOTENCY_KEY, UNAUTHORIZED, described
from app.http.queries import DRY_RUN
from app.http.queued import Answered, QueuedWrites, Write, retry_of
from app.reading.naming import Meanings
from app.settings import Settings
from app.writing import keys
from app.writing.erasing import Eraser, Erasure, Mention
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.queue import Apply

AGAIN_SECONDS = 1.0
"""Seconds between two attempts to empty SQLite's log."""


class EraseQuery(BaseModel):
    """The query parameters of an erasure."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False
    confirmed: Annotated[
        bool,
        Field(
            description="erase even if present texts of other records contain one of its names, which stay; texts of documents"
            " and proposals that contain one are removed"
        ),
    ] = False
    keep_history: Annotated[
        bool,
        Field(
            description="keep the earlier versions of other records that contain one of its names but do not refer to it:"
            " for names that are common words"
        ),
    ] = False


class ErasedRecord(BaseModel):
    """A record that an erasure took out."""

    id: str
    kind: Kind


class MentioningRecord(ErasedRecord):
    """Another record, and its versions that mentioned the erased one."""

    versions: list[int]
    fields: Annotated[list[str], Field(description="of a present version: the fields whose texts contain a name")]


class ErasureReport(BaseModel):
    """What an erasure did."""

    erased: Annotated[
        list[ErasedRecord],
        Field(description="the record, those merged into it, the records that only link it, and their citations"),
    ]
    blanked: Annotated[
        list[MentioningRecord],
        Field(description="earlier versions of other records that named it or referred to it: their content is gone, too"),
    ]
    mentions: Annotated[
        list[MentioningRecord],
        Field(description="records whose present texts contain one of its names, and stay as they are, as `confirmed` says"),
    ]
    answers: Annotated[int, Field(description="answers kept for an `Idempotency-Key` that were dropped")]
    documents: Annotated[list[str], Field(description="documents that named it: their texts are removed")]
    proposals: Annotated[list[str], Field(description="proposals that named it: the records that did are removed from them")]
    transaction: Annotated[str | None, Field(description="the transaction in the log; null for a dry run")]


def router(
    resources: Sequence[Resource],
    eraser: Eraser,
    meanings: Meanings,
    queued: QueuedWrites,
    access: Access,
    settings: Settings,
    clearing: "Clearing",
) -> APIRouter:
    """Return a router with an endpoint for each collection. `clearing` is used after the commit."""
    routes = APIRouter(route_class=Endpoint)

    def erase_of(resource: Resource) -> None:
        shown = [resource.example] if resource.example else None

        @routes.post(
            f"{resource.path}/{{id}}/erase",
            tags=[resource.plural],
            response_model=ErasureReport,
            **described(
                f"erase_{resource.kind}",
                f"Erase {resource.kind.with_article}",
                "What was erased.",
                shown=("ETag", "Vary", "Idempotent-Replayed", "Rapporteur-Position"),
                more_parameters=[IDEMPOTENCY_KEY],
                more_failures=(*UNAUTHORIZED, *FAILURES_OF_ONE, *CONFLICT, ("412", "PreconditionFailed")),
            ),
        )
        async def erase(
            request: Request,
            principal: Annotated[Principal, Security(access.key_with(keys.Scope.ADMIN))],
            record_id: Annotated[str, Path(alias="id", description="the record's id", examples=shown)],
            query: Annotated[EraseQuery, Query()],
        ) -> Answered:
            """Takes out what the record contains and ever contained, for ever: where the law asks for it, for example.

            With it go the records that only link it, and all their citations. Of each of them, the log keeps id, kind,
            versions, times and one change `erase`. Nothing of it can be restored or undone, and no record gets its id again.
            The record may be deleted already. If other records refer to it, or name it in their texts, the answer is 409 and
            names them. Needs `admin`.
            """
            if not is_storable(record_id):
                raise NotFound(f"no {resource.kind} has such an id")
            meant = await meanings.named_by_code(resource, record_id)

            def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Erasure]]:
                return eraser.erase(
                    connection,
                    meant,
                    kinds=(resource.kind,),
                    author=principal.name,
                    guard=guard_of(request.scope),
                    confirmed=query.confirmed,
                    keeps_history=query.keep_history,
                )

            def answers(_: Connection, __: Sequence[None], erasures: Sequence[Erasure]) -> list[Answer]:
                return [Answer(200, _report(each, dry_run=query.dry_run).model_dump_json()) for each in erasures]

            retry = retry_of(request.scope, b"")  # also validates the `Idempotency-Key` of a dry run
            write = Write(principal, None if query.dry_run else retry, settle, None, answers)
            answered = await queued.run(write, keep=not query.dry_run, seconds=settings.import_seconds, size=0)
            if not query.dry_run:
                caching.forget()
                await clearing.begin()
            return answered

    for resource in resources:
        erase_of(resource)
    return routes


class Clearing:
    """Empties SQLite's log after an erasure. If readers use the log, this is tried again until it succeeds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_wanted = asyncio.Event()

    async def begin(self) -> None:
        """Empty the log now, or else in the background."""
        if not await asyncio.to_thread(clear_log, self._engine):
            self._is_wanted.set()

    async def run(self) -> None:
        """Empty the log whenever `begin` could not. Runs until it is cancelled."""
        while True:
            await self._is_wanted.wait()
            await asyncio.sleep(AGAIN_SECONDS)
            if await asyncio.to_thread(clear_log, self._engine):
                self._is_wanted.clear()


def _report(erasure: Erasure, *, dry_run: bool) -> ErasureReport:
    def mentioning(several: Sequence[Mention]) -> list[MentioningRecord]:
        return [MentioningRecord(**each._asdict()) for each in several]

    return ErasureReport(
        erased=[ErasedRecord(id=record_id, kind=kind) for record_id, kind in erasure.erased],
        blanked=mentioning(erasure.blanked),
        mentions=mentioning(erasure.mentions),
        answers=erasure.answers,
        documents=erasure.documents,
        proposals=erasure.proposals,
        transaction=None if dry_run else erasure.transaction,
    )
