"""Taking in certificates from off-platform: the file is kept, and its facts become a calibration.

What the certificate says is taken over as it is; what it names as its standards is sought in the
book and among what others publish, by certificate number.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from certificates.intake import LeftOut, NamedStandard, Recovered, RecoveredResult
from certificates.seal import sha256_hex
from certificates.wording import Bilingual
from procedures.conformity import Verdict
from service import audit
from service.actions import calibrations
from service.actions.calibrations import Result, Statement, Use, Work
from service.errors import AlreadyThere, InvalidField
from service.store import documents as store
from service.tables.calibrations import Calibration
from service.tables.documents import CalibrationDocument, ReceivedDocument
from service.tables.people import Person
from service.tables.published import PublishedCalibration
from service.tenancy import TenantSession
from traceability.graph import MeasuringInterval, UncertaintyStatement

RECOGNIZED = "recognized_certificate"
WITHOUT_K = LeftOut.WITHOUT_COVERAGE_FACTOR
METHOD = Bilingual("按证书所列", "as the certificate names it")
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a person confirmed or added to what a certificate says.

    Attributes:
        recognized: whether the chain may end at this certificate, for its laboratory is
            recognized for the work: a national institute, or accredited.
        replaces: the number of the certificate that this one amends; empty if none.
    """

    item_id: UUID
    kind: str
    number: str
    laboratory: Bilingual
    performed_on: date
    valid_until: date | None
    procedure_code: str | None
    results: tuple[Result, ...]
    standards: tuple[NamedStandard, ...] = ()
    place: str = "laboratory"
    recognized: bool = False
    statement: Statement | None = None
    is_demonstration: bool = False
    replaces: str = ""


def receive(
    session: TenantSession,
    content: bytes,
    *,
    name: str,
    media_type: str,
    person: Person,
    now: datetime,
) -> ReceivedDocument:
    """Keep a file byte for byte; the same file again is the one that is kept already."""
    sha256 = sha256_hex(content)
    session.lock_book()
    known = store.by_digest(session, sha256)
    if known is not None:
        return known
    document = ReceivedDocument(
        organization_id=session.organization_id,
        name=name[:LONGEST_NAME],
        media_type=media_type,
        sha256=sha256,
        content=content,
        received_by=person.id,
        received_at=now,
    )
    session.add(document)
    session.flush()
    audit.record(
        session, "document.received", document.id, actor_id=person.id, now=now,
        said={"sha256": sha256},
    )  # fmt: skip
    return document


def enter(
    session: TenantSession,
    confirmed: Confirmed,
    *,
    document: ReceivedDocument | None,
    entered_by: UUID,
    now: datetime,
) -> Calibration:
    """Enter the calibration that a certificate from off-platform tells of.

    It supersedes that of the certificate which this one amends, if it was entered likewise, of the
    same item, and is not published: who published it ends it once its successor is published.

    Args:
        document: the certificate's file; None where it is on paper.

    Raises:
        AlreadyThere: the book holds this certificate of the item already.
        InvalidField: a fact is missing, or cannot be recorded.
        NotFound: there is no such item.
    """
    _require_facts(confirmed, now=now)
    if store.is_entered(session, confirmed.item_id, confirmed.number):
        raise AlreadyThere(f"certificate {confirmed.number} of this item is in the book already")
    interval, uncertainty = stated_over(confirmed.results)
    work = Work(
        id=uuid7(),
        item_id=confirmed.item_id,
        kind=confirmed.kind,
        performed_on=confirmed.performed_on,
        valid_until=confirmed.valid_until,
        procedure_code=confirmed.procedure_code,
        place=confirmed.place,
        record_number=confirmed.number,
        certificate_number=confirmed.number,
        readings={},
        interval=interval,
        uncertainty=uncertainty,
        uses=tuple(_uses(session, confirmed)),
        results=confirmed.results,
        statement=confirmed.statement,
        terminal_reason=RECOGNIZED if confirmed.recognized else None,
        is_demonstration=confirmed.is_demonstration,
    )
    row = calibrations.record_external(
        session,
        work,
        laboratory=confirmed.laboratory,
        document_sha256=document.sha256 if document else "",
        entered_by=entered_by,
        now=now,
    )
    if document is not None:
        session.insert(
            CalibrationDocument, [{"calibration_id": row.id, "document_id": document.id}]
        )
    for replaced in store.standing_external(session, row.item_id, confirmed.replaces):
        calibrations.end(
            session, replaced, successor_id=row.id,
            reason=f"{confirmed.replaces} → {confirmed.number}", actor_id=entered_by, now=now,
        )  # fmt: skip
    return row


