"""Endpoints that make, show and withdraw proposals (`/v1/proposals`). Each requires an API key."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from app.declaration.model import Id, Text, is_storable
from app.declaration.validation import escaped
from app.domain.vocabulary import ProposalStatus
from app.errors import Invalid, NotFound
from app.faults import Fault
from app.http.access import Access
from app.http.bodies import JSON_TYPES, body_of, checked, object_in
from app.http.documents import LangQuery
from app.http.endpoints import Endpoint, NoContent, Request, Tagged
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONFLICT, OF_BODIES, REF, UNAUTHORIZED, Json, described, with_repeated
from app.http.queued import QueuedWrites, Write
from app.http.responses import language_header, shown_path
from app.http.snapshots import Snapshots
from app.intake.proposals import MOST_RECORDS, Proposals, Sent
from app.intake.showing import ProposalList, ProposalShown, Showing, listed
from app.settings import Settings
from app.writing import keys
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.queue import Apply
from app.writing.write_schema import Reference

_STRICT = ConfigDict(extra="forbid", frozen=True)
MOST_DOCUMENTS = 20
PROPOSAL_ID = "the proposal's id"
GONE = (("404", "NotFound"), ("410", "Gone"))
EXAMPLE = {
    "title": "A topic that a document names",
    "by": "a script",
    "records": [{"kind": "topic", "id": "quantum-communication", "name": "Quantum communication"}],
}


class ProposalBody(BaseModel):
    """A proposal of records."""

    model_config = _STRICT
    title: Annotated[Text, Field(max_length=300, description="what it is about, for those who decide")]
    by: Annotated[Text | None, Field(max_length=300, description="who made it: a person, a script, a model")] = None
    documents: Annotated[
        list[Id],
        Field(max_length=MOST_DOCUMENTS, description="the documents that it rests on, by their ids in `/v1/documents`"),
    ] = []
    records: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MOST_RECORDS,
            description="records in the exchange format, as lines of an import with `mode=merge`, and frames",
        ),
    ]
    derive: Annotated[
        bool, Field(description="fill empty fields that follow from others, as frames do; records may have `quote`")
    ] = False
    source: Annotated[
        Reference | None, Field(description="the source of `quote`s that name none; by default, that of the document")
    ] = None


class ProposalsQuery(BaseModel):
    """The query parameters of the queue."""

    model_config = _STRICT
    status: Annotated[ProposalStatus | None, Field(description="only those with this status", examples=["open"])] = None


class Running:
    """Runs the writes to proposals in the write queue."""

    def __init__(self, queued: QueuedWrites, settings: Settings) -> None:
        self.budget = queued.budget
        self._queued = queued
        self._seconds = settings.import_seconds

    async def run(self, principal: Principal, settle: Callable[[Connection], Apply[Sequence[Any]]], *, size: int = 0) -> Any:
        """Run `settle` and the function that it returns. Returns the result of that function after the commit."""
        results: list[Any] = []

        def answers(_: Connection, __: Sequence[None], found: Sequence[Any]) -> list[Answer]:
            results[:] = found
            return [Answer(204, "")]

        write = Write(principal, None, lambda connection, _: settle(connection), None, answers)
        await self._queued.run(write, keep=True, seconds=self._seconds, size=size)
        return results[0]


def router(
    proposals: Proposals, showing: Showing, snapshots: Snapshots, access: Access, running: Running, settings: Settings
) -> APIRouter:
    """Return a router with the endpoints that make, show and withdraw proposals."""
    routes = APIRouter(route_class=Endpoint, tags=["documents"])
    propose = Security(access.key_with(keys.Scope.PROPOSE))
    body = {key: each for key, each in ProposalBody.model_json_schema(ref_template=REF).items() if key != "$defs"}
    shown: Json = {"schema": body, "example": EXAMPLE}
    creating = described(
        "create_proposal",
        "Propose records",
        "The proposal, examined.",
        status=201,
        shown=("ETag", "Vary", "Location"),
        more_failures=(*UNAUTHORIZED, *OF_BODIES),
        body={"required": True, "content": {"application/json": shown}},
    )
    creating = with_repeated(creating, "The key has proposed it before.", ProposalShown)

    @routes.post("/v1/proposals", response_model=ProposalShown, **creating)
    async def create_proposal(
        request: Request, principal: Annotated[Principal, propose], query: Annotated[LangQuery, Query()]
    ) -> Tagged:
        """Keeps records for a decision, and says of each what it would do, what is wrong, and what its documents support.

        Nothing is written to the registry. The same proposal from the same key is kept once. Records merge, as lines of an
        import with `mode=merge`; a frame stands for several.
        """
        with running.budget.reserve() as reservation:
            limit = settings.body_limit
            content = await body_of(request.scope, request.receive, types=JSON_TYPES, limit=limit, reservation=reservation)
            wanted: ProposalBody = checked(ProposalBody, object_in(content))
            sent = _sent(wanted, blake2b(content, digest_size=24).hexdigest())
            proposal_id, is_new = await running.run(
                principal, lambda connection: proposals.make(connection, sent, principal), size=reservation.taken
            )
        languages = requested_languages(query.lang, request.wants.accept_language)
        body, version = await showing.shown(proposal_id, languages)
        location = [(b"location", shown_path(request.scope, f"/v1/proposals/{proposal_id}").encode())]
        return Tagged(body, [*language_header(*languages[:1]), *location], 201 if is_new else 200, version)

    @routes.get(
        "/v1/proposals",
        **described(
            "list_proposals",
            "Read the queue of proposals",
            "The newest proposals.",
            shown=("ETag", "Vary"),
            more_failures=UNAUTHORIZED,
        ),
    )
    async def list_proposals(_key: Annotated[Principal, propose], query: Annotated[ProposalsQuery, Query()]) -> ProposalList:
        """Returns the newest proposals without their records."""
        found = await snapshots.read(lambda connection: proposals.newest(connection, query.status))
        return ProposalList(data=list(map(listed, found)))

    @routes.get(
        "/v1/proposals/{id}",
        response_model=ProposalShown,
        **described(
            "get_proposal",
            "Read a proposal",
            "The proposal, examined.",
            shown=("ETag", "Vary", "Content-Language"),
            more_failures=(*UNAUTHORIZED, *GONE),
        ),
    )
    async def get_proposal(
        request: Request,
        _key: Annotated[Principal, propose],
        proposal_id: Annotated[str, Path(alias="id", description=PROPOSAL_ID)],
        query: Annotated[LangQuery, Query()],
    ) -> Tagged:
        """Returns a proposal, and how each of its records compares with the registry now."""
        languages = requested_languages(query.lang, request.wants.accept_language)
        body, version = await showing.shown(storable(proposal_id), languages)
        return Tagged(body, language_header(*languages[:1]), version=version)

    @routes.delete(
        "/v1/proposals/{id}",
        response_model=None,
        **described(
            "remove_proposal",
            "Withdraw a proposal",
            "It is withdrawn.",
            status=204,
            more_failures=(*UNAUTHORIZED, *GONE, *CONFLICT),
        ),
    )
    async def remove_proposal(
        principal: Annotated[Principal, propose], proposal_id: Annotated[str, Path(alias="id", description=PROPOSAL_ID)]
    ) -> NoContent:
        """Withdraws a proposal that this key made and that is still open. It stays readable."""
        await running.run(principal, lambda connection: proposals.withdraw(connection, storable(proposal_id), principal))
        return NoContent()

    return routes


def _sent(wanted: ProposalBody, digest: str) -> Sent:
    require_storable(wanted.records, "/records")
    return Sent(wanted.title, wanted.by, wanted.documents, wanted.records, wanted.derive, wanted.source, digest)


def require_storable(value: Any, pointer: str) -> None:
    """Raise Invalid if a string in a JSON value cannot be stored. `pointer` is the JSON Pointer to the value."""
    if isinstance(value, str) and not is_storable(value):
        fault = Fault("holds a NUL character or half a surrogate pair, which is no text", pointer=pointer)
        raise Invalid(str(fault), faults=[fault])
    if isinstance(value, dict):
        for name, each in value.items():
            require_storable(name, pointer)
            require_storable(each, f"{pointer}/{escaped(name)}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            require_storable(each, f"{pointer}/{number}")


def storable(proposal_id: str) -> str:
    """Return the id. Raises NotFound if it contains characters that no id has."""
    if not is_storable(proposal_id):
        raise NotFound(f"there is no proposal {proposal_id!r}")
    return proposal_id
