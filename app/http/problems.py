"""Answers every error in the same format: application/problem+json (RFC 9457)."""

import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.faults import MAX_FAULTS
from app.http.responses import ALWAYS, address, shown_path

MEDIA_TYPE = "application/problem+json"
PAGE = "/docs/problems"
EVERY_SECONDS = 60
SORTS, SORT_LENGTH = 100, 200
_log = logging.getLogger("rapporteur")


def all_problems() -> list[type[errors.Problem]]:
    """Return all classes of problems that a client can get, sorted by status and code."""
    found: list[type[errors.Problem]] = []
    waiting = list(errors.Problem.__subclasses__())
    while waiting:
        problem = waiting.pop()
        found.append(problem)
        waiting += problem.__subclasses__()
    return sorted(found, key=lambda problem: (problem.status, problem.code))


def text_of(problem: errors.Problem, scope: Scope) -> str:
    """Return the body of the response to a request that failed with this problem, as JSON."""
    told: dict[str, Any] = {
        # The type contains no host, so that it is the same for every host name under which the registry is reached.
        "type": shown_path(scope, f"{PAGE}#{problem.code}"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": address(scope),
        "code": problem.code,
    }
    if problem.faults:
        told["errors"] = [fault.told() for fault in problem.faults[:MAX_FAULTS]]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def answer(problem: errors.Problem, request: Request) -> Response:
    """Return the response to a request that failed with this problem."""
    headers = {name.decode(): value.decode() for name, value in ALWAYS}
    text = text_of(problem, request.scope)
    return Response(text.encode("utf-8", "replace"), problem.status, {**headers, **problem.headers}, MEDIA_TYPE)


class _Failures:
    """Logs server errors.

    Errors with the same code and detail are logged only once a minute, because an unavailable database causes thousands of
    equal errors.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._until = 0.0

    def note(self, request: Request, problem: errors.Problem) -> None:
        """Count an error, and log it if it is the first with this code and detail in this minute."""
        now = time.monotonic()
        if now >= self._until:
            for detail, count in self._counts.items():
                if count > 1:
                    _log.warning("%d more such answers within %d s: %s", count - 1, EVERY_SECONDS, detail)
            self._counts.clear()
            self._until = now + EVERY_SECONDS
        sort = f"{problem.code}: {problem.detail[:SORT_LENGTH]}"
        if sort in self._counts or len(self._counts) < SORTS:
            self._counts[sort] += 1
            if self._counts[sort] == 1:
                cause = f" ({type(problem.__cause__).__name__}: {problem.__cause__})" if problem.__cause__ else ""
                _log.warning("%s %s: %s%s", request.method, request.scope["path"], problem.detail, cause)


_failures = _Failures()


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a request whose handling raised a Problem. A server error (status 500 or above) is also logged."""
    assert isinstance(error, errors.Problem)
    if error.status >= 500:
        _failures.note(request, error)
    return answer(error, request)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer a request for which the router or the framework raised an HTTPException."""
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == 405:
        methods = {part.strip() for part in headers.get("Allow", "").split(",")}
        allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        problem: errors.Problem = errors.MethodNotAllowed(f"{request.method} is none of {allowed}", headers={"Allow": allowed})
    elif error.status_code == 404:
        problem = errors.NotFound(f"there is nothing at {shown_path(request.scope, request.scope['path'])}")
    else:
        problem = errors.Malformed(str(error.detail))
    return answer(problem, request)


async def on_mistake(request: Request, error: Exception) -> Response:
    """Answer 500 to a request that failed with an unexpected exception. The details go to the log, never to the client."""
    _log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return answer(errors.Unexpected("something went wrong that is not your fault"), request)


class Mistakes:
    """Middleware that answers 500 if the application raises an unexpected exception.

    All other middleware is outside of this one, so that the response 500 also gets the headers that the others add.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application.

        If the application raises an exception before the response has begun, answer 500. If the response has already begun,
        raise the exception again.
        """
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            response = await on_mistake(Request(scope), error)
            await response(scope, receive, send)


HANDLERS: dict[int | type[Exception], Any] = {
    errors.Problem: on_problem,
    HTTPException: on_http_exception,
}
