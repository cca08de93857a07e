"""How many bytes a change takes in the log, on both databases: `python -m bench.growth`.

The first data set is imported into empty databases, and then each record that has a name is changed several times.
"""

import json
import tempfile
from pathlib import Path

import sqlalchemy as sa

from app.db.schema import migrate
from tests import postgres
from tests.conftest import SEED, Database

ROUNDS = 5
BUSY = 500
"""Changes on a working day of a busy registry: some ten editors, and an integration."""
DAYS = 250 * 10
"""Working days of ten years."""


def size_of_log(database: Database) -> int:
    """The bytes of the table of changes and of its indexes."""
    with database.engine.connect() as connection:
        if database.engine.dialect.name == "postgresql":
            query = "SELECT pg_total_relation_size('changes')"
        else:
            query = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%changes%'"
        return int(connection.execute(sa.text(query)).scalar_one())


def measure(url: str) -> None:
    """Import and change the first data set, and print what a change takes."""
    migrate(url)
    database = Database(url)
    database.seed()
    named = [
        json.loads(line) for path in sorted(SEED.glob("*.ndjson")) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    named = [record for record in named if "name" in record and record["kind"] not in ("country", "citation")]
    print(f"{database.engine.dialect.name}:")
    told("created", database, 0, 0)
    for number in range(ROUNDS):
        size, count = size_of_log(database), len(database.execute("SELECT seq FROM changes"))
        database.load(*(json.dumps({**record, "name": f"{record['name']} {number}"}) for record in named))
        told("replaced", database, size, count)
    database.engine.dispose()


def told(what: str, database: Database, size: int, count: int) -> None:
    """Print the bytes of each change since the log had this size and number of changes."""
    new = len(database.execute("SELECT seq FROM changes")) - count
    each = (size_of_log(database) - size) / new
    print(f"  {new:5} {what:8} {each:5.0f} bytes each; ten busy years {each * BUSY * DAYS / 1e9:.2f} GB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(f"sqlite:///{Path(folder)}/growth.db")
    with postgres.server() as url:
        measure(url)
