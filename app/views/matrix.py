"""The matrix: how many records have each pair of a row's and a column's value, such as a country and a topic.

Each number equals the total of a list, so values count as the filters of lists say: an actor is involved also through its
parts, a record about a topic is also about each wider one, and a record counts in each year in which it may have been going on.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from pydantic_core import from_json

from app.db.driver import Driver, Row, to_statement
from app.views.matrix_queries import COLUMNS, ROWS, Dimension, Dimensions, again, begun, best, grouped, topics
from app.views.selection import Counted, Queries, Selection, Shapes, number, undated
from app.views.years import UNDATED, by_year, years_in


@dataclass
class Axis:
    """The values of a dimension that a matrix shows, the largest ones, and how many it leaves out."""

    values: list[str]
    totals: list[int]
    """How many of the selected records have each value."""
    left_out: int = 0
    left_out_total: int = 0
    """The sum of the totals of the values that are left out."""


@dataclass
class Counts:
    """What a matrix counts. `cells`: the numbers, row by row."""

    records: int
    undated: int
    rows: Axis
    columns: Axis
    cells: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return the numbers that were stored as JSON."""
        stored = from_json(text)
        return cls(**stored | {"rows": Axis(**stored["rows"]), "columns": Axis(**stored["columns"])})


class Wanted(NamedTuple):
    """What is asked of a matrix. `limit`: the most values of a dimension that it shows."""

    counted: Counted
    rows: Dimension
    columns: Dimension
    selection: Selection
    shown_topics: tuple[str, ...]
    """With a selection by topics: these and all narrower topics, which alone are values then."""
    limit: int

    @property
    def asked(self) -> tuple[Any, ...]:
        """All on which the numbers depend."""
        return "matrix", self.counted.plural, self.rows, self.columns, self.selection, self.limit

    def named(self, counts: Counts) -> list[str]:
        """Return the ids of the records among the values."""
        axes = {self.rows: counts.rows, self.columns: counts.columns}
        return [value for dimension, axis in axes.items() if dimension not in ("type", "year") for value in axis.values]


