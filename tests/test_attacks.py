"""What stopped the server once, or made it say what is not so: sent again to a real process, with other inputs of its kind."""

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.db.engine import create_engine, writing
from app.logs import escaped
from app.main import create_app
from tests.conftest import Database, Fresh
from tests.depth import slow
from tests.serving import Server, served
from tests.test_errors import problem

SHORT = {
    "RAPPORTEUR_HEAD_SECONDS": "1",
    "RAPPORTEUR_IDLE_SECONDS": "1",
    "RAPPORTEUR_STALL_SECONDS": "1",
    "RAPPORTEUR_CONNECTIONS": "60",
    "RAPPORTEUR_REQUESTS_PER_MINUTE": "1000000",
    "RAPPORTEUR_WRITES_PER_MINUTE": "1000000",
}
WAIT_SECONDS = 30
"""For which a test waits for what must come; nothing is asserted of how long it took."""
GET = b"GET /healthz HTTP/1.1\r\nHost: registry\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def attacked(fresh: Fresh) -> Iterator[tuple[Database, Server]]:
    """A server with little patience, over a database with so much text that no system's buffers hold an export of it."""
    database = Database(fresh())
    database.seed()
    database.load(*(json.dumps({"kind": "topic", "id": f"long-{n}", "name": f"{n} " + "text " * 1_900}) for n in range(1_500)))
    with served(database.url, **SHORT) as server:
        yield database, server
    database.engine.dispose()


@pytest.fixture(scope="module")
def server(attacked: tuple[Database, Server]) -> Server:
    """The server alone."""
    return attacked[1]


@contextmanager
def connected(server: Server, *, buffer: int | None = None) -> Iterator[socket.socket]:
    """A connection; `buffer` bounds what the client's system takes of answers that nobody reads."""
    with socket.socket() as connection:
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(WAIT_SECONDS)
        connection.connect(("127.0.0.1", server.port))
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: str
    body: Any


def told(answer: bytes) -> Told:
    """The first answer in what came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return Told(int(head.split(b" ", 2)[1]), head.decode().lower(), json.loads(body) if b"json" in head else body)


def asked(server: Server, request: bytes) -> Told:
    """The answer to bytes that are sent as they are; the server closes, because they say so or because it refuses them."""
    with connected(server) as connection:
        connection.sendall(request)
        return told(all_of(connection))


def status_of(server: Server, path: str) -> int:
    """The status of an ordinary read."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


