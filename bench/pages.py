"""`python -m bench.pages`: the processor time of pages beside that of the answers that they show, and their bytes.

One server has the first data set, and one connection asks it. Rounds are interleaved; each figure is the median of the
rounds: user and system time of the server for a request, sent compressed.
"""

import argparse
import asyncio
import subprocess
import sys
from itertools import repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from app.settings import ROOT
from bench import load, servers

SHOWN = {
    "/participants": "/v1/participants?include=citations&count=true",
    "/citations": "/v1/citations?count=true",
    "/meetings": "/v1/meetings?include=citations&count=true",
    "/meetings/sco-ict-2025": "/v1/meetings/sco-ict-2025?include=participants.citations,actions.citations,citations",
    "/countries/BY": "/v1/countries/BY?include=organizations.citations,memberships.citations",
    "/ledger?of=BY": "/v1/ledger?of=BY",
    "/commitments?by=BY": "/v1/commitments?by=BY",
    "/matrix": "/v1/matrix?rows=country&columns=year&limit=30",
    "/network": "/v1/network?project=true",
}
"""By page, the main answer that it shows."""


PACKED = {"Accept": "*/*", "Accept-Encoding": "gzip"}


async def milliseconds(server: servers.Server, address: str, seconds: float, **headers: str) -> float:
    """Return the processor time of one request."""
    request = load.request(address, server.port, **PACKED, **headers)
    return (await load.measure(server.port, server.pid, repeat(request), seconds=seconds, connections=1)).cpu_us / 1_000


async def measured(server: servers.Server, given: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Return by page what the rounds gave: the answer, the page, the page that the visitor has already.

    The first round is for warmth.
    """
    found: dict[str, list[list[float]]] = {page: [] for page in SHOWN}
    for turn in range(given.rounds + 1):
        for page, answer in SHOWN.items():
            tag = server.header(page, "etag", **PACKED)
            json = await milliseconds(server, answer, given.seconds)
            whole = await milliseconds(server, page, given.seconds)
            known = await milliseconds(server, page, given.seconds, **{"If-None-Match": tag})
            if turn:
                found[page].append([json, whole, known])
    return found


def main() -> None:
    """Print a table: the answer of the API, the page, the page that the visitor has already, and its bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each of the three in a round")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'registry.db'}"
        for command in (["migrate"], ["import", "--demo"]):
            program = [str(Path(sys.executable).with_name("rapporteur")), *command]
            subprocess.run(program, check=True, cwd=ROOT, env={"RAPPORTEUR_DATABASE_URL": url}, stdout=subprocess.DEVNULL)
        with servers.product(url, folder) as server:
            found = asyncio.run(measured(server, given))
            print("| page | JSON, ms | page, ms | 304, ms | bytes, compressed |\n|---|---|---|---|---|")
            for page, rounds in found.items():
                took = " | ".join(f"{median(each):.1f}" for each in zip(*rounds, strict=True))
                print(f"| `{page}` | {took} | {server.header(page, 'content-length', **PACKED)} |")


if __name__ == "__main__":
    main()
