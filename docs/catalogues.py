"""Writes the catalogues of the pages' texts from the templates and the code: `make catalogues`.

What a catalogue translates already is kept; what the pages no longer say is dropped.
"""

from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.pages.language import DOMAIN, ENGLISH, LANGUAGES, catalogue_file
from app.pages.serving import FOLDER
from app.pages.words import all_words

_METHODS = [("**.py", "python"), ("**.html", "jinja2.ext.babel_extract")]
_OPTIONS = {"**.html": {"trimmed": "false", "silent": "false"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "later": None}


def template() -> Catalog:
    """Return all texts of the pages, without translations."""
    found = Catalog(domain=DOMAIN, charset="utf-8")
    for _, _, message, _, context in extract_from_dir(FOLDER, _METHODS, _OPTIONS, keywords=_KEYWORDS):
        found.add(message, context=context)
    for context, text in all_words():
        found.add(text, context=context)
    return found


def updated(tag: str) -> bytes:
    """Return the catalogue of a language with all texts of the pages and the translations that it has."""
    with catalogue_file(tag).open("rb") as file:
        old = read_po(file, locale=tag, domain=DOMAIN)
    catalogue = Catalog(locale=tag, domain=DOMAIN, charset="utf-8", header_comment="# The texts of the pages.")
    for message in template():
        if message.id:
            known = old.get(message.id, message.context)
            catalogue.add(message.id, known.string if known else None, context=message.context)
    written = BytesIO()
    write_po(written, catalogue, width=120, sort_output=True, omit_header=True)
    fields = {"Language": tag, "Content-Type": "text/plain; charset=utf-8", "Plural-Forms": catalogue.plural_forms}
    head = ['msgid ""', 'msgstr ""', *(f'"{name}: {value}\\n"' for name, value in fields.items())]
    return "\n".join([*head, "", ""]).encode() + written.getvalue()


if __name__ == "__main__":
    for each in LANGUAGES:
        if each != ENGLISH:
            catalogue_file(each).write_bytes(updated(each))
