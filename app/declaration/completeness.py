"""Checks at startup that all resources are declared completely. Each error message names what is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from app.declaration.filters import Equals
from app.declaration.model import Computed, OnDay, Part
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import IncompleteDeclaration


def require_complete(resources: Sequence[Resource]) -> None:
    """Raise IncompleteDeclaration unless every kind has a resource that agrees with its table and its model."""
    declared = {resource.kind for resource in resources}
    faults = [f"the kind {kind.value!r} has no resource: add it to RESOURCES" for kind in Kind if kind not in declared]
    if [resource.kind for resource in resources] != sorted(declared, key=list(Kind).index):
        faults.append("RESOURCES is not in the order of Kind")
    for resource in resources:
        for found in (_of_fields, _of_names, _of_parameters, _of_filters, _of_links):
            faults += [f"{resource.title}: {fault}" for fault in found(resource)]
    faults += _of_includes({resource.kind: resource for resource in resources})
    if faults:
        raise IncompleteDeclaration("; ".join(faults))


def _of_fields(resource: Resource) -> Iterator[str]:
    """Yield a message for each field without a column, and for each column without a field."""
    table, model = resource.table, resource.model
    fields = {
        name
        for name, info in model.model_fields.items()
        if name != "kind" and not any(isinstance(mark, (Part, Computed, OnDay)) for mark in info.metadata)
    }
    for name in fields:
        if name not in table.c and f"{name}_id" not in table.c:
            yield f"the field {name!r} has no column in the table {table.name!r}"
    for column in table.c:
        stands_for = column.name.removesuffix("_id").removesuffix("_kind")
        if not {column.name, stands_for}.isdisjoint(fields) or column.computed is not None or "derive" in column.info:
            continue
        yield f"the column {column.name!r} of the table {table.name!r} has no field"


def _of_names(resource: Resource) -> Iterator[str]:
    """Yield a message for each field that the declaration names but the model does not have."""
    searched = resource.searched
    named: dict[str, Iterable[str]] = {
        "actors": (actor.field for actor in resource.actors),
        "occasion": [resource.occasion],
        "dated_by": [resource.dated_by],
        "sides": [resource.sides.field] if resource.sides else [],
        "natural_key": (each for name in resource.natural_key for each in resource.key_parts.get(name, (name,))),
        "searched": (*searched.names, *searched.titles, *searched.texts, searched.date) if searched else (),
    }
    for what, names in named.items():
        for name in filter(None, (each.partition(".")[0] for each in names)):
            if name not in resource.model.model_fields:
                yield f"{what} names the field {name!r}, which it does not have"


def _of_parameters(resource: Resource) -> Iterator[str]:
    """Yield a message for each fault in `formerly`, `default_sort` and `sorts`.

    `formerly` must convert the fields of earlier releases to fields of the model. The columns of `sorts` must never be null.
    """
    for name, formerly in resource.formerly.items():
        for today in formerly(None):
            if today not in resource.model.model_fields:
                yield f"formerly turns {name!r} into the field {today!r}, which it does not have"
    if resource.default_sort.removeprefix("-") not in resource.sorts:
        yield f"default_sort is {resource.default_sort!r}, which is not among its sorts"
    for name, sort in resource.sorts.items():
        if sort.ascending.nullable or sort.descending.nullable:
            yield f"the sort {name!r} needs a column that is never null, such as name_key or date_start"


def _of_filters(resource: Resource) -> Iterator[str]:
    """Yield a message for each filter that does not fit the table, or that is declared for another kind of record."""
    for name, filter_ in resource.filters.items():
        column = getattr(filter_, "column", "")
        if column and column not in resource.table.c:
            yield f"the filter {name!r} asks for the column {column!r}, which the table {resource.table.name!r} does not have"
        elif isinstance(filter_, Equals) and not isinstance(resource.table.c[column].type, sa.String):
            yield f"the filter {name!r} asks for the column {column!r}, which holds no text: filters compare texts"
        if (kind := getattr(filter_, "kind", resource.kind)) is not resource.kind:
            yield f"the filter {name!r} is of another kind: {kind}"


def _of_includes(resources: Mapping[Kind, Resource]) -> Iterator[str]:
    """Yield a message for each include whose reference field (`through`) does not exist in the related kind."""
    for resource in resources.values():
        for name, include in resource.includes.items():
            related = resources.get(include.kind)
            if related is not None and not _is_reference(related, include.through):
                yield f"{resource.title}: the include {name!r} goes through {include.through!r}, which no {include.kind} has"


def _of_links(resource: Resource) -> Iterator[str]:
    """Yield a message for each field in `actors`, `occasion` or `dated_by` that is not a reference.

    Also yield a message if the table lacks a date that the declaration needs. `dated_by` needs a date in the table, and so do
    actors if no `occasion` is declared.
    """
    columns = resource.table.c
    for name in (*(actor.field for actor in resource.actors), resource.occasion, resource.dated_by):
        if name.partition(".")[0] in resource.model.model_fields and not _is_reference(resource, name):
            yield f"{name!r} must be a reference, because it says who is involved or when"
    if resource.dated_by and "date_start" not in columns:
        yield f"dated_by is {resource.dated_by!r}, but the table {resource.table.name!r} has no date"
    if resource.actors and not resource.occasion and "date_start" not in columns and "since_start" not in columns:
        yield f"its actors need a date: make the table {resource.table.name!r} Dated or Lasting, or name an occasion"


def _is_reference(resource: Resource, path: str) -> bool:
    """Whether the kind has this reference, see `Resource.reference`."""
    try:
        resource.reference(path)
    except KeyError:
        return False
    return True
