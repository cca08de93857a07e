"""`python -m bench`: the product beside what users could take instead, over the same data, asked in turn."""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from app.settings import ROOT
from bench import copying, data, load, questions, running, servers
from tests import postgres

COMPARED = 25
"""Answers of each server that are compared with the product's."""
WARM_UP_SECONDS = 1.0
TAGGED = 500
"""Records whose tags are asked for before it is asked whether they changed."""
BESIDE = [name for name in questions.PATHS["one"] if name != "product"]
"""Who can be compared with the product; each can at least show one record."""
TWINS = ("limit", "raw", "orm", "orm joined")
"""Say the same as the product, field by field; others show rows."""


@dataclass
class Found:
    """What the rounds of one workload on one server gave."""

    workload: str
    server: str
    rounds: list[load.Measured]

    def median(self, name: str) -> float:
        """Of the rounds."""
        values: list[float] = [getattr(one, name) for one in self.rounds]
        return median(values)


def started(
    stack: ExitStack, database: str, held: Path, url: str, folder: Path, *, beside: Sequence[str]
) -> list[servers.Server]:
    """The product and those of `beside` that know this database, in the order of the reports."""
    python = servers.environment(folder)
    named = "sqlite:///" + str(held) if database == "SQLite" else url
    where = {"BENCH_URL": str(held) if database == "SQLite" else url}
    product = stack.enter_context(servers.product(named, folder))
    _keep_answers(product, held, folder)

    def twin(name: str, module: str, **more: str) -> AbstractContextManager[servers.Server]:
        return servers.comparison(name, python, where | more, folder, module=module)

    known: dict[str, AbstractContextManager[servers.Server]] = {
        "floor": twin("floor", "floor", BENCH_ANSWERS=str(folder)),
        "limit": twin("limit", "limit"),
        "raw": twin("raw", "limit", BENCH_FACE="fastapi"),
        "product": nullcontext(product),
        "orm": twin("orm", "orm"),
        "orm joined": twin("orm joined", "orm", BENCH_REFERENCES="joined"),
        "FastCRUD": twin("FastCRUD", "crud"),
    }
    if database == "SQLite":
        known |= {
            "DRF": twin("DRF", "drf"),
            "Datasette": servers.datasette(python, held, folder),
            "ROAPI": servers.roapi(python, held, folder),
            "ROAPI by key": servers.roapi_by_key(python, held, folder),
        }
        if shutil.which("npm"):
            known["soul-cli"] = servers.soul(held, folder)
        elif "soul-cli" in beside:
            print("there is no npm to install soul-cli with: it is left out")
    return [stack.enter_context(known[name]) for name in known if name == "product" or name in beside]


def _keep_answers(product: servers.Server, held: Path, folder: Path) -> None:
    """One answer of each kind for the floor, so that it sends as many bytes."""
    for workload in questions.workloads(held, many=1):
        (folder / f"{workload.name}.json").write_bytes(product.get(workload.paths(product, held)[0])[1])


# -- that all say the same ---------------------------------------------------------------------------------------------


def agree(running: Sequence[servers.Server], asked: questions.Workload, held: Path) -> None:
    """The twins say what the product says, field by field; the others at least have the same rows."""
    product = next(server for server in running if server.name == "product")
    known = questions.PATHS[asked.name]
    for server in running:
        if server is product or server.name == "floor" or server.name not in known:
            continue
        for mine, theirs in list(zip(asked.paths(product, held), asked.paths(server, held), strict=True))[:COMPARED]:
            ours, other = _said(product, mine), _said(server, theirs)
            same = ours == other if server.name in TWINS else _nearly(_days(ours), _days(other))
            if not same:
                raise RuntimeError(f"product and {server.name} disagree on {theirs}:\n{ours}\n{other}")


def _said(server: servers.Server, path: str) -> Any:
    status, body = server.get(path)
    if status != 200:
        raise RuntimeError(f"{server.name} answers {path} with {status}: {body.decode()}")
    answer = json.loads(body)
    if isinstance(answer, dict):
        return next((answer[name] for name in ("data", "rows", "results") if name in answer), answer)
    return answer


def _days(answer: Any) -> list[tuple[str, str]]:
    """Of each row its day, and its id where there is one row."""
    rows = answer if isinstance(answer, list) else [answer]
    return [(row["date_start"], row["id"] if len(rows) == 1 else "") for row in rows]


