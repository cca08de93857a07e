"""Finds the dates that are printed in a text, in several languages, and says what each states and what it leaves open.

The text is cut into words, numbers and signs, and each of them becomes one symbol (`app/domain/date_words.py`). The grammar is
a list of patterns over these symbols. Each has a largest length, so the time grows in proportion to the length of the text.

No date is guessed. A year counts only where it is printed as a part of the date, and four digits alone only where the words
around them say that they are a year. A date such as 05/06/2025 can be read in two orders, except in a text of Arabic script:
all countries that write so put the day first.

A season is one of EDTF, as 2026-23, and a quarter or a half of a year an interval of months. A part of a month is its month.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple
from unicodedata import normalize

from app.domain.date_words import ARABIC, LETTERS, TOKEN, Symbols, number, part_of_year, season

YEAR = "year"
"""The text leaves the year open: 20 May, or the first year of 30 December – 2 January 2025."""
RELATIVE = "relative"
"""The text counts from its own date: today, last year."""
ORDER = "order"
"""The numbers can be read in two orders, as in 05/06/2025 outside Arabic texts, or the range ends before it starts."""
DAY = "day"
"""The calendar has no such day, as 31 June."""


class Date(NamedTuple):
    """A date printed in a text."""

    start: int
    """The offset of its first character in the text."""
    end: int
    """The offset after its last character."""
    text: str
    """As printed."""
    edtf: str | None
    """What it states; None if the text leaves it open."""
    question: str | None
    """What a keeper must answer before it can be recorded: None, YEAR, RELATIVE, ORDER or DAY."""
    partial: str | None
    """What is known of a date without a year: `--05-20`, `--05` or `--07-27/--07-28`."""


class _Point(NamedTuple):
    """A day, a month or a year; 0 for what is not printed. Seasons, quarters and halves of a year are months above 20."""

    year: int
    month: int
    day: int


_LEAP_YEAR = 2000
_WINTER, _QUARTERS, _HALVES = 24, 33, 40
"""Numbers in EDTF: that of the last season, and those of the first quarter and the first half of a year."""
_DECADES = frozenset({"е", "ые"})
"""What makes a decade of a year: 2010-е годы."""
_FEMININE = frozenset({"й", normalize("NFD", "й")})
"""What is added to a number before nouns of other genders than that of the year in "в 2025-м", too."""
_OF_EVENTS = ("arab", "prague", "арабск", "пражск")
"""Words that make a spring a part of the name of an event: the Arab Spring of 2011."""

# What the patterns are made of. The names of the groups are the parts of a date: 1 is the first of a range, 2 the last or the
# only one, and `y` a year that counts for both.
_NUMBER = "[dyunhH]"
_LETTER = "[MmviaqIYJgjwBEsDWRLAfbCFONOtlerokGPKVzcpxT1-6SZUX末ع]"
_ALONE = rf"(?<!{_NUMBER}[-.,:/'])(?<![cpx6Xok])(?<![cpx6X]-)"
"""Before a number: it is not the end of a longer one or of a name, as in 10:20, G20 and COVID-19."""
_ENDS = rf"(?![-–.,:/']?{_NUMBER})(?! ?[%z])(?! p)"
"""After a number: it ends here, and counts nothing, as in 20 % and 20 countries."""
_UNNUMBERED = r"(?<!K )(?<!K\. )(?<!K)"
"""Before a range: its first number is not that of a day of a meeting or of an article, as in Day 1 – 17 June."""
_WEEKDAY = r"(?:W[.,]? )?"
_ORDINAL = r"(?:-?o)?"
_YEAR_WORD = rf"{_ORDINAL}(?: ?-?[YJ]| ?-?[gj]\.?)"
_OF = r"(?: ?|-|/| [ON] (?:s )?| s )"
"""Between a day and its month."""
_UNTIL = r"(?P<rng> ?[-–] ?| [RL] (?:G )?|,? A ?|[-']f |(?<=a) )"
_MORE = rf"(?P<more>(?:, ?d{_ORDINAL}){{0,6}})"
_OPEN_YEAR = r"(?: (?:[ON] )?t [YJBe]| (?:N )?(?:B )?l| t\. ?g\.?| F\. ?g\.?)"
"""This year, с.г.: which one it is the text does not say."""
_SUFFIX = rf"['-]?{_LETTER}"


def _day(name: str) -> str:
    return rf"(?P<{name}>d){_ORDINAL}"


def _month(name: str, symbols: str = "MmviaI") -> str:
    """A month. Arabic texts add its other name after a stroke."""
    return rf"(?P<{name}>[{symbols}]|T [12])(?: ?/ ?(?:[Mm]|T [12])| ?\((?:[Mm]|T [12])\))?"


def _year(name: str) -> str:
    """A year beside a month, with the word for year if there is one."""
    return rf"(?P<{name}>y|u(?! [xpz6SU]))(?:{_YEAR_WORD}|{_ORDINAL}(?: ?w(?!{_LETTER}))?)"


def _tail(name: str) -> str:
    """A year after a month or a day, as it is joined to them."""
    return rf"(?:(?:'{_LETTER})?\.?,? ?(?:[ON] )?(?:B )?|[-/]){_year(name)}"


_YEAR_OR_NOT = rf"(?:{_tail('y2')}|{_OPEN_YEAR}|(?<!v)|(?<=-v)|(?= D))"
"""After a day and a month. Without a year, what may be another word is a month only in 20-may and 20 may kuni."""
_RANGE_START = f"{_WEEKDAY}{_ALONE}{_UNNUMBERED}"
_LAST_DAY = f"{_day('d2')}{_OF}{_month('m2')}{_YEAR_OR_NOT}"
_YEAR_OR_END = rf"(?:{_tail('y2')}|{_OPEN_YEAR}|{_ENDS})"
"""After a month and a day."""
_YEAR_FIRST = rf"{_ALONE}(?P<y>[yu]){_ORDINAL} ?-?(?:J|j\.?),? ?"
"""A year before its month, as in Turkic languages."""
_TURKIC_GENITIVE = r"(?:(?P<m1>q)|(?P<m2>[mvM]) E) "
_TURKIC_DAY = rf"(?P<d2>d){_SUFFIX}"
_TURKIC_DAYS = rf"(?P<d1>d)(?P<rng> ?[-–] ?|[-']f | A ){_TURKIC_DAY}"


def _numeric(number: int, *, year_first: bool) -> str:
    """A date in numbers, and the sign between them."""
    year, sign, month, day = f"(?P<y{number}>[yu])", f"(?P<sign{number}>[-./])", f"(?P<m{number}>d)", f"(?P<d{number}>d)"
    again = f"(?P=sign{number})"
    return f"{year}{sign}{month}{again}{day}" if year_first else f"{day}{sign}{month}{again}{year}"


_NUMERIC_START = rf"{_ALONE}(?<![-./])(?<![Mm])"
_NUMERIC_END = rf"(?![-./:]?{_NUMBER}|[-/]{_LETTER}|/)(?:{_YEAR_WORD})?"
_NUMERIC_UNTIL = r"(?P<rng> ?[-–/] ?| [RL] | A ?)"
_DOTTED_MONTH_AND_YEAR = r"(?P<d2>d)(?P<sign2>\.)(?P<m2>d)\.(?P<y2>[yu])"

_HAN_UNTIL = r" ?(?P<rng>[-–AR]) ?"


def _han_year(name: str) -> str:
    return rf"(?P<{name}>[yHu]) ?年"


_HAN_YEAR_OR_NOT = rf"{_ALONE}(?:{_han_year('y')}|(?:Q ?)?)"


def _han_month(name: str) -> str:
    return rf" ?(?P<{name}>[dh]) ?月"


def _han_day(name: str) -> str:
    return rf" ?(?P<{name}>[dh]) ?日(?: ?\(W\))?"


def _han_day_of(number: str) -> str:
    return _han_year(f"y{number}") + _han_month(f"m{number}") + _han_day(f"d{number}")


_WORDS_BEFORE = r"(?:(?<![\s\S])|(?<=[CbORLAFNr] )|(?<=[,.:·–] )|(?<=[-–(/,.:·|]))"
"""Before a date that begins with a word: no noun that the word belongs to, as in the first session of March."""
_ARABIC_DAY = "(?:[123](?: [45])?|5)"


def _of_arabic_month(name: str) -> str:
    return f" N (?:s )?{_month(name)}"


_ARABIC_LAST_DAY = f"(?P<d2>{_ARABIC_DAY}){_of_arabic_month('m2')}{_YEAR_OR_NOT}"
_PART_TAIL = r"(?:,? (?:[ONk] )?(?:(?:G )?B )?)"


def _part_year(name: str) -> str:
    """A year after a season, a quarter or a half."""
    return rf"{_PART_TAIL}(?P<{name}>y)(?:{_YEAR_WORD}|{_ORDINAL}(?: ?w(?!{_LETTER}))?)"


def _ordinal(name: str) -> str:
    """A number before a quarter or a half, as a word, in Roman letters or in digits."""
    return rf"(?P<{name}>[6d])(?:-?[ok]|x)?\.?"


_PART_UNTIL = r"(?P<rng> ?[-–/] ?| [RL] (?:G )?|,? A ?(?:G )?)"
_SEASON = "(?P<m2>(?P<part>S))"
_UNIT = rf"[- ](?P<part>U)(?!-?{_NUMBER}|-{_LETTER})\.?"
_LETTERED = r"(?P<part>X)(?P<m2>d)"
_OPEN_PART = rf"(?: [ON](?= t))?{_OPEN_YEAR}"
_BEFORE_PART = rf"{_ALONE}(?P<y2>y)(?P<beside>{_ORDINAL}(?:'{_LETTER})?(?: ?-?[YJ]| ?-?j\.?)?),? "
_NO_YEAR = rf"(?!{_PART_TAIL}{_NUMBER})(?![-–.,:/']? ?{_NUMBER})(?! ?[%z])(?! p)"
_TURKIC_PARTS = (
    f"{_BEFORE_PART}(?P<m2>(?P<part>Z))",
    f"{_BEFORE_PART}(?:{_ordinal('m1')}{_PART_UNTIL})?{_ordinal('m2')}{_UNIT}(?: [YJ])?{_NO_YEAR}",
    rf"{_ALONE}{_WORDS_BEFORE}(?P<y2>y)[-/ ]{_LETTERED}{_ENDS}(?!{_LETTER})",
)
_HAN_ORDER = " ?第? ?"
_THIS_HAN_YEAR = f"Q(?: ?年?末| ?年? ?[半春]|{_HAN_ORDER}[hd] ?季)?"

_BEFORE_YEARS = rf"{_ALONE}(?:(?<=[CBbO] )|(?<=B N )|(?<=C-)|(?<=L ))"
_SEVERAL_YEARS = rf"(?P<more>(?:y, ?){{0,6}})(?:(?P<y1>y)(?:{_YEAR_WORD})?(?P<rng> ?[-–/] ?| [RL] |,? A ?))?(?P<y2>y)"
_TWO_YEARS = r"(?P<y1>y)(?P<rng> ?[-–] ?)(?P<y2>y)"
_YEARS_END = rf"{_ENDS}(?!{_LETTER})(?!-{_LETTER})"

_PATTERNS = {
    # 17.06.2025–18.06.2025, 17.06–18.06.2025, 17–18.06.2025, 17.06.2025
    "numbers": (
        _NUMERIC_START + _numeric(1, year_first=False) + _NUMERIC_UNTIL + _numeric(2, year_first=False) + _NUMERIC_END,
        rf"{_NUMERIC_START}(?P<d1>d)\.(?P<m1>d)\.?(?P<rng> ?[-–] ?){_DOTTED_MONTH_AND_YEAR}{_NUMERIC_END}",
        rf"{_NUMERIC_START}(?P<d1>d)\.?(?P<rng> ?[-–] ?){_DOTTED_MONTH_AND_YEAR}{_NUMERIC_END}",
        _NUMERIC_START + _numeric(2, year_first=False) + _NUMERIC_END,
    ),
    # 2025-06-17/2025-06-18, 2025-06-17
    "year_numbers": (
        _NUMERIC_START + _numeric(1, year_first=True) + _NUMERIC_UNTIL + _numeric(2, year_first=True) + _NUMERIC_END,
        _NUMERIC_START + _numeric(2, year_first=True) + _NUMERIC_END,
    ),
    # 2025年6月30日至7月2日, 2025年6月17日至18日, 6月17日, 2024年12月至2025年1月, 2025年5月至6月, 2025年5月, 5月
    "chinese": (
        _ALONE + _han_day_of("1") + _HAN_UNTIL + _han_day_of("2"),
        f"{_HAN_YEAR_OR_NOT}{_han_month('m1')}{_han_day('d1')}{_HAN_UNTIL}{_han_month('m2')}{_han_day('d2')}",
        rf"{_HAN_YEAR_OR_NOT}{_han_month('m1')} ?(?P<d1>[dh])(?: ?日(?: ?\(W\))?)?{_HAN_UNTIL}{_han_day('d2')}",
        f"{_HAN_YEAR_OR_NOT}{_han_month('m2')}{_han_day('d2')}",
        f"{_ALONE}{_han_year('y1')}{_han_month('m1')}{_HAN_UNTIL}{_han_year('y2')}{_han_month('m2')}",
        f"{_HAN_YEAR_OR_NOT} ?(?P<m1>[dh])(?: ?月)?{_HAN_UNTIL}{_han_month('m2')}",
        f"{_HAN_YEAR_OR_NOT}{_han_month('m2')}",
        f"{_ALONE}{_han_year('y2')} ?(?P<m2>(?P<part>半|春))",
        f"{_ALONE}{_han_year('y2')}{_HAN_ORDER}(?P<m1>[hd]) ?季?{_HAN_UNTIL}{_HAN_ORDER}(?P<m2>[hd]) ?(?P<part>季)",
        f"{_ALONE}{_han_year('y2')}{_HAN_ORDER}(?P<m2>[hd]) ?(?P<part>季)",
        f"{_ALONE}{_han_year('y2')} ?{_LETTERED}{_ENDS}",
        rf"{_ALONE}(?:(?P<y1>[yH]) ?年?{_HAN_UNTIL})?(?P<y2>[yH]) ?年",
        _THIS_HAN_YEAR,
    ),
    # 30 June – 2 July 2025; 17, 18 and 19 June 2025; 20 May 2025
    "day": (
        f"{_RANGE_START}{_day('d1')}{_OF}{_month('m1')}(?:{_tail('y1')})?{_UNTIL}{_WEEKDAY}{_LAST_DAY}",
        f"{_RANGE_START}{_day('d1')}{_MORE}{_UNTIL}{_WEEKDAY}{_LAST_DAY}",
        f"{_WEEKDAY}{_ALONE}{_LAST_DAY}",
    ),
    # الأول من أكتوبر 2025
    "day_in_words": (
        f"{_WORDS_BEFORE}(?P<d1>{_ARABIC_DAY}){_of_arabic_month('m1')}(?:{_tail('y1')})?(?P<rng> [RL] ){_ARABIC_LAST_DAY}",
        f"{_WORDS_BEFORE}(?P<d1>{_ARABIC_DAY})(?P<rng> [RL] ){_ARABIC_LAST_DAY}",
        f"{_WORDS_BEFORE}{_ARABIC_LAST_DAY}",
    ),
    # Spring and summer of 2025; winter 2024/25; spring 2025; spring of this year; first and second quarters of 2026;
    # النصف الأول من عام 2028; Q1–Q3 2026; Q3 2026; second half of this year; first week of October; end of October;
    # end of this year
    "part": (
        rf"(?P<m1>S)(?:{_part_year('y1')})?{_PART_UNTIL}{_SEASON}{_part_year('y2')}{_ENDS}",
        rf"{_SEASON}{_PART_TAIL}(?P<y2>y) ?[-–/] ?(?P<next>[ydn])(?:{_YEAR_WORD})?{_ENDS}",
        rf"{_SEASON}{_part_year('y2')}{_ENDS}",
        f"S{_OPEN_PART}",
        f"{_ALONE}(?:{_ordinal('m1')}{_PART_UNTIL})?{_ordinal('m2')}{_UNIT}{_part_year('y2')}{_ENDS}",
        rf"(?P<part>U) (?P<m2>[123]){_part_year('y2')}{_ENDS}",
        rf"{_WORDS_BEFORE}(?P<first>X)(?P<m1>d)(?:{_part_year('y1')})?{_PART_UNTIL}{_LETTERED}(?:{_part_year('y2')}|[-/](?P<y>y)){_ENDS}",
        rf"{_WORDS_BEFORE}{_LETTERED}(?:{_part_year('y2')}|[-/](?P<y>y)){_ENDS}",
        rf"{_ALONE}(?:6|d(?:-?[ok])?)\.?[- ]U\.?{_OPEN_PART}",
        f"U [123]{_OPEN_PART}",
        f"(?:G )?{_ALONE}(?:6|d-?o) [eU] (?:[ON] (?:s )?|k )?{_month('m2', 'Mm')}(?:{_OPEN_YEAR}|{_NO_YEAR})",
        f"[eU] [123] N (?:s )?{_month('m2', 'Mm')}(?:{_OPEN_YEAR}|{_NO_YEAR})",
        f"(?:G )?末 (?:[ON] (?:s )?|k )?{_month('m2', 'Mm')}(?:{_OPEN_YEAR}|{_NO_YEAR})",
        rf"末(?: [ON])?(?: [kG])?(?: t)? (?:x')?[YJBEe](?: l)?{_NO_YEAR}(?! N {_NUMBER})",
    ),
    # June 30 – July 2, 2025; June 17–18, 2025; iyunun 17-18-də; May 20, 2025; mayın 20-də;
    # December 2024 – January 2025; May 2025; Mayıs ayında
    "month": (
        rf"{_WEEKDAY}(?P<m1>[Mv])\.? {_day('d1')}(?:{_tail('y1')})?{_UNTIL}{_WEEKDAY}(?P<m2>M)\.? {_day('d2')}{_YEAR_OR_END}",
        rf"{_WEEKDAY}(?P<m1>M)\.? {_day('d1')}{_MORE}{_UNTIL}{_day('d2')}{_YEAR_OR_END}",
        rf"(?P<m1>v)\.? {_day('d1')}{_MORE}{_UNTIL}{_day('d2')}{_tail('y2')}",
        f"{_TURKIC_GENITIVE}{_TURKIC_DAYS}",
        rf"{_WEEKDAY}(?P<m2>M)\.? {_day('d2')}{_YEAR_OR_END}",
        rf"(?P<m2>v)\.? {_day('d2')}{_tail('y2')}",
        f"{_TURKIC_GENITIVE}{_TURKIC_DAY}",
        f"{_month('m1', 'Mmv')}(?:{_tail('y1')})?{_UNTIL}{_month('m2', 'Mmv')}{_tail('y2')}",
        f"{_month('m2', 'Mm')}{_tail('y2')}",
        rf"(?P<m2>v)\.? {_year('y2')}",
        f"{_month('m2', 'Mmv')}(?: E(?:{_OPEN_YEAR})?|{_OPEN_YEAR})",
        "(?P<m2>q) 6 e",
        rf"(?<!{_NUMBER} )(?<!{_NUMBER}-)(?<!{_NUMBER}\. )(?P<m2>I)",
    ),
    # 2025-yil 30-iyun – 2-iyul, 2025-yil 17–18-iyun, 2025-ci il iyunun 17-18-də, 2025-yil 20-may, 2025-ci il mayın 20-də,
    # 2025-yil may – iyun, 2025 жылғы мамыр, 2025-yil
    "year_word": (
        *_TURKIC_PARTS,
        f"{_YEAR_FIRST}{_day('d1')}{_OF}{_month('m1')}{_UNTIL}{_day('d2')}{_OF}{_month('m2')}",
        f"{_YEAR_FIRST}{_day('d1')}{_MORE}{_UNTIL}{_day('d2')}{_OF}{_month('m2')}",
        f"{_YEAR_FIRST}{_TURKIC_GENITIVE}{_TURKIC_DAYS}",
        f"{_YEAR_FIRST}{_day('d2')}{_OF}{_month('m2')}",
        f"{_YEAR_FIRST}{_TURKIC_GENITIVE}{_TURKIC_DAY}",
        f"{_YEAR_FIRST}{_month('m1')}{_UNTIL}{_month('m2')}(?: E)?",
        f"{_YEAR_FIRST}{_month('m2', 'MmviaIq')}(?: E)?",
        f"{_ALONE}{_SEVERAL_YEARS}{_YEAR_WORD}",
    ),
    # 2025 May 20; 2025 Mayıs; 2022–2023 годы; in 2004 and 2016; Plan 2022–2023; the 2009 Agreement; 2025'te
    "year": (
        *_TURKIC_PARTS,
        rf"{_ALONE}(?P<y2>y),? (?P<m2>M)\.? {_day('d2')}{_ENDS}(?!,? [yu])",
        f"{_ALONE}(?P<y2>y) {_month('m2', 'mI')}(?: E)?(?![.,]? ?[dyu])",
        f"{_ALONE}{_SEVERAL_YEARS}{_YEAR_WORD}",
        f"{_BEFORE_YEARS}{_SEVERAL_YEARS}(?: ?w)?{_YEARS_END}",
        rf"{_ALONE}(?:(?<=[GPY] )|(?<=\()(?=y ?[-–] ?y\))){_TWO_YEARS}{_YEARS_END}",
        f"{_ALONE}{_TWO_YEARS}(?= (?:c )?(?:c )?P)",
        rf"{_ALONE}(?<=[FR末] )(?:(?P<y1>y)-o(?P<rng> ?[-–] ?| [RL] |,? A ?))?(?P<y2>y)-o{_YEARS_END}",
        f"{_ALONE}(?<=G )(?P<y2>y)(?= [cPS])",
        f"{_ALONE}(?P<y2>y)(?='[kf](?!{_LETTER}))",
    ),
    # Today, last year, this spring, bu yılın ikinci yarısında, year-end, yıl sonu, العام الماضي, 年底
    "relative": (
        r"r(?! [1-5V])末?",
        _THIS_HAN_YEAR,
        r"t [YJ] (?:Z|(?:6|d(?:-?[ok])?)\.?[- ]U)",
        rf"(?<!{_NUMBER} )(?<!{_NUMBER}-)(?<!o )(?:t )?[YJ] 末{_NO_YEAR}",
        f"B(?:[- ]|'{_LETTER} )末{_NO_YEAR}",
        r"t [YJBeS]|[Be] l",
        rf"(?<!{_NUMBER})(?<!{_NUMBER} )(?<!年)[年月]末",
    ),
}
"""For each group of `_MAYBE` the patterns that can fit where it is found. The first that fits counts."""
_FORMS = {kind: tuple(map(re.compile, patterns)) for kind, patterns in _PATTERNS.items()}
_BETWEEN = r"[-dho –.,/'()RLAfGONsW日]{0,40}+"
_MAYBE = re.compile(
    rf"[dhW]{_BETWEEN}(?:(?P<day>[mviaIT]|(?<!W )(?<!W, )(?<!W\. )M)|(?P<chinese>月)|(?P<numbers>[yu])|(?P<month>M))"
    rf"|(?P<day_in_words>[1235](?: [45])? [NRL] )"
    rf"|(?P<part>S|[6d][-o. ,AdkRLG–/6x]{{0,16}}+[Ue]|(?:G )?[6d](?:-?[ok]|x)?\.?[- ][eU]|[Ue] [123]|Xd|(?:G )?末 )"
    rf"|(?P<year_numbers>[yu][-./]d[-./]d)"
    rf"|(?P<year_word>[yu]{_ORDINAL} ?-?(?:J|j))"
    r"|(?P<y>[yuHQ] ?(?:年|h|d ?月)|[yH] ?[-–AR] ?[yH] ?年)"
    r"|(?P<year>y)"
    r"|(?P<m>[MmvTq](?: [12])?[-–.,/'() RLAONB12]{0,12}+(?:[dyuEtFlf6]|(?:(?<=[-–RLA/(])|(?<=[-–RLA/] ))[MmvT]))"
    r"|(?P<locative>I)"
    r"|(?P<relative>[rQ]|t [YJBeS]|[Be] l|[YJ] 末|B(?:[- ]|'. )末|[年月]末)"
)
"""Where a date may stand, and which one. It is quicker than the patterns, and finds all that they find."""
_KINDS = {"y": "chinese", "m": "month", "locative": "month"}


class _Text:
    """The parts of a text, such as words and numbers, each with its symbol. Invisible characters are left out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = TOKEN.findall(text)
        self.ends = list(accumulate(map(len, self.parts)))
        symbols = list(map(Symbols().__getitem__, self.parts))
        if "" in symbols:
            seen = [place for place, symbol in enumerate(symbols) if symbol]
            self.parts = [self.parts[place] for place in seen]
            self.ends = [self.ends[place] for place in seen]
            symbols = [symbols[place] for place in seen]
        self.symbols = "".join(symbols)

    @cached_property
    def is_arabic(self) -> bool:
        """Whether more letters are Arabic than Latin or Cyrillic."""
        return 2 * len(ARABIC.findall(self.text)) > len(LETTERS.findall(self.text))

    def date(
        self, start: int, end: int, stated: str | None = None, *, question: str | None = None, partial: str | None = None
    ) -> Date:
        """Return the date printed in the parts from start to end."""
        first, last = self.ends[start] - len(self.parts[start]), self.ends[end - 1]
        return Date(first, last, self.text[first:last], stated, question, partial)

    def year(self, start: int, end: int) -> Date:
        """Return the year printed in the part at start, with what follows it."""
        return self.date(start, end, f"{number(self.parts[start])}")


