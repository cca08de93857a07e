"""Finds the records that visitors name in forms: ids as the API takes them, or names in any language and spelling."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from app.domain import edtf, printed_dates
from app.domain.vocabulary import Kind
from app.pages.api import Refused
from app.pages.visit import Visit

DAYS = frozenset(("date_from", "date_to", "valid_at", "without_sign_since"))
"""The parameters that are days."""
MOST_NAMES = 10
"""The most names that one page looks up, because each takes up to two reads. Further ones are passed to the API as they are."""


class Named(NamedTuple):
    """A record that a visitor named."""

    id: str
    name: str
    kind: str


class UnknownName(Exception):
    """A visitor named a record, and no record is meant."""

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed


class Names:
    """Looks up the names that a visitor typed, each of them once, and not too many for one page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._found: dict[tuple[str, Sequence[Kind]], Named] = {}

    async def named(self, typed: str, kinds: Sequence[Kind]) -> Named | None:
        """Return the record whose id, or else whose name, was typed; None if too many were looked up before.

        `kinds`: the kinds of records that are meant; if there are none, every kind is. Raises UnknownName if there is none.
        """
        key = typed, kinds
        if key not in self._found and len(self._found) < MOST_NAMES:
            self._found[key] = await self._look_up(typed, kinds)
        return self._found.get(key)

    async def _look_up(self, typed: str, kinds: Sequence[Kind]) -> Named:
        visit = self._visit
        found = await _with_id(visit, typed) if "/" not in typed else None
        if found is None or (kinds and found["kind"] not in kinds):
            suggested = await visit.ask(
                "/v1/suggest", [("q", typed), ("limit", "1"), *(("kind", kind.value) for kind in kinds)]
            )
            found = next(iter(suggested["data"]), None)
        if found is None:
            raise UnknownName(typed)
        return Named(found["id"], found.get("name") or found.get("title") or found["id"], found["kind"])


def day_typed(name: str, typed: str) -> str:
    """Return the day that a visitor gave for a parameter, as the API takes it; what was typed if it is no date.

    Of a month or a year, it is the first day, or the last one where the parameter is the end of a window.
    """
    meant = [typed, *printed_dates.meant(typed)]
    for text in meant:
        try:
            found = edtf.bounds(text)
        except ValueError:
            continue
        return found.end if name == "date_to" else found.start
    return typed


async def _with_id(visit: Visit, record_id: str) -> Any:
    """Return the record with an id, with the former id of a merged record, or with the code of a country; None without one."""
    try:
        return await visit.ask(f"/v1/records/{record_id}")
    except Refused as refused:
        moved = refused.answer.headers.get(b"location", b"").decode()
    return await visit.ask(f"/v1/records/{unquote(urlsplit(moved).path.rpartition('/')[2])}") if moved else None
