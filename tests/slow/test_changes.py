"""Changes of the schema, made as CONTRIBUTING.md says, in copies of the project, on databases of both sorts with records in them."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.db.schema import newest_revision
from app.settings import ROOT
from tests.conftest import Database

RECORDS = 10_000
COPIED = ("app", "migrations", "seed", "tests", "Makefile", "alembic.ini", "pyproject.toml", "README.md", "LICENSE")
LOCKS = ("requirements.lock", "requirements-dev.lock")

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
        self.run("make", "migration", "NAME=a change")

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


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_goes_up_and_down_on_a_full_database(name: str, project: Callable[[str], Project], database: Database) -> None:
    changed, url = project(name), database.url
    database.seed()
    number = RECORDS - len(database.export())
    database.load(*(f'{{"kind":"meeting","id":"m{each}","name":"Meeting {each}","country":"BY"}}' for each in range(number)))
    before = database.export()
    python = (".venv/bin/python", "-m")

    changed.run(*python, "app", "migrate", url=url)
    assert "No new upgrade operations" in changed.run(".venv/bin/alembic", "check", url=url)
    assert changed.run(*python, "app", "export", "-", url=url).splitlines() == before
    line = changed.folder / "line.ndjson"
    line.write_text(CHANGES[name][1], encoding="utf-8")
    assert changed.run(*python, "app", "import", str(line), url=url).startswith("1 created")
    assert CHANGES[name][1] in changed.run(*python, "app", "export", "-", url=url).splitlines()
    assert "all in agreement" in changed.run(*python, "app", "check", url=url)

    if name == "a word":  # it stands in the way of the schema that does not know it, and nothing is lost or half-changed
        with pytest.raises(AssertionError, match="ck_meetings_format"):
            changed.run(".venv/bin/alembic", "downgrade", newest_revision(), url=url)
        assert "all in agreement" in changed.run(*python, "app", "check", url=url)
        assert "No new upgrade operations" in changed.run(".venv/bin/alembic", "check", url=url)
    database.execute("DELETE FROM documents WHERE record_id = 'changed'")
    database.execute(
        f"DELETE FROM {'organizations' if 'organization' in CHANGES[name][1][:25] else 'meetings'} WHERE id = 'changed'"
    )  # noqa: S608
    database.execute("DELETE FROM records WHERE id = 'changed'")
    database.execute("DELETE FROM changes WHERE record_id = 'changed'")
    changed.run(".venv/bin/alembic", "downgrade", newest_revision(), url=url)
    assert database.export() == before
    assert database.disagreements() == []
    changed.run(*python, "app", "migrate", url=url)
    assert changed.run(*python, "app", "export", "-", url=url).splitlines() == before
