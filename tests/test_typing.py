"""How much a keeper types who enters a document with frames: ten documents, each with the lines that enter its facts.

`intake/NN-shape.frames.ndjson` is what is typed for the document `NN-shape.LANG.txt`. `NN-shape.json` lists its facts, as a
reader found them who did not know frames. A name that the registry gives, a summary and a note may be in other words. An id may
be another one: records are told to be the same by their names, and by what else is said of them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.text.passages import folded
from tests.conftest import Database, Fresh

FOLDER = Path(__file__).parent / "intake"
TEXTS = sorted(FOLDER.glob("*.txt"))
MOST_TYPED = 3.3
"""How many characters may be typed for each character of the texts. The aim is 1.5."""
FAITHFUL = 0.9
"""The least share of facts that the registry holds as they are stated."""
OWN_WORDS = ("summary", "note", "contribution")
LINKS = {
    "participant": ("meeting", "person", "organization", "country", "group", "role"),
    "party": ("memorandum", "party"),
    "action": ("of", "type", "party", "date"),
    "relation": ("memorandum", "related", "type"),
    "position": ("person", "held_by", "organization", "title"),
    "membership": ("of", "member", "status"),
}
"""By kind of record that links others: what tells which is meant."""
Record = dict[str, Any]


class Held:
    """What the registry holds, and which of its records each id of the facts means."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = {str(each["id"]): each for each in records}
        self.citations: dict[str, list[Record]] = {}
        for each in self.records.values():
            if each["kind"] == "citation":
                self.citations.setdefault(each["record"], []).append(each)
        self.ids: dict[str, str] = {}

    def meant(self, value: Any) -> Any:
        """Return a value of a fact with the ids that the registry has."""
        if isinstance(value, list):
            return [self.meant(each) for each in value]
        if isinstance(value, Mapping):
            return {name: self.meant(each) for name, each in value.items()}
        return self.ids.get(value, value) if isinstance(value, str) else value

    def named(self, stated: Record) -> None:
        """Find the record that a fact with an id describes: of the same name, or else the one most like it."""
        record_id = stated["id"]
        if record_id in self.records and record_id not in self.ids:
            self.ids[record_id] = record_id
        if record_id in self.ids:
            return
        taken = set(self.ids.values())
        alike = {
            each["id"]: 100 * bool(_names(each) & _names(stated)) + len(_said(each, self) & _said(stated, self))
            for each in self.records.values()
            if each["kind"] == stated["kind"] and each["id"] not in taken
        }
        if alike:
            self.ids[record_id] = max(alike, key=lambda each: alike[each])

    def holding(self, stated: Record) -> list[Record]:
        """Return the records that say what a fact says, or something like it, of the same things."""
        if "id" in stated:
            found = self.records.get(self.ids.get(stated["id"], ""))
            return [found] if found else []
        fields = [name for name in LINKS[stated["kind"]] if name in stated]
        wanted = [self.meant(stated[name]) for name in fields]
        return [
            each
            for each in self.records.values()
            if each["kind"] == stated["kind"] and [self.value(each, name) for name in fields] == wanted
        ]

    def value(self, record: Record, name: str) -> Any:
        """Return a field. What is undated has the day of its meeting."""
        if name == "date" and record.get("date") is None and record.get("meeting"):
            return self.records[record["meeting"]].get("date")
        return record.get(name)

    def differences(self, stated: Record, record: Record, text: str) -> list[str]:
        """Return the fields of a fact that a record does not hold."""
        checks = {"id": True, "kind": True, "sort_name": True}
        for name, value in stated.items():
            if name in checks:
                continue
            there = self.value(record, name)
            match name:
                case "name":
                    checks[name] = value.casefold() in _names(record) or _has_words(value, record)
                case "names":
                    printed = {each["text"].casefold() for each in value if _is_printed(each["text"], text)}
                    checks[name] = printed <= _names(record)
                case "capacity":
                    checks[name] = there == value or there in self.offices(record)
                case "language":
                    has_own = record.get("capacity") == stated.get("capacity") or "capacity" not in stated
                    has_text = any(record.get(field) for field in (*OWN_WORDS, "capacity", "group", "title"))
                    checks[name] = there == value or not (has_own and has_text)
                case "topics":
                    checks[name] = set(value) <= {*map(str, there or ())} or set(self.meant(value)) <= {*(there or ())}
                case _ if name in OWN_WORDS:
                    checks[name] = _has_words(value, record)
                case _:
                    checks[name] = there == self.meant(value)
        return [name for name, is_there in checks.items() if not is_there]

    def offices(self, participant: Record) -> set[str]:
        """Return the titles of the offices that a participant holds, from which a capacity may be derived."""
        person = participant.get("person")
        return {
            each["title"]
            for each in self.records.values()
            if each["kind"] == "position" and person and each.get("person") == person
        }

    def cites(self, record: Record, fact: Record, source: str) -> bool:
        """Whether a record is cited from the paragraph of the fact, with the same confidence."""
        wanted = (source, fact["paragraph"], fact.get("confidence", "stated"))
        found = self.citations.get(record["id"], ())
        return wanted in {(each["source"], each.get("paragraph"), each["confidence"]) for each in found}


def _names(record: Record) -> set[str]:
    texts = [record.get("name"), record.get("title"), *(each["text"] for each in record.get("names") or ())]
    return {text.casefold() for text in texts if text}


