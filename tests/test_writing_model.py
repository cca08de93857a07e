"""Any sequence of writes against a plain model of the contract: what is answered, what stands, what the log holds.

The model knows the contract and nothing of the code: a dictionary of what stands, a list of what was written, and the rules
that hold over all of it. After every write the registry is asked for everything and must say the same.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from starlette.testclient import TestClient

from tests.conftest import Database, Fresh
from tests.depth import thorough, tries

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""Postgres' pool draws from that module in a thread of its own, now and then while a strategy does its work."""

bounded = settings(
    derandomize=tries(quick=True, slow=True, deeper=False),
    max_examples=tries(5, 20, 150),
    stateful_step_count=tries(40, 40, 60),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

Content = dict[str, Any]

PLURALS = {
    "country": "countries",
    "topic": "topics",
    "source": "sources",
    "organization": "organizations",
    "meeting": "meetings",
    "participant": "participants",
    "memorandum": "memoranda",
    "party": "parties",
    "relation": "relations",
    "citation": "citations",
}
CITABLE = tuple(kind for kind in PLURALS if kind != "citation")
REFERENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "country": {},
    "topic": {"broader": ("topic",)},
    "source": {},
    "organization": {"parent": ("organization",), "country": ("country",)},
    "meeting": {"part_of": ("meeting",)},
    "participant": {
        "meeting": ("meeting",),
        "organization": ("organization",),
        "country": ("country",),
        "on_behalf_of": ("country", "organization"),
    },
    "memorandum": {},
    "party": {"memorandum": ("memorandum",), "party": ("country", "organization")},
    "relation": {"memorandum": ("memorandum",), "related": ("memorandum", "organization")},
    "citation": {"record": CITABLE, "source": ("source",)},
}
ABOVE = {"topic": "broader", "organization": "parent", "meeting": "part_of"}
"""The reference in which no record is above itself."""
KEYS = {
    "participant": ("meeting", "organization", "country", "group", "role"),
    "party": ("memorandum", "party", "members", "role"),
    "relation": ("memorandum", "related", "type"),
    "citation": ("record", "source", "paragraph", "quote", "field"),
}
"""What tells a link record from every other."""
ENDS = {
    "participant": (),
    "party": ("memorandum", "party"),
    "relation": ("memorandum", "related"),
    "citation": ("record", "source"),
}
"""What a link record joins, where that may be one and the same."""
REQUIRED = {
    "country": ("name",),
    "topic": ("name",),
    "source": ("title",),
    "organization": ("name",),
    "meeting": ("name",),
    "participant": ("meeting", "role"),
    "memorandum": ("name",),
    "party": ("memorandum", "party", "role"),
    "relation": ("memorandum", "related", "type"),
    "citation": ("record", "source", "paragraph", "quote", "confidence"),
}
LABELS = {"source": ("title",), "participant": ("capacity", "group", "role"), "party": ("role",), "relation": ("type",)}
PARTS = ("names", "topics")
DERIVED = {
    "version",
    "created_at",
    "updated_at",
    "date_start",
    "date_end",
    "countries",
    "link",
    "citations",
}
KEPT_BY_A_MERGE = ("acronym", "former", "as_printed", "alias")
"""Types that a name keeps when it comes to another record; the others become aliases."""

VALUES: dict[str, dict[str, list[Any]]] = {
    "topic": {"name": ["Towers", "Networks"]},
    "source": {"title": ["News", "Report"], "url": [None, "https://example.org/news"]},
    "organization": {"name": ["Union", "Ministry", "Союз"], "acronym": [None, "U"]},
    "meeting": {"name": ["Talks", "Forum"], "date": [None, "2025-06-16", "2025-06-17"]},
    "participant": {
        "role": ["host", "speaker"],
        "capacity": [None, "Minister"],
        "group": [None, None, "Experts"],
        "date": [None, None, "2025-06-16"],
    },
    "memorandum": {"name": ["Paper", "Plan"], "status": [None, "signed"]},
    "party": {"role": ["party", "adopter"], "members": [None, False, True]},
    "relation": {"type": ["amends", "implements"]},
    "citation": {
        "paragraph": [1, 2],
        "quote": ["held", "was signed"],
        "field": [None, None, "name"],
        "confidence": ["stated", "inferred"],
        "review": [None, "unreviewed", "confirmed"],
    },
}
OPTIONAL = {"broader", "parent", "country", "part_of", "organization", "on_behalf_of"}
NAMES = [
    [],
    [{"language": "ru", "text": "Союз", "type": "official"}],
    [{"language": "en", "text": "Union", "type": "official"}, {"language": "en", "text": "U", "type": "acronym"}],
]
IDS = {
    "topic": ["topic-1", "topic-2", "topic-3"],
    "source": ["source-1", "source-2"],
    "organization": ["union-1", "union-2", "union-3", "union-4"],
    "meeting": ["meeting-1", "meeting-2", "meeting-3"],
    "participant": ["who-1", "who-2"],
    "memorandum": ["paper-1", "paper-2", "paper-3"],
    "party": ["side-1", "side-2"],
    "relation": ["link-1"],
    "citation": ["proof-1", "proof-2"],
}
WORLD: list[Content] = [
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "source", "id": "source-1", "title": "News"},
    {"kind": "source", "id": "source-2", "title": "Report"},
    {"kind": "topic", "id": "topic-1", "name": "Towers"},
    {"kind": "organization", "id": "union-1", "name": "Union"},
    {"kind": "organization", "id": "union-2", "name": "Ministry", "parent": "union-1", "country": "BY"},
    {"kind": "meeting", "id": "meeting-1", "name": "Talks"},
    {"kind": "meeting", "id": "meeting-2", "name": "Forum", "topics": ["topic-1"]},
    {"kind": "memorandum", "id": "paper-1", "name": "Paper"},
    {"kind": "memorandum", "id": "paper-2", "name": "Plan"},
    {"kind": "participant", "id": "who-1", "meeting": "meeting-1", "organization": "union-2", "role": "host"},
    {"kind": "party", "id": "side-1", "memorandum": "paper-1", "party": "union-2", "role": "party"},
    {"kind": "relation", "id": "link-1", "memorandum": "paper-1", "related": "paper-2", "type": "amends"},
    {
        "kind": "citation",
        "id": "proof-1",
        "record": "union-2",
        "source": "source-1",
        "paragraph": 1,
        "quote": "held",
        "confidence": "stated",
        "review": "unreviewed",
    },
]


