"""What an import promises: all or nothing and why, the same again changes nothing, and everything that follows follows."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from app.cli import main
from app.commands.group import writer_of
from app.db.engine import writing
from app.declaration.resource import renamed
from app.errors import Conflict, Invalid
from app.maintenance.check import disagreements
from app.models import Base
from app.reading.compiler import Compiler
from app.resources import RESOURCES
from app.resources.meeting import MEETING
from app.workers import run_in_workers
from app.writing import parallel_import
from app.writing.batch import Line
from app.writing.writer import Writer
from tests.conftest import SEED, Database, Fresh

Content = dict[str, Any]
SEED_LINES = [
    line
    for resource in RESOURCES
    for line in (SEED / f"{resource.plural}.ndjson").read_text(encoding="utf-8").split("\n")
    if line
]


@pytest.fixture
def another(fresh: Fresh) -> Iterator[Database]:
    """A second empty database."""
    made = Database(fresh())
    yield made
    made.engine.dispose()


@pytest.fixture
def loaded(database: Database) -> Database:
    """A database of the test's own with the first data set."""
    database.seed()
    return database


@pytest.fixture
def small(database: Database) -> Database:
    """A database of the test's own with a few records."""
    load(database, *WORLD)
    return database


WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "source", "id": "news", "title": "News of the ministry", "url": "https://example.org/news"},
    {"kind": "organization", "id": "group-of-ministries", "name": "Group of ministries"},
    {
        "kind": "organization",
        "id": "ministry",
        "name": "Ministry",
        "country": "BY",
        "parent": "group-of-ministries",
    },
    {"kind": "person", "id": "somebody", "name": "Somebody"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16"},
    {"kind": "meeting", "id": "visit", "name": "Visit", "date": "2024-08-22"},
    {"kind": "participant", "id": "who", "meeting": "talks", "person": "somebody", "organization": "ministry", "role": "host"},
    {"kind": "memorandum", "id": "paper", "name": "Paper"},
    {"kind": "party", "id": "side", "memorandum": "paper", "party": "ministry", "role": "party"},
    {"kind": "outcome", "id": "agreed", "name": "Agreed", "type": "understanding", "meeting": "talks"},
    {"kind": "action", "id": "done", "of": "paper", "type": "discussed", "meeting": "talks"},
    {
        "kind": "citation",
        "id": "proof",
        "record": "talks",
        "source": "news",
        "paragraph": 1,
        "quote": "held",
        "confidence": "stated",
    },
)


def load(database: Database, *contents: Content) -> str:
    """Import records and return the report."""
    return str(database.load(*(json.dumps(content) for content in contents)))


def of(record: str, /, **changes: Any) -> Content:
    """A record of the small world with changes; None leaves a field out."""
    (content,) = (each for each in WORLD if each["id"] == record)
    return {key: value for key, value in {**content, **changes}.items() if value is not None}


def counts(database: Database) -> dict[str, Any]:
    """How many rows each table has."""
    return {table.name: database.execute(f'SELECT count(*) FROM "{table.name}"')[0][0] for table in Base.metadata.sorted_tables}


def rejected(database: Database, *lines: str) -> list[str]:
    """The faults for which an import is refused; it leaves nothing behind."""
    before = counts(database)
    with pytest.raises((Invalid, Conflict)) as caught:
        database.load_lines([Line(f"file.ndjson:{number}", line) for number, line in enumerate(lines, 1)])
    assert counts(database) == before
    return [str(fault) for fault in caught.value.faults]


def found_wrong(database: Database) -> list[str]:
    """What `rapporteur check` finds."""
    with writing(database.engine) as connection:
        return disagreements(connection, database.writer, progress=lambda _: None)


def ids(client: TestClient, path: str) -> set[str]:
    """The ids of a list."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return {record["id"] for record in answer.json()["data"]}


def log(database: Database, record: str) -> list[tuple[Any, ...]]:
    """A record's changes: operation, version, state."""
    rows = database.execute("SELECT operation, version, state FROM changes WHERE record_id = :id ORDER BY seq", id=record)
    return [(operation, version, state) for operation, version, state in rows]


# -- the same again -----------------------------------------------------------------------------------------------------


def test_a_second_load_changes_nothing(loaded: Database) -> None:
    everything = "SELECT * FROM {}"
    tables = ("records", "changes", "meetings", "participants", "citations", "names", "involvements")
    before = {table: sorted(loaded.execute(everything.format(table)), key=repr) for table in tables}
    assert str(loaded.seed()) == f"0 created, 0 replaced, {len(SEED_LINES)} unchanged, 0 deleted"
    assert {table: sorted(loaded.execute(everything.format(table)), key=repr) for table in tables} == before
    assert loaded.execute("SELECT max(version), min(version) FROM changes") == [(1, 1)]
    assert loaded.execute("SELECT count(*) FROM changes") == [(len(SEED_LINES),)]


