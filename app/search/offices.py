"""Finds the people who hold an office that a user typed, such as `minister of communications`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, to_statement
from app.models.actors import Position
from app.models.meetings import Participant
from app.models.search import SearchEntry
from app.search.facets import THESE
from app.search.showing import Form, Matched, Showing, own_of
from app.search.tiers import HOLDERS, Tier

search_entries: sa.Table = SearchEntry.__table__
_AS_TYPED = (Form.AS_TYPED, Form.INFLECTED, Form.BEGINNING)
MOST_OFFICES = 50
"""Maximum number of positions and participants that a search reads to find who holds an office. The newest are read."""


class Holder(NamedTuple):
    """A person who holds or held an office, or who took part in a meeting in that capacity."""

    docid: int
    """The docid of the person."""
    office: int
    """The docid of the position or participant."""
    title: Matched
    """The title of the office."""


class Offices:
    """Reads, for positions and participants, whose they are."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._statement = to_statement(_holders(), driver.dialect)

    async def holders(self, docids: Sequence[int], showing: Showing) -> list[Holder]:
        """Return who holds the offices with these docids, in the same order.

        Docids of other records, and of offices that a state holds, are left out.
        """
        if not docids:
            return []
        rows = await self._driver.fetch(self._statement, {"docids": self._driver.encode(docids)})
        found = {office: Holder(person, office, showing.matched(own_of(words))) for office, person, words in rows}
        return [found[docid] for docid in docids if docid in found]

    async def resolved(self, rows: Sequence[Row], showing: Showing) -> tuple[list[Row], dict[int, Holder]]:
        """Replace the offices in the tiers `HOLDERS` by the people who hold them.

        Returns the rows and, by the docid of a person, the office. Of one tier, those whose titles have the fewest further
        words come first, then the newest. If an office was also found in a better tier, its row there is moved behind the
        person.
        """
        offices: dict[int, int] = {}
        for tier, docid in rows:
            if tier in HOLDERS and len(offices) < MOST_OFFICES:
                offices.setdefault(docid, tier)
        held = await self.holders(list(offices), showing)
        for holder in held:
            if holder.title.form not in _AS_TYPED:
                offices[holder.office] = Tier.HOLDER_SOUNDS
        held.sort(key=lambda holder: (offices[holder.office], holder.title.fit))
        people: dict[int, Holder] = {}
        for holder in held:
            people.setdefault(holder.docid, holder)
        others = [(max(tier, offices.get(docid, tier)), docid) for tier, docid in rows if tier not in HOLDERS]
        return [*((offices[holder.office], docid) for docid, holder in people.items()), *others], people


def titles(holders: Mapping[int, Holder]) -> dict[int, Matched]:
    """Return the titles of the offices by the docids of their holders."""
    return {docid: holder.title for docid, holder in holders.items()}


def _holders() -> sa.CompoundSelect[Any]:
    """Return a SELECT of rows (docid of a position or participant, docid of its person, its words)."""
    person = search_entries.alias("person")
    found = sa.select(search_entries.c.docid, person.c.docid, search_entries.c.words).where(THESE)
    return sa.union_all(
        *(
            found.join(office, office.c.id == search_entries.c.record_id).join(person, person.c.record_id == office.c.person_id)
            for office in (Position.__table__, Participant.__table__)
        )
    )
