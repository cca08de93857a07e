"""What the schema promises by itself: migrations that make the models' tables, and constraints that hold without us."""

import re
import socket
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
import uvicorn
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from click.testing import CliRunner
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, StatementError

from app.cli import main
from app.db.ddl import changing, rename_column, set_constraint
from app.db.engine import create_engine, sqlite_path
from app.db.full_text import HELD, INDEX
from app.db.schema import alembic_config, migrate, newest_revision
from app.db.types import Instant, one_of
from app.domain import edtf
from app.errors import OperatorError
from app.models import Base
from tests.conftest import Bare, Database, Fresh, run_command
from tests.postgres import free_port

EARLY = (Path(__file__).parent / "releases" / "0.1.0" / "export.ndjson").read_text(encoding="utf-8").splitlines()
"""What a registry of release 0.1.0 exported, which every schema since can hold."""
TABLES = Base.metadata.sorted_tables
Row = dict[str, Any]


@pytest.fixture
def loaded(database: Database) -> Database:
    """A database of the test's own with the first data set."""
    database.seed()
    return database


@pytest.fixture
def early(database: Database) -> Database:
    """A database with what every schema since release 0.1.0 can hold."""
    database.load(*EARLY)
    return database


@pytest.fixture
def two_engines(bare: Bare) -> Iterator[tuple[Engine, Engine]]:
    """A database that the migrations made, and one made from the models."""
    migrated, modelled = bare(), bare()
    migrate(migrated)
    engines = create_engine(migrated), create_engine(modelled)
    with engines[1].begin() as connection:
        Base.metadata.create_all(connection)
    yield engines
    for engine in engines:
        engine.dispose()


def run(*words: str, url: str) -> tuple[int, str]:
    """Run `rapporteur` in this process: exit code and all that it said."""
    result = CliRunner().invoke(main, words, env={"RAPPORTEUR_DATABASE_URL": url})
    return result.exit_code, result.output


def one_behind() -> str:
    """The revision before the newest."""
    script = ScriptDirectory.from_config(alembic_config(""))
    head = script.get_current_head()
    assert head == newest_revision()
    before = script.get_revision(head).down_revision
    assert isinstance(before, str)
    return before


# -- migrations ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_leave_nothing_that_alembic_would_change(bare: Bare) -> None:
    url = bare()
    migrate(url)
    command.check(alembic_config(url))
    migrated = create_engine(url)
    with migrated.begin() as connection:
        connection.execute(sa.text("ALTER TABLE people DROP COLUMN summary"))
    migrated.dispose()
    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(alembic_config(url))


def _folded(sql: str | None) -> str:
    return " ".join((sql or "").replace('"', "").split())


def _structure_of_sqlite(connection: Connection) -> set[str]:
    """What alembic does not compare too: CHECKs, deferral, expressions in indexes, tables keyed by their id."""
    found = set()
    for kind, name, sql in connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master"):
        if name == "alembic_version":
            continue
        if kind == "index":
            found.add(_folded(sql))
        else:
            start, end = sql.index("("), sql.rindex(")")
            parts = _parts(sql[start + 1 : end])
            found |= {f"{name}: {_folded(part)}" for part in parts} | {f"{name}: {_folded(sql[end + 1 :])}"}
    return found


