"""Indexes over what may be absent have entries for what is there alone; documents are to be made anew, with their years."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "actions": (("meeting_id", "date_start"), ("party_id", "date_start")),
    "countries": (("region", "name_key"), ("subregion", "name_key")),
    "meetings": (
        ("city", "date_start"),
        ("country_id", "date_start"),
        ("format", "date_start"),
        ("part_of_id", "date_start"),
        ("series_id", "date_start"),
        ("status", "date_start"),
        ("type", "date_start"),
    ),
    "memoranda": (("city", "date_start"), ("country_id", "date_start"), ("status", "date_start"), ("type", "date_start")),
    "organizations": (
        ("country_id", "name_key"),
        ("parent_id", "name_key"),
        ("seat_country_id", "name_key"),
        ("type", "name_key"),
    ),
    "outcomes": (
        ("made_by_id", "date_start"),
        ("made_to_id", "date_start"),
        ("meeting_id", "date_start"),
        ("status", "date_start"),
        ("subject_id", "date_start"),
    ),
    "participants": (
        ("country_id", "date_start"),
        ("on_behalf_of_id", "date_start"),
        ("organization_id", "date_start"),
        ("person_id", "date_start"),
        ("presence", "date_start"),
        ("rank", "date_start"),
    ),
    "parties": (("signed_by_id",),),
    "positions": (("country_id", "since_start"), ("organization_id", "since_start")),
    "series": (("country_id", "name_key"), ("organization_id", "name_key"), ("parent_id", "name_key")),
    "sources": (("language", "published_start"), ("publisher", "published_start")),
    "topics": (("broader_id", "name_key"),),
}
"""By table, the columns of each before the id."""


NEW = {column: f"ix_citations_{column}_id" for column in ("field", "source_id")}
"""Of filters that had none in the order of the list."""


def upgrade() -> None:
    _make_again(partial=True)
    op.create_index(NEW["source_id"], "citations", ["source_id", "id"])
    there = sa.column("field").is_not(None)
    op.create_index(NEW["field"], "citations", ["field", "id"], sqlite_where=there, postgresql_where=there)
    op.execute("DELETE FROM documents")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO documents_index (documents_index) VALUES ('delete-all')")
    if op.get_bind().dialect.name == "postgresql":
        # Out of the rows, so that whoever looks for a frequent word reads few pages.
        op.execute("ALTER TABLE documents SET (toast_tuple_target = 128)")
        op.execute("ALTER TABLE documents ALTER COLUMN terms SET STORAGE EXTERNAL")


def downgrade() -> None:
    _make_again(partial=False)
    for name in NEW.values():
        op.drop_index(name, "citations")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE documents RESET (toast_tuple_target)")
        op.execute("ALTER TABLE documents ALTER COLUMN terms SET STORAGE EXTENDED")


def _make_again(*, partial: bool) -> None:
    for table, indexes in INDEXES.items():
        for columns in indexes:
            name = op.f("_".join(("ix", table, *columns, "id")))
            op.drop_index(name, table)
            where = sa.column(columns[0]).is_not(None) if partial else None
            op.create_index(name, table, [*columns, "id"], sqlite_where=where, postgresql_where=where)
