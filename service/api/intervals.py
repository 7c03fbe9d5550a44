"""Calibration intervals: of an item of the book, or of histories that come with the question."""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from certificates import interval_wording
from procedures.drift import (
    FamilyDrift,
    Found,
    Growth,
    GrowthStatement,
    History,
    MemberDrift,
    Unanswered,
    analyse,
)
from procedures.errors import InvalidInput
from procedures.interval_advice import Ground, IntervalAdvice, advise
from service.api.given import Day, Moment
from service.auth import Reading
from service.clock import Now, Today
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Number, Positive, Strict
from service.exchange.lot_request import EXAMPLES as LOT_EXAMPLES
from service.exchange.lot_request import LotAnswer, LotRequest
from service.exchange.lot_request import answer as lot_answer
from service.intervals import DAYS_A_YEAR, DEFAULT_TARGET, SEED, ItemInterval, interval_of

router = APIRouter(tags=["intervals"])

MONTHS_TOLD: Final = (0, 3, 6, 9, 12, 18, 24, 36, 48, 60, 84, 120)
MOST_ITEMS, MOST_RECORDS = 40, 200
Months = Annotated[int, Field(strict=True, ge=1, le=1200)]
Target = Annotated[float, Field(gt=0, lt=1, description="P(in tolerance) wanted: 0.95, not 95.")]


# ── The question ─────────────────────────────────────────────────────────────────────────────


class RecordRequest(Strict):
    """One calibration. Leave out what is not known; `as_left` belongs to an adjustment."""

    on: date
    as_found: Annotated[Number | None, Field(description="The error, as the tolerance.")] = None
    as_left: Number | None = None
    within: Annotated[
        bool | None, Field(description="Without a value: whether it was found in tolerance.")
    ] = None
    adjusted: bool = False
    replaced: Annotated[
        bool, Field(description="Another item of the kind took its place before this one.")
    ] = False


class HistoryRequest(Strict):
    """The calibrations of one item, the oldest first."""

    name: Annotated[str, Field(max_length=200)] = ""
    tolerance: Annotated[Positive, Field(description="Maximum permissible error, at both signs.")]
    standard_uncertainty: Annotated[
        Positive | None, Field(description="u of one calibration; judged by the data if left out.")
    ] = None
    records: Annotated[list[RecordRequest], Field(max_length=MOST_RECORDS)]
    is_mandatory: Annotated[bool, Field(description="强制检定: never lengthened.")] = False
    legal_months: Months | None = None
    current_months: Months | None = None


class CostsRequest(Strict):
    """What a calibration costs, and what it costs to find the item out of tolerance."""

    calibration: NotNegative
    out_of_tolerance: NotNegative


class IntervalsRequest(Strict):
    """One item, or a family of like items that are to be understood together."""

    items: Annotated[list[HistoryRequest], Field(min_length=1, max_length=MOST_ITEMS)]
    target_reliability: Annotated[float, Field(strict=True, gt=0, lt=1)] = DEFAULT_TARGET
    costs: CostsRequest | None = None


# ── The answer ───────────────────────────────────────────────────────────────────────────────


class StatementTold(BaseModel):
    """Whether the errors grow with time; `grows` only where two different tests agree."""

    model_config = ConfigDict(from_attributes=True)

    growth: Growth
    likelihood_ratio: float
    smallest_p: float | None
    unseen_drift: Annotated[
        float | None, Field(description="per year, as a share of the tolerance")
    ]
    has_equal_intervals: bool


class PointTold(BaseModel):
    """P(in tolerance) so many months after the last calibration, with its 90 % band."""

    months: int
    probability: float
    low: float
    high: float
    cost_per_year: float | None = None


class ProposalTold(BaseModel):
    """What the statistics propose; months are rounded down."""

    model_config = ConfigDict(from_attributes=True)

    years: float | None
    months: int | None
    cautious_months: int | None
    advised_months: int | None
    is_limited: Annotated[bool, Field(description="the data would allow more than ten years")]
    reason: Unanswered | None


class IntervalTold(BaseModel):
    """The interval to go by, and the legal cap and the proposal beside it.

    `months` is null where nothing can be gone by; `ground` says why in any case.
    """

    name: str
    months: int | None
    ground: Ground
    proposal: ProposalTold
    legal_months: int | None
    current_months: int | None
    is_mandatory: bool
    needless_adjustments: list[int]
    curve: list[PointTold]
    sentences: list[Said]


