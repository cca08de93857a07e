"""The names of the months in the languages of the registry, as texts inflect and abbreviate them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import normalize


class Form(Enum):
    """How a word names a month. A reader of running text needs to know it, because not every form may stand everywhere."""

    ENGLISH = auto()
    """The English name, which has a capital and may precede the day: May 20."""
    ENGLISH_SHORT = auto()
    """An English abbreviation, which is a word without its capital."""
    NAME = auto()
    """The name in another language, in any case that leaves the day before it: 20 мая, 20 Mayıs, мае 2025 года."""
    INFLECTED = auto()
    """With a Turkic ending, which is written without an apostrophe: 20-mayda, 20 мамырда."""
    LOCATIVE = auto()
    """With a Turkic ending that says when, so that the month may stand alone: Eylülde, oktabrda, қыркүйекте."""
    GENITIVE = auto()
    """With a Turkic genitive, which may precede the day: mayın 20-də, мамырдың 20-сы."""
    SHORT = auto()
    """An abbreviation, which can also be a word or a name."""


class Month(NamedTuple):
    """A month, by its number from 1 to 12, and the form in which it was named."""

    number: int
    form: Form


_ENGLISH = "january february march april may june july august september october november december"
_ENGLISH_SHORT = "jan feb mar apr - jun jul aug sep,sept oct nov dec"
_FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
_TURKISH = "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık"
_AZERBAIJANI = "yanvar fevral mart aprel may iyun iyul avqust sentyabr oktyabr noyabr dekabr"
_UZBEK = "yanvar fevral mart aprel may iyun iyul avgust sentabr oktabr noyabr dekabr"
_CYRILLIC_UZBEK = "январ феврал март апрел май июн июл август сентябр октябр ноябр декабр"
_KYRGYZ = "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь"
_KAZAKH = "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан"
_SLAVIC = (
    # Russian
    "январ+ьяюе феврал+ьяюе март+-аеу апрел+ьяюе ма+йяюе июн+ьяюе июл+ьяюе август+-аеу сентябр+ьяюе октябр+ьяюе ноябр+ьяюе -",
    "- - - - - - - - - - - декабр+ьяюе",
    # Belarusian
    "студзен+ьяюі лют+ы сакавік+-ау красавік+-ау ма+йяюі чэрвен+ьяюі ліпен+ьяюі - - кастрычнік+-ау лістапад+-ау -",
    "- лютага - - траўн+яюі - - жніўн+яюі верасн+яюі - лістападзе снежн+яюі",
    "- лютым - - травень - - жнівень верасень - - снежань",
    # Ukrainian
    "січн+яюі лютий березн+яюі квітн+яюі травн+яюі червн+яюі липн+яюі серпн+яюі вересн+яюі жовтн+яюі листопад+-аі грудн+яюі",
    "січень лютого березень квітень - червень липень серпень вересень жовтень - грудень",
    "- лютому - - - - - - - - - -",
)
"""Words, or stems with the letters after the plus sign that can end them; `-` is no ending."""
_ARABIC = (
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "- - - إبريل - يونية يولية - - - - -",
    "- - - - - يونيه يوليه - - - - -",
    "كانون_الثاني شباط آذار نيسان أيار حزيران تموز آب أيلول تشرين_الأول تشرين_الثاني كانون_الأول",
    "كانون_ثاني - - - - - - - - تشرين_أول تشرين_ثاني كانون_أول",
    "جانفي فيفري - أفريل ماي جوان جويلية أوت - - - -",
    "- - - - - - يوليوز غشت شتنبر - نونبر دجنبر",
)
"""Gulf and Egypt, the Levant, Algeria and Tunisia, Morocco. The names of two words are joined by `_`."""
_SHORT = (
    "янв фев,февр мар апр - июн июл авг сен,сент окт ноя,нояб дек",
    "сту лют сак кра - чэр ліп жні вер кас ліс сне",
    "січ - бер квіт трав черв лип серп вер жовт лист груд",
    "oca şub mar nis may haz tem ağu eyl eki kas ara",
    "yan fev - - - iyn iyl avq,avg sen okt noy dek,dey",
    "қаң ақп нау сәу мам мау шіл там қыр қаз қар жел",
    "janv févr - avr - - juil - - - - déc",
)
_LATIN_LOCATIVES = "da de ta te də tə"
_CYRILLIC_LOCATIVES = "да де до дө та те то тө"
_LATIN_ENDINGS = (
    "dan den tan ten dən tən dagi daki deki dək gacha qacha ga ya ye yə ı i u ü ında inde ində unda ündə"
    " ından inden indən undan ündən ida idan idagi iga igacha"
)
"""What Turkish, Azerbaijani and Uzbek add to a noun, without an apostrophe; two cases have other lists."""
_CYRILLIC_ENDINGS = (
    "дан ден дон дөн тан тен тон төн нан нен га го гө ка ке ко кө ға ге қа гача дағы дегі тағы тегі"
    " дагы деги догу дөгү тагы теги тогу төгү даги ы і и у ү ында інде инде унда үндө ынан інен ына іне ындағы індегі"
    " ындагы индеги ундагы үндөгү сы сі сында сінде сынан сінен сындағы сіндегі ида идан идаги игача"
)
"""What Kazakh, Kyrgyz and Uzbek add to a noun; two cases have other lists."""
_LATIN_GENITIVES = "ın in un ün nin nın ning ining ının"
_CYRILLIC_GENITIVES = (
    "дың дің тың тің ның нің ының інің сының сінің дын дин дун дүн тын тин тун түн"
    " нын нин нун нүн ынын инин унун үнүн нинг ининг"
)
_TURKIC = (
    ((_TURKISH, _AZERBAIJANI, _UZBEK), _LATIN_ENDINGS, _LATIN_LOCATIVES, _LATIN_GENITIVES),
    ((_CYRILLIC_UZBEK, _KYRGYZ, _KAZAKH), _CYRILLIC_ENDINGS, _CYRILLIC_LOCATIVES, _CYRILLIC_GENITIVES),
)
_PREFIXES = "وبلف"
"""Arabic letters that are words of their own but are written as part of the next: and, in, for, so."""
_MARKS = re.compile("[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670]+")
"""Accents that NFKD has split off, the Arabic vowel signs, and the line that stretches Arabic words."""


def folded(word: str) -> str:
    """Return a word in small letters, without accents and vowel signs, and with one form of the letter i."""
    if word.isascii():
        return word.lower()
    return _MARKS.sub("", normalize("NFKD", word).casefold()).replace("ı", "i")


def month(word: str) -> Month | None:
    """Return the month that a word names; None if it names none. The two words of an Arabic name are joined by a blank."""
    key = folded(word)
    found = _MONTHS.get(key)
    return found or (_MONTHS.get(key[1:]) if key[:1] in _PREFIXES else None)


def _words() -> Iterator[tuple[str, Month]]:
    """Return all names. If a word is given twice, the first counts."""
    yield from _forms([_ENGLISH], Form.ENGLISH)
    yield from _forms([_FRENCH, *(names for several, *_ in _TURKIC for names in several), *_ARABIC, *_SLAVIC], Form.NAME)
    for several, endings, locatives, genitives in _TURKIC:
        for form, added in ((Form.GENITIVE, genitives), (Form.LOCATIVE, locatives), (Form.INFLECTED, endings)):
            for stem, named in _forms(several, form):
                yield from ((stem.removesuffix("ь") + ending, named) for ending in added.split())
    yield from _forms([_ENGLISH_SHORT], Form.ENGLISH_SHORT)
    yield from _forms(_SHORT, Form.SHORT)


def _forms(lists: Iterable[str], form: Form) -> Iterator[tuple[str, Month]]:
    """Return the words of lists of twelve places.

    `-` is an empty place. A comma is between words of one month, and `+` between the stem of a word and the letters that can
    end it, of which `-` is none.
    """
    for names in lists:
        for number, several in enumerate(names.split(), start=1):
            for word in several.split(",") if several != "-" else ():
                stem, _, letters = word.replace("_", " ").partition("+")
                yield from ((stem + letter.strip("-"), Month(number, form)) for letter in letters or "-")


def _table() -> Mapping[str, Month]:
    table: dict[str, Month] = {}
    for word, named in _words():
        table.setdefault(folded(word), named)
    return MappingProxyType(table)


_MONTHS = _table()
