"""Which record a value means: codes of countries, former ids, wider topics; and what is said where it means none."""

import json
from typing import Any

import pycountry
import pytest
from httpx2 import Response

from app.domain.iso_3166 import codes_of
from tests.test_writing import PROOF, Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "country", "id": "CZ", "alpha_3": "CZE", "numeric": "203", "name": "Czechia"},
    {"kind": "country", "id": "TF", "alpha_3": "ATF", "numeric": "260", "name": "French Southern Territories"},
    {
        "kind": "country",
        "id": "MM",
        "alpha_3": "MMR",
        "numeric": "104",
        "name": "Myanmar",
        "identifiers": [{"scheme": "iso-3166-1-former", "identifier": "BU"}],
    },
    {
        "kind": "country",
        "id": "CSHH",
        "alpha_3": "CSK",
        "numeric": "200",
        "name": "Czechoslovakia",
        "until": "1992",
        "successors": ["CZ"],
    },
    {"kind": "country", "id": "CSXX", "alpha_3": "SCG", "numeric": "891", "name": "Serbia and Montenegro", "until": "2006"},
    {"kind": "country", "id": "YUCS", "alpha_3": "YUG", "numeric": "891", "name": "Yugoslavia", "until": "2003"},
    {"kind": "country", "id": "FQHH", "alpha_3": "ATF", "name": "French Antarctica", "until": "1979"},
    {"kind": "topic", "id": "ict", "name": "ICT"},
    {"kind": "topic", "id": "security", "name": "Security", "broader": "ict"},
    {"kind": "topic", "id": "cybersecurity", "name": "Cybersecurity", "broader": "security"},
    {"kind": "source", "id": "news", "title": "News"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {"kind": "person", "id": "anna-novak", "name": "Anna Novak"},
    {"kind": "person", "id": "a-novak", "name": "A. Novak"},
    {"kind": "person", "id": "novak", "name": "Novak"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16", "country": "BY", "topics": ["cybersecurity"]},
    {"kind": "meeting", "id": "forum", "name": "Forum", "date": "2024-06-16", "country": "CN", "topics": ["ict", "security"]},
    {"kind": "meeting", "id": "old", "name": "Old talks", "date": "1975", "country": "CSHH"},
    {"kind": "participant", "id": "novak-talks", "meeting": "talks", "person": "a-novak", "role": "speaker"},
    {"kind": "participant", "id": "cn-talks", "meeting": "talks", "country": "CN", "role": "delegation"},
    {"kind": "memorandum", "id": "paper", "name": "Paper", "topics": ["security"]},
    {"kind": "party", "id": "paper-by", "memorandum": "paper", "party": "BY", "role": "party"},
    {"kind": "action", "id": "paper-signed", "of": "paper", "type": "signed", "date": "2025-06-16"},
    {"kind": "citation", "id": "of-paper", "record": "paper", **PROOF},
)


registry = clerk_of(*WORLD)


@pytest.fixture
def clerk(registry: Clerk) -> Clerk:
    """Somebody who may do everything to a few records, of which two people were merged into a third."""
    registry.merged("people", "novak", "a-novak")
    registry.merged("people", "a-novak", "anna-novak")
    return registry


def ids(answer: Response) -> list[str]:
    """The ids of the records of a list or of a search."""
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


def faults(answer: Response) -> list[tuple[str, str]]:
    """The parameters at fault, each with what is said of it."""
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    return [(each["parameter"], each["detail"]) for each in answer.json()["errors"]]


# -- countries ---------------------------------------------------------------------------------------------------------------


def test_the_codes_of_countries_are_those_of_iso_3166() -> None:
    present = {each.alpha_2: (each.alpha_3, each.numeric) for each in pycountry.countries}
    taken = {numeric for _, numeric in present.values()}
    former = {
        each.alpha_4: (each.alpha_3, getattr(each, "numeric", None))
        for each in pycountry.historic_countries
        if getattr(each, "numeric", None) not in taken
    }
    assert codes_of() == present | former
    assert len(former) == 21


@pytest.mark.parametrize("code", ["BY", "by", "By", "BLR", "blr", "Blr", "112"])
def test_a_country_is_meant_by_each_of_its_codes(clerk: Clerk, code: str) -> None:
    assert ids(clerk.get(f"meetings?country={code}")) == ["talks"]
    assert ids(clerk.get(f"meetings?country={code}&country=chn")) == ["talks", "forum"]
    assert ids(clerk.get(f"meetings?country={code}&limit=1&count=true")) == ["talks"]
    assert ids(clerk.get(f"memoranda?party={code}")) == ["paper"]
    assert ids(clerk.get(f"search?country={code}&kind=meeting")) == ["talks"]
    assert ids(clerk.get(f"records?ids=paper,{code}")) == ["paper", "BY"]
    assert clerk.get(f"meetings?country={code}&format=ndjson&fields=id").text == '{"id":"talks"}\n'
    assert clerk.get(f"meetings?country={code}&format=csv&fields=id").text == "id\r\ntalks\r\n"
    if code != "BY":
        answer = clerk.client.get(f"/v1/countries/{code}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (308, "/v1/countries/BY")
    made = clerk.made("meetings", {"name": "More talks", "country": code})
    assert made["country"] == {"id": "BY", "name": "Belarus"}
    assert clerk.patch(f"countries/{code}", {"region": "Europe"}).json()["id"] == "BY"
    assert clerk.put(f"countries/{code}", clerk.read("countries/BY"), if_match="*").json()["version"] == 2
    assert len(clerk.read(f"countries/{code}/history")["data"]) == 2
    refused(clerk.delete(f"countries/{code}"), 409, "still_referenced")
    changed = clerk.patch("meetings/forum", {"country": {"id": code, "name": "Belarus"}}).json()
    assert changed["country"]["id"] == "BY"


def test_pages_and_counts_of_a_list_by_codes_are_whole(clerk: Clerk) -> None:
    clerk.database.load(
        *(
            json.dumps({"kind": "meeting", "id": f"m-{n}", "name": "M", "date": f"20{n}", "country": "CN"})
            for n in range(10, 15)
        )
    )
    found, url = [], "meetings?country=chn&country=BLR&limit=2&count=true"
    while url:
        answer = clerk.get(url)
        found += ids(answer)
        assert answer.json()["page"]["total"] == 7
        url = (answer.json()["links"]["next"] or "").partition("/v1/")[2]
    assert found == ["talks", "forum", "m-14", "m-13", "m-12", "m-11", "m-10"]
    assert ids(
        clerk.get(f"meetings?country=chn&cursor={clerk.get('meetings?country=chn&limit=5').json()['page']['next_cursor']}")
    ) == ["m-10"]


@pytest.mark.parametrize(
    ("code", "country"),
    [
        ("CSHH", "CSHH"),
        ("cshh", "CSHH"),
        ("CSK", "CSHH"),
        ("200", "CSHH"),
        ("YU", "YUCS"),
        ("bu", "MM"),
        ("ATF", "TF"),
        ("FQ", "FQHH"),
    ],
)
def test_a_former_state_is_meant_by_codes_that_no_present_state_has(clerk: Clerk, code: str, country: str) -> None:
    assert clerk.made("meetings", {"name": "Talks of once", "country": code})["country"]["id"] == country
    assert ids(clerk.get(f"records?ids={code}")) == [country]


@pytest.mark.parametrize(("code", "both"), [("CS", ("CSHH", "CSXX")), ("891", ("CSXX", "YUCS"))])
def test_a_code_of_several_former_states_is_refused_and_names_them(clerk: Clerk, code: str, both: tuple[str, str]) -> None:
    told = [
        detail
        for answer in (clerk.get(f"meetings?country={code}"), clerk.get(f"meetings?country={code}&country=BY"))
        for parameter, detail in faults(answer)
        if parameter == "country"
    ]
    told += [detail for _, detail in refused(clerk.get(f"countries/{code}"), 422, "invalid")]
    told += [detail for _, detail in refused(clerk.post("meetings", {"name": "N", "country": code}), 422, "invalid")]
    assert len(told) == 4
    for detail in told:
        assert all(f"{country} (" in detail for country in both), detail


def test_former_states_have_an_end_and_successors_and_are_listed_apart(clerk: Clerk) -> None:
    read = clerk.read("countries/CSHH?include=meetings")
    assert (read["until"], read["until_end"], read["successors"]) == ("1992", "1992-12-31", [{"id": "CZ", "name": "Czechia"}])
    assert [each["id"] for each in read["meetings"]] == ["old"]
    assert ids(clerk.get("countries?former=true&sort=id")) == ["CSHH", "CSXX", "FQHH", "YUCS"]
    assert ids(clerk.get("countries?former=false&sort=id")) == ["BY", "CN", "CZ", "MM", "TF"]
    assert ids(clerk.get("countries?successor=cze")) == ["CSHH"]
    answer = clerk.delete("countries/CZ")
    assert "successors" in refused(answer, 409, "still_referenced")[0][1]
    clerk.merged("countries", "CZ", "CN")
    assert clerk.read("countries/CSHH")["successors"] == [{"id": "CN", "name": "China"}]


@pytest.mark.parametrize(
    ("content", "pointer", "detail"),
    [
        ({"id": "QQ", "alpha_3": "PRUSSIA", "numeric": "999"}, "/alpha_3", "is no alpha-3 code"),
        ({"id": "QQ", "alpha_3": "PRU", "numeric": "no code"}, "/numeric", "is no numeric code"),
        ({"id": "QQ", "alpha_3": "CHN"}, "", "are those of the country 'CN'"),
        ({"id": "PL", "alpha_3": "PLL", "numeric": "616"}, "/alpha_3", "ISO 3166 gives PL the code POL"),
        ({"id": "PL", "alpha_3": "POL"}, "/numeric", "ISO 3166 gives PL the code 616"),
        ({"id": "VDVN", "alpha_3": "VDR", "numeric": "700", "until": "1976"}, "/numeric", "no numeric code"),
        ({"id": "SUHH", "alpha_3": "SUN", "numeric": "810"}, "/until", "former state"),
        ({"id": "QQQ", "alpha_3": "QQQ"}, "/id", "is no id"),
    ],
)
def test_codes_of_a_country_must_be_right(clerk: Clerk, content: Content, pointer: str, detail: str) -> None:
    answer = clerk.post("countries", {"name": "Some state", **content})
    (told,) = [said for where, said in refused(answer, answer.status_code, answer.json()["code"]) if where == pointer]
    assert answer.status_code in (409, 422)
    assert detail in told


def test_states_without_codes_of_iso_are_possible(clerk: Clerk) -> None:
    assert clerk.made("countries", {"id": "XK", "alpha_3": "XKX", "name": "Kosovo"})["numeric"] is None
    assert clerk.made("countries", {"id": "QM", "alpha_3": "QMA", "numeric": "999", "name": "Somewhere"})["numeric"] == "999"


# -- merged records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("former", ["novak", "a-novak"])
def test_the_id_of_a_merged_record_means_the_one_that_stays(clerk: Clerk, former: str) -> None:
    assert ids(clerk.get(f"meetings?participant={former}")) == ["talks"]
    assert ids(clerk.get(f"meetings?between={former},CN")) == ["talks"]
    assert ids(clerk.get(f"participants?person={former}")) == ["novak-talks"]
    answer = clerk.get(f"records?ids={former},club,anna-novak,nobody")
    assert (ids(answer), answer.json()["missing"]) == (["anna-novak", "club"], ["nobody"])
    body = {"meeting": "forum", "person": former, "role": "speaker"}
    assert clerk.made("participants", body)["person"]["id"] == "anna-novak"
    refused(clerk.post("participants", {**body, "person": "anna-novak"}), 409, "conflict")
    clerk.merged("people", clerk.made("people", {"name": "Ann Novak"})["id"], former)
    assert "Ann Novak" in {each["text"] for each in clerk.read("people/anna-novak")["names"]}


def test_an_import_may_refer_to_merged_records_and_to_countries_by_any_code(clerk: Clerk) -> None:
    lines: tuple[Content, ...] = (
        {"kind": "participant", "meeting": "forum", "person": "novak", "country": "blr", "role": "speaker"},
        {"kind": "participant", "meeting": "forum", "person": "anna-novak", "country": "BY", "role": "speaker"},
        {"kind": "meeting", "id": "third", "name": "Third", "country": "112", "topics": ["ict"]},
        {"kind": "citation", "record": "novak", **PROOF},
    )
    report = clerk.database.load(*map(json.dumps, lines))
    assert report.counts == {"created": 3, "replaced": 1, "unchanged": 0, "deleted": 0}  # whom the citation supports
    again = clerk.database.load(*map(json.dumps, lines))
    assert again.counts == {"created": 0, "replaced": 0, "unchanged": 3, "deleted": 0}
    assert ids(clerk.get("citations?record=anna-novak")) == ids(clerk.get("citations?record=novak")) != []
    assert clerk.get("search?q=Third&country=by").json()["data"][0]["id"] == "third"


# -- what means nothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "parameter", "detail"),
    [
        ("meetings?country=XX", "country", "there is no country 'XX'"),
        ("meetings?participant=anna-novac", "participant", "there is no record 'anna-novac'; near to it: anna-novak"),
        ("meetings?participant=club-of-one", "participant", "there is no record 'club-of-one'"),
        ("meetings?between=BY,ann", "between", "there is no record 'ann'; near to it: anna-novak"),
        ("meetings?topic=cyber", "topic", "there is no topic 'cyber'; near to it: cybersecurity"),
        ("meetings?topic_exact=cyber", "topic_exact", "there is no topic 'cyber'; near to it: cybersecurity"),
        ("meetings?memorandum=papers", "memorandum", "there is no record 'papers'; near to it: paper"),
        ("meetings?series=club", "series", "'club' is an organization; it must be a series"),
        ("actions?of=nothing", "of", "there is no record 'nothing'"),
        ("citations?record=nothing", "record", "there is no record 'nothing'"),
        ("search?country=XX", "country", "there is no country 'XX'"),
        ("search?q=talks&topic=cyber", "topic", "there is no topic 'cyber'; near to it: cybersecurity"),
        ("search?organization=anna-novak", "organization", "'anna-novak' is a person; it must be an organization"),
        ("meetings?country=XX&format=csv", "country", "there is no country 'XX'"),
        ("meetings?country=XX&format=ndjson", "country", "there is no country 'XX'"),
    ],
)
def test_a_value_that_means_no_record_is_told_with_what_is_near(clerk: Clerk, path: str, parameter: str, detail: str) -> None:
    assert (parameter, detail) in faults(clerk.get(path))


def test_a_deleted_record_is_told_as_such(clerk: Clerk) -> None:
    clerk.made("people", {"id": "gone", "name": "Gone"})
    clerk.delete("people/gone")
    assert faults(clerk.get("meetings?participant=gone")) == [("participant", "the person 'gone' was deleted")]
    told = refused(clerk.post("participants", {"meeting": "talks", "person": "gone", "role": "host"}), 422, "invalid")
    assert told == [("/person", "the person 'gone' was deleted")]


def test_what_finds_something_by_one_of_two_values_is_answered(clerk: Clerk) -> None:
    assert ids(clerk.get("meetings?country=BY&country=XX")) == ["talks"]
    assert ids(clerk.get("meetings?country=XX&country=blr")) == ["talks"]
    assert ids(clerk.get("search?country=XX&country=blr&kind=meeting")) == ["talks"]


def test_a_known_value_that_finds_nothing_is_an_empty_list(clerk: Clerk) -> None:
    assert ids(clerk.get("meetings?participant=club")) == []
    assert ids(clerk.get("meetings?city=Nowhere")) == []
    assert ids(clerk.get("meetings?country=BY&date_from=2030-01-01")) == []
    assert clerk.get("meetings?participant=club&format=csv&fields=id").text == "id\r\n"


# -- topics ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "wide", "exact"),
    [
        ("ict", ["talks", "forum"], ["forum"]),
        ("security", ["talks", "forum"], ["forum"]),
        ("cybersecurity", ["talks"], ["talks"]),
    ],
)
def test_a_topic_includes_its_narrower_ones(clerk: Clerk, topic: str, wide: list[str], exact: list[str]) -> None:
    assert ids(clerk.get(f"meetings?topic={topic}")) == wide
    assert ids(clerk.get(f"meetings?topic_exact={topic}")) == exact
    assert ids(clerk.get(f"search?topic={topic}&kind=meeting")) == wide
    assert ids(clerk.get(f"search?topic_exact={topic}&kind=meeting")) == exact


