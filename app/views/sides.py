"""Who belongs to whom: the parts of a country or an organization, what it is a part of, and the people who act for it."""

from typing import Any

import sqlalchemy as sa

from app.db.sql import ids_parameter, is_one_of
from app.models.actors import Organization

organizations: sa.Table = Organization.__table__


def wholes() -> sa.Select[Any]:
    """Return the query for the organizations of which those with the ids in a parameter are parts: (organization, whole)."""
    start = sa.select(organizations.c.id.label("part_id"), organizations.c.parent_id.label("whole_id"))
    start = start.where(is_one_of(organizations.c.id, ids_parameter()), organizations.c.parent_id.is_not(None))
    up = start.cte("up", recursive=True)
    above = sa.select(up.c.part_id, organizations.c.parent_id).join(organizations, organizations.c.id == up.c.whole_id)
    up = up.union(above.where(organizations.c.parent_id.is_not(None)))
    return sa.select(up.c.part_id, up.c.whole_id)
