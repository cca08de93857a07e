"""Lays out a record: its fields as facts, the records around it as tables, each with the citations that support it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.declaration.resource import CITED, Resource
from app.domain.vocabulary import Kind
from app.pages.resources import BY_KIND
from app.pages.words import vocabulary_of

Record = Mapping[str, Any]
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.COUNTRY: ("name", "official_name", "region", "subregion"),
    Kind.TOPIC: ("name", "broader"),
    Kind.SOURCE: ("title", "publisher", "published", "language"),
    Kind.ORGANIZATION: ("name", "type", "country", "parent"),
    Kind.PERSON: ("name", "summary"),
    Kind.POSITION: ("person", "held_by", "title", "organization", "country", "since", "until", "attested"),
    Kind.SERIES: ("name", "organization", "since", "until"),
    Kind.MEMBERSHIP: ("member", "of", "status", "since", "until"),
    Kind.MEETING: ("date", "name", "type", "city", "country", "status"),
    Kind.PARTICIPANT: ("person", "capacity", "organization", "country", "role", "meeting"),
    Kind.MEMORANDUM: ("date", "name", "type", "status"),
    Kind.PARTY: ("memorandum", "party", "role", "signatories"),
    Kind.RELATION: ("memorandum", "type", "related"),
    Kind.OUTCOME: ("date", "name", "type", "made_by", "made_to", "status"),
    Kind.ACTION: ("date", "type", "of", "meeting", "party", "note"),
    Kind.CITATION: ("record", "field", "quote", "source", "paragraph", "confidence"),
}
"""By kind, the fields that a table shows; those that are empty in all rows are left out."""
_COLUMNS_OF: Mapping[tuple[Kind, str], tuple[str, ...]] = {
    (Kind.PARTICIPANT, "person"): ("meeting", "capacity", "organization", "role"),
    (Kind.POSITION, "person"): ("title", "organization", "country", "since", "until", "attested"),
}
"""By kind and by the field that led to the records: the fields that their table shows, if not the same as elsewhere."""
INSTEAD = {"person": "group"}
"""By field, the field that a cell of a table shows if there is no value: a group takes the place of a person."""
BELOW = {"capacity": "contribution"}
"""By field, the field with sentences that a cell of a table shows below it."""
EXPECTED: Mapping[Kind, tuple[str, ...]] = {
    Kind.MEETING: ("date", "city", "country"),
    Kind.MEMORANDUM: ("date", "city"),
    Kind.OUTCOME: ("date",),
    Kind.ACTION: ("date",),
    Kind.SOURCE: ("published",),
    Kind.MEMBERSHIP: ("since",),
    Kind.POSITION: ("since",),
}
"""By kind, the fields where a reader looks for a value, so that the page says that there is none."""
_DATES = frozenset(
    (
        "date",
        "since",
        "until",
        "founded",
        "dissolved",
        "published",
        "retrieved",
        "period",
        "date_before",
        "date_after",
        "attested",
    )
)
_ADDRESSES = frozenset(("url", "website", "archive_url"))
_NOT_SHOWN = frozenset(
    (
        *("id", "kind", "version", "created_at", "updated_at"),
        *("name", "title", "sort_name", "names", "identifiers", "topics", "texts"),
    )
)
_LEADS = frozenset(("summary", "theme", "contribution", "note", "date_note"))
"""The fields with sentences, which stand before the facts."""


class Fact(NamedTuple):
    """A field of a record, its value, and the citations of this field."""

    field: str
    value: Any
    shape: str
    context: str
    citations: Sequence[Record]


class Table(NamedTuple):
    """Records around a record, or the records of a list."""

    name: str
    kind: Kind
    columns: Sequence[str]
    rows: Sequence[Record]
    more: str | None
    """The address of the list, if the table does not have all of it."""


def facts(record: Record) -> Iterator[Fact]:
    """Yield the facts of a record in the order of its fields."""
    resource = BY_KIND[record["kind"]]
    for name in resource.model.model_fields:
        if name in _NOT_SHOWN or name in _LEADS or name not in record or _is_said_elsewhere(name, record):
            continue
        value = record[name]
        if value in (None, [], "") and name not in EXPECTED.get(resource.kind, ()):
            continue
        yield fact(resource, record, name)


def leads(record: Record) -> Iterator[Fact]:
    """Yield the facts of a record that are sentences."""
    resource = BY_KIND[record["kind"]]
    return (fact(resource, record, name) for name in resource.model.model_fields if name in _LEADS and record.get(name))


def fact(resource: Resource, record: Record, name: str) -> Fact:
    """Return one field of a record, with the citations of this field."""
    return cell(record, name, resource.kind.value)._replace(
        citations=[each for each in record.get(CITED) or () if each["field"] == name]
    )


def cell(record: Record, name: str, kind: str) -> Fact:
    """Return one field of a record for a table, whose rows have their citations at their end."""
    value, vocabulary = record.get(name), vocabulary_of(kind, name)
    return Fact(name, value, shape(name, value, has_words=vocabulary is not None), vocabulary or "", ())


def shape(name: str, value: Any, *, has_words: bool) -> str:
    """Return how a template writes a value."""
    if value in (None, [], ""):
        return "gap"
    if isinstance(value, list):
        return "list"
    if name in _DATES:
        return "date"
    if name in _ADDRESSES:
        return "address"
    if name == "language":
        return "language"
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, Mapping):
        return "ref" if "id" in value and "name" in value else "parts"
    return "word" if has_words else "text"


def _is_said_elsewhere(name: str, record: Record) -> bool:
    """Whether another part of the page says what a field says.

    A date says the first and the last day that it can mean, a table whether it is complete, and a text its own language.
    """
    base, _, end = name.rpartition("_")
    return (end in ("start", "end", "coverage") and base in record) or (name == "language" and record["kind"] != Kind.SOURCE)


def of_itself(record: Record) -> list[Record]:
    """Return the citations that support a record as a whole: those of no field, and those of its name."""
    return [each for each in record.get(CITED) or () if each["field"] in (None, "name", "title", "names")]


def of_shown(record: Record, columns: Sequence[str]) -> list[Record]:
    """Return the citations that support a row of a table: those of the whole record and those of the fields shown."""
    return [each for each in record.get(CITED) or () if each["field"] is None or each["field"] in (*columns, "names", "name")]


def table(name: str, kind: Kind, rows: Sequence[Record], *, without: str = "", more: str | None = None) -> Table:
    """Return a table of records. `without`: the field that is the same in all rows, because it led to them."""
    wanted = [field for field in _COLUMNS_OF.get((kind, without), COLUMNS[kind]) if field != without]
    shown = [
        field
        for field in wanted
        if any(row.get(each) for row in rows for each in (field, INSTEAD.get(field), BELOW.get(field)) if each)
    ]
    return Table(name, kind, shown, rows, more)
