"""Search and suggestions over HTTP: what is typed, what is found, why, in what order, and the same on both databases."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from app.db import postgres_plans as plans
from app.db.postgres_plans import Chosen, Way
from app.db.schema import migrate
from app.search.dated import dated
from app.search.finder import MOST_TOGETHER, Finder
from app.settings import ROOT
from app.text.analyzer import analyze, forms, typed_forms
from app.text.docids import first_docid
from app.text.nodes import FTS5, TSQUERY, Node, Shares, all_of, any_of, beginning, but_not, in_a_row, share, term
from app.text.query import parsed
from tests import postgres
from tests.conftest import Database, run_command
from tests.depth import thorough, tries
from tests.test_contract import walk
from tests.test_writing import Clerk


def search(client: TestClient, q: str | None = None, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/v1/search", params={**({} if q is None else {"q": q}), **parameters})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in found["data"]]


# -- what must be found ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", ["Zalessky", "Zalesskiy", "Zalesski", "Залесский", "Залесского", "zalesky", "ЗАЛЕССКИЙ"])
def test_the_man_then_his_meeting(client: TestClient, q: str) -> None:
    assert ids(search(client, q))[:2] == ["kirill-zalessky", "by-ae-talks-2026-01-28"]


@pytest.mark.parametrize(
    "q", ["Минсвязи", "Minsvyaz", "Ministry of Communications and Informatization", "Министерство связи", "министерства связи"]
)
def test_the_ministry_of_belarus(client: TestClient, q: str) -> None:
    assert ids(search(client, q))[0] == "by-mci"


@pytest.mark.parametrize("q", ["ШОС", "SCO", "Shanghai Cooperation Organisation", "shanghai organization", "шос"])
def test_the_organization_first(client: TestClient, q: str) -> None:
    assert ids(search(client, q))[0] == "sco"


@pytest.mark.parametrize("q", ["меморандум", "меморандума", "memorandum", "MoU"])
def test_the_memoranda_of_that_type_first(client: TestClient, q: str) -> None:
    of_that_type = {each["id"] for each in client.get("/v1/memoranda?type=memorandum").json()["data"]}
    assert of_that_type == {"by-cn-ict-mou-2024", "ots-ict-memorandum-2022"}
    assert set(ids(search(client, q))[:2]) == of_that_type


@pytest.mark.parametrize("q", ["Karamay", "Карамай", "Карамае"])
def test_both_meetings_of_june_2025(client: TestClient, q: str) -> None:
    assert set(ids(search(client, q))[:2]) == {"sco-ict-2025", "china-sco-forum-2025"}


@pytest.mark.parametrize("q", ["искусственный интеллект", "artificial intelligence", "AI", "ИИ", "искусственного интеллекта"])
def test_the_records_on_that_topic(client: TestClient, q: str) -> None:
    found = ids(search(client, q))
    on_it = {each["id"] for each in client.get("/v1/memoranda?topic=artificial-intelligence").json()["data"]}
    assert found[0] == "artificial-intelligence"
    assert on_it
    assert on_it <= set(found)


@pytest.mark.parametrize("q", ["Turkiye", "Türkiye", "Turkey", "Турция", "турции"])
def test_the_country_then_its_meetings(client: TestClient, q: str) -> None:
    found = ids(search(client, q))
    assert found[0] == "TR"
    assert "ots-ict-2022" in found


@pytest.mark.parametrize("q", ["Аль-Мушаррах", "Al-Musharrakh", "musharrakh", "мушарраха"])
def test_the_ambassador(client: TestClient, q: str) -> None:
    assert ids(search(client, q))[0] == "ibrahim-al-musharrakh"


def test_a_slip_of_the_finger(client: TestClient) -> None:
    assert ids(search(client, "smart citys"))[0] == "smart-cities"
    found = search(client, "smrt cities")
    assert found["did_you_mean"] == ["Smart cities"]
    found = search(client, "Karomey")
    assert (found["data"], found["page"]["total"]) == ([], 0)


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("2026-01-28", {"by-ae-talks-2026-01-28", "by-ae-dialogue-2026", "by-ae-ems-pledge-2026"}),
        ("2025-06", {"by-cn-talks-2025-06-16", "sco-ict-2025", "china-sco-forum-2025"}),
        ("June 2025", {"by-cn-talks-2025-06-16", "sco-ict-2025", "china-sco-forum-2025"}),
        ("17 июня 2025", {"sco-ict-2025", "china-sco-forum-2025"}),
        ("визит в Дубай октябрь 2025", {"by-ae-dubai-understandings-2025", "by-visit-dubai-2025"}),
        ("meeting June 2025 Karamay", {"sco-ict-2025", "china-sco-forum-2025"}),
        ("Zalessky 28 January 2026", {"by-ae-talks-2026-01-28"}),
        ("what happened in June 2025", {"by-cn-talks-2025-06-16", "sco-ict-2025", "china-sco-forum-2025"}),
        ("что было 16-18 июня 2025 г.", {"by-cn-talks-2025-06-16", "sco-ict-2025", "china-sco-forum-2025"}),
        ("2025年6月17日", {"sco-ict-2025", "china-sco-forum-2025"}),
        ("28/01/2026", {"by-ae-talks-2026-01-28", "by-ae-dialogue-2026", "by-ae-ems-pledge-2026"}),
    ],
)
def test_a_date_finds_what_happened_then(client: TestClient, q: str, first: set[str]) -> None:
    found = search(client, q)
    assert set(ids(found)[: len(first)]) == first
    assert found["did_you_mean"] == []


@pytest.mark.parametrize("q", ["70/125", "05/06/2025", "January", "17 June 2025 and 20 July 2025", "2025-13", "2025"])
def test_what_is_no_single_date_is_words(q: str) -> None:
    assert dated(q) is None


def test_between_need_not_stand_in_what_is_found(client: TestClient) -> None:
    assert "by-cn-ict-mou-2024" in ids(search(client, "memorandum between Belarus and China"))
    assert ids(search(client, "agreement between Belarus and the UAE"))[0] == "by-ae-services-investment"
    assert "by-cn-talks-2025-06-16" in ids(search(client, "переговоры между Беларусью и Китаем"))


def test_what_a_long_question_leaves_out_would_find_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether any record has all its words is asked first. The answer is that of asking all queries."""
    texts: list[str] = []
    for kind in ("meetings", "memoranda", "organizations", "people"):
        for record in client.get(f"/v1/{kind}?limit=4&include=names").json()["data"]:
            names = [each["text"] for each in record["names"]]
            texts += [record["name"], " ".join(names), " ".join(names[::-1]), record.get("summary") or ""]
    questions = [" ".join(text.split()[start:][:14]) for text in texts for start in (0, 4)]
    questions += [f"{question} nowhere" for question in questions[::5]]
    long = [question for question in dict.fromkeys(questions) if len(parsed(question).words) > MOST_TOGETHER]
    found = [search(client, question) for question in long]
    assert {hit["matched"]["tier"] for each in found for hit in each["data"]} >= {"in_name", "anywhere", "other_name"}

    async def are_met(*_: object) -> bool:
        return True

    monkeypatch.setattr(Finder, "_are_met", are_met)
    assert [search(client, question) for question in long] == found


