"""How writes are executed: one after another on a thread of their own, those that wait together committed together.

SQLite has one writer at a time, and on Postgres an advisory lock makes it so (`WRITERS_LOCK`). A queue within the process
is fair, wakes whoever is next at once, and lets all who wait share one commit, which is what a write mostly waits for.
Nobody is answered before the commit.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.db.availability import Availability
from app.db.engine import FileIsGone, cut_connections, writing
from app.db.failures import AWAY, GONE, REMOVED, UNKNOWN_OUTCOME, Failure, busy, failure, unavailable
from app.errors import Problem, Unavailable

Result = TypeVar("Result")

TOGETHER = 32
"""How many units of work share a commit at the most."""
BYTES_TOGETHER = 262_144
"""How long the bodies of units that share a commit may be together: the others of a group wait for the longest."""
GATHERING_SECONDS = 0.005
"""How long the thread waits for as many units as it did together the last time."""
MAX_WAITING = 1_000
"""How many units of work wait for their turn at the most."""
TRIES = 5
DEADLINE = 10.0
"""Seconds that the database may take for a unit of work, unless it is told otherwise."""
_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"


class Turn:
    """A unit of work's hold of the transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.wrote = False
        """Whether there is something to undo."""

    def begin(self) -> None:
        """To be said before the first write that must not stay when the unit fails."""
        self.wrote = True


Unit = Callable[[Turn], Result]
Several = Callable[[Turn, Sequence[Any]], list[Result]]
"""Does what several requests ask for at once: their results in the same order, or a Problem if one of them cannot be done."""


@dataclass
class _Waiting(Generic[Result]):
    unit: Unit[Result]
    keep: bool
    several: Several[Result] | None = None
    """What it may be done with at once, for the same of others."""
    request: Any = None
    seconds: float | None = None
    """How long it may take, if not as long as any."""
    size: int = 0
    """Bytes of the body that asks for it."""
    timer: asyncio.TimerHandle | None = None
    result: asyncio.Future[Result] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _claimed: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> bool:
        """Whether the caller comes first: the thread that begins the unit, or who gives it up."""
        return self._claimed.acquire(blocking=False)

    @property
    def is_begun(self) -> bool:
        """Whether the thread has begun it."""
        return self._claimed.locked() and not self.result.done()


class _MustBeAlone(Exception):
    """A unit failed after it had begun to write: the others must not fall with it."""


