"""What may be done to one record: create, replace, patch, delete, restore."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.declaration.model import Part, is_storable
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import (
    Conflict,
    Fault,
    Gone,
    Invalid,
    Merged,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    StillReferenced,
)
from app.models.records import Change, Record
from app.writing.batch import Batch, Content, Identify, Report, Wanted
from app.writing.identity import namesakes, slug, uuid7
from app.writing.write_schema import ContentSchema, id_in
from app.writing.writer import Past, Writer

changes: sa.Table = Change.__table__
records: sa.Table = Record.__table__


class Guard(NamedTuple):
    """What a client says the record is, so that nobody's update is lost."""

    versions: frozenset[int] | None = None
    """The versions of `If-Match`; None if it was not sent."""
    any: bool = False
    """`If-Match: *`: whatever is there, as long as something is."""
    new: bool = False
    """`If-None-Match: *`: nothing is there."""
    upsert: bool = False
    """Replace whatever is there, on purpose."""

    def check(self, record_id: str, version: int | None) -> None:
        """PreconditionFailed if the record (None: there is none) is not what the client takes it for."""
        if version is None:
            if self.versions is not None or self.any:
                raise PreconditionFailed(f"there is no record {record_id!r}")
        elif self.new:
            raise PreconditionFailed(f"{record_id!r} is there already, at version {version}")
        elif self.versions is not None and version not in self.versions:
            raise PreconditionFailed(f"{record_id!r} is at version {version} by now")

    @property
    def says_something(self) -> bool:
        """Whether the client says what it takes the record for."""
        return self.versions is not None or self.any or self.upsert

    def require(self, record_id: str) -> None:
        """PreconditionRequired if the client says nothing of what it takes the record for."""
        if not self.says_something:
            raise PreconditionRequired(f"say with If-Match which version of {record_id!r} is meant", record_id=record_id)


class Done(NamedTuple):
    """What an operation came to."""

    id: str
    created: bool
    report: Report
    left: tuple[Fault, ...] = ()
    """What could not be put back, and why."""


Before = Callable[[], None]
MAX_NAMED = 200
"""Letters of a name that an id may be made of."""


class Creation(NamedTuple):
    """A record to be made."""

    resource: Resource
    data: Mapping[str, Any]
    author: str


class Patch(NamedTuple):
    """A record to be changed."""

    resource: Resource
    id: str
    data: Mapping[str, Any]
    guard: Guard
    author: str


