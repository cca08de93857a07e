"""SQLite's file: opened, recognized, and never confused with another that was put into its place."""

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
    """What tells a file from another under the same name."""

    device: int
    inode: int


def identity_of(path: Path | str) -> FileIdentity | None:
    """The file's identity; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - three times as fast as Path.stat, and done with every commit
    except OSError:
        return None
    return FileIdentity(found.st_dev, found.st_ino)


def look_of(path: Path) -> object:
    """What changes while a file is written; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class SqliteConnection(sqlite3.Connection):
    """A connection that knows its file.

    When the last connection to a file is closed, SQLite deletes the log beside it by its name. Where another file was put in
    its place meanwhile, that would be the other's log, with what is committed in it. Such a connection is never closed.
    """

    path: Path
    file: FileIdentity | None
    """What it opened; None if it was gone at once."""

    generation: int
    log_path: str
    log: FileIdentity | None = None
    """Its log (`-wal`), as it was first seen."""

    @property
    def is_in_place(self) -> bool:
        """Whether its file is still where it was opened."""
        return self.file is not None and self.file == identity_of(self.path)

    @property
    def is_current(self) -> bool:
        """Whether it may be used: its file was not found replaced or repaired since, which would be unknown to its cache."""
        return self.generation == _generations.get(self.path, 0)

    @property
    def has_its_log(self) -> bool:
        """Whether its log is still where it was: what is committed may be in this alone."""
        found = identity_of(self.log_path)
        if self.log is None:
            self.log = found
        return self.log == found

    def rescue(self, *, patience: float) -> bool:
        """Write what is committed from a log that was removed into the file; whether it could be done within so many seconds.

        Then all connections are opened anew, with a log that a later start finds. To empty the old log is needed for that: what
        the connections share of it would otherwise be taken for what stands in the new one.
        """
        try:
            self.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            (busy, _, _) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False  # no room for it, or no way to write
        if not busy:
            renew(self.path)
            _log.warning("the log beside the database was removed; what was committed is written into the database's file")
        return not busy

    def close(self) -> None:
        """Close, or give back what memory it can and stay open until the process ends, and longer than anything else in it."""
        if self.is_in_place and self.has_its_log:
            super().close()
            return
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        try:
            self.execute("PRAGMA shrink_memory")
        except sqlite3.Error:
            return  # its file is gone, and perhaps damaged


_opening = threading.Lock()
_opened: dict[Path, FileIdentity | None] = {}
"""Which file was last opened under a path."""
_generations: dict[Path, int] = {}
"""How often the file under a path was found replaced or repaired."""


def renew(path: Path) -> None:
    """Have all connections to a file opened anew before they are used again."""
    _generations[path] = _generations.get(path, 0) + 1


def connect(path: Path, *, creates: bool = False, **options: Any) -> SqliteConnection:
    """Open a file; a new one, where it may be made, is for this account alone, since it will hold the digests of keys."""
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
    # Before and after it was opened: between the two another file may have come in its place.
    connection.path, connection.file = path, current if current == identity_of(path) else None
    connection.generation = generation
    connection.log_path = f"{path}{LOG_SUFFIXES[0]}"
    return connection


def _set_stale_logs_aside(path: Path) -> None:
    """Rename the logs beside a new file that this process still has open: they are those of the file that was removed.

    SQLite would apply them to the new one, and damage it.
    """
    open_here = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():  # noqa: PTH112, PTH208
        try:
            found = os.fstat(int(name))
        except OSError:
            continue  # the descriptor with which the folder was read
        open_here.add(FileIdentity(found.st_dev, found.st_ino))
    for suffix in LOG_SUFFIXES:
        log = path.with_name(path.name + suffix)
        if identity_of(log) in open_here:
            aside = log.rename(log.with_name(log.name + REPLACED_SUFFIX))
            _log.warning("another file was put in the place of the database; the log of the old one is kept as %s", aside.name)