# -- the index -----------------------------------------------------------------------------------------------------------


def test_documents_that_chance_gives_one_place_are_all_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.search.index.docid_of", lambda _entry: 7)
    names = ["Ada", "Boole", "Curry", "Dijkstra"]
    people = [json.dumps({"kind": "person", "id": f"{name.lower()}-x", "name": name}) for name in names]
    database.load(*people[:1])
    database.load(*people[1:3])
    database.load(*people[3:])
    assert database.execute("SELECT docid FROM search_entries ORDER BY docid") == [(7,), (8,), (9,), (10,)]
    with database.client() as client:
        assert [ids(search(client, name)) for name in names] == [[f"{name.lower()}-x"] for name in names]
    assert database.disagreements() == []


def test_check_finds_what_the_full_text_index_lacks(database: Database) -> None:
    database.load(json.dumps({"kind": "person", "id": "ada-x", "name": "Ada"}))
    if database.engine.dialect.name != "sqlite":
        pytest.skip("Postgres keeps its index itself")
    ((docid, terms),) = database.execute("SELECT docid, terms FROM search_entries")
    command = "INSERT INTO search_entries_index (search_entries_index, rowid, terms) VALUES ('delete', :docid, :terms)"
    database.execute(command, docid=docid, terms=terms)
    assert database.disagreements() == [f"search_entries_index: lacks: {docid}"]
    database.execute("INSERT INTO search_entries_index (rowid, terms) VALUES (:docid, :terms)", docid=docid, terms=terms)
    assert database.disagreements() == []


