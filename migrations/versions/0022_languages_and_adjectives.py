"""Names are shown to readers of a language in any script; countries have adjectives; the search index is emptied.

The search index is emptied because the analyzer gives words other terms now. `rapporteur migrate` fills it again. After a
downgrade, it stays empty until the old version runs `rapporteur migrate` or `rapporteur rebuild`.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.ddl import add_columns, check_now, drop_column, empty_search_entries, set_comment, set_constraint
from app.db.types import Exact

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SHOWN_IN: sa.Column[Any] = sa.Column(
    "shown_in", Exact, comment="the language for which this name is shown; null if another name is"
)
SHOWN: sa.Column[Any] = sa.Column(
    "shown", sa.Boolean(), nullable=False, comment="whether this is the name shown to who asks for its language"
)
TYPES = {
    "official": "the bearer's own full name",
    "short": "a shorter form in common use",
    "acronym": "made of initials",
    "alias": "another printed form",
    "former": "no longer in use",
    "translation": "translated by the registry",
    "transliteration": "transliterated by the registry",
    "as_printed": "a misprint, kept so that it can be found",
    "descriptive": "given by the registry, since the source gives no title",
}
ADJECTIVE = {"adjective": "the adjective of a country: Belarusian, белорусский"}


def upgrade() -> None:
    connection = op.get_bind()
    add_columns(connection, "names", SHOWN_IN, values={})
    connection.execute(sa.text("UPDATE names SET shown_in = language WHERE shown"))
    general = sa.text("UPDATE names SET shown_in = :language WHERE record_id = :record_id AND place = :place")
    for record_id, place, language in _general(connection):
        connection.execute(general, {"record_id": record_id, "place": place, "language": language})
    check_now(connection)
    op.drop_index("ix_names_shown", table_name="names")
    drop_column(connection, "names", "shown")
    _index("ix_names_shown_in", "shown_in", "shown_in IS NOT NULL", "shown_in IS NOT NULL")
    _allow(TYPES | ADJECTIVE)
    _call_adjectives_so(connection)
    empty_search_entries(connection)


def _call_adjectives_so(connection: sa.Connection) -> None:
    """Give adjectives their type back, which the older schema calls aliases: the log has kept it."""
    last = "SELECT max(seq) FROM changes GROUP BY record_id"
    found = f"SELECT record_id, state FROM changes WHERE seq IN ({last}) AND state LIKE '%\"adjective\"%'"  # noqa: S608 - our own text
    typed = sa.text("UPDATE names SET type = 'adjective' WHERE record_id = :record_id AND place = :place AND text = :text")
    for record_id, state in connection.execute(sa.text(found)).all():
        for place, name in enumerate(json.loads(state).get("names", ())):
            if name["type"] == "adjective":
                connection.execute(typed, {"record_id": record_id, "place": place, "text": name["text"]})


def _general(connection: sa.Connection) -> Iterator[tuple[str, int, str]]:
    """Yield the names that are shown for a language as such, because the record has none in that language without a script."""
    rows = connection.execute(sa.text("SELECT record_id, place, language FROM names WHERE shown ORDER BY record_id, place"))
    several: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record_id, place, language in rows:
        several[record_id].append((place, language))
    for record_id, names in several.items():
        taken = {language for _, language in names}
        for place, language in names:
            primary = language.partition("-")[0]
            if primary not in taken:
                taken.add(primary)
                yield record_id, place, primary


def _index(name: str, column: str, on_sqlite: str, on_postgres: str) -> None:
    op.create_index(
        name,
        "names",
        ["record_id", column],
        unique=True,
        sqlite_where=sa.text(on_sqlite),
        postgresql_where=sa.text(on_postgres),
    )


def _allow(types: dict[str, str]) -> None:
    explained = "; ".join(f"`{word}` {what}" for word, what in types.items())
    words = ", ".join(f"'{word}'" for word in types)
    set_constraint(op.get_bind(), "names", "ck_names_type", f'CHECK ("type" IN ({words}))')
    set_comment(op.get_bind(), "names", "type", f"how the name stands to its bearer: {explained}")


def downgrade() -> None:
    connection = op.get_bind()
    op.execute("UPDATE names SET type = 'alias' WHERE type = 'adjective'")
    check_now(connection)
    add_columns(connection, "names", SHOWN, values={"shown": "0"})
    op.execute("UPDATE names SET shown = (shown_in IS NOT NULL)")
    check_now(connection)
    op.drop_index("ix_names_shown_in", table_name="names")
    drop_column(connection, "names", "shown_in")
    _index("ix_names_shown", "language", "shown = 1", "shown")
    _allow(TYPES)
    empty_search_entries(connection)