def _parts(sql: str) -> list[str]:
    """What stands between the commas that are in no parentheses."""
    depth, parts = 0, [""]
    for letter in sql:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _structure_of_postgres(connection: Connection) -> set[str]:
    """As Postgres itself says it, comments too."""
    indexes = "SELECT tablename || ': ' || indexdef FROM pg_indexes WHERE schemaname = 'public'"
    constraints = (
        "SELECT conrelid::regclass || ': ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace"
    )
    columns = (
        "SELECT concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " l.collname, a.attgenerated, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
        " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
        " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace"
    )
    tables = (
        "SELECT concat(relname, ': ', obj_description(oid)) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    queries = (indexes, constraints, columns, tables)
    rows = {str(row) for query in queries for row in connection.exec_driver_sql(query).scalars()}
    return {row for row in rows if "alembic_version" not in row}


def test_migrations_make_to_the_letter_what_the_models_declare(two_engines: tuple[Engine, Engine]) -> None:
    structures = []
    for engine in two_engines:
        with engine.connect() as connection:
            read = _structure_of_sqlite if engine.dialect.name == "sqlite" else _structure_of_postgres
            structures.append(read(connection))
    migrated, modelled = structures
    assert len(modelled) > 300
    assert sorted(migrated - modelled) == []
    assert sorted(modelled - migrated) == []


def _rows(database: Database) -> dict[str, list[Row]]:
    """All rows of all tables, in an order of their own."""
    metadata = sa.MetaData()
    with database.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        for name in (name for name in names if name != "alembic_version" and not name.startswith(INDEX)):
            sa.Table(
                name,
                metadata,
                *(sa.Column(column["name"], sa.types.NullType()) for column in sa.inspect(connection).get_columns(name)),
            )
        found = {
            table.name: [
                {name: value for name, value in row.items() if name != "digest" or table.name != "changes"}  # made at random
                for row in connection.execute(sa.select(table)).mappings()
            ]
            for table in metadata.sorted_tables
        }
        return {name: sorted(rows, key=lambda row: repr(sorted(row.items()))) for name, rows in found.items()}


def test_the_full_text_index_holds_much_before_it_writes(bare: Bare, kind_of_database: str) -> None:
    if kind_of_database != "sqlite":
        pytest.skip("Postgres keeps its index itself")
    engine = create_engine(url := bare())
    for move, revision, index, size in (
        (command.upgrade, "head", INDEX, HELD),
        (command.downgrade, "0005", "documents_index", 1 << 20),
        (command.upgrade, "head", INDEX, HELD),
    ):
        move(alembic_config(url), revision)
        with engine.connect() as connection:
            assert connection.scalar(sa.text(f"SELECT v FROM {index}_config WHERE k = 'hashsize'")) == size
    engine.dispose()


def _is_old(row: Row) -> bool:
    """Whether the program before computed such a row: it knew no involvements in memberships."""
    return row.get("record_kind") != "membership"


def test_down_past_the_last_new_table_and_up_keeps_the_data_of_all_others(early: Database) -> None:
    before = _rows(early)
    command.downgrade(alembic_config(early.url), "0003")
    down = _rows(early)
    kept = before.keys() & down.keys()
    assert {"records", "changes", "meetings", "participants", "citations", "names", "involvements"} <= kept
    assert down != before
    assert run("migrate", url=early.url)[0] == 0
    up = _rows(early)
    assert up.keys() == before.keys()
    for name in kept:
        assert up[name] == [{column: row[column] for column in up[name][0]} for row in before[name]] if up[name] else True
        if down[name]:
            both = down[name][0].keys() & before[name][0].keys() - {"founding"}  # it was false where no source says it
            assert both >= {"id"} or name not in ("records", "meetings")
            shared = [
                sorted(({key: row[key] for key in sorted(both)} for row in rows[name] if _is_old(row)), key=repr)
                for rows in (down, before)
            ]
            assert shared[0] == shared[1]


WINTERS = (
    '{"kind":"organization","id":"wintry","name":"Wintry","country":"BY","founded":"1999-24","dissolved":"2020-24?"}',
    '{"kind":"series","id":"winters","name":"Winters","since":"2001-24%","until":"2003-24"}',
    '{"kind":"source","id":"in-winter","title":"In winter","published":"2021-24"}',
    '{"kind":"meeting","id":"winter-talks","name":"Winter talks","date":"2021-24"}',
    '{"kind":"meeting","id":"long-winter-talks","name":"Long winter talks","date":"2021-11-24/2023-24~"}',
    '{"kind":"meeting","id":"talks-on-the-24th","name":"Talks on the 24th","date":"2021-10-24/2021-12-24"}',
    '{"kind":"participant","meeting":"winter-talks","organization":"wintry","role":"delegate"}',
    '{"kind":"participant","meeting":"long-winter-talks","person":"ivanov","role":"delegate","date":"2023-24"}',
    '{"kind":"memorandum","id":"winter-memorandum","name":"Winter memorandum","status":"signed","date":"2021-24~"}',
    '{"kind":"memorandum","id":"two-winters","name":"Two winters","date":"2021-24","period":"2021-24/2023-24?"}',
    '{"kind":"memorandum","id":"winter-draft","name":"Winter draft","status":"draft","date":"2021-24","period":"2021-24"}',
    '{"kind":"party","memorandum":"two-winters","party":"wintry","role":"party"}',
    '{"kind":"action","of":"winter-memorandum","type":"signed","meeting":"winter-talks"}',
    '{"kind":"action","of":"two-winters","type":"signed","date":"2021-24"}',
    '{"kind":"outcome","id":"winter-pledge","name":"Pledge","type":"understanding","meeting":"winter-talks","period":"2022-24"}',
    '{"kind":"outcome","id":"winter-gift","name":"Winter gift","type":"pledge","date":"2021-24","made_by":"wintry"}',
    '{"kind":"position","person":"ivanov","title":"Keeper of winters","since":"2021-24","until":"2023-24"}',
    '{"kind":"position","person":"ivanov","title":"Friend","attested":["2022-01-24","2021-24","2022/2023-24~"]}',
    '{"kind":"membership","of":"winters","member":"BY","status":"full","since":"2001-24","attested":["2001-12-24","2002-24"]}',
    '{"kind":"membership","of":"winters","member":"wintry","status":"full","until":"2003-24%"}',
)


def test_winters_that_were_december_alone_become_whole_winters(early: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _rows(early)
    with monkeypatch.context() as patched:
        patched.setattr("app.domain.edtf._season", _season_of_before)
        edtf._bounds.cache_clear()
        early.load(*WINTERS)
    edtf._bounds.cache_clear()
    narrow = _rows(early)
    assert {fault.split(" ")[0].rstrip(":") for fault in early.disagreements()} == {
        *("organization", "series", "source", "meeting", "participant", "memorandum", "action", "outcome"),
        *("position", "membership", "search_entries", "spans"),
    }
    command.downgrade(alembic_config(early.url), "0007")
    assert run("migrate", url=early.url)[0] == 0
    assert early.disagreements() == []
    wide = _rows(early)
    for name, rows in before.items():
        if name not in ("search_entries", "involvements", "ledger_entries"):
            assert all(row in wide[name] for row in rows), "rows without a winter stay as they are"
    corrected = {name for name, rows in narrow.items() if rows != wide[name]}
    assert corrected == {
        *("organizations", "series", "sources", "meetings", "participants", "memoranda", "actions", "outcomes"),
        *("positions", "memberships", "parties", "involvements", "ledger_entries", "search_entries"),
    }
    with early.client() as client:
        found = client.get("/v1/search", params={"q": "winter talks", "date_from": "2022-02-28"}).json()
        assert {each["id"] for each in found["data"]} >= {"winter-talks", "long-winter-talks"}


def test_a_database_without_winters_keeps_its_search_entries(database: Database) -> None:
    kept = (re.sub(r"\w{60,}", "network", line) for line in EARLY if not re.search("2021-24|winter|plan", line))
    database.load(*(re.sub(r',"identifiers":\[[^]]*\]', "", line) for line in kept))
    before = _rows(database)
    command.downgrade(alembic_config(database.url), "0007")
    assert run("migrate", url=database.url)[0] == 0
    assert _rows(database) == before


def _season_of_before(year: int, season: str, qualifier: str | None) -> edtf.Bounds:
    """A winter as it was until revision 0008; there is no other season in these records."""
    assert season == "24"
    return edtf.Bounds(f"{year}-01-01" if qualifier else f"{year}-12-01", f"{year}-12-31")


def test_all_the_way_down_leaves_nothing_and_up_again_works(early: Database) -> None:
    command.downgrade(alembic_config(early.url), "base")
    with early.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        assert sa.inspect(connection).get_view_names() == []
        if connection.dialect.name == "postgresql":
            assert sa.inspect(connection).get_sequence_names() == []
    migrate(early.url)
    assert set(_rows(early)) == {table.name for table in TABLES}
    assert early.seed().counts["created"] == len(early.export())


def test_every_table_and_column_says_what_it_is() -> None:
    assert [table.name for table in TABLES if not table.comment] == []
    assert [str(column) for table in TABLES for column in table.c if not column.comment] == []


def test_every_foreign_key_is_served_by_an_index() -> None:
    """Else deleting or renaming what is referred to reads the whole table that refers."""
    unserved = []
    for table in TABLES:
        first = {next(iter(index.expressions)) for index in table.indexes}
        first |= {next(iter(unique.columns)) for unique in table.constraints if isinstance(unique, sa.UniqueConstraint)}
        first |= {next(iter(table.primary_key.columns))}
        unserved += [
            f"{table.name}.{key.column_keys[0]}" for key in table.foreign_key_constraints if key.columns[0] not in first
        ]
    assert unserved == []


def _found_by_sqlite(url: str) -> list[Any]:
    with sqlite3.connect(sqlite_path(url)) as connection:
        return [row for check in ("integrity_check", "foreign_key_check") for row in connection.execute(f"PRAGMA {check}")]


def test_a_constraint_is_set_changed_and_dropped_without_touching_the_rest(loaded: Database, kind_of_database: str) -> None:
    def structure() -> set[str]:
        with loaded.engine.connect() as connection:
            read = _structure_of_sqlite if kind_of_database == "sqlite" else _structure_of_postgres
            return read(connection)

    def change(*constraints: tuple[str, str, str | None]) -> None:
        with changing(loaded.engine) as connection:
            for table, name, definition in constraints:
                set_constraint(connection, table, name, definition)

    before, rows = structure(), _rows(loaded)
    old = one_of("format", ("in_person", "online", "hybrid"))
    new = one_of("format", ("in_person", "online", "hybrid", "on_the_moon"))
    check, reference = "ck_meetings_format", "fk_meetings_series_id"
    with pytest.raises(OperatorError, match="these meetings have values that the rule"):
        change(("meetings", check, f"CHECK ({one_of('type', ('nothing',))})"))
    assert structure() == before
    assert _rows(loaded) == rows
    change(("meetings", check, f"CHECK ({new})"), ("meetings", reference, None))
    changed = structure()
    assert len(before - changed) == 2
    assert len(changed - before) == 1
    assert "on_the_moon" in (changed - before).pop()
    assert _rows(loaded) == rows
    back = "FOREIGN KEY(series_id) REFERENCES series (id) DEFERRABLE INITIALLY DEFERRED"
    change(("meetings", check, f"CHECK ({old})"), ("meetings", reference, back))
    assert structure() == before
    assert _rows(loaded) == rows
    if kind_of_database == "sqlite":
        assert _found_by_sqlite(loaded.url) == [("ok",)]


@pytest.mark.parametrize(
    ("table", "old"), [("organizations", "country_id"), ("memoranda", "date"), ("meetings", "type"), ("outcomes", "made_by_id")]
)
def test_a_column_renamed_takes_along_what_is_named_after_it_alone(loaded: Database, table: str, old: str) -> None:
    def names() -> set[str]:
        with loaded.engine.connect() as connection:
            there = sa.inspect(connection)
            found = (*there.get_indexes(table), *there.get_foreign_keys(table), *there.get_check_constraints(table))
            return {str(each["name"]) for each in found}

    before, rows = names(), _rows(loaded)
    with changing(loaded.engine) as connection:
        rename_column(connection, table, old, "renamed")
    there = sa.inspect(loaded.engine)
    named_after: list[tuple[str, Sequence[str | None]]] = [
        *(("ix", each["column_names"]) for each in there.get_indexes(table) if not each["unique"]),
        *(("fk", each["constrained_columns"]) for each in there.get_foreign_keys(table)),
    ]
    expected = {"_".join([sort, table, *map(str, columns)]) for sort, columns in named_after if "renamed" in columns}
    expected |= {f"ck_{table}_renamed"} if f"ck_{table}_{old}" in before else set()
    assert names() - before == expected
    with changing(loaded.engine) as connection:
        rename_column(connection, table, "renamed", old)
    assert names() == before
    assert _rows(loaded) == rows


def test_a_column_is_not_renamed_to_what_postgres_would_cut(database: Database) -> None:
    with (
        pytest.raises(ValueError, match=r"ix_meetings_the_word_.* would be longer than the 63 characters"),
        changing(database.engine) as connection,
    ):
        rename_column(connection, "meetings", "status", "the_word_by_which_a_source_says_whether_they_met")
    assert "status" in {column["name"] for column in sa.inspect(database.engine).get_columns("meetings")}


def test_a_constraint_that_our_rules_do_not_know_refuses_with_a_problem(database: Database) -> None:
    with changing(database.engine) as connection:
        set_constraint(connection, "meetings", "ck_meetings_city", f"CHECK ({one_of('city', ('Minsk', 'Samarkand'))})")
    key = database.key()
    with database.client() as client:
        refused = client.post("/v1/meetings", json={"name": "Talks", "city": "Brest"}, headers=key)
        assert refused.status_code == 422
        assert refused.json()["detail"] == "a value is none that the database takes (ck_meetings_city)"
        fine = client.post("/v1/meetings", json={"name": "Talks", "city": "Minsk"}, headers=key)
        assert fine.status_code == 201


# -- constraints --------------------------------------------------------------------------------------------------------


def _filled(table: sa.Table) -> Row:
    """A row with a value in every column, each word the first of its vocabulary; its references lead nowhere."""
    row: Row = {}
    for column in table.c:
        if column.computed is not None:
            continue
        if "words" in column.info:
            row[column.name] = str(column.info["words"][0])
        elif isinstance(column.type, Instant):
            row[column.name] = datetime(2026, 1, 28, tzinfo=UTC)
        elif column.type.python_type is bool:
            row[column.name] = False
        elif column.name in ("date_start", "date_end"):
            row[column.name] = "2026-01-28"
        else:
            row[column.name] = 987_654 if column.type.python_type is int else "nowhere"
    return row


def test_every_vocabulary_refuses_a_word_that_is_not_in_it(database: Database) -> None:
    tried = 0
    with database.engine.connect() as connection, connection.begin() as transaction:
        for table in TABLES:
            for column in (each for each in table.c if "words" in each.info):
                for word in column.info["words"]:
                    with connection.begin_nested() as savepoint:
                        connection.execute(sa.insert(table).values(_filled(table) | {column.name: str(word)}))
                        savepoint.rollback()
                for no_word in ("no-such-word", str(column.info["words"][0]).upper(), ""):
                    with pytest.raises(IntegrityError, match=f"ck_{table.name}_{column.name}"), connection.begin_nested():
                        connection.execute(sa.insert(table).values(_filled(table) | {column.name: no_word}))
                tried += 1
        transaction.rollback()
    assert tried > 30


def _missing(column: sa.Column[Any], rows: list[Row]) -> Row:
    """The row to spoil: one that refers to something if any does."""
    return next((row for row in rows if row[column.name] is not None), rows[0])


def _is(table: sa.Table, row: Row) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key.columns))


