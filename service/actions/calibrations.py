"""Recording, publishing and ending calibrations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import hypot, sqrt
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from certificates.seal import digest
from certificates.wording import Bilingual
from procedures.budget import UncertaintyBudget
from service import audit
from service.actions import due, notices
from service.actions.admission import require_admissible
from service.actions.endings import published_id, write_end
from service.actions.verdicts import judge_when_written
from service.errors import AlreadyThere, InvalidField, NotFound, NotPublishable
from service.store import calibrations as store
from service.tables.calibrations import (
    Calibration,
    CalibrationFacts,
    CalibrationReference,
    CalibrationResult,
    ConformityStatementRecord,
    Influence,
    OriginalRecord,
    Publication,
    ReferenceFacts,
    ResultInfluence,
    ResultSensitivity,
    UncertaintyBudgetRecord,
)
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tables.published import PublishedCalibration, PublishedReference
from service.tenancy import TenantSession
from traceability.graph import (
    MAIN_TRACK,
    Basis,
    Extension,
    Link,
    MeasuringInterval,
    Reference,
    UncertaintyStatement,
    build_graph,
    check_entry,
)
from traceability.standards import (
    MaximumPermissibleError,
    accuracy_ratio,
    reference_contribution,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How a reference of the own book, or a published one, was used; the rest is calculated.

    Attributes:
        at_value: where it was used, in `at_unit`; `user_value`, `user_unit` for the item.
        conversion_factor: user's unit per reference's unit, None where they are one.
        ratio, standard_uncertainty, contributed_standard_uncertainty: as stated, where the
            item's own data do not say them.
        sensitivity_coefficient: ∂y/∂x of the reference's value, for every result.
    """

    reference_id: UUID | None = None
    published_id: UUID | None = None
    method_zh: str
    method_en: str
    basis: Basis | None = None
    ratio_limit: float | None = None
    at_value: float | None = None
    at_unit: str | None = None
    user_value: float | None = None
    user_unit: str | None = None
    conversion_factor: float | None = None
    conversion_model: str | None = None
    extension: Extension | None = None
    interval: MeasuringInterval | None = None
    ratio: float | None = None
    standard_uncertainty: float | None = None
    contributed_standard_uncertainty: float | None = None
    sensitivity_coefficient: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result as reported; `budget` is the evaluation behind it, where there was one."""

    measurand: str
    unit: str
    nominal: Decimal
    estimate: Decimal
    expanded_uncertainty: Decimal | None = None
    coverage_factor: float | None = None
    coverage_probability: float | None = None
    standard_uncertainty: float | None = None
    degrees_of_freedom: float | None = None
    maximum_permissible_error: Decimal | None = None
    stage: str | None = None
    detail_zh: str | None = None
    detail_en: str | None = None
    budget: UncertaintyBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A verdict on the whole calibration, with the checks that led to it."""

    decision_rule: str
    basis: str
    verdict: str
    checks: tuple[Mapping[str, Any], ...] = ()
    conformance_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a laboratory did to one item on one day, and what came of it."""

    id: UUID
    item_id: UUID
    kind: str
    performed_on: date
    valid_until: date | None
    procedure_code: str | None
    place: str
    record_number: str
    readings: Mapping[str, Any]
    interval: MeasuringInterval | None
    uncertainty: UncertaintyStatement | None
    uses: tuple[Use, ...]
    results: tuple[Result, ...]
    track: str = MAIN_TRACK
    terminal_reason: str | None = None
    is_adjusted: bool = False
    is_demonstration: bool = False
    statement: Statement | None = None
    procedure_edition_id: UUID | None = None
    certificate_number: str | None = None


def record(session: TenantSession, work: Work, *, performed_by: UUID, now: datetime) -> Calibration:
    """Enter a calibration that this organization made, with its results and references.

    Raises:
        AlreadyThere: the book holds a calibration of this id.
        NotFound: the item or a reference is not in the book.
        InvalidField: a number no record may carry; nothing is written.
        ReferenceLaterThanUser, CycleInTraceability: a reference cannot have served.
    """
    own = session.get_one(Organization, session.organization_id)
    row = _enter(
        session, work, source="made", laboratory=Bilingual(own.name_zh, own.name_en), now=now
    )
    _save_record(session, work)
    audit.record(
        session, f"{work.kind}.recorded", work.id, actor_id=performed_by, now=now,
        said={"item_id": str(work.item_id), "record": work.record_number},
    )  # fmt: skip
    return row


def record_external(
    session: TenantSession,
    work: Work,
    *,
    laboratory: Bilingual,
    document_sha256: str,
    entered_by: UUID,
    now: datetime,
) -> Calibration:
    """Enter a calibration by its certificate from a laboratory off-platform.

    Args:
        work: what the certificate says; its record number is the certificate's number.
        laboratory: the name of who issued the certificate.
        document_sha256: of the certificate's file, or nothing where it is paper.

    Raises: as `record`.
    """
    row = _enter(session, work, source="external", laboratory=laboratory, now=now)
    audit.record(
        session, f"{work.kind}.entered", work.id, actor_id=entered_by, now=now,
        said={"item_id": str(work.item_id), "certificate": work.record_number,
              "sha256": document_sha256},
    )  # fmt: skip
    return row


def _enter(
    session: TenantSession, work: Work, *, source: str, laboratory: Bilingual, now: datetime
) -> Calibration:
    mine = session.organization_id
    if session.get(Calibration, (mine, work.id)):
        raise AlreadyThere(f"calibration {work.id} is in the book already")
    item = session.get(Item, (mine, work.item_id))
    if item is None:
        raise NotFound("item", work.item_id)
    require_admissible(work)
    references = [_facts_of_use(session, use, item, work, i) for i, use in enumerate(work.uses)]
    _check_references(session, work, references)
    row = Calibration(
        organization_id=mine,
        source=source,
        item_name_zh=item.name_zh,
        item_name_en=item.name_en,
        level_zh=item.level_zh,
        laboratory_zh=laboratory.zh,
        laboratory_en=laboratory.en,
        recorded_at=now,
        **_of_interval(work.interval),
        **_of_uncertainty(work.uncertainty),
        **{name: getattr(work, name) for name in WORK_COLUMNS},
    )
    session.add(row)
    session.flush()
    session.insert(CalibrationReference, references)
    _save_results(session, work, references)
    judge_when_written(session, [work.id], now=now)
    if work.statement is not None:
        _state(session, work.id, work.statement, now=now)
    due.refresh(session, item.id)
    return row


def publish(
    session: TenantSession, calibration_id: UUID, *, actor_id: UUID, now: datetime
) -> PublishedCalibration:
    """Repeat a calibration in the reference layer, and bind the two by keys.

    Raises:
        NotFound: the book has no such calibration.
        AlreadyThere: it is published already.
        NotPublishable: a reference behind it is not published, it is another's citation, it has
            been superseded or withdrawn, or ends its chain by what another claims.
    """
    mine = session.organization_id
    row = store.get(session, calibration_id)
    if store.publication(session, row.id):
        raise AlreadyThere(f"calibration {row.id} is published already")
    if store.supersession(session, row.id):
        raise NotPublishable(f"calibration {row.id} no longer holds")
    links = store.links_of(session, [row.id], known_at=now)
    if any(link.claimed_terminal_reason for link in links):
        raise NotPublishable(f"calibration {row.id} ends its chain by a claim that nobody confirms")
    published = PublishedCalibration(
        holder_id=mine,
        calibration_id=row.id,
        item_id=_own_item_id(row),
        **_columns(row, CalibrationFacts) | {"recorded_at": now},
    )
    session.add(published)
    session.flush()
    session.insert(
        PublishedReference,
        [
            {
                "calibration_id": published.id,
                "position": edge.position,
                "reference_id": edge.published_id or published_id(session, edge.reference_id),
                **_columns(edge, ReferenceFacts),
            }
            for edge in store.references(session, row.id)
        ],
    )
    session.insert(Publication, [{"calibration_id": row.id, "published_id": published.id}])
    audit.record(session, "calibration.published", row.id, actor_id=actor_id, now=now)
    return published


def end(
    session: TenantSession,
    calibration_id: UUID,
    *,
    successor_id: UUID | None = None,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> None:
    """End a calibration's standing in the book and, if it is published, for everyone.

    With a successor it is superseded, without one withdrawn. Whoever was told of it, or of what
    cites it, is sent a notice.

    Raises:
        NotFound: the book has no such calibration, or no such successor.
        AlreadyThere: it has ended already.
        InvalidField: the successor has ended itself, or is another item's.
        NotPublishable: the calibration is published, and its successor is not.
    """
    row = store.get(session, calibration_id)
    if store.supersession(session, row.id):
        raise AlreadyThere(f"calibration {row.id} has ended already")
    if successor_id is not None:
        _require_successor(session, row, successor_id)
    write_end(session, row.id, successor_id=successor_id, reason=reason, now=now)
    action = "calibration.superseded" if successor_id else "calibration.withdrawn"
    audit.record(session, action, row.id, actor_id=actor_id, now=now, said={"reason": reason})
    notices.tell_ended(session, {row.id: successor_id}, reason=reason, actor_id=actor_id, now=now)


def _require_successor(session: TenantSession, row: Calibration, successor_id: UUID) -> None:
    successor = store.get(session, successor_id)
    if successor.id == row.id or successor.item_id != row.item_id:
        raise InvalidField("/successor_id", "the successor is another calibration of the same item")
    if store.supersession(session, successor.id):
        raise InvalidField("/successor_id", "the successor has ended itself")


WORK_COLUMNS = (
    "id",
    "item_id",
    "kind",
    "track",
    "performed_on",
    "valid_until",
    "procedure_code",
    "procedure_edition_id",
    "place",
    "terminal_reason",
    "certificate_number",
    "is_adjusted",
    "is_demonstration",
)


def _check_references(
    session: TenantSession, work: Work, references: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse references that are not there, came later, or are the calibration itself."""
    targets = [row["reference_id"] or row["published_id"] for row in references]
    known = [_as_link(session, row) for row in references if row["reference_id"] != work.id]
    link = Link(
        calibration_id=work.id,
        performed_on=work.performed_on,
        references=tuple(
            Reference(position=position, reference_id=target)
            for position, target in enumerate(targets)
        ),
    )
    check_entry(build_graph(known), link)


