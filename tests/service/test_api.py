"""A program asks the demonstration's API, on both engines.

It is 21 November 2026, and the program acts as the power plant's first metrologist. The gauge
with the serial number 0083105 was verified last on 12 June, against the plant's pressure module.
"""

import json

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from service.app import create_app
from service.demo.world import identifier, moment
from service.settings import Settings
from service.store import calibrations as calibration_store
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client, live_story

GAUGE = identifier("TPP.PG.05")
VERIFIED_IN_JUNE = identifier("ev:TPP.PG.05:2026-06-12")
MODULE_IN_MARCH = identifier("ev:TPP.PRES.M25:2026-03-17")
NOBODY = identifier("nobody")
CHAIN = "/v1/calibrations/{}/traceability-chain"
PROBLEM = "application/problem+json"
FORMS = {
    "application/json": "json",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/xml": "xml",
    "text/plain": "proof",
}


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        yield client


def test_a_serial_number_finds_none_one_or_many_certificates(client):
    def find(serial_number):
        answer = client.get("/v1/certificates", params={"serial_number": serial_number})
        assert answer.status_code == 200
        return answer.json()

    many = find("0012847")
    history = find("0083105")

    assert find("0083105X") == []
    assert len(find("KS25-0417")) == 6
    assert len({row["manufacturer_en"] for row in many}) == 2
    assert [row["issued_on"] for row in history] == sorted(
        (row["issued_on"] for row in history), reverse=True
    )
    assert {row["status"] for row in history} == {"issued"}
    assert client.get("/v1/certificates").json() != []  # without one: those of the own book
    assert "0083105" not in json.dumps(history)  # the directory is no list of serial numbers


def test_a_certificate_is_told_in_the_form_that_is_accepted(demo, client):
    story = live_story(demo, client)
    address = f"/v1/certificates/{story.certificate.number}"

    for media_type, form in FORMS.items():
        answer = client.get(address, headers={"accept": media_type})
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == media_type
        assert answer.headers["vary"].startswith("Accept")
        assert answer.content == story.files[form]
    preferred = client.get(
        address, headers={"accept": "image/png, application/pdf;q=0.5, */*;q=0.1"}
    )
    assert preferred.headers["content-type"] == "application/pdf"

    for unknown, status in (
        (client.get(address, headers={"accept": "image/png"}), 406),
        (client.get("/v1/certificates/TPP-2026-00011"), 406),  # on paper
        (client.get("/v1/certificates/STL-2026-00016"), 404),  # another's
        (client.get("/v1/certificates/NOBODY-2026-00001"), 404),
    ):
        assert unknown.status_code == status
        assert unknown.headers["content-type"] == PROBLEM
        assert unknown.json()["status"] == status


