"""Checks the revision of the database's schema, and migrates it."""

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from app.db.engine import create_engine, reading, sqlite_path
from app.db.failures import explanation
from app.errors import OperatorError, StaleSchema
from app.settings import MIGRATIONS

if TYPE_CHECKING:
    from alembic.config import Config

FIRST_STEPS = """Type:
  rapporteur migrate             to make it
  rapporteur import --demo       to fill it with the first data set, or: rapporteur import PATH
  rapporteur keys create NAME    for a key to write with
  rapporteur serve
or for all of it at once: rapporteur serve --demo"""
NEWER = "it was made by a newer version, which you need to install"
BACKEND = "SELECT pg_backend_pid()"
"""A query for the id of the Postgres process that serves the connection."""
_applied = sa.table("alembic_version", sa.column("version_num"))


def alembic_config(url: str) -> "Config":
    """Return Alembic's configuration for migrating a database. It does not read `alembic.ini`, which the command line uses."""
    from alembic.config import Config  # noqa: PLC0415 - as in `migrate`

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def migrate(url: str, *, revision: str = "head") -> None:
    """Bring the schema up, or back, to a revision, by default to the newest.

    Raises OperatorError if this version does not know that revision or the schema that the database has.
    """
    from alembic import command  # noqa: PLC0415 - importing it takes a tenth of the start-up time, and only migrations need it

    known = revisions()
    if revision != "head" and revision not in known:
        raise OperatorError(f"there is no revision {revision!r}; there are {', '.join(sorted(known))}")
    applied = applied_revision(url)
    if applied is not None and applied not in known:
        raise StaleSchema(f"the database has the schema {applied}, this version knows those up to {max(known)}; {NEWER}")
    is_back = revision != "head" and (applied or "") > revision
    (command.downgrade if is_back else command.upgrade)(alembic_config(url), revision)


def newest_revision() -> str:
    """Return the revision that this version of the program needs: the one with the highest number."""
    return max(revisions())


def revisions() -> set[str]:
    """Return the revisions that this version of the program knows: the numbers at the start of their files' names."""
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def require_current(engine: Engine) -> None:
    """Raise StaleSchema, with the command to run, if the schema is not the newest revision that this version knows."""
    wanted = newest_revision()
    if engine.dialect.name == "sqlite" and not sqlite_path(engine.url).exists():
        raise StaleSchema(f"there is no registry at {sqlite_path(engine.url)} yet. {FIRST_STEPS}")
    found = _revision(engine)
    if found is None:
        raise StaleSchema(f"the database has no schema yet. {FIRST_STEPS}")
    if found != wanted:
        do = "type: rapporteur migrate" if found in revisions() else NEWER
        raise StaleSchema(f"the database has the schema {found}, this version needs {wanted}; {do}")


def applied_revision(url: str) -> str | None:
    """Return the revision of the database's schema; None if there is no database or no schema yet."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite" and not sqlite_path(engine.url).exists():
        return None
    try:
        return _revision(engine)
    finally:
        engine.dispose()


def _revision(engine: Engine) -> str | None:
    try:
        with reading(engine) as connection:
            if not sa.inspect(connection).has_table(_applied.name):
                return None
            found: str | None = connection.execute(sa.select(_applied.c.version_num)).scalar()
            return found
    except DBAPIError as error:
        raise OperatorError(explanation(error.orig or error)) from error


def require_usable(engine: Engine, *, pooler: str) -> None:
    """Raise OperatorError if a pooler shares server sessions between clients, but the setting `pooler` is empty."""
    if engine.dialect.name != "postgresql" or pooler:
        return
    session = sa.text(BACKEND)
    with engine.connect() as first, engine.connect() as second:
        with first.begin():
            shared = first.execute(session).scalar()
        with second.begin():
            if second.execute(session).scalar() == shared:
                raise OperatorError(
                    "a pooler before Postgres hands out its connections a transaction at a time;"
                    " set RAPPORTEUR_POOLER=transaction, or connect to Postgres itself"
                )
