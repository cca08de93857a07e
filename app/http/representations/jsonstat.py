"""The JSON-stat format: a dataset whose dimensions and categories statistical programs know how to read."""

from app.http.representations.representation import Representation


class JsonStat(Representation):
    """JSON-stat 2.0. It has the media type of JSON, so that a client gets it only by the parameter `format`."""

    name = "jsonstat"
    media_type = content_type = "application/json"
