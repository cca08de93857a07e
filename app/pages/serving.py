"""Serves pages: asks for what a page shows, answers 304 if the visitor has it, otherwise renders the template."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import from_json
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from app import DATA_LICENCE, __version__
from app.declaration.resource import VERSION_PREFIX
from app.errors import NotFound, Problem
from app.http.problems import on_mistake, text_of
from app.http.responses import (
    COMPRESSED_FROM,
    SAFELY,
    Header,
    RequestHeaders,
    request_headers,
    send_body,
    shown_path,
    tag_from,
)
from app.http.routes import route
from app.http.static_files import StaticFile
from app.pages.api import Api, Refused
from app.pages.atoms import LINKS
from app.pages.filters import several
from app.pages.language import language
from app.pages.names import Named, UnclearName
from app.pages.shown import Shown
from app.pages.visit import Elsewhere, Pairs, Visit
from app.pages.words import PLURALS
from app.views.lines import VIA

FOLDER = Path(__file__).parent
POLICY = (
    b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: tuple[Header, ...] = (
    (b"vary", b"Accept-Language, Accept-Encoding"),
    (b"cache-control", b"no-cache"),
    *((name, POLICY if name == b"content-security-policy" else value) for name, value in SAFELY),
)
_HTML = "text/html; charset=utf-8"


class Page(NamedTuple):
    """A page that is ready to be rendered."""

    template: str
    context: Callable[[Shown], Mapping[str, Any]]
    """Makes what the template needs besides `page`. It is called only if the visitor does not have the page."""
    status: int = 200
    json: str | None = None
    """The address of the same answer as JSON, for the header `Link`."""


Making = Callable[[Visit], Awaitable[Page]]


class Pages:
    """Makes routes of functions that make pages."""

    def __init__(self, api: Api, files: Mapping[str, StaticFile]) -> None:
        self._api = api
        self._files = files
        self._digest = _digest_of_templates()

    def at(self, path: str, make: Making) -> Route:
        """Return the route at which a page is."""

        async def get(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
            try:
                ready = await self._ready(scope, request, make)
            except Exception as error:  # noqa: BLE001 - any mistake becomes a page for the visitor; `on_mistake` logs it
                told = await on_mistake(Request(scope), error)
                ready = self._rendered(self._without_query(scope), _of_problem(bytes(told.body), told.status_code), request)
            await ready.send(send, request)

        return route(path, GET=get)

    @property
    def nothing(self) -> Route:
        """The route that tells browsers in a page that there is nothing at an address. It must be the last one."""

        async def get(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
            problem = NotFound(f"there is nothing at {shown_path(scope, scope['path'])}")
            await self._rendered(self._without_query(scope), _about(problem, scope), request).send(send, request)

        return route("/{rest:path}", _ForBrowsers, GET=get)

    async def _ready(self, scope: Scope, request: RequestHeaders, make: Making) -> "_Ready":
        """Return the response to a request for a page. What the API refuses becomes a page, or a redirect, too."""
        visit = None
        try:
            visit = Visit(self._api, scope)
            page = await make(visit)
        except Elsewhere as elsewhere:
            return _moved(elsewhere.address, elsewhere.status)
        except Refused as refused:
            if location := refused.answer.headers.get(b"location"):
                return _moved(_of_page(location.decode(), scope), 308)
            page = _of_problem(refused.answer.body, refused.answer.status)
        except UnclearName as unclear:
            page = _of_unclear(unclear)
        except Problem as problem:
            page = _about(problem, scope)
        return await asyncio.to_thread(self._rendered, visit or self._without_query(scope), page, request)

    def _without_query(self, scope: Scope) -> Visit:
        """Return the visit for a page about a request whose query string cannot be parsed, or does not matter."""
        return Visit(self._api, {**scope, "query_string": b""})

    def _rendered(self, visit: Visit, page: Page, request: RequestHeaders) -> "_Ready":
        """Return the response with a page, or 304 without rendering if the visitor has the page."""
        address = visit.scope["path"], visit.scope["query_string"], visit.scope.get("shown_prefix", "")
        basis = repr((self._digest, visit.language.tag, address, page.template, sorted(visit.tags))).encode()
        tag, is_known = tag_from(basis, request)
        headers = [*_HEADERS, tag, (b"content-language", visit.language.tag.encode())]
        if page.json:
            headers.append((b"link", f'<{page.json}>; rel="alternate"; type="application/json"'.encode()))
        if is_known and page.status == 200:
            return _Ready(304, headers, None)
        return _Ready(page.status, headers, self.render(visit, page))

    def render(self, visit: Visit, page: Page) -> bytes:
        """Return a page as HTML."""
        shown = Shown(visit)
        template = _environment(visit.language.tag).get_template(page.template)
        context = {"title": "", **page.context(shown)}
        return template.render(page=shown, json=page.json, static=self._address, about=_ABOUT, **context).encode()

    def _address(self, name: str) -> str:
        return f"{name}?v={self._files[name].version}"


class _Ready(NamedTuple):
    """A response that is ready to be sent."""

    status: int
    headers: list[Header]
    body: bytes | None

    async def send(self, send: Send, request: RequestHeaders) -> None:
        """Send the response, compressed if asked for."""
        if self.body is None:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "http.response.body", "body": b""})
            return
        compressed = request.gzip and len(self.body) >= COMPRESSED_FROM
        await send_body(send, self.body, request, self.status, self.headers, _HTML, compressed=compressed)


class _ForBrowsers(Route):
    """A route that only readers with a browser are led to. Programs get a problem, and the API has its own answers."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the request is a browser's for a page."""
        request = request_headers(scope)
        if not request.reads or "text/html" not in request.accept or scope["path"].startswith(VERSION_PREFIX):
            return Match.NONE, {}
        return super().matches(scope)


