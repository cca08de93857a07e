"""What the formats of feeds share: which records they show in which order, and what a feed says of itself."""

import json
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit, urlunsplit

from app import DATA_LICENCE
from app.declaration.resource import CITED, Resource
from app.files.feeds import Deletion, Entry, Feed, entry_of, tag_of
from app.files.wording import list_in_words
from app.http.representations.representation import Page, WritesPages

_OF_THE_FORM = frozenset({"format", "cursor", "before", "limit"})
"""The parameters that do not change what a feed is about."""


class WritesFeeds(WritesPages):
    """A format that shows a list as a feed: an entry for each record, and no more than readers show of it."""

    tells_of_list = True
    refuses = frozenset({"fields", "include", "count"})

    @abstractmethod
    def feed(self, feed: Feed, entries: Sequence[Entry | Deletion]) -> bytes:
        """Return the response body."""

    def needs(self, resource: Resource) -> Collection[str]:
        """Return what an entry shows besides the record: its topics and, if records of the kind have some, its citations."""
        return ["topics", *({CITED} & resource.includes.keys())]

    def defaults(self, resource: Resource, given: Mapping[str, Any], today: date) -> Mapping[str, Any]:
        """Return the order: what changed last first, as feed readers expect."""
        return {"sort": ["-updated_at"]}

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """Return a page of the feed of a list."""
        told = page.listing
        assert told is not None
        entries = [entry_of(json.loads(text), told.id_host, told.plural, told.collection_url) for text in texts]
        feed = self.about(
            told.url,
            page.links["next"],
            host=told.id_host,
            plural=told.plural,
            title=list_in_words(told.plural, told.filters, told.names),
            language=told.language,
        )
        return self.feed(feed, entries)

    def about(self, url: str, next_url: str | None, *, host: str, plural: str, title: str, language: str | None = None) -> Feed:
        """Return what the feed at a URL says of itself. `plural`: the last part of the path, such as `meetings`."""
        parts = urlsplit(url)
        pairs = [(name, value) for name, value in parse_qsl(parts.query) if name not in _OF_THE_FORM]
        path = "".join([plural, *("?" if pairs else ()), _query(sorted(pairs))])
        return Feed(
            id=tag_of(host, path),
            title=title,
            url=self._of_this_form(url),
            next_url=self._of_this_form(next_url) if next_url else None,
            list_url=urlunsplit(parts._replace(query=_query(pairs))),
            topics_url=urlunsplit(parts._replace(path=f"{parts.path.removesuffix(plural)}topics", query="")),
            language=language,
            licence=DATA_LICENCE,
        )

    def _of_this_form(self, url: str) -> str:
        """Return the URL with the parameter `format`. The client may have asked for this format by `Accept` instead."""
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        if any(name == "format" for name, _ in pairs):
            return url
        return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, f"format={self.name}"]))))


def _query(pairs: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote_plus(value, safe=',:')}" for name, value in pairs)
