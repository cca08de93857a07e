"""Many writers at once, and processes killed for real: what was answered stays, nothing is done by halves, lost, or twice."""

import asyncio
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any, NamedTuple, TypeVar

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url

from app.db.engine import WRITERS_LOCK, create_engine, reading, writing
from app.errors import Busy, Conflict, Unavailable
from app.writing import queue as queue_module
from app.writing.queue import TRIES, Apply, WriteQueue
from tests.conftest import Database, Fresh
from tests.depth import slow, thorough, tries
from tests.killing import Answer, Client, Server, Unanswered, in_the_middle_of_a_write, running

Result = TypeVar("Result")
Key = dict[str, str]
CLIENTS = 32
SOURCE = {"kind": "source", "id": "news", "title": "News", "url": "https://example.org/news"}
WAIT_SECONDS = 30
"""After which what does not happen is not going to."""


class Pair(NamedTuple):
    """Two server processes over one database."""

    database: Database
    key: Key
    servers: tuple[Server, Server]

    @property
    def ports(self) -> list[int]:
        """Where they listen."""
        return [server.port for server in self.servers]


@pytest.fixture(scope="module")
def pair(fresh: Fresh) -> Iterator[Pair]:
    """Two server processes over one database, for all tests that ask."""
    database = Database(fresh())
    database.load(json.dumps(SOURCE))
    with running(database.url) as first, running(database.url) as second:
        yield Pair(database, database.key(), (first, second))
    database.engine.dispose()


def crowd(ports: list[int], key: Key, work: Callable[[int, Client], Awaitable[Result]], *, of: int = CLIENTS) -> list[Result]:
    """What clients come to that begin at the same moment, each with a connection of its own, spread over the servers."""

    async def together() -> list[Result]:
        ready = asyncio.Barrier(of)

        async def one(number: int) -> Result:
            async with Client(ports[number % len(ports)], key) as client:
                assert (await client.get("/healthz")).status == 200
                await ready.wait()
                return await work(number, client)

        return await asyncio.gather(*map(one, range(of)))

    return asyncio.run(together())


