"""The JSON Feed format, version 1.1: what Atom says, as JSON."""

from collections.abc import Sequence
from typing import ClassVar

from app.files import feeds
from app.http.representations.feed import WritesFeeds


class JsonFeed(WritesFeeds):
    """Writes pages of a feed; each links to the next one."""

    name = "jsonfeed"
    media_type = content_type = "application/feed+json"
    schema: ClassVar = {"$ref": "#/components/schemas/JsonFeed"}

    def feed(self, feed: feeds.Feed, entries: Sequence[feeds.Entry | feeds.Deletion]) -> bytes:
        """Return the feed as JSON."""
        return feeds.json_feed(feed, entries)
