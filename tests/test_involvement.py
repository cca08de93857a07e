"""Who takes part: present, invited, absent and represented; and for whom a person speaks who makes a proposal."""

from typing import Any

import pytest

from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "UZ", "alpha_3": "UZB", "numeric": "860", "name": "Uzbekistan"},
    {"kind": "country", "id": "TJ", "alpha_3": "TJK", "numeric": "762", "name": "Tajikistan"},
    {"kind": "organization", "id": "office", "name": "Office of the President", "country": "UZ"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {"kind": "person", "id": "president", "name": "President"},
    {"kind": "person", "id": "guest", "name": "Guest"},
    {"kind": "meeting", "id": "summit", "name": "Summit", "date": "2021-09-17"},
    {"kind": "meeting", "id": "other", "name": "Other", "date": "2022"},
    {"kind": "participant", "id": "tj-row", "meeting": "summit", "country": "TJ", "role": "host"},
    {
        "kind": "participant",
        "id": "uz-row",
        "meeting": "summit",
        "person": "president",
        "organization": "office",
        "role": "speaker",
    },
    {"kind": "participant", "id": "elsewhere", "meeting": "other", "person": "guest", "country": "TJ", "role": "speaker"},
    {"kind": "outcome", "id": "forum", "name": "Forum", "type": "proposal", "meeting": "summit", "made_by": "president"},
    {"kind": "outcome", "id": "own", "name": "Own", "type": "proposal", "meeting": "summit", "made_by": "guest"},
    {"kind": "outcome", "id": "agreed", "name": "Agreed", "type": "understanding", "meeting": "summit"},
)


clerk = clerk_of(*WORLD)


def takes_part(clerk: Clerk, actor: str) -> bool:
    """Whether all answers say that an actor took part in the summit; none may say otherwise than the others."""
    listed = "summit" in ids(clerk.get(f"meetings?participant={actor}"))
    together = ids(clerk.get(f"meetings?between={actor},club")) == ["summit"]
    understood = "agreed" in ids(clerk.get(f"outcomes?participant={actor}"))
    found = "summit" in ids(clerk.get(f"search?country={actor}&kind=meeting"))
    shown = actor in {each["id"] for each in clerk.read("meetings/summit")["countries"]}
    assert listed == together == understood == found == shown
    return listed


@pytest.mark.parametrize(
    ("presence", "status", "counts"),
    [
        (None, "held", True),
        ("in_person", "held", True),
        ("remote", None, True),
        ("represented", "held", True),
        ("absent", "held", False),
        ("absent", "planned", False),
        ("invited", "held", False),
        ("invited", None, False),
        ("invited", "cancelled", False),
        ("invited", "planned", True),
        ("invited", "postponed", True),
        ("expected", "held", False),
        ("expected", "planned", True),
        ("expected", "postponed", True),
    ],
)
def test_who_takes_part_depends_on_presence_and_on_whether_the_meeting_is_ahead(
    clerk: Clerk, presence: str | None, status: str | None, *, counts: bool
) -> None:
    clerk.made("participants", {"meeting": "summit", "organization": "club", "role": "observer"})
    clerk.patch("meetings/summit", {"status": status})
    clerk.patch("participants/tj-row", {"presence": presence})
    assert takes_part(clerk, "TJ") is counts
    assert "tj-row" in ids(clerk.get("participants?country=TJ"))
    version = clerk.read("participants/tj-row")["version"]
    clerk.patch("meetings/summit", {"status": "planned"})
    assert takes_part(clerk, "TJ") is (presence != "absent")
    clerk.patch("meetings/summit", {"status": "held"})
    assert takes_part(clerk, "TJ") is (presence not in ("absent", "invited", "expected"))
    assert clerk.read("participants/tj-row")["version"] == version


def test_what_a_person_proposes_is_found_under_those_for_whom_they_took_part(clerk: Clerk) -> None:
    assert ids(clerk.get("outcomes?participant=UZ&type=proposal")) == ["forum"]
    assert ids(clerk.get("outcomes?participant=office&type=proposal")) == ["forum"]
    assert ids(clerk.get("outcomes?participant=president")) == ["forum", "agreed"]
    assert ids(clerk.get("outcomes?participant=TJ&type=proposal")) == []
    assert ids(clerk.get("outcomes?participant=guest")) == ["own"]
    assert ids(clerk.get("search?country=UZ&kind=outcome&q=forum")) == ["forum"]

    clerk.patch("participants/uz-row", {"presence": "absent"})
    assert ids(clerk.get("outcomes?participant=UZ")) == []
    clerk.patch("participants/uz-row", {"presence": None, "organization": None, "country": "TJ"})
    assert ids(clerk.get("outcomes?participant=TJ&type=proposal")) == ["forum"]
    clerk.patch("outcomes/forum", {"made_by": "guest"})
    assert ids(clerk.get("outcomes?participant=TJ&type=proposal")) == []
    guest = {"meeting": "summit", "person": "guest", "country": "UZ", "role": "speaker"}
    row = clerk.made("participants", guest)["id"]
    assert ids(clerk.get("outcomes?participant=UZ&type=proposal&sort=id")) == ["forum", "own"]
    clerk.patch("outcomes/own", {"meeting": "other"})
    assert ids(clerk.get("outcomes?participant=TJ&type=proposal")) == ["own"]
    clerk.delete(f"participants/{row}")
    assert ids(clerk.get("outcomes?participant=UZ&type=proposal")) == []


def test_a_hit_shows_the_date_that_a_record_takes_from_its_meeting(clerk: Clerk) -> None:
    (hit,) = (each for each in clerk.read("search?q=forum&kind=outcome")["data"] if each["id"] == "forum")
    assert hit["date"] == "2021-09-17"
    clerk.patch("meetings/summit", {"date": "2021-09~"})
    (hit,) = (each for each in clerk.read("search?q=forum&kind=outcome")["data"] if each["id"] == "forum")
    assert hit["date"] == "2021"
    clerk.patch("meetings/summit", {"date": None})
    (hit,) = (each for each in clerk.read("search?q=forum&kind=outcome")["data"] if each["id"] == "forum")
    assert hit["date"] is None


def test_the_sides_of_an_understanding_stay_when_its_maker_moves(clerk: Clerk) -> None:
    clerk.patch("outcomes/agreed", {"made_by": "club", "others": [{"actor": "guest", "role": "maker"}]})
    clerk.patch("organizations/club", {"country": "UZ", "parent": "office"})
    assert ids(clerk.get("outcomes?between=TJ,office,president&type=understanding")) == ["agreed"]
    assert clerk.database.disagreements() == []


def test_who_speaks_as_a_further_maker_speaks_for_those_they_represent(clerk: Clerk) -> None:
    clerk.patch("outcomes/own", {"others": [{"actor": "president", "role": "maker"}, {"actor": "TJ", "role": "carrier"}]})
    assert "own" in ids(clerk.get("outcomes?participant=office"))
    assert "own" not in ids(clerk.get("outcomes?participant=TJ")), "who carries it out takes no part"
    clerk.patch("outcomes/own", {"others": [{"actor": "president", "role": "giver"}]})
    assert "own" not in ids(clerk.get("outcomes?participant=office")), "a giver speaks for nobody else"
    assert "own" in ids(clerk.get("outcomes?participant=president"))
    assert clerk.database.disagreements() == []
