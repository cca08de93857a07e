"""Search and suggestions over HTTP."""

import re
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.types import Receive, Scope, Send

from app.db.drivers import Driver, Row, Statement
from app.db.sql import is_one_of
from app.declaration.model import Ref
from app.domain.vocabulary import Kind
from app.errors import CursorInvalid, Fault, Invalid
from app.http.records import Records
from app.http.responses import Asked, Header, base_url, language_header, send_tagged
from app.http.search_models import (
    FacetValue,
    Hit,
    Reason,
    SearchAnswer,
    SearchPage,
    SearchQuery,
    Suggestion,
    Suggestions,
    SuggestQuery,
)
from app.models.meetings import Meeting
from app.models.records import Involvement, Record, RecordTopic
from app.models.search import SearchEntry
from app.reading import cursor as cursors
from app.reading.compiler import name_in
from app.reading.request import asked_languages, language_parameters, negotiated_format, query_pairs, validated
from app.search import finding, suggesting
from app.search.finding import CANDIDATES, Finding, Known, Narrowed, Tier
from app.search.plans import KNOWN, UNKNOWN, Frequencies
from app.search.showing import Showing, own_of
from app.text.query import Query, parsed
from app.text.terms import LETTERS, Letters, Node

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
involvements: sa.Table = Involvement.__table__
record_topics: sa.Table = RecordTopic.__table__
meetings: sa.Table = Meeting.__table__
MAX_FACET = 50
"""Values of a facet, the most frequent first."""
USES = (1, 3, 10, 30)
"""Steps in which it counts how often a record is named; above the last step all count the same."""
FREQUENCIES_KNOWN_FOR = 60
"""Seconds for which the statistics of Postgres are cached."""
_THESE = is_one_of(search_entries.c.docid, sa.bindparam("docids", type_=sa.ARRAY(sa.BigInteger)))
"""Condition: the search entry is one of the parameter `docids`."""
PROPOSED = 3
"""Names in `did_you_mean`, at the most."""
NAMES_LETTERS = 3_000
"""Characters of names that a search may analyze to find out what the query names; as many for `did_you_mean`."""
MEANT_WORDS = 3
"""If no name is near to all words, so many words are tried one by one."""


_OFFSET = re.compile(r"[1-9]\d{0,5}", re.ASCII)
"""A cursor of a search holds the number of hits before the page."""


