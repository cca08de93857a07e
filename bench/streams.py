"""`python -m bench.streams`: what open streams of changes cost the others."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep
from typing import NamedTuple, cast

import uvloop

from bench import load, servers, writing
from tests import postgres

IDLE_SECONDS = 20
"""For which the computing of a server with open streams, and nothing to do, is counted."""
RECORD = "/v1/organizations/sco"


class _Stream(asyncio.Protocol):
    """A stream that takes what comes, and counts its bytes."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = cast("asyncio.Transport", transport)
        host = "Host: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        self.transport.write(f"GET /v1/changes HTTP/1.1\r\n{host}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Count it."""
        if not self.received and not data.startswith(b"HTTP/1.1 200"):
            self.begun.set_exception(RuntimeError(data.decode()))
        self.received += len(data)
        if not self.begun.done():
            self.begun.set_result(None)


async def _opened(server: servers.Server, many: int) -> list[_Stream]:
    loop = asyncio.get_running_loop()
    several = [(await loop.create_connection(_Stream, "127.0.0.1", server.port))[1] for _ in range(many)]
    await asyncio.gather(*(each.begun for each in several))
    await asyncio.sleep(0.5)
    return several


class _Rounds(NamedTuple):
    """What the rounds gave: others alone, others beside streams, and how many bytes the streams received."""

    alone: list[load.Measured]
    beside: list[load.Measured]
    received: list[int]


async def _rounds(server: servers.Server, requests: Iterator[bytes], given: argparse.Namespace) -> _Rounds:
    """Measure alone and beside streams by turns. What comes first alternates."""
    rules = {"seconds": given.seconds, "connections": given.connections}
    found = _Rounds([], [], [])
    for turn in range(given.rounds + 1):
        for is_beside in (False, True) if turn % 2 else (True, False):
            several = await _opened(server, given.streams) if is_beside else []
            one = await load.measure(server.port, server.pid, requests, **rules)
            received = sum(each.received for each in several)
            for each in several:
                each.transport.abort()
            await asyncio.sleep(0.2)
            if turn:
                (found.beside if is_beside else found.alone).append(one)
            if turn and is_beside:
                found.received.append(received)
    return found


async def _idle(server: servers.Server, many: int) -> float:
    """The computing of a server with so many streams, in milliseconds a second."""
    several = await _opened(server, many)
    before = load.cpu_seconds(server.pid)
    await asyncio.sleep(IDLE_SECONDS)
    cost = (load.cpu_seconds(server.pid) - before) / IDLE_SECONDS * 1e3
    for each in several:
        each.transport.abort()
    await asyncio.sleep(0.2)
    return cost


def measured(database: str, url: str, folder: Path, given: argparse.Namespace) -> tuple[list[str], str]:
    """The rows of one database, and what streams cost while nothing happens."""
    key = writing.prepared(url)
    with servers.product(url, folder) as server:
        bodies = writing.bodies(bare=False)
        posts = (load.post("/v1/meetings", server.port, next(bodies), key=key) for _ in count())
        workloads: dict[str, Callable[[], Iterator[bytes]]] = {
            "one record": lambda: cycle([load.request(RECORD, server.port)]),
            "creates, which all streams are told": lambda: posts,
        }
        rows = []
        for name, requests in workloads.items():
            rounds = uvloop.run(_rounds(server, requests(), given))
            alone, beside = (median(one.per_second for one in several) for several in (rounds.alone, rounds.beside))
            calm, slow = (median(one.p99_ms for one in several) for several in (rounds.alone, rounds.beside))
            kept = median(one.per_second / other.per_second for other, one in zip(rounds.alone, rounds.beside, strict=True))
            told = median(rounds.received) / given.streams / 1e3
            target = "≥ 90 %" if name == "one record" else ""
            figures = f"{alone:,.0f} | {beside:,.0f} | {kept:.0%} | {calm:.1f} | {slow:.1f} | {told:,.0f}"
            rows.append(f"| {database} | {name} | {figures} | {target} |")
        sleep(1)
        none, cost = (uvloop.run(_idle(server, many)) for many in (0, given.streams))
    return rows, f"{database}, nobody else: {none:.1f} ms of computing a second without streams, {cost:.1f} with them."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=100, help="how many are open (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a run lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="how many pairs of runs make a median (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="how many clients ask at once (%(default)s)")
    given = parser.parse_args()
    lines = [
        load.pace(),
        "",
        "| database | others | requests/s alone | beside | kept | p99 ms alone | beside | kB a stream | target |",
    ]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    with TemporaryDirectory() as name, postgres.server() as url:
        folder = Path(name)
        found = [
            measured("SQLite", f"sqlite:///{folder}/registry.db", folder, given),
            measured("Postgres", url, folder, given),
        ]
    rows = [row for several, _ in found for row in several]
    print("\n".join([*lines, *rows, "", *(idle for _, idle in found)]))


if __name__ == "__main__":
    main()
