"""Runs the one chain of migrations on either database."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate import rewriter
from alembic.operations import ops

from app.db.ddl import require_sound_references
from app.db.engine import create_engine
from app.db.types import Exact, Instant
from app.models import Base
from app.models.search import INDEX, TERMS_INDEX
from app.settings import Settings

_plan = rewriter.Rewriter()


@_plan.rewrites(ops.CreateTableOp)
def _keyed_by_id(_context: Any, _revision: Any, operation: ops.CreateTableOp) -> ops.CreateTableOp:
    """Write the tables' SQLite option into the migration; autogenerate leaves it out."""
    operation.kw.setdefault(
        "sqlite_with_rowid", Base.metadata.tables[operation.table_name].dialect_options["sqlite"]["with_rowid"]
    )
    return operation


def _render(kind: str, thing: Any, autogen: Any) -> str | Literal[False]:
    """Types of ours by name, so that a migration reads like the model."""
    if kind == "type" and isinstance(thing, Instant):
        autogen.imports.add("from app.db.types import Instant")
        return "Instant()"
    if kind == "type" and thing is Exact:
        autogen.imports.add("from app.db.types import Exact")
        return "Exact"
    return False


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """SQLite keeps its full-text index in tables of its own."""
    return not (kind == "table" and name is not None and name.startswith(INDEX))


def _is_for(_thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's
    """An index of Postgres' own kind is for Postgres alone."""
    return not (kind == "index" and name == TERMS_INDEX and not reflected and context.get_context().dialect.name == "sqlite")


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=_render,
        include_name=_is_ours,
        include_object=_is_for,
        process_revision_directives=_plan,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


engine = create_engine(context.config.attributes.get("url") or Settings.from_environment().database_url)
with engine.connect() as opened:
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        # A table that is made anew is gone for a moment. Within a transaction SQLite would not hear of this.
        opened.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
    with opened.begin():
        _run(opened)
        if is_sqlite:
            require_sound_references(opened)
engine.dispose()
