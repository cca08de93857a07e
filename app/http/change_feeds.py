"""The change log as a feed: an entry for each change, the newest first."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.types import Scope

from app.declaration.resource import VERSION_PREFIX, Resource
from app.files.feeds import Deletion, Entry, entry_of_change
from app.files.wording import list_in_words
from app.http.endpoints import Tagged
from app.http.parameters import query_pairs
from app.http.queries import alternates_of
from app.http.representations import ATOM, JSON, JSON_FEED, WritesFeeds
from app.http.responses import base_url, page_links
from app.reading.following import Read

_OF_THE_PAGE = ("after", "before", "limit")
_FILTERS = ("kind", "of", "topic", "transaction")


def kept_pairs(scope: Scope) -> list[tuple[str, str]]:
    """Return the parameters of a request for the log that all its pages have."""
    return [pair for pair in query_pairs(scope["query_string"]) if pair[0] not in _OF_THE_PAGE]


class ChangeFeeds:
    """Makes feeds of the change log. `id_host`: the host name in the ids of entries."""

    def __init__(self, resources: Iterable[Resource], id_host: str) -> None:
        self._plurals = {str(resource.kind): resource.plural for resource in resources}
        self._host = id_host

    def page(self, scope: Scope, form: WritesFeeds, read: Read, limit: int) -> Tagged:
        """Return a page of the feed. `read`: changes of the log, the newest first."""
        kept = kept_pairs(scope)
        following = urlencode([*kept, ("before", str(read.end)), ("limit", str(limit))]) if read.more else None
        others = (JSON, *(each for each in (ATOM, JSON_FEED) if each is not form))
        links, headers = page_links(scope, following, alternates_of(kept, form, others, lambda _: ()))
        assert links["self"] is not None
        filters = {name: [value for each, value in kept if each == name] for name, _ in kept if name in _FILTERS}
        title = list_in_words("changes", filters, {})
        feed = form.about(links["self"], links["next"], host=self._host, plural="changes", title=title)
        base = f"{base_url(scope)}{VERSION_PREFIX}"
        entries = [self._entry(json.loads(row[0]), base) for row in read.rows]
        return Tagged(form.feed(feed, entries), headers, content_type=form.content_type)

    def _entry(self, change: Mapping[str, Any], base: str) -> Entry | Deletion:
        plural = self._plurals.get(change["kind"], change["kind"])
        return entry_of_change(change, self._host, plural, f"{base}/{plural}")
