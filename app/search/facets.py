"""Facets: counts the hits of a search by kind, year, country and topic."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.db.driver import Driver, to_statement
from app.db.sql import is_one_of
from app.models.evidence import Topic
from app.models.records import Involvement, RecordTopic
from app.models.search import SearchEntry
from app.reading.names import Names
from app.search.models import FacetValue

search_entries: sa.Table = SearchEntry.__table__
involvements: sa.Table = Involvement.__table__
record_topics: sa.Table = RecordTopic.__table__
topics: sa.Table = Topic.__table__
MAX_FACET = 50
"""Maximum number of values of a facet. The most frequent values are kept."""
THESE = is_one_of(search_entries.c.docid, sa.bindparam("docids", type_=sa.ARRAY(sa.BigInteger)))
"""The SQL condition that the docid of a search entry is in the parameter `docids`."""


class Facets:
    """Counts the hits of a search by facet values."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._counts = to_statement(_counts(), driver.dialect)
        self._names = Names(driver)

    async def of(self, docids: Sequence[int], wanted: Sequence[str], languages: Sequence[str]) -> dict[str, list[FacetValue]]:
        """Return the values of each wanted facet, with the number of hits that have the value. The most frequent comes first.

        `docids`: the numbers of the search entries of all hits.
        """
        rows = await self._driver.fetch(self._counts, {"docids": self._driver.encode(docids)}) if docids else []
        found: dict[str, list[tuple[str, int]]] = {facet: [] for facet in wanted}
        for facet, value, count in rows:
            if facet in found:
                found[facet].append((value, count))
        best = {facet: sorted(several, key=lambda each: (-each[1], each[0]))[:MAX_FACET] for facet, several in found.items()}
        named = await self._names.of([value for facet in ("country", "topic") for value, _ in best.get(facet, ())], languages)
        return {
            facet: [
                FacetValue(value=value, name=named[value].name if value in named else None, count=count)
                for value, count in several
            ]
            for facet, several in best.items()
        }


def _counts() -> sa.CompoundSelect[Any]:
    """Return a SELECT of rows (facet, value, number of hits)."""

    def counted(facet: str, value: Any, *joined: Any) -> sa.Select[Any]:
        chosen = sa.select(sa.literal_column(f"'{facet}'"), value, sa.func.count()).where(THESE, *joined)
        return chosen.group_by(value)

    year = sa.func.substr(search_entries.c.date_start, sa.literal_column("1"), sa.literal_column("4"))
    held = sa.select(search_entries.c.record_id.label("record_id"), search_entries.c.country_id.label("actor_id")).where(
        search_entries.c.country_id.is_not(None), THESE
    )
    part = (
        sa.select(involvements.c.record_id, involvements.c.actor_id)
        .join(search_entries, involvements.c.record_id == search_entries.c.record_id)
        .where(involvements.c.actor_kind == sa.literal_column("'country'"), THESE)
    )
    countries = sa.union(held, part).subquery()
    by_country = sa.select(sa.literal_column("'country'"), countries.c.actor_id, sa.func.count())
    # A record about a topic is about each wider topic, too.
    named = sa.select(record_topics.c.record_id, record_topics.c.topic_id)
    named = named.join(search_entries, record_topics.c.record_id == search_entries.c.record_id).where(THESE)
    about = named.cte("about", recursive=True)
    wider = sa.select(about.c.record_id, topics.c.broader_id).join(topics, topics.c.id == about.c.topic_id)
    about = about.union(wider.where(topics.c.broader_id.is_not(None)))
    return sa.union_all(
        counted("kind", search_entries.c.kind),
        counted("year", year, search_entries.c.date_start > sa.literal_column("'0001-01-01'")),
        by_country.group_by(countries.c.actor_id),
        sa.select(sa.literal_column("'topic'"), about.c.topic_id, sa.func.count()).group_by(about.c.topic_id),
    )
