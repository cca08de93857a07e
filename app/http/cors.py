"""Scripts of any origin may read; none may write."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden
from app.http.problems import answer

EXPOSED = ("Content-Language", "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After")
KEPT = 86_400
"""Seconds for which a browser remembers what it may do."""


class Cors(CORSMiddleware):
    """Starlette's, but for the shape in which it refuses."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD"],
            allow_headers=["If-None-Match"],
            expose_headers=EXPOSED,
            max_age=KEPT,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the browser's question before a request of a script of another origin, or let the request pass."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                await self._preflight(headers, scope)(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def _preflight(self, headers: Headers, scope: Scope) -> Response:
        allowed = self.preflight_response(headers)
        if allowed.status_code < 400:
            return allowed
        return answer(Forbidden(f"scripts of other origins may only read: {bytes(allowed.body).decode()}"), Request(scope))
