"""Calendars: which days events have, what they say, and that the file is valid."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar

from app.domain import edtf
from app.files import calendars
from app.files.calendars import Told
from tests.test_edtf import days, many, plain, qualified, seasons, sides, unspecified

MEETINGS = "http://registry.example/v1/meetings"
TOLD = Told("Meetings", "meeting", f"{MEETINGS}?format=ics", MEETINGS, "registry.example")


def meeting(**fields: Any) -> dict[str, Any]:
    """A meeting as the API shows it, with what a calendar reads."""
    return {
        "id": "talks",
        "kind": "meeting",
        "version": 1,
        "created_at": "2026-11-30T06:58:18.396924Z",
        "updated_at": "2026-11-30T06:58:18.396924Z",
        "name": "Talks",
        "date": "2025-06-17",
        "city": None,
        "country": None,
        "venue": None,
        "status": None,
        **fields,
    }


def action(**fields: Any) -> dict[str, Any]:
    """An action on an instrument, as the API shows it, with what a calendar reads."""
    return {
        "id": "signing",
        "kind": "action",
        "version": 1,
        "created_at": "2026-11-30T06:58:18.396924Z",
        "updated_at": "2026-11-30T06:58:18.396924Z",
        "of": {"id": "paper", "kind": "memorandum", "name": "Memorandum"},
        "type": "signed",
        "date": "2024-08-22",
        "date_before": None,
        "date_after": None,
        "meeting": None,
        "party": None,
        "note": None,
        **fields,
    }


def written(*records: Mapping[str, Any], **told: Any) -> bytes:
    """The file of these records."""
    return calendars.calendar(records, TOLD._replace(**told))


def read(*records: Mapping[str, Any], **told: Any) -> Any:
    """The file of these records, as the library reads it."""
    return Calendar.from_ical(written(*records, **told))


def event(record: Mapping[str, Any], **told: Any) -> Any:
    """The only event of a record."""
    (found,) = read(record, **told).events
    return found


def unescaped(file: Any, name: str) -> str:
    """A text of the calendar. The library does not know that these properties are texts."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], file[name])


def days_of(found: Any) -> tuple[date, date]:
    """The first and the last day of an event; the file says the day after it."""
    return found.decoded("dtstart"), found.decoded("dtend") - timedelta(1)


@pytest.mark.parametrize(
    ("written_date", "first", "last", "title"),
    [
        ("2025-06-17", "2025-06-17", "2025-06-17", "Talks"),
        ("2025-06-17/2025-06-18", "2025-06-17", "2025-06-18", "Talks"),
        ("2025-02-28/2025-03-01", "2025-02-28", "2025-03-01", "Talks"),
        ("2025-12-31", "2025-12-31", "2025-12-31", "Talks"),
        ("2022-10-27~", "2022-10-27", "2022-10-27", "≈ Talks"),
        ("2022-10-27?", "2022-10-27", "2022-10-27", "Talks (?)"),
        ("2022-10-27%", "2022-10-27", "2022-10-27", "≈ Talks (?)"),
        ("2025-10-14~/2025-10-17", "2025-10-14", "2025-10-17", "≈ Talks"),
        ("2025-10-14/2025-10-17?", "2025-10-14", "2025-10-17", "Talks (?)"),
    ],
)
def test_an_event_has_the_days_that_the_source_states(written_date: str, first: str, last: str, title: str) -> None:
    found = event(meeting(date=written_date))
    assert days_of(found) == (date.fromisoformat(first), date.fromisoformat(last))
    assert found["summary"] == title


@pytest.mark.parametrize(
    ("written_date", "first", "last"),
    [
        ("2009-11", "2009-11-01", "2009-11-30"),
        ("2004", "2004-01-01", "2004-12-31"),
        ("2004~", "2003-01-01", "2005-12-31"),
        ("200X", "2000-01-01", "2009-12-31"),
        ("2021-24", "2021-01-01", "2022-02-28"),
        ("2025-06-XX", "2025-06-01", "2025-06-30"),
        ("2025-06-17/2025-07", "2025-06-17", "2025-07-31"),
        ("../2026-01-28", "2025-01-28", "2026-01-28"),
        ("2025-06-20~/2025-06-17", "2025-06-01", "2025-06-17"),
    ],
)
def test_what_has_no_stated_days_is_left_out_or_drawn_over_all_it_can_mean(written_date: str, first: str, last: str) -> None:
    record = meeting(date=written_date)
    without = read(record)
    assert without.events == []
    assert "0 events. Left out: 1 without stated days (imprecise=span draws them)." in without["description"]
    found = event(record, spans=True)
    assert days_of(found) == (date.fromisoformat(first), date.fromisoformat(last))
    assert found["summary"] == f"[{written_date}] Talks"
    assert f"Date: {written_date}" in found["description"]
    assert "Left out" not in read(record, spans=True)["description"]


dates = st.one_of(
    days, plain, qualified, unspecified, seasons, st.builds("{}/{}".format, sides, sides), plain.map("../{}".format)
)


