"""Registries of earlier releases: their databases are migrated, their exports imported, and nothing of either is lost.

A folder of `tests/releases` holds what a registry of that release had: its rows as plain SQL, what only one of the databases
has, and its export. Its schema is built by the migrations.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.db.engine import create_engine
from app.db.schema import migrate
from tests.conftest import Bare, Database, run_command

RELEASES = Path(__file__).parent / "releases"
REVISIONS = {"0.1.0": "0007"}
"""The newest migration of each release."""


class Release(NamedTuple):
    """A release, a registry of it that was migrated, and what it had exported before."""

    version: str
    database: Database
    export: list[str]


@pytest.fixture(params=REVISIONS, scope="module")
def release(request: pytest.FixtureRequest, bare: Bare) -> Iterator[Release]:
    folder = RELEASES / request.param
    migrate(url := bare(), revision=REVISIONS[request.param])
    engine = create_engine(url)
    dialect = engine.dialect.name
    rows = "".join((folder / name).read_text(encoding="utf-8") for name in ("rows.sql", f"{dialect}.sql"))
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if dialect == "sqlite":
            driver.executescript(f"BEGIN;\n{rows}COMMIT;")
        else:
            driver.execute(rows)
            driver.commit()
    engine.dispose()
    assert run_command("migrate", url=url).returncode == 0
    database = Database(url)
    yield Release(request.param, database, (folder / "export.ndjson").read_text(encoding="utf-8").splitlines())
    database.engine.dispose()


def test_a_database_of_an_earlier_release_has_all_that_its_export_has(release: Release, database: Database) -> None:
    database.load(*release.export)
    assert release.database.export() == database.export()
    assert {json.loads(line)["id"] for line in release.export} <= {json.loads(line)["id"] for line in database.export()}
    assert release.database.disagreements() == []


def test_sqlite_finds_the_database_of_an_earlier_release_whole(release: Release, kind_of_database: str) -> None:
    if kind_of_database != "sqlite":
        pytest.skip("a check of SQLite's own")
    assert release.database.execute("PRAGMA integrity_check") == [("ok",)]
    assert release.database.execute("PRAGMA foreign_key_check") == []


def test_an_export_of_an_earlier_release_changes_nothing_in_its_database(release: Release) -> None:
    report = release.database.load(*release.export)
    assert report.counts == {"created": 0, "replaced": 0, "unchanged": len(release.export), "deleted": 0}


def test_a_registry_of_an_earlier_release_answers_and_is_written(release: Release) -> None:
    key = release.database.key(name="after the upgrade")
    with release.database.client() as client:
        assert client.get("/readyz").status_code == 200
        talks = client.get("/v1/meetings/talks?include=participants,outcomes,citations").json()
        assert (talks["version"], talks["date"], talks["series"]["id"]) == (2, "2024-11-05", "forum")
        assert [each["id"] for each in talks["participants"]] == ["ivanov-talks"]
        winter = client.get("/v1/meetings/winter").json()
        assert (winter["date_start"], winter["date_end"]) == ("2021-01-01", "2022-02-28")
        history = client.get("/v1/meetings/talks/history").json()["data"]
        assert [(entry["version"], entry["operation"]) for entry in history] == [(2, "patch"), (1, "create")]
        assert client.get("/v1/topics/gone").status_code == 410
        assert client.get("/v1/people/i-ivanov").headers["location"] == "/v1/people/ivanov"
        for typed, found in (("Иванов", "ivanov"), ("Donaudampfschifffahrt*", "talks"), ("memorandum on links", "mou")):
            assert client.get("/v1/search", params={"q": typed}).json()["data"][0]["id"] == found, typed
        before = client.get("/v1/changes?limit=1000").json()["page"]["last_seq"]
        made = client.post("/v1/topics", json={"name": "After the upgrade"}, headers=key)
        assert made.status_code == 201
        assert client.get(f"/v1/changes?after={before}").json()["data"][0]["id"] == made.json()["id"]
        assert client.delete(made.headers["location"], headers={**key, "If-Match": made.headers["etag"]}).status_code == 204
    assert release.database.disagreements() == []
