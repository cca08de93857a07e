"""The search service: finds records by full-text search, and suggests names. It does not depend on HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, Statement, to_statement
from app.declaration.model import Ref
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.faults import Fault, summary
from app.models.actors import Position
from app.models.meetings import Participant
from app.models.records import Record
from app.models.search import SearchEntry
from app.reading import naming
from app.reading.names import language_parameters, name_in
from app.reading.naming import Meanings
from app.search import tiers
from app.search.candidates import Candidates
from app.search.facets import THESE, Facets
from app.search.models import FacetValue, Hit, Reason, SearchQuery, Suggestion, SuggestQuery
from app.search.showing import Matched, Showing, own_of
from app.search.suggesting import Suggester
from app.search.tiers import Known, Narrowed, Tier
from app.text.nodes import NOTHING, Node, all_of, term
from app.text.query import Query, parsed
from app.text.terms import LETTERS, NAMED, Letters, Weight

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
_KINDS = {"country": Kind.COUNTRY, "topic": Kind.TOPIC, "topic_exact": Kind.TOPIC, "organization": Kind.ORGANIZATION}
"""The filters whose values stand for records, each with the kind of these records."""
NAMES_LETTERS = 3_000
"""Maximum number of characters of stored names that a search analyzes to find the records that the query mentions by name. The
search for `did_you_mean` has a separate limit of the same size."""

ENOUGH = 20
"""If the stages that need all words in one record find so many records, names of other records are not searched for the words."""
MENTIONED = 10
"""The maximum number of entities that one word of a query can stand for."""
MOST_OFFICES = 50
"""The maximum number of positions and participants that are read to find who holds an office. The newest are read."""
RANKED = 50
"""The number of candidates, from the first, that are ordered by how well the typed words fit. Further ones stay in the order of
their days, because all their texts would have to be read."""
MOST_OFF = 5
"""The maximum that a score is lowered because the words do not fit well. It is less than the distance of two tiers."""


class Found(NamedTuple):
    """A page of search results."""

    hits: list[Hit]
    more: bool
    """Whether there are hits after this page."""
    total: int | None
    """The number of records found; None if only the newest matching records were read."""
    truncated: bool
    """Whether some tier reached its maximum number of candidates, so that more records may match than were read."""
    relaxed: bool
    """True if no record has all typed words, so that each hit has only some of them."""
    ignored: tuple[str, ...]
    """Typed words that are not searched for, because the query has too many words."""
    did_you_mean: list[str]
    facets: dict[str, list[FacetValue]] | None


class Holder(NamedTuple):
    """A person who holds or held an office that was typed."""

    docid: int
    """The docid of the person."""
    office: Matched
    """The title of the office."""
    place: int
    """The place of the office among those that were found, the newest first."""


class Spread(NamedTuple):
    """The entities that have a word of the query in a name."""

    ids: list[list[str]]
    """Their ids, for each slot of the query."""
    docids: list[int]


class _Candidates(NamedTuple):
    """All candidates of a search.

    `rows` are the candidates as (tier, docid), in the order in which hits are returned. `known` are the records whose names the
    query contains. `holders` has, by docid, the people in tier HOLDER.
    """

    rows: list[tuple[int, int]]
    truncated: bool
    relaxed: bool
    known: Sequence[Known]
    holders: Mapping[int, Holder]


class SearchService:
    """Searches one database."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._candidates = Candidates(driver)
        self._suggester = Suggester(driver, self._candidates)
        self._facets = Facets(driver)
        self._meanings = Meanings(driver)
        columns = (search_entries.c[name] for name in ("docid", "record_id", "words"))
        self._words = to_statement(sa.select(*columns).where(THESE), driver.dialect)
        self._ids = to_statement(sa.select(search_entries.c.docid, search_entries.c.record_id).where(THESE), driver.dialect)
        self._holders = to_statement(_holders(), driver.dialect)
        self._shown = lru_cache(3)(self._shown_with)

    async def search(self, wanted: SearchQuery, languages: Sequence[str], *, offset: int = 0) -> Found:
        """Return a page of hits, beginning with hit number `offset` (from 0).

        `languages`: the languages in which names are shown, the preferred one first.
        """
        query = parsed(wanted.q or "")
        narrowed, faults = await self._narrowed(wanted)
        found = await self._find(query, narrowed, everything=wanted.q is None)
        if faults and not found.rows:
            raise Invalid(summary(faults), faults=faults)
        hits = await self._hits(query, found, offset, wanted.limit, languages)
        meant: list[str] = []
        if found.relaxed or not found.rows:
            meant = await self._suggester.meant(query, languages, Letters(NAMES_LETTERS))
        facets = None
        if wanted.facets:
            facets = await self._facets.of([docid for _, docid in found.rows], wanted.facets, languages)
        return Found(
            hits,
            more=offset + wanted.limit < len(found.rows),
            total=None if found.truncated else len(found.rows),
            truncated=found.truncated,
            relaxed=found.relaxed,
            ignored=query.ignored,
            did_you_mean=meant,
            facets=facets,
        )

    async def _narrowed(self, wanted: SearchQuery) -> tuple[Narrowed, list[Fault]]:
        """Return the filters with the ids of the records that are meant, and the faults of values that mean none."""
        given = {name: ids for name in _KINDS if (ids := getattr(wanted, name))}
        named = await self._meanings.of([each for ids in given.values() for each in ids]) if given else {}
        refers, faults = [], []
        for name, ids in given.items():
            kinds = (_KINDS[name],)
            meant = {each: naming.meaning(each, named[each], kinds) for each in ids}
            group = [each.id for each in meant.values() if each.id is not None]
            if name == "topic":
                group = await self._meanings.with_narrower(group)
            refers.append(tuple(group))
            for value, each in meant.items():
                if each.id is None:
                    faults.append(await self._meanings.fault(name, value, each, kinds))
        return Narrowed(tuple(wanted.kind or ()), tuple(refers), wanted.date_from, wanted.date_to), faults

    async def suggest(self, wanted: SuggestQuery, languages: Sequence[str]) -> list[Suggestion]:
        """Return records whose names have words that begin with the typed words.

        If there are no such records, return records with similar names.
        """
        narrowed = Narrowed(kinds=tuple(wanted.kind or ()))
        return await self._suggester.suggest(parsed(wanted.q), narrowed, languages, limit=wanted.limit)

    async def _find(self, query: Query, narrowed: Narrowed, *, everything: bool) -> _Candidates:
        """Run the stages of a search in order. As soon as a tier has `CANDIDATES` records, skip the remaining stages."""
        newest = self._candidates.newest
        if everything:
            return _candidates(await newest(tiers.everything(narrowed), narrowed))
        rows: list[Row] = []
        for stage in tiers.by_name(query):
            rows += await newest(stage, narrowed)
            if tiers.is_cut(rows):
                return _candidates(rows)
        called, named = await self._known(query)
        found, holders = await self._with_holders(query, tiers.elsewhere(query, called, named), narrowed)
        rows += found
        if len(rows) >= ENOUGH or not query.slots:
            return _candidates(rows, known=called, holders=holders)
        spread = Spread([[] for _ in query.slots], [])
        if len(query.slots) > 1 and query.is_plain:
            spread = await self._spread(query)
            found, more = await self._with_holders(query, tiers.together(query, called, spread.ids), narrowed)
            rows, holders = rows + found, {**more, **holders}
        if rows:
            return _candidates(rows, known=called, holders=holders)
        return await self._relaxed(query, narrowed, called, spread)

    async def _relaxed(self, query: Query, narrowed: Narrowed, called: Sequence[Known], spread: Spread) -> _Candidates:
        """Run the stages for a query that no record matches: with typing errors, and with some of the words only."""
        rows: list[Row] = []
        holders: dict[int, Holder] = {}
        for docid in await self._suggester.with_slips(query, narrowed, Letters(NAMES_LETTERS)):
            rows.append((Tier.SLIP, docid))
        if len(query.slots) > 1 and query.is_plain:
            for place, slot in enumerate(query.slots):
                if not spread.ids[place]:
                    spread.ids[place] += await self._suggester.named_with_slips(slot, Letters(NAMES_LETTERS))
            stage = tiers.together(query, called, spread.ids)
            if rows:
                del stage[Tier.HOLDER]
            found, holders = await self._with_holders(query, stage, narrowed)
            rows += found
        if not rows:
            rows = await self._candidates.newest(tiers.relaxed(query, called, spread.ids), narrowed)
        return _candidates(rows, known=called, holders=holders, relaxed=bool(rows))

    async def _with_holders(
        self, query: Query, stage: Mapping[Tier, Node], narrowed: Narrowed
    ) -> tuple[list[Row], dict[int, Holder]]:
        """Run a stage whose tier HOLDER finds positions and participants. Replace them by the people who hold these offices.

        Returns the rows and, by the docid of a person, the office. An office whose title has few other words comes first.
        """
        others = {tier: node for tier, node in stage.items() if tier is not Tier.HOLDER}
        rows = await self._candidates.newest(others, narrowed)
        office = stage.get(Tier.HOLDER, NOTHING)
        if office == NOTHING or narrowed.is_dated or (narrowed.kinds and Kind.PERSON not in narrowed.kinds):
            return rows, {}
        offices = await self._candidates.newest({Tier.HOLDER: office}, replace(narrowed, kinds=()), limit=MOST_OFFICES)
        if not offices:
            return rows, {}
        order = [docid for _, docid in offices]
        showing = Showing(query, (), Letters(NAMES_LETTERS))
        holders: dict[int, Holder] = {}
        several = await self._driver.fetch(self._holders, {"docids": self._driver.encode(order)})
        shown = sorted(
            (Holder(person, showing.matched(own_of(words)), order.index(docid)) for docid, person, words in several),
            key=lambda holder: (holder.office.fit, holder.place),
        )
        for holder in shown:
            holders.setdefault(holder.docid, holder)
        return [*rows, *((int(Tier.HOLDER), docid) for docid in holders)], holders

    async def _spread(self, query: Query) -> Spread:
        """Return, for each slot of the query, the entities that have this word in a name (at most `MENTIONED`)."""
        named = {place: all_of((slot.sound(Weight.NAME), term(NAMED))) for place, slot in enumerate(query.slots)}
        rows = await self._candidates.newest(named, Narrowed(), limit=MENTIONED)
        found: list[list[str]] = [[] for _ in query.slots]
        if rows:
            several = await self._driver.fetch(self._ids, {"docids": self._driver.encode([docid for _, docid in rows])})
            ids: dict[int, str] = {docid: record_id for docid, record_id in several}
            for place, docid in rows:
                found[place] += [ids[docid]] if docid in ids else []
        return Spread(found, [docid for _, docid in rows])

    async def _known(self, query: Query) -> tuple[list[Known], list[Known]]:
        """Return the entities that the query mentions by name, as two lists (called, named).

        `called`: the query contains the entity's complete name. `named`: the entity's name contains all typed words (at most
        `BEST_NAMES` entities). If at least one entity is in both lists, `named` keeps only the entities that are in both lists.
        """
        rows = await self._candidates.newest(tiers.known_names(query), Narrowed(), limit=tiers.KNOWN_AT_MOST)
        if not rows:
            return [], []
        letters = Letters(NAMES_LETTERS)
        entries = await self._driver.fetch(self._words, {"docids": self._driver.encode([row[1] for row in rows])})
        found = {docid: tiers.known(record_id, own_of(words), letters) for docid, record_id, words in entries}
        called = [found[docid] for tier, docid in rows if tier == Tier.NAME_IS and docid in found]
        named = [found[docid] for tier, docid in rows if tier == Tier.NAMED and docid in found]
        best = [each for each in named if each in called] or named
        return called, best[: tiers.BEST_NAMES]

    def _shown_with(self, languages: int) -> Statement:
        country = records.alias("country")
        columns = [search_entries.c[name] for name in ("docid", "record_id", "kind", "date", "words", "country_id")]
        names = (name_in(records.c.id, records.c.name, languages), name_in(country.c.id, country.c.name, languages))
        source = search_entries.join(records, records.c.id == search_entries.c.record_id).outerjoin(
            country, country.c.id == search_entries.c.country_id
        )
        return to_statement(sa.select(*columns, *names).select_from(source).where(THESE), self._driver.dialect)

    async def _hits(self, query: Query, found: _Candidates, start: int, limit: int, languages: Sequence[str]) -> list[Hit]:
        """Return the hits from `start` on.

        Among the first `RANKED` candidates, those of one tier are ordered by how well the typed words fit (`Matched.fit`).
        """
        first = 0 if start < RANKED and query.slots else start
        several = found.rows[first : max(RANKED, start + limit) if first < start or query.slots else start + limit]
        if not several:
            return []
        encode = self._driver.encode
        parameters = {"docids": encode([docid for _, docid in several]), **language_parameters(languages, encode)}
        rows = {row[0]: row for row in await self._driver.fetch(self._shown(min(len(languages), 2)), parameters)}
        letters = Letters(LETTERS - 2 * NAMES_LETTERS)
        plain = Showing(query, (), letters)
        by_other_names = Showing(query, [name.stems for each in found.known for name in each.names], letters)
        hits: list[tuple[tuple[int, ...], Hit]] = []
        for place, (tier, docid) in enumerate(several, first):
            if docid not in rows:
                continue
            showing = by_other_names if tier == Tier.OTHER_NAME else plain
            matched = found.holders[docid].office if tier == Tier.HOLDER else showing.matched(own_of(rows[docid][4]))
            off = min(matched.fit, MOST_OFF) if place < RANKED else MOST_OFF
            hits.append(
                (
                    (place >= RANKED, tier, matched.fit, place),
                    _hit(Tier(tier), rows[docid], matched, off, typed=bool(query.slots)),
                )
            )
        return [hit for _, hit in sorted(hits, key=itemgetter(0))][start - first : start - first + limit]


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


def _candidates(
    rows: Sequence[Row], *, known: Sequence[Known] = (), holders: Mapping[int, Holder] | None = None, relaxed: bool = False
) -> _Candidates:
    return _Candidates(tiers.merged(rows), tiers.is_cut(rows), relaxed, known, holders or {})


def _hit(tier: Tier, row: Row, found: Matched, fit: int, *, typed: bool) -> Hit:
    _, record_id, kind, date, _, country_id, name, country = row
    return Hit(
        kind=Kind(kind),
        id=record_id,
        name=name,
        date=date,
        country=Ref(id=country_id, name=country) if country_id else None,
        snippet=found.snippet,
        score=tier.score - fit if typed else 0,
        matched=Reason(tier=tier.name.lower(), field=found.field, form=found.form) if typed else None,
    )
