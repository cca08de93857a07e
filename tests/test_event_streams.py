"""Streams of changes of a real server: what they say, from where they go on, how they end, and what they cost others."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Any

import httpx2
import pytest

from app.http.streams import PIECE_ROWS
from app.settings import ROOT
from tests.conftest import Database, Fresh
from tests.depth import slow
from tests.postgres import free_port
from tests.serving import SERVE, Server, served, started
from tests.streaming import WAIT_SECONDS, Event, opened, request, stream

FOLLOWERS = ROOT / "docs" / "followers"
OFTEN = {"RAPPORTEUR_STREAM_COMMENT_SECONDS": "1", "RAPPORTEUR_STALL_SECONDS": "1"}
UNLIMITED = {"RAPPORTEUR_REQUESTS_PER_MINUTE": "10000000", "RAPPORTEUR_WRITES_PER_MINUTE": "10000000"}


class Registry:
    """A server over a database, and a key to write."""

    def __init__(self, database: Database, server: Server) -> None:
        self.database = database
        self.server = server
        self.key = database.key(name=f"writer of {server}")

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Read."""
        return httpx2.get(f"{self.server}{path}", timeout=WAIT_SECONDS, **options)

    def make(self, name: str, kind: str = "topics", **content: Any) -> str:
        """Create a record, and return its id."""
        made = httpx2.post(f"{self.server}/v1/{kind}", json={"name": name, **content}, headers=self.key, timeout=WAIT_SECONDS)
        assert made.status_code == 201, made.text
        found: str = made.json()["id"]
        return found

    def end(self) -> str:
        """The position of the end of the log."""
        found: str = self.get("/v1/").json()["last_change"]["position"]
        return found

    def entries(self, after: str) -> list[Any]:
        """The entries of the log after a position."""
        found: list[Any] = self.get(f"/v1/changes?limit=1000&after={after}").json()["data"]
        return found


@pytest.fixture(scope="module")
def registry(fresh: Fresh) -> Iterator[Registry]:
    database = Database(fresh())
    database.load('{"kind":"topic","id":"ict","name":"ICT"}', '{"kind":"topic","id":"ai","name":"AI","broader":"ict"}')
    with served(database.url, **OFTEN, **UNLIMITED) as server:
        yield Registry(database, server)
    database.engine.dispose()


def as_events(entries: list[Any]) -> list[Event]:
    """What a stream has to say of these entries."""
    return [Event(entry["position"], entry["operation"], entry) for entry in entries]


# -- what a stream says ----------------------------------------------------------------------------------------------------


def test_a_stream_begins_at_the_end_of_the_log_and_goes_on(registry: Registry) -> None:
    end = registry.end()
    with stream(registry.server) as opened_stream:
        assert opened_stream.status == 200
        assert opened_stream.beginning() == ["retry: 2000", f"id: {end}"]
        made = registry.make("First")
        (created,) = opened_stream.events(1)
        patched = httpx2.patch(
            f"{registry.server}/v1/topics/{made}", json={"name": "Début"}, headers={**registry.key, "If-Match": "*"}
        )
        assert patched.status_code == 200
        gone = httpx2.delete(f"{registry.server}/v1/topics/{made}", headers={**registry.key, "If-Match": "*"})
        assert gone.status_code == 204
        found = [created, *opened_stream.events(2)]
    assert [event.operation for event in found] == ["create", "patch", "delete"]
    assert found == as_events(registry.entries(end))


def test_its_headers_let_events_through_at_once(registry: Registry) -> None:
    with stream(registry.server, Accept_Encoding="gzip") as opened_stream:
        told = opened_stream.headers
        assert told["content-type"] == "text/event-stream"
        assert told["cache-control"] == "no-store"
        assert told["x-accel-buffering"] == "no"
        assert told["access-control-allow-origin"] == "*"
        assert "content-encoding" not in told
        assert "content-length" not in told
        assert "etag" not in told
        assert opened_stream.beginning()[0] == "retry: 2000", "it is not compressed"


def test_format_asks_for_a_stream_as_accept_does(registry: Registry) -> None:
    with stream(registry.server, "/v1/changes?format=events", Accept="text/html") as opened_stream:
        assert opened_stream.headers["content-type"] == "text/event-stream"


def test_a_head_has_the_headers_alone(registry: Registry) -> None:
    with socket.create_connection(("127.0.0.1", registry.server.port), WAIT_SECONDS) as connection:
        connection.sendall(request("/v1/changes", "HEAD", Connection="close"))
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/event-stream" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("by_number", [False, True])
def test_it_goes_on_behind_the_last_event(registry: Registry, by_number: bool) -> None:  # noqa: FBT001
    start = registry.end()
    for number in range(3):
        registry.make(f"Missed {number}")
    missed = registry.entries(start)
    last, *_ = missed
    last_id = str(last["seq"]) if by_number else last["position"]
    with stream(registry.server, f"/v1/changes?after={start}", Last_Event_ID=last_id) as again:
        assert again.beginning()[-1] == f"id: {last['position']}"
        assert again.events(2) == as_events(missed[1:]), "Last-Event-ID goes before `after`"
    with stream(registry.server, f"/v1/changes?after={start}", Last_Event_ID="") as from_after:
        assert from_after.events(3) == as_events(missed)


