"""Backups are of one moment and sound; a restore is whole or not at all; a copy to the other database says the same."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from app.cli import main
from app.db import sqlite_files
from app.db.engine import create_engine, reading
from app.db.schema import migrate
from app.errors import OperatorError
from app.maintenance import backups, copying
from app.models import Base
from app.search.index import search_entries
from app.settings import ROOT
from tests.conftest import Bare, Database, run_command
from tests.depth import slow
from tests.serving import Server, served
from tests.test_releases import RELEASES

TOPIC = '{{"kind":"topic","id":"t-{number}","name":"Topic {number}"}}'


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(make_url(url).database or "")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Database]:
    """A registry in a file of its own, with some records. Only other processes open it."""
    migrate(url := f"sqlite:///{tmp_path}/registry.db")
    database = Database(url)
    database.load(*(TOPIC.format(number=number) for number in range(50)))
    database.engine.dispose()
    yield database
    database.engine.dispose()


def exported(url: str) -> str:
    """What the registry exports."""
    done = run_command("export", "-", url=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- backup and restore ------------------------------------------------------------------------------------------------------


def test_a_backup_and_its_restore_bring_back_what_was_there(kept: Database, tmp_path: Path) -> None:
    before, file = exported(kept.url), tmp_path / "backup.db"
    done = run_command("backup", str(file), url=kept.url)
    assert (done.returncode, done.stdout.startswith(f"{file}: 50 records, position 50.")) == (0, True), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("backup")] == ["backup.db"]
    assert run_command("import", "-", "--demo", url=kept.url).returncode == 0
    assert exported(kept.url) != before
    done = run_command("restore", str(file), url=kept.url)
    assert (done.returncode, "restored: 50 records, position 50." in done.stdout) == (0, True), done.stderr
    assert exported(kept.url) == before
    assert run_command("check", url=kept.url).returncode == 0
    (aside,) = tmp_path.glob("registry.db.before-restore-*")
    assert f"the registry before is kept as {aside}" in done.stdout
    assert exported(f"sqlite:///{aside}") not in ("", before), "what was in place is kept"
    file_of(kept.url).chmod(0o640)
    assert run_command("restore", str(file), url=kept.url).returncode == 0
    assert file_of(kept.url).stat().st_mode & 0o777 == 0o640, "the file has the mode of the one before"
    assert aside.exists(), "a second restore takes nothing away"


def test_a_backup_does_not_replace_a_file(kept: Database, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    done = run_command("backup", str(file), url=kept.url)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"Error: {file} exists already")
    assert file.read_text() == "mine"
    done = run_command("backup", str(tmp_path / "no" / "folder"), url=kept.url)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"Error: {tmp_path}/no/folder cannot be written: No such file or directory",
    )
    done = run_command("backup", str(tmp_path / ("long" * 100)), url=kept.url)
    assert (done.returncode, done.stderr.splitlines()[-1].endswith("cannot be written: File name too long")) == (1, True)
    done = run_command("backup", str(tmp_path / "b.db"), url=f"sqlite:///{tmp_path}/none.db")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"Error: there is no registry at {tmp_path}/none.db")


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_the_commands_for_files_say_what_to_do_on_postgres(
    command: str, bare: Bare, kind_of_database: str, tmp_path: Path
) -> None:
    if kind_of_database == "sqlite":
        pytest.skip("these commands are for SQLite")
    file = tmp_path / "file"
    if command == "restore":
        file.write_text("")
    done = run_command(command, str(file), url=bare())
    assert done.returncode == 1
    assert "docs/operations/backup.md" in done.stderr


def _truncated(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def _overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(3 * 8192, len(content), 4 * 8192):
        content[place : place + 4096] = b"\xa5" * 4096
    file.write_bytes(content)


def _of_text(file: Path) -> None:
    file.write_text("This is no database.\n" * 1_000)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def _of_a_later_version(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _without_schema(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM alembic_version")


def _without_references(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE topics SET broader_id = 'nobody' WHERE id = 't-1'")


@slow
@pytest.mark.parametrize(
    "damage",
    [
        _truncated,
        _overwritten,
        _of_text,
        _empty,
        _of_another_program,
        _of_a_later_version,
        _without_schema,
        _without_references,
    ],
)
def test_a_backup_that_is_not_sound_changes_nothing(kept: Database, tmp_path: Path, damage: Any) -> None:
    before, file = exported(kept.url), tmp_path / "backup.db"
    assert run_command("backup", str(file), url=kept.url).returncode == 0
    damage(file)
    done = run_command("restore", str(file), url=kept.url)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {file} "), done.stderr
    assert "Traceback" not in done.stderr
    assert exported(kept.url) == before
    assert not list(tmp_path.glob("*.restored*"))


@slow
def test_a_damaged_registry_is_not_backed_up_and_can_be_replaced(kept: Database, tmp_path: Path) -> None:
    before, file = exported(kept.url), tmp_path / "backup.db"
    assert run_command("backup", str(file), url=kept.url).returncode == 0
    _overwritten(file_of(kept.url))
    for words in (("backup", str(tmp_path / "second.db")), ("serve",), ("serve", "--demo"), ("migrate",)):
        done = run_command(*words, url=kept.url)
        assert done.returncode == 1
        assert "is damaged" in done.stderr or "malformed" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "second.db").exists()
    assert run_command("restore", str(file), url=kept.url).returncode == 0
    assert exported(kept.url) == before


@slow
def test_a_registry_is_restored_where_there_was_none(kept: Database, tmp_path: Path) -> None:
    file, url = tmp_path / "backup.db", f"sqlite:///{tmp_path}/new/place/registry.db"
    assert run_command("backup", str(file), url=kept.url).returncode == 0
    assert run_command("restore", str(file), url=url).returncode == 0
    assert exported(url) == exported(kept.url)


@slow
def test_a_backup_of_an_earlier_release_is_restored_and_migrated(tmp_path: Path) -> None:
    old, url = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/registry.db"
    migrate(old, revision="0007")
    rows = "".join((RELEASES / "0.1.0" / name).read_text(encoding="utf-8") for name in ("rows.sql", "sqlite.sql"))
    with closing(sqlite3.connect(file_of(old))) as connection:
        connection.executescript(rows)
    assert run_command("backup", str(tmp_path / "b.db"), url=old).returncode == 0
    done = run_command("restore", str(tmp_path / "b.db"), url=url)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "its schema is of an earlier version; type: rapporteur migrate",
    )
    assert run_command("migrate", url=url).returncode == 0
    assert run_command("check", url=url).returncode == 0


# -- while it is served ------------------------------------------------------------------------------------------------------


def ask(server: Server, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx2.Response:
    """Ask a server."""
    return httpx2.request(method, f"{server}{path}", json=body, headers=headers)


class Writing:
    """Writes topics to a server, one after another, until the block ends."""

    def __init__(self, server: Server, key: dict[str, str]) -> None:
        self._server, self._key = server, key
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            answer = ask(self._server, "POST", "/v1/topics", {"name": f"Written {len(self.acknowledged)}"}, self._key)
            if answer.status_code == 201:
                self.acknowledged.append(answer.headers["location"].rpartition("/")[2])


@slow
def test_a_backup_under_writes_has_all_that_was_answered_before_and_nothing_half(kept: Database, tmp_path: Path) -> None:
    key = kept.key()
    kept.engine.dispose()
    with served(kept.url) as server, Writing(server, key) as writing:
        while len(writing.acknowledged) < 20:
            pass
        before = list(writing.acknowledged)
        done = run_command("backup", str(tmp_path / "b.db"), url=kept.url)
        assert done.returncode == 0, done.stderr
        refused = run_command("restore", str(tmp_path / "b.db"), url=kept.url)
        assert refused.returncode == 1
        assert "a server or another command uses" in refused.stderr
    copy = Database(f"sqlite:///{tmp_path}/b.db")
    ids = {str(row[0]) for row in copy.execute("SELECT id FROM topics")}
    assert ids >= set(before)
    assert copy.disagreements() == []
    copy.engine.dispose()


@slow
def test_a_follower_notices_that_the_registry_was_restored(kept: Database, tmp_path: Path) -> None:
    key = kept.key()
    kept.engine.dispose()
    assert run_command("backup", str(tmp_path / "b.db"), url=kept.url).returncode == 0

    def written(*names: str) -> str:
        with served(kept.url) as server:
            for name in names:
                answer = ask(server, "POST", "/v1/topics", {"name": name}, key)
                assert answer.status_code == 201
            return answer.headers["rapporteur-position"]

    seen = written("Lost one", "Lost two")
    assert run_command("restore", str(tmp_path / "b.db"), url=kept.url).returncode == 0
    with served(kept.url) as server:
        answer = ask(server, "GET", f"/v1/changes?after={seen}")
        assert (answer.status_code, answer.json()["code"]) == (410, "position_unknown")
    written("Other one", "Other two", "Other three")
    with served(kept.url) as server:
        answer = ask(server, "GET", f"/v1/changes?after={seen}")
        assert (answer.status_code, answer.json()["code"]) == (410, "position_unknown"), "also when the log has grown past it"


def killed_with_its_log(url: str, *, checkpoint: bool) -> None:
    """A process writes much, and ends without closing the database."""
    script = f"""
