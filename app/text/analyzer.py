"""Splits texts in any script into words, and reduces each word to the forms by which it is found.

The functions have no side effects, and their results are the same for both databases. Each word has

- a *stem*: the word without case, marks and inflection, so that inflected forms match. The inflection is removed by the rules
  of the word's language (by Snowball, if it supports the language);
- *skeletons*: the word in Latin letters, reduced to what all usual romanisations have in common, so that romanisations match:
  `Залесский`, `Zalessky` (press), `Zalesskiy` (BGN/PCGN), `Zalesskij` (ISO 9) and `Zalesskii` (ICAO) have the same skeleton.
  The whole word has one skeleton. Its stem and other readings of the word may have further skeletons.

Han text (Han characters, kana and Hangul) is split into overlapping pairs of characters, because spaces do not show where its
words end. These pairs have no skeletons, but a sound: both characters in Latin letters, in which the traditional and the
simplified form of a character are the same.

Letters with dots between them are one word (`S.C.O.`). A word with hyphens is split at them, and is one word, too: see
`with_hyphens_closed`.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import Stemmer
from anyascii import anyascii

from app.caching import cached
from app.domain.collation import fold

_INVISIBLE = "\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
"""Characters that readers do not see, such as soft hyphens and zero-width joiners."""
_HIDDEN = re.compile(f"[.{_INVISIBLE}]")
"""What is left out of a word: the invisible characters in it, and the dots between single letters."""
_MARKS = "".join(sorted(mark for mark in map(chr, range(0x300, 0x10000)) if unicodedata.category(mark)[0] == "M"))
"""All marks that Unicode combines with the letter before them: accents, stress, the vowel signs of Arabic and Devanagari."""
_LETTERS = f"[^\\W_](?:[^\\W_]+|[{_MARKS}{_INVISIBLE}]+)*"
"""Letters with the marks that follow them. The marks matter: `İ` in lower case is `i` and a combining dot."""
_DOTTED = r"(?<![^\W_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?"
"""Single letters with dots between them: `S.C.O.`, `U.S.A`, and the initials in `А.Г. Лукашенко`."""
_WORD = re.compile(f"{_DOTTED}|{_LETTERS}(?:['’ʼʻ‘`]{_LETTERS})*")
_COMPOUND = re.compile(f"{_LETTERS}(?:[-‐‑]{_LETTERS})+")
_HYPHENS = re.compile("[-‐‑]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]+")
_RUN = re.compile(rf"{_HAN.pattern}|[^\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
"""Characters of a word that are all Han, or all others."""
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
_ARABIC_SPELLINGS = str.maketrans("ىیےکگةە", "يييككهه", "ـ")
"""Letters of Arabic script that are written one for the other, and the stroke that only lengthens a line."""
_ELISION = re.compile(r"(?i:[dlmnsjct]|qu)(?=['’ʼʻ‘`]..)|[дл](?=['’ʼʻ‘`][А-ЯЁ].)")
"""An elided word before an apostrophe, as in Côte d'Ivoire and Кот-д'Ивуар. The pattern does not match the Uzbek letters o' and
g'."""
_TURKISH_CASE = re.compile(r"['’ʼ](?:n?in|n?un|[sny]?[iuae]|n?[dt][ae]n?|y?l[ae]r?)$")
"""Turkish case endings, which an apostrophe separates from a name."""
_DIGIT = re.compile(r"\d")
_APOSTROPHES = re.compile(r"['’ʼʻ‘`]")
_QUERY_SIGNS = str.maketrans("", "", " '\"|&!:()*\\")
_POSSESSIVE = re.compile(r"['’ʼ]s$")
MAX_WORD = 64
"""Maximum number of characters of a word that are analyzed, and maximum length of each form of the word."""
MOST_IN_ONE_WORD = 300
_SNOWBALL = {
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
}
_stemmers = {language: Stemmer.Stemmer(name, 0) for language, name in _SNOWBALL.items()}
_LATIN_ASKED = ("en", "de", "fr", "es")
"""A typed Latin word is stemmed in each of these languages, because the language of a query is unknown."""
_SLAVIC = str.maketrans({"і": "и", "ї": "и", "є": "е", "ґ": "г", "ў": "у", "э": "е"})
"""Replaces Belarusian and Ukrainian letters by similar Russian ones, so that the Russian stemmer removes their endings, too."""
_TURKIC_LETTERS = re.compile("[әғқңөұүһҳ]")
_TURKIC_CYRILLIC = re.compile(
    "(?:лар|лер|лор|лөр|дар|дер|дор|дөр|тар|тер|тор|төр)?(?:ы|и|і|у|ү|сы|си|сі|су|сү)?"
    "(?:н?[иыіуү]н|[ндт][иыіуү]ң|[ндт][иыіуү]н|нинг|[гғкқ][аеоө]|[ндт][иыіуү]|н?д[аеоө]н?|(?<!с)т[аеоө]н?|н[аеоө]н|[мбп]ен)?(?:[гғкқ][ыиі])?"
)
_TURKIC_LATIN = re.compile(
    "(?:l[ae]r)?(?:s?[iu]m?)?(?:n?[iu]n|ning|[gkq][ae]|[ny]?[iua]|[ny]?e|n?d[ae]n?|(?<!s)t[ae]n?|y?l[ae])?(?:[kg]i)?"
)
"""Like `_TURKIC_CYRILLIC`, this pattern matches endings of number, possession and case in Turkic languages such as Kazakh,
Kyrgyz, Tatar, Turkish and Uzbek, in words without marks. Snowball supports only Turkish, and that only with its marks."""
_TURKIC = ("az", "kk", "ky", "mn", "tk", "tr", "tt", "uz")
_SHORTEST_TURKIC = 4
_LONG_ENDING = 2
"""Minimum number of letters of a Turkic ending without which a typed word has another skeleton."""
_ARABIC_ARTICLE = re.compile("^(?:[وف]?[بك]?ال|[وف]?لل)(?=..)")
_ARABIC_ENDING = re.compile("(?:ات|ون|ين|ان|يه|ها|هم|ه|ي)$")
"""The Arabic article with the prepositions written before it, and endings of number and gender. Snowball's Arabic stemmer is
not used, because it takes the first letter of وزارة (ministry) for the word `and`, but that of الوزارة (the ministry) not."""
_ARABIC_PREFIX = re.compile("^[وبلفك](?=...)")
"""Prepositions and `and`, which are written together with the next word."""
_FLEETING = re.compile(
    "(?<=[бвгджзкмнпрстфхцчшщ])[еоё](?=[бвгджзклмнпрстфхцчшщ]$)|(?<=[bcdfghjklmnpqrstvwxz])[eo](?=[bcdfghjklmnpqrstvwxz]$)"
)
_FLEETING_AFTER_VOWEL = re.compile("(?<=[аеиоуюя])[ея](?=ц$)")
_FLEETING_AFTER_L = re.compile("(?<=л)е(?=[вкнц]$)")
"""The last vowel of Slavic names, which inflection drops: Павел becomes Павла, Коваленок Коваленка. After a vowel, it becomes
й (Заяц, Зайца), and after л, ь (Лев, Льва)."""
_SHORTEST_STEM = 3


