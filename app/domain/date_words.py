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
| `I` | a month with a Turkic ending that says when, as Eylülde |
| `T`, `1`, `2` | the parts of Arabic names of two words: تشرين or كانون; the first; the second |
| `3`, `5`, `4` | other Arabic numbers of days: third to tenth; twentieth and thirtieth; what makes 13 of the third |
| `6` | first to fourth in another language, or a Roman number |
| `S`, `Z`, `春` | a season as it precedes its year; as it follows it in Turkic languages; in Chinese |
| `U`, `半`, `季` | a half or a quarter, of a year mostly; half a year in Chinese; a quarter in Chinese |
| `X` | the letter before the number of a quarter or a half: Q3, H1 |
| `末` | the end, the beginning or the middle |
| `Y`, `J` | the word for year as it follows one; a Turkic form that may also precede the day and the month |
| `g`, `j`, `w` | abbreviations of it: г., гг.; ж.; م |
| `B` | the word for year as it precedes one: the year 2025, عام 2025 |
| `E`, `s`, `D` | month after its name (Mayıs ayında), before its name (شهر مايو); day or date after one (20 may kuni) |
| `W` | a day of the week |
| `R`, `L`, `A`, `f` | to; until; and; a Turkic ablative ending by itself |
| `b`, `C` | between; another word after which four digits are a year: in, since, by |
| `F`, `O`, `N` | a word before a day or a year: с, в, في; of; من |
| `t`, `l`, `e`, `r`, `Q` | this or last before and after a unit of time; a unit; today and the like; 今年 and the like |
| `V` | what makes a holiday of the Arabic for today: اليوم الوطني |
| `o`, `k` | what is added to a number: 20th, 20-го, 2025-ci; a Turkish locative ending |
| `G`, `P` | the, its; a word that years stand beside: summit, plan, strategy |
| `K` | a word that numbers follow: article, session, page |
| `z` | a unit of measure |
| `c`, `p`, `x` | another word in Latin or Cyrillic letters: with a capital, an English plural, any other |
| `ع`, `汉` | another Arabic word; another letter |
| `年`, `月`, `日`, `第` | year, month and day in Chinese; what precedes a number that orders |