# -- the head of a request -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: registry\r\nX-Long: ", b"a" * 1_000),
        (b"GET /healthz HTTP/1.1\r\nHost: registry\r\n", b"a: b\r\n" * 200),
        (b"GET /healthz HTTP/1.1\r\nHost: registry\r\nAccept: ", b"text/a, " * 150),
        (b"GET /v1/meetings?q=", b"%D1%89" * 200),
        (b"POST /v1/import HTTP/1.1\r\nHost: registry\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a: b\r\n" * 200),
        (b"POST /v1/import HTTP/1.1\r\nHost: registry\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 1_000),
        (b"\r\n", b"\r\n" * 500),
        (GET[:-2] + b"X-Long: ", b"a" * 1_000),
    ],
    ids=["a header", "headers", "a list", "an address", "trailers", "a chunk's extension", "empty lines", "behind another"],
)
def test_a_head_has_so_many_bytes(server: Server, begins: bytes, goes_on: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(begins)
        sent = 0
        try:
            while sent < 20_000_000:
                connection.sendall(goes_on)
                sent += len(goes_on)
        except OSError:
            pass
        assert sent < 20_000_000, "nobody reads a head without end"
    refused = asked(server, begins + goes_on * (80_000 // len(goes_on)))
    assert refused.status in (431, 401), "without a key the body is refused before its end"
    if refused.status == 431:
        assert refused.body["code"] == "head_too_large"
        assert "65536 bytes" in refused.body["detail"]
    assert status_of(server, "/healthz") == 200


def test_a_head_of_just_so_many_bytes_is_read(server: Server) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nX-Long: "
    assert asked(server, head + b"a" * (65_536 - len(head) - 4) + b"\r\n\r\n").status == 200


@pytest.mark.parametrize("begun", [b"G", b"GET /healthz HTTP/1.1\r\nHost: reg", b"\r\n", GET + b"GET /heal"])
def test_a_head_must_be_whole_in_time(server: Server, begun: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(begun)
        answers = all_of(connection)
    assert b"HTTP/1.1 408 " in answers
    assert b'"code":"request_timeout"' in answers
    assert answers.startswith(b"HTTP/1.1 200") == begun.startswith(GET)


@pytest.mark.parametrize("before", [b"", GET])
def test_an_idle_connection_is_closed(server: Server, before: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(before)
        assert all_of(connection).count(b"HTTP/1.1 200") == bool(before)


def test_a_body_that_does_not_come_is_given_up(attacked: tuple[Database, Server]) -> None:
    database, server = attacked
    key = database.key(name="slow sender")["Authorization"].encode()
    head = b"POST /v1/topics HTTP/1.1\r\nHost: registry\r\nAuthorization: %b\r\nContent-Type: application/json\r\n"
    refused = asked(server, head % key + b'Content-Length: 1000\r\n\r\n{"name": ')
    assert (refused.status, refused.body["code"]) == (408, "request_timeout")


def test_connections_are_counted(server: Server) -> None:
    with connected(server) as one:
        others = [socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_SECONDS) for _ in range(70)]
        try:
            refused = told(all_of(others[-1]))
            assert (refused.status, refused.body["code"]) == (503, "unavailable")
            assert "retry-after" in refused.headers
            one.sendall(LAST)
            assert told(all_of(one)).status in (200, 408)
        finally:
            for each in others:
                each.close()


# -- requests that are sent before others are answered -----------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    paths = [f"/v1/nothing-{number}" for number in range(300)]
    requests = b"".join(f"GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n".encode() for path in paths)
    with connected(server) as connection:
        connection.sendall(requests + LAST)
        answers = all_of(connection)
    assert re.findall(rb'"instance":"([^"]+)"', answers) == [path.encode() for path in paths]
    assert answers.count(b"HTTP/1.1 404") == 300
    assert answers.count(b"HTTP/1.1 200") == 1


def test_what_is_refused_waits_for_the_answers_before_it(server: Server) -> None:
    read = b"GET /v1/topics?limit=200 HTTP/1.1\r\nHost: registry\r\n\r\n"
    for refused, status in ((b"NONSENSE\r\n\r\n", b"400"), (GET[:-2] + b"A: " + b"a" * 70_000, b"431")):
        with connected(server) as connection:
            connection.sendall(read + refused)
            answers = all_of(connection)
        assert [line[9:12] for line in re.findall(rb"HTTP/1\.1 \d\d\d", answers)] == [b"200", status]


@pytest.mark.parametrize("waiting", [1, 2, 3])
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"ZZ\r\n", b"400"), (b"1;" + b"a" * 70_000, b"431"), (b"0\r\nA: " + b"a" * 70_000, b"431"), (b"1\r\nxyz\r\n", b"400")],
    ids=["no size", "a long extension", "a long trailer", "a piece too long"],
)
def test_a_body_at_fault_is_refused_when_its_turn_comes(server: Server, waiting: int, body: bytes, status: bytes) -> None:
    post = b"POST /v1/topics HTTP/1.1\r\nHost: registry\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(GET * waiting + post + body)
        answers = all_of(connection)
    found = [line[9:12] for line in re.findall(rb"HTTP/1\.1 \d\d\d", answers)]
    assert found[:waiting] == [b"200"] * waiting
    assert found[waiting:] in ([status], [b"401"]), "the connection is closed with the last answer"


def test_requests_whose_answers_nobody_reads_stay_unread(server: Server) -> None:
    before = server.anonymous_memory
    with connected(server, buffer=4_096) as connection:
        connection.settimeout(1)
        sent = 0
        try:
            while sent < 200_000_000:
                sent += connection.send(GET * 1_000)
        except OSError:
            pass
        assert sent < 50_000_000, "the systems' buffers are full, and nobody reads on"
        assert server.anonymous_memory - before < 30
        assert status_of(server, "/healthz") == 200


# -- readers who do not read -------------------------------------------------------------------------------------------------


def test_streams_that_nobody_reads_end_and_others_have_their_turn(server: Server) -> None:
    with connected(server, buffer=4_096) as one, connected(server, buffer=4_096) as other:
        for connection in (one, other):
            connection.sendall(b"GET /v1/export HTTP/1.1\r\nHost: registry\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        until = time.monotonic() + WAIT_SECONDS
        while (status := exported(server)[0]) == 503 and time.monotonic() < until:
            time.sleep(0.2)
        assert status == 200
        # The place of one of them was enough; the other may still go on, and end well now that it is read.
        broken_off = [not all_of(connection).endswith(b"0\r\n\r\n") for connection in (one, other)]
        assert any(broken_off), "a stream that was broken off does not look whole"


def test_a_stream_ends_with_its_client_also_where_others_wait_behind_it(server: Server) -> None:
    for _ in range(6):  # as many as would hold all places for exports, if one of them went on
        with connected(server, buffer=4_096) as connection:
            connection.sendall(b"GET /v1/export HTTP/1.1\r\nHost: registry\r\n\r\n" + GET)
            assert connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 503")
    until = time.monotonic() + WAIT_SECONDS
    while (status := exported(server)[0]) == 503 and time.monotonic() < until:
        time.sleep(0.05)
    assert status == 200


def exported(server: Server) -> tuple[int, bytes]:
    """An export: its status and its end."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    connection.request("GET", "/v1/export")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body[-100:]


@slow
def test_an_export_that_takes_too_long_is_broken_off(attacked: tuple[Database, Server]) -> None:
    database, _ = attacked
    settings = {**SHORT, "RAPPORTEUR_EXPORT_SECONDS": "1", "RAPPORTEUR_STALL_SECONDS": "60"}
    with served(database.url, **settings) as server, connected(server, buffer=4_096) as connection:
        connection.sendall(b"GET /v1/export HTTP/1.1\r\nHost: registry\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
        time.sleep(2)
        assert not all_of(connection).endswith(b"0\r\n\r\n")


# -- hosts, prefixes, paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["registry", "registry"],
        ["registry", "other"],
        ["a b"],
        ['evil"><script>'],
        ["evil.example/path"],
        ["user@evil.example"],
        ["evil.example:port"],
        ["evil.example:123456"],
        [""],
        ["[::1"],
        ["-evil.example"],
    ],
)
def test_a_host_is_checked_for_its_form(server: Server, hosts: Sequence[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    answer = asked(server, f"GET /v1/topics?limit=1 HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    assert answer.status == 400
    assert [fault["header"] for fault in answer.body["errors"]] == ["Host"]
    assert "evil" not in answer.body["type"]


@pytest.mark.parametrize("host", ["registry", "Registry.Example.org:8000", "127.0.0.1:8000", "[::1]:8000", "a_b.example"])
def test_a_host_of_good_form_stands_in_links(server: Server, host: str) -> None:
    answer = asked(server, f"GET /v1/topics?limit=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.body["links"]["self"] == f"http://{host}/v1/topics?limit=1"


def test_http_1_0_may_leave_the_host_out(server: Server) -> None:
    answer = asked(server, b"GET /v1/topics?limit=1 HTTP/1.0\r\n\r\n")
    assert answer.body["links"]["self"] == f"{server}/v1/topics?limit=1"


def test_only_the_hosts_of_the_registry_are_answered(seeded: Database) -> None:
    settings = seeded.settings.__class__(database_url=seeded.url, allowed_hosts="registry.example, Other.example")
    with TestClient(create_app(settings), follow_redirects=False) as client:
        for host in ("registry.example", "OTHER.example:8000"):
            assert client.get("/v1/topics", headers={"host": host}).status_code == 200
        told = problem(client.get("/v1/topics", headers={"host": "evil.example"}), 400, "malformed")
        assert "'evil.example' is none of this registry's hosts" in told["detail"]
        forwarded = {"host": "registry.example", "x-forwarded-host": "evil.example"}
        with TestClient(create_app(settings), client=("127.0.0.1", 1)) as proxied:
            problem(proxied.get("/v1/topics", headers=forwarded), 400, "malformed")


@pytest.mark.parametrize("prefix", ["//evil.example", "/a//b", "/..", "/a/../b", "/.", "evil", "/a b", "/a?b", "/a\\b", "/%2e"])
def test_a_prefix_is_a_path_of_plain_segments(server: Server, prefix: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: registry\r\nX-Forwarded-Prefix: {prefix}\r\nConnection: close\r\n\r\n"
    answer = asked(server, request.encode())
    assert answer.status == 400
    assert [fault["header"] for fault in answer.body["errors"]] == ["X-Forwarded-Prefix"]
    assert "location:" not in answer.headers


def test_a_plain_prefix_stands_in_redirects(server: Server) -> None:
    request = (
        b"GET /v1/countries/by HTTP/1.1\r\nHost: registry\r\nX-Forwarded-Prefix: /the/registry/\r\nConnection: close\r\n\r\n"
    )
    answer = asked(server, request)
    assert answer.status == 308
    assert "location: /the/registry/v1/countries/by" in answer.headers


@pytest.mark.parametrize("path", ["/v1/countries%2FBY", "/v1%2fcountries", "/v1/countries/BY%2Fhistory", "/v1/records%2FBY"])
def test_an_escaped_slash_chooses_no_route(server: Server, path: str) -> None:
    answer = asked(server, f"GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, answer.body["code"], answer.body["instance"]) == (404, "not_found", path)


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\nWARNING rapporteur: forged", "\r", "\x9b1m", "\u202eabc", "\u2028", "\x00", "\x7f"]
)
def test_no_request_writes_a_line_of_its_own_into_the_log(text: str) -> None:
    shown = escaped(f"GET /{text}: why")
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    assert escaped("GET /связи: 中国 — why") == "GET /связи: 中国 — why"


def test_the_docs_page_brings_what_it_uses_and_nothing_else(client: TestClient) -> None:
    page = client.get("/docs").text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert name in page
        assert client.get(f"/docs/assets/{name}").status_code == 200
    for name in ("redoc.standalone.js", "favicon.png", ""):
        assert client.get(f"/docs/assets/{name}").status_code == 404


def test_an_upgrade_that_is_not_offered_is_not_made(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: registry\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    assert "websockets" not in server.log.read_text(encoding="utf-8")


# -- cursors, spreadsheets ---------------------------------------------------------------------------------------------------


def test_nonsense_in_a_cursor_of_search_is_told(client: TestClient) -> None:
    from app.reading import cursor as cursors

    first = client.get("/v1/search?q=meeting&limit=1").json()["page"]["next_cursor"]
    assert client.get(f"/v1/search?q=meeting&limit=1&cursor={first}").status_code == 200
    digest = first[:8]
    for nonsense in ("0", "-1", "1.5", "one", "", "²", "1" * 30, "01"):
        forged = cursors.encode([nonsense], digest)
        problem(client.get(f"/v1/search?q=meeting&limit=1&cursor={forged}"), 400, "cursor_invalid")


def test_cells_that_spreadsheets_run_can_be_made_safe(office: tuple[Database, TestClient]) -> None:
    database, client = office
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "a=1", "'=1"]
    database.load(*(json.dumps({"kind": "topic", "id": f"cell-{n}", "name": name}) for n, name in enumerate(names)))
    plain = client.get("/v1/topics?format=csv&fields=name&sort=id").text.splitlines()[1:]
    safe = client.get("/v1/topics?format=csv&fields=name&sort=id&csv_safe=true").text.splitlines()[1:]
    assert [line.partition(",")[2] for line in plain] == names
    assert [line.partition(",")[2] for line in safe] == [f"'{name}" if name[0] in "=+-@" else name for name in names]
    assert client.get("/v1/topics?csv_safe=true").json()["data"], "it says nothing of JSON"


# -- bodies and imports ------------------------------------------------------------------------------------------------------


BODIES = {
    "fields": '{"kind":"topic","id":"x","name":"X",' + ",".join(f'"f{n}":1' for n in range(60_000)) + "}",
    "objects": '{"kind":"topic","id":"x","name":"X","names":[' + "{}," * 200_000 + "{}]}",
    "fields of objects": '{"kind":"topic","id":"x","name":"X","names":['
    + ",".join("{" + ",".join(f'"f{n}":1' for n in range(100)) + "}" for _ in range(400))
    + "]}",
    "arrays": '{"kind":"topic","id":"x","name":' + "[[]," * 10_000 + "1" + "]" * 10_000 + "}",
    "a number": '{"kind":"topic","id":"x","name":"X","f":' + "1" * 5_000 + "}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_of_very_many_parts_is_told_in_a_few_words(office: tuple[Database, TestClient], body: str) -> None:
    database, client = office
    headers = {**database.key(name=f"parts {len(body)}"), "content-type": "application/json"}
    answer = client.post("/v1/topics", content=body.encode(), headers=headers)
    assert answer.status_code == 400
    assert len(answer.text) < 1_000
    assert "sys." not in answer.text
    headers["content-type"] = "application/x-ndjson"
    lines = problem(client.post("/v1/import", content=body.encode(), headers=headers), 422, "invalid")
    assert [fault["line"] for fault in lines["errors"]] == ["1"]


def test_a_text_may_hold_what_a_body_may_not(office: tuple[Database, TestClient]) -> None:
    database, client = office
    text = '":{[\\"' * 1_500
    headers = {**database.key(name="quotes"), "content-type": "application/json"}
    names = [{"language": "en", "type": "alias", "text": f"{place} {text}"} for place in range(20)]
    body = json.dumps({"id": "quotes", "name": "Quotes", "names": names})
    assert body.count(":") > 20_000
    assert client.post("/v1/topics", content=body.encode(), headers=headers).status_code == 201


def test_citations_that_come_with_a_record_are_counted(office: tuple[Database, TestClient]) -> None:
    database, client = office
    headers = database.key(name="citing")
    told = problem(
        client.post("/v1/topics", json={"id": "t", "name": "T", "citations": [{}] * 501}, headers=headers), 422, "invalid"
    )
    assert [fault["pointer"] for fault in told["errors"]] == ["/citations"]


def test_a_line_of_an_import_is_as_long_as_a_body(office: tuple[Database, TestClient]) -> None:
    database, client = office
    headers = {**database.key(name="long lines"), "content-type": "application/x-ndjson"}
    good = b'{"kind":"topic","id":"short","name":"Short"}\n'
    told = problem(
        client.post("/v1/import", content=good + b'{"a":"' + b"a" * 1_100_000 + b'"}', headers=headers),
        413,
        "payload_too_large",
    )
    assert told["detail"].startswith("line 2 is longer than 1048576 bytes")
    assert client.get("/v1/topics/short").status_code == 404


def lines(count: int) -> bytes:
    """An import of so many topics."""
    return b"".join(b'{"kind":"topic","id":"imported-%d","name":"Topic %d of many"}\n' % (n, n) for n in range(count))


def imported(server: Server, key: dict[str, str], body: bytes) -> Told:
    """The answer to an import."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    connection.request("POST", "/v1/import", body, {**key, "Content-Type": "application/x-ndjson"})
    answer = connection.getresponse()
    found = Told(answer.status, str(answer.headers).lower(), json.loads(answer.read()))
    connection.close()
    return found


@slow
def test_an_import_that_takes_too_long_writes_nothing(database: Database) -> None:
    key = database.key()
    settings = {**SHORT, "RAPPORTEUR_IMPORT_SECONDS": "1", "RAPPORTEUR_STALL_SECONDS": "60"}
    with served(database.url, **settings) as server:
        refused = imported(server, key, lines(50_000))
        assert (refused.status, refused.body["code"]) == (503, "unavailable")
        assert "longer than 1 s; nothing was written" in refused.body["detail"]
        assert "retry-after" in refused.headers
        assert imported(server, key, lines(10)).body["created"] == 10
    assert database.execute("SELECT count(*) FROM topics") == [(10,)]


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody else writes meanwhile."""
    engine = create_engine(database.url)
    with writing(engine, keep=False):
        yield
    engine.dispose()


@slow
def test_an_import_ends_with_its_client(database: Database) -> None:
    key = database.key()["Authorization"].encode()
    with served(database.url, **SHORT) as server:
        body = lines(1_000)
        head = b"POST /v1/import HTTP/1.1\r\nHost: registry\r\nAuthorization: %b\r\nContent-Type: application/x-ndjson\r\n"
        with locked(database), connected(server) as connection:
            connection.sendall(head % key + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(1)
            connection.close()
            time.sleep(0.5)
        assert (
            imported(server, {"Authorization": key.decode()}, lines(0) + b'{"kind":"topic","id":"next","name":"Next"}').status
            == 200
        )
    assert database.execute("SELECT id FROM topics") == [("next",)]


def test_bodies_that_are_held_at_once_are_counted(database: Database) -> None:
    key = database.key()
    with served(database.url, **SHORT, RAPPORTEUR_BODIES_LIMIT="1000") as server:
        refused = imported(server, key, lines(100))
        assert (refused.status, refused.body["code"]) == (503, "unavailable")
        assert "retry-after" in refused.headers
        for _ in range(3):
            assert imported(server, key, lines(5)).status == 200, "the room is given back"


# -- the end ---------------------------------------------------------------------------------------------------------------


def test_a_server_that_is_told_to_end_says_so_and_ends(attacked: tuple[Database, Server]) -> None:
    database, _ = attacked
    key = database.key(name="at the end")
    settings = {**SHORT, "RAPPORTEUR_STOP_SECONDS": "3", "RAPPORTEUR_STALL_SECONDS": "60", "RAPPORTEUR_WRITE_PATIENCE": "60"}
    with served(database.url, **settings) as server, connected(server, buffer=4_096) as reader, locked(database):
        reader.sendall(b"GET /v1/export HTTP/1.1\r\nHost: registry\r\n\r\n")
        assert reader.recv(12) == b"HTTP/1.1 200"
        answers: list[Told] = []
        importing = threading.Thread(target=lambda: answers.append(imported(server, key, lines(1_000))))
        importing.start()
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        while (status := status_of(server, "/readyz")) == 200:
            time.sleep(0.01)
        assert status == 503
        assert status_of(server, "/healthz") == 200, "others are answered until the balancer has turned away"
        importing.join(WAIT_SECONDS)
        server.process.wait(WAIT_SECONDS)
        assert not all_of(reader).endswith(b"0\r\n\r\n")
    assert [answer.status for answer in answers] == [503], "it waited for the lock, and is told that nothing was done"
    assert database.execute("SELECT count(*) FROM topics WHERE id LIKE 'imported-%'") == [(0,)]


def test_a_file_that_is_made_is_for_its_account_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    engine.dispose()
    assert (tmp_path / "made.db").stat().st_mode & 0o777 == 0o600


# -- what a second reader found ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["accept-language", "accept", "accept-encoding", "if-none-match"])
@pytest.mark.parametrize("part", ["a-", "a,", "a;q=1,", "*-", '"a",', "zh-Hans-CN-x-", "q=", "-"])
def test_a_header_of_very_many_parts_is_read_in_passing(client: TestClient, header: str, part: str) -> None:
    """What is made of it stands in what is remembered: it must not be a list of all that it could mean."""
    value = ("ru," if header == "accept-language" else "*/*,") + part * (60_000 // len(part))
    answer = client.get("/v1/countries/BY?fields=name", headers={header: value})
    assert answer.status_code == 200
    if header == "accept-language":
        assert answer.json()["name"] == "Беларусь"


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "body behind"])
def test_a_body_behind_an_upgrade_is_a_body(attacked: tuple[Database, Server], apart: bool) -> None:  # noqa: FBT001
    database, server = attacked
    key = database.key(name=f"upgrades {apart}")["Authorization"].encode()
    body = b'{"id": "upgraded-%d", "name": "GET /v1/topics HTTP/1.1"}' % apart
    head = b"POST /v1/topics HTTP/1.1\r\nHost: registry\r\n%bAuthorization: %b\r\nContent-Type: application/json\r\n"
    with connected(server) as connection:
        connection.sendall(head % (UPGRADE, key) + b"Content-Length: %d\r\n\r\n" % len(body) + (b"" if apart else body + LAST))
        if apart:
            time.sleep(0.1)
            connection.sendall(body + LAST)
        answers = all_of(connection)
    assert re.findall(rb"HTTP/1\.1 (\d\d\d)", answers) == [b"201", b"200"]
    assert answers.count(b"location: /v1/topics/upgraded-") == 1


def test_what_stands_in_a_body_is_never_a_request(server: Server) -> None:
    inner = b"GET /v1/topics/x HTTP/1.1\r\nHost: registry\r\n\r\n"
    for path in (b"/healthz", b"/v1/search?q=a"):
        head = b"GET %b HTTP/1.1\r\nHost: registry\r\n%bContent-Length: %d\r\n\r\n" % (path, UPGRADE, len(inner))
        with connected(server) as connection:
            connection.sendall(head)
            time.sleep(0.1)
            connection.sendall(inner)
            assert all_of(connection).count(b"HTTP/1.1 ") == 1


def test_connect_is_refused(server: Server) -> None:
    assert asked(server, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n").status == 400


def test_a_request_whose_body_comes_later_waits_behind_another(attacked: tuple[Database, Server]) -> None:
    database, server = attacked
    key = database.key(name="pipelines")["Authorization"].encode()
    body = b'{"id": "pipelined", "name": "Pipelined"}'
    head = b"POST /v1/topics HTTP/1.1\r\nHost: registry\r\nAuthorization: %b\r\nContent-Type: application/json\r\n"
    with connected(server) as connection:
        connection.sendall(GET + head % key + b"Content-Length: %d\r\n\r\n" % len(body))
        time.sleep(0.1)
        connection.sendall(body + LAST)
        answers = all_of(connection)
    assert re.findall(rb"HTTP/1\.1 (\d\d\d)", answers) == [b"200", b"201", b"200"]


@slow
def test_a_slow_reader_who_is_fast_enough_has_all_of_it(attacked: tuple[Database, Server]) -> None:
    """The system takes what is sent in steps of hundreds of kB: its own acknowledgements count, not these steps."""
    database, _ = attacked
    with served(database.url, **SHORT) as server, connected(server, buffer=65_536) as connection:
        connection.sendall(b"GET /v1/export HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n")
        for _ in range(30):  # 6 seconds at some 300 kB/s; on loopback, the system acknowledges in steps of 100 kB
            assert connection.recv(65_536)
            time.sleep(0.2)
        assert all_of(connection).endswith(b"0\r\n\r\n")


def test_what_is_no_address_is_not_counted_by_itself() -> None:
    from app.http.limits import MOST_CLIENTS, Limit, client_of

    assert client_of({"client": ("x" * 60_000, 1)}) == client_of({"client": ("y" * 60_000, 1)})
    limit = Limit("requests", 10)
    for number in range(MOST_CLIENTS + 10):
        limit.count({}, f"client {number}")
    assert len(limit._counts) <= MOST_CLIENTS


@pytest.mark.parametrize(
    "q", ["O'Brien'in", "o'brien'in*", "〵", "a〵", "\\", "'", '"\'"', "a'b'c", "Türkiye'nin", "O’Neill’ın", "\\'"]
)
def test_quotes_and_strokes_are_letters_like_any(client: TestClient, q: str) -> None:
    for path in ("search", "suggest", "topics", "meetings"):
        needs_letters = path in ("topics", "meetings") and not any(letter.isalnum() for letter in q)
        assert client.get(f"/v1/{path}", params={"q": q}).status_code == (422 if needs_letters else 200), path


def test_a_name_with_quotes_and_strokes_is_found(office: tuple[Database, TestClient]) -> None:
    database, client = office
    names = ["O'Brien'in 〵 \\'x'\\", "〵〵", "a\\b'c"]
    database.load(*(json.dumps({"kind": "person", "id": f"quoted-{n}", "name": name}) for n, name in enumerate(names)))
    assert client.get("/v1/search", params={"q": "O'Brien'in"}).json()["data"][0]["id"] == "quoted-0"
    assert database.disagreements() == []


def test_records_below_a_long_chain_are_checked_by_few_questions(office: tuple[Database, TestClient]) -> None:
    database, _ = office
    chain = [
        {"kind": "topic", "id": f"chain-{n}", "name": f"C {n}", **({"broader": f"chain-{n - 1}"} if n else {})}
        for n in range(49)
    ]
    database.load(*map(json.dumps, chain))
    below = [json.dumps({"kind": "topic", "id": f"below-{n}", "name": f"B {n}", "broader": "chain-47"}) for n in range(500)]
    asked_: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *given: asked_.append(given[2]))
    try:
        database.load(*below)
    finally:
        database.engine.dispose()
    assert sum("broader_id" in statement and "SELECT topics.broader_id" in statement for statement in asked_) <= 60


def test_a_merge_of_very_many_links_asks_few_questions(office: tuple[Database, TestClient]) -> None:
    database, client = office
    records: list[dict[str, Any]] = [{"kind": "organization", "id": name, "name": name} for name in ("gone", "stays")]
    records += [{"kind": "organization", "id": f"member-{n}", "name": f"Member {n}"} for n in range(300)]
    records += [{"kind": "membership", "of": "gone", "member": f"member-{n}", "status": "full"} for n in range(300)]
    records += [{"kind": "membership", "of": "stays", "member": f"member-{n}", "status": "full"} for n in range(150)]
    database.load(*map(json.dumps, records))
    answer = client.post("/v1/organizations/gone/merge", json={"into": "stays"}, headers=database.key(name="merges"))
    assert answer.status_code == 200, answer.text
    assert client.get("/v1/memberships?of=stays&count=true&limit=1").json()["page"]["total"] == 300
    assert database.disagreements() == []


def test_answers_of_very_long_records_end_within_a_page(office: tuple[Database, TestClient]) -> None:
    database, client = office
    names = [{"language": "en", "type": "alias", "text": f"{n} " + "x" * 9_900} for n in range(95)]
    long = (json.dumps({"kind": "topic", "id": f"huge-{n}", "name": f"Huge {n}", "names": names}) for n in range(20))
    database.load(*long)
    address, found = "/v1/topics?q=huge&limit=100&fields=id,names&sort=id", []
    while address:
        answer = client.get(address)
        assert len(answer.content) < 9_000_000
        found += [record["id"] for record in answer.json()["data"]]
        address = answer.json()["links"]["next"]
    assert found == sorted({f"huge-{n}" for n in range(20)})
    page = client.get("/v1/changes?limit=1000&kind=topic").json()
    assert page["page"]["more"]
    assert len(page["data"]) < 1_000
    followed = client.get(page["links"]["next"]).json()["data"]
    assert followed[0]["seq"] > page["data"][-1]["seq"]
    ids = ",".join(f"huge-{n}" for n in range(20))
    problem(client.get(f"/v1/records?ids={ids}"), 422, "invalid")
    assert len(client.get("/v1/records?ids=huge-1,huge-2").json()["data"]) == 2
    exported = [line for line in client.get("/v1/export").text.splitlines() if '"huge-' in line]
    assert len(exported) == 20
    assert len(client.get("/v1/topics?q=huge&format=ndjson&include=names").text.splitlines()) == 20


@pytest.mark.parametrize("sort", ["updated_at", "-created_at"])
def test_nonsense_in_a_cursor_of_a_list_is_told(client: TestClient, sort: str) -> None:
    from app.reading import cursor as cursors

    first = client.get(f"/v1/topics?limit=1&sort={sort}").json()["page"]["next_cursor"]
    for nonsense in ("yesterday", "", "2025", "9" * 50):
        forged = cursors.encode([nonsense, "x"], first[:8])
        problem(client.get(f"/v1/topics?limit=1&sort={sort}&cursor={forged}"), 400, "cursor_invalid")


@slow
def test_workers_end_with_the_process_that_began_them(seeded: Database) -> None:
    with served(seeded.url, **SHORT, RAPPORTEUR_WORKERS="2") as server:
        server.process.kill()
        server.process.wait()
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                status_of(server, "/readyz")
            except OSError:
                break
            time.sleep(0.2)
        else:
            raise AssertionError("somebody still holds the port")