@pytest.mark.parametrize(
    ("node", "part"),
    [
        (term("a"), 0.5),
        (term("rare"), 0),
        (all_of((term("a"), term("b"))), 0.1),
        (any_of((term("a"), term("b"))), 0.5),
        (but_not(term("a"), term("b")), 0.4),
        (in_a_row(["a", "b"]), 0.2),
        (beginning("a"), 0.5),
        (beginning("a2"), 0.4),
        (beginning("c"), 0),
    ],
)
def test_how_large_a_part_of_the_documents_has_it(node: Node, part: float) -> None:
    assert share(node, Shares({"a": 0.5, "a2": 0.4, "b": 0.2})) == pytest.approx(part)


FREQUENT = plans.Frequencies(
    1_000_000, Shares({"nsa": 0.1, "nsb": 0.3, "pa": 0.04, "#named": 0.05, "#0001": 0.05, "#2023": 0.01, "#2025": 0.05})
)


@pytest.mark.parametrize(
    ("node", "limit", "way"),
    [
        (term("nsrare"), 1_000, Chosen(Way.INDEX)),
        (term("nsb"), 1_000, Chosen(Way.ORDER)),
        (term("nsa"), 1_000, Chosen(Way.WINDOW, all_of((term("nsa"), term("#2025"))), first_docid("2025-12-31"))),
        (
            term("nsa"),
            2_800,
            Chosen(
                Way.WINDOW,
                all_of((term("nsa"), any_of((term("#2023"), term("#2024"), term("#2025"))))),
                first_docid("2025-12-31"),
            ),
        ),
        (term("nsa"), 4_000, Chosen(Way.INDEX)),
        (all_of((term("nsa"), term("#named"))), 1_000, Chosen(Way.INDEX)),
        (but_not(any_of((term("pa"), term("pa"))), term("nsb")), 1_000, Chosen(Way.INDEX)),
    ],
)
def test_the_way_that_postgres_is_told(node: Node, limit: int, way: Chosen) -> None:
    assert plans.chosen(node, FREQUENT, limit) == way
    assert plans.chosen(node, plans.UNKNOWN, limit) == Chosen(Way.INDEX)


# -- nothing typed is an error -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "q",
    [
        "DROP TABLE meetings; --",
        '"',
        "*",
        "NEAR(",
        "''",
        "a" * 10_000,
        "😀",
        "   ",
        "",
        "AND OR NOT",
        "a:b",
        "x'--",
        "-",
        '-"',
        "^a",
        "{name}: x",
        "(((",
        "\\",
        "%",
        "'a' | 'b'",
        "word1 -word1",
        "ﷺ",
        "\u202eabc",
        "a\tb\nc",
        "٣٤",
        "ａｂｃ",
        "ß" * 300,
    ],
)
def test_whatever_is_typed_has_an_answer(client: TestClient, q: str) -> None:
    assert search(client, q)["page"]["limit"] == 20
    assert client.get("/v1/suggest", params={"q": q}).status_code == 200


@settings(max_examples=60, deadline=None)
@given(q=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=600))
def test_any_text_has_an_answer(client: TestClient, q: str) -> None:
    search(client, q)
    assert client.get("/v1/suggest", params={"q": q}).status_code == 200


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60))
@example(text="ↀ ⑴ 〵 ː ߷ 𖠀 ꫲ")
def test_words_lie_within_their_text_in_their_order(text: str) -> None:
    words = list(analyze(text))
    assert all(0 <= word.start < word.end <= len(text) for word in words)
    assert all(first.start < second.start for first, second in pairwise(words))
    for word in words:
        assert not set(" '\"|&!:()*\\") & set("".join([word.forms.stem, *word.forms.skeletons]))


