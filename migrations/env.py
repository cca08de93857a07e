"""Runs the one chain of migrations on either database."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate import rewriter
from alembic.operations import ops

from app.db.autogenerate import flattened
from app.db.ddl import changing
from app.db.engine import create_engine
from app.db.full_text import INDEX, TERMS_INDEX
from app.db.types import Exact, Instant, OneOf
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


@_plan.rewrites(ops.ModifyTableOps)
def _one_by_one(_context: Any, _revision: Any, operation: ops.ModifyTableOps) -> list[ops.MigrateOperation]:
    """Change a table line by line."""
    return flattened(operation)


def _render(kind: str, thing: Any, autogen: Any) -> str | Literal[False]:
    """Types of ours by name, also as Postgres tells them of a column that goes: a migration reads like the model."""
    if kind == "check" and isinstance(thing, OneOf):
        autogen.imports.add("from app.db.types import OneOf")
        return f"OneOf({thing.column!r}, {thing.words!r}, name=op.f({str(thing.name)!r}))"
    if kind == "type" and (isinstance(thing, Instant) or (isinstance(thing, sa.DateTime) and thing.timezone)):
        autogen.imports.add("from app.db.types import Instant")
        return "Instant()"
    if kind == "type" and isinstance(thing, sa.String) and (thing is Exact or thing.collation == "C"):
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
with changing(engine) as opened:
    _run(opened)
engine.dispose()
