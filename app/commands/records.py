"""What reads and writes records: `import`, `export`, `undo`, `erase`, `search`."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import click

from app.commands.group import DRY_RUN, FilePath, engine_of, main, writer_of
from app.db.drivers import driver_for
from app.db.engine import clear_log, reading, writing
from app.domain.languages import LANG_PATTERN, looked_for
from app.domain.vocabulary import Kind
from app.errors import OperatorError
from app.resources import RESOURCES
from app.search.models import DEFAULT_HITS, MAX_HITS, SearchQuery
from app.search.service import Found, SearchService
from app.settings import SEED, Settings
from app.workers import run_in_workers
from app.writing import parallel_import
from app.writing.batch import Line, Mode, Report
from app.writing.erasing import Eraser
from app.writing.halting import collector_paused
from app.writing.undoing import Undoer
from app.writing.writer import PASSES

SUFFIX = ".ndjson"


@main.command("import")
@click.argument("paths", nargs=-1, type=FilePath(exists=True, allow_dash=True))
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
    engine, writer = writer_of(settings, run_in_workers)
    lines = list(lines_of((*paths, SEED) if demo else paths))
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


def lines_of(paths: tuple[Path, ...]) -> Iterator[Line]:
    """Yield the lines of the files and folders. Raises OperatorError if a folder has none, or a file is not UTF-8."""
    for path in paths:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not files:
            raise OperatorError(f"{path} holds no {SUFFIX} files")
        for file in files:
            try:
                with click.open_file(str(file), encoding="utf-8-sig") as opened:
                    for number, text in enumerate(opened, 1):
                        if text.strip():
                            yield Line(f"{file.name}:{number}", text)
            except UnicodeDecodeError as error:
                raise OperatorError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error


@main.command()
@click.argument("transaction")
@DRY_RUN
@click.pass_obj
def undo(settings: Settings, transaction: str, *, dry_run: bool) -> None:
    """Undo the TRANSACTION of an import or another write, as one new transaction.

    It is refused if one of its records was changed since, or if other records refer to one that it made.
    """
    engine, writer = writer_of(settings, run_in_workers)
    with writing(engine, keep=not dry_run) as connection:
        apply = Undoer(writer).undo(connection, transaction, author="rapporteur undo")
        (report,) = apply()
    _tell_report(report, dry_run=dry_run)


def _tell_report(report: Report, *, dry_run: bool) -> None:
    """Print what was written, and how it can be undone."""
    if dry_run:
        click.echo(f"{report} (a dry run: nothing is kept)")
    else:
        click.echo(report)
    for each in report.warnings:
        click.echo(f"warning: {each}", err=True)
    if report.transaction is not None and not dry_run:
        click.echo(f"to undo it: rapporteur undo {report.transaction}", err=True)


@main.command()
@click.argument("identifier", metavar="ID")
@click.option("--confirmed", is_flag=True, help="Erase it even if present texts of other records contain one of its names.")
@click.option("--keep-history", is_flag=True, help="Keep the earlier versions of other records that only contain a name of it.")
@DRY_RUN
@click.pass_obj
def erase(settings: Settings, identifier: str, *, confirmed: bool, keep_history: bool, dry_run: bool) -> None:
    """Erase the record ID for ever: what it contains, all its versions in the log, its links and citations.

    It is refused if other records refer to it. The log keeps the id, the kind, the versions and the times.
    """
    engine, writer = writer_of(settings)
    with writing(engine, keep=not dry_run) as connection:
        apply = Eraser(writer).erase(
            connection,
            identifier,
            kinds=tuple(writer.resources),
            author="rapporteur erase",
            confirmed=confirmed,
            keeps_history=keep_history,
        )
        (erasure,) = apply()
    would = "would be " if dry_run else ""
    for record_id, kind in erasure.erased:
        click.echo(f"{would}erased: {kind} {record_id}")
    for what, several in ((f"{would}blanked", erasure.blanked), ("still mentioned by", erasure.mentions)):
        for each in several:
            click.echo(f"{what}: {each.kind} {each.id}, version {', '.join(map(str, each.versions))}")
    for document in erasure.documents:
        click.echo(f"{would}removed: the text of the document {document}")
    for proposal in erasure.proposals:
        click.echo(f"{would}removed: what named it in the proposal {proposal}")
    click.echo(f"{erasure.answers} stored answers {would or 'were '}dropped")
    if not dry_run and not clear_log(engine):
        click.echo("others read the database, so its log still has the erased pages; to overwrite them: rapporteur vacuum")


@main.command()
@click.argument("target", type=FilePath(allow_dash=True))
@click.pass_obj
def export(settings: Settings, target: Path) -> None:
    """Write all records as NDJSON to TARGET: to a folder, to one file, or to standard output (`-`).

    In a folder, each kind of record has its own file. If TARGET ends with `.ndjson` or is `-`, all records are written to it,
    one kind after another.
    """
    is_one_file = target.suffix == SUFFIX or str(target) == "-"
    engine, writer = writer_of(settings)
    with _writing_to(target), reading(engine) as connection:
        if not is_one_file:
            target.mkdir(parents=True, exist_ok=True)
        total = writer.count(connection)
        click.echo(f"position {writer.position(connection)}", err=True)
        with click.progressbar(writer.export(connection), length=total, label="writing", file=sys.stderr) as records:
            if is_one_file:
                with click.open_file(str(target), "w", encoding="utf-8", atomic=str(target) != "-") as file:
                    file.writelines(f"{text}\n" for _, text in records)
                return
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


@contextmanager
def _writing_to(target: Path) -> Iterator[None]:
    """Raise OperatorError if the block cannot write to the target. A pipe that its reader closed is no error of ours."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (FileExistsError, NotADirectoryError) as error:
        raise OperatorError(f"{target} cannot be written, because it or a folder above it is a file") from error
    except OSError as error:
        where = "standard output" if str(target) == "-" else target
        raise OperatorError(f"{where} cannot be written: {error.strerror}") from error


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
    engine_of(settings)
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
