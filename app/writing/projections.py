"""What is derived from records so that reading is simple: who is involved in what, and the dates that undated records take.

Each projection is one SELECT that says what should stand there. Writing applies it to what was touched, `rebuild` to
everything, and `check` compares it with what stands there.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db import edtf
from app.db.sql import Encode, is_one_of, literal, values_parameter
from app.db.types import Exact
from app.models import Action, Involvement, Meeting, Memorandum, Organization, Outcome, Participant, Party
from app.models.vocabulary import Kind, OutcomeType

involvements: sa.Table = Involvement.__table__
organizations: sa.Table = Organization.__table__
meetings: sa.Table = Meeting.__table__
memoranda: sa.Table = Memorandum.__table__
participants: sa.Table = Participant.__table__
parties: sa.Table = Party.__table__
outcomes: sa.Table = Outcome.__table__
actions: sa.Table = Action.__table__

DATED_BY_MEETING = {Kind.PARTICIPANT: participants, Kind.ACTION: actions, Kind.OUTCOME: outcomes}
"""Tables whose undated rows take the bounds of their meeting."""
_DERIVED_FROM: Mapping[Kind, tuple[str, ...]] = {
    Kind.MEETING: ("date",),
    Kind.MEMORANDUM: ("date",),
    Kind.ORGANIZATION: ("parent", "country"),
    Kind.PARTICIPANT: ("meeting", "date", "person", "organization", "country", "on_behalf_of"),
    Kind.PARTY: ("memorandum", "party", "signed_by"),
    Kind.OUTCOME: ("meeting", "date", "type", "made_by", "made_to"),
    Kind.ACTION: ("meeting", "date"),
}
"""The fields from which the projections follow: a change of others leaves them as they are."""
_REFERRED_TO = (Kind.MEETING, Kind.MEMORANDUM, Kind.ORGANIZATION)
"""Of these, a new one changes nothing: what refers to it is new too."""
PROJECT_ALL_FROM = 20_000
"""Records touched from which computing every projection anew is quicker."""
_ACTOR = ("actor_id", "record_kind", "date_start", "record_id", "actor_kind")


def _reach(said_by: sa.BindParameter[Any] | None) -> sa.CTE:
    """What an organization's part in something reaches: itself, its parents, and the countries whose they are.

    Of all organizations, or of those that the records in `said_by` name.
    """
    start = sa.select(organizations.c.id.label("organization_id"), organizations.c.id.label("ancestor_id"))
    if said_by is not None:
        start = start.where(organizations.c.id.in_(_named_organizations(said_by)))
    up = start.cte("up", recursive=True)
    parent = organizations.alias("parent")
    up = up.union(
        sa.select(up.c.organization_id, parent.c.parent_id)
        .join(parent, parent.c.id == up.c.ancestor_id)
        .where(parent.c.parent_id.is_not(None))
    )
    own = organizations.alias("own")
    bodies = sa.select(up.c.organization_id, up.c.ancestor_id.label("actor_id"), literal(Kind.ORGANIZATION).label("actor_kind"))
    countries = (
        sa.select(up.c.organization_id, own.c.country_id, literal(Kind.COUNTRY))
        .join(own, own.c.id == up.c.ancestor_id)
        .where(own.c.country_id.is_not(None))
    )
    return bodies.union(countries).cte("reach")


_NAMING_ORGANIZATIONS = (
    (Kind.PARTICIPANT, participants, "organization_id", "meeting_id"),
    (Kind.PARTY, parties, "party_id", "memorandum_id"),
    (Kind.OUTCOME, outcomes, "made_by_id", "meeting_id"),
    (Kind.OUTCOME, outcomes, "made_to_id", "meeting_id"),
)
"""Where organizations take part in something, and with them their parents and countries; and what the occasion is."""


def _named_organizations(said_by: sa.BindParameter[Any]) -> sa.CompoundSelect[Any]:
    return sa.union_all(
        *(sa.select(table.c[name]).where(is_one_of(table.c.id, said_by)) for _, table, name, _ in _NAMING_ORGANIZATIONS)
    )


def _involved(said_by: sa.BindParameter[Any] | None) -> sa.CTE:
    """Who is involved in which occasion, and which record says so: all of them, or only those in `said_by`."""
    reach = _reach(said_by)

    def rows(source: sa.Table, actor: Any, kind: Any, via: Kind, occasion: Any) -> sa.Select[Any]:
        columns = (
            actor.label("actor_id"),
            kind.label("actor_kind"),
            source.c.id.label("via_id"),
            literal(via).label("via_kind"),
            occasion.label("occasion_id"),
        )
        found = sa.select(*columns).where(actor.is_not(None))
        return found if said_by is None else found.where(is_one_of(source.c.id, said_by))

    def of_one_kind(source: sa.Table, field: str, kind: Kind, via: Kind, occasion: Any) -> sa.Select[Any]:
        return rows(source, source.c[f"{field}_id"], literal(kind), via, occasion)

    def of_any_kind(source: sa.Table, field: str, via: Kind, occasion: Any) -> list[sa.Select[Any]]:
        """A country or person is itself; an organization reaches further."""
        kind, key = source.c[f"{field}_kind"], source.c[f"{field}_id"]
        itself = rows(source, key, kind, via, occasion).where(kind != literal(Kind.ORGANIZATION))
        return [itself, through(source, key, via, occasion)]

    def through(source: sa.Table, key: Any, via: Kind, occasion: Any) -> sa.Select[Any]:
        return rows(source, reach.c.actor_id, reach.c.actor_kind, via, occasion).join_from(
            source, reach, reach.c.organization_id == key
        )

    none = sa.cast(sa.null(), Exact)
    selects = [
        of_one_kind(participants, "person", Kind.PERSON, Kind.PARTICIPANT, participants.c.meeting_id),
        of_one_kind(participants, "country", Kind.COUNTRY, Kind.PARTICIPANT, participants.c.meeting_id),
        through(participants, participants.c.organization_id, Kind.PARTICIPANT, participants.c.meeting_id),
        rows(
            participants,
            participants.c.on_behalf_of_id,
            participants.c.on_behalf_of_kind,
            Kind.PARTICIPANT,
            participants.c.meeting_id,
        ),
        *of_any_kind(parties, "party", Kind.PARTY, parties.c.memorandum_id),
        of_one_kind(parties, "signed_by", Kind.PERSON, Kind.PARTY, parties.c.memorandum_id),
        *of_any_kind(outcomes, "made_by", Kind.OUTCOME, none),
        *of_any_kind(outcomes, "made_to", Kind.OUTCOME, none),
    ]
    return sa.union_all(*selects).cte("involved")


def involved_rows(said_by: sa.BindParameter[Any] | None = None) -> sa.CompoundSelect[Any]:
    """What should stand in `involvements`: each actor in the record that says so, and in its occasion."""
    involved = _involved(said_by)
    sides = involved.alias("sides")
    understood = outcomes.alias("understood")

    def in_record(table: sa.Table, kind: Kind, dates: sa.Table | None = None, occasion: Any = None) -> sa.Select[Any]:
        """Actors in records of a kind that say so themselves; `dates` is the table whose date counts."""
        source = table if dates is None else dates
        found = sa.select(
            involved.c.actor_id,
            literal(kind).label("record_kind"),
            source.c.date_start.label("date_start"),
            table.c.id.label("record_id"),
            involved.c.actor_kind,
        ).join_from(involved, table, table.c.id == involved.c.via_id)
        return found if dates is None else found.join(dates, dates.c.id == occasion)

    def in_occasion(table: sa.Table, kind: Kind) -> sa.Select[Any]:
        return sa.select(
            involved.c.actor_id,
            literal(kind).label("record_kind"),
            table.c.date_start.label("date_start"),
            table.c.id.label("record_id"),
            involved.c.actor_kind,
        ).join_from(involved, table, table.c.id == involved.c.occasion_id)

    sides_of_understandings = (
        sa.select(
            sides.c.actor_id,
            literal(Kind.OUTCOME).label("record_kind"),
            understood.c.date_start.label("date_start"),
            understood.c.id.label("record_id"),
            sides.c.actor_kind,
        )
        .join_from(understood, sides, sides.c.occasion_id == understood.c.meeting_id)
        .where(understood.c.type == literal(OutcomeType.UNDERSTANDING))
    )
    return sa.union(
        in_occasion(meetings, Kind.MEETING),
        in_occasion(memoranda, Kind.MEMORANDUM),
        in_record(participants, Kind.PARTICIPANT),
        in_record(parties, Kind.PARTY, memoranda, parties.c.memorandum_id),
        in_record(outcomes, Kind.OUTCOME),
        sides_of_understandings,
    )


def inherited_bounds(table: sa.Table) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """The bounds that an undated row of a table should have: its meeting's, or none."""
    meeting = meetings.alias("its_meeting")

    def of(column: str, none: str) -> sa.ColumnElement[str]:
        taken = sa.select(meeting.c[column]).where(meeting.c.id == table.c.meeting_id).correlate(table).scalar_subquery()
        return sa.func.coalesce(taken, sa.literal_column(f"'{none}'", Exact))

    return of("date_start", edtf.NO_START), of("date_end", edtf.NO_END)


