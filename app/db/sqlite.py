"""Opens SQLite's file, and notices when another file has replaced it."""

import ctypes
import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any, NamedTuple

LOG_SUFFIXES = ("-wal", "-shm")
_log = logging.getLogger("rapporteur.database")
REPLACED_SUFFIX = ".replaced"


class FileIdentity(NamedTuple):
    """Identifies a file independently of its path, to detect that another file has replaced it at the same path."""

    device: int
    inode: int


def identity_of(path: Path | str) -> FileIdentity | None:
    """Return the file's identity; None if the file does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116 - three times as fast as Path.stat, and called at every commit
    except OSError:
        return None
    return FileIdentity(found.st_dev, found.st_ino)


def look_of(path: Path) -> object:
    """Return the file's identity, size and modification time; None if there is no file.

    If two results differ, the file was written or replaced between the two calls.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class SqliteConnection(sqlite3.Connection):
    """A connection that knows which file it opened, so that it notices when the file was replaced.

    When the last connection to a file is closed, SQLite deletes the file's WAL by name. If the file was replaced meanwhile,
    the WAL with that name belongs to the new file and holds transactions that were committed to it. So a connection to a
    replaced file is never closed.
    """

    path: Path
    file: FileIdentity | None
    """The identity of the opened file; None if the file was replaced or removed while it was being opened."""

    generation: int
    log_path: str
    log: FileIdentity | None = None
    """The identity of the file's WAL (`-wal`) when it was first seen."""

    @property
    def is_in_place(self) -> bool:
        """Whether the opened file is still at its path."""
        return self.file is not None and self.file == identity_of(self.path)

    @property
    def is_current(self) -> bool:
        """Whether the connection may be used.

        It may not be used after its file was replaced or repaired, because its page cache may still hold old pages.
        """
        return self.generation == _generations.get(self.path, 0)

    @property
    def has_its_log(self) -> bool:
        """Whether the file's WAL is still at its path. Committed data may be in the WAL only."""
        found = identity_of(self.log_path)
        if self.log is None:
            self.log = found
        return self.log == found

    def rescue(self, *, patience: float) -> bool:
        """Save the committed data of a WAL file that was deleted while it was open. Return whether that succeeded.

        A TRUNCATE checkpoint copies the data into the database file; it waits at most `patience` seconds for other connections.
        It also empties the old WAL, because the connections share its index in memory and would use that index with the new
        WAL. Then all connections are reopened with a new WAL, which this program finds when it is started again.
        """
        try:
            self.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            (busy, _, _) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False  # the disk is full or read-only
        if not busy:
            renew(self.path)
            _log.warning("the log beside the database was removed; what was committed is written into the database's file")
        return not busy

    def close(self) -> None:
        """Close the connection if its file and its WAL are still in place.

        Otherwise, closing could delete the WAL of the file that replaced this one. So the connection only frees its cache, and
        stays open until the process ends.
        """
        if self.is_in_place and self.has_its_log:
            super().close()
            return
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        try:
            self.execute("PRAGMA shrink_memory")
        except sqlite3.Error:
            return  # the file was deleted or replaced, so that a failure to close it cleanly does not matter


_opening = threading.Lock()
_opened: dict[Path, FileIdentity | None] = {}
"""For each path, the identity of the file that was last opened."""
_generations: dict[Path, int] = {}
"""For each path, the number of times that the file was found to be replaced or repaired."""


def was_opened(path: Path) -> bool:
    """Whether this process has opened the file that is at the path now."""
    return identity_of(path) in _opened.values()


def renew(path: Path) -> None:
    """Mark all connections to a file as outdated, so that they are reopened before they are used again."""
    _generations[path] = _generations.get(path, 0) + 1


def connect(path: Path, *, creates: bool = False, **options: Any) -> SqliteConnection:
    """Open a database file.

    With `creates`, a missing file is created. Only the account that runs this process can read the new file, because it will
    hold digests of API keys.
    """
    generation = _generations.get(path, 0)
    with _opening:
        if creates and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        current = identity_of(path)
        if current is not None and _opened.setdefault(path, current) != current:
            _set_stale_logs_aside(path)
            _opened[path] = current
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=SqliteConnection,
        **options,
    )
    # The file's identities before and after opening are compared, because the file may be replaced between the two moments.
    connection.path, connection.file = path, current if current == identity_of(path) else None
    connection.generation = generation
    connection.log_path = f"{path}{LOG_SUFFIXES[0]}"
    return connection


def _set_stale_logs_aside(path: Path) -> None:
    """Rename the WAL files beside a new database file if this process still has them open.

    These WAL files belong to the old database file, which was removed. SQLite would apply them to the new file and damage it.
    """
    open_here = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():  # noqa: PTH112, PTH208
        try:
            found = os.fstat(int(name))
        except OSError:
            continue  # the descriptor that `listdir` itself used, closed by now
        open_here.add(FileIdentity(found.st_dev, found.st_ino))
    for suffix in LOG_SUFFIXES:
        log = path.with_name(path.name + suffix)
        if identity_of(log) in open_here:
            aside = log.rename(log.with_name(log.name + REPLACED_SUFFIX))
            _log.warning("another file was put in the place of the database; the log of the old one is kept as %s", aside.name)
