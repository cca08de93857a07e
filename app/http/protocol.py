"""uvicorn's HTTP protocol, but for one thing: what is no HTTP at all is told in the shape of every other failure."""

from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import Malformed
from app.http.answers import ALWAYS
from app.http.problems import MEDIA_TYPE, text_of

_DETAIL = (
    "this is no HTTP request: an address has less than 64 KiB and holds no byte outside ASCII;"
    " write other letters percent-encoded, as `curl --get --data-urlencode 'q=связи'` does"
)


class Protocol(HttpToolsProtocol):
    """Answers what cannot be parsed with a problem document instead of plain text."""

    def send_400_response(self, msg: str) -> None:
        """Answer and close, as uvicorn does."""
        del msg
        scheme = cast("dict[str, Any]", {"scheme": "http", "headers": [], "path": "/", "query_string": b""})
        body = text_of(Malformed(_DETAIL), cast("Scope", scheme)).encode()
        head = b"".join(b"%b: %b\r\n" % header for header in ALWAYS)
        own = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[400] + head + own.encode() + body)
        self.transport.close()
