"""Sends files that a worker process makes of a list of records, such as a workbook or a calendar."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from starlette.types import Receive, Scope, Send

from app.errors import Unavailable
from app.files import packing
from app.files.listing import Job, Listing
from app.http.limits import client_of
from app.http.responses import ALWAYS, Header, RequestHeaders, break_connection, until_gone
from app.http.shutdown import Stopping, about_to_end
from app.workshop import RETRY_SECONDS, Place, Workshop

_CHUNK = 262_144
_LATER = {"Retry-After": str(RETRY_SECONDS)}
_log = logging.getLogger("rapporteur")


class Making(NamedTuple):
    """A file to be made."""

    job: Job
    lines: Callable[[], AsyncGenerator[str]]
    """Reads the lines that the job reads, some at a time; each ends with a newline."""
    listing: Callable[[], Listing]
    """Returns the facts that the file states besides its lines. It is called after the last line was read."""
    content_type: str
    is_packed: bool
    """Whether the file is compressed by itself."""


class Files:
    """Makes files in worker processes, and sends them.

    `most_bytes`: the most bytes that the files of this process may have together: those that are being made, and those that
    clients have not received yet.
    """

    def __init__(self, workshop: Workshop, stopping: Stopping, *, most_bytes: int) -> None:
        self._workshop = workshop
        self._stopping = stopping
        self._most_bytes = most_bytes
        self._bytes = 0

    def close(self) -> None:
        """End the worker processes."""
        self._workshop.close()

    async def send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request: RequestHeaders,
        making: Making,
        headers: Iterable[Header] = (),
    ) -> None:
        """Make a file and send it. If the client disconnects, or the server shuts down, stop.

        A request with the method HEAD makes nothing, and is not told the length. Raises Unavailable if too many files are being
        made, if making this one takes too long, or if the files have too many bytes together.
        """
        is_packed_here = request.gzip and not making.is_packed
        common = [*ALWAYS, (b"content-type", making.content_type.encode()), *headers]
        if is_packed_here:
            common.append((b"content-encoding", b"gzip"))
        if request.head:
            await send({"type": "http.response.start", "status": 200, "headers": common})
            await send({"type": "http.response.body", "body": b""})
            return
        self._stopping.require_more_time()
        gone = asyncio.create_task(until_gone(receive))
        held = _Held(self)
        try:
            file = await self._made(scope, making, held, gone, is_packed=is_packed_here)
            if file is not None:
                with file, self._stopping.telling(lambda: break_connection(scope)):
                    await _send_file(send, file, held.bytes, common, gone)
        finally:
            gone.cancel()
            held.release()

    async def _made(
        self, scope: Scope, making: Making, held: "_Held", gone: "asyncio.Task[None]", *, is_packed: bool
    ) -> BinaryIO | None:
        """Return the open file, which is closed by the caller; None if the client disconnected."""
        task = asyncio.create_task(self._make(client_of(scope), making, held, is_packed=is_packed))
        ended = False

        def end() -> None:
            nonlocal ended
            ended = True
            task.cancel()

        try:
            with self._stopping.telling(end):
                await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
            await asyncio.wait({task})
        if ended:
            raise about_to_end()
        return None if task.cancelled() else task.result()

    async def _make(self, client: str, making: Making, held: "_Held", *, is_packed: bool) -> BinaryIO:
        async with self._workshop.place(client) as place:
            folder = Path(tempfile.mkdtemp(prefix="rapporteur-"))
            try:
                return await self._make_in(folder, place, making, held, is_packed=is_packed)
            except OSError as error:
                _log.warning("a file could not be made: %s", error)
                raise Unavailable("the server has no room for this file now", headers=_LATER) from error
            finally:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _make_in(self, folder: Path, place: Place, making: Making, held: "_Held", *, is_packed: bool) -> BinaryIO:
        """Make the file in a folder, and return it, open. The caller deletes the folder; the open file can still be read."""
        lines, result = folder / "lines", folder / "result"
        with lines.open("wb") as file:
            async with aclosing(making.lines()) as chunks:
                async for chunk in chunks:
                    content = chunk.encode()
                    held.take(len(content))
                    await asyncio.to_thread(file.write, content)
        job = packing.packed if is_packed else packing.plain
        await place.make(job, making.job, lines, result, making.listing())
        held.release()
        held.take(result.stat().st_size)
        return result.open("rb")

    def take(self, count: int) -> None:
        """Count bytes of files. Raises Unavailable if there are too many."""
        if self._bytes + count > self._most_bytes:
            detail = "the files that are being made and sent are too large together"
            raise Unavailable(detail, headers=_LATER)
        self._bytes += count

    def give_back(self, count: int) -> None:
        """Stop to count bytes of files."""
        self._bytes -= count


class _Held:
    """The bytes of the files of one request."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.bytes = 0

    def take(self, count: int) -> None:
        """Count bytes. Raises Unavailable if the files of all requests have too many."""
        self._files.take(count)
        self.bytes += count

    def release(self) -> None:
        """Stop to count the bytes of this request."""
        self._files.give_back(self.bytes)
        self.bytes = 0


async def _send_file(send: Send, file: BinaryIO, length: int, headers: list[Header], gone: "asyncio.Task[None]") -> None:
    headers = [*headers, (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        if gone.done():
            return
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
