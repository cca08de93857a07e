"""`python -m bench.search`: finding and suggesting in documents of two languages, beside the databases' own and Datasette."""

import argparse
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from itertools import accumulate, cycle
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import uvloop
from sqlalchemy.dialects import sqlite as sqlite_dialect

from app.db.full_text import INDEX
from app.db.schema import migrate
from app.domain.edtf import NONE, Bounds
from app.domain.vocabulary import CALLED, Kind
from app.search.index import Entry, Index, docid_of
from app.settings import ROOT
from app.text.terms import Own, Weight
from bench import copying, data, load, servers
from tests import postgres

WORDS = 30_000
"""Words of each language."""
FLATTEST = 5.4
"""Added to each word's rank, so that the first is in 45 % of the documents."""
FIRST_DAY = date(2006, 1, 1)
DAYS = 20 * 365
NAMED_EVERY = 20
"""One document in so many is a person's or an organization's, by turns."""
PEOPLE_KNOWN = 2_000
"""To how many people, those first made, the meetings refer."""
SUMMARY_WORDS = 20
PIECE = 2_000
"""Documents made at once."""
TEXTS = "texts"
"""The file of what is searched by others."""
NOWHERE = "qqqqwxzzv"
"""A word that nothing has."""
QUESTIONS = 500
WARM_UP = 10
"""Questions of each workload that are not counted."""
TARGETS = {("word", "SQLite"): 25.0, ("suggest", "SQLite"): 10.0, ("word", "Postgres"): 40.0, ("suggest", "Postgres"): 40.0}
"""ms within which 99 of 100 answers should come."""
SYLLABLES = data._pairs(  # noqa: SLF001 - the benches are one package
    "ba:ба ve:ве gi:ги do:до zhu:жу za:за ki:ки lo:ло mu:му na:на pe:пе ri:ри so:со tu:ту fa:фа khe:хе tsi:ци cho:чо shu:шу "
    "bran:бран vest:вест gor:гор dim:дим zel:зел kol:кол lum:лум mir:мир nov:нов pol:пол rat:рат sten:стен tor:тор fin:фин"
)
ENDINGS = data._pairs("ov:ов sky:ский enko:енко in:ин ich:ич uk:ук ev:ев yan:ян")  # noqa: SLF001
"""Of surnames."""
TABLES = {
    "records": ("id", "kind", "name"),
    "search_entries": ("docid", "record_id", "kind", "date", "date_start", "date_end", "country_id", "words", "terms"),
    "involvements": ("actor_id", "record_kind", "date_start", "record_id", "actor_kind"),
    "texts": ("docid", "id", "name", "date", "body"),
}
"""What is written; `texts` is what bare FTS5 searches."""
Rows = dict[str, list[tuple[Any, ...]]]


# -- the words -------------------------------------------------------------------------------------------------------------


@cache
def vocabulary() -> tuple[list[str], list[str], list[float]]:
    """The words of both languages, the most frequent first, and how often they are taken, added up."""
    random = Random(data.SEED)
    both: tuple[dict[str, None], dict[str, None]] = {}, {}
    for language, words in enumerate(both):
        while len(words) < WORDS:
            many = random.choices((2, 3, 4), (2, 5, 3))[0]
            words["".join(pair[language] for pair in random.choices(SYLLABLES, k=many))] = None
    weights = [1 / (rank + FLATTEST) for rank in range(WORDS)]
    return list(both[0]), list(both[1]), list(accumulate(weights))


def phrase(random: Random, words: list[str], many: int) -> str:
    """So many words, the frequent ones often."""
    return " ".join(random.choices(words, cum_weights=vocabulary()[2], k=many)).capitalize()


def person(number: int) -> tuple[str, str]:
    """A name in Latin and in Cyrillic letters."""
    random = Random(number)
    given, ending = random.choice(data.GIVEN), random.choice(ENDINGS)
    stem = random.choices(SYLLABLES, k=2)
    latin, cyrillic = ("".join([*(pair[script] for pair in stem), ending[script]]).capitalize() for script in (0, 1))
    return f"{given[0]} {latin}", f"{given[1]} {cyrillic}"


class Made(NamedTuple):
    """What a document is made of."""

    record_id: str
    kind: Kind
    date: str | None
    bounds: Bounds
    country_id: str | None
    own: list[Own]
    refers: frozenset[str]


