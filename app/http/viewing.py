"""What the endpoints of all views share: ids that clients name, the position of the log, and tags that follow from it.

A view is computed from many records, so any write may change it. Its entity tag is therefore a digest of the request and of the
end of the change log (`as_of`), and a client that has the newest body gets 304 before anything is computed.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from app import __version__
from app.db.driver import Driver, to_statement
from app.declaration.model import is_storable
from app.domain.vocabulary import Kind
from app.errors import Erased, Gone, Invalid, NotFound
from app.faults import Fault, summary
from app.http.responses import Header, RequestHeaders, base_url, request_headers, send_derived
from app.reading import naming
from app.reading.changes import End, Position, end_of, newest
from app.reading.naming import Meanings


class Derived(NamedTuple):
    """A response that follows from the end of the log and from the request. It is made only if the client does not have it."""

    as_of: Position
    make: Callable[[], Awaitable[bytes]]
    headers: Sequence[Header] = ()
    content_type: str = "application/json"
    also: str = ""
    """What else the body depends on, such as the day."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the response."""
        request = request_headers(scope)
        basis = basis_of(scope, request, self.as_of, self.content_type, self.also)
        await send_derived(send, request, basis, self.make, headers=self.headers, content_type=self.content_type)


def basis_of(scope: Scope, request: RequestHeaders, as_of: Position, content_type: str, also: str = "") -> bytes:
    """Return all that the body of a view or a file depends on. `also`: what depends on neither the request nor the log."""
    parts = (
        __version__,
        base_url(scope),
        scope["path"],
        scope["query_string"],
        request.accept_language,
        as_of,
        content_type,
        also,
    )
    return repr(parts).encode()


class Viewing:
    """Finds the end of the log, and the ids for which the values of parameters stand."""

    def __init__(self, driver: Driver, meanings: Meanings) -> None:
        self.driver = driver
        self._meanings = meanings
        self._newest = to_statement(newest(), driver.dialect)

    async def end(self) -> End:
        """Return the end of the change log. Read it before the records, so that they are never older than it says."""
        return end_of(await self.driver.fetch(self._newest, {}))

    async def as_of(self) -> Position:
        """Return the position at the end of the change log, as `end` does."""
        return (await self.end()).position

    async def ids(self, values: Iterable[tuple[str, str]], kinds: Sequence[Kind]) -> dict[str, tuple[str, Kind]]:
        """Return, by value, the id and the kind of the record that it stands for.

        `values`: pairs (name of the parameter, value). A value is an id, a merged id or a code of a country. Raises Invalid,
        which names every value that stands for no record of these kinds.
        """
        pairs = list(dict.fromkeys(values))
        if not pairs:
            return {}
        found = await self._meanings.of([value for _, value in pairs])
        meant: dict[str, tuple[str, Kind]] = {}
        faults: list[Fault] = []
        for parameter, value in pairs:
            meaning = naming.meaning(value, found[value], kinds)
            if meaning.id is None or meaning.kind is None:
                faults.append(await self._meanings.fault(parameter, value, meaning, kinds))
            else:
                meant[value] = meaning.id, meaning.kind
        if faults:
            raise Invalid(summary(faults), faults=faults)
        return meant

    async def named_in_path(self, value: str, kind: Kind) -> str:
        """Return the id of the record that a part of a path stands for. Raises NotFound, Gone or Erased if there is none."""
        named = (await self._meanings.of([value]))[value] if is_storable(value) else ()
        meaning = naming.meaning(value, named, (kind,))
        if meaning.id is not None:
            return meaning.id
        past = [each.way for each in named if each.way.is_past and each.kind is kind]
        if past:
            raise (Erased if naming.Way.ERASED in past else Gone)(meaning.fault)
        raise NotFound(meaning.fault)

    async def with_narrower(self, topic_ids: Sequence[str]) -> list[str]:
        """Return the topics with these ids and all topics below them."""
        return await self._meanings.with_narrower(topic_ids)
