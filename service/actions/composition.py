"""From the rows of a book to what a certificate says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from certificates.content import (
    BudgetLine,
    CertificateContent,
    CertificateKind,
    CheckedItem,
    Condition,
    Conformity,
    ItemDescription,
    MaterialStatements,
    Meaning,
    Method,
    Party,
    PlaceOfPerformance,
    ResultRow,
    Signatory,
    StandardUsed,
    ValueStatus,
)
from certificates.seal import paper_code, sha256_hex
from certificates.wording import place_wording
from procedures.conformity import Verdict
from procedures.edition import Contributor, ProcedureEdition
from procedures.rounding import plain, round_uncertainty
from service.clock import LEGAL_TIME, day_of
from service.errors import NotFound
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import items as item_store
from service.store import organizations as organization_store
from service.tables.calibrations import (
    Calibration,
    CalibrationReference,
    CalibrationResult,
    ConformityStatementRecord,
    OriginalRecord,
)
from service.tables.certificates import Signature
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tenancy import TenantSession

MEASURANDS = {
    "error_of_indication": ("示值误差", "Error of indication"),
    "value": ("量值", "Value"),
}
DECISION_RULES = {
    "simple_acceptance": ("简单接受", "Simple acceptance"),
    "guarded_acceptance": ("保护带接受", "Guarded acceptance"),
}
TRACEABILITY_ZH = "测量结果通过上列计量标准,经不间断的比较链溯源至国家计量基准。"
TRACEABILITY_EN = (
    "The results are traceable to national measurement standards through the reference standards "
    "listed above, by an unbroken chain of comparisons."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """Everything but the number of one certificate; call it with the number.

    Attributes:
        edition: the procedure's; a reference material may be certified by none of the catalogue.
        url: where the certificate can be looked up; "{number}" stands for its number.
        due_date_agreed: whether the customer agreed to a due date on a calibration certificate.
        material: what only the certificate of a reference material says.
    """

    session: TenantSession
    row: Calibration
    edition: ProcedureEdition | None
    kind: CertificateKind
    url: str | None
    now: datetime
    due_date_agreed: bool = False
    material: MaterialStatements | None = None

    def __call__(self, number: str) -> CertificateContent:
        """Return the content under a number.

        Raises:
            NotFound: the book does not hold the original record.
            ContentError: something that the kind must carry is missing.
        """
        session, row = self.session, self.row
        item = item_store.get(session, _present(row.item_id))
        record = calibration_store.original_record(session, row.id)
        if record is None:
            raise NotFound("original record of calibration", row.id)
        results = calibration_store.results(session, row.id)
        statement = next(iter(calibration_store.conformity_statements(session, row.id)), None)
        place_zh, place_en = place_wording(PlaceOfPerformance.LABORATORY)
        is_material = self.kind is CertificateKind.REFERENCE_MATERIAL_CERTIFICATE
        is_calibration = self.kind is CertificateKind.CALIBRATION_CERTIFICATE
        tells_due_date = self.due_date_agreed or not is_calibration
        content = CertificateContent(
            number=number,
            kind=self.kind,
            issued_on=day_of(self.now),
            performed_on=row.performed_on,
            valid_until=row.valid_until
            if tells_due_date and self.kind is not CertificateKind.VERIFICATION_REJECTION
            else None,
            due_date_agreed=self.due_date_agreed and is_calibration,
            place=PlaceOfPerformance.LABORATORY,
            place_zh=place_zh,
            place_en=place_en,
            laboratory=_party(session, session.organization_id, row),
            customer=None
            if is_material
            else _party(session, item.customer_id or session.organization_id),
            item=_item(item),
            methods=(_method(self.edition),) if self.edition else (),
            environment=tuple(_conditions(self.edition, record)) if self.edition else (),
            standards=tuple(_standards(session, row)),
            results=tuple(_result_row(result, is_certified=is_material) for result in results),
            checked_items=tuple(_checked_items(statement)),
            budget=tuple(_budget(session, self.edition, results)) if self.edition else (),
            budget_caption_zh="示值误差的不确定度(最不利点)",
            budget_caption_en="Uncertainty of the error of indication at its worst point",
            conformity=_conformity(self.edition, statement, record) if self.edition else None,
            material=self.material,
            traceability_statement_zh=TRACEABILITY_ZH,
            traceability_statement_en=TRACEABILITY_EN,
            signatories=signatories(session, row.id),
            original_record_number=record.number,
            demonstration=row.is_demonstration,
        )
        return with_address(content, self.url)


def with_address(content: CertificateContent, url: str | None) -> CertificateContent:
    """Return a certificate with the address that its QR code carries.

    Args:
        url: "{number}" stands for its number; the code that only the paper tells is added.
    """
    if url is None:
        return content
    address = url.format(number=content.number)
    return replace(content, verification_url=f"{address}?code={paper_code(content.as_mapping())}")


def _present(id_: UUID | None) -> UUID:
    if id_ is None:
        raise NotFound("item of a cited calibration", "")
    return id_


def _party(session: TenantSession, organization_id: UUID, work: Calibration | None = None) -> Party:
    """Return an organization as a certificate names it, with what authorises it for the work."""
    organization = session.get_one(Organization, organization_id)
    authorisations = (
        organization_store.authorisations(
            session, organization_id, procedure_code=work.procedure_code, on=work.performed_on
        )
        if work and work.procedure_code
        else ()
    )
    return Party(
        name_zh=organization.name_zh,
        name_en=organization.name_en,
        address=organization.address,
        contact=organization.contact,
        authorisations=tuple(row.number for row in authorisations),
    )


def _item(item: Item) -> ItemDescription:
    return ItemDescription(
        name_zh=item.name_zh,
        name_en=item.name_en,
        type_designation=item.type_designation,
        manufacturer_zh=item.manufacturer_zh,
        manufacturer_en=item.manufacturer_en,
        serial_number=item.serial_number,
        asset_number=item.asset_number or "",
        range_text=range_text(item),
        accuracy_text=item.accuracy_text,
    )


def range_text(item: Item) -> str:
    """Return the measuring interval as certificates write it; as the ledger does if it is none."""
    if item.range_lower is None:
        return item.range_text or ""
    return f"({item.range_lower:g} ~ {item.range_upper:g}) {item.range_unit}"


def _method(edition: ProcedureEdition) -> Method:
    return Method(
        code=edition.code,
        edition=edition.edition_as_printed,
        title_zh=edition.title.zh,
        title_en=edition.title.en,
        unverified=edition.unverified,
    )


def _conditions(edition: ProcedureEdition, record: OriginalRecord) -> Iterator[Condition]:
    told = record.content["readings"].get("environment", {})
    for condition in edition.environment:
        if condition.name in told:
            yield Condition(
                name_zh=condition.title.zh,
                name_en=condition.title.en,
                value=plain(Decimal(told[condition.name])),
                unit=condition.unit,
            )


def _standards(session: TenantSession, row: Calibration) -> Iterator[StandardUsed]:
    for edge in calibration_store.references(session, row.id):
        if edge.reference_id is not None:
            yield _standard(session, edge)


def _standard(session: TenantSession, edge: CalibrationReference) -> StandardUsed:
    used = calibration_store.get(session, _present(edge.reference_id))
    item = session.get_one(Item, (session.organization_id, used.item_id))
    return StandardUsed(
        name_zh=item.name_zh,
        name_en=item.name_en,
        serial_number=item.serial_number,
        range_text=range_text(item),
        accuracy_text=item.accuracy_text,
        certificate_number=used.certificate_number or "",
        valid_until=used.valid_until,
        laboratory_zh=used.laboratory_zh,
        laboratory_en=used.laboratory_en,
        certificate_sha256=_sha256_of_dcc(session, used.id),
    )


def _sha256_of_dcc(session: TenantSession, calibration_id: UUID) -> str | None:
    """Return the digest of the standard's own DCC; None where the book does not hold that file."""
    certificate = certificate_store.of_calibration(session, calibration_id)
    file = certificate and certificate_store.file(session, certificate.id, "xml")
    return file.sha256 if file else None


