"""Checks that each citation's quote is contained, word for word, in the paragraph of the document that the citation names."""

from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.models.evidence import Citation, Source, SourceText
from app.text.passages import Unreadable, divided
from app.text.quotes import standing

citations: sa.Table = Citation.__table__
sources: sa.Table = Source.__table__
texts: sa.Table = SourceText.__table__


class Verified(NamedTuple):
    """The result of a check."""

    checked: int
    """The number of citations whose document could be read."""
    faults: list[str]
    wrong: int
    """The number of checked citations that do not stand in their document."""


def verified(connection: Connection, directory: Path, *, source: str | None = None) -> Verified:
    """Check the citations of all sources, or of one, against the documents in a folder.

    A source is matched with a file by the SHA-256 of one of its texts; the names of files do not matter. If no file matches a
    source, or if the file cannot be read as text, this is a fault, and the citations of this source are not checked. Raises
    LookupError if there is no source of this id.
    """
    of_source = sources.c.id == source if source is not None else sa.true()
    known: dict[str, list[Text]] = {each: [] for (each,) in connection.execute(sa.select(sources.c.id).where(of_source))}
    if source is not None and not known:
        raise LookupError(source)
    digests = sa.select(texts.c.record_id, texts.c.sha256, texts.c.rule).order_by(texts.c.record_id, texts.c.place)
    for source_id, *text in connection.execute(digests):
        if source_id in known:
            known[source_id].append(Text(*text))
    files, found = _files(directory)
    paragraphs: dict[str, list[list[str]]] = {}
    for source_id in sorted(known):
        whole, fault = _divided(known[source_id], files, directory)
        if whole is None:
            found.append(f"source {source_id}: {fault}")
        else:
            paragraphs[source_id] = whole
    columns = (citations.c[name] for name in ("id", "record_id", "source_id", "paragraph", "quote"))
    checked, before = 0, len(found)
    for citation_id, record_id, source_id, number, quote in connection.execute(sa.select(*columns).order_by(citations.c.id)):
        if source_id not in paragraphs:
            continue
        checked += 1
        where = f"citation {citation_id} of {record_id}: {source_id} paragraph {number}"
        if any(number in standing(each, quote) for each in paragraphs[source_id]):
            continue
        longest = max(map(len, paragraphs[source_id]))
        told = f"the document has {longest}" if number > longest else f"does not say {quote!r}"
        found.append(f"{where}: {told}")
    return Verified(checked, found, len(found) - before)


class Text(NamedTuple):
    """A text of a source: its digest, and the rule by which it was made and is divided into paragraphs."""

    sha256: str
    rule: str | None


def _divided(known: Sequence[Text], files: Mapping[str, Path], directory: Path) -> tuple[list[list[str]] | None, str]:
    """Return the paragraphs of each text that is there and can be divided, or None with the reason."""
    if not known:
        return None, "has no text with a sha256, so no document can be told to be it"
    there = [text for text in known if text.sha256 in files]
    if not there:
        digests = " or ".join(text.sha256 for text in known)
        return None, f"no file in {directory} has its sha256 {digests}; it is missing or was changed"
    several, reasons = [], []
    for text in there:
        try:
            several.append(divided(files[text.sha256].read_bytes(), text.rule))
        except (Unreadable, OSError) as error:
            reasons.append(f"no paragraphs are read from its text {text.sha256}: {error}")
    return several or None, "; ".join(reasons)


def _files(directory: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the files of a folder by their digests, and a fault for each that cannot be read."""
    found, faults = {}, []
    for path in sorted(directory.iterdir()):
        try:
            if path.is_file():
                with path.open("rb") as file:
                    found[file_digest(file, "sha256").hexdigest()] = path
        except OSError as error:
            faults.append(f"file {path.name}: cannot be read: {error.strerror}")
    return found, faults
