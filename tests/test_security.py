"""What docs/security.md claims: who may write, what a key is, how much one client may ask, what answers and logs hold."""

import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from app.cli import main
from app.db.engine import sqlite_path, writing
from app.http.docs import POLICY
from app.http.responses import ALWAYS
from app.main import create_app
from app.pages import routes as pages
from app.resources import RESOURCES
from app.settings import PREFIX, ROOT, Settings
from app.writing import keys as keys_module
from app.writing.keys import Keyring, Scope
from app.writing.keys import keys as key_table
from app.writing.write_schema import MAX_DEPTH, MAX_ITEMS
from tests.conftest import Database, Fresh, run_command

Content = dict[str, Any]
Operation = tuple[str, str]
"""A method and a path."""

WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "topic", "id": "networks", "name": "Networks"},
    {"kind": "source", "id": "news", "title": "News of the ministry", "url": "https://example.org/news"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "person", "id": "somebody", "name": "Somebody"},
    {"kind": "position", "id": "office", "person": "somebody", "title": "Minister"},
    {"kind": "series", "id": "forums", "name": "Forums"},
    {"kind": "membership", "id": "belonging", "of": "forums", "member": "BY", "status": "full"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16"},
    {"kind": "participant", "id": "who", "meeting": "talks", "organization": "ministry", "role": "host"},
    {"kind": "memorandum", "id": "paper", "name": "Paper"},
    {"kind": "party", "id": "side", "memorandum": "paper", "party": "ministry", "role": "party"},
    {"kind": "outcome", "id": "agreed", "name": "Agreed", "type": "understanding", "meeting": "talks"},
    {"kind": "action", "id": "done", "of": "paper", "type": "discussed", "meeting": "talks"},
    {"kind": "relation", "id": "builds", "memorandum": "paper", "related": "forums", "type": "builds_on"},
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
"""A record of every kind, each after those that it refers to."""
IDS = {content["kind"]: content["id"] for content in WORLD}
CONTENTS = {content["kind"]: content for content in WORLD}
PLURALS = {resource.kind.value: resource.plural for resource in RESOURCES}
SAFE = {"GET", "HEAD"}
ALWAYS_SENT = {name.decode(): value.decode() for name, value in ALWAYS}
HARDENING = ("content-security-policy", "x-content-type-options", "referrer-policy", "cross-origin-resource-policy")


class Registry:
    """A database with a record of every kind, a client, and keys."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.admin = database.key(name="admin")
        self.writer = database.key(Scope.WRITE, name="writer")


@pytest.fixture(scope="module")
def registry(fresh: Fresh) -> Iterator[Registry]:
    """A registry for the tests of this module: they leave its records as they were, and may add to them."""
    database = Database(fresh())
    database.load(*map(json.dumps, WORLD))
    with database.client() as client:
        yield Registry(database, client)
    database.engine.dispose()


@pytest.fixture
def world(database: Database) -> Database:
    """A database of the test's own with a record of every kind."""
    database.load(*map(json.dumps, WORLD))
    return database


@contextmanager
def opened(database: Database, *, address: str = "testclient", **settings: Any) -> Iterator[TestClient]:
    """A client at an address, of the application with other settings."""
    app = create_app(replace(database.settings, **settings))
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False, client=(address, 50_000)) as client:
        yield client


def refused(answer: Any, status: int, code: str) -> Content:
    """The answer is this problem and nothing of our insides."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: Content = answer.json()
    assert (told["status"], told["code"]) == (status, code)
    for inside in ("Traceback", "SELECT", "INSERT", "sqlalchemy", "psycopg", "sqlite3"):
        assert inside not in answer.text
    return told


def secret_of(header: dict[str, str]) -> str:
    """The part of a key that is a secret."""
    return header["Authorization"].removeprefix("Bearer ").split("_", 2)[2]


def id_of(header: dict[str, str]) -> str:
    """The part of a key that is none."""
    return header["Authorization"].removeprefix("Bearer ").split("_", 2)[1]


def set_key(database: Database, header: dict[str, str], **values: Any) -> None:
    """Change the row of a key behind the registry's back."""
    with writing(database.engine) as connection:
        connection.execute(key_table.update().where(key_table.c.id == id_of(header)).values(**values))


def everything(database: Database) -> dict[str, list[str]]:
    """All rows of all tables that the database has, as text."""
    tables = sa.inspect(database.engine).get_table_names()
    return {table: [repr(row) for row in database.execute(f'SELECT * FROM "{table}"')] for table in tables}


def run(*words: str, database: Database, **variables: str) -> Result:
    """Run `rapporteur` in this process."""
    return CliRunner().invoke(main, words, env={"RAPPORTEUR_DATABASE_URL": database.url, **variables}, prog_name="rapporteur")


# -- all operations there are -------------------------------------------------------------------------------------------


def routed(routes: Iterable[Any]) -> Iterator[Operation]:
    """Every method of every route, those of routers within the application too."""
    for route in routes:
        if within := getattr(route, "original_router", None):
            yield from routed(within.routes)
        else:
            methods = {*(route.methods or getattr(route.app, "answering", ()))}
            methods |= {"HEAD"} if "GET" in methods else set()
            yield from ((method, route.path_format) for method in sorted(methods))


NEEDED = {
    "/v1/records": "?ids=BY",
    "/v1/search": "?q=BY",
    "/v1/suggest": "?q=BY",
    "/v1/ledger": "?of=BY",
    "/v1/counterparts": "?of=BY",
    "/v1/compare": f"?actors=BY,{IDS['organization']}",
    "/v1/matrix": "?rows=country&columns=topic",
    "/v1/dossier": "?of=BY&format=csv-zip",
}
"""What these operations must be asked, at least."""


def operations() -> list[Operation]:
    """Every operation of the application, for each of the sixteen kinds where it has one for all."""
    found = []
    for method, path in routed(create_app(Settings(database_url="sqlite:///unused.db")).routes):
        own = [(kind, plural) for kind, plural in PLURALS.items() if path.startswith(f"/v1/{plural}/")]
        for kind, plural in PLURALS.items() if "{plural}" in path else own or [("meeting", "")]:
            record = "some-key" if "/keys/" in path else IDS[kind]
            query = NEEDED.get(path, "")
            path_of_one = path.replace("{plural}", plural).replace("{id}", record)
            found.append((method, path_of_one.replace("{scheme}", "wikidata").replace("{identifier}", f"Q-{kind}") + query))
    return found


PRIVATE = ("/v1/keys", "/v1/documents", "/v1/proposals")
"""What needs a key to be read, too."""
OPERATIONS = operations()
WRITES = [(method, path) for method, path in OPERATIONS if method not in SAFE]
GUARDED = [*WRITES, *((method, path) for method, path in OPERATIONS if method in SAFE and path.startswith(PRIVATE))]
OPEN = [(method, path) for method, path in OPERATIONS if (method, path) not in GUARDED]