class Word(NamedTuple):
    """A word and its position in a text."""

    start: int
    end: int
    forms: "Forms"


class Forms(NamedTuple):
    """The forms by which a word is found."""

    folded: str
    """The word without case and marks."""
    stem: str
    skeletons: tuple[str, ...]
    """The skeleton of the whole word, then those of its stem and of its other readings, if they differ. Empty for Han text."""


def analyze(text: str, language: str | None = None) -> Iterator[Word]:
    """Yield the words of a text in their order. `language` is the BCP 47 tag of the text, if it is known."""
    primary = language.partition("-")[0] if language else ""
    for found in _WORD.finditer(text):
        word, start = found[0], found.start()
        if elided := _ELISION.match(word):
            yield Word(start, start + elided.end(), forms(elided[0], primary))
            word, start = word[elided.end() + 1 :], start + elided.end() + 1
        if word.isascii() or not _HAN.search(word):
            yield Word(start, found.end(), forms(word, primary))
            continue
        for run in _RUN.finditer(word):
            if not _HAN.match(run[0]):
                yield Word(start + run.start(), start + run.end(), forms(run[0], primary))
                continue
            letters, first = run[0], start + run.start()
            for place in range(max(len(letters) - 1, 1)):
                pair = letters[place : place + 2]
                yield Word(first + place, first + place + len(pair), Forms(pair, pair, ()))


def all_forms(text: str, language: str | None = None) -> list[Forms]:
    """Return the forms of a text's words, in order. They are the same as from `analyze`, but without positions."""
    if _HAN.search(text) or _APOSTROPHES.search(text):
        return [word.forms for word in analyze(text, language)]
    primary = language.partition("-")[0] if language else ""
    return [forms(word, primary) for word in _WORD.findall(text)]


