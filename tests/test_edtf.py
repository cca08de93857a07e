"""What days a date in the world can mean, held as properties of any date."""

import re
import time
from calendar import monthrange
from datetime import date, timedelta

import pytest
from edtf import parse_edtf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain import edtf
from app.domain.edtf import NO_END, NO_START, Bounds, bounds

many = settings(derandomize=True, deadline=None, max_examples=200)
few = settings(derandomize=True, deadline=None, max_examples=60)
"""For what is compared with the library, which parses some 200 dates a second."""

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
seasons_but_winter = st.builds("{:04}-{}".format, YEARS, st.integers(21, 23))
winters = st.builds("{:04}-24".format, st.integers(1000, 9997))
seasons = st.one_of(seasons_but_winter, winters)
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


def by_library(text: str) -> Bounds:
    """The bounds that the library gives a date or interval."""
    parsed = parse_edtf(text)
    return Bounds(*(date(*day[:3]).isoformat() for day in (parsed.lower_strict(), parsed.upper_strict())))


@few
@given(text=plain)
def test_level_0_agrees_with_the_library(text: str) -> None:
    assert bounds(text) == by_library(text)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(text=st.one_of(unspecified, seasons_but_winter))
@example(text="1000-02-XX")
@example(text="1900-02-XX")
@example(text="2000-02-XX")
@example(text="9998-XX-XX")
@example(text="998X")
@example(text="10XX")
def test_unspecified_digits_and_seasons_agree_with_the_library(text: str) -> None:
    assert bounds(text) == by_library(text)


@few
@given(first=st.one_of(plain, unspecified, seasons_but_winter), last=st.one_of(plain, unspecified, seasons_but_winter))
def test_sides_of_intervals_agree_with_the_library(first: str, last: str) -> None:
    """Side by side, because the library fails with intervals of which one side has unspecified digits."""
    text, start, end = f"{first}/{last}", by_library(first).start, by_library(last).end
    if start <= end:
        assert bounds(text) == (start, end)
    else:
        assert refused(text) == f"{text!r} ends before it starts"


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
        ("2004-24", "2004-01-01", "2005-02-28"),
        ("2003-24", "2003-01-01", "2004-02-29"),
        ("1899-24", "1899-01-01", "1900-02-28"),
        ("9997-24", "9997-01-01", "9998-02-28"),
        ("2004-24~", "2004-01-01", "2005-12-31"),
        ("2004-24?", "2004-01-01", "2005-12-31"),
        ("2004-24%", "2004-01-01", "2005-12-31"),
        ("9997-24~", "9997-01-01", "9998-12-31"),
        ("2004-22?", "2004-01-01", "2004-12-31"),
        ("2004-23%", "2004-01-01", "2004-12-31"),
        ("2004-24/2005-01-15", "2004-01-01", "2005-01-15"),
        ("2004-12/2004-24", "2004-12-01", "2005-02-28"),
        ("2004-24/2004-01", "2004-01-01", "2004-01-31"),
        ("2004-24/..", "2004-01-01", NO_END),
        ("../2004-24?", NO_START, "2005-12-31"),
    ],
)
def test_seasons_and_unspecified_digits(text: str, start: str, end: str) -> None:
    assert bounds(text) == (start, end)


@many
@given(year=st.integers(1000, 9997))
def test_a_winter_holds_both_of_its_readings(year: int) -> None:
    """December to February, and January, February and December of its year."""
    start, end = bounds(f"{year}-24")
    assert start == min(bounds(f"{year}-12").start, bounds(f"{year}-01").start)
    assert end == max(bounds(f"{year}-12").end, bounds(f"{year + 1}-02").end)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2004-24", "2004-12-01", "2004-12-31"),
        ("2004-24~", "2004-12-01", "2004-12-31"),
        ("2004-24/2006-24?", "2004-12-01", "2006-12-31"),
        ("2004-23/2006", "2004-09-01", "2006-12-31"),
        ("2004-10-24~/2004-11-24", "2004-10-24", "2004-11-24"),
        ("2004-24/..", "2004-12-01", NO_END),
        ("2004-12~/2004-11", NO_END, NO_START),
    ],
)
def test_what_a_date_surely_covers(text: str, start: str, end: str) -> None:
    assert edtf.surely(text) == (start, end)


