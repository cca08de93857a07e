"""Parses a query that a user typed: words, "phrases", -excluded words, prefixes (begin*). Any text is a valid query."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from app.text.analyzer import Word, analyze, folded, typed_forms
from app.text.nodes import NOTHING, Node, all_of, any_of, beginning, but_not, in_a_row, term
from app.text.terms import BEGINNINGS, LONGEST_BEGINNING, SKELETON, STEM, WORD, Weight, whole_names

MOST_TYPED = 1_000
"""Maximum number of characters of a query. The rest is ignored."""
MOST_SLOTS = 12
"""Maximum number of words and phrases to search for. The same maximum applies to the words and phrases to exclude."""
MOST_STARRED = 2
"""Maximum number of prefixes. It is small because tens of thousands of words may begin with one prefix."""
MOST_IN_A_ROW = 16
"""Maximum number of words of one phrase. It also applies to consecutive pairs of Han characters, because they form a phrase."""
MOST_WORDS = 24
"""Maximum number of words and pairs of Han characters in all slots together. It is limited because each of them makes the
search slower. Excluded words count, too."""
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_LETTERS = re.compile(r"[^\W_]+")
_STARRED = re.compile(r"\w\*$")
_FORMS_IN_A_NAME = 4


class Typed(NamedTuple):
    """A typed word, and the forms of the word by which texts are searched."""

    text: str
    stems: tuple[str, ...]
    skeletons: tuple[str, ...]

    def stem(self, weight: Weight) -> Node:
        """Return a query node that matches if a text of this weight (name, title or text) contains one of the word's stems."""
        return any_of(term(weight + STEM + stem) for stem in self.stems)

    def sound(self, weight: Weight) -> Node:
        """Like `stem`, but the node also matches if a text of this weight contains one of the word's skeletons."""
        return any_of((self.stem(weight), *(term(weight + SKELETON + skeleton) for skeleton in self.skeletons)))


class Slot(NamedTuple):
    """A word or a phrase of a query."""

    words: tuple[Typed, ...]
    starred: bool = False
    """Whether the last word is a prefix."""

    def stem(self, weight: Weight) -> Node:
        """Return a query node that matches if a field of this weight contains this word or phrase in any inflected form.

        Words are compared by their stems, because all inflected forms of a word have the same stem.
        """
        if len(self.words) > 1:
            return in_a_row([weight + STEM + word.stems[0] for word in self.words])
        word = self.words[0]
        if self.starred:
            return any_of(
                (word.stem(weight), beginning(weight + (WORD if weight is Weight.NAME else STEM) + folded(word.text)))
            )
        return word.stem(weight)

    def sound(self, weight: Weight) -> Node:
        """Like `stem`, but the words are compared by their stems or by their skeletons.

        The skeleton of a word is the same in every usual script and spelling, so the slot is found in each of them.
        """
        if len(self.words) > 1:
            sounds = [weight + SKELETON + word.skeletons[0] for word in self.words if word.skeletons]
            return any_of((self.stem(weight), in_a_row(sounds) if len(sounds) == len(self.words) else NOTHING))
        word = self.words[0]
        if self.starred:
            starts = [beginning(weight + SKELETON + skeleton) for skeleton in word.skeletons[:1]]
            return any_of((word.sound(weight), self.stem(weight), *starts))
        return word.sound(weight)

    def anywhere(self) -> Node:
        """Return a query node that matches if `sound` finds this slot in a name, a title or a text of the record."""
        return any_of(self.sound(weight) for weight in Weight)


class Query(NamedTuple):
    """A parsed query: what to search for (`slots`), and what to exclude (`without`)."""

    slots: tuple[Slot, ...]
    without: tuple[Slot, ...]
    ignored: tuple[str, ...]
    """Typed words that are not searched for, because the query exceeds a limit."""

    @property
    def words(self) -> list[Typed]:
        """The words of all slots in one list, in the order of the slots. Excluded words are not in the list."""
        return [word for slot in self.slots for word in slot.words]

    @property
    def has_phrases(self) -> bool:
        """Whether at least one slot is a phrase of several words.

        Slots that begin with Han characters do not count, because the parser makes a phrase of all consecutive pairs of Han
        characters, even if the user typed no quotes. Such slots are recognized by having no skeletons.
        """
        return any(len(slot.words) > 1 and slot.words[0].skeletons for slot in self.slots)

    def barred(self) -> Node:
        """Return a query node that matches if a text contains any of the excluded words or phrases."""
        return any_of(slot.anywhere() for slot in self.without)


def parsed(text: str) -> Query:
    """Parse the typed text. Parsing never fails, because any text is a valid query."""
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
                continue  # empty, or a repetition of an earlier slot
            room = min(MOST_WORDS - words, MOST_IN_A_ROW) if len(into) < MOST_SLOTS else 0
            if kept := slot.words[:room]:
                into.append(slot if len(kept) == len(slot.words) else Slot(kept))
                words += len(kept)
            ignored += [word.text for word in slot.words[room:]]
        ignored += _LETTERS.findall(rest)
    return Query(tuple(slots), tuple(without), tuple(ignored))


def _first_words(text: str) -> tuple[list[Typed], str]:
    """Return the first `MOST_WORDS` words of a text, and the rest of the text, which is not analyzed."""
    words = list(islice(analyze(text), MOST_WORDS))
    rest = text[words[-1].end :] if len(words) == MOST_WORDS else ""
    return [_as_typed(text, word) for word in words], rest


def _as_typed(text: str, word: Word) -> Typed:
    written = text[word.start : word.end]
    if not word.forms.skeletons:
        return Typed(written, (word.forms.stem,), ())
    return Typed(written, *typed_forms(written))


def _grouped(words: Iterable[Typed]) -> list[tuple[Typed, ...]]:
    """Group words into slots. Each word is a slot, but consecutive pairs of Han characters form one slot, as a phrase."""
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
    """Return two query nodes for names that consist of exactly these words.

    The first node matches by stems, the second by stems or skeletons.
    """
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
    """Return a query node for records whose names contain, for each typed word, that word or a word that begins with it."""
    begins = (any_of((slot.sound(Weight.NAME), *_beginnings(slot))) for slot in query.slots)
    return but_not(all_of(begins), query.barred())


def _beginnings(slot: Slot) -> list[Node]:
    """Return nodes that match names in which a word begins with the typed word or its skeleton.

    If the slot is a phrase, the list is empty.
    """
    if len(slot.words) > 1:
        return []
    (word,) = slot.words
    sounds = [sort + form[:LONGEST_BEGINNING] for sort in BEGINNINGS for form in word.skeletons or word.stems[:1]]
    return [beginning(Weight.NAME + WORD + folded(word.text)), *map(term, sounds)]


def all_slots(slots: Sequence[Slot], weight: Weight, *, sound: bool) -> Node:
    """Return a query node that matches if all slots are found in texts of this weight (name, title or text).

    Words are compared by their stems. If `sound` is true, they are also compared by their skeletons.
    """
    return all_of(slot.sound(weight) if sound else slot.stem(weight) for slot in slots)
