"""What rests on a calibration, and what a standard out of tolerance has affected."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, FiniteFloat
from sqlmodel import SQLModel

from service import networks
from service.affected import Fault, RecallList, recall
from service.api.calibrations import Strict
from service.api.given import Day, Moment
from service.auth import Reading
from service.clock import Now, Today
from service.networks import Dependent
from service.store import organizations as organization_store
from service.tenancy import TenantSession
from traceability.graph import Link
from traceability.impact import AffectedResult, DriftAssumption

router = APIRouter(prefix="/calibrations", tags=["calibrations"])

MOST_POINTS = 1000

On = Annotated[Day | None, Query(description="the day asked about; today if not given")]
KnownAt = Annotated[Moment | None, Query(description="as known at this moment")]


class CalibrationNamed(SQLModel):
    """A calibration with the names by which people know it."""

    id: UUID
    item_id: UUID | None
    item_name_zh: str
    item_name_en: str
    certificate_number: str | None
    performed_on: date
    valid_until: date | None


class DependentAnswer(CalibrationNamed):
    """A calibration that rests on the one asked about.

    `is_published`: only the reference layer holds it, and `id` is its id there.
    """

    level: int
    standing: Literal["valid", "expired", "superseded", "withdrawn"]
    is_in_force: bool
    is_published: bool


class LevelAnswer(SQLModel):
    """How many calibrations lie so many steps below, by how they stand on the day."""

    level: int
    calibrations: int
    valid: int
    expired: int
    superseded: int
    withdrawn: int


class DependentsAnswer(SQLModel):
    """What rests on a calibration: the whole list, and how much it is."""

    calibration: CalibrationNamed
    on: date
    levels: list[LevelAnswer]
    items_relying: int
    dependents: list[DependentAnswer]


class AsFoundIn(Strict):
    """A point at which the standard was found wrong: the value it gave, less the true one."""

    value: FiniteFloat
    error: FiniteFloat


class FaultIn(Strict):
    """A standard out of tolerance, and what is taken for the way it got there.

    Numbers are in `unit`, that of the standard's calibration. Points ascend by value; between
    them the error runs straight, beyond them it is unknown.
    """

    last_good_on: date
    found_on: date
    unit: Annotated[str, Field(min_length=1, max_length=40)]
    as_found: Annotated[list[AsFoundIn], Field(min_length=1, max_length=MOST_POINTS)]
    standard_uncertainty: Annotated[FiniteFloat, Field(ge=0)] | None = None
    assumption: DriftAssumption


class AffectedAnswer(SQLModel):
    """A result on the recall list; unknown numbers are null.

    `path` leads from its calibration to the faulty one. `shift` is by how much its reference
    value was off, `corrected_error` the recorded error plus that.
    """

    result_id: UUID
    calibration_id: UUID
    customer_id: UUID | None
    path: list[UUID]
    unit: str
    value: float
    error: float | None
    shift: float | None
    corrected_error: float | None
    standard_uncertainty: float | None
    maximum_permissible_error: float | None
    recorded_verdict: Literal["conforming", "nonconforming", "unknown"]
    corrected_verdict: Literal["conforming", "nonconforming", "unknown"]
    probability_of_nonconformity: float | None
    is_overturned: bool
    is_open: bool


class CustomerAnswer(SQLModel):
    """What one customer is to be told of; `customer_id` null is the own organization."""

    customer_id: UUID | None
    name_zh: str | None
    name_en: str | None
    results: int
    overturned: int
    open: int


class RecallAnswer(SQLModel):
    """What a faulty standard has affected, as one book and the reference layer know it.

    `affected` holds those overturned first, then by probability. `untouched` are uses that the
    days or the as-found errors leave out; `other_units` results that cannot be judged because
    they are in another unit than their calibration.
    """

    calibration: CalibrationNamed
    assumption: DriftAssumption
    last_good_on: date
    found_on: date
    on: date
    calibrations: list[CalibrationNamed]
    affected: list[AffectedAnswer]
    customers: list[CustomerAnswer]
    untouched: list[CalibrationNamed]
    other_units: list[UUID]


@router.get("/{calibration_id}/dependents")
def get_dependents(
    session: Reading,
    calibration_id: UUID,
    now: Now,
    today: Today,
    on: On = None,
    known_at: KnownAt = None,
) -> DependentsAnswer:
    """Return what had been calibrated from a calibration by a day, by whatever path.

    The calibration is named by its id in the own book or in the reference layer. What it holds
    of other organizations is what they publish; the rest stands in their own books.
    """
    found = networks.dependents(session, calibration_id, on=on or today, known_at=known_at or now)
    return DependentsAnswer(
        calibration=named(found.root),
        on=found.on,
        levels=[
            LevelAnswer(level=level, calibrations=sum(counts.values()), **counts)
            for level, counts in found.counts().items()
        ],
        items_relying=len(found.radius.items),
        dependents=[_dependent(one) for one in found.dependents],
    )


@router.post("/{calibration_id}/recall")
def recall_calibration(
    session: Reading,
    calibration_id: UUID,
    said: FaultIn,
    now: Now,
    today: Today,
    on: On = None,
    known_at: KnownAt = None,
) -> RecallAnswer:
    """Return every result that a standard out of tolerance has affected, and what becomes of it.

    Nothing is written: ask before anything happens, under each assumption. A result is closed
    once its item has been calibrated anew by `on`, and not from the same fault.
    """
    found = recall(
        session,
        calibration_id,
        fault_of(said),
        assumption=said.assumption,
        on=on or today,
        known_at=known_at or now,
    )
    return recall_answer(session, said, found)


def fault_of(said: FaultIn) -> Fault:
    """Return what a request says of a standard."""
    return Fault(
        last_good_on=said.last_good_on,
        found_on=said.found_on,
        as_found=tuple((point.value, point.error) for point in said.as_found),
        unit=said.unit,
        standard_uncertainty=said.standard_uncertainty,
    )


def recall_answer(session: TenantSession, said: FaultIn, found: RecallList) -> RecallAnswer:
    """Return a recall as it is answered."""
    return RecallAnswer(
        calibration=named(found.root),
        assumption=said.assumption,
        last_good_on=said.last_good_on,
        found_on=said.found_on,
        on=found.on,
        calibrations=_listed(found, found.recall.calibration_ids),
        affected=[affected_answer(found, case) for case in found.recall.affected],
        customers=_customers(session, found),
        untouched=_listed(found, found.recall.untouched),
        other_units=[result.result_id for result in found.other_units],
    )


def affected_answer(found: RecallList, case: AffectedResult) -> AffectedAnswer:
    """Return one affected result as it is answered."""
    result = case.result
    return AffectedAnswer(
        result_id=result.result_id,
        calibration_id=result.calibration_id,
        customer_id=result.customer_id,
        path=list(case.path),
        unit=found.units[result.result_id],
        value=result.value,
        error=result.error,
        shift=case.shift,
        corrected_error=case.corrected_error,
        standard_uncertainty=case.standard_uncertainty,
        maximum_permissible_error=result.limit,
        recorded_verdict=case.recorded_verdict.value,
        corrected_verdict=case.corrected_verdict.value,
        probability_of_nonconformity=case.probability_of_nonconformity,
        is_overturned=case.overturned,
        is_open=result.result_id in found.open_ids,
    )


def named(link: Link) -> CalibrationNamed:
    """Return a calibration with its names."""
    return CalibrationNamed(**_names(link))


def _names(link: Link) -> dict[str, Any]:
    return {
        "id": link.calibration_id,
        "item_id": link.item_id,
        "item_name_zh": link.item_name_zh,
        "item_name_en": link.item_name_en,
        "certificate_number": link.certificate_number,
        "performed_on": link.performed_on,
        "valid_until": link.valid_until,
    }


def _dependent(one: Dependent) -> DependentAnswer:
    return DependentAnswer(
        **_names(one.link),
        level=one.level,
        standing=one.standing.value,
        is_in_force=one.is_in_force,
        is_published=one.is_published,
    )


def _listed(found: RecallList, ids: frozenset[UUID]) -> list[CalibrationNamed]:
    links = sorted((found.links[id_] for id_ in ids), key=_by_day)
    return [named(link) for link in links]


def _by_day(link: Link) -> tuple[date, UUID]:
    return link.performed_on, link.calibration_id


def _customers(session: TenantSession, found: RecallList) -> list[CustomerAnswer]:
    organizations = {row.id: row for row in organization_store.all_of_them(session)}
    answers = []
    for customer_id, cases in found.recall.by_customer().items():
        row = organizations.get(customer_id) if customer_id else None
        answers.append(
            CustomerAnswer(
                customer_id=customer_id,
                name_zh=row.name_zh if row else None,
                name_en=row.name_en if row else None,
                results=len(cases),
                overturned=sum(case.overturned for case in cases),
                open=sum(case.result.result_id in found.open_ids for case in cases),
            )
        )
    return answers
