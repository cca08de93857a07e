"""The write queue: writes run one after another on one thread, and queued writes share a commit.

SQLite allows one writer at a time, and on Postgres an advisory lock has the same effect (`WRITERS_LOCK`). A queue within
the process is fair (it runs the writes in the order of their arrival), and it starts the next write immediately. A write
spends most of its time waiting for the commit, so queued writes share one commit. No request is answered before the commit.

A write has two steps. *Settle* reads and validates the request; it raises a Problem to refuse the write. *Apply* writes what
*settle* has checked, and never refuses. The shared transaction is committed even if one of its writes was refused. Therefore
*settle* must not write any data before it raises (only the last use of the API key may be recorded). Otherwise a part of the
refused write would be committed.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Generic, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.db.availability import Availability
from app.db.engine import FileIsGone, cut_connections, writing
from app.db.failures import AWAY, GONE, REMOVED, UNKNOWN_OUTCOME, Failure, busy, failure, unavailable
from app.errors import Problem, Unavailable

Result = TypeVar("Result")

TOGETHER = 32
"""The maximum number of writes that share a commit."""
BYTES_TOGETHER = 262_144
"""The maximum total size, in bytes, of the bodies of the writes that share a commit.

The size is limited, because each of these writes waits until all of them are done.
"""
GATHERING_SECONDS = 0.005
"""The maximum time, in seconds, that the thread waits for further writes to share a commit.

