"""The base classes of the response formats. A format has a media type, and writes single records, pages, streams or files."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, NamedTuple

from app.db.driver import Row
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.files.listing import Job, Listing
from app.files.tables import TableColumn


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
    listing: Listing | None = None
    """What the list is about, for a format with `tells_of_list`; None for all others."""


class Representation:
    """A response format. It is a subclass of those of the classes below whose forms it can write.

    For lists, a format writes either pages, streams or files. `representations/__init__.py` registers the formats.
    """

    name: ClassVar[str]
    """The value of the parameter `format` that selects this format."""
    media_type: ClassVar[str]
    content_type: ClassVar[str]
    """The value of the header `Content-Type`: the media type with its parameters."""
    schema: ClassVar[Mapping[str, Any]] = {"type": "string"}
    """The schema of a body in the OpenAPI document. That of JSON is the schema of the records instead."""
    suffix: ClassVar[str | None] = None
    """The extension of the file name under which a browser saves a list. None if the browser displays the list instead."""
    kinds: ClassVar[frozenset[Kind] | None] = None
    """The kinds of records for which the format exists; None if it exists for all."""
    is_table: ClassVar[bool] = False
    """Whether a list is read as a table: one row per record, with columns of plain values and without related records."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    """The query parameters of lists that only this format uses: (type, pydantic field) by the parameter's name."""
    refused_elsewhere: ClassVar[frozenset[str]] = frozenset()
    """The names of those of `parameters` that are refused in a request for another format, unless they have their default."""
    refuses: ClassVar[frozenset[str]] = frozenset()
    """The names of parameters of all lists and records that mean nothing to this format, such as `fields`. They are refused."""
    most: ClassVar[int | None] = None
    """The most records of one list in this format; None if the length of a list is not limited."""
    cuts: ClassVar[bool] = False
    """Whether a list with more records than `most` is cut. If so, one record more is read, so that the file can say that it is
    cut. Otherwise the list is refused."""
    tells_of_list: ClassVar[bool] = False
    """Whether the format says in words what a list is about. If so, `names` and `undated` of its `Listing` are read."""

    def exists_for(self, kind: Kind) -> bool:
        """Whether the format exists for records of this kind."""
        return self.kinds is None or kind in self.kinds

    def needs(self, resource: Resource) -> Collection[str]:
        """Return the includes that the format needs, such as `citations`. They are read although the request has not them."""
        del resource
        return ()

    def defaults(self, resource: Resource, given: Mapping[str, Any], today: date) -> Mapping[str, Any]:
        """Return values for parameters of a list that the request does not have: `sort`, `limit`, filters.

        A parameter that takes several values has a list of them. `given`: the values of all parameters of the request; None if
        it does not have the parameter. `today`: the day in UTC.
        """
        del resource, given, today
        return {}


class WritesRecords(Representation, ABC):
    """A format for single records, which are written at once."""

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


class WritesFiles(Representation, ABC):
    """A format whose files are made in a worker process, because making one takes longer than a few milliseconds."""

    of_lists: ClassVar[bool] = True
    """Whether the format exists for whole lists."""
    of_records: ClassVar[bool] = False
    """Whether the format exists for single records. Such a file has one record."""
    is_packed: ClassVar[bool] = False
    """Whether the files are compressed by themselves, so that they are not compressed again for the transfer."""

    def fault(self, text: str, options: Mapping[str, Any]) -> str | None:
        """Return why there is no file of a single record; None if there is one. `text` is the record's JSON."""
        del text, options
        return None

    @property
    @abstractmethod
    def job(self) -> Job:
        """The function of a module of `app/files` that makes the file."""
