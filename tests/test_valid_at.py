"""What held on a day, and how surely: memberships, positions and memoranda against the rule in plain words."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain.edtf import bounds
from tests.conftest import Database, Fresh

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""Postgres' pool draws from that module in a thread of its own, now and then while a strategy does its work."""

on_days = settings(derandomize=True, deadline=None, max_examples=50)

TENURES = 220
"""How many memberships, and as many positions."""
MEMORANDA = 160
DAYS = (
    "2019",
    "2020",
    "2021",
    "2020-02",
    "2020-06",
    "2021-06",
    "2020-02-29",
    "2020-06-15",
    "2020-06-16",
    "2021-12-31",
    "2022-01-01",
)
MOMENTS = (*DAYS, "2020~", "2020-06?", "2020-06-15~", "2021-06-01%")
ATTESTED = (*MOMENTS, "2020-06-14/2020-06-17", "2020/2021")
PERIODS = (*DAYS, "2020/2021", "2020-02/2021-06", "2020-06-15/2020-06-16", "2020/..", "2021-06-01/..")
STATUSES = (None, "proposed", "draft", "negotiation", "signed", "adopted", "in_force", "ended")
Content = Mapping[str, Any]


def shown_days(tenure: Content) -> list[tuple[str, str]]:
    """Between which two days lies each day on which sources show that it held: its first, and those attested."""
    since = [tenure["since"]] if "since" in tenure else []
    return [bounds(text) for text in [*since, *tenure.get("attested", ())]]


def tenure_on(tenure: Content, day: str, *, holds_on: bool) -> str | None:
    """Whether it can have held on that day, and must have.

    It cannot have held before the first day it can have begun, nor after the last it can have ended. It must have held
    from the first day of which it is sure that something shown lies behind, until the last of which it is sure that
    something shown, or its end, still lies ahead or is that day. Without an end stated it holds on if it is of that sort.
    """
    if "since" in tenure and day < bounds(tenure["since"]).start:
        return None
    if "until" in tenure and day > bounds(tenure["until"]).end:
        return None
    begun = any(latest <= day for _, latest in shown_days(tenure))
    lasting = any(earliest >= day for earliest, _ in shown_days(tenure))
    goes_on = bounds(tenure["until"]).start >= day if "until" in tenure else holds_on
    return "certain" if begun and (lasting or goes_on) else "possible"


def memorandum_on(memorandum: Content, day: str) -> str | None:
    """What is not concluded never holds; a period holds throughout; what has only a date may not be in force."""
    if memorandum.get("status") in ("proposed", "draft", "negotiation"):
        return None
    if "period" in memorandum:
        first, last = bounds(memorandum["period"])
        return "certain" if first <= day <= last else None
    if "date" in memorandum:
        return None if day < bounds(memorandum["date"]).start else "possible"
    return "possible"


def _agrees(tenure: Content) -> bool:
    """Whether all that is said of a tenure can be true at once."""
    first = bounds(tenure["since"]).start if "since" in tenure else "0001"
    last = bounds(tenure["until"]).end if "until" in tenure else "9999"
    return first <= last and all(latest >= first and earliest <= last for earliest, latest in shown_days(tenure))


def _tenure(random: Random) -> dict[str, Any]:
    while True:
        stated = {
            "since": random.choice([None] * 5 + [*MOMENTS]),
            "until": random.choice([None] * 8 + [*MOMENTS]),
            "attested": random.sample(ATTESTED, random.choice([0, 0, 1, 1, 2, 3])),
        }
        tenure = {name: value for name, value in stated.items() if value}
        if _agrees(tenure):
            return tenure


