"""Writes the search entries of records: the terms by which search finds a record, from its content and its involved actors."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, chunks, ids_parameter, is_one_of, run
from app.domain import edtf
from app.domain.vocabulary import CALLED, Kind
from app.models.records import Involvement
from app.reading.compiler import Compiler
from app.search.index import Draft, Entry, Index
from app.text.terms import Own, Weight
from app.workers import JobRunner
from app.writing.batch import Content, Wanted
from app.writing.halting import unwatched
from app.writing.write_schema import ContentSchema

involvements: sa.Table = Involvement.__table__
Contents = Mapping[str, tuple[Kind, Content]]


class SearchEntries:
    """Writes search entries in the transaction that writes the records."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema], compiler: Compiler, encode: Encode, run_jobs: JobRunner) -> None:
        self._schemas = schemas
        self._encode = encode
        self._index = Index(compiler.dialect, encode, run_jobs)
        self.kinds = frozenset(kind for kind, schema in schemas.items() if schema.resource.searched)
        involved = sa.select(involvements.c.record_id, involvements.c.actor_id)
        self._involved = compiler.to_statement(involved.where(is_one_of(involvements.c.record_id, ids_parameter())))
        self._bounds = {
            kind: compiler.to_statement(
                sa.select(*(schema.resource.table.c[name] for name in ("id", "date_start", "date_end"))).where(
                    is_one_of(schema.resource.table.c.id, ids_parameter())
                )
            )
            for kind, schema in schemas.items()
            if schema.resource.inherits_dates
        }

    def drafts(self, changed: Iterable[Wanted]) -> dict[str, Draft]:
        """The drafts of changed records, by id. A draft is the part of a search entry that depends on the record alone."""
        return {
            each.id: self._prepared(each) or self._draft(each.resource.kind, each.content)
            for each in changed
            if each.resource.kind in self.kinds and not each.deleted
        }

    def prepare(self, several: Iterable[Wanted]) -> None:
        """Make the drafts before the write enters the queue, because making them takes more than half of an import's time."""
        for each in several:
            if each.resource.kind in self.kinds and not (each.manner.merges or each.manner.deletes):
                each.draft = self._draft(each.resource.kind, each.content)

    @staticmethod
    def _prepared(wanted: Wanted) -> Draft | None:
        """The draft that `prepare` made; None if there is none, or if the record's id has changed since."""
        draft: Draft | None = wanted.draft
        wanted.draft = None  # frees memory: a draft is as large as the record itself
        return draft if draft is not None and draft.record_id == wanted.id else None

    def put(
        self,
        connection: Connection,
        contents: Contents,
        *,
        replaced: Iterable[str],
        drafts: Mapping[str, Draft],
        progress: Callable[[int], object] = unwatched,
    ) -> None:
        """Remove the entries of the `replaced` records, and write the entries of the records in `contents`.

        `drafts` has, by record id, the drafts that were made in advance. The missing drafts are made here.
        """
        self._index.put(connection, self.entries(connection, contents, drafts), replaced=replaced, progress=progress)

    def refresh(
        self,
        connection: Connection,
        changed: Sequence[Wanted],
        others: Contents,
        drafts: Mapping[str, Draft],
        progress: Callable[[int], object],
    ) -> None:
        """Write the search entries of the changed records, and of the other records whose entries depend on them."""
        contents = {each.id: (each.resource.kind, each.content) for each in changed if not each.deleted}
        old = [each.id for each in changed if each.old is not None and each.resource.kind in self.kinds]
        self.put(connection, {**contents, **others}, replaced=[*old, *others], drafts=drafts, progress=progress)

    def entries(self, connection: Connection, contents: Contents, drafts: Mapping[str, Draft]) -> Iterator[Entry]:
        """Yield the search entries of the records in `contents`; involved actors and inherited dates come from the database."""
        several = {each: found for each, found in contents.items() if found[0] in self.kinds}
        for ids in chunks(several):
            involved: dict[str, list[str]] = {}
            for record_id, actor_id in run(connection, self._involved, ids=self._encode(ids)):
                involved.setdefault(record_id, []).append(actor_id)
            bounds = self._inherited_bounds(connection, {each: several[each] for each in ids})
            for each in ids:
                kind, content = several[each]
                draft = drafts.get(each) or self._draft(kind, content)
                if draft.date is None:
                    draft = draft._replace(date=edtf.spanning(bounds.get(each, edtf.NONE)))
                yield Entry(draft, edtf.event(draft.date) if draft.date else edtf.NONE, involved.get(each, ()))

    def _inherited_bounds(self, connection: Connection, contents: Contents) -> dict[str, edtf.Bounds]:
        undated: dict[Kind, list[str]] = {}
        for each, (kind, content) in contents.items():
            if kind in self._bounds and not content.get("date"):
                undated.setdefault(kind, []).append(each)
        return {
            each: edtf.Bounds(start, end)
            for kind, ids in undated.items()
            for each, start, end in run(connection, self._bounds[kind], ids=self._encode(ids))
        }

    def _draft(self, kind: Kind, content: Content) -> Draft:
        schema = self._schemas[kind]
        searched = schema.resource.searched
        assert searched is not None
        own = [Own(Weight.NAME, "names", name["language"], name["text"]) for name in content.get("names", ())]
        named = {each.text for each in own}
        language = content.get("language")
        stated = [Own(Weight.NAME, name, language, content[name]) for name in searched.names if content.get(name)]
        own = [*(each for each in stated if each.text not in named), *own]
        if "type" in content:
            own += _called(kind, content["type"])
        for weight, fields in ((Weight.TITLE, searched.titles), (Weight.TEXT, searched.texts)):
            own += [Own(weight, name, language, text) for path in fields for name, text in _texts(content, path)]
            if weight is Weight.TITLE:
                own += [Own(weight, "identifiers", None, each["identifier"]) for each in content.get("identifiers", ())]
        return self._index.draft(
            content["id"],
            kind,
            own,
            date=content.get(searched.date) if searched.date else None,
            country_id=content.get("country"),
            refers=schema.targets(content),
        )

    def disagreements(self, connection: Connection, contents: Contents) -> Iterator[str]:
        """Yield the differences between the stored search entries of these records and the entries made from `contents`."""
        return self._index.disagreements(connection, self.entries(connection, contents, {}))

    def unindexed(self, connection: Connection) -> Iterator[str]:
        """Yield the differences between the search entries and the database's full-text index."""
        return self._index.unindexed(connection)


def _texts(content: Content, path: str) -> Iterator[tuple[str, str]]:
    """Yield (field, text) for each text at a path of `Searched` that the record has."""
    field, _, member = path.partition(".")
    values = [item[member] for item in content.get(field, ())] if member else [content.get(field)]
    return ((field, value) for value in values if value)


@cache
def _called(kind: Kind, type_of: str) -> Sequence[Own]:
    """The names of a record type in all languages, which are terms by which search finds the records of this type."""
    return [Own(Weight.NAME, "type", language, text) for language, text in CALLED.get((kind, type_of), ())]
