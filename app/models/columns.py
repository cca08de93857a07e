"""Functions and base classes with which the tables declare their columns and indexes.

A derived column is computed from the record's content. The function that computes it is in the column's `info["derive"]`, so
that `app/writing` can fill the column without knowing its meaning.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, declared_attr, mapped_column

from app.db.types import Exact, Instant, OneOf
from app.domain import edtf
from app.domain.collation import sort_key, spelling_key
from app.domain.spans import Span
from app.domain.vocabulary import Coverage, Kind, Vocabulary

Content = Mapping[str, Any]
"""A record's own fields by name, in the form of imports and exports: a reference to another record is that record's id."""


class Base(DeclarativeBase):
    """The base class of all tables. It adds the CHECKs and foreign keys that follow from the declared columns."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __table__: ClassVar[sa.Table]

    def __init_subclass__(cls, **kw: Any) -> None:
        """Add the constraints and options that follow from the declared columns."""
        super().__init_subclass__(**kw)
        table = cls.__table__
        table.dialect_options["sqlite"]["with_rowid"] = not {"seq", "docid"}.isdisjoint(table.c.keys())
        for index in table.indexes:
            first = next(iter(index.expressions))
            if not index.unique and isinstance(first, sa.Column) and first.nullable:
                # The index is partial: every filter compares with a value, so rows with NULL need no index entry.
                index.kwargs.update({f"{database}_where": first.is_not(None) for database in ("sqlite", "postgresql")})
        for column in list(table.c):
            words = column.info.get("words")
            if words:
                table.append_constraint(OneOf(column.name, words, name=column.name))
            if "kinds" in column.info:
                kind_column = table.c[column.name.removesuffix("_id") + "_kind"]
                table.append_constraint(
                    sa.ForeignKeyConstraint(
                        [column, kind_column], ["records.id", "records.kind"], deferrable=True, initially="DEFERRED"
                    )
                )


def text(comment: str) -> MappedColumn[Any]:
    """Declare a column of free text."""
    return mapped_column(sa.String, comment=comment)


def number(comment: str) -> MappedColumn[Any]:
    """Declare a column of whole numbers."""
    return mapped_column(sa.Integer, comment=comment)


def answer(comment: str) -> MappedColumn[Any]:
    """Declare a boolean column that may also be empty, if no source says it."""
    return mapped_column(sa.Boolean, comment=comment)


def flag(comment: str) -> MappedColumn[Any]:
    """Declare a boolean column, false by default."""
    return mapped_column(sa.Boolean, comment=comment, default=False)


def code(comment: str) -> MappedColumn[Any]:
    """Declare a column of text that is compared by bytes and has no characters that JSON must escape."""
    return mapped_column(Exact, comment=comment, info={"plain": True})


def word(vocabulary: type[Vocabulary], comment: str) -> MappedColumn[Any]:
    """Declare a column that holds one word of a closed vocabulary."""
    return mapped_column(
        Exact,
        comment=f"{comment}: {vocabulary.described()}",
        info={"plain": True, "words": tuple(entry.value for entry in vocabulary)},
    )


def coverage(of: str) -> MappedColumn[Any]:
    """Declare a column that says whether the registry has all records of a sort that link the record."""
    return word(Coverage, f"whether the registry has all its {of}; empty if no source says it")


def language() -> MappedColumn[Any]:
    """Declare a column for the language of the record's own texts, other than names in several languages."""
    return code("the language of its texts, BCP 47; empty if not known")


def reference(target: str, comment: str, **kw: Any) -> MappedColumn[Any]:
    """Declare a foreign key to the `id` of the table `target`, which usually holds the records of one kind."""
    key = sa.ForeignKey(f"{target}.id", deferrable=True, initially="DEFERRED")
    return mapped_column(Exact, key, comment=comment, info={"plain": True}, **kw)


