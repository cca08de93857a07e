"""What an operator sees: each command's exit code, words and files."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import __version__
from app.cli import main
from app.db.engine import sqlite_path, writing
from app.maintenance.check import disagreements
from app.resources import RESOURCES
from app.settings import ROOT
from tests.conftest import SEED, Database, Fresh, run_command
from tests.depth import slow
from tests.postgres import free_port

STOPS_WITHIN = 5


def run(*words: str | Path, url: str, text: str | bytes | None = None, **variables: str) -> Result:
    """Run `rapporteur` in this process."""
    environment = {"RAPPORTEUR_DATABASE_URL": url, **variables}
    return CliRunner().invoke(main, [str(word) for word in words], input=text, env=environment, prog_name="rapporteur")


@pytest.fixture(scope="module")
def spoilt(fresh: Fresh) -> Iterator[Database]:
    """A database with the first data set, which tests spoil and mend again."""
    made = Database(fresh())
    made.seed()
    yield made
    made.engine.dispose()


def check(database: Database) -> list[str]:
    """What `rapporteur check` finds; it fails if it finds something."""
    result = run("check", url=database.url)
    if result.exit_code == 0:
        assert result.stdout.splitlines()[0] == f"{len(database.export())} records, all in agreement"
        return []
    assert result.exit_code == 1
    return result.stderr.split("Error: ", 1)[1].splitlines()


# -- check and rebuild --------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[str, str, str]] = {
    "a wrong copy of a name": (
        "UPDATE records SET name = 'Somebody else' WHERE id = 'pavel-tkach'",
        "UPDATE records SET name = 'Pavel Tkach' WHERE id = 'pavel-tkach'",
        "person pavel-tkach: records has it as the person 'Somebody else'",
    ),
    "content that the log does not know": (
        "UPDATE meetings SET city = 'Minsk', version = version + 1 WHERE id = 'ots-ict-2022'",
        "UPDATE meetings SET city = 'Samarkand', version = version - 1 WHERE id = 'ots-ict-2022'",
        "meeting ots-ict-2022: differs from version 1 in the log; the table has version 2",
    ),
    "content changed under the same version": (
        "UPDATE meetings SET city = 'Minsk' WHERE id = 'ots-ict-2022'",
        "UPDATE meetings SET city = 'Samarkand' WHERE id = 'ots-ict-2022'",
        "meeting ots-ict-2022: differs from version 1 in the log; the table has version 1",
    ),
    "an involvement too many": (
        (
            "INSERT INTO involvements (actor_id, record_kind, date_start, record_id, actor_kind)"
            " VALUES ('AQ', 'meeting', '2022-10-01', 'ots-ict-2022', 'country')"
        ),
        "DELETE FROM involvements WHERE actor_id = 'AQ'",
        "involvements: superfluous: AQ in meeting ots-ict-2022 of 2022-10-01",
    ),
    "an involvement too few": (
        "DELETE FROM involvements WHERE record_id = 'ots-ict-2022' AND actor_id = 'KZ'",
        (
            "INSERT INTO involvements (actor_id, record_kind, date_start, record_id, actor_kind)"
            " VALUES ('KZ', 'meeting', '2022-10-01', 'ots-ict-2022', 'country')"
        ),
        "involvements: missing: KZ in meeting ots-ict-2022 of 2022-10-01",
    ),
    "a date that is not the meeting's": (
        "UPDATE actions SET date_start = '1999-01-01' WHERE id = '0b3f26bf-a570-5240-a130-0d595cd84f3c'",
        (
            "UPDATE actions SET date_start = (SELECT date_start FROM meetings WHERE id = 'wsis-tunis')"
            " WHERE id = '0b3f26bf-a570-5240-a130-0d595cd84f3c'"
        ),
        "actions: 0b3f26bf-a570-5240-a130-0d595cd84f3c has not the dates of its meeting",
    ),
    "a date's wrong first day": (
        "UPDATE meetings SET date_start = '2022-10-27' WHERE id = 'ots-ict-2022'",
        "UPDATE meetings SET date_start = '2022-10-01' WHERE id = 'ots-ict-2022'",
        "meeting ots-ict-2022: date_start is '2022-10-27', not '2022-10-01'",
    ),
    "a wrong place in the order of names": (
        "UPDATE people SET name_key = 'zzz' WHERE id = 'pavel-tkach'",
        "UPDATE people SET name_key = 'pavel tkach' || chr(1) || 'pavel tkach' WHERE id = 'pavel-tkach'",
        "person pavel-tkach: name_key is 'zzz', not 'pavel tkach",
    ),
    "another name shown": (
        "UPDATE names SET shown_in = NULL WHERE record_id = 'pavel-tkach' AND place = 0",
        "UPDATE names SET shown_in = language WHERE record_id = 'pavel-tkach' AND place = 0",
        "person pavel-tkach: names are not what its content makes them",
    ),
    "words of a document that are not the record's": (
        "UPDATE search_entries SET words = words || ' ' WHERE record_id = 'pavel-tkach'",
        "UPDATE search_entries SET words = rtrim(words) WHERE record_id = 'pavel-tkach'",
        "search_entries: pavel-tkach is not found by what it says",
    ),
    "a record that stands nowhere": (
        "INSERT INTO records (id, kind, name) VALUES ('nobody', 'person', 'Nobody')",
        "DELETE FROM records WHERE id = 'nobody'",
        "person nobody: has no row in its table",
    ),
    "an entry of the log without its record": (
        (
            'INSERT INTO changes (seq, record_id, kind, operation, version, at, author, "transaction", state, digest)'
            " VALUES (999999, 'nobody', 'person', 'create', 1, '2026-01-28T09:30:00.000000Z', 'x', 'x', '{}', '0123abcd')"
        ),
        "DELETE FROM changes WHERE seq = 999999",
        "nobody: stands in the log and nowhere else",
    ),
    "a record that the log does not know": (
        "UPDATE changes SET record_id = 'nobody' WHERE record_id = 'pavel-tkach'",
        "UPDATE changes SET record_id = 'pavel-tkach' WHERE record_id = 'nobody'",
        "person pavel-tkach: has no entry in the log",
    ),
}
BY_REBUILD = ("an involvement too many", "an involvement too few", "a date that is not the meeting's")


def _char(statement: str, database: Database) -> str:
    return statement.replace("chr(", "char(") if database.engine.dialect.name == "sqlite" else statement


@contextmanager
def _changed(database: Database, statement: str, back: str, **values: object) -> Iterator[None]:
    """Spoil something for a while."""
    database.execute(_char(statement, database))
    try:
        yield
    finally:
        database.execute(_char(back, database), **values)


def found_wrong(database: Database) -> list[str]:
    """What `rapporteur check` would find, without its starting."""
    with writing(database.engine) as connection:
        return disagreements(connection, database.writer, progress=lambda _: None)


@slow
def test_check_finds_each_fault_and_names_the_record(spoilt: Database) -> None:
    assert check(spoilt) == []
    for what, (spoil, mend, message) in FAULTS.items():
        with _changed(spoilt, spoil, mend):
            told = found_wrong(spoilt)
            assert any(line.startswith(message) for line in told), (what, told)
    assert check(spoilt) == []


def test_check_names_each_record_that_is_wrong_and_fails(spoilt: Database) -> None:
    (spoil, mend, message), (another, mend_too, too) = (FAULTS[what] for what in ("a wrong copy of a name", BY_REBUILD[0]))
    with _changed(spoilt, spoil, mend), _changed(spoilt, another, mend_too):
        assert sorted(check(spoilt)) == sorted([message, too, "search_entries: ots-ict-2022 is not found by what it says"])
    assert check(spoilt) == []


def test_check_names_a_record_whose_content_could_not_be_imported(spoilt: Database) -> None:
    spoil = "UPDATE meetings SET date = 'soon' WHERE id = 'ots-ict-2022'"
    with _changed(spoilt, spoil, "UPDATE meetings SET date = '2022-10-27~' WHERE id = 'ots-ict-2022'"):
        assert any(line.startswith("meeting ots-ict-2022: /date: 'soon' is no EDTF date") for line in check(spoilt))


def test_check_finds_what_was_written_past_the_constraints(database: Database, kind_of_database: str) -> None:
    database.load('{"kind":"topic","id":"wide","name":"Wide"}', '{"kind":"topic","id":"narrow","name":"N","broader":"wide"}')
    off, delete = "PRAGMA foreign_keys = OFF", "DELETE FROM topics WHERE id = 'wide'"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if kind_of_database == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql(off)
            connection.exec_driver_sql(delete)
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql(delete)
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
    told = check(database)
    assert "topics narrow: broader_id leads nowhere" in told
    assert "topic wide: has no row in its table" in told


def test_rebuild_mends_the_projections_and_nothing_else(spoilt: Database) -> None:
    changes = spoilt.execute("SELECT * FROM changes ORDER BY seq")
    for what in BY_REBUILD:
        spoilt.execute(FAULTS[what][0])
    assert len(found_wrong(spoilt)) >= len(BY_REBUILD)
    spoil, mend, message = FAULTS["a wrong copy of a name"]
    with _changed(spoilt, spoil, mend):
        result = run("rebuild", url=spoilt.url)
        assert (result.exit_code, result.stdout) == (0, "all projections are rebuilt\n")
        assert found_wrong(spoilt) == [message]
    assert found_wrong(spoilt) == []
    assert spoilt.execute("SELECT * FROM changes ORDER BY seq") == changes


# -- verify -------------------------------------------------------------------------------------------------------------


def verify(database: Database, folder: Path) -> list[str]:
    """What `rapporteur verify` finds; it fails if it finds something."""
    result = run("verify", folder, url=database.url)
    if result.exit_code == 0:
        ((citations,),) = database.execute("SELECT count(*) FROM citations")
        assert result.stdout == f"{citations} citations, each stands in its document\n"
        return []
    assert result.exit_code == 1
    *found, summed = result.stderr.split("Error: ", 1)[1].splitlines()
    assert summed.startswith(f"faults: {len(found)}; citations looked at: ")
    return found


def test_every_citation_of_the_seed_stands_in_its_document(spoilt: Database, documents: Path) -> None:
    assert verify(spoilt, documents) == []


def test_verify_catches_each_kind_of_wrong_citation(spoilt: Database, documents: Path) -> None:
    one = "SELECT id, record_id, source_id, paragraph, quote FROM citations WHERE source_id = 'mpt-2025-sco' AND paragraph > 2"
    citation, record, source, paragraph, said = spoilt.execute(f"{one} ORDER BY id LIMIT 1")[0]
    where = f"citation {citation} of {record}: {source} paragraph"
    back = f"UPDATE citations SET paragraph = {paragraph}, quote = :quote WHERE id = '{citation}'"
    for change, told in (
        ("quote = 'never said'", f"{where} {paragraph}: does not say 'never said'"),
        ("quote = upper(quote)", f"{where} {paragraph}: does not say {str(said).upper()!r}"),
        ("quote = quote || ' then'", f"{where} {paragraph}: does not say {f'{said} then'!r}"),
        ("paragraph = 1", f"{where} 1: does not say {said!r}"),
        ("paragraph = 9999", f"{where} 9999: the document has "),
    ):
        with _changed(spoilt, f"UPDATE citations SET {change} WHERE id = '{citation}'", back, quote=said):
            found = verify(spoilt, documents)
            assert len(found) == 1, change
            assert found[0].startswith(told)
    assert verify(spoilt, documents) == []


def test_verify_catches_a_document_that_was_changed_or_is_missing(spoilt: Database, documents: Path, tmp_path: Path) -> None:
    for path in documents.iterdir():
        shutil.copyfile(path, tmp_path / f"renamed-{path.name}")
    assert verify(spoilt, tmp_path) == [], "a document may have any name"
    first, *_ = sorted(tmp_path.iterdir())
    content = first.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    ((source,),) = spoilt.execute("SELECT record_id FROM source_texts WHERE sha256 = :digest", digest=digest)
    told = f"source {source}: no file in {tmp_path} has its sha256 {digest}; it is missing or was changed"
    first.unlink()
    assert verify(spoilt, tmp_path) == [told]
    first.write_bytes(content + b" ")
    assert verify(spoilt, tmp_path) == [told]
    first.write_bytes(content)
    assert verify(spoilt, tmp_path) == []
    of_source = "FROM source_texts WHERE record_id = 'mpt-2025-sco'"
    ((said,),) = spoilt.execute(f"SELECT sha256 {of_source}")
    with _changed(
        spoilt,
        f"DELETE {of_source}",
        "INSERT INTO source_texts (record_id, place, sha256, form) VALUES ('mpt-2025-sco', 0, :digest, 'text')",
        digest=said,
    ):
        (without,) = verify(spoilt, tmp_path)
        assert without == "source mpt-2025-sco: has no text with a sha256, so no document can be told to be it"


def test_verify_takes_the_text_that_it_can_divide(database: Database, tmp_path: Path) -> None:
    page, plain, other = b"<p>Both sides met.</p>\xff", b"Title\n\nBoth sides met.", b"Title\nBoth sides met."
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in {"page": page, "plain": plain, "other": other}.items()}
    for name, text in {"page": page, "plain": plain, "other": other}.items():
        (tmp_path / name).write_bytes(text)
    ruled = {"sha256": digests["other"], "form": "text", "rule": "lines"}
    database.load(
        json.dumps({"kind": "source", "id": "it", "title": "It", "texts": [{"sha256": digests["page"]}, ruled]}),
        '{"kind":"topic","id":"topic","name":"Topic"}',
        '{"kind":"citation","record":"topic","source":"it","paragraph":2,"quote":"Both sides met","confidence":"stated"}',
    )
    (told,) = verify(database, tmp_path)
    assert told == (
        f"source it: no paragraphs are read from its text {digests['page']}: it is no text in utf-8 (no charset was declared),"
        " as byte 23 shows; declare its charset, or send it in UTF-8;"
        f" no paragraphs are read from its text {digests['other']}:"
        " it is divided by a rule that this program does not know: lines"
    )
    with database.client() as client:
        texts = client.get("/v1/sources/it").json()["texts"]
        assert texts[0] == {"sha256": digests["page"], "form": "retrieved", "rule": None}
    more = [{"sha256": digests["page"]}, {"sha256": digests["plain"], "form": "text"}]
    database.load(json.dumps({"kind": "source", "id": "it", "title": "It", "texts": more}))
    assert verify(database, tmp_path) == []


def test_verify_reads_pages_as_they_were_retrieved(database: Database, tmp_path: Path) -> None:
    """A page in HTML, one in another charset, and texts that have no blank lines."""
    head = "<html><head><title>T</title><style>p{}</style></head>"
    page = f"{head}<body><nav>Menu</nav><p>Стороны <b>встретились</b>.<p>И ещё.</body>"
    pages = {
        "page": (page.encode(), "html-1", 2, "Стороны встретились"),
        "declared": (page.encode("cp1251"), "html-1; charset=windows-1251", 2, "Стороны встретились"),
        "says": (page.replace("<t", '<meta charset="windows-1251"><t').encode("cp1251"), "html-1", 3, "И ещё"),
        "lines": ("Заголовок\nСтороны встретились.".encode(), "lines-1", 2, "встретились"),
        "marks": ("\ufeff# Title\nBoth *sides* met\n- one\n- two".encode(), "markdown-1", 2, "Both sides met"),
        "utf-16": ("Title\n\nBoth sides met.".encode("utf-16"), "plain-1", 2, "Both sides met"),
    }
    lines: list[dict[str, object]] = []
    for name, (content, rule, paragraph, quote) in pages.items():
        (tmp_path / name).write_bytes(content)
        text = {"sha256": hashlib.sha256(content).hexdigest(), "form": "retrieved", "rule": rule}
        lines.append({"kind": "source", "id": f"page-{name}", "title": name, "texts": [text]})
        lines.append({"kind": "topic", "id": f"topic-{name}", "name": f"Topic {name}"})
        cited: dict[str, object] = {"record": f"topic-{name}", "source": f"page-{name}", "paragraph": paragraph, "quote": quote}
        lines.append({"kind": "citation", "confidence": "stated", **cited})
    database.load(*map(json.dumps, lines))
    assert verify(database, tmp_path) == []
    (tmp_path / "page").write_bytes(b"%PDF-1.7 \x00")
    (told,) = verify(database, tmp_path)
    assert told.startswith("source page-page: no file in ")


def test_verify_survives_whatever_lies_in_the_folder(spoilt: Database, documents: Path, tmp_path: Path) -> None:
    """It tells what cannot be read, in a line each, and checks and counts the rest."""
    for path in documents.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "a\nname – ё").write_bytes(b"x")
    assert verify(spoilt, tmp_path) == []
    page = b"%PDF-1.7 ..."
    (tmp_path / "page.pdf").write_bytes(page)
    digest = hashlib.sha256(page).hexdigest()
    of_source = "record_id = 'mpt-2025-sco' AND place = 0"
    ((said,),) = spoilt.execute(f"SELECT sha256 FROM source_texts WHERE {of_source}")
    ((lost,),) = spoilt.execute("SELECT count(*) FROM citations WHERE source_id = 'mpt-2025-sco'")
    ((all_of_them,),) = spoilt.execute("SELECT count(*) FROM citations")
    with _changed(
        spoilt,
        f"UPDATE source_texts SET sha256 = '{digest}' WHERE {of_source}",
        f"UPDATE source_texts SET sha256 = :said WHERE {of_source}",
        said=said,
    ):
        result = run("verify", tmp_path, url=spoilt.url)
    assert result.exit_code == 1
    rest = int(str(all_of_them)) - int(str(lost))
    why = "it is a PDF, of which only the extracted text can be taken apart"
    told = f"no paragraphs are read from its text {digest}: {why}"
    assert result.stderr.split("Error: ", 1)[1].splitlines() == [
        f"source mpt-2025-sco: {told}",
        f"faults: 1; citations looked at: {rest}, of which {rest} stand in their documents",
    ]


def test_verify_takes_one_source_alone(spoilt: Database, documents: Path, tmp_path: Path) -> None:
    ((digest,),) = spoilt.execute("SELECT sha256 FROM source_texts WHERE record_id = 'mpt-2025-sco'")
    ((count,),) = spoilt.execute("SELECT count(*) FROM citations WHERE source_id = 'mpt-2025-sco'")
    (only,) = (path for path in documents.iterdir() if hashlib.sha256(path.read_bytes()).hexdigest() == digest)
    shutil.copyfile(only, tmp_path / "it")
    result = run("verify", tmp_path, "--source", "mpt-2025-sco", url=spoilt.url)
    assert (result.exit_code, result.stdout) == (0, f"{count} citations, each stands in its document\n")
    unknown = run("verify", tmp_path, "--source", "nobody", url=spoilt.url)
    assert unknown.exit_code == 1
    assert "--source: there is no source 'nobody'" in unknown.stderr


def test_verify_forgives_white_space_and_nothing_else(database: Database, tmp_path: Path) -> None:
    document = "First paragraph\r\n\r\nThe  two\u00a0sides\tagreed\non “e-government” – ё.\n \nThird: cafe\u0301."
    (tmp_path / "document").write_bytes(document.encode())
    digest = hashlib.sha256(document.encode()).hexdigest()
    quotes = {
        "the same": ("The two sides agreed on", 2, True),
        "no-break spaces": ("two\u00a0sides\u202fagreed", 2, True),
        "composed letters": ("café", 3, True),
        "case": ("the two sides", 2, False),
        "quotation marks": ('"e-government"', 2, False),
        "a hyphen for a dash": ("” - ё", 2, False),
        "another letter": ("– е", 2, False),
        "a hidden sign": ("two\u200bsides", 2, False),
        "across paragraphs": ("ё. Third", 2, False),
    }
    lines = [
        {"kind": "source", "id": "it", "title": "It", "sha256": digest},
        {"kind": "topic", "id": "topic", "name": "Topic"},
        *(
            {
                "kind": "citation",
                "record": "topic",
                "source": "it",
                "paragraph": paragraph,
                "quote": quote,
                "value": what,
                "confidence": "stated",
            }
            for what, (quote, paragraph, _) in quotes.items()
        ),
    ]
    database.load(*(json.dumps(line) for line in lines))
    found = verify(database, tmp_path)
    assert len(found) == sum(not good for _, _, good in quotes.values())
    for quote, _, good in quotes.values():
        assert any(line.endswith(f"does not say {quote!r}") for line in found) != good


# -- import and export --------------------------------------------------------------------------------------------------


def test_an_export_to_a_folder_is_the_seed_file_by_file(seeded: Database, tmp_path: Path) -> None:
    target = tmp_path / "made" / "by export"
    assert run("export", target, url=seeded.url).exit_code == 0
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{resource.plural}.ndjson" for resource in RESOURCES)
    for path in target.iterdir():
        assert path.read_bytes() == (SEED / path.name).read_bytes(), path.name


def test_an_export_to_a_folder_takes_away_the_files_of_kinds_that_have_no_records(database: Database, tmp_path: Path) -> None:
    (tmp_path / "people.ndjson").write_text('{"kind":"person","id":"old","name":"Old"}\n')
    (tmp_path / "README").write_text("ours")
    database.load('{"kind":"topic","id":"only","name":"Only"}')
    assert run("export", tmp_path, url=database.url).exit_code == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "README": "ours",
        "topics.ndjson": '{"kind":"topic","id":"only","name":"Only"}\n',
    }


def test_an_export_to_one_file_and_to_standard_output_is_all_files_in_turn(seeded: Database, tmp_path: Path) -> None:
    everything = b"".join((SEED / f"{resource.plural}.ndjson").read_bytes() for resource in RESOURCES)
    target = tmp_path / "all.ndjson"
    assert run("export", target, url=seeded.url).exit_code == 0
    assert target.read_bytes() == everything
    result = run("export", "-", url=seeded.url)
    assert result.exit_code == 0
    assert result.stdout_bytes == everything


def test_an_import_reads_standard_input_files_and_folders(database: Database, tmp_path: Path) -> None:
    result = run("import", "-", url=database.url, text='{"kind":"topic","id":"one","name":"Тема"}\n\n')
    assert (result.exit_code, result.stdout) == (0, "1 created, 0 replaced, 0 unchanged, 0 deleted\n")
    (tmp_path / "a.ndjson").write_text('{"kind":"topic","id":"two","name":"Two","broader":"three"}', encoding="utf-8")
    (tmp_path / "b.ndjson").write_text('{"kind":"topic","id":"three","name":"Three"}\r\n', encoding="utf-8", newline="")
    (tmp_path / "notes.txt").write_text("no record", encoding="utf-8")
    assert run("import", tmp_path, url=database.url).stdout == "2 created, 0 replaced, 0 unchanged, 0 deleted\n"
    both = run("import", tmp_path / "a.ndjson", tmp_path / "b.ndjson", url=database.url)
    assert both.stdout == "0 created, 0 replaced, 2 unchanged, 0 deleted\n"
    assert [json.loads(line)["id"] for line in database.export()] == ["one", "three", "two"]
    assert "Тема" in database.export()[0]


def test_an_import_of_nothing_says_what_can_be_read(database: Database) -> None:
    refused = run("import", url=database.url)
    assert refused.exit_code == 2
    assert "say which files or folders to read, or --demo for the first data set" in refused.stderr
    assert run("import", "--demo", url=database.url).stdout.startswith("992 created")
    assert run("import", "--demo", url=database.url).stdout.startswith("0 created, 0 replaced, 992 unchanged")
    assert run("import", "--demo", "--if-empty", url=database.url).stdout == ""


def test_an_import_from_standard_input_names_its_lines(database: Database) -> None:
    result = run("import", "-", url=database.url, text='{"kind":"topic","id":"one","name":"One"}\n{"kind":"topic"}\n')
    assert result.exit_code == 1
    assert "-:2: /name: " in result.stderr
    assert database.export() == []


def test_what_cannot_be_read_is_said_with_its_name(database: Database, tmp_path: Path) -> None:
    latin = tmp_path / "latin.ndjson"
    latin.write_bytes('{"kind":"topic","id":"cafe","name":"Café"}\n'.encode("latin-1"))
    result = run("import", latin, url=database.url)
    assert result.exit_code == 1
    assert f"Error: {latin} is not UTF-8: " in result.stderr
    missing = run("import", tmp_path / "missing.ndjson", url=database.url)
    assert missing.exit_code == 2
    assert "missing.ndjson' does not exist" in missing.stderr
    (tmp_path / "empty").mkdir()
    empty = run("import", tmp_path / "empty", url=database.url)
    assert empty.exit_code == 1
    assert f"Error: {tmp_path / 'empty'} holds no .ndjson files" in empty.stderr
    assert run("import", url=database.url).exit_code == 2
    nowhere = run("verify", tmp_path / "missing", url=database.url)
    assert nowhere.exit_code == 2
    assert "missing' does not exist" in nowhere.stderr
    standard = run("import", "-", url=database.url, text=b'{"kind":"topic","id":"x","name":"\xff"}\n')
    assert standard.exit_code == 1
    assert "is not UTF-8: " in standard.stderr
    for done in (result, missing, empty, nowhere, standard):
        assert "Traceback" not in done.output
    assert database.export() == []


# -- settings and the rest ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RAPPORTEUR_DATABSE_URL", "sqlite:///x.db"),
        ("RAPPORTEUR_PORT", "eighty"),
        ("RAPPORTEUR_PORT", "0"),
        ("RAPPORTEUR_PORT", "-1"),
        ("RAPPORTEUR_PORT", "70000"),
        ("RAPPORTEUR_PORT", "８０００"),
        ("RAPPORTEUR_PORT", ""),
        ("RAPPORTEUR_WORKERS", "two"),
        ("RAPPORTEUR_READ_DEADLINE", "0.5"),
        ("RAPPORTEUR_READ_CONNECTIONS", "1e3"),
        ("RAPPORTEUR_DATABASE_URL", "mysql://user@host/name"),
        ("RAPPORTEUR_DATABASE_URL", "registry.db"),
        ("RAPPORTEUR_DATABASE_URL", ""),
        ("RAPPORTEUR_DATABASE_URL", "sqlite:///"),
        ("RAPPORTEUR_DATABASE_URL", "postgresql://host:port/name"),
        ("RAPPORTEUR_LOG_LEVEL", "loud"),
    ],
)
def test_a_variable_that_is_unknown_or_unusable_is_named(tmp_path: Path, variable: str, value: str) -> None:
    result = run("check", **{"url": f"sqlite:///{tmp_path}/x.db", variable: value})
    assert result.exit_code in (1, 2)
    assert variable in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_search_prints_what_the_api_finds(seeded: Database) -> None:
    def found(*words: str) -> list[list[str]]:
        result = run("search", *words, url=seeded.url)
        assert result.exit_code == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines()]

    lines = found("Залесского", "--limit", "2")
    with seeded.client() as client:
        hits = client.get("/v1/search", params={"q": "Залесского", "limit": 2}).json()["data"]
    assert [line[:2] for line in lines[::2]] == [[hit["kind"], hit["id"]] for hit in hits]
    assert lines[0] == ["person", "kirill-zalessky", "", "Kirill Zalessky"]
    assert lines[1][0] == ""
    assert "Кирилл" in lines[1][1]
    assert "<mark>" not in lines[1][1]
    assert found("Zalessky", "--lang", "ru", "--kind", "person")[0][3] == "Кирилл Залесский"
    assert {line[0] for line in found("SCO", "--kind", "series", "--kind", "source")} == {"series", "source", ""}


def test_search_says_when_nothing_was_found_or_an_option_is_wrong(seeded: Database) -> None:
    nothing = run("search", "qqqzzz", url=seeded.url)
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "nothing was found\n")
    near = run("search", "Belar", "--kind", "source", url=seeded.url)
    assert near.stderr.startswith("nothing was found; did you mean Belarus")
    for options, message in ((("--lang", "?!"), "'?!' is no language tag"), (("--kind", "planet"), "'planet' is not one of")):
        wrong = run("search", "SCO", *options, url=seeded.url)
        assert wrong.exit_code == 2
        assert message in wrong.stderr


def test_the_openapi_document_is_printed_as_json(tmp_path: Path) -> None:
    result = run("openapi", url=f"sqlite:///{tmp_path}/none.db")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["openapi"].startswith("3.")
    assert document["info"] == {**document["info"], "title": "Rapporteur", "version": __version__}
    assert {resource.path for resource in RESOURCES} <= document["paths"].keys()
    assert list(tmp_path.iterdir()) == [], "the document needs no database"


def test_the_version_and_the_commands_are_told(tmp_path: Path) -> None:
    assert run("--version", url="sqlite:///x.db").stdout == f"rapporteur, version {__version__}\n"
    result = run("--help", url="sqlite:///x.db")
    assert result.exit_code == 0
    for command in ("serve", "migrate", "import", "export", "check", "rebuild", "verify", "search", "openapi"):
        assert f"\n  {command} " in result.stdout
    assert run("nonsense", url=f"sqlite:///{tmp_path}/x.db").exit_code == 2


def test_a_process_makes_its_database_and_fills_and_checks_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new folder/registry.db"
    assert run_command("migrate", url=url).returncode == 0
    imported = run_command("import", "seed", url=url)
    assert (imported.returncode, imported.stdout.split(" ", 1)[1]) == (0, "created, 0 replaced, 0 unchanged, 0 deleted\n")
    assert sqlite_path(url).is_file()


def _healthy(port: int, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.05)
    return False


def test_serve_answers_and_stops_when_told_to(seeded: Database) -> None:
    port = free_port()
    variables = {"RAPPORTEUR_DATABASE_URL": seeded.url, "RAPPORTEUR_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert _healthy(port, process), process.poll() is not None and process.communicate()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/organizations/sco", timeout=10) as answer:
            assert json.load(answer)["id"] == "sco"
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=STOPS_WITHIN)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, -signal.SIGTERM)
    assert f"http://127.0.0.1:{port}/docs" in stdout
    assert "Traceback" not in stderr


def test_a_dry_run_of_an_import_tells_what_would_come_of_it_and_keeps_nothing(database: Database) -> None:
    told = run("import", "--demo", "--dry-run", url=database.url)
    assert told.stdout == "992 created, 0 replaced, 0 unchanged, 0 deleted (a dry run: nothing is kept)\n"
    assert database.export() == []
    assert database.disagreements() == []


def test_an_import_that_merges_is_undone_by_the_command(database: Database, tmp_path: Path) -> None:
    lines = tmp_path / "lines.ndjson"
    lines.write_text('{"kind":"person","id":"x","name":"X","summary":"Kept"}\n')
    assert run("import", lines, url=database.url).exit_code == 0
    lines.write_text('{"kind":"person","id":"x","sort_name":"X, Y"}\n' * 2 + '{"kind":"person","id":"y","name":"Y"}\n')
    told = run("import", "--mode", "merge", lines, url=database.url)
    assert told.stdout == "1 created, 1 replaced, 0 unchanged, 0 deleted, 1 repeated\n"
    with database.client() as client:
        assert client.get("/v1/people/x").json()["summary"] == "Kept"
        transaction = told.stderr.split()[-1]
        dry = run("undo", transaction, "--dry-run", url=database.url)
        assert dry.stdout == "0 created, 1 replaced, 0 unchanged, 1 deleted (a dry run: nothing is kept)\n"
        assert run("undo", transaction, url=database.url).exit_code == 0
        assert client.get("/v1/people/x").json()["sort_name"] is None
        assert client.get("/v1/people/y").status_code == 410
        again = run("undo", transaction, url=database.url)
        assert again.exit_code == 1
        assert "was changed since" in again.stderr
    assert database.disagreements() == []
