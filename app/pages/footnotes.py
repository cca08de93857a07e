"""Numbers the passages that support what a page says, so that each statement leads to its sentence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Citation = Mapping[str, Any]


@dataclass
class Note:
    """A passage: one paragraph of a source, with the phrases of it that the page cites."""

    number: int
    source: Mapping[str, str]
    paragraph: int
    phrases: dict[str, Citation] = field(default_factory=dict)
    """By quote, one of the citations that have it."""

    @property
    def address(self) -> str | None:
        """The address of the source, without the phrase at which a link opens it; None if it has none."""
        link = next((citation["link"] for citation in self.phrases.values() if citation["link"]), None)
        return link.partition("#:~:")[0].partition("&:~:")[0] if link else None


class Footnotes:
    """The footnotes of a page, numbered in the order in which the page mentions them."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, int], Note] = {}

    def numbers(self, citations: Iterable[Citation]) -> list[tuple[int, bool]]:
        """Return the numbers of the passages of these citations, each with whether the page mentions it for the first time."""
        found: dict[int, bool] = {}
        for citation in citations:
            key = citation["source"]["id"], citation["paragraph"]
            is_new = key not in self._notes
            note = self._notes.setdefault(key, Note(len(self._notes) + 1, citation["source"], citation["paragraph"]))
            note.phrases.setdefault(citation["quote"], citation)
            found.setdefault(note.number, is_new)
        return sorted(found.items())

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def __len__(self) -> int:
        return len(self._notes)
