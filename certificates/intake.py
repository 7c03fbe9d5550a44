"""From anyone's digital certificate to what a calibration event takes over, without retyping.

Digits stay as they are reported. What the certificate does not say is unknown, and what a record
cannot hold stays in the certificate, which is kept: `left_out` says what.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from certificates.content import Stage
from certificates.dcc.document import (
    Identification,
    Multilingual,
    ReadCertificate,
    ReadResult,
    ReadStatement,
    ReadThing,
)
from certificates.dcc.names import CONFORMITIES, STATUSES
from certificates.dcc.units import plain_unit
from certificates.wording import Bilingual
from procedures.conformity import Verdict

PERCENT = r"\percent"
LARGEST_EXPONENT = 300  # of a number that a record may carry
ERROR_WORDS = ("示值误差", "误差", "error", "deviation", "abweichung")
ERROR_TYPES = frozenset({"basic_measurementError", "basic_measurementErrorPercent"})
_VERDICTS = {token: verdict for verdict, token in CONFORMITIES.items()}
_STAGES = {status: stage for stage, status in STATUSES.items()}


class LeftOut(StrEnum):
    """Why a number of a certificate is not taken over."""

    NOT_A_NUMBER = "not_a_number"  # the value is no finite decimal number
    WITHOUT_COVERAGE_FACTOR = "without_coverage_factor"  # U is stated, k is not
    INTERVAL = "interval"  # a coverage interval about the value, not U with k


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredItem:
    """An item as the certificate tells it."""

    name: Bilingual
    manufacturer: Bilingual
    type_designation: str
    serial_numbers: tuple[str, ...]
    asset_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStandard:
    """A standard that was used, and the certificate of it that is named; empty where none is."""

    name: Bilingual
    certificate_number: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredResult:
    """One result: an error of indication or a value, with U in its own unit and its k.

    `nominal` is None where the certificate states no nominal or reference value beside it.
    """

    is_error: bool
    name: Bilingual
    unit: str
    estimate: Decimal
    nominal: Decimal | None = None
    expanded_uncertainty: Decimal | None = None
    coverage_factor: Decimal | None = None
    coverage_probability: Decimal | None = None
    standard_uncertainty: Decimal | None = None
    maximum_permissible_error: Decimal | None = None
    verdict: Verdict | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a certificate gives a calibration event.

    Attributes:
        performed_on: the last day of the work; None where no day is readable.
        procedures: the codes of the methods and procedures, as far as they are named.
        verdict: on the whole, with its rule and specification as they are written.
        left_out: how many numbers were not taken over, by reason.
        problems: what was odd about the document.
    """

    number: str
    laboratory: Bilingual
    laboratory_code: str
    performed_on: date | None
    issued_on: date | None
    valid_until: date | None
    items: tuple[RecoveredItem, ...]
    procedures: tuple[str, ...]
    standards: tuple[NamedStandard, ...]
    results: tuple[RecoveredResult, ...]
    verdict: Verdict | None
    decision_rule: str
    specification: str
    replaces: str
    is_demonstration: bool
    left_out: tuple[tuple[LeftOut, int], ...]
    problems: tuple[str, ...]


def recover(certificate: ReadCertificate, *, coverage_factor: Decimal | None = None) -> Recovered:
    """Return what a calibration event takes over from a certificate.

    Args:
        coverage_factor: of expanded uncertainties that state none, from whoever knows it.
    """
    left_out: Counter[LeftOut] = Counter()
    results = tuple(_results(certificate.results(), coverage_factor, left_out))
    laboratory = certificate.laboratory
    judged = next((said for said in certificate.statements if said.conformity), None)
    return Recovered(
        number=certificate.number,
        laboratory=_both(laboratory.name) if laboratory else Bilingual("", ""),
        laboratory_code=laboratory.code if laboratory else "",
        performed_on=certificate.performed_to or certificate.performed_from,
        issued_on=certificate.issued_on,
        valid_until=_valid_until(certificate.statements),
        items=tuple(map(_item, certificate.items)),
        procedures=tuple(_procedures(certificate.methods)),
        standards=tuple(map(_standard, certificate.equipment)),
        results=results,
        verdict=_VERDICTS.get(judged.conformity[0], Verdict.UNDETERMINED) if judged else None,
        decision_rule=_declared(judged),
        specification="; ".join(judged.norms) if judged else "",
        replaces=certificate.replaces,
        is_demonstration=any(
            "suyuan_demonstration" in said.ref_types for said in certificate.statements
        ),
        left_out=tuple(sorted(left_out.items())),
        problems=certificate.problems,
    )


# --- Results --------------------------------------------------------------------------------------


def _results(
    rows: Iterable[ReadResult], coverage_factor: Decimal | None, left_out: Counter[LeftOut]
) -> Iterator[RecoveredResult]:
    for row in rows:
        estimate = number(row.value)
        if estimate is None:
            left_out[LeftOut.NOT_A_NUMBER] += 1
        else:
            yield _result(row, estimate, coverage_factor, left_out)


