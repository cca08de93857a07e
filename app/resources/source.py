"""Sources: the documents that citations refer to."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app import models
from app.declaration.filters import Equals
from app.declaration.model import DerivedDay, Language, Model, Moment, Part, Ref, Sha256, Text, Url
from app.declaration.resource import Include, Resource, Searched, by, ordered
from app.domain.languages import canonical
from app.domain.vocabulary import Kind, TextForm
from app.resources.record import (
    Record,
    common_filters,
    common_sorts,
    label_of,
    spelled,
)


class SourceText(Model):
    """A text that citations can be compared with: the document as retrieved, or a plain text made of it."""

    sha256: Annotated[Sha256, Field(description="its SHA-256, in hexadecimal")]
    form: Annotated[TextForm, Field(default=TextForm.RETRIEVED, description=f"what it is: {TextForm.described()}")]
    rule: Annotated[
        Text | None,
        Field(
            default=None,
            description="how a plain text was made and is divided into paragraphs; empty: paragraphs stand between blank lines",
            examples=["text of the block elements, one paragraph each"],
        ),
    ]


Texts = Annotated[
    list[SourceText],
    Part(
        models.SourceText.__table__,
        "record_id",
        ("sha256", "form", "rule"),
        ("place",),
        in_lists=True,
        identity=("sha256",),
    ),
    Field(default=(), description="the texts with which citations can be compared, by their digests"),
]


def _sha256(digest: Any) -> dict[str, Any]:
    """The field of release 0.1.0: the digest of the document as retrieved."""
    return {"texts": [] if digest is None else [{"sha256": digest, "form": TextForm.RETRIEVED.value}]}


class Source(Record):
    """A document that citations refer to. The registry does not publish its full text, which stays with the publisher."""

    kind: Literal[Kind.SOURCE]
    title: Text
    publisher: Text | None = None
    url: Url | None = None
    language: Language | None = None
    author: Text | None = None
    according_to: Text | None = None
    interviewee: Ref | None = None
    published: Moment | None = None
    published_start: DerivedDay
    published_end: DerivedDay
    retrieved: Moment | None = None
    archive_url: Url | None = None
    summary: Text | None = None
    texts: Texts


SOURCE = Resource(
    kind=Kind.SOURCE,
    plural="sources",
    model=Source,
    table_model=models.Source,
    filters={
        "publisher": spelled("who published it", "UzA", "publisher_key"),
        "language": Equals("its language, BCP 47", "ru", column="language", free=True, normal=canonical),
        "interviewee": Equals("who speaks in it", "pavel-tkach", column="interviewee_id"),
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
    formerly={"sha256": _sha256},
    label=label_of("title"),
    also_called=(
        "articles",
        "references",
        "publications",
    ),
    searched=Searched(names=("title",), titles=("publisher", "author", "according_to"), texts=("summary",), date="published"),
    example="mpt-2026-uae",
)
