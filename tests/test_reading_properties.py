"""Lists, cursors, counts and JSON against a plain model of the rules, over a registry made up at random."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain.texts import cleaned
from tests.conftest import Database, Fresh
from tests.synthetic import COUNTRIES, DEFAULT_SORT, FILTERS, ODD_CHARACTERS, PLURALS, SORTS, Registry, registry
from tests.test_contract import get

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""Postgres' pool draws from that module in a thread of its own, now and then while a strategy does its work."""

queries_asked = settings(derandomize=True, deadline=None, max_examples=80)
cursors_damaged = settings(derandomize=True, deadline=None, max_examples=100)
PAGES = 6
"""How many pages a walk has at the most."""
TIMES = re.compile(r'"(created_at|updated_at)":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')

MODEL: Registry = registry()
each_kind = pytest.mark.parametrize("kind", PLURALS)
each_listed = pytest.mark.parametrize("kind", FILTERS)


class Query(NamedTuple):
    """What is asked of a list."""

    kind: str
    filters: Mapping[str, list[str]]
    sort: list[str]
    limit: int

    @property
    def path(self) -> str:
        """Its address, without the limit."""
        pairs = [(name, value) for name, values in self.filters.items() for value in values]
        pairs += [("sort", ",".join(self.sort))] if self.sort else []
        return f"/v1/{PLURALS[self.kind]}?{urlencode(pairs)}"

    @property
    def wanted(self) -> list[str]:
        """What the rules make of it."""
        return MODEL.answer(self.kind, self.filters, self.sort or [DEFAULT_SORT.get(self.kind, "-date")])


def one_of(values: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(values))


@st.composite
def filter_values(draw: st.DrawFn, record: dict[str, Any], name: str) -> list[str]:
    """Values that a record has, mostly, and some that another has, or none."""
    kind = record["kind"]
    if name in ("date_from", "date_to"):
        first, last = MODEL.bounds(record)
        day = draw(st.sampled_from([first, last, "2010-10-10", "2004-02-29", "2025-01-01", "2015-06-15"]))
        return [day if "0002" < day < "9999" else "2014-01-01"]
    if name == "between":
        actors = sorted(MODEL.actors[record["id"]])
        pool = actors if len(actors) > 1 else sorted(COUNTRIES)
        return [",".join(draw(st.lists(st.sampled_from(pool), min_size=2, max_size=5, unique=True)))]
    own = MODEL.values(record, name)
    others = {value for each in MODEL.of(kind) for value in MODEL.values(each, name)}
    values = st.lists(one_of(others), min_size=1, max_size=3, unique=True)
    return draw(one_of(own).map(lambda value: [value]) | values if own else values)


@st.composite
def queries(draw: st.DrawFn, *, kinds: tuple[str, ...] = tuple(FILTERS)) -> Query:
    """Up to three filters that tend to find something, up to three sort keys, any limit."""
    kind = draw(st.sampled_from(kinds))
    record = MODEL.records[draw(st.sampled_from(MODEL.ids(kind)))]
    names = draw(st.lists(st.sampled_from(FILTERS[kind]), max_size=3, unique=True))
    filters = {name: draw(filter_values(record, name)) for name in names}
    if filters.get("date_from", ["0"])[0] > filters.get("date_to", ["9"])[0]:
        filters["date_from"], filters["date_to"] = filters["date_to"], filters["date_from"]
    keys = draw(st.lists(st.sampled_from(SORTS[kind]), max_size=3, unique=True))
    sort = [draw(st.sampled_from(["", "-"])) + key for key in keys]
    return Query(kind, filters, sort, draw(st.integers(1, 60)))


