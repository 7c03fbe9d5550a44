"""Two gauges of the power plant were calibrated against one module: their errors are correlated.

What the module brought stands in both results as signed components, which a delivery carries
along under ids that only the laboratory may name.
"""

from datetime import date
from math import hypot, prod
from uuid import uuid4

import numpy as np
import pytest
from sqlmodel import select

from service.demo.world import identifier
from service.store import calibrations as calibration_store
from service.tables.calibrations import ResultInfluence
from service.tenancy import TenantSession
from tests.service import books
from tests.service.nation import act_for, doors_of_the_network

ONE, OTHER = "ev:TPP.PG.05:2026-06-12", "ev:TPP.PG.01:2026-09-11"
MODULE = "ev:TPP.PRES.M25:2026-03-17"
TRANSMITTER = "ev:TPP.PTX.01:2026-06-03"
CALIBRATOR = "ev:TPP.PRES.D:2026-01-19"
BALANCE = "ev:TPP.BAL.02:2026-04-06"
ELSEWHERE = "ev:CEM.PG.01:2026-11-20"


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with doors_of_the_network(demo, database, keys, tmp_path) as client:
        act_for(client, "TPP")
        yield client


def results_of(engine, code, *events):
    """Return the ids of the first result of each event, as a book has them."""
    with TenantSession(engine, identifier(code), read_only=True) as session:
        rows = calibration_store.results(session, *(identifier(event) for event in events))
    first = {row.calibration_id: str(row.id) for row in rows if row.position == 0}
    return [first[identifier(event)] for event in events]


def asked(doors, *ids, **query):
    return doors.post("/v1/covariances", json={"result_ids": ids}, params=query)


def share_of_its_reference(demo, event_id):
    """Return what part of u its reference brought into a result: the contribution over u."""
    event = next(row for row in demo.data["events"] if row["id"] == event_id)
    stated = next(row for row in demo.data["items"] if row["id"] == event["item"])["U"]
    (use,) = event["references"]
    value = abs(use["child_point"]) if stated["model"] == "relative" else 1
    return use["u_in_child"] / (stated["coefficient"] * value / stated["k"])


def test_two_gauges_of_one_module_are_correlated_as_the_analysis_says(doors, demo, engine):
    """ρ = (u₁/u(y₁))·(u₂/u(y₂)): each result depends on the module by its contribution."""
    ids = results_of(engine, "TPP", ONE, OTHER)

    said = asked(doors, *ids).json()

    analytic = share_of_its_reference(demo, ONE) * share_of_its_reference(demo, OTHER)
    assert said["correlation"][0][1] == pytest.approx(analytic, rel=1e-4)  # as recorded: 6 digits
    assert said["correlation"][0][0] == pytest.approx(1)
    u = [row["standard_uncertainty"] for row in said["results"]]
    assert said["covariance"][0][1] == pytest.approx(analytic * u[0] * u[1], rel=1e-4)


def test_the_matrix_is_that_of_the_stored_components(doors, engine):
    ids = results_of(engine, "TPP", ONE, OTHER, MODULE)
    with TenantSession(engine, identifier("TPP"), read_only=True) as session:
        rows = session.exec(select(ResultInfluence)).all()
    influences = sorted({row.influence_id for row in rows})
    stored = {(str(row.result_id), row.influence_id): row.component for row in rows}
    components = np.array([[stored.get((id_, i), 0.0) for i in influences] for id_ in ids])

    said = asked(doors, *ids).json()

    np.testing.assert_allclose(said["covariance"], components @ components.T, rtol=1e-12)
    assert [r["standard_uncertainty"] for r in said["results"]] == pytest.approx(
        [hypot(*row) for row in components]
    )


def test_the_shared_standard_is_named_with_its_share(doors, engine):
    said = asked(doors, *results_of(engine, "TPP", ONE, OTHER)).json()

    (pair,) = said["pairs"]
    (shared,) = pair["shared"]
    assert [row["id"] for row in shared["calibrations"]] == [str(identifier(MODULE))]
    assert shared["calibrations"][0]["certificate_number"] == "PROV-2026-00016"
    assert shared["share"] == pytest.approx(1)
    assert shared["covariance"] == pytest.approx(pair["covariance"])


