"""Relations of an instrument to another instrument, to a series or to an organization."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import AnyRef, Ref
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind, RelationType
from app.resources.record import CITATIONS, Record, common_filters, common_sorts, label_of


class Relation(Record):
    """The relation of an instrument to another instrument, to a series or to an organization."""

    kind: Literal[Kind.RELATION]
    memorandum: Ref
    related: AnyRef
    type: RelationType


RELATION = Resource(
    kind=Kind.RELATION,
    plural="relations",
    model=Relation,
    table_model=models.Relation,
    filters={
        "memorandum": Equals("the instrument", "sco-information-security-plan", column="memorandum_id"),
        "related": Equals("what it stands to", "sco-information-security-agreement", column="related_id"),
        "type": Equals("how it stands to it", "builds_on", column="type", words=RelationType),
        **common_filters("memorandum"),
    },
    sorts=common_sorts(models.Relation),
    default_sort="id",
    includes=CITATIONS,
    label=label_of("type"),
    also_called=("links",),
    links=("memorandum", "related"),
    natural_key=("memorandum", "related", "type"),
)