def walked(client: TestClient, path: str, limit: int) -> list[dict[str, Any]]:
    """All pages of a list, by their cursors."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = get(client, f"{path}&limit={limit}{cursor}")
        assert len(page["data"]) <= limit
        found += page["data"]
        assert len({record["id"] for record in found}) == len(found), "a page repeats what another had"
        if page["page"]["next_cursor"] is None:
            return found
        assert len(page["data"]) == limit
        cursor = f"&cursor={page['page']['next_cursor']}"


def test_the_registry_is_what_was_imported(synthetic: Database) -> None:
    exported = {record["id"]: record for record in map(json.loads, synthetic.export())}
    assert exported == MODEL.records


@queries_asked
@given(query=queries())
def test_walking_a_list_gives_what_the_rules_say_in_their_order(reading: TestClient, query: Query) -> None:
    wanted = query.wanted
    limit = max(query.limit, min(200, len(wanted) // PAGES + 1))
    found = [record["id"] for record in walked(reading, f"{query.path}&fields=id", limit)]
    assert found == wanted


@queries_asked
@given(query=queries())
def test_a_count_is_how_many_the_rules_find(reading: TestClient, query: Query) -> None:
    page = get(reading, f"{query.path}&fields=id&count=true&limit={query.limit}")
    wanted = query.wanted
    assert page["page"]["total"] == len(wanted)
    assert [record["id"] for record in page["data"]] == wanted[: query.limit]
    if page["links"]["next"]:
        assert get(reading, page["links"]["next"])["page"]["total"] == len(wanted)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["meeting", "memorandum", "outcome"]))
def test_between_finds_where_all_of_them_are(reading: TestClient, data: st.DataObject, kind: str) -> None:
    record = data.draw(st.sampled_from([key for key in MODEL.ids(kind) if len(MODEL.actors[key]) > 1]))
    several = data.draw(st.lists(one_of(MODEL.actors[record]), min_size=2, max_size=5, unique=True))
    together = [
        {each["id"] for each in walked(reading, f"/v1/{PLURALS[kind]}?{name}={actor}&fields=id", 200)}
        for name in ["party" if kind == "memorandum" else "participant"]
        for actor in several
    ]
    found = [each["id"] for each in walked(reading, f"/v1/{PLURALS[kind]}?between={','.join(several)}&fields=id", 50)]
    assert record in found
    assert set(found) == set.intersection(*together)
    assert found == MODEL.answer(kind, {"between": [",".join(several)]}, ["-date"])


@pytest.mark.parametrize("kind", ["meeting", "memorandum"])
def test_countries_are_all_that_take_part(reading: TestClient, kind: str) -> None:
    lines = reading.get(f"/v1/{PLURALS[kind]}?format=ndjson&include=countries&fields=id,countries").text.split("\n")[:-1]
    found = {record["id"]: [country["id"] for country in record["countries"]] for record in map(json.loads, lines)}
    assert found == {key: MODEL.countries(key) for key in MODEL.ids(kind)}
    assert any(len(countries) > 4 for countries in found.values())


@each_kind
def test_the_json_of_a_record_is_the_same_to_the_byte_everywhere(reading: TestClient, kind: str) -> None:
    """On each database what Python writes of the model; so the databases write the same."""
    for key in MODEL.ids(kind)[:60]:
        text = TIMES.sub(r'"\1":"T"', reading.get(f"/v1/{PLURALS[kind]}/{key}").content.decode())
        assert text == MODEL.shown(key, parts=True)


@each_kind
def test_the_json_of_a_list_is_the_same_to_the_byte_everywhere(reading: TestClient, kind: str) -> None:
    wanted = [MODEL.shown(key, parts=False) for key in MODEL.answer(kind, {}, ["-id"])]
    lines = reading.get(f"/v1/{PLURALS[kind]}?sort=-id&format=ndjson").content.decode()
    assert TIMES.sub(r'"\1":"T"', lines) == "".join(f"{text}\n" for text in wanted)
    page = reading.get(f"/v1/{PLURALS[kind]}?sort=-id&limit=200").content.decode()
    assert TIMES.sub(r'"\1":"T"', page).startswith(f'{{"data":[{",".join(wanted[:200])}],"page":')


@queries_asked
@given(query=queries(kinds=("meeting", "participant", "memorandum")))
def test_streams_hold_what_the_rules_say_in_their_order(reading: TestClient, query: Query) -> None:
    wanted = query.wanted
    lines = reading.get(f"{query.path}&format=ndjson&fields=id").text.split("\n")[:-1]
    assert [json.loads(line)["id"] for line in lines] == wanted
    table = reading.get(f"{query.path}&format=csv&fields=id").text
    assert table == "".join(f"{key}\r\n" for key in ["id", *wanted])


def test_odd_characters_come_back_as_they_were_written(reading: TestClient) -> None:
    wanted = {f"odd-{place:03}": (cleaned(f"a{odd}b"), cleaned(f"{odd}c{odd}")) for place, odd in enumerate(ODD_CHARACTERS)}
    path = "/v1/people?fields=name,summary"
    by_json = walked(reading, path, 200)
    by_line = [json.loads(line) for line in reading.get(f"{path}&format=ndjson").content.decode().split("\n")[:-1]]
    table = io.StringIO(reading.get(f"{path}&format=csv").content.decode(), newline="")
    by_csv = list(csv.DictReader(table))
    for form in (by_json, by_line, by_csv):
        assert {each["id"]: (each["name"], each["summary"]) for each in form if each["id"] in wanted} == wanted
        assert [each["name"] for each in form] == [MODEL.label(key) for key in MODEL.answer("person", {}, ["name"])]
    for key, (name, _) in wanted.items():
        assert get(reading, f"/v1/people/{key}")["name"] == name


def test_names_with_odd_characters_are_cursors_too(reading: TestClient) -> None:
    found = [record["id"] for record in walked(reading, "/v1/people?sort=-name&fields=id", 1)]
    assert found == MODEL.answer("person", {}, ["-name"])


@pytest.mark.parametrize("city", ["北京", 'The "Hague"', "Saint-Denis\\Nord", "Genève & more=100%"])
def test_a_filter_takes_text_as_it_is(reading: TestClient, city: str) -> None:
    found = [record["id"] for record in walked(reading, f"/v1/meetings?city={quote(city, safe='')}", 20)]
    assert found == MODEL.answer("meeting", {"city": [city]}, ["-date"])
    assert found


# -- cursors -----------------------------------------------------------------------------------------------------------

PATH = "/v1/meetings?type=talks&type=visit&sort=-date,name&limit=3"


def refusal(client: TestClient, path: str, **headers: str) -> str:
    """The code of a problem of status 400."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["code"])


