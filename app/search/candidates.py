"""Reads the candidates of a search from the database: for each tier, the newest matching search entries.

A tier is a rank of hits, such as hits in a name; see `tiers.py`.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from app.caching import cached
from app.db.driver import Driver, Row, Statement
from app.db.full_text import full_text_of
from app.db.postgres_plans import PLANNED_ANEW, UNKNOWN, Frequencies, Way, chosen
from app.domain.edtf import NO_START
from app.search.index import LONG_FROM
from app.search.tiers import CANDIDATES, Narrowed
from app.text.docids import DAY, first_docid
from app.text.nodes import NOTHING, Node, Shares, all_of, term
from app.text.terms import LONG

STATEMENT_BYTES = 2_000_000
FREQUENCIES_KNOWN_FOR = 60
"""Seconds for which the statistics of the database are cached."""


class Window(Enum):
    """Which date bounds a search has."""

    NONE = "none"
    UNTIL = "until"
    """Only an upper bound (`date_to`)."""
    SINCE = "since"
    """A lower bound (`date_from`), and perhaps an upper bound. Long events are searched for by a second SELECT, because they
    may have begun long before the lower bound."""


class TierSearch(NamedTuple):
    """A compiled statement with its parameters.

    The statement returns rows (tier, docid). A docid is the number of a search entry. The rows are ordered by tier; within a
    tier, newer entries come first.
    """

    statement: Statement
    parameters: dict[str, Any]
    windowed: tuple[int, ...]
    """The tiers for which the statement searches only the last years. If one of these tiers returns fewer rows than requested,
    it is searched again in all years."""


class Candidates:
    """Reads the newest search entries that match a query, separately for each tier (the reason why a record is found)."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._full_text = full_text_of(driver.dialect)
        self._statement: Callable[..., Statement] = cached(STATEMENT_BYTES)(self._compiled)
        self._frequencies = UNKNOWN
        self._known_until = 0.0

    async def newest(self, tiers: Mapping[Any, Node], narrowed: Narrowed, *, limit: int = CANDIDATES) -> list[Row]:
        """Return rows (tier, docid): for each tier, the newest `limit` entries that match its query, newer entries first.

        If the search has a lower date bound, long events (see `LONG_FROM`) are read by a second SELECT, because they may have
        begun long before the bound.
        """
        return await self._newest(tiers, narrowed, await self._known_frequencies(), limit)

    async def _newest(self, tiers: Mapping[Any, Node], narrowed: Narrowed, known: Frequencies, limit: int) -> list[Row]:
        search = self._search_of(tiers, narrowed, known, limit)
        if search is None:
            return []
        rows = await self._driver.fetch(search.statement, search.parameters)
        count = Counter(tier for tier, _ in rows)
        if missed := {tier: node for tier, node in tiers.items() if tier in search.windowed and count[tier] < limit}:
            kept = [row for row in rows if row[0] not in missed]
            rows = sorted([*kept, *await self._newest(missed, narrowed, UNKNOWN, limit)])
        return rows

    async def _known_frequencies(self) -> Frequencies:
        """Return the number of search entries and, for each frequent term, the share of the entries that have it.

        The result is cached for `FREQUENCIES_KNOWN_FOR` seconds. If the database needs no such statistics, the result
        is UNKNOWN.
        """
        statistics = self._full_text.statistics
        if statistics is not None and time.monotonic() >= self._known_until:
            self._known_until = time.monotonic() + FREQUENCIES_KNOWN_FOR
            for entries, terms, shares in await self._driver.fetch(Statement(statistics, {}), {}):
                self._frequencies = Frequencies(entries, Shares(dict(zip(terms, shares, strict=False))))
        return self._frequencies

    def _search_of(self, tiers: Mapping[Any, Node], narrowed: Narrowed, known: Frequencies, limit: int) -> TierSearch | None:
        """Return the statement that searches these tiers, or None if no tier can match."""
        also, write = narrowed.node(), self._full_text.syntax.write
        nodes = {int(tier): all_of((node, also)) if also else node for tier, node in tiers.items() if node != NOTHING}
        if not nodes:
            return None
        parameters: dict[str, Any] = {f"t{tier}": write(node) for tier, node in nodes.items()}
        window, bounds = _window(narrowed)
        parameters |= bounds
        if window is Window.SINCE:
            parameters |= {f"l{tier}": write(all_of((node, term(LONG)))) for tier, node in nodes.items()}
        ways = {}
        for tier, node in nodes.items():
            way, in_window, newer = chosen(node, known, limit)
            if way is Way.WINDOW and window is not Window.NONE:
                way = Way.EITHER
            elif in_window is not None:
                parameters |= {f"w{tier}": write(in_window), f"n{tier}": newer}
            ways[tier] = way
        windowed = tuple(tier for tier, way in ways.items() if way is Way.WINDOW)
        return TierSearch(self._statement(tuple(ways.items()), limit, window), parameters, windowed)

    def _compiled(self, ways: tuple[tuple[int, Way], ...], limit: int, window: Window) -> Statement:
        selects = [self._of_tier(tier, way, limit, window) for tier, way in ways]
        return Statement(" UNION ALL ".join(selects) + " ORDER BY 1, 2", {}, planned_anew=PLANNED_ANEW)

    def _of_tier(self, tier: int, way: Way, limit: int, window: Window) -> str:
        since = window is Window.SINCE

        def found(match: str, bounds: tuple[str, str] | None, way: Way, name: str) -> str:
            newest = self._full_text.newest(tier, match, way, limit, bounds=bounds, since=since)
            return f"SELECT {tier} AS tier, docid FROM ({newest}) AS {name}{tier}"  # noqa: S608 - no user input

        plain = found(f"t{tier}", None if window is Window.NONE else ("lo", "hi"), way, "newest")
        if not since:
            return plain
        both = f"{plain} UNION ALL {found(f'l{tier}', ('hi', 'undated'), Way.INDEX, 'long')}"
        newest = f"SELECT tier, docid FROM ({both}) AS both{tier} ORDER BY docid LIMIT {limit}"  # noqa: S608 - no user input
        return f"SELECT tier, docid FROM ({newest}) AS either{tier}"  # noqa: S608 - no user input


def _window(narrowed: Narrowed) -> tuple[Window, dict[str, Any]]:
    """Return which date bounds a search has, and their bind parameters.

    Matching entries have a docid from `lo` up to, but not including, `hi`. Earlier days have greater docids, so `lo` is
    computed from `date_to`, and `hi` from `date_from`. The range also includes the `LONG_FROM` days before `date_from`, because
    an event that began on one of these days may not have ended before `date_from`. Longer events are searched separately.
    """
    undated = first_docid(NO_START)
    low = first_docid(narrowed.date_to) if narrowed.date_to else 0
    if narrowed.date_from:
        high = min(undated, first_docid(narrowed.date_from) + (LONG_FROM + 1) * DAY)
        return Window.SINCE, {"lo": low, "hi": high, "date_from": narrowed.date_from, "undated": undated}
    return (Window.UNTIL, {"lo": low, "hi": undated}) if narrowed.date_to else (Window.NONE, {})
