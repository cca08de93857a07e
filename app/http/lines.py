"""Sends the lines of a view: a page as JSON, or all of them as CSV, NDJSON or a workbook."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from app.db.driver import Row
from app.declaration.filters import Lang
from app.declaration.filters.values import WHOLE
from app.errors import Invalid
from app.faults import Fault, summary
from app.files.listing import Listing
from app.files.tables import TableColumn
from app.http.endpoints import Request, offering
from app.http.file_names import disposition, file_name
from app.http.files import Files, Making
from app.http.negotiation import requested_languages
from app.http.openapi import shared
from app.http.parameters import query_pairs, window_fault
from app.http.queries import DEFAULT_LIMIT, MAX_LIMIT, MAX_WHOLE_LIMIT, alternates_of, with_page
from app.http.representations import JSON, NDJSON, REPRESENTATIONS, Representation, WritesFiles, WritesStreams
from app.http.responses import (
    ALWAYS,
    COMPRESSED_FROM,
    Header,
    base_url,
    language_header,
    link_header,
    page_links,
    request_headers,
    send_body,
    send_stream,
    send_unchanged,
    tag_from,
)
from app.http.shutdown import Stopping
from app.http.viewing import Viewing, basis_of
from app.reading import cursor as cursors
from app.reading.changes import End
from app.reading.paging import PagedRead

CSV, XLSX = (next(each for each in REPRESENTATIONS if each.name == name) for name in ("csv", "xlsx"))
FORMATS: tuple[Representation, ...] = (JSON, CSV, NDJSON, XLSX)
_OF_FORMS = ("format", "bom", "csv_safe", "limit", "lang")
"""The parameters that say how lines are shown, not which."""
Cell = Callable[[Mapping[str, Any]], Any]
"""Returns the value of a cell from a line."""


ByDate = Annotated[Literal["date", "-date"], Field(description="`-date`: the newest first; what has no date comes last")]


class LinesQuery(BaseModel):
    """The query parameters that all views with lines have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    lang: Lang = None
    limit: Annotated[
        int | None,
        Field(ge=1, le=MAX_WHOLE_LIMIT),
        Field(
            description=f"how many lines at the most. A page has {DEFAULT_LIMIT} if nothing is said, and at most {MAX_LIMIT};"
            " the other formats hold all",
            examples=[10],
        ),
        WHOLE,
    ] = None
    cursor: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=4_000),
        Field(description="where to go on: `next_cursor` of the page before, with the same parameters"),
    ] = None
    format: Annotated[
        Literal["json", "csv", "ndjson", "xlsx"] | None,
        Field(
            description="`csv`, `ndjson` and `xlsx` hold the whole result instead of a page; goes before `Accept`",
            examples=["csv"],
        ),
    ] = None
    bom: Annotated[
        bool, Field(description="`true`: CSV begins with a byte order mark, by which Excel sees that it is UTF-8")
    ] = False
    csv_safe: Annotated[
        bool,
        Field(description="`true`: in CSV, an apostrophe stands before each cell that a spreadsheet would run as a formula"),
    ] = False

    def faults(self) -> list[Fault]:
        """Return the faults of parameters that contradict each other."""
        fault = window_fault(getattr(self, "date_from", None), getattr(self, "date_to", None))
        return [fault] if fault is not None else []

    def digest(self, *also: Any) -> str:
        """Return the digest of the request to which a cursor belongs. `also`: what the lines depend on besides the query."""
        return cursors.request_digest(
            self.model_dump(mode="json", exclude={"cursor", "limit", "format", "bom", "csv_safe"}), *also
        )


class LinesPage(BaseModel):
    """The size of a page of a view, and where the next page goes on."""

    limit: int
    next_cursor: str | None


class LinesLinks(BaseModel):
    """The URLs of this page and of the next page."""

    self: str
    next: str | None


class LinesAnswer(BaseModel):
    """What a page of a view has besides its lines, which are in `data`."""

    page: LinesPage
    links: LinesLinks
    as_of: Annotated[
        str, Field(description="the position of the change log: a later one may change the answer", examples=["907.1f0c9a3e"])
    ]


class Reading(NamedTuple):
    """How the lines of a request are read, and what they depend on besides the request and the log."""

    read: PagedRead
    text: Callable[[Row], str] = lambda row: str(row[0])
    """Returns the JSON of a line from a row of the read."""
    also: str = ""


Read = Callable[[str, Sequence[str] | None, tuple[str, ...]], "Any"]
"""Makes the `Reading` of a request from the digest for its cursors, the key of its cursor and its languages; a coroutine."""


