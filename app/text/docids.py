"""Computes the docids (numbers) of search entries. Later dates have smaller docids, so both databases find the newest first."""

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
    """Return the smallest docid of a day. Earlier days have greater docids.

    Therefore, FTS5 returns the newest entries first in its default, ascending order. The descending order of FTS5 is not used,
    because it has a bug: in SQLite 3.40 it returns entries that a NOT excludes.
    """
    return (_DAYS - date.fromisoformat(day).toordinal()) * DAY


def place_in_day(record_id: str, name: str) -> int:
    """Return the place of a record among the entries of its day.

    The record with the shortest name comes first. Records with names of the same length are ordered by a hash of the id.
    """
    digest = int.from_bytes(blake2b(record_id.encode(), digest_size=_HASH_BITS // 8).digest(), "big")
    return (min(len(name), _LONGEST) << _HASH_BITS) + digest
