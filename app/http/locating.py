"""`POST /v1/documents/{id}/locate` and `POST /v1/locate`: find phrases in a text, so that citations can quote them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Security
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from app.domain.vocabulary import DocumentForm
from app.errors import Invalid
from app.faults import Fault
from app.http.access import Access
from app.http.documents import DOCUMENT_ID, FORM, MOST_BYTES_OF_JSON, TEXT, bounded, document_of
from app.http.endpoints import Endpoint, Tagged
from app.http.openapi.shared import OF_BODIES, UNAUTHORIZED, described
from app.intake.reader import Reader
from app.text.passages import Unreadable, taken_apart
from app.text.quotes import MOST_PARAGRAPHS, QUOTE_WORDS, Exactness, located
from app.writing import keys
from app.writing.keys import Principal

MOST_PHRASES = 100
MOST_LETTERS = 1_000
"""Maximum number of characters of a phrase that is looked for."""
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Phrase(BaseModel):
    """A phrase to find."""

    model_config = _STRICT
    text: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS, pattern=r"\S", description="the phrase, word for word")]
    paragraph: Annotated[int | None, Field(strict=True, ge=1, description="the paragraph in which it is said to stand")] = None


class LocateBody(BaseModel):
    """Phrases to find in a stored document."""

    model_config = _STRICT
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=MOST_PHRASES)]


class LocateInBody(LocateBody):
    """Phrases to find in a text that is not stored."""

    text: Annotated[str, TEXT]
    form: Annotated[DocumentForm, FORM] = DocumentForm.PLAIN


class LocatedPhrase(BaseModel):
    """Where a phrase stands."""

    text: str
    exactness: Annotated[
        Exactness,
        Field(
            description="`found`: in the paragraph that was named, or in one alone; `elsewhere`: in others than the one named;"
            " `twice`: in several; `not_found`: nowhere, word for word"
        ),
    ]
    paragraphs: Annotated[list[int], Field(description=f"where it stands, at most {MOST_PARAGRAPHS}")]
    quote: Annotated[
        str | None,
        Field(description=f"the shortest phrase around it that stands at one place only, at most {QUOTE_WORDS} words"),
    ]


class LocatedPhrases(BaseModel):
    """Where the phrases stand, in the order in which they were sent."""

    data: list[LocatedPhrase]


def router(reader: Reader, access: Access) -> APIRouter:
    """Return a router with the endpoints that find phrases."""
    routes = APIRouter(route_class=Endpoint, tags=["documents"])
    propose = Security(access.key_with(keys.Scope.PROPOSE))

    @routes.post(
        "/v1/documents/{id}/locate",
        response_model=LocatedPhrases,
        max_body_size=MOST_PHRASES * MOST_LETTERS * 6,
        **described(
            "locate_in_document",
            "Find phrases in a document",
            "Where they stand.",
            shown=("ETag", "Vary"),
            more_failures=(*UNAUTHORIZED, *OF_BODIES, ("404", "NotFound"), ("410", "Gone")),
        ),
    )
    async def locate_in_document(
        _key: Annotated[Principal, propose],
        document_id: Annotated[str, Path(alias="id", description=DOCUMENT_ID)],
        wanted: Annotated[
            LocateBody, Body(openapi_examples={"phrase": {"value": {"phrases": [{"text": "signed a memorandum"}]}}})
        ],
    ) -> Tagged:
        """Says for each phrase in which paragraph it stands, word for word, and proposes a quote that stands nowhere else.

        White space makes no difference; everything else does. A phrase that is not found is not searched for in other words.
        """
        document = await document_of(reader, document_id)
        return Tagged(
            await reader.on_thread(len(document.text or ""), lambda: _located(document.paragraphs, wanted.phrases)), []
        )

    @routes.post(
        "/v1/locate",
        response_model=LocatedPhrases,
        max_body_size=MOST_BYTES_OF_JSON + MOST_PHRASES * MOST_LETTERS * 6,
        **described(
            "locate_phrases",
            "Find phrases in a text",
            "Where they stand.",
            shown=("ETag", "Vary"),
            more_failures=(*UNAUTHORIZED, *OF_BODIES),
        ),
    )
    async def locate_phrases(
        _key: Annotated[Principal, propose],
        wanted: Annotated[
            LocateInBody,
            Body(
                openapi_examples={
                    "phrase": {
                        "value": {
                            "text": "The ministers met.\n\nThey signed a memorandum.",
                            "phrases": [{"text": "a memorandum", "paragraph": 1}],
                        }
                    }
                }
            ),
        ],
    ) -> Tagged:
        """Does the same for a text that is sent along, and keeps nothing."""

        def found() -> bytes:
            try:
                passages = taken_apart(bounded(wanted.text, "/text"), wanted.form)
                return _located(passages.paragraphs, wanted.phrases)
            except Unreadable as error:
                raise Invalid(str(error), faults=[Fault(str(error), pointer="/text")]) from None

        return Tagged(await reader.on_thread(len(wanted.text), found), [])

    return routes


def _located(paragraphs: Sequence[str], phrases: Sequence[Phrase]) -> bytes:
    found = []
    for each in phrases:
        exactness, numbers, quote = located(paragraphs, each.text, each.paragraph)
        found.append({"text": each.text, "exactness": exactness, "paragraphs": numbers, "quote": quote})
    return to_json({"data": found})
