"""What a list costs, by the databases' own plans and counters: filters and sorts have their indexes, pages cost the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.db.driver import Driver, Row, Statement
from app.db.postgres import PostgresDriver
from app.db.postgres_plans import READING_SETTINGS
from app.db.sqlite_driver import SqliteDriver
from app.declaration.filters import Equals
from app.models import Base
from app.resources import RESOURCES
from tests.conftest import Database

Content = dict[str, Any]

FILTERS = [
    (resource.plural, resource.table.name, name, filter_)
    for resource in RESOURCES
    for name, filter_ in resource.filters.items()
    if isinstance(filter_, Equals)
]

SORTS = [
    (resource.plural, resource.table.name, f"{direction}{key}")
    for resource in RESOURCES
    for key in resource.sorts
    for direction in ("", "-")
]
SORTED_HERE = ("USE TEMP B-TREE FOR ORDER BY", "Sort Key")
"""What the databases say where they put rows in order themselves."""
MEETINGS, PAGE = 3_000, 50


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The statements that are executed meanwhile, with what they are given."""
    asked: list[tuple[str, dict[str, Any]]] = []
    with monkeypatch.context() as patched:
        for driver in (SqliteDriver, PostgresDriver):

            async def fetch(
                self: Driver, statement: Statement, given: dict[str, Any], *, usual: Any = driver.fetch, **options: Any
            ) -> list[Row]:
                asked.append((statement.sql, {**statement.constants, **given}))
                found: list[Row] = await usual(self, statement, given, **options)
                return found

            patched.setattr(driver, "fetch", fetch)
        yield asked


def listing(asked: list[tuple[str, dict[str, Any]]], table: str) -> tuple[str, dict[str, Any]]:
    """The statement that reads the list; another may follow that looks up what the values of an empty list mean."""
    return next(each for each in asked if f"FROM {table} AS t" in each[0] or f"JOIN {table} AS t" in each[0])


def plan(database: Database, sql: str, given: dict[str, Any]) -> str:
    """How the database would answer if there were much: Postgres must be kept from reading few rows through and sorting."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            return "\n".join(str(row[3]) for row in connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", given))
    with psycopg.connect(database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        connection.execute("SET enable_incremental_sort = off")
        connection.execute("SET enable_sort = off")
        return "\n".join(str(row[0]) for row in connection.execute(f"EXPLAIN {sql}", given))


def test_each_filter_of_a_column_is_answered_by_its_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.seed()
    several = database.engine.dialect.name == "sqlite"  # Postgres rightly reads the few records of the seed in their order
    missed = []
    with database.client() as client:
        for plural, table, name, filter_ in FILTERS:
            for values in (filter_.example, f"{filter_.example}&{name}={filter_.example}")[: 1 + several]:
                with recorded(monkeypatch) as asked:
                    assert client.get(f"/v1/{plural}?{name}={values}").status_code == 200, (plural, name)
                told = plan(database, *listing(asked, table))
                if f"ix_{table}_{filter_.column}_" not in told and f"uq_{table}_" not in told:
                    missed.append(f"{plural}?{name}={values}\n{told}")
    assert not missed, "\n\n".join(missed)


def test_two_filters_of_columns_read_no_more_than_what_one_of_them_has(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.seed()
    missed = []
    pairs = [(one, other) for one, other in combinations(FILTERS, 2) if one[0] == other[0]]
    with database.client() as client:
        for (plural, table, name, filter_), (_, _, second, also) in pairs:
            asked_for = f"/v1/{plural}?{name}={filter_.example}&{second}={also.example}"
            with recorded(monkeypatch) as asked:
                assert client.get(asked_for).status_code == 200, asked_for
            told = plan(database, *listing(asked, table))
            if not any(f"ix_{table}_{each.column}_" in told for each in (filter_, also)) and f"uq_{table}_" not in told:
                missed.append(f"{asked_for}\n{told}")
    assert pairs
    assert not missed, "\n\n".join(missed)


def test_each_sort_alone_is_the_order_of_an_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.seed()
    missed = []
    with database.client() as client:
        for plural, table, sort in SORTS:
            with recorded(monkeypatch) as asked:
                assert client.get(f"/v1/{plural}?sort={sort}&limit=2").status_code == 200, (plural, sort)
            told = plan(database, *asked[-1])
            by_index = f"ix_{table}_" in told or sort.removeprefix("-") == "id"  # which the table's own order is
            if not by_index or any(word in told for word in SORTED_HERE):
                missed.append(f"{plural}?sort={sort}\n{told}")
    assert not missed, "\n\n".join(missed)


def as_the_driver_connects(database: Database) -> "psycopg.Connection[Any]":
    """Connect to Postgres with the settings under which it plans reads."""
    return psycopg.connect(database.url, options=" ".join(f"-c {name}={value}" for name, value in READING_SETTINGS.items()))


def cost(database: Database, sql: str, given: dict[str, Any]) -> int:
    """What the database did for it: steps of SQLite's machine, pages that Postgres looked at."""
    if database.engine.dialect.name == "sqlite":
        steps = [0]

        def count() -> None:
            steps[0] += 1

        with database.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(count, 1)
            driver.execute(sql, given).fetchall()
            driver.set_progress_handler(None, 0)
        return steps[0]
    with as_the_driver_connects(database) as opened:
        ((told,),) = opened.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", given).fetchall()
        return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("asked_for", ["", "country=BY&", "date_from=2001-01-01&date_to=2030-12-31&", "sort=name&"])
