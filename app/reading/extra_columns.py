"""Columns of a table such as CSV that are no fields of its records: `name.ru`, `identifiers.wikidata`, `citation`."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from app.db.sql import Encode, comma_joined, json_string
from app.db.types import Exact
from app.declaration.model import Part
from app.domain.languages import looked_for
from app.files.tables import TableColumn
from app.reading.names import name_in_first_of

NAME, IDENTIFIERS, CITATION = "name", "identifiers", "citation"
CITED_FIELDS = ("quote", "source", "link")
"""The fields of the first citation that the column `citation` shows."""


class ExtraColumn(NamedTuple):
    """A column that a request adds to a table."""

    holds: str
    """What it holds: `name`, `identifiers` or `citation`."""
    value: str
    """The language of the names, or the scheme of the identifiers; empty for `citation`."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Parse `name.LANGUAGE`, `identifiers.SCHEME` or `citation`."""
        holds, _, value = text.partition(".")
        return cls(holds, value)

    @property
    def column(self) -> TableColumn:
        """The column as it is shown. That of `citation` has several parts."""
        if self.holds == CITATION:
            return TableColumn(CITATION, True, ("quote", "source.id", "source.name", "link"), address="link")
        return TableColumn(f"{self.holds}.{self.value}", self.holds == IDENTIFIERS, is_joined=True)


def column_parameters(columns: Iterable[ExtraColumn], encode: Encode) -> dict[str, Any]:
    """Return the bind parameters of these columns: the languages of names, the schemes of identifiers."""
    given: dict[str, Any] = {}
    for place, each in enumerate(columns):
        if each.holds == NAME:
            given[_parameter(place)] = encode(looked_for([each.value]))
        elif each.holds == IDENTIFIERS:
            given[_parameter(place)] = each.value
    return given


def name_column(place: int, rows: sa.FromClause) -> sa.ColumnElement[str | None]:
    """Return the SQL for the name of a record in the language of the column at this place; null if it has none."""
    return name_in_first_of(_parameter(place), rows.c.id)


def identifiers_column(place: int, rows: sa.FromClause, part: Part) -> sa.ColumnElement[str | None]:
    """Return the SQL for the record's identifiers of the scheme of the column at this place: JSON texts, joined by commas."""
    own = part.table.alias(f"x_{place}")
    items = sa.select(json_string(own.c.identifier).label("item"))
    items = items.where(own.c[part.owner] == rows.c.id, own.c.scheme == sa.bindparam(_parameter(place), type_=Exact))
    found = items.order_by(*(own.c[name] for name in part.order)).correlate(rows).subquery(f"y_{place}")
    return sa.select(comma_joined(found.c.item)).correlate(rows).scalar_subquery()


def _parameter(place: int) -> str:
    return f"column_{place}"
