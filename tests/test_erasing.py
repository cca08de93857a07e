"""Nothing of an erased record is left: in tables, log, search, stored answers, exports, the file; and everybody is told."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from app.db.engine import create_engine, reading, vacuum
from app.models import Base
from app.writing.keys import Scope
from tests.conftest import Database, run_command

WORDS = ("quarkova", "кваркова", "kvarkova")
"""What only the erased person's records say, in small letters."""
LINES = (
    '{"kind":"country","id":"BY","alpha_3":"BLR","numeric":"112","name":"Belarus"}',
    '{"kind":"source","id":"page","title":"Page","publisher":"Office"}',
    '{"kind":"meeting","id":"talks","name":"Talks","date":"2024-05-01","summary":"Opened by Zoe Quarkova."}',
    '{"kind":"meeting","id":"forum","name":"Forum","date":"2024-06-01"}',
    '{"kind":"person","id":"zoe","name":"Zoe Quarkova","names":[{"language":"ru","text":"Зоя Кваркова","type":"translation"}]}',
    '{"kind":"person","id":"zoya","name":"Zoya Kvarkova"}',
    '{"kind":"person","id":"ann","name":"Ann Other"}',
    '{"kind":"participant","id":"p-talks","meeting":"talks","person":"zoe","role":"speaker"}',
    '{"kind":"participant","id":"p-forum","meeting":"forum","person":"zoya","role":"speaker"}',
    '{"kind":"citation","id":"c-talks","record":"p-talks","source":"page","paragraph":1,"quote":"Quarkova","confidence":"stated"}',
    '{"kind":"citation","id":"c-zoe","record":"zoe","source":"page","paragraph":2,"quote":"Quarkova","confidence":"stated"}',
)
GONE = {"zoe", "zoya", "p-talks", "p-forum", "p-old", "c-talks", "c-zoe", "c-old"}