def _assert_refused_at_commit(database: Database, constraint: sa.ForeignKeyConstraint, values: Row, row: Row) -> None:
    table = constraint.table
    named = f"fk_{table.name}_{'_'.join(constraint.column_keys)}"
    named = "violates foreign key constraint" if "id" in constraint.column_keys else named
    message = named if database.engine.dialect.name == "postgresql" else "FOREIGN KEY"
    written = []

    def spoil() -> None:
        with database.engine.begin() as connection:
            written.append(connection.execute(sa.update(table).where(_is(table, row)).values(values)).rowcount)

    with pytest.raises(IntegrityError, match=message):
        spoil()
    assert written == [1], "only the commit refuses, so that records may come in any order"


def test_every_reference_must_lead_somewhere_when_the_transaction_ends(loaded: Database) -> None:
    before, tried = loaded.export(), 0
    with loaded.engine.connect() as connection:
        stored = {table: [dict(row) for row in connection.execute(sa.select(table)).mappings()] for table in TABLES}
    for table, rows in stored.items():
        for constraint in table.foreign_key_constraints if rows else ():
            column, *kinds = constraint.columns
            row = _missing(column, rows)
            values = {column.name: "nobody-of-this-name"}
            values |= {kind.name: row[kind.name] or str(kind.info["words"][0]) for kind in kinds}
            _assert_refused_at_commit(loaded, constraint, values, row)
            tried += 1
    assert tried > 50
    assert loaded.export() == before


