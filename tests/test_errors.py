"""Every failure a reader can meet: its status, its code and the one shape."""

import json
import socket
import sqlite3
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app import errors
from app.http.problems import all_problems
from app.http.records import Records
from app.main import create_app
from tests.conftest import Database
from tests.serving import served

KEYS = ["type", "title", "status", "detail", "instance", "code"]


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem, in the shape all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert list(told) in (KEYS, [*KEYS, "errors"])
    assert (told["status"], told["code"]) == (status, code)
    assert told["type"].endswith(f"/docs/problems#{code}")
    assert told["detail"]
    for fault in told.get("errors", []):
        assert "detail" in fault
        assert set(fault) & {"parameter", "pointer", "header"} or "line" in fault
        assert set(fault) <= {"parameter", "pointer", "header", "line", "detail"}
    assert "Traceback" not in answer.text
    assert "SELECT" not in answer.text
    assert "should match pattern" not in answer.text
    return told


def at_fault(told: dict[str, Any]) -> set[str]:
    return {fault["parameter"] for fault in told["errors"]}


def records_of(client: TestClient) -> Records:
    """The application's records, to trip them up."""
    routes = {getattr(route, "path", ""): route for route in client.app.router.routes}  # type: ignore[attr-defined]
    found = routes["/v1/{plural:collection}"].app.answering["GET"].__self__
    assert isinstance(found, Records)
    return found


UNPROCESSABLE = [
    ("/v1/meetings?utm_source=x", {"utm_source"}),
    (
        "/v1/meetings?nothing=1&limit=0&sort=colour&include=friends&fields=age",
        {"nothing", "limit", "sort", "include", "fields"},
    ),
    ("/v1/meetings?limit=201", {"limit"}),
    ("/v1/meetings?limit=1e3", {"limit"}),
    ("/v1/meetings?limit=99999999999999999999999999", {"limit"}),
    ("/v1/meetings?limit=" + "9" * 5000, {"limit"}),
    ("/v1/meetings?limit=5&limit=6", {"limit"}),
    ("/v1/meetings?limit=", {"limit"}),
    ("/v1/meetings?count=perhaps", {"count"}),
    ("/v1/meetings?country=", {"country"}),
    ("/v1/meetings?country=Беларусь", {"country"}),
    ("/v1/meetings?country=B%20Y", {"country"}),
    ("/v1/meetings?" + "&".join(f"country=x{number}" for number in range(101)), {"country"}),
    ("/v1/meetings?type=party", {"type"}),
    ("/v1/meetings?date_from=2025-02-30", {"date_from"}),
    ("/v1/meetings?date_from=2025", {"date_from"}),
    ("/v1/meetings?date_from=2025-1-1", {"date_from"}),
    ("/v1/meetings?date_to=0001-01-01", {"date_to"}),
    ("/v1/meetings?date_from=2025-02-01&date_to=2025-01-01", {"date_to"}),
    ("/v1/meetings?updated_since=yesterday", {"updated_since"}),
    ("/v1/meetings?updated_since=2025-01-01T00:00:00", {"updated_since"}),
    ("/v1/meetings?between=BY", {"between"}),
    ("/v1/meetings?between=BY,BY", {"between"}),
    ("/v1/meetings?between=BY,CN,KZ,UZ,TR,AZ", {"between"}),
    ("/v1/meetings?q=%20%21", {"q"}),
    ("/v1/meetings?q=" + "a" * 201, {"q"}),
    ("/v1/meetings?lang=" + quote("русский"), {"lang"}),
    ("/v1/meetings?format=xml", {"format"}),
    ("/v1/meetings?format=csv&include=participants", {"include"}),
    ("/v1/meetings?format=ndjson&count=true&cursor=abc", {"cursor", "count"}),
    ("/v1/meetings?sort=date,-date", {"sort"}),
    ("/v1/meetings?uncited=maybe", {"uncited"}),
    ("/v1/memberships?valid_at=2025-13-01", {"valid_at"}),
    ("/v1/memoranda?valid_at=soon", {"valid_at"}),
    ("/v1/meetings/sco-ict-2025?limit=5", {"limit"}),
    ("/v1/meetings/sco-ict-2025?include=everything", {"include"}),
    ("/v1/records", {"ids"}),
    ("/v1/records?ids=", {"ids"}),
    ("/v1/records?ids=a,,b", {"ids"}),
    ("/v1/records?ids=" + ",".join(f"x{number}" for number in range(201)), {"ids"}),
    ("/v1/records/sco?fields=name", {"fields"}),
    ("/v1/records/sco?lang=%0d%0aX:y", {"lang"}),
]


