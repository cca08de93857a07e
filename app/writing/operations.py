"""The operations on records: create, replace, patch, delete.

Each operation checks a batch and returns a function. The write queue calls this function to write the batch.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.declaration.model import Part, is_storable
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import (
    Conflict,
    Erased,
    Gone,
    Invalid,
    Merged,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    StillReferenced,
    TagUnknown,
)
from app.faults import Fault, summary
from app.models.records import Change, Record
from app.writing import json_patch
from app.writing.batch import Batch, Content, Identify, Manner, Report, Wanted
from app.writing.free_ids import FreeIds
from app.writing.identifying import Pair, pairs_of
from app.writing.identity import uuid7
from app.writing.queue import Apply
from app.writing.stored import Past
from app.writing.write_schema import ContentSchema
from app.writing.writer import Writer

changes: sa.Table = Change.__table__
records: sa.Table = Record.__table__


class Guard(NamedTuple):
    """The preconditions of a request. They prevent lost updates."""

    versions: frozenset[int] | None = None
    """The versions of `If-Match`; None if it was not sent."""
    any: bool = False
    """`If-Match: *`: any version, but the record must exist."""
    new: bool = False
    """`If-None-Match: *`: the record must not exist."""
    upsert: bool = False
    """`upsert=true`: replace any version of the record."""
    foreign: str = ""
    """A tag of `If-Match` that this registry did not make; empty if there is none."""

    def check(self, record_id: str, version: int | None) -> None:
        """Raise PreconditionFailed if the stored version (None: there is no record) does not meet the preconditions."""
        if version is None:
            if self.versions is not None or self.any:
                raise PreconditionFailed(f"there is no record {record_id!r}")
        elif self.new:
            raise PreconditionFailed(f"{record_id!r} is there already, at version {version}")
        elif self.foreign and not self.versions:
            raise TagUnknown(f"the tag {self.foreign[:60]} was not made by this registry", record_id=record_id)
        elif self.versions is not None and version not in self.versions:
            raise PreconditionFailed(f"{record_id!r} is at version {version} by now")

    @property
    def says_something(self) -> bool:
        """Whether the client said which versions may be replaced: certain ones or any (`If-Match`), or any (`upsert=true`)."""
        return self.versions is not None or self.any or self.upsert

    def require(self, record_id: str) -> None:
        """Raise PreconditionRequired if the client sent neither `If-Match` nor `upsert=true`."""
        if not self.says_something:
            raise PreconditionRequired(f"say with If-Match which version of {record_id!r} is meant", record_id=record_id)


class Done(NamedTuple):
    """The result of an operation."""

    id: str
    created: bool
    report: Report
    left: tuple[Fault, ...] = ()
    """The parts that could not be restored when a merge was undone, and why."""
    wanted: Wanted | None = None
    """The record with its content before and after."""
    derived: Sequence[str] = ()
    """JSON Pointers to the fields that were derived."""


class Creation(NamedTuple):
    """A record to be created."""

    resource: Resource
    data: Mapping[str, Any]
    author: str
    allows_similar: bool = False
    """Whether it may be a record that is there already, as far as can be told (`Resemblance`)."""
    derives: bool = False
    """Whether empty fields are filled that follow from other records (`Deriver`)."""


class Patch(NamedTuple):
    """A record to be patched: by a merge patch (RFC 7396), or by the operations of a JSON Patch (RFC 6902)."""

    resource: Resource
    id: str
    data: Mapping[str, Any] | Sequence[Any]
    guard: Guard
    author: str
    derives: bool = False
    """Whether empty fields are filled that follow from other records (`Deriver`)."""


class Operations:
    """The operations on single records. Each call makes one batch; `create` and `patch` accept several records."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.schemas = writer.schemas

    # -- create, replace, patch ------------------------------------------------------------------------------------

    def create(self, connection: Connection, several: Sequence[Creation]) -> Apply[list[Done]]:
        """Create records. Each gets the id that was sent with it, or else a new one. Raises Conflict if an id is taken."""
        ids = self.writer.free_ids(connection)
        ids.look_up((each.resource, each.data) for each in several)
        batch, created, derived = Batch(), [], {}
        deriver = self.writer.deriver
        for resource, data, author, allows_similar, derives in several:
            whole: dict[str, Any] = {"kind": resource.kind.value, **data}
            filled: Sequence[str] = ()
            if derives:
                whole, filled, faults = deriver.fill(deriver.known(connection, Batch()), resource.kind, whole)
                batch.faults.extend(faults)
            wanted = self.writer.intake.record(batch, self.schemas[resource.kind], whole, identify=ids.identify, doing="create")
            if wanted is None:
                continue
            if wanted.named:
                self._refuse_taken(connection, ids, batch, wanted)
            wanted.is_told_apart = allows_similar
            derived[wanted.id] = filled
            for each in _of_one(batch, wanted, author):
                each.fresh = each is wanted or not each.named
                # With True, a stored record with the same key is a conflict. With False, the new record would get its id.
                each.named = True
            created.append(wanted)
        if len(several) > 1:
            self._require_independent(batch, created)
        return self.settled(connection, batch, [wanted.id for wanted in created], created=True, derived=derived)

    def _require_independent(self, batch: Batch, created: Sequence[Wanted]) -> None:
        """Raise Conflict if a creation refers to another one, so that each is done by itself, in the order of the requests."""
        ids = {wanted.id for wanted in created}
        for wanted in created:
            for each in (wanted, *batch.cited.get(wanted.id, ())):
                if not ids.isdisjoint({*self.schemas[each.resource.kind].targets(each.content)} - {wanted.id}):
                    raise Conflict("one of these refers to another, which takes one after the other")

    def _refuse_taken(self, connection: Connection, ids: FreeIds, batch: Batch, wanted: Wanted) -> None:
        """Add a fault if the record's id is or was used by another record."""
        if ids.take(wanted.id):
            return
        past = self.writer.past(connection, [wanted.id]).get(wanted.id)
        if batch.wanted[wanted.id] is not wanted or self.writer.references.kinds(connection, [wanted.id]):
            batch.blame(wanted, f"{wanted.id!r} is the id of a record already", "/id", conflict=True)
        elif past is not None and past.is_erased:
            batch.blame(wanted, f"{wanted.id!r} was the id of a record that was erased", "/id", conflict=True)
        else:
            batch.blame(wanted, f"{wanted.id!r} was the id of a record that is no more: PUT revives it", "/id", conflict=True)

    def replace_identified(
        self,
        connection: Connection,
        resource: Resource,
        pair: Pair,
        data: Mapping[str, Any],
        *,
        guard: Guard,
        author: str,
        shown: Callable[[str], str | None] | None = None,
    ) -> Apply[list[Done]]:
        """Replace the record that has an identifier, or create one.

        A new record gets the id that was sent, or else one made from its name. If `data` has no identifiers, a new record gets
        this one. Raises Conflict if several records have the identifier, or if the id that was sent is that of another record.
        """
        schema = self.schemas[resource.kind]
        content, faults = schema.check({**data, "kind": resource.kind.value})
        if not faults and "identifiers" in data and pair not in pairs_of(content):
            faults = [Fault(f"must have {':'.join(pair)}, as in the address, or be left out", pointer="/identifiers")]
        if faults:
            raise Invalid(summary(faults), faults=faults)
        holders = self.writer.identifying.holders(connection, resource.kind, [pair])[pair]
        if len(holders) > 1:
            raise Conflict(f"several records have the identifier {':'.join(pair)}: {', '.join(holders)}; replace one by its id")
        if holders:
            name = partial(shown, holders[0]) if shown is not None else None
            return self.replace(connection, resource, holders[0], data, guard=guard, author=author, shown=name)
        record_id = content["id"] or self.writer.free_ids(connection).identify(schema, content)
        if record_id is None or self.writer.references.kinds(connection, [record_id]):
            detail = "required" if record_id is None else f"{record_id!r} is the id of a record without this identifier"
            raise (Invalid if record_id is None else Conflict)(detail, faults=[Fault(detail, pointer="/id")])
        whole = {"identifiers": [dict(zip(("scheme", "identifier"), pair, strict=True))], **data}
        return self.replace(connection, resource, record_id, whole, guard=guard, author=author)

    def replace(
        self,
        connection: Connection,
        resource: Resource,
        record_id: str,
        data: Mapping[str, Any],
        *,
        guard: Guard,
        author: str,
        shown: Callable[[], str | None] | None = None,
    ) -> Apply[list[Done]]:
        """Replace the record by `data`, or create it if it does not exist.

        If `data` leaves out parts of the record, for example `names`, these parts are kept. `shown` returns the name that
        a read shows in the requested language. If the client sends this name back, the stored name is kept.
        """
        schema = self.schemas[resource.kind]
        old, version = self.standing_or_gone(connection, resource, record_id)
        guard.check(record_id, version)
        batch = Batch()
        self._check_key(batch, resource, record_id, data)
        data = schema.of_today(data)
        parts = [plan.name for plan in schema.plans if isinstance(plan.source, Part)]
        kept = {name: old[name] for name in parts if old is not None and name in old}
        wanted_data = {**kept, **data, "kind": resource.kind.value, "id": record_id}
        name = resource.named_by
        named_otherwise = old is not None and name in old and data.get(name) != old[name]
        if old is not None and named_otherwise and shown is not None and data.get(name) == shown():
            wanted_data[name] = old[name]

        identify = (
            self._as_it_was(connection, resource, record_id) if old is not None and wanted_data.get("citations") else _new_link
        )
        self.writer.intake.record(batch, schema, wanted_data, identify=identify, doing="replace")
        require = guard.require if old is not None else None
        return self.settled(connection, batch, [record_id], author=author, created=old is None, require=require)

    def patch(self, connection: Connection, several: Sequence[Patch]) -> Apply[list[Done]]:
        """Apply patches, each to a different record.

        A field that a merge patch does not contain stays as it is, and null removes a field. Raises Conflict if two patches are
        for the same record, or if a `test` of a JSON Patch fails.
        """
        if len({patch.id for patch in several}) < len(several):
            raise Conflict("one of these is to be changed twice, which takes one after the other")
        batch, standing, derived = Batch(), self._all_standing(connection, several), {}
        deriver = self.writer.deriver
        for resource, record_id, patch, guard, author, derives in several:
            old, version = standing[record_id]
            guard.require(record_id)
            guard.check(record_id, version)
            schema = self.schemas[resource.kind]
            if isinstance(patch, Mapping):
                self._check_key(batch, resource, record_id, patch)
                said = schema.of_today(patch)
                data = merged(old, {name: value for name, value in said.items() if name not in ("id", "kind", "citations")})
                if resource.kind is not Kind.CITATION and "citations" in patch:
                    data["citations"] = [] if patch["citations"] is None else patch["citations"]
            else:
                data = json_patch.patched(schema, old, patch)
                self._check_key(batch, resource, record_id, data)
                data |= {"id": record_id, "kind": resource.kind.value}
            if derives:
                data, derived[record_id], faults = deriver.fill(deriver.known(connection, Batch()), resource.kind, data)
                batch.faults.extend(faults)
            identify = self._as_it_was(connection, resource, record_id) if data.get("citations") else _new_link
            wanted = self.writer.intake.record(batch, schema, data, identify=identify, doing="patch")
            if wanted is not None:
                wanted.old, wanted.version = old, version + 1
                _of_one(batch, wanted, author)
        return self.settled(connection, batch, [each.id for each in several], derived=derived)

    def _all_standing(self, connection: Connection, several: Sequence[Patch]) -> dict[str, tuple[Content, int]]:
        """The contents and versions of the records to patch, by id. Raises NotFound, Gone or Merged if one does not exist."""
        by_kind: dict[Kind, list[str]] = {}
        for each in several:
            if is_storable(each.id):
                by_kind.setdefault(each.resource.kind, []).append(each.id)
        found: dict[str, tuple[Content, int]] = {}
        for kind, ids in by_kind.items():
            found |= self.writer.states(connection, kind, ids)
        return found | {each.id: self.standing(connection, each.resource, each.id) for each in several if each.id not in found}

    def _check_key(self, batch: Batch, resource: Resource, record_id: str, data: Mapping[str, Any]) -> None:
        """Add a fault if the body has an id or a kind that differs from the one in the URL."""
        batch.faults.extend(
            Fault(f"must be {said!r}, as in the address, or be left out", pointer=f"/{name}")
            for name, said in (("id", record_id), ("kind", resource.kind.value))
            if name in data and data[name] != said
        )

    def _as_it_was(self, connection: Connection, resource: Resource, record_id: str) -> Identify:
        """Return a function that chooses the id of a citation of this record that was sent without an id.

        The function returns the id of the stored citation with the same natural key, or a new id if there is none.
        """
        fields = self.schemas[Kind.CITATION].resource.natural_key
        schema = self.schemas[resource.kind]

        def key(content: Content) -> tuple[Any, ...]:
            named = content.get("field")
            return tuple(content.get(name) for name in fields if name != "field"), named and schema.name_today(named)

        standing = {
            key(content): citation_id for citation_id, (content, _) in self.writer.citations_of(connection, [record_id]).items()
        }
        return lambda _schema, content: standing.get(key(content)) or uuid7()

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete(
        self,
        connection: Connection,
        resource: Resource,
        record_id: str,
        *,
        guard: Guard,
        author: str,
        links: bool = False,
    ) -> Apply[list[Done]]:
        """Delete the record and its citations, and with `links` the records that only link it.

        If other records refer to it, raises StillReferenced with a list of them.
        """
        old, version = self.standing(connection, resource, record_id)
        guard.require(record_id)
        guard.check(record_id, version)
        batch = Batch(problem=StillReferenced)
        wanted = Wanted(resource, old, deleted=True, old=old, version=version + 1, manner=Manner(links=links))
        self.writer.deleting.add_dependents(connection, batch, [wanted])
        batch.add(wanted)
        return self.settled(connection, batch, [record_id], author=author)

    # -- shared by the operations --------------------------------------------------------------------------------------

    def settled(
        self,
        connection: Connection,
        batch: Batch,
        ids: Sequence[str],
        *,
        author: str = "",
        created: bool = False,
        left: Sequence[Fault] = (),
        require: Callable[[str], None] | None = None,
        derived: Mapping[str, Sequence[str]] | None = None,
    ) -> Apply[list[Done]]:
        """Check the batch, and return a function. The function writes the batch, and returns a result for each of these ids.

        If the batch changes anything, `require` is called for each id before the function is returned. `require` may raise a
        Problem to refuse the change.
        """
        ready = self.writer.settle(connection, batch)
        if require is not None and ready.changed:
            for record_id in ids:
                require(record_id)

        def apply() -> list[Done]:
            report = self.writer.apply(connection, ready, author=author)
            return [
                Done(each, created, report, tuple(left), batch.wanted.get(each), (derived or {}).get(each, ())) for each in ids
            ]

        return apply

    # -- stored records ----------------------------------------------------------------------------------------------

    def standing(self, connection: Connection, resource: Resource, record_id: str) -> tuple[Content, int]:
        """The record's content and version. Raises NotFound, Gone or Merged if it does not exist."""
        found = self._found(connection, resource, record_id)
        if isinstance(found, Past):
            if found.kind is resource.kind and found.is_erased:
                raise Erased(f"the {resource.kind} {record_id!r} was erased")
            if found.kind is resource.kind and found.into is not None:
                raise Merged(f"the {resource.kind} {record_id!r} was merged into {found.into!r}", into=found.into)
            if found.kind is resource.kind:
                raise Gone(f"the {resource.kind} {record_id!r} was deleted")
            raise NotFound(f"{record_id!r} is or was no {resource.kind} but a {found.kind}")
        if found is None:
            raise NotFound(f"there is no {resource.kind} with the id {record_id!r}")
        return found

    def standing_or_gone(self, connection: Connection, resource: Resource, record_id: str) -> tuple[Content | None, int | None]:
        """The record's content and version, or (None, None) if it does not exist or was deleted.

        Raises Merged if the record was merged into another one, and Conflict if a record of another kind has or had this id.
        """
        found = self._found(connection, resource, record_id)
        if isinstance(found, Past):
            if found.kind is not resource.kind:
                raise Conflict(f"{record_id!r} is or was the id of a {found.kind}, not of a {resource.kind}")
            if found.is_erased:
                raise Conflict(f"the {resource.kind} {record_id!r} was erased; its id is not used again")
            if found.into is not None:
                raise Merged(f"the {resource.kind} {record_id!r} was merged into {found.into!r}", into=found.into)
        return found if isinstance(found, tuple) and not isinstance(found, Past) else (None, None)

    def _found(self, connection: Connection, resource: Resource, record_id: str) -> tuple[Content, int] | Past | None:
        """The content and version of the stored record; None if the id was never used.

        If the record was deleted or merged, or if the id is or was that of a record of another kind, returns its Past instead.
        """
        if not is_storable(record_id):
            return None
        standing = self.writer.states(connection, resource.kind, [record_id]).get(record_id)
        return standing or self.writer.past(connection, [record_id]).get(record_id)


def _of_one(batch: Batch, wanted: Wanted, author: str) -> list[Wanted]:
    """Give a record and its citations the same author and transaction for the change log. Returns the record and citations."""
    several = [wanted, *batch.cited.get(wanted.id, ())]
    origin = author, uuid7()
    for each in several:
        each.origin = origin
    return several


def _new_link(schema: ContentSchema, _content: Content) -> str | None:
    return uuid7() if schema.resource.natural_key else None


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a merge patch (RFC 7396)."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result
