"""`python -m bench.ledger`: the ledger beside the requests that it replaces, a list, and the async ORM; and as data grows."""

import argparse
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

from app.domain import edtf
from app.reading import cursor as cursors
from app.settings import ROOT
from bench import copying, data, load, running, servers
from tests import postgres

PAGE = 50
COMPARED = 25
"""Pairs whose lines are compared before anything is measured."""
ASKED = 8
"""Countries, and pairs, whose ledgers are asked for while data grows."""
MANY = 10_000
"""About how many meetings the country has whose first page has a target."""
ANSWER_SECONDS = 60
Pair = tuple[str, str]

LEDGER = f"/v1/ledger?between={{0}},{{1}}&limit={PAGE}"
REPLACED = (
    f"/v1/meetings?between={{0}},{{1}}&limit={PAGE}&sort=date&include=participants,citations",
    f"/v1/memoranda?between={{0}},{{1}}&limit={PAGE}&sort=date&include=actions.citations,citations,parties",
    f"/v1/outcomes?between={{0}},{{1}}&limit={PAGE}&sort=date&include=citations",
)
LIST = f"/v1/meetings?between={{0}},{{1}}&limit={PAGE}&include=participants,citations"
LIST_OF_ONE = f"/v1/meetings?participant={{0}}&limit={PAGE}&include=participants,citations"
OURS = "the ledger"


class Client:
    """One user: keeps the connection, and asks again once the answer is read."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_SECONDS)

    def read(self, path: str) -> Any:
        """Return an answer, parsed; RuntimeError if it is no success."""
        self._connection.request("GET", path, headers={"Accept": "application/json"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.server.name} answers {path} with {answer.status}: {body.decode()}")
        return json.loads(body)

    def close(self) -> None:
        """End the connection; the next request opens another."""
        self._connection.close()


# -- what a user does without the ledger ---------------------------------------------------------------------------------


class Entry(NamedTuple):
    """What a line of the ledger is sorted by, and what it is about."""

    day: str
    rank: str
    id: str
    record: Mapping[str, Any]


def merged(meetings: Sequence[Any], memoranda: Sequence[Any], outcomes: Sequence[Any]) -> list[Entry]:
    """Return a page of lines from the three lists in the ledger's order: by day, and by sort and id on one day.

    An instrument is a line for each of its actions, and one by itself where no action tells of its signature or adoption.
    """
    found = [_entry("1", each) for each in meetings]
    for memorandum in memoranda:
        acts = [_entry("3", action, memorandum) for action in memorandum["actions"]]
        is_told = any(memorandum["date"] is None or action["type"] in ("signed", "adopted") for action in memorandum["actions"])
        found += acts if is_told else [*acts, _entry("2", memorandum)]
    found += [_entry("4", each) for each in outcomes]
    found.sort(key=lambda entry: entry[:3])
    return found[:PAGE]


def _entry(rank: str, dated: Mapping[str, Any], record: Mapping[str, Any] | None = None) -> Entry:
    is_undated = dated["date_start"] is None and dated["date_end"] is None
    return Entry(edtf.NO_END if is_undated else dated["date_start"] or "", rank, dated["id"], record or dated)


# -- the ways to the same lines ------------------------------------------------------------------------------------------


def by_ledger(client: Client, pair: Pair) -> list[Any]:
    """Return the lines, as the server gives them."""
    lines: list[Any] = client.read(LEDGER.format(*pair))["data"]
    return lines


def by_lists(client: Client, pair: Pair) -> list[Entry]:
    """Return the lines from three lists, asked for one after another and merged."""
    return merged(*(client.read(path.format(*pair))["data"] for path in REPLACED))


def by_list(client: Client, pair: Pair) -> list[Any]:
    """Return a list of meetings of both that is as long: nothing is merged."""
    meetings: list[Any] = client.read(LIST.format(*pair))["data"]
    return meetings


def by_list_of_one(client: Client, pair: Pair) -> list[Any]:
    """Return a list of meetings of the first alone that is as long: nothing is merged, and nobody else is looked for."""
    meetings: list[Any] = client.read(LIST_OF_ONE.format(*pair))["data"]
    return meetings


@dataclass(frozen=True)
class Way:
    """How a user comes to a page, and what the product's ledger should be worth beside it."""

    title: str
    server: str
    ask: Callable[[Client, Pair], Sequence[Any]]
    target: float | None = None
    """The answers of the ledger for each answer of this way, at least."""


