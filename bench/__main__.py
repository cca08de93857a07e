"""`python -m bench`: floor, product and ORM twins answer the same questions in turn; the medians go into a table."""

import argparse
import json
import os
import platform
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import uvloop

from app.settings import ROOT
from bench import data, load, servers

QUESTIONS = 20_000
"""Different ones a workload, so that no cache decides."""
COMPARED = 25
WARM_UP_SECONDS = 1.0
RELATIONS = "?include=participants,citations"
ROWS_WANTED = 150
"""How many meetings a window of days should hold on average, so that nearly every list is a full page."""


@dataclass(frozen=True)
class Workload:
    """A question in many variants, and by how much the product should beat whom."""

    name: str
    title: str
    paths: list[str]
    beside: tuple[str, ...]
    target: float
    """What the product is worth beside the first of them, at least."""


def workloads(database: Path) -> list[Workload]:
    """What is asked: meetings at random, and the days before meetings at random, so that frequent countries are frequent."""
    random = Random(data.SEED)
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        held = connection.execute("SELECT id, country_id, date_start FROM meetings ORDER BY id").fetchall()
    often: dict[str, int] = {}
    for _, country, _ in held:
        often[country] = often.get(country, 0) + 1
    days = len(data.YEARS) * 365
    first = date(data.YEARS.start, 1, 1)
    lists = []
    for _, country, day in random.choices(held, k=QUESTIONS):
        width = timedelta(days=min(days, ROWS_WANTED * days // often[country] + random.randrange(60)))
        last = max(date.fromisoformat(day), first + width)
        lists.append(f"/v1/meetings?country={country}&date_from={last - width}&date_to={last}&limit=50")
    ones = [f"/v1/meetings/{row[0]}" for row in random.choices(held, k=QUESTIONS)]
    related = [f"/v1/meetings/{row[0]}{RELATIONS}" for row in random.choices(held, k=QUESTIONS)]
    return [
        Workload("one", "one record", ones, ("floor", "orm", "orm joined"), 0.5),
        Workload("list", "list of 50 by country and dates", lists, ("orm", "orm joined"), 6),
        Workload("relations", "record with participants and citations", related, ("orm", "orm joined"), 10),
    ]


def path_for(server: str, path: str) -> str:
    """The twin has its relations at an address of their own, as a response model wants it."""
    return path.replace(RELATIONS, "/relations") if server.startswith("orm") else path


def agree(product: servers.Server, orm: servers.Server, asked: Workload) -> None:
    """Both say the same of the same, field by field; the product's page and links around a list are its own."""
    for path in asked.paths[:COMPARED]:
        said = [_facts(server, path_for(server.name, path)) for server in (product, orm)]
        if said[0] != said[1]:
            raise RuntimeError(f"product and ORM disagree on {path}:\n{said[0]}\n{said[1]}")


def _facts(server: servers.Server, path: str) -> Any:
    status, body = server.get(path)
    if status != 200:
        raise RuntimeError(f"{server.name} answers {path} with {status}: {body.decode()}")
    answer = json.loads(body)
    return answer.get("data", answer)


Results = dict[tuple[str, str], list[load.Measured]]


async def measure(
    running: list[servers.Server], asked: list[Workload], *, seconds: float, rounds: int, connections: int
) -> Results:
    """Rounds of every workload on every server in turn, so that a noisy moment meets all of them alike."""
    requests = {
        (server.name, workload.name): cycle([load.request(path_for(server.name, path), server.port) for path in workload.paths])
        for server in running
        for workload in asked
    }
    found: Results = {key: [] for key in requests}
    for turn in range(rounds + 1):
        for workload in asked:
            for server in running:
                key = (server.name, workload.name)
                duration = seconds if turn else WARM_UP_SECONDS
                one = await load.measure(server.port, server.pid, requests[key], seconds=duration, connections=connections)
                if turn:
                    found[key].append(one)
        print(f"round {turn} of {rounds}" if turn else "warm", flush=True)
    return found


def _median(found: list[load.Measured], value: Callable[[load.Measured], float]) -> float:
    return median(value(one) for one in found)


def report(found: Results, running: list[servers.Server], asked: list[Workload], *, heading: str) -> str:
    """The table, and what the product is worth beside the others."""
    lines = [heading, ""]
    lines += ["| workload | server | requests/s | p50 ms | p99 ms | CPU µs a request |", "|---|---|--:|--:|--:|--:|"]
    for workload in asked:
        for server in running:
            of = found[server.name, workload.name]
            rate, cost = _median(of, lambda one: one.per_second), _median(of, lambda one: one.cpu_us)
            half, slow = _median(of, lambda one: one.p50_ms), _median(of, lambda one: one.p99_ms)
            lines.append(f"| {workload.title} | {server.name} | {rate:,.0f} | {half:.2f} | {slow:.2f} | {cost:,.0f} |")
    lines += ["", "| product beside | requests/s | CPU | target |", "|---|--:|--:|--:|"]
    for workload in asked:
        of = found["product", workload.name]
        for place, beside in enumerate(workload.beside):
            other = found[beside, workload.name]
            # Each round by itself: what disturbs a round disturbs both sides of its ratio.
            rate = median(mine.per_second / theirs.per_second for mine, theirs in zip(of, other, strict=True))
            cost = median(theirs.cpu_us / mine.cpu_us for mine, theirs in zip(of, other, strict=True))
            target = "" if place else f"≥ {workload.target}"
            lines.append(f"| {workload.title}: {beside} | {rate:.2f} | {cost:.2f} | {target} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--meetings", type=int, default=200_000, help="how many meetings there are (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a run lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how many runs make a median (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="how many clients ask at once (%(default)s)")
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "bench", help="where data and report are kept")
    given = parser.parse_args()
    folder: Path = given.keep.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    database = data.database(folder, given.meetings)
    python = servers.environment(folder)
    asked = workloads(database)
    with ExitStack() as stack:
        product = stack.enter_context(servers.product(f"sqlite:///{database}", folder))
        for workload in asked:
            (folder / f"{workload.name}.json").write_bytes(product.get(workload.paths[0])[1])
        floor = stack.enter_context(servers.comparison("floor", python, {"BENCH_ANSWERS": str(folder)}, folder))
        held = {"BENCH_DATABASE": str(database)}
        orm = stack.enter_context(servers.comparison("orm", python, held, folder))
        joining = held | {"BENCH_REFERENCES": "joined"}
        joined = stack.enter_context(servers.comparison("orm joined", python, joining, folder))
        for workload in asked:
            agree(product, orm, workload)
            agree(product, joined, workload)
        running = [floor, product, orm, joined]
        rules = {"seconds": given.seconds, "rounds": given.rounds, "connections": given.connections}
        found = uvloop.run(measure(running, asked, **rules))
    about = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, FastAPI {version('fastapi')}, "
    about += f"SQLAlchemy {version('sqlalchemy')}, uvicorn {version('uvicorn')}; {os.cpu_count()} cores; "
    about += f"{given.meetings:,} meetings, {given.connections} connections, medians of {given.rounds} × {given.seconds} s."
    text = report(found, running, asked, heading=about)
    print(f"\n{text}")
    (folder / "report.md").write_text(text, encoding="utf-8")
    raw = {f"{server} {workload}": [asdict(one) for one in several] for (server, workload), several in found.items()}
    (folder / "report.json").write_text(json.dumps({"about": about, "runs": raw}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
