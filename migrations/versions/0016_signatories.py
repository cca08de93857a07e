"""A party may have several signatories, each a person, a capacity, or both. They replace `parties.signed_by_id`.

Participants may be expected.
"""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, require_none, set_comment, set_constraint
from app.db.types import Exact

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SIGNED_BY = "ix_parties_signed_by_id_id"
WORDS = {
    "in_person": "was there",
    "remote": "took part by remote connection",
    "represented": "was represented by somebody else",
    "invited": "was invited; coming is not stated",
    "expected": "was announced; coming is not stated",
    "absent": "did not come",
}
FOREIGN_KEY = "fk_parties_signed_by_id"


def upgrade() -> None:
    op.create_table(
        "signatories",
        sa.Column("record_id", Exact, nullable=False, comment="the party for which they signed"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the signatories, from 0"),
        sa.Column("person_id", Exact, nullable=True, comment="who signed"),
        sa.Column("capacity", sa.String(), nullable=True, comment="the capacity in which they signed, as printed"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_signatories_person_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_signatories_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_signatories")),
        comment="who signed instruments for their parties",
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO signatories (record_id, place, person_id)"
        " SELECT id, 0, signed_by_id FROM parties WHERE signed_by_id IS NOT NULL"
    )
    check_now(op.get_bind())
    stated = sa.text("person_id IS NOT NULL")
    op.create_index(
        op.f("ix_signatories_person_id_record_id"),
        "signatories",
        ["person_id", "record_id"],
        sqlite_where=stated,
        postgresql_where=stated,
    )
    op.drop_index(op.f(SIGNED_BY), table_name="parties")
    set_constraint(op.get_bind(), "parties", FOREIGN_KEY, None)
    drop_column(op.get_bind(), "parties", "signed_by_id")
    _set_presence(*WORDS.items())


def _set_presence(*words: tuple[str, str]) -> None:
    comment = "; ".join(f"`{word}` {explanation}" for word, explanation in words)
    set_comment(op.get_bind(), "participants", "presence", f"how they were there: {comment}")
    listed = ", ".join(f"'{word}'" for word, _ in words)
    set_constraint(op.get_bind(), "participants", "ck_participants_presence", f'CHECK ("presence" IN ({listed}))')


def downgrade() -> None:
    """Go back. Refused while a party has several signatories, or one without a person or with a capacity.

    Refused also while a participant is expected.
    """
    expected = "SELECT id FROM participants WHERE presence = 'expected' ORDER BY id"
    require_none(op.get_bind(), expected, "the schema before has no presence `expected`")
    _set_presence(*(each for each in WORDS.items() if each[0] != "expected"))
    more = "SELECT DISTINCT record_id FROM signatories WHERE place > 0 OR person_id IS NULL OR capacity IS NOT NULL ORDER BY 1"
    require_none(op.get_bind(), more, "the schema before takes one signatory of a party, a person without a capacity")
    signed_by = sa.Column("signed_by_id", Exact, nullable=True, comment="who signed for it")
    add_columns(op.get_bind(), "parties", signed_by, values={})
    op.execute(
        "UPDATE parties SET signed_by_id ="
        " (SELECT person_id FROM signatories WHERE signatories.record_id = parties.id AND signatories.place = 0)"
    )
    check_now(op.get_bind())
    people = "FOREIGN KEY(signed_by_id) REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED"
    set_constraint(op.get_bind(), "parties", FOREIGN_KEY, people)
    stated = sa.text("signed_by_id IS NOT NULL")
    op.create_index(op.f(SIGNED_BY), "parties", ["signed_by_id", "id"], sqlite_where=stated, postgresql_where=stated)
    op.drop_table("signatories")
