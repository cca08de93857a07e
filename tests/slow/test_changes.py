"""Changes of the schema, made as CONTRIBUTING.md says in copies of the project, on full databases of both sorts."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.db.full_text import INDEX
from app.db.schema import newest_revision
from app.settings import ROOT
from tests import depth
from tests.conftest import Bare, Database, Fresh

pytestmark = depth.slow

RECORDS = 10_000
COPIED = ("app", "docs", "migrations", "seed", "tests", "Makefile", "alembic.ini", "pyproject.toml", "README.md", "LICENSE")
LOCKS = ("requirements.lock", "requirements-dev.lock")

KEYS = (("search_entries", "record_id"), ("meetings", "id"), ("organizations", "id"), ("records", "id"))
"""The tables from which the record is deleted that only the changed schema knows."""

ASKED = """
import json, os
from starlette.testclient import TestClient
from app.main import create_app
from app.settings import Settings

with TestClient(create_app(Settings(database_url=os.environ["RAPPORTEUR_DATABASE_URL"]))) as client:
    print(client.get("/v1/interviews/changed").json()["date_start"])
    days = "date_from=2026-01-28&date_to=2026-01-28"
    for query in ("participant=by-mci", "participant=BY", "participant=RU", days, "q=chang", "speaker=aleksandr-lukashenko"):
        print(query, [each["id"] for each in client.get(f"/v1/interviews?{query}").json()["data"]])
    for query in ("q=changed", "q=changed&kind=interview"):
        print(query, [each["id"] for each in client.get(f"/v1/search?{query}").json()["data"]])
    print(client.get("/v1/export").text.count('"kind":"interview"'))
    print("/v1/interviews/{id}" in client.get("/openapi.json").json()["paths"])
