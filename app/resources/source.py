"""Sources: the documents that citations refer to."""

from typing import Literal

from app import models
from app.declaration.filters import Equals
from app.declaration.model import DerivedDay, Language, Moment, Sha256, Text, Url
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.vocabulary import Kind
from app.resources.record import (
    Record,
    common_filters,
    common_sorts,
    label_of,
)


class Source(Record):
    """A document that citations refer to. The registry does not store its full text, which stays with the publisher."""

    kind: Literal[Kind.SOURCE]
    title: Text
    publisher: Text | None = None
    url: Url | None = None
    language: Language | None = None
    author: Text | None = None
    published: Moment | None = None
    published_start: DerivedDay
    published_end: DerivedDay
    retrieved: Moment | None = None
    sha256: Sha256 | None = None
    archive_url: Url | None = None
    summary: Text | None = None


SOURCE = Resource(
    kind=Kind.SOURCE,
    plural="sources",
    model=Source,
    table_model=models.Source,
    filters={
        "publisher": Equals("who published it", "UzA", column="publisher", free=True),
        "language": Equals("its language, BCP 47", "ru", column="language", free=True),
        **common_filters(),
    },
    sorts={
        "published": by(models.Source.published_start, ascending=models.Source.published_order),
        "title": by(models.Source.title_key),
        **common_sorts(models.Source),
    },
    default_sort="-published",
    includes={
        "passages": Include(Kind.CITATION, "source", ordered("paragraph")),
    },
    label=label_of("title"),
    searched=Searched(names=("title",), titles=("publisher", "author"), texts=("summary",), date="published"),
    example="mpt-2026-uae",
)
