"""The change log narrowed to a record or a topic, walked back, and waited for."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from app.db.driver import to_statement
from app.db.drivers import driver_for
from app.domain.vocabulary import Kind
from app.reading.changes import LogShape, entries
from app.reading.concerning import about_topics, referring_to
from app.resources import RESOURCES
from tests.conftest import Database
from tests.streaming import WAIT_SECONDS, waiting_in
from tests.test_errors import problem
from tests.test_plans import plan

WAYS = {
    "entries are looked at": {"NEAR": 10**9},
    "records are found first": {"NEAR": 0, "ENTRY_COST": 10**9},
    "the cheaper way is chosen": {"NEAR": 0},
}
EVERY = 7
"""Of so many records of the first data set, the changes of one are compared."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way in which entries of the log are found."""
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(f"app.reading.following.{name}", value)


def log_of(client: TestClient, query: str) -> list[dict[str, Any]]:
    """The entries of all pages, by their links."""
    url: str | None = f"/v1/changes?{query}"
    found: list[dict[str, Any]] = []
    while url is not None:
        page = client.get(url).json()
        found += page["data"]
        url = page["links"]["next"] if page["page"]["more"] else None
    return found


def seqs(entries: list[dict[str, Any]]) -> list[int]:
    return [entry["seq"] for entry in entries]


def refused(client: TestClient, query: str) -> dict[str, str]:
    """The faults of a request, by parameter."""
    told = problem(client.get(f"/v1/changes?{query}"), 422, "invalid")
    return {fault["parameter"]: fault["detail"] for fault in told["errors"]}


# -- of a record -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_changes_of_a_record_are_its_own_and_those_of_what_refers_to_it(seeded: Database, client: TestClient) -> None:
    schemas = seeded.writer.schemas
    expected: dict[str, set[str]] = defaultdict(set)
    for line in seeded.export():
        content = json.loads(line)
        expected[content["id"]].add(content["id"])
        for target in schemas[Kind(content["kind"])].targets(content):
            expected[target].add(content["id"])
    linked = sorted(expected, key=lambda each: -len(expected[each]))
    assert len(expected[linked[0]]) > 100, "some records are referred to by many"
    for record_id in [*linked[:10], *sorted(expected)[::EVERY]]:
        found = log_of(client, f"of={record_id}&limit=1000")
        assert {entry["id"] for entry in found} == expected[record_id], record_id
        assert seqs(found) == sorted(seqs(found))


RARE: list[dict[str, Any]] = [
    {
        "kind": "meeting",
        "id": "joint",
        "name": "Joint",
        "date": "2024",
        "also_in": [{"city": "Minsk", "country": "BY"}],
        "series": "wsis",
        "joint_with": [{"series": "belarus-igf"}],
        "part_of": "sco-ict-2025",
    },
    {"kind": "memorandum", "id": "paper", "name": "Paper", "also_in": [{"city": "Minsk", "country": "BY"}]},
    {"kind": "participant", "meeting": "joint", "group": "experts", "role": "speaker", "on_behalf_of": "BY"},
    {"kind": "party", "memorandum": "paper", "party": "BY", "role": "party", "signatories": [{"person": "pavel-tkach"}]},
    {"kind": "source", "id": "interview", "title": "Interview", "publisher": "Paper", "interviewee": "pavel-tkach"},
    {"kind": "position", "held_by": "BY", "organization": "sco", "title": "Presidency"},
    {
        "kind": "outcome",
        "id": "order",
        "type": "decision",
        "name": "Order",
        "meeting": "joint",
        "made_by": "BY",
        "made_to": "sco",
        "others": [{"actor": "by-mci", "role": "carrier"}],
    },
]
"""What the first data set has no example of."""


def test_every_reference_of_every_kind_is_followed(database: Database) -> None:
    database.seed()
    database.load(*map(json.dumps, RARE))
    schemas = database.writer.schemas
    missing = {(kind, field.name, field.member) for kind, schema in schemas.items() for field in schema.references}
    with database.client() as client:
        for line in reversed(database.export()):
            content = json.loads(line)
            for field in schemas[Kind(content["kind"])].references:
                key = Kind(content["kind"]), field.name, field.member
                targets = field.ids(content) if key in missing else []
                if targets:
                    query = {"of": targets[0], "kind": content["kind"], "limit": 1000}
                    found = client.get("/v1/changes", params=query).json()["data"]
                    assert content["id"] in {entry["id"] for entry in found}, key
                    missing.discard(key)
    assert {field for field in missing if field[1] != "topics"} == set(), "only some kinds have topics here"


