"""CSV for spreadsheets: a byte order mark, the addresses of records, and the sources that they cite."""

import csv
import io
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.reading.paging import PagedRead
from app.resources import RESOURCES
from app.settings import ROOT
from tests.conftest import Database
from tests.test_contract import walk

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MARK = b"\xef\xbb\xbf"
each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
cited = pytest.mark.parametrize(
    "resource", [each for each in RESOURCES if "citations" in each.includes], ids=lambda resource: resource.plural
)


def table(client: TestClient, path: str, **headers: str) -> list[dict[str, str]]:
    """The rows of a CSV, by the names of their columns."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def faults(client: TestClient, path: str, **headers: str) -> dict[str, str]:
    """The faults of a refused request, by parameter."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 422, answer.text
    return {fault["parameter"]: fault["detail"] for fault in answer.json()["errors"]}


@each_resource
def test_a_byte_order_mark_stands_once_at_the_beginning_if_it_is_asked_for(client: TestClient, resource: Resource) -> None:
    plain = client.get(f"{resource.path}?format=csv").content
    assert MARK not in plain
    assert client.get(f"{resource.path}?format=csv&bom=true").content == MARK + plain
    assert client.get(f"{resource.path}?format=csv&bom=false").content == plain
    assert client.get(f"{resource.path}?bom=true", headers={"Accept": "text/csv"}).content == MARK + plain


def test_a_table_without_rows_has_the_mark_too(client: TestClient) -> None:
    assert client.get("/v1/meetings?country=AQ&format=csv&fields=name&bom=true").content == MARK + b"id,name\r\n"


def test_a_mark_goes_with_the_other_options(client: TestClient) -> None:
    path = "/v1/topics?format=csv&fields=name&csv_safe=true&csv_address=true"
    assert client.get(f"{path}&bom=true").content == MARK + client.get(path).content
    assert client.head(f"{path}&bom=true").status_code == 200


@pytest.mark.parametrize("name", ["bom", "csv_address"])
@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "*/*"),
        ("", "application/json"),
        ("format=json&", "text/csv"),
        ("format=ndjson&", "*/*"),
        ("", "application/x-ndjson"),
    ],
)
def test_other_formats_refuse_what_is_for_csv(client: TestClient, name: str, query: str, accept: str) -> None:
    told = faults(client, f"/v1/meetings?{query}{name}=true", Accept=accept)
    assert told == {name: f"only csv has this; send format=csv, or leave {name} out"}
    assert client.get(f"/v1/meetings?{query}{name}=false", headers={"Accept": accept}).status_code == 200


def test_all_that_is_for_csv_is_refused_together(client: TestClient) -> None:
    assert list(faults(client, "/v1/meetings?bom=true&csv_address=true&sort=name,name")) == ["bom", "csv_address", "sort"]


def test_a_mark_is_a_matter_of_lists(client: TestClient) -> None:
    assert list(faults(client, "/v1/meetings/sco-ict-2025?bom=true")) == ["bom"]
    assert list(faults(client, "/v1/meetings?format=csv&bom=maybe")) == ["bom"]


@each_resource
def test_the_address_of_each_record_leads_to_it(client: TestClient, resource: Resource) -> None:
    rows = table(client, f"{resource.path}?format=csv&csv_address=true&sort=id")
    assert rows
    assert list(rows[0])[-1] == "address"
    assert "address" not in resource.model.model_fields
    for row in rows[:5]:
        assert row["address"] == f"http://testserver{resource.path}/{row['id']}"
        assert client.get(row["address"]).json()["id"] == row["id"]
    fewer = table(client, f"{resource.path}?format=csv&csv_address=true&fields=version&sort=id")
    assert [list(fewer[0]), [row["address"] for row in fewer]] == [
        ["id", "version", "address"],
        [row["address"] for row in rows],
    ]


@cited
@pytest.mark.parametrize("lang", ["", "&lang=ru"])
def test_the_sources_of_each_record_stand_in_its_row(client: TestClient, resource: Resource, lang: str) -> None:
    rows = table(client, f"{resource.path}?format=csv&include=citations&fields=version&sort=id{lang}")
    records = walk(client, f"{resource.path}?limit=200&include=citations&fields=version&sort=id{lang}")
    assert [_row(record) for record in records] == rows


