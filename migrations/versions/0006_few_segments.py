"""SQLite's full-text index holds more before it writes."""

from alembic import op

from app.models.search import HELD, hold

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Hold more."""
    hold(op.get_bind(), HELD)


def downgrade() -> None:
    """Hold what FTS5 holds of itself."""
    hold(op.get_bind(), 1 << 20)
