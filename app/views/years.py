"""Counts records by year. A record counts in each year in which it may have been going on, as in the windows of lists."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from app.db.driver import Row
from app.domain import edtf

UNDATED = int(edtf.NO_START[:4])
"""The first year of records without a date."""


def years_in(spans: Sequence[tuple[int, int]], window: tuple[int, int]) -> list[int]:
    """Return all years from the first to the last one of these spans, as far as they lie in the window."""
    if not spans:
        return []
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    return list(range(max(first, window[0]), min(last, window[1]) + 1))


def by_year(found: Iterable[Row], years: Sequence[int]) -> dict[str, list[int]]:
    """Return the numbers of each value in these years, which ascend. Rows: (value, first year, last year, records)."""
    steps: dict[str, list[int]] = {}
    for value, first, last, records in found:
        several = steps.setdefault(value, [0] * (len(years) + 1))
        several[bisect_left(years, first)] += records
        several[bisect_right(years, last)] -= records
    return {value: list(accumulate(several))[:-1] for value, several in steps.items()}
