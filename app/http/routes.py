"""Which endpoint answers at which address; one that ends in an id first, since the router tries them in turn."""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import AddressTooLong, MethodNotAllowed
from app.http.answers import Asked, asked
from app.http.exchange import Exchange
from app.http.keys import Keys
from app.http.log import Log
from app.http.records import Records
from app.http.writes import Writes

MAX_ADDRESS = 16_384
Answering = Callable[[Scope, Asked, Receive, Send], Any]


def of_records(records: Records, writes: Writes, keys: Keys) -> list[Route]:
    """The routes of single records."""
    return [
        route("/v1/keys/{id}", GET=keys.one, DELETE=keys.revoke),
        route("/v1/records/{id}", GET=records.any_one),
        route("/v1/{plural}/{id}", GET=records.one, PUT=writes.replace, PATCH=writes.patch, DELETE=writes.delete),
    ]


def of_the_rest(records: Records, writes: Writes, keys: Keys, log: Log, exchange: Exchange) -> list[Route]:
    """The routes of lists and of what stands across kinds, behind those of other things right under `/v1/`."""
    return [
        route("/v1/records", GET=records.any_many),
        # GET is answered by service.py; any other method would be taken for one of a collection.
        Route("/v1/vocabularies", _Endpoint({}, elsewhere=("GET", "HEAD"))),
        route("/v1/keys", GET=keys.list, POST=keys.create),
        route("/v1/changes", GET=log.changes),
        route("/v1/export", GET=exchange.export),
        route("/v1/import", POST=writes.import_),
        route("/v1/{plural}", GET=records.many, POST=writes.create),
        route("/v1/{plural}/{id}/history", GET=log.history),
        route("/v1/{plural}/{id}/restore", POST=writes.restore),
        route("/v1/{plural}/{id}/merge", POST=writes.merge),
    ]


def route(path: str, **endpoints: Answering) -> Route:
    """A route with an endpoint for each method."""
    return Route(path, _Endpoint(endpoints))


class _Endpoint:
    """An ASGI endpoint: reads the headers once and refuses addresses that are too long."""

    def __init__(self, answering: dict[str, Answering], *, elsewhere: tuple[str, ...] = ()) -> None:
        """`elsewhere`: methods that the address has too, answered by another route."""
        self.answering = {**answering, "HEAD": answering["GET"]} if "GET" in answering else answering
        self._allowed = ", ".join(sorted({*self.answering, *elsewhere}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope["path"]) + len(scope["query_string"]) > MAX_ADDRESS:
            raise AddressTooLong(f"the address has more than {MAX_ADDRESS} bytes")
        answering = self.answering.get(scope["method"])
        if answering is None:
            raise MethodNotAllowed(f"{scope['method']} is none of {self._allowed}", headers={"Allow": self._allowed})
        await answering(scope, asked(scope), receive, send)
