"""What all figures share: which records they count, and the addresses of the lists that have these records.

A figure counts with the filters of the lists themselves, so that each number equals the total of the list to which it links.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.caching import cached
from app.db.driver import Driver, Statement, to_statement
from app.db.postgres_plans import PLANNED_ANEW
from app.db.sql import Encode, literal
from app.declaration.filters import Involves, Narrowing
from app.declaration.resource import Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.models.records import Involvement

STATEMENT_BYTES = 2_000_000
"""The size in bytes of the cache of the statements of each query."""
involvements: sa.Table = Involvement.__table__
BY_RECORD = next(index for index in involvements.indexes if next(iter(index.columns)).name == "record_id")
"""The index by which SQLite reads the involvements record by record, so that it finds the other tables' rows in their order.

Otherwise it would read them actor by actor, and would look for a million meetings in as many places of a large table: the
countries of a million meetings with their types took 9 s, and 3 s in the order of the index."""
COUNTED = ("meetings", "memoranda", "outcomes")
Shapes = tuple[tuple[str, int], ...]
"""The filters of a selection, each with its shape. Selections with the same shapes share their statements."""


class Counted(NamedTuple):
    """A kind of records that figures count."""

    resource: Resource
    involves: str
    """The name of the filter of its list that finds the records in which an actor is involved."""

    @property
    def kind(self) -> Kind:
        """The kind of the records."""
        return self.resource.kind

    def words(self, filter_name: str) -> list[str]:
        """Return the words of the vocabulary of a filter, such as the types; an empty list if it has none."""
        vocabulary = getattr(self.resource.filters[filter_name], "words", None)
        return [str(word) for word in vocabulary or ()]

    @property
    def plural(self) -> str:
        """The name of their list."""
        return self.resource.plural


class Queries:
    """Compiles the queries of figures for one database, and caches the statements.

    Postgres plans them for each request, because a month needs another plan than all years.
    """

    def __init__(self, driver: Driver, kinds: Mapping[str, Counted]) -> None:
        self._driver = driver
        self._kinds = kinds

    def of(self, query: Callable[..., sa.SelectBase]) -> Callable[..., Statement]:
        """Return a function with the arguments of `query`, but with the name of a list in place of the first, a `Counted`."""

        def statement(plural: str, *arguments: Any, **options: Any) -> Statement:
            made = to_statement(query(self._kinds[plural], *arguments, **options), self._driver.dialect)
            made.planned_anew = PLANNED_ANEW
            return made

        return cached(STATEMENT_BYTES)(statement)


def counted_in(resources: Iterable[Resource]) -> dict[str, Counted]:
    """Return the kinds of records that figures count, by the names of their lists."""
    found = {}
    for resource in resources:
        if resource.plural in COUNTED:
            (involves,) = (name for name, entry in resource.filters.items() if isinstance(entry, Involves))
            found[resource.plural] = Counted(resource, involves)
    return {plural: found[plural] for plural in COUNTED}


@dataclass(frozen=True)
class Selection:
    """Which records a figure counts, by the ids and words that its request names."""

    date_from: str | None = None
    date_to: str | None = None
    topics: tuple[str, ...] = ()
    """Records about one of these topics, or a narrower one."""
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    participant: str | None = None
    """Records in which this actor is involved."""

    def filters(self, counted: Counted) -> dict[str, list[str]]:
        """Return the values of the filters of the list that has the same records."""
        given = {
            counted.involves: [self.participant] if self.participant else [],
            "topic": list(self.topics),
            "type": list(self.types),
            "status": list(self.statuses),
            "date_from": [self.date_from] if self.date_from else [],
            "date_to": [self.date_to] if self.date_to else [],
        }
        return {name: values for name, values in given.items() if values}

    def shapes(self, counted: Counted) -> Shapes:
        """Return the shapes of the filters."""
        given = self.filters(counted)
        return tuple((name, counted.resource.filters[name].shape(values)) for name, values in given.items())

    def parameters(self, counted: Counted, encode: Encode) -> dict[str, Any]:
        """Return the bind parameters of the filters."""
        found: dict[str, Any] = {}
        for name, values in self.filters(counted).items():
            found |= counted.resource.filters[name].parameters(name, values, encode)
        return found

    def words(self) -> list[str]:
        """Return what the selection names, for the name of a file."""
        given = (self.participant, *self.topics, *self.types, *self.statuses, self.date_from, self.date_to)
        return [each for each in given if each]

    def years(self) -> tuple[int, int]:
        """Return the first and the last year of the window; without one, the years that dates can have."""
        first, last = int(edtf.NO_START[:4]) + 1, int(edtf.NO_END[:4]) - 1
        return int((self.date_from or str(first))[:4]), int((self.date_to or str(last))[:4])

    def address(
        self,
        counted: Counted,
        *,
        actors: Sequence[str] = (),
        topic: str | None = None,
        word: str | None = None,
        year: int | None = None,
    ) -> str:
        """Return the path and the query of the list of the selected records that also have these values.

        `actors`: all of them are involved. `word`: the type of the record. `year`: the record may have been going on in it.
        """
        given = self.filters(counted)
        involved = list(dict.fromkeys([*given.pop(counted.involves, ()), *actors]))
        if len(involved) == 1:
            given = {counted.involves: involved, **given}
        elif involved:
            given = {"between": [",".join(involved)], **given}
        if topic is not None:
            given["topic"] = [topic]
        if word is not None:
            given["type"] = [word]
        if year is not None:
            given["date_from"] = [max(self.date_from or "", f"{year:04}-01-01")]
            given["date_to"] = [min(self.date_to or edtf.NO_END, f"{year:04}-12-31")]
        # Ids, days and words of vocabularies have no characters that an address must escape.
        pairs = "".join(f"{name}={value}&" for name, values in given.items() for value in values)
        return f"{counted.resource.path}?{pairs}count=true"


def narrowed(counted: Counted, shapes: Shapes) -> Narrowing:
    """Return a SELECT of the table of the records, alias `t`, to which these filters have added their conditions."""
    rows = counted.resource.table.alias("t")
    narrowing = Narrowing(rows, rows, counted.resource.table, default_order=False)
    for name, shape in shapes:
        counted.resource.filters[name].narrow(name, shape, narrowing)
    return narrowing


def number(counted: Counted, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the number of the selected records."""
    chosen = narrowed(counted, shapes)
    return sa.select(sa.func.count()).select_from(chosen.source).where(*chosen.conditions)


def undated(counted: Counted, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the number of records without a date that all filters but those of days find."""
    others = tuple((name, shape) for name, shape in shapes if name not in ("date_from", "date_to"))
    chosen = narrowed(counted, others)
    statement = sa.select(sa.func.count()).select_from(chosen.source)
    return statement.where(*chosen.conditions, chosen.table.c.date_start == literal(edtf.NO_START))
