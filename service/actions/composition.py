"""From the rows of a book to what a certificate says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

from certificates.content import (
    BudgetLine,
    CertificateContent,
    CertificateKind,
    CheckedItem,
    Condition,
    Conformity,
    ExternalWork,
    ItemDescription,
    MaterialStatements,
    Meaning,
    Method,
    Opinion,
    Party,
    PlaceOfPerformance,
    Remark,
    ResultRow,
    Signatory,
    Stage,
    StandardUsed,
    ValueStatus,
)
from certificates.seal import paper_code, sha256_hex
from certificates.wording import Bilingual, place_wording
from procedures.capability import Capability
from procedures.conformity import Verdict
from procedures.edition import Contributor, ProcedureEdition
from procedures.rounding import plain, round_uncertainty
from service.actions.capabilities import capability_of
from service.clock import LEGAL_TIME, day_of
from service.errors import NotFound
from service.places import site_at
from service.store import calibrations as calibration_store
from service.store import capabilities as capability_store
from service.store import certificates as certificate_store
from service.store import items as item_store
from service.store import organizations as organization_store
from service.store import sites as site_store
from service.store import work_orders as work_order_store
from service.tables.calibrations import (
    Calibration,
    CalibrationReference,
    CalibrationResult,
    ConformityStatementRecord,
    OriginalRecord,
)
from service.tables.certificates import Signature
from service.tables.items import Item
from service.tables.organizations import Authorisation, Organization
from service.tenancy import TenantSession
from service.work_order_states import State

PLACES = {
    "laboratory": PlaceOfPerformance.LABORATORY,
    "site": PlaceOfPerformance.CUSTOMER,
    "in-line": PlaceOfPerformance.CUSTOMER,
    "remote": PlaceOfPerformance.OTHER,
}
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
        place = PLACES[row.place]
        place_zh, place_en = _place(session, item, row)
        received_on, condition = _received(session, row)
        remarks = _remarks(record)
        scope = Scope.of(session, row, item, results)
        measurand = self.edition.measurand.name if self.edition else None
        is_material = self.kind is CertificateKind.REFERENCE_MATERIAL_CERTIFICATE
        is_calibration = self.kind is CertificateKind.CALIBRATION_CERTIFICATE
        tells_due_date = self.due_date_agreed or not is_calibration
        content = CertificateContent(
            number=number,
            kind=self.kind,
            issued_on=day_of(self.now),
            performed_on=row.performed_on,
            received_on=None if is_material else received_on,
            valid_until=row.valid_until
            if tells_due_date and self.kind is not CertificateKind.VERIFICATION_REJECTION
            else None,
            due_date_agreed=self.due_date_agreed and is_calibration,
            place=place,
            place_zh=place_zh,
            place_en=place_en,
            laboratory=_party(session, session.organization_id, row),
            customer=None
            if is_material
            else _party(session, item.customer_id or session.organization_id),
            item=_item(item, condition),
            methods=(_method(self.edition),) if self.edition else (),
            environment=tuple(_conditions(self.edition, record)) if self.edition else (),
            standards=tuple(_standards(session, row)),
            results=tuple(
                _result_row(result, self.edition, scope, is_certified=is_material)
                for result in results
            ),
            checked_items=tuple(_checked_items(statement)),
            budget=tuple(_budget(session, self.edition, results)) if self.edition else (),
            budget_caption_zh=f"{measurand.zh}的不确定度(最不利点)" if measurand else "",
            budget_caption_en=f"Uncertainty of the {measurand.en} at its worst point"
            if measurand
            else "",
            conformity=_conformity(self.edition, statement, record) if self.edition else None,
            material=self.material,
            traceability_statement_zh=TRACEABILITY_ZH,
            traceability_statement_en=TRACEABILITY_EN,
            signatories=signatories(session, row.id),
            original_record_number=record.number,
            demonstration=row.is_demonstration,
            accreditations=scope.accreditations,
            standard_assessments=_assessments(session, row),
            deviations=_remark(remarks, "deviations"),
            sampling=_remark(remarks, "sampling"),
            external_work=tuple(_external_work(remarks)),
            opinion=_opinion(remarks),
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


def _place(session: TenantSession, item: Item, work: Calibration) -> Bilingual:
    """Return where the work was done: by name and address, of an own item at a site of its own.

    Whether a customer's item stands at a place that is called as one of ours, nobody knows.
    """
    place = PLACES[work.place]
    sites = site_store.by_name(session, on=work.performed_on)
    site = site_at(item.location, sites) if item.customer_id is None else None
    if site is None or place is not PlaceOfPerformance.CUSTOMER:
        return place_wording(place)
    zh = (site.name_zh, site.address_zh or site.address_en)
    en = (site.name_en or site.name_zh, site.address_en or site.address_zh)
    return Bilingual("，".join(filter(None, zh)), ", ".join(filter(None, en)))


def _party(session: TenantSession, organization_id: UUID, work: Calibration | None = None) -> Party:
    """Return an organization as a certificate names it, with what authorises it for the work."""
    organization = session.get_one(Organization, organization_id)
    authorisations = _authorisations(session, work) if work else ()
    return Party(
        name_zh=organization.name_zh,
        name_en=organization.name_en,
        address=organization.address,
        contact=organization.contact,
        authorisations=tuple(
            row.number
            for row in authorisations
            if not (is_assessment(row) or is_accreditation(row))
        ),
    )


def _authorisations(session: TenantSession, work: Calibration) -> Sequence[Authorisation]:
    """Return what authorised the organization for its work, by its procedure and on its day."""
    if work.procedure_code is None:
        return ()
    return organization_store.authorisations(
        session,
        session.organization_id,
        procedure_code=work.procedure_code,
        on=work.performed_on,
    )


def is_assessment(authorisation: Authorisation) -> bool:
    """Say whether it is of a measurement standard (计量标准考核证书), not of its holder."""
    return "计量标准考核" in authorisation.kind_zh


def is_accreditation(authorisation: Authorisation) -> bool:
    """Say whether it is an accreditation (认可), claimed only for what is within its scope."""
    return "认可" in authorisation.kind_zh


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the laboratory was accredited for on the day of the work, of its quantity.

    Attributes:
        capabilities: the lines of the register, as `procedures` calculates with them.
        accreditations: under which some of the results were measured.
        is_raised: whether U was raised to the capability somewhere, so everywhere: all results
            of one work bear one U.
    """

    capabilities: tuple[Capability, ...] = ()
    accreditations: tuple[str, ...] = ()
    is_raised: bool = False

    @classmethod
    def of(
        cls,
        session: TenantSession,
        work: Calibration,
        item: Item,
        results: Sequence[CalibrationResult],
    ) -> "Scope":
        """Return the scope for a work; an accreditation that was not in force then is not told."""
        rows = capability_store.in_force(
            session,
            quantity=item.quantity,
            procedure_code=work.procedure_code,
            on=work.performed_on,
        )
        in_force = {row.number for row in _authorisations(session, work) if is_accreditation(row)}
        within = [
            (row, result)
            for row in rows
            for result in results
            if _capability(capability_of(row), result) is not None
        ]
        return cls(
            capabilities=tuple(map(capability_of, rows)),
            accreditations=tuple(sorted({row.accreditation for row, _ in within} & in_force)),
            is_raised=any(
                (_evaluated(result) or inf) < (_capability(capability_of(row), result) or 0.0)
                for row, result in within
            ),
        )

    def at(self, result: CalibrationResult) -> float | None:
        """Return the capability at a result, None where it is outside."""
        found = (_capability(row, result) for row in self.capabilities)
        return max((cmc for cmc in found if cmc is not None), default=None)