async def insisted(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """The answer to whoever comes back when they are told that others are writing."""
    random = Random()
    while True:
        answer = await client.ask(method, path, body, **headers)
        if answer.status != 503:
            return answer
        assert answer.json()["code"] == "busy", answer
        await asyncio.sleep(float(answer.headers["retry-after"]) * random.random())


def meeting(name: str, step: int = 1) -> dict[str, Any]:
    """A meeting of which everything says the same step, and so does its version: one done by halves would be seen."""
    return {
        "name": name,
        "type": "talks",
        "date": f"{1900 + step}",
        "attendance": step,
        "names": [{"language": "en", "text": f"{name} at {step}", "type": "alias"}],
        "citations": [
            {"source": "news", "paragraph": 1, "quote": "held", "confidence": "stated"},
            {"source": "news", "paragraph": step + 1, "quote": "met", "confidence": "stated"},
        ],
    }


def kinds_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All records, by kind."""
    found = defaultdict(list)
    for line in database.export():
        content = json.loads(line)
        found[content["kind"]].append(content)
    return found


def meetings_of(database: Database) -> dict[str, dict[str, Any]]:
    """All meetings as they were sent, by id."""
    kinds = kinds_of(database)
    cited = defaultdict(list)
    for citation in kinds["citation"]:
        cited[citation["record"]].append({name: citation[name] for name in meeting("")["citations"][0]})
    return {
        content["id"]: {
            **{name: value for name, value in content.items() if name not in ("id", "kind")},
            "citations": sorted(cited[content["id"]], key=lambda citation: int(citation["paragraph"])),
        }
        for content in kinds["meeting"]
    }


def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    return int(str(database.execute(f"SELECT count(*) FROM {table}")[0][0]))


# -- one record, many writers ------------------------------------------------------------------------------------------

UPDATES = tries(15, 100)


@thorough
def test_no_update_of_many_clients_of_one_record_is_lost(database: Database) -> None:
    database.load(json.dumps({"kind": "meeting", "id": "counter", "name": "Counter", "attendance": 1}))
    path, last = "/v1/meetings/counter", 1 + CLIENTS * UPDATES

    async def increments(number: int, client: Client) -> tuple[list[int], int]:
        random, versions, refused = Random(number), [1], 0
        while len(versions) <= UPDATES:
            read = await client.get(path)
            assert read.status == 200
            was = read.json()
            assert was["version"] >= versions[-1], "nobody reads what is older than what they wrote"
            body = {"attendance": was["attendance"] + 1}
            written = await insisted(client, "PATCH", path, body, If_Match=read.headers["etag"])
            if written.status == 412:
                refused += 1
                await asyncio.sleep(0.3 * random.random())
                continue
            assert written.status == 200, written
            versions.append(written.json()["version"])
            assert versions[-1] == was["version"] + 1
            assert written.json()["attendance"] == was["attendance"] + 1
        return versions[1:], refused

    async def history(client: Client) -> list[dict[str, Any]]:
        entries, following = [], f"{path}/history?limit=200"
        while following:
            page = (await client.get(following.removeprefix(f"http://127.0.0.1:{server.port}"))).json()
            entries += page["data"]
            following = page["links"]["next"]
        return entries

    key = database.key()
    with running(database.url) as server:
        came_to = crowd([server.port], key, increments)
        [record] = crowd([server.port], key, lambda _, client: client.get(path), of=1)
        [entries] = crowd([server.port], key, lambda _, client: history(client), of=1)
    assert sorted(version for versions, _ in came_to for version in versions) == [*range(2, last + 1)]
    assert sum(refused for _, refused in came_to) > CLIENTS, "they were in one another's way"
    assert (record.json()["version"], record.json()["attendance"]) == (last, last)
    told = [(entry["version"], entry["state"]["attendance"]) for entry in entries]
    assert told == [(version, version) for version in range(last, 0, -1)]
    assert database.disagreements() == []


# -- one key, one name -------------------------------------------------------------------------------------------------


def named(database: Database, name: str) -> list[str]:
    """The ids of the records of a name."""
    return [str(row[0]) for row in database.execute("SELECT id FROM records WHERE name = :name ORDER BY id", name=name)]


@pytest.mark.parametrize("tries", [2, CLIENTS])
def test_simultaneous_first_tries_with_one_key_make_one_record(pair: Pair, tries: int) -> None:
    for number in range(10):
        name = f"Try {number} of {tries}"

        async def create(_: int, client: Client, name: str = name) -> Answer:
            return await insisted(client, "POST", "/v1/meetings", meeting(name), Idempotency_Key=name.replace(" ", "-"))

        answers = crowd(pair.ports, pair.key, create, of=tries)
        assert {answer.status for answer in answers} == {201}
        assert len({(answer.body, answer.headers["etag"], answer.headers["location"]) for answer in answers}) == 1
        assert ["idempotent-replayed" in answer.headers for answer in answers].count(False) == 1
        assert named(pair.database, name) == [answers[0].json()["id"]]
    assert pair.database.disagreements() == []


def test_of_two_requests_with_one_key_one_is_done_and_the_other_is_refused(pair: Pair) -> None:
    async def create(number: int, client: Client) -> Answer:
        return await insisted(
            client, "POST", "/v1/meetings", meeting(f"Side {number % 4}"), Idempotency_Key="one-key-two-sides"
        )

    answers = crowd(pair.ports, pair.key, create)
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {201: CLIENTS // 4, 422: CLIENTS - CLIENTS // 4}
    assert {answer.json()["code"] for answer in answers if answer.status == 422} == {"idempotency_mismatch"}
    made = [record for side in range(4) for record in named(pair.database, f"Side {side}")]
    assert {answer.json()["id"] for answer in answers if answer.status == 201} == set(made)
    assert len(made) == 1


def test_meetings_of_one_name_get_ids_of_their_own(pair: Pair) -> None:
    async def create(_: int, client: Client) -> Answer:
        return await insisted(client, "POST", "/v1/meetings", meeting("Namesakes"))

    answers = crowd(pair.ports, pair.key, create)
    assert {answer.status for answer in answers} == {201}
    made = {answer.json()["id"] for answer in answers}
    assert made == {"namesakes", *(f"namesakes-{number}" for number in range(2, CLIENTS + 1))}
    assert named(pair.database, "Namesakes") == sorted(made)
    assert pair.database.disagreements() == []


def test_of_many_that_create_under_one_id_one_does(pair: Pair) -> None:
    async def create(number: int, client: Client) -> Answer:
        return await insisted(client, "PUT", "/v1/meetings/one-id", meeting(f"By {number}"), If_None_Match="*")

    answers = crowd(pair.ports, pair.key, create)
    assert Counter(answer.status for answer in answers) == {201: 1, 412: CLIENTS - 1}
    [first] = [answer.json() for answer in answers if answer.status == 201]
    assert meetings_of(pair.database)["one-id"] == meeting(first["name"])


def test_what_is_tried_among_what_is_kept_is_not_kept(pair: Pair) -> None:
    async def create(number: int, client: Client) -> Answer:
        tries = "?dry_run=true" if number % 2 else ""
        return await insisted(client, "POST", f"/v1/meetings{tries}", meeting(f"Kept or not {number}"))

    answers = crowd([pair.ports[0]], pair.key, create)
    assert [answer.status for answer in answers] == [200 if number % 2 else 201 for number in range(CLIENTS)]
    for number in range(CLIENTS):
        assert len(named(pair.database, f"Kept or not {number}")) == 1 - number % 2
    assert pair.database.disagreements() == []


def test_each_of_many_at_once_is_answered_in_the_view_that_it_asked_for(pair: Pair) -> None:
    views = ("", "?lang=ru", "?fields=id,name", "?lang=ru&fields=id,name")

    async def create_and_read(number: int, client: Client) -> tuple[Answer, list[Answer]]:
        names = [{"language": "ru", "text": f"Встреча {number}", "type": "translation"}]
        body = {**meeting(f"In view {number}"), "names": names}
        view = views[number % 4]
        made = await insisted(client, "POST", f"/v1/meetings{view}", body)
        # Records of whatever kind have no fields to choose.
        collections = ("meetings", "records") if number % 4 < 2 else ("meetings",)
        addresses = [f"/v1/{each}/{made.json()['id']}{view}" for each in collections]
        return made, [await client.get(address) for address in addresses * 10]

    with pair.database.client() as client:
        for number, (answer, read) in enumerate(crowd(pair.ports, pair.key, create_and_read)):
            assert answer.status == 201
            made = answer.json()
            assert made["name"] == (f"Встреча {number}" if number % 2 else f"In view {number}")
            alone = client.get(f"/v1/meetings/{made['id']}{views[number % 4]}")
            for each in (answer, *read):
                assert each.json() == alone.json()
                assert each.headers["etag"] == alone.headers["etag"]


def test_what_many_make_at_once_is_as_if_one_had_come_after_another(pair: Pair) -> None:
    """Good and bad among one another, some of one id, some that name what others are just making."""
    bodies: list[dict[str, Any]] = [meeting(f"At once {number}") for number in range(CLIENTS)]
    bodies[3] |= {"type": "quarrel"}
    bodies[9] |= {"country": "ZZ"}
    bodies[12] |= {"id": "at-once-by-id"}
    bodies[20] |= {"id": "at-once-by-id"}
    bodies[21] |= {"part_of": "at-once-by-id"}

    async def create(number: int, client: Client) -> Answer:
        return await insisted(client, "POST", "/v1/meetings", bodies[number])

    answers = crowd([pair.ports[0]], pair.key, create)
    statuses = [answer.status for answer in answers]
    assert (statuses[3], statuses[9]) == (422, 422)
    assert sorted((statuses[12], statuses[20])) == [201, 409]
    assert statuses[21] in (201, 422), "the meeting that it is part of may have come before it or not"
    others = [answer for number, answer in enumerate(answers) if number not in (3, 9, 12, 20, 21)]
    assert {answer.status for answer in others} == {201}
    assert [answer.json()["errors"][0]["pointer"] for answer in (answers[3], answers[9])] == ["/type", "/country"]
    made = {answer.json()["id"] for answer in answers if answer.status == 201}
    for number, answer in enumerate(answers):
        if answer.status == 201:
            assert answer.json()["name"] == f"At once {number}"
            assert answer.headers["location"] == f"/v1/meetings/{answer.json()['id']}"
    log = pair.database.execute('SELECT record_id, kind, version, author, "transaction" FROM changes ORDER BY seq')
    of_each = {row[0]: row for row in log if row[1] == "meeting" and row[0] in made}
    assert of_each.keys() == made
    assert {(row[2], row[3]) for row in of_each.values()} == {(1, "tester")}
    assert len({row[4] for row in of_each.values()}) == len(made), "each has its own place in the log"
    for row in of_each.values():
        assert Counter(other[1] for other in log if other[4] == row[4]) == {"meeting": 1, "citation": 2}
    assert pair.database.disagreements() == []


def test_what_many_change_at_once_is_as_if_one_had_come_after_another(pair: Pair) -> None:
    """Good and bad among one another: stale, of no type, of what is not there, two of one record, one without a tag."""
    lines = [{"kind": "meeting", "id": f"changed-{number}", "name": f"Changed {number}"} for number in range(CLIENTS)]
    pair.database.load(*map(json.dumps, lines))
    ids = [f"changed-{number}" for number in range(CLIENTS)]
    bodies: list[dict[str, Any]] = [{"city": f"City {number}"} for number in range(CLIENTS)]
    tags: list[dict[str, str]] = [{"If_Match": "*"} for _ in range(CLIENTS)]
    bodies[3] = {"type": "quarrel"}
    ids[5] = "changed-never"
    tags[7] = {"If_Match": '"v9-0000000000000000"'}
    ids[9] = ids[10]
    tags[11] = {}
    bodies[13] = {"part_of": "changed-14"}
    bodies[14] = {"part_of": "changed-13"}
    bodies[15] = {"name": "Changed 15"}

    async def change(number: int, client: Client) -> Answer:
        return await insisted(client, "PATCH", f"/v1/meetings/{ids[number]}", bodies[number], **tags[number])

    answers = crowd([pair.ports[0]], pair.key, change)
    statuses = [answer.status for answer in answers]
    assert [statuses[number] for number in (3, 5, 7, 11)] == [422, 404, 412, 428]
    assert answers[11].headers["etag"], "the tag that would do"
    others = [number for number in range(CLIENTS) if number not in (3, 5, 7, 11, 13, 14)]
    assert {statuses[number] for number in others} == {200}
    assert sorted(statuses[13:15]) == [200, 422], "neither is above the other"
    assert sorted(answers[number].json()["version"] for number in (9, 10)) == [2, 3]
    assert answers[15].json()["version"] == 1, "nothing was changed"
    for number in others:
        assert answers[number].json()["city"] == bodies[number].get("city")
    log = pair.database.execute('SELECT record_id, kind, operation, author, "transaction" FROM changes')
    changes = [row for row in log if row[2] == "patch" and row[0] in ids]
    assert Counter(row[0] for row in changes) == Counter(
        ids[number] for number in range(CLIENTS) if statuses[number] == 200 and number != 15
    )
    assert {row[3] for row in changes} == {"tester"}
    assert len({row[4] for row in changes}) == len(changes), "each has its own place in the log"
    assert pair.database.disagreements() == []


# -- followers ---------------------------------------------------------------------------------------------------------

ROUNDS = tries(2, 6)


async def _rounds(number: int, client: Client) -> None:
    """Create, patch, delete; and a record that all change."""
    random = Random(number)
    for turn in range(ROUNDS):
        made = await insisted(client, "POST", "/v1/meetings", meeting(f"Followed {number} {turn}"))
        assert made.status == 201, made
        path, patch = made.headers["location"], meeting(f"Followed {number} {turn}", 2)
        patched = await insisted(client, "PATCH", path, patch, If_Match=made.headers["etag"])
        assert patched.status == 200, patched
        if turn % 2:
            gone = await insisted(client, "DELETE", path, If_Match=patched.headers["etag"])
            assert gone.status == 204, gone
        while True:
            common = await client.get("/v1/meetings/common")
            body = {"attendance": common.json()["attendance"] + 1}
            if (await insisted(client, "PATCH", "/v1/meetings/common", body, If_Match=common.headers["etag"])).status == 200:
                break
            await asyncio.sleep(random.random() * 0.1)


async def _followed(client: Client, limit: int, over: asyncio.Event) -> tuple[list[tuple[Any, ...]], int]:
    """The changes as a follower sees them, and how many times they came with news before the writers were done."""
    seen: list[tuple[Any, ...]] = []
    last = news = 0
    while True:
        is_last = over.is_set()
        answer = await client.get(f"/v1/changes?after={last}&limit={limit}")
        assert answer.status == 200, answer
        page = answer.json()
        seen += [tuple(entry[name] for name in ("seq", "id", "kind", "operation", "version")) for entry in page["data"]]
        assert page["page"]["last_seq"] >= last
        last = page["page"]["last_seq"]
        news += bool(page["data"]) and not is_last
        if is_last and not page["data"]:
            return seen, news
        await asyncio.sleep(0.001)


@thorough
def test_followers_see_every_change_once_and_in_order_while_many_write(pair: Pair) -> None:
    database = pair.database
    database.load(json.dumps({"kind": "meeting", "id": "common", "name": "Common", "attendance": 1}))
    before = count(database, "changes")

    async def run() -> list[tuple[list[tuple[Any, ...]], int]]:
        over = asyncio.Event()

        async def followed(port: int, limit: int) -> tuple[list[tuple[Any, ...]], int]:
            async with Client(port, {}) as client:
                return await _followed(client, limit, over)

        async def wrote(number: int) -> None:
            async with Client(pair.ports[number % 2], pair.key) as client:
                await _rounds(number, client)

        async with asyncio.TaskGroup() as group:
            followers = [
                group.create_task(followed(pair.ports[place % 2], limit)) for place, limit in enumerate((1_000, 20, 7))
            ]
            writers = [group.create_task(wrote(number)) for number in range(CLIENTS)]
            await asyncio.wait(writers)
            over.set()
        return [follower.result() for follower in followers]

    came_to = asyncio.run(run())
    log = database.execute("SELECT seq, record_id, kind, operation, version FROM changes ORDER BY seq")
    assert len(log) - before >= CLIENTS * ROUNDS * 5
    for seen, news in came_to:
        assert seen == log
        assert news > 20, "they followed while others wrote"
    [common] = database.execute("SELECT version, attendance FROM meetings WHERE id = 'common'")
    assert common == (1 + CLIENTS * ROUNDS, 1 + CLIENTS * ROUNDS)
    assert database.disagreements() == []


# -- killed ------------------------------------------------------------------------------------------------------------

KILLS = 50
CLERKS = 8


@dataclass
class Known:
    """What a client was told of a meeting of its own."""

    name: str
    version: int
    tag: str

    @property
    def path(self) -> str:
        """Its address and its citations."""
        return f"/v1/meetings/{self.id}?include=citations"

    @property
    def id(self) -> str:
        """Made of the name."""
        return self.name.lower().replace(" ", "-")


@dataclass
class Clerk:
    """A client that writes one thing after another, and remembers what it was told and what it was not."""

    number: int
    random: Random
    made: int = 0
    known: dict[str, Known] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    """The version at which what was deleted was deleted."""
    unsure: Callable[[Client], Awaitable[None]] | None = None
    """How to find out what became of what was asked last, if no answer came."""

    async def work(self, client: Client, answered: Callable[[], None]) -> None:
        """Write until the server is gone."""
        try:
            while True:
                await self.settle(client)
                await self._next(client)
                answered()
        except Unanswered:
            pass
        finally:
            client.close()

    async def settle(self, client: Client) -> None:
        """Find out what became of what was not answered."""
        if self.unsure is not None:
            await self.unsure(client)
        self.unsure = None

    async def _next(self, client: Client) -> None:
        if not self.known or self.random.random() < 0.4:
            self.made += 1
            name = f"Meeting {self.number} {self.made}"
            self.unsure = lambda client: self._create(client, name)
            await self._create(client, name)
        else:
            known = self.random.choice([*self.known.values()])
            self.unsure = lambda client: self._look(client, known)
            await (self._patch if self.random.random() < 0.7 else self._delete)(client, known)
        self.unsure = None

    async def _create(self, client: Client, name: str) -> None:
        """The same again if it was not answered: the key makes it once."""
        key = f"key-{name.replace(' ', '-')}"
        answer = await client.ask("POST", "/v1/meetings?include=citations", meeting(name), Idempotency_Key=key)
        assert answer.status == 201, answer
        known = Known(name, 1, answer.headers["etag"])
        assert answer.json()["id"] == known.id, "nobody else has the name"
        _check_whole(answer.json(), known)
        self.known[known.id] = known

    async def _patch(self, client: Client, known: Known) -> None:
        patch = meeting(known.name, known.version + 1)
        answer = await client.ask("PATCH", known.path, patch, If_Match=known.tag)
        assert answer.status == 200, answer
        known.version, known.tag = known.version + 1, answer.headers["etag"]
        _check_whole(answer.json(), known)

    async def _delete(self, client: Client, known: Known) -> None:
        answer = await client.ask("DELETE", f"/v1/meetings/{known.id}", If_Match=known.tag)
        assert answer.status == 204, answer
        self.gone[known.id] = self.known.pop(known.id).version + 1

    async def _look(self, client: Client, known: Known) -> None:
        """Whether it was patched, or deleted, or neither."""
        answer = await client.get(known.path)
        if answer.status == 410:
            self.gone[known.id] = self.known.pop(known.id).version + 1
            return
        assert answer.status == 200, answer
        version = answer.json()["version"]
        assert version in (known.version, known.version + 1)
        known.version, known.tag = version, answer.headers["etag"]
        _check_whole(answer.json(), known)


def _check_whole(body: dict[str, Any], known: Known) -> None:
    wanted = meeting(known.name, known.version)
    assert body["version"] == known.version
    assert {name: body[name] for name in wanted if name != "citations"} == {
        name: value for name, value in wanted.items() if name != "citations"
    }
    cited = sorted((citation["paragraph"], citation["quote"]) for citation in body["citations"])
    assert cited == [(citation["paragraph"], citation["quote"]) for citation in wanted["citations"]]


async def _live(server: Server, key: Key, clerks: list[Clerk], random: Random) -> None:
    """Let the clerks write; when so many of their writes were answered, kill the server in the middle of others."""
    enough, answers, wanted = asyncio.Event(), 0, random.randint(3, 40)

    def answered() -> None:
        nonlocal answers
        answers += 1
        if answers == wanted:
            enough.set()

    async with asyncio.TaskGroup() as group:
        for clerk in clerks:
            group.create_task(clerk.work(Client(server.port, key), answered))
        await enough.wait()
        await asyncio.sleep(random.random() * 0.02)
        server.kill()


async def _settled(server: Server, key: Key, clerks: list[Clerk]) -> None:
    for clerk in clerks:
        async with Client(server.port, key) as client:
            await clerk.settle(client)


@slow
def test_a_server_killed_again_and_again_keeps_what_it_said_and_does_nothing_by_halves(database: Database) -> None:
    database.load(json.dumps(SOURCE))
    key, random = database.key(), Random(50)
    clerks = [Clerk(number, Random(number)) for number in range(CLERKS)]
    unanswered = 0
    for life in range(1, KILLS + 1):
        with running(database.url) as server:
            asyncio.run(_live(server, key, clerks, random))
        unanswered += sum(clerk.unsure is not None for clerk in clerks)
        if life % 10 == 0:
            assert database.disagreements() == []
        count(database, "keys")  # waits until what the killed process had under way at the database is done or undone
    assert unanswered > KILLS, "it was killed in the middle of writes"
    with running(database.url) as server:
        asyncio.run(_settled(server, key, clerks))
    known = {known.id: known for clerk in clerks for known in clerk.known.values()}
    gone = {record: version for clerk in clerks for record, version in clerk.gone.items()}
    assert meetings_of(database) == {record: meeting(each.name, each.version) for record, each in known.items()}
    assert database.disagreements() == []
    log = database.execute("SELECT seq, record_id, kind, version, operation FROM changes ORDER BY seq")
    versions: dict[str, int] = {}
    operations: dict[str, str] = {}
    for _, record, kind, version, operation in log:
        assert version == versions.get(str(record), 0) + 1, "each version of a record stands in the log, in its turn"
        versions[str(record)] = version
        if kind == "meeting":
            operations[str(record)] = str(operation)
    assert {record: versions[record] for record in operations} == {each.id: each.version for each in known.values()} | gone
    assert {record for record, operation in operations.items() if operation == "delete"} == set(gone)
    if database.engine.dialect.name == "sqlite":
        assert [row[0] for row in log] == [*range(1, len(log) + 1)]


def test_a_process_killed_in_the_middle_of_a_write_leaves_nothing_and_lets_others_write(database: Database) -> None:
    database.load(json.dumps(SOURCE))
    key = database.key()

    async def run(server: Server, other: BaseProcess) -> Answer:
        async with Client(server.port, key) as client:
            waiting = asyncio.create_task(client.ask("POST", "/v1/meetings", meeting("After it")))
            async with Client(server.port, {}) as reader:
                assert (await reader.get("/v1/meetings/after-it")).status == 404
            other.kill()
            return await waiting

    with running(database.url) as server, in_the_middle_of_a_write(database.url) as other:
        answer = asyncio.run(run(server, other))
    assert answer.status == 201
    assert meetings_of(database) == {"after-it": meeting("After it")}
    assert database.execute("SELECT id FROM records WHERE id = 'half'") == []
    assert database.disagreements() == []


# -- the database's lock is somebody else's ----------------------------------------------------------------------------


def test_a_write_whose_turn_does_not_come_is_refused_and_nothing_is_written(database: Database) -> None:
    database.load(json.dumps(SOURCE))
    key = database.key()

    async def ask(_: int, client: Client) -> Answer:
        return await client.ask("POST", "/v1/meetings", meeting("Too busy"), Idempotency_Key="the-same")

    with running(database.url, RAPPORTEUR_WRITE_PATIENCE="1") as server:
        with in_the_middle_of_a_write(database.url):
            refused = crowd([server.port], key, ask, of=3)
        assert [answer.status for answer in refused] == [503, 503, 503]
        for answer in refused:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"].isdecimal()
            assert answer.json()["code"] == "busy"
        assert meetings_of(database) == {}
        assert count(database, "first_answers") == 0
        [answer] = crowd([server.port], key, ask, of=1)
    assert answer.status == 201
    assert "idempotent-replayed" not in answer.headers
    assert database.disagreements() == []


@slow
def test_a_write_waits_for_the_databases_lock_as_long_as_it_is_set_to(database: Database) -> None:
    database.load(json.dumps(SOURCE))
    key = database.key()

    async def run(patient: Server, impatient: Server, other: BaseProcess) -> tuple[Answer, Answer]:
        async with Client(patient.port, key) as first, Client(impatient.port, key) as second:
            waits = asyncio.create_task(first.ask("POST", "/v1/meetings", meeting("Patient")))
            for _ in range(2):
                refused = await second.ask("POST", "/v1/meetings", meeting("Impatient"))
            other.kill()
            return await waits, refused

    with (
        running(database.url, RAPPORTEUR_WRITE_PATIENCE="30") as patient,
        running(database.url, RAPPORTEUR_WRITE_PATIENCE="1") as impatient,
        in_the_middle_of_a_write(database.url) as other,
    ):
        done, refused = asyncio.run(run(patient, impatient, other))
    assert refused.status == 503
    assert done.status == 201


# -- the write queue by itself -------------------------------------------------------------------------------------------

Unit = Callable[[Connection], Result]
"""Writes something when it is applied, and returns something."""


@pytest.fixture
def words(database: Database) -> Database:
    """A database with a table to write words into."""
    database.execute("CREATE TABLE words (word VARCHAR(40) PRIMARY KEY)")
    return database


def written(database: Database) -> list[str]:
    """The words that stand there."""
    return [str(row[0]) for row in database.execute("SELECT word FROM words ORDER BY word")]


def write(connection: Connection, word: str) -> str:
    """Write a word."""
    connection.execute(sa.text("INSERT INTO words (word) VALUES (:word)"), {"word": word})
    return word


def writes(word: str) -> Callable[[Connection], str]:
    """A unit that writes a word."""
    return partial(write, word=word)


def settling(connection: Connection, units: Sequence[Unit[Result]]) -> Apply[list[Result]]:
    """Refuses nothing."""
    return lambda: [unit(connection) for unit in units]


def in_queue(
    database: Database,
    work: Callable[[WriteQueue], Awaitable[Result]],
    *,
    patience: float = WAIT_SECONDS,
    engine: Engine | None = None,
) -> Result:
    """What work with a running queue comes to."""

    async def opened() -> Result:
        queue = WriteQueue(engine or create_engine(database.url), patience=patience)
        queue.open()
        try:
            return await work(queue)
        finally:
            await queue.close()

    return asyncio.run(opened())


async def outcomes(queue: WriteQueue, *units: Unit[Any] | tuple[Unit[Any], bool]) -> list[Any]:
    """What becomes of units that wait together, behind another that is being applied: results and errors."""
    pairs = [unit if isinstance(unit, tuple) else (unit, True) for unit in units]
    return await behind_another(queue, [queue.run(settling, unit, keep=keep) for unit, keep in pairs])


async def behind_another(queue: WriteQueue, waiting: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Results and errors of what waits together while another is applied."""
    begun, go = threading.Event(), threading.Event()

    def first(_connection: Connection) -> None:
        begun.set()
        assert go.wait(WAIT_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(queue.run(settling, first))
        assert await asyncio.to_thread(begun.wait, WAIT_SECONDS)
        tasks = list(map(asyncio.create_task, waiting))
        await asyncio.sleep(0)  # each gets as far as the queue
        go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def ended(engine: Engine) -> Counter[str]:
    """Counts how the engine's transactions end from now on."""
    counted: Counter[str] = Counter()
    event.listen(engine, "commit", lambda _: counted.update(["commit"]))
    event.listen(engine, "rollback", lambda _: counted.update(["rollback"]))
    return counted


def test_those_that_wait_together_share_a_commit(words: Database) -> None:
    engine = create_engine(words.url)
    counted = ended(engine)

    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, *(writes(f"word {number}") for number in range(10)))

    assert in_queue(words, work, engine=engine) == [f"word {number}" for number in range(10)]
    assert counted["commit"] == 2, "of the first, and of those that waited for it"
    assert written(words) == [f"word {number}" for number in range(10)]


def test_no_more_share_a_commit_than_may(words: Database) -> None:
    engine = create_engine(words.url)
    counted = ended(engine)

    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, *(writes(f"word {number:03}") for number in range(100)))

    assert in_queue(words, work, engine=engine) == written(words)
    assert counted["commit"] == 1 + -(-100 // queue_module.TOGETHER)


def test_as_many_as_came_together_the_last_time_are_waited_for(words: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "GATHERING_SECONDS", WAIT_SECONDS)
    engine = create_engine(words.url)
    counted = ended(engine)

    async def work(queue: WriteQueue) -> list[Any]:
        await outcomes(queue, *(writes(f"first {number}") for number in range(5)))
        again = []
        for number in range(5):
            again.append(asyncio.create_task(queue.run(settling, writes(f"then {number}"))))
            await asyncio.sleep(0.02)
        return await asyncio.gather(*again)

    assert in_queue(words, work, engine=engine) == [f"then {number}" for number in range(5)]
    assert counted["commit"] == 3, "of the one before, of those behind it, and of those that came one by one"


def test_nobody_waits_long_for_those_who_do_not_come_again(words: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "GATHERING_SECONDS", 0.2)
    engine = create_engine(words.url)
    counted = ended(engine)

    async def work(queue: WriteQueue) -> list[Any]:
        await outcomes(queue, *(writes(f"first {number}") for number in range(5)))
        return [await queue.run(settling, writes(word)) for word in ("alone", "alone again")]

    assert in_queue(words, work, engine=engine) == ["alone", "alone again"]
    assert counted["commit"] == 4


def test_each_sees_what_those_before_it_wrote(words: Database) -> None:
    def seen(connection: Connection) -> list[Any]:
        return [row[0] for row in connection.execute(sa.text("SELECT word FROM words ORDER BY word"))]

    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, writes("a"), seen, writes("b"), seen)

    assert in_queue(words, work) == ["a", ["a"], "b", ["a", "b"]]