The thread stops waiting as soon as the group has as many writes as the previous group.
"""
MAX_WAITING = 1_000
"""The maximum number of queued writes; further writes are refused with 503."""
TRIES = 5
DEADLINE = 10.0
"""Seconds that the database may take for a write, unless the write has its own limit."""
_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"


Request = TypeVar("Request")
Apply = Callable[[], Result]
"""Writes what a `Settle` function has checked, in the same transaction, and returns the result."""
Settle = Callable[[Connection, Sequence[Request]], Apply[list[Result]]]
"""Reads and validates the requests, and returns the function that applies them. Raises a Problem to refuse all of them."""


@dataclass(eq=False)
class _Waiting(Generic[Request, Result]):
    """A write in the queue."""

    settle: Settle[Request, Result]
    request: Request
    alike: object
    """Successive writes with equal values of `alike` are passed to `settle` in one call; with None, a write is passed alone."""
    keep: bool
    seconds: float | None
    size: int
    timer: asyncio.TimerHandle | None = None
    result: asyncio.Future[Result] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _claimed: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> bool:
        """Claim this write; return whether nobody had claimed it before.

        The thread that begins the write and the timer that refuses it both call this, and only the first call succeeds.
        """
        return self._claimed.acquire(blocking=False)

    @property
    def is_begun(self) -> bool:
        """Whether the thread has begun this write, and it has no result yet."""
        return self._claimed.locked() and not self.result.done()


class WriteQueue:
    """The queue of writes, and the thread that runs them."""

    def __init__(
        self, engine: Engine, *, patience: float, availability: Availability | None = None, deadline: float = DEADLINE
    ) -> None:
        """`patience`: seconds that a write may wait in the queue; `deadline`: seconds that the database may take for one."""
        self._engine = engine
        self._patience = patience
        self._availability = availability
        self._deadline = deadline
        self._ended: Problem | None = None
        self._beginning: Sequence[_Waiting[Any, Any]] = ()
        """The writes whose transaction waits for the database's lock. None of them is settled yet, so `end` can refuse all."""
        self._beginning_lock = threading.Lock()
        self._committed: list[Callable[[], None]] = []
        self._is_settling = False
        """Whether the transaction of the current group has begun. If so, a single write of the group may cause an error."""
        self._queue: queue.SimpleQueue[_Waiting[Any, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)
        if availability is not None:
            availability.listen(lambda trouble: cut_connections(engine) if trouble.reads is not None else None)

    def tell_after_commits(self, callback: Callable[[], None]) -> None:
        """Register a function that is called on the event loop after each commit. It must return at once."""
        self._committed.append(callback)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def close(self) -> None:
        """Run the queued writes, then stop the thread and close the connections."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    def end(self, why: Problem) -> None:
        """Refuse, with the Problem `why`, all writes that have not begun. A transaction that has begun is completed."""
        with self._beginning_lock:
            self._ended = why
            for waiting in self._beginning:
                if not waiting.result.done():
                    waiting.result.set_exception(why)

    async def run(
        self,
        settle: Settle[Request, Result],
        request: Request,
        *,
        alike: object = None,
        keep: bool = True,
        seconds: float | None = None,
        size: int = 0,
    ) -> Result:
        """Queue the request, and return its result after the commit.

        Raises Busy if the request waits too long or the queue is full. The request is settled and applied while no other
        writer is active. It may be settled and applied more than once, because a failed transaction is repeated.
        `alike`: consecutive requests with equal values of `alike` may be settled together. `keep`: if this is False, the
        transaction is rolled back instead of committed. `seconds`: how long the database may take for this request; by
        default, this is the queue's `deadline`. `size`: bytes of the request's body.
        """
        if self._availability is not None:
            self._availability.require_writes()
        if self._queue.qsize() >= MAX_WAITING:
            raise busy()
        waiting = _Waiting(settle, request, alike, keep, seconds, size)
        self._queue.put(waiting)
        waiting.timer = waiting.result.get_loop().call_later(self._patience, self._is_late, waiting)
        try:
            return await waiting.result
        finally:
            waiting.timer.cancel()

    def _is_late(self, waiting: _Waiting[Any, Any]) -> None:
        """Called when a write has waited too long. If the thread has not begun the write, refuse the write.

        If the thread has begun the write, do not refuse it, but start the timer that limits the time of the database.
        """
        if waiting.claim():
            waiting.result.set_exception(busy())
        else:
            waiting.timer = waiting.result.get_loop().call_later(waiting.seconds or self._deadline, self._cut, waiting)

    def _cut(self, waiting: _Waiting[Any, Any]) -> None:
        """Close the connections to a database server that does not respond, so that the blocked thread gets an error."""
        if waiting.is_begun:
            cut_connections(self._engine)

    # -- on the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        held: _Waiting[Any, Any] | None = None
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

    def _those_behind(
        self, first: _Waiting[Any, Any], expected: int
    ) -> tuple[list[_Waiting[Any, Any]], _Waiting[Any, Any] | None, bool]:
        """Collect the writes to commit together, beginning with `first`.

        Returns (the group, a write that was taken from the queue but belongs to the next group, whether to stop).

        Clients that were answered by one commit send their next requests almost at the same moment. If the thread began with
        the first one immediately, it would compete for the GIL with the event loop, which is still parsing the other
        requests. In a measurement, a group of 2 then took as long as a group of 14.
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

    def _do(self, group: Sequence[_Waiting[Any, Any]]) -> None:
        try:
            if self._availability is not None:
                self._availability.require_writes()
            self._is_settling = False
            self._beginning = group
            outcomes = self._within_one_transaction(group)
        except Exception as error:  # noqa: BLE001 - it is passed to the requests that wait
            known = _failure(error)
            if self._availability is not None and known is not None:
                self._availability.report(known.trouble)
            told = known.problem if known is not None else error
            for_all = isinstance(told, Unavailable) and (known is not None or not self._is_settling)
            if len(group) > 1 and not for_all:
                for each in group:
                    self._do([each])
                return
            outcomes = [told] * len(group)
        group[0].result.get_loop().call_soon_threadsafe(self._tell, group, outcomes)

    def _tell(self, group: Sequence[_Waiting[Any, Any]], outcomes: Sequence[Any]) -> None:
        """Set the results of the whole group in one call on the event loop."""
        for each, outcome in zip(group, outcomes, strict=True):
            if each.result.done():  # the request was cancelled, or `end` has refused it
                continue
            if isinstance(outcome, Exception):
                each.result.set_exception(outcome)
            else:
                each.result.set_result(outcome)
        if group[0].keep:
            for callback in self._committed:
                callback()

    def _within_one_transaction(self, group: Sequence[_Waiting[Any, Any]]) -> list[Any]:
        """For each write, its result or the Problem that refused it.

        After a serialization failure or a deadlock, the transaction is repeated; there are at most `TRIES` attempts.
        """
        for attempt in range(1, TRIES + 1):
            commits = False
            try:
                with writing(self._engine, keep=group[0].keep) as connection:
                    self._require_going_on()
                    self._is_settling = True
                    outcomes: list[Any] = []
                    for _, alike in groupby(group, key=lambda waiting: waiting.alike or waiting):
                        outcomes += _outcomes(connection, list(alike))
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
        """Mark the group's transaction as begun. If `end` has been called, raises the Problem that was passed to it."""
        with self._beginning_lock:
            self._beginning = ()
            if self._ended is not None:
                raise self._ended


def _outcomes(connection: Connection, alike: Sequence[_Waiting[Any, Any]]) -> list[Any]:
    """Settle and apply the writes together; if they are refused, each one alone. Returns each write's result or Problem."""
    try:
        apply = alike[0].settle(connection, [waiting.request for waiting in alike])
    except Problem as problem:
        if len(alike) == 1:
            return [problem]
        return [outcome for waiting in alike for outcome in _outcomes(connection, [waiting])]
    return apply()


class _OutcomeUnknown(Exception):
    """The connection broke during the commit, so it is not known whether the transaction was committed."""


def _failure(error: Exception) -> Failure | None:
    """The Failure for an error that the database caused; None if the request or this program caused it."""
    match error:
        case FileIsGone():
            return Failure(unavailable(REMOVED), GONE)
        case _OutcomeUnknown():
            return Failure(unavailable(UNKNOWN_OUTCOME), AWAY)
        case DBAPIError():
            return failure(error.orig) if error.orig is not None else None
    return None
