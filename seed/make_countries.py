# /// script
# requires-python = ">=3.11"
# dependencies = ["babel==2.18.0", "pycountry==26.2.16"]
# ///
"""Build ``countries.ndjson``, the countries the registry starts out with.

The file holds the 249 countries of ISO 3166-1 and the 21 former states of ISO
3166-3, one JSON object a line, sorted by ``id`` (the alpha-2 code; for a former
state the four letters of ISO 3166-3). It is made ahead of time and committed, so that
the registry itself needs neither of the libraries used here::

    python -m pip install babel==2.18.0 pycountry==26.2.16
    python seed/make_countries.py

Where the values come from:

* codes and official names: pycountry (Debian's iso-codes);
* names in every language: Babel (the territories of Unicode CLDR);
* acronyms, adjectives, full official names and further names in the languages of
  the registry: ``country_words.json``, a table of our own, so that a search finds a
  country by what texts call it;
* region and sub-region: the UN's M49 standard, kept below as a table;
* former states: their codes from pycountry; their short names, the year in which
  they ended and their successors are kept below as a table. An entry of ISO 3166-3
  whose numeric code a present state has (Burma, Zaire, ...) is a former name of
  that state: the state has the name and the former codes as identifiers.

The versions are part of the recipe: another one may name a country otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

import pycountry
from babel import Locale

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTPUT: Final = Path(__file__).with_name("countries.ndjson")
WORDS: Final[Mapping[str, list[tuple[str, str, str]]]] = json.loads(
    Path(__file__).with_name("country_words.json").read_text(encoding="utf-8")
)
"""By alpha-2 code: what texts call the country, as (language, sort of name, text)."""

COUNTRIES: Final = 249
FORMER_STATES: Final = 21

# Every country has a name in each of these; English comes first because it is
# also the country's ``name``.
REQUIRED_LANGUAGES: Final = (
    "en", "ru", "be", "uz", "kk", "zh", "ar", "tr", "az", "ky", "fr", "es",
)  # fmt: skip

# A name in one of these is taken where CLDR has one.
OPTIONAL_LANGUAGES: Final = ("tg", "tk", "uk")

# English names that were official once and are still what people type.
FORMER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {"TR": ("Turkey",)}

# UN M49: region -> sub-region -> alpha-2 codes. The intermediate regions
# (Eastern Africa, Caribbean, Channel Islands, ...) are folded into the
# sub-region above them. M49 puts Antarctica (AQ) into no region and has no
# entry for Taiwan (TW), so neither is here.
M49: Final[Mapping[str, Mapping[str, str]]] = {
    "Africa": {
        "Northern Africa": "DZ EG EH LY MA SD TN",
        "Sub-Saharan Africa": (
            "AO BF BI BJ BW CD CF CG CI CM CV DJ ER ET GA GH GM GN GQ GW IO KE KM LR "
            "LS MG ML MR MU MW MZ NA NE NG RE RW SC SH SL SN SO SS ST SZ TD TF TG TZ "
            "UG YT ZA ZM ZW"
        ),
    },
    "Americas": {
        "Latin America and the Caribbean": (
            "AG AI AR AW BB BL BO BQ BR BS BV BZ CL CO CR CU CW DM DO EC FK GD GF GP "
            "GS GT GY HN HT JM KN KY LC MF MQ MS MX NI PA PE PR PY SR SV SX TC TT UY "
            "VC VE VG VI"
        ),
        "Northern America": "BM CA GL PM US",
    },
    "Asia": {
        "Central Asia": "KG KZ TJ TM UZ",
        "Eastern Asia": "CN HK JP KP KR MN MO",
        "South-eastern Asia": "BN ID KH LA MM MY PH SG TH TL VN",
        "Southern Asia": "AF BD BT IN IR LK MV NP PK",
        "Western Asia": "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE",
    },
    "Europe": {
        "Eastern Europe": "BG BY CZ HU MD PL RO RU SK UA",
        "Northern Europe": "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ",
        "Southern Europe": "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA",
        "Western Europe": "AT BE CH DE FR LI LU MC NL",
    },
    "Oceania": {
        "Australia and New Zealand": "AU CC CX HM NF NZ",
        "Melanesia": "FJ NC PG SB VU",
        "Micronesia": "FM GU KI MH MP NR PW UM",
        "Polynesia": "AS CK NU PF PN TK TO TV WF WS",
    },
}


class Past(NamedTuple):
    """What is known of a former state: names in English and Russian, acronyms, the year it ended, successors."""

    english: str
    russian: str
    until: str
    successors: str
    acronyms: tuple[tuple[str, str], ...] = ()


FORMER: Final[Mapping[str, Past]] = {
    "ANHH": Past("Netherlands Antilles", "Нидерландские Антильские острова", "2010", "BQ CW SX"),
    "BQAQ": Past("British Antarctic Territory", "Британская антарктическая территория", "1979", "AQ"),
    "CSHH": Past("Czechoslovakia", "Чехословакия", "1992", "CZ SK"),
    "CSXX": Past("Serbia and Montenegro", "Сербия и Черногория", "2006", "ME RS"),
    "CTKI": Past("Canton and Enderbury Islands", "Острова Кантон и Эндербери", "1984", "KI"),
    "DDDE": Past(
        "German Democratic Republic", "Германская Демократическая Республика", "1990", "DE", (("en", "GDR"), ("ru", "ГДР"))
    ),
    "FQHH": Past("French Southern and Antarctic Territories", "Французские южные и антарктические территории", "1979", "AQ TF"),
    "FXFR": Past("Metropolitan France", "Метрополия Франции", "1997", "FR"),
    "JTUM": Past("Johnston Island", "Остров Джонстон", "1986", "UM"),
    "MIUM": Past("Midway Islands", "Острова Мидуэй", "1986", "UM"),
    "NQAQ": Past("Dronning Maud Land", "Земля Королевы Мод", "1983", "AQ"),
    "NTHH": Past("Neutral Zone", "Нейтральная зона", "1993", "IQ SA"),
    "PCHH": Past(
        "Trust Territory of the Pacific Islands", "Подопечная территория Тихоокеанские острова", "1986", "FM MH MP PW"
    ),
    "PUUM": Past("US Miscellaneous Pacific Islands", "Прочие тихоокеанские острова США", "1986", "UM"),
    "PZPA": Past("Panama Canal Zone", "Зона Панамского канала", "1980", "PA"),
    "SKIN": Past("Sikkim", "Сикким", "1975", "IN"),
    "SUHH": Past(
        "Soviet Union",
        "Советский Союз",
        "1991",
        "AM AZ BY EE GE KG KZ LT LV MD RU TJ TM UA UZ",
        (("en", "USSR"), ("ru", "СССР")),
    ),
    "VDVN": Past("Democratic Republic of Vietnam", "Демократическая Республика Вьетнам", "1976", "VN"),
    "WKUM": Past("Wake Island", "Остров Уэйк", "1986", "UM"),
    "YDYE": Past("Democratic Yemen", "Демократический Йемен", "1990", "YE"),
    "YUCS": Past("Yugoslavia", "Югославия", "2003", "BA CSXX HR MK SI"),
}


class Name(TypedDict):
    """One name of a country: its language, its text and what sort it is."""

    language: str
    text: str
    type: str


Line = dict[str, object]
"""One line of the file; its keys are written in the order of the registry's model."""