class Editor:
    """Carries out operations on single records, each as one batch of the writer's; several may share one."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.schemas = writer.schemas

    # -- create, replace, patch ------------------------------------------------------------------------------------

    def create(self, connection: Connection, several: Sequence[Creation], *, before: Before) -> list[Done]:
        """New records, each under the id that it says or one made for it; Conflict if that is taken."""
        ids = _Ids(self.writer, connection, several)
        batch, created = Batch(), []
        for resource, data, author in several:
            whole = {"kind": resource.kind.value, **data}
            wanted = self.writer.intake.record(batch, self.schemas[resource.kind], whole, identify=ids.identify, doing="create")
            if wanted is None:
                continue
            if wanted.named:
                ids.refuse_taken(batch, wanted)
            for each in _of_one(batch, wanted, author):
                each.fresh = each is wanted or not each.named
                each.named = True  # what is there already is not made again
            created.append(wanted)
        report = self.writer.write(connection, batch, author="", before=before)
        return [Done(wanted.id, created=True, report=report) for wanted in created]

    def replace(
        self,
        connection: Connection,
        resource: Resource,
        record_id: str,
        data: Mapping[str, Any],
        *,
        guard: Guard,
        author: str,
        before: Before,
        shown: Callable[[], str | None] | None = None,
    ) -> Done:
        """The record becomes what `data` says, parts that it leaves out excepted; made if there is none of this id.

        `shown` gives the name that a reader is shown in the language asked for: who sends that back renames nothing.
        """
        schema = self.schemas[resource.kind]
        old, version = self._standing_or_gone(connection, resource, record_id)
        guard.check(record_id, version)
        batch = Batch()
        self._check_key(batch, resource, record_id, data)
        parts = [plan.name for plan in schema.plans if isinstance(plan.source, Part)]
        kept = {name: old[name] for name in parts if old is not None and name in old}
        wanted_data = {**kept, **data, "kind": resource.kind.value, "id": record_id}
        named_otherwise = old is not None and "name" in old and data.get("name") != old["name"]
        if old is not None and named_otherwise and shown is not None and data.get("name") == shown():
            wanted_data["name"] = old["name"]

        def allow() -> None:
            if old is not None:
                guard.require(record_id)
            before()

        identify = self._as_it_was(connection, record_id) if old is not None and wanted_data.get("citations") else _new_link
        self.writer.intake.record(batch, schema, wanted_data, identify=identify, doing="replace")
        report = self.writer.write(connection, batch, author=author, before=allow)
        return Done(record_id, created=old is None, report=report)

    def patch(self, connection: Connection, several: Sequence[Patch], *, before: Before) -> list[Done]:
        """Different records with merge patches (RFC 7396) applied: what a patch leaves out stays, null clears."""
        batch, standing = Batch(), self._all_standing(connection, several)
        for resource, record_id, patch, guard, author in several:
            old, version = standing[record_id]
            guard.require(record_id)
            guard.check(record_id, version)
            self._check_key(batch, resource, record_id, patch)
            data = _merged(old, {name: value for name, value in patch.items() if name not in ("id", "kind", "citations")})
            if resource.kind is not Kind.CITATION and "citations" in patch:
                data["citations"] = [] if patch["citations"] is None else patch["citations"]
            identify = self._as_it_was(connection, record_id) if data.get("citations") else _new_link
            wanted = self.writer.intake.record(batch, self.schemas[resource.kind], data, identify=identify, doing="patch")
            if wanted is not None:
                wanted.old, wanted.version = old, version + 1
                _of_one(batch, wanted, author)
        report = self.writer.write(connection, batch, author="", before=before)
        return [Done(each.id, created=False, report=report) for each in several]

    def _all_standing(self, connection: Connection, several: Sequence[Patch]) -> dict[str, tuple[Content, int]]:
        """The contents and versions of all these records; NotFound, Gone or Merged if one is not there."""
        by_kind: dict[Kind, list[str]] = {}
        for each in several:
            if is_storable(each.id):
                by_kind.setdefault(each.resource.kind, []).append(each.id)
        found: dict[str, tuple[Content, int]] = {}
        for kind, ids in by_kind.items():
            found |= self.writer.states(connection, kind, ids)
        return found | {each.id: self.standing(connection, each.resource, each.id) for each in several if each.id not in found}

    def _check_key(self, batch: Batch, resource: Resource, record_id: str, data: Mapping[str, Any]) -> None:
        """What a body says of its own id and kind is what the address says."""
        batch.faults.extend(
            Fault(f"must be {said!r}, as in the address, or be left out", pointer=f"/{name}")
            for name, said in (("id", record_id), ("kind", resource.kind.value))
            if name in data and data[name] != said
        )

    def _as_it_was(self, connection: Connection, record_id: str) -> Identify:
        """Citations that come without an id are those of the same natural key that the record has."""
        fields = self.schemas[Kind.CITATION].resource.natural_key
        standing = {
            tuple(content.get(name) for name in fields): citation_id
            for citation_id, (content, _) in self.writer.citations_of(connection, [record_id]).items()
        }
        return lambda _schema, content: standing.get(tuple(content.get(name) for name in fields)) or uuid7()

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete(
        self, connection: Connection, resource: Resource, record_id: str, *, guard: Guard, author: str, before: Before
    ) -> Done:
        """The record is no more, nor are its citations; StillReferenced names what else refers to it."""
        old, version = self.standing(connection, resource, record_id)
        guard.require(record_id)
        guard.check(record_id, version)
        batch = Batch(problem=StillReferenced)
        if resource.kind is not Kind.CITATION:
            citation = self.schemas[Kind.CITATION].resource
            for content, its_version in self.writer.citations_of(connection, [record_id]).values():
                batch.add(Wanted(citation, content, deleted=True, old=content, version=its_version + 1))
        batch.add(Wanted(resource, old, deleted=True, old=old, version=version + 1))
        return Done(record_id, created=False, report=self.writer.write(connection, batch, author=author, before=before))

    # -- what stands there -------------------------------------------------------------------------------------------

    def standing(self, connection: Connection, resource: Resource, record_id: str) -> tuple[Content, int]:
        """The record's content and version; NotFound, Gone or Merged if there is none."""
        found = self._found(connection, resource, record_id)
        if isinstance(found, Past):
            if found.kind is resource.kind and found.into is not None:
                raise Merged(f"the {resource.kind} {record_id!r} was merged into {found.into!r}", into=found.into)
            if found.kind is resource.kind:
                raise Gone(f"the {resource.kind} {record_id!r} was deleted")
            raise NotFound(f"{record_id!r} is or was no {resource.kind} but a {found.kind}")
        if found is None:
            raise NotFound(f"there is no {resource.kind} with the id {record_id!r}")
        return found

    def _standing_or_gone(
        self, connection: Connection, resource: Resource, record_id: str
    ) -> tuple[Content | None, int | None]:
        """The record's content and version, or two Nones; Merged if the id leads elsewhere, Conflict if to another kind."""
        found = self._found(connection, resource, record_id)
        if isinstance(found, Past):
            if found.kind is not resource.kind:
                raise Conflict(f"{record_id!r} is or was the id of a {found.kind}, not of a {resource.kind}")
            if found.into is not None:
                raise Merged(f"the {resource.kind} {record_id!r} was merged into {found.into!r}", into=found.into)
        return found if isinstance(found, tuple) and not isinstance(found, Past) else (None, None)

    def _found(self, connection: Connection, resource: Resource, record_id: str) -> tuple[Content, int] | Past | None:
        """What stands under the id, else what did, else None."""
        if not is_storable(record_id):
            return None
        standing = self.writer.states(connection, resource.kind, [record_id]).get(record_id)
        return standing or self.writer.past(connection, [record_id]).get(record_id)

    # -- restore -----------------------------------------------------------------------------------------------------

    def restore(
        self,
        connection: Connection,
        resource: Resource,
        record_id: str,
        version: int | None,
        *,
        guard: Guard,
        author: str,
        before: Before,
    ) -> Done:
        """The record as it was at a version, as a new version of it; a deleted one comes back with its citations."""
        try:
            old, standing = self._standing_or_gone(connection, resource, record_id)
        except Merged:
            old, standing = None, None
        guard.check(record_id, standing)
        if old is not None and version is None:
            raise Invalid("say which version", faults=[Fault("is wanted: the record is there", pointer="/version")])
        log = self._log_of(connection, resource, record_id)
        if old is None and log[-1].operation == "merge":
            return self._undo_merge(connection, record_id, log[-1].transaction, version, author=author, before=before)
        batch = Batch(problem=Conflict)
        self._take_back(batch, log, version)
        if old is None:
            for citation_log in self._deleted_with(connection, record_id, log[-1].transaction):
                self._take_back(batch, citation_log, None)
        report = self.writer.write(connection, batch, author=author, before=before)
        return Done(record_id, created=old is None, report=report)

    def _take_back(self, batch: Batch, log: list["Entry"], version: int | None) -> None:
        """Want the record as it was at a version, or at the last at which it was anything."""
        states = [entry for entry in log if entry.state is not None and version in (None, entry.version)]
        if not states:
            known = ", ".join(str(entry.version) for entry in log if entry.state is not None)
            fault = Fault(f"there is no such version to restore; there are {known}", pointer="/version")
            raise Invalid(str(fault), faults=[fault])
        schema = self.schemas[log[-1].kind]
        content, faults = schema.check(json.loads(states[-1].state or ""))
        batch.faults.extend(faults)
        if not faults:
            batch.add(Wanted(schema.resource, content, doing="restore"))

    def _log_of(self, connection: Connection, resource: Resource, record_id: str) -> list["Entry"]:
        found = self._entries(connection, changes.c.record_id == record_id)
        if not found or found[-1].kind is not resource.kind:
            raise NotFound(f"there never was a {resource.kind} with the id {record_id!r}")
        return found

    def _deleted_with(self, connection: Connection, record_id: str, transaction: str) -> list[list["Entry"]]:
        """The logs of the citations that were deleted together with their record."""
        together = self._entries(connection, changes.c.transaction == transaction)
        ids = [entry.id for entry in together if entry.kind is Kind.CITATION and entry.state is None]
        logs = [self._entries(connection, changes.c.record_id == each) for each in ids]
        return [log for log in logs if _last_content(log)["record"] == record_id]

    def _entries(self, connection: Connection, condition: sa.ColumnElement[bool]) -> list["Entry"]:
        """Entries of the log, the oldest first."""
        columns = (changes.c[name] for name in ("record_id", "kind", "operation", "version", "transaction", "state"))
        rows = connection.execute(sa.select(*columns).where(condition).order_by(changes.c.seq))
        return [Entry(row[0], Kind(row[1]), *row[2:]) for row in rows]

    def _undo_merge(
        self,
        connection: Connection,
        record_id: str,
        transaction: str,
        version: int | None,
        *,
        author: str,
        before: Before,
    ) -> Done:
        """Put back what a merge moved, as far as it stands where the merge put it; the rest is reported."""
        batch, left = Batch(problem=Conflict), []
        for entry in self._entries(connection, changes.c.transaction == transaction):
            log = self._entries(connection, changes.c.record_id == entry.id)
            place = next(place for place, each in enumerate(log) if each.transaction == transaction)
            if entry.state is None and log[-1].state is not None:
                left.append(Fault(f"the {entry.kind} {entry.id!r} was made again since", pointer=f"/{entry.id}"))
                continue
            if entry.state is None:
                self._take_back(batch, log[: place + 1], version if entry.id == record_id else None)
                continue
            was, became = _last_content(log[:place]), json.loads(entry.state)
            now = self.writer.states(connection, entry.kind, [entry.id]).get(entry.id)
            if now is None:
                left.append(Fault(f"the {entry.kind} {entry.id!r} was deleted since", pointer=f"/{entry.id}"))
                continue
            content, kept = _put_back(now[0], was, became)
            left += [
                Fault(f"the {entry.kind} {entry.id!r} has another {name} since", pointer=f"/{entry.id}/{name}") for name in kept
            ]
            content, faults = self.schemas[entry.kind].check(content)
            batch.faults.extend(faults)
            if not faults:
                batch.add(Wanted(self.schemas[entry.kind].resource, content, doing="restore"))
        report = self.writer.write(connection, batch, author=author, before=before)
        return Done(record_id, created=True, report=report, left=tuple(left))


