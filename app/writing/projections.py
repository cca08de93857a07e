"""Projections: the involvements of actors, and the dates that undated records inherit from events.

Projections are derived from records, and stored to make reads simple. The declarations `actors`, `occasion`, `sides` and
`dated_by` of the resources say how they are derived. For each projection there is one query for the expected values. A write
runs this query for the affected records, `rebuild` runs it for all records, and `check` compares its result with the stored
values.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, is_one_of, literal, values_parameter
from app.db.types import Exact
from app.declaration.resource import Only, Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.models import Involvement, Organization
from app.writing import ledger_entries
from app.writing.ledger_entries import LedgerEntries
from app.writing.spans import SPAN, SPANNED, SPANNED_BY, SPANNING, Spans

involvements: sa.Table = Involvement.__table__
organizations: sa.Table = Organization.__table__

PROJECT_ALL_FROM = 20_000
"""From this number of affected records on, computing all projections again is faster than updating some of them."""
_ACTOR = ("actor_id", "record_kind", "date_start", "record_id", "actor_kind")

Changed = tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""(kind of a record, content before the write (None if the record is new), content after it (None if it was deleted))."""
SaidBy = sa.BindParameter[Any] | None
"""The SQL parameter with the ids of the records whose actors a query reads. None: the query reads all records."""


class _Reference(NamedTuple):
    """A reference field of a resource, and the resources to whose records it can refer."""

    resource: Resource
    field: str
    targets: tuple[Resource, ...]
    only: Only | None = None
    """See `Actor.only`."""

    @property
    def table(self) -> sa.Table:
        """The table of the records that have the reference."""
        return self.resource.table

    @property
    def key(self) -> sa.Column[Any]:
        """The column that holds the ids of the target records."""
        return self.resource.reference(self.field).column

    @property
    def source(self) -> sa.FromClause:
        """The FROM clause of a query that reads `table` and `key`, which an array may hold in another table."""
        stored = self.resource.reference(self.field)
        if stored.table is self.table:
            return self.table
        counts = [stored.table.c[self.only.field].in_([literal(word) for word in self.only.words])] if self.only else []
        return self.table.join(stored.table, sa.and_(stored.owner == self.table.c.id, *counts))

    @property
    def target(self) -> Resource:
        """The target resource, for a field that has only one."""
        (target,) = self.targets
        return target

    @property
    def target_kind(self) -> sa.ColumnElement[str]:
        """The SQL expression for the kind of the target record."""
        return (
            literal(self.target.kind)
            if len(self.targets) == 1
            else self.key.table.c[f"{self.key.name.removesuffix('_id')}_kind"]
        )

    def leads_to(self, kind: Kind) -> bool:
        """Whether the field can refer to records of this kind."""
        return any(target.kind is kind for target in self.targets)


class _Spoken(NamedTuple):
    """A person who is an actor of a record, the event of that record, and a field that says who took part in such an event."""

    actor: _Reference
    event: _Reference
    person: _Reference