def results_of(recovered: Recovered) -> tuple[Result, ...]:
    """Return what a certificate reports as results of a calibration."""
    return tuple(map(_result, recovered.results))


def statement_of(recovered: Recovered) -> Statement | None:
    """Return the verdict on the whole that a certificate states; None if it states none."""
    if recovered.verdict is None:
        return None
    plain = recovered.verdict in (Verdict.PASS, Verdict.FAIL)
    return Statement(
        decision_rule=recovered.decision_rule or "as the certificate states it",
        basis=recovered.specification or recovered.number,
        verdict=recovered.verdict.value if plain else Verdict.UNDETERMINED.value,
    )


def _result(row: RecoveredResult) -> Result:
    """Return a result; one without a nominal value is reported at its own value."""
    is_error = row.is_error and row.nominal is not None
    return Result(
        measurand="error_of_indication" if is_error else "value",
        unit=row.unit,
        nominal=row.nominal if row.nominal is not None else row.estimate,
        estimate=row.estimate,
        expanded_uncertainty=row.expanded_uncertainty,
        coverage_factor=_float(row.coverage_factor),
        coverage_probability=_float(row.coverage_probability),
        standard_uncertainty=_float(row.standard_uncertainty),
        maximum_permissible_error=row.maximum_permissible_error,
        stage=row.stage,
        detail_zh=row.name.zh or None,
        detail_en=row.name.en or None,
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def stated_over(
    results: Sequence[Result],
) -> tuple[MeasuringInterval | None, UncertaintyStatement | None]:
    """Return over which interval results hold, and the largest U among them with its k.

    Results in several units are several quantities: the one with the most results is told.
    """
    counted = Counter(row.unit for row in results)
    if not counted:
        return None, None
    unit = counted.most_common(1)[0][0]
    own = [row for row in results if row.unit == unit]
    at = [float(row.nominal) for row in own]
    interval = MeasuringInterval(lower=min(at), upper=max(at), unit=unit)
    stated = [row for row in own if row.expanded_uncertainty and row.coverage_factor]
    if not stated:
        return interval, None
    largest = max(stated, key=lambda row: row.expanded_uncertainty or 0)
    return interval, UncertaintyStatement(
        model="absolute",
        coefficient=float(largest.expanded_uncertainty or 0),
        coverage_factor=largest.coverage_factor or 0.0,
        unit=unit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedStandard:
    """A standard that a certificate names, and the calibration of it that is known here."""

    named: NamedStandard
    reference_id: UUID | None = None
    published_id: UUID | None = None

    @property
    def is_known(self) -> bool:
        """Whether its calibration is in the book, or published."""
        return self.reference_id is not None or self.published_id is not None


def match_standards(
    session: TenantSession, standards: Iterable[NamedStandard], *, on: date
) -> tuple[MatchedStandard, ...]:
    """Return what is known of the standards that served on a day, by certificate number."""
    return tuple(_matched(session, named, on) for named in standards)


def _matched(session: TenantSession, named: NamedStandard, on: date) -> MatchedStandard:
    found = store.calibration_by_certificate(session, named.certificate_number, on=on)
    if found is None:
        return MatchedStandard(named=named)
    if isinstance(found, PublishedCalibration):
        return MatchedStandard(named=named, published_id=found.id)
    return MatchedStandard(named=named, reference_id=found.id)


def _uses(session: TenantSession, confirmed: Confirmed) -> Iterator[Use]:
    for matched in match_standards(session, confirmed.standards, on=confirmed.performed_on):
        if matched.is_known:
            yield Use(
                reference_id=matched.reference_id,
                published_id=matched.published_id,
                method_zh=METHOD.zh,
                method_en=METHOD.en,
            )


def _require_facts(confirmed: Confirmed, *, now: datetime) -> None:
    if not confirmed.number.strip():
        raise InvalidField("/number", "a certificate has a number")
    for name in ("zh", "en"):
        if not getattr(confirmed.laboratory, name).strip():
            raise InvalidField(f"/laboratory_{name}", "the laboratory that issued it is named")
    if confirmed.performed_on > now.date():
        raise InvalidField("/performed_on", f"{confirmed.performed_on} has not come yet")
    if not confirmed.results:
        raise InvalidField("/results", "a calibration gives at least one result")
