"""References of records: the records that they mean, and which records refer to a record."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.driver import Statement
from app.db.sql import Encode, chunks, ids_parameter, is_one_of, literal, run
from app.declaration.resource import ReferenceColumn
from app.domain.vocabulary import Kind
from app.models.records import Record
from app.reading import naming
from app.reading.compiler import Compiler
from app.reading.naming import Candidates
from app.writing.batch import Batch, Wanted
from app.writing.write_schema import ContentSchema

records: sa.Table = Record.__table__
ALL = 2**31 - 1


class References:
    """Looks up references. The caller holds the write lock, so the result is still true at the commit."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema], compiler: Compiler, encode: Encode) -> None:
        self.schemas = schemas
        self.encode = encode
        self._compiler = compiler
        self._kinds = compiler.to_statement(
            sa.select(records.c.id, records.c.kind).where(is_one_of(records.c.id, ids_parameter()))
        )
        self._named = compiler.to_statement(naming.query())
        self._referrers: dict[Kind, Statement] = {}

    def kinds(self, connection: Connection, ids: Iterable[str]) -> dict[str, Kind]:
        """The kinds of the records in `ids` that exist, by id."""
        found: dict[str, Kind] = {}
        for chunk in chunks(set(ids)):
            rows = run(connection, self._kinds, ids=self.encode(chunk))
            found |= {record_id: Kind(kind) for record_id, kind in rows}
        return found

    def meaning(self, connection: Connection, value: str, kinds: Sequence[Kind]) -> naming.Meaning:
        """The record of one of these kinds for which a value stands."""
        rows = run(connection, self._named, **naming.parameters([value], self.encode))
        return naming.meaning(value, naming.candidates([value], rows)[value], kinds)

    def survivors(self, connection: Connection, ids: Iterable[str]) -> dict[str, tuple[str, Kind]]:
        """For each of the ids that is that of a merged record: the (id, kind) of the record that stays."""
        found: dict[str, tuple[str, Kind]] = {}
        for chunk in chunks(ids):
            for way, value, record_id, kind, _ in run(connection, self._named, **naming.parameters(chunk, self.encode)):
                if way == naming.Way.MERGED:
                    found[value] = record_id, Kind(kind)
        return found

    def targets(self, several: Iterable[Wanted]) -> set[str]:
        """The ids to which the given records refer."""
        return {target for each in several for target in self.schemas[each.resource.kind].targets(each.content)}

    def name_by_id(self, connection: Connection, batch: Batch, there: dict[str, Kind]) -> Candidates:
        """Replace each reference that is not an id, such as the code of a country or the id of a merged record, by the id.

        `there` has, by id, the kinds of the records that exist and are referred to; ids that are found are added to it. Returns
        what was looked up, by the value that was sent.
        """
        kinds = {**there, **batch.faulty, **{each.id: each.resource.kind for each in batch.wanted.values()}}
        several = [each for each in (*batch.wanted.values(), *batch.suspects) if not each.deleted]
        unclear = {
            target
            for each in several
            for field in self.schemas[each.resource.kind].references
            for target in field.ids(each.content)
            if kinds.get(target) not in field.allowed
        }
        if not unclear:
            return {}
        rows = [row for some in chunks(unclear) for row in run(connection, self._named, **naming.parameters(some, self.encode))]
        found = naming.candidates(unclear, rows)

        def named(target: str, allowed: Sequence[Kind]) -> str | None:
            meant = naming.meaning(target, found.get(target, ()), allowed)
            if meant.id is not None and meant.kind is not None:
                there[meant.id] = meant.kind
            return meant.id

        before = {each: each.id for each in several}
        for each in several:
            self.redirect(batch, each, named)
        there |= self.kinds(connection, [each.id for each in several if each.id != before[each]])
        return found

    def redirect(self, batch: Batch, wanted: Wanted, other: Callable[[str, Sequence[Kind]], str | None]) -> None:
        """Let a record of the batch refer to other records.

        `other` returns, for an id and the kinds that a field allows, the id of the record that is meant; None if it is not to
        change. A record whose id was derived from the old references gets the id that derives from the new ones.
        """
        schema = self.schemas[wanted.resource.kind]
        was_derived = not wanted.named and wanted.id == schema.derived_id(wanted.content)
        is_changed = False
        for field in schema.references:
            if field.name not in wanted.content:
                continue
            before = wanted.content[field.name]
            meant = {target: other(target, field.allowed) or target for target in field.ids(wanted.content)}
            after = field.with_ids(before, meant.__getitem__)
            if after != before:
                wanted.content[field.name] = after
                is_changed = True
        if is_changed:
            wanted.draft = None  # it was made with the references that were sent
            derived = schema.derived_id(wanted.content) if was_derived else None
            if derived is not None and derived != wanted.id:
                batch.rename(wanted, derived)

    def follow(self, batch: Batch, before: str, now: str) -> None:
        """Let the citations that were sent with a record refer to its new id."""
        for citation in list(batch.cited.get(now, ())):
            if citation.content.get("record") == before:
                self.redirect(batch, citation, lambda target, _allowed: now if target == before else None)

    def referrers(
        self, connection: Connection, kind: Kind, ids: Sequence[str], *, limit: int = ALL
    ) -> list[tuple[Kind, str, str, str]]:
        """The references to the records in `ids`, at most `limit`, ordered by the id of the referring record.

        All records in `ids` must be of the kind `kind`. A reference is (kind of the referring record, its id, its field, id to
        which the field refers).
        """
        if kind not in self._referrers:
            self._referrers[kind] = self._compiler.to_statement(self._all_that_refer_to(kind))
        rows = run(connection, self._referrers[kind], ids=self.encode(ids), limit=limit)
        return [(Kind(each), *row) for each, *row in rows]

    def _all_that_refer_to(self, kind: Kind) -> sa.Select[Any]:
        ids = ids_parameter()
        selects: list[sa.Select[Any]] = []
        arrays: dict[ReferenceColumn, str] = {}  # tables of items hold those of several kinds: the table `records` has the kind
        for referring, schema in self.schemas.items():
            for field in schema.references:
                if kind not in field.allowed:
                    continue
                if field.is_array:
                    arrays[field.column] = field.name
                    continue
                owner, column = field.column
                columns = (literal(referring).label("kind"), owner.label("id"), literal(field.name).label("field"))
                selects.append(sa.select(*columns, column.label("target")).where(is_one_of(column, ids)))
        for (owner, target), name in arrays.items():
            referring_rows = sa.select(records.c.kind, owner, literal(name), target)
            selects.append(referring_rows.join(records, records.c.id == owner).where(is_one_of(target, ids)))
        found = sa.union_all(*selects).subquery("found")
        return sa.select(*found.c).order_by(found.c.id, found.c.field).limit(sa.bindparam("limit", type_=sa.Integer))
