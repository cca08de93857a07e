"""What the pages know of the kinds of records: the declarations by kind and by collection, and to which kind a field refers."""

from app.declaration.filters.filter import kinds_of
from app.domain.vocabulary import Kind
from app.resources import RESOURCES

BY_PLURAL = {resource.plural: resource for resource in RESOURCES}
BY_KIND = {resource.kind.value: resource for resource in RESOURCES}
_KIND_OF_TABLE = {resource.table.name: resource.kind for resource in RESOURCES}


def _kind_of_field() -> dict[str, str]:
    found: dict[str, set[Kind]] = {}
    for resource in RESOURCES:
        for name in resource.model.model_fields:
            try:
                column = resource.reference(name).column
            except KeyError:
                continue
            found.setdefault(name, set()).update(kinds_of(column, _KIND_OF_TABLE))
    return {name: next(iter(kinds)).value for name, kinds in found.items() if len(kinds) == 1}


KIND_OF_FIELD = _kind_of_field()
"""By name of a field, the kind of the records to which it refers, if all fields of this name refer to one kind."""