class LinesView(NamedTuple):
    """A view with lines: its name, by which files are called, and its columns in tables."""

    name: str
    columns: Mapping[str, Cell]
    page: str = ""
    """The page for people that shows the same lines, relative to the address of the view; empty if there is none."""

    def cells(self, text: str) -> list[Any]:
        """Return the row of a table for a line. `text`: the line as JSON."""
        line = json.loads(text)
        return [cell(line) for cell in self.columns.values()]


class LinesSender:
    """Makes the answers of views with lines."""

    def __init__(self, viewing: Viewing, stopping: Stopping, files: Files, *, id_host: str) -> None:
        """`id_host`: the host name in the ids of calendars and feeds."""
        self.viewing = viewing
        self.stopping = stopping
        self.files = files
        self.id_host = id_host

    async def answer(self, request: Request, query: LinesQuery, view: LinesView, length: int, read: Read) -> "Lines":
        """Return the answer to a request. `length`: the number of parts of a line's key. Raises Invalid."""
        faults = query.faults()
        is_page = request.representation is JSON
        if is_page and (query.limit or 0) > MAX_LIMIT:
            faults.append(Fault(f"a page has {MAX_LIMIT} lines at the most; send format=csv for more", parameter="limit"))
        faults += _only_of(request.representation, query)
        if faults:
            raise Invalid(summary(faults), faults=faults)
        languages = tuple(requested_languages(query.lang, request.wants.accept_language))
        digest = query.digest(languages)
        key = cursors.decode(query.cursor, digest=digest, length=length) if query.cursor is not None else None
        end = await self.viewing.end()
        reading: Reading = await read(digest, key, languages)
        return Lines(self, view, query, request.representation, end, languages, reading)


class Lines(NamedTuple):
    """The answer of a view with lines. Nothing is read if the client has it already."""

    sender: LinesSender
    view: LinesView
    query: LinesQuery
    form: Representation
    end: End
    languages: tuple[str, ...]
    reading: Reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        request, form = request_headers(scope), self.form
        basis = basis_of(scope, request, self.end.position, form.content_type, self.reading.also)
        tag, is_known = tag_from(basis, request, is_packed=isinstance(form, WritesFiles) and form.is_packed)
        pairs = query_pairs(scope["query_string"])
        alternates = alternates_of(pairs, form, FORMATS, lambda other: _only_of(other, self.query))
        if self.view.page:
            shown = [(name, value) for name, value in pairs if name == "lang" or name not in (*_OF_FORMS, "cursor")]
            alternates = with_page(alternates, self.view.page, shown)
        headers: list[Header] = [tag, *language_header(*self.languages[:1])]
        if is_known:
            await send_unchanged(send, [*ALWAYS, *headers, *link_header(alternates)])
        elif form is JSON:
            body, links = await self._page(scope, pairs, alternates)
            compressed = request.gzip and len(body) >= COMPRESSED_FROM
            common = [*ALWAYS, *headers, *links]
            await send_body(send, body, request, 200, common, form.content_type, compressed=compressed)
        else:
            headers += link_header(alternates)
            asked: dict[str, list[str]] = {}
            for name, value in pairs:
                if name not in _OF_FORMS:
                    asked.setdefault(name, []).append(value)
            if form.suffix is not None:
                headers.append(
                    disposition(file_name(self.view.name, asked, self.query.lang, self.end.position.seq, form.suffix))
                )
            await self._send_whole(scope, receive, send, self._listing(scope, asked), headers)

    async def _send_whole(
        self, scope: Scope, receive: Receive, send: Send, listing: Listing, headers: Sequence[Header]
    ) -> None:
        """Send all lines: a stream, or a file that a worker process makes."""
        request, form = request_headers(scope), self.form
        if isinstance(form, WritesFiles):
            making = Making(form.job, self._file_lines, lambda: listing, form.content_type, form.is_packed)
            await self.sender.files.send(scope, receive, send, request, making, headers)
            return
        assert isinstance(form, WritesStreams)
        chunks = form.stream(self._rows(), listing.columns, listing.options, listing.collection_url)
        stopping = self.sender.stopping
        await send_stream(scope, receive, send, chunks, request, stopping, content_type=form.content_type, headers=headers)

    def _listing(self, scope: Scope, asked: Mapping[str, Sequence[str]]) -> Listing:
        """Return the facts that a file of these lines states besides them, such as its address and its filters."""
        return Listing(
            kind=self.view.name,
            plural=self.view.name,
            record_id=None,
            url=f"{base_url(scope)}{scope['path']}?{scope['query_string'].decode('latin-1')}",
            collection_url=f"{base_url(scope)}/v1/records",
            language=self.languages[0] if self.languages else None,
            filters=asked,
            options={"csv_safe": self.query.csv_safe, "csv_address": False, "bom": self.query.bom},
            columns=[
                TableColumn(name, is_date=name.startswith("date"), address=name if name.endswith(".link") else "")
                for name in self.view.columns
            ],
            as_of=str(self.end.position),
            changed_at=self.end.at,
            id_host=self.sender.id_host,
        )

    async def _file_lines(self) -> AsyncGenerator[str]:
        """Yield the rows as lines of JSON, for the job that makes a file."""
        async with aclosing(self._rows()) as pages:
            async for rows in pages:
                yield "".join(f"{to_json(row).decode()}\n" for row in rows)

    async def _page(self, scope: Scope, pairs: Sequence[tuple[str, str]], alternates: str) -> tuple[bytes, list[Header]]:
        limit = self.query.limit or DEFAULT_LIMIT
        rows, next_cursor = await self.reading.read.page(self.sender.viewing.driver, limit)
        following = [*(pair for pair in pairs if pair[0] != "cursor"), ("cursor", next_cursor)]
        links, headers = page_links(scope, urlencode(following) if next_cursor else None, alternates)
        page = {"limit": limit, "next_cursor": next_cursor}
        around = to_json({"page": page, "links": links, "as_of": str(self.end.position)})
        return b'{"data":[%b],%b' % (",".join(map(self.reading.text, rows)).encode(), around[1:]), headers

    async def _rows(self) -> AsyncGenerator[Sequence[Row]]:
        """Yield the rows for the format: cells for a table, otherwise the JSON of a line."""
        async with aclosing(self.reading.read.pages(self.sender.viewing.driver, self.query.limit)) as pages:
            async for rows in pages:
                texts = map(self.reading.text, rows)
                yield [tuple(self.view.cells(text)) if self.form.is_table else (text,) for text in texts]


