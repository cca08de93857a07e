"""Tables of topics, sources and citations."""

from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.collation import sort_key
from app.domain.texts import address_digest
from app.domain.vocabulary import Confidence, Kind, Review, TextForm
from app.models.columns import (
    Base,
    Named,
    Versioned,
    any_of,
    ascending,
    code,
    derived,
    edtf_date,
    first_day,
    kind_of,
    last_day,
    lookups,
    number,
    orders,
    reference,
    spelling,
    text,
    word,
)


class Topic(Named, Base):
    """A topic: a subject that records are about."""

    __tablename__ = "topics"
    __table_args__ = (
        *orders("name_key", "updated_at", "created_at"),
        *lookups("name_key", "broader_id"),
        {"comment": "subjects"},
    )

    broader_id: Mapped[str | None] = reference("topics", "the wider subject it belongs to")


class Source(Versioned, Base):
    """A source: a document that citations refer to."""

    __tablename__ = "sources"
    __table_args__ = (
        *orders("title_key", "published_start", "published_order", "updated_at", "created_at"),
        *lookups("published_start", "publisher_key", "language", "interviewee_id"),
        sa.Index(None, "url_digest", "id"),
        {"comment": "documents; the full text stays with its publisher"},
    )

    title: Mapped[str] = text("the title as printed")
    title_key: Mapped[str] = derived(lambda content: sort_key(content["title"]), "the place of `title` in the order of names")
    publisher: Mapped[str | None] = text("who published it")
    publisher_key: Mapped[str | None] = spelling("publisher")
    url: Mapped[str | None] = text("where it stands")
    url_digest: Mapped[str | None] = derived(
        lambda content: address_digest(content.get("url")),
        "the digest of `url`, by which equal addresses are found",
        nullable=True,
    )
    language: Mapped[str | None] = code("its language, BCP 47")
    author: Mapped[str | None] = text("who wrote it, where stated")
    according_to: Mapped[str | None] = text("whom it names as its own source, as printed")
    interviewee_id: Mapped[str | None] = reference("people", "who speaks in it, if it is an interview")
    published: Mapped[str | None] = edtf_date("when it was published, where stated (EDTF)")
    published_start: Mapped[str] = first_day("published")
    published_end: Mapped[str] = last_day("published")
    published_order: Mapped[str] = ascending("published_start")
    retrieved: Mapped[str | None] = edtf_date("when it was retrieved (EDTF)")
    archive_url: Mapped[str | None] = text("where a copy is archived")
    summary: Mapped[str | None] = text("what it reports, in the registry's words")


class SourceText(Base):
    """A text of a source that citations can be compared with: the document as retrieved, or a plain text made of it."""

    __tablename__ = "source_texts"
    __table_args__ = (sa.Index(None, "sha256", "record_id"), {"comment": "digests of the texts of sources"})

    record_id: Mapped[str] = reference("records", "the source", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the texts, from 0")
    sha256: Mapped[str] = code("the SHA-256 of the text, in hexadecimal")
    form: Mapped[str] = word(TextForm, "what the digest was made of")
    rule: Mapped[str | None] = text("by which rule the text was made and is divided into paragraphs; empty: blank lines")


class Citation(Versioned, Base):
    """A citation: a passage of a source that supports a record, or one field of it."""

    __tablename__ = "citations"
    __table_args__ = (
        *orders("updated_at", "created_at"),
        sa.Index(None, "record_id", "id"),
        sa.Index(None, "source_id", "id"),
        sa.Index(None, "source_id", "paragraph", "id"),
        sa.Index(None, "confidence", "id"),
        sa.Index(None, "review", "id"),
        sa.Index(None, "field", "id"),
        sa.Index(
            "uq_citations_key", "record_id", "source_id", "paragraph", "quote", sa.text("coalesce(field, '')"), unique=True
        ),
        {"comment": "which passage of which source supports which record"},
    )

    record_id: Mapped[str] = any_of(*(kind for kind in Kind if kind is not Kind.CITATION), comment="the record supported")
    record_kind: Mapped[str] = kind_of(record_id)
    field: Mapped[str | None] = text("the one field that the passage supports; empty if the record as a whole")
    value: Mapped[str | None] = text("the field as this source states it, where sources differ")
    source_id: Mapped[str] = reference("sources", "the document")
    paragraph: Mapped[int] = number("the how-manieth block of text between blank lines, from 1")
    quote: Mapped[str] = text("a short exact phrase of that paragraph, at most eight words")
    text_fragment: Mapped[str] = derived(
        lambda content: ":~:text=" + quote(content["quote"], safe="").replace("-", "%2D"),
        "the end of an address that opens a page at the quote",
    )
    confidence: Mapped[str] = word(Confidence, "how directly the passage states it")
    review: Mapped[str] = word(Review, "whether a second reader compared it with the source")
