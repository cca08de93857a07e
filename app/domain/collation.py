"""Computes sort keys and folded forms of text. A folded form has no case and no diacritics.

The databases' own collations are not used, because they differ from each other and do not handle Cyrillic correctly.
"""

import re
import unicodedata
from functools import lru_cache

from app.caching import cached

_CYRILLIC = "аәбвгґғѓдђеєжҗзѕиіїйјкқќлљмнңњоөпрстћуўүұфхһцчџшщъыьэюя"
"""The letters of the Cyrillic alphabets, in one order that agrees with the order of each alphabet. ё is left out, because
`fold` replaces it by е. Names that differ only in ё and е are sorted by their lower-case forms, where ё comes after е."""
_PLACES = str.maketrans({letter: chr(0x0430 + place) for place, letter in enumerate(_CYRILLIC)})
_WHOLE = frozenset(letter for letter in _CYRILLIC if len(unicodedata.normalize("NFD", letter)) > 1)
"""Letters, such as й, that Unicode decomposes into a letter and a mark, although they are separate letters in their alphabets.
So `fold` does not remove their marks."""
_ALIKE = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ʻ": "'", "‘": "'", "’": "'"})
MAX_KEY = 300
"""Number of characters at the start of a name that determine its sort position. The rest of the name is ignored."""
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")


@cached(1_000_000, size_of=lambda text: 8 * len(text))
def fold(text: str) -> str:
    """Return the text without case, diacritics and repeated spaces, so that `Türkiye` equals `TURKIYE` and `ё` equals `е`."""
    if text.isascii():
        return _SPACE.sub(" ", text.lower()).strip()
    lowered = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(letter if letter in _WHOLE else _without_marks(letter) for letter in lowered)
    return _SPACE.sub(" ", bare.translate(_ALIKE)).strip()


@lru_cache(maxsize=4_096)
def _without_marks(letter: str) -> str:
    decomposed = unicodedata.normalize("NFD", letter)
    return unicodedata.normalize("NFC", "".join(part for part in decomposed if not unicodedata.combining(part)))


def words(text: str) -> list[str]:
    """Return the words of the folded text, in the order of the text."""
    return _WORD.findall(fold(text))


def spelling_key(text: str) -> str:
    """Return a key that is the same for texts that differ only in case, diacritics, punctuation and spaces.

    Only the first 300 characters count, for the reason that `sort_key` gives.
    """
    first = text[:MAX_KEY]
    return (" ".join(words(first)) or fold(first))[:MAX_KEY]


def sort_key(name: str) -> str:
    """Return a key whose byte order is the order that a reader expects: case ignored, letters by alphabet, Ё just after Е.

    Names are compared by their folded forms; if these are equal, by their lower-case forms. Only the first 300 characters of
    each form count, because a longer key could not be stored: an index entry on Postgres can have at most 2,700 bytes.
    """
    first = name[:MAX_KEY]
    folded = fold(first).translate(_PLACES)[:MAX_KEY]
    return f"{folded}\x01{unicodedata.normalize('NFC', first).casefold()[:MAX_KEY]}"
