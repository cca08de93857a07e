"""The floor: FastAPI answering constant bytes to the product's questions, which is what FastAPI itself costs."""
# ruff: noqa: ARG001 - the parameters are read for what reading them costs

import os
from pathlib import Path as File
from typing import Annotated

from fastapi import FastAPI, Path, Query, Response

ANSWERS = {name: (File(os.environ["BENCH_ANSWERS"]) / f"{name}.json").read_bytes() for name in ("one", "list", "relations")}
"""What the product answered to one question of each kind, so that as many bytes are sent."""

Id = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
IdFilter = Annotated[str | None, Query(pattern=r"^([A-Z]{2}|[a-z0-9]+(-[a-z0-9]+)*)$", max_length=100)]
Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d$")]
Limit = Annotated[int, Query(ge=1, le=200)]

app = FastAPI(openapi_url=None)


@app.get("/v1/meetings/{meeting_id}")
async def one(meeting_id: Id, include: str | None = None) -> Response:
    return Response(ANSWERS["relations" if include else "one"], media_type="application/json")


@app.get("/v1/meetings")
async def many(
    country: IdFilter = None,
    series: IdFilter = None,
    date_from: Day = None,
    date_to: Day = None,
    sort: str = "-date",
    limit: Limit = 50,
    cursor: str | None = None,
) -> Response:
    return Response(ANSWERS["list"], media_type="application/json")
