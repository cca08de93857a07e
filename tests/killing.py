"""A server process that may be killed at any moment, and clients that tell an answer from a connection that broke."""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from app.db.engine import create_engine, writing

START_SECONDS = 60
STOP_SECONDS = 20
ANSWER_SECONDS = 60
"""After which a test gives a server up."""
UNLIMITED = {"RAPPORTEUR_WRITES_PER_MINUTE": "10000000", "RAPPORTEUR_REQUESTS_PER_MINUTE": "10000000"}
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["app.cli", "tests.killing"])
"""To import the application takes a second or more, and a server that is killed fifty times needs it fifty times: the
processes are forks of one that has it."""


class Server(NamedTuple):
    """A running server."""

    port: int
    process: BaseProcess
    output: Path

    def kill(self) -> None:
        """End it as a power cut would: nothing of it runs on."""
        self.process.kill()
        self.process.join()


@contextmanager
def running(url: str, **settings: str) -> Iterator[Server]:
    """`rapporteur serve` on a free loopback port, without limits; what it logs goes to a file, so that it never waits."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {"RAPPORTEUR_DATABASE_URL": url, "RAPPORTEUR_PORT": str(port), **UNLIMITED, **settings}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(port, _processes.Process(target=_serve, args=(ours, f"{folder}/log")), Path(folder) / "log")
        server.process.start()
        try:
            _wait(server)
            yield server
        finally:
            server.process.terminate()
            server.process.join(STOP_SECONDS)
            server.kill()


def _serve(settings: dict[str, str], log: str) -> None:
    from app.cli import main

    os.environ.update(settings)
    output = os.open(log, os.O_WRONLY | os.O_CREAT)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    main(["serve"])


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.is_alive() and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(f"the server did not start: {server.output.read_text()}")


@contextmanager
def in_the_middle_of_a_write(url: str) -> Iterator[BaseProcess]:
    """Another process that has made a topic `half`, and neither committed nor let go of the database's lock."""
    here, there = _processes.Pipe()
    process = _processes.Process(target=_write_and_wait, args=(url, there))
    process.start()
    there.close()
    try:
        assert here.recv() == "writing"
        yield process
    finally:
        process.kill()
        process.join()
        here.close()


def _write_and_wait(url: str, told: Connection) -> None:
    with writing(create_engine(url)) as connection:
        connection.execute(sa.text("INSERT INTO records (id, kind, name) VALUES ('half', 'topic', 'Half')"))
        told.send("writing")
        told.recv()


class Unanswered(Exception):
    """The connection broke before the whole answer had come: nobody knows whether it was done."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


class Client:
    """One keep-alive connection to a server, opened when first needed; a context manager."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port = port
        self._headers = headers
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def get(self, path: str) -> Answer:
        """Read."""
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The whole answer, or Unanswered. `If_Match=…` is the header `If-Match`."""
        content = b"" if body is None else json.dumps(body).encode()
        said = {
            "Host": f"127.0.0.1:{self._port}",
            "Content-Length": str(len(content)),
            **({} if body is None else {"Content-Type": "application/json"}),
            **self._headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._exchange(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise Unanswered(f"{method} {path}") from error

    async def _exchange(self, request: bytes) -> Answer:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        length = 0 if status == 204 else int(headers["content-length"])
        answer = Answer(status, headers, await reader.readexactly(length))
        if headers.get("connection") == "close":
            self.close()
        return answer
