"""Keeps a copy of a registry up to date, in a file of SQLite.

Usage: python follow.py http://127.0.0.1:8000 copy.db [SECONDS]. It needs Python 3.9 and nothing else. It asks every SECONDS
(10 by default); with 0 it ends when the copy is up to date.
"""

import json
import sqlite3
import sys
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

SILENCE = 60.0
"""Seconds after which a registry that says nothing is asked again."""
TABLES = """
    PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, kind TEXT NOT NULL, content TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS followed (position TEXT NOT NULL);
"""


def put(copy: sqlite3.Connection, content: Any) -> None:
    """Write a record."""
    copy.execute("REPLACE INTO records VALUES (?, ?, ?)", (content["id"], content["kind"], json.dumps(content)))


def keep(copy: sqlite3.Connection, position: str) -> None:
    """Commit the records together with the position up to which they are known: both or neither."""
    copy.execute("DELETE FROM followed")
    copy.execute("INSERT INTO followed VALUES (?)", (position,))
    copy.execute("COMMIT")


def forget(copy: sqlite3.Connection) -> None:
    """Keep nothing of a transaction that is not complete."""
    if copy.in_transaction:
        copy.execute("ROLLBACK")


def start_over(registry: str, copy: sqlite3.Connection) -> None:
    """Take a full copy. Its position is the moment at which it was made."""
    with urlopen(f"{registry}/v1/export", timeout=SILENCE) as answer:
        forget(copy)
        copy.execute("BEGIN")
        copy.execute("DELETE FROM records")
        for line in answer.read().splitlines():  # `read` fails if the answer was broken off; reading lines does not
            put(copy, json.loads(line))
        if answer.headers["Rapporteur-Position"] is None:
            sys.exit(f"{registry} is of a version that cannot be followed")
        keep(copy, answer.headers["Rapporteur-Position"])


def follow(registry: str, copy: sqlite3.Connection, position: str) -> None:
    """Apply what has changed since the position."""
    more = True
    while more:
        with urlopen(f"{registry}/v1/changes?whole=true&limit=1000&after={position}", timeout=SILENCE) as answer:
            changes = json.load(answer)
        if not copy.in_transaction:
            copy.execute("BEGIN")
        for change in changes["data"]:
            if change["state"] is None:  # deleted, merged into another, or erased
                copy.execute("DELETE FROM records WHERE id = ?", (change["id"],))
            else:
                put(copy, change["state"])
        position, more = changes["page"]["position"], changes["page"]["more"]
        if changes["page"]["complete"]:  # a transaction longer than a page is applied as a whole
            keep(copy, position)


def main(registry: str, file: str, seconds: str = "10") -> None:
    """Follow the registry, for ever or once."""
    copy = sqlite3.connect(file, isolation_level=None)
    copy.executescript(TABLES)
    while True:
        try:
            known = copy.execute("SELECT position FROM followed").fetchone()
            try:
                follow(registry, copy, *known) if known else start_over(registry, copy)
            except HTTPError as error:
                if error.code == 410:  # the registry was restored, and its log is another one
                    start_over(registry, copy)
                elif error.code < 500 and error.code != 429:
                    sys.exit(f"{error.url} answered {error.code}: {error.read().decode()}")
                else:
                    raise
            if seconds == "0":
                return
        except (OSError, HTTPException) as error:  # away, busy, or broken off: nothing of it is kept
            print(f"{error}; trying again", file=sys.stderr)
            forget(copy)
        time.sleep(float(seconds) or 1)


main(*sys.argv[1:])