def test_a_long_log_comes_as_a_whole_and_goes_on(registry: Registry) -> None:
    count = 3 * PIECE_ROWS + 7
    start = registry.end()
    registry.database.load(*(f'{{"kind":"topic","id":"many-{n}","name":"Many {n}"}}' for n in range(count)))
    with stream(registry.server, f"/v1/changes?after={start}") as opened_stream:
        assert opened_stream.events(count) == as_events(registry.entries(start))
        registry.make("After all that")
        assert opened_stream.events(1)[0].data["state"]["name"] == "After all that"


def test_a_transaction_comes_together(registry: Registry) -> None:
    """Even one that is longer than what is read at once: nothing of another one comes in between."""
    sizes = (5, PIECE_ROWS - 3, PIECE_ROWS + 40, 2)
    with stream(registry.server) as opened_stream:
        opened_stream.beginning()
        for size in sizes:
            registry.database.load(
                *(f'{{"kind":"topic","id":"of-{size}-{n}","name":"Together {size} {n}"}}' for n in range(size))
            )
        found = opened_stream.events(sum(sizes))
    transactions = [event.data["transaction"] for event in found]
    assert [transactions.count(each) for each in dict.fromkeys(transactions)] == list(sizes)
    assert transactions == [each for each in dict.fromkeys(transactions) for _ in range(transactions.count(each))]


def test_filters_apply(registry: Registry) -> None:
    registry.make("Talks", "meetings", id="talks", date="2024", topics=["ai"])
    start = registry.end()
    expected = {
        "kind=person": {"ann"},
        "of=talks": {"talks", "p1", "c1"},
        "topic=ict": {"talks", "p1", "c1"},
        "topic=ict&kind=citation": {"c1"},
        "kind=series": {"the-last"},
    }
    with ExitStack() as stack:
        live = {query: stack.enter_context(stream(registry.server, f"/v1/changes?{query}")) for query in expected}
        assert {each.status for each in live.values()} == {200}
        registry.make("Ann Person", "people", id="ann")
        registry.database.load(
            '{"kind":"source","id":"page","title":"Page","publisher":"Office"}',
            '{"kind":"participant","id":"p1","meeting":"talks","person":"ann","role":"speaker"}',
            '{"kind":"citation","id":"c1","record":"talks","source":"page","paragraph":1,"quote":"here","confidence":"stated"}',
        )
        registry.make("Nothing to do with it")
        registry.make("The last", "series", id="the-last")
        for query, ids in expected.items():
            pages = registry.get(f"/v1/changes?{query}&after={start}").json()["data"]
            assert {entry["id"] for entry in pages} == ids, "a citation is a new version of what it supports, too"
            assert live[query].events(len(pages)) == as_events(pages), query


def test_comments_keep_a_stream_open_and_tell_how_far_it_is(registry: Registry) -> None:
    """The server cuts off who takes nothing for a second; a stream without news outlives that, and its client knows the end."""
    with stream(registry.server, "/v1/changes?kind=series") as opened_stream:
        opened_stream.beginning()
        registry.make("Of another kind")
        end = registry.end()
        lines = opened_stream.lines()
        while next(lines) != f"id: {end}":
            assert not opened_stream.is_broken_off
        before = opened_stream.comments
        while opened_stream.comments < before + 3:
            assert next(lines) in ("", ":")
    assert registry.get("/readyz").status_code == 200


# -- what it refuses -------------------------------------------------------------------------------------------------------


def test_a_position_that_the_log_does_not_have_is_410_before_the_stream_begins(registry: Registry) -> None:
    for path, last_id in (
        ("/v1/changes?after=999999", ""),
        ("/v1/changes?after=1.00000000", ""),
        ("/v1/changes", "1.00000000"),
        ("/v1/changes?after=0", "999999"),
    ):
        with stream(registry.server, path, Last_Event_ID=last_id) as refused:
            assert (refused.status, refused.json()["code"]) == (410, "position_unknown")