import os, json
from app.db.engine import create_engine, writing
from tests.conftest import Database
database = Database({url!r})
for some in range(2):
    for number in range(40):
        text = json.dumps({{"kind": "topic", "id": f"more-{{some}}-{{number}}", "name": f"{{number}} " + "long " * 900}})
        database.load(text)
    if {checkpoint} and not some:
        with database.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(RESTART)")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9


def test_a_file_copied_over_a_database_with_its_old_log_is_refused(kept: Database, tmp_path: Path) -> None:
    file, backup = file_of(kept.url), tmp_path / "b.db"
    assert run_command("backup", str(backup), url=kept.url).returncode == 0
    before = exported(kept.url)
    killed_with_its_log(kept.url, checkpoint=True)
    log = sqlite_files.beside(file, "-wal")
    assert log.stat().st_size > 0
    shutil.copyfile(backup, file)
    contents = file.read_bytes(), log.read_bytes()
    for words in (("serve",), ("serve", "--demo"), ("migrate",), ("check",), ("import", "--demo"), ("export", "-")):
        done = run_command(*words, url=kept.url)
        assert done.returncode == 1, words
        assert "is damaged" in done.stderr
        assert "rapporteur restore" in done.stderr
        assert (file.read_bytes(), log.read_bytes()) == contents, "the old log was not written into the file"
    assert run_command("restore", str(backup), url=kept.url).returncode == 0
    assert not log.exists()
    assert exported(kept.url) == before
    assert run_command("check", url=kept.url).returncode == 0


