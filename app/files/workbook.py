"""Makes workbooks (XLSX) of tables: a sheet for each list, and a sheet that says what the workbook is.

The library writes each row to a temporary file as soon as the next one begins, so that memory does not grow with the list.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from app.domain.texts import xml_text
from app.files.listing import LICENCE, LICENCE_URL, Listing
from app.files.tables import FORMULA, TableColumn, cells, column_names

MOST_ROWS = 1_048_575
"""The most records of a sheet: Excel has 1,048,576 rows, and one has the names of the columns."""
MOST_LETTERS = 32_767
"""The most letters of a cell in Excel, in units of UTF-16."""
MOST_LINKS = 65_530
"""The most links of a sheet in Excel."""
MOST_ADDRESS = 2_079
"""The most letters of an address in Excel, before its `#` and after it."""
ABOUT = "About"
"""The name of the sheet that says what the workbook is."""
_CUT = "…"
_BLANK = re.compile(r"\s")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST_DAY = "1900-03-01"
"""The first day that has the same number in all programs, because Excel takes 1900 for a leap year."""
_NARROWEST, _WIDEST = 8, 60
"""The width of the narrowest and of the widest column, in letters."""
_MEASURED = 500
"""The number of rows whose letters are counted to find the width of a column."""


def write(lines: Path, result: Path, listing: Listing) -> None:
    """Make the workbook of a list. It is a `Job`."""
    book = Book(result, listing.changed_at)
    sheet = book.sheet(listing.plural, listing.columns, listing.collection_url)
    book.add_about()
    with lines.open(encoding="utf-8") as file:
        for line in file:
            sheet.add(json.loads(line))
    told = [("What", f"{listing.plural} of the registry Rapporteur"), ("Address", listing.url)]
    told += [(f"Only {name}", ", ".join(values)) for name, values in listing.filters.items()]
    book.close([*told, *of_registry(listing), *sheet.told()])


def of_registry(listing: Listing) -> list[tuple[str, str]]:
    """Return what the sheet `About` says of the registry: (label, text)."""
    return [
        ("As of", f"position {listing.as_of} of the change log"),
        ("Newest change", listing.changed_at or "none"),
        ("Language", listing.language or "main names"),
        ("Licence of the data", LICENCE),
        ("Licence, text", LICENCE_URL),
    ]


class Book:
    """A workbook."""

    def __init__(self, result: Path, changed_at: str) -> None:
        """`changed_at`: when the newest change of the registry was made. It is the time of the workbook.

        So the same records give the same bytes, whenever the workbook is made.
        """
        from xlsxwriter import Workbook  # noqa: PLC0415 - worker processes that make other files do not need it

        self._book = Workbook(str(result), {"constant_memory": True, "tmpdir": str(result.parent)})
        made = datetime.fromisoformat(changed_at) if changed_at else datetime(2000, 1, 1, tzinfo=UTC)
        self._book.set_properties({"title": "Rapporteur", "created": made.replace(tzinfo=None)})
        self._formats = _Formats(self._book)
        self._sheets: list[Sheet] = []
        self._about: Any = None

    def add_about(self) -> None:
        """Add the sheet `About` at this place. `close` fills it."""
        self._about = self._book.add_worksheet(ABOUT)

    def sheet(self, name: str, columns: Sequence[TableColumn], collection_url: str) -> "Sheet":
        """Add a sheet of records. `collection_url`: the URL below which each record has its own."""
        made = Sheet(self._book.add_worksheet(name), self._formats, name, columns, collection_url)
        self._sheets.append(made)
        return made

    def close(self, told: Iterable[tuple[str, str]]) -> None:
        """Fill the sheet `About` with labels and texts, and write the file."""
        for sheet in self._sheets:
            sheet.finish()
        self._about.set_column(0, 0, 30)
        self._about.set_column(1, 1, 100)
        for place, (label, text) in enumerate(told):
            self._about.write_string(place, 0, label, self._formats.head)
            if text.isdecimal():
                self._about.write_number(place, 1, int(text))
            elif not _linked(self._about, place, 1, text, text):
                self._about.write_string(place, 1, _plain(text)[0])
        self._book.close()


class _Formats:
    """The formats of cells."""

    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "align": "left"})
        self.day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self.text = book.add_format()
        self.text.set_quote_prefix()
        """The format of a text that looks like a formula. It is needed because a spreadsheet would otherwise run the text as a
        formula when a user edits the cell."""


class Sheet:
    """A sheet of records."""

    def __init__(self, sheet: Any, formats: _Formats, name: str, columns: Sequence[TableColumn], collection_url: str) -> None:
        self.name = name
        self.rows = 0
        """The number of records so far."""
        self._sheet, self._formats, self._columns, self._url = sheet, formats, columns, collection_url
        self._names = column_names(columns)
        self._days = {name for column in columns if column.is_date for name in column_names([column])}
        self._addresses = {
            name for column in columns if column.address for name in (column.name, f"{column.name}.{column.address}")
        }
        self._links = self._unlinked = self._cut = 0
        self._widths = [len(name) + 3 for name in self._names]  # the sign of the filter takes three letters
        sheet.freeze_panes(1, 1)
        for place, column in enumerate(self._names):
            sheet.write_string(0, place, column, formats.head)

    def add(self, row: Sequence[Any]) -> None:
        """Add a record: a value for each column, as the database gives it."""
        self.rows += 1
        for place, (name, value) in enumerate(zip(self._names, cells(row, self._columns), strict=True)):
            if value is None or value == "":
                continue
            if self.rows <= _MEASURED:
                self._widths[place] = max(self._widths[place], min(len(str(value)), _WIDEST))
            if isinstance(value, int):
                self._sheet.write_number(self.rows, place, value)
            else:
                self._add_text(place, name, value)

    def _add_text(self, place: int, name: str, value: str) -> None:
        if name in self._days and _DAY.fullmatch(value) and value >= _FIRST_DAY:
            self._sheet.write_datetime(self.rows, place, date.fromisoformat(value), self._formats.day)
            return
        text, is_cut = _plain(value)
        self._cut += is_cut
        address = f"{self._url}/{quote(value)}" if name == "id" else value if name in self._addresses else ""
        if address:
            if self._links < MOST_LINKS and _linked(self._sheet, self.rows, place, address, text):
                self._links += 1
                return
            self._unlinked += 1
        style = self._formats.text if text.startswith(FORMULA) else None
        self._sheet.write_string(self.rows, place, _no_markup(text), style)

    def finish(self) -> None:
        """Set the widths of the columns and the filter of the first row. Nothing can be added then."""
        self._sheet.autofilter(0, 0, self.rows, len(self._names) - 1)
        for place, width in enumerate(self._widths):
            self._sheet.set_column(place, place, min(max(width, _NARROWEST), _WIDEST))

    def told(self) -> list[tuple[str, str]]:
        """Return how many records there are, and what differs from the registry because Excel has limits: (label, text)."""
        return [(f"Rows of {self.name}", str(self.rows)), *((f"Note on {self.name}", note) for note in self._notes())]

    def _notes(self) -> list[str]:
        found = []
        if self._unlinked:
            found.append(
                f"{self._unlinked} links are plain text, because Excel opens at most {MOST_LINKS} of a sheet, and none with"
                f" more than {MOST_ADDRESS} letters"
            )
        if self._cut:
            found.append(f"{self._cut} cells end with {_CUT}, because Excel has at most {MOST_LETTERS} letters in a cell")
        return found


def _plain(text: str) -> tuple[str, bool]:
    """Return a text as a cell can have it, and whether it was cut."""
    text = xml_text(text)
    if 2 * len(text) <= MOST_LETTERS:
        return text, False
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST_LETTERS:
        return text, False
    return units[: 2 * (MOST_LETTERS - len(_CUT))].decode("utf-16-le", "ignore") + _CUT, True


def _no_markup(text: str) -> str:
    """Return a text in the form in which the library writes just this text.

    It writes a text between `<r>` and `</r>` as markup, unread. So markup that means the text stands in its place.
    """
    if text.startswith("<r>") and text.endswith("</r>"):
        return f'<r><t xml:space="preserve">{escape(text)}</t></r>'
    return text


def _linked(sheet: Any, row: int, place: int, address: str, text: str) -> bool:
    """Write a text that opens an address. Return false, and write nothing, if it is no web address that Excel can open."""
    before, _, after = address.partition("#")
    is_web = address.startswith(("http://", "https://")) and xml_text(address) == address
    if not is_web or max(len(before), len(after)) > MOST_ADDRESS or _BLANK.search(address):
        return False
    sheet.write_url(row, place, address, string=text)
    return True
