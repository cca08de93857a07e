"""The pages of `docs/operations`: every block of commands is run as it stands there, on SQLite and on Postgres.

`systemctl` and `sudo` are stand-ins: the one starts and ends `rapporteur serve`, the other runs a program as another account.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.db.schema import migrate
from app.settings import ROOT
from tests import depth, postgres
from tests.conftest import Database
from tests.postgres import Cluster, free_port
from tests.test_releases import RELEASES, REVISIONS

pytestmark = depth.slow

PAGES = ROOT / "docs" / "operations"
SECONDS = 240
_HEADING = re.compile(r"(#+) (.*)")

SYSTEMCTL = """#!/bin/bash
set -eu
case "$1" in stop | restart)
    if [ -f "$FOLDER/pid" ]; then
        kill "$(cat "$FOLDER/pid")" || true
        while kill -0 "$(cat "$FOLDER/pid")" 2> /dev/null; do sleep 0.05; done
        rm "$FOLDER/pid"
    fi ;;
esac
case "$1" in start | restart)
    set -a; . "$FOLDER/rapporteur.env"; set +a
    rapporteur serve > "$FOLDER/serve.log" 2>&1 &
    echo $! > "$FOLDER/pid"
    for _ in $(seq 600); do
        if curl --fail --silent --output /dev/null "http://127.0.0.1:$RAPPORTEUR_PORT/readyz"; then exit 0; fi
        sleep 0.1
    done
    cat "$FOLDER/serve.log" >&2
    exit 1 ;;
