"""Finds the records that refer to a record, or are about a topic, as SQL conditions on entries of the change log.

There are two ways to use them. One asks of each entry whether its record is among them, which is best for few entries. The
other finds the records first, through the indexes on references, which is best for few records and a long log.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db.sql import literal
from app.db.types import Exact
from app.declaration.filters import HasTopic, with_narrower
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.models.records import RecordTopic
from app.reading.shapes import field_plans, reference_plans

record_topics: sa.Table = RecordTopic.__table__
OF = "of"
"""The name of the parameter with the id of the record that is referred to."""
TOPIC = "topic"
"""The name of the filter that finds what is about a topic, and of the parameter with the topics."""
MANY = 2
"""The shape of a filter with several values."""


class Query(NamedTuple):
    """A query for the ids of records."""

    kind: Kind | None
    """The kind of these records; None if they may be of several kinds."""
    id: sa.ColumnElement[str]
    """The column with the ids in the rows of `found`."""
    found: sa.Select[Any]


class Concern(NamedTuple):
    """The records whose changes are asked for: those that the queries find."""

    queries: Sequence[Query]
    itself: str = ""
    """The name of the parameter with the id of a further record, which need not exist any more; empty if there is none."""

    def is_of(self, entries: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the condition that an entry of the log is about one of the records."""
        found: list[sa.ColumnElement[bool]] = []
        if self.itself:
            found.append(entries.c.record_id == _parameter(self.itself))
        for query in self.queries:
            # With EXISTS, Postgres would read the whole result of the query to look up three entries in it: 12 ms.
            row = query.found.where(query.id == entries.c.record_id).limit(sa.literal_column("1")).correlate(entries)
            one = row.scalar_subquery().is_not(None)
            found.append(one if query.kind is None else (entries.c.kind == literal(query.kind)) & one)
        return sa.or_(*found)

    def ids(self) -> sa.CompoundSelect[Any]:
        """Return the query for the ids of all the records. An id may come more than once."""
        itself = [sa.select(_parameter(self.itself))] if self.itself else []
        return sa.union_all(*itself, *(query.found for query in self.queries))


def referring_to(resources: Iterable[Resource], kind: Kind) -> Concern:
    """Return the record with the parameter `of`, which is of this kind, and the records that refer to it."""
    several = tuple(resources)
    kind_of = {each.table.name: each.kind for each in several}
    found: dict[sa.Column[Any], Query] = {}
    for resource in several:
        for plan in reference_plans(resource, field_plans(resource), kind_of):
            owner, column = plan.column
            if kind in plan.allowed:
                referring = None if plan.is_array else resource.kind  # a table of items holds those of several kinds
                found[column] = Query(referring, owner, sa.select(owner).where(column == _parameter(OF)))
    return Concern(list(found.values()), itself=OF)


def about_topics(resources: Iterable[Resource]) -> Concern:
    """Return the records that are about one of the topics in the parameter `topic`, or about a narrower one.

    A link record is also about the topics of the record for which its filter `topic` goes through.
    """
    narrower = sa.select(with_narrower(TOPIC, MANY).c.id)
    topic, owner = record_topics.c.topic_id, record_topics.c.record_id
    found = [Query(None, owner, sa.select(owner).where(topic.in_(narrower)))]
    for resource in resources:
        entry = resource.filters.get(TOPIC)
        if isinstance(entry, HasTopic) and entry.through:
            rows = resource.table.alias("link")
            joined = rows.join(record_topics, owner == rows.c[f"{entry.through}_id"])
            through = sa.select(rows.c.id).select_from(joined).where(topic.in_(narrower))
            found.append(Query(resource.kind, rows.c.id, through))
    return Concern(found)


def _parameter(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=Exact)
