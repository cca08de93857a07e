"""Reads what the link records among the hits of a search link: whose position it is, who took part in which meeting."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import sqlalchemy as sa

from app.db.driver import Driver, Statement, to_statement
from app.db.sql import is_one_of, literal
from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.actors import Membership, Position
from app.models.instruments import Action, Party, Relation
from app.models.meetings import Participant
from app.models.records import Record
from app.reading.names import language_parameters, name_in
from app.search.models import Linked

records: sa.Table = Record.__table__
_TABLES: tuple[sa.Table, ...] = tuple(model.__table__ for model in (Participant, Position, Party, Action, Membership, Relation))


class LinkedRecords:
    """Reads, for link records, the records that they link."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._linked = lru_cache(3)(self._linked_with)

    async def of(self, ids: Sequence[str], languages: Sequence[str]) -> dict[str, list[Linked]]:
        """Return what each of these records links, in the order of its fields. Records of other kinds are left out."""
        encode = self._driver.encode
        parameters = {"ids": encode(ids), **language_parameters(languages, encode)}
        found: dict[str, list[Linked]] = {}
        for owner, field, record_id, kind, name, _ in await self._driver.fetch(
            self._linked(min(len(languages), 2)), parameters
        ):
            found.setdefault(owner, []).append(Linked(field=field, id=record_id, kind=Kind(kind), name=name))
        return found

    def _linked_with(self, languages: int) -> Statement:
        pairs = sa.union_all(*_references()).subquery("pairs")
        named = name_in(records.c.id, records.c.name, languages)
        found = sa.select(pairs.c.owner, pairs.c.field, records.c.id, records.c.kind, named, pairs.c.place)
        source = pairs.join(records, records.c.id == pairs.c.target)
        return to_statement(found.select_from(source).order_by(pairs.c.owner, pairs.c.place), self._driver.dialect)


def _references() -> Iterable[sa.Select[tuple[str, str, str, int]]]:
    """Yield a SELECT of rows (id of the link record, field, id of the linked record, place of the field) for each reference."""
    ids = sa.bindparam("ids", type_=sa.ARRAY(Exact))
    for table in _TABLES:
        for place, column in enumerate(table.c):
            if column.name.endswith("_id") and "derive" not in column.info:
                field = literal(column.name.removesuffix("_id")).label("field")
                at: sa.ColumnElement[int] = sa.literal_column(str(place)).label("place")
                one = sa.select(table.c.id.label("owner"), field, column.label("target"), at)
                yield one.where(is_one_of(table.c.id, ids), column.is_not(None))
