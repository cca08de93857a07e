"""The real server on the first data set, and a browser that reaches nothing else."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = str(Path(sys.executable).with_name("rapporteur"))
_CHROMIUM = "RAPPORTEUR_TEST_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_START_SECONDS = 60
_EXPECT_MILLISECONDS = 20_000
_WATCH = "addEventListener('securitypolicyviolation', (event) => violated(`${event.violatedDirective}: ${event.blockedURI}`));"


@dataclass
class Visit:
    """A page in a fresh profile, and what went wrong on it; a test fails if anything did."""

    origin: str
    context: BrowserContext
    page: Page
    troubles: list[str] = field(default_factory=list)
    expected: str = ""
    """What a trouble says that the test provokes, if it does."""

    def open(self, path: str, *, shows: str) -> None:
        """Go there afresh and wait until the element is shown."""
        self.page.goto("about:blank")
        self.page.goto(self.origin + path)
        self.page.locator(shows).first.wait_for()

    def json(self, path: str) -> dict[str, Any]:
        """What the server answers, asked without the page."""
        found: dict[str, Any] = self.context.request.get(self.origin + path).json()
        return found


class Served(NamedTuple):
    """A server: where it listens, and a key to write to it."""

    origin: str
    key: str


@pytest.fixture(scope="session")
def origin(server: Served) -> str:
    """Where the server listens."""
    return server.origin


@pytest.fixture(scope="session")
def key(server: Served) -> str:
    """A key of the kind that `make run` prints for the first visitor."""
    return server.key


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server as operators run it, on a new database with the first data set."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAPPORTEUR_")} | {
        "RAPPORTEUR_DATABASE_URL": f"sqlite:///{folder / 'rapporteur.db'}",
        "RAPPORTEUR_HOST": "127.0.0.1",
        "RAPPORTEUR_PORT": str(port),
    }
    for arguments in (["migrate"], ["import", "seed"], ["keys", "create", "first visitor"]):
        done = subprocess.run([_COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"rapporteur {' '.join(arguments)} failed:\n{done.stderr}"
    log = folder / "server.log"
    with (
        log.open("w") as output,
        subprocess.Popen([_COMMAND, "serve"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _wait(process, f"http://127.0.0.1:{port}", log)
            yield Served(f"http://127.0.0.1:{port}", done.stdout.strip())
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(server: subprocess.Popen[bytes], where: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{where}/readyz", timeout=1):
                return
        except (URLError, TimeoutError):
            time.sleep(0.05)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser for which no host has an address but the loopback."""
    found = path_of_chromium()
    if found is None:
        pytest.fail(f"these tests need Chromium: install one of {', '.join(_NAMES)}, or set {_CHROMIUM} to its path")
    with headless(found) as browser:
        yield browser


def path_of_chromium() -> str | None:
    """Where Chromium is, if it is installed."""
    return os.environ.get(_CHROMIUM) or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def headless(path: str) -> Iterator[Browser]:
    """The browser at a path, without a window and without addresses of other hosts."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    expect.set_options(timeout=_EXPECT_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, origin: str) -> Iterator[Visit]:
    """A page that may ask only its own origin, violate no policy and log no error."""
    with visiting(chromium, origin) as visit:
        yield visit


@contextmanager
def visiting(chromium: Browser, origin: str, **options: Any) -> Iterator[Visit]:
    """A page as above. `options`: those of the browser's context, such as the language."""
    given: dict[str, Any] = {"viewport": {"width": 1280, "height": 1000}, "locale": "en-GB", **options}
    context = chromium.new_context(**given)
    visit = Visit(origin, context, context.new_page())

    def only_own(route: Route) -> None:
        if route.request.url.startswith(f"{origin}/"):
            route.continue_()
        else:
            visit.troubles.append(f"a request to {route.request.url}")
            route.abort()

    context.route("**/*", only_own)
    context.expose_function("violated", lambda what: visit.troubles.append(f"a policy violation, {what}"))
    context.add_init_script(_WATCH)
    context.on("console", lambda said: visit.troubles.append(f"on the console: {said.text}") if said.type == "error" else None)
    context.on("weberror", lambda error: visit.troubles.append(f"in a script: {error.error}"))
    yield visit
    context.close()
    assert [trouble for trouble in visit.troubles if not visit.expected or visit.expected not in trouble] == []
