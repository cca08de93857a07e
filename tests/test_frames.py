"""Frames: short forms that stand for several records, over HTTP, as lines of an import, and in the terminal."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.writing.frames import FRAMES
from tests.conftest import Database, Fresh, run_command
from tests.depth import thorough, tries

TEXT = (
    "In the presence of premier Orlan, the ministries of Norland and Sudland signed an agreement on networks.\n\n"
    "Anna Vell, head of department, attended online. The Forum, planned for April, is put off to 31 August.\n\n"
    "Norland and Sudland are members of the League since 2019."
)
WORLD = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "KZ", "alpha_3": "KAZ", "numeric": "398", "name": "Kazakhstan"},
    {"kind": "organization", "id": "norland-ministry", "name": "Ministry of Norland", "country": "BY"},
    {"kind": "organization", "id": "sudland-ministry", "name": "Ministry of Sudland", "country": "KZ"},
    {"kind": "organization", "id": "league", "name": "League"},
    {"kind": "person", "id": "orlan", "name": "Petr Orlan"},
    {"kind": "position", "person": "orlan", "title": "Prime Minister", "country": "BY", "since": "2018"},
    {"kind": "meeting", "id": "signing-2020", "name": "Signing", "date": "2020-03-03"},
    {"kind": "meeting", "id": "forum-2020", "name": "Forum", "date": "2020-04", "city": "Minsk"},
)
CITED = {"source": "news"}
CITATION = {"source": "news", "paragraph": 1, "quote": "on networks", "confidence": "stated"}


class Desk:
    """A client with a key that writes, over a registry whose source `news` has `TEXT` as its document."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.key = database.key()
        sent = client.post("/v1/documents", json={"text": TEXT}, headers=self.key).json()
        source = {**sent["proposed_source"], "id": "news", "title": "News", "publisher": "Office"}
        database.load(*map(json.dumps, (*WORLD, source)))

    def frame(self, name: str, body: dict[str, Any], *, status: int = 200, **params: Any) -> Any:
        """Send a frame, and return the answer; of a dry run, the lines."""
        answer = self.client.post(f"/v1/frames/{name}", json=body, headers=self.key, params=params)
        assert answer.status_code == status, answer.text
        return (
            answer.json() if "ndjson" not in answer.headers["content-type"] else list(map(json.loads, answer.text.splitlines()))
        )

    def faults(self, name: str, body: dict[str, Any], *, status: int = 422) -> dict[str, str]:
        """Send a frame that is refused, and return what is told, by its place."""
        found = self.frame(name, body, status=status)
        return {each["pointer"]: each["detail"] for each in found["errors"]}

    def of(self, path: str) -> list[dict[str, Any]]:
        """Return the first page of a list."""
        return [dict(each) for each in self.client.get(f"/v1/{path}").json()["data"]]


@pytest.fixture
def desk(fresh: Fresh) -> Iterator[Desk]:
    database = Database(fresh())
    with database.client() as client:
        yield Desk(database, client)
    assert database.disagreements() == []
    database.engine.dispose()


PARTICIPANTS = {
    "meeting": "signing-2020",
    **CITED,
    "participants": [
        {"person": "orlan", "role": "witness", "quote": "In the presence of premier Orlan"},
        {"organization": "norland-ministry", "quote": "the ministries of Norland"},
        {
            "person": {"name": "Anna Vell", "names": {"ru": "Анна Велл"}},
            "organization": "sudland-ministry",
            "capacity": "head of department",
            "presence": "remote",
            "positions": True,
            "quote": "Anna Vell, head of department",
        },
    ],
}


