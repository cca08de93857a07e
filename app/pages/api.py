"""Asks the registry's own API inside the process, so that a page says exactly what the API says."""

import asyncio
from collections.abc import Iterable
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from pydantic_core import from_json
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Message, Scope

from app.http.problems import HANDLERS, Mistakes

Pairs = Iterable[tuple[str, str]]
_KEPT = (b"host", b"accept-language")
"""The request headers that are copied to the inner request. `Authorization` is not, because pages show only what everybody may
read."""


class Answer:
    """The answer of the API to one request."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []

    async def take(self, message: Message) -> None:
        """Take a part of the answer, as an ASGI server does."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self._body.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        """What was answered."""
        return b"".join(self._body)

    @cached_property
    def json(self) -> Any:
        """What was answered, parsed."""
        return from_json(self.body)

    @property
    def tag(self) -> bytes:
        """What changes whenever the answer changes."""
        return self.headers.get(b"etag", b"") or self.body


class Refused(Exception):
    """The API answered with something else than the data asked for: a problem, or a redirect."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Api:
    """Answers requests as the server does, without the network and without counting them against a visitor's limit."""

    def __init__(self, router: ASGIApp) -> None:
        self._app = Mistakes(ExceptionMiddleware(router, handlers=HANDLERS))

    async def get(self, scope: Scope, path: str, query: Pairs = ()) -> Answer:
        """Return the answer to `GET path` for the visitor whose request has this scope. Raises Refused if it has no data."""
        asked = {
            **{name: value for name, value in scope.items() if name not in ("route", "endpoint", "path_params")},
            "method": "GET",
            "path": path,
            "raw_path": quote(path, safe="/").encode(),
            "query_string": urlencode([*query]).encode(),
            "headers": [pair for pair in scope["headers"] if pair[0] in _KEPT],
        }
        answer = Answer()
        await self._app(asked, _stays, answer.take)
        if answer.status != 200:
            raise Refused(answer)
        return answer


async def _stays() -> Message:
    """Wait for ever: the visitor does not disconnect. A request without a body is not read, but streams watch for its end."""
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never
