"""Tables of API keys, and of stored answers to requests with an `Idempotency-Key`."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Exact, Instant
from app.models.columns import Base, code, number, reference, text


class Key(Base):
    """An API key with which a client may write."""

    __tablename__ = "keys"
    __table_args__ = ({"comment": "the keys with which clients write; never the secrets themselves"},)

    id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the part of the key that is no secret")
    name: Mapped[str] = mapped_column(sa.String, unique=True, comment="whose key it is; the history shows it")
    digest: Mapped[str] = code("the keyed BLAKE2b digest of the secret part")
    scopes: Mapped[str] = code("what it may do: a JSON array of `propose`, `write` and `admin`")
    created_at: Mapped[Any] = mapped_column(Instant, comment="when it was made (RFC 3339, UTC)")
    created_by: Mapped[str] = text("the name of the key, or of the command, that made it")
    expires_at: Mapped[Any | None] = mapped_column(Instant, comment="when it ceases to be valid; empty for never")
    revoked_at: Mapped[Any | None] = mapped_column(Instant, comment="when it was revoked")
    last_used_at: Mapped[Any | None] = mapped_column(Instant, comment="when it was last used, to the minute")


class FirstAnswer(Base):
    """The stored answer to a request with an `Idempotency-Key`."""

    __tablename__ = "first_answers"
    __table_args__ = (
        sa.Index(None, "at"),
        {"comment": "the answers to requests with an Idempotency-Key, kept for a day"},
    )

    key_id: Mapped[str] = reference("keys", "the key that asked", primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the request's `Idempotency-Key`")
    request: Mapped[str] = code("the BLAKE2b digest of the request: method, address and body")
    at: Mapped[Any] = mapped_column(Instant, comment="when it was answered (RFC 3339, UTC)")
    status: Mapped[int] = number("the HTTP status answered")
    version: Mapped[int | None] = number("the version of the record answered with, which its tag begins with")
    location: Mapped[str | None] = text("the path of the record made")
    language: Mapped[str | None] = text("the Content-Language answered")
    body: Mapped[str] = text("the body answered")
