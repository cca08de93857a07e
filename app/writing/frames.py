"""Frames: short forms that stand for several records, such as a list of participants that is said once.

A frame is expanded into records of the exchange format by fixed rules. `docs/entering.md` tells them to keepers. What follows
from other records is filled in later, within the transaction: `Framing`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from app.declaration.validation import escaped, faults_in
from app.domain.vocabulary import (
    ActionType,
    Confidence,
    Kind,
    MeetingStatus,
    MembershipStatus,
    ParticipantRole,
    PartyRole,
)
from app.faults import Fault
from app.writing.identity import MAX_NAMED, slug

MOST_ROWS = 500
MOST_COLUMNS = 50
MOST_QUOTES = 20
"""Maximum number of quotes of a row."""
MOST_EXPANDED = 2_000
"""Maximum number of records that a frame stands for."""
Data = Mapping[str, Any]


def _id_or_object(value: Any) -> Any:
    if not isinstance(value, (str, dict)):
        raise ValueError("must be an id or an object")  # noqa: TRY004 - pydantic expects a ValueError
    return value


def _row(value: Any) -> Any:
    if not isinstance(value, (str, dict, list)):
        raise ValueError("must be an id or an object, or an array of values of `columns`")  # noqa: TRY004 - as above
    return value


Said = Annotated[Any, AfterValidator(_id_or_object), Field(json_schema_extra={"type": ["string", "object"]})]
"""A reference: an id, or the description of a new record."""
_FORMS: JsonDict = {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "items": {}}]}
Row = Annotated[Any, AfterValidator(_row), Field(json_schema_extra=_FORMS)]
Rows = Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS)]


class Places(NamedTuple):
    """Where the fields of an expanded record stand in what was sent."""

    row: str
    """JSON Pointer to the row of the frame."""
    fields: Mapping[str, str] = {}
    """JSON Pointers to fields that do not stand in the row under their own names."""

    def at(self, pointer: str) -> str:
        """Return the place of what a pointer means within the record."""
        name, slash, rest = pointer.removeprefix("/").partition("/")
        return self.fields.get(name, f"{self.row}/{name}" if name else self.row) + slash + rest


class Framed(NamedTuple):
    """A record that a frame stands for."""

    record: dict[str, Any]
    """In the exchange format, with its citations. It has only what the frame says."""
    places: Places
    cited: Sequence[Places]
    """The places of its citations."""
    attested: Any = None
    """For a position: the meeting on whose day it was held."""
    done: Sequence[ActionType] = ()
    """For an instrument: what the frame says was done to it, from which its status follows."""
    is_shift: bool = False
    """For an action: whether it gave its meeting another date, or none."""
    is_late: bool = False
    """Whether it is a change of a record that others of the frame compare with what it was before."""
    is_new: bool = False
    """Whether its id was made from its name, so that no record may have this id yet."""


class Frame(BaseModel):
    """What all frames have: what their records are cited from. Other fields hold for each row that does not have them."""

    model_config = ConfigDict(extra="allow")
    source: Annotated[Said | None, Field(description="the source of the quotes")] = None
    quote: Annotated[
        str | list[str] | None,
        Field(description="a phrase of the source, or several, by which each record is cited; a row may have its own"),
    ] = None
    paragraph: Annotated[
        int | None, Field(description="the paragraph; if the document is kept and the quote stands there once, it is found")
    ] = None
    confidence: Annotated[Confidence, Field(description="how the source supports the records")] = Confidence.STATED
    columns: Annotated[
        list[str],
        Field(max_length=MOST_COLUMNS, description="if rows are arrays of values: their fields, in this order"),
    ] = []


class Participants(Frame):
    """Who took part in a meeting. A row is the id of a person, or an object of fields of a participant."""

    meeting: Annotated[Said, Field(description="the meeting")]
    participants: Annotated[Rows, Field(description="who took part")]
    positions: Annotated[
        bool, Field(description="whether each row with a person and a `capacity` also says that the person holds this office")
    ] = False


class Instruments(Frame):
    """Instruments that were signed together. A row is the id of a known one, or an object of fields of a memorandum."""

    instruments: Annotated[Rows, Field(description="the instruments; a row may have its own `parties`")]
    parties: Annotated[list[Said], Field(max_length=MOST_ROWS, description="the parties: ids, or objects of fields")] = []
    action: Annotated[ActionType | None, Field(description="what was done to each; null for nothing")] = ActionType.SIGNED
    meeting: Annotated[Said | None, Field(description="the meeting at which it was done")] = None
    date: Annotated[str | None, Field(description="when it was done, if not on the day of the meeting")] = None
    date_note: Annotated[str | None, Field(description="that date as printed")] = None


class Postponement(Frame):
    """Meetings that got another date, or none. A row is the id of a meeting, or an object of fields of the action."""

    meetings: Annotated[Rows, Field(description="the meetings; in an object, `of` is the meeting")]
    to: Annotated[str | None, Field(description="the new date; without one, they are postponed until further notice")] = None
    from_: Annotated[
        str | None, Field(alias="from", description="the date before; if it is left out, that of the record is taken")
    ] = None


class Membership(Frame):
    """Who belongs to an organization or a series. A row is an id, or an object of fields of a membership."""

    of: Annotated[Said, Field(description="the organization or series")]
    members: Annotated[Rows, Field(description="the countries and organizations that belong to it")]


class Records(Frame):
    """Records of any kind. A row is an object in the exchange format, with `quote` in place of `citations`."""

    records: Annotated[Rows, Field(description="the records")]


FRAMES: dict[str, type[Frame]] = {
    "participants": Participants,
    "instruments": Instruments,
    "postponement": Postponement,
    "membership": Membership,
    "records": Records,
}


def expanded(name: str, data: Data) -> tuple[list[Framed], list[Fault]]:
    """Return the records that a frame stands for, and its faults. `name`: one of `FRAMES`."""
    try:
        frame = FRAMES[name].model_validate(data)
    except ValidationError as error:
        return [], faults_in(error)
    rows = _Expanding(frame)
    found = list(islice(_EXPANSIONS[type(frame)](rows, frame), MOST_EXPANDED + 1))
    if len(found) > MOST_EXPANDED:
        return [], [Fault(f"a frame may stand for {MOST_EXPANDED} records, and this for more; write several", pointer="")]
    return found, list(dict.fromkeys(rows.faults))


class _Expanding:
    """Makes records of the rows of one frame."""

    def __init__(self, frame: Frame) -> None:
        self.faults: list[Fault] = []
        self._frame = frame
        self._common = frame.model_extra or {}

    def rows(self, name: str, key: str) -> Iterator[tuple[dict[str, Any], Places]]:
        """Yield each row of a list with what the frame says for all. A row that is only text is the field `key`."""
        for number, row in enumerate(getattr(self._frame, name)):
            yield self.row(row, f"/{name}/{number}", key)

    def row(self, row: Any, pointer: str, key: str) -> tuple[dict[str, Any], Places]:
        """Return a row with what the frame says for all, and the places of its fields."""
        own, at = self._own(row, pointer, key)
        common = {name: value for name, value in self._common.items() if own.get(name, value) is not None}
        own = {name: value for name, value in own.items() if value is not None or name not in self._common}
        fields = {escaped(each): f"/{escaped(each)}" for each in (*common, "meeting", "source") if each not in own}
        return {**common, **own}, Places(pointer, fields | at)

    def _own(self, row: Any, pointer: str, key: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields that a row has itself, and the places of those that do not stand under their own names."""
        if isinstance(row, dict):
            return row, {}
        if isinstance(row, str):
            return {key: row}, {key: pointer}
        columns = self._frame.columns
        if len(row) > len(columns):
            self.faults.append(Fault(f"has {len(row)} values, and `columns` names {len(columns)}", pointer=pointer))
        said = {name: value for name, value in zip(columns, row, strict=False) if value is not None}
        return said, {escaped(name): f"{pointer}/{number}" for number, name in enumerate(columns)}

    def framed(self, record: dict[str, Any], row: dict[str, Any], places: Places, *, field: str = "", **more: Any) -> Framed:
        """Return a record with its citations. `row`: the row that says how it is cited; `field`: what alone is cited."""
        if "citations" in row:
            if "quote" in row:
                self.faults.append(Fault("write `quote` or `citations`, not both", pointer=places.at("/quote")))
            several = row["citations"] if isinstance(row["citations"], list) else []
            cited = [Places(places.at(f"/citations/{number}")) for number in range(len(several))]
            return Framed({**record, "citations": row["citations"]}, places, cited, **more)
        quotes = row.get("quote", self._frame.quote)
        if isinstance(quotes, list) and len(quotes) > MOST_QUOTES:
            pointer = places.at("/quote") if "quote" in row else "/quote"
            self.faults.append(Fault(f"may have {MOST_QUOTES} quotes, and has {len(quotes)}", pointer=pointer))
            quotes = None
        if quotes is None:
            return Framed(record, places, (), **more)
        citing = {
            name: getattr(self._frame, name) if row.get(name) is None else row[name]
            for name in ("source", "paragraph", "confidence")
        }
        at = {name: places.at(f"/{name}") if name in row else f"/{name}" for name in (*citing, "quote")}
        if citing["source"] is None:
            self.faults.append(Fault("required, because a quote is cited from a source", pointer="/source"))
        citations, cited = [], []
        for number, quote in enumerate(quotes if isinstance(quotes, list) else [quotes]):
            said = {**({"field": field} if field else {}), **citing, "quote": quote}
            citations.append({name: value for name, value in said.items() if value is not None})
            cited.append(Places(places.row, at | ({"quote": f"{at['quote']}/{number}"} if isinstance(quotes, list) else {})))
        return Framed({**record, "citations": citations}, places, cited, **more)