def test_the_operations_are_all_there_are() -> None:
    """The lists below are derived; this holds that the derivation sees what is known to be there."""
    assert len(WRITES) == 8 * len(RESOURCES) + 18
    assert {("POST", "/v1/import"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/some-key")} <= set(WRITES)
    assert ("PATCH", "/v1/people/somebody") in WRITES
    assert ("POST", "/v1/citations/proof/merge") in WRITES
    assert {("GET", "/v1/keys"), ("GET", "/v1/keys/some-key")} <= set(GUARDED)
    assert {("GET", "/docs"), ("GET", "/healthz"), ("GET", "/v1/export")} <= set(OPEN)


def ask(client: TestClient, operation: Operation, headers: Any) -> Any:
    """Ask for an operation with a body that it would read."""
    method, path = operation
    if method in ("GET", "HEAD", "DELETE"):
        return client.request(method, path, headers=headers)
    lines = path == "/v1/import"
    typed = [("Content-Type", "application/x-ndjson" if lines else "application/json")]
    given = list(headers.items()) if isinstance(headers, dict) else list(headers)
    return client.request(method, path, content=b"{}", headers=[*given, *typed])


# -- who may write ------------------------------------------------------------------------------------------------------


def nothing(_key: str) -> list[tuple[Any, Any]]:
    return []


def authorization(*values: str | bytes) -> Callable[[str], list[tuple[Any, Any]]]:
    """Headers with these values, in which KEY stands for a good key, ID and SECRET for its parts."""

    def headers(key: str) -> list[tuple[Any, Any]]:
        _, identifier, secret = key.split("_", 2)
        words = {b"KEY": key, b"ID": identifier, b"SECRET": secret, b"OTHER": secret.swapcase()}
        made = []
        for value in values:
            text = value.encode() if isinstance(value, str) else value
            for word, meant in words.items():
                text = text.replace(word, meant.encode())
            made.append((b"Authorization", text))
        return made

    return headers


UNKNOWN = {
    "no header": (nothing, None),
    "empty": (authorization(""), "invalid_request"),
    "no scheme": (authorization("KEY"), "invalid_request"),
    "another scheme": (authorization("Basic KEY"), "invalid_request"),
    "two headers": (authorization("Bearer KEY", "Bearer KEY"), "invalid_request"),
    "two keys": (authorization("Bearer KEY, Bearer KEY"), "invalid_token"),
    "malformed": (authorization("Bearer something"), "invalid_token"),
    "no secret": (authorization("Bearer rap_ID_"), "invalid_token"),
    "the id alone": (authorization("Bearer ID"), "invalid_token"),
    "unknown id": (authorization("Bearer rap_zzzzzzzz_SECRET"), "invalid_token"),
    "another secret": (authorization("Bearer rap_ID_OTHER"), "invalid_token"),
    "more behind the secret": (authorization("Bearer KEYx"), "invalid_token"),
    "a word behind it": (authorization("Bearer KEY x"), "invalid_token"),
    "the stored form": (authorization("Bearer rap_ID_" + "0" * 64), "invalid_token"),
    "letters outside ASCII": (authorization("Bearer rap_ключключ_ключ"), "invalid_token"),
    "bytes that are no text": (authorization(b"Bearer rap_ID_\xff\xfe"), "invalid_token"),
    "SQL": (authorization("Bearer rap_' OR 1=1_x"), "invalid_token"),
}


@pytest.mark.parametrize("how", UNKNOWN)
def test_no_operation_that_needs_a_key_works_without_a_good_one(registry: Registry, how: str) -> None:
    headers, error = UNKNOWN[how]
    given = headers(registry.admin["Authorization"].removeprefix("Bearer "))
    before = everything(registry.database)
    challenge = 'Bearer realm="rapporteur"' + (f', error="{error}"' if error else "")
    for operation in GUARDED:
        answer = ask(registry.client, operation, given)
        assert answer.status_code == 401, (operation, answer.text)
        assert answer.headers["www-authenticate"] == challenge, operation
        if operation[0] != "HEAD":
            refused(answer, 401, "unauthorized")
    assert everything(registry.database) == before


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_no_operation_works_with_a_key_that_is_revoked_or_expired(registry: Registry, state: str) -> None:
    key = registry.database.key(Scope.ADMIN, name=f"once {state}")
    assert registry.client.get("/v1/keys", headers=key).status_code == 200
    past = datetime.now(UTC) - timedelta(seconds=1)
    set_key(registry.database, key, **({"revoked_at": past} if state == "revoked" else {"expires_at": past}))
    before = everything(registry.database)
    for operation in GUARDED:
        answer = ask(registry.client, operation, key)
        assert answer.status_code == 401, (operation, answer.text)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert everything(registry.database) == before


def test_a_key_that_expires_later_is_good_until_then(registry: Registry) -> None:
    key = registry.database.key(Scope.ADMIN, name="for an hour")
    set_key(registry.database, key, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert registry.client.get("/v1/keys", headers=key).status_code == 200


def test_a_key_is_read_from_its_header_alone(registry: Registry) -> None:
    key = registry.admin["Authorization"].removeprefix("Bearer ")
    refused(registry.client.get(f"/v1/keys?key={key}&access_token={key}"), 401, "unauthorized")
    refused(registry.client.get("/v1/keys", headers={"X-Api-Key": key, "Cookie": f"key={key}"}), 401, "unauthorized")


@pytest.mark.parametrize("text", ["bearer KEY", "BEARER KEY", "Bearer   KEY", "Bearer KEY  "])
def test_the_scheme_is_written_in_any_case(registry: Registry, text: str) -> None:
    key = registry.admin["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": text.replace("KEY", key)}
    assert registry.client.get("/v1/keys", headers=headers).status_code == 200


NOT_THERE = ("/identifier/", "/transactions/", "/{rest}")
"""What is nowhere in these data: no record has such an identifier, and the last route only says that nothing is there."""


def test_reading_needs_no_key_and_none_is_looked_at(registry: Registry) -> None:
    for operation in OPEN:
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            answer = ask(registry.client, operation, headers)
            is_found = answer.status_code < 400
            assert is_found != any(part in operation[1] for part in NOT_THERE), (operation, answer.text)


def test_a_key_of_scope_write_may_write(registry: Registry) -> None:
    body = {"name": "Written"}
    answer = registry.client.put("/v1/topics/written?dry_run=true", json=body, headers=registry.writer)
    assert answer.status_code == 200, answer.text
    answer = registry.client.put("/v1/topics/written?dry_run=true", json=body, headers=registry.admin)
    assert answer.status_code == 200, answer.text


ADMINS_ONLY = [
    operation
    for operation in GUARDED
    if operation[1].endswith(("/merge", "/undo", "/erase")) or operation[1].startswith("/v1/keys")
]


def test_a_key_of_scope_write_may_neither_merge_nor_undo_nor_touch_keys(registry: Registry) -> None:
    before = everything(registry.database)
    assert len(ADMINS_ONLY) == 2 * len(RESOURCES) + 7
    for operation in ADMINS_ONLY:
        answer = ask(registry.client, operation, registry.writer)
        assert answer.status_code == 403, (operation, answer.text)
        if operation[0] != "HEAD":
            assert "'writer' has write" in refused(answer, 403, "forbidden")["detail"]
    assert everything(registry.database) == before


def test_a_key_of_scope_write_is_held_back_by_nothing_else(registry: Registry) -> None:
    for operation in GUARDED:
        if operation not in ADMINS_ONLY:
            answer = ask(registry.client, operation, registry.writer)
            assert answer.status_code not in (401, 403), (operation, answer.text)


def test_whoever_may_not_write_learns_nothing_of_the_rest(registry: Registry) -> None:
    """The key is looked at before the body and the query are: faults are told to those who may write."""
    for path in ("/v1/topics?nonsense=1", "/v1/import?nonsense=1"):
        refused(registry.client.post(path, content=b"{", headers={"Content-Type": "text/plain"}), 401, "unauthorized")
    refused(registry.client.patch("/v1/topics/no-such-topic", json={}), 401, "unauthorized")
    refused(registry.client.get("/v1/keys/nosuchid?nonsense=1", headers=registry.writer), 403, "forbidden")


def test_revoking_acts_at_once(registry: Registry) -> None:
    key = registry.database.key(Scope.WRITE, name="soon revoked")
    body = {"name": "Soon"}
    assert registry.client.put("/v1/topics/soon?dry_run=true", json=body, headers=key).status_code == 200
    assert registry.client.delete(f"/v1/keys/{id_of(key)}", headers=registry.admin).status_code == 204
    refused(registry.client.put("/v1/topics/soon?dry_run=true", json=body, headers=key), 401, "unauthorized")


def test_a_write_that_waits_while_its_key_is_revoked_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    key = database.key(Scope.WRITE)
    recognized = threading.Event()
    original = Keyring.recognized

    def watched(*given: Any) -> Any:
        found = original(*given)
        recognized.set()
        return found

    monkeypatch.setattr(Keyring, "recognized", watched)
    with database.client() as client, ThreadPoolExecutor(1) as pool:
        with writing(database.engine) as connection:
            waiting = pool.submit(client.put, "/v1/topics/late", json={"name": "Late"}, headers=key)
            assert recognized.wait(30)
            keys_module.revoke(connection, id_of(key))
        refused(waiting.result(60), 401, "unauthorized")
    assert database.execute("SELECT id FROM records") == []


def test_a_key_revoked_by_a_command_is_refused_by_a_running_server(registry: Registry) -> None:
    key = registry.database.key(Scope.ADMIN, name="revoked by command")
    assert registry.client.get("/v1/keys", headers=key).status_code == 200
    assert run("keys", "revoke", id_of(key), database=registry.database).exit_code == 0
    refused(registry.client.get("/v1/keys", headers=key), 401, "unauthorized")


# -- what is kept of keys -----------------------------------------------------------------------------------------------


def test_keys_are_kept_as_digests_only(world: Database) -> None:
    admin = world.key()
    with world.client() as client:
        made = client.post("/v1/keys", json={"name": "desk"}, headers={**admin, "Idempotency-Key": "one"}).json()
        desk = {"Authorization": f"Bearer {made['key']}", "Idempotency-Key": "two"}
        assert client.post("/v1/topics", json={"name": "Things"}, headers=desk).status_code == 201
        printed = run("keys", "create", "by command", database=world).stdout.strip()
    held = "\n".join(row for rows in everything(world).values() for row in rows)
    assert made["id"] in held
    assert "by command" in held
    secrets = [secret_of(admin), made["key"].split("_", 2)[2], printed.split("_", 2)[2]]
    assert all(len(secret) == 43 for secret in secrets)  # 256 bits
    for secret in secrets:
        assert secret not in held
    if world.engine.dialect.name == "sqlite":
        path = sqlite_path(world.url)
        for file in path.parent.glob(f"{path.name}*"):
            assert not [secret for secret in secrets if secret.encode() in file.read_bytes()]


def test_a_key_is_shown_once(registry: Registry) -> None:
    client, admin = registry.client, registry.admin
    made = client.post("/v1/keys", json={"name": "shown once"}, headers=admin)
    secret = made.json()["key"].split("_", 2)[2]
    assert secret in made.text
    digest = registry.database.execute("SELECT digest FROM keys WHERE name = 'shown once'")[0][0]
    again = client.post("/v1/keys", json={"name": "shown once"}, headers=admin)
    for answer in (again, client.get("/v1/keys", headers=admin), client.get(made.headers["location"], headers=admin)):
        assert secret not in answer.text
        assert str(digest) not in answer.text
    assert "no-cache" in made.headers["cache-control"]


def test_no_two_keys_are_alike(registry: Registry) -> None:
    made = [registry.database.key(Scope.WRITE, name=f"one of several {number}") for number in range(20)]
    assert len({id_of(key) for key in made}) == len({secret_of(key) for key in made}) == 20
    assert all(re.fullmatch(r"Bearer rap_[a-z2-9]{8}_[\w-]{43}", key["Authorization"]) for key in made)


def test_no_answer_holds_a_digest(registry: Registry) -> None:
    registry.database.key(name="any")
    digests = [str(row[0]) for row in registry.database.execute("SELECT digest FROM keys")]
    assert digests
    for method, path in OPERATIONS:
        if method == "GET":
            text = registry.client.get(path.replace("some-key", id_of(registry.writer)), headers=registry.admin).text
            assert not [digest for digest in digests if digest in text], path


@pytest.mark.parametrize(
    ("made_under", "asked_under", "status"), [("a", "a", 200), ("a", "b", 401), ("a", "", 401), ("", "a", 401)]
)
def test_a_digest_depends_on_the_secret_of_the_operator(
    database: Database, made_under: str, asked_under: str, status: int
) -> None:
    made = run("keys", "create", "peppered", database=database, RAPPORTEUR_KEY_SECRET=made_under)
    key = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with opened(database, key_secret=asked_under) as client:
        answer = client.put("/v1/topics/new?dry_run=true", json={"name": "New"}, headers=key)
    assert answer.status_code == status, answer.text


def test_the_secret_of_the_operator_is_not_in_the_database(database: Database) -> None:
    pepper = "a secret of the operator's own"
    key = run("keys", "create", "peppered", database=database, RAPPORTEUR_KEY_SECRET=pepper).stdout.strip()
    ((digest,),) = database.execute("SELECT digest FROM keys")
    secret = key.split("_", 2)[2]
    assert digest == Keyring(pepper)._digest(secret)
    assert digest != Keyring("")._digest(secret)
    assert pepper not in str(everything(database))


def test_keys_are_compared_in_constant_time_whether_they_are_known_or_not(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def watched(one: str, other: str) -> bool:
        compared.append((one, other))
        return bool(compare(one, other))

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for identifier in (id_of(registry.admin), "zzzzzzzz"):
        key = {"Authorization": f"Bearer rap_{identifier}_something"}
        refused(registry.client.get("/v1/keys", headers=key), 401, "unauthorized")
    assert len(compared) == 2
    assert all(len(one) == len(other) == 64 for one, other in compared)


def test_a_key_of_zeros_does_not_open_where_there_is_none(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest with which an unknown key is compared is no key's: even one that met it would open nothing."""
    monkeypatch.setattr(Keyring, "_digest", lambda *_: "0" * 64)
    key = {"Authorization": "Bearer rap_zzzzzzzz_something"}
    refused(registry.client.get("/v1/keys", headers=key), 401, "unauthorized")


def last_used(registry: Registry, key: dict[str, str]) -> datetime | None:
    """When a key was last used, as an admin is told."""
    told = registry.client.get(f"/v1/keys/{id_of(key)}", headers=registry.admin).json()["last_used_at"]
    return told and datetime.fromisoformat(told)


def write(registry: Registry, key: dict[str, str], name: str) -> None:
    answer = registry.client.put(f"/v1/topics/{name}?upsert=true", json={"name": name}, headers=key)
    assert answer.status_code in (200, 201), answer.text


def test_the_last_use_of_a_key_is_recorded_once_a_minute(registry: Registry) -> None:
    key = registry.database.key(Scope.WRITE, name="used now and then")
    assert last_used(registry, key) is None
    before = datetime.now(UTC)
    write(registry, key, "used-first")
    first = last_used(registry, key)
    assert first is not None
    assert before <= first <= datetime.now(UTC)
    write(registry, key, "used-again")
    assert last_used(registry, key) == first
    long_ago = first - timedelta(minutes=2)
    set_key(registry.database, key, last_used_at=long_ago)
    write(registry, key, "used-later")
    assert (last_used(registry, key) or long_ago) > first - timedelta(seconds=1)


def test_a_refused_key_is_not_said_to_be_used(registry: Registry) -> None:
    key = registry.database.key(Scope.WRITE, name="never used")
    refused(registry.client.get("/v1/keys", headers=key), 403, "forbidden")
    wrong = {"Authorization": f"Bearer rap_{id_of(key)}_wrong"}
    refused(registry.client.put("/v1/topics/x", json={"name": "x"}, headers=wrong), 401, "unauthorized")
    assert last_used(registry, key) is None


def test_the_author_in_the_history_is_the_name_of_the_key(registry: Registry) -> None:
    name = 'Ольга "O", <desk> \\ №1'
    key = registry.database.key(Scope.WRITE, name=name)
    write(registry, key, "authored")
    (entry,) = registry.client.get("/v1/topics/authored/history").json()["data"]
    assert entry["author"] == name
    told = registry.client.get("/v1/changes?limit=1000").json()["data"][-1]
    assert (told["id"], told["author"]) == ("authored", name)
    assert id_of(key) not in json.dumps(entry)


def test_the_author_cannot_be_chosen(registry: Registry) -> None:
    body = {"name": "Forged", "author": "somebody else"}
    told = refused(registry.client.post("/v1/topics", json=body, headers=registry.writer), 422, "invalid")
    assert told["errors"][0]["pointer"] == "/author"


# -- what of a record may be set ----------------------------------------------------------------------------------------


def read_only(kind: str) -> Content:
    """Values that nobody's record has, for every field that the API shows and does not let be set."""
    (resource,) = (each for each in RESOURCES if each.kind == kind)
    marked = [
        name
        for name, field in resource.model.model_fields.items()
        if isinstance(extra := field.json_schema_extra, dict) and extra.get("readOnly")
    ]
    forged: Content = dict.fromkeys(marked, "1999-01-01T00:00:00.000000Z")
    forged |= {"version": 4711}
    if "countries" in forged:
        forged["countries"] = [{"id": "ZZ", "name": "Nowhere"}]
    return forged


def test_read_only_fields_are_known() -> None:
    assert {"version", "created_at", "updated_at"} <= set(read_only("person"))
    assert {"date_start", "date_end", "countries"} <= set(read_only("meeting"))
    assert "link" in read_only("citation")
    assert "held" in read_only("membership")


def test_read_only_fields_cannot_be_set_when_a_record_is_made(database: Database) -> None:
    key = database.key(Scope.WRITE)
    before = datetime.now(UTC)
    with database.client() as client:
        for content in WORLD:
            kind = content["kind"]
            answer = client.post(f"/v1/{PLURALS[kind]}", json={**content, **read_only(kind)}, headers=key)
            assert answer.status_code == 201, answer.text
            made = answer.json()
            assert made["version"] == 1, kind
            assert datetime.fromisoformat(made["created_at"]) >= before, kind
            assert "1999-01-01" not in answer.text, kind
            assert "ZZ" not in answer.text, kind
    assert database.disagreements() == []


@pytest.mark.parametrize("kind", IDS)
def test_read_only_fields_cannot_be_changed(registry: Registry, kind: str) -> None:
    path = f"/v1/{PLURALS[kind]}/{IDS[kind]}"
    before = registry.client.get(path)
    headers = {**registry.writer, "If-Match": before.headers["etag"]}
    patched = registry.client.patch(path, json=read_only(kind), headers=headers)
    replaced = registry.client.put(path, json={**before.json(), **read_only(kind)}, headers=headers)
    for answer in (patched, replaced):
        assert answer.status_code == 200, answer.text
        assert answer.json() == before.json()
        assert answer.headers["etag"] == before.headers["etag"]
    assert registry.client.get(path).text == before.text


@pytest.mark.parametrize("kind", IDS)
def test_columns_that_are_no_fields_are_refused(registry: Registry, kind: str) -> None:
    (resource,) = (each for each in RESOURCES if each.kind == kind)
    known = set(resource.model.model_fields)
    columns = [column.name for column in resource.table.c if column.name not in known]
    forged = dict.fromkeys([*columns, "by", "transaction", "state", "__proto__"], "x")
    path = f"/v1/{PLURALS[kind]}/{IDS[kind]}"
    answer = registry.client.patch(path, json=forged, headers={**registry.writer, "If-Match": "*"})
    told = refused(answer, 422, "invalid")
    assert {fault["pointer"] for fault in told["errors"]} == {f"/{name}" for name in forged}


def test_the_kind_and_the_id_of_a_record_cannot_be_changed(registry: Registry) -> None:
    headers = {**registry.writer, "If-Match": "*"}
    for patch in ({"id": "another"}, {"kind": "person"}, {"id": None}):
        refused(registry.client.patch("/v1/topics/networks", json=patch, headers=headers), 422, "invalid")


def test_what_is_no_field_of_a_key_cannot_be_set(registry: Registry) -> None:
    for name in ("id", "digest", "key", "created_by", "created_at", "revoked_at", "last_used_at", "prefix"):
        answer = registry.client.post("/v1/keys", json={"name": "forged", name: "x"}, headers=registry.admin)
        assert refused(answer, 422, "invalid")["errors"][0]["pointer"] == f"/{name}"
    assert not registry.database.execute("SELECT id FROM keys WHERE name = 'forged'")


def test_an_idempotency_key_gives_nobody_the_answer_of_another(registry: Registry) -> None:
    headers = {"Idempotency-Key": "the-same-for-both"}
    first = registry.client.post("/v1/topics", json={"name": "Twice asked"}, headers={**registry.writer, **headers})
    other = registry.client.post("/v1/topics", json={"name": "Twice asked"}, headers={**registry.admin, **headers})
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["id"] != other.json()["id"]
    assert "idempotent-replayed" not in other.headers
    again = registry.client.post("/v1/topics", json={"name": "Twice asked"}, headers={**registry.writer, **headers})
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


# -- how much -----------------------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


def in_pieces(size: int) -> Iterator[bytes]:
    """A body without a length said beforehand."""
    for _ in range(0, size, 100):
        yield b" " * 100


@pytest.mark.parametrize("how", ["said", "in pieces"])
def test_a_body_that_is_too_large_is_413(database: Database, how: str) -> None:
    key = database.key()
    with opened(database, body_limit=1_000) as client:
        for path in ("/v1/topics", "/v1/keys", "/v1/topics/x/restore", "/v1/topics/x/merge"):
            content: Any = b" " * 1_001 if how == "said" else in_pieces(1_001)
            answer = client.post(path, content=content, headers={**key, **JSON})
            assert "1000 bytes" in refused(answer, 413, "payload_too_large")["detail"]
        refused(client.delete("/v1/topics/x", headers={**key, "Content-Length": "1001"}), 413, "payload_too_large")
        within = b'{"name": "Within"}'.ljust(1_000)
        assert client.post("/v1/topics", content=within, headers={**key, **JSON}).status_code == 201


@pytest.mark.parametrize("how", ["said", "in pieces"])
def test_an_import_that_is_too_large_is_413(database: Database, how: str) -> None:
    key = database.key()
    with opened(database, body_limit=100, import_limit=1_000) as client:
        content: Any = b"\n" * 1_001 if how == "said" else in_pieces(1_001)
        answer = client.post("/v1/import", content=content, headers={**key, **LINES})
        assert "1000 bytes" in refused(answer, 413, "payload_too_large")["detail"]
        answer = client.post("/v1/import", content=b"\n" * 1_000, headers={**key, **LINES})
        assert answer.status_code == 200, answer.text


def test_an_import_of_too_many_lines_is_413(database: Database) -> None:
    key = database.key()
    lines = [json.dumps({"kind": "topic", "id": f"topic-{number}", "name": "Topic"}) for number in range(4)]
    with opened(database, import_records=3) as client:
        answer = client.post("/v1/import", content="\n".join(lines), headers={**key, **LINES})
        assert "3 lines" in refused(answer, 413, "payload_too_large")["detail"]
        assert database.execute("SELECT id FROM records") == []
        answer = client.post("/v1/import", content="\n".join(lines[:3]), headers={**key, **LINES})
        assert answer.json()["created"] == 3


def test_a_body_that_is_too_large_is_not_read_of_whoever_may_not_write(database: Database) -> None:
    read: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for piece in in_pieces(2_000):
            read.append(piece)
            yield piece

    with opened(database, body_limit=1_000) as client:
        refused(client.post("/v1/topics", content=pieces(), headers=JSON), 401, "unauthorized")
    assert len(read) <= 1


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_a_body_that_is_nested_too_deep_is_400(registry: Registry, depth: int) -> None:
    content = b'{"name":' + b"[" * depth + b"]" * depth + b"}"
    answer = registry.client.post("/v1/topics", content=content, headers={**registry.writer, **JSON})
    assert f"more than {MAX_DEPTH} levels" in refused(answer, 400, "malformed")["detail"]
    line = b'{"kind":"topic","id":"deep","name":' + b"[" * depth + b"]" * depth + b"}"
    answer = registry.client.post("/v1/import", content=line, headers={**registry.writer, **LINES})
    assert f"more than {MAX_DEPTH} levels" in refused(answer, 422, "invalid")["errors"][0]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","name":"b"}',
        b'{"name":NaN}',
        b'{"name":1e999}',
        b'{"name":' + b"9" * 5_000 + b"}",
        b'{"name":"\xff"}',
        b"",
        b"{",
    ],
)
def test_what_is_no_plain_json_is_refused(registry: Registry, body: bytes) -> None:
    answer = registry.client.post("/v1/topics", content=body, headers={**registry.writer, **JSON})
    assert answer.status_code in (400, 422), answer.text
    refused(answer, answer.status_code, "malformed" if answer.status_code == 400 else "invalid")


def test_a_compressed_body_is_not_unpacked(registry: Registry) -> None:
    headers = {**registry.writer, **JSON, "Content-Encoding": "gzip"}
    refused(registry.client.post("/v1/topics", content=b"\x1f\x8b", headers=headers), 415, "unsupported_media_type")


def test_a_record_has_so_many_names_and_texts_so_many_letters(registry: Registry) -> None:
    names = [{"language": "en", "text": f"Name {number}", "type": "alias"} for number in range(MAX_ITEMS + 1)]
    answer = registry.client.post("/v1/topics", json={"name": "Many", "names": names}, headers=registry.writer)
    assert refused(answer, 422, "invalid")["errors"][0]["pointer"] == "/names"
    answer = registry.client.post("/v1/topics", json={"name": "x" * 10_001}, headers=registry.writer)
    assert refused(answer, 422, "invalid")["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/meetings?country=" + "x" * 17_000, 414, "address_too_long"),
        ("/v1/meetings?" + "a&" * 1_001, 400, "malformed"),
        ("/v1/meetings?limit=201", 422, "invalid"),
        ("/v1/changes?limit=1001", 422, "invalid"),
        ("/v1/topics/networks/history?limit=201", 422, "invalid"),
        ("/v1/meetings?" + "&".join(f"country={number}" for number in range(101)), 422, "invalid"),
        ("/v1/meetings?between=A,B,C,D,E,F", 422, "invalid"),
        ("/v1/records?ids=" + ",".join(f"x{number}" for number in range(201)), 422, "invalid"),
    ],
    ids=["address", "parameters", "limit", "changes", "history", "values", "between", "ids"],
)
def test_what_may_be_asked_at_once_is_bounded(registry: Registry, path: str, status: int, code: str) -> None:
    refused(registry.client.get(path), status, code)


def limits(answer: Any) -> dict[str, tuple[int, int]]:
    """What an answer says of each limit: how many there are a minute, how many are left."""
    policies = dict(re.findall(r'"(\w+)";q=(\d+);w=60', answer.headers["ratelimit-policy"]))
    left = {name: (count, until) for name, count, until in re.findall(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers["ratelimit"])}
    assert policies.keys() == left.keys()
    assert all(1 <= int(until) <= 60 for _, until in left.values())
    return {name: (int(most), int(left[name][0])) for name, most in policies.items()}


def too_many(answer: Any) -> None:
    """The answer is 429, with all that it must say."""
    refused(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert 0 in [left for _, left in limits(answer).values()]


def test_an_address_may_make_so_many_requests(database: Database) -> None:
    with opened(database, requests_per_minute=3) as client:
        left = [limits(client.get(path))["requests"] for path in ("/v1/topics", "/v1/nothing", "/v1/topics?x=1")]
        assert left == [(3, 2), (3, 1), (3, 0)]
        for path in ("/v1/topics", "/docs", "/openapi.json", "/v1/import"):
            too_many(client.get(path))
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_a_key_may_make_so_many_writes(database: Database) -> None:
    key, other = database.key(name="busy"), database.key(name="idle")
    with opened(database, writes_per_minute=2) as client:
        first = client.put("/v1/topics/one", json={"name": "One"}, headers=key)
        assert limits(first)["writes"] == (2, 1)
        assert limits(first)["requests"][0] == 12_000
        assert limits(client.put("/v1/topics/two", json={}, headers=key))["writes"] == (2, 0)
        too_many(client.put("/v1/topics/three", json={"name": "Three"}, headers=key))
        assert client.put("/v1/topics/four", json={"name": "Four"}, headers=other).status_code == 201
        assert [topic["id"] for topic in client.get("/v1/topics?sort=id").json()["data"]] == ["four", "one"]


def test_attempts_without_a_good_key_count_for_their_address(database: Database) -> None:
    with opened(database, requests_per_minute=3) as client:
        for number in range(3):
            guess = {"Authorization": f"Bearer rap_aaaaaaaa_{number}"}
            refused(client.post("/v1/topics", json={}, headers=guess), 401, "unauthorized")
        too_many(client.post("/v1/topics", json={}, headers=database.key()))


def test_attempts_with_somebody_elses_id_do_not_count_for_the_key(database: Database) -> None:
    key = database.key()
    with opened(database, writes_per_minute=1) as client:
        for _ in range(3):
            guess = {"Authorization": f"Bearer rap_{id_of(key)}_guessed"}
            refused(client.post("/v1/topics", json={}, headers=guess), 401, "unauthorized")
        assert client.post("/v1/topics", json={"name": "Mine"}, headers=key).status_code == 201


def seen_as(client: TestClient, forwarded: str) -> int:
    """What a request is answered that a proxy says to have from there."""
    return client.get("/v1/topics", headers={"X-Forwarded-For": forwarded}).status_code


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:0DB8:0:0::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_one_client_is_an_ipv4_address_or_the_64_bits_of_an_ipv6_network(
    database: Database, first: str, second: str, *, shared: bool
) -> None:
    with opened(database, requests_per_minute=1, trusted_proxies="*") as client:
        assert seen_as(client, first) == 200
        assert seen_as(client, second) == (429 if shared else 200)


def test_forwarded_addresses_are_believed_of_trusted_proxies_only(database: Database) -> None:
    with opened(database, requests_per_minute=1, trusted_proxies="10.0.0.1", address="192.0.2.9") as client:
        assert [seen_as(client, "198.51.100.1"), seen_as(client, "198.51.100.2")] == [200, 429]
    with opened(database, requests_per_minute=1, trusted_proxies="10.0.0.1", address="10.0.0.1") as client:
        assert [seen_as(client, "198.51.100.1"), seen_as(client, "198.51.100.2")] == [200, 200]


def test_what_a_client_writes_into_the_header_before_the_proxy_does_is_not_believed(database: Database) -> None:
    with opened(database, requests_per_minute=1, trusted_proxies="10.0.0.1", address="10.0.0.1") as client:
        assert seen_as(client, "198.51.100.1, 203.0.113.5") == 200
        assert seen_as(client, "198.51.100.2, 203.0.113.5") == 429


def test_a_host_is_believed_of_trusted_proxies_only(database: Database) -> None:
    said = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/p"}
    with opened(database, trusted_proxies="10.0.0.1", address="192.0.2.9") as client:
        assert client.get("/v1/topics", headers=said).json()["links"]["self"] == "http://testserver/v1/topics"
    with opened(database, trusted_proxies="10.0.0.1", address="10.0.0.1") as client:
        assert client.get("/v1/topics", headers=said).json()["links"]["self"] == "https://elsewhere.example/p/v1/topics"


# -- headers ------------------------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[str, str, dict[str, str], int]] = {
    "record": ("GET", "/v1/meetings/talks", {}, 200),
    "any record": ("GET", "/v1/records/talks", {}, 200),
    "list": ("GET", "/v1/meetings", {}, 200),
    "head": ("HEAD", "/v1/meetings", {}, 200),
    "compressed": ("GET", "/openapi.json", {"Accept-Encoding": "gzip"}, 200),
    "csv": ("GET", "/v1/meetings?format=csv", {}, 200),
    "ndjson": ("GET", "/v1/meetings?format=ndjson", {}, 200),
    "export": ("GET", "/v1/export", {}, 200),
    "changes": ("GET", "/v1/changes", {}, 200),
    "history": ("GET", "/v1/meetings/talks/history", {}, 200),
    "openapi": ("GET", "/openapi.json", {}, 200),
    "health": ("GET", "/healthz", {}, 200),
    "readiness": ("GET", "/readyz", {}, 200),
    "index": ("GET", "/v1/", {}, 200),
    "vocabularies": ("GET", "/v1/vocabularies", {}, 200),
    "not modified": ("GET", "/v1/meetings/talks", {"If-None-Match": "*"}, 304),
    "elsewhere": ("GET", "/v1/countries/BLR", {}, 308),
    "malformed": ("GET", "/v1/meetings?q=%FF", {}, 400),
    "no key": ("POST", "/v1/meetings", {}, 401),
    "no such record": ("GET", "/v1/meetings/nothing", {}, 404),
    "no such page": ("GET", "/nothing", {}, 404),
    "no such method": ("DELETE", "/v1/meetings", {}, 405),
    "options": ("OPTIONS", "/v1/meetings", {}, 405),
    "not acceptable": ("GET", "/v1/meetings", {"Accept": "image/png"}, 406),
    "too long": ("GET", "/v1/meetings?q=" + "x" * 17_000, {}, 414),
    "invalid": ("GET", "/v1/meetings?x=1", {}, 422),
    "preflight refused": (
        "OPTIONS",
        "/v1/meetings",
        {"Origin": "https://example.org", "Access-Control-Request-Method": "PUT"},
        403,
    ),
}


@pytest.mark.parametrize("which", ANSWERS)
def test_every_answer_carries_the_headers(registry: Registry, which: str) -> None:
    method, path, headers, status = ANSWERS[which]
    answer = registry.client.request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    assert {name: answer.headers.get(name) for name in HARDENING} == {name: ALWAYS_SENT[name] for name in HARDENING}
    assert "no-cache" in answer.headers["cache-control"]
    assert "server" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_the_answers_of_writes_carry_the_headers(world: Database) -> None:
    key = world.key()
    with opened(world, body_limit=1_000, writes_per_minute=11) as client:
        put = client.put("/v1/topics/new", json={"name": "New"}, headers=key)
        guarded = {**key, "If-Match": put.headers["etag"]}
        answers = [
            (put, 201),
            (client.put("/v1/topics/new", json={"name": "Other"}, headers=key), 428),
            (client.patch("/v1/topics/new", json={"name": "Newer"}, headers=guarded), 200),
            (client.patch("/v1/topics/new", json={"name": "Newest"}, headers=guarded), 412),
            (client.post("/v1/topics", json={"id": "new", "name": "Again"}, headers=key), 409),
            (client.delete("/v1/topics/new", headers={**key, "If-Match": "*"}), 204),
            (client.get("/v1/topics/new"), 410),
            (client.post("/v1/topics", content=b" " * 1_001, headers={**key, **JSON}), 413),
            (client.post("/v1/topics", content=b"{}", headers={**key, "Content-Type": "text/plain"}), 415),
            (client.post("/v1/import", content=b"", headers={**key, **LINES}), 200),
            (client.post("/v1/people/somebody/merge", json={"into": "nobody"}, headers=key), 422),
            (client.get("/v1/keys", headers=key), 200),
            (client.get("/v1/keys", headers=key), 429),
        ]
    for answer, status in answers:
        assert answer.status_code == status, answer.text
        assert {name: answer.headers.get(name) for name in HARDENING} == {name: ALWAYS_SENT[name] for name in HARDENING}


def broken(database: Database) -> None:
    """Take a table away, so that whoever asks for topics meets a failure of the database."""
    database.execute("ALTER TABLE topics RENAME TO topics_away")


def test_a_failure_carries_the_headers_and_says_nothing_of_our_insides(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = world.key()

    def mistaken(*_: object) -> None:
        raise ZeroDivisionError("told to nobody: SELECT secrets")

    broken(world)
    with opened(world) as client:
        answers = [client.get("/v1/topics"), client.put("/v1/topics/x", json={"name": "x"}, headers=key)]
        monkeypatch.setattr(Keyring, "recognized", mistaken)
        answers.append(client.put("/v1/people/x", json={"name": "x"}, headers=key))
    assert answers[-1].status_code == 500
    assert answers[-1].json()["code"] == "unexpected"
    for answer in answers:
        assert answer.status_code in (500, 503)
        refused(answer, answer.status_code, answer.json()["code"])
        assert "topics_away" not in answer.text
        assert "secrets" not in answer.text
        assert {name: answer.headers.get(name) for name in HARDENING} == {name: ALWAYS_SENT[name] for name in HARDENING}


def test_a_failure_can_be_read_by_scripts_and_says_what_is_left(world: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Keyring, "recognized", mistaken)
    with opened(world) as client:
        headers = {**world.key(), "Origin": "https://example.org"}
        answer = client.get("/v1/keys", headers=headers)
    refused(answer, 500, "unexpected")
    assert answer.headers.get("access-control-allow-origin") == "*"
    assert "ratelimit" in answer.headers


PAGES = ["/docs", "/docs/problems", "/docs/promise", "/docs/page.js", "/docs/page.css", "/docs/icon.svg"]
ASSETS = ["/docs/assets/swagger-ui.css", "/docs/assets/swagger-ui-bundle.js"]


@pytest.mark.parametrize("path", PAGES)
def test_the_docs_page_has_a_policy_of_its_own(registry: Registry, path: str) -> None:
    answer = registry.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers.get("cross-origin-resource-policy") in ("same-origin", "cross-origin")


@pytest.mark.parametrize("path", [*ASSETS, "/", "/docs/assets/nothing.js"])
def test_what_the_docs_page_is_made_of_carries_the_headers(registry: Registry, path: str) -> None:
    answer = registry.client.get(path)
    assert answer.status_code in (200, 307, 308, 404)
    assert {name for name in HARDENING if name in answer.headers} == set(HARDENING)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/docs/assets/../fastapi_offline.py", "/docs/assets/..%2f__init__.py", "/docs/assets/%2e%2e/__init__.py"]
)
def test_the_docs_page_leads_to_no_other_files(registry: Registry, path: str) -> None:
    refused(registry.client.get(path), 404, "not_found")


# -- scripts of other origins -------------------------------------------------------------------------------------------

ORIGIN = {"Origin": "https://example.org"}


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/meetings", 200), ("/v1/meetings?format=csv", 200), ("/v1/meetings/x", 404), ("/v1/meetings?x=1", 422)],
)
def test_scripts_of_any_origin_may_read(registry: Registry, path: str, status: int) -> None:
    answer = registry.client.get(path, headers=ORIGIN)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"etag", "link", "ratelimit", "retry-after"} <= exposed


