"""Maps an error of the database to a Problem for the client and to the state of the database (Trouble)."""

import logging
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from app.errors import Busy, Conflict, Invalid, Problem, Unavailable

RETRY_SECONDS = 2
BUSY_RETRY_SECONDS = 1
_log = logging.getLogger("rapporteur.database")


class Trouble(NamedTuple):
    """The state of the database. Each field is a message that tells clients what does not work, or None if all is well."""

    reads: str | None = None
    writes: str | None = None
    damage: str | None = None
    """The message if some of the data cannot be read. Reads of other data are still answered."""

    def __str__(self) -> str:
        return self.reads or self.damage or self.writes or "answers and takes writes"


TOO_LONG = "the question took longer than a read may take; ask for less, or narrow it"
NO_ANSWER = "the database does not answer"
NOT_NOW = "the database cannot do this now"
TAKES_NO_WRITES = "the database takes no writes now; reads are answered"
NO_ROOM = "the database has no room left; reads are answered"
REMOVED = "the database's file was moved or removed"
OF_ANOTHER_VERSION = (
    "the database's schema was changed to that of another version of this program; this server has to be replaced by one of"
    " that version"
)
IS_DAMAGED = "the database is damaged: some of it cannot be read"
TOO_LARGE = (
    "a text by which records are told apart is longer than the database can index; shorten the quote of a citation to a few"
    " hundred letters"
)
UNKNOWN_OUTCOME = (
    "the database went away while the write was committed: whether it was kept is not known. Read the record before you send"
    " the write again, or send it with an Idempotency-Key, with which nothing is done twice"
)

FINE = Trouble()
AWAY = Trouble(NO_ANSWER, NO_ANSWER)
READ_ONLY = Trouble(writes=TAKES_NO_WRITES)
GONE = Trouble(REMOVED, REMOVED)
MIGRATED = Trouble(OF_ANOTHER_VERSION, OF_ANOTHER_VERSION)
DAMAGED = Trouble(damage=IS_DAMAGED)


class Failure(NamedTuple):
    """The problem that the client gets for an error, and the state of the database that the error shows."""

    problem: Problem
    trouble: Trouble = FINE


def unavailable(why: str) -> Unavailable:
    """Return the problem for status 503, with the reason and a `Retry-After` header."""
    return Unavailable(why, headers={"Retry-After": str(RETRY_SECONDS)})


def busy() -> Busy:
    """Return the problem for status 503, with a `Retry-After` header, for a write that waited too long for other writes."""
    detail = "others are writing, and this write's turn did not come"
    return Busy(detail, headers={"Retry-After": str(BUSY_RETRY_SECONDS)})


def failure(error: BaseException) -> Failure | None:
    """Return the Failure for an error of the driver; None if the error comes from a bug in our code."""
    found = _of_constraint(error) or (_of_sqlite(error) if isinstance(error, sqlite3.Error) else _of_postgres(error))
    if found is not None:
        found.problem.__cause__ = error
    return found


def _of_sqlite(error: sqlite3.Error) -> Failure | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return Failure(busy())
        case sqlite3.SQLITE_INTERRUPT:
            return Failure(unavailable(TOO_LONG))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return Failure(unavailable(TAKES_NO_WRITES), READ_ONLY)
        case sqlite3.SQLITE_FULL:
            return Failure(unavailable(NO_ROOM))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Failure(unavailable(IS_DAMAGED), DAMAGED)
        case sqlite3.SQLITE_IOERR:
            return Failure(unavailable(NO_ANSWER), DAMAGED)
        case sqlite3.SQLITE_CANTOPEN:
            return Failure(unavailable(NO_ANSWER), AWAY)
    return Failure(unavailable(NOT_NOW)) if isinstance(error, sqlite3.OperationalError) else None


def named(error: sqlite3.Error, path: Path) -> None:
    """Note in an error which file it is about. SQLite's own messages do not name it."""
    error.filename = path  # type: ignore[attr-defined]