@slow
def test_a_killed_process_leaves_a_log_that_is_applied(kept: Database) -> None:
    killed_with_its_log(kept.url, checkpoint=False)
    assert exported(kept.url).count("\n") == 130
    assert run_command("check", url=kept.url).returncode == 0


@slow
def test_a_restore_that_is_interrupted_leaves_the_old_or_the_new_registry(
    kept: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = tmp_path / "b.db"
    assert run_command("backup", str(backup), url=kept.url).returncode == 0
    old = exported(kept.url)
    url = f"sqlite:///{tmp_path}/other.db"
    shutil.copyfile(file_of(kept.url), file_of(url))

    class Interrupted(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Interrupted

    for name in ("fault_of", "registry_in", "put_in_place", "copy"):
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_files, name, stop)
            with pytest.raises(Interrupted):
                backups.restore(url, backup, progress=lambda _done, _all: None)
        assert exported(url) == old, name
    backups.restore(url, backup, progress=lambda _done, _all: None)
    assert exported(url) == old


# -- copying -----------------------------------------------------------------------------------------------------------------


def rows(url: str) -> dict[str, list[Any]]:
    """All rows of all tables but the search entries, which differ between the databases."""
    engine = create_engine(url)
    with reading(engine) as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
            if table is not search_entries
        }
    engine.dispose()
    return found