@thorough
def test_hundreds_of_thousands_of_characters_are_read_as_words_and_queries() -> None:
    random = Random(7)
    letters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    for _ in range(tries(20, 100)):
        text = "".join(random.choices(letters, k=9_000)) + "".join(random.choices(" \"'*-()абвabcшщ", k=1_000))
        assert list(analyze(text))
        query = parsed(text)
        for slot in (*query.slots, *query.without):
            assert FTS5.write(slot.anywhere()).count('"') % 2 == 0
            assert TSQUERY.write(slot.anywhere()).count("'") % 2 == 0


# -- how it is asked ---------------------------------------------------------------------------------------------------


def test_a_phrase_is_found_as_it_stands(client: TestClient) -> None:
    assert "sco" in ids(search(client, '"Cooperation Organization"'))
    assert "sco" not in ids(search(client, '"Organization Cooperation"'))
    assert "sco" in ids(search(client, "Organization Cooperation"))


def test_a_word_that_must_not_be_there(client: TestClient) -> None:
    both, without = ids(search(client, "memorandum", limit=100)), ids(search(client, "memorandum -strategic", limit=100))
    assert set(without) < set(both)
    assert "by-cn-ict-mou-2024" in both
    assert "by-cn-ict-mou-2024" not in without


def test_a_beginning_of_a_word(client: TestClient) -> None:
    found = search(client, "кибербезоп*")
    assert found["data"][0]["id"] == "cybersecurity"
    assert search(client, "кибербезоп")["page"]["total"] == 0


def test_what_has_not_all_words_is_found_when_nothing_has_them(client: TestClient) -> None:
    found = search(client, "Samarkand Karamay")
    assert found["relaxed"]
    assert {"ots-ict-2022", "sco-ict-2025"} <= set(ids(found))
    assert not search(client, "Karamay")["relaxed"]


@pytest.mark.parametrize("beginnings", ["of* and* the* a*", "и* в* на* a*", "a* -qqqwzx of*", 'of* "of" a*'])
def test_beginnings_that_are_function_words_count_as_words_when_nothing_has_all(client: TestClient, beginnings: str) -> None:
    found = search(client, f"Samarkand Karamay {beginnings} qqqwz", limit=100)
    assert found["relaxed"]
    assert {"ots-ict-2022", "sco-ict-2025"} <= set(ids(found))


def test_words_past_the_twelfth_are_named(client: TestClient) -> None:
    typed = [f"word{number}" for number in range(14)]
    assert search(client, " ".join(typed))["ignored"] == typed[12:]


def test_other_names_of_what_is_typed_find_too(client: TestClient) -> None:
    """The texts say "AI"; whoever types the Russian acronym finds them."""
    hits = {hit["id"]: hit for hit in search(client, "ИИ")["data"]}
    assert hits["by-cn-ict-mou-2024"]["matched"] == {"tier": "other_name", "field": "summary", "form": "other_name"}
    assert "<mark>AI</mark>" in hits["by-cn-ict-mou-2024"]["snippet"]


@pytest.mark.parametrize(
    ("q", "tier", "form", "marked"),
    [
        ("Кирилл Залесский", "name_is", "as_typed", ["Кирилл", "Залесский"]),
        ("Залесского", "named", "inflected", ["Залесский"]),
        ("zalesky", "named_sounds", "transliterated", ["Zalessky"]),
        ("залес*", "named", "beginning", ["Залесский"]),
    ],
)
def test_a_hit_says_why_it_was_found(client: TestClient, q: str, tier: str, form: str, marked: list[str]) -> None:
    hit = search(client, q)["data"][0]
    assert (hit["id"], hit["matched"]["tier"], hit["matched"]["form"]) == ("kirill-zalessky", tier, form)
    assert re.findall("<mark>(.*?)</mark>", hit["snippet"]) == marked


def test_a_snippet_of_a_text_without_spaces_shows_what_was_found(database: Database) -> None:
    summary = "双方讨论了电子政务和数字经济领域的合作前景" * 16 + "量子通信" + "并商定继续开展经验交流" * 16
    database.load(
        json.dumps({"kind": "meeting", "id": "long", "name": "Long", "date": "2024", "summary": summary}, ensure_ascii=False)
    )
    with database.client() as client:
        (hit,) = search(client, "量子通信")["data"]
    assert "<mark>量子通信</mark>" in hit["snippet"]
    assert len(hit["snippet"]) < 300


