"""Rows of a winter have bounds that cover both of its readings; documents are to be made anew where there were any.

`2021-24` was December 2021 alone. It is December to February, or January, February and December, hence 2021-01-01 to 2022-02-28.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.domain.edtf import NO_END, NO_START, bounds

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WINTERS = ("____-24%", "%/____-24%", '%"____-24%')
"""A winter at the beginning of a date, after a slash, in a JSON array; the 24th of a month is none of these."""
NOT_YET = ("proposed", "draft", "negotiation")
DATED_BY_MEETING = ("participants", "outcomes", "actions")
INVOLVED = {
    "meeting": "meetings",
    "memorandum": "memoranda",
    "participant": "participants",
    "outcome": "outcomes",
    "party": "(SELECT parties.id, date_start FROM parties JOIN memoranda ON memoranda.id = memorandum_id)",
}
"""By the kind of a record in `involvements`, where its first day stands."""


def upgrade() -> None:
    """Derive the dates of these rows again, and what follows from them. All other rows stay as they are."""
    tables = sa.inspect(op.get_bind())
    columns = {name: {column["name"] for column in tables.get_columns(name)} for name in tables.get_table_names()}
    if sum(_corrected(name, columns[name]) for name in columns) == 0:
        return
    for name in DATED_BY_MEETING:
        op.execute(
            f"UPDATE {name} SET date_start = its.date_start, date_end = its.date_end FROM meetings AS its"  # noqa: S608 - names of ours
            f" WHERE its.id = {name}.meeting_id AND {name}.date IS NULL"
            f" AND ({name}.date_start <> its.date_start OR {name}.date_end <> its.date_end)"
        )
    for kind, dated in INVOLVED.items():
        op.execute(
            f"UPDATE involvements SET date_start = dated.date_start FROM {dated} AS dated"  # noqa: S608 - names of ours
            f" WHERE record_kind = '{kind}' AND record_id = dated.id AND involvements.date_start <> dated.date_start"
        )
    # `rapporteur migrate` makes all documents anew where one is missing.
    op.execute("DELETE FROM documents")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO documents_index (documents_index) VALUES ('delete-all')")


def downgrade() -> None:
    """Nothing to undo: the schema is the same."""


def _corrected(name: str, columns: set[str]) -> int:
    """Correct the rows of a table that have a winter, and return how many there are."""
    fields = [field for field in columns if {f"{field}_start", f"{field}_end"} <= columns]
    if "id" not in columns or not fields:
        return 0
    table = sa.table(name, *map(sa.column, columns))
    texts = [*fields, *({"attested"} & columns)]
    winters = sa.or_(*(table.c[text].like(pattern) for text in texts for pattern in WINTERS))
    rows = op.get_bind().execute(sa.select(table).where(winters)).mappings().all()
    for row in rows:
        values = {}
        for field in fields:
            if row[field]:
                values[f"{field}_start"], values[f"{field}_end"] = bounds(row[field])
        values |= _holding({**row, **values}) if "possible_from" in columns else {}
        op.execute(sa.update(table).where(table.c.id == row["id"]).values(values))
    return len(rows)


def _holding(row: dict[str, Any]) -> dict[str, str]:
    """When a row holds, as models derive it from the dates that are in it."""
    if "attested" not in row:
        return _memorandum_holding(row)
    attested = [bounds(date) for date in json.loads(row["attested"] or "[]")]
    ends = [row["since_end"]] if row["since"] else []
    starts = [row[f"{field}_start"] for field in ("since", "until") if row[field]]
    lasts = row["until"] or "title" in row  # a membership without an end stated holds on, a position does not
    return {
        "possible_from": row["since_start"],
        "certain_from": min([*ends, *(each.end for each in attested)], default=NO_END),
        "certain_until": max([*starts, *(each.start for each in attested)], default=NO_START) if lasts else NO_END,
        "possible_until": row["until_end"],
    }


def _memorandum_holding(row: dict[str, Any]) -> dict[str, str]:
    if row["status"] in NOT_YET:
        return {}
    if row["period"]:
        # The days that are certain stay: of a winter, December.
        return {"possible_from": row["period_start"], "possible_until": row["period_end"]}
    return {"possible_from": row["date_start"], "certain_from": row["date_end"], "certain_until": row["date_start"]}