# -- the model ----------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A version of a record, as the log holds it."""

    id: str
    kind: str
    version: int
    operation: str
    into: str | None
    state: Content | None
    transaction: str
    at: str


class Write(NamedTuple):
    """What a write is to do to a record."""

    content: Content | None
    operation: str | None
    """None: a version that another record's write brought about, whatever the log calls it."""
    into: str | None = None


@dataclass
class Outcome:
    """What a write is to be answered, and what it does."""

    statuses: tuple[int, ...]
    writes: dict[str, Write] = field(default_factory=dict)
    location: str = ""
    left: set[str] = field(default_factory=set)
    """Records that a restore could not put back."""
    new: dict[tuple[Any, ...], str] = field(default_factory=dict)
    """Keys of link records whose ids the registry derives, with what stands for these until it is known."""

    @property
    def succeeds(self) -> bool:
        """Whether it is done."""
        return self.statuses[0] < 300


class Condition(NamedTuple):
    """What a client says of the record that it writes."""

    word: str
    version: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """As a client sends it."""
        match self.word:
            case "version":
                return {"If-Match": f'"{self.version}.0a1b"'}
            case "any":
                return {"If-Match": "*"}
            case "new":
                return {"If-None-Match": "*"}
            case _:
                return {}

    @property
    def says_what_is_meant(self) -> bool:
        """Whether a record may be changed on its strength."""
        return self.word in ("version", "any", "upsert")

    def holds(self, version: int | None) -> bool:
        """Whether a record of this version, or none, is what the client takes it for."""
        match self.word:
            case "version":
                return version == self.version
            case "any":
                return version is not None
            case "new":
                return version is None
            case _:
                return True


NOTHING = Condition("nothing")
UPSERT = Condition("upsert")


