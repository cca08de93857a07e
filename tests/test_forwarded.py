"""Behind a proxy: every address in an answer is the one by which the client reaches it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.http.openapi.document import QUESTIONS
from app.main import create_app
from tests.conftest import Database, Fresh

PREFIX = "/ict/archive"
FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.example", "X-Forwarded-Prefix": PREFIX}
ORIGIN = "https://registry.example"
MORE_THAN_SHOWN = 205
"""How many participants of a meeting: more than `include` embeds."""


class Behind:
    """A registry behind a proxy that is trusted, and a key to write to it."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.key = database.key()

    def ask(self, method: str, path: str, *, body: Any = None, **headers: str) -> Any:
        """Send a request as the proxy does, which takes the prefix away."""
        return self.client.request(method, path, json=body, headers={**FORWARDED, **headers})


@pytest.fixture(scope="module")
def behind(fresh: Fresh) -> Iterator[Behind]:
    database = Database(fresh())
    database.seed()
    settings = replace(database.settings, trusted_proxies="*")
    people, rows = [], []
    for number in range(MORE_THAN_SHOWN):
        person = f"person-{number}"
        people.append(json.dumps({"kind": "person", "id": person, "name": f"Person {number}"}))
        rows.append(json.dumps({"kind": "participant", "meeting": "big", "person": person, "role": "participant"}))
    database.load('{"kind":"meeting","id":"big","name":"A big meeting"}', *people, *rows)
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False) as client:
        yield Behind(database, client)
    database.engine.dispose()


def addresses(text: str) -> list[str]:
    """All addresses of the registry in a text, with what stands before their path."""
    return re.findall(r"[\w.:/-]*/(?:v1|docs)\b[^\s\"'`)<>\\,;]*", text)


def require_prefixed(text: str) -> list[str]:
    """All addresses of the registry in a text. Each has the prefix once, and the host and the scheme if it has a host."""
    found = addresses(text)
    for address in found:
        assert re.match(rf"(?:{ORIGIN})?{PREFIX}/(?:v1|docs)\b", address), address
        assert address.count(PREFIX) == 1, address
    return found


READ = [
    "/v1/",
    "/v1/meetings?limit=1",
    "/v1/meetings?limit=1&count=true&lang=ru",
    "/v1/search?q=sco&limit=1",
    "/v1/changes?limit=1",
    "/v1/quality",
    "/v1/meetings/sco-ict-2025/history?limit=1",
    "/v1/meetings/big?include=participants",
    "/v1/meetings?format=csv&csv_address=true&fields=name",
    "/v1/meetings?format=ndjson&include=participants&q=big",
]


@pytest.mark.parametrize("path", READ)
def test_addresses_in_what_is_read(behind: Behind, path: str) -> None:
    answer = behind.ask("GET", path)
    assert answer.status_code == 200
    found = require_prefixed(answer.text) + require_prefixed(answer.headers.get("link", ""))
    assert found
    for address in found[:20]:
        within = address.removeprefix(ORIGIN).removeprefix(PREFIX)
        expected = 422 if within == "/v1/records" else 200  # needs `ids`
        assert behind.ask("GET", within).status_code == expected, address


def test_what_is_past_an_include_is_found(behind: Behind) -> None:
    """One record, a list, and the answers to writes lead to all of the related records."""
    where = f"{PREFIX}/v1/participants?meeting=big"
    one = behind.ask("GET", "/v1/meetings/big?include=participants")
    assert one.json()["participants_more"] == where
    assert behind.ask("GET", "/v1/meetings?q=big+meeting&include=participants").json()["data"][0]["participants_more"] == where
    for dry in ("false", "true"):
        tag = behind.ask("GET", "/v1/meetings/big").headers["etag"]
        headers = {**behind.key, "If-Match": tag, "Content-Type": "application/merge-patch+json"}
        path = f"/v1/meetings/big?include=participants&dry_run={dry}"
        written = behind.ask("PATCH", path, body={"venue": f"Hall {dry}"}, **headers)
        assert written.status_code == 200
        assert written.json()["participants_more"] == where
    without = behind.client.get("/v1/meetings/big?include=participants").json()
    assert without["participants_more"] == "/v1/participants?meeting=big"
    assert behind.ask("GET", "/v1/meetings/big?include=participants").json()["participants_more"] == where


REFUSED = [
    ("GET", "/v1/meetings/nothing", 404),
    ("GET", "/v1/meetings/sco", 404),
    ("GET", "/v1/records/nothing?lang=ru", 404),
    ("GET", "/v1/organizations/identifier/No Scheme/1", 404),
    ("GET", "/v1/nothing", 404),
    ("GET", "/nothing", 404),
    ("GET", "/docs/nothing?x=1", 404),
    ("GET", "/v1/meetings?x=1", 422),
    ("GET", "/v1/meetings?q=%FF", 400),
    ("GET", "/v1/changes?after=999999", 410),
    ("POST", "/v1/meetings", 401),
    ("PUT", "/v1/meetings", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), REFUSED)
def test_addresses_in_problems(behind: Behind, method: str, path: str, status: int) -> None:
    answer = behind.ask(method, path)
    told = answer.json()
    assert answer.status_code == status
    assert told["type"] == f"{PREFIX}/docs/problems#{told['code']}"
    assert told["instance"] == PREFIX + path.replace(" ", "%20")
    require_prefixed(answer.text)


def test_a_detail_says_where_the_record_is(behind: Behind) -> None:
    told = behind.ask("GET", "/v1/meetings/sco").json()
    assert told["detail"].endswith(f"its kind is organization: {PREFIX}/v1/organizations/sco")


