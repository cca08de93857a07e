"""The base class of the response formats. A format has a media type, and writes single records, pages or whole lists."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from app.db.driver import Row
from app.reading.shapes import TableColumn


class Page(NamedTuple):
    """The data of a page besides its records: its size, the next cursor, the total number, and the links."""

    limit: int
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""
    total: int | None
    """The number of all matching records; None if the request did not ask for it."""
    links: Mapping[str, str | None]
    """The URLs of this page (`self`) and of the next page (`next`; None on the last page)."""
    gaps: Mapping[str, str | int | None] = {}
    """What may be missing in the list: `undated` and `coverage` with their values, if lists of the kind have them."""


class Representation:
    """A response format. It is a subclass of those of the classes below whose forms it can write.

    For lists, a format writes either pages or streams. `representations/__init__.py` registers the formats.
    """

    name: ClassVar[str]
    """The value of the parameter `format` that selects this format."""
    media_type: ClassVar[str]
    content_type: ClassVar[str]
    """The value of the header `Content-Type`: the media type with its parameters."""
    suffix: ClassVar[str | None] = None
    """The extension of the file name under which a browser saves a list. None if the browser displays the list instead."""
    is_table: ClassVar[bool] = False
    """Whether a list is read as a table: one row per record, with columns of plain values and without related records."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    """The query parameters of lists that only this format uses: (type, pydantic field) by the parameter's name."""
    refused_elsewhere: ClassVar[frozenset[str]] = frozenset()
    """The names of those of `parameters` that are refused if they are true in a request for another format."""


class WritesRecords(Representation, ABC):
    """A format for single records."""

    @abstractmethod
    def record(self, text: str) -> bytes:
        """Return the response body for one record. `text` is the record's JSON."""


class WritesPages(Representation, ABC):
    """A format for pages of lists."""

    @abstractmethod
    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """Return the response body for a page of a list. `texts` are the records' JSON texts."""


class WritesStreams(Representation, ABC):
    """A format for whole lists, which are sent in chunks while they are read."""

    @abstractmethod
    def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any], where: str
    ) -> AsyncGenerator[str]:
        """Yield the response body for a whole list, in chunks.

        `pages`: the rows of the list. If `is_table`, a row has a value for each of `columns`; otherwise a row has one JSON
        text. `options`: the values of the query parameters that the formats declare in `parameters`; each format reads only its
        own. `where`: the URL of the collection, below which each record has its own. A subclass must await the first page
        before it yields anything, because an error can be answered as a problem only before the response has begun.
        """
