"""What a representation declares: its media type, and how it writes one record, a page, a whole list."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from app.db.drivers import Row
from app.reading.shapes import TableColumn

_FORMS = ("record", "page", "stream")


class Page(NamedTuple):
    """Where a page stands in its list."""

    limit: int
    next_cursor: str | None
    """Where the next page goes on; None on the last."""
    total: int | None
    """How many records match, if the request asked for that."""
    links: Mapping[str, str | None]
    """The addresses of this page (`self`) and of the next one (`next`)."""


class Representation:
    """A format of answers. A subclass overrides one of `page` and `stream` for lists, and `record` for single records.

    What a subclass does not override it does not offer. `representations/__init__.py` registers each.
    """

    name: ClassVar[str]
    """The value of the parameter `format` that asks for it."""
    media_type: ClassVar[str]
    content_type: ClassVar[str]
    """The media type with its parameters, as the header `Content-Type` has it."""
    suffix: ClassVar[str | None] = None
    """The ending of the file as which a browser saves it; None if it is shown."""
    is_table: ClassVar[bool] = False
    """Whether a list is read as columns of plain values, one row per record. A table has no arrays and no related records."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    """Parameters of its own that a list then takes: (type, pydantic field) by name."""

    def record(self, text: str) -> bytes:
        """One record. `text` is its JSON."""
        raise NotImplementedError

    def page(self, texts: Sequence[str], page: Page) -> bytes:
        """A page of a list. `texts` are its records' JSON."""
        raise NotImplementedError

    def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any]
    ) -> AsyncGenerator[str]:
        """A whole list. `pages` are its rows: the values of the `columns` of a table, otherwise one JSON text each.

        `options`: the values of the list's parameters. The first page must be awaited before anything is yielded, so that an
        error in it can still be answered as a problem.
        """
        raise NotImplementedError

    forms: ClassVar[frozenset[str]] = frozenset()
    """The forms that it writes: those of `record`, `page` and `stream` that the subclass has."""

    def __init_subclass__(cls) -> None:
        """Note which forms the subclass overrides."""
        super().__init_subclass__()
        cls.forms = frozenset(form for form in _FORMS if getattr(cls, form) is not getattr(Representation, form))
