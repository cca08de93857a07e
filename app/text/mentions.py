"""Finds names in texts, whatever their case, their blanks, and the composition of their letters."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from unicodedata import normalize

_UNSEGMENTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""A letter of a script without blanks between words."""


def matcher(names: Collection[str]) -> Callable[[str], object]:
    """Return a function that says whether a text has one of the names, as whole words and in any case."""
    if not names:
        return lambda _text: None
    several = re.compile("|".join(map(_pattern, sorted(names, key=len, reverse=True))))
    return lambda text: several.search(_plain(text))


def _pattern(name: str) -> str:
    """The pattern of a name as whole words. In scripts without blanks between words, it may stand anywhere."""
    plain = _plain(name)
    before = "" if _UNSEGMENTED.match(plain[0]) else r"(?<![^\W_])"
    after = "" if _UNSEGMENTED.match(plain[-1]) else r"(?![^\W_])"
    return before + re.escape(plain) + after


def _plain(text: str) -> str:
    """The text without differences of case, of blanks, and of composed and decomposed letters."""
    return " ".join(normalize("NFC", text).casefold().split())


def parts_of(name: str) -> Iterator[str]:
    """Yield what a text that has the name contains in any case: its longest word in the usual forms, as it stands in JSON."""
    word = max(name.split(), key=len, default=name)
    for form in dict.fromkeys((word, word.lower(), word.upper(), word.title(), word.casefold())):
        for normal_form in ("NFC", "NFD"):
            yield json.dumps(normalize(normal_form, form), ensure_ascii=False)[1:-1]
