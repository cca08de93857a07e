"""The SQLAlchemy engine for writing, and the settings of its connections."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from app.db.failures import named
from app.db.sqlite import SqliteConnection, connect
from app.errors import OperatorError

_READS = "rapporteur_reads"
PATIENCE = 5.0
"""Seconds that a writer waits for the write lock, by default."""
WRITERS_LOCK = 7_270_001
"""The key of the Postgres advisory lock that allows one writer at a time, as SQLite's own write lock does.

Because of this lock, checks that involve several records (references, keys, cycles, projections) need no locks of their own,
deadlocks cannot occur, and the change log has the order of commits.
"""
SQLITE_PRAGMAS = (
    "PRAGMA page_size = 8192",  # for new files only; large pages, because rows with search terms are long
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",  # large, so that a page that several writes change is copied to the file only once
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is deleted or erased is overwritten; many builds of SQLite do so by default
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
)


def create_engine(url: str, *, patience: float = PATIENCE, creates: bool = True, pooler: str = "") -> Engine:
    """Create an engine for writing. A transaction waits at most `patience` seconds for the write lock.

    `creates`: whether a missing SQLite file is created. `pooler`: as in `driver_for`. Raises OperatorError if the folder of
    a file cannot be made.
    """
    parsed, milliseconds = make_url(url), round(patience * 1000)
    if parsed.get_backend_name() != "sqlite":
        return _postgres_engine(url, milliseconds, pooler)
    path = sqlite_path(url)
    if creates:
        make_folder(path.parent)
    # `connect` always uses the driver of the standard library, because it sets what the registry needs. A driver that the URL
    # names is ignored.
    url_of_file = parsed.set(drivername="sqlite")
    engine = sa.create_engine(url_of_file, hide_parameters=True, creator=lambda: connect(path, creates=creates))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        _set_pragmas(connection, milliseconds)

    @event.listens_for(engine, "handle_error")
    def name_the_file(context: sa.engine.ExceptionContext) -> None:
        if isinstance(context.original_exception, sqlite3.Error):
            named(context.original_exception, path)

    @event.listens_for(engine, "checkout")
    def require_its_file(connection: Any, _record: Any, _proxy: Any) -> None:
        if not connection.is_current:
            raise sa.exc.DisconnectionError  # the connection pool then opens the current file

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _set_pragmas(connection: SqliteConnection, busy_timeout: int) -> None:
    try:
        for pragma in (*SQLITE_PRAGMAS, f"PRAGMA busy_timeout = {busy_timeout}"):
            connection.execute(pragma)
    except sqlite3.Error as error:
        named(error, connection.path)
        raise


def _postgres_engine(url: str, lock_timeout: int, pooler: str) -> Engine:
    from app.db.postgres import TRANSACTION_POOLING, connection_arguments  # noqa: PLC0415 - as in `driver_for`

    pools_transactions = pooler == TRANSACTION_POOLING
    arguments = {"application_name": "rapporteur", **connection_arguments(url)}
    if pools_transactions:
        arguments["prepare_threshold"] = None
    engine = sa.create_engine(
        "postgresql+psycopg://", connect_args=arguments, hide_parameters=True, pool_pre_ping=not pools_transactions
    )
    for_transaction = "true" if pools_transactions else "false"
    settings = (
        f"SELECT set_config('lock_timeout', '{lock_timeout}', {for_transaction}), set_config('jit', 'off', {for_transaction})"
    )

    made = _connections[engine] = WeakSet()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        made.add(connection)
        if not pools_transactions:
            connection.autocommit = True
            connection.execute(settings, prepare=False)
            connection.autocommit = False

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if pools_transactions:
            connection.exec_driver_sql(settings)
        # Postgres caches query plans. A plan that was cached while a table was small reads the whole table even after the table
        # has grown. So the plans are discarded whenever the number of this connection's transactions has doubled.
        begun = connection.info["begun"] = connection.info.get("begun", 0) + 1
        if begun & (begun - 1) == 0 and not pools_transactions:
            connection.exec_driver_sql("DISCARD PLANS")
        if not connection.get_execution_options().get(_READS):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")

    return engine


def make_folder(path: Path) -> None:
    """Make the folder, and those above it, if they are missing. Raises OperatorError if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OperatorError(f"{path} cannot be a folder, because {error.filename} is a file") from error
    except OSError as error:
        raise OperatorError(f"the folder {path} cannot be made: {error.filename}: {error.strerror}") from error


def sqlite_path(url: str | URL) -> Path:
    """Return the path of the database file that a SQLite URL names."""
    return Path(make_url(url).database or "")