def test_participants_are_completed_cited_and_found_again(desk: Desk) -> None:
    lines = desk.frame("participants", PARTICIPANTS, dry_run=True)
    assert [line["kind"] for line in lines] == ["participant", "participant", "participant", "person", "position"]
    assert desk.of("participants?meeting=signing-2020") == []
    report = desk.frame("participants", PARTICIPANTS)
    assert report["created"] == 10
    assert report["warnings"] == []
    shown = {each["role"] + str(each["organization"] and each["organization"]["id"]): each for each in desk.of("participants")}
    assert shown["witnessNone"]["capacity"] == "Prime Minister"
    assert shown["participantnorland-ministry"]["country"]["id"] == "BY"
    assert shown["participantsudland-ministry"]["person"]["id"] == "anna-vell"
    person = desk.client.get("/v1/people/anna-vell?include=citations").json()
    assert (person["sort_name"], person["names"][0]["text"]) == ("Vell, Anna", "Анна Велл")
    assert [(each["paragraph"], each["confidence"]) for each in person["citations"]] == [(2, "stated")]
    (office,) = desk.of("positions?person=anna-vell")
    assert (office["title"], office["attested"]) == ("head of department", ["2020-03-03"])

    again = desk.frame("participants", {**PARTICIPANTS, "participants": PARTICIPANTS["participants"][:2]})
    assert (again["unchanged"], again["transaction"]) == (4, None)
    assert "anna-vell" in desk.faults("participants", PARTICIPANTS)["/participants/2/person/id"]


def test_what_is_derived_never_replaces_what_stands(desk: Desk) -> None:
    stands = {"kind": "participant", "meeting": "signing-2020", "person": "orlan", "role": "witness"}
    desk.database.load(json.dumps(stands | {"capacity": "Head of the government"}))
    frame = {"meeting": "signing-2020", "role": "witness", "participants": ["orlan"]}
    assert desk.frame("participants", frame)["unchanged"] == 1
    assert [each["capacity"] for each in desk.of("participants")] == ["Head of the government"]


def test_instruments_have_parties_an_action_and_a_status(desk: Desk) -> None:
    frame = {
        **CITED,
        "meeting": "signing-2020",
        "quote": "signed an agreement on networks",
        "type": "agreement",
        "parties": ["norland-ministry", {"party": "sudland-ministry", "signatories": [{"capacity": "minister"}]}],
        "instruments": [
            {"name": "Agreement on networks"},
            {"id": "other", "name": "Other", "parties": ["BY"], "action": "agreed"},
        ],
    }
    report = desk.frame("instruments", frame)
    assert [each["kind"] for each in report["records"]].count("party") == 3
    for record, status, parties in (("agreement-on-networks", "signed", 2), ("other", "agreed", 1)):
        shown = desk.client.get(f"/v1/memoranda/{record}?include=citations,parties,actions").json()
        assert (shown["status"], len(shown["parties"]), len(shown["actions"])) == (status, parties, 1)
        assert shown["citations"][0]["paragraph"] == 1
        assert shown["actions"][0]["date_start"] == "2020-03-03"
    desk.frame("instruments", {"instruments": ["other"], "action": "entered_into_force", "date": "2020-05"})
    assert desk.client.get("/v1/memoranda/other").json()["status"] == "in_force"
    desk.frame("instruments", {"instruments": ["other"], "action": "discussed", "date": "2020-06"})
    assert desk.client.get("/v1/memoranda/other").json()["status"] == "in_force", "an earlier point is no step back"
    assert "agreement-on-networks" in desk.faults("instruments", frame)["/instruments/0/id"]


def test_what_a_frame_does_not_know_it_does_not_overwrite(desk: Desk) -> None:
    desk.frame("instruments", {"instruments": [{"name": "Agreement X", "type": "agreement"}]})
    again = {"instruments": [{"id": None, "name": "Agreement X", "summary": "overwritten"}]}
    assert "agreement-x" in desk.faults("instruments", again)["/instruments/0/id"]
    stale = {"records": [{"kind": "meeting", "id": "forum-2020", "name": "Other", "version": 9}]}
    assert "version" in desk.faults("records", stale, status=409)["/records/0/version"]
    assert "nowhere" in desk.faults("postponement", {"meetings": ["nowhere"]})["/meetings/0"]


def test_an_office_of_the_same_import_may_be_a_part_of_a_stored_one(desk: Desk) -> None:
    (stored,) = desk.of("positions?person=orlan")
    report = imported(
        desk,
        {"frame": "participants", "meeting": "signing-2020", "participants": ["orlan"]},
        {"frame": "records", "records": [{"kind": "position", "id": stored["id"], "person": "orlan", "until": "2021"}]},
    )
    assert report["created"] == 1
    assert [each["capacity"] for each in desk.of("participants")] == ["Prime Minister"]


