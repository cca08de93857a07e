"""Turns a record's content into rows: one row of the record's own table, and the rows of its parts."""

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

import sqlalchemy as sa

from app.declaration.model import Part, Ref
from app.declaration.resource import Resource
from app.domain.languages import general
from app.domain.vocabulary import Kind, NameType
from app.models.columns import Content
from app.models.records import Name
from app.writing.write_schema import ContentSchema

_SHOWN_BEST_FIRST = (
    NameType.OFFICIAL,
    NameType.SHORT,
    NameType.TRANSLATION,
    NameType.TRANSLITERATION,
    NameType.DESCRIPTIVE,
)
"""The types of names that are shown to readers of the name's language, best type first. Search also finds other names."""

names: sa.Table = Name.__table__
Fill = Callable[[Content], Any]


class RowWriter:
    """Makes the table rows that store the records of one resource."""

    def __init__(self, schema: ContentSchema) -> None:
        self.schema = schema
        self.resource: Resource = schema.resource
        self.parts = [plan for plan in schema.plans if isinstance(plan.source, Part)]
        self._parts = [
            (plan.name, plan.source, _columns(get_args(plan.annotation)[0], plan.source), _derived(plan.source.table))
            for plan in self.parts
        ]
        self._column_of: dict[str, str] = {}
        """By field: the column that holds its value unchanged."""
        self._nothing: dict[str, Any] = {}
        """The default values of the columns in `_column_of`. They apply to fields that the content does not have."""
        self._fills: list[tuple[str, Fill]] = []
        self._kinds: list[tuple[str, str]] = []
        for column in self.resource.table.c:
            if column.computed is None and column.name not in ("id", "version", "created_at", "updated_at"):
                self._add(column)

    def _add(self, column: sa.Column[Any]) -> None:
        name = column.name
        if "derive" in column.info:
            self._fills.append((name, column.info["derive"]))
        elif name.endswith("_kind"):
            self._kinds.append((name, name.removesuffix("_kind")))
        elif column.info.get("list"):
            self._fills.append(
                (name, lambda content: json.dumps(content[name], separators=(",", ":")) if name in content else None)
            )
        else:
            field = name.removesuffix("_id") if column.foreign_keys or "kinds" in column.info else name
            self._column_of[field] = name
            self._nothing[name] = False if isinstance(column.type, sa.Boolean) and not column.nullable else None

    def row(self, content: Content, kinds: Mapping[str, Kind], *, version: int, created: Any, now: Any) -> dict[str, Any]:
        """The row of the record's own table."""
        row = {**self._nothing, "id": content["id"], "version": version, "created_at": created, "updated_at": max(created, now)}
        column_of = self._column_of
        for field, value in content.items():
            if field in column_of:
                row[column_of[field]] = value
        for name, fill in self._fills:
            row[name] = fill(content)
        for name, field in self._kinds:
            target = content.get(field)
            row[name] = str(kinds[target]) if target else None
        return row

    def part_rows(self, content: Content, kinds: Mapping[str, Kind]) -> dict[sa.Table, list[dict[str, Any]]]:
        """The rows of the record's parts, by table. `kinds`: by id, the kinds of the records to which they refer."""
        found = {}
        for name, part, columns, derived in self._parts:
            items = content.get(name)
            if not items:
                continue
            rows = [
                {column: item.get(key) for key, column in columns.items()} if columns else {part.columns[0]: item}
                for item in items
            ]
            own_name, own_type = content.get(self.resource.named_by), self.resource.own_name_type
            shown = _shown(own_name, own_type, items) if part.table is names else {}
            for place, row in enumerate(rows):
                for column, derive in derived:
                    row[column] = derive(row)
                for column in part.table.c:
                    if column.name.endswith("_kind"):
                        target = kinds.get(row[f"{column.name.removesuffix('_kind')}_id"])
                        row[column.name] = None if target is None else str(target)
                row |= {part.owner: content["id"], "place": place}
                if part.table is names:
                    row["shown_in"] = shown.get(place)
            found[part.table] = rows
        return found


def _columns(item: Any, part: Part) -> dict[str, str]:
    """By field of an array's items: the column with its value. Empty if the items are references themselves."""
    return {} if item is Ref else dict(zip(item.model_fields, part.columns, strict=True))


def _derived(table: sa.Table) -> list[tuple[str, Fill]]:
    return [(column.name, column.info["derive"]) for column in table.c if "derive" in column.info]


def _shown(own_name: str | None, own_type: NameType, items: list[Mapping[str, Any]]) -> dict[int, str]:
    """Choose at most one name to show for each language. Returns the languages by the indexes of these names in `items`.

    A language that has only names in one script, or of one region, is shown these (`languages.general`).

    In each language, the record's main name is preferred. Otherwise, the name whose type comes first in `_SHOWN_BEST_FIRST` is
    chosen, but if the main name is a short one, short names go before official ones. `own_type` is the type of the main name if
    the names do not say it. If several names have the best type, the first of them is chosen.
    """
    main_type = next((item["type"] for item in items if item["text"] == own_name), own_type)
    order = [main_type, *_SHOWN_BEST_FIRST] if main_type == NameType.SHORT else list(_SHOWN_BEST_FIRST)
    best: dict[str, tuple[int, int]] = {}
    for place, item in enumerate(items):
        if item["text"] == own_name:
            rank = -1
        elif item["type"] in order:
            rank = order.index(item["type"])
        else:
            continue
        best[item["language"]] = min(best.get(item["language"], (rank, place)), (rank, place))
    languages = sorted(best, key=lambda language: best[language][1])
    return dict(zip((best[language][1] for language in languages), general(languages), strict=True))
