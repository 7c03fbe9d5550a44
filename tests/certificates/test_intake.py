"""Anyone's certificate gives a calibration its facts; our own come back as they were issued."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates.content import ResultRow
from certificates.dcc import read_dcc, write_dcc
from certificates.dcc.read import DEEPEST, MOST_ELEMENTS
from certificates.dcc.units import d_si_unit, plain_unit
from certificates.errors import DccUnreadable
from certificates.intake import LeftOut, number, recover
from procedures.conformity import Verdict
from tests import proofs

UNITS = ["MPa", "°C", "%", "m³/h", "µmol/mol", "Ω", "", "J/(kg·K)", "1/K", "mL"]
DIGITS = st.decimals(-(10**6), 10**6, places=3).map(lambda value: f"{value:f}")
ROWS = st.builds(
    lambda nominal, estimate, unit, tenths, k, p, limit: ResultRow(
        measurand_zh="示值误差",
        measurand_en="Error of indication",
        nominal=nominal,
        unit=unit,
        estimate=estimate,
        expanded_uncertainty=f"{tenths / 1000:.3f}",
        coverage_factor=k,
        coverage_probability=p,
        limit=limit,
    ),
    DIGITS,
    DIGITS,
    st.sampled_from(UNITS),
    st.integers(1, 99),
    st.sampled_from(["2", "2.00", "1.96", "2.87"]),
    st.sampled_from(["0.95", "0.9545", "0.99"]),
    st.sampled_from([None, "±0.5"]),
)


def test_our_own_certificate_comes_back_with_every_fact_of_the_event(verification):
    recovered = recover(read_dcc(write_dcc(verification)))

    item = recovered.items[0]
    assert recovered.number == verification.number
    assert recovered.performed_on == verification.performed_on
    assert recovered.valid_until == verification.valid_until
    assert recovered.laboratory.en == verification.laboratory.name_en
    assert item.serial_numbers[0] == verification.item.serial_number
    assert item.type_designation == verification.item.type_designation
    assert item.manufacturer.zh == verification.item.manufacturer_zh
    assert recovered.procedures == ("JJG 52-2013",)
    assert [(s.certificate_number, s.sha256 or None) for s in recovered.standards] == [
        (s.certificate_number, s.certificate_sha256) for s in verification.standards
    ]
    assert recovered.verdict is Verdict.PASS
    assert recovered.is_demonstration
    assert recovered.left_out == ()


@settings(deadline=None, max_examples=proofs.how_many(40, full=2000))
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_export_and_import_is_identity_to_the_last_digit(verification, rows):
    content = replace(verification, results=tuple(rows), checked_items=verification.checked_items)

    recovered = recover(read_dcc(write_dcc(content))).results

    assert [
        (
            str(row.nominal), str(row.estimate), str(row.expanded_uncertainty),
            str(row.coverage_factor), str(row.coverage_probability), row.unit, row.is_error,
            row.maximum_permissible_error,
        )
        for row in recovered
    ] == [
        (
            str(Decimal(str(row.nominal))), str(Decimal(row.estimate)), row.expanded_uncertainty,
            row.coverage_factor, row.coverage_probability, row.unit, True,
            Decimal("0.5") if row.limit else None,
        )
        for row in rows
    ]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_comes_back_from_its_d_si_form(unit):
    assert plain_unit(d_si_unit(unit)) == unit


@pytest.mark.parametrize("d_si", [r"\degreeCelsius", r"\per\kelvin", r"\metre\tothe{0.5}", "MPa"])
def test_what_has_no_plain_form_stays_as_it_is_written(d_si):
    assert plain_unit(d_si) == d_si


@pytest.mark.parametrize("text", ["NaN", "-INF", "1,5", "", None, "1e999", "about 3"])
def test_what_is_no_finite_number_is_none(text):
    assert number(text) is None


# --- What a laboratory says otherwise than we do --------------------------------------------------


def document(quantity: str) -> bytes:
    """Return the smallest certificate with one quantity."""
    return f"""<c:digitalCalibrationCertificate xmlns:c="https://ptb.de/dcc" xmlns:si="https://ptb.de/si"
      schemaVersion="3.3.0"><c:administrativeData><c:coreData><c:uniqueIdentifier>X 1</c:uniqueIdentifier>
      <c:endPerformanceDate>2026-02-01</c:endPerformanceDate></c:coreData></c:administrativeData>
      <c:measurementResults><c:measurementResult><c:results><c:result><c:name>
      <c:content lang="en">Mass</c:content></c:name><c:data>{quantity}</c:data></c:result></c:results>
      </c:measurementResult></c:measurementResults></c:digitalCalibrationCertificate>""".encode()  # noqa: E501


def real(value: str, uncertainty: str) -> str:
    return (
        f"<c:quantity><si:real><si:value>{value}</si:value><si:unit>\\gram</si:unit>"
        f"<si:measurementUncertaintyUnivariate>{uncertainty}"
        "</si:measurementUncertaintyUnivariate></si:real></c:quantity>"
    )


EXPANDED_WITHOUT_K = "<si:expandedMU><si:valueExpandedMU>0.02</si:valueExpandedMU></si:expandedMU>"
STANDARD = "<si:standardMU><si:valueStandardMU>0.01</si:valueStandardMU></si:standardMU>"


def test_an_uncertainty_without_its_k_is_left_out_until_somebody_says_k():
    certificate = read_dcc(document(real("100.00", EXPANDED_WITHOUT_K)))

    alone, with_k = recover(certificate), recover(certificate, coverage_factor=Decimal(2))

    assert alone.results[0].expanded_uncertainty is None
    assert alone.left_out == ((LeftOut.WITHOUT_COVERAGE_FACTOR, 1),)
    assert with_k.results[0].expanded_uncertainty == Decimal("0.02")
    assert with_k.results[0].coverage_factor == 2
    assert with_k.left_out == ()


def test_a_standard_uncertainty_stays_one():
    row = recover(read_dcc(document(real("100.00", STANDARD)))).results[0]

    assert (row.standard_uncertainty, row.expanded_uncertainty) == (Decimal("0.01"), None)
    assert (row.unit, row.nominal, row.is_error) == ("g", None, False)


def test_what_is_no_number_is_left_out_and_the_rest_is_kept():
    both = real("NaN", STANDARD) + real("100.00", STANDARD)

    recovered = recover(read_dcc(document(both)))

    assert [str(row.estimate) for row in recovered.results] == ["100.00"]
    assert recovered.left_out == ((LeftOut.NOT_A_NUMBER, 1),)
    assert recovered.performed_on == date(2026, 2, 1)


# --- Without end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inside",
    [
        "<x>1</x>" * (MOST_ELEMENTS + 1),
        "<x>" * (DEEPEST + 1) + "</x>" * (DEEPEST + 1),
        "<result>" * 20 + "</result>" * 20,
    ],
    ids=["wide", "deep", "nested"],
)
def test_more_elements_than_a_certificate_has_are_refused(inside):
    text = f"<digitalCalibrationCertificate>{inside}</digitalCalibrationCertificate>"

    with pytest.raises(DccUnreadable, match="more or deeper elements"):
        read_dcc(text.encode())