Changed = tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""The kind of a record, its content before (if it was there) and after (if it is there still)."""


def refresh(connection: Connection, changed: Iterable[Changed], encode: Encode) -> set[str]:
    """Make the projections right again after these records changed, and no others; returns whose may differ by now."""
    touched: dict[Kind, set[str]] = {}
    occasions: set[str] = set()
    for kind, old, new in changed:
        fields = _DERIVED_FROM.get(kind)
        if fields is None or (old is None and kind in _REFERRED_TO):
            continue
        if old is None or new is None or any(old.get(name) != new.get(name) for name in fields):
            for content in (old, new):
                if content is not None:
                    touched.setdefault(kind, set()).add(content["id"])
                    # What a record says of who is involved, it says of its occasion too.
                    occasions |= {content[name] for name in ("meeting", "memorandum") if content.get(name)}
    if Kind.ORGANIZATION in touched:
        _add_parts_played(connection, touched.pop(Kind.ORGANIZATION), touched, occasions, encode)
    if sum(map(len, touched.values())) >= PROJECT_ALL_FROM:
        rebuild(connection, encode)
    elif touched:
        _refresh_dates(connection, touched, encode)
        actions_alone = touched.keys() == {Kind.ACTION}
        if not actions_alone:
            _refresh_involvements(connection, occasions.union(*touched.values()), encode)
    occasions = occasions.union(*touched.values())
    return occasions | _following(connection, occasions, touched.get(Kind.MEETING, ()), encode)


def rebuild(connection: Connection, encode: Encode) -> None:
    """Compute all projections anew."""
    for table in DATED_BY_MEETING.values():
        connection.execute(_dating(table))
    _refresh_involvements(connection, None, encode)


def _add_parts_played(
    connection: Connection, moved: Collection[str], touched: dict[Kind, set[str]], occasions: set[str], encode: Encode
) -> None:
    """Add the records in which these organizations or their parts take part, and the occasions of these."""
    down = sa.select(organizations.c.id).where(is_one_of(organizations.c.id, values_parameter(moved, encode)))
    parts = down.cte("down", recursive=True)
    parts = parts.union(sa.select(organizations.c.id).join(parts, organizations.c.parent_id == parts.c.id))
    for kind, table, name, occasion in _NAMING_ORGANIZATIONS:
        query = sa.select(table.c.id, table.c[occasion]).where(table.c[name].in_(sa.select(parts.c.id)))
        for record_id, occasion_id in connection.execute(query):
            touched.setdefault(kind, set()).add(record_id)
            occasions |= {occasion_id} - {None}


def _refresh_dates(connection: Connection, touched: Mapping[Kind, Collection[str]], encode: Encode) -> None:
    moved = touched.get(Kind.MEETING, ())
    for kind, table in DATED_BY_MEETING.items():
        own = touched.get(kind, ())
        if own or moved:
            ids = values_parameter([*own, *moved], encode)
            connection.execute(_dating(table).where(sa.or_(is_one_of(table.c.id, ids), is_one_of(table.c.meeting_id, ids))))


def _following(connection: Connection, occasions: Collection[str], moved: Collection[str], encode: Encode) -> set[str]:
    """The understandings of these occasions' sides, and the records that take their dates from meetings that were moved."""
    if not occasions:
        return set()
    at = is_one_of(outcomes.c.meeting_id, values_parameter(occasions, encode))
    found = [sa.select(outcomes.c.id).where(at, outcomes.c.type == literal(OutcomeType.UNDERSTANDING))]
    for table in DATED_BY_MEETING.values() if moved else ():
        at = is_one_of(table.c.meeting_id, values_parameter(moved, encode))
        found.append(sa.select(table.c.id).where(at, table.c.date.is_(None)))
    return set(connection.execute(sa.union_all(*found)).scalars())