def test_a_script_that_reads_too_much_can_read_that(database: Database) -> None:
    with opened(database, requests_per_minute=1) as client:
        client.get("/v1/topics")
        answer = client.get("/v1/topics", headers=ORIGIN)
    too_many(answer)
    assert answer.headers["access-control-allow-origin"] == "*"


def preflight(registry: Registry, method: str, *headers: str) -> Any:
    asked = {**ORIGIN, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = ",".join(headers)
    return registry.client.options("/v1/meetings/talks", headers=asked)


@pytest.mark.parametrize("method", sorted(SAFE))
@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("if-none-match",),
        ("accept", "accept-language", "if-none-match"),
        ("x-requested-with",),
        ("traceparent", "tracestate", "baggage"),
        ("authorization",),
        ("authorization", "cache-control", "if-none-match", "pragma", "sentry-trace", "x-request-id"),
    ],
)
def test_a_script_may_read_with_any_headers(registry: Registry, method: str, headers: tuple[str, ...]) -> None:
    answer = preflight(registry, method, *headers)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert {name.strip() for name in answer.headers["access-control-allow-methods"].split(",")} == SAFE
    allowed = {name.strip().lower() for name in answer.headers.get("access-control-allow-headers", "").split(",")}
    assert set(headers) <= allowed


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", ()),
        ("PUT", ()),
        ("PATCH", ("content-type",)),
        ("DELETE", ()),
        ("POST", ("authorization", "content-type")),
        ("DELETE", ("authorization", "if-match", "traceparent")),
        ("get", ("x-requested-with",)),
        ("TRACE", ()),
    ],
)
def test_scripts_of_other_origins_may_not_write(registry: Registry, method: str, headers: tuple[str, ...]) -> None:
    refused(preflight(registry, method, *headers), 403, "forbidden")


