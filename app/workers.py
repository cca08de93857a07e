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
"""A job returns a result that can be pickled, and changes nothing."""
JobRunner = Callable[[Sequence[Job]], AbstractContextManager[Iterator[Any]]]
"""Runs jobs, and yields their results in order."""
WORTH_IT = 8
"""From so many jobs on, of some 10 ms each, forking is faster."""


@contextmanager
def run_here(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Run each job in this process when its result is asked for."""
    yield (job() for job in jobs)


@contextmanager
def run_in_workers(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Run the jobs in forked workers, one for each further processor, which start at once.

    This process must have no threads, and no job may use its database connections. Where forking is not safe, the jobs run in
    this process.
    """
    many = len(os.sched_getaffinity(0)) - 1 if sys.platform == "linux" else 0
    if not many or len(jobs) < WORTH_IT:
        with run_here(jobs) as done:
            yield done
        return
    context = get_context("fork")
    begun = context.Value("L", 0)

    def next_one() -> int:
        """The number of the next job that no process has begun; the number of jobs, if there is none."""
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
    """The loop of a worker. A thread sends the results, so that the worker goes on before they are read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process stops its workers when it is interrupted
    with ThreadPoolExecutor(1) as sending:
        while (number := next_one()) < len(jobs):
            sending.submit(pipe.send, (number, jobs[number]()))


def _done(jobs: Sequence[Job], next_one: Callable[[], int], pipes: list["Connection[Any, Any]"]) -> Iterator[Any]:
    """Results in order. While the next one is missing, this process runs a job itself, also one of a worker that was killed."""
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
