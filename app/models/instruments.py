"""Tables of memoranda, parties, relations, outcomes and actions."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import edtf, spans
from app.domain.spans import NEVER, Span
from app.domain.vocabulary import (
    ActionType,
    Kind,
    MemorandumStatus,
    MemorandumType,
    OtherRole,
    OutcomeStatus,
    OutcomeType,
    PartyRole,
    RelationType,
    TermFrom,
)
from app.models.columns import (
    Base,
    Content,
    Dated,
    Named,
    Versioned,
    any_of,
    code,
    coverage,
    edtf_date,
    first_day,
    flag,
    holding,
    kind_of,
    language,
    last_day,
    lookups,
    natural_key,
    orders,
    reference,
    spelling,
    text,
    windows,
    word,
)


def _span(content: Content) -> Span:
    """When the instrument holds, as far as its own fields say."""
    date = edtf.event(content["date"]) if content.get("date") else edtf.NONE
    lasting = spans.lasting(content.get("period"), content.get("term"), content.get("term_from"))
    return spans.of_instrument(content.get("status"), content.get("type"), date, lasting, ())


class Memorandum(Named, Dated, Base):
    """An instrument: a memorandum, agreement, declaration, plan, resolution or strategy."""

    __tablename__ = "memoranda"
    __table_args__ = (
        *windows(),
        *orders("name_key", "updated_at", "created_at"),
        *lookups("date_start", "type", "status", "country_id", "city_key", "term", "term_from"),
        {"comment": "instruments: memoranda, agreements, declarations, plans, resolutions, strategies"},
    )

    type: Mapped[str | None] = word(MemorandumType, "what sort of instrument")
    symbol: Mapped[str | None] = text("its symbol or number")
    status: Mapped[str | None] = word(MemorandumStatus, "the furthest point stated")
    period: Mapped[str | None] = edtf_date("the time for which it is made (EDTF)")
    period_start: Mapped[str] = first_day("period", read=edtf.bounds)
    period_end: Mapped[str] = last_day("period")
    term: Mapped[str | None] = code("how long it runs, where stated (ISO 8601): `P3Y` three years")
    term_from: Mapped[str | None] = word(TermFrom, "from when the term runs; empty if not stated")
    city: Mapped[str | None] = text("the city it was signed or adopted in, where stated")
    city_key: Mapped[str | None] = spelling("city")
    country_id: Mapped[str | None] = reference("countries", "the country it was signed or adopted in, where stated")
    summary: Mapped[str | None] = text("what it provides for, in the registry's words")
    language: Mapped[str | None] = language()
    parties_coverage: Mapped[str | None] = coverage("parties")
    possible_from, certain_from, certain_until, possible_until = holding(_span)


class Gap(Base):
    """An interruption: an instrument was suspended and later resumed, or a party withdrew and later joined again."""

    __tablename__ = "gaps"
    __table_args__ = ({"comment": "projection: times within the spans of instruments and parties in which nothing held"},)

    record_id: Mapped[str] = reference("records", "the instrument or party", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the record's gaps, from 0")
    left_start: Mapped[str] = code("the first day on which it can have begun")
    left_end: Mapped[str] = code("the last day on which it can have begun")
    back_start: Mapped[str] = code("the first day on which it can have ended")
    back_end: Mapped[str] = code("the last day on which it can have ended")


class Party(Versioned, Base):
    """A country or organization that is party to an instrument, or that adopted, sponsored or keeps it."""

    __tablename__ = "parties"
    __table_args__ = (
        *orders("updated_at", "created_at"),
        sa.Index(None, "memorandum_id", "id"),
        sa.Index(None, "party_id", "id"),
        sa.Index(None, "role", "id"),
        sa.Index("uq_parties_key", "memorandum_id", "party_id", "members", "role", unique=True),
        {"comment": "the parties, adopters and sponsors of instruments"},
    )

    memorandum_id: Mapped[str] = reference("memoranda", "the instrument")
    party_id: Mapped[str] = any_of(Kind.COUNTRY, Kind.ORGANIZATION, comment="the country or organization")
    party_kind: Mapped[str] = kind_of(party_id)
    members: Mapped[bool] = flag("whether the member states of the party are meant, not the party itself")
    role: Mapped[str] = word(PartyRole, "how it stands to the instrument")
    possible_from, certain_from, certain_until, possible_until = holding(lambda _content: NEVER)


class Signatory(Base):
    """Who signed an instrument for a party: a person, an office without a name, or both."""

    __tablename__ = "signatories"
    __table_args__ = (sa.Index(None, "person_id", "record_id"), {"comment": "who signed instruments for their parties"})

    record_id: Mapped[str] = reference("records", "the party for which they signed", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the signatories, from 0")
    person_id: Mapped[str | None] = reference("people", "who signed")
    capacity: Mapped[str | None] = text("the capacity in which they signed, as printed")


class Relation(Versioned, Base):
    """A relation of a memorandum to another memorandum, a series or an organization."""

    __tablename__ = "relations"
    __table_args__ = (
        *orders("updated_at", "created_at"),
        sa.Index(None, "memorandum_id", "id"),
        sa.Index(None, "related_id", "id"),
        sa.Index(None, "type", "id"),
        sa.Index("uq_relations_key", "memorandum_id", "related_id", "type", unique=True),
        {"comment": "how instruments stand to one another, to series and to organizations"},
    )

    memorandum_id: Mapped[str] = reference("memoranda", "the instrument")
    related_id: Mapped[str] = any_of(
        Kind.MEMORANDUM, Kind.SERIES, Kind.ORGANIZATION, comment="the instrument, series or organization it stands to"
    )
    related_kind: Mapped[str] = kind_of(related_id)
    type: Mapped[str] = word(RelationType, "how it stands to it")


class Outcome(Named, Dated, Base):
    """An outcome: a result of a meeting or of one side's act, such as a pledge. Instruments are memoranda instead."""

    __tablename__ = "outcomes"
    __table_args__ = (
        *windows(),
        *orders("name_key", "updated_at", "created_at"),
        *lookups("date_start", "type", "status", "meeting_id", "made_by_id", "made_to_id", "subject_id"),
        {"comment": "proposals, understandings, pledges, statements, awards, establishments"},
    )

    type: Mapped[str] = word(OutcomeType, "what sort of result")
    period: Mapped[str | None] = edtf_date("the time it is about (EDTF)")
    period_start: Mapped[str] = first_day("period", read=edtf.bounds)
    period_end: Mapped[str] = last_day("period")
    meeting_id: Mapped[str | None] = reference("meetings", "the meeting that brought it about")
    made_by_id: Mapped[str | None] = any_of(
        Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON, comment="who put it forward, pledged or won it: who is named"
    )
    made_by_kind: Mapped[str | None] = kind_of(made_by_id)
    made_to_id: Mapped[str | None] = any_of(Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON, comment="to whom it was made")
    made_to_kind: Mapped[str | None] = kind_of(made_to_id)
    subject_id: Mapped[str | None] = any_of(*Kind, comment="the record it is about")
    subject_kind: Mapped[str | None] = kind_of(subject_id)
    status: Mapped[str | None] = word(OutcomeStatus, "what became of it, as far as a source says")
    summary: Mapped[str | None] = text("what it says, in the registry's words")
    language: Mapped[str | None] = language()


