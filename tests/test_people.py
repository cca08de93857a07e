"""People are found by the country, the organization and the rank in which they held offices or took part in meetings."""

from typing import Any

import pytest

from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of

Content = dict[str, Any]
TALKS = {"kind": "participant", "meeting": "talks", "role": "delegate"}
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "organization", "id": "office", "name": "Office", "parent": "ministry"},
    {"kind": "organization", "id": "league", "name": "League"},
    {"kind": "organization", "id": "desk", "name": "Desk", "parent": "office"},
    *({"kind": "person", "id": each, "name": each.title()} for each in ("clerk", "envoy", "head", "judge", "nobody")),
    {"kind": "meeting", "id": "talks", "name": "Talks"},
    {"kind": "position", "person": "head", "title": "Minister", "organization": "ministry"},
    {"kind": "position", "person": "nobody", "title": "Clerk", "organization": "desk"},
    {"kind": "position", "person": "judge", "title": "Judge", "country": "CN", "organization": "league"},
    {**TALKS, "id": "clerk-in-talks", "person": "clerk", "organization": "office", "rank": "expert"},
    {**TALKS, "id": "envoy-in-talks", "person": "envoy", "country": "CN", "on_behalf_of": "league", "rank": "ambassador"},
    {**TALKS, "id": "head-in-talks", "person": "head", "organization": "ministry", "rank": "minister"},
)

clerk = clerk_of(*WORLD)


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("country=BY", ["clerk", "head", "nobody"]),
        ("country=112", ["clerk", "head", "nobody"]),
        ("country=CN", ["envoy", "judge"]),
        ("country=CN&country=BY", ["clerk", "envoy", "head", "judge", "nobody"]),
        ("organization=ministry", ["clerk", "head", "nobody"]),
        ("organization=office", ["clerk", "nobody"]),
        ("organization=league", ["envoy", "judge"]),
        ("rank=minister", ["head"]),
        ("rank=ambassador&rank=expert", ["clerk", "envoy"]),
        ("country=CN&rank=ambassador", ["envoy"]),
        ("country=BY&organization=league", []),
    ],
)
def test_people_are_found_by_their_offices_and_by_what_they_took_part_in(
    clerk: Clerk, asked_for: str, found: list[str]
) -> None:
    assert ids(clerk.get(f"people?{asked_for}")) == found
    assert clerk.read(f"people?{asked_for}&count=true")["page"]["total"] == len(found)


def test_what_is_no_organization_and_no_country_is_refused(clerk: Clerk) -> None:
    assert "'BY' is a country; it must be an organization" in clerk.get("people?organization=BY").text
    assert "'ministry' is an organization; it must be a country" in clerk.get("people?country=ministry").text


def test_a_word_that_is_no_rank_is_refused(clerk: Clerk) -> None:
    assert clerk.get("people?rank=king").status_code == 422
