"""Finds the date that a question names, so that the events of that time are found whatever their texts say."""

import re
from typing import NamedTuple

from app.domain import edtf
from app.text.dates import dates_in

MOST_LETTERS = 300
"""The length of a question, in characters, up to which a date is looked for in it."""
_MONTH = re.compile(r"\s*([12]\d{3}-\d\d)\s*", re.ASCII)


class Dated(NamedTuple):
    """A question that names one date."""

    rest: str
    """The question without the date."""
    date_from: str
    date_to: str
    """The first and the last day that the date can mean."""


def dated(question: str) -> Dated | None:
    """Return the question with its date; None if it names none, or several, or a year alone.

    A year is no date here, because it is a term of the search index and matches like a word.
    """
    if len(question) > MOST_LETTERS:
        return None
    if month := _MONTH.fullmatch(question):
        rest, date = "", month[1]
    else:
        found = dates_in(question)
        if len(found) != 1 or found[0].edtf is None:
            return None
        rest, date = question[: found[0].start] + " " + question[found[0].end :], found[0].edtf
    if len(date) == len("2025"):
        return None
    try:
        bounds = edtf.bounds(date)
    except ValueError:
        return None
    return Dated(rest, bounds.start, bounds.end)
