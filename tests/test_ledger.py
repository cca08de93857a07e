"""The ledger, commitments and participation: each line is in the list that it comes from, and has its sentences."""

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.test_writing import Clerk, clerk_of

Content = dict[str, Any]


def asked(client: TestClient, path: str) -> list[Content]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    data: list[Content] = answer.json()["data"]
    return data


def told(lines: list[Content]) -> list[tuple[str | None, str, str]]:
    return [(line["date"], line["what"], line["record"]["id"]) for line in lines]


# -- the questions ---------------------------------------------------------------------------------------------------------


def test_everything_between_belarus_and_the_emirates(client: TestClient) -> None:
    lines = asked(client, "/v1/ledger?between=BY,AE")
    assert told(lines) == [
        ("../2026-01-28", "signed", "by-ae-services-investment"),
        ("2025-10-14/2025-10-17", "met", "by-ae-dubai-meetings-2025"),
        ("2025-10-14/2025-10-17", "visited", "by-visit-dubai-2025"),
        (None, "understood", "by-ae-dubai-understandings-2025"),
        ("2026-01-28", "met", "by-ae-talks-2026-01-28"),
        ("2026-01-28", "negotiated", "by-ae-digital-agreement"),
        ("2026-01-28", "reviewed", "by-ae-services-investment"),
        ("2026-01-28", "reviewed", "by-ae-dubai-understandings-2025"),
        ("2026-01-28", "understood", "by-ae-dialogue-2026"),
        ("2026-01-28", "pledged", "by-ae-ems-pledge-2026"),
    ]
    for line in lines:
        assert line["citations"]
        assert not line["uncited"]
        assert all(cited["quote"] and cited["source"]["name"] and cited["link"] for cited in line["citations"])
        assert [each["actor"]["name"] for each in line["sides"]] == ["Belarus", "United Arab Emirates"]
    pledge = lines[-1]
    assert (pledge["by"]["id"], pledge["to"]["id"], pledge["meeting"]["id"]) == ("BY", "AE", "by-ae-talks-2026-01-28")
    assert [[person["person"]["name"] for person in each["people"]] for each in pledge["sides"]] == [
        ["Kirill Zalessky"],
        ["Ibrahim Salim Mohamed Al-Musharrakh"],
    ]


def test_everything_between_uzbekistan_and_the_sco(client: TestClient) -> None:
    lines = asked(client, "/v1/ledger?between=UZ,sco")
    found = {(line["date_start"][:4], line["what"], line["record"]["kind"], line["through"]) for line in lines}
    assert found >= {
        ("2001", "founded", "membership", "membership"),
        ("2004", "met", "meeting", "series"),
        ("2009", "signed", "memorandum", "members"),
        ("2016", "met", "meeting", "series"),
        ("2021", "met", "meeting", "series"),
        ("2021", "adopted", "memorandum", "membership"),
        ("2021", "proposed", "outcome", "series"),
    }
    assert all(line["citations"] for line in lines)


def test_whom_officials_of_china_met_since_2024(client: TestClient) -> None:
    lines = asked(client, "/v1/ledger?of=CN&date_from=2024-01-01")
    present = {
        (person["person"]["id"], person["capacity"])
        for line in lines
        for side in line["sides"]
        if side["actor"]["id"] != "CN"
        for person in side["people"]
    }
    assert present == {("pavel-tkach", "First Deputy Minister of Communications and Informatization")}
    assert {line["record"]["id"] for line in lines} >= {"li-qiang-visit-2024", "china-sco-forum-2025", "sco-ict-2025"}


def test_what_happened_to_a_memorandum(client: TestClient) -> None:
    lines = asked(client, "/v1/ledger?of=by-cn-ict-mou-2024&lang=ru")
    assert told(lines) == [("2024-08-22", "signed", "by-cn-ict-mou-2024"), ("2025-06-16", "reviewed", "by-cn-ict-mou-2024")]
    assert lines[0]["record"]["name"].startswith("Меморандум")