@lru_cache(maxsize=1)
def made_up() -> Mapping[str, Content]:
    """The records asked about, by id."""
    random = Random(11)
    found: dict[str, dict[str, Any]] = {}
    for place in range(TENURES):
        membership = {"of": f"body-{place:03}", "member": "BY", "status": "full"}
        found[f"membership-{place:03}"] = {"kind": "membership", **membership, **_tenure(random)}
        position = {"person": "somebody", "title": f"Office {place}"}
        found[f"position-{place:03}"] = {"kind": "position", **position, **_tenure(random)}
    for place in range(MEMORANDA):
        stated = {
            "status": random.choice(STATUSES),
            "date": random.choice([None, *MOMENTS, "2020/2021", "2020-06-15/2020-06-16"]),
            "period": random.choice([None, None, *PERIODS]),
        }
        named = {"kind": "memorandum", "name": f"Memorandum {place}"}
        found[f"memo-{place:03}"] = {**named, **{name: value for name, value in stated.items() if value}}
    return found


@pytest.fixture(scope="session")
def held(fresh: Fresh) -> Iterator[TestClient]:
    """A client over the records made up."""
    database = Database(fresh())
    bodies = [{"kind": "organization", "id": f"body-{place:03}", "name": f"Body {place}"} for place in range(TENURES)]
    belarus = {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"}
    somebody = {"kind": "person", "id": "somebody", "name": "Somebody"}
    records = [{**record, "id": key} for key, record in made_up().items()]
    database.load(*map(json.dumps, [belarus, somebody, *bodies, *records]))
    with database.client() as client:
        yield client
    database.engine.dispose()


def answer(client: TestClient, plural: str, day: str) -> dict[str, str]:
    """How surely what held on that day held, by id."""
    lines = client.get(f"/v1/{plural}?valid_at={day}&format=ndjson&fields=id,held")
    assert lines.status_code == 200, lines.text
    return {record["id"]: record["held"] for record in map(json.loads, lines.text.splitlines())}


def around(text: str) -> list[str]:
    """The first and last day that a date can mean, and the days beside them."""
    ends = [date.fromisoformat(end) for end in bounds(text) if "0002" < end < "9999"]
    return [(end + timedelta(days=off)).isoformat() for end in ends for off in (-1, 0, 1)]


EDGES = sorted({day for text in {*ATTESTED, *PERIODS} for day in around(text)})
days = st.sampled_from([*EDGES, "1000-01-01", "9998-12-31"]) | st.dates(date(2018, 6, 1), date(2023, 6, 1)).map(date.isoformat)


@on_days
@given(day=days)
def test_memberships_held_on_a_day_are_those_the_rule_says(held: TestClient, day: str) -> None:
    wanted = {key: tenure_on(each, day, holds_on=True) for key, each in made_up().items() if each["kind"] == "membership"}
    assert answer(held, "memberships", day) == {key: sure for key, sure in wanted.items() if sure}


@on_days
@given(day=days)
def test_positions_held_on_a_day_are_those_the_rule_says(held: TestClient, day: str) -> None:
    wanted = {key: tenure_on(each, day, holds_on=False) for key, each in made_up().items() if each["kind"] == "position"}
    assert answer(held, "positions", day) == {key: sure for key, sure in wanted.items() if sure}


@on_days
@given(day=days)
def test_memoranda_that_held_on_a_day_are_those_the_rule_says(held: TestClient, day: str) -> None:
    wanted = {key: memorandum_on(each, day) for key, each in made_up().items() if each["kind"] == "memorandum"}
    assert answer(held, "memoranda", day) == {key: sure for key, sure in wanted.items() if sure}


def test_the_records_made_up_show_every_case() -> None:
    for kind, holds_on in (("membership", True), ("position", False)):
        records = [each for each in made_up().values() if each["kind"] == kind]
        found = {tenure_on(each, day, holds_on=holds_on) for each in records for day in EDGES}
        assert found == {None, "certain", "possible"}
        stated = {frozenset({"since", "until", "attested"} & set(each)) for each in records}
        assert len(stated) == 8


def test_a_page_says_how_surely_as_a_stream_does(held: TestClient) -> None:
    page = held.get("/v1/memberships?valid_at=2020-06-15&limit=200&count=true&sort=id").json()
    streamed = answer(held, "memberships", "2020-06-15")
    assert page["page"]["total"] == len(streamed)
    assert {each["id"]: each["held"] for each in page["data"]} == dict(sorted(streamed.items())[:200])
    assert "held" not in held.get("/v1/memberships?limit=1").json()["data"][0]


CASES: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"since": "2020-06-15"}, "2020-06-14", None, None),
    ({"since": "2020-06-15"}, "2020-06-15", "certain", "certain"),
    ({"since": "2020-06-15"}, "2024-01-01", "certain", "possible"),
    ({"since": "2020"}, "2020-06-15", "possible", "possible"),
    ({"since": "2020"}, "2020-12-31", "certain", "possible"),
    ({"since": "2019", "attested": ["2021-06-01"]}, "2020-06-15", "certain", "certain"),
    ({"since": "2019", "attested": ["2021-06-01"]}, "2021-06-02", "certain", "possible"),
    ({"attested": ["2020-06-15"]}, "2020-06-14", "possible", "possible"),
    ({"attested": ["2020-06-15"]}, "2020-06-15", "certain", "certain"),
    ({"attested": ["2020-06-15"]}, "2020-06-16", "certain", "possible"),
    ({"since": "2019", "until": "2021"}, "2020-06-15", "certain", "certain"),
    ({"since": "2019", "until": "2021"}, "2021-06-15", "possible", "possible"),
    ({"since": "2019", "until": "2021"}, "2022-01-01", None, None),
    ({"since": "2019", "until": "2021", "attested": ["2021-06-15"]}, "2021-06-15", "certain", "certain"),
    ({"since": "2021-06-15", "until": "2021"}, "2021-06-15", "certain", "certain"),
    ({"until": "2021"}, "2020-06-15", "possible", "possible"),
    ({}, "2020-06-15", "possible", "possible"),
]
"""What is stated of a tenure, a day, and how surely a membership and a position then held."""


