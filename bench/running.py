"""How the product bears what is done to it: more data, dear questions beside cheap ones, everything at once, a start."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import quote_plus, urlsplit, urlunsplit

import psycopg
import uvloop

from bench import copying, data, load, questions, servers

EXPORTED = "/v1/participants?format=csv"
SEARCHES = (
    "sides discussed cooperation",
    "forum digital",
    "ministry -agency",
    "talks on digital trade",
    "s*",
    "мин*",
    "petrov",
)
"""Of these the dearest is repeated."""
PIECE = 1 << 16
STARTS = 5
GROWING = ("one", "first", "deep")
FIRST_PAGE = "/v1/meetings?limit=50"


@dataclass(frozen=True)
class Stand:
    """The product on one database with data of one size."""

    database: str
    server: servers.Server
    held: Path


def measured(held: Path, url: str, folder: Path, given: argparse.Namespace) -> list[str]:
    """The lines of the report."""
    with ExitStack() as stack:
        stands = [
            Stand("SQLite", stack.enter_context(servers.product(f"sqlite:///{held}", folder)), held),
            Stand("Postgres", stack.enter_context(servers.product(url, folder)), held),
        ]
        lines = exported(stands) + isolated(stands, given)
    return [*lines, *grown(url, folder, given), *begun(held, url, folder)]


# -- everything at once ------------------------------------------------------------------------------------------------


def exported(stands: Sequence[Stand]) -> list[str]:
    """All participants as CSV, read as fast as they come."""
    lines = ["### Export", "", load.pace(), ""]
    lines += [
        "| database | records | records/s | memory before, MB | at most meanwhile, MB | target |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for stand in stands:
        for _ in range(2):  # the first reads the file, too
            before = most = stand.server.memory
            began, many = perf_counter(), -1  # without the head
            looked = began
            with closing(HTTPConnection("127.0.0.1", stand.server.port)) as connection:
                connection.request("GET", EXPORTED)
                answer = connection.getresponse()
                while piece := answer.read(PIECE):
                    many += piece.count(b"\r\n")
                    if perf_counter() - looked > 1:
                        most, looked = max(most, stand.server.memory), perf_counter()
            took = perf_counter() - began
        target = "≥ 50,000" if stand.database == "SQLite" else "≥ 40,000"
        lines.append(f"| {stand.database} | {many:,} | {many / took:,.0f} | {before:.0f} | {most:.0f} | {target} |")
    return [*lines, ""]


# -- dear beside cheap -------------------------------------------------------------------------------------------------


def isolated(stands: Sequence[Stand], given: argparse.Namespace) -> list[str]:
    """Records one by one, alone and while somebody repeats the dearest search and somebody else exports everything."""
    lines = ["### Isolation", "", load.pace(), ""]
    lines += [
        "| database | others | records/s alone | beside | kept | p99 ms beside | target |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for stand in stands:
        asked = next(each for each in questions.workloads(stand.held) if each.name == "one")
        requests = cycle([load.request(path, stand.server.port) for path in asked.paths(stand.server, stand.held)])
        dearest = _dearest(stand.server)
        for others, paths in (("the dearest search", [dearest]), ("search and export", [dearest, EXPORTED])):
            rounds = [uvloop.run(_beside(stand.server, requests, paths, given)) for _ in range(given.rounds)]
            alone = median(one.per_second for one, _ in rounds)
            beside = median(one.per_second for _, one in rounds)
            kept = median(disturbed.per_second / calm.per_second for calm, disturbed in rounds)
            slow = median(one.p99_ms for _, one in rounds)
            lines.append(
                f"| {stand.database} | {others} | {alone:,.0f} | {beside:,.0f} | {kept:.0%} | {slow:.1f} | ≥ 50 %, ≤ 10 ms |"
            )
        lines.append(f"| {stand.database} | the search was `{dearest}` | | | | | |")
    return [*lines, ""]


def _dearest(server: servers.Server) -> str:
    def took(path: str) -> float:
        times = []
        for _ in range(5):
            began = perf_counter()
            server.get(path)
            times.append(perf_counter() - began)
        return median(times)

    return max((f"/v1/search?q={quote_plus(words)}" for words in SEARCHES), key=took)


async def _beside(
    server: servers.Server, requests: Iterator[bytes], paths: Sequence[str], given: argparse.Namespace
) -> tuple[load.Measured, load.Measured]:
    rules = {"seconds": given.seconds, "connections": given.connections}
    alone = await load.measure(server.port, server.pid, requests, **rules)
    others = [asyncio.create_task(load.repeat(server.port, load.request(path, server.port))) for path in paths]
    await asyncio.sleep(0.2)
    beside = await load.measure(server.port, server.pid, requests, **rules)
    for other in others:
        if other.done():
            other.result()
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return alone, beside


# -- more data ---------------------------------------------------------------------------------------------------------


def grown(url: str, folder: Path, given: argparse.Namespace) -> list[str]:
    """The same questions of few and of many meetings."""
    lines = ["### Growth", ""]
    lines += ["| database | question | meetings | requests/s | CPU µs a request | cost beside the fewest | target |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|")
    files = {size: data.database(folder, size) for size in given.sizes}
    for held in files.values():
        read_through(held)
    for database in ("SQLite", "Postgres"):
        with ExitStack() as stack:
            stands = {}
            for size, held in files.items():
                named = f"sqlite:///{held}" if database == "SQLite" else filled(url, held, size, given)
                stands[size] = Stand(database, stack.enter_context(servers.product(named, folder)), held)
            lines += _growth(stands, given)
    return [*lines, ""]


def read_through(file: Path) -> None:
    """Bring a file into the system's memory: what is compared is the work, not the disk."""
    with file.open("rb") as opened:
        while opened.read(1 << 24):
            pass


