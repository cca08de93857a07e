"""The response formats of records. To add one, add a file to this folder and an entry to REPRESENTATIONS."""

from app.http.representations.csv import Csv
from app.http.representations.json import Json
from app.http.representations.ndjson import Ndjson
from app.http.representations.representation import Page, Representation, WritesPages, WritesRecords, WritesStreams

__all__ = [
    "JSON",
    "NDJSON",
    "REPRESENTATIONS",
    "Page",
    "Representation",
    "WritesPages",
    "WritesRecords",
    "WritesStreams",
    "of_lists",
    "of_records",
    "of_streams",
]

JSON, NDJSON = Json(), Ndjson()
REPRESENTATIONS: tuple[Representation, ...] = (JSON, Csv(), NDJSON)
"""All formats. The first one is sent if the client accepts all formats and prefers none."""


def of_records() -> tuple[WritesRecords, ...]:
    """Return the formats of single records."""
    return tuple(each for each in REPRESENTATIONS if isinstance(each, WritesRecords))


def of_streams() -> tuple[WritesStreams, ...]:
    """Return the formats of whole lists."""
    return tuple(each for each in REPRESENTATIONS if isinstance(each, WritesStreams))


def of_lists() -> tuple[WritesPages | WritesStreams, ...]:
    """Return the formats of lists: those of pages and those of whole lists."""
    return tuple(each for each in REPRESENTATIONS if isinstance(each, (WritesPages, WritesStreams)))
