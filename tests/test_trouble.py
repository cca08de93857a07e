"""A database that is away, frozen, read-only, removed or damaged: what readers and writers are told, and how it comes back."""

import json
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.db.engine import sqlite_path
from app.db.failures import AWAY, DAMAGED, FINE, READ_ONLY, failure
from app.db.schema import migrate, require_usable
from app.db.sqlite import connect
from app.db.sqlite_driver import SqliteDriver
from app.errors import Busy, OperatorError
from tests import postgres
from tests.conftest import Database, run_command
from tests.serving import Server, served

SETTINGS = {
    "RAPPORTEUR_READ_DEADLINE": "2",
    "RAPPORTEUR_WRITE_PATIENCE": "2",
    "RAPPORTEUR_REQUESTS_PER_MINUTE": "1000000",
    "RAPPORTEUR_WRITES_PER_MINUTE": "1000000",
}
WAIT_SECONDS = 30
ENDS_CLIENTS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name LIKE 'rapp%'"
)


class Answer(NamedTuple):
    """What a client is told."""

    status: int
    detail: str
    retry_after: str | None


class Clients:
    """Somebody who reads, somebody who writes, and a balancer."""

    def __init__(self, server: Server, key: dict[str, str]) -> None:
        self.server = server
        self._key = key
        self._made = 0

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_SECONDS)
        headers = {**self._key, "Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return Answer(answer.status, told.get("detail", ""), answer.headers["Retry-After"])

    def read(self) -> Answer:
        """A list."""
        return self.ask("GET", "/v1/topics?limit=1")

    def search(self) -> Answer:
        """A search, which on SQLite is done by another thread."""
        return self.ask("GET", "/v1/search?q=first")

    def write(self) -> Answer:
        """A new record."""
        self._made += 1
        return self.ask("POST", "/v1/topics", {"id": f"made-{self._made}", "name": f"Topic {self._made}"})

    def ready(self) -> Answer:
        """What a balancer asks."""
        return self.ask("GET", "/readyz")

    def all_good(self) -> bool:
        """Whether everything is as it should be."""
        return self.read().status == self.search().status == self.ready().status == 200 and self.write().status == 201

    def wait(self, until: Callable[[], bool]) -> None:
        """Until it is so; the test fails if it never is."""
        end = time.monotonic() + WAIT_SECONDS
        while not until():
            assert time.monotonic() < end
            time.sleep(0.05)

    def log(self) -> list[str]:
        """What the server logged, but for its start."""
        return [line for line in self.server.log.read_text(encoding="utf-8").splitlines() if " rapporteur" in line]


def unavailable(answer: Answer, *words: str) -> None:
    """It is told why, and when to come again."""
    assert answer.status == 503, answer
    assert answer.retry_after is not None
    for word in words:
        assert word in answer.detail


# -- SQLite ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_file(tmp_path: Path) -> Iterator[tuple[Clients, Path]]:
    """A server over a SQLite file of its own."""
    url = f"sqlite:///{tmp_path}/registry.db"
    migrate(url)
    database = Database(url)
    database.load('{"kind":"topic","id":"first","name":"First"}')
    key = database.key()
    database.engine.dispose()
    with served(url, **SETTINGS) as server:
        clients = Clients(server, key)
        assert clients.all_good()
        yield clients, sqlite_path(url)


def test_a_file_that_is_moved_away_is_missed_and_is_good_again_when_it_is_back(on_file: tuple[Clients, Path]) -> None:
    clients, path = on_file
    away = path.with_name("away.db")
    path.rename(away)
    unavailable(clients.write())
    clients.wait(lambda: clients.ready().status == 503)
    for answer in (clients.read(), clients.search(), clients.write(), clients.ready()):
        unavailable(answer, "moved or removed")
    assert clients.ask("GET", "/healthz").status == 200
    away.rename(path)
    clients.wait(clients.all_good)
    assert clients.ask("GET", "/v1/topics/made-1").status == 200
    states = [line for line in clients.log() if "rapporteur.database" in line]
    assert 2 <= len(states) <= 3, "a line for each change of state"
    assert "takes writes again" in states[-1]


def test_nothing_is_acknowledged_into_a_file_that_is_gone(on_file: tuple[Clients, Path]) -> None:
    """Writers go on while the file is removed and a copy is put in its place; whatever is acknowledged after that is there."""
    clients, path = on_file
    copy = path.with_name("copy.db")
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    stop, acknowledged, lock = threading.Event(), Counter[str](), threading.Lock()
    phase = ["before"]

    def write() -> None:
        while not stop.is_set():
            began, answer = phase[0], clients.write()
            with lock:
                acknowledged[f"{began} {answer.status}"] += 1

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.3)
    phase[0] = "gone"
    path.unlink()
    time.sleep(1)
    assert acknowledged["gone 201"] <= 1, "what was committed at the very moment"
    assert acknowledged["gone 503"] > 0
    copy.rename(path)
    clients.wait(lambda: clients.ready().status == 200)
    phase[0] = "back"
    before = clients.ask("GET", "/v1/topics?limit=1&count=true")
    assert before.status == 200
    time.sleep(0.5)
    stop.set()
    writer.join()
    assert acknowledged["back 201"] > 0
    assert {name for name in acknowledged if name.startswith("back")} == {"back 201"}
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (kept,) = connection.execute("SELECT count(*) FROM topics WHERE id LIKE 'made-%'").fetchone()
    assert kept >= acknowledged["back 201"]
    assert path.with_name("registry.db-wal.replaced").exists(), "the log of the file that was removed is set aside"


