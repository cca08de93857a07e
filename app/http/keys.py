"""Endpoints that manage API keys. They require a key with the scope `admin`."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Path, Security
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection, RowMapping

from app.db.types import instant_text
from app.declaration.model import Instant
from app.errors import Invalid
from app.faults import Fault
from app.http.access import Access
from app.http.endpoints import Endpoint, NoContent, Request, Tagged
from app.http.openapi.shared import CONFLICT, OF_BODIES, UNAUTHORIZED, Json, described
from app.http.responses import shown_path
from app.settings import Settings
from app.writing import keys
from app.writing.keys import MARK, Principal
from app.writing.queue import Apply, WriteQueue

Result = TypeVar("Result")
_STRICT = ConfigDict(extra="forbid", frozen=True)
KeyName = Annotated[
    str,
    AfterValidator(keys.checked_name),
    Field(
        description="whose key it is; every change made with it is told under this name",
        examples=["desk officer"],
        json_schema_extra={"minLength": 1, "maxLength": keys.MAX_NAME, "pattern": keys.NAME_PATTERN},
    ),
]


def _in_utc(instant: datetime | None) -> datetime | None:
    try:
        return instant and instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


_SHOWN = ("ETag", "Vary")


class KeyBody(BaseModel):
    """The request body that describes a key to create."""

    model_config = _STRICT
    name: KeyName
    scopes: Annotated[
        list[keys.Scope],
        Field(min_length=1, max_length=len(keys.Scope), description=f"what it may do: {keys.Scope.described()}"),
    ] = [keys.Scope.WRITE]
    expires_at: Annotated[
        AwareDatetime | None,
        AfterValidator(_in_utc),
        Field(description="when it ceases to be valid (RFC 3339); null for never"),
    ] = None


class KeyShown(BaseModel):
    """The data of a key, without its secret."""

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
    """The data of a new key, with its secret. The secret is never shown again."""

    key: Annotated[str, Field(description="to be sent as `Authorization: Bearer …`; it is not shown again")]


class KeyList(BaseModel):
    """All keys, including the revoked ones."""

    data: list[KeyShown]


def router(access: Access, queue: WriteQueue, settings: Settings) -> APIRouter:
    """Return a router with the endpoints that manage keys."""
    routes = APIRouter(route_class=Endpoint, tags=["keys"])
    admin = Security(access.key_with(keys.Scope.ADMIN))
    of_one: Json = {"shown": _SHOWN, "more_failures": (*UNAUTHORIZED, ("404", "NotFound"))}

    async def queued(principal: Principal, do: Callable[[Connection], Result]) -> Result:
        """Run `do` in the write queue and return its result. `do` must not write anything before it raises a Problem."""

        def settle(connection: Connection, _: Sequence[None]) -> Apply[list[Result]]:
            access.used(connection, principal)
            done = do(connection)
            return lambda: [done]

        return await queue.run(settle, None)

    @routes.get(
        "/v1/keys",
        **described(
            "list_keys",
            "List the keys",
            "The keys.",
            shown=_SHOWN,
            more_failures=UNAUTHORIZED,
        ),
    )
    async def list_keys(principal: Annotated[Principal, admin]) -> KeyList:
        """Returns all keys, including the revoked ones, without their secrets."""
        rows = await queued(principal, keys.listed)
        return KeyList(data=[KeyShown(**_shown(row)) for row in rows])

    @routes.post(
        "/v1/keys",
        response_model=KeyMade,
        max_body_size=settings.body_limit,
        **described(
            "create_key",
            "Make a key",
            "The key.",
            status=201,
            shown=_SHOWN,
            more_failures=(*UNAUTHORIZED, *OF_BODIES, *CONFLICT),
        ),
    )
    async def create_key(
        request: Request,
        principal: Annotated[Principal, admin],
        wanted: Annotated[KeyBody, Body(openapi_examples={"key": {"value": {"name": "desk officer", "scopes": ["write"]}}})],
    ) -> Tagged:
        """Creates a key and returns it. The key cannot be shown again later, because only a digest of it is stored."""
        if wanted.expires_at is not None and wanted.expires_at <= datetime.now(UTC):
            fault = Fault("is past already", pointer="/expires_at")
            raise Invalid(str(fault), faults=[fault])

        def make(connection: Connection) -> KeyMade:
            row, key = access.keyring.create(
                connection, wanted.name, wanted.scopes, by=principal.name, expires=wanted.expires_at
            )
            return KeyMade(**_shown(row), key=key)

        made = await queued(principal, make)
        return Tagged(
            made.model_dump_json().encode(),
            [(b"location", shown_path(request.scope, f"/v1/keys/{made.id}").encode())],
            201,
        )

    @routes.get(
        "/v1/keys/{id}",
        **described("get_key", "Read a key", "The key.", **of_one),
    )
    async def get_key(
        principal: Annotated[Principal, admin], key_id: Annotated[str, Path(alias="id", description="the key's id")]
    ) -> KeyShown:
        """Returns the data of the key, without its secret."""
        return KeyShown(**_shown(await queued(principal, lambda connection: keys.get(connection, key_id))))

    @routes.delete(
        "/v1/keys/{id}",
        response_model=None,
        **described(
            "revoke_key",
            "Revoke a key",
            "It is revoked.",
            status=204,
            more_failures=(*UNAUTHORIZED, ("404", "NotFound")),
        ),
    )
    async def revoke_key(
        principal: Annotated[Principal, admin], key_id: Annotated[str, Path(alias="id", description="the key's id")]
    ) -> NoContent:
        """Revokes the key: from now on, requests with this key are refused. The key's name stays in the history."""
        await queued(principal, lambda connection: keys.revoke(connection, key_id))
        return NoContent()

    return routes


def _shown(row: RowMapping) -> dict[str, Any]:
    times = {name: row[name] and instant_text(row[name]) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    named = {name: row[name] for name in ("id", "name", "created_by")}
    return {**named, **times, "prefix": f"{MARK}_{row['id']}_", "scopes": json.loads(row["scopes"])}
