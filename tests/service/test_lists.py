"""What a ledger keeps in step with: calibrations, certificates and work orders, and their ends.

LAB's book holds ENT's meter, calibrated against its working standard, and the meter's certificate.
"""

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest
from uuid_utils.compat import uuid7

from service.actions import calibrations, order_exchange, revisions
from service.actions.work_orders import Asked
from service.api.paging import cursor_of
from service.store import people
from tests.seals import SEALS
from tests.service.books import ACTOR, KEYS

LISTS = ("calibrations", "certificates", "work-orders", "notices", "items", "sites")
LOGS = ("due-dates", "imports", "recalls", "environment-readings")
LINES = {"accept": "application/x-ndjson"}


@pytest.fixture
def client(enter, story, app):
    app.state.keys, app.state.seals = KEYS, SEALS
    return enter("metrologist", "wang")


@pytest.fixture
def since(clock):
    """A moment after all that the story told."""
    clock.now += timedelta(minutes=5)
    return clock.now.isoformat().replace("+00:00", "Z")


@pytest.fixture
def logged(client, story, clock):
    """Three of each log in LAB's book; two readings were made at one moment, the last before."""
    fault = {"calibration_id": str(story.working), "unit": "MPa", "assumption": "worst_case",
             "last_good_on": "2025-12-01", "found_on": "2026-03-01"}  # fmt: skip
    for value, hours in ((20.1, 2), (20.2, 2), (20.3, 5)):
        at = (clock.now - timedelta(hours=hours)).isoformat()
        reading = {"condition": "temperature", "value": value, "unit": "°C", "read_at": at}
        post(client, "environment-readings", json=reading)
        post(client, "recalls", json=fault | {"as_found": [{"value": 1, "error": value}]})
        ledger = f"管理编号,器具名称,出厂编号\nA-{value},压力表,N {value}\n"
        post(client, "imports", files={"file": ("l.csv", ledger.encode("gb18030"), "text/csv")})
    for code in ("S-1", "S-2"):
        post(client, "sites", json={"code": code, "name_zh": code})
    period = {"rule": "item", "subject": str(story.working_item), "months": 3, "source": "manual"}
    for activity in ("maintenance", "intermediate_check"):
        post(client, "due-dates/periods", json=period | {"activity": activity})


def post(client, path, **body):
    answer = client.post(f"/v1/{path}", **body)
    assert answer.status_code == 201, answer.text


def told_since(client, path, since):
    return client.get(f"/v1/{path}", params={"updated_since": since}).json()


def paged(client, path):
    """Return the rows of all pages, one row a page."""
    found, path = [], f"{path}?limit=1"
    while path:
        answer = client.get(path)
        assert len(answer.json()) <= 1
        found += answer.json()
        path = answer.links.get("next", {}).get("url")
    return found


def test_each_list_comes_in_pages_that_together_are_the_export(client, logged):
    for name in (*LISTS, *LOGS):
        found = paged(client, f"/v1/{name}")
        whole = [json.loads(line) for line in client.get(f"/v1/{name}", headers=LINES).iter_lines()]

        assert found == whole, name
        assert client.get(f"/v1/{name}?limit=201").status_code == 400


def test_logs_come_in_their_order_page_by_page(client, logged):
    due, imports, recalls, readings = (paged(client, f"/v1/{name}") for name in LOGS)

    assert [row["value"] for row in readings] == [20.3, 20.1, 20.2]
    assert [row["as_found"][0][1] for row in recalls] == [20.3, 20.2, 20.1]
    assert [row["id"] for row in imports] == sorted((r["id"] for r in imports), reverse=True)
    assert len({row["id"] for row in imports}) == 3
    days = [row["valid_until"] or "9999" for row in due]
    assert days == sorted(days)
    assert len({(row["item_id"], row["activity"]) for row in due}) == len(due) > 1


def test_a_cursor_that_is_none_of_a_list_is_refused(client, logged):
    of_due_dates = client.get("/v1/due-dates?limit=1").links["next"]["url"].split("cursor=")[1]

    for name in LOGS:
        assert client.get(f"/v1/{name}?cursor=xyz").status_code == 422, name
    assert client.get(f"/v1/recalls?cursor={of_due_dates}").status_code == 422
    unknown = cursor_of(uuid7())
    assert client.get(f"/v1/environment-readings?cursor={unknown}").status_code == 404


def test_a_list_is_also_a_sheet(client, story):
    sheet = client.get("/v1/certificates", headers={"accept": "text/csv"})

    (row,) = csv.DictReader(StringIO(sheet.content.decode("utf-8-sig")))
    assert row["number"] == story.number
    assert json.loads(row["calibration_ids"]) == [str(story.meter)]