@pytest.mark.parametrize("suffixes", [["-wal"], ["-wal", "-shm"]])
def test_what_was_acknowledged_outlives_its_log(on_file: tuple[Clients, Path], suffixes: list[str]) -> None:
    """Until it is written into the file, what is committed stands in the log beside it, which somebody removes."""
    clients, path = on_file
    before = [clients.write() for _ in range(20)]
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()
    after = [clients.write() for _ in range(20)]
    clients.wait(clients.all_good)
    assert {answer.status for answer in before} == {201}
    kept = sum(answer.status == 201 for answer in (*before, *after))
    clients.server.process.kill()
    clients.server.process.wait()
    with sqlite3.connect(path) as connection:
        (there,) = connection.execute("SELECT count(*) FROM topics WHERE id LIKE 'made-%'").fetchone()
    assert there >= kept


def test_a_damaged_file_is_told_and_is_good_again_when_it_is_mended(on_file: tuple[Clients, Path]) -> None:
    clients, path = on_file
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        root = dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))["changes"]
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek((root - 1) * page_size)
        file.write(b"\xff" * page_size)
    clients.wait(lambda: clients.ask("GET", "/v1/changes?limit=1").status == 503 or clients.write().status == 503)
    clients.wait(lambda: clients.ready().status == 503)
    unavailable(clients.ready(), "damaged")
    assert "Traceback" not in clients.server.log.read_text(encoding="utf-8")
    with path.open("r+b") as file:
        file.write(whole)
    clients.wait(clients.all_good)
    assert clients.ask("GET", "/v1/changes?limit=1").status == 200


def raised(statement: str, uri: str, *before: str) -> sqlite3.Error:
    """What SQLite says to a statement."""
    try:
        with sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None) as connection:
            for each in (*before, statement):
                connection.execute(each)
    except sqlite3.Error as error:
        return error
    raise AssertionError("it did not refuse")


