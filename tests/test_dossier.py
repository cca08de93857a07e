"""Dossiers: all that the registry has about a record, the same records as in the lists that a user would ask for."""

import csv
import io
import json
import zipfile
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openpyxl.utils.escape import unescape
from starlette.testclient import TestClient

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.http import dossier as over_http
from app.reading.compiler import IDS
from app.resources import RESOURCES
from app.views import dossier
from app.views.dossier import MOST_RECORDS, TABLES
from tests.conftest import Database
from tests.test_contract import walk
from tests.test_errors import problem
from tests.test_tables import faults
from tests.test_workbooks import HOSTILE, about, read, rows_of, shown

OF_KIND: dict[Kind, Resource] = {each.kind: each for each in RESOURCES}
SUBJECTS = {
    Kind.COUNTRY: ("BY", "UZ"),
    Kind.ORGANIZATION: ("sco", "by-mci"),
    Kind.PERSON: ("pavel-tkach",),
    Kind.TOPIC: ("artificial-intelligence", "cybersecurity"),
    Kind.SERIES: ("wsis",),
    Kind.MEETING: ("sco-ict-2025", "by-visit-dubai-2025"),
    Kind.MEMORANDUM: ("by-cn-ict-mou-2024",),
}
each_subject = pytest.mark.parametrize("of", [each for several in SUBJECTS.values() for each in several])


def tables(client: TestClient, query: str) -> dict[str, list[dict[str, str]]]:
    """The tables of a dossier as CSV, by name; `about` among them."""
    answer = client.get(f"/v1/dossier?format=csv-zip&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist()
        }


