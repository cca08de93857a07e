"""Suggests names while a user types.

A name is suggested if its words begin with the typed words, in any script. The best fit comes first: a name that is what was
typed, then one that has the typed words as they are written. If there is no such name, one or two typing errors per word are
tolerated.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa
from rapidfuzz.distance import OSA

from app.caching import cached
from app.db.driver import Driver, Statement, to_statement
from app.domain.vocabulary import Kind
from app.models.meetings import Meeting
from app.models.records import Involvement, Record, RecordTopic
from app.models.search import SearchEntry
from app.reading.names import language_parameters, name_in
from app.search.candidates import Candidates
from app.search.facets import THESE
from app.search.models import FITS, Fit, Suggestion
from app.search.showing import own_of
from app.search.tiers import Narrowed, merged
from app.text.analyzer import MAX_WORD, analyze, folded
from app.text.nodes import NOTHING, Node, all_of, any_of, term
from app.text.query import Query, Slot, Typed, whole_name
from app.text.terms import (
    BEGINNINGS,
    BEGINS,
    FUNCTION_WORDS,
    GRAM,
    LONGEST_BEGINNING,
    NAMED,
    NAMED_WORD,
    SHORTEST_BEGINNING,
    Letters,
    Own,
    Weight,
    grams,
)

search_entries: sa.Table = SearchEntry.__table__
records: sa.Table = Record.__table__
involvements: sa.Table = Involvement.__table__
record_topics: sa.Table = RecordTopic.__table__
meetings: sa.Table = Meeting.__table__

LOOKED_AT = 300
"""Maximum number of search entries that one query reads. The names in them are then compared with the typed words."""
IS_NAMED, _AS_WRITTEN, _BEGUN = range(3)
"""The ranks of the queries for names, the best first."""
_SHORTEST_SLIP = 4
"""Minimum length of a word in which a typing error is tolerated."""
_LONGEST_SLIP = 20
"""Maximum length of a word in which a typing error is tolerated, because the query grows with the square of the length."""
_TWO_SLIPS_FROM = 8
_SPOILT = 4
"""The number of a word's trigrams that two neighbouring letters change which are typed in the wrong order."""
USES = (1, 3, 10, 30)
"""A name ranks higher if more records refer to its record. These are thresholds for the number of references: records between
the same two thresholds rank equally."""
PROPOSED = 3
"""Maximum number of names in `did_you_mean`."""
MEANT_WORDS = 3
"""If no name is similar to the whole query, the first words of the query are tried one by one, at most this number of words."""


