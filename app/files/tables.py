"""Lists as tables: the names of the columns, and the cells of a row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The characters at the beginning of a cell that make a spreadsheet run the cell as a formula."""
BYTE_ORDER_MARK = "\ufeff"
SEPARATOR = "; "
"""What stands between the references of one cell."""


class TableColumn(NamedTuple):
    """A column of a list in a tabular format such as CSV: a field, or one part of a reference."""

    name: str
    holds_list: bool = False
    """Whether the values in the column are JSON arrays."""
    parts: tuple[str, ...] = ()
    """If the arrays contain references: the parts of a reference (`id`, `name`). If they contain related records: the parts of
    these (`source.id`). The column is to be shown as one for each part."""
    is_joined: bool = False
    """Whether the arrays contain texts that one cell shows together, instead of JSON."""
    is_date: bool = False
    """Whether the values are dates: days such as `2025-06-17`, or less precise ones (EDTF)."""
    address: str = ""
    """The part that is the address of a page, or the column's own name if it holds addresses itself."""


def without_formula(cell: Any) -> Any:
    """Return a cell with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def column_names(columns: Sequence[TableColumn]) -> list[str]:
    """Return the names of the columns as they are shown: a column with several parts is shown as several."""
    return [name for column in columns for name in [f"{column.name}.{part}" for part in column.parts] or [column.name]]


def cells(row: Sequence[Any], columns: Sequence[TableColumn]) -> Iterator[Any]:
    """Yield the cells of a row: of an array the parts of its references, or JSON with non-ASCII characters unescaped."""
    for value, column in zip(row, columns, strict=True):
        if not column.holds_list:
            yield value
            continue
        items = json.loads(value)
        if column.parts:
            yield from (_joined([_part_of(item, part) for item in items]) for part in column.parts)
        elif column.is_joined:
            yield _joined(items)
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
