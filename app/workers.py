"""Runs a list of independent jobs in forked worker processes.

A fork inherits the memory of this process, so arguments are never pickled; only results are.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

Job = Callable[[], Any]
"""A function without side effects. Its result must be picklable."""
JobRunner = Callable[[Sequence[Job]], AbstractContextManager[Iterator[Any]]]
"""Runs jobs, and yields their results in the order of the jobs."""
WORTH_IT = 8
"""The number of jobs from which on forking is faster than running all jobs in this process. A job takes about 10 ms."""


@contextmanager
def run_here(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Run each job in this process, at the moment when the caller requests its result."""
    yield (job() for job in jobs)


@contextmanager
def run_in_workers(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Run the jobs in forked worker processes. All workers are started before the first result is read.

    There is one worker fewer than processors, because this process uses one processor itself.

    This process must have no threads, and no job may use a database connection of this process. The jobs run in this process
    if there is only one processor, if there are fewer than `WORTH_IT` jobs, and on systems other than Linux, where forking is
    not safe.
    """
    many = len(os.sched_getaffinity(0)) - 1 if sys.platform == "linux" else 0
    if not many or len(jobs) < WORTH_IT:
        with run_here(jobs) as done:
            yield done
        return
    context = get_context("fork")
    begun = context.Value("L", 0)

    def next_one() -> int:
        """Claim the next job that no process has begun. Returns its index, or `len(jobs)` if there is none."""
        with begun.get_lock():
            number: int = begun.value
            begun.value = min(number + 1, len(jobs))
        return number

    workers, pipes = [], []
    try:
        for _ in range(many):
            here, there = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(jobs, next_one, there), daemon=True)
            worker.start()
            there.close()
            workers.append(worker)
            pipes.append(here)
        yield _done(jobs, next_one, pipes)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _work(jobs: Sequence[Job], next_one: Callable[[], int], pipe: "Connection[Any, Any]") -> None:
    """Run jobs in a worker process until none is left.

    A thread sends the results, so that the worker can run the next job before the parent process has read the last result.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process stops its workers when it is interrupted
    with ThreadPoolExecutor(1) as sending:
        while (number := next_one()) < len(jobs):
            sending.submit(pipe.send, (number, jobs[number]()))


def _done(jobs: Sequence[Job], next_one: Callable[[], int], pipes: list["Connection[Any, Any]"]) -> Iterator[Any]:
    """Yield the results in the order of the jobs. While the next result is missing, this process runs jobs itself.

    If a worker was killed, this process repeats the worker's unfinished job.
    """
    done: dict[int, Any] = {}
    for wanted in range(len(jobs)):
        while wanted not in done:
            ready = [pipe for pipe in pipes if pipe.poll()]
            for pipe in ready:
                try:
                    number, what = pipe.recv()
                    done[number] = what
                except (EOFError, OSError):
                    pipes.remove(pipe)
            if ready:
                continue
            own = next_one()
            if own < len(jobs):
                done[own] = jobs[own]()
            elif pipes:
                wait(pipes)
            else:
                done[wanted] = jobs[wanted]()
        yield done.pop(wanted)
