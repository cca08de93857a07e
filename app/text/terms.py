"""Builds the terms of a search entry, by which both databases find the record.

A search entry is a list of terms. Each term begins with a mark that shows its type:

- `ns`, `nk`: a stem and a skeleton of a word in one of the record's names
- `ts`, `tk`: the same, in its titles and places
- `xs`, `xk`: the same, in its texts
- `nw`: a word of one of its names, without case and marks
- `=`, `~`: a complete name without its function words, as stems and as skeletons; `~` also as if it were one word
- `p`, `pp`: the beginning of a word of a name; `p` if the record is an entity, `pp` if it is not (for suggestions and
  filters by name)
- `g`: a trigram of a word of an entity's name (for suggestions)
- `@`: the id of a record to which the record refers, or of an actor that is involved in the record
- `@=`: the id of an actor that is involved in the record
- `#`: the record's kind, the year of its first day, or one of the marks `#named` (entity), `#link` (link record, which connects
  two other records), `#aside` (link record that is no act) and `#long` (long event)

Stems and skeletons are in the order of the words, so that phrases can be found. `|` separates texts, so that no phrase matches
across two texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from app.caching import cached
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import (
    Forms,
    all_forms,
    in_one_word,
    is_han,
    otherwise_inflected,
    pairs,
    skeleton_of,
    sound_of_han,
    with_hyphens_closed,
)


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
SHORTEST_BEGINNING = 3
"""The number of letters of the shortest beginning by which records are found that are no entities."""
REFERS, KIND = "@", "#"
BETWEEN = "|"
INVOLVES = "@="
NAMED, LINK, ASIDE = "#named", "#link", "#aside"
"""Every entity has the term `NAMED`, and every link record has the term `LINK`. A link record that is no act has the term
`ASIDE`, too."""
FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "of",
        "on",
        "the",
        "to",
        "with",
        "mr",
        "mrs",
        "ms",
        "dr",
        "в",
        "во",
        "г",
        "до",
        "для",
        "за",
        "и",
        "из",
        "к",
        "ко",
        "на",
        "о",
        "об",
        "от",
        "по",
        "при",
        "с",
        "со",
        "у",
        "аб",
        "ад",
        "да",
        "з",
        "і",
        "па",
        "ў",
        "та",
        "й",
        "au",
        "aux",
        "d",
        "de",
        "des",
        "du",
        "en",
        "et",
        "l",
        "la",
        "le",
        "les",
        "ile",
        "ve",
        "və",
        "ilə",
        "va",
        "bilan",
        "мен",
        "жана",
        "الى",
        "عن",
        "عل",
        "ف",
        "في",
        "من",
        "و",
        "معال",
        "مهندس",
        "دكتور",
        "سعاد",
    ]
)
"""Stems of articles, prepositions, forms of address and other words that say little: what is typed may lack those of a name."""
LONG = "#long"
"""The term of events that last longer than `index.LONG_FROM` days. They are searched for separately, because they may have
begun long before the first day that a search asks for."""
_MARKS = {Role.ENTITY: (NAMED,), Role.EVENT: (), Role.LINK: (LINK, ASIDE), Role.ACT: (LINK,)}
_LONGEST_NAME = 60
LONGEST_BEGINNING = 10
GRAM_LENGTH = 3
MOST_PAIRED = 8
"""The maximum number of words of an entity's name in which each pair of neighbours is found as one word, too."""
MOST_TERMS, MOST_REFERENCES = 14_000, 2_000
"""Maximum number of terms and of references in one search entry, because a tsvector of Postgres has only 16,383 positions."""


class Own(NamedTuple):
    """A text of a record."""

    weight: Weight
    field: str
    language: str | None
    text: str


LETTERS = 16_000
"""Maximum number of characters of stored texts that one request may analyze. Analyzing a word that is not cached takes about
1.5 µs per character."""
_SHARE = 5


class Letters:
    """A request's budget: the number of characters of stored texts that it may still analyze."""

    def __init__(self, left: int = LETTERS) -> None:
        self.left = left

    @property
    def is_spent(self) -> bool:
        """Whether so few characters are left that no text of a record may be analyzed."""
        return self.left < _SHARE

    def of(self, own: Iterable[Own]) -> Iterator[tuple[Own, str]]:
        """Yield the texts of a record, each with the leading part that may be analyzed.

        One record may use at most a fifth (`_SHARE`) of the characters that are left in the budget. When it has used them, its
        remaining texts are not yielded.
        """
        allowed = self.left // _SHARE
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
    found = [KIND + kind, *_MARKS[kind.role]]
    others: list[str] = []
    for weight, _, language, text in own:
        if len(found) >= MOST_TERMS:
            break  # further terms would be dropped, and computing them may take seconds
        in_order, besides = _of_text(weight, language, text, named=named)
        found += in_order
        others += besides
    found += dict.fromkeys(others)
    return found[:MOST_TERMS]


