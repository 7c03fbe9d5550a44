"""The ledger by hand: an item entered, changed, stored; its periods and due dates, on pages.

LAB's ledger keeper works in an empty book on 2 March 2026.
"""

import re
from datetime import UTC, datetime

import pytest

from service.store import items as item_store
from service.store import schedule as schedule_store
from service.tenancy import TenantSession
from tests.service import entering

GAUGE = {
    "name_zh": "压力表",
    "name_en": "Pressure gauge",
    "asset_number": "P-001",
    "serial_number": "77123",
    "type_designation": "Y-150",
    "range_text": "(0～1.6)MPa",
    "accuracy_text": "1.6级",
    "location": "Boiler hall / Unit 1",
    "procedure_code": "JJG 52",
    "period_months": "半年",
    "kind": "measuring_instrument",
    "status": "in_use",
    "is_mandatory": "false",
    "is_carbon_meter": "false",
}


@pytest.fixture
def app(database, tmp_path):
    clock = entering.Clock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with entering.application(database.application, tmp_path, clock) as app:
        yield app


@pytest.fixture
def keeper(app, names):
    client = entering.entered(app, names.LAB, "ledger_keeper", "wang")
    client.headers["accept-language"] = "en"
    return client


@pytest.fixture
def book(app, names):
    with TenantSession(app.state.engine, names.LAB, read_only=True) as session:
        yield session


def entered(client, **changes):
    """Enter the gauge; return the address of its page."""
    answer = client.post("/ledger/items/new", data=GAUGE | changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def form_of(client, address):
    """Return what the form of an item holds."""
    page = client.get(address.replace("/i/", "/ledger/items/")).text
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*? value="([^"]*)"', page))
    selects = re.findall(r'<select name="(\w+)"(.*?)</select>', page)
    chosen = [
        (name, *re.findall(r'value="([^"]*)" selected', options)) for name, options in selects
    ]
    return fields | dict(chosen)


def notice(answer):
    return re.sub(r"<[^>]+>|\s+", " ", answer.text.partition('role="alert"')[2][:2500])


def test_an_item_is_entered_as_people_write_it(keeper, book):
    address = entered(keeper)

    (item,) = item_store.by_serial_number(book, "77123")
    assert address == f"/i/{item.id}"
    assert (item.range_lower, item.range_upper, item.range_unit) == (0.0, 1.6, "MPa")
    assert item.location == ["Boiler hall", "Unit 1"]
    assert (item.period_months, item.quantity) == (6, "pressure")
    assert "Pressure gauge" in keeper.get(address).text


def test_what_cannot_be_read_is_named_and_nothing_is_written(keeper, book):
    answer = keeper.post("/ledger/items/new", data=GAUGE | {"period_months": "often"})

    assert answer.status_code == 422
    assert "Not a period" in notice(answer)
    assert 'value="often"' in answer.text
    assert item_store.by_serial_number(book, "77123") == []


def test_an_item_needs_a_name_and_a_number(keeper):
    nameless = keeper.post("/ledger/items/new", data={"asset_number": "P-002"})
    numberless = keeper.post("/ledger/items/new", data={"name_en": "Gauge"})

    assert "A new item needs a name." in notice(nameless)
    assert "Nothing to match the item by." in notice(numberless)


def test_what_the_ledger_has_is_not_entered_twice(keeper, book):
    address = entered(keeper)

    again = keeper.post("/ledger/items/new", data=GAUGE | {"name_en": "Another"})

    assert again.status_code == 422
    assert "The ledger has this item already" in notice(again)
    assert address in again.text
    assert "is_another" not in again.text
    assert len(item_store.by_serial_number(book, "77123")) == 1


def test_what_only_looks_like_an_item_is_entered_once_a_person_says_so(keeper, book):
    entered(keeper)
    like = GAUGE | {"asset_number": "P-002", "serial_number": "077-123"}

    doubted = keeper.post("/ledger/items/new", data=like)
    said = keeper.post("/ledger/items/new", data=like | {"is_another": "true"})

    assert "The ledger has this type and serial number" in notice(doubted)
    assert "is_another" in doubted.text
    assert said.status_code == 303
    assert len(item_store.by_serial_number(book, "077-123")) == 1


def test_a_form_saved_as_it_was_changes_nothing(keeper, book):
    address = entered(keeper)

    answer = keeper.post(
        address.replace("/i/", "/ledger/items/"), data=GAUGE | form_of(keeper, address)
    )

    (item,) = item_store.by_serial_number(book, "77123")
    assert answer.status_code == 303
    assert item.changed_at is None


