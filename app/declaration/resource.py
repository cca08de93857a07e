"""The classes with which a resource is declared: table, read model, filters, sorts, includes, rules, actors."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import API_PATH
from app.declaration.filters import Filter
from app.declaration.model import Model, Part
from app.domain.vocabulary import Confidence, Kind, NameType, Vocabulary
from app.models.columns import Content

VERSION_PREFIX = API_PATH
INCLUDED_AT_MOST = 200
"""Maximum number of related records in one include. If there are more, the response has a link to their list."""


@dataclass(frozen=True)
class Sort:
    """The columns of a sort key: one for ascending and one for descending order.

    Two different columns are needed if records without a value must come last in both directions.
    """

    ascending: sa.Column[Any]
    descending: sa.Column[Any]


def by(column: Any, *, ascending: Any = None) -> Sort:
    """Return the sort key for `column`. If `ascending` is given, that column is used for ascending order."""
    first = column if ascending is None else ascending
    return Sort(ascending=_column(first), descending=_column(column))


def _column(attribute: Any) -> sa.Column[Any]:
    column = attribute.expression if hasattr(attribute, "expression") else attribute
    assert isinstance(column, sa.Column)
    return column


CITED = "citations"
"""The include of the citations of a record. Only this one can be embedded in included records, too."""


def most_telling(citations: Any) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the order of the citations of a record, so that the first one supports the record best.

    `citations`: the columns of the table. First come the citations of the record as a whole, because those of a field support
    only that field, such as the date; among these, what a source states comes before what is inferred.
    """
    stated: sa.ColumnElement[str] = sa.literal_column(f"'{Confidence.STATED}'")
    return citations.field.is_not(None), citations.confidence != stated, citations.source_id, citations.paragraph, citations.id


def ordered(*columns: str) -> Callable[[sa.FromClause], tuple[sa.ColumnElement[Any], ...]]:
    """Return the order of included records: by these columns, then by id."""
    return lambda table: tuple(table.c[name] for name in (*columns, "id"))


@dataclass(frozen=True)
class Include:
    """Related records that a response can embed in a record, in the order `order`.

    They are the records of `kind` whose reference `through` (see `Resource.reference`) leads to the record.
    """

    kind: Kind
    through: str
    order: Callable[[sa.FromClause], Iterable[sa.ColumnElement[Any]]] = ordered()
    filter: str = ""
    """The filter of the related kind that finds these records, if its name is not `through`."""
    columns: tuple[str, ...] = ()
    """The fields of these records that a table such as CSV shows. If there are none, a table cannot include the records."""

    @property
    def found_by(self) -> str:
        """The name of the filter of the related kind that finds these records."""
        return self.filter or self.through


class NamesFieldOf(NamedTuple):
    """Declares that `field` holds the name of a field of another record. The field `record` refers to that other record.

    The field `value` holds a value of that field.
    """

    field: str
    record: str
    value: str


class ReferenceColumn(NamedTuple):
    """Where a reference of records is stored: in `column`, beside the id of the referring record in `owner`."""

    owner: sa.Column[Any]
    column: sa.Column[Any]

    @property
    def table(self) -> sa.Table:
        """The table of both columns: that of the records, or that of the items of an array."""
        return self.column.table


class Only(NamedTuple):
    """Which items of an array count for a rule: those with one of these words in a field."""

    field: str
    words: tuple[Vocabulary, ...]


class Actor(NamedTuple):
    """A reference to an actor (see `Resource.reference`): a country, an organization or a person that is involved."""

    field: str
    reaches: bool = True
    """Whether the parent organizations and the country of an involved organization are involved, too."""
    only: Only | None = None


class Sides(NamedTuple):
    """A rule for involved actors, which applies to records of the type `type`.

    All actors of the event to which the record's field `field` refers are also involved in the record.
    """

    field: str
    type: Vocabulary


