"""Feeds: what entries say, that Atom and JSON Feed are valid, and that no text can break them."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.domain.vocabulary import Kind
from app.files.feeds import Deletion, Entry, Feed, atom, entry_of, entry_of_change, json_feed, tag_of
from app.files.wording import Quote, list_in_words, title_of

ATOM = "{http://www.w3.org/2005/Atom}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}"
FEED = Feed(
    "tag:registry.example,2026:meetings",
    "Meetings",
    "http://registry.example/v1/meetings?format=atom",
    None,
    "http://registry.example/v1/meetings",
    "http://registry.example/v1/topics",
    None,
    "CC-BY-4.0",
)
ENTRY = Entry(
    "tag:registry.example,2026:meetings/talks",
    "Talks",
    "http://registry.example/v1/meetings/talks",
    "http://registry.example/meetings/talks",
    "2026-01-01T00:00:00.000000Z",
    "2026-02-01T00:00:00.000000Z",
    "meeting, talks, 2025-06-16",
    "On networks.\nAnd on clouds.",
    Quote("в Карамае прошло", "News", "https://news.example/1?a=b&c#:~:text=d"),
    [{"id": "networks", "name": "Networks"}],
)
NASTY = "Mi\x0bnistry <b>&\ufffe 😀 \ud7ff ]]> \"'"
CLEAN = "Mi nistry <b>& 😀 \ud7ff ]]> \"'"


def parsed(*entries: Entry | Deletion, **told: Any) -> ET.Element:
    """The root of an Atom feed."""
    return ET.fromstring(atom(FEED._replace(**told), entries))


def texts(element: ET.Element, *names: str) -> list[str | None]:
    """The texts of children."""
    return [element.findtext(f"{ATOM}{name}") for name in names]


def links(element: ET.Element) -> dict[str, str]:
    """The addresses of the links of an element, by relation, and of alternates by their type."""
    found = [link.attrib for link in element.findall(f"{ATOM}link")]
    return {each["type"] if each["rel"] == "alternate" else each["rel"]: each["href"] for each in found}


def test_an_entry_of_atom_says_what_is_said_of_the_record_and_which_sentence_says_so() -> None:
    root = parsed(ENTRY, next_url="http://registry.example/v1/meetings?format=atom&cursor=c")
    assert root.tag == f"{ATOM}feed"
    assert texts(root, "id", "title", "updated", "rights") == [FEED.id, "Meetings", ENTRY.updated, "CC-BY-4.0"]
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Rapporteur"
    assert links(root) == {
        "self": FEED.url,
        "text/html": "http://registry.example/meetings",
        "application/json": FEED.list_url,
        "next": "http://registry.example/v1/meetings?format=atom&cursor=c",
    }
    (entry,) = root.findall(f"{ATOM}entry")
    assert texts(entry, "id", "title", "published", "updated") == [ENTRY.id, "Talks", ENTRY.published, ENTRY.updated]
    assert links(entry) == {
        "text/html": ENTRY.page,
        "application/json": ENTRY.url,
        "via": "https://news.example/1?a=b&c#:~:text=d",
    }
    (category,) = entry.findall(f"{ATOM}category")
    assert category.attrib == {"term": "networks", "label": "Networks", "scheme": FEED.topics_url}
    summary = entry.find(f"{ATOM}summary")
    assert summary is not None
    assert summary.attrib == {"type": "html"}
    assert summary.text == (
        "<p>On networks.</p><p>And on clouds.</p><p>meeting, talks, 2025-06-16</p>"
        "<blockquote>в Карамае прошло</blockquote>"
        '<p><a href="https://news.example/1?a=b&amp;c#:~:text=d">News</a></p>'
    )


def test_the_json_feed_says_the_same() -> None:
    assert json.loads(json_feed(FEED._replace(language="ru", next_url="http://registry.example/next"), [ENTRY])) == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Meetings",
        "home_page_url": "http://registry.example/meetings",
        "feed_url": FEED.url,
        "next_url": "http://registry.example/next",
        "language": "ru",
        "authors": [{"name": "Rapporteur"}],
        "items": [
            {
                "id": ENTRY.id,
                "url": ENTRY.page,
                "external_url": "https://news.example/1?a=b&c#:~:text=d",
                "title": "Talks",
                "summary": "On networks.\nAnd on clouds.",
                "content_html": parsed(ENTRY).findtext(f"{ATOM}entry/{ATOM}summary"),
                "date_published": ENTRY.published,
                "date_modified": ENTRY.updated,
                "tags": ["Networks"],
            }
        ],
    }


def test_an_empty_feed_is_valid() -> None:
    root = parsed(language="ru")
    assert texts(root, "id", "updated") == [FEED.id, "1970-01-01T00:00:00Z"]
    assert root.attrib == {"{http://www.w3.org/XML/1998/namespace}lang": "ru"}
    assert json.loads(json_feed(FEED, []))["items"] == []


def test_a_feed_is_as_new_as_its_newest_entry() -> None:
    older = ENTRY._replace(updated="2026-01-15T00:00:00.000000Z")
    assert parsed(older, ENTRY, older).findtext(f"{ATOM}updated") == ENTRY.updated


def test_deletions_are_tombstones_in_atom_and_items_in_json_feed() -> None:
    of_change = ENTRY._replace(id="tag:registry.example,2026:changes/7", title="Talks: delete", quote=None, topics=())
    deletion = Deletion(ENTRY.id, "2026-03-01T00:00:00.000000Z", of_change)
    root = parsed(deletion, ENTRY)
    (deleted,) = root.findall(f"{TOMBSTONE}deleted-entry")
    assert deleted.attrib == {"ref": ENTRY.id, "when": deletion.when}
    assert deleted.findtext(f"{TOMBSTONE}comment") == "Talks: delete"
    assert root.findtext(f"{ATOM}updated") == deletion.when
    assert len(root.findall(f"{ATOM}entry")) == 1
    assert [item["id"] for item in json.loads(json_feed(FEED, [deletion]))["items"]] == [of_change.id]


def test_no_text_breaks_a_feed() -> None:
    """Neither the XML nor the HTML in it."""
    quote = Quote(NASTY, NASTY, "https://news.example/\x0b")
    entry = Entry(NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, quote, [{"id": NASTY, "name": NASTY}])
    root = parsed(entry, title=NASTY, url=NASTY, language=NASTY)
    assert root.findtext(f"{ATOM}title") == CLEAN
    assert links(root)["self"] == CLEAN
    (found,) = root.findall(f"{ATOM}entry")
    assert texts(found, "title") == [CLEAN]
    for html in (found.findtext(f"{ATOM}summary") or "", json.loads(json_feed(FEED, [entry]))["items"][0]["content_html"]):
        assert "<b>" not in html
        assert html.count("&lt;b&gt;") == 4


def test_a_tag_is_of_the_host_and_the_path() -> None:
    assert tag_of("registry.example", "meetings/talks") == "tag:registry.example,2026:meetings/talks"


def record(kind: str, **fields: Any) -> dict[str, Any]:
    """A record as the API shows it."""
    instant = "2026-01-01T00:00:00.000000Z"
    return {"id": "x", "kind": kind, "version": 1, "created_at": instant, "updated_at": instant, **fields}


def named(name: str) -> dict[str, str]:
    """A reference."""
    return {"id": "y", "name": name}


@pytest.mark.parametrize(
    ("shown", "title"),
    [
        (record("person", name="Pavel Tkach"), "Pavel Tkach"),
        (record("source", title="О встрече"), "О встрече"),
        (record("position", person=named("Tkach"), title="Minister", organization=named("Ministry"), country=None),
         "Tkach: Minister, Ministry"),
        (record("position", person=None, held_by=named("China"), title="Presidency", organization=named("SCO")),
         "China: Presidency, SCO"),
        (record("membership", of=named("SCO"), member=named("Belarus"), status="observer"), "SCO: Belarus, observer"),
        (record("participant", meeting=named("Talks"), person=named("Tkach"), group=None, organization=named("Ministry"),
                country=named("Belarus"), role="head_of_delegation"),
         "Talks: Tkach, Ministry, Belarus, head of delegation"),
        (record("party", memorandum=named("Paper"), party=named("Belarus"), role="party"), "Paper: Belarus, party"),
        (record("relation", memorandum=named("Paper"), related=named("Older"), type="builds_on"), "Paper: builds on, Older"),
        (record("action", of=named("Paper"), type="entered_into_force"), "Paper: entered into force"),
        (record("citation", record=named("Paper"), source=named("News"), quote="q"), "Paper: News"),
        (record("interview", with_whom=named("Tkach"), medium=named("Radio")), "Tkach: Radio"),
        (record("interview", with_whom=None), "x"),
    ],
)  # fmt: skip
def test_the_title_of_a_record_of_each_kind(shown: dict[str, Any], title: str) -> None:
    assert title_of(shown) == title


def test_entries_of_records() -> None:
    meeting = record(
        "meeting",
        name="Talks",
        type="talks",
        status="held",
        date="2025-06-16",
        country=named("China"),
        summary="On networks.",
        citations=[
            {"quote": "one", "source": named("News"), "link": None},
            {"quote": "two", "source": named("B"), "link": None},
        ],
        topics=[{"id": "networks", "name": "Networks"}],
    )
    entry = entry_of(meeting, "registry.example", "meetings", "http://registry.example/v1/meetings")
    assert entry.id == "tag:registry.example,2026:meetings/x"
    assert entry.url == "http://registry.example/v1/meetings/x"
    assert entry.facts == "meeting, talks, held, 2025-06-16, China"
    assert entry.said == "On networks."
    assert entry.quote == ("one", "News", None)
    assert entry.topics == meeting["topics"]
    citation = record("citation", record=named("Talks"), quote="one", source=named("News"), link="https://news.example")
    assert entry_of(citation, "h", "citations", "http://h/v1/citations").quote == ("one", "News", "https://news.example")


def test_a_list_in_words() -> None:
    names = {"BY": "Belarus", "CN": "China", "ai": "Artificial intelligence", "cloud": "Clouds"}
    assert list_in_words("meetings", {}, names) == "Meetings"
    assert list_in_words("meetings", {"date_to": ["2025-12-31"], "participant": ["BY"]}, names) == (
        "Meetings: participant Belarus · to 2025-12-31"
    )
    filters = {
        "topic": ["ai", "cloud"],
        "between": ["BY,CN"],
        "meeting_format": ["in_person"],
        "q": ["Минск, BY"],
        "date_from": ["2025-01-01"],
        "date_to": ["2025-12-31"],
    }
    assert list_in_words("meetings", filters, names) == (
        "Meetings: topic Artificial intelligence or Clouds · between Belarus and China · meeting format in_person"
        " · q Минск, BY · from 2025-01-01 to 2025-12-31"
    )


def test_every_kind_without_names_has_a_title_of_its_own() -> None:
    from app.files.wording import TITLES
    from app.resources import RESOURCES

    assert {each.kind for each in RESOURCES if not {"name", "title"} & each.model.model_fields.keys()} | {Kind.POSITION} == set(
        TITLES
    )
    for resource in RESOURCES:
        assert set(TITLES.get(resource.kind, ())) <= resource.model.model_fields.keys()


def change(operation: str, state: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """An entry of the change log."""
    return {
        "seq": 7,
        "position": "7.1f0c9a3e",
        "operation": operation,
        "kind": "action",
        "id": "signing",
        "version": 2,
        "at": "2026-03-01T00:00:00.000000Z",
        "author": "desk officer",
        "into": None,
        "state": state,
        **fields,
    }


def made_of(entry: dict[str, Any]) -> Entry | Deletion:
    """The entry of a feed that is made of an entry of the log."""
    return entry_of_change(entry, "registry.example", "actions", "http://registry.example/v1/actions")


def test_an_entry_of_a_change_has_the_id_of_the_change() -> None:
    state = {"kind": "action", "id": "signing", "of": "paper", "type": "signed", "note": "Twice.", "topics": ["networks"]}
    entry = made_of(change("patch", state))
    assert entry == Entry(
        "tag:registry.example,2026:changes/7.1f0c9a3e",
        "paper: signed: changed",
        "http://registry.example/v1/actions/signing",
        "http://registry.example/actions/signing",
        "2026-03-01T00:00:00.000000Z",
        "2026-03-01T00:00:00.000000Z",
        "action, signed",
        "Twice.",
        None,
        [{"id": "networks", "name": "networks"}],
        "desk officer",
    )
    (element,) = parsed(entry).findall(f"{ATOM}entry")
    assert element.findtext(f"{ATOM}author/{ATOM}name") == "desk officer"
    (item,) = json.loads(json_feed(FEED, [entry]))["items"]
    assert item["authors"] == [{"name": "desk officer"}]
    cited = made_of(change("create", {"kind": "citation", "id": "x", "record": "y", "source": "news", "quote": "q"}))
    assert isinstance(cited, Entry)
    assert cited.quote == ("q", "news", None)
    survivor = made_of(change("merge", {"kind": "organization", "id": "here", "name": "Here"}))
    assert isinstance(survivor, Entry)
    assert survivor.title == "Here: merged with another record"


@pytest.mark.parametrize(
    ("operation", "into", "done"),
    [("delete", None, "deleted"), ("merge", "other", "merged with another record"), ("erase", None, "erased")],
)
def test_the_end_of_a_record_is_a_tombstone_of_its_entry(operation: str, into: str | None, done: str) -> None:
    deletion = made_of(change(operation, None, into=into))
    assert isinstance(deletion, Deletion)
    assert deletion.ref == "tag:registry.example,2026:actions/signing"
    assert deletion.entry.title == f"action signing: {done}"
    assert deletion.entry.url == "http://registry.example/v1/actions/signing/history"
    (deleted,) = parsed(deletion).findall(f"{TOMBSTONE}deleted-entry")
    assert deleted.findtext(f"{TOMBSTONE}by/{ATOM}name") == "desk officer"


def test_a_change_of_what_was_erased_later_says_nothing_of_it() -> None:
    entry = made_of(change("create", None, kind="person", id="ann"))
    assert isinstance(entry, Entry)
    assert (entry.title, entry.facts, entry.said, entry.topics) == ("person ann: created", "person", "", [])
