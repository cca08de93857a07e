"""From lines to a batch of records that can be written: each checked by itself, then all together."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import among, chunks
from app.errors import ImportRejected
from app.models.records import Record
from app.models.vocabulary import Kind
from app.reading.resource import Resource
from app.writing.content import ContentSchema, Fault

MAX_FAULTS = 100

records: sa.Table = Record.__table__
Progress = Callable[[int], None]
Encode = Callable[[Sequence[str]], Any]


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
    deleted: bool = False

    @property
    def operation(self) -> str:
        """What is done to it, as the log calls it."""
        if self.deleted:
            return "delete"
        return "create" if self.old is None else "replace"

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


class Intake:
    """Takes lines of all kinds, and finds everything that is wrong with them before anything is written."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema], encode: Encode) -> None:
        self.schemas = schemas
        self.resources: Mapping[Kind, Resource] = {kind: schema.resource for kind, schema in schemas.items()}
        self.encode = encode

    def batch(self, connection: Connection, lines: Iterable[Line], *, progress: Progress) -> tuple[Batch, Mapping[str, Kind]]:
        """The records of all lines with the kinds of all that they name; ImportRejected names every fault of every line."""
        batch = Batch()
        for line in lines:
            self._take(batch, line)
            progress(1)
        kinds = self._kinds(connection, batch)
        self._check_ids(connection, batch)
        self._check_references(batch, kinds)
        self._check_keys(connection, batch)
        batch.reject()
        return batch, kinds

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
        for chunk in chunks(named):
            query = sa.select(records.c.id, records.c.kind).where(among(records.c.id, chunk, self.encode))
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
        for chunk in chunks(firsts):
            query = sa.select(table.c.id, *columns).where(among(columns[0], chunk, self.encode))
            found |= {tuple(value or None for value in key): record_id for record_id, *key in connection.execute(query)}
        return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
