"""Counterparts and comparisons: each number equals the total of the list to which it links."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Database

Content = dict[str, Any]


def answer(client: TestClient, path: str) -> Content:
    found = client.get(path)
    assert found.status_code == 200, found.text
    body: Content = found.json()
    return body


def counted(value: Any) -> Iterator[tuple[int, str]]:
    """All numbers of an answer, with their links."""
    if isinstance(value, dict):
        if "count" in value and "link" in value:
            yield value["count"], value["link"]
        for each in value.values():
            yield from counted(each)
    elif isinstance(value, list):
        for each in value:
            yield from counted(each)


def test_who_meets_belarus_most(client: TestClient) -> None:
    found = answer(client, "/v1/counterparts?of=BY")
    told = [(each["actor"]["name"], each["meetings"]["count"], each["last_day"]) for each in found["data"]]
    assert told[:2] == [("China", 4, "2025-06-17"), ("United Arab Emirates", 3, "2026-01-28")]
    assert found["data"][1]["last"]["id"] == "by-ae-talks-2026-01-28"
    assert found["of"] == {"id": "BY", "kind": "country", "name": "Belarus"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/counterparts?of=BY",
        "/v1/counterparts?of=BY&kind=organization&lang=ru",
        "/v1/counterparts?of=112&date_from=2024-01-01&date_to=2025-12-31",
        "/v1/counterparts?of=by-mci",
        "/v1/counterparts?of=pavel-tkach&kind=organization",
        "/v1/counterparts?of=CN&topic=digital-transformation",
        "/v1/compare?actors=BY,UZ,AE",
        "/v1/compare?actors=BY,sco&date_from=2020-01-01",
        "/v1/compare?actors=by-mci,CN,pavel-tkach&topic=artificial-intelligence",
    ],
)
def test_each_number_is_the_total_of_its_list(client: TestClient, path: str) -> None:
    numbers = list(counted(answer(client, path)))
    assert numbers
    for number, link in numbers:
        assert answer(client, link)["page"]["total"] == number, link


@pytest.mark.parametrize(
    ("of", "kind", "own"),
    [
        ("BY", "country", {"BY"}),
        ("BY", "organization", {"by-mci"}),
        ("by-mci", "country", {"BY"}),
        ("by-mci", "organization", {"by-mci"}),
        ("pavel-tkach", "country", {"BY"}),
        ("pavel-tkach", "organization", {"by-mci"}),
    ],
)
def test_what_belongs_to_an_actor_is_no_counterpart(client: TestClient, of: str, kind: str, own: set[str]) -> None:
    found = {each["actor"]["id"] for each in answer(client, f"/v1/counterparts?of={of}&kind={kind}")["data"]}
    assert found
    assert not found & own


def test_the_rest_is_counted(client: TestClient) -> None:
    whole = answer(client, "/v1/counterparts?of=BY")
    part = answer(client, "/v1/counterparts?of=BY&limit=1")
    assert part["data"] == whole["data"][:1]
    assert part["left_out"] == len(whole["data"]) - 1


def test_those_behind_the_first_are_counted_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(client, "/v1/counterparts?of=BY&kind=organization&limit=200")
    monkeypatch.setattr("app.views.counterparts.MOST", 2)
    part = answer(client, "/v1/counterparts?of=BY&kind=organization&limit=200&date_from=1900-01-01")
    ids = [[each["actor"]["id"] for each in found["data"]] for found in (part, whole)]
    assert ids[0] == ids[1][:2]
    assert part["left_out"] == len(ids[1]) - 2 > 0


def test_partners_and_contacts_of_a_comparison(client: TestClient) -> None:
    found = answer(client, "/v1/compare?actors=BY,CN,AE&lang=ru")
    assert [each["actor"]["name"] for each in found["data"]] == ["Беларусь", "Китай", "ОАЭ"]
    contacts = {tuple(each["id"] for each in contact["between"]): contact["last_day"] for contact in found["last_contacts"]}
    assert contacts == {("BY", "CN"): "2025-06-17", ("BY", "AE"): "2026-01-28", ("CN", "AE"): None}
    partners = answer(client, "/v1/compare?actors=CN,AE")["partners"]
    assert [each["partner"]["id"] for each in partners] == ["BY"]
    assert {each["actor"] for each in partners[0]["with"]} == {"CN", "AE"}


def test_tables_have_the_same_numbers(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/counterparts?of=BY&format=csv").text)))
    told = answer(client, "/v1/counterparts?of=BY")["data"]
    assert [(row["id"], int(row["meetings"])) for row in rows] == [
        (each["actor"]["id"], each["meetings"]["count"]) for each in told
    ]
    assert all(row["meetings.link"].startswith("http://") for row in rows)
    compared = list(csv.DictReader(io.StringIO(client.get("/v1/compare?actors=BY,CN&format=csv").text)))
    assert {row["actor.id"] for row in compared} == {"BY", "CN"}
    assert {row["by"] for row in compared} == {"", "topic", "type", "year"}


@pytest.mark.parametrize("path", ["/v1/counterparts?of=BY", "/v1/compare?actors=BY,CN&format=csv"])
def test_an_answer_is_not_made_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "parameter", "fault"),
    [
        ("/v1/counterparts", "of", "required"),
        ("/v1/counterparts?of=nowhere", "of", "no record 'nowhere'"),
        ("/v1/counterparts?of=cybersecurity", "of", "is a topic"),
        ("/v1/counterparts?of=BY&kind=person", "kind", ""),
        ("/v1/counterparts?of=BY&limit=0", "limit", ""),
        ("/v1/counterparts?of=BY&bom=true", "bom", "format=csv"),
        ("/v1/compare?actors=BY", "actors", "two to five"),
        ("/v1/compare?actors=BY,112", "actors", "twice"),
        ("/v1/compare?actors=BY,CN&date_from=2025-01-02&date_to=2025-01-01", "date_to", "before date_from"),
    ],
)
def test_a_wrong_request_is_explained(client: TestClient, path: str, parameter: str, fault: str) -> None:
    found = client.get(path)
    assert found.status_code == 422, found.text
    (first, *_) = found.json()["errors"]
    assert first["parameter"] == parameter
    assert fault in first["detail"]


def test_meetings_that_did_not_take_place_count_and_are_no_encounter(database: Database) -> None:
    lines: list[dict[str, Any]] = [{"kind": "organization", "id": each, "name": each} for each in ("one", "other")]
    dates = {
        "2024-01-01": "held",
        "2025-01-01": "",
        "2026-01-01": "cancelled",
        "2026-02-01": "postponed",
        "2027-01-01": "planned",
    }
    for day, status in dates.items():
        lines.append({"kind": "meeting", "id": f"m-{day}", "name": day, "date": day, **({"status": status} if status else {})})
        of_both = {"kind": "participant", "meeting": f"m-{day}", "role": "guest"}
        lines += [{**of_both, "organization": each} for each in ("one", "other")]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        (found,) = answer(client, "/v1/counterparts?of=one&kind=organization")["data"]
        assert found["meetings"]["count"] == answer(client, found["meetings"]["link"])["page"]["total"] == 5
        assert (found["first_day"], found["last_day"], found["last"]["id"]) == ("2024-01-01", "2025-01-01", "m-2025-01-01")


def test_those_for_whom_a_person_signed_are_no_counterpart(database: Database) -> None:
    lines: list[dict[str, Any]] = [
        {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
        {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
        {"kind": "person", "id": "signer", "name": "S"},
        {"kind": "memorandum", "id": "mou", "name": "MoU"},
        {"kind": "party", "memorandum": "mou", "party": "BY", "role": "party", "signatories": [{"person": "signer"}]},
        {"kind": "party", "memorandum": "mou", "party": "CN", "role": "party"},
    ]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        assert [each["actor"]["id"] for each in answer(client, "/v1/counterparts?of=signer")["data"]] == ["CN"]