_ABOUT = {"version": __version__, "licence": DATA_LICENCE}


@cache
def _environment(tag: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.globals |= {"LINKS": LINKS, "VIA": VIA, "plural_of": PLURALS}
    made.install_gettext_translations(language(tag).texts, newstyle=False)  # type: ignore[attr-defined]
    return made


def _digest_of_templates() -> str:
    """Return what changes whenever a template or a catalogue does."""
    files = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".html", ".po", ".py"))
    return sha256(b"".join(path.read_bytes() for path in files), usedforsecurity=False).hexdigest()[:16]


def _moved(address: str, status: int) -> _Ready:
    return _Ready(status, [*_HEADERS, (b"location", address.encode())], None)


def _of_page(location: str, scope: Scope) -> str:
    """Return the address of the page of a record that moved. `location`: where the API says that the record is."""
    prefix, query = shown_path(scope, ""), scope["query_string"].decode("latin-1")
    path = urlsplit(location).path.removeprefix(prefix).removeprefix(VERSION_PREFIX)
    return f"{prefix}{path}" + (f"?{query}" if query else "")


def _about(problem: Problem, scope: Scope) -> Page:
    """Return the page for a problem that this process found before it asked the API."""
    return _of_problem(text_of(problem, scope).encode(), problem.status)


def _of_unclear(unclear: UnclearName) -> Page:
    """Return the page for a name in a form that no record has, or several."""
    parameter, typed = unclear.parameter, unclear.typed

    def is_unclear(name: str, value: str) -> bool:
        return name == parameter and typed in (value, *several([value]))

    def with_record(pairs: Pairs, record: Named) -> list[tuple[str, str]]:
        return [
            (name, ",".join(record.id if each == typed else each for each in several([value])))
            if is_unclear(name, value)
            else (name, value)
            for name, value in pairs
        ]

    def context(shown: Shown) -> Mapping[str, Any]:
        possible = [(record, with_record(shown.visit.pairs, record)) for record in unclear.possible]
        return {"typed": typed, "possible": possible, "fitting": _fitting(shown, is_unclear)}

    return Page("unclear.html", context, 422)


def _of_problem(body: bytes, status: int) -> Page:
    problem = from_json(body)
    faulty = {each.get("parameter") for each in problem.get("errors", ())}

    def context(shown: Shown) -> Mapping[str, Any]:
        return {"problem": problem, "fitting": _fitting(shown, lambda name, _value: name in faulty)}

    return Page("problem.html", context, status)


def _fitting(shown: Shown, is_faulty: Callable[[str, str], bool]) -> list[tuple[str, str]]:
    """Return the parameters of a faulty address that are not at fault; none if it is unknown which ones are."""
    pairs = shown.visit.pairs
    fitting = [(name, value) for name, value in pairs if not is_faulty(name, value)]
    return fitting if len(fitting) < len(pairs) else []