WAYS = (
    Way(OURS, "product", by_ledger),
    Way("three requests and a merge", "product", by_lists, target=3),
    Way(f"a list of {PAGE} of both with participants and citations", "product", by_list, target=1 / 1.5),
    Way(f"a list of {PAGE} of one with participants and citations", "product", by_list_of_one, target=1 / 1.5),
    Way("orm", "orm", by_ledger),
    Way("orm joined", "orm joined", by_ledger),
)


def agree(clients: Mapping[str, Client], pairs: Sequence[Pair]) -> None:
    """See that all ways give the same lines: the merge by day and id, the ORM field by field."""
    for pair in pairs[:COMPARED]:
        lines = by_ledger(clients["product"], pair)
        ours = [(line["date_start"], line["action"] or line["record"]["id"]) for line in lines]
        theirs = [(entry.day, entry.id) for entry in by_lists(clients["product"], pair)]
        if ours != theirs:
            raise RuntimeError(f"the ledger and the three lists disagree on {pair}:\n{ours}\n{theirs}")
        for name, client in clients.items():
            if (other := by_ledger(client, pair)) != lines:
                raise RuntimeError(f"product and {name} disagree on {pair}:\n{lines}\n{other}")


def pairs_of(held: Path, *, at_least: int = PAGE) -> list[Pair]:
    """Return pairs of countries that met so often, the most frequent first; if there are none, all that met."""
    count = """SELECT a.actor_id, b.actor_id, count(*) AS met FROM involvements a
        JOIN involvements b ON b.record_id = a.record_id AND b.actor_kind = 'country' AND b.actor_id > a.actor_id
        WHERE a.actor_kind = 'country' AND a.record_kind = 'meeting' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""
    with closing(sqlite3.connect(f"{held.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute(count).fetchall()
    often = [(one, other) for one, other, met in found if met >= at_least]
    return often or [(one, other) for one, other, _ in found]


def shuffled(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs in both orders, mixed, so that no cache decides."""
    both = [*pairs, *((other, one) for one, other in pairs)]
    Random(data.SEED).shuffle(both)
    return both


# -- the measurements ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """What one turn gave."""

    per_second: float
    p50_ms: float
    server_us: float
    """Processor time of the server, an answer."""
    client_us: float
    """Processor time of the client, an answer: asking, parsing and merging."""


def turn(client: Client, ask: Callable[[], object], *, seconds: float) -> Turn:
    """Ask for so many seconds, one answer after the other, at least one."""
    client.close()  # the server may have ended the connection while others had their turns
    took: list[float] = []
    began, server, own = perf_counter(), load.cpu_seconds(client.server.pid), process_time()
    while not took or perf_counter() - began < seconds:
        asked = perf_counter()
        ask()
        took.append(perf_counter() - asked)
    whole, server, own = perf_counter() - began, load.cpu_seconds(client.server.pid) - server, process_time() - own
    many = len(took)
    return Turn(many / whole, median(took) * 1e3, server / many * 1e6, own / many * 1e6)


@dataclass
class Asked:
    """What is asked in every round, and what the rounds gave."""

    client: Client
    ask: Callable[[], object]
    rounds: list[Turn] = field(default_factory=list)

    def median(self, name: str) -> float:
        """Of the rounds."""
        values: list[float] = [getattr(one, name) for one in self.rounds]
        return median(values)

    def beside(self, other: "Asked", name: str) -> float:
        """Return the median of the ratios to another, round by round: what disturbs a round disturbs both."""
        both = zip(self.rounds, other.rounds, strict=True)
        ratios: list[float] = [getattr(one, name) / max(getattr(theirs, name), 1e-9) for one, theirs in both]
        return median(ratios)


