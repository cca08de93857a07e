"""`keys`: creates, lists and revokes API keys."""

import json
from datetime import UTC, datetime

import click

from app.commands.group import engine_of, main
from app.db.engine import reading, writing
from app.errors import OperatorError
from app.settings import Settings
from app.writing import keys
from app.writing.keys import Keyring


@main.group("keys")
def keys_() -> None:
    """Create, list and revoke the API keys that clients need to write."""


@keys_.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in keys.Scope]),
    default=["write"],
    show_default=True,
    help=f"What it may do, several if repeated: {keys.Scope.described()}.",
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) from which on it is void.")
@click.option("--if-none", is_flag=True, help="Do nothing where there are keys already.")
@click.pass_obj
def create_key(settings: Settings, name: str, scopes: tuple[str, ...], expires: datetime | None, *, if_none: bool) -> None:
    """Create a key for NAME and print it. The key cannot be shown again."""
    day = expires and expires.replace(tzinfo=UTC)
    if day is not None and day <= datetime.now(UTC):
        raise OperatorError(f"--expires {day.date()} is past already")
    with writing(engine_of(settings)) as connection:
        if if_none and keys.listed(connection):
            return
        wanted = [keys.Scope(scope) for scope in scopes]
        _, key = Keyring(settings.key_secret).create(connection, name, wanted, by="rapporteur keys", expires=day)
    click.echo(f"a key for {name!r} ({', '.join(scopes)}), which is not shown again:", err=True)
    click.echo(key)
    click.echo(f'  curl -H "Authorization: Bearer {key}" …  or “Authorize” on the docs page', err=True)


@keys_.command("list")
@click.pass_obj
def list_keys(settings: Settings) -> None:
    """List all keys.

    Prints how each key begins, its name, its scopes, and when it was created, expires, was last used and was revoked.
    """
    with reading(engine_of(settings)) as connection:
        for row in keys.listed(connection):
            named = {name: row[f"{name}_at"] for name in ("created", "expires", "last_used", "revoked")}
            times = [f"{name} {at:%Y-%m-%d %H:%M}" for name, at in named.items() if at]
            click.echo(f"{keys.MARK}_{row['id']}_…  {row['name']}  {' '.join(json.loads(row['scopes']))}  {', '.join(times)}")


@keys_.command("revoke")
@click.argument("identifier", metavar="ID")
@click.pass_obj
def revoke_key(settings: Settings, identifier: str) -> None:
    """Revoke a key permanently. Its name stays in the history.

    ID is the part of the key between the two underscores.
    """
    with writing(engine_of(settings)) as connection:
        row = keys.revoke(connection, identifier.removeprefix(f"{keys.MARK}_").rstrip("_…"))
    click.echo(f"the key of {row['name']!r} is revoked")