def with_hyphens_closed(text: str) -> str:
    """Return a text in which words with hyphens are written as one word: `cooperation` for `co-operation`."""
    if not _HYPHENS.search(text):
        return text
    return _COMPOUND.sub(lambda found: _HYPHENS.sub("", found[0]), text)


def in_one_word(text: str) -> str:
    """Return the skeleton of a whole text as if it were one word. It is the same wherever the text has spaces and hyphens.

    It is empty for a text of more than `MOST_IN_ONE_WORD` characters.
    """
    return _reduced(_latin(_HIDDEN.sub("", text))) if len(text) <= MOST_IN_ONE_WORD else ""


def pairs(text: str) -> list[str]:
    """Return each pair of neighbouring words of a text as one word."""
    words = [] if _HAN.search(text) else _WORD.findall(text)
    return [first + second for first, second in pairwise(words)]


def skeleton_of(word: str) -> str:
    """Return the first skeleton of a word, that of the whole word."""
    return skeleton(_latin(_HIDDEN.sub("", word[:MAX_WORD])))


def is_han(word: str) -> bool:
    """Whether a word has Han characters, so that it is one or two characters of a run without spaces."""
    return not word.isascii() and _HAN.search(word) is not None


def sound_of_han(pair: str) -> str:
    """Return the sound of a pair of Han characters, in Latin letters."""
    return _sound_of_han(pair)


@lru_cache(16_384)
def _sound_of_han(pair: str) -> str:
    return _SIGN.sub("", anyascii(pair).lower())


def forms(word: str, language: str = "") -> Forms:
    """Return the forms by which a word is found.

    `language` is a primary language tag such as `ru`. If it is empty, the language is guessed from the script.
    """
    return _forms(word[:MAX_WORD], language)


@cached(12_000_000, size_of=lambda word, language: 20 * len(word))
def _forms(word: str, language: str) -> Forms:
    if word.isascii() and word.isdecimal():
        return Forms(word, word, (word,))
    if not word.isascii() or "." in word:
        word = _HIDDEN.sub("", word)
    bare = folded(word)
    stem = _stem(bare, language)
    # Latin stems get no skeleton, because Latin words are mostly stemmed by English rules, which do not fit names.
    of_stem = (skeleton(_latin(stem)),) if _CYRILLIC.search(bare) or _ARABIC.search(bare) else ()
    skeletons = dict.fromkeys((skeleton(_latin(word)), *of_stem, *_read_otherwise(word)))
    return Forms(bare, stem, tuple(filter(None, skeletons)))


def otherwise_inflected(word: Forms) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (stems, skeletons) that a word of a name has in other inflections, besides those in its forms.

    A Slavic name loses its last vowel, and an Arabic word is written together with the preposition before it.
    """
    if _ARABIC_PREFIX.match(word.folded):
        return (_stem(word.folded[1:], "ar"),), ()
    short = _FLEETING_AFTER_VOWEL.sub("й", _FLEETING_AFTER_L.sub("ь", _FLEETING.sub("", word.folded)))
    if short == word.folded or len(short) < _SHORTEST_STEM:
        return (), ()
    return (_stem(short, ""),), (skeleton(_latin(short)),)


def typed_forms(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (stems, skeletons) of a typed word. There is a stem for each language to which the word may belong."""
    return _typed_forms(word[:MAX_WORD])


