"""`serve`."""

import errno
import gc
import os
import socket

import click
import uvicorn
from sqlalchemy.engine import make_url
from uvicorn.supervisors import Multiprocess

from app import __version__, logs
from app.commands.group import engine_of, main, require_sound
from app.commands.keys import create_key
from app.commands.records import import_
from app.commands.upkeep import migrate
from app.db.engine import file_of
from app.db.schema import require_usable
from app.errors import OperatorError
from app.settings import Settings

BACKLOG = 2_048
"""The maximum number of connections that the operating system queues until the server accepts them."""


@main.command()
@click.option(
    "--demo",
    is_flag=True,
    help="First make the schema, and where there is nothing yet the first data set and a key that may do everything.",
)
@click.pass_context
def serve(context: click.Context, *, demo: bool) -> None:
    """Serve the API and the docs page."""
    settings: Settings = context.obj
    listener = _listener(settings)  # first, so that nothing is made and no key is printed if the port is taken
    require_sound(settings, always=True)
    if demo:
        context.invoke(migrate)
        context.invoke(import_, demo=True, if_empty=True, dry_run=False)
        context.invoke(create_key, name="first visitor", scopes=("write", "admin"), if_none=True)
    require_usable(engine_of(settings), pooler=settings.pooler)
    where = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    click.echo(
        f"Rapporteur {__version__}\n  the docs page  {where}/docs\n  the API        {where}/v1/"
        f"\n  the database   {_place_of(settings.database_url)}\n  stop with Ctrl-C"
    )
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        http="app.http.protocol:Protocol",
        ws="none",
        workers=settings.workers,
        log_level=settings.log_level,
        log_config=logs.configuration(settings.log_level),
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    if settings.workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    gc.disable()  # the application enables the garbage collector again when it has started
    try:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
    finally:
        gc.enable()
    if not server.started:
        raise OperatorError("the server did not start; the lines above say why")


def _place_of(url: str) -> str:
    """Where the database is: the whole path of a file, or a URL without its password."""
    path = file_of(url)
    return str(path) if path is not None else make_url(url).set(query={}).render_as_string(hide_password=True)


def _listener(settings: Settings) -> socket.socket:
    """Bind the port and return the socket. Raises OperatorError if it cannot be bound.

    Requests that arrive before the application has started wait in the queue of the socket.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        # The number of an error of getaddrinfo, which finds no such host, is negative.
        if error.errno is None or error.errno < 0 or error.errno == errno.EADDRNOTAVAIL:
            why = f"{settings.host} is no address of this machine; choose another with RAPPORTEUR_HOST"
        elif error.errno == errno.EADDRINUSE:
            why = "another program listens there; choose another port with RAPPORTEUR_PORT"
        else:
            why = (
                f"{os.strerror(error.errno)}; choose another port with RAPPORTEUR_PORT, or another address with RAPPORTEUR_HOST"
            )
        raise OperatorError(f"{settings.host}:{settings.port} cannot be listened on: {why}") from error
    listener.set_inheritable(True)
    return listener
