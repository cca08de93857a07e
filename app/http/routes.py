"""The routes of the records. The most frequently used routes come first, because the router tries the routes in order."""

from collections.abc import Callable
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import NotFound
from app.http.endpoints import methods_at, not_allowed, require_short
from app.http.records import Records
from app.http.responses import RequestHeaders, request_headers
from app.http.writes import Writes
from app.resources import RESOURCES

Answering = Callable[[Scope, RequestHeaders, Receive, Send], Any]


class _Collection(StringConvertor):
    """A path parameter that matches the names of the existing collections."""

    regex = "|".join(resource.plural for resource in RESOURCES)


register_url_convertor("collection", _Collection())


def of_records(records: Records, writes: Writes) -> list[Route]:
    """Return the routes that read and write records."""
    single = {"GET": records.read, "PUT": writes.replace, "PATCH": writes.patch, "DELETE": writes.delete}
    return [
        route("/v1/{plural:collection}/{id}", **single),
        route("/v1/{plural:collection}", GET=records.list_, POST=writes.create),
        route("/v1/{plural:collection}/{id}/restore", POST=writes.restore),
        route("/v1/{plural:collection}/{id}/merge", POST=writes.merge),
        route(
            "/v1/{plural:collection}/identifier/{scheme}/{identifier:path}",
            GET=records.read_identified,
            PUT=writes.replace_identified,
        ),
        route("/v1/records/{id}", GET=records.read_any),
        route("/v1/records", GET=records.list_any),
    ]


def of_nothing(records: Records) -> list[Route]:
    """Return the routes for unknown collections. They must be the last routes, because they match every path below `/v1`."""
    nothing = _NoCollection(records)
    return [Route("/v1/{plural}", nothing), Route("/v1/{plural}/{rest:path}", nothing)]


def route(path: str, kind: type[Route] = Route, /, **endpoints: Answering) -> Route:
    """Return a route for a path, with one endpoint for each HTTP method. `kind`: the class of the route."""
    return kind(path, _HotPath(endpoints))


class _HotPath:
    """The ASGI app of one path. It calls the endpoint for the request's method.

    It parses the headers only once, to save time, because these requests are the most frequent ones. It refuses URLs that are
    too long.
    """

    def __init__(self, answering: dict[str, Answering]) -> None:
        self.answering = {**answering, "HEAD": answering["GET"]} if "GET" in answering else answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require_short(scope)
        answering = self.answering.get(scope["method"])
        if answering is None:
            raise not_allowed(scope, set(self.answering))
        await answering(scope, request_headers(scope), receive, send)


class _NoCollection:
    """Answers requests for unknown collections with NotFound. The message names the existing collections."""

    def __init__(self, records: Records) -> None:
        self._known = records.resources
        self._also_called = {
            form: resource
            for resource in records.resources.values()
            for name in (resource.kind.value, resource.plural, *resource.also_called)
            for form in (name, name.removesuffix("s"), f"{name.removesuffix('ies')}y")
        }

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        if methods := methods_at(scope):
            raise not_allowed(scope, methods)
        plural = scope["path_params"]["plural"]
        if plural in self._known:
            raise NotFound("there is nothing at this address")
        there_is_no = f"there is no collection {plural!r}"
        if meant := self._also_called.get(plural.lower().replace("_", "-")):
            raise NotFound(f"{there_is_no}; these records are in {scope.get('shown_prefix', '')}{meant.path}")
        raise NotFound(f"{there_is_no}; there are {', '.join(self._known)}")
