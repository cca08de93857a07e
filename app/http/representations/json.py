"""JSON. The database itself serializes the records, so they are sent without being parsed."""

from collections.abc import Sequence

from pydantic_core import to_json

from app.http.representations.representation import Page, Representation


class Json(Representation):
    """JSON. A list is sent in pages, each with a link to the next."""

    name = "json"
    media_type = content_type = "application/json"

    def record(self, text: str) -> bytes:
        """The record's JSON, unchanged."""
        return text.encode()

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """The records in `data`, then `page` and `links`."""
        stands = {"limit": page.limit, "next_cursor": page.next_cursor, "total": page.total}
        around = to_json({"page": stands, "links": page.links})
        return b'{"data":[%b],%b' % (",".join(texts).encode(), around[1:])
