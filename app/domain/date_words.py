"""Says of each word, number and sign of a text what it can be in a printed date, as one symbol.

| symbol | what it stands for |
|---|---|
| `d`, `h` | a number from 1 to 31, in digits or in Chinese characters |
| `y`, `H` | a year from 1800 to 2099, in digits or in Chinese characters |
| `u` | another number of four digits from 1000 to 2999: a year only beside a month |
| `n` | any other number |
| `M`, `m` | a month in English with a capital; in another form that leaves the day before it |
| `v` | a month or a word: may, march, an abbreviation |
| `i`, `a`, `q` | a Turkic month with an ending: another one, the ablative (from), the genitive |
| `T`, `1`, `2` | the parts of Arabic names of two words: تشرين or كانون; the first; the second |
| `Y`, `J` | the word for year as it follows one; a Turkic form that may also precede the day and the month |
| `g`, `j`, `w` | abbreviations of it: г., гг.; ж.; م |
| `B` | the word for year as it precedes one: the year 2025, عام 2025 |
| `E`, `s`, `D` | month after its name (Mayıs ayında), before its name (شهر مايو); day or date after one (20 may kuni) |
| `W` | a day of the week |
| `R`, `L`, `A`, `f` | to; until; and; a Turkic ablative ending by itself |
| `b`, `C` | between; another word after which four digits are a year: in, since, by |
| `F`, `O`, `N` | с; of; من |
| `t`, `l`, `e`, `r`, `Q` | this or last before and after a unit of time; a unit; today and the like; 今年 and the like |
| `V` | what makes a holiday of the Arabic for today: اليوم الوطني |
| `o`, `k` | what is added to a number: 20th, 20-го, 2025-ci; a Turkish locative ending |
| `G`, `P` | the, its; a word that years stand beside: summit, plan, strategy |
| `K` | a word that numbers follow: article, session, page |
| `z` | a unit of measure |
| `c`, `p`, `x` | another word in Latin or Cyrillic letters: with a capital, an English plural, any other |
| `ع`, `汉` | another Arabic word; another letter |
| `年`, `月`, `日` | year, month and day in Chinese |

Blanks are ` `, or `|` if they are wider than a line break. Hyphens are `-`, dashes are `–`; `.`, `,`, `/`, `:`, `'`, `(`, `)`
and `%` are themselves, another sign is `·`, and what nobody sees is an empty text.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from app.domain import months
from app.domain.months import Form, folded

_LETTERS = (
    "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0300-\u036f\u0400-\u052f\u0610-\u061a\u0620-\u065f"
    "\u066e-\u06d3\u06d5-\u06dc\u06fa-\u06ff\u0750-\u077f\u1e00-\u1eff\ufb50-\ufdff\ufe70-\ufefc\uff21-\uff3a\uff41-\uff5a"
)
"""The letters and accents of the Latin, Cyrillic and Arabic scripts."""
_HAN_DIGITS = "〇零一二三四五六七八九十○"
_INVISIBLE = "\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_HAN_RELATIVE = "今天 昨天 明天 前天 后天 後天 今日 昨日 明日 次日 翌日 上周 下周 本周 本月 上月 下月 上个月 下个月"
_HAN_YEARS = "今年 去年 明年 前年 后年 後年 本年"
TOKEN = re.compile(
    rf"[{_LETTERS}]+|\d+|\s+|{'|'.join((_HAN_RELATIVE + ' ' + _HAN_YEARS).split())}"
    rf"|(?:星期|周|週|礼拜)[一二三四五六日天]|[{_HAN_DIGITS}]+|[{_INVISIBLE}]+|.",
    re.DOTALL,
)
"""One part of a text. No part can begin in another, so that reading a text takes time in proportion to its length."""

_LONGEST_WORD = 24
_LONGEST_BLANK = 3
_FIRST_YEAR, _LAST_YEAR = 1800, 2099
_SIGNS = {
    **dict.fromkeys("-\u2010\u2011\uff0d\ufe63", "-"),
    **dict.fromkeys("–—―−~〜～\u2012", "–"),
    **dict.fromkeys(",،，", ","),
    **dict.fromkeys(".．", "."),
    **dict.fromkeys("/／⁄", "/"),
    **dict.fromkeys(":：", ":"),
    **dict.fromkeys("'’‘ʼʻ`´", "'"),
    **dict.fromkeys("(（", "("),
    **dict.fromkeys(")）", ")"),
    **dict.fromkeys("%％٪", "%"),
    **dict.fromkeys("$€£₽₸₺¥", "·"),
    **dict.fromkeys("&、和与與及", "A"),
    **dict.fromkeys("至到", "R"),
    **dict.fromkeys("日号號", "日"),
    **dict.fromkeys("№#§", "K"),
    "年": "年",
    "月": "月",
}
_WORDS = {
    "Y": """
        год года году годом годе годы годов годам годах годами годзе годзе гады гадоў гадах гадам рік року році роки років роках
        ildə ildən illər illərdə illəri illərin illərində
        """,
    "J": "yil yili yilning yılı yılının yıl йил йили йилнинг жыл жылы жылғы жылдың жылдын il ilin",
    "g": "г гг",
    "j": "ж жж",
    "w": "م",
    "B": "year years année années عام العام عامي العامين سنة السنة الأعوام أعوام للأعوام الفترة للفترة لعام بعام والعام",
    "E": """
        ayı ayında ayının ayından ayına ayındaki oyi oyida oyining oyidan айы айында айының айынан айындағы айынын айындагы ойи
        ойида ойининг месяц месяце месяца месяцы
        """,
    "s": "شهر لشهر بشهر",
    "D": """
        kuni kunlari kunda günü günleri günündə günləri tarixində tarixlərində tarixli tarixindən tarihinde tarihli tarihlerinde
        tarihleri күні күндері күнү күндөрү куни кунлари
        """,
    "W": """
        monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
        понедельник вторник среда среду четверг пятница пятницу суббота субботу воскресенье
        панядзелак аўторак серада сераду чацвер пятніца пятніцу субота суботу нядзеля нядзелю
        pazartesi salı çarşamba perşembe cuma cumartesi pazar bazar çərşənbə cümə şənbə
        yakshanba dushanba seshanba chorshanba payshanba juma shanba якшанба душанба сешанба чоршанба пайшанба жума шанба
        жексенбі дүйсенбі сейсенбі сәрсенбі бейсенбі жұма сенбі жекшемби дүйшөмбү шейшемби шаршемби бейшемби ишемби
        الأحد الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت
        lundi mardi mercredi jeudi vendredi samedi dimanche
        """,
    "R": "to through thru по па да до ila au إلى الى وإلى",
    "L": "until till حتى وحتى",
    "A": "and и і й ve və va ва және жана و et",
    "f": "dan den tan ten dən tən nan nen дан ден тан тен нан нен дон дөн тон төн",
    "b": "between между паміж بين entre",
    "C": """
        in since during throughout by for before after from early mid late en depuis pour منذ ومنذ خلال وخلال بحلول وبحلول
        """,
    "F": "с со з са du",
    "O": "of",
    "N": "من ومن",
    "t": """
        this last next этом этого этот прошлом прошлого прошлый прошлой прошлую этой эту текущем текущего нынешнем нынешнего
        следующем следующего следующей следующую будущем будущего минувшего минувшем сего т гэтага гэтым мінулага
        мінулым бягучага бягучым наступным наступнага bu geçen gelecek önümüzdeki keçən ötən gələn cari
        shu joriy kelgusi kelasi бу шу жорий
        ўтган келгуси осы өткен келесі ағымдағы ушул өткөн келерки учурдагы هذا هذه
        """,
    "l": "الجاري الحالي الماضي المقبل القادم المنصرم الجارية الحالية الماضية المقبلة القادمة",
    "e": "month week неделе неделю неделя неделі тыдні hafta haftada ay ayda oy oyda ай айда",
    "r": """
        today yesterday tomorrow tonight сегодня вчера завтра послезавтра позавчера сёння учора заўтра bugün dün yarın bugun
        dünən bugünkü ertaga бугун эртага кеча kecha бүгін кеше ертең бүгүн кечээ эртең биыл былтыр быйыл اليوم أمس غدا
        hier demain
        """,
    "o": "st nd rd th er го е ое я ы х м му ci cu inci üncü uncu nci ncı chi се",
    "k": "te ta de da",
    "G": "the its their",
    "P": """
        plan plans program programme programmes programs strategy strategies roadmap period summit summits forum meeting session
        conference agreement agreements protocol memorandum declaration convention treaty statement report plenary review
        cooperation budget edition presidency chairmanship
        """,
    "K": """
        day days session item article articles art annex no nos number page pages p pp part paragraph para section chapter room
        phase version volume vol table figure resolution decision rule step level stage group track panel hall
        день сессия сессии пункт пункте пункта статья статьи статье ст п стр номер часть раздел приложение
        gün madde oturum salon
        """,
    "z": """
        usd eur rub kzt mw gw kw km kg m mm cm gb mb tb mhz ghz mbps hz hours hrs
        people women men children participants delegates students percent per million billion thousand
        """,
    "1": "الأول أول",
    "2": "الثاني ثاني ثان",
    "T": "تشرين كانون",
    "V": "الوطني العالمي الدولي العربي",
}
"""What words can be in a date, in all languages. A word that is given twice has the last symbol."""
_PLURAL = re.compile(r"[a-z]{3,}[^sui\W]s", re.ASCII)
_NO_PLURALS = frozenset(
    {"towards", "besides", "perhaps", "always", "across", "sometimes", "whereas", "nevertheless", "nonetheless"}
)
_TURKIC_YEARS = re.compile(r"(?:yil|иил|жыл)(?:lar|dar|лар|дар)?\w{0,8}")
_ABLATIVE = tuple(folded(ending) for ending in _WORDS["f"].split())
_PLANET = "mars"
_OTHER_WORDS = frozenset({"may", "march", _PLANET})


def _table() -> Iterator[tuple[str, str]]:
    for symbol, words in _WORDS.items():
        for word in words.split():
            yield folded(word), symbol


_SYMBOLS = dict(_table())


class Symbols(dict[str, str]):
    """The symbols of the parts of one text. Each different part is looked at once, and forgotten with the text."""

    def __missing__(self, part: str) -> str:
        symbol = self[part] = _symbol(part)
        return symbol


@lru_cache(maxsize=4096)
def number(part: str) -> int:
    """Return what a day, a month or a year is in figures; a month can also be named."""
    if part.isdecimal():
        return int(part)
    if part[0] in _HAN_DIGITS:
        return _han_number(part)
    named = months.month(part)
    return named.number if named else 0


def _symbol(part: str) -> str:
    if part.isdecimal():
        return _number_symbol(part)
    if part.isspace():
        return " " if len(part) <= _LONGEST_BLANK and part.count("\n") <= 1 else "|"
    if sign := _SIGNS.get(part):
        return sign
    if part[0] in _HAN_DIGITS:
        return "h" if 1 <= _han_number(part) <= 31 else "H" if _FIRST_YEAR <= _han_number(part) <= _LAST_YEAR else "汉"
    if len(part) > 1 and _HAN.match(part):
        return "Q" if part in _HAN_YEARS.split() else "r" if part in _HAN_RELATIVE.split() else "W"
    if _WORD.match(part):
        return _word_symbol(part)
    return "" if _UNSEEN.match(part) else "汉" if part.isalpha() else "·"


_HAN = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(f"[{_LETTERS}]")
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_ARABIC = re.compile("[\u0600-\u077f\ufb50-\ufdff\ufe70-\ufefc]")


def _number_symbol(digits: str) -> str:
    if len(digits) <= 2:
        return "d" if 1 <= int(digits) <= 31 else "n"
    if len(digits) != 4:
        return "n"
    value = int(digits)
    return "y" if _FIRST_YEAR <= value <= _LAST_YEAR else "u" if 1000 <= value <= 2999 else "n"


def _word_symbol(word: str) -> str:
    capital = word[0].isupper()
    other = "ع" if _ARABIC.match(word) else "c" if capital else "x"
    if len(word) > _LONGEST_WORD:
        return other
    key = folded(word)
    if key == "a" and word == "à":
        return "R"
    if symbol := _SYMBOLS.get(key) or (_SYMBOLS.get(key[1:]) if other == "ع" and key[:1] in "وبلف" else None):
        return symbol
    if named := months.month(word):
        return _month_symbol(word, key, form=named.form)
    if _TURKIC_YEARS.fullmatch(key):
        return "Y"
    return "p" if other == "x" and _PLURAL.fullmatch(word) and word not in _NO_PLURALS else other


def _month_symbol(word: str, key: str, *, form: Form) -> str:
    if key == _PLANET and word[0].isupper():
        return "c"
    if key in _OTHER_WORDS and not (word[0].isupper() and word[1:].islower()):
        return "v"
    match form:
        case Form.ENGLISH | Form.ENGLISH_SHORT if word[0].isupper():
            return "M"
        case Form.ENGLISH:
            return "m"
        case Form.SHORT | Form.ENGLISH_SHORT:
            return "v"
        case Form.GENITIVE:
            return "q"
        case Form.INFLECTED:
            return "a" if key.endswith(_ABLATIVE) else "i"
        case Form.NAME:
            return "m"


def _han_number(text: str) -> int:
    """Return the value of a number as 二十五 or 二〇二五; 0 if it is none of these."""
    digits = [_HAN_DIGITS.index(sign) for sign in text[:5]]
    digits = [0 if value == len(_HAN_DIGITS) - 1 else max(value - 1, 0) for value in digits]
    if len(text) == 4 and 10 not in digits:
        return int("".join(map(str, digits)))
    if len(text) == 1:
        return digits[0]
    if len(text) == 2 and 10 in digits:
        return 10 + digits[1] if digits[0] == 10 else 10 * digits[0]
    return 10 * digits[0] + digits[2] if len(text) == 3 and digits[1] == 10 else 0