class Suggester:
    """Suggests names of records in one database."""

    def __init__(self, driver: Driver, candidates: Candidates) -> None:
        self._driver = driver
        self._candidates = candidates
        self._used = lru_cache(3)(self._used_with)

    async def suggest(self, query: Query, narrowed: Narrowed, languages: Sequence[str], *, limit: int) -> list[Suggestion]:
        """Return records whose names have words that begin with the typed words, the best fit first (see `Fit`).

        If there are no such records, return records with similar names. The names with the fewest typing errors come first.
        """
        letters = Letters()
        found = await self._begun(query, narrowed, languages, letters, limit)
        if not found and (joined := query.joined_up()) != query:
            found = await self._begun(joined, narrowed, languages, letters, limit)
        if not found:
            found = await self._nearest(query, _slipped(query), narrowed, languages, letters)
        return [suggestion for _, suggestion in found[:limit]]

    async def _begun(
        self, query: Query, narrowed: Narrowed, languages: Sequence[str], letters: Letters, limit: int
    ) -> list[tuple[int, Suggestion]]:
        found: list[tuple[int, Suggestion]] = []
        for stage in begun(query):
            if len(found) < limit:
                further = await self._nearest(query.unfinished(), stage, narrowed, languages, letters, enough=limit)
                known = {docid for docid, _ in found}
                found += [each for each in further if each[0] not in known]
        return found

    async def meant(self, query: Query, languages: Sequence[str], letters: Letters) -> list[str]:
        """Return the names for `did_you_mean`.

        These are names that are similar to the whole query or, if there are none, to one of the first words of the query.
        """
        for part in (query, *(Query((slot,), (), ()) for slot in query.slots[:MEANT_WORDS])):
            found = await self._nearest(part, _slipped(part), Narrowed(), languages, letters)
            if found:
                return list(dict.fromkeys(each.matched for _, each in found))[:PROPOSED]
        return []

    async def with_slips(self, query: Query, narrowed: Narrowed, letters: Letters) -> list[int]:
        """Return the docids of entities that have the query as a part of a name, except for a typing error in some words."""
        found = await self._nearest(query, _slipped(query), narrowed, (), letters, whole=True)
        if not found and (joined := query.joined_up()) != query:
            found = await self._nearest(joined, _slipped(joined), narrowed, (), letters, whole=True)
        return [docid for docid, _ in found]

    async def named_with_slips(self, slot: Slot, letters: Letters) -> list[str]:
        """Return the ids of entities that have one word of a query in a name, except for a typing error."""
        query = Query((slot,), (), ())
        several = await self._nearest(query, _slipped(query), Narrowed(), (), letters, whole=True)
        return [found.id for _, found in several[:PROPOSED]]

    async def _nearest(
        self,
        query: Query,
        nodes: Mapping[int, Node],
        narrowed: Narrowed,
        languages: Sequence[str],
        letters: Letters,
        *,
        enough: int = LOOKED_AT,
        whole: bool = False,
    ) -> list[tuple[int, Suggestion]]:
        """Return records with a name that matches the query, as (docid, suggestion).

        The records are ordered by the number of typing errors, then by their fit, then by how often other records refer to them
        (see `USES`). Among equal records, the newest comes first. `nodes`: queries by their rank, see `begun`. `enough`: the
        maximum number of records to return. `whole`: the typed words are not the beginnings of longer ones.
        """
        ranks = {docid: rank for rank, docid in merged(await self._candidates.newest(nodes, narrowed, limit=LOOKED_AT))}
        if not ranks:
            return []
        encode = self._driver.encode
        parameters = {"docids": encode([*ranks][:LOOKED_AT]), **language_parameters(languages, encode)}
        rows = await self._driver.fetch(self._used(min(len(languages), 2)), parameters)
        rows.sort(key=lambda row: (ranks[row[0]], -bisect_right(USES, row[-1]), row[0]))
        found: list[tuple[int, Suggestion]] = []
        for docid, record_id, kind, words, name, _ in rows:
            is_named = ranks[docid] == IS_NAMED
            if (len(found) >= enough and not is_named) or letters.is_spent:
                break
            if named := nearest(query, own_of(words), letters, whole=whole, is_named=is_named):
                suggestion = Suggestion(
                    kind=Kind(kind), id=record_id, name=name, matched=named.text, slips=named.distance, fit=named.fit
                )
                found.append((docid, suggestion))
        return sorted(found, key=lambda each: (each[1].slips, FITS.index(each[1].fit)))[:enough]

    def _used_with(self, languages: int) -> Statement:
        """Compile a SELECT of the candidates with their names, and with the number of references to them from other records.

        The references of each type are counted only up to the last threshold of `USES`.
        """

        def used(column: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
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
        source = search_entries.join(records, records.c.id == search_entries.c.record_id)
        return to_statement(sa.select(*columns).select_from(source).where(THESE), self._driver.dialect)


# -- names and typing errors -----------------------------------------------------------------------------------------------


_UNFINISHED = {"s": "w", "sc": "w", "c": "q", "k": "h", "t": "c", "tc": "q", "z": "z", "d": "j"}
"""Maps the end of an unfinished word to the letter that it may become in a skeleton, when the user types on. For example, `s`
may become `sh`, and a skeleton has `w` for `sh`."""


def _forms(word: Typed) -> tuple[str, ...]:
    """Return the prefixes that find names with this word. Names are searched by prefix, because the word may be unfinished.

    The prefixes are the word's skeletons (its forms that do not depend on the spelling) or, if it has none, its first stem. For
    an end that may become another letter, they also include the other letter (see `_UNFINISHED`).
    """
    forms = word.skeletons or word.stems[:1]
    finished = (form[: -len(end)] + sound for form in forms for end, sound in _UNFINISHED.items() if form.endswith(end))
    return tuple(dict.fromkeys((*forms, *finished)))


def begun(query: Query) -> list[dict[int, Node]]:
    """Return two stages of queries, by their rank, for names with words that begin with the typed words.

    The first stage finds the records that are called what was typed (`IS_NAMED`), the entities that have all typed words as
    they are written, and those with words that begin so. The second stage finds all other records, which have no terms for the
    shortest beginnings; so it leaves out words such as `of`, which only the comparison with the names sees. The list is empty
    if no word was typed.
    """
    telling = query.unfinished().words
    several = [_forms(word) for word in telling]
    longer = [forms for forms in several if min(map(len, forms)) >= SHORTEST_BEGINNING]
    as_written = all_of((*(term(NAMED_WORD + folded(word.text)) for word in telling), term(NAMED)))
    better: tuple[dict[int, Node], ...] = ({IS_NAMED: whole_name(query.words)[0], _AS_WRITTEN: as_written}, {})
    return [
        {**first, _BEGUN: all_of(any_of(term(sort + form[:LONGEST_BEGINNING]) for form in forms) for forms in each)}
        for first, sort, each in zip(better, BEGINNINGS, (several, longer), strict=True)
        if each
    ]


def _slipped(query: Query) -> dict[int, Node]:
    return {_BEGUN: slips(query)}


def slips(query: Query) -> Node:
    """Return a query for names that are similar to the typed words.

    Each typed word must fulfil one of two conditions: the name contains most trigrams of the typed word, or a word of the name
    begins with the typed word. Only names of entities are found, because only entities have the terms that this query searches
    for (`GRAM` and `BEGINS`).
    """
    return all_of(_nearly(word) for word in query.words) if query.words else NOTHING


def _nearly(word: Typed) -> Node:
    form = _forms(word)[0]
    begins = any_of(term(BEGINS + each[:LONGEST_BEGINNING]) for each in _forms(word))
    if not _SHORTEST_SLIP <= len(form) <= _LONGEST_SLIP:
        return begins
    several = [GRAM + gram for gram in grams(form)]
    windows = [several[:start] + several[start + _SPOILT :] for start in range(len(several) - _SPOILT + 1)]
    return any_of((begins, *(all_of(map(term, window)) for window in windows if window)))


class Named(NamedTuple):
    """A name that is similar to the query."""

    distance: int
    """The number of typing errors in the query, if the user meant this name."""
    text: str
    language: str | None
    fit: Fit = Fit.ALIKE

    @property
    def order(self) -> tuple[int, int]:
        """The sort key: the most similar name first."""
        return self.distance, FITS.index(self.fit)


def nearest(query: Query, own: Sequence[Own], letters: Letters, *, whole: bool = False, is_named: bool = False) -> Named | None:
    """Return the name that is most similar to the query, or None if no name is similar enough.

    Each typed word is compared with the name's words or, unless `whole`, with their beginnings. `is_named`: a name of the
    record is what was typed, except for the endings of words.
    """
    best: Named | None = None
    several = list(dict.fromkeys(_forms(word) for word in query.words))
    typed = frozenset(folded(word.text) for word in query.words)
    for each, name in letters.of(each for each in own if each.weight is Weight.NAME):
        forms, words = _forms_of(name, each.language)
        total = _total_distance(several, forms, whole=whole)
        if total is None:
            continue
        found = Named(total, each.text, each.language, _fit(typed, words, is_named=is_named))
        if best is None or found.order < best.order:
            best = found
        if not total and (whole or found.fit is (Fit.WHOLE if is_named else Fit.WORDS)):
            break
    return best


def _fit(typed: frozenset[str], words: frozenset[str], *, is_named: bool) -> Fit:
    """Return how well a name fits the typed words. Both are given as words without case and marks."""
    if is_named:
        return Fit.WHOLE if typed - FUNCTION_WORDS == words - FUNCTION_WORDS else Fit.INFLECTED
    return Fit.WORDS if typed <= words else Fit.ALIKE


@cached(4_000_000, size_of=lambda name, language: 45 * len(name))
def _forms_of(name: str, language: str | None) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the forms of a name's words with which the typed words are compared, and its words without case and marks.

    The forms of a word are its skeletons (which do not depend on script and spelling, see `analyzer.py`). A word without
    skeletons has only its stem.
    """
    words = [word.forms for word in analyze(name, language)]
    return tuple(form for word in words for form in (word.skeletons or (word.stem,))), frozenset(word.folded for word in words)


def _total_distance(several: Sequence[tuple[str, ...]], forms: Sequence[str], *, whole: bool) -> int | None:
    """Return the number of typing errors in all typed words, or None if a typed word is not similar to any word of the name."""
    total = 0
    for typed in several:
        distance = _distance(typed, forms, whole=whole)
        if distance is None:
            return None
        total += distance
    return total


def _distance(several: tuple[str, ...], forms: Sequence[str], *, whole: bool) -> int | None:
    """Return the number of typing errors in a typed word, or None if there are too many.

    `several` are the forms of the typed word, and `forms` are the forms of all words of the name. The typed word is compared
    with each word of the name or, unless `whole`, with its beginning. The lowest number of typing errors is returned.
    """
    if any(form in several if whole else form.startswith(several) for form in forms):
        return 0
    best: int | None = None
    for typed in several:
        allowed = 1 if len(typed) < _TWO_SLIPS_FROM else 2
        for form in forms if _SHORTEST_SLIP <= len(typed) <= _LONGEST_SLIP else ():
            for length in (MAX_WORD,) if whole else (len(typed) - 1, len(typed), len(typed) + 1):
                found = OSA.distance(typed, form[:length], score_cutoff=allowed)
                if found <= allowed and (best is None or found < best):
                    best = found
    return best