@cached(1_000_000)
def _typed_forms(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    own = forms(word)
    bases: list[str] = []
    if _CYRILLIC.search(own.folded):
        stems = [own.stem, *_turkic_stems(own.folded, _TURKIC_CYRILLIC), *otherwise_inflected(own)[0]]
        bases = [stem for stem in _turkic_stems(own.folded, _TURKIC_CYRILLIC) if len(own.folded) - len(stem) >= _LONG_ENDING]
    elif _ARABIC.search(own.folded):
        stems = [own.stem, *otherwise_inflected(own)[0]]
    else:
        stems = [_stem(own.folded, language) for language in _LATIN_ASKED]
        if len(own.folded) > _SHORTEST_STEM:
            stems += _turkic_stems(own.folded, _TURKIC_LATIN)
            bases = [stem for stem in _turkic_stems(own.folded, _TURKIC_LATIN) if len(own.folded) - len(stem) >= _LONG_ENDING]
        if case := _TURKISH_CASE.search(fold(word)):
            stems.append(_stem(_APOSTROPHES.sub("", fold(word)[: case.start()]), "tr"))
    # Drop very short stems. A typed word is also stemmed by the rules of languages to which it does not belong, and a very
    # short stem from the wrong rules may be the stem of another word.
    stems = [stem for stem in stems if len(stem) > _SHORTEST_STEM or stem in (own.stem, own.folded)]
    if _CYRILLIC.search(own.folded) and len(without := own.folded.rstrip("аеиоуыюя")) >= _SHORTEST_STEM:
        stems.append(without)  # Snowball leaves short words such as Льва as they are
    return tuple(dict.fromkeys(stems)), tuple(dict.fromkeys([*own.skeletons, *(skeleton(_latin(base)) for base in bases)]))


_READINGS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("ў", "в"),  # as Russian writes Belarusian names
        ("ə", "a"),  # as Russian and English write Azerbaijani names
        ("c(?![eiyjh])", "k"),  # telecom is телеком; the first skeleton keeps the c, because ISO 9 writes c for ц
        ("c(?=[eiy])", "s"),  # Barcelona is Барселона
        ("g(?=[ei])", "zh"),  # Geneva is Женева
        ("ch", "kh"),  # Bucharest is Бухарест
        ("ee", "i"),  # Doreen is Дорин
        ("oo", "u"),
        ("j", "zh"),  # as Turkic languages in Latin letters write ж
        ("чж", "ж"),  # Шэньчжэнь is Shenzhen in Pinyin
        ("o[ʻ‘'’`]", "u"),  # Uzbek oʻ is ў in Cyrillic, which `_latin` makes u
    )
]
"""Letters that are romanised in different ways, each with another way."""
_HAS_READINGS = re.compile("[ўəcj]|g[ei]|ee|oo|чж|o[ʻ‘'’`]")


def _read_otherwise(word: str) -> Iterator[str]:
    """Yield additional skeletons of a word, if it has letters that are romanised in different ways."""
    lowered = word.casefold()
    if not _HAS_READINGS.search(lowered):
        return
    for pattern, replacement in _READINGS:
        if pattern.search(lowered):
            yield skeleton(_latin(pattern.sub(replacement, lowered)))


def folded(word: str) -> str:
    """Return a word without case, marks, apostrophes and the English possessive `'s`."""
    bare = _APOSTROPHES.sub("", _POSSESSIVE.sub("", word))
    if not bare.isascii():
        bare = _HIDDEN.sub("", bare).translate(_ARABIC_SPELLINGS)
        # NFKC can lengthen a word (ﷺ becomes 18 characters), so the result is cut. It can add query signs (⑴ becomes (1)),
        # so these are removed.
        bare = unicodedata.normalize("NFKC", bare)[:MAX_WORD].translate(_QUERY_SIGNS) or bare
    return fold(bare)[:MAX_WORD]


def _stem(word: str, language: str) -> str:
    if len(word) <= _SHORTEST_STEM or _DIGIT.search(word):
        return word
    if _CYRILLIC.search(word):
        if language in _TURKIC or _TURKIC_LETTERS.search(word):
            return next(_turkic_stems(word, _TURKIC_CYRILLIC))
        return str(_stemmers["ru"].stemWord(word.translate(_SLAVIC)))
    if _ARABIC.search(word):
        word = _ARABIC_ARTICLE.sub("", word)
        found = _ARABIC_ENDING.search(word, _SHORTEST_STEM)
        return word[: found.start()] if found else word
    if language in _TURKIC:
        return next(_turkic_stems(word, _TURKIC_LATIN))
    stemmer = _stemmers.get(language if language != "ru" else "en", _stemmers["en"])
    stem = str(stemmer.stemWord(word))
    return f"{stem[:-2]}iz" if len(stem) > _SHORTEST_STEM + 2 and stem.endswith("is") else stem


def _turkic_stems(word: str, endings: re.Pattern[str]) -> Iterator[str]:
    """Yield what remains of a word without each ending that it may have, the shortest first, and the whole word last."""
    for length in range(min(_SHORTEST_TURKIC, len(word)), len(word) + 1):
        if endings.fullmatch(word, length):
            yield word[:length]


# -- skeletons -----------------------------------------------------------------------------------------------------------

