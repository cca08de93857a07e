"""Ids that the registry gives: slugs from names in any script, UUIDs of natural keys, UUIDs that follow one another in time."""

import re
import secrets
import time
from collections.abc import Iterator
from hashlib import sha1
from uuid import UUID

from anyascii import anyascii

from app.caching import cached

MAX_SLUG = 60
"""Letters of a slug, short of the number that tells namesakes apart."""
MIN_SLUG = 4
"""Shorter ones are left to acronyms that somebody chose."""
_APOSTROPHE = re.compile("['`]")
_WORD = re.compile(r"[a-z0-9]+")


@cached(500_000, size_of=lambda name, kind: 5 * len(name))
def slug(name: str, kind: str) -> str:
    """A name in Latin letters and hyphens: `Залесский` is `zalesskiy`, what has no letters at all goes by its kind."""
    chosen: list[str] = []
    for word in _WORD.findall(_APOSTROPHE.sub("", anyascii(name).lower())):
        if chosen and len("-".join([*chosen, word])) > MAX_SLUG:
            break
        chosen.append(word[:MAX_SLUG])
    made = "-".join(chosen)
    return made if len(made) >= MIN_SLUG else "-".join([kind, *chosen])


def namesakes(made: str) -> Iterator[list[str]]:
    """A slug, then those that may stand for it where it is taken: ten, and then more and more."""
    yield [made]
    first, several = 2, 10
    while True:
        yield [f"{made}-{number}" for number in range(first, first + several)]
        first, several = first + several, several * 10


def uuid5(namespace: UUID, name: str) -> str:
    """The UUID of a name in a namespace (RFC 9562), in half of the time that the standard library takes."""
    return _uuid(5, sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest())


def uuid7() -> str:
    """A UUID that sorts by the millisecond in which it was made (RFC 9562)."""
    return _uuid(7, f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}")


def _uuid(version: int, digits: str) -> str:
    """The UUID of these hexadecimal digits, but for those that say of which version it is."""
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
