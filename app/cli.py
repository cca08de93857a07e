"""The command `rapporteur`, with a subcommand for each task of an operator."""

import asyncio
import gc
import json
import logging
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import click
import uvicorn
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError
from uvicorn.supervisors import Multiprocess

from app import __version__, logs
from app.db import sqlite_files
from app.db.driver import Driver
from app.db.drivers import driver_for
from app.db.engine import analyze, clear_log, create_engine, reading, sqlite_path, writing
from app.db.engine import vacuum as vacuum_tables
from app.db.schema import applied_revision, newest_revision, require_current, require_usable
from app.db.schema import migrate as migrate_schema
from app.domain.languages import LANG_PATTERN, looked_for
from app.domain.vocabulary import Kind
from app.errors import OperatorError, Problem
from app.faults import MAX_FAULTS
from app.maintenance import backups, copying
from app.maintenance.check import disagreements
from app.maintenance.verify import failures
from app.models import Base
from app.reading import quality
from app.reading.compiler import Compiler
from app.resources import RESOURCES
from app.search.index import search_entries
from app.search.models import DEFAULT_HITS, MAX_HITS, SearchQuery
from app.search.service import Found, SearchService
from app.settings import SEED, Settings
from app.workers import JobRunner, run_here, run_in_workers
from app.writing import keys, parallel_import
from app.writing.batch import Line, Mode, Report
from app.writing.erasing import Eraser
from app.writing.halting import collector_paused
from app.writing.idempotency import expire
from app.writing.keys import Keyring
from app.writing.undoing import Undoer
from app.writing.writer import PASSES, Writer

SUFFIX = ".ndjson"
BACKLOG = 2_048
"""The maximum number of connections that the operating system queues until the server accepts them."""


class Refusing(click.Group):
    """A command group that prints an error message for the operator instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command. Show OperatorError, Problem and errors of the database as a message, without a traceback."""
        try:
            return super().invoke(context)
        except OperatorError as error:
            raise click.ClickException(str(error)) from error
        except Problem as error:
            shown = "\n".join(map(str, error.faults[:MAX_FAULTS])) or error.detail
            more = len(error.faults) - MAX_FAULTS
            raise click.ClickException(shown + (f"\n… and {more} more" if more > 0 else "")) from error
        except DBAPIError as error:
            raise click.ClickException(f"the database refused: {error.orig}") from error


@click.group(cls=Refusing)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> None:
    """The system of record for international cooperation in ICT. Environment variables RAPPORTEUR_… contain the settings."""
    context.obj = Settings.from_environment()


DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything, print what would come of it, and keep nothing.")


@main.command()
@click.option(
    "--demo",
    is_flag=True,
    help="First make the schema, and where there is nothing yet the first data set and a key that may do everything.",
)
@click.pass_context
def serve(context: click.Context, *, demo: bool) -> None:
    """Serve the API and the docs page."""
    settings: Settings = context.obj
    _require_sound(settings, always=True)
    if demo:
        context.invoke(migrate)
        context.invoke(import_, demo=True, if_empty=True, dry_run=False)
        context.invoke(create_key, name="first visitor", scopes=("write", "admin"), if_none=True)
    require_usable(_engine(settings), pooler=settings.pooler)
    listener = _listener(settings)
    where = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    click.echo(f"Rapporteur {__version__}\n  the docs page  {where}/docs\n  the API        {where}/v1/\n  stop with Ctrl-C")
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        http="app.http.protocol:Protocol",
        ws="none",
        workers=settings.workers,
        log_level=settings.log_level,
        log_config=logs.configuration(settings.log_level),
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    if settings.workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    gc.disable()  # the application enables the garbage collector again when it has started
    try:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
    finally:
        gc.enable()
    if not server.started:
        raise OperatorError("the server did not start; the lines above say why")


