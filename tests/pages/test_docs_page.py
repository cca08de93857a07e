"""The docs page in a real browser: it is whole without any network, and what it shows runs."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.pages.conftest import ROOT, Visit
from tests.pages.contrast import LEAST_CONTRAST, too_faint

GROUP = ".opblock-tag"
QUESTIONS = 5
SCREENSHOT = ROOT / "docs" / "docs-page.png"
SCREENSHOT_BYTES = 300 * 1024
WIDTHS = (1280, 400, 360, 320)
PHONES = (390, 360, 320)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation with the id of its element."""
    for path in document["paths"].values():
        for operation in path.values():
            yield f"operations-{operation['tags'][0]}-{operation['operationId']}", operation


def codes(part: Any) -> set[str]:
    """The codes of all examples of problems."""
    if isinstance(part, list):
        return set().union(*map(codes, part))
    if not isinstance(part, dict):
        return set()
    example = part.get("example")
    own = {example["code"]} if isinstance(example, dict) and "code" in example else set()
    return own.union(*map(codes, part.values()))


def opened(visit: Visit, link: Locator) -> dict[str, Any]:
    """The JSON that the link leads to when it is clicked."""
    address = link.evaluate("link => link.href")
    with (
        visit.context.expect_event("response", lambda answer: answer.url == address) as answered,
        visit.page.expect_popup() as tab,
    ):
        link.click()
    assert answered.value.status == 200, address
    found: dict[str, Any] = answered.value.json()
    tab.value.close()
    return found


