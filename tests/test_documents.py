"""Ten invented documents of the shapes that ministries publish, entered by `docs/entering.md` alone.

`documents/NAME.txt` is the document, `NAME.ndjson` its records, `NAME.facts.json` the facts that it states: each with the
record that says it and the values there, or with the reason why it is left out.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import ROOT
from tests.conftest import Database, Fresh, run_command

FOLDER = Path(__file__).parent / "documents"
DOCUMENTS = sorted(path.stem for path in FOLDER.glob("*.txt"))
FAITHFUL = 0.95

Content = dict[str, Any]


def records(name: str) -> list[str]:
    """The lines of a document's records."""
    return (FOLDER / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def entered(fresh: Fresh) -> Iterator[Database]:
    """The first data set with all ten documents."""
    database = Database(fresh())
    database.seed()
    for name in DOCUMENTS:
        database.load(*records(name))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def client(entered: Database) -> Iterator[TestClient]:
    with entered.client() as asked:
        yield asked


def says(shown: Any, value: Any) -> bool:
    """Whether a record shows a value: a reference by its id, an array if it has all these items."""
    if isinstance(shown, dict) and isinstance(value, str):
        return bool(shown["id"] == value)
    if isinstance(value, dict):
        return isinstance(shown, dict) and all(says(shown.get(key), each) for key, each in value.items())
    if isinstance(value, list):
        return isinstance(shown, list) and all(any(says(item, each) for item in shown) for each in value)
    return bool(shown == value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_registry_says_each_fact(client: TestClient, name: str) -> None:
    facts: list[Content] = json.loads((FOLDER / f"{name}.facts.json").read_text(encoding="utf-8"))
    assert len(facts) >= 10
    said = [fact for fact in facts if "record" in fact]
    assert len(facts) - len(said) <= 2, [each["fact"] for each in facts if each not in said]
    for fact in said:
        for each in (fact, *fact.get("also", ())):
            answer = client.get(f"/v1/records/{each['record']}")
            assert answer.status_code == 200, fact
            shown = answer.json()
            missing = {key: value for key, value in each["says"].items() if key not in shown or not says(shown[key], value)}
            assert each["says"], fact
            assert not missing, (fact["fact"], missing)
    for fact in facts:
        assert "record" in fact or fact["left_out"], fact


def test_almost_every_fact_of_all_documents_is_said() -> None:
    facts = [fact for name in DOCUMENTS for fact in json.loads((FOLDER / f"{name}.facts.json").read_text(encoding="utf-8"))]
    assert len(DOCUMENTS) == 10
    assert sum("record" in fact for fact in facts) >= FAITHFUL * len(facts)


def test_every_quote_stands_in_its_document(entered: Database) -> None:
    done = run_command("verify", str(FOLDER), url=entered.url)
    ours = [
        json.loads(line)["id"] for name in DOCUMENTS for line in records(name) if '"kind":"source"' in line.replace(" ", "")
    ]
    assert len(ours) >= 10
    for name in DOCUMENTS:
        digest = sha256((FOLDER / f"{name}.txt").read_bytes()).hexdigest()
        assert any(digest in line for line in records(name)), name
    failures = [
        line for line in (done.stdout + done.stderr).splitlines() if any(re.search(rf"\b{each}\b", line) for each in ours)
    ]
    assert failures == []


def test_all_is_in_agreement_and_cited(entered: Database, client: TestClient) -> None:
    assert entered.disagreements() == []
    ids = {json.loads(line)["id"] for name in DOCUMENTS for line in records(name) if '"id"' in line}
    uncited = {
        each["id"]
        for plural in ("meetings", "memoranda", "outcomes", "actions", "participants", "positions", "parties")
        for each in client.get(f"/v1/{plural}?uncited=true&limit=200&fields=id").json()["data"]
    }
    assert uncited & ids == set()


def test_the_example_of_the_page_runs(fresh: Fresh) -> None:
    page = (ROOT / "docs" / "entering.md").read_text(encoding="utf-8").partition("## An example")[2]
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    text = " ".join(re.findall(r"^> (.*)$", page, re.MULTILINE)).replace("*", "")
    stands = (
        {"kind": "organization", "id": "norland-ministry", "name": "Ministry of Norland"},
        {"kind": "organization", "id": "sudland-ministry", "name": "Ministry of Sudland"},
        {"kind": "series", "id": "league-forum", "name": "Forum of the League"},
        {"kind": "meeting", "id": "league-forum-2020", "name": "Forum 2020", "series": "league-forum", "date": "2020-04"},
        {"kind": "person", "id": "orlan", "name": "Orlan"},
        {"kind": "person", "id": "rell", "name": "Rell"},
    )
    database = Database(fresh())
    database.load(*map(json.dumps, stands))
    questions = re.findall(r"`((?:participants|memoranda|actions|meetings)\?[^`]+)`", page.partition("Then one request")[2])
    assert len(questions) == 5
    with database.client(review_own="yes") as asked:
        key = database.key()
        document = asked.post("/v1/documents", json={"text": text, "language": "en"}, headers=key).json()["id"]
        body = {"title": "The example", "documents": [document], "records": list(map(json.loads, example.splitlines()))}
        proposal = asked.post("/v1/proposals", json=body | {"derive": True}, headers=key).json()
        assert [each["faults"] for each in proposal["records"] if each["faults"]] == []
        path = f"/v1/proposals/{proposal['id']}"
        decided = asked.post(f"{path}/decision", json={"decision": "accept"}, headers={**key, "If-Match": '"1"'}).json()
        assert decided["counts"]["pending"] == 0
        assert asked.post(f"{path}/apply", headers={**key, "If-Match": '"2"'}).status_code == 200
        found = [len(asked.get(f"/v1/{question}").json()["data"]) for question in questions]
        forum = asked.get("/v1/meetings/league-forum-2020?include=changes").json()
    assert found == [1, 1, 1, 1, 0]
    assert (forum["date"], forum["changes"][0]["date_before"]) == ("2020-08-31", "2020-04")
    assert database.disagreements() == []
    database.engine.dispose()
