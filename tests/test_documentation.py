"""The documentation is true: settings, commands, examples, diagram."""

import re
from dataclasses import fields
from urllib.parse import urlsplit

from click.testing import CliRunner
from starlette.testclient import TestClient

from app.cli import main
from app.settings import PREFIX, ROOT, Settings
from docs import diagram

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_what_the_settings_are() -> None:
    rows = [
        f"| `{PREFIX}{setting.name.upper()}` | `{setting.default}` | {setting.metadata['description']} |"
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
    examples = re.findall(r"curl '(http://127\.0\.0\.1:8000[^']+)'", README)
    assert len(examples) >= 6
    for example in examples:
        parts = urlsplit(example)
        answer = client.get(f"{parts.path}?{parts.query}")
        assert answer.status_code == 200, example
        found = len(answer.text.splitlines()) > 1 if "format=csv" in example else answer.json().get("data", answer.json())
        assert found, example
    (words,) = re.findall(r"--data-urlencode 'q=(\w+)'", README)
    assert client.get("/v1/organizations", params={"q": words}).json()["data"]


def test_files_and_targets_named_in_the_readme_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", README)) <= targets
    for path in re.findall(r"\]\(([a-z][\w./-]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_diagram_is_drawn_from_the_models() -> None:
    assert diagram.TARGET.read_text(encoding="utf-8") == diagram.text()