esac
"""
SUDO = f"""#!{sys.executable}
import os, pwd, shutil, sys
assert sys.argv[1:3] == ["-u", "postgres"]
command = sys.argv[3:]
program = shutil.which(command[0])  # the account cannot look it up everywhere
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
os.environ["HOME"] = os.getcwd()
os.execv(program, command)
"""


def blocks(page: str, database: str) -> Iterator[str]:
    """The blocks of commands of a page that are for a database: those under a heading that names the other one are left out."""
    other = "Postgres" if database == "sqlite" else "SQLite"
    headings: dict[int, str] = {}
    for part in re.split(r"^(?=#+ |```sh\n)", (PAGES / page).read_text(encoding="utf-8"), flags=re.MULTILINE):
        if heading := _HEADING.match(part):
            level = len(heading[1])
            headings = {known: text for known, text in headings.items() if known < level} | {level: heading[2]}
        elif part.startswith("```sh\n") and not any(other in text for text in headings.values()):
            yield part.removeprefix("```sh\n").split("\n```")[0]


class Machine:
    """A machine with a registry, on which the commands of a page are run."""

    def __init__(self, folder: Path, url: str, cluster: Cluster) -> None:
        self.folder = folder
        self.url = url
        self.cluster = cluster
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        programs = folder / "programs"
        programs.mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("sudo", SUDO)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (folder / "rapporteur.env").write_text(f"RAPPORTEUR_DATABASE_URL={url}\n")
        (folder / "backups").mkdir()
        self.work = folder / "work"
        self.work.mkdir()
        self.work.chmod(0o777)
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAPPORTEUR_")},
            "PATH": f"{programs}:{Path(sys.executable).parent}:{cluster.binaries}:{os.environ['PATH']}",
            "FOLDER": str(folder),
            "RAPPORTEUR_DATABASE_URL": url,
            "RAPPORTEUR_PORT": str(self.port),
            "MAINTENANCE_URL": cluster.url,
        }

    def run(self, commands: str, **variables: str) -> str:
        """Run commands in a shell that ends at the first one that fails. Returns what they print."""
        adapted = commands.replace("http://127.0.0.1:8000", self.address).replace("/var/backups", f"{self.folder}/backups")
        adapted = adapted.replace("/var/lib/rapporteur/", f"{self.folder}/").replace("/etc/", f"{self.folder}/")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", adapted],
            cwd=self.work,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        logs = [each.read_text(encoding="utf-8") for each in (self.work / "base" / "log",) if each.exists()]
        assert done.returncode == 0, f"{adapted}\n{done.stdout}\n{logs}"
        return done.stdout

    def page(self, name: str, database: str, **variables: str) -> str:
        """Run all commands of a page, in one shell."""
        presumed, several = list(blocks("README.md", database)), list(blocks(name, database))
        assert several, "the page has no commands"
        return self.run("\n".join([*presumed, *several]), **variables)


def new_database(cluster: Cluster, name: str) -> str:
    """Make an empty database, as the pages say."""
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return make_url(cluster.url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with postgres.cluster() as made:
        with psycopg.connect(made.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET unix_socket_directories = '/tmp'")  # the usual folder may be missing here
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(database: str, cluster: Cluster) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="rapporteur-machine-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres runs as another account
        if database == "sqlite":
            url = f"sqlite:///{folder}/registry.db"
        else:
            with psycopg.connect(cluster.url, autocommit=True) as connection:
                for each in ("registry", "registry_before"):
                    connection.execute(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)")
            url = new_database(cluster, "registry")
        made = Machine(folder, url, cluster)
        try:
            yield made
        finally:
            made.run("systemctl stop rapporteur")


LINES = (
    '{"kind":"person","id":"zoe-quark","name":"Zoe Quark"}',
    '{"kind":"person","id":"ann-other","name":"Ann Other"}',
    '{"kind":"meeting","id":"talks","name":"Talks","date":"2024-05-01","summary":"Opened by Ann Other."}',
    '{"kind":"participant","meeting":"talks","person":"zoe-quark","role":"speaker"}',
)


def filled(machine: Machine) -> dict[str, str]:
    """Give the machine a registry, and return the header of a key."""
    machine.run("rapporteur migrate && rapporteur import --demo")
    (machine.work / "more.ndjson").write_text("\n".join(LINES))
    machine.run("rapporteur import more.ndjson")
    key = machine.run("rapporteur keys create writer 2> /dev/null").strip()
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def written(machine: Machine, key: dict[str, str]) -> Iterator[list[str]]:
    """Write topics all the time, also while the server is away. Yields the ids of those that were acknowledged."""
    ended = threading.Event()
    made: list[str] = []

    def write() -> None:
        while not ended.is_set():
            try:
                answer = httpx2.post(f"{machine.address}/v1/topics", json={"name": f"Under load {len(made)}"}, headers=key)
            except httpx2.HTTPError:
                ended.wait(0.05)
                continue
            if answer.status_code == 201:
                made.append(answer.json()["id"])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join()


@contextmanager
def followed(machine: Machine) -> Iterator[Path]:
    """Let the follower of the docs keep a copy. Yields the copy's file."""
    copy = machine.folder / "copy.db"
    command: list[str | Path] = [sys.executable, ROOT / "docs" / "followers" / "follow.py", machine.address, copy, "0.1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield copy
        finally:
            process.terminate()


def of_the_copy(copy: Path) -> set[str]:
    """The ids in a follower's copy; none before its first full copy."""
    with closing(sqlite3.connect(copy)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        return {row[0] for row in connection.execute("SELECT id FROM records")} if tables > 1 else set()


def of_the_registry(machine: Machine) -> set[str]:
    """The ids in the registry."""
    return {json.loads(line)["id"] for line in httpx2.get(f"{machine.address}/v1/export").text.splitlines()}


def test_backup_and_restore_under_load_with_a_follower(machine: Machine, database: str, cluster: Cluster) -> None:
    key = filled(machine)
    new = free_port()
    url = make_url(machine.url if database == "postgres" else cluster.url).set(port=new).render_as_string(hide_password=False)
    machine.run("systemctl start rapporteur")
    with followed(machine) as copy:
        with written(machine, key) as made:
            machine.page("backup.md", database, NEW_PORT=str(new), NEW_URL=url)
            acknowledged = set(made)
            lost = acknowledged - of_the_registry(machine)
            assert lost, "what was written after the backup is gone"
            again = len(made)
            while len(made) < again + 5:
                pass
        now = of_the_registry(machine)
        while of_the_copy(copy) != now:
            pass
        assert not lost & of_the_copy(copy)
    machine.run("systemctl stop rapporteur; rapporteur check")


def test_a_registry_is_moved_to_the_other_database(machine: Machine, database: str, cluster: Cluster) -> None:
    key = filled(machine)
    url = new_database(cluster, "moved") if database == "sqlite" else f"sqlite:///{machine.folder}/moved.db"
    machine.run("systemctl start rapporteur")
    with followed(machine) as copy:
        before = of_the_registry(machine)
        machine.page("move.md", database, NEW_URL=url)
        assert of_the_registry(machine) == before
        made = httpx2.post(f"{machine.address}/v1/topics", json={"name": "After the move"}, headers=key)
        assert made.status_code == 201, "the key was moved, too"
        while of_the_copy(copy) != before | {made.json()["id"]}:
            pass
    machine.run("rapporteur check", RAPPORTEUR_DATABASE_URL=url)


def test_a_person_is_erased(machine: Machine, database: str) -> None:
    filled(machine)
    machine.run("systemctl start rapporteur")
    with followed(machine) as copy:
        while "zoe-quark" not in of_the_copy(copy):
            pass
        told = machine.page("erase.md", database)
        assert "erased: person zoe-quark" in told
        assert "still mentioned by: meeting talks" in told
        for path in ("/v1/export", "/v1/changes?limit=1000&after=990"):
            assert "Zoe Quark" not in httpx2.get(machine.address + path).text
        while {"zoe-quark", "ann-other"} & of_the_copy(copy):
            pass
    machine.run("rapporteur check")


def test_free_space_is_given_back(machine: Machine, database: str) -> None:
    filled(machine)
    machine.run("systemctl start rapporteur")
    machine.page("growth.md", database)
    assert "ann-other" in of_the_registry(machine)


def test_a_registry_of_the_first_release_is_upgraded_and_rolled_back(machine: Machine, database: str) -> None:
    migrate(machine.url, revision=REVISIONS["0.1.0"])
    dialect = "sqlite" if database == "sqlite" else "postgresql"
    rows = "".join((RELEASES / "0.1.0" / name).read_text(encoding="utf-8") for name in ("rows.sql", f"{dialect}.sql"))
    if database == "sqlite":
        with closing(sqlite3.connect(machine.folder / "registry.db")) as connection:
            connection.executescript(rows)
    else:
        with psycopg.connect(machine.url) as opened:
            opened.execute(rows)
    exported = (RELEASES / "0.1.0" / "export.ndjson").read_text(encoding="utf-8").splitlines()
    machine.page("upgrade.md", database)
    assert of_the_registry(machine) == {json.loads(line)["id"] for line in exported}
    registry = Database(machine.url)
    assert registry.load(*exported).counts == {"created": 0, "replaced": 0, "unchanged": len(exported), "deleted": 0}
    registry.engine.dispose()


def test_a_large_registry_is_copied_both_ways(cluster: Cluster, tmp_path: Path) -> None:
    from tests.test_backups import rows
    from tests.test_upgrading import lines

    migrate(url := f"sqlite:///{tmp_path}/registry.db")
    first = Database(url)
    several = list(lines())
    first.load(*several)
    first.load(*(line.replace('"Talks ', '"Long talks ') for line in several))
    first.engine.dispose()
    there, back = new_database(cluster, "large"), f"sqlite:///{tmp_path}/back.db"
    for source, target in ((url, there), (there, back)):
        subprocess.run([sys.executable, "-m", "app", "copy", source, target], cwd=ROOT, check=True, timeout=900)
    exported, log = Database(url), _log(url)
    for each in (there, back):
        copy = Database(each)
        assert copy.export() == exported.export()
        assert _log(each) == log
        copy.engine.dispose()
    assert rows(back) == rows(url)
    exported.engine.dispose()


def _log(url: str) -> list[Any]:
    """The whole change log as clients read it."""
    found: list[Any] = []
    with Database(url).client() as client:
        path = "/v1/changes?limit=1000"
        while path:
            page = client.get(path).text
            found.append(page)
            following = json.loads(page)
            path = following["links"]["next"].removeprefix("http://testserver") if following["page"]["more"] else ""
    return found


def test_every_page_with_commands_is_run() -> None:
    tried = set(re.findall(r'machine\.page\("([a-z]+\.md)"', Path(__file__).read_text(encoding="utf-8")))
    with_commands = {page.name for page in PAGES.glob("*.md") if "```sh" in page.read_text(encoding="utf-8")}
    assert with_commands == tried | {"README.md"}
