"""The pages in a real browser: every question answered by clicks and typing, in both languages, with script and without."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import ROOT, Visit, visiting

LANGUAGES = {"en": "en-GB", "ru": "ru-RU"}
TYPES = {
    "start": "/",
    "search": "/search?q=karamay",
    "list": "/meetings?date_from=2025-01-01",
    "meeting": "/meetings/by-cn-talks-2025-06-16",
    "memorandum": "/memoranda/by-cn-ict-mou-2024",
    "person": "/people/pavel-tkach",
    "country": "/countries/BY",
    "source": "/sources/mpt-2025-sco",
    "citation": "/citations",
    "ledger": "/ledger?between=BY,CN",
    "commitments": "/commitments?by=BY",
    "counterparts": "/counterparts?of=BY",
    "matrix": "/matrix",
    "network": "/network",
    "changes": "/changes",
    "vocabularies": "/vocabularies",
    "about": "/about",
    "problem": "/meetings/nothing",
}
"""By type of page, an address of it."""
WIDTHS = (1280, 640, 390, 320)
"""640 is what a window of 1280 shows at a zoom of 200 %."""
PICTURES = ROOT / "docs" / "pages"
PICTURE_BYTES = 400_000


# -- every question ----------------------------------------------------------------------------------------------------------

Step = Callable[[Page, str], Any]


def question(href: str) -> Step:
    """Click a question, or another link of the page, by a part of its address."""
    return lambda page, _: page.locator(f"main a[href*='{href}'], header a[href*='{href}']").first.click()


def typed(text: str) -> Step:
    """Type into the search box."""

    def step(page: Page, _: str) -> None:
        page.locator("#q").fill(text)
        page.locator("form.find button").click()

    return step


def form(*fields: tuple[str, Any]) -> Step:
    """Fill in the form of the page. A value may differ by language. `name.2` is the second field of a name."""

    def step(page: Page, language: str) -> None:
        details = page.locator("form.filters details:not([open]) > summary")
        if details.count():
            details.click()
        for place, value in fields:
            name, _, number = place.partition(".")
            field = page.locator(f"main form [name='{name}']").nth(int(number or 1) - 1)
            shown = value[language] if isinstance(value, Mapping) else value
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(shown)
            else:
                field.fill(shown)
                field.press("Tab")  # whoever leaves a field closes its suggestions
        page.locator("main form button:not([type])").last.click()

    return step


BELARUS, CHINA = {"en": "Belarus", "ru": "Беларусь"}, {"en": "China", "ru": "Китай"}
EMIRATES, UZBEKISTAN = {"en": "Emirates", "ru": "ОАЭ"}, {"en": "Uzbekistan", "ru": "Узбекистан"}
SCO = {"en": "SCO", "ru": "ШОС"}
QUESTIONS: tuple[tuple[str, tuple[Step, ...], tuple[str, ...], Mapping[str, str]], ...] = (
    (
        "who took part on 16 June 2025, and in what capacity",
        (question("by-cn-talks-2025-06-16"),),
        ("/people/pavel-tkach", "/people/xiong-jijun", "/countries/BY", "/countries/CN"),
        {"en": "Deputy Minister of Industry and Information Technology", "ru": "член делегации"},
    ),
    (
        "meetings in China in 2025",
        (question("/meetings"), form(("country", CHINA), ("date_from", "2025-01-01"), ("date_to", "2025-12-31"))),
        ("/meetings/sco-ict-2025", "/meetings/china-sco-forum-2025"),
        {"en": "2 records", "ru": "2 записи"},
    ),
    (
        "signed between Belarus and China, and later",
        (question("/ledger"), form(("between", BELARUS), ("between.2", CHINA))),
        ("/memoranda/by-cn-ict-mou-2024", "/meetings/by-cn-talks-2025-06-16"),
        {"en": "reviewed", "ru": "обсуждение"},
    ),
    (
        "memoranda on artificial intelligence",
        (question("topic=artificial-intelligence"),),
        ("/memoranda/by-cn-ict-mou-2024", "/memoranda/by-sco-strategy"),
        {"en": "2 records", "ru": "2 записи"},
    ),
    (
        "a member of the SCO on 1 January 2025",
        (question("valid_at=2025-01-01"),),
        ("/countries/BY", "/organizations/sco"),
        {"en": "1 record.", "ru": "1 запись."},
    ),
    (
        "no member of the SCO on 1 January 2024",
        (question("valid_at=2025-01-01"), form(("valid_at", "2024-01-01"))),
        (),
        {"en": "0 records", "ru": "0 записей"},
    ),
    (
        "what the phases of WSIS adopted",
        (typed("WSIS"), question("/series/wsis"), question("/ledger?of=wsis")),
        (
            "/memoranda/wsis-declaration-of-principles",
            "/memoranda/wsis-action-plan",
            "/memoranda/tunis-commitment",
            "/memoranda/tunis-agenda",
        ),
        {"en": "adopted", "ru": "принятие"},
    ),
    (
        "countries at Samarkand",
        (typed("Samarkand"), question("/meetings/ots-ict-2022")),
        ("/countries/AZ", "/countries/KZ", "/countries/KG", "/countries/TR", "/countries/UZ", "/people/bagdat-mussin"),
        {"en": "about 27 October 2022", "ru": "примерно 27 октября 2022"},
    ),
    (
        "what Uzbekistan's president proposed in Dushanbe",
        (typed("Мирзиёев"), question("/people/shavkat-mirziyoyev")),
        ("/outcomes/sco-expert-forum-proposal", "/meetings/sco-summit-2021"),
        {"en": "proposed", "ru": "предложение"},
    ),
    (
        "agreements discussed on 28 January 2026",
        (question("/meetings"), question("/meetings/by-ae-talks-2026-01-28")),
        ("/memoranda/eaeu-ae-economic-partnership", "/memoranda/by-ae-services-investment", "/outcomes/by-ae-ems-pledge-2026"),
        {"en": "reviewed", "ru": "обсуждение"},
    ),
    (
        "what Belarus pledged to the Emirates",
        (question("/commitments"), form(("by", BELARUS), ("to", EMIRATES))),
        ("/outcomes/by-ae-ems-pledge-2026",),
        {"en": "2026 – 2028", "ru": "2026 – 2028"},
    ),
    (
        "14 to 17 October 2025",
        (question("/meetings"), form(("date_from", "2025-10-14"), ("date_to", "2025-10-17"))),
        ("/meetings/by-visit-dubai-2025", "/meetings/gitex-visit-2025"),
        {"en": "14–17 October 2025", "ru": "14–17 октября 2025"},
    ),
    (
        "where the talks of 16 June 2025 were",
        (typed("Xiong Jijun"), question("/people/xiong-jijun"), question("/meetings/by-cn-talks-2025-06-16")),
        (),
        {"en": "City not stated", "ru": "не указан"},
    ),
    (
        "everything between Belarus and the Emirates",
        (question("/ledger"), form(("between", BELARUS), ("between.2", EMIRATES))),
        ("/outcomes/by-ae-ems-pledge-2026", "/memoranda/by-ae-services-investment", "/meetings/by-visit-dubai-2025"),
        {"en": "by 28 January 2026", "ru": "28 января 2026\xa0г. или ранее"},
    ),
    (
        "everything between Uzbekistan and the SCO",
        (question("/ledger"), form(("between", UZBEKISTAN), ("between.2", SCO))),
        ("/meetings/sco-summit-2004", "/meetings/sco-summit-2016", "/memoranda/sco-information-security-agreement"),
        {"en": "founded", "ru": "основание"},
    ),
    (
        "what Belarus promised or proposed",
        (question("/commitments?by=BY"),),
        ("/outcomes/connect-cis-proposal-monitoring", "/memoranda/by-ae-digital-agreement"),
        {"en": "No sign since", "ru": "нет"},
    ),
    (
        "whom China's officials met since 2024",
        (question("/ledger"), form(("between", CHINA), ("date_from", "2024-01-01"))),
        ("/people/pavel-tkach", "/people/li-qiang", "/meetings/sco-ict-2025"),
        {"en": "Premier", "ru": "Премьер"},
    ),
    (
        "who meets Belarus most",
        (question("/counterparts"), form(("of", BELARUS))),
        ("/countries/CN", "/countries/AE", "/meetings?between=BY,CN"),
        {"en": "Last in common", "ru": "оследн"},
    ),
    (
        "the minister of communications of Belarus",
        (typed("министр связи Беларуси"), question("/people/kirill-zalessky")),
        ("/meetings/by-ae-talks-2026-01-28",),
        {"en": "28 January 2026", "ru": "28 января 2026"},
    ),
    (
        "June 2025",
        (typed("."), form(("q", ""), ("date_from", "2025-06-01"), ("date_to", "2025-06-30"))),
        ("/meetings/by-cn-talks-2025-06-16", "/meetings/sco-ict-2025", "/meetings/china-sco-forum-2025"),
        {"en": "16 June 2025", "ru": "16 июня 2025"},
    ),
    (
        "the meetings of 2025 for a calendar",
        (question("/meetings"), form(("date_from", "2025-01-01"), ("date_to", "2025-12-31"))),
        ("/v1/meetings?date_from=2025-01-01&date_to=2025-12-31&sort=-date&format=ics",),
        {"en": "Calendar", "ru": "Календарь"},
    ),
    (
        "everything about Belarus as a workbook",
        (question("/countries"), form(("q", BELARUS)), question("/countries/BY")),
        ("/v1/dossier?of=BY",),
        {"en": "Excel", "ru": "Excel"},
    ),
)


@pytest.fixture(
    params=[(tag, script) for tag in LANGUAGES for script in (True, False)], ids=lambda given: f"{given[0]}-{given[1]}"
)
def reader(request: pytest.FixtureRequest, chromium: Browser, origin: str) -> Iterator[tuple[Visit, str]]:
    """Somebody who reads a language, with or without script, and that language."""
    tag, script = request.param
    with visiting(chromium, origin, locale=LANGUAGES[tag], java_script_enabled=script) as visit:
        yield visit, tag


@pytest.mark.parametrize(("steps", "hrefs", "told"), [each[1:] for each in QUESTIONS], ids=[each[0] for each in QUESTIONS])
def test_a_question_is_answered(
    reader: tuple[Visit, str], steps: tuple[Step, ...], hrefs: tuple[str, ...], told: Mapping[str, str]
) -> None:
    visit, tag = reader
    visit.page.goto(visit.origin)
    for step in steps:
        step(visit.page, tag)
        visit.page.wait_for_load_state()
    main = visit.page.locator("main")
    for href in hrefs:
        assert main.locator(f"a[href*='{href}']").count(), f"{href} is not on {visit.page.url}"
    assert " ".join(told[tag].split()) in " ".join(main.inner_text().split())
    assert visit.page.locator("html").get_attribute("lang") == tag


# -- everybody can use them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("kind", TYPES)
def test_nothing_stands_in_the_way(chromium: Browser, origin: str, kind: str, tag: str, scheme: str) -> None:
    with visiting(chromium, origin, locale=LANGUAGES[tag], color_scheme=scheme) as visit:
        if kind == "problem":
            visit.expected = "404"
        visit.page.goto(origin + TYPES[kind])
        for width in WIDTHS:
            visit.page.set_viewport_size({"width": width, "height": 900})
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, f"the page is wider than {width}"
            found = Axe().run(visit.page)
            told = [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found.response["violations"]]
            assert told == [], width


def test_a_walk_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.origin + "/meetings")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    page.goto(visit.origin)
    page.locator("#q").focus()
    page.keyboard.type("zales")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("option").first).to_be_hidden()
    page.keyboard.type("s")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/kirill-zalessky")
    stops = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        stops.add(page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.tagName"))
    assert stops >= set(
        page.locator("main a[href]:visible").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    )


def test_suggestions_fill_forms(visit: Visit) -> None:
    visit.page.goto(visit.origin + "/ledger")
    field = visit.page.locator("[name=between]").first
    field.press_sequentially("Бела")
    visit.page.get_by_role("option", name="Belarus", exact=True).click()
    expect(field).to_have_value("Belarus")


def test_a_network_can_be_explored(visit: Visit) -> None:
    visit.page.goto(visit.origin + "/network")
    svg = visit.page.locator("figure svg")
    whole = svg.get_attribute("viewBox")
    visit.page.get_by_role("button", name="Larger").click()
    assert svg.get_attribute("viewBox") != whole
    visit.page.get_by_role("button", name="Smaller").click()
    assert svg.get_attribute("viewBox") == whole
    visit.page.locator("[data-node='CN']").hover()
    assert visit.page.locator("path.dimmed").count() == visit.page.locator("path:not([data-ends~='CN'])").count() > 0


@pytest.mark.parametrize("address", [TYPES["meeting"], TYPES["ledger"]])
def test_print_has_the_sources_the_address_and_the_position(visit: Visit, address: str) -> None:
    visit.page.goto(visit.origin + address)
    visit.page.emulate_media(media="print")
    for hidden in (".bar", "form.find", ".formats"):
        expect(visit.page.locator(hidden).first).to_be_hidden()
    expect(visit.page.locator(".notes li").first).to_be_visible()
    printed = visit.page.locator(".plain-citation")
    expect(printed).to_be_visible()
    expect(printed).to_contain_text(visit.json("/v1")["last_change"]["position"])
    expect(printed).to_contain_text(visit.origin + address)
    addresses = visit.page.locator(".notes .printed")
    expect(addresses.first).to_be_visible()
    expect(addresses.first).to_have_text(re.compile(r"<https://mpt\.gov\.by/[^#]+>"))
    assert visit.page.pdf()[:5] == b"%PDF-"


# -- pictures ----------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif("RAPPORTEUR_SCREENSHOT" not in os.environ, reason="RAPPORTEUR_SCREENSHOT asks for it")
@pytest.mark.parametrize("kind", TYPES)
def test_screenshot(chromium: Browser, origin: str, kind: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    contexts: dict[str, dict[str, Any]] = {
        kind: {"viewport": {"width": 1280, "height": 1000}},
        f"{kind}-phone": {"viewport": {"width": 390, "height": 800}, "locale": LANGUAGES["ru"], "color_scheme": "dark"},
    }
    for name, options in contexts.items():
        with visiting(chromium, origin, **options) as visit:
            visit.expected = "404"
            visit.page.goto(origin + TYPES[kind])
            picture = PICTURES / f"{name}.png"
            visit.page.screenshot(path=picture, animations="disabled")
            assert picture.stat().st_size < PICTURE_BYTES


def test_each_type_of_page_has_its_pictures() -> None:
    assert {path.stem for path in PICTURES.glob("*.png")} == {name for kind in TYPES for name in (kind, f"{kind}-phone")}
