"""Finds names in texts. Case, the kind of blanks, and composed or decomposed letters (NFC, NFD) make no difference."""

import json
import re
from collections.abc import Callable, Collection
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


def may_contain(names: Collection[str]) -> Callable[[str], object]:
    """Return a quick function that says of a JSON text whether its strings may contain one of the names.

    It looks for the longest word of each name alone, so that it need not parse the JSON.
    """
    words = {max(_plain(name).split(" "), key=len) for name in names}
    if not words:
        return lambda _json: None
    escaped = (json.dumps(word, ensure_ascii=False)[1:-1] for word in words)
    several = re.compile("|".join(map(re.escape, sorted(escaped))))
    return lambda text: several.search(normalize("NFC", text).casefold())
