"""Authenticates and authorizes requests that need an API key: writes, and the management of keys."""

from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.types import Scope as Asgi

from app.db.driver import Driver, Row
from app.errors import Forbidden, Unauthorized
from app.http.limits import Limit
from app.reading.compiler import Compiler
from app.writing.keys import Keyring, Principal, Scope, key_id, looked_up, used

_SCHEME = "bearer "
KEYS_MET = 1_000


class Access:
    """Authenticates requests by their API key."""

    def __init__(self, driver: Driver, compiler: Compiler, keyring: Keyring, limit: Limit) -> None:
        self.keyring = keyring
        self._driver = driver
        self._limit = limit
        self._lookup = compiler.to_statement(looked_up())
        self._met: dict[str, list[Row]] = {}
        """Cache of the database rows of keys, by the key's id.

        A row in this cache may be out of date: its key may have been revoked. This is safe, because the method `used` reads
        the key again in the transaction of each write, and refuses a revoked key.
        """

    async def require(self, asgi: Asgi, scope: Scope) -> Principal:
        """Return the owner of the request's key.

        Raises Unauthorized if no valid key was sent, Forbidden if the key lacks the scope, and TooManyRequests if too many
        requests were sent with the key.
        """
        given = [value.decode("latin-1") for name, value in asgi["headers"] if name == b"authorization"]
        if not given:
            raise _unauthorized("this needs a key; send the header Authorization: Bearer …")
        text = given[0].strip()
        if len(given) > 1 or not text.lower().startswith(_SCHEME):
            raise _unauthorized("send one Authorization header, of the form: Bearer …", error="invalid_request")
        text = text[len(_SCHEME) :].strip()
        identifier = key_id(text)
        met = self._met.get(identifier) if identifier else None
        rows = met or (await self._driver.fetch(self._lookup, {"id": identifier}) if identifier else [])
        principal = self.keyring.recognized(text, rows)
        if principal is None:
            raise _unauthorized("the key is not known, was revoked, or is past its time", error="invalid_token")
        if met is None:
            if len(self._met) >= KEYS_MET:
                self._met.clear()
            self._met[principal.id] = rows
        self._limit.count(asgi, principal.id)
        if not principal.may(scope):
            raise Forbidden(f"this needs a key of scope `{scope}`; {principal.name!r} has {', '.join(principal.scopes)}")
        return principal

    def key_with(self, scope: Scope) -> "KeyWith":
        """Return a FastAPI dependency that requires a key with this scope, and returns the key's owner to the endpoint."""
        return KeyWith(self, scope)

    def used(self, connection: Connection, principal: Principal) -> None:
        """Record, in the transaction of a write, that the key was used.

        Raises Unauthorized if the key was revoked or has expired since `require` checked it.
        """
        try:
            used(connection, principal, self._lookup)
        except Unauthorized:
            self._met.pop(principal.id, None)
            raise


class KeyWith(SecurityBase):
    """A FastAPI dependency that requires a key with a scope. FastAPI adds this requirement to the OpenAPI document."""

    scheme_name = "key"

    def __init__(self, access: Access, scope: Scope) -> None:
        self.model = HTTPBearerModel(
            description="A key, as `rapporteur keys create` prints it. Records are written with the scope `write`;"
            " merges and keys need `admin`."
        )
        self._access = access
        self._scope = scope

    async def __call__(self, request: Request) -> Principal:
        """Return the owner of the request's key. Raises the errors of `Access.require`."""
        return await self._access.require(request.scope, self._scope)


def _unauthorized(detail: str, *, error: str = "") -> Unauthorized:
    challenge = 'Bearer realm="rapporteur"' + (f', error="{error}"' if error else "")
    return Unauthorized(detail, headers={"WWW-Authenticate": challenge})
