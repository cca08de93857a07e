"""The URL as the client used it: the Host header is checked, and trusted proxies may report the original host and prefix."""

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.errors import Malformed
from app.faults import Fault
from app.http.problems import answer

_HOST = re.compile(rb"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")
ANY = "*"
HOSTS_KEPT = 256


class Forwarded(ProxyHeadersMiddleware):
    """Applies `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` of trusted proxies (uvicorn handles the first two)."""

    def __init__(self, app: ASGIApp, *, trusted: str, hosts: Iterable[str] = (ANY,)) -> None:
        """`hosts`: names under which the registry is reached, `*` for all."""
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]
        allowed = {name.strip().lower().encode() for name in hosts}
        self._allowed = frozenset[bytes]() if ANY.encode() in allowed else frozenset(allowed)
        self._fine: set[bytes] = set()
        """Cache of valid hosts: checking one takes as long as routing a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Rewrite the host and the prefix, then let uvicorn rewrite the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        hosts = []
        said: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name.startswith(b"x-forwarded-"):
                said[name] = value
        fault = None if len(hosts) == 1 and hosts[0] in self._fine else self._fault_of(hosts, scope)
        if said and fault is None:
            client = scope.get("client")
            if (client[0] if client else None) in self.trusted_hosts:
                fault = self._believe(scope, said)
        if fault is not None:
            # The host is removed, because the response must contain no URL that is built from a wrong host.
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
            await answer(Malformed(str(fault), faults=[fault]), Request(scope))(scope, receive, send)
        elif said:
            await super().__call__(scope, receive, send)  # type: ignore[arg-type]
        else:
            await self.app(scope, receive, send)  # type: ignore[arg-type]

    def _fault_of(self, hosts: list[bytes], scope: Scope) -> Fault | None:
        if len(hosts) != 1:
            if not hosts and scope.get("http_version") == "1.0":
                return None
            return Fault(f"came {len(hosts)} times; a request has one", header="Host")
        return self._fault_in(hosts[0], "Host")

    def _fault_in(self, host: bytes, header: str) -> Fault | None:
        found = _HOST.fullmatch(host)
        if found is None:
            return Fault(f"{host[:60].decode('latin-1')!r} is no host name with a port or without", header=header)
        if self._allowed and found["name"].lower() not in self._allowed:
            return Fault(f"{found['name'].decode()!r} is none of this registry's hosts", header=header)
        if len(self._fine) >= HOSTS_KEPT:
            self._fine.clear()
        self._fine.add(host)
        return None

    def _believe(self, scope: Scope, said: dict[bytes, bytes]) -> Fault | None:
        """Apply the headers of a trusted proxy. Returns a fault if one is invalid, whether the proxy or a client wrote it."""
        host = said.get(b"x-forwarded-host", b"").split(b",")[0].strip()
        if host:
            if (fault := self._fault_in(host, "X-Forwarded-Host")) is not None:
                return fault
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"] + [(b"host", host)]
        prefix = said.get(b"x-forwarded-prefix", b"").decode("latin-1")
        if not _PREFIX.fullmatch(prefix) or _DOTS.search(prefix):
            return Fault(f"{prefix[:60]!r} is no path of plain segments, like /registry", header="X-Forwarded-Prefix")
        if prefix := prefix.rstrip("/"):
            scope["shown_prefix"] = prefix
        return None