def test_every_reference_to_several_kinds_must_name_the_kind_that_the_record_has(loaded: Database) -> None:
    before, tried = loaded.export(), 0
    for table in TABLES:
        for constraint in table.foreign_key_constraints:
            if len(constraint.columns) == 1:
                continue
            column, kind = constraint.columns
            with loaded.engine.connect() as connection:
                query = sa.select(table).where(column.is_not(None)).limit(1)
                referring = connection.execute(query).mappings().one_or_none()
                found = referring or connection.execute(sa.select(table).limit(1)).mappings().one_or_none()
            if found is None:
                continue
            row = dict(found)
            standing = row[kind.name] or "country"
            other = next(word for word in kind.info["words"] if word != standing)
            values = {column.name: row[column.name] or "BY", kind.name: str(other)}
            _assert_refused_at_commit(loaded, constraint, values, row)
            tried += 1
    assert tried >= 11
    assert loaded.export() == before


def _copy(connection: Connection, table: sa.Table, row: Row, **changes: Any) -> None:
    """Insert a row like another, as another record."""
    row = {name: value for name, value in row.items() if table.c[name].computed is None} | changes
    connection.execute(sa.insert(table).values(row | ({"id": uuid4().hex} if "id" in table.c else {})))


def _natural_keys() -> list[tuple[sa.Table, str, list[str]]]:
    """Table, index and the columns of which a natural key consists."""
    found = []
    for table in TABLES:
        for index in table.indexes:
            if index.unique and str(index.name).endswith("_key"):
                columns = [name for name in table.c.keys() if any(_names(part, name) for part in index.expressions)]  # noqa: SIM118
                found.append((table, str(index.name), columns))
    return found