class Search:
    """Endpoints of search and suggestions."""

    def __init__(self, records_: Records, driver: Driver) -> None:
        self._driver = driver
        self._compiler = records_.compiler
        self._sqlite = driver.dialect.name == "sqlite"
        self._finding = Finding(sqlite=self._sqlite)
        self._shown = lru_cache(3)(self._shown_with)
        self._known = self._compiler.compiled(
            sa.select(*(search_entries.c[name] for name in ("docid", "record_id", "words"))).where(_THESE)
        )
        self._used = lru_cache(3)(self._used_with)
        self._named = lru_cache(3)(self._named_with)
        self._counted = self._compiler.compiled(self._counts())
        self._asks_known = Statement(KNOWN, {})
        self._frequent = UNKNOWN
        self._known_until = 0.0

    def _these(self, docids: Sequence[int], languages: Sequence[str]) -> dict[str, Any]:
        return {"docids": self._driver.encode(docids), **language_parameters(languages, self._driver.encode)}

    # -- search ------------------------------------------------------------------------------------------------------------

    async def search(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/search`."""
        pairs = query_pairs(scope["query_string"])
        asked = validated(SearchQuery, pairs, commas=("facets",))
        negotiated_format(request.accept, offered=("json",))
        languages, language = asked_languages(asked["lang"], request.accept_language)
        narrowed = _narrowed(asked)
        query = parsed(asked["q"] or "")
        hits, others, is_relaxed = await self._found(query, narrowed, Letters(NAMES_LETTERS), everything=asked["q"] is None)
        digest = cursors.request_digest({name: asked[name] for name in asked if name not in ("cursor", "limit")})
        offset = _offset(asked["cursor"], digest)
        page = hits.found[offset : (end := offset + asked["limit"])]
        next_cursor = cursors.encode([str(end)], digest) if end < len(hits.found) else None
        total = None if hits.truncated else len(hits.found)
        headers = language_header(language)
        answer = SearchAnswer(
            data=await self._hits(query, others, page, languages, Letters(LETTERS - 2 * NAMES_LETTERS)),
            page=SearchPage(limit=asked["limit"], next_cursor=next_cursor, total=total, truncated=hits.truncated),
            links=_links(scope, pairs, next_cursor, headers),
            relaxed=is_relaxed,
            ignored=list(query.ignored),
            did_you_mean=await self._meant(query, languages, Letters(NAMES_LETTERS)) if is_relaxed or not hits.found else [],
            facets=await self._facets(asked["facets"] or (), hits, languages),
            approximate=bool(asked["facets"]) and hits.truncated,
        )
        await send_tagged(send, answer.model_dump_json().encode(), request, headers=headers)

    async def _found(
        self, query: Query, narrowed: Narrowed, letters: Letters, *, everything: bool
    ) -> tuple["_Hits", list[Known], bool]:
        """The candidates in order, the records that the query names, and whether the query was relaxed."""
        known = await self._frequencies()
        if everything:
            return _hits_of(await self._looked_for(finding.everything(narrowed), narrowed, known)), [], False
        rows: list[Row] = []
        for stage in finding.by_name(query):
            rows += await self._looked_for(stage, narrowed, known)
            if finding.is_cut(rows):
                return _hits_of(rows), [], False
        called, named = await self._names(query, letters)
        rows += await self._looked_for(finding.elsewhere(query, called, named), narrowed, known)
        if rows:
            return _hits_of(rows), called, False
        rows = await self._looked_for(finding.relaxed(query), narrowed, known)
        return _hits_of(rows), called, bool(rows)

    async def _names(self, query: Query, letters: Letters) -> tuple[list[Known], list[Known]]:
        """Records whose name is a part of the query, and records whose names contain all of it."""
        wanted = finding.known_names(query)
        rows = await self._looked_for(wanted, Narrowed(), await self._frequencies(), limit=finding.KNOWN_AT_MOST)
        if not rows:
            return [], []
        found = {
            docid: finding.known(record_id, own_of(words), letters)
            for docid, record_id, words in await self._driver.fetch(
                self._known, {"docids": self._driver.encode([row[1] for row in rows])}
            )
        }
        called = [found[docid] for tier, docid in rows if tier == Tier.NAME_IS and docid in found]
        named = [found[docid] for tier, docid in rows if tier == Tier.NAMED and docid in found]
        best = [each for each in named if each in called] or named
        return called, best[: finding.BEST_NAMES]

    async def _looked_for(
        self, tiers: Mapping[Any, Node], narrowed: Narrowed, known: Frequencies, *, limit: int = CANDIDATES
    ) -> list[Row]:
        """Candidates as (tier, docid), the newest of each tier first."""
        asked = self._finding.candidates(tiers, narrowed, known, limit=limit)
        if asked is None:
            return []
        rows = await self._driver.fetch(asked.statement, asked.given)
        count = Counter(tier for tier, _ in rows)
        if missed := {tier: node for tier, node in tiers.items() if tier in asked.windowed and count[tier] < limit}:
            kept = [row for row in rows if row[0] not in missed]
            rows = sorted([*kept, *await self._looked_for(missed, narrowed, UNKNOWN, limit=limit)])
        return rows

    async def _frequencies(self) -> Frequencies:
        """Postgres' statistics of frequent terms; not needed for SQLite."""
        if not self._sqlite and time.monotonic() >= self._known_until:
            self._known_until = time.monotonic() + FREQUENCIES_KNOWN_FOR
            for entries, terms, shares in await self._driver.fetch(self._asks_known, {}):
                self._frequent = Frequencies(entries, dict(zip(terms, shares, strict=False)))
        return self._frequent

    # -- hits --------------------------------------------------------------------------------------------------------------

    def _shown_with(self, languages: int) -> Statement:
        country = records.alias("country")
        columns = [search_entries.c[name] for name in ("docid", "record_id", "kind", "date", "words", "country_id")]
        names = (name_in(records.c.id, records.c.name, languages), name_in(country.c.id, country.c.name, languages))
        source = search_entries.join(records, records.c.id == search_entries.c.record_id).outerjoin(
            country, country.c.id == search_entries.c.country_id
        )
        return self._compiler.compiled(sa.select(*columns, *names).select_from(source).where(_THESE))

    async def _hits(
        self,
        query: Query,
        others: Sequence[Known],
        page: Sequence[tuple[int, int]],
        languages: Sequence[str],
        letters: Letters,
    ) -> list[Hit]:
        if not page:
            return []
        given = self._these([docid for _, docid in page], languages)
        rows = {row[0]: row for row in await self._driver.fetch(self._shown(min(len(languages), 2)), given)}
        said = Showing(query, (), letters)
        meant = Showing(query, [name.stems for each in others for name in each.names], letters)
        return [
            _hit(Tier(tier), rows[docid], meant if tier == Tier.OTHER_NAME else said, typed=bool(query.slots))
            for tier, docid in page
            if docid in rows
        ]

    # -- facets ------------------------------------------------------------------------------------------------------------

    def _counts(self) -> sa.CompoundSelect[Any]:
        def counted(facet: str, value: Any, *joined: Any) -> sa.Select[Any]:
            count = sa.func.count()
            chosen = sa.select(sa.literal_column(f"'{facet}'"), value, count).where(_THESE, *joined)
            return chosen.group_by(value)

        year = sa.func.substr(search_entries.c.date_start, sa.literal_column("1"), sa.literal_column("4"))
        takes_part = (
            involvements.c.record_id == search_entries.c.record_id,
            involvements.c.actor_kind == sa.literal_column("'country'"),
        )
        held = sa.select(search_entries.c.record_id.label("record_id"), search_entries.c.country_id.label("actor_id")).where(
            search_entries.c.country_id.is_not(None), _THESE
        )
        part = (
            sa.select(involvements.c.record_id, involvements.c.actor_id)
            .join(search_entries, takes_part[0])
            .where(takes_part[1], _THESE)
        )
        countries = sa.union(held, part).subquery()
        country = sa.select(sa.literal_column("'country'"), countries.c.actor_id, sa.func.count()).group_by(
            countries.c.actor_id
        )
        return sa.union_all(
            counted("kind", search_entries.c.kind),
            counted("year", year, search_entries.c.date_start > sa.literal_column("'0001-01-01'")),
            country,
            counted("topic", record_topics.c.topic_id, record_topics.c.record_id == search_entries.c.record_id),
        )

    async def _facets(
        self, wanted: Sequence[str], hits: "_Hits", languages: Sequence[str]
    ) -> dict[str, list[FacetValue]] | None:
        if not wanted:
            return None
        docids = self._driver.encode([docid for _, docid in hits.found])
        rows = await self._driver.fetch(self._counted, {"docids": docids}) if hits.found else []
        found: dict[str, list[tuple[str, int]]] = {facet: [] for facet in wanted}
        for facet, value, count in rows:
            if facet in found:
                found[facet].append((value, count))
        best = {facet: sorted(several, key=lambda each: (-each[1], each[0]))[:MAX_FACET] for facet, several in found.items()}
        named = [value for facet in ("country", "topic") for value, _ in best.get(facet, ())]
        names = await self._names_of(named, languages)
        return {
            facet: [FacetValue(value=value, name=names.get(value), count=count) for value, count in several]
            for facet, several in best.items()
        }

    def _named_with(self, languages: int) -> Statement:
        ids = sa.bindparam("ids", type_=sa.ARRAY(records.c.id.type))
        names = sa.select(records.c.id, name_in(records.c.id, records.c.name, languages))
        return self._compiler.compiled(names.where(is_one_of(records.c.id, ids)))

    async def _names_of(self, ids: Sequence[str], languages: Sequence[str]) -> dict[str, str]:
        if not ids:
            return {}
        given = {"ids": self._driver.encode(list(ids)), **language_parameters(languages, self._driver.encode)}
        return dict(await self._driver.fetch(self._named(min(len(languages), 2)), given))

    # -- suggestions -------------------------------------------------------------------------------------------------------

    async def suggest(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/suggest`."""
        asked = validated(SuggestQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("json",))
        languages, language = asked_languages(asked["lang"], request.accept_language)
        query = parsed(asked["q"])
        narrowed = Narrowed(kinds=tuple(Kind(kind) for kind in asked["kind"] or ()))
        letters = Letters()
        found: list[Suggestion] = []
        for stage in suggesting.begun(query):
            if len(found) < asked["limit"]:
                found += await self._suggested(query, stage, narrowed, languages, letters, enough=asked["limit"])
        if not found:
            found = await self._suggested(query, suggesting.slips(query), narrowed, languages, letters)
        answer = Suggestions(data=found[: asked["limit"]])
        await send_tagged(send, answer.model_dump_json().encode(), request, headers=language_header(language))

    async def _suggested(
        self,
        query: Query,
        wanted: Node,
        narrowed: Narrowed,
        languages: Sequence[str],
        letters: Letters,
        *,
        enough: int = suggesting.LOOKED_AT,
    ) -> list[Suggestion]:
        """Records whose names match: those with the fewest typing errors first, then those named most often, then by docid."""
        rows = await self._looked_for({0: wanted}, narrowed, await self._frequencies(), limit=suggesting.LOOKED_AT)
        if not rows:
            return []
        given = self._these([docid for _, docid in rows], languages)
        rows = await self._driver.fetch(self._used(min(len(languages), 2)), given)
        found: list[Suggestion] = []
        for _, record_id, kind, words, name, _ in sorted(rows, key=lambda row: (-bisect_right(USES, row[-1]), row[0])):
            if len(found) == enough:
                break
            if named := suggesting.nearest(query, own_of(words), letters):
                found.append(Suggestion(kind=Kind(kind), id=record_id, name=name, matched=named.text, slips=named.distance))
        return sorted(found, key=attrgetter("slips"))

    def _used_with(self, languages: int) -> Statement:
        """The candidates with their names, and how often they are named, up to the last step."""

        def used(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
            one: sa.ColumnElement[int] = sa.literal_column("1")
            most: sa.ColumnElement[int] = sa.literal_column(str(USES[-1]))
            found = sa.select(one).where(column == search_entries.c.record_id).limit(most).correlate(search_entries)
            return sa.select(sa.func.count()).select_from(found.subquery()).scalar_subquery()

        counted = used(involvements.c.actor_id) + used(record_topics.c.topic_id) + used(meetings.c.series_id)
        columns = (
            *(search_entries.c[name] for name in ("docid", "record_id", "kind", "words")),
            name_in(records.c.id, records.c.name, languages),
            counted,
        )
        return self._compiler.compiled(
            sa.select(*columns).join_from(search_entries, records, records.c.id == search_entries.c.record_id).where(_THESE)
        )

    async def _meant(self, query: Query, languages: Sequence[str], letters: Letters) -> list[str]:
        """Names near to the query: to all its words, otherwise to single words."""
        for several in (query, *(Query((slot,), (), ()) for slot in query.slots[:MEANT_WORDS])):
            found = await self._suggested(several, suggesting.slips(several), Narrowed(), languages, letters)
            if found:
                return list(dict.fromkeys(each.matched for each in found))[:PROPOSED]
        return []


class _Hits(NamedTuple):
    """The candidates in order, and whether there are more than were read."""

    found: list[tuple[int, int]]
    truncated: bool


def _hits_of(rows: Sequence[Row]) -> _Hits:
    return _Hits(finding.merged(rows), finding.is_cut(rows))


def _narrowed(asked: dict[str, Any]) -> Narrowed:
    if asked["date_from"] and asked["date_to"] and asked["date_from"] > asked["date_to"]:
        fault = Fault(f"{asked['date_to']} lies before date_from, {asked['date_from']}", parameter="date_to")
        raise Invalid(str(fault), faults=[fault])
    refers = tuple(tuple(asked[name]) for name in ("country", "topic", "organization") if asked[name])
    return Narrowed(tuple(Kind(kind) for kind in asked["kind"] or ()), refers, asked["date_from"], asked["date_to"])


def _offset(cursor: str | None, digest: str) -> int:
    if cursor is None:
        return 0
    (part,) = cursors.decode(cursor, digest=digest, length=1)
    if not _OFFSET.fullmatch(part):
        raise CursorInvalid(cursors.NOT_OURS)
    return int(part)


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


def _links(
    scope: Scope, pairs: Sequence[tuple[str, str]], next_cursor: str | None, headers: list[Header]
) -> dict[str, str | None]:
    here = f"{base_url(scope)}{scope['path']}"
    query = scope["query_string"].decode("latin-1")
    links: dict[str, str | None] = {"self": f"{here}?{query}" if query else here, "next": None}
    if next_cursor is not None:
        kept = [(name, value) for name, value in pairs if name != "cursor"]
        links["next"] = f"{here}?{urlencode([*kept, ('cursor', next_cursor)])}"
        headers.append((b"link", f'<{links["next"]}>; rel="next"'.encode()))
    return links
