"""Identifiers in other registers: one record has each, and records are found, written and matched by them."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain.identifiers import normal, normal_scheme, readings
from app.writing.batch import Batch, Line
from tests.test_naming import faults, ids
from tests.test_writing import PROOF, Clerk, clerk_of, refused

Content = dict[str, Any]


def pair(scheme: str, identifier: str) -> Content:
    """An identifier as a record has it."""
    return {"scheme": scheme, "identifier": identifier}


WORLD: tuple[Content, ...] = (
    {
        "kind": "country",
        "id": "BY",
        "alpha_3": "BLR",
        "numeric": "112",
        "name": "Belarus",
        "identifiers": [pair("wikidata", "Q184")],
    },
    {"kind": "source", "id": "news", "title": "News"},
    {"kind": "organization", "id": "club", "name": "Club", "identifiers": [pair("wikidata", "Q1"), pair("ror", "01abc23")]},
    {"kind": "organization", "id": "other", "name": "Other", "identifiers": [pair("our-files", "club:7")]},
    {"kind": "person", "id": "somebody", "name": "Somebody", "identifiers": [pair("wikidata", "Q1")]},
    {"kind": "memorandum", "id": "paper", "name": "Paper", "identifiers": [pair("un-symbol", "A/RES/70/125")]},
)


clerk = clerk_of(*WORLD)


# -- the normal form ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "given_", "kept"),
    [
        ("wikidata", "q184", "Q184"),
        ("Wikidata", " https://www.wikidata.org/wiki/Q184 ", "Q184"),
        ("WIKIDATA", "http://www.wikidata.org/entity/Q184", "Q184"),
        ("ROR", "https://ror.org/01ABC23", "01abc23"),
        ("doi", "https://doi.org/10.1000/XYZ", "10.1000/xyz"),
        ("UN symbol", "A/RES/70/125", "A/RES/70/125"),
        ("our_files", "Ab:C", "Ab:C"),
    ],
)
def test_an_identifier_is_kept_in_its_normal_form(clerk: Clerk, scheme: str, given_: str, kept: str) -> None:
    made = clerk.made("topics", {"name": "Some topic", "identifiers": [pair(scheme, given_)]})
    assert made["identifiers"] == [pair(normal_scheme(scheme), kept)]
    assert ids(clerk.client.get("/v1/topics", params={"identifier": f"{scheme}:{given_.strip()}"})) == [made["id"]]


@pytest.mark.parametrize("scheme", ["", "  ", "ü", "a--b", "-a", "a.b", "x" * 61])
def test_a_scheme_has_letters_digits_and_hyphens(clerk: Clerk, scheme: str) -> None:
    answer = clerk.post("topics", {"name": "T", "identifiers": [pair(scheme, "1")]})
    assert [pointer for pointer, _ in refused(answer, 422, "invalid")] == ["/identifiers/0/scheme"]


@given(st.sampled_from(["wikidata", "ror", "doi", "isni", "our-files"]), st.text(max_size=60))
def test_the_normal_form_is_its_own(scheme: str, identifier: str) -> None:
    once = normal(scheme, identifier)
    assert normal(scheme, once) in (once, normal(scheme, once))
    assert once == once.strip()
    if once:
        assert (scheme, once) in readings(f"{scheme}:{identifier}")


# -- asking -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plural", "value", "found"),
    [
        ("organizations", "wikidata:Q1", ["club"]),
        ("organizations", "wikidata:q1", ["club"]),
        ("organizations", "Q1", ["club"]),
        ("organizations", "https://www.wikidata.org/wiki/Q1", ["club"]),
        ("organizations", "https://ror.org/01abc23", ["club"]),
        ("organizations", "our-files:club:7", ["other"]),
        ("organizations", "club:7", ["other"]),
        ("organizations", "ror:Q1", []),
        ("organizations", "Q2", []),
        ("memoranda", "un-symbol:A/RES/70/125", ["paper"]),
        ("memoranda", "A/RES/70/125", ["paper"]),
        ("people", "wikidata:Q1", ["somebody"]),
    ],
)
def test_records_are_listed_by_identifier(clerk: Clerk, plural: str, value: str, found: list[str]) -> None:
    assert ids(clerk.client.get(f"/v1/{plural}", params={"identifier": value})) == found


def test_several_identifiers_are_any_of_them_and_other_filters_hold_too(clerk: Clerk) -> None:
    assert ids(clerk.get("organizations?identifier=Q1&identifier=our-files:club:7&sort=id")) == ["club", "other"]
    assert ids(clerk.get("organizations?identifier=Q1&q=other")) == []
    assert faults(clerk.get("organizations?identifier=%20")) == [
        ("identifier", "write an identifier, or a scheme and an identifier: identifier=wikidata:Q42")
    ]


def test_records_of_all_kinds_are_read_by_identifier(clerk: Clerk) -> None:
    answer = clerk.get("records?identifier=wikidata:Q1")
    assert (ids(answer), answer.json()["missing"]) == (["club", "somebody"], [])
    assert ids(clerk.get("records?identifier=nothing")) == []
    for path in ("records", "records?ids=BY&identifier=Q1"):
        assert faults(clerk.get(path)) == [
            ("ids", "write either `ids` or `identifier`: ids=BY,sco or identifier=wikidata:Q184")
        ]


@pytest.mark.parametrize(("typed", "found"), [("Q184", "BY"), ("A/RES/70/125", "paper"), ("01abc23", "club")])
def test_search_finds_an_identifier(clerk: Clerk, typed: str, found: str) -> None:
    (hit,) = clerk.client.get("/v1/search", params={"q": typed}).json()["data"]
    assert (hit["id"], hit["matched"]["field"]) == (found, "identifiers")


def test_an_identifier_in_a_path_leads_to_the_record(clerk: Clerk) -> None:
    for path, record in (
        ("organizations/identifier/wikidata/Q1", "organizations/club"),
        ("organizations/identifier/Wikidata/q1", "organizations/club"),
        ("memoranda/identifier/un-symbol/A/RES/70/125", "memoranda/paper"),
        ("countries/identifier/wikidata/Q184?lang=ru", "countries/BY?lang=ru"),
    ):
        for method in ("GET", "HEAD"):
            answer = clerk.client.request(method, f"/v1/{path}")
            assert (answer.status_code, answer.headers["location"]) == (308, f"/v1/{record}")
    refused(clerk.get("organizations/identifier/wikidata/Q9"), 404, "not_found")
    refused(clerk.get("organizations/identifier/-/Q9"), 404, "not_found")
    refused(clerk.get(f"organizations/identifier/wikidata/{'x' * 501}"), 404, "not_found")
    assert clerk.client.request("DELETE", "/v1/organizations/identifier/wikidata/Q1").status_code == 405


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("Artificial intelligence", "artificial-intelligence"),
        ("Cloud computing", "cloud-technologies"),
        ("Cybercrime", "cybercrime"),
        ("Sustainable development", "sustainable-development"),
    ],
)
def test_a_topic_is_found_by_the_name_that_the_digital_watch_gives_it(client: TestClient, name: str, topic: str) -> None:
    assert ids(client.get("/v1/topics", params={"identifier": f"digital-watch:{name}"})) == [topic]
    assert ids(client.get(f"/v1/topics?identifier=digital-watch:{name.replace(' ', '+')}")) == [topic]
    assert ids(client.get("/v1/records", params={"identifier": f"Digital Watch:{name}"})) == [topic]
    answer = client.get(f"/v1/topics/identifier/digital-watch/{quote(name)}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/v1/topics/{topic}")


def test_a_name_of_the_digital_watch_is_an_identifier_in_its_own_case_and_of_topics_only(client: TestClient) -> None:
    assert ids(client.get("/v1/topics", params={"identifier": "digital-watch:cloud computing"})) == []
    refused(client.get("/v1/topics/identifier/digital-watch/cloud%20computing"), 404, "not_found")
    refused(client.get("/v1/series/identifier/digital-watch/Cloud%20computing"), 404, "not_found")
    refused(client.get("/v1/topics/identifier/digital-watch/E-waste"), 404, "not_found")


# -- one record has an identifier ---------------------------------------------------------------------------------------------


def test_an_identifier_of_another_record_of_the_kind_is_a_conflict_that_names_it(clerk: Clerk) -> None:
    taken = [pair("isni", "1"), pair("wikidata", "q1")]
    told = [("/identifiers/1", "wikidata:Q1 is an identifier of the organization 'club' already")]
    assert refused(clerk.post("organizations", {"name": "New", "identifiers": taken}), 409, "conflict") == told
    assert refused(clerk.patch("organizations/other", {"identifiers": taken}), 409, "conflict") == told
    assert clerk.patch("organizations/club", {"identifiers": taken}).status_code == 200
    assert clerk.made("topics", {"name": "New topic", "identifiers": taken})["identifiers"][1] == pair("wikidata", "Q1")


def test_two_lines_of_an_import_may_not_have_the_same_identifier_but_may_exchange_theirs(clerk: Clerk) -> None:
    lines = [{"kind": "person", "id": each, "name": each, "identifiers": [pair("isni", "7")]} for each in ("one", "two")]
    answer = clerk.post("import", "\n".join(map(json.dumps, lines)).encode(), content_type="application/x-ndjson")
    assert [detail for _, detail in refused(answer, 422, "invalid")] == ["isni:7 is an identifier of the person 'one' already"]
    exchanged = [
        {"kind": "organization", "id": "club", "name": "Club", "identifiers": [pair("our-files", "club:7")]},
        {"kind": "organization", "id": "other", "name": "Other", "identifiers": [pair("wikidata", "Q1")]},
    ]
    assert clerk.database.load(*map(json.dumps, exchanged)).counts["replaced"] == 2


def test_deleting_frees_identifiers_merging_carries_them_over_and_restoring_onto_a_taken_one_is_refused(clerk: Clerk) -> None:
    clerk.delete("organizations/club")
    heir = clerk.made("organizations", {"name": "Heir", "identifiers": [pair("wikidata", "Q1")]})["id"]
    told = refused(clerk.post("organizations/club/restore"), 409, "conflict")
    assert told == [("/identifiers/0", f"wikidata:Q1 is an identifier of the organization '{heir}' already")]
    clerk.merged("organizations", heir, "other")
    assert clerk.read("organizations/other")["identifiers"] == [pair("our-files", "club:7"), pair("wikidata", "Q1")]
    assert clerk.post(f"organizations/{heir}/restore").status_code == 200
    assert clerk.read("organizations/other")["identifiers"] == [pair("our-files", "club:7")]


def test_identifiers_that_two_records_share_since_before_are_told_by_the_check_and_do_not_stop_other_writes(
    clerk: Clerk,
) -> None:
    database = clerk.database
    database.execute("UPDATE identifiers SET scheme = 'wikidata', identifier = 'Q1' WHERE record_id = 'other'")
    state = {"kind": "organization", "id": "other", "name": "Other", "identifiers": [pair("wikidata", "Q1")]}
    database.execute(
        "UPDATE changes SET state = :state WHERE record_id = 'other'", state=json.dumps(state, separators=(",", ":"))
    )
    assert [each for each in database.disagreements() if "wikidata:Q1" in each] == [
        "identifiers: wikidata:Q1 is an identifier of several records of the kind organization: club, other"
    ]
    assert clerk.patch("organizations/other", {"acronym": "O"}).status_code == 200
    refused(clerk.get("organizations/identifier/wikidata/Q1"), 409, "conflict")
    refused(clerk.put("organizations/identifier/wikidata/Q1", {"name": "N"}, if_match="*"), 409, "conflict")
    assert clerk.patch("organizations/other", {"identifiers": []}).status_code == 200


# -- writing by an identifier -------------------------------------------------------------------------------------------------


def test_a_put_to_an_identifier_makes_the_record_and_then_replaces_it(clerk: Clerk) -> None:
    path = "organizations/identifier/isni/0000 0001"
    made = clerk.put(path, {"name": "New organization"})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/organizations/new-organization")
    assert made.json()["identifiers"] == [pair("isni", "0000 0001")]
    refused(clerk.put(path, {"name": "Newer organization"}), 428, "precondition_required")
    replaced = clerk.put(path, {"name": "Newer organization"}, if_match=made.headers["etag"])
    assert (replaced.status_code, replaced.json()["id"], replaced.json()["version"]) == (200, "new-organization", 2)
    assert replaced.json()["identifiers"] == [pair("isni", "0000 0001")]
    refused(clerk.put(path, {"name": "Too late"}, if_match=made.headers["etag"]), 412, "precondition_failed")
    assert clerk.put(f"{path}?upsert=true", {"name": "On purpose"}).json()["version"] == 3
    refused(clerk.put(path, {"name": "N"}, if_none_match="*"), 412, "precondition_failed")
    assert clerk.put(f"{path}?dry_run=true&upsert=true", {"name": "Not kept"}).json()["name"] == "Not kept"
    assert clerk.read("organizations/new-organization")["name"] == "On purpose"


def test_a_put_to_an_identifier_takes_an_id_and_other_identifiers(clerk: Clerk) -> None:
    body = {"id": "acme", "name": "Acme", "identifiers": [pair("ror", "04xyz"), pair("isni", "9")]}
    assert clerk.put("organizations/identifier/isni/9", body).json()["id"] == "acme"
    told = refused(clerk.put("organizations/identifier/isni/8", body), 422, "invalid")
    assert told == [("/identifiers", "must have isni:8, as in the address, or be left out")]
    told = refused(clerk.put("organizations/identifier/isni/8", {"id": "club", "name": "N"}), 409, "conflict")
    assert told == [("/id", "'club' is the id of a record without this identifier")]
    told = refused(clerk.put("organizations/identifier/isni/9", {"id": "other", "name": "N"}, if_match="*"), 422, "invalid")
    assert told == [("/id", "must be 'acme', as in the address, or be left out")]
    assert {pointer for pointer, _ in refused(clerk.put("countries/identifier/isni/9", {"name": "N"}), 422, "invalid")} == {
        "/alpha_3"
    }
    assert clerk.client.put("/v1/organizations/identifier/isni/9", json=body).status_code == 401


# -- lines of an import -------------------------------------------------------------------------------------------------------


DELIVERY: tuple[Content, ...] = (
    {"kind": "organization", "id": "ext-1", "match": "identifier", "name": "Club", "identifiers": [pair("wikidata", "Q1")]},
    {
        "kind": "organization",
        "match": "identifier",
        "name": "A third",
        "identifiers": [pair("isni", "3")],
        "citations": [PROOF],
    },
    {
        "kind": "organization",
        "id": "ext-4",
        "match": "identifier",
        "name": "Fourth",
        "identifiers": [pair("isni", "4")],
        "parent": "ext-1",
    },
    {"kind": "membership", "of": "ext-1", "member": "ext-4", "status": "full"},
)


def test_a_line_may_mean_its_record_by_an_identifier(clerk: Clerk) -> None:
    text = "\n".join(map(json.dumps, DELIVERY)).encode()
    report = clerk.post("import", text, content_type="application/x-ndjson").json()
    assert [(each["id"], each["operation"]) for each in report["records"][:4]] == [
        ("club", "replace"),
        ("a-third", "create"),
        (clerk.get("citations?record=a-third").json()["data"][0]["id"], "create"),
        ("ext-4", "create"),
    ]
    assert clerk.read("organizations/ext-4")["parent"]["id"] == "club"
    assert [each["of"]["id"] for each in clerk.get("memberships?member=ext-4").json()["data"]] == ["club"]
    again = clerk.post("import", text, content_type="application/x-ndjson").json()
    assert (again["created"], again["replaced"], again["unchanged"]) == (0, 0, 5)
    assert clerk.database.load(*map(json.dumps, DELIVERY)).counts["unchanged"] == 5


def test_what_is_wrong_with_a_match_is_told(clerk: Clerk) -> None:
    lines: tuple[Content, ...] = (
        {"kind": "organization", "match": "identifier", "name": "No identifier"},
        {"kind": "organization", "match": "name", "name": "Club"},
        {
            "kind": "organization",
            "match": "identifier",
            "name": "Two",
            "identifiers": [pair("wikidata", "Q1"), pair("our-files", "club:7")],
        },
    )
    told = []
    for line in lines:
        answer = clerk.post("import", json.dumps(line).encode(), content_type="application/x-ndjson")
        told += refused(answer, answer.status_code, answer.json()["code"])
    assert told == [
        ("/identifiers", "required, because the record is meant by them"),
        ("/match", "must be 'identifier', or be left out"),
        ("/identifiers", "lead to several records: club, other"),
    ]


def test_a_batch_that_is_tried_again_matches_again(clerk: Clerk) -> None:
    writer = clerk.database.writer
    batch = writer.intake.lines(
        [Line(str(number), json.dumps(line)) for number, line in enumerate(DELIVERY, 1)], Batch.of_many()
    )
    found = []
    for _ in range(2):
        with clerk.database.engine.connect() as connection:
            found.append([each.id for each in writer.settle(connection, batch.again()).changed])
            connection.rollback()
    assert found[0] == found[1]
    assert {"club", "a-third"} <= set(found[0])
