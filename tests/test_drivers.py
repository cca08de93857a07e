"""Reading by the drivers: dear reads leave the event loop, and nothing but reading is possible."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from app.db.driver import Driver, Row, Statement
from app.db.drivers import driver_for
from app.db.postgres import GATHERED
from app.db.sqlite_driver import SqliteDriver
from app.errors import Unavailable
from tests.conftest import Database

CHEAP = "SELECT count(*) FROM topics"
DEAR = "SELECT count(*) FROM citations a, citations b, topics c"
ENDLESS = "SELECT count(*) FROM citations a, citations b, citations c, citations d, citations e"


def run(database: Database, work: Callable[[Driver], Awaitable[Any]], *, deadline: float = 10) -> Any:
    """Run work on an open driver."""

    async def opened() -> Any:
        driver = driver_for(database.url, deadline=deadline, connections=4)
        await driver.open()
        try:
            return await work(driver)
        finally:
            await driver.close()

    return asyncio.run(opened())


def test_a_dear_read_answers_from_a_thread_and_goes_there_at_once_from_then_on(seeded: Database) -> None:
    async def work(driver: Driver) -> None:
        cheap, dear = Statement(CHEAP, {}), Statement(DEAR, {})
        topics = (await driver.fetch(cheap, {}))[0][0]
        citations = (await driver.fetch(Statement("SELECT count(*) FROM citations", {}), {}))[0][0]
        for _ in range(2):
            assert (await driver.fetch(dear, {}))[0][0] == topics * citations**2
            assert bool(dear.dear) == isinstance(driver, SqliteDriver)
        assert not cheap.dear

    run(seeded, work)


def test_a_cheap_read_stays_cheap_however_often_it_is_asked(seeded: Database) -> None:
    """SQLite counts a prepared statement's steps over all its executions."""

    async def work(driver: Driver) -> None:
        cheap = Statement("SELECT id, name FROM countries ORDER BY name", {})
        for _ in range(1_000):
            await driver.fetch(cheap, {})
            assert not cheap.dear

    run(seeded, work)


def test_a_dear_statement_is_tried_on_the_loop_again(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.sqlite_driver.DEAR_FOR", 3)

    async def work(driver: Driver) -> None:
        once_dear = Statement(CHEAP, {}, dear=3 if isinstance(driver, SqliteDriver) else 0)
        for _ in range(3):
            await driver.fetch(once_dear, {})
        assert not once_dear.dear

    run(seeded, work)


def test_an_interrupted_statement_is_prepared_once_more_and_no_more(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("Postgres interrupts nothing")
    numbers = (
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last) SELECT n FROM numbers"
    )

    async def work(driver: Driver) -> None:
        assert isinstance(driver, SqliteDriver)
        prepared: list[int] = []
        assert driver._loop is not None

        def authorize(action: int, *_names: str | None) -> int:
            """SQLite asks this whenever a statement is prepared."""
            prepared.append(action)
            return sqlite3.SQLITE_OK

        driver._loop.set_authorizer(authorize)
        statement = Statement(numbers, {})
        for _ in range(2):
            assert len(await driver.fetch(statement, {"last": 100_000})) == 100_000
            assert statement.dear
            statement.dear = 0
            assert await driver.fetch(statement, {"last": 2}) == [(1,), (2,)]
            assert prepared
            prepared.clear()
            assert await driver.fetch(statement, {"last": 3}) == [(1,), (2,), (3,)]
            assert not prepared

    run(database, work)


def test_cheap_reads_go_on_beside_a_dear_one(seeded: Database) -> None:
    async def work(driver: Driver) -> None:
        endless = asyncio.create_task(driver.fetch(Statement(ENDLESS, {}), {}))
        await asyncio.sleep(0.1)
        answered = 0
        while not endless.done():
            await driver.fetch(Statement(CHEAP, {}), {})
            answered += 1
            await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="longer than a read may take"):
            await endless
        assert answered > 50

    began = time.monotonic()
    run(seeded, work, deadline=1)
    assert time.monotonic() - began < 20


def test_reading_cannot_write(seeded: Database) -> None:
    async def work(driver: Driver) -> None:
        with pytest.raises((Unavailable, sqlite3.Error, psycopg.Error)):
            await driver.fetch(Statement("DELETE FROM topics", {}), {})

    before = seeded.execute("SELECT count(*) FROM topics")
    run(seeded, work)
    assert seeded.execute("SELECT count(*) FROM topics") == before