USAGE = "is no EDTF date of levels 0 or 1: write 2004, 2009-11, 2025-06-17, 2025-06-17/2025-06-18, 2022-10-27~"
OUTSIDE = "lies outside the years 1000 to 9998"
EMPTY_SIDE = "has an empty side: write a date there, or '..' if that side is open"
NO_INTERVAL = "is no interval: write start/end, at most one of them '..'"
YEAR_FIRST = "is not written as EDTF: write 1998-12-05, the year first"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1985-04-12/", EMPTY_SIDE),
        ("/1985", EMPTY_SIDE),
        ("/..", EMPTY_SIDE),
        ("/", NO_INTERVAL),
        ("../..", NO_INTERVAL),
        ("2004/2005/2006", NO_INTERVAL),
        ("2005/2004", "ends before it starts"),
        ("-0500", OUTSIDE),
        ("-0500-03-01", OUTSIDE),
        ("Y17000", OUTSIDE),
        ("Y-17000", OUTSIDE),
        ("Y-17E7", OUTSIDE),
        ("0999", OUTSIDE),
        ("0999-21", OUTSIDE),
        ("000X", OUTSIDE),
        ("999X", OUTSIDE),
        ("99XX", OUTSIDE),
        ("9998-24", OUTSIDE),
        ("9998-24~", OUTSIDE),
        ("9999-12-31", f"{OUTSIDE}: write '..' for an open end, as in 2004/.."),
        ("2004/9999", f"{OUTSIDE}: write '..' for an open end, as in 2004/.."),
        ("2004-01-01T10:10:10Z", "has a time of day: write the day only, 2004-01-01"),
        ("2004-01-01 10:10", "has a time of day: write the day only, 2004-01-01"),
        ("2004-01-01T10", "has a time of day: write the day only, 2004-01-01"),
        ("2004-01-01/2004-01-02T10:10:10+03:00", "has a time of day: write the day only, 2004-01-02"),
        ("1999-00-00", "has no month 00: write 1999 or 1999-XX if the month is not known"),
        ("1999-00", "has no month 00: write 1999 or 1999-XX if the month is not known"),
        ("1999-04-00", "has no day 00: write 1999-04 or 1999-04-XX if the day is not known"),
        ("2010-02-29", "is no day of the calendar: February 2010 has 28 days"),
        ("2010-02-29~", "is no day of the calendar: February 2010 has 28 days"),
        ("2021-04-31", "is no day of the calendar: April 2021 has 30 days"),
        ("2004/2021-12-32", "is no day of the calendar: December 2021 has 31 days"),
        ("2010-13", "has no month 13: months are 01 to 12, seasons are 21 to 24"),
        ("2010-25", "has no month 25: months are 01 to 12, seasons are 21 to 24"),
        ("2010-13-01", "has no month 13: months are 01 to 12"),
        ("2010-21-XX", "has no month 21: months are 01 to 12"),
        ("12/5/1998", "is not written as EDTF: write 1998-05-12 or 1998-12-05, the year first"),
        ("25/12/1998", "is not written as EDTF: write 1998-12-25, the year first"),
        ("12/25/1998", "is not written as EDTF: write 1998-12-25, the year first"),
        ("31.02.1998", USAGE),
        ("20.05.2025 г.", "is not written as EDTF: write 2025-05-20, the year first"),
        ("2025/05/20", "is not written as EDTF: write 2025-05-20"),
        ("2025.5.2", "is not written as EDTF: write 2025-05-02"),
        ("2025-5-2", "is not written as EDTF: write 2025-05-02"),
        ("20250520", "is not written as EDTF: write 2025-05-20"),
        ("05/2025", "is not written as EDTF: write 2025-05, the year first"),
        ("2025/05", "is not written as EDTF: write 2025-05"),
        ("05.2025", "is not written as EDTF: write 2025-05, the year first"),
        ("май 2025", "is not written as EDTF: write 2025-05, the year first"),
        ("20 мая 2025 года", "is not written as EDTF: write 2025-05-20, the year first"),
        ("20-го мая 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("17–18 июня 2025 г.", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("May 20, 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("20th May 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("June 17-18, 2025", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("17/18 June 2025", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("20 Mayıs 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("3 кастрычніка 2025", "is not written as EDTF: write 2025-10-03, the year first"),
        ("2 қазан 2025", "is not written as EDTF: write 2025-10-02, the year first"),
        ("20 мамыр 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("1er août 2025", "is not written as EDTF: write 2025-08-01, the year first"),
        ("20 مايو 2025", "is not written as EDTF: write 2025-05-20, the year first"),
        ("2025年5月20日", "is not written as EDTF: write 2025-05-20"),
        ("30 февраля 2025", USAGE),
        ("31.06.2025", USAGE),
        ("06-17-2025", "is not written as EDTF: write 2025-06-17, the year first"),
        ("2025-6", "is not written as EDTF: write 2025-06"),
        ("05-2025", "is not written as EDTF: write 2025-05, the year first"),
        ("2025 г.", "is not written as EDTF: write 2025"),
        ("17.-18.06.2025", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("17–18.06.2025", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("18–17.06.2025", USAGE),
        ("17.06.2025-18.06.2025", "is not written as EDTF: write 2025-06-17/2025-06-18, the year first"),
        ("20/05/2025 – 21/05/2025", "is not written as EDTF: write 2025-05-20/2025-05-21, the year first"),
        ("1/5/2025 - 2/5/2025", NO_INTERVAL),
        ("summer 2025", "is not written as EDTF: write 2025-22, the year first"),
        ("весна 2025 года", "is not written as EDTF: write 2025-21, the year first"),
        ("winter 2025", USAGE),
        ("5 summer 2025", USAGE),
        ("soon 2025", USAGE),
        ("٢٠٢٥-٠٥-٢٠", "is not written as EDTF: write 2025-05-20, the year first"),
        ("２０２５-０５-２０", "is not written as EDTF: write 2025-05-20, the year first"),
        ("5 brumaire 1999", USAGE),
        ("05.12.1998", YEAR_FIRST),
        ("5-12-1998", YEAR_FIRST),
        ("05.12-1998", USAGE),
        ("2004-06~/..x", USAGE),
        ("next summer", USAGE),
        ("", USAGE),
        ("2004~~", USAGE),
        ("2004-XX-01", USAGE),
        ("201X-06", USAGE),
    ],
)
def test_a_refusal_says_what_to_write_instead(text: str, message: str) -> None:
    assert refused(text) == f"{text!r} {message}"


@pytest.mark.parametrize("text", ["2004" * 16, "2004" * 16 + "x", "x" * 10_000, "2004/" * 2_000, "12/5/" * 2_000, "9" * 10_000])
def test_a_refusal_quotes_sixty_letters_at_most(text: str) -> None:
    quoted, _, _ = refused(text).partition("… ")
    assert quoted == repr(text[:60])


def test_a_long_text_is_refused_at_once_and_never_cached() -> None:
    """The cache is keyed by what clients send: without this its entries could be of any size."""
    before = edtf._bounds.cache_info()
    start = time.perf_counter()
    for number in range(10_000):
        refused(f"{number:04}-" * 2_000)
    assert time.perf_counter() - start < 5
    assert edtf._bounds.cache_info() == before


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


@pytest.mark.parametrize(
    ("date", "shortest"),
    [
        ("2021-09-17", "2021-09-17"),
        ("2021-09", "2021-09"),
        ("2021-09-17~", "2021-09"),
        ("2021", "2021"),
        ("2021~", "2020-01-01/2022-12-31"),
        ("2021-02-01/2021-02-28", "2021-02"),
        ("2021-09-17/2021-09-18", "2021-09-17/2021-09-18"),
        ("2021/..", "2021-01-01/.."),
    ],
)
def test_bounds_are_told_by_the_shortest_date(date: str, shortest: str) -> None:
    assert edtf.spanning(edtf.bounds(date)) == shortest
    assert edtf.bounds(shortest) == edtf.bounds(date)


def test_no_bounds_are_told_by_no_date() -> None:
    assert edtf.spanning(edtf.NONE) is None


@many
@given(text=days, mark=st.sampled_from(["", *"~?%"]))
def test_a_day_is_stated_whatever_its_qualifier(text: str, mark: str) -> None:
    assert edtf.stated_days(text + mark) == (text, text, mark in ("~", "%"), mark in ("?", "%"))


@many
@given(first=days, last=days, mark=st.sampled_from(["", *"~?%"]))
def test_an_interval_of_days_states_both(first: str, last: str, mark: str) -> None:
    expected = (first, last, mark in ("~", "%"), mark in ("?", "%")) if first <= last else None
    assert edtf.stated_days(f"{first}/{last}{mark}") == expected
    assert edtf.stated_days(f"{first}{mark}/{last}") == expected


@many
@given(text=st.one_of(months, years, unspecified, seasons), mark=st.sampled_from(["", *"~?%"]), day=days)
def test_a_month_or_a_year_states_no_days(text: str, mark: str, day: str) -> None:
    for written in (text + mark, f"{text}{mark}/{day}", f"{day}/{text}{mark}", f"../{day}", f"{day}/.."):
        assert edtf.stated_days(written) is None
