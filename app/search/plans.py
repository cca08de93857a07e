"""Chooses how Postgres searches for the newest of many matches: by itself it reads all of them by its index and sorts them.

SQLite's FTS5 reads in the order that is wanted and stops early. On Postgres one of three ways is chosen by its own statistics.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from app.domain.edtf import NO_START
from app.search.index import first_docid
from app.text.terms import BEGINNINGS, BEGINS, KIND, NAMED, Node, all_of, any_of, share, term

KNOWN = (
    "SELECT greatest(c.reltuples, 0), s.most_common_elems::text::text[], s.most_common_elem_freqs"
    " FROM pg_stats s JOIN pg_class c ON c.oid = 'search_entries'::regclass"
    " WHERE s.most_common_elems IS NOT NULL AND s.schemaname = ANY (current_schemas(false))"
    " AND s.tablename = 'search_entries' AND s.attname = 'terms'"
)
"""What Postgres' statistics say: the number of search entries, the frequent terms, the share of entries with each term."""
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
    """How the newest matches are read."""

    INDEX = "index"
    """Read all matches by the GIN index, then sort them: no bound on dates is used."""
    EITHER = "either"
    """By the index or by date, as the planner thinks best: instead of WINDOW, where the request has bounds of dates."""
    ORDER = "order"
    """All entries in order of date, each compared with the query."""
    WINDOW = "window"
    """The matches of the last years by the index, and still newer entries in order of date."""


class Chosen(NamedTuple):
    """The chosen way. For WINDOW also the query limited to the window, and its docid: entries with a lower docid are newer."""

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
