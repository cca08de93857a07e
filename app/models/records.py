"""Tables for records of all kinds: ids, names, identifiers, topics, change log, redirects and involvements."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Exact, Instant
from app.domain.vocabulary import Kind, NameType
from app.models.columns import Base, code, number, reference, spelling, text, word


class Record(Base):
    """One row for each record of every kind. Foreign keys that may refer to several kinds refer to this table."""

    __tablename__ = "records"
    __table_args__ = (sa.UniqueConstraint("id", "kind"), {"comment": "every record of every kind"})

    id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="unique over all kinds", info={"plain": True})
    kind: Mapped[str] = word(Kind, "the kind, which names the table that holds the rest")
    name: Mapped[str] = text("a checked copy of the record's name, or of what it says of itself")


class Name(Base):
    """A name of a record in a language."""

    __tablename__ = "names"
    __table_args__ = (
        sa.Index(
            "ix_names_shown_in",
            "record_id",
            "shown_in",
            unique=True,
            sqlite_where=sa.text("shown_in IS NOT NULL"),
            postgresql_where=sa.text("shown_in IS NOT NULL"),
        ),
        {"comment": "names of records: languages, spellings, acronyms, misprints"},
    )

    record_id: Mapped[str] = reference("records", "whose name it is", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the record's names, from 0")
    language: Mapped[str] = code("the language, BCP 47")
    text: Mapped[str] = text("the name")
    type: Mapped[str] = word(NameType, "how the name stands to its bearer")
    shown_in: Mapped[str | None] = code("the language for which this name is shown; null if another name is")


class Identifier(Base):
    """An identifier of a record in an external scheme, such as Wikidata."""

    __tablename__ = "identifiers"
    __table_args__ = (
        sa.Index(None, "identifier", "scheme"),
        {"comment": "identifiers of records elsewhere: Wikidata, ROR, UN symbols"},
    )

    record_id: Mapped[str] = reference("records", "whose identifier it is", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the identifiers, from 0")
    scheme: Mapped[str] = code("the scheme: `wikidata`, `ror`, `un-symbol` …")
    identifier: Mapped[str] = mapped_column(Exact, comment="the identifier in that scheme")


class FurtherPlace(Base):
    """A further place of a meeting or an instrument that took place in several."""

    __tablename__ = "further_places"
    __table_args__ = (
        sa.Index(None, "city_key", "record_id"),
        sa.Index(None, "country_id", "record_id"),
        {"comment": "the places of meetings and instruments besides the first"},
    )

    record_id: Mapped[str] = reference("records", "what took place there, too", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the further places, from 0")
    city: Mapped[str] = text("the city")
    city_key: Mapped[str | None] = spelling("city")
    country_id: Mapped[str | None] = reference("countries", "the country it is in, where stated")


class RecordTopic(Base):
    """Connects records and topics: one row for each topic that a record is about."""

    __tablename__ = "record_topics"
    __table_args__ = (sa.Index(None, "topic_id", "record_id"), {"comment": "the topics of records"})

    record_id: Mapped[str] = reference("records", "whose topic it is", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the topics, from 0")
    topic_id: Mapped[str] = reference("topics", "the topic")


class Involvement(Base):
    """One row for each actor that takes part in a meeting, is party to an instrument, or made or received an outcome.

    The table is a projection: its rows are computed from the records.
    """

    __tablename__ = "involvements"
    __table_args__ = (
        sa.Index(None, "record_id", "actor_kind", "actor_id"),
        {"comment": "projection: which actors are involved in which records, also through their bodies and people"},
    )

    actor_id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="who is involved")
    record_kind: Mapped[str] = mapped_column(
        Exact, primary_key=True, comment="the kind of the record they are involved in", info={"words": tuple(Kind)}
    )
    date_start: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the record's first day")
    record_id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the record they are involved in")
    actor_kind: Mapped[str] = mapped_column(Exact, comment="what they are", info={"words": tuple(Kind)})


ENTRIES = ("all", "one", "instrument")
"""The sorts of entries of the ledger."""


class LedgerEntry(Base):
    """One row for each actor whom an act concerns: an action, or an instrument that no action tells of.

    The table is a projection: its rows are computed from actions, instruments and `involvements`.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.Index(None, "entry_id", "actor_id"),
        {"comment": "projection: the acts of instruments, outcomes and meetings, by the actors whom they concern"},
    )

    actor_id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="whom it concerns")
    entry_kind: Mapped[str] = mapped_column(
        Exact,
        primary_key=True,
        comment="what it is: `all`: an action that concerns all sides; `one`: one side's own; `instrument`: one that no action"
        " tells of",
        info={"words": ENTRIES},
    )
    date_start: Mapped[str] = mapped_column(Exact, primary_key=True, comment="its first day")
    entry_id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the action or the instrument")


class Change(Base):
    """The change log: one row for each version of a record, in the order of commits."""

    __tablename__ = "changes"
    __table_args__ = (
        sa.Index(None, "record_id", "seq"),
        sa.Index(None, "transaction", "seq"),
        {"comment": "the change log: every write of every record, with the state after it"},
    )

    seq: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, comment="the place in the log, rising"
    )
    record_id: Mapped[str] = mapped_column(Exact, comment="the record written; it may be gone")
    kind: Mapped[str] = mapped_column(Exact, comment="its kind", info={"words": tuple(Kind)})
    operation: Mapped[str] = mapped_column(
        Exact,
        comment="what was done",
        info={"words": ("create", "replace", "patch", "delete", "merge", "restore", "erase")},
    )
    version: Mapped[int] = number("the record's version after it")
    at: Mapped[Any] = mapped_column(Instant, comment="when (RFC 3339, UTC)")
    author: Mapped[str] = text("the name of the key, or of the command, that wrote it")
    transaction: Mapped[str] = mapped_column(Exact, comment="one id for all that was written together")
    state: Mapped[str | None] = text("the record's content after it, as in the exchange format; null when deleted or erased")
    into_id: Mapped[str | None] = code("the record that it was merged into")
    digest: Mapped[str] = code("eight random hexadecimal digits: after a restore, another change at this place has others")
    proposed_by: Mapped[str | None] = text("the name of the key that had proposed it; empty if nobody had")


class Redirect(Base):
    """A redirect from the old id of a merged record to the record that replaced it."""

    __tablename__ = "redirects"
    __table_args__ = ({"comment": "old ids of merged records"},)

    old_id: Mapped[str] = mapped_column(Exact, primary_key=True, comment="the id that is no more")
    new_id: Mapped[str] = code("the record that took its place; its id may lead on in its turn, or be gone")
