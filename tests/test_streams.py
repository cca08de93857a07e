"""Streams end with their client, and dear reads that wait too long are not begun."""

import asyncio
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest

from app.db.driver import Statement
from app.db.drivers import driver_for
from app.errors import Unavailable
from app.http.responses import RequestHeaders, send_stream
from app.http.shutdown import Stopping
from tests.conftest import Database
from tests.test_drivers import ENDLESS
from tests.test_errors import problem, records_of

ASKED: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "headers": [(b"host", b"registry")]}


def test_a_stream_ends_when_its_client_is_gone() -> None:
    given: list[int] = []
    closed: list[bool] = []

    async def endless() -> AsyncGenerator[str]:
        try:
            while True:
                given.append(1)
                yield "a line\n"
        finally:
            closed.append(True)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        """As fast as it comes: nobody has a turn but by the stream's leave."""

    async def run() -> None:
        asked = RequestHeaders("", "", "", gzip=False, head=False, reads=True)
        stream = send_stream({}, receive, send, endless(), asked, Stopping(10), content_type="text/csv")
        await asyncio.wait_for(stream, timeout=5)

    asyncio.run(run())
    assert given
    assert closed == [True]


def test_reads_that_queue_share_one_deadline(seeded: Database) -> None:
    """Eight reads that never end, on however few threads, are all given up after the one second they have."""

    async def run() -> None:
        driver = driver_for(seeded.url, deadline=1, connections=2)
        await driver.open()
        try:
            endless = [driver.fetch(Statement(ENDLESS, {}), {}) for _ in range(8)]
            answers = await asyncio.gather(*endless, return_exceptions=True)
        finally:
            await driver.close()
        assert all(isinstance(answer, Unavailable) for answer in answers)

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 10


def test_a_page_that_was_asked_for_ahead_is_given_up_with_the_client(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.reading.paging.STREAM_PAGE", 7)
    asked: list[str] = []
    sent: list[dict[str, Any]] = []
    query = {**ASKED, "query_string": b"format=ndjson", "path": "/v1/citations"}

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with seeded.client() as client:
        records = records_of(client)
        fetch = records.driver.fetch

        async def hanging_at_last(*given: Any) -> Any:
            asked.append("begun")
            if len(asked) < 4:
                return await fetch(*given)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                asked.append("given up")
                raise

        monkeypatch.setattr(records.driver, "fetch", hanging_at_last)
        assert client.portal is not None
        client.portal.call(partial(asyncio.wait_for, client.app(query, receive, send), 5))
    assert asked == ["begun"] * 4 + ["given up"], "the end of the log, then pages"
    assert sum(message.get("body", b"").count(b"\n") for message in sent) == 7, "the first page, and no more"


@pytest.mark.parametrize("others", [0, 1])
def test_pages_of_a_stream_are_longer_while_nobody_else_reads(
    seeded: Database, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    monkeypatch.setattr("app.reading.paging.STREAM_PAGE", 7)
    monkeypatch.setattr("app.reading.paging.STREAM_PAGE_ALONE", 30)
    stream = {**ASKED, "path": "/v1/citations", "query_string": b"format=ndjson"}
    other = {**ASKED, "path": "/v1/meetings", "query_string": b""}
    pages: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with seeded.client() as client:

        async def read_by_another(message: Any) -> None:
            """Whatever somebody else is told."""

        async def send(message: Any) -> None:
            pages.append(message.get("body", b"").count(b"\n"))
            for _ in range(others):
                await client.app(other, receive, read_by_another)

        assert client.portal is not None
        client.portal.call(partial(asyncio.wait_for, client.app(stream, receive, send), 5))
        total = client.get("/v1/citations?limit=1&count=true").json()["page"]["total"]
    assert sum(pages) == total
    assert pages[1:3] == [7, 8], "the second is asked for before the first is sent"
    full = pages[3:-2]  # before the last of them and the end
    assert full[:6] == ([7] * 6 if others else [10, 12, 15, 18, 22, 27])
    assert set(full[6:]) == ({7} if others else {30})


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_stream_whose_first_page_fails_is_a_problem(seeded: Database, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    with seeded.client() as client:

        async def failing(*_: object) -> object:
            raise Unavailable("not now", headers={"Retry-After": "2"})

        monkeypatch.setattr(records_of(client).driver, "fetch", failing)
        problem(client.get(f"/v1/meetings?format={form}"), 503, "unavailable")


def test_csv_refuses_records_that_no_table_has_room_for(seeded: Database) -> None:
    with seeded.client() as client:
        told = problem(client.get("/v1/meetings?format=csv&include=topics,participants"), 422, "invalid")
        assert [fault["parameter"] for fault in told["errors"]] == ["include"]