def _as_link(session: TenantSession, row: Mapping[str, Any]) -> Link:
    used = _reference_row(session, row["reference_id"], row["published_id"])
    return Link(calibration_id=used.id, performed_on=used.performed_on)


def _reference_row(
    session: TenantSession, reference_id: UUID | None, published_id: UUID | None
) -> Calibration | PublishedCalibration:
    if reference_id is not None:
        return store.get(session, reference_id)
    published = session.get(PublishedCalibration, published_id)
    if published is None:
        raise NotFound("published calibration", str(published_id))
    return published


def _facts_of_use(
    session: TenantSession, use: Use, item: Item, work: Work, position: int
) -> dict[str, Any]:
    """Return the columns of an edge; ratio and contribution from the items' own data."""
    facts = {name: getattr(use, name) for name in USE_COLUMNS} | {
        "calibration_id": work.id,
        "position": position,
        "published_id": use.published_id,
        "interval_lower": use.interval and use.interval.lower,
        "interval_upper": use.interval and use.interval.upper,
        "interval_unit": use.interval and use.interval.unit,
    }
    if use.reference_id is None or use.reference_id == work.id:
        return facts
    reference = store.get(session, use.reference_id)
    standard = reference.item_id and session.get(Item, (item.organization_id, reference.item_id))
    if standard and reference.track == MAIN_TRACK and work.track == MAIN_TRACK:
        facts |= {k: v for k, v in _calculated(use, standard, item).items() if v is not None}
    return facts


