"""What is kept of a record for search: the terms that it is found by, in three weights, and how both databases look for them.

A search entry is a row of terms, each of letters that say what it is and the word's form:

- `ns`, `nk` a stem and a skeleton in one of its names; `ts`, `tk` in its titles and places; `xs`, `xk` in its text
- `nw` a word of one of its names as it stands there, but for case and marks
- `=`, `~` the whole of one of its names, as stems and as skeletons
- `p` the beginning of a word of a name, `g` three letters in a row of one: of what is named again and again, for suggestions
- `@` the id of a record that it refers to or that is involved in it, `#` its kind, and the year of its first day

Words stand in their order, so that phrases are found; `|` keeps them from reaching from one text into the next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from math import prod
from typing import Any, NamedTuple

from app.caching import cached
from app.domain.vocabulary import Kind, Role
from app.text.analyzer import Forms, all_forms


class Weight(StrEnum):
    """Where a text stands in a record: the higher the weight, the more it says about the record."""

    NAME = "n"
    TITLE = "t"
    TEXT = "x"


STEM, SKELETON, WORD = "s", "k", "w"
NAMED_WORD = Weight.NAME + WORD
NAME_IS, NAME_SOUNDS = "=", "~"
BEGINS, GRAM = "p", "g"
BEGINNINGS = (BEGINS, BEGINS * 2)
"""The marks of beginnings of words in names: of entities, and of events."""
REFERS, KIND = "@", "#"
BETWEEN = "|"
NAMED, LINK = "#named", "#link"
"""Terms of all entities, and of all link records."""
LONG = "#long"
"""Lasts so long that no window of dates tells how far to look back."""
_LONGEST_NAME = 60
LONGEST_BEGINNING = 10
GRAM_LENGTH = 3
MOST_TERMS, MOST_REFERENCES = 14_000, 2_000
"""Limits of one search entry; Postgres stores hardly more positions than these."""


class Own(NamedTuple):
    """A text of a record's own."""

    weight: Weight
    field: str
    language: str | None
    text: str


LETTERS = 20_000
"""Letters of stored texts that one request may analyze: words that nobody used before take some 1.5 µs a letter."""


class Letters:
    """A request's budget of characters of stored texts to analyze, however long the texts are."""

    def __init__(self, left: int = LETTERS) -> None:
        self.left = left

    def of(self, own: Iterable[Own]) -> Iterator[tuple[Own, str]]:
        """A record's texts, each with its beginning that may be analyzed: together a fifth of what is left."""
        allowed = self.left // 5
        for each in own:
            text = each.text if len(each.text) < allowed else each.text[:allowed]
            allowed -= len(text)
            self.left -= len(text)
            yield each, text
            if not allowed:
                return


def own_terms(kind: Kind, own: Iterable[Own]) -> list[str]:
    """The terms of a record's own words in their order."""
    named = kind.role is Role.ENTITY
    found = [KIND + kind, *([NAMED] if named else ()), *([LINK] if kind.role is Role.LINK else ())]
    others: list[str] = []
    for weight, _, language, text in own:
        if len(found) >= MOST_TERMS:
            break  # no more are kept, and to find them may take seconds
        in_order, besides = _of_text(weight, language, text, named=named)
        found += in_order
        others += besides
    found += dict.fromkeys(others)
    return found[:MOST_TERMS]


def reference_terms(refers: Iterable[str]) -> list[str]:
    """The terms by which a record is found that refers to these."""
    return sorted({f"{REFERS}{target.lower()}" for target in refers})[:MOST_REFERENCES]


@cached(4_000_000, size_of=lambda weight, language, text, *, named: 120 * len(text))
def _of_text(weight: Weight, language: str | None, text: str, *, named: bool) -> tuple[list[str], list[str]]:
    """The terms of a text: those that stand in its order, and those that stand nowhere."""
    words = all_forms(text, language)
    stems: list[str] = []
    skeletons: list[str] = []
    besides: list[str] = []
    for word in words:
        stem, sounds, others = _of_word(weight, word, named=named)
        stems.append(stem)
        skeletons += sounds
        besides += others
    if weight is Weight.NAME:
        besides += whole_names([word.stem for word in words], [word.skeletons for word in words])
    return [*stems, BETWEEN, *skeletons, BETWEEN], besides