class _Match(NamedTuple):
    """A pattern that fits somewhere in a text."""

    cut: _Text
    match: re.Match[str]
    groups: dict[str, str | None]

    def number(self, name: str) -> int:
        """Return the number of the day, the month or the year in a group; 0 if the group is empty."""
        if self.groups.get(name) is None:
            return 0
        start, end = self.match.span(name)
        return number(self.cut.parts[start] if end == start + 1 else " ".join("".join(self.cut.parts[start:end]).split()))

    def places(self, name: str | int = 0) -> list[int]:
        """Return the places of the days and years in a group, or in the whole."""
        start, end = self.match.span(name)
        return [place for place in range(start, end) if self.cut.symbols[place] in "dyH"]

    def listed(self) -> list[int]:
        """Return the places of the days and years between the first and the last."""
        return self.places("more") if self.groups.get("more") else []

    def is_list(self) -> bool:
        """Whether the dates are joined by "and", but not by "between"."""
        start = self.match.start()
        return "A" in (self.groups.get("rng") or "") and not self.cut.symbols[max(start - 4, 0) : start].endswith(
            ("b ", "b B ")
        )


def dates_in(text: str) -> list[Date]:
    """Return the dates printed in a text, in the order in which they stand there. They do not overlap.

    Understood are dates in English, Russian, Belarusian, Turkish, Azerbaijani, Uzbek, Kazakh, Kyrgyz, Arabic, Chinese and
    French, in numbers and in words, alone and as ranges. If several days are named that do not follow each other, as in "17
    and 20 June 2025", each is a date.
    """
    return list(_found(_Text(text)))