@pytest.mark.usefixtures("way")
def test_a_record_that_is_gone_has_its_history_and_a_link_that_is_gone_is_no_link(database: Database) -> None:
    database.load(
        '{"kind":"meeting","id":"talks","name":"Talks","date":"2024"}',
        '{"kind":"meeting","id":"others","name":"Other talks","date":"2024"}',
        '{"kind":"person","id":"ann","name":"Ann Person"}',
        '{"kind":"participant","id":"p1","meeting":"talks","person":"ann","role":"speaker"}',
        '{"kind":"participant","id":"p2","meeting":"talks","group":"experts","role":"speaker"}',
    )
    key = database.key()
    with database.client() as client:

        def ids(query: str) -> list[str]:
            return [f"{entry['operation']} {entry['id']}" for entry in log_of(client, query)]

        assert ids("of=talks") == ["create talks", "create p1", "create p2"]
        assert client.delete("/v1/participants/p1", headers={**key, "If-Match": "*"}).status_code == 204
        assert ids("of=talks") == ["create talks", "create p2"]
        assert ids("of=p1") == ["create p1", "delete p1"]
        moved = client.patch("/v1/participants/p2", json={"meeting": "others"}, headers={**key, "If-Match": "*"})
        assert moved.status_code == 200, moved.text
        assert ids("of=talks") == ["create talks"]
        assert ids("of=others") == ["create others", "create p2", "patch p2"]
        assert client.post("/v1/meetings/talks/merge", json={"into": "others"}, headers=key).status_code == 200
        assert set(ids("of=talks")) >= {"create others", "create p2", "patch p2"}, "the id of a merged record means the other"
        assert client.delete("/v1/people/ann", headers={**key, "If-Match": "*"}).status_code == 204
        assert ids("of=ann") == ["create ann", "delete ann"]
        assert client.put("/v1/people/bob", json={"name": "Bob"}, headers=key).status_code == 201
        assert client.post("/v1/people/bob/erase", headers=key).status_code == 200
        assert [entry["state"] for entry in log_of(client, "of=bob")] == [None, None]
        assert client.post("/v1/topics", json={"name": "Past"}, headers=key).status_code == 201
        assert client.delete("/v1/topics/past", headers={**key, "If-Match": "*"}).status_code == 204
        assert refused(client, "of=past&topic=past") == {"topic": "the topic 'past' was deleted"}


def test_values_mean_records_as_in_other_filters(client: TestClient) -> None:
    assert seqs(log_of(client, "of=BLR")) == seqs(log_of(client, "of=112")) == seqs(log_of(client, "of=BY")) != []
    assert refused(client, "of=nothing") == {"of": "there is no record 'nothing'"}
    assert refused(client, "of=CS").keys() == {"of"}, "the code of two former states"
    assert refused(client, "topic=BY") == {"topic": "'BY' is a country; it must be a topic"}
    assert refused(client, "topic=cybersecurit&of=scoo").keys() == {"topic", "of"}
    assert "cybersecurity" in refused(client, "topic=cybersecurit")["topic"], "what is near is proposed"
    assert refused(client, "of=a&of=b").keys() == {"of"}
    assert refused(client, "of=%27%22").keys() == {"of"}


@pytest.mark.parametrize("kind", Kind)
def test_no_table_is_read_through(seeded: Database, kind: Kind) -> None:
    """By the databases' own plans: records are found by the indexes of references, and entries by their numbers."""
    engine = seeded.engine
    first = LogShape(of=kind, walks=False)
    for shape in (first, replace(first, backwards=True), LogShape(of=kind), LogShape(of=kind, has_topic=True, walks=False)):
        concerns = [referring_to(RESOURCES, kind)] + [about_topics(RESOURCES)] * shape.has_topic
        statement = to_statement(entries(shape, concerns), driver_for(seeded.url, deadline=1, connections=1).dialect)
        topics = '["cybersecurity"]' if engine.dialect.name == "sqlite" else ["cybersecurity"]
        told = plan(seeded, statement.sql, {**statement.constants, "of": "sco", "topic": topics, "start": 900, "limit": 10})
        read_through = [
            line
            for line in told.splitlines()
            if re.search(r"\bSCAN \w|Seq Scan on", line) and not re.search(r"CONSTANT ROW|json_each|topic_and_narrower", line)
        ]
        assert not read_through, told
        assert ("ix_changes_record_id_seq" in told) != shape.walks, told