def test_what_happened_in_june_2025(client: TestClient) -> None:
    lines = asked(client, "/v1/ledger?of=BY&date_from=2025-06-01&date_to=2025-06-30")
    assert {(line["what"], line["record"]["id"]) for line in lines} >= {
        ("met", "by-cn-talks-2025-06-16"),
        ("met", "sco-ict-2025"),
        ("met", "china-sco-forum-2025"),
        ("reviewed", "by-cn-ict-mou-2024"),
    }


def test_what_belarus_promised_or_proposed(client: TestClient) -> None:
    lines = asked(client, "/v1/commitments?by=BY")
    found = {line["record"]["id"]: line for line in lines}
    proposals = [line for line in lines if line["type"] == "proposal"]
    assert [line["date_start"][:4] for line in proposals] == ["2009"] * 4
    assert found["by-ae-digital-agreement"]["status"] == "negotiation"
    assert found["by-ae-digital-agreement"]["last_sign"]["what"] == "negotiated"
    pledge = found["by-ae-ems-pledge-2026"]
    assert (pledge["period"], pledge["overdue"], pledge["last_sign"]) == ("2026/2028", False, None)
    assert all(line["overdue"] is None for line in lines if line["period"] is None)
    assert all(line["citations"] and (line["age_days"] is None) == line["undated"] for line in lines)


def test_a_pledge_is_found_by_who_made_it_and_to_whom(client: TestClient) -> None:
    def ids(query: str) -> set[str]:
        return {line["record"]["id"] for line in asked(client, f"/v1/commitments?{query}")}

    assert "by-ae-ems-pledge-2026" in ids("by=BY&to=AE")
    assert "by-ae-ems-pledge-2026" in ids("to=AE")
    assert "by-ae-ems-pledge-2026" not in ids("by=AE")
    assert "by-ae-dialogue-2026" in ids("by=AE") & ids("to=BY")
    assert ids("status=negotiation") == {"by-ae-digital-agreement"}
    silent = ids("by=BY&without_sign_since=2025-01-01")
    assert "connect-cis-proposal-monitoring" in silent
    assert "by-ae-digital-agreement" not in silent


def test_in_what_pavel_tkach_took_part(client: TestClient) -> None:
    lines = asked(client, "/v1/people/pavel-tkach/participation")
    assert {line["meeting"]["id"] for line in lines} == {"sco-ict-2025", "china-sco-forum-2025", "by-cn-talks-2025-06-16"}
    forum = next(line for line in lines if line["meeting"]["id"] == "china-sco-forum-2025")
    assert {part["role"] for part in forum["parts"]} == {"head_of_delegation", "speaker"}
    assert all(part["capacity"] and part["citations"] for line in lines for part in line["parts"])
    assert client.get("/v1/people/nobody/participation").status_code == 404
    assert client.get("/v1/people/BY/participation").status_code == 404


# -- the ledger and the lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", ["BY,AE", "BY,CN", "by-mci,cn-miit", "UZ,sco", "BY,sco", "KZ,ots", "BY,itu", "CN,pavel-tkach"])
def test_the_ledger_has_what_the_lists_have(client: TestClient, pair: str) -> None:
    lines = asked(client, f"/v1/ledger?between={pair}")
    direct = {line["record"]["id"] for line in lines if line["through"] in (None, "parent")}
    of_lists = {
        record["id"]
        for plural in ("meetings", "memoranda", "outcomes")
        for record in asked(client, f"/v1/{plural}?between={pair}&limit=200")
    }
    assert of_lists <= {line["record"]["id"] for line in lines}
    kinds = ("meeting", "memorandum", "outcome")
    assert {
        line["record"]["id"] for line in lines if line["record"]["kind"] in kinds and line["record"]["id"] in direct
    } <= of_lists


