"""The documentation is true: settings, commands, examples, diagram."""

import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from app.cli import main
from app.http.representations import REPRESENTATIONS
from app.resources import RESOURCES
from app.settings import PREFIX, ROOT, Settings
from docs import diagram
from tests.conftest import Database

README = (ROOT / "README.md").read_text(encoding="utf-8")


def default_of(setting: Field[Any]) -> str:
    """The default as the table shows it."""
    shown: str = setting.metadata.get("default") or (f"`{setting.default}`" if setting.default != "" else "none")
    return shown


def test_the_table_of_settings_is_what_the_settings_are() -> None:
    rows = [
        f"| `{PREFIX}{setting.name.upper()}` | {default_of(setting)} | {setting.metadata['description']} |"
        for setting in fields(Settings)
    ]
    table = [line for line in README.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert table == rows


def test_every_command_is_explained() -> None:
    for name, command in main.commands.items():
        assert f"`rapporteur {name}" in README
        assert command.help
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_every_example_of_the_readme_finds_something(client: TestClient) -> None:
    examples = re.findall(r"curl '(http://127\.0\.0\.1:8000[^']+)'", README.replace("after=992", "after=900"))
    assert len(examples) >= 7
    for example in examples:
        parts = urlsplit(example)
        answer = client.get(f"{parts.path}?{parts.query}")
        assert answer.status_code == 200, example
        found = len(answer.text.splitlines()) > 1 if "format=csv" in example else answer.json().get("data", answer.json())
        assert found, example
    ((words, path),) = re.findall(r"--data-urlencode 'q=(\w+)' http://127\.0\.0\.1:8000([^`]+)", README)
    assert client.get(path, params={"q": words}).json()["data"]


def test_what_the_readme_writes_can_be_written(database: Database) -> None:
    database.seed()
    made, patch = re.findall(r"-d '\s*(\{.*?\})'", README, re.DOTALL)
    (path,) = re.findall(r"PATCH http://127\.0\.0\.1:8000(\S+)", README)
    (tag,) = re.findall(r"If-Match: (\S+)'", README)
    (after,) = re.findall(r"changes\?after=(\d+)", README)
    headers = {**database.key(), "Content-Type": "application/json"}
    with database.client() as client:
        answer = client.post("/v1/meetings", content=made.encode(), headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (201, path)
        headers |= {"Content-Type": "application/merge-patch+json", "If-Match": tag}
        assert client.patch(path, content=patch, headers=headers).json()["city"] == "Minsk"
        assert [entry["version"] for entry in client.get(f"{path}/history").json()["data"]] == [2, 1]
        changes = client.get(f"/v1/changes?after={after}").json()["data"]
        assert [entry["kind"] for entry in changes] == ["meeting", "citation", "meeting"]


def test_what_the_readme_writes_stands_in_its_document(database: Database, documents: Path) -> None:
    database.seed()
    made, _ = re.findall(r"-d '\s*(\{.*?\})'", README, re.DOTALL)
    with database.client() as client:
        answer = client.post(
            "/v1/meetings", content=made.encode(), headers={**database.key(), "Content-Type": "application/json"}
        )
        assert answer.status_code == 201
    verified = CliRunner().invoke(main, ["verify", str(documents)], env={"RAPPORTEUR_DATABASE_URL": database.url})
    assert verified.exit_code == 0, verified.stderr
    assert verified.stdout == "490 citations, each stands in its document\n"


def test_files_and_targets_named_in_the_readme_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README + contributing, re.MULTILINE)) <= targets
    for path in re.findall(r"\]\((\w[\w./-]+)\)", README) + re.findall(
        r"`((?:app|tests|docs|migrations)/[\w./]*)`", contributing
    ):
        assert (ROOT / path).exists(), path


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert len(pages) > 10
    assert broken == []


def test_the_natural_keys_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-z]+) \| ([a-z_, ]+) \|$", page, re.MULTILINE))
    told.pop("kind")
    assert told == {str(each.kind): ", ".join(each.natural_key) for each in RESOURCES if each.natural_key}


def test_the_diagram_is_drawn_from_the_models() -> None:
    assert diagram.TARGET.read_text(encoding="utf-8") == diagram.text()


@pytest.mark.parametrize("page", ["views", "analysts", "newsrooms", "integrators", "figures"])
def test_every_address_of_a_page_for_users_has_something(client: TestClient, page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(r"http://127\.0\.0\.1:8000(/v1/[^\s\"]+)", text) + re.findall(
        r"`(/(?:v1/[^`{?]*\?|\.well-known|llms)[^`{]*)`", text
    )
    addresses = [address for address in found if "POSITION" not in address and "after=" not in address]
    assert addresses
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.content, address


def test_every_address_of_the_page_on_calendars_and_feeds_has_something(client: TestClient) -> None:
    page = (ROOT / "docs" / "calendars-and-feeds.md").read_text(encoding="utf-8")
    addresses = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", page) + re.findall(r"`(/v1/\S+format=\S+)`", page)
    assert len(addresses) >= 7
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        begins_a_year_ago = "format=ics" in address and "date_from" not in address and address.startswith("/v1/meetings?")
        assert begins_a_year_ago or re.search(r"BEGIN:VEVENT|<entry>|\"items\":\[\{", answer.text), address
    for address in re.findall(r"^\| `(/\S+)` \|", page, re.MULTILINE):
        assert client.get(address).status_code == 200
    names = {each.name for each in REPRESENTATIONS}
    assert set(re.findall(r"format=(\w+)", page)) <= names
