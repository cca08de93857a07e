"""The fields, filters, sorts, includes and rules that several resources share."""

from typing import Annotated, Any, Self

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, StringConstraints, model_validator

from app import models
from app.db.sql import literal
from app.declaration.filters import Among, Equals, Filter, From, HasIdentifier, HasTopic, To, Uncited, UpdatedSince, Words
from app.declaration.model import SCHEME_PATTERN, Derived, Id, Instant, Language, Model, OnDay, Ordinal, Part, Ref, Text
from app.declaration.resource import Include, Sort, by, most_telling
from app.domain import edtf
from app.domain.collation import spelling_key
from app.domain.identifiers import MAX_IDENTIFIER, normal, normal_scheme
from app.domain.vocabulary import ActionType, Held, Kind, NameType
from app.models.columns import Content


class Name(Model):
    """A name of a record in a language."""

    language: Annotated[Language, Field(description="the language, BCP 47")]
    text: Annotated[Text, Field(description="the name")]
    type: Annotated[NameType, Field(description=f"how it stands to its bearer: {NameType.described()}")]


Scheme = Annotated[
    str,
    BeforeValidator(lambda value: normal_scheme(value) if isinstance(value, str) else value),
    StringConstraints(pattern=SCHEME_PATTERN, max_length=60),
]


