"""Builds the terms of a search entry, by which both databases find the record.

A search entry is a list of terms. Each term begins with a mark that shows its type:

- `ns`, `nk`: a stem and a skeleton of a word in one of the record's names
- `ts`, `tk`: the same, in its titles and places
- `xs`, `xk`: the same, in its texts
- `nw`: a word of one of its names, without case and marks
- `=`, `~`: a complete name, as stems and as skeletons
- `p`, `pp`: the beginning of a word of a name; `p` if the record is an entity, `pp` if it is not (for suggestions and
  filters by name)
- `g`: a trigram of a word of an entity's name (for suggestions)
- `@`: the id of a record to which the record refers, or of an actor that is involved in the record
- `#`: the record's kind, the year of its first day, or one of the marks `#named` (entity), `#link` (link record, which connects
  two other records) and `#long` (long event)

Stems and skeletons are in the order of the words, so that phrases can be found. `|` separates texts, so that no phrase matches
across two texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from app.caching import cached
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import Forms, all_forms


class Weight(StrEnum):
    """The part of a record that a text comes from. A match in a name counts most, a match in a text counts least."""

    NAME = "n"
    TITLE = "t"
    TEXT = "x"


STEM, SKELETON, WORD = "s", "k", "w"
NAMED_WORD = Weight.NAME + WORD
NAME_IS, NAME_SOUNDS = "=", "~"
BEGINS, GRAM = "p", "g"
BEGINNINGS = (BEGINS, BEGINS * 2)
"""The marks of terms for beginnings of words in names: the first for entities, the second for all other records."""
REFERS, KIND = "@", "#"
BETWEEN = "|"
NAMED, LINK = "#named", "#link"
"""Every entity has the term `NAMED`, and every link record has the term `LINK`."""
LONG = "#long"
"""The term of events that last longer than `index.LONG_FROM` days. They are searched for separately, because they may have
begun long before the first day that a search asks for."""
_LONGEST_NAME = 60
LONGEST_BEGINNING = 10
GRAM_LENGTH = 3
MOST_TERMS, MOST_REFERENCES = 14_000, 2_000
"""Maximum number of terms and of references in one search entry, because a tsvector of Postgres has only 16,383 positions."""


class Own(NamedTuple):
    """A text of a record."""

    weight: Weight
    field: str
    language: str | None
    text: str


LETTERS = 20_000
"""Maximum number of characters of stored texts that one request may analyze. Analyzing a word that is not cached takes about
1.5 µs per character."""


class Letters:
    """A request's budget: the number of characters of stored texts that it may still analyze."""

    def __init__(self, left: int = LETTERS) -> None:
        self.left = left

    def of(self, own: Iterable[Own]) -> Iterator[tuple[Own, str]]:
        """Yield the texts of a record, each with the leading part that may be analyzed.

        One record may use at most a fifth of the characters that are left in the budget. When it has used them, its remaining
        texts are not yielded.
        """
        allowed = self.left // 5
        for each in own:
            text = each.text if len(each.text) < allowed else each.text[:allowed]
            allowed -= len(text)
            self.left -= len(text)
            yield each, text
            if not allowed:
                return


def own_terms(kind: Kind, own: Iterable[Own]) -> list[str]:
    """Return the terms for a record's kind and its texts, at most `MOST_TERMS`.

    The stems and skeletons come first, in the order of the words. All other terms of the texts follow.
    """
    named = kind.role is Role.ENTITY
    found = [KIND + kind, *([NAMED] if named else ()), *([LINK] if kind.role is Role.LINK else ())]
    others: list[str] = []
    for weight, _, language, text in own:
        if len(found) >= MOST_TERMS:
            break  # further terms would be dropped, and computing them may take seconds
        in_order, besides = _of_text(weight, language, text, named=named)
        found += in_order
        others += besides
    found += dict.fromkeys(others)
    return found[:MOST_TERMS]


def reference_terms(refers: Iterable[str]) -> list[str]:
    """Return the sorted terms for the ids of the records to which a record refers, at most `MOST_REFERENCES`."""
    return sorted({f"{REFERS}{target.lower()}" for target in refers})[:MOST_REFERENCES]


@cached(4_000_000, size_of=lambda weight, language, text, *, named: 120 * len(text))
def _of_text(weight: Weight, language: str | None, text: str, *, named: bool) -> tuple[list[str], list[str]]:
    """Return two lists of the terms of a text.

    The first list has the stems and skeletons in the order of the words, because phrases are found by the positions of these
    terms. The second list has all other terms, whose order does not matter. `named`: whether the record is an entity.
    """
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
    """Return the terms of a word, as three values.

    They are the term of its stem, a tuple with the term of its first skeleton (empty if the word has none), and a tuple with
    all other terms, whose order does not matter. `named`: whether the record is an entity.
    """
    _, stem, skeletons = word
    sounds = tuple(weight + SKELETON + each for each in skeletons)
    others = sounds[1:]
    if weight is Weight.NAME:
        others += NAMED_WORD + word.folded, *begin(skeletons[0] if skeletons else stem, named=named)
    return weight + STEM + stem, sounds[:1], others


def whole_names(stems: Sequence[str], skeletons: Sequence[Sequence[str]]) -> list[str]:
    """Return the two terms that match only the complete name: one made of its stems, and one made of its skeletons."""
    if not stems:
        return []
    sounds = [several[0] if several else stem for stem, several in zip(stems, skeletons, strict=True)]
    return [NAME_IS + _short("-".join(stems)), NAME_SOUNDS + _short("-".join(sounds))]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else blake2b(name.encode(), digest_size=16).hexdigest()


def begin(form: str, *, named: bool) -> tuple[str, ...]:
    """Return the terms by which a word of a name is found while a user types it.

    For an entity (`named`), these are the beginnings of the word with one letter or more, and its trigrams. For any other
    record, these are the beginnings with three letters or more.
    """
    sort = BEGINNINGS[not named]
    beginnings = (sort + form[:length] for length in range(1 if named else 3, min(len(form), LONGEST_BEGINNING) + 1))
    return (*beginnings, *(f"{GRAM}{gram}" for gram in grams(form) if named))


def grams(form: str) -> list[str]:
    """Prepend two hyphens to a form of a word, and return all trigrams of the result."""
    padded = "--" + form
    return [padded[place : place + GRAM_LENGTH] for place in range(len(form))]
