"""Guesses the language of a text by its letters, so that a screen reader can pronounce it.

References to records have names, but not the languages of these names. A guess is enough here: it changes no data, and
the tag is left out where the letters could be those of the page's own language.
"""

import re

_SCRIPTS = (
    ("Cyrl", re.compile("[\u0400-\u052f]")),
    ("Latn", re.compile("[A-Za-z\u00c0-\u024f]")),
    ("Arab", re.compile("[\u0600-\u06ff]")),
    ("Hani", re.compile("[\u4e00-\u9fff]")),
)
_LATIN = re.compile("[A-Za-z]")
_NOT_RUSSIAN = re.compile("[іїєґўәғқңөұүһҷҳӣӯљњћђџј]", re.IGNORECASE)
_LIKELY = {"Cyrl": "ru", "Latn": "en", "Arab": "ar", "Hani": "zh"}
_OWN = {"en": "Latn", "ru": "Cyrl"}


def tongue(text: str, page: str, known: str | None = None) -> str | None:
    """Return the language tag for a text on a page in the language `page`; None if it needs none.

    `known`: the language of the text, if the registry knows it.
    """
    if known:
        return known if known.partition("-")[0] != page else None
    if text.isascii():
        return None if _OWN[page] == "Latn" or not _LATIN.search(text) else _LIKELY["Latn"]
    counts = {script: len(pattern.findall(text)) for script, pattern in _SCRIPTS}
    script = max(counts, key=lambda each: counts[each])
    if not counts[script] or script == _OWN[page]:
        return None
    if script == "Cyrl" and _NOT_RUSSIAN.search(text):
        return "und-Cyrl"
    return _LIKELY[script]