class Attendance(NamedTuple):
    """A rule for link records of an event: whether their actors take part in the event, by a word in the field `field`.

    With a word in `never`, they do not. With a word in `until_held`, they do as long as the event's field `status` has one of
    the words in `ahead`. With any other word, and without one, they do.
    """

    field: str
    never: tuple[Vocabulary, ...]
    until_held: tuple[Vocabulary, ...]
    status: str
    ahead: tuple[Vocabulary, ...]


class Spokesman(NamedTuple):
    """A rule for involved actors: if the field `actor` refers to a person, those for whom the person acted are involved, too.

    They are the actors of the person's link records of the event to which the field `event` refers.
    """

    actor: str
    event: str
    only: Only | None = None


class WordsOf(NamedTuple):
    """A rule: the field `field` has one of `words` exactly if the field `record` refers to a record of the kind `kind`."""

    field: str
    record: str
    kind: Kind
    words: tuple[Vocabulary, ...]
    also_of_others: tuple[Vocabulary, ...] = ()
    """Words of `words` that are also allowed if `record` refers to a record of another kind."""

    def fault(self, content: Content, kind: Kind | None) -> str | None:
        """Return what is wrong with the word if the field refers to a record of this kind; None if nothing is."""
        word = content.get(self.field)
        if kind is None or word is None or word in self.also_of_others or (kind is self.kind) == (word in self.words):
            return None
        words = ", ".join(self.words)
        if kind is self.kind:
            return f"{word!r} is not done to {kind.with_article}; these are: {words}"
        return f"{word!r} is done only to {self.kind.with_article}, not to {kind.with_article}"


Formerly = Callable[[Any], Mapping[str, Any]]
"""Converts the value of a field of an earlier release to today's fields. Returns an empty mapping if no field replaces it.

A citation of the old field becomes a citation of the first field in the result. To find this field, the function is called with
None; then only the field names in the result matter.
"""


def renamed(new: str) -> Formerly:
    """Return the conversion for a field that was renamed to `new` and keeps its values."""
    return lambda value: {new: value}


