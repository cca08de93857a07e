"""The OpenAPI document: complete, true, kept as a snapshot, and enough to make a client of."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.testclient import TestClient

from app.domain.vocabulary import Vocabulary
from app.http.openapi.document import QUESTIONS
from app.main import create_app
from app.models import Base
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


def operations(document: dict[str, Any], *methods: str) -> list[tuple[str, dict[str, Any]]]:
    wanted = methods or METHODS
    return [(path, item[method]) for path, item in document["paths"].items() for method in item if method in wanted]


def test_the_snapshot_is_the_document(document: dict[str, Any]) -> None:
    """A change of the contract is seen in review: `make openapi` writes the snapshot anew."""
    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == document


def test_it_is_openapi_3_1_and_its_schemas_are_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.validator_for({**schema, "components": document["components"]})
        assert schema.get("description"), f"{name} has no description"


def texts(part: Any) -> Iterator[str]:
    """All descriptions within a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("description"), str):
            yield part["description"]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from texts(each)


def test_no_description_has_lines_that_markdown_reads_as_code(document: dict[str, Any]) -> None:
    found = list(texts(document))
    assert len(found) > 1_000
    assert [text for text in found if re.search(r"^ {4}", text, re.MULTILINE)] == []


def test_operations_have_unique_readable_names_and_summaries(document: dict[str, Any]) -> None:
    found = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(found)) == len(found)
    verbs = "get|find|list|locate|remove|create|replace|patch|delete|erase|restore|merge|import|export|revoke|search|suggest"
    verbs += "|undo|write"
    assert all(re.fullmatch(rf"({verbs})_[a-z_]+", name) for name in found)
    assert {f"list_{resource.plural}" for resource in RESOURCES} <= set(found)
    assert {f"get_{resource.kind}" for resource in RESOURCES} <= set(found)
    assert all(operation["summary"] and operation["description"] for _, operation in operations(document))


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
        for query in ("limit=200", "limit=200&lang=ru", f"include={next(iter(resource.includes), 'names')}"):
            body = client.get(f"{resource.path}?{query}").json()
            jsonschema_rs.validator_for(listed).validate(body)
        single = {"$ref": f"#/components/schemas/{resource.title}", "components": document["components"]}
        jsonschema_rs.validator_for(single).validate(client.get(f"{resource.path}/{body['data'][0]['id']}").json())
        (few,) = client.get(f"{resource.path}?fields=kind&limit=1").json()["data"]
        schema = document["components"]["schemas"][resource.title]
        partial = {**schema, "required": ["id", "kind"], "components": document["components"]}
        jsonschema_rs.validator_for(partial).validate(few)


def test_what_is_always_there_is_required_and_nothing_else(client: TestClient, document: dict[str, Any]) -> None:
    """So that a typed client need not ask whether a field is there; what only some answers have is optional."""
    for resource in RESOURCES:
        schema = document["components"]["schemas"][resource.title]
        records = client.get(f"{resource.path}?limit=200").json()["data"]
        assert records
        for record in records:
            assert list(record) == schema["required"], resource.title
    for name in ("Place", "Sitting", "Signatory", "SourceText", "Name", "Identifier", "Ref", "AnyRef"):
        schema = document["components"]["schemas"][name]
        assert schema["required"] == list(schema["properties"]), name
    assert document["components"]["schemas"]["SourceTextContent"]["required"] == ["sha256"]
    assert document["components"]["schemas"]["SignatoryContent"].get("required", []) == []


def test_what_a_discriminator_names_requires_it(document: dict[str, Any]) -> None:
    found = list(discriminators(document))
    assert found
    for entry in found:
        for reference in entry["mapping"].values():
            assert entry["propertyName"] in at(document, reference)["required"], reference


def discriminators(part: Any) -> Iterator[dict[str, Any]]:
    """All discriminators within a part of the document."""
    if isinstance(part, dict):
        if "propertyName" in part.get("discriminator", {}):
            yield part["discriminator"]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from discriminators(each)


