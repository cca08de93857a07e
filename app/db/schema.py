"""Whether the database's schema is the one that this version needs, and how it gets there."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from app.db.engine import reading
from app.errors import OperatorError, StaleSchema
from app.settings import ROOT


def alembic_config(url: str) -> Config:
    """Alembic's configuration for a database."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


def migrate(url: str, *, revision: str = "head") -> None:
    """Bring the schema to a revision."""
    command.upgrade(alembic_config(url), revision)


def require_current(engine: Engine) -> None:
    """StaleSchema says what to type when the schema is not the newest this version knows."""
    wanted = ScriptDirectory.from_config(alembic_config(str(engine.url))).get_current_head()
    try:
        with reading(engine) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise OperatorError(f"the database does not answer: {error.orig}") from error
    if found != wanted:
        have = f"has the schema {found}" if found else "has no schema yet"
        raise StaleSchema(f"the database {have}, this version needs {wanted}; type: rapporteur migrate")
