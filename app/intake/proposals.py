"""Stores proposals and the decisions on them, and writes what was accepted.

A client proposes records. A reviewer accepts, corrects or rejects each of them. All accepted records are written in one
transaction. The change log has the reviewer as its author, and also names the API key that proposed the records.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.engine import Connection

from app.db.sql import instant_text
from app.domain.vocabulary import Decision, Kind, ProposalStatus, Verdict
from app.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from app.faults import FAULTS_ALIKE, Fault, Faults, summary
from app.intake.documents import texts_of
from app.intake.examining import Examined, Examiner
from app.models.access import Key
from app.models.evidence import Citation, SourceText
from app.models.intake import Document, ProposedRecord
from app.models.intake import Proposal as ProposalRow
from app.writing.batch import Batch, Content, Mode, Report
from app.writing.identity import uuid7
from app.writing.keys import Principal
from app.writing.operations import Guard, merged
from app.writing.queue import Apply
from app.writing.write_schema import id_in
from app.writing.writer import Writer

proposals: sa.Table = ProposalRow.__table__
proposed_records: sa.Table = ProposedRecord.__table__
documents: sa.Table = Document.__table__
source_texts: sa.Table = SourceText.__table__
stored_citations: sa.Table = Citation.__table__
keys: sa.Table = Key.__table__
MOST_RECORDS = 1_000
"""Maximum number of records of a proposal, those of its frames included."""
MOST_LISTED = 200
MOST_NAMED = 20
"""Maximum number of records that a message names."""
TO_WRITE = (Decision.ACCEPTED, Decision.CORRECTED)


class Proposed(NamedTuple):
    """A record of a proposal, and what was decided on it."""

    place: int
    line: Content | None
    """The record in the exchange format, as it was proposed; None if it was erased."""
    correction: Content | None
    decision: Decision
    seen: int
    """The version of the stored record that it was compared with; 0 if there was none."""
    seen_id: str | None
    """The id of that record."""
    is_alone: bool
    is_told_apart: bool
    reason: str | None
    decided_by: str | None
    decided_at: str | None

    @property
    def stands(self) -> Content | None:
        """The record as it would be written."""
        return self.line if self.correction is None else self.correction


class Proposal(NamedTuple):
    """A proposal, without its records."""

    id: str
    key_id: str
    proposed_by: str
    at: str
    title: str | None
    by: str | None
    documents: list[str]
    status: ProposalStatus
    version: int
    transaction: str | None
    counts: Mapping[str, int]
    """The number of its records, by what was decided on them."""


class Sent(NamedTuple):
    """A proposal that was sent."""

    title: str
    by: str | None
    documents: Sequence[str]
    records: Sequence[Content]
    derives: bool
    source: Any
    """The source from which `quote` of records and frames is cited; None for that of the document."""
    digest: str


class Wish(NamedTuple):
    """What a reviewer decides on a record."""

    decision: Decision
    patch: Mapping[str, Any] | None = None
    reason: str | None = None
    version: int | None = None
    """The version of the stored record with which the reviewer compared it; None for the one of `Proposed.seen`."""
    allows_similar: bool = False


class Proposals:
    """Makes and decides on proposals, in the transaction of a write, and reads them on any connection."""

    def __init__(self, writer: Writer, *, may_review_own: bool) -> None:
        """`may_review_own`: whether who proposed may decide on its own proposal."""
        self._writer = writer
        self._examiner = Examiner(writer)
        self._may_review_own = may_review_own

    # -- reading -----------------------------------------------------------------------------------------------------

    def newest(self, connection: Connection, status: ProposalStatus | None) -> list[Proposal]:
        """Return the newest proposals, at most `MOST_LISTED`. `status`: only those with this status."""
        query = _proposals().order_by(proposals.c.id.desc()).limit(MOST_LISTED)
        rows = connection.execute(query.where(proposals.c.status == status) if status else query).all()
        return self._counted(connection, rows)

    def read(self, connection: Connection, proposal_id: str) -> Proposal:
        """Return a proposal. Raises NotFound."""
        rows = connection.execute(_proposals().where(proposals.c.id == proposal_id)).all()
        if not rows:
            raise NotFound(f"there is no proposal {proposal_id!r}")
        return self._counted(connection, rows)[0]

    def records(self, connection: Connection, proposal_id: str) -> list[Proposed]:
        """Return the records of a proposal, in their order."""
        columns = [*(proposed_records.c[name] for name in Proposed._fields[:-1]), instant_text(proposed_records.c.decided_at)]
        query = sa.select(*columns).where(proposed_records.c.proposal_id == proposal_id).order_by(proposed_records.c.place)
        return [
            Proposed(place, line and json.loads(line), correction and json.loads(correction), Decision(decision), *rest)
            for place, line, correction, decision, *rest in connection.execute(query)
        ]

    def examine(self, connection: Connection, several: Sequence[Proposed], *, looks: bool) -> dict[int, Examined]:
        """Examine all records that are not rejected, by their places. `looks` as in `Examiner.examine`."""
        left = (each for each in several if each.decision is not Decision.REJECTED)
        lines = {each.place: each.stands for each in left if each.stands is not None}
        return {each.place: each for each in self._examiner.examine(connection, lines, looks=looks)}

    def paragraphs(self, connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the paragraphs of documents whose texts are kept, by document."""
        query = sa.select(documents.c.id, documents.c.text).where(documents.c.id.in_(ids), documents.c.text.is_not(None))
        found = {document: text.split("\n\n") for document, text in connection.execute(query)}
        return {each: found[each] for each in ids if each in found}

    def standing_quotes(self, connection: Connection, ids: Sequence[str]) -> list[tuple[int, str]]:
        """Return (paragraph, quote) of the stored citations of the sources to which these documents belong."""
        query = sa.select(stored_citations.c.paragraph, stored_citations.c.quote).where(
            stored_citations.c.source_id.in_(
                sa.select(source_texts.c.record_id)
                .join(documents, source_texts.c.sha256.in_([documents.c.sha256, documents.c.text_sha256]))
                .where(documents.c.id.in_(ids))
            )
        )
        return [(paragraph, quote) for paragraph, quote in connection.execute(query)] if ids else []

    def _counted(self, connection: Connection, rows: Sequence[Any]) -> list[Proposal]:
        ids = [row.id for row in rows]
        counting = sa.select(proposed_records.c.proposal_id, proposed_records.c.decision, sa.func.count())
        counting = counting.where(proposed_records.c.proposal_id.in_(ids)).group_by(
            proposed_records.c.proposal_id, proposed_records.c.decision
        )
        counts: dict[str, dict[str, int]] = {each: dict.fromkeys(map(str, Decision), 0) for each in ids}
        for proposal_id, decision, count in connection.execute(counting):
            counts[proposal_id][decision] = count
        return [
            Proposal(
                row.id,
                row.key_id,
                row.proposed_by,
                row.at,
                row.title,
                row.by,
                json.loads(row.documents),
                ProposalStatus(row.status),
                row.version,
                row.transaction,
                counts[row.id],
            )
            for row in rows
        ]

    # -- proposing ---------------------------------------------------------------------------------------------------

    def make(self, connection: Connection, sent: Sent, principal: Principal) -> Apply[list[tuple[str, bool]]]:
        """Check a proposal, and return the function that stores it and returns (its id, whether it is new).

        Raises Invalid if a frame cannot be expanded, or a document cannot prove anything. Records with faults are stored.
        """
        is_open = proposals.c.status == ProposalStatus.OPEN
        same = proposals.c.key_id == principal.id, proposals.c.digest == sent.digest, is_open
        if known := connection.execute(sa.select(proposals.c.id).where(*same).order_by(proposals.c.id)).scalars().first():
            return lambda: [(known, False)]
        lines = self._lines(connection, sent)
        self._require_useful(connection, sent.documents, lines)
        examined = self._examiner.examine(connection, dict(enumerate(lines, 1)), looks=False)
        proposal_id, now = uuid7(), datetime.now(UTC)

        def apply() -> list[tuple[str, bool]]:
            row = {
                "id": proposal_id,
                "key_id": principal.id,
                "at": now,
                "digest": sent.digest,
                "title": sent.title,
                "by": sent.by,
                "documents": json.dumps(list(sent.documents)),
                "status": ProposalStatus.OPEN.value,
                "version": 1,
            }
            connection.execute(proposals.insert(), row)
            rows = [
                {
                    "proposal_id": proposal_id,
                    "place": each.place,
                    "line": to_json(line).decode(),
                    "decision": Decision.PENDING.value,
                    "seen": each.version,
                    "seen_id": each.id if each.version else None,
                    "is_alone": False,
                    "is_told_apart": False,
                }
                for each, line in zip(examined, lines, strict=True)
            ]
            connection.execute(proposed_records.insert(), rows)
            return [(proposal_id, True)]

        return apply

    def _lines(self, connection: Connection, sent: Sent) -> list[Content]:
        """Return the records of a proposal, frames expanded. Raises Invalid with the faults of frames."""
        batch = Batch.of_many()
        plain = {
            number
            for number, record in enumerate(sent.records)
            if "frame" not in record and (not sent.derives or "deleted" in record)
        }
        records = [self._of_document(connection, sent, record) for record in sent.records]
        for number in plain:
            self._writer.intake.item(batch, dict(records[number]), Mode.MERGE, line=str(number))
        batch.faults = Faults(alike=FAULTS_ALIKE)  # a record with faults is stored with them; only frames are refused
        source = sent.source or self._source_of(connection, sent, records)
        common = {} if source is None else {"source": source}
        for number, record in enumerate(records):
            if number not in plain:
                framed = record if "frame" in record else {"frame": "records", "records": [record]}
                self._writer.intake.frame(batch, {**common, **framed}, line=str(number))
                if len(plain) + len(batch.framed) > MOST_RECORDS:
                    raise _too_many(len(plain) + len(batch.framed))
        self._writer.expand(connection, batch)
        if batch.faults:
            faults = [_in_proposal(fault, sent) for fault in batch.faults.told()]
            raise Invalid(summary(faults), faults=faults)
        expanded: dict[str | None, list[Content]] = {}
        for line, record in batch.expanded:
            expanded.setdefault(line, []).append(record)
        lines: list[Content] = []
        for number, record in enumerate(records):
            if number in plain:
                lines.append(record)
            else:
                _take_in(lines, expanded.get(str(number), []))
        if len(lines) > MOST_RECORDS:
            raise _too_many(len(lines))
        return [_unreviewed(line) for line in lines]

    def _of_document(self, connection: Connection, sent: Sent, record: Content) -> Content:
        """Return a source with what its document says of itself, if fields are to be derived and there is one document."""
        if not sent.derives or record.get("kind") != Kind.SOURCE or "texts" in record or len(sent.documents) != 1:
            return record
        names = ("sha256", "text_sha256", "rule", "title", "url", "language", "retrieved")
        query = sa.select(*(documents.c[name] for name in names)).where(documents.c.id == sent.documents[0])
        found = connection.execute(query).mappings().first()
        if found is None:
            return record
        said = {name: found[name] for name in ("title", "url", "language", "retrieved") if found[name] is not None}
        return {**said, "texts": texts_of(found["sha256"], found["text_sha256"], found["rule"]), **record}

    def _source_of(self, connection: Connection, sent: Sent, records: Sequence[Content]) -> str | None:
        """Return the source of the only document: one that has its digest, or else the first that is proposed."""
        if len(sent.documents) == 1:
            digests = source_texts.c.sha256.in_([documents.c.sha256, documents.c.text_sha256])
            found = sa.select(source_texts.c.record_id).join(documents, digests).where(documents.c.id == sent.documents[0])
            if stored := connection.execute(found.order_by(source_texts.c.record_id).limit(1)).scalars().first():
                return str(stored)
        return next((each["id"] for each in records if each.get("kind") == Kind.SOURCE and id_in(each.get("id"))), None)

    def _require_useful(self, connection: Connection, ids: Sequence[str], lines: Iterable[Content]) -> None:
        """Raise Invalid if a document is not kept, or is the text of no source, so that it would prove no quote."""
        query = sa.select(documents.c.id, documents.c.sha256, documents.c.text_sha256)
        kept = {row.id: row for row in connection.execute(query.where(documents.c.id.in_(ids), documents.c.text.is_not(None)))}
        proposed = {
            text.get("sha256")
            for line in lines
            if isinstance(texts := line.get("texts"), list)
            for text in texts
            if isinstance(text, Mapping) and isinstance(text.get("sha256"), str)
        }
        faults = []
        for number, each in enumerate(ids):
            pointer = f"/documents/{number}"
            if each not in kept:
                faults.append(Fault(f"there is no document {each!r} whose text is kept", pointer=pointer))
                continue
            digests = [kept[each].sha256, kept[each].text_sha256]
            stored = sa.select(source_texts.c.record_id).where(source_texts.c.sha256.in_(digests)).limit(1)
            if proposed.isdisjoint(digests) and connection.execute(stored).first() is None:
                told = "no source has its digest in `texts`, so it proves no quote; propose the source as the document shows it"
                faults.append(Fault(told, pointer=pointer))
        if faults:
            raise Invalid(summary(faults), faults=faults)

    # -- deciding ----------------------------------------------------------------------------------------------------

    def decide(
        self, connection: Connection, proposal_id: str, place: int, wish: Wish, *, guard: Guard, principal: Principal
    ) -> Apply[list[Proposal]]:
        """Check a decision on one record, and return the function that stores it.

        A record with a fault cannot be accepted, for example if a quote does not stand in its document. Raises Conflict if the
        stored record moved on, or resembles another and `Wish.allows_similar` is not set.
        """
        proposal = self._open(connection, proposal_id, guard, principal)
        several = {each.place: each for each in self.records(connection, proposal_id)}
        proposed = several.get(place)
        if proposed is None:
            raise NotFound(f"the proposal has no record {place}; it has {len(several)}")
        values: dict[str, Any] = {"reason": wish.reason, "is_alone": True, "is_told_apart": wish.allows_similar}
        if wish.decision is not Decision.REJECTED:
            self._require_documents(connection, proposal)
            if proposed.line is None:
                raise Gone(f"the record {place} of the proposal was erased")
            values["correction"] = None
            if wish.decision is Decision.CORRECTED:
                corrected = merged(proposed.line, wish.patch or {})
                proposed = proposed._replace(correction=corrected)
                values["correction"] = to_json(corrected).decode()
            else:
                proposed = proposed._replace(correction=None)
            several[place] = proposed
            examined = self._examined_with_those_it_needs(connection, several, place)
            self._require_acceptable(examined, wish, proposed)
            values |= {"seen": examined.version, "seen_id": examined.id if examined.version else None}
        values |= {"decision": wish.decision.value, "decided_by": principal.name}
        return lambda: [self._decided(connection, proposal, [place], values)]

    def decide_all(
        self, connection: Connection, proposal_id: str, wish: Wish, *, guard: Guard, principal: Principal
    ) -> Apply[list[Proposal]]:
        """Accept all pending records in which nothing is wrong, or reject all pending ones. Others stay pending."""
        proposal = self._open(connection, proposal_id, guard, principal)
        several = self.records(connection, proposal_id)
        pending = {each.place: each for each in several if each.decision is Decision.PENDING}
        if wish.decision is Decision.ACCEPTED:
            self._require_documents(connection, proposal)
            found = self.examine(connection, several, looks=False)
            chosen = [place for place, each in pending.items() if place in found and _is_fine(found[place], each)]
        else:
            chosen = list(pending)
        values = {"reason": wish.reason, "is_alone": False, "decision": wish.decision.value, "decided_by": principal.name}
        return lambda: [self._decided(connection, proposal, chosen, values)]

    def withdraw(self, connection: Connection, proposal_id: str, principal: Principal) -> Apply[list[Report | None]]:
        """Check whether the proposal can be withdrawn, and return the function that withdraws it."""
        proposal = self.read(connection, proposal_id)
        if proposal.key_id != principal.id:
            raise Forbidden("only the key that proposed it withdraws a proposal; others reject its records")
        _require_open(proposal)
        return lambda: [self._close(connection, proposal, ProposalStatus.WITHDRAWN)]

    def apply(
        self, connection: Connection, proposal_id: str, *, guard: Guard, principal: Principal
    ) -> Apply[list[Report | None]]:
        """Check all that was accepted, and return the function that writes it in one transaction, and returns the report.

        The report is None if nothing was accepted. Raises Conflict if a record waits for a decision, or if a stored record
        moved on since it was compared.
        """
        proposal = self._open(connection, proposal_id, guard, principal)
        several = self.records(connection, proposal_id)
        if waiting := [str(each.place) for each in several if each.decision is Decision.PENDING]:
            named = ", ".join(waiting[:MOST_NAMED]) + (" …" if len(waiting) > MOST_NAMED else "")
            raise Conflict(f"{len(waiting)} records wait for a decision: {named}")
        accepted = {str(each.place): each for each in several if each.decision in TO_WRITE}
        if not accepted:
            return lambda: [self._close(connection, proposal, ProposalStatus.REJECTED)]
        self._require_documents(connection, proposal)
        batch = Batch(proposed_by=proposal.proposed_by)
        for place, each in accepted.items():
            line = each.stands
            assert line is not None  # what is erased is rejected
            self._writer.intake.item(batch, _confirmed(line) if each.is_alone else line, Mode.MERGE, line=place)
        own = {wanted.line: wanted for wanted in batch.wanted.values() if not wanted.pointer}
        try:
            ready = self._writer.settle(connection, batch)
        except (Invalid, Conflict) as problem:
            faults = [_at_record(fault) for fault in problem.faults]
            raise type(problem)(summary(faults), faults=faults) from None
        moved = Faults()
        for place, each in accepted.items():
            wanted = own.get(place)
            version = wanted.version - 1 if wanted is not None and wanted.old is not None else 0
            if wanted is not None and wanted.changes and not _is_seen(each, wanted.id, version):
                moved.add(Fault(_moved_on(wanted.id, version, each), pointer=f"/records/{place}"))
            others = batch.resembling.get(wanted.id, []) if wanted is not None else []
            if others and not each.is_told_apart:
                moved.add(Fault(_resembles(others), pointer=f"/records/{place}"))
        if moved:
            raise Conflict(summary(moved.told()), faults=moved.told())

        def written() -> list[Report | None]:
            report = self._writer.apply(connection, ready, author=principal.name)
            return [self._close(connection, proposal, ProposalStatus.APPLIED, report)]

        return written

    def _open(self, connection: Connection, proposal_id: str, guard: Guard, principal: Principal) -> Proposal:
        """Return the proposal, if this key may decide on it now."""
        proposal = self.read(connection, proposal_id)
        if proposal.key_id == principal.id and not self._may_review_own:
            raise Forbidden("who proposed does not decide on its own proposal; take another key")
        _require_open(proposal)
        guard.check(proposal_id, proposal.version)
        guard.require(proposal_id)
        return proposal

    def _examined_with_those_it_needs(self, connection: Connection, several: Mapping[int, Proposed], place: int) -> Examined:
        """Examine a record together with those records of the proposal to which it refers, and to which these refer."""
        by_id: dict[str, set[int]] = {}
        deleting = set()
        for each in several.values():
            if each.decision is not Decision.REJECTED and each.stands is not None:
                for record_id in self._ids(each.stands):
                    by_id.setdefault(record_id, set()).add(each.place)
                if "deleted" in each.stands:
                    deleting.add(each.place)
        line = several[place].stands or {}
        needed = {place, *(deleting if "deleted" in line else ())}
        new = {*needed, *(other for record_id in self._ids(line) for other in by_id.get(record_id, ()))}
        while new:
            needed |= new
            targets = {target for each in new for target in self._targets(several[each].stands or {})}
            new = {other for target in targets for other in by_id.get(target, ())} - needed
        found = self.examine(
            connection, [several[each]._replace(decision=Decision.PENDING) for each in sorted(needed)], looks=False
        )
        return found[place]

    def _ids(self, line: Content) -> list[str]:
        """Return the id of a proposed record: the one that it has, or else the one that its key gives."""
        if record_id := id_in(line.get("id")):
            return [record_id]
        schema = next((each for kind, each in self._writer.schemas.items() if kind == line.get("kind")), None)
        if schema is None or not schema.resource.natural_key:
            return []
        content, _, faults = schema.check_part({name: value for name, value in line.items() if name != "citations"})
        derived = schema.derived_id(content) if not faults else None
        return [derived] if derived else []

    def _targets(self, line: Content) -> Collection[str]:
        """Return the ids to which a record and its citations refer."""
        found: set[str] = set()
        cited = line.get("citations")
        citations = cited if isinstance(cited, list) else []
        for kind, part in ((line.get("kind"), line), *((Kind.CITATION, each) for each in citations)):
            if isinstance(part, Mapping) and isinstance(kind, str) and kind in self._writer.schemas:
                schema = self._writer.schemas[Kind(kind)]
                found.update(schema.targets(schema.references_in(part)))
        return found

    def _require_documents(self, connection: Connection, proposal: Proposal) -> None:
        """Raise Conflict if the text of a document on which the proposal rests is not kept any more, whoever sent it."""
        same = documents.alias("same")
        kept = sa.exists().where(same.c.sha256 == documents.c.sha256, same.c.rule == documents.c.rule, same.c.text.is_not(None))
        query = sa.select(documents.c.id).where(documents.c.id.in_(proposal.documents), sa.not_(kept)).order_by(documents.c.id)
        if gone := connection.execute(query).scalars().first():
            raise Conflict(
                f"the text of the document {gone!r} was removed, so that it proves no quote; send it again, or reject"
            )

    def _require_acceptable(self, examined: Examined, wish: Wish, proposed: Proposed) -> None:
        if examined.faults:
            raise Invalid(summary(examined.faults), faults=examined.faults)
        if examined.resembles and not wish.allows_similar:
            raise Conflict(_resembles(examined.resembles))
        is_seen = (
            _is_seen(proposed, examined.id, examined.version) if wish.version is None else examined.version == wish.version
        )
        if not is_seen and examined.verdict is not Verdict.SAME:
            faults = [
                Fault(f"{each['op']} {to_json(each.get('value')).decode()}", pointer=each["path"])
                for each in examined.difference
            ]
            raise Conflict(_moved_on(examined.id or "", examined.version, proposed), faults=faults)

    def _decided(
        self, connection: Connection, proposal: Proposal, places: Sequence[int], values: Mapping[str, Any]
    ) -> Proposal:
        """Store a decision on the records at these places, and return the proposal after it."""
        these = proposed_records.c.proposal_id == proposal.id, proposed_records.c.place.in_(places)
        connection.execute(proposed_records.update().where(*these).values(decided_at=datetime.now(UTC), **values))
        self._step(connection, proposal)
        return self.read(connection, proposal.id)

    def _close(
        self, connection: Connection, proposal: Proposal, status: ProposalStatus, report: Report | None = None
    ) -> Report | None:
        """Close a proposal, and return the report of what was written."""
        self._step(connection, proposal, status=status.value, transaction=report.transaction if report is not None else None)
        return report

    def _step(self, connection: Connection, proposal: Proposal, **values: Any) -> None:
        one = proposals.update().where(proposals.c.id == proposal.id)
        connection.execute(one.values(version=proposal.version + 1, **values))


