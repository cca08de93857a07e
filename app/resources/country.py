"""The resource of countries: present and former states, identified by their codes (ISO 3166)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from app import models
from app.declaration.filters import Among, Stated
from app.declaration.model import Alpha3, DerivedDay, Moment, Numeric, Part, Ref, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.iso_3166 import FORMER_ID, codes_of
from app.domain.vocabulary import Kind, NameType
from app.models.columns import Content
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    ends_after_it_starts,
    label_of,
    named_filters,
    spelled,
)


class Country(Record):
    """A state. Its id is its alpha-2 code (ISO 3166-1). The id of a former state has four letters (ISO 3166-3).

    Wherever a country is meant, its alpha-3 or numeric code or the alpha-2 code in any case also stands for it.
    """

    kind: Literal[Kind.COUNTRY]
    alpha_3: Alpha3
    numeric: Numeric | None = None
    name: Text
    official_name: Text | None = None
    region: Text | None = None
    subregion: Text | None = None
    since: Moment | None = None
    since_start: DerivedDay
    since_end: DerivedDay
    until: Moment | None = None
    until_start: DerivedDay
    until_end: DerivedDay
    successors: Annotated[
        list[Ref],
        Part(models.CountrySuccessor.__table__, "record_id", ("successor_id",), ("place",)),
        Field(default=(), description="the states that succeeded a former state"),
    ]


def _has_codes_of_iso(content: Content) -> Iterator[tuple[str, str]]:
    """Check that the codes are those of ISO 3166, if it has the id. Other ids, such as XK, may have codes of their own."""
    known = codes_of().get(content["id"] or "")
    for field in ("alpha_3", "numeric"):
        if known is not None and content.get(field) != (right := getattr(known, field)):
            yield field, f"ISO 3166 gives {content['id']} " + (f"the code {right}" if right else "no numeric code")


def _ends_if_former(content: Content) -> Iterator[tuple[str, str]]:
    if len(content["id"] or "") == FORMER_ID and not content.get("until"):
        yield "until", "required, because an id of four letters is that of a former state"
    if content["id"] in content.get("successors", ()):
        yield "successors", "a state does not succeed itself"


COUNTRY = Resource(
    kind=Kind.COUNTRY,
    plural="countries",
    model=Country,
    table_model=models.Country,
    filters={
        "region": spelled("the region by UN M49", "Asia", "region_key"),
        "subregion": spelled("the subregion by UN M49", "Central Asia", "subregion_key"),
        "former": Stated("`true`: states that are no more; `false`: the others", "true", column="until"),
        "successor": Among(
            "former states that this one succeeded",
            "KZ",
            table=models.CountrySuccessor.__table__,
            select="record_id",
            match="successor_id",
        ),
        **named_filters("беларусь"),
    },
    sorts={"name": by(models.Country.name_key), **common_sorts(models.Country)},
    default_sort="name",
    includes={
        "organizations": Include(Kind.ORGANIZATION, "country", ordered("name_key")),
        "memberships": Include(Kind.MEMBERSHIP, "member", ordered("since_order"), filter="member_exact"),
        "presidencies": Include(Kind.POSITION, "held_by", ordered("since_order")),
        "meetings": Include(Kind.MEETING, "country", ordered("date_order")),
        **CITATIONS,
    },
    label=label_of("name"),
    own_name_type=NameType.SHORT,
    also_called=(
        "states",
        "nations",
    ),
    searched=Searched(titles=("official_name", "alpha_3"), texts=("region", "subregion")),
    alternative_keys=(("alpha_3", "until"), ("numeric", "until")),
    rules=(_has_codes_of_iso, _ends_if_former, ends_after_it_starts("since", "until")),
    example="BY",
)