Blanks are ` `, or `|` if they are wider than a line break. Hyphens are `-`, dashes are `–`; `.`, `,`, `/`, `:`, `'`, `(`, `)`
and `%` are themselves, another sign is `·`, and what nobody sees is an empty text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
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
_HAN_SEASONS = "春夏秋冬"
TOKEN = re.compile(
    rf"[{_LETTERS}]+|\d+|\s+|{'|'.join((_HAN_RELATIVE + ' ' + _HAN_YEARS).split())}"
    rf"|上半年|下半年|季度|[{_HAN_SEASONS}][季天](?![奥奧达達运運广廣残殘])"
    rf"|(?:星期|周|週|礼拜)[一二三四五六日天]|[{_HAN_DIGITS}]+|[{_INVISIBLE}]+|.",
    re.DOTALL,
)
"""One part of a text. No part can begin in another, so that reading a text takes time in proportion to its length.

The winter of the Winter Olympics (冬季奥运会) is a part of a name, and no season.
"""

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
    "第": "第",
    **dict.fromkeys("底末初", "末"),
}
_SEASONS = {
    21: "spring весна весны весне весну весной весною вясна вясны вясне вясну вясной вясною навесні printemps ربيع الربيع",
    22: "summer лето лета лету летом лете летам леце літо влітку été صيف الصيف",
    23: "autumn fall осень осени осенью восень восені восенню восени automne خريف الخريف",
    24: "winter зима зимы зиме зиму зимой зимою зіма зімы зіме зіму зімой зімою взимку hiver شتاء الشتاء",
}
"""The seasons by their numbers in EDTF, as they precede a year."""
_TURKIC_SEASONS = {
    21: """
        ilkbahar+-,ı,ında,ına,ından,ının,ındaki,da bahar+ı,ında,ına,ından,ının,ındaki,da bahor+i,ida,iga,idan,ining,idagi,da
        баҳор+и,ида,ига,идан,идаги,да көктем+-,і,інде,іне,інен,індегі,де
        """,
    22: "yoz+i,ida,iga,idan,ining,idagi,da ёз+и,ида,ига,идан,идаги,да",
    23: """
        sonbahar+-,ı,ında,ına,ından,ının,ındaki,da güz+ü,ünde,üne,ünden,ünün,ündeki,de payız+-,ı,ında,ına,ından,ının,ındakı,da
        kuz+i,ida,iga,idan,ining,idagi,da куз+и,ида,ига,идан,идаги,да күз+-,і,інде,іне,інен,індегі,де,ү,үндө,үнө,үнөн,дө
        """,
    24: """
        kış+ı,ında,ına,ından,ının,ındaki,ta qış+ı,ında,ına,ından,ının,ındakı,da qish+i,ida,iga,idan,ining,idagi,da
        қиш+и,ида,ига,идан,идаги,да қыс+ы,ында,ына,ынан,ындағы,та кыш+ы,ында,ына,ынан,ындагы,та
        """,
}
"""The seasons as they follow a year, with the endings of each word; `-` is none."""
_SUMMER_OR_SPRING = (
    "yaz+ında,ına,ından,ının,ındaki,da yay+ında,ına,ından,ının,ındakı,da жаз+ында,ына,ынан,да жай+ында,ына,ынан,да"
)
"""Words for different seasons in languages that resemble each other: yaz is summer in Turkish, and spring in Azerbaijani."""
_SEASON_BESIDE = {
    "yaz": {22: "- yıl yılı yılının yılın in nin un nun", 21: "il ilin ildə ci cu"},
    "yay": {22: "il ilin ildə ci cu"},
    "жаз": {22: "жылғы жылдың", 21: "жылдын"},
    "жай": {22: "жылдын"},
}
"""Which season such a word is, by the word for year before it; `-` is none. Beside another word it is not known."""
_ORDINALS = {
    1: """
        first первый первая первое первого первой первом первую первым первому першы першая першае першага першай першым першую
        ilk birinci birinchi биринчи бірінші premier première I І 上半年
        """,
    2: """
        second второй вторая второе второго втором вторую вторым второму другі другая другое другога другой другім другую ikinci
        ikkinchi иккинчи екінші экинчи deuxième seconde II ІІ 下半年
        """,
    3: """
        third третий третья третье третьего третьей третьем третью третьим третьему трэці трэцяя трэцяе трэцяга трэцяй трэцім
        трэцюю üçüncü uchinchi учинчи үшінші үчүнчү troisième III ІІІ
        """,
    4: """
        fourth четвёртый четвёртая четвёртое четвёртого четвёртой четвёртом четвёртую четвёртым четвёртому чацвёрты чацвёртая
        чацвёртае чацвёртага чацвёртай чацвёртым чацвёртую dördüncü тўртинчи төртінші төртүнчү quatrième IV ІV
        """,
}
_ROMAN = frozenset({"I", "II", "ІІ", "III", "ІІІ", "IV", "ІV"})
"""In Latin letters, and as they are typed on a Cyrillic keyboard."""
_ARABIC_DAYS = {
    1: "الأول أول الحادي",
    2: "الثاني ثاني ثان",
    3: "الثالث",
    4: "الرابع",
    5: "الخامس",
    6: "السادس",
    7: "السابع",
    8: "الثامن",
    9: "التاسع",
    10: "العاشر عشر",
    20: "العشرين العشرون",
    30: "الثلاثين الثلاثون",
}
"""The numbers of the days of a month in Arabic words. The words of a number are added to each other."""
_UNITS = {
    2: """
        half halves полугодие полугодия полугодии полугодию полугодием половина половине половину половины половиной
        паўгоддзе паўгоддзя паўгоддзі паўгоддзю палова палове палову паловы
        yarısı yarısında yarısının yarısına yarısından yarısındaki yarıyılı yarıyılında yarımili yarımilində
        yarim yarmi yarmida yarmiga yarmidan yarmidagi yarmining ярим ярми ярмида ярмига ярмидан ярмидаги
        жартысы жартысында жартысына жартысынан жартысындағы жартыжылдығы жартыжылдығында
        жарым жарымы жарымында жарымына жарымынан жарымындагы النصف للنصف semestre semestres moitié H 上半年 下半年
        """,
    4: """
        quarter quarters квартал квартала квартале кварталу кварталом кварталы кварталах кв
        çeyrek çeyreği çeyreğinde çeyreğine çeyreğinden çeyreğinin çeyreğindeki rüb rübü rübündə rübünə rübünün kvartalı
        kvartalında chorak choragi choragida choragiga choragidan чорак чораги чорагида чорагига чорагидан
        тоқсан тоқсаны тоқсанында тоқсанына тоқсанынан чейрек чейреги чейрегинде чейрегине кварталында кварталына
        الربع للربع trimestre trimestres Q 季度
        """,
}
"""Halves and quarters, by how many a year has."""
_COUNTED = frozenset(map(folded, ["half", "halves", "quarter", "quarters", "квартала", "кв", "полугодия", "паўгоддзя"]))
"""Units before which a number in digits counts them: 3 quarters, 3 квартала."""
_OTHER_OR_SECOND = frozenset(map(folded, ["другой", "другая", "другое", "другую"]))
"""The second in Belarusian, another in Russian."""
_BELARUSIAN_HALVES = tuple(map(folded, ["паўгоддз", "палов"]))
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
    "F": "с со з са du в во к ко у ў на от في يوم ليوم بتاريخ فجر صباح مساء",
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
    "e": """
        month week неделе неделю неделя недели неделі тыдні тыдзень тыдня hafta haftada haftası haftasında haftasına həftəsi
        həftəsində haftasi haftasida аптасы аптасында жумасы жумасында ҳафтаси ҳафтасида ay ayda oy oyda ай айда
        الأسبوع أسبوع semaine
        """,
    "末": """
        end beginning middle конец конца конце концу концом начало начала начале началу середина середине середины середину
        канец канца канцы канцу пачатак пачатку sonu sonunda sonuna sonunadək sonundan sonlarında sonlarına sonuna oxiri oxirida
        oxiriga oxirigacha охири охирида охирига охиригача yakuni yakunida yakuniga якуни якунида якунига соңы соңында соңына
        аяғы аяғында аяғына аягы аягында аягына نهاية أواخر بداية مطلع منتصف fin début
        """,
    "r": """
        today yesterday tomorrow tonight сегодня вчера завтра послезавтра позавчера сёння учора заўтра bugün dün yarın bugun
        dünən bugünkü ertaga бугун эртага кеча kecha бүгін кеше ертең бүгүн кечээ эртең биыл былтыр быйыл اليوم أمس غدا
        hier demain
        """,
    "o": "st nd rd th er ème го е ое я ы м му ci cu inci üncü uncu nci ncı chi се",
    "k": "te ta de da",
    "G": "the its their",
    "P": """
        plan plans program programme programmes programs strategy strategies roadmap period summit summits forum meeting session
        conference agreement agreements protocol memorandum declaration convention treaty statement report plenary review
        cooperation budget edition presidency chairmanship term периода период периоде периоды перыяд перыяду перыядзе
        план плана плане программа программы программу программе стратегия стратегии стратегию dönem dönemi döneminde dönemine
        döneminin dönemini planı programı dövr dövrü dövründə dövrünə dövrün davr davri davrida davriga давр даври даврида
        даврига кезең кезеңі кезеңінде кезеңіне кезеңге мезгил мезгили мезгилинде мезгилине خطة الخطة période
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
    "3": "الحادي الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر",
    "4": "عشر",
    "5": "العشرين العشرون الثلاثين الثلاثون",
    "ع": "وصيف",
    "V": "الوطني العالمي الدولي العربي",
}
"""What words can be in a date, in all languages. A word that is given twice has the last symbol.

