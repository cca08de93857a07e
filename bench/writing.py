"""`python -m bench.writing`: making records beside the async ORM; imports beside Django and `sqlite-utils`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import uvloop

from app.db.engine import create_engine, writing
from app.db.schema import migrate
from app.settings import PREFIX, ROOT
from app.writing.keys import Keyring, Scope
from bench import load, servers
from tests import postgres

KINDS_BEFORE = ("countries", "topics", "sources", "organizations")
"""The kinds of the first data set to which the records of the import refer."""
PATCHED = 200
"""Records that are changed by turns."""


def bodies(*, bare: bool) -> Iterator[bytes]:
    """Meetings to be made: for the product with names in two languages, a topic and a citation."""
    for number in count():
        body: dict[str, Any] = {
            "name": f"Talks on digital trade {number}",
            "date": "2025-06-16",
            "city": "Minsk",
            "country": "BY",
        }
        if not bare:
            names = [("en", f"Talks on digital trade {number}"), ("ru", f"Переговоры о цифровой торговле {number}")]
            body |= {
                "names": [{"language": language, "text": text, "type": "official"} for language, text in names],
                "topics": ["artificial-intelligence"],
                "citations": [
                    {"source": "mpt-2026-uae", "paragraph": number % 9 + 1, "quote": "held talks", "confidence": "stated"}
                ],
            }
        yield json.dumps(body, ensure_ascii=False).encode()


def patches(server: servers.Server, key: str) -> Iterator[bytes]:
    """Changes of one field, of one record after the other."""
    for number in count():
        body = json.dumps({"city": f"City {number}"}).encode()
        yield load.patch(f"/v1/meetings/patched-{number % PATCHED}", server.port, body, key=key)


def lines(records: int) -> Iterator[str]:
    """An import of a registry's shape: of six records a meeting, two participants, an instrument, a party, a citation."""
    for number in range(records // 6):
        meeting, paper = f"meeting-{number}", f"paper-{number}"
        date = f"20{number % 20 + 5:02}-0{number % 9 + 1}-1{number % 9}"
        names = [("en", f"Talks {number}", "official"), ("ru", f"Переговоры {number}", "translation")]
        shown = [{"language": language, "text": text, "type": of} for language, text, of in names]
        meets = {"kind": "meeting", "id": meeting, "name": f"Talks {number}", "type": "talks", "date": date, "country": "BY"}
        takes_part = {"kind": "participant", "meeting": meeting, "role": "delegation", "rank": "deputy_minister"}
        cites = {"kind": "citation", "record": meeting, "source": "mpt-2026-uae", "paragraph": number % 9 + 1}
        for record in (
            {**meets, "names": shown, "topics": ["artificial-intelligence"]},
            {**takes_part, "organization": "by-mci", "capacity": "Deputy Minister"},
            {**takes_part, "organization": "sco"},
            {"kind": "memorandum", "id": paper, "name": f"Memorandum {number}", "type": "memorandum", "date": date},
            {"kind": "party", "memorandum": paper, "party": "by-mci", "role": "party"},
            {**cites, "quote": f"a phrase {number}", "confidence": "stated"},
        ):
            yield json.dumps(record, ensure_ascii=False)


def prepared(url: str) -> str:
    """Make the schema and load what others refer to; a key that may write."""
    migrate(url)
    files = [str(ROOT / "seed" / f"{kind}.ndjson") for kind in KINDS_BEFORE]
    rapporteur("import", *files, url=url)
    engine = create_engine(url)
    with writing(engine) as connection:
        _, key = Keyring("").create(connection, "bench", [Scope.WRITE], by="bench")
    engine.dispose()
    return key


def rapporteur(*words: str, url: str) -> None:
    _run([sys.executable, "-m", "app", *words], **{f"{PREFIX}DATABASE_URL": url})


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


def written(database: str, url: str, folder: Path, given: argparse.Namespace) -> list[str]:
    """Rounds of both in turn; lines of the table."""
    key = prepared(url)
    twin_url = url.replace("postgresql://", "postgresql+psycopg://").replace("sqlite:///", "sqlite+aiosqlite:///")
    twin_url = twin_url.replace(".db", "-twin.db")
    with ExitStack() as stack:
        product = stack.enter_context(servers.product(url, folder))
        python = servers.environment(ROOT / "build" / "bench")
        twin = stack.enter_context(servers.comparison("orm_writing", python, {"BENCH_URL": twin_url}, folder))
        for server, its_key in ((product, key), (twin, "")):
            for number in range(PATCHED):
                body = {"id": f"patched-{number}", "name": f"To be patched {number}", "country": "BY"}
                server.send(load.post("/v1/meetings", server.port, json.dumps(body).encode(), key=its_key))
        asked = {
            ("create", product): (load.post("/v1/meetings", product.port, body, key=key) for body in bodies(bare=False)),
            ("create", twin): (load.post("/v1/meetings", twin.port, body) for body in bodies(bare=True)),
            ("patch", product): patches(product, key),
            ("patch", twin): patches(twin, ""),
        }
        found: dict[tuple[str, str], list[load.Measured]] = {(what, server.name): [] for what, server in asked}
        for turn in range(given.rounds + 1):
            for (what, server), requests in asked.items():
                measuring = load.measure(
                    server.port, server.pid, requests, seconds=given.seconds, connections=given.connections
                )
                one = uvloop.run(measuring)
                if turn:
                    found[what, server.name].append(one)
    lines = []
    for what in ("create", "patch"):
        mine, theirs = found[what, product.name], found[what, twin.name]
        for name, several in ((product.name, mine), (twin.name, theirs)):
            rate, half, slow = (median(getattr(one, of) for one in several) for of in ("per_second", "p50_ms", "p99_ms"))
            lines.append(f"| {what} | {database} | {name} | {rate:,.0f} | {half:.1f} | {slow:.1f} |")
        beside = median(one.per_second / other.per_second for one, other in zip(mine, theirs, strict=True))
        lines.append(f"| {what}: product beside orm | {database} | **{beside:.2f}** | | | |")
    return lines


def imported(database: str, url: str, folder: Path, records: int) -> str:
    """A line of the table: the whole command, its start included."""
    prepared(url)
    took = _timed(lambda: rapporteur("import", str(_file(folder, records)), url=url))
    return f"| import of {records:,} | {database} | product | {records / took:,.0f} | | |"


def imported_beside(folder: Path, records: int, rounds: int) -> list[str]:
    """Lines of the table: the same records by the product, by Django's `loaddata` and by `sqlite-utils`, in turn."""
    python = servers.environment(ROOT / "build" / "bench")
    file = _file(folder, records)
    by_kind: dict[str, list[str]] = {}
    for line in lines(records):
        by_kind.setdefault(json.loads(line)["kind"], []).append(line)
    for kind, several in by_kind.items():
        (folder / f"{kind}.ndjson").write_text("".join(f"{line}\n" for line in several), encoding="utf-8")

    def loaddata(what: str, made: Path) -> None:
        _run([str(python), "-m", "bench.loaddata", what, str(file)], BENCH_URL=str(made))

    def sqlite_utils(made: Path) -> None:
        command = str(python.parent / "sqlite-utils")
        for kind in by_kind:
            _run([command, "insert", str(made), kind, str(folder / f"{kind}.ndjson"), "--nl"])
        for kind in ("meeting", "memorandum"):
            _run([command, "enable-fts", str(made), kind, "name"])

    took: dict[str, list[float]] = {"product": [], "loaddata": [], "sqlite-utils": []}
    for turn in range(rounds):
        ours, django, utils = (folder / f"{name}-{turn}.db" for name in ("ours", "django", "utils"))
        url = f"sqlite:///{ours}"
        prepared(url)
        loaddata("prepare", django)
        took["product"].append(_timed(lambda url=url: rapporteur("import", str(file), url=url)))  # type: ignore[misc]
        took["loaddata"].append(_timed(lambda django=django: loaddata("load", django)))  # type: ignore[misc]
        took["sqlite-utils"].append(_timed(lambda utils=utils: sqlite_utils(utils)))  # type: ignore[misc]
    found = [
        f"| import of {records:,} beside others | SQLite | {name} | {records / median(several):,.0f} | | |"
        for name, several in took.items()
    ]
    for name in ("loaddata", "sqlite-utils"):
        beside = median(theirs / mine for mine, theirs in zip(took["product"], took[name], strict=True))
        found.append(f"| import: product beside {name} | SQLite | **{beside:.2f}** | | | |")
    return found


def _file(folder: Path, records: int) -> Path:
    file = folder / "records.ndjson"
    file.write_text("".join(f"{line}\n" for line in lines(records)), encoding="utf-8")
    return file


def _timed(run: Callable[[], None]) -> float:
    began = perf_counter()
    run()
    return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.writing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a run lasts (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how many runs make a median (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="how many clients write at once (%(default)s)")
    parser.add_argument("--records", type=int, default=120_000, help="how many records are imported (%(default)s)")
    parser.add_argument("--beside", type=int, default=20_000, help="how many are imported beside others (%(default)s)")
    given = parser.parse_args()
    print(f"{load.pace()}\n\n| workload | database | server | records/s | p50 ms | p99 ms |\n|---|---|---|--:|--:|--:|")
    with TemporaryDirectory() as name, postgres.server(durable=True) as server:
        folder = Path(name)
        urls = {"SQLite": f"sqlite:///{folder}/create.db", "Postgres": server}
        for database, url in urls.items():
            print("\n".join(written(database, url, folder, given)), flush=True)
        print(imported("SQLite", f"sqlite:///{folder}/import.db", folder, given.records), flush=True)
        print("\n".join(imported_beside(folder, given.beside, given.rounds)), flush=True)
    with TemporaryDirectory() as name, postgres.server(durable=True) as server:
        print(imported("Postgres", server, Path(name), given.records), flush=True)
    print(f"\n{load.pace()}")


if __name__ == "__main__":
    main()
