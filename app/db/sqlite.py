"""Opens SQLite's file, and notices when another file was put in its place."""

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
    """Tells a file from another one of the same name."""

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
    """Size and time of the last change, which differ while a file is being written; None if there is no file."""
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
    """The file it opened; None if that was gone at once."""

    generation: int
    log_path: str
    log: FileIdentity | None = None
    """The log (`-wal`) of the file, as first seen."""

    @property
    def is_in_place(self) -> bool:
        """Whether its file is still in the place where it was opened."""
        return self.file is not None and self.file == identity_of(self.path)

    @property
    def is_current(self) -> bool:
        """Whether it may be used: its file was not replaced or repaired since, which its cache would not notice."""
        return self.generation == _generations.get(self.path, 0)

    @property
    def has_its_log(self) -> bool:
        """Whether its log is still in its place: committed data may be in the log only."""
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
            return False  # the disk is full or read-only
        if not busy:
            renew(self.path)
            _log.warning("the log beside the database was removed; what was committed is written into the database's file")
        return not busy

    def close(self) -> None:
        """Close the connection if that is safe; otherwise release its memory and keep it open until the process ends."""
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
"""By path: the file that was last opened."""
_generations: dict[Path, int] = {}
"""By path: how often the file was found replaced or repaired."""


def renew(path: Path) -> None:
    """Make all connections to a file be reopened before they are used again."""
    _generations[path] = _generations.get(path, 0) + 1


def connect(path: Path, *, creates: bool = False, **options: Any) -> SqliteConnection:
    """Open a file. A new one is readable by this account only, because it will hold digests of keys."""
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
    # Checked before and after opening: the file may be replaced in between.
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
            continue  # the descriptor of the listing of the folder itself
        open_here.add(FileIdentity(found.st_dev, found.st_ino))
    for suffix in LOG_SUFFIXES:
        log = path.with_name(path.name + suffix)
        if identity_of(log) in open_here:
            aside = log.rename(log.with_name(log.name + REPLACED_SUFFIX))
            _log.warning("another file was put in the place of the database; the log of the old one is kept as %s", aside.name)
