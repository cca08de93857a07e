"""The settings, which are read once from environment variables. The name of each variable starts with RAPPORTEUR_."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured

PREFIX = "RAPPORTEUR_"
DRIVERS = ("sqlite", "postgresql", "postgresql+psycopg")
POOLERS = ("", "transaction")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
MAX_PORT = 65_535
ROOT = Path(__file__).resolve().parent.parent
"""The root of the checkout, or the `site-packages` folder in which `app` is installed."""


def _beside_the_code(name: str) -> Path:
    """The path of a data folder: beside `app` in a checkout, but inside `app` if a wheel is installed.

    A wheel is installed into `site-packages`, where a folder beside `app` could collide with a folder of another package.
    """
    within = ROOT / "app" / f"_{name}"
    return within if within.is_dir() else ROOT / name


MIGRATIONS = _beside_the_code("migrations")
SEED = _beside_the_code("seed")
"""The folder with the first data set, in the format that `rapporteur import` reads."""


CONTACT = re.compile(r"https?://\S+|[^\s@/:]+@[^\s@/:]+")


def _setting(default: Any, description: str, *, is_secret: bool = False) -> Any:
    return field(default=default, repr=not is_secret, metadata={"description": description})


@dataclass(frozen=True)
class Settings:
    """The settings that an operator can change. The table in the README has the same descriptions."""

    database_url: str = _setting(
        "sqlite:///var/rapporteur.db",
        "the database: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`",
        is_secret=True,
    )
    host: str = _setting("127.0.0.1", "the address to listen on")
    port: int = _setting(8000, "the port to listen on")
    workers: int = _setting(1, "how many server processes share the port")
    pooler: str = _setting(
        "",
        "`transaction`, if a pooler such as PgBouncer before Postgres hands out its connections a transaction at a time",
    )
    read_deadline: int = _setting(10, "seconds after which a read is given up with 503")
    read_connections: int = _setting(8, "Postgres connections for reading, a process")
    write_patience: int = _setting(5, "seconds that a write waits for its turn before it is told 503")
    body_limit: int = _setting(1_048_576, "bytes that the body of a write may have")
    import_limit: int = _setting(67_108_864, "bytes that the body of an import may have")
    bodies_limit: int = _setting(134_217_728, "bytes of bodies that are held at once, a process; past it a write is told 503")
    import_records: int = _setting(100_000, "lines that an import over HTTP may have")
    import_seconds: int = _setting(120, "seconds after which an import is given up with 503")
    export_seconds: int = _setting(600, "seconds after which an export is broken off")
    head_limit: int = _setting(65_536, "bytes that the head of a request may have")
    head_seconds: int = _setting(10, "seconds in which the head of a request must be whole, from its first byte")
    idle_seconds: int = _setting(5, "seconds that a connection may stay open without a request")
    stall_seconds: int = _setting(60, "seconds over which a client must take, or send, 1 KiB a second, or it is cut off")
    connections: int = _setting(1_000, "connections that may be open at once, a process")
    unsent_limit: int = _setting(
        268_435_456, "bytes of answers that wait for clients to take them, a process; past it those that wait longest are cut"
    )
    stop_seconds: int = _setting(10, "seconds in which the server ends after SIGTERM")
    allowed_hosts: str = _setting(
        "*", "host names under which the registry is reached, separated by commas, `*` for all; a request for another is 400"
    )
    requests_per_minute: int = _setting(12_000, "requests a minute of one address (IPv6: of one /64), a process")
    writes_per_minute: int = _setting(1_200, "writes a minute with one key, a process")
    key_secret: str = _setting(
        "",
        "a secret of your own under which the digests of API keys are made: a copy of the database alone can then neither"
        " make nor check a key; changing it voids all keys",
        is_secret=True,
    )
    contact: str = _setting(
        "", "where users report a wrong statement, a mail address or the address of a page: shown in `/v1/` and the API's docs"
    )
    trusted_proxies: str = _setting(
        "127.0.0.1", "addresses whose `X-Forwarded-…` headers are believed, separated by commas; `*` for all"
    )
    log_level: str = _setting("info", "how much the server logs: critical, error, warning, info, debug")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings from environment variables. Raises Misconfigured for an unknown variable or an invalid value."""
        environment = os.environ if environment is None else environment
        known = {PREFIX + entry.name.upper(): entry for entry in fields(cls)}
        chosen: dict[str, Any] = {}
        for name in environment:
            if name.startswith(PREFIX) and name not in known and not name.startswith(PREFIX + "TEST_"):
                raise Misconfigured(f"{name} is no setting; there are {', '.join(known)}")
        for name, entry in known.items():
            value = environment.get(name)
            if value is None:
                continue
            if not isinstance(entry.default, int):
                chosen[entry.name] = value
            elif value.isascii() and value.isdecimal() and int(value) > 0:
                chosen[entry.name] = int(value)
            else:
                raise Misconfigured(f"{name}={value!r} is no whole number above 0")
        settings = cls(**chosen)
        for name, fault in settings.faults():
            # The message never contains the value, because the URL of a database contains a password.
            raise Misconfigured(f"{PREFIX}{name.upper()} {fault}")
        return settings

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield (name of a setting, fault) for each invalid value."""
        try:
            url = make_url(self.database_url)
        except (ArgumentError, ValueError):
            url = None
        if url is None or url.drivername not in DRIVERS or not url.database:
            yield "database_url", "is neither sqlite:///PATH nor postgresql://USER:PASSWORD@HOST/NAME"
        if self.pooler not in POOLERS:
            yield "pooler", "is neither empty nor `transaction`"
        if self.contact and not CONTACT.fullmatch(self.contact):
            yield "contact", "is neither a mail address nor an address that begins with http:// or https://"
        if self.port > MAX_PORT:
            yield "port", f"is above {MAX_PORT}"
        if self.log_level not in LOG_LEVELS:
            yield "log_level", f"is none of {', '.join(LOG_LEVELS)}"
