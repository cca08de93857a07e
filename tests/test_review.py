"""Proposals as people and programs use them: in a terminal, by an agent over HTTP, with the first data set, and when killed."""

import json
import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from app.cli import main
from app.domain.vocabulary import Kind
from app.writing.keys import Scope
from tests.conftest import SEED, Database, Fresh
from tests.killing import running
from tests.serving import Server, served
from tests.test_proposals import TEXT, WORLD

Json = dict[str, Any]


# -- in a terminal ---------------------------------------------------------------------------------------------------------


class Terminal:
    """`rapporteur propose` and `rapporteur review` beside a server."""

    def __init__(self, database: Database, server: Server) -> None:
        self._server = server
        self._keys = {
            each: database.key(scope, name=each)["Authorization"].removeprefix("Bearer ")
            for each, scope in (("agent", Scope.PROPOSE), ("reviewer", Scope.WRITE))
        }

    def run(self, *words: str, key: str = "reviewer", typed: str = "") -> Result:
        """Run a command as the holder of a key."""
        env = {"RAPPORTEUR_SERVER": str(self._server), "RAPPORTEUR_KEY": self._keys.get(key, key)}
        return CliRunner(env=env).invoke(main, list(words), input=typed)


@pytest.fixture
def terminal(database: Database) -> Iterator[Terminal]:
    database.load(*map(json.dumps, WORLD))
    with served(database.url) as server:
        yield Terminal(database, server)
    assert database.disagreements() == []


SOURCE = {"kind": "source", "id": "news", "title": "News", "publisher": "Office"}
FRAME = {
    "frame": "participants",
    "meeting": "signing-2020",
    "participants": [{"person": "anna-vell", "quote": "Anna Vell, head of department"}],
}


def test_a_document_is_proposed_and_reviewed_in_a_terminal(terminal: Terminal, database: Database, tmp_path: Path) -> None:
    text, lines = tmp_path / "news.txt", tmp_path / "news.ndjson"
    text.write_text(TEXT, encoding="utf-8")
    dated = {"kind": "meeting", "id": "signing-2020", "date": "2020-03-03", "quote": "3 March 2020"}
    wrong = {"kind": "meeting", "id": "wrong", "name": "Wrong", "date": "2019-05-06", "quote": "3 March 2020"}
    lines.write_text("\n".join(map(json.dumps, (SOURCE, dated, FRAME, wrong))), encoding="utf-8")
    proposed = terminal.run("propose", str(lines), "--text", str(text), "--language", "en", "--by", "a test", key="agent")
    assert proposed.exit_code == 0, proposed.output
    assert "2\tchanges\tmeeting\tsigning-2020" in proposed.output
    assert "no cited paragraph prints 2019-05-06" in proposed.output
    assert "no record rests on paragraph 1: Rain fell." in proposed.output
    (proposal,) = re.findall(r"rapporteur review (\S+)", proposed.output)

    assert f"{proposal}\t4 waiting\tagent\tnews.ndjson" in terminal.run("review").output
    typed = 'a\nc\n{"date": "3.3.2020"}\nc\n{"date": "2020-03-03~"}\nr\nnobody we know\nA\ny\n'
    reviewed = terminal.run("review", proposal, typed=typed)
    assert reviewed.exit_code == 0, reviewed.output
    assert "replace /date: 2020-03-03" in reviewed.output
    assert "»3 March 2020«. The ministries" in reviewed.output
    assert "refused: " in reviewed.output
    assert "2 accepted, 1 corrected, 1 rejected" in reviewed.output
    (undone,) = re.findall(r"rapporteur undo (\S+)", reviewed.output)
    with database.client() as client:
        assert client.get("/v1/meetings/signing-2020").json()["date"] == "2020-03-03~"
        assert client.get("/v1/participants").json()["data"] == []
        assert client.get(f"/v1/transactions/{undone}").json()["author"] == "reviewer"
        assert client.get("/v1/sources/news").json()["language"] == "en", "the document says it"


