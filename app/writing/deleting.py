"""Finds the records that are deleted together with a record: its citations, and on demand the records that only link it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from sqlalchemy.engine import Connection

from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.writing.batch import Batch, Content, Wanted
from app.writing.references import References


class Stored(Protocol):
    """Reads stored records, see `StoredRecords`."""

    @property
    def resources(self) -> Mapping[Kind, Resource]:
        """The resources by kind."""

    @property
    def references(self) -> References:
        """Looks up which records refer to others."""

    def states(self, connection: Connection, kind: Kind, ids: Iterable[str]) -> dict[str, tuple[Content, int]]:
        """The (content, version) of records, by id."""

    def citations_of(self, connection: Connection, ids: Iterable[str]) -> dict[str, tuple[Content, int]]:
        """The (content, version) of the citations of records, by the citations' ids."""


class Deleting:
    """Adds to a batch what goes with the records that it deletes."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored

    def add_dependents(self, connection: Connection, batch: Batch, deleted: Iterable[Wanted]) -> None:
        """Add the citations of the deleted records and, if `Manner.links` says so, the records that only link them.

        Records that are in the batch already are left as they are.
        """
        gone = list(deleted)
        for cause, kind, _record_id, (content, version) in list(self._links(connection, batch, gone)):
            gone.append(self._add(batch, cause, self._stored.resources[kind], content, version))
        cited = {each.id: each for each in gone if each.resource.kind is not Kind.CITATION}
        for content, version in self._stored.citations_of(connection, cited).values():
            if content["id"] not in batch.wanted:
                self._add(batch, cited[content["record"]], self._stored.resources[Kind.CITATION], content, version)

    def _links(
        self, connection: Connection, batch: Batch, deleted: Iterable[Wanted]
    ) -> Iterator[tuple[Wanted, Kind, str, tuple[Content, int]]]:
        """Yield (deleted record, kind and id of a record that links it, (content, version) of that record)."""
        by_kind: dict[Kind, dict[str, Wanted]] = {}
        for each in deleted:
            if each.manner.links:
                by_kind.setdefault(each.resource.kind, {})[each.id] = each
        for kind, targets in by_kind.items():
            linking: dict[Kind, dict[str, str]] = {}
            for referring, record_id, field, target in self._stored.references.referrers(connection, kind, list(targets)):
                is_link = field in self._stored.resources[referring].links and referring is not Kind.CITATION
                if is_link and record_id not in batch.wanted:
                    linking.setdefault(referring, {}).setdefault(record_id, target)
            for referring, causes in linking.items():
                for record_id, state in self._stored.states(connection, referring, causes).items():
                    yield targets[causes[record_id]], referring, record_id, state

    @staticmethod
    def _add(batch: Batch, cause: Wanted, resource: Resource, content: Content, version: int) -> Wanted:
        dependent = Wanted(
            resource,
            content,
            line=cause.line,
            pointer=cause.pointer or "/links",
            deleted=True,
            old=content,
            version=version + 1,
            origin=cause.origin,
        )
        return batch.add(dependent)
