"""Fills empty fields of a record that follow from other records: only where a client asks for it.

| kind | field | follows from |
|---|---|---|
| person | `sort_name` | `name`: the last word is the surname; the first, if a name in Chinese, Japanese or Korean has no `·` |
| participant, position | `country` | the country of the `organization` |
| participant | `capacity`, with `names` and `language` | the only office that the person holds, or may hold, at that time |
| memorandum | `status` | its actions: the furthest point that they reach |
| citation | `paragraph` | the only paragraph of the stored document in which the quote stands |

What is derived is stored like what was sent. It is checked like it, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.driver import Statement
from app.db.sql import ids_parameter, is_one_of, run
from app.domain import edtf
from app.domain.spans import of_tenure
from app.domain.vocabulary import ActionType, Kind, MemorandumStatus
from app.faults import Fault
from app.models.actors import Position
from app.models.instruments import Action
from app.text.quotes import standing
from app.writing.batch import Batch, Content, Wanted
from app.writing.proving import Proofs, misplaced
from app.writing.stored import StoredRecords
from app.writing.write_schema import id_in

positions: sa.Table = Position.__table__
actions: sa.Table = Action.__table__
Data = Mapping[str, Any]
SURNAME_FIRST = ("zh", "ja", "ko")
"""Languages in which the surname comes first, also in their romanisations."""
_BETWEEN_FOREIGN = frozenset("·・‧•")
"""What stands between the parts of a foreign name in Han characters or kana."""
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


class Known:
    """What is known in a transaction: the stored records, and those of the batch that is written."""

    def __init__(self, connection: Connection, stored: StoredRecords, proofs: Proofs, batch: Batch) -> None:
        self.connection = connection
        self._stored = stored
        self._proofs = proofs
        self._batch = batch
        self._paragraphs: dict[str, list[list[str]]] = {}
        self._linking: dict[tuple[Kind, str], dict[str, None]] = {}
        """By kind and the record that they link: the ids of positions and actions of the batch."""
        for wanted in batch.wanted.values():
            self.add(wanted)

    def add(self, wanted: Wanted) -> None:
        """Take note of a record of the batch."""
        if (field := _LINKED_BY.get(wanted.resource.kind)) and (target := wanted.content.get(field)):
            self._linking.setdefault((wanted.resource.kind, target), {})[wanted.id] = None

    def linking(self, kind: Kind, record_id: str, stored: Mapping[str, Content]) -> list[Content]:
        """Return the positions or actions that link a record: the stored ones as they will be, and those of the batch."""
        own = {each: self.state(kind, each) for each in self._linking.get((kind, record_id), ())}
        return [content for content in {**stored, **own}.values() if content.keys() >= _NEEDED[kind]]

    def state(self, kind: Kind, record_id: str | None) -> Content:
        """Return the content of a record, as it will be as far as that is known; empty if there is none."""
        if not record_id:
            return {}
        wanted = self._batch.wanted.get(record_id)
        sent = wanted.content if wanted is not None and wanted.resource.kind is kind else {}
        if sent and wanted is not None and not wanted.manner.merges:
            return sent
        return {**self._stored.states(self.connection, kind, [record_id]).get(record_id, ({}, 0))[0], **sent}

    def paragraphs(self, source: str) -> list[list[str]]:
        """Return the paragraphs of the kept documents of a source."""
        if source not in self._paragraphs:
            found = self._proofs.paragraphs(self.connection, self._batch, [source])
            self._paragraphs[source] = found.get(source, [])
        return self._paragraphs[source]


_NEEDED = {Kind.POSITION: {"title"}, Kind.ACTION: {"type"}}
"""The fields without which a record of the batch is too faulty to follow anything from it."""
_LINKED_BY = {Kind.POSITION: "person", Kind.ACTION: "of"}


class Filled(NamedTuple):
    """A record whose empty fields were filled."""

    data: dict[str, Any]
    pointers: list[str]
    """JSON Pointers to what was filled."""
    faults: list[Fault]
    """Why paragraphs of quotes could not be found."""


class Deriver:
    """Derives fields in the transaction of a write."""

    def __init__(self, stored: StoredRecords, proofs: Proofs) -> None:
        self._stored = stored
        self._proofs = proofs
        by_person = is_one_of(positions.c.person_id, ids_parameter())
        self._offices = stored.compiler.to_statement(sa.select(positions.c.id).where(by_person).order_by(positions.c.id))
        by_instrument = is_one_of(actions.c.of_id, ids_parameter())
        self._actions = stored.compiler.to_statement(sa.select(actions.c.id).where(by_instrument).order_by(actions.c.id))

    def known(self, connection: Connection, batch: Batch) -> Known:
        """Return what is known in this transaction while a batch is written."""
        return Known(connection, self._stored, self._proofs, batch)

    def fill(self, known: Known, kind: Kind, data: Data) -> Filled:
        """Return a record with its empty fields filled, as far as they follow from others.

        `data` is what was sent. It need not be valid: from what is not, nothing follows.
        """
        found = dict(data)
        filled = []
        for name, value in self._fields(known, kind, data):
            if value and not found.get(name):
                found[name] = value
                filled.append(f"/{name}")
        if kind is Kind.CITATION:
            found, faults = self._cited(known, found)
            return Filled(found, [*filled, *(["/paragraph"] if found.keys() - data.keys() else [])], faults)
        faults = []
        if isinstance(citations := found.get("citations"), list):
            found["citations"] = []
            for place, citation in enumerate(citations):
                placed, wrong = self._cited(known, citation) if isinstance(citation, Mapping) else (citation, [])
                found["citations"].append(placed)
                if placed != citation:
                    filled.append(f"/citations/{place}/paragraph")
                faults += [fault._replace(pointer=f"/citations/{place}{fault.pointer}") for fault in wrong]
        return Filled(found, filled, faults)

    def _fields(self, known: Known, kind: Kind, data: Data) -> Iterator[tuple[str, Any]]:
        match kind:
            case Kind.PERSON:
                yield "sort_name", _sort_name(data)
            case Kind.POSITION:
                yield "country", self._country(known, data)
            case Kind.PARTICIPANT:
                yield "country", self._country(known, data)
                if data.get("capacity") is None and not data.get("names"):
                    office = self._office(known, data)
                    yield from ((name, office.get(of)) for name, of in _OFFICE.items())
            case Kind.MEMORANDUM:
                if data.get("status") is None and (record_id := id_in(data.get("id"))):
                    yield "status", furthest(self.done_to(known, record_id))

    def _country(self, known: Known, data: Data) -> str | None:
        organization = id_in(data.get("organization")) if data.get("country") is None else None
        return known.state(Kind.ORGANIZATION, organization).get("country")

    def _office(self, known: Known, data: Data) -> Content:
        """Return the only office that a participant holds, or may hold, when the meeting takes place; empty if none is it."""
        person, organization = id_in(data.get("person")), id_in(data.get("organization"))
        when = data.get("date") or known.state(Kind.MEETING, id_in(data.get("meeting"))).get("date")
        if person is None or not isinstance(when, str):
            return {}
        try:
            day = edtf.event(when)
        except ValueError:
            return {}
        held: dict[str, Content] = {}
        for office in self._linking(known, Kind.POSITION, self._offices, person):
            span = of_tenure(office.get("since"), office.get("until"), office.get("attested") or (), holds_on=False)
            is_held = span.possible_from <= day.end and day.start <= span.possible_until
            if is_held and (organization is None or office.get("organization") in (None, organization)):
                held[office["title"]] = office
        return held.popitem()[1] if len(held) == 1 else {}

    def done_to(self, known: Known, record_id: str) -> list[ActionType]:
        """Return the types of the actions that were done to an instrument, and not by one of its parties alone."""
        found = [each["type"] for each in self.actions_of(known, record_id) if not each.get("party")]
        return [ActionType(each) for each in found]

    def actions_of(self, known: Known, record_id: str) -> list[Content]:
        """Return the actions of an instrument, outcome or meeting."""
        return self._linking(known, Kind.ACTION, self._actions, record_id)

    def _linking(self, known: Known, kind: Kind, statement: Statement, record_id: str) -> list[Content]:
        ids = [found for (found,) in run(known.connection, statement, ids=self._stored.encode([record_id]))]
        stored = {each: content for each, (content, _) in self._stored.states(known.connection, kind, ids).items()}
        return known.linking(kind, record_id, stored)

    def _cited(self, known: Known, citation: Data) -> tuple[dict[str, Any], list[Fault]]:
        """Return a citation with its paragraph, and why there is none if its document is kept."""
        source, quote, found = id_in(citation.get("source")), citation.get("quote"), dict(citation)
        if citation.get("paragraph") is not None or source is None or not isinstance(quote, str):
            return found, []
        documents = known.paragraphs(source)
        numbers = sorted({number for paragraphs in documents for number in standing(paragraphs, quote)})
        if len(numbers) == 1:
            return {**found, "paragraph": numbers[0]}, []
        if not documents:
            return found, []
        return found, [misplaced(quote, numbers)]


def furthest(done: Sequence[ActionType]) -> str | None:
    """Return the furthest status that an instrument has reached by these actions; None if they say nothing of it."""
    order = list(MemorandumStatus)
    reached = [REACHED[each] for each in done if each in REACHED]
    return max(reached, key=order.index).value if reached else None


def _is_surname_first(language: Any, name: Any) -> bool:
    """Whether a name is one of a language in which the surname comes first. A dot stands in names from other languages."""
    is_such = isinstance(language, str) and language.partition("-")[0] in SURNAME_FIRST
    return is_such and isinstance(name, str) and _BETWEEN_FOREIGN.isdisjoint(name)


def _sort_name(data: Data) -> str | None:
    name, names = data.get("name"), data.get("names")
    words = name.split() if isinstance(name, str) else []
    if len(words) < 2:
        return None
    several = [each for each in names if isinstance(each, Mapping)] if isinstance(names, list) else []
    if any(_is_surname_first(each.get("language"), each.get("text")) for each in several):
        return f"{words[0]}, {' '.join(words[1:])}"
    first = len(words) - 1
    while first > 1 and words[first - 1].lower() in PARTICLES:
        first -= 1
    return f"{' '.join(words[first:])}, {' '.join(words[:first])}"
