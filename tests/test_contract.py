"""What every collection promises, derived from the resources' own declarations."""

import csv
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app.db.postgres import PostgresDriver
from app.db.sqlite_driver import SqliteDriver
from app.declaration.model import AnyRef, OnDay, Part, Ref
from app.declaration.resource import Resource
from app.reading.shapes import FieldPlan, field_plans
from app.resources import RESOURCES
from tests.conftest import Database

BY_KIND = {resource.kind: resource for resource in RESOURCES}
each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
PLANS = {resource.kind: field_plans(resource) for resource in RESOURCES}


def get(client: TestClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(client: TestClient, path: str) -> list[dict[str, Any]]:
    """All records of a list, page by page, by the links it gives."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        page = get(client, following)
        assert len(page["data"]) <= page["page"]["limit"]
        found += page["data"]
        following = page["links"]["next"]
        assert (following is None) == (page["page"]["next_cursor"] is None)
    return found


def conforms(
    record: dict[str, Any], resource: Resource, *, parts: bool, on_day: bool = False, included: tuple[str, ...] = ()
) -> None:
    """The record is what its read model says, key for key in the model's order."""
    plans = [
        plan
        for plan in PLANS[resource.kind]
        if (parts or not isinstance(plan.source, Part) or plan.source.in_lists or plan.name in included)
        and (on_day or not isinstance(plan.source, OnDay))
    ]
    related = [name for name in resource.includes if name in included]
    more = [key for key in record if key.endswith("_more")]
    assert list(record) == [plan.name for plan in plans] + [key for key in record if key in related or key in more]
    assert set(related) <= set(record)
    own = {name: value for name, value in record.items() if name not in related and name not in more}
    for plan in PLANS[resource.kind]:
        own.setdefault(plan.name, [] if isinstance(plan.source, Part) else None)
    resource.model.model_validate(own)
    assert own["kind"] == resource.kind
    for name in related:
        for child in record[name]:
            conforms(child, BY_KIND[resource.includes[name].kind], parts=False)


@each_resource
def test_lists_and_singles_hold_their_read_model(client: TestClient, resource: Resource) -> None:
    listed = walk(client, f"{resource.path}?limit=200")
    assert listed, "the first data set has every kind of record"
    for record in listed:
        conforms(record, resource, parts=False)
    for record in listed[:25]:
        single = get(client, f"{resource.path}/{record['id']}")
        conforms(single, resource, parts=True)
        assert {name: single[name] for name in record} == record
        assert get(client, f"/v1/records/{record['id']}") == single


@each_resource
def test_includes_embed_what_refers_to_the_record(client: TestClient, resource: Resource) -> None:
    parts = [plan.name for plan in PLANS[resource.kind] if isinstance(plan.source, Part)]
    names = [*resource.includes, *parts]
    found = 0
    for record in walk(client, f"{resource.path}?limit=200&include={','.join(names)}"):
        conforms(record, resource, parts=True, included=tuple(names))
        single = get(client, f"{resource.path}/{record['id']}?include={'&include='.join(names)}")
        assert single == record
        for name, include in resource.includes.items():
            for child in record[name]:
                field, _, member = include.through.partition(".")
                references = [each[member] or {} for each in child[field]] if member else [child[field]]
                assert record["id"] in [each.get("id") for each in references]
                found += 1
            there = get(client, f"{BY_KIND[include.kind].path}?{include.found_by}={record['id']}&limit=200&count=true")
            assert there["page"]["total"] >= len(record[name])
        if found > 200:
            break
    assert found or not resource.includes


@each_resource
def test_every_sort_orders_and_every_cursor_walks_it(client: TestClient, resource: Resource) -> None:
    everything = {record["id"] for record in walk(client, f"{resource.path}?limit=200&fields=id")}
    orders: dict[str, list[str]] = {}
    for key in resource.sorts:
        for sort in (key, f"-{key}"):
            path = f"{resource.path}?sort={sort}&fields=id"
            at_once = [record["id"] for record in walk(client, f"{path}&limit=200")]
            in_pages = [record["id"] for record in walk(client, f"{path}&limit=7")]
            assert at_once == in_pages
            assert set(at_once) == everything
            assert len(at_once) == len(everything)
            orders[sort] = at_once
    assert orders["-id"] == orders["id"][::-1] == sorted(everything, reverse=True)
    assert orders[resource.default_sort] == [record["id"] for record in walk(client, f"{resource.path}?limit=200")]


@pytest.mark.parametrize(
    ("path", "first_day"),
    [
        ("/v1/meetings", "date_start"),
        ("/v1/memoranda", "date_start"),
        ("/v1/outcomes", "date_start"),
        ("/v1/actions", "date_start"),
        ("/v1/participants", "date_start"),
        ("/v1/memberships", "since_start"),
        ("/v1/sources", "published_start"),
        ("/v1/organizations", "founded_start"),
    ],
)
def test_what_has_no_date_comes_last_in_both_directions(client: TestClient, path: str, first_day: str) -> None:
    key = first_day.removesuffix("_start")
    for sort, backwards in ((key, False), (f"-{key}", True)):
        days = [record[first_day] for record in walk(client, f"{path}?sort={sort}&limit=5")]
        dated = [day for day in days if day is not None]
        assert days == dated + [None] * (len(days) - len(dated))
        assert dated == sorted(dated, reverse=backwards)


@pytest.mark.parametrize("sort", ["-date,name", "date,-name", "name,-updated_at", "-date,-name,id"])
def test_several_sort_keys(client: TestClient, sort: str) -> None:
    found = walk(client, f"/v1/meetings?sort={sort}&limit=4")
    assert [record["id"] for record in found] == [
        record["id"] for record in walk(client, f"/v1/meetings?sort={sort}&limit=200")
    ]
    assert len({record["id"] for record in found}) == len(found) == len(walk(client, "/v1/meetings"))
    if sort.startswith("-date"):
        days = [record["date_start"] or "" for record in found]
        assert days == sorted(days, reverse=True)


@each_resource
def test_every_filter_narrows(client: TestClient, resource: Resource) -> None:
    """Each filter's documented example finds something that is among all, unless it can find nothing in the seed."""
    everything = {record["id"] for record in walk(client, f"{resource.path}?limit=200&fields=id")}
    for name, entry in resource.filters.items():
        assert entry.example, f"{resource.plural}: {name} has no example"
        page = get(client, f"{resource.path}?{name}={quote(entry.example)}&limit=200&count=true")
        found = [record["id"] for record in page["data"]]
        assert page["page"]["total"] == len(found) or page["page"]["next_cursor"]
        assert set(found) <= everything
        if entry.multiple:
            twice = get(client, f"{resource.path}?{name}={quote(entry.example)}&{name}={quote(entry.example)}&limit=200")
            assert [record["id"] for record in twice["data"]] == found


FINDS_NOTHING_IN_THE_SEED = {
    "uncited",  # everything is cited
    "on_behalf_of",  # nobody acted for another country
    "presence",
    "meeting_format",
    "signed_by",
    "term",  # no document of the seed says for how long
    "term_from",
    "interviewee",  # none is an interview
    "held_by",
    "carrier",
    "giver",
    "topic",  # of some kinds, no record has one
    "topic_exact",
    "identifier",  # few records have one
}


@each_resource
def test_examples_of_filters_find_something(client: TestClient, resource: Resource) -> None:
    for name, entry in resource.filters.items():
        if name not in FINDS_NOTHING_IN_THE_SEED:
            page = get(client, f"{resource.path}?{name}={quote(entry.example or '')}")
            assert page["data"], f"{resource.path}?{name}={entry.example}"


def test_equality_filters_keep_what_equals_and_nothing_else(client: TestClient) -> None:
    everything = walk(client, "/v1/meetings?limit=200")
    for word in {record["type"] for record in everything} - {None}:
        found = walk(client, f"/v1/meetings?type={word}")
        assert [record["id"] for record in found] == [record["id"] for record in everything if record["type"] == word]
    either = walk(client, "/v1/meetings?country=CN&country=UZ")
    assert {record["country"]["id"] for record in either} == {"CN", "UZ"}
    both = walk(client, "/v1/meetings?country=CN&type=forum")
    assert {(record["country"]["id"], record["type"]) for record in both} == {("CN", "forum")}


@pytest.mark.parametrize(
    "window", [("2004-01-01", "2004-01-01"), ("2009-11-15", None), (None, "2005-11-17"), ("2025-06-18", "2025-06-18")]
)
def test_a_window_keeps_what_overlaps_it(client: TestClient, window: tuple[str | None, str | None]) -> None:
    start, end = window
    query = "&".join(f"{name}={day}" for name, day in (("date_from", start), ("date_to", end)) if day)
    found = [record["id"] for record in walk(client, f"/v1/meetings?{query}&limit=3")]
    wanted = [
        record["id"]
        for record in walk(client, "/v1/meetings?limit=200")
        if record["date_start"] and (not start or record["date_end"] >= start) and (not end or record["date_start"] <= end)
    ]
    assert found == wanted
    assert wanted


@each_resource
def test_fields_narrow(client: TestClient, resource: Resource) -> None:
    for plan in PLANS[resource.kind]:
        if isinstance(plan.source, OnDay):
            continue
        (first, *_) = get(client, f"{resource.path}?fields={plan.name}&limit=1")["data"]
        assert set(first) == {"id", plan.name}
    wanted = ["id", "kind", "version"]
    (first, *_) = get(client, f"{resource.path}?fields={','.join(wanted)}&limit=1")["data"]
    assert list(first) == wanted
    assert list(get(client, f"{resource.path}/{first['id']}?fields=kind&fields=version")) == wanted


def _flat(record: dict[str, Any], plans: list[FieldPlan]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for plan in plans:
        value = record[plan.name]
        if plan.annotation == list[Ref]:
            cells |= {f"{plan.name}.{key}": "; ".join(each[key] for each in value) for key in ("id", "name")}
        elif plan.annotation in (Ref, AnyRef):
            keys = ("id", "name") if plan.annotation is Ref else ("id", "kind", "name")
            cells |= {f"{plan.name}.{key}": value[key] if value else "" for key in keys}
        elif value is None:
            cells[plan.name] = ""
        else:
            cells[plan.name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cells


@each_resource
def test_csv_and_ndjson_hold_the_whole_list(client: TestClient, resource: Resource) -> None:
    records = walk(client, f"{resource.path}?limit=200")
    lines = client.get(f"{resource.path}?format=ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == records
    table = client.get(resource.path, headers={"Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    plans = [plan for plan in PLANS[resource.kind] if not isinstance(plan.source, (Part, OnDay))]
    assert list(csv.DictReader(io.StringIO(table.text))) == [_flat(record, plans) for record in records]
    parts = [plan.name for plan in PLANS[resource.kind] if isinstance(plan.source, Part)]
    of_each = [plan for plan in PLANS[resource.kind] if not isinstance(plan.source, OnDay)]
    records = walk(client, f"{resource.path}?limit=200&include={','.join(parts)}")
    whole = client.get(f"{resource.path}?format=csv&include={','.join(parts)}")
    assert list(csv.DictReader(io.StringIO(whole.text))) == [_flat(record, of_each) for record in records]


def test_csv_has_the_arrays_that_are_asked_for(client: TestClient) -> None:
    answer = client.get("/v1/memoranda?series=wsis&sort=date&format=csv&fields=topics,identifiers&lang=ru").text
    first = answer.splitlines()[:2]
    assert first[0] == "id,identifiers,topics.id,topics.name"
    assert json.loads(next(csv.reader(first[1:]))[1]) == get(client, f"/v1/memoranda/{first[1].split(',')[0]}")["identifiers"]
    again = client.get("/v1/memoranda?series=wsis&sort=date&format=csv&fields=topics,identifiers&lang=ru&csv_safe=true").text
    assert again == answer


def test_csv_of_nothing_has_its_header(client: TestClient) -> None:
    answer = client.get("/v1/meetings?country=AQ&format=csv&fields=name,country")
    assert answer.text == "id,name,country.id,country.name\r\n"


def test_streams_go_on_past_a_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.reading.paging.STREAM_PAGE", 7)
    ids = [each["id"] for each in walk(client, "/v1/citations?limit=200&fields=id")]
    lines = client.get("/v1/citations?format=ndjson&fields=id").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids
    assert client.get("/v1/citations?format=csv&fields=id").text.splitlines() == ["id", *ids]


@each_resource
def test_counts(client: TestClient, resource: Resource) -> None:
    total = get(client, f"{resource.path}?count=true&limit=1")["page"]["total"]
    assert total == len(walk(client, f"{resource.path}?limit=200"))
    assert get(client, f"{resource.path}?limit=1")["page"]["total"] is None
    assert get(client, "/v1/")["counts"][resource.kind] == total


def test_a_count_on_a_later_page_counts_all(client: TestClient) -> None:
    first = get(client, "/v1/meetings?limit=5&count=true")
    second = get(client, first["links"]["next"])
    assert second["page"]["total"] == first["page"]["total"]


@each_resource
def test_tags(client: TestClient, resource: Resource) -> None:
    record = get(client, f"{resource.path}?limit=1")["data"][0]
    for path in (f"{resource.path}/{record['id']}", f"{resource.path}?limit=1", f"/v1/records/{record['id']}"):
        answer = client.get(path)
        tag = answer.headers["etag"]
        assert answer.headers["vary"] == "Accept, Accept-Language, Accept-Encoding"
        assert answer.headers["cache-control"] == "no-cache"
        for given in (tag, f'"other", {tag}', "*", f"W/{tag}"):
            unchanged = client.get(path, headers={"If-None-Match": given})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert unchanged.headers["etag"] == tag
        assert client.get(path, headers={"If-None-Match": '"1.other"'}).status_code == 200
        if "?" not in path:
            assert tag.startswith(f'"{record["version"]}.')
            other_view = client.get(f"{path}?lang=ru").headers["etag"]
            assert other_view.startswith(f'"{record["version"]}.')


def test_a_tag_names_its_encoding(client: TestClient) -> None:
    plain = client.get("/v1/countries", headers={"Accept-Encoding": "identity"})
    packed = client.get("/v1/countries", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    assert client.get("/v1/countries", headers={"Accept-Encoding": "gzip;q=0"}).headers.get("content-encoding") is None
    same = client.get("/v1/countries", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]})
    assert same.status_code == 304
    streamed = client.get("/v1/countries?format=ndjson", headers={"Accept-Encoding": "gzip"})
    assert streamed.headers["content-encoding"] == "gzip"
    assert len(streamed.text.splitlines()) == 270


@pytest.mark.parametrize(
    "path",
    [
        "/v1/countries",
        "/v1/countries/BY",
        "/v1/records/BY",
        "/v1/records?ids=BY",
        "/v1/",
        "/healthz",
        "/readyz",
        "/v1/vocabularies",
        "/v1/countries?format=csv",
        "/docs",
        "/openapi.json",
    ],
)
def test_head_answers_as_get_does(client: TestClient, path: str) -> None:
    got, headed = client.get(path), client.head(path)
    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    assert headed.headers.get("etag") == got.headers.get("etag")
    assert headed.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    ("header", "query", "name", "shown"),
    [
        ("", "", "Shanghai Cooperation Organization", None),
        ("ru", "", "Шанхайская организация сотрудничества", "ru"),
        ("ru-BY, en;q=0.3", "", "Шанхайская организация сотрудничества", "ru-BY"),
        ("de, ru;q=0.5, en;q=0.4", "", "Шанхайская организация сотрудничества", "de"),
        ("en;q=0.4, ru;q=0.5", "", "Шанхайская организация сотрудничества", "ru"),
        ("en, ru;q=0.9", "", "Shanghai Cooperation Organization", "en"),
        ("de", "", "Shanghai Cooperation Organization", "de"),
        ("ru", "?lang=en", "Shanghai Cooperation Organization", "en"),
        ("", "?lang=RU", "Шанхайская организация сотрудничества", "ru"),
        ("ru;q=0, *", "", "Shanghai Cooperation Organization", None),
        (";;q=,no_tag!", "", "Shanghai Cooperation Organization", None),
    ],
)
def test_the_language_of_names(client: TestClient, header: str, query: str, name: str, shown: str | None) -> None:
    headers = {"Accept-Language": header}
    answer = client.get(f"/v1/organizations/sco{query}", headers=headers)
    assert answer.json()["name"] == name
    assert answer.headers.get("content-language") == shown
    related = client.get(f"/v1/memberships{query}{'&' if query else '?'}of=sco", headers=headers).json()["data"][0]
    assert related["of"]["name"] == name


def test_each_name_falls_back_by_itself(client: TestClient) -> None:
    """A list asked for in Belarusian shows countries in it, and in its own name what has none."""
    found = get(client, "/v1/memberships?of=sco&lang=be")["data"]
    belarus = next(each for each in found if each["member"]["id"] == "BY")
    assert belarus["member"]["name"] == "Беларусь"
    assert get(client, "/v1/records/undp?lang=kk")["name"] == get(client, "/v1/records/undp")["name"]


def test_records_of_several_kinds_at_once(client: TestClient) -> None:
    found = get(client, "/v1/records?ids=sco,nothing-here,BY,pavel-tkach,BY")
    assert [record["id"] for record in found["data"]] == ["sco", "BY", "pavel-tkach"]
    assert [record["kind"] for record in found["data"]] == ["organization", "country", "person"]
    assert found["missing"] == ["nothing-here"]
    assert found["data"][0] == get(client, "/v1/organizations/sco")


def test_other_keys_lead_to_the_id(client: TestClient) -> None:
    for asked, id_ in (
        ("/v1/countries/blr", "BY"),
        ("/v1/countries/BLR", "BY"),
        ("/v1/countries/112", "BY"),
        ("/v1/countries/by", "BY"),
        ("/v1/organizations/SCO", "sco"),
        ("/v1/records/112", "BY"),
    ):
        answer = client.get(f"{asked}?lang=ru")
        assert answer.status_code == 308
        assert answer.headers["location"].endswith(f"/{id_}?lang=ru")
        assert client.get(answer.headers["location"]).json()["id"] == id_


def test_one_statement_whatever_is_asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """One SELECT on the hit path, one more for a count."""
    run: list[str] = []
    for kind in (SqliteDriver, PostgresDriver):
        fetch = kind.fetch

        async def counted(self: Any, statement: Any, parameters: Any, *, fetch: Any = fetch, **options: Any) -> Any:
            run.append(statement.sql)
            return await fetch(self, statement, parameters, **options)

        monkeypatch.setattr(kind, "fetch", counted)
    for resource in RESOURCES:
        includes = ",".join([*resource.includes, "names", "topics"])
        record = get(client, f"{resource.path}?limit=1")["data"][0]
        for path, statements in (
            (f"{resource.path}?include={includes}&sort=-updated_at&lang=ru", 1),
            (f"{resource.path}?count=true", 2),
            (f"{resource.path}/{record['id']}?include={includes}", 1),
            (f"/v1/records/{record['id']}", 1),
            (f"/v1/records?ids={record['id']},BY", 1),
        ):
            run.clear()
            get(client, path)
            assert len(run) == statements, path
            assert all(sql.lstrip("(").upper().startswith("SELECT") for sql in run)


def test_links_say_what_proxies_said(seeded: Database, client: TestClient) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.example", "X-Forwarded-Prefix": "/ict"}
    plain = get(client, "/v1/meetings?limit=2", **forwarded)
    assert plain["links"]["self"] == "http://testserver/v1/meetings?limit=2", "the test's client is no trusted proxy"
    from dataclasses import replace

    from app.main import create_app

    with TestClient(create_app(replace(seeded.settings, trusted_proxies="*"))) as behind:
        told = get(behind, "/v1/meetings?limit=2", **forwarded)
        assert told["links"]["self"] == "https://registry.example/ict/v1/meetings?limit=2"
        assert told["links"]["next"].startswith("https://registry.example/ict/v1/meetings?limit=2&cursor=")
        link = behind.get("/v1/meetings?limit=2", headers=forwarded).headers["link"]
        following, *others = link.split(", ")
        assert following == f'<{told["links"]["next"]}>; rel="next"'
        assert others
        assert others.pop(0) == '<../meetings>; rel="alternate"; type="text/html"'
        assert all(each.startswith("<?limit=2&format=") and '; rel="alternate"; ' in each for each in others)
        index = get(behind, "/v1/", **forwarded)["links"]
        assert (index["meetings"], index["documentation"]) == ("/ict/v1/meetings", "/ict/docs")
        assert get(behind, "/v1/")["links"]["meetings"] == "/v1/meetings"


def test_an_include_is_cut_at_200_and_says_where_the_rest_is(database: Database) -> None:
    people = [json.dumps({"kind": "person", "id": f"person-{number}", "name": f"Person {number}"}) for number in range(205)]
    rows = [
        json.dumps({"kind": "participant", "meeting": "big", "person": f"person-{number}", "role": "participant"})
        for number in range(205)
    ]
    database.load('{"kind":"meeting","id":"big","name":"A big meeting"}', *people, *rows)
    with database.client() as client:
        answer = get(client, "/v1/meetings/big?include=participants,outcomes")
        assert len(answer["participants"]) == 200
        assert answer["participants_more"] == "/v1/participants?meeting=big"
        assert len(walk(client, answer["participants_more"])) == 205
        assert "outcomes_more" not in answer


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1", "/v1/", "/v1/vocabularies"])
@pytest.mark.parametrize("query", ["", "?ts=1", "?x=%ff", "?q=" + "x" * 17_000])
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json;q=0"])
def test_what_a_probe_adds_to_its_request_does_not_matter(client: TestClient, path: str, query: str, accept: str) -> None:
    assert client.get(path + query, headers={"Accept": accept}).status_code == 200
    assert client.head(path + query, headers={"Accept": accept}).status_code == 200


def test_what_is_wrong_with_an_address_is_told_and_nothing_else(client: TestClient) -> None:
    assert client.get("/v1/planets?q=" + "x" * 17_000).status_code == 404
    twice = client.get("/v1/suggest?q=a&q=b").json()
    assert twice["errors"] == [{"parameter": "q", "detail": "may be given once"}]
    refused = client.get("/v1/export?x=1").json()
    assert refused["errors"] == [{"parameter": "x", "detail": "there is no such parameter here; there are none"}]