class Office:
    """A registry with a person who is to be erased, and a client with a key."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.key = database.key()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask with the key."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, json=body, headers={**self.key, **said})

    def erase(self, query: str = "", record: str = "people/zoe") -> Any:
        """Erase the person, or another record."""
        return self.ask("POST", f"/v1/{record}/erase{query}")

    def change(self, path: str, body: Any) -> None:
        """Change a record."""
        said = {"If_Match": "*", "Content_Type": "application/merge-patch+json"}
        assert self.ask("PATCH", path, body, **said).status_code == 200

    def rows(self) -> str:
        """All rows of all tables, in small letters."""
        with self.database.engine.connect() as connection:
            tables = {table: connection.execute(sa.select(table)).all() for table in Base.metadata.sorted_tables}
        return "\n".join(repr(row) for rows in tables.values() for row in rows).lower()


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    database.load(*LINES)
    with database.client() as client:
        made = Office(database, client)
        # Links that were deleted, and versions that are past: their states are in the log alone.
        made.ask(
            "POST",
            "/v1/participants",
            {"id": "p-old", "meeting": "forum", "person": "zoe", "role": "guest"},
            Idempotency_Key="1",
        )
        old = {
            "id": "c-old",
            "record": "p-old",
            "source": "page",
            "paragraph": 3,
            "quote": "Zoe Quarkova",
            "confidence": "stated",
        }
        assert made.ask("POST", "/v1/citations", old, Idempotency_Key="2").status_code == 201
        assert made.ask("DELETE", "/v1/participants/p-old", If_Match="*").status_code == 204
        made.change("/v1/people/zoe", {"name": "Zoe Quarkova-Smith"})
        assert made.ask("POST", "/v1/people/zoya/merge", {"into": "zoe"}, Idempotency_Key="3").status_code == 200
        moved = {"id": "p-moved", "meeting": "talks", "person": "zoe", "role": "guest"}
        assert made.ask("POST", "/v1/participants", moved).status_code == 201
        made.change("/v1/participants/p-moved", {"person": "ann"})
        yield made


def test_texts_of_other_records_that_have_the_name_block_unless_confirmed(office: Office) -> None:
    before = office.rows()
    refused = office.erase()
    assert (refused.status_code, refused.json()["code"]) == (409, "still_named")
    assert refused.json()["errors"] == [{"detail": "the meeting 'talks' names it in: summary", "pointer": "/talks"}]
    assert office.rows() == before
    erased = office.erase("?confirmed=true")
    assert erased.status_code == 200
    assert erased.json()["mentions"] == [{"id": "talks", "kind": "meeting", "versions": [1], "fields": ["summary"]}]
    assert office.client.get("/v1/meetings/talks").json()["summary"] == "Opened by Zoe Quarkova."
    assert office.database.disagreements() == []


def test_nothing_of_an_erased_person_is_left(office: Office) -> None:
    client, database = office.client, office.database
    assert client.get("/v1/search?q=quarkova").json()["data"]
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    start = client.get("/v1/changes?limit=1000").json()["page"]["position"]
    before = office.rows()
    tried = office.erase("?dry_run=true")
    assert (tried.status_code, tried.json()["transaction"]) == (200, None)
    assert office.rows() == before

    told = office.erase().json()
    assert {each["id"] for each in told["erased"]} == GONE
    assert {(each["id"], *each["versions"]) for each in told["blanked"]} == {("talks", 1), ("p-moved", 1)}
    assert told["mentions"] == []
    assert told["answers"] == 3
    left = office.rows()
    assert [word for word in WORDS if word in left] == []
    for path in (
        "/v1/export",
        "/v1/changes?limit=1000",
        "/v1/search?q=quarkova",
        "/v1/suggest?q=quark",
        "/v1/people/zoe/history",
    ):
        shown = client.get(path).text.lower().replace("?q=quarkova", "").replace('"q":"quarkova"', "")
        assert [word for word in WORDS if word in shown] == [], path
    assert client.get("/v1/search?q=quarkova").json()["data"] == []
    assert database.disagreements() == []

    news = client.get(f"/v1/changes?after={start}&whole=true").json()["data"]
    assert {(entry["operation"], entry["id"], entry["state"]) for entry in news} == {("erase", each, None) for each in GONE}
    assert len(news) == len(GONE)
    assert {entry["transaction"] for entry in news} == {told["transaction"]}
    history = client.get("/v1/people/zoe/history").json()["data"]
    assert [(entry["operation"], entry["version"], entry["state"]) for entry in history] == [
        ("erase", 4, None),
        ("merge", 3, None),
        ("patch", 2, None),
        ("create", 1, None),
    ]
    assert client.get("/v1/participants/p-moved").json()["person"]["id"] == "ann"
    again = office.ask(
        "POST", "/v1/participants", {"id": "p-old", "meeting": "forum", "person": "zoe", "role": "guest"}, Idempotency_Key="1"
    )
    assert again.status_code in (409, 422), "the stored answer is not given again"


def test_what_is_erased_does_not_come_back(office: Office) -> None:
    assert office.erase("?confirmed=true").status_code == 200
    for record_id, plural in (("zoe", "people"), ("zoya", "people"), ("p-talks", "participants"), ("c-zoe", "citations")):
        path = f"/v1/{plural}/{record_id}"
        for method, url, body, status, code in (
            ("GET", path, None, 410, "erased"),
            ("GET", f"/v1/records/{record_id}", None, 410, "erased"),
            ("DELETE", path, None, 410, "erased"),
            ("POST", f"{path}/restore", {}, 410, "erased"),
            ("POST", f"{path}/restore", {"version": 1}, 410, "erased"),
            ("POST", f"{path}/erase", None, 410, "erased"),
        ):
            answer = office.ask(method, url, body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (method, url, answer.text)
    for method, path in (("PUT", "/v1/people/zoe"), ("PUT", "/v1/people/zoe?upsert=true"), ("PUT", "/v1/people/zoya")):
        assert office.ask(method, path, {"name": "Zoe"}).status_code == 409
    created = office.ask("POST", "/v1/people", {"id": "zoe", "name": "Zoe"})
    assert (created.status_code, created.json()["errors"][0]["pointer"]) == (409, "/id")
    assert "erased" in created.text
    line = '{"kind":"person","id":"zoe","name":"Zoe"}'
    imported = office.client.post("/v1/import", content=line, headers={**office.key, "Content-Type": "application/x-ndjson"})
    assert imported.status_code == 409
    assert "erased" in imported.text
    reference = office.ask("POST", "/v1/participants", {"meeting": "forum", "person": "zoe", "role": "guest"})
    assert reference.status_code == 422
    assert "the person 'zoe' was erased" in reference.text
    assert office.ask("POST", "/v1/people", {"name": "Zoe"}).json()["id"] != "zoe", "a made id is not that of an erased record"
    transactions = {
        each["transaction"] for each in office.client.get("/v1/changes?limit=1000").json()["data"] if each["id"] in GONE
    }
    assert len(transactions) >= 5
    for each in transactions:
        assert office.ask("POST", f"/v1/transactions/{each}/undo").status_code == 410
    assert office.database.disagreements() == []


def test_versions_that_were_blanked_cannot_be_restored_and_others_can(office: Office) -> None:
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    office.change("/v1/meetings/talks", {"summary": "Closed."})
    assert office.erase().status_code == 200
    lost = office.ask("POST", "/v1/meetings/talks/restore", {"version": 1})
    assert lost.status_code == 422
    assert "there are 2, 3" in lost.text
    assert office.ask("POST", "/v1/meetings/talks/restore", {"version": 2}).status_code == 200
    assert office.client.get("/v1/meetings/talks").json()["summary"] == "Opened by somebody."
    history = office.client.get("/v1/meetings/talks/history").json()["data"]
    assert [entry["state"] is None for entry in history] == [False, False, False, True]
    assert office.database.disagreements() == []


def test_a_deleted_person_can_be_erased(office: Office) -> None:
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    assert office.ask("DELETE", "/v1/people/zoe?links=true", If_Match="*").status_code == 204
    assert "quarkova" in office.rows()
    told = office.erase()
    assert {each["id"] for each in told.json()["erased"]} == GONE
    left = office.rows()
    assert [word for word in WORDS if word in left] == []
    assert office.client.get("/v1/people/zoe").json()["code"] == "erased"
    assert office.database.disagreements() == []


def test_records_that_refer_to_it_stop_an_erasure(office: Office) -> None:
    assert office.ask("POST", "/v1/organizations", {"id": "office", "name": "Office", "country": "BY"}).status_code == 201
    before = office.rows()
    refused = office.erase(record="countries/BY")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_referenced")
    assert "the organization 'office' refers to 'BY' as its country" in refused.text
    assert office.rows() == before


def test_names_are_looked_for_as_whole_words_in_any_case(office: Office) -> None:
    office.database.load(
        '{"kind":"person","id":"li","name":"Li Bo"}',
        '{"kind":"meeting","id":"other","name":"Talks with Eli Bond","date":"2024"}',
        '{"kind":"meeting","id":"shouted","name":"TALKS WITH LI BO","date":"2024"}',
        '{"kind":"meeting","id":"by-id","name":"Li, Bo","date":"2024"}',
    )
    refused = office.erase(record="people/li")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/shouted"]


SPELLED = (
    ("Zoe Quarková", "ZOE quarková spoke"),
    ("Zoe Quarková", "Zoe QUARKOVÁ spoke"),
    ("Zoe Quarková", "Zoe\u00a0 Quarková spoke"),
    ("Zoe Quarková", "Zoe\nQuarkova\u0301 spoke"),
    ("Zoe Quarková", "_Zoe Quarková_ spoke"),
    ("Ina Straße", "INA STRASSE spoke"),
    ("Saad Al-Qahtani", "Opened by Saad al-Qahtani."),
    ("Kay McDonald", "KAY McDONALD spoke"),
    ("王毅", "外交部长王毅出席了会议"),
    ('Zoe "Zo" O\'Quark', 'zoe "zo" o\'quark spoke'),
)


@pytest.mark.parametrize(("name", "text"), SPELLED)
def test_a_name_is_found_whatever_its_case_its_blanks_and_its_letters(database: Database, name: str, text: str) -> None:
    database.load(json.dumps({"kind": "meeting", "id": "talks", "name": "Talks", "date": "2024", "summary": text}))
    database.load(json.dumps({"kind": "person", "id": "somebody", "name": name}))
    database.load(json.dumps({"kind": "meeting", "id": "other", "name": "Other", "date": "2024", "summary": text}))
    database.load(json.dumps({"kind": "meeting", "id": "other", "name": "Other", "date": "2024"}))
    key = database.key()
    with database.client() as client:
        refused = client.post("/v1/people/somebody/erase", headers=key)
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/talks"]
        done = client.post("/v1/people/somebody/erase?confirmed=true", headers=key).json()
        assert [(each["id"], each["versions"]) for each in done["blanked"]] == [("other", [1])]


def test_names_that_are_common_words_take_nothing_more_with_them_than_asked(office: Office) -> None:
    for each in ('{"kind":"person","id":"may","name":"May"}', '{"kind":"person","id":"li","name":"Li"}'):
        office.database.load(each)
    made = office.ask("POST", "/v1/meetings", {"name": "Third session, delivered", "date": "2024"}, Idempotency_Key="x")
    office.change(made.headers["location"], {"name": "Planned for May."})
    office.change(made.headers["location"], {"name": "Third session"})
    assert office.erase(record="people/li").json()["answers"] == 0, "the word is no part of others"
    again = office.ask("POST", "/v1/meetings", {"name": "Third session, delivered", "date": "2024"}, Idempotency_Key="x")
    assert again.headers["idempotent-replayed"] == "true"
    assert office.erase("?keep_history=true", record="people/may").json()["blanked"] == []
    assert [entry["state"] is None for entry in office.client.get(f"{made.headers['location']}/history").json()["data"]] == [
        False
    ] * 3


def test_earlier_versions_go_even_if_a_present_text_is_confirmed(office: Office) -> None:
    office.change("/v1/meetings/talks", {"summary": "Zoe Quarkova-Smith and others."})
    told = office.erase("?confirmed=true").json()
    assert {(each["id"], *each["versions"]) for each in told["mentions"]} == {("talks", 2)}
    assert ("talks", 1) in {(each["id"], *each["versions"]) for each in told["blanked"]}
    assert office.database.disagreements() == []


def test_a_citation_is_erased_and_what_it_supports_stays(office: Office) -> None:
    told = office.erase(record="citations/c-zoe").json()
    assert told["erased"] == [{"id": "c-zoe", "kind": "citation"}]
    assert told["blanked"] == []
    history = office.client.get("/v1/people/zoe/history").json()["data"]
    assert all(entry["state"] for entry in history)
    assert office.client.get("/v1/people/zoe").status_code == 200
    assert office.database.disagreements() == []


def test_a_citation_that_supports_somebody_else_by_now_stays(office: Office) -> None:
    office.change("/v1/citations/c-zoe", {"record": "ann"})
    told = office.erase("?confirmed=true").json()
    assert "c-zoe" not in {each["id"] for each in told["erased"]}
    assert ("c-zoe", 1) in {(each["id"], *each["versions"]) for each in told["blanked"]}
    shown = office.client.get("/v1/citations/c-zoe").json()
    assert shown["record"]["id"] == "ann"
    assert office.database.disagreements() == []


def test_who_was_merged_by_mistake_and_restored_is_not_erased(office: Office) -> None:
    office.database.load(
        '{"kind":"citation","id":"c-ann","record":"ann","source":"page","paragraph":4,"quote":"Ann","confidence":"stated"}',
        '{"kind":"meeting","id":"hers","name":"Hers","date":"2024","summary":"Ann Other spoke."}',
    )
    office.change("/v1/meetings/hers", {"summary": "She spoke."})
    assert office.ask("POST", "/v1/people/ann/merge", {"into": "zoe"}).status_code == 200
    assert office.ask("POST", "/v1/people/ann/restore", {}).status_code == 200
    told = office.erase("?confirmed=true").json()
    assert {"ann", "c-ann"}.isdisjoint({each["id"] for each in told["erased"]})
    assert "hers" not in {each["id"] for each in told["blanked"]}
    assert office.client.get("/v1/people/ann?include=citations").json()["citations"][0]["id"] == "c-ann"
    assert office.database.disagreements() == []


def test_what_was_deleted_with_a_record_that_was_erased_later_comes_back_without_it(office: Office) -> None:
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    assert office.ask("DELETE", "/v1/meetings/talks?links=true", If_Match="*").status_code == 204
    assert office.erase().status_code == 200
    assert office.ask("POST", "/v1/meetings/talks/restore", {}).status_code == 200
    assert office.client.get("/v1/meetings/talks?include=participants").json()["participants"] == []
    assert office.database.disagreements() == []


def test_words_of_vocabularies_and_codes_are_no_texts(office: Office) -> None:
    office.database.load(
        '{"kind":"organization","id":"guild","name":"Guild of Technicians","acronym":"IT"}',
        '{"kind":"person","id":"speaker","name":"speaker"}',
        '{"kind":"meeting","id":"coded","name":"Meeting","date":"2024","names":[{"language":"it","text":"Riunione","type":"translation"}]}',
    )
    office.database.load(
        '{"kind":"topic","id":"trade","name":"Commerce"}', '{"kind":"organization","id":"shop","name":"Trade"}'
    )
    office.database.load('{"kind":"meeting","id":"fair","name":"Fair","date":"2024","topics":["trade"]}')
    office.database.load('{"kind":"meeting","id":"fair","name":"Fairs","date":"2024","topics":["trade"]}')
    for record in ("organizations/guild", "people/speaker", "organizations/shop"):
        told = office.erase(record=record)
        assert (told.status_code, told.json()["blanked"]) == (200, [])


def test_earlier_versions_that_refer_by_a_field_of_an_earlier_release_go_too(office: Office) -> None:
    old = '{"kind":"party","id":"p","memorandum":"mou","party":"BY","role":"party","signed_by":"ann"}'
    office.database.load(
        '{"kind":"memorandum","id":"mou","name":"Memorandum","date":"2024"}',
        '{"kind":"party","id":"p","memorandum":"mou","party":"BY","role":"party"}',
    )
    office.database.load('{"kind":"party","id":"p","memorandum":"mou","party":"BY","role":"signatory"}')
    office.database.execute("UPDATE changes SET state = :old WHERE record_id = 'p' AND version = 1", old=old)
    told = office.erase(record="people/ann").json()
    assert {(each["id"], *each["versions"]) for each in told["blanked"]} >= {("p", 1)}
    assert "signed_by" not in office.rows()


def test_the_log_of_sqlite_is_emptied_as_soon_as_readers_are_done(office: Office, kind_of_database: str) -> None:
    if kind_of_database != "sqlite":
        pytest.skip("a file of SQLite")
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    path = Path(make_url(office.database.url).database or "")
    with reading(office.database.engine) as connection:
        connection.execute(sa.text("SELECT count(*) FROM records")).scalar_one()
        assert office.erase().status_code == 200
        assert office.ask("POST", "/v1/topics", {"name": "Written meanwhile"}).status_code == 201
        assert _in_files(path)
    while _in_files(path):
        time.sleep(0.1)


def test_erased_records_stay_erased_when_the_schema_goes_back_and_forth(office: Office) -> None:
    office.database.load('{"kind":"meeting","id":"brief","name":"Meeting with Zoe Quarkova","date":"2024"}')
    office.database.load('{"kind":"meeting","id":"brief","deleted":true}')
    assert office.erase("?confirmed=true").status_code == 200
    office.database.engine.dispose()
    for revision in ("0020", "head"):
        assert run_command("migrate", "--revision", revision, url=office.database.url).returncode == 0
    while office.client.get("/readyz").status_code == 503:
        time.sleep(0.1)
    assert office.client.get("/v1/people/zoe").json()["code"] == "erased"
    assert office.client.get("/v1/meetings/brief").json()["code"] == "gone", (
        "all its versions are blank, and it is only deleted"
    )
    assert office.ask("PUT", "/v1/people/zoe?upsert=true", {"name": "Zoe"}).status_code == 409
    assert office.database.disagreements() == []


def test_an_erasure_takes_preconditions_and_a_key_of_scope_admin(office: Office) -> None:
    assert office.client.post("/v1/people/zoe/erase").status_code == 401
    refused = office.client.post("/v1/people/zoe/erase", headers=office.database.key(Scope.WRITE, name="writer"))
    assert refused.status_code == 403
    late = office.client.post("/v1/people/ann/erase", headers={**office.key, "If-Match": '"7.abc"'})
    assert late.status_code == 412
    for path, status in (("/v1/people/nobody/erase", 404), ("/v1/people/talks/erase", 404), ("/v1/people/zoya/erase", 410)):
        assert office.ask("POST", path).status_code == status, path
    assert office.ask("POST", "/v1/people/zoe/erase?sure=true").status_code == 422
    first = office.client.post("/v1/people/ann/erase?confirmed=true", headers={**office.key, "Idempotency-Key": "once"})
    again = office.client.post("/v1/people/ann/erase?confirmed=true", headers={**office.key, "Idempotency-Key": "once"})
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_the_command_erases_and_leaves_nothing_in_the_files(office: Office, kind_of_database: str) -> None:
    database = office.database
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody and Ann Other."})
    database.engine.dispose()
    stopped = run_command("erase", "ann", url=database.url)
    assert stopped.returncode == 1
    assert "--confirmed" in stopped.stderr
    tried = run_command("erase", "zoe", "--dry-run", url=database.url)
    assert "would be erased: person zoe" in tried.stdout
    done = run_command("erase", "zoe", url=database.url)
    assert done.returncode == 0, done.stderr
    assert "erased: person zoe" in done.stdout
    assert "blanked: meeting talks, version 1" in done.stdout
    again = run_command("erase", "zoe", url=database.url)
    assert (again.returncode, again.stderr.strip()) == (1, "Error: the person 'zoe' was erased already")
    assert run_command("check", url=database.url).returncode == 0
    if kind_of_database == "sqlite":
        assert _in_files(Path(make_url(database.url).database or "")) == []


def _in_files(path: Path) -> list[tuple[str, str]]:
    """The words that a database file or one beside it contains."""
    files = {each.name: each.read_bytes().decode("utf-8", "replace").lower() for each in path.parent.glob(f"{path.name}*")}
    return [(name, word) for name, content in files.items() for word in WORDS if word in content]


def test_an_erasure_over_http_empties_the_log_of_sqlite(office: Office, kind_of_database: str) -> None:
    if kind_of_database != "sqlite":
        pytest.skip("a file of SQLite")
    office.change("/v1/meetings/talks", {"summary": "Opened by somebody."})
    path = Path(make_url(office.database.url).database or "")
    assert _in_files(path)
    assert office.erase().status_code == 200
    assert _in_files(path) == []


def test_vacuum_frees_what_was_erased(office: Office, kind_of_database: str) -> None:
    assert office.erase("?confirmed=true").status_code == 200
    engine = create_engine(office.database.url)
    vacuum(engine, Base.metadata.sorted_tables)
    engine.dispose()
    if kind_of_database == "postgres":
        query = "SELECT relname FROM pg_stat_user_tables WHERE last_vacuum IS NULL"
        assert {row[0] for row in office.database.execute(query)} == {"alembic_version"}
    else:
        assert office.database.execute("PRAGMA freelist_count") == [(0,)]
    assert office.database.disagreements() == []


def test_an_erased_record_with_a_state_in_the_log_is_found_by_check(office: Office) -> None:
    assert office.erase("?confirmed=true").status_code == 200
    office.database.execute("UPDATE changes SET state = '{}' WHERE record_id = 'zoe' AND version = 1")
    assert office.database.disagreements() == ["zoe: was erased, and the log still has its version 1"]