def test_a_hit_shows_what_a_reader_wants_to_know(client: TestClient) -> None:
    (hit,) = search(client, "Karamay", kind="meeting", lang="ru", limit=1)["data"]
    assert hit["date"] == "2025-06-17/2025-06-18"
    assert hit["country"] == {"id": "CN", "name": "Китай"}
    assert hit["score"] > 0
    assert re.search("[а-я]", hit["name"])


# -- filters, facets, pages --------------------------------------------------------------------------------------------


def test_filters_narrow_and_need_no_words(client: TestClient) -> None:
    found = search(client, date_from="2025-10-14", date_to="2025-10-17")
    assert {"by-visit-dubai-2025", "gitex-visit-2025"} <= set(ids(found))
    assert {hit["kind"] for hit in found["data"]} <= {"meeting", "outcome", "memorandum", "source", "action"}
    assert all(hit["matched"] is None for hit in found["data"])
    kinds = {hit["kind"] for hit in search(client, "SCO", kind=["meeting", "source"])["data"]}
    assert kinds == {"meeting", "source"}
    on_it = set(ids(search(client, topic="artificial-intelligence", kind="memorandum")))
    assert on_it == {each["id"] for each in client.get("/v1/memoranda?topic=artificial-intelligence").json()["data"]}
    between = set(ids(search(client, country="AE", kind="meeting", limit=100)))
    took_part = {each["id"] for each in client.get("/v1/meetings?participant=AE").json()["data"]}
    held_there = {each["id"] for each in client.get("/v1/meetings?country=AE").json()["data"]}
    assert between == took_part | held_there


def test_a_window_finds_what_has_long_begun(database: Database) -> None:
    database.load(
        '{"kind":"meeting","id":"decade","name":"A decade of talks","date":"2001/2010"}',
        '{"kind":"meeting","id":"month","name":"A month of talks","date":"2004-05"}',
        '{"kind":"meeting","id":"undated","name":"Undated talks"}',
    )
    with database.client() as client:
        assert ids(search(client, "talks", date_from="2004-05-31", date_to="2004-05-31")) == ["month", "decade"]
        assert ids(search(client, "talks", date_from="2004-06-01")) == ["decade"]
        assert ids(search(client, "talks", date_to="2001-01-01")) == ["decade"]
        assert ids(search(client, "talks", date_to="2000-12-31")) == []
        assert ids(search(client, "talks")) == ["month", "decade", "undated"]


def test_facets_count_the_hits(client: TestClient) -> None:
    found = search(client, "SCO", facets="kind,year,country,topic", limit=100)
    counted = {facet: {value["value"]: value["count"] for value in values} for facet, values in found["facets"].items()}
    kinds = [hit["kind"] for hit in found["data"]]
    assert counted["kind"] == {kind: kinds.count(kind) for kind in kinds}
    years = [hit["date"][:4] for hit in found["data"] if hit["date"]]
    assert all(counted["year"][year] >= years.count(year) for year in years)
    assert counted["country"]["CN"] > 0
    assert {value["name"] for value in found["facets"]["country"] if value["value"] == "CN"} == {"China"}
    assert not found["approximate"]


def test_pages_make_up_the_whole(client: TestClient) -> None:
    whole = search(client, "ICT", limit=100)
    assert len(whole["data"]) == whole["page"]["total"] > 10
    walked, cursor = [], None
    while True:
        page = search(client, "ICT", limit=3, **({"cursor": cursor} if cursor else {}))
        walked += ids(page)
        cursor = page["page"]["next_cursor"]
        if cursor is None:
            break
        assert client.get(page["links"]["next"]).status_code == 200
    assert walked == ids(whole)
    first = search(client, "ICT", limit=3)["page"]["next_cursor"]
    refused = client.get("/v1/search", params={"q": "SCO", "cursor": first})
    assert (refused.status_code, refused.json()["code"]) == (400, "cursor_mismatch")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("q=x&kind=nothing", "kind"),
        ("q=x&limit=0", "limit"),
        ("q=x&date_from=soon", "date_from"),
        ("q=x&facets=all", "facets"),
        ("q=x&date_from=2025-02-01&date_to=2025-01-01", "date_to"),
        ("q=x&nonsense=1", "nonsense"),
    ],
)
def test_what_is_asked_wrongly_is_named(client: TestClient, query: str, parameter: str) -> None:
    answer = client.get(f"/v1/search?{query}")
    assert answer.status_code == 422
    assert parameter in [fault["parameter"].partition(".")[0] for fault in answer.json()["errors"]]


