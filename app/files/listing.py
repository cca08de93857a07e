"""The facts that a file states besides its records: the request, and the state of the registry."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.files.tables import TableColumn

LICENCE = "CC BY 4.0"
"""The licence of the registry's facts."""
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"


class Listing(NamedTuple):
    """What a file is about. It can be pickled, because it is sent to a worker process."""

    kind: str
    plural: str
    """The name of the collection, such as `meetings`."""
    record_id: str | None
    """The id of the record if the file is about a single one; None if it is about a list."""
    url: str
    """The URL of the request."""
    collection_url: str
    """The URL of the collection, below which each record has its own: `collection_url/id`."""
    language: str | None
    """The language asked for, BCP 47."""
    filters: Mapping[str, Sequence[str]]
    """The values of the filters, by the name of the filter."""
    options: Mapping[str, Any]
    """The values of the query parameters that formats declare in `parameters`."""
    columns: Sequence[TableColumn]
    """If the format is a table: its columns. Otherwise it is empty."""
    as_of: str
    """The position in the change log as of which the records were read, such as `907.1f0c9a3e`."""
    changed_at: str
    """When the newest change of the log was made, as an instant (RFC 3339). Empty if there is none."""
    id_host: str
    """The host name in the ids of calendars and feeds, from the settings."""
    added: frozenset[str] = frozenset()
    """The names of those filters that the request does not have, and that the format added."""
    names: Mapping[str, str] = {}
    """For a format with `tells_of_list`: by value of a filter that stands for a record, its name in the language asked for."""
    undated: int | None = None
    """For a file with `tells_of_list`: how many records match all filters but the window and have no date. None without one."""


Job = Callable[[Path, Path, Listing], None]
"""Makes a file: `job(lines, result, listing)`.

`lines` is a file with one JSON text per line: an array of cells if the format is a table, otherwise a record.
`result` is the file to write. A job reads line by line, so that its memory does not grow with the list.
"""
