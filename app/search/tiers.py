"""Builds the queries of a search. They are grouped in tiers, which give the same ranking on both databases.

A tier says where a record matches the query, such as in its name or in its text. A hit in a better tier comes before all hits
in the tiers below it. Within a tier, newer records come first. Therefore, the ranking does not need a relevance score, which
each database would compute differently. Each tier returns only the newest 1,000 records, so that a search for the most common
word is as fast as a search for a rare word.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from app.db.driver import Row
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import analyze, in_one_word, is_han
from app.text.nodes import NOTHING, Node, all_of, any_of, but_not, in_a_row, term
from app.text.query import (
    SOUNDING_HAN,
    Query,
    Slot,
    Typed,
    all_slots,
    apart,
    as_one_word,
    exact_name,
    runs_of_han,
    whole_name,
    words_of,
)
from app.text.terms import ASIDE, INVOLVES, KIND, LINK, NAME_SOUNDS, NAMED, REFERS, Letters, Own, Weight, short, whole_names

CANDIDATES = 1_000
"""Maximum number of records that are read for a tier. If more records match, only the newest are read."""
BEST_NAMES = 5
"""The tier RELATED contains the records that refer to an entity whose name the user typed. This is the maximum number of such
entities."""
KNOWN_AT_MOST = 20
MOST_PAIRED = 6
"""Maximum number of slots of a query in which neighbouring words are also searched for as one word. For each pair, the whole
query is searched again."""
_SLOTS_OF_A_NAME = 4
OFFICES = (Kind.POSITION, Kind.PARTICIPANT)
"""The kinds of records that say who holds or held an office."""


class Tier(IntEnum):
    """The reason why a record was found, the best reason first.

    NAMED is the same as IN_NAME, but only for entities, such as countries and people.
    """

    NAME_IS = 0
    NAME_SOUNDS = 1
    NAMED = 2
    HOLDER = 3
    """The person holds or held the office that was typed, or took part in a meeting in that capacity."""
    NAMED_SOUNDS = 4
    IN_NAME = 5
    IN_NAME_SOUNDS = 6
    IN_TITLE = 7
    ANYWHERE = 8
    OTHER_NAME = 9
    HOLDER_SOUNDS = 10
    SLIP = 11
    """A name of the entity is what was typed, except for a typing error."""
    TOGETHER = 12
    """Each word occurs in the record, or in the name of a record to which it refers, such as a participant."""
    RELATED = 13
    MENTIONED = 14
    """The complete name of the person is a part of what was typed."""
    MOST_WORDS = 15
    ANY_WORD = 16

    @property
    def score(self) -> int:
        """The score of a hit in this tier: 100 for the best tier, and 5 less for each tier below it."""
        return 100 - 5 * self


HOLDERS = (Tier.HOLDER, Tier.HOLDER_SOUNDS)
"""The tiers whose queries find offices. In the results, the people who hold them stand in these tiers: in HOLDER only those
whose title has the words as typed."""


@dataclass(frozen=True)
class Narrowed:
    """Filters that a hit must pass in addition to matching the text."""

    kinds: tuple[Kind, ...] = ()
    refers: tuple[tuple[str, ...], ...] = ()
    """Groups of ids: the record must refer to, or involve, at least one id of each group."""
    involves: tuple[tuple[str, ...], ...] = ()
    """Groups of ids: the record must involve at least one id of each group."""
    date_from: str | None = None
    date_to: str | None = None

    @property
    def is_dated(self) -> bool:
        """Whether there is a date filter."""
        return bool(self.date_from or self.date_to)

    def node(self) -> Node | None:
        """Return the filters by kind and by reference as a query node, or None if there are none.

        The date filters are not part of the node, because dates are compared in SQL.
        """
        groups = [any_of(term(KIND + kind) for kind in self.kinds)] if self.kinds else []
        groups += [any_of(term(REFERS + each.lower()) for each in several) for several in self.refers]
        groups += [any_of(term(INVOLVES + each.lower()) for each in several) for several in self.involves]
        return all_of(groups) if groups else None


class KnownName(NamedTuple):
    """An analyzed name of a record."""

    stems: tuple[str, ...]
    terms: frozenset[str]
    """The terms that match only the complete name."""


class Known(NamedTuple):
    """A record that the query names: one of the record's names is a part of the query, or contains the whole query."""

    record_id: str
    names: Sequence[KnownName]
    docid: int
    kind: Kind
    bodies: Sequence[str] = ()
    """The ids of organizations that are a part of the record, or of the country that it is. They stand for it in offices."""


