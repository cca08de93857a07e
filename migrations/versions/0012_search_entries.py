"""The table of search entries has the name that everything else uses for them."""

from alembic import op

from app.db.ddl import rename_table

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

HELD = 1 << 24
"""Bytes that the full-text index keeps in memory before it writes a segment."""


def upgrade() -> None:
    _rename("documents", "search_entries")


def downgrade() -> None:
    _rename("search_entries", "documents")


def _rename(old: str, new: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        rename_table(op.get_bind(), old, new)
        return
    # FTS5 names the table of its content in its own definition, so the index is made again.
    op.execute(f"DROP TABLE {old}_index")
    rename_table(op.get_bind(), old, new)
    op.execute(
        f"CREATE VIRTUAL TABLE {new}_index USING fts5"
        f"(terms, content='{new}', content_rowid='docid', tokenize=\"ascii tokenchars '-@#=~|'\")"
    )
    op.execute(f"INSERT INTO {new}_index ({new}_index, rank) VALUES ('hashsize', {HELD})")  # noqa: S608 - a number of ours
    op.execute(f"INSERT INTO {new}_index ({new}_index) VALUES ('rebuild')")  # noqa: S608 - a name of ours