def test_a_calibration_that_was_superseded_is_told_to_who_keeps_in_step(
    client, story, since, open_as, clock
):
    assert told_since(client, "calibrations", since) == []
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, reason="misread", actor_id=ACTOR, now=clock.now)

    (told,) = told_since(client, "calibrations", since)

    assert (told["id"], told["ended_because"]) == (str(story.working), "misread")
    assert client.get(f"/v1/calibrations/{story.working}").json() == told
    assert told["successor_id"] is None


@pytest.mark.parametrize("end", ["withdraw", "void"])
def test_a_certificate_that_was_taken_back_is_told_to_who_keeps_in_step(
    client, story, since, open_as, clock, end
):
    (before,) = client.get("/v1/certificates").json()
    assert (before["number"], before["status"]) == (story.number, "issued")
    assert told_since(client, "certificates", since) == []
    with open_as("LAB") as session, session.begin():
        getattr(revisions, end)(
            session, story.certificate, reason="misread", actor_id=ACTOR, seals=SEALS,
            now=clock.now,
        )  # fmt: skip

    (told,) = told_since(client, "certificates", since)

    assert told["status"] == {"withdraw": "withdrawn", "void": "voided"}[end]
    assert told["status_reason"] == "misread"
    assert told["calibration_ids"] == [str(story.meter)]


def test_a_work_order_that_was_cancelled_is_told_to_who_keeps_in_step(
    client, story, since, open_as, clock
):
    with open_as("LAB") as session, session.begin():
        person = people.acting(session, story.people["calibrated"].id)
        asked = Asked(item_id=story.working_item, procedure_code="JJG 52")
        order_exchange.place(session, [asked], requested_by=person, now=clock.now)
    (placed,) = told_since(client, "work-orders", since)
    clock.now += timedelta(minutes=5)
    later = clock.now.isoformat().replace("+00:00", "Z")
    assert told_since(client, "work-orders", later) == []

    line = placed["items"][0]["id"]
    client.post(f"/v1/work-orders/lines/{line}/cancellation", json={"reason": "sold"})

    (told,) = told_since(client, "work-orders", later)
    assert (told["id"], told["state"]) == (placed["id"], "cancelled")
    assert told["changed_at"] > placed["changed_at"]


def test_a_calibration_known_already_is_not_told_again(client, story):
    first = client.get(f"/v1/calibrations/{story.meter}")

    again = client.get(
        f"/v1/calibrations/{story.meter}", headers={"if-none-match": first.headers["etag"]}
    )

    assert (again.status_code, again.content) == (304, b"")


def test_the_book_of_certificates_is_for_who_is_in_it(browser, client, story):
    assert browser().get("/v1/certificates").status_code == 401
    assert browser().get("/v1/certificates", params={"serial_number": "SN meter"}).json()


# --- The look-ups that anyone asks ---------------------------------------------------------------


def test_a_plain_look_up_is_told_what_its_route_tells(client, browser, story):
    """With a cookie the route answers, without one the middleware before it."""
    for path in ("/v1/certificates?serial_number=SN%20meter",
                 "/v1/certificates?serial_number=SN+meter",
                 f"/v1/certificates/{story.number}/status",
                 f"/v1/certificates/{story.number.lower()}/status"):  # fmt: skip
        quick, routed = browser().get(path), client.get(path)

        said, of_the_route = quick.json(), routed.json()
        if "status" in path:  # signed twice, so by two signatures
            by = {told.pop("signature")["seal_sha256"] for told in (said, of_the_route)}
            assert len(by) == 1
        assert said == of_the_route, path
        for name in ("content-type", "x-content-type-options", "ratelimit-limit", "x-request-id"):
            assert name in quick.headers


def test_what_is_not_plain_goes_on_to_the_routes(browser, client, story):
    nobody = browser()

    assert nobody.get("/v1/certificates?serial_number=").status_code == 422
    assert nobody.get("/v1/certificates/LAB-2026-99999-A/status").json()["status"] == "unknown"
    earlier = nobody.get(f"/v1/certificates/{story.number}/status?on=2026-02-28").json()
    assert earlier["status"] == "not_yet_issued"
    wrong = {"authorization": "Bearer suyuan_x"}
    assert nobody.get("/v1/certificates?serial_number=SN+meter", headers=wrong).status_code == 401
    assert nobody.post("/v1/certificates?serial_number=SN+meter").status_code in (401, 422)
