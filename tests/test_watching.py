"""What those who wait for changes cost: one watcher asks for all of them, and one read serves all with the same filters."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.errors import Unavailable
from app.reading import watching
from app.reading.changes import Position
from app.reading.watching import Waiter, Watcher
from tests.conftest import Database
from tests.streaming import WAIT_SECONDS, streams_of, waiting_in


class Inside:
    """A stream within the application, without a server."""

    def __init__(self, client: TestClient, query: str = "") -> None:
        assert client.portal is not None
        self.sent: list[dict[str, Any]] = []
        self.watched = 0
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/changes",
            "query_string": query.encode(),
            "headers": [(b"host", b"registry"), (b"accept", b"text/event-stream")],
            "watch_outgoing": self._watch,
        }
        self._gone = client.portal.call(_event)
        self._portal = client.portal
        self._task: Future[Any] = client.portal.start_task_soon(client.app, scope, self._receive, self._send)

    def _watch(self) -> None:
        self.watched += 1

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        """What was sent so far."""
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    @property
    def has_ended(self) -> bool:
        """Whether the whole answer was sent."""
        return self._task.done()

    def close(self) -> None:
        """Disconnect."""
        self._portal.call(self._gone.set)
        self._task.result(WAIT_SECONDS)


async def _event() -> asyncio.Event:
    return asyncio.Event()


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_while_nobody_waits_nobody_asks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    with database.client() as client:
        driver = streams_of(client)._log._driver
        before = driver.reads
        time.sleep(0.2)
        assert driver.reads == before
        stream = Inside(client)
        until(lambda: driver.reads > before + 10)
        stream.close()
        until(lambda: not waiting_in(client))
        time.sleep(0.1)  # for a look that had begun
        before = driver.reads
        time.sleep(0.2)
        assert driver.reads == before


@pytest.mark.parametrize("query", ["", "kind=topic", "topic=ict", "of=ict"])
def test_one_read_serves_all_who_wait(database: Database, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 3_600)
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    key = database.key()
    reads = {}
    with database.client() as client:
        driver = streams_of(client)._log._driver
        client.post("/v1/topics", json={"name": "First"}, headers=key)
        for count in (1, 40):
            several = [Inside(client, query) for _ in range(count)]
            until(lambda: waiting_in(client) == count and all("id: " in each.text for each in several))  # noqa: B023
            time.sleep(0.3)  # for the first look
            before = driver.reads
            name = f"Of {count}"
            made = client.post("/v1/topics", json={"name": name, "broader": "ict", "topics": ["ict"]}, headers=key)
            assert made.status_code == 201
            until(lambda: all(name in each.text for each in several))  # noqa: B023
            reads[count] = driver.reads - before
            assert len({each.text.partition("event: ")[2] for each in several}) == 1
            for each in several:
                each.close()
            until(lambda: not waiting_in(client))
    assert reads[40] == reads[1]


def test_one_read_serves_all_requests_that_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 3_600)
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    key = database.key()
    reads = {}
    with database.client() as client:
        driver = streams_of(client)._log._driver
        client.post("/v1/topics", json={"name": "First"}, headers=key)
        for count in (1, 40):
            end = client.get("/v1/changes").json()["page"]["position"]
            several = [Inside(client, f"wait=60&format=json&after={end}") for _ in range(count)]
            until(lambda: waiting_in(client) == count)  # noqa: B023
            time.sleep(0.3)  # for the first look
            before = driver.reads
            assert client.post("/v1/topics", json={"name": f"Of {count}"}, headers=key).status_code == 201
            until(lambda: all(each.has_ended for each in several))  # noqa: B023
            reads[count] = driver.reads - before
            assert len({each.text for each in several}) == 1
            assert f"Of {count}" in several[0].text
    assert reads[40] == reads[1]


def test_comments_are_told_to_all_and_notice_who_is_gone(database: Database) -> None:
    with database.client(stream_comment_seconds=1) as client:
        several = [Inside(client) for _ in range(25)]
        until(lambda: all(each.text.count("\n:\n") + each.text.count("\n\n:\n") for each in several))
        assert all(each.watched for each in several), "the connection looks whether the client acknowledges it"
        for each in several:
            each.close()
        until(lambda: not waiting_in(client))
        assert not streams_of(client)._places


def test_a_stream_outlives_a_database_that_is_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    with database.client() as client:
        several = [Inside(client), Inside(client, "of=ict")]
        until(lambda: all("id: " in each.text for each in several))
        driver = streams_of(client)._log._driver
        fetch, refused = driver.fetch, []

        async def away(*given: Any, **options: Any) -> Any:
            refused.append((given, options))
            raise Unavailable("not now")

        monkeypatch.setattr(driver, "fetch", away)
        database.load('{"kind":"topic","id":"ai","name":"AI","broader":"ict"}')
        until(lambda: len(refused) > 3)
        assert not any(each.has_ended or "event: " in each.text for each in several)
        monkeypatch.setattr(driver, "fetch", fetch)
        until(lambda: all('"id":"ai"' in each.text for each in several))
        for each in several:
            each.close()


def test_a_request_that_waits_leaves_its_place_with_its_client(database: Database) -> None:
    with database.client() as client:
        waiting = Inside(client, "wait=60&format=json")
        until(lambda: waiting_in(client) == 1)
        waiting.close()
        assert not waiting_in(client)
        assert '"data":[]' in waiting.text


def test_who_waits_at_the_beginning_of_a_log_that_is_replaced_still_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning stands in each log."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    with database.client() as client:
        watcher = streams_of(client)._watcher
        waiting = Inside(client, "wait=60&format=json&after=0&kind=person")
        stream = Inside(client)
        until(lambda: watcher.end is not None and watcher.end.seq == 1)
        database.execute("UPDATE changes SET digest = '00000000'")
        until(lambda: stream.has_ended)
        assert client.get("/readyz").status_code == 200
        waiting.close()


# -- the watcher alone -----------------------------------------------------------------------------------------------------


class Fake:
    """A driver whose log is what the test says."""

    def __init__(self, driver: Any) -> None:
        self.dialect = driver.dialect
        self.log: list[str] = []
        self.looks = 0

    async def fetch(self, _statement: object, given: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Answer as the query for the end of the log does."""
        self.looks += 1
        there = self.log[given["after"] - 1] if 0 < given["after"] <= len(self.log) else None
        return [(len(self.log), self.log[-1] if self.log else None, there)]


