"""Checks that each citation's quote is contained, word for word, in the paragraph of the document that the citation names."""

import re
import unicodedata
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.models.evidence import Citation, Source

citations: sa.Table = Citation.__table__
sources: sa.Table = Source.__table__
_BLANK_LINES = re.compile(r"\n\s*\n")


def failures(connection: Connection, directory: Path) -> tuple[int, list[str]]:
    """Check citations against the documents in a folder. Returns (number of checked citations, list of fault messages).

    A source is matched with a file by its SHA-256; the names of files do not matter. If no file matches a source, a fault is
    reported, and the citations of this source are not checked.
    """
    documents = {sha256(content).hexdigest(): content for content in _contents(directory)}
    found, paragraphs = [], {}
    for source_id, digest in connection.execute(sa.select(sources.c.id, sources.c.sha256).order_by(sources.c.id)):
        if digest is None:
            found.append(f"source {source_id}: has no sha256, so no document can be told to be it")
        elif digest not in documents:
            found.append(f"source {source_id}: no file in {directory} has its sha256 {digest}; it is missing or was changed")
        else:
            paragraphs[source_id] = _paragraphs(documents[digest].decode())
    query = sa.select(citations.c.id, citations.c.record_id, citations.c.source_id, citations.c.paragraph, citations.c.quote)
    checked = 0
    for citation_id, record_id, source_id, number, quote in connection.execute(query.order_by(citations.c.id)):
        if source_id not in paragraphs:
            continue
        checked += 1
        where = f"citation {citation_id} of {record_id}: {source_id} paragraph {number}"
        if number > len(paragraphs[source_id]):
            found.append(f"{where}: the document has {len(paragraphs[source_id])}")
        elif folded(quote) not in paragraphs[source_id][number - 1]:
            found.append(f"{where}: does not say {quote!r}")
    return checked, found


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()]


def _paragraphs(text: str) -> list[str]:
    """Split a text at blank lines, and return its paragraphs, each normalized with `folded` for the comparison."""
    lines = text.replace("\r\n", "\n").strip()
    return [folded(block) for block in _BLANK_LINES.split(lines)]


def folded(text: str) -> str:
    """The text in NFC, with each run of white space (including no-break spaces) replaced by one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())
