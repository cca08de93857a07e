"""The CSV format: a list as a table.

A reference to another record becomes two columns: its id and its name. If the field can refer to records of different kinds,
a third column contains the kind. An array of references becomes the same columns, each with the ids or names of all of them,
separated by semicolons. Included citations become such columns with their sources and links. Any other array becomes one column
that contains JSON.
"""

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from app.db.driver import Row
from app.files.tables import BYTE_ORDER_MARK, TableColumn, cells, column_names, without_formula
from app.http.representations.representation import WritesStreams

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
        names = column_names(columns)
        addressed = options["csv_address"]
        key = names.index("id") if addressed else 0
        head = (BYTE_ORDER_MARK if options["bom"] else "") + _lines([[*names, "address"] if addressed else names])
        async for rows in pages:
            readable: Sequence[Sequence[Any]] = [list(cells(row, columns)) for row in rows] if lists else rows
            if addressed:
                readable = [[*row, f"{where}/{quote(row[key])}"] for row in readable]
            yield head + _lines([map(without_formula, row) for row in readable] if options["csv_safe"] else readable)
            head = ""


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], *, safe: bool, bom: bool) -> bytes:
    """Return a whole table. `safe` and `bom`: the values of the parameters `csv_safe` and `bom`."""
    cells = (map(without_formula, row) for row in rows) if safe else rows
    return f"{BYTE_ORDER_MARK if bom else ''}{_lines([names])}{_lines(cells)}".encode()


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
