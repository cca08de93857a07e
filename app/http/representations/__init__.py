"""The response formats of records. To add one, add a file to this folder and an entry to REPRESENTATIONS."""

from app.http.representations.csv import Csv
from app.http.representations.json import Json
from app.http.representations.ndjson import Ndjson
from app.http.representations.representation import Page, Representation

__all__ = ["JSON", "NDJSON", "REPRESENTATIONS", "Page", "Representation", "offering"]

JSON, NDJSON = Json(), Ndjson()
REPRESENTATIONS: tuple[Representation, ...] = (JSON, Csv(), NDJSON)
"""All formats. The first one is sent if the client accepts all formats and prefers none."""


def offering(*forms: str) -> tuple[Representation, ...]:
    """Return the formats that offer at least one of these forms: `record`, `page`, `stream`."""
    return tuple(each for each in REPRESENTATIONS if not each.forms.isdisjoint(forms))