def test_what_is_no_position_is_422(registry: Registry) -> None:
    for last_id in ("x", "-1", "1.2", "9223372036854775808", "end"):
        with stream(registry.server, Last_Event_ID=last_id) as refused:
            told = refused.json()
            assert (refused.status, told["code"]) == (422, "invalid")
            assert [fault["header"] for fault in told["errors"]] == ["Last-Event-ID"]
    for query, parameters in (("limit=5", {"limit"}), ("wait=3&before=end", {"wait", "before"}), ("of=nobody", {"of"})):
        with stream(registry.server, f"/v1/changes?{query}") as refused:
            assert refused.status == 422
            assert {fault["parameter"] for fault in refused.json()["errors"]} == parameters


def test_only_so_many_are_open_at_once(database: Database) -> None:
    with served(database.url, RAPPORTEUR_STREAMS="3", **UNLIMITED) as server, ExitStack() as stack:
        registry = Registry(database, server)
        registry.make("First")
        end = registry.end()
        several = [stack.enter_context(stream(server)) for _ in range(2)]

        def wait() -> httpx2.Response:
            """Wait for a change, as soon as there is a place."""
            while (answer := registry.get(f"/v1/changes?after={end}&wait=60")).status_code == 503:
                assert int(answer.headers["retry-after"]) > 0
            return answer

        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(wait)
            status = 200
            while status == 200:  # until the request that waits has the third place
                with stream(server) as refused:
                    status = refused.status
                    told = refused.json() if status == 503 else {}
            assert (status, told["code"]) == (503, "unavailable")
            assert int(refused.headers["retry-after"]) > 0
            assert registry.get("/v1/changes?wait=60").json()["data"], "who need not wait takes no place"
            assert registry.get(f"/v1/changes?after={end}").status_code == 200
            assert not waiting.done()
            registry.make("Second")
            assert len(waiting.result(WAIT_SECONDS).json()["data"]) == 1
        with stream(server) as third:
            assert third.status == 200, "the place of the request that waited is free"
            assert several[0].events(1)[0].data["state"]["name"] == "Second"
            several[1].close()
            _place_is_free(server)


def _place_is_free(server: Server) -> None:
    """Wait until a stream can be opened."""
    status = 503
    while status != 200:
        with stream(server) as another:
            status = another.status


def test_a_hundred_and_first_is_refused(registry: Registry) -> None:
    with ExitStack() as stack:
        statuses = [stack.enter_context(stream(registry.server)).status for _ in range(101)]
    assert statuses == [200] * 100 + [503]
    _place_is_free(registry.server)


# -- those who do not read -------------------------------------------------------------------------------------------------


def _fill(database: Database) -> None:
    """Make a log that is longer than what the buffers of any system hold."""
    database.execute(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500) INSERT INTO changes"
        ' (record_id, kind, operation, version, at, author, "transaction", state, digest)'
        " SELECT 'long', 'topic', 'replace', n, '2026-01-01T00:00:00.000000Z', 'test', 'one', :state, '0123abcd' FROM numbers",
        state=json.dumps({"kind": "topic", "id": "long", "name": "text " * 1_900}),
    )


@slow
def test_who_does_not_read_stalls_nobody_and_is_cut_off(database: Database) -> None:
    """So much is to be sent that no system's buffers hold it. Others are answered meanwhile, also by streams."""
    _fill(database)
    settings = {"RAPPORTEUR_STALL_SECONDS": "3", "RAPPORTEUR_STREAMS": "3"}
    with served(database.url, **settings, **UNLIMITED) as server, stream(server) as reader:
        registry = Registry(database, server)
        reader.beginning()
        stalled = [opened(server, "/v1/changes?after=0", buffer=4_096) for _ in range(2)]
        before = server.anonymous_memory
        for number in range(20):
            registry.make(f"Meanwhile {number}")
            assert reader.events(1)[0].data["state"]["name"] == f"Meanwhile {number}"
        assert server.anonymous_memory - before < 30
        _place_is_free(server)
        for each in stalled:
            assert each.events()[:3], "what its system had taken"
            assert each.is_broken_off
            each.close()
        assert registry.get("/readyz").status_code == 200


# -- ends ------------------------------------------------------------------------------------------------------------------


def test_a_stream_ends_when_the_log_is_replaced(database: Database) -> None:
    database.load('{"kind":"topic","id":"ict","name":"ICT"}', '{"kind":"topic","id":"ai","name":"AI"}')
    with served(database.url) as server, stream(server) as opened_stream, ThreadPoolExecutor(1) as thread:
        registry = Registry(database, server)
        opened_stream.beginning()
        end = registry.end()
        waiting = thread.submit(registry.get, f"/v1/changes?after={end}&wait=60")
        # What a restore by any means comes to: other changes stand at the same places.
        database.execute("UPDATE changes SET digest = '00000000'")
        database.load('{"kind":"topic","id":"after","name":"After"}')
        assert opened_stream.events() == []
        assert opened_stream.has_ended, "as a whole, so that the client reconnects at once"
        answer = waiting.result(WAIT_SECONDS)
        assert (answer.status_code, answer.json()["code"]) == (410, "position_unknown")
        with stream(server, Last_Event_ID=opened_stream.last_id) as again:
            assert (again.status, again.json()["code"]) == (410, "position_unknown")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=slow)])