def known(docid: int, record_id: str, kind: Kind, own: Iterable[Own], letters: Letters) -> Known:
    """Return the record with its analyzed names.

    The names are analyzed once, in advance, because they are compared with every typed word. What the type of a record is
    called, such as `ministry`, is no name of the record.
    """
    names = []
    for each, text in letters.of(each for each in own if each.weight is Weight.NAME and each.field != "type"):
        words = [word.forms for word in analyze(text, each.language)]
        stems = [word.stem for word in words]
        terms = whole_names(stems, [word.skeletons for word in words])
        names.append(KnownName(tuple(stems), frozenset((*terms, NAME_SOUNDS + short(in_one_word(text))))))
    return Known(record_id, names, docid, kind)


# -- the queries of each tier ----------------------------------------------------------------------------------------------


def known_names(query: Query) -> dict[Tier, Node]:
    """Return the queries that find the entities which the typed query mentions by name.

    NAME_IS: a complete name of the entity is the query or a part of it. NAMED: a name of the entity contains all typed words.
    """
    if not query.slots or any(slot.is_phrase for slot in query.slots):
        return {}
    slots = query.typed
    parts = [slots[start : start + size] for size in range(1, _SLOTS_OF_A_NAME + 1) for start in range(len(slots) - size + 1)]
    runs = [run.words for slot in slots for run in runs_of_han(slot)]
    called = any_of([*(whole_name(words_of(part))[1] for part in [slots, *parts]), *map(_called, runs)])
    named = all_slots(query.slots, Weight.NAME, sound=True)
    return {Tier.NAME_IS: all_of((called, term(NAMED))), Tier.NAMED: all_of((named, term(NAMED)))}


def _called(run: tuple[Typed, ...]) -> Node:
    """Return the query for names that consist of exactly these pairs of Han characters, or sound like them if they are few."""
    return whole_name(run)[1] if len(run) <= SOUNDING_HAN else exact_name(run)


def by_name(query: Query, *, only_whole: bool = False) -> list[dict[Tier, Node]]:
    """Return the queries that search only names, as a list of stages.

    The caller runs the stages in order. If a tier of a stage has `CANDIDATES` records, the caller skips the later stages.
    `only_whole`: leave out names that have further words besides the typed ones.
    """
    if not query.slots:
        return []
    slots = query.slots
    is_, sounds = whole_name(query.words) if query.is_plain else (NOTHING, NOTHING)
    whole = {Tier.NAME_IS: is_, Tier.NAME_SOUNDS: sounds}
    if only_whole:
        return [_permitted(query, whole)]
    in_name, in_name_sounds = (all_slots(slots, Weight.NAME, sound=sound) for sound in (False, True))
    named = {Tier.NAMED: all_of((in_name, term(NAMED))), Tier.NAMED_SOUNDS: all_of((in_name_sounds, term(NAMED)))}
    stages = (whole | named, {Tier.IN_NAME: in_name}, {Tier.IN_NAME_SOUNDS: in_name_sounds})
    return [_permitted(query, stage) for stage in stages]


