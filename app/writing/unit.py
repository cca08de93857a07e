"""The unit of work: records checked together, compared with what stands there, written, logged and projected."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.errors import ImportRejected
from app.models.records import Change, Record
from app.models.vocabulary import Kind
from app.reading.compiler import Compiler, Shape
from app.reading.resource import Resource
from app.writing import projections
from app.writing.content import ContentSchema, Fault, text_of
from app.writing.rows import RowWriter

CHUNK = 1_000
PROJECT_ALL_FROM = 20_000
"""Records written together from which computing every projection anew is quicker than finding what they touch."""
LOG_LOCK = 7_270_001
"""The Postgres advisory lock that makes the log's order the order of commits."""
MAX_FAULTS = 100

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__
Item = TypeVar("Item")
Progress = Callable[[int], None]


class Line(NamedTuple):
    """A record as it came: where from, and its JSON."""

    where: str
    text: str


@dataclass
class Report:
    """What an import did."""

    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0

    def __str__(self) -> str:
        return f"{self.created} created, {self.replaced} replaced, {self.unchanged} unchanged, {self.deleted} deleted"


@dataclass
class Wanted:
    """A record to be written."""

    where: str
    resource: Resource
    content: dict[str, Any]
    old: dict[str, Any] | None = None
    version: int = 1
    created: datetime | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.content["id"])

    def key(self, fields: Sequence[str]) -> tuple[Any, ...]:
        """Its values of these fields."""
        return tuple(self.content.get(name) or None for name in fields)


@dataclass
class Batch:
    """Records to be written together, by id, and what was wrong with lines."""

    wanted: dict[str, Wanted] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    faulty: dict[str, Kind] = field(default_factory=dict)
    """Records whose own lines are at fault: what refers to them is not."""
    emptied: dict[str, set[str]] = field(default_factory=dict)
    """For records that came with their citations: the ids these have; others of theirs are deleted."""

    def blame(self, where: str, fault: Fault) -> None:
        """Remember a fault."""
        self.faults.append(f"{where}: {fault}")

    def reject(self) -> None:
        """Raise what was found, if anything."""
        if self.faults:
            more = len(self.faults) - MAX_FAULTS
            shown = self.faults[:MAX_FAULTS]
            raise ImportRejected([*shown, f"… and {more} more"] if more > 0 else shown)


