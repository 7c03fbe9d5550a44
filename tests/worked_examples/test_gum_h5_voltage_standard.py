"""JCGM 100:2008, H.5: a Zener voltage standard observed on J = 10 days, K = 5 times a day.

Table H.9 prints each day's mean and experimental standard deviation, not its five readings. Five
readings that have exactly those two stand here in their place; nothing else of them is used.
"""

from math import sqrt

import pytest

from procedures.observations import one_way_anova

uV = 1e-6
DAYS = [  # mean of the day in V, standard deviation of its five readings in µV
    (10.000172, 60),
    (10.000116, 77),
    (10.000013, 111),
    (10.000144, 101),
    (10.000106, 67),
    (10.000031, 93),
    (10.000060, 80),
    (10.000125, 73),
    (10.000163, 88),
    (10.000041, 86),
]
READINGS = [[mean + s * uV * step for step in (-1, -1, 0, 1, 1)] for mean, s in DAYS]


@pytest.fixture
def anova():
    return one_way_anova(READINGS)


def test_table_h9_mean_and_standard_deviation_between_days(anova):
    between = sqrt(anova.mean_square_between / 5)  # s(V_j) of the ten daily means

    assert anova.mean == pytest.approx(10.000097, abs=5e-7)
    assert between == pytest.approx(57 * uV, abs=0.5 * uV)
    assert sqrt(anova.mean_square_between) == pytest.approx(128 * uV, abs=0.7 * uV)
    assert anova.standard_deviation_within == pytest.approx(85 * uV, abs=0.5 * uV)
    assert (anova.degrees_of_freedom_between, anova.degrees_of_freedom_within) == (9, 40)


def test_h_5_2_3_the_day_matters_at_95_percent_but_not_at_97_5(anova):
    # F = 2.25 against 2.12 and 2.45
    assert anova.f_statistic == pytest.approx(2.25, abs=0.03)
    assert anova.critical_f(significance=0.05) == pytest.approx(2.12, abs=0.005)
    assert anova.critical_f(significance=0.025) == pytest.approx(2.45, abs=0.005)


def test_h_5_2_4_the_day_is_a_contribution_of_its_own(anova):
    mean = anova.mean_of_all(significance=0.05)

    assert anova.standard_deviation_between == pytest.approx(43 * uV, abs=0.5 * uV)
    assert mean.standard_uncertainty == pytest.approx(18 * uV, abs=0.5 * uV)
    assert mean.degrees_of_freedom == 9


def test_h_5_2_5_or_the_fifty_readings_are_one_sample(anova):
    mean = anova.mean_of_all(significance=0.025)

    assert mean.standard_uncertainty == pytest.approx(13 * uV, abs=0.5 * uV)
    assert mean.degrees_of_freedom == 49
