"""How well search finds what people mean, measured over names as sources print them and as others type them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app.db.schema import migrate
from tests.conftest import SEED, Database, Fresh
from tests.search_quality import ASKED, RECORDS, Asked
from tests.test_contract import get

SETS = sorted((Path(__file__).parent / "queries").glob("*.json"))
"""A registry with the queries of one language, or with phrases of several, in each file.

They were written by people who knew how a registry is filled, but not how its search works. The names are those of real people
and bodies; who took part in which meeting is partly made up.
"""
WRITTEN_BEFORE = "written before"
"""The oldest set, in `search_quality.py`. Its countries have few names, so that spellings must be found by rules."""
PHRASES = "phrases"
LOOKED_AT = 50
"""Hits among which what is expected must stand."""
LEAST_RECALL = 0.97
LEAST_FIRST_RIGHT = 0.95
LEAST_OF_PHRASES = 0.9
LEAST_OF_A_LANGUAGE = 0.9
MOST_WRONG = 0.02
LANGUAGES = {"ar", "az", "be", "en", "fr", "kk", "ky", "ru", "tr", "uz", "zh"}

Answers = list[list[str]]
"""Ids in their order, for each thing asked."""


class Set(NamedTuple):
    """A registry, and what is asked in it."""

    name: str
    records: Sequence[dict[str, Any]]
    asked: Sequence[Asked]


def of_file(path: Path) -> Set:
    """The set in a file. Queries for names that are other words, which no rule of spelling can tell, are left out."""
    read = json.loads(path.read_text(encoding="utf-8"))
    asked = [
        Asked(each["q"], each["first"], (each["first"], *each.get("also", ())), (), each["kind"])
        for each in read["queries"]
        if not each.get("other_word")
    ]
    return Set(path.stem, read["records"], asked)


EVERY = [Set(WRITTEN_BEFORE, RECORDS, ASKED), *map(of_file, SETS)]


def answers_of(client: TestClient, asked: Sequence[Asked]) -> Answers:
    return [
        [hit["id"] for hit in get(client, f"/v1/search?q={quote(each.q, safe='')}&limit={LOOKED_AT}")["data"]] for each in asked
    ]


def lines_of(several: Set) -> list[str]:
    """The records as lines. All sets but the oldest have the countries and topics of the first data set."""
    lines = [json.dumps(record) for record in several.records]
    if several.name == WRITTEN_BEFORE:
        return lines
    files = (SEED / "countries.ndjson", SEED / "topics.ndjson")
    return [*(line for path in files for line in path.read_text(encoding="utf-8").splitlines()), *lines]


@pytest.fixture(scope="module")
def answers(fresh: Fresh) -> Iterator[dict[str, Answers]]:
    """What is found in each set, on a database."""
    database = Database(fresh())
    found = {}
    for several in EVERY:
        database.empty()
        database.load(*lines_of(several))
        with database.client() as client:
            found[several.name] = answers_of(client, several.asked)
    yield found
    database.engine.dispose()


def told(share: float, failing: Sequence[str]) -> str:
    return "\n".join([f"{share:.4f}", *failing])


def recall(several: Sequence[Set], answers: dict[str, Answers]) -> tuple[float, list[str]]:
    """The share of the expected records that were found, and the queries that lack some."""
    pairs = [pair for each in several for pair in zip(each.asked, answers[each.name], strict=True)]
    missed = [(each.q, set(each.found) - set(found)) for each, found in pairs]
    share = 1 - sum(len(ids) for _, ids in missed) / sum(len(each.found) for each, _ in pairs)
    return share, [f"{q}: {sorted(ids)} not found" for q, ids in missed if ids]


def first_right(several: Sequence[Set], answers: dict[str, Answers]) -> tuple[float, list[str]]:
    """The share of the queries whose first hit is the right one, and the others."""
    pairs = [pair for each in several for pair in zip(each.asked, answers[each.name], strict=True) if pair[0].first]
    wrong = [f"{each.q}: {each.first} not before {found[:3]}" for each, found in pairs if found[:1] != [each.first]]
    return 1 - len(wrong) / len(pairs), wrong


def test_there_is_enough_to_measure_by() -> None:
    asked = [each for several in EVERY for each in several.asked]
    named = {record["id"] for several in EVERY for record in several.records if {"name", "names"} & record.keys()}
    kinds = Counter(each.kind for each in asked)
    assert len(asked) >= 500
    assert len(named) >= 200
    assert sum(kinds[kind] for kind in ("S1", "S2", "S3", "S4", "S5")) + kinds["P"] >= len(asked) / 2
    assert kinds["P"] >= 150
    assert {path.stem for path in SETS} == {*LANGUAGES, PHRASES}
    for several in EVERY:
        ids = {record["id"] for record in several.records} | {
            name for each in several.asked for name in each.found if name.isupper()
        }
        assert [q for q, times in Counter(each.q for each in several.asked).items() if times > 1] == []
        assert {named for each in several.asked for named in (*each.found, *each.barred)} <= ids
        assert [each.q for each in several.asked if set(each.found) & set(each.barred)] == []


def test_what_is_meant_is_found(answers: dict[str, Answers]) -> None:
    share, missed = recall(EVERY, answers)
    assert share >= LEAST_RECALL, told(share, missed)


def test_what_is_meant_stands_first(answers: dict[str, Answers]) -> None:
    share, wrong = first_right(EVERY, answers)
    assert share >= LEAST_FIRST_RIGHT, told(share, wrong)


def test_phrases_as_texts_print_them_lead_to_their_records(answers: dict[str, Answers]) -> None:
    share, wrong = first_right([each for each in EVERY if each.name == PHRASES], answers)
    assert share >= LEAST_OF_PHRASES, told(share, wrong)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_each_language_is_found(answers: dict[str, Answers], language: str) -> None:
    those = [each for each in EVERY if each.name == language]
    for share, failing in (recall(those, answers), first_right(those, answers)):
        assert share >= LEAST_OF_A_LANGUAGE, told(share, failing)


@pytest.mark.parametrize("kind", ["S1", "S2", "S3", "S4", "S5", "P", "N"])
def test_each_kind_of_query_is_found(answers: dict[str, Answers], kind: str) -> None:
    found: defaultdict[str, Answers] = defaultdict(list)
    those = []
    for several in EVERY:
        pairs = [pair for pair in zip(several.asked, answers[several.name], strict=True) if pair[0].kind == kind]
        found[several.name] = [ids for _, ids in pairs]
        those.append(several._replace(asked=[asked for asked, _ in pairs]))
    share, failing = first_right(those, found)
    assert share >= LEAST_OF_A_LANGUAGE, told(share, failing)


def test_what_is_not_meant_is_not_found(answers: dict[str, Answers]) -> None:
    wrong = [(each, set(each.barred) & set(found)) for each, found in zip(ASKED, answers[WRITTEN_BEFORE], strict=True)]
    share = sum(len(ids) for _, ids in wrong) / sum(len(each.barred) for each in ASKED)
    assert share <= MOST_WRONG, told(share, [f"{each.q}: {sorted(ids)} found" for each, ids in wrong if ids])


@pytest.mark.parametrize("several", EVERY, ids=[each.name for each in EVERY])
def test_every_database_answers_alike_whatever_came_first(answers: dict[str, Answers], several: Set, tmp_path: Path) -> None:
    """Each is compared with a SQLite database into which the records came the other way round."""
    url = f"sqlite:///{tmp_path}/other.db"
    migrate(url)
    other = Database(url)
    other.load(*reversed(lines_of(several)))
    with other.client() as client:
        others = answers_of(client, several.asked)
    other.engine.dispose()
    triples = zip(several.asked, answers[several.name], others, strict=True)
    assert [f"{each.q}: {found} or {there}" for each, found, there in triples if found != there] == []
