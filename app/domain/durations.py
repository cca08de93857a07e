"""Terms of instruments: durations by ISO 8601, in years, months, weeks and days."""

import re
from typing import NamedTuple

from app.domain import edtf

_DURATION = re.compile(r"P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?", re.ASCII)


class Duration(NamedTuple):
    """A duration. Weeks are counted as days."""

    years: int
    months: int
    days: int


def parsed(text: str) -> Duration:
    """Parse a duration such as `P3Y`, `P18M` or `P2W`. Raises ValueError, which says what to write instead."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(int(group or 0) for group in match.groups()):
        raise ValueError(
            f"{text[:40]!r} is no duration: write P3Y for three years, P18M for eighteen months, P90D for ninety days"
        )
    years, months, weeks, days = (int(group or 0) for group in match.groups())
    return Duration(years, months, 7 * weeks + days)


def checked(text: str) -> str:
    """Return the text if it is a duration. Raises ValueError otherwise."""
    parsed(text)
    return text


def after(day: str, term: str) -> str:
    """Return the day on which a term that began on `day` is over."""
    years, months, days = parsed(term)
    return edtf.shifted(day, years=years, months=months, days=days)
