"""The change log over HTTP: the feed for followers, and the history of a record."""

import json
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from starlette.types import Receive, Scope, Send

from app.db.drivers import Driver, Statement
from app.declaration.model import is_storable
from app.errors import NotFound
from app.http.records import Records
from app.http.responses import PAGE_LETTERS, Asked, base_url, send_tagged, within_a_page
from app.reading import changes
from app.reading.request import negotiated_format, query_pairs, validated


class Log:
    """Endpoints of the change log."""

    def __init__(self, records: Records, driver: Driver) -> None:
        self._records = records
        self._driver = driver
        self._history = records.compiler.compiled(changes.history())
        self._since = lru_cache(4)(self._compiled)

    def _compiled(self, *narrowed: str) -> Statement:
        return self._records.compiler.compiled(changes.since(*narrowed))

    async def changes(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/changes`: a client that asks again with `after` set to the last `seq` sees every change exactly once."""
        asked = validated(changes.ChangesQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("json",))
        given = {name: value for name, value in asked.items() if value is not None and name != "limit"}
        statement = self._since(*(name for name in given if name != "after"))
        rows = await self._driver.fetch(statement, {**given, "limit": asked["limit"] + 1}, letters=PAGE_LETTERS)
        rows, more = within_a_page(rows, asked["limit"])
        last = rows[-1][1] if rows else asked["after"]
        following = {**given, "after": last, "limit": asked["limit"]}
        page = f'"limit":{asked["limit"]},"last_seq":{last},"more":{str(more).lower()}'
        await self._send(scope, request, send, [row[0] for row in rows], page, following)

    async def history(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/{plural}/{id}/history`: all versions of a record, the newest first; also of a deleted record."""
        resource, record_id = self._records.resource(scope), scope["path_params"]["id"]
        asked = validated(changes.HistoryQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("json",))
        if not is_storable(record_id):
            raise NotFound(f"no {resource.kind} has such an id")
        given = {"id": record_id, "before": asked["before"] or changes.MAX_SEQ, "limit": asked["limit"] + 1}
        rows = await self._driver.fetch(self._history, given, letters=PAGE_LETTERS)
        known = rows or (asked["before"] and await self._driver.fetch(self._history, {**given, "before": changes.MAX_SEQ}))
        if not known:
            raise NotFound(f"there never was a {resource.kind} with the id {record_id!r}")
        if known[0][2] != resource.kind:
            raise NotFound(f"{record_id!r} is no {resource.kind} but a {known[0][2]}")
        states = [row[3] for row in rows[1:]] + [None] * bool(rows)
        entries = [changes.with_changed(row[0], row[3], before) for row, before in zip(rows, states, strict=True)]
        shown, more = within_a_page(rows, asked["limit"])
        following = {"before": shown[-1][1], "limit": asked["limit"]} if more else None
        page = f'"limit":{asked["limit"]},"more":{str(more).lower()}'
        await self._send(scope, request, send, entries[: len(shown)], page, following)

    async def _send(
        self, scope: Scope, request: Asked, send: Send, entries: list[str], page: str, following: dict[str, Any] | None
    ) -> None:
        here = f"{base_url(scope)}{scope['path']}"
        query = scope["query_string"].decode("latin-1")
        following_link = f"{here}?{urlencode(following)}" if following else None
        links = json.dumps({"self": f"{here}?{query}" if query else here, "next": following_link}, separators=(",", ":"))
        body = f'{{"data":[{",".join(entries)}],"page":{{{page}}},"links":{links}}}'
        headers = [(b"link", f'<{following_link}>; rel="next"'.encode())] if following_link else []
        await send_tagged(send, body.encode(), request, headers=headers)
