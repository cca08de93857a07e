"""The forms of a network: the answer in JSON, a table of edges, and files for programs that draw graphs: GraphML and GEXF."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from xml.sax.saxutils import escape

from pydantic import BaseModel, Field

from app.domain.texts import xml_text
from app.domain.vocabulary import Kind
from app.reading.names import Called
from app.views.network import KINDS, MAX_EDGES, MAX_IDS, SAMPLED, Network, Wanted

WEIGHT = (
    "The weight of an edge between actors is the sum of 1/(n - 1) over their records, n being the number of actors of a record:"
    " talks of two add 1, a forum of a hundred 1/99."
)
OF_SIDES = "A country is involved also through its bodies and people, an organization also through its parts."
DAYS = (
    "`first_day` is the earliest day that the date of the first record can mean, `last_day` the latest day that the date of the"
    " newest record can mean."
)


class NetworkNode(BaseModel):
    """An actor or a record."""

    id: Annotated[str, Field(description="the record's id", examples=["BY"])]
    kind: Kind
    name: Annotated[str, Field(description="its name in the language asked for", examples=["Belarus"])]
    degree: Annotated[int, Field(description="the number of its edges")]


class NetworkEdge(BaseModel):
    """What joins two nodes."""

    source: Annotated[str, Field(description="the id of an actor", examples=["BY"])]
    target: Annotated[str, Field(description="the id of a record; with `project=true` of another actor", examples=["CN"])]
    weight: Annotated[float, Field(description="1; with `project=true` the sum of 1/(n - 1) over records of n actors")]
    count: Annotated[int, Field(description="the number of records that it stands for")]
    first_day: Annotated[str | None, Field(description="the first day of the earliest record; null if all are undated")]
    last_day: Annotated[str | None, Field(description="the last day of the newest record")]
    ids: Annotated[
        list[str] | None,
        Field(
            description=f"the ids of the newest records, at most {MAX_IDS}; null if the edges stand for more than {SAMPLED}"
            " records together, `link` leads to all of them in any case"
        ),
    ]
    link: Annotated[str, Field(description="the record, or the list of the records")]


class NetworkAnswer(BaseModel):
    """A network as nodes and edges, as graph libraries read it."""

    directed: bool
    multigraph: bool
    of: Annotated[str, Field(description="what joins the actors", examples=["meetings"])]
    actors: Annotated[str, Field(description="who the actors are", examples=["countries"])]
    projected: Annotated[bool, Field(description="whether edges join actors with one another")]
    nodes: list[NetworkNode]
    edges: Annotated[list[NetworkEdge], Field(description=f"at most {MAX_EDGES}")]
    records: Annotated[int, Field(description="how many records the filters leave")]
    undated: Annotated[
        int,
        Field(
            description="how many records without a date there are: among `records`, or with `date_from` or `date_to` besides"
            " them, because no window has these"
        ),
    ]
    notes: Annotated[list[str], Field(description="how edges are made")]
    as_of: Annotated[str, Field(description="the end of the change log when they were made", examples=["907.1f0c9a3e"])]


class Drawn(NamedTuple):
    """A network with names and links, of plain values, so that another process can write it as a file."""

    title: str
    as_of: str
    notes: Sequence[str]
    nodes: Sequence[tuple[str, str, str, int]]
    """(id, kind, name, degree)."""
    edges: Sequence[tuple[str, str, float, int, str | None, str | None, Sequence[str] | None, str]]
    """(source, target, weight, records, first day, last day, ids, link)."""


def drawn(wanted: Wanted, network: Network, names: Mapping[str, Called], *, where: str, as_of: str) -> Drawn:
    """Return a network with names and links. `where`: what stands before the path of each link."""
    kind = KINDS[wanted.actors]
    nodes = []
    for node, degree in network.degrees().items():
        # A record that was deleted after the network was counted has no name any more.
        called = names.get(node, Called(kind, node))
        nodes.append((node, str(called.kind), called.name, degree))
    edges = [(*edge, f"{where}{_address(wanted, edge.source, edge.target)}") for edge in network.edges or ()]
    title = f"{wanted.counted.plural} of {wanted.actors}"
    return Drawn(title, as_of, notes(wanted), nodes, edges)


def _address(wanted: Wanted, source: str, target: str) -> str:
    if wanted.project:
        return wanted.selection.address(wanted.counted, actors=(source, target))
    return f"{wanted.counted.resource.path}/{target}"


def notes(wanted: Wanted) -> list[str]:
    """Return how edges are made, in sentences."""
    found = [WEIGHT, "Records of one actor have no edge."] if wanted.project else []
    if wanted.project and wanted.actors == "organizations":
        found.append("An organization has no edge to its own parts.")
    return [*found, OF_SIDES, DAYS]


_EDGE = ("source", "target", "weight", "count", "first_day", "last_day", "ids", "link")
_NODE = ("id", "kind", "name", "degree")


def answer(wanted: Wanted, network: Network, graph: Drawn) -> dict[str, Any]:
    """Return the fields of `NetworkAnswer`."""
    return {
        "directed": False,
        "multigraph": False,
        "of": wanted.counted.plural,
        "actors": wanted.actors,
        "projected": wanted.project,
        "nodes": [dict(zip(_NODE, node, strict=True)) for node in graph.nodes],
        "edges": [dict(zip(_EDGE, edge, strict=True)) for edge in graph.edges],
        "records": network.records,
        "undated": network.undated,
        "notes": graph.notes,
        "as_of": graph.as_of,
    }


def table(graph: Drawn) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the names of the columns, and a row for each edge."""
    names = {node: (kind, name) for node, kind, name, _ in graph.nodes}
    head = [f"{end}.{part}" for end in ("source", "target") for part in ("id", "kind", "name")]

    def rows() -> Iterator[list[Any]]:
        for source, target, weight, records, first, last, ids, link in graph.edges:
            ends = [source, *names[source], target, *names[target]]
            yield [*ends, weight, records, first, last, "; ".join(ids or ()), link]

    return [*head, *_EDGE[2:]], rows()


