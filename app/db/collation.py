"""The order of names and the folding of text, computed here because the databases' own disagree and fail on Cyrillic."""

import re
import unicodedata

_LETTERS_OF_THEIR_OWN = frozenset("йўїґѓќ")
"""Letters that Unicode decomposes but whose alphabets sort by themselves."""
_SPACE = re.compile(r"\s+")
_ALIKE = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ʻ": "'", "’": "'"})


def fold(text: str) -> str:
    """Text without case, marks and doubled blanks, so that `Türkiye` meets `TURKIYE` and `ё` meets `е`."""
    lowered = unicodedata.normalize("NFKC", text).casefold().translate(_ALIKE)
    letters = (letter if letter in _LETTERS_OF_THEIR_OWN else unicodedata.normalize("NFD", letter)[0] for letter in lowered)
    return _SPACE.sub(" ", "".join(letters)).strip()


def sort_key(name: str) -> str:
    """A key whose byte order is the order a reader expects: case ignored, letters by alphabet, Ё just after Е.

    The folded name decides; the name in lower case breaks its ties.
    """
    return f"{fold(name)}\x01{unicodedata.normalize('NFC', name).casefold()}"