@pytest.mark.parametrize(
    "query",
    [
        "of=BY",
        "of=sco",
        "of=CN&kind=memorandum",
        "of=digital-transformation",
        "of=wsis",
        "of=BY&topic=cybersecurity",
        "between=BY,AE",
    ],
)
@pytest.mark.parametrize("sort", ["date", "-date"])
def test_pages_join_to_the_whole(client: TestClient, query: str, sort: str) -> None:
    whole = asked(client, f"/v1/ledger?{query}&sort={sort}&limit=200")
    found: list[Content] = []
    path: str | None = f"/v1/ledger?{query}&sort={sort}&limit=3"
    while path:
        page = client.get(path).json()
        assert len(page["data"]) <= 3
        found += page["data"]
        path = page["links"]["next"]
    assert found == whole
    days = [line["date_start"] for line in whole if not line["undated"]]
    known = [each for each in days if each]
    assert known == sorted(known, reverse=sort == "-date")
    assert [line["undated"] for line in whole] == sorted(line["undated"] for line in whole), "undated lines come last"
    rows = client.get(f"/v1/ledger?{query}&sort={sort}&format=ndjson").text.splitlines()
    assert len(rows) == len(whole)
    table = client.get(f"/v1/ledger?{query}&sort={sort}&format=csv").text
    assert table.startswith("id,date,")


def test_an_answer_is_not_made_again(client: TestClient) -> None:
    for path in ("/v1/ledger?of=BY", "/v1/commitments?by=BY&format=csv", "/v1/people/pavel-tkach/participation?format=ndjson"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.head(path).headers["etag"] == first.headers["etag"]
    assert first.status_code == 200
    links = client.get("/v1/ledger?of=BY&lang=ru").headers["link"]
    assert '<?of=BY&lang=ru&format=csv>; rel="alternate"; type="text/csv"' in links


@pytest.mark.parametrize(
    ("query", "parameter", "fault"),
    [
        ("", "between", "either `between` or `of`"),
        ("between=BY,CN&of=BY", "between", "either `between` or `of`"),
        ("between=BY", "between", "two to five"),
        ("between=BY,112", "between", "twice"),
        ("between=BY,nowhere", "between", "no record 'nowhere'"),
        ("of=mpt-2025-sco", "of", "is a source"),
        ("of=BY&topic=BY", "topic", "is a country"),
        ("of=cybersecurity&topic=cybersecurity", "topic", "leave this out"),
        ("of=BY&date_from=2025-01-02&date_to=2025-01-01", "date_to", "before date_from"),
        ("of=BY&limit=201", "limit", "at the most"),
        ("of=BY&bom=true", "bom", "format=csv"),
        ("of=BY&format=csv&cursor=x", "cursor", "leave the cursor out"),
        ("of=BY&kind=country", "kind", ""),
        ("of=BY&sort=name", "sort", ""),
        ("of=BY&surprise=1", "surprise", "no such parameter"),
    ],
)
def test_a_wrong_request_is_explained(client: TestClient, query: str, parameter: str, fault: str) -> None:
    answer = client.get(f"/v1/ledger?{query}")
    assert answer.status_code == 422, answer.text
    (first, *_) = answer.json()["errors"]
    assert first["parameter"] == parameter
    assert fault in first["detail"]


def test_a_cursor_belongs_to_its_request(client: TestClient) -> None:
    cursor = client.get("/v1/ledger?of=BY&limit=2").json()["page"]["next_cursor"]
    assert client.get(f"/v1/ledger?of=CN&limit=2&cursor={cursor}").status_code == 400
    assert client.get("/v1/ledger?of=BY&cursor=nonsense").status_code == 400


# -- what follows a write --------------------------------------------------------------------------------------------------

WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "country", "id": "UZ", "alpha_3": "UZB", "numeric": "860", "name": "Uzbekistan"},
    {"kind": "organization", "id": "club", "name": "Club", "founded": "1999"},
    {"kind": "organization", "id": "office", "name": "Office", "country": "BY"},
    {"kind": "person", "id": "ann", "name": "Ann"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2020-05-05", "status": "planned"},
    {"kind": "participant", "id": "ann-row", "meeting": "talks", "person": "ann", "organization": "office", "role": "delegate"},
    {"kind": "participant", "id": "cn-row", "meeting": "talks", "country": "CN", "role": "delegate"},
    {"kind": "memorandum", "id": "pact", "name": "Pact", "type": "agreement", "status": "signed", "date": "2020-06-01"},
    {"kind": "party", "id": "pact-office", "memorandum": "pact", "party": "office", "role": "party"},
    {"kind": "party", "id": "pact-cn", "memorandum": "pact", "party": "CN", "role": "party"},
    {"kind": "memorandum", "id": "charter", "name": "Charter", "type": "agreement", "date": "2010"},
    {"kind": "party", "id": "charter-club", "memorandum": "charter", "party": "club", "members": True, "role": "party"},
    {
        "kind": "membership",
        "id": "uz-in-club",
        "of": "club",
        "member": "UZ",
        "status": "full",
        "since": "2005",
        "until": "2015",
    },
)
clerk = clerk_of(*WORLD)