class _Ids:
    """Ids of records to be made: which are taken, and which are given to those that come without one."""

    def __init__(self, writer: Writer, connection: Connection, several: Sequence[Creation]) -> None:
        self._writer = writer
        self._connection = connection
        self._looked_up: set[str] = set()
        self._taken: set[str] = set()
        self._codes: set[str] = set()
        wished: list[str] = []
        for resource, data, _ in several:
            said, name = id_in(data.get("id")), data.get("name") or data.get("title")
            if said:
                wished.append(said)
            elif isinstance(name, str) and not resource.natural_key:
                wished += next(namesakes(slug(name[:MAX_NAMED], resource.kind)))
        self._look_up(wished)

    def _look_up(self, ids: Sequence[str]) -> None:
        """Which of these are or were a record's, and which are a country's code."""
        new = [each for each in dict.fromkeys(ids) if each not in self._looked_up]
        self._looked_up.update(new)
        self._taken.update(self._writer.past(self._connection, new))
        self._codes.update(code.lower() for code in self._writer.integrity.country_codes(self._connection, new))

    def identify(self, schema: ContentSchema, content: Content) -> str | None:
        """An id for a record without one: a slug of its name, with a number behind it where that is taken."""
        if schema.resource.natural_key:
            return uuid7()
        if schema.resource.alternative_keys:
            return None
        made = slug(content.get("name") or content["title"], schema.resource.kind)
        for candidates in namesakes(made):
            self._look_up(candidates)
            for candidate in candidates:
                if candidate not in self._taken and candidate not in self._codes:
                    self._taken.add(candidate)
                    return candidate
        raise AssertionError("there is always another number")

    def refuse_taken(self, batch: Batch, wanted: Wanted) -> None:
        """Blame a record that says an id which another has or had."""
        self._look_up([wanted.id])
        if wanted.id not in self._taken:
            self._taken.add(wanted.id)
        elif batch.wanted[wanted.id] is not wanted or self._writer.integrity.kinds(self._connection, [wanted.id]):
            batch.blame(wanted, f"{wanted.id!r} is the id of a record already", "/id", conflict=True)
        else:
            batch.blame(wanted, f"{wanted.id!r} was the id of a record that is no more: PUT revives it", "/id", conflict=True)


class Entry(NamedTuple):
    """An entry of the log."""

    id: str
    kind: Kind
    operation: str
    version: int
    transaction: str
    state: str | None


def _last_content(log: list[Entry]) -> Content:
    """What a record was when it last was anything."""
    content: Content = json.loads(next(entry.state for entry in reversed(log) if entry.state is not None))
    return content


def _put_back(now: Content, was: Content, became: Content) -> tuple[Content, list[str]]:
    """What a record is, with the fields that a merge changed as they were; and those that were changed again since."""
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


def _of_one(batch: Batch, wanted: Wanted, author: str) -> list[Wanted]:
    """A record with the citations that came with it, all of which the log has from one author in one transaction."""
    several = [wanted, *batch.cited.get(wanted.id, ())]
    origin = author, uuid7()
    for each in several:
        each.origin = origin
    return several


def _new_link(schema: ContentSchema, _content: Content) -> str | None:
    return uuid7() if schema.resource.natural_key else None


def _merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result
