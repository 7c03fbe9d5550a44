"""What a digital calibration certificate said, as it was read: digits and texts as written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

_REFERENCE_COLUMNS = ("basic_nominalValue", "basic_referenceValue")
_NO_RESULTS = frozenset({"suyuan_uncertaintyBudget", "suyuan_checkedItems"})
_APART = "suyuan_expandedUncertainty"


@dataclass(frozen=True, slots=True)
class Multilingual:
    """One text in the languages that were given: pairs of language code, or "", and text."""

    contents: tuple[tuple[str, str], ...] = ()

    def text(self, *languages: str) -> str:
        """Return the text in the first of these languages that there is, or the first text."""
        for language in languages:
            for code, text in self.contents:
                if code == language:
                    return text
        return self.contents[0][1] if self.contents else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """A number or code that somebody gave: who, which, and what it is called."""

    issuer: str
    value: str
    name: Multilingual
    ref_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """A certificate named by another: its number, and its hash by a procedure."""

    referral: Multilingual
    number: str
    procedure: str
    value: str
    description: tuple[Multilingual, ...] = ()
    in_validity_range: str = ""
    traceable: str = ""
    linked: "Referral | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadParty:
    """A laboratory, customer, maker or owner; `particulars` are its tags and texts as they came."""

    name: Multilingual
    code: str = ""
    particulars: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPerson:
    """A person who answers for the certificate."""

    name: Multilingual
    role: str
    description: Multilingual
    particulars: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUncertainty:
    """A stated uncertainty: expanded, standard or a coverage interval, one text for each value.

    A single text holds for all values. `probabilities` are in (0, 1) as written.
    """

    kind: str
    values: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    probabilities: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    upper: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Numbers in D-SI: values and units as written, and what else stood beside them."""

    form: str
    values: tuple[str, ...]
    units: tuple[str, ...]
    uncertainty: ReadUncertainty | None = None
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuantity:
    """A quantity; `table` tells which columns belong together, `stage` is an adjustment's status.

    `numbers` are alternatives of one quantity in several units; `relative` is an uncertainty that
    is stated apart, relative to the value.
    """

    ref_types: tuple[str, ...]
    name: Multilingual
    owner: Multilingual
    table: str
    numbers: tuple[Numbers, ...] = ()
    relative: tuple[Numbers, ...] = ()
    texts: tuple[Multilingual, ...] = ()
    characters: tuple[str, ...] = ()
    meta_data: tuple["ReadStatement", ...] = ()
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatement:
    """A statement on the certificate, on a result or on a quantity."""

    ref_types: tuple[str, ...]
    name: Multilingual
    declaration: tuple[Multilingual, ...]
    norms: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    conformity: tuple[str, ...] = ()
    on: str = ""
    particulars: tuple[tuple[str, str], ...] = ()
    quantities: tuple[ReadQuantity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadThing:
    """An item, a piece of equipment, a method, a condition or a software, as it is described."""

    ref_types: tuple[str, ...]
    name: Multilingual
    description: tuple[Multilingual, ...] = ()
    manufacturer: ReadParty | None = None
    owner: ReadParty | None = None
    model: str = ""
    identifications: tuple[Identification, ...] = ()
    norms: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    certificate: Referral | None = None
    status: str = ""
    particulars: tuple[tuple[str, str], ...] = ()
    quantities: tuple[ReadQuantity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """One result of a certificate, as a row: what a calibration event takes over."""

    name: Multilingual
    result: Multilingual
    value: str
    unit: str
    nominal: str | None = None
    nominal_unit: str | None = None
    expanded_uncertainty: str | None = None
    expanded_uncertainty_unit: str | None = None
    standard_uncertainty: str | None = None
    coverage_factor: str | None = None
    coverage_probability: str | None = None
    lower_limit: str | None = None
    upper_limit: str | None = None
    conformity: str | None = None
    stage: str = ""
    ref_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCertificate:
    """What a digital calibration certificate says; `problems` are what was odd about it."""

    schema_version: str
    number: str
    country: str
    languages: tuple[str, ...]
    identifications: tuple[Identification, ...]
    received_on: date | None
    performed_from: date | None
    performed_to: date | None
    issued_on: date | None
    place: str
    replaces: str
    type_of_change: str
    previous: Referral | None
    laboratory: ReadParty | None
    customer: ReadParty | None
    persons: tuple[ReadPerson, ...]
    software: tuple[ReadThing, ...]
    items: tuple[ReadThing, ...]
    equipment: tuple[ReadThing, ...]
    methods: tuple[ReadThing, ...]
    conditions: tuple[ReadThing, ...]
    statements: tuple[ReadStatement, ...]
    quantities: tuple[ReadQuantity, ...]
    texts: tuple[Multilingual, ...]
    attachments: tuple[tuple[str, str], ...]
    is_signed: bool
    unread: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    def results(self) -> tuple[ReadResult, ...]:
        """Return the measured values as rows, each with its nominal value and its uncertainty.

        In a table the column whose refType names a reference or nominal value is joined to the
        measured ones; a quantity that stands alone is a row of its own.
        """
        return tuple(_rows(self.quantities))


# --- Rows -----------------------------------------------------------------------------------------


def _rows(quantities: Iterable[ReadQuantity]) -> Iterator[ReadResult]:
    tables: dict[str, list[ReadQuantity]] = {}
    for quantity in quantities:
        if quantity.numbers and not _NO_RESULTS & set(quantity.ref_types):
            tables.setdefault(quantity.table, []).append(quantity)
    for columns in tables.values():
        references = [column for column in columns if _is_reference(column)]
        measured = [column for column in columns if not _is_reference(column)] or references
        reference = references[0] if references and measured is not references else None
        for column in measured:
            yield from _rows_of(column, reference)


def _is_reference(quantity: ReadQuantity) -> bool:
    return any(name in quantity.ref_types for name in _REFERENCE_COLUMNS)


def _rows_of(column: ReadQuantity, reference: ReadQuantity | None) -> Iterator[ReadResult]:
    numbers = column.numbers[0]
    nominal = reference.numbers[0] if reference is not None else None
    if nominal is not None and len(nominal.values) not in {1, len(numbers.values)}:
        nominal = None
    judged = [statement for statement in column.meta_data if statement.conformity]
    limits = {
        name: quantity.numbers[0].values
        for statement in column.meta_data
        for quantity in statement.quantities
        for name in quantity.ref_types
        if quantity.numbers
    }
    uncertainty = numbers.uncertainty or _stated_apart(column)
    is_expanded = uncertainty is not None and uncertainty.kind == "expanded"
    values = uncertainty.values if uncertainty is not None else ()
    for index, value in enumerate(numbers.values):
        yield ReadResult(
            name=column.name,
            result=column.owner,
            value=value,
            unit=_at(numbers.units, index) or "",
            nominal=_at(nominal.values, index) if nominal else None,
            nominal_unit=_at(nominal.units, index) if nominal else None,
            expanded_uncertainty=_at(values, index) if is_expanded else None,
            expanded_uncertainty_unit=_unit_apart(column, index),
            standard_uncertainty=_at(values, index) if not is_expanded else None,
            coverage_factor=_at(uncertainty.factors, index) if uncertainty else None,
            coverage_probability=_at(uncertainty.probabilities, index) if uncertainty else None,
            lower_limit=_at(limits.get("basic_toleranceLimitLower", ()), index),
            upper_limit=_at(limits.get("basic_toleranceLimitUpper", ()), index),
            conformity=_at(judged[0].conformity, index) if judged else None,
            stage=column.stage,
            ref_types=column.ref_types,
        )


def _stated_apart(column: ReadQuantity) -> ReadUncertainty | None:
    """Return the expanded uncertainty that our own writer states beside the numbers."""
    parts = _parts_apart(column)
    if "basic_uncertainty" not in parts:
        return None
    return ReadUncertainty(
        kind="expanded",
        values=parts["basic_uncertainty"].values,
        factors=_values(parts.get("suyuan_coverageFactor")),
        probabilities=_values(parts.get("suyuan_coverageProbability")),
    )


def _unit_apart(column: ReadQuantity, index: int) -> str | None:
    numbers = _parts_apart(column).get("basic_uncertainty")
    return _at(numbers.units, index) if numbers is not None else None


def _parts_apart(column: ReadQuantity) -> dict[str, Numbers]:
    return {
        name: quantity.numbers[0]
        for statement in column.meta_data
        if _APART in statement.ref_types
        for quantity in statement.quantities
        for name in quantity.ref_types
        if quantity.numbers
    }


def _values(numbers: Numbers | None) -> tuple[str, ...]:
    return numbers.values if numbers is not None else ()


def _at(texts: tuple[str, ...], index: int) -> str | None:
    """Return the text for one value; a single text holds for all of them."""
    if len(texts) == 1:
        return texts[0]
    return texts[index] if index < len(texts) else None