def between(clerk: Clerk, pair: str) -> list[tuple[str, str, str | None]]:
    lines = clerk.get(f"ledger?between={pair}").json()["data"]
    return [(line["what"], line["record"]["id"], line["through"]) for line in lines]


def of(clerk: Clerk, record: str) -> list[tuple[str, str]]:
    return [(line["what"], line["record"]["id"]) for line in clerk.get(f"ledger?of={record}").json()["data"]]


def test_lines_follow_writes(clerk: Clerk) -> None:
    assert between(clerk, "BY,CN") == [("planned", "talks", "parent"), ("signed", "pact", "parent")]
    clerk.patch("meetings/talks", {"status": "held"})
    assert between(clerk, "BY,CN") == [("met", "talks", "parent"), ("signed", "pact", "parent")]
    ratified = clerk.made("actions", {"of": "pact", "type": "ratified", "date": "2021-01-01", "party": "CN"})
    assert between(clerk, "BY,CN")[-1] == ("ratified", "pact", "parent")
    assert ("ratified", "pact") in of(clerk, "CN")
    assert ("ratified", "pact") not in of(clerk, "BY"), "a party's own act concerns that party"
    clerk.made("actions", {"of": "pact", "type": "signed", "date": "2020-06-02"})
    assert [line for line in between(clerk, "BY,CN") if line[0] == "signed"] == [("signed", "pact", "parent")]
    clerk.delete(f"actions/{ratified['id']}")
    assert "ratified" not in {what for what, *_ in between(clerk, "BY,CN")}
    clerk.patch("participants/cn-row", {"presence": "absent"})
    assert "talks" not in {record for _, record, _ in between(clerk, "BY,CN")}
    clerk.patch("organizations/office", {"country": "UZ"})
    assert between(clerk, "BY,CN") == []
    assert ("signed", "pact", "parent") in between(clerk, "UZ,CN")
    assert clerk.database.disagreements() == []


def test_a_member_is_linked_to_what_members_made_while_it_was_one(clerk: Clerk) -> None:
    assert between(clerk, "UZ,club") == [
        ("joined", "uz-in-club", "membership"),
        ("signed", "charter", "members"),
        ("left", "uz-in-club", "membership"),
    ]
    assert of(clerk, "UZ") == [("joined", "uz-in-club"), ("signed", "charter"), ("left", "uz-in-club")]
    assert ("founded", "club") in of(clerk, "club")
    clerk.made("actions", {"of": "charter", "type": "amended", "date": "2012"})
    clerk.made("actions", {"of": "charter", "type": "amended", "date": "2019"})
    assert [line for line in between(clerk, "UZ,club") if line[0] == "amended"] == [("amended", "charter", "members")]


