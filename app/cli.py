"""The command `rapporteur`: all subcommands together."""

import json
import logging

import click

from app.commands import keys, proposals, records, serving, upkeep
from app.commands.group import main
from app.settings import Settings

__all__ = ["keys", "main", "proposals", "records", "serving", "upkeep"]


@main.command()
@click.pass_obj
def openapi(settings: Settings) -> None:
    """Print the OpenAPI document."""
    from app.main import create_app  # noqa: PLC0415 - other commands do not need FastAPI: importing it takes 0.3 s

    click.echo(json.dumps(create_app(settings).openapi(), ensure_ascii=False, indent=1, sort_keys=False))


logging.getLogger("alembic").setLevel(logging.WARNING)
