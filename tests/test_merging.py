"""What merging and restoring keep, move, collapse and put back."""

import json
from typing import Any

import pytest

from app.domain.vocabulary import Kind
from app.resources import RESOURCES
from app.writing.keys import Scope
from tests.conftest import Database
from tests.test_writing import PROOF, Clerk, clerk_of, everything, pointers, refused

Content = dict[str, Any]
PLURALS = {resource.kind.value: resource.plural for resource in RESOURCES}
BARE: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "topic", "id": "connectivity", "name": "Connectivity"},
    {"kind": "source", "id": "news", "title": "News", "url": "https://example.org/news"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "person", "id": "somebody", "name": "Somebody"},
    {"kind": "series", "id": "forum", "name": "Forum"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16"},
    {"kind": "memorandum", "id": "paper", "name": "Paper"},
    {"kind": "memorandum", "id": "other-paper", "name": "Other paper"},
    {"kind": "outcome", "id": "pledge", "name": "Pledge", "type": "pledge"},
)
DOUBLES: dict[str, tuple[Content, Content]] = {
    "country": (
        {"id": "XA", "alpha_3": "XAA", "numeric": "901", "name": "Old"},
        {"id": "XB", "alpha_3": "XBB", "numeric": "902", "name": "New"},
    ),
    "outcome": ({"id": "old", "name": "Old", "type": "pledge"}, {"id": "new", "name": "New", "type": "pledge"}),
    "source": ({"id": "old", "title": "Old"}, {"id": "new", "title": "New"}),
    **{
        kind: ({"id": "old", "name": "Old"}, {"id": "new", "name": "New"})
        for kind in ("topic", "organization", "person", "series", "meeting", "memorandum")
    },
}
"""For each kind that others refer to, a record that will be merged into another."""


clerk = clerk_of(*BARE)


def load(database: Database, *contents: Content) -> None:
    """Import records."""
    database.load(*map(json.dumps, contents))


def exported(clerk: Clerk) -> dict[str, Content]:
    """The content of every record, by id."""
    contents = [json.loads(line) for line in clerk.database.export()]
    return {content["id"]: content for content in contents}


def merge(clerk: Clerk, plural: str, gone: str, into: str, **more: str) -> Content:
    """The answer to a merge that is done."""
    answer = clerk.post(f"{plural}/{gone}/merge", {"into": into, **more})
    assert answer.status_code == 200, answer.text
    merged: Content = answer.json()
    return merged


def restore(clerk: Clerk, path: str, version: int | None = None) -> Content:
    """The answer to a restoration that is done."""
    answer = clerk.post(f"{path}/restore", {} if version is None else {"version": version})
    assert answer.status_code == 200, answer.text
    restored: Content = answer.json()
    return restored


# -- who may, and what may be merged --------------------------------------------------------------------------------------


def test_only_an_admin_merges(clerk: Clerk) -> None:
    load(clerk.database, {"kind": "person", "id": "double", "name": "Double"})
    writer = Clerk(clerk.database, clerk.client, Scope.WRITE, name="writer")
    refused(writer.post("people/double/merge", {"into": "somebody"}), 403, "forbidden")
    answer = clerk.client.post("/v1/people/double/merge", json={"into": "somebody"})
    refused(answer, 401, "unauthorized")
    assert clerk.read("people/double")["version"] == 1