FAILURES: dict[str, Exception] = {
    "a problem": Conflict("it cannot be"),
    "a mistake of ours": KeyError("what nobody thought of"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_one_that_fails_after_it_wrote_takes_nobody_with_it(words: Database, failure: Exception) -> None:
    def fails(connection: Connection) -> None:
        write(connection, "never")
        raise failure

    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, writes("before"), fails, writes("behind"))

    before, failed, behind = in_queue(words, work)
    assert (before, behind) == ("before", "behind")
    assert failed is failure
    assert written(words) == ["before", "behind"]


def test_one_that_the_database_refuses_takes_nobody_with_it(words: Database) -> None:
    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, *(writes(word) for word in ("a", "b", "a", "c")))

    first, second, refused, last = in_queue(words, work)
    assert (first, second, last) == ("a", "b", "c")
    assert isinstance(refused, Conflict)
    assert written(words) == ["a", "b", "c"]


class Words:
    """Settles words that are to be written, and remembers how many came together; `bad` ones are refused."""

    def __init__(self, *, when_applied: bool = False) -> None:
        self.came: list[int] = []
        self._when_applied = when_applied

    def settle(self, connection: Connection, words: Sequence[str]) -> Apply[list[str]]:
        """All of them, or none."""
        self.came.append(len(words))
        if "bad" in words and not self._when_applied:
            raise Conflict("it cannot be")

        def apply() -> list[str]:
            done = [write(connection, word) for word in words]
            if "bad" in words:
                raise Conflict("nobody foresaw it")
            return done

        return apply


