"""What figures remember: one count for equal requests, one at a time, for one position of the log."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from app import caching
from app.errors import Unavailable
from app.reading.changes import Position
from app.views import results
from app.views.results import Results

NOW = Position(7, "0123abcd")


def counting(counts: list[str], name: str, until: asyncio.Event | None = None) -> Callable[[], Awaitable[dict[str, str]]]:
    async def count() -> dict[str, str]:
        counts.append(name)
        if until is not None:
            await until.wait()
        return {"counted": name}

    return count


async def end() -> Position:
    return NOW


def test_equal_requests_share_a_count_and_one_is_counted_at_a_time() -> None:
    async def run() -> None:
        found, counts, go = Results(end, patience=60), list[str](), asyncio.Event()
        equal = [asyncio.create_task(found.of(NOW, "a", counting(counts, "a", go))) for _ in range(5)]
        other = asyncio.create_task(found.of(NOW, "b", counting(counts, "b")))
        await asyncio.sleep(0.01)
        assert counts == ["a"], "the other figure waits"
        equal[0].cancel()
        go.set()
        assert [json.loads(await each) for each in equal[1:]] == [{"counted": "a"}] * 4
        assert json.loads(await other) == {"counted": "b"}
        assert json.loads(await found.of(NOW, "a", counting(counts, "never"))) == {"counted": "a"}
        assert counts == ["a", "b"]
        with pytest.raises(asyncio.CancelledError):
            await equal[0]

    asyncio.run(run())


def test_what_was_counted_while_something_was_written_is_not_remembered() -> None:
    async def run() -> None:
        async def later() -> Position:
            return Position(8, "4567cdef")

        found, counts = Results(later, patience=60), list[str]()
        for _ in range(2):
            assert json.loads(await found.of(NOW, "a", counting(counts, "a"))) == {"counted": "a"}
        assert counts == ["a", "a"]

    asyncio.run(run())


def test_an_error_reaches_all_who_wait_and_is_not_remembered() -> None:
    async def run() -> None:
        found, counts = Results(end, patience=60), list[str]()

        async def fails() -> None:
            counts.append("failed")
            await asyncio.sleep(0.01)
            raise Unavailable("the database is away")

        waiting = [asyncio.create_task(found.of(NOW, "a", fails)) for _ in range(2)]
        for each in waiting:
            with pytest.raises(Unavailable, match="away"):
                await each
        assert json.loads(await found.of(NOW, "a", counting(counts, "a"))) == {"counted": "a"}
        assert counts == ["failed", "a"]

    asyncio.run(run())


def test_figures_wait_for_their_turn_but_not_too_long_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_WAITING", 2)

    async def run() -> None:
        found, counts, go = Results(end, patience=0.05), list[str](), asyncio.Event()
        first = asyncio.create_task(found.of(NOW, "a", counting(counts, "a", go)))
        second = asyncio.create_task(found.of(NOW, "b", counting(counts, "b")))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many figures") as refused:
            await found.of(NOW, "c", counting(counts, "c"))
        assert refused.value.headers["Retry-After"]
        with pytest.raises(Unavailable, match="other figures"):
            await second
        go.set()
        assert json.loads(await first) == {"counted": "a"}
        assert counts == ["a"]

    asyncio.run(run())


def test_an_erasure_forgets_what_was_counted() -> None:
    async def run() -> None:
        found, counts = Results(end, patience=60), list[str]()
        await found.of(NOW, "a", counting(counts, "a"))
        caching.forget()
        await found.of(NOW, "a", counting(counts, "a"))
        assert counts == ["a", "a"]

    asyncio.run(run())
