"""Tables of documents that keepers sent, and of proposals of records that wait for a review. They are no records."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Exact, Instant
from app.domain.vocabulary import Decision, DocumentForm, ProposalStatus
from app.models.columns import Base, code, flag, number, reference, text, word


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


class Proposal(Base):
    """A set of records that a client proposed. Reviewers decide on each record."""

    __tablename__ = "proposals"
    __table_args__ = (
        sa.Index(None, "status", "id"),
        sa.Index(None, "key_id", "digest"),
        {"comment": "proposals of records, which wait for decisions; private, and no records"},
    )

    id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="its id, a UUIDv7")
    key_id: Mapped[str] = reference("keys", "the key that proposed it")
    at: Mapped[Any] = mapped_column(Instant, comment="when it was proposed (RFC 3339, UTC)")
    digest: Mapped[str] = code("the digest of what was sent: the same from the same key is the same proposal")
    title: Mapped[str | None] = text("what it is about; empty once it is erased")
    by: Mapped[str | None] = text("who made it, in the words of the proposer; empty once it is erased")
    documents: Mapped[str] = code("the ids of the documents that it rests on, a JSON array")
    status: Mapped[str] = word(ProposalStatus, "what became of it")
    version: Mapped[int] = number("rises with each decision")
    transaction: Mapped[str | None] = code("the transaction in the log that wrote what was accepted")


class ProposedRecord(Base):
    """A record of a proposal, and what was decided on it."""

    __tablename__ = "proposed_records"
    __table_args__ = ({"comment": "the records of proposals"},)

    proposal_id: Mapped[str] = reference("proposals", "the proposal", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place in the proposal, from 1")
    line: Mapped[str | None] = text("the record in the exchange format; empty once it is erased")
    correction: Mapped[str | None] = text("the record as a reviewer corrected it")
    decision: Mapped[str] = word(Decision, "what was decided on it")
    seen: Mapped[int] = number("the version of the stored record that was compared with it; 0 if there was none")
    seen_id: Mapped[str | None] = code("the id of that record; empty if there was none")
    is_alone: Mapped[bool] = flag("whether it was decided on by itself, and not with all others")
    is_told_apart: Mapped[bool] = flag("whether the reviewer said that it is not the record that it resembles")
    reason: Mapped[str | None] = text("why it was rejected or corrected")
    decided_by: Mapped[str | None] = text("the name of the key that decided")
    decided_at: Mapped[Any | None] = mapped_column(Instant, comment="when it was decided (RFC 3339, UTC)")