def described(
    name: str, summary: str, answer: str, examples: Sequence[str], more_failures: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return the arguments of a route that describe a view with lines, in all its formats. See `openapi.shared.described`."""
    return shared.described(
        name,
        summary,
        answer,
        shown=("ETag", "Content-Language", "Link", "Vary"),
        more_parameters=shared.CONDITIONAL,
        also=FORMATS[1:],
        examples=examples,
        more_failures=more_failures,
    )


def routes() -> APIRouter:
    """Return a router for endpoints of views with lines."""
    return APIRouter(route_class=offering(*FORMATS), tags=["views"])


def at(path: str) -> Cell:
    """Return the cell with the value at a path such as `meeting.name` or `citations.0.quote`; empty if there is none."""
    steps = [int(step) if step.isdecimal() else step for step in path.split(".")]

    def cell(line: Mapping[str, Any]) -> Any:
        value: Any = line
        for step in steps:
            missing = value is None or (isinstance(step, int) and len(value) <= step)
            value = None if missing else value[step]
        return str(value).lower() if isinstance(value, bool) else value

    return cell


def columns_at(*paths: str) -> dict[str, Cell]:
    """Return columns with the values at these paths. The names of columns of a first citation have `citation` in them."""
    return {path.replace("citations.0", "citation"): at(path) for path in paths}


def cited_at(path: str) -> dict[str, Cell]:
    """Return the columns of the citation at a path."""
    return {f"citation.{name}": at(f"{path}.{name}") for name in _CITED}


_CITED = ("quote", "paragraph", "confidence", "source.id", "source.name", "link")
CITED = cited_at("citations.0")
"""The columns of the first citation of a line."""


def joined(items: str, path: str) -> Cell:
    """Return the cell with the different values that the items of an array have at a path, such as `delegate; speaker`."""
    value = at(path)
    return lambda line: "; ".join(dict.fromkeys(filter(None, (value(item) for item in line[items]))))


def sides(line: Mapping[str, Any]) -> str:
    """Return the sides of a line and who acted for them: `Belarus (Pavel Tkach, First Deputy Minister); China`."""
    return "; ".join(_side(each) for each in line["sides"])


def _side(side: Mapping[str, Any]) -> str:
    people = "; ".join(
        ", ".join(filter(None, (each["person"] and each["person"]["name"], each["capacity"]))) for each in side["people"]
    )
    return f"{side['actor']['name']} ({people})" if people else str(side["actor"]["name"])


def _only_of(form: Representation, query: LinesQuery) -> list[Fault]:
    """Return the faults of parameters that mean nothing to a format."""
    faults = []
    if form is not JSON and query.cursor is not None:
        faults.append(Fault(f"{form.name} holds the whole result; leave the cursor out", parameter="cursor"))
    if form is not CSV and query.bom:
        faults.append(Fault("only csv has this; send format=csv, or leave bom out", parameter="bom"))
    return faults
