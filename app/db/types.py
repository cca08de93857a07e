"""Column types: text in byte order on both databases, and instants in UTC."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler

Exact = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Text that is compared and sorted by bytes, so that the server's locale does not matter. Used for ids, dates, words of a
vocabulary and sort keys."""


def instant_text(instant: datetime) -> str:
    """Return the instant as RFC 3339 text in UTC with microseconds. SQLite and all responses use this form."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def one_of(column: str, words: Iterable[str]) -> str:
    """Return the condition for a CHECK that the column holds one of the words, or NULL."""
    return f'"{column}" IN ({", ".join(f"{word!r}" for word in map(str, words))})'


class OneOf(sa.CheckConstraint):
    """The CHECK that a column holds one of the words, or NULL."""

    def __init__(self, column: str, words: Iterable[str], *, name: Any) -> None:
        self.column, self.words = column, tuple(map(str, words))
        super().__init__(one_of(column, self.words), name=name)


@compiles(OneOf, "sqlite")
def _on_sqlite(constraint: OneOf, compiler: DDLCompiler, **kw: Any) -> str:
    return as_comparisons(compiler.visit_check_constraint(constraint, **kw))  # type: ignore[no-untyped-call]


def as_comparisons(condition: str) -> str:
    """Rewrite the conditions with IN that `one_of` returns as comparisons.

    Comparisons are faster: for an IN, SQLite would build a temporary table of the words for every row that is written.
    """

    def comparisons(found: re.Match[str]) -> str:
        column, words = found[1], found[2].split(", ")
        return f"CASE {column} {' '.join(f'WHEN {word} THEN 1' for word in words)} ELSE {column} IS NULL END"

    return _WORDS.sub(comparisons, condition)


_WORDS = re.compile(r"""("\w+") IN \(('\w+'(?:, '\w+')*)\)""")


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant in UTC: `timestamptz` on Postgres, its RFC 3339 text on SQLite, aware `datetime` in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Return the type in the database: text on SQLite, which has no type for instants; `timestamptz` on Postgres."""
        return dialect.type_descriptor(sa.String() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return the value to store: on SQLite, RFC 3339 text. Raises ValueError if the instant has no time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        return instant_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the stored instant as an aware `datetime` in UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)