def test_the_first_the_middle_and_the_last_page_cost_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, asked_for: str
) -> None:
    country = {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"}
    meetings = (
        {"kind": "meeting", "id": f"meeting-{number}", "name": f"Meeting {number * 7919 % MEETINGS}", "country": "BY"}
        | {"date": f"{2001 + number % 25}-{number % 12 + 1:02}-{number % 28 + 1:02}"}
        for number in range(MEETINGS)
    )
    database.load(json.dumps(country), *map(json.dumps, meetings))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE meetings, records")
    costs = []
    following = f"/v1/meetings?{asked_for}limit={PAGE}"
    with database.client() as client:
        while following:
            with recorded(monkeypatch) as asked:
                page = client.get(following).json()
            assert len(page["data"]) == PAGE
            costs.append(cost(database, *asked[-1]))
            following = page["links"]["next"]
    assert len(costs) == MEETINGS // PAGE
    assert max(costs) <= 1.3 * min(costs[:-1]), costs


def meetings_of_three(numbers: range) -> Iterator[Content]:
    """Meetings in which the same three take part."""
    for number in numbers:
        meeting = f"meeting-{number}"
        yield {"kind": "meeting", "id": meeting, "name": "M", "date": f"{2001 + number % 20}-{number % 12 + 1:02}"}
        for name in ("one", "two", "three"):
            yield {"kind": "participant", "meeting": meeting, "organization": name, "role": "delegation"}


def test_a_page_of_what_actors_did_together_costs_the_same_however_often_they_met(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.load(*(json.dumps({"kind": "organization", "id": name, "name": name}) for name in ("one", "two", "three")))
    costs = []
    with database.client() as client:
        for numbers in (range(300), range(300, MEETINGS)):
            database.load(*map(json.dumps, meetings_of_three(numbers)))
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql("VACUUM ANALYZE")
            with recorded(monkeypatch) as asked:
                page = client.get(f"/v1/meetings?between=one,two,three&limit={PAGE}").json()
            assert len(page["data"]) == PAGE
            costs.append(cost(database, *listing(asked, "meetings")))
    assert costs[1] <= 1.3 * costs[0], costs


def meetings_of_two_decades() -> Iterator[Content]:
    """In the first decade one meets often and the other seldom, in the second it is the other way round."""
    for decade, (often, seldom) in (("200", ("one", "other")), ("201", ("other", "one"))):
        for number in range(1_000):
            meeting = f"meeting-{decade}-{number}"
            yield {"kind": "meeting", "id": meeting, "name": "M", "date": f"{decade}{number % 10}-{number % 12 + 1:02}"}
            for name in (often, seldom) if number % 5 == 0 else (often,):
                yield {"kind": "participant", "meeting": meeting, "organization": name, "role": "delegation"}


def test_a_ledger_is_read_by_who_met_less_often_at_that_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    countries = (("one", "BY", "BLR", "112"), ("other", "CN", "CHN", "156"))
    for name, alpha_2, alpha_3, numeric in countries:
        country = {"kind": "country", "id": alpha_2, "name": alpha_2, "alpha_3": alpha_3, "numeric": numeric}
        database.load(json.dumps(country), json.dumps({"kind": "organization", "id": name, "name": name, "country": alpha_2}))
    database.load(*map(json.dumps, meetings_of_two_decades()))
    walked = []
    with database.client() as client:
        for query in (
            "date_from=2000-01-01",
            "date_from=2010-01-01",
            "date_to=2019-12-31&sort=-date",
            "date_to=2009-12-31&sort=-date",
        ):
            for pair in ("BY,CN", "CN,BY"):
                following = f"/v1/ledger?between={pair}&{query}&limit={PAGE}"
                for _ in range(2):
                    with recorded(monkeypatch) as asked:
                        page = client.get(following).json()
                    assert len(page["data"]) == PAGE
                    _, given = max(asked, key=lambda each: len(each[0]))
                    walked.append(given["side_0"])
                    following = page["links"]["next"]
    assert walked == ["CN"] * 4 + ["BY"] * 8 + ["CN"] * 4


def test_postgres_knows_that_what_is_one_of_several_is_not_absent(database: Database) -> None:
    """Indexes over what may be absent have entries for what is there alone: several values must lead to them, too."""
    if database.engine.dialect.name != "postgresql":
        pytest.skip("a matter of Postgres' planner")
    with psycopg.connect(database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        for table in Base.metadata.sorted_tables:
            for index in table.indexes:
                column = index.columns[0]
                if index.unique or not column.nullable or not isinstance(column.type, sa.String):
                    continue
                sql = f'EXPLAIN SELECT "{column.name}" FROM {table.name} WHERE "{column.name}" = ANY (%s)'
                told = "\n".join(str(row[0]) for row in connection.execute(sql, (["a", "b"],)))
                assert str(index.name) in told, told


@pytest.mark.parametrize("window", ["", "&date_from=2003-01-01", "&date_to=2008-12-31"])
def test_postgres_finds_what_few_entries_have_by_their_terms(
    database: Database, monkeypatch: pytest.MonkeyPatch, window: str
) -> None:
    """Read one after the other, their terms would take long to unpack, which its planner does not count."""
    if database.engine.dialect.name != "postgresql":
        pytest.skip("a matter of Postgres' planner")
    words = [f"word{number}" for number in range(3_000)]
    meetings = (
        {"kind": "meeting", "id": f"meeting-{number}", "name": f"Meeting {number}", "date": f"{2001 + number % 20}-06"}
        | {"summary": " ".join(words[(number * 131 + place * place) % len(words)] for place in range(120))}
        for number in range(2_000)
    )
    database.load(*map(json.dumps, meetings))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE search_entries")
    with database.client() as client, recorded(monkeypatch) as asked:
        assert client.get(f"/v1/search?q=word131{window}").json()["data"]
    finding = [(sql, given) for sql, given in asked if "@@" in sql]
    assert finding
    with as_the_driver_connects(database) as connection:
        for sql, given in finding:
            told = "\n".join(str(row[0]) for row in connection.execute(f"EXPLAIN {sql}", given))
            assert "Seq Scan" not in told, told
            assert "pk_search_entries" not in told, told


def occasions() -> Iterator[Content]:
    """Meetings of which each filter has a fiftieth, no two filters the same ones; and what they need."""
    yield {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"}
    yield {"kind": "series", "id": "a-series", "name": "A series"}
    yield {"kind": "topic", "id": "a-topic", "name": "A topic"}
    yield {"kind": "source", "id": "a-source", "title": "A source", "url": "https://example.org/"}
    yield from ({"kind": "organization", "id": name, "name": name} for name in ("one", "two", "three"))
    yield {"kind": "memorandum", "id": "paper", "name": "A paper"}
    yield {"kind": "meeting", "id": "whole", "name": "Whole"}
    own: dict[int, Content] = {
        0: {"country": "BY"},
        1: {"city": "Minsk"},
        2: {"series": "a-series"},
        3: {"part_of": "whole"},
        4: {"type": "talks"},
        5: {"status": "held"},
        6: {"format": "online"},
        7: {"name": "Special"},
        8: {"topics": ["a-topic"]},
        9: {"date": "2040-01-01"},
        10: {"date": "1990-01-01"},
    }
    linked: dict[int, list[Content]] = {
        11: [{"kind": "participant", "organization": "one", "role": "delegation"}],
        12: [{"kind": "participant", "organization": name, "role": "delegation"} for name in ("two", "three")],
        13: [{"kind": "action", "of": "paper", "type": "discussed"}],
    }
    for number in range(MEETINGS):
        meeting, sort = f"meeting-{number}", number % EACH
        date = f"{2010 + number % 20}-{number % 12 + 1:02}-{number % 28 + 1:02}"
        yield {"kind": "meeting", "id": meeting, "name": f"Meeting {number}", "date": date, **own.get(sort, {})}
        yield from ({"meeting": meeting, **link} for link in linked.get(sort, ()))
        if sort == 14:
            quoted = {"source": "a-source", "paragraph": number, "quote": "a phrase", "confidence": "stated"}
            yield {"kind": "citation", "record": meeting, **quoted}


EACH = 50
RARE = {
    "country": "BY",
    "city": "Minsk",
    "series": "a-series",
    "part_of": "whole",
    "type": "talks",
    "status": "held",
    "meeting_format": "online",
    "q": "special",
    "topic": "a-topic",
    "date_from": "2035-01-01",
    "date_to": "1995-01-01",
    "participant": "one",
    "between": "two,three",
    "memorandum": "paper",
    "uncited": "false",
}
"""Values of filters, each of which has a fiftieth."""
CONTRADICTING = {"date_from", "date_to"}


def test_filters_together_look_at_no_more_than_what_they_have(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.load(*map(json.dumps, occasions()))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
    on_sqlite = database.engine.dialect.name == "sqlite"
    with database.client() as client:

        def looked_at(asked_for: str, *, has: int) -> int:
            with recorded(monkeypatch) as asked:
                page = client.get(f"/v1/meetings?{asked_for}&limit=200").json()
            assert len(page["data"]) == has, asked_for
            return (cost if on_sqlite else rows_looked_at)(database, *asked[-1])

        alone = {name: looked_at(f"{name}={value}", has=MEETINGS // EACH) for name, value in RARE.items()}
        upcoming = [looked_at(f"date_from={RARE['date_from']}&sort={way}date", has=MEETINGS // EACH) for way in ("", "-")]
        assert max(*upcoming, alone["date_from"]) <= alone["date_to"] * 1.2
        dear = []
        for (one, its), (other, value) in combinations(RARE.items(), 2):
            if {one, other} != CONTRADICTING:
                together = looked_at(f"{one}={its}&{other}={value}", has=0)
                # SQLite's steps are few for what the one has and the other has not; Postgres' rows are those of both.
                most = min(alone[one], alone[other]) if on_sqlite else alone[one] + alone[other]
                if together > most:
                    dear.append((one, other, together, most))
        for name, value in RARE.items():
            together = looked_at(f"{name}={value}&updated_since=2020-01-01T00:00:00Z", has=MEETINGS // EACH)
            if together > alone[name] * 1.2:
                dear.append((name, "updated_since", together, alone[name]))
    assert not dear


def rows_looked_at(database: Database, sql: str, given: dict[str, Any]) -> int:
    """How many rows Postgres looked at where it reads nothing through that has an index, as it would not if there were much."""

    def of(node: dict[str, Any]) -> Any:
        below = sum(map(of, node.get("Plans", ())))
        if "Scan" not in node["Node Type"] or node["Node Type"] == "Bitmap Heap Scan":
            return below
        return below + node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))

    with psycopg.connect(database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        ((told,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", given).fetchall()
        return int(of(told[0]["Plan"]))


def test_a_window_finds_what_began_long_before_it_and_still_goes_on(database: Database) -> None:
    dates = ("1990-05/2040", "2034-12-31/2036-01-01", "2033/2034", "2036-02", "1995/2036-02-01", "1980/1991", None)
    meetings = ({"kind": "meeting", "id": f"m-{place}", "name": "M", "date": date} for place, date in enumerate(dates))
    database.load(*(json.dumps({name: value for name, value in each.items() if value}) for each in meetings))
    with database.client() as client:
        for sort, wanted in (("date", ["m-0", "m-4", "m-1", "m-3"]), ("-date", ["m-3", "m-1", "m-4", "m-0"])):
            following, found = f"/v1/meetings?date_from=2036-01-01&sort={sort}&limit=2", []
            while following:
                page = client.get(following).json()
                found += [each["id"] for each in page["data"]]
                following = page["links"]["next"]
            assert found == wanted


def test_identifiers_and_wide_topics_are_found_by_their_indexes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among 10,000 records: one by its identifier, and those of a topic that has fifty below it."""
    topics = (
        {"kind": "topic", "id": f"topic-{n}", "name": f"T {n}"} | ({"broader": "topic-0"} if n else {}) for n in range(51)
    )
    meetings = (
        {"kind": "meeting", "id": f"meeting-{n}", "name": f"Meeting {n}", "date": f"{2001 + n % 20}"}
        | {
            "identifiers": [{"scheme": "files", "identifier": f"F-{n}"}],
            "topics": [f"topic-{n // 2 % 50 + 1}"] if n < 100 else [],
        }
        for n in range(10_000)
    )
    database.load(*map(json.dumps, topics), *map(json.dumps, meetings))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE meetings, records, identifiers, topics, record_topics")
        else:
            connection.exec_driver_sql("ANALYZE")
    costs = {}
    with database.client() as client:
        for asked_for, found in (
            ("limit=50", 50),
            ("identifier=files:F-77", 1),
            ("identifier=F-77", 1),
            ("topic=topic-7", 2),
            ("topic=topic-0", 50),
        ):
            with recorded(monkeypatch) as asked:
                assert len(client.get(f"/v1/meetings?{asked_for}").json()["data"]) == found
            costs[asked_for] = cost(database, *asked[-1])
    assert max(costs["identifier=files:F-77"], costs["identifier=F-77"], costs["topic=topic-7"]) < costs["limit=50"], costs
    assert costs["topic=topic-0"] < 20 * costs["limit=50"], costs


@pytest.mark.parametrize(
    ("asked_for", "indexes"),
    [
        ("meetings?series=wsis", ("ix_meetings_series_id_", "ix_joint_series_series_id_")),
        ("meetings?city=karamay", ("ix_meetings_city_key_", "ix_further_places_city_key_")),
        ("memoranda?city=geneva", ("ix_memoranda_city_key_", "ix_further_places_city_key_")),
        ("participants?series=wsis", ("ix_meetings_series_id_", "ix_joint_series_series_id_")),
        ("outcomes?made_by=BY", ("ix_outcomes_made_by_id_", "ix_other_actors_actor_id_")),
        ("outcomes?giver=BY", ("ix_other_actors_actor_id_",)),
        ("people?country=BY", ("ix_positions_country_id_", "ix_positions_organization_id_")),
    ],
)
def test_what_stands_in_an_array_too_is_found_by_the_indexes_of_both(
    database: Database, monkeypatch: pytest.MonkeyPatch, asked_for: str, indexes: tuple[str, ...]
) -> None:
    database.seed()
    with database.client() as client, recorded(monkeypatch) as asked:
        assert client.get(f"/v1/{asked_for}").status_code == 200
    told = plan(database, *listing(asked, asked_for.partition("?")[0]))
    assert [index for index in indexes if index not in told] == [], told


@pytest.mark.parametrize(
    ("also", "index"),
    [
        ("", ""),
        ("&memorandum=by-cn-ict-mou-2024", "ix_parties_memorandum_id_id"),
        ("&party=by-mci", "ix_parties_party_id_id"),
        ("&country=BY", "involvements"),
    ],
)
def test_who_was_party_on_a_day_is_read_by_an_index(
    database: Database, monkeypatch: pytest.MonkeyPatch, also: str, index: str
) -> None:
    """Alone, the day is compared along the order of the list, which ends with the page: of a million, 0.15 s at the worst."""
    database.seed()
    with database.client() as client, recorded(monkeypatch) as asked:
        assert client.get(f"/v1/parties?valid_at=2025-01-01{also}").status_code == 200
    told = plan(database, *listing(asked, "parties"))
    assert index in told, told
    if also != "&country=BY":
        assert not any(word in told for word in ("TEMP B-TREE FOR ORDER", "Seq Scan on parties")), told
