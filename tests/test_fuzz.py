"""The whole reading API, fuzzed from its own OpenAPI document against a real server."""

import os
import subprocess
import sys

from app.settings import ROOT
from tests.conftest import Database
from tests.serving import served


def test_no_request_made_from_the_document_finds_a_fault(seeded: Database) -> None:
    with served(seeded.url) as address:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/schemathesis.toml", "run"]
        options = ["--max-examples", "8", "--seed", "7", "--no-color", f"{address}/openapi.json"]
        done = subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzzing"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "38 passed" in done.stdout
    assert "No issues found" in done.stdout
