"""The address as the client used it, behind proxies that are trusted to say so."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


class Forwarded(ProxyHeadersMiddleware):
    """Believes `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` of trusted proxies (uvicorn itself knows the first two)."""

    def __init__(self, app: ASGIApp, *, trusted: str) -> None:
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Rewrite the host and the prefix, then let uvicorn rewrite the rest."""
        said = {name: value for name, value in scope.get("headers", ()) if name.startswith(b"x-forwarded-")}
        if not said:
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        client = scope.get("client")
        if (client[0] if client else None) in self.trusted_hosts:
            host = said.get(b"x-forwarded-host", b"").split(b",")[0].strip()
            if host:
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"] + [(b"host", host)]
            prefix = said.get(b"x-forwarded-prefix", b"").decode("latin-1").rstrip("/")
            if prefix.startswith("/"):
                scope["shown_prefix"] = prefix
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]
