"""The table of search entries, and SQLite's full-text index on it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.columns import Base, code, reference, text

INDEX = "search_entries_index"
"""SQLite's full-text index over the terms; Postgres has an index of its own on the column."""
HELD = 1 << 24
"""Bytes of terms that FTS5 keeps in memory before it writes a segment: a large import then makes few segments to merge."""
TERMS_INDEX = "ix_search_entries_terms"
_CREATE_INDEX = (
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5"
    "(terms, content='search_entries', content_rowid='docid', tokenize=\"ascii tokenchars '-@#=~|'\")"
)


class SearchEntry(Base):
    """Projection: the search entry of a record."""

    __tablename__ = "search_entries"
    __table_args__ = (
        sa.Index(TERMS_INDEX, "terms", postgresql_using="gin").ddl_if("postgresql"),
        {"comment": "projection: the words of records that have some, by which search finds them"},
    )

    docid: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
        comment="in the order of the records' first days, the newest first",
    )
    record_id: Mapped[str] = reference("records", "whose words these are", unique=True)
    kind: Mapped[str] = mapped_column(Exact, comment="the record's kind", info={"words": tuple(Kind)})
    date: Mapped[str | None] = code("when it was, as its source states it (EDTF)")
    date_start: Mapped[str] = code("its first day")
    date_end: Mapped[str] = code("its last day")
    country_id: Mapped[str | None] = code("where it was, or whose it is")
    words: Mapped[str] = text("the words as they stand in the record: a JSON array of [weight, field, language, text]")
    terms: Mapped[Any] = mapped_column(
        sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"), comment="the terms that they are found by, in their order"
    )


def create_index(connection: Connection) -> None:
    """Create SQLite's full-text index, which SQLAlchemy does not know."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_CREATE_INDEX)
        hold(connection, HELD)


def hold(connection: Connection, size: int) -> None:
    """Set how many bytes SQLite's full-text index keeps in memory before it writes."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('hashsize', ?)", (size,))  # noqa: S608 - our names


def drop_index(connection: Connection) -> None:
    """Drop it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TABLE {INDEX}")


event.listen(SearchEntry.__table__, "after_create", lambda _table, connection, **_kw: create_index(connection))
event.listen(SearchEntry.__table__, "before_drop", lambda _table, connection, **_kw: drop_index(connection))
