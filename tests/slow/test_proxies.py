"""nginx and Caddy before the registry, under a path and compressing: the very files of `docs/operations`."""

import gzip
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from playwright.sync_api import expect

from app.http.responses import COMPRESSED_FROM
from app.settings import ROOT
from tests import depth
from tests.conftest import Database, Fresh
from tests.pages.conftest import headless, path_of_chromium
from tests.postgres import free_port
from tests.programs import program
from tests.serving import START_SECONDS, Server, served
from tests.streaming import stream

pytestmark = depth.slow

PAGES = ROOT / "docs" / "operations"
PREFIX = "/registry"
COMPRESSED_BY_CADDY_FROM = 512
SHOWN, UPSTREAM = "127.0.0.1:8080", "127.0.0.1:8000"
"""The addresses in the files: where the proxy listens, and where the registry does."""
NGINX = """
{user}
worker_processes 1;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nginx.conf;
}}
"""
"""What Debian's own /etc/nginx/nginx.conf is to a file in conf.d."""


def _nginx(folder: Path) -> list[str]:
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "main.conf").write_text(NGINX.format(folder=folder, user=user), encoding="utf-8")
    return [program("nginx"), "-c", str(folder / "main.conf"), "-e", str(folder / "log"), "-g", "daemon off;"]


def _caddy(folder: Path) -> list[str]:
    # Caddy has a port for administration, which would be the same for two that run at once.
    (folder / "main").write_text(f"{{\n\tadmin off\n}}\nimport {folder}/Caddyfile\n", encoding="utf-8")
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "main")]


PROXIES: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "nginx": ("nginx.conf", _nginx),
    "caddy": ("Caddyfile", _caddy),
}


