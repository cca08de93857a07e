"""Checks that each citation's quote is contained, word for word, in the paragraph of the document that the citation names."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.models.evidence import Citation, Source, SourceText

citations: sa.Table = Citation.__table__
sources: sa.Table = Source.__table__
texts: sa.Table = SourceText.__table__
_BLANK_LINES = re.compile(r"\n\s*\n")


def failures(connection: Connection, directory: Path) -> tuple[int, list[str]]:
    """Check citations against the documents in a folder. Returns (number of checked citations, list of fault messages).

    A source is matched with a file by the SHA-256 of one of its texts; the names of files do not matter. If no file matches a
    source, a fault is reported, and the citations of this source are not checked.
    """
    documents = {sha256(content).hexdigest(): content for content in _contents(directory)}
    known: dict[str, list[Text]] = {source_id: [] for (source_id,) in connection.execute(sa.select(sources.c.id))}
    digests = sa.select(texts.c.record_id, texts.c.sha256, texts.c.rule).order_by(texts.c.record_id, texts.c.place)
    for source_id, *text in connection.execute(digests):
        known[source_id].append(Text(*text))
    found, paragraphs = [], {}
    for source_id in sorted(known):
        divided, fault = _divided(known[source_id], documents, directory)
        if divided is None:
            found.append(f"source {source_id}: {fault}")
        else:
            paragraphs[source_id] = divided
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


class Text(NamedTuple):
    """A text of a source: its digest, and the rule by which it was made and is divided into paragraphs."""

    sha256: str
    rule: str | None


def _divided(known: Sequence[Text], documents: Mapping[str, bytes], directory: Path) -> tuple[list[str] | None, str]:
    """Return the paragraphs of the first text that is there and can be divided, or None with the reason."""
    if not known:
        return None, "has no text with a sha256, so no document can be told to be it"
    there = [text for text in known if text.sha256 in documents]
    if not there:
        digests = " or ".join(text.sha256 for text in known)
        return None, f"no file in {directory} has its sha256 {digests}; it is missing or was changed"
    reasons = []
    for text in there:
        if text.rule is not None:
            reasons.append(f"its text {text.sha256} is divided by a rule that this program does not know: {text.rule}")
            continue
        try:
            return _paragraphs(documents[text.sha256].decode()), ""
        except UnicodeDecodeError:
            reasons.append(f"its text {text.sha256} is no UTF-8 text, so no paragraphs are read from it")
    return None, "; ".join(reasons)


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()]


def _paragraphs(text: str) -> list[str]:
    """Split a text at blank lines, and return its paragraphs, each normalized with `folded` for the comparison."""
    lines = text.replace("\r\n", "\n").strip()
    return [folded(block) for block in _BLANK_LINES.split(lines)]


def folded(text: str) -> str:
    """The text in NFC, with each run of white space (including no-break spaces) replaced by one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())
