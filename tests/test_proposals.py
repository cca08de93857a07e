"""Proposals: records that somebody proposes, that are examined, decided on, and written together."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.intake.examining import LONGEST
from app.text.lexicon import Lexicon
from app.writing.keys import Scope
from tests.conftest import Database, Fresh

TEXT = (
    "Minsk, 3 March 2020. The ministries of Norland and Sudland signed an agreement on networks. Rain fell.\n\n"
    "Anna Vell, head of department, attended online."
)
WORLD = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "organization", "id": "norland-ministry", "name": "Ministry of Norland", "country": "BY"},
    {"kind": "person", "id": "anna-vell", "name": "Anna Vell", "sort_name": "Vell, Anna"},
    {"kind": "person", "id": "petr-orlan", "name": "Petr Orlan", "sort_name": "Orlan, Petr"},
    {"kind": "meeting", "id": "signing-2020", "name": "Signing of the agreement", "date": "2020-03"},
)
Json = dict[str, Any]


class Office:
    """An agent that proposes, and two reviewers who decide."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.agent = database.key(Scope.PROPOSE, name="agent")
        self.reviewer = database.key(Scope.WRITE, name="reviewer")
        self.other = database.key(Scope.WRITE, name="other reviewer")
        self.document = client.post("/v1/documents", json={"text": TEXT}, headers=self.agent).json()
        source = {**self.document["proposed_source"], "id": "news", "title": "News", "publisher": "Office", "language": "en"}
        database.load(*map(json.dumps, (*WORLD, source)))

    def propose(self, *records: Json, status: int = 201, **more: Any) -> Any:
        """Propose records, and return the answer."""
        body = {"title": "News of 3 March", "by": "a script", "records": records, "documents": [self.document["id"]], **more}
        answer = self.client.post("/v1/proposals", json=body, headers=self.agent)
        assert answer.status_code == status, answer.text
        return answer.json()

    def shown(self, proposal: Json) -> Any:
        """Return the proposal as it is now."""
        return self.client.get(f"/v1/proposals/{proposal['id']}", headers=self.agent).json()

    def decide(self, proposal: Json, place: int | None, status: int = 200, key: Json | None = None, **body: Any) -> Any:
        """Decide on a record, or on all, at the version of the proposal as it is now."""
        path = f"/v1/proposals/{proposal['id']}" + (f"/records/{place}" if place else "") + "/decision"
        version = body.pop("if_match", None) or self.shown(proposal)["version"]
        headers = {**(key or self.reviewer), "If-Match": f'"{version}"'}
        headers["Content-Type"] = "application/json"
        answer = self.client.post(path, content=json.dumps(body), headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def apply(self, proposal: Json, status: int = 200) -> Any:
        """Apply a proposal."""
        headers = {**self.reviewer, "If-Match": f'"{self.shown(proposal)["version"]}"'}
        answer = self.client.post(f"/v1/proposals/{proposal['id']}/apply", headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def office(fresh: Fresh) -> Iterator[Office]:
    database = Database(fresh())
    with database.client() as client:
        yield Office(database, client)
    assert database.disagreements() == []
    database.engine.dispose()


CITED: Json = {"source": "news", "paragraph": 1, "quote": "signed an agreement on networks", "confidence": "stated"}
DATED: Json = {"kind": "meeting", "id": "signing-2020", "date": "2020-03-03", "citations": [{**CITED, "quote": "3 March 2020"}]}
AGREEMENT: Json = {
    "kind": "memorandum",
    "id": "networks",
    "name": "Agreement on networks",
    "type": "agreement",
    "citations": [CITED],
}
ATTENDED: Json = {
    "kind": "participant",
    "meeting": "signing-2020",
    "person": "anna-vell",
    "role": "participant",
    "citations": [{**CITED, "paragraph": 2, "quote": "Anna Vell, head of department"}],
}


def test_a_proposal_is_examined_decided_on_and_written_as_one_transaction(office: Office) -> None:
    before = office.database.export()
    proposal = office.propose(DATED, AGREEMENT, {**AGREEMENT, "id": "wrong", "name": "Wrong"}, ATTENDED)
    assert [each["verdict"] for each in proposal["records"]] == ["changes", "new", "new", "new"]
    assert proposal["records"][0]["difference"] == [{"op": "replace", "path": "/date", "value": "2020-03-03"}]
    assert [each["quotes"][0]["proved"] for each in proposal["records"]] == [True] * 4
    assert [each["text"].strip() for each in proposal["unused"]] == ["Rain fell."]
    assert (
        office.propose(DATED, AGREEMENT, {**AGREEMENT, "id": "wrong", "name": "Wrong"}, ATTENDED, status=200)["id"]
        == proposal["id"]
    )
    assert office.database.export() == before, "nothing is written before it is applied"

    office.decide(proposal, 1, decision="accept")
    office.decide(proposal, 3, decision="reject", reason="no such paper")
    assert "2, 4" in office.apply(proposal, 409)["detail"]
    office.decide(proposal, 4, decision="correct", patch={"role": "observer"})
    found = office.decide(proposal, None, decision="accept")
    assert found["counts"] == {"pending": 0, "accepted": 2, "corrected": 1, "rejected": 1}
    report = office.apply(proposal)
    assert report["created"] == 5

    meeting = office.client.get("/v1/meetings/signing-2020?include=citations,participants").json()
    assert (meeting["date"], meeting["citations"][0]["review"]) == ("2020-03-03", "confirmed")
    assert [each["role"] for each in meeting["participants"]] == ["observer"]
    (cited,) = office.client.get("/v1/citations?record=networks").json()["data"]
    assert cited["review"] == "unreviewed", "nobody looked at it alone"
    log = office.client.get(f"/v1/changes?transaction={report['transaction']}").json()["data"]
    assert {(each["author"], each["proposed_by"]) for each in log} == {("reviewer", "agent")}
    closed = office.shown(proposal)
    assert (closed["status"], closed["transaction"]) == ("applied", report["transaction"])
    assert "applied already" in office.apply(proposal, 409)["detail"]

    admin = office.database.key(Scope.ADMIN, name="admin")
    assert office.client.post(f"/v1/transactions/{report['transaction']}/undo", headers=admin).status_code == 200
    assert office.database.export() == before


def test_what_is_wrong_is_told_and_cannot_be_accepted(office: Office) -> None:
    proposal = office.propose(
        {**AGREEMENT, "citations": [{**CITED, "quote": "signed an agreement on roads"}]},
        {**DATED, "citations": [{**CITED, "paragraph": 2}]},
        {**ATTENDED, "person": "pavel-nobody"},
        {"kind": "spaceship"},
    )
    assert [each["verdict"] for each in proposal["records"]] == ["faulty"] * 4
    told = [(each["faults"][0]["pointer"], each["faults"][0]["detail"]) for each in proposal["records"]]
    assert told[0][0] == "/citations/0/quote"
    assert told[1] == ("/citations/0/paragraph", told[1][1])
    assert "paragraph 1" in told[1][1]
    assert told[2][0] == "/person"
    assert told[3][0] == "/kind"
    for place in range(1, 5):
        assert office.decide(proposal, place, 422, decision="accept")["errors"]
    assert office.decide(proposal, None, decision="accept")["counts"]["pending"] == 4, "not even with all others"
    fixed = {"citations": [CITED]}
    office.decide(proposal, 1, decision="correct", patch=fixed)
    office.decide(proposal, 2, 422, decision="correct", patch={"date": "03.03.2020"})
    office.decide(proposal, None, decision="reject", reason="unusable")
    assert office.apply(proposal)["created"] == 2


def test_a_name_that_leads_nowhere_has_candidates_and_a_namesake_is_told(office: Office) -> None:
    proposal = office.propose(
        {**ATTENDED, "person": "vell-anna"},
        {**ATTENDED, "person": "Anna Vell"},
        {"kind": "person", "id": "anna-vell-2", "name": "Anna Vell"},
        {"kind": "topic", "id": "roads", "name": "Roads"},
        {"kind": "topic", "id": "roads-2", "name": "roads"},
    )
    wrong, named, double, *topics = proposal["records"]
    assert [each["id"] for each in wrong["candidates"]["/person"]] == ["anna-vell"]
    assert [each["id"] for each in named["candidates"]["/person"]] == ["anna-vell"]
    assert (double["verdict"], [each["id"] for each in double["similar"]]) == ("similar", ["anna-vell"])
    assert [(each["verdict"], "same name" in each["warnings"][0]["detail"]) for each in topics] == [("similar", True)] * 2
    assert topics[0]["uncited"] == ["name"]


def test_a_source_that_is_there_already_takes_a_word(office: Office) -> None:
    text = {"sha256": office.document["sha256"], "form": "text"}
    proposal = office.propose({"kind": "source", "id": "again", "title": "Again", "publisher": "X", "texts": [text]})
    assert proposal["records"][0]["verdict"] == "similar"
    assert "news" in office.decide(proposal, 1, 409, decision="accept")["detail"]
    office.decide(proposal, 1, decision="accept", similar="allow")
    assert office.apply(proposal)["created"] == 1


def test_two_reviewers_at_once_and_a_record_that_moved_on(office: Office) -> None:
    proposal = office.propose(DATED, AGREEMENT)
    office.decide(proposal, 1, decision="accept", if_match=1)
    office.decide(proposal, 2, 412, key=office.other, decision="accept", if_match=1)
    answer = office.client.post(
        f"/v1/proposals/{proposal['id']}/records/2/decision", json={"decision": "accept"}, headers=office.other
    )
    assert answer.status_code == 428

    office.database.load(json.dumps({**WORLD[-1], "city": "Minsk"}))
    told = office.decide(proposal, 1, 409, decision="accept")
    assert "version 2" in told["detail"]
    assert told["errors"] == [{"pointer": "/date", "detail": 'replace "2020-03-03"'}]
    office.decide(proposal, 2, decision="accept")
    assert "version 2" in office.apply(proposal, 409)["detail"]
    office.decide(proposal, 1, decision="accept", version=2)
    office.apply(proposal)
    assert office.client.get("/v1/meetings/signing-2020").json()["city"] == "Minsk"


def test_who_proposes_does_not_decide_and_may_withdraw(office: Office) -> None:
    proposal = office.propose(DATED)
    office.decide(proposal, 1, 403, key=office.agent, decision="accept")
    path = f"/v1/proposals/{proposal['id']}"
    own = office.client.post("/v1/proposals", json={"title": "Own", "records": [DATED]}, headers=office.reviewer).json()
    assert "own proposal" in office.decide(own, 1, 403, decision="accept")["detail"]
    assert office.client.delete(path, headers=office.other).status_code == 403
    assert office.client.delete(path, headers=office.agent).status_code == 204
    assert office.shown(proposal)["status"] == "withdrawn"
    assert "withdrawn" in office.decide(proposal, 1, 409, decision="accept")["detail"]
    queue = office.client.get("/v1/proposals?status=open", headers=office.agent).json()["data"]
    assert [each["title"] for each in queue] == ["Own"]


def test_own_proposals_are_decided_on_where_a_setting_allows_it(office: Office) -> None:
    with office.database.client(review_own="yes") as client:
        own = client.post("/v1/proposals", json={"title": "Own", "records": [DATED]}, headers=office.reviewer).json()
        headers = {**office.reviewer, "If-Match": '"1"'}
        decided = client.post(f"/v1/proposals/{own['id']}/decision", json={"decision": "accept"}, headers=headers)
        assert decided.status_code == 200, decided.text


def test_a_proposal_that_is_rejected_as_a_whole_writes_nothing(office: Office) -> None:
    proposal = office.propose(DATED)
    office.decide(proposal, None, decision="reject", reason="not ours")
    assert office.apply(proposal)["transaction"] is None
    assert office.shown(proposal)["status"] == "rejected"


def test_frames_and_derived_fields_in_a_proposal(office: Office) -> None:
    frame = {
        "frame": "participants",
        "meeting": "signing-2020",
        "participants": [{"organization": "norland-ministry", "quote": "The ministries of Norland"}],
    }
    topic = {"kind": "topic", "name": "Networks", "quote": "agreement on networks"}
    proposal = office.propose(frame, topic, derive=True, source="news")
    participant, named = (each["proposed"] for each in proposal["records"])
    assert participant["country"] == "BY"
    assert participant["citations"] == [
        {"source": "news", "confidence": "stated", "quote": "The ministries of Norland", "paragraph": 1}
    ]
    assert named["id"] == "networks"
    told = office.propose({**frame, "role": "king"}, {**topic, "quote": "never said"}, status=422, derive=True, source="news")
    assert {each["pointer"] for each in told["errors"]} == {"/records/0/role", "/records/1/quote"}


def test_a_frame_says_more_of_a_proposed_record(office: Office) -> None:
    meeting = {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2020-05", "citations": [CITED]}
    moved = {"frame": "postponement", "meetings": ["talks"], "to": "2020-06", "quote": "3 March 2020", "paragraph": 1}
    proposal = office.propose(meeting, moved, derive=True, source="news")
    assert [each["verdict"] for each in proposal["records"]] == ["new", "new"]
    talks = proposal["records"][0]["proposed"]
    assert (talks["date"], talks["status"], len(talks["citations"])) == ("2020-06", "planned", 2)
    assert proposal["records"][1]["proposed"]["date_before"] == "2020-05"


@pytest.mark.parametrize(
    ("record", "pointer", "word"),
    [
        ({**DATED, "date": "2020-03-04"}, "/date", "2020-03-04"),
        ({**DATED, "date": "2020-03"}, None, ""),
        ({**ATTENDED, "person": "petr-orlan"}, "/person", "petr-orlan"),
        (ATTENDED, None, ""),
        ({**AGREEMENT, "name": "Protocol on seeds of wheat"}, "/citations/0", "neither"),
        ({**DATED, "date": "2020-03-04", "citations": [{**DATED["citations"][0], "confidence": "inferred"}]}, None, ""),
    ],
)
def test_what_the_cited_paragraph_does_not_say_is_told(office: Office, record: Json, pointer: str | None, word: str) -> None:
    (shown,) = office.propose(record)["records"]
    found = [(each["pointer"], each["detail"]) for each in shown["warnings"]]
    if pointer is None:
        assert found == []
    else:
        assert any(each[0] == pointer and word in each[1] for each in found), found
        office.decide(office.propose(record, status=200), 1, decision="accept")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"title": "", "records": [DATED]}, 422, "/title"),
        ({"title": "名" * 301, "records": [DATED]}, 422, "has 301 letters; at most 300 are taken"),
        ({"title": "T", "records": []}, 422, "/records"),
        ({"title": "T", "records": ["x"]}, 422, "/records/0"),
        ({"title": "T", "records": [DATED], "documents": ["nowhere"]}, 422, "nowhere"),
        ({"title": "T", "records": [{"kind": "topic", "id": "x-y", "name": "a\0"}]}, 422, "/records/0/name"),
        ({"title": "T", "records": [{"kind": "topic", "id": "x-y", "na\ud800me": "a"}]}, 422, "/records/0"),
        ({"title": "T", "records": [{"kind": "source", "id": "x-y", "texts": [{"sha256": ["a"]}]}]}, 201, "faulty"),
        ({"title": "T", "records": [{"kind": "topic", "id": "x-y", "name": "six letters: \\u0000"}]}, 201, "new"),
        (
            {"title": "T", "records": [{"frame": "participants", "meeting": "x", "participants": ["y"], "citations": 5}]},
            422,
            "",
        ),
        ({"title": "T", "records": [{"frame": "dance"}]}, 422, "/records/0/frame"),
        ({"title": "T", "records": [DATED], "mode": "replace"}, 422, "/mode"),
    ],
)
def test_what_is_no_proposal_is_refused(office: Office, body: Json, status: int, word: str) -> None:
    headers = {**office.agent, "Content-Type": "application/json"}
    answer = office.client.post("/v1/proposals", content=json.dumps(body), headers=headers)
    assert answer.status_code == status, answer.text
    assert word in answer.text