def _listener(settings: Settings) -> socket.socket:
    """Bind the port and return the socket; the caller then prints the address. Raises OperatorError if the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        detail = f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}"
        raise OperatorError(f"{detail}; choose another with RAPPORTEUR_PORT or RAPPORTEUR_HOST") from error
    listener.set_inheritable(True)
    return listener


def _require_sound(settings: Settings, *, always: bool) -> None:
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        sqlite_files.require_sound(sqlite_path(settings.database_url), always=always)


@main.command()
@click.option("--revision", default="head", show_default=True, help="The revision to bring the schema to, also back.")
@click.pass_obj
def migrate(settings: Settings, revision: str) -> None:
    """Create or update the database schema.

    Afterwards, projections that the new version computes in another way are computed again, and the search index is built if it
    is missing or incomplete.
    """
    _require_sound(settings, always=True)
    before = applied_revision(settings.database_url)
    migrate_schema(settings.database_url, revision=revision)
    if revision != "head":
        return
    engine, writer = _writer(settings)
    with reading(engine) as connection:
        is_projected = before in (None, newest_revision()) or not any(writer.projections.disagreements(connection))
        is_indexed = is_projected and writer.is_indexed(connection)
    if not is_projected:
        with writing(engine) as connection:
            writer.projections.rebuild(connection)
    if not is_indexed:
        _reindex(engine, writer)


@main.command("import")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path, allow_dash=True))
@click.option("--demo", is_flag=True, help="Read the first data set, which comes with the program.")
@click.option("--if-empty", is_flag=True, help="Do nothing where there are records already.")
@DRY_RUN
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.REPLACE.value,
    show_default=True,
    help="replace: a record becomes what its line says. merge: a line changes only what it mentions.",
)
@click.pass_obj
def import_(settings: Settings, paths: tuple[Path, ...], *, demo: bool, if_empty: bool, dry_run: bool, mode: str) -> None:
    """Import records from NDJSON files or from folders that contain them. `-` is standard input.

    If a record has a fault, no record is imported, and the faults are printed.
    """
    if not paths and not demo:
        raise click.UsageError("say which files or folders to read, or --demo for the first data set")
    engine, writer = _writer(settings, run_in_workers)
    lines = list(_lines((*paths, SEED) if demo else paths))
    with collector_paused():
        with click.progressbar(length=len(lines), label="reading", file=sys.stderr) as bar:
            batch = parallel_import.read(writer, lines, mode=Mode(mode), progress=bar.update)
        with writing(engine, keep=not dry_run) as connection:
            if if_empty and writer.count(connection):
                return
            click.echo("comparing with the registry …", err=True)
            settled = writer.settle(connection, batch)
            with click.progressbar(length=PASSES * len(settled.changed), label="writing", file=sys.stderr) as bar:
                report = writer.apply(connection, settled, author="rapporteur import", progress=bar.update)
                bar.update(max(PASSES * len(settled.changed) - bar.pos, 0))
    _tell_report(report, dry_run=dry_run)


def _tell_report(report: Report, *, dry_run: bool) -> None:
    """Print what was written, and how it can be undone."""
    if dry_run:
        click.echo(f"{report} (a dry run: nothing is kept)")
        return
    click.echo(report)
    if report.transaction is not None:
        click.echo(f"to undo it: rapporteur undo {report.transaction}", err=True)


@main.command()
@click.argument("transaction")
@DRY_RUN
@click.pass_obj
def undo(settings: Settings, transaction: str, *, dry_run: bool) -> None:
    """Undo the TRANSACTION of an import or another write, as one new transaction.

    It is refused if one of its records was changed since, or if other records refer to one that it made.
    """
    engine, writer = _writer(settings, run_in_workers)
    with writing(engine, keep=not dry_run) as connection:
        apply = Undoer(writer).undo(connection, transaction, author="rapporteur undo")
        (report,) = apply()
    _tell_report(report, dry_run=dry_run)


@main.command()
@click.argument("identifier", metavar="ID")
@click.option("--confirmed", is_flag=True, help="Erase it even if texts of other records contain one of its names.")
@DRY_RUN
@click.pass_obj
def erase(settings: Settings, identifier: str, *, confirmed: bool, dry_run: bool) -> None:
    """Erase the record ID for ever: what it contains, all its versions in the log, its links and citations.

    It is refused if other records refer to it. The log keeps the id, the kind, the versions and the times.
    """
    engine, writer = _writer(settings)
    with writing(engine, keep=not dry_run) as connection:
        apply = Eraser(writer).erase(
            connection, identifier, kinds=tuple(writer.resources), author="rapporteur erase", confirmed=confirmed
        )
        (erasure,) = apply()
    for record_id, kind in erasure.erased:
        click.echo(f"erased: {kind} {record_id}")
    for what, several in (("blanked", erasure.blanked), ("still mentioned by", erasure.mentions)):
        for each in several:
            click.echo(f"{what}: {each.kind} {each.id}, version {', '.join(map(str, each.versions))}")
    click.echo(f"{erasure.answers} stored answers dropped{' (a dry run: nothing is erased)' if dry_run else ''}")
    if not dry_run and not clear_log(engine):
        click.echo("others read the database, so its log still has the erased pages; to overwrite them: rapporteur vacuum")


@main.command()
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True))
@click.pass_obj
def export(settings: Settings, target: Path) -> None:
    """Write all records as NDJSON to TARGET: to a folder, to one file, or to standard output (`-`).

    In a folder, each kind of record has its own file. If TARGET ends with `.ndjson` or is `-`, all records are written to it,
    one kind after another.
    """
    engine, writer = _writer(settings)
    with reading(engine) as connection:
        total = writer.count(connection)
        click.echo(f"position {writer.position(connection)}", err=True)
        with click.progressbar(writer.export(connection), length=total, label="writing", file=sys.stderr) as records:
            if target.suffix == SUFFIX or str(target) == "-":
                with click.open_file(str(target), "w", encoding="utf-8", atomic=str(target) != "-") as file:
                    file.writelines(f"{text}\n" for _, text in records)
                return
            target.mkdir(parents=True, exist_ok=True)
            plurals = {resource.kind: resource.plural for resource in RESOURCES}
            texts: dict[str, list[str]] = {plural: [] for plural in plurals.values()}
            for kind, text in records:
                texts[plurals[kind]].append(f"{text}\n")
    for plural, several in texts.items():
        path = target / f"{plural}{SUFFIX}"
        if several:
            path.write_text("".join(several), encoding="utf-8", newline="\n")
        else:
            path.unlink(missing_ok=True)


@main.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Compare tables, references, change log, projections and search index with one another. Fails if they disagree.

    Then counts what an editor should look at, as `GET /v1/quality` does: records without citation, contradictions and so on.
    """
    engine, writer = _writer(settings)
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
@click.pass_obj
def rebuild(settings: Settings) -> None:
    """Compute all projections again, and then the search index.

    While the search index is rebuilt, other processes can read and write.
    """
    engine, writer = _writer(settings)
    with writing(engine) as connection:
        writer.projections.rebuild(connection)
    _reindex(engine, writer)
    click.echo("all projections are rebuilt")


