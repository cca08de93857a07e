"""The filters of lists, one class for each type of condition.

A filter declares what a client may send (`parse`, `multiple`) and the SQL condition (`narrow`). The condition depends only
on the `shape` of the values: for most filters, on whether there is one value or several. A single value is compared with
`=`. Several values are passed together as one bind parameter.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, ClassVar

import sqlalchemy as sa
from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy.sql.selectable import NamedFromClause

from app.db.full_text import has_terms
from app.db.sql import Encode, as_instant, literal, matches_one_of
from app.db.types import Exact, instant_text
from app.declaration.model import ID_PATTERN, MAX_ID, NO_NUL_PATTERN
from app.domain import edtf
from app.domain.collation import words
from app.domain.languages import LANG_PATTERN, MAX_LANGUAGE
from app.domain.vocabulary import Kind, Vocabulary
from app.models.columns import LASTS_FOR_YEARS
from app.models.records import Involvement, RecordTopic
from app.text.nodes import FTS5, TSQUERY
from app.text.query import in_names, parsed

MAX_VALUES = 100
"""Maximum number of values of one filter."""
MAX_WORDS = 8
_IDS_PATTERN = rf"{ID_PATTERN[:-1]}(,{ID_PATTERN[1:-1]}){{1,4}}$"
_IDS_LENGTH = 505

involvements: sa.Table = Involvement.__table__
record_topics: sa.Table = RecordTopic.__table__
_FIRST_DAY = "0001-01-02"
"""The first valid day, because the day before it (`edtf.NO_START`) means "no date"."""


def _calendar_day(value: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no day of the calendar: write YYYY-MM-DD") from None
    if not edtf.NO_START < day.isoformat() == value < edtf.NO_END:
        raise ValueError(f"{value!r} is no day between 0001-01-02 and 9999-12-30, written YYYY-MM-DD")
    return value


def _instant(value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
        return instant_text(_aware(instant))
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is no instant: write RFC 3339 with a time zone, 2026-01-28T09:30:00Z") from None


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a time without a zone means another instant on every machine")
    return instant


def _separate(value: str) -> str:
    ids = value.split(",")
    if len(value) > _IDS_LENGTH or not re.fullmatch(_IDS_PATTERN, value) or len(set(ids)) != len(ids):
        raise ValueError("name two to five different actors, separated by commas: between=BY,CN")
    return value


def _words_to_find(value: str) -> str:
    if not 1 <= len(words(value)) <= MAX_WORDS:
        raise ValueError(f"{value!r} has {len(words(value))} words; write 1 to {MAX_WORDS}")
    return value


IdValue = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=MAX_ID)]
TextValue = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL_PATTERN)]
DayValue = Annotated[str, AfterValidator(_calendar_day), Field(json_schema_extra={"format": "date"})]
InstantValue = Annotated[str, AfterValidator(_instant), Field(json_schema_extra={"format": "date-time"})]
QueryText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=NO_NUL_PATTERN),
    AfterValidator(_words_to_find),
]
IdList = Annotated[str, AfterValidator(_separate), Field(json_schema_extra={"pattern": _IDS_PATTERN, "maxLength": _IDS_LENGTH})]
JOINED_BY_COMMAS: dict[str, Any] = {"explode": False}
"""What OpenAPI says of a list parameter whose values a client may join by commas. It marks such parameters for us, too."""
Lang = Annotated[
    str | None,
    StringConstraints(pattern=LANG_PATTERN, max_length=MAX_LANGUAGE),
    Field(
        default=None,
        description="the language to show names in where a record has one in it, BCP 47; goes before `Accept-Language`",
        examples=["ru"],
    ),
]

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


@dataclass(frozen=True)
class Filter(ABC):
    """The base class of all filters. A filter adds a condition to the SELECT of a list."""

    description: str
    example: str | None = None
    parse: ClassVar[Any] = IdValue
    multiple: ClassVar[bool] = True

    def annotation(self) -> Any:
        """Return the type of one value, for the validator and the OpenAPI document."""
        return self.parse

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

    def matches(self, column: sa.ColumnElement[Any], name: str, shape: int) -> sa.ColumnElement[bool]:
        """Return the condition that the column equals the value, or one of the values."""
        if shape == 1:
            return column == sa.bindparam(name, type_=column.type)
        return matches_one_of(column, sa.bindparam(name, type_=sa.ARRAY(Exact)))


@dataclass(frozen=True)
class Equals(Filter):
    """Records in which a field equals one of the values.

    `column` is the column of the field. `words` is the vocabulary of its values. `free` allows any text as a value.
    """

    column: str = ""
    words: type[Vocabulary] | None = None
    free: bool = False

    def annotation(self) -> Any:
        """Return the type of a value: a word of the vocabulary, free text, or an id."""
        if self.words is not None:
            return self.words
        return TextValue if self.free else IdValue

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Add the condition that the column equals the value, or one of the values."""
        narrowing.conditions.append(self.matches(narrowing.table.c[self.column], name, shape))


