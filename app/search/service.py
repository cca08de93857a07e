"""The search service: finds records by full-text search, and suggests names. It does not depend on HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, Statement, to_statement
from app.declaration.filters.links import ACTORS
from app.declaration.model import Ref
from app.domain.vocabulary import Kind, Role
from app.errors import Invalid
from app.faults import Fault, summary
from app.models.records import Record
from app.models.search import SearchEntry
from app.reading import naming
from app.reading.names import language_parameters, name_in
from app.reading.naming import Meanings
from app.search.candidates import Candidates
from app.search.dated import dated
from app.search.facets import THESE, Facets
from app.search.finder import Finder, Ranking
from app.search.linked import LinkedRecords
from app.search.mentioned import NAMES_LETTERS
from app.search.models import FacetValue, Hit, Reason, SearchQuery, Suggestion, SuggestQuery
from app.search.showing import Matched, Showing, own_of
from app.search.suggesting import Suggester
from app.search.tiers import HOLDERS, Narrowed, Tier
from app.text.query import Query, parsed
from app.text.terms import LETTERS, Letters

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "country": (Kind.COUNTRY,),
    "topic": (Kind.TOPIC,),
    "topic_exact": (Kind.TOPIC,),
    "organization": (Kind.ORGANIZATION,),
    "participant": ACTORS,
    "between": ACTORS,
}
"""The filters whose values stand for records, each with the kinds of these records."""
_HAPPENED = (Kind.MEETING, Kind.MEMORANDUM, Kind.OUTCOME)
"""What is shown of a time if a question names nothing else."""
BY_OFFICE = (*HOLDERS, Tier.MOST_WORDS, Tier.ANY_WORD)
"""The tiers in which a person may be found by an office."""
RELAXED_LETTERS = 5_000
"""Maximum number of characters of hits that a search analyzes if no record has all words. It has taken more steps before."""
RANKED = 20
"""Number of candidates, from the first, that are ordered by how well the typed words fit. Further ones stay in the order of
their days, because ordering them would mean to read all their texts."""
MOST_OFF = 4
"""Maximum by which a score is lowered because the words do not fit well. It is less than the distance of two tiers."""


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


class SearchService:
    """Searches one database."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._candidates = Candidates(driver)
        self._suggester = Suggester(driver, self._candidates)
        self._finder = Finder(driver, self._candidates, self._suggester)
        self._facets = Facets(driver)
        self._meanings = Meanings(driver)
        self._shown = lru_cache(3)(self._shown_with)
        self._linked = LinkedRecords(driver)

    async def search(self, wanted: SearchQuery, languages: Sequence[str], *, offset: int = 0) -> Found:
        """Return a page of hits, beginning with hit number `offset` (from 0).

        `languages`: the languages in which names are shown, the preferred one first.
        """
        query = parsed(wanted.q or "")
        narrowed, faults = await self._narrowed(wanted)
        found = await self._found(wanted.q, query, narrowed)
        if faults and not found.rows:
            raise Invalid(summary(faults), faults=faults)
        hits = await self._hits(query, found, offset, wanted.limit, languages)
        meant: list[str] = []
        if (found.relaxed and not found.dated) or not found.rows:
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

    async def _found(self, question: str | None, query: Query, narrowed: Narrowed) -> Ranking:
        """Return the candidates. If the question names a date, what happened then and has all other words is among them.

        If nothing has the other words, as in `what happened in June 2025`, what happened then comes before what has some words.
        """
        if question is None:
            return await self._finder.everything(narrowed)
        found = await self._finder.find(query, narrowed)
        date = dated(question) if not narrowed.is_dated else None
        if date is None:
            return found
        then = replace(narrowed, date_from=date.date_from, date_to=date.date_to)
        rest = parsed(date.rest)
        if rest.slots:
            there = await self._finder.find(rest, then)
            if there.rows and not there.relaxed:
                return found.with_dated(there)
            if found.rows and not found.relaxed:
                return found
        there = await self._finder.everything(replace(then, kinds=then.kinds or _HAPPENED))
        return found.behind_dated(there) if rest.slots else found.with_dated(there)

    async def _narrowed(self, wanted: SearchQuery) -> tuple[Narrowed, list[Fault]]:
        """Return the filters with the ids of the records that are meant, and the faults of values that mean none."""
        given = {name: ids for name in _KINDS if name != "between" and (ids := getattr(wanted, name))}
        if wanted.between:
            given["between"] = wanted.between.split(",")
        named = await self._meanings.of([each for ids in given.values() for each in ids]) if given else {}
        refers: list[tuple[str, ...]] = []
        involves: list[tuple[str, ...]] = []
        faults = []
        for name, ids in given.items():
            kinds = _KINDS[name]
            meant = {each: naming.meaning(each, named[each], kinds) for each in ids}
            group = [each.id for each in meant.values() if each.id is not None]
            if name == "topic":
                group = await self._meanings.with_narrower(group)
            if name == "between":
                if len(set(group)) < len(group):
                    told = "two of these are the same; name two to five different ones"
                    raise Invalid(told, faults=[Fault(told, parameter=name)])
                involves += [(each.id,) if each.id else () for each in meant.values()]
            else:
                (involves if name == "participant" else refers).append(tuple(group))
            for value, each in meant.items():
                if each.id is None:
                    faults.append(await self._meanings.fault(name, value, each, kinds))
        narrowed = Narrowed(
            tuple(wanted.kind or ()), tuple(refers), tuple(involves), date_from=wanted.date_from, date_to=wanted.date_to
        )
        return narrowed, faults

    async def suggest(self, wanted: SuggestQuery, languages: Sequence[str]) -> list[Suggestion]:
        """Return records whose names have words that begin with the typed words.

        If there are no such records, return records with similar names.
        """
        narrowed = Narrowed(kinds=tuple(wanted.kind or ()))
        return await self._suggester.suggest(parsed(wanted.q), narrowed, languages, limit=wanted.limit)

    def _shown_with(self, languages: int) -> Statement:
        country = records.alias("country")
        columns = [search_entries.c[name] for name in ("docid", "record_id", "kind", "date", "words", "country_id")]
        names = (name_in(records.c.id, records.c.name, languages), name_in(country.c.id, country.c.name, languages))
        source = search_entries.join(records, records.c.id == search_entries.c.record_id).outerjoin(
            country, country.c.id == search_entries.c.country_id
        )
        return to_statement(sa.select(*columns, *names).select_from(source).where(THESE), self._driver.dialect)

    async def _hits(self, query: Query, found: Ranking, start: int, limit: int, languages: Sequence[str]) -> list[Hit]:
        """Return the hits from `start` on.

        Among the first `RANKED` candidates, those of one tier are ordered by how well the typed words fit (`Matched.fit`).
        """
        first, last = (0, max(RANKED, start + limit)) if start < RANKED else (start, start + limit)
        several = found.rows[first:last]
        if not several:
            return []
        encode = self._driver.encode
        parameters = {"docids": encode([docid for _, docid in several]), **language_parameters(languages, encode)}
        rows = {row[0]: row for row in await self._driver.fetch(self._shown(min(len(languages), 2)), parameters)}
        letters = Letters(RELAXED_LETTERS if found.relaxed else LETTERS - 3 * NAMES_LETTERS)
        plain = Showing(query, (), letters)
        by_other_names = Showing(query, [name.stems for each in found.known for name in each.names], letters)
        hits: list[tuple[tuple[int, ...], Hit]] = []
        for place, (tier, docid) in enumerate(several, first):
            if docid not in rows:
                continue
            showing = by_other_names if tier == Tier.OTHER_NAME else plain
            title = found.titles.get(docid) if tier in BY_OFFICE else None
            matched = title or showing.matched(own_of(rows[docid][4]))
            is_told = found.is_ranked or docid in found.dated
            fit = 0 if is_told else matched.fit if place < RANKED else MOST_OFF
            off = min(fit, MOST_OFF)
            hit = _hit(Tier(tier), rows[docid], matched, off, typed=bool(query.slots))
            hits.append(((place >= RANKED, tier, fit, place), hit))
        page = [hit for _, hit in sorted(hits, key=itemgetter(0))][start - first : start - first + limit]
        links = [hit for hit in page if hit.kind.role in (Role.LINK, Role.ACT)]
        if links:
            linked = await self._linked.of([hit.id for hit in links], languages)
            for hit in links:
                hit.linked += linked.get(hit.id, ())
        return page


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
        linked=[],
    )
