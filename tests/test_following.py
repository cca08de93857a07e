"""Whoever follows the change log misses nothing, can apply it record by record, and notices a restore."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.db.engine import writing
from app.domain.vocabulary import Kind
from app.errors import Conflict
from app.reading.changes import Position
from app.writing.operations import Creation, Operations
from tests.conftest import Database

PEOPLE = [{"kind": "person", "id": f"person-{number}", "name": f"Person {number}"} for number in range(7)]


@pytest.fixture(scope="module")
def followed(office: tuple[Database, TestClient]) -> tuple[Database, TestClient]:
    """A registry with transactions of 1, 7 and 2 changes."""
    database, client = office
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    database.load(*map(json.dumps, PEOPLE))
    database.load('{"kind":"topic","id":"ai","name":"AI","broader":"ict"}', '{"kind":"topic","id":"law","name":"Law"}')
    return database, client


def pages(client: TestClient, query: str) -> Iterator[dict[str, Any]]:
    """All pages of the log, by their links."""
    url = f"/v1/changes?{query}"
    while True:
        page = client.get(url).json()
        yield page
        if not page["page"]["more"]:
            return
        url = page["links"]["next"]


def test_a_page_says_whether_its_last_transaction_ends_with_it(followed: tuple[Database, TestClient]) -> None:
    _, client = followed
    told = [(len(page["data"]), page["page"]["complete"]) for page in pages(client, "limit=4")]
    assert told == [(4, False), (4, True), (2, True)]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(3, [(1, True), (3, False), (3, False), (3, True)]), (8, [(8, True), (2, True)]), (9, [(8, True), (2, True)])],
)
def test_whole_transactions_can_be_asked_for(
    followed: tuple[Database, TestClient], limit: int, sizes: list[tuple[int, bool]]
) -> None:
    _, client = followed
    told = list(pages(client, f"limit={limit}&whole=true"))
    assert [(len(page["data"]), page["page"]["complete"]) for page in told] == sizes
    assert [entry["seq"] for page in told for entry in page["data"]] == list(range(1, 11))


def test_every_position_leads_on_from_its_place(followed: tuple[Database, TestClient]) -> None:
    _, client = followed
    log = client.get("/v1/changes").json()
    assert log["page"]["position"] == log["data"][-1]["position"]
    for place, entry in enumerate(log["data"], 1):
        rest = client.get(f"/v1/changes?after={entry['position']}").json()
        assert rest["data"] == log["data"][place:]
        assert rest["page"]["position"] == log["page"]["position"]
        assert client.get(f"/v1/changes?after={entry['seq']}").json()["page"] == rest["page"], "the number alone is taken"
    assert client.get(f"/v1/changes?kind=topic&after={entry['position']}").json()["page"]["position"] == entry["position"]
    assert client.get("/v1/").json()["last_change"]["position"] == log["page"]["position"]


@pytest.mark.parametrize("position", ["10.00000000", "11", "11.0123abcd", "0.0123abcd", "9223372036854775807"])
def test_a_position_that_the_log_does_not_have_is_410(followed: tuple[Database, TestClient], position: str) -> None:
    answer = followed[1].get(f"/v1/changes?after={position}")
    assert (answer.status_code, answer.json()["code"]) == (410, "position_unknown")
    assert position in answer.json()["detail"]


@pytest.mark.parametrize("position", ["-1", "x", "1.", "1.0123ABCD", "1.012", "9223372036854775808", "٣", "1.0123abcd "])
def test_what_is_no_position_is_422(followed: tuple[Database, TestClient], position: str) -> None:
    answer = followed[1].get("/v1/changes", params={"after": position})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "after"


@given(st.integers(0, 2**63 - 1), st.sampled_from(["", "0123abcd", "ffffffff"]))
def test_positions_are_parsed_as_they_are_written(seq: int, digest: str) -> None:
    assert Position.parsed(str(Position(seq, digest))) == Position(seq, digest)


def test_every_write_says_its_position_and_an_export_does(database: Database) -> None:
    key = database.key()
    with database.client() as client:

        def end() -> str:
            return str(client.get("/v1/changes?limit=1000").json()["page"]["position"])

        assert client.get("/v1/export").headers["rapporteur-position"] == end() == "0"
        made = client.post("/v1/topics", json={"name": "New"}, headers={**key, "Idempotency-Key": "a"})
        assert made.headers["rapporteur-position"] == end() != "0"
        again = client.post("/v1/topics", json={"name": "New"}, headers={**key, "Idempotency-Key": "a"})
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["rapporteur-position"] == end()
        tried = client.post("/v1/topics?dry_run=true", json={"name": "Newer"}, headers=key)
        assert "rapporteur-position" not in tried.headers
        imported = client.post(
            "/v1/import",
            content='{"kind":"topic","id":"other","name":"Other"}',
            headers={**key, "Content-Type": "application/x-ndjson"},
        )
        assert imported.headers["rapporteur-position"] == end()
        undone = client.post(f"/v1/transactions/{imported.json()['transaction']}/undo", headers=key)
        assert undone.headers["rapporteur-position"] == end()
        gone = client.delete(made.headers["location"], headers={**key, "If-Match": "*"})
        assert gone.status_code == 204, gone.text
        assert gone.headers["rapporteur-position"] == end()
        for method in ("GET", "HEAD"):
            assert client.request(method, "/v1/export").headers["rapporteur-position"] == end()
        assert client.get(f"/v1/changes?after={end()}").json()["data"] == []


# -- references come first -------------------------------------------------------------------------------------------------


def entries(database: Database) -> list[tuple[int, str, str | None, str]]:
    """(seq, id, state, transaction) of the whole log."""
    query = 'SELECT seq, record_id, state, "transaction" FROM changes ORDER BY seq'
    return [(int(str(row[0])), str(row[1]), row[2], str(row[3])) for row in database.execute(query)]  # type: ignore[misc]


def broken(database: Database) -> list[str]:
    """Apply the log entry by entry, as a follower with foreign keys would. Returns what would fail."""
    schemas = database.writer.schemas
    there: dict[str, dict[str, Any]] = {}

    def targets(content: dict[str, Any]) -> set[str]:
        return set(schemas[content["kind"]].targets(content)) - {content["id"]}

    found = []
    for seq, record_id, state, _ in entries(database):
        if state is None:
            del there[record_id]
            found += [
                f"{seq}: {other} refers to {record_id}" for other, content in there.items() if record_id in targets(content)
            ]
        else:
            content = json.loads(state)
            found += [f"{seq}: {record_id} before {missing}" for missing in targets(content) - there.keys()]
            there[record_id] = content
    return found


TREE: list[dict[str, Any]] = [
    {"kind": "citation", "record": "p1", "source": "page", "paragraph": 1, "quote": "here", "confidence": "stated"},
    {"kind": "participant", "id": "p1", "meeting": "talks", "person": "ivanov", "organization": "office", "role": "speaker"},
    {"kind": "topic", "id": "ai", "name": "AI", "broader": "ict"},
    {"kind": "organization", "id": "office", "name": "Office", "parent": "ministry", "country": "BY"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2024-05-01", "topics": ["ai"]},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "source", "id": "page", "title": "Page", "publisher": "Office"},
    {"kind": "topic", "id": "ict", "name": "ICT"},
    {"kind": "person", "id": "ivanov", "name": "Ivan Ivanov"},
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
]


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(TREE))
def test_references_come_first_whatever_the_order_of_the_lines(office: tuple[Database, TestClient], order: Any) -> None:
    database, _ = office
    database.empty()
    database.load(*map(json.dumps, order))
    assert broken(database) == []


def test_the_first_data_set_can_be_applied_record_by_record(seeded: Database) -> None:
    assert len(entries(seeded)) > 900
    assert broken(seeded) == []


def test_deletions_come_last_in_reverse(database: Database) -> None:
    database.load(*map(json.dumps, TREE))
    database.load(
        *(json.dumps({"kind": each["kind"], "id": each["id"], "deleted": True}) for each in TREE if "id" in each),
        '{"kind":"topic","id":"last","name":"Last"}',
    )
    assert broken(database) == []
    log = entries(database)
    transaction = log[-1][3]
    states = [state for _, _, state, of in log if of == transaction]
    assert states[0] is not None
    assert states[1:] == [None] * len(TREE)


def test_merges_and_undone_transactions_can_be_applied_record_by_record(database: Database) -> None:
    database.load(*map(json.dumps, TREE))
    database.load('{"kind":"person","id":"ivanow","name":"Iwan Iwanow"}')
    key = database.key()
    with database.client() as client:
        assert client.post("/v1/people/ivanov/merge", json={"into": "ivanow"}, headers=key).status_code == 200
        assert broken(database) == []
        merge = client.get("/v1/changes?limit=1000").json()["data"][-1]["transaction"]
        assert client.post(f"/v1/transactions/{merge}/undo", headers=key).status_code == 200
        assert broken(database) == []
        assert client.delete("/v1/meetings/talks?links=true", headers={**key, "If-Match": "*"}).status_code == 204
    assert broken(database) == []


def test_a_merge_that_deletes_and_merges_links_keeps_the_order(database: Database) -> None:
    database.load(
        *(f'{{"kind":"memorandum","id":"m{number}","name":"Paper {number}","date":"2024"}}' for number in range(1, 5)),
        '{"kind":"relation","id":"a","memorandum":"m1","type":"amends","related":"m2"}',
        '{"kind":"relation","id":"b","memorandum":"m1","type":"amends","related":"m3"}',
        '{"kind":"relation","id":"c","memorandum":"m2","type":"amends","related":"m3"}',
        '{"kind":"relation","id":"d","memorandum":"m4","type":"amends","related":"m1"}',
    )
    with database.client() as client:
        merged = client.post("/v1/memoranda/m1/merge", json={"into": "m2"}, headers=database.key())
        assert merged.status_code == 200, merged.text
    assert {state for _, record_id, state, _ in entries(database)[-6:] if record_id in "ab"} == {None}
    assert broken(database) == []


def test_creations_of_one_group_do_not_refer_to_one_another(database: Database) -> None:
    operations = Operations(database.writer)
    person, source = (database.writer.resources[kind] for kind in (Kind.PERSON, Kind.SOURCE))
    cited = {"source": "s9", "paragraph": 1, "quote": "here", "confidence": "stated"}
    several = [
        Creation(person, {"id": "ann", "name": "Ann", "citations": [cited]}, "one"),
        Creation(source, {"id": "s9", "title": "S9", "publisher": "Office"}, "two"),
    ]
    with writing(database.engine, keep=False) as connection, pytest.raises(Conflict, match="one after the other"):
        operations.create(connection, several)


def test_a_circle_comes_in_the_order_of_the_ids(database: Database) -> None:
    lines = [
        '{"kind":"country","id":"BY","alpha_3":"BLR","numeric":"112","name":"Belarus","successors":["AA"]}',
        '{"kind":"country","id":"AA","alpha_3":"AAA","numeric":"999","name":"Aa","successors":["BY"]}',
    ]
    database.load(*lines)
    assert [record_id for _, record_id, _, _ in entries(database)] == ["AA", "BY"]


def test_long_chains_of_references_are_put_in_order(database: Database) -> None:
    chain = [
        {"kind": "topic", "id": f"t-{n:03}", "name": f"T {n}"} | ({"broader": f"t-{n + 1:03}"} if n < 49 else {})
        for n in range(50)
    ]
    database.load(*map(json.dumps, chain))
    assert broken(database) == []