CITING = ("source", "quote", "paragraph", "confidence", "citations")
"""The fields of a row that say how its records are cited."""


def _fields(row: Data, *without: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in CITING and name not in without}


_OF_OFFICES = ("person", "organization", "country", "language", "names")
"""The fields that a position has in common with the participant from whom it is taken."""


def _participants(rows: _Expanding, frame: Participants) -> Iterator[Framed]:
    for row, places in rows.rows("participants", "person"):
        fields = _fields(row, "positions")
        if places.fields.get("language") == "/language" and _PRINTED.isdisjoint(fields):
            del fields["language"]  # what is derived has its own
        record = {"kind": Kind.PARTICIPANT, "meeting": frame.meeting, "role": ParticipantRole.PARTICIPANT, **fields}
        yield rows.framed(record, row, places)
        is_position = row.get("positions", frame.positions)
        if not isinstance(is_position, bool):
            rows.faults.append(Fault("must be true or false", pointer=places.at("/positions")))
        elif is_position and row.get("person") and row.get("capacity"):
            office = {name: value for name, value in row.items() if name in _OF_OFFICES}
            named = Places(places.row, {**places.fields, "title": places.at("/capacity")})
            yield rows.framed(
                {"kind": Kind.POSITION, "title": row["capacity"], **office}, row, named, attested=record["meeting"]
            )


