"""Keeps the texts of documents, so that quotes can be found in them and proved. Documents are private and are no records."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.driver import Driver, to_statement
from app.db.sql import instant_text
from app.db.types import Exact
from app.domain.texts import address_digest
from app.domain.vocabulary import DocumentForm
from app.errors import Gone, NotFound
from app.models.evidence import Source, SourceText
from app.models.intake import Document
from app.text.passages import Passages, digest
from app.writing.identity import uuid7

documents: sa.Table = Document.__table__
sources: sa.Table = Source.__table__
source_texts: sa.Table = SourceText.__table__
_SHOWN = ("id", "key_id", "sha256", "text_sha256", "form", "rule", "url", "retrieved", "language", "title", "text")
MOST_LISTED = 200


class Stored(NamedTuple):
    """A stored document."""

    id: str
    key_id: str
    sha256: str
    text_sha256: str
    form: str
    rule: str
    url: str | None
    retrieved: str | None
    language: str | None
    title: str | None
    text: str | None
    at: str

    @property
    def paragraphs(self) -> list[str]:
        """Its paragraphs. Raises Gone if its text was removed."""
        if self.text is None:
            raise Gone(f"the text of the document {self.id!r} was removed; its digest is kept")
        return self.text.split("\n\n")


class Sent(NamedTuple):
    """A document that was sent, taken apart."""

    content: bytes
    form: DocumentForm
    rule: str
    passages: Passages
    url: str | None
    retrieved: str | None
    language: str | None


class SourceOf(NamedTuple):
    """A source that a document belongs to."""

    id: str
    title: str
    by: str
    """`digest` or `address`: what the two have in common."""


class Documents:
    """Reads documents. They are written by `keep` and `remove` in the transaction of a write."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        columns = (*(documents.c[name] for name in _SHOWN), instant_text(documents.c.at))
        self._one = to_statement(sa.select(*columns).where(documents.c.id == sa.bindparam("id", type_=Exact)), driver.dialect)
        without_text = [sa.null() if column is documents.c.text else column for column in columns]
        self._all = to_statement(
            sa.select(*without_text, documents.c.text.is_not(None)).order_by(documents.c.id.desc()).limit(MOST_LISTED),
            driver.dialect,
        )
        self._sources = to_statement(_sources(), driver.dialect)
        self._publishers = to_statement(_publishers(), driver.dialect)

    async def read(self, document_id: str) -> Stored:
        """Return a document. Raises NotFound."""
        rows = await self._driver.fetch(self._one, {"id": document_id})
        if not rows:
            raise NotFound(f"there is no document {document_id!r}")
        return Stored(*rows[0])

    async def newest(self) -> list[tuple[Stored, bool]]:
        """Return the newest documents without their texts, at most `MOST_LISTED`, and whether their text is kept."""
        return [(Stored(*row), bool(kept)) for *row, kept in await self._driver.fetch(self._all, {})]

    async def source_of(self, sha256: str, text_sha256: str, url: str | None) -> SourceOf | None:
        """Return the source that has a text with one of these digests, or else this address; None if there is none."""
        given = {"sha256": sha256, "text_sha256": text_sha256, "url": address_digest(url) or ""}
        rows = await self._driver.fetch(self._sources, given)
        return SourceOf(*min(rows)[1:]) if rows else None

    async def publisher_at(self, url: str | None) -> str | None:
        """Return the publisher that the newest source of the same host names."""
        host = urlsplit(url or "").netloc
        if not host:
            return None
        begin = f"{urlsplit(url or '').scheme}://{host}/"
        rows = await self._driver.fetch(self._publishers, {"begin": begin, "end": begin[:-1] + "0"})
        return str(rows[0][0]) if rows else None


def _sources() -> sa.CompoundSelect[Any]:
    """Return a query of (rank, id, title, what is common); rows of rank 0 have a digest in common."""

    def rows(rank: str, common: str) -> sa.Select[Any]:
        return sa.select(sa.literal_column(rank), sources.c.id, sources.c.title, sa.literal_column(f"'{common}'"))

    digests = (sa.bindparam("sha256", type_=Exact), sa.bindparam("text_sha256", type_=Exact))
    of_digest = rows("0", "digest").join(source_texts, source_texts.c.record_id == sources.c.id)
    return sa.union_all(
        of_digest.where(sa.or_(*(source_texts.c.sha256 == each for each in digests))),
        rows("1", "address").where(sources.c.url_digest == sa.bindparam("url", type_=Exact)),
    )


def _publishers() -> sa.Select[Any]:
    begin, end = sa.bindparam("begin", type_=sa.String), sa.bindparam("end", type_=sa.String)
    found = sa.select(sources.c.publisher).where(sources.c.url >= begin, sources.c.url < end, sources.c.publisher.is_not(None))
    return found.order_by(sources.c.published_start.desc(), sources.c.id).limit(1)


def texts_of(sha256: str, text_sha256: str, rule: str) -> list[dict[str, str]]:
    """Return the `texts` of the source of a document, by which its quotes are proved."""
    texts = [{"sha256": sha256, "form": "retrieved", "rule": rule}]
    return texts if text_sha256 == sha256 else [*texts, {"sha256": text_sha256, "form": "text"}]


def keep(connection: Connection, sent: Sent, key_id: str) -> tuple[str, bool]:
    """Store a document, and return its id and whether it is new.

    What the same key has sent before is the same document; if its text was removed, it is stored again.
    """
    sha256 = digest(sent.content)
    known = sa.select(documents.c.id, documents.c.text).where(
        documents.c.sha256 == sha256, documents.c.key_id == key_id, documents.c.rule == sent.rule
    )
    values = {
        "url": sent.url,
        "retrieved": sent.retrieved,
        "language": sent.language,
        "title": sent.passages.title,
        "text": sent.passages.text,
    }
    if found := connection.execute(known.order_by(documents.c.id).limit(1)).first():
        said = {name: value for name, value in values.items() if value is not None}
        connection.execute(documents.update().where(documents.c.id == found.id).values(said))
        return str(found.id), False
    document_id = uuid7()
    row = {
        "id": document_id,
        "key_id": key_id,
        "at": datetime.now(UTC),
        "sha256": sha256,
        "text_sha256": digest(sent.passages.text.encode()),
        "form": sent.form.value,
        "rule": sent.rule,
        **values,
    }
    connection.execute(documents.insert(), row)
    return document_id, True


def remove(connection: Connection, document_id: str) -> None:
    """Remove the text of a document. Its digests stay. Raises NotFound."""
    found = connection.execute(sa.select(documents.c.id).where(documents.c.id == document_id)).first()
    if found is None:
        raise NotFound(f"there is no document {document_id!r}")
    connection.execute(documents.update().where(documents.c.id == document_id).values(text=None, title=None))
