"""A metrologist of the power plant asks whether its pressure module serves to measure 0.8 MPa.

The module TPP.PRES.M25 (0.04 MPa to 2.5 MPa) was verified on 17 March 2026 and holds until
16 March 2027; U = 0.000 63 MPa (k = 2).
"""

from math import hypot

import pytest

from service.demo.world import identifier
from tests.service.nation import act_for, doors_of_the_network

MODULE = identifier("TPP.PRES.M25")


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with doors_of_the_network(demo, database, keys, tmp_path) as client:
        act_for(client, "TPP")
        yield client


def fitness_of(doors, item_id=MODULE, **changes):
    asked = {"quantity": "pressure", "at": 0.8, "required_u": 0.001, "on": "2026-11-21"} | changes
    given = {name: value for name, value in asked.items() if value is not None}
    return doors.get(f"/v1/items/{item_id}/fitness", params=given)


def test_a_module_serves_what_it_is_good_for(doors):
    said = fitness_of(doors).json()

    assert said["fit"] is True
    assert said["reasons"] == said["breaks"] == []
    assert said["calibration_id"] == str(identifier("ev:TPP.PRES.M25:2026-03-17"))
    assert said["certificate_number"] == "PROV-2026-00016"
    assert said["calibrated_standard_uncertainty"] == pytest.approx(0.00063 / 2)
    assert said["predicted_standard_uncertainty"] is None
    assert said["unit"] == "MPa"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"required_u": 0.0001}, ["uncertainty_too_large"]),
        ({"at": 3.0}, ["range_not_covered"]),
        ({"on": "2027-03-16"}, []),
        ({"on": "2027-03-17"}, ["expired"]),
        ({"on": "2020-01-01"}, ["not_calibrated"]),
        ({"unit": "kPa"}, ["unit_mismatch", "uncertainty_unknown"]),
        ({"known_at": "2020-01-01T00:00:00Z"}, ["not_calibrated"]),
        ({"drift_u_per_year": 0.01}, ["uncertainty_too_large"]),
    ],
)
def test_each_reason_against_it_is_given(doors, changes, reasons):
    said = fitness_of(doors, **changes).json()

    assert said["reasons"] == reasons
    assert said["fit"] is (not reasons)


def test_the_uncertainty_is_predicted_where_the_drift_is_known(doors):
    said = fitness_of(doors, drift_u_per_year=0.0005).json()

    years = 249 / 365.25  # from 17 March to 21 November 2026
    u = said["calibrated_standard_uncertainty"]
    assert said["predicted_standard_uncertainty"] == pytest.approx(hypot(u, 0.0005 * years))


def test_fitness_without_a_day_cannot_be_asked(doors):
    answer = fitness_of(doors, on=None)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/on"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"quantity": "temperature"}, "/quantity"),
        ({"required_u": 0}, "/required_u"),
        ({"required_u": "inf"}, "/required_u"),
        ({"at": "nan"}, "/at"),
        ({"drift_u_per_year": -1}, "/drift_u_per_year"),
        ({"known_at": "2026-01-01T00:00:00"}, "/known_at"),
    ],
)
def test_what_is_wrong_is_pointed_at(doors, changes, pointer):
    answer = fitness_of(doors, **changes)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_foreign_item_is_not_there(doors):
    assert fitness_of(doors, item_id=identifier("CEM.PRES.D")).status_code == 404