@dataclass(frozen=True)
class From(Filter):
    """Records that may last until the given day or later.

    If the date of a record is uncertain, the latest day on which the record can end is compared.
    """

    parse: ClassVar[Any] = DayValue
    multiple: ClassVar[bool] = False

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return two days: the given day, and January 1 of the previous calendar year.

        `narrow` looks for records that began before that January 1 and have not ended before the given day. All these records
        satisfy `LASTS_FOR_YEARS`, so an index for that condition finds them quickly.
        """
        year = int(values[0][:4]) - 1
        return {name: values[0], f"{name}_earliest": max(f"{year:04}-01-01", _FIRST_DAY)}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Require that the record ends on the given day or later. A lower bound on the first day shortens the index scan.

        Most records end at the latest in the calendar year after their first day. Therefore, the bound is usually January 1 of
        the calendar year before the given day. Some records last for years: if any of them began before that January 1 and has
        not ended before the given day, the bound is the first day of the earliest of these records. The bound also excludes
        undated records, because their first day is `edtf.NO_START`.
        """
        columns = narrowing.table.c
        last, earliest = sa.bindparam(name, type_=Exact), sa.bindparam(f"{name}_earliest", type_=Exact)
        lasting = narrowing.its_table.alias("lasting")
        still = (sa.text(LASTS_FOR_YEARS), lasting.c.date_end >= last, lasting.c.date_start < earliest)
        first = sa.func.coalesce(sa.select(sa.func.min(lasting.c.date_start)).where(*still).scalar_subquery(), earliest)
        narrowing.conditions += [columns.date_end >= last, narrowing.order.get("date_start", columns.date_start) >= first]
        narrowing.dated = True
        if narrowing.walked == "date_order" and not narrowing.from_cursor:
            narrowing.conditions.append(columns.date_order >= first)


@dataclass(frozen=True)
class To(Filter):
    """Records that may begin on the given day or earlier.

    If the date of a record is uncertain, the earliest day on which the record can begin is compared.
    """

    parse: ClassVar[Any] = DayValue
    multiple: ClassVar[bool] = False

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Require that the record begins on the given day or earlier.

        The condition is left out if the cursor already sets a bound on the first day, because with two bounds SQLite scans the
        index from its start.
        """
        columns, day = narrowing.table.c, sa.bindparam(name, type_=Exact)
        first_day = narrowing.order.get("date_start", columns.date_start)
        if not narrowing.from_cursor or narrowing.walked != "date_start":
            narrowing.conditions.append(first_day <= day)
        if narrowing.walked == "date_order":
            narrowing.conditions.append(columns.date_order <= day)
        narrowing.only_dated(first_day)


@dataclass(frozen=True)
class ValidAt(Filter):
    """Records that were valid on the given day, certainly or possibly."""

    parse: ClassVar[Any] = DayValue
    multiple: ClassVar[bool] = False

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that may have been valid on the given day. An imprecise date counts as its longest possible range."""
        columns, day = narrowing.table.c, sa.bindparam(name, type_=Exact)
        narrowing.conditions += [columns.possible_from <= day, columns.possible_until >= day]


@dataclass(frozen=True)
class UpdatedSince(Filter):
    """Records that changed at the given instant or later."""

    parse: ClassVar[Any] = InstantValue
    multiple: ClassVar[bool] = False

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records whose last change is at or after the given time."""
        narrowing.conditions.append(narrowing.table.c.updated_at >= as_instant(name))


@dataclass(frozen=True)
class HasTopic(Filter):
    """Records that have at least one of the given topics."""

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that have at least one of the given topics."""
        about = sa.select(record_topics.c.record_id).where(self.matches(record_topics.c.topic_id, name, shape))
        narrowing.conditions.append(narrowing.table.c.id.in_(about))