def test_a_write_that_a_browser_sends_unasked_has_no_key_and_is_refused(registry: Registry) -> None:
    answer = registry.client.post(
        "/v1/topics", content=b'{"name":"Forged"}', headers={**ORIGIN, "Content-Type": "text/plain", "Cookie": "a=b"}
    )
    refused(answer, 401, "unauthorized")


# -- methods ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND", "X" * 100])
def test_other_methods_are_405(registry: Registry, method: str) -> None:
    for path in ("/v1/meetings", "/v1/meetings/talks", "/v1/keys", "/healthz", "/docs"):
        answer = registry.client.request(method, path, headers=registry.admin)
        refused(answer, 405, "method_not_allowed")
        assert secret_of(registry.admin) not in answer.text
        assert "GET" in answer.headers["allow"]


def test_head_answers_wherever_get_does_and_says_no_more(registry: Registry) -> None:
    for method, template in OPERATIONS:
        if method == "GET":
            path = template.replace("some-key", id_of(registry.admin))
            got, head = (registry.client.request(each, path, headers=registry.admin) for each in ("GET", "HEAD"))
            assert (head.status_code, head.content) == (got.status_code, b""), path


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_header_does_not_turn_a_read_into_a_write(registry: Registry, name: str) -> None:
    answer = registry.client.get("/v1/meetings/talks", headers={**registry.admin, name: "DELETE"})
    assert answer.status_code == 200
    assert registry.client.get("/v1/meetings/talks").status_code == 200


