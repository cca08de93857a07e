"""Records as CSV: one row a record, a reference in two columns, lists as their JSON."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import from_json

from app.reading.compiler import FieldPlan
from app.reading.model import AnyRef, Part, Ref


def columns(plans: Iterable[FieldPlan]) -> list[tuple[str, str | None]]:
    """The columns of a table of these fields: (field, part of a reference)."""
    found: list[tuple[str, str | None]] = []
    for plan in plans:
        if plan.annotation is Ref:
            found += [(plan.name, "id"), (plan.name, "name")]
        elif plan.annotation is AnyRef:
            found += [(plan.name, "id"), (plan.name, "kind"), (plan.name, "name")]
        elif not isinstance(plan.source, Part):
            found.append((plan.name, None))
    return found


def header(wanted: Sequence[tuple[str, str | None]]) -> str:
    """The first line."""
    return _lines([[name if part is None else f"{name}.{part}" for name, part in wanted]])


def rows(records: Iterable[str], wanted: Sequence[tuple[str, str | None]]) -> str:
    """Lines for records given as JSON. Names stay as they are, also those that a spreadsheet takes for formulas."""
    page = from_json(f"[{','.join(records)}]")
    return _lines([_cell(record.get(name), part) for name, part in wanted] for record in page)


def _cell(value: Any, part: str | None) -> str | None:
    if part is not None:
        value = value and value[part]
    if value is None or type(value) is str:
        return value
    return json.dumps(value, ensure_ascii=False)


def _lines(rows_: Iterable[Iterable[str | None]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows_)
    return buffer.getvalue()