class Writer:
    """Writes records of all kinds in the transaction of a connection that it is given."""

    def __init__(self, resources: Iterable[Resource], compiler: Compiler, encode: Callable[[Sequence[str]], Any]) -> None:
        self.resources = {resource.kind: resource for resource in resources}
        self.compiler = compiler
        self.encode = encode
        kinds = {resource.table.name: resource.kind for resource in self.resources.values()}
        self.schemas = {kind: ContentSchema(resource, compiler.plans[kind], kinds) for kind, resource in self.resources.items()}
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
        for chunk in _chunks(ids):
            given = {**statement.constants, "ids": self.encode(chunk)}
            yield from (tuple(row) for row in connection.exec_driver_sql(statement.sql, given))

    # -- writing -----------------------------------------------------------------------------------------------------

    def import_lines(self, connection: Connection, lines: Iterable[Line], *, author: str, progress: Progress) -> Report:
        """Write the records of all lines or none; ImportRejected names the faults of every line.

        A record's own fields, names, identifiers and topics become what its line says; citations that stand in the line
        replace those it had, and without them stay as they are.
        """
        batch = Batch()
        for line in lines:
            self._take(batch, line)
            progress(1)
        kinds = self._kinds(connection, batch)
        self._check_ids(connection, batch)
        self._check_references(batch, kinds)
        self._check_keys(connection, batch)
        batch.reject()
        return self._write(connection, batch, kinds, author=author)

    def _take(self, batch: Batch, line: Line) -> None:
        """Check a line by itself and add its records: the one it says, and the citations within."""
        try:
            data = json.loads(line.text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
        except RecursionError:
            return batch.blame(line.where, Fault("", "is nested too deeply"))
        except ValueError as error:
            return batch.blame(line.where, Fault("", f"is no JSON: {error}"))
        if not isinstance(data, dict):
            return batch.blame(line.where, Fault("", "is no JSON object"))
        schema = self.schemas.get(data.get("kind")) if isinstance(data.get("kind"), str) else None  # type: ignore[arg-type]
        if schema is None:
            return batch.blame(line.where, Fault("/kind", f"must be one of {', '.join(self.resources)}"))
        citations = data.pop("citations", None) if schema.resource.kind is not Kind.CITATION else None
        content, faults = schema.check(data)
        for fault in faults:
            batch.blame(line.where, fault)
        if faults:
            if isinstance(data.get("id"), str):
                batch.faulty[data["id"]] = schema.resource.kind
            return None
        self._add(batch, Wanted(line.where, schema.resource, content))
        if citations is not None:
            self._take_citations(batch, line.where, content["id"], citations)
        return None

    def _take_citations(self, batch: Batch, where: str, record_id: str, citations: Any) -> None:
        if not isinstance(citations, list):
            return batch.blame(where, Fault("/citations", "must be an array"))
        schema = self.schemas[Kind.CITATION]
        kept = batch.emptied.setdefault(record_id, set())
        for place, citation in enumerate(citations):
            if not isinstance(citation, dict):
                batch.blame(where, Fault(f"/citations/{place}", "must be an object"))
                continue
            content, faults = schema.check({**citation, "kind": Kind.CITATION.value, "record": record_id})
            for fault in faults:
                batch.blame(where, Fault(f"/citations/{place}{fault.pointer}", fault.detail))
            if not faults:
                kept.add(content["id"])
                self._add(batch, Wanted(f"{where} citations/{place}", schema.resource, content))
        return None

    def _add(self, batch: Batch, wanted: Wanted) -> None:
        double = batch.wanted.get(wanted.id)
        if double is None:
            batch.wanted[wanted.id] = wanted
        elif double.content != wanted.content:
            batch.blame(wanted.where, Fault("/id", f"{wanted.id!r} stands already in {double.where} with another content"))

    def _kinds(self, connection: Connection, batch: Batch) -> dict[str, Kind]:
        """The kinds of all records named in the batch that exist, in the database or in the batch itself."""
        named = set(batch.wanted)
        for wanted in batch.wanted.values():
            named.update(target for _, target, _ in self._targets(wanted))
        known = dict(batch.faulty)
        for chunk in _chunks(named):
            query = sa.select(records.c.id, records.c.kind).where(_among(records.c.id, chunk, self.encode))
            known |= {record_id: Kind(kind) for record_id, kind in connection.execute(query)}
        for wanted in batch.wanted.values():
            standing = known.setdefault(wanted.id, wanted.resource.kind)
            if standing is not wanted.resource.kind:
                batch.blame(wanted.where, Fault("/id", f"{wanted.id!r} is the id of a {standing} already"))
        return known

    def _targets(self, wanted: Wanted) -> Iterator[tuple[str, str, tuple[Kind, ...]]]:
        """The references of a record: (pointer, id, kinds allowed)."""
        for name, several, allowed in self.schemas[wanted.resource.kind].references:
            value = wanted.content.get(name)
            if several:
                yield from ((f"/{name}/{place}", target, allowed) for place, target in enumerate(value or ()))
            elif value is not None:
                yield f"/{name}", value, allowed

    def _check_ids(self, connection: Connection, batch: Batch) -> None:
        """A slug is never a country's code in any case, nor a country's id anything but its alpha-2 code."""
        query = sa.select(*(self.resources[Kind.COUNTRY].table.c[name] for name in ("id", "alpha_3", "numeric")))
        codes = {part.lower() for row in connection.execute(query) for part in row}
        for wanted in batch.wanted.values():
            if wanted.resource.kind is Kind.COUNTRY:
                codes |= {wanted.content[name].lower() for name in ("id", "alpha_3", "numeric")}
        for wanted in batch.wanted.values():
            is_code = len(wanted.id) == 2 and wanted.id.isupper()
            if is_code != (wanted.resource.kind is Kind.COUNTRY):
                rule = "a country's id is its ISO 3166-1 alpha-2 code, and only a country's"
                batch.blame(wanted.where, Fault("/id", f"{wanted.id!r}: {rule}"))
            elif not is_code and wanted.id in codes:
                batch.blame(wanted.where, Fault("/id", f"{wanted.id!r} is a country's code"))

    def _check_references(self, batch: Batch, kinds: Mapping[str, Kind]) -> None:
        for wanted in batch.wanted.values():
            for pointer, target, allowed in self._targets(wanted):
                kind = kinds.get(target)
                if kind is None:
                    batch.blame(wanted.where, Fault(pointer, f"there is no record {target!r}"))
                elif kind not in allowed:
                    batch.blame(wanted.where, Fault(pointer, f"{target!r} is a {kind}; it must be a {' or '.join(allowed)}"))

    def _check_keys(self, connection: Connection, batch: Batch) -> None:
        """What is unique beside the id: a link is said once, a country has its codes to itself."""
        by_kind: dict[Kind, list[Wanted]] = {}
        for wanted in batch.wanted.values():
            by_kind.setdefault(wanted.resource.kind, []).append(wanted)
        for kind, several in by_kind.items():
            for fields in self.resources[kind].keys:
                standing = self._standing_keys(connection, kind, fields, {wanted.content[fields[0]] for wanted in several})
                for wanted in several:
                    key = wanted.key(fields)
                    other = standing.setdefault(key, wanted.id)
                    if other != wanted.id and (other not in batch.wanted or batch.wanted[other].key(fields) == key):
                        batch.blame(wanted.where, Fault("", f"{' and '.join(fields)} are those of the {kind} {other!r}"))

    def _standing_keys(
        self, connection: Connection, kind: Kind, fields: Sequence[str], firsts: Iterable[str]
    ) -> dict[tuple[Any, ...], str]:
        """The ids of the records whose keys begin with one of these, by key."""
        table = self.resources[kind].table
        columns = [table.c[name] if name in table.c else table.c[f"{name}_id"] for name in fields]
        found: dict[tuple[Any, ...], str] = {}
        for chunk in _chunks(firsts):
            query = sa.select(table.c.id, *columns).where(_among(columns[0], chunk, self.encode))
            found |= {tuple(value or None for value in key): record_id for record_id, *key in connection.execute(query)}
        return found

    def _check_deleted(self, connection: Connection, batch: Batch, deleted: Sequence[Wanted]) -> None:
        """Nothing that stays may refer to what is deleted."""
        gone = [wanted.id for wanted in deleted]
        for kind, schema in self.schemas.items():
            for name, several, allowed in schema.references:
                if several or Kind.CITATION not in allowed:
                    continue
                table = self.resources[kind].table
                for chunk in _chunks(gone):
                    query = sa.select(table.c.id, table.c[f"{name}_id"]).where(
                        _among(table.c[f"{name}_id"], chunk, self.encode)
                    )
                    for record_id, citation_id in connection.execute(query):
                        content = batch.wanted[record_id].content if record_id in batch.wanted else {name: citation_id}
                        if content.get(name) == citation_id:
                            where = next(wanted.where for wanted in deleted if wanted.id == citation_id)
                            fault = f"leaves out {citation_id!r}, to which the {kind} {record_id!r} refers as its {name}"
                            batch.blame(where, Fault("/citations", fault))
        batch.reject()

    def _write(self, connection: Connection, batch: Batch, kinds: Mapping[str, Kind], *, author: str) -> Report:
        report = Report()
        now = datetime.now(UTC)
        self._compare(connection, batch)
        changed = [wanted for wanted in batch.wanted.values() if wanted.old != wanted.content]
        report.unchanged = len(batch.wanted) - len(changed)
        log: list[dict[str, Any]] = []
        transaction = str(uuid4())

        def note(wanted: Wanted, operation: str, state: str | None) -> None:
            log.append(
                {
                    "record_id": wanted.id,
                    "kind": wanted.resource.kind.value,
                    "operation": operation,
                    "version": wanted.version,
                    "at": now,
                    "author": author,
                    "transaction": transaction,
                    "state": state,
                }
            )

        created = [wanted for wanted in changed if wanted.old is None]
        self._continue_versions(connection, created)
        replaced = [wanted for wanted in changed if wanted.old is not None]
        deleted = self._superfluous_citations(connection, batch)
        self._check_deleted(connection, batch, deleted)
        for wanted in changed:
            note(wanted, "create" if wanted.old is None else "replace", text_of(wanted.content))
        for wanted in deleted:
            note(wanted, "delete", None)
        self._remove_rows(connection, [*replaced, *deleted])
        _remove(connection, records, "id", [wanted.id for wanted in deleted], self.encode)
        self._insert(connection, created, replaced, kinds, now)
        report.created, report.replaced, report.deleted = len(created), len(replaced), len(deleted)
        if log:
            self._project(connection, [*changed, *deleted])
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOG_LOCK)))
            connection.execute(sa.insert(changes), log)
        return report

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
        for chunk in _chunks(last):
            query = sa.select(changes.c.record_id, sa.func.max(changes.c.version)).group_by(changes.c.record_id)
            for record_id, version in connection.execute(query.where(_among(changes.c.record_id, chunk, self.encode))):
                last[record_id].version = version + 1

    def _superfluous_citations(self, connection: Connection, batch: Batch) -> list[Wanted]:
        """Citations of records that came with theirs, and are not among those."""
        resource = self.resources[Kind.CITATION]
        table = resource.table
        found = []
        for chunk in _chunks(batch.emptied):
            query = sa.select(table.c.id, table.c.record_id, table.c.version).where(
                _among(table.c.record_id, chunk, self.encode)
            )
            for citation_id, record_id, version in connection.execute(query):
                if citation_id not in batch.emptied[record_id] and citation_id not in batch.wanted:
                    content = {"id": citation_id, "record": record_id}
                    found.append(Wanted(batch.wanted[record_id].where, resource, content, old=content, version=version + 1))
        return found

    def _remove_rows(self, connection: Connection, gone: Iterable[Wanted]) -> None:
        """Remove records' rows and those of their parts, keeping the times at which they were made."""
        by_kind: dict[Kind, dict[str, Wanted]] = {}
        for wanted in gone:
            by_kind.setdefault(wanted.resource.kind, {})[wanted.id] = wanted
        for kind, several in by_kind.items():
            table = self.resources[kind].table
            for chunk in _chunks(several):
                query = sa.select(table.c.id, table.c.created_at).where(_among(table.c.id, chunk, self.encode))
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


def _chunks(ids: Iterable[Item]) -> Iterator[list[Item]]:
    several = list(ids)
    return (several[start : start + CHUNK] for start in range(0, len(several), CHUNK))


def _among(column: sa.ColumnElement[Any], ids: Sequence[str], encode: Callable[[Sequence[str]], Any]) -> sa.ColumnElement[bool]:
    return projections.among(column, ids, encode)


def _remove(connection: Connection, table: sa.Table, key: str, ids: Sequence[str], encode: Callable[..., Any]) -> None:
    for chunk in _chunks(ids):
        connection.execute(sa.delete(table).where(_among(table.c[key], chunk, encode)))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
