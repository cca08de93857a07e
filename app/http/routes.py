"""Which endpoint answers at which address; the most frequent first, since the router tries them in turn."""

from collections.abc import Callable
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import AddressTooLong, MethodNotAllowed, NotFound
from app.http.changes import Log
from app.http.exchange import Exchange
from app.http.imports import Imports
from app.http.keys import Keys
from app.http.records import Records
from app.http.responses import Asked, asked
from app.http.search import Search
from app.http.writes import Writes
from app.resources import RESOURCES

MAX_ADDRESS = 16_384
Answering = Callable[[Scope, Asked, Receive, Send], Any]


class _Collection(StringConvertor):
    """The name of a collection in an address."""

    regex = "|".join(resource.plural for resource in RESOURCES)


register_url_convertor("collection", _Collection())


def of_records(
    records: Records, search: Search, writes: Writes, imports: Imports, keys: Keys, log: Log, exchange: Exchange
) -> list[Route]:
    """The routes of records, and of what stands across kinds."""
    single = {"GET": records.one, "PUT": writes.replace, "PATCH": writes.patch, "DELETE": writes.delete}
    return [
        route("/v1/{plural:collection}/{id}", **single),
        route("/v1/{plural:collection}", GET=records.many, POST=writes.create),
        route("/v1/{plural:collection}/{id}/history", GET=log.history),
        route("/v1/{plural:collection}/{id}/restore", POST=writes.restore),
        route("/v1/{plural:collection}/{id}/merge", POST=writes.merge),
        route("/v1/records/{id}", GET=records.any_one),
        route("/v1/records", GET=records.any_many),
        route("/v1/search", GET=search.search),
        route("/v1/suggest", GET=search.suggest),
        route("/v1/changes", GET=log.changes),
        route("/v1/export", GET=exchange.export),
        route("/v1/import", POST=imports.import_),
        route("/v1/keys/{id}", GET=keys.one, DELETE=keys.revoke),
        route("/v1/keys", GET=keys.list, POST=keys.create),
    ]


def of_nothing(records: Records) -> list[Route]:
    """The routes, behind all others, of collections that there are not."""
    return [
        # GET is answered by service.py.
        Route("/v1/vocabularies", _Endpoint({}, elsewhere=("GET", "HEAD"))),
        Route("/v1/{plural}", _NoCollection(records)),
        Route("/v1/{plural}/{rest:path}", _NoCollection(records)),
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


class _NoCollection(_Endpoint):
    """Says which collections there are to whoever asks for another."""

    def __init__(self, records: Records) -> None:
        super().__init__({})
        self._records = records

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        plural, known = scope["path_params"]["plural"], self._records.resources
        raise NotFound(
            "there is nothing at this address"
            if plural in known
            else f"there is no collection {plural!r}; there are {', '.join(known)}"
        )