class Model:
    """The registry as the contract describes it."""

    def __init__(self) -> None:
        self.standing: dict[str, Content] = {}
        self.log: dict[str, list[Entry]] = {}
        self.into: dict[str, str] = {}
        """Where the ids of merged records lead."""
        self.derived: dict[tuple[Any, ...], str] = {}
        """The ids that imports made of natural keys."""

    # -- what there is --------------------------------------------------------------------------------------------------

    def kind(self, record_id: str) -> str | None:
        """The kind that an id stands for, or stood for at last."""
        return self.log[record_id][-1].kind if record_id in self.log else None

    def version(self, record_id: str) -> int | None:
        """The version of a record that stands."""
        return self.log[record_id][-1].version if record_id in self.standing else None

    def of(self, *kinds: str) -> list[str]:
        """The ids of the records of these kinds that stand."""
        return sorted(record_id for record_id, content in self.standing.items() if content["kind"] in kinds)

    def citations_of(self, record_id: str) -> dict[str, Content]:
        """The citations that support a record."""
        return {each: content for each, content in self.standing.items() if content.get("record") == record_id}

    def survivor(self, record_id: str) -> str:
        """The id that a merged record's leads to."""
        while record_id not in self.standing and record_id in self.into:
            record_id = self.into[record_id]
        return record_id

    def missing(self, kind: str, record_id: str) -> Outcome | None:
        """How a change of a record is refused that is not there."""
        if record_id in self.standing:
            return None if self.kind(record_id) == kind else Outcome((409, 404))
        return Outcome((410,) if record_id in self.log else (404,))

    def label(self, record_id: str) -> str:
        """The name that references show."""
        content = self.standing[record_id]
        return next(str(content[name]) for name in LABELS.get(content["kind"], ("name", "quote")) if name in content)

    # -- the rules ------------------------------------------------------------------------------------------------------

    def settle(
        self,
        wanted: Mapping[str, Content | None],
        *,
        doing: str,
        status: int = 200,
        invalid: bool = False,
        conflict: bool = False,
        refused: int | None = None,
        leads: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Whether all rules hold once this is written, and what is written then. `refused`: the status of every fault."""
        after = {each: content for each, content in {**self.standing, **wanted}.items() if content is not None}
        leads = leads or {}
        writes: dict[str, Write] = {}
        for each, content in wanted.items():
            old = self.standing.get(each)
            if old == content:
                continue
            if content is None:
                operation = "merge" if each in leads else "delete"
            else:
                operation = doing if old is not None or doing == "restore" else "create"
            writes[each] = Write(content, operation, leads.get(each))
            conflict |= old is None and each in self.into and doing != "restore"
        for each in list(writes):
            for content in (self.standing.get(each), after.get(each)):
                record = content.get("record") if content else None
                if record in after and record not in writes:
                    writes[record] = Write(after[record], None)
        conflict |= len({(content["kind"], *key_of(content)) for content in after.values() if content["kind"] in KEYS}) < sum(
            content["kind"] in KEYS for content in after.values()
        )
        invalid |= any(faulty(content, after) for content in after.values())
        if invalid or conflict:
            return Outcome((refused or (422 if invalid else 409),))
        return Outcome((status,), writes)

    # -- the operations -------------------------------------------------------------------------------------------------

    def create(self, kind: str, body: Content) -> Outcome:
        """`POST /v1/{plural}`; `?` stands for an id that the registry makes."""
        record_id = body.get("id", "?")
        taken = record_id in self.log
        cited, conflict, _ = self._cited("?" if taken else record_id, body)
        content = content_of(kind, "?" if taken else record_id, body)
        address = content.get("url")
        conflict |= taken or (address is not None and any(each.get("url") == address for each in self.standing.values()))
        outcome = self.settle(
            {content["id"]: content, **cited}, doing="create", status=201, invalid=lacking(content), conflict=conflict
        )
        if taken and kind in ABOVE and outcome.statuses == (409,):
            outcome.statuses = (409, 422)  # it may contradict what refers to the record that has the id, too
        return outcome

    def put(self, kind: str, record_id: str, body: Content, condition: Condition) -> Outcome:
        """`PUT /v1/{plural}/{id}`."""
        old = self.standing.get(record_id)
        if old is not None and old["kind"] != kind:
            return Outcome((409,))
        if old is None and record_id in self.into:
            return Outcome((308,), location=f"/v1/{PLURALS[kind]}/{self.into[record_id]}")
        if not condition.holds(self.version(record_id)):
            return Outcome((412,))
        kept = {name: old[name] for name in PARTS if old is not None and name in old}
        content = content_of(kind, record_id, {**kept, **body})
        cited, conflict, _ = self._cited(record_id, body)
        outcome = self.settle(
            {record_id: content, **cited},
            doing="replace",
            status=200 if old else 201,
            invalid=lacking(content),
            conflict=conflict,
        )
        if old is not None and outcome.writes and not condition.says_what_is_meant:
            return Outcome((428,))
        return outcome

    def patch(self, kind: str, record_id: str, patch: Content, condition: Condition) -> Outcome:
        """`PATCH /v1/{plural}/{id}`."""
        if missing := self.missing(kind, record_id):
            return missing
        if not condition.says_what_is_meant:
            return Outcome((428,))
        if not condition.holds(self.version(record_id)):
            return Outcome((412,))
        content = content_of(kind, record_id, {**self.standing[record_id], **patch})
        body = {**patch, "citations": patch["citations"] or []} if "citations" in patch else patch
        cited, conflict, _ = self._cited(record_id, body)
        return self.settle({record_id: content, **cited}, doing="patch", invalid=lacking(content), conflict=conflict)

    def delete(self, kind: str, record_id: str, condition: Condition) -> Outcome:
        """`DELETE /v1/{plural}/{id}`."""
        if missing := self.missing(kind, record_id):
            return missing
        if not condition.says_what_is_meant:
            return Outcome((428,))
        if not condition.holds(self.version(record_id)):
            return Outcome((412,))
        wanted = dict.fromkeys([record_id, *self.citations_of(record_id)])
        return self.settle(wanted, doing="delete", status=204, refused=409)

    def import_(self, line: Content) -> Outcome:
        """`POST /v1/import` of one line."""
        kind, record_id = line["kind"], line.get("id")
        new: dict[tuple[Any, ...], str] = {}
        if record_id is None:
            content = content_of(kind, "?", line)
            if kind not in KEYS or lacking(content):
                return Outcome((422,))
            key = kind, *key_of(content)
            record_id = self._with_key(key) or self.derived.get(key) or new.setdefault(key, "?")
        content = content_of(kind, record_id, line)
        cited, conflict, more = self._cited(record_id, line, derive=True)
        if self.standing.get(record_id, content)["kind"] != kind:
            return Outcome((422, 409))
        outcome = self.settle({record_id: content, **cited}, doing="replace", invalid=lacking(content), conflict=conflict)
        outcome.new = {**new, **more}
        return outcome

    def _cited(
        self, record_id: str, body: Content, *, derive: bool = False
    ) -> tuple[dict[str, Content | None], bool, dict[tuple[Any, ...], str]]:
        """What becomes of citations that come with a record; whether one is another's; keys of which ids are derived."""
        if "citations" not in body or body.get("kind") == "citation":
            return {}, False, {}
        wanted: dict[str, Content | None] = dict.fromkeys(self.citations_of(record_id))
        conflict, new = False, {}
        for place, citation in enumerate(body["citations"]):
            content = content_of("citation", "", {**citation, "record": record_id})
            key = "citation", *key_of(content)
            citation_id = citation.get("id") or self._with_key(key) or (derive and self.derived.get(key))
            if not citation_id:
                citation_id = f"?{place}"
                if derive:
                    new[key] = citation_id
            standing = self.standing.get(citation_id)
            conflict |= standing is not None and standing.get("record") != record_id
            wanted[citation_id] = {**content, "id": citation_id}
        return wanted, conflict, new

    def _with_key(self, key: tuple[Any, ...]) -> str | None:
        return next(
            (each for each, said in self.standing.items() if said["kind"] in KEYS and (said["kind"], *key_of(said)) == key),
            None,
        )

    # -- merging --------------------------------------------------------------------------------------------------------

    def merge(self, kind: str, record_id: str, into: str, prefer: str | None, condition: Condition) -> Outcome:
        """`POST /v1/{plural}/{id}/merge`."""
        if missing := self.missing(kind, record_id):
            return missing
        if not condition.holds(self.version(record_id)):
            return Outcome((412,))
        if into == record_id or self.standing.get(into, {}).get("kind") != kind:
            return Outcome((422,))
        merging = Merging(self.standing, prefer)
        merging.absorb(record_id, into)
        merging.move(record_id, into)
        if merging.undecided:
            return Outcome((409,))
        wanted = {each: merging.after.get(each) for each in self.standing}
        return self.settle(wanted, doing="merge", refused=409, leads=merging.leads)

    # -- restoring ------------------------------------------------------------------------------------------------------

    def restore(self, kind: str, record_id: str, version: int | None, condition: Condition) -> Outcome:
        """`POST /v1/{plural}/{id}/restore`."""
        standing = record_id in self.standing
        if standing and self.kind(record_id) != kind:
            return Outcome((409, 404))
        if not condition.holds(self.version(record_id)):
            return Outcome((412,))
        if standing and version is None:
            return Outcome((422,))
        if self.kind(record_id) != kind:
            return Outcome((404,))
        log = self.log[record_id]
        if not standing and log[-1].operation == "merge":
            return self._undo_merge(record_id, log[-1].transaction, version)
        states = states_in(log, version)
        if not states:
            return Outcome((422,))
        wanted: dict[str, Content | None] = {record_id: states[-1]}
        if not standing:
            for entry in self.written_in(log[-1].transaction):
                last = states_in(self.log[entry.id])[-1]
                if entry.state is None and last.get("record") == record_id:
                    wanted[entry.id] = last
        return self.settle(wanted, doing="restore", refused=409)

    def _undo_merge(self, record_id: str, transaction: str, version: int | None) -> Outcome:
        """What the merge moved goes back, as far as it still is where the merge put it; the rest is told."""
        wanted: dict[str, Content | None] = {}
        left = set()
        for entry in self.written_in(transaction):
            log = self.log[entry.id]
            before = log[: log.index(entry)]
            now = self.standing.get(entry.id)
            if entry.state is None:
                if now is not None:
                    left.add(entry.id)
                    continue
                states = states_in(before, version if entry.id == record_id else None)
                if not states:
                    return Outcome((422,))
                wanted[entry.id] = states[-1]
            elif now is None:
                left.add(entry.id)
            else:
                wanted[entry.id], kept = put_back(now, states_in(before)[-1], entry.state)
                left |= {entry.id} if kept else set()
        outcome = self.settle(wanted, doing="restore", refused=409)
        outcome.left = left
        return outcome

    def written_in(self, transaction: str) -> list[Entry]:
        """The entries of one transaction."""
        return [entry for log in self.log.values() for entry in log if entry.transaction == transaction]

    # -- what was written -----------------------------------------------------------------------------------------------

    def take(self, entry: Entry) -> None:
        """Take an entry of the log over."""
        self.log.setdefault(entry.id, []).append(entry)
        if entry.state is None:
            del self.standing[entry.id]
            if entry.into:
                self.into[entry.id] = entry.into
        else:
            self.standing[entry.id] = entry.state
            self.into.pop(entry.id, None)


class Merging:
    """What becomes of everything when one record is merged into another."""

    def __init__(self, standing: Mapping[str, Content], prefer: str | None) -> None:
        self.before = standing
        self.after = deepcopy(dict(standing))
        self.prefer = prefer
        self.leads: dict[str, str] = {}
        self.undecided = False

    def absorb(self, gone_id: str, into_id: str) -> None:
        """The names of the one become aliases of the other, its topics are added."""
        gone, into = self.after[gone_id], self.after[into_id]
        names = [*gone.get("names", ())]
        if "name" in gone and gone["name"] not in [into["name"], *(name["text"] for name in names)]:
            names.append({"language": "und", "text": gone["name"], "type": "alias"})
        known = {(name["language"], name["text"]) for name in into.get("names", ())}
        kept = [name if name["type"] in KEPT_BY_A_MERGE else {**name, "type": "alias"} for name in names]
        more = [name for name in kept if (name["language"], name["text"]) not in known]
        topics = [*into.get("topics", ()), *(topic for topic in gone.get("topics", ()) if topic not in into.get("topics", ()))]
        into |= {"names": [*into.get("names", ()), *more], "topics": [topic for topic in topics if topic != into_id]}
        self.after[into_id] = {name: value for name, value in into.items() if value != []}

    def move(self, gone_id: str, to: str) -> None:
        """The one record is no more, and what referred to it refers to the other."""
        del self.after[gone_id]
        self.leads[gone_id] = to
        for each in sorted(self.after):
            content = self.after.get(each)
            if content is not None and gone_id in targets(content):
                self.after[each] = content = referring_to(content, gone_id, to)
                if content["kind"] in KEYS:
                    self.collapse(each)

    def collapse(self, moved_id: str) -> None:
        """A link that was moved vanishes if it joins a record with itself, and gives way to one that says the same."""
        moved = self.after[moved_id]
        if joins_itself(moved) and not joins_itself(self.before[moved_id]):
            for each in [moved_id, *(each for each, said in self.after.items() if said.get("record") == moved_id)]:
                del self.after[each]
            return
        for each, said in self.after.items():
            if each != moved_id and said["kind"] == moved["kind"] and key_of(said) == key_of(moved):
                if {**said, "id": ""} != {**moved, "id": ""} and self.prefer is None:
                    self.undecided = True
                    return
                if self.prefer == "from":
                    self.after[each] = {**moved, "id": each}
                self.move(moved_id, each)
                return


def content_of(kind: str, record_id: str, body: Mapping[str, Any]) -> Content:
    """What a body says, as the exchange format has it: references as ids, what is empty left out."""
    content: Content = {"kind": kind, "id": record_id}
    for name, value in body.items():
        if name in DERIVED or name in content or value is None or value is False or value == []:
            continue
        if name in REFERENCES[kind]:
            content[name] = value["id"] if isinstance(value, dict) else value
        elif name == "topics":
            content[name] = [topic["id"] if isinstance(topic, dict) else topic for topic in value]
        else:
            content[name] = value
    if kind == "citation":
        content.setdefault("review", "unreviewed")
    return content


def lacking(content: Content) -> bool:
    """Whether a record lacks what every one of its kind has."""
    somebody = content["kind"] != "participant" or any(name in content for name in ("organization", "country", "group"))
    return not somebody or any(name not in content for name in REQUIRED[content["kind"]])


def targets(content: Content) -> list[str]:
    """The ids that a record refers to."""
    return [*content.get("topics", ()), *(content[name] for name in REFERENCES[content["kind"]] if name in content)]


def referring_to(content: Content, gone_id: str, to: str) -> Content:
    """The record with another in the place of one; but not itself."""
    moved = dict(content)
    for name in REFERENCES[content["kind"]]:
        if content.get(name) == gone_id:
            moved[name] = to
            if to == content["id"]:
                del moved[name]
    topics = dict.fromkeys(to if topic == gone_id else topic for topic in content.get("topics", ()))
    moved["topics"] = [topic for topic in topics if topic != content["id"]]
    return {name: value for name, value in moved.items() if value != []}


def key_of(content: Content) -> tuple[Any, ...]:
    return tuple(content.get(name) for name in KEYS[content["kind"]])


def joins_itself(content: Content) -> bool:
    ends = [content[name] for name in ENDS[content["kind"]] if name in content]
    return len(set(ends)) < len(ends)


def faulty(content: Content, among: Mapping[str, Content]) -> bool:
    """Whether a record contradicts the others: refers to what is not there, is above itself, was at another time."""
    kind = content["kind"]
    allowed = {name: kinds for name, kinds in REFERENCES[kind].items() if name in content}
    if any(among.get(content[name], {}).get("kind") not in kinds for name, kinds in allowed.items()):
        return True
    if any(among.get(topic, {}).get("kind") != "topic" for topic in content.get("topics", ())):
        return True
    if content.get("field") == "name" and "name" not in REQUIRED[among[content["record"]]["kind"]]:
        return True
    above: Content | None = content
    for _ in among:
        above = among.get(above.get(ABOVE.get(kind, ""), "")) if above else None
        if above is content:
            return True
    dates = {content.get("date"), among.get(content.get("meeting", ""), {}).get("date")} - {None}
    return kind == "participant" and len(dates) > 1


def states_in(log: Iterable[Entry], version: int | None = None) -> list[Content]:
    """What a record was, at one version or at all."""
    return [entry.state for entry in log if entry.state is not None and version in (None, entry.version)]


def put_back(now: Content, was: Content, became: Content) -> tuple[Content, bool]:
    """A record with what a merge changed of it as it was; and whether something was changed again since, and stays."""
    content, kept = dict(now), False
    for name in {*was, *became}:
        before, after, present = was.get(name), became.get(name), now.get(name)
        if before == after:
            continue
        if present == after:
            content[name] = before
        elif name in PARTS:
            before, after, present = before or [], after or [], present or []
            stays = [item for item in present if item in before or item not in after]
            content[name] = [*stays, *(item for item in before if item not in after and item not in stays)]
        else:
            kept = True
    return {name: value for name, value in content.items() if value is not None and value != []}, kept


# -- the machine --------------------------------------------------------------------------------------------------------


class Writing(RuleBasedStateMachine):
    """Writes whatever comes, and compares the registry with the model."""

    def __init__(self, database: Database, another: Database, client: TestClient, key: Mapping[str, str]) -> None:
        super().__init__()
        self.database, self.another, self.client, self.key = database, another, client, dict(key)
        database.empty(but=("keys",))
        self.model = Model()
        self.seen = 0
        """The last entry of the log that was compared."""
        self.sound = False

    # -- what is written ------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """A small world, imported."""
        text = "\n".join(json.dumps(line) for line in WORLD)
        answer = self.send("POST", "/v1/import", content=text, **{"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        self.seen = 0
        entries = self.changes()
        assert [entry.state for entry in entries] == WORLD
        for entry in entries:
            self.model.take(entry)
        self.compare(WORLD[0]["id"])

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), named=st.booleans(), dry=st.booleans())
    def create(self, data: st.DataObject, kind: str, named: bool, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Make a record, under an id or none."""
        body = self.draw_body(data, kind)
        if named:
            body["id"] = data.draw(st.sampled_from([*IDS[kind] * 4, *IDS["topic"]]), "id")
        outcome = self.model.create(kind, body)
        self.write("POST", f"/v1/{PLURALS[kind]}", outcome, body, record_id=body.get("id"), dry=dry)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), dry=st.booleans())
    def put(self, data: st.DataObject, kind: str, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Make or replace a record."""
        record_id = self.draw_id(data, kind)
        body = self.draw_body(data, kind)
        condition = self.draw_condition(data, record_id, upsert=True)
        self.do_put(kind, record_id, body, condition, dry=dry)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), cited=st.booleans())
    def put_what_was_read(self, data: st.DataObject, kind: str, cited: bool) -> None:  # noqa: FBT001 - drawn
        """What was read can be written back, and changes nothing."""
        standing = self.model.of(kind)
        if not standing:
            return
        record_id = data.draw(st.sampled_from(standing), "id")
        path = f"/v1/{PLURALS[kind]}/{record_id}"
        body = self.get(f"{path}?include=citations" if cited and kind not in ("citation", "source") else path).json()
        self.write("PUT", path, Outcome((200,)), body, record_id=record_id)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), dry=st.booleans())
    def patch(self, data: st.DataObject, kind: str, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Change some fields."""
        record_id = self.draw_id(data, kind)
        body = self.draw_body(data, kind)
        kept = data.draw(st.sets(st.sampled_from(sorted(body)), max_size=3), "fields")
        patch = {name: body[name] for name in sorted(kept)}
        condition = self.draw_condition(data, record_id)
        outcome = self.model.patch(kind, record_id, patch, condition)
        self.write("PATCH", f"/v1/{PLURALS[kind]}/{record_id}", outcome, patch, condition, record_id=record_id, dry=dry)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), dry=st.booleans())
    def delete(self, data: st.DataObject, kind: str, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Delete a record."""
        record_id = self.draw_id(data, kind)
        condition = self.draw_condition(data, record_id)
        outcome = self.model.delete(kind, record_id, condition)
        self.write("DELETE", f"/v1/{PLURALS[kind]}/{record_id}", outcome, None, condition, record_id=record_id, dry=dry)

    @rule(
        data=st.data(),
        kind=st.sampled_from([*sorted(IDS), "organization", "meeting", "memorandum", "topic", "source"]),
        prefer=st.sampled_from([None, "into", "from"]),
        dry=st.booleans(),
    )
    def merge(self, data: st.DataObject, kind: str, prefer: str | None, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Merge a record into another."""
        record_id, into = self.draw_id(data, kind), self.draw_id(data, kind)
        condition = data.draw(st.sampled_from([NOTHING, NOTHING, self.draw_condition(data, record_id)]), "condition")
        self.do_merge(kind, record_id, into, prefer, condition, dry=dry)

    @rule(data=st.data(), dry=st.booleans())
    def restore(self, data: st.DataObject, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Restore a record, mostly one that is gone."""
        gone = sorted(self.model.log.keys() - self.model.standing.keys())
        record_id = data.draw(st.sampled_from([*gone * 4, *sorted(self.model.log)]), "id")
        kind = self.model.kind(record_id) or ""
        versions = [entry.version for entry in self.model.log[record_id]]
        version = data.draw(st.sampled_from([None, *versions, versions[-1] + 1]), "version")
        condition = data.draw(st.sampled_from([NOTHING, NOTHING, self.draw_condition(data, record_id)]), "condition")
        self.do_restore(kind, record_id, version, condition, dry=dry)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), named=st.sampled_from([True, True, False]), dry=st.booleans())
    def import_(self, data: st.DataObject, kind: str, named: bool, dry: bool) -> None:  # noqa: FBT001 - drawn
        """Import a line, with an id or without."""
        line = {"kind": kind, **self.draw_body(data, kind)}
        if named:
            line["id"] = self.draw_id(data, kind)
        else:
            line.pop("citations", None)
        self.write("POST", "/v1/import", self.model.import_(line), line, record_id=line.get("id"), dry=dry)

    @rule(data=st.data(), kind=st.sampled_from(sorted(IDS)), method=st.sampled_from(["PUT", "PATCH", "DELETE", "GET"]))
    def ask_another_collection(self, data: st.DataObject, kind: str, method: str) -> None:
        """Ask for a record where those of another kind are."""
        record_id = data.draw(st.sampled_from(sorted(set(self.model.standing) - set(self.model.of(kind)))), "id")
        path = f"/v1/{PLURALS[kind]}/{record_id}"
        if method == "GET":
            assert self.get(path).status_code == 404
            return
        body = self.draw_body(data, kind)
        condition = Condition("any")
        outcomes = {
            "PUT": self.model.put(kind, record_id, body, condition),
            "PATCH": self.model.patch(kind, record_id, body, condition),
            "DELETE": self.model.delete(kind, record_id, condition),
        }
        self.write(method, path, outcomes[method], None if method == "DELETE" else body, condition, record_id=record_id)

    @rule(data=st.data())
    def meddle_with_a_merge(self, data: st.DataObject) -> None:
        """Change what a merge wrote, or make again what it took away, and then undo it."""
        merged = sorted(self.model.into)
        if not merged:
            return
        record_id = data.draw(st.sampled_from(merged), "merged")
        written = self.model.written_in(self.model.log[record_id][-1].transaction)
        entry = data.draw(st.sampled_from(written), "meddled with")
        if entry.kind in IDS:
            self.do_put(entry.kind, entry.id, self.draw_body(data, entry.kind), UPSERT)
        self.do_restore(self.model.kind(record_id) or "", record_id)

    # -- what is done ---------------------------------------------------------------------------------------------------

    def do_put(self, kind: str, record_id: str, body: Content, condition: Condition, *, dry: bool = False) -> None:
        """Make or replace a record."""
        outcome = self.model.put(kind, record_id, body, condition)
        path = f"/v1/{PLURALS[kind]}/{record_id}{'?upsert=true' if condition.word == 'upsert' else ''}"
        self.write("PUT", path, outcome, body, condition, record_id=record_id, dry=dry)

    def do_merge(
        self,
        kind: str,
        record_id: str,
        into: str,
        prefer: str | None = None,
        condition: Condition = NOTHING,
        *,
        dry: bool = False,
    ) -> None:
        """Merge a record into another."""
        outcome = self.model.merge(kind, record_id, into, prefer, condition)
        body = {"into": into} | ({"prefer": prefer} if prefer else {})
        self.write("POST", f"/v1/{PLURALS[kind]}/{record_id}/merge", outcome, body, condition, record_id=record_id, dry=dry)

    def do_restore(
        self, kind: str, record_id: str, version: int | None = None, condition: Condition = NOTHING, *, dry: bool = False
    ) -> None:
        """Restore a record."""
        outcome = self.model.restore(kind, record_id, version, condition)
        body = {} if version is None else {"version": version}
        self.write("POST", f"/v1/{PLURALS[kind]}/{record_id}/restore", outcome, body, condition, record_id=record_id, dry=dry)

    # -- what is drawn --------------------------------------------------------------------------------------------------

    def draw_id(self, data: st.DataObject, kind: str) -> str:
        """An id of a kind: mostly of what stands, at times of what is gone or never was."""
        known = {record_id for record_id in self.model.log if self.model.kind(record_id) == kind}
        return data.draw(st.sampled_from([*self.model.of(kind) * 2, *sorted({*known, *IDS[kind]})]), "id")

    def draw_reference(self, data: st.DataObject, name: str, kinds: tuple[str, ...]) -> Any:
        """What a record refers to: mostly something that stands."""
        standing = self.model.of(*kinds)
        if kinds == CITABLE:
            standing = [each for each in standing if self.model.kind(each) != "country"]
        others = [*sorted(self.model.log.keys() - self.model.standing.keys())[:1], "nobody", "topic-1"]
        choices = [*standing * 6, *others, *([None] * 6 * len(standing) if name in OPTIONAL else [])]
        chosen = data.draw(st.sampled_from(choices), name)
        return {"id": chosen, "name": "whatever"} if name == "parent" and chosen else chosen

    def draw_body(self, data: st.DataObject, kind: str) -> Content:
        """A body: each field from a few values, and its citations at times."""
        body: Content = {}
        for name, kinds in REFERENCES[kind].items():
            body[name] = self.draw_reference(data, name, kinds)
        if kind == "participant" and not (body["organization"] or body["country"]) and self.model.of("organization"):
            body["organization"] = data.draw(st.sampled_from([*self.model.of("organization"), None]), "somebody")
        for name, values in VALUES[kind].items():
            body[name] = data.draw(st.sampled_from(values), name)
        if kind not in KEYS:
            extra = data.draw(st.sampled_from(["", "", "names", "topics", "both"]), "extra")
            if extra in ("names", "both"):
                body["names"] = data.draw(st.sampled_from(NAMES), "names")
            if extra in ("topics", "both"):
                topics = st.lists(st.sampled_from(self.model.of("topic") or ["topic-1"]), unique=True, max_size=2)
                body["topics"] = data.draw(topics, "topics")
        if kind not in ("citation", "source") and data.draw(st.sampled_from([False, False, True]), "cited"):
            body["citations"] = self.draw_citations(data)
        return {name: value for name, value in body.items() if value is not None or name in OPTIONAL}

    def draw_citations(self, data: st.DataObject) -> list[Content]:
        """Up to two citations to come with a record, none said twice."""
        found: dict[tuple[Any, ...], Content] = {}
        for _ in range(data.draw(st.integers(0, 2), "citations")):
            citation: Content = {"source": self.draw_reference(data, "source", ("source",))}
            for name, values in VALUES["citation"].items():
                citation[name] = data.draw(st.sampled_from(values), name)
            citation = {name: value for name, value in citation.items() if value is not None and name != "field"}
            known = [*IDS["citation"], *self.model.of("citation")]
            citation_id = data.draw(st.sampled_from([*[None] * len(known), *known]), "citation's id")
            if citation_id and citation_id not in [each.get("id") for each in found.values()]:
                citation["id"] = citation_id
            found[citation["source"], citation["paragraph"], citation["quote"]] = citation
        return list(found.values())

    def draw_condition(self, data: st.DataObject, record_id: str, *, upsert: bool = False) -> Condition:
        """What the client says of the record: mostly what is so."""
        words = [*["version"] * 4, "any", *(["upsert"] * 4 if upsert else []), "nothing", "new"]
        word = data.draw(st.sampled_from(words), "condition")
        last = self.model.log[record_id][-1].version if record_id in self.model.log else 1
        return Condition(word, data.draw(st.sampled_from([last, last, last, last, last + 1, max(last - 1, 1)]), "version"))

    # -- what is compared -----------------------------------------------------------------------------------------------

    def write(
        self,
        method: str,
        path: str,
        outcome: Outcome,
        body: Content | None,
        condition: Condition = NOTHING,
        *,
        record_id: str | None = None,
        dry: bool = False,
    ) -> None:
        """Send a write, at times dry before it is meant, and see that just that happened that the model says."""
        self.sound = False
        sent: dict[str, Any] = {} if body is None else {"content": json.dumps(body, ensure_ascii=False)}
        headers = dict(condition.headers)
        if body is not None:
            headers["Content-Type"] = "application/x-ndjson" if path == "/v1/import" else "application/json"
        if dry:
            answer = self.send(method, f"{path}{'&' if '?' in path else '?'}dry_run=true", **sent, **headers)
            allowed = [200 if status == 201 else status for status in outcome.statuses]
            assert answer.status_code in allowed, (allowed, answer.status_code, answer.text)
            assert self.changes() == []
        answer = self.send(method, path, **sent, **headers)
        assert answer.status_code in outcome.statuses, (outcome.statuses, answer.status_code, answer.text)
        if not outcome.succeeds:
            assert (answer.headers.get("location") or "").split("?")[0] == outcome.location
        made = self.compare_log(outcome)
        self.compare(made or record_id)
        if outcome.succeeds and answer.content:
            self.compare_answer(answer, outcome)
        self.sound = True

    def compare_log(self, outcome: Outcome) -> str | None:
        """See that the log grew by just that; take it over. The id that was made, if one was."""
        entries = self.changes()
        called = self.learn(outcome, entries)
        writes = {called.get(each, each): write for each, write in outcome.writes.items()}
        for entry in entries:
            write = writes.get(entry.id)
            assert write is not None, ("should not have been written", entry)
            last = self.model.log[entry.id][-1].version if entry.id in self.model.log else 0
            assert entry.version == last + 1
            assert entry.state == renamed(write.content, called)
            assert entry.into == write.into
            if write.operation is None:
                assert entry.operation in ("replace", "patch", "merge", "restore"), entry
            else:
                assert entry.operation == write.operation
        assert sorted(entry.id for entry in entries) == sorted(writes)
        assert len({(entry.transaction, entry.at) for entry in entries}) <= 1
        for entry in entries:
            self.model.take(entry)
        return called.get("?")

    def learn(self, outcome: Outcome, entries: list[Entry]) -> dict[str, str]:
        """The ids that the registry made, by what stands for them in the model."""
        called: dict[str, str] = {}
        for stand_in in sorted(each for each in outcome.writes if each.startswith("?")):
            content = renamed(outcome.writes[stand_in].content, called)
            for entry in entries:
                new = entry.id not in called.values() and entry.id not in self.model.log
                if new and entry.state == {**(content or {}), "id": entry.id}:
                    called[stand_in] = entry.id
                    break
            else:
                pytest.fail(f"nothing was written for {content}, but {entries}")
        for key, stand_in in outcome.new.items():
            if stand_in in called:
                self.model.derived[key] = called[stand_in]
        for stand_in, record_id in called.items():
            if (outcome.writes[stand_in].content or {})["kind"] in KEYS:
                assert UUID(record_id).version == (5 if stand_in in outcome.new.values() else 7)
        return called

    def compare_answer(self, answer: Response, outcome: Outcome) -> None:
        """See that a write's answer shows what is there."""
        told = answer.json()
        if "created" in told and "records" in told:
            assert told["created"] == sum(write.operation == "create" for write in outcome.writes.values())
            return
        if answer.request.url.path.endswith(("/merge", "/restore")):
            done = {each["id"] for each in told["changed"] if each["operation"] != "unchanged"}
            assert done == set(outcome.writes)
            assert {fault["pointer"].split("/")[1] for fault in told["left"]} == outcome.left
            told = told["record"]
        record_id = told["id"]
        read = self.get(f"/v1/{PLURALS[told['kind']]}/{record_id}")
        assert told == read.json()
        assert answer.headers["etag"].split(".")[0] == read.headers["etag"].split(".")[0]
        if answer.status_code == 201:
            assert answer.headers["location"] == f"/v1/{PLURALS[told['kind']]}/{record_id}"

    def compare(self, asked: str | None) -> None:
        """Compare all records at once, and one of them from all sides."""
        ids = sorted({*self.model.log, "nobody"})
        for first in range(0, len(ids), 200):
            some = ids[first : first + 200]
            told = self.get(f"/v1/records?ids={','.join(some)}").json()
            meant = {record_id: self.model.survivor(record_id) for record_id in some}
            assert told["missing"] == [record_id for record_id in some if meant[record_id] not in self.model.standing]
            standing = [each for each in dict.fromkeys(meant.values()) if each in self.model.standing]
            assert [record["id"] for record in told["data"]] == standing
            for record in told["data"]:
                self.compare_record(record)
        if asked is not None:
            self.compare_one(asked)

    def compare_record(self, record: Content) -> None:
        """See that a record reads as the model has it, the names of those that it refers to included."""
        content, log = self.model.standing[record["id"]], self.model.log[record["id"]]
        kept = ("alpha_3", "numeric")
        said = {name: value for name, value in record.items() if name not in DERIVED and value not in (None, False, [])}
        assert said == {
            **{name: value for name, value in content.items() if name in kept or name not in REFERENCES[content["kind"]]},
            **{name: self.shown(content, name) for name in REFERENCES[content["kind"]] if name in content},
            **({"topics": [self.reference(topic) for topic in content["topics"]]} if "topics" in content else {}),
        }
        assert record["version"] == log[-1].version
        assert (record["created_at"], record["updated_at"]) == (log[0].at, log[-1].at)
        if content["kind"] in ("meeting", "participant"):
            of_its_meeting = self.model.standing.get(content.get("meeting", ""), {})
            assert record["date_start"] == record["date_end"] == content.get("date", of_its_meeting.get("date"))

    def shown(self, content: Content, name: str) -> Content:
        """A reference as it reads: with the kind where it may be one of several."""
        several = len(REFERENCES[content["kind"]][name]) > 1
        return self.reference(content[name]) | ({"kind": self.model.kind(content[name])} if several else {})

    def reference(self, record_id: str) -> Content:
        """A reference as it reads."""
        return {"id": record_id, "name": self.model.label(record_id)}

    def compare_one(self, record_id: str) -> None:
        """Compare a record, or what is left of it, and its history."""
        kind = self.model.kind(record_id)
        if kind is None:
            assert self.get(f"/v1/records/{record_id}").status_code == 404
            return
        path = f"/v1/{PLURALS[kind]}/{record_id}"
        answer, survivor = self.get(path), self.model.survivor(record_id)
        if record_id in self.model.standing:
            assert answer.status_code == 200
            assert answer.headers["etag"].startswith(f'"{self.model.version(record_id)}.')
            self.compare_record(answer.json())
        elif survivor in self.model.standing:
            assert answer.status_code == 308
            assert answer.headers["location"] == f"/v1/{PLURALS[kind]}/{survivor}"
        else:
            assert answer.status_code == 410
        history = self.get(f"{path}/history?limit=200").json()["data"]
        assert [entry_of(entry) for entry in history] == self.model.log[record_id][::-1]
        states = [{}, *(entry.state or {} for entry in self.model.log[record_id])]
        for entry, (was, now) in zip(history[::-1], pairwise(states), strict=True):
            differing = {name for name in {**was, **now} if was.get(name) != now.get(name)} - {"id", "kind"}
            assert set(entry["changed"]) == differing

    def teardown(self) -> None:
        """At the end all agrees, and what is exported can be imported elsewhere and is the same there."""
        if not self.sound:
            return
        assert self.database.disagreements() == []
        exported = self.get("/v1/export").text
        lines = exported.splitlines()
        assert sorted(map(json.loads, lines), key=repr_of) == sorted(self.model.standing.values(), key=repr_of)
        self.another.empty(but=("keys",))
        self.another.load(*lines)
        assert self.another.export() == lines

    # -- over HTTP ------------------------------------------------------------------------------------------------------

    def send(self, method: str, path: str, *, content: str | None = None, **headers: str) -> Response:
        """A request with the key."""
        return self.client.request(method, path, content=content, headers={**self.key, **headers})

    def get(self, path: str) -> Any:
        """A request of a reader."""
        return self.client.get(path)

    def changes(self) -> list[Entry]:
        """What was logged behind what was seen."""
        page = self.get(f"/v1/changes?after={self.seen}&limit=1000").json()
        self.seen = page["page"]["last_seq"]
        return [entry_of(entry) for entry in page["data"]]