@pytest.fixture(scope="session")
def cases(fresh: Fresh) -> Iterator[TestClient]:
    """A client over the cases, and an approximate period."""
    database = Database(fresh())
    lines: list[dict[str, Any]] = [
        {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
        {"kind": "person", "id": "somebody", "name": "Somebody"},
        {"kind": "memorandum", "id": "plan", "name": "Plan", "status": "in_force", "period": "2022~"},
    ]
    for place, (stated, *_) in enumerate(CASES):
        membership = {"id": f"membership-{place}", "of": f"body-{place}", "member": "BY", "status": "full"}
        position = {"id": f"position-{place}", "person": "somebody", "title": f"Office {place}"}
        lines.append({"kind": "organization", "id": f"body-{place}", "name": f"Body {place}"})
        lines += [{"kind": "membership", **membership, **stated}, {"kind": "position", **position, **stated}]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        yield client
    database.engine.dispose()


@pytest.mark.parametrize("place", range(len(CASES)), ids=lambda place: f"{json.dumps(CASES[place][0])} on {CASES[place][1]}")
def test_cases_that_a_reader_can_check(cases: TestClient, place: int) -> None:
    _, day, membership, position = CASES[place]
    assert answer(cases, "memberships", day).get(f"membership-{place}") == membership
    assert answer(cases, "positions", day).get(f"position-{place}") == position


@pytest.mark.parametrize(("day", "how"), [("2021-06-15", "possible"), ("2023-06-15", "possible"), ("2020-06-15", None)])
def test_an_approximate_period_is_not_certain_where_it_only_may_reach(cases: TestClient, day: str, how: str | None) -> None:
    assert answer(cases, "memoranda", day).get("plan") == how


def test_a_period_that_only_its_approximations_order_is_nowhere_certain(database: Database) -> None:
    """From around June until around March of one year: read exactly, it would end before it starts."""
    database.load('{"kind":"memorandum","id":"plan","name":"Plan","status":"in_force","period":"2022-06~/2022-03~"}')
    with database.client() as client:
        for day in ("2022-01-01", "2022-04-15", "2022-06-15", "2022-12-31"):
            assert answer(client, "memoranda", day) == {"plan": "possible"}
