"""The servers that are measured: each one process on a loopback port of its own, ended by whoever started it."""

import os
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

    def header(self, path: str, name: str) -> str:
        """A header of one answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)) as connection:
            connection.request("GET", path)
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
