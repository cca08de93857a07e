"""Changes of the schema, made as CONTRIBUTING.md says in copies of the project, on full databases of both sorts."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.db.schema import newest_revision
from app.models.search import INDEX
from app.settings import ROOT
from tests.conftest import Database, Fresh

RECORDS = 10_000
COPIED = ("app", "migrations", "seed", "tests", "Makefile", "alembic.ini", "pyproject.toml", "README.md", "LICENSE")
LOCKS = ("requirements.lock", "requirements-dev.lock")

KEYS = (("documents", "record_id"), ("meetings", "id"), ("organizations", "id"), ("records", "id"))
"""The tables from which the record is deleted that only the changed schema knows."""

Edit = tuple[str, str, str]
"""A file, what stands in it, and what is to stand there."""

MEETING, MEETINGS, WORDS = "app/resources/meeting.py", "app/models/meetings.py", "app/models/vocabulary.py"
CITY, CITY_FIELD = '    city: Mapped[str | None] = text("the city it was held in', "    city: Text | None = None\n    country"
HYBRID = '    HYBRID = "hybrid",'
CHANGES: dict[str, tuple[list[Edit], str]] = {
    "a word": (
        [(WORDS, HYBRID, f'    IN_SPACE = "in_space", "in orbit, the host\'s: 100 %"\n{HYBRID}')],
        '{"kind":"meeting","id":"changed","name":"Changed","format":"in_space"}',
    ),
    "a reference": (
        [
            (MEETINGS, CITY, f'    host_id: Mapped[str | None] = reference("organizations", "whose guests they were")\n{CITY}'),
            (MEETINGS, '"part_of_id", "city"),', '"part_of_id", "city", "host_id"),'),
            (MEETING, CITY_FIELD, f"    host: Ref | None = None\n{CITY_FIELD}"),
        ],
        '{"kind":"meeting","id":"changed","name":"Changed","host":"sco"}',
    ),
    "a text": (
        [
            (MEETINGS, CITY, f'    motto: Mapped[str | None] = text("the motto, as printed")\n{CITY}'),
            (MEETING, CITY_FIELD, f"    motto: Text | None = None\n{CITY_FIELD}"),
        ],
        '{"kind":"meeting","id":"changed","name":"Changed","motto":"Peace"}',
    ),
    "a field with words": (
        [
            (MEETINGS, CITY, f'    mood: Mapped[str | None] = word(MeetingFormat, "how it felt")\n{CITY}'),
            (MEETING, CITY_FIELD, f"    mood: MeetingFormat | None = None\n{CITY_FIELD}"),
        ],
        '{"kind":"meeting","id":"changed","name":"Changed","mood":"hybrid"}',
    ),
    "a field less": (
        [
            ("app/models/actors.py", '    website: Mapped[str | None] = text("its own site")\n', ""),
            ("app/resources/organization.py", "    website: Url | None = None\n", ""),
        ],
        '{"kind":"organization","id":"changed","name":"Changed"}',
    ),
}


class Project:
    """A copy of the project with one change and the migration of it."""

    def __init__(self, folder: Path, edits: list[Edit]) -> None:
        self.folder = folder
        for name in COPIED + LOCKS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        for file, before, after in edits:
            text = (folder / file).read_text(encoding="utf-8")
            assert text.count(before) == 1, (file, before)
            (folder / file).write_text(text.replace(before, after), encoding="utf-8")
        self.run("make", "--old-file=.venv/development", "migration", "NAME=a change")  # what it needs is installed

    def run(self, *words: str, url: str = "") -> str:
        """Run a command in it, and return what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONWARNINGS": "ignore", "RAPPORTEUR_DATABASE_URL": url}
        done = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """Makes the project with a change, once."""
    made: dict[str, Project] = {}

    def make(name: str) -> Project:
        if name not in made:
            made[name] = Project(tmp_path_factory.mktemp("project"), CHANGES[name][0])
        return made[name]

    return make


@pytest.fixture(scope="module")
def full(fresh: Fresh) -> Iterator[Database]:
    """A database with the first data set and many more records, which each change leaves as it was."""
    made = Database(fresh())
    made.seed()
    number = RECORDS - len(made.export())
    made.load(*(f'{{"kind":"meeting","id":"m{each}","name":"Meeting {each}","country":"BY"}}' for each in range(number)))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_goes_up_and_down_on_a_full_database(name: str, project: Callable[[str], Project], full: Database) -> None:
    def alembic(*words: str) -> str:
        return changed.run(".venv/bin/alembic", *words, url=full.url)

    def rapporteur(*words: str) -> str:
        return changed.run(".venv/bin/python", "-m", "app", *words, url=full.url)

    changed, before, line = project(name), full.export(), CHANGES[name][1]
    assert len(before) == RECORDS
    rapporteur("migrate")
    assert "No new upgrade operations" in alembic("check")
    assert rapporteur("export", "-").splitlines() == before
    file = changed.folder / "line.ndjson"
    file.write_text(line, encoding="utf-8")
    assert rapporteur("import", str(file)).startswith("1 created")
    assert line in rapporteur("export", "-").splitlines()
    assert "all in agreement" in rapporteur("check")

    if name == "a word":  # the schema before does not know it, so that the way down ends there: nothing is lost or half-changed
        with pytest.raises(AssertionError, match="ck_meetings_format"):
            alembic("downgrade", newest_revision())
        assert "all in agreement" in rapporteur("check")
        assert "No new upgrade operations" in alembic("check")
    if full.engine.dialect.name == "sqlite":
        gone = "SELECT 'delete', docid, terms FROM documents WHERE record_id = 'changed'"
        full.execute(f"INSERT INTO {INDEX} ({INDEX}, rowid, terms) {gone}")
    for table, key in (*KEYS, ("changes", "record_id")):
        full.execute(f"DELETE FROM {table} WHERE {key} = 'changed'")
    alembic("downgrade", newest_revision())
    assert full.export() == before
    assert full.disagreements() == []
