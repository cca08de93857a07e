"""The script of `docs/following.md` in a real browser: it follows a registry through a restart of the server."""

import re
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Browser

from app.db.schema import migrate
from tests.conftest import Database
from tests.pages.conftest import ROOT
from tests.postgres import free_port
from tests.serving import SERVE, Server, started

(SCRIPT,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "following.md").read_text(encoding="utf-8"), re.DOTALL)
WAIT_MILLISECONDS = 60_000


def make(server: Server, key: dict[str, str], path: str, body: str) -> None:
    """Create a record."""
    urlopen(Request(f"{server}{path}", body.encode(), {**key, "Content-Type": "application/json"})).close()


def test_a_browser_misses_nothing_through_a_restart(chromium: Browser, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    migrate(url)
    database = Database(url)
    database.load('{"kind":"topic","id":"cybersecurity","name":"Cybersecurity"}')
    key, port = database.key(), free_port()
    context = chromium.new_context()
    page = context.new_page()

    def until(count: int) -> None:
        page.wait_for_function("count => window.told.length >= count", arg=count, timeout=WAIT_MILLISECONDS)

    with started(url, SERVE, ROOT, {}, port=port) as server:
        page.goto(f"{server}/docs")
        begin = "window.told = []; window.source = follow(location.origin, (change) => window.told.push(change));"
        page.evaluate(f"() => {{ {SCRIPT} {begin} }}")
        page.wait_for_function("() => source.readyState === EventSource.OPEN", timeout=WAIT_MILLISECONDS)
        make(server, key, "/v1/topics", '{"id": "other", "name": "Other"}')
        make(server, key, "/v1/meetings", '{"id": "first", "name": "First", "topics": ["cybersecurity"]}')
        until(1)
    database.load('{"kind":"meeting","id":"while-away","name":"While it was away","topics":["cybersecurity"]}')
    with started(url, SERVE, ROOT, {}, port=port) as server:
        until(2)
        make(server, key, "/v1/meetings", '{"id": "last", "name": "Last", "topics": ["cybersecurity"]}')
        until(3)
        told: list[dict[str, Any]] = page.evaluate("() => { source.close(); return window.told; }")
    context.close()
    database.engine.dispose()
    assert [(each["operation"], each["id"]) for each in told] == [("create", each) for each in ("first", "while-away", "last")]