def _capability(capability: Capability, result: CalibrationResult) -> float | None:
    if result.expanded_uncertainty is None:
        return None
    measured = result.nominal if result.measurand == "error_of_indication" else result.estimate
    return capability.at(float(measured), result.unit)


def _evaluated(result: CalibrationResult) -> float | None:
    """Return U as the budget gave it; None where no budget is on record."""
    if result.standard_uncertainty is None or result.coverage_factor is None:
        return None
    return result.coverage_factor * result.standard_uncertainty


def _assessments(session: TenantSession, work: Calibration) -> tuple[str, ...]:
    return tuple(row.number for row in _authorisations(session, work) if is_assessment(row))


def _received(session: TenantSession, work: Calibration) -> tuple[date | None, str]:
    """Return when the item came in for the work and in which condition, by its work order."""
    line = work_order_store.line_of_calibration(session, work.id)
    steps = work_order_store.steps(session, line.id) if line else ()
    received = [step for step in steps if step.state == State.RECEIVED]
    if not received:
        return None, ""
    return day_of(received[-1].recorded_at), " ".join(str(received[-1].said["condition"]).split())


def _remarks(record: OriginalRecord) -> Mapping[str, str]:
    """Return what the original record has for the certificate to state besides."""
    remarks: Mapping[str, str] = record.content["readings"].get("remarks", {})
    return remarks


