"""pandas, Polars, DuckDB and LibreOffice read the CSV of every collection, with a byte order mark and without."""

import csv
import io
import json
import re
import subprocess
import sys
import venv
import zipfile
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
        columns = ["name.ru", "identifiers.wikidata", *(["citation"] if "citations" in resource.includes else [])]
        shown = f"include={','.join(include)}&columns={','.join(columns)}"
        path = f"{resource.path}?format=csv&lang=ru&csv_address=true&{shown}"
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


EVERY_SHEET = f"csv:Text - txt - csv (StarCalc):44,34,{UTF_8},1,,0,false,true,false,false,false,-1"
"""LibreOffice's filter for CSV: cells as they are shown, each sheet in a file of its own."""


def test_libreoffice_opens_every_workbook_with_cyrillic_intact(client: TestClient, tmp_path: Path) -> None:
    """Workbooks of every collection and a dossier. Each cell shows what CSV has: days as days, and texts as texts."""
    command = [program("soffice", optional=True), "--headless", f"-env:UserInstallation=file://{tmp_path}/profile"]
    back = tmp_path / "back"
    told: dict[str, str] = {}
    for resource in RESOURCES:
        columns = f"name.ru{',citation' if 'citations' in resource.includes else ''}"
        query = f"lang=ru&include=names,topics&columns={columns}"
        (tmp_path / f"{resource.plural}.xlsx").write_bytes(client.get(f"{resource.path}?format=xlsx&{query}").content)
        told[f"{resource.plural}-{resource.plural}.csv"] = client.get(f"{resource.path}?format=csv&{query}").text
    (tmp_path / "dossier.xlsx").write_bytes(client.get("/v1/dossier?of=BY&lang=ru").content)
    with zipfile.ZipFile(io.BytesIO(client.get("/v1/dossier?of=BY&lang=ru&format=csv-zip").content)) as archive:
        sheets = [name for name in archive.namelist() if name != "about.csv"]
        told |= {f"dossier-{name}": archive.read(name).decode() for name in sheets}
    files = sorted(tmp_path.glob("*.xlsx"))
    subprocess.run([*command, "--convert-to", EVERY_SHEET, "--outdir", back, *files], check=True, capture_output=True)
    found = 0
    for name, text in told.items():
        rows = list(csv.reader(io.StringIO(text, newline="")))
        seen = list(csv.reader(io.StringIO((back / name).read_text(encoding="utf-8"), newline="")))
        assert [[_as_lines(cell) for cell in row] for row in seen] == [[_as_lines(cell) for cell in row] for row in rows], name
        found += sum(bool(CYRILLIC.search(cell)) for row in rows for cell in row)
    assert found > 1_000
    assert (back / "dossier-About.csv").read_text(encoding="utf-8").startswith("What,Dossier of Беларусь")


def _as_lines(text: str) -> str:
    """The text with the breaks of lines that XML has."""
    return text.replace("\r\n", "\n")


def test_pandas_reads_workbooks(python: Path, client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "meetings.xlsx").write_bytes(client.get("/v1/meetings?format=xlsx&lang=ru&columns=citation").content)
    source = "import json, sys, pandas; t = pandas.read_excel(sys.argv[1]); print(t.to_json(date_format='iso'))"
    done = subprocess.run([python, "-c", source, tmp_path / "meetings.xlsx"], capture_output=True, text=True, check=True)
    table = json.loads(done.stdout)
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/meetings?format=csv&lang=ru&columns=citation").text, newline="")))
    assert list(table["name"].values()) == [row["name"] for row in rows]
    assert [value or "" for value in table["citation.quote"].values()] == [row["citation.quote"] for row in rows]


def test_the_memory_of_a_workbook_does_not_grow_with_its_rows(tmp_path: Path) -> None:
    """Both have more links than Excel opens, which are kept until the end."""
    source = """
import re, sys
from pathlib import Path
from app.files import workbook
from app.files.listing import Listing
from app.files.tables import TableColumn

def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

folder = Path(sys.argv[1])
columns = [TableColumn("id"), TableColumn("name"), TableColumn("number"), TableColumn("day", is_date=True)]
with (folder / "lines").open("w", encoding="utf-8") as lines:
    for number in range(int(sys.argv[2])):
        lines.write(f'["id-{number}", "Совещание {number}", {number}, "2025-06-17"]\\n')
listing = Listing("topic", "topics", None, "http://a/", "http://a/v1/topics", None, {}, {}, columns, "1.0", "", "a")
before = peak()
workbook.write(folder / "lines", folder / "result", listing)
print(peak() - before)
"""
    taken = [
        int(subprocess.run([sys.executable, "-c", source, tmp_path, str(rows)], capture_output=True, check=True).stdout)
        for rows in (80_000, 240_000)
    ]
    assert taken[0] > 1_000, "the kilobytes of the links"
    assert taken[1] < taken[0] + 8_000