@main.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def backup(settings: Settings, target: Path) -> None:
    """Copy the registry to the new FILE, while it is served and written, and check the copy. For SQLite."""
    with click.progressbar(length=1, label="copying", file=sys.stderr) as bar:
        found = backups.back_up(settings.database_url, target, progress=_pages(bar))
    size = target.stat().st_size / 1_000_000
    click.echo(f"{target}: {found.records} records, position {found.position or 'unknown'}, {size:.1f} MB, sound")


@main.command()
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def restore(settings: Settings, source: Path) -> None:
    """Replace the registry by what the backup FILE contains. For SQLite; end the server first.

    The registry that was in place is kept beside it, with the ending `.before-restore`.
    """
    with click.progressbar(length=1, label="copying", file=sys.stderr) as bar:
        found = backups.restore(settings.database_url, source, progress=_pages(bar))
    click.echo(f"restored: {found.records} records, position {found.position or 'unknown'}")
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
    source_engine = _engine(settings_from)
    with _to_fill(target) as url, reading(source_engine) as read:
        migrate_schema(url)
        engine, writer = _writer(replace(settings, database_url=url), run_in_workers)
        with writing(engine) as written:
            total = 2 * copying.count(read)
            with click.progressbar(length=total, label="copying and comparing", file=sys.stderr) as bar:
                copying.copy(read, written, writer, progress=bar.update)
            records, position = writer.count(written), copying.end_of(written)
        engine.dispose()
    click.echo(f"{records} records with their history, position {position}; both sides say the same")
    with reading(source_engine) as read:
        if copying.end_of(read) != position:
            raise OperatorError("FROM was written meanwhile, which TO does not have: end the server of FROM, and copy again")