def _found(cut: _Text) -> Iterator[Date]:
    """Return the dates of a text. A place where no pattern fits costs one step, as each has a largest length."""
    place = 0
    while found := _MAYBE.search(cut.symbols, place):
        start = found.start()
        place = start + 1
        kind = found.lastgroup or ""
        for form in _FORMS[_KINDS.get(kind, kind)]:
            match = form.match(cut.symbols, start)
            if match and (several := _read(_Match(cut, match, match.groupdict()))):
                yield from several
                place = match.end()
                break


def _read(found: _Match) -> Sequence[Date]:
    """Return what a match states; nothing if it states no date."""
    if not found.groups:
        return [found.cut.date(*found.match.span(), question=RELATIVE)]
    if found.groups.get("part"):
        return _parts(found)
    return _dates(found) if found.groups.get("m1") or found.groups.get("m2") else _years(found)


def _years(found: _Match) -> list[Date]:
    """Return the years of a match: an interval, or each by itself if they are listed."""
    cut, end = found.cut, found.match.end()
    if any(part.casefold() in _DECADES for part in cut.parts[found.match.start() : end]) or _is_unit(found):
        return []
    if not found.groups.get("y1") or found.is_list():
        alone = found.places()
        return [cut.year(place, end if place == alone[-1] else place + 1) for place in alone]
    first, last = found.number("y1"), found.number("y2")
    if first >= last:
        return []
    return [
        *(cut.year(place, place + 1) for place in found.listed()),
        cut.date(found.match.start("y1"), end, f"{first}/{last}"),
    ]


