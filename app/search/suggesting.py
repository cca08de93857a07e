"""Names as they are typed: by the beginnings of their words in any script, with room for a slip of the finger."""

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
"""Candidates of each sort."""
_SHORTEST_SLIP = 4
"""Letters of a word from which on a slip is thought of."""
_LONGEST_SLIP = 20
"""Letters of a word up to which a slip is thought of: what is looked for grows with the square of them."""
_TWO_SLIPS_FROM = 8
_SPOILT = 3
"""Runs of three letters that one wrong letter spoils."""


_UNFINISHED = {"s": "w", "sc": "w", "c": "q", "k": "h", "t": "c", "tc": "q", "z": "z", "d": "j"}
"""Letters with which a sound may begin that takes several: whoever has typed `s` may be about to type `sh`."""


def _forms(word: Typed) -> tuple[str, ...]:
    """How a name's word may begin, as far as it is typed."""
    forms = word.skeletons or word.stems[:1]
    finished = (form[: -len(end)] + sound for form in forms for end, sound in _UNFINISHED.items() if form.endswith(end))
    return tuple(dict.fromkeys((*forms, *finished)))


def begun(query: Query) -> list[Node]:
    """Names whose words begin so: of what is named again and again, then of events."""
    if not query.words:
        return []
    return [
        all_of(any_of(term(sort + form[:LONGEST_BEGINNING]) for form in _forms(word)) for word in query.words)
        for sort in BEGINNINGS
    ]


def slips(query: Query) -> Node:
    """Names that have most of the letters of each word in a row."""
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
    """How near a record's name comes to what was typed."""

    distance: int
    """Slips between them."""
    text: str
    language: str | None


def nearest(query: Query, own: Sequence[Own], letters: Letters) -> Named | None:
    """The name that comes nearest to what was typed, all of whose words it begins; None if none comes near enough."""
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
    """Slips in all words together; None as soon as one comes near to no word of the name."""
    total = 0
    for typed in several:
        distance = _distance(typed, forms)
        if distance is None:
            return None
        total += distance
    return total


def _distance(several: tuple[str, ...], forms: Sequence[str]) -> int | None:
    """Slips between a typed word and the beginning of the nearest of a name's words, if they are few enough."""
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
