"""The settings, which are read once from environment variables. The name of each variable starts with RAPPORTEUR_."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Self

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured

PREFIX = "RAPPORTEUR_"
DRIVER = re.compile(r"(sqlite|postgres|postgresql)(\+[a-z0-9_]+)?")
"""The first part of a database URL. `postgres` is what hosting services write; the name of a Python driver is ignored."""
POOLERS = ("", "transaction")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
MAX_PORT = 65_535
MAX_SECONDS = 86_400
MAX_COUNT = 10**12
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
DATABASE = "rapporteur.db"
FORMER_DEFAULT = Path("var", DATABASE)
"""The database file of release 0.1.0 if no setting named one, relative to the current folder."""
SERVER = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
CONTACT = re.compile(r"https?://\S+|[^\s@/:]+@[^\s@/:]+")
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")

ID_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def default_database() -> Path:
    """The database file if no setting names one. It does not depend on the current folder, so that no command misses it.

    In a checkout, it is `var/rapporteur.db` of the checkout. An installed package has no folder of its own to write to, so the
    file is in the user's folder for data (XDG Base Directory Specification). Raises Misconfigured if the user has no home.
    """
    if (ROOT / "pyproject.toml").is_file():
        return ROOT / FORMER_DEFAULT
    folder = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not folder.is_absolute():  # the specification says that a relative path must be ignored
        try:
            folder = Path.home() / ".local" / "share"
        except RuntimeError as error:
            raise Misconfigured(f"{PREFIX}DATABASE_URL is required, because this account has no home folder") from error
    return folder / "rapporteur" / DATABASE


def _setting(default: Any, description: str, *, is_secret: bool = False, most: int = MAX_COUNT) -> Any:
    """A setting. `most`: the highest value of a number; far above what makes sense, so that it refuses typing errors only."""
    return field(default=default, repr=not is_secret, metadata={"description": description, "most": most})


def _seconds(default: int, description: str) -> Any:
    """A setting that is a number of seconds."""
    return _setting(default, description, most=MAX_SECONDS)


@dataclass(frozen=True)
class Settings:
    """The settings that an operator can change. The table in the README has the same descriptions."""

    database_url: str = field(
        default_factory=lambda: f"sqlite:///{default_database()}",
        repr=False,
        metadata={
            "description": "the database: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`",
            "default": "see [below](#where-the-database-is)",
        },
    )
    host: str = _setting("127.0.0.1", "the address to listen on")
    port: int = _setting(8000, "the port to listen on", most=MAX_PORT)
    workers: int = _setting(1, "how many server processes share the port", most=1_000)
    pooler: str = _setting(
        "",
        "`transaction`, if a pooler such as PgBouncer before Postgres hands out its connections a transaction at a time",
    )
    read_deadline: int = _seconds(10, "seconds after which a read is given up with 503")
    read_connections: int = _setting(8, "Postgres connections for reading, a process", most=10_000)
    write_patience: int = _seconds(5, "seconds that a write waits for its turn before it is told 503")
    body_limit: int = _setting(1_048_576, "bytes that the body of a write may have")
    import_limit: int = _setting(67_108_864, "bytes that the body of an import may have")
    bodies_limit: int = _setting(134_217_728, "bytes of bodies that are held at once, a process; past it a write is told 503")
    import_records: int = _setting(100_000, "lines that an import over HTTP may have")
    import_seconds: int = _seconds(120, "seconds after which an import is given up with 503")
    export_seconds: int = _seconds(600, "seconds after which an export is broken off")
    making_seconds: int = _seconds(60, "seconds after which making a workbook, a calendar or a graph is given up with 503")
    files_limit: int = _setting(
        2_147_483_648, "bytes of workbooks, calendars and graphs that are being made, or sent, at once by a process"
    )
    streams: int = _setting(
        100, "streams of changes and requests that wait for a change, open at once, a process", most=100_000
    )
    wait_seconds: int = _seconds(60, "seconds after which a request that waits for a change is answered without one")
    stream_comment_seconds: int = _seconds(
        15, "seconds after which a stream of changes gets a comment, so that proxies keep it"
    )
    head_limit: int = _setting(65_536, "bytes that the head of a request may have")
    head_seconds: int = _seconds(10, "seconds in which the head of a request must be whole, from its first byte")
    idle_seconds: int = _seconds(5, "seconds that a connection may stay open without a request")
    stall_seconds: int = _seconds(60, "seconds over which a client must take, or send, 1 KiB a second, or it is cut off")
    connections: int = _setting(1_000, "connections that may be open at once, a process")
    unsent_limit: int = _setting(
        268_435_456, "bytes of answers that wait for clients to take them, a process; past it those that wait longest are cut"
    )
    stop_seconds: int = _seconds(10, "seconds in which the server ends after SIGTERM")
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
    id_host: str = _setting(
        "rapporteur.invalid",
        "a host name of your own, which the ids of events in calendars and of entries in feeds contain; if it changes,"
        " subscribers see every event and entry a second time",
    )
    trusted_proxies: str = _setting(
        "127.0.0.1", "addresses or networks whose `X-Forwarded-…` headers are believed, separated by commas; `*` for all"
    )
    server: str = _setting("http://127.0.0.1:8000", "the server that `rapporteur propose` and `rapporteur review` ask")
    key: str = _setting("", "the API key that they send", is_secret=True)
    review_own: str = _setting("no", "`yes`: whoever proposed records may also decide on them; otherwise another key has to")
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
                continue
            most: int = entry.metadata["most"]
            # The length is checked first, because Python refuses to convert more than 4,300 digits.
            is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_COUNT))
            if not is_number or not 0 < int(value) <= most:
                raise Misconfigured(f"{name}={_shown(value)} is no whole number from 1 to {most}")
            chosen[entry.name] = int(value)
        settings = cls(**chosen)
        for name, fault in settings.faults():
            raise Misconfigured(f"{PREFIX}{name.upper()} {fault}")
        return settings

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield (name of a setting, fault) for each invalid value."""
        if fault := _database_fault(self.database_url):
            yield "database_url", fault
        if not (_is_address(self.host) or HOST_NAME.fullmatch(self.host)):
            yield "host", f"is {_shown(self.host)}: write one IP address or host name, without a port; 0.0.0.0 listens on all"
        if fault := _allowed_hosts_fault(self.allowed_hosts):
            yield "allowed_hosts", fault
        if fault := _proxies_fault(self.trusted_proxies):
            yield "trusted_proxies", fault
        if not SERVER.fullmatch(self.server):
            yield "server", f"is {_shown(self.server)}: write an address that begins with http:// or https://"
        yield from self._faults_of_words()

    def _faults_of_words(self) -> Iterator[tuple[str, str]]:
        if self.pooler not in POOLERS:
            yield "pooler", "is neither empty nor `transaction`"
        if self.contact and not CONTACT.fullmatch(self.contact):
            yield "contact", "is neither a mail address nor an address that begins with http:// or https://"
        if not ID_HOST.fullmatch(self.id_host):
            yield "id_host", f"is {_shown(self.id_host)}: write a host name in small letters, such as registry.example"
        if self.review_own not in ("yes", "no"):
            yield "review_own", f"is {_shown(self.review_own)}: write yes or no"
        if self.log_level not in LOG_LEVELS:
            yield "log_level", f"is none of {', '.join(LOG_LEVELS)}"


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else f"{value[:60]}…")


