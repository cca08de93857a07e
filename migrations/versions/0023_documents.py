"""Documents are kept to prove quotes; sources are found by their address; keys may propose."""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, set_comment
from app.db.types import Exact, Instant, OneOf
from app.domain.texts import address_digest

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "documents",
        sa.Column("id", Exact, nullable=False, comment="its id, a UUIDv7"),
        sa.Column("key_id", Exact, nullable=False, comment="the key that sent it"),
        sa.Column("at", Instant(), nullable=False, comment="when it was sent (RFC 3339, UTC)"),
        sa.Column("sha256", Exact, nullable=False, comment="the SHA-256 of what was sent, in hexadecimal"),
        sa.Column("text_sha256", Exact, nullable=False, comment="the SHA-256 of the text made from it"),
        sa.Column(
            "form",
            Exact,
            nullable=False,
            comment="the form in which it was sent: `plain` plain text; `markdown` Markdown; `html` a page in HTML",
        ),
        sa.Column("rule", sa.String(), nullable=False, comment="the rule by which it was divided into paragraphs"),
        sa.Column("url", sa.String(), nullable=True, comment="where it stands"),
        sa.Column("retrieved", Exact, nullable=True, comment="when it was retrieved (EDTF)"),
        sa.Column("language", Exact, nullable=True, comment="its language, BCP 47"),
        sa.Column(
            "title", sa.String(), nullable=True, comment="the title that the page gives itself; empty once its text is removed"
        ),
        sa.Column(
            "text",
            sa.String(),
            nullable=True,
            comment="the text made from it, with blank lines between paragraphs; empty once it is removed",
        ),
        OneOf("form", ("plain", "markdown", "html"), name=op.f("ck_documents_form")),
        sa.ForeignKeyConstraint(
            ["key_id"], ["keys.id"], name=op.f("fk_documents_key_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        comment="texts of documents, to prove quotes; private, and no records",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_documents_key_id_id"), "documents", ["key_id", "id"], unique=False)
    op.create_index(op.f("ix_documents_sha256_key_id_id"), "documents", ["sha256", "key_id", "id"], unique=False)
    op.create_index(op.f("ix_documents_text_sha256_id"), "documents", ["text_sha256", "id"], unique=False)
    set_comment(op.get_bind(), "keys", "scopes", "what it may do: a JSON array of `propose`, `write` and `admin`")
    add_columns(
        op.get_bind(),
        "sources",
        sa.Column("url_digest", Exact, nullable=True, comment="the digest of `url`, by which equal addresses are found"),
        values={},
    )
    _fill(op.get_bind())
    check_now(op.get_bind())
    stated = sa.text("url_digest IS NOT NULL")
    op.create_index("ix_sources_url_digest_id", "sources", ["url_digest", "id"], sqlite_where=stated, postgresql_where=stated)


def _fill(connection: sa.Connection) -> None:
    update = sa.text("UPDATE sources SET url_digest = :digest WHERE id = :id")
    addresses = connection.execute(sa.text("SELECT id, url FROM sources WHERE url IS NOT NULL")).all()
    rows = [{"id": source_id, "digest": address_digest(url)} for source_id, url in addresses]
    if rows:
        connection.execute(update, rows)


def downgrade() -> None:
    op.drop_index("ix_sources_url_digest_id", table_name="sources")
    drop_column(op.get_bind(), "sources", "url_digest")

    set_comment(op.get_bind(), "keys", "scopes", "what it may do: a JSON array of `write` and `admin`")
    op.drop_index(op.f("ix_documents_text_sha256_id"), table_name="documents")
    op.drop_index(op.f("ix_documents_sha256_key_id_id"), table_name="documents")
    op.drop_index(op.f("ix_documents_key_id_id"), table_name="documents")
    op.drop_table("documents")