def told(found: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    """What a dossier says of itself."""
    return [(row["label"], row["text"]) for row in found["about"]]


def ids(rows: list[dict[str, str]]) -> list[str]:
    """The ids of rows."""
    return [row["id"] for row in rows]


def test_each_kind_that_has_a_dossier_is_tried() -> None:
    assert set(SUBJECTS) == set(TABLES)


def test_each_table_is_found_by_a_filter_and_has_a_name_of_its_own() -> None:
    for kind, several in TABLES.items():
        names = ["subject", "citations", "sources", *(each.name or OF_KIND[each.kind].plural for each in several)]
        assert len(set(names)) == len(names), kind
        assert all(len(name) <= 31 for name in names)
        before: list[str] = []
        for table in several:
            for each in table.reads:
                assert each.filter in OF_KIND[table.kind].filters, (kind, table, each)
                assert set(each.tables or ()) <= set(before), "the values of a filter stand in tables before it"
            before.append(table.name or OF_KIND[table.kind].plural)


@each_subject
@pytest.mark.parametrize("more", ["", "&date_from=2025-01-01&date_to=2025-12-31", "&lang=ru"])
def test_each_table_has_the_records_of_its_lists(client: TestClient, of: str, more: str) -> None:
    found = tables(client, f"of={of}{more}")
    about_it = told(found)
    counts = {label.removeprefix("Rows of "): int(text) for label, text in about_it if label.startswith("Rows of ")}
    assert counts == {name: len(found.get(name, ())) for name in counts}
    assert {name for name, count in counts.items() if count} == found.keys() - {"about"}
    addresses: dict[str, list[str]] = {}
    for label, text in about_it:
        if label.startswith("Found by, ") and text.startswith("http"):
            addresses.setdefault(label.removeprefix("Found by, "), []).append(text)
    assert addresses.pop("subject") == [f"http://testserver/v1/{_plural(found['subject'][0]['kind'])}/{of}"]
    assert addresses
    for name, several in addresses.items():
        listed = list(dict.fromkeys(record["id"] for address in several for record in walk(client, f"{address}&limit=200")))
        rows = found.get(name, [])
        assert ids(rows)[: len(listed)] == listed, name
        plural = urlsplit(several[0]).path.rpartition("/")[2]
        if more and "date_from" in OF_KIND[_kind(plural)].filters and more.startswith("&date"):
            assert dict(parse_qsl(urlsplit(several[0]).query))["date_from"] == "2025-01-01"


def _plural(kind: str) -> str:
    return OF_KIND[Kind(kind)].plural


def _kind(plural: str) -> Kind:
    return next(each.kind for each in RESOURCES if each.plural == plural)


@each_subject
def test_the_evidence_is_all_that_supports_the_records(client: TestClient, of: str) -> None:
    found = tables(client, f"of={of}")
    records = {row["id"] for name, rows in found.items() if name not in ("about", "citations", "sources") for row in rows}
    citations = [row for row in walk(client, "/v1/citations?limit=200") if row["record"]["id"] in records]
    assert sorted(ids(found["citations"])) == sorted(row["id"] for row in citations)
    assert set(ids(found["sources"])) == {row["source"]["id"] for row in citations}
    cited = {row["record"]["id"]: row for row in citations}
    for name, rows in found.items():
        if name in ("about", "citations", "sources", "publications", "interviews"):
            continue
        for row in rows:
            assert bool(row["citation.quote"]) == (row["id"] in cited)
            assert bool(row["citation.source.id"]) == (row["id"] in cited)


def test_what_belongs_to_instruments_and_meetings_is_there(client: TestClient) -> None:
    found = tables(client, "of=BY")
    meetings, memoranda, outcomes = (set(ids(found[name])) for name in ("meetings", "memoranda", "outcomes"))
    actions = walk(client, "/v1/actions?limit=200")
    of_these = {each["id"] for each in actions if each["of"]["id"] in meetings | memoranda | outcomes}
    own = {each["id"] for each in actions if each["party"] and each["party"]["id"] == "BY"}
    at_these = {each["id"] for each in actions if each["meeting"] and each["meeting"]["id"] in meetings}
    assert at_these - of_these - own, "such as what was reviewed at talks"
    assert set(ids(found["actions"])) == of_these | own | at_these
    parties = walk(client, "/v1/parties?limit=200")
    assert set(ids(found["parties"])) == {each["id"] for each in parties if each["memorandum"]["id"] in memoranda}
    assert any(not row["party.id"].lower().startswith("by") for row in found["parties"]), "the other parties, too"


def test_what_happened_in_the_series_of_a_body_is_in_its_dossier(client: TestClient) -> None:
    for body in ("sco", "ots"):
        found = tables(client, f"of={body}")
        for series in ids(found["series"]):
            for plural in ("meetings", "memoranda"):
                listed = ids(walk(client, f"/v1/{plural}?series={series}&limit=200"))
                assert set(listed) <= set(ids(found.get(plural, []))), (series, plural)
        lines = walk(client, f"/v1/ledger?of={body}&limit=200")
        assert {line["record"]["id"] for line in lines if line["record"]["kind"] == "outcome"} <= set(ids(found["outcomes"]))


@each_subject
def test_the_workbook_has_the_cells_of_the_tables(client: TestClient, of: str) -> None:
    answer = client.get(f"/v1/dossier?of={of}&lang=ru")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book, found = read(answer.content), tables(client, f"of={of}&lang=ru")
    assert book.sheetnames == ["About", *(name for name in found if name != "about")]
    for name in book.sheetnames[1:]:
        assert [{column: shown(cell) for column, cell in row.items()} for row in rows_of(book[name])] == found[name]
        assert book[name].freeze_panes == "B2"
    texts = {label: text for label, text in told(found) if label != "Address" and not label.startswith("Found by, ")}
    in_book = {label: str(text) for label, text in about(book).items()}
    assert texts.items() <= in_book.items()
    assert book["About"]["B2"].hyperlink.target == f"http://testserver/v1/dossier?of={of}&lang=ru"


def test_links_lead_to_records_and_sources(client: TestClient) -> None:
    book = read(client.get("/v1/dossier?of=BY").content)
    rows = [(name, row) for name in book.sheetnames[1:] for row in rows_of(book[name])]
    assert all(row["id"].hyperlink.target.endswith(f"/{row['id'].value}") for _, row in rows)
    subject = next(row for name, row in rows if name == "subject")
    assert subject["id"].hyperlink.target == "http://testserver/v1/countries/BY"
    links = [row["citation.link"] for name, row in rows if "citation.link" in row and row["citation.link"].value]
    assert links
    assert all(link.hyperlink is not None for link in links)


def test_a_dossier_says_what_it_is(client: TestClient) -> None:
    in_russian = dict(told(tables(client, "of=by&lang=ru&date_from=2025-01-01")))
    position = client.get("/v1/export").headers["rapporteur-position"]
    assert in_russian["What"].startswith("Dossier of Беларусь: all that the registry Rapporteur has about the country BY")
    assert in_russian["As of"] == f"position {position} of the change log"
    assert (in_russian["Only date_from"], in_russian["Language"]) == ("2025-01-01", "ru")
    assert in_russian["Licence of the data"] == "CC BY 4.0"
    assert in_russian["Address"] == "http://testserver/v1/dossier?format=csv-zip&of=by&lang=ru&date_from=2025-01-01"


def test_a_code_of_a_country_and_a_merged_id_stand_for_the_record(client: TestClient) -> None:
    named = client.get("/v1/dossier?of=BLR").headers["content-disposition"]
    assert named == client.get("/v1/dossier?of=BY").headers["content-disposition"]
    seq, _, _ = client.get("/v1/export").headers["rapporteur-position"].partition(".")
    assert named == f'attachment; filename="dossier-of-BY-{seq}.xlsx"'
    window = client.get("/v1/dossier?of=BY&format=csv-zip&date_from=2025-01-01&date_to=2025-12-31&lang=ru")
    assert window.headers["content-disposition"] == f'attachment; filename="dossier-of-BY-2025-ru-{seq}.zip"'


@pytest.mark.parametrize("form", ["xlsx", "csv-zip"])
def test_a_dossier_that_is_there_already_is_not_made_again(
    client: TestClient, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/dossier?of=BY&format={form}"
    first = client.get(path)
    assert first.headers["content-length"] == str(len(first.content))
    assert client.get(path).content == first.content, "the same bytes"
    monkeypatch.setattr(over_http, "_JOBS", {})
    for method in ("GET", "HEAD"):
        again = client.request(method, path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_formats_are_negotiated_and_lead_to_each_other(client: TestClient) -> None:
    answer = client.head("/v1/dossier?of=BY&lang=ru")
    assert answer.headers["link"] == '<?of=BY&lang=ru&format=csv-zip>; rel="alternate"; type="application/zip"'
    assert client.head("/v1/dossier?of=BY", headers={"Accept": "application/zip"}).headers["content-type"] == "application/zip"
    assert client.get("/v1/dossier?of=BY", headers={"Accept": "application/json"}).status_code == 406
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("", {"of"}),
        ("of=nobody", {"of"}),
        ("of=CS", {"of"}),
        ("of=BY&of=CN", {"of"}),
        ("of=BY,CN", {"of"}),
        ("of=mpt-2026-uae", {"of"}),
        ("of=BY&date_from=2025-02-01&date_to=2025-01-01", {"date_to"}),
        ("of=BY&date_from=2025", {"date_from"}),
        ("of=BY&format=json", {"format"}),
        ("of=BY&bom=true", {"bom"}),
        ("of=BY&limit=5", {"limit"}),
        ("of=BY&bom=true&date_from=2025-02-01&date_to=2025-01-01", {"bom", "date_to"}),
    ],
)
def test_faults_name_the_parameter(client: TestClient, query: str, at_fault: set[str]) -> None:
    assert set(faults(client, f"/v1/dossier?{query}")) == at_fault


def test_a_dossier_that_is_too_long_says_how_to_narrow_it(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_RECORDS == 50_000
    monkeypatch.setattr(dossier, "MOST_RECORDS", 100)
    answer = problem(client.get("/v1/dossier?of=BY"), 422, "invalid")
    assert answer["errors"][0]["parameter"] == "of"
    assert "more than 100 records; narrow it with date_from and date_to" in answer["detail"]
    assert client.get("/v1/dossier?of=pavel-tkach").status_code == 200


def test_a_record_that_nothing_is_known_about_has_a_dossier(client: TestClient) -> None:
    found = tables(client, "of=AQ")
    assert found.keys() == {"subject", "about"}
    assert read(client.get("/v1/dossier?of=AQ").content).sheetnames == ["About", "subject"]


def test_many_records_of_a_table_lead_to_others(database: Database) -> None:
    """More than are looked for at once; each citation and source is there once."""
    lines: list[dict[str, Any]] = [
        {"kind": "organization", "id": "club", "name": "Club", "type": "intergovernmental"},
        *({"kind": "source", "id": f"s-{n}", "title": f"Source {n}", "language": "en"} for n in range(3)),
        *({"kind": "series", "id": f"series-{n}", "name": f"Series {n:03}", "organization": "club"} for n in range(250)),
        *(
            {
                "kind": "citation",
                "record": f"series-{n}",
                "source": f"s-{n % 3}",
                "paragraph": n + 1,
                "quote": "words",
                "confidence": "stated",
            }
            for n in range(250)
        ),
    ]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        found = tables(client, "of=club")
        csv_marked = client.get("/v1/dossier?of=club&format=csv-zip&bom=true")
    assert ids(found["series"]) == [f"series-{n}" for n in range(250)]
    assert len(set(ids(found["citations"]))) == len(found["citations"]) == 250
    assert sorted(ids(found["sources"])) == ["s-0", "s-1", "s-2"]
    with zipfile.ZipFile(io.BytesIO(csv_marked.content)) as archive:
        assert all(archive.read(name).startswith(b"\xef\xbb\xbf") for name in archive.namelist())


def test_hostile_texts_stay_texts(database: Database) -> None:
    lines = [{"kind": "organization", "id": "club", "name": HOSTILE[0], "type": "intergovernmental"}]
    lines += [{"kind": "series", "id": f"series-{n}", "name": text, "organization": "club"} for n, text in enumerate(HOSTILE)]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        book = read(client.get("/v1/dossier?of=club").content)
        safe = tables(client, "of=club&csv_safe=true")
        expected = {each["id"]: each["name"] for each in walk(client, "/v1/series?limit=200")}
    cells = {row["id"].value: row["name"] for row in rows_of(book["series"])}
    assert {record_id: unescape(cell.value) for record_id, cell in cells.items()} == expected
    assert {cell.data_type for cell in cells.values()} == {"s"}
    assert not any(row["name"].startswith(("=", "+", "-", "@")) for row in safe["series"])


def test_ids_are_no_filter_that_a_client_can_use(client: TestClient) -> None:
    assert set(faults(client, f"/v1/meetings?{IDS}=sco-ict-2025")) == {IDS}


def test_a_late_ratification_of_an_old_instrument_is_in_the_window(database: Database) -> None:
    database.load(
        json.dumps({"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"}),
        json.dumps({"kind": "memorandum", "id": "paper", "name": "Paper", "date": "2010-05-01"}),
        json.dumps({"kind": "party", "memorandum": "paper", "party": "BY", "role": "party"}),
        json.dumps({"kind": "action", "of": "paper", "type": "ratified", "party": "BY", "date": "2024-03-01"}),
        json.dumps({"kind": "action", "of": "paper", "type": "signed", "date": "2010-05-01"}),
    )
    with database.client() as client:
        found = tables(client, "of=BY&date_from=2024-01-01")
    assert "memoranda" not in found
    assert [row["type"] for row in found["actions"]] == ["ratified"]
