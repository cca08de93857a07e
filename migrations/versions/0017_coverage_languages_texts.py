"""Records say whether their links are all there are, and in which language their texts are; a source may have several texts.

The digest of a source becomes the first of its texts.
"""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import check_now, drop_column, require_none, set_constraint
from app.db.types import Exact, OneOf

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WITH_LANGUAGE = (
    "actions",
    "meetings",
    "memoranda",
    "organizations",
    "outcomes",
    "participants",
    "people",
    "positions",
    "series",
)
COVERED = (("meetings", "participants"), ("memoranda", "parties"), ("organizations", "members"), ("series", "members"))


def upgrade() -> None:
    op.create_table(
        "source_texts",
        sa.Column("record_id", Exact, nullable=False, comment="the source"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the texts, from 0"),
        sa.Column("sha256", Exact, nullable=False, comment="the SHA-256 of the text, in hexadecimal"),
        sa.Column(
            "form",
            Exact,
            nullable=False,
            comment="what the digest was made of: `retrieved` the file as it was retrieved; `text` a plain text made of it",
        ),
        sa.Column(
            "rule",
            sa.String(),
            nullable=True,
            comment="by which rule the text was made and is divided into paragraphs; empty: blank lines",
        ),
        OneOf("form", ("retrieved", "text"), name=op.f("ck_source_texts_form")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_source_texts_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_source_texts")),
        comment="digests of the texts of sources",
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO source_texts (record_id, place, sha256, form)"
        " SELECT id, 0, sha256, 'retrieved' FROM sources WHERE sha256 IS NOT NULL"
    )
    check_now(op.get_bind())
    op.create_index(op.f("ix_source_texts_sha256_record_id"), "source_texts", ["sha256", "record_id"])
    drop_column(op.get_bind(), "sources", "sha256")
    for table in WITH_LANGUAGE:
        comment = "the language of its texts, BCP 47; empty if not known"
        op.add_column(table, sa.Column("language", Exact, nullable=True, comment=comment))
    for table, links in COVERED:
        comment = (
            f"whether the registry has all its {links}; empty if no source says it:"
            " `complete` a source says that these are all; `partial` a source says that there are more"
        )
        column = f"{links}_coverage"
        op.add_column(table, sa.Column(column, Exact, nullable=True, comment=comment))
        set_constraint(op.get_bind(), table, f"ck_{table}_{column}", f"CHECK (\"{column}\" IN ('complete', 'partial'))")


def downgrade() -> None:
    """Go back. Refused while a source has a text that is not the one as retrieved, or a record says what has no column then."""
    more = "SELECT DISTINCT record_id FROM source_texts WHERE place > 0 OR form <> 'retrieved' OR rule IS NOT NULL ORDER BY 1"
    require_none(op.get_bind(), more, "the schema before takes one text of a source, as retrieved")
    columns = [*((table, "language") for table in WITH_LANGUAGE), *((table, f"{links}_coverage") for table, links in COVERED)]
    for table, column in columns:
        stated = f"SELECT id FROM {table} WHERE {column} IS NOT NULL ORDER BY id"  # noqa: S608 - our own names
        require_none(op.get_bind(), stated, f"the schema before has no {column} of {table}")
    for table, links in COVERED:
        set_constraint(op.get_bind(), table, f"ck_{table}_{links}_coverage", None)
    for table, column in reversed(columns):
        drop_column(op.get_bind(), table, column)
    comment = "the SHA-256 of the document as retrieved, in hexadecimal"
    op.add_column("sources", sa.Column("sha256", Exact, nullable=True, comment=comment))
    op.execute("UPDATE sources SET sha256 = (SELECT sha256 FROM source_texts WHERE record_id = sources.id AND place = 0)")
    op.drop_table("source_texts")
