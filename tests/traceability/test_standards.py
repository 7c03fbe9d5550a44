"""Which standards may serve a pressure gauge of 1.6 MPa, and what each reference contributes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from math import sqrt
from uuid import UUID

import pytest

from traceability.errors import InvalidValue
from traceability.graph import Link, MeasuringInterval, UncertaintyStatement
from traceability.standards import (
    Candidate,
    Ineligibility,
    MaximumPermissibleError,
    accuracy_ratio,
    propose_standards,
    reference_contribution,
)

TODAY = date(2026, 11, 21)
GAUGE_INTERVAL = MeasuringInterval(lower=0.2, upper=1.6, unit="MPa")
GAUGE_LIMIT = MaximumPermissibleError(model="absolute", coefficient=0.0256, unit="MPa")
# The coal materials certify C and S beside the calorific value: relative U of their own.
RELATIVE_U_OF_TRACKS = {"C": 0.007, "S": 0.02}


def calibrated(number, *, limit=0.00125, **changes):
    link = Link(
        calibration_id=UUID(int=number),
        performed_on=date(2026, 3, 17),
        valid_until=date(2027, 3, 16),
        interval=MeasuringInterval(lower=0.1, upper=2.5, unit="MPa"),
        uncertainty=UncertaintyStatement(
            model="absolute", coefficient=0.0005, coverage_factor=2, unit="MPa"
        ),
    )
    mpe = limit and MaximumPermissibleError(model="absolute", coefficient=limit, unit="MPa")
    return Candidate(link=replace(link, **changes), maximum_permissible_error=mpe)


def propose(*candidates, basis="MPE", ratio_limit=0.25, user_mpe=GAUGE_LIMIT, on=TODAY):
    return propose_standards(
        candidates,
        interval=GAUGE_INTERVAL,
        on=on,
        user_mpe=user_mpe,
        ratio_limit=ratio_limit,
        basis=basis,
    )


def test_the_storys_standard_is_eligible_with_its_ratio_shown():
    (proposal,) = propose(calibrated(1))

    assert proposal.eligible
    assert proposal.ratio == pytest.approx(0.00125 / 0.0256)
    assert proposal.ratio_limit == 0.25


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid_until": date(2026, 11, 20)}, Ineligibility.EXPIRED),
        ({"performed_on": date(2026, 11, 22)}, Ineligibility.NOT_YET_CALIBRATED),
        ({"superseded_at": datetime(2026, 5, 1, tzinfo=UTC)}, Ineligibility.SUPERSEDED),
        (
            {"interval": MeasuringInterval(lower=0.1, upper=1.0, unit="MPa")},
            Ineligibility.RANGE_NOT_COVERED,
        ),
        ({"interval": None}, Ineligibility.RANGE_NOT_COVERED),
    ],
)
def test_a_standard_is_refused_for_a_named_reason(changes, reason):
    (proposal,) = propose(calibrated(1, **changes))

    assert proposal.reasons == (reason,)


def test_a_standard_serves_on_its_last_day():
    (proposal,) = propose(calibrated(1), on=date(2027, 3, 16))

    assert proposal.eligible


def test_a_sealed_standard_is_out_of_service():
    (proposal,) = propose(replace(calibrated(1), state="sealed"))

    assert proposal.reasons == (Ineligibility.OUT_OF_SERVICE,)


def test_a_standard_in_another_unit_has_no_ratio():
    bar = MeasuringInterval(lower=1, upper=25, unit="bar")

    (proposal,) = propose(calibrated(1, interval=bar))

    assert proposal.ratio is None
    assert set(proposal.reasons) == {Ineligibility.UNIT_MISMATCH, Ineligibility.RATIO_UNKNOWN}


def test_a_standard_too_coarse_exceeds_the_ratio():
    (proposal,) = propose(calibrated(1, limit=0.01))

    assert proposal.reasons == (Ineligibility.RATIO_EXCEEDS_RULE,)
    assert proposal.ratio == pytest.approx(0.390625)


def test_a_standard_without_a_stated_uncertainty_is_unknown_not_perfect():
    (proposal,) = propose(calibrated(1, uncertainty=None), basis="U")

    assert set(proposal.reasons) == {
        Ineligibility.UNCERTAINTY_UNKNOWN,
        Ineligibility.RATIO_UNKNOWN,
    }
    assert proposal.ratio is None


def test_a_standard_whose_own_limit_nobody_told_is_said_to_lack_it():
    unlimited = replace(calibrated(1), maximum_permissible_error=None)

    (proposal,) = propose(unlimited, basis="MPE")

    assert set(proposal.reasons) == {
        Ineligibility.PERMISSIBLE_ERROR_UNKNOWN,
        Ineligibility.RATIO_UNKNOWN,
    }


def test_the_ratio_counts_where_it_is_worst():
    relative = MaximumPermissibleError(model="relative", coefficient=0.016, unit="MPa")

    (proposal,) = propose(calibrated(1), user_mpe=relative)

    assert proposal.ratio == pytest.approx(0.00125 / (0.016 * 0.2))


def test_the_best_standard_comes_first_and_the_ineligible_last():
    fine, usual, expired = (
        calibrated(1, limit=0.0005),
        calibrated(2),
        calibrated(3, limit=0.0001, valid_until=date(2026, 1, 1)),
    )
    longer = calibrated(4, valid_until=date(2027, 9, 1))

    proposals = propose(usual, expired, longer, fine)

    assert [p.candidate for p in proposals] == [fine, longer, usual, expired]


def test_ratio_of_weights_built_up_to_a_tonne():
    ratio = accuracy_ratio(
        basis_value=0.0003,  # kg, of one 20 kg weight
        at_value=20,
        user_limit=0.0005,  # t
        user_value=1,
        conversion_factor=0.001,
        extension="build_up",
    )

    assert ratio == pytest.approx(0.0003 * 50 * 0.001 / 0.0005)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_ratio_to_no_limit_cannot_be_asked(limit):
    with pytest.raises(InvalidValue, match="user_limit"):
        accuracy_ratio(basis_value=1, at_value=1, user_limit=limit, user_value=1)


def test_a_maximum_permissible_error_contributes_as_a_rectangle():
    u, contributed = reference_contribution(
        basis="MPE", basis_value=0.00125, at_value=0.8, user_value=0.8
    )

    assert u == contributed == pytest.approx(0.00125 / sqrt(3))


def test_every_stored_contribution_of_the_demonstration_world_is_reproduced(demo_nation):
    document = demo_nation.document
    items = {item["id"]: item for item in document["items"]}
    events = {event["id"]: event for event in document["events"]}
    rows = [row for event in document["events"] for row in event["references"]]

    for row in rows:
        used = events[row["event"]]
        statement = items[used["item"]]["U" if row["basis"] == "U" else "mpe"]
        if used["track"] in RELATIVE_U_OF_TRACKS:
            relative = RELATIVE_U_OF_TRACKS[used["track"]]
            statement = {"model": "relative", "coefficient": relative, "unit": "%"}
        limit = MaximumPermissibleError(
            model=statement["model"], coefficient=statement["coefficient"], unit=statement["unit"]
        )
        via = row["via"] or {"factor": None, "model_zh": ""}
        u, contributed = reference_contribution(
            basis=row["basis"],
            basis_value=limit.limit_at(row["at"]["value"]),
            at_value=row["at"]["value"],
            user_value=row["child_point"],
            conversion_factor=via["factor"],
            extension=None if "级差" in via["model_zh"] else row["extends"],
        )

        assert u == pytest.approx(row["u_reference"], rel=1e-4)
        assert contributed == pytest.approx(row["u_in_child"], rel=1e-4)
    assert len(rows) == 572


def test_every_stored_ratio_of_the_demonstration_world_is_reproduced(demo_nation):
    stored = {
        (demo_nation.id_of(event["id"]), position): row["ratio"]
        for event in demo_nation.document["events"]
        for position, row in enumerate(event["references"])
    }

    checked = 0
    for link in demo_nation.links:
        for reference in link.references:
            expected = stored[link.calibration_id, reference.position]
            assert reference.ratio == (
                None if expected is None else pytest.approx(expected, rel=1e-4, abs=2e-6)
            )
            checked += expected is not None
    assert checked == 479
