"""A hit of a search shows the date that an undated record takes from its meeting or its actions.

`rapporteur migrate` makes the search entries anew, if there are such records.
"""

from alembic import op

from app.db.ddl import empty_search_entries

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UNDATED = "SELECT 1 FROM search_entries WHERE date IS NULL AND (date_start > '0001-01-01' OR date_end < '9999-12-31') LIMIT 1"


def upgrade() -> None:
    if op.get_bind().exec_driver_sql(UNDATED).first() is not None:
        empty_search_entries(op.get_bind())


def downgrade() -> None:
    """Go back: the entries stay as they are; the program before writes those that change."""
