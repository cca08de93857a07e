"""The followers of `docs/followers`, run as programs: they have what the registry has, always, and notice a restore."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from app.settings import ROOT
from tests.conftest import Database, Fresh
from tests.depth import slow
from tests.postgres import free_port
from tests.serving import SERVE, Server, served, started

FOLLOWERS = ROOT / "docs" / "followers"
NODE = shutil.which("node") or shutil.which("nodejs")


class Follower:
    """A follower's program and its copy."""

    def __init__(self, language: str, folder: Path) -> None:
        self._is_python = language == "python"
        self.copy = folder / "copy"
        self._command = [sys.executable, FOLLOWERS / "follow.py"] if self._is_python else [NODE, FOLLOWERS / "follow.mjs"]

    def run(self, server: Server) -> None:
        """Bring the copy up to date."""
        done = subprocess.run([*self._command, server, self.copy, "0"], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def start(self, server: Server) -> subprocess.Popen[bytes]:
        """Follow until ended."""
        return subprocess.Popen([*self._command, server, self.copy, "0.05"], stderr=subprocess.DEVNULL)

    def records(self) -> list[Any]:
        """What the copy has."""
        if not self._is_python:
            found = json.loads(self.copy.read_text(encoding="utf-8"))["records"].values() if self.copy.exists() else ()
        else:
            with closing(sqlite3.connect(self.copy)) as connection:
                found = [json.loads(row[0]) for row in connection.execute("SELECT content FROM records")]
        return sorted(found, key=lambda record: str(record["id"]))


@pytest.fixture(params=["python", "javascript"])
def follower(request: pytest.FixtureRequest, tmp_path: Path) -> Follower:
    if request.param == "javascript" and NODE is None:
        pytest.skip("there is no Node")
    return Follower(request.param, tmp_path)


def exported(server: Server) -> list[Any]:
    """What the registry has."""
    lines = httpx2.get(f"{server}/v1/export").text.splitlines()
    return sorted(map(json.loads, lines), key=lambda record: str(record["id"]))


@pytest.fixture
def world(fresh: Fresh) -> Iterator[Database]:
    database = Database(fresh())
    database.load(*(f'{{"kind":"topic","id":"t-{number}","name":"Topic {number}"}}' for number in range(1_500)))
    database.load('{"kind":"person","id":"ann","name":"Ann Person"}')
    yield database
    database.engine.dispose()


def test_a_follower_has_what_the_registry_has_after_every_sort_of_change(world: Database, follower: Follower) -> None:
    key = world.key()
    with served(world.url) as server:
        follower.run(server)
        assert follower.records() == exported(server)
        # One transaction that is longer than a page.
        world.load(*(f'{{"kind":"topic","id":"t-{number}","name":"Changed {number}"}}' for number in range(1_400)))
        for path, body in (
            ("/v1/topics", {"id": "made", "name": "Made"}),
            ("/v1/topics/t-1/merge", {"into": "t-2"}),
            ("/v1/people/ann/erase", None),
        ):
            assert httpx2.post(f"{server}{path}", json=body, headers=key).status_code in (200, 201)
        assert httpx2.delete(f"{server}/v1/topics/t-3", headers={**key, "If-Match": "*"}).status_code == 204
        follower.run(server)
        assert follower.records() == exported(server)
        assert len(follower.records()) == 1_499
        follower.run(server)
        assert follower.records() == exported(server)


def test_a_follower_starts_over_when_the_log_is_another_one(world: Database, follower: Follower) -> None:
    with served(world.url) as server:
        follower.run(server)
    # What a restore by any means comes to: other changes stand at the same places.
    world.execute("UPDATE changes SET digest = '00000000'")
    world.execute("UPDATE topics SET name = 'Restored' WHERE id = 't-7'")
    with served(world.url) as server:
        follower.run(server)
        assert follower.records() == exported(server)
    assert {record["name"] for record in follower.records() if record["id"] == "t-7"} == {"Restored"}


class BrokenOff(BaseHTTPRequestHandler):
    """A registry whose export ends after a chunk, as when its server is killed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the first record of an export, and break off."""
        self.send_response(200)
        self.send_header("Rapporteur-Position", "2.0123abcd")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        line = b'{"kind":"topic","id":"first","name":"First"}\n'
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_follower_keeps_nothing_of_an_export_that_is_broken_off(follower: Follower) -> None:
    server = HTTPServer(("127.0.0.1", 0), BrokenOff)
    server.asked = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever)
    thread.start()
    process = follower.start(Server(f"http://127.0.0.1:{server.server_port}"))
    try:
        while len(server.asked) < 3:  # type: ignore[attr-defined]
            assert process.poll() is None
        assert follower.records() == []
    finally:
        process.terminate()
        process.wait()
        server.shutdown()
        thread.join()
        server.server_close()


@slow
def test_a_follower_follows_while_others_write_and_the_server_is_killed(world: Database, follower: Follower) -> None:
    key = world.key()
    port, process = free_port(), None
    try:
        for round_ in range(2):
            with started(world.url, SERVE, ROOT, {}, port=port) as server:
                process = process or follower.start(server)
                for number in range(30):
                    body = {"name": f"Round {round_} number {number}"}
                    assert httpx2.post(f"{server}/v1/topics", json=body, headers=key).status_code == 201
                if round_ == 0:
                    server.process.kill()
                    server.process.wait()
                else:
                    wanted = exported(server)
                    while follower.records() != wanted:
                        assert process.poll() is None
    finally:
        if process is not None:
            process.terminate()
            process.wait()
