"""Comparisons of actors: how much they do, on what and when; whom they all meet; when they last met each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import sqlalchemy as sa

from app.db.driver import Driver
from app.domain.vocabulary import Kind
from app.models.evidence import Topic
from app.models.records import RecordTopic
from app.views.counterparts import Common, CounterpartsView
from app.views.counterparts import Wanted as WantedCounterparts
from app.views.matrix import Axis, Matrices, largest
from app.views.matrix import Wanted as WantedMatrix
from app.views.matrix_queries import Dimension
from app.views.selection import Counted, Queries, Selection, Shapes, narrowed

DIMENSIONS: tuple[Dimension, ...] = ("type", "year")
"""What the records of an actor are counted by, besides topics."""
record_topics: sa.Table = RecordTopic.__table__
topics: sa.Table = Topic.__table__
MOST_VALUES = 50
"""The most values of a dimension that a comparison shows of each actor."""
MOST_PARTNERS = 20
"""The most partners in common that a comparison shows."""


@dataclass
class Numbers:
    """How many records of a list involve an actor, and how many of them have each value of the dimensions."""

    records: int
    axes: dict[str, Axis]


@dataclass
class Compared:
    """What a comparison counts."""

    numbers: dict[str, dict[str, Numbers]]
    """By actor and list."""
    partners: dict[str, dict[str, Common]]
    """By partner: what each actor has in common with it. All actors have something in common with it."""
    contacts: list[tuple[str, str, Common | None]]
    """For each pair of actors: what they have in common."""


class Comparison:
    """Compares actors in one database."""

    def __init__(self, driver: Driver, kinds: Mapping[str, Counted]) -> None:
        self._driver = driver
        self._kinds = kinds
        self._topics = Queries(driver, kinds).of(by_topic)
        self._matrices = Matrices(driver, kinds)
        self._counterparts = CounterpartsView(driver, kinds)

    async def count(self, actors: Sequence[tuple[str, Kind]], selection: Selection, topics: tuple[str, ...]) -> Compared:
        """Count a comparison. `topics`: those of the selection, with all narrower ones."""
        numbers = {actor: await self._numbers(replace(selection, participant=actor), topics) for actor, _ in actors}
        partners = {actor: await self._common(actor, kind, Kind.COUNTRY, selection) for actor, kind in actors}
        shared = set.intersection(*(set(found) for found in partners.values())) - {actor for actor, _ in actors}
        order = sorted(shared, key=lambda each: (-min(_all(found[each]) for found in partners.values()), each))
        contacts: list[tuple[str, str, Common | None]] = []
        for (one, kind), (other, other_kind) in combinations(actors, 2):
            found = partners[one] if other_kind is Kind.COUNTRY else await self._common(one, kind, other_kind, selection)
            contacts.append((one, other, found.get(other)))
        shown = {each: {actor: found[each] for actor, found in partners.items()} for each in order[:MOST_PARTNERS]}
        return Compared(numbers, shown, contacts)

    async def _numbers(self, selection: Selection, topics: tuple[str, ...]) -> dict[str, Numbers]:
        found = {}
        for plural, counted in self._kinds.items():
            axes, records = {"topic": await self._by_topic(counted, selection, topics)}, 0
            for dimension in DIMENSIONS:
                wanted = WantedMatrix(counted, dimension, dimension, selection, topics, MOST_VALUES)
                records, axes[str(dimension)] = await self._matrices.totals(wanted)
            found[plural] = Numbers(records, axes)
        return found

    async def _by_topic(self, counted: Counted, selection: Selection, topics: tuple[str, ...]) -> Axis:
        """Return how many records each topic has. With a selection by topics, only these and narrower ones are shown."""
        statement = self._topics(counted.plural, selection.shapes(counted))
        totals: dict[str, int] = dict(await self._driver.fetch(statement, selection.parameters(counted, self._driver.encode)))
        shown = {topic: records for topic, records in totals.items() if not topics or topic in topics}
        return largest(shown, MOST_VALUES)

    async def _common(self, actor: str, kind: Kind, of_kind: Kind, selection: Selection) -> dict[str, Common]:
        return await self._counterparts.all_of(WantedCounterparts(actor, kind, of_kind, selection))


def by_topic(counted: Counted, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the number of the selected records about each topic or a narrower one: rows of (topic, records).

    A matrix finds these numbers from those of all records, which is faster for all records and slower for those of one actor.
    """
    chosen, own = narrowed(counted, shapes), record_topics.alias("own")
    up = sa.select(topics.c.id.label("topic_id"), topics.c.id.label("wider_id")).cte("up", recursive=True)
    wider = sa.select(up.c.topic_id, topics.c.broader_id).join(topics, topics.c.id == up.c.wider_id)
    up = up.union(wider.where(topics.c.broader_id.is_not(None)))
    source = chosen.source.join(own, own.c.record_id == chosen.table.c.id).join(up, up.c.topic_id == own.c.topic_id)
    statement = sa.select(up.c.wider_id, sa.func.count(sa.distinct(own.c.record_id))).select_from(source)
    return statement.where(*chosen.conditions).group_by(up.c.wider_id)


def _all(common: Common) -> int:
    return sum(common.records.values())


def read(stored: Any) -> Compared:
    """Return what was counted from its JSON."""

    def common(each: Any) -> Common | None:
        return None if each is None else Common(**each)

    numbers = {
        actor: {
            plural: Numbers(each["records"], {name: Axis(**axis) for name, axis in each["axes"].items()})
            for plural, each in of.items()
        }
        for actor, of in stored["numbers"].items()
    }
    partners = {partner: {actor: Common(**each) for actor, each in of.items()} for partner, of in stored["partners"].items()}
    return Compared(numbers, partners, [(one, other, common(each)) for one, other, each in stored["contacts"]])
