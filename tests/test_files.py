"""Files that worker processes make: nothing stays behind, whatever happens, and nobody waits for another's file."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import workshop
from app.errors import Unavailable
from app.files import workbook
from app.files.listing import Listing
from app.http.representations.xlsx import Xlsx
from app.workshop import AT_ONCE, MOST_WAITING, OF_ONE_CLIENT, Workshop
from tests.conftest import Database
from tests.test_errors import problem, records_of
from tests.test_streams import ASKED

WORKBOOK = {**ASKED, "path": "/v1/citations", "query_string": b"format=xlsx"}


def endless(_lines: Path, result: Path, _listing: Listing) -> None:
    """A job that never ends. It tells its process."""
    result.with_name("pid").write_text(str(os.getpid()))
    time.sleep(600)


def failing(_lines: Path, result: Path, _listing: Listing) -> None:
    """A job that is wrong."""
    result.write_text("half of it")
    raise ValueError("a secret of ours")


def without_room(_lines: Path, _result: Path, _listing: Listing) -> None:
    """A job whose disk is full."""
    raise OSError(28, "No space left on device", "/a/path/of/ours")


def dying(_lines: Path, result: Path, _listing: Listing) -> None:
    """A job whose process is killed."""
    result.write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)


def large(_lines: Path, result: Path, _listing: Listing) -> None:
    """A job that makes a file of several chunks."""
    result.write_bytes(b"x" * 3_000_000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


Making = Callable[[Callable[..., None]], None]


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    """Makes another function the job of workbooks."""
    return lambda job: monkeypatch.setattr(Xlsx, "job", property(lambda _: job))


@pytest.fixture
def client(seeded: Database, folder: Path) -> Iterator[TestClient]:
    """An application whose temporary files lie in `folder`."""
    assert folder.is_dir()
    with seeded.client() as made:
        yield made


def is_running(pid: int) -> bool:
    """Whether one of the process's threads is there; a zombie is not."""
    try:
        states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended, if not the process
        return Path(f"/proc/{pid}").exists()
    return states != ["Z"]


async def pid_in(folder: Path) -> int:
    """Wait until the job has told its process."""
    while not (found := pids_in(folder)):  # noqa: ASYNC110 - another process tells
        await asyncio.sleep(0.01)
    return found[0]


def pids_in(folder: Path) -> list[int]:
    """The processes that jobs told so far."""
    return [int(text) for path in folder.glob("*/pid") if (text := path.read_text())]


def test_nothing_stays_behind_when_a_file_was_sent(client: TestClient, folder: Path) -> None:
    assert client.get("/v1/meetings?format=xlsx").status_code == 200
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("job", "status", "code", "told"),
    [
        (failing, 500, "unexpected", "something went wrong"),
        (without_room, 503, "unavailable", "no room"),
        (dying, 503, "unavailable", "the process that makes this file ended; narrow it down"),
    ],
)
def test_nothing_stays_behind_when_a_file_cannot_be_made(
    client: TestClient, folder: Path, making: Making, job: Callable[..., None], status: int, code: str, told: str
) -> None:
    making(job)
    answer = problem(client.get("/v1/meetings?format=xlsx"), status, code)
    assert told in answer["detail"]
    assert "ours" not in str(answer)
    assert list(folder.iterdir()) == []
    making(workbook.write)
    assert client.get("/v1/meetings?format=xlsx").status_code == 200


def test_a_file_that_takes_too_long_is_given_up(seeded: Database, folder: Path, making: Making) -> None:
    making(endless)
    with seeded.client(making_seconds=1) as client:
        answer = client.get("/v1/meetings?format=xlsx")
        told = problem(answer, 503, "unavailable")
        assert told["detail"] == "making this file takes longer than 1 s; narrow it down"
        assert answer.headers["retry-after"]
    assert list(folder.iterdir()) == []


