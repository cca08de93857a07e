"""Merges one record into another, so that only the other record stays.

References to the merged record become references to the record that stays. Two link records (records that connect other
records) may then have the same natural key. In this case, they are merged too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind, NameType
from app.errors import Conflict, Invalid
from app.faults import Fault
from app.writing.batch import Batch, Content, Wanted
from app.writing.natural_keys import Holder, Key, is_same
from app.writing.operations import Done, Guard, Operations
from app.writing.queue import Apply

UNDETERMINED = "und"
"""The tag for a name whose language is not known (BCP 47)."""
STAY_AS_THEY_ARE = (NameType.ACRONYM, NameType.FORMER, NameType.AS_PRINTED, NameType.ALIAS)
"""Names of these types keep their type when they are moved to the record that stays. All other names become aliases."""


class Merger:
    """Merges one record into another. An instance is used for one merge."""

    def __init__(self, operations: Operations, connection: Connection, *, prefer: str | None) -> None:
        self._operations = operations
        self.writer = operations.writer
        self.connection = connection
        self.prefer = prefer
        self._wanted: dict[str, Wanted] = {}
        self._states: dict[str, tuple[Content, int]] = {}
        """By id: the stored (content, version) of records that were read in advance, many with one query."""
        self._standing: dict[tuple[Kind, Any], dict[Key, list[Holder]]] = {}
        """Cache of `NaturalKeys.standing`: by (kind, first value of the key), the stored link records by key."""
        self._by_key: dict[tuple[Kind, tuple[Any, ...]], dict[str, Wanted]] = {}
        """By (kind, key): the link records that have, or had, this key during the merge, by id."""
        self._faults: list[Fault] = []

    def merge(self, resource: Resource, record_id: str, into: str, *, guard: Guard, author: str) -> Apply[list[Done]]:
        """Merge a record into another record of its kind.

        The links to it are redirected, so that two link records can get the same key. If their contents differ, `self.prefer`
        decides which of them stays; if it is None, Conflict is raised, with a list of these link records.
        """
        old, version = self._operations.standing(self.connection, resource, record_id)
        guard.check(record_id, version)
        meant = self.writer.references.meaning(self.connection, into, (resource.kind,))
        if meant.id is None:
            raise _invalid(meant.fault)
        if meant.id == record_id:
            raise _invalid("is the record itself")
        survivor = self._load(resource.kind, meant.id)
        self._absorb(survivor.content, old)
        self._replace(self._load(resource.kind, record_id), survivor)
        if self._faults:
            raise Conflict(
                f"{len(self._faults)} records would say the same in different words; `prefer` decides which of them stay",
                faults=self._faults,
            )
        for wanted in self._wanted.values():
            if not wanted.deleted:
                wanted.content, faults = self.writer.schemas[wanted.resource.kind].check(wanted.content)
                self._faults += faults
        batch = Batch(problem=Conflict, wanted=self._wanted)
        batch.faults.extend(self._faults)
        return self._operations.settled(self.connection, batch, [survivor.id], author=author)

    def _load(self, kind: Kind, record_id: str) -> Wanted:
        """The record, with the changes that this merge has made so far."""
        if record_id not in self._wanted:
            if record_id not in self._states:
                self._states |= self.writer.states(self.connection, kind, [record_id])
            content, version = self._states.pop(record_id)
            resource = self.writer.resources[kind]
            wanted = Wanted(resource, {**content}, doing="merge", old=content, version=version + 1)
            self._wanted[record_id] = wanted
            self._note_key(wanted)
        return self._wanted[record_id]

    def _note_key(self, wanted: Wanted) -> None:
        """Add a link record to `_by_key` under the key that it has now, so that `_same_key` finds it."""
        if fields := wanted.resource.base_key:
            self._by_key.setdefault((wanted.resource.kind, wanted.key(fields)), {})[wanted.id] = wanted

    def _absorb(self, into: Content, gone: Content) -> None:
        """Add to `into` the names (most of them as aliases), identifiers and topics of `gone`, which is the record to delete.

        The other fields of `gone` are dropped.
        """
        names = [*gone.get("names", ())]
        if "name" in gone and gone["name"] != into.get("name") and all(name["text"] != gone["name"] for name in names):
            names.append({"language": UNDETERMINED, "text": gone["name"], "type": NameType.ALIAS.value})
        known = {(name["language"], name["text"]) for name in into.get("names", ())}
        added = [
            {**name, "type": name["type"] if name["type"] in STAY_AS_THEY_ARE else NameType.ALIAS.value}
            for name in names
            if (name["language"], name["text"]) not in known
        ]
        _extend(into, "names", added)
        for part in ("identifiers", "topics"):
            _extend(
                into, part, [item for item in gone.get(part, ()) if item not in (*into.get(part, ()), into["id"], gone["id"])]
            )

    def _replace(self, gone: Wanted, survivor: Wanted) -> None:
        """Delete the record `gone`, and change every reference to `gone` into a reference to `survivor`."""
        gone.deleted, gone.into, gone.content = True, survivor.id, gone.old or gone.content
        referrers = self.writer.references.referrers(self.connection, gone.resource.kind, [gone.id])
        for kind in {kind for kind, *_ in referrers}:
            ids = [each for its_kind, each, *_ in referrers if its_kind is kind and each not in self._wanted]
            self._states |= self.writer.states(self.connection, kind, ids)
        for kind, record_id, field, _ in referrers:
            referring = self._load(kind, record_id)
            if not referring.deleted:
                self._repoint(referring, field, gone.id, survivor.id)
                self._note_key(referring)
                self._collapse(referring)

    def _repoint(self, referring: Wanted, name: str, gone: str, to: str) -> None:
        """In a field of a record, replace the id `gone` by `to`. If the record then refers to itself, remove the reference."""
        content = referring.content
        for field in self.writer.schemas[referring.resource.kind].references:
            if field.name != name or name not in content:
                continue
            content[name] = field.with_ids(content[name], lambda target: to if target == gone else target)
            if field.is_array and not field.member:
                content[name] = [item for item in content[name] if item != content["id"]]
            if content[name] in (content["id"], []):
                del content[name]
        for array, part in referring.resource.parts.items():
            if part.beside and array in content and (first := content.get(part.beside)):
                content[array] = [item for item in content[array] if item[part.identity[0]] != first]

    def _collapse(self, moved: Wanted) -> None:
        """Merge a changed link record into another link record with the same key, if there is one.

        If the changed link record now connects a record with itself, it is deleted instead.
        """
        fields = moved.resource.natural_key
        if not fields:
            return
        if self._links_itself(moved):
            self._vanish(moved)
            return
        for other in self._same_key(moved):
            if _said(other.content) == _said(moved.content) or self.prefer == "into":
                self._replace(moved, other)
            elif self.prefer == "from":
                other.content = {**moved.content, "id": other.id}
                self._replace(moved, other)
            else:
                kind = moved.resource.kind
                self._faults.append(Fault(f"the {kind} {moved.id!r} and the {kind} {other.id!r}", pointer="/prefer"))
            return

    def _links_itself(self, moved: Wanted) -> bool:
        """Whether the link record now links a record with itself, but linked two different records before the merge."""
        schema = self.writer.schemas[moved.resource.kind]
        links = moved.resource.links
        ends = [field.name for field in schema.references if not field.is_array and field.name in links]
        before, now = ([content[name] for name in ends if name in content] for content in (moved.old or {}, moved.content))
        return len(set(now)) < len(now) and len(set(before)) == len(before)

    def _same_key(self, moved: Wanted) -> Iterator[Wanted]:
        """Yield other link records with the same key: stored ones, and those that this merge changed earlier."""
        kind, fields = moved.resource.kind, moved.resource.base_key
        key = moved.key(fields)
        (first,) = moved.key(fields[:1])
        if (kind, first) not in self._standing:
            self._standing[kind, first] = self.writer.natural_keys.standing(self.connection, kind, fields, [first])
        candidates = [self._load(kind, each.id) for each in self._standing[kind, first].get(key, ())]
        for other in [*candidates, *self._by_key.get((kind, key), {}).values()]:
            if other is not moved and not other.deleted and is_same(moved, other):
                yield other

    def _vanish(self, link: Wanted) -> None:
        """Delete a link record that links a record with itself, and the citations that support it."""
        link.deleted, link.content = True, link.old or link.content
        for citation_id in self.writer.citations_of(self.connection, [link.id]):
            citation = self._load(Kind.CITATION, citation_id)
            citation.deleted, citation.content = True, citation.old or citation.content


def _invalid(detail: str) -> Invalid:
    fault = Fault(detail, pointer="/into")
    return Invalid(str(fault), faults=[fault])


def _extend(content: Content, part: str, items: list[Any]) -> None:
    if items:
        content[part] = [*content.get(part, ()), *items]


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content without the id."""
    return {name: value for name, value in content.items() if name != "id"}
