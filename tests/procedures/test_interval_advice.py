"""The law stands above every proposal, and what is not known is not made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.drift import ProposedInterval, Unanswered
from procedures.errors import InvalidInput
from procedures.interval_advice import Ground, advise

periods = st.none() | st.integers(1, 240)
proposals = st.builds(
    lambda months: ProposedInterval(
        years=months / 12, months=months, cautious_months=months, advised_months=months
    ),
    st.integers(0, 120),
) | st.sampled_from(Unanswered).map(lambda reason: ProposedInterval(reason=reason))


def advised(proposal, **changes):
    known = {"is_mandatory": False, "legal_months": None, "current_months": None} | changes
    return advise(proposal, **known)


def months(count):
    return ProposedInterval(
        years=count / 12, months=count, cautious_months=count, advised_months=count
    )


@given(proposals, periods, periods)
def test_a_mandatory_period_is_never_extended(proposal, legal, current):
    advice = advised(proposal, is_mandatory=True, legal_months=legal, current_months=current)

    cap = legal or current
    assert advice.months is None or (cap is not None and advice.months <= cap)


@given(proposals, periods, periods, st.booleans())
def test_a_month_that_is_advised_was_proposed_or_in_force(proposal, legal, current, is_mandatory):
    advice = advised(
        proposal, is_mandatory=is_mandatory, legal_months=legal, current_months=current
    )

    assert advice.months in (None, proposal.advised_months, legal, current)
    assert advice.months != 0


@pytest.mark.parametrize(
    ("proposal", "known", "expected", "ground"),
    [
        (months(30), {}, 30, Ground.STATISTICS),
        (months(30), {"current_months": 12}, 30, Ground.STATISTICS),
        (months(9), {"is_mandatory": True, "legal_months": 12}, 9, Ground.STATISTICS),
        (months(30), {"is_mandatory": True, "legal_months": 12}, 12, Ground.LEGAL_CAP),
        (
            months(30),
            {"is_mandatory": True, "current_months": 6},
            6,
            Ground.LEGAL_PERIOD_UNKNOWN,
        ),
        (months(30), {"is_mandatory": True}, None, Ground.LEGAL_PERIOD_UNKNOWN),
        (months(0), {"current_months": 12}, None, Ground.NOTHING_REACHES_THE_TARGET),
        (
            ProposedInterval(reason=Unanswered.TOO_FEW_CALIBRATIONS),
            {"legal_months": 24, "current_months": 12},
            12,
            Ground.KEPT,
        ),
        (ProposedInterval(reason=Unanswered.NO_HISTORY), {}, None, Ground.KEPT),
    ],
)
def test_each_ground(proposal, known, expected, ground):
    advice = advised(proposal, **known)

    assert (advice.months, advice.ground) == (expected, ground)


def test_a_period_of_no_months_is_refused():
    with pytest.raises(InvalidInput) as error:
        advised(months(3), legal_months=0)

    assert error.value.field == "legal_months"
