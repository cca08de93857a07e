"""Databases of both kinds, fresh or seeded, and a client for the application over each."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from os import environ
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from app.commands.group import writer_of
from app.commands.records import lines_of
from app.db.engine import create_engine, reading, writing
from app.db.full_text import INDEX
from app.db.schema import migrate
from app.main import create_app
from app.maintenance.check import disagreements
from app.models import Base
from app.settings import ROOT, Settings
from app.writing.batch import Line, Report
from app.writing.keys import Keyring, Scope
from app.writing.writer import Writer
from tests import postgres
from tests.synthetic import registry

SEED = ROOT / "seed"
DOCUMENTS = ROOT.parent / "shared" / "seeds"
"""The documents of the seed, which are cited and never republished: they lie beside a checkout, not in it."""

Fresh = Callable[[], str]
Bare = Callable[[], str]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def kind_of_database(request: pytest.FixtureRequest) -> str:
    """Everything that asks for a database runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def _postgres_server(kind_of_database: str) -> Iterator[str | None]:
    if kind_of_database == "sqlite":
        yield None
        return
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def bare(_postgres_server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Makes a database without any schema and returns its URL."""

    def make() -> str:
        if _postgres_server is None:
            return f"sqlite:///{tmp_path_factory.mktemp('bare')}/bare.db"
        name = f"bare_{uuid4().hex}"
        _create_database(_postgres_server, name)
        return _named(_postgres_server, name)

    return make


@pytest.fixture(scope="session")
def fresh(_postgres_server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Makes a migrated, empty database and returns its URL: a copy of one that was migrated once."""
    if _postgres_server is None:
        folder = tmp_path_factory.mktemp("sqlite")
        migrate(f"sqlite:///{folder}/template.db")
        _settle(f"sqlite:///{folder}/template.db")

        def copy_file() -> str:
            path = folder / f"{uuid4().hex}.db"
            shutil.copyfile(folder / "template.db", path)
            return f"sqlite:///{path}"

        return copy_file
    server = _postgres_server
    template = f"template_{uuid4().hex}"
    _create_database(server, template)
    migrate(_named(server, template))
    _leave_uncounted(_named(server, template))

    def copy_database() -> str:
        name = f"copy_{uuid4().hex}"
        _create_database(server, name, template=template)
        return _named(server, name)

    return copy_database


def _settle(url: str) -> None:
    """Write SQLite's log into its file, so that the file alone is the database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()


def _leave_uncounted(url: str) -> None:
    """Keep Postgres from taking statistics of its own accord: with them its plans would depend on how long a test has run."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.exec_driver_sql(f"ALTER TABLE {table.name} SET (autovacuum_enabled = off)")
    engine.dispose()


def _create_database(server: str, name: str, *, template: str = "template0") -> None:
    engine = sa.create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    engine.dispose()


def _named(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


_writers: dict[str, Writer] = {}


def _writer_for(dialect: str, url: str) -> Writer:
    """A writer holds no connection, and takes a while to compile: one serves all databases of a kind."""
    if dialect not in _writers:
        _writers[dialect] = writer_of(Settings(database_url=url))[1]
    return _writers[dialect]


class Database:
    """A database with its engine and its writer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.settings = Settings(database_url=url)
        self.engine = create_engine(url)
        self.writer = _writer_for(self.engine.dialect.name, url)

    def load(self, *texts: str) -> Report:
        """Import lines."""
        return self.load_lines([Line(f"line {number}", text) for number, text in enumerate(texts, 1)])

    def load_lines(self, lines: list[Line]) -> Report:
        """Import lines that say where they are from."""
        with writing(self.engine) as connection:
            return self.writer.write(connection, self.writer.intake.lines(lines), author="test")

    def seed(self) -> Report:
        """Import the first data set."""
        return self.load_lines(list(lines_of((SEED,))))

    def export(self) -> list[str]:
        """All records as lines."""
        with writing(self.engine) as connection:
            return [text for _, text in self.writer.export(connection)]

    def key(self, *scopes: Scope, name: str = "tester") -> dict[str, str]:
        """The header of a new key; without scopes one that may do everything."""
        with writing(self.engine) as connection:
            _, key = Keyring("").create(connection, name, scopes or (Scope.ADMIN,), by="test")
        return {"Authorization": f"Bearer {key}"}

    def disagreements(self) -> list[str]:
        """What `rapporteur check` finds."""
        with reading(self.engine) as connection:
            return disagreements(connection, self.writer, progress=lambda _: None)

    def execute(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """Run a statement and return its rows, if it has any."""
        with writing(self.engine) as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def empty(self, *, but: tuple[str, ...] = ()) -> None:
        """Leave no row of any table but these: quicker than a new database with an application of its own."""
        with writing(self.engine) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name not in but:
                    connection.execute(table.delete())
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('delete-all')")

    def client(self, **settings: Any) -> TestClient:
        """The application over this database, with these settings; a context manager."""
        app = create_app(replace(self.settings, **settings))
        return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def database(fresh: Fresh) -> Iterator[Database]:
    """A migrated, empty database of the test's own."""
    made = Database(fresh())
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def seeded(fresh: Fresh) -> Iterator[Database]:
    """A database with the first data set; tests must not write to it."""
    made = Database(fresh())
    made.seed()
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def client(seeded: Database) -> Iterator[TestClient]:
    """A client of the application over the first data set."""
    with seeded.client() as opened:
        yield opened


@pytest.fixture(scope="session")
def synthetic(fresh: Fresh) -> Iterator[Database]:
    """A database that came to the made-up registry in three imports; tests must not write to it."""
    database = Database(fresh())
    for batch in registry().batches:
        database.load(*(json.dumps(record) for record in batch))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="session", name="reading")
def reading_of_synthetic(synthetic: Database) -> Iterator[TestClient]:
    """A client of the application over the made-up registry."""
    with synthetic.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def office(fresh: Fresh) -> Iterator[tuple[Database, TestClient]]:
    """A database and the application over it, for one test after another."""
    database = Database(fresh())
    with database.client() as client:
        yield database, client
    database.engine.dispose()


@pytest.fixture
def documents() -> Path:
    """The folder of the seed's documents."""
    if not DOCUMENTS.is_dir():
        missing = f"the seed's documents are not at {DOCUMENTS}"
        if "CI" in environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return DOCUMENTS


def run_command(*words: str, url: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `rapporteur` as a process."""
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(
        command,
        env={**environ, "RAPPORTEUR_DATABASE_URL": url},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout,
        check=False,
    )
