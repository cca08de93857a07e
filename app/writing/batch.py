"""Records to be written together, and lines of the exchange format read into them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import FAULTS_ALIKE, Conflict, Fault, Faults, Invalid, Problem, summary
from app.writing.identity import uuid7
from app.writing.write_schema import MAX_CITATIONS, ContentSchema, id_in, read_json

Content = dict[str, Any]
Identify = Callable[[ContentSchema, Content], str | None]


class Line(NamedTuple):
    """A record as it came: where from, and its JSON."""

    where: str
    text: str | bytes


@dataclass(eq=False, slots=True)
class Wanted:
    """A record to be written, or to be deleted."""

    id: str = field(init=False)
    resource: Resource
    content: Content
    line: str | None = None
    pointer: str = ""
    """Where in its line or body it stands."""
    doing: str = "replace"
    """What is done to a record that is there already, as the log calls it."""
    deleted: bool = False
    into: str | None = None
    """Of what is deleted: the record that takes its place."""
    moved: bool = False
    """Its version moves although its own fields do not: its citations changed."""
    named: bool = True
    """Whether it came with its id."""
    fresh: bool = False
    """Whether its id was made for it, so that nothing can be there."""
    old: Content | None = None
    version: int = 1
    """The version that it will have."""
    created: str | None = None
    """When it was made, if it is not new."""
    said: Any = None
    """What search keeps of its own words, where that was made before its turn came (`Documents.prepare`)."""
    origin: tuple[str, str] | None = None
    """Whose it is and with what transaction the log has it, where the batch is of several requests."""

    def __post_init__(self) -> None:
        self.id = self.content["id"]

    @property
    def occasion(self) -> str | None:
        """The id of the record from which it has its dates if it states none."""
        field = self.resource.dated_by
        return self.content.get(field) if field else None

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.deleted or self.moved or self.old != self.content

    @property
    def operation(self) -> str:
        """What is done to it, as the log calls it."""
        if self.deleted:
            return "delete" if self.into is None else "merge"
        if self.doing in ("merge", "restore"):
            return self.doing
        if self.old is None:
            return "create"
        return "replace" if self.doing == "create" else self.doing

    def key(self, fields: Sequence[str]) -> tuple[Any, ...]:
        """Its values of these fields."""
        return tuple(self.content.get(name) or None for name in fields)


class Written(NamedTuple):
    """What a batch did to a record."""

    id: str
    kind: Kind
    operation: str
    line: str | None


@dataclass
class Report:
    """What a batch did, in the order in which it came."""

    written: list[Written]

    @property
    def counts(self) -> dict[str, int]:
        """How many records were created, replaced (in whatever way), left as they were, deleted."""
        said = {"create": "created", "unchanged": "unchanged", "delete": "deleted"}
        found = dict.fromkeys(("created", "replaced", "unchanged", "deleted"), 0)
        for each in self.written:
            found[said.get(each.operation, "replaced")] += 1
        return found

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())


@dataclass
class Batch:
    """Records to be written together, by id, and what is wrong with them."""

    wanted: dict[str, Wanted] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    faulty: dict[str, Kind] = field(default_factory=dict)
    """Records that are at fault by themselves: what refers to them is not."""
    conflicts: Faults = field(default_factory=Faults)
    """Faults of what is there rather than of what came."""
    problem: type[Problem] | None = None
    """What its faults are told as; without it Invalid, or Conflict where what came has none of its own."""
    suspects: list[Wanted] = field(default_factory=list)
    """As much of the records at fault as refers to others, so that faults of references are told with the rest."""
    cut: set[str] = field(default_factory=set)
    """Records that came with the first of their citations, as a reader is shown them where they are very many."""
    cited: dict[str, list[Wanted]] = field(default_factory=dict)
    """For records that came with their citations: these. Others that they have are deleted."""
    _read: "_Read | None" = None
    """What it was when it was written for the first time."""

    @classmethod
    def of_many(cls) -> Self:
        """A batch of so many records that of faults of one sort the first few are told."""
        return cls(faults=Faults(alike=FAULTS_ALIKE), conflicts=Faults(alike=FAULTS_ALIKE))

    def again(self) -> Self:
        """The batch as it was read, whatever an earlier transaction made of it that was rolled back."""
        if self._read is None:
            self._read = _Read(
                list(self.wanted.values()),
                {each: each.id for each in self.wanted.values() if not each.named},
                deepcopy(self.faults),
                deepcopy(self.conflicts),
            )
            return self
        several, ids, faults, conflicts = self._read
        for each in several:
            each.old, each.version, each.created, each.moved = None, 1, None, False
            if each in ids:
                each.id = each.content["id"] = ids[each]
        self.wanted = {each.id: each for each in several}
        self.faults, self.conflicts = deepcopy(faults), deepcopy(conflicts)
        return self

    def add(self, wanted: Wanted) -> Wanted:
        """Take a record in, and return the one that stands for it; two of one id must say the same."""
        first = self.wanted.setdefault(wanted.id, wanted)
        if first is not wanted and first.content != wanted.content:
            where = first.line or first.pointer
            self.blame(wanted, f"{wanted.id!r} stands already in {where} with another content", "/id")
        return first

    def rename(self, wanted: Wanted, record_id: str) -> None:
        """Give a record that came without an id the one that it has already."""
        del self.wanted[wanted.id]
        wanted.id = wanted.content["id"] = record_id
        self.add(wanted)

    def blame(self, wanted: Wanted, detail: str, pointer: str = "", *, conflict: bool = False) -> None:
        """Remember a fault; a `conflict` is one with what is there already."""
        faults = self.conflicts if conflict else self.faults
        faults.add(Fault(detail, pointer=wanted.pointer + pointer, line=wanted.line))
        if faults.is_full:
            self.reject()

    def reject(self) -> None:
        """Raise what was found, if anything."""
        if self.faults or self.conflicts:
            faults = [*self.faults.told(), *self.conflicts.told()]
            problem = self.problem or (Invalid if self.faults else Conflict)
            raise problem(summary(faults), faults=faults)


class _Read(NamedTuple):
    """What a batch was read as."""

    wanted: list[Wanted]
    ids: dict[Wanted, str]
    """The derived ids of those that came without one."""
    faults: Faults
    conflicts: Faults


class Intake:
    """Reads records as they come, and finds whatever is wrong with each by itself."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema]) -> None:
        self.schemas = schemas

    def lines(self, lines: Iterable[Line], batch: Batch | None = None) -> Batch:
        """A batch of all lines, or one that has more already; what is wrong with them is in the batch."""
        batch = Batch.of_many() if batch is None else batch
        for line in lines:
            self._line(batch, line)
            if batch.faults.is_full:
                batch.reject()
        return batch

    def _line(self, batch: Batch, line: Line) -> None:
        def blame(detail: str, pointer: str = "") -> None:
            batch.faults.add(Fault(detail, pointer=pointer, line=line.where))

        try:
            data = read_json(line.text)
        except ValueError as error:
            return blame(f"is no JSON that is read here: {error}")
        if not isinstance(data, dict):
            return blame("is no JSON object")
        schema = self.schemas.get(data.get("kind")) if isinstance(data.get("kind"), str) else None  # type: ignore[arg-type]
        if schema is None:
            return blame(f"must be one of {', '.join(self.schemas)}", "/kind")
        self.record(batch, schema, data, line=line.where, identify=ContentSchema.derived_id)
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
    ) -> Wanted | None:
        """Take in what `data` says: the record, and the citations that came with it. None if it is at fault by itself.

        `identify` gives an id to what came without one.
        """
        resource = schema.resource
        content, faults = schema.check(data)
        named = content.get("id") is not None
        if not faults and not named:
            content["id"] = identify(schema, content)
            if content["id"] is None:
                faults = [Fault(f"a {resource.kind} needs an id", pointer="/id")]
        if faults:
            batch.faults.extend(fault._replace(line=line) for fault in faults)
            self._suspect(batch, schema, data, line)
            return None
        wanted = Wanted(resource, content, line=line, named=named, doing=doing)
        batch.add(wanted)
        self._citations(batch, wanted, data, identify)
        return wanted

    def _suspect(self, batch: Batch, schema: ContentSchema, data: Mapping[str, Any], line: str | None) -> None:
        """Look on for faults in what came with a record that is at fault itself."""
        record_id = id_in(data.get("id")) or uuid7()
        batch.faulty[record_id] = schema.resource.kind
        suspect = Wanted(schema.resource, {"id": record_id, **schema.references_in(data)}, line=line)
        alone = Batch()
        self._citations(alone, suspect, data, lambda _schema, _content: uuid7())
        batch.faults.extend(alone.faults.told())
        batch.suspects += [suspect, *alone.wanted.values()]

    def _citations(self, batch: Batch, of: Wanted, data: Mapping[str, Any], identify: Identify) -> None:
        """Take in the citations that came with a record, if any did."""
        if "citations" not in data or of.resource.kind is Kind.CITATION:
            return None
        citations = data["citations"]
        if not isinstance(citations, list):
            return batch.blame(of, "must be an array", "/citations")
        if len(citations) > MAX_CITATIONS:
            detail = f"may have {MAX_CITATIONS} citations, and has {len(citations)}; send the others as records of their own"
            return batch.blame(of, detail, "/citations")
        schema = self.schemas[Kind.CITATION]
        batch.cited[of.id] = []
        if "citations_more" in data:
            batch.cut.add(of.id)
        for place, citation in enumerate(citations):
            pointer = f"/citations/{place}"
            if not isinstance(citation, dict):
                batch.blame(of, "must be an object", pointer)
                continue
            content, faults = schema.check({**citation, "kind": Kind.CITATION.value, "record": of.id})
            batch.faults.extend(fault._replace(line=of.line, pointer=pointer + (fault.pointer or "")) for fault in faults)
            if faults:
                continue
            named = content["id"] is not None
            if not named:
                content["id"] = identify(schema, content)
            wanted = Wanted(schema.resource, content, line=of.line, pointer=pointer, named=named, doing=of.doing)
            batch.cited[of.id].append(batch.add(wanted))
        return None
