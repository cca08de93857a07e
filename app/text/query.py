"""What somebody types: words, "phrases", -words that must not be there, beginn* of words. Nothing is an error."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from app.text.analyzer import Word, analyze, asked, folded
from app.text.terms import (
    BEGINNINGS,
    LONGEST_BEGINNING,
    NOTHING,
    SKELETON,
    STEM,
    WORD,
    Node,
    Weight,
    all_of,
    any_of,
    beginning,
    but_not,
    in_a_row,
    term,
    whole_names,
)

MOST_TYPED = 1_000
"""Letters that are looked at."""
MOST_SLOTS = 12
"""Words and phrases that are looked for."""
MOST_STARRED = 2
"""Words that may go on: each is all words that begin so, of which there may be tens of thousands."""
MOST_IN_A_ROW = 16
"""Words of one phrase, or pairs of Han in a row."""
MOST_WORDS = 24
"""Words in these slots, pairs of Han among them: what is looked for grows with them, and with what each costs the database."""
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_LETTERS = re.compile(r"[^\W_]+")
_STARRED = re.compile(r"\w\*$")
_FORMS_IN_A_NAME = 4


class Typed(NamedTuple):
    """A word as it was typed, with all that it may be found by."""

    text: str
    stems: tuple[str, ...]
    skeletons: tuple[str, ...]

    def stem(self, weight: Weight) -> Node:
        """Its stems, in texts of a weight."""
        return any_of(term(weight + STEM + stem) for stem in self.stems)

    def sound(self, weight: Weight) -> Node:
        """Its stems or skeletons."""
        return any_of((self.stem(weight), *(term(weight + SKELETON + skeleton) for skeleton in self.skeletons)))


class Slot(NamedTuple):
    """A word or a phrase that is looked for."""

    words: tuple[Typed, ...]
    starred: bool = False
    """Whether its last word may go on."""

    def stem(self, weight: Weight) -> Node:
        """It, or an inflection of it, in texts of a weight."""
        if len(self.words) > 1:
            return in_a_row([weight + STEM + word.stems[0] for word in self.words])
        word = self.words[0]
        if self.starred:
            return any_of(
                (word.stem(weight), beginning(weight + (WORD if weight is Weight.NAME else STEM) + folded(word.text)))
            )
        return word.stem(weight)

    def sound(self, weight: Weight) -> Node:
        """It in any spelling."""
        if len(self.words) > 1:
            sounds = [weight + SKELETON + word.skeletons[0] for word in self.words if word.skeletons]
            return any_of((self.stem(weight), in_a_row(sounds) if len(sounds) == len(self.words) else NOTHING))
        word = self.words[0]
        if self.starred:
            starts = [beginning(weight + SKELETON + skeleton) for skeleton in word.skeletons[:1]]
            return any_of((word.sound(weight), self.stem(weight), *starts))
        return word.sound(weight)

    def anywhere(self) -> Node:
        """It in any spelling in any text."""
        return any_of(self.sound(weight) for weight in Weight)


class Query(NamedTuple):
    """What was typed, as it is understood."""

    slots: tuple[Slot, ...]
    without: tuple[Slot, ...]
    ignored: tuple[str, ...]
    """Words past the last that is looked for."""

    @property
    def words(self) -> list[Typed]:
        """All words looked for."""
        return [word for slot in self.slots for word in slot.words]

    @property
    def has_phrases(self) -> bool:
        """Whether there are phrases but for runs of Han."""
        return any(len(slot.words) > 1 and slot.words[0].skeletons for slot in self.slots)

    def barred(self) -> Node:
        """What must not be there."""
        return any_of(slot.anywhere() for slot in self.without)


def parsed(text: str) -> Query:
    """A query, whatever was typed."""
    slots: list[Slot] = []
    without: list[Slot] = []
    ignored: list[str] = []
    words = stars = 0
    for part in _PART.finditer(text[:MOST_TYPED]):
        into = without if part["minus"] else slots
        typed = part["phrase"] if part["phrase"] is not None else part["word"]
        if len(into) >= MOST_SLOTS or words >= MOST_WORDS:
            ignored += _LETTERS.findall(typed)
            continue
        first, rest = _first_words(typed)
        if part["phrase"] is not None:
            found = [Slot(tuple(first))]
        else:
            starred = _STARRED.search(typed) is not None and not rest and stars < MOST_STARRED
            stars += starred
            several = _grouped(first)
            found = [Slot(group, starred and place == len(several) - 1) for place, group in enumerate(several)]
        for slot in found:
            if not slot.words or slot in into:
                continue  # it is looked for already
            room = min(MOST_WORDS - words, MOST_IN_A_ROW) if len(into) < MOST_SLOTS else 0
            if kept := slot.words[:room]:
                into.append(slot if len(kept) == len(slot.words) else Slot(kept))
                words += len(kept)
            ignored += [word.text for word in slot.words[room:]]
        ignored += _LETTERS.findall(rest)
    return Query(tuple(slots), tuple(without), tuple(ignored))


def _first_words(text: str) -> tuple[list[Typed], str]:
    """As many words as can be looked for, and the rest of the text, which is not analyzed."""
    words = list(islice(analyze(text), MOST_WORDS))
    rest = text[words[-1].end :] if len(words) == MOST_WORDS else ""
    return [_as_typed(text, word) for word in words], rest


def _as_typed(text: str, word: Word) -> Typed:
    written = text[word.start : word.end]
    if not word.forms.skeletons:
        return Typed(written, (word.forms.stem,), ())
    return Typed(written, *asked(written))


def _grouped(words: Iterable[Typed]) -> list[tuple[Typed, ...]]:
    """Words apart, pairs of Han that follow one another as one phrase."""
    groups: list[tuple[Typed, ...]] = []
    in_han = False
    for word in words:
        han = not word.skeletons
        if han and in_han:
            groups[-1] = (*groups[-1], word)
        else:
            groups.append((word,))
        in_han = han
    return groups


def whole_name(words: Sequence[Typed]) -> tuple[Node, Node]:
    """Names that are these words and nothing else: by their stems, and by how they sound."""
    if not words:
        return NOTHING, NOTHING
    stems, sounds = [], []
    for place in range(max(len(word.stems) for word in words[:_FORMS_IN_A_NAME])):
        is_, _ = whole_names([word.stems[min(place, len(word.stems) - 1)] for word in words], [() for _ in words])
        stems.append(is_)
    for place in range(max(len(word.skeletons) or 1 for word in words)):
        forms = [word.skeletons[min(place, len(word.skeletons) - 1) :][:1] for word in words]
        sounds.append(whole_names([word.stems[0] for word in words], forms)[1])
    return any_of(map(term, dict.fromkeys(stems))), any_of(map(term, dict.fromkeys([*stems, *sounds])))


def in_names(query: Query) -> Node:
    """All that is typed in a record's names, words also as beginnings of words."""
    begins = (any_of((slot.sound(Weight.NAME), *_beginnings(slot))) for slot in query.slots)
    return but_not(all_of(begins), query.barred())


def _beginnings(slot: Slot) -> list[Node]:
    """Words of names that begin so, where the slot is one word: as it is typed, or as it sounds."""
    if len(slot.words) > 1:
        return []
    (word,) = slot.words
    sounds = [sort + form[:LONGEST_BEGINNING] for sort in BEGINNINGS for form in word.skeletons or word.stems[:1]]
    return [beginning(Weight.NAME + WORD + folded(word.text)), *map(term, sounds)]


def all_slots(slots: Sequence[Slot], weight: Weight, *, sound: bool) -> Node:
    """Every slot in texts of one weight."""
    return all_of(slot.sound(weight) if sound else slot.stem(weight) for slot in slots)