@dataclass(frozen=True)
class Uncited(Filter):
    """Records without citations (`true`), or records with citations (`false`)."""

    citations: sa.Table | None = None
    parse: ClassVar[Any] = bool
    multiple: ClassVar[bool] = False

    def shape(self, values: Sequence[str]) -> int:
        """Return 1 if the value is `true` (records without citations), and 2 if it is `false`, because the SQL differs."""
        return 1 if values[0] == "true" else 2

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return no parameters, because the shape already says which records are kept."""
        return {}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep the records that have no citation if `shape` is 1, or at least one citation if `shape` is 2.

        Here, the shape stands for the value that the client sent, see the method `shape`. A subquery looks for the citations.
        """
        assert self.citations is not None
        cited = sa.exists().where(self.citations.c.record_id == narrowing.table.c.id)
        narrowing.conditions.append(~cited if shape == 1 else cited)


@dataclass(frozen=True)
class Among(Filter):
    """Records that have a matching row in the linked table `table`.

    In that row, the column `select` holds the id of the record, and the column `match` holds one of the values.
    """

    table: sa.FromClause | None = None
    select: str = ""
    match: str = ""

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that have a matching row in the linked table."""
        assert self.table is not None
        among = sa.select(self.table.c[self.select]).where(self.matches(self.table.c[self.match], name, shape))
        narrowing.conditions.append(narrowing.table.c.id.in_(among))


@dataclass(frozen=True)
class Involves(Filter):
    """Records that involve at least one of the given actors: directly, or by an organization or a person that belongs to it."""

    kind: Kind = Kind.MEETING

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records for which the table `involvements` has a row with one of the actors.

        For one actor and the default order, the table is joined, because its index returns the rows of an actor in that order.
        Otherwise, a subquery is used.
        """
        if shape == 1 and narrowing.default_order and not narrowing.order and "date_start" in narrowing.table.c:
            walked = involvements.alias(f"by_{name}")
            narrowing.source = walked.join(narrowing.source, narrowing.table.c.id == walked.c.record_id)
            narrowing.conditions += [
                self.matches(walked.c.actor_id, name, shape),
                walked.c.record_kind == literal(self.kind),
            ]
            narrowing.order = {"date_start": walked.c.date_start, "id": walked.c.record_id}
        else:
            involved = sa.select(involvements.c.record_id).where(
                self.matches(involvements.c.actor_id, name, shape),
                involvements.c.record_kind == literal(self.kind),
            )
            narrowing.conditions.append(narrowing.table.c.id.in_(involved))


@dataclass(frozen=True)
class Between(Filter):
    """Records in which all given actors (two to five) are involved."""

    kind: Kind = Kind.MEETING
    parse: ClassVar[Any] = IdList
    multiple: ClassVar[bool] = False

    def shape(self, values: Sequence[str]) -> int:
        """Return the number of actors, because the SQL has one condition for each of them."""
        return values[0].count(",") + 1

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return one bind parameter for each actor."""
        return {f"{name}_{place}": actor for place, actor in enumerate(values[0].split(","))}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Add the condition of `Involves` once for each actor."""
        for place in range(shape):
            Involves(self.description, kind=self.kind).narrow(f"{name}_{place}", 1, narrowing)


@dataclass(frozen=True)
class Words(Filter):
    """Records whose names contain, for each typed word, the word itself or a word that begins with it.

    Words are compared as in search, so script, spelling and inflection may differ.
    """

    parse: ClassVar[Any] = QueryText
    multiple: ClassVar[bool] = False

    def shape(self, values: Sequence[str]) -> int:
        """Return 1 for every value, because the SQL does not depend on the number of typed words."""
        return 1

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return the query in the syntax of each database. The statement uses only one of the two parameters."""
        node = in_names(parsed(values[0]))
        return {f"{name}_fts5": FTS5.write(node), f"{name}_tsquery": TSQUERY.write(node)}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records whose search entry matches the query."""
        query = (sa.bindparam(f"{name}_{syntax}", type_=Exact) for syntax in ("fts5", "tsquery"))
        narrowing.conditions.append(has_terms(narrowing.table.c.id, *query))
