"""The form above a list: one field for each filter that people need, filled with what the address says."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.declaration.filters import From, To
from app.declaration.filters.filter import Compared
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.pages.names import DAYS, Named, Names, day_typed
from app.pages.visit import Visit
from app.resources import RESOURCES

_KIND_OF = {resource.table.name: resource.kind for resource in RESOURCES}
ACTORS = (Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON)
_FOR_PROGRAMS = frozenset(("topic_exact", "member_exact", "identifier", "updated_since", "uncited"))
"""Filters that only programs need. In an address they work on pages, too."""


class Choice(NamedTuple):
    """A field of the form."""

    name: str
    shape: str
    """`words` for a list of words, `day`, `record` for a name of a record, or `text`."""
    values: Sequence[str] = ()
    context: str = ""
    """The name of the vocabulary, if the field is a list of words."""
    words: Sequence[str] = ()
    records: Sequence[Named] = ()
    """The records that the address names."""
    kinds: Sequence[str] = ()


def choices(resource: Resource, visit: Visit, names: Mapping[str, Named]) -> list[Choice]:
    """Return the fields of the form of a collection. `names`: by id, the records that the address names."""
    found = []
    for name, each in resource.filters.items():
        if name in _FOR_PROGRAMS:
            continue
        values = visit.values(name)
        words = each.words if isinstance(each, Compared) else None
        if words is not None:
            found.append(Choice(name, "words", values, words.__name__, [word.value for word in words]))
        elif isinstance(each, (From, To)):
            found.append(Choice(name, "day", values))
        elif kinds := kinds_named(resource, name):
            records = [names.get(value) or Named(value, value, "") for value in values]
            shown = [each.name for each in records]
            found.append(Choice(name, "record", shown, records=records, kinds=[kind.value for kind in kinds]))
        else:
            found.append(Choice(name, "text", values))
    return found


def kinds_named(resource: Resource, name: str) -> Sequence[Kind]:
    """Return the kinds of the records whose ids a filter takes; none if it takes no ids."""
    each = resource.filters.get(name)
    return each.names(resource.table, _KIND_OF) if each is not None else ()


async def with_ids(visit: Visit, resource: Resource) -> tuple[list[tuple[str, str]], dict[str, Named]]:
    """Return the parameters of the address with ids in place of names, and by id the records named."""
    pairs: list[tuple[str, str]] = []
    records: dict[str, Named] = {}
    names = Names(visit)
    for name, value in visit.pairs:
        kinds = kinds_named(resource, name)
        if not kinds:
            pairs.append((name, day_typed(name, value) if name in DAYS else value))
            continue
        ids = []
        for piece in value.split(",") if name == "between" else [value]:
            found = await names.named(piece.strip(), kinds)
            if found is not None:
                records[found.id] = found
            ids.append(found.id if found is not None else piece.strip())
        pairs.append((name, ",".join(ids)))
    return pairs, records