def test_a_frame_stands_for_so_many_records(desk: Desk) -> None:
    rows = [{"name": f"Paper {number}", "parties": ["BY"] * 9} for number in range(200)]
    assert "2000 records" in desk.faults("instruments", {"instruments": rows})[""]
    quotes = {**CITED, "of": "league", "members": ["BY"], "quote": ["a"] * 21}
    assert "20 quotes" in desk.faults("membership", quotes)["/quote"]


def test_a_postponement_moves_the_meeting_and_keeps_the_date_before(desk: Desk) -> None:
    frame = {**CITED, "meetings": ["forum-2020"], "to": "2020-08-31", "date": "2020-03-03~", "quote": "is put off to 31 August"}
    desk.frame("postponement", frame)
    assert desk.frame("postponement", frame)["unchanged"] == 4, "sent twice it is one"
    shown = desk.client.get("/v1/meetings/forum-2020?include=changes,citations").json()
    assert (shown["date"], shown["status"], shown["city"]) == ("2020-08-31", "planned", "Minsk")
    (change,) = shown["changes"]
    assert (change["type"], change["date_before"], change["date_after"]) == ("moved", "2020-04", "2020-08-31")
    assert shown["citations"][0]["field"] == "date"
    desk.frame("postponement", {"meetings": ["forum-2020"]})
    shown = desk.client.get("/v1/meetings/forum-2020?include=changes").json()
    assert (shown["date"], shown["status"], shown["city"]) == (None, "postponed", None)
    assert {each["date_before"] for each in shown["changes"]} == {"2020-04", "2020-08-31"}


def test_a_membership_is_said_for_several(desk: Desk) -> None:
    frame = {**CITED, "of": "league", "since": "2019", "members": ["BY", {"member": "KZ", "status": "observer", "since": None}]}
    desk.frame("membership", frame | {"quote": "members of the League since 2019"})
    shown = {each["member"]["id"]: (each["status"], each["since"]) for each in desk.of("memberships?of=league")}
    assert shown == {"BY": ("full", "2019"), "KZ": ("observer", None)}


