"""Topics: the subjects that records are about."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import Ref, Text
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Kind
from app.resources.record import (
    CITATIONS,
    Record,
    common_sorts,
    label_of,
    named_filters,
)


class Topic(Record):
    """A subject that records are about; `broader` is the wider subject it belongs to."""

    kind: Literal[Kind.TOPIC]
    name: Text
    broader: Ref | None = None


TOPIC = Resource(
    kind=Kind.TOPIC,
    plural="topics",
    model=Topic,
    table_model=models.Topic,
    filters={
        "broader": Equals("the wider subject", "digital-transformation", column="broader_id"),
        **named_filters("интеллект"),
    },
    sorts={"name": by(models.Topic.name_key), **common_sorts(models.Topic)},
    default_sort="name",
    includes={"narrower": Include(Kind.TOPIC, "broader", ordered("name_key")), **CITATIONS},
    label=label_of("name"),
    also_called=(
        "subjects",
        "themes",
        "tags",
    ),
    searched=Searched(),
    example="artificial-intelligence",
)