_SOUNDS = str.maketrans(
    {
        **{letter: anyascii(letter).lower() for letter in map(chr, range(0x0430, 0x0530))},
        **dict(zip("šśşșŝ", ("sh", "sh", "sh", "sh", "shch"), strict=True)),
        **dict(zip("žźżčćç", ("zh", "zh", "zh", "ch", "ch", "ch"), strict=True)),
        "ğ": "g",
        "ı": "i",
        "ў": "u",
        "ŭ": "u",
        "қ": "k",
        "ғ": "g",
        "ҳ": "h",
        "һ": "h",
        "ё": "e",
        "ə": "e",
        "ә": "a",
        "ö": "o",
        "ю": "yu",
        "я": "ya",
        "û": "yu",
        "â": "ya",
        "ц": "ts",
        "ж": "zh",
        "х": "kh",
        "щ": "shch",
        "ч": "ch",
        "ш": "sh",
        "й": "y",
    }
)
_ENDING = re.compile(
    r"(?<=[szc]k)(?:iy|ij|ii|yi|yj|yy|y|i|j|aya|aia|aja|oy|oi|oj|ogo|omu|im|ym|om|uyu|uiu|uju|oe|oye|ie|ye|ikh|ih|ix|ej|ei|ey)$"
)
"""Endings of Slavic adjectives and surnames in Latin letters: -sky, -skiy, -skij, -skaya …"""
_SIGN = re.compile("[^a-z0-9]")
_SPELLINGS = [
    (spelling, letter)
    for spellings, letter in (
        ("w", "v"),
        ("ck q", "k"),
        ("shch sch shh sh", "w"),
        ("dzh dj", "j"),
        ("zh", "z"),
        ("tsch tch ch", "q"),
        ("kh", "h"),
        ("gh", "g"),
        ("ph", "f"),
        ("ts tz", "c"),
        ("th", "t"),
        ("x", "ks"),
    )
    for spelling in spellings.split()
]
"""(spelling, letter): spellings of one sound that are replaced by one letter, in this order."""
_GLIDE = re.compile("[yji]")
_GLIDES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<![aeiouyj])[yji]e", "e"),
        (r"[yji]o", "e"),
        ("[yji]+([aeu])", r"\1"),
        ("[yj]", "i"),
    )
]
_DOUBLE = re.compile(r"(.)\1+")
_MIN_SKELETON = 3


def skeleton(latin: str) -> str:
    """Reduce a word in Latin letters to what all usual romanisations have in common.

    A sound that is written with several letters is replaced by one letter, for example sh by w, and ch by q.
    """
    if len(latin) < _MIN_SKELETON:
        return latin
    return _reduced(latin)[:MAX_WORD]


def _reduced(latin: str) -> str:
    bare = _sounds(_SIGN.sub("", _ENDING.sub("", latin)))
    without = bare.rstrip("aeiou")
    return next((form for form in (without, bare) if len(form) >= _MIN_SKELETON), latin)


def initials(letters: str) -> tuple[str, ...]:
    """Return the first letters that the skeleton of a name can have whose initial is `letters`, such as `А` or `Дж`."""
    sound = _sounds(_SIGN.sub("", _latin(letters)))
    return tuple(dict.fromkeys((sound, *_BEFORE_MORE.get(sound, ()))))


_BEFORE_MORE = {
    "s": ("w",),
    "z": ("z",),
    "c": ("q", "k", "w"),
    "k": ("h",),
    "t": ("c",),
    "d": ("j",),
    "i": tuple("aeu"),
    "g": ("j",),
}
"""By the sound of a single letter: the sounds of spellings that begin with it, such as `w` for `sh`, and `a` for `ya`."""


def _sounds(bare: str) -> str:
    """Replace spellings of one sound by one letter, and leave out glides and doubled letters."""
    for spelling, letter in _SPELLINGS:
        bare = bare.replace(spelling, letter)
    if _GLIDE.search(bare):
        for pattern, replacement in _GLIDES:
            bare = pattern.sub(replacement, bare)
    return _DOUBLE.sub(r"\1", bare)


def _latin(word: str) -> str:
    """Transliterate a word to Latin letters by its sound. For example, `š` and `ш` both become sh."""
    if word.isascii():
        return word.lower().replace("'", "").replace("`", "")
    sounds = unicodedata.normalize("NFC", word).casefold().translate(_SOUNDS)
    latin = (sounds if sounds.isascii() else anyascii(sounds).lower())[: 2 * MAX_WORD]
    # anyascii writes some letters with signs that have a meaning in full-text queries: it turns ↀ into (|).
    return _APOSTROPHES.sub("", latin).translate(_QUERY_SIGNS)