@contextmanager
def _to_fill(url: str) -> Iterator[str]:
    """The URL of the database to copy to. A file of SQLite gets its name only when it is complete."""
    if make_url(url).get_backend_name() != "sqlite":
        yield url
        return
    with sqlite_files.new_file(sqlite_path(url)) as made:
        yield str(make_url(url).set(database=str(made)))


@main.command()
@click.pass_obj
def vacuum(settings: Settings) -> None:
    """Give free space back, and overwrite what was deleted or erased. Drops stored answers that are older than a day."""
    engine = _engine(settings)
    with writing(engine) as connection:
        expire(connection, datetime.now(UTC))
    vacuum_tables(engine, Base.metadata.sorted_tables)
    click.echo("done")


@main.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def verify(settings: Settings, directory: Path) -> None:
    """Check that the quote of every citation occurs in its source document. The documents are the files of a folder."""
    engine, _ = _writer(settings)
    with reading(engine) as connection:
        checked, found = failures(connection, directory)
    _tell(found, f"{checked} citations, each stands in its document")


@main.command()
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]), help="Only records of this kind."
)
@click.option("--lang", default="", help="The language to show names in, as ru or pt-BR.")
@click.option(
    "--limit", default=DEFAULT_HITS, show_default=True, type=click.IntRange(1, MAX_HITS), help="How many at the most."
)
@click.pass_obj
def search(settings: Settings, words: tuple[str, ...], kinds: tuple[str, ...], lang: str, limit: int) -> None:
    """Find records by WORDS, in any script and spelling.

    Prints for each record its kind, id, date and name, and the passage that was found.
    """
    if lang and not re.fullmatch(LANG_PATTERN, lang):
        raise click.BadParameter(f"{lang!r} is no language tag: write ru or pt-BR", param_hint="--lang")
    _engine(settings)
    wanted = SearchQuery(q=" ".join(words), kind=[Kind(kind) for kind in kinds] or None, limit=limit)
    found = asyncio.run(_found(settings, wanted, looked_for([lang] if lang else [])))
    for hit in found.hits:
        click.echo("\t".join((hit.kind, hit.id, hit.date or "", hit.name)))
        click.echo(f"\t{unescape(hit.snippet.replace('<mark>', '').replace('</mark>', ''))}")
    if not found.hits:
        meant = f"; did you mean {' or '.join(found.did_you_mean)}?" if found.did_you_mean else ""
        click.echo(f"nothing was found{meant}", err=True)


async def _found(settings: Settings, wanted: SearchQuery, languages: list[str]) -> Found:
    driver = driver_for(settings.database_url, deadline=settings.read_deadline, connections=1, pooler=settings.pooler)
    await driver.open()
    try:
        return await SearchService(driver).search(wanted, languages)
    finally:
        await driver.close()


@main.group("keys")
def keys_() -> None:
    """Create, list and revoke the API keys that clients need to write."""