وصيف is a runner-up, although it looks like "and a summer".
"""
_PLURAL = re.compile(r"[a-z]{3,}[^sui\W]s", re.ASCII)
_NO_PLURALS = frozenset(
    {"towards", "besides", "perhaps", "always", "across", "sometimes", "whereas", "nevertheless", "nonetheless"}
)
_TURKIC_YEARS = re.compile(r"(?:yil|иил|жыл)(?:lar|dar|лар|дар)?\w{0,8}")
_ABLATIVE = tuple(folded(ending) for ending in _WORDS["f"].split())
_PLANET = "mars"
_OTHER_WORDS = frozenset({"may", "march", _PLANET})
_OTHER_LOCATIVES = frozenset(map(folded, ["mayda", "майда", "қазанда", "маусымда", "наурызда"]))
"""Months with an ending that are also other words: small, in Kazan, in the season, at Nauryz."""
_COMMON_LOCATIVES = frozenset(map(folded, ["ocakta", "ekimde", "aralıkta"]))
"""Those that are other words without a capital: on the hearth, at sowing, in the interval."""
_PREFIXES = "وبلف"
"""Arabic letters that are words of their own but are written as part of the next: and, in, for, so."""


def _inflected(words: str) -> Iterator[str]:
    """Return the words that are made of stems and endings."""
    for word in words.split():
        stem, _, endings = word.partition("+")
        yield from (stem + ending.strip("-") for ending in endings.split(","))


def _values(words: Mapping[int, str]) -> dict[str, int]:
    return {folded(word): value for value, several in words.items() for word in several.split()}


_SEASON_VALUES = _values(_SEASONS)
_TURKIC_SEASON_VALUES = {folded(word): value for value, several in _TURKIC_SEASONS.items() for word in _inflected(several)}
_NUMBER_VALUES = _values(_ORDINALS) | _values(_ARABIC_DAYS)
_UNIT_VALUES = _values(_UNITS)
_BESIDE_VALUES = {
    folded(begin): {value: set(map(folded, words.split())) for value, words in several.items()}
    for begin, several in _SEASON_BESIDE.items()
}


def _table() -> Iterator[tuple[str, str]]:
    yield from ((word, "S") for word in _SEASON_VALUES)
    yield from ((word, "Z") for word in _TURKIC_SEASON_VALUES)
    yield from ((folded(word), "Z") for word in _inflected(_SUMMER_OR_SPRING))
    romans = set(map(folded, _ROMAN))
    yield from ((word, "6") for word in _values(_ORDINALS) if word not in romans)
    yield from ((word, "U") for word in _UNIT_VALUES if len(word) > 1)
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
    """Return what a day, a month, a year or a place in an order is in figures; a month can also be named."""
    if part.isdecimal():
        return int(part)
    if part[0] in _HAN_DIGITS:
        return _han_number(part)
    named = months.month(part)
    return named.number if named else sum(_value(_NUMBER_VALUES, word) for word in part.split())


def season(word: str, beside: Iterable[str]) -> int:
    """Return the number of a season in EDTF; 0 if its language is not known. `beside`: the words between it and its year."""
    if word[0] in _HAN_SEASONS:
        return 21 + _HAN_SEASONS.index(word[0])
    key = folded(word)
    if found := _value(_SEASON_VALUES, word) or _TURKIC_SEASON_VALUES.get(key, 0):
        return found
    years = {folded(each) for each in beside if each[0].isalpha()} or {"-"}
    return next((value for value, words in _BESIDE_VALUES.get(key[:3], {}).items() if years <= words), 0)


def part_of_year(order: str, unit: str, *, counted: bool) -> int:
    """Return the number in EDTF of a quarter or a half; 0 if there is none. `counted`: whether a bare number precedes the unit.

    The quarters are 33 to 36, and the halves 40 and 41.
    """
    place, parts = number(order), _value(_UNIT_VALUES, unit)
    if not 1 <= place <= parts or (counted and folded(unit) in _COUNTED):
        return 0
    if folded(order) in _OTHER_OR_SECOND and not folded(unit).startswith(_BELARUSIAN_HALVES):
        return 0
    return place + (32 if parts == 4 else 39)


def _value(table: Mapping[str, int], word: str) -> int:
    """Return the value of a word; an Arabic one may have a letter before it that is a word of its own."""
    key = folded(word)
    return table.get(key) or (table.get(key[1:], 0) if key[:1] in _PREFIXES else 0)


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
        return _han_symbol(part)
    if LETTERS.match(part):
        return _word_symbol(part)
    return "" if _UNSEEN.match(part) else "汉" if part.isalpha() else "·"


def _han_symbol(part: str) -> str:
    if part[0] in _HAN_SEASONS:
        return "春"
    if part in _UNIT_VALUES:
        return "季" if part == "季度" else "半"
    return "Q" if part in _HAN_YEARS.split() else "r" if part in _HAN_RELATIVE.split() else "W"


_HAN = re.compile("[\u3400-\u9fff]")
LETTERS = re.compile(f"[{_LETTERS}]")
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
ARABIC = re.compile("[\u0600-\u077f\ufb50-\ufdff\ufe70-\ufefc]")


def _number_symbol(digits: str) -> str:
    if len(digits) <= 2:
        return "d" if 1 <= int(digits) <= 31 else "n"
    if len(digits) != 4:
        return "n"
    value = int(digits)
    return "y" if _FIRST_YEAR <= value <= _LAST_YEAR else "u" if 1000 <= value <= 2999 else "n"


def _word_symbol(word: str) -> str:
    capital = word[0].isupper()
    other = "ع" if ARABIC.match(word) else "c" if capital else "x"
    if len(word) > _LONGEST_WORD:
        return other
    key = folded(word)
    if special := _special_symbol(word, key):
        return special
    if symbol := _SYMBOLS.get(key) or (_SYMBOLS.get(key[1:]) if other == "ع" and key[:1] in _PREFIXES else None):
        return symbol
    if named := months.month(word):
        return _month_symbol(word, key, form=named.form)
    if _TURKIC_YEARS.fullmatch(key):
        return "Y"
    return "p" if other == "x" and _PLURAL.fullmatch(word) and word not in _NO_PLURALS else other


def _special_symbol(word: str, key: str) -> str:
    """Return the symbol of a word that would be another one without its accents or capitals."""
    if key == "a" and word == "à":
        return "R"
    if key == "и" and word.casefold() != "и":
        return "o"
    if word in _ROMAN:
        return "6"
    return "X" if word in {"Q", "H"} else ""


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
        case Form.LOCATIVE:
            return "i" if key in _OTHER_LOCATIVES or (key in _COMMON_LOCATIVES and word[0].islower()) else "I"
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
