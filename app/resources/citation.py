"""Citations: which passage of which source supports which record."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from app import models
from app.declaration.filters import Equals
from app.declaration.model import AnyRef, Computed, Derived, Ordinal, Ref, Text
from app.declaration.resource import NamesFieldOf, Resource
from app.domain.vocabulary import Confidence, Kind, Review
from app.models.columns import Content
from app.resources.record import (
    Record,
    common_filters,
    common_sorts,
    label_of,
)
from app.text.quotes import QUOTE_WORDS, words_in

_sources: sa.Table = models.Source.__table__


def _link(rows: sa.FromClause) -> sa.ColumnElement[Any]:
    """Return SQL for the source's URL with a text fragment that opens the page at the quote; NULL if the source has no URL."""
    source = _sources.alias("cited")
    # An address has one `#` and one `:~:` at the most. Another phrase follows after `&`.
    phrase = sa.func.substr(rows.c.text_fragment, sa.literal_column(str(len(":~:") + 1)))
    end = sa.case(
        (source.c.url.like(sa.literal_column("'%:~:%'")), sa.literal_column("'&'").concat(phrase)),
        (source.c.url.like(sa.literal_column("'%#%'")), rows.c.text_fragment),
        else_=sa.literal_column("'#'").concat(rows.c.text_fragment),
    )
    found = source.c.url.concat(end)
    return sa.select(found).where(source.c.id == rows.c.source_id).correlate(rows).scalar_subquery()


class Citation(Record):
    """A passage of a source that supports a record, or one field of the record."""

    kind: Literal[Kind.CITATION]
    record: AnyRef
    field: Text | None = None
    value: Text | None = None
    source: Ref
    paragraph: Ordinal
    quote: Text
    link: Annotated[
        str | None,
        Derived(),
        Computed(_link),
        Field(
            description="the source opened at that very phrase, where it has an address",
            json_schema_extra={"readOnly": True},
        ),
    ]
    confidence: Confidence
    review: Review = Review.UNREVIEWED


def _is_short(content: Content) -> Iterator[tuple[str, str]]:
    words = words_in(content["quote"])
    if words > QUOTE_WORDS:
        yield "quote", f"has {words:g} words; at most {QUOTE_WORDS} are quoted, never the article"


CITATION = Resource(
    kind=Kind.CITATION,
    plural="citations",
    model=Citation,
    table_model=models.Citation,
    filters={
        "record": Equals("the record supported", "by-cn-ict-mou-2024", column="record_id"),
        "source": Equals("the document", "mpt-2026-uae", column="source_id"),
        "field": Equals("the field supported", "date", column="field", free=True),
        "confidence": Equals("how directly the passage states it", "inferred", column="confidence", words=Confidence),
        "review": Equals("whether a second reader compared it", "unreviewed", column="review", words=Review),
        **{name: entry for name, entry in common_filters("record").items() if name != "uncited"},
    },
    sorts=common_sorts(models.Citation),
    default_sort="id",
    includes={},
    label=label_of("quote"),
    also_called=(
        "quotes",
        "evidence",
        "quotations",
    ),
    links=("record",),
    natural_key=("record", "source", "paragraph", "quote", "field"),
    rules=(_is_short,),
    names_field_of=NamesFieldOf("field", "record", "value"),
)
