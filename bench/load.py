"""The load: one process, raw keep-alive connections, each asking its next question as soon as the last is answered."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import cast

LINGER_SECONDS = 60
_LAST_PIECE = b"0\r\n\r\n"
_UNCHANGED = b"HTTP/1.1 304 "
_GOOD = (b"HTTP/1.1 200 ", b"HTTP/1.1 201 ", _UNCHANGED)
_TICKS = os.sysconf("SC_CLK_TCK")


def pace() -> str:
    """How fast the machine is at this moment, in words: without it a figure that is no ratio says little."""
    took = []
    for _ in range(5):
        began = perf_counter()
        for _ in range(1_000_000):
            pass
        took.append(perf_counter() - began)
    return f"At this moment a million turns of an empty loop take {median(took) * 1e3:.0f} ms."


@dataclass(frozen=True)
class Measured:
    """What one run of one server gave."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server, a request."""


@dataclass
class _Run:
    requests: Iterator[bytes]
    stopped: bool = False
    failure: str = ""
    latencies: list[float] = field(default_factory=list)

    def fail(self, why: str) -> None:
        self.failure = self.failure or why
        self.stopped = True


class _Connection(asyncio.Protocol):
    """One connection, one question at a time."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.head = b""
        self.missing = 0
        """Bytes of the answer that are still to come, once its head was read; of one in pieces, whether any are."""
        self.in_pieces = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self.transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        if self.run.stopped:
            self.transport.close()
            return
        self.began = perf_counter()
        self.transport.write(next(self.run.requests))

    def data_received(self, data: bytes) -> None:
        """Count the answer's bytes; nobody reads what they say."""
        if not self.missing:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.head.startswith(_GOOD):
                self.run.fail(f"an answer that is no success: {self.head[:500]!r}")
                self.transport.close()
                return
            length = 0 if self.head.startswith(_UNCHANGED) else _content_length(self.head)
            self.in_pieces = length is None
            self.missing = 0 if length is None else end + 4 + length - len(self.head)
            data, self.head = self.head, b""
        elif not self.in_pieces:
            self.missing -= len(data)
        if self.in_pieces:
            self.missing = not data.endswith(_LAST_PIECE)
        if not self.missing:
            self.run.latencies.append(perf_counter() - self.began)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """A failure unless the run is over."""
        if not self.run.stopped:
            self.run.fail(f"the server closed a connection: {exc}")
        self.closed.set_result(None)


def _content_length(head: bytes) -> int | None:
    """None, if the answer comes in pieces."""
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return None
    start = lower.index(b"content-length:") + 15
    return int(lower[start : lower.index(b"\r\n", start)])


def request(path: str, port: int, **headers: str) -> bytes:
    """A request as any client sends it, uncompressed as the ORM twin has it."""
    given = {"Host": f"127.0.0.1:{port}", "Accept": "application/json", "User-Agent": "bench"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def post(path: str, port: int, body: bytes, *, key: str = "") -> bytes:
    """A request that makes something."""
    return _with_body("POST", path, port, body, "application/json", key)


def patch(path: str, port: int, body: bytes, *, key: str = "") -> bytes:
    """A request that changes something, whatever its version."""
    return _with_body("PATCH", path, port, body, "application/merge-patch+json", key, "If-Match: *\r\n")


def _with_body(method: str, path: str, port: int, body: bytes, content_type: str, key: str, more: str = "") -> bytes:
    more += f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {content_type}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def measure(port: int, pid: int, requests: Iterator[bytes], *, seconds: float, connections: int) -> Measured:
    """Ask for so many seconds; RuntimeError on the first failure. The questions go on where the last run left them."""
    run = _Run(requests)
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port))[1] for _ in range(connections)]
    run.latencies.clear()
    began, cpu = perf_counter(), cpu_seconds(pid)
    closed = [client.closed for client in clients]
    await asyncio.wait(closed, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if not run.latencies:  # somebody is slow: one answer is enough
        await asyncio.wait(closed, timeout=LINGER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    took, cpu, answered = perf_counter() - began, cpu_seconds(pid) - cpu, sorted(run.latencies)
    run.stopped = True
    await asyncio.wait_for(asyncio.gather(*closed), LINGER_SECONDS)
    if run.failure or not answered:
        raise RuntimeError(run.failure or "no answer in time")
    median, slow = (answered[int(share * (len(answered) - 1))] * 1e3 for share in (0.5, 0.99))
    return Measured(len(answered) / took, median, slow, cpu / len(answered) * 1e6)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


async def repeat(port: int, request: bytes) -> None:
    """Ask the same again and again, one after the other, until cancelled; RuntimeError where that fails."""
    run = _Run(cycle([request]))
    _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(run), "127.0.0.1", port)
    try:
        await asyncio.shield(connection.closed)
    finally:
        connection.transport.abort()
    raise RuntimeError(run.failure)
