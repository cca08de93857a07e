"""The Atom format (RFC 4287): a list as a feed to which feed readers subscribe, the records that changed last first."""

from collections.abc import Sequence

from app.files import feeds
from app.http.representations.feed import WritesFeeds


class Atom(WritesFeeds):
    """Writes pages of a feed; each links to the next one (RFC 5005)."""

    name = "atom"
    media_type = "application/atom+xml"
    content_type = "application/atom+xml; charset=utf-8"

    def feed(self, feed: feeds.Feed, entries: Sequence[feeds.Entry | feeds.Deletion]) -> bytes:
        """Return the feed as XML."""
        return feeds.atom(feed, entries)