@keys_.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in keys.Scope]),
    default=["write"],
    show_default=True,
    help=f"What it may do, several if repeated: {keys.Scope.described()}.",
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) from which on it is void.")
@click.option("--if-none", is_flag=True, help="Do nothing where there are keys already.")
@click.pass_obj
def create_key(settings: Settings, name: str, scopes: tuple[str, ...], expires: datetime | None, *, if_none: bool) -> None:
    """Create a key for NAME and print it. The key cannot be shown again."""
    day = expires and expires.replace(tzinfo=UTC)
    if day is not None and day <= datetime.now(UTC):
        raise OperatorError(f"--expires {day.date()} is past already")
    with writing(_engine(settings)) as connection:
        if if_none and keys.listed(connection):
            return
        wanted = [keys.Scope(scope) for scope in scopes]
        _, key = Keyring(settings.key_secret).create(connection, name, wanted, by="rapporteur keys", expires=day)
    click.echo(f"a key for {name!r} ({', '.join(scopes)}), which is not shown again:", err=True)
    click.echo(key)
    click.echo(f'  curl -H "Authorization: Bearer {key}" …  or “Authorize” on the docs page', err=True)


@keys_.command("list")
@click.pass_obj
def list_keys(settings: Settings) -> None:
    """List all keys.

    Prints how each key begins, its name, its scopes, and when it was created, expires, was last used and was revoked.
    """
    with reading(_engine(settings)) as connection:
        for row in keys.listed(connection):
            named = {name: row[f"{name}_at"] for name in ("created", "expires", "last_used", "revoked")}
            times = [f"{name} {at:%Y-%m-%d %H:%M}" for name, at in named.items() if at]
            click.echo(f"{keys.MARK}_{row['id']}_…  {row['name']}  {' '.join(json.loads(row['scopes']))}  {', '.join(times)}")


@keys_.command("revoke")
@click.argument("identifier", metavar="ID")
@click.pass_obj
def revoke_key(settings: Settings, identifier: str) -> None:
    """Revoke a key permanently. Its name stays in the history.

    ID is the part of the key between the two underscores.
    """
    with writing(_engine(settings)) as connection:
        row = keys.revoke(connection, identifier.removeprefix(f"{keys.MARK}_").rstrip("_…"))
    click.echo(f"the key of {row['name']!r} is revoked")


@main.command()
@click.pass_obj
def openapi(settings: Settings) -> None:
    """Print the OpenAPI document."""
    from app.main import create_app  # noqa: PLC0415 - other commands do not need FastAPI: importing it takes 0.3 s

    click.echo(json.dumps(create_app(settings).openapi(), ensure_ascii=False, indent=1, sort_keys=False))


def _reindex(engine: Engine, writer: Writer) -> None:
    with reading(engine) as connection:
        total = writer.count(connection)
    with click.progressbar(length=total, label="indexing", file=sys.stderr) as bar:
        writer.reindex(engine, progress=bar.update)
    with writing(engine) as connection:
        analyze(connection, [search_entries])


def _tell(found: list[str], well: str) -> None:
    if found:
        raise OperatorError("\n".join(found))
    click.echo(well)


def _engine(settings: Settings) -> Engine:
    _require_sound(settings, always=False)
    engine = create_engine(settings.database_url, creates=False, pooler=settings.pooler)
    require_current(engine)
    engine.dispose()  # forked worker processes must not inherit an open connection
    return engine


def _writer(settings: Settings, run_jobs: JobRunner = run_here) -> tuple[Engine, Writer]:
    engine = _engine(settings)
    driver: Driver = driver_for(settings.database_url, deadline=settings.read_deadline, connections=1)
    return engine, Writer(RESOURCES, Compiler(RESOURCES, driver.dialect), driver.encode, run_jobs)


def _lines(paths: tuple[Path, ...]) -> Iterator[Line]:
    for path in paths:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not files:
            raise OperatorError(f"{path} holds no {SUFFIX} files")
        for file in files:
            try:
                with click.open_file(str(file), encoding="utf-8") as opened:
                    for number, text in enumerate(opened, 1):
                        if text.strip():
                            yield Line(f"{file.name}:{number}", text)
            except UnicodeDecodeError as error:
                raise OperatorError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error


logging.getLogger("alembic").setLevel(logging.WARNING)
