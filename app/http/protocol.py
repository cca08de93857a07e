"""uvicorn's HTTP protocol with bounds: nobody makes a connection remember, parse or wait without end.

A request's head ends within its bytes and its seconds. Requests that a client sends before earlier ones are answered stay
unread. A client that takes or sends less than 1 KiB a second is cut off. What is no HTTP is told as a problem document, too.
"""

import asyncio
import re
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
"""Bytes that the parser is fed at once where a new request may begin: at most some 50 requests are parsed ahead."""
LEAST_RATE = 1_024
"""Bytes a second that a client has to take of an answer, or to send of a body."""
RETRY_SECONDS = 1
_BODILESS = frozenset(("GET", "HEAD"))
_NO_HTTP = (
    "this is no HTTP request that can be read: its first line is a method, a path and the version, and a path holds no byte"
    " outside ASCII; write other letters percent-encoded, as `curl --get --data-urlencode 'q=связи'` does"
)
_SLASH = re.compile("%2f", re.IGNORECASE)


class Connections:
    """The limits of connections, for each one and for all together; `app_state` passes it to each protocol."""

    def __init__(self, settings: Settings) -> None:
        self.head_bytes: int = settings.head_limit
        self.head_seconds: float = settings.head_seconds
        self.idle_seconds: float = settings.idle_seconds
        self.stall_seconds: float = settings.stall_seconds
        self.most: int = settings.connections
        self._most_unsent: int = settings.unsent_limit
        self._open: WeakSet[Protocol] = WeakSet()
        self._unsent: dict[Protocol, None] = {}
        """Those whose client takes less than it is sent, the one that began first before the others."""

    def opened(self, protocol: "Protocol") -> None:
        """There is one more."""
        self._open.add(protocol)

    def waits(self, protocol: "Protocol") -> None:
        """Its client takes less than it is sent; those that began first are cut where all together wait for too much."""
        self._unsent[protocol] = None
        unsent = {each: each.transport.get_write_buffer_size() for each in self._unsent}
        total = sum(unsent.values())
        for each, size in unsent.items():
            if total <= self._most_unsent:
                return
            total -= size
            each.transport.abort()

    def waits_no_more(self, protocol: "Protocol") -> None:
        """Its client has taken what it was sent, or is gone."""
        self._unsent.pop(protocol, None)

    def cut(self) -> None:
        """Close all connections at once, also those with unfinished requests, because the shutdown has run out of time."""
        for each in list(self._open):
            each.transport.abort()


class Protocol(HttpToolsProtocol):
    """The protocol of one connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request for no longer than between two."""
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
        """The connection has ended: release what it held."""
        for timer in (self._idle_timer, self._head_timer, self._body_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._limits.waits_no_more(self)
        self._unread.clear()
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            # uvicorn tells the newest request alone, which may wait behind this one.
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    # -- what comes in -------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse received data. While an earlier pipelined request waits, the data is kept unparsed and reading is paused."""
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
        """Whether the connection goes on."""
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
        """Read the request as if it had not asked for another protocol, since none is offered; its body is a body as of any.

        The parser ends such a request with its head: what follows would be taken for a request of its own.
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
        """Give what has begun and is not whole its time."""
        if self._head_bytes and not self._in_body:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)
        elif self._in_body and self._body_timer is None:
            self._body_timer = self.loop.call_later(self._limits.stall_seconds, self._check_body, self._received)

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is whole, and the request is begun or waits for the one before it."""
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
        if b"%2" in self.scope["raw_path"]:
            # An escaped slash is a letter of its segment, as RFC 3986 has it: it must not choose another route.
            self.scope["path"] = unquote(_SLASH.sub("%252F", self.scope["raw_path"].decode("ascii")))

    def on_chunk_header(self) -> None:
        """Start a new count: chunk headers and trailers are limited in size like the head of a request."""
        self._head_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body has arrived."""
        self._body_fed += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._upgrades:
            return
        self._in_body, self._completed, self._head_bytes, self._body_left = False, True, 0, 0
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next request's turn; what was left unread is parsed when none waits any more.

        In the place of uvicorn's own, which begins and ends a timer with every request.
        """
        self.server_state.total_requests += 1
        if self._in_body and not self.pipeline:
            self.transport.close()  # what is left of a body that nobody wants is not worth the connection
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
        if self.cycle.response_complete and not self._head_bytes:  # a head has a time of its own
            self._wait_for_a_request()

    @property
    def leaves_bytes_unread(self) -> bool:
        """Whether bytes that the client sent, or is still sending, will not be parsed."""
        return bool(self._in_body or self._in_head or self._unread or self.pipeline or self._refusal)

    def break_off(self) -> None:
        """Abort the connection when a response cannot be completed, so that the client notices that it is truncated."""
        if self._answering is not None:
            self._answering.disconnected = True
        cast("Transport", self.transport).abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # -- what takes too long -------------------------------------------------------------------------------------------

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
        """One timer runs for all requests that come while it does: most connections are idle for a moment only."""
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
        """The client takes less than it is sent: watch how much it takes."""
        super().pause_writing()
        self.watch_outgoing()
        self._limits.waits(self)

    def resume_writing(self) -> None:
        """The client has received most of the data."""
        super().resume_writing()
        self._limits.waits_no_more(self)

    def watch_outgoing(self) -> None:
        """Cut the connection when too little of what waits to be sent is taken; while nothing waits, nothing is asked."""
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
        """Answer with a problem unless an answer has begun, and close; when its turn comes, if earlier requests wait."""
        if self.transport.is_closing():
            return
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (under_way and not self._in_body):
            if self.pipeline and self._in_body:
                self.pipeline.popleft()  # the newest request is the one whose body is invalid
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
    """A Connection header without its wish for another protocol."""
    return b", ".join(
        part.strip() for part in connection.split(b",") if part.strip().lower() not in (b"upgrade", b"http2-settings")
    )
