"""A chain is unbroken when every reference was documented and fit for its use on that day.

A micrometer is calibrated against a working standard, which rests on a national standard.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from traceability.errors import InvalidValue, UnknownCalibration
from traceability.graph import (
    Break,
    Flaw,
    Link,
    MeasuringInterval,
    Reference,
    UncertaintyStatement,
    as_known,
    build_graph,
    find_breaks,
)

NATIONAL_STANDARD, WORKING_STANDARD, MICROMETER, CORRECTION = (UUID(int=n) for n in range(1, 5))
TO_25_MM = MeasuringInterval(lower=0, upper=25, unit="mm")


def statement(expanded_uncertainty):
    return UncertaintyStatement(
        model="absolute", coefficient=expanded_uncertainty, coverage_factor=2, unit="mm"
    )


@pytest.fixture
def links():
    return {
        NATIONAL_STANDARD: Link(
            calibration_id=NATIONAL_STANDARD,
            performed_on=date(2020, 1, 15),
            terminal_reason="si_realisation",
            interval=MeasuringInterval(lower=0, upper=0.1, unit="m"),
            uncertainty=UncertaintyStatement(
                model="relative", coefficient=1e-7, coverage_factor=2, unit="m"
            ),
        ),
        WORKING_STANDARD: Link(
            calibration_id=WORKING_STANDARD,
            performed_on=date(2024, 6, 3),
            valid_until=date(2026, 6, 2),
            interval=MeasuringInterval(lower=0.5, upper=100, unit="mm"),
            uncertainty=statement(0.0002),
            references=(
                Reference(
                    position=0,
                    reference_id=NATIONAL_STANDARD,
                    at_value=0.05,
                    at_unit="m",
                    user_value=50,
                    user_unit="mm",
                    conversion_factor=1000,
                    interval=MeasuringInterval(lower=0.5, upper=100, unit="mm"),
                    contributed_standard_uncertainty=2.5e-6,
                ),
            ),
        ),
        MICROMETER: Link(
            calibration_id=MICROMETER,
            performed_on=date(2026, 6, 2),
            interval=TO_25_MM,
            uncertainty=statement(0.002),
            references=(
                Reference(
                    position=0,
                    reference_id=WORKING_STANDARD,
                    basis="U",
                    ratio=0.05,
                    ratio_limit=1 / 3,
                    at_value=25,
                    at_unit="mm",
                    user_value=25,
                    user_unit="mm",
                    interval=MeasuringInterval(lower=0.5, upper=25, unit="mm"),
                    contributed_standard_uncertainty=0.0001,
                ),
            ),
        ),
    }


def breaks(links, on=None):
    return find_breaks(build_graph(links.values()), MICROMETER, on=on)


def with_changed_use(links, **changes):
    """Return the links with another use of the working standard by the micrometer."""
    link = links[MICROMETER]
    return links | {MICROMETER: replace(link, references=(replace(link.references[0], **changes),))}


def flaw_of_use(flaw, **numbers):
    return Break(flaw=flaw, calibration_id=MICROMETER, reference_id=WORKING_STANDARD, **numbers)


def test_a_reference_is_still_valid_on_its_last_day(links):
    assert breaks(links) == ()


def test_one_day_later_the_chain_is_broken_at_that_use(links):
    late = replace(links[MICROMETER], performed_on=date(2026, 6, 3))

    found = breaks(links | {MICROMETER: late})

    assert found == (flaw_of_use(Flaw.REFERENCE_NOT_VALID_WHEN_USED),)


def test_a_reference_calibrated_only_afterwards_breaks_the_chain(links):
    early = replace(links[MICROMETER], performed_on=date(2024, 6, 2))

    found = breaks(links | {MICROMETER: early})

    assert found == (flaw_of_use(Flaw.REFERENCE_LATER_THAN_USER),)


def test_a_reference_nobody_documented_breaks_the_chain(links):
    del links[NATIONAL_STANDARD]

    found = breaks(links)

    assert found == (
        Break(
            flaw=Flaw.UNDOCUMENTED,
            calibration_id=WORKING_STANDARD,
            reference_id=NATIONAL_STANDARD,
        ),
    )


def test_a_chain_that_ends_at_an_unrecognized_calibration_is_broken_there(links):
    links[NATIONAL_STANDARD] = replace(links[NATIONAL_STANDARD], terminal_reason=None)

    found = breaks(links)

    assert found == (Break(flaw=Flaw.NO_PATH_TO_ROOT, calibration_id=NATIONAL_STANDARD),)


def test_an_expired_link_breaks_only_the_chain_asked_about_that_day(links):
    day = date(2026, 6, 3)

    found = breaks(links, on=day)

    assert breaks(links) == ()
    assert found == (Break(flaw=Flaw.NOT_VALID_ON_DATE, calibration_id=WORKING_STANDARD),)


def test_a_reference_superseded_before_its_use_breaks_the_chain(links):
    links[WORKING_STANDARD] = replace(
        links[WORKING_STANDARD],
        superseded_at=datetime(2026, 6, 1, 9, tzinfo=UTC),
        successor_id=CORRECTION,
    )

    assert breaks(links) == (flaw_of_use(Flaw.SUPERSEDED_WHEN_USED),)


def test_a_correction_after_the_use_leaves_the_chain_as_it_was(links):
    links[WORKING_STANDARD] = replace(
        links[WORKING_STANDARD],
        superseded_at=datetime(2026, 8, 1, 9, tzinfo=UTC),
        successor_id=CORRECTION,
    )

    assert breaks(links) == ()


def test_a_reference_withdrawn_after_its_use_breaks_the_chain_once_that_is_known(links):
    withdrawn_at = datetime(2026, 8, 1, 9, tzinfo=UTC)
    links[WORKING_STANDARD] = replace(links[WORKING_STANDARD], superseded_at=withdrawn_at)
    the_day_before = datetime(2026, 7, 31, 9, tzinfo=UTC)
    earlier = {link.calibration_id: link for link in as_known(links.values(), the_day_before)}

    assert breaks(links) == (flaw_of_use(Flaw.WITHDRAWN_AFTER_USE),)
    assert breaks(earlier) == ()


def test_a_calibration_recorded_later_was_not_known_before(links):
    links[MICROMETER] = replace(links[MICROMETER], recorded_at=datetime(2026, 6, 5, 8, tzinfo=UTC))

    known = as_known(links.values(), datetime(2026, 6, 4, 8, tzinfo=UTC))

    assert {link.calibration_id for link in known} == {NATIONAL_STANDARD, WORKING_STANDARD}


def test_a_laboratory_without_authorisation_that_day_breaks_the_chain(links):
    links[WORKING_STANDARD] = replace(links[WORKING_STANDARD], laboratory_authorised=False)

    found = breaks(links)

    assert found == (Break(flaw=Flaw.LABORATORY_NOT_AUTHORISED, calibration_id=WORKING_STANDARD),)


def test_units_must_meet_at_both_ends_of_an_edge(links):
    in_metres = with_changed_use(links, at_unit="m")

    assert breaks(in_metres) == (flaw_of_use(Flaw.UNIT_MISMATCH),)


def test_a_conversion_lets_metres_serve_millimetres(links):
    unconverted = replace(links[WORKING_STANDARD].references[0], conversion_factor=None)
    links[WORKING_STANDARD] = replace(links[WORKING_STANDARD], references=(unconverted,))

    found = breaks(links)

    assert [b.flaw for b in found] == [Flaw.UNIT_MISMATCH]


def test_a_point_below_the_calibrated_interval_is_not_covered(links):
    assert breaks(with_changed_use(links, interval=TO_25_MM)) == (
        flaw_of_use(Flaw.RANGE_NOT_COVERED),
    )


def test_a_named_method_carries_the_value_outside_the_interval(links):
    assert breaks(with_changed_use(links, interval=TO_25_MM, extension="ratio")) == ()


def test_a_ratio_over_its_rule_breaks_the_chain_with_its_numbers(links):
    found = breaks(with_changed_use(links, ratio=0.4))

    assert found == (flaw_of_use(Flaw.RATIO_EXCEEDS_RULE, ratio=0.4, ratio_limit=1 / 3),)
    assert found[0].subjects == (MICROMETER,)


def test_a_ratio_equal_to_its_rule_within_the_recorded_digits_is_kept(links):
    assert breaks(with_changed_use(links, ratio=0.333334, ratio_limit=0.333333)) == ()


def test_an_uncertainty_smaller_than_what_its_reference_contributes_is_a_break(links):
    links[MICROMETER] = replace(links[MICROMETER], uncertainty=statement(0.00019))

    found = breaks(links)

    assert found == (Break(flaw=Flaw.UNCERTAINTY_BELOW_REFERENCE, calibration_id=MICROMETER),)


def test_what_a_certificate_does_not_say_is_no_break(links):
    silent = Reference(position=0, reference_id=WORKING_STANDARD)
    links[MICROMETER] = replace(links[MICROMETER], references=(silent,), uncertainty=None)

    assert breaks(links) == ()


def test_one_standard_used_twice_in_a_calibration_makes_two_edges(links):
    first = links[MICROMETER].references[0]
    twice = (first, replace(first, position=1, ratio=0.5))
    links[MICROMETER] = replace(links[MICROMETER], references=twice)

    assert build_graph(links.values()).number_of_edges(MICROMETER, WORKING_STANDARD) == 2
    assert [b.ratio for b in breaks(links)] == [0.5]


def test_the_chain_of_a_calibration_nobody_knows_cannot_be_asked(links):
    with pytest.raises(UnknownCalibration):
        find_breaks(build_graph(links.values()), CORRECTION)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e-6])
def test_an_uncertainty_that_is_no_magnitude_is_refused_by_name(number):
    with pytest.raises(InvalidValue) as refused:
        Reference(position=0, reference_id=NATIONAL_STANDARD, standard_uncertainty=number)

    assert refused.value.field == "standard_uncertainty"


def test_an_interval_upside_down_is_refused():
    with pytest.raises(InvalidValue, match="upper"):
        MeasuringInterval(lower=1, upper=0, unit="mm")


def test_a_coverage_factor_of_zero_is_refused():
    with pytest.raises(InvalidValue, match="coverage_factor"):
        UncertaintyStatement(model="absolute", coefficient=1, coverage_factor=0, unit="mm")