def any_of(*kinds: Kind, comment: str) -> MappedColumn[Any]:
    """Declare a column for the id of a record of one of these kinds. A column `…_kind` beside it holds the kind."""
    return mapped_column(Exact, comment=comment, info={"plain": True, "kinds": kinds})


def kind_of(reference_: Any) -> MappedColumn[Any]:
    """Declare a column that holds the kind of the record to which `reference_` refers."""
    kinds = reference_.column.info["kinds"]
    return mapped_column(Exact, comment="the kind of the record referred to", info={"plain": True, "words": kinds})


def edtf_date(comment: str) -> MappedColumn[Any]:
    """Declare a column of EDTF dates, each as precise as its source states it."""
    return mapped_column(Exact, comment=comment, info={"plain": True, "edtf": True})


def derived(
    derive: Callable[[Content], Any],
    comment: str,
    *,
    plain: bool = False,
    nullable: bool = False,
    names: Sequence[Kind] = (),
) -> MappedColumn[Any]:
    """Declare a column that `derive` computes from the record's content at every write.

    `plain`: whether the values have no characters that JSON must escape. `names`: the kinds of the records whose ids it holds,
    if it holds ids.
    """
    return mapped_column(
        Exact, nullable=nullable, comment=comment, info={"derive": derive, "plain": plain, "names": tuple(names)}
    )


def spelling(field: str) -> MappedColumn[Any]:
    """Declare a derived column with which a filter finds the text in `field`, however it is spelled (see `spelling_key`)."""
    return derived(
        lambda content: spelling_key(content[field]) if content.get(field) else None,
        f"`{field}` without case, marks and punctuation, as filters compare it",
        nullable=True,
    )


def first_day(field: str, *, read: Callable[[str], edtf.Bounds] = edtf.event) -> MappedColumn[Any]:
    """Declare a derived column: the earliest day that the date in the field `field` can mean. `read` returns its bounds."""
    return derived(
        lambda content: read(content[field]).start if content.get(field) else edtf.NO_START,
        f"the earliest day that `{field}` can mean; {edtf.NO_START} for none",
        plain=True,
    )


def last_day(field: str) -> MappedColumn[Any]:
    """Declare a derived column: the latest day that the EDTF date in the field `field` can mean."""
    return derived(
        lambda content: edtf.bounds(content[field]).end if content.get(field) else edtf.NO_END,
        f"the latest day that `{field}` can mean; {edtf.NO_END} for none",
        plain=True,
    )


def natural_key(*fields: str, also: Mapping[str, Callable[[Content], Any]] = MappingProxyType({})) -> MappedColumn[Any]:
    """Declare a derived column: a digest of these fields. A unique index on it keeps the natural key unique.

    The digest is short, whatever texts the fields have, because an index of Postgres takes 2,700 bytes at most. `also`: by
    name, what computes a part of the key that is no field.
    """

    def digest(content: Content) -> str:
        key = to_json([(also[field](content) if field in also else content.get(field)) or None for field in fields])
        return urlsafe_b64encode(blake2b(key, digest_size=15).digest()).decode()

    return derived(digest, f"a digest of {', '.join(f'`{field}`' for field in fields)}", plain=True)


def ascending(first: str) -> MappedColumn[Any]:
    """Declare a computed column for ascending order: it equals the column `first`, but undated records have the highest value.

    For descending order, lists are sorted by the column `first` itself, in which undated records have the lowest value. So
    these records come last in both directions.
    """
    return mapped_column(
        Exact,
        sa.Computed(f"CASE WHEN {first} = '{edtf.NO_START}' THEN '{edtf.NO_END}' ELSE {first} END", persisted=True),
        comment=f"`{first}` for ascending order, where none comes last",
    )


