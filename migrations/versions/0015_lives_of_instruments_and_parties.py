"""Instruments and parties have lives of their own: acts of joining and leaving, and spans that follow from acts.

`rapporteur migrate` computes the spans afterwards.
"""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, drop_column, set_comment, set_constraint
from app.db.types import Exact

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NO_START, NO_END = "0001-01-01", "9999-12-31"


def upgrade() -> None:
    op.create_table(
        "gaps",
        sa.Column("record_id", Exact, nullable=False, comment="the instrument or party"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the record's gaps, from 0"),
        sa.Column("left_start", Exact, nullable=False, comment="the first day on which it can have begun"),
        sa.Column("left_end", Exact, nullable=False, comment="the last day on which it can have begun"),
        sa.Column("back_start", Exact, nullable=False, comment="the first day on which it can have ended"),
        sa.Column("back_end", Exact, nullable=False, comment="the last day on which it can have ended"),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_gaps_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_gaps")),
        comment="projection: times within the spans of instruments and parties in which nothing held",
        sqlite_with_rowid=False,
    )
    set_comment(
        op.get_bind(),
        "actions",
        "type",
        "what was done: `proposed` it was proposed; `discussed` its draft was discussed; `negotiated` talks towards it were held or agreed; `signed` it was signed; `adopted` a meeting or body adopted it; `approved` one party's authority approved it; `ratified` it was ratified; `accepted` a party accepted it; `acceded` a party acceded to it; `succeeded` a party succeeded to it; `provisionally_applied` it was applied before its entry into force; `entered_into_force` it entered into force; `reviewed` its implementation was discussed; `amended` it was amended; `extended` it was extended; `suspended` it was suspended; `withdrew` a party withdrew from it, or denounced it; `ended` it ended",
    )
    set_constraint(
        op.get_bind(),
        "actions",
        "ck_actions_type",
        "CHECK (\"type\" IN ('proposed', 'discussed', 'negotiated', 'signed', 'adopted', 'approved', 'ratified', 'accepted', 'acceded', 'succeeded', 'provisionally_applied', 'entered_into_force', 'reviewed', 'amended', 'extended', 'suspended', 'withdrew', 'ended'))",
    )
    set_comment(op.get_bind(), "memberships", "certain_until", "the last day on which it surely held")
    never = {"possible_from": NO_END, "certain_from": NO_END, "certain_until": NO_START, "possible_until": NO_START}
    add_columns(
        op.get_bind(),
        "parties",
        sa.Column("possible_from", Exact, nullable=False, comment="the first day on which it can have held"),
        sa.Column("certain_from", Exact, nullable=False, comment="the first day on which it surely held"),
        sa.Column("certain_until", Exact, nullable=False, comment="the last day on which it surely held"),
        sa.Column("possible_until", Exact, nullable=False, comment="the last day on which it can have held"),
        values=never,
    )
    set_comment(
        op.get_bind(),
        "parties",
        "role",
        "how it stands to the instrument: `party` it is between them; `signatory` they signed it and are not, or not yet, a party; `adopter` they adopted it; `sponsor` they sponsored it; `depositary` they keep it",
    )
    set_constraint(
        op.get_bind(),
        "parties",
        "ck_parties_role",
        "CHECK (\"role\" IN ('party', 'signatory', 'adopter', 'sponsor', 'depositary'))",
    )
    set_comment(op.get_bind(), "positions", "certain_until", "the last day on which it surely held")


def downgrade() -> None:
    set_comment(
        op.get_bind(),
        "positions",
        "certain_until",
        "the last day on which it surely held: without an end stated, the last on which a source shows it",
    )
    set_constraint(
        op.get_bind(), "parties", "ck_parties_role", "CHECK (\"role\" IN ('party', 'adopter', 'sponsor', 'depositary'))"
    )
    set_comment(
        op.get_bind(),
        "parties",
        "role",
        "how it stands to the instrument: `party` it is between them; `adopter` they adopted it; `sponsor` they sponsored it; `depositary` they keep it",
    )
    drop_column(op.get_bind(), "parties", "possible_until")
    drop_column(op.get_bind(), "parties", "certain_until")
    drop_column(op.get_bind(), "parties", "certain_from")
    drop_column(op.get_bind(), "parties", "possible_from")
    set_comment(
        op.get_bind(), "memberships", "certain_until", "the last day on which it surely held: without an end stated it holds on"
    )
    set_constraint(
        op.get_bind(),
        "actions",
        "ck_actions_type",
        "CHECK (\"type\" IN ('proposed', 'discussed', 'negotiated', 'signed', 'adopted', 'approved', 'ratified', 'entered_into_force', 'reviewed', 'amended', 'extended', 'ended'))",
    )
    set_comment(
        op.get_bind(),
        "actions",
        "type",
        "what was done: `proposed` it was proposed; `discussed` its draft was discussed; `negotiated` talks towards it were held or agreed; `signed` it was signed; `adopted` a meeting or body adopted it; `approved` one party's authority approved it; `ratified` it was ratified; `entered_into_force` it entered into force; `reviewed` its implementation was discussed; `amended` it was amended; `extended` it was extended; `ended` it ended",
    )
    op.drop_table("gaps")
