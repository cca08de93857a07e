"""What is promised of work that a process shares with copies of itself."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import pytest

from app.workers import WORTH_IT, JobRunner, run_here, run_in_workers

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="workers are forked on Linux only")
MANY = 3 * WORTH_IT


@pytest.fixture(autouse=True)
def three_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many copies on every machine: two."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})


def done_by(number: int) -> tuple[int, int]:
    """Takes a while, longer where the number is small."""
    time.sleep(0.02 / (1 + number))
    return number, os.getpid()


@pytest.mark.parametrize("run_jobs", [run_here, run_in_workers])
def test_results_come_in_the_order_of_the_jobs(run_jobs: JobRunner) -> None:
    with run_jobs([partial(done_by, number) for number in range(MANY)]) as done:
        found = list(done)
    assert [number for number, _ in found] == list(range(MANY))
    processes = {process for _, process in found}
    assert (processes == {os.getpid()}) is (run_jobs is run_here)
    assert active_children() == []


def test_copies_go_on_before_anybody_asks(tmp_path: Path) -> None:
    with run_in_workers([partial(_leave_a_mark, tmp_path, number) for number in range(MANY)]) as done:
        until = time.monotonic() + 30
        while len(list(tmp_path.iterdir())) < MANY:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert os.getpid() not in list(done)


def _leave_a_mark(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    return os.getpid()


@pytest.mark.parametrize(("jobs", "processors"), [(WORTH_IT - 1, {0, 1}), (MANY, {0})])
def test_a_few_jobs_and_those_of_one_processor_are_done_without_copies(
    monkeypatch: pytest.MonkeyPatch, jobs: int, processors: set[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: processors)
    with run_in_workers([os.getpid] * jobs) as done:
        assert list(done) == [os.getpid()] * jobs


def test_what_a_killed_copy_had_begun_is_done_again() -> None:
    def fatal(number: int, *, to: Callable[[], bool]) -> int:
        if to():
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    this = os.getpid()
    with run_in_workers([partial(fatal, number, to=lambda: os.getpid() != this) for number in range(MANY)]) as done:
        time.sleep(0.1)
        assert list(done) == list(range(MANY))


@pytest.mark.parametrize("run_jobs", [run_here, run_in_workers])
def test_a_fault_in_a_job_is_raised(run_jobs: JobRunner, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [partial(int, str(number)) for number in range(MANY)]
    jobs[5] = partial(int, "five")
    with run_jobs(jobs) as done, pytest.raises(ValueError, match="five"):
        list(done)
    assert active_children() == []
    capfd.readouterr()


def test_no_copy_stays_when_nobody_wants_the_rest() -> None:
    with run_in_workers([partial(time.sleep, 30)] * MANY):
        assert len(active_children()) == 2
    assert active_children() == []
