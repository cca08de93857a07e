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
POSSIBLE = 8
"""The most records that are proposed for a name that may be that of several."""
MOST_NAMES = 10
"""The most names that one page looks up, because each takes up to two reads. Further ones are passed to the API as they are."""


class Named(NamedTuple):
    """A record that a visitor named."""

    id: str
    name: str
    kind: str


class UnclearName(Exception):
    """A visitor named a record in a parameter, and it is not clear which one is meant.

    `possible`: the records that may be meant; none if the registry has nothing of this name.
    """

    def __init__(self, parameter: str, typed: str, possible: Sequence[Named]) -> None:
        super().__init__(typed)
        self.parameter = parameter
        self.typed = typed
        self.possible = possible


class Names:
    """Looks up the names that a visitor typed, each of them once, and not too many for one page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._found: dict[tuple[str, Sequence[Kind]], Named] = {}

    async def named(self, parameter: str, typed: str, kinds: Sequence[Kind]) -> Named | None:
        """Return the record whose id, or else whose name, was typed; None if too many were looked up before.

        `kinds`: the kinds of records that are meant; if there are none, every kind is. Raises UnclearName if there is no such
        record, if several fit equally well, or if letters must be taken for others: Kosovo is no State Council (Госсовет).
        """
        key = typed, kinds
        if key not in self._found and len(self._found) < MOST_NAMES:
            possible, is_sure = await self._possible(typed, kinds)
            if not is_sure:
                raise UnclearName(parameter, typed, possible)
            (self._found[key],) = possible
        return self._found.get(key)

    async def _possible(self, typed: str, kinds: Sequence[Kind]) -> tuple[list[Named], bool]:
        """Return the records that fit best, and whether exactly one does so surely."""
        found = await _with_id(self._visit, typed) if "/" not in typed else None
        if found is not None and (not kinds or found["kind"] in kinds):
            return [Named(found["id"], found.get("name") or found.get("title") or found["id"], found["kind"])], True
        asked = [("q", typed), ("limit", str(POSSIBLE)), *(("kind", kind.value) for kind in kinds)]
        suggested = (await self._visit.ask("/v1/suggest", asked))["data"]
        best = [each for each in suggested if (each["fit"], each["slips"]) == (suggested[0]["fit"], suggested[0]["slips"])]
        possible = [Named(each["id"], each["name"], each["kind"]) for each in best]
        return possible, len(best) == 1 and not best[0]["slips"]


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
