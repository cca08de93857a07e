"""Who signed for a party: several people, offices without names, found by filters, followed by merges, kept from deletion."""

import json
from typing import Any

import pytest
from alembic import command

from app.db.schema import alembic_config
from app.errors import OperatorError
from tests.conftest import Database, run_command
from tests.test_merging import load, merge, restore
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "person", "id": "first", "name": "First"},
    {"kind": "person", "id": "second", "name": "Second"},
    {"kind": "memorandum", "id": "paper", "name": "Paper", "date": "2020-05-01"},
    {
        "kind": "party",
        "id": "side",
        "memorandum": "paper",
        "party": "ministry",
        "role": "party",
        "signatories": [{"person": "first", "capacity": 'Minister of "Justice"'}, {"capacity": "Министр"}],
    },
)

clerk = clerk_of(*WORLD)
FIRST = {"person": {"id": "first", "name": "First"}, "capacity": 'Minister of "Justice"'}
OFFICE = {"person": None, "capacity": "Министр"}


def test_several_sign_for_a_side_with_or_without_a_name(clerk: Clerk) -> None:
    assert clerk.read("parties/side")["signatories"] == [FIRST, OFFICE]
    assert clerk.read("parties?memorandum=paper")["data"][0]["signatories"] == [FIRST, OFFICE]
    assert clerk.read("memoranda/paper?include=parties")["parties"][0]["signatories"] == [FIRST, OFFICE]
    assert [each["id"] for each in clerk.read("people/first?include=signatures")["signatures"]] == ["side"]
    assert ids(clerk.get("parties?signed_by=first")) == ids(clerk.get("parties?signed_by=first&signed_by=second")) == ["side"]
    assert ids(clerk.get("memoranda?party=first")) == ids(clerk.get("memoranda?between=first,BY")) == ["paper"]
    exported = [line for line in clerk.get("export").text.splitlines() if '"id":"side"' in line]
    assert exported == [
        (
            '{"kind":"party","id":"side","memorandum":"paper","party":"ministry","role":"party",'
            '"signatories":[{"person":"first","capacity":"Minister of \\"Justice\\""},{"capacity":"Министр"}]}'
        )
    ]


def test_what_was_read_can_be_written_and_changed(clerk: Clerk) -> None:
    shown = clerk.read("parties/side")
    assert clerk.put("parties/side", shown, if_match="*").json()["version"] == shown["version"]
    answer = clerk.patch("parties/side", {"signatories": [*shown["signatories"], {"person": "second"}, {"person": "second"}]})
    assert [each["person"] and each["person"]["id"] for each in answer.json()["signatories"]] == ["first", None, "second"]
    assert ids(clerk.get("memoranda?party=second")) == ["paper"]
    assert clerk.patch("parties/side", {"signatories": None}).json()["signatories"] == []
    assert ids(clerk.get("memoranda?party=first")) == []


def test_a_wrong_signatory_is_told_at_its_place(clerk: Clerk) -> None:
    def faults(*signatories: Content) -> list[tuple[str | None, str]]:
        return refused(clerk.patch("parties/side", {"signatories": list(signatories)}), 422, "invalid")

    assert faults({}) == [("/signatories/0", "a signatory has a person, a capacity, or both")]
    assert faults(OFFICE, {"person": "nobody"}) == [("/signatories/1/person", "there is no person 'nobody'")]
    assert faults({"person": "ministry"}) == [("/signatories/0/person", "'ministry' is an organization; it must be a person")]
    ((pointer, _),) = faults({"person": "first", "rank": "minister"})
    assert pointer == "/signatories/0/rank"
    both = {"role": "nothing", "signatories": [{"capacity": "Head"}, {"person": "nobody"}]}
    wrong = dict(refused(clerk.patch("parties/side", both), 422, "invalid"))
    assert wrong.keys() == {"/role", "/signatories/1/person"}


def test_a_merge_of_the_signatory_is_followed_and_undone(clerk: Clerk) -> None:
    clerk.patch("parties/side", {"signatories": [FIRST, {"person": "second", "capacity": 'Minister of "Justice"'}]})
    merge(clerk, "people", "first", "second")
    merged = {"person": {"id": "second", "name": "Second"}, "capacity": 'Minister of "Justice"'}
    assert clerk.read("parties/side")["signatories"] == [merged]
    assert ids(clerk.get("memoranda?party=first")) == ["paper"], "the merged id means the survivor"
    assert restore(clerk, "people/first")["left"] == []
    assert clerk.read("parties/side")["signatories"] == [FIRST, merged]


def test_a_person_and_a_capacity_of_the_same_word_are_two_signatories(clerk: Clerk) -> None:
    line = {"kind": "party", "id": "side", "signatories": [{"capacity": "first"}, {"person": "first"}, {"capacity": "first"}]}
    body = json.dumps(line).encode()
    assert clerk.post("import?mode=merge", body, content_type="application/x-ndjson").status_code == 200
    shown = [(each["person"] and each["person"]["id"], each["capacity"]) for each in clerk.read("parties/side")["signatories"]]
    assert shown[2:] == [(None, "first"), ("first", None)]
    merge(clerk, "people", "first", "second")
    assert len(clerk.read("parties/side")["signatories"]) == 4


def test_who_signed_cannot_be_deleted(clerk: Clerk) -> None:
    answer = clerk.delete("people/first")
    assert answer.status_code == 409
    assert "the party 'side' refers to 'first' as its signatories" in answer.text


def test_the_one_signatory_of_release_0_1_0_is_taken(clerk: Clerk) -> None:
    old = {"kind": "party", "id": "old", "memorandum": "paper", "party": "BY", "role": "sponsor", "signed_by": "second"}
    load(clerk.database, old)
    assert clerk.read("parties/old")["signatories"] == [{"person": {"id": "second", "name": "Second"}, "capacity": None}]
    load(clerk.database, {**old, "signed_by": None, "id": "older", "party": "ministry"})
    assert clerk.read("parties/older")["signatories"] == []
    assert clerk.patch("parties/old", {"signed_by": "first"}).json()["signatories"][0]["person"]["id"] == "first"
    whole = {name: value for name, value in old.items() if name != "id"}
    assert clerk.put("parties/old", whole, if_match="*").json()["signatories"][0]["person"]["id"] == "second"
    assert clerk.patch("parties/old", {"signed_by": None}).json()["signatories"] == []
    passage = {"source": "page", "paragraph": 1, "quote": "signed by Second", "confidence": "stated"}
    cited = {"record": "old", "field": "signed_by", **passage}
    load(clerk.database, {"kind": "source", "id": "page", "title": "Page"}, {"kind": "citation", **cited})
    assert clerk.read("parties/old?include=citations")["citations"][0]["field"] == "signatories"


def test_the_schema_before_is_refused_while_it_cannot_hold_the_signatories(database: Database) -> None:
    database.load(*map(json.dumps, WORLD))
    with pytest.raises(OperatorError, match="signatory of a party, a person without a capacity: side"):
        command.downgrade(alembic_config(database.url), "0015")
    assert database.disagreements() == []
    one = {**WORLD[-1], "signatories": [{"person": "first"}]}
    database.load(json.dumps(one))
    command.downgrade(alembic_config(database.url), "0015")
    assert database.execute("SELECT id, signed_by_id FROM parties") == [("side", "first")]
    assert run_command("migrate", url=database.url).returncode == 0
    assert database.disagreements() == []
    assert database.execute("SELECT record_id, place, person_id FROM signatories") == [("side", 0, "first")]
