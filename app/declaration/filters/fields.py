"""The filters that compare a field of the record itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from app.db.sql import Encode, as_instant
from app.db.types import Exact
from app.declaration.filters.filter import Compared, Filter, Narrowing, Parameters, YesOrNo, kinds_of, matches
from app.declaration.filters.values import FIRST_DAY, DayValue, InstantValue
from app.domain.vocabulary import Kind
from app.models.columns import LASTS_FOR_YEARS


@dataclass(frozen=True)
class Equals(Compared):
    """Records in which a field equals one of the values. `column` is the column of the field."""

    column: str = ""

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds to which the column may refer; an empty tuple if it holds no ids."""
        return kinds_of(table.c[self.column], kind_of)

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Add the condition that the column equals the value, or one of the values."""
        narrowing.conditions.append(matches(narrowing.table.c[self.column], name, shape))


@dataclass(frozen=True)
class Stated(YesOrNo):
    """Records that have a value in the field `column` (`true`), or none (`false`)."""

    column: str = ""

    def condition(self, rows: sa.FromClause, *, is_asked_for: bool) -> sa.ColumnElement[bool]:
        """Return the condition that the field has a value, or none."""
        column = rows.c[self.column]
        return column.is_not(None) if is_asked_for else column.is_(None)


@dataclass(frozen=True)
class Answered(YesOrNo):
    """Records in which the boolean field `column` has the given value. Records in which it is empty are left out."""

    column: str = ""

    def condition(self, rows: sa.FromClause, *, is_asked_for: bool) -> sa.ColumnElement[bool]:
        """Return the condition that the field has the value."""
        return rows.c[self.column] == (sa.true() if is_asked_for else sa.false())


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
        return {name: values[0], f"{name}_earliest": max(f"{year:04}-01-01", FIRST_DAY)}

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
    """Records that were valid on the given day, certainly or possibly.

    `gaps`: the table of times within the spans of records in which they were not valid, if there are any.
    """

    gaps: sa.Table | None = None
    parse: ClassVar[Any] = DayValue
    multiple: ClassVar[bool] = False

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that may have been valid on the given day. An imprecise date counts as its longest possible range."""
        columns, day = narrowing.table.c, sa.bindparam(name, type_=Exact)
        narrowing.conditions += [columns.possible_from <= day, columns.possible_until >= day]
        if self.gaps is not None:
            gap = self.gaps.c
            narrowing.conditions.append(
                ~sa.exists().where(gap.record_id == columns.id, gap.left_end < day, gap.back_start > day)
            )


@dataclass(frozen=True)
class UpdatedSince(Filter):
    """Records that changed at the given instant or later."""

    parse: ClassVar[Any] = InstantValue
    multiple: ClassVar[bool] = False

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records whose last change is at or after the given time."""
        narrowing.conditions.append(narrowing.table.c.updated_at >= as_instant(name))