def test_a_postponement_is_a_line_of_those_who_were_to_meet(clerk: Clerk) -> None:
    clerk.made("actions", {"of": "talks", "type": "postponed", "date": "2020-05-01", "date_before": "2020-05-05"})
    clerk.patch("meetings/talks", {"status": "postponed", "date": None})
    assert [line[:2] for line in between(clerk, "BY,CN")] == [
        ("postponed", "talks"),
        ("signed", "pact"),
        ("postponed", "talks"),
    ]
    (first, *_, last) = clerk.get("ledger?between=BY,CN").json()["data"]
    assert first["action"]
    assert not first["undated"]
    assert last["action"] is None
    assert last["undated"]


# -- findings of somebody who tried to break it ----------------------------------------------------------------------------

ODD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "country", "id": "UZ", "alpha_3": "UZB", "numeric": "860", "name": "Uzbekistan"},
    {"kind": "organization", "id": "min", "name": "Min", "country": "BY"},
    {"kind": "organization", "id": "dep", "name": "Dep", "parent": "min"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {"kind": "person", "id": "bob", "name": "Bob"},
    {"kind": "outcome", "id": "p1", "name": "P1", "type": "pledge", "made_by": "CN", "made_to": "dep", "date": "2020"},
    {
        "kind": "outcome",
        "id": "p5",
        "name": "P5",
        "type": "pledge",
        "made_by": "CN",
        "others": [{"actor": "min", "role": "addressee"}],
    },
    {"kind": "meeting", "id": "met", "name": "Met", "date": "2020-01-01", "status": "held"},
    {"kind": "participant", "id": "by-row", "meeting": "met", "country": "BY", "role": "delegate", "presence": "absent"},
    {"kind": "participant", "id": "min-row", "meeting": "met", "organization": "min", "role": "delegate"},
    {"kind": "participant", "id": "cn-row", "meeting": "met", "country": "CN", "role": "delegate"},
    {
        "kind": "participant",
        "id": "bob-row",
        "meeting": "met",
        "country": "CN",
        "person": "bob",
        "role": "delegate",
        "presence": "expected",
    },
    {"kind": "memorandum", "id": "pact", "name": "Pact", "type": "agreement"},
    {"kind": "party", "id": "pact-cn", "memorandum": "pact", "party": "CN", "role": "party"},
    {"kind": "action", "id": "idea", "of": "pact", "type": "proposed", "party": "UZ", "date": "2021"},
    {"kind": "action", "id": "signing", "of": "pact", "type": "signed", "date": "2022"},
    {"kind": "series", "id": "sittings", "name": "Sittings", "organization": "club"},
    {"kind": "meeting", "id": "sitting", "name": "Sitting", "series": "sittings", "status": "postponed"},
    {"kind": "participant", "id": "sitting-by", "meeting": "sitting", "country": "BY", "role": "delegate"},
    {"kind": "action", "id": "delay", "of": "sitting", "type": "postponed", "date": "2020-05-01"},
    {"kind": "position", "id": "head", "person": "bob", "country": "CN", "title": "Head", "attested": ["2020"]},
)
odd = clerk_of(*ODD)


def test_what_was_pledged_to_a_body_deep_down_was_pledged_to_its_country(odd: Clerk) -> None:
    def ids(query: str) -> set[str]:
        return {line["record"]["id"] for line in odd.get(f"commitments?{query}").json()["data"]}

    assert ids("by=BY") == set()
    assert ids("to=BY") == ids("by=CN&to=BY") == {"p1", "p5"}
    assert ids("by=CN") == {"p1", "p5", "pact"}, "an instrument is signed although only an action says so"


def test_who_did_not_come_acted_for_nobody(odd: Clerk) -> None:
    (line,) = odd.get("ledger?between=BY,CN&kind=meeting").json()["data"]
    assert line["through"] == "parent", "Belarus itself was absent, its ministry came"
    assert [side["people"] for side in line["sides"]] == [[], []]
    odd.patch("meetings/met", {"status": "planned"})
    (line,) = odd.get("ledger?between=BY,CN&kind=meeting").json()["data"]
    assert [[each["person"]["id"] for each in side["people"]] for side in line["sides"]] == [[], ["bob"]]


