"""People who take part in meetings, hold offices or sign instruments."""

from typing import Literal

from app import models
from app.declaration.model import Language, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Kind
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    label_of,
    named_filters,
)


class Person(Record):
    """A person who takes part in meetings, holds an office or signs instruments."""

    kind: Literal[Kind.PERSON]
    name: Text
    sort_name: Text | None = None
    summary: Text | None = None
    language: Language | None = None


PERSON = Resource(
    kind=Kind.PERSON,
    plural="people",
    model=Person,
    table_model=models.Person,
    filters=named_filters("ткач"),
    sorts={
        "name": by(models.Person.name_key),
        "sort_name": by(models.Person.sort_key),
        **common_sorts(models.Person),
    },
    default_sort="name",
    includes={
        "positions": Include(Kind.POSITION, "person", ordered("since_order")),
        "participants": Include(Kind.PARTICIPANT, "person", ordered("date_order")),
        "signatures": Include(Kind.PARTY, "signatories.person", filter="signed_by"),
        **CITATIONS,
    },
    label=label_of("name"),
    searched=Searched(names=("name", "sort_name"), texts=("summary",)),
    example="pavel-tkach",
)