class Turns:
    """The queue of units of work, and the thread that does them."""

    def __init__(
        self, engine: Engine, *, patience: float, availability: Availability | None = None, deadline: float = DEADLINE
    ) -> None:
        """`patience`: how many seconds a unit waits for its turn; `deadline`: how many the database may then take for it."""
        self._engine = engine
        self._patience = patience
        self._availability = availability
        self._deadline = deadline
        self._ended: Problem | None = None
        self._beginning: Sequence[_Waiting[Any]] = ()
        """Units whose transaction waits for the database's lock: nothing of them is done yet."""
        self._beginning_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Waiting[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)
        if availability is not None:
            availability.listen(lambda trouble: cut_connections(engine) if trouble.reads is not None else None)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def close(self) -> None:
        """Do what waits, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    def end(self, why: Problem) -> None:
        """Begin nothing more, and tell those who wait why; what is being written goes on."""
        with self._beginning_lock:
            self._ended = why
            for waiting in self._beginning:
                if not waiting.result.done():
                    waiting.result.set_exception(why)

    async def take(self, unit: Unit[Result], *, keep: bool = True, seconds: float | None = None, size: int = 0) -> Result:
        """The unit's result, after the commit; without `keep`, after the rollback. Busy if its turn does not come in time.

        The unit runs in a transaction in which no other writer is; it may run again in another when the first fails.
        `seconds`: how long the database may take for it, if not as long as for any; `size`: of the body that asks for it.
        """
        return await self._answered(_Waiting(unit, keep, seconds=seconds, size=size))

    async def join(self, several: Several[Result], request: Any, *, size: int = 0) -> Result:
        """What `several` makes of the request, at once with those that wait beside it; alone if they cannot all be done."""
        alone = _Waiting(lambda turn: several(turn, [request])[0], True, several, request, size=size)
        return await self._answered(alone)

    async def _answered(self, waiting: _Waiting[Result]) -> Result:
        if self._availability is not None:
            self._availability.require_writes()
        if self._queue.qsize() >= MAX_WAITING:
            raise busy()
        self._queue.put(waiting)
        waiting.timer = waiting.result.get_loop().call_later(self._patience, self._is_late, waiting)
        try:
            return await waiting.result
        finally:
            waiting.timer.cancel()

    def _is_late(self, waiting: _Waiting[Any]) -> None:
        """Its turn has not come in time; or it has, and the database has as long for it as for any."""
        if waiting.claim():
            waiting.result.set_exception(busy())
        else:
            waiting.timer = waiting.result.get_loop().call_later(waiting.seconds or self._deadline, self._cut, waiting)

    def _cut(self, waiting: _Waiting[Any]) -> None:
        """End the connections of a server that does not answer, so that the thread goes on with an error."""
        if waiting.is_begun:
            cut_connections(self._engine)

    # -- on the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        held: _Waiting[Any] | None = None
        together = 1
        while True:
            first = held or self._queue.get()
            if first is None:
                return
            group, held, stop = self._those_behind(first, together)
            together = len(group)
            group = [each for each in group if each.claim()]
            if group:
                self._do(group)
            if stop:
                return

    def _those_behind(self, first: _Waiting[Any], expected: int) -> tuple[list[_Waiting[Any]], _Waiting[Any] | None, bool]:
        """The first with those that may share its commit, the one behind that may not, and whether to stop after them.

        Clients that were answered together ask again together. Whoever began with the first of them would share Python's
        lock with the event loop while that reads the others: two alone took as long as fourteen after them.
        """
        group, size = [first], first.size
        until = time.monotonic() + GATHERING_SECONDS
        while first.keep and len(group) < TOGETHER:
            patience = max(until - time.monotonic(), 0) if len(group) < expected else 0
            try:
                following = self._queue.get(timeout=patience)
            except queue.Empty:
                break
            if following is None:
                return group, None, True
            size += following.size
            if not following.keep or size > BYTES_TOGETHER:
                return group, following, False
            group.append(following)
        return group, None, False

    def _do(self, group: Sequence[_Waiting[Any]]) -> None:
        try:
            if self._availability is not None:
                self._availability.require_writes()
            self._beginning = group
            outcomes = self._within_one_transaction(group)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            known = _failure(error)
            if self._availability is not None and known is not None:
                self._availability.report(known.trouble)
            told = known.problem if known is not None else error
            if len(group) > 1 and not isinstance(told, Unavailable):
                for each in group:
                    self._do([each])
                return
            outcomes = [told] * len(group)
        group[0].result.get_loop().call_soon_threadsafe(_tell, group, outcomes)

    def _within_one_transaction(self, group: Sequence[_Waiting[Any]]) -> list[Any]:
        """What each unit returned, or the Problem that it raised before it wrote anything."""
        for attempt in range(1, TRIES + 1):
            commits = False
            try:
                with writing(self._engine, keep=group[0].keep) as connection:
                    self._require_going_on()
                    outcomes: list[Any] = []
                    for several, joined in groupby(group, key=attrgetter("several")):
                        outcomes += self._outcomes(several, list(joined), connection, alone=len(group) == 1)
                    commits = group[0].keep
            except DBAPIError as error:
                if commits and error.connection_invalidated:
                    raise _OutcomeUnknown from error
                state = getattr(error.orig, "sqlstate", None)
                if state not in (_SERIALIZATION_FAILURE, _DEADLOCK) or attempt == TRIES:
                    raise
                time.sleep(0.01 * 2**attempt)
            else:
                return outcomes
        raise AssertionError("the last attempt returns or raises")

    def _require_going_on(self) -> None:
        """The transaction has begun, unless those who waited for it were told otherwise meanwhile."""
        with self._beginning_lock:
            self._beginning = ()
            if self._ended is not None:
                raise self._ended

    def _outcomes(
        self, several: Several[Any] | None, joined: Sequence[_Waiting[Any]], connection: Connection, *, alone: bool
    ) -> list[Any]:
        if several is not None and len(joined) > 1:
            turn = Turn(connection)
            try:
                return several(turn, [each.request for each in joined])
            except Problem as problem:
                if turn.wrote:
                    raise _MustBeAlone from problem
        return [self._outcome(each, connection, alone=alone) for each in joined]

    def _outcome(self, waiting: _Waiting[Any], connection: Connection, *, alone: bool) -> Any:
        turn = Turn(connection)
        try:
            return waiting.unit(turn)
        except Problem as problem:
            if not turn.wrote:
                return problem
            if alone:
                raise
            raise _MustBeAlone from problem


def _tell(group: Sequence[_Waiting[Any]], outcomes: Sequence[Any]) -> None:
    """Wake all who wait at once."""
    for each, outcome in zip(group, outcomes, strict=True):
        if each.result.done():  # nobody waits any more
            continue
        if isinstance(outcome, Exception):
            each.result.set_exception(outcome)
        else:
            each.result.set_result(outcome)


class _OutcomeUnknown(Exception):
    """The connection broke while the transaction was committed."""


def _failure(error: Exception) -> Failure | None:
    """What an error means if the database is at fault; None if the request is, or we are."""
    match error:
        case FileIsGone():
            return Failure(unavailable(REMOVED), GONE)
        case _OutcomeUnknown():
            return Failure(unavailable(UNKNOWN_OUTCOME), AWAY)
        case DBAPIError():
            return failure(error.orig) if error.orig is not None else None
    return None