def test_an_answer_has_its_tag(client: TestClient) -> None:
    first = client.get("/v1/search?q=SCO")
    again = client.get("/v1/search?q=SCO", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/v1/search?q=SCO").headers["etag"] == first.headers["etag"]


# -- suggestions -------------------------------------------------------------------------------------------------------


def suggested(client: TestClient, q: str, **parameters: Any) -> list[str]:
    answer = client.get("/v1/suggest", params={"q": q, **parameters})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


def test_every_name_is_suggested_as_it_is_typed_word_by_word(client: TestClient) -> None:
    """Short words, such as `of`, hide nothing."""
    for plural in ("memoranda", "meetings", "outcomes", "organizations", "series", "people", "topics"):
        for record in client.get(f"/v1/{plural}?limit=200").json()["data"]:
            words = record["name"].split()
            for count in {min(2, len(words)), min(3, len(words)), len(words)}:
                typed = " ".join(words[:count])
                assert record["id"] in suggested(client, typed, kind=record["kind"], limit=20), typed


@pytest.mark.parametrize("name", ["Zalessky", "Залесский", "Zalesskij"])
def test_a_name_is_completed_letter_by_letter(client: TestClient, name: str) -> None:
    for length in range(1, len(name) + 1):
        found = suggested(client, name[:length], kind="person")
        assert "kirill-zalessky" in found, name[:length]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("shang coop", "sco"),
        ("шанх", "sco"),
        ("smart ci", "smart-cities"),
        ("zalezky", "kirill-zalessky"),
        ("上海", "sco"),
        ("belar", "BY"),
        ("the Emirates", "AE"),
        ("Беларуси", "BY"),
        ("Burma", "MM"),
    ],
)
def test_a_name_is_found_as_it_is_typed(client: TestClient, q: str, first: str) -> None:
    assert suggested(client, q)[0] == first


@pytest.mark.parametrize("language", ["en", "ru"])
def test_whoever_has_the_name_that_was_typed_comes_first(client: TestClient, language: str) -> None:
    """Russia is no Belarus, which Turkish calls Beyaz Rusya, and Nigeria has the stem of Niger."""
    for plural in ("countries", "organizations", "people"):
        for record in walk(client, f"/v1/{plural}?limit=200&lang={language}"):
            suggestion = client.get("/v1/suggest", params={"q": record["name"], "kind": record["kind"], "limit": 1}).json()[
                "data"
            ][0]
            assert (suggestion["id"], suggestion["slips"]) == (record["id"], 0), record["name"]


def test_a_suggestion_says_how_well_it_fits(client: TestClient) -> None:
    for q, fits in (
        ("Belarus", {"BY": "whole"}),
        ("Беларуси", {"BY": "inflected"}),
        ("Korea", {"KR": "words", "KP": "words", "ES": "alike"}),
        ("belar", {"BY": "alike"}),
        ("zalezky", {"kirill-zalessky": "alike"}),
    ):
        found = client.get("/v1/suggest", params={"q": q, "limit": 50}).json()["data"]
        assert fits.items() <= {each["id"]: each["fit"] for each in found}.items(), q
        places = [("whole", "inflected", "words", "alike").index(each["fit"]) for each in found if each["kind"] == "country"]
        assert places == sorted(places), q


def test_what_is_named_most_comes_first(client: TestClient) -> None:
    found = client.get("/v1/suggest?q=b&kind=country&limit=3").json()["data"]
    assert found[0]["id"] == "BY"
    assert found[0]["slips"] == 0


