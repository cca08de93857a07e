"""When instruments hold and who is party to them, by dated acts: against a rule that walks from day to day, and over HTTP."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.domain import durations, spans
from app.domain.edtf import NONE, Bounds
from app.domain.spans import NEVER, Act, Lasting, Span
from app.domain.vocabulary import ActionType
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of

Content = dict[str, Any]
FIRST = date(2000, 1, 1)
DAYS = 24
BEGIN, AGAIN, STOP = {"entered_into_force"}, {"entered_into_force", "extended"}, {"ended", "suspended"}
JOIN, LEAVE = {"ratified", "accepted", "acceded", "succeeded", "entered_into_force"}, {"withdrew", "ended"}


def day(number: int) -> str:
    """A day by its number."""
    return (FIRST + timedelta(number)).isoformat()


def act(type_: str, first: int, last: int | None = None, party: str | None = None) -> Act:
    """An act that was done on one of the days from `first` to `last`."""
    return Act(ActionType(type_), Bounds(day(first), day(first if last is None else last)), party)


def on(span: Span, number: int) -> str | None:
    """What a span says of a day, as the filter and the field `held` say it."""
    today = day(number)
    if not span.possible_from <= today <= span.possible_until:
        return None
    if any(gap.left.end < today < gap.back.start for gap in span.gaps):
        return None
    is_certain = span.certain_from <= today <= span.certain_until
    return "certain" if is_certain and not any(gap.left.start < today < gap.back.end for gap in span.gaps) else "possible"


def walked(acts: Sequence[tuple[str, int]], begin: set[str], again: set[str], stop: set[str]) -> list[bool]:
    """For each day, whether something holds that acts begin and stop; on the days of these acts, too."""
    holds, since, was = False, -1, False
    found = []
    for number in range(DAYS):
        today = {type_ for type_, when in acts if when == number}
        if not holds and today & (again if was else begin):
            holds, since, was = True, number, True
        found.append(holds)
        if holds and today & stop and number > since:
            holds = False
    return found


ACTS = st.lists(st.tuples(st.sampled_from([*BEGIN, "extended", *STOP, "reviewed"]), st.integers(0, DAYS - 1)), max_size=7)
PARTY_ACTS = st.lists(st.tuples(st.sampled_from([*JOIN, *LEAVE, "signed"]), st.integers(0, DAYS - 1)), max_size=7)


@settings(max_examples=300, deadline=None)
@given(ACTS)
def test_an_instrument_holds_between_its_acts(acts: list[tuple[str, int]]) -> None:
    span = spans.of_instrument("signed", "agreement", NONE, Lasting(), [act(*each) for each in acts])
    if not any(type_ in BEGIN for type_, _ in acts):
        return
    assert [on(span, number) == "certain" for number in range(DAYS)] == walked(acts, BEGIN, AGAIN, STOP)
    assert [on(span, number) is not None for number in range(DAYS)] == walked(acts, BEGIN, AGAIN, STOP)


@settings(max_examples=300, deadline=None)
@given(ACTS, PARTY_ACTS)
def test_a_party_is_one_between_its_own_acts_while_the_instrument_holds(
    acts: list[tuple[str, int]], own: list[tuple[str, int]]
) -> None:
    acts = [("entered_into_force", 0), *acts]
    several = [*(act(*each) for each in acts), *(act(*each, party="BY") for each in own)]
    span = spans.of_party("party", "BY", spans.of_instrument(None, None, NONE, Lasting(), several), several)
    whole = walked(acts, BEGIN, AGAIN, STOP)
    if any(type_ in JOIN for type_, _ in own):
        both = [here and there for here, there in zip(whole, walked(own, JOIN, JOIN, LEAVE), strict=True)]
        assert [on(span, number) == "certain" for number in range(DAYS)] == both
    else:
        assert [on(span, number) == "possible" for number in range(DAYS)] == whole


def party_on(acts: Sequence[tuple[str, int]]) -> list[str | None]:
    """For each day, whether a party is one by its own acts, where provisional application leaves it open."""
    holds: str | None = None
    since, found = -1, []
    for number in range(DAYS):
        today = {type_ for type_, when in acts if when == number}
        if today & JOIN:
            since = since if holds == "certain" else number
            holds = "certain"
        elif "provisionally_applied" in today and holds is None:
            holds, since = "possible", number
        found.append(holds)
        if holds and today & LEAVE and number > since:
            holds = None
    return found


PROVISIONAL_ACTS = st.lists(
    st.tuples(st.sampled_from([*JOIN, *LEAVE, "provisionally_applied"]), st.integers(0, DAYS - 1)),
    max_size=7,
    unique_by=lambda act: act[1],
)


@settings(max_examples=500, deadline=None)
@given(PROVISIONAL_ACTS)
def test_provisional_application_makes_a_party_possible_until_it_joins_or_leaves(own: list[tuple[str, int]]) -> None:
    several = [act("entered_into_force", 0), *(act(*each, party="BY") for each in own)]
    span = spans.of_party("party", "BY", spans.of_instrument(None, None, NONE, Lasting(), several), several)
    if any(type_ in {*JOIN, "provisionally_applied"} for type_, _ in own):
        assert [on(span, number) for number in range(DAYS)] == party_on(own)


RANGES = st.tuples(st.integers(0, DAYS - 4), st.integers(0, 3)).map(lambda each: (each[0], each[0] + each[1]))


@settings(max_examples=200, deadline=None)
@given(RANGES, RANGES)
def test_between_the_bounds_of_an_imprecise_act_all_is_possible(entry: tuple[int, int], end: tuple[int, int]) -> None:
    """Whatever the acts' real days are: what is certain holds in each reading, and what is nothing holds in none."""
    span = spans.of_instrument(None, None, NONE, Lasting(), [act("entered_into_force", *entry), act("ended", *end)])
    readings = [
        walked([("entered_into_force", first), ("ended", last)], BEGIN, AGAIN, STOP)
        for first in range(entry[0], entry[1] + 1)
        for last in range(end[0], end[1] + 1)
        if first < last or end[1] <= entry[0]
    ]
    for number in range(DAYS):
        held = [reading[number] for reading in readings]
        if on(span, number) == "certain":
            assert all(held)
        if on(span, number) is None:
            assert not any(held)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 5),
    st.integers(0, 4),
    st.integers(1, 6),
    st.sampled_from(["signed", "entered_into_force", None]),
    st.lists(st.integers(1, 4), max_size=2),
)
def test_a_term_ends_an_instrument_on_its_anniversary(
    signed: int, later: int, days: int, term_from: str | None, extensions: list[int]
) -> None:
    """It surely holds up to the day before, possibly on the day; from either act if it is not said from which it runs."""
    entered = signed + later
    begins = {"signed": [signed], "entered_into_force": [entered], None: [signed, entered]}[term_from]
    assume(entered <= max(begins) + days + sum(extensions))  # otherwise its entry into force shows that it lives on
    lasts = spans.lasting(None, f"P{days}D", term_from)
    acts = [act("signed", signed), act("entered_into_force", entered)]
    acts += [act("extended", signed)._replace(term=f"P{more}D") for more in extensions]
    span = spans.of_instrument(None, "agreement", NONE, lasts, acts)
    surely, possibly = (each + days + sum(extensions) for each in (min(begins) - 1, max(begins)))
    for number in range(DAYS):
        held = "certain" if entered <= number <= surely else "possible" if entered <= number <= possibly else None
        assert on(span, number) == held, number


