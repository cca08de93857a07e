"""The command `rapporteur` itself, and what its subcommands share."""

import errno
import sqlite3
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from app import __version__
from app.db import sqlite_files
from app.db.driver import Driver
from app.db.drivers import driver_for
from app.db.engine import create_engine, file_of
from app.db.failures import explanation
from app.db.schema import require_current
from app.errors import OperatorError, Problem, StillNamed
from app.faults import MAX_FAULTS
from app.reading.compiler import Compiler
from app.resources import RESOURCES
from app.settings import FORMER_DEFAULT, Settings, default_database
from app.workers import JobRunner, run_here
from app.writing.writer import Writer

LARGE = 500_000_000
"""Size in bytes. The check of a larger file takes seconds, so the command prints a line before it begins."""


class Refusing(click.Group):
    """A command group that prints an error message for the operator instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command. Show OperatorError, Problem and errors of files and of the database without a traceback."""
        try:
            return super().invoke(context)
        except OperatorError as error:
            raise click.ClickException(str(error)) from error
        except Problem as error:
            shown = "\n".join(map(str, error.faults[:MAX_FAULTS])) or error.detail
            more = len(error.faults) - MAX_FAULTS
            hint = f"\n{error.explanation}" if isinstance(error, StillNamed) else ""
            raise click.ClickException(shown + (f"\n… and {more} more" if more > 0 else "") + hint) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # no error of ours: the reader of the pipe, such as `head`, closed it; click then ends without a message
            raise click.ClickException(f"{error.filename or 'the output'}: {error.strerror or error}") from error
        except (DBAPIError, sqlite3.Error) as error:
            told = error if isinstance(error, sqlite3.Error) else error.orig
            raise click.ClickException(explanation(told or error)) from error


class FilePath(click.Path):
    """A path that is given as an argument. An empty one is refused: it would mean the current folder."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("it is empty; the current folder is `.`", param, ctx)
        return super().convert(value, param, ctx)


@click.group(cls=Refusing)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> None:
    """The system of record for international cooperation in ICT. Environment variables RAPPORTEUR_… contain the settings."""
    context.obj = Settings.from_environment()


DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything, print what would come of it, and keep nothing.")


def require_sound(settings: Settings, *, always: bool) -> None:
    """Raise OperatorError if SQLite's file is damaged (`sqlite_files.require_sound`). On Postgres, do nothing.

    Also raise OperatorError if the registry is where release 0.1.0 kept it, and would be missed at the default of this version.
    """
    if (path := file_of(settings.database_url)) is not None:
        former = FORMER_DEFAULT.resolve()
        if not path.exists() and former.is_file() and path == default_database().resolve():
            raise OperatorError(
                f"there is no registry at {path}, but one at {former}, where release 0.1.0 kept it. To use it:"
                f" export RAPPORTEUR_DATABASE_URL=sqlite:///{former}\nor, to move it while no server runs:"
                f" mkdir -p {path.parent} && mv {former}* {path.parent}/"
            )
        if always and path.exists() and path.stat().st_size > LARGE:
            click.echo(f"checking {path} …", err=True)
        sqlite_files.require_sound(path, always=always)


def engine_of(settings: Settings) -> Engine:
    """An engine for the registry. Raises OperatorError if the registry is missing, damaged or has another schema."""
    require_sound(settings, always=False)
    engine = create_engine(settings.database_url, creates=False, pooler=settings.pooler)
    require_current(engine)
    engine.dispose()  # forked worker processes must not inherit an open connection
    return engine


def writer_of(settings: Settings, run_jobs: JobRunner = run_here) -> tuple[Engine, Writer]:
    """An engine and a writer for the registry. Raises OperatorError as `engine_of` does."""
    engine = engine_of(settings)
    driver: Driver = driver_for(settings.database_url, deadline=settings.read_deadline, connections=1)
    return engine, Writer(RESOURCES, Compiler(RESOURCES, driver.dialect), driver.encode, run_jobs)
