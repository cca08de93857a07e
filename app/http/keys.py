"""API keys over HTTP, for admins."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.engine import Connection, RowMapping
from starlette.types import Receive, Scope, Send

from app.db.types import instant_text
from app.declaration.model import Instant
from app.errors import Fault, Invalid
from app.http.access import Access
from app.http.bodies import JSON_TYPES, body_of, checked, object_in
from app.http.responses import ALWAYS, Asked, send_tagged
from app.reading.request import negotiated_format, query_pairs, validated
from app.settings import Settings
from app.writing import keys
from app.writing.keys import MARK, Principal
from app.writing.queue import Apply, WriteQueue

Result = TypeVar("Result")
_STRICT = ConfigDict(extra="forbid", frozen=True)
KeyName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=keys.MAX_NAME, pattern=keys.NAME_PATTERN),
    Field(description="whose key it is; every change made with it is told under this name", examples=["desk officer"]),
]


def _in_utc(instant: datetime | None) -> datetime | None:
    try:
        return instant and instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


class KeyBody(BaseModel):
    """A key to be made."""

    model_config = _STRICT
    name: KeyName
    scopes: Annotated[
        list[keys.Scope], Field(min_length=1, max_length=2, description=f"what it may do: {keys.Scope.described()}")
    ] = [keys.Scope.WRITE]
    expires_at: Annotated[
        AwareDatetime | None,
        AfterValidator(_in_utc),
        Field(description="when it ceases to be valid (RFC 3339); null for never"),
    ] = None


class KeyShown(BaseModel):
    """A key, without its secret."""

    id: Annotated[str, Field(examples=["k7m2p9qa"])]
    name: KeyName
    prefix: Annotated[str, Field(description="how the key begins, to tell it from others", examples=["rap_k7m2p9qa_"])]
    scopes: list[keys.Scope]
    created_at: Instant
    created_by: Annotated[str, Field(description="the key, or the command, that made it")]
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Annotated[Instant | None, Field(description="to the minute")]


class KeyMade(KeyShown):
    """A new key, with its secret, which is shown this once."""

    key: Annotated[str, Field(description="to be sent as `Authorization: Bearer …`; it is not shown again")]


class KeyList(BaseModel):
    """All keys, revoked ones too."""

    data: list[KeyShown]


class _NoQuery(BaseModel):
    model_config = _STRICT


class Keys:
    """Endpoints of API keys."""

    def __init__(self, access: Access, queue: WriteQueue, settings: Settings) -> None:
        self._access = access
        self._queue = queue
        self._settings = settings

    async def create(self, scope: Scope, request: Asked, receive: Receive, send: Send) -> None:
        """`POST /v1/keys`."""
        principal = await self._admitted(scope, request)
        body = await body_of(scope, receive, types=JSON_TYPES, limit=self._settings.body_limit)
        wanted: KeyBody = checked(KeyBody, object_in(body))
        if wanted.expires_at is not None and wanted.expires_at <= datetime.now(UTC):
            fault = Fault("is past already", pointer="/expires_at")
            raise Invalid(str(fault), faults=[fault])

        def make(connection: Connection) -> KeyMade:
            row, key = self._access.keyring.create(
                connection, wanted.name, wanted.scopes, by=principal.name, expires=wanted.expires_at
            )
            return KeyMade(**_shown(row), key=key)

        made = await self._queued(principal, make)
        headers = [(b"location", f"/v1/keys/{made.id}".encode())]
        await send_tagged(send, made.model_dump_json().encode(), request, status=201, headers=headers)

    async def list(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/keys`."""
        principal = await self._admitted(scope, request)
        rows = await self._queued(principal, keys.listed)
        shown = KeyList(data=[KeyShown(**_shown(row)) for row in rows])
        await send_tagged(send, shown.model_dump_json().encode(), request)

    async def one(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`GET /v1/keys/{id}`."""
        principal = await self._admitted(scope, request)
        row = await self._queued(principal, lambda connection: keys.one(connection, scope["path_params"]["id"]))
        await send_tagged(send, KeyShown(**_shown(row)).model_dump_json().encode(), request)

    async def revoke(self, scope: Scope, request: Asked, _receive: Receive, send: Send) -> None:
        """`DELETE /v1/keys/{id}`: from the commit on the key is not valid."""
        principal = await self._admitted(scope, request)
        await self._queued(principal, lambda connection: keys.revoke(connection, scope["path_params"]["id"]))
        await send({"type": "http.response.start", "status": 204, "headers": list(ALWAYS)})
        await send({"type": "http.response.body", "body": b""})

    async def _admitted(self, scope: Scope, request: Asked) -> Principal:
        principal = await self._access.require(scope, keys.Scope.ADMIN)
        validated(_NoQuery, query_pairs(scope["query_string"]))
        negotiated_format(request.accept, offered=("json",))
        return principal

    async def _queued(self, principal: Principal, do: Callable[[Connection], Result]) -> Result:
        """The result of `do`, run in the write queue. If `do` refuses, it must not have written anything."""

        def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Result]]:
            self._access.used(connection, principal)
            done = do(connection)
            return lambda: [done]

        return await self._queue.run(settle, None)


def _shown(row: RowMapping) -> dict[str, Any]:
    times = {name: row[name] and instant_text(row[name]) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    named = {name: row[name] for name in ("id", "name", "created_by")}
    return {**named, **times, "prefix": f"{MARK}_{row['id']}_", "scopes": json.loads(row["scopes"])}