def test_one_that_is_refused_leaves_the_others_as_they_are(words: Database) -> None:
    each = Words()
    before, refused, behind = in_queue(
        words, lambda queue: behind_another(queue, [queue.run(each.settle, word) for word in ("a", "bad", "b")])
    )
    assert (before, behind) == ("a", "b")
    assert isinstance(refused, Conflict)
    assert each.came == [1, 1, 1], "nothing was done again"
    assert written(words) == ["a", "b"]


def test_requests_that_are_alike_are_settled_together(words: Database) -> None:
    several = Words()
    done = in_queue(
        words, lambda queue: behind_another(queue, [queue.run(several.settle, word, alike=several) for word in "abc"])
    )
    assert done == ["a", "b", "c"]
    assert several.came == [3]
    assert written(words) == ["a", "b", "c"]


@pytest.mark.parametrize("when_applied", [False, True])
def test_one_that_is_refused_among_those_settled_together_takes_nobody_with_it(words: Database, *, when_applied: bool) -> None:
    several = Words(when_applied=when_applied)
    before, refused, behind = in_queue(
        words,
        lambda queue: behind_another(queue, [queue.run(several.settle, word, alike=several) for word in ("a", "bad", "b")]),
    )
    assert (before, behind) == ("a", "b")
    assert isinstance(refused, Conflict)
    assert several.came == [3, 1, 1, 1]
    assert written(words) == ["a", "b"]


