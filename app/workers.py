"""Work of many pieces shared with copies of this process, which have in memory all that it has and need be told nothing."""

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
"""A piece of work. What it comes to passes from one process to another, and it changes nothing."""
Share = Callable[[Sequence[Job]], AbstractContextManager[Iterator[Any]]]
"""Has pieces of work done, and gives what each comes to, in their order."""
WORTH_IT = 8
"""Pieces from which on copies are worth their start, each being a hundredth of a second's work."""


@contextmanager
def alone(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Each is done by this process when it is asked for."""
    yield (job() for job in jobs)


@contextmanager
def with_copies(jobs: Sequence[Job]) -> Iterator[Iterator[Any]]:
    """Copies of this process, one for each further processor, begin at once and go on however soon anybody asks.

    This process must have no threads. Its connections stay its own: no job may use one. Where the system makes no such
    copies safely, there are none.
    """
    many = len(os.sched_getaffinity(0)) - 1 if sys.platform == "linux" else 0
    if not many or len(jobs) < WORTH_IT:
        with alone(jobs) as done:
            yield done
        return
    context = get_context("fork")
    begun = context.Value("L", 0)

    def next_one() -> int:
        """The number of a job that nobody has begun; if there is none, how many there are."""
        with begun.get_lock():
            number: int = begun.value
            begun.value = min(number + 1, len(jobs))
        return number

    copies, pipes = [], []
    try:
        for _ in range(many):
            here, there = context.Pipe(duplex=False)
            copy = context.Process(target=_work, args=(jobs, next_one, there), daemon=True)
            copy.start()
            there.close()
            copies.append(copy)
            pipes.append(here)
        yield _done(jobs, next_one, pipes)
    finally:
        for copy in copies:
            copy.kill()
            copy.join()


def _work(jobs: Sequence[Job], next_one: Callable[[], int], pipe: "Connection[Any, Any]") -> None:
    """What a copy does: a thread sends what is done, so that it goes on where nobody has asked yet."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts this process' original has it stop its copies
    with ThreadPoolExecutor(1) as sending:
        while (number := next_one()) < len(jobs):
            sending.submit(pipe.send, (number, jobs[number]()))


def _done(jobs: Sequence[Job], next_one: Callable[[], int], pipes: list["Connection[Any, Any]"]) -> Iterator[Any]:
    """While the next is not there, this process does one that nobody has begun, or what a copy left that was killed."""
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
