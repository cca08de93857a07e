"""Three minutes of everything at once: nobody waits, memory stays, and nothing is told that is not so."""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from tests import depth
from tests.conftest import Database
from tests.serving import Server, served
from tests.slow import slowness
from tests.test_bounds import ALPHABETS

pytestmark = depth.alone


SECONDS = 180
EVERY_SECONDS = 5
MOST_MILLISECONDS = 500
FLAT_MEGABYTES = 25
SETTINGS = {
    "RAPPORTEUR_REQUESTS_PER_MINUTE": "10000000",
    "RAPPORTEUR_WRITES_PER_MINUTE": "10000000",
    "RAPPORTEUR_STALL_SECONDS": "5",
}
PROBE = """
import http.client, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
end, late = time.monotonic() + seconds, 0.0
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
while time.monotonic() < end:
    began = time.monotonic()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    took, slept = time.monotonic() - began, time.monotonic()
    time.sleep(0.02)
    # Where this process itself was not woken in time, the machine stood still, and the server with it.
    if time.monotonic() - slept < 0.1:
        late = max(late, took)
print(late * 1000)
"""
"""Another process: threads of this one would wait for one another."""


class Load:
    """Clients of one server, until they are told to stop."""

    def __init__(self, server: Server, key: dict[str, str]) -> None:
        self._server = server
        self._key = key
        self._stop = threading.Event()
        self.answers: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []

    def begin(self, work: Callable[[random.Random], None], count: int) -> None:
        """Do this again and again in so many threads."""
        for seed in range(count):
            self._threads.append(threading.Thread(target=self._again_and_again, args=(work, random.Random(seed))))
            self._threads[-1].start()

    def _again_and_again(self, work: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self._stop.is_set():
            work(chance)
            self._stop.wait(0.01)

    def end(self) -> None:
        """Stop, and wait for the last answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> None:
        """One request; its answer is counted."""
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            connection.request(method, path, body, {**self._key, "Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            answer.read()
            told = f"{answer.status}" + (
                "" if answer.status != 503 or answer.headers["Retry-After"] else " without Retry-After"
            )
        except HTTPException as error:
            told = type(error).__name__
        finally:
            connection.close()
        self.answers[told] += 1

    def read(self, chance: random.Random) -> None:
        """Ordinary reads."""
        paths = (
            "/v1/memoranda?between=BY,CN&include=actions,citations",
            "/v1/topics?limit=50",
            "/v1/countries/BY",
            "/v1/changes",
        )
        self.ask("GET", chance.choice(paths))

    def write(self, chance: random.Random) -> None:
        """New records, now and then one with a name of 9,900 letters."""
        length = 9_900 if chance.random() < 0.05 else 30
        name = "".join(chance.choices("абвгдежзиклмнопрст   ", k=length)).strip() + str(chance.random())
        self.ask("POST", "/v1/people", json.dumps({"name": name}).encode())

    def search(self, chance: random.Random) -> None:
        """Searches, also for words without end."""
        alphabet, length = chance.choice(ALPHABETS), chance.choice((3, 8, 40, 900))
        question = "".join(chance.choices(alphabet, k=length)) if chance.random() < 0.7 else alphabet[0] * length
        self.ask("GET", f"/v1/{chance.choice(('search', 'suggest'))}?q={quote(question)}")

    def export(self, _chance: random.Random) -> None:
        """An export, read at once."""
        self.ask("GET", "/v1/export")
        time.sleep(1)

    def load(self, chance: random.Random) -> None:
        """An import of 2,000 lines."""
        start = chance.randrange(10**9)
        lines = (json.dumps({"kind": "topic", "id": f"soaked-{start + n}", "name": f"Topic {start + n}"}) for n in range(2_000))
        self.ask("POST", "/v1/import", "\n".join(lines).encode(), "application/x-ndjson")
        time.sleep(20)

    def follow(self, chance: random.Random) -> None:
        """A stream of changes, from somewhere in the log, that ends after a while."""
        with suppress(OSError), socket.socket() as connection:
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self._server.port))
            query = chance.choice(("after=0", "after=0&of=BY", "topic=cybersecurity", "kind=person"))
            connection.sendall(f"GET /v1/changes?format=events&{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            for _ in range(chance.randrange(200)):
                if self._stop.is_set() or not connection.recv(65_536):
                    return

    def take_slowly(self, chance: random.Random) -> None:
        """A stream that is read slowly, or not at all."""
        with suppress(OSError), socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self._server.port))
            connection.sendall(b"GET /v1/citations?format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(20 if chance.random() < 0.5 else 0):
                connection.recv(1_000)
                time.sleep(0.2)
            time.sleep(3)


def test_three_minutes_of_everything(database: Database) -> None:
    database.seed()
    key = database.key()
    with served(database.url, **SETTINGS) as server:
        load = Load(server, key)
        for work, count in (
            (load.read, 3),
            (load.write, 2),
            (load.search, 2),
            (load.export, 1),
            (load.load, 1),
            (load.take_slowly, 3),
            (load.follow, 5),
        ):
            load.begin(work, count)
        probe = subprocess.Popen(
            [sys.executable, "-c", PROBE, str(server.port), str(SECONDS)], stdout=subprocess.PIPE, text=True
        )
        memory = []
        for _ in range(SECONDS // EVERY_SECONDS):
            time.sleep(EVERY_SECONDS)
            memory.append(server.anonymous_memory)
        worst = float(probe.communicate(timeout=120)[0])
        load.end()
        log = server.log.read_text(encoding="utf-8")
    half, quarter = len(memory) // 2, len(memory) // 4
    third, last = (sum(part) / len(part) for part in (memory[half : half + quarter], memory[half + quarter :]))
    print(f"{database.engine.dialect.name}: worst {worst:.0f} ms, memory {memory}, answers {dict(load.answers)}")  # noqa: T201
    assert worst < MOST_MILLISECONDS * slowness()
    assert last - third < FLAT_MEGABYTES, memory
    assert set(load.answers) <= {"200", "201", "503"}, load.answers
    assert load.answers["200"] > 1_000
    assert "Traceback" not in log
    assert database.disagreements() == []