def test_what_an_actor_did_is_its_line_also_if_it_is_no_party(odd: Clerk) -> None:
    assert ("proposed", "pact") in of(odd, "UZ")
    assert ("proposed", "pact", None) in between(odd, "UZ,CN")


def test_a_postponed_sitting_is_a_line_of_its_series(odd: Clerk) -> None:
    assert of(odd, "sittings") == [("postponed", "sitting"), ("postponed", "sitting")]
    assert {through for *_, through in between(odd, "BY,club")} == {"series"}


def test_what_was_done_at_the_meetings_of_a_series_is_a_line_of_its_body(client: TestClient) -> None:
    for body in client.get("/v1/series?limit=200").json()["data"]:
        if body["organization"] is None:
            continue
        lines = client.get(f"/v1/ledger?of={body['organization']['id']}&limit=200").json()["data"]
        told = [line["action"] for line in lines if line["action"]]
        assert len(set(told)) == len(told)
        for meeting in client.get(f"/v1/meetings?series={body['id']}&limit=200").json()["data"]:
            acts = client.get(f"/v1/actions?meeting={meeting['id']}&limit=200").json()["data"]
            assert {act["id"] for act in acts} <= set(told), meeting["id"]


def test_an_office_attested_in_a_year_is_a_line_of_that_year(odd: Clerk) -> None:
    (line,) = odd.get("ledger?of=bob&kind=position&date_from=2020-01-01&date_to=2020-12-31").json()["data"]
    assert (line["what"], line["date_start"], line["date_end"]) == ("held_office", "2020-01-01", "2020-12-31")


def test_no_message_of_a_library_is_told(odd: Clerk) -> None:
    for path in ("ledger?of=BY&kind=country", "counterparts?of=BY&kind=x"):
        (fault,) = odd.get(path).json()["errors"]
        assert "Kind." not in fault["detail"]


# -- the first citation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ledger?between=BY,AE",
        "/v1/ledger?of=BY",
        "/v1/commitments",
        "/v1/meetings?include=citations",
        "/v1/outcomes?include=citations",
        "/v1/people/pavel-tkach/participation",
    ],
)
def test_the_first_citation_supports_the_whole_record_if_one_does(client: TestClient, path: str) -> None:
    for line in asked(client, path):
        fields = [cited["field"] for cited in line["citations"]]
        assert fields == sorted(fields, key=lambda field: field is not None)
        whole = [cited["confidence"] for cited in line["citations"] if cited["field"] is None]
        assert whole == sorted(whole, key=lambda confidence: confidence != "stated")


def test_a_table_quotes_the_sentence_that_states_the_line(client: TestClient) -> None:
    table = list(csv.DictReader(io.StringIO(client.get("/v1/ledger?between=BY,AE&format=csv").text)))
    pledge = table[-1]
    assert pledge["citation.quote"] == "подтверждена готовность поддержать кандидатуру ОАЭ"
    assert (pledge["citation.paragraph"], pledge["citation.confidence"]) == ("12", "stated")
    part = next(csv.DictReader(io.StringIO(client.get("/v1/people/pavel-tkach/participation?format=csv").text)))
    assert part["citation.quote"] == "Informatization Pavel Tkach is taking an active"
    assert part["capacities"] == "First Deputy Minister of Communications and Informatization"


def test_the_last_sign_of_a_commitment_has_its_citations(client: TestClient) -> None:
    signs = [line["last_sign"] for line in asked(client, "/v1/commitments?by=BY") if line["last_sign"]]
    assert signs
    for sign in signs:
        action = client.get(f"/v1/actions/{sign['action']}?include=citations").json()
        assert [each["id"] for each in sign["citations"]] == [each["id"] for each in action["citations"]]
        assert sign["citations"]
