"""Numbers, dates, statuses, addresses and drawings as people read them."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from service.store.due import DueStatus, due_status
from service.web import addresses, fmt
from service.web.due import DueFilter
from service.web.i18n import speaking
from service.web.telling import decimal, expanded_uncertainty, findings_page, level_name
from service.web.views import (
    Bilingual,
    CertificateStatus,
    MeasuringInterval,
    certificate_status,
)
from service.web.viz import DriftPoint, draw_drift, draw_weeks, path, round_values
from service.web.words import sentence
from traceability.graph import Break, Flaw

TODAY = date(2026, 11, 21)


def plain(text: str) -> str:
    """Return a text with its narrow and thin spaces as ordinary ones."""
    return text.replace("\u202f", " ").replace("\u2009", " ")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("100.00025", "100.000 25"),
        ("-0.0256", "−0.0256"),
        ("1234", "1234"),
        ("12345.6", "12 345.6"),
        ("0.00021", "0.000 21"),
        ("0.000021", "2.1 × 10⁻⁵"),
        ("1.50E+7", "1.50 × 10⁷"),
        ("0.00", "0.00"),
        ("-0", "0"),
        ("1.20", "1.20"),
    ],
)
def test_a_number_keeps_its_digits(value, written):
    assert plain(fmt.number(Decimal(value))) == written


def test_four_digits_are_grouped_in_a_column():
    assert plain(fmt.number(Decimal(1234), column=True)) == "1 234"


def test_an_expanded_uncertainty_is_never_without_its_coverage_factor():
    stated = expanded_uncertainty(0.0069463, "MPa", 2.0, at=0.8)

    assert plain(fmt.expanded(stated)) == "0.0069 MPa (k = 2)"
    assert stated.relative == pytest.approx(0.0069463 / 0.8)


def test_an_uncertainty_of_one_digit_gets_no_second_one():
    assert expanded_uncertainty(0.007, "MPa", 2.0).value == Decimal("0.007")


def test_a_calculated_number_loses_the_noise_of_its_float():
    assert decimal(0.1 + 0.2) == Decimal("0.3")


def test_a_measuring_interval_of_one_value_is_that_value():
    one = MeasuringInterval(lower=Decimal(1), upper=Decimal(1), unit="kg")
    wide = MeasuringInterval(lower=Decimal("-0.1"), upper=Decimal("2.5"), unit="MPa")

    assert plain(fmt.interval(one)) == "1 kg"
    assert plain(fmt.interval(wide)) == "−0.1 – 2.5 MPa"


def test_a_date_is_written_in_the_language_being_spoken():
    with speaking("zh"):
        assert fmt.day(date(2026, 12, 8)) == "2026年12月8日"
    assert fmt.day(date(2026, 12, 8)) == "8 Dec 2026"


@pytest.mark.parametrize(
    ("valid_until", "status"),
    [
        (date(2026, 11, 20), CertificateStatus.EXPIRED),
        (date(2026, 11, 21), CertificateStatus.DUE_SOON),
        (date(2026, 12, 21), CertificateStatus.DUE_SOON),
        (date(2026, 12, 22), CertificateStatus.VALID),
        (None, CertificateStatus.VALID),
    ],
)
def test_a_certificate_is_valid_on_its_last_day(valid_until, status):
    assert certificate_status(TODAY, valid_until) == status


def test_a_withdrawal_weighs_more_than_an_amendment_and_both_more_than_a_date():
    assert certificate_status(TODAY, None, amended=True) == CertificateStatus.AMENDED
    assert (
        certificate_status(TODAY, None, amended=True, withdrawn=True) == CertificateStatus.WITHDRAWN
    )


@pytest.mark.parametrize(
    ("due_on", "status"),
    [
        (date(2026, 11, 20), DueStatus.OVERDUE),
        (date(2026, 11, 21), DueStatus.WITHIN_30),
        (date(2026, 12, 22), DueStatus.WITHIN_60),
        (date(2027, 1, 20), DueStatus.WITHIN_60),
        (date(2027, 1, 21), DueStatus.WITHIN_90),
        (date(2027, 2, 20), DueStatus.LATER),
        (None, DueStatus.NONE),
    ],
)
def test_an_item_is_overdue_from_the_day_after_its_due_date(due_on, status):
    assert due_status(TODAY, due_on) == status


def test_a_stored_item_is_stored_whatever_its_date():
    assert due_status(TODAY, None, is_stopped=True) == DueStatus.STOPPED


def test_a_number_with_signs_of_its_own_stays_one_part_of_an_address():
    assert addresses.certificate("a b?#号") == "/c/a%20b%3F%23%E5%8F%B7"
    assert addresses.lookup("a&b") == "/find?q=a%26b"


def test_asking_for_the_same_column_again_turns_the_list_round():
    by_name = DueFilter(sort="name", status="overdue", page=3)

    assert by_name.address(sort="name") == "/due?status=overdue&sort=name&descending=1"
    assert by_name.address(sort="due") == "/due?status=overdue"
    assert by_name.address(page=2) == "/due?status=overdue&sort=name&page=2"
    assert by_name.address(status="") == "/due?sort=name"


def test_the_weeks_are_drawn_to_a_scale_that_begins_at_nought():
    weeks = [(date(2026, 11, 16), {"verification": 6, "maintenance": 2}),
             (date(2026, 11, 23), {}), (date(2026, 11, 30), {"verification": 16})]  # fmt: skip

    plot = draw_weeks(weeks, capacity=14, width=900, height=200)

    assert [bar.total for bar in plot.bars] == [8, 0, 16]
    assert [bar.is_over for bar in plot.bars] == [False, False, True]
    heights = [sum(height for _, _, height, _ in bar.parts) for bar in plot.bars]
    assert heights[2] == pytest.approx(2 * heights[0])
    assert plot.capacity_y is not None
    assert plot.bars[2].top < plot.capacity_y < plot.bars[0].top
    assert [int(tick.value) for tick in plot.values] == [0, 5, 10, 15, 20]


def test_no_capacity_on_record_draws_no_line():
    assert draw_weeks([(TODAY, {})], capacity=None, width=300, height=100).capacity_y is None


def test_a_chain_is_asked_for_on_a_day():
    assert addresses.chain(UUID(int=1), TODAY).endswith("0001/chain?on=2026-11-21")


def _point(day: date, error: str) -> DriftPoint:
    return DriftPoint(
        on=day,
        error=Decimal(error),
        expanded_uncertainty=Decimal("0.007"),
        coverage_factor=Decimal(2),
    )


def test_a_drift_is_drawn_inside_its_box_in_the_order_of_days():
    days = [date(2026, 6, 12), date(2025, 6, 12), date(2024, 6, 12)]
    plot = draw_drift([_point(day, "0.01") for day in days], today=TODAY, limit=Decimal("0.0256"))

    xs = [mark.x for mark in plot.marks]
    assert xs == sorted(xs)
    assert all(plot.left < x < plot.right for x in [*xs, plot.today_x])
    assert plot.due_x is None
    assert plot.limit_ys is not None
    assert plot.top < plot.limit_ys[0] < plot.marks[0].upper_y < plot.marks[0].y
    assert plot.limit_ys[1] < plot.bottom
    assert len(plot.joins) == 2


def test_a_drift_of_zeros_without_a_limit_can_be_drawn():
    point = DriftPoint(
        on=TODAY, error=Decimal(0), expanded_uncertainty=Decimal(0), coverage_factor=Decimal(2)
    )

    assert draw_drift([point], today=TODAY).marks[0].y == pytest.approx((16 + 300) / 2)


def test_no_point_cannot_be_drawn():
    with pytest.raises(ValueError, match="no point"):
        draw_drift([], today=TODAY)


@pytest.mark.parametrize("reach", [3e-7, 0.045, 0.9, 7.0, 1234.0])
def test_values_on_the_axis_are_round_symmetric_and_within_reach(reach):
    values = round_values(reach)

    assert values == tuple(-value for value in reversed(values))
    assert 3 <= len(values) <= 7
    assert max(values) <= reach


def test_a_line_turns_with_round_corners():
    assert path([(10, 0), (10, 40), (90, 40)]) == "M10 0L10 32Q10 40 18 40L90 40"
    assert path([(0, 0), (0, 9)]) == "M0 0L0 9"


def test_a_level_that_we_do_not_know_keeps_its_name():
    assert level_name("国家计量基准").en == "National primary standard"
    assert level_name("行业标准装置").en == "行业标准装置"


OF_ITEMS = {Flaw.OVERDUE, Flaw.ITEM_LEVEL_LOOP}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("flaw", Flaw)
def test_every_flaw_can_be_told_even_of_calibrations_that_nobody_recorded(flaw, language):
    one, other = UUID(int=1), UUID(int=2)
    of_items = flaw in OF_ITEMS
    found = Break(
        flaw=flaw,
        calibration_id=None if of_items else one,
        reference_id=None if of_items else other,
        item_ids=(one, other) if of_items else (),
        ratio=0.4,
        ratio_limit=1 / 3,
    )

    page = findings_page([found], [], {}, on=TODAY)

    with speaking(language):
        told = str(sentence(page.groups[0].findings[0]))
    assert "%(" not in told
    assert ("not recorded" if language == "en" else "未记录") in told


def test_a_name_in_a_sentence_cannot_bring_markup_with_it():
    names = {UUID(int=1): Bilingual(zh="<i>表</i>", en="<i>gauge</i>")}
    found = Break(flaw=Flaw.OVERDUE, item_ids=(UUID(int=1),))

    told = findings_page([found], [], names, on=TODAY).groups[0].findings[0]

    assert "&lt;i&gt;gauge" in sentence(told)