# -- texts that mean something elsewhere ----------------------------------------------------------------------------------

INJECTIONS = [
    "'; DROP TABLE records; --",
    '"; DELETE FROM keys; --',
    "' OR '1'='1",
    "1) UNION SELECT id, digest FROM keys --",
    "%' ESCAPE '!' --",
    ":id %(id)s %s ? $1 {0}",
    "\\'; SELECT pg_sleep(10); --",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.org")',
    "${jndi:ldap://127.0.0.1/a}",
    "x\r\nSet-Cookie: a=b\r\n\r\n<html>",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_texts_of_readers_are_values_and_nothing_else(registry: Registry, text: str) -> None:
    client, before = registry.client, everything(registry.database)
    quoted = quote(text, safe="")
    assert client.get(f"/v1/sources?publisher={quoted}").json()["data"] == []
    found = [
        client.get(f"/v1/topics?q={quoted}"),
        client.get(f"/v1/meetings?country={quoted}"),
        client.get(f"/v1/meetings?sort={quoted}"),
        client.get(f"/v1/meetings?fields={quoted}"),
        client.get(f"/v1/meetings?include={quoted}"),
        client.get(f"/v1/meetings?cursor={quoted}"),
        client.get(f"/v1/meetings?lang={quoted}"),
        client.get(f"/v1/meetings?date_from={quoted}"),
        client.get(f"/v1/meetings?{quoted}=1"),
        client.get(f"/v1/meetings/{quoted}"),
        client.get(f"/v1/{quoted}"),
        client.get(f"/v1/records/{quoted}"),
        client.get(f"/v1/records?ids={quoted}"),
        client.get(f"/v1/changes?transaction={quoted}"),
        client.get(f"/v1/meetings/{quoted}/history"),
        client.get(f"/v1/keys/{quoted}", headers=registry.admin),
    ]
    for answer in found:
        assert answer.status_code in (200, 400, 404, 422), (answer.request.url, answer.text)
        assert "set-cookie" not in answer.headers
        answer.json()
    assert everything(registry.database).keys() == before.keys()
    assert everything(registry.database)["records"] == before["records"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_texts_of_writers_are_kept_as_they_are(world: Database, text: str) -> None:
    key = world.key()
    with opened(world) as client:
        made = client.post("/v1/topics", json={"name": text}, headers=key)
        assert made.status_code == 201, made.text
        assert re.fullmatch(r"/v1/topics/[a-z0-9-]+", made.headers["location"])
        assert "set-cookie" not in made.headers
        read = client.get(made.headers["location"])
        assert read.json()["name"] == text
        assert read.headers["content-type"] == "application/json"
        assert client.get("/v1/topics?format=csv").status_code == 200
        (entry,) = client.get(f"{made.headers['location']}/history").json()["data"]
        assert entry["state"]["name"] == text
    assert world.disagreements() == []


@pytest.mark.parametrize("text", INJECTIONS)
def test_ids_that_writers_choose_are_slugs_and_nothing_else(registry: Registry, text: str) -> None:
    client, key, quoted = registry.client, registry.admin, quote(text, safe="")
    guarded = {**key, "If-Match": "*"}
    found = [
        (client.post("/v1/topics", json={"id": text, "name": "x"}, headers=key), (422,)),
        (client.put(f"/v1/topics/{quoted}", json={"name": "x"}, headers=key), (404, 422)),
        (client.patch(f"/v1/topics/{quoted}", json={"name": "x"}, headers=guarded), (404,)),
        (client.delete(f"/v1/topics/{quoted}", headers=guarded), (404,)),
        (client.post(f"/v1/topics/{quoted}/restore", json={}, headers=key), (404,)),
        (client.post(f"/v1/topics/{quoted}/merge", json={"into": "networks"}, headers=key), (404,)),
        (client.post("/v1/topics/networks/merge", json={"into": text}, headers=key), (422,)),
        (client.post("/v1/topics", json={"name": "x", "broader": text}, headers=key), (422,)),
        (client.delete(f"/v1/keys/{quoted}", headers=key), (404,)),
    ]
    for answer, allowed in found:
        assert answer.status_code in allowed, (answer.request.method, str(answer.request.url), answer.text)
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/topics/%00", "/v1/keys/%00", "/v1/topics/a%00b"])
def test_a_nul_character_in_an_address_finds_nothing(registry: Registry, path: str) -> None:
    guarded = {**registry.admin, "If-Match": "*"}
    refused(registry.client.delete(path, headers=guarded), 404, "not_found")
    refused(registry.client.get(path, headers=registry.admin), 404, "not_found")


@pytest.mark.parametrize("path", ["/v1/topics/%00", "/v1/topics/a%00b"])
def test_a_nul_character_in_the_address_of_a_write_is_a_fault_of_the_client(registry: Registry, path: str) -> None:
    client, guarded = registry.client, {**registry.admin, "If-Match": "*"}
    found = [
        client.put(path, json={"name": "x"}, headers=registry.admin),
        client.patch(path, json={"name": "x"}, headers=guarded),
        client.post(f"{path}/restore", json={"version": 1}, headers=registry.admin),
        client.post(f"{path}/merge", json={"into": "networks"}, headers=registry.admin),
        client.get(f"{path}/history"),
    ]
    for answer in found:
        assert answer.status_code in (400, 404, 422), (answer.request.method, str(answer.request.url), answer.text)


@pytest.mark.parametrize("record_id", ["nothing", "networks", "a%00b", "%22,%22forged%22:%22", "x%0d%0aSet-Cookie:a=b"])
def test_a_history_before_its_first_version_is_empty_or_404(registry: Registry, record_id: str) -> None:
    answer = registry.client.get(f"/v1/topics/{record_id}/history?before=1")
    if record_id == "networks":
        assert answer.status_code == 200, answer.text
    if answer.status_code == 200:
        assert answer.json().keys() == {"data", "page", "links"}
        assert answer.json()["data"] == []
    else:
        refused(answer, 404, "not_found")


@pytest.mark.parametrize("query", ["lang=ru", "lang=ru%0d%0aX-Forged:%20yes", "x=%0d%0aX-Forged:%20yes"])
def test_a_redirect_repeats_the_query_as_it_came(registry: Registry, query: str) -> None:
    answer = registry.client.get(f"/v1/countries/BLR?{query}")
    if answer.status_code == 308:
        assert answer.headers["location"] == f"/v1/countries/BY?{query}"
    else:
        refused(answer, 422, "invalid")
    assert "x-forged" not in answer.headers


def test_a_redirect_leads_to_no_other_host(registry: Registry) -> None:
    headers = {"Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"}
    answer = registry.client.get("/v1/countries/BLR", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (308, "/v1/countries/BY")
    for path in ("//elsewhere.example/v1/meetings", "//elsewhere.example", "/\\elsewhere.example"):
        assert "location" not in registry.client.get(f"http://testserver{path}").headers


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//example.org",
        "https://",
        " https://x.org",
        "https://a b",
    ],
)
def test_addresses_in_records_are_of_the_web(registry: Registry, address: str) -> None:
    for plural, body in (
        ("sources", {"title": "x", "url": address}),
        ("sources", {"title": "x", "archive_url": address}),
        ("organizations", {"name": "x", "website": address}),
    ):
        refused(registry.client.post(f"/v1/{plural}", json=body, headers=registry.writer), 422, "invalid")


def test_no_address_in_a_record_is_ever_opened(world: Database) -> None:
    """A listener at the address that a source names hears nothing, whatever is done with the source."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        key = world.key()
        with opened(world) as client:
            body = {"title": "Here", "url": address, "archive_url": address}
            assert client.put("/v1/sources/here", json=body, headers=key).status_code == 201
            cited = {"source": "here", "paragraph": 1, "quote": "held", "confidence": "stated"}
            answer = client.patch("/v1/people/somebody", json={"citations": [cited]}, headers={**key, "If-Match": "*"})
            assert answer.status_code == 200, answer.text
            shown = client.get("/v1/people/somebody?include=citations").json()["citations"]
            assert shown[0]["link"].startswith(address)
            assert client.get("/v1/export").status_code == 200
        with pytest.raises(BlockingIOError):
            listener.accept()


# -- a real server --------------------------------------------------------------------------------------------------------


@contextmanager
def logged(database: Database, log: Path, **settings: str) -> Iterator[int]:
    """`rapporteur serve` with all that it prints in a file; its port while it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {**os.environ, "RAPPORTEUR_DATABASE_URL": database.url, "RAPPORTEUR_PORT": str(port), **settings}
    command = [sys.executable, "-m", "app", "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not _is_ready(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _is_ready(port: int) -> bool:
    try:
        return send(port, "GET", "/readyz")[0] == 200
    except (OSError, HTTPException):
        return False


def send(port: int, method: str, path: str, *, key: str = "", body: Any = None, headers: Any = ()) -> tuple[int, bytes]:
    """Ask a server on this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    given = {"Content-Type": "application/json", **dict(headers)}
    if key:
        given["Authorization"] = f"Bearer {key}"
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=given)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def port(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a real server answers over the registry of this module."""
    with logged(registry.database, tmp_path_factory.mktemp("server") / "log") as found:
        yield found


REFUSING = {
    "sqlite": ["CREATE TRIGGER refusing BEFORE INSERT ON people BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"],
    "postgresql": [
        "CREATE FUNCTION refusing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$",
        "CREATE TRIGGER refusing BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION refusing()",
    ],
}
"""Statements that make the database refuse whatever is written of people."""


def test_the_log_holds_no_key_and_no_secret(world: Database, tmp_path: Path) -> None:
    pepper = "the-secret-of-the-operator-7f3a"
    given = {"RAPPORTEUR_KEY_SECRET": pepper, "RAPPORTEUR_LOG_LEVEL": "debug", "RAPPORTEUR_WRITE_PATIENCE": "1"}
    admin, writer = (
        run("keys", "create", scope, "--scope", scope, database=world, RAPPORTEUR_KEY_SECRET=pepper).stdout.strip()
        for scope in ("admin", "write")
    )
    wrong = f"{writer[:13]}wrongwrongwrongwrongwrongwrongwrongwrongwrong"
    for statement in REFUSING[world.engine.dialect.name]:
        world.execute(statement)
    log = tmp_path / "log"
    with logged(world, log, **given) as port, ThreadPoolExecutor(2) as pool:
        status, made = send(port, "POST", "/v1/keys", key=admin, body={"name": "made over HTTP"})
        assert status == 201
        assert send(port, "POST", "/v1/keys", key=admin, body={"name": "made over HTTP"})[0] == 409
        assert send(port, "PUT", "/v1/topics/good", key=writer, body={"name": "Good"})[0] == 201
        assert send(port, "PUT", "/v1/topics/bad", key=writer, body={"nonsense": writer})[0] == 422
        assert send(port, "PUT", "/v1/topics/bad", key=wrong, body={"name": "Bad"})[0] == 401
        assert send(port, "GET", "/v1/keys", key=writer)[0] == 403
        assert send(port, "PUT", "/v1/people/fails", key=writer, body={"name": "Fails"})[0] == 500
        with writing(world.engine):
            several = [
                pool.submit(send, port, "PUT", f"/v1/topics/late-{number}", key=writer, body={"name": "Late"})
                for number in "ab"
            ]
            done, _ = wait(several, return_when=FIRST_COMPLETED)
            assert 503 in [each.result()[0] for each in done]
        assert {each.result()[0] for each in several} <= {201, 503}
        broken(world)
        assert send(port, "PUT", "/v1/topics/gone", key=admin, body={"name": "Gone"})[0] in (500, 503)
        assert send(port, "GET", "/v1/topics/x%0aFORGED%20LINE", key=admin)[0] in (500, 503)
    printed = log.read_text(encoding="utf-8")
    assert "refused by the test" in printed
    assert "Traceback" in printed
    forbidden = [
        pepper,
        *(part for key in (admin, writer, json.loads(made)["key"], wrong) for part in (key, key.split("_", 2)[2])),
    ]
    forbidden += [str(row[0]) for row in world.execute("SELECT digest FROM keys")]
    if password := make_url(world.url).password:
        forbidden.append(str(password))
    for secret in forbidden:
        assert secret not in printed
    assert not [line for line in printed.splitlines() if line.startswith("FORGED LINE")]


def test_a_fault_in_a_setting_is_told_without_its_value() -> None:
    url = "postgresqll://somebody:very-secret@127.0.0.1/name"
    told = CliRunner().invoke(main, ["check"], env={"RAPPORTEUR_DATABASE_URL": url})
    assert told.exit_code != 0
    assert "RAPPORTEUR_DATABASE_URL" in told.output
    assert "very-secret" not in told.output


def test_a_database_that_is_away_is_told_of_without_its_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://somebody:very-secret@127.0.0.1:{closed.getsockname()[1]}/name"
        for words in (("keys", "list"), ("serve",)):
            told = CliRunner().invoke(main, words, env={"RAPPORTEUR_DATABASE_URL": url})
            assert told.exit_code != 0
            assert "refused" in told.output
            assert "very-secret" not in told.output


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ('/v1/changes?transaction=a"b', "127.0.0.1"),
        ('/v1/changes?transaction=a","forged":"b', "127.0.0.1"),
        ('/v1/sources?publisher=a"b\\', "127.0.0.1"),
        ('/v1/topics/networks/history?before=9"', "127.0.0.1"),
        ("/v1/topics", 'a","forged":"b'),
        ("/v1/changes", 'a","forged":"b'),
        ("/v1/topics/networks/history", 'a"b\\'),
        ("/v1/nothing", 'a"b\\'),
    ],
)
def test_quotes_that_no_client_library_would_send_stay_text(port: int, path: str, host: str) -> None:
    status, body = send(port, "GET", path, headers={"Host": host})
    assert status in (200, 400, 404, 422), body
    told = json.loads(body)
    assert "forged" not in told
    assert "forged" not in told.get("links", {})


