"""The endpoint of a person's participation in meetings."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.declaration.filters import FromDay, ToDay
from app.domain.vocabulary import Kind
from app.http import lines
from app.http.endpoints import Request
from app.http.lines import ByDate, Lines, LinesAnswer, LinesQuery, LinesSender, LinesView, Reading
from app.http.openapi.shared import FAILURES_OF_ONE
from app.views.participation import Asked, Participation, Participations

_VIEW = LinesView(
    "participation",
    {
        **lines.columns_at("meeting.id", "meeting.name", "type", "status", "date", "date_start", "date_end", "city"),
        **lines.columns_at("country.id", "country.name"),
        "roles": lines.joined("parts", "role"),
        "capacities": lines.joined("parts", "capacity"),
        "organizations": lines.joined("parts", "organization.name"),
        "countries": lines.joined("parts", "country.name"),
        "sides": lines.sides,
        **lines.cited_at("parts.0.citations.0"),
    },
)


class ParticipationQuery(LinesQuery):
    """The query parameters of a person's participation."""

    date_from: FromDay = None
    date_to: ToDay = None
    sort: ByDate = "-date"


class ParticipationAnswer(LinesAnswer):
    """A page of a person's participation."""

    data: list[Participation]


def router(sender: LinesSender, participations: Participations) -> APIRouter:
    """Return a router with the endpoint of a person's participation."""
    routes = lines.routes()

    @routes.get(
        "/v1/people/{id}/participation",
        response_model=ParticipationAnswer,
        **lines.described(
            "list_participation",
            "The meetings in which a person took part, in what capacity and with whom",
            "The meetings, the newest first.",
            examples=("/v1/people/pavel-tkach/participation",),
            more_failures=FAILURES_OF_ONE,
        ),
    )
    async def list_participation(
        request: Request,
        person: Annotated[str, Path(alias="id", description="the person's id", examples=["pavel-tkach"])],
        query: Annotated[ParticipationQuery, Query()],
    ) -> Lines:
        """Returns each meeting once, with all parts that the person took in it, and who was there for the other sides."""

        async def read(digest: str, key: Sequence[str] | None, languages: tuple[str, ...]) -> Reading:
            person_id = await sender.viewing.named_in_path(person, Kind.PERSON)
            asked = Asked(person_id, query.date_from, query.date_to, query.sort == "-date", languages)
            return Reading(await participations.read(asked, digest, key))

        return await sender.answer(request, query, _VIEW._replace(name=f"participation-{person}"), 3, read)

    return routes
