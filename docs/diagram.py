"""Draws docs/schema.md, the entity-relationship diagram, from the models: `make diagram`."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from app.models import Base

TARGET = Path(__file__).with_name("schema.md")


def text() -> str:
    """The page: one diagram of all tables, then every table with its columns."""
    tables = Base.metadata.sorted_tables
    parts = [
        "# The schema",
        "Made from the models by `make diagram`; a test compares it with them.",
        "Every record has a row in `records` and one, under the same id, in the table of its kind.",
        "What may point to records of several kinds points to `records`, by id and kind.",
        "```mermaid\nerDiagram\n" + "\n".join(_diagram(tables)) + "\n```",
        *("\n".join(_table(table)) for table in tables),
    ]
    return "\n\n".join(parts) + "\n"


def _diagram(tables: list[sa.Table]) -> Iterator[str]:
    for table in tables:
        for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
            column = constraint.columns[0]
            if column.primary_key and constraint.referred_table.name == "records":
                yield f"    records ||--o{'|' if column.name == 'id' else '{'} {table.name} : {column.name}"
                continue
            least = "o|" if column.nullable else "||"
            yield f"    {constraint.referred_table.name} {least}--o{{ {table.name} : {column.name.removesuffix('_id')}"


def _table(table: sa.Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield f"\n{(table.comment or '').capitalize()}.\n"
    yield "| column | | what it holds |"
    yield "|---|---|---|"
    for column in table.columns:
        marks = [
            *(["key"] if column.primary_key else []),
            *(f"→ {key.column.table.name}" for key in sorted(column.foreign_keys, key=lambda key: key.target_fullname)),
            *(["may be null"] if column.nullable else []),
            *(["computed"] if column.computed is not None else []),
        ]
        yield f"| `{column.name}` | {', '.join(marks)} | {column.comment} |"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
