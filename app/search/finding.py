"""How records are found: in tiers of candidates, the newest of each first, in the same order on both databases.

A hit in a higher tier comes before all hits of a lower one, and within a tier the newer record comes first. So the order needs
no relevance score, which each database would compute in its own way. Each tier takes at most the newest 1,000 records, so that
the most common word is searched as fast as a rare one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from app.caching import cached
from app.db.drivers import Row, Statement
from app.domain.edtf import NO_START
from app.domain.vocabulary import Kind, Role
from app.models.search import INDEX
from app.search.index import DAY, LONG_FROM, first_docid
from app.search.plans import Frequencies, Way, chosen
from app.text.analyzer import analyze
from app.text.query import Query, Typed, all_slots, whole_name
from app.text.terms import (
    KIND,
    LINK,
    LONG,
    NAMED,
    NOTHING,
    REFERS,
    Letters,
    Node,
    Own,
    Weight,
    all_of,
    any_of,
    but_not,
    for_fts5,
    for_tsquery,
    in_a_row,
    term,
    whole_names,
)

CANDIDATES = 1_000
"""Records per tier: the newest."""
BEST_NAMES = 5
"""At most so many records whose names were typed add the records in which they are involved (tier RELATED)."""
KNOWN_AT_MOST = 20
MOST_RELAXED = 8
"""Words of which each is left out in turn when no record has all of them; the query grows with the square of this number."""
_WORDS_OF_A_NAME = 4
STATEMENT_BYTES = 2_000_000


class Tier(IntEnum):
    """Why a record was found, the best reason first. NAMED is IN_NAME for entities, such as countries and people."""

    NAME_IS = 0
    NAME_SOUNDS = 1
    NAMED = 2
    NAMED_SOUNDS = 3
    IN_NAME = 4
    IN_NAME_SOUNDS = 5
    IN_TITLE = 6
    ANYWHERE = 7
    OTHER_NAME = 8
    RELATED = 9
    MOST_WORDS = 10
    ANY_WORD = 11

    @property
    def score(self) -> int:
        """The tier as a number: the better the reason, the higher."""
        return 100 - 8 * self


@dataclass(frozen=True)
class Narrowed:
    """Filters that a hit must pass in addition to matching the text."""

    kinds: tuple[Kind, ...] = ()
    refers: tuple[tuple[str, ...], ...] = ()
    """Groups of ids: the record must refer to, or involve, at least one id of each group."""
    date_from: str | None = None
    date_to: str | None = None

    def node(self) -> Node | None:
        """The filters as search terms; None if there are none."""
        groups = [any_of(term(KIND + kind) for kind in self.kinds)] if self.kinds else []
        groups += [any_of(term(REFERS + each.lower()) for each in several) for several in self.refers]
        return all_of(groups) if groups else None


class Window(Enum):
    """Which bounds the dates of a hit have."""

    NONE = "none"
    UNTIL = "until"
    """Only a last day."""
    SINCE = "since"
    """A first day, and perhaps a last one. Events that last long may have begun before the first day."""


class KnownName(NamedTuple):
    """A name of a known record."""

    stems: tuple[str, ...]
    terms: frozenset[str]
    """The terms that stand for the whole name."""


class Known(NamedTuple):
    """A record whose whole name is the typed text, or a part of it."""

    record_id: str
    names: Sequence[KnownName]


def known(record_id: str, own: Iterable[Own], letters: Letters) -> Known:
    """The record with its names analyzed once, because they are compared with every typed word."""
    names = []
    for each, text in letters.of(each for each in own if each.weight is Weight.NAME):
        words = [word.forms for word in analyze(text, each.language)]
        stems = [word.stem for word in words]
        names.append(KnownName(tuple(stems), frozenset(whole_names(stems, [word.skeletons for word in words]))))
    return Known(record_id, names)


class Asked(NamedTuple):
    """A statement that returns (tier, docid), the newest of each tier first, with its parameters."""

    statement: Statement
    given: dict[str, Any]
    windowed: tuple[int, ...]
    """Tiers searched in the last years only: if they return fewer rows than wanted, older years must be searched, too."""


class Finding:
    """Builds the search statements of one database."""

    def __init__(self, *, sqlite: bool) -> None:
        self._sqlite = sqlite
        self._statement: Callable[..., Statement] = cached(STATEMENT_BYTES)(self._compiled)

    def written(self, node: Node) -> str:
        """The query in the full-text syntax of this database."""
        return for_fts5(node) if self._sqlite else for_tsquery(node)

    def candidates(
        self, tiers: Mapping[Any, Node], narrowed: Narrowed, known: Frequencies, *, limit: int = CANDIDATES
    ) -> Asked | None:
        """The statement that searches these tiers; None if none of them can match."""
        also = narrowed.node()
        nodes = {int(tier): all_of((node, also)) if also else node for tier, node in tiers.items() if node != NOTHING}
        if not nodes:
            return None
        given: dict[str, Any] = {f"t{tier}": self.written(node) for tier, node in nodes.items()}
        window, bounds = self._window(narrowed)
        given |= bounds
        if window is Window.SINCE:
            long = {tier: all_of((node, term(LONG))) for tier, node in nodes.items()}
            given |= {f"l{tier}": self.written(node) for tier, node in long.items()}
        ways = {}
        for tier, node in nodes.items():
            way, in_window, newer = chosen(node, known, limit)
            if way is Way.WINDOW and window is not Window.NONE:
                way = Way.EITHER
            elif in_window is not None:
                given |= {f"w{tier}": self.written(in_window), f"n{tier}": newer}
            ways[tier] = way
        windowed = tuple(tier for tier, way in ways.items() if way is Way.WINDOW)
        return Asked(self._statement(tuple(ways.items()), limit, window), given, windowed)

    @staticmethod
    def _window(narrowed: Narrowed) -> tuple[Window, dict[str, Any]]:
        """Which bounds there are, and the docids between them; events that last long may have begun before."""
        undated = first_docid(NO_START)
        low = first_docid(narrowed.date_to) if narrowed.date_to else 0
        if narrowed.date_from:
            high = min(undated, first_docid(narrowed.date_from) + (LONG_FROM + 1) * DAY)
            return Window.SINCE, {"lo": low, "hi": high, "date_from": narrowed.date_from, "undated": undated}
        return (Window.UNTIL, {"lo": low, "hi": undated}) if narrowed.date_to else (Window.NONE, {})

    def _compiled(self, ways: tuple[tuple[int, Way], ...], limit: int, window: Window) -> Statement:
        selects = [self._of_tier(tier, way, limit, window) for tier, way in ways]
        return Statement(" UNION ALL ".join(selects) + " ORDER BY 1, 2", {}, planned_anew=True)

    def _of_tier(self, tier: int, way: Way, limit: int, window: Window) -> str:
        # ruff: noqa: S608 - numbers and names of ours alone are written into the statement
        newest = self._newest_in_sqlite if self._sqlite else self._newest_in_postgres

        def found(match: str, low: str, high: str, way: Way, name: str) -> str:
            return f"SELECT {tier} AS tier, docid FROM ({newest(tier, match, low, high, way, limit, window)}) AS {name}{tier}"

        plain = found(f"t{tier}", "lo", "hi", way, "newest")
        if window is not Window.SINCE:
            return plain
        return f"{plain} UNION ALL {found(f'l{tier}', 'hi', 'undated', Way.INDEX, 'long')}"

    @staticmethod
    def _newest_in_sqlite(_tier: int, match: str, low: str, high: str, _way: Way, limit: int, window: Window) -> str:
        within = f" AND rowid >= :{low} AND rowid < :{high}" if window is not Window.NONE else ""
        if window is Window.SINCE:
            within += f" AND (SELECT date_end FROM search_entries WHERE docid = {INDEX}.rowid) >= :date_from"
        return f"SELECT rowid AS docid FROM {INDEX} WHERE {INDEX} MATCH :{match}{within} ORDER BY rowid LIMIT {limit}"

    @staticmethod
    def _newest_in_postgres(tier: int, match: str, low: str, high: str, way: Way, limit: int, window: Window) -> str:
        # Without `+ 0` the planner would scan by docid, that is by date, since it ignores the cost of decompressing the terms:
        # of 20,000 entries it then read a quarter (200 ms; 20 ms by the GIN index). An expression has no index to scan.
        place = "docid + 0" if way is Way.INDEX else "docid"
        within = f" AND {place} >= %({low})s AND {place} < %({high})s" if window is not Window.NONE else ""
        if window is Window.SINCE:
            within += " AND date_end >= %(date_from)s"

        def in_order(within: str) -> str:
            """Reads in the order of docids: the function form of `@@` cannot use the GIN index."""
            return f"SELECT docid FROM search_entries WHERE ts_match_vq(terms, CAST(%({match})s AS tsquery)){within}"

        def by_index(match: str) -> str:
            """Reads by the GIN index: OFFSET 0 keeps the planner from reading the subquery in the order of docids."""
            return f"SELECT docid FROM search_entries WHERE terms @@ CAST(%({match})s AS tsquery){within} OFFSET 0"

        match way:
            case Way.ORDER:
                found = in_order(within)
            case Way.WINDOW:
                newer = f"({in_order(f'{within} AND docid < %(n{tier})s')} ORDER BY docid LIMIT {limit})"
                found = f"SELECT docid FROM ({newer} UNION ALL ({by_index(f'w{tier}')})) AS found"
            case _:
                found = f"SELECT docid FROM ({by_index(match)}) AS found"
        return f"{found} ORDER BY docid LIMIT {limit}"


# -- what is looked for ----------------------------------------------------------------------------------------------------


def known_names(query: Query) -> dict[Tier, Node]:
    """Entities whose whole name is the typed text or a part of it, and entities whose names contain all of it."""
    if not query.slots or query.has_phrases:
        return {}
    words = query.words
    parts = [words[start : start + size] for size in range(1, _WORDS_OF_A_NAME + 1) for start in range(len(words) - size + 1)]
    called = any_of(whole_name(part)[1] for part in [words, *parts])
    named = all_slots(query.slots, Weight.NAME, sound=True)
    return {Tier.NAME_IS: all_of((called, term(NAMED))), Tier.NAMED: all_of((named, term(NAMED)))}


def by_name(query: Query) -> list[dict[Tier, Node]]:
    """Searches in names, in stages: if a stage finds enough candidates, the later stages are skipped."""
    if not query.slots:
        return []
    slots = query.slots
    is_, sounds = whole_name(query.words) if _is_plain(query) else (NOTHING, NOTHING)
    in_name, in_name_sounds = (all_slots(slots, Weight.NAME, sound=sound) for sound in (False, True))
    named = {
        Tier.NAME_IS: is_,
        Tier.NAME_SOUNDS: sounds,
        Tier.NAMED: all_of((in_name, term(NAMED))),
        Tier.NAMED_SOUNDS: all_of((in_name_sounds, term(NAMED))),
    }
    stages = (named, {Tier.IN_NAME: in_name}, {Tier.IN_NAME_SOUNDS: in_name_sounds})
    return [_permitted(query, stage) for stage in stages]


def elsewhere(query: Query, called: Sequence[Known], named: Sequence[Known]) -> dict[Tier, Node]:
    """Searches beyond names. `called`: records whose name is a part of the query; `named`: records that it names best."""
    slots = query.slots
    if not slots:
        return {}
    related = any_of(term(REFERS + each.record_id.lower()) for each in named)
    found = {
        Tier.IN_TITLE: all_of(any_of((slot.sound(Weight.NAME), slot.sound(Weight.TITLE))) for slot in slots),
        Tier.ANYWHERE: all_of(slot.anywhere() for slot in slots),
        Tier.OTHER_NAME: but_not(_by_other_names(query, called), term(LINK)) if _is_plain(query) else NOTHING,
        Tier.RELATED: but_not(related, term(LINK)),
    }
    return _permitted(query, found)


def _is_plain(query: Query) -> bool:
    """Whether the query has plain words only: no phrases, no prefixes."""
    return len(query.slots) == len(query.words) and not any(slot.starred for slot in query.slots)


def _permitted(query: Query, tiers: Mapping[Tier, Node]) -> dict[Tier, Node]:
    """The tiers without the excluded words."""
    barred = query.barred()
    return {tier: but_not(node, barred) for tier, node in tiers.items()}


def everything(narrowed: Narrowed) -> dict[Tier, Node]:
    """The search without typed words: it matches all records, but link records only if their kind was asked for."""
    node = narrowed.node() or any_of(term(KIND + kind) for kind in Kind if kind.role is not Role.LINK)
    return {Tier.ANYWHERE: but_not(node, NOTHING if narrowed.kinds else term(LINK))}


def relaxed(query: Query) -> dict[Tier, Node]:
    """Searches when no record has all words: first all words but one, then any word."""
    # Prefixes become plain words, because each would be searched once per word.
    slots = [slot._replace(starred=False) for slot in query.slots]
    if len(slots) < 2:
        return {}
    ways = {slot: slot.anywhere() for slot in slots}
    few = slots[:MOST_RELAXED]
    most = any_of(all_of(ways[other] for other in few if other is not slot) for slot in few)
    return _permitted(query, {Tier.MOST_WORDS: most, Tier.ANY_WORD: any_of(ways.values())})


def _by_other_names(query: Query, called: Sequence[Known]) -> Node:
    """All words; those that are the name of a known record may be replaced by its other names or by a reference to it."""
    groups: list[Node] = []
    place, changed = 0, False
    while place < len(query.slots):
        size, others = _longest_known(query.words[place:], called)
        own = all_of(slot.anywhere() for slot in query.slots[place : place + max(size, 1)])
        groups.append(any_of((own, others)))
        changed |= others != NOTHING
        place += max(size, 1)
    return all_of(groups) if changed else NOTHING


def _longest_known(words: Sequence[Typed], called: Sequence[Known]) -> tuple[int, Node]:
    """How many of the first words form a known name, and the search for its bearers by their other names."""
    for size in dict.fromkeys((len(words), *range(min(_WORDS_OF_A_NAME, len(words)), 0, -1))):
        node = whole_name(words[:size])[1]
        wanted = {part.parts[0] for part in (node.parts if node.sort == "or" else (node,))}
        bearers = [each for each in called if any(wanted & name.terms for name in each.names)]
        if bearers:
            return size, any_of(other for each in bearers for other in _ways_to_say(each))
    return 0, NOTHING


def _ways_to_say(known: Known) -> list[Node]:
    ways = [term(REFERS + known.record_id.lower())]
    for name in known.names:
        ways += [in_a_row([f"{weight}s{stem}" for stem in name.stems]) for weight in Weight if name.stems]
    return ways


def merged(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Each candidate once, in its best tier: (tier, docid), ordered by tier, then the newest first."""
    best: dict[int, int] = {}
    for tier, docid in rows:
        best.setdefault(docid, tier)
    return [(tier, docid) for docid, tier in best.items()]


def is_cut(rows: Sequence[Row]) -> bool:
    """Whether some tier is full, so that it may have more records than were read."""
    return any(count >= CANDIDATES for count in Counter(tier for tier, _ in rows).values())
