"""Runs work that takes longer than a few milliseconds in worker processes, so that it does not delay other requests."""

import asyncio
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import IO, Any, TypeVar, cast

from app import job_process
from app.errors import Unavailable

Result = TypeVar("Result")
AT_ONCE = 2
"""The number of jobs that run at the same time. Each has a process of its own."""
MOST_WAITING = 20
"""The number of jobs that may wait for a process. Further ones are refused."""
OF_ONE_CLIENT = 10
"""The number of jobs of one client, those that wait included. They run one after another, so that one client cannot take all
processes."""
RETRY_SECONDS = 5
_IDLE_SECONDS = 60.0
_DYING_SECONDS = 1.0


class Workshop:
    """Worker processes that start with the first job, and end when there was no job for a minute.

    `seconds`: the most that a job may take, with what is read for it. A job that takes longer is ended with its process.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="workshop")
        self._workers = [_Worker(self._threads) for _ in range(AT_ONCE)]
        self._free = list(self._workers)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._jobs: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def make(self, job: Callable[..., Result], *arguments: Any, client: str = "") -> Result:
        """Run a function of a module in a worker process and return its result. Arguments and result must be picklable.

        `client`: for whom it is. If it is empty, the limits of one client do not apply. Raises Unavailable if too many jobs
        wait, or if the job takes too long or ends its process.
        """
        async with self.place(client) as place:
            return await place.make(job, *arguments)

    @asynccontextmanager
    async def place(self, client: str = "") -> AsyncIterator["Place"]:
        """Wait for a place in which a job can be prepared and run. `client`: as for `make`.

        Raises Unavailable if too many jobs wait, and if the block takes too long.
        """
        if self._is_closed:
            raise _refused("the server is about to end")
        if client and self._jobs[client] >= OF_ONE_CLIENT:
            raise _refused(f"{OF_ONE_CLIENT} files are being made for this client already")
        if self._jobs.total() >= AT_ONCE + MOST_WAITING:
            raise _refused("too many files are being made")
        self._jobs[client] += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        try:
            async with self._turn_of(client), self._places:
                worker = self._free.pop()
                try:
                    async with asyncio.timeout(self._seconds):
                        yield Place(worker)
                except TimeoutError:
                    raise _refused(f"making this file takes longer than {self._seconds:g} s; narrow it down") from None
                finally:
                    self._free.append(worker)
        finally:
            self._jobs[client] -= 1
            if not self._jobs[client]:
                del self._jobs[client]
                self._turns.pop(client, None)
            if not self._jobs and not self._is_closed:
                self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._end_workers)

    def _turn_of(self, client: str) -> asyncio.Lock:
        """Return the lock that a client's jobs hold one after another. Jobs that are for no client have a lock each."""
        return self._turns.setdefault(client, asyncio.Lock()) if client else asyncio.Lock()

    def _end_workers(self) -> None:
        for worker in self._workers:
            worker.end()

    def close(self) -> None:
        """End all processes. Further jobs are refused."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._end_workers()
        self._threads.shutdown(wait=False)


class Place:
    """A place in the workshop: one job may run at a time."""

    def __init__(self, worker: "_Worker") -> None:
        self._worker = worker

    async def make(self, job: Callable[..., Result], *arguments: Any) -> Result:
        """Run a job. If the caller is cancelled, the process is ended, because a process cannot be told to stop a job.

        Raises Unavailable if the job ends its process.
        """
        return await self._worker.run(job, arguments)


class _Worker:
    """A worker process, which starts with its first job."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        """`threads`: where it is waited for results."""
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None

    async def run(self, job: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        """Run a job. If the caller is cancelled, its process is ended."""
        loop = asyncio.get_running_loop()
        if self._process is None or self._process.poll() is not None:
            self._process = _started()
        process = self._process
        try:
            succeeded, result = await loop.run_in_executor(self._threads, _outcome, process, pickle.dumps((job, arguments)))
        except asyncio.CancelledError:
            self.end()
            raise
        except (OSError, EOFError):
            self.end()
            raise _refused("the process that makes this file ended; narrow it down") from None
        if not succeeded:
            raise result
        return cast("Result", result)

    def end(self) -> None:
        """Kill the process, and wait until it is dead, so that it writes to no file any more. The next job starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DYING_SECONDS)
        if process.stdin is not None:
            with suppress(OSError):  # what was not sent is lost with the process
                process.stdin.close()


def _started() -> "subprocess.Popen[bytes]":
    """Start a worker process, which ends with this process at the latest. It takes a millisecond, and is not waited for."""
    command = [sys.executable, "-P", job_process.__file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - a constant
    assert process.stdin is not None
    pickle.dump(sys.path, process.stdin)
    process.stdin.flush()
    return process


def _outcome(process: "subprocess.Popen[bytes]", job: bytes) -> tuple[bool, Any]:
    """Send a pickled job and wait for its outcome. Raises OSError or EOFError if the process ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(job)
    process.stdin.flush()
    length = int.from_bytes(_read(process.stdout, job_process.LENGTH), "big")
    succeeded, result = pickle.loads(_read(process.stdout, length))  # noqa: S301 - our own process sends it
    return succeeded, result


def _read(results: IO[bytes], count: int) -> bytes:
    """Return this number of bytes. Raises EOFError if the process ends before."""
    found = results.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _refused(detail: str) -> Unavailable:
    return Unavailable(detail, headers={"Retry-After": str(RETRY_SECONDS)})
