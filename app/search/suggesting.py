"""Completes names while they are typed: by the beginnings of their words, in any script, with a typing error or two."""

from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance import OSA

from app.caching import cached
from app.text.analyzer import analyze
from app.text.query import Query, Typed
from app.text.terms import (
    BEGINNINGS,
    BEGINS,
    GRAM,
    LONGEST_BEGINNING,
    NOTHING,
    Letters,
    Node,
    Own,
    Weight,
    all_of,
    any_of,
    grams,
    term,
)

LOOKED_AT = 300
"""Candidates per search, at the most."""
_SHORTEST_SLIP = 4
"""From this length on, a word may have a typing error."""
_LONGEST_SLIP = 20
"""Up to this length, a word may have a typing error: the query grows with the square of the length."""
_TWO_SLIPS_FROM = 8
_SPOILT = 3
"""One wrong letter changes so many of a word's trigrams."""


_UNFINISHED = {"s": "w", "sc": "w", "c": "q", "k": "h", "t": "c", "tc": "q", "z": "z", "d": "j"}
"""First letters of sounds that are written with several letters: after `s` a user may go on to `sh`."""


def _forms(word: Typed) -> tuple[str, ...]:
    """The beginnings that a name's word may have, if this much of it was typed."""
    forms = word.skeletons or word.stems[:1]
    finished = (form[: -len(end)] + sound for form in forms for end, sound in _UNFINISHED.items() if form.endswith(end))
    return tuple(dict.fromkeys((*forms, *finished)))


def begun(query: Query) -> list[Node]:
    """Searches for names whose words begin so: first names of entities, then of events."""
    if not query.words:
        return []
    return [
        all_of(any_of(term(sort + form[:LONGEST_BEGINNING]) for form in _forms(word)) for word in query.words)
        for sort in BEGINNINGS
    ]


def slips(query: Query) -> Node:
    """Search for names that contain most trigrams of each typed word."""
    return all_of(_nearly(word) for word in query.words) if query.words else NOTHING


def _nearly(word: Typed) -> Node:
    form = _forms(word)[0]
    begins = any_of(term(BEGINS + each[:LONGEST_BEGINNING]) for each in _forms(word))
    if not _SHORTEST_SLIP <= len(form) <= _LONGEST_SLIP:
        return begins
    several = [GRAM + gram for gram in grams(form)]
    windows = [several[:start] + several[start + _SPOILT :] for start in range(len(several) - _SPOILT + 1)]
    return any_of((begins, *(all_of(map(term, window)) for window in windows if window)))


class Named(NamedTuple):
    """A name, and how many typing errors the query would have in it."""

    distance: int
    """Typing errors."""
    text: str
    language: str | None


def nearest(query: Query, own: Sequence[Own], letters: Letters) -> Named | None:
    """The name with the fewest typing errors, in which each typed word begins a word; None if there are too many."""
    best: Named | None = None
    several = list(dict.fromkeys(_forms(word) for word in query.words))
    for each, name in letters.of(each for each in own if each.weight is Weight.NAME):
        forms = _forms_of(name, each.language)
        total = _total_distance(several, forms)
        if total is not None and (best is None or total < best.distance):
            best = Named(total, each.text, each.language)
            if not total:
                break
    return best


@cached(4_000_000, size_of=lambda name, language: 30 * len(name))
def _forms_of(name: str, language: str | None) -> tuple[str, ...]:
    """The forms of a name's words."""
    return tuple(form for word in analyze(name, language) for form in (word.forms.skeletons or (word.forms.stem,)))


def _total_distance(several: Sequence[tuple[str, ...]], forms: Sequence[str]) -> int | None:
    """Typing errors in all words together; None if one word is not near any word of the name."""
    total = 0
    for typed in several:
        distance = _distance(typed, forms)
        if distance is None:
            return None
        total += distance
    return total


def _distance(several: tuple[str, ...], forms: Sequence[str]) -> int | None:
    """Typing errors between a typed word and the beginning of the nearest word of a name; None if there are too many."""
    if any(form.startswith(several) for form in forms):
        return 0
    best: int | None = None
    for typed in several:
        allowed = 1 if len(typed) < _TWO_SLIPS_FROM else 2
        for form in forms if _SHORTEST_SLIP <= len(typed) <= _LONGEST_SLIP else ():
            for length in (len(typed) - 1, len(typed), len(typed) + 1):
                found = OSA.distance(typed, form[:length], score_cutoff=allowed)
                if found <= allowed and (best is None or found < best):
                    best = found
    return best
