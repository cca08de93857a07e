"""The response formats of records. To add one, add a file to this folder and an entry to REPRESENTATIONS."""

from app.domain.vocabulary import Kind
from app.http.representations.atom import Atom
from app.http.representations.csv import Csv
from app.http.representations.events import Events
from app.http.representations.feed import WritesFeeds
from app.http.representations.ics import Ics
from app.http.representations.json import Json
from app.http.representations.jsonfeed import JsonFeed
from app.http.representations.ndjson import Ndjson
from app.http.representations.representation import (
    Page,
    Representation,
    WritesFiles,
    WritesPages,
    WritesRecords,
    WritesStreams,
)
from app.http.representations.xlsx import Xlsx

__all__ = [
    "ATOM",
    "EVENTS",
    "JSON",
    "JSON_FEED",
    "NDJSON",
    "REPRESENTATIONS",
    "OfLists",
    "OfRecords",
    "Page",
    "Representation",
    "WritesFeeds",
    "WritesFiles",
    "WritesPages",
    "WritesRecords",
    "WritesStreams",
    "Xlsx",
    "of_lists",
    "of_records",
    "of_whole_lists",
]

OfRecords = WritesRecords | WritesFiles
OfLists = WritesPages | WritesStreams | WritesFiles
JSON, NDJSON = Json(), Ndjson()
ATOM, JSON_FEED = Atom(), JsonFeed()
EVENTS = Events()
"""The format of a stream of changes."""
REPRESENTATIONS: tuple[Representation, ...] = (JSON, Csv(), NDJSON, Xlsx(), ATOM, JSON_FEED, Ics())
"""All formats. The first one is sent if the client accepts all formats and prefers none."""


def of_records(kind: Kind) -> tuple[OfRecords, ...]:
    """Return the formats of single records of a kind."""
    return tuple(
        each
        for each in REPRESENTATIONS
        if each.exists_for(kind) and (isinstance(each, WritesRecords) or (isinstance(each, WritesFiles) and each.of_records))
    )


def of_whole_lists(kind: Kind) -> tuple[WritesStreams | WritesFiles, ...]:
    """Return the formats of whole lists of records of a kind."""
    return tuple(
        each
        for each in REPRESENTATIONS
        if each.exists_for(kind) and (isinstance(each, WritesStreams) or (isinstance(each, WritesFiles) and each.of_lists))
    )


def of_lists(kind: Kind) -> tuple[OfLists, ...]:
    """Return the formats of lists of records of a kind: those of pages and those of whole lists."""
    whole = of_whole_lists(kind)
    return tuple(each for each in REPRESENTATIONS if each in whole or (isinstance(each, WritesPages) and each.exists_for(kind)))
