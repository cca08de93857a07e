"""Finds the record that a value stands for: an id, the former id of a merged record, or a code of a country.

A query looks for several values at once. Requests need it only if a value is not simply the id of a record.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from rapidfuzz.distance import OSA

from app.db.driver import Driver, Row, to_statement
from app.db.sql import Encode, is_one_of, literal
from app.db.types import Exact
from app.declaration.filters import MAX_WORDS, Narrowing, Words, with_narrower
from app.declaration.resource import Resource
from app.domain.identifiers import FORMER_CODES
from app.domain.iso_3166 import FORMER_ID
from app.domain.vocabulary import Kind
from app.faults import Fault
from app.models.actors import Country
from app.models.records import Change, Identifier, Record, Redirect

records: sa.Table = Record.__table__
countries: sa.Table = Country.__table__
redirects: sa.Table = Redirect.__table__
changes: sa.Table = Change.__table__
identifiers: sa.Table = Identifier.__table__
LOOKED_AT = 50
"""The maximum number of ids, and of names, that are compared with a value that stands for no record."""
NEAREST = 3
SIMILAR = 0.6
"""The least similarity, from 0 to 1, of an id that a message proposes."""
SHORTEST_BEGINNING = 3


class Way(IntEnum):
    """How a value stands for a record. An earlier way goes before a later one."""

    ID = 0
    MERGED = 1
    """The record with this id was merged into the record that is meant."""
    CODE = 2
    """A code of a present state."""
    CASE = 3
    """The id in capital or in small letters."""
    FORMER = 4
    """A code of a former state, or a former code of a present one."""
    DELETED = 5
    """The record with this id was deleted."""
    ERASED = 6
    """The record with this id was erased."""

    @property
    def is_past(self) -> bool:
        """Whether the record does not exist any more."""
        return self in (Way.DELETED, Way.ERASED)


class Named(NamedTuple):
    """A record that a value may stand for."""

    way: Way
    id: str
    kind: Kind
    name: str


class Meaning(NamedTuple):
    """The record that a value stands for, or the reason why it stands for none."""

    id: str | None
    kind: Kind | None = None
    fault: str = ""
    is_ambiguous: bool = False
    """Whether the value stands for several records, so that the client must say which one is meant."""


Candidates = Mapping[str, Sequence[Named]]
"""By value: the records that it may stand for."""


def query() -> sa.CompoundSelect[Any]:
    """Return the query for the candidates of several values. Its rows are (way, value, id, kind, name).

    `parameters` makes its parameters. The values of some rows are in capital letters, see `candidates`.
    """
    given, upper, both = (sa.bindparam(name, type_=sa.ARRAY(Exact)) for name in ("given", "upper", "both"))

    def rows(way: Way, value: Any, record: sa.FromClause = records) -> sa.Select[Any]:
        return sa.select(sa.literal_column(str(int(way))), value, record.c.id, record.c.kind, record.c.name)

    led = sa.select(redirects).where(is_one_of(redirects.c.old_id, given)).cte("led", recursive=True)
    led = led.union(sa.select(led.c.old_id, redirects.c.new_id).join(led, led.c.new_id == redirects.c.old_id))
    selects = [
        rows(Way.ID, records.c.id).where(is_one_of(records.c.id, given)),
        rows(Way.MERGED, led.c.old_id).join(led, led.c.new_id == records.c.id),
        rows(Way.CASE, records.c.id).where(is_one_of(records.c.id, both)),
    ]
    for way, code in _codes():
        found = rows(way, code).join(countries, countries.c.id == records.c.id)
        is_former = sa.func.length(countries.c.id) == sa.literal_column(str(FORMER_ID))
        selects.append(found.where(is_one_of(code, upper), is_former if way is Way.FORMER else ~is_former))
    schemes = [literal(scheme) for scheme in FORMER_CODES]
    formerly = rows(Way.FORMER, identifiers.c.identifier).join(identifiers, identifiers.c.record_id == records.c.id)
    selects.append(formerly.where(is_one_of(identifiers.c.identifier, upper), identifiers.c.scheme.in_(schemes)))
    last = sa.select(sa.func.max(changes.c.seq)).where(is_one_of(changes.c.record_id, given)).group_by(changes.c.record_id)
    deleted: sa.ColumnElement[int] = sa.literal_column(str(int(Way.DELETED)))
    erased: sa.ColumnElement[int] = sa.literal_column(str(int(Way.ERASED)))
    how = sa.case((changes.c.operation == literal("erase"), erased), else_=deleted)
    gone = sa.select(how, changes.c.record_id, changes.c.record_id, changes.c.kind, changes.c.record_id)
    selects.append(gone.where(changes.c.seq.in_(last), changes.c.state.is_(None)))
    return sa.union_all(*selects)


def _codes() -> Iterator[tuple[Way, sa.ColumnElement[Any]]]:
    """Yield the codes of countries, each as an SQL expression, with the way in which it stands for a country."""
    for way in (Way.CODE, Way.FORMER):
        yield from ((way, countries.c[name]) for name in ("id", "alpha_3", "numeric"))
    # The id of a former state begins with the two letters that it had as a present one.
    yield Way.FORMER, sa.func.substr(countries.c.id, sa.literal_column("1"), sa.literal_column("2"))


def parameters(values: Iterable[str], encode: Encode) -> dict[str, Any]:
    """Return the parameters of `query` for these values."""
    given = list(dict.fromkeys(values))
    upper = list(dict.fromkeys(value.upper() for value in given if len(value) <= FORMER_ID))
    both = list(dict.fromkeys(each for value in given for each in (value.upper(), value.lower())))
    return {"given": encode(given), "upper": encode(upper), "both": encode(both)}


def candidates(values: Iterable[str], rows: Iterable[Row]) -> Candidates:
    """Return the records that each value may stand for, the likeliest first. `rows` are those of `query`."""
    by_value: dict[str, list[Named]] = {}
    for way, value, *named in rows:
        by_value.setdefault(value if way in (Way.ID, Way.MERGED, Way.DELETED, Way.ERASED) else f"{value.upper()} ", []).append(
            Named(Way(way), named[0], Kind(named[1]), named[2])
        )
    return {value: sorted([*by_value.get(value, ()), *by_value.get(f"{value.upper()} ", ())]) for value in values}


def meaning(value: str, named: Sequence[Named], kinds: Sequence[Kind]) -> Meaning:
    """Choose the record that a value stands for among its candidates. Only a record of one of these kinds can be meant."""
    possible = [each for each in named if each.kind in kinds]
    standing = [each for each in possible if not each.way.is_past]
    if standing:
        best = {each.id: each for each in standing if each.way is standing[0].way}
        if len(best) == 1:
            return Meaning(standing[0].id, standing[0].kind)
        several = " and ".join(f"{each.id} ({each.name})" for each in best.values())
        return Meaning(
            None, None, f"{value!r} is a code of {several}; write the id of the one that is meant", is_ambiguous=True
        )
    if possible:
        return Meaning(None, None, f"the {possible[0].kind} {value!r} was {possible[0].way.name.lower()}")
    if named and not named[0].way.is_past:
        return Meaning(None, None, wrong_kind(value, named[0].kind, kinds))
    return Meaning(None, None, f"there is no {kinds[0] if len(kinds) == 1 else 'record'} {value!r}")


def wrong_kind(value: str, kind: Kind, allowed: Sequence[Kind]) -> str:
    """Return the message for the id of a record of a kind that is not allowed."""
    return f"{value!r} is {kind.with_article}; it must be {' or '.join(each.with_article for each in allowed)}"


class Meanings:
    """Looks up what values stand for, in one database."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._candidates = to_statement(query(), driver.dialect)
        self._narrower = to_statement(sa.select(with_narrower("topic", 2).c.id), driver.dialect)
        self._nearness = Nearness(driver.dialect)

    async def of(self, values: Iterable[str]) -> Candidates:
        """Return the records that each value may stand for."""
        several = list(dict.fromkeys(values))
        return candidates(several, await self._driver.fetch(self._candidates, parameters(several, self._driver.encode)))

    async def with_narrower(self, topic_ids: Sequence[str]) -> list[str]:
        """Return the topics with these ids and all topics below them."""
        rows = await self._driver.fetch(self._narrower, {"topic": self._driver.encode(topic_ids)}) if topic_ids else []
        return [row[0] for row in rows]

    async def named_by_code(self, resource: Resource, record_id: str) -> str:
        """Return the id of the country for which a code in a path stands. Any other value is returned unchanged.

        The id of a merged or deleted country stays, too: it can be restored.
        """
        if not resource.alternative_keys or len(record_id) > FORMER_ID:
            return record_id
        found = (await self.of([record_id]))[record_id]
        if any(each.way is Way.MERGED or each.way.is_past for each in found):
            return record_id
        return meaning(record_id, found, (resource.kind,)).id or record_id

    async def fault(self, parameter: str, value: str, meant: Meaning, kinds: Sequence[Kind]) -> Fault:
        """Return the fault of a parameter whose value means no record of these kinds, with ids that are near."""
        near = "" if meant.is_ambiguous else await self._near(value, kinds)
        return Fault(meant.fault + near, parameter=parameter)

    async def _near(self, value: str, kinds: Sequence[Kind]) -> str:
        """Return the end of a message: ids of these kinds that are similar to the value, or whose names have its words."""
        given = self._nearness.parameters(value, kinds, self._driver.encode)
        return near_to(value, *[await self._driver.fetch(each, given) for each in self._nearness.statements])


