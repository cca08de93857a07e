"""Checks that keys other than the id are unique, and finds the stored record that a line without an id means.

A natural key identifies a record that links others. Two kinds of it are special. If a key ends with a period (memberships,
positions), several records may have the same other fields, as long as their periods do not overlap. If a key ends with free
text (participants, actions), a line may mean a stored record although the text differs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from app.db.driver import Statement
from app.db.sql import Encode, chunks, ids_parameter, is_one_of, run
from app.declaration.resource import Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.reading.compiler import Compiler
from app.writing.batch import Batch, Content, Wanted
from app.writing.completion import Completion
from app.writing.identity import uuid7
from app.writing.references import References

Key = tuple[Any, ...]


class Holder(NamedTuple):
    """A record that has a key, with the fields of its period; both are None if its kind has none."""

    id: str
    since: str | None = None
    until: str | None = None


class NaturalKeys:
    """Looks up keys. The caller holds the write lock, so the result is still true at the commit."""

    def __init__(self, resources: Mapping[Kind, Resource], references: References, compiler: Compiler, encode: Encode) -> None:
        self.resources = resources
        self.references = references
        self.encode = encode
        self._compiler = compiler
        self._statements: dict[tuple[Kind, Sequence[str]], Statement] = {}

    def meant(self, connection: Connection, batch: Batch, several: Iterable[Wanted]) -> dict[Wanted, str]:
        """The ids of the stored records that lines without an id mean by their keys. Lines that mean none are left out.

        Adds a fault for each line that may mean several.
        """
        by_kind: dict[Kind, list[Wanted]] = {}
        for wanted in several:
            if wanted.resource.natural_key and wanted.key(wanted.resource.natural_key[:1]) != (None,):
                by_kind.setdefault(wanted.resource.kind, []).append(wanted)
        found: dict[Wanted, str] = {}
        for kind, lines in by_kind.items():
            fields = self.resources[kind].base_key
            standing = self.standing(connection, kind, fields, {first for wanted in lines for first in wanted.key(fields[:1])})
            for wanted in lines:
                holders = standing.get(wanted.key(fields), [])
                if not holders and wanted.resource.free_text and not wanted.content.get(fields[-1]):
                    holders = _but_for_text(standing).get(wanted.key(fields)[:-1], [])
                since = _holder(wanted).since
                exact = [each for each in holders if since is None or each.since == since]
                if len(exact) > 1:
                    detail = f"may mean {' or '.join(sorted(each.id for each in exact))}; write the id"
                    batch.blame(wanted, detail, "/id", conflict=True)
                elif exact:
                    found[wanted] = exact[0].id
        return found

    def check(self, connection: Connection, batch: Batch, there: dict[str, Kind], completion: Completion | None = None) -> None:
        """Add a fault for each record of the batch whose key another record has.

        If a record was sent without an id, and a stored record is meant by its key, the sent record gets the id of the stored
        one. `there` has, by id, the kinds of the records that exist. When a sent record gets a stored id, that id is added to
        `there`. `completion` completes lines that merge when it is known which record they mean.
        """
        mean = _Meant(batch, there, self.references, completion)
        by_kind: dict[Kind, list[Wanted]] = {}
        for wanted in batch.wanted.values():
            if not wanted.deleted:
                by_kind.setdefault(wanted.resource.kind, []).append(wanted)
        # Citations come last: their key has the id of the record that they support, which may follow from another key.
        for kind, lines in sorted(by_kind.items(), key=lambda each: each[0] is Kind.CITATION):
            resource = self.resources[kind]
            several = [each for each in lines if batch.wanted.get(each.id) is each]
            for fields in resource.keys:
                firsts = {first for wanted in several for first in wanted.key(fields[:1]) if first}
                if fields != resource.natural_key:
                    self._check_unique(mean, several, fields, self.standing(connection, kind, fields, firsts))
                    continue
                # The first field of a natural key is a reference. No stored record refers to a record that does not exist. So
                # if the record that a key refers to does not exist, no stored record has the key, and no look-up is needed.
                firsts &= there.keys()
                if resource.period is not None:
                    standing = self.standing(connection, kind, resource.base_key, firsts)
                    mean.prepare(several, standing)
                    mean.forget_other_keys(several, standing)
                    self._check_periods(mean, several, standing)
                    continue
                standing = self.standing(connection, kind, fields, firsts)
                mean.prepare(several, standing)
                mean.forget_other_keys(several, standing)
                if resource.free_text:
                    self._match_but_for_text(mean, several, standing)
                self._check_unique(mean, [each for each in several if each.id in batch.wanted], fields, standing)

    def standing(
        self, connection: Connection, kind: Kind, fields: Sequence[str], firsts: Iterable[str]
    ) -> dict[Key, list[Holder]]:
        """The stored records by their values in `fields`, if the first of these values is in `firsts`."""
        if (kind, fields) not in self._statements:
            resource = self.resources[kind]
            period = resource.period or ()
            columns = [
                resource.table.c[name] if name in resource.table.c else resource.table.c[f"{name}_id"]
                for name in (*fields, *period)
            ]
            query = select(resource.table.c.id, *columns).where(is_one_of(columns[0], ids_parameter()))
            self._statements[kind, fields] = self._compiler.to_statement(query)
        found: dict[Key, list[Holder]] = {}
        for chunk in chunks(firsts):
            for record_id, *values in run(connection, self._statements[kind, fields], ids=self.encode(chunk)):
                key = tuple(value or None for value in values[: len(fields)])
                found.setdefault(key, []).append(Holder(record_id, *values[len(fields) :]))
        return found

    # -- unique keys -----------------------------------------------------------------------------------------------------

    def _check_unique(
        self,
        mean: "_Meant",
        several: Iterable[Wanted],
        fields: Sequence[str],
        standing: Mapping[Key, Sequence[Holder]],
    ) -> None:
        batch = mean.batch
        taken = {key: holders[0].id for key, holders in standing.items()}
        for wanted in several:
            key = wanted.key(fields)
            if key[0] is None:
                continue
            other = taken.setdefault(key, wanted.id)
            if other == wanted.id:
                continue
            sent = batch.wanted.get(other)
            if sent is not None and (sent.deleted or sent.key(fields) != key):
                taken[key] = wanted.id
            elif not wanted.named and sent is None:
                mean.rename(wanted, other)
            elif sent is None and wanted.content.get("record") in batch.cited:
                # The key is free: the request replaces all citations of the record. The stored citation with this key was not
                # sent, so it will be deleted.
                taken[key] = wanted.id
            else:
                shared = f"{' and '.join(fields)} are those of the {wanted.resource.kind} {other!r}"
                batch.blame(wanted, f"{shared}; change that one, or write what sets the two apart", conflict=True)

    # -- free text in keys -------------------------------------------------------------------------------------------------

    @staticmethod
    def _match_but_for_text(mean: "_Meant", several: Sequence[Wanted], standing: Mapping[Key, Sequence[Holder]]) -> None:
        """Give lines without an id the id of the stored record that differs in nothing but the free text of its key.

        This is done only if exactly one stored record and exactly one line are so. Otherwise the text sets records apart.
        """
        short = _but_for_text(standing)
        claims = Counter(wanted.key(wanted.resource.natural_key)[:-1] for wanted in several)
        for wanted in several:
            key = wanted.key(wanted.resource.natural_key)
            alike = short.get(key[:-1], [])
            is_clear = len(alike) == 1 and claims[key[:-1]] == 1 and key not in standing
            if is_clear and not wanted.named and alike[0].id not in mean.batch.wanted:
                mean.rename(wanted, alike[0].id)

    # -- periods in keys -----------------------------------------------------------------------------------------------------

    def _check_periods(self, mean: "_Meant", several: Iterable[Wanted], standing: Mapping[Key, Sequence[Holder]]) -> None:
        batch = mean.batch
        sent: dict[Key, list[Holder]] = {}
        for wanted in several:
            key = wanted.key(wanted.resource.base_key)
            others = [each for each in standing.get(key, ()) if each.id not in batch.wanted]
            if not wanted.named and wanted.id not in {each.id for each in standing.get(key, ())}:
                meant = self._meant(batch, wanted, others)
                if meant is not None:
                    mean.rename(wanted, meant.id)
                    others.remove(meant)
            if batch.wanted.get(wanted.id) is not wanted:
                continue  # another line means the same record; `Batch.add` has compared the two
            holder = _holder(wanted)
            same = sent.setdefault(key, [])
            for other in (*others, *same):
                if _clash(holder, other):
                    batch.blame(wanted, _told(wanted, other), f"/{wanted.resource.natural_key[-1]}", conflict=other in others)
                    break
            same.append(holder)

    def _meant(self, batch: Batch, wanted: Wanted, others: Sequence[Holder]) -> Holder | None:
        """The stored record that a line without an id means.

        It is the one with the same `since`. A line without `since` means the only record with its key. A line with another
        `since` makes a record more precise: the only one whose period overlaps, if that record may have begun on that day.
        """
        mine = _holder(wanted)
        exact = [each for each in others if each.since == mine.since]
        if exact:
            return exact[0]
        if mine.since is None and len(others) == 1:
            (only,) = others
            if wanted.manner.merges:
                return only
            detail = f"{_name(wanted, only)} stands since {only.since}; write its since, which this line would take away"
            batch.blame(wanted, detail, f"/{wanted.resource.natural_key[-1]}", conflict=True)
            return only
        overlapping = [each for each in others if _clash(mine, each)]
        if mine.since is not None and len(overlapping) == 1 and _may_begin(overlapping[0], mine.since):
            return overlapping[0]
        return None


def _but_for_text(standing: Mapping[Key, Iterable[Holder]]) -> dict[Key, list[Holder]]:
    """The stored records by their keys without the free text at the end."""
    short: dict[Key, list[Holder]] = {}
    for key, holders in standing.items():
        short.setdefault(key[:-1], []).extend(holders)
    return short


class _Meant(NamedTuple):
    """Gives lines without an id the ids of the stored records that they mean."""

    batch: Batch
    there: dict[str, Kind]
    references: References
    completion: Completion | None

    def prepare(self, several: Iterable[Wanted], standing: Mapping[Key, Iterable[Holder]]) -> None:
        """Read the stored records that lines may mean, all with one query."""
        if self.completion is not None and (merging := [each for each in several if each.manner.merges and not each.named]):
            self.completion.load(merging[:1], [holder.id for holders in standing.values() for holder in holders])

    def forget_other_keys(self, several: Iterable[Wanted], standing: Mapping[Key, Iterable[Holder]]) -> None:
        """Give lines without an id a new id if the record with the id that was derived from their key has another key by now.

        If that record still has the key, the line means it.
        """
        keys = {holder.id: (key, holder.since) for key, holders in standing.items() for holder in holders}
        for wanted in several:
            if wanted.id in keys:  # an id that was derived anew, from a reference to another record, was not looked up before
                self.there[wanted.id] = wanted.resource.kind
            if wanted.named or wanted.manner.by_identifier or wanted.id not in self.there:
                continue
            resource = wanted.resource
            fields = resource.base_key if resource.period is not None else resource.natural_key
            if keys.get(wanted.id) != (wanted.key(fields), _holder(wanted).since):
                before = wanted.id
                self.batch.rename(wanted, uuid7())
                self.references.follow(self.batch, before, wanted.id)
            elif self.completion is not None:
                self.completion.merge(wanted)

    def rename(self, wanted: Wanted, record_id: str) -> None:
        """Let a line mean a stored record."""
        before = wanted.id
        self.there[record_id] = wanted.resource.kind
        self.batch.rename(wanted, record_id)
        self.references.follow(self.batch, before, record_id)
        if self.completion is not None and self.batch.wanted.get(record_id) is wanted:
            self.completion.merge(wanted)


def _holder(wanted: Wanted) -> Holder:
    return Holder(wanted.id, *(wanted.content.get(name) for name in wanted.resource.period or ()))


def is_same(one: Wanted, other: Wanted) -> bool:
    """Whether two link records of a kind cannot both stand, because they have the same natural key or overlapping periods."""
    fields = one.resource.base_key
    if one.key(fields) != other.key(fields):
        return False
    return one.resource.period is None or _clash(_holder(one), _holder(other))


def overlaps(resource: Resource, contents: Iterable[Content]) -> Iterator[str]:
    """Yield a message for each pair of stored records with the same key and overlapping periods."""
    if resource.period is None:
        return
    by_key: dict[Key, list[Holder]] = {}
    for wanted in (Wanted(resource, content) for content in contents):
        holder = _holder(wanted)
        same = by_key.setdefault(wanted.key(resource.base_key), [])
        yield from (f"{resource.kind} {holder.id}: overlaps {other.id}" for other in same if _clash(holder, other))
        same.append(holder)


def _clash(one: Holder, other: Holder) -> bool:
    """Whether two records with the same key cannot both stand: they begin alike, or overlap by more than a day."""
    return one.since == other.since or edtf.overlap((one.since, one.until), (other.since, other.until))


def _may_begin(other: Holder, since: str) -> bool:
    if other.since is None:
        return True
    possible, said = edtf.bounds(other.since), edtf.bounds(since)
    return possible.start <= said.start and said.end <= possible.end


def _name(wanted: Wanted, other: Holder) -> str:
    fields = ", ".join(wanted.resource.base_key)
    return f"the {wanted.resource.kind} {other.id!r} with the same {fields}"


def _told(wanted: Wanted, other: Holder) -> str:
    said = f"overlaps {_name(wanted, other)}, which holds {other.since or '..'}/{other.until or '..'}"
    return f"{said}; change that one, or write {' and '.join(wanted.resource.period or ())} that set the two apart"
