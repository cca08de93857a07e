"""Parses EDTF dates (ISO 8601-2, levels 0 and 1) to the earliest and the latest day that each can mean."""

import re
from calendar import isleap, month_name, monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.domain import printed_dates

NO_START = "0001-01-01"
"""The database stores this value if a date has no first day, because a sort key must not be NULL. Responses show null."""
NO_END = "9999-12-31"
"""The database stores this value if a date has no last day. Responses show null."""
OPEN = ".."
"""The open side of an interval: a start or an end that is unknown or has not come yet."""

_FIRST_YEAR, _LAST_YEAR = 1000, 9998
_LONGEST = 64
"""Maximum number of characters of a date. A longer text is refused without being parsed or cached; the longest date has 23."""
_SHOWN = 60
"""Maximum number of characters of a value that an error message quotes."""
_DATE = re.compile(
    r"(?:(\d\d[\dX]X)|(\d{4})(?:-(?:XX(?:-XX)?|(\d\d)(?:-(\d\d|XX))?))?)([~?%])?",
    re.ASCII,
)
"""The groups are: 1 a decade or century; otherwise 2 a year, 3 a month or season, 4 a day; 5 the qualifier. A month `XX` is in
no group."""
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)([~?%]?)", re.ASCII)
_SEASONS = {"21": ("03-01", "05-31"), "22": ("06-01", "08-31"), "23": ("09-01", "11-30")}
_WINTER = "24"
_QUALIFIERS = "~?%"
_WINTER_OF = re.compile(rf"(\d{{4}})-{_WINTER}", re.ASCII)

_USAGE = "is no EDTF date of levels 0 or 1: write 2004, 2009-11, 2025-06-17, 2025-06-17/2025-06-18, 2022-10-27~"
_OUTSIDE = f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}"
_LONG_YEAR = re.compile(r"(?:-\d{4}|Y-?(?:\d{5,}|\d+E\d+)).*", re.ASCII)
_WITH_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ]\d\d.*", re.ASCII)


class Bounds(NamedTuple):
    """The earliest and the latest day that a date can mean, as YYYY-MM-DD."""

    start: str
    end: str


NONE = Bounds(NO_START, NO_END)


class Days(NamedTuple):
    """The first and the last day that a date states, as YYYY-MM-DD, and what it says of them."""

    first: str
    last: str
    is_approximate: bool
    is_uncertain: bool


def bounds(text: str) -> Bounds:
    """Return the bounds of an EDTF date or interval. A ValueError says what is wrong and what to write instead.

    The qualifiers `~`, `?` and `%` (approximate, uncertain, both) widen the bounds to the next coarser unit: a day to its
    month, a month or a season to its year or years, and a year or several years by one year on each side. EDTF does not define
    how far a qualifier widens a date. The library `edtf` widens every date by a year.

    The winter of 2021 can be read in two ways: December 2021 to February 2022, or January, February and December 2021. Its
    bounds include both.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{text[:_SHOWN]!r}… {_USAGE}")
    return _bounds(text)


def event(text: str) -> Bounds:
    """Return the bounds of the date of an event.

    An event of which only the latest day is known, such as `../2025-05-20`, lies within the year before that day at the most.
    This is a rule of the registry, so that such events do not match every range of dates in the past.
    """
    found = bounds(text)
    if not text.startswith(OPEN):
        return found
    first = bounds(text.removeprefix(f"{OPEN}/")).start
    return Bounds(max(shifted(first, years=-1), f"{_FIRST_YEAR}-01-01"), found.end)


def shifted(day: str, *, years: int = 0, months: int = 0, days: int = 0) -> str:
    """Return the day so many years, months and days later; NO_END if that lies beyond the last year.

    If a month has no such day, its last day is taken.
    """
    count = (int(day[:4]) + years) * 12 + int(day[5:7]) - 1 + months
    year, month = count // 12, count % 12 + 1
    if year > _LAST_YEAR:
        return NO_END
    try:
        moved = date(year, month, min(int(day[8:]), monthrange(year, month)[1])) + timedelta(days)
    except OverflowError:
        return NO_END
    return moved.isoformat() if moved.year <= _LAST_YEAR else NO_END


def spanning(several: Bounds) -> str | None:
    """Return the shortest EDTF date or interval with these bounds: a day, a month, a year or an interval; None for NONE."""
    start, end = several
    if several == NONE:
        return None
    for text in (start[:4], start[:7], start):
        if bounds(text) == several:
            return text
    return f"{OPEN if start == NO_START else start}/{OPEN if end == NO_END else end}"


def surely(text: str) -> Bounds:
    """Return the bounds of a valid date or interval as if it had no `~`, `?` or `%`.

    The result for a winter is December, because only December is in both readings of a winter. If an interval without its
    qualifiers ends before it starts, no day is certain, and the result is the empty range from NO_END to NO_START.
    """
    exact = "".join(letter for letter in text if letter not in _QUALIFIERS)
    try:
        return bounds(_WINTER_OF.sub(r"\1-12", exact))
    except ValueError:
        return Bounds(NO_END, NO_START)


def stated_days(text: str) -> Days | None:
    """Return the first and the last day that are written in a valid date or interval. Returns None if either is not written.

    Unlike bounds, these days are never computed from a month or a year. Qualifiers such as `~` do not move them.
    """
    sides = [_DAY.fullmatch(side) for side in text.split("/")]
    days = [side[1] for side in sides if side]
    if len(days) < len(sides) or days[0] > days[-1]:  # 2025-06-20~/2025-06-17 is valid, because `~` widens its first day
        return None
    qualifiers = "".join(side[2] for side in sides if side)
    return Days(days[0], days[-1], not {*"~%"}.isdisjoint(qualifiers), not {*"?%"}.isdisjoint(qualifiers))


def overlap(one: Sequence[str | None], other: Sequence[str | None]) -> bool:
    """Whether two periods, each (first date, last date), certainly overlap by more than a day.

    A period certainly lasts from the latest day that its first date can mean to the earliest day that its last date can mean,
    without regard to `~`, `?` and `%`. Without a date, it has no such end.
    """
    (start, end), (other_start, other_end) = _core(*one), _core(*other)
    return max(start, other_start) < min(end, other_end)


def _core(since: str | None, until: str | None) -> Bounds:
    start = bounds("".join(letter for letter in since if letter not in _QUALIFIERS)).end if since else NO_START
    return Bounds(start, bounds("".join(letter for letter in until if letter not in _QUALIFIERS)).start if until else NO_END)


@lru_cache(maxsize=65_536)
def _bounds(text: str) -> Bounds:
    try:
        return _interval(text) if "/" in text else _one(text)
    except ValueError as error:
        shown = repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
        raise ValueError(f"{shown} {error}") from None


def _interval(text: str) -> Bounds:
    sides = text.split("/")
    if len(sides) != 2 or sides in ([OPEN, OPEN], ["", ""]):
        raise ValueError(_instead(text) or "is no interval: write start/end, at most one of them '..'")
    if "" in sides:
        raise ValueError("has an empty side: write a date there, or '..' if that side is open")
    try:
        first, last = (None if side == OPEN else _one(side) for side in sides)
    except ValueError:
        if advice := _instead(text):  # 05/2025 is a month, 17/18 June 2025 two days
            raise ValueError(advice) from None
        raise
    if first and last and first.start > last.end:
        raise ValueError("ends before it starts")
    return Bounds(first.start if first else NO_START, last.end if last else NO_END)


def _one(text: str) -> Bounds:
    """Return the bounds of one date, which is not an interval.

    This function takes 2 µs per date. The library `edtf` takes 4,500 µs, so it is not used here, but the tests compare this
    function with it.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(_advice(text))
    several, year, month, day, qualifier = match.groups()
    if month is None:
        if several:
            return _years(int(several.replace("X", "0")), int(several.replace("X", "9")), qualifier)
        return _years(int(year), int(year), qualifier)
    if day is None and (month in _SEASONS or month == _WINTER):
        return _season(int(year), month, qualifier)
    _check_years(int(year), int(year))
    if not "01" <= month <= "12":
        raise ValueError(_wrong_month(year, month, day))
    length = monthrange(int(year), int(month))[1]
    if day is None or day == "XX":
        if qualifier:
            return Bounds(f"{year}-01-01", f"{year}-12-31")
    elif not "01" <= day <= str(length):
        raise ValueError(_wrong_day(year, month, day, length))
    elif not qualifier:
        return Bounds(text, text)
    return Bounds(f"{year}-{month}-01", f"{year}-{month}-{length}")


