"""The ledger reads the acts of an actor by date: `ledger_entries`, which `rapporteur migrate` fills afterwards."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Exact, OneOf

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("actor_id", Exact, nullable=False, comment="whom it concerns"),
        sa.Column(
            "entry_kind",
            Exact,
            nullable=False,
            comment="what it is: `all`: an action that concerns all sides; `one`: one side's own; `instrument`: one that no action"
            " tells of",
        ),
        sa.Column("date_start", Exact, nullable=False, comment="its first day"),
        sa.Column("entry_id", Exact, nullable=False, comment="the action or the instrument"),
        OneOf("entry_kind", ("all", "one", "instrument"), name=op.f("ck_ledger_entries_entry_kind")),
        sa.PrimaryKeyConstraint("actor_id", "entry_kind", "date_start", "entry_id", name=op.f("pk_ledger_entries")),
        comment="projection: the acts of instruments, outcomes and meetings, by the actors whom they concern",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_entries_entry_id_actor_id"), "ledger_entries", ["entry_id", "actor_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_ledger_entries_entry_id_actor_id"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