@pytest.mark.parametrize(("path", "parameters"), UNPROCESSABLE, ids=[path[:60] for path, _ in UNPROCESSABLE])
def test_what_has_no_meaning_is_422_and_names_every_parameter(client: TestClient, path: str, parameters: set[str]) -> None:
    assert at_fault(problem(client.get(path), 422, "invalid")) == parameters


def test_every_parameter_says_in_words_what_it_expects(client: TestClient) -> None:
    told: dict[tuple[str, str | None], str] = {}
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter.get("in") == "query" and operations["get"]["security"] == []:
                at = path.replace("{id}", "BY").replace("{version}", "1")
                answer = client.get(f"{at}?{parameter['name']}=%21")
                assert answer.status_code in (200, 400, 422)
                assert "should match pattern" not in answer.text
                told |= {(path, error.get("parameter")): error["detail"] for error in answer.json().get("errors", ())}
    no_id = "'!' is no id: ids look like CN, sco or by-mci; /v1/suggest?q= finds them by name"
    assert told["/v1/meetings", "between"] == no_id
    assert told["/v1/meetings", "lang"] == "'!' is no language tag (BCP 47), such as ru or zh-Hant"
    assert told["/v1/meetings", "country"] == f"{no_id}; for several repeat the parameter"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/meetings?q=%00",
        "/v1/meetings?%00=1",
        "/v1/meetings?q=%FF",
        "/v1/meetings?q=%ED%A0%80",
        "/v1/records?ids=%00",
        "/v1/meetings/sco?lang=%C3%28",
    ],
)
def test_what_is_no_text_is_400(client: TestClient, path: str) -> None:
    problem(client.get(path), 400, "malformed")


def test_too_many_parameters_are_400(client: TestClient) -> None:
    problem(client.get("/v1/meetings?" + "&".join(["a"] * 1_001)), 400, "malformed")


@pytest.mark.parametrize("cursor", ["x", "%20", "AAAAAAAA", "AAAAAAAAbm8", "é", "AAAAAAAA" + "W10", "A" * 3_000])
def test_a_cursor_of_nobodys_is_400(client: TestClient, cursor: str) -> None:
    answer = client.get(f"/v1/meetings?cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("cursor_invalid", "cursor_mismatch")


@pytest.mark.parametrize("change", ["&country=CN", "&sort=name", "&lang=ru", "&date_from=2020-01-01"])
def test_a_cursor_of_another_request_is_400(client: TestClient, change: str) -> None:
    following = client.get("/v1/meetings?limit=2").json()["page"]["next_cursor"]
    assert client.get(f"/v1/meetings?limit=3&fields=name&cursor={following}").status_code == 200
    problem(client.get(f"/v1/meetings?limit=2&cursor={following}{change}"), 400, "cursor_mismatch")
    problem(client.get(f"/v1/outcomes?limit=2&cursor={following}"), 400, "cursor_mismatch")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/meetings/nothing",
        "/v1/meetings/%00",
        "/v1/meetings/" + "a" * 3_000,
        "/v1/meetings/%ED%A0%80",
        "/v1/meetings/..%2fx",
        "/v1/records/nothing",
        "/v1/nothing",
        "/v1/nothing/sco",
        "/nothing",
        "/v2/meetings",
    ],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    problem(client.get(path), 404, "not_found")


def test_an_id_of_another_kind_says_where_the_record_is(client: TestClient) -> None:
    told = problem(client.get("/v1/people/sco"), 404, "not_found")
    assert "/v1/organizations/sco" in told["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/meetings"),
        ("POST", "/v1/meetings/sco"),
        ("POST", "/healthz"),
        ("POST", "/v1/records"),
        ("PUT", "/docs"),
    ],
)
def test_a_method_that_is_not_there_is_405_and_says_which_are(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"].split(", ")


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/v1/meetings", "application/xml"),
        ("/v1/meetings/sco-ict-2025", "text/csv"),
        ("/v1/records/sco", "text/html;q=0.9"),
        ("/v1/meetings", "application/json;q=0"),
        ("/v1/records?ids=sco", "image/png"),
    ],
)
def test_a_format_that_is_not_there_is_406(client: TestClient, path: str, accept: str) -> None:
    problem(client.get(path, headers={"Accept": accept}), 406, "not_acceptable")