@contextmanager
def proxied(name: str, upstream: str, folder: Path) -> Iterator[str]:
    """The address of the registry behind the proxy, while that runs with its file of `docs/operations`."""
    file, command = PROXIES[name]
    port = free_port()
    text = (PAGES / file).read_text(encoding="utf-8")
    for address, other in ((SHOWN, f"127.0.0.1:{port}"), (UPSTREAM, upstream.removeprefix("http://"))):
        settings = [line for line in text.splitlines() if address in line and not line.lstrip().startswith("#")]
        assert len(settings) == 1, f"{file}: {address}"
        text = text.replace(address, other)
    (folder / file).write_text(text, encoding="utf-8")
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command(folder), cwd=folder, env=environment, stdout=output, stderr=output)
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{origin}{PREFIX}/readyz", folder)
        yield origin
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _wait(process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(address, timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    process.kill()
    pytest.fail((folder / "output").read_text(encoding="utf-8"))


class Proxied(NamedTuple):
    """A registry behind a proxy: a client without redirects, the proxy's address, and the header of a key."""

    client: httpx2.Client
    origin: str
    key: dict[str, str]

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """A read, by the path that a user of the registry knows."""
        return self.client.get(path, headers=headers)


@pytest.fixture(scope="module", params=PROXIES)
def behind(request: pytest.FixtureRequest, fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    database = Database(fresh())
    database.seed()
    folder = tmp_path_factory.mktemp(request.param)
    with (
        served(database.url) as server,
        proxied(request.param, server, folder) as origin,
        httpx2.Client(base_url=f"{origin}{PREFIX}", timeout=30) as client,
    ):
        yield Proxied(client, origin, database.key())
    database.engine.dispose()


def test_a_record_is_changed_with_the_tag_that_came(behind: Proxied) -> None:
    """A short answer is compressed by the proxy, which makes its tag weak or another one; the version in it is what counts."""
    names = [{"language": each, "text": f"Bridges {each} " * 6, "type": "translation"} for each in ("en", "fr", "de")]
    made = behind.client.post("/v1/topics", json={"name": "Мосты", "names": names}, headers=behind.key)
    assert (made.status_code, made.headers["location"]) == (201, f"{PREFIX}/v1/topics/mosty")
    one = behind.get("/v1/topics/mosty", **{"Accept-Encoding": "gzip"})
    assert COMPRESSED_BY_CADDY_FROM < len(one.content) < COMPRESSED_FROM
    assert one.headers["content-encoding"] == "gzip"
    changed = behind.client.patch(
        "/v1/topics/mosty", json={"name": "Мосты и дороги"}, headers={**behind.key, "If-Match": one.headers["etag"]}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["version"] == 2
    late = behind.client.delete("/v1/topics/mosty", headers={**behind.key, "If-Match": one.headers["etag"]})
    assert late.status_code == 412
    tag = behind.get("/v1/topics/mosty").headers["etag"]
    assert behind.client.delete("/v1/topics/mosty", headers={**behind.key, "If-Match": tag}).status_code == 204


def test_a_long_answer_comes_as_the_registry_compressed_it(behind: Proxied) -> None:
    path = "/v1/meetings?limit=50&include=citations"
    with behind.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert gzip.decompress(raw) == behind.get(path, **{"Accept-Encoding": "identity"}).content
    assert behind.get(path, **{"If-None-Match": behind.get(path).headers["etag"]}).status_code == 304


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_events_come_through_the_proxy_one_by_one(behind: Proxied, encoding: str) -> None:
    """No event waits in a buffer of the proxy for a next one, and none is compressed."""
    path = f"{PREFIX}/v1/changes?kind=topic"
    host = behind.origin.removeprefix("http://")
    with stream(Server(behind.origin), path, Host=host, Accept_Encoding=encoding) as events:
        assert (events.status, events.headers["content-type"]) == (200, "text/event-stream")
        assert "content-encoding" not in events.headers
        assert events.beginning()[0] == "retry: 2000"
        for number in range(3):
            name = f"Event {encoding} {number}"
            assert behind.client.post("/v1/topics", json={"name": name}, headers=behind.key).status_code == 201
            assert events.events(1)[0].data["state"]["name"] == name


def test_next_leads_through_the_proxy_to_the_end(behind: Proxied) -> None:
    ids: list[str] = []
    following: str | None = f"{behind.origin}{PREFIX}/v1/citations?limit=50"
    while following is not None:
        assert following.startswith(f"{behind.origin}{PREFIX}/v1/citations?")
        answer = behind.client.get(following)
        ids += [each["id"] for each in answer.json()["data"]]
        following = answer.json()["links"]["next"]
        assert (f'<{following}>; rel="next"' in answer.headers["link"].split(", ")) == (following is not None)
    assert len(set(ids)) == len(ids) == behind.get("/v1/").json()["counts"]["citation"]


def test_addresses_lead_through_the_proxy(behind: Proxied) -> None:
    for path in behind.get("/v1/").json()["links"].values():
        assert path.startswith(f"{PREFIX}/")
        expected = 422 if path.endswith("/v1/records") else 200  # needs `ids`
        assert behind.client.get(f"{behind.origin}{path}").status_code == expected, path
    problem = behind.get("/v1/meetings/nothing")
    assert problem.json()["instance"] == f"{PREFIX}/v1/meetings/nothing"
    page = behind.client.get(f"{behind.origin}{problem.json()['type'].partition('#')[0]}")
    assert '<section id="not_found">' in page.text
    moved = behind.get("/v1/countries/BLR")
    assert (moved.status_code, moved.headers["location"]) == (308, f"{PREFIX}/v1/countries/BY")
    home = behind.client.get(f"{behind.origin}{PREFIX}")
    assert (home.status_code, home.headers["location"]) == (308, f"{PREFIX}/")
    start = behind.client.get(f"{behind.origin}{PREFIX}/")
    assert start.status_code == 200
    leads_to = [unescape(href) for href in re.findall(r'<a [^>]*href="(/[^"#]*)"', start.text)]
    assert leads_to
    for path in leads_to:
        assert path.startswith(f"{PREFIX}/")
        assert behind.client.get(behind.origin + path).status_code == 200, path


@pytest.mark.parametrize("identifier", ["https://ids.example/a//b", "10.1000%2Fx", "a%20b", "%D1%91"])
def test_what_stands_in_a_path_arrives_as_it_was_written(behind: Proxied, identifier: str) -> None:
    path = f"/v1/topics/identifier/some-scheme/{identifier}"
    made = behind.client.put(path, json={"name": f"As written: {identifier}"}, headers={**behind.key, "If-None-Match": "*"})
    assert made.status_code == 201, made.text
    found = behind.get(path)
    assert (found.status_code, found.headers["location"]) == (308, made.headers["location"])


def test_nothing_of_the_server_is_reached_beside_the_path(behind: Proxied) -> None:
    for path in ("/v1/meetings", "/docs", f"{PREFIX}x/v1/meetings", "/openapi.json"):
        assert "data" not in behind.client.get(f"{behind.origin}{path}").text


def test_the_docs_page_sends_its_requests_through_the_proxy(behind: Proxied, kind_of_database: str) -> None:
    """“Execute” reads and, with the key, writes under the path; no request goes elsewhere."""
    if kind_of_database == "postgres":
        pytest.skip("the page does not know the database; one is enough")
    path = path_of_chromium()
    with headless(path or program("chromium")) as browser:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{behind.origin}{PREFIX}/docs#/meetings/list_meetings")
        answer = _executed(page, "operations-meetings-list_meetings")
        expect(answer.locator("tbody > tr > td").first).to_have_text("200")
        expect(answer.locator(".highlight-code").first).to_contain_text(f"{behind.origin}{PREFIX}/v1/meetings")

        page.goto("about:blank")
        page.goto(f"{behind.origin}{PREFIX}/docs#/meetings/create_meeting")
        page.locator(".scheme-container").get_by_role("button", name="Authorize").click()
        dialog = page.locator(".dialog-ux")
        dialog.locator("input").fill(behind.key["Authorization"].removeprefix("Bearer "))
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").first.click()
        answer = _executed(page, "operations-meetings-create_meeting")
        expect(answer.locator("tbody > tr > td").first).to_have_text("201")

        example = page.locator(".info ol > li a").first.get_attribute("href")
        assert example is not None
        assert example.startswith(f"{PREFIX}/v1/participants?")
        context.close()
    elsewhere = [url for url in asked if not url.startswith((f"{behind.origin}{PREFIX}/", "data:"))]
    assert any(url.startswith(f"{behind.origin}{PREFIX}/v1/meetings") for url in asked)
    assert elsewhere == []


def _executed(page: Any, identifier: str) -> Any:
    """The answer that the docs page shows after “Execute” of an operation."""
    operation = page.locator(f"#{identifier}")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".live-responses-table")
