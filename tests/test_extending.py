"""What CONTRIBUTING promises: a representation, and a list across kinds, are a file and a line."""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.testclient import TestClient

from app import main
from app.db.driver import Driver, Row, to_statement
from app.db.drivers import driver_for
from app.db.sql import concatenated, json_string, literal
from app.db.types import Exact
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.files.listing import Job, Listing
from app.files.tables import TableColumn
from app.http import endpoints, queries, representations
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.representations import JSON, Page, WritesFiles, WritesPages, WritesRecords, WritesStreams
from app.http.responses import page_links
from app.models.records import Involvement
from app.reading import cursor as cursors
from app.reading.paging import PagedRead, key_parameters
from app.settings import Settings
from tests.conftest import Database

# -- a representation ------------------------------------------------------------------------------------------------------


class Titles(WritesRecords, WritesPages):
    """The names of records, a line each: as a page, and one alone."""

    name = "titles"
    media_type = "text/x-titles"
    content_type = "text/x-titles; charset=utf-8"

    def record(self, text: str) -> bytes:
        """The name."""
        return f"{json.loads(text)['name']}\n".encode()

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """The names, and where the next are."""
        following = f"→ {page.links['next']}\n" if page.next_cursor else ""
        return ("".join(f"{json.loads(text)['name']}\n" for text in texts) + following).encode()


class Tabs(WritesStreams):
    """A whole list, in columns between which tabs stand."""

    name = "tabs"
    media_type = content_type = "text/x-tabs"
    suffix = "tabs"
    is_table = True
    parameters = {"gap": (str, Field(default="\t", description="what stands between two columns"))}  # noqa: RUF012 - a test's

    async def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any], where: str
    ) -> AsyncGenerator[str]:
        """The names of the columns, then the rows."""
        head = options["gap"].join(column.name for column in columns) + "\n"
        async for rows in pages:
            yield head + "".join(options["gap"].join(str(cell or "") for cell in row) + "\n" for row in rows)
            head = ""


def count(lines: Path, result: Path, listing: Listing) -> None:
    """The job of a worker process: how many records there are, and what it was told."""
    with lines.open() as file:
        ids = [json.loads(line)["id"] for line in file]
    result.write_text(f"{len(ids)} {listing.plural} {listing.record_id} {listing.as_of} {os.getpid()} {' '.join(ids)}\n" * 99)


class Counted(WritesFiles):
    """How many records there are, for two kinds only; of single records, too."""

    name = "counted"
    media_type = content_type = "text/x-counted"
    suffix = "counted"
    kinds = frozenset((Kind.MEETING, Kind.ACTION))
    of_records = True
    most = 3
    refuses = frozenset(("fields",))

    @property
    def job(self) -> Job:
        """What a worker process does."""
        return count

    def needs(self, resource: Resource) -> tuple[str, ...]:
        """Citations, if there are some."""
        return tuple({"citations"} & resource.includes.keys())

    def defaults(self, resource: Resource, given: Mapping[str, Any], today: date) -> Mapping[str, Any]:
        """The first ones by their ids."""
        return {"sort": ["id"], "limit": 2}


