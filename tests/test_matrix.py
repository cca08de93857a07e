"""The matrix: each number is the total of the list to which it links, whatever is counted, and by whatever."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.views.matrix import Counts, Matrices, Wanted
from tests.conftest import Database
from tests.synthetic import COUNTRIES, MEMORANDUM_TYPES, STATUSES, TYPES, registry
from tests.test_contract import get

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

MODEL = registry()
DIMENSIONS = ("country", "organization", "topic", "type", "year")
PAIRS = [
    (rows, columns) for rows, columns in product(DIMENSIONS, repeat=2) if rows != columns or rows in ("country", "organization")
]
WORDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "meetings": (TYPES, STATUSES),
    "memoranda": (MEMORANDUM_TYPES, ("signed", "draft")),
    "outcomes": (("proposal", "pledge"), ("open", "realized")),
}
KINDS = {"meetings": "meeting", "memoranda": "memorandum", "outcomes": "outcome"}
matrices_asked = settings(derandomize=True, deadline=None, max_examples=60)


def counted(link: str) -> int:
    """How many records a list has, by the rules in plain Python."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    assert query.pop("count") == ["true"]
    return len(MODEL.answer(KINDS[parts.path.removeprefix("/v1/")], query, ["id"]))


def links_of(matrix: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Every number of a matrix with its link."""
    for axis in ("rows", "columns"):
        yield from ((each["total"], each["link"]) for each in matrix[axis]["values"])
    for row in matrix["cells"]:
        yield from ((cell["count"], cell["link"]) for cell in row)


@st.composite
def filters(draw: st.DrawFn, of: str) -> dict[str, list[str]]:
    """What a matrix may be narrowed by: at most two of its filters."""
    types: Sequence[str] = MEMORANDUM_TYPES if of == "memoranda" else ("proposal", "pledge") if of == "outcomes" else TYPES
    statuses: Sequence[str] = (
        ("signed", "draft") if of == "memoranda" else ("open", "realized") if of == "outcomes" else STATUSES
    )
    known = {
        "participant": st.sampled_from([*COUNTRIES, "body-03", "body-10", "person-07"]).map(lambda each: [each]),
        "topic": st.lists(st.sampled_from(MODEL.ids("topic")), min_size=1, max_size=2, unique=True),
        "type": st.lists(st.sampled_from(types), min_size=1, max_size=2, unique=True),
        "status": st.lists(st.sampled_from(statuses), min_size=1, max_size=2, unique=True),
        "window": st.sampled_from(
            [("2010-03-05", ""), ("", "2012-11-30"), ("2009-06-01", "2015-02-10"), ("2020-01-01", "2020-01-02")]
        ),
    }
    names = draw(st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True))
    found: dict[str, list[str]] = {}
    for name in names:
        value = draw(known[name])
        if name == "window":
            found |= {bound: [day] for bound, day in zip(("date_from", "date_to"), value, strict=True) if day}
        else:
            found[name] = list(value)
    return found


@matrices_asked
@given(data=st.data(), of=st.sampled_from(sorted(KINDS)), pair=st.sampled_from(PAIRS), limit=st.sampled_from([3, 7, 100]))
def test_every_number_is_what_the_rules_count(
    reading: TestClient,
    data: st.DataObject,
    of: str,
    pair: tuple[str, str],
    limit: int,
) -> None:
    given_filters = data.draw(filters(of))
    query = {"of": [of], "rows": [pair[0]], "columns": [pair[1]], "limit": [str(limit)], **given_filters}
    matrix = get(reading, f"/v1/matrix?{urlencode(query, doseq=True)}")
    found = list(links_of(matrix))
    assert [number for number, _ in found] == [counted(link) for _, link in found]
    narrowed = dict(given_filters)
    if of == "memoranda" and "participant" in narrowed:
        narrowed["party"] = narrowed.pop("participant")
    records = MODEL.answer(KINDS[of], narrowed, ["id"])
    assert matrix["records"] == len(records)
    without_window = {name: values for name, values in narrowed.items() if not name.startswith("date_")}
    undated = [
        each for each in MODEL.answer(KINDS[of], without_window, ["id"]) if MODEL.bounds(MODEL.records[each]).start < "0002"
    ]
    assert matrix["undated"] == len(undated)
    for axis, dimension in zip(("rows", "columns"), pair, strict=True):
        values = values_of(dimension, KINDS[of], records, given_filters)
        shown = {each["id"] for each in matrix[axis]["values"]}
        assert len(shown) == len(matrix[axis]["values"]) == min(limit, len(values))
        left = sorted((values[each] for each in values.keys() - shown), reverse=True)
        assert matrix[axis]["left_out"] == {"values": len(left), "total": sum(left)}
        if left:
            assert left[0] <= min(values[each] for each in shown), "the largest are shown"


def values_of(dimension: str, kind: str, records: list[str], given_filters: Mapping[str, list[str]]) -> dict[str, int]:
    """How many of the records have each value of a dimension, by the rules."""
    found: dict[str, int] = {}
    for key in records:
        record = MODEL.records[key]
        match dimension:
            case "country" | "organization":
                several = {each for each in MODEL.actors[key] if MODEL.records[each]["kind"] == dimension}
            case "topic":
                several = set(MODEL.values(record, "topic"))
                if "topic" in given_filters:
                    below = {
                        t
                        for t in MODEL.ids("topic")
                        if not MODEL.values({"kind": kind, "topics": [t]}, "topic").isdisjoint(given_filters["topic"])
                    }
                    several &= below
            case "type":
                several = {record["type"]} if "type" in record else set()
            case _:
                first, last = MODEL.bounds(record)
                low = given_filters.get("date_from", ["0002"])[0][:4]
                high = given_filters.get("date_to", ["9998"])[0][:4]
                span = range(max(int(first[:4]), int(low)), min(int(last[:4]), int(high)) + 1)
                several = {f"{year:04}" for year in span} if first > "0002" else set()
        for value in several:
            found[value] = found.get(value, 0) + 1
    return found


@pytest.mark.parametrize(
    "query",
    [
        "rows=country&columns=topic&limit=3",
        "rows=country&columns=country&of=memoranda&limit=3",
        "rows=topic&columns=year&of=outcomes&limit=2&participant=BY",
        "rows=type&columns=year&date_from=2025-06-17&date_to=2026-03-01&topic=digital-transformation",
        "rows=organization&columns=type&status=held&limit=2",
    ],
)
def test_the_lists_have_these_totals(client: TestClient, query: str) -> None:
    """The lists themselves, of the first data set; the rules in plain Python are asked of the made-up one."""
    found = list(links_of(get(client, f"/v1/matrix?{query}")))
    assert len(found) > 4
    for number, link in found:
        assert get(client, link)["page"]["total"] == number, link


def cell(matrix: Mapping[str, Any], row: str, column: str) -> int:
    places = [[each["id"] for each in matrix[axis]["values"]] for axis in ("rows", "columns")]
    number: int = matrix["cells"][places[0].index(row)][places[1].index(column)]["count"]
    return number


def test_the_first_data_set_counted_by_hand(client: TestClient) -> None:
    matrix = get(client, "/v1/matrix?rows=country&columns=country")
    assert (matrix["records"], matrix["undated"]) == (18, 1)
    assert cell(matrix, "BY", "CN") == cell(matrix, "CN", "BY") == 4
    assert cell(matrix, "BY", "AE") == 3
    assert cell(matrix, "BY", "BY") == 13
    assert cell(matrix, "BY", "UZ") == 0

    matrix = get(client, "/v1/matrix?rows=country&columns=year")
    years = [each["id"] for each in matrix["columns"]["values"]]
    assert years == ["2003", "2004", "2005", "2009", "2016", "2021", "2022", "2024", "2025", "2026"]
    assert [cell(matrix, "BY", year) for year in years] == [1, 0, 1, 1, 0, 0, 0, 1, 7, 1]

    matrix = get(client, "/v1/matrix?rows=topic&columns=type&participant=BY")
    assert cell(matrix, "digital-transformation", "talks") == 2
    assert cell(matrix, "electronic-services", "visit") == cell(matrix, "e-government", "visit") == 1, "a wider topic"


def test_a_record_counts_in_each_year_that_its_date_can_mean(database: Database) -> None:
    database.load(
        *(
            f'{{"kind": "meeting", "id": "m{number}", "name": "M", "date": "{date}", "type": "talks"}}'
            for number, date in enumerate(["2019-12-30/2020-01-02", "201X", "2020", "2020-05", "2021~", "../2013-03-01"])
        ),
        '{"kind": "meeting", "id": "undated", "name": "M", "type": "talks"}',
    )
    with database.client() as client:
        matrix = get(client, "/v1/matrix?rows=type&columns=year")
        assert {each["id"]: each["total"] for each in matrix["columns"]["values"]} == {
            **{str(year): 1 for year in (2010, 2011, 2014, 2015, 2016, 2017, 2018)},
            "2012": 2,
            "2013": 2,
            "2019": 2,
            "2020": 4,
            "2021": 1,
            "2022": 1,
        }
        assert (matrix["records"], matrix["undated"]) == (7, 1)
        assert "both" in " ".join(matrix["notes"])
        for number, link in links_of(matrix):
            assert get(client, link)["page"]["total"] == number, link
        narrowed = get(client, "/v1/matrix?rows=type&columns=year&date_from=2020-01-02&date_to=2020-06-30")
        assert [(each["id"], each["total"]) for each in narrowed["columns"]["values"]] == [("2020", 4)]
        assert (narrowed["records"], narrowed["undated"]) == (4, 1)


def test_all_formats_have_the_same_numbers(client: TestClient) -> None:
    query = "/v1/matrix?rows=country&columns=topic&lang=ru&limit=5"
    matrix = get(client, query)
    numbers = [each["count"] for row in matrix["cells"] for each in row]
    assert matrix["rows"]["values"][0]["name"] == "Беларусь"

    table = client.get(f"{query}&format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    position = client.get("/v1/changes?limit=1000").json()["page"]["position"]
    assert matrix["as_of"] == table.headers["rapporteur-position"] == position
    name = f"matrix-meetings-country-topic-{position.partition('.')[0]}.csv"
    assert table.headers["content-disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert list(rows[0]) == ["country.id", "country.name", "topic.id", "topic.name", "count", "link"]
    assert [int(row["count"]) for row in rows] == numbers
    assert get(client, rows[0]["link"])["page"]["total"] == numbers[0]

    dataset = get(client, f"{query}&format=jsonstat")
    assert (dataset["version"], dataset["class"], dataset["id"]) == ("2.0", "dataset", ["country", "topic"])
    assert dataset["size"] == [len(matrix[axis]["values"]) for axis in ("rows", "columns")]
    assert dataset["value"] == numbers
    assert dataset["dimension"]["country"]["category"]["label"]["BY"] == "Беларусь"
    assert dataset["extension"]["as_of"] == position
    assert dataset["role"] == {"geo": ["country"]}


def test_formats_lead_to_one_another(client: TestClient) -> None:
    answer = client.get("/v1/matrix?rows=country&columns=topic&format=json&lang=ru")
    links = dict(re.findall(r"<(\?[^>]+)>; rel=\"alternate\"; type=\"([^\"]+)\"", answer.headers["link"]))
    assert list(links.values()) == ["text/csv", "application/json"]
    for link, media_type in links.items():
        other = client.get(f"/v1/matrix{link}")
        assert other.headers["content-type"].startswith(media_type)
        assert "Беларусь" in other.text
    by_accept = client.get("/v1/matrix?rows=country&columns=topic&lang=ru", headers={"Accept": "text/csv"})
    assert by_accept.text == client.get("/v1/matrix?rows=country&columns=topic&lang=ru&format=csv").text


def test_a_table_for_spreadsheets(database: Database) -> None:
    database.load(
        '{"kind": "topic", "id": "t", "name": "=1+1"}', '{"kind": "meeting", "id": "m", "name": "M", "topics": ["t"]}'
    )
    with database.client() as client:
        query = "/v1/matrix?rows=topic&columns=type&format=csv"
        assert client.get(query).text.splitlines() == ["topic.id,topic.name,type,count,link"]
        database.load('{"kind": "meeting", "id": "m", "name": "M", "topics": ["t"], "type": "talks"}')
        assert client.get(query).text.splitlines()[1].startswith("t,=1+1,talks,1,")
        safe = client.get(f"{query}&csv_safe=true&bom=true").text
        assert safe.startswith("\ufefftopic.id")
        assert safe.splitlines()[1].startswith("t,'=1+1,talks,1,")


def test_nothing_is_counted_again_until_something_is_written(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.seed()
    counts = []
    count = Matrices.count

    async def counting(self: Matrices, wanted: Wanted) -> Counts:
        counts.append(wanted)
        return await count(self, wanted)

    monkeypatch.setattr(Matrices, "count", counting)
    with database.client() as client:
        query = "/v1/matrix?rows=country&columns=topic"
        first = client.get(query)
        assert client.get(f"{query}&lang=ru&format=csv").status_code == 200
        assert client.get(query).content == first.content
        assert client.get(query, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        assert len(counts) == 1
        database.load('{"kind": "topic", "id": "new", "name": "New"}')
        again = client.get(query, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, len(counts)) == (200, 2)
        assert again.json() == first.json() | {"as_of": again.headers["rapporteur-position"]}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {"rows", "columns"}),
        ("rows=country&columns=planet", {"columns"}),
        ("rows=topic&columns=topic", {"columns"}),
        ("rows=country&columns=topic&of=people", {"of"}),
        (
            "rows=country&columns=topic&topic=nothing&participant=nobody&type=proposal&status=signed",
            {"topic", "participant", "type", "status"},
        ),
        ("rows=country&columns=topic&topic=BY", {"topic"}),
        ("rows=country&columns=year&date_from=2025-01-01&date_to=2024-01-01", {"date_to"}),
        ("rows=country&columns=year&date_from=2025", {"date_from"}),
        ("rows=country&columns=topic&limit=201", {"limit"}),
        ("rows=country&columns=topic&limit=0", {"limit"}),
        ("rows=country&columns=topic&format=xlsx", {"format"}),
        ("rows=country&columns=topic&bom=true", {"bom"}),
        ("rows=country&columns=topic&participant=BY&participant=CN", {"participant"}),
        ("rows=country&columns=topic&colour=red", {"colour"}),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, query: str, parameters: set[str]) -> None:
    answer = client.get(f"/v1/matrix?{query}")
    assert answer.status_code == 422
    assert {each["parameter"] for each in answer.json()["errors"]} == parameters


def test_other_names_mean_the_same(client: TestClient) -> None:
    for value in ("by", "BLR", "112"):
        assert get(client, f"/v1/matrix?rows=topic&columns=year&participant={value}") == get(
            client, "/v1/matrix?rows=topic&columns=year&participant=BY"
        )


def test_an_empty_registry_has_an_empty_matrix(database: Database) -> None:
    with database.client() as client:
        for rows, columns in PAIRS:
            matrix = get(client, f"/v1/matrix?rows={rows}&columns={columns}")
            assert (matrix["cells"], matrix["records"], matrix["undated"]) == ([], 0, 0)
            assert get(client, f"/v1/matrix?rows={rows}&columns={columns}&format=jsonstat")["value"] == []