def test_frames_are_lines_of_an_import_beside_records(desk: Desk) -> None:
    lines = [
        {"kind": "organization", "id": "new-office", "name": "New Office", "country": "KZ"},
        {"frame": "participants", "meeting": "signing-2020", "participants": [{"organization": "new-office"}]},
        {
            "frame": "records",
            "source": "news",
            "records": [{"kind": "topic", "name": "Networks", "quote": "agreement on networks"}],
        },
    ]
    body = "\n".join(map(json.dumps, lines))
    headers = {**desk.key, "Content-Type": "application/x-ndjson"}
    answer = desk.client.post("/v1/import", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert {(each["kind"], each["line"]) for each in answer.json()["records"]} == {
        ("organization", "1"),
        ("participant", "2"),
        ("topic", "3"),
        ("citation", "3"),
    }
    assert [each["country"]["id"] for each in desk.of("participants")] == ["KZ"]


def imported(desk: Desk, *lines: dict[str, Any]) -> Any:
    """Import lines, and return the report."""
    headers = {**desk.key, "Content-Type": "application/x-ndjson"}
    answer = desk.client.post("/v1/import", content="\n".join(map(json.dumps, lines)), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_frame_says_more_of_a_record_of_the_same_import(desk: Desk) -> None:
    imported(
        desk,
        {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2020-05", "citations": [CITATION]},
        {"frame": "postponement", **CITED, "meetings": ["talks"], "to": "2020-06", "quote": "31 August"},
        {"frame": "records", "records": [{"kind": "memorandum", "id": "paper", "name": "Paper", "topics": []}]},
        {"frame": "instruments", "instruments": ["paper"], "meeting": "talks", "action": "signed"},
    )
    meeting = desk.client.get("/v1/meetings/talks?include=changes,citations").json()
    assert (meeting["date"], meeting["changes"][0]["date_before"], len(meeting["citations"])) == ("2020-06", "2020-05", 2)
    assert desk.client.get("/v1/memoranda/paper").json()["status"] == "signed"


def test_the_order_of_frames_makes_no_difference(desk: Desk) -> None:
    imported(
        desk,
        {"frame": "participants", "meeting": "new-talks", "participants": [{"organization": "new-office"}]},
        {
            "frame": "records",
            "records": [
                {"kind": "action", "of": "new-paper", "type": "signed", "date": "2021"},
                {"kind": "meeting", "name": "New talks", "date": "2021"},
                {"kind": "organization", "name": "New office", "country": "KZ"},
                {"kind": "memorandum", "name": "New paper"},
            ],
        },
    )
    assert [each["country"]["id"] for each in desk.of("participants?meeting=new-talks")] == ["KZ"]
    assert desk.client.get("/v1/memoranda/new-paper").json()["status"] == "signed"


def test_new_records_are_described_where_they_are_referred_to(desk: Desk) -> None:
    frame = {
        "meeting": {"name": "Round table", "date": "2021-02-03"},
        "language": "ru",
        "positions": True,
        "participants": [
            {"person": {"name": "Sherif Manzouri", "names": {"zh": "谢里夫·曼祖里"}}, "organization": "norland-ministry"}
            | {"capacity": "министр"},
            "orlan",
        ],
    }
    desk.frame("participants", frame)
    shown = {each["person"]["id"]: each for each in desk.of("participants?meeting=round-table")}
    assert [shown[each]["language"] for each in ("sherif-manzouri", "orlan")] == ["ru", None], (
        "what is derived is not in Russian"
    )
    (office,) = desk.of("positions?person=sherif-manzouri")
    assert (office["attested"], office["country"]["id"], office["language"]) == (["2021-02-03"], "BY", "ru")
    assert desk.client.get("/v1/people/sherif-manzouri").json()["sort_name"] == "Manzouri, Sherif"
    party = {"party": "KZ", "signatories": [{"person": {"name": "Ivan Novy"}}]}
    topics = [{"name": "Roads"}]
    desk.frame("instruments", {"instruments": [{"name": "Paper on roads", "topics": topics, "parties": [party]}]})
    assert [each["id"] for each in desk.client.get("/v1/memoranda/paper-on-roads").json()["topics"]] == ["roads"]
    assert desk.client.get("/v1/people/ivan-novy").json()["sort_name"] == "Novy, Ivan"


def test_rows_may_be_arrays_of_values(desk: Desk) -> None:
    frame = {
        **CITED,
        "meeting": "signing-2020",
        "columns": ["organization", "role", "person", "quote"],
        "participants": [["norland-ministry", "host"], [None, "witness", "orlan", "premier Orlan"], "orlan"],
    }
    assert desk.frame("participants", frame)["created"] == 4
    shown = {(each["role"], (each["person"] or each["organization"])["id"]) for each in desk.of("participants")}
    assert shown == {("host", "norland-ministry"), ("witness", "orlan"), ("participant", "orlan")}
    frame["participants"] = [["norland-ministry", "king"], ["a", "host", None, None, "b"]]
    assert set(desk.faults("participants", frame)) == {"/participants/1"}
    frame["participants"] = [["norland-ministry", "king"]]
    assert set(desk.faults("participants", frame)) == {"/participants/0/1"}


def test_a_row_undoes_what_is_said_for_all(desk: Desk) -> None:
    rows = [{"organization": "norland-ministry"}, {"person": "orlan", "rank": None}]
    desk.frame("participants", {"meeting": "signing-2020", "rank": "minister", "participants": rows})
    assert {each["rank"] for each in desk.of("participants")} == {"minister", None}


def test_frames_are_lines_of_a_file(desk: Desk, tmp_path: Any) -> None:
    file = tmp_path / "frames.ndjson"
    file.write_text(json.dumps({"frame": "participants", **PARTICIPANTS}), encoding="utf-8")
    assert run_command("import", str(file), url=desk.database.url).returncode == 0
    assert len(desk.of("participants")) == 3


@pytest.mark.parametrize(
    ("name", "body", "pointer", "word"),
    [
        ("participants", {"participants": ["orlan"]}, "/meeting", "equired"),
        ("participants", {"meeting": "signing-2020", "participants": []}, "/participants", "at least"),
        ("participants", {"meeting": "signing-2020", "participants": [7]}, "/participants/0", "an id or an object"),
        ("participants", {"meeting": "signing-2020", "role": "king", "participants": ["orlan"]}, "/role", "chair"),
        ("participants", {"meeting": "nowhere", "participants": ["orlan"]}, "/meeting", "nowhere"),
        ("participants", {"meeting": "signing-2020", "participants": ["orlam"]}, "/participants/0", "orlan"),
        (
            "participants",
            {"meeting": "signing-2020", "participants": [{"person": "orlan", "hat": 1}]},
            "/participants/0/hat",
            "",
        ),
        (
            "participants",
            {"meeting": "signing-2020", "participants": [{"person": {"name": ""}}]},
            "/participants/0/person",
            "name",
        ),
        (
            "participants",
            {"meeting": "signing-2020", "participants": [{"person": "orlan", "on_behalf_of": {"name": "X"}}]},
            "/participants/0/on_behalf_of/kind",
            "which kind",
        ),
        ("participants", {"meeting": "signing-2020", "participants": ["orlan"], "quote": "Orlan"}, "/source", "required"),
        ("participants", {**CITED, "meeting": "signing-2020", "participants": ["orlan"], "quote": "King"}, "/quote", "nowhere"),
        (
            "participants",
            {**CITED, "meeting": "signing-2020", "participants": [{"person": "orlan", "quote": ["Orlan", "King"]}]},
            "/participants/0/quote/1",
            "nowhere",
        ),
        (
            "participants",
            {**CITED, "meeting": "signing-2020", "participants": [{"person": "orlan", "quote": "Orlan", "paragraph": 2}]},
            "/participants/0/paragraph",
            "paragraph 1",
        ),
        (
            "participants",
            {**CITED, "meeting": "signing-2020", "participants": ["orlan"], "quote": "Norland"},
            "/paragraph",
            "paragraph 1, 3",
        ),
        (
            "participants",
            {"meeting": "signing-2020", "participants": [{"person": "orlan", "citations": 5}]},
            "/participants/0/citations",
            "array",
        ),
        ("instruments", {"instruments": [{"summary": "x"}]}, "/instruments/0/id", "equired"),
        ("instruments", {"instruments": [{"name": "Paper", "action": ["x"]}]}, "/instruments/0/action", ""),
        ("postponement", {"meetings": [{"of": {"name": "New"}}]}, "/meetings/0/of", "the id of a meeting"),
        (
            "participants",
            {"meeting": "signing-2020", "participants": [{"person": "orlan", "capacity": "x", "positions": "yes"}]},
            "/participants/0/positions",
            "true or false",
        ),
        ("instruments", {"instruments": ["other"], "action": "sung"}, "/action", "signed"),
        ("instruments", {"instruments": [{"name": "Paper", "parties": 1}]}, "/instruments/0/parties", "array"),
        ("postponement", {"meetings": [{"of": "forum-2020", "to": "May"}]}, "/meetings/0/to", ""),
        ("membership", {"of": "league", "members": [{"member": "ZZ"}]}, "/members/0/member", "ZZ"),
        (
            "records",
            {**CITED, "records": [{"kind": "citation", "record": "orlan", "quote": "never said"}]},
            "/records/0/quote",
            "nowhere",
        ),
        ("records", {"records": [{"kind": "spaceship"}]}, "/records/0/kind", "must be one of"),
        ("records", {"records": [{"kind": "topic"}]}, "/records/0/id", "id"),
        (
            "records",
            {"records": [{"kind": "topic", "name": "X", "quote": "a", "citations": []}]},
            "/records/0/quote",
            "not both",
        ),
    ],
)
def test_a_fault_names_the_place_in_the_frame(desk: Desk, name: str, body: dict[str, Any], pointer: str, word: str) -> None:
    assert word in desk.faults(name, body)[pointer]


def test_the_examples_of_the_docs_page_can_be_tried(database: Database) -> None:
    database.seed()
    with database.client() as client:
        key = database.key()
        for name in FRAMES:
            operation = client.get("/openapi.json").json()["paths"][f"/v1/frames/{name}"]["post"]
            example = operation["requestBody"]["content"]["application/json"]["example"]
            answer = client.post(f"/v1/frames/{name}", json=example, headers=key)
            assert answer.status_code == 200, answer.text


def test_a_line_names_its_frame(desk: Desk) -> None:
    headers = {**desk.key, "Content-Type": "application/x-ndjson"}
    for frame in ("dance", 7, None):
        answer = desk.client.post("/v1/import", content=json.dumps({"frame": frame}), headers=headers)
        assert answer.json()["errors"] == [{"pointer": "/frame", "line": "1", "detail": f"must be one of {', '.join(FRAMES)}"}]
    assert desk.client.post("/v1/frames/dance", json={}, headers=desk.key).status_code == 404


# -- any values ------------------------------------------------------------------------------------------------------------


ODD: list[Any] = [None, 5, -1, 1.5, True, "", [], {}, ["x"], [["x"]], {"id": 5}, {"id": None, "name": "x"}, {"name": ["x"]}]
ODD += ["\ud800", "a\0", "x" * 20_000, {"kind": ["x"], "name": "y"}, [None], [{}], {"ru": 5}, {"\ud800": "x"}, 10**30, "🙂"]
FRAMES_OF: dict[str, dict[str, Any]] = {
    "participants": {"meeting": "signing-2020", "participants": [{"person": "orlan"}]},
    "instruments": {"instruments": [{"name": "Paper"}], "parties": ["BY"]},
    "postponement": {"meetings": [{"of": "forum-2020"}], "to": "2020-08"},
    "membership": {"of": "league", "members": [{"member": "BY"}]},
    "records": {"records": [{"kind": "topic", "name": "Roads"}]},
}
FIELDS = [
    "person",
    "organization",
    "role",
    "capacity",
    "names",
    "name",
    "citations",
    "quote",
    "paragraph",
    "source",
    "positions",
    "date",
    "version",
    "id",
    "kind",
    "parties",
    "action",
    "topics",
    "of",
    "to",
    "from",
    "member",
    "attested",
    "columns",
]


@thorough
def test_no_value_of_a_frame_or_a_proposal_is_an_error_of_the_server(fresh: Fresh) -> None:
    database = Database(fresh())
    with database.client(writes_per_minute=10**6, requests_per_minute=10**6) as client:
        desk = Desk(database, client)
        headers = {**desk.key, "Content-Type": "application/json"}
        tried = [(name, field, value, where) for name in FRAMES for field in FIELDS for value in ODD for where in range(3)]
        for name, field, value, where in Random(0).sample(tried, tries(300, len(tried))):
            frame = json.loads(json.dumps(FRAMES_OF[name]))
            (rows,) = (each for each in frame.values() if isinstance(each, list) and isinstance(each[0], dict))
            (frame if where == 0 else rows[0])[field] = value
            path, body = f"/v1/frames/{name}?dry_run=true", frame
            if where == 2:
                records = [
                    {"kind": "topic", "id": "roads", "name": "R"},
                    {"kind": value, "id": "roads"},
                    {"frame": name, **frame},
                ]
                path, body = "/v1/proposals", {"title": "T", "records": records, "derive": True}
            answer = client.post(path, content=json.dumps(body), headers=headers)
            assert answer.status_code < 500, (path, body, answer.text)
    assert database.disagreements() == []
    database.engine.dispose()


PARTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"kind": "position", "title": None}, {"frame": "participants", "meeting": "signing-2020", "participants": ["orlan"]}),
    (
        {"kind": "action", "note": "Later"},
        {"frame": "instruments", "instruments": ["paper"], "action": "ended", "date": "2021"},
    ),
    ({"kind": "action", "date": "2022"}, {"frame": "postponement", "meetings": ["forum-2020"], "to": "2021"}),
    ({"kind": "party", "note": "Late"}, {"frame": "instruments", "instruments": ["paper"], "parties": ["BY"], "action": None}),
)


@pytest.mark.parametrize(("part", "frame"), PARTS, ids=lambda each: str(each.get("kind") or each.get("frame")))
def test_lines_that_say_a_part_of_a_record_and_a_frame_about_the_same(
    desk: Desk, part: dict[str, Any], frame: dict[str, Any]
) -> None:
    desk.frame("instruments", {"instruments": [{"id": "paper", "name": "Paper", "parties": ["BY"]}], "date": "2020"})
    desk.frame("postponement", {"meetings": ["forum-2020"], "to": "2020-12"})
    plural = {"position": "positions", "action": "actions", "party": "parties"}[part["kind"]]
    for stored in desk.of(plural):
        body = "\n".join(map(json.dumps, ({**part, "id": stored["id"]}, frame)))
        answer = desk.client.post(
            "/v1/import?mode=merge&dry_run=true", content=body, headers={**desk.key, "Content-Type": "application/x-ndjson"}
        )
        assert answer.status_code in (200, 409, 422), answer.text