@pytest.fixture
def extended(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An application with two more representations: the line of `representations/__init__.py`."""
    more = (*representations.REPRESENTATIONS, Titles(), Tabs(), Counted())
    for module in (representations, queries):
        monkeypatch.setattr(module, "REPRESENTATIONS", more)
    with seeded.client() as client:
        yield client


def test_a_new_representation_is_negotiated_paged_streamed_and_described(extended: TestClient) -> None:
    url = "/v1/countries?limit=3&sort=id"
    names = [each["name"] for each in extended.get(url).json()["data"]]
    page = extended.get(url, headers={"Accept": "text/x-titles"})
    assert page.headers["content-type"] == "text/x-titles; charset=utf-8"
    assert page.text.splitlines()[:3] == names
    following = extended.get(page.text.splitlines()[3].removeprefix("→ "), headers={"Accept": "text/x-titles"})
    assert following.text.splitlines()[:3] == [
        each["name"] for each in extended.get(extended.get(url).json()["links"]["next"]).json()["data"]
    ]
    assert extended.get(url, headers={"Accept": "text/x-titles", "If-None-Match": page.headers["etag"]}).status_code == 304
    assert extended.get("/v1/countries/BY?format=titles").text == "Belarus\n"
    assert extended.get("/v1/countries/BY").json()["name"] == "Belarus"

    tabs = extended.get("/v1/countries?format=tabs&fields=name&sort=id")
    seq, _, _ = extended.get("/v1/export").headers["rapporteur-position"].partition(".")
    assert tabs.headers["content-disposition"] == f'attachment; filename="countries-{seq}.tabs"'
    lines = tabs.text.splitlines()
    total = extended.get("/v1/countries?count=true&limit=1").json()["page"]["total"]
    assert (lines[0], len(lines)) == ("id\tname", total + 1)
    assert extended.get("/v1/countries?format=tabs&fields=name&gap=|").text.startswith("id|name\n")
    refused = extended.get("/v1/countries?format=tabs&include=organizations&count=true")
    assert {each["parameter"] for each in refused.json()["errors"]} == {"include", "count"}

    described = extended.get("/openapi.json").json()["paths"]
    listed, single = described["/v1/countries"]["get"], described["/v1/countries/{id}"]["get"]
    assert {"text/x-titles", "text/x-tabs", "application/json"} <= listed["responses"]["200"]["content"].keys()
    assert {"text/x-titles", "application/json"} <= single["responses"]["200"]["content"].keys()
    formats = {each["name"]: each["schema"] for each in listed["parameters"]}
    assert {"titles", "tabs"} <= set(formats["format"]["enum"])
    assert "gap" in formats


def test_a_new_representation_may_be_a_file_that_a_worker_process_makes(extended: TestClient) -> None:
    ids = [each["id"] for each in extended.get("/v1/meetings?sort=id&limit=3").json()["data"]]
    file = extended.get("/v1/meetings?format=counted&country=CN", headers={"Accept-Encoding": "gzip"})
    assert file.status_code == 200, file.text
    number, plural, record_id, as_of, pid, *found = file.text.splitlines()[0].split()
    assert (number, plural, record_id, pid != str(os.getpid())) == ("2", "meetings", "None", True)
    assert found == sorted(found)
    assert file.headers["content-encoding"] == "gzip"
    assert file.headers["content-disposition"] == (
        f'attachment; filename="meetings-country-CN-{as_of.partition(".")[0]}.counted"'
    )
    plain = extended.get("/v1/meetings?format=counted", headers={"Accept-Encoding": "identity"})
    assert plain.headers["content-length"] == str(len(plain.content))
    assert plain.text.splitlines()[0].split()[5:] == ids[:2], "its own order and limit"
    assert extended.get("/v1/meetings?format=counted&limit=3").text.splitlines()[0].split()[5:] == ids
    tag = {"If-None-Match": plain.headers["etag"], "Accept-Encoding": "identity"}
    assert extended.get("/v1/meetings?format=counted", headers=tag).status_code == 304
    assert extended.get("/v1/meetings?format=counted&sort=-id", headers=tag).status_code == 200
    head = extended.head("/v1/meetings?format=counted")
    assert (head.status_code, head.content, "content-length" in head.headers) == (200, b"", False)

    one = extended.get(f"/v1/meetings/{ids[0]}?format=counted", headers={"Accept-Encoding": "identity"})
    assert one.text.splitlines()[0].split()[:3] == ["1", "meetings", ids[0]]
    tag = {"If-None-Match": one.headers["etag"], "Accept-Encoding": "identity"}
    assert extended.get(f"/v1/meetings/{ids[0]}?format=counted", headers=tag).status_code == 304

    refused = extended.get("/v1/meetings?format=counted&limit=4&fields=name&count=true")
    assert {each["parameter"] for each in refused.json()["errors"]} == {"limit", "fields", "count"}
    assert extended.get("/v1/countries?format=counted").status_code == 422
    assert extended.get("/v1/countries", headers={"Accept": "text/x-counted"}).status_code == 406
    described = extended.get("/openapi.json").json()["paths"]
    for path, has_it in (("/v1/meetings", True), ("/v1/meetings/{id}", True), ("/v1/countries", False)):
        content = described[path]["get"]["responses"]["200"]["content"]
        formats = next(each["schema"]["enum"] for each in described[path]["get"]["parameters"] if each["name"] == "format")
        assert (("text/x-counted" in content), ("counted" in formats)) == (has_it, has_it), path


def test_every_list_and_record_leads_to_its_other_formats(extended: TestClient) -> None:
    def alternates(path: str) -> dict[str, str]:
        links = extended.get(path).headers["link"].split(", ")
        return {each.partition("type=")[2].strip('"'): each[1 : each.index(">")] for each in links if 'rel="alternate"' in each}

    assert alternates("/v1/countries/BY?lang=ru") == {
        "text/html": "../../countries/BY",
        "text/x-titles": "?lang=ru&format=titles",
    }
    whole = alternates("/v1/meetings?lang=ru&country=CN&count=true&fields=name&csv_safe=true")
    assert whole == {
        "text/html": "../meetings?lang=ru&country=CN",
        "text/csv": "?lang=ru&country=CN&fields=name&csv_safe=true&format=csv",
        "application/x-ndjson": "?lang=ru&country=CN&fields=name&csv_safe=true&format=ndjson",
        representations.Xlsx.media_type: "?lang=ru&country=CN&fields=name&csv_safe=true&format=xlsx",
        "application/atom+xml": "?lang=ru&country=CN&csv_safe=true&format=atom",
        "application/feed+json": "?lang=ru&country=CN&csv_safe=true&format=jsonfeed",
        "text/calendar": "?lang=ru&country=CN&csv_safe=true&format=ics",
        "text/x-titles": "?lang=ru&country=CN&count=true&fields=name&csv_safe=true&format=titles",
        "text/x-tabs": "?lang=ru&country=CN&fields=name&csv_safe=true&format=tabs",
        "text/x-counted": "?lang=ru&country=CN&csv_safe=true&format=counted",
    }
    assert alternates("/v1/meetings?include=participants")["text/csv"] == "?format=csv"
    assert "cursor" not in "".join(alternates(extended.get("/v1/meetings?limit=2").json()["links"]["next"]).values())
    for path, query in (("/v1/meetings", "limit=2&include=participants"), ("/v1/meetings/sco-ict-2025", "fields=name")):
        found = alternates(f"{path}?{query}")
        assert len(found) >= 2
        for media_type, reference in found.items():
            answer = extended.get(urljoin(path, reference))
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith(media_type)
    long = "&".join(f"participant=organization-{number:03}" for number in range(90))
    assert "link" not in extended.get(f"/v1/meetings?participant=BY&{long}").headers


# -- a list across kinds -----------------------------------------------------------------------------------------------------


class InvolvedQuery(BaseModel):
    """The parameters of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    actor: Annotated[str, Field(description="who is involved")]
    limit: Annotated[int, Field(ge=1, le=50, description="how many at the most")] = 2
    cursor: Annotated[str | None, Field(description="where to go on")] = None


class Involved(BaseModel):
    """A page of the list."""

    data: list[dict[str, str]]


def involved(driver: Driver) -> APIRouter:
    """All in which an actor is involved, of whatever kind, the newest first."""
    table: sa.Table = Involvement.__table__
    routes = APIRouter(route_class=Endpoint)
    shown = concatenated(
        literal('{"kind":"'), table.c.record_kind, literal('","id":'), json_string(table.c.record_id), literal("}")
    )
    key = (table.c.date_start, table.c.record_id)
    select = sa.select(shown, *key).where(table.c.actor_id == sa.bindparam("actor", type_=Exact))
    select = select.order_by(*(column.desc() for column in key)).limit(sa.bindparam("limit", type_=sa.Integer))
    after = select.where(sa.tuple_(*key) < sa.tuple_(*(sa.bindparam(f"key_{place}", type_=Exact) for place in range(2))))
    statements = {False: to_statement(select, driver.dialect), True: to_statement(after, driver.dialect)}

    @routes.get("/v1/involved", response_model=Involved)
    async def read(request: Request, query: Annotated[InvolvedQuery, Query()]) -> Tagged:
        digest = cursors.request_digest(query.actor)
        start = key_parameters(cursors.decode(query.cursor, digest=digest, length=2)) if query.cursor else {}
        paged = PagedRead(lambda *, after: statements[after], {"actor": query.actor, **start}, 2, digest, bool(start))
        rows, next_cursor = await paged.page(driver, query.limit)
        following = f"actor={query.actor}&limit={query.limit}&cursor={next_cursor}" if next_cursor else None
        links, headers = page_links(request.scope, following)
        return Tagged(JSON.page([row[0] for row in rows], Page(query.limit, next_cursor, None, links)), headers)

    return routes


@pytest.fixture
def across(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An application with that list: a router more in `main.py`."""
    driver = driver_for(seeded.url, deadline=5, connections=2)
    monkeypatch.setattr(main, "driver_for", lambda *_arguments, **_options: driver)
    app: FastAPI = main.create_app(Settings(database_url=seeded.url))
    app.router.routes[:0] = involved(driver).routes
    with TestClient(app) as client:
        yield client


def test_a_list_across_kinds_is_paged_and_described(across: TestClient, seeded: Database) -> None:
    expected = [
        {"kind": kind, "id": record_id}
        for kind, record_id in seeded.execute(
            "SELECT record_kind, record_id FROM involvements WHERE actor_id = 'sco' ORDER BY date_start DESC, record_id DESC"
        )
    ]
    found, url = [], "/v1/involved?actor=sco"
    while url:
        page = across.get(url).json()
        assert len(page["data"]) <= 2
        found += page["data"]
        url = page["links"]["next"]
    assert len({each["kind"] for each in found}) > 1
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert across.get("/v1/involved?actor=BY&cursor=" + page["page"]["limit"] * "x").status_code == 400
    assert across.get("/v1/involved?actor=BY&order=x").json()["errors"][0]["parameter"] == "order"
    described = across.get("/openapi.json").json()["paths"]["/v1/involved"]["get"]
    assert [each["name"] for each in described["parameters"]] == ["actor", "limit", "cursor"]
    assert across.post("/v1/involved?actor=BY").headers["allow"] == "GET, HEAD"


def test_an_endpoint_refuses_a_parameter_that_it_could_not_fill() -> None:
    async def odd(request: Request, other: int) -> Tagged:
        raise NotImplementedError

    with pytest.raises(TypeError, match="the parameter 'other' is none that an endpoint takes"):
        endpoints.Endpoint("/odd", odd, response_model=None)