def lived_in(database: Database) -> None:
    """Give a registry what a copy must have: a history, merged, deleted and erased records, keys, stored answers."""
    database.seed()
    key = database.key()
    with database.client() as client:
        for path, body in (
            ("/v1/people", {"id": "first", "name": "First Person"}),
            ("/v1/people", {"id": "second", "name": "Second Person"}),
            ("/v1/people", {"id": "third", "name": "Third Person"}),
            ("/v1/people/second/merge", {"into": "first"}),
            ("/v1/people/third/erase", None),
        ):
            made = client.post(path, json=body, headers={**key, "Idempotency-Key": f"key-of-{path}-{body and body.get('id')}"})
            assert made.status_code in (200, 201), made.text
        patched = client.patch("/v1/people/first", json={"name": "Firstest"}, headers={**key, "If-Match": "*"})
        assert patched.status_code == 200
        assert client.delete("/v1/topics/quantum-communication", headers={**key, "If-Match": "*"}).status_code in (
            204,
            404,
            409,
        )
    database.engine.dispose()


def test_a_copy_to_the_other_database_and_back_says_the_same(database: Database, bare: Bare, tmp_path: Path) -> None:
    lived_in(database)
    there, back = bare(), f"sqlite:///{tmp_path}/back.db"
    for source, target in ((database.url, there), (there, back)):
        done = run_command("copy", source, target, url="sqlite:///unused.db")
        assert done.returncode == 0, done.stderr
        assert "both sides say the same" in done.stdout
    assert rows(back) == rows(there) == rows(database.url)
    for url in (there, back):
        copy = Database(url)
        assert copy.export() == database.export()
        assert copy.disagreements() == []
        with copy.client() as client, database.client() as first:
            for path in ("/v1/changes?limit=1000", "/v1/search?q=минск", "/v1/people/second", "/v1/people/third"):
                one, other = (each.get(path) for each in (client, first))
                assert (one.status_code, one.text) == (other.status_code, other.text)
            made = client.post("/v1/topics", json={"name": "After the copy"}, headers=copy.key(name="after the copy"))
            assert made.status_code == 201
        assert copy.disagreements() == []
        copy.engine.dispose()


