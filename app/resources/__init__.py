"""Declares the kinds of record, each in one file: its schema, filters, sorts, includes, rules and actors."""

from app.declaration.resource import Resource
from app.resources.action import ACTION
from app.resources.citation import CITATION
from app.resources.country import COUNTRY
from app.resources.meeting import MEETING
from app.resources.membership import MEMBERSHIP
from app.resources.memorandum import MEMORANDUM
from app.resources.organization import ORGANIZATION
from app.resources.outcome import OUTCOME
from app.resources.participant import PARTICIPANT
from app.resources.party import PARTY
from app.resources.person import PERSON
from app.resources.position import POSITION
from app.resources.relation import RELATION
from app.resources.series import SERIES
from app.resources.source import SOURCE
from app.resources.topic import TOPIC

RESOURCES: tuple[Resource, ...] = (
    COUNTRY,
    TOPIC,
    SOURCE,
    ORGANIZATION,
    PERSON,
    POSITION,
    SERIES,
    MEMBERSHIP,
    MEETING,
    PARTICIPANT,
    MEMORANDUM,
    PARTY,
    RELATION,
    OUTCOME,
    ACTION,
    CITATION,
)
"""All resources, in the order in which an export writes them."""

__all__ = ["RESOURCES"]
