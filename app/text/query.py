"""Parses a query that a user typed: words, "phrases", -excluded words, prefixes (begin*). Any text is a valid query."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from app.caching import cached
from app.text.analyzer import (
    Word,
    analyze,
    folded,
    in_one_word,
    initials,
    is_han,
    sound_of_han,
    typed_forms,
    with_hyphens_closed,
)
from app.text.nodes import Node, all_of, any_of, beginning, but_not, in_a_row, term
from app.text.terms import (
    BEGINNINGS,
    BEGINS,
    FUNCTION_WORDS,
    KIND,
    LONGEST_BEGINNING,
    NAME_SOUNDS,
    SKELETON,
    STEM,
    WORD,
    Weight,
    short,
    whole_names,
)

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
LONGEST_HAN_NAME = 12
"""Maximum number of pairs of Han characters of a name that is looked for within a longer run of characters."""
SOUNDING_HAN = 5
"""Maximum number of pairs of Han characters of a name that is looked for within a longer run by its sound, which is dear."""
_HYPHENS = ("", "-", "‐", "‑")
_CAPITAL_INSIDE = re.compile("(?<=[a-zа-я]{2})(?=[A-ZА-Я][a-zа-я]{2})")
"""Where a second word begins in a word such as `DigitalBridge`."""
_YEAR = re.compile(r"[12]\d{3}", re.ASCII)
_INITIAL = re.compile(r"(?i:[^\W\d_]|дж|sh|ch|zh|kh|ts|th|dj|yu|ya|ye|yo|ph)")
"""A letter, or two letters that stand for one."""
_DOT_FOLLOWS = re.compile(r"\.|[-‐‑][^\W\d_]{1,2}\.")
_ABBREVIATIONS = ("г",)
"""Single letters that stand for a word if a dot follows: г. is the city, or the year."""
_FORMS_IN_A_NAME = 4
_OF_QUESTIONS = frozenset(("between", "among", "about", "межд", "паміж", "мiж", "arasinda", "ortasinda"))
"""Stems of further words that questions need not have in common with what is found. In names they count as words."""


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
    is_phrase: bool = False
    """Whether the user typed the words in quotation marks."""
    joined: Typed | None = None
    """The words as one word, if the user typed hyphens between them. Such words need not stand one after the other."""
    closed: tuple[Typed, ...] = ()
    """For a phrase: its words, with those between which hyphens were typed as one word. Empty if there are no hyphens."""
    initials: tuple[str, ...] = ()
    """If the word is made of initials: the letters with which the skeleton of the first name may begin."""

    @property
    def is_function_word(self) -> bool:
        """Whether this is a word such as `of` or `between`, which need not occur in what is found."""
        is_plain = len(self.words) == 1 and not self.starred and not self.initials
        return is_plain and (self.words[0].stems[0] in FUNCTION_WORDS or self.words[0].stems[0] in _OF_QUESTIONS)

    @property
    def is_run_of_han(self) -> bool:
        """Whether this is a run of several pairs of Han characters, typed without quotation marks."""
        return len(self.words) > 1 and not self.is_phrase and self.joined is None

    @property
    def is_single(self) -> bool:
        """Whether this is a single word in a script with spaces, neither a prefix nor made of initials."""
        return len(self.words) == 1 and not self.starred and not self.initials and bool(self.words[0].skeletons)

    def stem(self, weight: Weight) -> Node:
        """Return a query node that matches if a field of this weight contains this word or phrase in any inflected form.

        Words are compared by their stems, because all inflected forms of a word have the same stem.
        """
        if self.joined:
            *others, last = self.words
            parts = all_of((*(word.stem(weight) for word in others), self._stem_of(last, weight)))
            return any_of((parts, self._stem_of(self.joined, weight)))
        if len(self.words) > 1:
            return any_of(in_a_row([weight + STEM + word.stems[0] for word in words]) for words in self._rows)
        if self.initials and weight is Weight.NAME:
            return any_of((self.words[0].stem(weight), *(term(BEGINS + letter) for letter in self.initials)))
        return self._stem_of(self.words[0], weight)

    def sound(self, weight: Weight) -> Node:
        """Like `stem`, but the words are compared by their stems or by their skeletons.

        The skeleton of a word is the same in every usual script and spelling, so the slot is found in each of them.
        """
        if self.joined:
            *others, last = self.words
            parts = all_of((*(word.sound(weight) for word in others), self._sound_of(last, weight)))
            return any_of((parts, self._sound_of(self.joined, weight)))
        if len(self.words) > 1 or is_han(self.words[0].text):
            rows = (in_a_row([weight + SKELETON + _sound(word) for word in words]) for words in self._rows)
            return any_of((self.stem(weight), *rows))
        if self.initials and weight is Weight.NAME:
            return any_of((self.words[0].sound(weight), self.stem(weight)))
        return self._sound_of(self.words[0], weight)

    @property
    def _rows(self) -> tuple[tuple[Typed, ...], ...]:
        """The sequences of words that are looked for as a phrase."""
        return (self.words, self.closed) if self.closed else (self.words,)

    def _stem_of(self, word: Typed, weight: Weight) -> Node:
        """Return the query node for the last word, which may be a prefix."""
        if not self.starred:
            return word.stem(weight)
        return any_of((word.stem(weight), beginning(weight + (WORD if weight is Weight.NAME else STEM) + folded(word.text))))

    def _sound_of(self, word: Typed, weight: Weight) -> Node:
        """Like `_stem_of`, but the word is compared by its stem or by its skeleton."""
        if not self.starred:
            return word.sound(weight)
        starts = [beginning(weight + SKELETON + skeleton) for skeleton in word.skeletons[:1]]
        return any_of((word.sound(weight), self._stem_of(word, weight), *starts))

    def anywhere(self) -> Node:
        """Return a query node that matches if `sound` finds this slot in a name, a title or a text of the record.

        A year matches a record of that year, too.
        """
        found = any_of(self.sound(weight) for weight in Weight)
        if self.is_single and _YEAR.fullmatch(self.words[0].text):
            return any_of((found, term(KIND + self.words[0].text)))
        return found


def _sound(word: Typed) -> str:
    """Return the first skeleton of a word, or the sound of Han characters."""
    return word.skeletons[0] if word.skeletons else sound_of_han(word.text)


@dataclass(frozen=True)
class Query:
    """A parsed query: what to search for (`slots`), and what to exclude (`without`)."""

    typed: tuple[Slot, ...]
    """All typed words and phrases in their order, without the excluded ones."""
    without: tuple[Slot, ...]
    ignored: tuple[str, ...]
    """Typed words that are not searched for, because the query exceeds a limit."""

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """What to search for: `typed` without function words, such as `of`, unless nothing else was typed."""
        return tuple(slot for slot in self.typed if not slot.is_function_word) or self.typed

    @property
    def words(self) -> tuple[Typed, ...]:
        """The words of everything typed. Excluded words are not among them."""
        return words_of(self.typed)

    @property
    def is_plain(self) -> bool:
        """Whether the query has neither phrases nor prefixes."""
        return not any(slot.is_phrase or slot.starred for slot in self.typed)

    def joined_up(self) -> "Query":
        """Return the query with the words that hyphens join as one word."""
        return replace(self, typed=tuple(Slot((slot.joined,)) if slot.joined else slot for slot in self.typed))

    def unfinished(self) -> "Query":
        """Return the query without function words, except the last word, which may be the beginning of a longer one."""
        *finished, last = self.typed or (None,)
        return replace(self, typed=(*(slot for slot in finished if not slot.is_function_word), last)) if last else self

    def barred(self) -> Node:
        """Return a query node that matches if a text contains any of the excluded words or phrases."""
        return any_of(slot.anywhere() for slot in self.without)


def runs_of_han(slot: Slot) -> Iterator[Slot]:
    """Yield all shorter runs of the pairs of Han characters in a slot. Nothing is yielded for words in other scripts."""
    if slot.is_run_of_han:
        for size in range(1, min(len(slot.words), LONGEST_HAN_NAME)):
            yield from (slot._replace(words=slot.words[start : start + size]) for start in range(len(slot.words) - size + 1))


def apart(slot: Slot, names: Iterable[Sequence[str]]) -> list[Slot]:
    """Split a run of Han characters at the longest of the names that it contains.

    Each name is a sequence of pairs of characters. Returns the slot alone if it contains no name but itself.
    """
    pairs = [word.text for word in slot.words]
    for name in sorted(names, key=len, reverse=True):
        for start in range(len(pairs) - len(name) + 1):
            end = start + len(name)
            if len(name) < len(pairs) and pairs[start:end] == list(name):
                # The pairs beside the name have a character of it.
                parts = (slot.words[: max(start - 1, 0)], slot.words[start:end], slot.words[end + 1 :])
                return [part for words in parts if words for part in apart(slot._replace(words=words), names)]
    return [slot]


def words_of(slots: Iterable[Slot]) -> tuple[Typed, ...]:
    """Return the words of several slots in one sequence."""
    return tuple(word for slot in slots for word in slot.words)


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
        first = list(islice(analyze(typed), MOST_WORDS))
        rest = typed[first[-1].end :] if len(first) == MOST_WORDS else ""
        if part["phrase"] is not None:
            words_of_it = tuple(as_typed(typed, word) for word in first)
            closed = with_hyphens_closed(typed)
            others = tuple(as_typed(closed, word) for word in islice(analyze(closed), len(first))) if closed != typed else ()
            found = [Slot(words_of_it, is_phrase=len(first) > 1, closed=others)]
        else:
            starred = _STARRED.search(typed) is not None and not rest and stars < MOST_STARRED
            stars += starred
            found = _grouped(typed, first)
            if starred and found:
                found[-1] = found[-1]._replace(starred=True)
        for slot in found:
            if not slot.words or slot in into:
                continue  # empty, or a repetition of an earlier slot
            if slot.initials and into and into[-1].initials:
                into[-1] = _initials(into[-1].words[0].text + slot.words[0].text)
                continue
            room = min(MOST_WORDS - words, MOST_IN_A_ROW) if len(into) < MOST_SLOTS else 0
            if kept := slot.words[:room]:
                into.append(slot if len(kept) == len(slot.words) else Slot(kept, is_phrase=slot.is_phrase))
                words += len(kept)
            ignored += [word.text for word in slot.words[room:]]
        ignored += _LETTERS.findall(rest)
    if all(slot.initials or slot.is_function_word for slot in slots):
        slots = [slot._replace(initials=()) for slot in slots]  # letters with dots alone are an acronym
    slots = [slot for slot in slots if slot.initials != ("",)]  # an initial that has no sound tells nothing
    return Query(tuple(slots), tuple(without), tuple(ignored))


def as_typed(text: str, word: Word) -> Typed:
    """Return a word of a text with the forms of a typed word."""
    written = text[word.start : word.end]
    if not word.forms.skeletons:
        return Typed(written, (word.forms.stem,), ())
    return Typed(written, *typed_forms(written))


def _grouped(text: str, words: Iterable[Word]) -> list[Slot]:
    """Group the words of a text without spaces into slots.

    Each word is a slot. But consecutive pairs of Han characters form one slot, as a phrase. So do words with hyphens between
    them, and initials, which have a dot after each letter.
    """
    groups: list[Slot] = []
    end, was_han = -1, False
    for word in words:
        typed, between = as_typed(text, word), text[end : word.start] if groups else ""
        han = not typed.skeletons
        if han and was_han:
            groups[-1] = groups[-1]._replace(words=(*groups[-1].words, typed))
        elif "." in typed.text or (
            _INITIAL.fullmatch(typed.text) and _DOT_FOLLOWS.match(text, word.end) and typed.stems[0] not in _ABBREVIATIONS
        ):
            before = groups.pop().words[0].text if groups and groups[-1].initials and between.strip(".") in _HYPHENS else ""
            groups.append(_initials(before + typed.text))
        elif groups and between in _HYPHENS and between and not (han or was_han or groups[-1].initials):
            several = (*groups[-1].words, typed)
            groups[-1] = Slot(several, joined=as_one_word(several))
        else:
            parts = _CAPITAL_INSIDE.split(typed.text)
            split = tuple(Typed(part, *typed_forms(part)) for part in parts)
            groups.append(Slot((typed,)) if len(parts) == 1 else Slot(split, joined=typed))
        end, was_han = word.end, han
    return groups


def _initials(letters: str) -> Slot:
    """Return the slot for the initials of a name. Only the first must begin a name, because records may lack the others."""
    bare = "".join(_LETTERS.findall(letters))
    first = _INITIAL.match(bare)
    return Slot((Typed(bare, *typed_forms(bare)),), initials=initials(first[0] if first else bare[:1]))


def as_one_word(words: Sequence[Typed]) -> Typed:
    """Return several typed words as one word."""
    whole = _without_gaps(words)
    return Typed(whole, *typed_forms(whole))


def _without_gaps(words: Iterable[Typed]) -> str:
    """Return the texts of the words as one text, in which characters that two pairs of Han characters share occur once."""
    whole = ""
    for word in words:
        overlap = is_han(word.text) and len(word.text) > 1 and whole.endswith(word.text[0])
        whole += word.text[1:] if overlap else word.text
    return whole


@cached(2_000_000, size_of=lambda words: 3_000 * len(words))
def whole_name(words: tuple[Typed, ...]) -> tuple[Node, Node]:
    """Return two query nodes for names that consist of exactly these words.

    The first node matches by stems, the second by stems or skeletons.
    """
    stems, sounds = whole_name_terms(words)
    return any_of(map(term, stems)), any_of(map(term, (*stems, *sounds)))


def exact_name(pairs: Sequence[Typed]) -> Node:
    """Return a query node for names that consist of exactly these pairs of Han characters."""
    is_, _ = whole_names([pair.stems[0] for pair in pairs], [() for _ in pairs])
    return term(is_)


def whole_name_terms(words: tuple[Typed, ...]) -> tuple[list[str], list[str]]:
    """Return the terms of names that consist of exactly these words: those made of stems, and those made of skeletons."""
    if not words:
        return [], []
    stems, sounds = [], []
    for place in range(max(len(word.stems) for word in words[:_FORMS_IN_A_NAME])):
        is_, _ = whole_names([word.stems[min(place, len(word.stems) - 1)] for word in words], [() for _ in words])
        stems.append(is_)
    for place in range(max(len(word.skeletons) or 1 for word in words)):
        forms = [word.skeletons[min(place, len(word.skeletons) - 1) :][:1] for word in words]
        sounds.append(whole_names([word.stems[0] for word in words], forms)[1])
    if whole := in_one_word(_without_gaps(words)):
        sounds.append(NAME_SOUNDS + short(whole))
    return list(dict.fromkeys(stems)), list(dict.fromkeys(sounds))


def in_names(query: Query) -> Node:
    """Return a query node for records whose names contain, for each typed word, that word or a word that begins with it."""
    begins = (any_of((slot.sound(Weight.NAME), *_beginnings(slot))) for slot in query.slots)
    return but_not(all_of(begins), query.barred())


def _beginnings(slot: Slot) -> list[Node]:
    """Return nodes that match names in which a word begins with the typed word or its skeleton.

    If the slot is a phrase, the list is empty.
    """
    word = slot.joined or slot.words[0]
    if len(slot.words) > 1 and slot.joined is None:
        return []
    sounds = [sort + form[:LONGEST_BEGINNING] for sort in BEGINNINGS for form in word.skeletons or word.stems[:1]]
    return [beginning(Weight.NAME + WORD + folded(word.text)), *map(term, sounds)]


def all_slots(slots: Sequence[Slot], weight: Weight, *, sound: bool) -> Node:
    """Return a query node that matches if all slots are found in texts of this weight (name, title or text).

    Words are compared by their stems. If `sound` is true, they are also compared by their skeletons.
    """
    return all_of(slot.sound(weight) if sound else slot.stem(weight) for slot in slots)
