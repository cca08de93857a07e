"""Addresses that programs know without being told: the catalogue of APIs, `llms.txt`, `robots.txt` and the icon."""

import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app import DATA_LICENCE
from app.declaration.resource import Resource
from app.http.openapi.document import QUESTIONS
from app.http.responses import ALWAYS, Header, RequestHeaders, base_url, matches, shown_path, tag_of
from app.http.routes import route

HOUR, DAY = 3_600, 86_400
CATALOG = "/.well-known/api-catalog"
_CATALOG_TYPE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
_ICON = Path(__file__).parent / "docs_files" / "favicon.ico"
_HEADERS = [(name, value) for name, value in ALWAYS if name not in (b"cache-control", b"vary")]

_ROBOTS = """\
# Whatever is not named here may be read. The whole registry is one request, and the changes lead on from there:
# {base}/v1/export and {base}/v1/changes; see {base}/llms.txt.
User-agent: *
Disallow: {prefix}/v1/*cursor=
Disallow: {prefix}/v1/*/history
Disallow: {prefix}/v1/export
Disallow: {prefix}/*cursor=
Disallow: {prefix}/search
Sitemap: {base}/sitemap.xml
"""
_LLMS = """\
# Rapporteur

> A registry of international cooperation in information and communication technologies: who met whom, when, in what
> capacity; what was signed; what came of it; and which sentence of which document says so.

Reading is open and needs no key. Answers are JSON unless another format is asked for. The data are under {licence}.

## How to ask

- [The start]({base}/v1/): what the registry holds, its last change, links to every collection
- [The description]({base}/openapi.json): every operation, parameter and answer (OpenAPI 3.1)
- Lists are at `{base}/v1/NAME`, records at `{base}/v1/NAME/ID`. NAME is one of {names}
- Any record by its id: `{base}/v1/records/sco`; find ids and names: `{base}/v1/search?q=Zalessky`, `{base}/v1/suggest?q=zal`
- `include=citations` adds to each record the quotes that support it, each with its source and a link to the very passage
- Across kinds: `{base}/v1/NAME`, where NAME is one of {views}; for instance `{base}/v1/ledger?between=BY,CN`
- Page with `cursor=` until `page.next_cursor` is null; `count=true` counts; `lang=ru` shows names in Russian
- Unknown parameters are refused, and each error says what to send instead

## Examples

{examples}

## Formats

- `format=csv`, `ndjson`, `xlsx`, `atom`, `jsonfeed` on every list; `format=ics` (a calendar) on meetings and actions
- [Everything]({base}/v1/export) as NDJSON, and then [what changed]({base}/v1/changes)

## What to know before you cite

- Dates are as precise as their source (EDTF): `2009-11` is a month, `2022-10-27~` about that day, null is not stated
- A statement without citations is not supported by a document: `uncited=true` lists them
- Say the record's address and its source; addresses stay as they are ([the promise]({base}/docs/promise))
"""
_VIEWS = ("ledger", "commitments", "counterparts", "compare", "matrix", "network", "dossier")
_EXAMPLES = {
    "talks": "who took part in the negotiations of 16 June 2025",
    "between": "what was signed between Belarus and China, and what happened to it later",
    "member": "whether Belarus was a member of the SCO on 1 January 2025",
    "topic": "memoranda on artificial intelligence, with the passages that say so",
}
"""By name of a question of the docs page, what its answer is."""


def routes(resources: Iterable[Resource]) -> list[Route]:
    """Return the routes of these addresses."""
    names = ", ".join(resource.plural for resource in resources)

    async def catalog(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        """`GET /.well-known/api-catalog` (RFC 9727): where the API is, its description, documentation, licence and state."""
        base = base_url(scope)
        itself = f"{base}{CATALOG}"
        api = {
            "anchor": f"{base}/v1/",
            "service-desc": [{"href": f"{base}/openapi.json", "type": "application/json"}],
            "service-doc": [
                {"href": f"{base}/docs", "type": "text/html"},
                {"href": f"{base}/llms.txt", "type": "text/plain"},
            ],
            "terms-of-service": [{"href": f"{base}/docs/promise", "type": "text/html"}],
            "status": [{"href": f"{base}/readyz", "type": "application/json"}],
            "license": [{"href": f"https://spdx.org/licenses/{DATA_LICENCE}.html"}],
        }
        body = json.dumps({"linkset": [{"anchor": itself, "item": [{"href": f"{base}/v1/"}]}, api]}, indent=1).encode()
        link = f'<{shown_path(scope, CATALOG)}>; rel="api-catalog"'.encode()
        await _send_kept(send, body, request, _CATALOG_TYPE, HOUR, (b"link", link))

    async def llms(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        """`GET /llms.txt`: what the registry is and how to ask it, for language models."""
        base = base_url(scope)
        examples = "\n".join(f"- [{told}]({base}{QUESTIONS[name]})" for name, told in _EXAMPLES.items())
        text = _LLMS.format(base=base, licence=DATA_LICENCE, names=names, views=", ".join(_VIEWS), examples=examples)
        await _send_kept(send, text.encode(), request, "text/plain; charset=utf-8", HOUR)

    async def robots(scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        """`GET /robots.txt` (RFC 9309): what crawlers should not read, because it has no end or is everything at once."""
        text = _ROBOTS.format(base=base_url(scope), prefix=shown_path(scope, ""))
        await _send_kept(send, text.encode(), request, "text/plain; charset=utf-8", HOUR)

    async def icon(_scope: Scope, request: RequestHeaders, _receive: Receive, send: Send) -> None:
        """`GET /favicon.ico`: what browsers ask for beside an answer that names no icon, such as JSON."""
        await _send_kept(send, _ICON.read_bytes(), request, "image/vnd.microsoft.icon", DAY)

    answering: dict[str, Callable[[Scope, RequestHeaders, Receive, Send], Awaitable[None]]] = {
        CATALOG: catalog,
        "/llms.txt": llms,
        "/robots.txt": robots,
        "/favicon.ico": icon,
    }
    return [route(path, GET=each) for path, each in answering.items()]


async def _send_kept(
    send: Send, body: bytes, request: RequestHeaders, content_type: str, seconds: int, *headers: Header
) -> None:
    """Send a small body that clients may keep for so many seconds, or 304 if the client has it already."""
    tag = tag_of(body, None)
    told = [*_HEADERS, (b"etag", tag.encode()), (b"cache-control", f"public, max-age={seconds}".encode()), *headers]
    is_known = bool(request.if_none_match) and matches(request.if_none_match, tag)
    if not is_known:
        told += [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": told})
    await send({"type": "http.response.body", "body": b"" if is_known or request.head else body})
