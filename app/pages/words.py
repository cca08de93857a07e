"""Words for the names of fields, the words of vocabularies and the kinds of records, in the language of the interface."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args

from app.domain import vocabulary
from app.domain.vocabulary import Kind, Vocabulary
from app.pages.language import Language
from app.reading.changes import Operation
from app.resources import RESOURCES
from app.views.lines import VIA, WORDS
from app.views.matrix_queries import Dimension

PLURALS: Mapping[str, str] = {resource.kind.value: resource.plural for resource in RESOURCES}
"""By kind, the name of its collection."""
FIELD, KIND, COLLECTION, EVENT, FILTER, EXPLANATION = "field", "kind", "collection", "event", "filter", "explanation"
OPERATION, VOCABULARY, HEADING = "operation", "vocabulary", "heading"
"""The contexts of texts that are no words of a vocabulary. The context of such a word is the name of its vocabulary."""
_LABELS = {
    "actions": "what was done",
    "alpha_3": "three-letter code",
    "also_in": "also in",
    "attendance": "how many came",
    "changes": "what was done to it",
    "countries": "countries that take part",
    "date_after": "not before",
    "date_before": "not after",
    "date_note": "about the date",
    "identifiers": "known elsewhere as",
    "interviews": "interviews given",
    "joint_with": "joint sitting with",
    "language": "language of the text",
    "made_by": "by whom",
    "made_to": "to whom",
    "members_coverage": "are all members known",
    "names": "other names",
    "numeric": "numeric code",
    "of": "of",
    "others": "also involved",
    "participants_coverage": "are all participants known",
    "parties_coverage": "are all parties known",
    "part_of": "part of",
    "parts": "its parts",
    "passages": "what it supports",
    "seat_country": "country of the seat",
    "since": "from",
    "sort_name": "sorted as",
    "term_from": "counted from",
    "url": "address",
}
"""The labels of fields whose name, with blanks for `_`, would not do."""
_HEADINGS = {
    "participants": "who took part",
    "person participants": "took part in",
    "person positions": "offices",
    "organization positions": "who held which office",
    "topic narrower": "narrower topics",
    "country organizations": "its organizations",
    "organization parts": "its bodies",
    "meeting parts": "meetings that are part of it",
    "country meetings": "meetings in the country",
    "presidencies": "offices held as a country or organization",
}
"""The headings of records around a record, by name, or by kind and name, if the label of a field of this name would not do."""
_FILTERS = {
    "meeting country": "held in the country",
    "meeting city": "held in the city",
    "memorandum country": "signed or adopted in the country",
    "memorandum city": "signed or adopted in the city",
    "q": "words of its name",
    "date_from": "from the day",
    "date_to": "to the day",
    "valid_at": "on the day",
    "former": "no longer there",
}
"""The labels of filters whose name, or the field of the same name, would not do."""
_CAPITAL = re.compile("[A-Z]")


def label(field: str, language: Language) -> str:
    """Return the label of a field, with a capital."""
    text = language.texts.pgettext(FIELD, field_text(field))
    return text[:1].upper() + text[1:]


def field_text(field: str) -> str:
    """Return the label of a field in English."""
    return _LABELS.get(field, field.replace("_", " "))


def heading_text(kind: str, name: str) -> str:
    """Return the heading of records around a record, in English."""
    return _HEADINGS.get(f"{kind} {name}") or _HEADINGS.get(name) or field_text(name)


def filter_text(name: str, kind: str = "") -> str:
    """Return the label of a filter in English. `kind`: that of the records of the list."""
    return _FILTERS.get(f"{kind} {name}") or _FILTERS.get(name) or field_text(name)


def vocabulary_text(name: str) -> str:
    """Return the name of a vocabulary in English: `meeting status` for `MeetingStatus`."""
    return _CAPITAL.sub(lambda match: f" {match[0]}", name).strip().lower()


def word(context: str, value: str, language: Language) -> str:
    """Return a word as people write it. `context`: the name of its vocabulary, or one of the contexts above."""
    return language.texts.pgettext(context, value.replace("_", " "))


def vocabulary_of(kind: str, field: str) -> str | None:
    """Return the name of the vocabulary whose words a field has; None if it has none."""
    return _vocabularies().get((kind, field))


def vocabularies_with(value: str, field: str, kinds: Sequence[str]) -> Iterator[str]:
    """Yield the names of the vocabularies of a field, for records of these kinds, that have a word."""
    for kind in kinds:
        name = vocabulary_of(kind, field)
        if name is not None and value in [each.value for each in getattr(vocabulary, name)]:
            yield name


@cache
def _vocabularies() -> dict[tuple[str, str], str]:
    return {
        (resource.kind.value, name): found.__name__
        for resource in RESOURCES
        for name, info in resource.model.model_fields.items()
        if (found := _vocabulary_in(info.annotation)) is not None
    }


def _vocabulary_in(annotation: Any) -> type[Vocabulary] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Vocabulary) and annotation is not Kind else None
    return next((found for part in get_args(annotation) if (found := _vocabulary_in(part))), None)


def all_words() -> Iterator[tuple[str, str]]:
    """Yield each text that no template and no code has as a literal, with its context: what a catalogue must translate."""
    for resource in RESOURCES:
        yield KIND, resource.kind.value
        yield COLLECTION, resource.plural.replace("_", " ")
        for name in resource.model.model_fields:
            yield FIELD, field_text(name)
        for name in resource.includes:
            yield HEADING, heading_text(resource.kind, name)
        for name in resource.filters:
            yield FILTER, filter_text(name, resource.kind)
    yield from ((FIELD, field_text(name)) for name in get_args(Dimension))
    for name in ("kind", "year", "country", "organization", "topic", "between", "participant"):
        yield FILTER, name
    for operation in get_args(Operation):
        yield OPERATION, operation
    for event, explanation in (*WORDS.items(), *VIA.items()):
        yield EVENT, event.replace("_", " ")
        yield EXPLANATION, explanation
    for each in vocabulary.Vocabulary.__subclasses__():
        yield VOCABULARY, vocabulary_text(each.__name__)
        for found in each:
            yield each.__name__, found.value.replace("_", " ")
            yield EXPLANATION, found.explanation
