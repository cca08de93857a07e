"""Erases records: what they held leaves the tables, the change log, the search index and the stored answers.

An erased record keeps its id, kind, versions and times in the log, and its id is never used again.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import cache, partial
from operator import attrgetter
from secrets import token_hex
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.full_text import full_text_of
from app.db.sql import CHUNK, among, chunks
from app.domain.vocabulary import Kind
from app.errors import Erased, Merged, NotFound, StillNamed, StillReferenced
from app.faults import FAULTS_ALIKE, Fault, Faults, summary
from app.models.access import FirstAnswer
from app.models.records import Change, Name, Record, Redirect
from app.text.mentions import matcher, may_contain
from app.writing.batch import Batch, Content, Manner, Wanted
from app.writing.identity import uuid7
from app.writing.operations import Guard
from app.writing.private_texts import AT_ONCE, PrivateTexts, pieces, private_texts, strings_in
from app.writing.queue import Apply
from app.writing.restoring import Entry, entries
from app.writing.write_schema import names_in
from app.writing.writer import Settled, Writer

changes: sa.Table = Change.__table__
names_: sa.Table = Name.__table__
records: sa.Table = Record.__table__
redirects: sa.Table = Redirect.__table__
answers: sa.Table = FirstAnswer.__table__

SHORTEST_NAME = 2
"""The least number of letters of a name that is looked for in the texts of other records."""
_COLUMNS = ("seq", "record_id", "kind", "version", "state")
_CITED = re.compile(r'"record":"([^"]+)"')


class Mention(NamedTuple):
    """Versions of another record that contain a name of the erased record, or refer to it."""

    id: str
    kind: Kind
    versions: list[int]
    fields: list[str]
    """For the present version: the fields whose texts contain a name."""


class Erasure(NamedTuple):
    """What an erasure did."""

    erased: list[tuple[str, Kind]]
    """The (id, kind) of the record, of those that were merged into it, and of its link records and citations."""
    blanked: list[Mention]
    """Earlier versions of other records whose content was taken out of the history."""
    mentions: list[Mention]
    """The present versions of other records whose texts contain one of its names, and stay as they are."""
    answers: int
    """How many answers that were stored for an `Idempotency-Key` were dropped."""
    documents: list[str]
    """The ids of the documents that contained one of its names. Their texts were removed."""
    proposals: list[str]
    """The ids of the proposals that named it. What named it in them was removed."""
    transaction: str


class _Found(NamedTuple):
    """An entry of the log that contains something that was looked for."""

    seq: int
    id: str
    kind: Kind
    version: int
    content: Content
    """Its state, with the fields of today."""
    fields: list[str]
    """The fields whose texts contain one of the names that were looked for."""


class _Gone(NamedTuple):
    """A record that is deleted or merged already, and its last version."""

    id: str
    kind: Kind
    version: int


class _Plan(NamedTuple):
    """What is to be erased."""

    gone: list[_Gone]
    """The records to erase that do not exist any more."""
    settled: Settled | None
    """The records to erase that exist."""
    ids: AbstractSet[str]
    names: AbstractSet[str]
    blanked: list[_Found]
    mentions: list[Mention]
    private: PrivateTexts


class Eraser:
    """Erases records."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def erase(
        self,
        connection: Connection,
        record_id: str,
        *,
        kinds: Collection[Kind],
        author: str,
        guard: Guard | None = None,
        confirmed: bool = False,
        keeps_history: bool = False,
    ) -> Apply[list[Erasure]]:
        """Check whether the record can be erased, and return the function that erases it.

        The record may be deleted already. Raises NotFound if no record of one of these kinds has or had the id, Erased if it
        was erased before, Merged if it was merged into another, and StillReferenced if other records refer to it. Unless
        `confirmed`, also raises StillNamed if the present texts of other records, documents or proposals contain one of its
        names. Past versions of the records that contain one are erased, too, unless `keeps_history`; documents and proposals
        lose theirs.
        """
        log = entries(connection, changes.c.record_id == record_id)
        if not log or log[-1].kind not in kinds:
            raise NotFound(f"no record of {' or '.join(kinds) if len(kinds) == 1 else 'any kind'} has or had {record_id!r}")
        if log[-1].operation == "erase":
            raise Erased(f"the {log[-1].kind} {record_id!r} was erased already")
        if log[-1].into is not None:
            raise Merged(f"the {log[-1].kind} {record_id!r} was merged into {log[-1].into!r}", into=log[-1].into)
        if guard is not None:
            guard.check(record_id, None if log[-1].state is None else log[-1].version)
        plan = self._planned(connection, log, keeps_history=keeps_history)
        if (plan.mentions or plan.private) and not confirmed:
            faults = Faults()
            for each in plan.mentions:
                faults.add(Fault(f"the {each.kind} {each.id!r} names it in: {', '.join(each.fields)}", pointer=f"/{each.id}"))
            for document in plan.private.documents:
                faults.add(Fault(f"the document {document!r} names it; its text will be removed", pointer=f"/{document}"))
            for proposal in plan.private.proposals:
                faults.add(Fault(f"the proposal {proposal!r} names it; what does will be removed", pointer=f"/{proposal}"))
            told = faults.told()
            advice = "change texts of records, or confirm with `confirmed` that they stay and that private texts go"
            raise StillNamed(f"{summary(told)}; {advice}", faults=told)
        return partial(self._apply, connection, plan, author)

    # -- what is to be erased ------------------------------------------------------------------------------------------

    def _planned(self, connection: Connection, log: list[Entry], *, keeps_history: bool) -> _Plan:
        record_id, kind = log[-1].id, log[-1].kind
        merged = self._merged_into(connection, record_id)
        histories = [log, *(entries(connection, changes.c.record_id == each) for each in merged)]
        names = {name for history in histories for entry in history for name in _names_at(entry)}
        batch = Batch(problem=StillReferenced, conflicts=Faults(alike=FAULTS_ALIKE))
        if log[-1].state is not None:
            self._add(connection, batch, kind, record_id)
        erased = set(batch.wanted)
        ids = {record_id, *merged}
        names -= self._names_of_others(connection, kind, names - set(_names(log)), ids)
        found = {each.seq: each for each in self._log_with(connection, ids, names)}
        last = self._last(connection, {each.id for each in found.values()})
        ids |= {each.id for each in found.values() if each.version == last[each.id][0] and self._links(each, ids)}
        ids |= erased
        citations, moved = self._citations_of(connection, ids)
        ids |= citations
        found |= {each.seq: each for each in moved}
        last |= self._last(connection, {each.id for each in moved})
        others = [each for each in found.values() if each.id not in ids]
        named = {each.seq: each.fields for each in others if each.fields}
        standing = {each.seq for each in others if last[each.id] == (each.version, True)}
        mentions = [each for each in others if each.seq in named and each.seq in standing]
        blanked = [
            each
            for each in others
            if each.seq not in standing and (self._refers(each, ids) or (each.seq in named and not keeps_history))
        ]
        gone = self._gone(connection, ids - erased)
        settled = self._writer.settle(connection, batch) if batch.wanted else None
        # `settle` may have added records whose citations are erased; these records stay.
        by_record = _by_record(mentions, named)
        return _Plan(
            gone, settled, {each.id for each in gone} | erased, names, blanked, by_record, private_texts(connection, names, ids)
        )

    def _add(self, connection: Connection, batch: Batch, kind: Kind, record_id: str) -> None:
        """Add the record, its link records and their citations to the batch."""
        old, version = self._writer.states(connection, kind, [record_id])[record_id]
        resource = self._writer.resources[kind]
        wanted = Wanted(resource, old, deleted=True, old=old, version=version + 1, manner=Manner(links=True))
        batch.add(wanted)
        self._writer.deleting.add_dependents(connection, batch, [wanted])
        for each in batch.wanted.values():
            each.doing = "erase"

    def _merged_into(self, connection: Connection, record_id: str) -> set[str]:
        """The ids of the records that were merged into this one, also by way of others."""
        found: set[str] = set()
        new = {record_id}
        while new:
            query = sa.select(redirects.c.old_id).where(among(redirects.c.new_id, sorted(new), self._writer.encode))
            new = set(connection.execute(query).scalars()) - found
            found |= new
        return found

    def _log_with(self, connection: Connection, ids: Collection[str], names: Collection[str]) -> Iterator[_Found]:
        """Yield the entries of other records that refer to one of these ids, or whose texts contain one of these names.

        The log is read once, in pieces. Most of it is passed over without being parsed.
        """
        quoted = re.compile("|".join(re.escape(f'"{each}"') for each in sorted(ids)))
        may_have, has_name = may_contain(names), matcher(names)
        query = sa.select(*(changes.c[name] for name in _COLUMNS)).where(changes.c.state.is_not(None))
        for row in connection.execute(query.execution_options(yield_per=CHUNK)):
            if row.record_id not in ids and (quoted.search(row.state) or may_have(row.state)):
                found = self._found(*row)
                found = found._replace(fields=self._fields_with(found, has_name))
                if found.fields or self._refers(found, ids):
                    yield found

    def _found(self, seq: int, record_id: str, kind: str, version: int, state: str) -> _Found:
        schema = self._writer.schemas[Kind(kind)]
        return _Found(seq, record_id, schema.resource.kind, version, schema.of_today(json.loads(state)), [])

    def _citations_of(self, connection: Connection, ids: Collection[str]) -> tuple[set[str], list[_Found]]:
        """The ids of the citations of these records, also of those that were deleted; and versions of other citations.

        The second value has the past versions of citations that support another record by now.
        """
        query = sa.select(*(changes.c[name] for name in _COLUMNS)).order_by(changes.c.seq)
        query = query.where(changes.c.kind == Kind.CITATION, changes.c.state.is_not(None))
        cites: dict[str, bool] = {}
        matches = []
        for row in connection.execute(query.execution_options(yield_per=CHUNK)):
            cited = _CITED.search(row.state)
            cites[row.record_id] = cited is not None and cited[1] in ids
            if cites[row.record_id]:
                matches.append(row)
        past = [self._found(*row) for row in matches if not cites[row.record_id]]
        return {record_id for record_id, is_of_these in cites.items() if is_of_these}, past

    def _names_of_others(self, connection: Connection, kind: Kind, past: Collection[str], ids: Collection[str]) -> set[str]:
        """Those of the past names that are names of other records by now. A merge that was undone had brought them."""
        if not past:
            return set()
        held = sa.select(names_.c.text).join(records, records.c.id == names_.c.record_id)
        conditions = (records.c.kind == kind, records.c.id.not_in(sorted(ids)))
        queries = (
            held.where(names_.c.text.in_(sorted(past)), *conditions),
            sa.select(records.c.name).where(records.c.name.in_(sorted(past)), *conditions),
        )
        return {text for query in queries for text in connection.execute(query).scalars()}

    def _last(self, connection: Connection, ids: Iterable[str]) -> dict[str, tuple[int, bool]]:
        """By id: (the last version with content, whether the record still exists)."""
        several = sorted(ids)
        standing = self._writer.references.kinds(connection, several)
        found: dict[str, tuple[int, bool]] = {}
        for some in chunks(several):
            query = sa.select(changes.c.record_id, sa.func.max(changes.c.version)).group_by(changes.c.record_id)
            query = query.where(among(changes.c.record_id, some, self._writer.encode), changes.c.state.is_not(None))
            found |= {record_id: (version, record_id in standing) for record_id, version in connection.execute(query)}
        return found

    def _gone(self, connection: Connection, ids: Iterable[str]) -> list[_Gone]:
        """Of the records with these ids, which do not exist any more, those that are not erased yet."""
        found = []
        for some in chunks(sorted(ids)):
            erased = sa.func.max(sa.case((changes.c.operation == "erase", 1), else_=0))
            columns = (changes.c.record_id, sa.func.max(changes.c.kind), sa.func.max(changes.c.version), erased)
            query = sa.select(*columns).where(among(changes.c.record_id, some, self._writer.encode))
            rows = connection.execute(query.group_by(changes.c.record_id))
            found += [_Gone(record_id, Kind(kind), version) for record_id, kind, version, is_erased in rows if not is_erased]
        return found

    def _links(self, found: _Found, ids: Collection[str]) -> bool:
        """Whether the entry is that of a citation of one of these records, or of a record that only links one."""
        links = self._writer.resources[found.kind].links
        fields = (field for field in self._writer.schemas[found.kind].references if field.name in links)
        return any(target in ids for field in fields for target in field.ids(found.content))

    def _refers(self, found: _Found, ids: Collection[str]) -> bool:
        return any(target in ids for target in self._writer.schemas[found.kind].targets(found.content))

    def _fields_with(self, found: _Found, has_name: Callable[[str], object]) -> list[str]:
        """The fields of an entry whose texts contain one of the names. Words of vocabularies, codes and ids are no texts."""
        resource = self._writer.resources[found.kind]
        targets = set(self._writer.schemas[found.kind].targets(found.content))
        fields = []
        for field in found.content.keys() - _coded(resource.table):
            members = _coded(resource.parts[field].table) if field in resource.parts else ()
            if any(text not in targets and has_name(text) for text in strings_in(found.content[field], members)):
                fields.append(field)
        return sorted(fields)

    # -- erasing -------------------------------------------------------------------------------------------------------

    def _apply(self, connection: Connection, plan: _Plan, author: str) -> list[Erasure]:
        report = self._writer.apply(connection, plan.settled, author=author) if plan.settled is not None else None
        transaction = (report and report.transaction) or uuid7()
        rows = [
            {
                "record_id": each.id,
                "kind": each.kind,
                "operation": "erase",
                "version": each.version + 1,
                "at": datetime.now(UTC),
                "author": author,
                "transaction": transaction,
                "digest": token_hex(4),
            }
            for each in plan.gone
        ]
        if rows:
            connection.execute(changes.insert(), rows)
        encode = self._writer.encode
        for some in chunks(sorted(plan.ids)):
            connection.execute(changes.update().where(among(changes.c.record_id, some, encode)).values(state=None))
            connection.execute(redirects.delete().where(among(redirects.c.old_id, some, encode)))
        for several in pieces(plan.blanked):
            seqs = [each.seq for each in several]
            connection.execute(changes.update().where(changes.c.seq.in_(seqs)).values(state=None))
        plan.private.remove(connection)
        dropped = _drop_answers(connection, plan.ids, plan.names)
        full_text_of(connection.dialect).forget_removed(connection)
        private = plan.private
        existing = [(each.id, each.kind) for each in report.written if each.operation == "erase"] if report else []
        erased = existing + [(each.id, each.kind) for each in plan.gone]
        return [
            Erasure(
                erased, _by_record(plan.blanked, {}), plan.mentions, dropped, private.documents, private.proposals, transaction
            )
        ]