def test_a_document_must_prove_something(office: Office) -> None:
    sent = office.client.post("/v1/documents", json={"text": "Something else."}, headers=office.agent).json()
    told = office.propose(DATED, documents=[sent["id"]], status=422)
    assert told["errors"][0]["pointer"] == "/documents/0"
    source = {**sent["proposed_source"], "id": "else", "title": "Else", "publisher": "X"}
    assert office.propose(source, documents=[sent["id"]])["unused"][0]["text"] == "Something else."


def test_an_erasure_takes_the_person_out_of_proposals(office: Office) -> None:
    proposal = office.propose(DATED, ATTENDED, title="What Anna Vell did")
    admin = office.database.key(Scope.ADMIN, name="admin")
    path = "/v1/people/anna-vell/erase"
    refused = office.client.post(path, headers=admin)
    assert refused.status_code == 409
    assert any(each["pointer"] == f"/{proposal['id']}" for each in refused.json()["errors"])
    erased = office.client.post(f"{path}?confirmed=true", headers=admin).json()
    assert erased["proposals"] == [proposal["id"]]
    shown = office.shown(proposal)
    assert "Vell" not in json.dumps(shown)
    assert [(each["decision"], each["verdict"]) for each in shown["records"]] == [("pending", "changes"), ("rejected", None)]
    assert shown["version"] == proposal["version"] + 1
    assert "was removed" in office.decide(proposal, 1, 409, decision="accept")["detail"], "the document named the person, too"
    office.decide(proposal, 1, decision="reject", reason="its document is gone")
    assert office.apply(proposal)["transaction"] is None