def explanation(error: BaseException) -> str:
    """Return one line for the operator: what the database refused, and what to do about it."""
    said = " ".join(str(error).split())
    if not isinstance(error, sqlite3.Error):
        refused = _of_postgres(error)
        is_away = refused is not None and refused.trouble == AWAY
        return f"the database does not answer: {said}" if is_away else f"the database refused: {said}"
    path: Path | None = getattr(error, "filename", None)
    file = path or "the database's file"
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return (
                f"{file} cannot be written: this account may not write to the file or to its folder, where SQLite keeps"
                " the log; use the account of the server, or change the permissions"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR if path is not None and path.is_dir():
            return f"{file} is a folder; name a file in it"
        case sqlite3.SQLITE_CANTOPEN:
            return f"{file} cannot be opened: this account may not read it, or one of the folders above it is missing"
        case sqlite3.SQLITE_NOTADB:
            return f"{file} is no SQLite database; name another file, or go back to a backup: rapporteur restore FILE"
        case sqlite3.SQLITE_CORRUPT:
            return f"{file} is damaged: {said}; to go back to a backup: rapporteur restore FILE"
        case sqlite3.SQLITE_FULL:
            return f"{file} cannot grow, because its disk is full; nothing was written"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another process is writing to {file}; try again"
    return f"the database refused: {said}" + (f" ({file})" if path else "")


_AWAY = ("08", "28", "3D", "57P")
"""Prefixes of the SQLSTATEs which mean that a connection failed, or that the server refused or ended it."""
_NO_RESOURCES = ("53", "54")
_TOO_LARGE = "54000"
_DAMAGED = ("58", "XX")
_READ_ONLY, _LOCK_NOT_AVAILABLE, _CANCELED, _NOT_PERMITTED = "25006", "55P03", "57014", "42501"
_COLLIDED = ("40001", "40P01")


def _of_postgres(error: BaseException) -> Failure | None:
    state: Any = getattr(error, "sqlstate", None)
    if state is None:
        # An error without SQLSTATE comes from the client library. These types mean that the connection failed or was lost.
        return Failure(unavailable(NO_ANSWER), AWAY) if type(error).__name__ in _WITHOUT_STATE else None
    if state == _LOCK_NOT_AVAILABLE or state in _COLLIDED:
        return Failure(busy())
    if state == _CANCELED:
        return Failure(unavailable(TOO_LONG))
    if state == _READ_ONLY:
        return Failure(unavailable(TAKES_NO_WRITES), READ_ONLY)
    if state == _TOO_LARGE:
        return Failure(Invalid(TOO_LARGE))
    if state == "53100":
        return Failure(unavailable(NO_ROOM))
    if state.startswith(_AWAY):
        return Failure(unavailable(NO_ANSWER), AWAY)
    if state.startswith(_DAMAGED):
        return Failure(unavailable(IS_DAMAGED), DAMAGED)
    if state.startswith(_NO_RESOURCES) or state == _NOT_PERMITTED:
        return Failure(unavailable(NOT_NOW))
    return None


_WITHOUT_STATE = ("OperationalError", "ConnectionTimeout", "PoolTimeout", "PoolClosed", "InterfaceError")


class _Refusal(NamedTuple):
    """The class and the message of the Problem that the client gets if a constraint refuses a write."""

    problem: type[Problem]
    detail: str


_NO_SUCH_VALUE = _Refusal(Invalid, "a value is none that the database takes")
_MISSING = _Refusal(Invalid, "a value is missing that the database needs")
_SAME_KEY = _Refusal(Conflict, "another record has the same key")
_NO_SUCH_RECORD = _Refusal(Conflict, "a record that is referred to is not there, or one is taken away that others refer to")
_REFUSED_BY_SQLITE = {
    sqlite3.SQLITE_CONSTRAINT_CHECK: _NO_SUCH_VALUE,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: _MISSING,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: _SAME_KEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: _SAME_KEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: _NO_SUCH_RECORD,
}
_REFUSED_BY_POSTGRES = {"23514": _NO_SUCH_VALUE, "23502": _MISSING, "23505": _SAME_KEY, "23503": _NO_SUCH_RECORD}


def _of_constraint(error: BaseException) -> Failure | None:
    """Return the Failure for a write that a constraint refused; None for other errors.

    The refusal is logged as an error: our own rules are checked before the write, and should have refused it with a better
    message.
    """
    refusal = _REFUSED_BY_SQLITE.get(getattr(error, "sqlite_errorcode", 0))
    rule = str(error).partition(": ")[2]
    if refusal is None:
        refusal = _REFUSED_BY_POSTGRES.get(getattr(error, "sqlstate", None) or "")
        about: Any = getattr(error, "diag", None)
        rule = about and (about.constraint_name or f"{about.table_name}.{about.column_name}")
    if refusal is None:
        return None
    _log.error("a constraint of the database refused a write that had passed all checks: %s (%s)", refusal.detail, rule or "-")
    return Failure(refusal.problem(f"{refusal.detail} ({rule})" if rule else refusal.detail))
