"""Completes the lines of an import whose record or content is known only from the stored records.

A line that merges has only the fields to change: its content becomes that of the stored record with these changes. A line that
deletes says by an id, an identifier or a natural key which record is meant.
"""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.engine import Connection

from app.domain.vocabulary import Kind
from app.writing.batch import Batch, Content, Wanted
from app.writing.natural_keys import NaturalKeys
from app.writing.references import References
from app.writing.write_schema import ContentSchema

States = Callable[[Connection, Kind, Iterable[str]], dict[str, tuple[Content, int]]]


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
                survivor, kind = into[wanted.id]
                there[survivor] = kind
                self._batch.move(wanted, survivor)
        if into:
            others = (wanted for wanted in self._batch.wanted.values() if wanted.content.get("record") in into)
            for citation in list(others):
                citation.content["record"] = into[citation.content["record"]][0]

    def complete(self, natural_keys: NaturalKeys, there: Mapping[str, Kind]) -> list[Wanted]:
        """Complete the lines that mean a record by its id, and find the records of all lines that delete.

        Returns the lines that delete a stored record.
        """
        unnamed = [wanted for wanted in self._deleting if not wanted.named and wanted.id not in there]
        meant = natural_keys.meant(self._connection, self._batch, unnamed)
        for wanted, record_id in meant.items():
            self._batch.rename(wanted, record_id)
        known = {**there, **{wanted.id: wanted.resource.kind for wanted in meant}}
        standing = [
            wanted
            for wanted in (*self._merging, *self._deleting)
            if known.get(wanted.id) is wanted.resource.kind and self._batch.wanted.get(wanted.id) is wanted
        ]
        self.load(standing)
        for wanted in self._merging:
            if known.get(wanted.id) is wanted.resource.kind:
                self.merge(wanted)
        found = []
        for wanted in self._deleting:
            if self._batch.wanted.get(wanted.id) is not wanted:
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
        content, faults = self._schemas[wanted.resource.kind].merged(old, wanted.content, wanted.manner.cleared)
        for fault in faults:
            self._batch.blame(wanted, fault.detail, fault.pointer or "")
        if faults:
            self._batch.faulty[wanted.id] = wanted.resource.kind
            del self._batch.wanted[wanted.id]
            return
        wanted.content, wanted.draft = content, None
        if old is not None:
            wanted.old, wanted.version = old, version + 1

    def complete_new(self) -> None:
        """Complete the lines that merge and mean no stored record: they must have all that a new record needs."""
        for wanted in self._merging:
            if self._batch.wanted.get(wanted.id) is wanted:
                self.merge(wanted)
