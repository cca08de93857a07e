"""Finds the candidates of a search, stage by stage, and puts them in order."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from app.db.driver import Driver, Row
from app.domain.vocabulary import Kind
from app.search import tiers
from app.search.candidates import Candidates
from app.search.mentioned import NAMES_LETTERS, Mentioned, Spread, nothing_spread
from app.search.offices import MOST_OFFICES, Holder, Offices, titles
from app.search.showing import Matched, Showing
from app.search.suggesting import Suggester
from app.search.tiers import CANDIDATES, HOLDERS, Known, Narrowed, Tier
from app.text.nodes import Node
from app.text.query import Query
from app.text.terms import Letters

ENOUGH = 20
"""If so many records have all words, the words are not searched for in the names of related records."""
MOST_TOGETHER = 8
"""Longer queries are sentences rather than names. Records that have some of the words come next for them, those with the most
first, and none of the words is taken for one with a typing error."""
MOST_WITH_A_WORD = 500
"""Maximum number of records that are read for each word if no record has all words."""
MOST_WITH_ANY_WORD = 3_000
"""Maximum number of records that are read for all words together. A run of Han characters may have more than ten."""
_PER_WORD = 1_000_000
"""What a word that only one record has weighs in the order of records that have some of the words."""


class Ranking(NamedTuple):
    """All candidates of a search, in their order."""

    rows: list[tuple[int, int]]
    """The candidates as (tier, docid), in the order in which hits are returned."""
    truncated: bool = False
    """Whether more records may match than were read."""
    relaxed: bool = False
    """Whether no record has all typed words."""
    known: Sequence[Known] = ()
    """The records whose complete names the query contains."""
    titles: Mapping[int, Matched] = {}
    """By the docid of a person: the office by which the person was found."""
    is_ranked: bool = False
    """Whether the order depends on which words a record has. It must not be changed then."""

    dated: frozenset[int] = frozenset()
    """The docids of candidates of the time that the question names. Their texts need not say so."""

    def with_dated(self, there: "Ranking") -> "Ranking":
        """Return the candidates with those of the time that the question names, which have all its other words."""
        if not there.rows:
            return self
        found = Ranking([]) if self.relaxed else self
        return found._replace(
            rows=tiers.merged(sorted([*found.rows, *there.rows])),
            truncated=found.truncated or there.truncated,
            known=[*found.known, *there.known],
            titles={**there.titles, **found.titles},
            dated=frozenset(docid for _, docid in there.rows),
        )

    def behind_dated(self, there: "Ranking") -> "Ranking":
        """Return the candidates, which have some of the words, behind those of the time that the question names."""
        dated = [(int(Tier.MOST_WORDS), docid) for _, docid in there.rows]
        return self._replace(
            rows=tiers.merged([*dated, *self.rows]),
            truncated=self.truncated or there.truncated,
            relaxed=bool(dated or self.rows),
            dated=frozenset(docid for _, docid in dated),
        )


class Finder:
    """Runs the stages of a search in one database."""

    def __init__(self, driver: Driver, candidates: Candidates, suggester: Suggester) -> None:
        self._candidates = candidates
        self._suggester = suggester
        self._mentioned = Mentioned(driver, candidates)
        self._offices = Offices(driver)

    async def find(self, query: Query, narrowed: Narrowed) -> Ranking:
        """Run the stages in order. As soon as a tier has `CANDIDATES` records, skip the remaining stages."""
        rows: list[Row] = []
        are_met = await self._are_met(query, (), narrowed)
        for stage in tiers.by_name(query, only_whole=not are_met):
            rows += await self._candidates.newest(stage, narrowed)
            if tiers.is_cut(rows):
                return _ordered(rows)
        called, named = await self._mentioned.by_name(query)
        query = tiers.with_names_apart(query, called)
        if called:
            are_met = await self._are_met(query, called, narrowed)
        letters = Letters(NAMES_LETTERS)
        stage = tiers.elsewhere(query, called, named, only_related=not are_met)
        found, holders = await self._run(query, stage, narrowed, letters)
        rows += found
        if len(rows) >= ENOUGH or not query.slots or any(tier <= Tier.IN_NAME_SOUNDS for tier, _ in rows):
            return _ordered(rows, called, holders)
        spread = nothing_spread(query)
        if _has_several_words(query):
            spread = await self._mentioned.word_by_word(query)
            stage = tiers.together(query, called, spread.ids) if _is_short(query) else {}
            found, more = await self._run(query, stage, narrowed, letters)
            if found and not rows and narrowed == Narrowed():
                found += [(Tier.ANY_WORD, docid) for docid in spread.few()]
            rows, holders = rows + found, {**more, **holders}
        if rows:
            return _ordered(rows, called, holders)
        return await self._nearly(query, narrowed, called, spread, letters)

    async def _are_met(self, query: Query, called: Sequence[Known], narrowed: Narrowed) -> bool:
        """Whether a record has all words of the query, some of them perhaps by other names of the records in `called`.

        If none has, most queries for a long query need not be run. Those for a short one are cheap, so it is not looked.
        """
        if len(query.words) <= MOST_TOGETHER:
            return True
        wanted = {Tier.ANYWHERE: tiers.all_words(query, called)}
        return bool(await self._candidates.newest(wanted, replace(narrowed, kinds=()), limit=1))

    async def everything(self, narrowed: Narrowed) -> Ranking:
        """Find the newest records that the filters leave, without typed words."""
        return _ordered(await self._candidates.newest(tiers.everything(narrowed), narrowed))

    async def _run(
        self, query: Query, stage: Mapping[Tier, Node], narrowed: Narrowed, letters: Letters
    ) -> tuple[list[Row], dict[int, Holder]]:
        """Run a stage. Its tiers `HOLDERS` find offices, which are replaced by the people who hold them.

        Offices are searched for without the filter by kind, because that is meant for the people.
        """
        if not _may_be_people(narrowed):
            stage = {tier: node for tier, node in stage.items() if tier not in HOLDERS}
        of_offices = {tier: node for tier, node in stage.items() if tier in HOLDERS and narrowed.kinds}
        rows = await self._candidates.newest({tier: node for tier, node in stage.items() if tier not in of_offices}, narrowed)
        if of_offices:
            rows += await self._candidates.newest(of_offices, replace(narrowed, kinds=()))
        return await self._offices.resolved(rows, Showing(query, (), letters))

    async def _nearly(
        self, query: Query, narrowed: Narrowed, called: Sequence[Known], spread: Spread, letters: Letters
    ) -> Ranking:
        """Find records for a query whose words no record has: with typing errors, or with some of the words only."""
        rows: list[Row] = []
        holders: dict[int, Holder] = {}
        if query.is_plain and _is_short(query):
            nearly = await self._suggester.with_slips(query, narrowed, letters)
            rows += ((Tier.SLIP, docid) for docid in nearly)
        if _has_several_words(query) and _is_short(query):
            missing = [(slot, ids) for slot, ids in zip(query.slots, spread.ids, strict=True) if not ids]
            for slot, ids in missing:
                ids.extend(await self._suggester.named_with_slips(slot, letters))
            if any(ids for _, ids in missing):
                stage = tiers.together(query, called, spread.ids)
                if rows:
                    del stage[Tier.HOLDER_SOUNDS]
                found, holders = await self._run(query, stage, narrowed, letters)
                rows += found
        if rows:
            return _ordered(rows, called, holders)._replace(relaxed=True)
        return await self._with_some_words(query, narrowed, called, spread, letters)

    async def _with_some_words(
        self, query: Query, narrowed: Narrowed, called: Sequence[Known], spread: Spread, letters: Letters
    ) -> Ranking:
        """Find records that have some of the words, those with the most and the rarest words first.

        People whose complete names were typed come before all others. A position or a participant stands for the person.
        """
        by_pairs = tiers.pair_by_pair(query)
        if by_pairs != query:
            query, spread = by_pairs, nothing_spread(by_pairs)
        if len(query.slots) < 2:
            return Ranking([])
        limit = min(MOST_WITH_A_WORD, MOST_WITH_ANY_WORD // len(query.slots))
        rows = await self._candidates.newest(tiers.each_word(query, spread.ids), narrowed, limit=limit)
        partly = _Partly(rows, spread.rows, called, limit)
        holders: dict[int, Holder] = {}
        if _may_be_people(narrowed):
            showing = Showing(query, (), letters)
            for holder in await self._offices.holders(partly.first(MOST_OFFICES), showing):
                if holder.docid not in holders and partly.is_outdone(holder.docid, holder.office):
                    holders[holder.docid] = holder
                    partly.put_before(holder.docid, holder.office)
        ordered = partly.first(CANDIDATES)
        return Ranking(
            [(partly.tier(docid, len(query.slots)), docid) for docid in ordered],
            truncated=partly.is_cut,
            relaxed=bool(ordered),
            titles=titles(holders),
            is_ranked=True,
        )


class _Partly:
    """The order of records that have some of the typed words."""

    def __init__(self, rows: Sequence[Row], in_names: Sequence[Row], called: Sequence[Known], limit: int) -> None:
        """`rows`: (number of the word, docid), at most `limit` for each word.

        `in_names`: those of them in which an entity has the word in its own name.
        """
        count = Counter(map(itemgetter(0), rows))
        self.is_cut = any(each >= limit for each in count.values())
        self._words = Counter(map(itemgetter(1), rows))
        weight = {place: _PER_WORD // (many + 1) for place, many in count.items()}
        self._weight: defaultdict[int, int] = defaultdict(int)
        for place, docid in chain(rows, in_names):
            self._weight[docid] += weight.get(place, _PER_WORD)
        # A single word may be the complete name of many people.
        self._people = {each.docid for each in called if each.kind is Kind.PERSON and self._words[each.docid] > 1}

    def _order(self, docid: int) -> tuple[bool, int, int, int]:
        return docid not in self._people, -self._words[docid], -self._weight[docid], docid

    def first(self, many: int) -> list[int]:
        """Return the first docids in their order, at most `many`."""
        return nsmallest(many, (docid for docid, words in self._words.items() if words), key=self._order)

    def is_outdone(self, person: int, office: int) -> bool:
        """Whether an office fits better than the name of the person who holds it."""
        return self._order(office) < self._order(person)

    def put_before(self, person: int, office: int) -> None:
        """Put a person just before the office."""
        self._words[person], self._weight[person] = self._words[office], self._weight[office] + 1

    def tier(self, docid: int, typed: int) -> int:
        """Return the tier of a record. `typed`: the number of typed words."""
        if docid in self._people:
            return Tier.MENTIONED
        return Tier.MOST_WORDS if self._words[docid] == typed - 1 else Tier.ANY_WORD


def _has_several_words(query: Query) -> bool:
    return len(query.slots) > 1 and query.is_plain


def _is_short(query: Query) -> bool:
    return len(query.slots) <= MOST_TOGETHER


def _may_be_people(narrowed: Narrowed) -> bool:
    """Whether people pass the filters. They have no date."""
    return not narrowed.is_dated and (not narrowed.kinds or Kind.PERSON in narrowed.kinds)


def _ordered(rows: Sequence[Row], known: Sequence[Known] = (), holders: Mapping[int, Holder] | None = None) -> Ranking:
    return Ranking(tiers.merged(rows), tiers.is_cut(rows), known=known, titles=titles(holders or {}))
