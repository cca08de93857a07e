"""Endpoints that describe the registry itself: index, health, readiness, vocabularies."""

from collections.abc import Iterable
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import DATA_LICENCE, __version__
from app.db.driver import Driver, to_statement
from app.db.sql import instant_text
from app.declaration.resource import Resource
from app.domain import vocabulary
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.openapi.shared import NOT_MODIFIED
from app.http.queries import with_page
from app.http.responses import link_header, shown_path
from app.http.shutdown import Stopping
from app.models.records import Change, Record
from app.reading.changes import Position, end_of_log


class Health(BaseModel):
    """The response of a health check or a readiness check that has succeeded."""

    status: Annotated[str, Field(examples=["ok"])]


class LastChange(BaseModel):
    """The newest entry of the change log."""

    seq: int
    position: Annotated[str, Field(description="from where `/v1/changes` can be followed", examples=["907.1f0c9a3e"])]
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Index(BaseModel):
    """A description of this registry: name, version, licence of the data, number of records, last change, and links."""

    name: Annotated[str, Field(examples=["Rapporteur"])]
    description: str
    version: Annotated[str, Field(description="of the software")]
    data_licence: Annotated[str, Field(description="under which the registry's facts may be used, SPDX")]
    contact: Annotated[
        str | None, Field(description="where to report a wrong statement: an address of mail or of a page", examples=[None])
    ]
    counts: Annotated[dict[str, int], Field(description="how many records of each kind there are")]
    last_change: Annotated[LastChange | None, Field(description="the newest entry of the change log")]
    links: Annotated[dict[str, str], Field(description="where to go from here")]


class Word(BaseModel):
    """A word of a vocabulary, with its explanation."""

    word: str
    explanation: str


class Vocabularies(BaseModel):
    """The closed vocabularies, with an explanation of every word."""

    vocabularies: dict[str, list[Word]]


class AboutEndpoint(Endpoint):
    """A route that ignores the query string and `Accept`, because the probes of load balancers may contain some."""

    offered = ()


def router(resources: Iterable[Resource], driver: Driver, stopping: Stopping, *, contact: str) -> APIRouter:
    """Return a router with the endpoints of this module. Every path that answers GET also answers HEAD."""
    routes = APIRouter(route_class=AboutEndpoint, tags=["registry"], responses=NOT_MODIFIED)
    resources = tuple(resources)
    counts = to_statement(sa.select(Record.kind, sa.func.count()).group_by(Record.kind), driver.dialect)
    last = to_statement(end_of_log().add_columns(instant_text(Change.__table__.c.at)), driver.dialect)
    words = _vocabularies().model_dump_json().encode()
    links = {
        **{resource.plural: resource.path for resource in resources},
        "records": "/v1/records",
        "search": "/v1/search",
        "commitments": "/v1/commitments",
        "network": "/v1/network",
        "changes": "/v1/changes",
        "export": "/v1/export",
        "vocabularies": "/v1/vocabularies",
        "documentation": "/docs",
        "promise": "/docs/promise",
        "quality": "/v1/quality",
        "openapi": "/openapi.json",
    }

    @routes.get("/healthz", operation_id="get_health", summary="Whether the process lives")
    async def health() -> Health:
        """Answers as long as the process runs. The database is not checked here, but by `/readyz`."""
        return Health(status="ok")

    @routes.get("/readyz", operation_id="get_readiness", summary="Whether the registry can answer")
    async def readiness() -> Health:
        """Answers 503 if the database does not answer, refuses writes or is damaged, or if the server is about to end."""
        stopping.require_more_time()
        await driver.availability.ready()
        return Health(status="ok")

    @routes.get("/v1/", include_in_schema=False)
    @routes.get("/v1", operation_id="get_index", summary="What this registry is and holds", response_model=Index)
    async def index(request: Request) -> Tagged:
        """Returns the version, the licence of the data, the number of records of each kind, the last change, and links."""
        found = await driver.fetch(last, {})
        told = Index(
            name="Rapporteur",
            description="The system of record for international cooperation in ICT",
            version=__version__,
            data_licence=DATA_LICENCE,
            contact=contact or None,
            counts=dict.fromkeys((resource.kind for resource in resources), 0) | dict(await driver.fetch(counts, {})),
            last_change=LastChange(seq=found[0][0], position=str(Position(*found[0][:2])), at=found[0][2]) if found else None,
            links={name: shown_path(request.scope, path) for name, path in links.items()},
        )
        return Tagged(told.model_dump_json().encode(), link_header(with_page("", shown_path(request.scope, "/about"))))

    @routes.get(
        "/v1/vocabularies",
        operation_id="get_vocabularies",
        summary="The closed vocabularies, explained",
        response_model=Vocabularies,
    )
    async def vocabularies() -> Tagged:
        """Returns all closed vocabularies by name.

        A field with a closed vocabulary accepts only its words; each word is explained.
        """
        return Tagged(words, link_header(with_page("", "../vocabularies")))

    return routes


def _vocabularies() -> Vocabularies:
    return Vocabularies(
        vocabularies={
            each.__name__: [Word(word=word.value, explanation=word.explanation) for word in each]
            for each in vocabulary.Vocabulary.__subclasses__()
        }
    )
