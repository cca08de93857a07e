"""Selects the names of records in the requested language."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.db.sql import Encode, matches_one_of, rank_in
from app.db.types import Exact
from app.models.records import Name

names: sa.Table = Name.__table__


def name_in(owner: sa.ColumnElement[Any], own: sa.ColumnElement[Any], languages: int) -> sa.ColumnElement[str]:
    """Return the SQL for the record's name in the requested language, or for its main name `own` if it has no such name.

    If several languages are requested, the first one in which the record has a name is used. `languages`: 0 if no language was
    requested, 1 for one, 2 for several.
    """
    if not languages:
        return own
    shown = names.alias("shown")
    found = sa.select(shown.c.text).where(shown.c.record_id == owner)
    if languages == 1:
        found = found.where(shown.c.shown_in == sa.bindparam("language", type_=Exact))
    else:
        wanted = sa.bindparam("languages", type_=sa.ARRAY(Exact))
        found = found.where(matches_one_of(shown.c.shown_in, wanted)).order_by(rank_in(shown.c.shown_in, wanted))
        found = found.limit(sa.literal_column("1"))
    return sa.func.coalesce(found.correlate_except(shown).scalar_subquery(), own)


def language_parameters(languages: Sequence[str], encode: Encode) -> dict[str, Any]:
    """Return the languages as bind parameters of a statement that uses `name_in`."""
    if not languages:
        return {}
    if len(languages) == 1:
        return {"language": languages[0]}
    return {"languages": encode(languages)}