def _database_fault(value: str) -> str | None:
    """What is wrong with a database URL. The message never contains the value, because it contains a password."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        url = None
    if url is None or not DRIVER.fullmatch(url.drivername) or not url.database:
        return "is neither sqlite:///PATH nor postgresql://USER:PASSWORD@HOST/NAME"
    if url.get_backend_name() != "sqlite":
        return None
    if url.host:
        return "needs three slashes before a path, four before one that begins with a slash: sqlite:///PATH, sqlite:////PATH"
    if url.query or url.database.startswith((":memory:", "file:")):
        return "names no file: a registry in SQLite is a file without options, sqlite:///PATH"
    if url.database.startswith("~"):
        return "begins with `~`, which only a shell replaces: write the whole path, sqlite:////home/NAME/registry.db"
    return None


def _allowed_hosts_fault(value: str) -> str | None:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if not (name == "*" or HOST_NAME.fullmatch(name) or (name[:1] == "[" and name[-1:] == "]" and _is_address(name[1:-1]))):
            return f"contains {_shown(name)}: write host names without scheme and port, separated by commas, or `*` for all"
    return None


def _proxies_fault(value: str) -> str | None:
    if value.strip() in ("", "*"):
        return None
    for part in (each.strip() for each in value.split(",")):
        try:
            ip_network(part)
        except ValueError:
            try:
                meant = f"; is {ip_network(part, strict=False)} meant?"
            except ValueError:
                meant = ""
            rule = "write IP addresses or networks, such as 10.0.0.1,10.0.0.0/8; or `*` alone for all, or nothing for none"
            return f"contains {_shown(part)}{meant or f': {rule}'}"
    return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
