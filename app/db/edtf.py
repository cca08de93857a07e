"""Dates in the world: EDTF (ISO 8601-2, levels 0 and 1) and the earliest and latest day that each can mean."""

import re
from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

NO_START = "0001-01-01"
"""Stands for no first day in the database, where no sort key is null; reads as null."""
NO_END = "9999-12-31"
"""Stands for no last day in the database; reads as null."""
OPEN = ".."
"""An end of an interval that is not there yet, or not known."""

_YEARS = range(1000, 9999)
_PLAIN = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d\d))?)?", re.ASCII)
_LEVEL_1 = re.compile(r"\d{3}X|\d\dXX|\d{4}-XX(-XX)?|\d{4}-\d\d-XX|\d{4}-2[1-4]", re.ASCII)
"""Unspecified digits and seasons; the library would read level 2 too."""
_QUALIFIERS = "~?%"
_USAGE = "is no EDTF date of levels 0 or 1: write 2004, 2009-11, 2025-06-17, 2025-06-17/2025-06-18, 2022-10-27~"


class Bounds(NamedTuple):
    """The earliest and the latest day a date can mean, as YYYY-MM-DD."""

    start: str
    end: str


NONE = Bounds(NO_START, NO_END)


@lru_cache(maxsize=65_536)
def bounds(text: str) -> Bounds:
    """The bounds of an EDTF date or interval; ValueError says what is wrong with it.

    `~`, `?` and `%` widen to the next coarser unit: a day to its month, a month to its year, a year to a year either
    side. EDTF itself gives no width, and the library's fuzzy bounds run to a year whatever the precision.
    """
    try:
        return _interval(text) if "/" in text else _one(text)
    except ValueError as error:
        raise ValueError(f"{text!r} {error}") from None


def surely(text: str) -> Bounds:
    """What a valid date or interval covers without its `~`, `?` and `%`; nothing, where only these put its ends in order."""
    try:
        return bounds("".join(letter for letter in text if letter not in _QUALIFIERS))
    except ValueError:
        return Bounds(NO_END, NO_START)


def _interval(text: str) -> Bounds:
    sides = text.split("/")
    if len(sides) != 2 or sides == [OPEN, OPEN]:
        raise ValueError("is no interval: write start/end, at most one of them '..'")
    first, last = (None if side == OPEN else _one(side) for side in sides)
    if first and last and first.start > last.end:
        raise ValueError("ends before it starts")
    return Bounds(first.start if first else NO_START, last.end if last else NO_END)


def _one(text: str) -> Bounds:
    """The bounds of one date; the library is asked only for what is no plain calendar date (it parses 200 a second)."""
    qualified = text[-1:] in _QUALIFIERS and text != ""
    core = text[:-1] if qualified else text
    plain = _PLAIN.fullmatch(core)
    try:
        first, last = _calendar(plain) if plain else _by_library(core)
    except ValueError:
        raise ValueError(_USAGE) from None
    if first.year not in _YEARS or last.year not in _YEARS:
        raise ValueError(f"lies outside the years {_YEARS.start} to {_YEARS.stop - 1}")
    if qualified:
        first, last = _widened(first, last)
    return Bounds(first.isoformat(), last.isoformat())


def _calendar(match: re.Match[str]) -> tuple[date, date]:
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if day is None:
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    return date(year, month, day), date(year, month, day)


def _by_library(text: str) -> tuple[date, date]:
    if not _LEVEL_1.fullmatch(text):
        raise ValueError("level 2, or none")
    from edtf import EDTFParseException, parse_edtf  # noqa: PLC0415 - a tenth of the time to start, for what is seldom written

    try:
        parsed = parse_edtf(text)
    except EDTFParseException as error:
        raise ValueError(str(error)) from error
    return date(*parsed.lower_strict()[:3]), date(*parsed.upper_strict()[:3])


def _widened(first: date, last: date) -> tuple[date, date]:
    if first == last:
        return first.replace(day=1), first.replace(day=monthrange(first.year, first.month)[1])
    if last - first < timedelta(days=364):
        return first.replace(month=1, day=1), last.replace(month=12, day=31)
    # Never the last day there is, which stands for none.
    return date(first.year - 1, 1, 1), date(min(last.year + 1, _YEARS.stop - 1), 12, 31)
