"""A file of SQLite copied into Postgres, table by table; indexes are made after."""

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter

import psycopg
import sqlalchemy as sa

from app.db.schema import migrate
from app.models import Base
from app.text.nodes import tsvector


def in_postgres(url: str, file: Path) -> None:
    """Everything that the product has in the file."""
    began = perf_counter()
    migrate(url)
    with (
        closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix\\_%'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"'.encode())
        connection.execute("SET session_replication_role = replica")  # references are right
        for table in Base.metadata.sorted_tables:
            _copy(source, connection, table)
        connection.execute("SET maintenance_work_mem = '2GB'")
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('changes', 'seq'), (SELECT coalesce(max(seq), 1) FROM changes))"
        )
        connection.execute("VACUUM ANALYZE")
    print(f"filled Postgres in {perf_counter() - began:.0f} s", flush=True)


def _copy(source: sqlite3.Connection, connection: "psycopg.Connection[tuple[object, ...]]", table: sa.Table) -> None:
    columns = [column for column in table.c if column.computed is None]
    names = ", ".join(f'"{column.name}"' for column in columns)
    truths = [place for place, column in enumerate(columns) if isinstance(column.type, sa.Boolean)]
    terms = [place for place, column in enumerate(columns) if (table.name, column.name) == ("search_entries", "terms")]
    with connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy:
        for row in source.execute(f"SELECT {names} FROM {table.name}"):
            values = list(row)
            for place in truths:
                values[place] = None if values[place] is None else bool(values[place])
            for place in terms:
                values[place] = tsvector(values[place].split())
            copy.write_row(values)