# -- files for programs that draw graphs -----------------------------------------------------------------------------------

_TYPES = {"kind": "string", "name": "string", "degree": "int"}
_EDGE_TYPES = {"count": "int", "first_day": "string", "last_day": "string", "ids": "string", "link": "string"}
_QUOTED = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def _xml(value: object) -> str:
    return escape(xml_text(str(value)), _QUOTED)


def graphml(graph: Drawn) -> bytes:
    """Return a network in GraphML (http://graphml.graphdrawing.org/specification.html)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(_key("graph", name, "string") for name in ("title", "as_of", "notes")),
        *(_key("node", name, kind) for name, kind in _TYPES.items()),
        *(_key("edge", name, kind) for name, kind in {"weight": "double", **_EDGE_TYPES}.items()),
        '<graph id="network" edgedefault="undirected">',
        *_data("graph", {"title": graph.title, "as_of": graph.as_of, "notes": " ".join(graph.notes)}),
    ]
    for node, *values in graph.nodes:
        lines += [f'<node id="{_xml(node)}">', *_data("node", dict(zip(_TYPES, values, strict=True))), "</node>"]
    for source, target, *values in graph.edges:
        found = _values_of(_EDGE[2:], values)
        lines += [f'<edge source="{_xml(source)}" target="{_xml(target)}">', *_data("edge", found), "</edge>"]
    return "\n".join([*lines, "</graph>", "</graphml>", ""]).encode()


def _values_of(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return the values of an edge by their names, the ids as one text with blanks between them."""
    found = dict(zip(names, values, strict=True))
    return found | {"ids": " ".join(found["ids"]) if found["ids"] else None}


def _key(of: str, name: str, kind: str) -> str:
    return f'<key id="{of}_{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>'


def _data(of: str, values: Mapping[str, Any]) -> Iterator[str]:
    return (f'<data key="{of}_{name}">{_xml(value)}</data>' for name, value in values.items() if value is not None)


def gexf(graph: Drawn) -> bytes:
    """Return a network in GEXF 1.2 (https://gexf.net), the newest version that all programs read."""
    about = _xml(f"{graph.title}, as of {graph.as_of}. {' '.join(graph.notes)}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">',
        f"<meta><creator>Rapporteur</creator><description>{about}</description></meta>",
        '<graph mode="static" defaultedgetype="undirected">',
        *_attributes("node", {name: kind for name, kind in _TYPES.items() if name != "name"}),
        *_attributes("edge", _EDGE_TYPES),
        "<nodes>",
    ]
    for node, kind, name, degree in graph.nodes:
        lines += [f'<node id="{_xml(node)}" label="{_xml(name)}">', *_values({"kind": kind, "degree": degree}), "</node>"]
    lines += ["</nodes>", "<edges>"]
    for place, (source, target, weight, *values) in enumerate(graph.edges):
        found = _values_of(_EDGE[3:], values)
        ends = f'source="{_xml(source)}" target="{_xml(target)}"'
        lines += [f'<edge id="{place}" {ends} weight="{weight}">', *_values(found), "</edge>"]
    return "\n".join([*lines, "</edges>", "</graph>", "</gexf>", ""]).encode()


def _attributes(of: str, types: Mapping[str, str]) -> Iterator[str]:
    yield f'<attributes class="{of}">'
    for name, kind in types.items():
        yield f'<attribute id="{name}" title="{name}" type="{"integer" if kind == "int" else kind}"/>'
    yield "</attributes>"


def _values(values: Mapping[str, Any]) -> Iterator[str]:
    yield "<attvalues>"
    yield from (f'<attvalue for="{name}" value="{_xml(value)}"/>' for name, value in values.items() if value is not None)
    yield "</attvalues>"