def _proposals() -> sa.Select[Any]:
    columns = [each for each in proposals.c if each.name not in ("at", "digest")]
    query = sa.select(*columns, instant_text(proposals.c.at).label("at"), keys.c.name.label("proposed_by"))
    return query.join(keys, keys.c.id == proposals.c.key_id)


def _require_open(proposal: Proposal) -> None:
    if proposal.status is not ProposalStatus.OPEN:
        by = f", in the transaction {proposal.transaction}" if proposal.transaction else ""
        raise Conflict(f"the proposal is {proposal.status} already{by}")


def _take_in(lines: list[Content], framed: Iterable[Content]) -> None:
    """Add the records of a frame to `lines`. A record that is already in `lines` gets the additional fields instead."""
    there = {record_id: place for place, each in enumerate(lines) if (record_id := id_in(each.get("id")))}
    for record in framed:
        place = there.get(record["id"]) if "id" in record else None
        if place is None or lines[place].get("kind") != record["kind"] or "deleted" in lines[place]:
            if "id" in record:
                there[record["id"]] = len(lines)
            lines.append(record)
            continue
        known = dict(lines[place])
        for name, value in record.items():
            before = known.get(name)
            is_added = isinstance(before, list) and isinstance(value, list)
            known[name] = [*before, *(each for each in value if each not in before)] if is_added else value  # type: ignore[misc,operator]
        lines[place] = known


