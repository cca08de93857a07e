"""Second deliveries: lines that change only what they mention, lines that delete, deletions with links, undone transactions."""

import json
from typing import Any

import pytest

from app.writing.keys import Scope
from tests.test_merging import merge
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "FJ", "alpha_3": "FJI", "numeric": "242", "name": "Fiji"},
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {
        "kind": "person",
        "id": "minister",
        "name": "Minister",
        "sort_name": "Minister, A",
        "summary": "An editor wrote this.",
        "names": [{"language": "ru", "text": "Министр", "type": "official"}],
        "identifiers": [{"scheme": "wikidata", "identifier": "Q1"}],
        "topics": ["trade"],
    },
    {"kind": "person", "id": "other", "name": "Other"},
    {"kind": "topic", "id": "trade", "name": "Trade"},
    {"kind": "topic", "id": "energy", "name": "Energy"},
    {"kind": "source", "id": "page", "title": "Page"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2020-05-01", "status": "held"},
    {"kind": "participant", "id": "row", "meeting": "talks", "person": "minister", "country": "BY", "role": "speaker"},
    {"kind": "memorandum", "id": "treaty", "name": "Treaty", "date": "2020-05-01"},
    {"kind": "party", "id": "by-party", "memorandum": "treaty", "party": "BY", "role": "party"},
    {"kind": "party", "id": "fj-party", "memorandum": "treaty", "party": "FJ", "role": "party"},
    {"kind": "action", "id": "signing", "of": "treaty", "type": "signed", "meeting": "talks"},
    {
        "kind": "citation",
        "id": "proof",
        "record": "by-party",
        "source": "page",
        "paragraph": 1,
        "quote": "both",
        "confidence": "stated",
    },
    {
        "kind": "citation",
        "id": "told",
        "record": "minister",
        "source": "page",
        "paragraph": 2,
        "quote": "he",
        "confidence": "stated",
    },
    {"kind": "membership", "id": "first", "of": "club", "member": "FJ", "status": "full", "since": "1946", "until": "1984"},
    {"kind": "membership", "id": "second", "of": "club", "member": "FJ", "status": "full", "since": "2003"},
)
clerk = clerk_of(*WORLD)


