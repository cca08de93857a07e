"""A real server process over a database."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from app.settings import ROOT
from tests.postgres import free_port

START_SECONDS = 60


class Server(str):  # noqa: SLOT000 - there is one of them
    """The address of a server, with its process and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.rpartition(":")[2])

    @property
    def anonymous_memory(self) -> int:
        """MB that the process has for itself, without pages of files."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) // 1024

    @property
    def cpu_seconds(self) -> float:
        """What the process has computed so far, all its threads together, to the nanosecond."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


SERVE = (sys.executable, "-m", "app", "serve")


def served(url: str, **settings: str) -> AbstractContextManager[Server]:
    """`rapporteur serve` of this checkout on a free loopback port, while it runs."""
    return started(url, SERVE, ROOT, settings)


@contextmanager
def started(
    url: str, command: Sequence[str], folder: Path, settings: Mapping[str, str], *, port: int | None = None
) -> Iterator[Server]:
    """A command that serves, begun in a folder, while it runs."""
    port = port or free_port()
    environment = {**os.environ, "RAPPORTEUR_DATABASE_URL": url, "RAPPORTEUR_PORT": str(port), **settings}
    server = Server(f"http://127.0.0.1:{port}")
    with tempfile.TemporaryDirectory(prefix="rapporteur-serve-") as logs:
        server.log = Path(logs) / "log"
        with server.log.open("wb") as log:
            server.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(server)
            yield server
        finally:
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
            server.process.wait(timeout=START_SECONDS)


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    server.process.kill()
    raise RuntimeError(f"the server did not start: {server.log.read_text(encoding='utf-8')}")
