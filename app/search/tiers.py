"""How records are found: in tiers of candidates, the newest of each first, in the same order on both databases.

A hit in a higher tier comes before all hits of a lower one, and within a tier the newer record comes first. So the order needs
no relevance score, which each database would compute in its own way. Each tier takes at most the newest 1,000 records, so that
the most common word is searched as fast as a rare one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from app.db.drivers import Row
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import analyze
from app.text.nodes import NOTHING, Node, all_of, any_of, but_not, in_a_row, term
from app.text.query import Query, Typed, all_slots, whole_name
from app.text.terms import KIND, LINK, NAMED, REFERS, Letters, Own, Weight, whole_names

CANDIDATES = 1_000
"""Records per tier: the newest."""
BEST_NAMES = 5
"""At most so many records whose names were typed add the records in which they are involved (tier RELATED)."""
KNOWN_AT_MOST = 20
MOST_RELAXED = 8
"""Words of which each is left out in turn when no record has all of them; the query grows with the square of this number."""
_WORDS_OF_A_NAME = 4


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
