"""Background work starts and stops with the application, and starts again after a failure."""

import asyncio
import logging
from pathlib import Path

import pytest

from app.background import Background
from app.main import create_app
from app.settings import Settings


def test_work_runs_within_the_block_and_has_ended_after_it() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("begun")
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    async def run() -> None:
        background = Background()
        background.add("waiting", work)
        async with background.running():
            await asyncio.sleep(0)
            assert seen == ["begun"]
        assert seen == ["begun", "ended"]

    asyncio.run(run())


def test_work_that_fails_is_told_and_starts_again(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    async def run() -> None:
        succeeded = asyncio.Event()

        async def work() -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise RuntimeError("out of order")
            succeeded.set()

        background = Background(restart_seconds=0.01)
        background.add("failing", work)
        async with background.running():
            await asyncio.wait_for(succeeded.wait(), 10)

    with caplog.at_level(logging.ERROR, "rapporteur.background"):
        asyncio.run(run())
    assert len(attempts) == 3
    assert [record.getMessage() for record in caplog.records] == ["failing failed; it starts again in 0.01 s"] * 2


def test_the_application_watches_its_database_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.touch()
    app = create_app(Settings(database_url=f"sqlite:///{path}"))

    def watching() -> bool:
        return any(task.get_name() == "watch the database" for task in asyncio.all_tasks())

    async def run() -> None:
        async with app.router.lifespan_context(app):
            assert watching()
        assert not watching()

    asyncio.run(run())
