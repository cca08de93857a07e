"""Shows proposals: each record as it compares with the registry today, and what the documents have that no record rests on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from app.declaration.model import Instant
from app.domain.vocabulary import Decision, Kind, ProposalStatus, Role, Verdict
from app.faults import Fault
from app.intake.examining import Examined
from app.intake.mentions import MOST_CANDIDATES, Candidate, Mentions
from app.intake.proposals import Proposal, Proposals, Proposed
from app.text.quotes import sentences
from app.writing.write_schema import names_in

MOST_SENTENCES = 500
"""Maximum number of sentences that are listed because no record rests on them."""


class ProposalListed(BaseModel):
    """A proposal, without its records."""

    id: str
    title: Annotated[str | None, Field(description="what it is about; null once it is erased")]
    by: Annotated[str | None, Field(description="who made it, in the words of the proposer")]
    proposed_by: Annotated[str, Field(description="the name of the key that proposed it")]
    created_at: Instant
    documents: Annotated[list[str], Field(description="the documents that it rests on")]
    status: Annotated[ProposalStatus, Field(description=f"what became of it: {ProposalStatus.described()}")]
    version: Annotated[int, Field(description="rises with each decision; `If-Match` compares it")]
    counts: Annotated[dict[str, int], Field(description="the number of its records, by what was decided on them")]
    transaction: Annotated[str | None, Field(description="the transaction that wrote what was accepted; it can be undone")]


class QuoteShown(BaseModel):
    """A quote by which a record is cited."""

    source: str
    paragraph: int
    quote: str
    proved: Annotated[bool, Field(description="whether a kept document of the source has it in that paragraph")]


class RemarkShown(BaseModel):
    """Something about a proposed record."""

    pointer: Annotated[str | None, Field(description="the place in the record, a JSON Pointer")]
    detail: str


class ProposedShown(BaseModel):
    """A proposed record, as it compares with the registry today."""

    place: Annotated[int, Field(description="its place in the proposal, from 1")]
    kind: Kind | None
    id: Annotated[str | None, Field(description="the id that it has or would get")]
    decision: Annotated[Decision, Field(description=f"what was decided: {Decision.described()}")]
    verdict: Annotated[
        Verdict | None, Field(description=f"what it would do: {Verdict.described()}. Null if it was rejected or erased")
    ]
    version: Annotated[int, Field(description="the version of the stored record that it means; 0 if there is none")]
    seen: Annotated[int, Field(description="the version with which it was compared when it was proposed or decided on")]
    proposed: Annotated[dict[str, Any] | None, Field(description="the record as it was proposed; null once it is erased")]
    correction: Annotated[dict[str, Any] | None, Field(description="the record as it was corrected")]
    record: Annotated[dict[str, Any] | None, Field(description="the record as it would be in the registry")]
    difference: Annotated[
        list[dict[str, Any]], Field(description="what would change in the stored record, as a JSON Patch (RFC 6902)")
    ]
    quotes: list[QuoteShown]
    faults: Annotated[list[RemarkShown], Field(description="what is wrong; a record with faults cannot be accepted")]
    warnings: Annotated[
        list[RemarkShown], Field(description="what to look at: dates and names that no cited paragraph has, doubled names")
    ]
    similar: Annotated[list[Candidate], Field(description="stored records of the same kind and name, address, text or ordinal")]
    candidates: Annotated[
        dict[str, list[Candidate]], Field(description="for each reference that leads nowhere: records that may be meant")
    ]
    uncited: Annotated[list[str], Field(description="fields that no citation supports")]
    reason: str | None
    decided_by: str | None
    decided_at: str | None


class SentenceShown(BaseModel):
    """A sentence of a document."""

    document: str
    paragraph: int
    text: str


class ProposalShown(ProposalListed):
    """A proposal with its records, as they compare with the registry today."""

    records: list[ProposedShown]
    unused: Annotated[
        list[SentenceShown],
        Field(description=f"sentences of the documents on which no record rests, at most {MOST_SENTENCES}"),
    ]


class ProposalList(BaseModel):
    """The newest proposals."""

    data: list[ProposalListed]


class _Read(NamedTuple):
    """What one snapshot of the database has of a proposal."""

    proposal: Proposal
    records: list[Proposed]
    examined: dict[int, Examined]
    unused: list[SentenceShown]


class _Name(NamedTuple):
    """A name whose bearers are looked for."""

    place: int
    """The place of the record that has it."""
    pointer: str
    """JSON Pointer to the reference for which it stands; empty if it is a name of the record itself."""
    kinds: tuple[Kind, ...]
    text: str


class Showing:
    """Builds what is shown of a proposal."""

    def __init__(
        self, proposals: Proposals, mentions: Mentions, read: Callable[[Callable[[Connection], Any]], Awaitable[Any]]
    ) -> None:
        """`read`: runs a function with a connection on one snapshot of the database, off the event loop."""
        self._proposals = proposals
        self._mentions = mentions
        self._read = read

    async def shown(self, proposal_id: str, languages: Sequence[str]) -> tuple[bytes, int]:
        """Return a proposal with its records as JSON, and its version."""

        def read(connection: Connection) -> _Read:
            proposal = self._proposals.read(connection, proposal_id)
            records = self._proposals.records(connection, proposal_id)
            if proposal.status is not ProposalStatus.OPEN:
                return _Read(proposal, records, {}, [])
            examined = self._proposals.examine(connection, records, looks=True)
            return _Read(proposal, records, examined, self._unused(connection, proposal, examined))

        found: _Read = await self._read(read)
        proposal, records, examined, unused = found
        similar, candidates = await self._alike(examined, languages)
        shown = [
            _record(each, examined.get(each.place), similar.get(each.place, []), candidates.get(each.place, {}))
            for each in records
        ]
        model = ProposalShown(**listed(proposal).model_dump(), records=shown, unused=unused)
        return model.model_dump_json().encode(), proposal.version

    def _unused(self, connection: Connection, proposal: Proposal, examined: Mapping[int, Examined]) -> list[SentenceShown]:
        """Return the sentences of the documents in which no quote stands, of the proposal or of the registry."""
        quotes = [(each.paragraph, each.quote) for record in examined.values() for each in record.quotes]
        quotes += self._proposals.standing_quotes(connection, proposal.documents)
        by_paragraph: dict[int, list[str]] = {}
        for number, quote in quotes:
            by_paragraph.setdefault(number, []).append(quote)
        found = (
            SentenceShown(document=document, paragraph=number, text=paragraph[start:end])
            for document, paragraphs in self._proposals.paragraphs(connection, proposal.documents).items()
            for number, paragraph in enumerate(paragraphs, 1)
            for start, end in sentences(paragraph, by_paragraph.get(number, ()))
        )
        return list(islice(found, MOST_SENTENCES))

    async def _alike(
        self, examined: Mapping[int, Examined], languages: Sequence[str]
    ) -> tuple[dict[int, list[Candidate]], dict[int, dict[str, list[Candidate]]]]:
        """Return the stored records that resemble new ones, and those that unknown references may mean, by place."""
        named = [name for place, each in examined.items() for name in _names_looked_for(place, each)]
        bearers = await self._mentions.bearers([name.text for name in named])
        ids = {record for several in bearers for record in several[:MOST_CANDIDATES]}
        ids |= {record for each in examined.values() for record in each.resembles}
        known = await self._mentions.described(ids, languages) if ids else {}
        similar: dict[int, dict[str, Candidate]] = {
            place: {record: known[record] for record in each.resembles if record in known} for place, each in examined.items()
        }
        candidates: dict[int, dict[str, list[Candidate]]] = {}
        for (place, pointer, kinds, _), several in zip(named, bearers, strict=True):
            of_kind = {
                record: known[record]
                for record in several[:MOST_CANDIDATES]
                if record in known and known[record].kind in kinds and (pointer or record != examined[place].id)
            }
            if pointer:
                candidates.setdefault(place, {})[pointer] = list(of_kind.values())
            else:
                similar[place] |= of_kind
        return {place: list(several.values()) for place, several in similar.items()}, candidates


def _names_looked_for(place: int, examined: Examined) -> list[_Name]:
    """Return the names of a new record, and those for which its unknown references may stand."""
    found = []
    kind = examined.kind
    if kind is not None and kind.role in (Role.ENTITY, Role.EVENT) and examined.version == 0:
        found = [
            _Name(place, "", (kind,), text) for text in dict.fromkeys(name for name, _ in names_in(examined.content or {}))
        ]
    for pointer, (value, kinds) in examined.unknown.items():
        found.append(_Name(place, pointer, kinds, value.replace("-", " ").title() if value.islower() else value))
    return found


def _record(
    proposed: Proposed, examined: Examined | None, similar: list[Candidate], candidates: dict[str, list[Candidate]]
) -> ProposedShown:
    verdict = examined.verdict if examined is not None else None
    if verdict is Verdict.NEW and similar:
        verdict = Verdict.SIMILAR
    line = proposed.stands or {}
    kind = next((each for each in Kind if each == line.get("kind")), None)
    return ProposedShown(
        place=proposed.place,
        kind=examined.kind if examined is not None else kind,
        id=examined.id if examined is not None else None,
        decision=proposed.decision,
        verdict=verdict,
        version=examined.version if examined is not None else 0,
        seen=proposed.seen,
        proposed=proposed.line,
        correction=proposed.correction,
        record=examined.content if examined is not None else None,
        difference=examined.difference if examined is not None else [],
        quotes=[
            QuoteShown(source=each.source, paragraph=each.paragraph, quote=each.quote, proved=each.is_proved)
            for each in (examined.quotes if examined is not None else ())
        ],
        faults=_remarks(examined.faults if examined is not None else ()),
        warnings=_remarks(examined.warnings if examined is not None else ()),
        similar=similar,
        candidates=candidates,
        uncited=examined.uncited if examined is not None else [],
        reason=proposed.reason,
        decided_by=proposed.decided_by,
        decided_at=proposed.decided_at,
    )


def _remarks(faults: Sequence[Fault]) -> list[RemarkShown]:
    return [RemarkShown(pointer=each.pointer or None, detail=each.detail) for each in faults]


def listed(proposal: Proposal) -> ProposalListed:
    """Return what is shown of a proposal without its records."""
    said = {name: getattr(proposal, name) for name in ProposalListed.model_fields if name != "created_at"}
    return ProposalListed(**said, created_at=proposal.at)
