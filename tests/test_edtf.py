"""What days a date in the world can mean, held as properties of any date."""

import re
from calendar import monthrange
from datetime import date, timedelta

import pytest
from edtf import parse_edtf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.db import edtf
from app.db.edtf import NO_END, NO_START, Bounds, bounds

many = settings(derandomize=True, deadline=None, max_examples=200)
few = settings(derandomize=True, deadline=None, max_examples=60)
"""For what asks the library, which parses some 200 dates a second."""

YEARS = st.integers(1000, 9998)
INNER_YEARS = st.integers(1001, 9997)
"""Years with a year before and a year after them that the registry knows too."""
QUALIFIERS = st.sampled_from("~?%")

days = st.dates(date(1000, 1, 1), date(9998, 12, 31)).map(date.isoformat)
months = st.builds("{:04}-{:02}".format, YEARS, st.integers(1, 12))
years = YEARS.map("{:04}".format)
plain = st.one_of(days, months, years)
unspecified = st.one_of(
    st.integers(100, 998).map("{:03}X".format),
    st.integers(10, 98).map("{:02}XX".format),
    years.map("{}-XX".format),
    years.map("{}-XX-XX".format),
    months.map("{}-XX".format),
)
seasons = st.builds("{:04}-{}".format, YEARS, st.integers(21, 24))
inner = st.one_of(
    st.dates(date(1001, 1, 1), date(9997, 12, 31)).map(date.isoformat),
    st.builds("{:04}-{:02}".format, INNER_YEARS, st.integers(1, 12)),
    INNER_YEARS.map("{:04}".format),
)
qualified = st.builds("{}{}".format, inner, QUALIFIERS)
sides = st.one_of(plain, plain, plain, qualified)

LEVELS_0_AND_1 = r"(\d{4}|\d{3}X|\d\dXX|\d{4}-(\d\d|XX)|\d{4}-(\d\d-(\d\d|XX)|XX-XX))[~?%]?"
OF_LEVELS_0_AND_1 = re.compile(
    rf"{LEVELS_0_AND_1}|{LEVELS_0_AND_1}/{LEVELS_0_AND_1}|\.\./{LEVELS_0_AND_1}|{LEVELS_0_AND_1}/\.\."
)


def first_and_last(text: str) -> tuple[date, date]:
    """A plain date's first and last day, by the calendar."""
    year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    last_month = month or 12
    return (
        date(year, month or 1, day or 1),
        date(year, last_month, day or monthrange(year, last_month)[1]),
    )


