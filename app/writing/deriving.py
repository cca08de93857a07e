"""Fills empty fields of a record that follow from other records: only where a client asks for it.

| kind | field | follows from |
|---|---|---|
| person | `sort_name` | `name`: the last word is the surname; the first, if there is a name in Chinese, Japanese or Korean |
| participant | `country` | the country of the `organization` |
| participant | `capacity`, with `names` and `language` | the only office that the person holds, or may hold, at that time |
| memorandum | `status` | its actions: the furthest point that they reach |
| citation | `paragraph` | the only paragraph of the stored document in which the quote stands |

What is derived is stored like what was sent. It is checked like it, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import ids_parameter, is_one_of, run
from app.domain import edtf
from app.domain.spans import of_tenure
from app.domain.vocabulary import ActionType, Kind, MemorandumStatus
from app.models.actors import Position
from app.models.instruments import Action
from app.text.quotes import standing
from app.writing.batch import Content
from app.writing.writer import Writer

positions: sa.Table = Position.__table__
actions: sa.Table = Action.__table__
Data = Mapping[str, Any]
SURNAME_FIRST = ("zh", "ja", "ko")
"""Languages in which the surname comes first, also in their romanisations."""
PARTICLES = frozenset(
    {"al", "el", "bin", "bint", "ibn", "abu", "van", "von", "der", "den", "de", "da", "di", "dos", "del", "du", "la", "le"}
)
"""Words that belong to the surname that follows them."""
REACHED = {
    ActionType.PROPOSED: MemorandumStatus.PROPOSED,
    ActionType.DISCUSSED: MemorandumStatus.DRAFT,
    ActionType.NEGOTIATED: MemorandumStatus.NEGOTIATION,
    ActionType.AGREED: MemorandumStatus.AGREED,
    ActionType.SIGNED: MemorandumStatus.SIGNED,
    ActionType.ADOPTED: MemorandumStatus.ADOPTED,
    ActionType.APPROVED: MemorandumStatus.ADOPTED,
    ActionType.ENTERED_INTO_FORCE: MemorandumStatus.IN_FORCE,
    ActionType.ENDED: MemorandumStatus.ENDED,
}
"""The status that an instrument has after an action, unless another action has led further."""
_OFFICE = {"capacity": "title", "names": "names", "language": "language"}
"""By field of a participant: the field of an office from which it is taken."""


class Deriver:
    """Derives fields in the transaction of a write."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        by_person = is_one_of(positions.c.person_id, ids_parameter())
        self._offices = writer.compiler.to_statement(sa.select(positions.c.id).where(by_person).order_by(positions.c.id))
        done = sa.select(actions.c.type).where(is_one_of(actions.c.of_id, ids_parameter()), actions.c.party_id.is_(None))
        self._actions = writer.compiler.to_statement(done)

    def fill(self, connection: Connection, kind: Kind, data: Data) -> tuple[dict[str, Any], list[str]]:
        """Return a record with its empty fields filled, as far as they follow from others, and JSON Pointers to these fields.

        `data` is what was sent. It need not be valid: from what is not, nothing follows.
        """
        found = dict(data)
        filled = []
        for name, value in self._fields(connection, kind, data):
            if value and not found.get(name):
                found[name] = value
                filled.append(f"/{name}")
        citations = found.get("citations")
        if isinstance(citations, list):
            several = [self._cited(connection, each) for each in citations]
            filled += [f"/citations/{place}/paragraph" for place, (_, is_new) in enumerate(several) if is_new]
            found["citations"] = [each for each, _ in several]
        return found, filled

    def _fields(self, connection: Connection, kind: Kind, data: Data) -> Iterator[tuple[str, Any]]:
        match kind:
            case Kind.PERSON:
                yield "sort_name", _sort_name(data)
            case Kind.PARTICIPANT:
                if data.get("country") is None and (organization := _id_in(data.get("organization"))):
                    yield "country", self._state(connection, Kind.ORGANIZATION, organization).get("country")
                if data.get("capacity") is None and not data.get("names"):
                    office = self._office(connection, data)
                    yield from ((name, office.get(of)) for name, of in _OFFICE.items())
            case Kind.MEMORANDUM:
                if data.get("status") is None and (record_id := _id_in(data.get("id"))):
                    yield "status", self._status(connection, record_id)
            case Kind.CITATION:
                yield "paragraph", self._cited(connection, data)[0].get("paragraph")

    def _office(self, connection: Connection, data: Data) -> Content:
        """Return the only office that a participant holds, or may hold, when the meeting takes place; empty if none is it."""
        person, organization = _id_in(data.get("person")), _id_in(data.get("organization"))
        when = data.get("date") or self._state(connection, Kind.MEETING, _id_in(data.get("meeting"))).get("date")
        if person is None or not isinstance(when, str):
            return {}
        try:
            day = edtf.event(when)
        except ValueError:
            return {}
        ids = [record_id for (record_id,) in run(connection, self._offices, ids=self._writer.encode([person]))]
        held: dict[str, Content] = {}
        for office, _ in self._writer.states(connection, Kind.POSITION, ids).values():
            span = of_tenure(office.get("since"), office.get("until"), office.get("attested") or (), holds_on=False)
            is_held = span.possible_from <= day.end and day.start <= span.possible_until
            if is_held and (organization is None or office.get("organization") in (None, organization)):
                held[office["title"]] = office
        return held.popitem()[1] if len(held) == 1 else {}

    def _status(self, connection: Connection, record_id: str) -> str | None:
        done = [ActionType(each) for (each,) in run(connection, self._actions, ids=self._writer.encode([record_id]))]
        return furthest(done)

    def _cited(self, connection: Connection, citation: Any) -> tuple[Any, bool]:
        """Return a citation with its paragraph, and whether the paragraph was derived."""
        if not isinstance(citation, Mapping) or citation.get("paragraph") is not None:
            return citation, False
        source, quote = _id_in(citation.get("source")), citation.get("quote")
        if source is None or not isinstance(quote, str):
            return citation, False
        several = self._writer.proofs.paragraphs_of(connection, [source]).get(source, [])
        numbers = sorted({number for paragraphs in several for number in standing(paragraphs, quote)})
        return ({**citation, "paragraph": numbers[0]}, True) if len(numbers) == 1 else (citation, False)

    def _state(self, connection: Connection, kind: Kind, record_id: str | None) -> Content:
        """Return the content of a stored record; empty if there is none."""
        found = self._writer.states(connection, kind, [record_id]) if record_id else {}
        return found[record_id][0] if record_id in found else {}


def furthest(done: Sequence[ActionType]) -> str | None:
    """Return the furthest status that an instrument has reached by these actions; None if they say nothing of it."""
    order = list(MemorandumStatus)
    reached = [REACHED[each] for each in done if each in REACHED]
    return max(reached, key=order.index).value if reached else None


def _id_in(value: Any) -> str | None:
    """Return the id in a reference as it was sent: an id, or an object with one."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else None


def _sort_name(data: Data) -> str | None:
    name, names = data.get("name"), data.get("names")
    words = name.split() if isinstance(name, str) else []
    if len(words) < 2:
        return None
    languages = [each.get("language") for each in names if isinstance(each, Mapping)] if isinstance(names, list) else []
    if any(isinstance(each, str) and each.partition("-")[0] in SURNAME_FIRST for each in languages):
        return f"{words[0]}, {' '.join(words[1:])}"
    first = len(words) - 1
    while first > 1 and words[first - 1].lower() in PARTICLES:
        first -= 1
    return f"{' '.join(words[first:])}, {' '.join(words[:first])}"
