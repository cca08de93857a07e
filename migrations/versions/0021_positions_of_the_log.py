"""Each change has a digest, by which followers of the log notice a restore; records can be erased."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, set_comment, set_constraint
from app.db.types import Exact

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = ("create", "replace", "patch", "delete", "merge", "restore")
DIGEST: sa.Column[Any] = sa.Column(
    "digest",
    Exact,
    nullable=False,
    comment="eight random hexadecimal digits: after a restore, another change at this place has others",
)
RANDOM = {"sqlite": "lower(hex(randomblob(4)))", "postgresql": "left(md5(gen_random_uuid()::text), 8)"}
STATE = "the record's content after it, as in the exchange format; null when deleted"


def upgrade() -> None:
    add_columns(op.get_bind(), "changes", DIGEST, values={"digest": ""})
    op.execute(f"UPDATE changes SET digest = {RANDOM[op.get_bind().dialect.name]}")  # noqa: S608 - our own expressions
    check_now(op.get_bind())
    _allow(*BEFORE, "erase")
    op.execute("UPDATE changes SET operation = 'erase', into_id = NULL WHERE operation = 'delete' AND into_id = record_id")
    check_now(op.get_bind())
    set_comment(op.get_bind(), "changes", "state", f"{STATE} or erased")


def _allow(*operations: str) -> None:
    words = ", ".join(f"'{each}'" for each in operations)
    set_constraint(op.get_bind(), "changes", "ck_changes_operation", f'CHECK ("operation" IN ({words}))')


def downgrade() -> None:
    """Go back. Erased records count as deleted until the next upgrade, which tells them by `into_id`: their own id."""
    op.execute("UPDATE changes SET operation = 'delete', into_id = record_id WHERE operation = 'erase'")
    check_now(op.get_bind())
    _allow(*BEFORE)
    set_comment(op.get_bind(), "changes", "state", STATE)
    drop_column(op.get_bind(), "changes", "digest")
