"""Programs that subscribe: khal and vdirsyncer read calendars, ical.js parses every calendar, feedparser every feed."""

import json
import re
import subprocess
import venv
from collections.abc import Iterator
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from icalendar import Calendar
from starlette.testclient import TestClient

from app.resources import RESOURCES
from app.settings import ROOT
from tests import depth
from tests.conftest import Database
from tests.programs import program
from tests.serving import Server, served
from tests.slow.test_clients import packages, run
from tests.slow.test_wheel import PIP

pytestmark = depth.slow
__all__ = ["packages"]

CLIENTS = ROOT / "tests" / "clients"
NASTY = "Mi\x0bnistry <b>&amp; & 😀, a;b\\n “q”"
SHOWN = NASTY.replace("\x0b", " ")
SCO = (
    "Fourth Meeting of the Heads of Ministries and Departments of the Member States of the Shanghai Cooperation Organization"
    " Responsible for ICT Development"
)
KHAL = """
[calendars]
[[registry]]
path = {folder}/calendar
[locale]
local_timezone = UTC
default_timezone = UTC
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
[sqlite]
path = {folder}/khal.db
[default]
default_calendar = registry
"""
VDIRSYNCER = """
[general]
status_path = "{folder}/status"
[pair meetings]
a = "registry"
b = "here"
collections = null
conflict_resolution = "a wins"
[storage registry]
type = "http"
url = "{url}"
[storage here]
type = "filesystem"
path = "{folder}/calendar"
fileext = ".ics"
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of khal, vdirsyncer and a Python with feedparser, in an environment of their own."""
    folder = tmp_path_factory.mktemp("subscribers")
    venv.create(folder, with_pip=True)
    found = folder / "bin"
    subprocess.run([found / "python", *PIP, "--require-hashes", "--requirement", CLIENTS / "subscribers.lock"], check=True)
    return found


@pytest.fixture
def nasty(database: Database) -> Iterator[TestClient]:
    """The first data set with one record more of each kind that has names, of a name that breaks careless formats."""
    database.seed()
    lines: list[dict[str, Any]] = [
        {"kind": "country", "id": "QM", "alpha_3": "QMM", "name": NASTY},
        {"kind": "topic", "id": "nasty-topic", "name": NASTY},
        {"kind": "source", "id": "nasty-source", "title": NASTY, "url": "https://news.example/?a=b&c=<d>"},
        {"kind": "organization", "id": "nasty-organization", "name": NASTY, "summary": NASTY, "topics": ["nasty-topic"]},
        {"kind": "person", "id": "nasty-person", "name": NASTY},
        {"kind": "position", "person": "nasty-person", "title": NASTY, "organization": "nasty-organization"},
        {"kind": "series", "id": "nasty-series", "name": NASTY},
        {"kind": "membership", "of": "nasty-organization", "member": "QM", "status": "full"},
        {
            "kind": "meeting",
            "id": "nasty-meeting",
            "name": NASTY,
            "date": "2025-06-30/2025-07-01",
            "status": "cancelled",
            "city": NASTY,
            "country": "QM",
            "summary": NASTY,
            "topics": ["nasty-topic"],
        },
        {"kind": "participant", "meeting": "nasty-meeting", "person": "nasty-person", "capacity": NASTY, "role": "speaker"},
        {"kind": "memorandum", "id": "nasty-memorandum", "name": NASTY},
        {"kind": "party", "memorandum": "nasty-memorandum", "party": "QM", "role": "party"},
        {"kind": "relation", "memorandum": "nasty-memorandum", "related": "nasty-series", "type": "builds_on"},
        {"kind": "outcome", "id": "nasty-outcome", "name": NASTY, "type": "proposal", "meeting": "nasty-meeting"},
        {"kind": "action", "of": "nasty-memorandum", "type": "signed", "date": "2025-06-30~", "note": NASTY},
        {
            "kind": "citation",
            "record": "nasty-meeting",
            "source": "nasty-source",
            "paragraph": 1,
            "quote": "<b>&\x0b 😀",
            "confidence": "stated",
        },
    ]
    database.load(*map(json.dumps, lines))
    database.load(json.dumps({"kind": "person", "id": "gone", "name": "Gone"}))
    database.load(json.dumps({"kind": "person", "id": "gone", "deleted": True}))
    assert {line["kind"] for line in lines} == {resource.kind for resource in RESOURCES}
    with database.client() as client:
        yield client


