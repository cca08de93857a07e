"""A batch: records to be written together. `Intake` parses them from lines of the exchange format or from request bodies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Conflict, Invalid, Problem
from app.faults import FAULTS_ALIKE, Fault, Faults, summary
from app.writing.frames import FRAMES, Framed, Places, expanded
from app.writing.identity import uuid7
from app.writing.write_schema import MAX_CITATIONS, ContentSchema, id_in, read_json

Content = dict[str, Any]
BY_IDENTIFIER = "identifier"
"""The value of the key `match` in a line of an import whose record is meant by its identifiers."""
Identify = Callable[[ContentSchema, Content], str | None]


class Line(NamedTuple):
    """A line of an import: its place (for messages) and its JSON."""

    where: str
    text: str | bytes


class Mode(StrEnum):
    """What a line of an import does with a record that exists."""

    REPLACE = "replace"
    """The record becomes what the line says."""
    MERGE = "merge"
    """Only the fields in the line change. Arrays and citations keep what they have."""


class Manner(NamedTuple):
    """What a line of an import asks for besides the content of its record."""

    by_identifier: bool = False
    """Whether the record is meant by its identifiers. Its id may change when the batch is compared with the stored records."""
    merges: bool = False
    """Whether the content has only the fields to change. `Completion` makes it whole."""
    cleared: frozenset[str] = frozenset()
    """If the line merges: the fields that become empty."""
    deletes: bool = False
    """Whether the record is to be deleted. The content only says which record is meant."""
    links: bool = False
    """If the line deletes: whether records that only link the record are deleted with it."""
    version: int | None = None
    """The version that the record must have if the line changes it."""
    fills: frozenset[str] = frozenset()
    """If the line merges: the fields in its content that only fill what is empty, because they were derived."""


PLAIN = Manner()


@dataclass(eq=False, slots=True)
class Wanted:
    """A record to be written, or to be deleted."""

    id: str = field(init=False)
    resource: Resource
    content: Content
    line: str | None = None
    pointer: str = ""
    """JSON Pointer to the record within its line or body."""
    places: Places | None = None
    """Where its fields stand within its line or body, if it was expanded from a frame."""
    doing: str = "replace"
    """The requested operation. `operation` derives from it what is written in the change log."""
    deleted: bool = False
    into: str | None = None
    """For a record deleted by a merge: the record that replaces it."""
    moved: bool = False
    """Whether only the citations of the record change. Its version is incremented, but its own fields stay the same."""
    place: int = -1
    """The place of the record in the input."""
    named: bool = True
    """Whether the input contained the record's id."""
    manner: Manner = PLAIN
    is_told_apart: bool = False
    """Whether the client says that this is not the record that it resembles (`Resemblance`)."""
    fresh: bool = False
    """Whether the record's id is known to be unused, so that no stored record has to be looked up."""
    old: Content | None = None
    version: int = 1
    """The version that the record has after this write."""
    created: str | None = None
    """When the record was created, if it existed before."""
    draft: Any = None
    """The part of the search entry that depends on the record alone, if it was made in advance (`SearchEntries.prepare`)."""
    origin: tuple[str, str] | None = None
    """(author, transaction) for the change log, if the batch holds records of several requests."""

    def __post_init__(self) -> None:
        self.id = self.content["id"]

    def at(self, pointer: str) -> str:
        """Return the place, within the line or body, of what a pointer means within the record."""
        return self.places.at(pointer) if self.places is not None else self.pointer + pointer

    @property
    def occasion(self) -> str | None:
        """The id of the event whose dates the record inherits if it has no date of its own."""
        field = self.resource.dated_by
        return self.content.get(field) if field else None

    @property
    def changes(self) -> bool:
        """Whether writing this record changes anything."""
        return self.deleted or self.moved or self.old != self.content

    @property
    def operation(self) -> str:
        """The operation to write in the change log."""
        if self.doing == "erase":
            return "erase" if self.deleted else "replace"
        if self.deleted:
            return "delete" if self.into is None else "merge"
        if self.doing in ("merge", "restore"):
            return self.doing
        if self.old is None:
            return "create"
        return "replace" if self.doing == "create" else self.doing

    def key(self, fields: Sequence[str]) -> tuple[Any, ...]:
        """The record's key, which consists of its values in `fields`. An empty value is None in the key."""
        return tuple(self.resource.key_value(self.content, name) for name in fields)


SENT = ("create", "replace", "patch")
"""The operations (`Wanted.doing`) whose content a client has sent. Others bring back or move what was stored before."""


