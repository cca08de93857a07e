"""SQLite's full-text index holds more before it writes."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Hold more."""
    hold(1 << 24)


def downgrade() -> None:
    """Hold what FTS5 holds of itself."""
    hold(1 << 20)


def hold(size: int) -> None:
    """Set how many bytes the index keeps in memory before it writes a segment."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"INSERT INTO documents_index (documents_index, rank) VALUES ('hashsize', {size})")  # noqa: S608 - a number of ours
