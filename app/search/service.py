"""The search service: finds records by full-text search, and suggests names. It does not depend on HTTP."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, Statement, to_statement
from app.declaration.model import Ref
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.faults import Fault, summary
from app.models.records import Record
from app.models.search import SearchEntry
from app.reading import naming
from app.reading.names import language_parameters, name_in
from app.reading.naming import Meanings
from app.search import tiers
from app.search.candidates import Candidates
from app.search.facets import THESE, Facets
from app.search.models import FacetValue, Hit, Reason, SearchQuery, Suggestion, SuggestQuery
from app.search.showing import Showing, own_of
from app.search.suggesting import Suggester
from app.search.tiers import Known, Narrowed, Tier
from app.text.query import Query, parsed
from app.text.terms import LETTERS, Letters

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
_KINDS = {"country": Kind.COUNTRY, "topic": Kind.TOPIC, "topic_exact": Kind.TOPIC, "organization": Kind.ORGANIZATION}
"""The filters whose values stand for records, each with the kind of these records."""
NAMES_LETTERS = 3_000
"""Maximum number of characters of stored names that a search analyzes to find the records that the query mentions by name. The
search for `did_you_mean` has a separate limit of the same size."""


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


class _Candidates(NamedTuple):
    """All candidates of a search.

    `rows` are the candidates as (tier, docid), in the order in which hits are returned. `known` are the records whose names the
    query contains.
    """

    rows: list[tuple[int, int]]
    truncated: bool
    relaxed: bool
    known: Sequence[Known]


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
        page = found.rows[offset : offset + wanted.limit]
        hits = await self._hits(query, found.known, page, languages)
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
        rows += await newest(tiers.elsewhere(query, called, named), narrowed)
        if rows:
            return _candidates(rows, known=called)
        rows = await newest(tiers.relaxed(query), narrowed)
        return _candidates(rows, known=called, relaxed=bool(rows))

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

    async def _hits(
        self, query: Query, others: Sequence[Known], page: Sequence[tuple[int, int]], languages: Sequence[str]
    ) -> list[Hit]:
        if not page:
            return []
        encode = self._driver.encode
        parameters = {"docids": encode([docid for _, docid in page]), **language_parameters(languages, encode)}
        rows = {row[0]: row for row in await self._driver.fetch(self._shown(min(len(languages), 2)), parameters)}
        letters = Letters(LETTERS - 2 * NAMES_LETTERS)
        plain = Showing(query, (), letters)
        by_other_names = Showing(query, [name.stems for each in others for name in each.names], letters)
        return [
            _hit(Tier(tier), rows[docid], by_other_names if tier == Tier.OTHER_NAME else plain, typed=bool(query.slots))
            for tier, docid in page
            if docid in rows
        ]


def _candidates(rows: Sequence[Row], *, known: Sequence[Known] = (), relaxed: bool = False) -> _Candidates:
    return _Candidates(tiers.merged(rows), tiers.is_cut(rows), relaxed, known)


def _hit(tier: Tier, row: Row, showing: Showing, *, typed: bool) -> Hit:
    _, record_id, kind, date, words, country_id, name, country = row
    found = showing.matched(own_of(words))
    return Hit(
        kind=Kind(kind),
        id=record_id,
        name=name,
        date=date,
        country=Ref(id=country_id, name=country) if country_id else None,
        snippet=found.snippet,
        score=tier.score if typed else 0,
        matched=Reason(tier=tier.name.lower(), field=found.field, form=found.form) if typed else None,
    )
