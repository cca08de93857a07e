"""The network: nodes, edges, weights and days as the rules in plain Python make them, in all formats."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain import edtf
from app.http import network
from app.views.network import KINDS, MAX_EDGES, MAX_IDS, MOST_ACTORS, Networks
from tests.conftest import Database
from tests.synthetic import registry
from tests.test_contract import get
from tests.test_matrix import counted, filters

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

MODEL = registry()
networks_asked = settings(derandomize=True, deadline=None, max_examples=40)
OF = {"meetings": ("meeting", "participant"), "memoranda": ("memorandum", "party")}


def records_of(of: str, given_filters: Mapping[str, list[str]]) -> list[str]:
    """The records that a network is made of, by the rules, in the order of lists."""
    kind, involved = OF[of]
    query = {involved if name == "participant" else name: values for name, values in given_filters.items()}
    return MODEL.answer(kind, query, ["-date"])


def actors_of(record: str, actors: str) -> list[str]:
    return sorted(each for each in MODEL.actors[record] if MODEL.records[each]["kind"] == KINDS[actors])  # type: ignore[index]


def days_of(records: list[str]) -> tuple[str | None, str | None]:
    """The first day of the earliest record with a date, and the last day of the newest one. `records`: the newest first."""
    dated = [each for each in records if MODEL.bounds(MODEL.records[each]) != edtf.NONE]
    if not dated:
        return None, None
    return min(MODEL.bounds(MODEL.records[each]).start for each in dated), MODEL.bounds(MODEL.records[dated[0]]).end


@networks_asked
@given(data=st.data(), of=st.sampled_from(sorted(OF)), actors=st.sampled_from(sorted(KINDS)))
def test_edges_to_records_are_what_the_rules_say(reading: TestClient, data: st.DataObject, of: str, actors: str) -> None:
    given_filters = data.draw(filters(of))
    found = get(reading, f"/v1/network?{urlencode({'of': of, 'actors': actors, **given_filters}, doseq=True)}")
    records = records_of(of, given_filters)
    wanted = sorted((actor, record) for record in records for actor in actors_of(record, actors))
    assert [(each["source"], each["target"]) for each in found["edges"]] == wanted
    for edge in found["edges"]:
        assert (edge["weight"], edge["count"], edge["ids"]) == (1, 1, [edge["target"]])
        assert edge["link"] == f"/v1/{of}/{edge['target']}"
        assert (edge["first_day"], edge["last_day"]) == days_of([edge["target"]])
    assert found["records"] == len(records)
    degrees: dict[str, int] = defaultdict(int)
    for pair in wanted:
        for node in pair:
            degrees[node] += 1
    assert {each["id"]: each["degree"] for each in found["nodes"]} == degrees
    assert all(each["kind"] == MODEL.records[each["id"]]["kind"] for each in found["nodes"])
    assert all(each["name"] == MODEL.label(each["id"]) for each in found["nodes"])


@networks_asked
@given(data=st.data(), of=st.sampled_from(sorted(OF)), actors=st.sampled_from(sorted(KINDS)))
def test_edges_between_actors_are_what_the_rules_say(reading: TestClient, data: st.DataObject, of: str, actors: str) -> None:
    given_filters = data.draw(filters(of))
    query = {"of": of, "actors": actors, "project": "true", **given_filters}
    found = get(reading, f"/v1/network?{urlencode(query, doseq=True)}")
    weights: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records_of(of, given_filters):
        involved = actors_of(record, actors)
        for one, other in combinations(involved, 2):
            if one in MODEL.reach(other) or other in MODEL.reach(one):
                continue
            weights[one, other] += Fraction(1, len(involved) - 1)
            together[one, other].append(record)
    assert [(each["source"], each["target"]) for each in found["edges"]] == sorted(weights)
    for edge in found["edges"]:
        pair = edge["source"], edge["target"]
        assert edge["weight"] == float(round(weights[pair], 6))
        assert edge["count"] == len(together[pair])
        assert edge["ids"] == together[pair][:MAX_IDS]
        assert (edge["first_day"], edge["last_day"]) == days_of(together[pair])
    for edge in found["edges"][:20]:
        assert counted(edge["link"]) == edge["count"]


def test_the_first_data_set_counted_by_hand(client: TestClient) -> None:
    found = get(client, "/v1/network?project=true")
    edges = {(each["source"], each["target"]): each for each in found["edges"]}
    assert edges["BY", "CN"] == {
        "source": "BY",
        "target": "CN",
        "weight": 4.0,
        "count": 4,
        "first_day": "2024-08-01",
        "last_day": "2025-06-18",
        "ids": ["sco-ict-2025", "china-sco-forum-2025", "by-cn-talks-2025-06-16", "li-qiang-visit-2024"],
        "link": "/v1/meetings?between=BY,CN&count=true",
    }
    assert edges["AZ", "KG"]["weight"] == 0.25, "five countries met in Samarkand"
    assert (found["records"], found["undated"]) == (18, 1)
    assert get(client, edges["AE", "BY"]["link"])["page"]["total"] == edges["AE", "BY"]["count"] == 3
    assert found["as_of"] == client.get("/v1/changes?limit=1000").json()["page"]["position"]


def forum(place: int, actors: int) -> list[str]:
    """The lines of a forum in which so many people take part."""
    lines = [f'{{"kind": "meeting", "id": "forum-{place}", "name": "Forum", "date": "2025-0{place}-01"}}']
    for actor in range(actors):
        lines.append(f'{{"kind": "person", "id": "p{place}-{actor}", "name": "P"}}')
        lines.append(
            json.dumps({"kind": "participant", "meeting": f"forum-{place}", "person": f"p{place}-{actor}", "role": "guest"})
        )
    return lines


def test_a_forum_with_too_many_pairs_is_refused_before_they_are_made(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.load(*forum(1, MOST_ACTORS), *forum(2, 1_000))
    with database.client() as client:
        query = "/v1/network?actors=people&project=true"
        whole = get(client, f"{query}&date_to=2025-01-31")
        assert len(whole["edges"]) == MOST_ACTORS * (MOST_ACTORS - 1) // 2
        assert {each["weight"] for each in whole["edges"]} == {round(1 / (MOST_ACTORS - 1), 6)}
        refused = client.get(query)
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert error["parameter"] == "actors"
        assert "5000 edges" in error["detail"]
        assert "date_from and date_to" in error["detail"]
        assert len(get(client, "/v1/network?actors=people")["edges"]) == 1_000 + MOST_ACTORS
        # Even if the pairs that are looked at first do not show it, one record with too many actors does.
        monkeypatch.setattr("app.views.network.SAMPLED", 10)
        with database.client() as other:
            assert other.get(query).status_code == 422


def test_too_many_edges_to_records_are_refused(database: Database) -> None:
    database.load(*forum(1, MAX_EDGES // 2), *forum(2, MAX_EDGES // 2 + 1))
    with database.client() as client:
        assert len(get(client, "/v1/network?actors=people&date_from=2025-02-01")["edges"]) == MAX_EDGES // 2 + 1
        refused = client.get("/v1/network?actors=people")
        assert refused.status_code == 422
        assert "5000 edges" in refused.json()["detail"]
        assert client.get("/v1/network?actors=people&format=gexf").status_code == 422


def test_ids_are_left_out_of_large_networks(seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.views.network.SAMPLED", 5)
    with seeded.client() as client:
        edges = get(client, "/v1/network?project=true")["edges"]
        assert {each["ids"] is None for each in edges} == {True}
        assert get(client, edges[0]["link"])["page"]["total"] == edges[0]["count"]


NAME = "\x0b<Müller> & \"Söhne\" 'Ё' 👩‍💻\n中"


@pytest.fixture
def odd(database: Database) -> Database:
    """A registry with a name that XML has to escape, or must not have."""
    lines: list[dict[str, Any]] = [
        {"kind": "organization", "id": "odd", "name": NAME},
        {"kind": "organization", "id": "even", "name": "Even"},
        {"kind": "meeting", "id": "m", "name": NAME, "date": "2025-06-17/2025-06-18"},
        *({"kind": "participant", "meeting": "m", "organization": each, "role": "guest"} for each in ("odd", "even")),
    ]
    database.load(*map(json.dumps, lines))
    return database


@pytest.mark.parametrize("made_here", [300, 0])
def test_files_for_programs_that_draw_graphs(odd: Database, monkeypatch: pytest.MonkeyPatch, made_here: int) -> None:
    """They are well-formed and say the same, made by this process or by another one."""
    monkeypatch.setattr(network, "MADE_HERE", made_here)
    with odd.client() as client:
        query = "/v1/network?actors=organizations&project=true"
        whole = get(client, query)
        assert whole["nodes"][1]["name"] == NAME.strip()
        shown = NAME.strip().replace("\x0b", "")
        link = f"http://testserver{whole['edges'][0]['link']}"

        answer = client.get(f"{query}&format=graphml")
        assert answer.headers["content-type"] == "application/graphml+xml"
        name = f"network-meetings-organizations-projected-{whole['as_of'].partition('.')[0]}.graphml"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        space = {"g": "http://graphml.graphdrawing.org/xmlns"}
        graph = ET.fromstring(answer.content)
        assert graph.find("g:graph/g:data[@key='graph_as_of']", space).text == whole["as_of"]  # type: ignore[union-attr]
        assert [each.text for each in graph.findall("g:graph/g:node/g:data[@key='node_name']", space)] == ["Even", shown]
        (edge,) = graph.findall("g:graph/g:edge", space)
        assert {each.get("key"): each.text for each in edge} == {
            "edge_weight": "1.0",
            "edge_count": "1",
            "edge_first_day": "2025-06-17",
            "edge_last_day": "2025-06-18",
            "edge_ids": "m",
            "edge_link": link,
        }

        answer = client.get(query, headers={"Accept": "application/gexf+xml"})
        assert answer.headers["content-type"] == "application/gexf+xml"
        space = {"g": "http://www.gexf.net/1.2draft"}
        graph = ET.fromstring(answer.content)
        assert [each.get("label") for each in graph.iterfind(".//g:node", space)] == ["Even", shown]
        (edge,) = graph.iterfind(".//g:edge", space)
        assert (edge.get("source"), edge.get("target"), edge.get("weight")) == ("even", "odd", "1.0")
        assert edge.find(".//g:attvalue[@for='link']", space).get("value") == link  # type: ignore[union-attr]

        (row,) = csv.DictReader(io.StringIO(client.get(f"{query}&format=csv").text, newline=""))
        assert row["target.name"] == whole["nodes"][1]["name"]
        assert (row["source.id"], row["weight"], row["count"], row["ids"], row["link"]) == ("even", "1.0", "1", "m", link)


def test_an_organization_does_not_meet_its_own_parts(database: Database) -> None:
    lines = [
        {"kind": "organization", "id": "whole", "name": "W"},
        {"kind": "organization", "id": "part", "name": "P", "parent": "whole"},
        {"kind": "organization", "id": "part-of-part", "name": "Q", "parent": "part"},
        {"kind": "organization", "id": "other", "name": "O"},
        {"kind": "meeting", "id": "m", "name": "M"},
        *({"kind": "participant", "meeting": "m", "organization": each, "role": "guest"} for each in ("part-of-part", "other")),
    ]
    database.load(*map(json.dumps, lines))
    with database.client() as client:
        edges = get(client, "/v1/network?actors=organizations&project=true")["edges"]
        assert {(each["source"], each["target"]) for each in edges} == {
            ("other", "part"),
            ("other", "part-of-part"),
            ("other", "whole"),
        }


def test_a_network_is_remembered_and_shared_by_all_formats(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "/v1/network?project=true&topic=information-society"
    first = client.get(query)
    assert first.status_code == 200

    async def never(*_arguments: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(Networks, "count", never)
    assert client.get(query).content == first.content
    assert client.get(f"{query}&format=csv&lang=ru").status_code == 200
    assert client.get(query, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    nodes = client.get(f"{query}&lang=ru").json()["nodes"]
    assert {each["name"] for each in nodes} >= {"Беларусь"}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("of=outcomes", {"of"}),
        ("actors=planets", {"actors"}),
        ("project=perhaps", {"project"}),
        ("topic=nothing&participant=nobody&type=proposal", {"topic", "participant", "type"}),
        ("date_from=2025-02-01&date_to=2025-01-01", {"date_to"}),
        ("format=png", {"format"}),
        ("bom=true&format=gexf", {"bom"}),
        ("between=BY,CN", {"between"}),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, query: str, parameters: set[str]) -> None:
    answer = client.get(f"/v1/network?{query}")
    assert answer.status_code == 422
    assert {each["parameter"] for each in answer.json()["errors"]} == parameters


def test_an_empty_registry_has_an_empty_network(database: Database) -> None:
    with database.client() as client:
        for query in ("", "project=true", "project=true&actors=organizations&of=memoranda"):
            found = get(client, f"/v1/network?{query}")
            assert (found["nodes"], found["edges"], found["records"]) == ([], [], 0)
        assert client.get("/v1/network?format=graphml").status_code == 200
