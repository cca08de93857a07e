"""Makes dossiers of their tables: a workbook with a sheet for each, or a ZIP file with a CSV for each."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from app.files.listing import Listing
from app.files.tables import BYTE_ORDER_MARK, TableColumn, cells, column_names, without_formula
from app.files.workbook import Book, of_registry

Told = list[tuple[str, str]]
_BEFORE_ANY_CHANGE = "2000-01-01T00:00:00Z"
_READABLE = 0o644 << 16
"""The permissions of a file in an archive, as ZIP has them."""


class Head(NamedTuple):
    """The line before the rows of a table."""

    name: str
    columns: Sequence[TableColumn]
    collection_url: str
    found_by: Sequence[str]
    """The addresses of the lists whose records the table has, or words about them."""


def write_workbook(lines: Path, result: Path, listing: Listing) -> None:
    """Make the workbook of a dossier. It is a `Job`. A table without rows has no sheet."""
    book = Book(result, listing.changed_at)
    book.add_about()
    name, told = "", []
    with lines.open(encoding="utf-8") as file:
        for head, rows in _tables(file):
            sheet = None
            for row in rows:
                name = name or _name_in(row, head)
                sheet = sheet or book.sheet(head.name, head.columns, head.collection_url)
                sheet.add(row)
            told += [*(sheet.told() if sheet is not None else [(f"Rows of {head.name}", "0")]), *_found_by(head)]
    book.close([*_told(listing, name), *told])


def write_zip(lines: Path, result: Path, listing: Listing) -> None:
    """Make the ZIP file of a dossier. It is a `Job`. A table without rows has no file."""
    name, told = "", []
    with zipfile.ZipFile(result, "w") as archive, lines.open(encoding="utf-8") as file:
        for head, rows in _tables(file):
            count = 0
            if first := next(rows, None):
                name = name or _name_in(first, head)
                shown = (list(cells(row, head.columns)) for row in chain((first,), rows))
                count = _add_csv(archive, head.name, [column_names(head.columns)], shown, listing)
            told += [(f"Rows of {head.name}", str(count)), *_found_by(head)]
        _add_csv(archive, "about", [["label", "text"]], map(list, [*_told(listing, name), *told]), listing)


def _add_csv(
    archive: zipfile.ZipFile, name: str, head: Sequence[Sequence[str]], rows: Iterable[list[Any]], listing: Listing
) -> int:
    """Add a CSV to a ZIP file, and return the number of its rows. Its time is that of the newest change of the registry."""
    made = datetime.fromisoformat(listing.changed_at or _BEFORE_ANY_CHANGE)
    entry = zipfile.ZipInfo(f"{name}.csv", made.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = _READABLE
    with archive.open(entry, "w") as member, io.TextIOWrapper(member, encoding="utf-8", newline="") as text:
        text.write(BYTE_ORDER_MARK if listing.options["bom"] else "")
        writer, count = csv.writer(text), 0
        writer.writerows(head)
        for row in rows:
            writer.writerow(map(without_formula, row) if listing.options["csv_safe"] else row)
            count += 1
    return count


def _tables(lines: Iterator[str]) -> Iterator[tuple[Head, Iterator[list[Any]]]]:
    """Yield the tables. The rows of one must be read before the next."""
    line = next(lines, None)
    while line is not None:
        head = json.loads(line)
        columns = [TableColumn(name, is_list, tuple(parts), *rest) for name, is_list, parts, *rest in head["columns"]]
        following: list[str] = []
        yield (
            Head(head["table"], columns, head["collection_url"], head["found_by"]),
            _rows(lines, following),
        )
        line = following[0] if following else None


def _rows(lines: Iterator[str], following: list[str]) -> Iterator[list[Any]]:
    """Yield the rows of a table, and put the line after them, if there is one, into `following`."""
    for line in lines:
        if not line.startswith("["):
            following.append(line)
            return
        yield json.loads(line)


def _told(listing: Listing, name: str) -> Told:
    """Return the facts about the dossier, as pairs (label, text). `name`: the name of the record that it is about."""
    told = [("What", f"Dossier of {name}: all that the registry Rapporteur has about the {listing.kind} {listing.record_id}")]
    told += [("Address", listing.url)]
    told += [(f"Only {name}", values[0]) for name, values in listing.filters.items() if name.startswith("date_")]
    return [*told, *of_registry(listing)]


def _name_in(row: Sequence[Any], head: Head) -> str:
    """Return the name of the record in a row."""
    return str(dict(zip(column_names(head.columns), cells(row, head.columns), strict=True))["name"])


def _found_by(head: Head) -> Told:
    return [(f"Found by, {head.name}", found_by) for found_by in head.found_by]
