"""uvicorn's HTTP protocol with limits on the memory, the parsing and the time that a connection can take.

The head of a request is limited in bytes and in seconds. Pipelined requests (sent before earlier ones are answered) stay
unparsed. A client that receives or sends less than 1 KiB a second is disconnected. Input that is not HTTP is answered with a
problem document, too.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote
from weakref import WeakSet

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.errors import HeadTooLarge, Malformed, Problem, RequestTimeout, Unavailable
from app.http.problems import MEDIA_TYPE, text_of
from app.http.responses import ALWAYS
from app.http.transport import Flow, Transport
from app.settings import Settings

SLICE = 1_024
"""The number of bytes that are passed to the parser in one call, except within a body of known length.

The number is small, so that at most about 50 pipelined requests are parsed before the earlier requests are answered.
"""
LEAST_RATE = 1_024
"""The minimum rate, in bytes per second, at which a client must receive a response or send a request body.

Slower clients are disconnected.
"""
RETRY_SECONDS = 1
_BODILESS = frozenset(("GET", "HEAD"))
_NO_HTTP = (
    "this is no HTTP request that can be read: its first line is a method, a path and the version, and a path holds no byte"
    " outside ASCII; write other letters percent-encoded, as `curl --get --data-urlencode 'q=связи'` does"
)
_SLASH = re.compile("%2f", re.IGNORECASE)


class Connections:
    """The limits of each connection and of all connections together.

    Each protocol gets this object from uvicorn's `app_state`.
    """

    def __init__(self, settings: Settings) -> None:
        self.head_bytes: int = settings.head_limit
        self.head_seconds: float = settings.head_seconds
        self.idle_seconds: float = settings.idle_seconds
        self.stall_seconds: float = settings.stall_seconds
        self.most: int = settings.connections
        self._most_unsent: int = settings.unsent_limit
        self._open: WeakSet[Protocol] = WeakSet()
        self._closing: Callable[[], None] = _nothing
        self._unsent: dict[Protocol, None] = {}
        """The connections with a slow client, in the order in which they became slow.

        A client is slow if it receives data more slowly than the server sends it.
        """

    def opened(self, protocol: "Protocol") -> None:
        """Register a new connection."""
        self._open.add(protocol)

    def waits(self, protocol: "Protocol") -> None:
        """Register a connection with a slow client.

        If all slow connections together buffer more than `unsent_limit` bytes, those that became slow first are aborted.
        """
        self._unsent[protocol] = None
        unsent = {each: each.transport.get_write_buffer_size() for each in self._unsent}
        total = sum(unsent.values())
        for each, size in unsent.items():
            if total <= self._most_unsent:
                return
            total -= size
            each.transport.abort()

    def waits_no_more(self, protocol: "Protocol") -> None:
        """Unregister a connection, because its client has received most of the data, or because the connection has ended."""
        self._unsent.pop(protocol, None)

    def tell_when_closing(self, callback: Callable[[], None]) -> None:
        """Register the function that is called when the server waits for connections to close. It may be called again."""
        self._closing = callback

    def closing(self) -> None:
        """Tell that the server accepts no more connections, and waits until those that are open are closed."""
        self._closing()

    def cut(self) -> None:
        """Abort all connections immediately, even those with unfinished requests, because the shutdown time is almost over."""
        for each in list(self._open):
            each.transport.abort()


def _nothing() -> None:
    """Do nothing. It is called if no function was registered with `tell_when_closing`."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol for one connection, with timeouts, size limits, and a minimum rate of sending and receiving."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected: refuse the connection if too many are open; otherwise start the idle timeout."""
        self._limits: Connections = self.app_state["connections"]
        self._unread = bytearray()
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = self._completed = self._upgrades = False
        self._head_bytes = self._received = self._body_left = self._body_fed = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._refusal: Problem | None = None
        self._answering: RequestResponseCycle | None = None
        super().connection_made(cast("asyncio.Transport", Transport(transport, self)))
        self.flow = Flow(self.transport)
        self._limits.opened(self)
        if len(self.connections) > self._limits.most:
            detail = f"{self._limits.most} connections are open already"
            self._refuse(Unavailable(detail, headers={"Retry-After": str(RETRY_SECONDS)}))
            return
        self._wait_for_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection has ended: cancel its timers, and discard its data and its waiting requests."""
        for timer in (self._idle_timer, self._head_timer, self._body_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._limits.waits_no_more(self)
        self._unread.clear()
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            # If requests are queued, the running request is not the newest one. uvicorn notifies only the newest request
            # that the client has disconnected, so the running request is notified here.
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called by uvicorn when the server has stopped accepting connections: close this one, now or after its response.

        uvicorn then waits until all connections are closed. A stream of changes has no end of its own, so it is told to end.
        """
        super().shutdown()
        self._limits.closing()

    # -- incoming data -------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Called with received data: parse it.

        While a pipelined request waits for its turn, the data is stored unparsed, and reading from the socket is paused.
        """
        if self._refusal is not None or self.transport.is_closing():
            cast("Transport", self.transport).discarded(len(data))
            return
        self._idle_since = None
        if self._unread:
            self._unread += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        place, end = 0, len(data)
        while place < end and not self.pipeline:
            piece = data[
                place : place + max(SLICE, self._body_left)
            ]  # if the slice is all of the data, Python does not copy it
            place += len(piece)
            if not self._parse_piece(piece):
                return
        if place < end:
            self._unread = bytearray(data[place:])
        if self.pipeline:
            cast("Flow", self.flow).hold()
        if self._head_bytes or self._in_body:
            self._watch_incoming()

    def _parse_piece(self, piece: bytes) -> bool:
        """Pass data to the parser.

        Returns False if parsing must stop, because the request was refused or the connection is closing.
        """
        self._completed, self._body_fed = False, 0
        self._received += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            return self._parse_without_upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(Malformed(_NO_HTTP))
            return False
        if self.parser is None or self.transport.is_closing():
            return False
        if self._completed and not self._in_head and not self._in_body:
            return True
        self._body_left = max(self._body_left - self._body_fed, 0)
        self._head_bytes += len(piece) - self._body_fed
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(HeadTooLarge(f"the head of a request may have {self._limits.head_bytes} bytes"))
            return False
        return True

    def _parse_without_upgrade(self, rest: bytes) -> bool:
        """Parse the request again without its `Upgrade` header, because no other protocol is offered.

        If a request has the header `Upgrade`, the parser treats the request as complete after its head, and would parse the
        body as the next request. `rest` is the data after the head. Returns the same as `_parse_piece`.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(Malformed("this is no proxy: CONNECT leads nowhere"))
            return False
        kept = [(name, _without_upgrade(value) if name == b"connection" else value) for name, value in self.headers]
        head = b"%b %b HTTP/%b\r\n" % (method, self.url, version)
        head += b"".join(b"%b: %b\r\n" % (name, value) for name, value in kept if name != b"upgrade" and value)
        self._upgrades = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return self._parse_piece(head + b"\r\n" + rest)

    def _watch_incoming(self) -> None:
        """Start a timeout for the incomplete request: for its head, or for its body if the head is complete."""
        if self._head_bytes and not self._in_body:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)
        elif self._in_body and self._body_timer is None:
            self._body_timer = self.loop.call_later(self._limits.stall_seconds, self._check_body, self._received)

    def on_message_begin(self) -> None:
        """Called by the parser when the head of a request begins: start to count the bytes of the head, which are limited."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Called by the parser when the head is complete: start the request, or queue it if an earlier one is unanswered."""
        if self.parser.should_upgrade():
            self._upgrades = True
            return
        self._in_head, self._in_body, self._head_bytes = False, True, 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()
        if self.scope["method"] not in _BODILESS:
            for name, value in self.headers:
                if name == b"content-length" and len(value) < 20:
                    self._body_left = int(value)
        self.scope["break_off"] = self.break_off  # type: ignore[typeddict-unknown-key]
        self.scope["watch_outgoing"] = self.watch_outgoing  # type: ignore[typeddict-unknown-key]
        if b"%2" in self.scope["raw_path"]:
            # An escaped slash belongs to a path segment (RFC 3986). Keep it escaped, because it could otherwise select another
            # route.
            self.scope["path"] = unquote(_SLASH.sub("%252F", self.scope["raw_path"].decode("ascii")))

    def on_chunk_header(self) -> None:
        """Called by the parser for each chunk header: reset the count of bytes to zero.

        The bytes of chunk headers and trailers are counted like those of a request's head, because the same size limit applies.
        """
        self._head_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Called by the parser for each piece of a request's body: count the bytes of the piece, and pass it on to uvicorn."""
        self._body_fed += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by the parser when a request is complete: reset the counts, and stop the timeout of the body."""
        if self._upgrades:
            return
        self._in_body, self._completed, self._head_bytes, self._body_left = False, True, 0, 0
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called when a response is complete: start the next queued request. If no more are queued, parse the stored data.

        uvicorn's own method is not used, because it starts and cancels a timer for every request.
        """
        self.server_state.total_requests += 1
        if self._in_body and not self.pipeline:
            # The client is still sending the body of a request that is answered already, so the rest of the body is useless.
            self.transport.close()
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            if self.pipeline:
                return
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if self._unread:
            data, self._unread = bytes(self._unread), bytearray()
            self._parse(data)
        if not self.pipeline:
            cast("Flow", self.flow).release()
        if self.cycle.response_complete and not self._head_bytes:  # an incomplete head has its own timeout
            self._wait_for_a_request()

    @property
    def leaves_bytes_unread(self) -> bool:
        """Whether the client has sent, or is still sending, bytes that this connection will not parse."""
        return bool(self._in_body or self._in_head or self._unread or self.pipeline or self._refusal)

    def break_off(self) -> None:
        """Abort the connection, because a response cannot be completed.

        Without the abort, the client would not notice that the response is truncated.
        """
        if self._answering is not None:
            self._answering.disconnected = True
        cast("Transport", self.transport).abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # -- timeouts ------------------------------------------------------------------------------------------------------

    def _head_is_late(self) -> None:
        self._refuse(RequestTimeout(f"the head of a request must be whole {self._limits.head_seconds:g} s after it began"))

    def _check_body(self, before: int) -> None:
        self._body_timer = None
        if not self._in_body:
            return
        if self.flow.read_paused or self._received - before >= self._limits.stall_seconds * LEAST_RATE:
            self._watch_incoming()
            return
        self._refuse(RequestTimeout(f"a body must come at {LEAST_RATE} bytes a second"))

    def _wait_for_a_request(self) -> None:
        """Start the idle timeout.

        A running timer is not restarted, because most connections are idle only for a moment. Instead, when the timer ends,
        `_check_idle` waits for the time that remains.
        """
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self._limits.idle_seconds, self._check_idle)

    def _check_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self._limits.idle_seconds - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._check_idle)
        else:
            cast("Transport", self.transport).close(linger=False)

    def pause_writing(self) -> None:
        """Called when the write buffer is full: measure the client's rate, and register the connection as slow."""
        super().pause_writing()
        self.watch_outgoing()
        self._limits.waits(self)

    def resume_writing(self) -> None:
        """Called when the client has received most of the buffered data: the connection is not slow any more."""
        super().resume_writing()
        self._limits.waits_no_more(self)

    def watch_outgoing(self) -> None:
        """Start to measure how fast the client receives data, unless a measurement is running already.

        If the rate is below LEAST_RATE, the connection is aborted. The measurement ends when the client has acknowledged all
        data that was sent.
        """
        if self._stall_timer is None:
            cast("Transport", self.transport).count_taken()
            self._stall_timer = self.loop.call_later(self._limits.stall_seconds, self._check_taken)

    def _check_taken(self) -> None:
        self._stall_timer = None
        transport = cast("Transport", self.transport)
        if not transport.waiting:
            transport.count_no_more()
        elif transport.taken < min(self._limits.stall_seconds * LEAST_RATE, transport.waited):
            transport.abort()
        else:
            self.watch_outgoing()

    # -- refusals ------------------------------------------------------------------------------------------------------

    def _refuse(self, problem: Problem) -> None:
        """Refuse the current request: send the problem, unless a response has begun already, and close the connection.

        If earlier requests are not answered yet, the problem is kept, and is sent after their responses.
        """
        if self.transport.is_closing():
            return
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (under_way and not self._in_body):
            if self.pipeline and self._in_body:
                self.pipeline.popleft()  # remove the newest request, because its body is the invalid one
                self.cycle = self.pipeline[0][0] if self.pipeline else cast("RequestResponseCycle", self._answering)
            self._refusal, self._in_body = problem, False
            self._unread.clear()
            return
        if not under_way or not self.cycle.response_started:
            scope = cast("dict[str, Any]", {"scheme": "http", "headers": [], "path": "/", "query_string": b""})
            body = text_of(problem, cast("Scope", scope)).encode()
            own = [
                *problem.headers.items(),
                ("content-type", MEDIA_TYPE),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            headers = [
                *self.server_state.default_headers,
                *ALWAYS,
                *((name.lower().encode(), value.encode()) for name, value in own),
            ]
            head = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.transport.write(STATUS_LINE[problem.status] + head + b"\r\n" + body)
        if under_way:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def _without_upgrade(connection: bytes) -> bytes:
    """Return the value of a Connection header without the options `Upgrade` and `HTTP2-Settings`."""
    return b", ".join(
        part.strip() for part in connection.split(b",") if part.strip().lower() not in (b"upgrade", b"http2-settings")
    )
