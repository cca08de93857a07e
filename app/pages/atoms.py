"""Writes the smallest parts of pages as HTML: a reference, a date, a footnote, the value of a field.

A page of fifty records has some thousand of them. Macros of templates take longer, because each call looks up its names and
joins its parts anew: measured on a busy machine, a list of 50 took 29 ms with macros, and 16 ms with these functions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from babel.numbers import format_decimal
from markupsafe import Markup, escape

from app.domain.vocabulary import Confidence, Held, Kind, Role
from app.http.responses import shown_path
from app.pages import words
from app.pages.dates import When, when
from app.pages.facts import BELOW, INSTEAD, Fact, cell, shape
from app.pages.footnotes import Footnotes
from app.pages.resources import KIND_OF_FIELD
from app.pages.tongues import tongue
from app.pages.visit import Visit

Record = Mapping[str, Any]
LINKS = frozenset(kind for kind in Kind if kind.role in (Role.LINK, Role.ACT))
"""The kinds of records that link others and have no names."""

NAMING = ("type", "role", "status")
"""The fields of these kinds whose words are the names of their records."""


class Atoms:
    """The parts of one page, in the visitor's language."""

    def __init__(self, visit: Visit) -> None:
        self.notes = Footnotes()
        self._language = visit.language
        self._prefix = shown_path(visit.scope, "")
        self._query = escape(visit.link("").removeprefix(self._prefix))
        _ = visit.language.texts.gettext
        self._source = escape(_("source"))
        self._possibly = escape(_("possibly"))
        self._refs: dict[tuple[str, str, str], Markup] = {}
        gap = Markup('<span class="faint">{}</span>').format(_("not stated"))
        yes, no = escape(_("yes")), escape(_("no"))
        self._writers: dict[str, Callable[[Fact], Markup]] = {
            "gap": lambda _fact: gap,
            "date": lambda fact: self.date(fact.value),
            "ref": lambda fact: self.ref(fact.value, fact.field),
            "word": lambda fact: escape(words.word(fact.context, fact.value, self._language)),
            "yes": lambda fact: yes if fact.value else no,
            "language": self._language_name,
            "address": lambda fact: Markup('<a href="{0}" rel="external noopener">{0}</a>').format(fact.value),
            "list": lambda fact: Markup(", ").join(self._item(fact, each) for each in fact.value),
            "parts": lambda fact: self._item(fact, fact.value),
            "text": self._text,
        }
        """By shape of a field, what writes its value."""

    def when(self, edtf: str) -> When:
        """Return a date in words."""
        return when(edtf, self._language)

    def date(self, edtf: str) -> Markup:
        """Return a date in words as HTML: `<time datetime>` if it is one stated day, because programs read that as exact."""
        found = when(edtf, self._language)
        text = escape(found.text)
        shown = f'<time datetime="{found.day}">{text}</time>' if found.day else f'<span class="date">{text}</span>'
        note = f' <span class="faint">({escape(found.note)})</span>' if found.note else ""
        return Markup(shown + note)  # noqa: S704 - all parts are escaped

    def lang(self, text: str, known: str | None = None) -> Markup:
        """Return the attribute for the language of a text; empty if it is the page's. `known`: if the registry knows it."""
        tag = tongue(text, self._language.tag, known)
        return Markup(f' lang="{escape(tag)}"') if tag else Markup("")  # noqa: S704 - escaped

    def address(self, record: Record, field: str = "") -> Markup:
        """Return the address of the page of a record. `field`: the field that refers to it, if the reference has no kind."""
        kind = record.get("kind") or KIND_OF_FIELD.get(field)
        collection = words.PLURALS[kind] if kind else "records"
        return Markup(f"{self._prefix}/{collection}/{record['id']}{self._query}")  # noqa: S704 - ids have no special letters

    def ref(self, record: Record, field: str = "") -> Markup:
        """Return a link to a record. Those that link others have no names of their own, so their kind is said, too."""
        key = record["id"], record["name"], field
        if (known := self._refs.get(key)) is None:
            known = self._refs[key] = self._ref(record, field)
        return known

    def _ref(self, record: Record, field: str) -> Markup:
        name = record["name"]
        if (kind := record.get("kind")) in LINKS:
            said = f"{escape(words.word(words.KIND, kind, self._language))}: {self._link_name(kind, name)}"
            return Markup(f'<a href="{self.address(record, field)}">{said}</a>')  # noqa: S704 - all parts are escaped
        return Markup(f'<a href="{self.address(record, field)}"{self.lang(name)}>{escape(name)}</a>')  # noqa: S704 - likewise

    def _link_name(self, kind: str, name: str) -> Markup:
        """Return the name of a record that links others: a word of a vocabulary, or the title of an office."""
        vocabulary = next((each for field in NAMING for each in words.vocabularies_with(name, field, (kind,))), None)
        return escape(words.word(vocabulary, name, self._language)) if vocabulary else self._plain(name)

    def named(self, record: Record, name: str) -> Markup:
        """Return a link to a record under the text of one of its fields."""
        text = record[name]
        return Markup(f'<a href="{self.address(record)}"{self.lang(text)}>{escape(text)}</a>')  # noqa: S704 - likewise

    def cite(self, citations: Iterable[Record]) -> Markup:
        """Return the footnotes of citations, and number those that are new."""
        found = []
        for number, is_first in self.notes.numbers(citations):
            mention = f' id="mention-{number}"' if is_first else ""
            label = f"{self._source} {number}"
            found.append(f'<sup><a href="#note-{number}"{mention} class="fn" aria-label="{label}">{number}</a></sup>')
        return Markup("".join(found))  # noqa: S704 - numbers, and an escaped word

    def sides(self, sides: Iterable[Record]) -> Markup:
        """Return the sides of a line: each actor with the people who acted for it and their capacities."""
        items = "".join([f"<li>{self.ref(side['actor'])}{self._people(side)}</li>\n" for side in sides])
        return Markup(f'<ul class="sides">\n{items}</ul>' if items else "")  # noqa: S704 - all parts are escaped

    def _people(self, side: Record) -> str:
        several = [each for each in side["people"] if each["person"] and each["person"]["id"] != side["actor"]["id"]]
        return ": " + "; ".join(map(self._present, several)) if several else ""

    def _present(self, present: Record) -> str:
        person, capacity = self.ref(present["person"], "person"), present["capacity"]
        return f"{person}, {self._plain(capacity)}" if capacity else person

    def phrase(self, quote: str, citation: Record) -> Markup:
        """Return the phrase of a source, which leads to its place there, with how certain it is that it says so."""
        text, link, confidence = f"<q{self.lang(quote)}>{escape(quote)}</q>", citation["link"], citation["confidence"]
        if link:
            text = f'<a class="quote" href="{escape(link)}" rel="external noopener">{text}</a>'
        else:
            text = f'<span class="quote">{text}</span>'
        said = words.word("Confidence", confidence, self._language)
        if confidence != Confidence.STATED and citation["field"]:
            said = f"{said}: {words.label(citation['field'], self._language).lower()}"
        return Markup(f'{text} <span class="confidence {confidence}">{escape(said)}</span>')  # noqa: S704 - all parts are escaped

    def value(self, fact: Fact) -> Markup:
        """Return the value of a field as HTML."""
        return self._writers[fact.shape](fact)

    def _language_name(self, fact: Fact) -> Markup:
        return escape(self._language.locale.languages.get(fact.value.partition("-")[0], fact.value))

    def _text(self, fact: Fact) -> Markup:
        value = fact.value
        if isinstance(value, int):
            return escape(format_decimal(value, locale=self._language.locale))
        return self._plain(value)

    def _plain(self, text: str) -> Markup:
        return Markup(f"<span{self.lang(text)}>{escape(text)}</span>")  # noqa: S704 - all parts are escaped

    def cells(self, columns: Iterable[tuple[str, str]], row: Record, kind: str) -> Markup:
        """Return the cells of a row of a table. `columns`: the fields of records of this kind, with their labels.

        The first one says whether what the row tells held only possibly on the day that was asked for.
        """
        cells = [self._cell(label, row, cell(row, name, kind)) for name, label in columns]
        if row.get("held") == Held.POSSIBLE:
            cells[0] = cells[0].removesuffix("</td>") + f' <span class="faint">{self._possibly}</span></td>'
        return Markup("\n".join(cells))  # noqa: S704 - all parts are escaped

    def _cell(self, label: str, row: Record, fact: Fact) -> str:
        """Return a cell of a table. What is not stated is empty, unless it is the date."""
        said = f'<td data-label="{escape(label)}"'
        if fact.field in ("name", "title"):
            return f"{said}>{self.named(row, fact.field)}</td>"
        below = row.get(BELOW.get(fact.field, ""))
        instead = row.get(INSTEAD.get(fact.field, "")) if fact.shape == "gap" else None
        if fact.shape == "gap" and not instead and not below and fact.field != "date":
            return f'{said} class="gap"></td>'
        value = self._plain(instead) if instead else self.value(fact) if fact.shape != "gap" or not below else ""
        more = f"<br>{self._plain(below)}" if below else ""
        return f"{said}>{value}{more}</td>"

    def _item(self, fact: Fact, item: Any) -> Markup:
        """Return an item of an array: a date, a text, a reference, or an object of several values."""
        if isinstance(item, str):
            is_date = shape(fact.field, item, has_words=False) == "date"
            return self.date(item) if is_date else escape(item)
        if "id" in item and "name" in item:
            return self.ref(item, fact.field)
        parts = ((name, part) for name, part in item.items() if part is not None)
        return Markup(" ").join(self._part(fact, name, part) for name, part in parts)

    def _part(self, fact: Fact, name: str, part: Any) -> Markup:
        if isinstance(part, Mapping):
            return self.ref(part, name)
        if fact.context and name in ("role", "type", "form"):
            return escape(f"({words.word(fact.context, part, self._language)})")
        return escape(f"({part})" if name == "ordinal" else part)
