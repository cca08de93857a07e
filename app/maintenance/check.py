"""Checks that tables, references, change log, projections and search index agree with one another."""

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind
from app.models.records import Change, Record, Redirect
from app.reading.quality import shared_identifiers
from app.writing.batch import Content
from app.writing.natural_keys import overlaps
from app.writing.writer import Writer

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__
redirects: sa.Table = Redirect.__table__


def disagreements(connection: Connection, writer: Writer, *, progress: Callable[[int], None]) -> list[str]:
    """All inconsistencies of the registry, one line each. `progress(1)` is called for each record."""
    found = [*_broken_references(connection), *writer.projections.disagreements(connection)]
    kinds = {record_id: (Kind(kind), name) for record_id, kind, name in connection.execute(sa.select(records))}
    log = _last_states(connection)
    seen: set[str] = set()
    for kind in writer.resources:
        contents = {}
        for text, record_id, version in writer.all_of(connection, kind):
            seen.add(record_id)
            progress(1)
            faults = [f"{kind} {record_id}: {fault}" for fault in _faults(writer, kind, text, version, kinds, log)]
            found += faults
            if not faults:
                contents[record_id] = kind, json.loads(text)
        found += writer.search_entries.disagreements(connection, contents)
        found += overlaps(writer.resources[kind], (content for _, content in contents.values()))
        found += [
            f"{kind} {fault}" for fault in _derived_columns(connection, writer, kind, {i: k for i, (k, _) in kinds.items()})
        ]
    found += writer.search_entries.unindexed(connection)
    found += [f"{kind} {record_id}: has no row in its table" for record_id, (kind, _) in kinds.items() if record_id not in seen]
    gone = (record_id for record_id, (_, state) in log.items() if state is not None and record_id not in kinds)
    found += [f"{record_id}: stands in the log and nowhere else" for record_id in gone]
    found += [*_broken_versions(connection), *_broken_erasures(connection)]
    return [*found, *_broken_redirects(connection), *_shared_identifiers(connection)]


def _broken_versions(connection: Connection) -> Iterator[str]:
    """Yield the records for which the change log does not have each version exactly once."""
    versions = sa.func.count(), sa.func.count(changes.c.version.distinct()), sa.func.max(changes.c.version)
    query = sa.select(changes.c.record_id, *versions).group_by(changes.c.record_id)
    for record_id, entries, different, last in connection.execute(query):
        if not entries == different == last:
            yield f"{record_id}: the log has {entries} entries of it up to version {last}"


def _broken_erasures(connection: Connection) -> Iterator[str]:
    """Yield the versions of erased records that the change log still has."""
    erased = sa.select(changes.c.record_id).where(changes.c.operation == "erase")
    query = sa.select(changes.c.record_id, changes.c.version).where(
        changes.c.record_id.in_(erased), changes.c.state.is_not(None)
    )
    for record_id, version in connection.execute(query.order_by(changes.c.seq)):
        yield f"{record_id}: was erased, and the log still has its version {version}"


def _broken_redirects(connection: Connection) -> Iterator[str]:
    """Yield the redirects whose old id belongs to a record, or whose merge is not in the change log."""
    said = sa.select(changes.c.record_id, changes.c.into_id).where(changes.c.into_id.is_not(None)).subquery("said")
    query = (
        sa.select(redirects.c.old_id, records.c.id, said.c.into_id)
        .outerjoin(records, records.c.id == redirects.c.old_id)
        .outerjoin(said, sa.and_(said.c.record_id == redirects.c.old_id, said.c.into_id == redirects.c.new_id))
    )
    for old, standing, into in connection.execute(query):
        if standing is not None or into is None:
            yield f"redirects {old}: {'is a record' if standing else 'is not in the log'}"


def _shared_identifiers(connection: Connection) -> Iterator[str]:
    """Yield the identifiers that several records of a kind have. Writes refuse them, but earlier releases did not."""
    rows = shared_identifiers().subquery("shared")
    query = sa.select(rows.c.kind, rows.c.detail, rows.c.id).order_by(rows.c.kind, rows.c.detail, rows.c.id)
    for (kind, identifier), several in groupby(connection.execute(query), key=itemgetter(0, 1)):
        ids = ", ".join(row[2] for row in several)
        yield f"identifiers: {identifier} is an identifier of several records of the kind {kind}: {ids}"


