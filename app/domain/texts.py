"""The form in which texts are stored, so that equal texts are equal strings."""

import re
from hashlib import blake2b
from unicodedata import combining, normalize

_INVISIBLE = "\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
"""Characters that readers do not see, such as soft hyphens, zero-width joiners, marks of direction and byte order marks."""
MOST_MARKS = 30
"""Maximum number of combining marks, such as accents, that may follow one letter, as in Unicode's Stream-Safe Text Format.
Longer runs are no text, and the time of composing them grows with the square of their length."""
_SIGNS = re.compile(rf"[^\w\s\x00-\x7f]{{{MOST_MARKS + 1},}}")
"""A run of characters in which so many marks may stand. No mark is a letter, a digit or a blank."""
_AROUND = re.compile(rf"^[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+\Z")


def cleaned(text: str) -> str:
    """Return a text with composed letters (NFC), and without blanks and invisible characters at its ends.

    Raises the error of `composed`.
    """
    return text.strip() if text.isascii() else _AROUND.sub("", composed(text))


def composed(text: str) -> str:
    """Return a text with composed letters (NFC). Raises ValueError if a letter has more than `MOST_MARKS` marks."""
    for signs in _SIGNS.finditer(text):
        marks = 0
        for sign in signs[0]:
            marks = marks + 1 if combining(sign) else 0
            if marks > MOST_MARKS:
                raise ValueError(f"has more than {MOST_MARKS} accents or other marks on one letter")
    return normalize("NFC", text)


def address_digest(address: str | None) -> str | None:
    """Return a short digest of an address, because an address is too long for an index. None if there is no address."""
    return blake2b(address.encode(), digest_size=16).hexdigest() if address else None


_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""The characters that no XML document may contain (XML 1.0, section 2.2), not even escaped."""
_BREAKS = re.compile("[\x0b\x0c]")
"""Those of them that part words: the line break of some word processors, and the page break."""


def xml_text(text: str) -> str:
    """Return a text without the characters that XML forbids. Those that part words become blanks."""
    if text.isprintable():
        return text
    return _NOT_IN_XML.sub("", _BREAKS.sub(" ", text))