def _row(record: dict[str, Any]) -> dict[str, str]:
    sources = [citation["source"] for citation in record["citations"]]
    links = [citation["link"] or "" for citation in record["citations"]]
    return {
        "id": record["id"],
        "version": str(record["version"]),
        "citations.source.id": "; ".join(source["id"] for source in sources),
        "citations.source.name": "; ".join(source["name"] for source in sources),
        "citations.link": "; ".join(links) if any(links) else "",
    }


def test_the_first_data_set_shows_sources_in_tables(client: TestClient) -> None:
    rows = table(client, "/v1/meetings?format=csv&include=citations,topics&fields=name&csv_address=true")
    columns = ["topics.id", "topics.name", "citations.source.id", "citations.source.name", "citations.link", "address"]
    assert list(rows[0]) == ["id", "name", *columns]
    assert any(row["citations.link"].startswith("https://") for row in rows)


def test_no_source_is_left_out_and_one_without_an_address_keeps_its_place(database: Database) -> None:
    """A page of JSON embeds 200 citations at most and links to the rest; a table has no such link, so it shows all."""
    lines = [
        {"kind": "topic", "id": "cited", "name": "Cited"},
        {"kind": "topic", "id": "uncited", "name": "Uncited"},
        {"kind": "source", "id": "a-printed", "title": "Газета; утренний выпуск", "language": "ru"},
        {"kind": "source", "id": "b-online", "title": "Online", "language": "en", "url": "https://online.example/page"},
    ]
    citations = [
        {"kind": "citation", "record": "cited", "source": source, "paragraph": number, "quote": "слово", "confidence": "stated"}
        for source in ("a-printed", "b-online")
        for number in range(1, 106)
    ]
    database.load(*(json.dumps(line, ensure_ascii=False) for line in [*lines, *citations]))
    with database.client() as client:
        found, uncited = table(client, "/v1/topics?format=csv&include=citations&sort=id")
        json_page = client.get("/v1/topics/cited?include=citations").json()
    assert len(json_page["citations"]) == 200
    assert "citations_more" in json_page
    assert found["citations.source.id"].split("; ") == ["a-printed"] * 105 + ["b-online"] * 105
    links = found["citations.link"].split("; ")
    assert links[:105] == [""] * 105
    assert all(link.startswith("https://online.example/page#:~:text=") for link in links[105:])
    assert len(links) == 210
    assert {value for name, value in uncited.items() if name.startswith("citations.")} == {""}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
def test_other_related_records_are_refused_and_the_fault_says_what_a_table_takes(
    client: TestClient, resource: Resource
) -> None:
    for name in resource.includes:
        answer = client.get(f"{resource.path}?format=csv&include={name}")
        if name == "citations":
            assert answer.status_code == 200
            continue
        told = faults(client, f"{resource.path}?format=csv&include={name}")["include"]
        assert told.startswith("a table has no room for related records")
        assert ("but citations" in told) == ("citations" in resource.includes)
        assert told.endswith("ask for json or ndjson")
    assert any("citations" in each.includes for each in RESOURCES)
    assert "citations" not in next(each for each in RESOURCES if each.kind is Kind.CITATION).includes


