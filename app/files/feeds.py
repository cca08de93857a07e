"""Writes lists of records as feeds: Atom (RFC 4287, pages as in RFC 5005) and JSON Feed 1.1.

The id of an entry is a tag URI (RFC 4151) of the record, so a change of the record updates the entry.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

from app.domain.texts import xml_text
from app.files.wording import Quote, Record, facts_of, first_quote, in_words, page_of, said_of, title_of, topics_of

ATOM = "http://www.w3.org/2005/Atom"
DELETED = "http://purl.org/atompub/tombstones/1.0"
JSON_FEED = "https://jsonfeed.org/version/1.1"
AUTHOR = "Rapporteur"
SINCE = "2026"
"""The year in which the host names of registries may have begun to mint tags: that of the first release."""
_NEVER = "1970-01-01T00:00:00Z"
"""When an empty feed was updated, because Atom requires a time and nothing else is known."""


class Entry(NamedTuple):
    """An entry of a feed. All times are instants (RFC 3339)."""

    id: str
    title: str
    url: str
    """The URL of the record, or of its history, as JSON."""
    page: str | None
    """The address of its page for people; None if there is none."""
    published: str
    updated: str
    facts: str = ""
    said: str = ""
    quote: Quote | None = None
    topics: Sequence[Mapping[str, str]] = ()
    author: str = ""
    """Who wrote it, if it is not the registry as a whole."""


class Deletion(NamedTuple):
    """The end of a record, as an entry of a feed."""

    ref: str
    """The id of the entry that is no more."""
    when: str
    entry: Entry
    """What a format shows in which deletions are entries like others."""


class Feed(NamedTuple):
    """What a feed says of itself."""

    id: str
    title: str
    url: str
    """The URL of this page of the feed."""
    next_url: str | None
    """The URL of the next page; None on the last one."""
    list_url: str
    """The URL of the same list as JSON."""
    topics_url: str
    """The URL of the topics, which is the scheme of the categories."""
    language: str | None
    """The language asked for, BCP 47."""
    licence: str
    """The licence of the data, SPDX."""


def tag_of(host: str, path: str) -> str:
    """Return the tag URI of what stands at a path of the registry. `host`: the host name in the ids of the registry."""
    return f"tag:{host},{SINCE}:{path}"


def entry_of(record: Record, host: str, collection: str, collection_url: str) -> Entry:
    """Return the entry of a record. `collection`: its name, such as `meetings`; `collection_url`: its URL."""
    return Entry(
        tag_of(host, f"{collection}/{record['id']}"),
        title_of(record),
        f"{collection_url}/{quote(record['id'])}",
        page_of(f"{collection_url}/{quote(record['id'])}"),
        record["created_at"],
        record["updated_at"],
        facts_of(record),
        said_of(record),
        first_quote(record),
        topics_of(record),
    )


_DONE = {
    "create": "created",
    "replace": "changed",
    "patch": "changed",
    "delete": "deleted",
    "merge": "merged with another record",
    "restore": "restored",
    "erase": "erased",
}


def entry_of_change(change: Record, host: str, plural: str, collection_url: str) -> Entry | Deletion:
    """Return the entry of a change of the log. `plural` and `collection_url`: of the collection of the changed record.

    The id of the entry is that of the change. What was erased has no state in the log, so the entry says nothing of it.
    """
    kind, record_id, operation = change["kind"], change["id"], change["operation"]
    # The state has ids in place of references.
    state: Record = {"kind": kind, "id": record_id, **(change["state"] or {})}
    title = title_of(state) if change["state"] else f"{in_words(kind)} {record_id}"
    # A merge changes two records: the one that is no more says into which it went.
    is_end = operation in ("delete", "erase") or change["into"] is not None
    address = f"{collection_url}/{quote(record_id)}"
    entry = Entry(
        tag_of(host, f"changes/{change['position']}"),
        f"{title}: {_DONE[operation]}",
        f"{address}/history" if is_end else address,
        None if is_end else page_of(address),
        change["at"],
        change["at"],
        facts_of(state),
        said_of(state),
        Quote(state["quote"], state["source"], None) if "quote" in state else None,
        [{"id": topic, "name": topic} for topic in state.get("topics", ())],
        change["author"],
    )
    if is_end:
        return Deletion(tag_of(host, f"{plural}/{record_id}"), change["at"], entry)
    return entry


def atom(feed: Feed, entries: Iterable[Entry | Deletion]) -> bytes:
    """Return an Atom feed. A deletion is an element `at:deleted-entry` (RFC 6721)."""
    several = list(entries)
    root = ET.Element("feed", {"xmlns": ATOM})
    if feed.language:
        root.set("xml:lang", xml_text(feed.language))
    if any(isinstance(each, Deletion) for each in several):
        root.set("xmlns:at", DELETED)
    times = [each.when if isinstance(each, Deletion) else each.updated for each in several]
    for name, text in (
        ("id", feed.id),
        ("title", feed.title),
        ("updated", max(times, default=_NEVER)),
        ("rights", feed.licence),
    ):
        _element(root, name, text)
    _element(_element(root, "author"), "name", AUTHOR)
    _link(root, "self", feed.url, "application/atom+xml")
    _link(root, "alternate", page_of(feed.list_url), "text/html")
    _link(root, "alternate", feed.list_url, "application/json")
    if feed.next_url is not None:
        _link(root, "next", feed.next_url, "application/atom+xml")
    for each in several:
        if isinstance(each, Deletion):
            deleted = _element(root, "at:deleted-entry", ref=each.ref, when=each.when)
            if each.entry.author:
                _element(_element(deleted, "at:by"), "name", each.entry.author)
            _element(deleted, "at:comment", each.entry.title)
        else:
            _write_entry(root, each, feed)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def json_feed(feed: Feed, entries: Iterable[Entry | Deletion]) -> bytes:
    """Return a JSON Feed. A deletion is an item that says so, because the format has no other way."""
    items = []
    for each in entries:
        entry = each.entry if isinstance(each, Deletion) else each
        item = {
            "id": entry.id,
            "url": entry.page or entry.url,
            "external_url": entry.quote.link if entry.quote else None,
            "title": entry.title,
            "summary": entry.said or entry.facts,
            "content_html": _html(entry),
            "date_published": entry.published,
            "date_modified": entry.updated,
            "authors": [{"name": entry.author}] if entry.author else None,
            "tags": [topic["name"] for topic in entry.topics],
        }
        items.append({name: value for name, value in item.items() if value or name == "content_html"})
    about = {
        "version": JSON_FEED,
        "title": feed.title,
        "home_page_url": page_of(feed.list_url),
        "feed_url": feed.url,
        "next_url": feed.next_url,
        "language": feed.language,
        "authors": [{"name": AUTHOR}],
    }
    told = {name: value for name, value in about.items() if value}
    return json.dumps({**told, "items": items}, ensure_ascii=False, separators=(",", ":")).encode()


def _write_entry(root: ET.Element, entry: Entry, feed: Feed) -> None:
    element = _element(root, "entry")
    for name, text in (("id", entry.id), ("title", entry.title), ("published", entry.published), ("updated", entry.updated)):
        _element(element, name, text)
    if entry.author:
        _element(_element(element, "author"), "name", entry.author)
    if entry.page is not None:
        _link(element, "alternate", entry.page, "text/html")
    _link(element, "alternate", entry.url, "application/json")
    if entry.quote and entry.quote.link:
        _link(element, "via", entry.quote.link, title=entry.quote.source)
    for topic in entry.topics:
        _element(element, "category", term=topic["id"], label=topic["name"], scheme=feed.topics_url)
    _element(element, "summary", _html(entry), type="html")


def _html(entry: Entry) -> str:
    """Return what a reader shows of an entry: what the registry says of it, its facts, and the quote that leads to its source.

    All texts are escaped, because names and quotes may hold markup.
    """
    parts = [f"<p>{escape(text)}</p>" for text in (*entry.said.split("\n"), entry.facts) if text]
    if entry.quote:
        source = escape(entry.quote.source)
        if entry.quote.link:
            source = f'<a href="{escape(entry.quote.link)}">{source}</a>'
        parts.append(f"<blockquote>{escape(entry.quote.text)}</blockquote><p>{source}</p>")
    return "".join(parts)


def _link(parent: ET.Element, rel: str, href: str, media_type: str = "", title: str = "") -> None:
    more = {name: text for name, text in (("type", media_type), ("title", title)) if text}
    _element(parent, "link", rel=rel, href=href, **more)


def _element(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    """Add an element. This is the one place in which texts enter XML."""
    element = ET.SubElement(parent, name, {key: xml_text(value) for key, value in attributes.items()})
    if text is not None:
        element.text = xml_text(text)
    return element
