"""The table of search entries, and SQLite's full-text index on it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from app.db.full_text import TERMS_INDEX, create_index, drop_index
from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.columns import Base, code, reference, text


class SearchEntry(Base):
    """A record's search entry. It holds the record's words, and the terms by which a search finds the record.

    The table is a projection: its rows are computed from the records.
    """

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


event.listen(SearchEntry.__table__, "after_create", lambda _table, connection, **_kw: create_index(connection))
event.listen(SearchEntry.__table__, "before_drop", lambda _table, connection, **_kw: drop_index(connection))