def test_a_record_is_merged_into_another_of_its_kind_alone(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for into in ("somebody", "ministry", "nobody"):
        assert pointers(clerk.post("people/somebody/merge", {"into": into})) == {"/into"}
    assert pointers(clerk.post("people/somebody/merge", {})) == {"/into"}
    assert pointers(clerk.post("people/somebody/merge", {"into": "A b", "prefer": "me", "more": 1})) == {
        "/into",
        "/prefer",
        "/more",
    }
    refused(clerk.post("people/nobody/merge", {"into": "somebody"}), 404, "not_found")
    assert everything(clerk.database) == before


def test_a_merge_may_say_which_version_it_is_of(clerk: Clerk) -> None:
    load(clerk.database, {"kind": "person", "id": "double", "name": "Double"})
    tag = clerk.tag("people/double")
    clerk.patch("people/double", {"summary": "Somebody else after all."})
    refused(clerk.post("people/double/merge", {"into": "somebody"}, if_match=tag), 412, "precondition_failed")
    answer = clerk.post("people/double/merge", {"into": "somebody"}, if_match=clerk.tag("people/double"))
    assert answer.status_code == 200
    assert answer.headers["etag"].startswith('"2.')


# -- what a merge does ---------------------------------------------------------------------------------------------------


def test_names_become_aliases_and_identifiers_and_topics_are_added(clerk: Clerk) -> None:
    official = {"language": "en", "text": "Ministry", "type": "official"}
    russian = {"language": "ru", "text": "Минсвязи", "type": "short"}
    misprint = {"language": "ru", "text": "Минсвзи", "type": "as_printed"}
    wikidata = {"scheme": "wikidata", "identifier": "Q1"}
    load(
        clerk.database,
        {
            "kind": "organization",
            "id": "double",
            "name": "The double",
            "seat": "Brest",
            "names": [official, russian, misprint],
            "identifiers": [{"scheme": "ror", "identifier": "r1"}],
            "topics": ["connectivity"],
            "citations": [PROOF],
        },
        {"kind": "organization", "id": "ministry", "name": "Ministry", "names": [official], "identifiers": [wikidata]},
    )
    answer = merge(clerk, "organizations", "double", "ministry")
    read = clerk.read("organizations/ministry?include=citations")
    assert answer["record"] == {name: value for name, value in read.items() if name != "citations"}
    assert read["names"] == [
        official,
        {**russian, "type": "alias"},
        misprint,
        {"language": "und", "text": "The double", "type": "alias"},
    ]
    assert read["identifiers"] == [wikidata, {"scheme": "ror", "identifier": "r1"}]
    assert [topic["id"] for topic in read["topics"]] == ["connectivity"]
    assert [citation["paragraph"] for citation in read["citations"]] == [1]
    assert (read["seat"], read["version"]) == (None, 3)
    assert [each["id"] for each in clerk.read("organizations?q=Минсвязи")["data"]] == ["ministry"]
    changed = {(each["kind"], each["id"], each["operation"]) for each in answer["changed"]}
    assert changed == {
        ("organization", "double", "merge"),
        ("organization", "ministry", "merge"),
        ("citation", read["citations"][0]["id"], "merge"),
    }
    assert answer["left"] == []
    (last, *_) = clerk.read("organizations/double/history")["data"]
    assert (last["operation"], last["into"], last["state"], last["author"]) == ("merge", "ministry", None, "clerk")
    together = clerk.read(f"changes?transaction={last['transaction']}")["data"]
    assert {(each["kind"], each["id"], each["operation"]) for each in together} == changed


def _referring(kind: str, gone: str) -> list[Content]:
    """Records that refer to a record of this kind, each by one field."""
    mine: dict[str, list[Content]] = {
        "organization": [
            {"kind": "organization", "name": "N", "parent": gone},
            {"kind": "position", "person": "somebody", "title": "Head", "organization": gone},
            {"kind": "membership", "of": gone, "member": "BY", "status": "full"},
            {"kind": "membership", "of": "forum", "member": gone, "status": "full"},
            {"kind": "position", "held_by": gone, "title": "Chair"},
            {"kind": "series", "name": "N", "organization": gone},
            {"kind": "participant", "meeting": "talks", "organization": gone, "role": "host"},
            {"kind": "participant", "meeting": "talks", "country": "CN", "on_behalf_of": gone, "role": "host"},
            {"kind": "party", "memorandum": "paper", "party": gone, "role": "party"},
            {"kind": "relation", "memorandum": "paper", "related": gone, "type": "confirms"},
            {"kind": "action", "of": "paper", "type": "signed", "party": gone},
            *_outcomes_about(gone),
        ],
        "country": [
            {"kind": "organization", "name": "N", "country": gone},
            {"kind": "organization", "name": "N", "seat_country": gone},
            {"kind": "position", "person": "somebody", "title": "Head", "country": gone},
            {"kind": "position", "held_by": gone, "title": "Chair"},
            {"kind": "membership", "of": "forum", "member": gone, "status": "full"},
            {"kind": "series", "name": "N", "country": gone},
            {"kind": "meeting", "name": "N", "country": gone},
            {"kind": "participant", "meeting": "talks", "country": gone, "role": "host"},
            {"kind": "participant", "meeting": "talks", "person": "somebody", "on_behalf_of": gone, "role": "host"},
            {"kind": "memorandum", "name": "N", "country": gone},
            *({"kind": kind, "name": "N", "also_in": [{"city": "C", "country": gone}]} for kind in ("meeting", "memorandum")),
            {"kind": "party", "memorandum": "paper", "party": gone, "role": "party"},
            {"kind": "action", "of": "paper", "type": "signed", "party": gone},
            *_outcomes_about(gone),
        ],
        "person": [
            {"kind": "position", "person": gone, "title": "Head"},
            {"kind": "participant", "meeting": "talks", "person": gone, "role": "host"},
            {"kind": "participant", "meeting": "talks", "country": "CN", "on_behalf_of": gone, "role": "host"},
            {"kind": "party", "memorandum": "paper", "party": "BY", "role": "party", "signatories": [{"person": gone}]},
            {"kind": "source", "title": "T", "interviewee": gone},
            *_outcomes_about(gone),
        ],
        "series": [
            {"kind": "series", "name": "N", "parent": gone},
            {"kind": "membership", "of": gone, "member": "BY", "status": "full"},
            {"kind": "meeting", "name": "N", "series": gone},
            {"kind": "meeting", "name": "N", "joint_with": [{"series": gone}]},
            {"kind": "relation", "memorandum": "paper", "related": gone, "type": "confirms"},
        ],
        "meeting": [
            {"kind": "meeting", "name": "N", "part_of": gone},
            {"kind": "participant", "meeting": gone, "person": "somebody", "role": "host"},
            {"kind": "outcome", "name": "N", "type": "pledge", "meeting": gone},
            {"kind": "action", "of": "paper", "type": "signed", "meeting": gone},
            {"kind": "action", "of": gone, "type": "cancelled"},
        ],
        "memorandum": [
            {"kind": "party", "memorandum": gone, "party": "BY", "role": "party"},
            {"kind": "relation", "memorandum": gone, "related": "paper", "type": "confirms"},
            {"kind": "relation", "memorandum": "paper", "related": gone, "type": "implements"},
            {"kind": "action", "of": gone, "type": "signed"},
        ],
        "outcome": [{"kind": "action", "of": gone, "type": "signed"}],
        "topic": [{"kind": "topic", "name": "N", "broader": gone}, {"kind": "person", "name": "N", "topics": [gone]}],
        "source": [{**PROOF, "kind": "citation", "record": "somebody", "source": gone}],
    }
    about = {"kind": "outcome", "name": "N", "type": "pledge", "subject": gone}
    cited = {**PROOF, "kind": "citation", "record": gone}
    return [{**content, "id": f"it-{place}"} for place, content in enumerate([*mine[kind], about, cited])]


def _outcomes_about(gone: str) -> list[Content]:
    by = {"kind": "outcome", "name": "N", "type": "pledge", "made_by": gone}
    others = {"kind": "outcome", "name": "N", "type": "pledge", "others": [{"actor": gone, "role": "carrier"}]}
    return [by, {"kind": "outcome", "name": "N", "type": "pledge", "made_to": gone}, others]


def _items(value: Any) -> list[tuple[Any, ...]]:
    """What the items of an array hold."""
    if not isinstance(value, list):
        return []
    return [tuple(item.values()) if isinstance(item, dict) else (item,) for item in value]


@pytest.mark.parametrize("kind", DOUBLES)
def test_whatever_referred_to_it_refers_to_the_other_and_back_again(clerk: Clerk, kind: str) -> None:
    old, new = ({"kind": kind, **content} for content in DOUBLES[kind])
    referring = _referring(kind, old["id"])
    fields = {
        (content["kind"], name)
        for content in referring
        for name, value in content.items()
        if old["id"] in (value, *(each for item in _items(value) for each in item))
    }
    may_refer = {
        (each.value, field.name)
        for each, schema in clerk.database.writer.schemas.items()
        for field in schema.references
        if Kind(kind) in field.allowed and (not field.is_array or field.member)
    }
    assert fields - {("person", "topics")} == may_refer
    load(clerk.database, old, new, *referring)
    before = exported(clerk)

    merge(clerk, PLURALS[kind], old["id"], new["id"])
    after = exported(clerk)
    assert old["id"] not in after
    for content in referring:
        moved = json.loads(json.dumps(before[content["id"]]).replace(f'"{old["id"]}"', f'"{new["id"]}"'))
        assert after[content["id"]] == moved != before[content["id"]]
    untouched = before.keys() - {old["id"], new["id"], *(content["id"] for content in referring)}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert clerk.database.disagreements() == []

    assert restore(clerk, f"{PLURALS[kind]}/{old['id']}")["left"] == []
    assert exported(clerk) == before


def test_what_follows_from_references_follows_a_merge(clerk: Clerk) -> None:
    load(
        clerk.database,
        {"kind": "organization", "id": "double", "name": "Double", "country": "CN"},
        {"kind": "participant", "id": "who", "meeting": "talks", "organization": "double", "role": "host"},
    )
    merge(clerk, "organizations", "double", "ministry")
    assert [each["id"] for each in clerk.read("meetings/talks")["countries"]] == ["BY"]
    assert clerk.read("participants/who")["organization"] == {"id": "ministry", "name": "Ministry"}
    restore(clerk, "organizations/double")
    assert [each["id"] for each in clerk.read("meetings/talks")["countries"]] == ["CN"]


LINKS: tuple[Content, Content] = (
    {"kind": "participant", "id": "of-double", "meeting": "talks", "person": "double", "role": "host"},
    {"kind": "participant", "id": "of-somebody", "meeting": "talks", "person": "somebody", "role": "host"},
)


def _with_links(clerk: Clerk, **more: str) -> None:
    double: Content = {"kind": "person", "id": "double", "name": "Double"}
    of_double, of_somebody = LINKS
    load(clerk.database, double, {**of_double, **more, "citations": [PROOF]}, {**of_somebody, "citations": [PROOF]})


def test_links_that_become_equal_collapse_with_their_citations(clerk: Clerk) -> None:
    _with_links(clerk)
    before = exported(clerk)
    answer = merge(clerk, "people", "double", "somebody")
    assert [each["id"] for each in clerk.read("participants?person=somebody")["data"]] == ["of-somebody"]
    assert len(clerk.read("participants/of-somebody?include=citations")["citations"]) == 1
    collapsed = [each["id"] for each in answer["changed"] if each["operation"] == "merge" and each["kind"] != "person"]
    assert "of-double" in collapsed
    moved = clerk.get("participants/of-double?fields=role")
    assert (moved.status_code, moved.headers["location"]) == (308, "/v1/participants/of-somebody?fields=role")
    (citation,) = (each["id"] for each in before.values() if each.get("record") == "of-double")
    assert clerk.get(f"citations/{citation}").status_code == 308
    assert clerk.database.disagreements() == []
    assert restore(clerk, "people/double")["left"] == []
    assert exported(clerk) == before


def test_links_that_would_contradict_one_another_are_listed(clerk: Clerk) -> None:
    _with_links(clerk, presence="remote")
    before = everything(clerk.database)
    ((pointer, detail),) = refused(clerk.post("people/double/merge", {"into": "somebody"}), 409, "conflict")
    assert pointer == "/prefer"
    assert "'of-double'" in detail
    assert "'of-somebody'" in detail
    assert everything(clerk.database) == before


@pytest.mark.parametrize(("prefer", "presence"), [("into", None), ("from", "remote")])
def test_who_merges_may_say_which_of_two_links_stays(clerk: Clerk, prefer: str, presence: str | None) -> None:
    _with_links(clerk, presence="remote")
    before = exported(clerk)
    merge(clerk, "people", "double", "somebody", prefer=prefer)
    (stays,) = clerk.read("participants?person=somebody")["data"]
    assert (stays["id"], stays["presence"]) == ("of-somebody", presence)
    assert clerk.get("participants/of-double").status_code == 308
    assert clerk.database.disagreements() == []
    assert restore(clerk, "people/double")["left"] == []
    assert exported(clerk) == before


def test_a_link_of_a_record_with_itself_vanishes_with_its_citations(clerk: Clerk) -> None:
    load(
        clerk.database,
        {"kind": "organization", "id": "double", "name": "Double", "parent": "ministry"},
        {"kind": "membership", "id": "link", "of": "ministry", "member": "double", "status": "full", "citations": [PROOF]},
        {"kind": "relation", "id": "kept", "memorandum": "paper", "related": "double", "type": "confirms"},
    )
    before = exported(clerk)
    merge(clerk, "organizations", "double", "ministry")
    refused(clerk.get("memberships/link"), 410, "gone")
    assert refused(clerk.get("citations?record=link"), 422, "invalid") == [(None, "the membership 'link' was deleted")]
    assert clerk.read("organizations/ministry")["parent"] is None
    assert clerk.read("relations/kept")["related"]["id"] == "ministry"
    assert clerk.database.disagreements() == []
    assert restore(clerk, "organizations/double")["left"] == []
    assert exported(clerk) == before


def test_what_was_above_the_other_is_not_above_itself(clerk: Clerk) -> None:
    """The survivor was below the one that goes; what stands between them would be above and below it."""
    load(
        clerk.database,
        *(
            {"kind": "topic", "id": name, "name": name, "broader": above}
            for name, above in (("upper", None), ("middle", "upper"), ("lower", "middle"))
        ),
    )
    merge(clerk, "topics", "middle", "lower")
    assert clerk.read("topics/lower")["broader"] is None
    restore(clerk, "topics/middle")
    before = everything(clerk.database)
    refused(clerk.post("topics/upper/merge", {"into": "lower"}), 409, "conflict")
    assert everything(clerk.database) == before


def test_dates_that_would_not_agree_stop_a_merge(clerk: Clerk) -> None:
    load(
        clerk.database,
        {"kind": "meeting", "id": "double", "name": "Double", "date": "2020"},
        {"kind": "outcome", "id": "agreed", "name": "N", "type": "pledge", "meeting": "double", "date": "2020-02"},
    )
    before = everything(clerk.database)
    ((_, detail),) = refused(clerk.post("meetings/double/merge", {"into": "talks"}), 409, "conflict")
    assert "'talks' was at another time" in detail
    assert everything(clerk.database) == before


def test_a_list_of_topics_names_none_twice(clerk: Clerk) -> None:
    load(
        clerk.database,
        {"kind": "topic", "id": "double", "name": "Double"},
        {"kind": "person", "id": "expert", "name": "Expert", "topics": ["double", "connectivity"]},
        {"kind": "person", "id": "other", "name": "Other", "topics": ["double"]},
    )
    before = exported(clerk)
    merge(clerk, "topics", "double", "connectivity")
    for person in ("expert", "other"):
        assert [each["id"] for each in clerk.read(f"people/{person}")["topics"]] == ["connectivity"]
    restore(clerk, "topics/double")
    assert exported(clerk) == before


# -- the old id ----------------------------------------------------------------------------------------------------------


def test_old_ids_lead_to_the_end_of_a_chain_of_merges(clerk: Clerk) -> None:
    load(clerk.database, *({"kind": "person", "id": name, "name": name} for name in ("first", "second", "third")))
    for gone, into in (("first", "second"), ("second", "third"), ("third", "somebody")):
        merge(clerk, "people", gone, into)
    for name in ("first", "second", "third"):
        for path in (f"people/{name}?lang=ru", f"records/{name}?lang=ru"):
            for method in ("GET", "HEAD"):
                answer = clerk.send(method, path)
                assert (answer.status_code, answer.headers["location"]) == (308, f"/v1/{path.replace(name, 'somebody')}")
    refused(clerk.get("organizations/first"), 404, "not_found")
    refused(clerk.post("people/first/merge", {"into": "somebody"}), 410, "merged")
    names = {each["text"] for each in clerk.read("people/somebody")["names"]}
    assert names == {"first", "second", "third"}
    clerk.delete("people/somebody")
    refused(clerk.get("people/first"), 410, "gone")


def test_a_merge_in_the_midst_of_a_chain_can_be_undone(clerk: Clerk) -> None:
    link = {"kind": "position", "id": "office", "person": "first", "title": "Head"}
    load(clerk.database, *({"kind": "person", "id": name, "name": name} for name in ("first", "second")), link)
    merge(clerk, "people", "first", "second")
    merge(clerk, "people", "second", "somebody")
    answer = restore(clerk, "people/first")
    assert {fault["pointer"] for fault in answer["left"]} == {"/second", "/office/person"}
    assert clerk.read("people/first")["name"] == "first"
    assert clerk.read("positions/office")["person"]["id"] == "somebody"
    assert clerk.get("people/second").headers["location"] == "/v1/people/somebody"


# -- undoing a merge -----------------------------------------------------------------------------------------------------


def test_what_changed_since_a_merge_is_kept_and_told(clerk: Clerk) -> None:
    load(
        clerk.database,
        {"kind": "person", "id": "double", "name": "Double", "identifiers": [{"scheme": "a", "identifier": "1"}]},
        {"kind": "person", "id": "third", "name": "Third"},
        {"kind": "position", "id": "stays", "person": "double", "title": "Head"},
        {"kind": "position", "id": "moved", "person": "double", "title": "Deputy"},
        {"kind": "position", "id": "deleted", "person": "double", "title": "Adviser"},
        {"kind": "position", "id": "edited", "person": "double", "title": "Minister"},
    )
    merge(clerk, "people", "double", "somebody")
    clerk.patch("positions/moved", {"person": "third"})
    clerk.patch("positions/edited", {"since": "2020"})
    clerk.delete("positions/deleted")
    names = clerk.read("people/somebody")["names"]
    added = {"language": "ru", "text": "Некто", "type": "official"}
    clerk.patch("people/somebody", {"summary": "Known.", "names": [*names, added]})

    answer = restore(clerk, "people/double")
    assert (answer["record"]["id"], answer["record"]["name"], answer["record"]["version"]) == ("double", "Double", 3)
    assert {fault["pointer"] for fault in answer["left"]} == {"/moved/person", "/deleted"}
    holders = {name: clerk.read(f"positions/{name}")["person"]["id"] for name in ("stays", "moved", "edited")}
    assert holders == {"stays": "double", "moved": "third", "edited": "double"}
    assert clerk.read("positions/edited")["since"] == "2020"
    refused(clerk.get("positions/deleted"), 410, "gone")
    survivor = clerk.read("people/somebody")
    assert (survivor["summary"], survivor["names"], survivor["identifiers"]) == ("Known.", [added], [])
    logged = clerk.read("people/double/history")["data"]
    assert [each["operation"] for each in logged] == ["restore", "merge", "create"]


def test_a_link_made_again_since_a_merge_is_kept_and_told(clerk: Clerk) -> None:
    """What vanished in the merge was written anew, in other words, before the merge is undone."""
    link = {"kind": "membership", "id": "link", "of": "ministry", "member": "double", "status": "full"}
    load(clerk.database, {"kind": "organization", "id": "double", "name": "Double"}, link)
    merge(clerk, "organizations", "double", "ministry")
    anew = {"of": "ministry", "member": "CN", "status": "observer"}
    assert clerk.put("memberships/link", anew).status_code == 201
    answer = restore(clerk, "organizations/double")
    found = clerk.read("memberships/link")
    assert (found["member"]["id"], found["status"]) == ("CN", "observer")
    assert "/link" in {fault["pointer"] for fault in answer["left"]}


def test_a_merge_is_undone_once(clerk: Clerk) -> None:
    load(clerk.database, {"kind": "person", "id": "double", "name": "Double"})
    merge(clerk, "people", "double", "somebody")
    restore(clerk, "people/double")
    assert clerk.get("people/double").status_code == 200
    assert pointers(clerk.post("people/double/restore", {})) == {"/version"}
    merge(clerk, "people", "double", "somebody")
    assert clerk.get("people/double").headers["location"] == "/v1/people/somebody"
    restore(clerk, "people/double", 1)
    assert clerk.read("people/double")["version"] == 5
    assert clerk.read("people/somebody")["names"] == []


def test_undoing_a_merge_fails_whole(clerk: Clerk) -> None:
    load(clerk.database, {"kind": "organization", "id": "double", "name": "Double", "country": "CN"})
    merge(clerk, "organizations", "double", "ministry")
    assert clerk.delete("countries/CN").status_code == 204
    before = everything(clerk.database)
    assert {pointer for pointer, _ in refused(clerk.post("organizations/double/restore"), 409, "conflict")} == {"/country"}
    assert everything(clerk.database) == before


# -- restore -------------------------------------------------------------------------------------------------------------


def test_any_version_is_restored_as_a_new_one(clerk: Clerk) -> None:
    states = [clerk.read("organizations/ministry")]
    for changes in ({"seat": "Minsk", "topics": ["connectivity"]}, {"name": "Renamed", "country": None}):
        clerk.patch("organizations/ministry", changes)
        states.append(clerk.read("organizations/ministry"))
    own = ("name", "seat", "country", "topics", "created_at")
    for place, state in enumerate(states, 1):
        answer = clerk.post("organizations/ministry/restore", {"version": place})
        assert answer.status_code == 200
        record = answer.json()["record"]
        assert {name: record[name] for name in own} == {name: state[name] for name in own}
        assert record["version"] == 3 + place
        assert record == clerk.read("organizations/ministry")
        assert answer.json()["changed"] == [{"id": "ministry", "kind": "organization", "operation": "restore"}]
        assert answer.headers["etag"].startswith(f'"{3 + place}.')
    (entry, *_) = clerk.read("organizations/ministry/history")["data"]
    assert (entry["operation"], entry["version"]) == ("restore", 6)


def test_restoring_what_is_there_says_which_version_and_may_say_what_it_stands_at(clerk: Clerk) -> None:
    tag = clerk.tag("people/somebody")
    clerk.patch("people/somebody", {"name": "Renamed"})
    before = everything(clerk.database)
    assert pointers(clerk.post("people/somebody/restore")) == {"/version"}
    assert pointers(clerk.post("people/somebody/restore", {"version": 3})) == {"/version"}
    for body in ({"version": 0}, {"version": "1"}, {"version": 2**40}):
        assert pointers(clerk.post("people/somebody/restore", body)) == {"/version"}
    assert pointers(clerk.post("people/somebody/restore", {"to": 1})) == {"/to"}
    refused(clerk.post("people/somebody/restore", {"version": 1}, if_match=tag), 412, "precondition_failed")
    refused(clerk.post("people/nobody/restore"), 404, "not_found")
    assert everything(clerk.database) == before
    answer = clerk.post("people/somebody/restore", {"version": 1}, if_match=clerk.tag("people/somebody"))
    assert answer.json()["record"]["name"] == "Somebody"


def test_a_deleted_record_comes_back_with_its_citations(clerk: Clerk) -> None:
    cited = {"kind": "person", "id": "leaver", "name": "Leaver", "citations": [PROOF, {**PROOF, "paragraph": 2}]}
    load(clerk.database, cited)
    (earlier, _) = clerk.read("people/leaver?include=citations")["citations"]
    clerk.delete(f"citations/{earlier['id']}")
    before = exported(clerk)
    clerk.delete("people/leaver")
    refused(clerk.post("people/leaver/restore", {"version": 3}), 422, "invalid")
    answer = restore(clerk, "people/leaver")
    assert (answer["record"]["name"], answer["record"]["version"]) == ("Leaver", 4)
    assert sorted(each["kind"] for each in answer["changed"]) == ["citation", "person"]
    assert exported(clerk) == before
    assert clerk.get("people/leaver").status_code == 200


def test_an_earlier_version_of_a_deleted_record_comes_back(clerk: Clerk) -> None:
    clerk.patch("people/somebody", {"name": "Renamed"})
    clerk.delete("people/somebody")
    assert restore(clerk, "people/somebody", 1)["record"]["name"] == "Somebody"
    assert clerk.read("people/somebody")["version"] == 4


def test_what_refers_to_something_gone_is_not_restored(clerk: Clerk) -> None:
    load(
        clerk.database, {"kind": "organization", "id": "office", "name": "Office", "country": "CN", "topics": ["connectivity"]}
    )
    clerk.delete("organizations/office")
    clerk.delete("countries/CN")
    clerk.delete("topics/connectivity")
    before = everything(clerk.database)
    faults = refused(clerk.post("organizations/office/restore"), 409, "conflict")
    assert {pointer for pointer, _ in faults} == {"/country", "/topics/0"}
    assert everything(clerk.database) == before
    restore(clerk, "countries/CN")
    restore(clerk, "topics/connectivity")
    restore(clerk, "organizations/office")
    assert clerk.read("organizations/office")["country"]["id"] == "CN"


def test_a_link_that_was_said_anew_is_not_restored_beside_it(clerk: Clerk) -> None:
    link = {"person": "somebody", "title": "Head"}
    first = clerk.made("positions", link)["id"]
    clerk.delete(f"positions/{first}")
    second = clerk.made("positions", link)["id"]
    ((_, detail),) = refused(clerk.post(f"positions/{first}/restore"), 409, "conflict")
    assert second in detail


def test_a_citation_is_restored_alone_and_moves_the_version_of_its_record(clerk: Clerk) -> None:
    made = clerk.made("citations", {"record": "somebody", **PROOF})
    clerk.delete(f"citations/{made['id']}")
    restore(clerk, f"citations/{made['id']}")
    read = clerk.read("people/somebody?include=citations")
    assert ([each["id"] for each in read["citations"]], read["version"]) == ([made["id"]], 4)
    clerk.delete(f"citations/{made['id']}")
    clerk.delete("people/somebody")
    refused(clerk.post(f"citations/{made['id']}/restore"), 409, "conflict")


def test_a_name_that_both_have_is_no_alias(clerk: Clerk) -> None:
    load(clerk.database, *({"kind": "person", "id": each, "name": "Same Name"} for each in ("same-one", "same-two")))
    merge(clerk, "people", "same-one", "same-two")
    assert clerk.read("people/same-two")["names"] == []