@cached(8_000_000, size_of=lambda weight, word, *, named: 150 * len(word.folded))
def _of_word(weight: Weight, word: Forms, *, named: bool) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The terms of a word: its stem, its skeleton if it has one, and those that stand nowhere."""
    _, stem, skeletons = word
    sounds = tuple(weight + SKELETON + each for each in skeletons)
    others = sounds[1:]
    if weight is Weight.NAME:
        others += NAMED_WORD + word.folded, *begin(skeletons[0] if skeletons else stem, named=named)
    return weight + STEM + stem, sounds[:1], others


def whole_names(stems: Sequence[str], skeletons: Sequence[Sequence[str]]) -> list[str]:
    """The terms that match only the complete name: one of its stems, one of its skeletons."""
    if not stems:
        return []
    sounds = [several[0] if several else stem for stem, several in zip(stems, skeletons, strict=True)]
    return [NAME_IS + _short("-".join(stems)), NAME_SOUNDS + _short("-".join(sounds))]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else blake2b(name.encode(), digest_size=16).hexdigest()


def begin(form: str, *, named: bool) -> tuple[str, ...]:
    """The terms by which a word of a name is found while it is typed: of what is `named` often, from its first letter."""
    sort = BEGINNINGS[not named]
    beginnings = (sort + form[:length] for length in range(1 if named else 3, min(len(form), LONGEST_BEGINNING) + 1))
    return (*beginnings, *(f"{GRAM}{gram}" for gram in grams(form) if named))


def grams(form: str) -> list[str]:
    """Every three letters in a row, with two hyphens before the first."""
    padded = "--" + form
    return [padded[place : place + GRAM_LENGTH] for place in range(len(form))]


# -- how the databases look for them ---------------------------------------------------------------------------------------


class Node(NamedTuple):
    """A node of a query: a term, terms in a row, a prefix, or `and`, `or`, `not` of other nodes."""

    sort: str
    parts: tuple[Any, ...]


NOTHING = Node("term", (f"{KIND}nothing",))
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


def _in_quotes(text: str) -> str:
    """A term as Postgres reads it between apostrophes."""
    return text.replace("\\", "\\\\").replace("'", "''") if "'" in text or "\\" in text else text


class _Syntax(NamedTuple):
    """How a database writes what is looked for."""

    quoted: Callable[[str], str]
    """What a term is between the quotes."""

    term: str
    beginning: str
    row: str
    """Terms in a row, joined by what stands between two of them."""
    between: str
    joined: Mapping[str, str]


_FTS5 = _Syntax(
    lambda text: text.replace('"', '""'),
    '"{}"',
    '"{}" *',
    '"{}"',
    " ",
    {"and": " AND ", "or": " OR ", "not": " NOT "},
)
_TSQUERY = _Syntax(_in_quotes, "'{}'", "'{}':*", "('{}')", "' <-> '", {"and": " & ", "or": " | ", "not": " & !"})


def _written(node: Node, syntax: _Syntax) -> str:
    sort, parts = node
    match sort:
        case "term":
            return syntax.term.format(syntax.quoted(*parts))
        case "beginning":
            return syntax.beginning.format(syntax.quoted(*parts))
        case "row":
            return syntax.row.format(syntax.between.join(map(syntax.quoted, parts)))
    return f"({syntax.joined[sort].join(_written(part, syntax) for part in parts)})"


def for_fts5(node: Node) -> str:
    """As SQLite's FTS5 reads it."""
    return _written(node, _FTS5)


def for_tsquery(node: Node) -> str:
    """As Postgres' tsquery reads it."""
    return _written(node, _TSQUERY)


def for_tsvector(several: Sequence[str], first: int = 1) -> str:
    """Terms with their places, the first of which is told, as Postgres' tsvector reads them."""
    return " ".join([f"'{_in_quotes(each)}':{place}" for place, each in enumerate(several, first)])