def test_several_values_are_one_parameter(seeded: Database) -> None:
    sqlite, postgres = "id IN (SELECT value FROM json_each(:ids))", "id = ANY(%(ids)s)"

    async def work(driver: Driver) -> None:
        condition = sqlite if isinstance(driver, SqliteDriver) else postgres
        found = await driver.fetch(
            Statement(f"SELECT id FROM countries WHERE {condition} ORDER BY id", {}), {"ids": driver.encode(["KZ", 'o"', "BY"])}
        )
        assert found == [("BY",), ("KZ",)]

    run(seeded, work)


def test_the_full_text_index_is_never_asked_on_the_event_loop(seeded: Database) -> None:
    """It may take long within one step, which no budget of steps can end."""
    if seeded.engine.dialect.name != "sqlite":
        pytest.skip("Postgres answers in a process of its own")
    asked: list[str] = []

    async def find(driver: Driver) -> None:
        assert isinstance(driver, SqliteDriver)
        assert driver._loop is not None
        driver._loop.set_trace_callback(asked.append)
        found = "SELECT count(*) FROM search_entries_index WHERE search_entries_index MATCH 'nsforum'"
        assert await driver.fetch(Statement(found, {}), {})
        assert not asked
        assert await driver.fetch(Statement(CHEAP, {}), {})
        assert asked == [CHEAP]

    run(seeded, find)


class ById:
    """Names of countries asked for by id, and how many statements that takes."""

    def __init__(self, driver: Driver, monkeypatch: pytest.MonkeyPatch, column: str = "name") -> None:
        self.driver = driver
        condition = "id = :id" if isinstance(driver, SqliteDriver) else "id = ANY(%(ids)s)"
        self.statement = Statement(f"SELECT {column}, id FROM countries WHERE {condition}", {})
        self.asked = 0
        fetch = driver.fetch

        async def counted(*given: Any) -> Any:
            self.asked += 1
            return await fetch(*given)

        monkeypatch.setattr(driver, "fetch", counted)

    def __call__(self, record_id: str) -> asyncio.Task[Any]:
        """Ask for one."""
        return asyncio.create_task(self.driver.by_id(self.statement, record_id, {}))


def test_records_asked_for_at_once_are_each_answered(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {str(id_): name for id_, name in seeded.execute("SELECT id, name FROM countries")}
    wanted = [*names, "nowhere", *names]

    async def work(driver: Driver) -> None:
        by_id = ById(driver, monkeypatch)
        rows = await asyncio.gather(*map(by_id, wanted))
        assert rows == [(names[each], each) if each in names else None for each in wanted]
        together = 1 if isinstance(driver, SqliteDriver) else GATHERED
        assert by_id.asked == -(-len(wanted) // together)
        assert await by_id("BY") == (names["BY"], "BY")

    run(seeded, work)


def test_views_are_not_mixed_up(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(driver: Driver) -> None:
        named, versioned = ById(driver, monkeypatch), ById(driver, monkeypatch, "version")
        rows = [*await asyncio.gather(named("BY"), versioned("BY"), named("KZ"))]
        assert rows == [("Belarus", "BY"), (1, "BY"), ("Kazakhstan", "KZ")]

    run(seeded, work)


def test_whoever_gives_up_does_not_take_the_others_along(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(driver: Driver) -> None:
        by_id = ById(driver, monkeypatch)
        first, second, third = by_id("BY"), by_id("KZ"), by_id("RU")
        await asyncio.sleep(0)
        first.cancel()
        assert await second == ("Kazakhstan", "KZ")
        assert (await third)[1] == "RU"
        assert first.cancelled() != isinstance(driver, SqliteDriver), "which had answered"

    run(seeded, work)


def test_a_failure_is_told_to_all_whom_it_concerns(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(driver: Driver) -> None:
        async def failing(*_: object) -> list[Row]:
            raise Unavailable("not now")

        by_id = ById(driver, monkeypatch)
        monkeypatch.setattr(driver, "fetch", failing)
        told = await asyncio.gather(*map(by_id, ["BY", "KZ"]), return_exceptions=True)
        assert [str(each) for each in told] == ["not now"] * 2
        monkeypatch.undo()
        assert await by_id("BY") == ("Belarus", "BY")

    run(seeded, work)
