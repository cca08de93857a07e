"""The base class of filters, and the SELECT to which they add conditions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from app.db.sql import Encode, literal, matches_one_of
from app.db.types import Exact
from app.declaration.filters.values import TextValue
from app.declaration.model import Naming
from app.domain import edtf
from app.domain.vocabulary import Kind, Vocabulary

Parameters = dict[str, Any]
"""Bind parameters by name. Several values are passed as one parameter: as a JSON array on SQLite, as a list on Postgres."""


@dataclass
class Narrowing:
    """A SELECT on `its_table`, to which filters add conditions.

    A filter may read the rows from an index of another table. In this case, `order` maps the names of sort columns of
    `its_table` to columns of that other table, so that its index returns the rows in order.
    """

    table: NamedFromClause
    source: sa.FromClause
    its_table: sa.Table
    conditions: list[sa.ColumnElement[bool]] = field(default_factory=list)
    order: dict[str, sa.ColumnElement[Any]] = field(default_factory=dict)
    walked: str = ""
    """The name of the first sort column. The database reads the rows in order from the index on this column."""
    from_cursor: bool = False
    """Whether the request has a cursor. The cursor sets the bound at which the index scan begins, so a second bound at the same
    end would only cost time."""
    default_order: bool = True
    dated: bool = False

    def only_dated(self, first_day: sa.ColumnElement[Any]) -> None:
        """Exclude undated records.

        An undated record is stored with the earliest and the latest possible day as its first and last day, so it would match
        every range of dates.
        """
        if not self.dated:
            self.conditions.append(first_day > literal(edtf.NO_START))
            self.dated = True


def kinds_of(column: Any, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
    """Return the kinds to which a column may refer; an empty tuple if it is no reference.

    `kind_of`: by name of a table, the kind whose records it holds.
    """
    kinds: tuple[Kind, ...] = tuple(column.info.get("kinds") or column.info.get("names", ()))
    return kinds or tuple(kind_of[key.column.table.name] for key in column.foreign_keys if key.column.table.name in kind_of)


def matches(column: sa.ColumnElement[Any], name: str, shape: int) -> sa.ColumnElement[bool]:
    """Return the condition that the column equals the value of a filter, or one of its values if `shape` is 2."""
    if shape == 1:
        return column == sa.bindparam(name, type_=column.type)
    return matches_one_of(column, sa.bindparam(name, type_=sa.ARRAY(Exact)))


@dataclass(frozen=True)
class Filter(ABC):
    """The base class of all filters. A filter adds a condition to the SELECT of a list."""

    description: str
    example: str | None = None
    parse: ClassVar[Any] = Naming
    multiple: ClassVar[bool] = True

    def annotation(self) -> Any:
        """Return the type of one value, for the validator and the OpenAPI document."""
        return self.parse

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds of the records that the values of this filter stand for; an empty tuple if they are no ids.

        `table`: the table of the listed records. `kind_of`: by name of a table, the kind whose records it holds.
        """
        del table, kind_of
        return ()

    def ids(self, values: Sequence[str]) -> list[str]:
        """Return the single ids in the values. Only called for filters whose values are ids."""
        return list(values)

    def renamed(self, values: Sequence[str], ids: Mapping[str, str]) -> list[str]:
        """Return the values with other ids in place of those in `ids`, each of them once. The inverse of `ids`."""
        return list(dict.fromkeys(ids.get(value, value) for value in values))

    def shape(self, values: Sequence[str]) -> int:
        """Return a number for the form of the SQL. Values with the same number share one statement.

        By default, the number is 1 for one value and 2 for several values.
        """
        return 1 if len(values) == 1 else 2

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return the bind parameters that hold the values.

        By default, this is one parameter, `name`. It holds a single value unchanged, or several values encoded by `encode`.
        """
        return {name: values[0] if len(values) == 1 else encode(values)}

    @abstractmethod
    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Add the conditions of this filter to `narrowing`."""


@dataclass(frozen=True)
class Compared(Filter):
    """The base class of filters whose values are compared with stored values.

    `words` is the vocabulary of the values. `free` allows any text as a value. Without either, values are ids. `normal` returns
    the form of a value in which it is stored.
    """

    words: type[Vocabulary] | None = None
    free: bool = False
    normal: Callable[[str], str] = str

    def annotation(self) -> Any:
        """Return the type of a value: a word of the vocabulary, free text, or an id."""
        if self.words is not None:
            return self.words
        return TextValue if self.free else Naming

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return one parameter with the values in the form in which they are stored."""
        return super().parameters(name, [self.normal(value) for value in values], encode)


class YesOrNo(Filter):
    """The base class of filters whose value is `true` or `false`."""

    parse: ClassVar[Any] = bool
    multiple: ClassVar[bool] = False

    def shape(self, values: Sequence[str]) -> int:
        """Return 1 if the value is `true`, and 0 if it is `false`, because the SQL differs."""
        return int(values[0] == "true")

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return no parameters, because the shape already says which records are kept."""
        return {}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep the records of which the condition is true, or the others if the value is `false`."""
        narrowing.conditions.append(self.condition(narrowing.table, is_asked_for=bool(shape)))

    @abstractmethod
    def condition(self, rows: sa.FromClause, *, is_asked_for: bool) -> sa.ColumnElement[bool]:
        """Return the condition for the value `true` (`is_asked_for`) or `false`."""
