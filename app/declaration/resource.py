"""The classes with which a resource is declared: table, read model, filters, sorts, includes, rules, actors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.declaration.filters import Filter
from app.declaration.model import Model
from app.domain.vocabulary import Kind, Vocabulary
from app.models.columns import Content

VERSION_PREFIX = "/v1"
INCLUDED_AT_MOST = 200
"""How many related records one include shows; past that the answer says where the rest is."""


@dataclass(frozen=True)
class Sort:
    """The columns that a sort key orders by; two, where what has no value comes last in both directions."""

    ascending: sa.Column[Any]
    descending: sa.Column[Any]


def by(column: Any, *, ascending: Any = None) -> Sort:
    """Order by a column; `ascending` is the one for ascending order where that differs."""
    first = column if ascending is None else ascending
    return Sort(ascending=_column(first), descending=_column(column))


def _column(attribute: Any) -> sa.Column[Any]:
    column = attribute.expression if hasattr(attribute, "expression") else attribute
    assert isinstance(column, sa.Column)
    return column


def ordered(*columns: str) -> Callable[[sa.FromClause], tuple[sa.ColumnElement[Any], ...]]:
    """The order of included records: by these columns, then by id."""
    return lambda table: tuple(table.c[name] for name in (*columns, "id"))


@dataclass(frozen=True)
class Include:
    """Related records to embed: those of `kind` whose field `through` refers to this record, in a fixed order."""

    kind: Kind
    through: str
    order: Callable[[sa.FromClause], Iterable[sa.ColumnElement[Any]]] = ordered()


class NamesFieldOf(NamedTuple):
    """`field` holds the name of a field of the record in `record`."""

    field: str
    record: str


class Actor(NamedTuple):
    """A field of the record that refers to an actor: a country, an organization or a person that is involved."""

    field: str
    reaches: bool = True
    """Whether an organization's part is also that of the organizations and the country whose it is."""


class Sides(NamedTuple):
    """The record involves everybody who is involved in the event that `field` refers to, if its type is `type`."""

    field: str
    type: Vocabulary


Formerly = Callable[[Any], Mapping[str, Any]]
"""From the value that a field had in an earlier release to the fields that say the same today; none, if nothing does.

For a value of None it says the fields' names alone, which citations of the field then name.
"""


def renamed(new: str) -> Formerly:
    """For a renamed field: the function that gives the old value to the field of the new name."""
    return lambda value: {new: value}


Rule = Callable[[Content], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Searched:
    """The fields that search reads, besides the names in all languages."""

    names: tuple[str, ...] = ("name",)
    titles: tuple[str, ...] = ()
    """Fields that say what or where it is."""
    texts: tuple[str, ...] = ()
    date: str = ""
    """The EDTF field that places it in time."""


@dataclass(frozen=True)
class Resource:
    """A kind of record as the registry offers it: everything that reading, writing and the documentation derive from."""

    kind: Kind
    plural: str
    model: type[Model]
    table_model: type[Any]
    filters: Mapping[str, Filter]
    sorts: Mapping[str, Sort]
    default_sort: str
    includes: Mapping[str, Include]
    label: Callable[[Content], str]
    """Makes `records.name` from the content: the name, or a label for a link record."""
    natural_key: tuple[str, ...] = ()
    """The fields that tell a link record from every other, of which an import derives an id left out."""
    alternative_keys: tuple[str, ...] = ()
    """Unique columns by which a record is found too: a request by one of them is sent on to the id."""
    rules: tuple[Rule, ...] = ()
    """Checks across fields: each yields (field, fault)."""
    formerly: Mapping[str, Formerly] = field(default_factory=dict)
    """Fields of earlier releases, each with what makes today's fields of its value: old exports and clients stay right."""
    dated_by: str = ""
    """The reference to an event within whose date the record's own date lies, and whose date it has without its own."""
    actors: tuple[Actor, ...] = ()
    """Who is involved in the record, and in the event that `occasion` refers to."""
    occasion: str = ""
    sides: Sides | None = None
    names_field_of: NamesFieldOf | None = None
    """A field that holds the name of a field of another record."""
    searched: Searched | None = None
    """The fields that search reads; None if the kind is not searched."""
    example: str = ""
    """The id of a record of the seed, for the examples in the documentation."""

    @cached_property
    def table(self) -> sa.Table:
        """The table that holds the kind's own fields."""
        table: sa.Table = self.table_model.__table__
        return table

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """The sets of fields that no two records share."""
        return [*([self.natural_key] if self.natural_key else []), *((name,) for name in self.alternative_keys)]

    @property
    def path(self) -> str:
        """The path of the collection."""
        return f"{VERSION_PREFIX}/{self.plural}"

    @property
    def title(self) -> str:
        """The name of the schema in the OpenAPI document."""
        return self.model.__name__