def test_introduction(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    expect(visit.page).to_have_title("Rapporteur: the API")
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("Rapporteur")
    expect(visit.page.get_by_text("which sentence of which document says so")).to_be_visible()
    expect(visit.page.get_by_role("heading", name="The first five questions")).to_be_visible()
    expect(visit.page.locator(".info ol > li")).to_have_count(QUESTIONS)


def test_nothing_beside_it(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    for clutter in (
        ".topbar",
        ".servers",
        ".download-url-wrapper",
        ".errors-wrapper",
        ".response-col_links",
        "[alt*=validator]",
    ):
        expect(visit.page.locator(clutter).locator("visible=true")).to_have_count(0)


@pytest.mark.parametrize("number", range(QUESTIONS))
def test_question_is_answered(visit: Visit, number: int) -> None:
    visit.open("/docs", shows=GROUP)
    question = visit.page.locator(".info ol > li").nth(number)
    assert opened(visit, question.locator("a"))["data"]
    address = question.locator("a").get_attribute("href")
    assert address is not None
    expect(question.locator("code")).to_have_text(address)


def test_every_operation_is_listed(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    for group in visit.page.locator(GROUP).all():
        group.click()
    identifiers = {identifier for identifier, _ in operations(visit.json("/openapi.json"))}
    for identifier in identifiers:
        expect(visit.page.locator(f"#{identifier}")).to_be_visible()
    expect(visit.page.locator(".opblock")).to_have_count(len(identifiers))


def test_operation_is_tried(visit: Visit) -> None:
    visit.open("/docs#/meetings/list_meetings", shows="#operations-meetings-list_meetings .opblock-body")
    operation = visit.page.locator("#operations-meetings-list_meetings")
    operation.get_by_role("button", name="Try it out").click()
    country = operation.locator("tr[data-param-name=country]")
    country.get_by_role("button").click()
    country.locator("input").fill("CN")
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator("tbody > tr > td").first).to_have_text("200")
    expect(answer.locator(".highlight-code").first).to_contain_text("Karamay")


def test_key_lets_the_page_write(visit: Visit, key: str) -> None:
    visit.open("/docs#/meetings/create_meeting", shows="#operations-meetings-create_meeting .opblock-body")
    visit.page.locator(".scheme-container").get_by_role("button", name="Authorize").click()
    dialog = visit.page.locator(".dialog-ux")
    dialog.locator("input").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").first.click()
    operation = visit.page.locator("#operations-meetings-create_meeting")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator("tbody > tr > td").first).to_have_text("201")
    expect(answer.locator(".highlight-code").first).to_contain_text('"version": 1')


def test_deep_link_leads_to_its_operation(visit: Visit) -> None:
    visit.open("/docs#/memoranda/list_memoranda", shows="#operations-memoranda-list_memoranda .opblock-body")
    operation = visit.page.locator("#operations-memoranda-list_memoranda")
    expect(operation.locator(".opblock-summary")).to_be_in_viewport()
    for example in operation.locator(".opblock-description a").all():
        assert opened(visit, example)["data"]


def test_failures_lead_to_their_explanations(visit: Visit) -> None:
    visit.open("/docs#/meetings/get_meeting", shows="#operations-meetings-get_meeting tr.problem")
    with visit.page.expect_popup() as tab:
        visit.page.locator("tr.problem[data-code='404'] a").click()
    expect(tab.value.locator("section:target")).to_contain_text("not_found")


def test_filter_finds_operations_by_any_words(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    document = visit.json("/openapi.json")
    about = {tag["name"] for tag in document["tags"] if "valid_at" in tag["description"]}
    wanted = {
        identifier
        for identifier, operation in operations(document)
        if operation["operationId"].startswith("list_")
        and (
            about & set(operation["tags"])
            or any(parameter["name"] == "valid_at" for parameter in operation.get("parameters", []))
        )
    }
    box = visit.page.get_by_label("Filter the operations", exact=True)
    box.fill("Valid_At LIST")
    expect(visit.page.locator(".opblock")).to_have_count(len(wanted))
    assert {found.get_attribute("id") for found in visit.page.locator(".opblock").all()} == wanted
    box.fill("no operation has these words")
    expect(visit.page.locator(GROUP)).to_have_count(0)
    expect(visit.page.get_by_role("status")).to_have_text("0 operations found")
    box.fill("")
    expect(visit.page.locator(GROUP)).to_have_count(len(visit.json("/openapi.json")["tags"]))
    expect(visit.page.locator(".opblock")).to_have_count(0)


def test_filter_is_not_taken_for_the_search(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    visit.page.locator("label", has_text="Filter the operations").click()
    box = visit.page.locator(".operation-filter-input")
    expect(box).to_be_focused()
    expect(box).to_have_accessible_description("It does not search the records. To find those: /v1/search?q=…")
    address = visit.page.locator(".filter .hint a").evaluate("link => link.href")
    assert visit.json(address.removeprefix(visit.origin))["data"]


@pytest.mark.parametrize("width", PHONES)
@pytest.mark.parametrize("path", ["/docs", "/docs/problems", "/docs/promise"])
def test_header_is_one_line_on_a_phone(visit: Visit, path: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    visit.open(path, shows="main")
    boxes = [box for box in (link.bounding_box() for link in visit.page.locator(".bar a").all()) if box]
    assert len(boxes) == 5
    middles = [box["y"] + box["height"] / 2 for box in boxes]
    assert max(middles) - min(middles) <= 1, "they stand on one line"
    starts, ends = [box["x"] for box in boxes], [box["x"] + box["width"] for box in boxes]
    assert all(end + 4 < start for end, start in zip(ends, starts[1:], strict=False)), "there is a gap between them"
    assert ends[-1] <= width - 8


# -- dark, light, and without a script ---------------------------------------------------------------------------------


def _list(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    for group in visit.page.locator(GROUP).all()[:2]:
        group.click()
    visit.page.locator(".opblock").first.wait_for()


def _tried(operation: str) -> Callable[[Visit], None]:
    def show(visit: Visit) -> None:
        element = f"#operations-meetings-{operation}"
        visit.expected = "status of 401"  # the browser logs it: a write without a key is refused
        visit.open(f"/docs#/meetings/{operation}", shows=f"{element} .opblock-body")
        shown = visit.page.locator(element)
        shown.get_by_role("button", name="Try it out").click()
        shown.get_by_role("button", name="Execute").click()
        shown.locator(".live-responses-table").wait_for()
        if operation != "delete_meeting":  # all others have a body, sent or answered
            shown.get_by_role("tab", name="Schema").first.click()
            shown.locator(".json-schema-2020-12-expand-deep-button").first.click()

    return show


def _authorizing(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    visit.page.locator(".scheme-container").get_by_role("button", name="Authorize").click()
    visit.page.locator(".dialog-ux input").wait_for()


def _filtered(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    visit.page.locator(".operation-filter-input").fill("valid_at")
    visit.page.locator(".opblock").first.wait_for()


SCENES: dict[str, Callable[[Visit], None]] = {
    "list": _list,
    "filter": _filtered,
    "authorize": _authorizing,
    "get": _tried("list_meetings"),
    "post": _tried("create_meeting"),
    "put": _tried("replace_meeting"),
    "patch": _tried("patch_meeting"),
    "delete": _tried("delete_meeting"),
    "problems": lambda visit: visit.open("/docs/problems#not_found", shows="section:target"),
    "promise": lambda visit: visit.open("/docs/promise", shows="main ol li"),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(visit: Visit, scheme: Any, scene: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    SCENES[scene](visit)
    looked_at, found = too_faint(visit.page)
    assert looked_at > 20
    assert found == {}, f"contrast below {LEAST_CONTRAST} : 1"


def test_contrast_is_measured(visit: Visit) -> None:
    visit.open("/docs/promise", shows="main")
    visit.page.evaluate("document.querySelector('h1').style.setProperty('color', 'rgb(130, 130, 130)')")
    visit.page.evaluate("document.querySelector('main p').style.setProperty('opacity', '.5')")
    _, found = too_faint(visit.page)
    assert {path.rpartition(" > ")[2] for path in found} >= {"h1", "p"}


def test_dark_page_is_dark_and_follows_the_setting(visit: Visit) -> None:
    def background() -> str:
        found: str = visit.page.locator("body").evaluate("element => getComputedStyle(element).backgroundColor")
        return found

    visit.page.emulate_media(color_scheme="dark")
    visit.open("/docs", shows=GROUP)
    dark = background()
    assert sum(map(int, re.findall(r"\d+", dark))) < 3 * 50
    visit.page.emulate_media(color_scheme="light")
    expect(visit.page.locator("html")).not_to_have_class("dark-mode")
    assert background() == "rgb(255, 255, 255)"
    visit.page.emulate_media(color_scheme="dark")
    expect(visit.page.locator("html")).to_have_class("dark-mode")
    for path in ("/docs/problems", "/docs/promise"):
        visit.open(path, shows="main")
        assert background() == dark


def test_without_a_script_the_questions_are_links(visit: Visit, chromium: Browser) -> None:
    visit.open("/docs", shows=GROUP)
    with_script = [
        (item.locator("a").inner_text(), item.locator("code").inner_text())
        for item in visit.page.locator(".info ol > li").all()
    ]
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{visit.origin}/docs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rapporteur")
    expect(page.locator("noscript p")).to_be_visible()
    links = page.locator("main ol a")
    expect(links).to_have_count(QUESTIONS)
    for link, (question, address) in zip(links.all(), with_script, strict=True):
        expect(link).to_have_text(question)
        answer = context.request.get(f"{visit.origin}/{link.get_attribute('href')}")
        assert answer.url == visit.origin + address
        assert answer.json()["data"], question
    for name in ("The start of the API", "openapi.json"):
        target = page.get_by_role("link", name=name, exact=True).get_attribute("href")
        assert context.request.get(f"{visit.origin}/{target}").ok
    links.first.click()
    assert page.url == visit.origin + with_script[0][1]
    context.close()


def test_a_page_whose_script_does_not_come_still_has_the_questions(visit: Visit) -> None:
    visit.expected = "net::ERR_FAILED"  # the browser says that a script did not come
    visit.context.route("**/swagger-ui-bundle.js*", lambda route: route.abort())
    visit.page.goto(f"{visit.origin}/docs")
    expect(visit.page.locator("main ol.questions a")).to_have_count(QUESTIONS)
    expect(visit.page.locator("main ol.questions a").first).to_be_visible()
    expect(visit.page.locator(".swagger-ui")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_fits_the_width(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    for path, shows in (
        ("/docs", GROUP),
        ("/docs#/meetings/list_meetings", "#operations-meetings-list_meetings tr.problem"),
        ("/docs/problems", "section"),
        ("/docs/promise", "main ol li"),
    ):
        visit.open(path, shows=shows)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_every_problem_has_its_place(visit: Visit) -> None:
    expected = codes(visit.json("/openapi.json"))
    assert expected
    visit.open("/docs/problems", shows="section")
    for code in expected:
        expect(visit.page.locator(f"section[id='{code}'] h2 code")).to_have_text(code)


def test_what_v1_promises_is_one_click_away(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    visit.page.get_by_role("link", name="Promise").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("What /v1 promises")
    assert visit.page.url == visit.origin + visit.json("/v1/")["links"]["promise"]


def test_type_of_a_problem_leads_to_its_place(visit: Visit) -> None:
    problem = visit.json("/v1/meetings?no_such_parameter=1")
    visit.open(problem["type"].removeprefix(visit.origin), shows="section:target")
    expect(visit.page.locator("section:target h2")).to_contain_text(problem["code"])
    expect(visit.page.locator("section:target h2")).to_contain_text(problem["title"])


@pytest.mark.parametrize("path", ["/docs", "/docs/problems", "/docs/promise"])
def test_policy_is_of_its_own_origin(visit: Visit, path: str) -> None:
    policy = visit.context.request.get(visit.origin + path).headers["content-security-policy"]
    sources = {name: set(allowed) for name, *allowed in (directive.split() for directive in policy.split(";"))}
    assert sources["default-src"] == {"'none'"}
    assert sources.pop("img-src") == {"'self'", "data:"}
    assert set().union(*sources.values()) == {"'none'", "'self'"}


def test_intruders_would_be_noticed(visit: Visit) -> None:
    visit.open("/docs", shows=GROUP)
    assert visit.troubles == []
    visit.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'intruded = 1'}))")
    visit.page.evaluate("fetch('https://example.org/').catch(() => 0)")
    visit.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    expect(visit.page.locator("body > p")).to_have_count(1)
    told = " ".join(visit.troubles)
    assert visit.page.evaluate("typeof intruded") == "undefined"
    for directive in ("script-src-elem: inline", "connect-src: https://example.org/", "style-src-attr: inline"):
        assert directive in told
    visit.troubles.clear()


@pytest.mark.skipif("RAPPORTEUR_SCREENSHOT" not in os.environ, reason="RAPPORTEUR_SCREENSHOT asks for it")
def test_screenshot(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 1480})
    visit.open("/docs", shows=GROUP)
    visit.page.locator(GROUP).first.click()
    visit.page.mouse.move(0, 0)
    visit.page.screenshot(path=SCREENSHOT, animations="disabled")
    assert SCREENSHOT.stat().st_size < SCREENSHOT_BYTES
