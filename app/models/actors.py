"""Tables of actors: countries, organizations, people, positions, memberships."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import spans
from app.domain.collation import sort_key
from app.domain.spans import Span
from app.domain.vocabulary import Kind, MembershipStatus, OrganizationType
from app.models.columns import (
    Base,
    Content,
    Lasting,
    Named,
    answer,
    any_of,
    ascending,
    code,
    coverage,
    derived,
    edtf_date,
    first_day,
    holding,
    kind_of,
    language,
    last_day,
    lookups,
    natural_key,
    number,
    orders,
    reference,
    spelling,
    text,
    word,
)


class Country(Named, Lasting, Base):
    """A state, present or former."""

    __tablename__ = "countries"
    __table_args__ = (
        *orders("name_key", "updated_at", "created_at"),
        *lookups("name_key", "region_key", "subregion_key"),
        *(
            sa.Index(f"uq_countries_{code}", code, sa.text("coalesce(until, '')"), unique=True)
            for code in ("alpha_3", "numeric")
        ),
        {"comment": "states, by ISO 3166-1 and, if they are no more, ISO 3166-3"},
    )

    alpha_3: Mapped[str] = code("ISO 3166 alpha-3 code")
    numeric: Mapped[str | None] = code("ISO 3166 numeric code")
    official_name: Mapped[str | None] = text("the state's official name in English")
    region: Mapped[str | None] = text("the region by UN M49")
    region_key: Mapped[str | None] = spelling("region")
    subregion: Mapped[str | None] = text("the subregion by UN M49")
    subregion_key: Mapped[str | None] = spelling("subregion")


class CountrySuccessor(Base):
    """Connects a former state and a state that succeeded it."""

    __tablename__ = "country_successors"
    __table_args__ = (sa.Index(None, "successor_id", "record_id"), {"comment": "the states that succeeded former states"})

    record_id: Mapped[str] = reference("countries", "the former state", primary_key=True)
    place: Mapped[int] = mapped_column(sa.Integer, primary_key=True, comment="its place among the successors, from 0")
    successor_id: Mapped[str] = reference("countries", "a state that succeeded it")


class Organization(Named, Base):
    """An organization: a body that has members or acts in its own name."""

    __tablename__ = "organizations"
    __table_args__ = (
        *orders("name_key", "founded_start", "founded_order", "updated_at", "created_at"),
        *lookups("name_key", "type", "country_id", "parent_id", "seat_country_id"),
        {"comment": "bodies with members or acts of their own"},
    )

    acronym: Mapped[str | None] = text("the acronym in common use")
    type: Mapped[str | None] = word(OrganizationType, "what it is")
    country_id: Mapped[str | None] = reference("countries", "whose it is; empty if international")
    parent_id: Mapped[str | None] = reference("organizations", "the organization it is part of")
    seat: Mapped[str | None] = text("the city it sits in")
    seat_country_id: Mapped[str | None] = reference("countries", "the country it sits in")
    founded: Mapped[str | None] = edtf_date("when it was founded, or its founding announced (EDTF)")
    founded_start: Mapped[str] = first_day("founded")
    founded_end: Mapped[str] = last_day("founded")
    founded_order: Mapped[str] = ascending("founded_start")
    dissolved: Mapped[str | None] = edtf_date("when it was dissolved (EDTF)")
    dissolved_start: Mapped[str] = first_day("dissolved")
    dissolved_end: Mapped[str] = last_day("dissolved")
    website: Mapped[str | None] = text("its own site")
    summary: Mapped[str | None] = text("what it is, in the registry's words")
    language: Mapped[str | None] = language()
    members_coverage: Mapped[str | None] = coverage("members")


class Person(Named, Base):
    """A person who takes part in meetings, holds an office or signs instruments."""

    __tablename__ = "people"
    __table_args__ = (
        *orders("name_key", "sort_key", "updated_at", "created_at"),
        {"comment": "people who take part"},
    )

    sort_name: Mapped[str | None] = text("the name as a list of names would have it: surname first")
    sort_key: Mapped[str] = derived(
        lambda content: sort_key(content.get("sort_name") or content["name"]), "the place of `sort_name` in the order of names"
    )
    summary: Mapped[str | None] = text("who it is, in the registry's words")
    language: Mapped[str | None] = language()


def _span(content: Content, *, holds_on: bool) -> Span:
    return spans.of_tenure(content.get("since"), content.get("until"), content.get("attested") or (), holds_on=holds_on)


class _Tenure(Lasting):
    """The base of offices and memberships. Each lasts for a period, but sources may prove only some days of this period."""

    attested: Mapped[str | None] = mapped_column(
        sa.String, comment="days on which a source shows that it held (EDTF)", info={"list": True}
    )


def _holder(content: Content) -> str | None:
    return content.get("person") or content.get("held_by")


class Position(_Tenure, Base):
    """An office that a person holds, or a presidency that a country or an organization holds."""

    __tablename__ = "positions"
    __table_args__ = (
        *orders("since_start", "since_order", "updated_at", "created_at"),
        *lookups("since_start", "person_id", "held_by_id", "holder_id", "organization_id", "country_id"),
        sa.Index("uq_positions_key", "natural_key", unique=True),
        {"comment": "offices that people hold, and presidencies"},
    )

    natural_key: Mapped[str] = natural_key("holder", "title", "organization", "country", "since", also={"holder": _holder})
    person_id: Mapped[str | None] = reference("people", "the person who holds it")
    held_by_id: Mapped[str | None] = any_of(
        Kind.COUNTRY, Kind.ORGANIZATION, comment="the country or organization that holds it: a presidency, a seat"
    )
    held_by_kind: Mapped[str | None] = kind_of(held_by_id)
    holder_id: Mapped[str] = derived(
        _holder, "who holds it, whoever it is", plain=True, names=(Kind.PERSON, Kind.COUNTRY, Kind.ORGANIZATION)
    )
    title: Mapped[str] = text("the office as printed, in the nominative")
    language: Mapped[str | None] = language()
    organization_id: Mapped[str | None] = reference("organizations", "the body in which it is held")
    country_id: Mapped[str | None] = reference("countries", "the state for which it is held")
    possible_from, certain_from, certain_until, possible_until = holding(lambda content: _span(content, holds_on=False))


class Membership(_Tenure, Base):
    """The membership of a country or an organization in an organization or a series."""

    __tablename__ = "memberships"
    __table_args__ = (
        *orders("since_start", "since_order", "updated_at", "created_at"),
        *lookups("since_start", "of_id", "member_id", "status", "founding"),
        sa.Index("uq_memberships_key", "natural_key", unique=True),
        {"comment": "who belongs to what"},
    )

    natural_key: Mapped[str] = natural_key("of", "member", "status", "since")
    of_id: Mapped[str] = any_of(Kind.ORGANIZATION, Kind.SERIES, comment="the organization or series belonged to")
    of_kind: Mapped[str] = kind_of(of_id)
    member_id: Mapped[str] = any_of(Kind.COUNTRY, Kind.ORGANIZATION, comment="the country or organization that belongs")
    member_kind: Mapped[str] = kind_of(member_id)
    status: Mapped[str] = word(MembershipStatus, "how it belongs")
    founding: Mapped[bool | None] = answer("whether it is one of the founders, where stated")
    ordinal: Mapped[int | None] = number("the how-manieth member it became")
    possible_from, certain_from, certain_until, possible_until = holding(lambda content: _span(content, holds_on=True))
