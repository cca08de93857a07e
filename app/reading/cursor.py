"""Cursors. A cursor contains the key of the last row of a page, and a digest of the request for which it is valid."""

import base64
import binascii
import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

from app.declaration.model import is_storable
from app.errors import CursorInvalid, CursorMismatch

NOT_OURS = "this cursor was not made by the registry; take `next_cursor` from the page before"
_DIGEST_BYTES = 6
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def request_digest(*parts: Any) -> str:
    """Return a short digest of the request to which a cursor belongs."""
    return base64.urlsafe_b64encode(blake2b(_ENCODER.encode(parts).encode(), digest_size=_DIGEST_BYTES).digest()).decode()


def encode(key: Sequence[str], digest: str) -> str:
    """Return an opaque cursor: the digest of the request, then the key of the last row.

    Raises TypeError if a part of the key is not text, because `decode` accepts text only.
    """
    if not all(isinstance(part, str) for part in key):
        raise TypeError(f"the key of a page must be selected as text; it is {key!r}")
    return digest + base64.urlsafe_b64encode(to_json(key)).decode().rstrip("=")


def decode(cursor: str, *, digest: str, length: int) -> list[str]:
    """Return the key that a cursor contains.

    Raises CursorInvalid if the registry did not make the cursor, and CursorMismatch if the cursor belongs to another request.
    """
    head, body = cursor[: len(digest)], cursor[len(digest) :]
    try:
        key = json.loads(base64.b64decode(body.encode("ascii") + b"=" * (-len(body) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise CursorInvalid(NOT_OURS) from None
    if not isinstance(key, list) or not all(isinstance(part, str) and is_storable(part) for part in key):
        raise CursorInvalid(NOT_OURS)
    if head != digest or len(key) != length:
        raise CursorMismatch("this cursor was given with other filters, another sort or language; start again without it")
    return key