def _names(expression: Any, column: str) -> bool:
    if isinstance(expression, sa.Column):
        return bool(expression.name == column)
    return column in re.findall(r"\w+", str(expression).split(",")[0])


NATURAL_KEYS = {
    "uq_positions_key": ["natural_key"],
    "uq_memberships_key": ["natural_key"],
    "uq_citations_key": ["record_id", "source_id", "paragraph", "quote", "field"],
    "uq_participants_key": ["natural_key"],
    "uq_parties_key": ["memorandum_id", "party_id", "members", "role"],
    "uq_relations_key": ["memorandum_id", "related_id", "type"],
    "uq_actions_key": ["natural_key"],
}


def test_natural_keys_are_unique_also_where_parts_of_them_are_empty(loaded: Database) -> None:
    keys = {index: (table, columns) for table, index, columns in _natural_keys()}
    assert {index: sorted(columns) for index, (_, columns) in keys.items()} == {
        index: sorted(columns) for index, columns in NATURAL_KEYS.items()
    }
    with loaded.engine.connect() as connection, connection.begin() as transaction:
        for index, (table, columns) in keys.items():
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            emptiest = max(rows, key=lambda row: sum(row[name] is None for name in columns))
            optional = [name for name in columns if table.c[name].nullable]
            assert not optional or any(emptiest[name] is None for name in optional)
            fullest = min(rows, key=lambda row: sum(row[name] is None for name in columns))
            for row in (emptiest, fullest):
                with pytest.raises(IntegrityError, match=r"(?i)unique"), connection.begin_nested():
                    _copy(connection, table, row)
                for name in columns:
                    with connection.begin_nested() as savepoint:
                        _copy(connection, table, row, **{name: _another(table.c[name], row[name])})
                        savepoint.rollback()
            assert index.startswith(f"uq_{table.name}")
        transaction.rollback()