class Nearness:
    """The queries for ids near to a value that means no record."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._words = Words("")
        self.statements = [to_statement(each, dialect) for each in _near(self._words)]
        """One finds ids that begin alike, the other those of records whose names have the words of the value."""

    def parameters(self, value: str, kinds: Sequence[Kind], encode: Encode) -> dict[str, Any]:
        """Return the parameters of both queries. Only records of these kinds are found."""
        typed = " ".join(value.split("-")[:MAX_WORDS])
        begin = value[: max(len(value) // 2, SHORTEST_BEGINNING)]
        return {
            **self._words.parameters("q", [typed], encode),
            "low": begin,
            "high": f"{begin}~",  # "~" comes after all characters of ids
            "kinds": encode([str(kind) for kind in kinds]),
        }


def near_to(value: str, alike: Iterable[Row], named: Iterable[Row]) -> str:
    """Return the end of a message that names the nearest of the ids that the queries of `Nearness` found."""
    likeness = {row[0]: OSA.normalized_similarity(row[0], value) for row in (*alike, *named)}
    near = {row[0] for row in alike if likeness[row[0]] >= SIMILAR}.union(row[0] for row in named)
    best = sorted(near, key=lambda each: (-likeness[each], each))[:NEAREST]
    return f"; near to it: {', '.join(best)}" if best else ""


def _near(words: Words) -> Iterator[sa.Select[Any]]:
    """Yield two queries for ids near to a value: those that begin alike, and those of records whose names have its words."""
    table = records.alias("t")
    ids = sa.select(table.c.id).where(is_one_of(table.c.kind, sa.bindparam("kinds", type_=sa.ARRAY(Exact))))
    ids = ids.order_by(table.c.id).limit(sa.literal_column(str(LOOKED_AT)))
    low, high = (sa.bindparam(name, type_=Exact) for name in ("low", "high"))
    yield ids.where(table.c.id >= low, table.c.id < high)
    named = Narrowing(table, table, records)
    words.narrow("q", 1, named)
    yield ids.where(*named.conditions)