def all_words(query: Query, called: Sequence[Known]) -> Node:
    """Return the query for records that have all typed words, or other names of the records that `called` has.

    What matches IN_NAME, IN_TITLE, ANYWHERE, OTHER_NAME or HOLDER matches it, too. `called` is that of `elsewhere`.
    """
    groups = _by_other_names(query, called)[0] if query.is_plain else map(Slot.anywhere, query.slots)
    return but_not(all_of(groups), query.barred())


def elsewhere(query: Query, called: Sequence[Known], named: Sequence[Known], *, only_related: bool = False) -> dict[Tier, Node]:
    """Return, by tier, the queries that search beyond the names of the records to be found.

    They search titles, texts, and what stands for a record that the typed query mentions: its other names, and references to
    it. `called`: the mentioned records, whose complete name the query contains. `named`: at most `BEST_NAMES` records with a
    name that contains all typed words. `only_related`: search only for references to the records in `named`.
    """
    slots = query.slots
    if not slots:
        return {}
    related = any_of(term(REFERS + each.record_id.lower()) for each in named)
    found = {Tier.RELATED: but_not(related, term(LINK))}
    if only_related:
        return _permitted(query, found)
    found[Tier.IN_TITLE] = all_of(any_of((slot.sound(Weight.NAME), slot.sound(Weight.TITLE))) for slot in slots)
    found[Tier.ANYWHERE] = all_of(map(Slot.anywhere, slots))
    if query.is_plain:
        groups, unnamed = _by_other_names(query, called)
        found[Tier.OTHER_NAME] = but_not(all_of(groups), term(LINK)) if len(unnamed) < len(slots) else NOTHING
        found[Tier.HOLDER] = _office(unnamed, groups)
    return _permitted(query, found)


def _office(titles: Sequence[Slot], groups: Sequence[Node]) -> Node:
    """Return a query for positions, and for participants with a capacity, in which all these groups of words occur.

    At least one of the words `titles` must occur in the name of the office: a country alone is not an office.
    """
    title = any_of(slot.sound(weight) for slot in titles for weight in (Weight.NAME, Weight.TITLE))
    return all_of((any_of(term(KIND + kind) for kind in OFFICES), title, *groups)) if groups else NOTHING


def together(query: Query, called: Sequence[Known], refers: Sequence[Sequence[str]]) -> dict[Tier, Node]:
    """Return the queries for records in which some words occur themselves, and others in names of records they refer to.

    `called` is that of `elsewhere`. `refers`: for each slot of the query, the ids of entities with this word in a name. Two
    neighbouring words may also occur as one word.
    """
    _, unnamed = _by_other_names(query, called)
    way = ways(query.slots, refers)
    several = [way]
    if len(way) <= MOST_PAIRED:
        several += [
            [*way[:place], Slot((as_one_word([*first.words, *second.words]),)).anywhere(), *way[place + 2 :]]
            for place, (first, second) in enumerate(pairwise(query.slots))
            if first.is_single and second.is_single
        ]
    all_words = any_of(map(all_of, several))
    office = any_of(_office(unnamed, each) for each in several)
    return _permitted(query, {Tier.HOLDER_SOUNDS: office, Tier.TOGETHER: but_not(all_words, term(LINK))})


def with_names_apart(query: Query, called: Sequence[Known]) -> Query:
    """Return the query with runs of Han characters split at the names of mentioned records, as spaces split other scripts."""
    names = [name.stems for each in called for name in each.names if name.stems and all(map(is_han, name.stems))]
    typed = [part for slot in query.typed for part in (apart(slot, names) if slot.is_run_of_han else [slot])]
    return replace(query, typed=tuple(typed))


def pair_by_pair(query: Query) -> Query:
    """Return the query with each pair of Han characters as a word of its own."""
    typed = [part for slot in query.typed for part in (map(Slot, zip(slot.words)) if slot.is_run_of_han else [slot])]
    return replace(query, typed=tuple(dict.fromkeys(typed)))