class Matrices:
    """Counts matrices in one database."""

    def __init__(self, driver: Driver, kinds: Mapping[str, Counted]) -> None:
        self._driver = driver
        queries = Queries(driver, kinds)
        self._number = queries.of(number)
        self._undated = queries.of(undated)
        self._best = queries.of(best)
        self._grouped = queries.of(grouped)
        self._begun = queries.of(begun)
        self._again = queries.of(again)
        self._topics = to_statement(sa.select(topics.c.id, topics.c.broader_id), driver.dialect)

    async def count(self, wanted: Wanted) -> Counts:
        """Count a matrix."""
        counted = wanted.counted
        shapes = wanted.selection.shapes(counted)
        given = {**wanted.selection.parameters(counted, self._driver.encode), "limit": wanted.limit}
        reading = _Reading(wanted, shapes, given, await self._wider(wanted))
        ((records,),) = await self._driver.fetch(self._number(counted.plural, shapes), given)
        ((without_date,),) = await self._driver.fetch(self._undated(counted.plural, shapes), given)
        rows = await self._axis(wanted.rows, reading)
        columns = rows if wanted.columns == wanted.rows else await self._axis(wanted.columns, reading)
        counts = Counts(records, without_date, rows, columns)
        if rows.values and columns.values:
            found = await self._cells(reading, rows, columns)
            counts.cells = await asyncio.to_thread(placed, found, wanted, rows, columns)
        return counts

    async def totals(self, wanted: Wanted) -> tuple[int, Axis]:
        """Return the number of the selected records, and how many have each value of the dimension of the rows."""
        shapes = wanted.selection.shapes(wanted.counted)
        given = {**wanted.selection.parameters(wanted.counted, self._driver.encode), "limit": wanted.limit}
        ((records,),) = await self._driver.fetch(self._number(wanted.counted.plural, shapes), given)
        return records, await self._axis(wanted.rows, _Reading(wanted, shapes, given, await self._wider(wanted)))

    async def _wider(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return for each topic itself and all wider topics, as far as the matrix may show them."""
        if "topic" not in (wanted.rows, wanted.columns):
            return {}
        broader: dict[str, str | None] = dict(await self._driver.fetch(self._topics, {}))
        shown = set(wanted.shown_topics) if wanted.selection.topics else broader.keys()
        return {topic: [each for each in _upwards(topic, broader) if each in shown] for topic in broader}

    async def _axis(self, dimension: Dimension, reading: "_Reading") -> Axis:
        wanted = reading.wanted
        if dimension == "year":
            spans = await self._found(reading, [(ROWS, "year")])
            return await asyncio.to_thread(_years, spans, wanted.selection.years(), wanted.limit)
        if dimension == "topic":
            totals = Counter[str]()
            for topic, records in await self._found(reading, [(ROWS, "topic")]):
                totals[topic] += records
            return largest(totals, wanted.limit)
        rows = await self._driver.fetch(self._best(wanted.counted.plural, dimension, reading.shapes), reading.given)
        values, totals_shown = [row[0] for row in rows if row[0]], [row[1] for row in rows if row[0]]
        ((several, of_all),) = [row[1:] for row in rows if not row[0]]
        return Axis(values, totals_shown, several - len(values), of_all - sum(totals_shown))

    async def _cells(self, reading: "_Reading", rows: Axis, columns: Axis) -> list[Row]:
        """Return the numbers of pairs of values: rows of (value, other value, records); see `grouped` for years."""
        wanted = reading.wanted
        limited, given = [], dict(reading.given)
        for name, dimension, axis in ((ROWS, wanted.rows, rows), (COLUMNS, wanted.columns, columns)):
            values = axis.values
            if dimension == "topic":
                values = [topic for topic, several in reading.wider.items() if not set(values).isdisjoint(several)]
            if dimension != "year" and (axis.left_out or wanted.selection.topics):
                limited.append(name)
            given[name] = self._driver.encode(values)
        dimensions = [(ROWS, wanted.rows), (COLUMNS, wanted.columns)]
        if wanted.rows == "year":
            dimensions.reverse()
        return await self._found(reading._replace(given=given), dimensions, tuple(limited))

    async def _found(self, reading: "_Reading", dimensions: Dimensions, limited: tuple[str, ...] = ()) -> list[Row]:
        """Return the rows of `grouped`, in which a record also has each wider topic of its topics."""
        plural, shapes, given = reading.wanted.counted.plural, reading.shapes, reading.given
        names = [dimension for _, dimension in dimensions]
        if names[-1] == "year" and not shapes and names[0] != "topic":
            return await self._driver.fetch(self._begun(plural, tuple(dimensions), limited=limited), given)
        found = await self._driver.fetch(self._grouped(plural, tuple(dimensions), shapes, limited=limited), given)
        twice: Sequence[Row] = ()
        if "topic" in names and any(len(several) > 1 for several in reading.wider.values()):
            twice = await self._driver.fetch(self._again(plural, tuple(dimensions), shapes, limited=limited), given)
        return await asyncio.to_thread(_told, found, twice, names, reading.wider)


def _told(
    found: Iterable[Row], twice: Iterable[Row], names: Sequence[Dimension], wider: Mapping[str, Sequence[str]]
) -> list[Row]:
    """Return rows of `grouped` with each wider topic in place of a topic, without records that have no date.

    `twice`: the rows of `again`, which are subtracted.
    """
    rows = list(found)
    if "topic" in names:
        place = names.index("topic")
        shown = {topic for several in wider.values() for topic in several}
        rows = [(*row[:place], each, *row[place + 1 :]) for row in rows for each in wider.get(row[place], ())]
        rows += [(*row[:-1], -row[-1]) for row in twice if row[place] in shown]
    return [row for row in rows if row[-3] > UNDATED] if names[-1] == "year" else rows


class _Reading(NamedTuple):
    """What the statements of a matrix have in common."""

    wanted: Wanted
    shapes: Shapes
    given: Mapping[str, Any]
    wider: Mapping[str, Sequence[str]]
    """For each topic itself and all wider topics, of those that the matrix may show."""


def _upwards(topic: str, broader: Mapping[str, str | None]) -> list[str]:
    found: list[str] = []
    at: str | None = topic
    while at is not None and at not in found:
        found.append(at)
        at = broader.get(at)
    return found


def largest(totals: Mapping[str, int], limit: int) -> Axis:
    """Return the values with the largest numbers, as many as `limit` says; of equal ones the first in the order of ids."""
    having = sorted(((total, value) for value, total in totals.items() if total), key=lambda each: (-each[0], each[1]))
    shown = having[:limit]
    left_out = sum(total for total, _ in having[limit:])
    return Axis([value for _, value in shown], [total for total, _ in shown], len(having) - len(shown), left_out)


def placed(found: Iterable[Row], wanted: Wanted, rows: Axis, columns: Axis) -> list[int]:
    """Return the numbers of all cells, row by row, from the rows that `Matrices` has found."""
    width = len(columns.values)
    cells = [0] * (len(rows.values) * width)
    if "year" in (wanted.rows, wanted.columns):
        years, other = (columns, rows) if wanted.columns == "year" else (rows, columns)
        several = by_year(found, list(map(int, years.values)))
        for place, value in enumerate(other.values):
            for year, records in enumerate(several.get(value, ())):
                cells[place * width + year if years is columns else year * width + place] = records
        return cells
    row_of = {value: place for place, value in enumerate(rows.values)}
    column_of = {value: place for place, value in enumerate(columns.values)}
    for one, other_value, records in found:
        if one in row_of and other_value in column_of:
            cells[row_of[one] * width + column_of[other_value]] += records
        if wanted.rows == wanted.columns and other_value in row_of and one in column_of:  # each pair is counted once
            cells[row_of[other_value] * width + column_of[one]] += records
    if wanted.rows == wanted.columns:
        for place, total in enumerate(rows.totals):
            cells[place * width + place] = total
    return cells


def _years(spans: Sequence[Row], window: tuple[int, int], limit: int) -> Axis:
    """Return the years with the most records, in their order. `spans`: rows of (first year, last year, records)."""
    years = years_in([(first, last) for first, last, _ in spans], window)
    numbers = by_year((("", *row) for row in spans), years).get("", [])
    having = [(year, records) for year, records in zip(years, numbers, strict=True) if records]
    shown = sorted(sorted(having, key=lambda each: (-each[1], -each[0]))[:limit])
    totals = [records for _, records in shown]
    return Axis([f"{year:04}" for year, _ in shown], totals, len(having) - len(shown), sum(numbers) - sum(totals))
