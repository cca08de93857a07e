"""A full registry goes down to the schema of release 0.1.0 and up again, with all records, their ids and their history."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import DBAPIError

from app.db.engine import create_engine, reading
from app.db.schema import alembic_config, newest_revision
from app.errors import OperatorError
from tests.conftest import Database, Fresh, run_command
from tests.depth import thorough, tries
from tests.test_releases import REVISIONS

pytestmark = thorough

RECORDS = tries(1_200, 100_000)
WORLD = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "topic", "id": "trade", "name": "Trade"},
    {"kind": "source", "id": "page", "title": "Page", "publisher": "Office"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {"kind": "organization", "id": "office", "name": "Office", "country": "BY"},
)


def lines() -> Iterator[str]:
    """Records that the schema of release 0.1.0 can hold, a sixth of them of each of six kinds."""
    yield from map(json.dumps, WORLD)
    for number in range(RECORDS // 6):
        day = f"20{number % 20 + 5:02}-0{number % 9 + 1}-1{number % 9}"
        meeting, paper, person = f"meeting-{number}", f"paper-{number}", f"person-{number}"
        names = [{"language": "ru", "text": f"Переговоры {number}", "type": "translation"}]
        for record in (
            {"kind": "person", "id": person, "name": f"Person {number}"},
            {"kind": "meeting", "id": meeting, "name": f"Talks {number}", "date": day, "city": "Minsk", "names": names},
            {"kind": "participant", "meeting": meeting, "person": person, "organization": "office", "role": "delegation"},
            {"kind": "memorandum", "id": paper, "name": f"Paper {number}", "date": day, "topics": ["trade"]},
            {"kind": "party", "memorandum": paper, "party": "office", "role": "party", "signatories": [{"person": person}]},
            {"kind": "citation", "record": meeting, "source": "page", "paragraph": 1, "quote": "met", "confidence": "stated"},
        ):
            yield json.dumps(record)


def log(database: Database) -> list[tuple[object, ...]]:
    """The history of all records, without what it says of them."""
    return database.execute('SELECT seq, record_id, operation, version, "transaction" FROM changes ORDER BY seq')


@pytest.fixture
def full(fresh: Fresh) -> Iterator[Database]:
    """A registry of today's schema with many records."""
    database = Database(fresh())
    database.load(*lines())
    yield database
    database.engine.dispose()


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Reading:
    """Reads meetings with plain SQL, over and over, in a thread; what was read and what failed is kept.

    It waits for locks of Postgres as long as a migration may take: that it reads, and what, is tested, not how soon.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.counts: list[int] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: bool(self.counts or self.failures))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        engine = create_engine(self._url, patience=900)
        while not self._stop.is_set():
            try:
                with reading(engine) as connection:
                    self.counts.append(connection.execute(sa.text("SELECT count(*) FROM meetings")).scalar_one())
            except DBAPIError as error:
                self.failures.append(str(error))
        engine.dispose()


def test_a_full_registry_goes_down_to_the_first_release_and_up_again_while_others_read(full: Database) -> None:
    exported, history = full.export(), log(full)
    assert len(exported) > RECORDS * 0.9
    full.engine.dispose()
    with Reading(full.url) as others:
        assert run_command("migrate", "--revision", REVISIONS["0.1.0"], url=full.url, timeout=900).returncode == 0
        assert full.execute("SELECT count(*) FROM parties WHERE signed_by_id IS NOT NULL") == [(RECORDS // 6,)]
        assert full.execute("SELECT count(*), min(city) FROM meetings") == [(RECORDS // 6, "Minsk")]
        down = len(others.counts)
        full.engine.dispose()
        assert run_command("migrate", url=full.url, timeout=900).returncode == 0
        until(lambda: len(others.counts) > down)
    assert others.failures == []
    assert set(others.counts) == {RECORDS // 6}
    assert full.export() == exported
    assert log(full) == history
    assert full.disagreements() == []

    config = alembic_config(full.url)
    full.load('{"kind":"meeting","id":"meeting-0","name":"Talks 0","city":"Minsk","also_in":[{"city":"Brest"}]}')
    with pytest.raises(OperatorError, match=r"takes one place of a meeting or an instrument: meeting-0$"):
        command.downgrade(config, REVISIONS["0.1.0"])
    full.load('{"kind":"meeting","id":"meeting-0","name":"Talks 0","city":"Minsk"}')
    full.load(
        *(json.dumps({"kind": "party", "memorandum": f"paper-{n}", "party": "BY", "role": "signatory"}) for n in range(11))
    )
    exported = full.export()
    with pytest.raises(OperatorError, match=r"these parties have values that the rule .* excludes: .* and more$") as refused:
        command.downgrade(config, REVISIONS["0.1.0"])
    assert str(refused.value).count(",") >= 9
    assert full.execute("SELECT version_num FROM alembic_version") == [(newest_revision(),)], "nothing is half-changed"
    assert full.export() == exported


def test_a_server_whose_schema_was_changed_under_it_answers_503_until_it_fits_again(database: Database) -> None:
    database.load(*map(json.dumps, WORLD))
    key = database.key()
    with database.client() as client:
        assert client.get("/v1/topics/trade").status_code == 200
        assert run_command("migrate", "--revision", "0020", url=database.url).returncode == 0
        until(lambda: client.get("/v1/topics/trade").status_code == 503)
        for answer in (
            client.get("/v1/topics/trade"),
            client.get("/readyz"),
            client.post("/v1/topics", json={"name": "New"}, headers=key),
        ):
            assert answer.status_code == 503
            assert "this server has to be replaced" in answer.json()["detail"]
        assert run_command("migrate", url=database.url).returncode == 0
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/v1/topics/trade").status_code == 200
        assert client.post("/v1/topics", json={"name": "New"}, headers=key).status_code == 201
    assert database.disagreements() == []


def test_an_unknown_revision_is_refused_in_words(database: Database) -> None:
    for revision in ("9999", "head-1"):
        done = run_command("migrate", "--revision", revision, url=database.url)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert done.stderr.startswith(f"Error: there is no revision {revision!r}; there are 0001, 0002")