def test_nothing_is_accepted_without_the_document_that_proves_it(office: Office) -> None:
    proposal = office.propose({**AGREEMENT, "citations": [{**CITED, "quote": "invented words"}]}, DATED)
    path = f"/v1/documents/{office.document['id']}"
    assert office.client.delete(path, headers=office.agent).status_code == 204
    for place in (1, 2, None):
        assert "was removed" in office.decide(proposal, place, 409, decision="accept")["detail"]
    office.client.post("/v1/documents", json={"text": TEXT}, headers=office.other)
    office.decide(proposal, 1, 422, decision="accept")
    office.decide(proposal, 2, decision="accept")


def test_a_proposer_neither_confirms_its_citations_nor_proves_them_with_a_text_of_its_own(office: Office) -> None:
    confirmed = {**CITED, "review": "confirmed"}
    proposal = office.propose({**AGREEMENT, "citations": [confirmed]}, {"kind": "citation", "record": "anna-vell", **confirmed})
    office.decide(proposal, None, decision="accept")
    office.apply(proposal)
    cited = office.client.get("/v1/citations?source=news").json()["data"]
    assert {each["review"] for each in cited} == {"unreviewed"}

    own = office.client.post("/v1/documents", json={"text": "It was false."}, headers=office.agent).json()
    text = own["proposed_source"]["texts"][0]
    false = {"kind": "topic", "id": "false", "name": "False", "citations": [{**CITED, "quote": "It was false"}]}
    proposal = office.propose({"kind": "source", "id": "news", "texts": [text]}, false)
    assert "another text" in proposal["records"][0]["warnings"][0]["detail"]
    assert office.decide(proposal, None, decision="accept")["counts"] == {"pending": 1, "accepted": 1} | REST