def test_a_deleted_record_is_410(database: Database) -> None:
    line = '{"kind":"source","id":"paper","title":"A paper","citations":[]}'
    passage = '{"source":"paper","paragraph":1,"quote":"so it says","confidence":"stated"}'
    cited = f'{{"kind":"topic","id":"subject","name":"Subject","citations":[{passage}]}}'
    database.load(line, cited)
    ((citation_id,),) = database.execute("SELECT id FROM citations")
    database.load('{"kind":"topic","id":"subject","name":"Subject","citations":[]}')
    with database.client() as client:
        problem(client.get(f"/v1/citations/{citation_id}"), 410, "gone")
        problem(client.get(f"/v1/records/{citation_id}"), 410, "gone")
        problem(client.get(f"/v1/topics/{citation_id}"), 404, "not_found")


def test_a_merged_record_leads_to_the_one_that_took_its_place(database: Database) -> None:
    database.load('{"kind":"topic","id":"survivor","name":"Survivor"}')
    database.execute("INSERT INTO redirects (old_id, new_id) VALUES ('merged', 'survivor')")
    with database.client() as client:
        for path in ("/v1/topics", "/v1/records"):
            answer = client.get(f"{path}/merged?lang=ru")
            assert answer.status_code == 308
            assert answer.headers["location"] == f"{path}/survivor?lang=ru"
        problem(client.get("/v1/people/merged"), 404, "not_found")


def test_an_address_too_long_is_414(client: TestClient) -> None:
    problem(client.get("/v1/meetings?" + "&".join(f"city={'a' * 190}" for _ in range(90))), 414, "address_too_long")
    problem(client.get(f"/v1/meetings/{'a' * 20_000}"), 414, "address_too_long")


def test_a_question_that_takes_too_long_is_503_and_others_go_on(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearest thing there is, made dear enough: a cross join of everything with everything."""
    from app.db.driver import Statement

    endless = "SELECT count(*) FROM citations a, citations b, citations c, citations d, citations e"
    with TestClient(create_app(replace(seeded.settings, read_deadline=1)), raise_server_exceptions=False) as client:
        monkeypatch.setattr(records_of(client), "statement", lambda _shape: Statement(endless, {}))
        answer = client.get("/v1/meetings")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/readyz").status_code == 200


def test_a_database_that_is_gone_is_503(fresh: Any, kind_of_database: str) -> None:
    if kind_of_database == "sqlite":
        database = Database(fresh())
        with database.client() as client:
            assert client.get("/readyz").status_code == 200
            driver: Any = records_of(client).driver

            class Failing:
                def execute(self, *_: object) -> object:
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                    raise error

            driver._loop, kept = Failing(), driver._loop
            problem(client.get("/v1/meetings"), 503, "unavailable")
            problem(client.get("/readyz"), 503, "unavailable")
            driver._loop = kept
            assert client.get("/v1/meetings").status_code == 200
        return
    from app.settings import Settings

    nowhere = Settings(database_url="postgresql://nobody:nothing@127.0.0.1:9/none", read_deadline=1)
    with TestClient(create_app(nowhere), raise_server_exceptions=False) as client:
        answer = client.get("/v1/meetings")
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"]
        assert client.get("/healthz").status_code == 200


def test_a_mistake_of_ours_is_500_and_tells_nothing_of_our_insides(
    seeded: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with seeded.client() as client:
        monkeypatch.setattr("app.http.records.send_tagged", lambda *_, **__: 1 / 0)
        told = problem(client.get("/v1/meetings/sco-ict-2025"), 500, "unexpected")
    assert "division" not in json.dumps(told)
    assert "ZeroDivisionError" in caplog.text


def test_what_is_no_http_is_a_problem_too(seeded: Database) -> None:
    with served(seeded.url) as address:
        host, port = address.removeprefix("http://").split(":")
        for request in (
            "GET /v1/people?q=связь HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(request.encode())
                answer = b""
                while chunk := connection.recv(65_536):
                    answer += chunk
                    if b"}" in chunk:
                        break
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
            assert b"application/problem+json" in head
            assert json.loads(body)["code"] in ("malformed", "head_too_large")


def test_every_problem_has_its_page_and_its_tree_is_drawn(client: TestClient) -> None:
    page = client.get("/docs/problems").text
    codes = [each.code for each in all_problems()]
    assert len(set(codes)) == len(codes)
    for each in all_problems():
        assert f'id="{each.code}"' in page
        assert each.__name__ in (errors.__doc__ or "")
    document = client.get("/openapi.json").json()
    assert set(document["components"]["responses"]) == {each.__name__ for each in errors.Problem.__subclasses__()}
    closer = {each for each in all_problems() if each not in errors.Problem.__subclasses__()}
    assert all(f"`{each.code}`: " in json.dumps(document["components"]["responses"]) for each in closer)
