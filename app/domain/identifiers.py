"""Identifiers in external schemes, such as Wikidata: one normal form for each, so that equal identifiers are equal texts."""

import re
from collections.abc import Callable

from app.domain.texts import cleaned

MAX_IDENTIFIER = 500
"""The maximum number of characters of an identifier."""
FORMER_CODES = ("iso-3166-3", "iso-3166-1-former")
"""The schemes of codes that a country had under a former name: `BUMM`, and `BU`, `BUR` of Myanmar."""
_ADDRESSES = (
    ("wikidata", re.compile(r"https?://(?:www\.)?wikidata\.org/(?:wiki|entity)/(?:Special:EntityPage/)?", re.IGNORECASE)),
    ("ror", re.compile(r"(?:https?://)?(?:www\.)?ror\.org/", re.IGNORECASE)),
    ("doi", re.compile(r"(?:https?://)?(?:dx\.)?doi\.org/", re.IGNORECASE)),
)
"""The schemes whose identifiers are often written as addresses, each with the part of the address before the identifier."""
_FORMS: dict[str, Callable[[str], str]] = {"wikidata": str.upper, "ror": str.lower, "doi": str.lower}
"""Schemes that ignore case, each with the function that gives the usual case."""


def normal(scheme: str, identifier: str) -> str:
    """Return the normal form of an identifier: trimmed, without the address of its scheme, and in the scheme's usual case."""
    identifier = cleaned(identifier)
    for name, address in _ADDRESSES:
        if name == scheme:
            identifier = address.sub("", identifier, count=1)
    return _FORMS.get(scheme, str)(identifier)


def normal_scheme(scheme: str) -> str:
    """Return the normal form of a scheme: small letters, and hyphens in place of blanks and underscores."""
    return re.sub(r"[\s_]+", "-", scheme.strip()).lower()


def readings(value: str) -> list[tuple[str, str]]:
    """Return what a client may mean by `value`, as (scheme, identifier) in normal form. The scheme is '' if any is meant.

    `wikidata:Q42` means the scheme and the identifier, or an identifier that has a colon. An address means its identifier.
    """
    value = cleaned(value)
    found = [("", value)]
    scheme, colon, identifier = value.partition(":")
    if colon and identifier.strip():
        scheme = normal_scheme(scheme)
        found.append((scheme, normal(scheme, identifier)))
    found += [(name, normal(name, value)) for name, address in _ADDRESSES if address.match(value)]
    return found