def test_fifty_streams_end_with_the_server(database: Database, number: signal.Signals) -> None:
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    with served(database.url) as server, ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        registry = Registry(database, server)
        several = [stack.enter_context(stream(server, f"/v1/changes?{'kind=topic' if n % 2 else ''}")) for n in range(50)]
        for each in several:
            each.beginning()
        end = registry.end()
        waiting = [threads.submit(registry.get, f"/v1/changes?after={end}&wait=60") for _ in range(3)]
        while registry.get("/v1/changes?after=1").json()["data"]:
            pass
        time.sleep(0.5)  # so that the requests are waiting; if they came later, they would be answered at once
        server.process.send_signal(number)
        assert [each.events() for each in several] == [[]] * 50
        assert all(each.has_ended for each in several), "each as a whole"
        assert {each.headers.get("connection", "keep-alive") for each in several} == {"keep-alive"}
        pages = [each.result(WAIT_SECONDS) for each in waiting]
        assert [(page.status_code, page.json()["data"], page.json()["page"]["position"]) for page in pages] == [
            (200, [], end)
        ] * 3
        assert server.process.wait(WAIT_SECONDS) in (0, 1, -number)
        log = server.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "ERROR" not in log
    assert "WARNING" not in log
    assert "Cancel" not in log


def test_who_does_not_read_does_not_keep_the_server_from_ending(database: Database) -> None:
    _fill(database)
    with served(database.url) as server:
        stalled = opened(server, "/v1/changes?after=0", buffer=4_096)
        stalled.events(3)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(WAIT_SECONDS) in (0, 1, -signal.SIGINT)
        log = server.log.read_text(encoding="utf-8")
        stalled.events()
        assert stalled.is_broken_off
        stalled.close()
    assert "Traceback" not in log
    assert "ERROR" not in log
    assert "did not end" not in log


def test_a_client_that_is_gone_leaves_its_place(registry: Registry) -> None:
    for _ in range(150):
        with stream(registry.server) as opened_stream:
            status = opened_stream.status
        if status == 503:
            _place_is_free(registry.server)
    assert registry.get("/readyz").status_code == 200


# -- restarts --------------------------------------------------------------------------------------------------------------

WRITERS, CHANGES = 8, 2_000


@slow
def test_a_follower_has_each_change_once_through_restarts(database: Database) -> None:
    """The program of `docs/followers` sees 2,000 changes of 8 writers, while the server is once ended and once killed."""
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    port, key = free_port(), database.key()
    address = f"http://127.0.0.1:{port}"
    written = Counter[int]()

    def write(writer: int) -> None:
        """Write, and write again what was not answered: what is there already makes no change."""
        with httpx2.Client(headers=key, timeout=WAIT_SECONDS) as client:
            for number in range(CHANGES // WRITERS):
                path, body = f"/v1/topics/t-{writer}-{number}", {"name": f"Topic {writer} {number}"}
                status = 0
                while status not in (200, 201):
                    with suppress(httpx2.TransportError):
                        answer = client.put(f"{address}{path}?upsert=true", json=body)
                        status = answer.status_code
                        assert status in (200, 201, 503), answer.text
                written[writer] += 1

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        for restart in range(3):
            with started(database.url, SERVE, ROOT, UNLIMITED, port=port) as server:
                if restart == 0:
                    command = [sys.executable, str(FOLLOWERS / "stream.py"), address, "0"]
                    follower = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    seen = threads.submit(_seqs, follower, CHANGES + 1)
                    writing = [threads.submit(write, writer) for writer in range(WRITERS)]
                while written.total() < CHANGES * (restart + 1) // 3:
                    assert not any(each.done() and each.exception() for each in writing)
                    time.sleep(0.01)
                if restart == 1:
                    server.process.kill()
                if restart == 2:
                    found = seen.result(WAIT_SECONDS)
                    follower.terminate()
                    follower.wait()
    assert found == [seq for (seq,) in database.execute("SELECT seq FROM changes ORDER BY seq")]
    assert len(found) == CHANGES + 1
    assert {name for (name,) in database.execute("SELECT name FROM topics")} == {"ICT"} | {
        f"Topic {writer} {number}" for writer in range(WRITERS) for number in range(CHANGES // WRITERS)
    }


def _seqs(follower: "subprocess.Popen[bytes]", count: int) -> list[object]:
    """The numbers of the changes that a follower prints, until it has printed so many."""
    assert follower.stdout is not None
    return [json.loads(line)["seq"] for line in islice(follower.stdout, count)]
