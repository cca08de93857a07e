"""Stores the response to each request with an `Idempotency-Key`: a repeated request gets the same response."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.errors import IdempotencyMismatch
from app.faults import Fault
from app.models.access import FirstAnswer

answers: sa.Table = FirstAnswer.__table__
KEPT = timedelta(days=1)


class Answer(NamedTuple):
    """The response to a write."""

    status: int
    body: str
    version: int | None = None
    """The version of the record in the body."""
    location: str | None = None
    language: str | None = None


def digest(*parts: bytes) -> str:
    """The hexadecimal digest of the parts of a request.

    The digest also covers the length of each part. So the same bytes have another digest if they are divided differently.
    """
    hashed = blake2b(digest_size=24)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()


def first(connection: Connection, key_id: str, idempotency_key: str, request: str) -> Answer | None:
    """The stored response to this request; None if there is none.

    Raises IdempotencyMismatch if the `Idempotency-Key` was already used for another request.
    """
    query = sa.select(answers).where(
        answers.c.key_id == key_id, answers.c.idempotency_key == idempotency_key, answers.c.at > datetime.now(UTC) - KEPT
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    if row["request"] != request:
        fault = Fault("stands for another request; take a new one", header="Idempotency-Key")
        raise IdempotencyMismatch(str(fault), faults=[fault])
    return Answer(row["status"], row["body"], row["version"], row["location"], row["language"])


def remember(connection: Connection, key_id: str, idempotency_key: str, request: str, answer: Answer) -> None:
    """Store the response for one day (`KEPT`). Also delete the responses of all API keys that are older than one day."""
    now = datetime.now(UTC)
    expire(connection, now)
    row = {"key_id": key_id, "idempotency_key": idempotency_key, "request": request, "at": now, **answer._asdict()}
    connection.execute(answers.insert(), row)


def expire(connection: Connection, now: datetime) -> int:
    """Delete the responses that are older than one day. Returns how many there were."""
    return connection.execute(sa.delete(answers).where(answers.c.at <= now - KEPT)).rowcount
