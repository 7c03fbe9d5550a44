"""A program orders, fills in and submits a verification over the API, on both engines.

It is 21 November 2026 at the power plant; the program acts as the plant's first metrologist, and
then as its checker and its approver. Another gauge of this type was verified by the story.
"""

from base64 import b64encode

import pytest

from service.auth import ACTING_COOKIE
from service.demo.world import identifier
from tests.service.demonstration import demonstration_client, live_story

GAUGE = identifier("TPP.PG.06")
PLANT = identifier("TPP")
METROLOGIST, CHECKER, APPROVER, KEEPER = (identifier(f"person:TPP:{n}") for n in (1, 2, 3, 4))
MODULE_IN_MARCH = identifier("ev:TPP.PRES.M25:2026-03-17")
PIXEL = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
READ = {
    "0": "0.00 0.00 0.00 0.00",
    "0.4": "0.41 0.41 0.41 0.41",
    "0.8": "0.82 0.81 0.82 0.82",
    "1.2": "1.21 1.21 1.22 1.22",
    "1.6": "1.61 1.61 1.61 1.61",
}


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        live_story(demo, client)
        yield client


def act_as(client, person):
    client.cookies.set(ACTING_COOKIE, f"{PLANT}.{person}")


def post(client, path, said=None, *, status=200, **headers):
    answer = client.post(f"/v1{path}", json=said or {}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
def line(client):
    """The gauge on the bench of the first metrologist."""
    asked = {"items": [{"item_id": str(GAUGE), "procedure_code": "JJG 52"}]}
    order = post(client, "/work-orders", asked, status=201)
    post(client, f"/work-orders/{order['id']}/answer", {"accepts": True})
    line = f"/work-orders/lines/{order['items'][0]['id']}"
    post(client, f"{line}/reception", {"condition": "sound", "photos": [PIXEL]})
    loads = client.get("/v1/work-orders/loads", params={"procedure_code": "JJG 52"}).json()
    given = {row["person_id"]: row["items"] for row in loads}  # one was measured in the story
    assert given == {str(METROLOGIST): 1, str(CHECKER): 0, str(APPROVER): 0}
    assigned = {"person_id": str(METROLOGIST), "planned_on": "2026-11-21"}
    post(client, f"{line}/assignment", assigned)
    return order["items"][0]["id"]


def filled_in(client, line):
    """Return the worksheet as it is opened, with the readings of the worked example."""
    answer = client.get(f"/v1/worksheets/{line}")
    sheet = answer.json()["sheet"]
    for row in sheet["rows"]:
        row.pop("standard")
        row["readings"] = dict(zip(row["readings"], READ[row["nominal"]].split(), strict=True))
    return answer, {name: value for name, value in sheet.items() if value is not None}


def test_from_order_to_certificate_over_the_api(client, line):
    for condition, value, unit in (("temperature", 20.6, "°C"), ("humidity", 48, "%")):
        said = {"condition": condition, "value": value, "unit": unit}
        post(client, "/environment-readings", said, status=201)
    opened, sheet = filled_in(client, line)
    told = opened.json()

    # 1 all but the readings is filled in
    assert opened.headers["etag"] == '"0"'
    assert told["revision"] == 0
    assert sheet["accuracy_class"] == "1.6"
    assert sheet["parameters"]["division"] == "0.05"
    assert sheet["environment"] == {"temperature": "20.6", "humidity": "48", "rest_time": "0.0"}
    assert sheet["standard"] == str(MODULE_IN_MARCH)
    best = told["standards"][0]
    assert best["ratio"] == pytest.approx(0.00125 / 0.0256, rel=1e-3)
    assert best["test_uncertainty_ratio"] > 4
    assert best["reasons"] == []
    assert told["evaluation"]["verdict"] == "undetermined"

    # 2 it is judged while it is typed, and saved under its version
    address = f"/v1/worksheets/{line}"
    judged = post(client, f"/worksheets/{line}/evaluation", sheet)
    assert [problem["pointer"] for problem in judged["problems"]] == ["/environment/rest_time"]
    sheet["environment"]["rest_time"] = "2"
    assert client.put(address, json=sheet).status_code == 428
    saved = client.put(address, json=sheet, headers={"If-Match": '"0"'})
    assert saved.headers["etag"] == '"1"'
    stale = client.put(address, json=sheet, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert stale.json()["type"] == "/problems/stale-version"
    assert saved.json()["evaluation"]["verdict"] == "pass"
    assert len(client.get(f"{address}/revisions").json()) == 1

    # 3 it is submitted, signed by two others, and issued
    submitted = post(client, f"/worksheets/{line}/submission", status=201, **{"If-Match": '"1"'})
    assert submitted["verdict"] == "pass"
    again = client.post(f"{address}/submission", headers={"If-Match": '"1"'})
    assert again.status_code == 409
    own = client.post(
        f"/v1/work-orders/lines/{line}/signature", json={"meaning": "checked"}
    )  # fmt: skip
    assert own.status_code == 403
    for person, meaning in ((CHECKER, "checked"), (APPROVER, "approved")):
        act_as(client, person)
        post(client, f"/work-orders/lines/{line}/signature", {"meaning": meaning})
    certificate = post(client, f"/work-orders/lines/{line}/certificate", status=201)
    assert certificate["number"] == "TPP-2026-00027-D"
    act_as(client, KEEPER)
    done = post(client, f"/work-orders/lines/{line}/return", {"handed_to": "boiler house"})
    assert [step["state"] for step in done["steps"]][-3:] == ["approved", "issued", "returned"]
    assert client.get(f"/v1/work-orders/photos/{done['photo_ids'][0]}").headers["content-type"] == (
        "image/png"
    )
    listed = client.get("/v1/work-orders", params={"item_id": str(GAUGE)}).json()
    assert [order["state"] for order in listed] == ["returned"]


def test_what_is_wrong_with_a_worksheet_is_pointed_at(client, line):
    _, sheet = filled_in(client, line)
    sheet["rows"][2]["readings"]["up_after_tapping"] = "8.1"
    sheet["environment"] = {"temperature": "27", "humidity": "48", "rest_time": "2"}
    saved = client.put(f"/v1/worksheets/{line}", json=sheet, headers={"If-Match": '"0"'})
    assert saved.status_code == 200

    refused = client.post(f"/v1/worksheets/{line}/submission", headers={"If-Match": '"1"'})

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/environment/temperature",
        "/rows/2/up_after_tapping",
    ]
    (suspicion,) = saved.json()["evaluation"]["suspicions"]
    assert (suspicion["slip"], suspicion["meant"]) == ("decimal_point", "0.81")
    assert client.get(f"/v1/worksheets/{line}").json()["revision"] == 1


def test_an_unknown_field_or_a_number_that_is_none_is_no_worksheet(client, line):
    _, sheet = filled_in(client, line)
    address, read = f"/v1/worksheets/{line}", {"If-Match": '"0"'}

    unknown = client.put(address, json=sheet | {"verdict": "pass"}, headers=read)
    not_text = client.put(address, json=sheet | {"standard": 5}, headers=read)
    no_version = client.put(address, json=sheet, headers={"If-Match": "*"})

    assert [error["pointer"] for error in unknown.json()["errors"]] == ["/verdict"]
    assert [error["pointer"] for error in not_text.json()["errors"]] == ["/standard"]
    assert no_version.status_code == 412


def test_another_organizations_order_is_not_there(client, line):
    client.cookies.set(ACTING_COOKIE, f"{identifier('STL')}.{identifier('person:STL:1')}")

    for path in (f"work-orders/lines/{line}", f"worksheets/{line}"):
        assert client.get(f"/v1/{path}").status_code == 404
    assert client.get("/v1/work-orders").json() == []


def test_what_is_asked_of_the_laboratory_is_strict_until_it_says_otherwise(client):
    asked = client.get("/v1/work-orders/policy")
    assert asked.json()["signatories"] == 3
    said = {"signatories": 2, "items_a_day": 4, "reason": "two of us"}
    as_read = {"If-Match": asked.headers["etag"]}

    assert client.put("/v1/work-orders/policy", json=said).status_code == 428
    told = client.put("/v1/work-orders/policy", json=said, headers=as_read)

    assert told.json() == said
    assert client.put("/v1/work-orders/policy", json=said, headers=as_read).status_code == 412
    as_told, wrong = {"If-Match": told.headers["etag"]}, said | {"signatories": 1}
    answer = client.put("/v1/work-orders/policy", json=wrong, headers=as_told)
    assert answer.status_code == 422