def refused(text: str) -> str:
    """Why the text is refused."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is what the caller looks at
        bounds(text)
    assert type(raised.value) is ValueError
    return str(raised.value)


def is_read(text: str) -> bool:
    """Whether the text is taken; what is written like a date may still be no day of the calendar, or reversed."""
    try:
        bounds(text)
    except ValueError:
        return False
    return True


@many
@given(text=st.one_of(plain, qualified))
def test_bounds_are_ordered_days_of_the_calendar(text: str) -> None:
    start, end = bounds(text)
    assert date.fromisoformat(start) <= date.fromisoformat(end)
    assert (start, end) == (date.fromisoformat(start).isoformat(), date.fromisoformat(end).isoformat())


@many
@given(text=plain)
def test_a_plain_date_means_just_its_days(text: str) -> None:
    first, last = first_and_last(text)
    assert bounds(text) == (first.isoformat(), last.isoformat())


@few
@given(text=plain)
def test_level_0_agrees_with_the_library(text: str) -> None:
    parsed = parse_edtf(text)
    first, last = date(*parsed.lower_strict()[:3]), date(*parsed.upper_strict()[:3])
    assert bounds(text) == (first.isoformat(), last.isoformat())


@many
@given(text=inner, mark=QUALIFIERS)
def test_a_qualified_date_reaches_to_the_next_coarser_unit(text: str, mark: str) -> None:
    first, last = first_and_last(text)
    wide = {
        10: (first.replace(day=1), last.replace(day=monthrange(last.year, last.month)[1])),
        7: (first.replace(month=1, day=1), last.replace(month=12, day=31)),
        4: (date(first.year - 1, 1, 1), date(last.year + 1, 12, 31)),
    }[len(text)]
    assert bounds(text + mark) == (wide[0].isoformat(), wide[1].isoformat())


@few
@given(text=st.one_of(unspecified, seasons), mark=QUALIFIERS)
@example(text="2004-XX", mark="~")
def test_a_qualified_date_means_no_less_than_it_does_unqualified(text: str, mark: str) -> None:
    exact, wide = bounds(text), bounds(text + mark)
    assert wide.start <= exact.start <= exact.end <= wide.end
    assert wide != exact


@many
@given(text=st.one_of(plain, YEARS.map("{:04}~".format)))
@example(text="9998~")
@example(text="1000~")
def test_a_date_never_reads_as_none(text: str) -> None:
    """The bounds that stand for none in the database are the bounds of no date."""
    start, end = bounds(text)
    assert start > NO_START
    assert end < NO_END


@many
@given(first=sides, last=sides)
def test_an_interval_reaches_from_its_first_start_to_its_last_end(first: str, last: str) -> None:
    start, end = bounds(first), bounds(last)
    text = f"{first}/{last}"
    if start.start <= end.end:
        assert bounds(text) == Bounds(start.start, end.end)
    else:
        assert text in refused(text)


@many
@given(text=sides)
def test_an_open_interval_has_one_end(text: str) -> None:
    start, end = bounds(text)
    assert bounds(f"{text}/..") == Bounds(start, NO_END)
    assert bounds(f"../{text}") == Bounds(NO_START, end)


@many
@given(first=plain, last=plain)
@example(first="2025-06-18", last="2025-06-17")
@example(first="2005", last="2004")
def test_a_reversed_interval_is_refused(first: str, last: str) -> None:
    if first_and_last(first)[0] > first_and_last(last)[1]:
        assert repr(f"{first}/{last}") in refused(f"{first}/{last}")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2004-21", "2004-03-01", "2004-05-31"),
        ("2004-22", "2004-06-01", "2004-08-31"),
        ("2004-23", "2004-09-01", "2004-11-30"),
        ("2004-21~", "2004-01-01", "2004-12-31"),
        ("2004-21/2004-23", "2004-03-01", "2004-11-30"),
        ("201X", "2010-01-01", "2019-12-31"),
        ("19XX", "1900-01-01", "1999-12-31"),
        ("201X?", "2009-01-01", "2020-12-31"),
        ("2004-XX", "2004-01-01", "2004-12-31"),
        ("2004-02-XX", "2004-02-01", "2004-02-29"),
        ("2005-02-XX", "2005-02-01", "2005-02-28"),
        ("2004-XX-XX", "2004-01-01", "2004-12-31"),
        ("2004-06-XX/2004-07-03", "2004-06-01", "2004-07-03"),
        ("201X/2022-10-27~", "2010-01-01", "2022-10-31"),
    ],
)
def test_seasons_and_unspecified_digits(text: str, start: str, end: str) -> None:
    assert bounds(text) == (start, end)


def test_a_winter_holds_its_december() -> None:
    start, end = bounds("2004-24")
    assert start <= "2004-12-01"
    assert end >= "2004-12-31"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        "..",
        "../..",
        "2004/",
        "/2004",
        "2004/2005/2006",
        "2004//2005",
        "2004~~",
        "~",
        "unknown",
        "next summer",
        "17.06.2025",
        "2004-2-3",
        "20040211",
        "2004-13",
        "2004-00",
        "2004-02-30",
        "2005-02-29",
        "2004-25",
        "0999",
        "9999",
        "0000",
        "000X",
        "XXXX",
        "0000-XX",
        "-2004",
        "2004\n",
        " 2004",
        "2004 ",
        "201X ",
        "2004- 06",
        "٢٠٠٤",
        "２００４",
        "2004-06-11T10:00:00",
        "2004-06-11T10:00:00Z",
        "2004-06-11T10:00:00+03:00",
        "2004-06-11/2004-06-12T10:00:00Z",
    ],
)
def test_what_is_no_date_is_refused_by_what_was_written(text: str) -> None:
    message = refused(text)
    assert repr(text) in message or any(side and repr(side) in message for side in text.split("/"))


@pytest.mark.parametrize(
    "text",
    [
        "?2004-06",
        "~2004",
        "2004-~06",
        "2004?-06",
        "2004-06-~11",
        "2004?-06-11~",
        "156X-12-25",
        "15XX-12-25",
        "1XXX",
        "2004-1X",
        "2004-X1",
        "2004-12-3X",
        "2004-33",
        "Y170000002",
        "Y-17E7",
        "1950S2",
        "[1667,1668,1670..1672]",
        "{1960,1961-12}",
        "..1984",
        "2004-06-XX/2004-07-0X",
    ],
)
def test_level_2_is_refused_by_what_was_written(text: str) -> None:
    message = refused(text)
    assert repr(text) in message or any(repr(side) in message for side in text.split("/"))


@few
@given(day=st.dates(date(1000, 1, 1), date(9998, 12, 31)), time=st.times(), zone=st.sampled_from(["", "Z", "+03:00", "-05"]))
def test_an_instant_is_no_date(day: date, time: object, zone: str) -> None:
    text = f"{day}T{time}{zone}"
    assert repr(text) in refused(text)


almost_dates = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="0123456789-/.X~?%TZYES:[]{}, \t\n", max_size=20),
    st.builds(
        lambda text, place, put: text[: place % (len(text) + 1)] + put + text[place % (len(text) + 1) :],
        st.one_of(plain, unspecified, seasons, st.builds("{}/{}".format, plain, plain)),
        st.integers(0, 30),
        st.text(alphabet="0123456789-/.X~?% \n", min_size=1, max_size=2),
    ),
)


@settings(derandomize=True, deadline=None, max_examples=250)
@given(text=almost_dates)
def test_any_text_is_a_date_of_levels_0_and_1_or_refused_by_what_was_written(text: str) -> None:
    """Never another exception, and never a reading of what the two levels do not write."""
    if OF_LEVELS_0_AND_1.fullmatch(text) and is_read(text):
        start, end = bounds(text)
        assert NO_START <= start <= end <= NO_END
    else:
        message = refused(text)
        assert repr(text) in message or any(side and repr(side) in message for side in text.split("/"))


@many
@given(day=st.dates(date(1000, 1, 1), date(9998, 12, 30)))
def test_days_order_as_their_bounds_do(day: date) -> None:
    """The bounds are compared as text everywhere; that order is the calendar's."""
    following = day + timedelta(days=1)
    assert bounds(day.isoformat()).end < bounds(following.isoformat()).start
    assert edtf.NO_START < bounds(day.isoformat()).start < edtf.NO_END