def test_what_is_not_to_be_kept_is_rolled_back_and_nothing_else(words: Database) -> None:
    async def work(queue: WriteQueue) -> list[Any]:
        units: list[tuple[Unit[Any], bool]] = [
            (writes(word), word.startswith("kept")) for word in ("kept 1", "tried 1", "tried 2", "kept 2")
        ]
        return await outcomes(queue, *units)

    assert in_queue(words, work) == ["kept 1", "tried 1", "tried 2", "kept 2"]
    assert written(words) == ["kept 1", "kept 2"]


def test_one_that_waits_too_long_is_told_so_and_never_done(words: Database) -> None:
    begun, go = threading.Event(), threading.Event()

    def first(connection: Connection) -> str:
        begun.set()
        assert go.wait(WAIT_SECONDS)
        return write(connection, "first")

    async def work(queue: WriteQueue) -> str:
        taken = asyncio.create_task(queue.run(settling, first))
        assert await asyncio.to_thread(begun.wait, WAIT_SECONDS)
        with pytest.raises(Busy) as caught:
            await queue.run(settling, writes("too late"))
        assert caught.value.headers["Retry-After"] == "1"
        go.set()
        await queue.run(settling, writes("in time"))
        return await taken

    assert in_queue(words, work, patience=0.1) == "first", "one that has begun is waited for"
    assert written(words) == ["first", "in time"]