def entry_of(told: Mapping[str, Any]) -> Entry:
    return Entry(*(told[name] for name in Entry._fields))


def renamed(content: Content | None, called: Mapping[str, str]) -> Content | None:
    """A content with the ids that the registry made."""
    if content is None:
        return None
    return {name: called.get(value, value) if isinstance(value, str) else value for name, value in content.items()}


def repr_of(content: Content) -> str:
    return json.dumps(content, sort_keys=True)


@pytest.fixture
def another(fresh: Fresh) -> Iterator[Database]:
    """A second empty database."""
    made = Database(fresh())
    yield made
    made.engine.dispose()


@pytest.fixture
def machine(database: Database, another: Database) -> Iterator[type[RuleBasedStateMachine]]:
    """Machines over a database, one after another, to be led by chance or by hand."""
    database.settings = replace(database.settings, requests_per_minute=10**7, writes_per_minute=10**7)
    with database.client() as client:
        key = database.key()

        class Here(Writing):
            def __init__(self) -> None:
                super().__init__(database, another, client, key)

        yield Here


@pytest.fixture
def led(machine: Callable[[], Writing]) -> Iterator[Writing]:
    """A machine that is led by hand."""
    made = machine()
    made.begin()
    yield made
    made.teardown()


@thorough
def test_any_sequence_of_writes_does_what_the_contract_says(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=bounded)


