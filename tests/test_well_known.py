"""The addresses that programs know without being told."""

import json
import re

import pytest
from starlette.testclient import TestClient

from app.resources import RESOURCES

ADDRESSES = ("/.well-known/api-catalog", "/llms.txt", "/robots.txt", "/favicon.ico")
LINES = 45


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_is_kept_and_not_sent_twice(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert re.fullmatch(r"public, max-age=\d+", answer.headers["cache-control"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    ignored = ("ratelimit", "ratelimit-policy")
    assert {name: value for name, value in head.headers.items() if name not in ignored} == {
        name: value for name, value in answer.headers.items() if name not in ignored
    }
    again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert client.post(address).status_code == 405


def test_the_catalogue_leads_to_the_api_and_its_description(client: TestClient) -> None:
    answer = client.get("/.well-known/api-catalog", headers={"Host": "registry.example"})
    assert answer.headers["content-type"] == 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
    assert answer.headers["link"] == '</.well-known/api-catalog>; rel="api-catalog"'
    itself, api = answer.json()["linkset"]
    assert itself["anchor"] == "http://registry.example/.well-known/api-catalog"
    assert [each["href"] for each in itself["item"]] == [api["anchor"]] == ["http://registry.example/v1/"]
    for relation, links in api.items():
        if relation in ("anchor", "license"):
            continue
        for link in links:
            assert set(link) == {"href", "type"}
            found = client.get(link["href"].removeprefix("http://registry.example"))
            assert found.status_code == 200, link
            assert found.headers["content-type"].partition(";")[0] == link["type"]


def test_behind_a_proxy_addresses_have_its_prefix(client: TestClient) -> None:
    headers = {"X-Forwarded-Host": "registry.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/ict"}
    with_prefix = TestClient(client.app, client=("127.0.0.1", 1))
    assert "Disallow: /ict/v1/export\n" in with_prefix.get("/robots.txt", headers=headers).text
    catalog = with_prefix.get("/.well-known/api-catalog", headers=headers).json()
    assert catalog["linkset"][1]["anchor"] == "https://registry.example/ict/v1/"
    assert "https://registry.example/ict/v1/search?q=" in with_prefix.get("/llms.txt", headers=headers).text


def test_what_language_models_read_is_short_and_every_address_in_it_answers(client: TestClient) -> None:
    answer = client.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    text = answer.text
    assert text.startswith("# Rapporteur\n\n> ")
    assert len(text.splitlines()) <= LINES
    for resource in RESOURCES:
        assert resource.plural in text
    addresses = set(re.findall(r"http://testserver(/[^\s`)]*)", text))
    assert len(addresses) > 10
    for address in sorted(addresses - {"/v1/NAME", "/v1/NAME/ID"}):
        assert client.get(address).status_code == 200, address


def test_crawlers_are_told_what_has_no_end(client: TestClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    refused = re.findall(r"^Disallow: (.+)$", answer.text, re.MULTILINE)
    patterns = [re.escape(rule).replace(r"\*", ".*") for rule in refused]
    following = client.get("/v1/meetings?limit=1").json()["links"]["next"].removeprefix("http://testserver")
    for address in (following, "/v1/meetings/sco-ict-2025/history", "/v1/export"):
        assert any(re.match(pattern, address) for pattern in patterns), address
    for address in ("/", "/docs", "/v1/", "/v1/meetings?country=CN", "/v1/records/sco", "/openapi.json"):
        assert not any(re.match(pattern, address) for pattern in patterns), address


def test_the_icon_holds_three_sizes(client: TestClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.headers["content-type"] == "image/vnd.microsoft.icon"
    icon = answer.content
    assert icon[:6] == b"\x00\x00\x01\x00\x03\x00"
    assert [icon[6 + 16 * place] for place in range(3)] == [16, 32, 48]
    assert icon.count(b"\x89PNG\r\n\x1a\n") == 3


def test_they_are_not_operations_of_the_api(client: TestClient) -> None:
    assert not set(ADDRESSES) & json.loads(client.get("/openapi.json").text)["paths"].keys()
