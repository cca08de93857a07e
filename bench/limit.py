"""The limit: SQL written by hand, JSON made by the database, the driver called as directly as it goes.

Behind Starlette's routes, or with BENCH_FACE=fastapi behind FastAPI's with typed parameters. On SQLite one connection on the
event loop, on Postgres asyncpg's pool.
"""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Any

import asyncpg
from fastapi import FastAPI, Path, Query
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

URL = os.environ["BENCH_URL"]
"""A file of SQLite, or the URL of a Postgres database."""
ON_POSTGRES = URL.startswith("postgresql")
OBJECT, LIST, TEXT = ("json_build_object", "json_agg", "::text") if ON_POSTGRES else ("json_object", "json_group_array", "")
LIMIT = 50
OWN = "id version created_at updated_at"
OF_MEETINGS = (
    "name type series ordinal part_of date date_note date_start date_end city country venue format status theme summary "
    "attendance attendance_qualifier language participants_coverage"
)
OF_PARTICIPANTS = (
    "meeting date date_note date_start date_end person organization country group count count_qualifier role capacity rank "
    "on_behalf_of presence meeting_status contribution language"
)
OF_CITATIONS = "record field value source paragraph quote link confidence review"
RANKS = (
    *("head_of_state", "head_of_government", "deputy_head_of_government", "head_of_organization", "minister"),
    *("deputy_minister", "ambassador", "head_of_agency", "official", "expert"),
)

# -- SQL ------------------------------------------------------------------------------------------------------------------


def instant(column: str) -> str:
    """An instant as the product writes it."""
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" if ON_POSTGRES else column


def ref(alias: str, *, label: str = "name", kind: str = "") -> str:
    """What a reference shows, from a table that was joined; null without one."""
    more = f", 'kind', {kind}" if kind else ""
    shown = f"CASE WHEN {alias}.id IS NOT NULL THEN {OBJECT}('id', {alias}.id, 'name', {alias}.{label}{more}) END"
    return shown if ON_POSTGRES else f"json({shown})"


def array(of: str, rest: str, *, order: str) -> str:
    """An array from a subquery."""
    items = f"SELECT {of} AS item {rest} ORDER BY {order}"
    item = "item" if ON_POSTGRES else "json(item)"
    whole = f"(SELECT {LIST}({item}) FROM ({items}) AS several)"
    return f"coalesce({whole}, '[]'::json)" if ON_POSTGRES else whole


def written(alias: str, kind: str, fields: str, **other: str) -> str:
    """A record as an object."""
    values = {"kind": f"'{kind}'"} | {name: f'{alias}."{name}"' for name in f"{OWN} {fields}".split()}
    values |= {name: instant(f"{alias}.{name}") for name in ("created_at", "updated_at")} | other
    pairs = ", ".join(f"'{name}', {value}" for name, value in values.items())
    return f"{OBJECT}({pairs})"


OF_MEETING = {"series": ref("s"), "part_of": ref("p"), "country": ref("c")}
JOINED = """FROM meetings m LEFT JOIN series s ON s.id = m.series_id LEFT JOIN meetings p ON p.id = m.part_of_id
    LEFT JOIN countries c ON c.id = m.country_id"""
PARTS = {
    "countries": array(
        f"{OBJECT}('id', ic.id, 'name', ic.name)",
        """FROM involvements i JOIN countries ic ON ic.id = i.actor_id
        WHERE i.record_id = m.id AND i.actor_kind = 'country'""",
        order="ic.id",
    ),
    "names": array(
        f"{OBJECT}('language', n.language, 'text', n.text, 'type', n.type)",
        "FROM names n WHERE n.record_id = m.id",
        order="n.place",
    ),
    "identifiers": array(
        f"{OBJECT}('scheme', d.scheme, 'identifier', d.identifier)",
        "FROM identifiers d WHERE d.record_id = m.id",
        order="d.place",
    ),
    "topics": array(
        f"{OBJECT}('id', t.id, 'name', t.name)",
        "FROM record_topics r JOIN topics t ON t.id = r.topic_id WHERE r.record_id = m.id",
        order="r.place",
    ),
    "joint_with": array(
        f"{OBJECT}('series', {ref('js')}, 'ordinal', j.ordinal)",
        "FROM joint_series j JOIN series js ON js.id = j.series_id WHERE j.record_id = m.id",
        order="j.place",
    ),
    "also_in": array(
        f"{OBJECT}('city', f.city, 'country', {ref('fc')})",
        "FROM further_places f LEFT JOIN countries fc ON fc.id = f.country_id WHERE f.record_id = m.id",
        order="f.place",
    ),
}
WHEN = " ".join(f"WHEN '{rank}' THEN {place}" for place, rank in enumerate(RANKS))
RANKED = f"CASE a.rank {WHEN} ELSE {len(RANKS)} END"
LINK = f"src.url || CASE WHEN {'strpos' if ON_POSTGRES else 'instr'}(src.url, '#') > 0 THEN '' ELSE '#' END || q.text_fragment"
RELATIONS = {
    "participants": array(
        written(
            "a",
            "participant",
            OF_PARTICIPANTS,
            meeting=ref("m"),
            person=ref("ap"),
            organization=ref("ao"),
            country=ref("ac"),
            on_behalf_of=ref("ab", kind="ab.kind"),
            meeting_status="m.status",
        ),
        """FROM participants a LEFT JOIN people ap ON ap.id = a.person_id
        LEFT JOIN organizations ao ON ao.id = a.organization_id LEFT JOIN countries ac ON ac.id = a.country_id
        LEFT JOIN records ab ON ab.id = a.on_behalf_of_id WHERE a.meeting_id = m.id""",
        order=f"{RANKED}, a.person_id IS NULL, a.id",
    ),
    "citations": array(
        written("q", "citation", OF_CITATIONS, record=ref("qr", kind="qr.kind"), source=ref("src", label="title"), link=LINK),
        """FROM citations q JOIN records qr ON qr.id = q.record_id JOIN sources src ON src.id = q.source_id
        WHERE q.record_id = m.id""",
        order="q.source_id, q.paragraph, q.id",
    ),
}
BY_ID = f"{JOINED} WHERE m.id = "
ONE = f"SELECT {written('m', 'meeting', OF_MEETINGS, **OF_MEETING, **PARTS)}{TEXT} {BY_ID}"
WITH_RELATIONS = f"SELECT {written('m', 'meeting', OF_MEETINGS, **OF_MEETING, **PARTS, **RELATIONS)}{TEXT} {BY_ID}"
FILTERS = {
    "country": "m.country_id = {}",
    "date_from": "m.date_end >= {}",
    "date_to": "m.date_start <= {}",
    "before": "(m.date_start, m.id) < ({}, {})",
}


