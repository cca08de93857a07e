"""Creates, lists, revokes and verifies the API keys with which clients write. Only digests of keys are stored."""

import hmac
import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from app.db.sql import Compiled, instant_text, run
from app.db.types import Exact
from app.declaration.model import is_storable
from app.domain.vocabulary import Vocabulary
from app.errors import Conflict, Invalid, NotFound, Unauthorized
from app.faults import Fault
from app.models.access import Key

keys: sa.Table = Key.__table__
MARK = "rap"
"""The prefix of every key, so that secret scanners can find a key that was published by mistake."""
_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 8
_SECRET_BYTES = 32
NAME_PATTERN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
MAX_NAME = 100
CHALLENGE = 'Bearer realm="rapporteur", error="invalid_token"'
USED_EVERY = timedelta(minutes=1)
"""The minimum time between two updates of a key's `last_used_at`. A write makes such an update in its own transaction."""


class Scope(Vocabulary):
    """What a key may do."""

    PROPOSE = "propose", "take documents apart and propose records, which others decide on"
    WRITE = "write", "make and change records, and all that `propose` may"
    ADMIN = "admin", "merge and erase records, make and revoke keys, and all that `write` may"


class Principal(NamedTuple):
    """The holder of a verified key."""

    id: str
    name: str
    scopes: tuple[str, ...]

    def may(self, scope: Scope) -> bool:
        """Whether the key has this scope, or one that includes it: `admin` includes `write`, which includes `propose`."""
        ranked = list(Scope)
        return any(Scope(each) in ranked[ranked.index(scope) :] for each in self.scopes)


def checked_name(name: str) -> str:
    """Return the name of a key. Raises ValueError if it is not valid."""
    if len(name) > MAX_NAME or not re.fullmatch(NAME_PATTERN, name) or not is_storable(name):
        raise ValueError(f"has 1 to {MAX_NAME} characters, no control characters, and not blanks alone")
    return name


class Keyring:
    """Creates and verifies keys.

    For each key, the database holds a BLAKE2b digest of the key's 256 random bits. The digest is keyed with a secret of the
    operator, which is not in the database. A slow password hash is not needed, because nobody can guess 256 random bits. It
    would only slow down every write.
    """

    def __init__(self, secret: str) -> None:
        self._pepper = blake2b(secret.encode(), digest_size=32).digest() if secret else b""

    def _digest(self, secret: str) -> str:
        return blake2b(secret.encode(), key=self._pepper, digest_size=32).hexdigest()

    def create(
        self, connection: Connection, name: str, scopes: Sequence[Scope], *, by: str, expires: datetime | None = None
    ) -> tuple[RowMapping, str]:
        """Create a key. Returns its row, and the key itself, which is never shown again.

        Raises Invalid if the name is not valid, and Conflict if another key has this name.
        """
        try:
            checked_name(name)
        except ValueError as error:
            fault = Fault(str(error), pointer="/name")
            raise Invalid(str(fault), faults=[fault]) from None
        if connection.execute(sa.select(keys.c.id).where(keys.c.name == name)).first():
            fault = Fault(f"there is a key {name!r} already; the history tells keys apart by their names", pointer="/name")
            raise Conflict(str(fault), faults=[fault])
        key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        row = {
            "id": key_id,
            "name": name,
            "digest": self._digest(secret),
            "scopes": json.dumps(sorted(set(scopes)), separators=(",", ":")),
            "created_at": datetime.now(UTC),
            "created_by": by,
            "expires_at": expires,
        }
        connection.execute(keys.insert(), row)
        return get(connection, key_id), f"{MARK}_{key_id}_{secret}"

    def recognized(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Principal | None:
        """The holder of the key `text`; None if the key is unknown, revoked or expired.

        `rows`: the result of the query `looked_up` for `key_id(text)`.
        """
        secret = text.split("_", 2)[2] if key_id(text) else ""
        # If the key does not exist, a dummy digest is compared, so that both cases take the same time.
        row = rows[0] if rows else ("", "", "0" * 64, "[]", None, None, None)
        found, name, digest, scopes, expires, revoked, _ = row
        if not hmac.compare_digest(self._digest(secret), digest) or not rows or revoked is not None:
            return None
        return None if _is_past(expires) else Principal(found, name, tuple(json.loads(scopes)))


def key_id(text: str) -> str | None:
    """The public part of a key, its id; None if the text is not a well-formed key."""
    mark, _, rest = text.partition("_")
    found, _, secret = rest.partition("_")
    well_formed = mark == MARK and len(found) == _ID_LENGTH and found.isascii() and found.isalnum() and secret.isascii()
    return found if well_formed and secret else None


def looked_up() -> sa.Select[Any]:
    """The query that reads the key whose id is the parameter `id`. `Keyring.recognized` and `used` evaluate its result."""
    times = (instant_text(keys.c[name]) for name in ("expires_at", "revoked_at", "last_used_at"))
    return sa.select(keys.c.id, keys.c.name, keys.c.digest, keys.c.scopes, *times).where(
        keys.c.id == sa.bindparam("id", type_=Exact)
    )


def used(connection: Connection, principal: Principal, lookup: Compiled) -> None:
    """Record that a key was used, in the transaction of a write.

    Raises Unauthorized if the key was revoked or has expired since it was verified.
    `lookup` is the compiled query `looked_up()`.
    """
    ((*_, expires, revoked, last_used),) = run(connection, lookup, id=principal.id)
    if revoked is not None or _is_past(expires):
        raise Unauthorized("the key was revoked, or is past its time", headers={"WWW-Authenticate": CHALLENGE})
    now = datetime.now(UTC)
    if last_used is None or datetime.fromisoformat(last_used) < now - USED_EVERY:
        connection.execute(keys.update().where(keys.c.id == principal.id).values(last_used_at=now))


def _is_past(expires: str | None) -> bool:
    return expires is not None and datetime.fromisoformat(expires) <= datetime.now(UTC)


def get(connection: Connection, identifier: str) -> RowMapping:
    """The row of a key. Raises NotFound if there is no such key."""
    found = connection.execute(sa.select(keys).where(keys.c.id == identifier)) if is_storable(identifier) else None
    row = found.mappings().first() if found is not None else None
    if row is None:
        raise NotFound(f"there is no key {identifier!r}")
    return row


def listed(connection: Connection) -> Sequence[RowMapping]:
    """All keys, the oldest first."""
    return connection.execute(sa.select(keys).order_by(keys.c.created_at, keys.c.id)).mappings().all()


def revoke(connection: Connection, identifier: str) -> RowMapping:
    """Revoke a key permanently, and return its row. Raises NotFound if there is no such key.

    The change log still has the name of the key as the author of earlier writes.
    """
    if get(connection, identifier)["revoked_at"] is None:
        connection.execute(keys.update().where(keys.c.id == identifier).values(revoked_at=datetime.now(UTC)))
    return get(connection, identifier)
