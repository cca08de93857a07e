"""Proves quotes: if the text of a source is there as a document, a citation must stand in it, word for word."""

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, chunks, ids_parameter, is_one_of, literal, run
from app.domain.vocabulary import Kind
from app.faults import Fault
from app.models.evidence import SourceText
from app.models.intake import Document
from app.reading.compiler import Compiler
from app.text.passages import PLAIN
from app.text.quotes import standing
from app.writing.batch import SENT, Batch, Wanted

documents: sa.Table = Document.__table__
texts: sa.Table = SourceText.__table__
MOST_PARAGRAPHS = 5
"""Maximum number of paragraphs that a message names."""


class Proofs:
    """Compares the citations of a batch with the stored documents."""

    def __init__(self, compiler: Compiler, encode: Encode) -> None:
        self._encode = encode
        self._of_sources = compiler.to_statement(_of_sources())
        self._of_digests = compiler.to_statement(_of_digests())

    def check(self, connection: Connection, batch: Batch) -> None:
        """Tell of each citation that was sent, is new or changed, and does not stand in the document of its source.

        For a write of one record, and for an import that asks for it (`Batch.proves`), this is a fault, else a warning.
        """
        cited = [
            wanted
            for wanted in batch.wanted.values()
            if wanted.resource.kind is Kind.CITATION
            and wanted.doing in SENT
            and not wanted.deleted
            and _states_otherwise(wanted)
        ]
        if not cited:
            return
        paragraphs = self.paragraphs(connection, batch, sorted({wanted.content["source"] for wanted in cited}))
        for wanted in cited:
            if known := paragraphs.get(wanted.content["source"]):
                for pointer, detail in unproved(known, wanted.content["paragraph"], wanted.content["quote"]):
                    if batch.proves:
                        batch.blame(wanted, detail, pointer)
                    else:
                        batch.warn(wanted, detail, pointer)

    def paragraphs(self, connection: Connection, batch: Batch, ids: Sequence[str]) -> Mapping[str, list[list[str]]]:
        """Return the paragraphs of the stored documents of each of these sources, which may be new in the batch."""
        sent = {each: batch.wanted[each].content.get("texts", ()) for each in ids if each in batch.wanted}
        partial = {each for each in sent if batch.wanted[each].manner.merges and batch.wanted[each].old is None}
        found = self.paragraphs_of(connection, [each for each in ids if each not in sent or each in partial])
        rules = {(each["sha256"], each.get("rule") or PLAIN): source for source, several in sent.items() for each in several}
        digests = {digest for digest, _ in rules}
        for chunk in chunks(sorted(digests)):
            for digest, rule, text in run(connection, self._of_digests, ids=self._encode(chunk)):
                if source := rules.get((digest, rule)):
                    found.setdefault(source, []).append(text.split("\n\n"))
        return found

    def paragraphs_of(self, connection: Connection, ids: Sequence[str]) -> dict[str, list[list[str]]]:
        """Return the paragraphs of the stored documents of each of these stored sources, in the order of its texts."""
        found: dict[str, list[list[str]]] = {}
        for chunk in chunks(ids):
            for source_id, text in run(connection, self._of_sources, ids=self._encode(chunk)):
                found.setdefault(source_id, []).append(text.split("\n\n"))
        return found


def unproved(several: Sequence[Sequence[str]], paragraph: int, quote: str) -> Iterator[tuple[str, str]]:
    """Yield (pointer, what is wrong), if a quote does not stand in the paragraph that a citation names.

    `several`: the paragraphs of each document of the source. It is enough if one of them says it.
    """
    numbers = sorted({number for paragraphs in several for number in standing(paragraphs, quote)})
    if paragraph not in numbers:
        fault = misplaced(quote, numbers, f"the quote does not stand in paragraph {paragraph} of the document; ")
        yield fault.pointer or "", fault.detail


def misplaced(quote: str, numbers: Sequence[int], why: str = "say in which `paragraph`: ") -> Fault:
    """Return the fault of a citation whose paragraph is wrong or missing. `numbers`: the paragraphs where its quote stands."""
    if not numbers:
        detail = f"{quote!r} stands nowhere in the document; quote it word for word, as `locate` shows"
        return Fault(detail, pointer="/quote")
    others = ", ".join(map(str, numbers[:MOST_PARAGRAPHS]))
    return Fault(f"{why}it stands in paragraph {others}", pointer="/paragraph")


def _states_otherwise(wanted: Wanted) -> bool:
    fields = ("source", "paragraph", "quote")
    return wanted.old is None or any(wanted.old.get(name) != wanted.content.get(name) for name in fields)


def _of_sources() -> sa.Select[tuple[str, str]]:
    """Return a query of (id of the source, text), for the sources in the parameter `ids`."""
    of_rule = sa.func.coalesce(texts.c.rule, literal(PLAIN))
    kept = documents.c.text.is_not(None)
    of_sent = sa.and_(documents.c.sha256 == texts.c.sha256, documents.c.rule == of_rule, kept)
    of_text = sa.and_(documents.c.text_sha256 == texts.c.sha256, of_rule == literal(PLAIN), kept)
    these = is_one_of(texts.c.record_id, ids_parameter())
    found = [
        sa.select(
            texts.c.record_id.label("id"), documents.c.text.label("text"), texts.c.place, documents.c.id.label("document")
        )
        .select_from(texts.join(documents, same))
        .where(these)
        for same in (of_sent, of_text)
    ]
    both = sa.union_all(*found).subquery()
    return sa.select(both.c.id, both.c.text).order_by(both.c.id, both.c.place, both.c.document)


def _of_digests() -> sa.Select[tuple[str, str, str]]:
    """Return a query of (digest, rule, text), for the digests in the parameter `ids`."""
    kept = documents.c.text.is_not(None)
    sent = sa.select(documents.c.sha256.label("sha256"), documents.c.rule.label("rule"), documents.c.text.label("text"))
    made = sa.select(documents.c.text_sha256, literal(PLAIN), documents.c.text)
    both = sa.union_all(
        sent.where(kept, is_one_of(documents.c.sha256, ids_parameter())),
        made.where(kept, is_one_of(documents.c.text_sha256, ids_parameter())),
    ).subquery()
    return sa.select(both.c.sha256, both.c.rule, both.c.text)
