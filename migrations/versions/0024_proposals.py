"""Proposals of records wait for decisions; the log says who had proposed what was written."""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, drop_column
from app.db.types import Exact, Instant, OneOf

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

PROPOSED_BY = "the name of the key that had proposed it; empty if nobody had"


def upgrade() -> None:
    op.create_table(
        "proposals",
        sa.Column("id", Exact, nullable=False, comment="its id, a UUIDv7"),
        sa.Column("key_id", Exact, nullable=False, comment="the key that proposed it"),
        sa.Column("at", Instant(), nullable=False, comment="when it was proposed (RFC 3339, UTC)"),
        sa.Column(
            "digest",
            Exact,
            nullable=False,
            comment="the digest of what was sent: the same from the same key is the same proposal",
        ),
        sa.Column("title", sa.String(), nullable=True, comment="what it is about; empty once it is erased"),
        sa.Column(
            "by", sa.String(), nullable=True, comment="who made it, in the words of the proposer; empty once it is erased"
        ),
        sa.Column("documents", Exact, nullable=False, comment="the ids of the documents that it rests on, a JSON array"),
        sa.Column(
            "status",
            Exact,
            nullable=False,
            comment="what became of it: `open` it waits for decisions; `applied` what was accepted of it is written; `rejected`"
            " nothing of it was accepted; `withdrawn` who made it took it back",
        ),
        sa.Column("version", sa.Integer(), nullable=False, comment="rises with each decision"),
        sa.Column("transaction", Exact, nullable=True, comment="the transaction in the log that wrote what was accepted"),
        OneOf("status", ("open", "applied", "rejected", "withdrawn"), name=op.f("ck_proposals_status")),
        sa.ForeignKeyConstraint(
            ["key_id"], ["keys.id"], name=op.f("fk_proposals_key_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
        comment="proposals of records, which wait for decisions; private, and no records",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_proposals_key_id_digest"), "proposals", ["key_id", "digest"], unique=False)
    op.create_index(op.f("ix_proposals_status_id"), "proposals", ["status", "id"], unique=False)
    op.create_table(
        "proposed_records",
        sa.Column("proposal_id", Exact, nullable=False, comment="the proposal"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place in the proposal, from 1"),
        sa.Column("line", sa.String(), nullable=True, comment="the record in the exchange format; empty once it is erased"),
        sa.Column("correction", sa.String(), nullable=True, comment="the record as a reviewer corrected it"),
        sa.Column(
            "decision",
            Exact,
            nullable=False,
            comment="what was decided on it: `pending` nothing yet; `accepted` it is to be written as it was proposed;"
            " `corrected` it is to be written as it was corrected; `rejected` it is not to be written",
        ),
        sa.Column(
            "seen",
            sa.Integer(),
            nullable=False,
            comment="the version of the stored record that was compared with it; 0 if there was none",
        ),
        sa.Column("seen_id", Exact, nullable=True, comment="the id of that record; empty if there was none"),
        sa.Column(
            "is_alone", sa.Boolean(), nullable=False, comment="whether it was decided on by itself, and not with all others"
        ),
        sa.Column(
            "is_told_apart",
            sa.Boolean(),
            nullable=False,
            comment="whether the reviewer said that it is not the record that it resembles",
        ),
        sa.Column("reason", sa.String(), nullable=True, comment="why it was rejected or corrected"),
        sa.Column("decided_by", sa.String(), nullable=True, comment="the name of the key that decided"),
        sa.Column("decided_at", Instant(), nullable=True, comment="when it was decided (RFC 3339, UTC)"),
        OneOf("decision", ("pending", "accepted", "corrected", "rejected"), name=op.f("ck_proposed_records_decision")),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_proposed_records_proposal_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("proposal_id", "place", name=op.f("pk_proposed_records")),
        comment="the records of proposals",
        sqlite_with_rowid=False,
    )
    proposed_by = sa.Column("proposed_by", sa.String(), nullable=True, comment=PROPOSED_BY)
    add_columns(op.get_bind(), "changes", proposed_by, values={})


def downgrade() -> None:
    drop_column(op.get_bind(), "changes", "proposed_by")
    op.drop_table("proposed_records")
    op.drop_index(op.f("ix_proposals_status_id"), table_name="proposals")
    op.drop_index(op.f("ix_proposals_key_id_digest"), table_name="proposals")
    op.drop_table("proposals")