def _result_row(result: CalibrationResult, *, is_certified: bool = False) -> ResultRow:
    name_zh, name_en = MEASURANDS[result.measurand]
    u, p = result.expanded_uncertainty, result.coverage_probability
    return ResultRow(
        measurand_zh=f"{name_zh}({result.detail_zh})" if result.detail_zh else name_zh,
        measurand_en=f"{name_en} ({result.detail_en})" if result.detail_en else name_en,
        unit=result.unit,
        nominal=f"{result.nominal:f}",
        estimate=f"{result.estimate:f}",
        expanded_uncertainty=None if u is None else f"{u:f}",
        coverage_factor=None if u is None else f"{result.coverage_factor:g}",
        coverage_probability=None if u is None or p is None else f"{p:g}",
        limit=_limit(result.maximum_permissible_error),
        verdict=_verdict(result),
        value_status=ValueStatus.CERTIFIED if is_certified else None,
    )


def _limit(limit: Decimal | None) -> str | None:
    return None if limit is None else f"±{plain(limit)}"


def _verdict(result: CalibrationResult) -> Verdict | None:
    limit = result.maximum_permissible_error
    if limit is None:
        return None
    return Verdict.PASS if abs(result.estimate) <= limit else Verdict.FAIL


def _checked_items(statement: ConformityStatementRecord | None) -> Iterator[CheckedItem]:
    for check in statement.checks if statement else ():
        yield CheckedItem(
            name_zh=check["name_zh"],
            name_en=check["name_en"],
            value=check["value"],
            limit=check["limit"],
            unit=check["unit"],
            verdict=Verdict(check["verdict"]),
        )


