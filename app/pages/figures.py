"""The pages of figures: the matrix and the network."""

import asyncio
from collections.abc import Mapping
from typing import Any, get_args

from app.domain.vocabulary import Kind
from app.pages.drawing.network import network as drawn
from app.pages.filters import ACTORS, named_in
from app.pages.lists import figure_formats
from app.pages.records import LAST_CHANGE, cited
from app.pages.resources import BY_PLURAL
from app.pages.serving import Page
from app.pages.shown import Shown
from app.pages.visit import Visit
from app.pages.words import vocabularies_with
from app.views.matrix_queries import Dimension
from app.views.network import ActorKind
from app.views.selection import COUNTED

MATRIX_LIMIT = 30
SHADES = 5


async def matrix(visit: Visit) -> Page:
    """`/matrix`: how many records have each pair of two values, such as a country and a year."""
    pairs, named = await named_in(visit, {"topic": (Kind.TOPIC,), "participant": ACTORS})
    pairs = _fitting(pairs)
    visit.settle(pairs)
    given = dict(pairs)
    asked = [*pairs, *((name, value) for name, value in _MATRIX.items() if name not in given)]
    found, changes = await visit.ask_all(("/v1/matrix", asked), *LAST_CHANGE)

    def context(_shown: Shown) -> Mapping[str, Any]:
        title = visit.language.texts.gettext("How much, by two dimensions")
        return {
            "title": title,
            "found": found,
            "kind": BY_PLURAL[found["of"]].kind.value,
            "dimensions": get_args(Dimension),
            "most": max((cell["count"] for row in found["cells"] for cell in row), default=0),
            "shades": SHADES,
            **named,
            "formats": figure_formats(visit, "/v1/matrix", asked, ("CSV", "csv"), ("JSON-stat", "jsonstat")),
            "cited": cited(visit, title, changes),
        }

    return Page("matrix.html", context, json=visit.link("/v1/matrix", asked))


_MATRIX = {"rows": "country", "columns": "year", "limit": str(MATRIX_LIMIT)}


async def network(visit: Visit) -> Page:
    """`/network`: who takes part in the same meetings, or is party to the same instruments, as a picture and a table."""
    pairs, named = await named_in(visit, {"topic": (Kind.TOPIC,), "participant": ACTORS})
    pairs = _fitting(pairs)
    visit.settle(pairs)
    asked = [*pairs, ("project", "true")]
    found, changes = await visit.ask_all(("/v1/network", asked), *LAST_CHANGE)
    picture = await asyncio.to_thread(drawn, found["nodes"], found["edges"])

    def context(_shown: Shown) -> Mapping[str, Any]:
        title = visit.language.texts.gettext("Who is involved with whom")
        return {
            "title": title,
            "found": found,
            "kind": BY_PLURAL[found["of"]].kind.value,
            "picture": picture,
            "actor_kinds": get_args(ActorKind),
            "names": {node["id"]: node for node in found["nodes"]},
            "edges": sorted(found["edges"], key=lambda edge: -edge["weight"])[:MOST_EDGES],
            **named,
            "formats": figure_formats(visit, "/v1/network", asked, ("CSV", "csv"), ("GraphML", "graphml"), ("GEXF", "gexf")),
            "cited": cited(visit, title, changes),
        }

    return Page("network.html", context, json=visit.link("/v1/network", asked))


MOST_EDGES = 100
"""The number of edges in the table of the page at the most; the other formats have all."""


def _fitting(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the parameters without the types and statuses that only records of other lists have.

    A form keeps them, and they remain in it when another list is chosen.
    """
    counted = BY_PLURAL.get(dict(pairs).get("of", COUNTED[0]))
    if counted is None:
        return pairs
    others = [BY_PLURAL[plural].kind.value for plural in COUNTED]

    def fits(name: str, value: str) -> bool:
        return any(vocabularies_with(value, name, [counted.kind.value])) or not any(vocabularies_with(value, name, others))

    return [(name, value) for name, value in pairs if fits(name, value)]
