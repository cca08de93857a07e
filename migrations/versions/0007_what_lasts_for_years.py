"""Indexes of what lasts for years, so that windows of dates need not look through all that was before."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("actions", "meetings", "memoranda", "outcomes", "participants")
LASTS_FOR_YEARS = (
    "CAST(substr(date_end, 1, 4) AS INTEGER) - CAST(substr(date_start, 1, 4) AS INTEGER) > 1 AND date_start > '0001-01-01'"
)


def upgrade() -> None:
    """Make them."""
    lasting = sa.text(LASTS_FOR_YEARS)
    for table in TABLES:
        name = op.f(f"ix_{table}_date_start_date_end")
        op.create_index(name, table, ["date_start", "date_end"], sqlite_where=lasting, postgresql_where=lasting)


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.drop_index(op.f(f"ix_{table}_date_start_date_end"), table)
