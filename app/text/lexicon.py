"""Finds names of records in a text: inflected, in any script, as whole words. Each name must stand there completely.

A name is compared with each run of words of the text by the terms that match only a complete name (`terms.whole_names`). A name
is never compared fuzzily, so what is found is named there.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from app.domain.vocabulary import Kind, Role
from app.text.analyzer import Forms, Word, all_forms, analyze, folded, in_one_word, is_han, typed_forms
from app.text.query import SOUNDING_HAN, Typed, as_typed, exact_name, whole_name_terms
from app.text.terms import FUNCTION_WORDS, NAME_SOUNDS, short, whole_names

LONGEST = 10
"""Maximum number of words of a name that is found. Longer names are titles, which are quoted rather than mentioned."""
LONGEST_HAN = 16
"""Maximum number of Han characters of a name that is found."""
_LONGEST_ACRONYM = 6
_SHORTEST_TITLE = 3
"""Minimum number of words of the title of an event that is found, because shorter ones, such as `Action Plan`, are general."""
_SHORTEST_SOUND = 4
"""Minimum number of letters of a skeleton by which a name is found, because short ones are also those of other words."""
_ENDS = frozenset('.!?;:,()[]«»“”"\n。，；：、（）《》؛،')
"""A name does not go on after these."""
_BETWEEN_HAN = frozenset("·・‧•")
"""What stands between the parts of a foreign name in Han characters."""
_APOSTROPHE = re.compile("['’ʼ]")
_SCRIPTS_OF_INFLECTION = ("LATIN", "CYRILLIC")
_HAN = "CJK"
_ENDING = {True: 1, False: 3}
"""How many letters inflection may take from the end of a single word: from a name, and from an adjective in small letters."""
_INFLECTED_Y = re.compile("([А-ЯЁІЎ][а-яёіў]+)(?:я|ю|е|ем)$")
"""A Slavic word whose first case may end in й: Китая, Уругваем."""
_WITH_PREPOSITION = re.compile("[وبلفك][\u0620-\u064a]{3}")
"""An Arabic word may be written together with a preposition, or with `and`, before it."""


class Mention(NamedTuple):
    """A place of a text at which records are named."""

    start: int
    end: int
    records: tuple[str, ...]
    """The ids of the records that have this name, sorted."""


class Run(NamedTuple):
    """A run of words of a text that may be a name."""

    start: int
    end: int
    exact: tuple[str, ...]
    """The terms of complete names with the same stems."""
    sounding: tuple[str, ...]
    """The terms of complete names with the same skeletons."""


class _Entry(NamedTuple):
    record: str
    kind: Kind
    language: str
    """The primary language of the name; empty if it is not known."""
    is_word: bool
    """Whether the name is a single word, which may also be a common one."""
    is_large: bool
    """Whether the name begins with a capital letter."""
    is_acronym: bool
    script: str
    folded: str
    """The name as one word without case and marks; empty if it has several words."""
    length: int

    def fits(self, written: str, language: str, *, is_part: bool) -> bool:
        """Whether a name with the same stems is this one.

        `is_part`: whether the word before or after it has a capital letter, too, so that it may be a part of another name.
        """
        if self.is_acronym:
            return _bare(written).isupper()
        if not self.is_word:
            return True
        if not self.is_large and self.language and language and self.language != language:
            return False
        if self.script in _SCRIPTS_OF_INFLECTION and self.common(written) < len(self.folded) - _ENDING[self.is_large]:
            return False
        if self.kind is Kind.TOPIC:
            return not (is_part and written[0].isupper())
        return not (self.is_large and written[0].islower())

    def common(self, written: str) -> int:
        """Return the number of letters with which both this name and a word begin."""
        pairs = zip(self.folded, folded(_bare(written)), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def sounds(self, written: str) -> bool:
        """Whether a name with the same skeletons is this one.

        Countries have short names in every script, so they are compared with names in the same script only. Han characters are
        compared with as many others: the simplified with the traditional.
        """
        if self.is_acronym or written[0].islower():
            return False
        if is_han(written):
            return self.kind is not Kind.COUNTRY and self.length == len(written) and self.script == _HAN
        if self.kind is not Kind.COUNTRY:
            return True
        is_inflected = self.is_word and self.common(written) >= len(self.folded) - _ENDING[True]
        return (
            self.script in _SCRIPTS_OF_INFLECTION and self.script == _script_of(written) and (is_inflected or not self.is_word)
        )


class Lexicon:
    """Names of records, and where they stand in a text."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[_Entry]] = defaultdict(list)

    def add(self, record: str, kind: Kind, name: str, language: str | None = None) -> None:
        """Add a name of a record, unless it is a short title. `language`: the language of the name, BCP 47, if it is known."""
        words = all_forms(name, language)
        if kind.role is Role.EVENT and len(words) < _SHORTEST_TITLE:
            return
        primary = (language or "").partition("-")[0]
        is_acronym = len(words) == 1 and name.isupper() and len(name) <= _LONGEST_ACRONYM
        word = words[0].folded if len(words) == 1 else ""
        is_large = name[:1].isupper()
        entry = _Entry(record, kind, primary, bool(word), is_large, is_acronym, _script_of(name), word, len(name))
        for each in dict.fromkeys(_whole_terms(name, words)):
            self._entries[each].append(entry)

    def mentions(self, text: str, language: str | None = None) -> Iterator[Mention]:
        """Yield the places at which records are named, in their order. Of names that overlap, the first and longest counts.

        `language`: the language of the text, BCP 47, if it is known.
        """
        primary = (language or "").partition("-")[0]
        end = 0
        for several in runs(text, language):
            for run in several:
                if run.start < end:
                    break
                if records := self._named(text, run, primary):
                    yield Mention(run.start, run.end, records)
                    end = run.end
                    break

    def named(self, text: str, language: str | None = None) -> set[str]:
        """Return all records that a text names, also by a name that stands within a longer one."""
        primary = (language or "").partition("-")[0]
        return {each for several in runs(text, language) for run in several for each in self._named(text, run, primary)}

    def _named(self, text: str, run: Run, language: str) -> tuple[str, ...]:
        written = text[run.start : run.end]
        is_part = _beside(text, run)
        exact = [entry for each in run.exact for entry in self._entries.get(each, ())]
        found = [entry for entry in exact if entry.fits(written, language, is_part=is_part)]
        if not found:
            sounding = (entry for each in run.sounding for entry in self._entries.get(each, ()))
            found = [entry for entry in sounding if entry.sounds(written)]
        if any(entry.is_word for entry in found):
            nearest = max(entry.common(written) for entry in found)
            found = [entry for entry in found if entry.common(written) == nearest]
        return tuple(sorted({entry.record for entry in found}))