def reference_terms(refers: Iterable[str], involved: Iterable[str]) -> list[str]:
    """Return the sorted terms for the records to which a record refers and the actors involved in it (`MOST_REFERENCES`)."""
    actors = [actor.lower() for actor in involved]
    found = {*(f"{REFERS}{target.lower()}" for target in refers), *(f"{REFERS}{actor}" for actor in actors)}
    return sorted(found.union(f"{INVOLVES}{actor}" for actor in actors))[:MOST_REFERENCES]


@cached(4_000_000, size_of=lambda weight, language, text, *, named: 120 * len(text))
def _of_text(weight: Weight, language: str | None, text: str, *, named: bool) -> tuple[list[str], list[str]]:
    """Return two lists of the terms of a text.

    The first list has the stems and skeletons in the order of the words, because phrases are found by the positions of these
    terms. If the text has hyphens, it also has those of the text with the hyphens closed. The second list has all other terms,
    whose order does not matter. `named`: whether the record is an entity.
    """
    in_order: list[str] = []
    besides: list[str] = []
    for written in dict.fromkeys((text, with_hyphens_closed(text))):
        words = all_forms(written, language)
        several = [_of_word(weight, word, named=named) for word in words]
        in_order += (stem for stem, _, _ in several)
        in_order.append(BETWEEN)
        in_order += (sound for _, sounds, _ in several for sound in sounds)
        in_order.append(BETWEEN)
        besides += (other for _, _, others in several for other in others)
        if weight is Weight.NAME:
            besides += whole_names([word.stem for word in words], [word.skeletons for word in words])
    if weight is Weight.NAME:
        if whole := in_one_word(text):
            besides.append(NAME_SOUNDS + short(whole))
        if named and len(words) <= MOST_PAIRED:
            besides += (weight + SKELETON + skeleton_of(pair) for pair in pairs(text))
    return in_order, besides


@cached(8_000_000, size_of=lambda weight, word, *, named: 150 * len(word.folded))
def _of_word(weight: Weight, word: Forms, *, named: bool) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the terms of a word, as three values.

    They are the term of its stem, a tuple with the term of its first skeleton (empty if the word has none), and a tuple with
    all other terms, whose order does not matter. `named`: whether the record is an entity.
    """
    _, stem, skeletons = word
    sounds = tuple(weight + SKELETON + each for each in skeletons or ((sound_of_han(stem),) if is_han(stem) else ()))
    others = sounds[1:]
    if weight is Weight.NAME:
        others += NAMED_WORD + word.folded, *begin(skeletons[0] if skeletons else stem, named=named)
    if weight is Weight.NAME and named:
        stems, further = otherwise_inflected(word)
        others += *(weight + STEM + each for each in stems), *(weight + SKELETON + each for each in further)
    return weight + STEM + stem, sounds[:1], others


def whole_names(stems: Sequence[str], skeletons: Sequence[Sequence[str]]) -> list[str]:
    """Return the two terms that match only the complete name: one made of its stems, and one made of its skeletons."""
    if not stems:
        return []
    kept = [place for place, stem in enumerate(stems) if stem not in FUNCTION_WORDS] or range(len(stems))
    sounds = [skeletons[place][0] if skeletons[place] else stems[place] for place in kept]
    return [NAME_IS + short("-".join(stems[place] for place in kept)), NAME_SOUNDS + short("-".join(sounds))]


def short(name: str) -> str:
    """Return a name as it is, or its digest if it is long."""
    return name if len(name) <= _LONGEST_NAME else blake2b(name.encode(), digest_size=16).hexdigest()


def begin(form: str, *, named: bool) -> tuple[str, ...]:
    """Return the terms by which a word of a name is found while a user types it.

    For an entity (`named`), these are the beginnings of the word with one letter or more, and its trigrams. For any other
    record, these are the beginnings with `SHORTEST_BEGINNING` letters or more.
    """
    sort = BEGINNINGS[not named]
    lengths = range(1 if named else SHORTEST_BEGINNING, min(len(form), LONGEST_BEGINNING) + 1)
    beginnings = (sort + form[:length] for length in lengths)
    return (*beginnings, *(f"{GRAM}{gram}" for gram in grams(form) if named))


def grams(form: str) -> list[str]:
    """Prepend two hyphens to a form of a word, and return all trigrams of the result."""
    padded = "--" + form
    return [padded[place : place + GRAM_LENGTH] for place in range(len(form))]
