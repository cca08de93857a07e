"""What somebody meets who starts the registry for the first time: plain messages, no lost work, and where things are."""

import ctypes
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from click.testing import CliRunner, Result

from app import settings as settings_module
from app.cli import main
from app.commands.serving import _place_of
from app.db.engine import SQLITE_PRAGMAS, sqlite_path
from app.db.failures import explanation
from app.db.schema import migrate
from app.errors import Misconfigured
from app.settings import FORMER_DEFAULT, ROOT, Settings, default_database
from tests.conftest import Database
from tests.postgres import free_port

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24
COMMAND = (sys.executable, "-m", "app")


def run(*words: str | Path, url: str, **variables: str) -> Result:
    """Run `rapporteur` in this process."""
    environment = {"RAPPORTEUR_DATABASE_URL": url, "RAPPORTEUR_PORT": str(free_port()), **variables}
    return CliRunner().invoke(main, [str(word) for word in words], env=environment, prog_name="rapporteur")


def told(result: Result | subprocess.CompletedProcess[str]) -> str:
    """The error that a command ended with; the test fails if it is no single plain line."""
    code = result.exit_code if isinstance(result, Result) else result.returncode
    assert code == 1, result.stderr
    assert "Traceback" not in result.stderr
    *_, error = re.split("^Error: ", result.stderr, flags=re.MULTILINE)
    assert error.endswith("\n")
    assert len(error.splitlines()) == 1, error
    return error.strip()


def without_rights() -> None:
    """Let the process that is about to start keep to the permissions of files, as root would not."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def run_without_rights(*words: str | Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run `rapporteur` as an account that must keep to the permissions of files."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env={**os.environ, "RAPPORTEUR_DATABASE_URL": url, "RAPPORTEUR_PORT": str(free_port())},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=without_rights,
    )


@contextmanager
def permitting(path: Path, mode: int) -> Iterator[None]:
    """Let the path have these permissions for a while."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry in a file that is alone in its folder."""
    path = tmp_path / "registry" / "some.db"
    migrate(f"sqlite:///{path}")
    return path


# -- files and folders that cannot be read or written -------------------------------------------------------------------


@pytest.mark.parametrize("words", [("keys", "create", "somebody"), ("import", "--demo"), ("rebuild",), ("vacuum",)])
@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_registry_that_may_not_be_written_is_told_with_its_file(registry: Path, of: str, words: tuple[str, ...]) -> None:
    path, mode = (registry, 0o444) if of == "file" else (registry.parent, 0o555)
    with permitting(path, mode):
        error = told(run_without_rights(*words, url=f"sqlite:///{registry}"))
    assert error.startswith(f"{registry} cannot be written: this account may not write to the file or to its folder")
    assert "use the account of the server" in error


@pytest.mark.parametrize("words", [("migrate",), ("serve",), ("export", "-"), ("search", "talks")])
def test_a_registry_that_may_not_be_read_is_told_with_its_file(registry: Path, words: tuple[str, ...]) -> None:
    with permitting(registry, 0o000):
        error = told(run_without_rights(*words, url=f"sqlite:///{registry}"))
    assert error.startswith(f"{registry} cannot be opened: this account may not read it")
    with permitting(registry.parent, 0o000):
        error = told(run_without_rights(*words, url=f"sqlite:///{registry}"))
    assert error == f"{registry}: Permission denied"


def test_a_registry_that_may_only_be_read_is_read(registry: Path) -> None:
    with permitting(registry, 0o444):
        assert run_without_rights("keys", "list", url=f"sqlite:///{registry}").returncode == 0


def test_a_place_where_no_registry_can_be_made_is_told(tmp_path: Path) -> None:
    with permitting(tmp_path, 0o555):
        error = told(run_without_rights("migrate", url=f"sqlite:///{tmp_path}/some.db"))
        assert error == f"{tmp_path}/some.db: Permission denied"
        error = told(run_without_rights("serve", "--demo", url=f"sqlite:///{tmp_path}/new/folder/some.db"))
        assert error == f"the folder {tmp_path}/new/folder cannot be made: {tmp_path}/new: Permission denied"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for below in ("some.db", "folder/some.db"):
        error = told(run("migrate", url=f"sqlite:///{tmp_path}/file/{below}"))
        assert error.startswith(f"{(tmp_path / 'file' / below).parent} cannot be a folder, because ")
        assert error.endswith(" is a file")


