"""Undoes a transaction of the change log as one new transaction. Undoing that one does the first again."""

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import chunks, is_one_of, values_parameter
from app.domain.vocabulary import Kind
from app.errors import Conflict, Erased, Invalid, NotFound
from app.faults import FAULTS_ALIKE, Fault, Faults, summary
from app.models.records import Change
from app.writing.batch import Batch, Report, Wanted
from app.writing.queue import Apply
from app.writing.restoring import Entry
from app.writing.writer import Writer

changes: sa.Table = Change.__table__


class Undoer:
    """Undoes transactions."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def undo(
        self, connection: Connection, transaction: str, *, author: str, most: int | None = None
    ) -> Apply[Sequence[Report]]:
        """Check whether the transaction can be undone, and return the function that undoes it.

        Records that it made are deleted, records that it deleted come back, and other records become what they were before.
        Raises NotFound if there is no such transaction, Invalid if it changed more than `most` records, Erased if what it
        changed was erased, and Conflict if a record was changed since, or is referred to by a record that stays.
        """
        counted = sa.select(sa.func.count()).where(changes.c.transaction == transaction)
        if most is not None and (number := connection.execute(counted).scalar_one()) > most:
            detail = f"it changed {number} records; undo more than {most} with the command: rapporteur undo {transaction}"
            raise Invalid(detail, faults=[Fault(detail)])
        batch = Batch(problem=Conflict, faults=Faults(alike=FAULTS_ALIKE), conflicts=Faults(alike=FAULTS_ALIKE))
        later = Faults(alike=FAULTS_ALIKE)
        found = False
        for now, before in self._changed(connection, transaction):
            found = True
            for entry in (now, before):
                if entry is not None and (entry.is_blank or entry.operation == "erase"):
                    raise Erased(f"what the {now.kind} {now.id!r} was then was erased")
            if now.transaction != transaction:
                detail = f"the {now.kind} {now.id!r} was changed since, by the transaction {now.transaction}"
                later.add(Fault(detail, pointer=f"/{now.id}"))
            elif not later:
                self._reverse(batch, now, before)
        if not found:
            raise NotFound(f"there is no transaction {transaction!r}")
        if later:
            raise Conflict(summary(later.told()), faults=later.told())
        ready = self._writer.settle(connection, batch)
        return lambda: [self._writer.apply(connection, ready, author=author)]

    def _changed(self, connection: Connection, transaction: str) -> Iterable[tuple[Entry, Entry | None]]:
        """Yield, for each record that the transaction changed, its last entry and the entry before that one."""
        ids = connection.execute(
            sa.select(changes.c.record_id).where(changes.c.transaction == transaction).distinct()
        ).scalars()
        columns = [changes.c[name] for name in ("record_id", "kind", "operation", "version", "transaction", "state", "into_id")]
        place = sa.func.row_number().over(partition_by=changes.c.record_id, order_by=changes.c.seq.desc()).label("place")
        for some in chunks(sorted(ids)):
            of_these = is_one_of(changes.c.record_id, values_parameter(some, self._writer.encode))
            ranked = sa.select(*columns, place).where(of_these).subquery("ranked")
            last = sa.select(*ranked.c).where(ranked.c.place <= sa.literal_column("2"))
            by_record: dict[str, list[Entry]] = {}
            for record_id, kind, *rest, _ in connection.execute(last.order_by(ranked.c.record_id, ranked.c.place)):
                by_record.setdefault(record_id, []).append(Entry(record_id, Kind(kind), *rest))
            yield from ((now, before[0] if before else None) for now, *before in by_record.values())

    def _reverse(self, batch: Batch, now: Entry, before: Entry | None) -> None:
        """Add to the batch what makes the record again what it was before its last change."""
        schema = self._writer.schemas[now.kind]
        was = before.state if before is not None else None
        text = was or now.state
        if text is None or was == now.state:
            return  # only its citations changed, and these are reversed themselves
        content, faults = schema.check(json.loads(text))
        batch.faults.extend(fault._replace(pointer=f"/{now.id}{fault.pointer or ''}") for fault in faults)
        if faults:
            return
        pointer = f"/{now.id}"
        if was is None:
            into = before.into if before is not None else None
            wanted = Wanted(schema.resource, content, pointer=pointer, doing="restore", deleted=True, into=into, old=content)
            wanted.version = now.version + 1
            batch.add(wanted)
        else:
            batch.add(Wanted(schema.resource, content, pointer=pointer, doing="restore"))
