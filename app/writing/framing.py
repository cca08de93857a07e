"""Adds the records that frames stand for to a batch, with what follows from other records (`Deriver`)."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind, MemorandumStatus, Role
from app.faults import Fault
from app.writing.batch import Batch, Content, Intake, Manner
from app.writing.deriving import Deriver, Known, furthest
from app.writing.frames import Framed, Places, new_id
from app.writing.free_ids import FreeIds
from app.writing.write_schema import ContentSchema, ReferenceField, id_in

_NAME_TYPE = "official"
"""The type of names that are written as an object of languages."""


class Framing:
    """Adds the records of `Batch.framed` to the batch. They merge; what was derived only fills what is empty."""

    def __init__(self, connection: Connection, batch: Batch, ids: FreeIds, intake: Intake, deriver: Deriver) -> None:
        self._batch = batch
        self._ids = ids
        self._intake = intake
        self._deriver = deriver
        self._known: Known = deriver.known(connection, batch)
        self._made: dict[str, str] = {}
        """The ids of records that were described in place of a reference, by their kind and description."""

    def run(self) -> None:
        """Add those first to which others may refer, so that these are completed from them."""
        several = self._batch.framed
        expanded: dict[int, list[tuple[str | None, Content]]] = {}
        for number in sorted(range(len(several)), key=lambda number: _turn_of(several[number][1])):
            self._batch.expanded = expanded.setdefault(number, [])
            self._framed(*several[number])
        self._batch.expanded = [each for number in range(len(several)) for each in expanded[number]]
        for _, record in self._batch.expanded:
            self._complete_status(record)

    def _framed(self, line: str | None, framed: Framed) -> None:
        record, schema = dict(framed.record), self._schema_of(framed.record)
        if schema is None:
            return self._blame(line, framed.places.at("/kind"), f"must be one of {', '.join(self._intake.schemas)}")
        self._refer(line, record, schema, framed.places, framed)
        cited = record.get("citations")
        citations = [dict(each) if isinstance(each, dict) else each for each in cited] if isinstance(cited, list) else []
        for citation, places in zip(citations, framed.cited, strict=False):
            if isinstance(citation, dict):
                self._refer(line, citation, self._intake.schemas[Kind.CITATION], places, None)
        if citations:
            record["citations"] = citations
        return self._record(line, framed._replace(record=record), schema)

    def _schema_of(self, record: Mapping[str, Any]) -> ContentSchema | None:
        kind = record.get("kind")
        return self._intake.schemas.get(kind) if isinstance(kind, str) else None  # type: ignore[call-overload]

    def _refer(
        self, line: str | None, record: dict[str, Any], schema: ContentSchema, places: Places, framed: Framed | None
    ) -> None:
        """Where a reference is the description of a new record, add that record, and refer to its id."""
        for field in schema.references:
            if field.name not in record:
                continue
            value = record[field.name]
            if not field.is_array:
                record[field.name] = self._referred(line, value, field.allowed, places.at(f"/{field.name}"), framed)
            elif isinstance(value, list):
                record[field.name] = [
                    self._referred_in(line, item, field, places.at(f"/{field.name}/{number}"), framed)
                    for number, item in enumerate(value)
                ]

    def _referred_in(self, line: str | None, item: Any, field: ReferenceField, pointer: str, framed: Framed | None) -> Any:
        if not field.member:
            return self._referred(line, item, field.allowed, pointer, framed)
        if not isinstance(item, dict) or field.member not in item:
            return item
        target = self._referred(line, item[field.member], field.allowed, f"{pointer}/{field.member}", framed)
        return {**item, field.member: target}

    def _referred(self, line: str | None, value: Any, allowed: tuple[Kind, ...], pointer: str, framed: Framed | None) -> Any:
        """Return a reference: the value itself, or the id of the new record that it describes."""
        if not isinstance(value, dict) or "id" in value or not ({"name", "title"} & value.keys()):
            return value
        kind = value.get("kind", allowed[0] if len(allowed) == 1 else None)
        if kind not in allowed:
            self._blame(line, f"{pointer}/kind", f"must say which kind of record is new: {', '.join(allowed)}")
            return value
        said = _description(kind, value)
        if said not in self._made:
            record = {**value, "kind": kind}
            made = new_id(Kind(kind), record)
            if made is None:
                self._blame(line, pointer, "must have a name")
                return value
            self._made[said] = made
            citations = framed.record.get("citations") if framed is not None and kind != Kind.SOURCE else None
            if citations:
                record["citations"] = citations
            cited = framed.cited if framed is not None and citations else ()
            self._framed(line, Framed({**record, "id": made}, Places(pointer), cited, is_new=True))
        return self._made[said]

    def _record(self, line: str | None, framed: Framed, schema: ContentSchema) -> None:
        record, kind = framed.record, schema.resource.kind
        is_new = framed.is_new
        if record.get("id") is None and not schema.resource.natural_key:
            record["id"] = new_id(kind, record)
            is_new = True
        if is_new and record["id"] is not None and not self._is_free(record["id"]):
            taken = f"{record['id']!r}, which its name gives, is the id of a record already"
            return self._blame(line, framed.places.at("/id"), f"{taken}; send this `id` if it is that one, or else another")
        if isinstance(record_id := record.get("id"), str) and not self._is_known(schema, record_id, record):
            told = f"there is no {kind} {record_id!r}; a new one needs a name"
            return self._blame(line, framed.places.at("/id"), told)
        version = record.pop("version", None)
        if version is not None and (type(version) is not int or version < 1):
            told = "must be the version that the record has, a whole number from 1"
            return self._blame(line, framed.places.at("/version"), told)
        if isinstance(names := record.get("names"), dict):
            record["names"] = [{"language": each, "text": text, "type": _NAME_TYPE} for each, text in names.items()]
        sent = set(record)
        self._complete(line, framed, record)
        status = self._status(framed, record)
        record, _, faults = self._deriver.fill(self._known, kind, record)
        if faults:
            for fault in faults:
                *_, place, name = (fault.pointer or "").split("/")
                at = framed.cited[int(place)] if place else framed.places
                self._blame(line, at.at(f"/{name}"), fault.detail)
            return None
        if status is not None:
            record["status"] = status
        manner = Manner(merges=True, version=version, fills=frozenset(record) - sent - {"status", "attested", "citations"})
        wanted = self._intake.record(
            self._batch,
            schema,
            record,
            identify=ContentSchema.derived_id,
            line=line,
            manner=manner,
            places=framed.places,
            cited=framed.cited,
        )
        if wanted is None:
            self._batch.faulty[str(record.get("id"))] = kind  # what refers to it is no other fault
            return None
        self._known.add(wanted)
        self._batch.expanded.append((line, record))
        return None

    def _is_known(self, schema: ContentSchema, record_id: str, record: Content) -> bool:
        """Whether a record that is meant by its id is there, or says what a new one needs."""
        is_named = record.get("name") is not None or record.get("title") is not None
        if schema.resource.natural_key or is_named or id_in(record_id) is None:
            return True
        return bool(self._known.state(schema.resource.kind, record_id))

    def _is_free(self, record_id: str) -> bool:
        return record_id not in self._batch.wanted and self._ids.take(record_id)

    def _complete(self, line: str | None, framed: Framed, record: dict[str, Any]) -> None:
        """Add what only frames derive: the day on which an office was held, and the date that a meeting had before."""
        if framed.attested is not None:
            meeting_id = self._referred(line, framed.attested, (Kind.MEETING,), framed.places.at("/meeting"), framed)
            meeting = self._known.state(Kind.MEETING, id_in(meeting_id))
            if day := meeting.get("date"):
                record["attested"] = [day]
        if framed.is_shift and not record.get("date_before") and (of := id_in(record.get("of"))):
            before = self._date_before(of, record)
            if before:
                record["date_before"] = before

    def _date_before(self, meeting: str, record: Content) -> str | None:
        """Return the date that a meeting had before this action; after the action was recorded, what it says itself."""
        stands = self._known.state(Kind.MEETING, meeting).get("date")
        alike = [
            each
            for each in self._deriver.actions_of(self._known, meeting)
            if (each["type"], each.get("date_after")) == (record["type"], record.get("date_after"))
        ]
        if stands is not None and stands != record.get("date_after"):
            return str(stands)
        return alike[-1].get("date_before") if alike else None

    def _status(self, framed: Framed, record: Content) -> str | None:
        """Return the status that an instrument has by what was done to it, if this is further than it has."""
        if not framed.done or record.get("status") is not None:
            return None
        record_id = id_in(record.get("id"))
        done = self._deriver.done_to(self._known, record_id) if record_id else []
        reached = furthest([*done, *framed.done])
        stands = self._known.state(Kind.MEMORANDUM, record_id).get("status")
        order = [each.value for each in MemorandumStatus]
        is_further = reached is not None and (stands is None or order.index(reached) > order.index(stands))
        return reached if is_further else None

    def _complete_status(self, record: dict[str, Any]) -> None:
        """Give a new instrument the status that follows from actions of other frames."""
        wanted = self._batch.wanted.get(str(record.get("id")))
        if record.get("kind") != Kind.MEMORANDUM or wanted is None or "status" in wanted.content:
            return
        if not self._known.state(Kind.MEMORANDUM, wanted.id).get("status"):
            reached = furthest(self._deriver.done_to(self._known, wanted.id))
            if reached is not None:
                record["status"] = wanted.content["status"] = reached

    def _blame(self, line: str | None, pointer: str, detail: str) -> None:
        self._batch.faults.add(Fault(detail, pointer=pointer, line=line))


def _turn_of(framed: Framed) -> int:
    """Return when a record is added: first those to which others refer, then offices, from which capacities follow."""
    kind = next((each for each in Kind if each == framed.record.get("kind")), None)
    if kind is not None and kind.role in (Role.ENTITY, Role.EVENT) and not framed.is_late:
        return 0
    return 1 if kind is Kind.POSITION else 2


def _description(kind: Any, value: dict[str, Any]) -> str:
    """Return the same text for equal descriptions of new records."""
    return json.dumps([kind, value], sort_keys=True)
