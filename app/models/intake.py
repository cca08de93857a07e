"""Tables of documents that keepers sent, and of proposals of records that wait for a review. They are no records."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Exact, Instant
from app.domain.vocabulary import DocumentForm
from app.models.columns import Base, code, reference, text, word


class Document(Base):
    """A document whose text was sent, so that quotes can be found in it and proved."""

    __tablename__ = "documents"
    __table_args__ = (
        sa.Index(None, "sha256", "key_id", "id"),
        sa.Index(None, "text_sha256", "id"),
        sa.Index(None, "key_id", "id"),
        {"comment": "texts of documents, to prove quotes; private, and no records"},
    )

    id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="its id, a UUIDv7")
    key_id: Mapped[str] = reference("keys", "the key that sent it")
    at: Mapped[Any] = mapped_column(Instant, comment="when it was sent (RFC 3339, UTC)")
    sha256: Mapped[str] = code("the SHA-256 of what was sent, in hexadecimal")
    text_sha256: Mapped[str] = code("the SHA-256 of the text made from it")
    form: Mapped[str] = word(DocumentForm, "the form in which it was sent")
    rule: Mapped[str] = text("the rule by which it was divided into paragraphs")
    url: Mapped[str | None] = text("where it stands")
    retrieved: Mapped[str | None] = code("when it was retrieved (EDTF)")
    language: Mapped[str | None] = code("its language, BCP 47")
    title: Mapped[str | None] = text("the title that the page gives itself; empty once its text is removed")
    text: Mapped[str | None] = text("the text made from it, with blank lines between paragraphs; empty once it is removed")
