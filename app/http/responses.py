"""Helpers for responses: entity tags, headers, compression, streams."""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from app.caching import cached
from app.errors import Unavailable
from app.http.shutdown import Stopping
from app.reading.changes import Position

Header = tuple[bytes, bytes]
_log = logging.getLogger("rapporteur")

COMPRESSED_FROM = 1_000
"""The minimum size, in bytes, of a body that is compressed. Streams of any size are compressed."""
_LEVEL = 1
_GZIP_WINDOW = 31
_DIGEST_BYTES = 9

SAFELY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
"""Security headers. They forbid a browser to guess the content type, to run scripts, and to show the response in a frame."""
EXPOSED = (
    b"Content-Disposition, Content-Language, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy,"
    b" Rapporteur-Position, Retry-After"
)
ALWAYS: tuple[Header, ...] = (
    (b"vary", b"Accept, Accept-Language, Accept-Encoding"),
    (b"cache-control", b"no-cache"),
    *SAFELY,
    # Scripts of any origin may read. Preflight requests for writes are refused (cors.py).
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED),
)


class RequestHeaders(NamedTuple):
    """The parts of a request on which the form of the response depends: some request headers, and the method.

    `head`: the method is HEAD. `reads`: the method is GET or HEAD.
    """

    accept: str
    accept_language: str
    if_none_match: str
    gzip: bool
    head: bool
    reads: bool


def request_headers(scope: Scope) -> RequestHeaders:
    """Make the RequestHeaders of a request, in a single pass over its headers."""
    accept = language = none_match = encoding = b""
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = accept + b"," + value if accept else value
        elif name == b"accept-language":
            language = language + b"," + value if language else value
        elif name == b"if-none-match":
            none_match = none_match + b"," + value if none_match else value
        elif name == b"accept-encoding":
            encoding = encoding + b"," + value if encoding else value
    return RequestHeaders(
        accept.decode("latin-1"),
        language.decode("latin-1"),
        none_match.decode("latin-1"),
        bool(encoding) and _takes_gzip(encoding.decode("latin-1")),
        scope["method"] == "HEAD",
        scope["method"] in ("GET", "HEAD"),
    )


@cached(64_000)
def _takes_gzip(accept_encoding: str) -> bool:
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = weight.replace(" ", "")
    return weights.get("gzip", weights.get("*", "q=0")) not in ("q=0", "q=0.0", "q=0.00", "q=0.000")


def matches(if_none_match: str, tag: str) -> bool:
    """Whether the header `If-None-Match` is `*` or contains the response's entity tag. If so, 304 can be sent."""
    return if_none_match.strip() == "*" or any(part.strip().removeprefix("W/") == tag for part in if_none_match.split(","))


def tag_of(body: bytes, version: int | None, *, encoding: str = "") -> str:
    """Return the entity tag of a response: the record's version, if given, and a digest of the body.

    `If-Match` compares only the version.
    """
    # SHA-256 is used because, for a page, it takes half of the time of BLAKE2: processors have instructions for SHA-256.
    digest = sha256(body, usedforsecurity=False).hexdigest()[: 2 * _DIGEST_BYTES]
    return f'"{digest}{encoding}"' if version is None else f'"{version}.{digest}{encoding}"'


async def send_tagged(
    send: Send,
    body: bytes,
    request: RequestHeaders,
    *,
    status: int = 200,
    version: int | None = None,
    headers: Iterable[Header] = (),
    content_type: str = "application/json",
) -> None:
    """Send a body with its entity tag.

    If `If-None-Match` shows that the client has this body already, send 304 without the body.
    """
    compressed = request.gzip and len(body) >= COMPRESSED_FROM
    tag = tag_of(body, version, encoding="-gzip" if compressed else "")
    common = [*ALWAYS, (b"etag", tag.encode()), *headers]
    if request.if_none_match and request.reads and matches(request.if_none_match, tag):
        await send_unchanged(send, common)
        return
    await send_body(send, body, request, status, common, content_type, compressed=compressed)


async def send_derived(
    send: Send,
    request: RequestHeaders,
    basis: bytes,
    make: Callable[[], Awaitable[bytes]],
    *,
    headers: Iterable[Header] = (),
    content_type: str = "application/json",
) -> None:
    """Send a body that follows from `basis`, such as a position of the change log and the request; `make` makes it.

    The entity tag is a digest of `basis`, so a client that has this body already gets 304 and nothing is made.
    """
    tag, is_known = tag_from(basis, request)
    common = [*ALWAYS, tag, *headers]
    if is_known:
        await send_unchanged(send, common)
        return
    body = await make()
    compressed = request.gzip and len(body) >= COMPRESSED_FROM
    await send_body(send, body, request, 200, common, content_type, compressed=compressed)


def tag_from(basis: bytes, request: RequestHeaders, *, is_packed: bool = False) -> tuple[Header, bool]:
    """Return the entity tag of a body that follows from `basis`, as a header, and whether the client has this body already.

    `is_packed`: the body is never compressed for the transfer.
    """
    tag = tag_of(basis, None, encoding="-gzip" if request.gzip and not is_packed else "")
    is_known = bool(request.if_none_match) and request.reads and matches(request.if_none_match, tag)
    return (b"etag", tag.encode()), is_known