def require(*, condition: bool, message: str) -> None:
    """Stop with the message unless the condition holds (``-O`` or not)."""
    if not condition:
        raise ValueError(message)


def regions() -> dict[str, tuple[str, str]]:
    """Turn the M49 table round: alpha-2 code -> (region, sub-region)."""
    found: dict[str, tuple[str, str]] = {}
    for region, subregions in M49.items():
        for subregion, codes in subregions.items():
            for code in codes.split():
                require(condition=code not in found, message=f"M49: {code} twice")
                found[code] = (region, subregion)
    return found


def territories() -> dict[str, dict[str, str]]:
    """Return CLDR's territory names: language -> code -> name, codes left out."""
    return {
        language: {str(code): str(text) for code, text in Locale.parse(language).territories.items() if text and text != code}
        for language in (*REQUIRED_LANGUAGES, *OPTIONAL_LANGUAGES)
    }


def names(
    *,
    code: str,
    cldr: Mapping[str, Mapping[str, str]],
    aliases: tuple[str | None, ...],
    former_names: list[str],
) -> list[Name]:
    """List a country's names: the short ones, then former ones, then aliases.

    An alias is English, and is left out where an English name says the same.
    """
    found: list[Name] = []
    for language, texts in cldr.items():
        text = texts.get(code)
        require(
            condition=text is not None or language not in REQUIRED_LANGUAGES,
            message=f"CLDR: {code} has no name in {language}",
        )
        if text is not None:
            found.append({"language": language, "text": text, "type": "short"})

    seen = {name["text"] for name in found if name["language"] == "en"}
    extra = [(text, "former") for text in (*FORMER_NAMES.get(code, ()), *former_names)]
    extra += [(text, "alias") for text in aliases if text]
    for text, kind in extra:
        if text not in seen:
            seen.add(text)
            found.append({"language": "en", "text": text, "type": kind})
    listed = {(name["language"], name["text"]) for name in found}
    found += [
        {"language": language, "text": text, "type": kind}
        for language, kind, text in WORDS.get(code, ())
        if (language, text) not in listed
    ]
    return found