def _is_unit(found: _Match) -> bool:
    """Whether an ordinal without the word for year can be that of another noun: в 2025-й школе, but not в 2025-м."""
    start, last = found.match.start(), found.match.end() - 1
    return last == start + 2 and found.cut.parts[last] in _FEMININE and found.cut.symbols[start - 2] in "F末"


def _dates(found: _Match) -> Sequence[Date]:
    """Return the dates of a match that names a month; nothing if its numbers make no date."""
    span, sign = found.match.span(), found.groups.get("sign2")
    y, y1, y2, m1, m2 = map(found.number, ("y", "y1", "y2", "m1", "m2"))
    first = last = _Point(y2 or y, m2 or m1, found.number("d2"))
    if found.groups.get("rng") is not None:
        first = _Point(y or y1 or y2, m1 or m2, found.number("d1"))
    if sign:
        first, last = _day_first(first), _day_first(last)
    if max(first.month, last.month) > 12 or (y1 and not y2):
        return []
    if (
        sign in {"-", "/"}
        and found.cut.symbols[span[0]] not in "yu"
        and not found.cut.is_arabic
        and (_either_way(first) or _either_way(last))
    ):
        return [found.cut.date(*span, question=ORDER)]
    days = [first, *(first._replace(day=number(found.cut.parts[place])) for place in found.listed()), last]
    if not all(map(_exists, days)):
        return [found.cut.date(*span, question=DAY)]
    if found.is_list() and not _consecutive(days):
        return _each_alone(found, days)
    return [_stated(found.cut, span, first, last, year_said=bool(y or y1))]


