"""FastAPI routes of the registry: endpoints are ordinary functions, but this module, not FastAPI, handles the requests.

FastAPI reads each function's signature only for the OpenAPI document. The requests are handled here for two reasons. First, the
registry refuses unknown and repeated parameters, reports all errors together, checks the key before it reads a body, answers
HEAD like GET, and sends entity tags. Second, this takes 29 µs per request; FastAPI would take 68 µs, even without these
features (docs/decisions/05-asgi-hot-paths.md).
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from fastapi import Request as FastApiRequest
from fastapi import params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from app.errors import AddressTooLong, MethodNotAllowed
from app.http.bodies import JSON_TYPES, body_of, checked, object_in
from app.http.negotiation import negotiated
from app.http.parameters import NoQuery, query_pairs, validated
from app.http.representations import JSON, Representation
from app.http.responses import ALWAYS, Header, RequestHeaders, request_headers, send_tagged

MAX_ADDRESS = 16_384
"""The maximum length of a URL's path and query together, in bytes."""


class Request(FastApiRequest):
    """A request.

    Its attribute `wants` contains the request headers on which the response depends, `pairs` the parameters of its query, and
    `representation` the representation that the client prefers among those that the endpoint offers.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.wants: RequestHeaders = request_headers(scope)
        self.pairs: list[tuple[str, str]] = []
        self.representation: Representation = JSON


class Tagged(NamedTuple):
    """A response, of JSON if nothing else is said, that is sent with its entity tag."""

    body: bytes
    headers: list[Header]
    status: int = 200
    version: int | None = None
    """The version in the entity tag, which `If-Match` compares; None if the resource has no versions."""
    content_type: str = "application/json"


class NoContent(Response):
    """A response without a body (204)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response 204 with the headers that all responses have."""
        await send({"type": "http.response.start", "status": 204, "headers": list(ALWAYS)})
        await send({"type": "http.response.body", "body": b""})


class Endpoint(APIRoute):
    """A route whose function may have these parameters: `Request`, path parameters, `Query()`, `Body()`, `Security()`.

    The function returns a pydantic model, a `Tagged`, or an ASGI app that sends the response. A request body may have at most
    `max_body_size` bytes.
    """

    offered: tuple[Representation, ...] = (JSON,)
    """The representations between which a client can choose. If there are none, the query and `Accept` are ignored."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **keywords: Any) -> None:
        super().__init__(path, endpoint, **keywords)
        self._function: Callable[..., Awaitable[Any]] = endpoint
        self._security: list[tuple[str, Callable[[Request], Awaitable[Any]]]] = []
        self._query: tuple[str | None, type[BaseModel]] = (None, NoQuery)
        self._body: tuple[str, type[BaseModel]] | None = None
        self._path: dict[str, str] = {}
        """Maps the name of each function argument to the name of the path parameter whose value the argument receives."""
        self._methods = frozenset(self.methods or ())
        self._request: str | None = None
        for name, parameter in inspect.signature(endpoint, eval_str=True).parameters.items():
            self._take(name, parameter.annotation)
        self.app = self._answer

    def _take(self, name: str, annotation: Any) -> None:
        """Register a parameter of the function. `annotation` tells which part of the request the parameter receives."""
        if annotation is Request:
            self._request = name
            return
        of, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        match next((mark for mark in marks if isinstance(mark, (params.Param, params.Body, params.Depends))), None):
            case params.Security(dependency=check) if check is not None:
                self._security.append((name, check))
            case params.Query():
                self._query = name, of
            case params.Body():
                self._body = name, of
            case params.Path(alias=alias):
                self._path[name] = alias or name
            case _:
                raise TypeError(f"{self.path}: the parameter {name!r} is none that an endpoint takes")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the path and the method match this route, and the values to add to the scope.

        HEAD matches a route for GET.
        """
        match, found = Route.matches(self, scope)  # FastAPI's `matches` also searches nested routers; we have none
        if match is Match.PARTIAL and scope["method"] == "HEAD" and "GET" in self._methods:
            return Match.FULL, found
        return match, found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises MethodNotAllowed if the path exists, but not for this method."""
        if ("GET" if scope["method"] == "HEAD" else scope["method"]) not in self._methods:
            raise not_allowed(scope, methods_at(scope))
        await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        given = {name: await check(request) for name, check in self._security}
        if self.offered:
            require_short(scope)
            name, model = self._query
            request.pairs = query_pairs(scope["query_string"])
            query = validated(model, request.pairs)
            if name is not None:
                given[name] = query
            request.representation = self._form(getattr(query, "format", None), request.wants.accept)
        given |= {name: scope["path_params"][place] for name, place in self._path.items()}
        if self._request is not None:
            given[self._request] = request
        if self._body is not None:
            name, model = self._body
            assert self.max_body_size is not None
            body = await body_of(scope, receive, types=JSON_TYPES, limit=self.max_body_size)
            given[name] = checked(model, object_in(body))
        result = await self._function(**given)
        if isinstance(result, BaseModel):
            result = Tagged(result.model_dump_json().encode(), [])
        if isinstance(result, Tagged):
            await send_tagged(
                send,
                result.body,
                request.wants,
                status=result.status,
                version=result.version,
                headers=result.headers,
                content_type=result.content_type,
            )
        else:
            await result(scope, receive, send)

    def _form(self, name: str | None, accept: str) -> Representation:
        """Return the offered representation that the parameter `format` names; without it, the one that `Accept` prefers."""
        if name is None:
            return negotiated(accept, *self.offered)
        return next(each for each in self.offered if each.name == name)


def offering(*representations: Representation) -> type[Endpoint]:
    """Return a class of routes whose responses have one of these representations. Their query models have a field `format`."""

    class Offering(Endpoint):
        offered = representations

    return Offering


def require_short(scope: Scope) -> None:
    """Raise AddressTooLong if the URL's path and query together have more than MAX_ADDRESS bytes."""
    if len(scope["path"]) + len(scope["query_string"]) > MAX_ADDRESS:
        raise AddressTooLong(f"the address has more than {MAX_ADDRESS} bytes")


def methods_at(scope: Scope) -> set[str]:
    """Return the methods of all routes that match the request's path."""
    routes: list[BaseRoute] = scope["app"].routes
    return {
        method
        for route in routes
        if route.matches(scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }


def not_allowed(scope: Scope, methods: set[str]) -> MethodNotAllowed:
    """Return the Problem for a request whose method is not allowed. `methods`: the methods that are allowed for its path."""
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return MethodNotAllowed(f"{scope['method']} is none of {allowed}", headers={"Allow": allowed})
