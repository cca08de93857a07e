"""Records as CSV: one row a record, a reference in two columns, lists as their JSON."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

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
    return _line(name if part is None else f"{name}.{part}" for name, part in wanted)


def rows(records: Iterable[str], wanted: Sequence[tuple[str, str | None]]) -> str:
    """Lines for records given as JSON. Names stay as they are, also those that a spreadsheet takes for formulas."""
    lines = []
    for text in records:
        record = json.loads(text)
        lines.append(_line(_cell(record.get(name), part) for name, part in wanted))
    return "".join(lines)


def _cell(value: Any, part: str | None) -> str:
    if part is not None:
        value = value and value[part]
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