@pytest.mark.parametrize(
    "other",
    [
        "/v1/meetings?type=talks&sort=-date,name&limit=3",
        "/v1/meetings?type=talks&type=forum&sort=-date,name&limit=3",
        "/v1/meetings?sort=-date,name&limit=3",
        "/v1/meetings?type=talks&type=visit&country=BY&sort=-date,name&limit=3",
        "/v1/meetings?type=talks&type=visit&sort=date,name&limit=3",
        "/v1/meetings?type=talks&type=visit&sort=-date,-name&limit=3",
        "/v1/meetings?type=talks&type=visit&sort=name,-date&limit=3",
        "/v1/meetings?type=talks&type=visit&sort=-date&limit=3",
        "/v1/meetings?type=talks&type=visit&limit=3",
        "/v1/meetings?type=talks&type=visit&sort=-date,name&limit=3&lang=ru",
        "/v1/memoranda?sort=-date,name&limit=3",
    ],
)
def test_a_cursor_goes_on_with_nothing_but_its_own_request(reading: TestClient, other: str) -> None:
    cursor = get(reading, PATH)["page"]["next_cursor"]
    assert refusal(reading, f"{other}&cursor={cursor}") == "cursor_mismatch"


def test_a_cursor_is_bound_to_the_language_of_the_header(reading: TestClient) -> None:
    cursor = get(reading, PATH)["page"]["next_cursor"]
    assert refusal(reading, f"{PATH}&cursor={cursor}", **{"Accept-Language": "ru"}) == "cursor_mismatch"
    assert get(reading, f"{PATH}&cursor={cursor}")["data"]


def test_a_cursor_goes_on_with_another_view_of_its_request(reading: TestClient) -> None:
    first = get(reading, PATH)
    wanted = MODEL.answer("meeting", {"type": ["talks", "visit"]}, ["-date", "name"])
    moved = "/v1/meetings?sort=-date&sort=name&type=visit&type=talks&limit=5&fields=id&include=names&count=true"
    second = get(reading, f"{moved}&cursor={first['page']['next_cursor']}")
    assert [each["id"] for each in second["data"]] == wanted[3:8]


SORTED = (
    "/v1/meetings?limit=2",
    "/v1/meetings?limit=2&sort=name,-date",
    "/v1/meetings?limit=2&sort=-updated_at",
    "/v1/people?limit=2&sort=sort_name,created_at",
    "/v1/meetings?limit=2&participant=BY",
)
REFUSED = {400: ("cursor_invalid", "cursor_mismatch", "malformed"), 422: ("invalid",)}


def is_refused_or_read(client: TestClient, path: str, cursor: str) -> int:
    """The status of an answer to a cursor that may be no cursor: a page, or why there is none."""
    answer = client.get(f"{path}&cursor={quote(cursor, safe='')}")
    assert answer.status_code in (200, *REFUSED), answer.text
    if answer.status_code != 200:
        assert answer.json()["code"] in REFUSED[answer.status_code]
    return answer.status_code


