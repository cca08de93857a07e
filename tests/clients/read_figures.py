"""Reads the figures of a folder with networkx and jsonstat-validator, and prints what networkx sees as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import networkx as nx
from jsonstat_validator import validate_jsonstat


def seen(graph: Any, name: str) -> dict[str, Any]:
    """The nodes and edges of a graph. `name`: the attribute with the names of nodes."""
    nodes = {node: [values[name], values["kind"], values["degree"]] for node, values in graph.nodes(data=True)}
    edges = [[*sorted(ends), values["weight"], values["count"]] for *ends, values in graph.edges(data=True)]
    return {"directed": graph.is_directed(), "nodes": nodes, "edges": sorted(edges)}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for path in sorted(folder.glob("*.jsonstat.json")):
        validate_jsonstat(json.loads(path.read_text(encoding="utf-8")))
    told = {}
    for path in sorted(folder.glob("*.network.json")):
        name = path.name.removesuffix(".network.json")
        told[name] = {
            "json": seen(nx.node_link_graph(json.loads(path.read_text(encoding="utf-8")), edges="edges"), "name"),
            "graphml": seen(nx.read_graphml(folder / f"{name}.graphml"), "name"),
            "gexf": seen(nx.read_gexf(folder / f"{name}.gexf"), "label"),
        }
    json.dump(told, sys.stdout)
