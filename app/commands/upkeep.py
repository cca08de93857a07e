"""What keeps a registry in order: `migrate`, `check`, `rebuild`, `verify`, `backup`, `restore`, `copy`, `vacuum`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Engine, make_url

from app.commands.group import FilePath, engine_of, main, require_sound, writer_of
from app.db import sqlite_files
from app.db.engine import analyze, file_of, reading, size_of, writing
from app.db.engine import vacuum as vacuum_tables
from app.db.schema import applied_revision, newest_revision
from app.db.schema import migrate as migrate_schema
from app.errors import OperatorError
from app.maintenance import backups, copying
from app.maintenance.check import disagreements
from app.maintenance.verify import verified
from app.models import Base
from app.reading import quality
from app.resources import RESOURCES
from app.search.index import search_entries
from app.settings import Settings
from app.workers import run_in_workers
from app.writing.idempotency import expire
from app.writing.writer import Writer


@main.command()
@click.option("--revision", default="head", show_default=True, help="The revision to bring the schema to, also back.")
@click.pass_obj
def migrate(settings: Settings, revision: str) -> None:
    """Create or update the database schema.

    Afterwards, projections that the new version computes in another way are computed again, and the search index is built if it
    is missing or incomplete.
    """
    require_sound(settings, always=True)
    before = applied_revision(settings.database_url)
    migrate_schema(settings.database_url, revision=revision)
    click.echo(f"schema {applied_revision(settings.database_url)}, before {before or 'none'}", err=True)
    if revision != "head":
        return
    engine, writer = writer_of(settings)
    with reading(engine) as connection:
        is_projected = before in (None, newest_revision()) or not any(writer.projections.disagreements(connection))
        is_indexed = is_projected and writer.is_indexed(connection)
    if not is_projected:
        with writing(engine) as connection:
            writer.projections.rebuild(connection)
    if not is_indexed:
        _reindex(engine, writer)


@main.command()
@click.pass_obj
def rebuild(settings: Settings) -> None:
    """Compute all projections again, and then the search index.

    While the search index is rebuilt, other processes can read and write.
    """
    engine, writer = writer_of(settings)
    with writing(engine) as connection:
        writer.projections.rebuild(connection)
    _reindex(engine, writer)
    click.echo("all projections are rebuilt")


def _reindex(engine: Engine, writer: Writer) -> None:
    with reading(engine) as connection:
        total = writer.count(connection)
    with click.progressbar(length=total, label="indexing", file=sys.stderr) as bar:
        writer.reindex(engine, progress=bar.update)
    with writing(engine) as connection:
        analyze(connection, [search_entries])


@main.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Compare tables, references, change log, projections and search index with one another. Fails if they disagree.

    Then counts what an editor should look at, as `GET /v1/quality` does: records without citation, contradictions and so on.
    """
    engine, writer = writer_of(settings)
    with reading(engine) as connection:
        total = writer.count(connection)
        with click.progressbar(length=total, label="checking", file=sys.stderr) as bar:
            found = disagreements(connection, writer, progress=bar.update)
        looked_at = [(sort, connection.execute(sort.counted()).scalar_one()) for sort in quality.sorts(RESOURCES)]
    _tell(found, f"{total} records, all in agreement")
    for sort, count in looked_at:
        if count:
            click.echo(f"{sort.code}: {count}. {sort.explanation}")


@main.command()
@click.argument("directory", type=FilePath(exists=True, file_okay=False))
@click.option("--source", metavar="ID", help="Check the citations of this source only.")
@click.pass_obj
def verify(settings: Settings, directory: Path, source: str | None) -> None:
    """Check that the quote of every citation occurs in its source document. The documents are the files of a folder.

    A document that is missing or cannot be read is told, and the citations of the other sources are still checked.
    """
    engine, _ = writer_of(settings)
    with reading(engine) as connection:
        try:
            checked, faults, wrong = verified(connection, directory, source=source)
        except LookupError:
            raise OperatorError(f"--source: there is no source {source!r}") from None
    if faults:
        faults.append(
            f"faults: {len(faults)}; citations looked at: {checked}, of which {checked - wrong} stand in their documents"
        )
    _tell(faults, f"{checked} citations, each stands in its document")