def test_a_queue_that_is_too_long_takes_nobody_in(words: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MAX_WAITING", 3)

    async def work(queue: WriteQueue) -> list[Any]:
        return await outcomes(queue, *(writes(word) for word in "abcde"))

    came_to = in_queue(words, work)
    assert came_to[:3] == ["a", "b", "c"]
    assert [type(each) for each in came_to[3:]] == [Busy, Busy]
    assert written(words) == ["a", "b", "c"]


def test_what_waits_when_the_queue_is_closed_is_done(words: Database) -> None:
    begun, go = threading.Event(), threading.Event()

    def first(_connection: Connection) -> None:
        begun.set()
        assert go.wait(WAIT_SECONDS)

    async def run() -> list[Any]:
        queue = WriteQueue(create_engine(words.url), patience=WAIT_SECONDS)
        queue.open()
        waiting = [asyncio.create_task(queue.run(settling, unit)) for unit in (first, writes("a"), writes("b"))]
        assert await asyncio.to_thread(begun.wait, WAIT_SECONDS)
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)  # it gets as far as the queue
        go.set()
        await closing
        return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [None, "a", "b"]
    assert written(words) == ["a", "b"]


def _hasty(url: str) -> Engine:
    """An engine that waits for the database's lock a tenth of a second."""
    engine = create_engine(url)
    wait = "PRAGMA busy_timeout = 100" if engine.dialect.name == "sqlite" else "SET lock_timeout = 100"

    @event.listens_for(engine, "connect")
    def hurry(connection: Any, _record: Any) -> None:
        connection.cursor().execute(wait)
        connection.commit()

    return engine


