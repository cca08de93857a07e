"""The order of the ranks of offices."""

from typing import Any

import sqlalchemy as sa

from app.db.sql import literal
from app.domain.vocabulary import Rank


def place_of_rank(rank: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Return SQL for the place of a rank: 0 for the highest. Without a rank, the place is behind all of them."""
    places: list[tuple[Any, Any]] = [(rank == literal(each), sa.literal_column(str(place))) for place, each in enumerate(Rank)]
    return sa.case(*places, else_=sa.literal_column(str(len(places))))
