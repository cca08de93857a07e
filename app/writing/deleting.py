"""Finds the records that are deleted together with a record: its citations, and on demand the records that only link it."""

from collections.abc import Iterable, Iterator

from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind
from app.writing.batch import Batch, Content, Wanted
from app.writing.references import References
from app.writing.stored import StoredRecords


class Deleting:
    """Adds to a batch what goes with the records that it deletes."""

    def __init__(self, stored: StoredRecords, references: References) -> None:
        self._stored = stored
        self._references = references

    def add_dependents(self, connection: Connection, batch: Batch, deleted: Iterable[Wanted]) -> None:
        """Add the citations of the deleted records and, if `Manner.links` says so, the records that only link them.

        Records that are in the batch already are left as they are.
        """
        gone = list(deleted)
        for cause, kind, content, version in list(self._links(connection, batch, gone)):
            gone.append(self._add(batch, cause, kind, content, version))
        cited = {each.id: each for each in gone if each.resource.kind is not Kind.CITATION}
        for content, version in self._stored.citations_of(connection, cited).values():
            if content["id"] not in batch.wanted:
                self._add(batch, cited[content["record"]], Kind.CITATION, content, version)

    def _links(
        self, connection: Connection, batch: Batch, deleted: Iterable[Wanted]
    ) -> Iterator[tuple[Wanted, Kind, Content, int]]:
        """Yield (deleted record, then kind, content and version of a record that links it)."""
        by_kind: dict[Kind, dict[str, Wanted]] = {}
        for each in deleted:
            if each.manner.links:
                by_kind.setdefault(each.resource.kind, {})[each.id] = each
        for kind, targets in by_kind.items():
            linking: dict[Kind, dict[str, str]] = {}
            for referring, record_id, field, target in self._references.referrers(connection, kind, list(targets)):
                is_link = field in self._stored.resources[referring].links and referring is not Kind.CITATION
                if is_link and record_id not in batch.wanted:
                    linking.setdefault(referring, {}).setdefault(record_id, target)
            for referring, causes in linking.items():
                for record_id, (content, version) in self._stored.states(connection, referring, causes).items():
                    yield targets[causes[record_id]], referring, content, version

    def _add(self, batch: Batch, cause: Wanted, kind: Kind, content: Content, version: int) -> Wanted:
        dependent = Wanted(
            self._stored.resources[kind],
            content,
            line=cause.line,
            pointer=cause.pointer or "/links",
            deleted=True,
            old=content,
            version=version + 1,
            origin=cause.origin,
        )
        return batch.add(dependent)