def at(document: dict[str, Any], reference: str) -> Any:
    """What a reference within the document leads to."""
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_every_operation_says_whether_it_takes_a_key(client: TestClient, document: dict[str, Any]) -> None:
    """`security: []` is said of what everybody may do. A GET is open, but for keys, documents and proposals."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            is_open = method == "get" and not path.startswith(("/v1/keys", "/v1/documents", "/v1/proposals"))
            assert (operation["security"] == []) == is_open, f"{method} {path}"
            if not is_open:
                assert client.request(method, path.replace("{", "").replace("}", "")).status_code == 401, f"{method} {path}"


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("desk@registry.example", {"email": "desk@registry.example"}),
        ("https://registry.example/x", {"url": "https://registry.example/x"}),
    ],
)
def test_the_contact_is_the_one_of_the_settings(contact: str, shown: dict[str, str]) -> None:
    told = create_app(Settings(contact=contact)).openapi()["info"]["contact"]
    assert told == {"name": "Report a wrong statement", **shown}
    assert "contact" not in create_app(Settings()).openapi()["info"]


def test_every_example_runs_and_finds_something(client: TestClient, document: dict[str, Any]) -> None:
    """Those of the introduction and of the operations, as they are shown, in English and in Russian."""
    russian = 0
    for path, operation in operations(document, "get"):
        shown = re.findall(r"\]\((/v1[^)]*)\)", operation.get("description", ""))
        if (
            path.startswith("/v1/")
            and path not in ("/v1/", "/v1/vocabularies", "/v1/keys", "/v1/documents", "/v1/proposals", "/v1/export")
            and "{" not in path
        ):
            assert len(shown) >= 2, path
        for example in shown:
            answer = client.get(example)
            assert answer.status_code == 200, example
            russian += "lang=ru" in example
            if answer.headers["content-type"] != "application/json":
                assert answer.content, example
                continue
            body = answer.json()
            assert body.get("data", body), example
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


def test_a_generated_client_reads_and_writes(database: Database, tmp_path: Path, kind_of_database: str) -> None:
    """A typed client made by a generator of somebody else's imports, lists, reads, makes, patches and deletes."""
    if kind_of_database == "postgres":
        pytest.skip("the client is made of the document alone; one database is enough")
    made = tmp_path / "made"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(SNAPSHOT), "--output-path", str(made)]
    config = tmp_path / "config.json"
    (told,) = re.findall(r"`config\.json` is `(.*?)`", (ROOT / "docs" / "clients.md").read_text(encoding="utf-8"))
    config.write_text(told, encoding="utf-8")
    done = subprocess.run([*command, "--meta", "none", "--config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    made.rename(tmp_path / "rapporteur_client")
    sys.path.insert(0, str(tmp_path))
    try:
        client_module = importlib.import_module("rapporteur_client")
        list_meetings = importlib.import_module("rapporteur_client.api.meetings.list_meetings")
        get_meeting = importlib.import_module("rapporteur_client.api.meetings.get_meeting")
        database.seed()
        with served(database.url) as address, client_module.Client(base_url=address) as api:
            page = list_meetings.sync(client=api, country=["CN"], limit=5)
            assert {meeting.city for meeting in page.data} == {"Karamay"}
            assert page.data[0].country.id == "CN"
            one = get_meeting.sync("sco-ict-2025", client=api)
            assert one.ordinal == 4
            assert one.names[0].language == "en"
            problem = get_meeting.sync("nothing", client=api)
            assert problem.code == "not_found"
            _write(importlib.import_module, client_module.AuthenticatedClient(base_url=address, token=_token(database)))
    finally:
        sys.path.remove(str(tmp_path))


def _token(database: Database) -> str:
    return database.key()["Authorization"].removeprefix("Bearer ")


def _write(load: Callable[[str], Any], api: Any) -> None:
    """Make a meeting, change it under its tag, and not under an old one."""
    models = load("rapporteur_client.models")
    create, patch, delete = (
        load(f"rapporteur_client.api.meetings.{name}") for name in ("create_meeting", "patch_meeting", "delete_meeting")
    )
    with api:
        body = models.MeetingInput(name="Переговоры", country="BY", date="2026-01")
        made = create.sync_detailed(client=api, body=body, idempotency_key="once")
        assert (made.status_code, made.parsed.country.name) == (201, "Belarus")
        tag, one = made.headers["etag"], made.parsed.id
        changed = patch.sync_detailed(one, client=api, body=models.MeetingPatch(city="Minsk"), if_match=tag)
        assert (changed.status_code, changed.parsed.city, changed.parsed.version) == (200, "Minsk", 2)
        assert patch.sync(one, client=api, body=models.MeetingPatch(city="Brest"), if_match=tag).code == "precondition_failed"
        assert delete.sync(one, client=api).code == "precondition_required"
        assert delete.sync_detailed(one, client=api, if_match=changed.headers["etag"]).status_code == 204
