"""Tells of new records that are there already under another id: the same document, or the same sitting of a series."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, chunks, ids_parameter, is_one_of, run
from app.domain.texts import address_digest
from app.domain.vocabulary import Kind
from app.models.evidence import Source, SourceText
from app.models.meetings import Meeting
from app.reading.compiler import Compiler
from app.writing.batch import SENT, Batch, Wanted

sources: sa.Table = Source.__table__
texts: sa.Table = SourceText.__table__
meetings: sa.Table = Meeting.__table__
ADVICE = "use it, or send similar=allow if this is another one"
"""What to do if a new record is there already, as far as can be told."""
KINDS = (Kind.SOURCE, Kind.MEETING)
"""The kinds of records that are compared."""
Mark = tuple[str, str]
"""What two records should not have in common: (name of the field, value or digest of it)."""


class Resemblance:
    """Compares new sources and meetings with the stored ones, and with each other."""

    def __init__(self, compiler: Compiler, encode: Encode) -> None:
        self._encode = encode
        ids = ids_parameter
        self._stored = {
            "url": compiler.to_statement(
                sa.select(sources.c.url_digest, sources.c.id).where(is_one_of(sources.c.url_digest, ids()))
            ),
            "texts": compiler.to_statement(
                sa.select(texts.c.sha256, texts.c.record_id).where(is_one_of(texts.c.sha256, ids()))
            ),
            "ordinal": compiler.to_statement(
                sa.select(_sitting(meetings.c.series_id, meetings.c.ordinal), meetings.c.id).where(
                    is_one_of(meetings.c.series_id, ids()), meetings.c.ordinal.is_not(None)
                )
            ),
        }

    def check(self, connection: Connection, batch: Batch) -> None:
        """Tell of each new record that has an address, a digest, or series and ordinal in common with another record.

        For a POST, this is a conflict, unless the record `is_told_apart`; for an import, a warning.
        """
        marked = [
            (mark, wanted)
            for wanted in batch.wanted.values()
            if wanted.resource.kind in KINDS and wanted.old is None and wanted.doing in SENT
            for mark in _marks(wanted)
        ]
        if not marked:
            return
        known = self._known(connection, {mark for mark, _ in marked})
        for mark, wanted in marked:
            other = known.setdefault(mark, wanted.id)
            if other != wanted.id and not wanted.is_told_apart:
                batch.resembling.setdefault(wanted.id, []).append(other)
                detail = f"the {wanted.resource.kind} {other!r} has the same {_SAID[mark[0]]}; {ADVICE}"
                if wanted.doing == "create":
                    batch.blame(wanted, detail, f"/{mark[0]}", conflict=True)
                else:
                    batch.warn(wanted, detail, f"/{mark[0]}")

    def _known(self, connection: Connection, marks: set[Mark]) -> dict[Mark, str]:
        """Return the ids of the stored records that have these marks."""
        found: dict[Mark, str] = {}
        for name, statement in self._stored.items():
            values = {value for each, value in marks if each == name}
            asked = {value.rpartition("#")[0] for value in values} if name == "ordinal" else values
            for chunk in chunks(sorted(asked)):
                for value, record_id in sorted(run(connection, statement, ids=self._encode(chunk))):
                    if value in values:
                        found.setdefault((name, value), record_id)
        return found


_SAID = {"url": "address", "texts": "text, by its digest", "ordinal": "series and ordinal"}


def _marks(wanted: Wanted) -> Iterator[Mark]:
    content = wanted.content
    if wanted.resource.kind is Kind.SOURCE:
        if content.get("url"):
            yield "url", address_digest(content["url"]) or ""
        for each in content.get("texts", ()):
            yield "texts", each["sha256"]
    elif wanted.resource.kind is Kind.MEETING and content.get("series") and content.get("ordinal"):
        yield "ordinal", f"{content['series']}#{content['ordinal']}"


def _sitting(series: sa.ColumnElement[str], ordinal: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return series.concat("#").concat(sa.cast(ordinal, sa.String))
