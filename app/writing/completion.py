"""Completes the lines of an import whose record or content is known only from the stored records.

A line that merges has only the fields to change: its content becomes that of the stored record with these changes. A line that
deletes says by an id, an identifier or a natural key which record is meant.
"""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind
from app.writing.batch import Batch, Content, Wanted
from app.writing.references import References
from app.writing.write_schema import ContentSchema

States = Callable[[Connection, Kind, Iterable[str]], dict[str, tuple[Content, int]]]
Meant = Callable[[list[Wanted]], Mapping[Wanted, str]]
"""Returns the ids of the stored records that lines without an id mean by their keys, see `NaturalKeys.meant`."""


class Completion:
    """Completes the lines of one batch, within the transaction that writes it."""

    def __init__(
        self,
        connection: Connection,
        batch: Batch,
        schemas: Mapping[Kind, ContentSchema],
        references: References,
        states: States,
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._schemas = schemas
        self._references = references
        self._states = states
        self._stored: dict[str, tuple[Content, int]] = {}
        """By id: the (content, version) of stored records that lines may mean."""
        self._merging = [wanted for wanted in batch.wanted.values() if wanted.manner.merges]
        self._deleting = [wanted for wanted in batch.wanted.values() if wanted.manner.deletes]

    def follow_merged(self, there: dict[str, Kind]) -> None:
        """Let lines that merge, and whose id is that of a merged record, mean the record that stays. `there` as in `Writer`."""
        gone = [wanted for wanted in self._merging if wanted.named and wanted.id not in there]
        into = self._references.survivors(self._connection, [wanted.id for wanted in gone])
        for wanted in gone:
            if wanted.id in into:
                before = wanted.id
                survivor, kind = into[before]
                there[survivor] = kind
                self._batch.rename(wanted, survivor)
                self._references.follow(self._batch, before, survivor)

    def complete(self, meant_by_key: Meant, there: Mapping[str, Kind]) -> list[Wanted]:
        """Complete the lines that mean a record by its id, and find the records of all lines that delete.

        Returns the lines that delete a stored record.
        """
        by_key = [wanted for wanted in self._deleting if _is_meant_by_key(wanted) and self._is_there(wanted)]
        meant = meant_by_key(by_key)
        for wanted in by_key:
            if wanted not in meant:
                del self._batch.wanted[wanted.id]
                self._batch.absent.append(wanted)
        self._batch.rename_all(meant)
        known = {**there, **{wanted.id: wanted.resource.kind for wanted in meant}}
        standing = [
            wanted
            for wanted in (*self._merging, *self._deleting)
            if known.get(wanted.id) is wanted.resource.kind and self._is_there(wanted)
        ]
        self.load(standing)
        for wanted in self._merging:
            if known.get(wanted.id) is wanted.resource.kind and not _is_meant_by_key(wanted):
                self.merge(wanted)
        found = []
        for wanted in self._deleting:
            if not self._is_there(wanted):
                continue  # another line says the same
            if wanted.id in self._stored:
                wanted.deleted, (wanted.content, version) = True, self._stored[wanted.id]
                wanted.old, wanted.version = wanted.content, version + 1
                found.append(wanted)
                continue
            del self._batch.wanted[wanted.id]
            if wanted.id in known:
                self._batch.blame(wanted, f"{wanted.id!r} is the id of {known[wanted.id].with_article}", "/id", conflict=True)
            else:
                self._batch.absent.append(wanted)
        return found

    def _is_there(self, wanted: Wanted) -> bool:
        """Whether the line is still in the batch. It is not if another line says the same, or if it has faults."""
        return self._batch.wanted.get(wanted.id) is wanted

    def load(self, several: Iterable[Wanted], ids: Iterable[str] | None = None) -> None:
        """Read the stored records with the ids of these lines, or with other ids."""
        by_kind: dict[Kind, set[str]] = {}
        for wanted in several:
            by_kind.setdefault(wanted.resource.kind, set()).update([wanted.id] if ids is None else ids)
        for kind, wanted_ids in by_kind.items():
            self._stored |= self._states(self._connection, kind, wanted_ids - self._stored.keys())

    def merge(self, wanted: Wanted) -> None:
        """Make the content of a line that merges whole. `load` must have read the stored record, if there is one."""
        if not wanted.manner.merges or wanted.old is not None:
            return
        old, version = self._stored.get(wanted.id, (None, 0))
        said = wanted.content
        if old is not None and wanted.manner.fills:
            said = {name: value for name, value in said.items() if name not in wanted.manner.fills or name not in old}
        content, faults = self._schemas[wanted.resource.kind].merged(old, said, wanted.manner.cleared)
        for fault in faults:
            self._batch.blame(wanted, fault.detail, fault.pointer or "")
        if faults:
            self._batch.drop(wanted)
            return
        wanted.content, wanted.draft = content, None
        if old is not None:
            wanted.old, wanted.version = old, version + 1

    def complete_new(self) -> None:
        """Complete the lines that merge and mean no stored record: they must have all that a new record needs."""
        for wanted in self._merging:
            if self._is_there(wanted):
                self.merge(wanted)


def _is_meant_by_key(wanted: Wanted) -> bool:
    """Whether the record that a line means follows from its natural key, neither from an id nor from identifiers."""
    return bool(wanted.resource.natural_key) and not wanted.named and not wanted.manner.by_identifier
