"""The part of a request that decides which SQL is used (`Shape`), and the source of each read model field (`FieldPlan`)."""

from dataclasses import dataclass
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import sqlalchemy as sa

from app.declaration.model import AnyRef, Computed, Derived, OnDay, Part, Ref
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind


class TableColumn(NamedTuple):
    """A column of a list in a tabular format such as CSV: a field, or one part of a reference."""

    name: str
    holds_list: bool = False
    """Whether the values in the column are JSON arrays."""
    parts: tuple[str, ...] = ()
    """If the arrays contain references: the parts of a reference (`id`, `name`). If they contain related records: the parts of
    these (`source.id`). The column is to be shown as one for each part."""


@dataclass(frozen=True)
class Shape:
    """Everything in a request on which its SQL statement depends."""

    kind: Kind
    fields: frozenset[str] | None = None
    include: tuple[str, ...] = ()
    filters: tuple[tuple[str, int], ...] = ()
    sort: tuple[str, ...] = ()
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