# -- about a topic ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_changes_about_a_topic_are_those_of_the_records_that_lists_find(client: TestClient) -> None:
    topics = [each["id"] for each in client.get("/v1/topics?limit=200").json()["data"]]
    assert len(topics) > 20
    several = 0
    for topic in [*topics[::EVERY], "digital-transformation", "artificial-intelligence", "cybersecurity"]:
        expected: set[str] = set()
        for resource in RESOURCES:
            url: str | None = f"{resource.path}?topic={topic}&limit=200" if "topic" in resource.filters else None
            while url is not None:
                page = client.get(url).json()
                expected |= {each["id"] for each in page["data"]}
                url = page["links"]["next"]
        found = log_of(client, f"topic={topic}&limit=1000")
        assert {entry["id"] for entry in found} == expected, topic
        several += len(expected)
    assert several > 250
    one, other = (seqs(log_of(client, f"topic={each}")) for each in ("artificial-intelligence", "cybersecurity"))
    assert seqs(log_of(client, "topic=artificial-intelligence&topic=cybersecurity")) == sorted({*one, *other})


@pytest.mark.usefixtures("way")
def test_filters_combine(client: TestClient) -> None:
    everything = log_of(client, "limit=1000")
    transaction = everything[0]["transaction"]
    of_sco, about = ({*seqs(log_of(client, f"{each}&limit=1000"))} for each in ("of=sco", "topic=cybersecurity"))
    both = seqs(log_of(client, "of=sco&topic=cybersecurity"))
    assert both == sorted(of_sco & about) != []
    citations = {entry["seq"] for entry in everything if entry["kind"] == "citation"}
    assert seqs(log_of(client, "of=sco&kind=citation&limit=7")) == sorted(of_sco & citations)
    assert seqs(log_of(client, f"of=sco&transaction={transaction}&limit=50")) == sorted(of_sco)
    assert log_of(client, "of=sco&transaction=another") == []
    pages = [client.get(f"/v1/changes?of=sco&whole=true&limit={limit}").json() for limit in (3, 1000)]
    assert [(len(page["data"]), page["page"]["complete"]) for page in pages] == [(3, False), (len(of_sco), True)]


def test_the_position_of_the_last_page_is_the_end_of_the_log(seeded: Database, client: TestClient) -> None:
    """So that a follower of little need not look through the same entries again and again."""
    end = client.get("/v1/changes?before=end&limit=1").json()["data"][0]["position"]
    for query in ("of=cybersecurity", "topic=cybersecurity", "kind=topic", "transaction=none", "of=sco&kind=topic"):
        page = client.get(f"/v1/changes?{query}&limit=1000").json()
        assert page["page"]["position"] == end, query
        assert page["page"]["more"] is False
    few = client.get("/v1/changes?kind=topic&limit=2").json()
    assert few["page"]["position"] == few["data"][-1]["position"] != end
    assert end.startswith(f"{len(seeded.export())}.")


# -- walking back ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "kind=meeting&", "of=sco&", "topic=cybersecurity&", "of=sco&topic=cybersecurity&"])
@pytest.mark.usefixtures("way")
def test_the_log_can_be_walked_back(client: TestClient, query: str) -> None:
    forwards = log_of(client, f"{query}limit=1000")
    assert len(forwards) > 1
    assert log_of(client, f"{query}before=end&limit=1000") == forwards[::-1]
    assert log_of(client, f"{query}before=end&limit={max(len(forwards) // 3, 1)}") == forwards[::-1]
    middle = forwards[len(forwards) // 2]
    for position in (middle["position"], str(middle["seq"])):
        assert log_of(client, f"{query}before={position}&limit=200") == forwards[: len(forwards) // 2][::-1]
    first = client.get(f"/v1/changes?{query}before={forwards[0]['position']}").json()
    assert (first["data"], first["page"]["more"], first["links"]["next"]) == ([], False, None)
    assert first["page"]["position"] == forwards[0]["position"]


def test_pages_back_end_with_whole_transactions_too(office: tuple[Database, TestClient]) -> None:
    database, client = office
    for size in (1, 3, 2):
        database.load(*(f'{{"kind":"topic","id":"t-{size}-{number}","name":"T {size} {number}"}}' for number in range(size)))
    page = client.get("/v1/changes?before=end&limit=4&whole=true").json()
    assert ([entry["id"][:3] for entry in page["data"]], page["page"]["complete"]) == (["t-2"] * 2, True)
    page = client.get(page["links"]["next"]).json()
    assert [entry["id"][:3] for entry in page["data"]] == ["t-3"] * 3 + ["t-1"]


def test_an_empty_log_can_be_walked_back(office: tuple[Database, TestClient]) -> None:
    database, client = office
    database.empty()
    page = client.get("/v1/changes?before=end").json()
    assert (page["data"], page["page"]["position"], page["links"]["next"]) == ([], "0", None)
    assert client.get("/v1/changes?before=0").json()["data"] == []


def test_links_keep_all_parameters(client: TestClient) -> None:
    given = {"of": "BLR", "topic": "digital-transformation", "whole": "true", "wait": "9", "format": "json", "limit": "2"}
    following = client.get("/v1/changes", params={**given, "kind": "citation"}).json()
    query = dict(parse_qsl(urlsplit(following["links"]["next"]).query))
    assert query == {**given, "kind": "citation", "after": following["page"]["position"]}
    back = client.get("/v1/changes?topic=cybersecurity&topic=artificial-intelligence&before=end&limit=2").json()
    pairs = parse_qsl(urlsplit(back["links"]["next"]).query)
    assert pairs == [
        ("topic", "cybersecurity"),
        ("topic", "artificial-intelligence"),
        ("before", back["page"]["position"]),
        ("limit", "2"),
    ]


def test_a_position_before_which_nothing_can_be_is_410(client: TestClient) -> None:
    for position in ("999999", "1.00000000", "9223372036854775807"):
        problem(client.get(f"/v1/changes?before={position}"), 410, "position_unknown")
        problem(client.get(f"/v1/changes?of=sco&before={position}"), 410, "position_unknown")


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("before=end&after=0", {"before"}),
        ("before=3&after=2&wait=1", {"before", "wait"}),
        ("before=end&wait=1", {"wait"}),
        ("wait=61", {"wait"}),
        ("wait=-1", {"wait"}),
        ("wait=soon", {"wait"}),
        ("before=start", {"before"}),
        ("before=", {"before"}),
        ("format=csv", {"format"}),
        ("format=events&wait=1&limit=5&before=end", {"wait", "limit", "before"}),
    ],
)
def test_contradictions_name_the_parameter(client: TestClient, query: str, parameters: set[str]) -> None:
    assert refused(client, query).keys() == parameters


