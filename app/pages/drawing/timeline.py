"""The picture of a ledger: years from left to right, one dot for each line, which leads to the line below the picture."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, STEP, RADIUS, FOOT = 720, 14, 5, 22
_MARGIN = 24
MOST_YEARS = 60
"""The number of years that a picture shows at the most, so that dots do not overlap; of more years, the last ones."""


class Dot(NamedTuple):
    """A line of the ledger: `number` counts from 1."""

    x: float
    y: float
    number: int
    kind: str
    title: str


class Year(NamedTuple):
    """A label below the dots."""

    x: float
    text: str


class Timeline(NamedTuple):
    """A picture, in pixels."""

    width: int
    height: int
    dots: Sequence[Dot]
    years: Sequence[Year]
    kinds: Sequence[str]


def timeline(lines: Sequence[Mapping[str, Any]]) -> Timeline | None:
    """Return the picture of the lines of a ledger; None if fewer than two years would be in it."""
    dated = [(number, line) for number, line in enumerate(lines, 1) if line["date_start"]]
    years = [int(line["date_start"][:4]) for _, line in dated]
    if not years or min(years) == max(years):
        return None
    first, last = max(min(years), max(years) - MOST_YEARS + 1), max(years)
    step = (WIDTH - 2 * _MARGIN) / (last - first)
    heights: dict[int, int] = {}
    placed = []
    for number, line in dated:
        year = int(line["date_start"][:4])
        if year >= first:
            heights[year] = heights.get(year, 0) + 1
            placed.append((_MARGIN + (year - first) * step, heights[year], number, line))
    height = max(heights.values()) * STEP + STEP
    dots = [
        Dot(round(x, 1), height - level * STEP, number, line["record"]["kind"], line["record"]["name"])
        for x, level, number, line in placed
    ]
    every = -(-(last - first + 1) // 12)
    labels = [
        Year(round(_MARGIN + (year - first) * step, 1), str(year))
        for year in range(first, last + 1)
        if (last - year) % every == 0
    ]
    return Timeline(WIDTH, height + FOOT, dots, labels, sorted({dot.kind for dot in dots}))
