"""How Postgres is made to find the newest of what many documents have: it finds all by its index before it sorts them.

SQLite's FTS5 reads in the order wanted and stops; Postgres is told one of three ways by what its own statistics say.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from app.domain.edtf import NO_START
from app.search.index import first_docid
from app.text.terms import BEGINNINGS, BEGINS, KIND, NAMED, Node, all_of, any_of, share, term

KNOWN = (
    "SELECT greatest(c.reltuples, 0), s.most_common_elems::text::text[], s.most_common_elem_freqs"
    " FROM pg_stats s JOIN pg_class c ON c.oid = 'documents'::regclass"
    " WHERE s.most_common_elems IS NOT NULL AND s.schemaname = ANY (current_schemas(false))"
    " AND s.tablename = 'documents' AND s.attname = 'terms'"
)
"""What Postgres knows: how many documents there are, the frequent terms, the parts that have them (then other figures)."""
_IN_ORDER = 0.25
"""A part of the documents from which on it is sooner to read them in their order."""
_FEW = 3_000
"""Documents that have it, up to which all of them may be found and sorted."""
_ENOUGH = 2
"""How many times as many as wanted a window should hold, since the parts are estimates."""


_NEVER = int(NO_START[:4])


class Frequencies(NamedTuple):
    """What is known of the frequent terms."""

    documents: float
    shares: Mapping[str, float]
    """The parts of the documents that have each."""


UNKNOWN = Frequencies(0, {})


class Way(Enum):
    """How the newest are found."""

    INDEX = "index"
    """By the index all that have it, whatever their days."""
    EITHER = "either"
    """By the index or by their days, as Postgres thinks best: instead of WINDOW, where a window was asked for."""
    ORDER = "order"
    """One document after the other in their order."""
    WINDOW = "window"
    """By the index those of the last years that have it, and in their order those that are newer still."""


class Chosen(NamedTuple):
    """A way, and for a window what is looked for in it and the docid before which everything is newer."""

    way: Way
    node: Node | None = None
    newer: int = 0


def chosen(node: Node, known: Frequencies, limit: int) -> Chosen:
    """The way to find so many of the newest."""
    part = share(node, known.shares)
    if part * known.documents <= _FEW:
        return Chosen(Way.INDEX)
    if part >= _IN_ORDER:
        return Chosen(Way.ORDER)
    if _is_undated(node):
        return Chosen(Way.INDEX)
    years = {int(each[1:]): part for each, part in known.shares.items() if each[:1] == KIND and each[1:].isdecimal()}
    years.pop(_NEVER, None)
    room = _ENOUGH * limit / (part * known.documents)
    for year in sorted(years, reverse=True):
        room -= years[year]
        if room <= 0:
            last = any_of(term(f"{KIND}{each:04}") for each in range(year, max(years) + 1))
            return Chosen(Way.WINDOW, all_of((node, last)), first_docid(f"{max(years):04}-12-31"))
    return Chosen(Way.INDEX)


def _is_undated(node: Node) -> bool:
    """Whether only what is named again and again can have it: that has no years."""
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
