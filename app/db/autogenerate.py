"""Extends Alembic's autogenerate: `make migration` also compares CHECKs, and writes calls of the functions in `app.db.ddl`.

Alembic itself does not compare CHECK constraints. To change a table on SQLite, Alembic would copy all columns of the table. The
copy would fail, because generated columns cannot be written. So migrations call functions of `app.db.ddl` instead to set
constraints and to drop columns. The same call works on both databases.
"""

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import comparators, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from app.db.types import one_of

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_WORD = re.compile(r"'(\w+)'")
_BIND = "op.get_bind()"


class SetConstraint(ops.MigrateOperation):
    """The `set_constraint` operation, which adds, replaces or drops a constraint.

    `before` is the constraint's definition before the operation, and `definition` is the one after it. If one of them is None,
    the constraint does not exist at that time.
    """

    def __init__(self, table: str, name: str, definition: str | None, before: str | None) -> None:
        self.table, self.name, self.definition, self.before = table, name, definition, before

    def reverse(self) -> "SetConstraint":
        """Return the operation that undoes this one."""
        return SetConstraint(self.table, self.name, self.before, self.definition)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change as a tuple, which `alembic check` prints."""
        return "set_constraint", self.table, self.name, self.before, self.definition


class DropColumn(ops.MigrateOperation):
    """The `drop_column` operation. It replaces Alembic's operation, which would copy the table on SQLite."""

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column = table, column


class SetComment(ops.MigrateOperation):
    """The `set_comment` operation. It replaces Alembic's `alter_column`, which would copy the table on SQLite."""

    def __init__(self, table: str, column: str, comment: str) -> None:
        self.table, self.column, self.comment = table, column, comment


@comparators.dispatch_for("table")
def _compare_words(
    context: AutogenContext, changes: ops.ModifyTableOps, _: Any, name: Any, there: sa.Table | None, wanted: sa.Table | None
) -> None:
    """If the CHECK of a column in the database differs from the column's vocabulary, add an operation that corrects it."""
    if there is None or wanted is None or context.inspector is None:
        return
    stored = {each["name"]: _WORD.findall(each["sqltext"]) for each in context.inspector.get_check_constraints(name)}
    for column in dict.fromkeys([*wanted.c.keys(), *there.c.keys()]):
        check, info = f"ck_{name}_{column}", wanted.c[column].info if column in wanted.c else {}
        words, before = list(map(str, info.get("words", ()))), stored.get(check, [])
        if words and words != before:
            changes.ops.append(SetConstraint(name, check, _check(column, words), _check(column, before)))
        elif before and not words:
            # The operation is put before all others, because a CHECK must be dropped before its column.
            changes.ops.insert(0, SetConstraint(name, check, None, _check(column, before)))


def _check(column: str, words: list[str]) -> str | None:
    return f"CHECK ({one_of(column, words)})" if words else None


def flattened(changes: ops.ModifyTableOps) -> list[ops.MigrateOperation]:
    """Return a table's changes as separate operations, in order.

    Alembic would otherwise group the changes in `batch_alter_table`, which copies the table on SQLite.
    """
    return [_ours(each) for each in changes.ops]


def _ours(change: ops.MigrateOperation) -> ops.MigrateOperation:
    match change:
        case ops.CreateForeignKeyOp() | ops.CreateUniqueConstraintOp():
            return _constraint(change.to_constraint(), is_new=True)
        case ops.DropConstraintOp():
            return _constraint(change.to_constraint(), is_new=False)
        case ops.DropColumnOp():
            return DropColumn(change.table_name, change.column_name)
        case ops.AlterColumnOp(modify_comment=str() as comment) if not _changes_more(change):
            return SetComment(change.table_name, change.column_name, comment)
    return change


def _changes_more(change: ops.AlterColumnOp) -> bool:
    return change.modify_type is not None or change.modify_nullable is not None or change.modify_server_default is not False


def _constraint(constraint: sa.Constraint, *, is_new: bool) -> SetConstraint:
    name, table = str(constraint.name), constraint.table.name
    definition = str(sa.schema.AddConstraint(constraint).compile(dialect=_DIALECT)).partition(f"CONSTRAINT {name} ")[2]
    return SetConstraint(table, name, *((definition, None) if is_new else (None, definition)))


def _imported(context: AutogenContext, function: str, arguments: Iterable[Any]) -> str:
    context.imports.add(f"from app.db.ddl import {function}")
    return f"{function}({', '.join([_BIND, *map(repr, arguments)])})"


@renderers.dispatch_for(SetConstraint)
def _render_constraint(context: AutogenContext, operation: SetConstraint) -> str:
    return _imported(context, "set_constraint", (operation.table, operation.name, operation.definition))


@renderers.dispatch_for(DropColumn)
def _render_drop(context: AutogenContext, operation: DropColumn) -> str:
    return _imported(context, "drop_column", (operation.table, operation.column))


@renderers.dispatch_for(SetComment)
def _render_comment(context: AutogenContext, operation: SetComment) -> str:
    return _imported(context, "set_comment", (operation.table, operation.column, operation.comment))