PROOF = {"source": "source-1", "paragraph": 1, "quote": "held", "confidence": "stated"}


def test_a_record_that_refers_to_others_is_cited_by_itself(led: Writing) -> None:
    led.do_put("citation", "proof-2", {**PROOF, "record": "union-2", "paragraph": 2}, NOTHING)
    led.do_put("citation", "proof-2", {**PROOF, "record": "side-1", "paragraph": 2}, UPSERT)
    assert led.model.version("union-2") == 3
    assert led.model.version("side-1") == 2


def test_a_record_is_not_made_again_in_the_log_when_a_citation_of_it_is_made(led: Writing) -> None:
    body = {**PROOF, "record": "paper-1"}
    led.write("POST", "/v1/citations", led.model.create("citation", body), body)
    assert [entry.operation for entry in led.model.log["paper-1"]] == ["create", "replace"]


def test_a_merge_leaves_nothing_for_a_check_to_find(led: Writing) -> None:
    led.do_put("meeting", "meeting-2", {"name": "Forum", "topics": ["topic-1"]}, UPSERT)
    led.do_merge("meeting", "meeting-1", "meeting-2")
    assert led.database.disagreements() == []


def test_a_restore_gives_back_a_topic_that_a_merge_took_although_another_came_since(led: Writing) -> None:
    for topic in ("topic-2", "topic-3"):
        led.do_put("topic", topic, {"name": "Networks"}, NOTHING)
    led.do_merge("topic", "topic-1", "topic-2")
    led.do_put("meeting", "meeting-2", {"name": "Forum", "topics": ["topic-2", "topic-3"]}, UPSERT)
    led.do_restore("topic", "topic-1")
    assert sorted(led.model.standing["meeting-2"]["topics"]) == ["topic-1", "topic-3"]


