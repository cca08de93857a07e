"""Writes the examples of the OpenAPI document: a record of each kind from the first data set, in English and in Russian."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner
from starlette.testclient import TestClient

from app.cli import main
from app.http.openapi.reading import EXAMPLES
from app.main import create_app
from app.resources import RESOURCES
from app.settings import ROOT, Settings

AT = "2026-01-28T09:30:00.000000Z"
"""Stands for the times at which records were made, which differ from one registry to the next."""


def examples(client: TestClient) -> dict[str, Any]:
    """The examples as a seeded registry answers them; SystemExit, if one that a resource declares is not there."""
    found = {}
    for resource in RESOURCES:
        first = client.get(f"{resource.path}?limit=1&fields=id&sort=id").json()["data"]
        if not (record_id := resource.example or (first and first[0]["id"])):
            continue  # the first data set has no record of this kind
        answers = [client.get(f"{resource.path}/{record_id}", params={"lang": lang}) for lang in ("en", "ru")]
        if not all(answer.is_success for answer in answers):
            raise SystemExit(f"{resource.plural}: the example {record_id!r} cannot be read: {answers[0].text}")
        found[resource.title] = [answer.json() | {"created_at": AT, "updated_at": AT} for answer in answers]
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/examples.db"
        for command in (["migrate"], ["import", str(ROOT / "seed")]):
            done = CliRunner().invoke(main, command, env={"RAPPORTEUR_DATABASE_URL": url}, catch_exceptions=False)
            assert done.exit_code == 0, done.output
        with TestClient(create_app(Settings(database_url=url))) as seeded:
            text = json.dumps(examples(seeded), ensure_ascii=False, indent=1)
    EXAMPLES.write_text(f"{text}\n", encoding="utf-8")