@many
@given(text=dates)
@example(text="1000~")
@example(text="1000-01-01~/1000-01-02")
@example(text="9998~")
@example(text="9998-12-31")
@example(text="2025-06-20~/2025-06-17")
@example(text="2025-06-17/..")
def test_any_date_gives_a_valid_calendar_or_is_counted(text: str) -> None:
    try:
        bounds = edtf.event(text)
    except ValueError:
        return
    for spans in (False, True):
        file = read(meeting(date=text), spans=spans)
        assert len(file.events) + ("Left out: 1 " in file["description"]) == 1
        for found in file.events:
            first, last = days_of(found)
            assert first <= last
            assert bounds.start <= first.isoformat()
            assert last.isoformat() <= bounds.end
            if not spans:
                assert first.isoformat() in text
                assert last.isoformat() in text


def test_what_is_left_out_is_counted_by_its_reason() -> None:
    records = (
        meeting(id="a", date=None),
        meeting(id="b", date=None, status="postponed"),
        meeting(id="c", date="2025", status="postponed"),
        meeting(id="d", status="postponed"),
    )
    file = read(*records)
    assert [found["uid"] for found in file.events] == ["d@registry.example"]
    assert file["description"] == (
        "Meetings. 1 event. Left out: 2 without a date of their own, 1 without stated days (imprecise=span draws them)."
    )
    undated = read(meeting(), undated=1_007)["description"]
    assert undated.endswith("Left out: 1,007 without any date (not stated, or put off to no new day).")
    assert read(action(), undated=1, kind="action")["description"].endswith("Left out: 1 without any date.")
    assert read(meeting(), undated=0)["description"].endswith("1 event.")


@pytest.mark.parametrize(
    ("status", "shown", "title"),
    [
        ("planned", "TENTATIVE", "Talks"),
        ("held", "CONFIRMED", "Talks"),
        ("postponed", "TENTATIVE", "Talks"),
        ("cancelled", "CANCELLED", "Cancelled: Talks"),
        (None, None, "Talks"),
    ],
)
def test_the_status_of_a_meeting(status: str | None, shown: str | None, title: str) -> None:
    found = event(meeting(status=status))
    assert found.get("status") == shown
    assert found["summary"] == title


def test_an_event_says_who_met_where_and_which_sentence_says_so() -> None:
    person = {"person": {"id": "p", "name": "Pavel Tkach"}, "organization": {"id": "m", "name": "Ministry"}}
    nobody = {"person": None, "organization": None, "country": None, "group": None}
    plain_row = {**nobody, "capacity": None, "role": "participant", "presence": None}
    found = event(
        meeting(
            version=3,
            updated_at="2026-11-30T06:58:18.996924Z",
            date="2025-06-17/2025-06-18",
            venue="Hall; 2",
            city="Karamay",
            country={"id": "CN", "name": "China"},
            also_in=[{"city": "Minsk", "country": {"id": "BY", "name": "Belarus"}}, {"city": "Geneva", "country": None}],
            summary="Discussed\na plan.",
            topics=[{"id": "a", "name": "Networks, clouds"}, {"id": "b", "name": "Облака"}],
            citations=[
                {"quote": "в Карамае прошло", "source": {"id": "s", "name": "News"}, "link": "https://n.example/1#:~:text=a,b"},
                {"quote": "another", "source": {"id": "s", "name": "News"}, "link": None},
            ],
            participants=[
                {**plain_row, **person, "role": "speaker", "capacity": "First Deputy Minister"},
                {**plain_row, **person, "role": "head_of_delegation", "capacity": "First Deputy Minister"},
                {**plain_row, "country": {"id": "CN", "name": "China"}, "role": "host"},
                {**plain_row, "organization": {"id": "sco", "name": "SCO"}, "group": "heads of ministries"},
                {**plain_row, "country": {"id": "KZ", "name": "Kazakhstan"}, "presence": "absent"},
            ],
        )
    )
    assert found["uid"] == "talks@registry.example"
    assert found["sequence"] == 2
    assert found["dtstamp"].to_ical() == found["last-modified"].to_ical() == b"20261130T065818Z"
    assert found["dtstart"].params["value"] == found["dtend"].params["value"] == "DATE"
    assert found["transp"] == "TRANSPARENT"
    assert found["url"] == "http://registry.example/meetings/talks"
    assert found["location"] == "Hall; 2, Karamay, China; Minsk, Belarus; Geneva"
    assert [str(each) for each in found["categories"].cats] == ["Networks, clouds", "Облака"]
    assert "attendee" not in found
    assert found["description"] == (
        "Discussed\na plan.\n\n"
        "Participants:\n"
        "- Pavel Tkach (Ministry): First Deputy Minister, speaker, head of delegation\n"
        "- China: host\n"
        "- heads of ministries\n"
        "- Kazakhstan: absent\n\n"
        "“в Карамае прошло”\nNews\nhttps://n.example/1#:~:text=a,b"
    )


