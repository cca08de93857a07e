"""SQLite's file as a whole: whether it is used, whether it is sound, and copies of it."""

import errno
import fcntl
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from app.db.failures import explanation, named
from app.db.sqlite import LOG_SUFFIXES, was_opened
from app.errors import OperatorError

PAGES_AT_ONCE = 2_000
"""The number of pages that are copied between two reports of the progress."""
ALL = 2**31 - 1
_NULL = re.compile(r"NULL value in (\w+)\.(\w+)")
LATER = 2.0
"""Seconds after the last change of a log from which on a change of the file is probably none that the log belongs to."""
_log = logging.getLogger("rapporteur.database")
_IN_USE = 128
"""The byte of the `-shm` file that every connection in WAL mode keeps locked (`UNIX_SHM_DMS` in SQLite's source)."""
_JOURNALS = (*LOG_SUFFIXES, "-journal")


class Registry(NamedTuple):
    """What a file contains."""

    revision: str
    records: int
    position: str
    """The end of its change log; empty in schemas before positions."""


def is_in_use(path: Path) -> bool:
    """Whether a process has the database open."""
    if was_opened(path):
        return True  # looking for locks of others would release those of this process
    try:
        descriptor = os.open(beside(path, "-shm"), os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise OperatorError(f"{path} cannot be opened: {error.strerror}; be the account of the server") from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(descriptor)
    return False


def require_sound(path: Path, *, always: bool) -> None:
    """Raise OperatorError if the file is malformed or belongs to another program. Does nothing if there is no file.

    If the last process did not close the database, its log is still there. Then the structure, the indexes and the references
    are checked, because the log may be that of another file, over which this one was copied. Otherwise, only the structure is
    checked (`PRAGMA quick_check`), and only if `always`.
    """
    if not path.exists():
        return
    if path.is_dir():
        raise OperatorError(f"{path} is a folder; name a file in it")
    _require_no_others(path)
    log = beside(path, "-wal")
    is_left_over = _size(log) > 0 and not is_in_use(path)
    if not (is_left_over or always):
        return
    if (found := fault_of(path, thorough=is_left_over)) is None:
        if is_left_over and path.stat().st_ctime - log.stat().st_ctime > LATER:
            _log.warning(
                "%s was changed after its log %s, which is applied to it now. If the file is a backup that was copied over the"
                " database, use `rapporteur restore` instead",
                path,
                log.name,
            )
        return
    why = (
        f" Its log {log.name} was left by a process that was killed, or belongs to another file that was here before:"
        " a backup that is copied over a database must be put there by `rapporteur restore`, because the old log damages it."
        if is_left_over
        else ""
    )
    raise OperatorError(
        f"{path} is damaged: {found}.{why}\nNothing was changed. To go back to a backup: rapporteur restore FILE"
    )


def _require_no_others(path: Path) -> None:
    """Raise OperatorError if the file is a database of another program, which was named by mistake. It is only read.

    A connection for writing would already change it, because it sets SQLite's WAL mode.
    """
    try:
        with closing(_opened(path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return  # those who read more of the file say what is wrong with it
    if tables and "alembic_version" not in tables:
        raise OperatorError(
            f"{path} belongs to another program, because it has the table {min(tables)}, but no schema of a registry;"
            " name another file"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def fault_of(path: Path, *, thorough: bool) -> str | None:
    """The first fault of the file; None if it is sound. `thorough`: whether indexes and references are checked, too."""
    try:
        with closing(_opened(path)) as connection:
            check = "integrity_check" if thorough else "quick_check"
            for (found,) in connection.execute(f"PRAGMA {check}({ALL})"):
                if found != "ok" and not _is_untrue(connection, found):
                    return str(found).replace("\n", "; ")
            broken = connection.execute("PRAGMA foreign_key_check").fetchone() if thorough else None
            return f"a row of {broken[0]} refers to one of {broken[2]} that is not there" if broken else None
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_NOTADB,
        ):
            named(error, path)
            raise OperatorError(explanation(error)) from error
        return str(error)


def _is_untrue(connection: sqlite3.Connection, line: str) -> bool:
    """Whether a line of a check is the mistake of SQLite before 3.42 about tables whose key is not their first column.

    Databases of release 0.1.0 have such tables. SQLite reports a `NULL value in TABLE.COLUMN` for each of their rows.
    """
    told = _NULL.fullmatch(line)
    if told is None:
        return False
    query = f'SELECT 1 FROM "{told[1]}" WHERE "{told[2]}" IS NULL LIMIT 1'  # noqa: S608 - names of the database's own
    return connection.execute(query).fetchone() is None


def registry_in(path: Path) -> Registry:
    """What the file contains. Raises OperatorError if it is no database of a registry."""
    try:
        with closing(_opened(path)) as connection:
            return _registry(connection)
    except sqlite3.DatabaseError as error:
        raise OperatorError(f"{path} is no registry: {error}") from error


def _registry(connection: sqlite3.Connection) -> Registry:
    (revision,) = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
    if revision is None:
        raise sqlite3.DatabaseError("it has no schema")
    (records,) = connection.execute("SELECT count(*) FROM records").fetchone()
    columns = [row[1] for row in connection.execute("PRAGMA table_info(changes)")]
    end = "SELECT seq || '.' || digest FROM changes ORDER BY seq DESC LIMIT 1" if "digest" in columns else "SELECT ''"
    return Registry(revision, records, (connection.execute(end).fetchone() or ("0",))[0])


def copy(source: Path, target: Path, *, progress: Callable[[int, int], object]) -> Registry:
    """Copy a database, as it is at one moment, into the new file `target`, which is then checked. Returns what it contains.

    The source may be in use. `progress` is called with the numbers of copied and of all pages. Raises OperatorError and leaves
    no file if the target exists or is not what was copied.
    """
    with new_file(target) as made, _explained(source, target):
        with closing(_opened(source)) as from_connection, closing(sqlite3.connect(made)) as to_connection:
            # In a transaction, all pieces of the copy are of one moment, and writers do not make it begin again.
            from_connection.execute("BEGIN")
            before = _registry(from_connection)
            from_connection.backup(
                to_connection, pages=PAGES_AT_ONCE, progress=lambda _, left, total: progress(total - left, total)
            )
            to_connection.execute("PRAGMA journal_mode = DELETE")  # a file of its own, without another one beside it
        if (found := fault_of(made, thorough=True)) is not None:
            raise OperatorError(f"{source} is damaged: {found}")
        if registry_in(made) != before:
            raise OperatorError(f"the copy of {source} does not contain what was copied; nothing was kept")
        return before


def put_in_place(made: Path, path: Path, *, aside: Path) -> None:
    """Put the file `made` in the place of the database `path`. The database that was there is kept as `aside`.

    At every moment, the old or the new file is in place. The log of the old one is written into it or kept with it, because
    SQLite would apply it to the new file. The new file gets the mode of the old one and, if the process may do that, its owner.
    """
    if path.exists():
        shutil.copymode(path, made)
        with suppress(PermissionError):
            shutil.chown(made, path.stat().st_uid, path.stat().st_gid)
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise OperatorError(f"{path} cannot be replaced: {error}. Nothing was changed") from error
            # The old file is damaged, so its log cannot be written into it. It is set aside with the file.
        _link(path, aside)
    for suffix in _JOURNALS:
        if beside(path, suffix).exists():
            beside(path, suffix).rename(beside(aside, suffix))
    made.replace(path)
    _sync(path.parent)


def beside(path: Path, suffix: str) -> Path:
    """The file beside the database whose name has this suffix."""
    return path.with_name(path.name + suffix)


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that only reads, so that it does not write the log beside the file into the file."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A file that becomes `target` if the block succeeds, and is removed otherwise. Only its owner can read it."""
    made = target.parent / f"{target.name}.{os.getpid()}.partial"  # another process may make the same target
    try:
        if target.is_dir():
            raise OperatorError(f"{target} is a folder: name a file in it")
        if target.exists():
            raise OperatorError(f"{target} exists already")
        made.unlink(missing_ok=True)
        os.close(os.open(made, os.O_CREAT | os.O_RDWR, 0o600))
        yield made
        if any(beside(made, suffix).exists() for suffix in _JOURNALS):
            raise OperatorError(f"{target} could not be completed: its log could not be written into it; the disk may be full")
        _sync(made)
        _link(made, target)  # not `rename`, because `rename` would overwrite a target that another process has made
        _sync(target.parent)
    except FileExistsError as error:
        raise OperatorError(f"{target} exists already") from error
    except OSError as error:
        raise OperatorError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        for suffix in ("", *_JOURNALS):
            with suppress(OSError):  # such a name may be impossible
                beside(made, suffix).unlink(missing_ok=True)


def _link(path: Path, name: Path) -> None:
    """Give the file another name. On file systems that have no such links, the file is moved there."""
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK) or name.exists():
            raise
        path.rename(name)


@contextmanager
def _explained(source: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise OperatorError(f"{source} cannot be copied to {target}: {error}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