def test_a_proposal_whose_document_is_gone_is_rejected_in_a_terminal(
    terminal: Terminal, database: Database, tmp_path: Path
) -> None:
    text, lines = tmp_path / "news.txt", tmp_path / "news.ndjson"
    text.write_text(TEXT, encoding="utf-8")
    lines.write_text(json.dumps(SOURCE), encoding="utf-8")
    proposed = terminal.run("propose", str(lines), "--text", str(text), key="agent")
    (proposal,) = re.findall(r"rapporteur review (\S+)", proposed.output)
    with database.client() as client:
        ((document,),) = database.execute("SELECT id FROM documents")
        assert client.delete(f"/v1/documents/{document}", headers=database.key(name="keeper")).status_code == 204
    reviewed = terminal.run("review", proposal, typed="a\nr\nno proof\ny\n")
    assert reviewed.exit_code == 0, reviewed.output
    assert reviewed.output.count("was removed") == 2, reviewed.output
    assert "1 rejected" in reviewed.output


def test_what_the_server_refuses_is_told_in_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    lines = tmp_path / "x.ndjson"
    lines.write_text('{"frame": "dance"}\n', encoding="utf-8")
    assert "must be one of participants" in terminal.run("propose", str(lines), key="agent").output
    lines.write_text("{", encoding="utf-8")
    assert "x.ndjson:1: is no JSON" in terminal.run("propose", str(lines), key="agent").output
    assert "RAPPORTEUR_KEY has no key" in terminal.run("review", key="").output
    assert "there is no proposal" in terminal.run("review", "nothing").output
    assert "not known" in terminal.run("review", key="rap_wrong").output
    for each in (terminal.run("review", "nothing"), terminal.run("review", key="")):
        assert (each.exit_code, "Traceback" in each.output) == (1, False)


# -- an agent over HTTP ----------------------------------------------------------------------------------------------------


def test_an_agent_walks_from_a_document_to_records(database: Database) -> None:
    """It knows nothing but the text and what the server answers: it proposes whom the text names as participants."""
    database.load(*map(json.dumps, WORLD))
    agent, reviewer = database.key(Scope.PROPOSE, name="agent"), database.key(Scope.WRITE, name="reviewer")
    with served(database.url) as server:

        def ask(method: str, path: str, body: Any = None, key: Json = agent, **headers: str) -> Any:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            sent = {"Content-Type": "application/json", **key, **headers}
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return json.loads(content) if content else None

        document = ask("POST", "/v1/documents", {"text": TEXT, "language": "en"})
        people = [
            (each, one["id"])
            for each in document["mentions"]
            for one in each["candidates"]
            if one["kind"] == "person" and len(each["candidates"]) == 1
        ]
        phrases = [{"text": each["text"], "paragraph": each["paragraph"]} for each, _ in people]
        located = ask("POST", f"/v1/documents/{document['id']}/locate", {"phrases": phrases})["data"]
        source = {**document["proposed_source"], "id": "news", "publisher": "Office"}
        rows = [{"person": one, "quote": found["quote"]} for (_, one), found in zip(people, located, strict=True)]
        frame = {"frame": "participants", "meeting": "signing-2020", "participants": rows}
        body = {"title": "From a text", "by": "agent 1.0", "documents": [document["id"]], "records": [source, frame]}
        proposal = ask("POST", "/v1/proposals", body | {"derive": True})
        assert [each["verdict"] for each in proposal["records"]] == ["new", "new"]
        assert all(each["proved"] for record in proposal["records"] for each in record["quotes"])
        path = f"/v1/proposals/{proposal['id']}"
        for place in (1, 2):
            version = {"If-Match": f'"{ask("GET", path)["version"]}"'}
            ask("POST", f"{path}/records/{place}/decision", {"decision": "accept"}, reviewer, **version)
        report = ask("POST", f"{path}/apply", None, reviewer, **{"If-Match": f'"{ask("GET", path)["version"]}"'})
        (took_part,) = ask("GET", "/v1/participants?meeting=signing-2020&include=citations")["data"]
    assert (took_part["person"]["id"], took_part["citations"][0]["review"]) == ("anna-vell", "confirmed")
    assert report["created"] == 3