def test_an_export_is_the_seed_and_goes_round_to_the_byte(loaded: Database, another: Database) -> None:
    exported = loaded.export()
    assert exported == SEED_LINES
    assert another.load(*exported).counts["created"] == len(exported)
    assert another.export() == exported
    assert found_wrong(another) == []


def test_records_may_come_in_any_order(database: Database) -> None:
    shuffled = [*SEED_LINES]
    random.Random(16).shuffle(shuffled)
    database.load(*shuffled)
    assert database.export() == SEED_LINES
    assert found_wrong(database) == []


def test_link_records_without_ids_get_the_ids_of_the_seed(database: Database) -> None:
    """Those of kinds that have the keys of before. The others are found by their keys."""
    keyed = {resource.kind.value for resource in RESOURCES if resource.natural_key and not resource.key_was}
    contents = [json.loads(line) for line in SEED_LINES]
    nameless = [{key: value for key, value in each.items() if key != "id" or each["kind"] not in keyed} for each in contents]
    assert sum("id" not in each for each in nameless) > 400
    assert load(database, *nameless) == f"{len(SEED_LINES)} created, 0 replaced, 0 unchanged, 0 deleted"
    assert database.export() == SEED_LINES
    linked = {resource.kind.value for resource in RESOURCES if resource.natural_key}
    nameless = [{key: value for key, value in each.items() if key != "id" or each["kind"] not in linked} for each in contents]
    assert load(database, *nameless) == f"0 created, 0 replaced, {len(SEED_LINES)} unchanged, 0 deleted"


def test_what_a_key_leaves_out_and_what_it_says_is_empty_are_one(small: Database) -> None:
    without = {"kind": "participant", "meeting": "visit", "country": "CN", "role": "visitor"}
    load(small, without)
    assert load(small, {**without, "person": None, "group": None}) == "0 created, 0 replaced, 1 unchanged, 0 deleted"


def test_the_same_line_twice_is_one_record(database: Database) -> None:
    topic = {"kind": "topic", "id": "cybersecurity", "name": "Cybersecurity"}
    assert load(database, topic, {**topic, "broader": None}) == "1 created, 0 replaced, 0 unchanged, 0 deleted, 1 repeated"


# -- a change -----------------------------------------------------------------------------------------------------------


def test_a_changed_line_is_one_version_more_and_one_entry_in_the_log(loaded: Database) -> None:
    with loaded.client() as client:
        before = client.get("/v1/people/pavel-tkach").json()
        content = json.loads(next(line for line in SEED_LINES if '"id":"pavel-tkach"' in line))
        logged = counts(loaded)["changes"]
        assert load(loaded, content | {"summary": "Another summary."}) == "0 created, 1 replaced, 0 unchanged, 0 deleted"
        after = client.get("/v1/people/pavel-tkach").json()
    assert after["summary"] == "Another summary."
    assert (before["version"], after["version"]) == (1, 2)
    assert after["created_at"] == before["created_at"] == before["updated_at"] < after["updated_at"]
    same = ("version", "updated_at", "summary")
    assert {key: after[key] for key in after if key not in same} == {key: before[key] for key in before if key not in same}
    assert counts(loaded)["changes"] == logged + 1
    (line,) = (line for line in loaded.export() if '"id":"pavel-tkach"' in line and '"kind":"person"' in line)
    assert log(loaded, "pavel-tkach")[-1] == ("replace", 2, line)
    ((author, count),) = loaded.execute(
        "SELECT min(author), count(DISTINCT \"transaction\") FROM changes WHERE record_id = 'pavel-tkach'"
    )
    assert (author, count) == ("test", 2)
    assert found_wrong(loaded) == []


def test_a_field_left_out_is_emptied(small: Database) -> None:
    load(small, of("ministry", country=None, parent=None))
    with small.client() as client:
        found = client.get("/v1/organizations/ministry").json()
    assert (found["country"], found["parent"], found["name"]) == (None, None, "Ministry")


def test_a_new_name_is_shown_wherever_the_record_is_referred_to(small: Database) -> None:
    with small.client() as client:
        assert client.get("/v1/participants/who").json()["organization"] == {"id": "ministry", "name": "Ministry"}
        load(small, of("ministry", name="Ministry of Communications"), of("paper", name="Memorandum"))
        assert client.get("/v1/participants/who").json()["organization"]["name"] == "Ministry of Communications"
        assert client.get("/v1/parties/side").json()["party"]["name"] == "Ministry of Communications"
        assert client.get("/v1/actions/done").json()["of"]["name"] == "Memorandum"
        assert [each["name"] for each in client.get("/v1/organizations?q=communications").json()["data"]] == [
            "Ministry of Communications"
        ]
    assert small.execute("SELECT name FROM records WHERE id = 'ministry'") == [("Ministry of Communications",)]
    assert small.execute("SELECT version FROM participants WHERE id = 'who'") == [(1,)]
    assert found_wrong(small) == []