@cursors_damaged
@given(path=st.sampled_from(SORTED), place=st.integers(0, 400), put=st.text(max_size=2), removed=st.integers(0, 2))
def test_a_damaged_cursor_is_refused_in_words(reading: TestClient, path: str, place: int, put: str, removed: int) -> None:
    cursor = get(reading, path)["page"]["next_cursor"]
    at = place % len(cursor)
    damaged = cursor[:at] + put + cursor[at + removed :]
    assume(damaged != cursor and "\0" not in put)
    status = is_refused_or_read(reading, path, damaged)
    if at < 8:
        assert status in REFUSED, "its first characters are the digest of its request"


@cursors_damaged
@given(path=st.sampled_from(SORTED), text=st.text(min_size=1, max_size=60))
def test_any_text_for_a_cursor_is_refused(reading: TestClient, path: str, text: str) -> None:
    assume("\0" not in text)
    assert is_refused_or_read(reading, path, text) in REFUSED


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=3), inside, max_size=2),
    max_leaves=5,
)
key_parts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "infinity", "now", "2026-13-01T00:00:00Z", "99999-01-01", "\ud800", "\x00", "'; --", "%s", ":a"]),
)


@cursors_damaged
@given(
    path=st.sampled_from(SORTED),
    key=st.one_of(json_values.map(json.dumps), st.lists(key_parts, min_size=2, max_size=3).map(json.dumps)),
)
def test_a_forged_cursor_is_a_page_or_refused(reading: TestClient, path: str, key: str) -> None:
    """With the digest of its request, and with a key that no row has."""
    digest = get(reading, path)["page"]["next_cursor"][:8]
    is_refused_or_read(reading, path, digest + base64.urlsafe_b64encode(key.encode()).decode().rstrip("="))
    is_refused_or_read(reading, path, digest + base64.b64encode(key.encode()).decode())


def test_a_deeply_nested_cursor_is_refused(reading: TestClient) -> None:
    digest = get(reading, SORTED[0])["page"]["next_cursor"][:8]
    assert refusal(reading, f"{SORTED[0]}&cursor={digest}{base64.b64encode(b'[' * 2_900).decode()}") == "cursor_invalid"


# -- walking while others write ----------------------------------------------------------------------------------------


def made_between(random: Random, number: int, moved: str) -> list[str]:
    """What somebody else imports between two pages: new meetings with a participant, and one meeting moved."""
    lines = []
    for place in range(4):
        key = f"new-{number}-{place}"
        date = random.choice(["2003-01-01", "2012-05", "2020-03-03/2020-03-05", "2026-12-28", None])
        dated = {"date": date} if date else {}
        name = random.choice(["", "ё", "Ё", "Ж", "zz", "中", "\u2028"]) + " new"
        lines.append(json.dumps({"kind": "meeting", "id": key, "name": name, **dated}))
        lines.append(json.dumps({"kind": "participant", "meeting": key, "country": "BY", "role": "host"}))
    there = {**MODEL.records[moved], "name": f"Moved {number}", "date": random.choice(["2003", "2027-01-01"])}
    return [*lines, json.dumps(there)]


@pytest.mark.parametrize(
    ("sort", "asked"),
    [
        ("-date", ""),
        ("-date", "&participant=BY"),
        ("-date", "&date_from=2010-01-01"),
        ("date,-name", "&participant=BY&participant=AE"),
        ("name,-date", ""),
        ("-updated_at", ""),
        ("updated_at,id", "&participant=RU"),
        ("created_at,name", ""),
    ],
)
def test_walking_while_others_write_neither_repeats_nor_skips(
    written: tuple[Database, TestClient], sort: str, asked: str
) -> None:
    database, client = written
    path = f"/v1/meetings?sort={sort}&fields=id&limit=40{asked}"
    before = [record["id"] for record in walked(client, path.replace("&limit=40", ""), 200)]
    random = Random(f"{sort}{asked}")
    moved: set[str] = set()
    found: list[str] = []
    following: str | None = path
    while following is not None:
        page = get(client, following)
        found += [record["id"] for record in page["data"]]
        assert len(found) < 2 * len(MODEL.records), "the walk does not end"
        following = page["links"]["next"]
        chosen = random.choice(MODEL.movable)
        moved.add(chosen)
        database.load(*made_between(random, random.randrange(10**6), chosen))
    stood_still = [key for key in before if key not in moved]
    assert len(stood_still) > 20
    assert [key for key in found if key in set(stood_still)] == stood_still


@pytest.fixture(scope="session")
def written(fresh: Fresh) -> Iterator[tuple[Database, TestClient]]:
    """A database of its own that these tests write to, and a client over it."""
    database = Database(fresh())
    database.load(*map(json.dumps, MODEL.records.values()))
    with database.client() as client:
        yield database, client
    database.engine.dispose()