def test_format_goes_before_accept(client: TestClient) -> None:
    events = {"Accept": "text/event-stream"}
    assert client.get("/v1/changes?format=json", headers=events).headers["content-type"] == "application/json"
    told = problem(client.get("/v1/changes", headers={"Accept": "text/csv"}), 406, "not_acceptable")
    assert "text/event-stream" in told["detail"]
    both = {"Accept": "text/event-stream;q=0.5, application/json"}
    assert client.get("/v1/changes", headers=both).headers["content-type"] == "application/json"


# -- waiting ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def patient(database: Database) -> Iterator[tuple[Database, TestClient]]:
    """A registry of one topic that lets a request wait for a second at most."""
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    with database.client(wait_seconds=1) as client:
        yield database, client


def test_a_request_that_waits_in_vain_is_answered_with_an_empty_page(patient: tuple[Database, TestClient]) -> None:
    _, client = patient
    end = client.get("/v1/changes").json()["page"]["position"]
    for query in (f"after={end}", f"after={end}&of=ict", "after=0&kind=person", f"after={end.partition('.')[0]}"):
        page = client.get(f"/v1/changes?{query}&wait=60").json()
        assert (page["data"], page["page"]["position"], page["page"]["more"]) == ([], end, False)
    tag = client.get(f"/v1/changes?after={end}&wait=1").headers["etag"]
    again = client.get(f"/v1/changes?after={end}&wait=1", headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_a_request_does_not_wait_for_what_is_there(database: Database) -> None:
    database.load('{"kind":"topic","id":"ict","name":"ICT"}')
    with database.client(streams=1) as client:
        assert len(client.get("/v1/changes?wait=60").json()["data"]) == 1
        assert len(client.get("/v1/changes?wait=60&of=ict").json()["data"]) == 1
        problem(client.get("/v1/changes?wait=60&after=99"), 410, "position_unknown")
        assert client.get("/v1/changes?wait=60&of=none").status_code == 422


@pytest.mark.parametrize("writes", ["this process", "another process"])
def test_a_request_that_waits_is_answered_by_a_write(database: Database, writes: str) -> None:
    """What the engine of the test writes is as from another process: the application is not told of it."""
    database.load('{"kind":"topic","id":"ict","name":"ICT"}', '{"kind":"person","id":"ann","name":"Ann"}')
    key = database.key()
    with database.client() as client, ThreadPoolExecutor(1) as thread:
        for number, query in enumerate(("", "&kind=topic", "&of=ict", "&topic=ict")):
            end = client.get("/v1/changes?limit=1000").json()["page"]["position"]
            answer = thread.submit(client.get, f"/v1/changes?after={end}{query}&wait=60")
            while not waiting_in(client):
                assert not answer.done()
            content = {"id": f"t-{number}", "name": f"T {number}", "broader": "ict", "topics": ["ict"]}
            if writes == "this process":
                assert client.post("/v1/topics", json=content, headers=key).status_code == 201
            else:
                database.load(json.dumps({"kind": "topic", **content}))
            page = answer.result(WAIT_SECONDS).json()
            assert [entry["id"] for entry in page["data"]] == [f"t-{number}"], query
