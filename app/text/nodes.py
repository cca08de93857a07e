"""Full-text queries as trees of nodes, and how each database's syntax writes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple


class Node(NamedTuple):
    """A node of a query: a term, terms in a row, a prefix, or `and`, `or`, `not` of other nodes."""

    sort: str
    parts: tuple[Any, ...]


NOTHING = Node("term", ("#nothing",))
"""A term that no record has."""


def term(text: str) -> Node:
    """A query for a term."""
    return Node("term", (text,))


def beginning(text: str) -> Node:
    """A query for a prefix: all terms that begin so."""
    return Node("beginning", (text,))


def in_a_row(texts: Sequence[str]) -> Node:
    """A query for terms that follow one another."""
    return Node("row", tuple(texts)) if len(texts) > 1 else any_of(map(term, texts))


def any_of(nodes: Iterable[Node]) -> Node:
    """At least one of the nodes."""
    return _joined("or", nodes)


def all_of(nodes: Iterable[Node]) -> Node:
    """All of the nodes; NOTHING, if one of them is NOTHING."""
    parts = list(nodes)
    return NOTHING if NOTHING in parts else _joined("and", parts)


def _joined(sort: str, nodes: Iterable[Node]) -> Node:
    parts = tuple(dict.fromkeys(node for node in nodes if node != NOTHING))
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else Node(sort, parts)


def but_not(node: Node, without: Node) -> Node:
    """The first node, except where the second matches."""
    return node if NOTHING in (node, without) else Node("not", (node, without))


def share(node: Node, shares: Mapping[str, float]) -> float:
    """The estimated share of search entries that match a node, computed from the shares of the frequent terms.

    Forms of a word stand in the same entries: of alternatives the most frequent counts.
    """
    sort, parts = node
    match sort:
        case "term":
            return shares.get(parts[0], 0)
        case "beginning":
            return max((part for each, part in shares.items() if each.startswith(parts[0])), default=0)
        case "row":
            return min(shares.get(each, 0) for each in parts)
        case "or":
            return max(share(part, shares) for part in parts)
        case "and":
            return prod(share(part, shares) for part in parts)
    found, without = parts
    return share(found, shares) * (1 - share(without, shares))


class Syntax(NamedTuple):
    """How a database writes a query: patterns for each sort of node."""

    quoted: Callable[[str], str]
    """Escapes a term for between the quotes."""

    term: str
    beginning: str
    row: str
    """Consecutive terms, joined by `between`."""
    between: str
    joined: Mapping[str, str]

    def write(self, node: Node) -> str:
        """The query as text."""
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
    """A term as Postgres reads it between apostrophes."""
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
    """Terms with their positions, counted from `first`, in the syntax of Postgres' tsvector."""
    return " ".join([f"'{_in_apostrophes(each)}':{place}" for place, each in enumerate(several, first)])
