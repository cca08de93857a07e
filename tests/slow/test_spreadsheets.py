"""pandas, Polars, DuckDB and LibreOffice read the CSV of every collection, with a byte order mark and without."""

import csv
import io
import json
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.resources import RESOURCES
from app.settings import ROOT
from tests import depth
from tests.programs import program
from tests.slow.test_wheel import PIP

pytestmark = depth.slow

CLIENTS = ROOT / "tests" / "clients"
CYRILLIC = re.compile("[А-Яа-яЁё]")
TOOLS = ("pandas", "polars", "duckdb")
UTF_8 = 76
"""The number of UTF-8 among LibreOffice's filter options: what a user chooses in its dialog."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python with the packages that read tables, in an environment of its own, because they are large and only needed here."""
    folder = tmp_path_factory.mktemp("tables")
    venv.create(folder, with_pip=True)
    found = folder / "bin" / "python"
    subprocess.run([found, *PIP, "--require-hashes", "--requirement", CLIENTS / "requirements.lock"], check=True)
    return found


@pytest.fixture
def written(client: TestClient, tmp_path: Path) -> Path:
    """A folder with the CSV of every collection in Russian, each with a byte order mark and without."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for resource in RESOURCES:
        include = ["names", "topics", *(["citations"] if "citations" in resource.includes else [])]
        path = f"{resource.path}?format=csv&lang=ru&csv_address=true&include={','.join(include)}"
        (folder / f"{resource.plural}.csv").write_bytes(client.get(path).content)
        (folder / f"{resource.plural}-bom.csv").write_bytes(client.get(f"{path}&bom=true").content)
    return folder


def expected(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The names of the columns and the rows of a CSV."""
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def require_same_texts(seen: list[dict[str, str]], rows: list[dict[str, str]], columns: list[str]) -> int:
    """Compare ids and all columns with Cyrillic, and return how many cells have some. Tools may read other cells as numbers."""
    cyrillic = [name for name in columns if any(CYRILLIC.search(row[name]) for row in rows)]
    assert len(seen) == len(rows)
    for name in ["id", *cyrillic]:
        assert [row[name] for row in seen] == [row[name] for row in rows], name
    return sum(bool(CYRILLIC.search(row[name])) for row in rows for name in cyrillic)


def test_tools_read_every_collection_with_cyrillic_intact(python: Path, written: Path) -> None:
    done = subprocess.run([python, CLIENTS / "read_tables.py", written], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    for tool in TOOLS:
        found = 0
        for path in sorted(written.glob("*.csv")):
            columns, rows = expected(path)
            seen = told[tool][path.stem]
            assert seen["columns"] == columns, f"{tool}: {path.stem}"
            found += require_same_texts([dict(zip(columns, row, strict=True)) for row in seen["rows"]], rows, columns)
        assert found > 1_000, tool
    for stem in ("countries", "countries-bom"):
        ids = {tool: [row[0] for row in told[tool][stem]["rows"]] for tool in (*TOOLS, "pandas as it is")}
        assert all("NA" in ids[tool] for tool in TOOLS)
        assert "NA" not in ids["pandas as it is"], "docs/clients.md says otherwise"
    assert len(told["codes"]) == len(TOOLS)
    for codes in told["codes"].values():
        assert {"004", "112"} <= set(codes)


def test_the_page_says_what_was_run() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    source = (CLIENTS / "read_tables.py").read_text(encoding="utf-8")
    lines = re.findall(r"(?:(?:pd|pl)\.read_csv\(path, (?:keep|infer).*?\)|FROM read_csv\('{path}', header[^\"]*\))", source)
    codes = re.findall(r"\w+ ?= ?\{['\"]numeric['\"]: ['\"]?[\w.]+['\"]?\}", source)
    assert (len(lines), len(codes)) == (len(TOOLS), len(TOOLS))
    for line in [*lines, *codes]:
        shown = line.replace("(path", '("countries.csv"').replace("{path}", "countries.csv")
        assert shown in page, shown


def test_libreoffice_reads_every_collection_with_cyrillic_intact(written: Path, tmp_path: Path) -> None:
    """Read as UTF-8 and written again. It is large, so it is no requirement of `.ci/run`."""
    command = [program("soffice", optional=True), "--headless", f"-env:UserInstallation=file://{tmp_path}/profile"]
    read, write = f"--infilter=CSV:44,34,{UTF_8},1", f"csv:Text - txt - csv (StarCalc):44,34,{UTF_8},1"
    back = tmp_path / "back"
    files = sorted(written.glob("*.csv"))
    subprocess.run([*command, read, "--convert-to", write, "--outdir", back, *files], check=True, capture_output=True)
    found = 0
    for path in files:
        columns, rows = expected(path)
        again, seen = expected(back / path.name)
        assert again == columns
        found += require_same_texts(seen, rows, columns)
    assert found > 1_000
