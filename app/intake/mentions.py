"""Finds which records a document names, and says of each candidate what tells it from others of the same name."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Annotated, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel, Field

from app.db.driver import Driver, Statement, to_statement
from app.db.sql import chunks, is_one_of
from app.db.types import Exact
from app.declaration.model import Ref
from app.domain.vocabulary import Kind
from app.models.actors import Position
from app.models.meetings import Participant
from app.models.records import Record
from app.models.search import SearchEntry
from app.reading.names import language_parameters, name_in
from app.search.candidates import Candidates
from app.search.facets import THESE
from app.search.showing import own_of
from app.search.tiers import Narrowed
from app.text.analyzer import is_han
from app.text.lexicon import Lexicon, Mention, name_terms, runs, terms_of
from app.text.nodes import any_of, but_not, term
from app.text.terms import LINK, Own, Weight

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
positions: sa.Table = Position.__table__
participants: sa.Table = Participant.__table__
LOOKED_FOR_IN = 30_000
"""Maximum number of characters of a document in which names are looked for. An article has some 5,000.

A Han character counts as `HAN` characters: names may begin at each, so that looking for them takes as much longer.
"""
HAN = 5
MOST_BEARERS = 2_000
"""Maximum number of records whose names are compared with a document."""
LONGEST_NAME = 300
"""Maximum number of characters of a name whose namesakes are looked for."""
MOST_MENTIONS = 5_000
MOST_CANDIDATES = 10
"""Maximum number of records that are shown for a name."""
OFFICES = 3
"""Maximum number of offices that are shown for a person."""


class Candidate(BaseModel):
    """A record that a name may mean, with what tells it from others of the name."""

    id: str
    kind: Kind
    name: Annotated[str, Field(description="its name in the language asked for")]
    date: Annotated[str | None, Field(description="when it was, if it is an event (EDTF)")]
    country: Annotated[Ref | None, Field(description="whose it is, or where it was")]
    offices: Annotated[list[str], Field(description=f"of a person: up to {OFFICES} offices and capacities")]


class Named(NamedTuple):
    """A place of a document at which records are named."""

    paragraph: int
    """Its number, from 1."""
    mention: Mention


class Mentions:
    """Finds the names of the records of one database in documents."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._candidates = Candidates(driver)
        self._words = to_statement(
            sa.select(*(search_entries.c[name] for name in ("record_id", "kind", "words"))).where(THESE), driver.dialect
        )
        self._described = lru_cache(3)(self._described_with)
        self._offices = to_statement(_offices(), driver.dialect)

    async def of(self, paragraphs: Sequence[str], language: str | None) -> list[Named]:
        """Return the places at which the first `LOOKED_FOR_IN` characters of a document name records, in their order."""
        looked = _first(paragraphs)
        terms = await asyncio.to_thread(_terms_of, looked, language)
        docids: dict[int, None] = {}
        for several in chunks(sorted(terms)):
            node = but_not(any_of(map(term, several)), term(LINK))
            docids |= dict.fromkeys(docid for _, docid in await self._candidates.newest({0: node}, Narrowed()))
            if len(docids) >= MOST_BEARERS:
                break
        lexicon = Lexicon()
        for found in chunks(islice(docids, MOST_BEARERS)):
            for record_id, kind, words in await self._driver.fetch(self._words, {"docids": self._driver.encode(found)}):
                for own in own_of(words) if kind != Kind.SOURCE else ():
                    if own.weight is Weight.NAME and own.field != "type":
                        lexicon.add(record_id, Kind(kind), own.text, own.language)
        return await asyncio.to_thread(named_in, lexicon, looked, language)

    async def namesakes(self, kind: Kind, names: Iterable[str], languages: Sequence[str]) -> list[Candidate]:
        """Return at most `MOST_CANDIDATES` records of a kind that have one of these names, in any script and inflection."""
        bearers = await self.bearers([each.strip() for each in islice(names, MOST_CANDIDATES)])
        ids = {record for several in bearers for record in several}
        found = await self.described(ids, languages) if ids else {}
        return [candidate for candidate in found.values() if candidate.kind is kind][:MOST_CANDIDATES]

    async def bearers(self, names: Sequence[str]) -> list[list[str]]:
        """Return, for each of these names, the ids of the records that have it, in any script and inflection."""
        by_term: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            for each in name_terms(name) if len(name) <= LONGEST_NAME else ():
                by_term.setdefault(each, []).append(place)
        found: list[dict[str, None]] = [{} for _ in names]
        for record_id, own in await self._named_by(by_term):
            for each in name_terms(own.text, own.language):
                for place in by_term.get(each, ()):
                    found[place][record_id] = None
        return [list(several) for several in found]

    async def _named_by(self, terms: Collection[str]) -> list[tuple[str, Own]]:
        """Return the names of the records that these terms find, at most `MOST_BEARERS` records."""
        docids: dict[int, None] = {}
        for several in chunks(sorted(terms)):
            node = but_not(any_of(map(term, several)), term(LINK))
            docids |= dict.fromkeys(docid for _, docid in await self._candidates.newest({0: node}, Narrowed()))
            if len(docids) >= MOST_BEARERS:
                break
        return [
            (record_id, own)
            for found in chunks(islice(docids, MOST_BEARERS))
            for record_id, _, words in await self._driver.fetch(self._words, {"docids": self._driver.encode(found)})
            for own in own_of(words)
            if own.weight is Weight.NAME and own.field != "type"
        ]

    async def described(self, ids: Collection[str], languages: Sequence[str]) -> Mapping[str, Candidate]:
        """Return the records of these ids, with what tells them apart."""
        found: dict[str, Candidate] = {}
        offices: dict[str, list[str]] = {}
        encode = self._driver.encode
        for some in chunks(sorted(ids)):
            for person, title in await self._driver.fetch(self._offices, {"ids": encode(some)}):
                several = offices.setdefault(person, [])
                if title not in several and len(several) < OFFICES:
                    several.append(title)
            parameters = {"ids": encode(some), **language_parameters(languages, encode)}
            for record_id, kind, date, country, name, of_country in await self._driver.fetch(
                self._described(min(len(languages), 2)), parameters
            ):
                ref = Ref(id=country, name=of_country) if country else None
                found[record_id] = Candidate(
                    id=record_id, kind=Kind(kind), name=name, date=date, country=ref, offices=offices.get(record_id, [])
                )
        return found

    def _described_with(self, languages: int) -> Statement:
        countries = records.alias("of_country")
        named, in_country = (name_in(each.c.id, each.c.name, languages) for each in (records, countries))
        columns = (search_entries.c.record_id, search_entries.c.kind, search_entries.c.date, search_entries.c.country_id)
        source = search_entries.join(records, records.c.id == search_entries.c.record_id)
        source = source.outerjoin(countries, countries.c.id == search_entries.c.country_id)
        these = is_one_of(search_entries.c.record_id, sa.bindparam("ids", type_=sa.ARRAY(Exact)))
        return to_statement(sa.select(*columns, named, in_country).select_from(source).where(these), self._driver.dialect)


