"""The JSON format. The records are sent without being parsed, because the database already returns them as JSON."""

from collections.abc import Sequence

from pydantic_core import to_json

from app.http.representations.representation import Page, WritesPages, WritesRecords


class Json(WritesRecords, WritesPages):
    """Writes single records, and lists in pages. Each page has a link to the next page."""

    name = "json"
    media_type = content_type = "application/json"

    def record(self, text: str) -> bytes:
        """Return the record's JSON, unchanged."""
        return text.encode()

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """Return the body of a page: an object with the records in `data`, then `page` and `links`."""
        stands = {"limit": page.limit, "next_cursor": page.next_cursor, "total": page.total, **page.gaps}
        around = to_json({"page": stands, "links": page.links})
        return b'{"data":[%b],%b' % (",".join(texts).encode(), around[1:])
