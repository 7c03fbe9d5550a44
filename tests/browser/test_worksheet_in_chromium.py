"""A technician verifies a five-point gauge in Chromium: from the label's address to the signature.

By the keyboard alone, and the readings by pasting them from a spreadsheet. The gauge is on the
bench of the power plant on 21 November 2026; another one of its type was verified before.
"""

import json
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest

from service.actions import work_orders
from service.actions.work_orders import Asked
from service.demo.world import identifier, moment, read_world
from service.store import work_orders as store
from service.tables.people import Person
from service.tenancy import TenantSession
from service.web import addresses
from tests.browser.test_pages_in_chromium import enter, tab_to

pytestmark = pytest.mark.browser

PLANT = identifier("TPP")
PASTED = """\
0.00\t0.00\t0.00\t0.00
0.41\t0.41\t0.41\t0.41
0.82\t0.81\t0.82\t0.82
1.21\t1.21\t1.22\t1.22
1.61\t1.61\t1.61\t1.61"""
PASTE = """text => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.activeElement.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
THREE_MINUTES = 180  # seconds, of a person; the machine takes a few


def on_the_bench(site: Any, gauge: str) -> UUID:
    """Put a gauge on the first metrologist's bench, if it is not there; return its line."""
    today = read_world().as_of
    now = moment(today, 15)
    with TenantSession(site.engine, PLANT) as session, session.begin():
        metrologist, keeper = (
            session.get_one(Person, (PLANT, identifier(f"person:TPP:{n}"))) for n in (1, 2)
        )
        for there in store.open_lines_of_item(session, identifier(gauge)):
            return there.line.id
        asked = [Asked(item_id=identifier(gauge), procedure_code="JJG 52")]
        order = work_orders.request(session, asked, requested_by=keeper, now=now)
        work_orders.accept(session, order.id, person=keeper, now=now)
        (line,) = store.lines(session, order.id)
        work_orders.receive(session, line.id, condition="sound", person=keeper, now=now)
        work_orders.assign(
            session, line.id, metrologist.id, planned_on=today, assigned_by=keeper, now=now
        )
        return line.id


@pytest.fixture
def open_page(site, chromium):
    """Open a page of the site in a context of its own."""
    contexts = []

    def open_(**values: Any) -> Any:
        context = chromium.new_context(base_url=site.address, locale="en-GB", **values)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


def verdict(page: Any) -> str:
    return str(page.locator("#judged .badge").first.inner_text())


def test_from_the_scan_to_the_signature_by_keyboard_and_paste(site, open_page):
    page, line = open_page(), on_the_bench(site, "TPP.PG.01")
    started = perf_counter()

    page.goto(addresses.worksheet(line))
    assert verdict(page) == "Not determined"
    tab_to(page, '[name="rows.0.r.up_before_tapping"]')
    page.evaluate(PASTE, PASTED)
    page.locator("#judged .badge.ok").wait_for()
    assert verdict(page) == "Conforms"
    assert page.locator("[data-row] .value.ok").count() == 10
    tab_to(page, "#submit")
    enter(page)
    page.wait_for_url(lambda address: not address.endswith("/worksheet"))

    assert perf_counter() - started < THREE_MINUTES
    assert page.get_by_text("Measured").first.is_visible()
    with TenantSession(site.engine, PLANT, read_only=True) as session:
        assert store.last_step(session, line).said["verdict"] == "pass"


def test_enter_goes_down_and_a_slip_is_asked_about_at_once(site, open_page):
    page, line = open_page(), on_the_bench(site, "TPP.PG.02")

    page.goto(addresses.worksheet(line))
    for field in ("up_before_tapping", "up_after_tapping", "down_before_tapping",
                  "down_after_tapping"):  # fmt: skip
        page.locator(f'[name="rows.0.r.{field}"]').fill("0.00")
    page.locator('[name="rows.1.r.up_before_tapping"]').focus()
    page.keyboard.type("4.1")
    page.keyboard.press("Enter")
    below = page.evaluate("document.activeElement.name")
    page.get_by_text("perhaps 0.41").wait_for()
    page.keyboard.press("Shift+Enter")
    above = page.evaluate("document.activeElement.name")

    assert below == "rows.2.r.up_before_tapping"
    assert above == "rows.1.r.up_before_tapping"
    assert page.locator('[name="rows.1.r.up_before_tapping"]').get_attribute("aria-invalid")


def test_a_save_under_way_is_no_stranger_to_the_submission_that_overtakes_it(site, open_page):
    page, line = open_page(), on_the_bench(site, "TPP.PG.02")
    held = []

    page.goto(addresses.worksheet(line))
    page.route("**/worksheet", lambda route: held.append(route), times=1)  # noqa: PLW0108
    page.locator('[name="rows.1.r.up_before_tapping"]').fill("0.42")
    with page.expect_request("**/worksheet"):  # the script saves when typing pauses
        pass
    page.get_by_role("button", name="Save and check").click(no_wait_after=True)
    with page.expect_navigation():
        held[0].continue_()

    assert page.get_by_text("Saved as revision").is_visible()
    assert page.get_by_text("meanwhile").count() == 0


def test_what_was_typed_survives_a_lost_connection(site, open_page):
    page, line = open_page(), on_the_bench(site, "TPP.PG.02")
    context, cell = page.context, '[name="rows.3.r.up_before_tapping"]'

    page.goto(addresses.worksheet(line))
    context.set_offline(offline=True)
    page.locator(cell).fill("1.21")
    page.get_by_text("No connection").wait_for()
    page.close()
    context.set_offline(offline=False)
    page = context.new_page()
    page.goto(addresses.worksheet(line))

    assert page.get_by_text("was put in again").is_visible()
    assert page.locator(cell).input_value() == "1.21"


def test_without_a_script_the_buttons_do_the_same(site, open_page):
    page = open_page(java_script_enabled=False)
    line = on_the_bench(site, "TPP.PG.03")

    page.goto(addresses.worksheet(line))
    page.locator("summary").first.click()
    page.locator('[name="paste"]').fill(PASTED)
    page.get_by_role("button", name="Put in").click()
    for name, value in (("temperature", "27"), ("humidity", "48"), ("rest_time", "2")):
        page.locator(f'[name="e.{name}"]').fill(value)
    page.get_by_role("button", name="Submit and sign").click()
    refused = page.locator("#judged").inner_text()
    page.locator('[name="e.temperature"]').fill("20.6")
    page.get_by_role("button", name="Submit and sign").click()

    assert "27 is out of limits" in refused
    assert "/work-orders/" in page.url
    assert page.get_by_text("Conforms").is_visible()


def test_a_worksheet_that_somebody_else_saved_is_not_overwritten(site, open_page):
    one, other = open_page(java_script_enabled=False), open_page(java_script_enabled=False)
    cell = '[name="rows.1.r.up_before_tapping"]'

    one.goto(addresses.worksheet(site.line))
    other.goto(addresses.worksheet(site.line))
    one.locator(cell).fill("0.43")
    one.get_by_role("button", name="Save and check").click()
    other.locator(cell).fill("0.42")
    other.get_by_role("button", name="Save and check").click()

    assert one.get_by_text("Saved as revision 2.").is_visible()
    assert other.get_by_text("Somebody saved revision 2 meanwhile.").is_visible()
    assert other.locator(cell).input_value() == "0.42"
    with TenantSession(site.engine, PLANT, read_only=True) as session:
        first, second = store.worksheet_revisions(session, site.line)
        assert json.dumps(first.content).count("0.43") == 0
        assert json.dumps(second.content).count("0.43") == 1
