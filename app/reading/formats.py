"""Records as CSV: one row a record, a reference in two columns or three, lists as their JSON."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from app.reading.compiler import TableColumn


def header(columns: Sequence[TableColumn]) -> str:
    """The first line, if there are columns."""
    return _lines([[column.name for column in columns]]) if columns else ""


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters with which spreadsheets take a cell for a formula."""


def rows(records: Sequence[Sequence[Any]], columns: Sequence[TableColumn], *, safe: bool = False) -> str:
    """Rows as CSV lines.

    Values stay as they are, because a registry must not alter its data; with `safe`, values that a spreadsheet would run as
    formulas get an apostrophe in front.
    """
    lists = [place for place, column in enumerate(columns) if column.holds_list]
    readable = [_readable(record, lists) for record in records] if lists else records
    return _lines([map(_without_formula, record) for record in readable] if safe else readable)


def _without_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _readable(record: Sequence[Any], lists: Iterable[int]) -> list[Any]:
    """The row with its lists as a reader writes JSON: every letter as itself."""
    cells = list(record)
    for place in lists:
        cells[place] = json.dumps(json.loads(cells[place]), ensure_ascii=False)
    return cells


def _lines(records: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(records)
    return buffer.getvalue()
