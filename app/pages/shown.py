"""What templates know of the page they write: links, dates, words and footnotes in the visitor's language."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from babel.numbers import format_decimal
from markupsafe import Markup

from app.domain import edtf
from app.files.wording import title_of
from app.pages import words
from app.pages.atoms import Atoms
from app.pages.dates import day_in_words
from app.pages.language import LANGUAGES
from app.pages.resources import BY_PLURAL
from app.pages.tongues import tongue
from app.pages.visit import Visit

Record = Mapping[str, Any]


class Shown(Atoms):
    """The view of a page that its template gets as `page`."""

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self.visit = visit
        self.language = visit.language.tag
        self.languages = LANGUAGES
        self.link = visit.link
        self.here = visit.here
        self.file = visit.file

    def span_of(self, line: Record) -> str | None:
        """Return the days that the date of a line can mean, as EDTF; None if nothing is known of it."""
        start, end = line["date_start"] or edtf.NO_START, line["date_end"] or edtf.NO_END
        latest = f"{edtf.OPEN}/{end}"
        if end != edtf.NO_END and edtf.event(latest).start == start:
            return latest  # the year before is a rule of the registry, and no statement of a source
        return edtf.spanning(edtf.Bounds(start, end))

    def day(self, day: str) -> str:
        """Return a day, YYYY-MM-DD, in words."""
        return day_in_words(day[:10], self._language)

    def label(self, field: str) -> str:
        """Return the label of a field."""
        return words.label(field, self._language)

    def labelled(self, fields: Sequence[str]) -> list[tuple[str, str]]:
        """Return fields with their labels."""
        return [(field, self.label(field)) for field in fields]

    def heading(self, kind: str, name: str) -> str:
        """Return the heading of records around a record of a kind, with a capital."""
        text = self._language.texts.pgettext(words.HEADING, words.heading_text(kind, name))
        return text[:1].upper() + text[1:]

    def word(self, context: str, value: str) -> str:
        """Return a word as people write it. `context`: the name of its vocabulary, or a context of `words`."""
        return words.word(context, value, self._language)

    def vocabulary(self, name: str) -> str:
        """Return the name of a vocabulary, with a capital."""
        text = self.word(words.VOCABULARY, words.vocabulary_text(name))
        return text[:1].upper() + text[1:]

    def explained(self, explanation: str) -> str:
        """Return the explanation of a word."""
        return self._language.texts.pgettext(words.EXPLANATION, explanation)

    def kind(self, kind: str) -> str:
        """Return the name of a kind of records."""
        return self.word(words.KIND, kind)

    def collection(self, plural: str) -> str:
        """Return the name of a collection, with a capital."""
        text = self.word(words.COLLECTION, plural)
        return text[:1].upper() + text[1:]

    def title(self, record: Record) -> str:
        """Return the name of a record; if its kind has no names, a title of what it links."""
        kind = record["kind"]
        if record.get("name") or kind == "source":
            return title_of(record)
        told = {name: self._told(kind, name, value) for name, value in record.items()}
        return title_of({**told, "kind": kind, "id": record["id"]})

    def _told(self, kind: str, field: str, value: Any) -> Any:
        vocabulary = words.vocabulary_of(kind, field)
        return self.word(vocabulary, value) if vocabulary and isinstance(value, str) else value

    def named_in(self, record: Record) -> str | None:
        """Return the language of the name under which a record is shown, if its names tell it and it is not the page's."""
        name = record.get("name") or record.get("title") or ""
        languages = [each["language"] for each in record.get("names") or () if each["text"] == name]
        known = record.get("language") if record["kind"] == "source" else None
        if self.language in languages:
            return None
        return tongue(name, self.language, next(iter(languages), known))

    def language_name(self, tag: str) -> str:
        """Return the name of a language."""
        return str(self._language.locale.languages.get(tag.partition("-")[0], tag))

    def filter(self, name: str, kind: str = "") -> str:
        """Return the label of a filter, with a capital. `kind`: that of the records of the list."""
        text = self._language.texts.pgettext(words.FILTER, words.filter_text(name, kind))
        return text[:1].upper() + text[1:]

    def rest(self, fields: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return what narrows this page besides the fields of its form: parameter, value, and the address without it."""
        return [
            (name, value, self.visit.here({name: None, "cursor": None}))
            for name, value in self.visit.pairs
            if name not in (*fields, "cursor")
        ]

    def filtered(self, name: str, value: str, kinds: Sequence[str]) -> str:
        """Return the value of a filter of records of these kinds as people write it: a word of a vocabulary, or as it is."""
        return next((self.word(each, value) for each in words.vocabularies_with(value, name, kinds)), value)

    def of_list(self, link: str) -> str:
        """Return the address of the page for a link of the API to a list, such as the records behind a number."""
        path, _, query = link.partition("?")
        path = path.removeprefix(self.visit.file("")).removeprefix("/v1")
        return self.link(path, [(name, value) for name, value in parse_qsl(query) if name not in ("count", "lang")])

    def pairs(self, query: str) -> list[tuple[str, str]]:
        """Return the parameters of a query string."""
        return parse_qsl(query)

    def cell(self, dimension: str, value: Record, of: str) -> str:
        """Return the name of a row or a column of a matrix."""
        vocabulary = words.vocabulary_of(BY_PLURAL[of].kind.value, "type") if dimension == "type" else None
        return self.word(vocabulary, value["id"]) if vocabulary else str(value["name"])

    def marked(self, snippet: str) -> Markup:
        """Return a snippet of a hit, which the API gives as HTML: escaped text with `<mark>`."""
        return Markup(snippet)  # noqa: S704 - escaped by the API

    def problem(self, code: str) -> str | None:
        """Return the title of the page for a problem; None if its own title does."""
        _ = self._language.texts.gettext
        return {
            "not_found": _("There is no such page or record"),
            "gone": _("This record was deleted"),
            "erased": _("This record was erased"),
            "invalid": _("The registry does not understand this request"),
            "unavailable": _("The registry cannot answer just now"),
            "unexpected": _("Something went wrong"),
        }.get(code)

    def number(self, value: int) -> str:
        """Return a number with the separators that the language has."""
        return str(format_decimal(value, locale=self._language.locale))
