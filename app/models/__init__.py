"""The tables of the database as SQLAlchemy models, one file per subject."""

from app.models.access import FirstAnswer, Key
from app.models.actors import Country, CountrySuccessor, Membership, Organization, Person, Position
from app.models.columns import Base
from app.models.evidence import Citation, Source, SourceText, Topic
from app.models.instruments import Action, Gap, Memorandum, OtherActor, Outcome, Party, Relation, Signatory
from app.models.intake import Document, Proposal, ProposedRecord
from app.models.meetings import JointSeries, Meeting, Participant, Series
from app.models.records import (
    Change,
    FurtherPlace,
    Identifier,
    Involvement,
    LedgerEntry,
    Name,
    Record,
    RecordTopic,
    Redirect,
)
from app.models.search import SearchEntry

__all__ = [
    "Action",
    "Base",
    "Change",
    "Citation",
    "Country",
    "CountrySuccessor",
    "Document",
    "FirstAnswer",
    "FurtherPlace",
    "Gap",
    "Identifier",
    "Involvement",
    "JointSeries",
    "Key",
    "LedgerEntry",
    "Meeting",
    "Membership",
    "Memorandum",
    "Name",
    "Organization",
    "OtherActor",
    "Outcome",
    "Participant",
    "Party",
    "Person",
    "Position",
    "Proposal",
    "ProposedRecord",
    "Record",
    "RecordTopic",
    "Redirect",
    "Relation",
    "SearchEntry",
    "Series",
    "Signatory",
    "Source",
    "SourceText",
    "Topic",
]