def test_a_term_that_may_run_from_an_unknown_entry_into_force_is_open() -> None:
    acts = [act("signed", 3)]
    known = spans.of_instrument("in_force", "agreement", NONE, spans.lasting(None, "P2D", "signed"), acts)
    unknown = spans.of_instrument("in_force", "agreement", NONE, spans.lasting(None, "P2D", None), acts)
    adopted = spans.of_instrument("adopted", "plan", NONE, spans.lasting(None, "P2D", None), [act("adopted", 3)])
    assert [on(each, 9) for each in (known, unknown, adopted)] == [None, "possible", None]


def test_a_term_whose_first_day_is_not_known_ends_nothing() -> None:
    span = spans.of_instrument(None, "agreement", NONE, spans.lasting(None, "P1Y", "signed"), [act("entered_into_force", 3)])
    assert (span.certain_from, span.certain_until) == (day(3), "9999-12-31")


@pytest.mark.parametrize(
    ("first", "term", "last"),
    [
        ("2020-05-01", "P3Y", "2023-05-01"),
        ("2020-02-29", "P1Y", "2021-02-28"),
        ("2020-01-31", "P1M", "2020-02-29"),
        ("2020-11-30", "P18M", "2022-05-30"),
        ("2020-01-01", "P2W3D", "2020-01-18"),
        ("9000-01-01", "P999Y", "9999-12-31"),
        ("9990-01-01", "P10000D", "9999-12-31"),
        ("2024-01-01", "P7974Y99999D", "9999-12-31"),
    ],
)
def test_a_term_is_added_by_the_calendar(first: str, term: str, last: str) -> None:
    assert durations.after(first, term) == last


