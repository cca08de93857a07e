"""Identifiers: at most one record of a kind has an identifier, and a line of an import may mean a record by it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, chunks, ids_parameter, is_one_of, run
from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.records import Identifier, Record
from app.reading.compiler import Compiler
from app.writing.batch import Batch, Content, Wanted
from app.writing.references import References
from app.writing.write_schema import ContentSchema

identifiers: sa.Table = Identifier.__table__
records: sa.Table = Record.__table__
Pair = tuple[str, str]
"""A scheme and an identifier."""


def pairs_of(content: Mapping[str, Any] | None) -> list[Pair]:
    """Return the identifiers of a record."""
    return [(each["scheme"], each["identifier"]) for each in (content or {}).get("identifiers", ())]


class Identifying:
    """Looks up who has an identifier. The caller holds the write lock, so the result is still true at the commit."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema], compiler: Compiler, encode: Encode) -> None:
        self._schemas = schemas
        self._encode = encode
        columns = (identifiers.c.scheme, identifiers.c.identifier, identifiers.c.record_id)
        found = sa.select(*columns).join(records, records.c.id == identifiers.c.record_id)
        of_kind = records.c.kind == sa.bindparam("kind", type_=Exact)
        self._holders = compiler.to_statement(found.where(is_one_of(identifiers.c.identifier, ids_parameter()), of_kind))

    def holders(self, connection: Connection, kind: Kind, pairs: Iterable[Pair]) -> dict[Pair, list[str]]:
        """Return the ids of the stored records of a kind that have these identifiers, by identifier."""
        found: dict[Pair, list[str]] = {pair: [] for pair in pairs}
        for some in chunks({identifier for _, identifier in found}):
            for scheme, identifier, record_id in run(connection, self._holders, ids=self._encode(some), kind=str(kind)):
                if (scheme, identifier) in found:
                    found[scheme, identifier].append(record_id)
        return found

    def check(self, connection: Connection, batch: Batch, unclear: Collection[str]) -> None:
        """Add a fault for each identifier that a record gets although another record of its kind has it.

        Identifiers that two records already share are left as they are, so that the records can still be changed. The records
        in `unclear`, for which `match` has added a fault, are not checked.
        """
        new: dict[Kind, list[tuple[Wanted, int, Pair]]] = {}
        for wanted in batch.wanted.values():
            if not wanted.deleted and wanted.content.get("identifiers") and wanted.id not in unclear:
                before = set(pairs_of(wanted.old))
                several = [(wanted, place, pair) for place, pair in enumerate(pairs_of(wanted.content)) if pair not in before]
                new.setdefault(wanted.resource.kind, []).extend(several)
        for kind, several in new.items():
            holders = self.holders(connection, kind, [pair for _, _, pair in several])
            sent: dict[Pair, str] = {}
            for wanted, place, pair in several:
                others = [each for each in (*holders[pair], sent.setdefault(pair, wanted.id)) if each != wanted.id]
                other = next((each for each in others if _has(batch.wanted.get(each), pair)), None)
                if other is not None:
                    detail = f"{':'.join(pair)} is an identifier of the {kind} {other!r} already"
                    batch.blame(wanted, detail, f"/identifiers/{place}", conflict=other not in batch.wanted)

    def match(
        self,
        connection: Connection,
        batch: Batch,
        identify: Callable[[ContentSchema, Content], str | None],
        references: References,
    ) -> set[str]:
        """Give each record that the batch names by its identifiers the id of the stored record that has one of them.

        If no stored record has one, the record is new: it keeps the id that was sent with it, or gets one from `identify`. A
        line that deletes such a record changes nothing. Other records of the batch may refer to a record by the id that was
        sent: they then refer to its other id. Adds a fault if the identifiers lead to two records, or if a new record has the
        id of another one, and returns the ids of records with such a fault.
        """
        by_kind: dict[Kind, list[Wanted]] = {}
        for wanted in batch.wanted.values():
            if wanted.manner.by_identifier:
                by_kind.setdefault(wanted.resource.kind, []).append(wanted)
        ids: dict[Wanted, str] = {}
        unclear: set[str] = set()
        new: list[Wanted] = []
        for kind, several in by_kind.items():
            holders = self.holders(connection, kind, [pair for each in several for pair in pairs_of(each.content)])
            for wanted in several:
                found = sorted({each for pair in pairs_of(wanted.content) for each in holders[pair]})
                if len(found) > 1:
                    unclear.add(wanted.id)
                    batch.blame(wanted, f"lead to several records: {', '.join(found)}", "/identifiers", conflict=True)
                elif found:
                    ids[wanted] = found[0]
                else:
                    new.append(wanted)
        unclear |= self._make_new(connection, batch, new, ids, identify, references)
        moved = {wanted: record_id for wanted, record_id in ids.items() if wanted.id != record_id}
        now = {wanted.id: record_id for wanted, record_id in moved.items()}
        batch.rename_all(moved)
        for wanted in list(batch.wanted.values()) if now else ():
            references.redirect(batch, wanted, lambda target, _allowed: now.get(target))
        return unclear

    def _make_new(
        self,
        connection: Connection,
        batch: Batch,
        new: list[Wanted],
        ids: dict[Wanted, str],
        identify: Callable[[ContentSchema, Content], str | None],
        references: References,
    ) -> set[str]:
        """Handle the lines whose identifiers belong to no stored record: choose ids for the new records, and add them to `ids`.

        Returns the ids of the lines that have a fault.
        """
        unclear: set[str] = set()
        taken = references.kinds(connection, [wanted.id for wanted in new if wanted.named])
        for wanted in new:
            kind = wanted.resource.kind
            if wanted.manner.deletes:
                del batch.wanted[wanted.id]
                batch.absent.append(wanted)
            elif wanted.id in taken:
                unclear.add(wanted.id)
                detail = f"{wanted.id!r} is the id of a record without these identifiers; leave `match` out to change that one"
                batch.blame(wanted, detail, "/id", conflict=True)
            elif not wanted.named and not wanted.resource.natural_key and self._is_whole(batch, wanted):
                record_id = identify(self._schemas[kind], wanted.content)
                if record_id is None:
                    batch.blame(wanted, f"{kind.with_article} needs an id", "/id")
                else:
                    ids[wanted] = record_id
        return unclear

    def _is_whole(self, batch: Batch, wanted: Wanted) -> bool:
        """Whether a line has all that a new record needs. If it merges and has not, adds the faults."""
        if not wanted.manner.merges:
            return True
        _, faults = self._schemas[wanted.resource.kind].merged(None, wanted.content, wanted.manner.cleared)
        for fault in faults:
            batch.blame(wanted, fault.detail, fault.pointer or "")
        if faults:
            batch.drop(wanted)
        return not faults


def _has(wanted: Wanted | None, pair: Pair) -> bool:
    """Whether a record has the identifier after the write. `wanted` is None if the write does not change the record."""
    return wanted is None or (not wanted.deleted and pair in pairs_of(wanted.content))
