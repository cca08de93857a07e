"""Who asks to write, and whether they may."""

from starlette.types import Scope as Asgi

from app.db.drivers import Driver
from app.errors import Forbidden, Unauthorized
from app.http.limits import Limit
from app.reading.compiler import Compiler
from app.writing.keys import Keyring, Principal, Scope, key_id, looked_up

_SCHEME = "bearer "


class Access:
    """Recognizes whoever sends a key."""

    def __init__(self, driver: Driver, compiler: Compiler, keyring: Keyring, limit: Limit) -> None:
        self.keyring = keyring
        self._driver = driver
        self._limit = limit
        self.lookup = compiler.compiled(looked_up())

    async def require(self, asked: Asgi, scope: Scope) -> Principal:
        """Whose key came with the request; Unauthorized without a good one, Forbidden without the scope."""
        given = [value.decode("latin-1") for name, value in asked["headers"] if name == b"authorization"]
        if not given:
            raise _unauthorized("writing needs a key: Authorization: Bearer …")
        text = given[0].strip()
        if len(given) > 1 or not text.lower().startswith(_SCHEME):
            raise _unauthorized("one Authorization header is wanted, of the form: Bearer …", error="invalid_request")
        text = text[len(_SCHEME) :].strip()
        identifier = key_id(text)
        rows = await self._driver.fetch(self.lookup, {"id": identifier}) if identifier else []
        principal = self.keyring.recognized(text, rows)
        if principal is None:
            raise _unauthorized("the key is not known, was revoked, or is past its time", error="invalid_token")
        self._limit.count(asked, principal.id)
        if not principal.may(scope):
            raise Forbidden(f"this needs a key of scope `{scope}`; {principal.name!r} has {', '.join(principal.scopes)}")
        return principal


def _unauthorized(detail: str, *, error: str = "") -> Unauthorized:
    challenge = 'Bearer realm="rapporteur"' + (f', error="{error}"' if error else "")
    return Unauthorized(detail, headers={"WWW-Authenticate": challenge})