# -- kept with every write ---------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(database: Database) -> Iterator[Clerk]:
    """A clerk at an office that has a few records."""
    database.load(
        '{"kind":"country","id":"BY","name":"Belarus","alpha_3":"BLR","numeric":"112"}',
        '{"kind":"organization","id":"ministry","name":"Ministry","country":"BY"}',
        '{"kind":"person","id":"ivan","name":"Ivan Ivanov"}',
    )
    with database.client() as client:
        yield Clerk(database, client)


def test_what_is_written_is_found_at_once_and_what_is_gone_is_not(clerk: Clerk) -> None:
    made = clerk.post("meetings", {"name": "Совещание о квантовой связи", "date": "2026-01-02"}).json()
    client = clerk.client
    assert ids(search(client, "квантовая связь")) == [made["id"]]
    clerk.post("participants", {"meeting": made["id"], "organization": "ministry", "role": "participant", "capacity": "Host"})
    assert made["id"] in ids(search(client, country="BY", kind="meeting")), "through its ministry"
    assert made["id"] in ids(search(client, "Belarus"))
    clerk.patch(f"meetings/{made['id']}", {"name": "Talks on fibre", "date": "2024"})
    assert ids(search(client, "квантовая связь")) == []
    assert ids(search(client, "fibre", date_from="2024-01-01", date_to="2024-12-31")) == [made["id"]]
    assert clerk.database.disagreements() == []
    for participant in client.get(f"/v1/participants?meeting={made['id']}").json()["data"]:
        clerk.delete(f"participants/{participant['id']}")
    clerk.delete(f"meetings/{made['id']}")
    assert ids(search(client, "fibre")) == []
    assert clerk.database.disagreements() == []


def test_documents_are_rebuilt_while_others_write(database: Database) -> None:
    database.seed()
    before = database.execute("SELECT record_id, docid, words, terms FROM search_entries ORDER BY record_id")
    told: list[int] = []
    database.writer.reindex(database.engine, progress=told.append)
    assert sum(told) > len(before) / 2
    assert database.execute("SELECT record_id, docid, words, terms FROM search_entries ORDER BY record_id") == before
    assert database.disagreements() == []