def test_a_change_is_kept_and_an_emptied_field_is_unknown_again(keeper, book):
    address = entered(keeper)
    form = form_of(keeper, address)

    answer = keeper.post(
        address.replace("/i/", "/ledger/items/"),
        data=form | {"range_text": "(0~2.5) MPa", "asset_number": "", "period_months": ""},
    )

    (item,) = item_store.by_serial_number(book, "77123")
    assert answer.status_code == 303
    assert (item.range_upper, item.range_text) == (2.5, "(0~2.5) MPa")
    assert (item.asset_number, item.period_months) == (None, None)
    assert item.name_zh == "压力表"
    assert "asset_number" in keeper.get("/audit-log").text


def test_an_item_that_somebody_else_changed_is_not_overwritten(app, keeper, book):
    address = entered(keeper)
    first = form_of(keeper, address)
    app.state.clock = lambda: datetime(2026, 3, 2, 8, 5, tzinfo=UTC)
    keeper.post(address.replace("/i/", "/ledger/items/"), data=first | {"use": "trade"})

    late = keeper.post(address.replace("/i/", "/ledger/items/"), data=first | {"use": "safety"})
    again = keeper.post(
        address.replace("/i/", "/ledger/items/"),
        data=dict(re.findall(r'name="(seen)" value="([^"]*)"', late.text))
        | {key: value for key, value in first.items() if key != "seen"}
        | {"use": "safety"},
    )

    assert late.status_code == 412
    assert "Somebody changed the item meanwhile" in late.text
    assert again.status_code == 303
    (item,) = item_store.by_serial_number(book, "77123")
    assert item.use == "safety"


@pytest.mark.parametrize(
    ("number", "of", "model", "coefficient", "shown"),
    [
        ("±0.0256", "absolute", "absolute", 0.0256, "0.0256"),
        ("1.6", "span", "absolute", 0.0256, "0.0256"),
        ("0.5", "relative", "relative", 0.005, "0.5"),
    ],
)
def test_a_permissible_error_is_told_as_a_number(
    keeper, book, number, of, model, coefficient, shown
):
    address = entered(keeper, maximum_permissible_error=number, maximum_permissible_error_of=of)
    form = form_of(keeper, address)
    keeper.post(address.replace("/i/", "/ledger/items/"), data=form)

    (item,) = item_store.by_serial_number(book, "77123")
    assert item.maximum_permissible_error_model == model
    assert item.maximum_permissible_error_coefficient == pytest.approx(coefficient, rel=1e-15)
    assert form["maximum_permissible_error"] == shown
    assert item.changed_at is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"maximum_permissible_error": "small"}, "Not a number."),
        ({"maximum_permissible_error": "-1"}, "Not above zero."),
        ({"maximum_permissible_error": "nan"}, "Not a number."),
        ({"maximum_permissible_error": "1", "range_text": ""}, "Say the measuring range first"),
    ],
)
def test_a_permissible_error_that_cannot_be_is_refused(keeper, book, changes, why):
    answer = keeper.post("/ledger/items/new", data=GAUGE | changes)

    assert answer.status_code == 422
    assert why in notice(answer)
    assert item_store.by_serial_number(book, "77123") == []


def test_another_items_asset_number_is_refused(keeper):
    address = entered(keeper)
    other = entered(keeper, asset_number="P-002", serial_number="88", name_en="Other")

    answer = keeper.post(
        other.replace("/i/", "/ledger/items/"),
        data=form_of(keeper, other) | {"asset_number": "P-001"},
    )

    assert answer.status_code == 422
    assert address in answer.text


def test_what_befell_an_item_stands_on_its_page_and_moves_its_due_date(keeper, book):
    address = entered(keeper)
    acts = address.replace("/i/", "/due/items/")

    sealed = keeper.post(
        f"{acts}/events", data={"kind": "sealed", "happened_on": "2026-03-01", "note": "winter"}
    )
    page = keeper.get(address).text

    assert sealed.status_code == 303
    (item,) = item_store.by_serial_number(book, "77123")
    assert item.status == "sealed"
    assert "Put into storage" in page
    assert "winter" in page
    assert "out of use: nothing falls due" in page


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"kind": "repair", "happened_on": "2026-03-09"}, "has not come yet"),
        ({"kind": "repair", "happened_on": "soon"}, "is no day"),
        ({"kind": "usage", "happened_on": "2026-03-01"}, "A usage reading has a total"),
        ({"kind": "eclipse", "happened_on": "2026-03-01"}, "one of intermediate_check"),
    ],
)
def test_an_event_that_cannot_be_is_refused_with_the_reason(keeper, data, why):
    acts = entered(keeper).replace("/i/", "/due/items/")

    answer = keeper.post(f"{acts}/events", data=data)

    assert answer.status_code == 422
    assert why in notice(answer)