def _in_proposal(fault: Fault, sent: Sent) -> Fault:
    """Return the fault of a frame with its place in the proposal."""
    number = int(fault.line or 0)
    pointer = fault.pointer or ""
    if "frame" not in sent.records[number]:
        pointer = pointer.removeprefix("/records/0")
    return fault._replace(line=None, pointer="/source" if pointer == "/source" else f"/records/{number}{pointer}")


def _at_record(fault: Fault) -> Fault:
    return fault._replace(line=None, pointer=f"/records/{fault.line}{fault.pointer or ''}")


def _is_seen(proposed: Proposed, record_id: str | None, version: int) -> bool:
    """Whether a stored record is the one that was compared, as it was then."""
    return version == proposed.seen and (not version or record_id == proposed.seen_id)


def _is_fine(examined: Examined, proposed: Proposed) -> bool:
    """Whether `decide_all` may accept a record, which no reviewer has looked at."""
    is_plain = examined.verdict in (Verdict.NEW, Verdict.SAME, Verdict.CHANGES)
    gets_text = examined.kind is Kind.SOURCE and any(each["path"].startswith("/texts") for each in examined.difference)
    return is_plain and not gets_text and _is_seen(proposed, examined.id, examined.version)


def _moved_on(record_id: str, version: int, proposed: Proposed) -> str:
    now = f"is at version {version}" if version else "is not there"
    was = f"{proposed.seen_id!r} at version {proposed.seen}" if proposed.seen else "none"
    return f"{record_id!r} {now} by now, and was compared with {was}; look again, and decide with `version`: {version}"


def _too_many(count: int) -> Invalid:
    detail = f"a proposal may have {MOST_RECORDS} records, and this has {count}; propose several"
    return Invalid(detail, faults=[Fault(detail, pointer="/records")])


def _resembles(others: Sequence[str]) -> str:
    return f"it may be {' or '.join(others)}, which is there; if it is another one, decide with `similar`: `allow`"


def _confirmed(line: Content) -> Content:
    """Return a record whose citations a person has looked at, one by one."""
    return _with_reviews(line, {"review": "confirmed"})


def _unreviewed(line: Content) -> Content:
    """Return a record without what the proposer says of the review of its citations."""
    return _with_reviews(line, {})


def _with_reviews(line: Content, review: Mapping[str, str]) -> Content:
    def reviewed(citation: Any) -> Any:
        if not isinstance(citation, Mapping):
            return citation
        return {**{name: value for name, value in citation.items() if name != "review"}, **review}

    if line.get("kind") == Kind.CITATION:
        return dict(reviewed(line))
    several = line.get("citations")
    return {**line, "citations": [reviewed(each) for each in several]} if isinstance(several, list) else dict(line)
