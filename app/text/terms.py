"""What is kept of a record for search: the terms that it is found by, in three weights, and how both databases look for them.

A search entry is a row of terms, each of letters that say what it is and the word's form:

- `ns`, `nk` a stem and a skeleton in one of its names; `ts`, `tk` in its titles and places; `xs`, `xk` in its text
- `nw` a word of one of its names as it stands there, but for case and marks
- `=`, `~` the whole of one of its names, as stems and as skeletons
- `p` the beginning of a word of a name, `g` three letters in a row of one: of what is named again and again, for suggestions
- `@` the id of a record that it refers to or that is involved in it, `#` its kind, and the year of its first day

Words stand in their order, so that phrases are found; `|` keeps them from reaching from one text into the next.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from app.caching import cached
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import Forms, all_forms


class Weight(StrEnum):
    """Where a text stands in a record: the higher the weight, the more it says about the record."""

    NAME = "n"
    TITLE = "t"
    TEXT = "x"


STEM, SKELETON, WORD = "s", "k", "w"
NAMED_WORD = Weight.NAME + WORD
NAME_IS, NAME_SOUNDS = "=", "~"
BEGINS, GRAM = "p", "g"
BEGINNINGS = (BEGINS, BEGINS * 2)
"""The marks of beginnings of words in names: of entities, and of events."""
REFERS, KIND = "@", "#"
BETWEEN = "|"
NAMED, LINK = "#named", "#link"
"""Terms of all entities, and of all link records."""
LONG = "#long"
"""Lasts so long that no window of dates tells how far to look back."""
_LONGEST_NAME = 60
LONGEST_BEGINNING = 10
GRAM_LENGTH = 3
MOST_TERMS, MOST_REFERENCES = 14_000, 2_000
"""Limits of one search entry; Postgres stores hardly more positions than these."""


class Own(NamedTuple):
    """A text of a record's own."""

    weight: Weight
    field: str
    language: str | None
    text: str


LETTERS = 20_000
"""Letters of stored texts that one request may analyze: words that nobody used before take some 1.5 µs a letter."""


class Letters:
    """A request's budget of characters of stored texts to analyze, however long the texts are."""

    def __init__(self, left: int = LETTERS) -> None:
        self.left = left

    def of(self, own: Iterable[Own]) -> Iterator[tuple[Own, str]]:
        """A record's texts, each with its beginning that may be analyzed: together a fifth of what is left."""
        allowed = self.left // 5
        for each in own:
            text = each.text if len(each.text) < allowed else each.text[:allowed]
            allowed -= len(text)
            self.left -= len(text)
            yield each, text
            if not allowed:
                return


def own_terms(kind: Kind, own: Iterable[Own]) -> list[str]:
    """The terms of a record's own words in their order."""
    named = kind.role is Role.ENTITY
    found = [KIND + kind, *([NAMED] if named else ()), *([LINK] if kind.role is Role.LINK else ())]
    others: list[str] = []
    for weight, _, language, text in own:
        if len(found) >= MOST_TERMS:
            break  # no more are kept, and to find them may take seconds
        in_order, besides = _of_text(weight, language, text, named=named)
        found += in_order
        others += besides
    found += dict.fromkeys(others)
    return found[:MOST_TERMS]


def reference_terms(refers: Iterable[str]) -> list[str]:
    """The terms by which a record is found that refers to these."""
    return sorted({f"{REFERS}{target.lower()}" for target in refers})[:MOST_REFERENCES]


@cached(4_000_000, size_of=lambda weight, language, text, *, named: 120 * len(text))
def _of_text(weight: Weight, language: str | None, text: str, *, named: bool) -> tuple[list[str], list[str]]:
    """The terms of a text: those that stand in its order, and those that stand nowhere."""
    words = all_forms(text, language)
    stems: list[str] = []
    skeletons: list[str] = []
    besides: list[str] = []
    for word in words:
        stem, sounds, others = _of_word(weight, word, named=named)
        stems.append(stem)
        skeletons += sounds
        besides += others
    if weight is Weight.NAME:
        besides += whole_names([word.stem for word in words], [word.skeletons for word in words])
    return [*stems, BETWEEN, *skeletons, BETWEEN], besides


@cached(8_000_000, size_of=lambda weight, word, *, named: 150 * len(word.folded))
def _of_word(weight: Weight, word: Forms, *, named: bool) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The terms of a word: its stem, its skeleton if it has one, and those that stand nowhere."""
    _, stem, skeletons = word
    sounds = tuple(weight + SKELETON + each for each in skeletons)
    others = sounds[1:]
    if weight is Weight.NAME:
        others += NAMED_WORD + word.folded, *begin(skeletons[0] if skeletons else stem, named=named)
    return weight + STEM + stem, sounds[:1], others


def whole_names(stems: Sequence[str], skeletons: Sequence[Sequence[str]]) -> list[str]:
    """The terms that match only the complete name: one of its stems, one of its skeletons."""
    if not stems:
        return []
    sounds = [several[0] if several else stem for stem, several in zip(stems, skeletons, strict=True)]
    return [NAME_IS + _short("-".join(stems)), NAME_SOUNDS + _short("-".join(sounds))]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else blake2b(name.encode(), digest_size=16).hexdigest()


def begin(form: str, *, named: bool) -> tuple[str, ...]:
    """The terms by which a word of a name is found while it is typed: of what is `named` often, from its first letter."""
    sort = BEGINNINGS[not named]
    beginnings = (sort + form[:length] for length in range(1 if named else 3, min(len(form), LONGEST_BEGINNING) + 1))
    return (*beginnings, *(f"{GRAM}{gram}" for gram in grams(form) if named))


def grams(form: str) -> list[str]:
    """Every three letters in a row, with two hyphens before the first."""
    padded = "--" + form
    return [padded[place : place + GRAM_LENGTH] for place in range(len(form))]