def _result(
    row: ReadResult,
    estimate: Decimal,
    coverage_factor: Decimal | None,
    left_out: Counter[LeftOut],
) -> RecoveredResult:
    expanded = _in_unit_of_result(row, estimate)
    k = number(row.coverage_factor) or coverage_factor
    if expanded is not None and k is None:
        left_out[LeftOut.WITHOUT_COVERAGE_FACTOR] += 1
        expanded = None
    standard = number(row.standard_uncertainty)
    if row.standard_uncertainty is None and row.expanded_uncertainty is None and k is not None:
        left_out[LeftOut.INTERVAL] += 1
    same_unit = row.nominal_unit in {None, "", row.unit}
    lower, upper = number(row.lower_limit), number(row.upper_limit)
    symmetric = lower is not None and upper is not None and upper > 0 and lower == -upper
    return RecoveredResult(
        is_error=_is_error(row),
        name=_named(row),
        unit=plain_unit(row.unit),
        estimate=estimate,
        nominal=number(row.nominal) if same_unit else None,
        expanded_uncertainty=expanded,
        coverage_factor=k if expanded is not None else None,
        coverage_probability=number(row.coverage_probability) if expanded is not None else None,
        standard_uncertainty=standard if standard is not None and standard >= 0 else None,
        maximum_permissible_error=upper if symmetric else None,
        verdict=_VERDICTS.get(row.conformity, Verdict.UNDETERMINED) if row.conformity else None,
        stage=_STAGES.get(row.stage),
    )


def number(text: str | None) -> Decimal | None:
    """Return a reported number with its digits; None for what is no finite decimal number.

    >>> number("0.0070"), number("NaN"), number("about 5")
    (Decimal('0.0070'), None, None)
    """
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    if not value.is_finite() or abs(value.adjusted()) > LARGEST_EXPONENT:
        return None
    return value


def _in_unit_of_result(row: ReadResult, estimate: Decimal) -> Decimal | None:
    """Return U in the unit of the result; a relative one is worth so much of the estimate."""
    expanded = number(row.expanded_uncertainty)
    if expanded is None or expanded <= 0:
        return None
    unit = row.expanded_uncertainty_unit
    if unit in {None, "", row.unit}:
        return expanded
    return abs(estimate) * expanded / 100 if unit == PERCENT and estimate else None


def _is_error(row: ReadResult) -> bool:
    if ERROR_TYPES & set(row.ref_types):
        return True
    said = " ".join(text for _, text in (*row.name.contents, *row.result.contents)).lower()
    return row.nominal is not None and any(word in said for word in ERROR_WORDS)


def _named(row: ReadResult) -> Bilingual:
    """Return what a row is called: by itself, else by the result that it belongs to."""
    return _both(row.name if row.name.contents else row.result)


# --- The rest -------------------------------------------------------------------------------------


def _both(text: Multilingual) -> Bilingual:
    return Bilingual(text.text("zh", "en"), text.text("en", "zh"))


def _item(thing: ReadThing) -> RecoveredItem:
    makers = thing.manufacturer.name if thing.manufacturer else Multilingual()
    return RecoveredItem(
        name=_both(thing.name),
        manufacturer=_both(makers),
        type_designation=thing.model,
        serial_numbers=tuple(_serial_numbers(thing.identifications)),
        asset_number=next(
            (each.value for each in thing.identifications if each.issuer == "customer"), ""
        ),
    )


def _serial_numbers(given: Iterable[Identification]) -> Iterator[str]:
    """Yield what may be the serial number, the likeliest first; a batch number is none."""
    ranked = sorted(
        (each for each in given if each.value and "suyuan_batchNumber" not in each.ref_types),
        key=lambda each: (
            "basic_serialNumber" not in each.ref_types,
            each.issuer != "manufacturer",
        ),
    )
    yield from dict.fromkeys(each.value for each in ranked)


def _standard(thing: ReadThing) -> NamedStandard:
    referral = thing.certificate
    hashed = referral is not None and referral.procedure.upper().replace("-", "") == "SHA256"
    return NamedStandard(
        name=_both(thing.name),
        certificate_number=referral.number if referral else "",
        sha256=referral.value.lower() if referral and hashed else "",
    )


def _procedures(methods: Iterable[ReadThing]) -> Iterator[str]:
    for method in methods:
        yield from dict.fromkeys((*method.norms, *method.references))


def _valid_until(statements: Iterable[ReadStatement]) -> date | None:
    for said in statements:
        if "basic_recalibration" in said.ref_types and said.on:
            try:
                return date.fromisoformat(said.on[:10])
            except ValueError:
                continue
    return None


def _declared(said: ReadStatement | None) -> str:
    return "; ".join(_both(text).zh for text in said.declaration) if said else ""
