"""The endpoint of dossiers."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.declaration.filters import DayValue, Lang
from app.declaration.model import Naming
from app.errors import Invalid
from app.faults import Fault, summary
from app.files import dossier as made
from app.files.listing import Job, Listing
from app.http.endpoints import Request, offering
from app.http.file_names import disposition, file_name
from app.http.files import Files, Making
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.parameters import query_pairs, window_fault
from app.http.queries import alternates_of
from app.http.representations import Xlsx
from app.http.representations.representation import Representation
from app.http.responses import (
    ALWAYS,
    Header,
    base_url,
    language_header,
    link_header,
    request_headers,
    request_url,
    send_unchanged,
    tag_from,
)
from app.http.viewing import Viewing, basis_of
from app.reading.changes import End
from app.views.dossier import TABLES, Asked, Dossiers


class Zip(Representation):
    """A ZIP file with a CSV for each table."""

    name = "csv-zip"
    media_type = content_type = "application/zip"
    suffix = "zip"


WORKBOOK, ZIP = Xlsx(), Zip()
_JOBS: dict[str, Job] = {WORKBOOK.name: made.write_workbook, ZIP.name: made.write_zip}


class DossierQuery(BaseModel):
    """The query parameters of a dossier."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    of: Annotated[
        Naming,
        Field(
            description="the record that the dossier is about: a country, an organization, a person, a topic, a series,"
            " a meeting or an instrument",
            examples=["BY"],
        ),
    ]
    date_from: Annotated[
        DayValue | None,
        Field(description="of what has dates: what can have been going on then or later", examples=["2024-01-01"]),
    ] = None
    date_to: Annotated[
        DayValue | None,
        Field(description="of what has dates: what can have begun then or before", examples=["2025-12-31"]),
    ] = None
    lang: Lang = None
    format: Annotated[
        Literal["xlsx", "csv-zip"] | None,
        Field(description="a workbook, or a ZIP file with a CSV for each table; goes before `Accept`", examples=["xlsx"]),
    ] = None
    bom: Annotated[bool, Field(description="`true`: each CSV begins with a byte order mark")] = False
    csv_safe: Annotated[
        bool,
        Field(description="`true`: in CSV, an apostrophe stands before each cell that a spreadsheet would run as a formula"),
    ] = False


class DossierResponse(Response):
    """A response class from which FastAPI takes the media type for the OpenAPI document. It is never instantiated."""

    media_type = WORKBOOK.media_type


class Dossier(NamedTuple):
    """A dossier that is sent. It is made only if the client does not have it."""

    files: Files
    lines: Callable[[], AsyncGenerator[str]]
    listing: Listing
    form: Representation
    end: End
    language: str | None
    """The value of `lang`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the dossier."""
        request, form, listing = request_headers(scope), self.form, self.listing
        basis = basis_of(scope, request, self.end.position, form.content_type)
        tag, is_known = tag_from(basis, request, is_packed=True)
        alternates = alternates_of(query_pairs(scope["query_string"]), form, (WORKBOOK, ZIP), lambda _: ())
        headers: list[Header] = [tag, *language_header(listing.language), *link_header(alternates)]
        if is_known:
            await send_unchanged(send, [*ALWAYS, *headers])
            return
        assert form.suffix is not None
        headers.append(disposition(file_name("dossier", listing.filters, self.language, self.end.position.seq, form.suffix)))
        making = Making(_JOBS[form.name], self.lines, lambda: listing, form.content_type, is_packed=True)
        await self.files.send(scope, receive, send, request, making, headers)


def _documented() -> dict[str, Any]:
    found = described(
        "get_dossier",
        "All that the registry has about one record, as a workbook",
        "The dossier.",
        shown=("ETag", "Content-Language", "Link", "Vary"),
        more_parameters=CONDITIONAL,
        examples=("/v1/dossier?of=BY", "/v1/dossier?of=pavel-tkach&format=csv-zip&lang=ru"),
    )
    binary = {"schema": {"type": "string", "format": "binary"}}
    found["responses"][200]["content"] = {each.media_type: binary for each in (WORKBOOK, ZIP)}
    return found


def router(viewing: Viewing, dossiers: Dossiers, files: Files, *, id_host: str) -> APIRouter:
    """Return a router with the endpoint of dossiers."""
    routes = APIRouter(route_class=offering(WORKBOOK, ZIP), tags=["views"])

    @routes.get("/v1/dossier", response_model=None, response_class=DossierResponse, **_documented())
    async def get_dossier(request: Request, query: Annotated[DossierQuery, Query()]) -> Dossier:
        """Returns a sheet for each kind of record that has to do with the record, each row with its first citation.

        The sheets have the same records as the lists whose addresses the sheet `About` tells: for a country its meetings,
        instruments, results, what was done about them, who took part for it, memberships, offices, organizations. All citations
        of these records, and the sources that they cite, come last. A dossier has at most 50,000 records.
        """
        faults = [fault] if (fault := window_fault(query.date_from, query.date_to)) else []
        if query.bom and request.representation is not ZIP:
            faults.append(Fault("only csv-zip has this; send format=csv-zip, or leave bom out", parameter="bom"))
        if faults:
            raise Invalid(summary(faults), faults=faults)
        languages = requested_languages(query.lang, request.wants.accept_language)
        end = await viewing.end()
        ((record_id, kind),) = (await viewing.ids([("of", query.of)], tuple(TABLES))).values()
        window = {name: value for name in ("date_from", "date_to") if (value := getattr(query, name)) is not None}
        asked = Asked(record_id, kind, window, languages, base_url(request.scope))
        listing = Listing(
            kind=kind,
            plural="dossier",
            record_id=record_id,
            url=request_url(request.scope),
            collection_url="",
            language=next(iter(languages), None),
            filters={"of": [record_id], **{name: [value] for name, value in window.items()}},
            options={"bom": query.bom, "csv_safe": query.csv_safe},
            columns=(),
            as_of=str(end.position),
            changed_at=end.at,
            id_host=id_host,
        )
        return Dossier(files, lambda: dossiers.lines(asked), listing, request.representation, end, query.lang)

    return routes
