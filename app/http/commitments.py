"""The endpoint of commitments."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from app.declaration.filters import MAX_VALUES, DayValue, Topics
from app.declaration.model import Naming
from app.domain.vocabulary import Kind
from app.http import lines
from app.http.endpoints import Request
from app.http.lines import Lines, LinesAnswer, LinesQuery, LinesSender, LinesView, Reading
from app.views.commitments import Asked, Commitment, Commitments, with_age
from app.views.lines import ACTORS

Status = Literal["open", "under_way", "realized", "declined", "proposed", "draft", "negotiation", "agreed", "signed"]
"""The statuses of outcomes, and those of instruments that are not yet in force."""
_VIEW = LinesView(
    "commitments",
    {
        **lines.columns_at("record.id", "record.kind", "record.name", "type", "status", "date", "date_start", "date_end"),
        **lines.columns_at("age_days", "by.id", "by.name", "to.id", "to.name"),
        "sides": lines.sides,
        **lines.columns_at("meeting.id", "meeting.name", "last_sign.what", "last_sign.date_start", "last_sign.date_end"),
        **lines.columns_at("last_sign.action", "last_sign.meeting.name", "last_sign.citations.0.quote"),
        **lines.columns_at("period", "overdue"),
        **lines.CITED,
    },
    page="../commitments",
)


class CommitmentsQuery(LinesQuery):
    """The query parameters of commitments."""

    by: Annotated[
        Naming | None,
        Field(
            description="who made it, also through its bodies and people: a country, an organization or a person; of an"
            " understanding and an instrument each side",
            examples=["BY"],
        ),
    ] = None
    to: Annotated[
        Naming | None,
        Field(description="to whom it was made; of an understanding and an instrument each side", examples=["AE"]),
    ] = None
    status: Annotated[
        list[Status] | None,
        Field(min_length=1, max_length=MAX_VALUES, description="its status; several are OR", examples=["open"]),
    ] = None
    topic: Topics = None
    without_sign_since: Annotated[
        DayValue | None,
        Field(
            description="what was made before this day, and of which no action tells that can be of this day or later",
            examples=["2025-01-01"],
        ),
    ] = None


class CommitmentsAnswer(LinesAnswer):
    """A page of commitments."""

    data: list[Commitment]


def router(sender: LinesSender, commitments: Commitments) -> APIRouter:
    """Return a router with the endpoint of commitments."""
    routes = lines.routes()

    @routes.get(
        "/v1/commitments",
        response_model=CommitmentsAnswer,
        **lines.described(
            "list_commitments",
            "What was promised, proposed or agreed, and what came of it",
            "The commitments, the newest first.",
            examples=(
                "/v1/commitments?by=BY",
                "/v1/commitments?by=BY&to=AE",
                "/v1/commitments?without_sign_since=2025-01-01&lang=ru",
            ),
        ),
    )
    async def list_commitments(request: Request, query: Annotated[CommitmentsQuery, Query()]) -> Lines:
        """Returns pledges, proposals and understandings, and instruments that are on the way to a signature or into force.

        Each has its age, the newest action that was done to it (`last_sign`) and the citations that support it. It is `overdue`
        only if a source gives a time for it.
        """

        async def read(digest: str, key: Sequence[str] | None, languages: tuple[str, ...]) -> Reading:
            today = datetime.now(UTC).date()
            actors = [(name, value) for name, value in (("by", query.by), ("to", query.to)) if value]
            ids = await sender.viewing.ids(actors, ACTORS)
            about = await sender.viewing.ids([("topic", value) for value in query.topic or ()], (Kind.TOPIC,))
            topics = await sender.viewing.with_narrower([record_id for record_id, _ in about.values()])
            asked = Asked(
                today,
                by=ids[query.by] if query.by else None,
                to=ids[query.to] if query.to else None,
                statuses=tuple(str(each) for each in query.status or ()),
                topics=tuple(topics),
                without_sign_since=query.without_sign_since,
                languages=languages,
            )
            return Reading(await commitments.read(asked, digest, key), lambda row: with_age(row, today), str(today))

        return await sender.answer(request, query, _VIEW, 2, read)

    return routes