def _another(column: sa.Column[Any], value: Any) -> Any:
    if "words" in column.info:
        return next(str(word) for word in reversed(column.info["words"]) if word != value)
    if column.type.python_type is bool:
        return not value
    return value + 987_654 if isinstance(value, int) else "something-else"


def test_a_record_has_one_shown_name_a_language_and_codes_of_its_own(loaded: Database) -> None:
    names, countries = Base.metadata.tables["names"], Base.metadata.tables["countries"]
    with loaded.engine.connect() as connection, connection.begin() as transaction:
        shown = dict(connection.execute(sa.select(names).where(names.c.shown_in.is_not(None)).limit(1)).mappings().one())
        with pytest.raises(IntegrityError, match=r"(?i)unique"), connection.begin_nested():
            _copy(connection, names, shown, place=99)
        _copy(connection, names, shown, place=99, shown_in=None)
        _copy(connection, names, shown, place=100, shown_in=None)
        _copy(connection, names, shown, place=101, shown_in="eo")
        belarus = dict(connection.execute(sa.select(countries).where(countries.c.id == "BY")).mappings().one())
        for code in ("alpha_3", "numeric"):
            with pytest.raises(IntegrityError, match=r"(?i)unique"), connection.begin_nested():
                _copy(connection, countries, {**belarus, "alpha_3": "XXX", "numeric": "999", code: belarus[code]})
        _copy(connection, countries, {**belarus, "alpha_3": "XXX", "numeric": "999"})
        transaction.rollback()


def test_an_id_is_that_of_one_record_only(loaded: Database) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)unique|duplicate"):
        loaded.execute("INSERT INTO records (id, kind, name) VALUES ('sco', 'topic', 'SCO')")


def test_a_participant_names_somebody(loaded: Database) -> None:
    columns = ("person_id", "organization_id", "country_id", '"group"')
    nobody = ", ".join(f"{column} = NULL" for column in columns)
    with pytest.raises(IntegrityError, match="ck_participants_somebody"):
        loaded.execute(f"UPDATE participants SET {nobody}")
    for column in columns:
        others = ", ".join(f"{other} = NULL" for other in columns if other != column)
        statement = (
            f"UPDATE participants SET {others} WHERE id IN (SELECT min(id) FROM participants WHERE {column} IS NOT NULL)"
        )
        loaded.execute(statement)


