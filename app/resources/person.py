"""People who take part."""

from app import models
from app.models.vocabulary import Kind
from app.reading.model import Text
from app.reading.resource import Include, Resource, by
from app.resources.record import (
    CITATIONS,
    Identifiers,
    Names,
    Record,
    Topics,
    common_sorts,
    in_date_order,
    kind,
    label_of,
    named_filters,
)


class Person(Record):
    """Somebody who takes part."""

    kind: kind(Kind.PERSON)
    name: Text
    sort_name: Text | None = None
    summary: Text | None = None
    names: Names
    identifiers: Identifiers
    topics: Topics


PERSON = Resource(
    kind=Kind.PERSON,
    plural="people",
    model=Person,
    table_model=models.Person,
    filters=named_filters(),
    sorts={
        "name": by(models.Person.name_key),
        "sort_name": by(models.Person.sort_key),
        **common_sorts(models.Person),
    },
    default_sort="name",
    includes={
        "positions": Include(Kind.POSITION, "person", lambda table: (table.c.since_order, table.c.id)),
        "participants": Include(Kind.PARTICIPANT, "person", in_date_order),
        "signatures": Include(Kind.PARTY, "signed_by"),
        **CITATIONS,
    },
    label=label_of("name"),
    example="pavel-tkach",
)
