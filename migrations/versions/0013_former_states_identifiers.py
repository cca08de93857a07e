"""Former states, and identifiers that can be asked for.

A country may have no numeric code, a time in which it existed, and successors. Identifiers have one normal form and an index, and
search finds them.
"""

import re

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, drop_column, empty_search_entries, require_none, set_comment, set_constraint, set_nullable
from app.db.types import Exact

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NO_START, NO_END = "0001-01-01", "9999-12-31"
ADDRESSES = {
    "wikidata": r"https?://(?:www\.)?wikidata\.org/(?:wiki|entity)/(?:Special:EntityPage/)?",
    "ror": r"(?:https?://)?(?:www\.)?ror\.org/",
    "doi": r"(?:https?://)?(?:dx\.)?doi\.org/",
}
CASES = {"wikidata": str.upper, "ror": str.lower, "doi": str.lower}


def upgrade() -> None:
    op.create_table(
        "country_successors",
        sa.Column("record_id", Exact, nullable=False, comment="the former state"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the successors, from 0"),
        sa.Column("successor_id", Exact, nullable=False, comment="a state that succeeded it"),
        sa.ForeignKeyConstraint(
            ["record_id"], ["countries.id"], name=op.f("fk_country_successors_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["successor_id"],
            ["countries.id"],
            name=op.f("fk_country_successors_successor_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_country_successors")),
        comment="the states that succeeded former states",
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_country_successors_successor_id_record_id"), "country_successors", ["successor_id", "record_id"], unique=False
    )
    order = sa.Computed(f"CASE WHEN since_start = '{NO_START}' THEN '{NO_END}' ELSE since_start END", persisted=True)
    add_columns(
        op.get_bind(),
        "countries",
        sa.Column("since", Exact, comment="since when, where stated (EDTF)"),
        _day("since_start", f"the earliest day that `since` can mean; {NO_START} for none"),
        _day("since_end", f"the latest day that `since` can mean; {NO_END} for none"),
        sa.Column(
            "since_order", Exact, order, nullable=False, comment="`since_start` for ascending order, where none comes last"
        ),
        sa.Column("until", Exact, comment="until when, where stated (EDTF)"),
        _day("until_start", f"the earliest day that `until` can mean; {NO_START} for none"),
        _day("until_end", f"the latest day that `until` can mean; {NO_END} for none"),
        values={"since_start": NO_START, "since_end": NO_END, "until_start": NO_START, "until_end": NO_END},
    )
    set_nullable(op.get_bind(), "countries", "numeric", nullable=True)
    for code in ("alpha_3", "numeric"):
        set_constraint(op.get_bind(), "countries", f"uq_countries_{code}", None)
        op.create_index(f"uq_countries_{code}", "countries", [code, sa.literal_column("coalesce(until, '')")], unique=True)
    _say("ISO 3166 alpha-3 code", "ISO 3166 numeric code", "states, by ISO 3166-1 and, if they are no more, ISO 3166-3")
    op.drop_index(op.f("ix_identifiers_scheme"), table_name="identifiers")
    if op.get_bind().dialect.name == "postgresql":
        for column in ("scheme", "identifier"):
            op.execute(f'ALTER TABLE identifiers ALTER COLUMN {column} TYPE VARCHAR COLLATE "C"')
    _normalize()
    op.create_index(op.f("ix_identifiers_identifier_scheme"), "identifiers", ["identifier", "scheme"], unique=False)


def _day(name: str, comment: str) -> "sa.Column[str]":
    return sa.Column(name, Exact, nullable=False, comment=comment)


def _say(alpha_3: str, numeric: str, table: str) -> None:
    set_comment(op.get_bind(), "countries", "alpha_3", alpha_3)
    set_comment(op.get_bind(), "countries", "numeric", numeric)
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment("countries", table)


def _normalize() -> None:
    """Give all identifiers their normal form. If there are any, `rapporteur migrate` makes the search index anew."""
    table = sa.table("identifiers", *map(sa.column, ("record_id", "place", "scheme", "identifier")))
    rows = op.get_bind().execute(sa.select(table)).all()
    for record_id, place, scheme, identifier in rows:
        normal_scheme = re.sub(r"[\s_]+", "-", scheme.strip()).lower()
        normal = re.sub(ADDRESSES.get(normal_scheme, "(?!)"), "", identifier.strip(), count=1, flags=re.IGNORECASE)
        normal = CASES.get(normal_scheme, str)(normal)
        if (scheme, identifier) != (normal_scheme, normal):
            its = sa.update(table).where(table.c.record_id == record_id, table.c.place == place)
            op.get_bind().execute(its.values(scheme=normal_scheme, identifier=normal))
    if rows:
        empty_search_entries(op.get_bind())


def downgrade() -> None:
    """Go back. Refused while there are former states, or countries with other values that the old schema cannot hold."""
    require_none(
        op.get_bind(),
        "SELECT id FROM countries WHERE length(id) <> 2 OR numeric IS NULL OR since IS NOT NULL OR until IS NOT NULL"
        " OR id IN (SELECT record_id FROM country_successors) ORDER BY id",
        "the schema before has no place for former states, for countries without a numeric code, or for since, until and successors",
    )
    op.drop_index(op.f("ix_identifiers_identifier_scheme"), table_name="identifiers")
    if op.get_bind().dialect.name == "postgresql":
        for column in ("scheme", "identifier"):
            op.execute(f'ALTER TABLE identifiers ALTER COLUMN {column} TYPE VARCHAR COLLATE "default"')
    op.create_index(op.f("ix_identifiers_scheme"), "identifiers", ["scheme", "identifier"], unique=False)
    set_nullable(op.get_bind(), "countries", "numeric", nullable=False)
    for code in ("alpha_3", "numeric"):
        op.drop_index(f"uq_countries_{code}", table_name="countries")
        set_constraint(op.get_bind(), "countries", f"uq_countries_{code}", f"UNIQUE ({code})")
    _say("ISO 3166-1 alpha-3 code", "ISO 3166-1 numeric code", "states, by ISO 3166-1")
    for column in ("until_end", "until_start", "until", "since_order", "since_end", "since_start", "since"):
        drop_column(op.get_bind(), "countries", column)
    op.drop_index(op.f("ix_country_successors_successor_id_record_id"), table_name="country_successors")
    op.drop_table("country_successors")