def test_what_sqlite_refuses_is_the_databases_fault_or_ours(tmp_path: Path) -> None:
    file, insert = f"file:{tmp_path}/some.db", "INSERT INTO t VALUES (1)"
    with sqlite3.connect(tmp_path / "some.db") as connection:
        connection.execute("CREATE TABLE t (x INTEGER UNIQUE)")
    (tmp_path / "none.db").write_bytes(b"this is no database" * 1_000)
    cases = [
        (raised(insert, f"{file}?mode=ro"), READ_ONLY, "takes no writes"),
        (raised("SELECT 1 FROM t", f"file:{tmp_path}/none.db"), DAMAGED, "damaged"),
        (raised("SELECT 1 FROM t", f"file:{tmp_path}/missing/some.db?mode=rw"), AWAY, "does not answer"),
        (raised("CREATE TABLE u AS SELECT randomblob(90000)", file, "PRAGMA max_page_count = 4"), FINE, "no room"),
        (raised("SELECT 1 FROM nothing", file), FINE, "cannot do this now"),
    ]
    for error, trouble, words in cases:
        found = failure(error)
        assert found is not None, error
        assert (found.trouble, words in found.problem.detail) == (trouble, True), error
        assert found.problem.status == 503
        assert found.problem.headers["Retry-After"]
    conflict = failure(raised(insert, file, insert))
    assert conflict is not None
    assert conflict.trouble == FINE, "a record that is there already is nobody's trouble"
    assert conflict.problem.status == 409
    with sqlite3.connect(tmp_path / "some.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        busy = failure(raised(insert, file))
        assert busy is not None
        assert isinstance(busy.problem, Busy)
        writer.execute("ROLLBACK")


# -- Postgres ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    """A Postgres server that tests may stop."""
    with postgres.cluster() as made:
        migrate(made.url)
        yield made


@pytest.fixture
def on_cluster(cluster: postgres.Cluster) -> Iterator[tuple[Clients, postgres.Cluster]]:
    """A server over it."""
    database = Database(cluster.url)
    database.empty(but=("alembic_version",))
    database.load('{"kind":"topic","id":"first","name":"First"}')
    key = database.key()
    database.engine.dispose()
    with served(cluster.url, **SETTINGS) as server:
        clients = Clients(server, key)
        assert clients.all_good()
        yield clients, cluster


def test_a_postgres_that_is_away_is_told_at_once_and_good_again_when_it_is_back(
    on_cluster: tuple[Clients, postgres.Cluster],
) -> None:
    clients, cluster = on_cluster
    cluster.end(signal.SIGQUIT)
    clients.wait(lambda: clients.ready().status == 503)
    refused = Counter(clients.read().status for _ in range(500))
    assert refused == {503: 500}
    for answer in (clients.read(), clients.search(), clients.write(), clients.ready()):
        unavailable(answer, "does not answer")
    assert clients.ask("GET", "/healthz").status == 200
    cluster.start()
    clients.wait(clients.all_good)
    lines = clients.log()
    assert len(lines) < 15, "a line for each change of state, and one a minute for answers alike"
    assert any("requests were refused meanwhile" in line for line in lines)


def test_a_postgres_that_is_frozen_is_given_up_at_the_deadline(on_cluster: tuple[Clients, postgres.Cluster]) -> None:
    clients, cluster = on_cluster
    with cluster.frozen():
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda each=each: answers.append(each()))
            for each in (clients.read, clients.search, clients.write)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_SECONDS)
        assert len(answers) == 3, "none waits for ever"
        for answer in answers:
            unavailable(answer)
        clients.wait(lambda: clients.ready().status == 503)
    clients.wait(clients.all_good)


def test_connections_that_postgres_ended_cost_nobody_an_answer(on_cluster: tuple[Clients, postgres.Cluster]) -> None:
    clients, cluster = on_cluster
    statuses: Counter[int] = Counter()

    def read() -> None:
        for _ in range(100):
            statuses[clients.read().status] += 1

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        for _ in range(5):
            connection.execute(ENDS_CLIENTS)
            time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert statuses == {200: 600}


def test_a_postgres_that_takes_no_writes_is_read(on_cluster: tuple[Clients, postgres.Cluster]) -> None:
    clients, cluster = on_cluster
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        connection.execute(ENDS_CLIENTS)
        try:
            clients.wait(lambda: clients.write().status == 503)
            unavailable(clients.write(), "takes no writes")
            unavailable(clients.ready(), "takes no writes", "reads are answered")
            assert clients.read().status == 200
        finally:
            connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
            connection.execute(ENDS_CLIENTS)
    clients.wait(clients.all_good)


def test_what_the_role_may_not_do_is_no_mistake_of_ours(on_cluster: tuple[Clients, postgres.Cluster]) -> None:
    clients, cluster = on_cluster
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    restricted = make_url(cluster.url).set(username="reader", password="reader").render_as_string(hide_password=False)
    with served(restricted, **SETTINGS) as server:
        other = Clients(server, clients._key)
        other._made = 1_000
        assert other.read().status == 200
        unavailable(other.write())


# -- how Postgres is reached ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "?target_session_attrs=read-write",
        "?target_session_attrs=primary",
        "?host=127.0.0.1:{nobody}&host=127.0.0.1:{port}",
        "?host=127.0.0.1,127.0.0.1&port={nobody},{port}",
        "?host=127.0.0.1:{nobody}&host=127.0.0.1:{port}&target_session_attrs=read-write",
    ],
)
def test_several_hosts_and_what_is_asked_of_them_are_understood_alike(cluster: postgres.Cluster, query: str) -> None:
    parsed = make_url(cluster.url)
    where = query.format(nobody=postgres.free_port(), port=parsed.port)
    server = "" if "host=" in query else f"127.0.0.1:{parsed.port}"
    url = f"postgresql://{parsed.username}:{parsed.password}@{server}/postgres{where}"
    database = Database(url)
    database.empty(but=("alembic_version",))
    database.load('{"kind":"topic","id":"first","name":"First"}')
    key = database.key()
    database.engine.dispose()
    with served(url, **SETTINGS) as server_:
        assert Clients(server_, key).all_good()


