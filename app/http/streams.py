"""Streams of changes (server-sent events), and requests that wait for a change (long polls)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import PositionUnknown, Unavailable
from app.http.representations import EVENTS
from app.http.responses import ALWAYS, Header, until_gone
from app.http.shutdown import Stopping
from app.reading.changes import Position
from app.reading.following import Log, Narrowed, Read
from app.reading.watching import Waiter, Watcher
from app.settings import Settings

Result = TypeVar("Result")
RETRY_SECONDS = 10
"""Seconds after which a client that was refused, because too many streams are open, may try again."""
RECONNECT_SECONDS = 2
"""Seconds after which a client reconnects when its stream has ended. A restart of the server takes about as long."""
PIECE_ROWS, PIECE_LETTERS = 100, 262_144
"""The maximum number of entries that a stream reads at once, and the approximate maximum number of their characters.

A stream reads on when the client has taken most of it, so this bounds what a client that does not read takes in memory.
"""
KEPT_READS, KEPT_SECONDS = 8, 1.0
"""The number of reads of news whose results are kept for others who wait for the same, and for how many seconds."""
READING_AT_ONCE = 2
"""The number of reads of streams at the same time, so that they leave connections to the database to others."""
END_SHARE = 0.05
"""The part of the shutdown time after which streams are broken off whose clients do not take what was sent."""
HEADERS: tuple[Header, ...] = (
    *(header for header in ALWAYS if header[0] != b"cache-control"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # tells nginx to pass on each event at once
    (b"content-type", EVENTS.content_type.encode()),
)


class _Place(Waiter):
    """One of the streams and long polls that may be open at once."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__()
        self._gone = asyncio.create_task(until_gone(receive))
        self._gone.add_done_callback(lambda _: self.wake())
        # Only our protocol has these functions; the client of the tests, for example, has not.
        self.break_off: Callable[[], object] = scope.get("break_off", self._gone.cancel)
        self.watch_outgoing: Callable[[], object] = scope.get("watch_outgoing", bool)

    @property
    def is_gone(self) -> bool:
        """Whether the client has disconnected."""
        return self._gone.done()

    def close(self) -> None:
        """Stop to listen whether the client disconnects."""
        self._gone.cancel()


class _At(NamedTuple):
    """How far a stream is."""

    end: Position
    """Up to where the log was read."""
    told: Position
    """The last position that the client knows."""
    is_behind: bool
    """Whether more entries may follow already."""
    is_complete: bool = True
    """Whether all of the last transaction was sent."""


class _Piece(NamedTuple):
    """Entries that are sent at once."""

    events: bytes
    at: _At
    """How far a stream is when it has sent them."""