@pytest.mark.parametrize("text", ["", "P", "3Y", "P0Y", "P3", "PT1H", "P1.5Y", "P-1Y", "P3Y1D1M", "P٣Y"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write P3Y for three years"):
        durations.parsed(text)


@pytest.mark.parametrize(
    ("status", "type_", "dated", "acts", "expected"),
    [
        ("signed", "memorandum", 5, [], {4: None, 5: "possible", 20: "possible"}),
        ("in_force", "agreement", 5, [], {5: "possible", 20: "possible"}),
        ("adopted", "declaration", 5, [], {4: None, 5: "certain", 20: "certain"}),
        (None, "plan", None, [act("adopted", 7, party="UN")], {6: None, 7: "certain"}),
        ("draft", "agreement", 5, [], {5: None, 20: None}),
        ("negotiation", "agreement", None, [act("signed", 9)], {8: None, 9: "possible"}),
        ("signed", "agreement", 5, [act("entered_into_force", 9)], {5: None, 8: None, 9: "certain"}),
        (
            "signed",
            "agreement",
            5,
            [act("provisionally_applied", 6), act("entered_into_force", 9)],
            {6: "possible", 9: "certain"},
        ),
        ("ended", "agreement", 5, [act("entered_into_force", 6), act("reviewed", 9)], {9: "certain", 10: "possible"}),
        ("signed", "agreement", 5, [act("entered_into_force", 6), Act(ActionType.ENDED, NONE)], {6: "certain", 7: "possible"}),
        ("signed", "agreement", 5, [act("entered_into_force", 6), act("withdrew", 9, party="BY")], {10: "certain"}),
        ("signed", "agreement", 5, [act("entered_into_force", 6), act("ended", 9, party="BY")], {10: "certain"}),
    ],
)
def test_what_a_status_a_type_and_single_acts_say(
    status: str, type_: str, dated: int | None, acts: list[Act], expected: dict[int, str | None]
) -> None:
    bounds = NONE if dated is None else Bounds(day(dated), day(dated))
    span = spans.of_instrument(status, type_, bounds, Lasting(), acts)
    assert {number: on(span, number) for number in expected} == expected


def test_a_period_ends_an_instrument_unless_it_is_extended_or_shown_alive() -> None:
    period = (Bounds(day(3), day(9)), Bounds(day(3), day(9)))
    for acts, expected in (
        ([], {2: None, 3: "certain", 9: "certain", 10: None}),
        ([act("extended", 8)], {9: "certain", 10: "possible"}),
        ([act("reviewed", 15)], {9: "certain", 15: "certain", 16: "possible"}),
        ([act("entered_into_force", 5)], {4: None, 5: "certain", 10: None}),
    ):
        span = spans.of_instrument("signed", "agreement", NONE, Lasting(period), acts)
        assert {number: on(span, number) for number in expected} == expected


@pytest.mark.parametrize("role", ["signatory", "adopter", "sponsor", "depositary"])
def test_only_the_role_of_a_party_makes_a_party(role: str) -> None:
    whole = spans.of_instrument("signed", "agreement", NONE, Lasting(), [act("entered_into_force", 1)])
    assert spans.of_party(role, "BY", whole, [act("ratified", 2, party="BY")]) == NEVER


# -- over HTTP ----------------------------------------------------------------------------------------------------------------


WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "country", "id": "UZ", "alpha_3": "UZB", "numeric": "860", "name": "Uzbekistan"},
    {"kind": "organization", "id": "club", "name": "Club", "founded": "2001-06-15"},
    {"kind": "meeting", "id": "summit", "name": "Summit", "date": "1954-06-23"},
    {
        "kind": "memorandum",
        "id": "lapsed",
        "name": "Treaty that ended",
        "type": "agreement",
        "status": "ended",
        "date": "1954-06-23",
    },
    {"kind": "action", "of": "lapsed", "type": "entered_into_force", "date": "1955-01-24"},
    {"kind": "action", "of": "lapsed", "type": "ended", "date": "1961-12-31"},
    {"kind": "memorandum", "id": "treaty", "name": "Treaty", "type": "agreement"},
    {"kind": "action", "id": "of-treaty", "of": "treaty", "type": "signed", "meeting": "summit"},
    {"kind": "action", "of": "treaty", "type": "entered_into_force", "date": "1956"},
    {"kind": "party", "id": "p-by", "memorandum": "treaty", "party": "BY", "role": "party"},
    {"kind": "party", "id": "p-cn", "memorandum": "treaty", "party": "CN", "role": "party"},
    {"kind": "party", "id": "p-uz", "memorandum": "treaty", "party": "UZ", "role": "signatory"},
    {"kind": "action", "of": "treaty", "type": "ratified", "date": "1957-03-01", "party": "BY"},
    {"kind": "action", "id": "left", "of": "treaty", "type": "withdrew", "date": "1970-05-05", "party": "BY"},
    {"kind": "action", "of": "treaty", "type": "acceded", "date": "1980-01-01", "party": "BY"},
)


