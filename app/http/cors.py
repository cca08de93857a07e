"""Cross-origin requests (CORS): scripts of any origin may read, with any headers, but must not write."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden
from app.http.problems import answer

KEPT = 86_400
"""The number of seconds for which a browser may cache the response to a preflight request."""


class Preflight:
    """Answers preflight requests (OPTIONS).

    For other requests there is nothing to do, because every response has the CORS header. A read may have any headers, such as
    `X-Requested-With`, those of tracing (`traceparent`, `baggage`) and `Authorization`: headers cannot turn a read into a
    write, and the browser adds no key or cookie of its own, because no response allows credentials.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rules = CORSMiddleware(app, allow_origins=["*"], allow_methods=["GET", "HEAD"], allow_headers=["*"], max_age=KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request if it is a preflight request. Otherwise pass it on to the application."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                response = self._rules.preflight_response(headers)
                if response.status_code >= 400:
                    refused = bytes(response.body).decode()
                    response = answer(Forbidden(f"scripts of other origins may only read: {refused}"), Request(scope))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