def test_those_that_wait_together_for_a_lock_that_does_not_come_are_told_so_together(words: Database) -> None:
    """One after another they would each wait as long as the first, and the last of them for minutes."""
    engine = _hasty(words.url)
    counted, ran = ended(engine), Counter[str]()

    async def work(queue: WriteQueue) -> list[Any]:
        with words.engine.connect() as other, other.begin():
            units = [asyncio.create_task(queue.run(settling, lambda _: ran.update(["one"]))) for _ in range(20)]
            refused = await asyncio.gather(*units, return_exceptions=True)
        await queue.run(settling, writes("next"))
        return refused

    refused = in_queue(words, work, engine=engine)
    assert [type(each) for each in refused] == [Busy] * 20
    assert not ran
    assert written(words) == ["next"]
    assert counted["rollback"] <= 2, "of the first, and of those behind it"


# -- Postgres has more ways to fail ------------------------------------------------------------------------------------


def _only_on_postgres(database: Database, why: str) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip(f"SQLite {why}")


def _waiting_for_locks(database: Database) -> list[int]:
    """The database's processes for writers that wait for a lock."""
    query = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'rapporteur' AND wait_event_type = 'Lock'
    """
    with reading(database.engine) as connection:
        return [row[0] for row in connection.execute(sa.text(query))]


async def _until_waiting(database: Database) -> int:
    """The database's process for a writer, once it waits for a lock."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if found := await asyncio.to_thread(_waiting_for_locks, database):
            return found[0]
        await asyncio.sleep(0.01)
    raise TimeoutError("nobody came to wait for a lock")


