"""Rate limits, and the response headers that report them."""

import time
from collections.abc import MutableMapping
from ipaddress import IPv6Address, ip_network
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooManyRequests
from app.http.problems import answer

WINDOW = 60
"""The length of the period in which requests are counted, in seconds. At its end, all counts start again at zero."""
MOST_CLIENTS = 100_000
"""The maximum number of clients whose requests are counted.

When this number is reached, all counts are deleted, so that they cannot fill the memory.
"""
LONGEST_ADDRESS = 45
UNCOUNTED = frozenset(("/healthz", "/readyz"))
_SEEN = "rapporteur.limits"


class Limit:
    """Limits how many requests each client may send to this process per minute.

    The counts are kept in a dictionary that is cleared every minute. The package `limits` is not used, because its storage took
    9 % of the time of a write, and needed a thread that woke up every 10 ms.
    """

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self._policy = f'"{name}";q={most};w={WINDOW}'.encode()
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def count(self, scope: MutableMapping[str, Any], client: str) -> None:
        """Count a request of a client. Raises TooManyRequests if the client has exceeded the limit.

        The values for the response headers, with the number of requests that are left, are stored in the scope.
        """
        now = time.monotonic()
        if now >= self._until:
            self._counts.clear()
            self._until = now + WINDOW
        if len(self._counts) >= MOST_CLIENTS:
            self._counts.clear()
        counted = self._counts[client] = self._counts.get(client, 0) + 1
        until = max(round(self._until - now), 1)
        left = f'"{self.name}";r={max(self.most - counted, 0)};t={until}'.encode()
        scope.setdefault(_SEEN, []).append((self._policy, left))
        if counted > self.most:
            detail = f"{self.most} {self.name} a minute are the most; this client has made {counted}"
            raise TooManyRequests(detail, headers={"Retry-After": str(until)})


class Limited:
    """Middleware that limits the requests of each client, and reports in the response headers how many requests are left.

    A client is recognized by its IP address (`client_of`). Requests for the paths UNCOUNTED are neither limited nor reported.
    """

    def __init__(self, app: ASGIApp, *, limit: Limit) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 if the client has exceeded the limit. Otherwise pass the request on to the application."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                policies, left = zip(*scope[_SEEN], strict=True)
                told = [(b"ratelimit-policy", b", ".join(policies)), (b"ratelimit", b", ".join(left))]
                message["headers"] = [*message["headers"], *told]
            await send(message)

        try:
            self._limit.count(scope, client_of(scope))
        except TooManyRequests as problem:
            await answer(problem, Request(scope))(scope, receive, tell)
            return
        await self._app(scope, receive, tell)


def client_of(scope: Scope) -> str:
    """Return the text that identifies a client in the counts: its IPv4 address, or the /64 network of its IPv6 address.

    All addresses of a /64 network count as one client, because one subscriber usually has a whole /64 network.
    """
    host: str = scope["client"][0] if scope.get("client") else "unknown"
    if len(host) > LONGEST_ADDRESS:
        return "unknown"  # no IP address is so long: the client invented this text, and a proxy passed it on
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