def _budget(
    session: TenantSession, edition: ProcedureEdition, results: Sequence[CalibrationResult]
) -> Iterator[BudgetLine]:
    """Yield the lines of the one budget that stands behind the results."""
    budgets = (calibration_store.budget(session, result.id) for result in results)
    found = next((budget for budget in budgets if budget is not None), None)
    sources = {row.symbol: row for row in edition.contributors}
    if found is None:
        return
    inputs = {quantity["symbol"]: quantity for quantity in found.content["inputs"]}
    for line in found.content["contributions"]:
        symbol = line["symbol"]
        yield _budget_line(line, inputs[symbol], sources[symbol], edition.measurand.unit)


def _budget_line(
    line: Mapping[str, Any], quantity: Mapping[str, Any], source: Contributor, unit: str
) -> BudgetLine:
    return BudgetLine(
        source_zh=source.source.zh,
        source_en=source.source.en,
        evaluation=source.evaluation,
        distribution=source.distribution,
        standard_uncertainty=_two_digits(quantity["standard_uncertainty"]),
        sensitivity_coefficient=f"{line['sensitivity_coefficient']:g}",
        contribution=_two_digits(line["standard_uncertainty"]),
        share=f"{100 * line['share']:.1f}",
        unit=unit,
        contribution_unit=unit,
    )


def _two_digits(value: float) -> str:
    return plain(round_uncertainty(abs(value)))


def _conformity(
    edition: ProcedureEdition, statement: ConformityStatementRecord | None, record: OriginalRecord
) -> Conformity | None:
    if statement is None:
        return None
    zh, en = DECISION_RULES.get(statement.decision_rule, (statement.decision_rule,) * 2)
    return Conformity(
        verdict=Verdict(statement.verdict),
        decision_rule_zh=f"{zh}:{edition.conformity.reason.zh}",
        decision_rule_en=f"{en}: {edition.conformity.reason.en}",
        specification=edition.name + _limitation(edition, record),
    )


def _limitation(edition: ProcedureEdition, record: OriginalRecord) -> str:
    """Return what a certificate says of use in a part of the interval only (限用)."""
    limited = record.content["readings"].get("limitation")
    if limited is None:
        return ""
    within = f"({limited['lower']} ~ {limited['upper']}) {edition.measurand.unit}"
    return f", 限用 / limited to {within}: {limited['reason']}"


def signatories(session: TenantSession, subject_id: UUID) -> tuple[Signatory, ...]:
    """Return who signed a calibration, or an amendment, as the certificate names them."""
    return tuple(_signatories(session, subject_id))


def _signatories(session: TenantSession, subject_id: UUID) -> Iterator[Signatory]:
    for signature, person in certificate_store.signatures(session, subject_id):
        yield Signatory(
            meaning=Meaning(signature.meaning),
            person_id=_person_id(signature),
            name_zh=person.name_zh,
            name_en=person.name_en,
            signed_at=signature.signed_at.astimezone(LEGAL_TIME),
        )


def _person_id(signature: Signature) -> str:
    """Return who a human is on the organization's certificates: not linkable to other books."""
    human = f"{signature.organization_id}/{signature.identity_id}"
    return sha256_hex(human.encode())[:32]