def _drop_answers(connection: Connection, ids: AbstractSet[str], names: AbstractSet[str]) -> int:
    """Delete the stored answers that contain one of these ids or names. Returns how many there were."""
    has_name = matcher(names)
    columns = (answers.c.key_id, answers.c.idempotency_key, answers.c.body)
    rows = connection.execute(sa.select(*columns).execution_options(yield_per=AT_ONCE))
    dropped = [
        (key_id, idempotency_key)
        for key_id, idempotency_key, body in rows
        if any(text in ids or has_name(text) for text in strings_in(json.loads(body or "null")))
    ]
    for key_id, idempotency_key in dropped:
        key = (answers.c.key_id == key_id, answers.c.idempotency_key == idempotency_key)
        connection.execute(answers.delete().where(*key))
    return len(dropped)


def _names(log: Iterable[Entry]) -> Iterator[str]:
    """Yield the last names of a record."""
    states = [entry for entry in log if entry.state is not None]
    return _names_at(states[-1]) if states else iter(())


def _names_at(entry: Entry) -> Iterator[str]:
    """Yield the names that the record had at an entry of its log."""
    content = json.loads(entry.state) if entry.state is not None else {}
    for name in (content.get("sort_name"), *(name for name, _ in names_in(content))):
        if name and len(name) >= SHORTEST_NAME:
            yield name


@cache
def _coded(table: sa.Table) -> frozenset[str]:
    """The fields of the table's records, or items, that are no free texts: ids, words, codes, numbers."""
    coded = (column.name for column in table.c if column.info or type(column.type) is not sa.String)
    return frozenset(name for each in coded for name in (each, each.removesuffix("_id"))) | {"id", "kind", "identifier"}


def _by_record(found: Iterable[_Found], fields: Mapping[int, list[str]]) -> list[Mention]:
    """One mention for each record. `fields`: by seq, the fields with a name."""
    by_id: dict[str, Mention] = {}
    for each in sorted(found, key=attrgetter("seq")):
        mention = by_id.setdefault(each.id, Mention(each.id, each.kind, [], fields.get(each.seq, [])))
        mention.versions.append(each.version)
    return list(by_id.values())
