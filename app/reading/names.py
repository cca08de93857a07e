"""Selects the names of records in the requested language."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Statement, to_statement
from app.db.sql import Encode, ids_parameter, is_one_of, matches_one_of, rank_in
from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.records import Name, Record

names: sa.Table = Name.__table__
records: sa.Table = Record.__table__


def name_in(owner: sa.ColumnElement[Any], own: sa.ColumnElement[Any], languages: int) -> sa.ColumnElement[str]:
    """Return the SQL for the record's name in the requested language, or for its main name `own` if it has no such name.

    If several languages are requested, the first one in which the record has a name is used. `languages`: 0 if no language was
    requested, 1 for one, 2 for several.
    """
    if not languages:
        return own
    if languages > 1:
        return sa.func.coalesce(name_in_first_of("languages", owner), own)
    shown = names.alias("shown")
    found = sa.select(shown.c.text).where(shown.c.record_id == owner)
    found = found.where(shown.c.shown_in == sa.bindparam("language", type_=Exact))
    return sa.func.coalesce(found.correlate_except(shown).scalar_subquery(), own)


def name_in_first_of(parameter: str, owner: sa.ColumnElement[Any]) -> sa.ColumnElement[str | None]:
    """Return the SQL for the record's name in the first language of a parameter in which it has one; null if it has none."""
    shown, wanted = names.alias("shown"), sa.bindparam(parameter, type_=sa.ARRAY(Exact))
    found = sa.select(shown.c.text).where(shown.c.record_id == owner, matches_one_of(shown.c.shown_in, wanted))
    found = found.order_by(rank_in(shown.c.shown_in, wanted)).limit(sa.literal_column("1"))
    return found.correlate_except(shown).scalar_subquery()


def names_of(languages: int) -> sa.Select[Any]:
    """Return a SELECT of (id, name) of the records with the ids in the parameter `ids`. `languages`: as in `name_in`."""
    shown = name_in(records.c.id, records.c.name, languages)
    return sa.select(records.c.id, shown).where(is_one_of(records.c.id, ids_parameter()))


def language_parameters(languages: Sequence[str], encode: Encode) -> dict[str, Any]:
    """Return the languages as bind parameters of a statement that uses `name_in`."""
    if not languages:
        return {}
    if len(languages) == 1:
        return {"language": languages[0]}
    return {"languages": encode(languages)}


class Called(NamedTuple):
    """A record's kind, and its name in the language asked for."""

    kind: Kind
    name: str


class Names:
    """Reads the names of records of any kinds by their ids."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._statement = lru_cache(3)(self._statement_for)

    async def of(self, ids: Collection[str], languages: Sequence[str]) -> dict[str, Called]:
        """Return the kind and the name of each record by its id. Ids that no record has are left out."""
        if not ids:
            return {}
        parameters = {"ids": self._driver.encode(list(ids)), **language_parameters(languages, self._driver.encode)}
        rows = await self._driver.fetch(self._statement(min(len(languages), 2)), parameters)
        return {record_id: Called(Kind(kind), name) for record_id, kind, name in rows}

    def _statement_for(self, languages: int) -> Statement:
        shown = sa.select(records.c.id, records.c.kind, name_in(records.c.id, records.c.name, languages))
        return to_statement(shown.where(is_one_of(records.c.id, ids_parameter())), self._driver.dialect)
