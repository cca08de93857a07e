"""Applies JSON Patch (RFC 6902) to the content of a record, and writes the difference between two contents as one.

A patch works on the record in the form of imports and exports: a reference is an id, and empty fields are left out. Arrays that
are empty are there, so that `add` to `/topics/-` works for the first topic, too.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import to_json

from app.declaration.model import POINTER_PATTERN
from app.declaration.validation import faults_in
from app.errors import Conflict, Invalid
from app.faults import Fault, summary
from app.writing.write_schema import ContentSchema, read_json

MAX_OPERATIONS = 500
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
    for place, operation in enumerate(operations):
        try:
            found = jsonpatch.apply_patch(found, [operation], in_place=True)
            if operation["op"] in ("copy", "move"):
                found = read_json(to_json(found))  # what is copied into itself grows deeper and larger with each operation
        except jsonpatch.JsonPatchTestFailed:
            detail = f"the test of {operation['path']!r} failed: something else is there now"
            raise Conflict(detail, faults=[Fault(detail, pointer=f"/{place}")]) from None
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, ValueError, TypeError, KeyError, IndexError):
            detail = f"there is no place {operation['path']!r} for {operation['op']} in the record as it is now"
            raise Invalid(detail, faults=[Fault(detail, pointer=f"/{place}/path")]) from None
        if not isinstance(found, dict):
            detail = "would make the record no object"
            raise Invalid(detail, faults=[Fault(detail, pointer=f"/{place}")])
    return dict(found)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON Patch that makes `after` of `before`."""
    import jsonpatch  # noqa: PLC0415 - few requests need it

    operations: list[dict[str, Any]] = jsonpatch.make_patch(dict(before), dict(after)).patch
    return operations