def _nearly(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> bool:
    """As many, and most of the same days: nobody but the twins has our order of those of one day, where a page begins."""
    return len(ours) == len(theirs) and 2 * len(set(ours) & set(theirs)) > len(set(ours))


# -- the measurements --------------------------------------------------------------------------------------------------


def _requests(server: servers.Server, asked: questions.Workload, held: Path) -> Iterator[bytes]:
    paths = asked.paths(server, held)
    if asked.name != "unchanged":
        return cycle([load.request(path, server.port) for path in paths])
    tagged = ((path, server.header(path, "ETag")) for path in paths[:TAGGED])
    return cycle([load.request(path, server.port, If_None_Match=tag) for path, tag in tagged])


async def measure(
    running: Sequence[servers.Server], asked: Sequence[questions.Workload], held: Path, given: argparse.Namespace
) -> list[Found]:
    """Rounds of every workload on every server in turn, so that a noisy moment meets all of them alike."""
    found = [
        (Found(workload.name, server.name, []), server, _requests(server, workload, held))
        for workload in asked
        for server in running
        if server.name in questions.PATHS[workload.name]
    ]
    for turn in range(given.rounds + 1):
        for kept, server, requests in found:
            seconds = given.seconds if turn else WARM_UP_SECONDS
            try:
                one = await load.measure(server.port, server.pid, requests, seconds=seconds, connections=given.connections)
            except (RuntimeError, TimeoutError) as error:
                raise RuntimeError(f"{server.name}, {kept.workload}: {error}") from error
            if turn:
                kept.rounds.append(one)
        print(f"round {turn} of {given.rounds}" if turn else "warm", flush=True)
    return [kept for kept, _, _ in found]


def measured(database: str, held: Path, url: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All of one database: what was found, and how much memory each server has after it."""
    asked = questions.workloads(held)
    with ExitStack() as stack:
        running_ = started(stack, database, held, url, folder, beside=given.beside)
        for workload in asked:
            if workload.name != "unchanged":
                agree(running_, workload, held)
        found = uvloop.run(measure(running_, asked, held, given))
        memory = {server.name: server.memory for server in running_}
    return {"database": database, "found": found, "memory": memory}


# -- the report --------------------------------------------------------------------------------------------------------


def report(database: str, found: Sequence[Found], memory: dict[str, float], now: str) -> list[str]:
    """The tables of one database."""
    lines = [f"### {database}", "", now, ""]
    lines += ["| workload | server | requests/s | p50 ms | p99 ms | CPU µs a request |", "|---|---|--:|--:|--:|--:|"]
    for one in found:
        figures = [one.median(name) for name in ("per_second", "p50_ms", "p99_ms", "cpu_us")]
        rate, half, slow, cost = figures
        title = questions.TITLES[one.workload]
        lines.append(f"| {title} | {one.server} | {rate:,.0f} | {half:.2f} | {slow:.2f} | {cost:,.0f} |")
    lines += ["", "| the product beside | requests/s | CPU | target |", "|---|--:|--:|--:|"]
    products = {one.workload: one.rounds for one in found if one.server == "product"}
    for one in found:
        if one.server == "product":
            continue
        mine = products[one.workload]
        # Each round by itself: what disturbs a round disturbs both sides of its ratio.
        rate = median(ours.per_second / theirs.per_second for ours, theirs in zip(mine, one.rounds, strict=True))
        cost = median(theirs.cpu_us / ours.cpu_us for ours, theirs in zip(mine, one.rounds, strict=True))
        target = questions.TARGETS.get((one.workload, database), {}).get(one.server)
        wanted = f"≥ {target}" if target else ""
        lines.append(f"| {questions.TITLES[one.workload]}: {one.server} | {rate:.2f} | {cost:.2f} | {wanted} |")
    held = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    return [*lines, "", f"In memory after all of it, MB: {held}.", ""]


def about(given: argparse.Namespace) -> str:
    """What was measured with what."""
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, FastAPI {version('fastapi')}, SQLAlchemy "
        f"{version('sqlalchemy')}, uvicorn {version('uvicorn')}; {os.cpu_count()} cores, which the client shares; "
        f"{given.meetings:,} meetings, {given.connections} connections, medians of {given.rounds} × {given.seconds} s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--meetings", type=int, default=200_000, help="how many meetings there are (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a run lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how many runs make a median (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="how many clients ask at once (%(default)s)")
    parser.add_argument("--sizes", type=int, nargs=2, default=(10_000, 200_000), help="of the growth (%(default)s)")
    parser.add_argument("--short", action="store_true", help="10,000 meetings, one run of a second: no figures to quote")
    parser.add_argument(
        "--only",
        choices=("reading", "sqlite", "running"),
        help="reading: the ratios; sqlite: those on SQLite, without Postgres; running: growth, isolation, export and start",
    )
    peers = f"whom to compare with: {', '.join(BESIDE)} (all)"
    parser.add_argument("--beside", nargs="+", metavar="NAME", choices=BESIDE, default=BESIDE, help=peers)
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "bench", help="where data and report are kept")
    given = parser.parse_args()
    if given.short:
        given.meetings, given.rounds, given.seconds, given.sizes = 10_000, 1, 1.0, (3_000, 10_000)
    folder: Path = given.keep.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    held = data.database(folder, given.meetings)
    servers.indexed(f"sqlite:///{held}")
    lines = [about(given), ""]
    kept = []
    compared = {"running": (), "sqlite": ("SQLite",)}.get(given.only, ("SQLite", "Postgres"))
    with ExitStack() as stack:
        url = ""
        if given.only != "sqlite":
            url = stack.enter_context(postgres.server())
            copying.in_postgres(url, held)
        for database in compared:
            now = load.pace()
            one = measured(database, held, url, folder, given)
            lines += report(**one, now=now)
            kept += [{"database": database, **asdict(found)} for found in one["found"]]
        if given.only in (None, "running"):
            lines += running.measured(held, url, folder, given)
    text = "\n".join(lines)
    print(f"\n{text}")
    (folder / "report.md").write_text(text, encoding="utf-8")
    if kept:
        (folder / "report.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draw = [str(servers.environment(folder)), "-m", "bench.plots", str(folder / "report.json"), str(folder / "report.png")]
        subprocess.run(draw, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