REST = {"corrected": 0, "rejected": 0}


def test_a_correction_is_one_whole_record(office: Office) -> None:
    proposal = office.propose(DATED)
    gone = dict.fromkeys(DATED)
    frame = {**gone, "frame": "records", "records": [AGREEMENT]}
    for patch in (frame, {"frame": "records", "records": [AGREEMENT]}, gone, {"citations": 5}, {"name": "\ud800"}):
        office.decide(proposal, 1, 422, decision="correct", patch=patch)
    assert [each["verdict"] for each in office.propose({}, {"kind": "topic", "citations": 5}, AGREEMENT)["records"]] == [
        "faulty",
        "faulty",
        "new",
    ]


def test_what_was_compared_is_what_is_written(office: Office) -> None:
    """Not the record into which it was merged meanwhile, and no other that links it."""
    equal = ({"kind": "topic", "id": each, "name": "Equal"} for each in ("equal-1", "equal-2"))
    office.database.load(*map(json.dumps, equal))
    proposal = office.propose({"kind": "topic", "id": "equal-1", "name": "Changed"})
    office.decide(proposal, 1, decision="accept")
    admin = office.database.key(Scope.ADMIN, name="admin")
    merged = office.client.post("/v1/topics/equal-1/merge", json={"into": "equal-2"}, headers={**admin, "If-Match": "*"})
    assert merged.status_code == 200, merged.text
    assert "equal-2" in office.apply(proposal, 409)["detail"]
    linked = office.propose({"kind": "meeting", "id": "signing-2020", "deleted": True, "links": True})
    assert linked["records"][0]["faults"][0]["pointer"] == "/links"