def _parts(found: _Match) -> Sequence[Date]:
    """Return what a match states that names a season, a quarter or a half of a year; nothing if it states none."""
    first, last = _part(found, "m1"), _part(found, "m2")
    y1, y2 = found.number("y1"), found.number("y2") or found.number("y")
    if not last or not _is_year_of(found, last, y2) or first == 0:
        return []
    ends = [_Point(y1 or y2, first or last, 0), _Point(y2, last, 0)]
    if ends[0] > ends[1]:
        return []
    if found.is_list() and not _consecutive(ends):
        return _each_alone(found, ends)
    return [_stated(found.cut, found.match.span(), *ends)]


def _part(found: _Match, name: str) -> int | None:
    """Return the number in EDTF of the season, the quarter or the half in a group; 0 if it is none, None if it is empty."""
    if not found.groups.get(name):
        return None
    cut, place, named = found.cut, found.match.start(name), found.match.start("part")
    word, unit = cut.parts[place], cut.parts[named]
    if cut.symbols[place] in "SZ春":
        beside = cut.parts[found.match.start("beside") : found.match.end("beside")] if found.groups.get("beside") else ()
        return season(word, beside) if _is_season(cut, place) else 0
    if cut.symbols[place + 1 : place + 2] == "x" and cut.parts[place + 1] != "e":
        return 0
    if found.groups.get("first") and cut.parts[found.match.start("first")] != unit:
        return 0
    return part_of_year(word, unit, counted=cut.symbols[place] == "d" and named == place + 2)