# -- killed ----------------------------------------------------------------------------------------------------------------


def test_a_server_killed_while_it_applies_leaves_all_or_nothing(database: Database) -> None:
    database.load(*map(json.dumps, WORLD))
    agent, reviewer = database.key(Scope.PROPOSE, name="agent"), database.key(Scope.WRITE, name="reviewer")
    topics = [{"kind": "topic", "id": f"topic-{number}", "name": f"Topic {number}"} for number in range(400)]
    with database.client() as client:
        proposal = client.post("/v1/proposals", json={"title": "Topics", "records": topics}, headers=agent).json()
        path = f"/v1/proposals/{proposal['id']}"
        accepted = client.post(f"{path}/decision", json={"decision": "accept"}, headers={**reviewer, "If-Match": '"1"'})
        assert accepted.json()["counts"]["accepted"] == len(topics)
        version = accepted.json()["version"]
    before = database.export()
    for seconds in (0.0, 0.02, 0.05, 0.1, 0.2):
        with running(database.url) as server:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("POST", f"{path}/apply", headers={**reviewer, "If-Match": f'"{version}"'})
            server.process.join(seconds)
            server.kill()
        with database.client() as client:
            shown = client.get(path, headers=agent).json()
        count = len(database.export()) - len(before)
        assert (shown["status"], count) in (("open", 0), ("applied", len(topics)))
        if shown["status"] == "applied":
            break
    if shown["status"] == "open":
        with database.client() as client:
            applied = client.post(f"{path}/apply", headers={**reviewer, "If-Match": f'"{version}"'})
            assert applied.json()["created"] == len(topics), "it can be applied again"
    assert database.disagreements() == []


# -- the first data set ----------------------------------------------------------------------------------------------------


AT_ONCE = 150
"""Records of the seed in one proposal."""