def test_a_list_whose_reading_fails_is_a_problem(client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, fetch, read = records_of(client).driver, records_of(client).driver.fetch, 0

    async def failing_at_last(*given: Any, **options: Any) -> Any:
        nonlocal read
        read += 1
        if read == 4:
            raise Unavailable("not now", headers={"Retry-After": "2"})
        return await fetch(*given, **options)

    monkeypatch.setattr(driver, "fetch", failing_at_last)
    problem(client.get("/v1/citations?format=xlsx"), 503, "unavailable")
    assert list(folder.iterdir()) == []


def test_a_client_that_is_gone_ends_its_job_alone(client: TestClient, folder: Path, making: Making) -> None:
    making(endless)
    sent: list[Any] = []
    pids: list[int] = []

    async def run() -> None:
        gone = asyncio.Event()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        asked = asyncio.ensure_future(client.app({**WORKBOOK, "client": ("192.0.2.1", 1)}, receive, send))
        pids.append(await pid_in(folder))
        assert is_running(pids[0])
        gone.set()
        await asyncio.wait_for(asked, 5)

    assert client.portal is not None
    client.portal.call(partial(asyncio.wait_for, run(), 30))
    assert sent == []
    assert not is_running(pids[0])
    assert list(folder.iterdir()) == []
    making(large)
    assert len(client.get("/v1/meetings?format=xlsx").content) == 3_000_000


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_client_that_is_gone_while_it_is_sent_a_file_gets_no_more(
    client: TestClient, folder: Path, making: Making, chunks: int
) -> None:
    making(large)
    sent: list[Any] = []

    async def run() -> None:
        gone = asyncio.Event()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 1 + chunks:
                gone.set()

        await client.app(WORKBOOK, receive, send)

    assert client.portal is not None
    client.portal.call(partial(asyncio.wait_for, run(), 30))
    assert sum(len(message.get("body", b"")) for message in sent) < 3_000_000
    assert list(folder.iterdir()) == []


def test_the_end_of_the_server_ends_jobs(seeded: Database, folder: Path, making: Making) -> None:
    making(endless)
    sent: list[Any] = []
    pids: list[int] = []
    with seeded.client() as client:

        async def run() -> None:
            async def receive() -> Any:
                await asyncio.Event().wait()
                raise AssertionError

            async def send(message: Any) -> None:
                sent.append(message)

            asked = asyncio.ensure_future(client.app(WORKBOOK, receive, send))
            pids.append(await pid_in(folder))
            records_of(client)._stopping.end()
            await asyncio.wait_for(asked, 5)

        assert client.portal is not None
        client.portal.call(partial(asyncio.wait_for, run(), 30))
        assert sent[0]["status"] == 503
        assert not is_running(pids[0])
        assert list(folder.iterdir()) == []
        problem(client.get("/v1/meetings?format=xlsx"), 503, "unavailable")


@pytest.mark.parametrize("most", [10_000, 3_500_000])
def test_files_have_so_many_bytes_together(seeded: Database, folder: Path, making: Making, most: int) -> None:
    """A small limit is met by the lines, a larger one by the file; another client's file of before does not count."""
    making(large)
    with seeded.client(files_limit=most) as client:
        answers = [client.get(f"/v1/{plural}?format=xlsx") for plural in ("citations", "topics", "citations")]
    if most == 10_000:
        assert all("too large together" in problem(answer, 503, "unavailable")["detail"] for answer in answers[::2])
    else:
        assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert list(folder.iterdir()) == []


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    """Even if that is killed, so that it can end nothing itself."""
    source = f"""
import asyncio
from pathlib import Path
from app.workshop import Workshop
from tests.test_files import endless

async def run():
    await Workshop(seconds=60).make(endless, None, Path({str(tmp_path)!r}, "result"), None)

asyncio.run(run())
"""
    with subprocess.Popen([sys.executable, "-c", source]) as parent:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert parent.poll() is None
            time.sleep(0.05)
        pid = int((tmp_path / "pid").read_text())
        assert is_running(pid)
        parent.kill()
    until = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    try:
        assert not is_running(pid), "it sleeps on"
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


# -- who waits for whom ----------------------------------------------------------------------------------------------------


def noted(folder: Path, name: str) -> None:
    """A job that notes when it begins and ends."""
    with (folder / "notes").open("a") as notes:
        notes.write(f"+{name}\n")
    time.sleep(0.1)
    with (folder / "notes").open("a") as notes:
        notes.write(f"-{name}\n")


def met(folder: Path, name: str, count: int) -> None:
    """A job that ends when so many run at the same time."""
    (folder / name).touch()
    until = time.monotonic() + 60
    while len(list(folder.glob("meeting-*"))) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def most_at_once(folder: Path, prefix: str = "") -> int:
    """How many of the jobs whose names begin so ran at the same time."""
    running = most = 0
    for line in (folder / "notes").read_text().splitlines():
        if line[1:].startswith(prefix):
            running += 1 if line[0] == "+" else -1
            most = max(most, running)
    return most


def test_two_jobs_run_at_once_and_those_of_one_client_one_after_another(tmp_path: Path) -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            jobs = [
                made.make(noted, tmp_path, f"{client}{number}", client=client)
                for client in ("a", "b", "c")
                for number in range((AT_ONCE + MOST_WAITING) // 3)
            ]
            await asyncio.gather(*jobs)
            await asyncio.gather(*(made.make(met, tmp_path, f"meeting-{n}", AT_ONCE, client=str(n)) for n in range(AT_ONCE)))
        finally:
            made.close()

    asyncio.run(run())
    assert most_at_once(tmp_path) <= AT_ONCE
    assert {most_at_once(tmp_path, client) for client in ("a", "b", "c")} == {1}


def test_a_client_with_many_jobs_is_refused_and_others_are_not(tmp_path: Path) -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            jobs = [asyncio.create_task(made.make(noted, tmp_path, "a", client="a")) for _ in range(OF_ONE_CLIENT)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="for this client already"):
                await made.make(noted, tmp_path, "a", client="a")
            await made.make(noted, tmp_path, "b", client="b")
            await asyncio.gather(*jobs)
            await made.make(noted, tmp_path, "a", client="a")
        finally:
            made.close()

    asyncio.run(run())


def test_who_waits_and_goes_away_takes_no_place(tmp_path: Path) -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            running = [asyncio.create_task(made.make(noted, tmp_path, str(n))) for n in range(AT_ONCE)]
            await asyncio.sleep(0.01)
            waiting = [asyncio.create_task(made.make(noted, tmp_path, "gone", client="x")) for _ in range(3)]
            await asyncio.sleep(0.01)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*running, *waiting, return_exceptions=True)
            assert (made._jobs.total(), made._turns, len(made._free)) == (0, {}, AT_ONCE)
            await asyncio.gather(*(made.make(met, tmp_path, f"meeting-{n}", AT_ONCE) for n in range(AT_ONCE)))
        finally:
            made.close()

    asyncio.run(run())
    assert "gone" not in (tmp_path / "notes").read_text()


def test_a_job_that_is_cancelled_ends_its_process_alone(tmp_path: Path) -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            (tmp_path / "x").mkdir()
            cancelled = asyncio.create_task(made.make(endless, None, tmp_path / "x" / "result", None))
            pid = await pid_in(tmp_path)
            other = asyncio.create_task(made.make(noted, tmp_path, "other"))
            await asyncio.sleep(0.05)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert not is_running(pid)
            await other
        finally:
            made.close()

    asyncio.run(run())
    assert (tmp_path / "notes").read_text() == "+other\n-other\n"


def test_idle_processes_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "_IDLE_SECONDS", 0.05)

    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            pid = await made.make(os.getpid)
            assert is_running(pid)
            while is_running(pid):  # noqa: ASYNC110 - nothing tells of the end of a process
                await asyncio.sleep(0.01)
            assert await made.make(os.getpid) != pid
        finally:
            made.close()
        with pytest.raises(Unavailable, match="about to end"):
            await made.make(os.getpid)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_process_that_was_killed_while_it_was_idle_is_replaced() -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            pid = await made.make(os.getpid)
            os.kill(pid, signal.SIGKILL)
            while is_running(pid):  # noqa: ASYNC110 - nothing tells of the end of a process
                await asyncio.sleep(0.01)
            assert await made.make(os.getpid) != pid
        finally:
            made.close()

    asyncio.run(run())


def test_what_a_job_prints_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        made = Workshop(seconds=60)
        try:
            await made.make(print, "a line")
            assert await made.make(len, "four") == 4
            with pytest.raises(ValueError, match="invalid literal"):
                await made.make(int, "x")
        finally:
            made.close()

    asyncio.run(run())
    assert "a line" not in capfd.readouterr().out