def named_in(lexicon: Lexicon, paragraphs: Sequence[str], language: str | None) -> list[Named]:
    """Return the places at which paragraphs have names of a lexicon, at most `MOST_MENTIONS`."""
    every = (
        Named(number, mention)
        for number, paragraph in enumerate(paragraphs, 1)
        for mention in lexicon.mentions(paragraph, language)
    )
    return list(islice(every, MOST_MENTIONS))


def _offices() -> sa.CompoundSelect[tuple[str, str]]:
    """Return a query of (person, office), the newest office first."""
    ids = sa.bindparam("ids", type_=sa.ARRAY(Exact))
    held = sa.select(
        positions.c.person_id.label("person"), positions.c.title.label("title"), positions.c.since_start.label("day")
    )
    said = sa.select(participants.c.person_id, participants.c.capacity, participants.c.date_start)
    both = sa.union_all(
        held.where(is_one_of(positions.c.person_id, ids)),
        said.where(is_one_of(participants.c.person_id, ids), participants.c.capacity.is_not(None)),
    ).subquery()
    return sa.select(both.c.person, both.c.title).order_by(both.c.person, both.c.day.desc(), both.c.title)  # type: ignore[return-value]


def _first(paragraphs: Sequence[str]) -> list[str]:
    """Return the paragraphs, as far as names are looked for in them."""
    found, left = [], LOOKED_FOR_IN
    for paragraph in paragraphs:
        if left <= 0:
            break
        each = HAN if is_han(paragraph) else 1
        found.append(paragraph[: left // each + 1])
        left -= len(paragraph) * each
    return found


def _terms_of(paragraphs: Sequence[str], language: str | None) -> set[str]:
    return {each for paragraph in paragraphs for several in runs(paragraph, language) for each in terms_of(several)}
