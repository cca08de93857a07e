"""Files that a browser loads once and then keeps: their addresses name a digest of their content (`?v=…`)."""

import gzip
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app.http.responses import SAFELY, matches, request_headers

_REVALIDATED = "no-cache"
_KEPT = "public, max-age=31536000, immutable"
_COMPRESSION = 9
"""The level for gzip. The compressed bytes are kept, so that only the first request waits for them."""


class StaticFile:
    """A file or page. Its content is made at the first request, so that it delays no start of the application."""

    def __init__(self, media_type: str, content: Callable[[], str], policy: str) -> None:
        """`policy`: the Content-Security-Policy, which matters for pages."""
        self._media_type = media_type
        self._content = content
        self._headers = {
            **{name.decode(): value.decode() for name, value in SAFELY},
            "content-security-policy": policy,
            "vary": "Accept-Encoding",
        }

    @cached_property
    def _made(self) -> tuple[str, bytes]:
        content = self._content().encode()
        return sha256(content, usedforsecurity=False).hexdigest()[:16], gzip.compress(content, _COMPRESSION, mtime=0)

    @property
    def version(self) -> str:
        """A digest of the content. A browser may keep for ever what has this digest in its URL (`?v=…`)."""
        return self._made[0]

    def response(self, request: Request) -> Response:
        """Return the content, compressed if the client takes gzip; or 304 if the client has it already."""
        wanted = request_headers(request.scope)
        version, compressed = self._made
        tag = f'"{version}-gzip"' if wanted.gzip else f'"{version}"'
        headers = self._headers | {"etag": tag}
        headers["cache-control"] = _KEPT if request.query_params.get("v") == version else _REVALIDATED
        if wanted.if_none_match and matches(wanted.if_none_match, tag):
            return Response(status_code=304, headers=headers)
        if wanted.gzip:
            headers["content-encoding"] = "gzip"
        content = compressed if wanted.gzip else gzip.decompress(compressed)
        return Response(content, media_type=self._media_type, headers=headers)


def text_file(media_type: str, path: Path, policy: str) -> StaticFile:
    """Return a text file of a folder."""
    return StaticFile(media_type, lambda: path.read_text(encoding="utf-8"), policy)
