"""The languages of the interface: which of them a visitor gets, and the catalogue of its texts.

A catalogue is a gettext file below `locale`. English is the language of the texts in the code and needs no catalogue.
"""

from collections.abc import Sequence
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "pages"
ENGLISH, RUSSIAN = "en", "ru"
LANGUAGES = {ENGLISH: "English", RUSSIAN: "Русский"}
"""By its tag, the name that each language has for itself."""
_LOCALES = {ENGLISH: "en_GB", RUSSIAN: "ru"}


def later(text: str) -> str:
    """Return a text as it is. The call marks it for the catalogues, where it is shown in another place."""
    return text


class Language(NamedTuple):
    """A language of the interface."""

    tag: str
    locale: Locale
    texts: NullTranslations


@cache
def language(tag: str) -> Language:
    """Return a language of the interface with its catalogue, which takes some 50 ms the first time."""
    return Language(tag, Locale.parse(_LOCALES[tag]), _catalogue(tag))


def _catalogue(tag: str) -> NullTranslations:
    if tag == ENGLISH:
        return NullTranslations()
    with catalogue_file(tag).open("rb") as file:
        catalogue = read_po(file, locale=tag, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def catalogue_file(tag: str) -> Path:
    """Return the path of the catalogue of a language."""
    return LOCALE / tag / "LC_MESSAGES" / f"{DOMAIN}.po"


def tag_for(requested: Sequence[str]) -> str:
    """Return the tag of the interface's language for the languages that a visitor asked for, the preferred one first."""
    return next((tag for tag in (each.partition("-")[0].lower() for each in requested) if tag in LANGUAGES), ENGLISH)