def countries() -> list[Line]:
    """Put the sources together: every country of ISO 3166-1, sorted by id."""
    cldr = territories()
    places = regions()
    found: list[Line] = []
    for entry in sorted(pycountry.countries, key=lambda entry: str(entry.alpha_2)):
        code = str(entry.alpha_2)
        # pycountry has neither attribute where a country has no such name.
        common_name: str | None = getattr(entry, "common_name", None)
        official_name: str | None = getattr(entry, "official_name", None)
        optionals: dict[str, str] = {}
        if official_name:
            optionals["official_name"] = official_name
        if code in places:
            optionals["region"], optionals["subregion"] = places[code]
        old = [each for each in pycountry.historic_countries if getattr(each, "numeric", None) == entry.numeric]
        listed = names(
            code=code, cldr=cldr, aliases=(common_name, str(entry.name)), former_names=[str(each.name) for each in old]
        )
        identifiers = [
            {"scheme": scheme, "identifier": identifier}
            for each in old
            for scheme, identifier in (
                ("iso-3166-3", str(each.alpha_4)),
                ("iso-3166-1-former", str(each.alpha_2)),
                ("iso-3166-1-former", str(each.alpha_3)),
            )
            if identifier != code
        ]
        found.append(
            {
                "kind": "country",
                "id": code,
                "alpha_3": str(entry.alpha_3),
                "numeric": str(entry.numeric),
                "name": listed[0]["text"],
                **optionals,
                "names": listed,
            },
        )
        if identifiers:
            found[-1]["identifiers"] = identifiers

    ids = {country["id"] for country in found}
    require(
        condition=len(found) == len(ids) == COUNTRIES,
        message=f"ISO 3166-1: {len(found)} countries, not {COUNTRIES}",
    )
    unknown = sorted(code for code in places if code not in ids)
    require(condition=not unknown, message=f"M49: not in ISO 3166-1: {unknown}")
    return found


def former_states() -> list[Line]:
    """List the former states of ISO 3166-3: those whose numeric code no present state has."""
    taken = {str(entry.numeric) for entry in pycountry.countries}
    entries = {str(entry.alpha_4): entry for entry in pycountry.historic_countries}
    old = sorted(code for code, entry in entries.items() if getattr(entry, "numeric", None) not in taken)
    require(condition=old == sorted(FORMER) and len(old) == FORMER_STATES, message=f"ISO 3166-3: {old}")
    found: list[Line] = []
    for code in old:
        entry, past = entries[code], FORMER[code]
        listed: list[Name] = [
            {"language": "en", "text": past.english, "type": "short"},
            {"language": "ru", "text": past.russian, "type": "short"},
        ]
        listed += [{"language": language, "text": text, "type": "acronym"} for language, text in past.acronyms]
        if entry.name != past.english:
            listed.append({"language": "en", "text": str(entry.name), "type": "alias"})
        numeric = {"numeric": str(entry.numeric)} if getattr(entry, "numeric", None) else {}
        found.append(
            {
                "kind": "country",
                "id": code,
                "alpha_3": str(entry.alpha_3),
                **numeric,
                "name": past.english,
                "until": past.until,
                "names": listed,
                "successors": past.successors.split(),
            },
        )
    return found


def lines() -> Iterator[str]:
    """Yield the lines of the file, without their newlines."""
    for country in sorted([*countries(), *former_states()], key=lambda each: str(each["id"])):
        yield json.dumps(country, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Write the file beside this script."""
    text = "".join(f"{line}\n" for line in lines())
    OUTPUT.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
