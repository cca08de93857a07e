"""The whole API, fuzzed from its own OpenAPI document against a real server, with a key that may do everything."""

import os
import subprocess
import sys
from urllib.request import urlopen

import pytest

from app.settings import ROOT
from tests.conftest import Database
from tests.depth import slow, thorough, tries
from tests.serving import served

RARELY_LIMITED = {
    "RAPPORTEUR_REQUESTS_PER_MINUTE": "10000000",
    "RAPPORTEUR_WRITES_PER_MINUTE": "10000000",
    "RAPPORTEUR_WAIT_SECONDS": "1",
    "RAPPORTEUR_REVIEW_OWN": "yes",  # there is one key, which also decides on what it proposed
}
OF_ONE_KIND = ["--include-tag", "meetings", "--include-tag", "keys", "--include-tag", "records"]
SEQUENCES = tries("examples,fuzzing", "examples,fuzzing,stateful")
RUNS = {
    "sequences of requests": ["--phases", SEQUENCES, "--max-examples", tries("1", "3", "30"), *tries(OF_ONE_KIND, [])],
    "every limit of what is read": ["--phases", "coverage", "--include-method", "GET"],
    "every limit of what is written": ["--phases", "coverage", "--exclude-method", "GET", *tries(OF_ONE_KIND, OF_ONE_KIND, [])],
}


@pytest.mark.parametrize(
    "options",
    [pytest.param(options, id=name, marks=slow if "coverage" in options else thorough) for name, options in RUNS.items()],
)
def test_no_request_made_from_the_document_finds_a_fault(database: Database, options: list[str]) -> None:
    database.seed()
    with served(database.url, **RARELY_LIMITED) as address:
        # The document is made for the first request. Schemathesis waits 10 s for it, which a busy machine may need.
        urlopen(f"{address}/openapi.json", timeout=120).close()
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/schemathesis.toml", "run"]
        key = ["--header", f"Authorization: {database.key()['Authorization']}"]
        done = subprocess.run(
            [*command, *options, *key, "--seed", "7", "--no-color", f"{address}/openapi.json"],
            cwd=ROOT,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzzing"},
            capture_output=True,
            text=True,
            check=False,
        )
    found = done.stdout.partition("= FAILURES =")[2] or done.stdout
    assert done.returncode == 0, found[:6_000] + done.stderr[-2_000:]
    assert "No issues found" in done.stdout or " passed" in done.stdout
    assert database.disagreements() == []
