"""Chooses ids for new records, and knows which ids are taken."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from app.declaration.resource import Resource
from app.writing.batch import Content
from app.writing.identity import MAX_NAMED, namesakes, slug, uuid7
from app.writing.write_schema import ContentSchema, id_in


class FreeIds:
    """Chooses ids in one transaction.

    `used` returns those of the given ids that a record has or had; `codes` returns those that are a code of a country, in
    capital letters.
    """

    def __init__(
        self, used: Callable[[Sequence[str]], Collection[str]], codes: Callable[[Sequence[str]], Collection[str]]
    ) -> None:
        self._used = used
        self._codes_among = codes
        self._looked_up: set[str] = set()
        self._taken: set[str] = set()
        self._codes: set[str] = set()

    def look_up(self, several: Iterable[tuple[Resource, Mapping[str, Any]]]) -> None:
        """Look up the ids that these records, which may have faults, have or will probably get, all with one query."""
        wished: list[str] = []
        for resource, data in several:
            said, name = id_in(data.get("id")), data.get("name") or data.get("title")
            if said:
                wished.append(said)
            elif isinstance(name, str) and not resource.natural_key:
                wished += next(namesakes(slug(name[:MAX_NAMED], resource.kind)))
        self._look_up(wished)

    def _look_up(self, ids: Sequence[str]) -> None:
        new = [each for each in dict.fromkeys(ids) if each not in self._looked_up]
        self._looked_up.update(new)
        self._taken.update(self._used(new))
        self._codes.update(code.lower() for code in self._codes_among(new))

    def take(self, record_id: str) -> bool:
        """Take an id for a new record. Returns False if it is or was the id of another record."""
        self._look_up([record_id])
        if record_id in self._taken:
            return False
        self._taken.add(record_id)
        return True

    def identify(self, schema: ContentSchema, content: Content) -> str | None:
        """The id for a record that was sent without one: a slug of its name, with a number if the slug is taken.

        A record with a natural key gets a UUID. Returns None for a country, because the id of a country must be sent.
        """
        if schema.resource.natural_key:
            return uuid7()
        if schema.resource.alternative_keys:
            return None
        made = slug(content.get("name") or content["title"], schema.resource.kind)
        for candidates in namesakes(made):
            self._look_up(candidates)
            for candidate in candidates:
                if candidate not in self._codes and self.take(candidate):
                    return candidate
        raise AssertionError("there is always another number")
