"""The quality overview: what an editor should look at, over HTTP and on the command line; and where an outsider reports."""

import dataclasses
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.errors import Misconfigured
from app.main import create_app
from app.settings import Settings
from tests.conftest import Database
from tests.test_commands import run

PASSAGE = {"kind": "citation", "source": "page", "paragraph": 1, "confidence": "stated"}
WORLD: tuple[dict[str, Any], ...] = (
    {"kind": "source", "id": "page", "title": "Page"},
    {"kind": "topic", "id": "trade", "name": "Trade"},
    {"kind": "person", "id": "lee", "name": "Lee", "identifiers": [{"scheme": "wikidata", "identifier": "Q1"}]},
    {"kind": "person", "id": "lee-2", "name": "LEE"},
    {"kind": "person", "id": "other", "name": "Other"},
    {"kind": "meeting", "id": "talks-2020", "name": "Talks", "date": "2020"},
    {"kind": "meeting", "id": "talks-2021", "name": "Talks", "date": "2021"},
    {"kind": "meeting", "id": "talks-again", "name": "Talks", "date": "2021-01"},
    {"kind": "memorandum", "id": "ended", "name": "Ended", "status": "in_force", "date": "2000-01-01"},
    {"kind": "memorandum", "id": "behind", "name": "Behind", "status": "signed"},
    {"kind": "memorandum", "id": "left", "name": "Left", "status": "in_force"},
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "action", "id": "end", "of": "ended", "type": "ended", "date": "2010"},
    {"kind": "action", "id": "signing", "of": "ended", "type": "signed", "date": "2001"},
    {"kind": "action", "id": "force", "of": "behind", "type": "entered_into_force", "date": "2010"},
    {"kind": "action", "id": "leaving", "of": "left", "type": "ended", "party": "BY"},
    {**PASSAGE, "id": "stated", "record": "other", "quote": "stated"},
    {**PASSAGE, "id": "unsure", "record": "lee", "quote": "unsure", "confidence": "doubtful"},
    {**PASSAGE, "id": "denied", "record": "lee", "quote": "denied", "review": "disputed"},
)


@pytest.fixture
def world(database: Database) -> Database:
    """A registry with something of each sort."""
    database.load(*map(json.dumps, WORLD))
    return database


def found(client: TestClient) -> dict[str, list[tuple[str, str]]]:
    """By sort: (id, detail) of the records."""
    answer = client.get("/v1/quality")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert all(each["count"] == len(each["records"]) for each in data)
    return {each["code"]: [(record["id"], record["detail"]) for record in each["records"]] for each in data}


def test_each_sort_lists_what_has_it(world: Database) -> None:
    with world.client() as client:
        sorts = found(client)
    uncited = {
        "lee-2",
        "talks-2020",
        "talks-2021",
        "talks-again",
        "ended",
        "behind",
        "left",
        "end",
        "signing",
        "force",
        "leaving",
    }
    assert {record for record, _ in sorts["uncited"]} == uncited
    assert sorts["doubtful"] == [("lee", "unsure")]
    assert sorts["disputed"] == [("lee", "denied")]
    assert sorts["contradiction"] == [
        ("ended", "its date is 2000-01-01, but it was signed 2001"),
        ("ended", "its status is in_force, but it has the action ended"),
        ("behind", "its status is signed, but it has the action entered_into_force"),
    ]
    assert sorts["same_name"] == [("talks-2021", "Talks"), ("talks-again", "Talks"), ("lee-2", "LEE"), ("lee", "Lee")]
    assert sorts["shared_identifier"] == []


def test_links_lead_to_all_of_a_sort(world: Database) -> None:
    with world.client() as client:
        data = {each["code"]: each for each in client.get("/v1/quality").json()["data"]}
        listed = [row["id"] for link in data["uncited"]["links"] for row in client.get(link).json()["data"]]
        assert len(listed) == data["uncited"]["count"]
        (link,) = data["disputed"]["links"]
        assert [row["id"] for row in client.get(link).json()["data"]] == ["denied"]


def test_identifiers_that_two_share_since_before_are_found(world: Database) -> None:
    world.execute("INSERT INTO identifiers (record_id, place, scheme, identifier) VALUES ('other', 0, 'wikidata', 'Q1')")
    with world.client() as client:
        assert found(client)["shared_identifier"] == [("lee", "wikidata:Q1"), ("other", "wikidata:Q1")]


def test_the_overview_is_kept_for_a_minute(world: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.client() as client:
        before = client.get("/v1/quality").json()
        world.load('{"kind":"person","id":"new","name":"New"}')
        assert client.get("/v1/quality").json() == before
    monkeypatch.setattr("app.http.quality.KEPT_SECONDS", -1)
    with world.client() as client:
        assert ("new", "New") in found(client)["uncited"]


def test_the_command_counts_what_an_editor_should_look_at(world: Database) -> None:
    told = run("check", url=world.url)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[0] == f"{len(WORLD)} records, all in agreement"
    counts = dict(line.split(". ")[0].split(": ") for line in told.stdout.splitlines()[1:])
    assert counts == {"uncited": "11", "doubtful": "1", "disputed": "1", "contradiction": "3", "same_name": "4"}


@pytest.mark.parametrize(
    ("contact", "key"), [("registry@example.org", "email"), ("https://example.org/report", "url"), ("", None)]
)
def test_an_outsider_learns_where_to_report_a_wrong_statement(database: Database, contact: str, key: str | None) -> None:
    settings = dataclasses.replace(database.settings, contact=contact)
    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/").json()["contact"] == (contact or None)
        told = client.get("/openapi.json").json()["info"].get("contact")
        assert told == ({"name": "Report a wrong statement", key: contact} if key else None)


@pytest.mark.parametrize("contact", ["nobody", "javascript:alert(1)", "a@b c"])
def test_a_contact_that_leads_nowhere_is_refused(contact: str) -> None:
    with pytest.raises(Misconfigured, match="RAPPORTEUR_CONTACT is neither a mail address nor"):
        Settings.from_environment({"RAPPORTEUR_CONTACT": contact})