Rule = Callable[[Content], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Searched:
    """The fields that search reads. It also reads the names of the record in all languages."""

    names: tuple[str, ...] = ("name",)
    titles: tuple[str, ...] = ()
    """Fields that say what the record is or where it took place. A field of the items of an array is written `also_in.city`."""
    texts: tuple[str, ...] = ()
    date: str = ""
    """The EDTF field with the date of the record."""


@dataclass(frozen=True)
class Resource:
    """The declaration of a kind of record. Reading, writing and the documentation are derived from it."""

    kind: Kind
    plural: str
    model: type[Model]
    table_model: type[Any]
    filters: Mapping[str, Filter]
    sorts: Mapping[str, Sort]
    default_sort: str
    includes: Mapping[str, Include]
    label: Callable[[Content], str]
    """Computes `records.name` from the content: the record's name, or a label for a link record (it connects two records)."""
    natural_key: tuple[str, ...] = ()
    """The fields that identify a link record uniquely. An import derives the id from them if the id is missing.

    If the kind has a `period`, the last of them is the field with the day on which the period begins."""
    period: tuple[str, str] | None = None
    """The fields with the first and the last day. Records with the same natural key but for the period may all stand, as long
    as their periods do not overlap."""
    free_text: bool = False
    """Whether the last field of the natural key is free text. A line of an import may then mean a stored record although this
    text differs."""
    key_grew: tuple[str, ...] = ()
    """Fields that joined the natural key later. They are part of a derived id only if they have values, so that the ids of
    records without them stay as they were."""
    key_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parts of the natural key that are no fields: each is the value of the first of these fields that has one. A column has
    the value."""
    key_was: tuple[str, ...] = ()
    """The natural key of release 0.1.0, if it was another one. Ids that were derived from it stay as they are."""
    alternative_keys: tuple[tuple[str, ...], ...] = ()
    """Other unique keys than the id. The first field of each is a code that may stand for the record in place of the id. A
    record without this code does not have the key."""
    links: tuple[str, ...] = ()
    """The reference fields of a link record. A deletion with `links` of the record in one of them deletes the link record, too.
    """
    rules: tuple[Rule, ...] = ()
    """Checks that compare several fields. Each check yields (field, fault)."""
    formerly: Mapping[str, Formerly] = field(default_factory=dict)
    """Fields of earlier releases, each with the function that converts it to today's fields, so that old exports still work."""
    dated_by: str = ""
    """The field that refers to an event. The record's date must agree with the event's date. A record without a date takes the
    event's date."""
    dated_by_acts: bool = False
    """Whether a record without a date takes its dates from the actions that refer to it."""
    actors: tuple[Actor, ...] = ()
    """The fields that refer to actors. The actors are involved in the record, and also in the event to which the field
    `occasion` refers."""
    occasion: str = ""
    sides: Sides | None = None
    attendance: Attendance | None = None
    spokesmen: tuple[Spokesman, ...] = ()
    named_by: str = "name"
    """The field that is shown in the language asked for, if the record has a name in this language."""
    words_of: WordsOf | None = None
    own_name_type: NameType = NameType.OFFICIAL
    """The type of the record's own name, if its names do not say it. A short one is shown as a short one elsewhere."""
    covered_by: tuple[str, str] | None = None
    """Of a link record: a reference field, and the field of the record referred to that says whether all such links are known.
    A list of all links of one such record shows the value of this field."""
    names_field_of: NamesFieldOf | None = None
    """A field that holds the name of a field of another record."""
    searched: Searched | None = None
    """The fields that search reads; None if the kind is not searched."""
    also_called: tuple[str, ...] = ()
    """Other names under which a client may look for the collection."""
    example: str = ""
    """The id of a record in the seed data (the initial content). The examples in the documentation use this record."""

    @cached_property
    def table(self) -> sa.Table:
        """The table that holds the kind's own fields."""
        table: sa.Table = self.table_model.__table__
        return table

    def reference(self, path: str) -> ReferenceColumn:
        """Return where a reference is stored.

        `path` is the name of a field. If the items of an array are objects that have the reference, it is the name of the
        array, a dot and the name of the reference, such as `signatories.person`. Raises KeyError if there is no such reference.
        """
        field, _, member = path.partition(".")
        part = self.parts.get(field)
        if part is None:
            return ReferenceColumn(self.table.c.id, self.table.c[f"{path}_id"])
        return ReferenceColumn(part.table.c[part.owner], part.table.c[f"{member}_id" if member else part.columns[0]])

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The arrays of the model whose items are rows of other tables, by field."""
        marks = ((name, mark) for name, info in self.model.model_fields.items() for mark in info.metadata)
        return {name: mark for name, mark in marks if isinstance(mark, Part)}

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """The unique keys, each as a tuple of field names. No two records have the same values in all fields of a key."""
        return [*([self.natural_key] if self.natural_key else []), *self.alternative_keys]

    @property
    def inherits_dates(self) -> bool:
        """Whether a record without a date takes its dates from other records."""
        return bool(self.dated_by) or self.dated_by_acts

    def key_value(self, content: Content, name: str) -> Any:
        """Return the value of a part of a key; None if the content has none."""
        fields = self.key_parts.get(name, (name,))
        return next((content[each] for each in fields if content.get(each)), None)

    @property
    def base_key(self) -> tuple[str, ...]:
        """The natural key without the period."""
        return self.natural_key[:-1] if self.period else self.natural_key

    @property
    def path(self) -> str:
        """The path of the collection."""
        return f"{VERSION_PREFIX}/{self.plural}"

    @property
    def description(self) -> str:
        """What a record of this kind is: the docstring of the model, without its indentation, which Markdown reads as code."""
        return inspect.cleandoc(self.model.__doc__ or "")

    @property
    def title(self) -> str:
        """The name of the schema in the OpenAPI document."""
        return self.model.__name__
