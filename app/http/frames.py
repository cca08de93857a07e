"""`POST /v1/frames/{name}`: writes the records of a frame, or returns them without writing (`dry_run=true`)."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope, Send

from app.http.access import Access
from app.http.bodies import JSON_TYPES, body_of, object_in
from app.http.endpoints import Endpoint, Request
from app.http.imports import ImportReport, reports_of
from app.http.openapi.shared import CONFLICT, IDEMPOTENCY_KEY, OF_BODIES, REF, UNAUTHORIZED, Json, described
from app.http.queued import Answered, QueuedWrites, Write, retry_of
from app.http.representations import JSON, NDJSON
from app.http.responses import RequestHeaders, send_tagged
from app.settings import Settings
from app.writing import keys
from app.writing.batch import Batch, Content, Report
from app.writing.frames import FRAMES, Frame
from app.writing.keys import Principal
from app.writing.queue import Apply
from app.writing.writer import Writer

EXAMPLES: dict[str, Json] = {
    "participants": {
        "meeting": "by-cn-talks-2025-06-16",
        "participants": ["pavel-tkach", {"organization": "by-mci", "role": "organizer"}],
    },
    "instruments": {
        "meeting": "by-cn-talks-2025-06-16",
        "type": "memorandum",
        "parties": ["by-mci", "cn-miit"],
        "instruments": [{"name": "Memorandum on cloud services"}],
    },
    "postponement": {"meetings": ["gitex-2025"], "to": "2026-10", "date": "2025-08-31"},
    "membership": {"of": "eaeu", "members": ["BY", {"member": "KZ", "since": "2015"}]},
    "records": {"records": [{"kind": "topic", "name": "Quantum communication"}]},
}


_OF_ALL = """\
The frame stands for several records, which are written together or not at all. They change only what they mention, and empty
fields that follow from other records are filled. Fields beside those below hold for each row that does not have them."""


class FrameEndpoint(Endpoint):
    """A route that answers with JSON, or with NDJSON if it is a dry run."""

    offered = (JSON, NDJSON)


class FrameQuery(BaseModel):
    """The query parameters of a frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dry_run: Annotated[
        bool, Field(description="write nothing, and answer with the records in the exchange format, a line each")
    ] = False


class _Lines:
    """The response to a dry run: the records of the frame as NDJSON."""

    def __init__(self, records: Sequence[Content], request: RequestHeaders) -> None:
        self._body = b"".join(to_json(each) + b"\n" for each in records)
        self._request = request

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_tagged(send, self._body, self._request, content_type=NDJSON.media_type)


def router(writer: Writer, queued: QueuedWrites, access: Access, settings: Settings) -> APIRouter:
    """Return a router with an endpoint for each frame."""
    routes = APIRouter(route_class=FrameEndpoint, tags=["documents"])

    def frame_of(name: str, model: type[Frame]) -> None:
        schema = {key: each for key, each in model.model_json_schema(ref_template=REF).items() if key != "$defs"}
        shown: Json = {"schema": schema, "example": EXAMPLES[name]}
        documented = described(
            f"write_{name}_frame",
            f"Write a frame: {name}",
            "What became of every record.",
            shown=("ETag", "Vary", "Idempotent-Replayed", "Rapporteur-Position"),
            more_failures=(*UNAUTHORIZED, *OF_BODIES, *CONFLICT),
            more_parameters=[IDEMPOTENCY_KEY],
            body={"required": True, "content": {"application/json": shown}},
        )
        answer = documented["responses"].setdefault(200, {"description": "What became of every record."})
        answer["content"] = {NDJSON.media_type: {"schema": {"type": "string"}}}

        what = f"{model.__doc__}\n\n{_OF_ALL}"

        @routes.post(f"/v1/frames/{name}", response_model=ImportReport, description=what, **documented)
        async def write_frame(
            request: Request,
            principal: Annotated[Principal, Security(access.key_with(keys.Scope.WRITE))],
            query: Annotated[FrameQuery, Query()],
        ) -> "_Lines | Answered":
            with queued.budget.reserve() as reservation:
                body = await body_of(
                    request.scope,
                    request.receive,
                    types=JSON_TYPES,
                    limit=settings.body_limit,
                    reservation=reservation,
                )
                batch = Batch.of_many()
                batch.proves = True
                writer.intake.frame(batch, {**object_in(body), "frame": name})

                def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Report]]:
                    ready = writer.settle(connection, batch.again())
                    return lambda: [writer.apply(connection, ready, author=principal.name)]

                retry = retry_of(request.scope, body)  # also validates the `Idempotency-Key` of a dry run
                write = Write(principal, None if query.dry_run else retry, settle, None, reports_of(dry_run=query.dry_run))
                answered = await queued.run(write, keep=not query.dry_run, size=reservation.taken)
                return _Lines([record for _, record in batch.expanded], request.wants) if query.dry_run else answered

    for name, model in FRAMES.items():
        frame_of(name, model)
    return routes
