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


def rows(records: Sequence[Sequence[Any]], columns: Sequence[TableColumn]) -> str:
    """Lines for rows of texts and numbers. Names stay as they are, also those that a spreadsheet takes for formulas."""
    lists = [place for place, column in enumerate(columns) if column.holds_list]
    return _lines([_readable(record, lists) for record in records] if lists else records)


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
