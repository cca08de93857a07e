"""The schema of the data that clients may write, and a strict JSON parser.

The content of a record is its own fields, in the form in which the change log stores them.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import to_json

from app.declaration.model import AnyRef, Computed, Derived, Flag, Id, Naming, OnDay, Part, Ref
from app.declaration.resource import Resource
from app.declaration.validation import faults_in
from app.domain.vocabulary import Kind
from app.faults import Fault
from app.reading.shapes import FieldPlan, ReferencePlan, reference_plans, references_of
from app.writing.identity import uuid5

NAMESPACE = UUID("6f1d8f0e-6b1c-5c57-9d1b-3a4f4f7d2b11")
"""The UUID namespace of ids that are derived from natural keys. It must never change."""
SECOND_NAMESPACE = UUID("c1a2f4de-55b0-5a8f-8f6f-0d5c1f2b7e63")
"""The namespace for kinds whose natural key has changed since release 0.1.0. It must never change either."""
_SPACED = json.JSONEncoder(ensure_ascii=False)
"""Serializes the natural keys from which ids are derived. Its output must never change, because the ids would change."""
MAX_ITEMS = 500
MAX_CITATIONS = 500
"""The maximum number of citations that can be sent with a record. Others must be sent as records of their own."""
MAX_PARTS = 20_000
"""The maximum number of fields in a body or an import line. The number of objects and arrays together has the same limit."""
OF_WRITES = {
    "difference": "a dry run: what would change in the record, as a JSON Patch",
    "writes": "a dry run: all records that would be written",
    "similar": "a dry run of a POST: records of the kind that have one of its names",
    "derived": "a write with `derive=true`: the fields that were derived, as JSON Pointers",
}
"""By name: what the answer to such a write has besides the record. A client may send it back."""
MAX_DEPTH = 32
"""The maximum nesting depth of a body. A valid record needs only four levels."""


class ReadReference(BaseModel):
    """A reference in the form in which a read returns it. A write uses only its id."""

    model_config = ConfigDict(extra="forbid")
    id: Naming
    kind: Kind | None = None
    name: str | None = None


def _id_of(value: Any) -> Any:
    """The id in the object that a read returns for a reference; other values are returned unchanged.

    Raises ValueError if an object is not a reference.
    """
    if not isinstance(value, dict):
        return value
    try:
        return ReadReference.model_validate(value).id
    except ValidationError:
        raise ValueError("a reference is an id, or an object of `id`, `kind` and `name`") from None


def id_in(value: Any) -> str | None:
    """The id in a reference; None if the value is not a valid reference."""
    try:
        return _REFERENCE.validate_python(value)
    except ValidationError:
        return None


def names_in(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The names in the data of a record, which need not be valid: (name or title, its language or None)."""
    several = data.get("names")
    named = [each for each in several if isinstance(each, Mapping)] if isinstance(several, list) else []
    found = [(data.get("name") or data.get("title"), data.get("language"))]
    found += [(each.get("text"), each.get("language")) for each in named]
    return [(name, language) for name, language in found if isinstance(name, str)]