class Streams:
    """All streams and long polls of this process."""

    def __init__(self, log: Log, watcher: Watcher, settings: Settings, stopping: Stopping) -> None:
        self._log = log
        self._watcher = watcher
        self._most = settings.streams
        self._wait_seconds = settings.wait_seconds
        self._end_seconds = settings.stop_seconds * END_SHARE
        self._places: set[_Place] = set()
        self._has_ended = False
        self._reading = asyncio.Semaphore(READING_AT_ONCE)
        self._news: dict[Hashable, asyncio.Task[Any]] = {}
        """What was read since the end of the log is at `_newest`."""
        self._newest: Position | None = None
        stopping.tell_at_last(self.end)

    def end(self) -> None:
        """End all streams and long polls, because the server shuts down. It may be called several times."""
        if self._has_ended:
            return
        self._has_ended = True
        for place in self._places:
            place.wake()
        if self._places:
            asyncio.get_running_loop().call_later(self._end_seconds, self._break_off)

    def _break_off(self) -> None:
        for place in tuple(self._places):
            place.break_off()

    @contextmanager
    def _place(self, scope: Scope, receive: Receive) -> Iterator[_Place]:
        """A context manager that takes a place while the block runs. Raises Unavailable if all are taken."""
        if len(self._places) >= self._most:
            told = f"{self._most} streams and waiting requests are open already; ask without `wait` meanwhile"
            raise Unavailable(told, headers={"Retry-After": str(RETRY_SECONDS)})
        place = _Place(scope, receive)
        self._places.add(place)
        try:
            with self._watcher.waiting(place):
                yield place
        finally:
            self._places.discard(place)
            place.close()
            if not self._places:
                self._news.clear()

    async def _shared(self, key: Hashable, start: Position, read: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return the result of a read of the entries after `start`. All who wait for the same news share one read of them.

        `key`: what is read, with all filters and limits.
        """
        if not self._watcher.has_news(start):
            return await self._in_turn(read)
        if self._newest != self._watcher.end or len(self._news) >= KEPT_READS:
            self._newest = self._watcher.end
            self._news.clear()
        task = self._news.get(key)
        if task is None:
            task = self._news[key] = asyncio.create_task(self._in_turn(read))
            task.add_done_callback(lambda done: self._keep_a_moment(key, done))
        result: Result = await asyncio.shield(task)
        return result

    async def _in_turn(self, read: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        async with self._reading:
            return await read()

    def _keep_a_moment(self, key: Hashable, task: "asyncio.Task[Any]") -> None:
        """Keep a result for others who are woken a moment later. What could not be read is read again."""
        if task.cancelled() or task.exception() is not None:
            self._news.pop(key, None)
        else:
            task.get_loop().call_later(KEPT_SECONDS, self._news.pop, key, None)

    # -- long polls ----------------------------------------------------------------------------------------------------

    async def wait(
        self, scope: Scope, receive: Receive, narrowed: Narrowed, start: Position, limit: int, *, whole: bool, seconds: float
    ) -> Read:
        """Read the entries after a position. If there are none, wait for some, but no longer than `seconds`, which may be 0.

        Raises PositionUnknown if the log has no such position, and Unavailable if too many are waiting already.
        """
        read = await self._log.after(start, narrowed, limit, whole=whole)
        if read.rows or not seconds or self._has_ended:
            return read
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, self._wait_seconds)
        replaced = self._watcher.replaced
        with self._place(scope, receive) as place:
            timer = loop.call_at(until, place.wake)
            try:
                while not (read.rows or self._has_ended or place.is_gone or loop.time() >= until):
                    if self._watcher.has_news(read.end) or self._watcher.replaced != replaced:
                        replaced = self._watcher.replaced
                        again = partial(self._log.after, read.end, narrowed, limit, whole=whole)
                        read = await self._shared((narrowed, read.end, limit, whole), read.end, again)
                    else:
                        await place.wait()
            finally:
                timer.cancel()
        return read

    # -- streams -------------------------------------------------------------------------------------------------------

    async def open(self, narrowed: Narrowed, start: Position | None) -> ASGIApp:
        """Return an ASGI app that streams the entries after a position; if it is None, those after the end of the log.

        Raises PositionUnknown if the log has no such position.
        """
        is_behind = start is not None
        start = await self._log.end() if start is None else await self._log.require_standing(start)

        async def stream(scope: Scope, receive: Receive, send: Send) -> None:
            with self._place(scope, receive) as place:
                await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
                if scope["method"] != "HEAD":
                    await self._send(place, narrowed, start, send, is_behind=is_behind)
                await send({"type": "http.response.body", "body": b""})

        return stream

    async def _send(self, place: _Place, narrowed: Narrowed, start: Position, send: Send, *, is_behind: bool) -> None:
        """Send events until the client or the server ends the stream, or the log is replaced by another one.

        `is_behind`: whether there may be entries after `start` already.
        """

        async def write(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        replaced = self._watcher.replaced
        at = _At(start, told=start, is_behind=is_behind)
        await write(EVENTS.beginning(start, retry_seconds=RECONNECT_SECONDS).encode())
        while not (place.is_gone or self._watcher.replaced != replaced or (self._has_ended and at.is_complete)):
            if place.is_comment_due:
                place.is_comment_due = False
                await write(EVENTS.comment(at.end if at.end != at.told else None).encode())
                at = at._replace(told=at.end)
                place.watch_outgoing()  # notices a client that is gone without a word, because it acknowledges nothing
            if at.is_behind or self._watcher.has_news(at.end):
                try:
                    at = await self._send_piece(narrowed, at, write)
                except PositionUnknown:
                    return
                except Unavailable:  # the stream stays open, because clients give up if they are refused when they reconnect
                    await place.wait()
                await asyncio.sleep(0)  # lets other tasks run: if the client is fast, no other `await` here does so
            else:
                await place.wait()

    async def _send_piece(self, narrowed: Narrowed, at: _At, write: Callable[[bytes], Awaitable[None]]) -> _At:
        """Send the next entries, if there are some. Return how far the stream is then."""
        piece = await self._shared((narrowed, at.end), at.end, partial(self._piece, narrowed, at.end))
        if piece.events:
            await write(piece.events)
        return piece.at if piece.events else piece.at._replace(told=at.told)

    async def _piece(self, narrowed: Narrowed, start: Position) -> _Piece:
        """Read the next entries after a position, and write them as events."""
        read = await self._log.after(start, narrowed, PIECE_ROWS, whole=True, letters=PIECE_LETTERS)
        events = [
            EVENTS.event(Position(seq, digest), operation, entry) for entry, seq, digest, _transaction, operation in read.rows
        ]
        told = Position(*read.rows[-1][1:3]) if read.rows else start
        return _Piece("".join(events).encode(), _At(read.end, told, is_behind=read.more, is_complete=read.complete))
