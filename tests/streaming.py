"""A client of streams of changes, and what the application has of streams."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from app.http.streams import Streams
from tests.serving import Server

WAIT_SECONDS = 60
"""After which a test gives a stream up; nothing is asserted of how long something takes."""


class Event(NamedTuple):
    """An event as a browser would dispatch it, and the id that it would know then."""

    id: str
    operation: str
    data: Any


class EventStream:
    """An open stream of events: the head of the answer, then events and comments as they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = b""
        self._text = b""
        self.last_id = ""
        self.comments = 0
        self.has_ended = False
        """Whether the answer has ended as HTTP has it, rather than having been broken off."""
        self.is_broken_off = False
        head = self._until(b"\r\n\r\n").decode()
        first, *lines = head.rstrip().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def _receive(self) -> None:
        """Wait for more bytes. Raises EOFError if the server has closed the connection."""
        try:
            received = self._connection.recv(65_536)
        except ConnectionResetError:
            received = b""
        if not received:
            raise EOFError
        self._bytes += received

    def _until(self, end: bytes) -> bytes:
        while end not in self._bytes:
            self._receive()
        found, _, self._bytes = self._bytes.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._bytes) < size:
            self._receive()
        found, self._bytes = self._bytes[:size], self._bytes[size:]
        return found

    def json(self) -> Any:
        """The body of an answer that is no stream."""
        return json.loads(self._exactly(int(self.headers["content-length"])))

    def _chunk(self) -> bytes:
        """The next chunk of the body; empty at the end."""
        try:
            size = int(self._until(b"\r\n"), 16)
            chunk = self._exactly(size)
            self._exactly(2)
        except EOFError:
            self.is_broken_off = True
            return b""
        self.has_ended = not size
        return chunk

    def lines(self) -> Iterator[str]:
        """The lines of the stream, until it ends."""
        while True:
            while b"\n" not in self._text:
                chunk = self._chunk()
                if not chunk:
                    return
                self._text += chunk
            line, _, self._text = self._text.partition(b"\n")
            self.comments += line.startswith(b":")
            yield line.decode()

    def events(self, count: int | None = None) -> list[Event]:
        """The next events, as many as `count`; without it all until the stream ends. Comments in between are counted."""
        found: list[Event] = []
        fields: dict[str, str] = {}
        for line in self.lines() if count != 0 else ():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                found.append(Event(self.last_id, fields["event"], json.loads(fields["data"])))
            fields = {}
            if len(found) == count:
                break
        return found

    def beginning(self) -> list[str]:
        """The lines of the first block, which says when to reconnect and where the stream begins."""
        found = []
        for line in self.lines():
            if not line:
                break
            found.append(line)
        self.last_id = found[-1].removeprefix("id: ")
        return found

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


def request(path: str, method: str = "GET", **headers: str) -> bytes:
    """A request for a stream. `Last_Event_ID=…` is the header `Last-Event-ID`."""
    given = {"Host": "registry", "Accept": "text/event-stream", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def opened(server: Server, path: str = "/v1/changes", *, buffer: int | None = None, **headers: str) -> EventStream:
    """A stream of a server. `buffer` bounds what the client's system takes while nobody reads."""
    connection = socket.socket()
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(WAIT_SECONDS)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(request(path, **headers))
    return EventStream(connection)


@contextmanager
def stream(server: Server, path: str = "/v1/changes", *, buffer: int | None = None, **headers: str) -> Iterator[EventStream]:
    """A stream of a server, which is closed after the block."""
    made = opened(server, path, buffer=buffer, **headers)
    try:
        yield made
    finally:
        made.close()


def streams_of(client: TestClient) -> Streams:
    """The streams of an application."""
    for route in client.app.router.routes:  # type: ignore[attr-defined]
        if getattr(route, "path", "") == "/v1/changes":
            function = route._function
            found = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))["streams"].cell_contents
            assert isinstance(found, Streams)
            return found
    raise AssertionError


def waiting_in(client: TestClient) -> int:
    """How many streams and requests that wait the application has."""
    return len(streams_of(client)._watcher._waiters)
