"""What identifies a record that links others: periods of memberships and offices, dates, capacities and notes."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from app.db.schema import alembic_config
from app.domain import edtf
from app.errors import OperatorError, Problem
from tests.conftest import Database, run_command
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "FJ", "alpha_3": "FJI", "numeric": "242", "name": "Fiji"},
    {"kind": "country", "id": "NZ", "alpha_3": "NZL", "numeric": "554", "name": "New Zealand"},
    {"kind": "organization", "id": "club", "name": "Club"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "FJ"},
    {"kind": "person", "id": "somebody", "name": "Somebody"},
    {"kind": "person", "id": "other", "name": "Other"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16/2025-06-17"},
    {"kind": "memorandum", "id": "paper", "name": "Paper"},
)
FIJI: Content = {"kind": "membership", "of": "club", "member": "FJ", "status": "full"}
OFFICE: Content = {"kind": "position", "person": "somebody", "title": "Minister", "country": "FJ"}
SORTS = pytest.mark.parametrize(("plural", "base"), [("memberships", FIJI), ("positions", OFFICE)])


clerk = clerk_of(*WORLD)


def load(clerk: Clerk, *contents: Content) -> dict[str, int]:
    """Import lines; how many records became what."""
    return {what: count for what, count in clerk.database.load(*map(json.dumps, contents)).counts.items() if count}


def told(clerk: Clerk, *contents: Content) -> list[str]:
    """Why an import is refused."""
    with pytest.raises(Problem) as caught:
        load(clerk, *contents)
    return [f"{fault.pointer}: {fault.detail}" for fault in caught.value.faults]


def periods(clerk: Clerk, plural: str, query: str = "") -> list[tuple[str | None, str | None]]:
    """The periods of all records of a list, in the order of their beginnings."""
    found = clerk.read(f"{plural}?sort=since&{query}")["data"]
    return [(each["since"], each["until"]) for each in found]


# -- periods -----------------------------------------------------------------------------------------------------------------


@SORTS
def test_who_left_and_came_back_has_two_records(clerk: Clerk, plural: str, base: Content) -> None:
    first, second = {**base, "since": "1946", "until": "1984"}, {**base, "since": "2003"}
    assert load(clerk, first) == {"created": 1}
    assert load(clerk, second) == {"created": 1}
    assert load(clerk, second, first) == {"unchanged": 2}
    assert periods(clerk, plural) == [("1946", "1984"), ("2003", None)]
    assert periods(clerk, plural, "valid_at=1970-01-01") == [("1946", "1984")]
    assert periods(clerk, plural, "valid_at=1990-01-01") == []
    assert periods(clerk, plural, "valid_at=2010-01-01") == [("2003", None)]
    third = clerk.made(plural, {**base, "since": "1990", "until": "1995-06"})
    refused(clerk.post(plural, {**base, "since": "1994", "until": "2000"}), 409, "conflict")
    refused(clerk.put(f"{plural}/own-id", {**base, "since": "1992"}), 409, "conflict")
    refused(clerk.patch(f"{plural}/{third['id']}", {"until": "2010"}), 409, "conflict")
    assert clerk.patch(f"{plural}/{third['id']}", {"until": "2003-01-01"}).status_code == 200


@SORTS
def test_the_conflict_names_the_other_and_says_what_sets_the_two_apart(clerk: Clerk, plural: str, base: Content) -> None:
    load(clerk, {**base, "id": "first", "since": "1946", "until": "1984"})
    for answer in (
        clerk.post(plural, {**base, "since": "1970"}),
        clerk.post("import", json.dumps({**base, "since": "1970"}).encode(), content_type="application/x-ndjson"),
    ):
        ((pointer, detail),) = refused(answer, 409, "conflict")
        assert pointer == "/since"
        assert "'first'" in detail
        assert "1946/1984; change that one, or write since and until that set the two apart" in detail


@SORTS
def test_periods_that_touch_or_may_not_overlap_both_stand(clerk: Clerk, plural: str, base: Content) -> None:
    load(clerk, {**base, "since": "2001-05-04", "until": "2008"}, {**base, "since": "2008-12", "until": "2012-05-07"})
    load(clerk, {**base, "since": "2012-05-07", "until": "2018~"}, {**base, "since": "2018-12-31"})
    assert len(periods(clerk, plural)) == 4


@SORTS
def test_a_line_makes_the_beginning_of_the_only_record_more_precise(clerk: Clerk, plural: str, base: Content) -> None:
    load(clerk, {**base, "id": "only"})
    assert load(clerk, {**base, "since": "2004"}) == {"replaced": 1}
    assert load(clerk, {**base, "since": "2004-08", "until": "2010"}) == {"replaced": 1}
    assert load(clerk, {**base, "since": "2004-08-15", "until": "2010"}) == {"replaced": 1}
    assert ids(clerk.get(plural)) == ["only"]
    assert told(clerk, {**base, "since": "2005"})[0].startswith("/since: overlaps ")
    assert load(clerk, {**base, "since": "2011"}) == {"created": 1}


@SORTS
def test_a_line_without_a_beginning_means_the_only_record_and_takes_nothing(clerk: Clerk, plural: str, base: Content) -> None:
    load(clerk, {**base, "id": "only"})
    assert load(clerk, base) == {"unchanged": 1}
    clerk.patch(f"{plural}/only", {"since": "2004"})
    (detail,) = told(clerk, base)
    assert detail.startswith("/since: the ")
    assert "'only'" in detail
    assert "stands since 2004; write its since, which this line would take away" in detail
    load(clerk, {**base, "since": "1990", "until": "1995"})
    assert told(clerk, base)[0].startswith("/since: overlaps ")


@SORTS
def test_two_lines_of_one_import_are_compared_with_each_other(clerk: Clerk, plural: str, base: Content) -> None:
    assert told(clerk, {**base, "since": "1990", "until": "2000"}, {**base, "since": "1995"})[0].startswith("/since: overlaps ")
    assert load(clerk, {**base, "since": "1990"}, {**base, "since": "1990"}) == {"created": 1}
    exchanged = [{**base, "id": "one", "since": "1990", "until": "1999"}, {**base, "id": "two", "since": "2000"}]
    clerk.delete(f"{plural}/{ids(clerk.get(plural))[0]}")
    load(clerk, *exchanged)
    swapped = [{**exchanged[1], "id": "one"}, {**exchanged[0], "id": "two"}]
    assert load(clerk, *swapped) == {"replaced": 2}


def test_a_merge_takes_overlapping_periods_for_the_same_and_keeps_others(clerk: Clerk) -> None:
    load(
        clerk,
        {**OFFICE, "id": "a", "since": "2004", "until": "2008"},
        {**OFFICE, "id": "b", "person": "other", "since": "2004-05"},
        {**OFFICE, "id": "c", "person": "other", "since": "1990", "until": "1995"},
    )
    refused(clerk.post("people/other/merge", {"into": "somebody"}), 409, "conflict")
    assert clerk.post("people/other/merge", {"into": "somebody", "prefer": "into"}).status_code == 200
    assert sorted(ids(clerk.get("positions?person=somebody"))) == ["a", "c"]
    assert clerk.post("people/other/restore").json()["left"] == []
    assert sorted(ids(clerk.get("positions?person=other"))) == ["b", "c"]


def test_restoring_onto_an_overlapping_period_is_refused(clerk: Clerk) -> None:
    load(clerk, {**FIJI, "id": "old", "since": "1990"})
    clerk.delete("memberships/old")
    load(clerk, {**FIJI, "id": "new", "since": "1995"})
    refused(clerk.post("memberships/old/restore"), 409, "conflict")


def test_an_export_of_many_periods_imports_into_another_registry(clerk: Clerk, database: Database) -> None:
    load(clerk, {**FIJI, "since": "1946", "until": "1984", "founding": True}, {**FIJI, "since": "2003", "founding": False})
    lines = clerk.database.export()
    database.load(*lines)
    assert database.export() == lines


DAYS = st.dates(date(1990, 1, 1), date(1992, 12, 31))


@given(st.tuples(DAYS, DAYS), st.tuples(DAYS, DAYS))
def test_periods_overlap_if_they_share_more_than_a_day(one: tuple[date, date], other: tuple[date, date]) -> None:
    def days(period: tuple[date, date]) -> set[date]:
        return {period[0] + timedelta(n) for n in range((period[1] - period[0]).days + 1)}

    texts = [tuple(each.isoformat() for each in period) for period in (one, other)]
    assert edtf.overlap(*texts) == edtf.overlap(*reversed(texts)) == (len(days(one) & days(other)) > 1)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ((None, None), (None, None), True),
        ((None, "1990"), ("1990", None), False),
        ((None, "1990"), ("1989", None), True),
        (("1990", None), ("1995~", None), True),
        (("1990-01", "1990"), ("1990-06", "1991"), False),
        (("1946", "1984"), ("2003", None), False),
        (("2004?", "2008-12-31"), ("2008-12-30", None), True),
    ],
)
def test_the_certain_core_of_a_period_counts(
    one: tuple[str | None, ...], other: tuple[str | None, ...], *, clash: bool
) -> None:
    assert edtf.overlap(one, other) == edtf.overlap(other, one) == clash


def test_the_check_tells_of_overlapping_periods(clerk: Clerk) -> None:
    load(clerk, {**FIJI, "id": "one", "since": "1990", "until": "1995"}, {**FIJI, "id": "two", "since": "2000"})
    clerk.database.execute(
        "UPDATE memberships SET until = NULL, until_start = '0001-01-01', until_end = '9999-12-31' WHERE id = 'one'"
    )
    state = json.dumps({"kind": "membership", "id": "one", **FIJI, "since": "1990"}, separators=(",", ":"))
    clerk.database.execute("UPDATE changes SET state = :state WHERE record_id = 'one'", state=state)
    assert "membership two: overlaps one" in clerk.database.disagreements()
    clerk.delete("memberships/two")
    clerk.delete("memberships/one")


# -- founding -----------------------------------------------------------------------------------------------------------------


def test_founding_is_empty_unless_stated_and_can_be_asked_for(clerk: Clerk) -> None:
    load(clerk, {**FIJI, "id": "unsaid"}, {**FIJI, "id": "yes", "member": "NZ", "founding": True})
    load(clerk, {**FIJI, "id": "no", "member": "ministry", "founding": False})
    read = {each: clerk.read(f"memberships/{each}")["founding"] for each in ("unsaid", "yes", "no")}
    assert read == {"unsaid": None, "yes": True, "no": False}
    assert ids(clerk.get("memberships?founding=true")) == ["yes"]
    assert ids(clerk.get("memberships?founding=false")) == ["no"]
    rows = clerk.get("memberships?format=csv&fields=founding&sort=id").text.split()
    assert rows == ["id,founding", "no,false", "unsaid,", "yes,true"]
    assert clerk.patch("memberships/no", {"founding": None}).json()["founding"] is None
    assert clerk.put("memberships/unsaid", clerk.read("memberships/unsaid"), if_match="*").json()["version"] == 1


# -- participants and actions -------------------------------------------------------------------------------------------------


SPEAKER: Content = {"kind": "participant", "meeting": "talks", "person": "somebody", "role": "speaker"}
LETTER: Content = {"kind": "action", "of": "paper", "type": "signed", "date": "2025-06-16"}


def test_two_days_and_two_capacities_of_a_participant_are_two_records(clerk: Clerk) -> None:
    several = [
        {**SPEAKER, "date": "2025-06-16"},
        {**SPEAKER, "date": "2025-06-17"},
        {**SPEAKER, "capacity": "Minister"},
        {**SPEAKER, "capacity": "Chair of the board"},
    ]
    assert load(clerk, *several) == {"created": 4}
    assert load(clerk, *reversed(several)) == {"unchanged": 4}
    answer = clerk.post("participants", several[2])
    ((_, detail),) = refused(answer, 409, "conflict")
    assert detail.endswith("change that one, or write what sets the two apart")


def test_two_letters_of_one_exchange_are_two_actions(clerk: Clerk) -> None:
    assert load(clerk, {**LETTER, "note": "the first letter"}, {**LETTER, "note": "the answer"}) == {"created": 2}
    assert load(clerk, {**LETTER, "note": "the answer"}, {**LETTER, "note": "the first letter"}) == {"unchanged": 2}


@pytest.mark.parametrize(("plural", "base", "field"), [("participants", SPEAKER, "capacity"), ("actions", LETTER, "note")])
def test_a_line_with_another_text_means_the_only_record_there_is(clerk: Clerk, plural: str, base: Content, field: str) -> None:
    load(clerk, {**base, "id": "only", field: "As printed"})
    assert load(clerk, {**base, field: "As printed elsewhere"}) == {"replaced": 1}
    assert load(clerk, base) == {"replaced": 1}
    assert field not in json.loads(next(line for line in clerk.database.export() if '"only"' in line))
    assert load(clerk, {**base, field: "One"}, {**base, field: "Two"}) == {"created": 2}
    assert load(clerk, {**base, field: "Three"}) == {"created": 1}
    assert len(ids(clerk.get(plural))) == 4


def test_long_texts_in_keys_are_stored_on_both_databases(clerk: Clerk) -> None:
    long = "щ" * 9_000
    assert load(clerk, {**SPEAKER, "capacity": long}, {**LETTER, "note": long}, {**OFFICE, "title": long}) == {"created": 3}
    assert load(clerk, {**SPEAKER, "capacity": long}, {**LETTER, "note": long}, {**OFFICE, "title": long}) == {"unchanged": 3}


# -- ids that are derived, and the schema before ------------------------------------------------------------------------------


def test_ids_that_were_derived_from_the_keys_of_before_stay(clerk: Clerk) -> None:
    """Those of 0.1.0, as they stand in its exports; a line without id finds their records by the key."""
    old = "f44aac79-1552-58d4-ad6e-53bb5759a994"
    load(clerk, {**FIJI, "id": old})
    assert load(clerk, FIJI) == {"unchanged": 1}
    assert ids(clerk.get("memberships")) == [old]
    load(clerk, {**FIJI, "member": "NZ"}, {**FIJI, "member": "ministry", "since": "2004"})
    derived = {each["member"]["id"]: each["id"] for each in clerk.read("memberships")["data"]}
    for member, key in (
        ("NZ", ["membership", "club", "NZ", "full", None]),
        ("ministry", ["membership", "club", "ministry", "full", "2004"]),
    ):
        assert derived[member] == str(uuid5(UUID("c1a2f4de-55b0-5a8f-8f6f-0d5c1f2b7e63"), json.dumps(key)))


def test_the_schema_before_is_refused_while_periods_alone_set_records_apart(database: Database) -> None:
    database.load(*map(json.dumps, WORLD))
    database.load(json.dumps({**FIJI, "since": "1946", "until": "1984"}), json.dumps({**FIJI, "id": "second", "since": "2003"}))
    with pytest.raises(OperatorError, match="memberships"):
        command.downgrade(alembic_config(database.url), "0013")
    assert database.disagreements() == []
    database.execute("DELETE FROM changes WHERE record_id = 'second'")
    database.execute("DELETE FROM memberships WHERE id = 'second'")
    database.execute("DELETE FROM involvements WHERE record_id = 'second'")
    database.execute("DELETE FROM records WHERE id = 'second'")
    command.downgrade(alembic_config(database.url), "0013")
    assert run_command("migrate", url=database.url).returncode == 0
    assert database.disagreements() == []


def test_lines_with_the_same_key_and_other_contents_are_told_by_their_key(clerk: Clerk) -> None:
    (detail,) = told(clerk, {**SPEAKER, "presence": "remote"}, {**SPEAKER, "presence": "in_person"})
    assert detail.startswith(": has the same meeting, person, organization, country, group, role, date, capacity as line 1 ")
    assert detail.endswith("with another content; write what sets the two apart")