def _terminate(database: Database, *processes: int) -> None:
    """Have the database end these processes of its own, and wait until they are gone."""
    with reading(database.engine) as connection:
        for process in processes:
            ends = sa.text("SELECT pg_terminate_backend(:process, :wait)")
            assert connection.execute(ends, {"process": process, "wait": WAIT_SECONDS * 1000}).scalar_one()


def test_plans_follow_a_table_that_grows(database: Database) -> None:
    _only_on_postgres(database, "makes its plans by no sizes")
    database.execute("CREATE TABLE wide (id INTEGER PRIMARY KEY, rest CHAR(2000) NOT NULL)")
    engine = create_engine(database.url)
    ids = iter(range(1_000_000))
    for turn in range(40):
        with writing(engine) as connection:
            several = [{"id": next(ids)} for _ in range(turn)]
            if several:
                connection.execute(sa.text("INSERT INTO wide VALUES (:id, 'and much more')"), several)
            connection.exec_driver_sql("SELECT rest FROM wide WHERE id = ANY(%s)", (list(range(20)),))
    with writing(engine) as connection:
        find = sa.text("SELECT name, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%ANY($1)'")
        ((prepared, used),) = connection.execute(find)
        plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE {prepared} ('{{1}}')").scalars().all()
    assert used, "the plan is one that is kept"
    assert any("Index" in line for line in plan), plan


def test_a_deadlock_is_undone_and_tried_again(words: Database) -> None:
    _only_on_postgres(words, "has one lock, and nothing deadlocks")
    words.execute("INSERT INTO words VALUES ('wanted by both')")
    engine = create_engine(words.url)

    @event.listens_for(engine, "connect")
    def look_for_deadlocks(connection: Any, _record: Any) -> None:
        connection.execute("SET deadlock_timeout = '2s'")
        connection.commit()

    runs = []

    def unit(connection: Connection) -> str:
        runs.append(1)
        connection.execute(sa.text("UPDATE words SET word = word || ', had by us'"))
        return "done"

    async def work(queue: WriteQueue) -> str:
        conninfo = make_url(words.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo) as other:
            other.execute("SET deadlock_timeout = '1min'")
            other.execute("UPDATE words SET word = word || ', had by others'")
            ours = asyncio.create_task(queue.run(settling, unit))
            await _until_waiting(words)
            await asyncio.to_thread(other.execute, f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})".encode())
            other.commit()
        return await ours

    assert in_queue(words, work, engine=engine) == "done"
    assert len(runs) == 2
    assert written(words) == ["wanted by both, had by others, had by us"]


def test_a_deadlock_that_comes_again_and_again_is_told(words: Database) -> None:
    _only_on_postgres(words, "has one lock, and nothing deadlocks")
    runs = []

    def unit(connection: Connection) -> None:
        runs.append(1)
        write(connection, "never")
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'deadlock_detected'; END $$")

    async def work(queue: WriteQueue) -> None:
        with pytest.raises(Unavailable) as caught:
            await queue.run(settling, unit)
        assert caught.value.headers["Retry-After"] == "1"
        await queue.run(settling, writes("next"))

    in_queue(words, work)
    assert len(runs) == TRIES
    assert written(words) == ["next"]


def test_nobody_is_done_again_when_the_connection_is_lost_at_the_commit(words: Database) -> None:
    """Whether it was committed nobody can know then, and twice is worse than a question."""
    _only_on_postgres(words, "has no connection to lose")
    runs: Counter[str] = Counter()

    def does(connection: Connection, word: str) -> None:
        runs.update([word])
        write(connection, word)

    def loses(connection: Connection) -> None:
        _terminate(words, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    async def work(queue: WriteQueue) -> list[Any]:
        lost = await outcomes(queue, lambda turn: does(turn, "a"), lambda turn: does(turn, "b"), loses)
        await queue.run(settling, writes("next"))
        return lost

    lost = in_queue(words, work)
    assert [type(each) for each in lost] == [Unavailable] * 3
    assert {each.headers["Retry-After"] for each in lost} == {"2"}
    assert runs == {"a": 1, "b": 1}
    assert written(words) == ["next"]


def test_a_write_whose_connection_is_lost_is_told_so_and_the_next_is_done(database: Database) -> None:
    _only_on_postgres(database, "has no connection to lose")
    database.load(json.dumps(SOURCE))
    key = database.key()

    async def run(server: Server) -> tuple[Answer, Answer]:
        async with Client(server.port, key) as client:
            with in_the_middle_of_a_write(database.url):
                asked = asyncio.create_task(client.ask("POST", "/v1/meetings", meeting("Lost")))
                process = await _until_waiting(database)
                await asyncio.to_thread(_terminate, database, process)
                lost = await asked
            return lost, await client.ask("POST", "/v1/meetings", meeting("Next"))

    with running(database.url) as server:
        lost, following = asyncio.run(run(server))
    assert (lost.status, lost.headers["content-type"]) == (503, "application/problem+json")
    assert lost.headers["retry-after"].isdecimal()
    assert lost.json()["code"] == "unavailable"
    assert following.status == 201
    assert meetings_of(database) == {"next": meeting("Next")}
    assert database.disagreements() == []


def test_a_connection_lost_between_two_writes_is_not_noticed(database: Database) -> None:
    _only_on_postgres(database, "has no connection to lose")
    database.load(json.dumps(SOURCE))
    key = database.key()
    standing = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rapporteur'"

    async def run(server: Server) -> list[int]:
        statuses = []
        async with Client(server.port, key) as client:
            for number in range(3):
                statuses.append((await client.ask("POST", "/v1/meetings", meeting(f"Meeting {number}"))).status)
                database.engine.dispose()
                with reading(database.engine) as connection:
                    found = connection.execute(sa.text(f"{standing} AND pid <> pg_backend_pid()")).scalars().all()
                assert found
                _terminate(database, *found)
        return statuses

    with running(database.url) as server:
        assert asyncio.run(run(server)) == [201, 201, 201]
    assert len(meetings_of(database)) == 3
