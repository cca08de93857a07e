"""Reads dates as texts and forms print them, in several languages, so that a message can say how to write them.

It is not used to accept dates: a client must send EDTF, because a guess could be wrong without anybody noticing.
"""

import re
from calendar import monthrange
from unicodedata import normalize

from app.domain import months

_SEASONS = {
    21: "spring весн вясн bahar көктем printemps",
    22: "summer лет yaz жаз été",
    23: "autumn fall осен восен sonbahar күз automne",
}
"""The seasons as EDTF numbers them. A winter is left out, because it lies in two years."""
_SEASON_BEGINNINGS = [(begin, season) for season, several in _SEASONS.items() for begin in several.split()]
_YEAR = re.compile(r"[12]\d{3}", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([./-]?)(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_AND_MONTH = re.compile(r"(?:(\d{4})[./-](\d{1,2})|(\d{1,2})[./-](\d{4}))", re.ASCII)
_DAYS_OF_A_MONTH = re.compile(r"(\d{1,2})\.?\s*[-–—]\s*(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_TWO_DATES = re.compile(r"(\S+)\s*[-–—]\s*(\S+)")
_HAN = re.compile(r"(\d{4})\s*年(?:\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*日)?)?", re.ASCII)
_WORDS = re.compile(
    r"(?:(\d{1,2})(?:\s*[-–—/]\s*(\d{1,2}))?(?:st|nd|rd|th|er|-?го|-?е)?\.?\s+)?([^\W\d_]{3,})\.?\s*,?\s+(\d{4})"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,})\.?\s+(\d{1,2})(?:\s*[-–—/]\s*(\d{1,2}))?(?:st|nd|rd|th)?\s*,?\s+(\d{4})")
_DIGITS = {ord("٠") + place: str(place) for place in range(10)} | {ord("۰") + place: str(place) for place in range(10)}
_AFTER = re.compile(r"\s*(?:г\.|года?|год|р\.|року|жылы|ж\.|yil|yılı|-yil|il|c\.e\.)?\s*\Z", re.IGNORECASE)


def meant(text: str) -> tuple[str, ...]:
    """Return the EDTF dates that a printed date can mean: one, two if day and month can be confused, or none."""
    text = _AFTER.sub("", normalize("NFKC", text.strip()).translate(_DIGITS))
    if several := _in_numbers(text) or _in_words(text):
        return several
    if found := _TWO_DATES.fullmatch(text):
        starts, ends = (meant(side) for side in found.groups())
        return _interval(starts[0], ends[0]) if len(starts) == len(ends) == 1 else ()
    return ()


def _in_numbers(text: str) -> tuple[str, ...]:
    """Return what a date without words can mean."""
    if _YEAR.fullmatch(text):
        return (text,)
    if found := _DAYS_OF_A_MONTH.fullmatch(text):
        first, last, month, year = found.groups()
        return _interval(_date(year, month, first), _date(year, month, last))
    if found := _NUMBERS.fullmatch(text):
        first, sign, second, year = found.groups()
        day_first, month_first = _date(year, second, first), _date(year, first, second)
        return tuple(dict.fromkeys(filter(None, (day_first, month_first)))) if sign == "/" else _only(day_first or month_first)
    if found := _YEAR_FIRST.fullmatch(text):
        year, sign, month, day = found.groups()
        return _only(_date(year, month, day) if sign or len(text) == len("20250520") else "")
    if found := _YEAR_AND_MONTH.fullmatch(text):
        year, month, month_first, year_last = found.groups()
        return _only(_date(year or year_last, month or month_first))
    return ()


def _in_words(text: str) -> tuple[str, ...]:
    """Return what a date with the name of a month or a season can mean, or one in Chinese."""
    if found := _HAN.fullmatch(text):
        return _only(_date(*found.groups()))
    if found := _WORDS.fullmatch(text):
        first, last, name, year = found.groups()
    elif found := _MONTH_FIRST.fullmatch(text):
        name, first, last, year = found.groups()
    else:
        return ()
    lowered = name.casefold()
    if named := months.month(name):
        month = str(named.number)
        return _interval(_date(year, month, first), _date(year, month, last)) if last else _only(_date(year, month, first))
    season = next((season for begin, season in _SEASON_BEGINNINGS if lowered.startswith(begin)), None)
    return _only(f"{year}-{season}" if season and not first else "")


def _interval(start: str, end: str) -> tuple[str, ...]:
    return (f"{start}/{end}",) if start and end and start <= end else ()


def _date(year: str, month: str | None = None, day: str | None = None) -> str:
    """Return the date in EDTF, or an empty text if there is no such day."""
    if month is None:
        return year if day is None else ""
    if not 1 <= int(month) <= 12 or not "1000" <= year <= "9998":
        return ""
    if day is None:
        return f"{year}-{int(month):02}"
    return f"{year}-{int(month):02}-{int(day):02}" if 1 <= int(day) <= monthrange(int(year), int(month))[1] else ""


def _only(date: str) -> tuple[str, ...]:
    return (date,) if date else ()