def test_references_may_be_written_as_they_are_read(small: Database) -> None:
    ministry = {"id": "ministry", "name": "whatever"}
    written = of(
        "who", organization=ministry, meeting={"id": "talks", "name": "Talks"}, on_behalf_of={"id": "CN", "kind": "country"}
    )
    assert load(small, written) == "0 created, 1 replaced, 0 unchanged, 0 deleted"
    load(small, {"kind": "topic", "id": "cybersecurity", "name": "Cybersecurity"})
    load(small, of("talks", topics=[{"id": "cybersecurity", "name": "Cybersecurity"}]))
    with small.client() as client:
        assert client.get("/v1/participants/who").json()["on_behalf_of"] == {"id": "CN", "kind": "country", "name": "China"}
        assert [each["id"] for each in client.get("/v1/meetings/talks").json()["topics"]] == ["cybersecurity"]
    assert rejected(small, json.dumps(of("who", organization={"name": "Ministry"})))[0].startswith(
        "file.ndjson:1: /organization: "
    )


def test_what_is_read_over_http_can_be_written_back_unchanged(loaded: Database) -> None:
    read = []
    with loaded.client() as client:
        for resource in RESOURCES:
            for each in client.get(f"{resource.path}?limit=15&fields=id").json()["data"]:
                path = f"{resource.path}/{each['id']}"
                includes = ",".join(name for name in resource.includes if name != "citations")
                read += [client.get(path).text, client.get(f"{path}?lang=ru").text]
                read += [client.get(f"{path}?include={includes}").text] if includes else []
    assert len(read) > 300
    fresh_ones = {json.loads(text)["id"]: text for text in read[::-1]}
    before = counts(loaded)
    report = loaded.load(*fresh_ones.values())
    assert str(report) == f"0 created, 0 replaced, {len(fresh_ones)} unchanged, 0 deleted"
    in_russian = [text for text in read if '"kind":"participant"' in text or '"kind":"citation"' in text]
    assert loaded.load(*in_russian).counts["replaced"] == 0
    assert counts(loaded) == before


def test_a_record_read_with_its_citations_can_be_written_back_unchanged(loaded: Database) -> None:
    with loaded.client() as client:
        text = client.get("/v1/memoranda/by-cn-ict-mou-2024?include=citations,actions,parties").text
    assert len(json.loads(text)["citations"]) > 2
    report = loaded.load(text)
    assert (report.counts["created"], report.counts["replaced"], report.counts["deleted"]) == (0, 0, 0)


# -- citations within a record ------------------------------------------------------------------------------------------


def cite(number: int, **more: Any) -> Content:
    """A citation as it stands within a record."""
    return {"source": "news", "paragraph": number, "quote": f"quote {number}", "confidence": "stated", **more}


def cited(client: TestClient, record: str) -> dict[int, tuple[str, int]]:
    """A record's citations: paragraph to id and version."""
    found = client.get(f"/v1/citations?record={record}&limit=200").json()["data"]
    return {each["paragraph"]: (each["id"], each["version"]) for each in found}