def _said(record: Record, held: Held) -> set[str]:
    fields = {name: value for name, value in record.items() if name not in ("id", "kind", "name", "names", *OWN_WORDS)}
    words = {f"word {word}" for word in _words(str(record.get("name")))}
    return {f"{name} {held.meant(value)}" for name, value in fields.items()} | words


def _words(text: str) -> set[str]:
    """Return what tells a text from another: its numbers, and the beginnings of its long words."""
    return {word[:5] for word in re.findall(r"\w+", text.casefold()) if len(word) > 4 or word.isdigit()} or {text.casefold()}


def _has_words(text: str, record: Record) -> bool:
    """Whether a record says, in its own words or by its dates, what a text says: every number, and half of the long words."""
    said = " ".join(str(value) for value in record.values())
    words, there = _words(text), _words(said) | {str(int(number)) for number in re.findall(r"\d+", said)}
    return all(each in there for each in words if each.isdigit()) and 2 * len(words & there) >= len(words)


def _is_printed(name: str, text: str) -> bool:
    """Whether a text prints a name, be it in another case."""
    stems = [re.escape(word[: max(2, len(word) - 2)]) + r"\w*" for word in re.findall(r"\w+", name)]
    return re.search(r"\W+".join(stems), text, re.IGNORECASE) is not None


def test_the_facts_of_ten_documents_are_entered_with_frames(fresh: Fresh) -> None:
    """What is typed enters all their facts and no others, and is not much longer than the documents."""
    database = Database(fresh())
    database.seed()
    database.load(*(FOLDER / "prior.ndjson").read_text(encoding="utf-8").splitlines())
    headers = database.key()
    typed = printed = stated = 0
    differences, invented = [], []
    with database.client() as client:

        def records() -> list[Record]:
            return [json.loads(line) for line in client.get("/v1/export", headers=headers).text.splitlines()]

        held = Held(records())
        for path in TEXTS:
            content = path.read_text(encoding="utf-8")
            shape = path.name.split(".")[0]
            facts = json.loads((FOLDER / f"{shape}.json").read_text(encoding="utf-8"))
            sent = client.post(
                "/v1/documents", content=content.encode(), headers={**headers, "Content-Type": "text/plain"}
            ).json()
            lines = (FOLDER / f"{shape}.frames.ndjson").read_text(encoding="utf-8").strip()
            typed, printed = typed + len(lines), printed + len(content)
            first, *frames = lines.splitlines()
            source = json.loads(first)
            body = "\n".join([json.dumps(source | {"texts": sent["proposed_source"]["texts"]}), *frames])
            loading = {**headers, "Content-Type": "application/x-ndjson"}
            answer = client.post("/v1/import", content=body.encode(), headers=loading, params={"prove": True})
            assert answer.status_code == 200, answer.text
            assert answer.json()["warnings"] == []
            before, held = held, Held(records())
            held.ids = {record_id: record_id for record_id in before.records}
            text = folded(content)
            for fact in facts["facts"]:
                if "id" in fact["record"]:
                    held.named(fact["record"])
            meant = set()
            for fact in facts["facts"]:
                found = held.holding(fact["record"])
                meant |= {each["id"] for each in found}
                if fact.get("helper"):
                    continue
                stated += 1
                wrong = [
                    [
                        *held.differences(fact["record"], each, text),
                        *(() if held.cites(each, fact, source["id"]) else ("citation",)),
                    ]
                    for each in found
                ]
                if not wrong or min(wrong, key=len):
                    differences.append((shape, fact["id"], min(wrong, key=len) if wrong else "nothing like it"))
            kinds = {fact["record"]["kind"] for fact in facts["facts"]}
            made = {
                record_id
                for record_id in held.records.keys() - before.records.keys()
                if held.records[record_id]["kind"] in kinds
            }
            invented += [(shape, held.records[record_id]) for record_id in sorted(made - meant)]
    assert invented == []
    assert len(differences) <= (1 - FAITHFUL) * stated, differences
    assert typed <= MOST_TYPED * printed, f"{typed} characters for {printed}"
    assert database.disagreements() == []
    database.engine.dispose()


@pytest.mark.parametrize(
    ("field", "value", "noticed"),
    [
        ("role", "guest", ["role"]),
        ("country", "XA", ["country"]),
        ("capacity", "Envoy", ["capacity"]),
        ("language", None, ["language"]),
        ("capacity", "Ambassador", []),
        ("contribution", "Told of five bridges.", ["contribution"]),
        ("contribution", "Told of twelve bridges and 4 roads.", []),
    ],
)
def test_what_is_entered_wrongly_is_noticed(field: str, value: object, noticed: list[str]) -> None:
    """A capacity may be the title of an office that the person holds; a report may be told in other words."""
    fact = {"kind": "participant", "meeting": "m", "person": "p", "country": "XB", "role": "speaker", "capacity": "Minister"}
    fact |= {"contribution": "Spoke about twelve bridges, 4 roads.", "language": "en"}
    office = {"kind": "position", "id": "o", "person": "p", "title": "Ambassador"}
    entered = {**fact, "id": "x", "meeting": "other-id", field: value}
    held = Held([office, entered])
    held.ids["m"] = "other-id"
    assert held.differences(fact, entered, "") == noticed