def test_the_parameter_says_what_a_table_takes(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for resource in RESOURCES:
        told = {each["name"]: each["description"] for each in paths[resource.path]["get"]["parameters"]}
        assert ("CSV takes only these, and `citations`" in told["include"]) == ("citations" in resource.includes)
        assert "Excel" in told["bom"]
        assert "address" in told["csv_address"]


# -- further columns -----------------------------------------------------------------------------------------------------


@each_resource
@pytest.mark.parametrize("lang", ["", "&lang=ru"])
def test_columns_add_what_is_no_field(client: TestClient, resource: Resource, lang: str) -> None:
    """Each cell is compared with what JSON says of the record."""
    arrays = ["topics", *(["countries"] if "countries" in resource.model.model_fields else [])]
    cited_too = ["citation"] if "citations" in resource.includes else []
    asked = ["name.ru", *arrays, "identifiers.wikidata", *cited_too, "name.zh-CN"]
    rows = table(client, f"{resource.path}?format=csv&fields=version&columns={','.join(asked)}&sort=id{lang}")
    include = ",".join([*arrays, "names", "identifiers", *(["citations"] if cited_too else [])])
    records = walk(client, f"{resource.path}?limit=200&fields=version&include={include}&sort=id{lang}")
    assert [row["id"] for row in rows] == [record["id"] for record in records]
    for row, record in zip(rows, records, strict=True):
        expected = {"id": record["id"], "version": str(record["version"])}
        for name in sorted(arrays, key=list(resource.model.model_fields).index):
            expected |= {f"{name}.{part}": "; ".join(each[part] for each in record[name]) for part in ("id", "name")}
        in_russian = {name["text"] for name in record["names"] if name["language"] == "ru"}
        assert row["name.ru"] in (in_russian or {""})
        assert bool(row["name.ru"]) == bool(in_russian)
        expected["name.ru"] = row["name.ru"]
        found = [each["identifier"] for each in record["identifiers"] if each["scheme"] == "wikidata"]
        expected["identifiers.wikidata"] = "; ".join(found)
        if cited_too:
            first = record["citations"][0] if record["citations"] else {}
            source = first.get("source", {})
            expected["citation.quote"], expected["citation.link"] = first.get("quote", ""), first.get("link") or ""
            expected |= {f"citation.source.{part}": source.get(part, "") for part in ("id", "name")}
        expected["name.zh-CN"] = row["name.zh-CN"]
        assert row == expected


def test_the_first_data_set_has_values_in_further_columns(client: TestClient) -> None:
    meetings = table(client, "/v1/meetings?format=csv&columns=countries,citation,name.ru")
    assert any(row["countries.id"] == "BY; CN" and row["citation.link"].startswith("https://") for row in meetings)
    by = next(row for row in table(client, "/v1/countries?format=csv&columns=name.ru,name.zh,name.fr") if row["id"] == "BY")
    assert (by["name"], by["name.ru"], by["name.zh"]) == ("Belarus", "Беларусь", "白俄罗斯")
    assert list(by)[-3:] == ["name.ru", "name.zh", "name.fr"]


def test_a_table_may_have_each_of_an_array_once(client: TestClient) -> None:
    both = table(client, "/v1/meetings?format=csv&fields=name&include=topics&columns=topics,name.ru")
    assert list(both[0]) == ["id", "name", "topics.id", "topics.name", "name.ru"]


def test_an_identifier_and_a_name_are_those_of_their_scheme_and_language(database: Database) -> None:
    names = [{"language": language, "text": text, "type": "official"} for language, text in (("ru", "Тема"), ("pt", "Tema"))]
    schemes = (("wikidata", "Q2"), ("ror", "01abc23"), ("wikidata", "Q10"))
    identifiers = [{"scheme": scheme, "identifier": identifier} for scheme, identifier in schemes]
    database.load(json.dumps({"kind": "topic", "id": "a", "name": "Topic", "names": names, "identifiers": identifiers}))
    with database.client() as client:
        columns = "identifiers.wikidata,name.pt-BR,identifiers.ror,identifiers.doi,name.en,name.ru"
        (row,) = table(client, f"/v1/topics?format=csv&fields=version&columns={columns}")
    told = (*(row[f"identifiers.{scheme}"] for scheme in ("wikidata", "ror", "doi")), row["name.pt-BR"], row["name.ru"])
    assert told == ("Q2; Q10", "01abc23", "", "Tema", "Тема")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            "colour",
            "'colour' is no column that can be added; there are topics, countries, citation, identifiers.SCHEME, name.LAN",
        ),
        ("name", "'name' is no column"),
        ("name.", "'name.' is no column"),
        ("name.r u", "'name.r u' is no column"),
        ("name.рус", "is no column"),
        ("identifiers.Wikidata", "is no column"),
        ("citation.quote", "is no column"),
        ("", "is no column"),
        ("topics,topics", "names a column twice"),
        ("name." + "x" * 4_000, "is no column"),
        (",".join(f"name.{chr(97 + n)}{chr(97 + n)}" for n in range(21)), "at most 20 items"),
    ],
)
def test_a_column_that_there_is_not_is_a_fault(client: TestClient, columns: str, told: str) -> None:
    fault = faults(client, f"/v1/meetings?format=csv&columns={columns}")["columns"]
    assert told in fault
    assert len(fault) < 300