def test_what_a_client_wrote_is_quoted_as_it_is(behind: Behind) -> None:
    """Only addresses of the registry get the prefix: a value that looks like one is shown as it came."""
    told = behind.ask("GET", "/v1/meetings?country=/v1/countries/CN").json()
    assert "'/v1/countries/CN'" in told["detail"]


MOVED = ["/v1/countries/BLR", "/v1/records/blr", "/v1/memoranda/identifier/un-symbol/A/RES/70/125"]


@pytest.mark.parametrize("path", MOVED)
def test_addresses_of_redirects(behind: Behind, path: str) -> None:
    answer = behind.ask("GET", f"{path}?lang=ru")
    assert answer.status_code == 308
    assert answer.headers["location"].startswith(f"{PREFIX}/v1/")
    assert behind.ask("GET", answer.headers["location"].removeprefix(PREFIX)).status_code == 200


def test_addresses_of_what_is_made(behind: Behind) -> None:
    made = behind.ask("POST", "/v1/people", body={"name": "Made behind"}, **behind.key, **{"Idempotency-Key": "behind"})
    again = behind.ask("POST", "/v1/people", body={"name": "Made behind"}, **behind.key, **{"Idempotency-Key": "behind"})
    put = behind.ask("PUT", "/v1/people/put-behind", body={"name": "Put behind"}, **behind.key, **{"If-None-Match": "*"})
    key = behind.ask("POST", "/v1/keys", body={"name": "made behind"}, **behind.key)
    found = [answer.headers["location"] for answer in (made, again, put, key)]
    assert found[:3] == [f"{PREFIX}/v1/people/{name}" for name in ("made-behind", "made-behind", "put-behind")]
    assert found[3].startswith(f"{PREFIX}/v1/keys/")
    changes = behind.ask("GET", f"/v1/transactions/{_transaction(behind, 'made-behind')}").json()["links"]["changes"]
    assert changes.startswith(f"{ORIGIN}{PREFIX}/v1/changes?transaction=")


def _transaction(behind: Behind, record: str) -> str:
    (entry,) = behind.ask("GET", f"/v1/people/{record}/history").json()["data"]
    found: str = entry["transaction"]
    return found


def test_addresses_in_the_openapi_document(behind: Behind) -> None:
    """The server, the examples and the links that the docs page shows have the prefix; the paths are below the server."""
    document = behind.ask("GET", "/openapi.json").json()
    plain = behind.client.get("/openapi.json").json()
    assert (document["servers"], plain["servers"]) == ([{"url": PREFIX}], [{"url": "/"}])
    assert list(document["paths"]) == list(plain["paths"])
    for question in QUESTIONS.values():
        assert f"]({PREFIX}{question})" in document["info"]["description"]
    text = json.dumps({**document, "paths": list(document["paths"].values())}, ensure_ascii=False)
    assert len(require_prefixed(text)) > 100
    assert json.loads(text.replace(PREFIX, "")) == {**plain, "servers": [{"url": ""}], "paths": list(plain["paths"].values())}


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS"], "https"),
        (["Https"], "https"),
        (["https,http"], "https"),
        (["HTTPS , http"], "https"),
        (["http,https"], "http"),
        (["https", "http"], "https"),
        ([" https "], "https"),
        (["http"], "http"),
        ([""], "http"),
        ([",https"], "http"),
        ([], "http"),
    ],
)
def test_the_scheme_is_the_first_of_the_list_in_any_case(behind: Behind, said: list[str], scheme: str) -> None:
    headers = [("X-Forwarded-Proto", value) for value in said]
    links = behind.client.get("/v1/topics?limit=1", headers=headers).json()["links"]
    assert links["self"] == f"{scheme}://testserver/v1/topics?limit=1"


@pytest.mark.parametrize("said", ["ftp", "https;http", "javascript", "https http", "wss"])
def test_another_scheme_is_a_fault(behind: Behind, said: str) -> None:
    answer = behind.client.get("/v1/topics", headers={"X-Forwarded-Proto": said})
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"detail": f"{said!r} is neither http nor https", "header": "X-Forwarded-Proto"}],
    )


@pytest.mark.parametrize("said", [["registry.example", "inner.example"], ["registry.example, inner.example"]])
def test_the_host_is_the_first_of_the_list(behind: Behind, said: list[str]) -> None:
    headers = [("X-Forwarded-Host", value) for value in said]
    links = behind.client.get("/v1/topics?limit=1", headers=headers).json()["links"]
    assert links["self"] == "http://registry.example/v1/topics?limit=1"


def test_whoever_is_no_trusted_proxy_changes_nothing(client: TestClient) -> None:
    """Not even by a header that a trusted proxy would be refused for."""
    plain = client.get("/v1/meetings?limit=1")
    for said in (FORWARDED, {"X-Forwarded-Proto": "ftp"}, {"X-Forwarded-Prefix": "//evil"}):
        answer = client.get("/v1/meetings?limit=1", headers=said)
        assert (answer.status_code, answer.json()["links"]) == (200, plain.json()["links"])
        assert client.get("/v1/x", headers=said).json()["type"] == "/docs/problems#not_found"
        assert client.get("/openapi.json", headers=said).json()["servers"] == [{"url": "/"}]


def test_the_type_of_a_problem_does_not_depend_on_the_host(client: TestClient) -> None:
    """It is a path of the server, as RFC 9457 allows, and leads to the entry of its code."""
    page = client.get("/docs/problems").text
    for host in ("registry.example", "127.0.0.1:8000", "other.example"):
        told = client.get("/v1/meetings?x=1", headers={"Host": host}).json()
        assert told["type"] == "/docs/problems#invalid"
    assert '<section id="invalid">' in page
