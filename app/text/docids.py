"""Computes the docids of search entries. Later dates have smaller docids, so that both databases find the newest first."""

from datetime import date
from functools import lru_cache
from hashlib import blake2b

_DAY_BITS, _HASH_BITS = 41, 32
_LONGEST = (1 << (_DAY_BITS - _HASH_BITS)) - 1
_DAYS = 1 << (63 - _DAY_BITS)
DAY = 1 << _DAY_BITS
"""The number of docids per day."""


@lru_cache(4_096)
def first_docid(day: str) -> int:
    """The smallest docid of a day. Earlier days have greater docids.

    So FTS5's default order returns the newest entries first. FTS5's descending order is not used because it has a bug: in
    SQLite 3.40 it returns entries that a NOT excludes.
    """
    return (_DAYS - date.fromisoformat(day).toordinal()) * DAY


def place_in_day(record_id: str, name: str) -> int:
    """The place of a record among the entries of its day: the shortest name first, then by a hash of the id."""
    digest = int.from_bytes(blake2b(record_id.encode(), digest_size=_HASH_BITS // 8).digest(), "big")
    return (min(len(name), _LONGEST) << _HASH_BITS) + digest