def seed_lines() -> list[Json]:
    """The records of the seed, so that each comes after those to which it refers."""
    lines = [json.loads(line) for path in SEED.glob("*.ndjson") for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(lines, key=lambda line: (list(Kind).index(line["kind"]), "successors" in line, line["id"]))


def kept(client: TestClient, key: Json, documents: Path) -> list[str]:
    """Send the documents of the seed, and return their ids."""
    headers = {**key, "Content-Type": "text/plain"}
    several = (
        client.post("/v1/documents", content=path.read_bytes(), headers=headers) for path in sorted(documents.glob("*.txt"))
    )
    return [answer.json()["id"] for answer in several]


def test_the_seed_proposed_as_itself_becomes_the_seed(fresh: Fresh, documents: Path) -> None:
    seeded, database = Database(fresh()), Database(fresh())
    seeded.seed()
    agent, reviewer = database.key(Scope.PROPOSE, name="agent"), database.key(Scope.WRITE, name="reviewer")
    lines = seed_lines()
    with database.client() as client:
        kept(client, agent, documents)
        for start in range(0, len(lines), AT_ONCE):
            body = {"title": f"The seed from {start}", "records": lines[start : start + AT_ONCE]}
            answer = client.post("/v1/proposals", json=body, headers=agent)
            assert answer.status_code == 201, answer.text
            proposal = answer.json()
            assert [each["faults"] for each in proposal["records"] if each["faults"]] == []
            path = f"/v1/proposals/{proposal['id']}"
            version = 1
            for record in proposal["records"]:
                if record["verdict"] == "similar":
                    headers = {**reviewer, "If-Match": f'"{version}"'}
                    decision = {"decision": "accept", "similar": "allow"}
                    answer = client.post(f"{path}/records/{record['place']}/decision", json=decision, headers=headers)
                    version = answer.json()["version"]
            for step in ("decision", "apply"):
                headers = {**reviewer, "If-Match": f'"{version}"'}
                answer = client.post(
                    f"{path}/{step}", json={"decision": "accept"} if step == "decision" else None, headers=headers
                )
                assert answer.status_code == 200, answer.text
                version += 1
    assert database.export() == seeded.export()
    for each in (seeded, database):
        each.engine.dispose()


def _wrong_word(line: Json, random: Random) -> None:
    words = random.choice(line["citations"])["quote"].split()
    place = random.randrange(len(words))
    words[place] = words[place][::-1] + "x"
    line["citations"][0]["quote"] = " ".join(words)


def _shifted(line: Json, _random: Random) -> None:
    line["citations"][0]["paragraph"] += 1


def _finer(line: Json, random: Random) -> None:
    day = f"{random.randrange(1, 29):02}"
    date = line["date"].replace("~", "").removeprefix("../")
    line["date"] = {4: f"{date}-{random.randrange(1, 13):02}-{day}", 7: f"{date}-{day}"}.get(len(date), f"{date[:8]}{day}")


def _another(line: Json, _random: Random) -> None:
    others = ("li-qiang", "pavel-tkach", "baghdad-amreyev", "ibrahim-al-musharrakh", "bagdat-mussin", "shavkat-mirziyoyev")
    line["person"] = next(each for each in others if each != line["person"])


def _doubled(line: Json, _random: Random) -> None:
    line["id"] += "-again"


MUTATIONS: dict[str, tuple[Callable[[Json, Random], None], Callable[[Json], bool]]] = {
    "a word of a quote changed": (_wrong_word, lambda line: True),
    "a paragraph shifted": (_shifted, lambda line: True),
    "a date made finer": (_finer, lambda line: len(line.get("date", "").strip("~./")) in (4, 7, 10)),
    "another person": (_another, lambda line: bool(line.get("person"))),
    "a doubled meeting": (_doubled, lambda line: line["kind"] == "meeting"),
}


def test_a_hundred_mutations_of_the_seed_are_noticed(fresh: Fresh, documents: Path) -> None:
    """Each adds a fault, a warning or a verdict that the record as it is does not have."""
    database = Database(fresh())
    database.seed()
    agent = database.key(Scope.PROPOSE, name="agent")
    random = Random(0)
    citations: dict[str, list[Json]] = {}
    lines = seed_lines()
    for line in lines:
        if line["kind"] == "citation":
            cited = {name: value for name, value in line.items() if name not in ("id", "kind", "record")}
            citations.setdefault(line["record"], []).append(cited)
    general = [
        line | {"citations": [each for each in citations[line["id"]] if "field" not in each]}
        for line in lines
        if any("field" not in each and each["confidence"] == "stated" for each in citations.get(line["id"], ()))
    ]
    missed, count = [], 0
    with database.client() as client:
        kept(client, agent, documents)

        def told(line: Json, title: str) -> tuple[Any, ...]:
            body = {"title": title, "records": [line]}
            answer = client.post("/v1/proposals", json=body, headers=agent)
            assert answer.status_code == 201, answer.text
            (record,) = answer.json()["records"]
            remarks = {(each["pointer"], each["detail"]) for name in ("faults", "warnings") for each in record[name]}
            return remarks, record["verdict"] == "similar"

        for name, (mutate, fits) in MUTATIONS.items():
            fitting = [line for line in general if fits(line)]
            for number, line in enumerate(random.sample(fitting, min(20, len(fitting))) * 2):
                if count >= 20 * (list(MUTATIONS).index(name) + 1):
                    break
                changed = json.loads(json.dumps(line))
                mutate(changed, random)
                count += 1
                before, _ = told(line, f"{name} {number} before")
                after, is_similar = told(changed, f"{name} {number}")
                if not (after - before or is_similar):
                    missed.append((name, line["id"], changed.get("date"), changed.get("person")))
    assert count == 100
    assert missed == []
    database.engine.dispose()
