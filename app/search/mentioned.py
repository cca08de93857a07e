"""Finds the entities, such as countries and people, that a query mentions by name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, to_statement
from app.db.sql import is_one_of
from app.db.types import Exact
from app.domain.vocabulary import Kind
from app.models.actors import Organization
from app.models.search import SearchEntry
from app.search import tiers
from app.search.candidates import Candidates
from app.search.facets import THESE
from app.search.showing import own_of
from app.search.tiers import Known, Narrowed, Tier
from app.text.nodes import all_of, term
from app.text.query import Query
from app.text.terms import NAMED, Letters, Weight

search_entries: sa.Table = SearchEntry.__table__
organizations: sa.Table = Organization.__table__
NAMES_LETTERS = 2_500
"""Maximum number of characters of stored names that each of three steps of a search analyzes: to find what the query mentions
by name, to find offices and names with typing errors, and to find names for `did_you_mean`."""
ENTITIES_OF_A_WORD = 10
"""Maximum number of entities that one word of a query can stand for."""
FEW = 3
"""If a word stands for at most so many entities, these are shown, too."""
_WITH_BODIES = (Kind.COUNTRY, Kind.ORGANIZATION)
MOST_BODIES = 100
"""Maximum number of organizations that stand for the countries and organizations to which they belong."""


class Spread(NamedTuple):
    """The entities that have a word of the query in a name."""

    ids: list[list[str]]
    """Their ids, for each slot of the query."""
    rows: Sequence[Row]
    """The number of the slot and the docid of each."""

    def few(self) -> list[int]:
        """Return the docids of those that share a word with few others."""
        count = Counter(place for place, _ in self.rows)
        return [docid for place, docid in self.rows if count[place] <= FEW]


def nothing_spread(query: Query) -> Spread:
    """Return the result for a query whose words are not looked for in the names of entities."""
    return Spread([[] for _ in query.slots], [])


class Mentioned:
    """Looks up names in one database."""

    def __init__(self, driver: Driver, candidates: Candidates) -> None:
        self._driver = driver
        self._candidates = candidates
        columns = (search_entries.c[name] for name in ("docid", "record_id", "kind", "words"))
        self._words = to_statement(sa.select(*columns).where(THESE), driver.dialect)
        ids_of = sa.select(*(search_entries.c[name] for name in ("docid", "record_id", "kind")))
        self._ids = to_statement(ids_of.where(THESE), driver.dialect)
        ids = sa.bindparam("ids", type_=sa.ARRAY(Exact))
        owners = (organizations.c.country_id, organizations.c.parent_id)
        bodies = sa.select(organizations.c.id, *owners).where(sa.or_(*(is_one_of(owner, ids) for owner in owners)))
        bodies = bodies.order_by(organizations.c.id).limit(sa.literal_column(str(MOST_BODIES)))
        self._bodies = to_statement(bodies, driver.dialect)

    async def by_name(self, query: Query) -> tuple[list[Known], list[Known]]:
        """Return the entities that the query mentions by name, as two lists (called, named).

        `called`: the query contains the entity's complete name. `named`: the entity's name contains all typed words (at most
        `BEST_NAMES` entities). If at least one entity is in both lists, `named` keeps only the entities that are in both lists.
        """
        rows = await self._candidates.newest(tiers.known_names(query), Narrowed(), limit=tiers.KNOWN_AT_MOST)
        if not rows:
            return [], []
        letters = Letters(NAMES_LETTERS)
        # Without an order, the databases would differ in which names are within the limit of characters.
        entries = sorted(await self._driver.fetch(self._words, {"docids": self._driver.encode([row[1] for row in rows])}))
        bodies = await self._bodies_of(record_id for _, record_id, kind, _ in entries if kind in _WITH_BODIES)
        found = {
            docid: tiers.known(docid, record_id, Kind(kind), own_of(words), letters)._replace(bodies=bodies.get(record_id, ()))
            for docid, record_id, kind, words in entries
        }
        called = [found[docid] for tier, docid in rows if tier == Tier.NAME_IS and docid in found]
        named = [found[docid] for tier, docid in rows if tier == Tier.NAMED and docid in found]
        best = [each for each in named if each in called] or named
        return called, best[: tiers.BEST_NAMES]

    async def word_by_word(self, query: Query) -> Spread:
        """Return, for each slot of the query, the entities that have this word in a name (at most `ENTITIES_OF_A_WORD`)."""
        named = {place: all_of((slot.sound(Weight.NAME), term(NAMED))) for place, slot in enumerate(query.slots)}
        rows = await self._candidates.newest(named, Narrowed(), limit=ENTITIES_OF_A_WORD)
        found = nothing_spread(query)._replace(rows=rows)
        if rows:
            docids = self._driver.encode([docid for _, docid in rows])
            entries = await self._driver.fetch(self._ids, {"docids": docids})
            ids = {docid: str(record_id) for docid, record_id, _ in entries}
            bodies = await self._bodies_of(record_id for _, record_id, kind in entries if kind in _WITH_BODIES)
            for place, docid in rows:
                if record_id := ids.get(docid):
                    found.ids[place] += [record_id, *bodies.get(record_id, ())]
        return found

    async def _bodies_of(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return, for each of these countries and organizations, the ids of organizations that belong to it."""
        found: dict[str, list[str]] = {each: [] for each in ids}
        if not found:
            return found
        for body, *owners in await self._driver.fetch(self._bodies, {"ids": self._driver.encode(list(found))}):
            for owner in owners:
                if owner in found:
                    found[owner].append(body)
        return found
