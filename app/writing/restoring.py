"""Restores records: to an earlier version, after a deletion, or by undoing a merge."""

import json
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Conflict, Erased, Invalid, Merged, NotFound
from app.faults import Fault
from app.models.records import Change
from app.writing.batch import Batch, Content, Wanted
from app.writing.operations import Done, Guard, Operations
from app.writing.queue import Apply

changes: sa.Table = Change.__table__


class Entry(NamedTuple):
    """An entry of the change log."""

    id: str
    kind: Kind
    operation: str
    version: int
    transaction: str
    state: str | None
    into: str | None = None
    """The record into which it was merged."""

    @property
    def is_blank(self) -> bool:
        """Whether the record existed after it, but what it contained then was erased."""
        return self.state is None and self.into is None and self.operation not in ("delete", "erase")


def entries(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Entry]:
    """Entries of the change log that meet the condition, the oldest first."""
    columns = (changes.c[name] for name in ("record_id", "kind", "operation", "version", "transaction", "state", "into_id"))
    rows = connection.execute(sa.select(*columns).where(condition).order_by(changes.c.seq))
    return [Entry(row[0], Kind(row[1]), *row[2:]) for row in rows]


def _last_content(log: list[Entry]) -> Content:
    """The last content in the log of a record. Entries of deletions have no content and are skipped.

    Raises Erased if the content was erased.
    """
    last = _last_version(log)
    if last.state is None:
        raise Erased(f"version {last.version} of the {last.kind} {last.id!r} was erased")
    content: Content = json.loads(last.state)
    return content


def _last_version(log: list[Entry]) -> Entry:
    """The last entry after which the record existed. Its content may be erased."""
    return next(entry for entry in reversed(log) if entry.state is not None or entry.is_blank)


def _put_back(now: Content, was: Content, became: Content) -> tuple[Content, list[str]]:
    """Undo the changes that a merge made to the content of one record.

    Returns the content, and the names of the fields that are not undone because they were changed again after the merge.
    `now` is the current content, `was` the content before the merge, `became` the content after it.
    """
    content, kept = dict(now), []
    for name in {*was, *became}:
        if was.get(name) == became.get(name):
            continue
        if now.get(name) == became.get(name):
            content[name] = was.get(name)
        elif isinstance(became.get(name), list):
            added = [item for item in became[name] if item not in was.get(name, ())]
            stays = [item for item in now.get(name, ()) if item not in added]
            content[name] = [*stays, *(item for item in was.get(name, ()) if item not in became[name] and item not in stays)]
        else:
            kept.append(name)
    return {name: value for name, value in content.items() if value is not None}, sorted(kept)


class Restorer:
    """Restores records from the change log."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._writer = operations.writer

    def restore(
        self,
        connection: Connection,
        resource: Resource,
        record_id: str,
        version: int | None,
        *,
        guard: Guard,
        author: str,
    ) -> Apply[list[Done]]:
        """Write the content of an earlier version as a new version. A deleted record is restored with its citations.

        If the record was merged into another one, the merge is undone.
        """
        past = self._writer.past(connection, [record_id]).get(record_id)
        if past is not None and past.is_erased and past.kind is resource.kind:
            raise Erased(f"the {resource.kind} {record_id!r} was erased")
        try:
            old, standing = self._operations.standing_or_gone(connection, resource, record_id)
        except Merged:
            old, standing = None, None
        guard.check(record_id, standing)
        if old is not None and version is None:
            raise Invalid("say which version", faults=[Fault("required, because the record exists", pointer="/version")])
        log = self._log_of(connection, resource, record_id)
        if old is None and log[-1].operation == "merge":
            return self._undo_merge(connection, record_id, log[-1].transaction, version, author=author)
        batch = Batch(problem=Conflict)
        self._take_back(batch, log, version)
        if old is None:
            for citation_log in self._deleted_with(connection, record_id, log[-1].transaction):
                self._take_back(batch, citation_log, None)
        return self._operations.settled(connection, batch, [record_id], author=author, created=old is None)

    def _take_back(self, batch: Batch, log: list["Entry"], version: int | None) -> None:
        """Add to the batch the record with its content at `version`, or with its last content if `version` is None.

        Raises Invalid if the log does not have this version.
        """
        if version is None:
            _last_content(log)  # otherwise, an earlier version would be restored in place of an erased one
        states = [entry for entry in log if entry.state is not None and version in (None, entry.version)]
        if not states:
            known = ", ".join(str(entry.version) for entry in log if entry.state is not None)
            fault = Fault(f"there is no such version to restore; there are {known}", pointer="/version")
            raise Invalid(str(fault), faults=[fault])
        schema = self._writer.schemas[log[-1].kind]
        content, faults = schema.check(json.loads(states[-1].state or ""))
        batch.faults.extend(faults)
        if not faults:
            batch.add(Wanted(schema.resource, content, doing="restore"))

    def _log_of(self, connection: Connection, resource: Resource, record_id: str) -> list["Entry"]:
        found = entries(connection, changes.c.record_id == record_id)
        if not found or found[-1].kind is not resource.kind:
            raise NotFound(f"there never was a {resource.kind} with the id {record_id!r}")
        return found

    def _deleted_with(self, connection: Connection, record_id: str, transaction: str) -> list[list["Entry"]]:
        """For each citation that was deleted together with the record: the list of its change-log entries."""
        together = entries(connection, changes.c.transaction == transaction)
        ids = [entry.id for entry in together if entry.kind is Kind.CITATION and entry.state is None]
        logs = [entries(connection, changes.c.record_id == each) for each in ids]
        # Citations of another record that was erased since have no content anymore. They stay deleted.
        known = (log for log in logs if _last_version(log).state is not None)
        return [log for log in known if _last_content(log)["record"] == record_id]

    def _undo_merge(
        self,
        connection: Connection,
        record_id: str,
        transaction: str,
        version: int | None,
        *,
        author: str,
    ) -> Apply[list[Done]]:
        """Undo a merge. Fields and records that were changed again since the merge are kept, and are listed in `Done.left`."""
        batch, left = Batch(problem=Conflict), []
        for entry in entries(connection, changes.c.transaction == transaction):
            log = entries(connection, changes.c.record_id == entry.id)
            place = next(place for place, each in enumerate(log) if each.transaction == transaction)
            if log[-1].operation == "erase" or entry.is_blank:
                raise Erased(f"the {entry.kind} {entry.id!r}, which the merge changed, was erased")
            if entry.state is None and log[-1].state is not None:
                left.append(Fault(f"the {entry.kind} {entry.id!r} was made again since", pointer=f"/{entry.id}"))
                continue
            if entry.state is None:
                self._take_back(batch, log[: place + 1], version if entry.id == record_id else None)
                continue
            schema = self._writer.schemas[entry.kind]
            was, became = (schema.check(each)[0] for each in (_last_content(log[:place]), json.loads(entry.state)))
            now = self._writer.states(connection, entry.kind, [entry.id]).get(entry.id)
            if now is None:
                left.append(Fault(f"the {entry.kind} {entry.id!r} was deleted since", pointer=f"/{entry.id}"))
                continue
            content, kept = _put_back(now[0], was, became)
            left += [
                Fault(f"the {entry.kind} {entry.id!r} has another {name} since", pointer=f"/{entry.id}/{name}") for name in kept
            ]
            content, faults = self._writer.schemas[entry.kind].check(content)
            batch.faults.extend(faults)
            if not faults:
                batch.add(Wanted(self._writer.schemas[entry.kind].resource, content, doing="restore"))
        return self._operations.settled(connection, batch, [record_id], author=author, created=True, left=left)