_PRINTED = frozenset({"capacity", "group", "contribution", "date_note", "names"})
"""The texts of a participant whose language `language` tells."""
_ACTIONS = frozenset(ActionType)


def _instruments(rows: _Expanding, frame: Instruments) -> Iterator[Framed]:
    for row, places in rows.rows("instruments", "id"):
        action = row.get("action", frame.action)
        said = {name: row.get(name, getattr(frame, name)) for name in ("meeting", "date", "date_note")}
        is_new = row.get("id") is None
        this = new_id(Kind.MEMORANDUM, row) if is_new else row["id"]
        instrument = {"kind": Kind.MEMORANDUM, **_fields(row, "parties", "action", *said), "id": this}
        done = [ActionType(action)] if isinstance(action, str) and action in _ACTIONS else []
        yield rows.framed(instrument, row, places, done=done, is_new=is_new)
        own = row.get("parties")
        if own is not None and not isinstance(own, list):
            rows.faults.append(Fault("must be an array of ids or objects", pointer=places.at("/parties")))
            continue
        for number, each in enumerate(frame.parties if own is None else own):
            pointer = f"{'/parties' if own is None else places.at('/parties')}/{number}"
            if not isinstance(each, (str, dict)):
                rows.faults.append(Fault("must be an id or an object", pointer=pointer))
                continue
            party = {"party": each} if isinstance(each, str) else each
            at = Places(pointer, {"memorandum": places.at("/id"), **({"party": pointer} if isinstance(each, str) else {})})
            record = {"kind": Kind.PARTY, "memorandum": this, "role": PartyRole.PARTY, **_fields(party)}
            yield rows.framed(record, {**_citing(row), **party}, at)
        if action:
            act = {name: value for name, value in said.items() if value is not None}
            at = Places(places.row, {name: places.at(f"/{name}") if name in row else f"/{name}" for name in said})
            at = at._replace(fields={**at.fields, "of": places.at("/id"), "type": at.at("/action")})
            yield rows.framed({"kind": Kind.ACTION, "of": this, "type": action, **act}, row, at)


