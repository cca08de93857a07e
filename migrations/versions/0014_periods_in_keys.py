"""Periods belong to the identity of memberships and positions; capacities, dates and notes to that of participants and actions.

A unique index on a digest of the natural key replaces the unique indexes on its columns. `memberships.founding` may be empty.
"""

import json
from base64 import urlsafe_b64encode
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, require_none, set_comment, set_nullable
from app.db.types import Exact

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEYS = {
    "positions": ("person", "title", "organization", "country", "since"),
    "memberships": ("of", "member", "status", "since"),
    "participants": ("meeting", "person", "organization", "country", "group", "role", "date", "capacity"),
    "actions": ("of", "type", "date", "meeting", "party", "note"),
}
REFERENCES = {"person", "organization", "country", "of", "member", "meeting", "party"}
BEFORE = {
    "positions": ["person_id", "title", "coalesce(organization_id, '')", "coalesce(country_id, '')"],
    "memberships": ["of_id", "member_id", "status"],
    "participants": [
        "meeting_id",
        "coalesce(person_id, '')",
        "coalesce(organization_id, '')",
        "coalesce(country_id, '')",
        "coalesce(\"group\", '')",
        "role",
    ],
    "actions": ["of_id", "type", "coalesce(date, '')", "coalesce(meeting_id, '')", "coalesce(party_id, '')"],
}
PAGE = 1_000


def upgrade() -> None:
    for table, fields in KEYS.items():
        comment = f"a digest of {', '.join(f'`{field}`' for field in fields)}"
        column = sa.Column("natural_key", Exact, nullable=False, comment=comment)
        op.drop_index(f"uq_{table}_key", table_name=table)
        add_columns(op.get_bind(), table, column, values={"natural_key": ""})
        _fill(table, fields)
        op.create_index(f"uq_{table}_key", table, ["natural_key"], unique=True)
    set_nullable(op.get_bind(), "memberships", "founding", nullable=True)
    op.execute("UPDATE memberships SET founding = NULL WHERE NOT founding")
    check_now(op.get_bind())
    set_comment(op.get_bind(), "memberships", "founding", "whether it is one of the founders, where stated")
    stated = sa.text("founding IS NOT NULL")
    op.create_index(
        op.f("ix_memberships_founding_since_start_id"),
        "memberships",
        ["founding", "since_start", "id"],
        sqlite_where=stated,
        postgresql_where=stated,
    )


def _fill(name: str, fields: tuple[str, ...]) -> None:
    """Compute the digest of each row, a page of rows at a time."""
    columns = [f"{field}_id" if field in REFERENCES else field for field in fields]
    table = sa.table(name, *map(sa.column, ("id", "natural_key", *columns)))
    page = sa.select(table.c.id, *(table.c[column] for column in columns)).order_by(table.c.id).limit(PAGE)
    update = sa.update(table).where(table.c.id == sa.bindparam("its_id")).values(natural_key=sa.bindparam("digest"))
    after = ""
    while rows := op.get_bind().execute(page.where(table.c.id > after)).all():
        digests = [{"its_id": row[0], "digest": _digest(row[1:])} for row in rows]
        op.get_bind().execute(update, digests)
        after = rows[-1][0]
    check_now(op.get_bind())


def _digest(key: "sa.Row[tuple[str, ...]] | tuple[str | None, ...]") -> str:
    text = json.dumps([value or None for value in key], ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=15).digest()).decode()


def downgrade() -> None:
    """Go back. Refused while records stand that only their period, date, capacity or note sets apart."""
    for table, columns in BEFORE.items():
        key = ", ".join(columns)
        same = f"SELECT max(id) FROM {table} GROUP BY {key} HAVING count(*) > 1 ORDER BY max(id)"  # noqa: S608 - our own names
        require_none(op.get_bind(), same, f"the schema before takes only one of several {table} with the same {key}")
    op.drop_index(op.f("ix_memberships_founding_since_start_id"), table_name="memberships")
    op.execute("UPDATE memberships SET founding = false WHERE founding IS NULL")
    check_now(op.get_bind())
    set_nullable(op.get_bind(), "memberships", "founding", nullable=False)
    set_comment(op.get_bind(), "memberships", "founding", "whether it is one of the founders")
    for table, columns in BEFORE.items():
        op.drop_index(f"uq_{table}_key", table_name=table)
        drop_column(op.get_bind(), table, "natural_key")
        parts = [sa.text(column) if "(" in column else column for column in columns]
        op.create_index(f"uq_{table}_key", table, parts, unique=True)