@pytest.mark.parametrize("about", [["topic-2"], ["topic-1"], ["topic-1", "topic-2"]])
def test_a_topic_is_not_about_itself_after_a_merge(led: Writing, about: list[str]) -> None:
    led.do_put("topic", "topic-2", {"name": "Networks"}, NOTHING)
    led.do_put("topic", "topic-1", {"name": "Towers", "topics": about}, UPSERT)
    led.do_merge("topic", "topic-1", "topic-2")
    assert "topics" not in led.model.standing["topic-2"]


def test_a_citation_takes_the_place_of_an_equal_one_that_is_left_out(led: Writing) -> None:
    led.do_put("organization", "union-2", {"name": "Ministry", "citations": [{**PROOF, "id": "proof-2"}]}, UPSERT)
    assert list(led.model.citations_of("union-2")) == ["proof-2"]


def test_two_citations_exchange_what_they_say(led: Writing) -> None:
    both = [{**PROOF, "id": "proof-1"}, {**PROOF, "id": "proof-2", "paragraph": 2}]
    led.do_put("organization", "union-2", {"name": "Ministry", "citations": both}, UPSERT)
    exchanged = [{**both[0], "paragraph": 2}, {**both[1], "paragraph": 1}]
    led.do_put("organization", "union-2", {"name": "Ministry", "citations": exchanged}, UPSERT)
    assert led.model.standing["proof-1"]["paragraph"] == 2


def test_a_restore_leaves_a_link_alone_that_was_made_again_after_the_merge(led: Writing) -> None:
    led.do_put("memorandum", "paper-3", {"name": "Plan"}, NOTHING)
    led.do_merge("memorandum", "paper-1", "paper-2")
    led.do_put("relation", "link-1", {"memorandum": "paper-2", "related": "paper-3", "type": "amends"}, NOTHING)
    led.do_restore("memorandum", "paper-1")
    assert led.model.standing["link-1"]["related"] == "paper-3"
