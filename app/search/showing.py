"""Explains a hit: why the record was found, and a snippet of its text in which the matching words are marked."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from html import escape
from typing import NamedTuple

from app.domain.collation import fold
from app.text.analyzer import MAX_WORD, Word, analyze
from app.text.query import Query
from app.text.terms import FUNCTION_WORDS, Letters, Own, Weight

LENGTH = 240
"""Maximum number of characters of a snippet, not counting `…` and HTML."""
_BEFORE = 80
"""Maximum number of characters before the first marked word, if the beginning of the text is cut off."""


class Form(StrEnum):
    """The forms in which a typed word can occur in a record, ordered from the closest form to the least close."""

    AS_TYPED = "as_typed"
    INFLECTED = "inflected"
    BEGINNING = "beginning"
    TRANSLITERATED = "transliterated"
    OTHER_NAME = "other_name"
    RELATED = "related"


_BEST_FIRST = tuple(Form)


class Matched(NamedTuple):
    """The text that matched."""

    field: str | None
    language: str | None
    form: Form
    """The form in which the typed words occur."""
    snippet: str
    fit: int
    """How many typed words the text lacks and, if it is a name or a title, how many further words it has."""


class _Looked(NamedTuple):
    """A typed word in the forms that are compared with the words of a text.

    `skeletons` are the forms that do not depend on script and spelling (see `analyzer.py`). `starred` says whether the word is
    a prefix.
    """

    folded: str
    stems: frozenset[str]
    skeletons: frozenset[str]
    starred: bool


def own_of(words: str) -> list[Own]:
    """Parse a record's texts from the JSON that the search index stores."""
    return [Own(Weight(weight), *rest) for weight, *rest in json.loads(words)]


class Showing:
    """Finds the words of one query in records' texts."""

    def __init__(self, query: Query, other_names: Iterable[Iterable[str]], letters: Letters) -> None:
        """`other_names`: all names of each record that the query mentions by one of them, so also names that it lacks.

        Each name is given as the stems of its words.
        """
        self._letters = letters
        self._looked = [
            _Looked(
                fold(word.text[:MAX_WORD]),
                frozenset(word.stems),
                frozenset(word.skeletons),
                slot.starred and word is slot.words[-1],
            )
            for slot in query.slots
            for word in slot.words
        ]
        self._others = [frozenset(stems) for stems in other_names]
        self._typed: dict[str, set[str]] = {}
        """The typed words, without case and marks, by their stems."""
        for looked in self._looked:
            for stem in looked.stems:
                self._typed.setdefault(stem, set()).add(looked.folded)
        self._skeletons = frozenset[str]().union(*(looked.skeletons for looked in self._looked))
        self._starred = [looked for looked in self._looked if looked.starred]

    def matched(self, own: Sequence[Own]) -> Matched:
        """Return the record's text that contains the largest number of the typed words.

        If no text contains a typed word, return the summary or the name, with the form RELATED.
        """
        best: tuple[tuple[int, int, int], Own, list[tuple[Word, Form]], int] | None = None
        for place, (each, text) in enumerate(self._letters.of(own)):
            if best is not None and -best[0][0] >= len(self._looked) and each.weight is not best[1].weight:
                break  # a text of higher weight already contains all typed words
            words = list(analyze(text, each.language))
            stems = {word.forms.stem for word in words} if self._others else ()
            others = frozenset[str]().union(*(name for name in self._others if name.issubset(stems)))
            found = [(word, form) for word in words if (form := self._form(each.text, word, others))]
            if not found:
                continue
            distinct = len({word.forms.stem for word, _ in found})
            rank = (-distinct, min(_BEST_FIRST.index(form) for _, form in found), place)
            if best is None or rank < best[0]:
                further = sum(word.forms.stem not in FUNCTION_WORDS for word in words) - len(found)
                best = rank, each, found, further
        if best is None:
            return Matched(None, None, Form.RELATED, escape(_cut(_telling(own), 0)[0], quote=False), len(self._looked))
        (missing, _, _), each, found, further = best
        form = max((form for _, form in found), key=_BEST_FIRST.index)
        fit = max(len(self._looked) + missing, 0) + (further if each.weight is not Weight.TEXT else 0)
        return Matched(each.field, each.language, form, _marked(each.text, [word for word, _ in found]), fit)

    def _form(self, text: str, word: Word, others: frozenset[str]) -> Form | None:
        """Return the form in which a word of a text matches the query, or None if it does not match.

        `others`: the stems of all names in `other_names` that are completely contained in the text.
        """
        folded, stem, skeletons = word.forms
        if typed := self._typed.get(stem):
            same = not skeletons or fold(text[word.start : word.end][:MAX_WORD]) in typed
            return Form.AS_TYPED if same else Form.INFLECTED
        found = Form.OTHER_NAME if stem in others else None
        if not self._skeletons.isdisjoint(skeletons):
            found = Form.TRANSLITERATED
        for looked in self._starred:
            if not looked.skeletons.isdisjoint(skeletons):
                continue
            if folded.startswith(looked.folded):
                return Form.BEGINNING
            if any(each.startswith(start) for start in looked.skeletons for each in skeletons):
                found = Form.TRANSLITERATED
        return found


def _telling(own: Sequence[Own]) -> str:
    """Return the text to show if no word of a record matches: its summary or, if it has none, its name."""
    return next((each.text for each in own if each.field == "summary"), own[0].text if own else "")


def _cut(text: str, first: int) -> tuple[str, int, str, str]:
    """Cut a piece out of a text, around the position `first`.

    Returns (piece, its start, prefix, suffix). The prefix and the suffix are `…` where text was cut off, and empty otherwise.
    """
    if len(text) <= LENGTH or first <= _BEFORE:
        start = 0
    else:
        space = text.find(" ", first - _BEFORE, first)
        start = space + 1 if space >= 0 else first - _BEFORE  # scripts such as Chinese have no spaces
    end = len(text) if len(text) - start <= LENGTH else text.rfind(" ", start, start + LENGTH)
    end = end if end > start else min(start + LENGTH, len(text))
    return text[start:end], start, "…" if start else "", "…" if end < len(text) else ""


def _marked(text: str, words: Sequence[Word]) -> str:
    """Return an HTML snippet around the first of these words. The words are put in `<mark>`, and all text is escaped."""
    piece, start, before, behind = _cut(text, words[0].start)
    parts, place = [before], 0
    for first, last in _joined((word.start - start, word.end - start) for word in words):
        if first >= len(piece):
            break
        parts += [escape(piece[place:first], quote=False), "<mark>", escape(piece[first:last], quote=False), "</mark>"]
        place = min(last, len(piece))
    return "".join([*parts, escape(piece[place:], quote=False), behind])


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge spans that overlap. Spans can overlap because Han text is split into overlapping pairs of characters."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first < joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