def _remark(remarks: Mapping[str, str], name: str) -> Remark | None:
    if f"{name}_zh" not in remarks:
        return None
    return Remark(zh=remarks[f"{name}_zh"], en=remarks[f"{name}_en"])


def _external_work(remarks: Mapping[str, str]) -> Iterator[ExternalWork]:
    provider, results = _remark(remarks, "external_provider"), _remark(remarks, "external_results")
    if provider and results:
        yield ExternalWork(
            provider_zh=provider.zh,
            provider_en=provider.en,
            results_zh=results.zh,
            results_en=results.en,
        )


def _opinion(remarks: Mapping[str, str]) -> Opinion | None:
    text, basis = _remark(remarks, "opinion"), _remark(remarks, "opinion_basis")
    if text is None or basis is None:
        return None
    return Opinion(text_zh=text.zh, text_en=text.en, basis_zh=basis.zh, basis_en=basis.en)


def _item(item: Item, condition: str) -> ItemDescription:
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
        condition_zh=condition,
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
    for condition in edition.recorded_conditions:
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


def _result_row(
    result: CalibrationResult,
    edition: ProcedureEdition | None,
    scope: Scope,
    *,
    is_certified: bool = False,
) -> ResultRow:
    name_zh, name_en = _measurand(edition) if edition else MEASURANDS[result.measurand]
    of_nominal = edition.test_points.unit if edition else result.unit
    u, p = result.expanded_uncertainty, result.coverage_probability
    return ResultRow(
        measurand_zh=f"{name_zh}({result.detail_zh})" if result.detail_zh else name_zh,
        measurand_en=f"{name_en} ({result.detail_en})" if result.detail_en else name_en,
        unit=result.unit,
        nominal=f"{result.nominal:f}" if of_nominal else None,
        nominal_unit=of_nominal if of_nominal not in ("", result.unit) else None,
        estimate=f"{result.estimate:f}",
        expanded_uncertainty=None if u is None else f"{u:f}",
        coverage_factor=None if u is None else f"{result.coverage_factor:g}",
        coverage_probability=None if u is None or p is None else f"{p:g}",
        limit=_limit(result.maximum_permissible_error),
        verdict=_verdict(result),
        stage=Stage(result.stage) if result.stage else None,
        value_status=ValueStatus.CERTIFIED if is_certified else None,
        capability=_digits(scope.at(result)),
        evaluated_uncertainty=_raised_from(result) if scope.is_raised else None,
    )


def _digits(number: float | None) -> str | None:
    return None if number is None else f"{Decimal(f'{number:.12g}'):f}"


def _raised_from(result: CalibrationResult) -> str | None:
    """Return what U was raised from to the capability; None where it is what was evaluated."""
    evaluated = _evaluated(result)
    if evaluated is None or result.expanded_uncertainty is None:
        return None
    told = round_uncertainty(evaluated)
    return f"{told:f}" if told < result.expanded_uncertainty else None


def _measurand(edition: ProcedureEdition) -> tuple[str, str]:
    """Return what an edition measures, as the heading of its results."""
    zh, en = edition.measurand.name.zh, edition.measurand.name.en
    return zh, f"{en[:1].upper()}{en[1:]}"


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