def watched(database: Database, monkeypatch: pytest.MonkeyPatch, act: Callable[[Fake, Watcher, Waiter], Any]) -> None:
    """Let a test act while a watcher watches a log of its own."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watching, "GATHERING_SECONDS", 0.01)

    async def run() -> None:
        fake = Fake(database.engine)
        watcher = Watcher(fake, comment_seconds=3_600)  # type: ignore[arg-type]
        task = asyncio.create_task(watcher.run())
        waiter = Waiter()
        async with asyncio.timeout(WAIT_SECONDS):
            await act(fake, watcher, waiter)
        task.cancel()

    asyncio.run(run())


def test_a_log_that_is_replaced_is_noticed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(fake: Fake, watcher: Watcher, waiter: Waiter) -> None:
        for before, after in (
            (["a"], ["b"]),
            (["a", "b"], ["a"]),
            (["a", "b"], ["c", "d", "e"]),
            (["a", "b"], []),
        ):
            fake.log = before
            with watcher.waiting(waiter):
                while watcher.end != Position(len(before), before[-1]):
                    await waiter.wait()
                known, fake.log = watcher.replaced, after
                while watcher.replaced == known:
                    await waiter.wait()
            assert watcher.end is None, "whoever comes next knows another log"
            with watcher.waiting(waiter):
                await waiter.wait()
                assert watcher.replaced == known + 1

    watched(database, monkeypatch, act)


def test_a_log_that_grows_is_no_other_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(fake: Fake, watcher: Watcher, waiter: Waiter) -> None:
        with watcher.waiting(waiter):
            for number in range(20):
                fake.log = [*fake.log, f"{number}"]
                while not watcher.has_news(Position(number)):
                    await waiter.wait()
        assert watcher.replaced == 0

    watched(database, monkeypatch, act)


def test_news_between_a_read_and_the_wait_are_not_missed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(fake: Fake, watcher: Watcher, waiter: Waiter) -> None:
        other = Waiter()
        with watcher.waiting(other):
            await other.wait()
            fake.log = ["a"]
            while not watcher.has_news(Position(0)):
                await other.wait()
            with watcher.waiting(waiter):
                assert watcher.has_news(Position(0)), "who begins to wait looks first"

    watched(database, monkeypatch, act)