class Projections:
    """Updates involvements and inherited dates in the transaction that writes the records."""

    def __init__(self, resources: Iterable[Resource], encode: Encode) -> None:
        self._encode = encode
        declared = tuple(resources)
        by_table = {each.table.name: each for each in declared}

        def reference(resource: Resource, field: str) -> _Reference:
            column = resource.reference(field).column
            kinds = column.info.get("kinds", ())
            named = [each for each in declared if each.kind in kinds]
            tables = (key.column.table.name for key in column.foreign_keys)
            return _Reference(resource, field, tuple(named or (by_table[name] for name in tables if name in by_table)))

        actors = [
            (reference(each, actor.field)._replace(only=actor.only), actor.reaches)
            for each in declared
            for actor in each.actors
        ]
        self._actors = [each for each, _ in actors]
        self._bodies = [each for each, reaches in actors if reaches and each.leads_to(Kind.ORGANIZATION)]
        self._occasions = {each.kind: reference(each, each.occasion) for each in declared if each.occasion}
        self._sides = [reference(each, each.sides.field) for each in declared if each.sides]
        self._inherits = {each.kind: each.inherits_dates for each in declared}
        self._dates = {each.kind: reference(each, each.dated_by) for each in declared if each.dated_by}
        self._spokesmen = [
            _Spoken(reference(each, spokesman.actor)._replace(only=spokesman.only), reference(each, spokesman.event), person)
            for each in declared
            for spokesman in each.spokesmen
            for person in self._actors
            if [target.kind for target in person.targets] == [Kind.PERSON] and person.resource.occasion == spokesman.event
        ]
        spoken_at = [spoken.event for spoken in self._spokesmen]
        self._events = {link.target.kind: link.target for link in (*self._occasions.values(), *self._sides, *spoken_at)}
        self._events_of = defaultdict[Kind, set[str]](set)
        for link in (*self._occasions.values(), *self._sides, *spoken_at):
            self._events_of[link.resource.kind].add(link.field)
        self._say_who = tuple(each for each in declared if each.actors)
        self._involve = {*self._events, *(each.kind for each in declared if each.actors or each.sides)}
        self._spans = Spans(encode)
        self._entries = LedgerEntries(encode)
        self._derived_from = self._fields()
        depending = {each.kind for each in declared if each.actors or each.sides or each.dated_by} | {Kind.MEMBERSHIP}
        self._depended_on = self._derived_from.keys() - depending

    def _fields(self) -> dict[Kind, set[str]]:
        """By kind: the fields from which projections are computed. A change of another field does not affect projections."""
        fields: dict[Kind, set[str]] = {kind: {*names} for kind, names in SPANNED_BY.items()}
        fields[Kind.ORGANIZATION] |= {"parent", "country"}
        for kind in self._events:
            fields.setdefault(kind, set()).add("date")
        for each in (*self._actors, *self._occasions.values(), *self._sides, *self._dates.values()):
            fields.setdefault(each.resource.kind, {"date"}).add(each.field.partition(".")[0])
        for each in self._sides:
            fields[each.resource.kind].add("type")
        for kind, link in self._occasions.items():
            if attendance := link.resource.attendance:
                fields[kind].add(attendance.field)
                fields[link.target.kind].add(attendance.status)
        for each in self._dates.values():
            fields.setdefault(each.target.kind, set()).add("date")
        fields[Kind.ACTION] |= ledger_entries.DERIVED_FROM
        return fields

    def columns_of(self, kind: Kind, content: Mapping[str, Any]) -> Collection[str]:
        """The columns of a record's row that projections write, so that its content alone does not say their values."""
        dates = ("date_start", "date_end") if self._inherits.get(kind) and not content.get("date") else ()
        return (*dates, *(SPAN if kind in SPANNED else ()))

    # -- the expected rows -------------------------------------------------------------------------------------------------

    def _reach(self, said_by: SaidBy) -> sa.CTE:
        """For each organization, the actors that are involved together with it: itself, its ancestors, and all their countries.

        The result has a row for each (organization, actor). If `said_by` is given, it contains only the organizations to which
        these records refer.
        """
        start = sa.select(organizations.c.id.label("organization_id"), organizations.c.id.label("ancestor_id"))
        if said_by is not None:
            named = (
                sa.select(body.key).select_from(body.source).where(is_one_of(body.table.c.id, said_by)) for body in self._bodies
            )
            start = start.where(organizations.c.id.in_(sa.union_all(*named)))
        up = start.cte("up", recursive=True)
        parent = organizations.alias("parent")
        up = up.union(
            sa.select(up.c.organization_id, parent.c.parent_id)
            .join(parent, parent.c.id == up.c.ancestor_id)
            .where(parent.c.parent_id.is_not(None))
        )
        own = organizations.alias("own")
        kind = literal(Kind.ORGANIZATION).label("actor_kind")
        bodies = sa.select(up.c.organization_id, up.c.ancestor_id.label("actor_id"), kind)
        countries = (
            sa.select(up.c.organization_id, own.c.country_id, literal(Kind.COUNTRY))
            .join(own, own.c.id == up.c.ancestor_id)
            .where(own.c.country_id.is_not(None))
        )
        return bodies.union(countries).cte("reach")

    def _involved(self, said_by: SaidBy) -> sa.CTE:
        """A CTE with one row for each actor, the record that names the actor (`via_id`), and the event of that record.

        The event is NULL if the actor does not take part in it (`Attendance`).
        """
        reach = self._reach(said_by)

        def rows(field: _Reference, actor: Any, kind: Any) -> sa.Select[Any]:
            occasion = self._occasions.get(field.resource.kind)
            columns = (
                actor.label("actor_id"),
                kind.label("actor_kind"),
                field.table.c.id.label("via_id"),
                (sa.cast(sa.null(), Exact) if occasion is None else _attended(occasion)).label("occasion_id"),
            )
            found = sa.select(*columns).where(actor.is_not(None)).select_from(field.source)
            return found if said_by is None else found.where(is_one_of(field.table.c.id, said_by))

        selects = []
        for field in self._actors:
            named = rows(field, field.key, field.target_kind)
            if field not in self._bodies:
                selects.append(named)
                continue
            if len(field.targets) > 1:  # countries and persons have no ancestors, so they are selected directly
                selects.append(named.where(field.target_kind != literal(Kind.ORGANIZATION)))
            through = rows(field, reach.c.actor_id, reach.c.actor_kind)
            selects.append(through.join(reach, reach.c.organization_id == field.key))
        return sa.union_all(*selects).cte("involved")

    def _rows(self, said_by: SaidBy = None) -> sa.CompoundSelect[Any]:
        """The rows that `involvements` should contain.

        An actor is involved in the record that names it and in the event of that record. For records of some
        types, a resource declares that all actors of the record's event are involved in the record as well (`Sides`).
        """
        involved = self._involved(said_by)

        def rows(actors: sa.FromClause, record: Resource, dated: sa.Table | None = None) -> sa.Select[Any]:
            return sa.select(
                actors.c.actor_id,
                literal(record.kind).label("record_kind"),
                _first_day(record.table if dated is None else dated).label("date_start"),
                record.table.c.id.label("record_id"),
                actors.c.actor_kind,
            )

        selects = []
        for event in {link.target.kind: link.target for link in self._occasions.values()}.values():
            table = event.table
            selects.append(rows(involved, event).join_from(involved, table, table.c.id == involved.c.occasion_id))
        for record in self._say_who:
            table = record.table
            via = (involved, table, table.c.id == involved.c.via_id)
            if record.kind not in self._occasions or "date_start" in table.c:
                selects.append(rows(involved, record).join_from(*via))
            else:
                occasion = self._occasions[record.kind]
                dated = occasion.target.table
                selects.append(rows(involved, record, dated).join_from(*via).join(dated, dated.c.id == occasion.key))
        for link in self._sides:
            sides = involved.alias("sides")
            found = rows(sides, link.resource).join_from(link.table, sides, sides.c.occasion_id == link.key)
            selects.append(found.where(_takes_sides(link.resource)))
        for place, (actor, at, person) in enumerate(self._spokesmen):
            acted = involved.alias(f"acted_{place}")
            at_it = sa.and_(acted.c.via_id == person.table.c.id, acted.c.occasion_id == at.key)
            spoken = actor.source.join(person.table, person.key == actor.key).join(acted, at_it)
            selects.append(rows(acted, actor.resource).select_from(spoken))
        return sa.union(*selects)

    # -- updating ----------------------------------------------------------------------------------------------------------

    def refresh(self, connection: Connection, changed: Iterable[Changed]) -> set[str]:
        """Update the projections that the changes affect. Returns the ids of all records whose projections may have changed."""
        touched: dict[Kind, set[str]] = {}
        occasions: set[str] = set()
        spanned: dict[Kind, set[str]] = {}
        several = list(changed)
        self._spans.forget(connection, [old["id"] for kind, old, new in several if old and new is None and kind in SPANNED])
        for kind, *states in several:
            if not self._changes_something(kind, *states):
                continue
            for content in filter(None, states):
                touched.setdefault(kind, set()).add(content["id"])
                for field in SPANNING.get(kind, ()):
                    spanned.setdefault(kind, set()).add(content[field])
                # Each record that refers to an event can name its actors. So if one such record changes, all are read again.
                occasions |= {content[field] for field in self._events_of[kind] if content.get(field)}
        founded = touched.get(Kind.ORGANIZATION, ())
        if Kind.ORGANIZATION in touched:
            self._add_parts_played(connection, touched.pop(Kind.ORGANIZATION), touched, occasions)
        if sum(map(len, touched.values())) >= PROJECT_ALL_FROM:
            self.rebuild(connection)
        elif touched or founded:
            self._refresh_dates(connection, touched)
            redated = self._spans.refresh(connection, spanned, met=touched.get(Kind.MEETING, ()), founded=founded)
            if redated:
                touched.setdefault(Kind.MEMORANDUM, set()).update(redated)
            involving = ledger_entries.done_to(several)
            if not self._involve.isdisjoint(touched):
                involving.update(self._refresh_involvements(connection, occasions.union(*touched.values())))
            self._entries.refresh(connection, touched.get(Kind.ACTION, ()), involving, touched.get(Kind.MEETING, ()))
        return occasions.union(*touched.values(), self._following(connection, occasions, touched))

    def _changes_something(self, kind: Kind, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
        """Whether the change affects projections.

        A record of a kind in `_depended_on` affects projections only through the records that refer to it. A new record
        of such a kind gives False, because each record that refers to it is also new or changed, so this method is called for
        that record.
        """
        fields = self._derived_from.get(kind)
        if fields is None or (old is None and kind in self._depended_on):
            return False
        return old is None or new is None or any(old.get(name) != new.get(name) for name in fields)

    def rebuild(self, connection: Connection) -> None:
        """Compute all projections again, for all records."""
        for link in self._dates.values():
            connection.execute(_dating(link))
        self._spans.rebuild(connection)
        self._replace_involvements(connection, None)
        self._entries.rebuild(connection)

    def _add_parts_played(
        self, connection: Connection, moved: Collection[str], touched: dict[Kind, set[str]], occasions: set[str]
    ) -> None:
        """Add to `touched` the records that refer to an organization in `moved` or to a descendant of one.

        `moved` has the ids of organizations whose parent or country may have changed. The ids of the events to which the added
        records belong are added to `occasions`.
        """
        down = sa.select(organizations.c.id).where(is_one_of(organizations.c.id, values_parameter(moved, self._encode)))
        parts = down.cte("down", recursive=True)
        parts = parts.union(sa.select(organizations.c.id).join(parts, organizations.c.parent_id == parts.c.id))
        for body in self._bodies:
            events = (body.resource.reference(field).column for field in sorted(self._events_of[body.resource.kind]))
            named = sa.select(body.table.c.id, *events).select_from(body.source).where(body.key.in_(sa.select(parts.c.id)))
            for record_id, *its_events in connection.execute(named):
                touched.setdefault(body.resource.kind, set()).add(record_id)
                occasions |= {*its_events} - {None}

    def _refresh_dates(self, connection: Connection, touched: Mapping[Kind, Collection[str]]) -> None:
        for kind, link in self._dates.items():
            if ids := [*touched.get(kind, ()), *touched.get(link.target.kind, ())]:
                of_these = values_parameter(ids, self._encode)
                either = sa.or_(is_one_of(link.table.c.id, of_these), is_one_of(link.key, of_these))
                connection.execute(_dating(link).where(either))

    def _following(
        self, connection: Connection, occasions: Collection[str], touched: Mapping[Kind, Collection[str]]
    ) -> set[str]:
        """The ids of other records that get actors or dates from these events, so their projections may have changed too."""
        events = {*occasions, *(each for kind in self._events for each in touched.get(kind, ()))}
        found = []
        for link in self._sides if events else ():
            at = is_one_of(link.key, values_parameter(events, self._encode))
            found.append(sa.select(link.table.c.id).where(at, _takes_sides(link.resource)))
        for actor, link, _ in self._spokesmen if events else ():
            at = is_one_of(link.key, values_parameter(events, self._encode))
            found.append(sa.select(link.table.c.id).select_from(actor.source).where(at, actor.key.is_not(None)))
        for link in self._dates.values():
            if moved := touched.get(link.target.kind):
                at = is_one_of(link.key, values_parameter(moved, self._encode))
                found.append(sa.select(link.table.c.id).where(at, link.table.c.date.is_(None)))
        return set(connection.execute(sa.union_all(*found)).scalars()) if found else set()

    def _refresh_involvements(self, connection: Connection, touched: Collection[str]) -> list[str]:
        """Compute the involvements in the touched records, and in those that follow them, anew. Returns the ids of all."""
        affected = self._affected(connection, touched)
        self._replace_involvements(connection, values_parameter(affected, self._encode))
        return affected

    def _replace_involvements(self, connection: Connection, affected: SaidBy) -> None:
        wanted = self._rows(affected).subquery("wanted")
        insert = sa.select(*(wanted.c[name] for name in _ACTOR))
        delete = sa.delete(involvements)
        if affected is not None:
            insert = insert.where(is_one_of(wanted.c.record_id, affected))
            delete = delete.where(is_one_of(involvements.c.record_id, affected))
        connection.execute(delete)
        connection.execute(sa.insert(involvements).from_select(list(_ACTOR), insert))

    def _affected(self, connection: Connection, touched: Collection[str]) -> list[str]:
        """The ids of the touched records, and of the records that refer to them as their event."""
        ids = values_parameter(touched, self._encode)
        links = (*self._occasions.values(), *self._sides)
        selects = (sa.select(link.table.c.id).where(is_one_of(link.key, ids)) for link in links)
        return [*touched, *connection.execute(sa.union_all(*selects)).scalars()]

    def disagreements(self, connection: Connection) -> Iterator[str]:
        """Yield the differences between the stored and the expected projections, one line each."""
        stands = sa.select(*(involvements.c[name] for name in _ACTOR))
        wanted = self._rows().subquery("wanted")
        should = sa.select(*(wanted.c[name] for name in _ACTOR))
        for what, query in (("missing", sa.except_(should, stands)), ("superfluous", sa.except_(stands, should))):
            for actor, kind, day, record, _ in connection.execute(query):
                yield f"involvements: {what}: {actor} in {kind} {record} of {day}"
        for link in self._dates.values():
            for record in connection.execute(sa.select(link.table.c.id).where(*_misdated(link))).scalars():
                yield f"{link.table.name}: {record} has not the dates of its {link.field}"
        yield from self._spans.disagreements(connection)
        yield from self._entries.disagreements(connection)


def _first_day(table: sa.Table) -> sa.Column[Any]:
    """The column with the first day of an event, or of what lasts for a period."""
    return table.c.date_start if "date_start" in table.c else table.c.since_start


def _attended(occasion: _Reference) -> sa.ColumnElement[Any]:
    """The event of a link record; NULL if the record's actors do not take part in the event."""
    attendance = occasion.resource.attendance
    if attendance is None:
        return occasion.key
    presence, event = occasion.table.c[attendance.field], occasion.target.table.alias("attended")
    status = sa.select(event.c[attendance.status]).where(event.c.id == occasion.key).correlate(occasion.table).scalar_subquery()
    is_ahead = status.in_([literal(word) for word in attendance.ahead])
    return sa.case(
        (presence.in_([literal(word) for word in attendance.never]), sa.null()),
        (sa.and_(presence.in_([literal(word) for word in attendance.until_held]), is_ahead.is_not(True)), sa.null()),
        else_=occasion.key,
    )


def _takes_sides(resource: Resource) -> sa.ColumnElement[bool]:
    assert resource.sides is not None
    return resource.table.c.type == literal(resource.sides.type)


def _bounds(link: _Reference) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """SQL expressions for the dates of an undated row: those of its event, or `NO_START` and `NO_END` if it has no event."""
    event = link.target.table.alias("its_event")

    def of(column: str, none: str) -> sa.ColumnElement[str]:
        taken = sa.select(event.c[column]).where(event.c.id == link.key).correlate(link.table).scalar_subquery()
        return sa.func.coalesce(taken, sa.literal_column(f"'{none}'", Exact))

    return of("date_start", edtf.NO_START), of("date_end", edtf.NO_END)


def _misdated(link: _Reference) -> tuple[sa.ColumnElement[bool], ...]:
    start, end = _bounds(link)
    return link.table.c.date.is_(None), sa.or_(link.table.c.date_start != start, link.table.c.date_end != end)


def _dating(link: _Reference) -> sa.Update:
    """The UPDATE that copies the dates of each event to the undated records that refer to the event.

    Records that already have these dates are not updated.
    """
    start, end = _bounds(link)
    return sa.update(link.table).values(date_start=start, date_end=end).where(*_misdated(link))
