"""The form above a list: one field for each filter that people need, filled with what the address says."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
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
BETWEEN = "between"
_JOINTS = re.compile("[,;]")
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


def choices(resource: Resource, visit: Visit, named: Mapping[str, Sequence[Named]]) -> list[Choice]:
    """Return the fields of the form of a collection. `named`: by parameter, the records that the address names."""
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
            records = named[name] or [Named(value, value, "") for value in values]
            shown = [each.name for each in records]
            found.append(Choice(name, "record", shown, records=records, kinds=[kind.value for kind in kinds]))
        else:
            found.append(Choice(name, "text", values))
    return found


def kinds_named(resource: Resource, name: str) -> Sequence[Kind]:
    """Return the kinds of the records whose ids a filter takes; none if it takes no ids."""
    each = resource.filters.get(name)
    return each.names(resource.table, _KIND_OF) if each is not None else ()


async def named_in(
    visit: Visit, kinds_of: Mapping[str, Sequence[Kind]], *, joined: Container[str] | None = None
) -> tuple[list[tuple[str, str]], dict[str, list[Named]]]:
    """Return the parameters with ids in place of names, and by parameter the records that it names.

    `kinds_of`: by parameter that names records, their kinds. `joined`: those whose values may be several names with commas
    between them, as in the API; all if it is None.
    """
    records: dict[str, list[Named]] = {name: [] for name in kinds_of}
    pairs: list[tuple[str, str]] = []
    names = Names(visit)
    for name in dict.fromkeys(name for name, _ in visit.pairs):
        values = visit.values(name)
        if name not in kinds_of:
            pairs += [(name, day_typed(name, value) if name in DAYS else value) for value in values]
            continue
        ids = []
        for typed in several(values) if joined is None or name in joined else values:
            found = await names.named(name, typed, kinds_of[name])
            if found is not None:
                records[name].append(found)
            ids.append(found.id if found is not None else typed)
        # A form has a field for each of several actors; the API takes all of them in one parameter.
        pairs += [(name, ",".join(ids))] if name == BETWEEN else [(name, each) for each in ids]
    return pairs, records


def several(values: Iterable[str]) -> Iterator[str]:
    """Yield the names in values that commas or semicolons may join."""
    return (piece.strip() for value in values for piece in _JOINTS.split(value) if piece.strip())
