"""JSON Patch (RFC 6902) adds and removes single items; a dry run shows what would change; quotes are counted in any script."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.quotes import words_in
from app.writing import json_patch
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
PATCH = "application/json-patch+json"
NAME = {"language": "ru", "text": "Переговоры", "type": "official"}
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    *({"kind": "topic", "id": each, "name": each.title()} for each in ("trade", "health", "space")),
    {"kind": "source", "id": "page", "title": "Page"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "country": "BY", "topics": ["trade"], "names": [NAME]},
    {"kind": "meeting", "id": "bare", "name": "Bare"},
    {"kind": "citation", "record": "talks", "source": "page", "paragraph": 1, "quote": "held talks", "confidence": "stated"},
)

clerk = clerk_of(*WORLD)


def send(clerk: Clerk, path: str, *operations: Content, query: str = "", if_match: str = "*") -> Any:
    """A JSON Patch of a record."""
    return clerk.send("PATCH", f"{path}{query}", json.dumps(operations).encode(), content_type=PATCH, if_match=if_match)


def test_single_items_are_added_and_removed(clerk: Clerk) -> None:
    answer = send(
        clerk,
        "meetings/talks",
        {"op": "test", "path": "/name", "value": "Talks"},
        {"op": "add", "path": "/topics/-", "value": "health"},
        {"op": "remove", "path": "/names/0"},
        {"op": "add", "path": "/city", "value": "Minsk"},
        {"op": "replace", "path": "/country", "value": "112"},
    )
    assert answer.status_code == 200, answer.text
    shown = clerk.read("meetings/talks?include=citations")
    assert [each["id"] for each in shown["topics"]] == ["trade", "health"]
    assert (shown["names"], shown["city"], shown["country"]["id"], shown["version"]) == ([], "Minsk", "BY", 2)
    assert len(shown["citations"]) == 1, "what a patch does not name stays"
    assert send(clerk, "meetings/bare", {"op": "add", "path": "/topics/-", "value": "space"}).status_code == 200
    assert [each["id"] for each in clerk.read("meetings/bare")["topics"]] == ["space"], "empty arrays are there"
    assert send(clerk, "meetings/bare", {"op": "remove", "path": "/topics/0"}).json()["topics"] == []
    (logged, *_) = clerk.read("meetings/talks/history")["data"]
    assert logged["operation"] == "patch"


@pytest.mark.parametrize(
    ("operation", "status", "pointer", "told"),
    [
        ({"op": "test", "path": "/name", "value": "Other"}, 409, "/0", "the test of '/name' failed"),
        ({"op": "replace", "path": "/venue", "value": "Hall"}, 422, "/0/path", "there is no place '/venue' for replace"),
        ({"op": "remove", "path": "/topics/7"}, 422, "/0/path", "there is no place '/topics/7'"),
        ({"op": "add", "path": "/topics/x", "value": "space"}, 422, "/0/path", "there is no place '/topics/x'"),
        ({"op": "add", "path": "topics", "value": "space"}, 422, "/0/path", ""),
        ({"op": "dance", "path": "/topics"}, 422, "/0/op", "'add', 'remove', 'replace', 'move', 'copy' or 'test'"),
        ({"op": "add", "path": "/city"}, 422, "/0", "add needs a value"),
        ({"op": "move", "path": "/city"}, 422, "/0", "move needs from"),
        ({"op": "replace", "path": "", "value": [1]}, 422, "/0/path", "would make the record no object"),
        ({"op": "add", "path": "/id", "value": "other"}, 422, "/0/path", "there is no such field: 'id'"),
        ({"op": "replace", "path": "", "value": {"id": "other", "name": "Other"}}, 422, "/id", "must be 'talks'"),
        ({"op": "add", "path": "/colour", "value": "red"}, 422, "/0/path", "there is no such field: 'colour'"),
        ({"op": "add", "path": "/city", "value": "\ud800"}, 422, "/city", ""),
        ({"op": "copy", "from": "/venue", "path": "/city"}, 422, "/0/from", "there is no place '/venue'"),
        ({"op": "move", "from": "/names", "path": "/names/0"}, 422, "/0/path", "lies within '/names', which would be moved"),
        ({"op": "add", "path": "/topics/-", "value": "nobody"}, 422, "/topics/1", "there is no topic 'nobody'"),
        ({"op": "remove", "path": "/name"}, 422, "/name", "required"),
        ({"op": "add", "path": "/citations/-", "value": {}}, 422, "/0/path", "there is no such field: 'citations'"),
    ],
)
def test_what_leads_nowhere_is_refused(clerk: Clerk, operation: Content, status: int, pointer: str, told: str) -> None:
    before = clerk.read("meetings/talks")
    answer = send(clerk, "meetings/talks", operation)
    assert answer.status_code == status, answer.text
    faults = {fault.get("pointer"): fault["detail"] for fault in answer.json()["errors"]}
    assert told in faults[pointer], faults
    assert "jsonp" not in answer.text.lower().replace("jsonpatch+", "")
    assert clerk.read("meetings/talks") == before


def test_what_is_no_list_of_operations_is_refused(clerk: Clerk) -> None:
    for body, told in ((b"{}", "must be an array of operations"), (b"[1]", "object"), (b"[", "no JSON")):
        answer = clerk.send("PATCH", "meetings/talks", body, content_type=PATCH, if_match="*")
        assert answer.status_code in (400, 422)
        assert told in answer.text
    assert refused(send(clerk, "meetings/talks", *[{"op": "test", "path": "/name", "value": 1}] * 501), 422, "invalid")
    assert send(clerk, "meetings/talks", {"op": "test", "path": "/name", "value": "Talks"}, if_match='"77"').status_code == 412


def test_copies_of_copies_do_not_grow_without_end(clerk: Clerk) -> None:
    large = [{"op": "add", "path": "/summary", "value": [{"a": 1, "b": 2}] * 4_500}]
    answer = send(clerk, "meetings/talks", *large, *[{"op": "copy", "from": "/summary", "path": "/theme"}] * 499)
    assert refused(answer, 422, "invalid") == [("/2/from", "copies and moves more than 100000 bytes in all")]
    deep: list[Content] = [{"op": "add", "path": "/names/0", "value": {}}]
    deep += [{"op": "copy", "from": "/names/0", "path": "/names/0/a"}] * 40
    assert "would nest the record too deep" in send(clerk, "meetings/talks", *deep).text
    for path in ("/names/0", "/names/-"):
        doubled = [{"op": "copy", "from": "", "path": path}] * 60
        assert send(clerk, "meetings/talks", *doubled).status_code == 422
        doubled = [{"op": "copy", "from": "/names", "path": path}] * 60
        assert send(clerk, "meetings/talks", *doubled).status_code == 422


def test_a_dry_run_shows_the_difference_and_what_is_written(clerk: Clerk) -> None:
    before = clerk.read("meetings/talks?include=citations")
    answer = clerk.patch("meetings/talks?dry_run=true", {"names": [], "topics": ["trade", "space"]}).json()
    assert {"op": "remove", "path": "/names"} in answer["difference"] or {"op": "remove", "path": "/names/0"} in answer[
        "difference"
    ]
    assert [each["operation"] for each in answer["writes"]] == ["patch"]
    whole = {"name": "Talks", "citations": []}
    answer = clerk.send("PUT", "meetings/talks?dry_run=true", whole, if_match="*").json()
    assert {"op": "remove", "path": "/country"} in answer["difference"]
    assert sorted(each["operation"] for each in answer["writes"]) == ["delete", "replace"], "the citation would go"
    assert clerk.read("meetings/talks?include=citations") == before
    assert "difference" not in clerk.patch("meetings/bare", {"city": "Minsk"}).json()
    sent_back = clerk.patch("meetings/bare?dry_run=true", {"city": "Brest"}).json()
    assert clerk.send("PUT", "meetings/bare", sent_back, if_match="*").status_code == 200, "the answer can be sent back"
    made = clerk.post("topics?dry_run=true", {"name": "New"}).json()
    assert {"op": "add", "path": "/name", "value": "New"} in made["difference"]


TEXTS = st.text(max_size=5)
CONTENTS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "topics": st.lists(TEXTS, max_size=4),
        "names": st.lists(st.fixed_dictionaries({"text": TEXTS}), max_size=4),
    },
    optional={"city": TEXTS, "summary": TEXTS},
)


@given(before=CONTENTS, after=CONTENTS)
@settings(max_examples=200, deadline=None)
def test_the_difference_makes_one_content_of_the_other(before: Content, after: Content) -> None:
    class Schema:
        """The arrays of a made-up kind."""

        arrays = ("topics", "names")
        names = ("name", "topics", "names", "city", "summary")

    operations = json_patch.difference(before, after)
    assert json_patch.patched(Schema(), before, operations[: json_patch.MAX_OPERATIONS]) == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("the two sides agreed the draft", 6),
        ("双方就网络安全合作达成共识", 6.5),
        ("в Минске подписан меморандум", 4),
        ("2024年8月 in Beijing", 4),
        ("ประชุมร่วม", 5),
        ("ミンスクで会談", 3.5),
        ("", 0),
    ],
)
def test_quotes_are_counted_in_any_script(quote: str, words: float) -> None:
    assert words_in(quote) == words


def test_a_paragraph_without_blanks_is_no_quote(clerk: Clerk) -> None:
    body = {"record": "talks", "source": "page", "paragraph": 2, "confidence": "stated"}
    answer = clerk.post("citations", {**body, "quote": "双方就网络安全合作达成共识并签署了谅解备忘录"})
    assert refused(answer, 422, "invalid") == [("/quote", "has 11 words; at most 8 are quoted, never the article")]
    assert clerk.post("citations", {**body, "quote": "双方就网络安全合作达成共识"}).status_code == 201


def test_half_a_surrogate_pair_is_copied_and_refused(clerk: Clerk) -> None:
    operations = [{"op": "add", "path": "/city", "value": "\ud800"}, {"op": "copy", "from": "/city", "path": "/venue"}]
    assert {pointer for pointer, _ in refused(send(clerk, "meetings/talks", *operations), 422, "invalid")} == {
        "/city",
        "/venue",
    }