def test_feedparser_reads_every_feed_of_every_kind(programs: Path, nasty: TestClient, tmp_path: Path) -> None:
    expected: dict[str, Any] = {}
    for resource in RESOURCES:
        for language in ("en", "ru"):
            stem = f"{resource.plural}-{language}"
            path = f"{resource.path}?limit=200&lang={language}"
            (tmp_path / f"{stem}.xml").write_bytes(nasty.get(f"{path}&format=atom").content)
            expected[stem] = nasty.get(f"{path}&format=jsonfeed").json()
    (tmp_path / "changes.xml").write_bytes(nasty.get("/v1/changes?format=atom&limit=1000").content)
    done = subprocess.run(
        [programs / "python", CLIENTS / "read_feeds.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    changes = told.pop("changes")
    assert not changes["bozo"], changes["trouble"]
    titles = {entry["title"] for entry in changes["entries"]}
    assert {f"{SHOWN}: created", "Gone: created"} <= titles
    assert "person gone: deleted" not in titles, "it is a tombstone"
    assert told.keys() == expected.keys()
    for stem, feed in told.items():
        assert not feed["bozo"], f"{stem}: {feed['trouble']}"
        assert feed["version"] == "atom10"
        assert feed["title"] == expected[stem]["title"]
        assert [entry["id"] for entry in feed["entries"]] == [item["id"] for item in expected[stem]["items"]]
        assert feed["entries"]
        pages = f"http://testserver/{stem.partition('-')[0]}/"
        assert all(entry["has_time"] and entry["link"].startswith(pages) for entry in feed["entries"])
    (meeting,) = [each for each in told["meetings-en"]["entries"] if each["id"].endswith("/nasty-meeting")]
    assert meeting["title"] == SHOWN
    assert meeting["topics"] == [SHOWN]
    assert f"<p>{escape(SHOWN, quote=False)}</p>" in meeting["summary"], "it shows as text, not as markup"
    assert "&lt;b&gt;&amp;  😀" in meeting["summary"]
    assert '<a href="https://news.example/?a=b&amp;c=' in meeting["summary"]


def calendars(client: TestClient) -> dict[str, bytes]:
    """Calendars of all sorts, by the names of their files."""
    paths = {
        "meetings": "/v1/meetings?format=ics&date_from=1000-01-01",
        "spans": "/v1/meetings?format=ics&date_from=1000-01-01&imprecise=span",
        "russian": "/v1/meetings?format=ics&date_from=1000-01-01&lang=ru",
        "filtered": "/v1/meetings?format=ics&date_from=1000-01-01&topic=nasty-topic",
        "actions": "/v1/actions?format=ics&date_from=1000-01-01&imprecise=span",
        "default": "/v1/meetings?format=ics",
        "none": "/v1/meetings?format=ics&date_from=9000-01-01",
        "one-meeting": "/v1/meetings/nasty-meeting?format=ics",
        "one-span": "/v1/meetings/sco-summit-2004?format=ics&imprecise=span",
    }
    found = {}
    for name, path in paths.items():
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found[f"{name}.ics"] = answer.content
    return found


def test_ical_js_parses_every_calendar(packages: Path, nasty: TestClient, tmp_path: Path) -> None:
    files = calendars(nasty)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = run(program("node"), "read_calendars.js", str(tmp_path), start=packages)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told.keys() == files.keys()
    for name, calendar in told.items():
        same: Any = Calendar.from_ical(files[name])
        assert calendar["refresh"] == "PT12H"
        assert calendar["description"] == same["description"]
        assert [each["uid"] for each in calendar["events"]] == [event["uid"] for event in same.events]
        for each, event in zip(calendar["events"], same.events, strict=True):
            assert each["is_day"]
            assert each["attendees"] == 0
            assert date.fromisoformat(each["first"]) < date.fromisoformat(each["after"])
            assert (each["first"], each["after"]) == (
                event.decoded("dtstart").isoformat(),
                event.decoded("dtend").isoformat(),
            )
            assert (each["title"], each["description"]) == (event["summary"], event.get("description"))
    (meeting,) = told["one-meeting.ics"]["events"]
    assert (meeting["title"], meeting["status"]) == (f"Cancelled: {SHOWN}", "CANCELLED")
    assert meeting["location"] == f"{SHOWN}, {SHOWN}"
    assert meeting["description"].startswith(f"{SHOWN}\n\nParticipants:\n- {SHOWN}: {SHOWN}, speaker\n\n“<b>&  😀”\n{SHOWN}\n")
    # ical.js does not know that the name is a text, and shows its backslashes.
    name = re.sub(r"\\(.)", r"\1", told["filtered.ics"]["name"])
    assert name == f"Meetings: topic {SHOWN} · from 1000-01-01"
    assert told["none.ics"]["events"] == []
    assert len(told["spans.ics"]["events"]) > len(told["meetings.ics"]["events"])


def khal(programs: Path, folder: Path, *words: str) -> str:
    """What khal prints. Its configuration and calendar are in a folder."""
    command = [str(programs / "khal"), "-c", str(folder / "khal.conf"), *words]
    environment = {"HOME": str(folder), "LC_ALL": "C.UTF-8", "PATH": str(programs)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def listed(programs: Path, folder: Path, first: str, last: str) -> set[tuple[str, ...]]:
    """The events that khal shows between two days, each as its days, its title and its status."""
    form = "{start-date}|{end-date}|{title}|{status}"
    lines = khal(programs, folder, "list", "--day-format", "", "--format", form, first, last).splitlines()
    return {tuple(part.strip() for part in line.split("|")) for line in lines if line}


def test_khal_imports_a_calendar_and_lists_the_days_of_june_2025(programs: Path, client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "calendar").mkdir()
    (tmp_path / "khal.conf").write_text(KHAL.format(folder=tmp_path), encoding="utf-8")
    file = tmp_path / "all.ics"
    file.write_bytes(client.get("/v1/meetings?format=ics&date_from=1000-01-01").content)
    khal(programs, tmp_path, "import", "--batch", str(file))
    assert listed(programs, tmp_path, "2025-06-01", "2025-06-30") == {
        ("2025-06-16", "2025-06-16", "Negotiations between Pavel Tkach and Xiong Jijun", "CONFIRMED"),
        ("2025-06-17", "2025-06-18", "China-SCO Digital Technology Development and Cooperation Forum", "CONFIRMED"),
        (
            "2025-06-17",
            "2025-06-18",
            SCO,
            "CONFIRMED",
        ),
    }
    one = tmp_path / "one.ics"
    one.write_bytes(client.get("/v1/meetings/sco-summit-2004?format=ics&imprecise=span").content)
    khal(programs, tmp_path, "import", "--batch", str(one))
    ((first, last, title, _),) = listed(programs, tmp_path, "2004-01-01", "2004-12-31")
    assert (first, last, title) == ("2004-01-01", "2004-12-31", "[2004] SCO summit in Tashkent, 2004")


@pytest.fixture
def office(database: Database) -> Iterator[tuple[Server, httpx2.Client]]:
    """A server with two meetings, and a client that may write."""
    database.load(
        json.dumps({"kind": "meeting", "id": "stays", "name": "Stays", "date": "2025-06-01", "status": "held"}),
        json.dumps({"kind": "meeting", "id": "only-a-month", "name": "Month", "date": "2025-06"}),
    )
    with served(database.url) as server, httpx2.Client(base_url=server, headers=database.key()) as client:
        yield server, client


def test_vdirsyncer_sees_what_is_created_moved_cancelled_and_deleted(
    programs: Path, office: tuple[Server, httpx2.Client], tmp_path: Path
) -> None:
    server, client = office
    (tmp_path / "calendar").mkdir()
    url = f"{server}/v1/meetings?format=ics&date_from=2025-01-01"
    (tmp_path / "config").write_text(VDIRSYNCER.format(folder=tmp_path, url=url), encoding="utf-8")
    vdirsyncer = [str(programs / "vdirsyncer"), "-c", str(tmp_path / "config")]

    def synced() -> dict[str, tuple[str, str, str]]:
        """First day, last day and status of each event after the next synchronization, by title."""
        command = [*vdirsyncer, "sync"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found = {}
        for file in (tmp_path / "calendar").glob("*.ics"):
            calendar: Any = Calendar.from_ical(file.read_bytes())
            (event,) = calendar.events
            last = event.decoded("dtend") - timedelta(1)
            found[str(event["summary"])] = str(event.decoded("dtstart")), str(last), str(event["status"])
        return found

    def patch(**fields: Any) -> None:
        tag = client.get("/v1/meetings/talks").headers["etag"]
        assert client.patch("/v1/meetings/talks", json=fields, headers={"If-Match": tag}).status_code == 200

    subprocess.run([*vdirsyncer, "discover"], stdin=subprocess.DEVNULL, check=True, capture_output=True)
    stays = {"Stays": ("2025-06-01", "2025-06-01", "CONFIRMED")}
    assert synced() == stays
    made = {"id": "talks", "name": "Переговоры", "date": "2025-06-16/2025-06-17", "status": "planned"}
    assert client.post("/v1/meetings", json=made).status_code == 201
    assert synced() == {**stays, "Переговоры": ("2025-06-16", "2025-06-17", "TENTATIVE")}
    patch(date="2025-07-01")
    assert synced() == {**stays, "Переговоры": ("2025-07-01", "2025-07-01", "TENTATIVE")}
    patch(status="postponed", date=None)
    assert synced() == stays
    patch(date="2025-09-01")
    assert synced() == {**stays, "Переговоры": ("2025-09-01", "2025-09-01", "TENTATIVE")}
    patch(status="cancelled")
    assert synced() == {**stays, "Cancelled: Переговоры": ("2025-09-01", "2025-09-01", "CANCELLED")}
    tag = client.get("/v1/meetings/talks").headers["etag"]
    assert client.delete("/v1/meetings/talks", headers={"If-Match": tag}).status_code == 204
    assert synced() == stays