@pytest.mark.parametrize("sent", [b"GET /v1/\xd0\xb6 HTTP/1.1\r\nHost: a\r\n\r\n", b"NONSENSE\r\n\r\n"])
def test_what_is_no_http_is_refused_in_the_shape_of_all_failures(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        got = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = got.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "malformed"
    names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:]}
    assert set(HARDENING) <= names


# -- rapporteur keys ------------------------------------------------------------------------------------------------------


def test_a_key_made_by_the_command_works_and_stands_alone_on_standard_output(database: Database) -> None:
    made = run_command("keys", "create", "desk officer", url=database.url)
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"rap_[a-z2-9]{8}_[\w-]{43}\n", made.stdout)
    key = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with database.client() as client:
        assert client.post("/v1/topics", json={"name": "By key"}, headers=key).status_code == 201
        refused(client.get("/v1/keys", headers=key), 403, "forbidden")
        assert client.get("/v1/changes").json()["data"][0]["author"] == "desk officer"
    identifier, secret = made.stdout.strip().split("_", 2)[1:]
    listed = run("keys", "list", database=database)
    assert f"rap_{identifier}_…  desk officer  write  created " in listed.stdout
    assert "last_used" in listed.stdout
    assert secret not in listed.output
    told = run("keys", "revoke", f"rap_{identifier}_…", database=database)
    assert told.exit_code == 0, told.output
    assert "'desk officer' is revoked" in told.stdout
    assert "revoked 20" in run("keys", "list", database=database).stdout
    with database.client() as client:
        refused(client.post("/v1/topics", json={"name": "Later"}, headers=key), 401, "unauthorized")