def test_a_long_list_of_participants_is_cut() -> None:
    rows = [
        {
            "person": None,
            "organization": None,
            "country": {"id": "KZ", "name": f"State {number}"},
            "group": None,
            "capacity": None,
            "role": None,
            "presence": None,
        }
        for number in range(calendars.MOST_PARTICIPANTS + 1)
    ]
    whole = event(meeting(participants=rows[:-1]))["description"]
    assert whole.endswith(f"- State {calendars.MOST_PARTICIPANTS - 1}")
    assert event(meeting(participants=rows))["description"] == f"{whole}\n- and more"
    assert event(meeting(participants=rows[:1], participants_more="http://…"))["description"].endswith("- State 0\n- and more")


def test_an_action_is_an_event_on_its_own_day() -> None:
    found = event(
        action(
            meeting={"id": "visit", "name": "Visit"},
            party={"id": "BY", "kind": "country", "name": "Belarus"},
            note="Between the ministries.",
        )
    )
    assert found["summary"] == "Memorandum: signed"
    assert found["status"] == "CONFIRMED"
    assert found["url"] == "http://registry.example/meetings/signing"
    assert found["description"] == "Between the ministries.\n\nAt: Visit\nBy: Belarus"
    assert days_of(found) == (date(2024, 8, 22), date(2024, 8, 22))


def test_the_postponement_of_a_meeting_is_an_event_on_the_day_of_the_decision() -> None:
    found = event(
        action(
            of={"id": "talks", "kind": "meeting", "name": "Talks"},
            type="postponed",
            date="2025-05-02",
            date_before="2025-05-20",
            date_after="2025-09",
        )
    )
    assert found["summary"] == "Talks: postponed"
    assert days_of(found)[0] == date(2025, 5, 2)
    assert found["description"] == "Date before: 2025-05-20\nDate after: 2025-09"


def test_an_action_without_a_date_of_its_own_is_left_out() -> None:
    """Its meeting may have lasted several days, and which of them it was nobody says."""
    record = action(date=None, meeting={"id": "visit", "name": "Visit"}, date_start="2024-08-22", date_end="2024-08-22")
    assert read(record, spans=True).events == []


def test_a_calendar_says_what_it_is() -> None:
    file = read(meeting(), name="Meetings: participant Belarus, “A;B”", since="2025-06-30")
    assert file["version"] == "2.0"
    assert file["prodid"] == "-//Rapporteur//Rapporteur//EN"
    for name in ("name", "x-wr-calname"):
        assert unescaped(file, name) == "Meetings: participant Belarus, “A;B”"
    for name in ("description", "x-wr-caldesc"):
        told = "1 event. It begins a year ago, on 2025-06-30, because neither date_from nor date_to is given."
        shown = file[name] if name == "description" else unescaped(file, name)
        assert shown == f"Meetings: participant Belarus, “A;B”. {told}"
    assert file.refresh_interval == timedelta(hours=12)
    assert file["x-published-ttl"] == "PT12H"
    assert file["source"] == "http://registry.example/v1/meetings?format=ics"
    assert "method" not in file


def test_the_file_is_as_the_rfc_says_whatever_texts_hold() -> None:
    nasty = "Совещание\x0b <&> 😀, a;b\\n\r\nEND:VEVENT\u2028END:VCALENDAR\x85\x7f" * 5
    told = {"name": nasty, "url": "http://registry.example/v1/meetings?q=%0A"}
    record = meeting(name=nasty, summary=nasty, city=nasty, topics=[{"id": "a", "name": nasty}])
    file = written(record, **told)
    assert file.endswith(b"END:VCALENDAR\r\n")
    lines = file.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert not any(control in file for control in (b"\x0b", b"\x7f", "\x85".encode(), "\u2028".encode()))
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    for line in lines:
        line.decode()  # no line is folded within a character
    clean = "Совещание  <&> 😀, a;b\\n\nEND:VEVENT\nEND:VCALENDAR\n" * 5
    parsed: Any = Calendar.from_ical(file)
    (found,) = parsed.events
    assert found["summary"] == found["location"] == clean
    assert str(found["categories"].cats[0]) == clean
    assert unescaped(parsed, "x-wr-calname") == clean


def test_a_calendar_without_events_has_the_component_that_the_rfc_demands() -> None:
    (zone,) = read(meeting(date="2004")).subcomponents
    assert (zone.name, zone["tzid"]) == ("VTIMEZONE", "UTC")
    assert [each.name for each in read(meeting()).subcomponents] == ["VEVENT"]


def test_equal_records_give_equal_bytes() -> None:
    records = [meeting(id=f"talks-{number}", topics=[{"id": "a", "name": "A"}]) for number in range(3)]
    assert written(*records) == written(*records)


def test_a_calendar_ends_after_a_thousand_records_and_says_so() -> None:
    records = [meeting(id=f"talks-{number}", date="2025" if number % 2 else "2025-06-17") for number in range(1_002)]
    cut = read(*records)
    assert len(cut.events) == 500
    assert cut["description"] == (
        "Meetings. 500 events. Left out: 500 without stated days (imprecise=span draws them)."
        " The list goes on after 1,000 records: narrow it down with date_from and date_to."
    )
    assert "goes on" not in read(*records[: calendars.MOST_EVENTS])["description"]
