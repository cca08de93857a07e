"""PgBouncer, which hands out Postgres' sessions a transaction at a time: with its setting the registry works over it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.db.schema import migrate
from tests import depth, postgres
from tests.conftest import SEED, Database, run_command
from tests.serving import served
from tests.test_trouble import SETTINGS, Clients

pytestmark = depth.slow


CLIENTS = 40
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={postgres} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
unix_socket_dir =
"""


@contextmanager
def pgbouncer(url: str, folder: Path, *, mode: str) -> Iterator[str]:
    """The URL of the same database through a pooler."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        if "RAPPORTEUR_TEST_PGBOUNCER" in os.environ:
            pytest.fail("PgBouncer is not installed")
        pytest.skip("PgBouncer is not installed")
    server, port = make_url(url), postgres.free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            postgres=server.port,
            user=server.username,
            password=server.password,
            port=port,
            mode=mode,
            size=4 if mode == "transaction" else 20,  # in a session each connection has one to itself
        )
    )
    account = postgres._account(folder)
    if account:
        folder.chmod(0o755)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent.name.startswith(("pytest-", "popen-")):
                parent.chmod(0o755)
    process = subprocess.Popen([program, str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
    pooled = server.set(port=port).render_as_string(hide_password=False)
    try:
        for _ in range(100):
            try:
                psycopg.connect(pooled, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                if process.poll() is not None:
                    raise
        yield pooled
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


@pytest.fixture(scope="module")
def direct() -> Iterator[str]:
    """A seeded database, without a pooler."""
    with postgres.cluster() as cluster:
        migrate(cluster.url)
        assert run_command("import", str(SEED), url=cluster.url).returncode == 0
        yield cluster.url


def test_without_its_setting_a_pooler_of_transactions_is_refused_with_a_sentence(direct: str, tmp_path: Path) -> None:
    with pgbouncer(direct, tmp_path, mode="transaction") as pooled:
        done = run_command("serve", url=pooled)
    assert done.returncode == 1
    assert "set RAPPORTEUR_POOLER=transaction, or connect to Postgres itself" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("mode", "pooler"), [("transaction", "transaction"), ("session", "")])
def test_with_it_all_is_read_and_written(direct: str, tmp_path: Path, mode: str, pooler: str) -> None:
    database = Database(direct)
    key = database.key(name=f"through {mode}")
    with pgbouncer(direct, tmp_path, mode=mode) as pooled:
        with served(pooled, **SETTINGS, RAPPORTEUR_POOLER=pooler) as server:
            clients = Clients(server, key)
            for path in (
                "/v1/memoranda?between=BY,CN&include=actions",
                "/v1/search?q=sco",
                "/v1/suggest?q=zal",
                "/v1/records/sco",
            ):
                assert {clients.ask("GET", path).status for _ in range(CLIENTS)} == {200}, path
            clients._made = 1_000 if mode == "session" else 2_000
            assert [clients.write().status for _ in range(CLIENTS)] == [201] * CLIENTS
            assert clients.all_good()
            assert clients.ask("GET", "/v1/topics/made-2001" if mode == "transaction" else "/v1/topics/made-1001").status == 200
        exported = run_command("export", "-", url=direct).stdout
    assert exported.count("\n") > 900
    assert database.disagreements() == []
    database.engine.dispose()