def test_a_copy_needs_an_empty_database(database: Database, fresh: Any, tmp_path: Path) -> None:
    database.load(TOPIC.format(number=1))
    other = Database(fresh())
    other.load(TOPIC.format(number=2))
    other.engine.dispose()
    done = run_command("copy", database.url, other.url, url="sqlite:///unused.db")
    assert done.returncode == 1
    assert "exists already" in done.stderr or "is not empty" in done.stderr
    assert len(other.export()) == 1
    for words in (("nothing", database.url), (database.url, "mysql://x/y")):
        done = run_command("copy", *words, url="sqlite:///unused.db")
        assert done.returncode == 2
        assert "is neither sqlite:///PATH nor postgresql://" in done.stderr
    done = run_command("copy", f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/new.db", url="sqlite:///unused.db")
    assert done.returncode == 1
    assert "there is no registry" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(database: Database, bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    database.load(TOPIC.format(number=1))
    monkeypatch.setattr(copying, "disagreements", lambda *_, **__: ["a row is wrong"])
    url = bare()
    done = CliRunner().invoke(main, ["copy", database.url, url], env={"RAPPORTEUR_DATABASE_URL": "sqlite:///unused.db"})
    assert done.exit_code == 1
    assert "a row is wrong" in done.output
    if make_url(url).get_backend_name() == "sqlite":
        assert not file_of(url).exists()
    else:
        assert all(not several for several in rows(url).values())
    monkeypatch.undo()
    assert run_command("copy", database.url, url, url="sqlite:///unused.db").returncode == 0, "it can be done again"


def test_a_registry_of_an_earlier_schema_is_not_touched_by_a_copy_to_it(database: Database, fresh: Any) -> None:
    other = Database(fresh())
    other.load(TOPIC.format(number=1))
    other.engine.dispose()
    migrate(other.url, revision="0020")
    with pytest.raises(OperatorError, match="is not empty"):
        copying.require_empty(other.url)
    assert other.execute("SELECT version_num FROM alembic_version") == [("0020",)]
    other.engine.dispose()
    done = run_command("copy", database.url, other.url, url="sqlite:///unused.db")
    assert done.returncode == 1
    assert other.execute("SELECT version_num FROM alembic_version") == [("0020",)]
    other.engine.dispose()


def test_a_key_that_is_revoked_during_a_copy_is_noticed(
    database: Database, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.load(TOPIC.format(number=1))
    database.key()
    revoke = "UPDATE keys SET revoked_at = created_at"
    monkeypatch.setattr(copying, "analyze", lambda *_: database.execute(revoke))
    done = CliRunner().invoke(main, ["copy", database.url, bare()], env={"RAPPORTEUR_DATABASE_URL": "sqlite:///unused.db"})
    assert (done.exit_code, "FROM was written meanwhile" in done.output) == (1, True)


def test_a_new_file_is_refused_while_its_log_is_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new.db"
    with pytest.raises(OperatorError, match="the disk may be full"), sqlite_files.new_file(target) as made:
        sqlite_files.beside(made, "-wal").write_text("what could not be written into the file")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_name_of_a_backup(kept: Database, tmp_path: Path) -> None:
    for name in (".", "/", str(tmp_path)):
        done = run_command("backup", name, url=kept.url)
        assert (done.returncode, done.stderr.splitlines()[-1].endswith("is a folder: name a file in it")) == (1, True)


def test_a_source_that_is_written_while_it_is_copied_is_told(
    database: Database, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.load(TOPIC.format(number=1))
    monkeypatch.setattr(copying, "analyze", lambda *_: database.load(TOPIC.format(number=2)))
    url, unused = bare(), {"RAPPORTEUR_DATABASE_URL": "sqlite:///unused.db"}
    done = CliRunner().invoke(main, ["copy", database.url, url], env=unused)
    assert done.exit_code == 1
    assert "FROM was written meanwhile" in done.output
    monkeypatch.undo()
    assert CliRunner().invoke(main, ["copy", database.url, url], env=unused).exit_code == 0, "nothing was kept"


@slow
def test_what_a_symbolic_link_leads_to_is_restored(kept: Database, tmp_path: Path) -> None:
    before, file = exported(kept.url), tmp_path / "b.db"
    assert run_command("backup", str(file), url=kept.url).returncode == 0
    (tmp_path / "elsewhere").mkdir()
    file_of(kept.url).rename(tmp_path / "elsewhere" / "real.db")
    file_of(kept.url).symlink_to(tmp_path / "elsewhere" / "real.db")
    assert run_command("import", "--demo", url=kept.url).returncode == 0
    assert run_command("restore", str(file), url=kept.url).returncode == 0
    assert file_of(kept.url).is_symlink()
    assert exported(kept.url) == before
    with served(kept.url):
        refused = run_command("restore", str(file), url=kept.url)
        assert (refused.returncode, "a server or another command uses" in refused.stderr) == (1, True)


@slow
def test_two_backups_to_one_file_make_one_good_backup(kept: Database, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "backup", str(tmp_path / "b.db")]
    environment = {**os.environ, "RAPPORTEUR_DATABASE_URL": kept.url}
    several = [subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [each.communicate()[1].splitlines()[-1] for each in several]
    assert sorted(each.returncode for each in several) == [0, 1, 1]
    assert sum(line == f"Error: {tmp_path}/b.db exists already" for line in told) == 2
    assert [each.name for each in tmp_path.glob("b.db*")] == ["b.db"]
    assert sqlite_files.fault_of(tmp_path / "b.db", thorough=True) is None


def test_what_is_not_there_cannot_be_backed_up() -> None:
    with pytest.raises(OperatorError, match="there is no registry"):
        backups.back_up("sqlite:////nowhere/at/all.db", Path("/nowhere/b.db"), progress=lambda _done, _all: None)
