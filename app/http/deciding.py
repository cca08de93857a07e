"""Endpoints that decide on proposals: `/v1/proposals/{id}/records/{place}/decision`, `…/decision` and `…/apply`."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from app.declaration.model import Text
from app.domain.vocabulary import Decision
from app.errors import Invalid
from app.faults import Fault
from app.http.access import Access
from app.http.bodies import guard_of
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.imports import ImportReport, reports_of
from app.http.openapi.shared import CONFLICT, OF_BODIES, UNAUTHORIZED, Json, described, header
from app.http.proposals import GONE, PROPOSAL_ID, Running, require_storable, storable
from app.http.queued import Answered, QueuedWrites, Write
from app.intake.proposals import Proposal, Proposals, Wish
from app.intake.showing import ProposalListed, listed
from app.settings import Settings
from app.writing import keys
from app.writing.batch import Report
from app.writing.idempotency import Answer
from app.writing.keys import Principal
from app.writing.queue import Apply

_STRICT = ConfigDict(extra="forbid", frozen=True)
_IF_MATCH = header("If-Match", "the `ETag` with which the proposal was read; `*` for any state of it")


class DecisionBody(BaseModel):
    """What is decided on a record."""

    model_config = _STRICT
    decision: Annotated[
        Literal["accept", "correct", "reject"],
        Field(description="`accept` it as it was proposed, `correct` it with `patch`, or `reject` it with a `reason`"),
    ]
    patch: Annotated[
        dict[str, Any] | None, Field(description="a merge patch (RFC 7396) of the proposed record, citations included")
    ] = None
    reason: Annotated[Text | None, Field(max_length=2_000, description="why")] = None
    version: Annotated[
        int | None,
        Field(ge=0, strict=True, description="the version of the stored record that you saw; needed if it moved on"),
    ] = None
    similar: Annotated[
        Literal["allow"] | None, Field(description="`allow`: it is not the record that has the same address, text or ordinal")
    ] = None


class DecisionOnAllBody(BaseModel):
    """What is decided on all records that wait."""

    model_config = _STRICT
    decision: Annotated[
        Literal["accept", "reject"],
        Field(description="`accept` those in which nothing is wrong, or `reject` all; records that were decided on stay so"),
    ]
    reason: Annotated[Text | None, Field(max_length=2_000, description="why")] = None


def router(proposals: Proposals, access: Access, queued: QueuedWrites, running: Running, settings: Settings) -> APIRouter:
    """Return a router with the endpoints that decide on proposals."""
    routes = APIRouter(route_class=Endpoint, tags=["documents"])
    write = Security(access.key_with(keys.Scope.WRITE))
    deciding: Json = {
        "shown": ("ETag", "Vary"),
        "more_parameters": [_IF_MATCH],
        "more_failures": (
            *UNAUTHORIZED,
            *OF_BODIES,
            *GONE,
            *CONFLICT,
            ("412", "PreconditionFailed"),
            ("428", "PreconditionRequired"),
        ),
    }

    async def decided(principal: Principal, settle: Callable[[Connection], Apply[list[Proposal]]]) -> Tagged:
        found: Proposal = await running.run(principal, settle)
        return Tagged(listed(found).model_dump_json().encode(), [], version=found.version)

    @routes.post(
        "/v1/proposals/{id}/records/{place}/decision",
        response_model=ProposalListed,
        max_body_size=settings.body_limit,
        **described("write_decision", "Decide on a proposed record", "The proposal after it.", **deciding),
    )
    async def write_decision(
        request: Request,
        principal: Annotated[Principal, write],
        proposal_id: Annotated[str, Path(alias="id", description=PROPOSAL_ID)],
        place: Annotated[str, Path(description="the place of the record, from 1")],
        wanted: Annotated[DecisionBody, Body(openapi_examples={"accept": {"value": {"decision": "accept"}}})],
    ) -> Tagged:
        """Accepts, corrects or rejects one record. `If-Match` says which state of the proposal you saw.

        A record with a fault cannot be accepted, nor one with a quote that its document does not have. If the stored record
        moved on, the answer is 409 with the new difference. Nothing is written to the registry before the proposal is applied.
        """
        wish = _wish(wanted)
        number = int(place) if place.isascii() and place.isdecimal() and len(place) < 10 else 0
        guard = guard_of(request.scope)
        return await decided(
            principal,
            lambda connection: proposals.decide(
                connection, storable(proposal_id), number, wish, guard=guard, principal=principal
            ),
        )

    @routes.post(
        "/v1/proposals/{id}/decision",
        response_model=ProposalListed,
        max_body_size=settings.body_limit,
        **described("write_decision_on_all", "Decide on all records that wait", "The proposal after it.", **deciding),
    )
    async def write_decision_on_all(
        request: Request,
        principal: Annotated[Principal, write],
        proposal_id: Annotated[str, Path(alias="id", description=PROPOSAL_ID)],
        wanted: Annotated[DecisionOnAllBody, Body(openapi_examples={"accept": {"value": {"decision": "accept"}}})],
    ) -> Tagged:
        """Accepts all records that wait and in which nothing is wrong, or rejects all that wait.

        Records that are faulty, resemble others or moved on still wait afterwards. Citations accepted so stay `unreviewed`.
        """
        wish = _wish(DecisionBody(decision=wanted.decision, reason=wanted.reason))
        guard = guard_of(request.scope)
        return await decided(
            principal,
            lambda connection: proposals.decide_all(connection, storable(proposal_id), wish, guard=guard, principal=principal),
        )

    applying = {**deciding, "shown": ("ETag", "Vary", "Rapporteur-Position")}

    @routes.post(
        "/v1/proposals/{id}/apply",
        response_model=ImportReport,
        **described("write_proposal", "Write what was accepted", "What became of every record.", **applying),
    )
    async def write_proposal(
        request: Request,
        principal: Annotated[Principal, write],
        proposal_id: Annotated[str, Path(alias="id", description=PROPOSAL_ID)],
    ) -> Answered:
        """Writes all accepted and corrected records in one transaction, or none of them, and closes the proposal.

        The author is the key that applies it; the log also names who proposed it. The whole can be undone like any
        transaction. Citations of records that were accepted one by one become `confirmed`.
        """
        guard = guard_of(request.scope)

        def settle(connection: Connection, _: Sequence[None]) -> Apply[Sequence[Report | None]]:
            return proposals.apply(connection, storable(proposal_id), guard=guard, principal=principal)

        def answers(connection: Connection, several: Sequence[None], reports: Sequence[Report | None]) -> list[Answer]:
            return reports_of(dry_run=False)(connection, several, [each or Report([]) for each in reports])

        return await queued.run(
            Write(principal, None, settle, None, answers), keep=True, seconds=settings.import_seconds, size=0
        )

    return routes


def _wish(wanted: DecisionBody) -> Wish:
    """Return what a reviewer decides. Raises Invalid if a correction has no patch, or a rejection no reason."""
    needed = {"correct": "patch", "reject": "reason"}.get(wanted.decision)
    if needed and getattr(wanted, needed) is None:
        fault = Fault(f"required, because the decision is to {wanted.decision} it", pointer=f"/{needed}")
        raise Invalid(str(fault), faults=[fault])
    require_storable(wanted.patch, "/patch")
    decision = {"accept": Decision.ACCEPTED, "correct": Decision.CORRECTED, "reject": Decision.REJECTED}[wanted.decision]
    return Wish(decision, wanted.patch, wanted.reason, wanted.version, wanted.similar is not None)