class IntervalsAnswer(BaseModel):
    """Of each item in its order; the statement and the rates are of all together."""

    target_reliability: float
    statement: StatementTold | None
    mean_drift: Annotated[float, Field(description="per year, as a share of the tolerance")]
    jumps_per_year: float
    items: list[IntervalTold]


class ItemIntervalAnswer(IntervalTold):
    """Of an item of the ledger; the errors are those at one point, in `unit`."""

    item_id: UUID
    on: date
    target_reliability: float
    performed_on: date | None
    at: Annotated[str | None, Field(description="the value at which the errors were found")]
    unit: str | None
    tolerance: float | None
    calibrations: int
    family: Annotated[int, Field(description="how many like items were analysed together")]
    statement: StatementTold | None


EXAMPLES: Final[dict[str, Any]] = {
    "drifting": {
        "summary": "An item that drifts, adjusted once, under a legal period of twelve months",
        "value": {
            "items": [
                {
                    "name": "P-101",
                    "tolerance": 0.04,
                    "standard_uncertainty": 0.003,
                    "is_mandatory": True,
                    "legal_months": 12,
                    "records": [
                        {"on": "2021-03-01", "as_found": 0.002},
                        {"on": "2022-03-05", "as_found": 0.011},
                        {"on": "2023-02-20", "as_found": 0.021},
                        {"on": "2024-03-11", "as_found": 0.031, "as_left": 0, "adjusted": True},
                        {"on": "2025-03-01", "as_found": 0.009},
                    ],
                }
            ],
            "costs": {"calibration": 300, "out_of_tolerance": 5000},
        },
    },
    "one_calibration": {
        "summary": "One calibration says nothing yet: the period in force stays",
        "value": {
            "items": [
                {
                    "tolerance": 1,
                    "current_months": 12,
                    "records": [{"on": "2025-03-01", "as_found": 0.2}],
                }
            ]
        },
    },
}


@router.post("/intervals")
def analyse_intervals(
    said: Annotated[IntervalsRequest, Body(openapi_examples=EXAMPLES)],
) -> IntervalsAnswer:
    """Say how long items may run until their next calibration; nothing is stored.

    Drift, noise, steps and jumps are told apart over the whole family. What a history does not
    tell is answered with the reason, and the period in force stays. Source: ILAC-G24/OIML D 10;
    docs/intervals.md says how.
    """
    family = [_history(one, f"/items/{i}") for i, one in enumerate(said.items)]
    drift = analyse(family, generator=np.random.default_rng(SEED))
    return IntervalsAnswer(
        target_reliability=said.target_reliability,
        statement=_statement(drift.statement),
        mean_drift=drift.mean_drift,
        jumps_per_year=drift.jumps_per_year,
        items=[
            IntervalTold(**_told(one, member, drift, said))
            for one, member in zip(said.items, drift.members, strict=True)
        ],
    )


@router.post("/lots")
def evaluate_lot(
    said: Annotated[LotRequest, Body(openapi_examples=LOT_EXAMPLES)],
) -> LotAnswer:
    """Say how long a lot of like instruments lives, and when it is to be replaced.

    Ages are known between limits; the life is Weibull's by maximum likelihood, with the limits of
    its profile. Status (状态评价) and replacement before failure (适前更换) rest on the lower
    limit. Nothing is stored.
    """
    return lot_answer(said)


@router.get("/items/{item_id}/interval")
def get_interval(
    session: Reading,
    item_id: UUID,
    now: Now,
    today: Today,
    target_reliability: Annotated[
        float, Query(gt=0, lt=1, description="P(in tolerance) wanted: 0.95, not 95")
    ] = DEFAULT_TARGET,
    on: Annotated[Day | None, Query(description="calibrations until this day; else today")] = None,
    known_at: Annotated[Moment | None, Query(description="as known at this moment")] = None,
) -> ItemIntervalAnswer:
    """Say how long an item of the own ledger may run, from the calibrations of the book.

    Like items of the book (one maker's type at the same point) are understood together. A
    mandatory period is never lengthened.
    """
    found = interval_of(
        session,
        item_id,
        target_reliability=target_reliability,
        on=on or today,
        known_at=known_at or now,
    )
    return item_interval_answer(found)


