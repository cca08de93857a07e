"""What is shown of documents."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.declaration.model import Instant, Sha256
from app.domain.vocabulary import DocumentForm
from app.intake.mentions import LOOKED_FOR_IN, MOST_CANDIDATES, Candidate


class MentionShown(BaseModel):
    """A name of a record in the text."""

    paragraph: Annotated[int, Field(description="the number of the paragraph, from 1")]
    start: Annotated[int, Field(description="where it begins in the paragraph, in characters, from 0")]
    end: Annotated[int, Field(description="where it ends")]
    text: Annotated[str, Field(description="as it stands there")]
    candidates: Annotated[
        list[Candidate], Field(description=f"the records of this name, at most {MOST_CANDIDATES}: if several, a keeper decides")
    ]


class DateShown(BaseModel):
    """A date in the text."""

    paragraph: Annotated[int, Field(description="the number of the paragraph, from 1")]
    start: Annotated[int, Field(description="where it begins in the paragraph, in characters, from 0")]
    end: Annotated[int, Field(description="where it ends")]
    text: Annotated[str, Field(description="as it stands there")]
    edtf: Annotated[str | None, Field(description="what it states; null if the text leaves it open")]
    question: Annotated[
        str | None,
        Field(
            description="what a keeper must answer: `year` (which year?), `relative` (which day is `today`?), `order` (is the"
            " day or the month first?), `day` (which day, as there is none such?)"
        ),
    ]
    partial: Annotated[str | None, Field(description="what is known without the year, such as `--05-20`")]


class SourceFound(BaseModel):
    """A source that the document belongs to."""

    id: str
    title: str
    by: Annotated[str, Field(description="`digest`: it has this very text; `address`: it has the same address")]


class DocumentListed(BaseModel):
    """What is known of a document, without its text."""

    id: Annotated[str, Field(examples=["0199b2f4-7c1e-7d3a-8a55-3f3f0d2c9b11"])]
    sha256: Annotated[Sha256, Field(description="the SHA-256 of what was sent")]
    text_sha256: Annotated[Sha256, Field(description="the SHA-256 of the text made from it")]
    form: DocumentForm
    rule: Annotated[str, Field(description="the rule by which it was divided into paragraphs")]
    url: str | None
    retrieved: str | None
    language: str | None
    created_at: Instant
    kept: Annotated[bool, Field(description="whether the text is still kept")]


class DocumentShown(DocumentListed):
    """A document, taken apart."""

    title: Annotated[str | None, Field(description="the title that the page gives itself")]
    paragraphs: Annotated[list[str], Field(description="its paragraphs: what citations count, from 1")]
    source: Annotated[SourceFound | None, Field(description="the source that it belongs to; null if there is none")]
    proposed_source: Annotated[
        dict[str, Any] | None,
        Field(description="if there is no source: one to begin with, in the exchange format. Check it before you send it"),
    ]
    mentions: Annotated[
        list[MentionShown], Field(description=f"names of records in the first {LOOKED_FOR_IN:,} characters of the text")
    ]
    dates: Annotated[list[DateShown], Field(description="dates in the text, as it prints them")]


class DocumentList(BaseModel):
    """The newest documents."""

    data: list[DocumentListed]
