"""The pages as a browser gets them: they say what the API says, in both languages, and execute nothing that a record says."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from lxml import html
from starlette.testclient import TestClient

from app.declaration.model import TEXT_PATTERN
from app.pages import citing
from app.pages.api import Api
from app.pages.dates import when
from app.pages.language import ENGLISH, LANGUAGES, RUSSIAN, catalogue_file, language
from app.pages.names import MOST_NAMES
from app.pages.registry import BROWSED
from app.pages.serving import POLICY
from app.pages.shown import Shown
from app.pages.tongues import tongue
from app.resources import RESOURCES
from app.settings import ROOT
from docs.catalogues import updated
from tests.conftest import Database
from tests.test_edtf import qualified, seasons, sides, unspecified
from tests.test_writing import Clerk, clerk_of

PAGES = (
    "/",
    "/search?q=karamay",
    "/search",
    "/meetings",
    "/meetings/by-cn-talks-2025-06-16",
    "/memoranda/by-cn-ict-mou-2024",
    "/people/pavel-tkach",
    "/organizations/sco",
    "/countries/BY",
    "/topics/artificial-intelligence",
    "/series/wsis",
    "/outcomes/by-ae-ems-pledge-2026",
    "/sources/mpt-2025-sco",
    "/ledger",
    "/ledger?between=BY,CN",
    "/ledger?of=by-cn-ict-mou-2024",
    "/commitments?by=BY",
    "/counterparts?of=BY",
    "/matrix",
    "/network",
    "/changes",
    "/vocabularies",
    "/about",
    *(f"/{resource.plural}" for resource in RESOURCES if resource.plural != "meetings"),
)
FIRST_VIEW = 60_000
"""The most bytes that the first view of a page may transfer."""


def page(client: TestClient, address: str, **headers: str) -> Any:
    """A page as a tree of elements."""
    answer = client.get(address, headers={"accept-language": "en", **headers})
    assert answer.status_code == 200, (address, answer.text[:300])
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.document_fromstring(answer.text)


def links(tree: Any, address: str = "/") -> list[str]:
    """The addresses on this server to which a page leads."""
    found = (urljoin(f"http://testserver{address}", href) for href in tree.xpath("//a/@href"))
    return [href.removeprefix("http://testserver") for href in found if href.startswith("http://testserver")]


def ids(tree: Any, plural: str) -> list[str]:
    """The ids of the records of a collection to which the main part of a page leads, in their order."""
    found = (urlsplit(href).path for href in tree.xpath("//main//a/@href"))
    return list(dict.fromkeys(path.rpartition("/")[2] for path in found if path.startswith(f"/{plural}/")))


def text(tree: Any) -> str:
    return " ".join(tree.xpath("string(//main)").split())


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_in_its_language_and_needs_no_script(client: TestClient, address: str, tag: str) -> None:
    answer = client.get(address, headers={"accept-language": tag})
    tree = html.document_fromstring(answer.text)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY.decode()
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-language"] == tag == tree.get("lang")
    assert tree.xpath("//title/text()")[0].strip(" –") != "Rapporteur"
    assert len(tree.xpath("//h1")) == 1
    assert not tree.xpath("//@style | //@onclick | //style | //script[not(@src)]")
    assert not [found for found in tree.xpath("//@id") if tree.xpath("count(//*[@id=$id])", id=found) > 1], "ids are unique"
    assert not re.search(r"&lt;/?(?:a|span|q|td|li)\b|&amp;(?:#|amp|lt|quot)", answer.text), "nothing is escaped twice"
    for target in tree.xpath("//a/@href[starts-with(., '#')]"):
        assert tree.xpath("//*[@id=$id]", id=target[1:]), target
    for field in tree.xpath("//main//input[not(@type='hidden')] | //main//select"):
        assert tree.xpath("//label[@for=$id]", id=field.get("id")), field.get("name")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_link_leads_somewhere(client: TestClient, tag: str) -> None:
    seen: dict[str, str] = {}
    shapes: Counter[tuple[object, ...]] = Counter()
    waiting = ["/"]
    while waiting:
        address = waiting.pop()
        answer = client.get(address, headers={"accept-language": tag}, follow_redirects=True)
        assert answer.status_code == 200, (address, "from", seen.get(address), answer.text[:300])
        if "text/html" not in answer.headers["content-type"] or address.startswith("/docs"):
            continue
        for link in links(html.document_fromstring(answer.text), address):
            href = link.partition("#")[0]
            path, query = urlsplit(href).path, urlsplit(href).query
            shape = path.removeprefix("/v1").split("/")[1], path.count("/"), *sorted(dict(parse_qsl(query)))
            if href not in seen and shapes[shape] < 2 and path != "/v1/export":
                shapes[shape] += 1
                seen[href] = address
                waiting.append(href)
    views = {"/ledger", "/commitments", "/counterparts", "/matrix", "/network", "/changes", "/vocabularies", "/about"}
    assert {urlsplit(href).path for href in seen} >= views | {f"/{plural}" for plural in BROWSED}


@pytest.mark.parametrize("address", PAGES)
def test_a_first_view_is_small_and_the_second_one_is_not_sent(client: TestClient, address: str) -> None:
    answer = client.get(address, headers={"accept-encoding": "gzip", "accept-language": "en"})
    loaded = re.findall(r'<(?:link rel="(?:icon|stylesheet)"|script)[^>]* (?:href|src)="([^"]+)"', answer.text)
    assert len(loaded) == 4
    sent = int(answer.headers["content-length"])
    for each in loaded:
        file = client.get(each, headers={"accept-encoding": "gzip"})
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        sent += int(file.headers["content-length"])
    assert sent <= FIRST_VIEW
    again = client.get(
        address, headers={"accept-encoding": "gzip", "accept-language": "en", "if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    russian = client.get(
        address, headers={"accept-encoding": "gzip", "accept-language": "ru", "if-none-match": answer.headers["etag"]}
    )
    assert russian.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?participant=CN",
        "?date_from=2025-06-01&date_to=2025-06-30",
        "?type=summit&sort=date",
        "?q=wsis",
        "?topic=artificial-intelligence",
    ],
)
def test_a_list_shows_the_records_of_the_api(client: TestClient, query: str) -> None:
    tree = page(client, f"/meetings{query}")
    answer = client.get(f"/meetings{query}")
    linked = re.search(r'<([^>]+)>; rel="alternate"; type="application/json"', answer.headers["link"])
    assert linked is not None
    found = client.get(linked[1]).json()["data"]
    shown = [row.xpath("string(.//td[2]//a/@href)").rpartition("/")[2] for row in tree.xpath("//table//tbody/tr")]
    assert shown == [record["id"] for record in found]
    assert tree.xpath("//link[@type='application/json']/@href") == [linked[1]]


@pytest.mark.parametrize(
    ("api", "shown"),
    [
        ("/v1/meetings?country=CN&lang=ru&fields=name&limit=3", "/meetings?country=CN&lang=ru"),
        ("/v1/meetings", "/meetings"),
        ("/v1/meetings/sco-ict-2025?include=citations", "/meetings/sco-ict-2025"),
        ("/v1/ledger?between=BY,CN&limit=3", "/ledger?between=BY%2CCN"),
        ("/v1/commitments?by=BY&lang=ru", "/commitments?by=BY&lang=ru"),
        ("/v1/matrix?rows=country&columns=year&format=csv", "/matrix?rows=country&columns=year"),
        ("/v1/search?q=a%26b&kind=meeting&limit=3", "/search?q=a%26b&kind=meeting&limit=3"),
        ("/v1/changes?kind=meeting&limit=2", "/changes?kind=meeting"),
        ("/v1/records/gitex-2025", "/records/gitex-2025"),
        ("/v1", "/about"),
    ],
)
def test_an_answer_of_the_api_leads_to_its_page(client: TestClient, api: str, shown: str) -> None:
    linked = re.search(r'<([^>]+)>; rel="alternate"; type="text/html"', client.get(api).headers["link"])
    assert linked is not None
    assert urljoin(api, linked[1]) == shown
    assert client.get(shown, follow_redirects=True).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("address", [each for each in PAGES if each not in ("/", "/search", "/ledger")])
def test_a_page_and_its_answer_lead_to_each_other(client: TestClient, address: str) -> None:
    answer = client.get(address).headers["link"]
    to_answer = re.search(r'<([^>]+)>; rel="alternate"; type="application/json"', answer)
    assert to_answer is not None
    to_page = re.search(r'<([^>]+)>; rel="alternate"; type="text/html"', client.get(to_answer[1]).headers["link"])
    assert to_page is not None
    assert urljoin(to_answer[1], to_page[1]).partition("?")[0] == address.partition("?")[0]


def test_a_ledger_shows_the_lines_of_the_api_with_their_sentences(client: TestClient) -> None:
    tree = page(client, "/ledger?between=BY,AE")
    lines = client.get("/v1/ledger?between=BY,AE").json()["data"]
    shown = tree.xpath("//ol[@class='lines']/li")
    assert len(shown) == len(lines)
    for element, line in zip(shown, lines, strict=True):
        assert line["record"]["id"] in "".join(element.xpath(".//a/@href"))
        numbers = element.xpath(".//sup/a/text()")
        noted = " ".join(" ".join(tree.xpath("string(//li[@id=$id])", id=f"note-{number}").split()) for number in numbers)
        for citation in line["citations"]:
            assert " ".join(citation["quote"].split()) in noted
            assert f"paragraph {citation['paragraph']}" in noted
            assert citation["link"] in tree.xpath("//section[@class='notes']//a/@href")


def test_a_record_says_what_is_stated_and_what_is_not(client: TestClient) -> None:
    tree = page(client, "/meetings/by-cn-talks-2025-06-16")
    facts = {
        " ".join(row.xpath("string(dt)").split()): " ".join(row.xpath("string(dd)").split())
        for row in tree.xpath("//aside//dl/div")
    }
    assert (facts["City"], facts["Country"]) == ("not stated", "not stated")
    assert tree.xpath("//aside//time/@datetime") == ["2025-06-16"]
    assert "Deputy Minister of Industry and Information Technology" in text(tree)
    assert "As far as the sources say" in text(tree)
    assert not page(client, "/meetings/connect-cis-2009").xpath("//aside//time"), "the day is not stated"
    assert "November 2009 (day not stated)" in text(page(client, "/meetings/connect-cis-2009"))


def test_a_source_shows_what_each_paragraph_supports(client: TestClient) -> None:
    tree = page(client, "/sources/mpt-2025-sco")
    passages = client.get("/v1/sources/mpt-2025-sco?include=passages").json()["passages"]
    assert len(tree.xpath("//ul[@class='passages']/li")) == len(passages)
    assert [int(found.split()[-1]) for found in tree.xpath("//h3/text()")] == sorted({each["paragraph"] for each in passages})


def test_names_in_russian_and_in_the_language_asked_for(client: TestClient) -> None:
    russian = page(client, "/countries/BY", **{"accept-language": "ru"})
    assert russian.xpath("normalize-space(//h1/text())") == "Беларусь"
    english = page(client, "/countries/BY")
    assert english.xpath("//a[@hreflang='ru']/@href")[0] == "/countries/BY?lang=ru"
    chosen = page(client, "/countries/BY?lang=ru")
    assert chosen.get("lang") == "ru"
    assert {
        dict(parse_qsl(urlsplit(href).query)).get("lang")
        for href in links(chosen, "/countries/BY?lang=ru")
        if not href.startswith(("/docs", "#"))
    } == {"ru", "en"}
    kazakh = page(client, "/countries/UZ?lang=kk")
    assert (kazakh.get("lang"), kazakh.xpath("//h1/@lang")) == ("en", ["kk"])


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("/ledger?between=Беларусь&between=Китай", "/ledger?between=BY,CN"),
        ("/ledger?between=blr&between=cn", "/ledger?between=BY,CN"),
        ("/ledger?between=Belarus&between=", "/ledger?of=BY"),
        ("/meetings?participant=Узбекистан&type=", "/meetings?participant=UZ"),
        ("/meetings?topic=искусственный+интеллект", "/meetings?topic=artificial-intelligence"),
        ("/commitments?by=Belarus&to=ОАЭ", "/commitments?by=BY&to=AE"),
        ("/counterparts?of=Shanghai+Cooperation&lang=ru", "/counterparts?of=sco&lang=ru"),
        ("/records/sco", "/organizations/sco"),
        ("/meetings/?type=talks", "/meetings?type=talks"),
        ("/meetings?date_from=2025&date_to=2025", "/meetings?date_from=2025-01-01&date_to=2025-12-31"),
        ("/ledger?of=BY&date_from=31.05.2025", "/ledger?of=BY&date_from=2025-05-31"),
        ("/memberships?of=sco&valid_at=2025-01", "/memberships?of=sco&valid_at=2025-01-01"),
        ("/records/by?lang=ru", "/countries/BY?lang=ru"),
        ("/meetings?between=Беларусь;+Китай", "/meetings?between=BY,CN"),
        ("/meetings?participant=Russia", "/meetings?participant=RU"),
        ("/meetings?participant=Индия&lang=ru", "/meetings?participant=IN&lang=ru"),
        ("/ledger?between=BY&between=the+Emirates", "/ledger?between=BY,AE"),
        ("/search?q=Tkach&date_from=16.06.2025&kind=", "/search?q=Tkach&date_from=2025-06-16"),
        ("/matrix?of=memoranda&rows=type&columns=year&status=held", "/matrix?of=memoranda&rows=type&columns=year"),
        ("/network?of=memoranda&type=talks&lang=ru", "/network?of=memoranda&lang=ru"),
    ],
)
def test_forms_take_names(client: TestClient, typed: str, leads_to: str) -> None:
    answer = client.get(typed)
    for _ in range(3):
        if answer.status_code in (303, 308):
            last = answer.headers["location"]
            answer = client.get(last)
    assert (answer.status_code, last) == (200, leads_to)


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/meetings/nothing", 404, "There is no such page or record"),
        ("/nothing", 404, "There is no such page or record"),
        ("/meetings?colour=red", 422, "colour"),
        ("/meetings?date_from=yesterday", 422, "date_from"),
        ("/ledger?between=Qqqxyz&between=BY", 422, "“Qqqxyz”"),
        ("/meetings?cursor=x", 400, "cursor"),
        ("/meetings?q=%ff", 400, "percent-encoded"),
        ("/?lang=!!", 422, "lang"),
    ],
)
def test_what_is_wrong_is_a_page_for_browsers(client: TestClient, address: str, status: int, told: str) -> None:
    answer = client.get(address, headers={"accept": "text/html,*/*;q=0.8"}, follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert told in text(html.document_fromstring(answer.text))


STRANGE = ("<b>'", "Беларусь", "../2025~", "true", "0")


def test_no_parameter_of_the_api_breaks_a_page(client: TestClient) -> None:
    """What the API takes at an address, and what it refuses there, is no mistake of the page at the same address."""
    paths = client.get("/openapi.json").json()["paths"]
    looked_at = 0
    for path in (page.partition("?")[0] for page in dict.fromkeys(PAGES) if page != "/"):
        described = paths.get(f"/v1{path}", {"get": {}})["get"].get("parameters", ())
        given = dict(parse_qsl(next(page for page in PAGES if page.startswith(path)).partition("?")[2]))
        for name in {each["name"] for each in described if each.get("in") == "query"}:
            for value in STRANGE:
                answer = client.get(path, params={**given, name: value}, follow_redirects=True)
                assert answer.status_code in (200, 400, 404, 422), (path, name, value, answer.text[:500])
                assert answer.headers["content-type"] == "text/html; charset=utf-8", (path, name, value)
                looked_at += 1
    assert looked_at > 1_000


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/meetings?fields=name&format=csv&limit=200&country=CN&include=participants", "/meetings?country=CN"),
        ("/ledger?of=BY&format=xlsx&lang=ru", "/ledger?of=BY&lang=ru"),
        ("/network?project=false", "/network"),
        ("/matrix?limit=200&rows=topic", "/matrix?rows=topic"),
        ("/commitments?count=&by=BY", "/commitments?by=BY"),
    ],
)
def test_a_page_decides_how_its_answers_are_written(client: TestClient, address: str, leads_to: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, leads_to)
    assert client.get(leads_to).status_code == 200


def filled(form: Any) -> list[tuple[str, str]]:
    """What a browser sends of a form in which nothing was changed."""
    inputs = [(each.get("name"), each.get("value") or "") for each in form.xpath(".//input[@name]")]
    return inputs + [
        (each.get("name"), (each.xpath("./option[@selected]/@value") or each.xpath("./option/@value"))[0])
        for each in form.xpath(".//select")
    ]


FORMS = (
    *PAGES,
    "/meetings?country=BY&country=CN&topic=artificial-intelligence&participant=sco",
    "/meetings?between=BY,CN&city=Minsk",
    "/ledger?between=BY,CN&topic=artificial-intelligence&topic=e-government",
    "/ledger?of=sco&date_from=2020-01-01",
    "/commitments?by=BY&status=signed",
    "/counterparts?of=BY&topic=artificial-intelligence&date_to=2025-12-31",
    "/matrix?rows=topic&columns=type&status=held&date_from=2024-01-01",
    "/network?type=talks&participant=BY",
    "/participants?uncited=false&role=speaker",
    "/search?q=digital&country=BY&topic=artificial-intelligence",
)


@pytest.mark.parametrize("address", FORMS)
def test_every_choice_of_a_form_is_kept(client: TestClient, address: str) -> None:
    tree = page(client, address)
    for form in tree.xpath("//main//form[@action]"):
        unchanged = filled(form)
        for select in form.xpath(".//select"):
            name = select.get("name")
            for option in select.xpath("./option[not(@selected)]/@value")[-2:]:
                if option in dict(unchanged).values():
                    continue  # it is chosen already, or the other dimension of a matrix
                asked = [(name, option), *(pair for pair in unchanged if pair[0] != name)]
                answer = client.get(form.get("action"), params=asked, follow_redirects=True)
                assert answer.status_code == 200, (asked, answer.text[:500])
                shown = html.document_fromstring(answer.text).xpath(f"//main//form[@action='{form.get('action')}']")[0]
                kept = [pair for pair in asked if name != "of" or pair[0] not in ("type", "status")]
                assert sorted(filled(shown)) == sorted(kept)


@pytest.mark.parametrize("address", [each for each in FORMS if "?" in each])
def test_what_narrows_a_page_is_in_its_form_or_can_be_taken_away(client: TestClient, address: str) -> None:
    tree = page(client, address)
    in_forms = {name for form in tree.xpath("//main//form") for name in form.xpath(".//*[@name and not(@type='hidden')]/@name")}
    without = [dict(parse_qsl(urlsplit(href).query)) for href in tree.xpath("//a[@class='chip']/@href")]
    for name, _ in parse_qsl(urlsplit(address).query):
        assert name in in_forms or any(name not in each for each in without), name


@pytest.mark.parametrize(
    ("address", "chips"),
    [
        ("/meetings?between=BY,CN", ["Between: Belarus, China ✕"]),
        ("/matrix?rows=topic&columns=year&status=held&lang=ru", ["Статус: состоялась ✕"]),
        ("/network?type=talks&lang=ru", ["Тип: переговоры ✕"]),
        ("/commitments?status=negotiation&lang=ru", ["Статус: на согласовании ✕"]),
        ("/search?q=zzzqqq&country=BY&kind=meeting&lang=ru", ["Вид записи: встреча ✕", "Страна: Беларусь ✕"]),
    ],
)
def test_what_narrows_a_page_is_told_in_words(client: TestClient, address: str, chips: list[str]) -> None:
    assert sorted(page(client, address).xpath("//a[@class='chip']/text()")) == chips


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/ledger?between=BY,CN&date_from=never&colour=red&lang=ru", "/ledger?between=BY,CN&lang=ru"),
        ("/meetings?city=Karamay&participant=Qqqxyz", "/meetings?city=Karamay"),
        ("/meetings?city=Karamay&between=BY;Qqqxyz", "/meetings?city=Karamay"),
        ("/matrix?rows=topic&columns=year&status=nonsense", "/matrix?rows=topic&columns=year"),
    ],
)
def test_the_rest_of_a_faulty_question_is_kept(client: TestClient, address: str, kept: str) -> None:
    answer = client.get(address, headers={"accept": "text/html"}, follow_redirects=True)
    assert answer.status_code == 422
    assert kept in html.document_fromstring(answer.text).xpath("//main//a/@href")


@pytest.mark.parametrize(
    ("address", "choices"),
    [
        (
            "/meetings?participant=Congo&city=Minsk",
            ["/meetings?participant=CD&city=Minsk", "/meetings?participant=CG&city=Minsk"],
        ),
        ("/meetings?participant=Zalezky", ["/meetings?participant=kirill-zalessky"]),
        ("/meetings?participant=Kosovo", ["/meetings?participant=cn-state-council"]),
        ("/ledger?between=BY,Korea&lang=ru", ["/ledger?between=BY,KP&lang=ru", "/ledger?between=BY,KR&lang=ru"]),
        ("/ledger?between=BY&between=Korea", ["/ledger?between=BY&between=KP", "/ledger?between=BY&between=KR"]),
    ],
)
def test_a_name_of_several_is_for_the_visitor_to_choose(client: TestClient, address: str, choices: list[str]) -> None:
    answer = client.get(address, headers={"accept": "text/html"}, follow_redirects=True)
    assert answer.status_code == 422
    offered = html.document_fromstring(answer.text).xpath("(//main//ul)[1]//a/@href")
    assert sorted(offered) == choices
    for link in offered:
        assert client.get(link, follow_redirects=True).status_code == 200


def test_what_is_only_possible_is_told(client: TestClient) -> None:
    query = "valid_at=2026-01-28"
    rows = client.get(f"/v1/positions?{query}&limit=200").json()["data"]
    shown = page(client, f"/positions?{query}")
    possible = [row["id"] for row in rows if row["held"] == "possible"]
    assert 0 < len(possible) < len(rows)
    for row in shown.xpath("//table/tbody/tr"):
        record_id = row.xpath(".//a[text()='details']/@href")[0].rpartition("/")[2]
        assert ("possibly" in row.text_content()) == (record_id in possible), record_id
    assert "“Possibly” means" in text(shown)
    assert "ossibly" not in text(page(client, "/positions"))


def test_no_day_is_told_that_no_source_states(client: TestClient) -> None:
    assert "about 11 December 2003" in text(page(client, "/counterparts?of=BY"))
    assert "as sources show; its beginning is not stated" in text(page(client, "/organizations/undp"))
    assert "Made at least" in text(page(client, "/commitments?by=BY"))


def test_the_words_of_links_are_in_the_language_of_the_page(client: TestClient) -> None:
    for source in client.get("/v1/sources?limit=200").json()["data"]:
        shown = page(client, f"/sources/{source['id']}?lang=ru")
        named = shown.xpath("//ul[@class='passages']//a[contains(@href, '/actions/') or contains(@href, '/parties/')]")
        assert not [each for each in named if each.xpath(".//*[@lang='en']")]


def test_what_a_page_shows_can_be_taken_away(client: TestClient) -> None:
    for address, form in (
        ("/meetings/sco-ict-2025", "/v1/meetings/sco-ict-2025?format=ics"),
        ("/counterparts?of=BY", "/v1/counterparts?of=BY&format=csv"),
        ("/changes?of=by-cn-ict-mou-2024", "/v1/changes?of=by-cn-ict-mou-2024&format=atom"),
    ):
        assert form in links(page(client, address), address)
        assert client.get(form).status_code == 200
    assert not [each for each in links(page(client, "/meetings/sco-summit-2021")) if "format=ics" in each], "it has no day"


def test_a_network_without_links_does_not_deny_its_records(client: TestClient) -> None:
    told = text(page(client, "/network?participant=li-qiang&actors=people").xpath("//main")[0])
    assert "1 record matches, but it does not join two of these." in told
    assert "Nothing in the registry matches" not in told


def test_changes_name_records_in_the_language_of_the_page(client: TestClient) -> None:
    named = page(client, "/changes?kind=country&lang=ru").xpath("//td/a/text()")
    assert named == page(client, "/changes?kind=country&lang=ru").xpath("//td/a[not(@lang)]/text()")
    assert "Зимбабве" in named


def test_a_form_keeps_whom_it_shows(clerk: Clerk) -> None:
    """Two people have one name, and another name has a comma."""
    for record_id, name in (("first", "Ivan Ivanov"), ("second", "Ivan Ivanov"), ("third", "Smith, John")):
        assert clerk.put(f"people/{record_id}", {"name": name}).status_code == 201
    for address in (
        "/ledger?between=second,third",
        "/meetings?between=second,third",
        "/counterparts?of=second",
        "/participants?person=second&person=third",
    ):
        form = page(clerk.client, address).xpath("//main//form[@action]")[0]
        answer = clerk.client.get(f"{form.get('action')}?{urlencode(filled(form))}")
        assert answer.status_code == 303
        path, _, query = unquote(answer.headers["location"]).partition("?")
        named = [f"{name}={value}" for name, value in parse_qsl(query) if name not in ("sort", "kind")]
        assert f"{path}?{'&'.join(named)}" == address


def test_a_language_that_is_none_stays_behind(client: TestClient) -> None:
    answer = client.get("/meetings?lang=!!", headers={"accept-language": "ru"})
    assert answer.status_code == 422
    tree = html.document_fromstring(answer.text)
    assert tree.get("lang") == "ru"
    assert not [href for href in tree.xpath("//a/@href") if "!!" in href]


def test_programs_get_problems_where_there_is_nothing(client: TestClient) -> None:
    for address in ("/nothing", "/v1/nothing", "/meetings/a/b"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert client.post("/meetings").status_code == 405
    assert client.head("/meetings").status_code == 200


def test_a_mistake_of_a_page_is_a_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise UndefinedError("a template names what is not there")

    monkeypatch.setattr(Shown, "vocabulary", fails)
    answer = client.get("/vocabularies", headers={"accept-language": "en"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    tree = html.document_fromstring(answer.text)
    assert "Something went wrong" in text(tree)
    assert "/meetings" in links(tree)
    assert "template" not in answer.text


def test_a_page_looks_up_few_names(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    get = Api.get

    async def counted(api: Api, scope: Any, path: str, query: Any = ()) -> Any:
        asked.append(path)
        return await get(api, scope, path, query)

    monkeypatch.setattr(Api, "get", counted)
    many = (
        "&".join(f"{name}=belarus" for name in ("participant", "country") * 150)
        + "&country="
        + "&country=".join(f"china-{n}" for n in range(90))
    )
    for address in (
        f"/meetings?{many}",
        f"/ledger?{many}&{'&'.join(['between=china'] * 200)}",
        f"/commitments?by={','.join(['belarus'] * 90)}",
    ):
        asked.clear()
        assert client.get(address).status_code in (303, 422)
        assert len(asked) <= 2 * MOST_NAMES + 4


# -- a registry of its own ---------------------------------------------------------------------------------------------------

MARK = '<x-mark onclick="alert(1)">\'&{{7*7}}</x-mark><script>alert(2)</script>'


def hostile() -> Iterator[dict[str, Any]]:
    """The first data set, with markup in every text of every record."""
    texts = {
        resource.kind.value: [
            name
            for name, schema in resource.model.model_json_schema()["properties"].items()
            if any(each.get("pattern") == TEXT_PATTERN for each in (schema, *schema.get("anyOf", ())))
        ]
        for resource in RESOURCES
    }
    for path in sorted((ROOT / "seed").glob("*.ndjson")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            record = json.loads(line)
            for name in texts[record["kind"]]:
                if record.get(name) and name not in ("field", "value"):
                    record[name] = record[name][:60] + MARK if name != "quote" else f"{number} {MARK}"
            for each in record.get("names", ()):
                each["text"] = each["text"][:60] + MARK
            yield record


def test_markup_in_every_text_stays_text(database: Database) -> None:
    database.load(*(json.dumps(record) for record in hostile()))
    with database.client() as client:
        for address in (
            *PAGES,
            "/search?q=mark",
            f"/search?q={MARK}",
            f"/meetings?q={MARK}",
            f"/ledger?of={MARK}",
            "/actions",
            "/citations",
        ):
            answer = client.get(address, headers={"accept": "text/html"}, follow_redirects=True)
            assert answer.status_code in (200, 400, 404, 422), address
            tree = html.document_fromstring(answer.text)
            assert not tree.xpath("//x-mark | //*[@onclick] | //script[not(@src)]"), address
            assert "49</x-mark>" not in answer.text
            if answer.status_code == 200 and "/meetings/" in address:
                assert MARK in tree.xpath("string(//h1)")


WORLD: tuple[dict[str, Any], ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "person", "id": "a", "name": "Somebody"},
    {"kind": "person", "id": "b", "name": "Some Body"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16"},
)
clerk = clerk_of(*WORLD)


def test_a_merged_record_leads_on_and_a_deleted_one_says_so(clerk: Clerk) -> None:
    assert clerk.post("people/b/merge", {"into": "a"}).status_code == 200
    moved = clerk.client.get("/people/b?lang=ru")
    assert (moved.status_code, moved.headers["location"]) == (308, "/people/a?lang=ru")
    version = clerk.get("meetings/talks").headers["etag"]
    assert clerk.delete("meetings/talks", if_match=version).status_code in (200, 204)
    gone = clerk.client.get("/meetings/talks", headers={"accept-language": "en"})
    assert gone.status_code == 410
    assert "This record was deleted" in text(html.document_fromstring(gone.text))


def test_a_record_that_is_gone_is_told_before_its_timeline(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clerk.post("people/b/merge", {"into": "a"}).status_code == 200
    assert clerk.send("DELETE", "people/a", if_match="*").status_code in (200, 204)
    get = Api.get

    async def late(api: Api, scope: Any, path: str, query: Any = ()) -> Any:
        if path.startswith("/v1/people"):
            await asyncio.sleep(0.1)
        return await get(api, scope, path, query)

    monkeypatch.setattr(Api, "get", late)
    assert clerk.client.get("/people/a").status_code == 410


def test_a_page_changes_with_its_record(clerk: Clerk) -> None:
    before = clerk.client.get("/meetings/talks")
    clerk.send(
        "PATCH",
        "meetings/talks",
        [{"op": "replace", "path": "/name", "value": "Other talks"}],
        content_type="application/json-patch+json",
        if_match="*",
    )
    after = clerk.client.get("/meetings/talks", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert "Other talks" in after.text


# -- parts -------------------------------------------------------------------------------------------------------------------


_INTERVALS = st.one_of(
    st.builds("{}/..".format, sides), st.builds("../{}".format, sides), st.builds("{}/{}".format, sides, sides)
)


@given(edtf=st.one_of(sides, seasons, unspecified, qualified, _INTERVALS))
def test_a_date_in_words_says_no_more_than_it_does(edtf: str) -> None:
    for tag in LANGUAGES:
        found = when(edtf, language(tag))
        assert found.text
        if found.day is not None:
            assert {*edtf.split("/")} == {found.day}, "a day is told only where it is stated"
        assert found.note or not any(mark in edtf for mark in "?%")


@pytest.mark.parametrize(
    ("edtf", "english", "russian"),
    [
        ("2025-06-16", "16 June 2025", "16 июня 2025\xa0г."),
        ("2009-11", "November 2009", "ноябрь 2009\xa0г."),
        ("2025-06-17/2025-06-18", "17–18 June 2025", "17–18 июня 2025\xa0г."),
        ("2025-06-30/2025-07-02", "30 June – 2 July 2025", "30 июня – 2 июля 2025\xa0г."),
        ("2022-10-27~", "about 27 October 2022", "примерно 27 октября 2022\xa0г."),
        ("2021", "2021", "2021"),
        ("2025-06-16/2025-06-16", "16 June 2025", "16 июня 2025\xa0г."),
        ("2025-12-31/2026-01-02", "31 December 2025 – 2 January 2026", "31 декабря 2025\xa0г. – 2 января 2026\xa0г."),
        ("2022-10-27~/2022-10-28~", "about 27–28 October 2022", "примерно 27–28 октября 2022\xa0г."),
    ],
)
def test_dates_in_words(edtf: str, english: str, russian: str) -> None:
    assert when(edtf, language(ENGLISH)).text == english
    assert when(edtf, language(RUSSIAN)).text == russian


@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if tag != ENGLISH])
def test_catalogues_are_current_and_whole(tag: str) -> None:
    stored = catalogue_file(tag).read_bytes()
    assert updated(tag) == stored, "run `make catalogues`"
    with catalogue_file(tag).open("rb") as file:
        catalogue = read_po(file, locale=tag)
    for message in catalogue:
        strings = [message.string] if isinstance(message.string, str) else [*(message.string or ())]
        assert all(strings) or not message.id, message.id
        assert not [*message.check()], message.id


def test_citations_of_a_page(client: TestClient) -> None:
    tree = page(client, "/meetings/by-cn-talks-2025-06-16")
    plain = tree.xpath("normalize-space(//p[@class='plain-citation'])")
    newest = client.get("/v1").json()["last_change"]["position"]
    assert newest in plain
    assert plain.endswith("http://testserver/meetings/by-cn-talks-2025-06-16")
    bibtex, csl = (each.text_content() for each in tree.xpath("//pre"))
    assert bibtex.startswith("@misc{rapporteur-meetings-by-cn-talks-2025-06-16,\n")
    item = json.loads(csl)[0]
    assert (item["type"], item["URL"], item["version"]) == (
        "webpage",
        "http://testserver/meetings/by-cn-talks-2025-06-16",
        newest,
    )


def test_bibtex_escapes_what_tex_reads() -> None:
    from datetime import date

    cited = citing.Cited("50 % of {A} & B_1", "http://x/meetings/a", "1.ab", date(2025, 1, 1))
    assert r"title = {{50 \% of \{A\} \& B\_1}}" in cited.bibtex()


def test_the_language_of_a_text_is_marked_where_it_is_another() -> None:
    assert [tongue(each, "en") for each in ("Belarus", "Беларусь", "Қазақстан", "白俄罗斯", "42", "بيلاروس")] == [
        None,
        "ru",
        "und-Cyrl",
        "zh",
        None,
        "ar",
    ]
    assert (tongue("Belarus", "ru"), tongue("text", "en", "de"), tongue("text", "en", "en-GB")) == ("en", "de", None)


def test_sitemaps_name_pages_that_are_there(client: TestClient) -> None:
    index = html.fromstring(client.get("/sitemap.xml").content)
    maps = index.xpath("//loc/text()")
    assert f"Sitemap: {client.base_url}/sitemap.xml" in client.get("/robots.txt").text
    assert len(maps) > 5
    for each in maps:
        pages = html.fromstring(client.get(each).content).xpath("//loc/text()")
        assert pages
        assert client.get(pages[0]).status_code == client.get(pages[-1]).status_code == 200
    meetings = html.fromstring(client.get("/sitemaps/meetings.xml").content).xpath("//loc/text()")
    assert len(meetings) == client.get("/v1/meetings?count=true").json()["page"]["total"]


def test_a_page_behind_a_prefix_links_with_it(seeded: Database) -> None:
    with seeded.client(trusted_proxies="testclient") as client:
        forwarded = {"x-forwarded-prefix": "/ict", "x-forwarded-host": "registry.example", "x-forwarded-proto": "https"}
        tree = html.document_fromstring(client.get("/meetings", headers=forwarded).text)
        hrefs = [href for href in tree.xpath("//a/@href") if href.startswith("/")]
        assert hrefs
        assert all(href.startswith("/ict/") for href in hrefs)
        moved = client.get("/records/sco", headers=forwarded)
        assert moved.headers["location"] == "/ict/organizations/sco"


def test_compressed_pages_are_the_same(client: TestClient) -> None:
    packed = client.get("/meetings", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == client.get("/meetings", headers={"accept-encoding": "identity"}).text