# -- instants -----------------------------------------------------------------------------------------------------------


def _instants() -> Mapping[str, list[str]]:
    return {
        table.name: found
        for table in TABLES
        if (found := [column.name for column in table.c if isinstance(column.type, Instant)])
    }


def test_every_instant_needs_its_time_zone(database: Database) -> None:
    naive = datetime(2026, 1, 28, 9, 30)  # noqa: DTZ001 - what is refused
    assert {"meetings": ["created_at", "updated_at"], "changes": ["at"]}.items() <= {
        table: sorted(columns) for table, columns in _instants().items()
    }.items()
    for table_name, columns in _instants().items():
        table = Base.metadata.tables[table_name]
        for column in columns:
            with pytest.raises(StatementError, match="an instant needs its time zone"), database.engine.begin() as connection:
                connection.execute(sa.insert(table).values(_filled(table) | {column: naive}))
    assert database.execute("SELECT count(*) FROM changes") == [(0,)]


def test_an_instant_of_any_zone_is_kept_in_utc_to_the_microsecond(database: Database) -> None:
    changes = Base.metadata.tables["changes"]
    minsk = datetime(2026, 1, 28, 12, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=3)))
    with database.engine.begin() as connection:
        connection.execute(sa.insert(changes).values(_filled(changes) | {"at": minsk}))
        read = connection.execute(sa.select(changes.c.at)).scalar_one()
    assert read.isoformat() == "2026-01-28T09:30:00.123456+00:00"


# -- commands on another schema -----------------------------------------------------------------------------------------


def test_serve_refuses_a_schema_that_is_not_the_newest(bare: Bare) -> None:
    url = bare()
    migrate(url, revision=one_behind())
    done = run_command("serve", url=url)
    assert done.returncode == 1
    assert f"the database has the schema {one_behind()}" in done.stderr
    assert "type: rapporteur migrate" in done.stderr
    assert "Traceback" not in done.stderr
    assert "docs" not in done.stdout


def test_commands_refuse_a_schema_that_is_not_the_newest_until_it_is_migrated(
    bare: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[object] = []

    def serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        served.append(server.config.app)
        server.started = True
        for each in sockets:
            each.close()

    monkeypatch.setattr("app.commands.serving.uvicorn.Server.run", serve)
    monkeypatch.setenv("RAPPORTEUR_PORT", str(free_port()))
    url, lines = bare(), tmp_path / "lines.ndjson"
    lines.write_text('{"kind":"topic","id":"anything","name":"Anything"}\n')
    commands = (("import", str(lines)), ("export", "-"), ("check",), ("rebuild",), ("verify", str(tmp_path)), ("serve",))
    missing = "there is no registry" if url.startswith("sqlite") else "the database has no schema yet"
    for revision, refusal in ((None, missing), (one_behind(), f"the database has the schema {one_behind()}")):
        if revision:
            assert run("migrate", "--revision", revision, url=url)[0] == 0
        for words in commands:
            code, said = run(*words, url=url)
            assert code == 1, words
            assert refusal in said, words
            assert "rapporteur migrate" in said, words
            assert not served
    assert run("migrate", url=url)[0] == 0
    for words in commands:
        assert run(*words, url=url)[0] == 0, words
    assert '"anything"' in run("export", "-", url=url)[1]
    assert served == ["app.main:create_app"]


def test_a_schema_of_a_newer_version_is_refused_and_named(fresh: Fresh) -> None:
    url = fresh()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    engine.dispose()
    code, said = run("check", url=url)
    assert code == 1
    assert "has the schema from-the-future" in said
    assert "it was made by a newer version, which you need to install" in said


def test_a_database_that_does_not_answer_is_said_in_one_line(kind_of_database: str, tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    urls = {"sqlite": f"sqlite:///{tmp_path}/folder.db", "postgres": "postgresql://nobody:nothing@127.0.0.1:1/none"}
    code, said = run("check", url=urls[kind_of_database])
    assert code == 1
    wanted = {"sqlite": f"Error: {tmp_path}/folder.db is a folder", "postgres": "Error: the database does not answer: "}
    assert said.startswith(wanted[kind_of_database])
