"""Topics: subjects."""

from app import models
from app.models.vocabulary import Kind
from app.reading.filters import Equals
from app.reading.model import Ref, Text
from app.reading.resource import Include, Resource, by
from app.resources.record import (
    CITATIONS,
    Identifiers,
    Names,
    Record,
    Topics,
    common_sorts,
    kind,
    label_of,
    named_filters,
)


class Topic(Record):
    """A subject."""

    kind: kind(Kind.TOPIC)
    name: Text
    broader: Ref | None = None
    names: Names
    identifiers: Identifiers
    topics: Topics


TOPIC = Resource(
    kind=Kind.TOPIC,
    plural="topics",
    model=Topic,
    table_model=models.Topic,
    filters={
        "broader": Equals("the wider subject", "digital-transformation", column="broader_id"),
        **named_filters(),
    },
    sorts={"name": by(models.Topic.name_key), **common_sorts(models.Topic)},
    default_sort="name",
    includes={"narrower": Include(Kind.TOPIC, "broader", lambda table: (table.c.name_key, table.c.id)), **CITATIONS},
    label=label_of("name"),
    example="artificial-intelligence",
)
