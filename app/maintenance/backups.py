"""Backs up and restores a registry in a file of SQLite."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.db import sqlite_files
from app.db.engine import file_of, make_folder
from app.db.schema import newest_revision, revisions
from app.db.sqlite_files import Registry, beside
from app.errors import OperatorError

ASIDE = ".before-restore-"
"""What is added, with the time, to the name of the database that was in place before a restore."""
PAGE = "docs/operations/backup.md"
Progress = Callable[[int, int], object]


def back_up(url: str, target: Path, *, progress: Progress) -> Registry:
    """Copy the registry, while it is served, into the new file `target`, and check the copy. Returns what it contains.

    Raises OperatorError if that fails; then there is no file.
    """
    path = _sqlite_file(url)
    if not path.exists():
        raise OperatorError(f"there is no registry at {path}")
    return sqlite_files.copy(path, target, progress=progress)


def restore(url: str, backup: Path, *, progress: Progress) -> tuple[Registry, Path | None]:
    """Replace the registry by what a backup contains. Returns what it contains, and the file of the registry before, if any.

    Raises OperatorError, and changes nothing, if a process uses the registry, or if the backup is damaged or of a later version
    of the program. The registry that was in place is kept beside it: ASIDE and the time are added to its name.
    """
    path = _sqlite_file(url)
    if sqlite_files.is_in_use(path):
        raise OperatorError(f"a server or another command uses {path}; end it first. Nothing was changed")
    if (fault := sqlite_files.fault_of(backup, thorough=True)) is not None:
        raise OperatorError(f"{backup} is damaged: {fault}. Nothing was changed")
    found = sqlite_files.registry_in(backup)
    if found.revision not in revisions():
        raise OperatorError(
            f"{backup} has the schema {found.revision}, this version knows those up to {newest_revision()};"
            " install the version that made it. Nothing was changed"
        )
    make_folder(path.parent)
    made = beside(path, f".{os.getpid()}.restored")
    made.unlink(missing_ok=True)
    sqlite_files.copy(backup, made, progress=progress)
    aside = beside(path, f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    sqlite_files.put_in_place(made, path, aside=aside)
    return found, aside if aside.exists() else None


def _sqlite_file(url: str) -> Path:
    path = file_of(url)
    if path is None:
        raise OperatorError(f"this command is for SQLite; Postgres has its own programs for it: {PAGE}")
    return path
