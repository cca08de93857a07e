"""The form in which texts are stored, so that equal texts are equal strings."""

import re
from hashlib import blake2b
from unicodedata import normalize

_INVISIBLE = "\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
"""Characters that readers do not see, such as soft hyphens, zero-width joiners, marks of direction and byte order marks."""
_AROUND = re.compile(rf"^[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+\Z")


def cleaned(text: str) -> str:
    """Return a text with composed letters (NFC), and without blanks and invisible characters at its ends."""
    return text.strip() if text.isascii() else _AROUND.sub("", normalize("NFC", text))


def address_digest(address: str | None) -> str | None:
    """Return a short digest of an address, because an address is too long for an index. None if there is no address."""
    return blake2b(address.encode(), digest_size=16).hexdigest() if address else None
