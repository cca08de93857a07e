"""Finds quoted phrases in the paragraphs of a document: word for word, never fuzzily."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from app.text.passages import Unreadable, folded

QUOTE_WORDS = 8
"""Maximum number of words in a quote, because a quote must only locate the passage, not reproduce it."""
MOST_PLACES = 1_000
"""If a phrase stands at more places, no phrase around it is looked for that stands at one place only."""
MOST_PARAGRAPHS = 100
"""Maximum number of paragraphs that are named for a phrase."""
MARKED = 10
"""Maximum number of places of a quote in one paragraph that count as quoted."""
NEIGHBOURHOOD = 1_000
"""Number of characters on each side of a phrase in which a longer phrase around it is looked for."""
_WITHOUT_BLANKS = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
"""How the names of letters begin in Unicode whose scripts write no blanks between words."""


class Exactness(StrEnum):
    """How a phrase stands in a document."""

    FOUND = "found"
    """In the paragraph that was named, or in one paragraph only if none was named."""
    ELSEWHERE = "elsewhere"
    """Not in the paragraph that was named, but in others."""
    TWICE = "twice"
    """In several paragraphs, and none was named."""
    NOT_FOUND = "not_found"


class Located(NamedTuple):
    """Where a phrase stands."""

    exactness: Exactness
    paragraphs: list[int]
    """The numbers of the paragraphs in which it stands, from 1, at most `MOST_PARAGRAPHS`."""
    quote: str | None
    """The shortest phrase around it that stands at one place only, and is short enough for a quote.

    If there is none, this is the phrase itself or its beginning, in whole words. None if the phrase was not found.
    """


def words_in(quote: str) -> float:
    """Return the number of words of a quote. A letter of a script without blanks between words counts as half a word."""
    halves, words = 0, 0
    for piece in quote.split():
        letters = [letter for letter in piece if _is_without_blanks(letter)]
        halves += len(letters)
        words += len(letters) < len(piece)
    return words + halves / 2


@lru_cache(maxsize=10_000)
def _is_without_blanks(letter: str) -> bool:
    return ord(letter) > 0x0E00 and unicodedata.name(letter, "").startswith(_WITHOUT_BLANKS)


def standing(paragraphs: Sequence[str], phrase: str) -> list[int]:
    """Return the numbers of the folded paragraphs in which a phrase stands, word for word, from 1."""
    try:
        wanted = folded(phrase)
    except Unreadable:
        return []
    return [number for number, paragraph in enumerate(paragraphs, 1) if wanted and wanted in paragraph]


def located(paragraphs: Sequence[str], phrase: str, paragraph: int | None = None) -> Located:
    """Find a phrase in folded paragraphs. `paragraph`: the number of the paragraph in which it is said to stand."""
    numbers = standing(paragraphs, phrase)
    if not numbers:
        return Located(Exactness.NOT_FOUND, [], None)
    if paragraph is None:
        exactness = Exactness.FOUND if len(numbers) == 1 else Exactness.TWICE
    else:
        exactness = Exactness.FOUND if paragraph in numbers else Exactness.ELSEWHERE
    first = paragraph if paragraph in numbers else numbers[0]
    assert first is not None
    order = [first, *(number for number in numbers if number != first)]
    quote = _shortest([paragraphs[number - 1] for number in order], folded(phrase))
    return Located(exactness, numbers[:MOST_PARAGRAPHS], quote)


def _shortest(paragraphs: Sequence[str], phrase: str) -> str:
    """Return the shortest quote around the first place of a phrase. `paragraphs`: all in which it stands."""
    text = paragraphs[0]
    start = text.index(phrase)
    bounds = _bounds(text, start, start + len(phrase))
    first, last = bisect_right(bounds, start) - 1, bisect_left(bounds, start + len(phrase))
    whole = text[bounds[first] : bounds[last]].strip()
    if words_in(whole) > QUOTE_WORDS:
        return _within(paragraphs, text, bounds[first : last + 1])
    places = list(islice(_places(paragraphs, phrase), MOST_PLACES + 1))
    if len(places) > MOST_PLACES:
        return whole
    longest = 2 * QUOTE_WORDS
    for more in range(longest):
        for before in range(more + 1):
            begin, end = first - before, last + more - before
            if begin < 0 or end >= len(bounds):
                continue
            quote = text[bounds[begin] : bounds[end]].strip()
            offset = text.index(quote, bounds[begin]) - start
            alike = (each[place + offset : place + offset + len(quote)] for each, place in places if place + offset >= 0)
            if words_in(quote) <= QUOTE_WORDS and sum(other == quote for other in alike) == 1:
                return quote
    return whole


def _within(paragraphs: Sequence[str], text: str, bounds: Sequence[int]) -> str:
    """Return the first part of a long phrase that stands at one place only and is short enough for a quote, else its start."""
    quotes = []
    for place in range(min(len(bounds) - 1, 2 * QUOTE_WORDS)):
        end = place + 1
        while end + 1 < len(bounds) and words_in(text[bounds[place] : bounds[end + 1]]) <= QUOTE_WORDS:
            end += 1
        quotes.append(text[bounds[place] : bounds[end]].strip())
        if len(list(islice(_places(paragraphs, quotes[-1]), 2))) == 1:
            return quotes[-1]
    return quotes[0]


def _bounds(text: str, start: int, end: int) -> list[int]:
    """Return the offsets between which words stand: at blanks, and around each letter of a script without blanks.

    Only the neighbourhood of the phrase that stands from `start` to `end` is looked at, `NEIGHBOURHOOD` characters each way.
    """
    low, high = max(start - NEIGHBOURHOOD, 0), min(end + NEIGHBOURHOOD, len(text))
    found = {start, end} | ({0} if low == 0 else set()) | ({len(text)} if high == len(text) else set())
    for place in range(low, high):
        if text[place] == " ":
            found.add(place + 1)
        elif _is_without_blanks(text[place]):
            found.update((place, place + 1))
    bounds = sorted(place for place in found if place in (0, len(text)) or text[place - 1] == " " or _is_cut(text, place))
    if not bounds or bounds[0] > start:
        bounds.insert(0, start)
    return bounds if bounds[-1] >= end else [*bounds, end]


def _is_cut(text: str, place: int) -> bool:
    """Whether a word may begin at an offset although no blank stands before it."""
    return _is_without_blanks(text[place - 1]) or _is_without_blanks(text[place])


def _places(paragraphs: Sequence[str], phrase: str) -> Iterator[tuple[str, int]]:
    """Yield each place at which a phrase stands, as (paragraph, offset)."""
    for paragraph in paragraphs:
        place = paragraph.find(phrase)
        while place >= 0:
            yield paragraph, place
            place = paragraph.find(phrase, place + 1)


def sentences(paragraph: str, quotes: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each sentence of a folded paragraph in which no part of any of these quotes stands."""
    wanted = {folded(quote) for quote in quotes}
    found = ((place, each) for each in wanted for _, place in islice(_places([paragraph], each), MARKED))
    quoted = sorted((place, place + len(each)) for place, each in found if each)
    start, nearest = 0, 0
    for end in (*(each.end() for each in _END_OF_SENTENCE.finditer(paragraph)), len(paragraph)):
        while nearest < len(quoted) and quoted[nearest][1] <= start:
            nearest += 1
        if paragraph[start:end].strip() and not (nearest < len(quoted) and quoted[nearest][0] < end):
            yield start, end
        start = end


_END_OF_SENTENCE = re.compile(r"[.!?؟]+[»”\"')\]]*\s+|[。！？]+[”』」）]*")
