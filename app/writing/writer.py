"""Writes a batch, either completely or not at all.

A write compares the batch with the stored records, checks it, and writes rows, log entries and projections.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from secrets import token_hex
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from app.db.engine import analyze, writing
from app.db.sql import CHUNK, Encode, Insert, Rows, among, chunks, run, together
from app.declaration.resource import Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.models.records import Change, Record, Redirect
from app.reading.compiler import Compiler
from app.search.index import Draft, search_entries
from app.workers import JobRunner, run_here
from app.writing.batch import Batch, Content, Intake, Report, Wanted, Written
from app.writing.completion import Completion
from app.writing.deleting import Deleting
from app.writing.deriving import Deriver
from app.writing.framing import Framing
from app.writing.free_ids import FreeIds
from app.writing.halting import never, unwatched
from app.writing.identifying import Identifying
from app.writing.identity import uuid7
from app.writing.integrity import Integrity
from app.writing.log_order import in_order_of_references
from app.writing.natural_keys import NaturalKeys
from app.writing.projections import Projections
from app.writing.proving import Proofs
from app.writing.references import References
from app.writing.resemblance import Resemblance
from app.writing.rows import RowWriter
from app.writing.search_entries import SearchEntries
from app.writing.stored import Past, StoredRecords
from app.writing.write_schema import ContentSchema, text_of

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__
redirects: sa.Table = Redirect.__table__


ANALYZED_FROM = 1_000
"""From this number of changed records on, the statistics of Postgres are updated in the same transaction."""


PASSES = 3
"""How often `Writer.apply` reports progress of each record: its rows, its log entry, its search entry."""


class Settled(NamedTuple):
    """A batch that `settle` has checked. `apply` must write it in the same transaction."""

    batch: Batch
    changed: Sequence[Wanted]
    kinds: Mapping[str, Kind]
    """The kinds of the records in the batch and of the records to which they refer, by id."""


class Writer(StoredRecords):
    """Writes records of all kinds in the transaction of a given connection. The caller holds the write lock."""

    def __init__(
        self, resources: Iterable[Resource], compiler: Compiler, encode: Encode, run_jobs: JobRunner = run_here
    ) -> None:
        super().__init__(resources, compiler, encode)
        self.run_jobs = run_jobs
        kinds = {resource.table.name: resource.kind for resource in self.resources.values()}
        self.schemas = {kind: ContentSchema(resource, compiler.plans[kind], kinds) for kind, resource in self.resources.items()}
        self.intake = Intake(self.schemas)
        self.references = References(self.schemas, compiler, encode)
        self.natural_keys = NaturalKeys(self.resources, self.references, compiler, encode)
        self.identifying = Identifying(self.schemas, compiler, encode)
        self.integrity = Integrity(self.schemas, compiler, encode)
        self.proofs = Proofs(compiler, encode)
        self.deriver = Deriver(self, self.proofs)
        self.resemblance = Resemblance(compiler, encode)
        self.projections = Projections(self.resources.values(), encode)
        self.deleting = Deleting(self, self.references)
        self.search_entries = SearchEntries(self.schemas, compiler, encode, run_jobs)
        self._rows = Rows(compiler.dialect)
        self.rows = {kind: RowWriter(schema) for kind, schema in self.schemas.items()}

    def reindex(self, engine: Engine, *, progress: Callable[[int], None]) -> None:
        """Write all search entries again, 1,000 records per transaction, so that other writes do not wait long."""
        for kind in self.search_entries.kinds:
            after, statement = "", self._pages(kind)
            while True:
                with writing(engine) as connection:
                    page = run(connection, statement, after=after, limit=CHUNK)
                    contents = {record_id: (kind, json.loads(text)) for text, record_id, _ in page}
                    self.search_entries.put(connection, contents, replaced=contents, drafts={})
                progress(len(page))
                if len(page) < CHUNK:
                    break
                after = page[-1][1]

    def index_all(self, connection: Connection) -> None:
        """Write the search entries of all records in the caller's transaction. There must be none yet."""
        for kind in self.search_entries.kinds:
            for page in self.pages_of(connection, kind):
                contents = {record_id: (kind, json.loads(text)) for text, record_id, _ in page}
                self.search_entries.put(connection, contents, replaced=(), drafts={})

    def is_indexed(self, connection: Connection) -> bool:
        """Whether every searchable record has a search entry. After an interrupted reindexing, some are missing."""
        kinds = [str(kind) for kind in self.search_entries.kinds]
        found = sa.select(sa.func.count()).select_from(records).where(records.c.kind.in_(kinds)).scalar_subquery()
        there = sa.select(sa.func.count()).select_from(search_entries).scalar_subquery()
        return bool(connection.execute(sa.select(found == there)).scalar_one())

    def free_ids(self, connection: Connection) -> FreeIds:
        """What chooses ids for new records in this transaction."""
        return FreeIds(partial(self.past, connection), partial(self.integrity.country_codes, connection))

    def expand(self, connection: Connection, batch: Batch) -> None:
        """Add to the batch the records for which its frames stand."""
        Framing(connection, batch, self.free_ids(connection), self.intake, self.deriver).run()

    # -- writing -----------------------------------------------------------------------------------------------------

    def write(self, connection: Connection, batch: Batch, *, author: str) -> Report:
        """Check a batch and write it, in the caller's transaction."""
        return self.apply(connection, self.settle(connection, batch), author=author)

    def settle(self, connection: Connection, batch: Batch, *, check: Callable[[], None] = never) -> Settled:
        """Compare the batch with the stored records and check all rules. Raises a Problem with all faults. Nothing is written.

        The content of a record will replace its stored content. Citations that were sent with a record will replace its stored
        citations. If a record was sent without `citations`, its stored citations are kept. `check` is called between steps; an
        exception that it raises stops the work.
        """
        kinds = self._compared(connection, batch, check)
        changed = [wanted for wanted in batch.wanted.values() if wanted.changes]
        return Settled(batch, in_order_of_references(changed, self.schemas), kinds)

    def apply(
        self,
        connection: Connection,
        settled: Settled,
        *,
        author: str,
        check: Callable[[], None] = never,
        progress: Callable[[int], object] = unwatched,
    ) -> Report:
        """Write the changes of a settled batch, their log entries and projections. Call this in the transaction of `settle`.

        `progress` is called with the number of records after each piece of the rows, of the log and of the search entries.
        """
        batch = settled.batch
        transaction = uuid7() if settled.changed else None
        if transaction is not None:
            self._apply(connection, settled, origin=(author, transaction), check=check, progress=progress)
            if len(settled.changed) >= ANALYZED_FROM:
                analyze(connection, [table for table in Record.metadata.sorted_tables if table is not changes])
        written = [(each, each.operation if each.changes else "unchanged") for each in batch.wanted.values()]
        written += [(each, "unchanged") for each in batch.absent]
        written.sort(key=lambda entry: entry[0].place)
        told = [Written(each.id, each.resource.kind, operation, each.line) for each, operation in written]
        return Report(told, transaction, batch.repeated, batch.warnings.told())

    def _compared(self, connection: Connection, batch: Batch, check: Callable[[], None]) -> Mapping[str, Kind]:
        """Compare the batch with the stored records and check all rules.

        Returns, by id, the kinds of the records that the batch contains or refers to.
        """
        unclear: set[str] = set()
        if batch.framed:
            self.expand(connection, batch)
            check()
        if batch.is_open:
            free = self.free_ids(connection)
            unnamed = (each for each in batch.wanted.values() if each.manner.by_identifier and not each.named)
            free.look_up((each.resource, {**each.content, "id": None}) for each in unnamed)
            unclear = self.identifying.match(connection, batch, free.identify, self.references)
        named = self.references.targets([*batch.wanted.values(), *batch.suspects])
        there = self.references.kinds(connection, named | {wanted.id for wanted in batch.wanted.values() if not wanted.fresh})
        completion = Completion(connection, batch, self.schemas, self.references, self.states) if batch.is_open else None
        if completion is not None:
            completion.follow_merged(there)
        looked_up = self.references.name_by_id(connection, batch, there)
        check()
        if completion is not None:
            deleted = completion.complete(partial(self.natural_keys.meant, connection, batch), there)
            self.deleting.add_dependents(connection, batch, deleted)
            check()
        self.integrity.name_fields_of_today(batch, {each.id: each.resource.kind for each in batch.wanted.values()} | there)
        self.natural_keys.check(connection, batch, there, completion)
        if completion is not None:
            completion.complete_new()
            there |= self.references.kinds(connection, self.references.targets(batch.wanted.values()) - there.keys())
        check()
        kinds = {**batch.faulty, **there}
        for wanted in batch.wanted.values():
            standing = kinds.setdefault(wanted.id, wanted.resource.kind)
            if standing is not wanted.resource.kind:
                batch.blame(wanted, f"{wanted.id!r} is the id of a {standing} already", "/id", conflict=wanted.id in there)
        self._compare(connection, batch, there)
        check()
        self._delete_superfluous_citations(connection, batch, there)
        self._move_cited(connection, batch)
        if completion is not None:
            _check_versions(batch)
        check()
        self.integrity.check(connection, batch, kinds, looked_up, check)
        self.identifying.check(connection, batch, unclear)
        self.proofs.check(connection, batch)
        self.resemblance.check(connection, batch)
        check()
        self._check_deleted(connection, batch)
        batch.reject()
        return kinds

    def _compare(self, connection: Connection, batch: Batch, there: Mapping[str, Kind]) -> None:
        """Load the stored content and version of each record of the batch. For a deleted record, load its last version.

        Add a fault if a record of another kind had the id, or if the record with this id was merged into another record.
        """
        by_kind: dict[Kind, list[str]] = {}
        new = {}
        for wanted in batch.wanted.values():
            if wanted.fresh:
                continue
            if wanted.id not in there:
                new[wanted.id] = wanted
            elif wanted.old is None:
                by_kind.setdefault(wanted.resource.kind, []).append(wanted.id)
        for kind, ids in by_kind.items():
            for record_id, (old, version) in self.states(connection, kind, ids).items():
                wanted = batch.wanted[record_id]
                wanted.old, wanted.version = old, version + 1
        for record_id, past in self.past(connection, new).items():
            wanted = new[record_id]
            wanted.version, wanted.created = past.version + 1, past.created
            self._check_past(batch, wanted, past)
        self._check_cited(batch)

    @staticmethod
    def _check_past(batch: Batch, wanted: Wanted, past: Past) -> None:
        """Add a fault if a new record may not have its id, because of the record that had it before."""
        if past.is_erased:
            batch.blame(wanted, f"{wanted.id!r} was erased; its id is not used again", "/id", conflict=True)
        elif past.kind is not wanted.resource.kind:
            batch.blame(wanted, f"{wanted.id!r} was the id of a {past.kind}", "/id", conflict=True)
        elif past.into is not None and wanted.doing != "restore":
            batch.blame(wanted, f"{wanted.id!r} was merged into {past.into!r}", "/id", conflict=True)

    @staticmethod
    def _check_cited(batch: Batch) -> None:
        """Add a fault if a citation that was sent with a record is already stored and belongs to a different record."""
        for record_id, cited in batch.cited.items():
            for wanted in cited:
                if wanted.old is not None and wanted.old["record"] != record_id:
                    batch.blame(wanted, f"{wanted.id!r} is a citation of {wanted.old['record']!r}", "/id", conflict=True)

    def _delete_superfluous_citations(self, connection: Connection, batch: Batch, there: Mapping[str, Kind]) -> None:
        """If a record was sent with citations, delete those of its stored citations that were not sent."""
        kept = {wanted.id for several in batch.cited.values() for wanted in several}
        standing = [record_id for record_id in batch.cited if record_id in there and record_id not in batch.cut]
        for citation_id, (content, version) in self.citations_of(connection, standing).items():
            if citation_id not in kept and citation_id not in batch.wanted:
                superfluous = self._changed_by(batch.wanted[content["record"]], Kind.CITATION, content, version)
                superfluous.deleted, superfluous.pointer = True, "/citations"
                batch.add(superfluous)

    def _move_cited(self, connection: Connection, batch: Batch) -> None:
        """Increment a record's version when its citations change.

        Otherwise a client that sends a record with its citations could overwrite citations that another client has changed.
        """
        cited: dict[str, Wanted] = {}
        for wanted in batch.wanted.values():
            if wanted.resource.kind is Kind.CITATION and wanted.changes:
                cited |= dict.fromkeys((content["record"] for content in (wanted.content, wanted.old or {}) if content), wanted)
        for record_id in cited:
            standing = batch.wanted.get(record_id)
            if standing is not None and not standing.changes:
                standing.moved = True
        outside = [record_id for record_id in cited if record_id not in batch.wanted]
        by_kind: dict[Kind, list[str]] = {}
        for record_id, kind in self.references.kinds(connection, outside).items():
            by_kind.setdefault(kind, []).append(record_id)
        for kind, ids in by_kind.items():
            for record_id, (content, version) in self.states(connection, kind, ids).items():
                moved = self._changed_by(cited[record_id], kind, content, version)
                moved.moved = True
                batch.add(moved)

    def _changed_by(self, cause: Wanted, kind: Kind, content: Content, version: int) -> Wanted:
        """A stored record that changes because `cause` is written. It gets the operation and the transaction of `cause`."""
        return Wanted(
            self.resources[kind],
            content,
            line=cause.line,
            doing=cause.doing,
            old=content,
            version=version + 1,
            origin=cause.origin,
        )

    def _check_deleted(self, connection: Connection, batch: Batch) -> None:
        """Add a fault if a record that is not deleted refers to a deleted one."""
        by_kind: dict[Kind, list[str]] = {}
        for wanted in batch.wanted.values():
            if wanted.deleted:
                by_kind.setdefault(wanted.resource.kind, []).append(wanted.id)
        for deleted, several in by_kind.items():
            for ids in chunks(several):
                for kind, record_id, field, target in self.references.referrers(connection, deleted, ids):
                    referring = batch.wanted.get(record_id)
                    if referring is None or (not referring.deleted and self._mentions(referring, field, target)):
                        refers = f"the {kind} {record_id!r} refers to {target!r} as its {field}"
                        gone = batch.wanted[target]
                        may_link = gone.doing != "restore" and not gone.manner.links and kind is not Kind.CITATION
                        if may_link and field in self.resources[kind].links:
                            refers += "; `links` deletes it, too"
                        batch.blame(gone, f"cannot be deleted: {refers}", conflict=True)

    def _mentions(self, wanted: Wanted, name: str, target: str) -> bool:
        """Whether the record refers to `target` in the field `name`."""
        fields = (field for field in self.schemas[wanted.resource.kind].references if field.name == name)
        return any(target in field.ids(wanted.content) for field in fields)

    # -- applying a checked batch --------------------------------------------------------------------------------------

    def _apply(
        self,
        connection: Connection,
        settled: Settled,
        *,
        origin: tuple[str, str],
        check: Callable[[], None],
        progress: Callable[[int], object],
    ) -> None:
        batch, changed, kinds = settled
        now = self._rows.instant(datetime.now(UTC))
        deleted = [wanted for wanted in changed if wanted.deleted]
        stays = [wanted for wanted in changed if not wanted.deleted]
        replaced = [wanted for wanted in stays if wanted.old is not None]
        # Two records may exchange their keys. Because keys are unique, the rows of both are deleted and inserted again.
        rekeyed = [wanted for wanted in replaced if len(replaced) > 1 and _is_rekeyed(wanted)]
        self._remember_creation(connection, rekeyed)
        self._delete(connection, [*deleted, *rekeyed])
        _remove(connection, records, "id", [wanted.id for wanted in deleted], self.encode)
        again = {wanted.id for wanted in rekeyed}
        new = [wanted for wanted in stays if wanted.old is None or wanted.id in again]
        undated = [wanted for wanted in new if wanted.occasion and "date" not in wanted.content]
        bounds = self.integrity.bounds_of_occasions(connection, batch, undated)
        new.sort(key=attrgetter("id"))  # inserts are fastest in the order of the index
        rows = [partial(self._rows_of, some, kinds, bounds, now) for some in chunks(new)]
        proposed = {"proposed_by": batch.proposed_by} if batch.proposed_by else {}
        log = [partial(self._log_of, some, now, origin, proposed) for some in chunks(changed)]
        words = [partial(self.search_entries.drafts, some) for some in chunks(changed)]
        drafts: dict[str, Draft] = {}
        with self.run_jobs([*rows, *log, *words]) as made, together(connection):
            # `records` is filled first, because other rows refer to it: otherwise SQLite would search for unresolved
            # references with each row of `records`.
            self._rows.insert(connection, records, [_record(wanted) for wanted in new if wanted.old is None])
            for some, inserts in zip([*chunks(new), *chunks(changed)], made, strict=False):  # the drafts stay in `made`
                check()
                self._rows.send(connection, inserts)
                progress(len(some))
            for several in made:
                check()
                drafts |= several
        self._update(connection, [wanted for wanted in replaced if wanted.id not in again], kinds, now)
        self._rename(connection, replaced)
        self._redirect(connection, changed)
        projected = ((each.resource.kind, each.old, None if each.deleted else each.content) for each in changed)
        touched = self.projections.refresh(connection, projected)
        check()
        self.search_entries.refresh(connection, changed, self._others(connection, touched, changed), drafts, progress)

    def _others(self, connection: Connection, touched: set[str], changed: Iterable[Wanted]) -> dict[str, tuple[Kind, Content]]:
        """The contents, by id, of searchable records that are not changed, but whose projections may have changed."""
        by_kind: dict[Kind, list[str]] = {}
        for record_id, kind in self.references.kinds(connection, touched - {wanted.id for wanted in changed}).items():
            if kind in self.search_entries.kinds:
                by_kind.setdefault(kind, []).append(record_id)
        return {
            record_id: (kind, content)
            for kind, ids in by_kind.items()
            for record_id, (content, _) in self.states(connection, kind, ids).items()
        }

    def _remember_creation(self, connection: Connection, rekeyed: Sequence[Wanted]) -> None:
        for wanted in rekeyed:
            table = wanted.resource.table
            made = connection.execute(sa.select(table.c.created_at).where(table.c.id == wanted.id)).scalar_one()
            wanted.created = self._rows.instant(made)

    def _delete(self, connection: Connection, gone: Iterable[Wanted]) -> None:
        """Delete the rows of records and of their parts."""
        by_kind: dict[Kind, list[str]] = {}
        for wanted in gone:
            by_kind.setdefault(wanted.resource.kind, []).append(wanted.id)
        for kind, ids in by_kind.items():
            for plan in self.rows[kind].parts:
                _remove(connection, plan.source.table, plan.source.owner, ids, self.encode)
            _remove(connection, self.resources[kind].table, "id", ids, self.encode)

    def _rows_of(
        self, new: Iterable[Wanted], kinds: Mapping[str, Kind], bounds: Mapping[str | None, edtf.Bounds], now: Any
    ) -> list[Insert]:
        """The INSERT statements for the rows of new records, except those for the table `records`.

        `bounds` has the dates of each event, by the event's id. A record without a date gets the dates of its event.
        """
        tables: dict[sa.Table, list[dict[str, Any]]] = {}
        for wanted in new:
            writer = self.rows[wanted.resource.kind]
            row = writer.row(wanted.content, kinds, version=wanted.version, created=wanted.created or now, now=now)
            if "date" not in wanted.content and (inherited := bounds.get(wanted.occasion)):
                row["date_start"], row["date_end"] = inherited
            tables.setdefault(wanted.resource.table, []).append(row)
            for table, rows in writer.part_rows(wanted.content, kinds).items():
                tables.setdefault(table, []).extend(rows)
        return [insert for table, rows in tables.items() for insert in self._rows.inserts(table, rows)]

    def _update(self, connection: Connection, several: Sequence[Wanted], kinds: Mapping[str, Kind], now: Any) -> None:
        rows: dict[tuple[sa.Table, tuple[str, ...]], list[dict[str, Any]]] = {}
        parts: dict[sa.Table, list[dict[str, Any]]] = {}
        outdated: dict[tuple[sa.Table, str], list[str]] = {}
        for wanted in several:
            assert wanted.old is not None
            writer = self.rows[wanted.resource.kind]
            if wanted.old == wanted.content:
                row = {"id": wanted.id, "version": wanted.version, "updated_at": now}
            else:
                row = writer.row(wanted.content, kinds, version=wanted.version, created=now, now=now)
                del row["created_at"]
            # Projections are updated separately, such as the dates that an undated record has from its event.
            projected = self.projections.columns_of(wanted.resource.kind, wanted.content)
            row = {name: value for name, value in row.items() if name not in projected}
            rows.setdefault((wanted.resource.table, tuple(row)), []).append(row)
            before, after = writer.part_rows(wanted.old, kinds), writer.part_rows(wanted.content, kinds)
            for plan in writer.parts:
                table = plan.source.table
                if before.get(table) != after.get(table):
                    outdated.setdefault((table, plan.source.owner), []).append(wanted.id)
                    parts.setdefault(table, []).extend(after.get(table, ()))
        for (table, _), several_rows in rows.items():
            self._rows.update(connection, table, several_rows)
        for (table, owner), ids in outdated.items():
            _remove(connection, table, owner, ids, self.encode)
        for table, part_rows in parts.items():
            self._rows.insert(connection, table, part_rows)

    def _rename(self, connection: Connection, replaced: Iterable[Wanted]) -> None:
        """Update the copies of names in the table `records`. A read takes the names of referenced records from this table."""
        labels = [
            (wanted.id, wanted.resource.label(wanted.old or {}), wanted.resource.label(wanted.content)) for wanted in replaced
        ]
        self._rows.update(connection, records, [{"id": record_id, "name": new} for record_id, old, new in labels if old != new])

    def _redirect(self, connection: Connection, changed: Sequence[Wanted]) -> None:
        """Add redirects from merged ids to the records that replaced them; remove the redirects of restored records."""
        back = [wanted.id for wanted in changed if wanted.doing == "restore" and wanted.old is None]
        _remove(connection, redirects, "old_id", back, self.encode)
        merged = [{"old_id": wanted.id, "new_id": wanted.into} for wanted in changed if wanted.into is not None]
        self._rows.insert(connection, redirects, merged)

    def _log_of(
        self, written: Iterable[Wanted], now: Any, origin: tuple[str, str], proposed: Mapping[str, str]
    ) -> list[Insert]:
        """The INSERTs of log entries. Because of the write lock, the order of the log is the order of the commits."""
        log = [
            {
                "record_id": wanted.id,
                "kind": wanted.content["kind"],
                "operation": wanted.operation,
                "version": wanted.version,
                "at": now,
                "author": (wanted.origin or origin)[0],
                "transaction": (wanted.origin or origin)[1],
                "into_id": wanted.into,
                "digest": token_hex(4),
                "state": None if wanted.deleted else text_of(wanted.content),
                **proposed,
            }
            for wanted in written
        ]
        # On SQLite, `inserts` groups the rows by the columns that have values. So rows that have others are inserted apart.
        runs = groupby(log, key=lambda row: (row["state"] is None, row["into_id"] is None))
        return [insert for _, rows in runs for insert in self._rows.inserts(changes, list(rows))]


def _check_versions(batch: Batch) -> None:
    """Add a fault for each line that changes a record and expects another version than the record has."""
    for wanted in batch.wanted.values():
        expected = wanted.manner.version
        if expected is None or not wanted.changes:
            continue
        if wanted.old is None:
            batch.blame(wanted, f"there is no record {wanted.id!r}", "/version", conflict=True)
        elif wanted.version - 1 != expected:
            detail = f"{wanted.id!r} is at version {wanted.version - 1} by now, not {expected}; read it again"
            batch.blame(wanted, detail, "/version", conflict=True)


def _record(wanted: Wanted) -> dict[str, Any]:
    return {"id": wanted.id, "kind": wanted.content["kind"], "name": wanted.resource.label(wanted.content)}


def _is_rekeyed(wanted: Wanted) -> bool:
    old = wanted.old or {}
    return any(tuple(old.get(name) or None for name in fields) != wanted.key(fields) for fields in wanted.resource.keys)


def _remove(connection: Connection, table: sa.Table, key: str, ids: Sequence[str], encode: Encode) -> None:
    for chunk in chunks(ids):
        connection.execute(sa.delete(table).where(among(table.c[key], chunk, encode)))
