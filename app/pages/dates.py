"""Puts EDTF dates into words that say no more than the source does: "November 2009 (day not stated)"."""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from babel.dates import format_date, format_skeleton

from app.pages.language import Language

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"(\d{4}-\d\d)(?:-XX)?", re.ASCII)
_YEAR = re.compile(r"(\d{4})(?:-XX(?:-XX)?)?", re.ASCII)
_QUALIFIERS = "~?%"
_OPEN = ".."


class When(NamedTuple):
    """A date in words."""

    text: str
    note: str
    """What the source leaves open, such as "day not stated"; empty if it leaves nothing open."""
    day: str | None
    """The day, if it is one and is stated, for a machine to read."""


@lru_cache(2_000)  # dates repeat on a page and from page to page, and each takes 20 to 60 µs; some 500 kB
def when(edtf: str, language: Language) -> When:
    """Return a valid EDTF date or interval in words."""
    first, _, last = edtf.partition("/")
    if last:
        return _interval(first, last, language)
    return _one(first, language)


def _qualified(found: When, qualifier: str, language: Language) -> When:
    """Return a date in words with what its qualifier says: `~` approximate, `?` uncertain, `%` both."""
    _ = language.texts.gettext
    text = _("about %(date)s") % {"date": found.text} if qualifier in ("~", "%") else found.text
    return When(text, _("uncertain") if qualifier in ("?", "%") else "", None)


def day_in_words(day: str, language: Language) -> str:
    """Return a day, YYYY-MM-DD, in words."""
    return format_date(date.fromisoformat(day), "long", locale=language.locale).replace("\N{NARROW NO-BREAK SPACE}", "\xa0")


def _one(edtf: str, language: Language) -> When:
    plain = edtf.rstrip(_QUALIFIERS)
    found = When(*_plain(plain, language), plain if _DAY.fullmatch(plain) else None)
    return _qualified(found, edtf[-1], language) if plain != edtf else found


def _plain(edtf: str, language: Language) -> tuple[str, str]:
    """Return a date without qualifiers in words, and what it leaves open."""
    _ = language.texts.gettext
    if _DAY.fullmatch(edtf):
        return day_in_words(edtf, language), ""
    if match := _YEAR.fullmatch(edtf):
        return match[1], _("day not stated")
    if (match := _MONTH.fullmatch(edtf)) and match[1][5:] <= "12":
        return _month(match[1], language), _("day not stated")
    seasons = {"21": _("spring %(year)s"), "22": _("summer %(year)s"), "23": _("autumn %(year)s"), "24": _("winter %(year)s")}
    if season := seasons.get(edtf[5:]):
        return season % {"year": edtf[:4]}, _("day not stated")
    first, last = edtf.replace("X", "0"), edtf.replace("X", "9")
    return _("between %(first)s and %(last)s") % {"first": first, "last": last}, _("year not stated")


def _month(edtf: str, language: Language) -> str:
    text = format_skeleton("yMMMM", date(int(edtf[:4]), int(edtf[5:7]), 1), locale=language.locale)
    return str(text).replace("\N{NARROW NO-BREAK SPACE}", "\xa0")


def _interval(first: str, last: str, language: Language) -> When:
    _ = language.texts.gettext
    if first == _OPEN:
        found = _one(last, language)
        return When(_("by %(date)s") % {"date": found.text}, found.note or _("beginning not stated"), None)
    if last == _OPEN:
        found = _one(first, language)
        return When(_("since %(date)s") % {"date": found.text}, found.note, None)
    if first[-1] == last[-1] and first[-1] in _QUALIFIERS:
        return _qualified(_interval(first[:-1], last[:-1], language), first[-1], language)
    if first == last:
        return _one(first, language)
    if _DAY.fullmatch(first) and _DAY.fullmatch(last):
        return When(_days(first, last, language), "", None)
    start, end = _one(first, language), _one(last, language)
    return When(f"{start.text} – {end.text}", end.note or start.note, None)


def _days(first: str, last: str, language: Language) -> str:
    """Return a range of days: "17–18 June 2025", "30 June – 2 July 2025"."""
    if first[:7] == last[:7]:
        return f"{int(first[8:])}–{day_in_words(last, language)}"
    if first[:4] == last[:4]:
        start = format_skeleton("MMMMd", date.fromisoformat(first), locale=language.locale)
        return f"{start} – {day_in_words(last, language)}"
    return f"{day_in_words(first, language)} – {day_in_words(last, language)}"
