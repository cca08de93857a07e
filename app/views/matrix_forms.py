"""The forms of a matrix: the answer in JSON, a table, and a dataset in JSON-stat 2.0 (https://json-stat.org/full/)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.reading.names import Called
from app.views.matrix import Axis, Counts, Wanted
from app.views.matrix_queries import ACTORS, Dimension

PARTNER = "partner"
"""What the second dimension is called if both are countries or both are organizations."""
NOTES: Mapping[str, str] = {
    "country": "A record counts once for each of its countries: those that take part, also through their bodies and people.",
    "organization": "A record counts once for each of its organizations: those that take part, also through their parts.",
    "topic": "A record counts once for each of its topics, and for each wider topic of these.",
    "type": "Records without a type are in no cell.",
    "year": "A record counts in each year in which it may have been going on: one that spans two years in both, and one that is"
    " dated to a decade only in all ten. Records without a date are in no year.",
}
EVERY_STATUS: Mapping[str, str] = {
    "meetings": "Meetings of every status count, planned and cancelled ones too.",
    "memoranda": "Instruments of every status count, proposed ones too.",
    "outcomes": "Outcomes of every status count, declined ones too.",
}
NO_SUM = "So rows and columns do not add up to `records`; each number is the total of the list to which it links."


class AxisValue(BaseModel):
    """A value of a dimension."""

    id: Annotated[str, Field(description="the id of the record, the word, or the year", examples=["BY"])]
    name: Annotated[str, Field(description="its name in the language asked for", examples=["Belarus"])]
    total: Annotated[int, Field(description="how many records have it")]
    link: Annotated[str, Field(description="the list of these records")]


class LeftOut(BaseModel):
    """The values that the answer leaves out, because it has the largest ones only."""

    values: Annotated[int, Field(description="how many values are left out")]
    total: Annotated[int, Field(description="the sum of their totals")]


class MatrixAxis(BaseModel):
    """The rows or the columns."""

    dimension: Annotated[str, Field(description="what the values are", examples=["country"])]
    values: Annotated[list[AxisValue], Field(description="years in their order, others by their totals, the largest first")]
    left_out: LeftOut


class Cell(BaseModel):
    """A number, and the list of the records that it counts."""

    count: int
    link: Annotated[
        str,
        Field(description="the list of these records"),
    ]


class Matrix(BaseModel):
    """How many records have each pair of a row's and a column's value."""

    of: Annotated[str, Field(description="what is counted", examples=["meetings"])]
    rows: MatrixAxis
    columns: MatrixAxis
    cells: Annotated[list[list[Cell]], Field(description="for each row, its cells in the order of the columns")]
    records: Annotated[int, Field(description="how many records the filters leave")]
    undated: Annotated[
        int,
        Field(
            description="how many records without a date there are: among `records`, or with `date_from` or `date_to` besides"
            " them, because no window has these"
        ),
    ]
    notes: Annotated[list[str], Field(description="how records are counted")]
    as_of: Annotated[str, Field(description="the end of the change log when it was counted", examples=["907.1f0c9a3e"])]


class Shown:
    """A matrix in its forms. `where`: what stands before the path of each link."""

    def __init__(self, wanted: Wanted, counts: Counts, names: Mapping[str, Called], *, where: str, as_of: str) -> None:
        self._wanted = wanted
        self._counts = counts
        self._names = names
        self._where = where
        self._as_of = as_of

    def answer(self) -> dict[str, Any]:
        """Return the fields of `Matrix`."""
        wanted, counts = self._wanted, self._counts
        width = len(counts.columns.values)
        return {
            "of": wanted.counted.plural,
            "rows": self._axis(wanted.rows, counts.rows),
            "columns": self._axis(wanted.columns, counts.columns),
            "cells": [
                [
                    {"count": counts.cells[place * width + column], "link": self._link(row, other)}
                    for column, other in enumerate(counts.columns.values)
                ]
                for place, row in enumerate(counts.rows.values)
            ],
            "records": counts.records,
            "undated": counts.undated,
            "notes": self.notes(),
            "as_of": self._as_of,
        }

    def notes(self) -> list[str]:
        """Return how the records are counted, in sentences."""
        dimensions = dict.fromkeys((self._wanted.rows, self._wanted.columns))
        status = [] if self._wanted.selection.statuses else [EVERY_STATUS[self._wanted.counted.plural]]
        return [*(NOTES[each] for each in dimensions), NO_SUM, *status]

    def table(self) -> tuple[list[str], Iterator[list[Any]]]:
        """Return the names of the columns, and a row for each cell."""
        counts, names = self._counts, self._dimensions()
        head = [*_columns(names[0], self._wanted.rows), *_columns(names[1], self._wanted.columns), "count", "link"]

        def rows() -> Iterator[list[Any]]:
            cells = iter(counts.cells)
            for row in counts.rows.values:
                for column in counts.columns.values:
                    first, second = self._cells(self._wanted.rows, row), self._cells(self._wanted.columns, column)
                    yield [*first, *second, next(cells), self._link(row, column)]

        return head, rows()

    def jsonstat(self) -> dict[str, Any]:
        """Return a dataset of JSON-stat 2.0."""
        wanted, counts = self._wanted, self._counts
        names = self._dimensions()
        axes = dict(zip(names, ((wanted.rows, counts.rows), (wanted.columns, counts.columns)), strict=True))
        roles = {
            "geo": [name for name, (dimension, _) in axes.items() if dimension == "country"],
            "time": [name for name, (dimension, _) in axes.items() if dimension == "year"],
        }
        return {
            "version": "2.0",
            "class": "dataset",
            "label": f"{wanted.counted.plural} by {names[0]} and {names[1]}",
            "source": "Rapporteur",
            "note": self.notes(),
            "id": list(names),
            "size": [len(counts.rows.values), len(counts.columns.values)],
            "role": {role: several for role, several in roles.items() if several},
            "dimension": {
                name: {
                    "label": name,
                    "category": {
                        "index": axis.values,
                        "label": {value: self._name(dimension, value) for value in axis.values},
                    },
                }
                for name, (dimension, axis) in axes.items()
            },
            "value": counts.cells,
            "extension": {
                "as_of": self._as_of,
                "records": counts.records,
                "undated": counts.undated,
                "left_out": {name: {"values": axis.left_out, "total": axis.left_out_total} for name, (_, axis) in axes.items()},
            },
        }

    def _dimensions(self) -> tuple[str, str]:
        rows, columns = self._wanted.rows, self._wanted.columns
        return rows, PARTNER if columns == rows else columns

    def _axis(self, dimension: Dimension, axis: Axis) -> dict[str, Any]:
        values = [
            {"id": value, "name": self._name(dimension, value), "total": total, "link": self._link_of([(dimension, value)])}
            for value, total in zip(axis.values, axis.totals, strict=True)
        ]
        left_out = {"values": axis.left_out, "total": axis.left_out_total}
        return {"dimension": dimension, "values": values, "left_out": left_out}

    def _name(self, dimension: Dimension, value: str) -> str:
        if dimension in ("type", "year"):
            return value
        # A record that was deleted after it was counted has no name any more.
        return self._names[value].name if value in self._names else value

    def _cells(self, dimension: Dimension, value: str) -> list[str]:
        return [value] if dimension in ("type", "year") else [value, self._name(dimension, value)]

    def _link(self, row: str, column: str) -> str:
        return self._link_of([(self._wanted.rows, row), (self._wanted.columns, column)])

    def _link_of(self, values: list[tuple[Dimension, str]]) -> str:
        by = dict(values)
        address = self._wanted.selection.address(
            self._wanted.counted,
            actors=[value for dimension, value in values if dimension in ACTORS],
            topic=by.get("topic"),
            word=by.get("type"),
            year=int(by["year"]) if "year" in by else None,
        )
        return f"{self._where}{address}"


def _columns(name: str, dimension: Dimension) -> list[str]:
    return [name] if dimension in ("type", "year") else [f"{name}.id", f"{name}.name"]
