"""The formats in which records are answered. A new one is a file beside these and a line in REPRESENTATIONS."""

from app.http.representations.csv import Csv
from app.http.representations.json import Json
from app.http.representations.ndjson import Ndjson
from app.http.representations.representation import Page, Representation

__all__ = ["JSON", "NDJSON", "REPRESENTATIONS", "Page", "Representation", "offering"]

JSON, NDJSON = Json(), Ndjson()
REPRESENTATIONS: tuple[Representation, ...] = (JSON, Csv(), NDJSON)
"""All formats; the first is sent where the client accepts anything."""


def offering(*forms: str) -> tuple[Representation, ...]:
    """The formats that write one of these forms: `record`, `page`, `stream`."""
    return tuple(each for each in REPRESENTATIONS if not each.forms.isdisjoint(forms))
