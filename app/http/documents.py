"""`/v1/documents`: keeps texts of documents and takes them apart. All of it needs a key."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from app.declaration.filters import Lang
from app.declaration.model import Language, Moment, Url, is_storable
from app.domain.languages import canonical
from app.domain.vocabulary import DocumentForm
from app.errors import Forbidden, Gone, Invalid, NotFound, PayloadTooLarge
from app.faults import Fault
from app.http.access import Access
from app.http.bodies import JSON_TYPES, body_of, checked, header, object_in
from app.http.endpoints import Endpoint, NoContent, Request, Tagged
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, OF_BODIES, REF, UNAUTHORIZED, Json, described, with_repeated
from app.http.queued import QueuedWrites
from app.http.responses import language_header, shown_path
from app.intake import documents
from app.intake.documents import Sent, Stored
from app.intake.models import DocumentList, DocumentShown
from app.intake.reader import Reader, listed
from app.text.passages import Unreadable, decoded, taken_apart, with_charset
from app.writing import keys
from app.writing.keys import Principal
from app.writing.queue import Apply, WriteQueue

MOST_BYTES = 1_000_000
"""Maximum number of bytes of a document, as it was published and as UTF-8."""
MOST_BYTES_OF_JSON = 6 * MOST_BYTES + 20_000
"""JSON may write a character in up to six bytes."""
_STRICT = ConfigDict(extra="forbid", frozen=True)
_TYPES: Final = {
    "text/plain": DocumentForm.PLAIN,
    "text/markdown": DocumentForm.MARKDOWN,
    "text/html": DocumentForm.HTML,
}
TEXT = Field(description=f"the text, at most {MOST_BYTES:,} bytes in UTF-8", min_length=1)
FORM = Field(description=f"the form of the text: {DocumentForm.described()}")
DOCUMENT_ID = "the document's id"


class LangQuery(BaseModel):
    """The query parameters of a document that is read."""

    model_config = _STRICT
    lang: Lang = None


class Origin(BaseModel):
    """What is said of a document beside its text."""

    model_config = _STRICT
    url: Annotated[Url | None, Field(description="where the document stands; it is never opened")] = None
    retrieved: Annotated[Moment | None, Field(description="when it was retrieved (EDTF)")] = None
    language: Annotated[Language | None, Field(description="its language, BCP 47; a page may say it itself")] = None


class DocumentQuery(LangQuery, Origin):
    """The query parameters of a document that is sent."""


class DocumentBody(Origin):
    """A document in a JSON body."""

    text: Annotated[str, TEXT]
    form: Annotated[DocumentForm, FORM] = DocumentForm.PLAIN


def router(reader: Reader, access: Access, queue: WriteQueue, queued: QueuedWrites) -> APIRouter:
    """Return a router with the endpoints of documents."""
    routes = APIRouter(route_class=Endpoint, tags=["documents"])
    kept = reader.documents
    propose = Security(access.key_with(keys.Scope.PROPOSE))
    of_one: Json = {"more_failures": (*UNAUTHORIZED, ("404", "NotFound"), ("410", "Gone"))}
    # Only JSON is described, because generators of clients know no bodies of other text types.
    of_json = {name: each for name, each in DocumentBody.model_json_schema(ref_template=REF).items() if name != "$defs"}
    shown: Json = {"schema": of_json, "example": {"text": "The ministers met.\n\nThey signed a memorandum."}}

    async def written(principal: Principal, do: Any) -> Any:
        def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Any]]:
            access.used(connection, principal)
            return lambda: [do(connection)]

        return await queue.run(settle, None)

    creating = described(
        "create_document",
        "Take a document apart",
        "The document, taken apart.",
        status=201,
        shown=("ETag", "Vary", "Location"),
        more_failures=(*UNAUTHORIZED, *OF_BODIES),
        body={"required": True, "content": {"application/json": shown}},
    )
    creating = with_repeated(creating, "The key has sent it before.", DocumentShown)

    @routes.post("/v1/documents", response_model=DocumentShown, **creating)
    async def create_document(
        request: Request, principal: Annotated[Principal, propose], query: Annotated[DocumentQuery, Query()]
    ) -> Tagged:
        """Keeps the text of a document, and returns its numbered paragraphs, the records that it names, and its dates.

        Send the document as it was retrieved (`text/html`, `text/plain` or `text/markdown`; say its charset if it is not
        UTF-8), or its text in JSON. The text is private: only keys read it, it is never exported, and it can be removed. With
        it, quotes are proved when citations are written. The same document from the same key is kept once. No address is
        opened.
        """
        with queued.budget.reserve() as reservation:
            types = (*JSON_TYPES, *_TYPES)
            body = await body_of(
                request.scope,
                request.receive,
                types=types,
                limit=MOST_BYTES_OF_JSON,
                reservation=reservation,
                encodings=tuple(_TYPES),
            )
            sent: Sent = await reader.on_thread(len(body), lambda: _sent(header(request.scope, b"content-type"), body, query))
            document_id, is_new = await written(principal, lambda connection: documents.keep(connection, sent, principal.id))
        languages = requested_languages(query.lang, request.wants.accept_language)
        answer = await reader.shown(await kept.read(document_id), languages)
        location = [(b"location", shown_path(request.scope, f"/v1/documents/{document_id}").encode())]
        return Tagged(answer, [*language_header(*languages[:1]), *location], 201 if is_new else 200)

    @routes.get(
        "/v1/documents",
        **described(
            "list_documents", "List the documents", "The documents.", shown=("ETag", "Vary"), more_failures=UNAUTHORIZED
        ),
    )
    async def list_documents(_key: Annotated[Principal, propose]) -> DocumentList:
        """Returns the newest documents without their texts."""
        return DocumentList(data=[listed(each, is_kept=is_kept) for each, is_kept in await kept.newest()])

    @routes.get(
        "/v1/documents/{id}",
        response_model=DocumentShown,
        **described(
            "get_document",
            "Read a document",
            "The document, taken apart.",
            shown=("ETag", "Vary", "Content-Language"),
            more_parameters=CONDITIONAL,
            **of_one,
        ),
    )
    async def get_document(
        request: Request,
        _key: Annotated[Principal, propose],
        document_id: Annotated[str, Path(alias="id", description=DOCUMENT_ID)],
        query: Annotated[LangQuery, Query()],
    ) -> Tagged:
        """Returns a document with its paragraphs, and with the records and dates that are found in it today."""
        languages = requested_languages(query.lang, request.wants.accept_language)
        return Tagged(await reader.shown(await document_of(reader, document_id), languages), language_header(*languages[:1]))

    @routes.delete(
        "/v1/documents/{id}",
        response_model=None,
        **described("remove_document", "Remove the text of a document", "It is removed.", status=204, **of_one),
    )
    async def remove_document(
        principal: Annotated[Principal, propose], document_id: Annotated[str, Path(alias="id", description=DOCUMENT_ID)]
    ) -> NoContent:
        """Removes the text. The digests stay, so that it can still be told which document it was.

        Who sent a document may remove it; others need the scope `write`.
        """
        document = await document_of(reader, document_id)
        if document.key_id != principal.id and not principal.may(keys.Scope.WRITE):
            raise Forbidden("the document was sent with another key; to remove it, a key needs the scope `write`")
        await written(principal, lambda connection: documents.remove(connection, document_id))
        return NoContent()

    return routes


async def document_of(reader: Reader, document_id: str) -> Stored:
    """Return a document with its text. Raises NotFound if there is none, Gone if its text was removed."""
    if not is_storable(document_id):
        raise NotFound(f"there is no document {document_id!r}")
    document = await reader.documents.read(document_id)
    if document.text is None:
        raise Gone(f"the text of the document {document_id!r} was removed; its digest {document.sha256} is kept")
    return document


def _sent(content_type: str, body: bytes, query: DocumentQuery) -> Sent:
    """Return what was sent, taken apart. Raises Invalid if it is no text, PayloadTooLarge if it is too long."""
    media, *rest = (part.strip() for part in content_type.split(";"))
    if media.lower() in JSON_TYPES:
        wanted: DocumentBody = checked(DocumentBody, object_in(body))
        content, form, pointer = bounded(wanted.text, "/text").encode(), wanted.form, "/text"
        charset: str | None = "utf-8"
        said = {name: getattr(wanted, name) or getattr(query, name) for name in Origin.model_fields}
    else:
        content, form, pointer = body, _TYPES[media.lower()], ""
        if len(content) > MOST_BYTES:
            raise PayloadTooLarge(f"a document may have {MOST_BYTES:,} bytes; send the part that is cited")
        charset = next(
            (part.partition("=")[2].strip('" ').lower() for part in rest if part.lower().startswith("charset")), None
        )
        said = {name: getattr(query, name) for name in Origin.model_fields}
    try:
        passages = taken_apart(bounded(decoded(content, charset, form=form), pointer), form)
    except Unreadable as error:
        raise Invalid(str(error), faults=[Fault(str(error), pointer=pointer)]) from None
    if not passages.paragraphs:
        raise Invalid("the document has no text", faults=[Fault("has no text", pointer=pointer)])
    said["language"] = said["language"] or _language_of(passages.language)
    # A page may declare another charset than its server, so that of the server is kept. Other texts are read as UTF-8.
    is_told = form is DocumentForm.HTML or charset not in (None, "utf-8", "utf8")
    return Sent(content, form, with_charset(passages.rule, charset if is_told else None), passages, **said)


def bounded(text: str, pointer: str) -> str:
    """Return the text. Raises an error if it is too long, or has characters that are no text."""
    if len(text) > MOST_BYTES or len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        raise PayloadTooLarge(f"a document may have {MOST_BYTES:,} bytes in UTF-8; send the part that is cited")
    if not is_storable(text):
        fault = Fault("a NUL character or half a surrogate pair is no text", pointer=pointer)
        raise Invalid(str(fault), faults=[fault])
    return text


def _language_of(said: str | None) -> str | None:
    """Return the language that a page says it is in, if this is a language tag."""
    try:
        return checked(DocumentQuery, {"language": canonical(said)}).language if said else None
    except Invalid:
        return None
