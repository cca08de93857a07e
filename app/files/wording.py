"""Puts records and lists into words, for formats that people read in programs of their own: calendars and feeds.

A record is the JSON object that the API shows, with its citations and topics if they were asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app import API_PATH

Record = Mapping[str, Any]

TITLES: Mapping[str, tuple[str, ...]] = {
    "action": ("of", "type"),
    "citation": ("record", "source"),
    "membership": ("of", "member", "status"),
    "participant": ("meeting", "person", "group", "organization", "country", "role"),
    "party": ("memorandum", "party", "role"),
    "position": ("person", "held_by", "title", "organization", "country"),
    "relation": ("memorandum", "type", "related"),
}
"""By kind of records without a name: the fields of which their title is made. The first with a value leads."""
_SAID = ("summary", "contribution", "note", "members", "date_note")
"""The fields with sentences of the registry's own."""
_FACTS = ("type", "status", "date", "since", "until", "published", "city", "country")
"""The fields of which the line of facts is made."""
_WORDS = frozenset({"type", "status", "role"})
"""The fields that hold a word of a vocabulary."""


class Quote(NamedTuple):
    """A passage that supports a record."""

    text: str
    source: str
    link: str | None
    """The source opened at the passage; None if it has no address."""

    def __str__(self) -> str:
        lines = [f"“{self.text}”", self.source, self.link]
        return "\n".join(line for line in lines if line)


def page_of(url: str) -> str:
    """Return the address of the page for people that shows what a URL of the API has as data."""
    path, mark, query = url.partition("?")
    root, _, rest = path.rpartition(f"{API_PATH}/")
    return f"{root}/{rest}{mark}{query}"


def title_of(record: Record) -> str:
    """Return the name of a record. If its kind has no names, a title of what it links: `Memorandum: signed`."""
    name = record.get("name") or (record["kind"] == "source" and record.get("title"))
    if name:
        return str(name)
    fields = TITLES.get(record["kind"]) or [field for field, value in record.items() if isinstance(value, Mapping)]
    head, *rest = [*_texts(record, fields)] or [record["id"]]
    return f"{head}: {', '.join(rest)}" if rest else head


def said_of(record: Record) -> str:
    """Return what the registry says of a record in sentences of its own; empty if it says nothing."""
    return "\n".join(_texts(record, _SAID))


def facts_of(record: Record) -> str:
    """Return the kind of a record, its dates and its place in one line, such as `meeting, talks, held, 2025-06-16`."""
    return ", ".join([in_words(record["kind"]), *_texts(record, _FACTS)])


def first_quote(record: Record) -> Quote | None:
    """Return the quote of the first citation of a record, or of the record itself if it is a citation; None without one."""
    citation = record if record["kind"] == "citation" else next(iter(record.get("citations") or ()), None)
    return Quote(citation["quote"], citation["source"]["name"], citation["link"]) if citation else None


def topics_of(record: Record) -> Sequence[Mapping[str, str]]:
    """Return the topics of a record, each with `id` and `name`."""
    return record.get("topics") or ()


def in_words(word: str) -> str:
    """Return a word of a vocabulary, or the name of a parameter, as people write it."""
    return word.replace("_", " ")


def list_in_words(plural: str, filters: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> str:
    """Return the title of a list, such as `Meetings: participant Belarus · from 2025-01-01 to 2025-12-31`.

    `filters`: the values of each filter. `names`: by id, the names of records that the values stand for.
    """
    window = " ".join(f"{word} {filters[name][0]}" for name, word in _WINDOW.items() if filters.get(name))
    others = [
        f"{in_words(name)} {' or '.join(_named(value, names) for value in values)}"
        for name, values in filters.items()
        if name not in _WINDOW
    ]
    # Some calendar programs show backslashes before the commas and semicolons of a calendar's name.
    told = " · ".join([*others, *([window] if window else [])])
    title = in_words(plural).capitalize()
    return f"{title}: {told}" if told else title


_WINDOW = {"date_from": "from", "date_to": "to"}


def _named(value: str, names: Mapping[str, str]) -> str:
    """Return the value of a filter with names in place of ids. Commas join the ids of a filter such as `between`."""
    several = value.split(",")
    return " and ".join(names[each] for each in several) if all(each in names for each in several) else value


def _texts(record: Record, fields: Sequence[str]) -> Iterator[str]:
    """Yield the values of those of the fields that have one, a reference as its name."""
    for field in fields:
        value = record.get(field)
        if isinstance(value, Mapping):
            yield value["name"]
        elif value:
            yield in_words(value) if field in _WORDS else str(value)