def holding(derive: Callable[[Content], Span]) -> tuple[MappedColumn[Any], ...]:
    """Declare the columns of the time in which an instrument, an office or a membership held; its dates may be uncertain.

    It was possibly in force from `possible_from` to `possible_until`, and certainly from `certain_from` to `certain_until`.
    `derive` computes this time from the record alone. If it also depends on other records, `app/writing/spans.py` corrects it.
    """
    comments = {
        "possible_from": "the first day on which it can have held",
        "certain_from": "the first day on which it surely held",
        "certain_until": "the last day on which it surely held",
        "possible_until": "the last day on which it can have held",
    }

    def part(name: str) -> Callable[[Content], str]:
        return lambda content: getattr(derive(content), name)

    return tuple(derived(part(name), comment) for name, comment in comments.items())


class Versioned:
    """The columns that every kind has: id (a foreign key to `records`), version, time of creation, time of last change."""

    @declared_attr
    def id(self) -> Mapped[str]:
        """The record's id."""
        comment = "the record's id: it never changes and is unique over all kinds"
        return reference(
            "records", comment, primary_key=True, sort_order=-1
        )  # the first column, because the integrity_check of SQLite 3.40 expects the primary key there

    version: Mapped[int] = mapped_column(sa.Integer, comment="counts the record's versions from 1")
    created_at: Mapped[Any] = mapped_column(Instant, comment="when the record was made (RFC 3339, UTC)")
    updated_at: Mapped[Any] = mapped_column(Instant, comment="when its content last changed (RFC 3339, UTC)")


class Named(Versioned):
    """The base of tables whose records have a name. Records that only connect two others, such as participants, have none."""

    name: Mapped[str] = text("the record's name, in the language asked for where it has one")
    name_key: Mapped[str] = derived(lambda content: sort_key(content["name"]), "the place of `name` in the order of names")


class Dated(Versioned):
    """A record with a date."""

    date: Mapped[str | None] = edtf_date("when, as precisely as a source states it (EDTF, ISO 8601-2)")
    date_note: Mapped[str | None] = text("the date as printed, where EDTF cannot say it: a day without a year, `today`")
    date_start: Mapped[str] = first_day("date")
    date_end: Mapped[str] = last_day("date")
    date_order: Mapped[str] = ascending("date_start")


class Lasting(Versioned):
    """A record that is valid from one day until another."""

    since: Mapped[str | None] = edtf_date("since when, where stated (EDTF)")
    since_start: Mapped[str] = first_day("since")
    since_end: Mapped[str] = last_day("since")
    since_order: Mapped[str] = ascending("since_start")
    until: Mapped[str | None] = edtf_date("until when, where stated (EDTF)")
    until_start: Mapped[str] = first_day("until")
    until_end: Mapped[str] = last_day("until")


LASTS_FOR_YEARS = (
    "CAST(substr(date_end, 1, 4) AS INTEGER) - CAST(substr(date_start, 1, 4) AS INTEGER) > 1"
    f" AND date_start > '{edtf.NO_START}'"
)
"""SQL condition for records that last for years: they end at least two calendar years after the year in which they start.

Such a record can match the filter `From` although it began long before the given day. Every other record that matches began in
the calendar year before that of the given day, or later."""


def windows() -> tuple[sa.Index, ...]:
    """Return the indexes for filters by date range.

    Two of them are for lists in ascending or descending order of date. The third contains only records that last for years
    (see LASTS_FOR_YEARS).
    """
    lasting = sa.text(LASTS_FOR_YEARS)
    long = sa.Index(None, "date_start", "date_end", sqlite_where=lasting, postgresql_where=lasting)
    return (*orders("date_start", "date_order"), long)


def lookups(order: str, *columns: str) -> tuple[sa.Index, ...]:
    """Return one index for each column that filters use.

    Within an index, rows with the same value have the default order of lists: by the column `order`, then by the id.
    """
    return tuple(sa.Index(None, column, order, "id") for column in columns)


def orders(*columns: str) -> tuple[sa.Index, ...]:
    """Return one index for each column by which lists can be sorted, with the id as the tie-breaker."""
    return tuple(sa.Index(None, column, "id") for column in columns)
