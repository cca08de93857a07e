"""All that makes Postgres choose a good query plan: settings, forms of statements, and the choice among ways to search.

Each has a paragraph that says what Postgres would do without it, with the figure. SQLite needs none of this, because its
planner takes the only index that fits, and FTS5 returns the newest entries first.
"""

# ruff: noqa: S608 - numbers and names of ours alone are written into statements

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from app.domain.edtf import NO_START
from app.text.docids import first_docid
from app.text.nodes import Node, all_of, any_of, share, term
from app.text.terms import BEGINNINGS, BEGINS, KIND, NAMED

READING_SETTINGS = {"jit": "off", "random_page_cost": "1.1"}
"""Settings of connections that read. Reads use indexes, and the data is mostly in memory. With the default cost of random
access, which is meant for rotating discs, Postgres scanned 20,000 search entries to find one, because it does not count what
decompressing their terms costs. Compiling a statement (jit) takes longer than running it."""

ONE_OF_ANY = "{column} = ANY({values})"
"""A filter with several values. Postgres looks at the values and takes the index or not, as their statistics say."""
ONE_OF_FEW = "{column} = ANY(ARRAY(SELECT unnest({values})))"
"""Ids and other keys, whose index always helps. Hidden in a subquery, the values cannot be looked at, so that Postgres plans
the statement once; planning it anew for every list takes longer than reading a dozen records."""

PLANNED_ANEW = True
"""Searches are planned for each query, because a rare term needs another plan than a common one."""

_BY_ORDER = "SELECT docid FROM search_entries WHERE ts_match_vq(terms, CAST(%({match})s AS tsquery)){within}"
"""Reads entries in the order of their numbers and compares each. As a function, the operator `@@` cannot use the GIN index."""
_BY_INDEX = "SELECT docid FROM search_entries WHERE terms @@ CAST(%({match})s AS tsquery){within} OFFSET 0"
"""Reads entries by the GIN index. OFFSET 0 keeps Postgres from reading the subquery in the order of the numbers instead."""
_UNINDEXED = "docid + 0"
"""The number in a comparison that must not use the index of numbers. With a last day given, Postgres would scan by number,
because it ignores the cost of decompressing the terms: of 20,000 entries it then read a quarter (200 ms; 20 ms by the GIN
index)."""

STATISTICS = (
    "SELECT greatest(c.reltuples, 0), s.most_common_elems::text::text[], s.most_common_elem_freqs"
    " FROM pg_stats s JOIN pg_class c ON c.oid = 'search_entries'::regclass"
    " WHERE s.most_common_elems IS NOT NULL AND s.schemaname = ANY (current_schemas(false))"
    " AND s.tablename = 'search_entries' AND s.attname = 'terms'"
)
"""What ANALYZE found: the number of search entries, the frequent terms, the share of entries with each term."""
_IN_ORDER = 0.25
"""From this share of the entries on, reading them in order of date is faster than by the index."""
_FEW = 3_000
"""Up to so many matches, all of them may be read by the index and sorted."""
_ENOUGH = 2
"""A window should hold so many times the rows wanted, because the shares are estimates."""
_NEVER = int(NO_START[:4])


class Frequencies(NamedTuple):
    """Statistics of the frequent terms."""

    entries: float
    shares: Mapping[str, float]
    """By term: the share of the entries that have it."""


UNKNOWN = Frequencies(0, {})


class Way(Enum):
    """How the newest matches are read. By itself Postgres reads all matches by the index and sorts them."""

    INDEX = "index"
    """Read all matches by the GIN index, then sort them: no bound on dates is used."""
    EITHER = "either"
    """By the index or by date, as the planner thinks best: instead of WINDOW, where the request has bounds of dates."""
    ORDER = "order"
    """All entries in order of date, each compared with the query."""
    WINDOW = "window"
    """The matches of the last years by the index, and still newer entries in order of date."""


class Chosen(NamedTuple):
    """The chosen way. For WINDOW also the query limited to the window, and its number: entries with a lower one are newer."""

    way: Way
    node: Node | None = None
    newer: int = 0


def chosen(node: Node, known: Frequencies, limit: int) -> Chosen:
    """The way to read the newest `limit` matches."""
    part = share(node, known.shares)
    if part * known.entries <= _FEW:
        return Chosen(Way.INDEX)
    if part >= _IN_ORDER:
        return Chosen(Way.ORDER)
    if _is_undated(node):
        return Chosen(Way.INDEX)
    years = {int(each[1:]): part for each, part in known.shares.items() if each[:1] == KIND and each[1:].isdecimal()}
    years.pop(_NEVER, None)
    room = _ENOUGH * limit / (part * known.entries)
    for year in sorted(years, reverse=True):
        room -= years[year]
        if room <= 0:
            last = any_of(term(f"{KIND}{each:04}") for each in range(year, max(years) + 1))
            return Chosen(Way.WINDOW, all_of((node, last)), first_docid(f"{max(years):04}-12-31"))
    return Chosen(Way.INDEX)


def _is_undated(node: Node) -> bool:
    """Whether only entities can match: they have no dates."""
    sort, parts = node
    match sort:
        case "term":
            return parts[0] == NAMED or (parts[0].startswith(BEGINS) and not parts[0].startswith(BEGINNINGS[1]))
        case "and":
            return any(map(_is_undated, parts))
        case "or":
            return all(map(_is_undated, parts))
        case "not":
            return _is_undated(parts[0])
    return False


def newest(tier: int, match: str, way: Way, limit: int, *, bounds: tuple[str, str] | None, since: bool) -> str:
    """The statement that reads the newest matches of a tier in the chosen way.

    `match`, `bounds`: names of the parameters that hold the query, and the lowest and highest number. `since`: whether entries
    must end on `date_from` or later.
    """
    place = _UNINDEXED if way is Way.INDEX else "docid"
    within = f" AND {place} >= %({bounds[0]})s AND {place} < %({bounds[1]})s" if bounds else ""
    if since:
        within += " AND date_end >= %(date_from)s"
    match way:
        case Way.ORDER:
            found = _BY_ORDER.format(match=match, within=within)
        case Way.WINDOW:
            newer = _BY_ORDER.format(match=match, within=f"{within} AND docid < %(n{tier})s")
            in_window = _BY_INDEX.format(match=f"w{tier}", within=within)
            found = f"SELECT docid FROM (({newer} ORDER BY docid LIMIT {limit}) UNION ALL ({in_window})) AS found"
        case _:
            found = f"SELECT docid FROM ({_BY_INDEX.format(match=match, within=within)}) AS found"
    return f"{found} ORDER BY docid LIMIT {limit}"
