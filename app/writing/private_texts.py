"""Finds and removes the private texts, of documents and proposals, that name a record which is erased."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.vocabulary import Decision
from app.models.intake import Document, Proposal, ProposedRecord
from app.text.mentions import matcher

documents: sa.Table = Document.__table__
proposals: sa.Table = Proposal.__table__
proposed_records: sa.Table = ProposedRecord.__table__
Item = TypeVar("Item")
AT_ONCE = 100
"""The maximum number of rows or texts that one statement reads, changes or looks for."""
WHY = "a record that it names was erased"
_BETWEEN_WORDS = re.compile(r"[-_+./?&=#%]+")
"""What stands between words in an address."""


class PrivateTexts(NamedTuple):
    """Texts that name a record."""

    documents: list[str]
    """The ids of documents."""
    records: Mapping[str, list[int]]
    """By proposal: the places of the records that name it."""
    words: Mapping[str, list[str]]
    """By proposal: those of its columns `title` and `by` that name it."""

    @property
    def proposals(self) -> list[str]:
        """The ids of proposals."""
        return sorted({*self.records, *self.words})

    def __bool__(self) -> bool:
        return bool(self.documents or self.records or self.words)

    def remove(self, connection: Connection) -> None:
        """Remove the texts. Records of proposals that lose theirs are rejected, unless they were written already."""
        for several in pieces(self.documents):
            connection.execute(documents.update().where(documents.c.id.in_(several)).values(text=None, title=None, url=None))
        for proposal, places in self.records.items():
            for some in pieces(places):
                these = proposed_records.c.proposal_id == proposal, proposed_records.c.place.in_(some)
                gone = {"line": None, "correction": None, "decision": Decision.REJECTED.value, "reason": WHY}
                connection.execute(proposed_records.update().where(*these).values(gone))
        for proposal in self.proposals:
            values = {**dict.fromkeys(self.words.get(proposal, ())), "version": proposals.c.version + 1}
            connection.execute(proposals.update().where(proposals.c.id == proposal).values(values))


def private_texts(connection: Connection, names: Collection[str], ids: Collection[str]) -> PrivateTexts:
    """Return the texts that contain one of these names. A proposal also names a record if it refers to one of these ids."""
    has_name = matcher(names)
    columns = (documents.c.id, documents.c.text, documents.c.title, documents.c.url)
    rows = connection.execute(sa.select(*columns).order_by(documents.c.id).execution_options(yield_per=AT_ONCE))
    found = [
        document_id
        for document_id, text, title, url in rows
        if any(each and has_name(each) for each in (text, title, url and _BETWEEN_WORDS.sub(" ", unquote(url))))
    ]
    records: dict[str, list[int]] = {}
    names_of_it = ("proposal_id", "place", "line", "correction", "reason")
    query = sa.select(*(proposed_records.c[name] for name in names_of_it)).order_by(*proposed_records.primary_key)
    for proposal, place, line, correction, reason in connection.execute(query.execution_options(yield_per=AT_ONCE)):
        texts = [reason or "", *(text for each in (line, correction) if each for text in strings_in(json.loads(each)))]
        if any(text in ids or has_name(text) for text in texts):
            records.setdefault(proposal, []).append(place)
    words = {
        proposal: [name for name, text in (("title", title), ("by", by)) if text and has_name(text)]
        for proposal, title, by in connection.execute(sa.select(proposals.c.id, proposals.c.title, proposals.c.by))
    }
    return PrivateTexts(found, records, {proposal: several for proposal, several in words.items() if several})


def strings_in(value: Any, without: Collection[str] = ()) -> Iterator[str]:
    """Yield the strings of a JSON value, except the names of its members, and the members named in `without`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for item in value for text in strings_in(item, without))
    elif isinstance(value, dict):
        yield from (text for name, item in value.items() if name not in without for text in strings_in(item))


def pieces(several: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Return the items in pieces of at most `AT_ONCE`."""
    return (several[place : place + AT_ONCE] for place in range(0, len(several), AT_ONCE))
