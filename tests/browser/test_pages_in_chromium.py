"""Every page of the demonstration as Chromium shows it, and two journeys through them.

It is 21 November 2026 at the power plant; the gauge of the story carries the serial number
0083105, and 0012847 is on two makers' gauges. A page is looked at in both languages, light and
dark, on a desk and on a telephone.
"""

from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import product
from typing import Any

import pytest

from service.demo.world import identifier, read_world
from service.web import addresses

pytestmark = pytest.mark.browser

GAUGE = identifier("TPP.PG.05")
STEEL_WORKER = identifier("person:STL:1")
MODULE = identifier("ev:TPP.PRES.M25:2026-03-17")  # with which the plant verifies its gauges
WRONG = {"last_good_on": "2026-03-18", "found_on": "2026-11-21", "as_found": "0=0.01 2.5=0.01"}
TRANSMITTER = identifier("TPP.PTX.02")
VERIFIED_IN_JUNE = identifier("ev:TPP.PG.05:2026-06-12")
PAGES = {
    "home": addresses.HOME_ROUTE,
    "nothing-found": addresses.lookup("0083105X"),
    "one-found": addresses.lookup("0083105"),
    "many-found": addresses.lookup("0012847"),
    "certificate": "/c/{story.certificate.number}",
    "certificate-on-paper": addresses.certificate("TPP-2026-00011"),
    "certificate-of-another": addresses.certificate("STL-2026-00016"),
    "certificate-on-a-day": "/c/{story.certificate.number}?on=2028-01-01&code=wrong",
    "certificate-unknown": addresses.certificate("TPP-2026-99999-X"),
    "authenticate": addresses.AUTHENTICATE_ROUTE,
    "revision": "/revisions/{story.certificate.number}",
    "intake": addresses.INTAKE_ROUTE,
    "intake-paper": addresses.PAPER_ROUTE,
    "intake-seen": "/intake/{site.document}",
    "chain": "/calibrations/{story.calibration.id}/chain",
    "chain-later": "/calibrations/{story.calibration.id}/chain?on=2027-09-01",
    "item": addresses.item(GAUGE),
    "item-new": addresses.NEW_ITEM_ROUTE,
    "item-entry": addresses.item_entry(GAUGE),
    "periods": addresses.PERIODS_ROUTE,
    "certificates": addresses.CERTIFICATES_ROUTE,
    "due": addresses.DUE_ROUTE,
    "due-notices": addresses.DUE_NOTICES_ROUTE,
    "figures": addresses.FIGURES_ROUTE,
    "plans": addresses.PLANS_ROUTE,
    "plan": "/plans/{site.plan}?discipline=压力 / pressure&first=13",
    "plan-why": "/plans/{site.plan}/items/" + f"{TRANSMITTER}/verification",
    "plan-settings": addresses.PLANS_ROUTE + "/settings",
    "lots": addresses.LOTS_ROUTE,
    "capabilities": addresses.CAPABILITIES_ROUTE,
    "sites": addresses.SITES_ROUTE,
    "grants": addresses.GRANTS_ROUTE,
    "summaries": addresses.SUMMARIES_ROUTE,
    "due-nothing": addresses.DUE_ROUTE + "?q=no+such+thing",
    "work-orders": addresses.WORK_ORDERS_ROUTE,
    "work-orders-none": addresses.WORK_ORDERS_ROUTE + "?q=no+such+thing",
    "work-order": "/work-orders/{story.order.id}",
    "work-order-new": addresses.WORK_ORDERS_ROUTE + "/new?q=gauge",
    "work-order-labels": "/work-orders/{story.order.id}/labels",
    "work-order-inbox": addresses.WORK_ORDERS_ROUTE + "/inbox",
    "worksheet": "/work-orders/lines/{site.line}/worksheet",
    "findings": addresses.FINDINGS_ROUTE,
    "what-if": addresses.what_if(MODULE, **WRONG),
    "recalls": addresses.RECALLS_ROUTE,
    "recall": "/recalls/{site.recall}",
    "notices": addresses.NOTICES_ROUTE,
    "notice": "/notices/{site.notice}",
    "procedures": "/procedures",
    "procedures-nothing": "/procedures?q=no+such+thing",
    "procedure": "/procedures/JJG%20596/2012",
    "procedure-writing": "/procedures/write?code=JJG%20443&edition=2023%20(%E8%AF%95%E8%A1%8C)",
    "procedure-replaced": "/procedures/JJG%2052/1999",
    "procedure-unjudgeable": "/procedures/JJG%20640/2016",
    "log-in": addresses.LOG_IN_ROUTE,
    "account": addresses.ACCOUNT_ROUTE,
    "people": addresses.PEOPLE_ROUTE,
    "connections": addresses.CONNECTIONS_ROUTE,
    "evaluations": "/evaluations",
    "evaluation": "/evaluations/emission-monitors",
    "act-as": addresses.ACT_AS_ROUTE,
    "api": addresses.API_PAGE_ROUTE,
    "missing": "/no-such-page",
    "unreadable": addresses.chain(VERIFIED_IN_JUNE) + "?on=soon",
}
REFUSED = {"missing": 404, "certificate-unknown": 404, "unreadable": 422}
REFUSAL = (  # what Chromium says of it
    "Failed to load resource: the server responded with a status of"
    " {answer.status} ({answer.status_text})"
)
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
LOOKS = list(product(("light", "dark"), (1440, 390)))  # px wide
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The Swagger UI brings its own markup, which is not ours to mend; the frame around it is judged.
JUDGE = """rules => axe.run({exclude: [["#swagger-ui"]]}, {runOnly: rules}).then(report =>
    report.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html}`)))"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"  # px, hidden by no scroll bar
FONTS = ("", "DejaVu Sans", "Liberation Sans", "Noto Sans CJK SC")  # "" is the stylesheet's
# What does not fit in the drawing: a text beyond its frame, two that overlap, a level under a box.
# A line may reach into the next by the leading that its font brings.
MISFITS = """font => {
    const leading = 4, svg = document.querySelector("svg.chain"), found = [];
    if (font) svg.style.fontFamily = `"${font}"`;
    const common = (a, b) => {
        const [p, q] = [a.getBBox(), b.getBBox()];
        return [Math.min(p.x + p.width, q.x + q.width) - Math.max(p.x, q.x),
                Math.min(p.y + p.height, q.y + q.height) - Math.max(p.y, q.y)];
    };
    const within = (text, frame) => {
        const [width, height] = common(text, frame), box = text.getBBox();
        return width > box.width - 0.5 && height > box.height - 0.5;
    };
    const overlap = (a, b) => {
        const [width, height] = common(a, b);
        return width > 0 && height > leading;
    };
    for (const group of svg.querySelectorAll(".box, .pill")) {
        const frame = group.querySelector("rect"), texts = [...group.querySelectorAll("text")];
        for (const [place, text] of texts.entries()) {
            if (!within(text, frame)) found.push(`${text.textContent} leaves its frame`);
            for (const other of texts.slice(place + 1))
                if (overlap(text, other))
                    found.push(`${text.textContent} meets ${other.textContent}`);
        }
        for (const level of svg.querySelectorAll(".level"))
            if (overlap(level, frame)) found.push(`${level.textContent} lies under a frame`);
    }
    return {texts: svg.querySelectorAll("text").length, found};
}"""
PLACE = """() => {
    if (document.activeElement === window.left) return null;
    const box = document.activeElement.getBoundingClientRect();
    return {x: box.x - 6, y: box.y - 6, width: box.width + 12, height: box.height + 12};
}"""
LEAVE = "window.left = document.activeElement; window.left.blur()"
MANY = 60  # stops of the Tab key, more than any page needs


@pytest.fixture
def open_page(site: Any, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open an empty page in a language, with cookies of its own."""
    contexts = []

    def open_(language: str = "en", **more: Any) -> Any:
        context = chromium.new_context(
            base_url=site.address,
            locale=LOCALES[language],
            viewport={"width": 1440, "height": 900},
            **more,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_says_nothing_and_asks_nobody_else(
    site, open_page, name, language
):
    page, said, asked, violations, overflow = open_page(language), [], [], {}, {}
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    answer = page.goto(PAGES[name].format(story=site.story, site=site))
    if name == "api":
        page.locator("#swagger-ui .opblock").first.wait_for()
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    for theme, width in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
        violations[theme, width] = page.evaluate(JUDGE, RULES)
        overflow[theme, width] = page.evaluate(OVERFLOW)

    assert answer.status == REFUSED.get(name, 200)
    assert page.evaluate("document.documentElement.lang")[:2] == language
    assert violations == {look: [] for look in LOOKS}
    assert overflow == dict.fromkeys(LOOKS, 0)
    assert said == ([] if answer.ok else [REFUSAL.format(answer=answer)])
    assert len(asked) >= 3
    assert [url for url in asked if not url.startswith((site.address + "/", "data:"))] == []


@pytest.mark.parametrize("language", LOCALES)
def test_every_text_of_a_chains_drawing_fits_in_each_font(open_page, language):
    page, misfits = open_page(language), {}

    for kind, address in newest_chains().items():
        page.goto(address)
        for font in FONTS:
            misfits[kind, font] = page.evaluate(MISFITS, font)

    assert min(drawing["texts"] for drawing in misfits.values()) > 8
    assert {where: drawing["found"] for where, drawing in misfits.items() if drawing["found"]} == {}


def newest_chains() -> dict[str, str]:
    """Return where the newest chain of each kind of item of the power plant is shown."""
    world = read_world()
    kinds = {row["id"]: row["name_en"] for row in world.data["items"] if row["org"] == "TPP"}
    return {
        kinds[row["item"]]: addresses.chain(identifier(row["id"]))
        for row in sorted(world.data["events"], key=lambda row: row["performed_on"])
        if row["item"] in kinds
    }


def test_without_javascript_everything_is_found_and_chosen(site, open_page):
    page = open_page(java_script_enabled=False)

    page.goto("/")
    page.get_by_role("searchbox").fill("0083105")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("table").get_by_role("link", name=site.story.certificate.number).click()
    page.get_by_role("link", name="See its chain to the national standards").click()
    page.get_by_label("Day").fill("2027-09-01")
    page.get_by_role("button", name="Show").click()
    chain = {"address": page.url, "text": page.inner_text("main")}
    page.get_by_role("link", name="Act as someone else").click()
    page.locator(f'button[value="{STEEL_WORKER}"]').click()
    actor = page.inner_text(".demo .who")
    page.get_by_role("link", name="中文").click()
    page.get_by_role("button", name="外观").click()

    story_chain = addresses.chain(site.story.calibration.id)
    assert chain["address"] == f"{site.address}{story_chain}?on=2027-09-01"
    assert "links not valid" in chain["text"]
    assert "steel works" in actor
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_by_keyboard_alone_everything_is_reached_and_its_focus_is_seen(site, open_page):
    page, story = open_page(), site.story

    page.goto("/")
    page.keyboard.type("0083105")  # the field has the focus
    enter(page)
    tab_to(page, f'main a[href="{addresses.certificate(story.certificate.number)}"]')
    enter(page)
    tab_to(page, f'a[href="{addresses.chain(story.calibration.id)}"]')
    enter(page)
    tab_to(page, ".skip")
    page.keyboard.press("Enter")
    tab_to(page, "svg.chain .box")
    page.keyboard.press("Enter")
    told = page.locator(":target").inner_text()
    tab_to(page, ".steps a.code")
    enter(page)
    tab_to(page, f'a[href="{addresses.ACT_AS_ROUTE}"]')
    enter(page)
    tab_to(page, f'button[value="{STEEL_WORKER}"]')
    enter(page)
    actor = page.inner_text(".demo .who")
    tab_to(page, ".prefs a[hreflang]")
    enter(page)
    tab_to(page, ".prefs button")
    enter(page)

    assert "U =" in told
    assert "steel works" in actor
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert page.locator("html").get_attribute("data-theme") == "dark"


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until what is selected has the focus; all that gets it on the way must show it."""
    for _ in range(MANY):
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert focus_is_seen(page), stop
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{MANY} times Tab do not reach {selector} on {page.url}")


def focus_is_seen(page: Any) -> bool:
    """Return whether what has the focus looks different without it; not asked within one field."""
    place = page.evaluate(PLACE)
    if place is None:
        return True
    focused = page.screenshot(clip=place)
    page.evaluate(LEAVE)
    blurred = page.screenshot(clip=place)
    page.evaluate("window.left.focus()")
    return bool(focused != blurred)


def enter(page: Any) -> None:
    """Press Enter and wait for the page that it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_date_is_typed_whole_before_it_takes_effect(site, open_page):
    page = open_page()
    address = addresses.chain(site.story.calibration.id)

    page.goto(address)
    page.get_by_label("Day").focus()
    for digit in "09012027":
        page.keyboard.press(digit, delay=20)
        page.wait_for_timeout(100)
    stayed = page.url.endswith(address)
    page.get_by_role("button", name="Show").click()

    assert stayed
    assert page.url.endswith("?on=2027-09-01")


def test_a_status_is_walked_to_by_arrow_keys_before_it_takes_effect(open_page):
    page = open_page()

    page.goto(addresses.DUE_ROUTE)
    page.get_by_label("Due", exact=True).focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(100)
    stayed = page.url.endswith(addresses.DUE_ROUTE)
    page.get_by_role("button", name="Filter").click()

    assert stayed
    assert "status=within+30+days" in page.url