def _script_of(text: str) -> str:
    """Return the script of the first letter, as its name in Unicode says it."""
    return unicodedata.name(text[0], "").partition(" ")[0]


def _bare(written: str) -> str:
    """Return a word without dots, and without the ending that an apostrophe separates from it."""
    return _APOSTROPHE.split(written.replace(".", ""), maxsplit=1)[0]


def _beside(text: str, run: Run) -> bool:
    """Whether a word with a capital letter stands just before or after a run."""
    before = text[: run.start].rstrip(" ").rpartition(" ")[2] if text[run.start - 1 : run.start] == " " else ""
    after = text[run.end + 1 : run.end + 2] if text[run.end : run.end + 1] == " " else ""
    return before[:1].isupper() or after.isupper()


def runs(text: str, language: str | None = None) -> Iterator[list[Run]]:
    """Yield, for each word of a text, the runs of words that begin with it and may be a name, the longest first.

    A run does not cross punctuation, and neither begins nor ends with a function word.
    """
    words = list(analyze(text, language))
    typed = [as_typed(text, word) for word in words]
    bare = [not is_han(word.forms.stem) and word.forms.stem in FUNCTION_WORDS for word in words]
    for place in range(len(words)):
        if not bare[place]:
            yield [
                _run(words[place:end], tuple(typed[place:end]))
                for end in reversed(list(_ends(text, words, place)))
                if not bare[end - 1]
            ]


def name_terms(name: str, language: str | None = None) -> list[str]:
    """Return the terms by which an index finds the records of this name, however many words it has."""
    return _whole_terms(name, all_forms(name, language))


def _whole_terms(name: str, words: Sequence[Forms]) -> list[str]:
    terms = whole_names([word.stem for word in words], [word.skeletons for word in words])
    whole = in_one_word(name)
    return [*terms, NAME_SOUNDS + short(whole)] if whole else terms


def terms_of(several: Iterable[Run]) -> set[str]:
    """Return all terms by which an index finds the records whose names the runs may be."""
    return {each for run in several for each in (*run.exact, *run.sounding)}


def _ends(text: str, words: list[Word], place: int) -> Iterator[int]:
    """Yield the places after the last words of the runs that begin at a place."""
    han = is_han(words[place].forms.stem)
    most = LONGEST_HAN - 1 if han else LONGEST
    for end in range(place + 1, min(place + most, len(words)) + 1):
        if end > place + 1:
            between = text[words[end - 2].end : words[end - 1].start]
            if (
                is_han(words[end - 1].forms.stem) != han
                or not _ENDS.isdisjoint(between)
                or (han and between and between not in _BETWEEN_HAN)
            ):
                return
        yield end


def _run(words: list[Word], typed: tuple[Typed, ...]) -> Run:
    if not typed[0].skeletons and len(typed) > SOUNDING_HAN:
        return Run(words[0].start, words[-1].end, exact_name(typed).parts, ())
    exact, sounding = whole_name_terms(typed)
    if len(typed) == 2 and typed[0].skeletons:  # a surname may stand before or after the given name
        turned = whole_name_terms(typed[::-1])
        exact, sounding = exact + turned[0], sounding + turned[1]
    if len(typed) == 1:
        bare = _APOSTROPHE.split(typed[0].text, maxsplit=1)[0]
        found = _INFLECTED_Y.match(bare)
        for word in {bare, f"{found[1]}й" if found else bare} - {typed[0].text}:
            exact += whole_name_terms((Typed(word, *typed_forms(word)),))[0] if word else []
    if _WITH_PREPOSITION.match(typed[0].text):
        word = typed[0].text[1:]
        without = whole_name_terms((Typed(word, *typed_forms(word)), *typed[1:]))
        exact, sounding = exact + without[0], sounding + without[1]
    long = tuple(each for each in sounding if len(each) > _SHORTEST_SOUND)
    return Run(words[0].start, words[-1].end, tuple(exact), long)
