"""The command `rapporteur` itself, and what its subcommands share."""

import sqlite3
from typing import Any

import click
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from app import __version__
from app.db import sqlite_files
from app.db.driver import Driver
from app.db.drivers import driver_for
from app.db.engine import create_engine, file_of
from app.db.schema import require_current
from app.errors import OperatorError, Problem, StillNamed
from app.faults import MAX_FAULTS
from app.reading.compiler import Compiler
from app.resources import RESOURCES
from app.settings import Settings
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
            raise click.ClickException(f"{error.filename or 'a file'}: {error.strerror or error}") from error
        except DBAPIError as error:
            is_damaged = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            way_out = "; to go back to a backup: rapporteur restore FILE" if is_damaged else ""
            raise click.ClickException(f"the database refused: {error.orig}{way_out}") from error


@click.group(cls=Refusing)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> None:
    """The system of record for international cooperation in ICT. Environment variables RAPPORTEUR_… contain the settings."""
    context.obj = Settings.from_environment()


DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything, print what would come of it, and keep nothing.")


def require_sound(settings: Settings, *, always: bool) -> None:
    """Raise OperatorError if SQLite's file is damaged (`sqlite_files.require_sound`). On Postgres, do nothing."""
    if (path := file_of(settings.database_url)) is not None:
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
