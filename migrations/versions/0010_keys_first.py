"""On SQLite the primary key is the first column of tables without row ids.

`PRAGMA integrity_check` of SQLite 3.40 otherwise says of each of their rows that values are null where none is.
"""

from alembic import op

from app.db.ddl import key_first, rebuild

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = (
    "actions",
    "citations",
    "countries",
    "meetings",
    "memberships",
    "memoranda",
    "organizations",
    "outcomes",
    "participants",
    "parties",
    "people",
    "positions",
    "relations",
    "series",
    "sources",
    "topics",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            rebuild(op.get_bind(), table, key_first)


def downgrade() -> None:
    """Nothing to undo: the order of columns means nothing."""
