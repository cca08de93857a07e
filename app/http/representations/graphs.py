"""The formats of programs that draw graphs."""

from app.http.representations.representation import Representation


class GraphMl(Representation):
    """GraphML, which Gephi, Cytoscape, yEd and graph libraries read."""

    name = "graphml"
    media_type = content_type = "application/graphml+xml"
    suffix = "graphml"


class Gexf(Representation):
    """GEXF, the format of Gephi."""

    name = "gexf"
    media_type = content_type = "application/gexf+xml"
    suffix = "gexf"
