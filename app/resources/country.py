"""The resource of countries: the states that ISO 3166-1 lists, identified by their codes."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Kind
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    label_of,
    named_filters,
)


class Country(Record):
    """A state. Its id is its ISO 3166-1 alpha-2 code."""

    kind: Literal[Kind.COUNTRY]
    alpha_3: Text
    numeric: Text
    name: Text
    official_name: Text | None = None
    region: Text | None = None
    subregion: Text | None = None


COUNTRY = Resource(
    kind=Kind.COUNTRY,
    plural="countries",
    model=Country,
    table_model=models.Country,
    filters={
        "region": Equals("the region by UN M49", "Asia", column="region", free=True),
        "subregion": Equals("the subregion by UN M49", "Central Asia", column="subregion", free=True),
        **named_filters("беларусь"),
    },
    sorts={"name": by(models.Country.name_key), **common_sorts(models.Country)},
    default_sort="name",
    includes={
        "organizations": Include(Kind.ORGANIZATION, "country", ordered("name_key")),
        "memberships": Include(Kind.MEMBERSHIP, "member", ordered("since_order")),
        "meetings": Include(Kind.MEETING, "country", ordered("date_order")),
        **CITATIONS,
    },
    label=label_of("name"),
    searched=Searched(titles=("official_name", "alpha_3"), texts=("region", "subregion")),
    alternative_keys=("alpha_3", "numeric"),
    example="BY",
)
