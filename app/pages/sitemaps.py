"""`/sitemap.xml`: the addresses of the pages for search engines (sitemaps.org), in a file for each collection."""

import asyncio
import json
from collections.abc import Iterator
from xml.sax.saxutils import escape

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import Unavailable
from app.http.responses import ALWAYS, COMPRESSED_FROM, RequestHeaders, base_url, send_body, send_unchanged, tag_from
from app.http.routes import route
from app.pages.api import Api, Refused
from app.pages.registry import BROWSED
from app.pages.resources import BY_PLURAL

MOST_PAGES = 10_000
"""The number of pages of a collection at the most: those of the records that changed last. Crawlers find others by links."""
_VIEWS = ("/", "/ledger", "/commitments", "/counterparts", "/matrix", "/network", "/changes", "/vocabularies", "/about")
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_XML = "application/xml; charset=utf-8"


def routes(api: Api) -> list[Route]:
    """Return the routes of the sitemaps."""

    async def index(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        base = base_url(scope)
        maps = "".join(f"<sitemap><loc>{escape(f'{base}/sitemaps/{name}.xml')}</loc></sitemap>" for name in ("views", *BROWSED))
        await _send(send, request, f"<sitemapindex {_SPACE}>{maps}</sitemapindex>")

    async def views(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        base = base_url(scope)
        pages = (*_VIEWS, *(f"/{name}" for name in BROWSED))
        await _send(send, request, _urls(f"<url><loc>{escape(base + page)}</loc></url>" for page in pages))

    async def records(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        resource = BY_PLURAL[scope["path_params"]["plural"]]
        query = [("format", "ndjson"), ("fields", "id,updated_at"), ("sort", "-updated_at"), ("limit", str(MOST_PAGES))]
        try:
            answer = await api.get(scope, resource.path, query)
        except Refused:
            raise Unavailable("the registry cannot list its pages now; try again in a minute") from None
        base = f"{base_url(scope)}/{resource.plural}"
        await _send(send, request, await asyncio.to_thread(_of_records, base, answer.body))

    return [
        route("/sitemap.xml", GET=index),
        route("/sitemaps/views.xml", GET=views),
        route("/sitemaps/{plural:collection}.xml", GET=records),
    ]


def _of_records(base: str, lines: bytes) -> str:
    found = map(json.loads, lines.splitlines())
    return _urls(f"<url><loc>{escape(base)}/{each['id']}</loc><lastmod>{each['updated_at']}</lastmod></url>" for each in found)


def _urls(urls: Iterator[str]) -> str:
    return f"<urlset {_SPACE}>{''.join(urls)}</urlset>"


async def _send(send: Send, request: RequestHeaders, text: str) -> None:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    tag, is_known = tag_from(body, request)
    headers = [*ALWAYS, tag]
    if is_known:
        await send_unchanged(send, headers)
        return
    await send_body(send, body, request, 200, headers, _XML, compressed=request.gzip and len(body) >= COMPRESSED_FROM)