def test_an_item_is_told_with_its_history(client):
    item = client.get(f"/v1/items/{GAUGE}").json()

    assert item["serial_number"] == "0083105"
    assert len(item["calibrations"]) == 8
    assert item["calibrations"][0]["id"] == str(VERIFIED_IN_JUNE)
    assert item["calibrations"][0]["certificate_number"] == "TPP-2026-00011"
    for nothing in (NOBODY, identifier("STL.PG.02")):
        answer = client.get(f"/v1/items/{nothing}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == PROBLEM


def test_a_chain_is_told_as_used_on_a_day_and_as_known_at_a_moment(client):
    address = CHAIN.format(VERIFIED_IN_JUNE)

    as_used = client.get(address).json()
    later = client.get(address, params={"on": "2027-09-01"}).json()
    known_before = client.get(address, params={"known_at": moment("2026-06-11").isoformat()})
    known_after = client.get(address, params={"known_at": moment("2026-06-12").isoformat()})

    assert as_used["unbroken"] is True
    assert as_used["breaks"] == []
    assert [found["flaw"] for found in later["breaks"]] == ["not_valid_on_date"] * 4
    assert known_before.status_code == 404
    assert known_after.json()["breaks"] == []
    assert client.get(CHAIN.format(NOBODY)).status_code == 404
    assert pointers_of(client.get(address, params={"on": "soon"})) == ["/on"]


def pointers_of(answer):
    assert answer.headers["content-type"] == PROBLEM
    return [error["pointer"] for error in answer.json()["errors"]]


def work(**changes):
    """Return a verification of the gauge against the module, on the day."""
    said = {
        "item_id": str(GAUGE),
        "kind": "verification",
        "performed_on": "2026-11-21",
        "procedure_code": "JJG 52",
        "record_number": "R-1",
        "interval": {"lower": 0.4, "upper": 1.6, "unit": "MPa"},
        "uncertainty": {"model": "absolute", "coefficient": 0.007, "coverage_factor": 2},
        "uses": [use()],
        "results": [result()],
    }
    return said | changes


def use(**changes):
    said = {
        "reference_id": str(MODULE_IN_MARCH),
        "method_zh": "直接比较法",
        "method_en": "direct comparison",
    }
    return said | changes


def result(**changes):
    said = {
        "measurand": "error_of_indication",
        "unit": "MPa",
        "nominal": "0.80",
        "estimate": "0.010",
        "expanded_uncertainty": "0.0070",
        "coverage_factor": 2,
    }
    return said | changes


LATER_THAN_ITS_USER = work(performed_on="2026-03-16")
REFUSED = {
    "an estimate that is not a number": (
        work(results=[result(estimate=float("nan"))]), 422, "/results/0/estimate",
    ),
    "an infinite nominal value": (
        work(results=[result(), result(nominal="Infinity")]), 422, "/results/1/nominal",
    ),
    "a negative U": (
        work(results=[result(expanded_uncertainty="-0.0070")]), 422,
        "/results/0/expanded_uncertainty",
    ),
    "an infinite interval": (
        work(interval={"lower": 0.4, "upper": float("inf"), "unit": "MPa"}), 422,
        "/interval/upper",
    ),
    "a negative U over the interval": (
        work(uncertainty={"model": "absolute", "coefficient": -0.007, "coverage_factor": 2}), 422,
        "/uncertainty/coefficient",
    ),
    "a reference that is not a number": (
        work(uses=[use(at_value=float("nan"))]), 422, "/uses/0/at_value",
    ),
    "a reference later than its user": (
        LATER_THAN_ITS_USER, 422, "/uses/0/reference_id",
    ),
    "a reference to itself": (
        work(id=str(NOBODY), uses=[use(reference_id=str(NOBODY))]), 422, "/uses",
    ),
    "a field that does not exist": (
        work(uncertainity=0.007), 422, "/uncertainity",
    ),
}  # fmt: skip


def test_bad_input_is_refused_with_a_pointer_and_nothing_is_written(client):
    before = book_of(client)

    for title, (said, status, pointer) in REFUSED.items():
        answer = client.post(
            "/v1/calibrations",
            content=json.dumps(said),  # which writes NaN and Infinity as other programs do
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == status, title
        assert pointers_of(answer) == [pointer], title
        assert answer.json()["type"].startswith("/problems/"), title

    assert book_of(client) == before


def test_a_calibration_is_recorded_and_traced(client):
    before = book_of(client)

    answer = client.post("/v1/calibrations", json=work())

    assert answer.status_code == 201, answer.text
    recorded = answer.json()
    assert recorded["performed_on"] == "2026-11-21"
    assert book_of(client) - before == {recorded["id"]}
    chain = client.get(CHAIN.format(recorded["id"])).json()
    assert chain["unbroken"] is True
    assert client.post("/v1/calibrations", json=work(id=recorded["id"])).status_code == 409


def book_of(client):
    """Return the ids of the plant's calibrations."""
    state = client.app.state
    with TenantSession(state.engine, identifier("TPP"), read_only=True) as session:
        links = calibration_store.own_links(session, known_at=state.clock())
    return {str(link.calibration_id) for link in links}


def test_a_service_says_that_it_lives_and_whether_it_is_ready(client, tmp_path):
    empty = create_app(Settings(database_url=f"sqlite:///{tmp_path}/empty.db",
                                lookup_key_file=tmp_path / "key"))  # fmt: skip

    not_ready = TestClient(empty).get("/readyz")
    empty.state.engine.dispose()

    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json()["status"] == "ready"
    assert not_ready.status_code == 503
    assert "suyuan db upgrade" in not_ready.json()["detail"]


def test_the_document_of_the_api_lists_every_route_and_describes_each(tmp_path):
    app = create_app(Settings(database_url="sqlite://", lookup_key_file=tmp_path / "key"))

    paths = TestClient(app).get("/openapi.json").json()["paths"]

    described = {
        (method.upper(), path): operation.get("description")
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert all(described.values())
    assert set(described) >= {
        ("GET", "/v1/certificates"),
        ("GET", "/v1/certificates/{number}"),
        ("GET", "/v1/items/{item_id}"),
        ("POST", "/v1/calibrations"),
        ("GET", "/v1/calibrations/{calibration_id}/traceability-chain"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }
    routes = {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        if context.path and context.path.startswith("/v1/") and context.methods
        for method in context.methods
    }
    assert routes - set(described) == {("GET", "/v1/certificates/certificate.css")}
    app.state.engine.dispose()