def deliver(clerk: Clerk, *lines: Content, query: str = "") -> dict[str, Any]:
    """The report of an import that is done."""
    answer = send(clerk, *lines, query=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(clerk: Clerk, *lines: Content, query: str = "") -> Any:
    """The answer to an import."""
    body = "\n".join(json.dumps(line) for line in lines).encode()
    return clerk.post(f"import{query}", body, content_type="application/x-ndjson")


def done(report: dict[str, Any]) -> dict[str, str]:
    """What was done, by id."""
    return {each["id"]: each["operation"] for each in report["records"]}


def exported(clerk: Clerk) -> list[str]:
    """All records, as lines of the exchange format."""
    return clerk.get("export").text.splitlines()


# -- lines that merge --------------------------------------------------------------------------------------------------


def test_a_line_that_merges_changes_what_it_mentions(clerk: Clerk) -> None:
    line = {
        "kind": "person",
        "id": "minister",
        "sort_name": None,
        "names": [
            {"language": "en", "text": "The Minister", "type": "short"},
            {"language": "ru", "text": "Министр", "type": "short"},
        ],
        "identifiers": [{"scheme": "ror", "identifier": "x"}, {"scheme": "wikidata", "identifier": "Q1"}],
        "topics": ["energy"],
        "citations": [{"source": "page", "paragraph": 3, "quote": "him", "confidence": "stated"}],
    }
    assert done(deliver(clerk, line, query="?mode=merge"))["minister"] == "replace"
    person = clerk.read("people/minister?include=citations")
    assert (person["name"], person["sort_name"], person["summary"]) == ("Minister", None, "An editor wrote this.")
    assert [(name["text"], name["type"]) for name in person["names"]] == [("Министр", "short"), ("The Minister", "short")]
    assert [each["scheme"] for each in person["identifiers"]] == ["wikidata", "ror"]
    assert [each["id"] for each in person["topics"]] == ["trade", "energy"]
    assert [each["quote"] for each in person["citations"]] == ["he", "him"]
    again = deliver(clerk, line, query="?mode=merge")
    assert (again["unchanged"], again["replaced"], again["transaction"]) == (2, 0, None)


def test_a_line_that_merges_makes_what_is_not_there_and_says_what_it_lacks(clerk: Clerk) -> None:
    new = {"kind": "person", "id": "new", "name": "New"}
    assert done(deliver(clerk, new, query="?mode=merge")) == {"new": "create"}
    lacking = send(
        clerk, {"kind": "person", "id": "newer", "summary": "?"}, {"kind": "party", "party": "BY"}, query="?mode=merge"
    )
    assert sorted(refused(lacking, 422, "invalid")) == [
        ("/memorandum", "required"),
        ("/name", "required"),
        ("/role", "required"),
    ]
    wrong = send(clerk, {"kind": "person", "id": "minister", "name": None, "rank": 1}, query="?mode=merge")
    assert refused(wrong, 422, "invalid") == [("/rank", "there is no such field here")]
    cleared = send(clerk, {"kind": "person", "id": "minister", "name": None}, query="?mode=merge")
    assert refused(cleared, 422, "invalid") == [("/name", "required")]


def test_a_line_that_merges_finds_its_record_by_identifier_key_and_merged_id(clerk: Clerk) -> None:
    by_identifier = {"kind": "person", "match": "identifier", "identifiers": [{"scheme": "wikidata", "identifier": "q1"}]}
    assert done(deliver(clerk, {**by_identifier, "summary": "Known"}, query="?mode=merge")) == {"minister": "replace"}
    assert clerk.read("people/minister")["name"] == "Minister"
    party = {"kind": "party", "memorandum": "treaty", "party": "BLR", "role": "party"}
    signed = {**party, "signatories": [{"capacity": "Head"}]}
    assert done(deliver(clerk, signed, query="?mode=merge")) == {"by-party": "replace"}
    part = {"kind": "participant", "meeting": "talks", "person": "minister", "country": "BY", "role": "speaker"}
    assert done(deliver(clerk, {**part, "rank": "minister"}, query="?mode=merge")) == {"row": "replace"}
    since = {"kind": "membership", "of": "club", "member": "FJ", "status": "full", "since": "2003"}
    assert done(deliver(clerk, {**since, "ordinal": 5}, query="?mode=merge")) == {"second": "replace"}
    merge(clerk, "people", "minister", "other")
    late = {"kind": "person", "id": "minister", "summary": "By its former id", "citations": []}
    assert done(deliver(clerk, late, query="?mode=merge")) == {"other": "replace"}
    assert clerk.read("people/other")["summary"] == "By its former id"
    assert refused(send(clerk, {**late, "name": "Minister"}), 409, "conflict")


def test_a_line_without_since_may_change_the_only_record_of_its_key(clerk: Clerk) -> None:
    deliver(clerk, {"kind": "membership", "id": "first", "deleted": True})
    line = {"kind": "membership", "of": "club", "member": "FJ", "status": "full", "ordinal": 3}
    assert done(deliver(clerk, line, query="?mode=merge")) == {"second": "replace"}
    assert (clerk.read("memberships/second")["since"], clerk.read("memberships/second")["ordinal"]) == ("2003", 3)


def test_a_version_in_a_line_is_a_precondition(clerk: Clerk) -> None:
    line = {"kind": "person", "id": "other", "name": "Another", "version": 1}
    assert done(deliver(clerk, line)) == {"other": "replace"}
    assert done(deliver(clerk, line)) == {"other": "unchanged"}, "a repeated delivery has nothing to lose"
    ((pointer, detail),) = refused(send(clerk, {**line, "name": "Somebody"}), 409, "conflict")
    assert (pointer, detail) == ("/version", "'other' is at version 2 by now, not 1; read it again")
    assert refused(send(clerk, {"kind": "person", "id": "other", "deleted": True, "version": 1}), 409, "conflict")
    assert refused(send(clerk, {**line, "id": "nobody"}), 409, "conflict") == [("/version", "there is no record 'nobody'")]
    assert refused(send(clerk, {**line, "version": "1"}), 422, "invalid")[0][0] == "/version"


# -- lines that delete -------------------------------------------------------------------------------------------------


def test_lines_delete_by_id_identifier_and_key(clerk: Clerk) -> None:
    report = deliver(
        clerk,
        {"kind": "party", "memorandum": "treaty", "party": "blr", "role": "party", "deleted": True},
        {"kind": "membership", "of": "club", "member": "FJ", "status": "full", "since": "1946", "deleted": True},
        {"kind": "participant", "id": "row", "deleted": True},
        {"kind": "person", "match": "identifier", "identifiers": [{"scheme": "wikidata", "identifier": "Q1"}], "deleted": True},
        {"kind": "topic", "id": "never", "deleted": True},
        {"kind": "party", "memorandum": "treaty", "party": "BY", "role": "sponsor", "deleted": True},
    )
    found = done(report)
    deleted = {record for record, operation in found.items() if operation == "delete"}
    assert deleted == {"by-party", "proof", "first", "row", "minister", "told"}
    assert found["never"] == "unchanged"
    assert (report["deleted"], report["unchanged"]) == (6, 2)
    assert clerk.get("people/minister").status_code == 410
    again = deliver(clerk, {"kind": "participant", "id": "row", "deleted": True})
    assert (again["unchanged"], again["transaction"]) == (1, None)


def test_a_line_that_deletes_is_refused_where_it_is_unclear_or_needed(clerk: Clerk) -> None:
    unclear = {"kind": "membership", "of": "club", "member": "FJ", "status": "full", "deleted": True}
    assert refused(send(clerk, unclear), 409, "conflict") == [("/id", "may mean first or second; write the id")]
    ((_, detail),) = refused(send(clerk, {"kind": "memorandum", "id": "talks", "deleted": True}), 409, "conflict")
    assert detail == "'talks' is the id of a meeting"
    assert refused(send(clerk, {"kind": "person", "deleted": True}), 422, "invalid") == [("/id", "a person needs an id")]
    needed = [
        detail for _, detail in refused(send(clerk, {"kind": "meeting", "id": "talks", "deleted": True}), 409, "conflict")
    ]
    assert sorted(needed) == [
        "cannot be deleted: the action 'signing' refers to 'talks' as its meeting",
        "cannot be deleted: the participant 'row' refers to 'talks' as its meeting; `links` deletes it, too",
    ]
    assert refused(send(clerk, {"kind": "person", "id": "x", "name": "X", "links": True}), 422, "invalid")[0][0] == "/links"
    assert refused(send(clerk, {"kind": "person", "id": "x", "name": "X", "deleted": 1}), 422, "invalid")[0][0] == "/deleted"


def test_a_line_may_take_what_only_links_the_record(clerk: Clerk) -> None:
    before = exported(clerk)
    report = deliver(clerk, {"kind": "memorandum", "id": "treaty", "deleted": True, "links": True})
    assert done(report) == dict.fromkeys(("treaty", "by-party", "fj-party", "signing", "proof"), "delete")
    answer = clerk.post(f"transactions/{report['transaction']}/undo")
    assert answer.status_code == 200, answer.text
    assert exported(clerk) == before


def test_a_reference_moves_away_from_what_the_same_import_deletes(clerk: Clerk) -> None:
    moved = {"kind": "participant", "id": "row", "meeting": "talks", "person": "other", "country": "BY", "role": "speaker"}
    report = deliver(clerk, {"kind": "person", "id": "minister", "deleted": True}, moved)
    assert done(report) == {"minister": "delete", "told": "delete", "row": "replace"}


def test_repeated_lines_are_counted(clerk: Clerk) -> None:
    line = {"kind": "topic", "id": "new", "name": "New"}
    report = deliver(clerk, line, line, line)
    assert (report["created"], report["repeated"], len(report["records"])) == (1, 2, 1)


# -- which record a line means ------------------------------------------------------------------------------------------

SIDE = {"kind": "party", "memorandum": "treaty", "party": "BY", "role": "depositary"}


def test_a_key_that_changed_means_its_record_no_more(clerk: Clerk) -> None:
    (made,) = done(deliver(clerk, SIDE))
    clerk.patch(f"parties/{made}", {"role": "adopter"})
    assert deliver(clerk, {**SIDE, "deleted": True})["unchanged"] == 1
    assert clerk.read(f"parties/{made}")["role"] == "adopter"
    both = done(deliver(clerk, SIDE, {**SIDE, "role": "adopter"}))
    assert both[made] == "unchanged"
    (other,) = both.keys() - {made}
    assert (clerk.read(f"parties/{other}")["role"], both[other]) == ("depositary", "create")
    assert done(deliver(clerk, {**SIDE, "signatories": [{"capacity": "Head"}]}, query="?mode=merge")) == {other: "replace"}
    assert deliver(clerk, SIDE, query="?mode=merge")["unchanged"] == 1


def test_a_delivery_of_before_does_not_make_a_record_coarser(clerk: Clerk) -> None:
    line = {"kind": "membership", "of": "club", "member": "BY", "status": "full", "since": "2004"}
    (made,) = done(deliver(clerk, line))
    assert done(deliver(clerk, {**line, "since": "2004-08-15"})) == {made: "replace"}
    ((pointer, detail),) = refused(send(clerk, line), 409, "conflict")
    assert pointer == "/since"
    assert f"overlaps the membership {made!r}" in detail
    assert deliver(clerk, {**line, "deleted": True})["unchanged"] == 1


def test_two_lines_that_delete_one_record_are_one(clerk: Clerk) -> None:
    line = {"kind": "party", "memorandum": "treaty", "party": "BY", "role": "party", "deleted": True}
    report = deliver(clerk, line, {**line, "party": "BLR"}, {**line, "party": "by"})
    assert (report["deleted"], report["repeated"]) == (2, 2), "the party and its citation"


def test_a_line_that_means_its_record_by_key_brings_citations(clerk: Clerk) -> None:
    line = {"kind": "party", "memorandum": "treaty", "party": "FJ", "role": "party"}
    report = deliver(clerk, {**line, "citations": [PASSAGE]})
    assert done(report)["fj-party"] == "replace", "its version moves with its citations"
    (cited,) = clerk.read("parties/fj-party?include=citations")["citations"]
    assert cited["quote"] == "new"
    assert deliver(clerk, {**line, "citations": [PASSAGE]})["unchanged"] == 2
    merged = deliver(clerk, {**line, "citations": [{**PASSAGE, "quote": "other"}]}, query="?mode=merge")
    assert (merged["created"], merged["deleted"]) == (1, 0)
    replaced = deliver(clerk, {**line, "citations": [{**PASSAGE, "quote": "other"}]})
    assert (replaced["created"], replaced["deleted"]) == (0, 1)


def test_a_citation_of_a_merged_id_has_the_id_of_the_one_that_stayed(clerk: Clerk) -> None:
    merge(clerk, "people", "minister", "other")
    late = {"kind": "person", "id": "minister", "citations": [PASSAGE]}
    before = done(deliver(clerk, late, query="?mode=merge&dry_run=true"))
    own = {"kind": "person", "id": "other", "citations": [PASSAGE]}
    assert done(deliver(clerk, own, query="?mode=merge")) == before
    assert deliver(clerk, late, query="?mode=merge")["transaction"] is None


def test_an_identifier_that_nobody_has_means_nobody(clerk: Clerk) -> None:
    unknown = [{"scheme": "wikidata", "identifier": "Q99"}]
    line = {"kind": "person", "id": "other", "match": "identifier", "identifiers": unknown}
    assert deliver(clerk, {**line, "deleted": True})["unchanged"] == 1
    ((pointer, detail),) = refused(send(clerk, {**line, "name": "Somebody else"}), 409, "conflict")
    assert pointer == "/id"
    assert detail == "'other' is the id of a record without these identifiers; leave `match` out to change that one"
    nameless = {"kind": "person", "match": "identifier", "identifiers": unknown}
    assert refused(send(clerk, nameless, query="?mode=merge"), 422, "invalid") == [("/name", "required")]
    party = {"kind": "party", "memorandum": "treaty", "party": "BY", "role": "party", "match": "identifier"}
    assert deliver(clerk, {**party, "identifiers": unknown, "deleted": True})["unchanged"] == 1


def test_ids_of_another_register_may_be_those_of_other_records(clerk: Clerk) -> None:
    clerk.patch("people/other", {"identifiers": [{"scheme": "wikidata", "identifier": "Q2"}]})
    swapped = [
        {
            "kind": "person",
            "id": theirs,
            "match": "identifier",
            "name": name,
            "identifiers": [{"scheme": "wikidata", "identifier": q}],
        }
        for theirs, name, q in (("other", "Minister now", "Q1"), ("minister", "Other now", "Q2"))
    ]
    topic = {"kind": "position", "person": "other", "title": "Head"}
    deliver(clerk, *swapped, topic)
    assert (clerk.read("people/minister")["name"], clerk.read("people/other")["name"]) == ("Minister now", "Other now")
    assert clerk.read("positions")["data"][0]["person"]["id"] == "minister", "the person with that id in the delivery"


def test_null_empties_arrays_and_dates_shown_are_added(clerk: Clerk) -> None:
    line: Content = {"kind": "person", "id": "minister", "names": None, "topics": []}
    assert done(deliver(clerk, line, query="?mode=merge")) == {"minister": "replace"}
    person = clerk.read("people/minister")
    assert (person["names"], [each["id"] for each in person["topics"]]) == ([], ["trade"])
    shown = {"kind": "membership", "id": "second"}
    for day in ("2010", "2011"):
        deliver(clerk, {**shown, "attested": [day]}, query="?mode=merge")
    assert clerk.read("memberships/second")["attested"] == ["2010", "2011"]


# -- deletions with links ----------------------------------------------------------------------------------------------


def test_a_deletion_with_links_takes_what_only_links_the_record(clerk: Clerk) -> None:
    before = exported(clerk)
    assert "links" in clerk.delete("memoranda/treaty").text
    answer = clerk.delete("memoranda/treaty?links=true")
    assert answer.status_code == 204, answer.text
    assert ids(clerk.get("parties")) == ids(clerk.get("actions")) == []
    assert ids(clerk.get("citations")) == ["told"]
    (entry,) = (each for each in clerk.read("changes?limit=1000")["data"] if each["id"] == "treaty" and each["state"] is None)
    assert clerk.post(f"transactions/{entry['transaction']}/undo").json()["created"] == 0
    assert exported(clerk) == before


def test_a_wrong_option_is_told_with_the_words_that_are_taken(clerk: Clerk) -> None:
    for answer in (clerk.delete("memoranda/treaty?links=maybe"), clerk.post("import?dry_run=maybe", b"")):
        assert answer.json()["errors"][0]["detail"] == "'maybe': must be true or false"


def test_what_says_more_than_a_link_keeps_the_record(clerk: Clerk) -> None:
    problem = clerk.delete("meetings/talks?links=true")
    ((_, detail),) = refused(problem, 409, "still_referenced")
    assert detail == "cannot be deleted: the action 'signing' refers to 'talks' as its meeting"
    assert ids(clerk.get("participants")) == ["row"]


# -- undone transactions -----------------------------------------------------------------------------------------------


def test_a_transaction_is_shown_and_undone_and_done_again(clerk: Clerk) -> None:
    before = exported(clerk)
    report = deliver(
        clerk,
        {"kind": "person", "id": "new", "name": "New", "citations": [PASSAGE]},
        {"kind": "person", "id": "other", "name": "Changed", "citations": [PASSAGE]},
        {"kind": "participant", "id": "row", "deleted": True},
        {"kind": "topic", "id": "trade", "name": "Commerce"},
    )
    after = exported(clerk)
    shown = clerk.read(f"transactions/{report['transaction']}")
    assert (shown["author"], shown["changes"]) == ("clerk", {"create": 3, "delete": 1, "replace": 2})
    assert clerk.get(shown["links"]["changes"].partition("/v1/")[2]).json()["data"][0]["transaction"] == report["transaction"]
    dry = clerk.post(f"transactions/{report['transaction']}/undo?dry_run=true").json()
    assert (dry["deleted"], dry["transaction"], exported(clerk)) == (3, None, after)
    undone = clerk.post(f"transactions/{report['transaction']}/undo").json()
    assert exported(clerk) == before
    redone = clerk.post(f"transactions/{undone['transaction']}/undo").json()
    assert exported(clerk) == after
    clerk.post(f"transactions/{redone['transaction']}/undo")
    assert exported(clerk) == before


def test_a_merge_is_undone_and_done_again(clerk: Clerk) -> None:
    before = exported(clerk)
    merge(clerk, "people", "minister", "other")
    after = exported(clerk)
    (transaction,) = {each["transaction"] for each in clerk.read("changes?limit=1000")["data"] if each["operation"] == "merge"}
    undone = clerk.post(f"transactions/{transaction}/undo").json()
    assert exported(clerk) == before
    assert clerk.get("people/minister").status_code == 200
    clerk.post(f"transactions/{undone['transaction']}/undo")
    assert exported(clerk) == after
    assert clerk.get("people/minister").status_code == 308


def test_what_was_changed_or_is_needed_since_is_told_and_nothing_is_undone(clerk: Clerk) -> None:
    report = deliver(clerk, {"kind": "person", "id": "new", "name": "New"}, {"kind": "topic", "id": "fresh", "name": "Fresh"})
    clerk.post("people", {"id": "third", "name": "Third", "topics": ["fresh"]})
    standing = exported(clerk)
    needed = clerk.post(f"transactions/{report['transaction']}/undo")
    ((_, detail),) = refused(needed, 409, "conflict")
    assert detail == "cannot be deleted: the person 'third' refers to 'fresh' as its topics"
    clerk.patch("people/new", {"summary": "Changed"})
    changed = clerk.post(f"transactions/{report['transaction']}/undo")
    ((pointer, detail),) = refused(changed, 409, "conflict")
    assert pointer == "/new"
    assert detail.startswith("the person 'new' was changed since, by the transaction ")
    assert len(exported(clerk)) == len(standing)


@pytest.mark.parametrize("path", ["transactions/none", "transactions/%00"])
def test_a_transaction_that_never_was_is_not_found(clerk: Clerk, path: str) -> None:
    refused(clerk.get(path), 404, "not_found")
    refused(clerk.post(f"{path}/undo"), 404, "not_found")


def test_undoing_needs_the_scope_admin(clerk: Clerk) -> None:
    report = deliver(clerk, {"kind": "topic", "id": "new", "name": "New"})
    writer = Clerk(clerk.database, clerk.client, Scope.WRITE, name="writer")
    assert writer.post(f"transactions/{report['transaction']}/undo").status_code == 403


PASSAGE = {"source": "page", "paragraph": 4, "quote": "new", "confidence": "stated"}
