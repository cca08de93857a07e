"""Finds out which URL the client used: checks the Host header, and accepts host and prefix from trusted proxies."""

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
PROTO = b"x-forwarded-proto"
HOSTS_KEPT = 256


class Forwarded(ProxyHeadersMiddleware):
    """Middleware that applies the headers `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` of trusted proxies.

    The base class, from uvicorn, handles the first header.
    """

    def __init__(self, app: ASGIApp, *, trusted: str, hosts: Iterable[str] = (ANY,)) -> None:
        """`trusted`: IP addresses of the trusted proxies.

        `hosts`: the host names that requests may use; `*` allows all names.
        """
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]
        allowed = {name.strip().lower().encode() for name in hosts}
        self._allowed = frozenset[bytes]() if ANY.encode() in allowed else frozenset(allowed)
        self._fine: set[bytes] = set()
        """Cache of valid Host values. It saves time, because checking a value takes as long as routing a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Check the host, apply the forwarded scheme, host and prefix, and let uvicorn's class apply the client's address."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        hosts = []
        said: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name.startswith(b"x-forwarded-"):
                said[name] = said[name] + b"," + value if name in said else value
        fault = None if len(hosts) == 1 and hosts[0] in self._fine else self._fault_of(hosts, scope)
        if said and fault is None:
            client = scope.get("client")
            if (client[0] if client else None) in self.trusted_hosts:
                fault = self._believe(scope, said)
        if fault is not None:
            # Remove the host, so that the response contains no URL with a wrong host.
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
            await answer(Malformed(str(fault), faults=[fault]), Request(scope))(scope, receive, send)
        elif said:
            # uvicorn's class would not understand `HTTPS` or a list in X-Forwarded-Proto, which is applied already.
            passed = [pair for pair in scope["headers"] if pair[0] != PROTO]
            await super().__call__({**scope, "headers": passed}, receive, send)  # type: ignore[arg-type]
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
        """Apply the forwarded scheme, host and prefix of a request from a trusted proxy. Returns a Fault if one is invalid.

        Behind several proxies, the scheme and the host are lists, of which the first entry is what the client used. An invalid
        header is refused even if the client wrote it and the proxy only passed it on.
        """
        scheme = said.get(PROTO, b"").split(b",")[0].strip().lower()
        if scheme:
            if scheme not in (b"http", b"https"):
                return Fault(f"{scheme[:60].decode('latin-1')!r} is neither http nor https", header="X-Forwarded-Proto")
            scope["scheme"] = scheme.decode()
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
