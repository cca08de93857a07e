"""How well search finds what people mean, measured over names as sources print them and as others type them."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app.db.schema import migrate
from tests.conftest import Database, Fresh
from tests.search_quality import ASKED, RECORDS, Asked
from tests.test_contract import get

LOOKED_AT = 50
"""Hits among which what is expected must stand."""
LEAST_RECALL = 0.97
LEAST_FIRST_RIGHT = 0.95
MOST_WRONG = 0.02

Answers = list[list[str]]
"""Ids in their order, for each thing asked."""


def answers_of(client: TestClient, asked: Sequence[Asked]) -> Answers:
    return [
        [hit["id"] for hit in get(client, f"/v1/search?q={quote(each.q, safe='')}&limit={LOOKED_AT}")["data"]] for each in asked
    ]


@pytest.fixture(scope="module")
def answers(fresh: Fresh) -> Iterator[Answers]:
    """What is found among the names on a database."""
    database = Database(fresh())
    database.load(*(json.dumps(record) for record in RECORDS))
    with database.client() as client:
        yield answers_of(client, ASKED)
    database.engine.dispose()


def told(share: float, failing: Sequence[str]) -> str:
    return "\n".join([f"{share:.4f}", *failing])


def test_there_is_enough_to_measure_by() -> None:
    ids = {record["id"] for record in RECORDS}
    assert sum("names" in record for record in RECORDS) >= 60
    assert len(ASKED) >= 150
    assert [q for q, times in Counter(each.q for each in ASKED).items() if times > 1] == []
    assert {named for each in ASKED for named in (*each.found, *each.barred)} <= ids
    assert [each.q for each in ASKED if set(each.found) & set(each.barred)] == []


def test_what_is_meant_is_found(answers: Answers) -> None:
    missed = [(each, set(each.found) - set(found)) for each, found in zip(ASKED, answers, strict=True)]
    recall = 1 - sum(len(ids) for _, ids in missed) / sum(len(each.found) for each in ASKED)
    assert recall >= LEAST_RECALL, told(recall, [f"{each.q}: {sorted(ids)} not found" for each, ids in missed if ids])


def test_what_is_meant_stands_first(answers: Answers) -> None:
    named = [(each, found) for each, found in zip(ASKED, answers, strict=True) if each.first]
    wrong = [f"{each.q}: {each.first} not before {found[:3]}" for each, found in named if found[:1] != [each.first]]
    precision = 1 - len(wrong) / len(named)
    assert precision >= LEAST_FIRST_RIGHT, told(precision, wrong)


def test_what_is_not_meant_is_not_found(answers: Answers) -> None:
    wrong = [(each, set(each.barred) & set(found)) for each, found in zip(ASKED, answers, strict=True)]
    share = sum(len(ids) for _, ids in wrong) / sum(len(each.barred) for each in ASKED)
    assert share <= MOST_WRONG, told(share, [f"{each.q}: {sorted(ids)} found" for each, ids in wrong if ids])


def test_every_database_answers_alike_whatever_came_first(answers: Answers, tmp_path: Path) -> None:
    """Each is compared with a SQLite database into which the records came the other way round."""
    url = f"sqlite:///{tmp_path}/other.db"
    migrate(url)
    other = Database(url)
    other.load(*(json.dumps(record) for record in reversed(RECORDS)))
    with other.client() as client:
        others = answers_of(client, ASKED)
    other.engine.dispose()
    several = zip(ASKED, answers, others, strict=True)
    assert [f"{each.q}: {found} or {there}" for each, found, there in several if found != there] == []