class Identifier(Model):
    """An identifier of a record in an external scheme, such as Wikidata."""

    scheme: Annotated[Scheme, Field(description="the scheme: `wikidata`, `ror`, `un-symbol` …", examples=["wikidata"])]
    identifier: Annotated[
        Text, StringConstraints(max_length=MAX_IDENTIFIER), Field(description="the identifier in that scheme", examples=["Q42"])
    ]

    @model_validator(mode="wrap")
    @classmethod
    def _normal(cls, data: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:
        made = validated(data)
        return made.model_copy(update={"identifier": normal(made.scheme, made.identifier)})


Names = Annotated[
    list[Name],
    Part(models.Name.__table__, "record_id", ("language", "text", "type"), ("place",), identity=("language", "text")),
    Field(default=(), description="names in all languages and spellings, misprints too"),
]
Identifiers = Annotated[
    list[Identifier],
    Part(models.Identifier.__table__, "record_id", ("scheme", "identifier"), ("place",)),
    Field(default=(), description="identifiers elsewhere"),
]
Topics = Annotated[
    list[Ref],
    Part(models.RecordTopic.__table__, "record_id", ("topic_id",), ("place",)),
    Field(default=(), description="what it is about"),
]
Countries = Annotated[
    list[Ref],
    Derived(),
    Part(
        models.Involvement.__table__,
        "record_id",
        ("actor_id",),
        ("actor_id",),
        only=(("actor_kind", Kind.COUNTRY),),
        writable=False,
    ),
    Field(
        default=(),
        description="the countries that take part, also through their ministries and people",
        json_schema_extra={"readOnly": True},
    ),
]


class Place(Model):
    """A further place of what took place in several."""

    city: Annotated[Text, Field(description="the city", examples=["Geneva"])]
    country: Annotated[Ref | None, Field(default=None, description="the country it is in")]


class Sitting(Model):
    """A series to which a joint sitting belongs besides the first, and its number there."""

    series: Annotated[Ref, Field(description="the series")]
    ordinal: Annotated[Ordinal | None, Field(default=None, description="the how-manieth of that series it is")]


_joint: sa.Table = models.JointSeries.__table__
_meetings: sa.Table = models.Meeting.__table__
JointWith = Annotated[
    list[Sitting],
    Part(_joint, "record_id", ("series_id", "ordinal"), ("place",), identity=("series",), beside="series"),
    Field(default=(), description="the other series, if it is a sitting of several: the 51st Board and the 22nd Council"),
]
IN_SERIES = sa.union_all(
    sa.select(_meetings.c.id.label("meeting_id"), _meetings.c.series_id),
    sa.select(_joint.c.record_id, _joint.c.series_id),
).subquery("in_series")
"""The meetings of each series, joint sittings included."""

_PLACES: sa.Table = models.FurtherPlace.__table__
Places = Annotated[
    list[Place],
    Part(_PLACES, "record_id", ("city", "country_id"), ("place",)),
    Field(default=(), description="the other places, if it took place in several: letters of one exchange in two cities"),
]

_memoranda: sa.Table = models.Memorandum.__table__
_IN_CITY = sa.union_all(
    *(sa.select(table.c.id.label("record_id"), table.c.city_key) for table in (_meetings, _memoranda)),
    sa.select(_PLACES.c.record_id, _PLACES.c.city_key),
).subquery("in_city")


def spelled(description: str, example: str, column: str) -> Filter:
    """Return a filter for a text that is found however it is spelled. `column` has the keys of the texts (`spelling_key`)."""
    return Equals(description, example, free=True, normal=spelling_key, column=column)


def city_filter(description: str, example: str) -> Filter:
    """Return the filter for the cities of meetings and instruments, further places included."""
    return Among(description, example, free=True, normal=spelling_key, table=_IN_CITY, select="record_id", match="city_key")


GAPS: sa.Table = models.Gap.__table__


def _held(rows: sa.FromClause, day: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    certain = sa.and_(rows.c.certain_from <= day, rows.c.certain_until >= day)
    return sa.case((certain, sa.literal_column(f"'{Held.CERTAIN}'")), else_=sa.literal_column(f"'{Held.POSSIBLE}'"))


def _held_between_gaps(rows: sa.FromClause, day: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    doubtful = sa.exists().where(GAPS.c.record_id == rows.c.id, GAPS.c.left_start < day, GAPS.c.back_end > day)
    return sa.case((doubtful, sa.literal_column(f"'{Held.POSSIBLE}'")), else_=_held(rows, day))


_HELD = Field(
    default=None,
    description=f"with `valid_at`: how surely it held on that day: {Held.described()}",
    json_schema_extra={"readOnly": True},
)
HeldOnDay = Annotated[Held | None, Derived(), OnDay(_held), _HELD]
HeldBetweenGaps = Annotated[Held | None, Derived(), OnDay(_held_between_gaps), _HELD]
"""Like `HeldOnDay`, for records that may not have held at times in between."""


class Record(Model):
    """The base class of all read models, with the fields that every record has. Arrays are shown after all other fields."""

    id: Annotated[Id, Field(examples=["sco"])]
    kind: Kind
    version: Annotated[int, Derived(), Field(json_schema_extra={"readOnly": True}, examples=[1])]
    created_at: Annotated[Instant, Derived(), Field(json_schema_extra={"readOnly": True})]
    updated_at: Annotated[Instant, Derived(), Field(json_schema_extra={"readOnly": True})]
    names: Names
    identifiers: Identifiers
    topics: Topics


def common_sorts(table: Any) -> dict[str, Sort]:
    """Return the sorts that every resource has."""
    return {"id": by(table.id), "created_at": by(table.created_at), "updated_at": by(table.updated_at)}


def common_filters(topics_of: str = "") -> dict[str, Filter]:
    """Return the filters that every resource has.

    `topics_of`: the reference field of a link record to the record whose topics also count as its own.
    """
    also = f", itself or its {topics_of}" if topics_of else ""
    return {
        "topic": HasTopic(
            f"what is about this topic or a narrower one{also}: the topic's id; several are OR",
            "artificial-intelligence",
            through=topics_of,
        ),
        "topic_exact": HasTopic(
            f"what is about this very topic{also}; narrower ones do not count", "cybersecurity", exact=True, through=topics_of
        ),
        "identifier": HasIdentifier(
            "what has this identifier: `scheme:identifier`, or the identifier alone; several are OR", "un-symbol:A/RES/70/125"
        ),
        "uncited": Uncited(
            "`true`: what no citation supports; `false`: what at least one does", "true", citations=models.Citation.__table__
        ),
        "updated_since": UpdatedSince("what changed at this instant or later", "2026-01-01T00:00:00Z"),
    }


def named_filters(example: str) -> dict[str, Filter]:
    """Return the additional filters of resources whose records have names."""
    return {
        "q": Words("what has all these words at the start of words of one of its names; case and marks do not matter", example),
        **common_filters(),
    }


def window_filters(what: str) -> dict[str, Filter]:
    """Return the filters of dated resources. The description of each filter begins with `what`, a word for the records."""
    return {
        "date_from": From(f"{what} that can still have been going on on this day or later", "2024-01-01"),
        "date_to": To(f"{what} that can have begun on this day or before", "2025-12-31"),
    }


_BEGINNINGS = tuple(
    literal(act)
    for act in (
        ActionType.PROPOSED,
        ActionType.DISCUSSED,
        ActionType.NEGOTIATED,
        ActionType.AGREED,
        ActionType.SIGNED,
        ActionType.ADOPTED,
    )
)


def acts_in_order(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the order of actions: by their days. Undated ones come last, but an undated signing comes before what followed."""
    is_undated = table.c.date_start == literal(edtf.NO_START)
    begins: sa.ColumnElement[int] = sa.case(
        (is_undated & table.c.type.in_(_BEGINNINGS), sa.literal_column("0")), else_=sa.literal_column("1")
    )
    return begins, table.c.date_order, table.c.id


def label_of(*fields: str) -> Any:
    """Return a function for `Resource.label`: it returns the value of the first of these fields that is not empty."""

    def label(content: Content) -> str:
        return str(next(filter(None, map(content.get, fields))))

    return label


def _cited_in_order(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    return most_telling(table.c)


CITATIONS = {"citations": Include(Kind.CITATION, "record", _cited_in_order, columns=("source", "link"))}


def ends_after_it_starts(first: str, last: str) -> Any:
    """Return a rule: the date in the field `last` must not end before the date in the field `first` starts."""

    def rule(content: Content) -> Any:
        if content.get(first) and content.get(last):
            start, end = edtf.bounds(content[first]).start, edtf.bounds(content[last]).end
            if end < start:
                yield last, f"{content[last]!r} lies before {first} {content[first]!r}"

    return rule


def goes_with(field: str, other: str) -> Any:
    """Return a rule: the field `field` may have a value only if the field `other` has one."""

    def rule(content: Content) -> Any:
        if content.get(field) is not None and content.get(other) is None:
            yield field, f"means nothing without {other}"

    return rule
