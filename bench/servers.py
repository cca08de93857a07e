"""The servers that are measured: each one process on a loopback port of its own, ended by whoever started it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection, socket
from typing import Any

from app.settings import PREFIX, ROOT

START_SECONDS = 60
STOP_SECONDS = 10
UNLIMITED = "1000000000"
SOUL = "soul-cli@0.8.2"


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int

    @property
    def memory(self) -> float:
        """What it has in memory, MB, but for pages of a mapped database, which all share and the system takes back."""
        found, counts = 0, True
        for line in Path(f"/proc/{self.pid}/smaps").read_text().splitlines():
            if not line[0].isupper():
                counts = not line.endswith(".db")
            elif counts and line.startswith("Rss:"):
                found += int(line.split()[1])
        return found / 1e3

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def send(self, request: bytes) -> None:
        """Send a request as it is, and see that it succeeds."""
        with closing(create_connection(("127.0.0.1", self.port), START_SECONDS)) as connection:
            connection.sendall(request)
            answer = connection.recv(1_000)
        if not answer.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(f"{self.name}: {answer.decode()}")

    def header(self, path: str, name: str, **headers: str) -> str:
        """A header of one answer. `headers`: those of the request."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)) as connection:
            connection.request("GET", path, headers=headers)
            return str(connection.getresponse().headers[name])


@contextmanager
def product(database: str, folder: Path) -> Iterator[Server]:
    """`rapporteur serve` on the database of this URL with its default settings, but for what one client may ask a minute."""
    port = _free_port()
    ours = {f"{PREFIX}DATABASE_URL": database, f"{PREFIX}PORT": str(port)}
    ours |= {f"{PREFIX}REQUESTS_PER_MINUTE": UNLIMITED, f"{PREFIX}WRITES_PER_MINUTE": UNLIMITED}
    with _running("product", [sys.executable, "-m", "app", "serve"], ours, port=port, folder=folder) as server:
        yield server


def indexed(database: str) -> None:
    """Make what search finds records by, where the data came without."""
    ours = {f"{PREFIX}DATABASE_URL": database}
    subprocess.run([sys.executable, "-m", "app", "migrate"], cwd=ROOT, env=os.environ | ours, check=True)


@contextmanager
def comparison(name: str, python: Path, variables: dict[str, str], folder: Path, *, module: str = "") -> Iterator[Server]:
    """An application of this package on uvicorn, as fast as it goes; its module is called as it is, if not otherwise."""
    port = _free_port()
    command = [str(python), "-m", "uvicorn", f"bench.{module or name}:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
    with _running(name, command, variables, port=port, folder=folder) as server:
        yield server


@contextmanager
def datasette(python: Path, database: Path, folder: Path) -> Iterator[Server]:
    """Datasette on a file that nobody writes meanwhile, which it may take for granted; it may take longer than a second."""
    port = _free_port()
    command = [str(python), "-m", "datasette", "serve", "--immutable", str(database), "--host", "127.0.0.1"]
    command += ["--setting", "sql_time_limit_ms", "60000"]
    with _running("Datasette", [*command, "--port", str(port)], {}, port=port, folder=folder) as server:
        yield server


@contextmanager
def soul(database: Path, folder: Path) -> Iterator[Server]:
    """soul-cli, a server for SQLite made with Node, which npm installs once."""
    port, home = _free_port(), folder / "node"
    program = home / "node_modules" / ".bin" / "soul"
    if not program.exists():
        home.mkdir(exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", str(home), SOUL], check=True)
    with _running("soul-cli", [str(program), "-d", str(database), "-p", str(port)], {}, port=port, folder=folder) as server:
        yield server


@contextmanager
def roapi(python: Path, database: Path, folder: Path) -> Iterator[Server]:
    """ROAPI, a server in Rust, with the table of meetings, which it reads from SQLite into memory when it starts."""
    configuration = {"tables": [{"name": "meetings", "uri": f"sqlite://{database}"}]}
    with _roapi("ROAPI", python, configuration, folder) as server:
        yield server


@contextmanager
def roapi_by_key(python: Path, database: Path, folder: Path) -> Iterator[Server]:
    """ROAPI with a key-value store, which looks up one text: here the JSON of a meeting, as ROAPI itself shows the row."""
    exported = folder / "meetings.ndjson"
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection,
        exported.open("w", encoding="utf-8") as lines,
    ):
        connection.row_factory = sqlite3.Row
        for row in connection.execute("SELECT * FROM meetings"):
            # ROAPI leaves out what is empty.
            shown = {name: value for name, value in zip(row.keys(), row, strict=True) if value is not None}
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
            lines.write(json.dumps({"id": row["id"], "text": text}) + "\n")
    store = {"name": "meetings", "uri": str(exported), "key": "id", "value": "text"}
    with _roapi("ROAPI by key", python, {"tables": [], "kvstores": [store]}, folder) as server:
        yield server


@contextmanager
def _roapi(name: str, python: Path, configuration: dict[str, Any], folder: Path) -> Iterator[Server]:
    """A ROAPI with its default settings. It also serves Postgres's protocol and Flight SQL, on whatever ports are free."""
    port, file = _free_port(), folder / f"{name}.yml"
    addresses = {"http": f"127.0.0.1:{port}", "postgres": "127.0.0.1:0", "flight_sql": "127.0.0.1:0"}
    file.write_text(json.dumps({"addr": addresses} | configuration), encoding="utf-8")  # JSON is YAML, too
    command = [str(python.with_name("roapi")), "--config", str(file)]
    with _running(name, command, {}, port=port, folder=folder) as server:
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
            time.sleep(0.01)
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
