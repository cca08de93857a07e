"""Workbooks of lists: the same cells as CSV, nothing that a spreadsheet would run, nothing that XML forbids."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell import Cell
from openpyxl.utils.escape import unescape
from openpyxl.worksheet.worksheet import Worksheet
from starlette.testclient import TestClient

from app.declaration.resource import Resource
from app.domain.texts import xml_text
from app.files import workbook
from app.files.listing import Listing
from app.files.tables import TableColumn
from app.http.representations.xlsx import Xlsx
from app.resources import RESOURCES
from tests.conftest import Database
from tests.test_errors import problem

each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)


def read(content: bytes) -> Any:
    """The workbook."""
    return openpyxl.load_workbook(io.BytesIO(content))


def shown(cell: Cell) -> str:
    """What a cell says, as CSV would."""
    if isinstance(cell.value, datetime):
        assert cell.number_format == "yyyy-mm-dd"
        return cell.value.date().isoformat()
    return "" if cell.value is None else str(cell.value)


def rows_of(sheet: Worksheet) -> list[dict[str, Cell]]:
    """The rows, by the names of their columns."""
    names, *rows = sheet.iter_rows()
    return [{str(name.value): cell for name, cell in zip(names, row, strict=True)} for row in rows]


def about(book: Any) -> dict[str, Any]:
    """What the sheet `About` says."""
    return {str(label.value): text.value for label, text in book[workbook.ABOUT].iter_rows()}


@each_resource
def test_a_workbook_has_the_cells_of_the_csv(client: TestClient, resource: Resource) -> None:
    include = ",".join(["names", "topics", *(["citations"] if "citations" in resource.includes else [])])
    query = f"lang=ru&include={include}&columns=name.ru,identifiers.wikidata"
    answer = client.get(f"{resource.path}?format=xlsx&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-encoding" not in answer.headers
    book = read(answer.content)
    assert book.sheetnames == [resource.plural, "About"]
    sheet = book[resource.plural]
    expected = list(csv.DictReader(io.StringIO(client.get(f"{resource.path}?format=csv&{query}").text, newline="")))
    assert [{name: shown(cell) for name, cell in row.items()} for row in rows_of(sheet)] == expected
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == sheet.dimensions
    assert all(8 <= dimension.width <= 61 for dimension in sheet.column_dimensions.values())
    assert about(book)[f"Rows of {resource.plural}"] == len(expected)


def test_days_are_dates_and_months_are_texts(client: TestClient) -> None:
    rows = rows_of(read(client.get("/v1/meetings?format=xlsx&sort=date").content)["meetings"])
    kinds = {"-".join("9" * len(part) for part in shown(row["date"]).split("-")): row["date"].is_date for row in rows}
    assert kinds["9999-99-99"] is True
    assert {kinds[form] for form in kinds if form != "9999-99-99"} == {False}
    assert len(kinds) > 2
    assert any(row["date_start"].is_date for row in rows)
    assert not any(row["created_at"].is_date for row in rows)


def test_records_and_sources_can_be_opened(client: TestClient) -> None:
    book = read(client.get("/v1/memoranda?format=xlsx&columns=citation").content)
    for row in rows_of(book["memoranda"]):
        assert row["id"].hyperlink.target == f"http://testserver/v1/memoranda/{row['id'].value}"
        if row["citation.link"].value:
            link = row["citation.link"].hyperlink
            assert "#".join(filter(None, (link.target, link.location))) == row["citation.link"].value
    assert any(row["citation.link"].value for row in rows_of(book["memoranda"]))
    sources = rows_of(read(client.get("/v1/sources?format=xlsx").content)["sources"])
    assert all(bool(row["url"].value) == (row["url"].hyperlink is not None) for row in sources)


def test_a_workbook_says_what_it_is(client: TestClient) -> None:
    answer = client.get("/v1/meetings?format=xlsx&country=CN&lang=ru")
    told = about(read(answer.content))
    position = client.get("/v1/export").headers["rapporteur-position"]
    assert told["Address"] == "http://testserver/v1/meetings?format=xlsx&country=CN&lang=ru"
    assert told["As of"] == f"position {position} of the change log"
    assert (told["Only country"], told["Language"], told["Licence of the data"]) == ("CN", "ru", "CC BY 4.0")
    assert answer.headers["etag"].strip('"')


def test_the_same_records_give_the_same_bytes(client: TestClient) -> None:
    first = client.get("/v1/citations?format=xlsx")
    assert client.get("/v1/citations?format=xlsx").content == first.content
    newest = client.get("/v1/export").headers["rapporteur-position"].partition(".")[0]
    at = client.get(f"/v1/changes?after={int(newest) - 1}").json()["data"][0]["at"]
    with zipfile.ZipFile(io.BytesIO(first.content)) as parts:
        assert at[:19] in parts.read("docProps/core.xml").decode()


def test_a_workbook_that_is_there_already_is_not_made_again(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = client.get("/v1/meetings?format=xlsx").headers["etag"]
    assert not tag.endswith('-gzip"')
    monkeypatch.setattr(Xlsx, "job", None)
    for method in ("GET", "HEAD"):
        again = client.request(method, "/v1/meetings?format=xlsx", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = client.head("/v1/meetings?format=xlsx")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert head.headers["content-type"] == Xlsx.media_type


def test_a_list_that_is_too_long_is_refused_before_anything_is_sent(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Xlsx, "most", 3)
    told = problem(client.get("/v1/meetings?format=xlsx"), 422, "invalid")
    assert told["errors"][0]["detail"] == "xlsx has at most 3 records; narrow the list, or send a limit"
    assert len(rows_of(read(client.get("/v1/meetings?format=xlsx&limit=3").content)["meetings"])) == 3
    assert client.get("/v1/meetings?format=xlsx&limit=4").json()["errors"][0]["parameter"] == "limit"
    assert client.get("/v1/meetings?format=xlsx&country=AQ").status_code == 200


HOSTILE = [
    "=cmd|' /C calc'!A1",
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-1",
    "@SUM(A1)",
    "<r><t>x</t></r>",
    "<r></r>",
    "<r></t></is></c><c><f>1+1</f></c></r>",
    "]]><x/>&lt;&#x41;",
    "_x000D_ _x0041_",
    "https://evil.example/not-a-link",
    "internal:Sheet2!A1",
    "a" * 10_000,
    "😀👩🏽‍💻",
    "مذكرة تفاهم\u200f עברית",
    "Ελληνικά «Совещание» 会议 ҚАЗ",
    "quotes \" and ' and \\ and ; and ,",
    "1e5",
    "0012",
    "TRUE",
    "#REF!",
    "{=1}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_stay_texts(tmp_path: Path, text: str) -> None:
    book = made(tmp_path, [["a", text]], PLAIN)
    (row,) = rows_of(book["topics"])
    assert (unescape(row["name"].value), row["name"].data_type, row["name"].hyperlink) == (text, "s", None)
    assert bool(row["name"].quotePrefix) == (text.startswith(("=", "+", "-", "@")))


def test_texts_of_the_registry_stay_texts(database: Database) -> None:
    database.load(*(json.dumps({"kind": "topic", "id": f"t-{n}", "name": text}) for n, text in enumerate(HOSTILE)))
    with database.client() as client:
        answer = client.get("/v1/topics?format=xlsx&sort=created_at,id&fields=name")
        assert answer.status_code == 200, answer.text
        found = {row["id"].value: row["name"] for row in rows_of(read(answer.content)["topics"])}
        expected = {each["id"]: each["name"] for each in client.get("/v1/topics?limit=200").json()["data"]}
    assert {record_id: unescape(cell.value) for record_id, cell in found.items()} == expected
    assert {cell.data_type for cell in found.values()} == {"s"}


def test_what_xml_forbids_is_left_out(database: Database) -> None:
    name = "one\x0btwo\x0cthree\x01\x1f\ufffe\uffff four\nfive\tsix"
    database.load(json.dumps({"kind": "topic", "id": "a", "name": name}))
    with database.client() as client:
        (row,) = rows_of(read(client.get("/v1/topics?format=xlsx").content)["topics"])
    assert row["name"].value == "one two three four\nfive\tsix" == xml_text(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("tab\tand\nbreaks\r\n", "tab\tand\nbreaks\r\n"),
        ("".join(map(chr, range(32))), "\t\n  \r"),
        ("\x7f\x85 ", "\x7f\x85 "),
        ("\ud800x\udfff", "x"),
        ("\ufffd\ufffe\uffff\U0001f600\U0010ffff", "\ufffd\U0001f600\U0010ffff"),
    ],
)
def test_xml_takes_every_text_that_was_cleaned(text: str, expected: str) -> None:
    from xml.sax.saxutils import escape

    from lxml import etree

    assert xml_text(text) == expected
    assert etree.fromstring(f"<a>{escape(xml_text(text))}</a>".replace("\r", "&#13;").encode()).text in (expected, None)


# -- what Excel has no room for --------------------------------------------------------------------------------------------

PLAIN = (TableColumn("id"), TableColumn("name"))
COLUMNS = (TableColumn("id"), TableColumn("name", address="name"), TableColumn("number"), TableColumn("day", is_date=True))


def made(folder: Path, rows: list[list[Any]], columns: tuple[TableColumn, ...] = COLUMNS) -> Any:
    """A workbook of these rows."""
    lines, result = folder / "lines", folder / "result"
    filled = [[*row, *[None] * (len(columns) - len(row))] for row in rows]
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in filled), encoding="utf-8")
    listing = Listing(
        kind="topic",
        plural="topics",
        record_id=None,
        url="http://registry.example/v1/topics?format=xlsx",
        collection_url="http://registry.example/v1/topics",
        language=None,
        filters={},
        options={},
        columns=columns,
        as_of="907.1f0c9a3e",
        changed_at="2026-11-30T07:25:34.732621Z",
        id_host="registry.example",
    )
    workbook.write(lines, result, listing)
    return read(result.read_bytes())


@pytest.mark.parametrize(
    ("text", "letters", "is_cut"),
    [
        ("x" * 32_767, 32_767, False),
        ("x" * 32_768, 32_767, True),
        ("😀" * 16_383, 32_766, False),
        ("😀" * 16_384, 32_767, True),
    ],
    ids=["fits", "too long", "fits in UTF-16", "too long in UTF-16"],
)
def test_a_cell_that_is_too_long_is_cut_and_the_workbook_says_so(
    tmp_path: Path, text: str, letters: int, *, is_cut: bool
) -> None:
    book = made(tmp_path, [["a", text]], PLAIN)
    value = rows_of(book["topics"])[0]["name"].value
    assert len(value.encode("utf-16-le")) // 2 == letters
    assert value == (f"{text[: len(value) - 1]}…" if is_cut else text)
    assert ("Note on topics" in about(book)) == is_cut
    if is_cut:
        assert about(book)["Note on topics"].startswith("1 cells end with …, because Excel has at most 32767 letters")


def test_links_beyond_those_that_excel_opens_are_texts_and_the_workbook_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_LINKS", 5)
    rows = [[f"id-{n}", f"https://registry.example/{n}"] for n in range(4)]
    book = made(tmp_path, rows)
    cells = [cell for row in rows_of(book["topics"]) for cell in (row["id"], row["name"])]
    assert [cell.hyperlink is not None for cell in cells] == [True] * 5 + [False] * 3
    assert [cell.value for cell in cells] == [text for row in rows for text in row]
    assert about(book)["Note on topics"].startswith("3 links are plain text, because Excel opens at most 5 of a sheet")


def test_so_many_links_can_be_opened(tmp_path: Path) -> None:
    book = made(tmp_path, [[f"id-{n}", None] for n in range(workbook.MOST_LINKS + 2)])
    last = rows_of(book["topics"])[-3:]
    assert [row["id"].hyperlink is not None for row in last] == [True, False, False]
    assert about(book)["Note on topics"].startswith("2 links are plain text")


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("https://registry.example/a#:~:text=" + "x" * 2_000, True),
        ("https://registry.example/" + "x" * 2_080, False),
        ("https://registry.example/#" + "x" * 2_080, False),
        ("https://registry.example/\x0b", False),
        ("https://one.example; https://two.example", False),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("external:C:\\x.xlsx", False),
    ],
)
def test_only_web_addresses_that_excel_takes_can_be_opened(tmp_path: Path, address: str, *, opens: bool) -> None:
    book = made(tmp_path, [["a", address]])
    cell = rows_of(book["topics"])[0]["name"]
    assert (cell.hyperlink is not None, cell.value) == (opens, xml_text(address))
    assert ("Note on topics" in about(book)) != opens


@pytest.mark.parametrize(
    ("date", "is_date"),
    [
        ("2025-06-17", True),
        ("1900-03-01", True),
        ("9999-12-31", True),
        *((text, False) for text in ("1900-02-28", "0988-01-01", "2025-06", "2025-06-17/2025-06-18", "2025-06-17~", "../2025")),
    ],
)
def test_only_days_that_all_programs_know_are_dates(tmp_path: Path, date: str, *, is_date: bool) -> None:
    cell = rows_of(made(tmp_path, [["a", "b", 1, date]])["topics"])[0]["day"]
    assert (cell.is_date, shown(cell)) == (is_date, date)


def test_a_worker_process_loads_only_what_a_workbook_needs() -> None:
    source = """
import sys
import app.files.packing, app.files.workbook, app.job_process
loaded = {name.partition(".")[0] for name in sys.modules}
large = {"fastapi", "starlette", "pydantic", "sqlalchemy", "uvicorn", "click", "xlsxwriter", "lxml", "psycopg"}
assert not loaded & large, loaded & large
assert {name for name in sys.modules if name.startswith("app.")} <= {
    "app.files", "app.files.packing", "app.files.workbook", "app.files.listing", "app.files.tables",
    "app.job_process", "app.domain", "app.domain.texts",
}
"""
    subprocess.run([sys.executable, "-c", source], check=True)


def test_an_application_loads_no_library_of_files_before_somebody_asks() -> None:
    source = """
import sys
from app.main import create_app
assert "xlsxwriter" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", source], check=True)


@pytest.fixture(autouse=True)
def _no_warnings_of_the_library(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """XlsxWriter leaves out with a warning what Excel has no room for, so there must be none."""
    yield
    assert not [each for each in recwarn if "xlsxwriter" in str(each.filename)]