def _calculated(use: Use, standard: Item, item: Item) -> dict[str, float | None]:
    statement = _basis_statement(use, standard)
    limit = permissible_error(item)
    if statement is None or use.basis is None or use.at_value is None or use.user_value is None:
        return {}
    how: dict[str, Any] = {
        "basis_value": statement.limit_at(use.at_value),
        "at_value": use.at_value,
        "user_value": use.user_value,
        "conversion_factor": use.conversion_factor,
        "extension": use.extension,
    }
    ratio = None
    if use.ratio_limit is not None and limit is not None:
        ratio = accuracy_ratio(**how, user_limit=limit.limit_at(use.user_value))
    if use.standard_uncertainty is not None:
        return {"ratio": ratio}
    u, contributed = reference_contribution(**how, basis=use.basis)
    return {
        "ratio": ratio,
        "standard_uncertainty": u,
        "contributed_standard_uncertainty": contributed,
    }


def _basis_statement(use: Use, standard: Item) -> MaximumPermissibleError | None:
    """Return the statement of a standard by which it counts, U or its permissible error."""
    if use.basis == "MPE":
        return permissible_error(standard)
    if standard.expanded_uncertainty_model is None or standard.range_unit is None:
        return None
    return MaximumPermissibleError(
        model=standard.expanded_uncertainty_model,  # type: ignore[arg-type]  # a checked column
        coefficient=standard.expanded_uncertainty_coefficient or 0.0,
        unit=standard.range_unit,
    )


