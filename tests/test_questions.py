"""The questions the registry must answer, each as one request over HTTP."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient


def ask(client: TestClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def ids(records: list[dict[str, Any]]) -> set[str]:
    return {record["id"] for record in records}


def test_who_took_part_in_the_negotiations_of_16_june_2025(client: TestClient) -> None:
    found = ask(client, "/v1/participants?date_from=2025-06-16&date_to=2025-06-16")
    assert {(each["person"]["name"], each["capacity"], each["country"]["name"]) for each in found} == {
        ("Pavel Tkach", "First Deputy Minister of Communications and Informatization", "Belarus"),
        ("Xiong Jijun", "Deputy Minister of Industry and Information Technology of the People's Republic of China", "China"),
    }


def test_which_meetings_took_place_in_china_in_2025(client: TestClient) -> None:
    found = ask(client, "/v1/meetings?country=CN&date_from=2025-01-01&date_to=2025-12-31")
    assert {each["city"] for each in found} == {"Karamay"}
    assert {(each["type"], each["ordinal"]) for each in found} == {("ministerial", 4), ("forum", None)}


def test_what_was_signed_between_belarus_and_china_and_what_happened_later(client: TestClient) -> None:
    (found,) = ask(client, "/v1/memoranda?between=BY,CN&include=actions")
    assert found["date"] == "2024-08-22"
    assert found["status"] == "signed"
    assert [(action["type"], action["date_start"]) for action in found["actions"]] == [
        ("signed", "2024-08-22"),
        ("reviewed", "2025-06-16"),
    ]


def test_which_memoranda_cover_artificial_intelligence(client: TestClient) -> None:
    found = ask(client, "/v1/memoranda?topic=artificial-intelligence&include=citations")
    assert {(each["type"], each["date"]) for each in found} == {("memorandum", "2024-08-22"), ("strategy", None)}
    assert all(each["citations"] for each in found)


@pytest.mark.parametrize(
    ("day", "answers"), [("2024-01-01", []), ("2025-01-01", [("certain", 10)]), ("2024-07-15", [("possible", 10)])]
)
def test_was_belarus_a_member_of_sco(client: TestClient, day: str, answers: list[tuple[str, int]]) -> None:
    found = ask(client, f"/v1/memberships?of=sco&member=BY&valid_at={day}")
    assert [(each["held"], each["ordinal"]) for each in found] == answers


def test_what_did_the_two_phases_of_wsis_adopt(client: TestClient) -> None:
    found = ask(client, "/v1/memoranda?series=wsis&include=actions,names")
    adopted: dict[str, set[str]] = {}
    for each in found:
        for action in each["actions"]:
            if action["type"] == "adopted":
                adopted.setdefault(action["meeting"]["id"], set()).add(each["name"])
    geneva, tunis = adopted["wsis-geneva"], adopted["wsis-tunis"]
    assert len(geneva) == 2
    assert any("Declaration of Principles" in name for name in geneva)
    assert any("Action plan" in name for name in geneva)
    assert len(tunis) == 2
    assert any("Tunis Commitment" in name for name in tunis)
    assert any("Tunis Agenda" in name for name in tunis)
    spellings = [name["text"] for each in found for name in each["names"]]
    assert any("Plan of Action" in text for text in spellings)


def test_which_countries_took_part_in_samarkand(client: TestClient) -> None:
    answer = client.get("/v1/meetings/ots-ict-2022").json()
    assert [country["name"] for country in answer["countries"]] == [
        "Azerbaijan",
        "Kyrgyzstan",
        "Kazakhstan",
        "Türkiye",
        "Uzbekistan",
    ]


def test_who_spoke_for_kazakhstan_there(client: TestClient) -> None:
    (found,) = ask(client, "/v1/participants?meeting=ots-ict-2022&country=KZ&role=speaker")
    assert found["person"]["name"] == "Bagdat Mussin"


def test_what_did_uzbekistans_president_propose_in_dushanbe(client: TestClient) -> None:
    (found,) = ask(client, "/v1/outcomes?made_by=shavkat-mirziyoyev&type=proposal")
    assert "expert forum" in found["name"].lower()
    assert "information security" in found["name"].lower()
    assert found["date_start"] == "2021-01-01"
    assert found["date_end"] == "2021-12-31"


def test_which_signed_agreements_had_their_implementation_discussed(client: TestClient) -> None:
    found = ask(client, "/v1/memoranda?meeting=by-ae-talks-2026-01-28&status=signed")
    actions = ask(client, "/v1/actions?meeting=by-ae-talks-2026-01-28&type=reviewed")
    assert ids(found) == {"eaeu-ae-economic-partnership", "by-ae-services-investment"}
    assert ids(found) <= {action["of"]["id"] for action in actions}


def test_what_did_belarus_pledge_to_the_emirates(client: TestClient) -> None:
    (found,) = ask(client, "/v1/outcomes?type=pledge&between=BY,AE&date_from=2026-01-01&date_to=2026-01-31")
    assert found["period"] == "2026/2028"
    assert "EMS" in found["subject"]["name"]


def test_what_happened_between_14_and_17_october_2025(client: TestClient) -> None:
    found = ask(client, "/v1/meetings?date_from=2025-10-14&date_to=2025-10-17&include=participants,parts")
    (visit,) = [each for each in found if each["type"] == "visit" and each["part_of"] is None]
    assert visit["city"] == "Dubai"
    leaders = [each for each in visit["participants"] if each["role"] == "head_of_delegation"]
    assert [leader["person"]["id"] for leader in leaders] == ["yu-a-shapkina"]
    assert any("GITEX" in part["name"] for part in visit["parts"])
    others = {each["id"] for each in found if each["id"] != visit["id"] and (each["part_of"] or {}).get("id") != visit["id"]}
    assert others == {"gitex-2025"}, "the exhibition itself, whose days are not stated"


def test_when_was_the_samarkand_meeting(client: TestClient) -> None:
    answer = client.get("/v1/meetings/ots-ict-2022?include=citations").json()
    assert (answer["date"], answer["date_start"], answer["date_end"]) == ("2022-10-27~", "2022-10-01", "2022-10-31")
    about_the_date = [each for each in answer["citations"] if each["field"] == "date"]
    assert [each["confidence"] for each in about_the_date] == ["inferred"]


def test_where_were_the_talks_of_16_june_2025(client: TestClient) -> None:
    answer = client.get("/v1/meetings/by-cn-talks-2025-06-16").json()
    assert (answer["city"], answer["country"], answer["venue"]) == (None, None, None)


def test_every_answer_leads_back_to_its_source(client: TestClient) -> None:
    """What supports a record names its source, and opens it at the phrase where it has an address."""
    (found,) = ask(client, "/v1/memoranda?between=BY,CN&include=citations")
    first = found["citations"][0]
    assert first["source"]["name"]
    assert first["link"].startswith("https://mpt.gov.by/")
    assert "#:~:text=" in first["link"]
    assert " " not in first["link"]


# -- questions across kinds, and the formats that their askers read (the ledger's own are in tests/test_ledger.py) -----------


def test_who_meets_belarus_most(client: TestClient) -> None:
    found = ask(client, "/v1/counterparts?of=BY")
    told = [(each["actor"]["name"], each["meetings"]["count"], each["last_day"]) for each in found]
    assert told[:2] == [("China", 4, "2025-06-17"), ("United Arab Emirates", 3, "2026-01-28")]


def test_what_happened_in_june_2025(client: TestClient) -> None:
    found = ask(client, "/v1/search?date_from=2025-06-01&date_to=2025-06-30&limit=50")
    assert ids(found) >= {"by-cn-talks-2025-06-16", "sco-ict-2025", "china-sco-forum-2025"}
    lines = ask(client, "/v1/ledger?of=CN&date_from=2025-06-01&date_to=2025-06-30")
    assert ("reviewed", "by-cn-ict-mou-2024") in {(line["what"], line["record"]["id"]) for line in lines}


def test_the_meetings_of_2025_as_a_calendar(client: TestClient) -> None:
    answer = client.get("/v1/meetings?format=ics&date_from=2025-01-01&date_to=2025-12-31")
    assert answer.headers["content-type"].startswith("text/calendar")
    text = answer.text.replace("\r\n ", "")
    assert text.count("BEGIN:VEVENT") == len(ask(client, "/v1/meetings?date_from=2025-01-01&date_to=2025-12-31&limit=200"))
    assert "DTSTART;VALUE=DATE:20250616" in text
    whole = client.get("/v1/meetings?format=ics&date_from=2000-01-01").text.replace("\r\n ", "")
    assert re.search(r"Left out: [1-9]", whole), "some have a month, a year or no date"
