"""The OpenAPI document: complete, true, kept as a snapshot, and enough to make a client of."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.testclient import TestClient

from app.http.openapi import QUESTIONS
from app.main import create_app
from app.models import Base
from app.models.vocabulary import Vocabulary
from app.resources import RESOURCES
from app.settings import ROOT, Settings
from docs.examples import examples
from tests.conftest import Database
from tests.serving import served

SNAPSHOT = ROOT / "docs" / "openapi.json"
METHODS = {"get", "head", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = create_app(Settings()).openapi()
    return made


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


def test_the_snapshot_is_the_document(document: dict[str, Any]) -> None:
    """A change of the contract is seen in review: `make openapi` writes the snapshot anew."""
    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == document


def test_it_is_openapi_3_1_and_its_schemas_are_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.validator_for({**schema, "components": document["components"]})
        assert schema.get("description"), f"{name} has no description"


def test_operations_have_unique_readable_names_and_summaries(document: dict[str, Any]) -> None:
    found = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"(get|list)_[a-z_]+", name) for name in found)
    assert {f"list_{resource.plural}" for resource in RESOURCES} <= set(found)
    assert {f"get_{resource.kind}" for resource in RESOURCES} <= set(found)
    assert all(operation["summary"] for _, operation in operations(document))


def test_every_parameter_and_every_field_is_described(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{path}: {parameter['name']}"
    for resource in RESOURCES:
        for name, field in document["components"]["schemas"][resource.title]["properties"].items():
            described = field.get("description") or name == "held"
            assert described, f"{resource.title}.{name} has no description"


def test_every_table_and_column_is_described() -> None:
    for table in Base.metadata.sorted_tables:
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


def test_closed_vocabularies_are_enums_and_every_word_is_explained(client: TestClient, document: dict[str, Any]) -> None:
    explained = client.get("/v1/vocabularies").json()["vocabularies"]
    for vocabulary in Vocabulary.__subclasses__():
        words = [word.value for word in vocabulary]
        assert [entry["word"] for entry in explained[vocabulary.__name__]] == words
        assert all(entry["explanation"] for entry in explained[vocabulary.__name__])
        assert document["components"]["schemas"][vocabulary.__name__]["enum"] == words


def test_what_is_shown_is_what_the_schemas_say(client: TestClient, document: dict[str, Any]) -> None:
    for resource in RESOURCES:
        listed = {"$ref": f"#/components/schemas/{resource.title}List", "components": document["components"]}
        for query in ("limit=200", "fields=kind", f"include={next(iter(resource.includes), 'names')}"):
            body = client.get(f"{resource.path}?{query}").json()
            jsonschema_rs.validator_for(listed).validate(body)
        single = {"$ref": f"#/components/schemas/{resource.title}", "components": document["components"]}
        jsonschema_rs.validator_for(single).validate(client.get(f"{resource.path}/{body['data'][0]['id']}").json())


def test_every_example_runs_and_finds_something(client: TestClient, document: dict[str, Any]) -> None:
    """Those of the introduction and of the operations, as they are shown, in English and in Russian."""
    russian = 0
    for path, operation in operations(document):
        shown = re.findall(r"\]\((/v1[^)]*)\)", operation.get("description", ""))
        if path.startswith("/v1/") and path not in ("/v1/", "/v1/vocabularies") and "{id}" not in path:
            assert len(shown) >= 2, path
        for example in shown:
            answer = client.get(example)
            assert answer.status_code == 200, example
            body = answer.json()
            assert body.get("data", body), example
            russian += "lang=ru" in example
    assert russian >= len(RESOURCES)
    for name, question in QUESTIONS.items():
        assert question in document["info"]["description"]
        answer = client.get(question)
        assert answer.json()["data"], name


def test_the_examples_are_records_of_the_first_data_set(client: TestClient, document: dict[str, Any]) -> None:
    """In English and in Russian; `make examples` writes them anew."""
    shown = examples(client)
    for resource in RESOURCES:
        assert document["components"]["schemas"][resource.title]["examples"] == shown[resource.title]
    assert shown["Organization"][1]["name"] == "Шанхайская организация сотрудничества"


def test_a_generated_client_lists_meetings(seeded: Database, tmp_path: Path, kind_of_database: str) -> None:
    """A typed client made by a generator of somebody else's imports, lists and reads."""
    if kind_of_database == "postgres":
        pytest.skip("the client is made of the document alone; one database is enough")
    made = tmp_path / "made"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(SNAPSHOT), "--output-path", str(made)]
    done = subprocess.run([*command, "--meta", "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    made.rename(tmp_path / "rapporteur_client")
    sys.path.insert(0, str(tmp_path))
    try:
        client_module = importlib.import_module("rapporteur_client")
        list_meetings = importlib.import_module("rapporteur_client.api.meetings.list_meetings")
        get_meeting = importlib.import_module("rapporteur_client.api.meetings.get_meeting")
        with served(seeded.url) as address, client_module.Client(base_url=address) as api:
            page = list_meetings.sync(client=api, country=["CN"], limit=5)
            assert {meeting.city for meeting in page.data} == {"Karamay"}
            assert page.data[0].country.id == "CN"
            one = get_meeting.sync("sco-ict-2025", client=api)
            assert one.ordinal == 4
            assert one.names[0].language == "en"
            problem = get_meeting.sync("nothing", client=api)
            assert problem.code == "not_found"
    finally:
        sys.path.remove(str(tmp_path))
