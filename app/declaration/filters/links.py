"""The filters that compare what other tables say of the record: topics, identifiers, involved actors, linked records, words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from app.db.full_text import has_terms
from app.db.sql import Encode, is_one_of, literal
from app.db.types import Exact
from app.declaration.filters.filter import Compared, Filter, Narrowing, Parameters, YesOrNo, kinds_of, matches
from app.declaration.filters.values import IdentifierValue, IdList, QueryText, separate
from app.domain.identifiers import readings
from app.domain.vocabulary import Kind
from app.models.actors import Organization, Position
from app.models.evidence import Topic
from app.models.meetings import Participant
from app.models.records import Identifier, Involvement, RecordTopic
from app.text.nodes import FTS5, TSQUERY
from app.text.query import in_names, parsed

ACTORS = (Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON)
involvements: sa.Table = Involvement.__table__
record_topics: sa.Table = RecordTopic.__table__
topics: sa.Table = Topic.__table__
identifiers: sa.Table = Identifier.__table__
organizations: sa.Table = Organization.__table__
participants: sa.Table = Participant.__table__
positions: sa.Table = Position.__table__


def with_narrower(name: str, shape: int) -> sa.CTE:
    """Return a recursive query for the ids of the topics in the parameter `name` and of all topics below them."""
    start = sa.select(topics.c.id.label("id")).where(matches(topics.c.id, name, shape))
    found = start.cte(f"{name}_and_narrower", recursive=True)
    return found.union(sa.select(topics.c.id).join(found, topics.c.broader_id == found.c.id))


@dataclass(frozen=True)
class HasTopic(Filter):
    """Records that have at least one of the given topics, or a narrower topic of one of them.

    `exact`: narrower topics do not count. `through`: the reference field of a link record; the record then also has the topics
    of the record to which the field refers.
    """

    exact: bool = False
    through: str = ""

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kind of topics."""
        return (Kind.TOPIC,)

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that have at least one of the topics, themselves or through another record."""
        topic, rows = record_topics.c.topic_id, narrowing.table.c
        same = matches(topic, name, shape)
        is_about = same if self.exact else topic.in_(sa.select(with_narrower(name, shape).c.id))
        about = sa.select(record_topics.c.record_id).where(is_about)
        if self.through:
            narrowing.conditions.append(sa.or_(rows.id.in_(about), rows[f"{self.through}_id"].in_(about)))
        else:
            narrowing.conditions.append(rows.id.in_(about))


@dataclass(frozen=True)
class HasIdentifier(Filter):
    """Records that have at least one of the given identifiers.

    A value is an identifier, or a scheme and an identifier with a colon between them.
    """

    parse: ClassVar[Any] = IdentifierValue

    def shape(self, values: Sequence[str]) -> int:
        """Return 1 for every value, because the SQL does not depend on the number of values."""
        return 1

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return two lists: the identifiers that the values may mean, and the values in full, in normal form."""
        found = [each for value in values for each in readings(value)]
        return {
            f"{name}_alone": encode([identifier for _, identifier in found]),
            f"{name}_whole": encode([f"{scheme}:{identifier}" if scheme else identifier for scheme, identifier in found]),
        }

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records with one of the identifiers. The index on `identifier` finds them, then the schemes are compared."""
        alone, whole = (sa.bindparam(f"{name}_{each}", type_=sa.ARRAY(Exact)) for each in ("alone", "whole"))
        with_scheme = identifiers.c.scheme.concat(sa.literal_column("':'")).concat(identifiers.c.identifier)
        has = sa.select(identifiers.c.record_id).where(
            is_one_of(identifiers.c.identifier, alone),
            sa.or_(is_one_of(identifiers.c.identifier, whole), is_one_of(with_scheme, whole)),
        )
        narrowing.conditions.append(narrowing.table.c.id.in_(has))


@dataclass(frozen=True)
class Uncited(YesOrNo):
    """Records without citations (`true`), or records with citations (`false`)."""

    citations: sa.Table | None = None

    def condition(self, rows: sa.FromClause, *, is_asked_for: bool) -> sa.ColumnElement[bool]:
        """Return the condition that the record has no citation, or at least one."""
        assert self.citations is not None
        cited = sa.exists().where(self.citations.c.record_id == rows.c.id)
        return ~cited if is_asked_for else cited


@dataclass(frozen=True)
class Among(Compared):
    """Records that have a matching row in the linked table `table`.

    In that row, the column `select` holds the id of the record, and the column `match` holds one of the values. If `field` is
    given, the column `select` is compared with this column of the record instead of its id.
    """

    table: sa.FromClause | None = None
    select: str = ""
    match: str = ""
    field: str = "id"
    kinds: tuple[Kind, ...] = ()
    """The kinds of the records whose ids the column `match` has, if its foreign key does not tell."""

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds to which the compared column of the linked table may refer."""
        del table
        assert self.table is not None
        return self.kinds or kinds_of(self.table.c[self.match], kind_of)

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records that have a matching row in the linked table."""
        assert self.table is not None
        among = sa.select(self.table.c[self.select]).where(matches(self.table.c[self.match], name, shape))
        narrowing.conditions.append(narrowing.table.c[self.field].in_(among))


@dataclass(frozen=True)
class ActsFor(Filter):
    """People who held an office of a country or an organization, or of a part of it, or took part in a meeting for it.

    `of_body` and `of_office` are the columns of organizations and of positions that are compared with the values.
    """

    of_body: str = ""
    of_office: str = ""
    kinds: tuple[Kind, ...] = ()

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds of the records for whom people act."""
        return self.kinds

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep people with such an office or participation. The parts of an organization are found level by level."""
        bodies = sa.select(organizations.c.id).where(matches(organizations.c[self.of_body], name, shape))
        parts = bodies.cte(f"{name}_and_parts", recursive=True)
        parts = parts.union(sa.select(organizations.c.id).join(parts, organizations.c.parent_id == parts.c.id))
        acted = participants.join(involvements, involvements.c.record_id == participants.c.id)
        people = sa.union_all(
            sa.select(positions.c.person_id).where(matches(positions.c[self.of_office], name, shape)),
            sa.select(positions.c.person_id).where(positions.c.organization_id.in_(sa.select(parts.c.id))),
            sa.select(participants.c.person_id)
            .select_from(acted)
            .where(
                matches(involvements.c.actor_id, name, shape),
                involvements.c.record_kind == literal(Kind.PARTICIPANT),
                involvements.c.actor_kind.in_([literal(kind) for kind in self.kinds]),
            ),
        )
        narrowing.conditions.append(narrowing.table.c.id.in_(people))


@dataclass(frozen=True)
class Involves(Filter):
    """Records that involve at least one of the given actors: directly, or by an organization or a person that belongs to it."""

    kind: Kind = Kind.MEETING

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds of actors."""
        return ACTORS

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records for which the table `involvements` has a row with one of the actors.

        For one actor and the default order, the table is joined, because its index returns the rows of an actor in that order.
        Each row is then looked up for further actors. In another order, the records of an actor are found by a subquery.
        """
        if shape == 1 and narrowing.default_order and not narrowing.order and "date_start" in narrowing.table.c:
            walked = involvements.alias(f"by_{name}")
            narrowing.source = walked.join(narrowing.source, narrowing.table.c.id == walked.c.record_id)
            narrowing.conditions += [
                matches(walked.c.actor_id, name, shape),
                walked.c.record_kind == literal(self.kind),
            ]
            narrowing.order = {"date_start": walked.c.date_start, "id": walked.c.record_id}
        elif shape == 1 and narrowing.order:
            also = involvements.alias(f"also_{name}")
            narrowing.conditions.append(
                sa.exists().where(
                    matches(also.c.actor_id, name, shape),
                    also.c.record_kind == literal(self.kind),
                    also.c.date_start == narrowing.order["date_start"],
                    also.c.record_id == narrowing.order["id"],
                )
            )
        else:
            involved = sa.select(involvements.c.record_id).where(
                matches(involvements.c.actor_id, name, shape),
                involvements.c.record_kind == literal(self.kind),
            )
            narrowing.conditions.append(narrowing.table.c.id.in_(involved))


@dataclass(frozen=True)
class Between(Filter):
    """Records in which all given actors (two to five) are involved."""

    kind: Kind = Kind.MEETING
    parse: ClassVar[Any] = IdList
    multiple: ClassVar[bool] = False

    def names(self, table: sa.Table, kind_of: Mapping[str, Kind]) -> tuple[Kind, ...]:
        """Return the kinds of actors."""
        return ACTORS

    def ids(self, values: Sequence[str]) -> list[str]:
        """Return the actors, which commas separate."""
        return values[0].split(",")

    def renamed(self, values: Sequence[str], ids: Mapping[str, str]) -> list[str]:
        """Return the actors under other ids. Raises ValueError if two of them are the same."""
        return [separate(",".join(ids.get(actor, actor) for actor in values[0].split(",")))]

    def shape(self, values: Sequence[str]) -> int:
        """Return the number of actors, because the SQL has one condition for each of them."""
        return values[0].count(",") + 1

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return one bind parameter for each actor."""
        return {f"{name}_{place}": actor for place, actor in enumerate(values[0].split(","))}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Add the condition of `Involves` once for each actor."""
        for place in range(shape):
            Involves(self.description, kind=self.kind).narrow(f"{name}_{place}", 1, narrowing)


@dataclass(frozen=True)
class Words(Filter):
    """Records whose names contain, for each typed word, the word itself or a word that begins with it.

    Words are compared as in search, so script, spelling and inflection may differ.
    """

    parse: ClassVar[Any] = QueryText
    multiple: ClassVar[bool] = False

    def shape(self, values: Sequence[str]) -> int:
        """Return 1 for every value, because the SQL does not depend on the number of typed words."""
        return 1

    def parameters(self, name: str, values: Sequence[str], encode: Encode) -> Parameters:
        """Return the query in the syntax of each database. The statement uses only one of the two parameters."""
        node = in_names(parsed(values[0]))
        return {f"{name}_fts5": FTS5.write(node), f"{name}_tsquery": TSQUERY.write(node)}

    def narrow(self, name: str, shape: int, narrowing: Narrowing) -> None:
        """Keep records whose search entry matches the query."""
        query = (sa.bindparam(f"{name}_{syntax}", type_=Exact) for syntax in ("fts5", "tsquery"))
        narrowing.conditions.append(has_terms(narrowing.table.c.id, *query))