clerk = clerk_of(*WORLD)


def held(clerk: Clerk, plural: str, on_day: str) -> dict[str, str]:
    """How surely what held on a day held, by id."""
    found = clerk.read(f"{plural}?valid_at={on_day}&fields=id,held&limit=200")["data"]
    return {each["id"]: each["held"] for each in found}


def test_an_instrument_holds_by_its_own_actions(clerk: Clerk) -> None:
    assert held(clerk, "memoranda", "2020-01-01") == {"treaty": "certain"}
    assert held(clerk, "memoranda", "1960-01-01") == {"treaty": "certain", "lapsed": "certain"}
    assert held(clerk, "memoranda", "1954-09-01") == {}
    assert held(clerk, "memoranda", "1956-07-01") == {"treaty": "possible", "lapsed": "certain"}
    suspended = clerk.made("actions", {"of": "treaty", "type": "suspended", "date": "1990-01-01"})["id"]
    assert "treaty" not in held(clerk, "memoranda", "1995-01-01")
    clerk.made("actions", {"of": "treaty", "type": "entered_into_force", "date": "2000-01-01"})
    assert [held(clerk, "memoranda", f"{year}-06-01").get("treaty") for year in (1989, 1995, 2001)] == [
        "certain",
        None,
        "certain",
    ]
    assert clerk.database.disagreements() == []
    clerk.delete(f"actions/{suspended}")
    assert held(clerk, "memoranda", "1995-01-01") == {"treaty": "certain"}


def test_a_party_has_a_life_of_its_own(clerk: Clerk) -> None:
    years = {year: held(clerk, "parties", f"{year}-06-01") for year in (1955, 1956, 1960, 1975, 1985)}
    assert years == {
        1955: {},
        1956: {"p-cn": "possible"},
        1960: {"p-by": "certain", "p-cn": "possible"},
        1975: {"p-cn": "possible"},
        1985: {"p-by": "certain", "p-cn": "possible"},
    }
    assert ids(clerk.get("parties?memorandum=treaty&valid_at=1960-06-01&role=signatory")) == []
    clerk.patch("parties/p-uz", {"role": "party"})
    assert held(clerk, "parties", "1960-06-01")["p-uz"] == "possible"
    clerk.patch("actions/left", {"date": "1990-05-05"})
    assert held(clerk, "parties", "1975-06-01")["p-by"] == "certain"
    clerk.patch("memoranda/treaty", {"status": "draft", "type": "memorandum"})
    clerk.made("actions", {"of": "treaty", "type": "ended", "date": "1958-01-01"})
    assert held(clerk, "parties", "1975-06-01") == {}


def test_gaps_go_with_their_records(clerk: Clerk) -> None:
    assert clerk.delete("parties/p-by").status_code == 204
    assert clerk.post("parties/p-by/restore").status_code == 200
    assert held(clerk, "parties", "1975-06-01").get("p-by") is None
    assert held(clerk, "parties", "1985-06-01")["p-by"] == "certain"
    clerk.made("actions", {"of": "lapsed", "type": "entered_into_force", "date": "1970-01-01"})
    assert [held(clerk, "memoranda", f"{year}-01-01").get("lapsed") for year in (1961, 1965, 1975)] == [
        "certain",
        None,
        "possible",
    ]
    clerk.merged("memoranda", "lapsed", "treaty")
    assert "lapsed" not in held(clerk, "memoranda", "1975-01-01")
    assert clerk.post("memoranda/lapsed/restore").status_code == 200
    assert held(clerk, "memoranda", "1965-01-01").get("lapsed") is None


