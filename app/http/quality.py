"""`GET /v1/quality`: the records that an editor should look at."""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

from fastapi import APIRouter

from app.db.driver import Driver, to_statement
from app.declaration.resource import Resource
from app.http.endpoints import Endpoint, Request
from app.http.openapi.shared import CONDITIONAL, described
from app.http.responses import shown_path
from app.reading import quality
from app.reading.quality import Finding, Quality

KEPT_SECONDS = 60
"""How long an overview is answered again, because finding everything in a million records takes seconds."""


class _Kept(NamedTuple):
    findings: list[Finding]
    until: float


def router(resources: Iterable[Resource], driver: Driver) -> APIRouter:
    """Return a router with the endpoint of the quality overview."""
    routes = APIRouter(route_class=Endpoint, tags=["registry"])
    sorts = [
        (each, to_statement(each.counted(), driver.dialect), to_statement(each.listed(), driver.dialect))
        for each in quality.sorts(resources)
    ]
    reading = asyncio.Lock()
    kept = _Kept([], 0)

    async def findings() -> list[Finding]:
        """The overview of at most `KEPT_SECONDS` ago. Only one request at a time makes a new one."""
        nonlocal kept
        async with reading:
            if kept.until < time.monotonic():
                found = []
                for sort, counted, listed in sorts:
                    ((count,),) = await driver.fetch(counted, {})
                    found.append(sort.told(count, await driver.fetch(listed, {}) if count else ()))
                kept = _Kept(found, time.monotonic() + KEPT_SECONDS)
        return kept.findings

    @routes.get(
        "/v1/quality",
        **described(
            "get_quality",
            "What an editor should look at",
            "The findings.",
            shown=("ETag", "Vary"),
            more_parameters=CONDITIONAL[:1],
            examples=("/v1/quality", "/v1/citations?confidence=inferred"),
        ),
    )
    async def get_quality(request: Request) -> Quality:
        """Returns records without a citation, doubtful and disputed ones, contradictions, shared identifiers, and same names.

        The overview may be up to a minute old.
        """
        shown = [
            each.model_copy(update={"links": [shown_path(request.scope, link) for link in each.links]})
            for each in await findings()
        ]
        return Quality(data=shown)

    return routes
