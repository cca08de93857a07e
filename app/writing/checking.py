"""Whether tables, references, log and projections agree with one another."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.models.records import Change, Record
from app.models.vocabulary import Kind
from app.writing import projections
from app.writing.batch import Progress
from app.writing.unit import Writer

records: sa.Table = Record.__table__
changes: sa.Table = Change.__table__


def disagreements(connection: Connection, writer: Writer, *, progress: Progress) -> list[str]:
    """Everything that is not as it should be, a line each."""
    found = [*_broken_references(connection), *projections.disagreements(connection)]
    kinds = {record_id: (Kind(kind), name) for record_id, kind, name in connection.execute(sa.select(records))}
    log = _last_states(connection)
    seen: set[str] = set()
    for kind in writer.resources:
        for text, record_id, version in writer.all_of(connection, kind):
            seen.add(record_id)
            progress(1)
            found += [f"{kind} {record_id}: {fault}" for fault in _faults(writer, kind, text, version, kinds, log)]
        found += [
            f"{kind} {fault}" for fault in _derived_columns(connection, writer, kind, {i: k for i, (k, _) in kinds.items()})
        ]
    found += [f"{kind} {record_id}: has no row in its table" for record_id, (kind, _) in kinds.items() if record_id not in seen]
    gone = (
        record_id
        for record_id, (operation, *_) in log.items()
        if operation not in ("delete", "merge") and record_id not in kinds
    )
    found += [f"{record_id}: stands in the log and nowhere else" for record_id in gone]
    return found


def _faults(
    writer: Writer,
    kind: Kind,
    text: str,
    version: int,
    kinds: dict[str, tuple[Kind, str]],
    log: dict[str, tuple[str, int, str | None]],
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
    elif logged[1:] != (version, text):
        yield f"differs from version {logged[1]} in the log; the table has version {version}"
    _, faults = writer.schemas[kind].check(content)
    yield from (str(fault) for fault in faults)


def _derived_columns(connection: Connection, writer: Writer, kind: Kind, kinds: dict[str, Kind]) -> Iterator[str]:
    """Columns, and rows of parts, that are not what the record's content makes them."""
    table = writer.resources[kind].table
    rows = {row["id"]: row for row in connection.execute(sa.select(table)).mappings()}
    inherits = kind in projections.DATED_BY_MEETING
    for text, record_id, _ in writer.all_of(connection, kind):
        row, content = rows[record_id], json.loads(text)
        if writer.schemas[kind].check(content)[1]:
            continue  # said already, and nothing can be derived from it
        wanted = writer.rows[kind].row(content, kinds, version=row["version"], created=row["created_at"], now=row["updated_at"])
        if inherits and "date" not in content:
            del wanted["date_start"], wanted["date_end"]
        yield from (
            f"{record_id}: {name} is {row[name]!r}, not {value!r}" for name, value in wanted.items() if row[name] != value
        )
        for part, part_rows in writer.rows[kind].part_rows(content).items():
            key = part.c.record_id == record_id
            standing = [dict(each) for each in connection.execute(sa.select(part).where(key).order_by(part.c.place)).mappings()]
            if standing != [{name: each[name] for name in part.c.keys()} for each in part_rows]:  # noqa: SIM118 - a collection of columns
                yield f"{record_id}: {part.name} are not what its content makes them"


def _broken_references(connection: Connection) -> Iterator[str]:
    """Every foreign key of every table, checked by hand: a database may have been written without its constraints."""
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


def _last_states(connection: Connection) -> dict[str, tuple[str, int, str | None]]:
    last = sa.select(sa.func.max(changes.c.seq)).group_by(changes.c.record_id)
    columns: tuple[Any, ...] = (changes.c.record_id, changes.c.operation, changes.c.version, changes.c.state)
    query = sa.select(*columns).where(changes.c.seq.in_(last))
    return {record_id: (operation, version, state) for record_id, operation, version, state in connection.execute(query)}
