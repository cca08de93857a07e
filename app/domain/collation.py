"""The order of names and the folding of text, computed here because the databases' own disagree and fail on Cyrillic."""

import re
import unicodedata
from functools import lru_cache

from app.caching import cached

_CYRILLIC = "аәбвгґғѓдђеєжҗзѕиіїйјкқќлљмнңњоөпрстћуўүұфхһцчџшщъыьэюя"
"""The letters of the Cyrillic alphabets in one order that keeps each alphabet's own; ё is an е that comes after it."""
_PLACES = str.maketrans({letter: chr(0x0430 + place) for place, letter in enumerate(_CYRILLIC)})
_WHOLE = frozenset(letter for letter in _CYRILLIC if len(unicodedata.normalize("NFD", letter)) > 1)
"""Letters that Unicode decomposes though their alphabets know them as letters of their own."""
_ALIKE = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ʻ": "'", "‘": "'", "’": "'"})
MAX_KEY = 300
"""Letters of a name that decide where it stands."""
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")


@cached(1_000_000, size_of=lambda text: 8 * len(text))
def fold(text: str) -> str:
    """Text without case, marks and doubled blanks, so that `Türkiye` meets `TURKIYE` and `ё` meets `е`."""
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
    """The words of a text, folded."""
    return _WORD.findall(fold(text))


def sort_key(name: str) -> str:
    """A key whose byte order is the order a reader expects: case ignored, letters by alphabet, Ё just after Е.

    The folded name decides; the name in lower case breaks its ties. Of both the first 300 letters count, because Postgres
    takes no more than 2,700 bytes into an index: longer names could not be stored there.
    """
    first = name[:MAX_KEY]
    folded = fold(first).translate(_PLACES)[:MAX_KEY]
    return f"{folded}\x01{unicodedata.normalize('NFC', first).casefold()[:MAX_KEY]}"
