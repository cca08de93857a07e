"""Reading by the drivers: dear reads leave the event loop, and nothing but reading is possible."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from app.db.drivers import Driver, SqliteDriver, Statement, driver_for
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
    monkeypatch.setattr("app.db.drivers.DEAR_FOR", 3)

    async def work(driver: Driver) -> None:
        once_dear = Statement(CHEAP, {}, dear=3 if isinstance(driver, SqliteDriver) else 0)
        for _ in range(3):
            await driver.fetch(once_dear, {})
        assert not once_dear.dear

    run(seeded, work)


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
        found = "SELECT count(*) FROM documents_index WHERE documents_index MATCH 'nsforum'"
        assert await driver.fetch(Statement(found, {}), {})
        assert not asked
        assert await driver.fetch(Statement(CHEAP, {}), {})
        assert asked == [CHEAP]

    run(seeded, find)