def test_an_indexing_that_was_broken_off_is_done_again_by_migrate(database: Database) -> None:
    database.seed()
    before = database.execute("SELECT record_id, docid, words, terms FROM search_entries ORDER BY record_id")
    database.execute("DELETE FROM search_entries")
    if database.engine.dialect.name == "sqlite":
        database.execute("INSERT INTO search_entries_index (search_entries_index) VALUES ('delete-all')")

    def stop(_written: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.writer.reindex(database.engine, progress=stop)
    assert 0 < database.execute("SELECT count(*) FROM search_entries")[0][0] < len(before)  # type: ignore[operator]
    assert run_command("migrate", url=database.url).returncode == 0
    assert database.execute("SELECT record_id, docid, words, terms FROM search_entries ORDER BY record_id") == before
    assert database.disagreements() == []


# -- the same on both databases ----------------------------------------------------------------------------------------

SYLLABLES = ["ка", "ме", "ра", "то", "ши", "ло", "зал", "есс", "кий", "ин", "фор", "ма", "ция", "свя", "зь"]
LATIN = ["ka", "me", "ra", "to", "shi", "lo", "zal", "ess", "kiy", "in", "for", "ma", "tion", "svya", "z"]


def _word(random: Random) -> str:
    return "".join(random.choices(random.choice((SYLLABLES, LATIN)), k=random.randint(1, 3)))


def _records(number: int, random: Random) -> Iterator[str]:
    vocabulary = [_word(random) for _ in range(400)]
    weights = [1 / (place + 1) for place in range(len(vocabulary))]
    for place in range(number):
        kind = random.choices(["meeting", "memorandum", "person", "organization", "topic"], [60, 20, 8, 8, 4])[0]
        words = random.choices(vocabulary, weights, k=random.randint(2, 6))
        record: dict[str, Any] = {"kind": kind, "id": f"{kind}-{place}", "name": " ".join(words)}
        if kind in ("meeting", "memorandum"):
            record["date"] = f"{random.randint(1990, 2026)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        if kind != "topic":
            record["summary"] = " ".join(random.choices(vocabulary, weights, k=12))
        record["names"] = [{"language": "ru", "text": " ".join(random.choices(vocabulary, weights, k=3)), "type": "alias"}]
        yield json.dumps(record, ensure_ascii=False)


def _queries(number: int, random: Random, lines: list[str]) -> Iterator[dict[str, Any]]:
    for _ in range(number):
        record = json.loads(random.choice(lines))
        words = record["name"].split() + record.get("summary", "").split()
        typed = random.sample(words, k=min(len(words), random.randint(1, 3)))
        typed = [random.choice([word, word.upper(), f"-{word}", f"{word[:4]}*", f'"{word}"', word]) for word in typed]
        parameters: dict[str, Any] = {"q": " ".join(typed), "limit": 50}
        if random.random() < 0.2:
            parameters["kind"] = random.choice(["meeting", "person"])
        if random.random() < 0.2:
            parameters["date_from"] = f"{random.randint(1990, 2026)}-01-01"
        yield parameters


@pytest.fixture
def two_databases(tmp_path: Path) -> Iterator[list[Database]]:
    """An empty database of either kind."""
    with postgres.server() as server:
        name = "side_by_side"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        urls = [f"sqlite:///{tmp_path}/side.db", make_url(server).set(database=name).render_as_string(hide_password=False)]
        for url in urls:
            migrate(url)
        databases = [Database(url) for url in urls]
        yield databases
        for database in databases:
            database.engine.dispose()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


WAYS: dict[str, dict[str, float]] = {
    "as Postgres' statistics say": {},
    "in windows": {"_FEW": 0, "_IN_ORDER": 2, "_ENOUGH": 0.2},
    "in the documents' order": {"_FEW": -1, "_IN_ORDER": 0},
}


@thorough
def test_hits_are_the_same_in_the_same_order_on_both_databases_whatever_way_they_are_found(
    two_databases: list[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(2026)
    lines = list(_records(tries(1_000, 4_000, 20_000), random))
    queries = list(_queries(tries(100, 300, 1_000), random, lines))
    for database in two_databases:
        for start in range(0, len(lines), 5_000):
            database.load(*lines[start : start + 5_000])
        if database.engine.dialect.name == "postgresql":
            database.execute("ANALYZE search_entries")
    sqlite, other = two_databases
    with sqlite.client() as client:
        wanted = [search(client, **parameters) for parameters in queries]
    assert sum(bool(answer["data"]) for answer in wanted) > 0.9 * len(queries)
    ways = Counter[Way]()

    def chosen(*given: Any) -> Chosen:
        found = plans.chosen(*given)
        ways[found.way] += 1
        return found

    monkeypatch.setattr("app.search.candidates.chosen", chosen)
    for way, settings_ in WAYS.items():
        for name, value in settings_.items():
            monkeypatch.setattr(plans, name, value)
        with other.client() as client:
            for parameters, first in zip(queries, wanted, strict=True):
                second = search(client, **parameters)
                assert first["data"] == second["data"], (way, parameters)
                assert first["page"]["total"] == second["page"]["total"], (way, parameters)
    assert min(ways[way] for way in Way if way is not Way.EITHER) >= 0.5 * len(queries), ways


# -- what is documented ------------------------------------------------------------------------------------------------


def test_the_examples_of_the_analyzer_are_as_documented() -> None:
    """Each row of the first table of docs/search.md: spellings that meet, and those that do not."""
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| (.+?) \|$", (ROOT / "docs" / "search.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    rows = [row for row in rows if "`" in row[0] and "`" in row[1]]
    assert len(rows) >= 12
    for written, meets, differs in rows:
        (word,) = re.findall("`(.+?)`", written)
        for other in re.findall("`(.+?)`", meets):
            assert _meet(word, other), (word, other)
        for other in re.findall("`(.+?)`", differs):
            assert not _meet(word, other), (word, other)


def _meet(written: str, typed: str) -> bool:
    stems, skeletons = typed_forms(typed)
    own = forms(written)
    return own.stem in stems or not set(own.skeletons).isdisjoint(skeletons)