@cache
def many(names: tuple[str, ...]) -> str:
    """The list with these filters, their values in this order."""
    marks = iter(parameter(number) for number in range(1, len(FILTERS) + 2))
    conditions = [FILTERS[name].format(next(marks), next(marks) if name == "before" else "") for name in names]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    item = written("m", "meeting", OF_MEETINGS, **OF_MEETING)
    rows = f"SELECT {item} AS item {JOINED} {where} ORDER BY m.date_start DESC, m.id DESC LIMIT {LIMIT}"
    one = "item" if ON_POSTGRES else "json(item)"
    return f"SELECT {OBJECT}('data', {LIST}({one})){TEXT} FROM ({rows}) AS page"


def parameter(number: int) -> str:
    """How the database writes a parameter."""
    return f"${number}" if ON_POSTGRES else f"?{number}"


# -- the server -----------------------------------------------------------------------------------------------------------

_connection: sqlite3.Connection
_pool: "asyncpg.Pool[asyncpg.Record]"


async def answered(sql: str, *values: str) -> Response:
    """What one value says, as JSON."""
    if ON_POSTGRES:
        text = await _pool.fetchval(sql, *values)
    else:
        row = _connection.execute(sql, values).fetchone()
        text = row and row[0]
    return Response(text, media_type="application/json") if text else Response(status_code=404)


async def listed(asked: dict[str, str]) -> Response:
    """A page."""
    names = tuple(name for name in FILTERS if asked.get(name))
    values = [value for name in names for value in (asked[name].split(",") if name == "before" else [asked[name]])]
    return await answered(many(names), *values)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Connect."""
    global _connection, _pool  # noqa: PLW0603 - one process, one database
    if ON_POSTGRES:
        _pool = await asyncpg.create_pool(URL, min_size=1, max_size=10)
        yield
        await _pool.close()
    else:
        _connection = sqlite3.connect(f"file:{URL}?mode=ro", uri=True, isolation_level=None, cached_statements=100)
        for pragma in ("cache_size = -65536", "mmap_size = 1073741824"):
            _connection.execute(f"PRAGMA {pragma}")
        yield
        _connection.close()


async def _one(request: Request) -> Response:
    return await answered(ONE + parameter(1), request.path_params["meeting_id"])


async def _relations(request: Request) -> Response:
    return await answered(WITH_RELATIONS + parameter(1), request.path_params["meeting_id"])


async def _many(request: Request) -> Response:
    return await listed(dict(request.query_params))


def _behind_fastapi() -> FastAPI:
    made = FastAPI(lifespan=lifespan)
    Id = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]  # noqa: N806 - a type
    Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d$")]  # noqa: N806 - a type

    @made.get("/v1/meetings/{meeting_id}")
    async def one(meeting_id: Id) -> Response:
        return await answered(ONE + parameter(1), meeting_id)

    @made.get("/v1/meetings/{meeting_id}/relations")
    async def relations(meeting_id: Id) -> Response:
        return await answered(WITH_RELATIONS + parameter(1), meeting_id)

    @made.get("/v1/meetings")
    async def page(
        country: str | None = None, date_from: Day = None, date_to: Day = None, before: str | None = None
    ) -> Response:
        given = {"country": country, "date_from": date_from, "date_to": date_to, "before": before}
        return await listed({name: value for name, value in given.items() if value})

    return made


app: Any = (
    _behind_fastapi()
    if os.environ.get("BENCH_FACE") == "fastapi"
    else Starlette(
        routes=[
            Route("/v1/meetings", _many),
            Route("/v1/meetings/{meeting_id}", _one),
            Route("/v1/meetings/{meeting_id}/relations", _relations),
        ],
        lifespan=lifespan,
    )
)
