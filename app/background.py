"""Runs background work from the startup of the application to its shutdown."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

RESTART_SECONDS = 5.0
"""Seconds after which work that failed is started again."""
Work = Callable[[], Awaitable[None]]
_log = logging.getLogger("rapporteur.background")


class Background:
    """Starts and stops all background work. `main.py` registers the work with `add`."""

    def __init__(self, *, restart_seconds: float = RESTART_SECONDS) -> None:
        self._restart_seconds = restart_seconds
        self._works: dict[str, Work] = {}

    def add(self, name: str, work: Work) -> None:
        """Register a coroutine function. It runs until it is cancelled, or returns earlier if it has nothing to do."""
        self._works[name] = work

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all work while the block runs. At the end of the block, the work is cancelled and awaited."""
        tasks = [asyncio.create_task(self._kept_running(name, work), name=name) for name, work in self._works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _kept_running(self, name: str, work: Work) -> None:
        """Run the work. If it fails, log the error and start it again, because nothing else waits for its result."""
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - no error may end the work without a line in the log
                _log.exception("%s failed; it starts again in %g s", name, self._restart_seconds)
                await asyncio.sleep(self._restart_seconds)
            else:
                return
