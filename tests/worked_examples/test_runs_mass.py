"""JJG 539 and 99: a scale and a weight, from readings to the verdict.

The weight is `weight_F1_from_E2` of `worked_examples.json`: 1 kg of class F1 against one of E2 that
is known to U = MPE/3, with u(buoyancy) = 0.1 mg, s = 0.3 mg in three comparisons and d = 0.1 mg.
"""

import json
from typing import Any

import pytest

from procedures.conformity import Verdict
from tests.worked_examples.runs import EDITIONS, passes, point, run, verdicts, without_error

SCALE: dict[str, Any] = {"accuracy_class": "Ⅲ", "e": 0.02, "max_capacity": 60.0}  # 3000 e


def scale_points(error=0.0, *, zero_error=0.0, loaded=None):
    """A scale of 60 kg whose indication jumps at half of e, with errors in kg."""
    points = without_error(
        "JJG 539-2016",
        **SCALE,
        readings=lambda row: _read(row.nominal, zero_error if row.nominal == 0.2 else error),
    )
    loaded = loaded or [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)]
    repeated = [_read(30.0, each) for each in loaded[0]]
    return [
        *points,
        point(
            30.0, test="repeatability",
            repeated_shown=[row["shown"] for row in repeated],
            repeated_added=[row["added"] for row in repeated],
        ),
        *(
            point(
                20.0, test="eccentricity", conditions={"position": str(place)},
                eccentric_shown=row["shown"], eccentric_added=row["added"],
            )
            for place, row in enumerate((_read(20.0, each) for each in loaded[1]), start=1)
        ),
    ]  # fmt: skip


def _read(load, error):
    """Return I and Δm of E = I + e/2 - Δm - m."""
    shown = load + round(error / SCALE["e"]) * SCALE["e"]
    return {"shown": shown, "added": shown + SCALE["e"] / 2 - load - error}


def scale_run(points, **changed):
    return run("JJG 539-2016", points=points, **(SCALE | changed))


def test_a_scale_with_small_errors_passes_for_a_year():
    result = scale_run(scale_points(0.008))

    assert passes(result)
    assert result.period_months == 12
    assert verdicts(result) == dict.fromkeys(
        ("error", "repeatability", "eccentricity"), Verdict.PASS
    )


def test_the_limit_climbs_in_steps_of_half_e():
    result = scale_run(scale_points())

    limits = {row.nominal: row.maximum_permissible_error for row in result.points}
    assert [limits[load] for load in (0.2, 10.0, 30.0, 40.0, 60.0)] == [
        *(0.01, 0.01),  # up to 500 e
        *(0.02, 0.02),  # up to 2000 e
        0.03,
    ]


def test_the_error_near_zero_is_taken_from_every_other():
    result = scale_run(scale_points(0.014, zero_error=0.005))

    values = {row.nominal: row.values[0].value for row in result.points if row.test == "main"}
    assert values[0.2] == 0.0
    assert values[60.0] == 0.009
    assert str(result.points[-1].values[0].reported) == "-0.004"  # to 0.1 e


def test_a_load_on_a_corner_and_a_wide_spread_fail_by_their_own_names():
    result = scale_run(scale_points(loaded=[(0.0, 0.012, 0.024), (0.0, 0.0, 0.022, 0.0)]))

    assert [check.name for check in result.failed_checks] == ["repeatability", "eccentricity"]


def test_in_use_a_scale_may_err_twice_as_much():
    points = scale_points(0.018)

    assert scale_run(points).verdict is Verdict.FAIL
    assert scale_run(points, options={"purpose": "in_use"}).verdict is Verdict.PASS


def test_a_scale_without_its_repeatability_cannot_have_an_uncertainty():
    points = [row for row in scale_points() if row.test != "repeatability"]

    with pytest.raises(Exception, match=r"further_tests\.repeatability: was not done"):
        scale_run(points)


WEIGHT = {"accuracy_class": "F1", "balance_s": 0.3, "balance_d": 0.1, "buoyancy": 0.1,
          "magnetism": 0.0}  # fmt: skip


def weight_run(deviation, *, nominal=1000.0, **changed):
    found = point(
        nominal,
        standard_deviation_from_nominal=0.4,
        difference=[deviation - 0.4] * 3,
        air_density=1.2,
        volume=125.0,
        standard_volume=127.0,
    )
    told = {"standard": {"expanded_uncertainty": 1.6 / 3}} | WEIGHT | changed
    return run("JJG 99-2022", points=[found], **told)


def test_the_uncertainty_of_a_weight_is_the_published_one(shared_dir):
    published = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))
    expected = published["weight_F1_from_E2"]

    result = weight_run(2.0)

    assert result.budget.combined_standard_uncertainty == pytest.approx(expected["uc"], abs=1e-12)
    assert result.expanded_uncertainty == pytest.approx(expected["U"], abs=1e-12)
    assert result.decisive.limit == expected["MPE_F1"]
    acceptance = result.decisive.limit - result.expanded_uncertainty
    assert acceptance == pytest.approx(expected["accept_if_|mc-m0|<="], abs=1e-9)


@pytest.mark.parametrize(
    ("deviation", "verdict"), [(4.3, Verdict.PASS), (-4.3, Verdict.PASS), (4.4, Verdict.FAIL)]
)
def test_a_weight_is_accepted_up_to_its_limit_less_u(deviation, verdict):
    assert weight_run(deviation).verdict is verdict


def test_a_kilogram_of_each_class_has_its_known_limit(shared_dir):
    published = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))

    limits = {
        row.name: row.figures["mpe_relative"] * 1e6 for row in EDITIONS["JJG 99-2022"].classes
    }
    assert {name: pytest.approx(limits[name]) for name in limits} == published["weights_1kg_mpe_mg"]


def test_below_100_g_the_limit_is_not_known_and_the_weight_not_judged():
    result = weight_run(0.0, nominal=50.0)

    assert result.verdict is Verdict.UNDETERMINED
    assert [row.field for row in result.objections] == ["checks.deviation.limit"]


def test_buoyancy_moves_the_mass_where_the_air_is_not_as_agreed():
    found = point(
        1000.0, standard_deviation_from_nominal=0.0, difference=[0.0, 0.0],
        air_density=1.15, volume=130.0, standard_volume=125.0,
    )  # fmt: skip

    result = run("JJG 99-2022", points=[found], standard={"expanded_uncertainty": 0.5}, **WEIGHT)

    assert result.decisive.value == -0.25