def test_facets_count_a_record_once_for_each_topic_above_its_own(clerk: Clerk) -> None:
    answer = clerk.get("search?kind=meeting&facets=topic").json()
    assert [(each["value"], each["count"]) for each in answer["facets"]["topic"]] == [
        ("ict", 2),
        ("security", 2),
        ("cybersecurity", 1),
    ]


def test_link_records_have_the_topics_of_what_they_link(clerk: Clerk) -> None:
    assert sorted(ids(clerk.get("participants?topic=ict"))) == ["cn-talks", "novak-talks"]
    assert ids(clerk.get("participants?topic_exact=ict")) == []
    assert ids(clerk.get("parties?topic=ict")) == ["paper-by"]
    assert ids(clerk.get("actions?topic=security")) == ["paper-signed"]
    assert ids(clerk.get("citations?topic=ict")) == ["of-paper"]


def test_an_array_holds_each_item_once(clerk: Clerk) -> None:
    name = {"language": "en", "text": "Same", "type": "alias"}
    pair = {"scheme": "wikidata", "identifier": "Q5"}
    made = clerk.made("people", {"name": "Same", "topics": ["ict", "ict"], "names": [name, name], "identifiers": [pair, pair]})
    assert ([each["id"] for each in made["topics"]], made["names"], made["identifiers"]) == (["ict"], [name], [pair])
