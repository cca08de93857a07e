"""Runs the one chain of migrations on either database."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate import rewriter
from alembic.operations import ops

from app.db.engine import create_engine
from app.db.types import Exact, Instant
from app.models import Base
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


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=_render,
        process_revision_directives=_plan,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    engine = create_engine(context.config.attributes.get("url") or Settings.from_environment().database_url)
    with engine.begin() as opened:
        _run(opened)
    engine.dispose()
