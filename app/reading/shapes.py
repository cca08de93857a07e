"""The part of a request that decides which SQL is used (`Shape`), and the source of each read model field (`FieldPlan`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel

from app.declaration.filters import kinds_of
from app.declaration.model import AnyRef, Computed, Derived, OnDay, Part, Ref
from app.declaration.resource import ReferenceColumn, Resource
from app.domain.vocabulary import Kind


@dataclass(frozen=True)
class Shape:
    """Everything in a request on which its SQL statement depends."""

    kind: Kind
    fields: frozenset[str] | None = None
    include: tuple[str, ...] = ()
    filters: tuple[tuple[str, int], ...] = ()
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """What the additional columns of a table hold, in order: the `holds` of each `ExtraColumn`."""
    after: bool = False
    languages: int = 0
    """0: main names; 1: names in one language; 2: names in one of several languages, in order of preference."""
    purpose: str = "list"
    """The kind of statement: `one` (a record, read by the driver's method `by_id`), `some` (several records by their ids),
    `list`, `table` (a list in columns, such as CSV), `exchange` (only writable fields, without the empty ones), `count`, or
    `undated` (count the records without a date)."""


@dataclass(frozen=True)
class FieldPlan:
    """A field of a read model.

    `source` is the marker (`Part`, `Computed`, `OnDay`) that says where the value comes from. If it is None, the value is read
    from a column.
    """

    name: str
    annotation: Any
    nullable: bool
    source: Any
    writable: bool

    @property
    def refers(self) -> bool:
        """Whether the field is a reference, or an array of references."""
        return self.annotation in (Ref, AnyRef) or get_args(self.annotation)[:1] in ((Ref,), (AnyRef,))


def field_plans(resource: Resource) -> tuple[FieldPlan, ...]:
    """Return the fields of the read model in order, with all arrays (`Part`) at the end.

    Raises TypeError if a field may be null but its column may not, or the reverse. Also raises TypeError if the two databases
    write the values of a column differently.
    """
    plans = []
    for name, info in resource.model.model_fields.items():
        annotation, nullable = _without_none(info.annotation)
        source = next((mark for mark in info.metadata if isinstance(mark, (Part, Computed, OnDay))), None)
        writable = source is None or (isinstance(source, Part) and source.writable)
        writable = writable and not any(isinstance(mark, Derived) for mark in info.metadata)
        plan = FieldPlan(name, annotation, nullable, source, writable and name not in _KEPT_BY_THE_REGISTRY)
        if source is None and name != "kind":
            _refuse_unfaithful(resource, plan)
        plans.append(plan)
    return tuple(sorted(plans, key=lambda plan: isinstance(plan.source, Part)))


_KEPT_BY_THE_REGISTRY = ("version", "created_at", "updated_at")


def reference_type(annotation: Any) -> Any:
    """Return `Ref` or `AnyRef` if a field with this annotation refers to a record; otherwise None."""
    return next((each for each in (annotation, *get_args(annotation)) if each in (Ref, AnyRef)), None)


class ReferencePlan(NamedTuple):
    """A writable field that refers to records, or a member of the items of an array that does."""

    name: str
    allowed: tuple[Kind, ...]
    """The kinds of the records to which it may refer."""
    column: ReferenceColumn
    is_array: bool = False
    member: str = ""
    """The field of the objects in the array that has the id; empty if the field itself has the id or the ids."""


def reference_plans(resource: Resource, plans: Iterable[FieldPlan], kind_of: Mapping[str, Kind]) -> list[ReferencePlan]:
    """Return the references that clients may write to records of a resource.

    `kind_of`: by name of a table, the kind whose records it holds.
    """
    found = []
    for plan in plans:
        is_array = isinstance(plan.source, Part)
        item = get_args(plan.annotation)[0] if is_array else plan.annotation
        members = [""] if item in (Ref, AnyRef) else references_of(item) if is_array else []
        for member in members if plan.writable else ():
            column = resource.reference(f"{plan.name}.{member}" if member else plan.name)
            found.append(ReferencePlan(plan.name, kinds_of(column.column, kind_of), column, is_array, member))
    return found


def references_of(item: type[BaseModel]) -> list[str]:
    """Return the fields of an array's items that are references."""
    return [name for name, info in item.model_fields.items() if reference_type(info.annotation) is not None]


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        kept = [argument for argument in get_args(annotation) if argument is not type(None)]
        return kept[0], len(kept) < len(get_args(annotation))
    return annotation, False


def _refuse_unfaithful(resource: Resource, plan: FieldPlan) -> None:
    column = resource.table.c[column_name(plan)]
    is_day = plan.nullable and not column.nullable and "derive" in column.info
    if column.nullable and not plan.nullable and not column.info.get("list"):
        raise TypeError(f"{resource.title}.{plan.name} may be null in the database")
    if plan.nullable and not column.nullable and not is_day:
        raise TypeError(f"{resource.title}.{plan.name} is never null in the database")
    if isinstance(column.type, (sa.Float, sa.Numeric)) and not isinstance(column.type, sa.Integer):
        raise TypeError(f"{resource.title}.{plan.name}: the databases write floats differently")


def column_name(plan: FieldPlan) -> str:
    """Return the name of the column that holds the value of a field."""
    return f"{plan.name}_id" if plan.annotation in (Ref, AnyRef) else plan.name