def each_word(query: Query, refers: Sequence[Sequence[str]]) -> dict[int, Node]:
    """Return, for each slot of the query, the query for records that have this word or refer to an entity with it.

    `refers` is that of `together`.
    """
    # Tens of thousands of words may begin with one prefix, so prefixes are searched for as whole words here.
    plain = [slot._replace(starred=False) for slot in query.slots]
    barred = query.barred()
    return {place: but_not(way, barred) for place, way in enumerate(ways(plain, refers))}


def ways(slots: Sequence[Slot], refers: Sequence[Sequence[str]]) -> list[Node]:
    """Return a query for each slot: the record has the word itself, or refers to one of these entities."""
    return [
        any_of((slot.anywhere(), *(term(REFERS + each.lower()) for each in ids)))
        for slot, ids in zip(slots, refers, strict=True)
    ]


def _permitted(query: Query, tiers: Mapping[Tier, Node]) -> dict[Tier, Node]:
    """Change the queries of the tiers so that no record with an excluded word matches."""
    barred = query.barred()
    return {tier: but_not(node, barred) for tier, node in tiers.items()}


def everything(narrowed: Narrowed) -> dict[Tier, Node]:
    """Return the query for a search without typed words, which matches all records.

    Link records, which connect two other records, match only if they are acts, or if the request filters by kind.
    """
    node = narrowed.node() or any_of(term(KIND + kind) for kind in Kind if kind.role is not Role.LINK)
    return {Tier.ANYWHERE: but_not(node, NOTHING if narrowed.kinds else term(ASIDE))}


def _by_other_names(query: Query, called: Sequence[Known]) -> tuple[list[Node], list[Slot]]:
    """Return a query for each word or group of words that a record must have.

    Words that form a name of a known record are a group, which can be replaced: a record also matches if it contains another
    name of the known record, or refers to the known record. The second value has the slots that are in no such group.
    """
    groups: list[Node] = []
    unnamed: list[Slot] = []
    slots = query.slots
    place = 0
    while place < len(query.typed):
        size, others = _longest_known(query.typed[place:], called) if called else (0, NOTHING)
        several = query.typed[place : place + max(size, 1)]
        needed = [slot for slot in several if slot in slots]
        if needed:
            groups.append(any_of((all_of(slot.anywhere() for slot in needed), others)))
        if others == NOTHING:
            unnamed += needed
        place += max(size, 1)
    return groups, unnamed


def _longest_known(slots: Sequence[Slot], called: Sequence[Known]) -> tuple[int, Node]:
    """Find the longest name of a known record with which these slots begin.

    Returns the number of slots in the name, and a query for records that contain any name of the known record or refer to it.
    Returns (0, NOTHING) if the slots begin with no such name.
    """
    for size in dict.fromkeys((len(slots), *range(min(_SLOTS_OF_A_NAME, len(slots)), 0, -1))):
        node = whole_name(words_of(slots[:size]))[1]
        wanted = {part.parts[0] for part in (node.parts if node.sort == "or" else (node,))}
        bearers = [each for each in called if any(wanted & name.terms for name in each.names)]
        if bearers:
            return size, any_of(other for each in bearers for other in _ways_to_say(each))
    return 0, NOTHING


def _ways_to_say(known: Known) -> list[Node]:
    ways = [term(REFERS + each.lower()) for each in (known.record_id, *known.bodies)]
    for name in known.names:
        ways += [in_a_row([f"{weight}s{stem}" for stem in name.stems]) for weight in Weight if name.stems]
    return ways


def merged(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return each candidate once, in its best tier, as (tier, docid). Better tiers come first, then newer records."""
    best: dict[int, int] = {}
    for tier, docid in sorted(rows, key=itemgetter(0)):
        best.setdefault(docid, tier)
    return [(tier, docid) for docid, tier in best.items()]


def is_cut(rows: Sequence[Row]) -> bool:
    """Whether some tier has reached `CANDIDATES` records, so that more records may match than were read."""
    return any(count >= CANDIDATES for count in Counter(tier for tier, _ in rows).values())