def filled(url: str, held: Path, size: int, given: argparse.Namespace) -> str:
    if size == given.meetings:
        return url  # which has them already
    name = f"of_{size}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    copying.in_postgres(own, held)
    return own


def _growth(stands: dict[int, Stand], given: argparse.Namespace) -> list[str]:
    requests = {}
    for size, stand in stands.items():
        asked = {each.name: each.paths(stand.server, stand.held) for each in questions.workloads(stand.held)}
        for name in GROWING:
            paths = asked.get(name, [FIRST_PAGE])
            requests[name, size] = cycle([load.request(path, stand.server.port) for path in paths])
    found: dict[tuple[str, int], list[load.Measured]] = {key: [] for key in requests}
    for turn in range(given.rounds + 1):
        for (name, size), those in requests.items():
            server = stands[size].server
            one = load.measure(server.port, server.pid, those, seconds=given.seconds, connections=given.connections)
            measured_one = uvloop.run(one)
            if turn:
                found[name, size].append(measured_one)
    titles = {"one": "one record", "first": "the first page", "deep": "a page from the middle"}
    fewest = min(stands)
    lines = []
    for (name, size), rounds in found.items():
        rate, cost = median(one.per_second for one in rounds), median(one.cpu_us for one in rounds)
        beside = median(few.per_second / one.per_second for one, few in zip(rounds, found[name, fewest], strict=True))
        last = "| |" if size == fewest else f"{beside:.2f} | ≤ 1.3 |"
        lines.append(f"| {stands[size].database} | {titles[name]} | {size:,} | {rate:,.0f} | {cost:,.0f} | {last}")
    return lines


# -- a start -----------------------------------------------------------------------------------------------------------


def begun(held: Path, url: str, folder: Path) -> list[str]:
    """From the start of the process to its first answer, and what it has in memory then."""
    lines = ["### Start", "", load.pace(), "", "| database | s | MB | target |", "|---|--:|--:|--:|"]
    for database, named in (("SQLite", f"sqlite:///{held}"), ("Postgres", url)):
        took, memory = [], []
        for _ in range(STARTS):
            began = perf_counter()
            with servers.product(named, folder) as server:
                took.append(perf_counter() - began)
                server.get(FIRST_PAGE)
                memory.append(server.memory)
        lines.append(f"| {database} | {median(took):.2f} | {median(memory):.0f} | ≤ 1.0 s, ≤ 110 MB |")
    return [*lines, ""]
