"""What makes Postgres choose good query plans: settings, ways to write SQL conditions, and the choice of how to read matches.

The text at each setting, condition and choice says what Postgres would do without it, with measured figures. SQLite needs none
of this, because its planner takes the only index that fits, and FTS5 returns the newest entries first.
"""

# ruff: noqa: S608 - only numbers and our own names are formatted into SQL, never input from clients

from enum import Enum
from typing import NamedTuple

from app.domain.edtf import NO_START
from app.text.docids import first_docid
from app.text.nodes import Node, Shares, all_of, any_of, share, term
from app.text.terms import BEGINNINGS, BEGINS, KIND, NAMED

READING_SETTINGS = {"jit": "off", "random_page_cost": "1.1"}
"""Settings of connections that read. `random_page_cost` is low, because reads use indexes and the data is mostly in memory.
The default is meant for rotating discs. With it, Postgres scanned 20,000 search entries to find one, because its estimate does
not include the cost of decompressing the entries' terms. `jit` is off, because compiling a statement takes longer than running
it."""

ONE_OF_ANY = "{column} = ANY({values})"
"""A filter with several values. Postgres uses its statistics of these values to decide whether to use the index."""
ONE_OF_FEW = "{column} = ANY(ARRAY(SELECT unnest({values})))"
"""A condition on ids and other keys, for which the index is always best. The subquery hides the values from the planner, so
Postgres plans the statement only once. Planning it for every list of values would take longer than reading a dozen records."""

NOT_BY_INDEX = "({column} || '')"
"""A column, written so that no index on it can be used. A statement is planned once for all actors, as if each had the average
number of involvements. So to check whether two participants act for a country, Postgres would read all involvements of the
country: 2,300 rows among 10,000 meetings, for each line of a page."""

PLANNED_ANEW = True
"""Searches are planned for each query, because a rare term needs another plan than a common one."""

_BY_ORDER = "SELECT docid FROM search_entries WHERE ts_match_vq(terms, CAST(%({match})s AS tsquery)){within}"
"""Reads entries in the order of their numbers (`docid`) and compares each with the query. It calls the function behind the
operator `@@`, because Postgres could use the GIN index for the operator, but not for the function."""
_BY_INDEX = "SELECT docid FROM search_entries WHERE terms @@ CAST(%({match})s AS tsquery){within} OFFSET 0"
"""Reads entries through the GIN index. Without OFFSET 0, Postgres might read them in the order of their numbers instead."""
_UNINDEXED = "docid + 0"
"""The entry's number, written so that a comparison with it cannot use the index on `docid`. If a request has a last day
(`date_to`), Postgres would otherwise scan entries by number, because it ignores the cost of decompressing their terms. Such a
scan read a quarter of 20,000 entries and took 200 ms; reading through the GIN index takes 20 ms."""

STATISTICS = (
    "SELECT greatest(c.reltuples, 0), s.most_common_elems::text::text[], s.most_common_elem_freqs"
    " FROM pg_stats s JOIN pg_class c ON c.oid = 'search_entries'::regclass"
    " WHERE s.most_common_elems IS NOT NULL AND s.schemaname = ANY (current_schemas(false))"
    " AND s.tablename = 'search_entries' AND s.attname = 'terms'"
)
"""A query for the statistics that ANALYZE recorded: the number of search entries, the frequent terms, and for each of these
terms the share of entries that have it."""
_IN_ORDER = 0.25
"""If at least this share of the entries matches a query, reading entries in order of date is faster than using the index."""
_FEW = 3_000
"""Up to this number of matches, it is fast enough to read all of them through the index and sort them."""
_ENOUGH = 2
"""A window (see `Way.WINDOW`) should contain this many times the requested number of matches, because their number is only
estimated."""
_NEVER = int(NO_START[:4])


class Frequencies(NamedTuple):
    """The frequencies of the most frequent search terms, read with the query STATISTICS.

    The function `chosen` uses them to decide how matches are read.
    """

    entries: float
    shares: Shares


UNKNOWN = Frequencies(0, Shares({}))


class Way(Enum):
    """The way in which the newest matches are read.

    We choose it, because Postgres' planner would read all matches through the index and sort them (INDEX), even if many entries
    match. This is slow for frequent terms.
    """

    INDEX = "index"
    """Read all matches through the GIN index, then sort them. Limits on dates are checked for each match, without an index."""
    EITHER = "either"
    """Read through the index or in order of date, as the planner chooses. This replaces WINDOW if a request limits the date."""
    ORDER = "order"
    """Read the entries in order of date and compare each with the query."""
    WINDOW = "window"
    """Read the matches of the last years through the index, and the entries newer than those years in order of date."""


class Chosen(NamedTuple):
    """The chosen way to read the newest matches of a query.

    For WINDOW, `node` is the query limited to the window, and `newer` is the lowest entry number (`docid`) in the window.
    Because newer entries have lower numbers, the entries below `newer` are newer than the window.
    """

    way: Way
    node: Node | None = None
    newer: int = 0


def chosen(node: Node, known: Frequencies, limit: int) -> Chosen:
    """Choose how to read the newest `limit` matches of a query."""
    if not known.entries:
        return Chosen(Way.INDEX)
    part = share(node, known.shares)
    if part * known.entries <= _FEW:
        return Chosen(Way.INDEX)
    if part >= _IN_ORDER:
        return Chosen(Way.ORDER)
    if _is_undated(node):
        return Chosen(Way.INDEX)
    years = {int(each[1:]): part for each, part in known.shares.of_terms.items() if each[:1] == KIND and each[1:].isdecimal()}
    years.pop(_NEVER, None)
    room = _ENOUGH * limit / (part * known.entries)
    for year in sorted(years, reverse=True):
        room -= years[year]
        if room <= 0:
            last = any_of(term(f"{KIND}{each:04}") for each in range(year, max(years) + 1))
            return Chosen(Way.WINDOW, all_of((node, last)), first_docid(f"{max(years):04}-12-31"))
    return Chosen(Way.INDEX)


def _is_undated(node: Node) -> bool:
    """Whether the query can match only entities, such as countries, which have no dates."""
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
    """Return the SQL that reads the newest matches of a tier (one level of the search ranking) in the chosen way.

    `match`: the name of the parameter that holds the query. `bounds`: the names of the parameters that hold the lowest entry
    number (included) and the highest (excluded). `since`: whether entries must end on or after the day in the parameter
    `date_from`.
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