class Written(NamedTuple):
    """What the batch did to one record."""

    id: str
    kind: Kind
    operation: str
    line: str | None


@dataclass
class Report:
    """What the batch did to its records, in the order of the input."""

    written: list[Written]
    transaction: str | None = None
    """The transaction in the change log; None if nothing was changed."""
    repeated: int = 0
    """The number of lines that said the same as an earlier line."""
    warnings: Sequence[Fault] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of records that were created, replaced (or patched, merged or restored), unchanged and deleted."""
        said = {"create": "created", "unchanged": "unchanged", "delete": "deleted"}
        found = dict.fromkeys(("created", "replaced", "unchanged", "deleted"), 0)
        for each in self.written:
            found[said.get(each.operation, "replaced")] += 1
        return found

    def __str__(self) -> str:
        counts = self.counts | ({"repeated": self.repeated} if self.repeated else {})
        return ", ".join(f"{count} {what}" for what, count in counts.items())


@dataclass
class Batch:
    """Records to be written together, by id, and the faults found in them."""

    wanted: dict[str, Wanted] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    faulty: dict[str, Kind] = field(default_factory=dict)
    """The kinds of invalid records, by id. A reference to an invalid record is not reported as another fault."""
    conflicts: Faults = field(default_factory=Faults)
    """Faults that are caused by stored records, not by the data that was sent."""
    problem: type[Problem] | None = None
    """The Problem class that reports the faults; by default Conflict if there are only `conflicts`, otherwise Invalid."""
    suspects: list[Wanted] = field(default_factory=list)
    """The invalid records, with only their references as content, and their citations.

    The references of these records are checked too, so that the client gets all faults in one response.
    """
    cut: set[str] = field(default_factory=set)
    """Ids of records that were sent with only a part of their citations. Their other stored citations are kept.

    A read shows only the first citations of a record if there are many. A client may send the record back as it was read.
    """
    cited: dict[str, list[Wanted]] = field(default_factory=dict)
    """By record id: the citations that were sent with the record.

    The write deletes the other stored citations of the record, unless the record is in `cut`.
    """
    warnings: Faults = field(default_factory=lambda: Faults(alike=FAULTS_ALIKE))
    """What should be looked at, and refuses nothing."""
    proves: bool = True
    """Whether a quote that does not stand in its document is a fault. If not, it is a warning."""
    proposed_by: str = ""
    """The name of the API key that proposed these records. The change log stores it. Empty if the records were not proposed."""
    resembling: dict[str, list[str]] = field(default_factory=dict)
    """By the id of a new record: stored records with the same address, digest, or series and ordinal (`Resemblance`)."""
    is_open: bool = False
    """Whether some lines are complete only when they are compared with the stored records (`Manner`)."""
    absent: list[Wanted] = field(default_factory=list)
    """Lines that delete a record that does not exist."""
    repeated: int = 0
    framed: list[tuple[str | None, Framed]] = field(default_factory=list)
    """The records that frames stand for, each with its line. `Framing` adds them to `wanted` within the transaction."""
    expanded: list[tuple[str | None, Content]] = field(default_factory=list)
    """The records of `framed` in the exchange format, with what was derived, each with its line."""
    _read: "_Read | None" = None
    """The state of the batch as it was parsed; `again` restores this state. None before the first call of `again`."""

    @classmethod
    def of_many(cls) -> Self:
        """An empty batch for many records. It reports only the first `FAULTS_ALIKE` faults of each sort."""
        return cls(faults=Faults(alike=FAULTS_ALIKE), conflicts=Faults(alike=FAULTS_ALIKE), proves=False)

    def again(self) -> Self:
        """Prepare this batch for an attempt to write it, and return it.

        The first call saves the state of the batch. Later calls restore it, because a transaction that was rolled back may
        have changed the batch.
        """
        if self._read is None:
            self._read = _Read(
                list(self.wanted.values()),
                {each: each.id for each in self.wanted.values() if not each.named or each.manner is not PLAIN},
                deepcopy(self.faults),
                deepcopy(self.conflicts),
                {each: dict(each.content) for each in self.wanted.values()} if self.is_open else {},
                {each: list(cited) for each, cited in self.cited.items()},
                set(self.cut),
                dict(self.faulty),
                self.repeated,
            )
            return self
        several, ids, faults, conflicts, contents, cited, cut, faulty, self.repeated = self._read
        self.cited = {each: list(cited_with_it) for each, cited_with_it in cited.items()}
        self.cut, self.faulty, self.absent = set(cut), dict(faulty), []
        self.warnings, self.expanded, self.resembling = Faults(alike=FAULTS_ALIKE), [], {}
        for each in several:
            each.old, each.version, each.created, each.moved = None, 1, None, False
            if each.manner.deletes:
                each.deleted = False
            if each in contents:
                each.content = dict(contents[each])
            if each in ids:
                each.id = each.content["id"] = ids[each]
        self.wanted = {each.id: each for each in several}
        self.faults, self.conflicts = deepcopy(faults), deepcopy(conflicts)
        return self

    def add(self, wanted: Wanted) -> Wanted:
        """Add a record and return it. If the batch already has a record with this id, return that record instead.

        In this case, adds a fault if the contents of the two records differ.
        """
        self.is_open = self.is_open or wanted.manner is not PLAIN
        if wanted.place < 0:
            wanted.place = len(self.wanted)
        first = self.wanted.setdefault(wanted.id, wanted)
        if first is wanted:
            return first
        if first.content == wanted.content and first.manner == wanted.manner:
            self.repeated += not wanted.pointer
        else:
            where = first.line or first.pointer
            if wanted.named:
                self.blame(wanted, f"{wanted.id!r} stands already in {where} with another content", "/id")
            else:
                key = ", ".join(wanted.resource.natural_key)
                self.blame(wanted, f"has the same {key} as {where} with another content; write what sets the two apart")
        return first

    def rename(self, wanted: Wanted, record_id: str) -> None:
        """Give a record another id: that of the stored record that it means, or of a new one. Its citations go with it.

        The caller lets citations and other records refer to the new id (`References.redirect`).
        """
        self.rename_all({wanted: record_id})

    def rename_all(self, ids: Mapping[Wanted, str]) -> None:
        """Give several records other ids. A new id may be the old one of another of these records."""
        moved = {wanted: (self.cited.pop(wanted.id, None), wanted.id in self.cut) for wanted in ids}
        for wanted in ids:
            if self.wanted.get(wanted.id) is wanted:
                del self.wanted[wanted.id]
            self.cut.discard(wanted.id)
        for wanted, record_id in ids.items():
            cited, is_cut = moved[wanted]
            if cited is not None:
                self.cited.setdefault(record_id, []).extend(cited)
            if is_cut:
                self.cut.add(record_id)
            wanted.id = wanted.content["id"] = record_id
            self.add(wanted)

    def drop(self, wanted: Wanted) -> None:
        """Leave out a record that has faults. References to it are not reported as other faults."""
        self.faulty[wanted.id] = wanted.resource.kind
        if self.wanted.get(wanted.id) is wanted:
            del self.wanted[wanted.id]

    def blame(self, wanted: Wanted, detail: str, pointer: str = "", *, conflict: bool = False) -> None:
        """Add a fault. `conflict`: a stored record causes the fault. Raises the Problem if there are too many faults."""
        faults = self.conflicts if conflict else self.faults
        faults.add(Fault(detail, pointer=wanted.at(pointer), line=wanted.line))
        if faults.is_full:
            self.reject()

    def warn(self, wanted: Wanted, detail: str, pointer: str = "") -> None:
        """Add a warning."""
        self.warnings.add(Fault(detail, pointer=wanted.at(pointer), line=wanted.line))

    def reject(self) -> None:
        """Raise a Problem with all faults, if there are any."""
        if self.faults or self.conflicts:
            faults = list(dict.fromkeys([*self.faults.told(), *self.conflicts.told()]))
            problem = self.problem or (Invalid if self.faults else Conflict)
            raise problem(summary(faults), faults=faults)


class _Read(NamedTuple):
    """A copy of the records and faults of a batch, as they were parsed from the request.

    A transaction changes the batch. If it is rolled back and repeated, the next attempt starts from this copy.
    """

    wanted: list[Wanted]
    ids: dict[Wanted, str]
    """The ids that were chosen for the records that were sent without an id."""
    faults: Faults
    conflicts: Faults
    contents: dict[Wanted, Content]
    """The contents of the records, if the batch is open: they may change."""
    cited: dict[str, list[Wanted]]
    cut: set[str]
    faulty: dict[str, Kind]
    repeated: int


class Intake:
    """Parses records into a batch, and validates each record without reading the database."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema]) -> None:
        self.schemas = schemas

    def lines(self, lines: Iterable[Line], batch: Batch | None = None, *, mode: Mode = Mode.REPLACE) -> Batch:
        """Parse lines, and add their records and faults to `batch`, or to a new batch. Returns the batch."""
        batch = Batch.of_many() if batch is None else batch
        for line in lines:
            self._line(batch, line, mode)
            if batch.faults.is_full:
                batch.reject()
        return batch

    def _line(self, batch: Batch, line: Line, mode: Mode) -> None:
        try:
            data = read_json(line.text)
        except ValueError as error:
            return batch.faults.add(Fault(f"is no JSON that is read here: {error}", pointer="", line=line.where))
        return self.item(batch, data, mode, line=line.where)

    def item(self, batch: Batch, data: Any, mode: Mode, *, line: str) -> None:
        """Validate what stands in a line: a record, or a frame. Adds it and its faults to the batch."""
        if not isinstance(data, dict):
            return batch.faults.add(Fault("is no JSON object", pointer="", line=line))
        if "frame" in data:
            return self.frame(batch, data, line=line)
        schema = self.schemas.get(data.get("kind")) if isinstance(data.get("kind"), str) else None  # type: ignore[arg-type]
        if schema is None:
            return batch.faults.add(Fault(f"must be one of {', '.join(self.schemas)}", pointer="/kind", line=line))
        manner, fault = _manner_in(data, mode)
        if fault is not None:
            return batch.faults.add(fault._replace(line=line))
        self.record(batch, schema, data, line=line, identify=ContentSchema.derived_id, manner=manner)
        return None

    def frame(self, batch: Batch, data: Mapping[str, Any], *, line: str | None = None) -> None:
        """Validate a frame, and add the records that it stands for to `batch.framed`. They merge in any mode."""
        name = data["frame"]
        if not isinstance(name, str) or name not in FRAMES:
            return batch.faults.add(Fault(f"must be one of {', '.join(FRAMES)}", pointer="/frame", line=line))
        several, faults = expanded(name, {key: value for key, value in data.items() if key != "frame"})
        batch.faults.extend(fault._replace(line=line) for fault in faults)
        if not faults:
            batch.framed += [(line, each) for each in several]
            batch.is_open = True
        return None

    def record(
        self,
        batch: Batch,
        schema: ContentSchema,
        data: Mapping[str, Any],
        *,
        identify: Identify,
        line: str | None = None,
        doing: str = "replace",
        manner: Manner = PLAIN,
        places: Places | None = None,
        cited: Sequence[Places] = (),
    ) -> Wanted | None:
        """Validate `data`, and add the record and its citations to the batch. Returns None if the record itself is invalid.

        `places`, `cited`: where the fields of the record, and of its citations, stand if it was expanded from a frame.

        `identify` returns the id for a record or a citation that was sent without one. A record that is meant by its
        identifiers needs no id.
        """
        resource = schema.resource
        if manner.merges or manner.deletes:
            content, cleared, faults = schema.check_part(data)
            manner = manner._replace(cleared=cleared)
        else:
            content, faults = schema.check(data)
        named = content.get("id") is not None
        if not faults and not named:
            content["id"] = identify(schema, content) or (uuid7() if manner.by_identifier else None)
            if content["id"] is None:
                faults = [Fault(f"{resource.kind.with_article} needs an id", pointer="/id")]
        if manner.by_identifier and not faults and not content.get("identifiers"):
            faults = [Fault("required, because the record is meant by them", pointer="/identifiers")]
        if faults:
            at = places.at if places is not None else str
            batch.faults.extend(fault._replace(line=line, pointer=at(fault.pointer or "")) for fault in faults)
            if places is None:
                self._suspect(batch, schema, data, line)
            return None
        wanted = Wanted(resource, content, line=line, named=named, doing=doing, manner=manner, places=places)
        if places is not None and (first := batch.wanted.get(wanted.id)) is not None and not first.manner.deletes:
            return self._join(batch, first, wanted, data, cited)
        batch.add(wanted)
        if not manner.deletes:
            self._citations(batch, wanted, data, identify, cited)
        return wanted

    def _join(
        self, batch: Batch, first: Wanted, more: Wanted, data: Mapping[str, Any], cited: Sequence[Places]
    ) -> Wanted | None:
        """Let an earlier record of the batch also have what a frame says of it. Returns it; None if this makes it faulty."""
        schema = self.schemas.get(more.resource.kind)
        if schema is None or first.resource is not more.resource:
            batch.add(more)
            return None
        fills = {name for name in more.manner.fills if name in first.content}
        said = {name: value for name, value in more.content.items() if name not in fills and name != "id"}
        first.draft = None
        if first.manner.merges:
            first.content = {**schema.joined(first.content, said, more.manner.cleared), "id": first.id}
            cleared = (first.manner.cleared | more.manner.cleared) - said.keys()
            fills_now = (first.manner.fills - said.keys()) | (more.manner.fills - fills)
            first.manner = first.manner._replace(cleared=frozenset(cleared), fills=frozenset(fills_now))
        else:
            content, faults = schema.merged(first.content, said, more.manner.cleared)
            batch.faults.extend(fault._replace(line=more.line, pointer=more.at(fault.pointer or "")) for fault in faults)
            if faults:
                return None
            first.content = content
        self._citations(batch, first, data, ContentSchema.derived_id, cited)
        return first

    def _suspect(self, batch: Batch, schema: ContentSchema, data: Mapping[str, Any], line: str | None) -> None:
        """Add an invalid record and its citations to `suspects`, so that the references of all of them are checked later."""
        record_id = id_in(data.get("id")) or uuid7()
        batch.faulty[record_id] = schema.resource.kind
        suspect = Wanted(schema.resource, {"id": record_id, **schema.references_in(data)}, line=line)
        alone = Batch()
        self._citations(alone, suspect, data, lambda _schema, _content: uuid7())
        batch.faults.extend(alone.faults.told())
        batch.suspects += [suspect, *alone.wanted.values()]

    def _citations(
        self, batch: Batch, of: Wanted, data: Mapping[str, Any], identify: Identify, places: Sequence[Places] = ()
    ) -> None:
        """Add the citations that were sent with a record, if any."""
        if "citations" not in data or of.resource.kind is Kind.CITATION:
            return None
        citations = data["citations"]
        if not isinstance(citations, list):
            return batch.blame(of, "must be an array", "/citations")
        if len(citations) > MAX_CITATIONS:
            detail = f"may have {MAX_CITATIONS} citations, and has {len(citations)}; send the others as records of their own"
            return batch.blame(of, detail, "/citations")
        schema = self.schemas[Kind.CITATION]
        if "citations_more" in data or of.manner.merges or (places and of.id not in batch.cited):
            batch.cut.add(of.id)
        batch.cited.setdefault(of.id, [])
        for place, citation in enumerate(citations):
            pointer = f"/citations/{place}"
            at = places[place] if places else Places(pointer)
            if not isinstance(citation, dict):
                batch.blame(of, "must be an object", pointer)
                continue
            whole = {**citation, "kind": Kind.CITATION.value, "record": of.id}
            manner = PLAIN
            if of.manner.merges:
                content, cleared, faults = schema.check_part(whole)
                manner = Manner(merges=True, cleared=cleared)
            else:
                content, faults = schema.check(whole)
            batch.faults.extend(fault._replace(line=of.line, pointer=at.at(fault.pointer or "")) for fault in faults)
            if faults:
                continue
            named = content["id"] is not None
            if not named:
                content["id"] = identify(schema, content)
            wanted = Wanted(schema.resource, content, line=of.line, pointer=pointer, named=named, doing=of.doing, manner=manner)
            wanted.places = at if places else None
            batch.cited[of.id].append(batch.add(wanted))
        return None


def _manner_in(data: Content, mode: Mode) -> tuple[Manner, Fault | None]:
    """Take out of a line what it asks for besides the content of its record. Returns it, or the fault that it has."""
    match, deleted, links = (data.pop(name, None) for name in ("match", "deleted", "links"))
    version = data.pop("version", None)
    if match not in (None, BY_IDENTIFIER):
        return PLAIN, Fault(f"must be {BY_IDENTIFIER!r}, or be left out", pointer="/match")
    for name, value in (("deleted", deleted), ("links", links)):
        if value is not None and type(value) is not bool:
            return PLAIN, Fault("must be true or false", pointer=f"/{name}")
    if links and not deleted:
        return PLAIN, Fault("means nothing without `deleted`", pointer="/links")
    if version is not None and (type(version) is not int or version < 1):
        return PLAIN, Fault("must be the version that the record has, a whole number from 1", pointer="/version")
    manner = Manner(
        by_identifier=match is not None,
        merges=mode is Mode.MERGE and not deleted,
        deletes=bool(deleted),
        links=bool(links),
        version=version,
    )
    return PLAIN if manner == PLAIN else manner, None
