"""Applies JSON Patch (RFC 6902) to the content of a record, and writes the difference between two contents as one.

A patch works on the record in the form of imports and exports: a reference is an id, and empty fields are left out. Arrays that
are empty are there, so that `add` to `/topics/-` works for the first topic, too.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from app.declaration.model import POINTER_PATTERN
from app.declaration.validation import faults_in
from app.errors import Conflict, Invalid
from app.faults import Fault, summary
from app.writing.write_schema import MAX_DEPTH, ContentSchema, is_deeper_than

MAX_OPERATIONS = 500
MAX_COPIED = 100_000
"""The maximum number of bytes that all copies and moves of a patch take together, because a copy into itself doubles."""
Pointer = Annotated[str, Field(pattern=POINTER_PATTERN, max_length=300)]


class PatchOperation(BaseModel):
    """One operation of a JSON Patch."""

    model_config = ConfigDict(extra="ignore")  # RFC 6902 says so of members that it does not define
    op: Annotated[Literal["add", "remove", "replace", "move", "copy", "test"], Field(description="what to do")]
    path: Annotated[Pointer, Field(description="where, as a JSON Pointer", examples=["/topics/-"])]
    value: Annotated[Any, Field(default=None, description="what to add, to put there or to compare with")]
    from_: Annotated[Pointer | None, Field(default=None, alias="from", description="from where to move or copy")]

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "PatchOperation":
        if self.op in ("add", "replace", "test") and "value" not in self.model_fields_set:
            raise ValueError(f"{self.op} needs a value")
        if self.op in ("move", "copy") and self.from_ is None:
            raise ValueError(f"{self.op} needs from, a JSON Pointer")
        return self


_OPERATIONS = TypeAdapter(Annotated[list[PatchOperation], Field(max_length=MAX_OPERATIONS)])


def patched(schema: ContentSchema, content: Mapping[str, Any], operations: Sequence[Any]) -> dict[str, Any]:
    """Return the content after the operations, to be validated as a whole.

    Raises Invalid if an operation is none or leads to nothing, and Conflict if a `test` fails. The fault points at the
    operation.
    """
    import jsonpatch  # noqa: PLC0415 - few requests need it

    try:
        _OPERATIONS.validate_python(operations)
    except ValidationError as error:
        faults = faults_in(error)
        raise Invalid(summary(faults), faults=faults) from None
    found: Any = {**{name: [] for name in schema.arrays}, **deepcopy(dict(content))}
    copied = 0
    for place, operation in enumerate(operations):
        fields = [(name, operation[name].split("/")[1]) for name in ("path", "from") if operation.get(name)]
        for name, field in fields:
            if field not in schema.names:
                raise _refused(place, name, f"there is no such field: {field[:60]!r}")
        try:
            if operation["op"] in ("copy", "move"):
                copied += _size_of_copy(found, operation, place)
                if copied > MAX_COPIED:
                    raise _refused(place, "from", f"copies and moves more than {MAX_COPIED} bytes in all")
            found = jsonpatch.apply_patch(found, [operation], in_place=True)
        except jsonpatch.JsonPatchTestFailed:
            detail = f"the test of {operation['path']!r} failed: something else is there now"
            raise Conflict(detail, faults=[Fault(detail, pointer=f"/{place}")]) from None
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, IndexError):
            told = f"there is no place {operation['path']!r} for {operation['op']} in the record as it is now"
            raise _refused(place, "path", told) from None
        if not isinstance(found, dict):
            raise _refused(place, "path", "would make the record no object")
    return dict(found)


def _size_of_copy(found: Any, operation: Mapping[str, Any], place: int) -> int:
    """Return how many bytes a copy or a move takes. Raises Invalid if it leads from nowhere, into itself or too deep."""
    import jsonpointer  # noqa: PLC0415 - few requests need it

    start, path = operation["from"], operation["path"]
    if operation["op"] == "move" and path.startswith(f"{start}/"):
        raise _refused(place, "path", f"lies within {start!r}, which would be moved")
    try:
        value = jsonpointer.resolve_pointer(found, start)
    except (jsonpointer.JsonPointerException, TypeError):
        raise _refused(place, "from", f"there is no place {start!r} in the record as it is now") from None
    if isinstance(value, (dict, list)) and is_deeper_than(value, MAX_DEPTH - path.count("/")):
        raise _refused(place, "path", "would nest the record too deep")
    return len(json.dumps(value))


def _refused(place: int, member: str, told: str) -> Invalid:
    return Invalid(told, faults=[Fault(told, pointer=f"/{place}/{member}")])


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON Patch that makes `after` of `before`."""
    import jsonpatch  # noqa: PLC0415 - few requests need it

    operations: list[dict[str, Any]] = jsonpatch.make_patch(dict(before), dict(after)).patch
    return operations
