"""What is asked, of whom, at which address, and what the product should be worth beside whom."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from app.reading import cursor as cursors
from bench import data, servers

MANY = 20_000
"""Different questions a workload, so that no cache decides."""
ROWS_WANTED = 150
"""How many meetings a window of days should hold on average, so that nearly every list is a full page."""
RELATIONS = "?include=participants,citations"
_WINDOW = "country={country}&date_from={first}&date_to={last}"
_NAKED = "_nocount=1&_nofacet=1&_size=50&_shape=objects&_sort_desc=date_start"
"""Of Datasette: no counts and no facets, as the others have none."""
ONE = "/v1/meetings/{id}"
PATHS: Mapping[str, Mapping[str, str]] = {
    "one": {
        **dict.fromkeys(("product", "floor", "limit", "raw", "orm", "orm joined", "FastCRUD", "DRF"), ONE),
        "Datasette": "/{file}/meetings/{id}.json?_shape=array",
        "soul-cli": "/api/tables/meetings/rows/{id}",
        "ROAPI": "/api/tables/meetings?filter[id]='{id}'",
        "ROAPI by key": "/api/kv/meetings/{id}",
    },
    "unchanged": {"product": ONE},
    "list": {
        **dict.fromkeys(("product", "floor", "orm", "orm joined"), f"/v1/meetings?{_WINDOW}&limit=50"),
        **dict.fromkeys(("limit", "raw"), f"/v1/meetings?{_WINDOW}"),
        "FastCRUD": "/v1/meetings?country_id={country}&date_end__gte={first}&date_start__lte={last}"
        "&sort=-date_start,-id&offset=0&limit=50",
        "DRF": f"/v1/meetings?{_WINDOW}&limit=50",
        "Datasette": "/{file}/meetings.json?country_id={country}&date_end__gte={first}&date_start__lte={last}&" + _NAKED,
        "soul-cli": "/api/tables/meetings/rows?_filters=country_id:{country},date_end__gte:{first},date_start__lte:{last}"
        "&_ordering=-date_start&_limit=50",
        "ROAPI": "/api/tables/meetings?filter[country_id]='{country}'&filter[date_end]gte='{first}'"
        "&filter[date_start]lte='{last}'&sort=-date_start&limit=50",
    },
    "deep": {
        "product": "/v1/meetings?limit=50&cursor={cursor}",
        **dict.fromkeys(("limit", "raw"), "/v1/meetings?before={before_date},{before_id}"),
        **dict.fromkeys(("orm", "orm joined", "DRF"), "/v1/meetings?limit=50&offset={offset}"),
        "FastCRUD": "/v1/meetings?sort=-date_start,-id&offset={offset}&limit=50",
        "Datasette": f"/{{file}}/meetings.json?{_NAKED}&_next={{before_date}},{{before_id}}",
        "soul-cli": "/api/tables/meetings/rows?_ordering=-date_start&_limit=50&_page={page}",
        "ROAPI": "/api/tables/meetings?sort=-date_start&limit=50&page={page}",
    },
    "relations": {
        **dict.fromkeys(("product", "floor"), ONE + RELATIONS),
        # The twins have them at an address of their own, as a response model wants it.
        **dict.fromkeys(("limit", "raw", "orm", "orm joined"), f"{ONE}/relations"),
    },
}
"""The address of a question for whoever answers it, by workload."""
TITLES = {
    "one": "one record",
    "unchanged": "one record, unchanged (304)",
    "list": "list of 50 by country and dates",
    "deep": "a page from the middle of all",
    "relations": "record with participants and citations",
}
TARGETS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("one", "SQLite"): {"floor": 0.85, "orm": 9, "Datasette": 7, "soul-cli": 1.8},
    ("list", "SQLite"): {"limit": 0.8, "orm": 8, "Datasette": 8, "soul-cli": 1.9},
    ("relations", "SQLite"): {"floor": 0.6, "orm": 20},
    ("one", "Postgres"): {"raw": 0.8, "orm": 4},
    ("list", "Postgres"): {"limit": 0.8, "orm": 3.5},
    ("relations", "Postgres"): {"raw": 0.8, "orm": 8},
}
"""What the product is worth beside them, at least."""


class Question(NamedTuple):
    """What may be put into an address."""

    id: str
    country: str
    first: date
    last: date
    offset: int
    before_date: str
    before_id: str

    @property
    def page(self) -> int:
        """Counted from one."""
        return self.offset // 50 + 1


@dataclass(frozen=True)
class Workload:
    """A question in many variants."""

    name: str
    questions: list[Question]

    @property
    def title(self) -> str:
        """As a reader calls it."""
        return TITLES[self.name]

    def paths(self, server: servers.Server, file: Path) -> list[str]:
        """The addresses of a server."""
        form = PATHS[self.name][server.name]
        digest = _digest(server) if "{cursor}" in form else ""
        return [
            form.format(
                **each._asdict(),
                page=each.page,
                file=file.stem,
                cursor=cursors.encode([each.before_date, each.before_id], digest),
            )
            for each in self.questions
        ]


def _digest(server: servers.Server) -> str:
    """With which the product's cursors begin, from its first page."""
    cursor = json.loads(server.get("/v1/meetings?limit=50")[1])["page"]["next_cursor"]
    return str(cursor)[: len(cursors.request_digest())]


def workloads(database: Path, *, many: int = MANY) -> list[Workload]:
    """Meetings at random, and the days before meetings at random, so that frequent countries are frequent."""
    random = Random(data.SEED)
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        held = connection.execute(
            "SELECT id, country_id, date_start FROM meetings ORDER BY date_start DESC, id DESC"
        ).fetchall()
    often: dict[str, int] = {}
    for _, country, _ in held:
        often[country] = often.get(country, 0) + 1
    days = len(data.YEARS) * 365
    beginning = date(data.YEARS.start, 1, 1)
    asked = []
    for record_id, country, day in random.choices(held, k=many):
        width = timedelta(days=min(days, ROWS_WANTED * days // often[country] + random.randrange(60)))
        last = max(date.fromisoformat(day), beginning + width)
        offset = (len(held) // 2 + random.randrange(len(held) // 20)) // 50 * 50
        before = held[offset - 1]
        asked.append(Question(record_id, country, last - width, last, offset, before[2], before[0]))
    return [Workload(name, asked) for name in PATHS]