def _is_season(cut: _Text, place: int) -> bool:
    """Whether a word is a season, and not a part of a name (Prague Spring) or another word (they fall, a été)."""
    word, before = cut.parts[place].casefold(), cut.symbols[max(place - 2, 0) : place]
    if word == "fall":
        return cut.symbols[place + 1 : place + 3] == " O" or before in {"C ", "G ", ""}
    if word in {"été", normalize("NFD", "été")}:
        return before.endswith("'") or before == "C "
    if before.endswith(" ") and cut.parts[place - 2].casefold().startswith(_OF_EVENTS):
        return False
    return before != "c " or not cut.parts[place][0].isupper()


def _is_year_of(found: _Match, part: int, year: int) -> bool:
    """Whether a second year is that in which a winter ends: winter 2024/25."""
    following = found.number("next")
    return not found.groups.get("next") or (part == _WINTER and following in {year + 1, (year + 1) % 100})


def _stated(cut: _Text, span: tuple[int, int], first: _Point, last: _Point, *, year_said: bool = True) -> Date:
    """Return a date or a range. A year that is printed only at its end is that of both dates if they are then in order."""
    start, end = _months(first)[0], _months(last)[1]
    text = _edtf(start) if start == end else f"{_edtf(start)}/{_edtf(end)}"
    if not last.year:
        return cut.date(*span, question=YEAR, partial=text)
    if first <= last:
        return cut.date(*span, text)
    if year_said or first.month == last.month:
        return cut.date(*span, question=ORDER)
    return _stated(cut, span, first._replace(year=0), last._replace(year=0))


