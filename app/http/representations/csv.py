"""The CSV format: a list as a table.

A reference to another record becomes two columns: its id and its name. If the field can refer to records of different kinds,
a third column contains the kind. An array of references becomes the same columns, each with the ids or names of all of them,
separated by semicolons. Included citations become such columns with their sources and links. Any other array becomes one column
that contains JSON.
"""

import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from app.db.driver import Row
from app.http.representations.representation import WritesStreams
from app.reading.shapes import TableColumn

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The characters at the beginning of a cell that make a spreadsheet run the cell as a formula."""
SEPARATOR = "; "
"""What stands between the references of one cell."""
BYTE_ORDER_MARK = "\ufeff"
_BOM = (
    "`true`: CSV begins with a byte order mark, by which Excel sees that the text is UTF-8; without it, Excel shows wrong"
    " letters in place of Cyrillic ones"
)
_ADDRESS = "`true`: CSV has a last column `address` with the address of each record"
_SAFE = "`true`: in CSV, an apostrophe stands before each cell that a spreadsheet would run as a formula"


class Csv(WritesStreams):
    """Writes a row with the column names, then one row per record (RFC 4180).

    Values are not changed, because a registry must not alter its data. If the client sends `csv_safe`, there is one
    exception: an apostrophe is put in front of each value that a spreadsheet would run as a formula. A byte order mark is
    written only if the client asks for it, because many programs read it as a part of the first column's name.
    """

    name = "csv"
    media_type = "text/csv"
    content_type = "text/csv; charset=utf-8"
    suffix = "csv"
    is_table = True
    parameters: ClassVar = {
        "csv_safe": (bool, Field(default=False, description=_SAFE)),
        "csv_address": (bool, Field(default=False, description=_ADDRESS)),
        "bom": (bool, Field(default=False, description=_BOM)),
    }
    refused_elsewhere = frozenset({"csv_address", "bom"})

    async def stream(
        self, pages: AsyncIterator[Sequence[Row]], columns: Sequence[TableColumn], options: Mapping[str, Any], where: str
    ) -> AsyncGenerator[str]:
        """Yield the row of column names together with the first page of rows, then the rows of each further page."""
        lists = any(column.holds_list for column in columns)
        names = [name for column in columns for name in _names(column)]
        key = names.index("id")
        addressed = options["csv_address"]
        head = (BYTE_ORDER_MARK if options["bom"] else "") + _lines([[*names, "address"] if addressed else names])
        async for rows in pages:
            readable: Sequence[Sequence[Any]] = [list(_readable(row, columns)) for row in rows] if lists else rows
            if addressed:
                readable = [[*row, f"{where}/{quote(row[key])}"] for row in readable]
            yield head + _lines([map(_without_formula, row) for row in readable] if options["csv_safe"] else readable)
            head = ""


def _without_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _names(column: TableColumn) -> list[str]:
    return [f"{column.name}.{part}" for part in column.parts] or [column.name]


def _readable(row: Row, columns: Sequence[TableColumn]) -> Iterator[Any]:
    """Yield the cells of a row: of an array the parts of its references, or JSON with non-ASCII characters unescaped."""
    for value, column in zip(row, columns, strict=True):
        if not column.holds_list:
            yield value
            continue
        items = json.loads(value)
        if column.parts:
            yield from (_joined([_part_of(item, part) for item in items]) for part in column.parts)
        else:
            yield json.dumps(items, ensure_ascii=False)


def _part_of(item: Mapping[str, Any], part: str) -> str:
    """Return the member of an item that a path such as `source.id` leads to; an empty text if there is none."""
    value: Any = item
    for name in part.split("."):
        value = value[name]
    return value or ""


def _joined(values: Sequence[str]) -> str:
    """Return the values of one cell. Empty ones keep their place, so that the n-th of each column belong together."""
    return SEPARATOR.join(values) if any(values) else ""


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