def test_citations_within_a_record_are_made_kept_changed_and_deleted(small: Database) -> None:
    with small.client() as client:
        assert load(small, of("visit", citations=[cite(1), cite(2)])) == "2 created, 1 replaced, 0 unchanged, 0 deleted"
        first = cited(client, "visit")
        assert first.keys() == {1, 2}
        assert load(small, of("visit", city="Minsk")) == "0 created, 1 replaced, 0 unchanged, 0 deleted"
        assert cited(client, "visit") == first, "a record without the key keeps its citations"
        report = load(small, of("visit", city="Minsk", citations=[cite(2, review="confirmed"), cite(3)]))
        assert report == "1 created, 2 replaced, 0 unchanged, 1 deleted", "a record's version moves with its citations"
        second = cited(client, "visit")
        assert second.keys() == {2, 3}
        assert second[2] == (first[2][0], 2)
        gone = first[1][0]
        assert log(small, gone)[-1] == ("delete", 2, None)
        answer = client.get(f"/v1/citations/{gone}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
        assert load(small, of("visit", city="Minsk", citations=[])) == "0 created, 1 replaced, 0 unchanged, 2 deleted"
        assert cited(client, "visit") == {}
        assert cited(client, "talks").keys() == {1}, "another record's citations stay"
        load(small, of("visit", city="Minsk", citations=[cite(1)]))
        assert cited(client, "visit") == {1: (gone, 3)}
        assert [entry[:2] for entry in log(small, gone)] == [("create", 1), ("delete", 2), ("create", 3)]
        assert client.get(f"/v1/citations/{gone}").status_code == 200
    assert found_wrong(small) == []


def test_a_citation_that_another_line_brings_is_not_deleted(small: Database) -> None:
    load(small, of("talks", citations=[cite(7)]), of("proof"))
    with small.client() as client:
        assert cited(client, "talks").keys() == {1, 7}
    assert found_wrong(small) == []


def test_a_fault_in_a_citation_within_a_record_is_pointed_at(small: Database) -> None:
    bad = of("talks", citations=[cite(1), cite(2, quote="one two three four five six seven eight nine"), cite(0), 5])
    faults = rejected(small, json.dumps(bad))
    assert [fault.split(": ")[:2] for fault in faults] == [
        ["file.ndjson:1", "/citations/1/quote"],
        ["file.ndjson:1", "/citations/2/paragraph"],
        ["file.ndjson:1", "/citations/3"],
    ]


def test_a_citation_that_something_refers_to_is_not_deleted_without_a_word(small: Database) -> None:
    load(small, {"kind": "outcome", "id": "about", "name": "About the proof", "type": "statement", "subject": "proof"})
    (fault,) = rejected(small, json.dumps(of("talks", citations=[])))
    assert fault.startswith("file.ndjson:1: /citations")
    assert "proof" in fault


# -- faults -------------------------------------------------------------------------------------------------------------

GOOD = '{"kind":"topic","id":"good","name":"Good"}'
NINE = "one two three four five six seven eight nine"
FAULTY_LINES: tuple[tuple[str, str, str], ...] = (
    ('{"kind":"topic"', "", "is no JSON"),
    ('{"kind":"topic","id":"a","id":"b","name":"A"}', "", "a key stands twice"),
    (
        '{"kind":"topic","id":"a","name":"A","names":[{"language":"en","text":"A","text":"B","type":"short"}]}',
        "",
        "stands twice",
    ),
    ("[1]", "", "is no JSON object"),
    ('"topic"', "", "is no JSON object"),
    ("null", "", "is no JSON object"),
    ('{"kind":"planet","id":"mars"}', "/kind", "must be one of country, topic"),
    ('{"id":"mars"}', "/kind", "must be one of country, topic"),
    ('{"kind":["topic"],"id":"mars"}', "/kind", "must be one of country, topic"),
    ('{"kind":"topic","id":"a","name":"A","colour":"red"}', "/colour", ""),
    ('{"kind":"topic","id":"a"}', "/name", "required"),
    ('{"kind":"topic","name":"A"}', "/id", "needs an id"),
    ('{"kind":"topic","id":"Not a slug","name":"A"}', "/id", ""),
    ('{"kind":"topic","id":"a","name":5}', "/name", ""),
    ('{"kind":"topic","id":"a","name":" "}', "/name", ""),
    ('{"kind":"meeting","id":"a","name":"A","type":"party"}', "/type", "'summit'"),
    ('{"kind":"meeting","id":"a","name":"A","date":"yesterday"}', "/date", "'yesterday' is no EDTF date"),
    ('{"kind":"meeting","id":"a","name":"A","date":"2025-02-30"}', "/date", "'2025-02-30' is no day of the calendar"),
    ('{"kind":"meeting","id":"a","name":"A","date":"2025/.."}', "/date", "has no end"),
    ('{"kind":"meeting","id":"a","name":"A","attendance":-1}', "/attendance", ""),
    ('{"kind":"meeting","id":"a","name":"A","attendance":99999999999}', "/attendance", ""),
    ('{"kind":"meeting","id":"a","name":"A","attendance":1e400}', "/attendance", ""),
    ('{"kind":"meeting","id":"a","name":"A","attendance":1.5}', "/attendance", ""),
    (f'{{"kind":"meeting","id":"a","name":"A","attendance":{"9" * 5000}}}', "", "is no JSON"),
    ('{"kind":"meeting","id":"a","name":"A","attendance":NaN}', "", "NaN is no JSON value"),
    ('{"kind":"meeting","id":"a","name":"A","attendance":-Infinity}', "", "-Infinity is no JSON value"),
    ('{"kind":"meeting","id":"a","name":"A","ordinal":4}', "/ordinal", "means nothing without series"),
    ('{"kind":"topic","id":"a","name":"A\\u0000"}', "/name", "NUL"),
    ('{"kind":"topic","id":"a","name":"A\\ud800"}', "/name", ""),
    ('{"kind":"topic","id":"a\\ud800","name":"A"}', "/id", ""),
    ('{"kind":"topic","id":"a","name":"A","names":[{"language":"en","text":"A\\udfff","type":"short"}]}', "/names/0/text", ""),
    (
        '{"kind":"topic","id":"a","name":"A","names":[{"language":"english","text":"A","type":"short"}]}',
        "/names/0/language",
        "",
    ),
    (
        f'{{"kind":"citation","record":"talks","source":"news","paragraph":1,"quote":"{NINE}","confidence":"stated"}}',
        "/quote",
        "has 9 words",
    ),
    (
        '{"kind":"membership","of":"group-of-ministries","member":"BY","status":"full","since":"2010","until":"2009"}',
        "/until",
        "'2009' lies before since '2010'",
    ),
    ('{"kind":"participant","meeting":"talks","role":"speaker"}', "", "names at least one of person"),
    ("[" * 100_000, "", "is nested more than"),
    (f'{{"kind":"topic","id":"a","name":{"[" * 5000}{"]" * 5000}}}', "", ""),
    ('{"kind":"topic","id":"a","name":"A","citations":{}}', "/citations", "must be an array"),
)


def test_every_fault_of_every_line_is_told_and_nothing_is_written(small: Database) -> None:
    lines = [GOOD]
    for line, _, _ in FAULTY_LINES:
        lines += [line, GOOD]
    faults = rejected(small, *lines)
    assert len(faults) == len(FAULTY_LINES)
    for place, (fault, (line, pointer, detail)) in enumerate(zip(faults, FAULTY_LINES, strict=True)):
        where = f"file.ndjson:{2 * place + 2}: "
        assert fault.startswith(f"{where}{pointer}: " if pointer else where), line[:100]
        assert detail in fault, line[:100]
        assert "\n" not in fault
        assert len(fault) < 500


@pytest.mark.parametrize("faulty", [False, True])
def test_several_processes_read_what_one_reads(small: Database, monkeypatch: pytest.MonkeyPatch, *, faulty: bool) -> None:
    monkeypatch.setattr(parallel_import, "AT_ONCE", 7)
    monkeypatch.setattr(small.writer, "run_jobs", run_in_workers)
    with_citations = {
        "kind": "topic",
        "id": "cited",
        "name": "Cited",
        "citations": [{"source": "news", "paragraph": 1, "quote": "a", "confidence": "stated"}],
    }
    texts = [*SEED_LINES[:60], json.dumps(with_citations), *SEED_LINES[55:65], *SEED_LINES[-40:]]
    if faulty:
        contradicting = {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "not China"}
        texts[8:8] = ["no JSON", '{"kind": "topic", "name": 7, "citations": [{}]}', json.dumps(contradicting)]
    lines = [Line(f"line {number}", text) for number, text in enumerate(texts)]
    told: list[int] = []
    several = parallel_import.read(small.writer, lines, progress=told.append)
    one = small.writer.intake.lines(lines)
    assert sum(told) == len(lines)
    assert bool(several.faults) is faulty
    assert several.faults.told() == one.faults.told()
    assert several.cited.keys() == one.cited.keys() >= {"cited"}
    for record_id, cited in several.cited.items():
        assert [each.content for each in cited] == [each.content for each in one.cited[record_id]]
        assert all(several.wanted[each.id] is each for each in cited)
    assert list(several.wanted) == list(one.wanted)
    for mine, other in zip(several.wanted.values(), one.wanted.values(), strict=True):
        assert (mine.content, mine.line, mine.pointer, mine.named) == (other.content, other.line, other.pointer, other.named)


def test_several_processes_write_what_one_writes(loaded: Database, another: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, writer = writer_of(another.settings, run_in_workers)
    monkeypatch.setattr("app.db.sql.CHUNK", 50)
    with writing(another.engine) as connection:
        lines = [Line(f"line {number}", text) for number, text in enumerate(SEED_LINES)]
        writer.write(connection, writer.intake.lines(lines), author="test")
    assert another.export() == loaded.export()
    assert another.disagreements() == []
    its_own = {"seq", "digest", "at", "transaction", "created_at", "updated_at"}
    for table in ("search_entries", "involvements", "changes", "names", "participants"):
        columns = ", ".join(f'"{name}"' for name in sorted({*Base.metadata.tables[table].c.keys()} - its_own))
        query = f"SELECT {columns} FROM {table} ORDER BY {columns}"
        assert another.execute(query) == loaded.execute(query) != [], table


def test_several_faults_of_one_line_are_all_told(database: Database) -> None:
    bad = '{"kind":"meeting","id":"A b","type":"party","date":"soon","names":[{"language":"en","text":""}],"attendance":-1}'
    pointers = {fault.split(": ")[1] for fault in rejected(database, bad)}
    assert pointers == {"/id", "/name", "/type", "/date", "/names/0/text", "/names/0/type", "/attendance"}


OF_ANOTHER_TYPE = (
    '"kind":"meeting","id":"a","name":"A","attendance":true',
    '"kind":"meeting","id":"b","name":"B","attendance":"5"',
    '"kind":"membership","of":"group-of-ministries","member":"BY","status":"full","founding":"yes"',
    '"kind":"membership","of":"group-of-ministries","member":"CN","status":"full","founding":1',
)


def test_a_value_of_another_type_is_refused_not_guessed_at(small: Database) -> None:
    faults = rejected(small, *(f"{{{fields}}}" for fields in OF_ANOTHER_TYPE))
    assert [fault.split(": ")[:2] for fault in faults] == [
        ["file.ndjson:1", "/attendance"],
        ["file.ndjson:2", "/attendance"],
        ["file.ndjson:3", "/founding"],
        ["file.ndjson:4", "/founding"],
    ]


REFERENCE_FAULTS: tuple[tuple[Content, str, str], ...] = (
    ({"kind": "topic", "id": "a", "name": "A", "broader": "nothing"}, "/broader", "there is no topic 'nothing'"),
    ({"kind": "meeting", "id": "m1", "name": "A", "topics": ["nothing"]}, "/topics/0", "there is no topic 'nothing'"),
    ({"kind": "meeting", "id": "m2", "name": "A", "country": "ministry"}, "/country", "'ministry' is an organization"),
    (
        {"kind": "party", "memorandum": "paper", "party": "somebody", "role": "party"},
        "/party",
        "'somebody' is a person; it must be a country or an organization",
    ),
    (
        {"kind": "participant", "meeting": "cn", "country": "cn", "role": "host"},
        "/meeting",
        "'cn' is a country; it must be a meeting",
    ),
    ({"kind": "topic", "id": "by", "name": "A"}, "/id", "is a country's code"),
    ({"kind": "topic", "id": "BY", "name": "A"}, "/id", "'BY' is the id of a country already"),
    ({"kind": "topic", "id": "QQ", "name": "A"}, "/id", "country's"),
    ({"kind": "topic", "id": "blr", "name": "A"}, "/id", "is a country's code"),
    ({"kind": "topic", "id": "112", "name": "A"}, "/id", "is a country's code"),
    ({"kind": "topic", "id": "deu", "name": "A"}, "/id", "is a country's code"),
    ({"kind": "country", "id": "DE", "alpha_3": "DEU", "numeric": "276", "name": "Germany"}, "", ""),
    ({"kind": "country", "id": "germany", "alpha_3": "XXX", "numeric": "999", "name": "Germany"}, "/id", "alpha-2"),
    ({"kind": "person", "id": "ministry", "name": "A"}, "/id", "'ministry' is the id of a organization already"),
    ({"kind": "topic", "id": "twice", "name": "A"}, "", ""),
    ({"kind": "topic", "id": "twice", "name": "B"}, "/id", "'twice' stands already in file.ndjson:15 with another content"),
)


def test_every_fault_between_lines_is_told_and_nothing_is_written(small: Database) -> None:
    lines = [json.dumps(content) for content, _, _ in REFERENCE_FAULTS]
    double, others = lines[-1], lines[:-1]
    (fault,) = rejected(small, *others, double)[:1]
    assert fault == f"file.ndjson:16: {REFERENCE_FAULTS[-1][1]}: {REFERENCE_FAULTS[-1][2]}"
    faults = rejected(small, *others)
    for number, (_, pointer, detail) in enumerate(REFERENCE_FAULTS[:-1], 1):
        told = [fault for fault in faults if fault.startswith(f"file.ndjson:{number}: ")]
        assert bool(told) == bool(detail), (number, faults)
        assert not detail or any(
            fault.startswith(f"file.ndjson:{number}: {pointer}: ") and detail in fault for fault in told
        ), told


def test_faults_of_one_line_do_not_hide_those_between_others(small: Database) -> None:
    faults = rejected(
        small, GOOD, '{"kind":"topic"', json.dumps({"kind": "topic", "id": "a", "name": "A", "broader": "nothing"})
    )
    assert [fault.split(": ")[0] for fault in faults] == ["file.ndjson:2", "file.ndjson:3"]


def test_a_second_record_under_the_same_natural_key_is_told_as_a_fault(small: Database) -> None:
    state = {"kind": "country", "id": "XX", "name": "X"}
    taken = (
        of("who", id="who-else"),
        of("side", id="side-else"),
        of("done", id="done-else"),
        of("proof", id="proof-else"),
        {**state, "alpha_3": "BLR", "numeric": "999"},
        {**state, "alpha_3": "XXX", "numeric": "112"},
    )
    for content in taken:
        (fault,) = rejected(small, GOOD, json.dumps(content))
        assert fault.startswith("file.ndjson:2: ")
    twice = {"kind": "relation", "memorandum": "paper", "related": "ministry", "type": "confirms"}
    (fault,) = rejected(small, json.dumps({**twice, "id": "one"}), json.dumps({**twice, "id": "two"}))
    assert fault.startswith("file.ndjson:2: ")


def test_records_may_exchange_their_natural_keys(small: Database) -> None:
    load(small, {"kind": "participant", "id": "guest", "meeting": "visit", "country": "CN", "role": "visitor"})
    swapped = (
        of("who", id="guest"),
        {"kind": "participant", "id": "who", "meeting": "visit", "country": "CN", "role": "visitor"},
    )
    assert load(small, *swapped) == "0 created, 2 replaced, 0 unchanged, 0 deleted"
    with small.client() as client:
        assert client.get("/v1/participants/guest").json()["person"]["id"] == "somebody"
    assert found_wrong(small) == []


def test_faults_of_one_sort_are_counted_from_the_eleventh_on(database: Database) -> None:
    told = rejected(database, *["{}"] * 130, '{"kind": "topic", "id": "one"}')
    assert told[10] == "/kind: and 120 more faults like this one"
    assert [fault.split(": ")[:2] for fault in told[11:]] == [["file.ndjson:131", "/name"]]


def test_an_import_of_nothing_but_faults_is_read_no_further(database: Database) -> None:
    told = rejected(database, *["{}"] * 20_000)
    assert told[10] == "/kind: and 9990 more faults like this one"
    assert told[11] == "the rest was not looked at: 10000 faults are enough"
    assert len(told) == 12


def test_more_than_a_hundred_faults_are_counted(database: Database, tmp_path: Path) -> None:
    lines = [json.dumps({"kind": "topic", "id": f"t{place}", f"field_{chr(97 + place % 13)}": 1}) for place in range(130)]
    (tmp_path / "file.ndjson").write_text("\n".join(lines), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", str(tmp_path / "file.ndjson")], env={"RAPPORTEUR_DATABASE_URL": database.url})
    told = done.output.splitlines()
    assert sum("file.ndjson:" in line for line in told) == 99, "and a line that counts the other names that are missing"
    assert told[-1] == "… and 41 more"


def test_the_command_names_file_and_line(small: Database, tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_text(f'\n{GOOD}\n\n{{"kind":"topic","id":"a"}}\n', encoding="utf-8")
    (tmp_path / "a.ndjson").write_text(GOOD.replace("Good", "Other"), encoding="utf-8")
    before = counts(small)
    result = CliRunner().invoke(main, ["import", str(tmp_path)], env={"RAPPORTEUR_DATABASE_URL": small.url})
    assert result.exit_code == 1
    told = result.stderr.split("Error: ")[1].splitlines()
    assert told[0].startswith("b.ndjson:2: /id: 'good' stands already in a.ndjson:1 with another content")
    assert told[1].startswith("b.ndjson:4: /name: ")
    assert len(told) == 2
    assert counts(small) == before


def test_an_organization_cannot_be_part_of_itself(small: Database) -> None:
    (fault,) = rejected(small, json.dumps(of("group-of-ministries", parent="ministry")))
    assert fault.startswith("file.ndjson:1: /parent: ")
    assert "group-of-ministries → ministry → group-of-ministries" in fault


# -- what follows from records ------------------------------------------------------------------------------------------

Meetings = Callable[[str], set[str]]


def _ask(client: TestClient, plural: str, actor: str) -> set[str]:
    return ids(client, f"/v1/{plural}?participant={quote(actor)}")


def test_a_participant_reaches_its_body_the_bodies_above_and_their_country(small: Database) -> None:
    with small.client() as client:
        for actor in ("somebody", "ministry", "group-of-ministries", "BY"):
            assert _ask(client, "meetings", actor) == {"talks"}, actor
            assert _ask(client, "outcomes", actor) == {"agreed"}, actor
        assert _ask(client, "meetings", "CN") == set()
        assert ids(client, "/v1/memoranda?party=BY") == {"paper"}
    assert found_wrong(small) == []


def test_a_participant_that_moves_takes_its_involvement_along(small: Database) -> None:
    load(small, of("who", meeting="visit"))
    with small.client() as client:
        assert _ask(client, "meetings", "BY") == {"visit"}
        assert _ask(client, "outcomes", "BY") == set()
        assert [each["id"] for each in client.get("/v1/meetings/visit").json()["countries"]] == ["BY"]
        assert client.get("/v1/meetings/talks").json()["countries"] == []
        assert client.get("/v1/participants/who").json()["date_start"] == "2024-08-22"
    assert found_wrong(small) == []


def test_a_participant_of_another_person_leaves_the_first(small: Database) -> None:
    load(small, of("who", person=None, organization=None, country="CN"))
    with small.client() as client:
        assert _ask(client, "meetings", "CN") == {"talks"}
        for actor in ("somebody", "ministry", "group-of-ministries", "BY"):
            assert _ask(client, "meetings", actor) == set(), actor
    assert found_wrong(small) == []


def test_a_meeting_that_moves_takes_along_the_dates_of_all_that_has_none(small: Database) -> None:
    stamps = {
        table: small.execute(f"SELECT id, version, updated_at FROM {table} ORDER BY id")
        for table in ("participants", "outcomes", "actions")
    }
    load(small, of("talks", date="2026-02"), {"kind": "outcome", "id": "dated", "name": "D", "type": "pledge", "date": "2020"})
    load(small, {"kind": "outcome", "id": "dated", "name": "D", "type": "pledge", "date": "2026", "meeting": "talks"})
    with small.client() as client:
        for plural, record in (("participants", "who"), ("outcomes", "agreed"), ("actions", "done")):
            found = client.get(f"/v1/{plural}/{record}").json()
            assert (found["date"], found["date_start"], found["date_end"]) == (None, "2026-02-01", "2026-02-28"), plural
            assert found["version"] == 1
            assert record in ids(client, f"/v1/{plural}?date_from=2026-02-10&date_to=2026-02-10")
        assert client.get("/v1/outcomes/dated").json()["date_start"] == "2026-01-01"
        assert _ask(client, "meetings", "BY") == {"talks"}
    assert found_wrong(small) == []
    for table, before in stamps.items():
        after = small.execute(f"SELECT id, version, updated_at FROM {table} WHERE id <> 'dated' ORDER BY id")
        assert after == before, "a change of projections alone is no version"
    assert {entry[0] for record in ("who", "agreed", "done") for entry in log(small, record)} == {"create"}


def test_a_meeting_that_loses_its_date_leaves_none_to_what_took_it(small: Database) -> None:
    load(small, of("talks", date=None))
    with small.client() as client:
        for path in ("/v1/participants/who", "/v1/outcomes/agreed", "/v1/actions/done"):
            assert client.get(path).json()["date_start"] is None
    assert found_wrong(small) == []


def test_what_loses_its_own_date_takes_its_meetings(small: Database) -> None:
    load(small, of("agreed", date="2025-06"))
    load(small, of("agreed"))
    with small.client() as client:
        assert client.get("/v1/outcomes/agreed").json()["date_start"] == "2025-06-16"
    assert found_wrong(small) == []


def test_an_organization_of_another_country_involves_that_country(small: Database) -> None:
    load(small, of("ministry", country="CN"))
    with small.client() as client:
        assert _ask(client, "meetings", "BY") == set()
        assert _ask(client, "meetings", "CN") == {"talks"}
        assert _ask(client, "outcomes", "CN") == {"agreed"}
        assert ids(client, "/v1/memoranda?party=CN") == {"paper"}
        assert ids(client, "/v1/memoranda?party=BY") == set()
    assert found_wrong(small) == []


def test_an_organization_with_another_parent_leaves_the_first(small: Database) -> None:
    load(
        small,
        {"kind": "organization", "id": "union", "name": "Union", "country": "CN"},
        of("group-of-ministries", parent="union"),
    )
    with small.client() as client:
        assert _ask(client, "meetings", "union") == {"talks"}
        assert _ask(client, "meetings", "CN") == {"talks"}
        load(small, of("group-of-ministries"))
        assert _ask(client, "meetings", "union") == set()
        assert _ask(client, "meetings", "CN") == set()
    assert found_wrong(small) == []


def test_an_understanding_of_another_meeting_involves_those_who_met_there(small: Database) -> None:
    load(small, {"kind": "participant", "id": "guest", "meeting": "visit", "country": "CN", "role": "visitor"})
    with small.client() as client:
        assert _ask(client, "outcomes", "CN") == set()
        load(small, of("agreed", meeting="visit"))
        assert _ask(client, "outcomes", "CN") == {"agreed"}
        assert _ask(client, "outcomes", "BY") == set()
        load(small, of("agreed", meeting="visit", type="pledge", made_by="somebody"))
        assert _ask(client, "outcomes", "CN") == set()
        assert _ask(client, "outcomes", "somebody") == {"agreed"}
    assert found_wrong(small) == []


def test_a_party_that_changes_moves_between_instruments(small: Database) -> None:
    load(
        small,
        {"kind": "memorandum", "id": "other-paper", "name": "Other", "date": "2020"},
        of("side", memorandum="other-paper"),
    )
    with small.client() as client:
        assert ids(client, "/v1/memoranda?party=ministry") == {"other-paper"}
        assert [each["id"] for each in client.get("/v1/memoranda/paper").json()["countries"]] == []
    load(small, of("side", memorandum="other-paper", signatories=[{"person": "somebody"}]))
    with small.client() as client:
        assert ids(client, "/v1/memoranda?party=somebody") == {"other-paper"}
    assert found_wrong(small) == []


def test_all_at_once_and_one_by_one_come_to_the_same(
    small: Database, another: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.writing.projections.PROJECT_ALL_FROM", 1)
    load(another, *WORLD)
    rows = "SELECT actor_id, record_kind, date_start, record_id, actor_kind FROM involvements ORDER BY 1, 2, 3, 4"
    assert small.execute(rows) == another.execute(rows) != []
    assert found_wrong(another) == []


def test_every_table_of_a_resource_is_written(loaded: Database) -> None:
    counted = counts(loaded)
    assert [resource.plural for resource in RESOURCES if not counted[resource.table.name]] == []
    assert counted["records"] == sum(counted[resource.table.name] for resource in RESOURCES) == len(SEED_LINES)


def test_a_citation_that_names_a_field_as_an_earlier_release_did_is_that_of_today(database: Database) -> None:
    resources = [replace(each, formerly={"place": renamed("city")}) if each is MEETING else each for each in RESOURCES]
    database.writer = Writer(resources, Compiler(resources, database.writer.compiler.dialect), database.writer.encode)
    database.load('{"kind":"source","id":"news","title":"News"}')
    proof = {"source": "news", "paragraph": 1, "quote": "in Minsk", "confidence": "stated"}
    old, new = (
        json.dumps(
            {"kind": "meeting", "id": "talks", "name": "Talks", "city": "Minsk", "citations": [{**proof, "field": field}]}
        )
        for field in ("place", "city")
    )
    assert database.load(old).counts["created"] == 2
    for line in (old, new, old):
        assert database.load(line).counts == {"created": 0, "replaced": 0, "unchanged": 2, "deleted": 0}
    (stored,) = (json.loads(line) for line in database.export() if '"kind":"citation"' in line)
    assert stored["field"] == "city"
    assert database.execute("SELECT version FROM meetings WHERE id = 'talks'") == [(1,)]
    assert database.disagreements() == []