def _faults(
    writer: Writer,
    kind: Kind,
    text: str,
    version: int,
    kinds: dict[str, tuple[Kind, str]],
    log: dict[str, tuple[int, str | None]],
) -> Iterator[str]:
    content = json.loads(text)
    record_id = content["id"]
    standing = kinds.get(record_id)
    if standing is None:
        yield "is not in records"
    elif standing != (kind, writer.resources[kind].label(content)):
        yield f"records has it as the {standing[0]} {standing[1]!r}"
    logged = log.get(record_id)
    if logged is None:
        yield "has no entry in the log"
    elif logged != (version, text) and not _says_the_same(writer, kind, logged, version, content):
        yield f"differs from version {logged[0]} in the log; the table has version {version}"
    _, faults = writer.schemas[kind].check(content)
    yield from (str(fault) for fault in faults)


def _says_the_same(writer: Writer, kind: Kind, logged: tuple[int, str | None], version: int, content: Content) -> bool:
    """Whether a log entry, converted to today's fields and normal forms, equals the record's content and version."""
    return logged[0] == version and logged[1] is not None and writer.schemas[kind].check(json.loads(logged[1])) == (content, [])


def _derived_columns(connection: Connection, writer: Writer, kind: Kind, kinds: dict[str, Kind]) -> Iterator[str]:
    """Derive columns and parts of each record from its content. Yield a message for each that is stored with other values."""
    table = writer.resources[kind].table
    rows = {row["id"]: row for row in connection.execute(sa.select(table)).mappings()}
    for text, record_id, _ in writer.all_of(connection, kind):
        row, content = rows[record_id], json.loads(text)
        if writer.schemas[kind].check(content)[1]:
            continue  # invalid content is reported by `_faults`, and no columns can be derived from it
        wanted = writer.rows[kind].row(content, kinds, version=row["version"], created=row["created_at"], now=row["updated_at"])
        for name in writer.projections.columns_of(kind, content):
            del wanted[name]
        yield from (
            f"{record_id}: {name} is {row[name]!r}, not {value!r}" for name, value in wanted.items() if row[name] != value
        )
        for part, part_rows in writer.rows[kind].part_rows(content, kinds).items():
            key = part.c.record_id == record_id
            standing = [dict(each) for each in connection.execute(sa.select(part).where(key).order_by(part.c.place)).mappings()]
            if standing != [{name: each[name] for name in part.c.keys()} for each in part_rows]:  # noqa: SIM118 - not a dict
                yield f"{record_id}: {part.name} are not what its content makes them"


def _broken_references(connection: Connection) -> Iterator[str]:
    """Yield a message for each broken foreign key.

    Queries search for them, because a client may have written to the database while the constraints were disabled.
    """
    for table in records.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table.alias("target")
            pairs = [(element.parent, target.c[element.column.name]) for element in constraint.elements]
            missing = (
                sa.select(*table.primary_key.columns)
                .outerjoin_from(table, target, sa.and_(*(parent == column for parent, column in pairs)))
                .where(pairs[0][0].is_not(None), pairs[0][1].is_(None))
            )
            for row in connection.execute(missing):
                yield f"{table.name} {'/'.join(map(str, row))}: {', '.join(constraint.column_keys)} leads nowhere"


def _last_states(connection: Connection) -> dict[str, tuple[int, str | None]]:
    """Map the id of every record that ever existed to its last version number and last content (None if it was deleted)."""
    last = sa.select(sa.func.max(changes.c.seq)).group_by(changes.c.record_id)
    columns: tuple[Any, ...] = (changes.c.record_id, changes.c.version, changes.c.state)
    query = sa.select(*columns).where(changes.c.seq.in_(last))
    return {record_id: (version, state) for record_id, version, state in connection.execute(query)}
