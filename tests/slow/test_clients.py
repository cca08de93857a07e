"""Clients made of the OpenAPI document, and linters of it: programs of Node, pinned by tests/clients/package-lock.json."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.settings import ROOT
from tests import depth
from tests.conftest import Database
from tests.programs import program
from tests.serving import Server, served

pytestmark = depth.slow

CLIENTS = ROOT / "tests" / "clients"
NODE = (20, 19)
"""The oldest Node that all the packages take."""
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of tests/clients and the packages that they need, installed as the lock says."""
    version = subprocess.run([program("node"), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(map(int, version.removeprefix("v").split(".")[:2])) < NODE:
        pytest.skip(f"Node {NODE[0]}.{NODE[1]} or newer is needed, and {version} is installed")
    folder = tmp_path_factory.mktemp("clients") / "clients"
    shutil.copytree(CLIENTS, folder)
    done = run(program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", start=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(*words: str, start: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder."""
    environment = {**os.environ, **QUIET, **more}
    return subprocess.run(words, cwd=start, env=environment, capture_output=True, text=True, check=False, timeout=600)


def installed(folder: Path, name: str) -> str:
    """The path of a program of the packages."""
    return str(folder / "node_modules" / ".bin" / name)


@pytest.fixture
def seeded_server(database: Database) -> Iterator[Server]:
    """A server over the first data set, which can be written to."""
    database.seed()
    with served(database.url, RAPPORTEUR_CONTACT="desk@registry.example") as server:
        yield server


def test_the_script_of_the_pages_is_typed(packages: Path) -> None:
    """TypeScript checks the types that the script's comments (JSDoc) give."""
    shutil.copy(ROOT / "app" / "pages" / "static" / "pages.js", packages / "pages.js")
    checked = run(installed(packages, "tsc"), "--project", "pages.tsconfig.json", start=packages)
    assert checked.returncode == 0, checked.stdout


def test_a_strict_typescript_program_lists_reads_writes_and_pages(
    packages: Path, database: Database, seeded_server: Server
) -> None:
    """openapi-typescript makes the types, `tsc` compiles without one complaint, and openapi-fetch asks a server."""
    typed = run(
        installed(packages, "openapi-typescript"), f"{seeded_server}/openapi.json", "--output", "schema.d.ts", start=packages
    )
    assert typed.returncode == 0, typed.stdout + typed.stderr
    compiled = run(installed(packages, "tsc"), start=packages)
    assert compiled.returncode == 0, compiled.stdout
    key = database.key()["Authorization"].removeprefix("Bearer ")
    done = run(program("node"), "built/client.js", start=packages, ADDRESS=seeded_server, KEY=key)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    def asked(path: str) -> Any:
        return httpx2.get(f"{seeded_server}{path}").json()

    meetings = asked("/v1/meetings?country=CN&lang=ru&limit=5")["data"]
    assert meetings
    assert told["list"] == [
        f"{each['name']}, {each['city'] or '?'}, {each['country']['name']}, version {each['version']}" for each in meetings
    ]
    assert told["pages"] == [each["id"] for each in asked("/v1/topics?limit=200")["data"]]
    assert len(told["pages"]) > 7
    assert told["any"] == [asked("/v1/records/sco")["acronym"], asked("/v1/records/CN")["alpha_3"], None]
    assert told["written"] == {
        "statuses": [201, 200, 412, 200, 204],
        "location": "/v1/meetings/peregovory",
        "changed": "Переговоры, Minsk, Belarus, version 2",
        "names": 0,
        "problem": "precondition_failed",
    }


def test_types_show_what_may_be_missing(packages: Path, seeded_server: Server) -> None:
    """The program would not compile if it used what only some answers have, or wrote what a field does not take."""
    folder = packages.parent / "wrong"
    if not folder.exists():
        shutil.copytree(packages, folder, symlinks=True)
    source = (CLIENTS / "client.ts").read_text(encoding="utf-8")
    arguments = (f"{seeded_server}/openapi.json", "--output", "schema.d.ts")
    assert run(installed(folder, "openapi-typescript"), *arguments, start=folder).returncode == 0
    for right, wrong, complaint in (
        ("found(again).names?.length", "found(again).names.length", "possibly 'undefined'"),
        ('date: "2026-01"', "date: 2026", "not assignable to type 'string'"),
        ("const city: string | null = meeting.city", "const city: string = meeting.city", "not assignable to type 'string'"),
        ("record.alpha_3", "record.acronym", "does not exist"),
    ):
        assert source.count(right) == 1
        (folder / "client.ts").write_text(source.replace(right, wrong), encoding="utf-8")
        compiled = run(installed(folder, "tsc"), "--noEmit", start=folder)
        assert compiled.returncode != 0
        assert complaint in compiled.stdout


def test_the_example_of_the_page_compiles(packages: Path, seeded_server: Server) -> None:
    (example,) = re.findall(r"```ts\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(encoding="utf-8"), re.DOTALL)
    folder = packages.parent / "example"
    if not folder.exists():
        shutil.copytree(packages, folder, symlinks=True)
    typed = run(
        installed(folder, "openapi-typescript"), f"{seeded_server}/openapi.json", "--output", "schema.d.ts", start=folder
    )
    assert typed.returncode == 0, typed.stderr
    (folder / "client.ts").write_text(f"declare const key: string;\n{example}", encoding="utf-8")
    compiled = run(installed(folder, "tsc"), start=folder)
    assert compiled.returncode == 0, compiled.stdout


def linted(packages: Path, document: str) -> tuple[str, str]:
    """What Redocly and Spectral complain of, by their recommended rules. Each text is empty if there is nothing."""
    (packages / "document.json").write_text(document, encoding="utf-8")
    redocly = run(
        installed(packages, "redocly"), "lint", "document.json", "--config", "redocly.yaml", "--format", "json", start=packages
    )
    found = json.loads(redocly.stdout)
    complaints = "\n".join(f"{each['ruleId']}: {each['message']}" for each in found["problems"])
    assert (found["totals"]["errors"] + found["totals"]["warnings"] == 0) == (complaints == ""), redocly.stdout
    words = ("lint", "document.json", "--ruleset", "spectral.yaml", "--fail-severity", "hint", "--format", "text", "--quiet")
    spectral = run(installed(packages, "spectral"), *words, start=packages)
    return complaints, spectral.stdout if spectral.returncode else ""


def test_linters_have_nothing_to_say_about_the_document(packages: Path, seeded_server: Server, kind_of_database: str) -> None:
    if kind_of_database == "postgres":
        pytest.skip("the document does not depend on the database; one is enough")
    served_document = httpx2.get(f"{seeded_server}/openapi.json").text
    assert linted(packages, served_document) == ("", "")
    broken = json.loads(served_document)
    del broken["servers"], broken["info"]["contact"]
    redocly, spectral = linted(packages, json.dumps(broken))
    assert "no-empty-servers" in redocly
    assert "oas3-api-servers" in spectral
    assert "info-contact" in spectral