def permissible_error(item: Item) -> MaximumPermissibleError | None:
    """Return an item's maximum permissible error; None where it has none, or none in a unit."""
    if item.maximum_permissible_error_model is None or item.range_unit is None:
        return None
    return MaximumPermissibleError(
        model=item.maximum_permissible_error_model,  # type: ignore[arg-type]  # a checked column
        coefficient=item.maximum_permissible_error_coefficient or 0.0,
        unit=item.range_unit,
    )


USE_COLUMNS = (
    "reference_id",
    "method_zh",
    "method_en",
    "basis",
    "ratio",
    "ratio_limit",
    "at_value",
    "at_unit",
    "user_value",
    "user_unit",
    "conversion_factor",
    "conversion_model",
    "extension",
    "standard_uncertainty",
    "contributed_standard_uncertainty",
)


def _save_results(
    session: TenantSession, work: Work, references: Sequence[Mapping[str, Any]]
) -> None:
    ids = [uuid7() for _ in work.results]
    session.insert(
        CalibrationResult,
        [
            {
                "id": id_,
                "calibration_id": work.id,
                "position": position,
                **{name: getattr(result, name) for name in RESULT_COLUMNS},
                "standard_uncertainty": _standard_uncertainty(result),
            }
            for position, (id_, result) in enumerate(zip(ids, work.results, strict=True))
        ],
    )
    session.insert(
        UncertaintyBudgetRecord,
        [
            {
                "result_id": id_,
                "content": result.budget.as_mapping(),
                "sha256": result.budget.content_hash,
            }
            for id_, result in zip(ids, work.results, strict=True)
            if result.budget is not None
        ],
    )
    _save_influences(session, work, ids, references)
    session.insert(
        ResultSensitivity,
        [
            {"result_id": id_, "position": position, "coefficient": use.sensitivity_coefficient}
            for id_ in ids
            for position, use in enumerate(work.uses)
            if use.sensitivity_coefficient is not None
        ],
    )


RESULT_COLUMNS = (
    "measurand",
    "unit",
    "nominal",
    "estimate",
    "expanded_uncertainty",
    "coverage_factor",
    "coverage_probability",
    "degrees_of_freedom",
    "maximum_permissible_error",
    "stage",
    "detail_zh",
    "detail_en",
)


def _standard_uncertainty(result: Result) -> float | None:
    if result.standard_uncertainty is not None:
        return result.standard_uncertainty
    if result.expanded_uncertainty is None or result.coverage_factor is None:
        return None
    return float(result.expanded_uncertainty) / result.coverage_factor