class ReferenceField(ReferencePlan):
    """A field of a content that refers to records: it has one id, an array of ids, or an array of objects with an id."""

    def ids(self, content: Mapping[str, Any]) -> list[str]:
        """The ids to which the field of this content refers."""
        return [target for _, target in self.pointed(content)]

    def pointed(self, content: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The references in the field of this content: (JSON Pointer to the reference within the content, id)."""
        value = content.get(self.name)
        if not value:
            return []
        if not self.is_array:
            return [(f"/{self.name}", value)]
        if not self.member:
            return [(f"/{self.name}/{place}", item) for place, item in enumerate(value)]
        items = ((f"/{self.name}/{place}/{self.member}", item.get(self.member)) for place, item in enumerate(value))
        return [(pointer, target) for pointer, target in items if target]

    def with_ids(self, value: Any, other: Callable[[str], str]) -> Any:
        """The value of the field with each id replaced by `other` of it. Items of an array that become equal count once."""
        if not self.is_array:
            return other(value)
        if not self.member:
            return list(dict.fromkeys(map(other, value)))
        items = ({**item, self.member: other(item[self.member])} if item.get(self.member) else item for item in value)
        return list({_identity(item): item for item in items}.values())


Reference = Annotated[Naming, BeforeValidator(_id_of)]
_REFERENCE: TypeAdapter[str] = TypeAdapter(Reference)


class ContentSchema:
    """The schema of the data that clients may write to records of a resource. It is derived from the resource's read model."""

    def __init__(self, resource: Resource, plans: Iterable[FieldPlan], kinds: Mapping[str, Kind]) -> None:
        self.resource = resource
        self.plans = [plan for plan in plans if plan.writable]
        written = {plan.name for plan in self.plans}
        self._kind = str(resource.kind)
        self._parts = {plan.name: plan.source for plan in self.plans if isinstance(plan.source, Part)}
        self.names = [plan.name for plan in self.plans if plan.name not in ("kind", "id")]
        """The fields of the content, other than its kind and id, in order."""
        self._answers = {plan.name for plan in self.plans if plan.nullable and plan.annotation == Flag}
        """The boolean fields that may be empty, so that `false` is not empty."""
        shown = {*resource.includes, *(f"{name}_more" for name in resource.includes), "citations", *OF_WRITES}
        self.ignored = (resource.model.model_fields.keys() | shown) - written
        if resource.kind is Kind.CITATION:
            self.ignored -= {"citations"}
        """Fields that a read returns but that are not content, such as citations, which are records of their own."""
        self.model = self._model()
        self._part = _optional(self.model)
        """The same fields as in `model`, but none is required, and scalars may be null."""
        self.references = [ReferenceField(*each) for each in reference_plans(resource, self.plans, kinds)]
        """The fields that refer to records."""

    @property
    def arrays(self) -> list[str]:
        """The fields whose values are arrays."""
        return [plan.name for plan in self.plans if get_origin(plan.annotation) is list]

    def _model(self) -> type[BaseModel]:
        fields: dict[str, Any] = {"id": (Id, None)}
        for plan in self.plans:
            info = self.resource.model.model_fields[plan.name]
            if plan.name == "id":
                continue
            if plan.name == "kind":
                fields["kind"] = (Literal[self.resource.kind.value], ...)
                continue
            default = ... if info.is_required() else info.default
            if isinstance(plan.source, Part):
                item = _written_item(get_args(plan.annotation)[0])
                fields[plan.name] = (Annotated[list[item], Field(max_length=MAX_ITEMS)], ())  # type: ignore[valid-type]
            elif plan.annotation in (Ref, AnyRef):
                fields[plan.name] = (Reference | None, None) if plan.nullable else (Reference, ...)
            else:
                marks = [mark for mark in info.metadata if not isinstance(mark, (Derived, Computed, OnDay, Part))]
                annotation: Any = info.annotation
                for mark in marks:
                    annotation = Annotated[annotation, mark]
                fields[plan.name] = (annotation, default)
        return create_model(f"{self.resource.title}Content", __config__=ConfigDict(extra="forbid"), **fields)

    def check(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """Validate `data`. Returns (content, faults).

        The content has the field order of the model and no empty fields; its id may be None.
        """
        if not self.resource.formerly.keys().isdisjoint(data):
            data = self.of_today(data)
        if not self.ignored.isdisjoint(data):
            data = {name: value for name, value in data.items() if name not in self.ignored}
        try:
            values = self.model.__pydantic_validator__.validate_python(data).__dict__
        except ValidationError as error:
            # An array that is null is empty, as in a merge patch.
            stated = {name: value for name, value in data.items() if value is not None or name not in self._parts}
            return self.check(stated) if len(stated) < len(data) else ({}, faults_in(error))
        content = {"kind": self._kind, "id": values["id"]}
        for name in self.names:
            value = values[name]
            if type(value) is str:
                content[name] = value
            elif value is not None and not (_is_empty(value) and name not in self._answers):
                content[name] = _plain(value)
        faults = [
            Fault(fault, pointer=f"/{name}" if name else "") for rule in self.resource.rules for name, fault in rule(content)
        ]
        return content, faults

    def check_part(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str], list[Fault]]:
        """Validate fields that a line changes or means a record by. Returns (content, fields that become empty, faults).

        Rules that compare several fields, and required fields, are checked later, when the rest of the content is known.
        """
        if not self.resource.formerly.keys().isdisjoint(data):
            data = self.of_today(data)
        data = {name: value for name, value in data.items() if name not in self.ignored}
        try:
            sent = self._part.model_validate(data)
        except ValidationError as error:
            return {}, frozenset(), faults_in(error)
        content: dict[str, Any] = {"kind": self._kind, "id": sent.__dict__["id"]}
        cleared = set()
        for name in sent.model_fields_set - {"kind", "id"}:
            value = sent.__dict__[name]
            if value is None or (value is False and name not in self._answers):
                cleared.add(name)
            elif value != []:
                content[name] = _plain(value)
        return content, frozenset(cleared), []

    def merged(
        self, old: Mapping[str, Any] | None, content: Mapping[str, Any], cleared: Collection[str]
    ) -> tuple[dict[str, Any], list[Fault]]:
        """The whole content of a record that `content` changes, and its faults. `old` is None if the record is new.

        Fields in `cleared` become empty. Items are added to arrays; an item replaces the one that it is another form of.
        """
        data = self.joined(old or {}, content, cleared)
        if old is not None:
            data["id"] = old["id"]
        return self.check(data)

    def joined(self, old: Mapping[str, Any], content: Mapping[str, Any], cleared: Collection[str]) -> dict[str, Any]:
        """The fields of `old` with those of `content`, as in `merged`. They need not be whole."""
        data: dict[str, Any] = {name: value for name, value in old.items() if name not in cleared}
        for name, value in content.items():
            is_added = isinstance(value, list) and name in data
            data[name] = _united(self._parts.get(name), data[name], value) if is_added else value
        return data

    def of_today(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with the fields of earlier releases replaced by today's fields.

        If a client sent both the old field and today's, the old one is not replaced, so that validation reports it as a fault.
        """
        found = dict(data)
        for name, lift in self.resource.formerly.items():
            if name in data and not (lifted := lift(data[name])).keys() & data.keys():
                del found[name]
                found |= lifted
        return found

    def name_today(self, field: str) -> str | None:
        """The current name of a field; None if no current field replaces it. A name that is current is returned unchanged.

        If several current fields replace a field of an earlier release, the first of them is returned.
        """
        formerly = self.resource.formerly.get(field)
        return next(iter(formerly(None)), None) if formerly else field

    def targets(self, content: Mapping[str, Any]) -> list[str]:
        """The ids to which the content refers."""
        return [target for field in self.references for target in field.ids(content)]

    def references_in(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The valid references in `data`, by field. Other parts of the data may have faults."""
        found: dict[str, Any] = {}
        for field in self.references:
            given = data.get(field.name)
            items = given if isinstance(given, list) else [given]
            if field.member:
                items = [item.get(field.member) if isinstance(item, dict) else None for item in items]
            ids = [id_in(item) for item in items if item is not None or not field.member]
            if not all(ids) or not (field.is_array or ids):
                continue
            if field.member:
                # Items without this reference keep their places, so that pointers to the others are right.
                found[field.name] = [{} if item is None else {field.member: id_in(item)} for item in items]
            else:
                found[field.name] = ids if field.is_array else ids[0]
        return found

    def derived_id(self, content: Mapping[str, Any]) -> str | None:
        """The id for a record that was imported without one, made from its natural key; None if its kind has no natural key.

        The same natural key gives the same id in every registry.
        """
        if not self.resource.natural_key:
            return None
        resource = self.resource
        own = [name for name in resource.natural_key if name not in resource.key_grew]
        parts = [_spaced(self._kind), *(_spaced(content.get(name, resource.key_value(content, name))) for name in own)]
        parts += [_spaced(f"{name}: {content[name]}") for name in resource.key_grew if content.get(name)]
        key = ", ".join(parts)
        return uuid5(SECOND_NAMESPACE if self.resource.key_was else NAMESPACE, f"[{key}]")


def _spaced(value: Any) -> str:
    return encode_basestring(value) if type(value) is str else "null" if value is None else _SPACED.encode(value)


def _is_empty(value: Any) -> bool:
    """Whether a value is None, False or an empty array, and so is left out of the content. A zero is kept."""
    return value is None or value is False or (type(value) in (list, tuple) and not value)


def _plain(value: Any) -> Any:
    """A checked value as plain JSON: enum members become text, models become objects."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in dict.fromkeys(value)]  # arrays are sets: each item counts once
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value.__dict__.items() if item is not None}
    return value


def _united(part: Part | None, before: Sequence[Any], added: Sequence[Any]) -> list[Any]:
    """The items of an array with others added to it."""
    fields = part.identity if part is not None else ()
    return list({_identity(item, fields): item for item in (*before, *added)}.values())


def _identity(item: Any, fields: Sequence[str] = ()) -> Any:
    """What tells an item of an array from the others: the values of these fields, or all that it has."""
    return tuple((name, item.get(name)) for name in fields or sorted(item)) if isinstance(item, dict) else item


def _optional(model: type[BaseModel]) -> type[BaseModel]:
    """The model with the same fields, of which none is required."""
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        for mark in info.metadata:
            annotation = Annotated[annotation, mark]
        fields[name] = (annotation | None, None)
    return create_model(f"{model.__name__}Part", __config__=ConfigDict(extra="forbid"), **fields)


def _written_item(item: Any) -> Any:
    """The type of an array's items as clients write them: each reference is an id, or the object that a read returns."""
    if item is Ref:
        return Reference
    references: dict[str, Any] = {
        name: (Reference if item.model_fields[name].is_required() else Reference | None, item.model_fields[name])
        for name in references_of(item)
    }
    if not references:
        return item
    return create_model(f"{item.__name__}Content", __base__=item, __doc__=item.__doc__, **references)


def text_of(content: Mapping[str, Any]) -> str:
    """The content as one line of the exchange format, byte for byte as the databases write it."""
    return to_json(content).decode()


def read_json(text: str | bytes) -> Any:
    """Parse JSON strictly. Raises ValueError, with the reason, if the text is not valid JSON or exceeds a limit."""
    try:
        # Windows' editors write a byte order mark at the start of a file. It is no part of the text.
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        _refuse_many(text)
        data = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "digits" in str(error):
            raise ValueError("a number has more digits than any field here") from None
        raise
    opened = text.count("{") + text.count("[")
    if opened > MAX_DEPTH and type(data) in (dict, list) and is_deeper_than(data, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)
    return data


def _refuse_many(text: str) -> None:
    """Raise ValueError if a text has more than `MAX_PARTS` fields, or more than `MAX_PARTS` objects and arrays together.

    Validating so many could take seconds.
    """
    if text.count(":") + text.count("{") + text.count("[") <= MAX_PARTS:
        return
    bare = _STRING.sub("", text)
    if bare.count(":") > MAX_PARTS or bare.count("{") + bare.count("[") > MAX_PARTS:
        if _opens_deep(bare[:MAX_PARTS]):
            raise ValueError(_TOO_DEEP)
        raise ValueError(f"it has more than {MAX_PARTS} fields, or objects and arrays; a record has far fewer")


def _opens_deep(bare: str) -> bool:
    depth = 0
    for letter in bare:
        depth += (letter in "{[") - (letter in "}]")
        if depth > MAX_DEPTH:
            return True
    return False


_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|$)', re.DOTALL)
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def is_deeper_than(data: dict[str, Any] | list[Any], levels: int) -> bool:
    """Whether an object or array, itself counted, nests more objects and arrays than `levels`."""
    nested = [item for item in (data.values() if isinstance(data, dict) else data) if type(item) in (dict, list)]
    return levels < 1 or any(is_deeper_than(item, levels - 1) for item in nested)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_no_constant)
