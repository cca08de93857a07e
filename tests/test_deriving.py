"""Fields that follow from other records are filled where a client asks for it, and only there."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import ROOT
from app.writing.deriving import _sort_name
from tests.conftest import Database, Fresh

RECORDS: list[dict[str, object]] = [
    {"kind": "country", "id": "BY", "name": "Belarus", "alpha_3": "BLR", "numeric": "112"},
    {"kind": "organization", "id": "norland-ministry", "name": "Ministry of Bridges", "type": "ministry", "country": "BY"},
    {"kind": "organization", "id": "league", "name": "League of Rivers", "type": "intergovernmental"},
    {"kind": "person", "id": "ada-rell", "name": "Ada Rell"},
    {"kind": "person", "id": "bo-tamm", "name": "Bo Tamm"},
    {"kind": "position", "person": "ada-rell", "title": "Minister of Bridges", "since": "2024-03", "until": "2025-06"},
    {
        "kind": "position",
        "person": "ada-rell",
        "title": "Ambassador",
        "since": "2025-09",
        "language": "en",
        "names": [{"language": "ru", "text": "Посол", "type": "translation"}],
    },
    {"kind": "position", "person": "bo-tamm", "title": "Engineer", "organization": "league", "attested": ["2025-01-10"]},
    {"kind": "position", "person": "bo-tamm", "title": "Adviser", "attested": ["2025-01-10"]},
    {"kind": "meeting", "id": "talks-2025", "name": "Talks", "type": "talks", "date": "2025-05-20"},
    {"kind": "meeting", "id": "talks-2026", "name": "More talks", "type": "talks", "date": "2026-05-20"},
    {"kind": "meeting", "id": "undated-talks", "name": "Some talks", "type": "talks"},
    {"kind": "memorandum", "id": "bridge-memorandum", "name": "On bridges", "type": "memorandum"},
    {"kind": "action", "of": "bridge-memorandum", "type": "negotiated", "date": "2024"},
    {"kind": "action", "of": "bridge-memorandum", "type": "signed", "date": "2025-05-20"},
    {"kind": "action", "of": "bridge-memorandum", "type": "reviewed", "date": "2026"},
    {"kind": "memorandum", "id": "idle-memorandum", "name": "On nothing", "type": "memorandum"},
]


class Office:
    """A client with a key that may write."""

    def __init__(self, client: TestClient, key: dict[str, str]) -> None:
        self.client = client
        self.key = key

    def create(self, plural: str, record: dict[str, Any], **query: Any) -> Any:
        """Create a record in a dry run, and return it."""
        params = {"derive": True, "dry_run": True, **query}
        answer = self.client.post(f"/v1/{plural}", json=record, params=params, headers=self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def office(fresh: Fresh) -> Iterator[Office]:
    database = Database(fresh())
    database.load(*map(json.dumps, RECORDS))
    with database.client() as client:
        yield Office(client, database.key())
    database.engine.dispose()


@pytest.mark.parametrize(
    ("name", "names", "sort_name"),
    [
        ("Pavel Tkach", [], "Tkach, Pavel"),
        ("Ibrahim Salim Al-Musharrakh", [], "Al-Musharrakh, Ibrahim Salim"),
        ("Ibrahim Salim Al Musharrakh", [], "Al Musharrakh, Ibrahim Salim"),
        ("Jan van der Berg", [], "van der Berg, Jan"),
        ("Xiong Jijun", [{"language": "zh-Hans", "text": "熊继军", "type": "official"}], "Xiong, Jijun"),
        ("Al Gore", [], "Gore, Al"),
        ("熊继军", [], None),
        ("Madonna", [], None),
    ],
)
def test_the_sort_name_of_a_person(office: Office, name: str, names: list[Any], sort_name: str | None) -> None:
    made = office.create("people", {"name": name, "names": names})
    assert (made["sort_name"], made["derived"]) == (sort_name, ["/sort_name"] if sort_name else [])


def test_the_names_of_the_seed_are_sorted_as_a_keeper_did() -> None:
    lines = (ROOT / "seed" / "people.ndjson").read_text(encoding="utf-8").splitlines()
    people = [json.loads(line) for line in lines]
    assert [_sort_name(each) for each in people] == [each["sort_name"] for each in people]


@pytest.mark.parametrize(
    ("said", "country", "capacity"),
    [
        ({"person": "ada-rell", "organization": "norland-ministry"}, "BY", "Minister of Bridges"),
        ({"person": {"id": "ada-rell"}, "organization": {"id": "norland-ministry"}}, "BY", "Minister of Bridges"),
        ({"person": "ada-rell", "meeting": "talks-2026"}, None, "Ambassador"),
        ({"person": "ada-rell", "meeting": "undated-talks"}, None, None),
        ({"person": "ada-rell", "meeting": "undated-talks", "date": "2026-01"}, None, "Ambassador"),
        ({"person": "ada-rell", "meeting": "undated-talks", "date": "2025-08"}, None, None),
        ({"person": "bo-tamm"}, None, None),
        ({"organization": "league"}, None, None),
        ({"person": "ada-rell", "organization": "norland-ministry", "capacity": "Guest", "country": None}, "BY", "Guest"),
    ],
)
def test_the_country_and_the_capacity_of_a_participant(
    office: Office, said: dict[str, Any], country: str | None, capacity: str | None
) -> None:
    """Two offices at once leave it open; so does a day that the meeting does not tell."""
    made = office.create("participants", {"meeting": "talks-2025", "role": "participant", **said})
    assert (made["country"] and made["country"]["id"], made["capacity"]) == (country, capacity)
    filled = [("/country", country), ("/capacity", capacity)]
    expected = [pointer for pointer, value in filled if value and not said.get(pointer[1:])]
    assert made["derived"] == expected + (["/names", "/language"] if capacity == "Ambassador" else [])
    assert [name["text"] for name in made["names"]] == (["Посол"] if capacity == "Ambassador" else [])


def test_the_status_of_an_instrument(office: Office) -> None:
    for memorandum, status in (("bridge-memorandum", "signed"), ("idle-memorandum", None)):
        where = f"/v1/memoranda/{memorandum}"
        headers = {**office.key, "If-Match": office.client.get(where).headers["etag"]}
        query = {"derive": True, "dry_run": True}
        patched = office.client.patch(where, json={"summary": "On bridges."}, headers=headers, params=query).json()
        assert (patched["status"], patched["derived"]) == (status, ["/status"] if status else [])


def test_the_paragraph_of_a_citation(office: Office) -> None:
    text = "Title\n\nBoth sides met.\n\nBoth sides left. They left again."
    office.client.post("/v1/documents", json={"text": text}, headers=office.key)
    texts = [{"sha256": sha256(text.encode()).hexdigest(), "form": "text"}]
    assert office.client.post("/v1/sources", json={"id": "page-one", "title": "Title", "texts": texts}, headers=office.key)
    quoted = [{"source": "page-one", "quote": quote, "confidence": "stated"} for quote in ("sides met", "They left again")]
    made = office.create("topics", {"name": "Meetings of sides", "citations": quoted}, include="citations")
    assert sorted(each["paragraph"] for each in made["citations"]) == [2, 3]
    assert made["derived"] == ["/citations/0/paragraph", "/citations/1/paragraph"]
    quoted[0]["quote"] = "Both sides"
    params = {"derive": True, "dry_run": True}
    refused = office.client.post(
        "/v1/topics", json={"name": "Two places", "citations": quoted}, headers=office.key, params=params
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/citations/0/paragraph")


def test_nothing_is_derived_unless_it_is_asked_for(office: Office) -> None:
    record = {"meeting": "talks-2025", "role": "participant", "person": "ada-rell"}
    made = office.create("participants", record, derive=False)
    assert (made["capacity"], "derived" in made) == (None, False)
    put = office.client.put(
        "/v1/people/cy-orlan", json={"name": "Cy Orlan"}, headers=office.key, params={"derive": True, "upsert": True}
    )
    assert (put.status_code, put.json()["errors"][0]["parameter"]) == (422, "derive")


def test_what_is_derived_is_stored_and_checked_like_what_was_sent(office: Office) -> None:
    record = {"meeting": "talks-2025", "role": "chair", "person": "ada-rell", "organization": "norland-ministry"}
    first = office.client.post("/v1/participants", json=record, headers=office.key, params={"derive": True})
    assert first.status_code == 201, first.text
    shown = office.client.get(f"/v1/participants/{first.json()['id']}").json()
    assert (shown["capacity"], shown["country"]["id"]) == ("Minister of Bridges", "BY")
    again = office.client.post("/v1/participants", json=record, headers=office.key, params={"derive": True})
    assert again.status_code == 409, "the key has the capacity that was derived"
    broken = office.client.post(
        "/v1/participants", json={"person": 7, "meeting": []}, headers=office.key, params={"derive": True}
    )
    assert broken.status_code == 422