def test_a_book_names_an_influence_only_if_it_may(doors, engine):
    """The laboratory names what it added to the module itself; the plant only counts it."""
    with TenantSession(engine, identifier("PROV"), read_only=True) as session:
        rows = calibration_store.results(session, identifier(MODULE))
    ids = [str(row.id) for row in rows[:2]]

    plant = asked(doors, *ids).json()["pairs"][0]["shared"]
    act_for(doors, "PROV")
    laboratory = asked(doors, *ids).json()["pairs"][0]["shared"]

    def names(shared):
        return [name["name_en"] for part in shared for name in part["influences"]]

    assert names(plant) == []
    assert names(laboratory) == ["PROV-2026-00016-R, its own contributions"]
    assert sum(part["unnamed"] for part in plant) == 1 + sum(part["unnamed"] for part in laboratory)


def test_what_the_book_has_only_by_name_is_the_ancestor_still(doors, demo, engine):
    """The gauge's module and the transmitter's calibrator were made from one piston gauge."""
    ids = results_of(engine, "TPP", ONE, TRANSMITTER)

    (pair,) = asked(doors, *ids).json()["pairs"]

    (shared,) = pair["shared"]
    assert [row["certificate_number"] for row in shared["calibrations"]] == ["NIM-2025-00011"]
    assert shared["unnamed"] >= 2  # the piston gauge's own, and what the nation brought
    used = (ONE, MODULE, TRANSMITTER, CALIBRATOR)
    analytic = prod(share_of_its_reference(demo, event) for event in used)
    assert pair["correlation"] == pytest.approx(analytic, rel=1e-4)


def test_what_shares_nothing_is_not_correlated(doors, engine):
    said = asked(doors, *results_of(engine, "TPP", ONE, BALANCE)).json()

    assert said["covariance"][0][1] == 0
    assert said["pairs"] == []


def test_an_unknown_uncertainty_makes_unknown_covariances_not_none(doors, engine):
    """Nobody evaluated the result: it has no components, and null is not 0."""
    with TenantSession(engine, identifier("TPP")) as session, session.begin():
        gauge = books.calibrate(
            session,
            "unknown",
            date(2026, 2, 1),
            results=(books.result(expanded_uncertainty=None, coverage_factor=None),),
        )
        unknown = str(calibration_store.results(session, gauge.id)[0].id)
    known = results_of(engine, "TPP", ONE)[0]

    said = asked(doors, known, unknown).json()

    assert said["covariance"][0][0] > 0
    assert said["covariance"][0][1] is None
    assert said["correlation"][1] == [None, None]
    assert said["results"][1]["standard_uncertainty"] is None


def test_foreign_results_are_not_there(doors, engine):
    foreign = results_of(engine, "CEM", ELSEWHERE)[0]
    mine = results_of(engine, "TPP", ONE)[0]

    for id_ in (foreign, str(uuid4())):
        answer = asked(doors, mine, id_)
        assert (answer.status_code, answer.json()["detail"]) == (404, f"no result {id_}")


def test_a_result_is_not_there_before_it_was_recorded(doors, engine):
    ids = results_of(engine, "TPP", ONE, OTHER)

    assert asked(doors, *ids, known_at="2026-09-30T00:00:00Z").status_code == 200
    assert asked(doors, *ids, known_at="2026-08-01T00:00:00Z").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"result_ids": []}, "/result_ids"),
        ({"result_ids": ["x"]}, "/result_ids/0"),
        ({"result_ids": [str(uuid4()) for _ in range(101)]}, "/result_ids"),
        ({"result_ids": [str(identifier("a"))] * 2}, "/result_ids/1"),
        ({"result_ids": [str(uuid4())], "units": "MPa"}, "/units"),
        ({}, "/result_ids"),
    ],
)
def test_what_is_wrong_is_pointed_at(doors, body, pointer):
    answer = doors.post("/v1/covariances", json=body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
