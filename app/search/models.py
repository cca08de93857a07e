"""The parameters and the results of search and suggestions."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.declaration.filters import JOINED_BY_COMMAS, MAX_VALUES, FromDay, Lang, ToDay
from app.declaration.filters.values import WHOLE, IdList
from app.declaration.model import Naming, Ref
from app.domain.vocabulary import Kind
from app.search.showing import Form
from app.search.tiers import CANDIDATES, Tier
from app.text.query import MOST_TYPED

DEFAULT_HITS, MAX_HITS = 20, 100
DEFAULT_SUGGESTED, MAX_SUGGESTED = 10, 50
_STRICT = ConfigDict(extra="forbid", frozen=True)
_SYNTAX = (
    'words, all of which are looked for in any script, spelling and inflection; `"a phrase"`, `-word` for what must not be'
    f" there, `beginn*`. Nothing typed is an error; the first {MOST_TYPED} letters count"
)


def _several(what: str, example: str, **more: Any) -> Any:
    return Field(default=None, min_length=1, max_length=MAX_VALUES, description=what, examples=[example], **more)


class SearchQuery(BaseModel):
    """The query parameters of a search: the typed text, the filters, the facets, the language and the page."""

    model_config = _STRICT
    q: Annotated[
        str | None, Field(description=f"{_SYNTAX}. Left out, the newest of what the filters leave", examples=["ШОС"])
    ] = None
    kind: Annotated[list[Kind] | None, _several("records of one of these kinds", "meeting")] = None
    country: Annotated[
        list[Naming] | None, _several("records that name one of these countries or in which it takes part", "BY")
    ] = None
    topic: Annotated[
        list[Naming] | None, _several("records about one of these topics or a narrower one", "artificial-intelligence")
    ] = None
    topic_exact: Annotated[
        list[Naming] | None, _several("records about one of these very topics; narrower ones do not count", "cybersecurity")
    ] = None
    organization: Annotated[
        list[Naming] | None, _several("records that name one of these organizations or in which it takes part", "sco")
    ] = None
    participant: Annotated[
        list[Naming] | None,
        _several("records in which one of these countries, organizations or people takes part", "UZ"),
    ] = None
    between: Annotated[
        IdList | None,
        Field(description="records in which all of two to five take part, separated by commas", examples=["BY,CN"]),
    ] = None
    date_from: FromDay = None
    date_to: ToDay = None
    facets: Annotated[
        list[Literal["kind", "country", "topic", "year"]] | None,
        _several("count the hits by these", "kind", json_schema_extra=JOINED_BY_COMMAS),
    ] = None
    lang: Lang = None
    limit: Annotated[int, Field(ge=1, le=MAX_HITS, description="how many hits a page has", examples=[5]), WHOLE] = DEFAULT_HITS
    cursor: Annotated[
        str | None, Field(min_length=1, max_length=4_000, description="where to go on: `next_cursor` of the page before")
    ] = None


class SuggestQuery(BaseModel):
    """The query parameters of a request for suggestions."""

    model_config = _STRICT
    q: Annotated[str, Field(description="what has been typed of a name, in any script", examples=["zales"])]
    kind: Annotated[list[Kind] | None, _several("records of one of these kinds", "person")] = None
    lang: Lang = None
    limit: Annotated[int, Field(ge=1, le=MAX_SUGGESTED, description="how many at the most", examples=[5]), WHOLE] = (
        DEFAULT_SUGGESTED
    )


class Reason(BaseModel):
    """Why a record was found."""

    tier: Annotated[str, Field(description="where it was found: " + ", ".join(f"`{tier.name.lower()}`" for tier in Tier))]
    field: Annotated[str | None, Field(description="the field that says it; null for what is related")]
    form: Annotated[Form, Field(description="how what was typed stands there")]


class Linked(BaseModel):
    """A record to which a link record refers."""

    field: Annotated[str, Field(description="the field of the link record that refers to it")]
    id: str
    kind: Kind
    name: Annotated[str, Field(description="its name, in the language asked for where it has one")]


class Hit(BaseModel):
    """A record that was found."""

    kind: Kind
    id: str
    name: Annotated[str, Field(description="its name in the language asked for, or what it says of itself")]
    date: Annotated[
        str | None,
        Field(description="when it was (EDTF); if its own date is not known, the days that its acts or its meeting can mean"),
    ]
    country: Annotated[Ref | None, Field(description="where it was, or whose it is")]
    snippet: Annotated[str, Field(description="its own words, HTML, with `<mark>` around what was found")]
    score: Annotated[
        int, Field(description="100 for a name that is what was typed, less for less; the newest first among equals")
    ]
    matched: Annotated[Reason | None, Field(description="why it was found; null if nothing was typed")]
    linked: Annotated[
        list[Linked],
        Field(
            description="for a participant, a position, a party, a relation, a membership or an action: whose it is, and where;"
            " empty for others"
        ),
    ]


class FacetValue(BaseModel):
    """A value of a facet, and the number of hits that have it."""

    value: str
    name: Annotated[str | None, Field(description="the name of the country or topic")]
    count: int


class SearchPage(BaseModel):
    """The size of the page, the cursor of the next page, and the number of all hits."""

    limit: int
    next_cursor: str | None
    total: Annotated[int | None, Field(description="how many hits there are; null if only the newest were looked at")]
    truncated: Annotated[
        bool,
        Field(
            description=f"whether there are more than the newest {CANDIDATES} for some reason, so that counts are approximate"
        ),
    ]


class SearchAnswer(BaseModel):
    """The answer to a search: a page of hits, the facets, and how the query was understood."""

    data: list[Hit]
    page: SearchPage
    links: dict[str, str | None]
    relaxed: Annotated[bool, Field(description="whether no record has all words, so that these have some")]
    ignored: Annotated[list[str], Field(description="words past those that are looked for")]
    did_you_mean: Annotated[list[str], Field(description="known names near to what was typed, if nothing has all of it")]
    facets: Annotated[dict[str, list[FacetValue]] | None, Field(description="how many hits have which value")]
    approximate: Annotated[bool, Field(description="whether the facets count the newest hits alone")]


class Fit(StrEnum):
    """How well a name fits what was typed, the best first."""

    WHOLE = "whole"
    """It is what was typed."""
    INFLECTED = "inflected"
    """It is what was typed, except for the endings of words."""
    WORDS = "words"
    """It has all typed words as they are written, and further ones."""
    ALIKE = "alike"
    """It goes on like what was typed, in any script and spelling, or is similar to it."""


FITS = tuple(Fit)


class Suggestion(BaseModel):
    """A record with a name that completes the typed text, or that is similar to it."""

    kind: Kind
    id: str
    name: Annotated[str, Field(description="its name in the language asked for")]
    matched: Annotated[str, Field(description="the name of it that goes on like what was typed")]
    slips: Annotated[int, Field(description="letters that were taken for others")]
    fit: Annotated[
        Fit,
        Field(
            description="`whole`: a name of it is what was typed; `inflected`: it is, but for endings; `words`: a name has all"
            " typed words as they are written, and further ones; `alike`: a name goes on like what was typed, in any script and"
            " spelling, or is similar to it"
        ),
    ]


class Suggestions(BaseModel):
    """Records with names that complete the typed text, or that are similar to it."""

    data: list[Suggestion]