def test_the_command_makes_keys_of_any_scopes(database: Database) -> None:
    made = run("keys", "create", "both", "--scope", "admin", "--scope", "write", database=database)
    with database.client() as client:
        key = {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert client.get("/v1/keys", headers=key).json()["data"][0]["scopes"] == ["admin", "write"]
    wrong = run("keys", "create", "none", "--scope", "root", database=database)
    assert wrong.exit_code == 2
    assert "'root' is not one of 'propose', 'write', 'admin'" in wrong.stderr


def test_a_key_of_the_command_expires_on_its_day(database: Database) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    made = run("keys", "create", "until tomorrow", "--expires", tomorrow.isoformat(), database=database)
    assert made.exit_code == 0, made.output
    assert f"expires {tomorrow} 00:00" in run("keys", "list", database=database).stdout
    key = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with database.client() as client:
        assert client.put("/v1/topics/x?dry_run=true", json={"name": "x"}, headers=key).status_code == 200
        set_key(database, key, expires_at=datetime.now(UTC))
        refused(client.put("/v1/topics/x?dry_run=true", json={"name": "x"}, headers=key), 401, "unauthorized")


@pytest.mark.parametrize("day", ["2020-01-01", "soon", "2030-02-30"])
def test_the_command_makes_no_key_that_is_void_already(database: Database, day: str) -> None:
    told = run("keys", "create", "late", "--expires", day, database=database)
    assert told.exit_code != 0
    assert told.stdout == ""
    assert day in told.stderr
    assert database.execute("SELECT id FROM keys") == []


def test_if_none_makes_a_first_key_and_no_second(database: Database) -> None:
    first = run("keys", "create", "first", "--if-none", database=database)
    assert first.stdout.startswith("rap_")
    second = run("keys", "create", "second", "--if-none", database=database)
    assert (second.exit_code, second.output) == (0, "")
    assert database.execute("SELECT name FROM keys") == [("first",)]


def test_the_command_makes_no_second_key_of_a_name(database: Database) -> None:
    assert run("keys", "create", "desk", database=database).exit_code == 0
    told = run("keys", "create", "desk", database=database)
    assert told.exit_code == 1
    assert told.stdout == ""
    assert "'desk' already" in told.stderr
    assert database.execute("SELECT count(*) FROM keys") == [(1,)]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "\x1b[31mred"])
def test_the_command_takes_the_names_that_the_api_takes(database: Database, name: str) -> None:
    told = run("keys", "create", name, database=database)
    assert told.exit_code != 0
    assert told.stdout == ""
    assert database.execute("SELECT id FROM keys") == []


def test_the_command_revokes_only_what_there_is_and_twice_is_once(database: Database) -> None:
    told = run("keys", "revoke", "zzzzzzzz", database=database)
    assert told.exit_code == 1
    assert "no key 'zzzzzzzz'" in told.stderr
    key = database.key()
    assert run("keys", "revoke", id_of(key), database=database).exit_code == 0
    ((revoked,),) = database.execute("SELECT revoked_at FROM keys")
    assert run("keys", "revoke", id_of(key), database=database).exit_code == 0
    assert database.execute("SELECT revoked_at FROM keys") == [(revoked,)]


