"""Every filter of a column is answered by that column's index, in the order of the list: said by the databases' own plans."""

from collections.abc import Iterator
from contextlib import contextmanager
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