def test_an_instrument_without_a_date_has_the_days_of_its_signing(clerk: Clerk) -> None:
    read = clerk.read("memoranda/treaty")
    assert (read["date"], read["date_start"], read["date_end"]) == (None, "1954-06-23", "1954-06-23")
    assert ids(clerk.get("memoranda?date_from=1954-06-01&date_to=1954-06-30&sort=id")) == ["lapsed", "treaty"]
    assert ids(clerk.get("memoranda?party=BY&date_from=1954-01-01&date_to=1954-12-31")) == ["treaty"]
    assert "treaty" in ids(clerk.get("search?q=treaty&date_from=1954-06-01&date_to=1954-06-30"))
    clerk.patch("meetings/summit", {"date": "1953"})
    assert clerk.read("memoranda/treaty")["date_start"] == "1953-01-01"
    assert ids(clerk.get("memoranda?party=BY&date_to=1953-12-31")) == ["treaty"]
    clerk.delete("actions/of-treaty")
    assert clerk.read("memoranda/treaty")["date_start"] == "1956-01-01"
    clerk.patch("memoranda/treaty", {"name": "Renamed", "date": "1950"})
    assert clerk.read("memoranda/treaty")["date_start"] == "1950-01-01"
    clerk.patch("memoranda/treaty", {"date": None})
    assert clerk.read("memoranda/treaty")["date_start"] == "1956-01-01"
    assert clerk.read("memoranda/treaty")["version"] == 3


def test_no_membership_holds_before_its_organization_was_founded(clerk: Clerk) -> None:
    for member, more in (("BY", {}), ("CN", {"founding": True}), ("UZ", {"since": "2010"})):
        clerk.made("memberships", {"of": "club", "member": member, "status": "full", "id": f"m-{member.lower()}", **more})
    assert held(clerk, "memberships", "2000-01-01") == {}
    assert held(clerk, "memberships", "2002-01-01") == {"m-by": "possible", "m-cn": "certain"}
    clerk.patch("organizations/club", {"founded": "1990"})
    assert held(clerk, "memberships", "2000-01-01") == {"m-by": "possible", "m-cn": "certain"}
    clerk.patch("organizations/club", {"founded": None})
    assert held(clerk, "memberships", "1900-01-01") == {"m-by": "possible", "m-cn": "possible"}


def test_a_treaty_with_many_parties_answers_as_a_count_of_its_acts(clerk: Clerk) -> None:
    sorts = ("ratified", "accepted", "acceded", "succeeded", "entered_into_force")
    lines: list[Content] = [{"kind": "memorandum", "id": "wide", "name": "Wide", "type": "agreement"}]
    lines.append({"kind": "action", "of": "wide", "type": "entered_into_force", "date": "1960-01-01"})
    for number in range(290):
        body = f"body-{number:03}"
        joined, left = f"{1961 + number % 40}-03-04", f"{2001 + number % 7}-05-06"
        lines.append({"kind": "organization", "id": body, "name": body})
        lines.append({"kind": "party", "memorandum": "wide", "party": body, "role": "party"})
        lines.append({"kind": "action", "of": "wide", "type": sorts[number % 5], "date": joined, "party": body})
        if number % 3 == 0:
            lines.append({"kind": "action", "of": "wide", "type": "withdrew", "date": left, "party": body})
    clerk.database.load(*map(json.dumps, lines))
    for asked in ("1959-06-01", "1975-03-04", "1990-01-01", "2003-01-01", "2020-01-01"):
        count = sum(
            f"{1961 + number % 40}-03-04" <= asked and not (number % 3 == 0 and f"{2001 + number % 7}-05-06" < asked)
            for number in range(290)
        )
        answer = clerk.read(f"parties?memorandum=wide&valid_at={asked}&count=true&limit=1")
        assert answer["page"]["total"] == count, asked


def test_the_projections_of_an_earlier_release_are_computed_again(clerk: Clerk) -> None:
    clerk.database.execute("UPDATE parties SET certain_from = '9999-12-31', possible_until = '0001-01-01'")
    assert len(clerk.database.disagreements()) == 2
    with clerk.database.engine.begin() as connection:
        clerk.database.writer.projections.rebuild(connection)