def _save_influences(
    session: TenantSession, work: Work, ids: Sequence[UUID], references: Sequence[Mapping[str, Any]]
) -> None:
    """Give each result its components: what its references brought, and its own remainder.

    The results of one calibration are taken as fully correlated with one another: they share
    their references in the same proportion, and the remainder is one influence of its own.
    """
    known = [_standard_uncertainty(result) for result in work.results]
    shares = _shares(session, work, references)
    own = uuid7()
    shares[own] = sqrt(max(0.0, 1.0 - sum(share**2 for share in shares.values())))
    session.insert(
        Influence,
        [{"id": own, "label_zh": f"{work.record_number} 自身分量",
          "label_en": f"{work.record_number}, its own contributions"}],
    )  # fmt: skip
    session.insert(
        ResultInfluence,
        [
            {"result_id": id_, "influence_id": influence_id, "component": share * u}
            for id_, u in zip(ids, known, strict=True)
            if u
            for influence_id, share in shares.items()
        ],
    )


def _shares(
    session: TenantSession, work: Work, references: Sequence[Mapping[str, Any]]
) -> dict[UUID, float]:
    """Return the part of u(result) that came in by each influence behind the references."""
    shares: dict[UUID, float] = {}
    for row in references:
        contributed = row["contributed_standard_uncertainty"]
        if not contributed or row["user_value"] is None or work.uncertainty is None:
            continue
        part = contributed / work.uncertainty.standard_at(row["user_value"])
        for influence_id, component in _behind(session, row).items():
            shares[influence_id] = shares.get(influence_id, 0.0) + part * component
    # Where the references bring more than the result admits to, it is a finding of the audit.
    length = max(1.0, hypot(*shares.values()))
    return {influence_id: share / length for influence_id, share in shares.items()}


def _behind(session: TenantSession, row: Mapping[str, Any]) -> dict[UUID, float]:
    """Return the influences behind a reference, as parts of its own uncertainty.

    A published reference is one influence under its id of the reference layer: whoever uses it,
    in whatever book, shares it. So is a reference whose components nobody told.
    """
    known = store.direction(session, row["reference_id"]) if row["reference_id"] else {}
    length = hypot(*known.values())
    if not length:
        return {row["published_id"] or row["reference_id"]: 1.0}
    return {influence_id: component / length for influence_id, component in known.items()}


def _save_record(session: TenantSession, work: Work) -> None:
    content = {"readings": dict(work.readings), "results": [_told(r) for r in work.results]}
    session.insert(
        OriginalRecord,
        [
            {
                "calibration_id": work.id,
                "number": work.record_number,
                "content": content,
                "sha256": digest(content),
            }
        ],
    )


def _told(result: Result) -> dict[str, str | None]:
    return {
        name: None if value is None else str(value)
        for name in RESULT_COLUMNS
        for value in (getattr(result, name),)
    }


def _state(
    session: TenantSession, calibration_id: UUID, statement: Statement, *, now: datetime
) -> None:
    session.insert(
        ConformityStatementRecord,
        [
            {
                "id": uuid7(),
                "calibration_id": calibration_id,
                "decision_rule": statement.decision_rule,
                "basis": statement.basis,
                "verdict": statement.verdict,
                "checks": [dict(check) for check in statement.checks],
                "conformance_probability": statement.conformance_probability,
                "stated_at": now,
            }
        ],
    )


def _of_interval(interval: MeasuringInterval | None) -> dict[str, Any]:
    if interval is None:
        return {}
    return {
        "interval_lower": interval.lower,
        "interval_upper": interval.upper,
        "interval_unit": interval.unit,
    }


def _of_uncertainty(statement: UncertaintyStatement | None) -> dict[str, Any]:
    if statement is None:
        return {}
    return {
        "uncertainty_model": statement.model,
        "uncertainty_coefficient": statement.coefficient,
        "coverage_factor": statement.coverage_factor,
    }


def _own_item_id(row: Calibration) -> UUID:
    """Return the item of a calibration that is no citation.

    Raises:
        NotPublishable: it is a citation; its own laboratory may publish it.
    """
    if row.item_id is None:
        raise NotPublishable(f"calibration {row.id} is cited, not the organization's own")
    return row.item_id


def _columns(row: Any, facts: type[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in facts.model_fields}
