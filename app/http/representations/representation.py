"""The base class of response formats: the media type, and how one record, a page or a whole list is written."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from app.db.driver import Row
from app.reading.shapes import TableColumn

_FORMS = ("record", "page", "stream")


class Page(NamedTuple):
    """The position of a page in its list."""

    limit: int
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""
    total: int | None
    """The number of all matching records; None if the request did not ask for it."""
    links: Mapping[str, str | None]
    """The addresses of this page (`self`) and of the next one (`next`)."""


class Representation:
    """A response format. A subclass overrides either `page` or `stream` for lists, and `record` for single records.

    A subclass does not offer the forms that it does not override. `representations/__init__.py` registers the subclasses.
    """

    name: ClassVar[str]
    """The value of the parameter `format` that selects this format."""
    media_type: ClassVar[str]
    content_type: ClassVar[str]
    """The value of the header `Content-Type`: the media type with its parameters."""
    suffix: ClassVar[str | None] = None
    """The extension of the file in which a browser saves a list; None if the browser displays the list."""
    is_table: ClassVar[bool] = False
    """Whether a list is read as columns of plain values, one row per record. A table has no arrays and no related records."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    """Additional query parameters of lists, which only this format uses: (type, pydantic field) by name."""

    def record(self, text: str) -> bytes:
        """One record. `text` is its JSON."""
        raise NotImplementedError

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """A page of a list. `texts` are its records' JSON."""
        raise NotImplementedError

    def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any]
    ) -> AsyncGenerator[str]:
        """A whole list, in chunks. Each row in `pages` has the values of `columns` if `is_table`, otherwise one JSON text.

        `options`: the values of the `parameters` of all formats. The first page must be awaited before anything is yielded,
        so that an error in it can still be answered as a problem.
        """
        raise NotImplementedError

    forms: ClassVar[frozenset[str]] = frozenset()
    """The names of the methods `record`, `page` and `stream` that the subclass overrides."""

    def __init_subclass__(cls) -> None:
        """Set `forms` of the subclass."""
        super().__init_subclass__()
        cls.forms = frozenset(form for form in _FORMS if getattr(cls, form) is not getattr(Representation, form))