def new_id(kind: Kind, record: Data) -> str | None:
    """Return the id that a new record gets from its name or title; None if it has none."""
    name = record.get("name") or record.get("title")
    return slug(name[:MAX_NAMED], kind) if isinstance(name, str) and name.strip() else None


def _citing(row: Data) -> dict[str, Any]:
    return {name: row[name] for name in CITING if name in row}


def _postponement(rows: _Expanding, frame: Postponement) -> Iterator[Framed]:
    for row, places in rows.rows("meetings", "of"):
        if not isinstance(row.get("of"), str):
            rows.faults.append(Fault("must be the id of a meeting", pointer=places.at("/of")))
            continue
        to, before = row.get("to", frame.to), row.get("from", frame.from_)
        at = Places(
            places.row,
            {
                **places.fields,
                "date_after": places.at("/to") if "to" in row else "/to",
                "date_before": places.at("/from") if "from" in row else "/from",
            },
        )
        kind = ActionType.MOVED if to else ActionType.POSTPONED
        dates = {"date_before": before, "date_after": to}
        action = {"kind": Kind.ACTION, "type": kind, **_fields(row, "to", "from", "city")}
        yield rows.framed({**action, **{name: day for name, day in dates.items() if day}}, row, at, is_shift=True)
        meeting = {"kind": Kind.MEETING, "id": row.get("of"), "date": to}
        meeting["status"] = MeetingStatus.PLANNED if to else MeetingStatus.POSTPONED
        if "city" in row or not to:
            meeting["city"] = row.get("city")
        of_it = Places(places.row, {"id": places.at("/of"), "date": at.fields["date_after"]})
        yield rows.framed(meeting, row, of_it, field="date" if to else "status", is_late=True)


def _membership(rows: _Expanding, frame: Membership) -> Iterator[Framed]:
    for row, places in rows.rows("members", "member"):
        record = {"kind": Kind.MEMBERSHIP, "of": frame.of, "status": MembershipStatus.FULL, **_fields(row)}
        yield rows.framed(record, row, places)


def _records(rows: _Expanding, frame: Records) -> Iterator[Framed]:
    for row, places in rows.rows("records", "id"):
        if row.get("kind") == Kind.CITATION:  # these fields are its own
            said = {"source": frame.source, "confidence": frame.confidence}
            yield Framed({**{name: value for name, value in said.items() if value is not None}, **row}, places, ())
        else:
            yield rows.framed(_fields(row), row, places)


_EXPANSIONS: dict[type[Frame], Callable[[_Expanding, Any], Iterator[Framed]]] = {
    Participants: _participants,
    Instruments: _instruments,
    Postponement: _postponement,
    Membership: _membership,
    Records: _records,
}
