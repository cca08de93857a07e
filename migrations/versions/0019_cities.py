"""Cities, publishers and regions are found however they are spelled; what took place in several places names each of them."""

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, require_none
from app.db.types import Exact
from app.domain.collation import spelling_key

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SPELLED = (
    ("countries", "region", "name_key"),
    ("countries", "subregion", "name_key"),
    ("meetings", "city", "date_start"),
    ("memoranda", "city", "date_start"),
    ("sources", "publisher", "published_start"),
)
"""(table, field, the column by which lists of the field's records are sorted)."""
PAGE = 1_000


def upgrade() -> None:
    for table, field, order in SPELLED:
        comment = f"`{field}` without case, marks and punctuation, as filters compare it"
        op.drop_index(f"ix_{table}_{field}_{order}_id", table_name=table)
        add_columns(op.get_bind(), table, sa.Column(f"{field}_key", Exact, nullable=True, comment=comment), values={})
        _fill(table, field)
        _index(table, f"{field}_key", order)
    op.create_table(
        "further_places",
        sa.Column("record_id", Exact, nullable=False, comment="what took place there, too"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the further places, from 0"),
        sa.Column("city", sa.String(), nullable=False, comment="the city"),
        sa.Column(
            "city_key", Exact, nullable=True, comment="`city` without case, marks and punctuation, as filters compare it"
        ),
        sa.Column("country_id", Exact, nullable=True, comment="the country it is in, where stated"),
        sa.ForeignKeyConstraint(
            ["country_id"], ["countries.id"], name=op.f("fk_further_places_country_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_further_places_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_further_places")),
        comment="the places of meetings and instruments besides the first",
        sqlite_with_rowid=False,
    )
    for column in ("city_key", "country_id"):
        _index("further_places", column, "record_id")


def _index(table: str, column: str, *order: str) -> None:
    columns = [column, *order] if table == "further_places" else [column, *order, "id"]
    stated = sa.text(f"{column} IS NOT NULL")
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns, sqlite_where=stated, postgresql_where=stated)


def _fill(name: str, field: str) -> None:
    """Compute the key of each row that has the field, a page of rows at a time."""
    table = sa.table(name, *map(sa.column, ("id", field, f"{field}_key")))
    page = sa.select(table.c.id, table.c[field]).where(table.c[field].is_not(None)).order_by(table.c.id).limit(PAGE)
    update = sa.update(table).where(table.c.id == sa.bindparam("its_id")).values({f"{field}_key": sa.bindparam("its_key")})
    after = ""
    while rows := op.get_bind().execute(page.where(table.c.id > after)).all():
        op.get_bind().execute(update, [{"its_id": key, "its_key": spelling_key(text)} for key, text in rows])
        after = rows[-1][0]
    check_now(op.get_bind())


def downgrade() -> None:
    """Go back. Refused while a record has further places."""
    places = "SELECT DISTINCT record_id FROM further_places ORDER BY 1"
    require_none(op.get_bind(), places, "the schema before takes one place of a meeting or an instrument")
    op.drop_table("further_places")
    for table, field, order in SPELLED:
        op.drop_index(f"ix_{table}_{field}_key_{order}_id", table_name=table)
        drop_column(op.get_bind(), table, f"{field}_key")
        _index(table, field, order)