class OtherActor(Base):
    """A further actor of an outcome: beside the first maker and the first addressee, or one who carries it out."""

    __tablename__ = "other_actors"
    __table_args__ = (
        sa.Index(None, "actor_id", "record_id"),
        {"comment": "the actors of outcomes besides the first maker and the first addressee"},
    )

    record_id: Mapped[str] = reference("records", "the outcome", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the further actors, from 0")
    actor_id: Mapped[str] = any_of(Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON, comment="the actor")
    actor_kind: Mapped[str] = kind_of(actor_id)
    role: Mapped[str] = word(OtherRole, "what it has to do with the outcome")


OF_MEETINGS = (ActionType.ANNOUNCED, ActionType.POSTPONED, ActionType.MOVED, ActionType.CONFIRMED, ActionType.CANCELLED)
"""The types of actions that are done to meetings. Only `announced` may also be of an instrument or an outcome."""


class Action(Dated, Base):
    """An action: something that was done to an instrument, an outcome or a meeting, such as signing or postponing it."""

    __tablename__ = "actions"
    __table_args__ = (
        *windows(),
        *orders("updated_at", "created_at"),
        *lookups("date_start", "of_id", "type", "meeting_id", "party_id"),
        sa.Index("uq_actions_key", "natural_key", unique=True),
        {"comment": "the dated life of instruments, outcomes and meetings"},
    )

    natural_key: Mapped[str] = natural_key("of", "type", "date", "meeting", "party", "date_before", "date_after", "note")
    of_id: Mapped[str] = any_of(Kind.MEMORANDUM, Kind.OUTCOME, Kind.MEETING, comment="the instrument, outcome or meeting")
    of_kind: Mapped[str] = kind_of(of_id)
    type: Mapped[str] = word(ActionType, "what was done")
    date_before: Mapped[str | None] = edtf_date("the date of the meeting before it was moved or put off (EDTF)")
    date_before_start: Mapped[str] = first_day("date_before")
    date_before_end: Mapped[str] = last_day("date_before")
    date_after: Mapped[str | None] = edtf_date(
        "the date of the meeting after that, or the day for which a step was announced (EDTF)"
    )
    date_after_start: Mapped[str] = first_day("date_after")
    date_after_end: Mapped[str] = last_day("date_after")
    term: Mapped[str | None] = code("by how long an instrument was extended (ISO 8601)")
    meeting_id: Mapped[str | None] = reference("meetings", "the meeting at which it was done")
    party_id: Mapped[str | None] = any_of(Kind.COUNTRY, Kind.ORGANIZATION, comment="the party whose authority did it")
    party_kind: Mapped[str | None] = kind_of(party_id)
    note: Mapped[str | None] = text("what else is known of it, in the registry's words")
    language: Mapped[str | None] = language()
