"""The faults of a request or an import: what is wrong, and where."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One fault of a request: where it is (parameter, header, or JSON Pointer into the body), and what is wrong."""

    detail: str
    parameter: str | None = None
    pointer: str | None = None
    header: str | None = None
    line: str | None = None
    """Which line has the fault, if the records are read from the lines of an import or a file."""

    def told(self) -> dict[str, str]:
        """The fault as a JSON object, without the fields that are None."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def __str__(self) -> str:
        return ": ".join(part for part in (self.line, self.parameter, self.header, self.pointer, self.detail) if part)


MAX_FAULTS = 100
"""The maximum number of faults that one response lists."""
FAULTS_ALIKE = 10
"""The maximum number of faults of one sort (same field, same message) that an import lists. Further ones are only counted."""
MOST_FAULTS = 10_000
"""When this number of faults is found, the rest of the request or import is not checked."""
_CHANGING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
"""Matches quoted values and numbers. Two faults are of one sort if their fields and messages differ only in such parts."""


class Faults:
    """Collects the faults of a request or an import. Lists the first faults of each sort, and only counts further ones."""

    def __init__(self, *, alike: int = MAX_FAULTS) -> None:
        """`alike`: how many faults of one sort (same field, same message) are listed."""
        self.total = 0
        self._alike = alike
        self._told: list[Fault] = []
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, fault: Fault) -> None:
        """Add a fault. If enough faults of its sort are listed already, only count it."""
        self.total += 1
        sort = _sort_of(fault)
        count = self._counts[sort] = self._counts.get(sort, 0) + 1
        if count <= self._alike and len(self._told) < MOST_FAULTS:
            self._told.append(fault)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Add several faults."""
        for fault in faults:
            self.add(fault)

    @property
    def is_full(self) -> bool:
        """Whether there are `MOST_FAULTS` faults. The caller then stops checking."""
        return self.total >= MOST_FAULTS

    def told(self) -> list[Fault]:
        """The listed faults, in the order in which they were added, and additional faults that say what is not listed.

        If some faults of a sort (same field, same message) are only counted, an additional fault after the last listed one of
        this sort says how many. If checking stopped at `MOST_FAULTS`, the last fault says so.
        """
        found: list[Fault] = []
        seen: Counter[tuple[str, str]] = Counter()
        for fault in self._told:
            found.append(fault)
            sort = _sort_of(fault)
            seen[sort] += 1
            more = self._counts[sort] - self._alike
            if seen[sort] == self._alike and more > 0:
                found.append(Fault(f"and {more} more faults like this one", pointer=fault.pointer))
        if self.is_full:
            found.append(Fault(f"the rest was not looked at: {MOST_FAULTS} faults are enough"))
        return found

    def __bool__(self) -> bool:
        return self.total > 0


def _sort_of(fault: Fault) -> tuple[str, str]:
    return _CHANGING.sub("", fault.pointer or ""), _CHANGING.sub("", fault.detail)


def summary(faults: Sequence[Fault]) -> str:
    """The first three faults as one line of text, followed by the number of the other faults."""
    return "; ".join(map(str, faults[:3])) + (f" … and {len(faults) - 3} more" if len(faults) > 3 else "")
