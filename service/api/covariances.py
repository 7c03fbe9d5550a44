"""Covariances of results, and what correlates them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from sqlmodel import SQLModel

from service import networks
from service.api.calibrations import Strict
from service.api.dependents import CalibrationNamed, named
from service.api.given import Moment
from service.auth import Reading
from service.clock import Now
from service.errors import InvalidField
from service.networks import CorrelatedPair, SharedAncestor
from service.tables.calibrations import CalibrationResult

router = APIRouter(prefix="/covariances", tags=["covariances"])

MOST_RESULTS = 100


class CovariancesIn(Strict):
    """The results asked about, each once."""

    result_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_RESULTS)]


class ResultAnswer(SQLModel):
    """A result of the matrix; u is null where its influences are not known."""

    id: UUID
    calibration_id: UUID
    nominal: str
    unit: str
    standard_uncertainty: float | None


class InfluenceNamed(SQLModel):
    """An influence that the own book may name."""

    name_zh: str
    name_en: str


class SharedAncestorAnswer(SQLModel):
    """The nearest calibrations behind both results that brought a part of their covariance.

    More than one only where the book cannot tell which of them brought it. Influences that it
    may not name are counted in `unnamed`.
    """

    calibrations: list[CalibrationNamed]
    influences: list[InfluenceNamed]
    unnamed: int
    covariance: float
    share: float


class PairAnswer(SQLModel):
    """Two results that are correlated, and why."""

    result_ids: tuple[UUID, UUID]
    covariance: float
    correlation: float
    shared: list[SharedAncestorAnswer]


class CovariancesAnswer(SQLModel):
    """The covariance matrix, rows and columns in the order of `results`; unknown is null.

    A covariance is in the product of the two results' units.
    """

    results: list[ResultAnswer]
    covariance: list[list[float | None]]
    correlation: list[list[float | None]]
    pairs: list[PairAnswer]


@router.post("")
def calculate_covariances(
    session: Reading,
    said: CovariancesIn,
    now: Now,
    known_at: Annotated[Moment | None, Query(description="as known at this moment")] = None,
) -> CovariancesAnswer:
    """Return the covariances of results of the own book, and what each two of them share.

    Results with a common ancestor are correlated by construction. Nothing is written.
    """
    _require_each_once(said.result_ids)
    found = networks.covariances(session, said.result_ids, known_at=known_at or now)
    return CovariancesAnswer(
        results=[
            _result(row, found.matrix[place][place]) for place, row in enumerate(found.results)
        ],
        covariance=[list(row) for row in found.matrix],
        correlation=[list(row) for row in found.correlation],
        pairs=[_pair(pair, said.result_ids) for pair in found.pairs],
    )


def _require_each_once(result_ids: list[UUID]) -> None:
    for place, id_ in enumerate(result_ids):
        if id_ in result_ids[:place]:
            raise InvalidField(f"/result_ids/{place}", "named twice")


def _result(row: CalibrationResult, variance: float | None) -> ResultAnswer:
    return ResultAnswer(
        id=row.id,
        calibration_id=row.calibration_id,
        nominal=str(row.nominal),
        unit=row.unit,
        standard_uncertainty=None if variance is None else variance**0.5,
    )


def _pair(pair: CorrelatedPair, result_ids: list[UUID]) -> PairAnswer:
    return PairAnswer(
        result_ids=(result_ids[pair.first], result_ids[pair.second]),
        covariance=pair.covariance,
        correlation=pair.correlation,
        shared=[_shared(ancestor) for ancestor in pair.ancestors],
    )


def _shared(ancestor: SharedAncestor) -> SharedAncestorAnswer:
    return SharedAncestorAnswer(
        calibrations=[named(link) for link in ancestor.links],
        influences=[InfluenceNamed(name_zh=zh, name_en=en) for zh, en in ancestor.names],
        unnamed=ancestor.unnamed,
        covariance=ancestor.covariance,
        share=ancestor.share,
    )