def test_columns_are_a_matter_of_tables(client: TestClient) -> None:
    assert faults(client, "/v1/meetings?columns=topics") == {
        "columns": "only a table has columns; send format=csv or xlsx, or use include"
    }
    assert "columns" in faults(client, "/v1/meetings?format=ndjson&columns=topics")
    assert "citation" not in faults(client, "/v1/citations?format=csv&columns=x")["columns"]
    assert client.get("/v1/meetings?columns=topics", headers={"Accept": "text/csv"}).status_code == 200


# -- how many ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_limit_bounds_a_whole_list(client: TestClient, form: str) -> None:
    def ids(query: str) -> list[str]:
        text = client.get(f"/v1/citations?format={form}&sort=id{query}").text
        lines = text.splitlines()
        return (
            [row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))]
            if form == "csv"
            else [json.loads(line)["id"] for line in lines]
        )

    whole = ids("")
    assert len(whole) > 200
    for limit in (1, 49, 50, 51, 200, 201, len(whole), 1_000_000):
        assert ids(f"&limit={limit}") == whole[:limit]
    assert "limit" in faults(client, f"/v1/citations?format={form}&limit=1000001")
    assert "limit" in faults(client, f"/v1/citations?format={form}&limit=0")
    assert faults(client, "/v1/citations?limit=201")["limit"].startswith("a page of json has at most 200 records")


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_whole_list_that_is_there_already_is_not_read_again(
    client: TestClient, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(f"/v1/meetings?format={form}")
    monkeypatch.setattr(PagedRead, "pages", None)
    assert client.get(f"/v1/meetings?format={form}", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert client.head(f"/v1/meetings?format={form}", headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_a_whole_list_has_another_tag_after_any_write(database: Database) -> None:
    with database.client() as client:
        database.load('{"kind": "topic", "id": "a", "name": "A"}')
        before = client.get("/v1/topics?format=csv").headers["etag"]
        assert client.get("/v1/topics?format=csv").headers["etag"] == before
        assert client.get("/v1/topics?format=csv&bom=true").headers["etag"] != before
        database.load('{"kind": "topic", "id": "b", "name": "B"}')
        again = client.get("/v1/topics?format=csv", headers={"If-None-Match": before})
        assert (again.status_code, again.headers["etag"] != before) == (200, True)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("text/csv, */*;q=0.1", "text/csv; charset=utf-8"),
        ("text/csv;q=0.9, */*;q=0.8", "text/csv; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "application/json"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, text/csv;q=0.5", XLSX),
        ("application/vnd.ms-excel, text/csv;q=0.9, */*;q=0.1", "text/csv; charset=utf-8"),
    ],
)
def test_spreadsheets_and_browsers_get_what_they_ask_for(client: TestClient, accept: str, expected: str) -> None:
    assert client.get("/v1/topics?limit=2", headers={"Accept": accept}).headers["content-type"] == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "meetings"),
        ("country=CN&date_from=2025-01-01&date_to=2025-12-31", "meetings-country-CN-2025"),
        ("date_from=2025-06-16&lang=ru&limit=3", "meetings-from-2025-06-16-ru"),
        ("date_to=2025-06-16", "meetings-to-2025-06-16"),
        ("q=совещание%20/../..%22%0d%0a&sort=name", "meetings-q-soveshchanie"),
        ("topic=artificial-intelligence&topic=networks", "meetings-topic-artificial-intelligence-networks"),
        ("city=" + "ж" * 200, "meetings-city-" + "zh" * 43),
    ],
)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_is_named_by_what_was_asked_for(client: TestClient, query: str, name: str, form: str) -> None:
    answer = client.get(f"/v1/meetings?format={form}&{query}")
    assert answer.status_code == 200, answer.text
    seq, _, _ = client.get("/v1/export").headers["rapporteur-position"].partition(".")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}-{seq}.{form}"'


def test_the_address_of_the_page_gives_the_columns_that_it_tells_of(client: TestClient) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (address,) = re.findall(r"http://127\.0\.0\.1:8000(/v1/meetings\?format=csv\S+)", page)
    answer = client.get(address)
    assert answer.content.startswith(MARK)
    columns = next(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    told = re.findall(r"`((?:topics|citations)\.[a-z.]+|names|identifiers|address)`", page)
    assert set(told) <= set(columns)
    assert len(set(told)) == 8