"""
FOUND = [
    "2026-01-28",
    "participant=by-mci ['changed']",
    "participant=BY ['changed']",
    "participant=RU []",
    "date_from=2026-01-28&date_to=2026-01-28 ['changed']",
    "q=chang ['changed']",
    "speaker=aleksandr-lukashenko []",
    "q=changed ['changed']",
    "q=changed&kind=interview ['changed']",
    "1",
    "True",
]

Edit = tuple[str, str, str]
"""A file, what stands in it (if nothing: its end), and what is to stand there."""

MEETING, MEETINGS, WORDS = "app/resources/meeting.py", "app/models/meetings.py", "app/domain/vocabulary.py"
KINDS = "app/resources/__init__.py"
RENAMED = "a column renamed"
CITY, CITY_FIELD = '    city: Mapped[str | None] = text("the city it was held in', "    city: Text | None = None\n    country"
HYBRID = '    HYBRID = "hybrid",'
INTERVIEWS = '''

class Interview(Named, Dated, Base):
    """What somebody told a medium."""

    __tablename__ = "interviews"
    __table_args__ = (
        *windows(),
        *orders("name_key", "updated_at", "created_at"),
        *lookups("date_start", "speaker_id", "medium_id", "meeting_id"),
        {"comment": "what somebody told a medium"},
    )

    speaker_id: Mapped[str] = reference("people", "who was asked")
    medium_id: Mapped[str | None] = reference("organizations", "the medium that asked")
    meeting_id: Mapped[str | None] = reference("meetings", "the meeting at which it was given")
    summary: Mapped[str | None] = text("what was said, in the registry's words")
'''
INTERVIEW = '''"""Interviews: what somebody told a medium."""

from typing import Literal

from app.models.meetings import Interview as Table
from app.domain.vocabulary import Kind
from app.declaration.filters import Equals, Involves
from app.declaration.model import DerivedDay, EventDate, Ref, Text
from app.declaration.resource import Actor, Resource, Searched, by
from app.resources.record import CITATIONS, Record, common_sorts, label_of, named_filters, window_filters


class Interview(Record):
    """What somebody told a medium."""

    kind: Literal[Kind.INTERVIEW]
    name: Text
    date: EventDate | None = None
    date_note: Text | None = None
    date_start: DerivedDay
    date_end: DerivedDay
    speaker: Ref
    medium: Ref | None = None
    meeting: Ref | None = None
    summary: Text | None = None


INTERVIEW = Resource(
    kind=Kind.INTERVIEW,
    plural="interviews",
    model=Interview,
    table_model=Table,
    filters={
        "speaker": Equals("who was asked", "pavel-tkach", column="speaker_id"),
        "participant": Involves("who was asked, or asked", "pavel-tkach", kind=Kind.INTERVIEW),
        **window_filters("interviews of a time"),
        **named_filters("interview"),
    },
    sorts={
        "date": by(Table.date_start, ascending=Table.date_order),
        "name": by(Table.name_key),
        **common_sorts(Table),
    },
    default_sort="-date",
    includes=CITATIONS,
    dated_by="meeting",
    actors=(Actor("speaker"), Actor("medium")),
    label=label_of("name"),
    searched=Searched(texts=("summary",), date="date"),
)
'''
PROOF = '"citations":[{"source":"mpt-2025-sco","paragraph":1,"quote":"Changed","confidence":"stated","field":"%s"}]}'
CHANGES: dict[str, tuple[list[Edit], str]] = {
    "a word": (
        [(WORDS, HYBRID, f'    IN_SPACE = "in_space", "in orbit, the host\'s: 100 %"\n{HYBRID}')],
        '{"kind":"meeting","id":"changed","name":"Changed","format":"in_space"}',
    ),
    "a reference": (
        [
            (MEETINGS, CITY, f'    host_id: Mapped[str | None] = reference("organizations", "whose guests they were")\n{CITY}'),
            (MEETINGS, '"part_of_id", "city_key"),', '"part_of_id", "city_key", "host_id"),'),
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
            ("app/resources/organization.py", "    label=", '    formerly={"website": lambda _: {}},\n    label='),
        ],
        '{"kind":"organization","id":"changed","name":"Changed","website":"https://example.org/",' + PROOF % "website",
    ),
    RENAMED: (
        [
            (MEETINGS, "format: Mapped[str | None] = word(", "way: Mapped[str | None] = word("),
            (MEETINGS, '"status", "format", ', '"status", "way", '),
            (MEETING, "    format: MeetingFormat", "    way: MeetingFormat"),
            (MEETING, 'column="format"', 'column="way"'),
            (MEETING, "    label=", '    formerly={"format": renamed("way")},\n    label='),
            (MEETING, "import Include, Resource", "import Include, Resource, renamed"),
        ],
        '{"kind":"meeting","id":"changed","name":"Changed","format":"hybrid",' + PROOF % "format",
    ),
    "a kind": (
        [
            (
                WORDS,
                '    CITATION = "citation"',
                '    INTERVIEW = "interview", "an interview", Role.EVENT\n    CITATION = "citation"',
            ),
            (MEETINGS, "", INTERVIEWS),
            ("app/resources/interview.py", "", INTERVIEW),
            (KINDS, "from app.resources.meeting", "from app.resources.interview import INTERVIEW\nfrom app.resources.meeting"),
            (KINDS, "    CITATION,\n)", "    INTERVIEW,\n    CITATION,\n)"),
        ],
        '{"kind":"interview","id":"changed","name":"Changed","speaker":"pavel-tkach","medium":"by-mci","meeting":"by-ae-talks-2026-01-28"}',
    ),
}
BY_HAND = {
    RENAMED: tuple(f'rename_column(op.get_bind(), "meetings", {names})' for names in ('"format", "way"', '"way", "format"')),
}


class Project:
    """A copy of the project with one change and the migration of it."""

    def __init__(self, folder: Path, edits: list[Edit], by_hand: tuple[str, ...] = ()) -> None:
        self.folder = folder
        for name in COPIED + LOCKS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        for file, before, after in edits:
            if not before:
                with (folder / file).open("a", encoding="utf-8") as added:
                    added.write(after)
                continue
            text = (folder / file).read_text(encoding="utf-8")
            assert text.count(before) == 1, (file, before)
            (folder / file).write_text(text.replace(before, after), encoding="utf-8")
        self.run("make", "--old-file=.venv/development", "migration", "NAME=a change")  # what it needs is installed
        (self.migration,) = folder.glob("migrations/versions/*_a_change.py")
        if by_hand:
            self.migrate_by_hand(*by_hand)

    def migrate_by_hand(self, up: str, down: str) -> None:
        """Write the steps of the migration anew, as CONTRIBUTING.md says for what Alembic cannot guess."""
        head, _, _ = self.migration.read_text(encoding="utf-8").partition("def upgrade")
        head = head.replace("import op\n", "import op\nfrom app.db.ddl import rename_column\n")
        text = f"{head}def upgrade() -> None:\n    {up}\n\n\ndef downgrade() -> None:\n    {down}\n"
        self.migration.write_text(text, encoding="utf-8")

    @contextmanager
    def failing_at_the_end(self) -> Iterator[None]:
        """A migration that fails when all else of it is done."""
        whole = self.migration.read_text(encoding="utf-8")
        failing = whole.replace("def downgrade", '    raise RuntimeError("it fails here")\n\n\ndef downgrade', 1)
        self.migration.write_text(failing, encoding="utf-8")
        yield
        self.migration.write_text(whole, encoding="utf-8")

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
            made[name] = Project(tmp_path_factory.mktemp("project"), CHANGES[name][0], BY_HAND.get(name, ()))
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


SCHEMAS = {
    "sqlite": "SELECT type, name, sql FROM sqlite_schema ORDER BY name",
    "postgresql": "SELECT 'column', table_name || '.' || column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = 'public' UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    " UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
}


def _schema(database: Database) -> list[tuple[object, ...]]:
    """All tables, columns, indexes and constraints."""
    return database.execute(SCHEMAS[database.engine.dialect.name])


def _goes_round(changed: Project, exported: list[str]) -> None:
    """An export of the program before the change fills an empty registry of the program after it."""
    url, file = f"sqlite:///{changed.folder}/again.db", changed.folder / "again.ndjson"
    file.write_text("\n".join(exported), encoding="utf-8")
    for words in (["migrate"], ["import", str(file)], ["check"]):
        changed.run(".venv/bin/python", "-m", "app", *words, url=url)
    (changed.folder / "again.db").unlink()


def _of_today(line: str, name: str) -> str:
    """A line as the changed program exports it; citations are lines of their own."""
    line = re.sub(r',"(?:website":"[^"]*"(?=,"citations)|citations":.*(?=}$))', "", line)
    return line.replace('"format":', '"way":') if name == RENAMED and line.startswith('{"kind":"meeting"') else line


def _forget_changed(full: Database) -> None:
    """Delete what only the changed schema can hold, the log of it too."""
    if full.engine.dialect.name == "sqlite":
        gone = "SELECT 'delete', docid, terms FROM search_entries WHERE record_id = 'changed'"
        full.execute(f"INSERT INTO {INDEX} ({INDEX}, rowid, terms) {gone}")
    for (proof,) in full.execute("SELECT id FROM citations WHERE record_id = 'changed'"):
        for table, key in (("citations", "id"), ("records", "id"), ("changes", "record_id")):
            full.execute(f"DELETE FROM {table} WHERE {key} = :proof", proof=proof)
    for table, key in (*KEYS, ("changes", "record_id")):
        full.execute(f"DELETE FROM {table} WHERE {key} = 'changed'")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_goes_up_and_down_on_an_empty_database(name: str, project: Callable[[str], Project], bare: Bare) -> None:
    changed, url = project(name), bare()
    changed.run(".venv/bin/python", "-m", "app", "migrate", url=url)
    assert "No new upgrade operations" in changed.run(".venv/bin/alembic", "check", url=url)
    changed.run(".venv/bin/alembic", "downgrade", newest_revision(), url=url)
    database = Database(url)
    assert database.export() == []
    assert database.disagreements() == []
    database.engine.dispose()
    changed.run(".venv/bin/alembic", "downgrade", "base", url=url)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_goes_up_and_down_on_a_full_database(name: str, project: Callable[[str], Project], full: Database) -> None:
    def alembic(*words: str) -> str:
        return changed.run(".venv/bin/alembic", *words, url=full.url)

    def rapporteur(*words: str) -> str:
        return changed.run(".venv/bin/python", "-m", "app", *words, url=full.url)

    changed, before, line = project(name), full.export(), CHANGES[name][1]
    assert len(before) == RECORDS
    with changed.failing_at_the_end():
        stood = _schema(full)
        with pytest.raises(AssertionError, match="it fails here"):
            rapporteur("migrate")
        assert (_schema(full), full.export()) == (stood, before)
    rapporteur("migrate")
    if name == RENAMED:
        rapporteur("rebuild")
    assert "No new upgrade operations" in alembic("check")
    assert rapporteur("export", "-").splitlines() == [_of_today(each, name) for each in before]
    file = changed.folder / "line.ndjson"
    file.write_text(line, encoding="utf-8")
    cited = "citations" in line
    assert rapporteur("import", str(file)).startswith(f"{1 + cited} created")
    after = rapporteur("export", "-").splitlines()
    assert _of_today(line, name) in after
    assert "all in agreement" in rapporteur("check")
    if cited:  # what earlier releases said of fields that are gone, or have other names, is said in fields of today
        (proof,) = (json.loads(each) for each in after if '"record":"changed"' in each)
        assert proof.get("field") == (None if name == "a field less" else "way")
        _goes_round(changed, before)

    if name == "a word":  # the schema before does not know it, so that the way down ends there: nothing is lost or half-changed
        with pytest.raises(AssertionError, match="ck_meetings_format"):
            alembic("downgrade", newest_revision())
        assert "all in agreement" in rapporteur("check")
        assert "No new upgrade operations" in alembic("check")
    if name == "a kind":
        assert changed.run(".venv/bin/python", "-c", ASKED, url=full.url).splitlines() == FOUND
        changed.run("make", "--old-file=.venv/development", "examples", "openapi", "diagram", url=full.url)
        assert "interviews" in (changed.folder / "docs" / "schema.md").read_text(encoding="utf-8")
        full.execute("DELETE FROM involvements WHERE record_id = 'changed'")
        full.execute("DELETE FROM interviews")
    _forget_changed(full)
    alembic("downgrade", newest_revision())
    assert full.export() == before
    if name == RENAMED:
        full.writer.reindex(full.engine, progress=lambda _: None)
    assert full.disagreements() == []