def test_a_due_date_is_set_by_a_person_with_the_reason(keeper, names):
    address = entered(keeper)
    person = re.search(r'<option value="([0-9a-f-]{36})" selected', keeper.get(address).text)
    assert person is not None
    override = {
        "activity": "verification",
        "valid_until": "2026-05-01",
        "reason": "shutdown",
        "approved_by": person[1],
    }

    done = keeper.post(address.replace("/i/", "/due/items/") + "/overrides", data=override)
    page = keeper.get(address).text

    assert done.status_code == 303
    assert "1 May 2026" in page
    assert "shutdown" in page


def test_the_head_of_the_page_tells_what_falls_due_first(keeper):
    address = entered(keeper)
    person = re.search(r'<option value="([0-9a-f-]{36})" selected', keeper.get(address).text)
    assert person is not None
    keeper.post(
        address.replace("/i/", "/due/items/") + "/overrides",
        data={"activity": "verification", "valid_until": "2026-05-01", "reason": "shutdown",
              "approved_by": person[1]},
    )  # fmt: skip
    before = keeper.get(address).text.partition("</h1>")[2][:700]
    keeper.post("/due/periods", data={"activity": "maintenance", "rule": "organization",
                                      "months": "1", "source": "manual"})  # fmt: skip

    after = keeper.get(address).text.partition("</h1>")[2][:700]

    assert "in 60 days" in before
    assert "1 day overdue" in after


def test_the_law_is_not_put_off(keeper):
    address = entered(keeper, is_mandatory="true")
    person = re.search(r'<option value="([0-9a-f-]{36})" selected', keeper.get(address).text)
    assert person is not None

    answer = keeper.post(
        address.replace("/i/", "/due/items/") + "/overrides",
        data={"activity": "verification", "valid_until": "2030-01-01", "reason": "busy",
              "approved_by": person[1]},
    )  # fmt: skip

    assert answer.status_code == 422
    assert "The law asks for a verification first" in notice(answer)


def test_a_period_is_set_replaced_and_ended(app, keeper, book):
    entered(keeper)
    said = {"activity": "verification", "rule": "item_type", "subject": "Y-150", "months": "3",
            "source": "quality manual, 7.1"}  # fmt: skip

    answers = []
    for minute, months in enumerate(("3", "4", "")):
        app.state.clock = lambda minute=minute: datetime(2026, 3, 2, 8, minute, tzinfo=UTC)
        answers.append(keeper.post("/due/periods", data=said | {"months": months}).status_code)
    page = keeper.get("/due/periods").text
    told = keeper.get("/v1/due-dates/periods", headers={"accept": "application/json"}).json()

    assert answers == [303, 303, 303]
    assert [row.months for row in schedule_store.periods(book)] == [None, 4, 3]
    assert page.count("replaced") == 2
    assert [(row["subject"], row["months"]) for row in told] == [("Y-150", None)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"months": "1.5"}, "Whole months"),
        ({"months": "many"}, "is not a number"),
        ({"rule": "item_type", "subject": ""}, "Say for what the period is"),
        ({"rule": "item", "subject": "gauge"}, "Open the item"),
        ({"usage_limit": "100"}, "A limit of use and its unit"),
        ({"source": " "}, "is missing"),
    ],
)
def test_a_period_that_says_nothing_clear_is_refused(keeper, book, changes, why):
    said = {"activity": "calibration", "rule": "organization", "subject": "", "months": "12",
            "usage_limit": "", "usage_unit": "", "source": "manual"}  # fmt: skip

    answer = keeper.post("/due/periods", data=said | changes)

    assert answer.status_code == 422
    assert why in notice(answer)
    assert schedule_store.periods(book) == []


def test_an_empty_book_says_how_it_begins(keeper):
    pages = {
        path: keeper.get(path).text for path in ("/", "/ledger", "/due", "/findings", "/risks")
    }

    assert "How it begins" in pages["/"]
    for path in ("/ledger", "/due", "/findings", "/risks"):
        assert "The ledger holds no item yet." in pages[path], path
        assert "/ledger/items/new" in pages[path], path
    entered(keeper)
    assert "How it begins" not in keeper.get("/").text


def test_who_may_not_change_an_item_sees_no_form(app, keeper, names):
    address = entered(keeper)
    viewer = entering.entered(app, names.LAB, "viewer", "viewer")

    page = viewer.get(address).text
    refused = viewer.post("/ledger/items/new", data=GAUGE | {"asset_number": "P-009"})

    assert "/due/items/" not in page
    assert refused.status_code == 403
    assert keeper.get("/ledger", params={"q": "P-009"}).text.count("P-009") < 3