def _dating(table: sa.Table) -> sa.Update:
    """Undated rows take the bounds of their meetings, where these are not theirs already."""
    start, end = inherited_bounds(table)
    differs = sa.or_(table.c.date_start != start, table.c.date_end != end)
    return sa.update(table).values(date_start=start, date_end=end).where(table.c.date.is_(None), differs)


def _refresh_involvements(connection: Connection, touched: Collection[str] | None, encode: Encode) -> None:
    affected = None if touched is None else values_parameter(_affected(connection, touched, encode), encode)
    wanted = involved_rows(affected).subquery("wanted")
    insert = sa.select(*(wanted.c[name] for name in _ACTOR))
    delete = sa.delete(involvements)
    if affected is not None:
        insert = insert.where(is_one_of(wanted.c.record_id, affected))
        delete = delete.where(is_one_of(involvements.c.record_id, affected))
    connection.execute(delete)
    connection.execute(sa.insert(involvements).from_select(list(_ACTOR), insert))


def _affected(connection: Connection, touched: Collection[str], encode: Encode) -> list[str]:
    """The touched records with all records that say who is involved in them."""
    ids = values_parameter(touched, encode)
    selects = [
        sa.select(participants.c.id).where(is_one_of(participants.c.meeting_id, ids)),
        sa.select(parties.c.id).where(is_one_of(parties.c.memorandum_id, ids)),
        sa.select(outcomes.c.id).where(is_one_of(outcomes.c.meeting_id, ids)),
    ]
    return [*touched, *connection.execute(sa.union_all(*selects)).scalars()]


def disagreements(connection: Connection) -> list[str]:
    """Where the projections differ from what the records say."""
    found = []
    stands = sa.select(*(involvements.c[name] for name in _ACTOR))
    wanted = involved_rows().subquery("wanted")
    should = sa.select(*(wanted.c[name] for name in _ACTOR))
    for what, query in (("missing", sa.except_(should, stands)), ("superfluous", sa.except_(stands, should))):
        for actor, kind, day, record, _ in connection.execute(query):
            found.append(f"involvements: {what}: {actor} in {kind} {record} of {day}")
    for table in DATED_BY_MEETING.values():
        start, end = inherited_bounds(table)
        wrong = sa.select(table.c.id).where(
            table.c.date.is_(None), sa.or_(table.c.date_start != start, table.c.date_end != end)
        )
        found += [f"{table.name}: {record} has not the dates of its meeting" for record in connection.execute(wrong).scalars()]
    return found
