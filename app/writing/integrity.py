"""Checks a batch against the stored records: ids, references, unique keys, dates of events, and chains of parents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, among, chunks, ids_parameter, is_one_of, run
from app.declaration.resource import Resource
from app.domain import edtf
from app.domain.iso_3166 import FORMER_ID
from app.domain.vocabulary import Kind
from app.models.records import Record
from app.reading import naming
from app.reading.compiler import Compiler
from app.reading.naming import Candidates
from app.writing.batch import Batch, Wanted
from app.writing.halting import never
from app.writing.write_schema import ContentSchema

records: sa.Table = Record.__table__
MAX_DEPTH = 50
"""The maximum number of records in a chain of parents."""
ALL = 2**31 - 1
MOST_NEAR = 10
"""The maximum number of references, in one batch, for which near ids are looked up."""


class Integrity:
    """Checks rules that involve several records. The caller holds the write lock, so the result is still true at the commit."""

    def __init__(self, schemas: Mapping[Kind, ContentSchema], compiler: Compiler, encode: Encode) -> None:
        self.schemas = schemas
        self.resources = {kind: schema.resource for kind, schema in schemas.items()}
        self.encode = encode
        self._compiler = compiler
        self._codes = compiler.to_statement(self._country_codes())
        self._named = compiler.to_statement(naming.query())
        self._nearness = naming.Nearness(compiler.dialect)
        self._chains = {
            kind: [field.name for field in schema.references if field.allowed == (kind,) and not field.is_array]
            for kind, schema in schemas.items()
        }
        """By kind: the fields, such as `parent`, that refer to a record of the same kind. The references must form no cycle."""

    def check(
        self,
        connection: Connection,
        batch: Batch,
        kinds: Mapping[str, Kind],
        named: Candidates,
        check: Callable[[], None] = never,
    ) -> None:
        """Add a fault to the batch for each broken rule.

        `kinds` has, by id, the kinds of the records that the batch contains or refers to, and `named` what `name_by_id`
        returned. `check` is called between steps; an exception that it raises stops the work.
        """
        changed = [wanted for wanted in batch.wanted.values() if not wanted.deleted and wanted.old != wanted.content]
        gone = {wanted.id for wanted in batch.wanted.values() if wanted.deleted}
        self._check_ids(connection, batch, [wanted for wanted in changed if wanted.old is None])
        self._check_references(connection, batch, [*changed, *batch.suspects], kinds, gone, named)
        self._check_agreement(connection, batch, changed)
        check()
        self._check_chains(connection, batch, changed, check)

    def _check_ids(self, connection: Connection, batch: Batch, created: Sequence[Wanted]) -> None:
        """Check the ids of new records: the id of a country must be in capital letters.

        The id of any other record must neither be in capital letters nor be a code of a country (alpha-2, alpha-3 or numeric)
        in lower case.
        """
        codes = {code.lower() for code in self.country_codes(connection, [wanted.id for wanted in created])}
        for wanted in batch.wanted.values():
            if wanted.resource.kind is Kind.COUNTRY:
                codes |= {wanted.content[name].lower() for name in _codes(wanted.resource) if name in wanted.content}
        for wanted in created:
            is_code = wanted.id.isupper()  # such an id has two or four letters
            if is_code != (wanted.resource.kind is Kind.COUNTRY):
                rule = "a country's id is its ISO 3166-1 alpha-2 code (a former state's: four letters), and only a country's"
                batch.blame(wanted, f"{wanted.id!r}: {rule}", "/id")
            elif not is_code and wanted.id in codes:
                batch.blame(wanted, f"{wanted.id!r} is a country's code", "/id")

    def country_codes(self, connection: Connection, ids: Iterable[str]) -> set[str]:
        """The country codes (alpha-2, alpha-3, numeric) among the given ids, in upper case. The ids may be in any case."""
        found: set[str] = set()
        for chunk in chunks(record_id.upper() for record_id in ids if len(record_id) <= FORMER_ID):
            found.update(code for (code,) in run(connection, self._codes, ids=self.encode(chunk)))
        return found

    def _country_codes(self) -> sa.CompoundSelect[Any]:
        country = self.resources[Kind.COUNTRY]
        columns = [country.table.c[name] for name in _codes(country)]
        return sa.union_all(*(sa.select(column).where(is_one_of(column, ids_parameter())) for column in columns))

    def _near(
        self,
        connection: Connection,
        value: str,
        meant: naming.Meaning,
        kinds: Sequence[Kind],
        known: dict[tuple[str, tuple[Kind, ...]], str],
    ) -> str:
        """The end of a message: ids near to a reference that leads nowhere. At most `MOST_NEAR` references get such an end.

        `known` has what was looked up for other references; what is looked up now is added.
        """
        key = value, tuple(kinds)
        if meant.is_ambiguous or (key not in known and len(known) >= MOST_NEAR):
            return ""
        if key not in known:
            given = self._nearness.parameters(value, kinds, self.encode)
            known[key] = naming.near_to(value, *(run(connection, each, **given) for each in self._nearness.statements))
        return known[key]

    def _check_references(
        self,
        connection: Connection,
        batch: Batch,
        changed: Iterable[Wanted],
        kinds: Mapping[str, Kind],
        gone: set[str],
        named: Candidates,
    ) -> None:
        near: dict[tuple[str, tuple[Kind, ...]], str] = {}
        values: list[tuple[Wanted, str, Sequence[Kind]]] = []
        for wanted in changed:
            for reference in self.schemas[wanted.resource.kind].references:
                for pointer, target in reference.pointed(wanted.content):
                    kind = kinds.get(target)
                    if kind in reference.allowed and target not in gone:
                        continue
                    if kind is not None and target not in gone:
                        batch.blame(wanted, naming.wrong_kind(target, kind, reference.allowed), pointer)
                    else:
                        meant = naming.meaning(target, named.get(target, ()), reference.allowed)
                        batch.blame(
                            wanted, meant.fault + self._near(connection, target, meant, reference.allowed, near), pointer
                        )
            if (words := wanted.resource.words_of) and (
                told := words.fault(wanted.content, kinds.get(wanted.content.get(words.record, "")))
            ):
                batch.blame(wanted, told, f"/{words.field}")
            values += self._stated_values(batch, wanted, kinds)
        self._check_values(connection, batch, values, near)

    def _stated_values(
        self, batch: Batch, wanted: Wanted, kinds: Mapping[str, Kind]
    ) -> Iterator[tuple[Wanted, str, Sequence[Kind]]]:
        """Check that the record to which a citation refers has the field that it names.

        Yields (citation, value, kinds to which the field may refer) if the field refers to a record, and the citation states a
        value of it that is not the id of such a record in the batch or among those that the batch refers to.
        """
        names = wanted.resource.names_field_of
        if names is None or not (field := wanted.content.get(names.field)):
            return
        kind = kinds.get(wanted.content[names.record])
        fields = [plan.name for plan in self.schemas[kind].plans] if kind else []
        if kind and field not in fields:
            has = f"{kind.with_article} has none of this name; it has {', '.join(fields)}"
            batch.blame(wanted, has, f"/{names.field}")
        elif kind and (value := wanted.content.get(names.value)):
            allowed = next((each.allowed for each in self.schemas[kind].references if each.name == field), ())
            if allowed and kinds.get(value) not in allowed:
                yield wanted, value, allowed

    def _check_values(
        self,
        connection: Connection,
        batch: Batch,
        values: Sequence[tuple[Wanted, str, Sequence[Kind]]],
        near: dict[tuple[str, tuple[Kind, ...]], str],
    ) -> None:
        """Check what citations say that a source states in a field which refers to a record: it must be such a record, too.

        `values`: (citation, value, kinds to which the field may refer).
        """
        given = list(dict.fromkeys(value for _, value, _ in values))
        rows = [row for some in chunks(given) for row in run(connection, self._named, **naming.parameters(some, self.encode))]
        found = naming.candidates(given, rows)
        for wanted, value, allowed in values:
            standing = batch.wanted.get(value)
            if standing is not None and standing.resource.kind in allowed and not standing.deleted:
                continue
            meant = naming.meaning(value, found[value], allowed)
            if meant.id is None:
                fault = meant.fault + self._near(connection, value, meant, allowed, near)
                batch.blame(wanted, f"{fault}. The field refers to a record, so write an id", "/value")

    def name_fields_of_today(self, batch: Batch, kinds: Mapping[str, Kind]) -> None:
        """In records that contain the name of a field, such as citations, replace a name of an earlier release by today's name.

        Call this method before keys are compared, because the key of a citation contains the name of a field.
        """
        for wanted in batch.wanted.values():
            if (named := wanted.resource.names_field_of) and not wanted.deleted and (field := wanted.content.get(named.field)):
                kind = kinds.get(wanted.content[named.record])
                if kind is None or (today := self.schemas[kind].name_today(field)) == field:
                    continue
                if today is None:
                    del wanted.content[named.field]
                else:
                    wanted.content[named.field] = today  # the dict order stays: the change log stores the fields in it

    # -- dates -------------------------------------------------------------------------------------------------------

    def _check_agreement(self, connection: Connection, batch: Batch, changed: Sequence[Wanted]) -> None:
        """Add a fault if the date of a record does not overlap the date of its event. Unknown dates are not compared.

        If the date of an event changes, the new date is also compared with the stored records that refer to the event.
        """
        dated = [wanted for wanted in changed if wanted.occasion and wanted.content.get("date")]
        bounds = self.bounds_of_occasions(connection, batch, dated)
        for wanted in dated:
            occasion = wanted.occasion
            if occasion in bounds and not _overlap(edtf.event(wanted.content["date"]), bounds[occasion]):
                field = wanted.resource.dated_by
                when = f"{occasion!r} was at another time: {_shown(bounds[occasion])}"
                batch.blame(wanted, f"does not agree with {field}: {when}", "/date")
        for wanted in changed:
            if wanted.old is not None and wanted.content.get("date") and wanted.old.get("date") != wanted.content["date"]:
                self._check_those_dated_by(connection, batch, wanted)

    def bounds_of_occasions(
        self, connection: Connection, batch: Batch, dated: Iterable[Wanted]
    ) -> dict[str | None, edtf.Bounds]:
        """The earliest and latest day of each event to which the given records refer, by the event's id."""
        found: dict[str | None, edtf.Bounds] = {}
        by_kind: dict[Kind, set[str]] = {}
        for wanted in dated:
            occasion = wanted.occasion
            assert occasion is not None
            said = batch.wanted.get(occasion)
            if said is not None:
                date = said.content.get("date")
                found[occasion] = edtf.event(date) if date else edtf.NONE
            else:
                by_kind.setdefault(self._kind_of_occasion(wanted.resource.kind), set()).add(occasion)
        for kind, ids in by_kind.items():
            table = self.resources[kind].table
            for chunk in chunks(ids):
                query = sa.select(table.c.id, table.c.date_start, table.c.date_end)
                for record_id, start, end in connection.execute(query.where(among(table.c.id, chunk, self.encode))):
                    found[record_id] = edtf.Bounds(start, end)
        return found

    def _kind_of_occasion(self, kind: Kind) -> Kind:
        field = self.resources[kind].dated_by
        return next(each.allowed[0] for each in self.schemas[kind].references if each.name == field)

    def _check_those_dated_by(self, connection: Connection, batch: Batch, occasion: Wanted) -> None:
        """Add a fault if an event's new date does not overlap the date of a stored record that refers to the event."""
        now = edtf.event(occasion.content["date"])
        for kind, resource in self.resources.items():
            if not resource.dated_by or self._kind_of_occasion(kind) is not occasion.resource.kind:
                continue
            table = resource.table
            query = sa.select(table.c.id, table.c.date, table.c.date_start, table.c.date_end).where(
                table.c[f"{resource.dated_by}_id"] == occasion.id, table.c.date.is_not(None)
            )
            for record_id, date, start, end in connection.execute(query):
                said = batch.wanted.get(record_id)
                if (said is None or not said.changes) and not _overlap(edtf.Bounds(start, end), now):
                    batch.blame(occasion, f"does not agree with the {kind} {record_id!r}, which is of {date}", "/date")

    # -- chains ------------------------------------------------------------------------------------------------------

    def _check_chains(self, connection: Connection, batch: Batch, changed: Iterable[Wanted], check: Callable[[], None]) -> None:
        """Add a fault if a record would be its own ancestor through a field such as `parent`, or if its chain is too long."""
        above: dict[tuple[str, str], str | None] = {}
        for wanted in changed:
            check()
            for field in self._chains[wanted.resource.kind]:
                if wanted.content.get(field) and (wanted.old or {}).get(field) != wanted.content[field]:
                    self._check_chain(connection, batch, wanted, field, above)

    def _check_chain(
        self,
        connection: Connection,
        batch: Batch,
        wanted: Wanted,
        field: str,
        known: dict[tuple[str, str], str | None],
    ) -> None:
        """Check one chain of parents. `known` caches the parents by (field, id), so that each one is queried only once."""
        table = wanted.resource.table
        above: str | None = wanted.content[field]
        chain = [wanted.id]
        while above is not None:
            if above == wanted.id:
                way = " → ".join([*chain, above])
                return batch.blame(wanted, f"would put {wanted.id!r} above itself: {way}", f"/{field}")
            if above in chain:
                return None  # a cycle further up, which is reported for another record of the batch
            chain.append(above)
            if len(chain) > MAX_DEPTH:
                return batch.blame(wanted, f"is the end of a chain of more than {MAX_DEPTH}", f"/{field}")
            said = batch.wanted.get(above)
            if said is not None:
                above = said.content.get(field)
                continue
            if (field, above) not in known:
                query = sa.select(table.c[f"{field}_id"]).where(table.c.id == above)
                known[field, above] = connection.execute(query).scalar_one_or_none()
            above = known[field, above]
        return None


def _codes(country: Resource) -> list[str]:
    return ["id", *(code for code, *_ in country.alternative_keys)]


def _overlap(one: edtf.Bounds, other: edtf.Bounds) -> bool:
    return one.start <= other.end and other.start <= one.end


def _shown(bounds: edtf.Bounds) -> str:
    start, end = ("…" if day in edtf.NONE else day for day in bounds)
    return start if start == end else f"{start} to {end}"