async def send_unchanged(send: Send, headers: list[Header]) -> None:
    """Send 304: the client has the body already."""
    await send({"type": "http.response.start", "status": 304, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def send_body(
    send: Send,
    body: bytes,
    request: RequestHeaders,
    status: int,
    common: list[Header],
    content_type: str,
    *,
    compressed: bool,
) -> None:
    """Send a body with the headers `common`, compressed if asked for. A request with the method HEAD gets the headers alone."""
    if compressed:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        body = packer.compress(body) + packer.flush()
        common.append((b"content-encoding", b"gzip"))
    common += [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": common})
    await send({"type": "http.response.body", "body": b"" if request.head else body})


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    chunks: AsyncGenerator[str],
    request: RequestHeaders,
    stopping: Stopping,
    *,
    content_type: str,
    headers: Iterable[Header] = (),
    seconds: float | None = None,
) -> None:
    """Send a result of any length in chunks. Stop if the client disconnects.

    The connection is aborted if the stream takes longer than `seconds`, if the server shuts down, or if the database becomes
    unavailable. The abort shows the client that the result is truncated.
    """
    first = "" if request.head else await anext(chunks, "")
    common = [*ALWAYS, (b"content-type", content_type.encode()), *headers]
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW) if request.gzip else None
    if packer:
        common.append((b"content-encoding", b"gzip"))
    gone = asyncio.create_task(until_gone(receive))

    def break_off() -> None:
        gone.cancel()
        break_connection(scope)

    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, break_off) if seconds is not None else None
    try:
        with stopping.telling(break_off):
            await send({"type": "http.response.start", "status": 200, "headers": common})
            if not request.head:
                await _send_chunk(send, packer, first)
                async for chunk in chunks:
                    if gone.done():
                        return
                    await _send_chunk(send, packer, chunk)
                    await asyncio.sleep(0)  # lets other tasks run: if the client is fast, no other `await` here does so
            last = packer.flush() if packer and not request.head else b""
            await send({"type": "http.response.body", "body": last})
    except Unavailable as problem:
        _log.warning("a stream was broken off: %s", problem.detail)
        break_off()
    finally:
        if timer is not None:
            timer.cancel()
        gone.cancel()
        await chunks.aclose()


def break_connection(scope: Scope) -> None:
    """Abort the connection, so that no client takes a truncated body for a whole one. Do nothing if the server cannot."""
    scope.get("break_off", _cannot_be_broken_off)()


def _cannot_be_broken_off() -> None:
    """Do nothing. This function is called if the ASGI server cannot abort a connection (has no `break_off`)."""


async def until_gone(receive: Receive) -> None:
    """Return when the client has disconnected. What it still sends of the request is discarded."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_chunk(send: Send, packer: "zlib._Compress | None", chunk: str) -> None:
    body = chunk.encode()
    if packer:
        body = packer.compress(body)
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


def page_links(scope: Scope, query_of_next: str | None, alternates: str = "") -> tuple[dict[str, str | None], list[Header]]:
    """Return the URLs of this page and of the next page, and the `Link` header with the URL of the next page.

    `query_of_next`: the query string of the next page; None on the last page. `alternates`: links to the other formats, which
    the header has, too. If it would have no link, there is no header.
    """
    here = f"{base_url(scope)}{scope['path']}"
    links: dict[str, str | None] = {"self": request_url(scope), "next": None}
    if query_of_next is None:
        return links, link_header(alternates)
    links["next"] = f"{here}?{query_of_next}"
    following = f'<{links["next"]}>; rel="next"'
    return links, link_header(f"{following}, {alternates}" if alternates else following)


def link_header(links: str) -> list[Header]:
    """Return the `Link` header with these links; an empty list if there are none."""
    return [(b"link", links.encode())] if links else []


def language_header(language: str | None = None) -> list[Header]:
    """Return the `Content-Language` header for the requested language; an empty list if no language is given."""
    return [(b"content-language", language.encode())] if language else []


def position_header(position: Position) -> Header:
    """Return the header with a position in the change log, from which `/v1/changes` can be followed."""
    return b"rapporteur-position", str(position).encode()


def moved(scope: Scope, path: str, record_id: str) -> Response:
    """Return a redirect to a record at another path, with the same query string.

    The URL contains no host, so that a wrong Host header cannot redirect the client to another server.
    """
    query = scope["query_string"].decode("latin-1")
    where = shown_path(scope, f"{path}/{quote(record_id)}") + (f"?{query}" if query else "")
    return RedirectResponse(where, 308, {name.decode(): value.decode() for name, value in ALWAYS})


def base_url(scope: Scope) -> str:
    """Return the scheme, host and prefix of the URL that the client used.

    If a trusted proxy reported them, `Forwarded` has already written them to the scope.
    """
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
    if host is None:  # allowed in HTTP/1.0
        host, port = scope.get("server") or ("localhost", None)
        host = f"{f'[{host}]' if ':' in host else host}:{port}" if port else host
    return f"{scope['scheme']}://{host}{shown_path(scope, '')}"


def request_url(scope: Scope) -> str:
    """Return the URL that the client used, with its scheme and host."""
    query = scope["query_string"].decode("latin-1")
    return f"{base_url(scope)}{scope['path']}" + (f"?{query}" if query else "")


def address(scope: Scope) -> str:
    """Return the path and the query string of the URL that the client used, percent-encoded."""
    query = scope["query_string"]
    path = scope.get("raw_path", b"").decode("latin-1") or quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
    return shown_path(scope, path) + ("?" + query.decode("latin-1") if query else "")


def shown_path(scope: Scope, path: str) -> str:
    """Return a path of this application as the client has to write it: behind the path prefix of a proxy, if there is one."""
    return f"{scope.get('shown_prefix', '')}{path}"
