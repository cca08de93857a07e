"""The picture of a network: actors on a circle, each edge a curve as thick as its weight.

A circle needs no search for a layout, so it is drawn in a few milliseconds and looks the same every time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 900, 500
MOST_NODES = 40
"""The number of actors in a picture at the most: those with the most edges. The table below the picture has all."""
_RADIUS, _LABEL = 190, 205
_THINNEST, _THICKEST = 1.0, 9.0
_LONGEST_LABEL = 26


class Node(NamedTuple):
    """An actor on the circle."""

    id: str
    name: str
    shown: str
    """The name, shortened if it is long."""
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


class Edge(NamedTuple):
    """A curve between two actors."""

    path: str
    width: float
    source: str
    target: str
    title: str


class Drawing(NamedTuple):
    """A picture, in pixels. `left_out`: the number of actors that are not in it."""

    width: int
    height: int
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    left_out: int


def network(nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]]) -> Drawing:
    """Return the picture of a projected network, whose edges join actors."""
    chosen = sorted(nodes, key=lambda node: (-node["degree"], node["id"]))[:MOST_NODES]
    ordered = _around(chosen, edges)
    places = {}
    for place, node in enumerate(ordered):
        angle = 2 * math.pi * place / len(ordered) - math.pi / 2
        places[node["id"]] = _node(node, angle)
    heaviest = max((edge["weight"] for edge in edges), default=1) or 1
    drawn = [
        _edge(places[edge["source"]], places[edge["target"]], edge["weight"] / heaviest)
        for edge in edges
        if edge["source"] in places and edge["target"] in places
    ]
    return Drawing(WIDTH, HEIGHT, [*places.values()], drawn, len(nodes) - len(chosen))


def _around(nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the actors in their order on the circle: each beside the one with which it has the most to do."""
    waiting = {node["id"]: node for node in nodes}
    weights: dict[tuple[str, str], float] = {}
    for edge in edges:
        weights[edge["source"], edge["target"]] = weights[edge["target"], edge["source"]] = edge["weight"]
    found: list[Mapping[str, Any]] = []
    while waiting:
        last = found[-1]["id"] if found else ""
        best = max(waiting, key=lambda each: (weights.get((last, each), 0.0), waiting[each]["degree"]))
        found.append(waiting.pop(best))
    return found


def _node(node: Mapping[str, Any], angle: float) -> Node:
    cosine, sine = math.cos(angle), math.sin(angle)
    name = node["name"]
    shown = name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1].rstrip()}…"
    anchor = "middle" if abs(cosine) < 0.15 else "start" if cosine > 0 else "end"
    return Node(
        node["id"],
        name,
        shown,
        round(WIDTH / 2 + _RADIUS * cosine, 1),
        round(HEIGHT / 2 + _RADIUS * sine, 1),
        round(WIDTH / 2 + _LABEL * cosine, 1),
        round(HEIGHT / 2 + _LABEL * sine + 4 + (8 * sine if anchor == "middle" else 0), 1),
        anchor,
    )


def _edge(one: Node, other: Node, share: float) -> Edge:
    bend_x, bend_y = (one.x + other.x + WIDTH) / 4, (one.y + other.y + HEIGHT) / 4
    path = f"M{one.x} {one.y}Q{bend_x:.1f} {bend_y:.1f} {other.x} {other.y}"
    width = round(_THINNEST + (_THICKEST - _THINNEST) * share, 1)
    return Edge(path, width, one.id, other.id, f"{one.name} – {other.name}")