def test_records_that_need_each_other_are_accepted_one_by_one(office: Office) -> None:
    topics = (
        {"kind": "topic", "id": "above", "name": "Above"},
        {"kind": "topic", "id": "below", "name": "B", "broader": "above"},
    )
    office.database.load(*map(json.dumps, topics))
    took_part = {name: value for name, value in ATTENDED.items() if name != "citations"}
    proposal = office.propose(*({"kind": "topic", "id": each["id"], "deleted": True} for each in topics), took_part)
    for place in (1, 2, 3):
        office.decide(proposal, place, decision="accept")
    assert office.apply(proposal)["deleted"] == 2
    twice = office.propose(AGREEMENT, {**AGREEMENT, "name": "Another name"})
    assert [each["verdict"] for each in twice["records"]] == ["new", "faulty"]
    office.decide(twice, 2, 422, decision="accept")


def test_a_long_paragraph_is_looked_at_once(office: Office) -> None:
    """Fifty people in a paragraph of 13,000 letters took 47 seconds."""
    people = [f"Petr Member{number}" for number in range(50)]
    text = " ".join(
        f"{name} of the office for networks and for many other things of interest spoke at length." for name in people
    )
    sent = office.client.post("/v1/documents", json={"text": text * 3}, headers=office.agent).json()
    source = {**sent["proposed_source"], "id": "long", "title": "Long", "publisher": "X"}
    records = [
        {
            "kind": "person",
            "id": name.lower().replace(" ", "-"),
            "name": name,
            "citations": [{"source": "long", "paragraph": 1, "quote": name, "confidence": "stated"}],
        }
        for name in people
    ]
    lexica: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        looked = Lexicon.named

        def counted(*given: Any) -> set[str]:
            lexica.append(given)
            return looked(*given)

        patch.setattr(Lexicon, "named", counted)
        proposal = office.propose(source, *records, documents=[sent["id"]])
    assert [each["warnings"] for each in proposal["records"]] == [[]] * 51
    assert len(lexica) <= 3 * len(text) // LONGEST + 1


def test_proposals_are_private(office: Office) -> None:
    proposal = office.propose(DATED)
    for path in ("/v1/proposals", f"/v1/proposals/{proposal['id']}"):
        assert office.client.get(path).status_code == 401
    assert office.client.get("/v1/proposals/nothing", headers=office.agent).status_code == 404
    assert office.decide(proposal, 7, 404, decision="accept")
    assert proposal["id"] not in "\n".join(office.database.export())