def item_interval_answer(found: ItemInterval) -> ItemIntervalAnswer:
    """Return what is answered of an item, here and at the command line."""
    return ItemIntervalAnswer(
        item_id=found.item_id,
        name="",
        on=found.on,
        target_reliability=found.target_reliability,
        performed_on=found.performed_on,
        at=None if found.at is None else f"{found.at}",
        unit=found.unit,
        tolerance=found.tolerance,
        calibrations=len(found.history),
        family=found.family,
        statement=_statement(found.drift.statement if found.drift else None),
        needless_adjustments=list(found.member.needless_adjustments) if found.member else [],
        curve=_curve(found.member, None),
        sentences=[Said(zh=one.zh, en=one.en) for one in found.sentences],
        **_of_advice(found.advice),
    )


def _history(said: HistoryRequest, pointer: str) -> History:
    """Return a history as the core knows it.

    Raises:
        InvalidField: something in it cannot be so; points at it.
    """
    for i, (before, after) in enumerate(zip(said.records, said.records[1:], strict=False)):
        if after.on <= before.on:
            raise InvalidField(f"{pointer}/records/{i + 1}/on", "must be later than the one before")
    for i, record in enumerate(said.records):
        if record.as_left is not None and not record.adjusted:
            raise InvalidField(
                f"{pointer}/records/{i}/as_left", "belongs to an adjustment: say adjusted"
            )
        if record.as_found is not None and record.within is not None:
            raise InvalidField(f"{pointer}/records/{i}/within", "as_found says it already")
    try:
        return History(
            records=tuple(_found(record) for record in said.records),
            tolerance=said.tolerance,
            standard_uncertainty=said.standard_uncertainty,
        )
    except InvalidInput as error:
        place = error.field.replace("[", "/").replace("]", "").replace(".", "/")
        raise InvalidField(f"{pointer}/{place}", error.reason) from error


def _found(said: RecordRequest) -> Found:
    return Found(
        years=said.on.toordinal() / DAYS_A_YEAR,
        as_found=said.as_found,
        as_left=said.as_left,
        is_within=said.within,
        is_adjusted=said.adjusted,
        is_replaced=said.replaced,
    )


def _told(
    said: HistoryRequest, member: MemberDrift, drift: FamilyDrift, asked: IntervalsRequest
) -> dict[str, Any]:
    advice = advise(
        member.interval(asked.target_reliability),
        is_mandatory=said.is_mandatory,
        legal_months=said.legal_months,
        current_months=said.current_months,
    )
    sentences = [
        interval_wording.advice_wording(advice, target_reliability=asked.target_reliability)
    ]
    if drift.statement is not None:
        sentences.append(interval_wording.statement_wording(drift.statement))
    sentences.extend(interval_wording.warnings_of(member, drift.statement))
    return {
        "name": said.name,
        "needless_adjustments": list(member.needless_adjustments),
        "curve": _curve(member, asked.costs),
        "sentences": [Said(zh=one.zh, en=one.en) for one in sentences],
        **_of_advice(advice),
    }


def _of_advice(advice: IntervalAdvice) -> dict[str, Any]:
    return {
        "months": advice.months,
        "ground": advice.ground,
        "proposal": ProposalTold.model_validate(advice.proposal),
        "legal_months": advice.legal_months,
        "current_months": advice.current_months,
        "is_mandatory": advice.is_mandatory,
    }


def _statement(statement: GrowthStatement | None) -> StatementTold | None:
    return None if statement is None else StatementTold.model_validate(statement)


def _curve(member: MemberDrift | None, costs: CostsRequest | None) -> list[PointTold]:
    """Return P(in tolerance) over ten years; empty where the history does not tell."""
    if member is None or member.unanswered is not None:
        return []
    found = member.probability([month / 12 for month in MONTHS_TOLD])
    per_year: list[float | None] = [None] * len(MONTHS_TOLD)
    if costs is not None:
        priced = member.costs(
            MONTHS_TOLD[1:],
            calibration=costs.calibration,
            out_of_tolerance=costs.out_of_tolerance,
        )
        per_year[1:] = [float(one) for one in priced]
    return [
        PointTold(months=month, probability=p, low=low, high=high, cost_per_year=cost)
        for month, p, low, high, cost in zip(
            MONTHS_TOLD,
            found.mean.tolist(),
            found.low.tolist(),
            found.high.tolist(),
            per_year,
            strict=True,
        )
    ]
