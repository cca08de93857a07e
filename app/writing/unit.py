"""The unit of work: records checked together, compared with what stands there, written, logged and projected."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import CHUNK, among, chunks
from app.models.records import Change, Record
from app.models.vocabulary import Kind
from app.reading.compiler import Compiler, Shape
from app.reading.resource import Resource
from app.writing import projections
from app.writing.batch import Batch, Intake, Line, Progress, Report, Wanted
from app.writing.content import ContentSchema, Fault, text_of
from app.writing.rows import RowWriter

PROJECT_ALL_FROM = 20_000
"""Records written together from which computing every projection anew is quicker than finding what they touch."""
LOG_LOCK = 7_270_001
"""The Postgres advisory lock that makes the log's order the order of commits."""

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__


class Writer:
    """Writes records of all kinds in the transaction of a connection that it is given."""

    def __init__(self, resources: Iterable[Resource], compiler: Compiler, encode: Callable[[Sequence[str]], Any]) -> None:
        self.resources = {resource.kind: resource for resource in resources}
        self.compiler = compiler
        self.encode = encode
        kinds = {resource.table.name: resource.kind for resource in self.resources.values()}
        self.schemas = {kind: ContentSchema(resource, compiler.plans[kind], kinds) for kind, resource in self.resources.items()}
        self.intake = Intake(self.schemas, encode)
        self.rows = {kind: RowWriter(schema) for kind, schema in self.schemas.items()}
        self._exchange = {kind: compiler.compile(Shape(kind, purpose="exchange")) for kind in self.resources}
        self._pages = {kind: compiler.compile(Shape(kind, purpose="exchange", after=True)) for kind in self.resources}

    # -- reading the exchange format --------------------------------------------------------------------------------

    def export(self, connection: Connection) -> Iterator[tuple[Kind, str]]:
        """Every record as a line of the exchange format: kinds in the order of the resources, then by id."""
        for kind in self.resources:
            for text, _, _ in self.all_of(connection, kind):
                yield kind, text

    def count(self, connection: Connection) -> int:
        """How many records there are."""
        return int(connection.execute(sa.select(sa.func.count()).select_from(records)).scalar_one())

    def all_of(self, connection: Connection, kind: Kind) -> Iterator[tuple[str, str, int]]:
        """Every record of a kind in the order of their ids: (line of the exchange format, id, version)."""
        after, statement = "", self._pages[kind]
        while True:
            given = {**statement.constants, "after": after, "limit": CHUNK}
            page = connection.exec_driver_sql(statement.sql, given).all()
            yield from (tuple(row) for row in page)
            if len(page) < CHUNK:
                return
            after = page[-1][1]

    def _states(self, connection: Connection, kind: Kind, ids: Iterable[str]) -> Iterator[tuple[str, str, int]]:
        statement = self._exchange[kind]
        for chunk in chunks(ids):
            given = {**statement.constants, "ids": self.encode(chunk)}
            yield from (tuple(row) for row in connection.exec_driver_sql(statement.sql, given))

    # -- writing -----------------------------------------------------------------------------------------------------

    def import_lines(self, connection: Connection, lines: Iterable[Line], *, author: str, progress: Progress) -> Report:
        """Write the records of all lines or none; ImportRejected names the faults of every line.

        A record's own fields, names, identifiers and topics become what its line says; citations that stand in the line
        replace those it had, and without them stay as they are.
        """
        batch, kinds = self.intake.batch(connection, lines, progress=progress)
        return self._write(connection, batch, kinds, author=author)

    def _write(self, connection: Connection, batch: Batch, kinds: Mapping[str, Kind], *, author: str) -> Report:
        now = datetime.now(UTC)
        self._compare(connection, batch)
        changed = [wanted for wanted in batch.wanted.values() if wanted.old != wanted.content]
        created = [wanted for wanted in changed if wanted.old is None]
        replaced = [wanted for wanted in changed if wanted.old is not None]
        self._continue_versions(connection, created)
        deleted = self._superfluous_citations(connection, batch)
        self._check_deleted(connection, batch, deleted)
        self._remove_rows(connection, [*replaced, *deleted])
        _remove(connection, records, "id", [wanted.id for wanted in deleted], self.encode)
        self._insert(connection, created, replaced, kinds, now)
        if changed or deleted:
            self._project(connection, [*changed, *deleted])
            self._log(connection, [*changed, *deleted], now, author=author)
        return Report(len(created), len(replaced), len(batch.wanted) - len(changed), len(deleted))

    def _compare(self, connection: Connection, batch: Batch) -> None:
        """Find what stands there under the ids of the batch."""
        by_kind: dict[Kind, list[str]] = {}
        for wanted in batch.wanted.values():
            by_kind.setdefault(wanted.resource.kind, []).append(wanted.id)
        for kind, ids in by_kind.items():
            for text, record_id, version in self._states(connection, kind, ids):
                wanted = batch.wanted[record_id]
                wanted.old, wanted.version = json.loads(text), version + 1

    def _continue_versions(self, connection: Connection, created: Sequence[Wanted]) -> None:
        """A record that was deleted once comes back with its versions continuing."""
        last = {wanted.id: wanted for wanted in created}
        for chunk in chunks(last):
            query = sa.select(changes.c.record_id, sa.func.max(changes.c.version)).group_by(changes.c.record_id)
            for record_id, version in connection.execute(query.where(among(changes.c.record_id, chunk, self.encode))):
                last[record_id].version = version + 1

    def _superfluous_citations(self, connection: Connection, batch: Batch) -> list[Wanted]:
        """Citations of records that came with theirs, and are not among those."""
        resource = self.resources[Kind.CITATION]
        table = resource.table
        found = []
        for chunk in chunks(batch.emptied):
            query = sa.select(table.c.id, table.c.record_id, table.c.version).where(
                among(table.c.record_id, chunk, self.encode)
            )
            for citation_id, record_id, version in connection.execute(query):
                if citation_id not in batch.emptied[record_id] and citation_id not in batch.wanted:
                    content = {"id": citation_id, "record": record_id}
                    found.append(
                        Wanted(batch.wanted[record_id].where, resource, content, old=content, version=version + 1, deleted=True)
                    )
        return found

    def _check_deleted(self, connection: Connection, batch: Batch, deleted: Sequence[Wanted]) -> None:
        """Nothing that stays may refer to what is deleted."""
        gone = [wanted.id for wanted in deleted]
        for kind, schema in self.schemas.items():
            for name, several, allowed in schema.references:
                if several or Kind.CITATION not in allowed:
                    continue
                table = self.resources[kind].table
                for chunk in chunks(gone):
                    query = sa.select(table.c.id, table.c[f"{name}_id"]).where(among(table.c[f"{name}_id"], chunk, self.encode))
                    for record_id, citation_id in connection.execute(query):
                        content = batch.wanted[record_id].content if record_id in batch.wanted else {name: citation_id}
                        if content.get(name) == citation_id:
                            where = next(wanted.where for wanted in deleted if wanted.id == citation_id)
                            fault = f"leaves out {citation_id!r}, to which the {kind} {record_id!r} refers as its {name}"
                            batch.blame(where, Fault("/citations", fault))
        batch.reject()

    def _remove_rows(self, connection: Connection, gone: Iterable[Wanted]) -> None:
        """Remove records' rows and those of their parts, keeping the times at which they were made."""
        by_kind: dict[Kind, dict[str, Wanted]] = {}
        for wanted in gone:
            by_kind.setdefault(wanted.resource.kind, {})[wanted.id] = wanted
        for kind, several in by_kind.items():
            table = self.resources[kind].table
            for chunk in chunks(several):
                query = sa.select(table.c.id, table.c.created_at).where(among(table.c.id, chunk, self.encode))
                for record_id, created in connection.execute(query):
                    several[record_id].created = created
            for plan in self.rows[kind].parts:
                _remove(connection, plan.source.table, plan.source.owner, list(several), self.encode)
            _remove(connection, table, "id", list(several), self.encode)

    def _insert(
        self,
        connection: Connection,
        created: Sequence[Wanted],
        replaced: Sequence[Wanted],
        kinds: Mapping[str, Kind],
        now: datetime,
    ) -> None:
        tables: dict[sa.Table, list[dict[str, Any]]] = {records: []}
        for wanted in created:
            label = wanted.resource.label(wanted.content)
            tables[records].append({"id": wanted.id, "kind": wanted.resource.kind.value, "name": label})
        for wanted in (*created, *replaced):
            writer = self.rows[wanted.resource.kind]
            row = writer.row(wanted.content, kinds, version=wanted.version, created=wanted.created or now, now=now)
            tables.setdefault(wanted.resource.table, []).append(row)
            for table, rows in writer.part_rows(wanted.content):
                tables.setdefault(table, []).extend(rows)
        for table, rows in tables.items():
            if rows:
                connection.execute(sa.insert(table), rows)
        renamed = [
            {"its_id": wanted.id, "its_name": wanted.resource.label(wanted.content)}
            for wanted in replaced
            if wanted.old and wanted.resource.label(wanted.old) != wanted.resource.label(wanted.content)
        ]
        if renamed:
            rename = sa.update(records).where(records.c.id == sa.bindparam("its_id")).values(name=sa.bindparam("its_name"))
            connection.execute(rename, renamed)

    def _project(self, connection: Connection, changed: Sequence[Wanted]) -> None:
        touched: set[str] | None = set()
        bodies_moved = any(
            wanted.resource.kind is Kind.ORGANIZATION
            and wanted.old is not None
            and any(wanted.old.get(name) != wanted.content.get(name) for name in ("parent", "country"))
            for wanted in changed
        )
        if bodies_moved or len(changed) >= PROJECT_ALL_FROM:
            touched = None
        else:
            touched = {wanted.id for wanted in changed}
            for wanted in changed:
                for content in (wanted.content, wanted.old or {}):
                    touched |= {content[name] for name in ("meeting", "memorandum") if content.get(name)}
        projections.refresh(connection, touched, self.encode)

    def _log(self, connection: Connection, written: Sequence[Wanted], now: datetime, *, author: str) -> None:
        """Append what was written; on Postgres one writer at a time from here to its commit."""
        transaction = str(uuid4())
        log = [
            {
                "record_id": wanted.id,
                "kind": wanted.resource.kind.value,
                "operation": wanted.operation,
                "version": wanted.version,
                "at": now,
                "author": author,
                "transaction": transaction,
                "state": None if wanted.deleted else text_of(wanted.content),
            }
            for wanted in written
        ]
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOG_LOCK)))
        connection.execute(sa.insert(changes), log)


def _remove(connection: Connection, table: sa.Table, key: str, ids: Sequence[str], encode: Callable[..., Any]) -> None:
    for chunk in chunks(ids):
        connection.execute(sa.delete(table).where(among(table.c[key], chunk, encode)))