def _years(first: int, last: int, qualifier: str | None) -> Bounds:
    _check_years(first, last)
    if qualifier:
        # The last year stays at most _LAST_YEAR (9998), because the last day 9999-12-31 (NO_END) would mean an open end.
        first, last = first - 1, min(last + 1, _LAST_YEAR)
    return Bounds(f"{first:04}-01-01", f"{last}-12-31")


def _season(year: int, season: str, qualifier: str | None) -> Bounds:
    last = year + (season == _WINTER)
    _check_years(year, last)
    if season == _WINTER:
        start, end = "01-01", "02-29" if isleap(last) else "02-28"
    else:
        start, end = _SEASONS[season]
    if qualifier:
        start, end = "01-01", "12-31"
    return Bounds(f"{year}-{start}", f"{last}-{end}")


def _check_years(first: int, last: int) -> None:
    if first < _FIRST_YEAR or last > _LAST_YEAR:
        # Other systems write the year 9999 for an unknown end, so the message for this year says how EDTF writes such an end.
        raise ValueError(f"{_OUTSIDE}: write '..' for an open end, as in 2004/.." if first == _LAST_YEAR + 1 else _OUTSIDE)


def _wrong_month(year: str, month: str, day: str | None) -> str:
    if month == "00":
        return f"has no month 00: write {year} or {year}-XX if the month is not known"
    if day is None:
        return f"has no month {month}: months are 01 to 12, seasons are 21 to 24"
    return f"has no month {month}: months are 01 to 12"


def _wrong_day(year: str, month: str, day: str, length: int) -> str:
    if day == "00":
        return f"has no day 00: write {year}-{month} or {year}-{month}-XX if the day is not known"
    return f"is no day of the calendar: {month_name[int(month)]} {year} has {length} days"


def _advice(text: str) -> str:
    """Return the advice what to write instead of a text that is not an EDTF date."""
    if with_time := _WITH_TIME.fullmatch(text):
        return f"has a time of day: write the day only, {with_time[1]}"
    return _instead(text) or (_OUTSIDE if _LONG_YEAR.fullmatch(text) else _USAGE)


def _instead(text: str) -> str:
    """Return the advice how to write a date that is printed in another form; empty if it is no such date."""
    meant = printed_dates.meant(text)
    if not meant:
        return ""
    return f"is not written as EDTF: write {' or '.join(meant)}{'' if text.startswith(meant[0][:4]) else ', the year first'}"
