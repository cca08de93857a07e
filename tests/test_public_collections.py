"""Collections in the shapes of public ones are loaded without a refusal, and every answer agrees with a count of their rows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db.engine import writing
from app.db.schema import migrate
from app.writing.batch import Line, Mode
from tests.conftest import Database, Fresh
from tests.depth import thorough, tries
from tests.public_collections import Collections, made_up, questions, second_delivery

SIZE = tries(1_000, 100_000)
SHOWN_BY = {"parties": "party", "participants": "country"}
"""Of link records, the field whose id the questions count."""

pytestmark = thorough


@pytest.fixture(scope="module")
def loaded(fresh: Fresh) -> Iterator[tuple[Database, Collections]]:
    """A registry with all collections, as they were delivered first."""
    database, made = Database(fresh()), made_up(SIZE)
    report = database.load(*map(json.dumps, made.lines))
    assert report.counts["created"] == len(made.lines) >= SIZE * 0.9
    yield database, made
    database.engine.dispose()


def answered(client: TestClient, request: str) -> tuple[list[str], set[str | None]]:
    """The ids of all rows of a list, over all pages, and how surely they held."""
    plural = request.partition("?")[0]
    found, held, following = [], set(), f"/v1/{request}&limit=200&count=true"
    total = None
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, (request, answer.text)
        page = answer.json()
        total = page["page"]["total"] if total is None else total
        for row in page["data"]:
            found.append(row[SHOWN_BY[plural]]["id"] if plural in SHOWN_BY else row["id"])
            held.add(row.get("held"))
        following = page["links"]["next"]
    assert total == len(found), request
    return found, held


def ask_all(database: Database, made: Collections) -> None:
    """Ask all questions and compare each answer with the count."""
    asked = list(questions(made))
    assert len(asked) >= 40
    assert sum(bool(question.ids) for question in asked) >= 30, "questions whose answer is empty prove little"
    with database.client() as client:
        for request, ids, how in asked:
            found, held = answered(client, request)
            assert sorted(found) == sorted(ids), request
            if how and found:
                assert held == {how}, request


def test_questions_are_answered_as_the_rows_say(loaded: tuple[Database, Collections]) -> None:
    database, made = loaded
    ask_all(database, made)
    with database.client() as client:
        facets = client.get("/v1/search?kind=memorandum&topic=seas&facets=kind").json()["facets"]
        counts = {each["value"]: each["count"] for each in facets["kind"]}
        assert counts["memorandum"] == list(made.topics.values()).count("seas")
        assert client.get("/v1/").json()["last_change"]["seq"] == len(made.lines)


def test_statistics_are_fresh_at_the_end_of_an_import(loaded: tuple[Database, Collections]) -> None:
    database, made = loaded
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite chooses its plans without statistics")
    counted = database.execute("SELECT relname, CAST(reltuples AS integer) FROM pg_class WHERE relkind = 'r'")
    rows = {str(name): int(str(count)) for name, count in counted}
    assert rows["memberships"] == len(made.memberships)
    assert rows["involvements"] > len(made.delegates) / 2
    assert rows["sources"] == -1, "an empty table is left out"


def test_a_second_delivery_is_applied_and_undone(fresh: Fresh) -> None:
    database, made = Database(fresh()), made_up(SIZE)
    database.load(*map(json.dumps, made.lines))
    before = database.export()
    lines = [Line(str(place), json.dumps(line)) for place, line in enumerate(second_delivery(made), 1)]
    with writing(database.engine) as connection:
        batch = database.writer.intake.lines(lines, mode=Mode.MERGE)
        report = database.writer.write(connection, batch, author="delivery")
    assert report.counts["deleted"] > 0
    assert report.counts["replaced"] > 0
    ask_all(database, made)
    with writing(database.engine) as connection:
        again = database.writer.write(connection, database.writer.intake.lines(lines, mode=Mode.MERGE), author="delivery")
    assert again.transaction is None, "the same delivery once more changes nothing"
    key = database.key()
    with database.client() as client:
        answer = client.post(f"/v1/transactions/{report.transaction}/undo", headers=key)
        assert answer.status_code == (200 if len(report.written) <= 100_000 else 422), answer.text
    assert database.export() == before
    database.engine.dispose()


def test_an_export_goes_through_the_other_database_unchanged(loaded: tuple[Database, Collections], tmp_path: Path) -> None:
    database, _ = loaded
    lines = database.export()
    url = f"sqlite:///{tmp_path}/other.db"
    migrate(url)
    other = Database(url)
    other.load(*lines)
    assert other.export() == lines
    other.engine.dispose()
