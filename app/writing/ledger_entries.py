"""The entries of the ledger: a projection of actions and involvements, from which the acts of an actor are read by date."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db.sql import Encode, is_one_of, literal, values_parameter
from app.domain.vocabulary import ActionType, Kind
from app.models import Action, Involvement, LedgerEntry, Memorandum, Party
from app.models.columns import Content

DERIVED_FROM = frozenset({"of", "type", "date", "meeting", "party"})
"""The fields of an action from which the projection is computed."""
_OF_ALL = tuple(literal(act) for act in (ActionType.PROPOSED, ActionType.ADOPTED, ActionType.APPROVED))
"""The types of actions that count for the whole instrument, even if only one party did them."""
_DATING = tuple(literal(act) for act in (ActionType.SIGNED, ActionType.ADOPTED))
_COLUMNS = ("actor_id", "entry_kind", "date_start", "entry_id")

actions: sa.Table = Action.__table__
memoranda: sa.Table = Memorandum.__table__
parties: sa.Table = Party.__table__
involvements: sa.Table = Involvement.__table__
entries: sa.Table = LedgerEntry.__table__


def done_to(changed: Iterable[tuple[Kind, Content | None, Content | None]]) -> set[str]:
    """Return the ids of the records to which written or deleted actions were done. `changed`: (kind, content before, after)."""
    written = (content for kind, *states in changed if kind is Kind.ACTION for content in states)
    return {content["of"] for content in written if content is not None}


class LedgerEntries:
    """Updates the entries of the ledger in the transaction that writes the records.

    An action concerns whom its instrument, outcome or meeting involves or, if one party did it for itself, that party alone. So
    an instrument with many parties that each ratify it has no more entries than ratifications.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def refresh(
        self, connection: Connection, acts: Collection[str], involving: Collection[str], meetings: Collection[str]
    ) -> None:
        """Compute entries anew.

        `acts`: the actions that were written or deleted. `involving`: records to which something was done, or whose
        involvements may have changed. `meetings`: meetings from which actions may have taken another date.
        """
        if not (acts or involving or meetings):
            return
        of_these, at_these = (values_parameter(each, self._encode) for each in (involving, meetings))
        found = sa.union_all(
            sa.select(actions.c.id).where(is_one_of(actions.c.of_id, of_these)),
            sa.select(actions.c.id).where(is_one_of(actions.c.meeting_id, at_these)),
            sa.select(memoranda.c.id).where(is_one_of(memoranda.c.id, of_these)),
            sa.select(entries.c.entry_id).where(is_one_of(entries.c.entry_id, of_these)),
        )
        if ids := {*acts, *connection.execute(found).scalars()}:
            self._replace(connection, values_parameter(ids, self._encode))

    def rebuild(self, connection: Connection) -> None:
        """Compute all entries anew."""
        self._replace(connection, None)

    def _replace(self, connection: Connection, ids: sa.BindParameter[Any] | None) -> None:
        delete = sa.delete(entries)
        connection.execute(delete if ids is None else delete.where(is_one_of(entries.c.entry_id, ids)))
        connection.execute(sa.insert(entries).from_select(list(_COLUMNS), _rows(ids)))

    def disagreements(self, connection: Connection) -> Iterator[str]:
        """Yield the differences between the stored and the expected entries, one line each."""
        stands, should = sa.select(*(entries.c[name] for name in _COLUMNS)), _rows(None)
        for what, query in (("missing", sa.except_(should, stands)), ("superfluous", sa.except_(stands, should))):
            for actor, kind, day, entry in connection.execute(query):
                yield f"ledger_entries: {what}: {actor} in {kind} {entry} of {day}"


def _rows(ids: sa.BindParameter[Any] | None) -> sa.Select[Any]:
    """Return the rows that the table should have for these actions and instruments; for all if there are no `ids`."""
    is_of_all = sa.or_(actions.c.party_id.is_(None), actions.c.type.in_(_OF_ALL))
    its_party = sa.and_(parties.c.memorandum_id == actions.c.of_id, parties.c.party_id == actions.c.party_id)
    told = actions.alias("told")
    is_told = sa.exists().where(told.c.of_id == memoranda.c.id, sa.or_(memoranda.c.date.is_(None), told.c.type.in_(_DATING)))

    def rows(table: sa.Table, kind: str, actor: sa.ColumnElement[Any], source: sa.FromClause, condition: Any) -> sa.Select[Any]:
        columns = (actor.label("actor_id"), literal(kind).label("entry_kind"), table.c.date_start, table.c.id.label("entry_id"))
        found = sa.select(*columns).select_from(source).where(condition)
        return found if ids is None else found.where(is_one_of(table.c.id, ids))

    involved = involvements.c.actor_id
    of_all = actions.join(involvements, involvements.c.record_id == actions.c.of_id)
    of_party = actions.join(parties, its_party).join(involvements, involvements.c.record_id == parties.c.id)
    instruments = memoranda.join(involvements, involvements.c.record_id == memoranda.c.id)
    found = sa.union(
        rows(actions, "all", involved, of_all, is_of_all),
        rows(actions, "one", involved, of_party, ~is_of_all),
        rows(actions, "all", actions.c.party_id, actions, sa.and_(is_of_all, actions.c.party_id.is_not(None))),
        rows(actions, "one", actions.c.party_id, actions, ~is_of_all),
        rows(memoranda, "instrument", involved, instruments, ~is_told),
    ).subquery("found")
    return sa.select(*(found.c[name] for name in _COLUMNS))