def file_of(url: str) -> Path | None:
    """Return the path of the database file that a URL names; None if the database is not one of SQLite.

    Symbolic links are resolved, as SQLite does: its log stands beside the file that a link leads to.
    """
    return sqlite_path(url).resolve() if make_url(url).get_backend_name() == "sqlite" else None


_connections: WeakKeyDictionary[Engine, WeakSet[Any]] = WeakKeyDictionary()
"""The connections to Postgres that each engine has made."""


def cut_connections(engine: Engine) -> None:
    """Cut all connections of an engine whose server does not answer. Threads that wait for a result then get an error."""
    from app.db.postgres import cut  # noqa: PLC0415 - as in `driver_for`

    for connection in list(_connections.get(engine, ())):
        cut(connection)


class FileIsGone(Exception):
    """Raised after a commit if the database file was moved or removed. The client must not be told that the write succeeded."""


@contextmanager
def writing(engine: Engine, *, keep: bool = True) -> Iterator[Connection]:
    """Run the block in one transaction. If the block raises or `keep` is false, roll back; otherwise, commit.

    Raises FileIsGone if SQLite's file was moved or removed. Also raises FileIsGone if the file's WAL was removed, and the
    committed data cannot be copied from the removed WAL into the file.
    """
    with engine.connect() as connection:
        with connection.begin() as transaction:
            try:
                yield connection
            except sa.exc.DBAPIError as error:  # of a statement that was run without SQLAlchemy (`app/db/sql.py`)
                if isinstance(error.orig, sqlite3.Error):
                    named(error.orig, sqlite_path(engine.url))
                raise
            if not keep:
                transaction.rollback()
        driver: Any = connection.connection.driver_connection
        if isinstance(driver, SqliteConnection):
            if not driver.is_in_place:
                raise FileIsGone
            if not driver.has_its_log and not driver.rescue(patience=PATIENCE):
                raise FileIsGone


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Run the block in a read transaction, which sees one snapshot of the whole database and does not block writers."""
    options: dict[str, Any] = {_READS: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def clear_log(engine: Engine) -> bool:
    """Copy SQLite's WAL into the file and empty it, because it still contains what was erased. On Postgres, do nothing.

    Returns False if the WAL could not be emptied now, because readers use it. It does not wait for them, because writers would
    have to wait, too.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
        try:
            driver.execute("PRAGMA busy_timeout = 0")
            (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False  # the disk is full, or another connection is writing
        finally:
            driver.execute(f"PRAGMA busy_timeout = {patience}")
        return not busy


def vacuum(engine: Engine, tables: Iterable[sa.Table]) -> None:
    """Give free space back, and overwrite what was deleted there. Raises OperatorError if another process writes.

    SQLite's file is written anew. Of Postgres' tables, the space is freed for further rows, and statistics are updated.
    """
    with engine.connect().execution_options(**{_READS: True, "isolation_level": "AUTOCOMMIT"}) as connection:
        if engine.dialect.name == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f"VACUUM (ANALYZE) {table.name}")
            return
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("VACUUM")
        except sqlite3.OperationalError as error:
            again = "; try again while nobody writes" if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY else ""
            raise OperatorError(f"the file could not be written anew: {error}{again}") from error
    if not clear_log(engine):
        raise OperatorError("others read the database, so its log still has deleted pages; try again while nobody reads")


def size_of(engine: Engine) -> int:
    """The bytes of the whole database."""
    is_sqlite = engine.dialect.name == "sqlite"
    query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()" if is_sqlite else _POSTGRES_SIZE
    with reading(engine) as connection:
        return int(connection.execute(sa.text(query)).scalar_one())


_POSTGRES_SIZE = "SELECT pg_database_size(current_database())"


def continue_numbers(connection: Connection, column: sa.Column[int]) -> None:
    """Let the next numbers of the column follow the greatest one in it. SQLite does so itself."""
    if connection.dialect.name == "postgresql" and (last := connection.execute(sa.select(sa.func.max(column))).scalar()):
        sequence = sa.func.pg_get_serial_sequence(column.table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, last)))


def analyze(connection: Connection, tables: Iterable[sa.Table]) -> None:
    """Update Postgres' statistics of these tables after a large write; Postgres itself would update them only later.

    Until then, it would choose plans for tables that are nearly empty: a list that two actors share took seconds. Empty tables
    are left out. On an empty table, ANALYZE would record that it has 0 rows, and foreign-key checks against it would then scan
    the whole table.
    """
    if connection.dialect.name == "postgresql":
        filled = [each.name for each in tables if connection.execute(sa.select(sa.exists(sa.select(each)))).scalar()]
        if filled:
            connection.exec_driver_sql(f"ANALYZE {', '.join(filled)}")