def test_the_command_refuses_a_database_without_a_schema(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["keys", "create", "x"], env={"RAPPORTEUR_DATABASE_URL": f"sqlite:///{tmp_path}/new.db"})
    assert told.exit_code != 0
    assert "rap_" not in told.output


# -- /v1/keys ---------------------------------------------------------------------------------------------------------------

SHOWN = ["id", "name", "prefix", "scopes", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at"]


def test_an_admin_makes_a_key(registry: Registry) -> None:
    client, admin = registry.client, registry.admin
    expires = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    body = {"name": "Бюро", "scopes": ["write"], "expires_at": expires.isoformat()}
    answer = client.post("/v1/keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert list(made) == [*SHOWN, "key"]
    assert answer.headers["location"] == f"/v1/keys/{made['id']}"
    assert made["key"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["created_by"]) == ("Бюро", ["write"], "admin")
    assert datetime.fromisoformat(made["expires_at"]) == expires
    assert made["revoked_at"] is made["last_used_at"] is None
    key = {"Authorization": f"Bearer {made['key']}"}
    assert client.put("/v1/topics/by-new-key", json={"name": "By a new key"}, headers=key).status_code == 201
    read = client.get(answer.headers["location"], headers=admin)
    assert list(read.json()) == SHOWN
    assert read.json() == {name: made[name] for name in SHOWN} | {"last_used_at": read.json()["last_used_at"]}
    assert read.json()["last_used_at"] is not None


def test_a_key_is_of_scope_write_and_without_end_unless_said_otherwise(registry: Registry) -> None:
    made = registry.client.post("/v1/keys", json={"name": "plain"}, headers=registry.admin).json()
    assert (made["scopes"], made["expires_at"]) == (["write"], None)
    both = {"name": "both", "scopes": ["write", "admin"], "expires_at": None}
    made = registry.client.post("/v1/keys", json=both, headers=registry.admin).json()
    assert made["scopes"] == ["admin", "write"]


def test_an_expiry_with_an_offset_is_told_in_utc(registry: Registry) -> None:
    body = {"name": "elsewhere", "expires_at": "2099-12-31T23:00:00+05:00"}
    made = registry.client.post("/v1/keys", json=body, headers=registry.admin)
    assert made.json()["expires_at"] == "2099-12-31T18:00:00.000000Z"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/name"}),
        ({"name": ""}, {"/name"}),
        ({"name": "  "}, {"/name"}),
        ({"name": None}, {"/name"}),
        ({"name": 5}, {"/name"}),
        ({"name": "x" * 101}, {"/name"}),
        ({"name": "two\nlines"}, {"/name"}),
        ({"name": "a\x00b"}, {"/name"}),
        ({"name": "a\x1b[31mb"}, {"/name"}),
        ({"name": "\x7f"}, {"/name"}),
        ({"name": "x", "scopes": []}, {"/scopes"}),
        ({"name": "x", "scopes": ["root"]}, {"/scopes/0"}),
        ({"name": "x", "scopes": "write"}, {"/scopes"}),
        ({"name": "x", "scopes": ["write"] * 4}, {"/scopes"}),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, {"/expires_at"}),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, {"/expires_at"}),
        ({"name": "x", "expires_at": "soon"}, {"/expires_at"}),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-12:00"}, {"/expires_at"}),
        ({"name": "", "scopes": ["root"], "colour": "red"}, {"/name", "/scopes/0", "/colour"}),
    ],
)
def test_every_fault_of_a_key_is_named(registry: Registry, body: Content, pointers: set[str]) -> None:
    before = registry.database.execute("SELECT count(*) FROM keys")
    told = refused(registry.client.post("/v1/keys", json=body, headers=registry.admin), 422, "invalid")
    assert {fault["pointer"] for fault in told["errors"]} == pointers
    assert registry.database.execute("SELECT count(*) FROM keys") == before


def test_a_key_of_a_name_that_is_taken_is_409(registry: Registry) -> None:
    told = refused(registry.client.post("/v1/keys", json={"name": "writer"}, headers=registry.admin), 409, "conflict")
    assert told["errors"][0]["pointer"] == "/name"


def test_the_name_of_a_revoked_key_stays_taken(registry: Registry) -> None:
    """Or two people would stand under one name in the history."""
    made = registry.client.post("/v1/keys", json={"name": "left"}, headers=registry.admin)
    assert registry.client.delete(made.headers["location"], headers=registry.admin).status_code == 204
    refused(registry.client.post("/v1/keys", json={"name": "left"}, headers=registry.admin), 409, "conflict")


def test_the_body_of_a_key_is_json(registry: Registry) -> None:
    def post(content: bytes, kind: str) -> Any:
        return registry.client.post("/v1/keys", content=content, headers={**registry.admin, "Content-Type": kind})

    refused(post(b"{", "application/json"), 400, "malformed")
    refused(post(b"[]", "application/json"), 422, "invalid")
    refused(post(b'{"name":"x"}', "text/plain"), 415, "unsupported_media_type")


def test_keys_are_listed_the_oldest_first(database: Database) -> None:
    admin = database.key(name="first")
    database.key(Scope.WRITE, name="second")
    with database.client() as client:
        told = client.get("/v1/keys", headers=admin).json()
    assert list(told) == ["data"]
    assert [key["name"] for key in told["data"]] == ["first", "second"]
    assert all(list(key) == SHOWN for key in told["data"])


def test_a_key_is_revoked_and_stays_listed(registry: Registry) -> None:
    client, admin = registry.client, registry.admin
    key = registry.database.key(Scope.WRITE, name="to be revoked")
    path = f"/v1/keys/{id_of(key)}"
    answer = client.delete(path, headers=admin)
    assert (answer.status_code, answer.content) == (204, b"")
    first = client.get(path, headers=admin).json()["revoked_at"]
    assert first is not None
    assert client.delete(path, headers=admin).status_code == 204
    assert client.get(path, headers=admin).json()["revoked_at"] == first
    assert id_of(key) in [each["id"] for each in client.get("/v1/keys", headers=admin).json()["data"]]
    refused(client.put("/v1/topics/x", json={"name": "x"}, headers=key), 401, "unauthorized")


def test_an_admin_may_revoke_the_key_in_hand(registry: Registry) -> None:
    key = registry.database.key(name="its own judge")
    assert registry.client.delete(f"/v1/keys/{id_of(key)}", headers=key).status_code == 204
    refused(registry.client.get("/v1/keys", headers=key), 401, "unauthorized")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_key_that_there_is_not_is_404(registry: Registry, method: str) -> None:
    for identifier in ("zzzzzzzz", id_of(registry.admin).upper(), "x" * 500, "admin"):
        refused(registry.client.request(method, f"/v1/keys/{identifier}", headers=registry.admin), 404, "not_found")


def test_keys_take_no_parameters_and_are_given_as_json_only(registry: Registry) -> None:
    client, admin = registry.client, registry.admin
    told = refused(client.get("/v1/keys?limit=1", headers=admin), 422, "invalid")
    assert told["errors"][0]["parameter"] == "limit"
    refused(client.get("/v1/keys", headers={**admin, "Accept": "text/csv"}), 406, "not_acceptable")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/keys"), ("DELETE", "/v1/keys"), ("PATCH", "/v1/keys/x"), ("PUT", "/v1/keys/x")]
)
def test_keys_are_not_changed_but_made_and_revoked(registry: Registry, method: str, path: str) -> None:
    refused(registry.client.request(method, path, headers=registry.admin), 405, "method_not_allowed")


def test_keys_stand_in_no_list_of_records(registry: Registry) -> None:
    client = registry.client
    refused(client.get(f"/v1/records/{id_of(registry.admin)}"), 404, "not_found")
    assert id_of(registry.admin) not in client.get("/v1/export").text
    assert id_of(registry.admin) not in client.get("/v1/changes?limit=1000").text
    assert "keys" not in client.get("/v1/").json()["counts"]


# -- what is documented -----------------------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "security.md"


FOR_PROGRAMS = ("/v1/", "/openapi.json", "/robots.txt", "/llms.txt", "/favicon.ico")
"""What leads to the API, or is the index under another address, and so is no operation of it."""


def test_every_operation_is_in_the_openapi_document(registry: Registry) -> None:
    paths = registry.client.get("/openapi.json").json()["paths"]
    told = {(method.upper(), path) for path, item in paths.items() for method in item}
    app = create_app(Settings(database_url="sqlite:///unused.db"))
    routes = set(routed(app.routes)) - set(routed(pages.routes(app.router)))
    wanted = {
        (method, path.replace("{plural}", plural))
        for method, path in routes
        for plural in (PLURALS.values() if "{plural}" in path else [""])
        if method != "HEAD" and not path.startswith(("/docs", "/.well-known/")) and path not in FOR_PROGRAMS
    }
    assert told == wanted


def test_operations_that_need_a_key_say_so_in_the_openapi_document(registry: Registry) -> None:
    paths = registry.client.get("/openapi.json").json()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            guarded = method != "get" or path.startswith(PRIVATE)
            assert bool(operation.get("security")) == guarded, (method, path)


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named - defined == set()


def test_every_setting_that_the_page_on_security_names_is_there() -> None:
    named = set(re.findall(r"`(RAPPORTEUR_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) >= 5
    assert named <= {f"{PREFIX}{setting.name.upper()}" for setting in fields(Settings)}


def test_settings_show_no_secret() -> None:
    settings = Settings(database_url="postgresql://me:hidden@127.0.0.1/there", key_secret="pepper")
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hidden" not in shown
        assert "pepper" not in shown
        assert "read_deadline=10" in shown