def called(number: int, documents: int) -> Made:
    """What a document of this number says: later numbers are of later days, but for people and organizations."""
    random = Random(f"{data.SEED}-{number}")
    english, russian, _ = vocabulary()
    summary = Own(Weight.TEXT, "summary", None, phrase(random, english, SUMMARY_WORDS))
    country = random.choice(list(data.CAPITALS))
    if number % NAMED_EVERY == 0:
        turn = number // NAMED_EVERY
        if turn % 2:
            names = phrase(random, english, random.randint(3, 6)), phrase(random, russian, random.randint(3, 6))
            own = [Own(Weight.NAME, "name", None, names[0]), Own(Weight.NAME, "names", "ru", names[1]), summary]
            return Made(f"body-{number}", Kind.ORGANIZATION, None, NONE, country, own, frozenset([country]))
        latin, cyrillic = person(turn)
        # Every other person is known in one script alone.
        names_of = [Own(Weight.NAME, "name", None, latin)]
        names_of += [Own(Weight.NAME, "names", "ru", cyrillic)] if turn % 4 else []
        return Made(f"person-{number}", Kind.PERSON, None, NONE, None, [*names_of, summary], frozenset())
    day = str(FIRST_DAY + timedelta(days=number * DAYS // documents))
    own = [
        Own(Weight.NAME, "name", None, phrase(random, english, random.randint(5, 8))),
        Own(Weight.NAME, "names", "ru", phrase(random, russian, random.randint(5, 8))),
        *(Own(Weight.NAME, "type", language, text) for language, text in CALLED[Kind.MEETING, "talks"]),
        summary,
    ]
    many = min(PEOPLE_KNOWN, -(-documents // NAMED_EVERY))
    several = [min(int(random.paretovariate(0.5)) - 1, many - 1) * NAMED_EVERY for _ in range(2)]
    refers = {country, *(f"{'body' if each // NAMED_EVERY % 2 else 'person'}-{each}" for each in several)}
    return Made(f"meeting-{number}", Kind.MEETING, day, Bounds(day, day), country, own, frozenset(refers))


# -- the databases ---------------------------------------------------------------------------------------------------------


def piece(given: tuple[Sequence[int], int]) -> Rows:
    """Rows of the documents of these numbers."""
    numbers, documents = given
    return rows_of([called(number, documents) for number in numbers])


def rows_of(entries: Sequence[Made]) -> Rows:
    """Rows of documents, in the order of their places."""
    index = Index(sqlite_dialect.dialect(), json.dumps)
    found: Rows = {table: [] for table in TABLES}
    for entry in entries:
        said = index.draft(
            entry.record_id, entry.kind, entry.own, date=entry.date, country_id=entry.country_id, refers=entry.refers
        )
        entered = Entry(said, entry.bounds, ())
        row = index.row(docid_of(entered), entered)
        found["search_entries"].append(tuple(row[name] for name in TABLES["search_entries"]))
        found["records"].append((entry.record_id, entry.kind.value, entry.own[0].text))
        body = "\n".join(each.text for each in entry.own[1:])
        found["texts"].append((row["docid"], entry.record_id, entry.own[0].text, entry.date, body))
        if entry.kind is Kind.MEETING:
            kinds = {"body": "organization", "person": "person"}
            for actor in sorted(entry.refers):
                kind = kinds.get(actor.partition("-")[0], "country")
                found["involvements"].append((actor, "meeting", entry.bounds.start, entry.record_id, kind))
    found["search_entries"].sort()
    return found


def countries() -> Iterator[Made]:
    """Where the meetings are."""
    for content in data._seed("countries"):  # noqa: SLF001 - the benches are one package
        own = [Own(Weight.NAME, "names", name["language"], name["text"]) for name in content["names"]]
        own.insert(0, Own(Weight.NAME, "name", None, content["name"]))
        yield Made(content["id"], Kind.COUNTRY, None, NONE, None, own, frozenset())


def pieces(documents: int) -> Iterator[Rows]:
    """All rows; of two documents that chance gives one place the second is left out."""
    vocabulary()
    everything = range(documents)
    named, others = everything[::NAMED_EVERY], [number for number in everything if number % NAMED_EVERY]
    asked = [
        (numbers[start : start + PIECE], documents) for numbers in (named, others) for start in range(0, len(numbers), PIECE)
    ]
    first = rows_of(list(countries()))
    yield first
    taken = {row[0] for row in first["search_entries"]}
    with get_context("fork").Pool(os.cpu_count()) as pool:
        for rows in pool.imap(piece, asked):
            for table in ("search_entries", "texts"):
                rows[table] = [row for row in rows[table] if row[0] not in taken]
            taken.update(row[0] for row in rows["search_entries"])
            yield rows


def in_sqlite(folder: Path, documents: int) -> tuple[Path, Path]:
    """The product's file and that of bare FTS5, made unless they are there already."""
    made_of = [Path(__file__), *sorted((ROOT / "app" / "search").glob("*.py")), ROOT / "app" / "models" / "search.py"]
    digest = sha256(b"\0".join(path.read_bytes() for path in made_of)).hexdigest()[:12]
    kept = folder / f"search-{documents}-{digest}"
    ours, bare = kept / "search.db", kept / f"{TEXTS}.db"
    if ours.exists() and bare.exists():
        return ours, bare
    for outdated in folder.glob(f"search-{documents}-*"):
        shutil.rmtree(outdated)
    kept.mkdir()
    began = perf_counter()
    unfinished = ours.with_suffix(".part")
    migrate(f"sqlite:///{unfinished}")
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as mine, closing(sqlite3.connect(bare)) as theirs:
        for connection in (mine, theirs):
            for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1048576"):
                connection.execute(f"PRAGMA {pragma}")
        mine.execute("BEGIN")
        theirs.execute("CREATE TABLE texts (docid INTEGER PRIMARY KEY, id TEXT, name TEXT, date TEXT, body TEXT)")
        theirs.execute(
            # Datasette knows the index by just these quotation marks.
            'CREATE VIRTUAL TABLE texts_index USING fts5(name, body, content="texts", content_rowid="docid",'
            ' tokenize="unicode61 remove_diacritics 2")'
        )
        for rows in pieces(documents):
            for table, several in rows.items():
                names = TABLES[table]
                insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
                (theirs if table == "texts" else mine).executemany(insert, several)
        for connection, index in ((mine, INDEX), (theirs, "texts_index")):
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('hashsize', {1 << 28})")
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('hashsize', {1 << 20})")
            connection.commit()
        mine.execute("ANALYZE")
        for connection in (mine, theirs):
            connection.execute("PRAGMA journal_mode = WAL")
    unfinished.rename(ours)
    print(f"made {ours.stat().st_size / 1e6:.0f} MB in {perf_counter() - began:.0f} s", flush=True)
    os.sync()  # else the system writes it out while servers are being measured
    return ours, bare


# -- the measurements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """What is typed."""

    name: str
    sort: str
    """`word` or `suggest`, by which there is a target; else empty."""
    typed: list[str]


def rank_of(share: float) -> int:
    """The rank of the word that is in such a share of the documents."""
    drawn = SUMMARY_WORDS + 6.5
    total = vocabulary()[2][-1]
    return max(round(drawn / (total * share) - FLATTEST), 0)


def workloads(documents: int) -> list[Workload]:
    """The questions."""
    random = Random(data.SEED)
    english, russian, _ = vocabulary()
    turns = range(0, documents // NAMED_EVERY, 4)
    people = [person(turn) for turn in random.choices(turns, k=QUESTIONS)]
    middling = rank_of(0.02)
    words = [
        Workload("the most common word", "word", [english[0]]),
        Workload("words in 2 %", "word", english[middling - 10 : middling + 10]),
        Workload("rare words", "word", random.sample(english[WORDS // 2 :], QUESTIONS)),
        Workload("Cyrillic words of names", "word", random.choices(russian, cum_weights=vocabulary()[2], k=QUESTIONS)),
        Workload("two common words", "", [f"{english[first]} {english[first + 1]}" for first in range(8)]),
        Workload("a name in the other script", "", [cyrillic for _, cyrillic in people]),
    ]
    every = [typed for workload in words for typed in random.choices(workload.typed, k=QUESTIONS // len(words))]
    random.shuffle(every)
    prefixes = [
        (latin, cyrillic)[random.randrange(2)].split()[1][:length]
        for latin, cyrillic in people
        for length in [random.randint(1, 8)]
    ]
    suggested = [Workload("suggest: 1 letter", "suggest", [chr(letter) for letter in range(ord("a"), ord("z") + 1)])]
    suggested += [
        Workload(f"suggest: {length} letters", "suggest", [latin.split()[1][:length] for latin, _ in people])
        for length in (2, 3, 5, 8)
    ]
    return [*words, Workload("all of these", "", every), *suggested, Workload("suggest: 1 to 8 letters", "suggest", prefixes)]


def paths(server: servers.Server, workload: Workload) -> list[str]:
    """Where a server is asked."""
    path = {
        "fts5": "/fts5?q=",
        "fts5 ts_rank": "/ts_rank?q=",
        "Datasette": f"/{TEXTS}/texts.json?_shape=objects&_size=20&_nocount=1&_nofacet=1&_search=",
    }.get(server.name)
    path = path or ("/v1/suggest?q=" if workload.sort == "suggest" else "/v1/search?q=")
    return [f"{path}{quote_plus(typed)}" for typed in workload.typed]


def agree(server: servers.Server) -> None:
    """Who is asked for what nothing has finds nothing."""
    path = paths(server, Workload("", "word", [NOWHERE]))[0]
    answer = json.loads(server.get(path)[1])
    if answer.get("rows", answer.get("data")) != []:
        raise RuntimeError(f"{server.name} does not search: {answer}")


def slowest(server: servers.Server, workload: Workload) -> float:
    """Seconds of the slowest of the first questions, which warm the server up."""
    took = []
    for path in paths(server, workload)[:WARM_UP]:
        began = perf_counter()
        status, body = server.get(path)
        took.append(perf_counter() - began)
        if status != 200:
            raise RuntimeError(f"{server.name} answers {path} with {status}: {body.decode()}")
    return max(took)


def measured(
    database: str, running: list[servers.Server], several: list[Workload], *, connections: int, given: argparse.Namespace
) -> list[str]:
    """Rounds of all servers in turn; lines of the table."""
    lines = []
    for workload in several:
        those = running[:1] if workload.sort == "suggest" else running
        requests = {
            server.name: cycle([load.request(path, server.port) for path in paths(server, workload)]) for server in those
        }
        found: dict[str, list[load.Measured]] = {server.name: [] for server in those}
        lasting = {server.name: max(given.seconds, 3 * connections * slowest(server, workload)) for server in those}
        for _ in range(given.rounds):
            for server in those:
                seconds = lasting[server.name]
                measuring = load.measure(
                    server.port, server.pid, requests[server.name], seconds=seconds, connections=connections
                )
                found[server.name].append(uvloop.run(measuring))
        for name, of in found.items():
            rate, half, slow = (
                median(values) for values in zip(*((m.per_second, m.p50_ms, m.p99_ms) for m in of), strict=True)
            )
            target = TARGETS.get((workload.sort, database)) if name == "product" and connections == 1 else None
            wanted = f"≤ {target:.0f}" if target else ""
            lines.append(
                f"| {workload.name} | {database} | {name} | {connections} | {rate:,.0f} | {half:.1f} | {slow:.1f} | {wanted} |"
            )
        mine, *others = (found[server.name] for server in those)
        for server, theirs in zip(those[1:], others, strict=True):
            rate = median(one.per_second / other.per_second for one, other in zip(mine, theirs, strict=True))
            lines.append(
                f"| {workload.name}: product beside {server.name} | {database} | **{rate:.2f}** | {connections} | | | | |"
            )
        print("\n".join(lines[-2 * len(those) + 1 :]), flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000, help="how many there are (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a run lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how many runs make a median (%(default)s)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4], help="how many clients ask at once (1 4)")
    parser.add_argument("--postgres", action="store_true", help="measure Postgres too")
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "bench", help="where data and report are kept")
    given = parser.parse_args()
    folder: Path = given.keep.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = servers.environment(folder)
    several = workloads(given.documents)
    lines = [
        "| workload | database | server | connections | requests/s | p50 ms | p99 ms | target |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    print("\n".join(lines))

    def run(database: str, *those: AbstractContextManager[servers.Server]) -> None:
        with ExitStack() as stack:
            running = [stack.enter_context(each) for each in those]
            for server in running:
                agree(server)
            for connections in given.connections:
                lines.extend(measured(database, running, several, connections=connections, given=given))

    ours, bare = in_sqlite(folder, given.documents)
    fts5 = servers.comparison("fts5", python, {"BENCH_URL": str(bare)}, folder)
    run("SQLite", servers.product(f"sqlite:///{ours}", folder), fts5, servers.datasette(python, bare, folder))
    if given.postgres:
        with postgres.server() as url:
            copying.in_postgres(url, ours)
            ts_rank = servers.comparison("fts5 ts_rank", python, {"BENCH_URL": url}, folder, module="fts5")
            run("Postgres", servers.product(url, folder), ts_rank)
    (folder / "search.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
