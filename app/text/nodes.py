"""Full-text queries as trees of nodes, and their serialization in the query syntax of each database."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, takewhile
from math import prod
from typing import Any, NamedTuple


class Node(NamedTuple):
    """A node of a query: a term, consecutive terms, a prefix, or `and`, `or`, `not` of other nodes."""

    sort: str
    parts: tuple[Any, ...]


NOTHING = Node("term", ("#nothing",))
"""A term that no record has."""


def term(text: str) -> Node:
    """Return a query that matches the search entries with this term."""
    return Node("term", (text,))


def beginning(text: str) -> Node:
    """Return a query for a prefix. It matches all terms that begin with `text`."""
    return Node("beginning", (text,))


def in_a_row(texts: Sequence[str]) -> Node:
    """Return a query that matches if these terms stand directly after one another, in this order."""
    return Node("row", tuple(texts)) if len(texts) > 1 else any_of(map(term, texts))


def any_of(nodes: Iterable[Node]) -> Node:
    """Return a query that matches if at least one of the nodes matches. Returns NOTHING if there are no nodes."""
    return _joined("or", nodes)


def all_of(nodes: Iterable[Node]) -> Node:
    """Return a query that matches if all nodes match. Returns NOTHING if a node is NOTHING, or if there are no nodes."""
    parts = list(nodes)
    return NOTHING if NOTHING in parts else _joined("and", parts)


def _joined(sort: str, nodes: Iterable[Node]) -> Node:
    distinct = dict.fromkeys(nodes)
    distinct.pop(NOTHING, None)
    parts = tuple(distinct)
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else Node(sort, parts)


def but_not(node: Node, without: Node) -> Node:
    """Return a query that matches if `node` matches and `without` does not match."""
    return node if NOTHING in (node, without) else Node("not", (node, without))


class Shares:
    """For each frequent term, the share of the search entries that have it."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self.of_terms = shares
        self._in_order = sorted(shares)

    def of_beginning(self, start: str) -> float:
        """Return the largest share of a term that begins with `start`."""
        following = islice(self._in_order, bisect_left(self._in_order, start), None)
        begun = takewhile(lambda each: each.startswith(start), following)
        return max((self.of_terms[each] for each in begun), default=0)


def share(node: Node, shares: Shares) -> float:
    """Estimate the share of search entries that match a node, from the shares of the frequent terms.

    The share of `or` is the largest share of its parts, not their sum, because the forms of a word occur in the same entries.
    """
    sort, parts = node
    match sort:
        case "term":
            return shares.of_terms.get(parts[0], 0)
        case "beginning":
            return shares.of_beginning(parts[0])
        case "row":
            return min(shares.of_terms.get(each, 0) for each in parts)
        case "or":
            return max(share(part, shares) for part in parts)
        case "and":
            return prod(share(part, shares) for part in parts)
    found, without = parts
    return share(found, shares) * (1 - share(without, shares))


class Syntax(NamedTuple):
    """The query syntax of a database. For each sort of node, it has a format string or an operator."""

    quoted: Callable[[str], str]
    """Escapes a term that will be put between quotes."""

    term: str
    beginning: str
    row: str
    """The format string for consecutive terms, which are joined by `between`."""
    between: str
    joined: Mapping[str, str]

    def write(self, node: Node) -> str:
        """Serialize a query in this syntax."""
        sort, parts = node
        match sort:
            case "term":
                return self.term.format(self.quoted(*parts))
            case "beginning":
                return self.beginning.format(self.quoted(*parts))
            case "row":
                return self.row.format(self.between.join(map(self.quoted, parts)))
        return f"({self.joined[sort].join(map(self.write, parts))})"


def _in_apostrophes(text: str) -> str:
    """Escape a term that will be put between apostrophes in a tsquery or tsvector of Postgres."""
    return text.replace("\\", "\\\\").replace("'", "''") if "'" in text or "\\" in text else text


FTS5 = Syntax(
    lambda text: text.replace('"', '""'),
    '"{}"',
    '"{}" *',
    '"{}"',
    " ",
    {"and": " AND ", "or": " OR ", "not": " NOT "},
)
"""The syntax of SQLite's FTS5."""
TSQUERY = Syntax(_in_apostrophes, "'{}'", "'{}':*", "('{}')", "' <-> '", {"and": " & ", "or": " | ", "not": " & !"})
"""The syntax of Postgres' tsquery."""


def tsvector(several: Sequence[str], first: int = 1) -> str:
    """Serialize terms with their positions, counted from `first`, in the syntax of Postgres' tsvector."""
    return " ".join([f"'{_in_apostrophes(each)}':{place}" for place, each in enumerate(several, first)])
