"""The servers that are measured: each one process on a loopback port of its own, ended by whoever started it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

from app.settings import PREFIX, ROOT

START_SECONDS = 60
STOP_SECONDS = 10
UNLIMITED = "1000000000"


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def product(database: str, folder: Path) -> Iterator[Server]:
    """`rapporteur serve` on the database of this URL with its default settings, but for what one client may ask a minute."""
    port = _free_port()
    ours = {f"{PREFIX}DATABASE_URL": database, f"{PREFIX}PORT": str(port)}
    ours |= {f"{PREFIX}REQUESTS_PER_MINUTE": UNLIMITED, f"{PREFIX}WRITES_PER_MINUTE": UNLIMITED}
    with _running("product", [sys.executable, "-m", "app.cli", "serve"], ours, port=port, folder=folder) as server:
        yield server


@contextmanager
def comparison(name: str, python: Path, variables: dict[str, str], folder: Path) -> Iterator[Server]:
    """`bench.floor` or `bench.orm` on uvicorn, as fast as it goes; the first word of the name is the module's."""
    port, module = _free_port(), name.split(maxsplit=1)[0]
    command = [str(python), "-m", "uvicorn", f"bench.{module}:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
    with _running(name, command, variables, port=port, folder=folder) as server:
        yield server


@contextmanager
def datasette(python: Path, database: Path, folder: Path) -> Iterator[Server]:
    """Datasette on a file that nobody writes meanwhile, which it may take for granted."""
    port = _free_port()
    command = [str(python), "-m", "datasette", "serve", "--immutable", str(database), "--host", "127.0.0.1"]
    with _running("datasette", [*command, "--port", str(port)], {}, port=port, folder=folder) as server:
        yield server


@contextmanager
def _running(name: str, command: list[str], variables: dict[str, str], *, port: int, folder: Path) -> Iterator[Server]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=kept | variables, stdout=output, stderr=output)
        try:
            server = Server(name, port, process.pid)
            _wait(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.get("/")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{server.name} did not start: {log.read_text()}")


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(folder: Path) -> Path:
    """The interpreter of an environment with what the twins need, installed once for each state of the lock files."""
    locks = [path for path in (ROOT / "requirements.lock", ROOT / "bench" / "requirements.lock") if path.exists()]
    digest = sha256(b"\0".join(lock.read_bytes() for lock in locks)).hexdigest()
    venv, mark = folder / "venv", folder / "venv" / "installed"
    python = venv / "bin" / "python"
    if not mark.exists() or mark.read_text() != digest:
        print("installing what the twins need …")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*install, "--require-hashes", *(part for lock in locks for part in ("-r", str(lock)))], check=True)
        mark.write_text(digest)
    return python
