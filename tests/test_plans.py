"""What a list costs, by the databases' own plans and counters: filters and sorts have their indexes, pages cost the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import psycopg
import pytest

from app.db.drivers import Driver, Row, SqliteDriver, Statement
from app.db.postgres import PostgresDriver
from app.models import Base
from app.reading.filters import Equals
from app.resources import RESOURCES
from tests.conftest import Database

FILTERS = [
    (resource.plural, resource.table.name, name, filter_)
    for resource in RESOURCES
    for name, filter_ in resource.filters.items()
    if isinstance(filter_, Equals)
]

SORTS = [
    (resource.plural, resource.table.name, f"{direction}{key}")
    for resource in RESOURCES
    for key in resource.sorts
    for direction in ("", "-")
]
SORTED_HERE = ("USE TEMP B-TREE FOR ORDER BY", "Sort Key")
"""What the databases say where they put rows in order themselves."""
MEETINGS, PAGE = 3_000, 50


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The statements that are executed meanwhile, with what they are given."""
    asked: list[tuple[str, dict[str, Any]]] = []
    with monkeypatch.context() as patched:
        for driver in (SqliteDriver, PostgresDriver):

            async def fetch(self: Driver, statement: Statement, given: dict[str, Any], usual: Any = driver.fetch) -> list[Row]:
                asked.append((statement.sql, {**statement.constants, **given}))
                found: list[Row] = await usual(self, statement, given)
                return found

            patched.setattr(driver, "fetch", fetch)
        yield asked


def plan(database: Database, sql: str, given: dict[str, Any]) -> str:
    """How the database would answer if there were much: Postgres must be kept from reading few rows through and sorting."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            return "\n".join(str(row[3]) for row in connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", given))
    with psycopg.connect(database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        connection.execute("SET enable_incremental_sort = off")
        connection.execute("SET enable_sort = off")
        return "\n".join(str(row[0]) for row in connection.execute(f"EXPLAIN {sql}", given))


def test_each_filter_of_a_column_is_answered_by_its_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.seed()
    several = database.engine.dialect.name == "sqlite"  # Postgres rightly reads the few records of the seed in their order
    missed = []
    with database.client() as client:
        for plural, table, name, filter_ in FILTERS:
            for values in (filter_.example, f"{filter_.example}&{name}={filter_.example}")[: 1 + several]:
                with recorded(monkeypatch) as asked:
                    assert client.get(f"/v1/{plural}?{name}={values}").status_code == 200, (plural, name)
                told = plan(database, *asked[-1])
                if f"ix_{table}_{filter_.column}_" not in told and f"uq_{table}_" not in told:
                    missed.append(f"{plural}?{name}={values}\n{told}")
    assert not missed, "\n\n".join(missed)


def test_two_filters_of_columns_read_no_more_than_what_one_of_them_has(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.seed()
    missed = []
    pairs = [(one, other) for one, other in combinations(FILTERS, 2) if one[0] == other[0]]
    with database.client() as client:
        for (plural, table, name, filter_), (_, _, second, also) in pairs:
            asked_for = f"/v1/{plural}?{name}={filter_.example}&{second}={also.example}"
            with recorded(monkeypatch) as asked:
                assert client.get(asked_for).status_code == 200, asked_for
            told = plan(database, *asked[-1])
            if not any(f"ix_{table}_{each.column}_" in told for each in (filter_, also)) and f"uq_{table}_" not in told:
                missed.append(f"{asked_for}\n{told}")
    assert pairs
    assert not missed, "\n\n".join(missed)


def test_each_sort_alone_is_the_order_of_an_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.seed()
    missed = []
    with database.client() as client:
        for plural, table, sort in SORTS:
            with recorded(monkeypatch) as asked:
                assert client.get(f"/v1/{plural}?sort={sort}&limit=2").status_code == 200, (plural, sort)
            told = plan(database, *asked[-1])
            by_index = f"ix_{table}_" in told or sort.removeprefix("-") == "id"  # which the table's own order is
            if not by_index or any(word in told for word in SORTED_HERE):
                missed.append(f"{plural}?sort={sort}\n{told}")
    assert not missed, "\n\n".join(missed)


def cost(database: Database, sql: str, given: dict[str, Any]) -> int:
    """What the database did for it: steps of SQLite's machine, pages that Postgres looked at."""
    if database.engine.dialect.name == "sqlite":
        steps = [0]

        def count() -> None:
            steps[0] += 1

        with database.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(count, 1)
            driver.execute(sql, given).fetchall()
            driver.set_progress_handler(None, 0)
        return steps[0]
    with psycopg.connect(database.url) as opened:
        ((told,),) = opened.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", given).fetchall()
        return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("asked_for", ["", "country=BY&", "date_from=2001-01-01&date_to=2030-12-31&", "sort=name&"])
def test_the_first_the_middle_and_the_last_page_cost_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, asked_for: str
) -> None:
    country = {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"}
    meetings = (
        {"kind": "meeting", "id": f"meeting-{number}", "name": f"Meeting {number * 7919 % MEETINGS}", "country": "BY"}
        | {"date": f"{2001 + number % 25}-{number % 12 + 1:02}-{number % 28 + 1:02}"}
        for number in range(MEETINGS)
    )
    database.load(json.dumps(country), *map(json.dumps, meetings))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE meetings, records")
    costs = []
    following = f"/v1/meetings?{asked_for}limit={PAGE}"
    with database.client() as client:
        while following:
            with recorded(monkeypatch) as asked:
                page = client.get(following).json()
            assert len(page["data"]) == PAGE
            costs.append(cost(database, *asked[-1]))
            following = page["links"]["next"]
    assert len(costs) == MEETINGS // PAGE
    assert max(costs) <= 1.3 * min(costs[:-1]), costs


def test_postgres_knows_that_what_is_one_of_several_is_not_absent(database: Database) -> None:
    """Indexes over what may be absent have entries for what is there alone: several values must lead to them, too."""
    if database.engine.dialect.name != "postgresql":
        pytest.skip("a matter of Postgres' planner")
    with psycopg.connect(database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        for table in Base.metadata.sorted_tables:
            for index in table.indexes:
                if index.dialect_options["postgresql"]["where"] is None or index.unique:
                    continue
                column = index.columns[0].name
                sql = f'EXPLAIN SELECT id FROM {table.name} WHERE "{column}" = ANY (%s)'
                told = "\n".join(str(row[0]) for row in connection.execute(sql, (["a", "b"],)))
                assert str(index.name) in told, told