def test_a_host_that_cannot_be_meant_is_told_before_anything_is_served(cluster: postgres.Cluster) -> None:
    done = run_command("serve", url=f"{cluster.url}?target_session_attrs=standby")
    assert done.returncode == 1
    assert "Error: the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pooler_that_shares_sessions_is_told(cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(cluster.url)
    require_usable(database.engine, pooler="")
    monkeypatch.setattr("app.db.schema.BACKEND", "SELECT 1")
    with pytest.raises(OperatorError, match="RAPPORTEUR_POOLER=transaction"):
        require_usable(database.engine, pooler="")
    require_usable(database.engine, pooler="transaction")
    database.engine.dispose()


# -- the address that is served ------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named_with_its_setting(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(seeded.url) as server:
        monkeypatch.setenv("RAPPORTEUR_PORT", str(server.port))
        done = run_command("serve", url=seeded.url)
    assert done.returncode == 1
    assert f"127.0.0.1:{server.port} cannot be listened on" in done.stderr
    assert "RAPPORTEUR_PORT" in done.stderr
    assert "docs page" not in done.stdout


def test_a_file_that_is_still_being_copied_is_not_opened(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/a.db")
    driver = SqliteDriver(f"sqlite:///{tmp_path}/a.db", deadline=1)
    driver._open_loops()
    shutil.copyfile(tmp_path / "a.db", tmp_path / "b.db")
    (tmp_path / "a.db").unlink()
    assert driver._is_being_replaced()
    (tmp_path / "b.db").rename(tmp_path / "a.db")
    assert driver._is_being_replaced(), "it was not seen before"
    assert not driver._is_being_replaced(), "it looks as it did"
    with (tmp_path / "a.db").open("ab") as file:
        file.write(b"x")
    assert driver._is_being_replaced(), "somebody writes to it"


def test_a_log_that_cannot_be_rescued_is_told_and_nothing_is_raised(tmp_path: Path) -> None:
    def refused(_statement: str) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    connection = connect(tmp_path / "some.db", creates=True)
    assert connection.rescue(patience=0)
    connection.execute = refused  # type: ignore[assignment]
    assert not connection.rescue(patience=0)


def test_a_file_that_takes_the_place_of_another_while_it_is_opened_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "some.db", tmp_path / "other.db"
    connect(path, creates=True).close()
    connect(other, creates=True).close()
    really = sqlite3.connect

    def connect_late(*arguments: Any, **options: Any) -> Any:
        opened = really(*arguments, **options)
        other.replace(path)
        return opened

    monkeypatch.setattr("app.db.sqlite.sqlite3.connect", connect_late)
    assert not connect(path).is_in_place


def test_a_reading_thread_that_cannot_connect_anew_uses_no_closed_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.db"
    connect(path, creates=True).close()
    driver = SqliteDriver(f"sqlite:///{path}", deadline=5)
    first = driver._of_this_thread()
    driver._opened += 1
    with monkeypatch.context() as patched:
        patched.setattr(driver, "_connect", lambda: (_ for _ in ()).throw(sqlite3.OperationalError("unable to open")))
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                driver._of_this_thread()
    second = driver._of_this_thread()
    assert second is not first
    assert second.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("statement", "status", "detail"),
    [
        ("INSERT INTO t VALUES (1, 'a', NULL)", 409, "another record has the same key (t.id)"),
        ("INSERT INTO t VALUES (2, NULL, NULL)", 422, "a value is missing that the database needs (t.word)"),
        ("INSERT INTO t VALUES (2, 'b', NULL)", 422, "a value is none that the database takes (ck_t_word)"),
        ("INSERT INTO t VALUES (2, 'a', 7)", 409, "a record that is referred to is not there"),
        ("DELETE FROM t WHERE id = 1", 409, "or one is taken away that others refer to"),
    ],
)
def test_what_a_constraint_of_sqlite_refuses_is_the_requests_fault(statement: str, status: int, detail: str) -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT NOT NULL, other INTEGER REFERENCES t (id),"
            " CONSTRAINT ck_t_word CHECK (word IN ('a')))"
        )
        connection.execute("INSERT INTO t VALUES (1, 'a', NULL), (3, 'a', 1)")
        with pytest.raises(sqlite3.IntegrityError) as caught:
            connection.execute(statement)
    found = failure(caught.value)
    assert found is not None
    assert (found.trouble, found.problem.status) == (FINE, status)
    assert detail in found.problem.detail