def in_rounds(asked: Sequence[Asked], given: argparse.Namespace) -> None:
    """Measure all in turn, so that a noisy moment meets all alike; the first round warms up and does not count."""
    for number in range(given.rounds + 1):
        for one in asked:
            measured = turn(one.client, one.ask, seconds=given.seconds)
            if number:
                one.rounds.append(measured)
        print(f"round {number} of {given.rounds}" if number else "warm", flush=True)


def asks(client: Client, way: Way, pairs: Sequence[Pair]) -> Callable[[], object]:
    """Return a function that asks for the next pair."""
    several = cycle(pairs)
    return lambda: way.ask(client, next(several))


def beside(database: str, held: Path, url: str, folder: Path, given: argparse.Namespace) -> list[str]:
    """Return the tables of the ways to the same lines."""
    python, pairs = servers.environment(folder), shuffled(pairs_of(held))
    where = {"BENCH_URL": str(held) if database == "SQLite" else url}
    with ExitStack() as stack:
        clients = {}
        for server in (
            stack.enter_context(servers.product(f"sqlite:///{held}" if database == "SQLite" else url, folder)),
            stack.enter_context(servers.comparison("orm", python, where, folder, module="orm_ledger")),
            stack.enter_context(
                servers.comparison("orm joined", python, where | {"BENCH_REFERENCES": "joined"}, folder, module="orm_ledger")
            ),
        ):
            clients[server.name] = Client(server)
            stack.callback(clients[server.name].close)
        agree(clients, pairs)
        found = {way: Asked(clients[way.server], asks(clients[way.server], way, pairs)) for way in WAYS}
        in_rounds(list(found.values()), given)
    lines = [f"### {database}", "", load.pace(), f"{len(pairs):,} pairs.", ""]
    lines += ["| way | answers/s | p50 ms | CPU µs of the server | CPU µs of the client |", "|---|--:|--:|--:|--:|"]
    for way, one in found.items():
        rate, half, server_us, client_us = (one.median(name) for name in ("per_second", "p50_ms", "server_us", "client_us"))
        lines.append(f"| {way.title} | {rate:,.0f} | {half:.2f} | {server_us:,.0f} | {client_us:,.0f} |")
    lines += ["", "| the ledger beside | answers/s | CPU of the server | target |", "|---|--:|--:|--:|"]
    ours = found[WAYS[0]]
    for way in WAYS[1:]:
        rate, cost = ours.beside(found[way], "per_second"), found[way].beside(ours, "server_us")
        wanted = f"≥ {way.target:.2f}" if way.target else ""
        lines.append(f"| {way.title} | {rate:.2f} | {cost:.2f} | {wanted} |")
    return [*lines, ""]


# -- more data -----------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """A ledger while data grows: of an actor, or between two."""

    title: str
    paths: Sequence[str]


