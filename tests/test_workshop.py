"""Tests of the worker processes in which files are made."""

import asyncio
import os
import time

import pytest

from app.errors import Unavailable
from app.workshop import AT_ONCE, MOST_WAITING, Workshop


def _pid() -> int:
    return os.getpid()


def _end() -> None:
    os._exit(1)


def _squared(number: int) -> int:
    return number * number


def test_a_job_runs_in_another_process() -> None:
    async def run() -> None:
        workshop = Workshop(seconds=60)
        try:
            assert await workshop.make(_pid) != os.getpid()
            assert await asyncio.gather(*(workshop.make(_squared, number) for number in range(5))) == [0, 1, 4, 9, 16]
        finally:
            workshop.close()

    asyncio.run(run())


def test_a_job_that_ends_its_process_is_refused_and_the_next_one_runs() -> None:
    async def run() -> None:
        workshop = Workshop(seconds=60)
        try:
            with pytest.raises(Unavailable, match="narrow it down"):
                await workshop.make(_end)
            assert await workshop.make(_squared, 3) == 9
        finally:
            workshop.close()

    asyncio.run(run())


def test_a_job_that_takes_too_long_is_refused_and_the_next_one_runs() -> None:
    async def run() -> None:
        workshop = Workshop(seconds=0.5)
        try:
            with pytest.raises(Unavailable, match=r"longer than 0\.5 s"):
                await workshop.make(time.sleep, 600)
        finally:
            workshop.close()
        again = Workshop(seconds=60)
        try:
            assert await again.make(_squared, 3) == 9
        finally:
            again.close()

    asyncio.run(run())


def test_jobs_wait_for_a_process_but_not_too_many() -> None:
    async def run() -> None:
        workshop = Workshop(seconds=60)
        try:
            waiting = [asyncio.create_task(workshop.make(_squared, 2)) for _ in range(AT_ONCE + MOST_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="too many"):
                await workshop.make(_squared, 2)
            assert await asyncio.gather(*waiting) == [4] * (AT_ONCE + MOST_WAITING)
        finally:
            workshop.close()

    asyncio.run(run())