@pytest.mark.parametrize("words", [("migrate",), ("serve",), ("check",), ("export", "-"), ("keys", "list"), ("search", "x")])
def test_what_is_no_registry_is_told_with_its_name_and_is_not_changed(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "text.db").write_text("this is no database\n" * 1_000)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE bookmarks (x)")
    connection.close()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db") if path.is_file()}
    for name, error in (
        ("folder.db", "is a folder; name a file in it"),
        ("text.db", "is no SQLite database; name another file, or go back to a backup: rapporteur restore FILE"),
        ("other.db", "belongs to another program, because it has the table bookmarks"),
    ):
        assert told(run(*words, url=f"sqlite:///{tmp_path}/{name}")).startswith(f"{tmp_path}/{name} {error}")
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.db") if path.is_file()} == before


def test_an_empty_file_becomes_a_registry(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert run("migrate", url=f"sqlite:///{tmp_path}/empty.db").exit_code == 0
    assert run("check", url=f"sqlite:///{tmp_path}/empty.db").exit_code == 0


def test_a_full_disk_is_told_and_nothing_is_kept(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{registry}"
    with monkeypatch.context() as patched:
        # A file that may not grow any more is refused by SQLite with the same error as a disk without space.
        patched.setattr("app.db.engine.SQLITE_PRAGMAS", (*SQLITE_PRAGMAS, "PRAGMA max_page_count = 1"))
        error = told(run("import", "--demo", url=url))
    assert error == f"{registry} cannot grow, because its disk is full; nothing was written"
    assert Database(url).export() == []


def test_a_registry_that_another_process_writes_is_told(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.engine.create_engine.__kwdefaults__", {"patience": 0.1, "creates": True, "pooler": ""})
    with sqlite3.connect(registry, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert told(run("keys", "create", "x", url=f"sqlite:///{registry}")) == (
            f"another process is writing to {registry}; try again"
        )
        other.execute("ROLLBACK")
    other.close()


def test_what_postgres_refuses_is_one_line() -> None:
    refused = psycopg.errors.InsufficientPrivilege("permission denied for table api_keys\nLINE 1: INSERT INTO\n")
    assert explanation(refused) == "the database refused: permission denied for table api_keys LINE 1: INSERT INTO"
    away = psycopg.OperationalError("connection failed:\n\tConnection refused")
    assert explanation(away) == "the database does not answer: connection failed: Connection refused"


# -- migrate ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["9999", "-1", "+1", "base", "heads", "head~1", "0001:0003", "00", "", "ü"])
def test_a_revision_that_there_is_not_is_told_with_those_there_are(registry: Path, revision: str) -> None:
    error = told(run("migrate", f"--revision={revision}", url=f"sqlite:///{registry}"))
    assert error.startswith(f"there is no revision {revision!r}; there are 0001, 0002, ")


@pytest.mark.parametrize(
    "words", [("migrate",), ("migrate", "--revision", "0007"), ("serve",), ("serve", "--demo"), ("check",)]
)
def test_a_schema_of_a_later_version_is_told(database: Database, words: tuple[str, ...]) -> None:
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    error = told(run(*words, url=database.url, RAPPORTEUR_PORT=str(free_port())))
    assert error.startswith("the database has the schema 9999, ")
    assert error.endswith("it was made by a newer version, which you need to install")


def test_unknown_options_and_commands_are_told_by_click(registry: Path) -> None:
    for words, error in (
        (("serve", "--prot", "80"), "No such option"),
        (("export",), "Missing argument 'TARGET'"),
        (("sevre",), "No such command 'sevre'"),
    ):
        result = run(*words, url=f"sqlite:///{registry}")
        assert result.exit_code == 2
        assert error in result.stderr


# -- export -------------------------------------------------------------------------------------------------------------


def test_an_export_that_cannot_be_written_names_its_target(registry: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{registry}"
    file, folder, read_only = tmp_path / "file", tmp_path / "folder.ndjson", tmp_path / "read-only"
    file.write_text("ours")
    folder.mkdir()
    read_only.mkdir()
    for target, why in (
        (file, ", because it or a folder above it is a file"),
        (file / "below", ", because it or a folder above it is a file"),
        (file / "below.ndjson", ", because it or a folder above it is a file"),
        (tmp_path / "missing" / "some.ndjson", ": No such file or directory"),
        (folder, ": Is a directory"),
        (tmp_path / ("x" * 300), ": File name too long"),
    ):
        assert told(run("export", target, url=url)) == f"{target} cannot be written{why}"
    with permitting(read_only, 0o555):
        for target in (read_only, read_only / "below", read_only / "some.ndjson"):
            Database(url).load('{"kind":"topic","id":"one","name":"One"}')
            assert told(run_without_rights("export", target, url=url)) == f"{target} cannot be written: Permission denied"
    assert file.read_text() == "ours"
    assert list(read_only.iterdir()) == list(folder.iterdir()) == []


@pytest.mark.parametrize("words", [("export", ""), ("import", ""), ("backup", ""), ("restore", ""), ("verify", "")])
def test_an_empty_path_is_not_taken_for_the_current_folder(
    registry: Path, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = run(*words, url=f"sqlite:///{registry}")
    assert result.exit_code == 2
    assert "it is empty; the current folder is `.`" in result.stderr
    assert list((tmp_path / "here").iterdir()) == []


def exporting(url: str, output: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "RAPPORTEUR_DATABASE_URL": url}
    return subprocess.Popen(
        [*COMMAND, "export", "-"], env=environment, cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True
    )


def test_a_reader_that_has_read_enough_is_no_error(seeded: Database) -> None:
    reading, writing = os.pipe()
    process = exporting(seeded.url, writing)
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, "as other programs end whose output is not read"
    assert "Error" not in said
    assert "Traceback" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_an_output_on_a_full_disk_is_told(seeded: Database) -> None:
    with Path("/dev/full").open("w") as full:
        process = exporting(seeded.url, full.fileno())
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.endswith("Error: standard output cannot be written: No space left on device\n")


# -- serve --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_told_before_anything_is_made(tmp_path: Path, workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("RAPPORTEUR_WORKERS", workers)
        result = run("serve", "--demo", url=f"sqlite:///{tmp_path}/some.db", RAPPORTEUR_PORT=str(port))
    assert told(result) == (
        f"127.0.0.1:{port} cannot be listened on: another program listens there; choose another port with RAPPORTEUR_PORT"
    )
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["nowhere.invalid", "300.1.1.1", "192.0.2.1"])
def test_a_host_that_is_not_of_this_machine_is_told(registry: Path, host: str) -> None:
    error = told(run("serve", url=f"sqlite:///{registry}", RAPPORTEUR_HOST=host, RAPPORTEUR_PORT=str(free_port())))
    assert error.endswith(f"{host} is no address of this machine; choose another with RAPPORTEUR_HOST")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_whoever_reads_the_addresses_can_ask_at_once(seeded: Database, workers: str) -> None:
    port = free_port()
    variables = {"RAPPORTEUR_DATABASE_URL": seeded.url, "RAPPORTEUR_PORT": str(port), "RAPPORTEUR_WORKERS": workers}
    process = subprocess.Popen(
        [*COMMAND, "serve"],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        banner = [process.stdout.readline() for _ in range(5)]
        with urlopen(f"http://127.0.0.1:{port}/v1/", timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
    shown = {words: address for line in banner[1:4] for words, address in [line.strip().rsplit(maxsplit=1)]}
    assert shown["the docs page"] == f"http://127.0.0.1:{port}/docs"
    assert shown["the API"] == f"http://127.0.0.1:{port}/v1/"
    assert shown["the database"] == _place_of(seeded.url)


def test_where_the_database_is_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert _place_of("sqlite:///folder/some.db") == f"{tmp_path.resolve()}/folder/some.db"
    for url in ("postgres://me:secret@host/name", "postgresql+psycopg://me:secret@host/name?password=secret"):
        assert "secret" not in _place_of(url)
        assert _place_of(url).endswith("://me:***@host/name")


# -- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TRUSTED_PROXIES", "foo", "contains 'foo': write IP addresses or networks, such as 10.0.0.1,10.0.0.0/8; or `*`"),
        ("TRUSTED_PROXIES", "127.0.0.1,foo", "contains 'foo': write IP addresses"),
        ("TRUSTED_PROXIES", "127.0.0.1,*", "contains '*': write IP addresses or networks"),
        ("TRUSTED_PROXIES", "127.0.0.1:80", "contains '127.0.0.1:80': write IP addresses"),
        ("TRUSTED_PROXIES", "10.0.0.1 10.0.0.2", "contains '10.0.0.1 10.0.0.2': write IP addresses"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "contains '10.0.0.1/8'; is 10.0.0.0/8 meant?"),
        ("TRUSTED_PROXIES", "fe80::1/64", "contains 'fe80::1/64'; is fe80::/64 meant?"),
        ("TRUSTED_PROXIES", "10.0.0.1,", "contains '': write IP addresses"),
        ("ALLOWED_HOSTS", "", "contains '': write host names without scheme and port, separated by commas, or `*` for all"),
        ("ALLOWED_HOSTS", "https://registry.example", "contains 'https://registry.example': write host names"),
        ("ALLOWED_HOSTS", "registry.example:8000", "contains 'registry.example:8000': write host names"),
        ("ALLOWED_HOSTS", "registry.example other.example", "write host names without scheme and port"),
        ("ALLOWED_HOSTS", "*.example", "contains '*.example': write host names"),
        ("HOST", "", "is '': write one IP address or host name, without a port; 0.0.0.0 listens on all"),
        ("HOST", "localhost:80", "is 'localhost:80': write one IP address or host name, without a port"),
        ("HOST", "http://localhost", "is 'http://localhost': write one IP address"),
        ("HOST", "[::1]", "is '[::1]': write one IP address"),
        ("PORT", "65536", "='65536' is no whole number from 1 to 65535"),
        ("WORKERS", "9" * 5_000, "is no whole number from 1 to 1000"),
        ("WORKERS", "1001", "='1001' is no whole number from 1 to 1000"),
        ("STOP_SECONDS", "9" * 20, "is no whole number from 1 to 86400"),
        ("READ_DEADLINE", "86401", "='86401' is no whole number from 1 to 86400"),
        ("WRITE_PATIENCE", "-5", "='-5' is no whole number from 1 to 86400"),
        ("BODY_LIMIT", "1MB", "='1MB' is no whole number from 1 to 1000000000000"),
        ("READ_CONNECTIONS", "0", "='0' is no whole number from 1 to 10000"),
        ("LOG_LEVEL", "loud", "is none of critical, error, warning, info, debug"),
        ("POOLER", "session", "is neither empty nor `transaction`"),
        ("CONTACT", "the office", "is neither a mail address nor an address that begins with http:// or https://"),
        ("ID_HOST", "Registry.example", "is 'Registry.example': write a host name in small letters, such as registry.example"),
        ("ID_HOST", "https://registry.example", "is 'https://registry.example': write a host name"),
        ("DATABASE_URL", "mysql://me@host/name", "is neither sqlite:///PATH nor postgresql://USER:PASSWORD@HOST/NAME"),
        ("DATABASE_URL", "postgresqlite://host/name", "is neither sqlite:///PATH nor postgresql://"),
        ("DATABASE_URL", "postgres://host", "is neither sqlite:///PATH nor postgresql://"),
        ("DATABASE_URL", "sqlite://folder/some.db", "needs three slashes before a path, four before one that begins with"),
        ("DATABASE_URL", "sqlite:///:memory:", "names no file"),
        ("DATABASE_URL", "sqlite:///some.db?mode=ro", "names no file"),
        ("DATABASE_URL", "sqlite:///~/some.db", "begins with `~`, which only a shell replaces"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_with_what_to_write(name: str, value: str, message: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Settings.from_environment({f"RAPPORTEUR_{name}": value})
    said = str(refused.value)
    assert said.startswith(f"RAPPORTEUR_{name}")
    assert message in said
    assert len(said) < 250


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", ""),
        ("TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16, ::1, fe80::/64"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "registry.example, localhost,[::1],192.0.2.1"),
        ("HOST", "0.0.0.0"),
        ("HOST", "::"),
        ("HOST", "registry-1.example"),
        ("PORT", "65535"),
        ("STOP_SECONDS", "86400"),
        ("DATABASE_URL", "sqlite:////folder/some.db"),
        ("DATABASE_URL", "sqlite+aiosqlite:///some.db"),
        ("DATABASE_URL", "postgres://me:secret@host:5432/name?sslmode=require"),
        ("DATABASE_URL", "postgresql+psycopg://me@host/name"),
        ("DATABASE_URL", "postgresql+asyncpg:///name"),
    ],
)
def test_a_setting_that_makes_sense_is_taken(name: str, value: str) -> None:
    settings = Settings.from_environment({f"RAPPORTEUR_{name}": value})
    assert str(getattr(settings, name.lower())) == value


def test_a_network_of_proxies_is_believed(seeded: Database) -> None:
    from dataclasses import replace

    from starlette.testclient import TestClient

    from app.main import create_app

    settings = replace(seeded.settings, trusted_proxies="10.0.0.0/8, ::1")
    for address, host in (("10.1.2.3", "registry.example"), ("::1", "registry.example"), ("192.0.2.9", "testserver")):
        with TestClient(create_app(settings), client=(address, 50_000)) as client:
            page = client.get("/v1/people", headers={"X-Forwarded-Host": "registry.example"}).json()
        assert page["links"]["self"].startswith(f"http://{host}/"), address


SCHEMES = {"sqlite": ["sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"]}
SCHEMES["postgres"] = ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgres+asyncpg"]


def test_each_way_to_write_a_url_leads_to_the_same_database(seeded: Database, kind_of_database: str) -> None:
    records = f"{len(seeded.export())} records, all in agreement\n"
    _, _, rest = seeded.url.partition("://")
    for scheme in SCHEMES[kind_of_database]:
        url = f"{scheme}://{rest}"
        assert run("check", url=url).stdout.startswith(records), scheme
        assert run("search", "Zalessky", url=url).stdout.startswith("person\tkirill-zalessky"), scheme
        assert run("migrate", url=url).exit_code == 0, scheme
        database = Database(url)
        with database.client() as client:
            assert client.get("/v1/organizations/sco").status_code == 200, scheme
            assert client.get("/readyz").status_code == 200, scheme
        database.engine.dispose()


# -- where the database is ----------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody who installed the package, so that there is no checkout; the current folder is another one."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr(settings_module, "ROOT", tmp_path / "site-packages")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("RAPPORTEUR_DATABASE_URL", raising=False)
    monkeypatch.chdir(elsewhere)
    return home


def test_a_checkout_keeps_its_database_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}).database_url == f"sqlite:///{ROOT}/var/rapporteur.db"


def test_an_installed_package_keeps_its_database_in_the_folder_for_data(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_database() == installed / ".local" / "share" / "rapporteur" / "rapporteur.db"
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert default_database() == installed / ".local" / "share" / "rapporteur" / "rapporteur.db"
    monkeypatch.setenv("XDG_DATA_HOME", str(installed / "data"))
    assert default_database() == installed / "data" / "rapporteur" / "rapporteur.db"
    assert CliRunner().invoke(main, ["migrate"]).exit_code == 0
    monkeypatch.chdir(installed)
    assert CliRunner().invoke(main, ["keys", "list"]).exit_code == 0, "it is found from any folder"
    assert (installed / "data" / "rapporteur" / "rapporteur.db").is_file()


def test_an_account_without_a_home_has_to_say_where(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert told(CliRunner().invoke(main, ["migrate"])) == (
        "RAPPORTEUR_DATABASE_URL is required, because this account has no home folder"
    )
    assert run("migrate", url=f"sqlite:///{installed}/some.db").exit_code == 0


def test_a_database_where_release_0_1_0_kept_it_is_not_lost(installed: Path) -> None:
    migrate(f"sqlite:///{FORMER_DEFAULT}")
    Database(f"sqlite:///{FORMER_DEFAULT}").load('{"kind":"topic","id":"ours","name":"Ours"}')
    default = installed / ".local" / "share" / "rapporteur" / "rapporteur.db"
    for words in (["migrate"], ["check"], ["export", "-"]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 1
        assert f"there is no registry at {default}, but one at {FORMER_DEFAULT.resolve()}" in result.stderr
    assert not default.exists()
    (url,) = re.findall("export RAPPORTEUR_DATABASE_URL=(.*)", result.stderr)
    assert '"ours"' in run("export", "-", url=url).stdout
    (move,) = re.findall("to move it while no server runs: (.*)", result.stderr)
    subprocess.run(move, shell=True, check=True)
    assert '"ours"' in CliRunner().invoke(main, ["export", "-"]).stdout
    assert sqlite_path(f"sqlite:///{default}").is_file()


# -- make ---------------------------------------------------------------------------------------------------------------


def make(folder: Path, *words: str) -> str:
    """What `make` prints in a copy of the checkout that has nothing but the Makefile and empty files."""
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (folder / name).touch()
    done = subprocess.run(["make", "--no-print-directory", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_make_clean_spares_the_database_and_says_how_to_remove_it(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "rapporteur.db").write_text("written by hand")
    said = make(tmp_path, "clean")
    assert (tmp_path / "var" / "rapporteur.db").read_text() == "written by hand"
    assert not (tmp_path / ".venv").exists()
    assert f"The database stays: {tmp_path}/var." in said
    (remove,) = re.findall("To remove it with all that was written to it: (.*)", said)
    subprocess.run(remove, shell=True, check=True)
    assert not (tmp_path / "var").exists()
    assert make(tmp_path, "clean") == ""


@pytest.mark.parametrize("target", [".venv/runtime", ".venv/development"])
def test_the_installation_shows_what_it_does(tmp_path: Path, target: str) -> None:
    # A stand-in for pip, which prints what pip prints unless it is asked to be quiet.
    pip = tmp_path / ".venv" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\ncase "$*" in *--quiet*|*" -q"*) ;; *) echo "Collecting $*" ;; esac\n')
    pip.chmod(0o755)
    lines = make(tmp_path, target, f"PYTHON={sys.executable}").splitlines()
    assert lines[0].startswith("installing ")
    assert sum(line.startswith("Collecting ") for line in lines) == (2 if target == ".venv/runtime" else 3)