def _each_alone(found: _Match, days: Sequence[_Point]) -> list[Date]:
    """Return a date for each day or month of a list. Days of two months are left to the patterns for one day."""
    cut, match, (first, *between, last) = found.cut, found.match, days
    if last.day and first.month != last.month:
        return []
    of_first, of_last = ("d1", "d2") if last.day else ("m1", "m2")
    return [
        _stated(cut, (match.start(), match.end(of_first)), first, first),
        *(_stated(cut, (place, place + 1), day, day) for place, day in zip(found.listed(), between, strict=True)),
        _stated(cut, (match.start(of_last), match.end()), last, last),
    ]


def _consecutive(days: Sequence[_Point]) -> bool:
    """Whether days or months follow each other without a gap."""
    first, last = days[0], days[-1]
    if not last.day:
        return (last.year - first.year) * 12 + last.month - first.month == 1
    return all(_calendar_day(other) - _calendar_day(one) == timedelta(1) for one, other in pairwise(days))


def _day_first(point: _Point) -> _Point:
    """Return a date in numbers, with day and month exchanged if the second number can be no month."""
    return point._replace(month=point.day, day=point.month) if point.month > 12 >= point.day else point


def _either_way(point: _Point) -> bool:
    return point.day <= 12 and point.month <= 12 and point.day != point.month


def _exists(point: _Point) -> bool:
    """Whether the calendar has a day. Without a year, February has 29 days."""
    return point.day <= 28 or point.day <= monthrange(point.year or _LEAP_YEAR, point.month)[1]


def _calendar_day(point: _Point) -> date:
    return date(point.year or _LEAP_YEAR, point.month, point.day)


def _months(point: _Point) -> tuple[_Point, _Point]:
    """Return the first and the last month of a quarter or a half of a year; another date is both."""
    if point.month < _QUARTERS:
        return point, point
    count, number = (6, point.month - _HALVES) if point.month >= _HALVES else (3, point.month - _QUARTERS)
    return point._replace(month=count * number + 1), point._replace(month=count * (number + 1))


def _edtf(point: _Point) -> str:
    """Return a date in EDTF. Without a year, a hyphen is in its place."""
    year = f"{point.year:04}" if point.year else "-"
    return f"{year}-{point.month:02}-{point.day:02}" if point.day else f"{year}-{point.month:02}"