def _tell(found: list[str], well: str) -> None:
    if found:
        raise OperatorError("\n".join(found))
    click.echo(well)


@main.command()
@click.argument("target", metavar="FILE", type=FilePath())
@click.pass_obj
def backup(settings: Settings, target: Path) -> None:
    """Copy the registry to the new FILE, while it is served and written, and check the copy. For SQLite."""
    with click.progressbar(length=1, label="copying", file=sys.stderr) as bar:
        found = backups.back_up(settings.database_url, target, progress=_pages(bar))
    size = target.stat().st_size / 1_000_000
    click.echo(f"{target}: {found.records} records, position {found.position or 'unknown'}, {size:.1f} MB, sound")


@main.command()
@click.argument("source", metavar="FILE", type=FilePath(exists=True, dir_okay=False))
@click.pass_obj
def restore(settings: Settings, source: Path) -> None:
    """Replace the registry by what the backup FILE contains. For SQLite; end the server first.

    The registry that was in place is kept beside it, with `.before-restore-` and the time added to its name.
    """
    with click.progressbar(length=1, label="copying", file=sys.stderr) as bar:
        found, aside = backups.restore(settings.database_url, source, progress=_pages(bar))
    click.echo(f"restored: {found.records} records, position {found.position or 'unknown'}")
    if aside is not None:
        click.echo(f"the registry before is kept as {aside}")
    if found.revision != newest_revision():
        click.echo("its schema is of an earlier version; type: rapporteur migrate")


def _pages(bar: Any) -> backups.Progress:
    def show(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    return show


@main.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.pass_obj
def copy(settings: Settings, source: str, target: str) -> None:
    """Copy the registry at the URL FROM to the new database at the URL TO: from SQLite to Postgres, for example, or back.

    All is copied: records, history, keys, redirects and stored answers. Then both are compared. If anything fails, TO stays
    empty.
    """
    settings_from, settings_to = (replace(settings, database_url=url) for url in (source, target))
    for name, each in (("FROM", settings_from), ("TO", settings_to)):
        if fault := dict(each.faults()).get("database_url"):
            raise click.BadParameter(fault, param_hint=name)
    source_engine = engine_of(settings_from)
    copying.require_empty(target)
    with _to_fill(target) as url, reading(source_engine) as read:
        migrate_schema(url)
        engine, writer = writer_of(replace(settings, database_url=url), run_in_workers)
        with writing(engine) as written:
            total = 2 * copying.count(read)
            with click.progressbar(length=total, label="copying and comparing", file=sys.stderr) as bar:
                copying.copy(read, written, writer, progress=bar.update)
            records, position = writer.count(written), copying.end_of(written)
            with reading(source_engine) as now:
                if copying.end_of(now) != position or copying.keys_of(now) != copying.keys_of(read):
                    raise OperatorError("FROM was written meanwhile: end the server of FROM, and copy again. Nothing was kept")
        engine.dispose()
    click.echo(f"{records} records with their history, position {position}; both sides say the same")


@contextmanager
def _to_fill(url: str) -> Iterator[str]:
    """The URL of the database to copy to. A file of SQLite gets its name only when it is complete."""
    if (path := file_of(url)) is None:
        yield url
        return
    with sqlite_files.new_file(path) as made:
        yield str(make_url(url).set(database=str(made)))


@main.command()
@click.pass_obj
def vacuum(settings: Settings) -> None:
    """Give free space back, and overwrite what was deleted or erased. Drops stored answers that are older than a day."""
    engine = engine_of(settings)
    before = size_of(engine)
    with writing(engine) as connection:
        dropped = expire(connection, datetime.now(UTC))
    vacuum_tables(engine, Base.metadata.sorted_tables)
    click.echo(f"{before / 1e6:.1f} MB before, {size_of(engine) / 1e6:.1f} MB now; {dropped} stored answers dropped")
