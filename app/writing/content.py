"""A record's content: what is written of it, checked at the border, in the one form that log and exchange share."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args
from uuid import UUID, uuid5

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from app.models.vocabulary import Kind
from app.reading.compiler import FieldPlan, column_name
from app.reading.model import AnyRef, Computed, Derived, Id, OnDay, Part, Ref
from app.reading.resource import Resource

NAMESPACE = UUID("6f1d8f0e-6b1c-5c57-9d1b-3a4f4f7d2b11")
"""Of the ids that an import derives from natural keys. It must never change."""
MAX_ITEMS = 500


def _id_of(value: Any) -> Any:
    """A reference is written as its id, or as it was read: the object with the id."""
    return value.get("id") if isinstance(value, Mapping) else value


Reference = Annotated[Id, BeforeValidator(_id_of)]


class Fault(Exception):
    """What is wrong with one field of a record."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}" if pointer else detail)
        self.pointer = pointer
        self.detail = detail


class ContentSchema:
    """What may be written of a resource's records, derived from its read model."""

    def __init__(self, resource: Resource, plans: Iterable[FieldPlan], kinds: Mapping[str, Kind]) -> None:
        self.resource = resource
        self.plans = [plan for plan in plans if plan.written]
        written = {plan.name for plan in self.plans}
        self.ignored = frozenset(resource.model.model_fields) - written | frozenset(resource.includes) - {"citations"}
        self.model = self._model()
        self.references = self._references(kinds)
        """Fields that refer to records: (field, whether it is an array, kinds allowed)."""

    def _model(self) -> type[BaseModel]:
        fields: dict[str, Any] = {"id": (Id | None, None)}
        for plan in self.plans:
            info = self.resource.model.model_fields[plan.name]
            if plan.name == "id":
                continue
            if plan.name == "kind":
                fields["kind"] = (Literal[self.resource.kind.value], ...)
                continue
            default = ... if info.is_required() else info.default
            if isinstance(plan.source, Part):
                item = get_args(plan.annotation)[0]
                item = Reference if item is Ref else item
                fields[plan.name] = (Annotated[list[item], Field(max_length=MAX_ITEMS)], [])  # type: ignore[valid-type]
            elif plan.annotation in (Ref, AnyRef):
                fields[plan.name] = (Reference | None, None) if plan.nullable else (Reference, ...)
            else:
                marks = [mark for mark in info.metadata if not isinstance(mark, (Derived, Computed, OnDay, Part))]
                annotation: Any = info.annotation
                for mark in marks:
                    annotation = Annotated[annotation, mark]
                fields[plan.name] = (annotation, [] if default == () else default)
        return create_model(f"{self.resource.title}Content", __config__=ConfigDict(extra="forbid"), **fields)

    def _references(self, kinds: Mapping[str, Kind]) -> list[tuple[str, bool, tuple[Kind, ...]]]:
        found = []
        for plan in self.plans:
            if isinstance(plan.source, Part):
                if get_args(plan.annotation)[0] is Ref:
                    found.append((plan.name, True, _target(plan.source.table.c[plan.source.columns[0]], kinds)))
            elif plan.annotation in (Ref, AnyRef):
                found.append((plan.name, False, _target(self.resource.table.c[column_name(plan)], kinds)))
        return found

    def check(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """The content in the model's order, what is empty left out; or what is wrong with it."""
        kept = {name: value for name, value in data.items() if name not in self.ignored}
        try:
            checked = self.model.model_validate(kept)
        except ValidationError as error:
            return {}, [
                Fault(
                    "/" + "/".join(str(part) for part in entry["loc"] if not str(part).startswith("function-")),
                    entry["msg"].removeprefix("Value error, "),
                )
                for entry in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        dumped = checked.model_dump(mode="json")
        content = {"kind": self.resource.kind.value, "id": dumped["id"]}
        for plan in self.plans:
            value = dumped[plan.name]
            if plan.name not in content and value not in (None, False, [], ()):
                content[plan.name] = value
        faults = [Fault(f"/{field}" if field else "", fault) for rule in self.resource.rules for field, fault in rule(content)]
        if content["id"] is None and not faults:
            if not self.resource.natural_key:
                faults.append(Fault("/id", f"a {self.resource.kind} needs an id"))
            else:
                content["id"] = self.derived_id(content)
        return content, faults

    def derived_id(self, content: Mapping[str, Any]) -> str:
        """The id of a link record that came without one: the same for the same natural key, everywhere."""
        key = [self.resource.kind.value, *(content.get(name) for name in self.resource.natural_key)]
        return str(uuid5(NAMESPACE, json.dumps(key, ensure_ascii=False)))


def _target(column: sa.Column[Any], kinds: Mapping[str, Kind]) -> tuple[Kind, ...]:
    """The kinds that a column may refer to."""
    if "kinds" in column.info:
        return tuple(column.info["kinds"])
    (key,) = column.foreign_keys
    return (kinds[key.column.table.name],)


def text_of(content: Mapping[str, Any]) -> str:
    """A content as one line of the exchange format, equal to the byte to what the databases write."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
