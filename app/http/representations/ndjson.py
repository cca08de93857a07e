"""The NDJSON format: a whole list, with one record per line."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from app.db.driver import Row
from app.files.tables import TableColumn
from app.http.representations.representation import WritesStreams


class Ndjson(WritesStreams):
    """Writes a whole list. Each line is one record as JSON."""

    name = "ndjson"
    media_type = content_type = "application/x-ndjson"

    async def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any], where: str
    ) -> AsyncGenerator[str]:
        """Yield one chunk for each page, with one line for each record."""
        del columns, options, where
        async for rows in pages:
            yield "".join(f"{row[0]}\n" for row in rows)
