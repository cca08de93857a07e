"""Tracks whether the database can be read and written.

The code that reads and writes reports its errors here. While the database is in trouble, a probe checks it twice a second.
While the database is known to be unreachable, requests are refused immediately, so that they do not wait for their deadlines.
The log has one line for each change of state, not one for each request.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.db.failures import AWAY, FINE, Trouble, unavailable

AGAIN_SECONDS = 0.5
"""Seconds between two probes while the database is in trouble."""
FRESH_SECONDS = 1.0
"""Seconds for which the result of a probe is reused, so that not every request to `/readyz` queries the database."""
PROBE_SECONDS = 3.0
"""If a probe takes more seconds than this, the database counts as AWAY. This is the default of `Availability`."""
_log = logging.getLogger("rapporteur.database")


class Availability:
    """The state of one database, shared by all code that reads or writes it.

    Any thread may call `report` and the `require_…` methods. All other methods must be called on the event loop.
    """

    def __init__(
        self, probe: Callable[[], Awaitable[Trouble]], changed: Callable[[Trouble], None], *, seconds: float = PROBE_SECONDS
    ) -> None:
        """Create the state of a database that is not in trouble.

        `probe` checks the database. If a probe takes more than `seconds`, the database counts as AWAY. `changed` is called on
        the event loop whenever the state changes.
        """
        self._seconds = seconds
        self.trouble = FINE
        self._probe = probe
        self._listeners = [changed]
        self._refused = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._fresh_until = 0.0

    def open(self) -> None:
        """Attach this object to the running event loop, on which probes and callbacks run."""
        self._loop = asyncio.get_running_loop()

    def listen(self, changed: Callable[[Trouble], None]) -> None:
        """Register another callback, which is called on the event loop whenever the state changes."""
        self._listeners.append(changed)

    async def close(self) -> None:
        """Stop probing."""
        for task in (self._watching, self._asking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._loop = None

    def require_reads(self) -> None:
        """Raise Unavailable if the database is known not to answer."""
        if self.trouble.reads is not None:
            self._refused += 1
            raise unavailable(self.trouble.reads)

    def require_writes(self) -> None:
        """Raise Unavailable if the database is known to refuse writes."""
        if self.trouble.writes is not None:
            self._refused += 1
            raise unavailable(self.trouble.writes)

    def report(self, trouble: Trouble, *, certain: bool = False) -> None:
        """Report the trouble that an error of a read or a write indicates.

        If the trouble is AWAY and `certain` is false, the state changes only after a probe has confirmed the trouble, because a
        single connection may fail although the server is healthy.
        """
        if trouble not in (FINE, self.trouble) and self._loop is not None:
            if trouble == AWAY and not certain:
                self._loop.call_soon_threadsafe(self._begin_to_ask)
            else:
                self._loop.call_soon_threadsafe(self._set, trouble)

    async def ready(self) -> None:
        """Raise Unavailable if the database cannot be read and written.

        If no trouble is known and the last probe is older than FRESH_SECONDS, the database is probed first.
        """
        if self.trouble == FINE and time.monotonic() >= self._fresh_until:
            await asyncio.shield(self._begin_to_ask())
        if self.trouble != FINE:
            raise unavailable(str(self.trouble))

    def _begin_to_ask(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return self._asking

    async def _ask(self) -> None:
        try:
            found = await asyncio.wait_for(self._probe(), self._seconds)
        except TimeoutError:
            found = AWAY
        self._fresh_until = time.monotonic() + FRESH_SECONDS
        self._set(found)

    def _set(self, trouble: Trouble) -> None:
        if trouble == self.trouble or self._loop is None:
            return
        self.trouble = trouble
        if trouble == FINE:
            _log.warning("the database answers and takes writes again; %d requests were refused meanwhile", self._refused)
            self._refused = 0
        else:
            _log.warning("%s", trouble)
        for changed in self._listeners:
            changed(trouble)
        if trouble != FINE and (self._watching is None or self._watching.done()):
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while self.trouble != FINE:
            await asyncio.sleep(AGAIN_SECONDS)
            await self._ask()