def grown(files: Mapping[int, Path], url: str, folder: Path, given: argparse.Namespace) -> list[str]:
    """Return the table of the same ledgers of few and of many meetings."""
    lines = ["### Growth", ""]
    head = ["database", "question", "meetings", "answers/s", "p50 ms", "CPU µs", "time, CPU beside the fewest", "target"]
    lines += [f"| {' | '.join(head)} |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for held in files.values():
        running.read_through(held)
    fewest = min(files)
    pairs = pairs_of(files[fewest], at_least=1)[:ASKED]
    for database in ("SQLite", "Postgres") if given.on != "sqlite" else ("SQLite",):
        with ExitStack() as stack:
            found: dict[tuple[str, int], Asked] = {}
            for size, held in files.items():
                named = f"sqlite:///{held}" if database == "SQLite" else running.filled(url, held, size, given)
                client = Client(stack.enter_context(servers.product(named, folder)))
                stack.callback(client.close)
                for question in questions(client, held, pairs, is_largest=size == max(files)):
                    found[question.title, size] = Asked(client, _next(client, question.paths))
            in_rounds([found[key] for key in sorted(found)], given)
        for (title, size), one in sorted(found.items()):
            few = found.get((title, fewest), one)
            time, cost = few.beside(one, "per_second"), one.beside(few, "server_us")
            last = ("", "") if few is one else (f"{time:.2f}, {cost:.2f}", "≤ 1.3")
            if title.startswith("the first page of"):
                last = ("", "≤ 20 ms" if database == "SQLite" else "")
            figures = (f"{one.median('per_second'):,.0f}", f"{one.median('p50_ms'):.2f}", f"{one.median('server_us'):,.0f}")
            lines.append(f"| {' | '.join((database, title, f'{size:,}', *figures, *last))} |")
    return [*lines, ""]


def _next(client: Client, paths: Sequence[str]) -> Callable[[], object]:
    several = cycle(paths)
    return lambda: client.read(next(several))


def questions(client: Client, held: Path, pairs: Sequence[Pair], *, is_largest: bool) -> Iterator[Question]:
    """Yield the ledgers of countries and of pairs, first pages and pages from the middle of the data's years."""
    countries = list(dict.fromkeys(country for pair in pairs for country in pair))[:ASKED]
    sorts = {"a country": [f"of={each}" for each in countries], "a pair": [f"between={one},{other}" for one, other in pairs]}
    for title, several in sorts.items():
        firsts = [f"/v1/ledger?{each}&limit={PAGE}" for each in several]
        yield Question(f"{title}: the first page", firsts)
        yield Question(f"{title}: a page from the middle", [_from_the_middle(client, first) for first in firsts])
    if is_largest:
        country, many = _country(held)
        title = f"the first page of a country with {many:,} meetings"
        yield Question(title, [f"/v1/ledger?of={country}&limit={PAGE}"])


def _from_the_middle(client: Client, first: str) -> str:
    """Return the address of a page that begins behind the middle of the years; of the first one if there is no second."""
    cursor = client.read(f"{first}&limit=1".replace(f"&limit={PAGE}", ""))["page"]["next_cursor"]
    if cursor is None:
        return first
    digest = cursor[: len(cursors.request_digest())]
    middle = data.YEARS[len(data.YEARS) // 2]
    return f"{first}&cursor={cursors.encode([f'{middle}-01-01', '1', ''], digest)}"


def _country(held: Path) -> tuple[str, int]:
    """Return the country whose meetings are nearest to MANY, and their number."""
    count = """SELECT actor_id, count(*) FROM involvements WHERE actor_kind = 'country' AND record_kind = 'meeting'
        GROUP BY 1 ORDER BY abs(count(*) - ?), 1 LIMIT 1"""
    with closing(sqlite3.connect(f"{held.as_uri()}?mode=ro", uri=True)) as connection:
        country, many = connection.execute(count, [MANY]).fetchone()
    return country, many


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--meetings", type=int, default=100_000, help="how many meetings there are (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a turn lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="how many turns make a median (%(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="of the growth (%(default)s)")
    parser.add_argument("--only", choices=("beside", "growth"), help="the ratios, or the growth")
    parser.add_argument("--on", choices=("sqlite", "both"), default="both", help="the databases (%(default)s)")
    parser.add_argument("--short", action="store_true", help="10,000 meetings, one turn: no figures to quote")
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "bench", help="where data and report are kept")
    given = parser.parse_args()
    if given.short:
        given.meetings, given.rounds, given.sizes = 10_000, 1, [3_000, 10_000]
    folder: Path = given.keep.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{given.meetings:,} meetings, one client at a time, medians of {given.rounds} × {given.seconds} s.", ""]
    with ExitStack() as stack:
        url = "" if given.on == "sqlite" else stack.enter_context(postgres.server())
        if url or given.only != "growth":
            held = data.database(folder, given.meetings)
            servers.indexed(f"sqlite:///{held}")
            if url:
                copying.in_postgres(url, held)
        if given.only != "growth":
            for database in ("SQLite", "Postgres") if url else ("SQLite",):
                lines += beside(database, held, url, folder, given)
        if given.only != "beside":
            files = {size: data.database(folder, size) for size in sorted(given.sizes)}
            lines += grown(files, url, folder, given)
    text = "\n".join(lines)
    print(f"\n{text}")
    (folder / "ledger.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
