"""Adds the records that frames stand for to a batch, with what follows from other records (`Deriver`)."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind, MemorandumStatus
from app.faults import Fault
from app.writing.batch import Batch, Content, Intake, Manner
from app.writing.deriving import Deriver, Known, furthest
from app.writing.frames import Framed, Places, new_id
from app.writing.free_ids import FreeIds
from app.writing.stored import StoredRecords
from app.writing.write_schema import ContentSchema, id_in

_NAME_TYPE = "official"
"""The type of names that are written as an object of languages."""


class Framing:
    """Adds records of frames. The caller holds the write lock."""

    def __init__(self, stored: StoredRecords, intake: Intake, deriver: Deriver) -> None:
        self._stored = stored
        self._intake = intake
        self._deriver = deriver

    def add(self, connection: Connection, batch: Batch, ids: FreeIds) -> None:
        """Add the records of `batch.framed` to the batch. They merge; what was derived only fills what is empty."""
        _Adding(connection, batch, ids, self._intake, self._deriver).run()


class _Adding:
    """Adds the frames of one batch."""

    def __init__(self, connection: Connection, batch: Batch, ids: FreeIds, intake: Intake, deriver: Deriver) -> None:
        self._batch = batch
        self._ids = ids
        self._intake = intake
        self._deriver = deriver
        self._known: Known = deriver.known(connection, batch)
        self._made: dict[str, str] = {}
        """The ids of records that were described in place of a reference, by their kind and description."""

    def run(self) -> None:
        for line, framed in self._batch.framed:
            self._framed(line, framed)

    def _framed(self, line: str | None, framed: Framed) -> None:
        record, schema = dict(framed.record), self._schema_of(framed.record)
        if schema is None:
            return self._blame(line, framed.places.at("/kind"), f"must be one of {', '.join(self._intake.schemas)}")
        for field in schema.references:
            if not field.is_array:
                self._refer(line, record, field.name, field.allowed, framed.places, framed)
        of_citations = self._intake.schemas[Kind.CITATION]
        citations = [dict(each) if isinstance(each, dict) else each for each in record.get("citations", ())]
        for citation, places in zip(citations, framed.cited, strict=False):
            if isinstance(citation, dict):
                for field in of_citations.references:
                    self._refer(line, citation, field.name, field.allowed, places, None)
        if citations:
            record["citations"] = citations
        return self._record(line, framed._replace(record=record), schema)

    def _schema_of(self, record: Mapping[str, Any]) -> ContentSchema | None:
        kind = record.get("kind")
        return self._intake.schemas.get(kind) if isinstance(kind, str) else None  # type: ignore[call-overload]

    def _refer(
        self,
        line: str | None,
        holder: dict[str, Any],
        name: str,
        allowed: tuple[Kind, ...],
        places: Places,
        framed: Framed | None,
    ) -> None:
        """If a reference is the description of a new record, add that record, and refer to its id."""
        value = holder.get(name)
        if not isinstance(value, dict) or "id" in value or not ({"name", "title"} & value.keys()):
            return None
        pointer = places.at(f"/{name}")
        kind = value.get("kind", allowed[0] if len(allowed) == 1 else None)
        if kind not in allowed:
            return self._blame(line, f"{pointer}/kind", f"must say which kind of record is new: {', '.join(allowed)}")
        said = json.dumps([kind, value], sort_keys=True)
        if said not in self._made:
            record = {**value, "kind": kind}
            made = new_id(Kind(kind), record)
            if made is None:
                return self._blame(line, pointer, "must have a name")
            self._made[said] = made
            citations = framed.record.get("citations") if framed is not None and kind != Kind.SOURCE else None
            if citations:
                record["citations"] = citations
            cited = framed.cited if framed is not None and citations else ()
            self._framed(line, Framed({**record, "id": made}, Places(pointer), cited, is_new=True))
        holder[name] = self._made[said]
        return None

    def _record(self, line: str | None, framed: Framed, schema: ContentSchema) -> None:
        record, kind = framed.record, schema.resource.kind
        is_new = framed.is_new
        if record.get("id") is None and not schema.resource.natural_key:
            record["id"] = new_id(kind, record)
            is_new = True
        if is_new and record["id"] is not None and not self._is_free(record["id"]):
            taken = f"{record['id']!r}, which its name gives, is the id of a record already"
            return self._blame(line, framed.places.at("/id"), f"{taken}; send this `id` if it is that one, or else another")
        if isinstance(names := record.get("names"), dict):
            record["names"] = [{"language": each, "text": text, "type": _NAME_TYPE} for each, text in names.items()]
        sent = set(record)
        self._complete(framed, record)
        status = self._status(framed, record)
        record, _, faults = self._deriver.fill(self._known, kind, record)
        if faults:
            for fault in faults:
                _, _, place, name = (fault.pointer or "").split("/")
                self._blame(line, framed.cited[int(place)].at(f"/{name}"), fault.detail)
            return None
        if status is not None:
            record["status"] = status
        manner = Manner(merges=True, fills=frozenset(record) - sent - {"status", "attested", "citations"})
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
        if wanted is not None:
            self._known.add(wanted)
            self._batch.expanded.append((line, record))
        return None

    def _is_free(self, record_id: str) -> bool:
        return record_id not in self._batch.wanted and self._ids.take(record_id)

    def _complete(self, framed: Framed, record: dict[str, Any]) -> None:
        """Add what only frames derive: the day on which an office was held, and the date that a meeting had before."""
        if framed.attested is not None:
            meeting = self._known.state(Kind.MEETING, id_in(framed.attested))
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

    def _blame(self, line: str | None, pointer: str, detail: str) -> None:
        self._batch.faults.add(Fault(detail, pointer=pointer, line=line))
