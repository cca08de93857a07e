"""Calendars and feeds over HTTP, as programs that subscribe to them get them."""

import json
import re
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from starlette.testclient import TestClient

from app.domain import edtf
from app.http import records
from app.resources import RESOURCES
from tests.conftest import Database

ATOM = "{http://www.w3.org/2005/Atom}"
LAST_YEAR = "/v1/meetings?format=ics&date_from=2025-01-01&date_to=2025-12-31"
ALL = "/v1/meetings?format=ics&date_from=1000-01-01"
NASTY = "Mi\x0bnistry <b> & 😀"


def calendar(client: TestClient, path: str) -> Any:
    """The calendar at a path."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return Calendar.from_ical(answer.content)


def events(client: TestClient, path: str) -> dict[str, tuple[str, str]]:
    """The first and the last day of each event of a calendar, by the id of its record."""
    found = {}
    for event in calendar(client, path).events:
        first, after = event.decoded("dtstart"), event.decoded("dtend")
        found[str(event["uid"]).partition("@")[0]] = first.isoformat(), (after - timedelta(1)).isoformat()
    return found


def left_out(client: TestClient, path: str) -> str:
    """What the description of a calendar says of what it leaves out."""
    return str(calendar(client, path)["description"]).partition("Left out: ")[2]


# -- calendars ---------------------------------------------------------------------------------------------------------------


def test_the_meetings_of_2025_have_the_days_that_sources_state(client: TestClient) -> None:
    assert events(client, LAST_YEAR) == {
        "by-ae-dubai-meetings-2025": ("2025-10-14", "2025-10-17"),
        "by-cn-talks-2025-06-16": ("2025-06-16", "2025-06-16"),
        "by-visit-dubai-2025": ("2025-10-14", "2025-10-17"),
        "china-sco-forum-2025": ("2025-06-17", "2025-06-18"),
        "gitex-2025": ("2025-10-14", "2025-10-17"),
        "gitex-visit-2025": ("2025-10-14", "2025-10-17"),
        "sco-ict-2025": ("2025-06-17", "2025-06-18"),
    }
    assert left_out(client, LAST_YEAR) == "1 without any date (not stated, or put off to no new day)."


def test_no_month_and_no_year_becomes_a_day(client: TestClient) -> None:
    meetings = {each["id"]: each for each in client.get("/v1/meetings?limit=200").json()["data"]}
    stated = {key for key, each in meetings.items() if each["date"] and edtf.stated_days(each["date"])}
    assert len(meetings) - len(stated) == 6, "six meetings of the first data set have no day"
    assert set(events(client, ALL)) == stated
    assert (
        left_out(client, ALL)
        == "5 without stated days (imprecise=span draws them), 1 without any date (not stated, or put off to no new day)."
    )
    drawn = events(client, f"{ALL}&imprecise=span")
    assert set(drawn) == {key for key, each in meetings.items() if each["date"]}
    assert drawn["connect-cis-2009"] == ("2009-11-01", "2009-11-30")
    assert drawn["sco-summit-2004"] == ("2004-01-01", "2004-12-31")
    assert left_out(client, f"{ALL}&imprecise=span") == "1 without any date (not stated, or put off to no new day)."


def test_an_approximate_day_is_marked(client: TestClient) -> None:
    titles = {str(event["uid"]): str(event["summary"]) for event in calendar(client, ALL).events}
    assert titles["gitex-2025@rapporteur.invalid"] == "≈ GITEX"
    assert titles["by-visit-dubai-2025@rapporteur.invalid"] == (
        "Visit of the Belarusian delegation to the United Arab Emirates (Dubai)"
    )


def test_actions_are_events_on_days_of_their_own(client: TestClient) -> None:
    found = calendar(client, "/v1/actions?format=ics&date_from=1000-01-01")
    actions = client.get("/v1/actions?limit=200").json()["data"]
    stated = {each["id"] for each in actions if each["date"] and edtf.stated_days(each["date"])}
    assert {str(event["uid"]).partition("@")[0] for event in found.events} == stated
    assert 0 < len(stated) < len(actions)
    (signed,) = [event for event in found.events if event["uid"].startswith("d1cdeb7f-")]
    assert signed["summary"].endswith(": signed")
    assert signed.decoded("dtstart") == date(2024, 8, 22)


def test_the_name_says_the_filter_in_the_language_asked_for(client: TestClient) -> None:
    path = "/v1/meetings?format=ics&participant=by&topic=artificial-intelligence&date_from=2025-01-01"
    assert calendar(client, path)["name"] == ("Meetings: participant Belarus · topic Artificial intelligence · from 2025-01-01")
    in_russian = calendar(client, f"{path}&lang=ru")
    assert in_russian["name"] == "Meetings: participant Беларусь · topic Искусственный интеллект · from 2025-01-01"
    assert all(re.search("[а-я]", event["summary"]) for event in in_russian.events)
    assert client.get(f"{path}&lang=ru").headers["content-language"] == "ru"


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The day on which the application believes to be, as the only item of a list."""
    days = [date(2026, 2, 28)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(*days[0].timetuple()[:3], tzinfo=tz)

    monkeypatch.setattr(records, "datetime", Clock)
    return days


def test_without_a_window_a_calendar_begins_a_year_ago(seeded: Database, today: list[date]) -> None:
    path = "/v1/meetings?format=ics"
    with seeded.client() as client:
        first = client.get(path)
        assert min(events(client, path).values())[1] >= "2025-02-28"
        assert "by-cn-talks-2025-06-16" in events(client, path)
        told = calendar(client, path)
        assert told["name"] == "Meetings", "it does not change from day to day"
        assert "It begins a year ago, on 2025-02-28, because neither date_from nor date_to is given." in told["description"]
        again = {"If-None-Match": first.headers["etag"]}
        assert client.get(path, headers=again).status_code == 304
        windows = [f"{path}&date_from=2025-01-01", f"{path}&date_to=2030-01-01"]
        tags = [client.get(window).headers["etag"] for window in windows]
        today[0] = date(2026, 7, 1)
        assert client.get(path, headers=again).status_code == 200, "the day belongs to the tag"
        assert "by-cn-talks-2025-06-16" not in events(client, path)
        for window, tag in zip(windows, tags, strict=True):
            assert client.get(window, headers={"If-None-Match": tag}).status_code == 304, "the day does not belong to it"


def test_a_calendar_is_equal_bytes_and_is_not_sent_twice(client: TestClient) -> None:
    one, other = client.get(LAST_YEAR), client.get(LAST_YEAR)
    assert one.content == other.content
    assert one.headers["etag"] == other.headers["etag"]
    assert client.get(LAST_YEAR, headers={"If-None-Match": one.headers["etag"]}).status_code == 304
    assert one.headers["content-disposition"].startswith('attachment; filename="meetings-2025-')
    assert client.get("/v1/meetings?date_from=2025-01-01", headers={"Accept": "text/calendar"}).content.startswith(b"BEGIN:VC")


def test_the_host_of_ids_is_a_setting_and_never_the_header(seeded: Database) -> None:
    with seeded.client(id_host="registry.example") as client:
        for host in ("evil.example", "other.example:8000"):
            file: Any = Calendar.from_ical(client.get(LAST_YEAR, headers={"Host": host}).content)
            assert all(event["uid"].endswith("@registry.example") for event in file.events)
            assert all(event["url"].startswith(f"http://{host}/meetings/") for event in file.events)
            feed = ET.fromstring(client.get("/v1/meetings?format=atom", headers={"Host": host}).content)
            assert all(str(each.text).startswith("tag:registry.example,2026:meetings") for each in feed.iter(f"{ATOM}id"))


def test_one_meeting_is_put_into_a_calendar(client: TestClient) -> None:
    path = "/v1/meetings/sco-ict-2025?format=ics&lang=ru"
    answer = client.get(path)
    assert answer.headers["content-disposition"] == 'attachment; filename="sco-ict-2025-1.ics"'
    file: Any = Calendar.from_ical(answer.content)
    (event,) = file.events
    assert event["uid"] == "sco-ict-2025@rapporteur.invalid"
    assert event["url"] == "http://testserver/meetings/sco-ict-2025"
    assert event["location"] == "Karamay, Китай"
    assert "Павел Ткач" in event["description"]
    assert file["name"].replace("\\,", ",") == event["summary"], "the library does not know that it is a text"
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    in_list = next(each for each in calendar(client, f"{LAST_YEAR}&lang=ru").events if each["uid"] == event["uid"])
    assert in_list.to_ical() == event.to_ical()
    (signed,) = calendar(client, "/v1/actions/d1cdeb7f-6186-5373-a734-a80c6fef63f6?format=ics").events
    assert signed.decoded("dtstart") == date(2024, 8, 22)


def test_one_meeting_without_days_is_refused_with_what_to_send(client: TestClient) -> None:
    def fault(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 422
        (found,) = answer.json()["errors"]
        assert found["parameter"] == "format"
        return str(found["detail"])

    assert fault("/v1/meetings/sco-summit-2004?format=ics") == (
        "the sources state no days of the meeting, only 2004; imprecise=span draws it over all of that"
    )
    assert fault("/v1/meetings/wsis-review?format=ics&imprecise=span") == (
        "the meeting has no date of its own, so no calendar has it"
    )
    (event,) = calendar(client, "/v1/meetings/sco-summit-2004?format=ics&imprecise=span").events
    assert event["summary"] == "[2004] SCO summit in Tashkent, 2004"


def test_parameters_that_mean_nothing_are_refused(client: TestClient) -> None:
    def parameters(path: str) -> set[str]:
        answer = client.get(path)
        assert answer.status_code == 422, answer.text
        return {each["parameter"] for each in answer.json()["errors"]}

    assert parameters("/v1/meetings?format=ics&fields=name&include=parts&count=true&limit=1001") == {
        "fields",
        "include",
        "count",
        "limit",
    }
    assert parameters("/v1/meetings?format=atom&fields=name&include=parts&count=true&limit=201") == {
        "fields",
        "include",
        "count",
        "limit",
    }
    assert parameters("/v1/meetings?imprecise=span") == {"imprecise"}
    assert parameters("/v1/meetings/sco-ict-2025?imprecise=span") == {"imprecise"}
    assert parameters("/v1/countries?imprecise=span") == {"imprecise"}
    assert parameters("/v1/countries?format=ics") == {"format"}
    assert parameters("/v1/meetings?format=ics&imprecise=guess") == {"imprecise"}
    assert parameters("/v1/meetings?format=ics&participant=nobody-at-all") == {"participant"}


def meeting(number: int, day: str, **fields: Any) -> str:
    """A line of an import."""
    return json.dumps({"kind": "meeting", "id": f"meeting-{number:04}", "name": f"Meeting {number}", "date": day, **fields})


def test_a_calendar_of_more_than_a_thousand_events_is_cut_and_says_so(database: Database) -> None:
    start = date(2020, 1, 1)
    database.load(*(meeting(number, (start + timedelta(number)).isoformat()) for number in range(1_001)))
    with database.client() as client:
        found = events(client, ALL)
        assert len(found) == 1_000
        assert "meeting-0000" not in found, "the oldest is cut"
        told = calendar(client, ALL)["description"]
        assert told.endswith("1,000 events. The list goes on after 1,000 records: narrow it down with date_from and date_to.")
        whole = calendar(client, f"{ALL}&date_to=2022-09-26")
        assert whole["description"].endswith("1,000 events.")
        assert len(events(client, f"{ALL}&limit=3")) == 3
        assert "meeting-0000" in events(client, f"{ALL}&sort=date"), "in another order another end is cut"


def test_a_subscriber_sees_an_event_created_moved_cancelled_and_deleted(database: Database) -> None:
    path = "/v1/meetings?format=ics&date_from=2025-01-01"
    with database.client() as client:
        key = database.key()

        def patch(**fields: Any) -> None:
            head = client.get("/v1/meetings/talks")
            done = client.patch("/v1/meetings/talks", json=fields, headers={**key, "If-Match": head.headers["etag"]})
            assert done.status_code == 200, done.text

        def event() -> Any:
            (found,) = calendar(client, path).events
            return found

        empty = client.get(path)
        assert Calendar.from_ical(empty.content).events == []
        body = {"id": "talks", "name": NASTY, "date": "2025-06-16", "status": "planned"}
        assert client.post("/v1/meetings", json=body, headers=key).status_code == 201
        assert client.get(path, headers={"If-None-Match": empty.headers["etag"]}).status_code == 200
        created = event()
        assert (created["sequence"], created["status"], created["summary"]) == (0, "TENTATIVE", NASTY.replace("\x0b", " "))
        patch(date="2025-06-20")
        moved = event()
        assert (moved["uid"], moved["sequence"]) == (created["uid"], 1)
        assert moved.decoded("dtstart") == date(2025, 6, 20)
        updated = client.get("/v1/meetings/talks").json()["updated_at"]
        assert moved["dtstamp"].dt == moved["last-modified"].dt == datetime.fromisoformat(updated).replace(microsecond=0)
        patch(status="postponed", date=None)
        assert calendar(client, path).events == []
        assert left_out(client, path) == "1 without any date (not stated, or put off to no new day)."
        patch(date="2025-09-01")
        assert (event()["status"], event()["sequence"]) == ("TENTATIVE", 3)
        patch(status="cancelled")
        assert (event()["status"], event()["summary"]) == ("CANCELLED", f"Cancelled: {NASTY}".replace("\x0b", " "))
        head = client.get("/v1/meetings/talks")
        assert client.delete("/v1/meetings/talks", headers={**key, "If-Match": head.headers["etag"]}).status_code == 204
        assert calendar(client, path).events == []


# -- feeds -------------------------------------------------------------------------------------------------------------------


def entries(client: TestClient, path: str) -> tuple[ET.Element, list[ET.Element]]:
    """A feed and its entries."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    root = ET.fromstring(answer.content)
    return root, root.findall(f"{ATOM}entry")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
def test_any_list_is_a_feed_whose_entries_are_its_records(client: TestClient, resource: Any) -> None:
    records_ = client.get(f"{resource.path}?sort=-updated_at&limit=50").json()
    root, found = entries(client, f"{resource.path}?format=atom")
    assert [each.findtext(f"{ATOM}id") for each in found] == [
        f"tag:rapporteur.invalid,2026:{resource.plural}/{record['id']}" for record in records_["data"]
    ]
    for entry, record in zip(found, records_["data"], strict=True):
        assert entry.findtext(f"{ATOM}updated") == record["updated_at"]
        assert entry.findtext(f"{ATOM}published") == record["created_at"]
        title = entry.findtext(f"{ATOM}title")
        assert title
        assert title == record.get("name", record.get("title") if resource.plural == "sources" else title)
        leads_to = {link.attrib["type"]: link.attrib["href"] for link in entry.findall(f"{ATOM}link[@rel='alternate']")}
        assert leads_to == {
            "text/html": f"http://testserver/{resource.plural}/{record['id']}",
            "application/json": f"http://testserver{resource.path}/{record['id']}",
        }
    items = client.get(f"{resource.path}?format=jsonfeed")
    assert items.headers["content-type"] == "application/feed+json"
    feed = items.json()
    assert [item["id"] for item in feed["items"]] == [each.findtext(f"{ATOM}id") for each in found]
    assert feed["title"] == root.findtext(f"{ATOM}title") == resource.plural.capitalize()
    assert ("next_url" in feed) == (records_["links"]["next"] is not None)


def test_an_entry_cites(client: TestClient) -> None:
    _, found = entries(client, "/v1/meetings?format=atom&participant=BY&topic=artificial-intelligence")
    entry = next(each for each in found if str(each.findtext(f"{ATOM}id")).endswith("/by-ae-talks-2026-01-28"))
    record = client.get("/v1/meetings/by-ae-talks-2026-01-28?include=citations").json()
    quote = record["citations"][0]
    via = entry.find(f"{ATOM}link[@rel='via']")
    assert via is not None
    assert via.attrib == {"rel": "via", "href": quote["link"], "title": quote["source"]["name"]}
    summary = entry.findtext(f"{ATOM}summary") or ""
    assert f"<blockquote>{quote['quote']}</blockquote>" in summary
    assert record["summary"] in summary
    assert [each.attrib["term"] for each in entry.findall(f"{ATOM}category")] == [each["id"] for each in record["topics"]]


def test_a_feed_is_paged_and_leads_to_the_list(client: TestClient) -> None:
    path: str | None = "/v1/topics?lang=ru&format=atom&limit=10"
    seen: list[str | None] = []
    ids = set()
    while path is not None:
        root, found = entries(client, path)
        seen += [each.findtext(f"{ATOM}id") for each in found]
        ids.add(root.findtext(f"{ATOM}id"))
        links = {each.attrib["rel"]: each.attrib["href"] for each in root.findall(f"{ATOM}link")}
        assert links["self"] == f"http://testserver{path}"
        assert links["alternate"] == "http://testserver/v1/topics?lang=ru"
        path = links["next"].removeprefix("http://testserver") if "next" in links else None
    records_ = client.get("/v1/topics?sort=-updated_at&limit=200").json()["data"]
    assert seen == [f"tag:rapporteur.invalid,2026:topics/{each['id']}" for each in records_]
    assert ids == {"tag:rapporteur.invalid,2026:topics?lang=ru"}


def test_a_page_that_was_negotiated_leads_on_in_its_format(client: TestClient) -> None:
    answer = client.get("/v1/topics?limit=10", headers={"Accept": "application/feed+json"})
    following = answer.json()["next_url"]
    assert parse_qs(urlsplit(following).query)["format"] == ["jsonfeed"]
    assert client.get(following).json()["items"]
    assert parse_qs(urlsplit(answer.json()["feed_url"]).query) == {"limit": ["10"], "format": ["jsonfeed"]}


def test_an_order_that_is_asked_for_is_kept(client: TestClient) -> None:
    _, found = entries(client, "/v1/meetings?format=atom&sort=-date&limit=200")
    expected = [each["name"] for each in client.get("/v1/meetings?sort=-date&limit=200").json()["data"]]
    assert [each.findtext(f"{ATOM}title") for each in found] == expected


def test_an_edit_updates_its_entry(database: Database) -> None:
    database.load(json.dumps({"kind": "organization", "id": "ministry", "name": NASTY}), meeting(1, "2025-06-16"))
    with database.client() as client:
        _, (before,) = entries(client, "/v1/organizations?format=atom")
        assert before.findtext(f"{ATOM}title") == "Mi nistry <b> & 😀"
        head = client.get("/v1/organizations/ministry").headers["etag"]
        client.patch("/v1/organizations/ministry", json={"name": "New"}, headers={**database.key(), "If-Match": head})
        _, (after,) = entries(client, "/v1/organizations?format=atom")
        assert after.findtext(f"{ATOM}id") == before.findtext(f"{ATOM}id")
        assert after.findtext(f"{ATOM}title") == "New"
        assert str(after.findtext(f"{ATOM}updated")) > str(before.findtext(f"{ATOM}updated"))
        assert after.findtext(f"{ATOM}published") == before.findtext(f"{ATOM}published")


def test_a_feed_is_not_sent_twice(client: TestClient) -> None:
    for name in ("atom", "jsonfeed"):
        answer = client.get(f"/v1/meetings?format={name}")
        again = client.get(f"/v1/meetings?format={name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_address_behind_a_proxy_is_that_of_the_proxy(seeded: Database) -> None:
    headers = {"X-Forwarded-Host": "registry.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/ict"}
    with seeded.client(trusted_proxies="*") as client:
        file: Any = Calendar.from_ical(client.get(LAST_YEAR, headers=headers).content)
        assert file["source"] == f"https://registry.example/ict{LAST_YEAR}"
        one: Any = Calendar.from_ical(client.get("/v1/meetings/sco-ict-2025?format=ics", headers=headers).content)
        assert one["source"] == "https://registry.example/ict/v1/meetings/sco-ict-2025?format=ics"
        assert one.events[0]["url"] == "https://registry.example/ict/meetings/sco-ict-2025"
        feed = client.get("/v1/meetings?format=jsonfeed&limit=1", headers=headers).json()
        assert feed["items"][0]["url"].startswith("https://registry.example/ict/meetings/")
        assert feed["home_page_url"] == "https://registry.example/ict/meetings"


# -- the log as a feed -------------------------------------------------------------------------------------------------------

TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"


def test_the_newest_changes_are_a_feed_that_can_be_walked_back(client: TestClient) -> None:
    log = client.get("/v1/changes?kind=meeting&limit=1000").json()["data"]
    path: str | None = "/v1/changes?kind=meeting&format=atom&limit=7"
    seen: list[str | None] = []
    while path is not None:
        root, found = entries(client, path)
        assert root.findtext(f"{ATOM}id") == "tag:rapporteur.invalid,2026:changes?kind=meeting"
        assert root.findtext(f"{ATOM}title") == "Changes: kind meeting"
        seen += [each.findtext(f"{ATOM}id") for each in found]
        links = {each.attrib["rel"]: each.attrib["href"] for each in root.findall(f"{ATOM}link")}
        path = links["next"].removeprefix("http://testserver") if "next" in links else None
    assert seen == [f"tag:rapporteur.invalid,2026:changes/{each['position']}" for each in reversed(log)]
    assert len(seen) > 7
    items = client.get("/v1/changes", headers={"Accept": "application/feed+json"}).json()
    newest = client.get("/v1/changes?before=end").json()["data"]
    assert [each["id"].rpartition("/")[2] for each in items["items"]] == [each["position"] for each in newest]
    assert {"format=jsonfeed", "limit=100"} <= set(urlsplit(items["next_url"]).query.split("&"))
    refused = client.get("/v1/changes?format=atom&after=0&wait=1")
    assert {each["parameter"] for each in refused.json()["errors"]} == {"after", "wait"}


def test_in_the_feed_of_the_log_a_deletion_is_a_tombstone_and_what_was_erased_is_not_told(database: Database) -> None:
    secret = "Anna Privata"
    database.load(
        json.dumps({"kind": "person", "id": "p-1", "name": secret, "summary": f"{secret} was there."}),
        json.dumps({"kind": "organization", "id": "here", "name": "Here"}),
        json.dumps({"kind": "organization", "id": "there", "name": "There"}),
        meeting(1, "2025-06-16"),
    )
    key = database.key()
    with database.client() as client:
        tag = {"If-Match": client.get("/v1/meetings/meeting-0001").headers["etag"]}
        assert client.delete("/v1/meetings/meeting-0001", headers={**key, **tag}).status_code == 204
        assert client.post("/v1/organizations/here/merge", json={"into": "there"}, headers=key).status_code == 200
        assert secret in client.get("/v1/changes?format=atom").text
        assert secret in client.get("/v1/changes?format=jsonfeed").text
        assert client.post("/v1/people/p-1/erase", json={}, headers=key).status_code == 200
        root, found = entries(client, "/v1/changes?format=atom")
        assert [each.attrib["ref"] for each in root.findall(TOMBSTONE)] == [
            "tag:rapporteur.invalid,2026:people/p-1",
            "tag:rapporteur.invalid,2026:organizations/here",
            "tag:rapporteur.invalid,2026:meetings/meeting-0001",
        ]
        assert "person p-1: created" in [each.findtext(f"{ATOM}title") for each in found]
        for name in ("atom", "jsonfeed"):
            for path in (f"/v1/changes?format={name}", f"/v1/people?format={name}"):
                assert "Privata" not in client.get(path).text
        titles = {item["title"] for item in client.get("/v1/changes?format=jsonfeed").json()["items"]}
        assert titles >= {
            "person p-1: erased",
            "organization here: merged with another record",
            "There: merged with another record",
            "meeting meeting-0001: deleted",
            "Meeting 1: created",
        }
