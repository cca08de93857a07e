"""The documentation pages as a client gets them: compressed, kept, and found anew when they change."""

import gzip
import re

import pytest
from starlette.testclient import TestClient

from app.http import docs
from tests.conftest import Database

PAGES = ("/docs", "/docs/problems", "/docs/promise")
YEAR = 31_536_000


def linked(client: TestClient, page: str) -> list[str]:
    """The addresses of all files that a page loads."""
    text = client.get(page).text
    names = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', text)
    assert names
    return [f"/{name.removeprefix('../')}" for name in names]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_loads_is_compressed_and_kept_for_a_year(client: TestClient, page: str) -> None:
    addresses = linked(client, page)
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["cache-control"] == f"public, max-age={YEAR}, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
        assert plain.headers["content-length"] == str(len(plain.content))
        assert int(answer.headers["content-length"]) <= len(plain.content)
    if page == "/docs":
        sent = sum(int(client.get(address).headers["content-length"]) for address in set(addresses))
        assert {address.partition("?")[0] for address in addresses} >= {
            "/docs/assets/swagger-ui-bundle.js",
            "/docs/assets/swagger-ui.css",
        }
        assert sent < 500_000, "it was 1.7 MB without compression"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
def test_a_file_under_another_address_is_asked_for_anew(client: TestClient, query: str) -> None:
    for address in linked(client, "/docs"):
        answer = client.get(address.partition("?")[0] + query)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache", "a browser must not keep it under a wrong digest"


def test_the_digest_is_that_of_the_file(client: TestClient, seeded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {address.partition("?")[0]: address for address in linked(client, "/docs")}
    changed = docs._FILES / "page.css"
    real = type(changed).read_text
    monkeypatch.setattr(
        type(changed), "read_text", lambda path, **options: real(path, **options) + ("/* */" if path == changed else "")
    )
    with seeded.client() as other:
        after = {address.partition("?")[0]: address for address in linked(other, "/docs")}
    assert {name for name in before if before[name] != after[name]} == {"/docs/page.css"}


@pytest.mark.parametrize("address", [*PAGES, "/docs/page.css", "/docs/assets/swagger-ui-bundle.js"])
@pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip;q=0", "br, gzip", "*"])
def test_what_a_browser_has_already_is_not_sent_again(client: TestClient, address: str, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    first = client.get(address, headers=headers)
    assert (first.headers.get("content-encoding") == "gzip") == (encoding in ("gzip", "br, gzip", "*"))
    again = client.get(address, headers=headers | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "vary", "content-security-policy"):
        assert again.headers[name] == first.headers[name]
    other = client.get(address, headers=headers | {"If-None-Match": '"0123456789abcdef"'})
    assert other.status_code == 200


def test_each_encoding_has_a_tag_of_its_own(client: TestClient) -> None:
    tags = {client.get("/docs", headers={"Accept-Encoding": encoding}).headers["etag"] for encoding in ("gzip", "identity")}
    assert len(tags) == 2


@pytest.mark.parametrize("address", [*PAGES, "/docs/page.js"])
def test_head_is_answered_as_get(client: TestClient, address: str) -> None:
    got, head = client.get(address), client.head(address)
    assert head.status_code == 200
    assert {name: head.headers[name] for name in ("etag", "content-length", "content-type")} == {
        name: got.headers[name] for name in ("etag", "content-length", "content-type")
    }


def test_a_page_is_the_same_bytes_however_it_is_sent(client: TestClient) -> None:
    with client.stream("GET", "/docs", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert gzip.decompress(packed) == client.get("/docs", headers={"Accept-Encoding": "identity"}).content
    assert b"<!doctype html>" in gzip.decompress(packed)
